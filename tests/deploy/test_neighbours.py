"""What another user of the same machine can see and do from a shell: only what deploy/security.md lists as left open."""

import re
import uuid

import pytest

from tests.harness.machines import deployment, faults, people
from tests.harness.machines.deployment import BEHIND, PYTHON, URL
from tests.harness.manifest import CONFIG, NEWEST, PUBLISHED, ROOT, SAVED_AS, VERSIONS
from tests.harness.measuring import local_users

SERVER, NGINX = "jupyter/jupyter_server_config.py", "nginx/jupyterhub.conf"
# What a user finds, and the words of the page for it.
OPEN = {
    "the hub's own proxy": "port 800, 801 and 881",
    "the hub": "port 800, 801 and 881",
    "a user's server": "Users' servers have ports that anybody may take",
    "a kernel": "Each kernel keeps one port",
    "a home": "Debian 12's `useradd` makes homes that everybody on the machine may look into",
    # systemd's own, which every process of every machine may speak to.
    "the system": "",
}
# With the ports that JupyterHub has by itself, which any user may take.
HIGH = (
    PUBLISHED.replace(CONFIG, "127.0.0.1:800/", "127.0.0.1:8000/")
    .replace(CONFIG, "127.0.0.1:801", "127.0.0.1:8001")
    .replace(CONFIG, "127.0.0.1:881", "127.0.0.1:8081")
    .replace(NGINX, "127.0.0.1:800", "127.0.0.1:8000")
)

pytestmark = pytest.mark.xdist_group("neighbours")

# In bytes, the longest path of a Unix socket, and a home below which that of a kernel's would have one more. (é is two of them.)
LONGEST, DEEP = 107, "/srv/homes/student-é/mallory"
# What Debian 13 does once a day with what is ten days old, for whatever age.
CLEAN = "echo 'd /tmp 1777 root root 0' >/root/clean.conf; systemd-tmpfiles --clean /root/clean.conf; "


@pytest.fixture(scope="module")
def hub():
    """A hub behind nginx on one machine's address. Each test says from which files: see `put`."""
    with faults.booted(NEWEST) as hub, faults.gateway(hub, VERSIONS["debian"][-1]) as hub.gateway:
        faults.serve(hub.gateway, "nginx")
        yield hub


def put(hub, files):
    """Let hub and reverse proxy run from files, if they do not already."""
    if hub.files != files:
        hub.files = None  # until all of it is done
        faults.serve(hub.gateway, "nginx", files)
        faults.configure(hub, files)
        hub.files = files


def found(seen, whose):
    """What a sweep found, by what it is: {"a kernel": {"what it says", ...}, ...}; the reverse proxy's own ports are everybody's."""
    kinds = {}

    def add(kind, words):
        kinds.setdefault(kind, set()).add(words)

    for port, said in seen["ports"].items():
        if port not in ("80", "443"):
            add(whose.get(port, f"port {port}"), said)
    for path, said in seen["sockets"].items():
        if said != "[Permission denied]":
            add("the system" if path.startswith("/run/systemd/") else path, said)
    for path, how in seen["files"].items():
        home = re.fullmatch(r"/(home|srv/homes/[\w-]+)/\w+/\.(bashrc|profile|bash_logout)", path)
        add("a home" if home and how == "readable" else "the system" if path.startswith("/run/systemd/") and how == "w" else path, how)
    for what, how in [*seen["processes"].items(), *overheard(seen).items()]:
        add(what, how)
    return kinds


def overheard(seen):
    """What came to a subscriber who is not asked who they are. (From a web server it is the word of a refusal.)"""
    return {address: words for address, words in seen["heard"].items() if not re.search(r":(80|443)$", address)}


def test_a_user_finds_nothing_of_another_that_the_page_does_not_name(hub):
    """Nor of one whose home lies so deep that a socket there would have no room for its path."""
    put(hub, PUBLISHED)
    assert len(f"{DEEP}/.local/share/jupyter/runtime/kernel-{uuid.uuid4()}-ipc-1".encode()) == LONGEST + 1
    with local_users.moved(hub, "mallory", DEEP):
        with local_users.working(hub, "mallory"):
            deep = local_users.swept(hub.machine, "carol", [])
            hub.machine.sh("touch /tmp/of-nobodys-use")
            before, after = (
                hub.machine.sh(f"{clean}find /tmp/systemd-private-*/tmp/jupyter-* /tmp/of-*", check=False).stdout for clean in ("", CLEAN)
            )
        with local_users.working(hub, "alice") as words:
            seen = local_users.swept(hub.machine, "carol", words)
            kinds = found(seen, local_users.listeners(hub.machine, "alice", "mallory"))
            journal = hub.machine.sh("journalctl --namespace '*' --no-pager --output cat").stdout
        local_users.stopped(hub, "mallory")
    assert {kind: said for kind, said in kinds.items() if kind not in OPEN} == {}
    assert kinds.keys() == OPEN.keys(), "the page names what is not there"
    page = (ROOT / "deploy/security.md").read_text("utf-8").partition("## What is left open")[2]
    assert [words for words in OPEN.values() if words not in page] == []
    assert "User logged in: alice" in journal
    assert [word for word in words if word in journal] == []
    # Of alice's servers and kernels no more than that somebody is there: no page, no file, no message.
    assert not any(re.match(r"HTTP/1.1 2", said) for said in kinds["a user's server"])
    assert {said[:1] for said in kinds["a kernel"]} == {"\xff"}
    sockets = {path: said for path, said in deep["sockets"].items() if "/kernel-" in path}
    assert sockets
    # In a /tmp of her server's own.
    assert all(path.startswith("/tmp/jupyter-") and said == "[No such file or directory]" for path, said in sockets.items()), sockets
    assert "/kernel-" in before
    assert after == before.replace("/tmp/of-nobodys-use\n", ""), "what a server that runs needs is cleared from /tmp"
    # Whose home lies less deep has them at home.
    assert all(path.startswith("/home/alice/") for path in seen["sockets"] if "/kernel-" in path), seen["sockets"]


