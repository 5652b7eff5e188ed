"""hubcheck, the published check: what it says when it is called wrongly, or when the address is no JupyterHub."""

import contextlib
import re
from xml.etree import ElementTree

import pytest

from snippets.check import hubcheck
from tests.harness.machines import deployment, engine
from tests.harness.machines.deployment import CHECK, PYTHON
from tests.harness.manifest import NEWEST, PROXIES, PUBLISHED, ROOT, SNIPPETS, VALUES, Files
from tests.harness.measuring.ladder import LADDER
from tests.harness.measuring.recordings import token

HUBCHECK = (SNIPPETS / "check/hubcheck.py").read_text("utf-8")
# Answers each request with what its path is named after; on 9002 nobody answers; once asked, 9003 closes the connection and 9004 resets it.
OTHER = """
import http.server, socket, struct, threading, time
PAGES = {"html": b"<h1>Welcome</h1>", "json": b'["not", "a hub"]', "error": b"<h1>502 Bad Gateway</h1>", "drip": b"x" * 3600}
PAGES |= {"empty": b"", "hub": b""}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind = self.path.split("/")[1]
        self.send_response({"error": 502, "hub": 404}.get(kind, 200))
        self.send_header("Content-Length", str(len(PAGES[kind])))
        self.end_headers()
        for byte in PAGES[kind] if kind == "drip" else ():
            self.wfile.write(bytes([byte]))
            time.sleep(0.5)
        if kind != "drip":
            self.wfile.write(PAGES[kind])
def closing(port, linger):
    server = socket.create_server(("127.0.0.1", port))
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", linger, 0))
        connection.recv(65536)
        connection.close()
silent = socket.create_server(("127.0.0.1", 9002))
threading.Thread(target=closing, args=(9003, False), daemon=True).start()
threading.Thread(target=closing, args=(9004, True), daemon=True).start()
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


def test_each_cause_names_a_page_of_the_guide():
    for _, _, address in hubcheck.CAUSES:
        page, _, part = address.partition("#")
        file = next((file for file in (ROOT / f"{page}.md", ROOT / page / "index.md") if file.exists()), None)
        assert file, address
        headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.M)
        assert part in ("", *(re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") for heading in headings)), address


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
    assert done.stderr == f"hubcheck: error: {words}\n"


# (the address, words of the failure, words of the advice)
NO_HUB = [
    ("http://127.0.0.1:9000/html/", "but not JSON: Welcome (from another program)", "Another program listens"),
    ("http://127.0.0.1:9000/json/", "but no JupyterHub", "Another program listens"),
    ("http://127.0.0.1:9000/empty/", "but no JupyterHub", "Another program listens"),
    ("http://127.0.0.1:9000/error/", "-> 502 Bad Gateway: 502 Bad Gateway (from another program)", "The hub does not run"),
    ("http://127.0.0.1:9000/drip/", "no end after", "The cause is not known."),
    ("http://127.0.0.1:9000/", "-> 404 Not Found (from another program); the address has no path", "Users see the hub below a path"),
    ("http://127.0.0.1:9001/", "Connection refused", "The port is another one"),
    ("https://127.0.0.1:9001/", "127.0.0.1:9001: [Errno 111] Connection refused", "The port is another one"),
    ("http://127.0.0.1:9002/", "no answer from http://127.0.0.1:9002/hub/api in time", "The cause is not known."),
    ("https://127.0.0.1:9002/", "timed out", "The cause is not known."),
    ("http://127.0.0.1:9003/", "Remote end closed connection", "The cause is not known."),
    ("http://127.0.0.1:9004/", "Connection reset by peer", "The cause is not known."),
    ("https://127.0.0.1:9000/html/", "SSL", "Another program than the reverse proxy listens"),
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
    # The page shows it word by word, but for numbers and the size of what is sent.
    page = (ROOT / "deploy/check.md").read_text("utf-8")
    shown = re.search(r"hubcheck.py https://\S+\n(✓ .*?)```", page, re.S)[1]
    assert re.sub(r"\d+", "0", done.stdout) == re.sub(r"\d+", "0", shown)
    assert "\033" not in done.stdout


# What people give in place of https://hub.example.com/jupyter/.
NOT_ITS_ADDRESS = [
    "http://hub.example.com/jupyter/",
    "http://hub.example.com/",
    "https://hub.example.com/",
    "https://hub.example.com/jupyter/hub/login?next=%2Fjupyter%2Fhub%2Fhome",
    "https://hub.example.com/jupyter/user/alice/lab/tree/first.ipynb",
    "https://hub.example.com:8443/jupyter/",
    "http://hub.example.com:443/jupyter/",
    "http://127.0.0.1:800/",
]


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_an_address_that_is_not_the_hubs_is_told_with_the_one_that_is(behind):
    told = {}
    for given in NOT_ITS_ADDRESS:
        (rung,) = behind.check(user="", url=given)
        told[given] = rung["said"].partition("; ")[2], rung["cause"].partition(".")[0], rung["page"]
    assert told == {
        given: (
            f"JupyterHub answers at {'http://127.0.0.1:800/jupyter/' if '127' in given else deployment.URL}, "
            f"not at {given.partition('?')[0].rstrip('/')}/",
            "The address given is not the hub's",
            "deploy/check",
        )
        for given in NOT_ITS_ADDRESS
    }


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_http_is_told_where_the_certificate_is_not_trusted(behind):
    done = behind.machine.exec(PYTHON, f"{CHECK}/hubcheck.py", "http://hub.example.com/jupyter/", check=False)
    assert "-> 301 Moved Permanently: https://hub.example.com/jupyter/hub/api (from nginx); the address" in done.stdout
    assert "The address given begins with http://" in done.stdout


@contextlib.contextmanager
def nameless(machine):
    """The machine knows no names, as before they are in the DNS."""
    names = machine.read("/etc/nsswitch.conf")
    machine.sh("sed -i 's/^hosts:.*/hosts: dns/' /etc/nsswitch.conf")
    try:
        yield
    finally:
        machine.put({"/etc/nsswitch.conf": names})


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_a_name_that_is_the_server_itself_says_nothing_about_the_hubs_own_port(behind):
    resolve = [word for port in (443, 800) for word in ("--resolve", f"hub.example.com:{port}:127.0.0.1")]
    (rung,) = behind.check(*resolve, "--until", "hub_answers", user="")
    assert rung["ok"], rung["said"]
    words = "hub.example.com is 127.0.0.1, this machine itself: check from another one whether port 800 is open"
    assert rung["evidence"][-1] == words


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_an_address_for_one_port_is_that_of_the_others_too(behind):
    with nameless(behind.machine):
        (rung,) = behind.check("--resolve", "hub.example.com:443:127.0.0.1", "--until", "hub_answers", user="")
    assert rung["ok"], rung["said"]
    assert "GET http://hub.example.com/jupyter/ -> 301 https://hub.example.com/jupyter/" in rung["evidence"]
    assert not [line for line in rung["evidence"] if "port 80 does not answer" in line or "not open" in line]


# (who logs in, what was done to the account before and is undone after, the hub's words)
REFUSED = [
    ("carol", "true", "true", "User 'carol' not allowed."),
    ("mallory", "groupmod --new-name others jupyterhub", "groupmod --new-name jupyterhub others", "No such group: [jupyterhub]"),
    (
        "mallory",
        "chage --lastday 0 mallory",
        "chage --lastday $(date +%F) mallory",
        "[PAM Error 12] Authentication token is no longer valid",
    ),
    ("mallory", "chage --expiredate 2020-01-01 mallory", "chage --expiredate -1 mallory", "[PAM Error 7] Authentication failure"),
    ("mallory", "touch /etc/nologin", "rm /etc/nologin", "[PAM Error 7] Authentication failure"),
]


@pytest.mark.xdist_group(f"hub-{NEWEST}")
@pytest.mark.parametrize(("user", "done", "undone", "words"), REFUSED)
def test_who_is_refused_with_the_right_password_is_told_why_in_the_log(behind, user, done, undone, words):
    before = len(behind.log())
    behind.machine.sh(done)
    try:
        last = behind.check("--until", "login_works", user=user)[-1]
    finally:
        behind.machine.sh(undone)
    assert (last["said"], last["page"]) == (
        "POST /jupyter/hub/login -> 403: Invalid username or password (from the hub)",
        "troubleshooting/invalid-username-or-password",
    )
    assert words in behind.log()[before:]
    page = (ROOT / f"{last['page']}/index.md").read_text("utf-8")
    assert f"`{words.replace('carol', 'alice')}" in page


COOKIE = 'set $kept $http_cookie; if ($http_upgrade) { set $kept ""; } proxy_set_header Cookie $kept; proxy_set_header Connection'
# (in the line of nginx's site, what comes before it, the words of the answer, of the cause, of the hub's log)
FORBIDDEN = [
    (
        "proxy_set_header Connection",
        COOKIE,
        r"\(from the user's server\)",
        "drops the header Cookie",
        "Couldn't authenticate WebSocket connection",
    ),
    ("[^/]+)$ {", "[^/]+)$ { return 403;", r"\(from nginx\)", "A rule of the reverse proxy refuses", ""),
]


@pytest.mark.xdist_group(f"hub-{NEWEST}")
@pytest.mark.parametrize(("line", "instead", "words", "cause", "log"), FORBIDDEN, ids=["no cookie", "a rule"])
def test_a_websocket_that_is_forbidden_for_another_reason_than_its_origin_is_told_apart(hubs, line, instead, words, cause, log):
    hub, files = hubs(NEWEST), PUBLISHED.replace("nginx/jupyterhub.conf", line, instead)
    before = len(hub.log())
    with deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx", files):
        last = hub.check("--keep-server", "--until", "kernel_channel", user="bob")[-1]
    assert (last["rung"], last["ok"]) == ("kernel_channel", False)
    assert re.search(rf"-> 403 on the WebSocket: .*{words}", last["said"])
    assert cause in last["cause"]
    assert last["page"] == "deploy/how-the-parts-fit"
    assert log in hub.log()[before:]


@contextlib.contextmanager
def metakernels_own(machine):
    """The editor of this guide is not installed, so kernels have MetaKernel's own."""
    ours = machine.sh(f"echo {VALUES['environment']}/lib/python3*/site-packages/jigsaw_magic.py").stdout.strip()
    machine.sh(f"mv {ours} /root/jigsaw_magic.py")
    try:
        yield
    finally:
        machine.sh(f"mv /root/jigsaw_magic.py {ours}")


