"""The faults of deploy/faults.md: each is caused while a user works, and then the user's variables, files and connections are checked."""

import contextlib
import re

import pytest

from tests.harness.machines import deployment, engine, faults
from tests.harness.machines.deployment import BEHIND
from tests.harness.machines.faults import PROXY_PID, SERVICE, UNIT
from tests.harness.manifest import CONFIG, EVERY_PROXY, PROXIES, PUBLISHED, ROOT, VERSIONS
from tests.harness.measuring import evidence
from tests.harness.pairs import further_weekly

# They share a hub; the others have one of their own.
shared = pytest.mark.xdist_group("faults")

NEWEST, OLDER = VERSIONS["jupyterhub"]
SUITE = VERSIONS["debian"][-1]
ALL = {"variable": True, "websocket": True, "login": True, "file": True}
CUT = ALL | {"websocket": False}


@pytest.fixture(scope="module")
def hub():
    with faults.booted(NEWEST) as hub:
        yield hub


@pytest.fixture(scope="module")
def gateway(hub):
    with faults.gateway(hub, SUITE) as machine:
        yield machine


@pytest.fixture(scope="module", params=further_weekly(EVERY_PROXY))
def proxy(request):
    """Each reverse proxy in turn."""
    return request.param


@pytest.fixture(scope="module")
def served(request, hub, proxy):
    """The machine on which a reverse proxy works with the published files; a further one has a machine of its own."""
    with contextlib.ExitStack() as stack:
        if proxy in PROXIES:
            machine = request.getfixturevalue("gateway")
        else:
            # Two machines with one address: what runs on the other has the ports.
            request.getfixturevalue("gateway").sh(f"systemctl stop {' '.join(SERVICE[name] for name in PROXIES)}")
            machine = stack.enter_context(faults.gateway(hub, EVERY_PROXY[proxy].servers[-1], proxy))
        faults.serve(machine, proxy)
        yield machine


@pytest.fixture(scope="module")
def behind(hub, gateway):
    """A hub whose own faults are looked at, behind the first of the reverse proxies."""
    faults.serve(gateway, next(iter(PROXIES)))
    return hub


# The reverse proxy


@shared
@pytest.mark.parametrize(("verb", "lived"), [("reload", ALL), ("restart", CUT)])
def test_a_reload_of_the_reverse_proxy_cuts_nothing_and_a_restart_the_socket_alone(hub, served, proxy, prove, verb, lived):
    with faults.watching(hub) as told:
        served.sh(f"systemctl {verb} {SERVICE[proxy]}")
    assert told["lived"] == (CUT if verb in EVERY_PROXY[proxy].cannot else lived), told
    prove(evidence.survived(hub, proxy, served, f"`systemctl {verb} {SERVICE[proxy]}`", told))


@shared
def test_rotated_logs_cut_nothing_and_the_new_log_is_written(hub, served, proxy, prove):
    with faults.watching(hub) as told:
        log = faults.rotate(served, proxy)
        served.until(f"{deployment.reading(log)} | grep -q .", timeout=10)
    assert told["lived"] == ALL, told
    prove(evidence.survived(hub, proxy, served, "the logs are rotated", told), evidence.rotated(proxy, served))


@shared
def test_a_new_certificate_is_served_from_the_reload_on_and_cuts_nothing(hub, served, proxy, prove):
    before = faults.serial(served)
    with faults.watching(hub) as told:
        new = faults.replace_certificate(served)
        assert faults.serial(served) == before != new, "without a reload the old certificate is served"
        served.sh(f"systemctl reload {SERVICE[proxy]}")
        engine.wait(lambda: [faults.serial(served)].remove(new), timeout=10)
    assert told["lived"] == ALL, told
    prove(evidence.survived(hub, proxy, served, "a new certificate, and a reload", told))


# The hub


