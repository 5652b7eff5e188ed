"""deploy/two-proxies.md: two Traefiks in place of the hub's own proxy; what a restart of each part cuts, and who can change the routes."""

import json
import re

import pytest

from tests.harness.machines import deployment, engine, faults, images
from tests.harness.machines.deployment import BEHIND, PYTHON
from tests.harness.manifest import CONFIG, HUBS, PROXIES, PUBLISHED, ROOT, SAVED_AS
from tests.harness.measuring import evidence, local_users
from tests.harness.measuring.ladder import tell
from tests.harness.site import following
from tests.harness.site.following import TABS
from tests.harness.site.two_proxies_page import PAGE, SECRET, STATES

TEXT = (ROOT / PAGE).read_text("utf-8")
AWAY = "take-this-away-again"
pytestmark = pytest.mark.xdist_group("two-proxies")
SOCKETS = 40
ALL = {"variable": True, "websocket": True, "login": True, "file": True}
CUT = ALL | {"websocket": False}


@pytest.fixture(scope="module")
def hub():
    with deployment.hub(HUBS[-1], image=images.two_proxies) as hub:
        yield hub


@pytest.fixture(scope="module")
def before(hub):
    """What the hub's own proxy does, on the machine that is changed over afterwards."""
    told = {"refused": deployment.on_server(hub.machine, "proxy_actions", "after_refusal", BEHIND, "alice"), "measured": measured(hub)}
    with faults.watching(hub, url=BEHIND) as watched:
        faults.restart(hub)
    return told | {"lived": watched["lived"]}


@pytest.fixture(scope="module")
def followed(hub, before, site):
    """A reader who has followed the page."""
    reader = following.Reader(hub.machine, following.Pages.examples(site), TABS["nginx"])
    reader.follow(PAGE, without=[AWAY])
    hub.machine.until(deployment.IS_UP)
    return reader


@pytest.fixture(scope="module", params=PROXIES)
def front(request, hub, followed):
    with deployment.in_front(hub, hub.suite, request.param):
        yield request.param


def measured(hub):
    """Of the proxy: milliseconds of a processor for an answer, and kilobytes that a WebSocket takes."""
    processes = "$(pgrep -x traefik || pgrep -f configurable-http-proxy)"
    spent = f"for p in {processes}; do sed 's/.*) //' /proc/$p/stat; done | awk '{{ s += $12 + $13 }} END {{ print s * 10 }}'"
    held = f"for p in {processes}; do cat /proc/$p/status; done | awk '/^RssAnon:/ {{ s += $2 }} END {{ print s }}'"

    def number(command):
        return float(hub.machine.sh(command).stdout)

    url, calls, lines = f"{BEHIND}hub/health", 10_000, 500
    call = ("ab", "-q", "-k", "-c", "20", "-n", str(calls), url)
    hub.machine.exec(*call)  # the first wakes everything up
    begun = number(spent)
    said = hub.machine.exec(*call).stdout
    assert "Non-2xx" not in said, said
    each = (number(spent) - begun) / calls
    empty = number(held)
    with faults.meanwhile(hub, "held", BEHIND, "alice", str(lines), module="proxy_actions") as task:
        full = number(held)
    assert task.result() == {"held": lines, "again": 0, "refused": 0}
    return {
        "milliseconds": each,
        "kilobytes": (full - empty) / lines,
    }


def restart(hub):
    """The hub, which may have been told to start when it could not."""
    hub.machine.sh("systemctl reset-failed jupyterhub; systemctl restart jupyterhub")
    try:
        hub.machine.until(deployment.IS_UP, timeout=90)
    except RuntimeError:
        raise RuntimeError(hub.machine.sh("journalctl --unit jupyterhub --output cat --no-pager | tail -n 60").stdout) from None


def test_each_command_of_the_page_prints_what_it_says(hub, followed, prove):
    assert not followed.wrong, "\n\n".join(followed.wrong)
    met = followed.meet_all(PAGE, STATES)
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert met == len(STATES)
    restart(hub)
    prove(evidence.installed(hub.machine, "two-proxies/requirements.txt", hub.suite))
    prove(evidence.read_beside("Valkey", hub.machine.sh("valkey-server --version | grep -o 'v=[0-9.]*'").stdout.strip()[2:], hub.suite))
    prove(evidence.units("two-proxies", hub.machine, hub.suite))
    prove(*followed.proof(hub.suite, "nginx"))


def test_a_user_climbs_the_whole_ladder(hub, front):
    rungs = hub.check()
    assert all(rung["ok"] for rung in rungs), tell(rungs[-1])
    assert rungs[-1]["rung"] == "blocks_shown"


def test_a_restart_of_the_hub_cuts_nothing_and_did_before(hub, before, followed):
    assert before["lived"] == CUT
    with faults.watching(hub, url=BEHIND) as told:
        faults.restart(hub)
    assert told["lived"] == ALL, told
    assert told["silent"]["server"] < told["silent"]["hub"], told


