"""Idle servers and kernels are ended, busy ones are not: the service that ends servers, and the setting that ends kernels."""

import re

import pytest

from tests.harness.machines import deployment, faults
from tests.harness.machines.deployment import BEHIND
from tests.harness.machines.people import OUT
from tests.harness.manifest import CONFIG, NEWEST, PUBLISHED, ROOT, VALUES, Files

SERVER = "jupyter/jupyter_server_config.py"
PAGE = (ROOT / "deploy/class.md").read_text("utf-8")
# The commands of the page, in its order: what runs, who was ended, whether the service runs, how long starts took.
RUNS, ENDED, SERVICE, TOOK = re.findall(r"^# (\S.*)$", "\n".join(re.findall(r"^```console\n(.*?)^```", PAGE, re.M | re.S)), re.M)
pytestmark = pytest.mark.xdist_group("idle")
HOURS = 3600
# In place of hours and minutes, seconds.
TIMEOUT, FIRST, KERNEL = 10, 4, 10
# What is reported every five minutes is reported every second.
OFTEN = """
c.JupyterHub.last_activity_interval = 1
c.Spawner.environment = {"JUPYTERHUB_ACTIVITY_INTERVAL": "1"}
c.JupyterHub.allow_named_servers = True
"""
# The published service, with other words in its command.
SERVICE_OF_ITS_OWN = """
for service in c.JupyterHub.get("services", []):
    service["command"] = [part.replace("sleep 600", {first!r}).replace({times!r}, {other!r}) for part in service.get("command", [])]
"""
KERNELS = f"""
c.MappingKernelManager.cull_interval = 1
c.MappingKernelManager.cull_idle_timeout = min(c.MappingKernelManager.get("cull_idle_timeout", 0), {KERNEL})
"""
TIMES = "--timeout=21600 --cull-every=600"
# Until then the service waits, so that everybody is there when it begins.
ARRIVED = "/run/class-arrived"


def at_once(first="true", times=TIMES):
    """The published files, but for what the service waits for before it begins, and its times."""
    return Files({CONFIG: PUBLISHED.read(CONFIG) + SERVICE_OF_ITS_OWN.format(first=first, times=TIMES, other=times)})


def soon(first=f"until test -e {ARRIVED}; do sleep 0.2; done"):
    """The published files, with short times."""
    files = at_once(first, f"--timeout={TIMEOUT} --cull-every=1")
    return Files({CONFIG: files.read(CONFIG) + OFTEN, SERVER: PUBLISHED.read(SERVER) + KERNELS})


@pytest.fixture(scope="module")
def hub():
    with deployment.hub(NEWEST, soon()) as hub:
        hub.machine.sh("usermod --append --groups jupyterhub carol")
        yield hub


def put_anew(hub, files):
    """Stop the hub, and start it from these files; the log begins anew."""
    deployment.end(hub)
    hub.machine.sh("true", {f"/etc/{name}": files.read(name) for name in (CONFIG, SERVER)})
    deployment.start(hub, files)


def act(hub, name, *arguments):
    return deployment.on_server(hub.machine, "class_actions", name, BEHIND, *map(str, arguments))


def ended(hub, *names):
    """Wait until a user's servers have ended; what the hub says of it."""
    for name in names:
        hub.machine.until(f"! systemctl is-active --quiet jupyter-{name}", timeout=5 * TIMEOUT)
    return hub.log()


def cullers(hub):
    """What runs of the service, by process number: its command."""
    lines = hub.machine.sh("pgrep --list-full --full '^[^ ]*python[^ ]* -m jupyterhub_idle_culler'", check=False).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)


def one_culler(hub):
    hub.machine.sh(f"touch {ARRIVED}")
    hub.machine.until("pgrep -f '^[^ ]*python[^ ]* -m jupyterhub_idle_culler'", timeout=30)
    (number,) = cullers(hub)
    return number