def test_kernels_that_speak_tcp_are_overheard(hub):
    put(hub, PUBLISHED)
    path = SAVED_AS[SERVER]
    hub.machine.put({path: PUBLISHED.replace(SERVER, "c.KernelManager.transport").read(SERVER)})
    local_users.stopped(hub, "alice")
    try:
        with local_users.working(hub, "alice") as words:
            heard = overheard(local_users.swept(hub.machine, "carol", words))
    finally:
        hub.machine.put({path: PUBLISHED.read(SERVER)})
        local_users.stopped(hub, "alice")
    assert any(words[0] in said for said in heard.values())


NO_DEBUGGER = 'sys.modules["debugpy"] = None\n'
# What any user can do where a debugger listens: at each port of the machine, ask for a line to be run.
ATTACH = """
import json, socket
STEPS = {"initialize": '"initialize"', "attach": '"initialized"', "configurationDone": '"attach"', "evaluate": '"evaluate"'}
for row in open("/proc/net/tcp").read().splitlines()[1:]:
    if row.split()[3] != "0A":
        continue
    said = ""
    try:
        with socket.create_connection(("127.0.0.1", int(row.split()[1].rpartition(":")[2], 16)), 3) as line:
            line.settimeout(3)
            for number, (command, answer) in enumerate(STEPS.items()):
                arguments = {"adapterID": "any", "expression": "open('/tmp/run-for-the-neighbour', 'w').close()"}
                body = json.dumps({"seq": number, "type": "request", "command": command, "arguments": arguments})
                line.sendall(f"Content-Length: {len(body)}\\r\\n\\r\\n{body}".encode())
                while answer not in said:
                    said += line.recv(65536).decode("latin-1") or answer
    except OSError as error:
        print(error, said[-500:])
"""


@pytest.mark.parametrize("line", ["", NO_DEBUGGER], ids=["published", "without the line"])
def test_through_jupyterlabs_debugger_another_user_runs_code_but_for_the_line(hub, line):
    """It was switched on and off."""
    put(hub, PUBLISHED)
    path, ran = SAVED_AS[SERVER], "/tmp/systemd-private-*-jupyter-alice.service-*/tmp/run-for-the-neighbour"
    hub.machine.put({path: PUBLISHED.replace(SERVER, line, "").read(SERVER)} if line else {})
    local_users.stopped(hub, "alice")
    try:
        with faults.meanwhile(hub, "debugged", URL, "alice", module="kernel_actions") as task:
            said = hub.machine.exec(PYTHON, "-c", ATTACH, user="carol", timeout=120).stdout
            found = hub.machine.sh(f"ls {ran}", check=False).stdout
    finally:
        hub.machine.put({path: PUBLISHED.read(SERVER)})
        local_users.stopped(hub, "alice")
    assert (task.result(), bool(found)) == (bool(line), bool(line)), said


def test_nobody_takes_the_hubs_ports_while_it_restarts(hub):
    put(hub, PUBLISHED)
    whose = local_users.listeners(hub.machine)
    ports = [port for port in whose if whose[port] in ("the hub", "the hub's own proxy")]
    taken = local_users.robbed(hub, ports, lambda: faults.restart(hub))
    assert taken == {"took": [], "refused": dict.fromkeys(ports, "Permission denied"), "heard": {}}
    assert len(ports) == 3, whose


def test_with_higher_ports_a_user_takes_them_and_is_handed_passwords(hub):
    put(hub, HIGH)

    def disturb():
        hub.machine.sh("systemctl stop jupyterhub")
        hub.on_server("sign_in", URL, "alice")

    taken = local_users.robbed(hub, ["8000", "8001", "8081"], disturb)
    hub.files = None  # it is stopped
    assert taken["took"] == [8000, 8001, 8081]
    assert f"password={hub.passwords['alice']}" in taken["heard"]["8000"]


