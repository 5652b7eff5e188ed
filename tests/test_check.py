"""hubcheck, the published check: what it says when it is used wrongly, or pointed at what is no JupyterHub."""

import pytest

from tests.harness import engine
from tests.harness.deployment import PYTHON
from tests.harness.manifest import SNIPPETS, VERSIONS

HUBCHECK = (SNIPPETS / "check/hubcheck.py").read_text("utf-8")
# Answers each request with what its path is named after.
OTHER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = {"/html": b"<h1>Welcome</h1>", "/json": b'["not", "a hub"]', "/empty": b""}["/" + self.path.split("/")[1]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def machine(idle):
    machine = idle(VERSIONS["jupyterhub"][0])
    machine.put({"/root/hubcheck.py": HUBCHECK, "/root/other.py": OTHER, "/root/password.txt": "x"})
    machine.sh(f"{PYTHON} /root/other.py >/dev/null 2>&1 &")
    engine.wait(lambda: machine.sh("bash -c '</dev/tcp/127.0.0.1/9000'"))
    return machine


def check(machine, *arguments):
    return machine.exec(PYTHON, "/root/hubcheck.py", *arguments, check=False)


WRONG_USE = [
    (["hub.example.com"], "not an address: 'hub.example.com'; it looks like https://hub.example.com/jupyter/"),
    (["https://hub.example.com/", "--user", "alice", "--password-file", "/nowhere"], "no such file: /nowhere"),
    (["https://hub.example.com/", "--password-file", "/root/password.txt"], "--password-file goes with --user"),
    (["https://hub.example.com/", "--resolve", "here"], "--resolve takes HOST:PORT:ADDRESS, not 'here'"),
    (["https://hub.example.com/", "--colour"], "unrecognized arguments: --colour"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG_USE)
def test_wrong_use_ends_with_2_and_one_line(machine, arguments, words):
    done = check(machine, *arguments)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == f"hubcheck: error: {words}"


NO_HUB = [
    ("http://127.0.0.1:9000/html/", "but not JSON: Welcome", ""),
    ("http://127.0.0.1:9000/json/", "but no JupyterHub", ""),
    ("http://127.0.0.1:9000/empty/", "but no JupyterHub", ""),
    ("http://127.0.0.1:9001/", "Connection refused", "Nothing listens on that port"),
    ("https://127.0.0.1:9000/html/", "SSL", ""),
    ("https://no-such-name.invalid/", "no-such-name.invalid", "The host name does not resolve"),
]


@pytest.mark.parametrize(("url", "words", "cause"), NO_HUB)
def test_what_is_no_hub_fails_the_first_rung_with_one_clear_line(machine, url, words, cause):
    done = check(machine, url, "--timeout", "5")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("✗ hub_answers"), done.stdout
    assert words in done.stdout
    assert cause in done.stdout
    assert not done.stderr
