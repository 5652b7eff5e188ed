"""hubcheck, the published check: what it says when it is used wrongly, or pointed at what is no JupyterHub."""

import json
from xml.etree import ElementTree

import pytest

from tests.harness import deployment, engine
from tests.harness.climb import LADDER
from tests.harness.deployment import CHECK, PYTHON
from tests.harness.manifest import PROXIES, PUBLISHED, SNIPPETS, VERSIONS

HUBCHECK = (SNIPPETS / "check/hubcheck.py").read_text("utf-8")
NEWEST = VERSIONS["jupyterhub"][0]
# Answers each request with what its path is named after; on 9002 nobody answers, on 9003 the connection is closed at once.
OTHER = """
import http.server, socket, threading, time
PAGES = {"html": b"<h1>Welcome</h1>", "json": b'["not", "a hub"]', "empty": b"", "error": b"<h1>502 Bad Gateway</h1>", "drip": b"x" * 3600}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind = self.path.split("/")[1]
        self.send_response(502 if kind == "error" else 200)
        self.send_header("Content-Length", str(len(PAGES[kind])))
        self.end_headers()
        for byte in PAGES[kind] if kind == "drip" else ():
            self.wfile.write(bytes([byte]))
            time.sleep(0.5)
        if kind != "drip":
            self.wfile.write(PAGES[kind])
def closing():
    server = socket.create_server(("127.0.0.1", 9003))
    while True:
        server.accept()[0].close()
silent = socket.create_server(("127.0.0.1", 9002))
threading.Thread(target=closing, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def machine(idle):
    machine = idle(NEWEST)
    machine.put({"/root/hubcheck.py": HUBCHECK, "/root/other.py": OTHER, "/root/password.txt": "x", "/root/empty.txt": "\n"})
    machine.sh(f"{PYTHON} /root/other.py >/dev/null 2>&1 &")
    machine.until("bash -c '</dev/tcp/127.0.0.1/9000'")
    return machine


def check(machine, *arguments):
    return machine.exec(PYTHON, "/root/hubcheck.py", *arguments, check=False)


WRONG_USE = [
    (["hub.example.com"], "not an address: 'hub.example.com'; it looks like https://hub.example.com/jupyter/"),
    (["https://hub.example.com/", "--user", "alice", "--password-file", "/nowhere"], "no such file: /nowhere"),
    (["https://hub.example.com/", "--password-file", "/root/password.txt"], "--password-file goes with --user"),
    (["https://hub.example.com/", "--token-file", "/nowhere"], "no such file: /nowhere"),
    (["https://hub.example.com/", "--token-file", "/root/empty.txt"], "nothing in the file: /root/empty.txt"),
    (
        ["https://hub.example.com/", "--user", "alice", "--token-file", "/root/password.txt"],
        "--token-file goes without --user: a token is somebody's already",
    ),
    (["https://hub.example.com/", "--ca-file", "/root/password.txt"], "no certificates in PEM format: /root/password.txt"),
    (["https://hub.example.com/", "--junit", "/nowhere/out.xml"], "no such folder: /nowhere"),
    (["https://hub.example.com/", "--resolve", "here"], "--resolve takes HOST:PORT:ADDRESS, not 'here'"),
    (
        ["https://hub.example.com/", "--until", "the_top"],
        "argument --until: invalid choice: 'the_top' (choose from 'hub_answers', 'login_works', 'server_spawns', 'kernel_listed', "
        "'kernel_channel', 'kernel_computes', 'upload_lands', 'blocks_shown')",
    ),
    (["https://hub.example.com/", "--colour"], "unrecognized arguments: --colour"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG_USE)
def test_wrong_use_ends_with_2_and_one_line(machine, arguments, words):
    done = check(machine, *arguments)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == f"hubcheck: error: {words}"
    assert "Traceback" not in done.stderr


# (the address, words of the failure, words of the advice)
NO_HUB = [
    ("http://127.0.0.1:9000/html/", "but not JSON: Welcome (another program's answer)", "Another program listens"),
    ("http://127.0.0.1:9000/json/", "but no JupyterHub", ""),
    ("http://127.0.0.1:9000/empty/", "but no JupyterHub", ""),
    ("http://127.0.0.1:9000/error/", "-> 502 Bad Gateway: 502 Bad Gateway", "The reverse proxy does not reach JupyterHub"),
    ("http://127.0.0.1:9000/drip/", "no end after", ""),
    ("http://127.0.0.1:9001/", "Connection refused", "Nothing listens on that port"),
    ("https://127.0.0.1:9001/", "127.0.0.1:9001: [Errno 111] Connection refused", "Nothing listens on that port"),
    ("http://127.0.0.1:9002/", "no answer from http://127.0.0.1:9002/hub/api in time", ""),
    ("https://127.0.0.1:9002/", "timed out", ""),
    ("http://127.0.0.1:9003/", "Connection", ""),
    ("https://127.0.0.1:9000/html/", "SSL", "does not speak TLS"),
    ("https://127.0.0.1:9003/", "", ""),
    ("https://no-such-name.invalid/", "no-such-name.invalid", "The host name does not resolve"),
]


@pytest.mark.parametrize(("url", "words", "cause"), NO_HUB)
def test_what_is_no_hub_fails_the_first_rung_with_one_clear_line(machine, url, words, cause):
    done = check(machine, url, "--timeout", "1", "--spawn-timeout", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("✗ hub_answers"), done.stdout
    said = [line for line in done.stdout.splitlines()[1:] if line.startswith("    ")]
    assert len(said) == 1, done.stdout
    assert words in said[0]
    assert cause in done.stdout
    assert "0x" not in done.stdout
    assert not done.stderr


@pytest.fixture
def behind(hubs):
    """A running hub behind nginx."""
    hub = hubs(NEWEST)
    with deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx"):
        yield hub


def token(hub, **wanted):
    """A token that alice makes for herself by the hub's API, with the scopes that are `wanted`."""
    made = hub.machine.exec(PYTHON, "-c", MAKE_TOKEN, f"{deployment.BEHIND}", "alice", hub.passwords["alice"], json.dumps(wanted))
    return made.stdout.strip()