def test_idle_servers_end_and_those_with_a_computation_or_an_open_notebook_do_not(hub):
    told = act(hub, "idle", ARRIVED, 2.5 * TIMEOUT)
    # What a terminal prints is nothing to the hub.
    assert told["left"] == ["bob", "mallory"], hub.log()
    assert (told["computed"], told["open"]) == ("43", "42")
    ended(hub, "bob", "mallory")
    said = hub.machine.sh(ENDED).stdout
    for name in ("alice", "alice/exam", "bob", "carol", "mallory"):
        assert re.search(rf"Culling server {name} \(inactive for 00:00:\d\d\)", said)
    assert re.search(r"User alice took \d+\.\d+ seconds to start", hub.machine.sh(TOOK).stdout)


def test_an_idle_kernel_of_a_server_in_use_ends_and_who_comes_back_gets_another(hub):
    first, last = act(hub, "lost", "mallory", 4 * KERNEL)
    assert (len(first), last) == (1, [])
    last = hub.check("--keep-server", "--until", "kernel_computes", "--megabytes", "0", user="mallory", url=BEHIND)[-1]
    assert last["ok"], last


@pytest.mark.parametrize("fault", [faults.restart, faults.crash], ids=lambda fault: fault.__name__)
def test_a_hub_that_comes_back_has_one_culler_which_ends_what_is_idle(hub, fault):
    before = one_culler(hub)
    act(hub, "served_only", "alice")
    fault(hub)
    after = one_culler(hub)
    assert after != before
    ended(hub, "alice")
    assert one_culler(hub) == after


def test_a_hub_that_was_away_for_longer_asks_servers_before_it_ends_them(hub):
    act(hub, "busy", "bob")
    deployment.end(hub)
    files = soon(f"sleep {FIRST}")
    hub.machine.sh(f"sleep {1.5 * TIMEOUT}", {f"/etc/{CONFIG}": files.read(CONFIG)})
    deployment.start(hub, files)
    one_culler(hub)
    assert act(hub, "computed", "bob") == "43"
    ended(hub, "bob")


def test_the_published_times_are_six_hours_and_ten_minutes(hub):
    """A server says for how long its kernels may be idle, the service's own words say the rest."""
    with_times = at_once()
    deployment.end(hub)
    hub.machine.sh(
        "systemctl stop jupyter-alice || true; rm -rf /home/alice/.jupyter",
        {f"/etc/{name}": with_times.read(name) for name in (CONFIG, SERVER)},
    )
    deployment.start(hub, with_times)
    one_culler(hub)
    ends = f"jupyterhub_idle_culler --timeout={6 * HOURS} --cull-every=600 --ssl-enabled=False"
    assert any(line.endswith(ends) for line in hub.machine.sh(SERVICE).stdout.splitlines())
    last = hub.check("--keep-server", "--until", "kernel_channel", url=BEHIND)[-1]
    assert last["ok"], last
    culls = f"Culling kernels with idle durations > {6 * HOURS} seconds at 300 second intervals"
    assert culls in hub.log(), f"no server says: {culls}"
    assert re.search(r"Memory: [\d.]+M.*jupyter-alice\.service", hub.machine.sh(RUNS).stdout, re.S)


def test_the_service_waits_ten_minutes_at_first_and_may_do_nothing_but_what_it_is_for(hub):
    put_anew(hub, PUBLISHED)
    assert "sleep 600 & wait; exec /opt/jupyterhub/bin/python3 -m" in hub.machine.sh(SERVICE).stdout
    found = "tr '\\0' '\\n' </proc/$(pgrep -xo sleep)/environ | sed -n 's/^JUPYTERHUB_API_TOKEN=//p'"
    token = hub.machine.sh(found).stdout.strip()
    scopes = deployment.on_server(hub.machine, "class_actions", "scopes", BEHIND, token)
    assert set(scopes) == {"list:users", "read:users:name", "read:users:activity", "read:servers", "delete:servers"}


def test_a_wait_that_ends_before_its_shell_says_nothing_that_looks_like_a_fault(hub):
    """systemd ends all processes of a hub at once, and where much is to be done the shell may be told last."""
    put_anew(hub, PUBLISHED)
    hub.machine.sh(
        "shell=$(ps -o ppid= $(pgrep -xo sleep)); kill -STOP $shell; pkill -xo sleep; kill -TERM $shell; kill -CONT $shell; "
        "until ps -o stat= $shell | grep Z; do sleep 0.1; done; journalctl --sync"
    )
    assert "such process" not in faults.log(hub)


