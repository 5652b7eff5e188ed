"""A program behind jupyter-server-proxy, as RStudio or VS Code: what it is told of its users' scheme, and the cure."""

import json
import re

import pytest

from tests.harness.machines import deployment, engine
from tests.harness.manifest import NEWEST, PROXIES, PUBLISHED, ROOT, VALUES

PACKAGE = "jupyter-server-proxy==4.4.0"
CONFIG, PROGRAM = "jupyter/jupyter_server_config.py", "/opt/told.py"
PAGE = (ROOT / "deploy/proxy-parts.md").read_text("utf-8")
# Says what it is told of the scheme, and leads to a whole address made from that, as programs do that believe it.
TOLD = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        told = self.headers.get("X-Forwarded-Proto", "")
        self.send_response(302)
        self.send_header("Location", f"{told}://{self.headers['Host']}/home")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
CURE = re.search(r'`("request_headers_override": \{[^`]*\})`', PAGE)[1]
RUNS = f'"command": ["{deployment.PYTHON}", "{PROGRAM}", "{{port}}"]'
SERVERS = f'c.ServerProxy.servers = {{"told": {{{RUNS}}}, "cured": {{{RUNS}, {CURE}}}}}'
ASK = """
import json, sys, requests
url, token, *names = sys.argv[1:]
def ask(name):
    headers = {"Authorization": f"token {token}"}
    address = f"{url}user/bob/{name}/"
    return requests.get(address, headers=headers, verify="/root/check/ca.pem", allow_redirects=False).headers["Location"]
print(json.dumps({name: ask(name) for name in names}))
"""


@pytest.fixture(scope="module")
def led():
    """By reverse proxy, where a program sends people, as it is and with the cure."""
    files = PUBLISHED.replace(CONFIG, "c = get_config()", f"c = get_config()\n{SERVERS}")
    seen = {}
    with engine.network() as network, deployment.hub(NEWEST, files, network) as hub:
        hub.machine.sh(f"{VALUES['environment']}/bin/pip install --quiet --no-cache-dir {PACKAGE}", {PROGRAM: TOLD}, timeout=300)
        for proxy in PROXIES:
            with deployment.in_front(hub, PROXIES[proxy].servers[-1], proxy, files):
                assert hub.check("--keep-server", "--until", "server_spawns", user="bob")[-1]["ok"]
                token = hub.on_server("token", deployment.BEHIND, "bob")
                seen[proxy] = json.loads(hub.machine.exec(deployment.PYTHON, "-c", ASK, deployment.URL, token, "told", "cured").stdout)
    return seen


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_program_that_believes_the_list_of_schemes_leads_people_nowhere(led, proxy):
    assert led[proxy]["told"] == f"https,http://{VALUES['host']}/home"
    assert "`https,http`" in PAGE


@pytest.mark.parametrize("proxy", PROXIES)
def test_with_the_line_of_the_page_it_has_the_scheme_of_its_users(led, proxy):
    assert led[proxy]["cured"] == f"https://{VALUES['host']}/home"
