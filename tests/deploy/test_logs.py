"""No log has a secret: after a run with faults, /var/log and the journal are searched for every token, cookie and password of the run."""

import re
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from tests.harness.machines import deployment, engine
from tests.harness.machines.deployment import URL
from tests.harness.machines.faults import PROXY_PID
from tests.harness.manifest import FURTHER_PROXIES, PROXIES, PUBLISHED, ROOT, VALUES, VERSIONS, Files
from tests.harness.pairs import marks

SUITE = VERSIONS["debian"][-1]  # where logs have the modes that Debian gives them
newest = pytest.mark.parametrize("version", VERSIONS["jupyterhub"][:1])
TOKEN, TYPED, XSRF, SESSION = "a WebSocket's token", "a page's token", "the cookie _xsrf", "the cookie jupyterhub-session-id"
# What is left, by reverse proxy, in its logs and in the hub's; and what the page says of it.
LEFT = {"nginx": {("error.log", TYPED), ("error.log", XSRF)}, "apache": set()}
# A user reads the journal of their own server.
HUBS = {("system.journal", SESSION), ("user-1001.journal", SESSION), ("journal", SESSION)}
NAMED = {TYPED: "the address of a page", XSRF: "`_xsrf`", SESSION: "`jupyterhub-session-id`"}
# The journal of users' servers.
NAMESPACE = re.search(r'"LogNamespace": "(\w+)"', PUBLISHED.read("jupyterhub/jupyterhub_config.py"))[1]


def parts(secret):
    """A secret, and those parts of it that are long enough to be told from words: another may write the signs between them otherwise."""
    return [secret, *re.findall(r"[A-Za-z0-9]{20,}", secret)]


# What is in the journal, of all namespaces and with all fields: in its own files, longer texts are compressed.
JOURNAL = "! command -v journalctl >/dev/null || journalctl --namespace '*' --output export >/root/logs/journal"


def found(machine, looked_for):
    """Which log of a machine holds what: {(name of the file, what the secret is)}; "journal" is what its files hold."""
    names = {part: what for what, secret in looked_for.items() for part in parts(secret)}
    # A machine that has no journal says so.
    machine.sh(f"mkdir -p /root/logs; {JOURNAL}", check=False)
    command = "grep -raoFf /root/secrets /var/log /root/logs; rm -r /root/logs"
    lines = machine.sh(command, {"/root/secrets": "\n".join(names)}, check=False).stdout.splitlines()
    return {(path.rpartition("/")[2], names[part]) for path, _, part in (line.partition(":") for line in lines)}


@newest
def test_a_secret_in_a_long_line_of_any_journal_is_found(hubs, version):
    """A control: journald compresses such a line."""
    machine = hubs(version).machine
    words = {name: secrets.token_hex(20) for name in ("the system's", "the servers'")}
    system, servers = (f"{secrets.token_hex(500)}-{word}-{secrets.token_hex(500)}" for word in words.values())
    machine.sh(f"logger --size 4000 -- {system}; systemd-run --quiet --property LogNamespace={NAMESPACE} echo {servers}")

    def seen():
        assert {("journal", name) for name in words} <= found(machine, words)

    engine.wait(seen, timeout=20, every=1)


# What programs that read logs expect: address, user, time, request, status, bytes and client.
LINE = re.compile(r'(\S+) - - \[(.+?)\] "(\w+ .+ HTTP/1\.\d)" (\d{3}) (\d+) "([^"]*)"')


def requests_in(log):
    """By request and status, the address, age, bytes and client of the last such line; ValueError with a line that is another's."""
    seen = {}
    for line in log.splitlines():
        if not (found := LINE.fullmatch(line)):
            raise ValueError(line)
        address, when, request, status, size, client = found.groups()
        age = datetime.now(UTC) - datetime.strptime(when, "%d/%b/%Y:%H:%M:%S %z")
        seen[request, int(status)] = address, age, int(size), client.partition("/")[0]
    return seen