@shared
@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (faults.restart, "`systemctl restart jupyterhub`"),
        (faults.crash, "the hub is killed"),
        (faults.end_the_hubs_proxy, "the hub's own proxy is killed"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_hub_that_comes_back_finds_the_users_servers(behind, prove, fault, name):
    with faults.watching(behind) as told:
        fault(behind)
    assert told["lived"] == CUT, told
    # JupyterLab takes it for the end of the kernel.
    assert "502" not in told["seen"]["server"], told
    prove(evidence.survived(behind, next(iter(PROXIES)), None, name, told))


@shared
def test_a_hub_that_is_started_by_hand_beside_the_service_costs_nothing(behind, prove):
    with faults.watching(behind) as told:
        faults.start_by_hand(behind)
    assert told["lived"] == ALL, told
    prove(evidence.survived(behind, next(iter(PROXIES)), None, "a second hub is started by hand", told))


CELL = """
import pathlib, time
x = 42
print("begun")
while not pathlib.Path("away").exists():
    time.sleep(0.1)
print("ended")
"""


@pytest.mark.loud("the hub goes away")
@pytest.mark.parametrize("line", ["", "error_page 502"], ids=["published", "without the line"])
@pytest.mark.parametrize("version", [NEWEST])
def test_jupyterlab_finds_its_kernel_again_with_what_it_did_meanwhile(desks, version, line):
    """Without the line of nginx's file it tells its user that the kernel has died."""
    desk = desks(version)
    files = PUBLISHED.replace("nginx/jupyterhub.conf", line) if line else PUBLISHED
    with desk.behind("nginx", files=files):
        notebook = desk.user().open("JupyterLab", desk.notebook("away/away.ipynb", CELL, "print(x)"))
        notebook.run()
        notebook.output().get_by_text("begun").wait_for()
        deployment.end(desk.hub)
        try:
            dialog = notebook.page.locator(".jp-Dialog")
            dialog.get_by_text("Kernel died unexpectedly" if line else "Server unavailable or unreachable").wait_for()
        finally:
            desk.put("away/away", "")
            deployment.start(desk.hub)
            desk.hub.machine.sh("rm /home/alice/away/away")
        if line:
            notebook.reload()
        else:
            dialog.get_by_role("button", name="Dismiss").click()
            notebook.output().get_by_text("ended").wait_for()
        notebook.run(1)
        notebook.output(1).get_by_text("42").wait_for()


@shared
def test_without_the_line_a_hub_that_ends_costs_the_variable(behind):
    faults.configure(behind, PUBLISHED.replace(CONFIG, "cleanup_servers", ""))
    with faults.watching(behind) as told:
        faults.configure(behind, PUBLISHED)
    assert not told["lived"]["variable"], told


def with_a_server(hub):
    """The hub, with alice's server running on it."""
    last = hub.check("--keep-server", "--until", "server_spawns")[-1]
    assert last["ok"], last
    return hub


@shared
def test_numbers_from_before_a_boot_are_nobodys(behind):
    """What has that of the hub's own proxy lives on, and the user gets a server anew; of servers nothing but a unit's name is kept."""
    assert faults.boot_with_old_numbers(with_a_server(behind), PUBLISHED) == ["another"]
    with_a_server(behind)


@shared
def test_who_comes_while_a_new_hub_still_looks_for_their_server_waits_for_it(behind):
    searching = PUBLISHED.replace(CONFIG, "c = get_config()", "c = get_config()\nc.JupyterHub.init_spawners_timeout = 0")
    with_a_server(behind).machine.sh("pkill -STOP -u alice; (sleep 8; pkill -CONT -u alice) >/dev/null 2>&1 &")
    try:
        faults.configure(behind, searching)
        with_a_server(behind)
    finally:
        faults.configure(behind, PUBLISHED)


# How long JupyterHub 6 waits for an answer is a default of aiohttp's, which is made shorter; an older JupyterHub waits for half a minute.
HURRIES = "import aiohttp\n\naiohttp.client.DEFAULT_TIMEOUT = aiohttp.ClientTimeout(total=40)\nc = get_config()"
WAITS = {
    NEWEST: (PUBLISHED.replace(CONFIG, "c = get_config()", HURRIES), "import aiohttp; print(aiohttp.client.DEFAULT_TIMEOUT.total / 60)", 5),
    OLDER: (PUBLISHED, "from jupyterhub.spawner import Spawner; print(Spawner().http_timeout / 60)", 0.5),
}


@pytest.mark.parametrize("version", WAITS)
def test_a_new_hub_ends_a_server_that_hangs_for_as_long_as_the_page_says(version):
    page = (ROOT / "deploy/faults.md").read_text("utf-8")
    hangs = "it gives no answer for five minutes. With JupyterHub 5, half a minute is enough | files. The hub's log says"
    (words,) = re.findall(re.escape(hangs) + " `([^…]+) …, shutting it down.`", page)
    files, limit, minutes = WAITS[version]
    with faults.booted(version, files) as hub:
        assert float(hub.machine.exec(deployment.PYTHON, "-c", limit).stdout) == minutes
        last = hub.check("--keep-server", "--until", "server_spawns", url=BEHIND)[-1]
        assert last["ok"], last
        unit = "systemctl show --property ActiveState,InvocationID --value jupyter-alice"
        before, hang = hub.machine.sh(unit).stdout, "systemctl kill --signal=STOP jupyter-alice"
        # For eight seconds, and then for ever.
        hub.machine.sh(f"{hang}; (sleep 8; systemctl kill --signal=CONT jupyter-alice) >/dev/null 2>&1 &")
        faults.restart(hub)
        faults.said(hub, "alice still running")
        assert hub.machine.sh(unit).stdout == before
        hub.machine.sh(hang)
        faults.restart(hub)
        faults.said(hub, words, timeout=90)
        assert "inactive" in hub.machine.sh(unit).stdout


@shared
def test_without_the_line_the_hub_ends_a_program_that_is_not_its_own(behind):
    strangers = PUBLISHED.replace(UNIT, PROXY_PID, "jupyterhub-proxy.pid")
    try:
        assert faults.boot_with_old_numbers(with_a_server(behind), strangers) == []
    finally:
        faults.configure(behind, PUBLISHED)


@shared
@pytest.mark.parametrize(
    ("disk", "user", "whose", "rung", "says", "logged"),
    [
        ("home", "bob", "bob", "kernel_channel", "No space left on device", ""),
        ("state", "alice", "mallory", "login_works", "", "(sqlite3.OperationalError) database or disk is full"),
    ],
)
def test_a_full_disk_costs_nothing_that_was_there_and_heals_once_there_is_room(behind, prove, disk, user, whose, rung, says, logged):
    climb = ("--keep-server", "--megabytes", "1")
    with faults.watching(behind, user) as told:
        with faults.full(behind, disk):
            last = behind.check(*climb, user=whose)[-1]
        healed = behind.check(*climb, user=whose)[-1]
    assert (last["rung"], last["ok"]) == (rung, False), last
    assert healed["ok"], healed
    assert told["lived"] == ALL, told
    assert bool(told["refused"]) == bool(says), told
    assert says in told["refused"], told
    assert logged in behind.machine.sh("journalctl --unit jupyterhub --no-pager --output cat").stdout
    prove(
        evidence.survived(
            behind, next(iter(PROXIES)), None, {"home": "the user's disk is full", "state": "the hub's disk is full"}[disk], told
        )
    )


# Another version


def table(page):
    return page.locator(".jp-CSVViewer-grid")


@pytest.mark.loud("scripts are gone")
@pytest.mark.parametrize("version", [NEWEST])
def test_a_page_from_before_an_upgrade_of_jupyterlab_works_on_and_needs_a_reload_for_what_it_has_not_loaded(desks, version):
    desk = desks(version)
    desk.put("before/table.csv", "a,b\n1,2\n")
    with desk.behind("nginx"):
        notebook = desk.user().open("JupyterLab", desk.notebook("before/before.ipynb", "x = 42", "print(x)", "print(x + 1)"))
        page = notebook.page
        notebook.run()
        with faults.other_scripts(desk.hub.machine):
            notebook.run(1)
            notebook.output(1).get_by_text("42").wait_for()
            notebook.save()
            with page.expect_event("pageerror", lambda error: "Loading chunk" in error.message):
                page.locator(".jp-DirListing-item", has_text="table.csv").dblclick()
            assert not table(page).is_visible()
            notebook.reload()
            table(page).wait_for()
            page.locator(".jp-DirListing-item", has_text="before.ipynb").dblclick()
            notebook.run(2)
            notebook.output(2).get_by_text("43").wait_for()


def test_an_upgrade_and_the_way_back_keep_the_variable(idle, prove):
    with faults.booted(OLDER) as hub:
        versions = faults.Versions(hub, idle(NEWEST))
        for step, name in ((faults.upgrade, f"from JupyterHub {OLDER} to {NEWEST}"), (faults.downgrade, f"and back to {OLDER}")):
            with faults.watching(hub, url=BEHIND) as told:
                step(hub, versions)
            last = hub.check("--keep-server", "--until", "kernel_computes", user="mallory", url=BEHIND)[-1]
            assert last["ok"], last
            assert told["lived"] == CUT, told
            prove(evidence.survived(hub, "", None, name, told))


# The list at the end of the page


def test_each_page_that_says_that_variables_are_lost_is_in_the_list():
    page = (ROOT / "deploy/faults.md").read_text("utf-8")
    listed = set(re.findall(r"\(([a-z-]+\.md)", page.partition("## What makes users lose variables")[2]))
    loses = re.compile(r"\blose (?:their )?variables|variables (?:in memory )?are lost")
    say = {path.name for path in (ROOT / "deploy").glob("*.md") if loses.search(path.read_text("utf-8"))} - {"faults.md"}
    assert say >= {"class.md", "run-as-a-service.md"}
    assert say <= listed