def test_a_restart_of_one_proxy_cuts_its_own_sockets_alone_and_they_open_again(hub, followed):
    with faults.meanwhile(hub, "held", BEHIND, "alice", str(SOCKETS), module="proxy_actions") as task:
        hub.machine.sh("systemctl restart hub-proxy@1.service")
    told = task.result()
    # Linux deals them out by chance.
    assert SOCKETS / 8 < told["held"] < SOCKETS * 7 / 8, told
    assert told["again"] == SOCKETS - told["held"]
    settled(hub)


def test_while_one_proxy_is_away_all_are_served(hub, followed):
    hub.machine.sh("systemctl stop hub-proxy@2.service")
    try:
        rungs = hub.check("--until", "upload_lands", url=BEHIND)
        assert all(rung["ok"] for rung in rungs), tell(rungs[-1])
    finally:
        hub.machine.sh("systemctl start hub-proxy@2.service")
        settled(hub)


def settled(hub):
    """Once both proxies have all routes."""
    return deployment.on_server(hub.machine, "proxy_actions", "settled", BEHIND)


def restarted(hub):
    """All three, as when the machine has started."""
    hub.machine.sh("systemctl restart hub-routes.service; systemctl restart hub-proxy@1.service hub-proxy@2.service")
    settled(hub)


def test_while_the_first_proxy_is_away_no_server_starts(hub, followed):
    """The hub asks it whether a new route is there."""
    hub.check("--until", "server_spawns", "--keep-server", url=BEHIND)
    hub.machine.sh("systemctl stop hub-proxy@1.service")
    try:
        rungs = hub.check("--until", "upload_lands", "--keep-server", url=BEHIND)
        assert all(rung["ok"] for rung in rungs), tell(rungs[-1])
        last = hub.check("--until", "server_spawns", "--spawn-timeout", "90", url=BEHIND, user="mallory")[-1]
        assert (last["rung"], last["ok"]) == ("server_spawns", False), last
    finally:
        hub.machine.sh("systemctl start hub-proxy@1.service")
        settled(hub)
    rungs = hub.check("--until", "kernel_computes", url=BEHIND, user="mallory")
    assert all(rung["ok"] for rung in rungs), tell(rungs[-1])


def test_a_restart_of_the_routes_cuts_nothing_and_servers_start_after_it(hub, followed):
    with faults.watching(hub, url=BEHIND) as told:
        hub.machine.sh("systemctl restart hub-routes.service")
    assert told["lived"] == ALL, told
    rungs = hub.check("--until", "kernel_computes", url=BEHIND, user="bob")
    assert all(rung["ok"] for rung in rungs), tell(rungs[-1])


def test_without_the_line_no_server_starts_after_it(hub, followed):
    conf = "/etc/valkey/routes.conf"
    hub.machine.sh(f"cp {conf} /var/tmp/; sed -i /notify-keyspace/d {conf}; systemctl restart hub-routes.service")
    try:
        last = hub.check("--until", "server_spawns", "--spawn-timeout", "90", url=BEHIND, user="mallory")[-1]
        assert (last["rung"], last["ok"]) == ("server_spawns", False), last
    finally:
        hub.machine.sh(f"cp /var/tmp/routes.conf {conf}")
        restarted(hub)
        restart(hub)


def test_a_hub_that_starts_before_the_routes_comes_up_once_they_are_there(hub, followed):
    hub.machine.sh("systemctl stop hub-routes.service; systemctl restart jupyterhub; sleep 15")
    assert hub.machine.sh(deployment.IS_UP, check=False).returncode
    hub.machine.sh("systemctl start hub-routes.service")
    hub.machine.until(deployment.IS_UP, timeout=90)


def test_after_a_start_of_the_machine_the_routes_are_there(hub, followed):
    with faults.watching(hub, url=BEHIND) as told:
        restarted(hub)
    assert told["lived"] == CUT, told


TAKE = """import socket, sys
for port in sys.argv[1:]:
    try:
        socket.create_server(("127.0.0.1", int(port)))
    except OSError as error:
        print(type(error).__name__)"""


def test_a_user_reads_no_route_and_changes_none(hub, followed):
    """Nor takes a port while what has it restarts: all are below 1024."""
    texts = "\n".join(PUBLISHED.read(name) for name in PUBLISHED.folder("two-proxies"))
    # %i is the number of a proxy.
    ports = {port + (number and one) for port, number in re.findall(r"127\.0\.0\.1:(\d+)(%i)?", texts) for one in "12"}
    assert ports & deployment.listening(hub.machine) == ports
    routes = re.search(r"(?m)^port (\d+)", PUBLISHED.read("two-proxies/routes.conf"))[1]
    asked = re.search(r'traefik_api_url = "http://127\.0\.0\.1:(\d+)"', PUBLISHED.read("two-proxies/two_proxies.py"))[1]
    tries = {
        "the password": f"open({SECRET!r}).read()",
        "the routes": f"ask({routes}, b'KEYS *\\r\\n')",
        "the names of routes": f"ask({asked}, b'GET /api/http/routers HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n')",
    }
    code = "import os, socket, json\ndef ask(port, words):\n  line = socket.create_connection(('127.0.0.1', port), 5)\n"
    code += "  line.sendall(words)\n  return line.recv(500).decode()\nseen = {}\nfor name, what in " + repr(tries) + ".items():\n"
    code += (
        "  try: seen[name] = str(eval(what))[:60]\n  except Exception as error: seen[name] = type(error).__name__\nprint(json.dumps(seen))"
    )
    seen = json.loads(re.search(r"\{.*\}", hub.on_server("compute", BEHIND, "alice", code))[0])
    assert seen.pop("the routes").startswith("-NOAUTH"), seen
    assert " 401 " in seen.pop("the names of routes"), seen
    assert seen == {"the password": "PermissionError"}
    # From a login by SSH, too, which no unit keeps apart from the others' programs.
    assert len(ports) == 4
    assert hub.machine.exec(PYTHON, "-c", TAKE, *ports, user="bob").stdout.split() == ["PermissionError"] * 4
    swept(hub)