@pytest.mark.parametrize("version", [NEWEST])
def test_metakernels_own_editor_is_not_taken_for_this_guides(desks, version):
    desk = desks(version)
    with desk.behind("nginx"), metakernels_own(desk.hub.machine):
        climbed = desk.hub.check("--megabytes", "1", "--keep-server", "--resolve", f"hub.example.com:443:{desk.hub.machine.address()}")
    # By its address in the network, it sees the server as another machine does.
    assert climbed[0]["evidence"][-1] == "port 800 is not open to this machine"
    last = climbed[-1]
    assert (last["rung"], last["ok"]) == ("blocks_shown", False)
    assert last["said"] == "this is MetaKernel's own %jigsaw, not the guide's editor: Blockly comes from calysto.github.io"
    assert last["page"] == "jigsaw/configure"
    # Who chose it sees that all else holds.
    assert "Cross-Origin-Opener-Policy: same-origin" in last["evidence"]


# What reads HTTPS on the way and passes no upgrade on, as companies and programs against viruses have it: at the machine's own address.
BETWEEN = """
server {{
    listen {address}:443 ssl;
    server_name {host};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{
        proxy_pass https://127.0.0.1;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_buffer_size 12k;
        proxy_buffering off;
    }}
}}
"""


@pytest.mark.parametrize("version", [NEWEST])
def test_what_takes_the_upgrade_away_on_the_way_is_not_looked_for_in_the_reverse_proxy_alone(desks, version):
    desk = desks(version)
    address = desk.hub.machine.address()
    with desk.behind("nginx", extra={"/etc/nginx/conf.d/between.conf": BETWEEN.format(address=address, **VALUES)}):
        options = ("--keep-server", "--until", "kernel_channel", "--resolve")
        far = desk.hub.check(*options, f"hub.example.com:443:{address}")[-1]
        near = desk.hub.check(*options, "hub.example.com:443:127.0.0.1")[-1]
    assert (far["rung"], far["ok"], far["certainty"]) == ("kernel_channel", False, "one of these"), far
    assert far["said"].endswith('Can "Upgrade" only to "WebSocket". (from the user\'s server); asked over the network')
    assert "(2) Something between this machine and the server takes the upgrade away" in far["cause"]
    # What it says to decide by.
    assert "with --resolve HOST:443:127.0.0.1. If that passes, it is the second." in far["decide"]
    assert near["ok"], near


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


