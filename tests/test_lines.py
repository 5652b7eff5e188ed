"""Lines that no complaint stands for: without each the ladder breaks at this rung, with these words and this advice.

The faults that people complain of are in the atlas (test_atlas.py).
"""

import pytest

from tests.harness import deployment
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
    ("nginx", OLDER, "server 127.0.0.1:8000", "server 127.0.0.1:8009", "hub_answers", "502", "does not reach JupyterHub"),
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