@newest
@pytest.mark.parametrize("proxy", PROXIES)
def test_no_log_holds_a_secret_that_the_page_on_security_does_not_name(hubs, version, proxy):
    hub, port = hubs(version), VALUES["hub"].rpartition(":")[2]
    with deployment.in_front(hub, SUITE, proxy) as machine:
        known = deployment.on_server(hub.machine, "log_traces", "use", URL, "alice", port, PROXY_PID)
        left = found(machine, known)
        log = PROXIES[proxy].log
        told = requests_in(machine.exec("setpriv", "--reuid=nobody", "--regid=adm", "--clear-groups", "cat", log).stdout)
        open_to_all = machine.sh("find /var/log/nginx /var/log/apache2 -type f -readable 2>/dev/null", check=False, user="nobody").stdout
    assert {"the password", TOKEN, TYPED, XSRF, SESSION, "the cookie jupyterhub-user-alice"} <= known.keys()
    assert any(what.startswith("JUPYTERHUB_API_TOKEN") for what in known)
    assert left == LEFT[proxy]
    assert found(hub.machine, known) == HUBS
    assert not open_to_all, "anybody on the machine reads who was here"
    # By HTTPS, and by plain HTTP.
    for status, client, least in ((200, "hubcheck", 1000), (301, "python-requests", 100)):
        address, age, size, agent = told["GET /jupyter/user/alice/lab HTTP/1.1", status]
        assert (address, agent) == ("127.0.0.1", client)
        assert abs(age) < timedelta(minutes=5)
        assert size > least
    said = (ROOT / "deploy/security.md").read_text("utf-8").partition("## What is left open")[2]
    assert [words for words in NAMED.values() if words not in said] == []
    # The one of them that is a cookie of the hub opens nothing by itself.
    name = SESSION.rpartition(" ")[2]
    assert deployment.on_server(hub.machine, "log_traces", "alone", deployment.BEHIND, name, known[SESSION]) == [302, 403]


# Prints, for who may read it, where it is written that alice's page was asked for.
WHO_ASKED = "grep -rals /jupyter/user/alice/lab /var/log /run/log; journalctl --quiet | grep --max-count 1 /jupyter/user/alice/lab"
# A log that is no file is written to one, so that it is searched like the others.
AS_A_FILE = "for unit in $(systemctl list-units --type service --plain --no-legend | cut -d ' ' -f 1); do journalctl --unit $unit; done"


@newest
@pytest.mark.parametrize("proxy", [pytest.param(name, marks=marks(name)) for name in FURTHER_PROXIES])
def test_no_log_of_a_further_proxy_holds_a_secret(hubs, version, proxy):
    """What it has is the path of each page, and that is for root and adm alone."""
    hub, port, row = hubs(version), VALUES["hub"].rpartition(":")[2], FURTHER_PROXIES[proxy]
    with deployment.in_front(hub, row.servers[-1], proxy) as machine:
        known = deployment.on_server(hub.machine, "log_traces", "use", URL, "alice", port, PROXY_PID)
        own = machine.sh(deployment.reading(row.log)).stdout
        told, open_to_all = (machine.sh(WHO_ASKED, check=False, user=user).stdout for user in ("root", "nobody"))
        machine.sh(f"{{ {AS_A_FILE}; }} >/var/log/journal.txt")
        left = found(machine, known)
    assert known[TOKEN] not in own
    assert "/jupyter/user/alice/lab" in own, "the log does not say what was asked"
    assert left == set()
    assert told
    assert not open_to_all, "anybody on the machine reads who was here"


# Of a line that is there twice, the first is port 80's.
WITHOUT = {
    "nginx": (["error_log", "    access_log"], {"error.log", "access.log"}),
    "apache": (["ErrorLogFormat", "    CustomLog"], {"error.log", "other_vhosts_access.log"}),
}
PATHS = ["user/alice/api/kernels/1/channels?token=of-a-websocket", "user/alice/lab?token=of-a-page"]


@newest
@pytest.mark.parametrize("proxy", PROXIES)
def test_without_the_lines_tokens_are_in_the_logs(hubs, version, proxy):
    lines, where = WITHOUT[proxy]
    name = f"{proxy}/jupyterhub.conf"
    text = PUBLISHED.read(name).replace(f"{VALUES['hub']}", "127.0.0.1:809")  # where nobody listens
    for line in lines:
        text = re.sub(rf"(?m)^.*{line}.*\n", "", text, count=1)
    hub = hubs(version)
    with deployment.in_front(hub, SUITE, proxy, Files({name: text})) as machine:
        deployment.on_server(hub.machine, "log_traces", "ask", URL, *PATHS)
        assert {log for log, _ in found(machine, {TOKEN: "of-a-websocket"})} == where