# (in the line of nginx's site, what comes instead, the rung that breaks, words seen there, words of the cause). Without cookies, the hub
# gives another XSRF cookie once a second has gone by.
ON_THE_WAY = [
    (
        "location /jupyter/ {",
        "location /jupyter/ { limit_except GET POST PUT PATCH { deny all; }",
        "upload_lands",
        "^DELETE .* -> 403",
        "methods",
    ),
    ("proxy_set_header X-Real-IP", 'proxy_set_header Cookie ""; proxy_set_header X-Real-IP', "login_works", "cookies? ", "drops cookies"),
]


@pytest.mark.xdist_group(f"hub-{NEWEST}")
@pytest.mark.parametrize(("line", "instead", "rung", "words", "cause"), ON_THE_WAY, ids=["no DELETE", "no cookies"])
def test_what_takes_deleting_or_cookies_away_is_told(hubs, line, instead, rung, words, cause):
    hub = hubs(NEWEST)
    with deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx", PUBLISHED.replace("nginx/jupyterhub.conf", line, instead)):
        last = hub.check("--megabytes", "1", user="bob")[-1]
    hub.on_server("stop", deployment.BEHIND, "bob")
    hub.machine.sh("rm -rf /home/bob/hubcheck-*")
    assert (last["rung"], last["ok"]) == (rung, False)
    assert re.search(words, last["said"])
    assert cause in last["cause"]