# Users' servers have ports that nobody knows before. Whoever holds all others than this one knows it.
KNOWN = "33001"
# SystemdSpawner draws the port itself, whatever `c.Spawner.port` says.
CHOSEN = f"import systemdspawner.systemdspawner as drawing\n\ndrawing.random_port = lambda: {KNOWN}\nc.Spawner.http_timeout = 20"
TAKEN = PUBLISHED.replace(CONFIG, "c = get_config()", f"c = get_config()\n{CHOSEN}")
TLS = TAKEN.replace(CONFIG, "internal_ssl = False", "internal_ssl = True")


@pytest.mark.parametrize(("files", "handed"), [(TAKEN, True), (TLS, False)], ids=["published", "internal_ssl"])
def test_who_takes_the_port_of_a_users_server_gets_the_users_cookie_unless_it_has_to_prove_who_it_is(hub, files, handed):
    put(hub, files)
    with faults.meanwhile(hub, "come_back", URL, "bob"):
        taken = local_users.robbed(hub, [KNOWN], lambda: hub.machine.sh(f"touch {deployment.CHECK}/over"), 25)
    assert taken["took"] == [int(KNOWN)]
    assert ("jupyterhub-user-bob=" in taken["heard"].get(KNOWN, "")) == handed, taken["heard"]
    assert ("GET " in taken["heard"].get(KNOWN, "")) == handed, taken["heard"]
    # Somebody came: otherwise with the first bytes of a TLS handshake.
    assert ("\x16\x03" in taken["heard"].get(KNOWN, "")) != handed, taken["heard"]


ONE_ADDRESS = TAKEN.replace(CONFIG, "self.ip = str(", 'self.ip = str("127.0.0.1" or ')


@pytest.mark.parametrize(("files", "handed"), [(TAKEN, False), (ONE_ADDRESS, True)], ids=["published", "one address"])
def test_who_keeps_a_connection_is_not_sent_what_is_for_the_next_user_of_the_port(hub, files, handed):
    put(hub, files)
    try:
        heard = local_users.heard_by_keeper(hub)
    finally:
        local_users.stopped(hub, "alice")
    assert ("jupyterhub-user-alice=" in heard, bool(heard)) == (handed, handed), heard


def test_with_internal_ssl_a_user_climbs_the_ladder_and_a_restart_finds_the_server_again(hub):
    # One from before has no key by which the hub would know it.
    local_users.stopped(hub, "alice")
    put(hub, TLS)
    first = hub.check("--keep-server")
    faults.restart(hub)
    second = hub.check("--megabytes", "1")
    for last in (first[-1], second[-1]):
        assert last["ok"], f"{last}\n{faults.log(hub)[-3000:]}"
    assert "the server was running already: its start was not seen" in str(second)


def test_with_internal_ssl_new_certificates_end_a_server_that_still_runs(hub):
    put(hub, TLS)
    try:
        last = hub.check("--keep-server", "--until", "server_spawns")[-1]
        assert last["ok"], f"{last}\n{faults.log(hub)[-3000:]}"
        ended = faults.log(hub).count("shutting it down")
        with faults.coming_back(hub):
            hub.machine.sh("systemctl stop jupyterhub; rm --recursive /var/lib/jupyterhub/internal-ssl; systemctl start jupyterhub")
        faults.said(hub, "shutting it down", ended + 1)
        assert hub.machine.sh("systemctl is-active jupyter-alice", check=False).stdout == "inactive\n"
        # Another start has the new ones.
        last = hub.check("--until", "kernel_computes")[-1]
        assert last["ok"], f"{last}\n{faults.log(hub)[-3000:]}"
    finally:
        local_users.stopped(hub, "alice")


def test_with_internal_ssl_no_name_is_an_option_of_the_command_that_copies_keys_as_root(hub):
    name = 'x" -b $y'
    people.account(hub.machine, name, 3001, "/home/strange")
    put(hub, TLS)
    last = hub.check("--until", "server_spawns", user=name)[-1]
    assert last["ok"], f"{last}\n{faults.log(hub)[-3000:]}"


def test_an_older_jupyterhub_takes_the_same_lines_for_certificates():
    files = PUBLISHED.replace(CONFIG, "internal_ssl = False", "internal_ssl = True")
    with deployment.hub(VERSIONS["jupyterhub"][-1], files) as hub:
        # Without a reverse proxy in front, only the header that the proxy adds is missing.
        assert [rung["rung"] for rung in hub.check("--megabytes", "1", "--keep-server", url=BEHIND) if not rung["ok"]] == ["blocks_shown"]
        # Nobody else reads the keys, not even by the group.
        kept = hub.machine.sh("find /run/jupyter-alice '(' -name '*.key' -o -name '*.crt' ')' -printf '%m %u %f\n'").stdout.splitlines()
        assert sorted(kept) == ["400 alice notebooks-ca_trust.crt", "400 alice user-alice.crt", "400 alice user-alice.key"]
        assert hub.machine.sh("stat --format '%a %U' /run/jupyter-alice").stdout.split() == ["700", "alice"]
