"""Lines of published files without an entry in troubleshooting/: without each, the check fails at this step, with these words and advice.

The faults that people complain of are in the atlas (test_atlas.py).
"""

import pytest

from tests.harness.machines import deployment
from tests.harness.manifest import EVERY_PROXY, NEWEST, PROXIES, PUBLISHED, VALUES, VERSIONS
from tests.harness.measuring import syntax
from tests.harness.measuring.bench import KEPT
from tests.harness.measuring.ladder import climb, tell
from tests.harness.pairs import further_weekly

NO_ANSWER = 0
OLDER = VERSIONS["jupyterhub"][-1]

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
    ("nginx", OLDER, "http://127.0.0.1:800", "http://127.0.0.1:8009", "hub_answers", "503", "listens on another port"),
    ("apache", NEWEST, "Cross-Origin-Opener-Policy", "", "blocks_shown", "Cross-Origin-Opener-Policy: none", "Header always set"),
    ("apache", NEWEST, ":800/jupyter/", ":8009/jupyter/", "hub_answers", "503", "listens on another port"),
]


@pytest.mark.parametrize(("proxy", "version", "line", "instead", "rung", "words", "advice"), LINES)
def test_without_the_line_the_ladder_breaks(hubs, proxy, version, line, instead, rung, words, advice):
    files = PUBLISHED.replace(f"{proxy}/jupyterhub.conf", line, instead)
    # bob's server runs all the time.
    options = ["--keep-server", "--megabytes", "1"]
    last = climb(hubs(version), proxy, PROXIES[proxy].servers[1], *options, files=files, extra=EVERY_PROXY[proxy].impatient, user="bob")[-1]
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


@pytest.mark.parametrize(("proxy", "kind"), further_weekly((proxy.name, kind) for proxy in EVERY_PROXY.values() for kind in proxy.servers))
def test_a_refused_websocket_holds_up_nobody_else(idle, proxy, kind):
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    with deployment.in_front(hub, kind, proxy):
        assert hub.on_server("early", deployment.URL) == {"WebSockets": [404], "pages": [404]}


@pytest.mark.parametrize(
    "proxy", further_weekly(proxy for proxy, row in EVERY_PROXY.items() if proxy in KEPT or "connections" in row.changes)
)
def test_where_connections_to_the_hub_are_kept_a_refused_websocket_holds_up_others(idle, proxy):
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    with deployment.in_front(hub, EVERY_PROXY[proxy].servers[1], proxy, KEPT.get(proxy) or EVERY_PROXY[proxy].changed("connections")):
        # Behind HAProxy alone, nobody was held up.
        assert (NO_ANSWER in hub.on_server("early", deployment.URL)["WebSockets"]) == (proxy != "haproxy")


# As long as a name may be: labels of 63 letters, and 253 in all.
LONGEST = ".".join(["a" * 63] * 3 + ["a" * 61])


def test_nginx_takes_the_longest_name_that_a_host_may_have():
    files = PUBLISHED.replace("nginx/jupyterhub.conf", VALUES["host"], LONGEST)
    with syntax.machine(PROXIES["nginx"].servers[0]) as machine:
        syntax.proxy(machine, "nginx", files)


@pytest.mark.parametrize("proxy", further_weekly(EVERY_PROXY))
def test_while_no_hub_answers_pages_are_told_to_come_back(idle, proxy):
    """By 503: a kernel that is well would be given up at 502."""
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    with deployment.in_front(hub, EVERY_PROXY[proxy].servers[-1], proxy):
        seen = hub.on_server("redirected", deployment.URL, "hub/", "user/alice/api/kernels")
    assert {path: status for path, (status, _) in seen.items()} == dict.fromkeys(seen, 503)


SOCKET, PAGE = "user/alice/api/kernels/1/channels?of=a-socket", "user/alice/files/channels.html?of=a-page"


def test_nginx_keeps_the_errors_of_every_page_and_of_no_websocket(idle):
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    with deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx") as machine:
        hub.on_server("redirected", deployment.URL, SOCKET, PAGE)
        log = machine.read("/var/log/nginx/error.log")
    assert [path for path in (SOCKET, PAGE) if path in log] == [PAGE]