@pytest.mark.xdist_group(f"hub-{NEWEST}")
@pytest.mark.parametrize("user", ["", "bob"])
def test_a_hub_that_hides_its_version_and_an_address_that_is_typed_otherwise_are_no_faults(hubs, user):
    line = "proxy_set_header X-Real-IP"
    files = PUBLISHED.replace("nginx/jupyterhub.conf", line, f"proxy_hide_header X-JupyterHub-Version; {line}")
    hub = hubs(NEWEST)
    with deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx", files):
        rungs = hub.check("--megabytes", "1", user=user, url="https://Hub.Example.com:443/jupyter/")
    assert rungs[-1]["ok"], rungs[-1]
    assert rungs[-1]["rung"] == LADDER[-1]


def test_a_hub_that_knows_which_addresses_count_as_one_lets_a_visitor_in_whose_address_changes():
    """By the line that the page on the XSRF cookie shows for the hub's unit."""
    page = (ROOT / "troubleshooting/xsrf-cookie-does-not-match/index.md").read_text("utf-8")
    told, unit = re.search(r"`(Environment=JUPYTERHUB_XSRF\S+)`", page)[1], "systemd/jupyterhub.service"
    (known,) = re.findall(r"(?m)^Environment=.*$", PUBLISHED.read(unit))
    changing = "proxy_set_header X-Real-IP 192.0.2.$connection_requests; #"
    files = PUBLISHED.replace("nginx/jupyterhub.conf", "proxy_set_header X-Real-IP", changing).replace(unit, known, f"{known}\n{told}")
    with deployment.hub(NEWEST, files) as hub, deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx", files):
        last = hub.check("--until", "login_works")[-1]
    assert (last["rung"], last["ok"]) == ("login_works", True), last


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_a_rule_for_scripts_does_no_harm_where_the_hubs_location_looks_at_none(hubs):
    """As the page says: the hub's other locations are moved into the one that is found first."""
    name = "nginx/jupyterhub.conf"
    text = PUBLISHED.read(name)
    moved = re.findall(r"(?m)^    location ~ \^/jupyter/.*\n(?:        .*\n)+    \}\n", text)
    assert len(moved) == 2
    for block in moved:
        text = text.replace(block, "")
    (own,) = re.findall(r"(?s)    location /jupyter/ \{\n.*?\n    \}\n", text)
    inner = own.replace("location /jupyter/", "location ^~ /jupyter/").removesuffix("    }\n") + "".join(moved) + "    }\n"
    rule = "    location ~* \\.(js|css|png|svg)$ {\n        root /var/www/html;\n    }\n"
    files = Files({name: text.replace(own, inner + rule)})
    with deployment.in_front(hubs(NEWEST), PROXIES["nginx"].servers[-1], "nginx", files):
        climbed = hubs(NEWEST).check("--megabytes", "1", "--keep-server", user="bob")
    assert climbed[-1]["ok"], climbed[-1]
    assert [rung["rung"] for rung in climbed] == LADDER


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
    assert "not taken away" not in done.stderr
    assert behind.machine.sh("find /home/alice -name 'hubcheck-*' -o -path '*/Trash/*'").stdout == ""
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
    assert "null" not in done.stdout
    assert secret not in done.stdout + done.stderr


@pytest.mark.xdist_group(f"hub-{NEWEST}")
@pytest.mark.parametrize("signal", ["INT", "TERM", "HUP"])
def test_whoever_interrupts_it_leaves_nothing_running(behind, signal):
    command = f"{PYTHON} -u {CHECK}/hubcheck.py {deployment.URL} --user mallory --password-file {CHECK}/mallory.txt {' '.join(TRUST)}"
    # A server that runs already needs no start, and the check would be over before the signal.
    behind.on_server("stop", deployment.URL, "mallory")
    engine.wait(lambda: stopped(behind, "mallory"), timeout=15)
    behind.machine.put({"/root/interrupted.py": INTERRUPTED})
    done = behind.machine.exec(PYTHON, "/root/interrupted.py", signal, *command.split(), check=False, timeout=120)
    assert "hubcheck: interrupted; what it had started is taken away again" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stdout
    assert done.stdout.rstrip().endswith("ended with 1")
    engine.wait(lambda: stopped(behind, "mallory"), timeout=15)


# Runs a command, sends it a signal as soon as the user's server has a process, and prints all that it said.
INTERRUPTED = """
import signal, subprocess, sys, time
name, *command = sys.argv[1:]
run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
while subprocess.run(["pgrep", "-u", "mallory"], stdout=subprocess.DEVNULL).returncode and run.poll() is None:
    time.sleep(0.05)
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
