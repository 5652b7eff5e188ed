"""Lines that no complaint stands for: without each the ladder breaks at this rung, with these words and this advice.

The faults that people complain of are in the atlas (test_atlas.py).
"""

import pytest

from tests.harness import deployment, engine
from tests.harness.climb import IMPATIENT, climb, tell
from tests.harness.manifest import PROXIES, PUBLISHED, VERSIONS

NEWEST, OLDER = VERSIONS["jupyterhub"][0], VERSIONS["jupyterhub"][-1]

# (proxy, JupyterHub, in the line, what comes instead of it ("" for the whole line), rung, words seen, words of the advice)
LINES = [
    (
        "nginx",
        OLDER,
        "Cross-Origin-Opener-Policy",
        "",
        "blocks_shown",
        "Cross-Origin-Opener-Policy: none",
        "add_header Cross-Origin-Opener-Policy",
    ),
    ("nginx", OLDER, "proxy_set_header Upgrade ", "", "kernel_channel", 'Can "Upgrade" only to "WebSocket"', "proxy_set_header Upgrade"),
    ("nginx", OLDER, "server 127.0.0.1:8000", "server 127.0.0.1:8009", "hub_answers", "503", "does not reach JupyterHub"),
    ("apache", NEWEST, "Cross-Origin-Opener-Policy", "", "blocks_shown", "Cross-Origin-Opener-Policy: none", "Header always set"),
    ("apache", NEWEST, ":8000/jupyter/", ":8009/jupyter/", "hub_answers", "503", "does not reach JupyterHub"),
]


@pytest.mark.parametrize(("proxy", "version", "line", "instead", "rung", "words", "advice"), LINES)
def test_without_the_line_the_ladder_breaks(hubs, proxy, version, line, instead, rung, words, advice):
    files = PUBLISHED.replace(f"{proxy}/jupyterhub.conf", line, instead)
    # bob's server runs all the time.
    options = ["--keep-server", "--megabytes", "1"]
    last = climb(hubs(version), proxy, PROXIES[proxy].servers[1], *options, files=files, extra=IMPATIENT[proxy], user="bob")[-1]
    assert (last["rung"], last["ok"]) == (rung, False), tell(last) if not last["ok"] else "the ladder holds without it"
    assert words in last["said"], tell(last)
    assert advice in last["cause"], tell(last)


def test_without_the_sandbox_the_ladder_breaks():
    name = "jupyter/jupyter_server_config.py"
    with deployment.hub(NEWEST, PUBLISHED.replace(name, "; sandbox allow-scripts", ";")) as hub:
        last = climb(hub, "nginx", PROXIES["nginx"].servers[0], "--megabytes", "1")[-1]
    assert (last["rung"], last["ok"]) == ("blocks_shown", False), tell(last)
    assert "not sandboxed" in last["said"], tell(last)
    assert "sandbox allow-scripts" in last["cause"], tell(last)


ASK = "import requests, sys; print(requests.get(sys.argv[1], verify=sys.argv[2]).status_code)"


def connections(machine, state):
    """The (local, remote) ports of connections to and from the hub's port 8000 in one of the kernel's states."""
    ports = (
        [end.split(":")[1] for end in line.split()[1:3]] for line in machine.read("/proc/net/tcp").splitlines() if line.split()[3] == state
    )
    return [(local, remote) for local, remote in ports if "1F40" in (local, remote)]


@pytest.mark.parametrize("version", [NEWEST])
@pytest.mark.parametrize(("line", "first"), [("", "nginx"), ("keepalive_timeout", "hub")])
def test_nginx_lets_go_of_an_idle_connection_before_the_hub_does(hubs, version, line, first):
    """Otherwise a request now and then meets a connection that is being closed, and ends in a 503."""
    files = PUBLISHED.replace("nginx/jupyterhub.conf", line) if line else PUBLISHED
    hub = hubs(version)
    with deployment.in_front(hub, PROXIES["nginx"].servers[1], "nginx", files) as machine:
        asked = hub.machine.exec(deployment.PYTHON, "-c", ASK, f"{deployment.URL}hub/api", f"{deployment.CHECK}/ca.pem")
        assert asked.stdout.strip() == "200"
        (port,) = {local for local, remote in connections(machine, "01") if remote == "1F40"}
        # Whoever closes first keeps its end for a while.
        kept = engine.wait(lambda: next(pair for pair in connections(machine, "06") if port in pair), timeout=20, every=0.2)
        assert first == ("nginx" if kept[0] == port else "hub")


@pytest.mark.parametrize(("limit", "seen"), [("ttl=4", [204]), ("", [204, 502])])
def test_apache_asks_by_no_connection_that_the_hub_is_about_to_close(idle, limit, seen):
    """Otherwise a request now and then meets a connection that is being closed, and ends in a 502."""
    files = PUBLISHED.replace("apache/jupyterhub.conf", "timeout=3600 ttl=4", f"timeout=3600 {limit}")
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    with deployment.in_front(hub, PROXIES["apache"].servers[1], "apache", files):
        assert hub.inside("idle", deployment.URL) == seen