NO_ROLE = "Not authorizing access to /jupyter/hub/api/users. Requires any of [list:users] on *, not derived from scopes []"
NO_TOKEN = "KeyError: 'JUPYTERHUB_API_TOKEN'"


def test_a_culler_without_its_role_or_its_token_says_so_in_a_line_of_the_page(hub):
    assert NO_ROLE in PAGE
    assert NO_TOKEN in PAGE
    files = soon("true").replace(CONFIG, "c.JupyterHub.load_roles")
    put_anew(hub, files)
    faults.said(hub, NO_ROLE)
    by_hand = hub.machine.exec(deployment.PYTHON, "-m", "jupyterhub_idle_culler", "--timeout=60", check=False)
    assert by_hand.returncode
    assert by_hand.stderr.strip().splitlines()[-1] == NO_TOKEN


# Lines of an administrator's own.
SERVICES, ROLES = 'c.JupyterHub.services = [{"name": "mine"}]', "c.JupyterHub.load_roles = []"
NO_SERVICE = "ValueError: Found undefined service idle-culler in role idle-culler"
NO_LEAVE = "the hub knows no service leave"


def leaves(hub, user):
    """What leave.sh says; the user may come back afterwards."""
    script = {"/root/people/leave.sh": PUBLISHED.read("people/leave.sh")}
    done = hub.machine.sh(f"sh /root/people/leave.sh {user} 2>&1", script, check=False)
    hub.machine.sh(f"usermod --unlock --expiredate '' {user}")
    return done.stdout


@pytest.mark.parametrize("change", ["set again", "deleted"])
def test_a_hub_whose_services_are_others_than_its_roles_name_does_not_start_and_says_so_in_a_line_of_two_pages(hub, change):
    own = Files({CONFIG: f"{PUBLISHED.read(CONFIG)}\n{SERVICES}\n"})
    with pytest.raises(RuntimeError) as seen:
        put_anew(hub, own if change == "set again" else PUBLISHED.replace(CONFIG, "c.JupyterHub.services = "))
    assert NO_SERVICE in str(seen.value)
    assert all(NO_SERVICE in (ROOT / f"deploy/{page}.md").read_text("utf-8") for page in ("class", "run-as-a-service"))


def test_where_services_and_roles_are_set_again_nothing_ends_servers_and_nobody_is_locked_out(hub):
    put_anew(hub, Files({CONFIG: f"{PUBLISHED.read(CONFIG)}\n{SERVICES}\n{ROLES}\n"}))
    assert hub.machine.exec(*SERVICE.split(), check=False).stdout == ""
    act(hub, "served_only", "alice")
    assert NO_LEAVE in leaves(hub, "alice")


def test_with_the_words_of_the_page_nothing_ends_and_root_still_locks_somebody_out(hub):
    """The service reads the number and looks each second; a kernel that does nothing would otherwise have ended."""
    times, kernels = re.search(r"To let nothing end, write `(--timeout=\S+)`.* and `(cull_idle_timeout = \S+)`", PAGE).groups()
    assert int(times.partition("=")[2]) > 30 * 366 * 24 * HOURS
    config = f"{at_once(times=f'{times} --cull-every=1').read(CONFIG)}{OFTEN}c.JupyterHub.log_level = 'DEBUG'\n"
    server = PUBLISHED.read(SERVER) + KERNELS
    written = Files({CONFIG: config.replace("--timeout=21600", times), SERVER: server.replace("cull_idle_timeout = 21600", kernels)})
    assert (written.read(CONFIG), written.read(SERVER)) != (config, server)
    put_anew(hub, written)
    first, last = act(hub, "lost", "alice", 2 * KERNEL)
    assert first == last != []
    looks = f"{deployment.SAID} | grep --count 'GET {VALUES['base_url']}hub/api/users?.*idle-culler'"
    before = int(hub.machine.sh(looks).stdout)
    hub.machine.until(f"test $({looks}) -gt {before + 4 * TIMEOUT}", timeout=90)
    assert hub.machine.sh("systemctl is-active jupyter-alice").stdout == "active\n"
    assert "Culling" not in hub.log()
    assert OUT.format("alice") in leaves(hub, "alice")