MAKE_TOKEN = """
import json, sys, requests
hub, user, password, wanted = sys.argv[1:]
session = requests.Session()
xsrf = lambda: {"_xsrf": session.cookies.get("_xsrf", path="/jupyter/hub/")}
session.get(hub + "hub/login")
session.post(hub + "hub/login", data={"username": user, "password": password} | xsrf(), allow_redirects=False)
session.get(hub + "hub/home")
made = session.post(f"{hub}hub/api/users/{user}/tokens", params=xsrf(), json=json.loads(wanted))
made.raise_for_status()
print(made.json()["token"])
"""
TRUST = ("--ca-file", f"{CHECK}/ca.pem", "--megabytes", "1")


def stopped(hub, user):
    """Raises RuntimeError as long as a process of the user's runs: a server takes its kernels with it, which takes a moment."""
    if user in hub.machine.sh("stat -c %U /proc/[0-9]* 2>/dev/null", check=False).stdout.split():
        raise RuntimeError(f"the server of {user} runs on")


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_from_outside_it_sees_what_anybody_can(behind):
    done = behind.machine.exec(PYTHON, f"{CHECK}/hubcheck.py", deployment.URL, *TRUST, check=False)
    assert done.returncode == 0, done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("✓")] == [
        "hub_answers",
        "login_works",
        "kernel_channel",
        "upload_lands",
        "blocks_shown",
    ]
    for words in ("the certificate ends in", "port 800 is not open", "1 MB reach the hub", "Cross-Origin-Opener-Policy: same-origin"):
        assert words in done.stdout
    assert "\033" not in done.stdout


# (in the line of nginx's site, what comes instead, the rung that breaks from outside, words seen there)
OUTSIDE = [
    ("client_max_body_size", "", "upload_lands", "-> 413"),
    ("Cross-Origin-Opener-Policy", "", "blocks_shown", "Cross-Origin-Opener-Policy: none"),
    ("proxy_set_header X-Real-IP", "proxy_set_header X-Real-IP 192.0.2.$connection_requests; #", "login_works", "a new XSRF cookie"),
]