def swept(hub):
    """bob finds the password in no file, and in no process."""
    found = local_users.swept(hub.machine, "bob", [hub.machine.read(SECRET).partition("=")[2].strip()])
    assert found["user"] == "bob"
    assert not {path: how for path, how in found["files"].items() if "secret" in how}
    assert not found["processes"]


# Valkey overwrites its arguments when it has read them. This one does not come to that.
SLOW = r"""mv /usr/bin/valkey-server /usr/bin/kept; printf '#!/bin/sh\nsleep 99\n' >/usr/bin/valkey-server; chmod 755 /usr/bin/valkey-server
systemctl restart hub-routes.service; sleep 1; pgrep --full 'valkey-server /etc/valkey/routes.conf'"""


def test_a_user_reads_no_password_while_the_routes_start(hub, followed):
    try:
        with deployment.made(hub.machine, SLOW, "mv /usr/bin/kept /usr/bin/valkey-server"):
            swept(hub)
    finally:
        restarted(hub)
        restart(hub)


def test_a_refused_websocket_spoils_no_connection_and_did_before(hub, before, followed):
    assert before["refused"][1] == "", before
    first, second = deployment.on_server(hub.machine, "proxy_actions", "after_refusal", BEHIND, "alice")
    assert (first[:12], second[:12]) == ("HTTP/1.1 404", "HTTP/1.1 200"), (first, second)


# Each server has the same port, and the second proxy is away: the first gets every request.
ALONE = f"""cp {SAVED_AS[CONFIG]} /root/kept; {{}}; cat >>{SAVED_AS[CONFIG]} <<'END'
import systemdspawner.systemdspawner as drawing

drawing.random_port = lambda: 33001
END
systemctl stop hub-proxy@2; systemctl restart jupyterhub; {deployment.COMES_UP}"""
BOTH = f"mv /root/kept {SAVED_AS[CONFIG]}; systemctl start hub-proxy@2; systemctl restart jupyterhub; {deployment.COMES_UP}"
ONE_ADDRESS = f"""sed -i 's/self.ip = str(/self.ip = "127.0.0.1" or str(/' {SAVED_AS[CONFIG]}"""


@pytest.mark.parametrize(("edit", "handed"), [("true", False), (ONE_ADDRESS, True)], ids=["published", "one address"])
def test_traefik_too_keeps_connections_and_none_leads_to_the_next_user_of_the_port(hub, followed, edit, handed):
    with deployment.made(hub.machine, ALONE.format(edit), BOTH):
        try:
            heard = local_users.heard_by_keeper(hub, BEHIND)
        finally:
            hub.on_server("stop", BEHIND, "alice")
    assert ("jupyterhub-user-alice=" in heard, bool(heard)) == (handed, handed), heard


def test_another_password_counts_once_all_have_been_restarted(hub, followed):
    hub.machine.sh(f"sed -i 's/=./=x/' {SECRET}")
    restarted(hub)
    restart(hub)
    rungs = hub.check("--until", "server_spawns", url=BEHIND)
    assert all(rung["ok"] for rung in rungs), tell(rungs[-1])


def test_the_page_has_what_was_measured(hub, before, followed):
    """Within what another machine, or other work on it, makes of it."""
    now = measured(hub)
    rows = re.findall(r"^\| (Processor|Memory)[^|]* \| ([\d.,]+) [^|]* \| ([\d.,]+) [^|]* \|$", TEXT, re.M)
    for (_, single, double), name in zip(rows, ("milliseconds", "kilobytes"), strict=True):
        published = float(double.replace(",", "")) / float(single.replace(",", ""))
        assert published / 3 < now[name] / before["measured"][name] < published * 3, (name, before["measured"], now)


def test_the_way_back_is_whole(hub, followed):
    followed.follow(PAGE, [AWAY])
    assert not followed.wrong, "\n\n".join(followed.wrong)
    hub.machine.until(deployment.IS_UP)
    engine.wait(lambda: hub.machine.sh("pgrep -f configurable-http-proxy"), timeout=20)
    rungs = hub.check("--until", "upload_lands", url=BEHIND)
    assert all(rung["ok"] for rung in rungs), tell(rungs[-1])
    assert "fail" not in hub.machine.sh("systemctl list-units --failed 'hub-*' --no-legend").stdout
