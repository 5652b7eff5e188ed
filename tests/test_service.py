"""JupyterHub as a service of a booted machine, by the published unit and script."""

import pytest

from tests.harness import deployment, engine, evidence, images
from tests.harness.manifest import VALUES, VERSIONS


@pytest.fixture(scope="module")
def hub():
    version = VERSIONS["jupyterhub"][0]
    with engine.run(images.hub(version).tag, options=deployment.NAMED, boot=True) as machine:
        engine.wait(lambda: machine.sh("systemctl is-system-running --wait"), timeout=60)
        hub = deployment.prepare(machine, version)
        machine.sh("sh /root/systemd/enable.sh")
        yield hub


def answers(hub):
    """Wait until the hub, and nothing else, answers behind the proxy's place."""
    port = VALUES["hub"].rpartition(":")[2]
    engine.wait(lambda: hub.machine.sh(f"bash -c '</dev/tcp/127.0.0.1/{port}'"), timeout=40, every=0.2)

    def climbed():
        first = hub.check("--megabytes", "1", user="", url=deployment.BEHIND)[0]
        if not first["ok"]:
            raise RuntimeError(first["said"])

    engine.wait(climbed, timeout=20, every=0.5)


def test_the_unit_starts_a_hub_that_lets_users_work(hub, prove):
    answers(hub)
    rungs = hub.check("--keep-server", "--megabytes", "1", url=deployment.BEHIND)
    # Without a reverse proxy in front, only the header that the proxy adds is missing.
    assert [rung["rung"] for rung in rungs if not rung["ok"]] == ["blocks_shown"]
    assert "Cross-Origin-Opener-Policy: none" in rungs[-1]["said"]
    prove(evidence.booted(hub))


def test_after_a_kill_the_hub_comes_back_by_itself(hub):
    answers(hub)
    before = hub.machine.sh("systemctl show --property MainPID --value jupyterhub").stdout
    hub.machine.sh("systemctl kill --kill-who=main --signal=KILL jupyterhub")
    engine.wait(lambda: hub.machine.sh("systemctl is-active jupyterhub"), timeout=20)
    answers(hub)
    assert hub.machine.sh("systemctl show --property MainPID --value jupyterhub").stdout != before


def test_what_the_hub_keeps_is_readable_by_root_alone(hub):
    answers(hub)
    assert hub.machine.sh("stat --format '%a %U' /var/lib/jupyterhub").stdout.strip() == "700 root"


def left(hub):
    """The commands of the hub, of its proxy, of users' servers and of kernels that run."""
    # The brackets keep the search from finding itself.
    search = "grep -laE 'bin/[j]upyterhub|[c]onfigurable-http-proxy|[m]y_kernel' /proc/[0-9]*/cmdline || true"
    return [hub.machine.sh(f"tr '\\0' ' ' <{path}", check=False).stdout for path in hub.machine.sh(search).stdout.split()]


def test_a_stop_leaves_users_servers_and_a_kill_after_it_leaves_nothing(hub):
    answers(hub)
    rungs = hub.check("--keep-server", "--until", "server_spawns", url=deployment.BEHIND)
    assert rungs[-1]["ok"], rungs
    hub.machine.sh("systemctl stop jupyterhub.service")
    assert hub.machine.sh("systemctl show --property Result --value jupyterhub").stdout.strip() == "success"
    (server,) = left(hub)
    assert "jupyterhub-singleuser" in server
    hub.machine.sh("systemctl kill jupyterhub.service")

    def nothing():
        assert not left(hub)

    engine.wait(nothing, timeout=20)


def test_a_hub_without_a_service_manager_takes_its_proxy_with_it():
    port = VALUES["hub"].rpartition(":")[2]
    with deployment.hub(VERSIONS["jupyterhub"][0]) as hub:
        deployment.end(hub)
        listens = hub.machine.sh(f"bash -c '</dev/tcp/127.0.0.1/{port}'", check=False)
    assert "Connection refused" in listens.stderr