@pytest.mark.xdist_group(f"hub-{NEWEST}")
@pytest.mark.parametrize(("line", "instead", "rung", "words"), OUTSIDE)
def test_from_outside_it_sees_what_breaks_there(hubs, line, instead, rung, words):
    hub = hubs(NEWEST)
    files = PUBLISHED.replace("nginx/jupyterhub.conf", line, instead)
    with deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx", files):
        last = hub.check("--megabytes", "2", user="")[-1]
    assert (last["rung"], last["ok"]) == (rung, False)
    assert words in last["said"]


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_it_climbs_no_further_than_it_is_told(behind):
    rungs = behind.check("--until", "login_works", user="bob")
    assert [(rung["rung"], rung["ok"]) for rung in rungs] == [("hub_answers", True), ("login_works", True)]


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_with_a_token_it_climbs_and_tells_nobody_the_token(behind):
    secret = token(behind)
    behind.machine.put({"/root/token.txt": f"{secret}\n"})
    command = [PYTHON, f"{CHECK}/hubcheck.py", deployment.URL, "--token-file", "/root/token.txt", "-v", "--junit", "/root/out.xml", *TRUST]
    done = behind.machine.exec(*command, check=False, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    suite = ElementTree.fromstring(behind.machine.read("/root/out.xml"))
    assert [case.get("name") for case in suite.iter("testcase")] == LADDER
    assert (suite.get("tests"), suite.get("failures")) == (str(len(LADDER)), "0")
    assert "  201 POST https://hub.example.com/jupyter/user/alice/api/kernels in " in done.stderr
    assert secret not in done.stdout + done.stderr + behind.machine.read("/root/out.xml")
    engine.wait(lambda: stopped(behind, "alice"), timeout=15)


STOP = """
import sys, requests
requests.delete(f"{sys.argv[1]}hub/api/users/alice/server", headers={"Authorization": f"token {sys.argv[2]}"})
"""


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_it_waits_until_an_earlier_server_has_been_stopped(behind):
    climb = ("--until", "server_spawns")
    assert behind.check("--keep-server", *climb)[-1]["ok"]
    # One that holds still does not end when it is asked to.
    behind.machine.sh("pkill -STOP -u alice; (sleep 7; pkill -CONT -u alice) >/dev/null 2>&1 &")
    behind.machine.sh(f"timeout 2 {PYTHON} -c '{STOP}' {deployment.BEHIND} {token(behind)} 2>/dev/null || test $? = 124")
    last = behind.check(*climb)[-1]
    assert last["ok"], last
    assert any(line.startswith("event stream") for line in last["evidence"]), last


@pytest.mark.xdist_group(f"hub-{NEWEST}")
@pytest.mark.parametrize(
    ("held", "words"),
    [("nobody-knows-this", "the hub does not know this token"), ("narrow", "Action is not authorized with current scopes")],
)
def test_a_token_that_may_not_is_told_in_one_line(behind, held, words):
    secret = token(behind, scopes=["read:users!user"]) if held == "narrow" else held
    command = ["env", f"HUBCHECK_TOKEN={secret}", PYTHON, f"{CHECK}/hubcheck.py", deployment.URL, *TRUST]
    done = behind.machine.exec(*command, check=False)
    assert done.returncode == 1
    assert words in done.stdout
    assert "Read: deploy/check" in done.stdout
    assert secret not in done.stdout + done.stderr


@pytest.mark.xdist_group(f"hub-{NEWEST}")
@pytest.mark.parametrize("signal", ["INT", "TERM"])
def test_whoever_interrupts_it_leaves_nothing_running(behind, signal):
    command = f"{PYTHON} -u {CHECK}/hubcheck.py {deployment.URL} --user mallory --password-file {CHECK}/mallory.txt {' '.join(TRUST)}"
    behind.machine.put({"/root/interrupted.py": INTERRUPTED})
    done = behind.machine.exec(PYTHON, "/root/interrupted.py", signal, *command.split(), check=False, timeout=120)
    assert "hubcheck: interrupted; what it had started is taken away again" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stdout
    assert done.stdout.rstrip().endswith("ended with 1")
    engine.wait(lambda: stopped(behind, "mallory"), timeout=15)


# Runs a command, sends it a signal once the user's server is being started, and prints all that it said.
INTERRUPTED = """
import os, signal, subprocess, sys, time
name, *command = sys.argv[1:]
run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
while "✓ login_works" not in run.stdout.readline():
    pass
time.sleep(2)
run.send_signal(getattr(signal, "SIG" + name))
print(run.communicate()[0], f"ended with {run.returncode}")
"""


def test_an_address_of_the_guide_makes_whole_addresses(machine):
    done = check(machine, "http://127.0.0.1:9000/error/", "--guide", "https://docs.example.com/hub/")
    assert "Read: https://docs.example.com/hub/troubleshooting/bad-gateway-or-service-unavailable/index.html" in done.stdout


def test_a_person_at_a_terminal_sees_colours_and_what_goes_on(machine):
    run = f"import pty; pty.spawn(['{PYTHON}', '/root/hubcheck.py', 'http://127.0.0.1:9000/error/'])"
    said = machine.exec(PYTHON, "-c", run).stdout
    assert "… hub_answers" in said
    assert "\033[31m✗ hub_answers\033[0m" in said
    said = machine.exec("env", "NO_COLOR=1", PYTHON, "-c", run).stdout
    assert "\033[31m" not in said
