"""The faults of deploy/faults.md: each is made while a user works, and what the user has is there afterwards."""

import pytest

from tests.harness import engine, evidence, faults
from tests.harness.deployment import BEHIND
from tests.harness.faults import CONFIG, SERVICE, UNIT
from tests.harness.manifest import PROXIES, PUBLISHED, VERSIONS

pytestmark = pytest.mark.xdist_group("faults")

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


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request, gateway):
    """Each reverse proxy in turn, with the published files."""
    faults.serve(gateway, request.param)
    return request.param


@pytest.fixture(scope="module")
def behind(hub, gateway):
    """A hub whose own faults are looked at, behind the first of the reverse proxies."""
    faults.serve(gateway, next(iter(PROXIES)))
    return hub


# The reverse proxy


def test_a_reload_of_the_reverse_proxy_cuts_nothing(hub, gateway, proxy, prove):
    with faults.watching(hub) as told:
        gateway.sh(f"systemctl reload {SERVICE[proxy]}")
    assert told["lived"] == ALL, told
    prove(evidence.survived(hub, proxy, gateway, f"`systemctl reload {SERVICE[proxy]}`", told))


def test_a_restart_of_the_reverse_proxy_cuts_the_socket_and_nothing_else(hub, gateway, proxy, prove):
    with faults.watching(hub) as told:
        gateway.sh(f"systemctl restart {SERVICE[proxy]}")
    assert told["lived"] == CUT, told
    prove(evidence.survived(hub, proxy, gateway, f"`systemctl restart {SERVICE[proxy]}`", told))


def test_rotated_logs_cut_nothing_and_the_new_log_is_written(hub, gateway, proxy, prove):
    with faults.watching(hub) as told:
        log = faults.rotate(gateway, proxy)
        engine.wait(lambda: gateway.sh(f"test -s {log}"), timeout=10)
    assert told["lived"] == ALL, told
    prove(evidence.survived(hub, proxy, gateway, "the logs are rotated", told))


def test_a_new_certificate_is_served_from_the_reload_on_and_cuts_nothing(hub, gateway, proxy, prove):
    before = faults.serial(gateway)
    with faults.watching(hub) as told:
        new = faults.replace_certificate(gateway)
        assert faults.serial(gateway) == before != new, "without a reload the old certificate is served"
        gateway.sh(f"systemctl reload {SERVICE[proxy]}")
        engine.wait(lambda: [faults.serial(gateway)].remove(new), timeout=10)
    assert told["lived"] == ALL, told
    prove(evidence.survived(hub, proxy, gateway, "a new certificate, and a reload", told))


# The hub


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
    prove(evidence.survived(behind, next(iter(PROXIES)), None, name, told))


@pytest.fixture
def otherwise(behind):
    """`otherwise(files)`: let the hub run from other files until the test ends."""
    changed = []

    def configure(files):
        changed.append(files)
        faults.configure(behind, files)

    yield configure
    if changed:
        faults.configure(behind, PUBLISHED)


@pytest.mark.parametrize(
    ("name", "line", "instead"), [(CONFIG, "cleanup_servers", ""), (UNIT, "KillMode=process", "KillMode=mixed")], ids=["config", "unit"]
)
def test_without_the_line_a_restart_of_the_hub_costs_the_variable(behind, otherwise, name, line, instead):
    otherwise(PUBLISHED.replace(name, line, instead))
    with faults.watching(behind) as told:
        faults.restart(behind)
    assert not told["lived"]["variable"], told


def with_a_server(hub):
    """The hub, with alice's server running on it."""
    last = hub.check("--keep-server", "--until", "server_spawns")[-1]
    assert last["ok"], last
    return hub


def test_numbers_from_before_a_boot_are_nobodys(behind):
    """What has them now lives on, and the user gets a server anew."""
    assert faults.boot_with_old_numbers(with_a_server(behind), "alice") == ["one", "two"]
    with_a_server(behind)


# Half a minute is how long the hub would wait.
HASTY = "c = get_config()\nc.Spawner.http_timeout = 2\n"


@pytest.mark.parametrize(("line", "left"), [("c.JupyterHub.spawner_class", ["two"]), ("pid_file", ["one"])])
def test_without_the_line_the_hub_ends_a_program_that_is_not_its_own(behind, otherwise, line, left):
    otherwise(PUBLISHED.replace(CONFIG, line, "").replace(CONFIG, "c = get_config()", HASTY))
    assert faults.boot_with_old_numbers(with_a_server(behind), "alice") == left


@pytest.mark.parametrize(
    ("disk", "user", "whose", "rung", "says"),
    [
        ("home", "bob", "bob", "kernel_channel", "No space left on device"),
        ("state", "alice", "mallory", "login_works", ""),
    ],
)
def test_a_full_disk_costs_nothing_that_was_there_and_heals_once_there_is_room(behind, prove, disk, user, whose, rung, says):
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
    prove(
        evidence.survived(
            behind, next(iter(PROXIES)), None, {"home": "the user's disk is full", "state": "the hub's disk is full"}[disk], told
        )
    )


# Another version


@pytest.mark.xdist_group("upgrade")
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
