"""The steps of deploy/look-after.md, typed on a machine with a hub: backups, emails, and alarms when the hub is really down."""

import contextlib
import re

import pytest

from tests.harness.machines import deployment, images
from tests.harness.machines.deployment import BEHIND, PYTHON, URL
from tests.harness.manifest import NEWEST_ON, ROOT
from tests.harness.pairs import EACH_ONCE, the_first
from tests.harness.site import following
from tests.harness.site.following import TABS

NAME = "deploy/look-after.md"
PAGE = (ROOT / NAME).read_text("utf-8")
TOKEN = "/root/care/check-token"
RULES = "/etc/prometheus/jupyterhub-rules.yml"
# The check asks by names of its own for the authority of these tests.
TRUST = "/etc/ssl/certs/tests.pem"
TRUSTED = f"[Service]\nEnvironment=REQUESTS_CA_BUNDLE={TRUST} SSL_CERT_FILE={TRUST}\n"
MAIL = "/var/mail/root"
STEPS = (
    "let-security-updates-come-by-themselves",
    "make-a-copy-each-night",
    "get-an-email-when-a-user-cannot-work",
    "watch-the-hub-with-prometheus",
    "how-much-the-logs-take",
)
pytestmark = pytest.mark.xdist_group("look-after")


@contextlib.contextmanager
def watched(suite, proxy):
    """A booted hub with the programs that the page installs, behind a reverse proxy, which has no user yet."""
    # Root of a real machine sees what users' programs use.
    sees = (*deployment.NAMED, "--cap-add=SYS_PTRACE")
    with deployment.machine(NEWEST_ON[suite], "bridge", sees, image=images.watched) as machine:
        # On a real machine systemd does so itself: else no unit finds its credentials.
        machine.sh("mount --make-rshared /")
        hub = deployment.prepare(machine, NEWEST_ON[suite])
        machine.put({TRUST: deployment.authority().cert_pem.bytes()})
        deployment.start(hub)
        with deployment.in_front(hub, suite, proxy):
            yield hub


@pytest.fixture(scope="module", params=the_first(EACH_ONCE))
def tended(request):
    """A hub to look after, and the reverse proxy in front of it."""
    suite, proxy = request.param
    with watched(suite, proxy) as hub:
        yield hub, proxy


@pytest.fixture(scope="module")
def hub(tended):
    return tended[0]


# The steps of the page


@pytest.fixture(scope="module")
def reader(tended, site):
    """A reader who has followed the page's steps; what it tells in words is done before the command that comes next."""
    hub, proxy = tended

    def token(machine):
        kept = deployment.on_server(machine, "user_actions", "token", BEHIND, "bob")
        machine.put({TOKEN: kept, "/etc/systemd/system/jupyterhub-check.service.d/tests.conf": TRUSTED})

    # The file that the page gives back to its user.
    mine = "runuser -u alice -- touch /home/alice/first.ipynb"
    before = {f"chmod 600 {TOKEN}": token, "sh /root/care/backup.sh": lambda machine: machine.sh(mine)}
    reader = following.Reader(hub.machine, following.Pages.examples(site), TABS[proxy], before=before)
    reader.follow(NAME, STEPS)
    return reader


def test_each_command_does_what_the_page_says(tended, reader, prove):
    hub, proxy = tended
    assert {step.section for step in reader.typed} == {*STEPS}
    assert not reader.wrong, "\n\n".join(reader.wrong)
    prove(*reader.proof(hub.suite, proxy))


def test_needrestart_names_users_servers_and_restarts_none(hub, reader):
    """When a library has been replaced that they use, as by an update; and everything that it has chosen is restarted."""
    hub.on_server("settle", BEHIND, "alice")
    pid = "systemctl show --property MainPID --value {}"
    library = hub.machine.sh(f"awk '/libz.so/ {{ print $6; exit }}' /proc/$({pid.format('jupyter-alice')})/maps").stdout.strip()
    install = "DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends needrestart"
    hub.machine.sh(f"{install} && cp {library} {library}.new && mv {library}.new {library}", timeout=300)
    pids = [pid.format(unit) for unit in ("jupyter-alice", "jupyterhub")]
    before = [hub.machine.sh(one).stdout for one in pids]
    try:
        assert "NEEDRESTART-SVC: jupyter-alice.service\n" in hub.machine.sh("needrestart -b -r l").stdout
        hub.machine.sh("needrestart -q -r a", timeout=300, check=False)
        after = [hub.machine.sh(one).stdout for one in pids]
        hub.machine.sh("rm /etc/needrestart/conf.d/jupyterhub.conf; needrestart -q -r a", timeout=300, check=False)
        without = hub.machine.sh(pids[0]).stdout
    finally:
        hub.machine.until(deployment.IS_UP)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]
    assert without != before[0], "without the line the page would be of no use"


def letters(hub, subject):
    return hub.machine.sh(f"grep -c '^Subject: {subject} failed on ' {MAIL}", check=False).stdout.strip() or "0"


def test_a_check_is_silent_while_all_is_well_and_leaves_no_server(hub, reader):
    said = 'journalctl --quiet --output cat --since "$since" --unit jupyterhub-check _TRANSPORT=stdout'
    assert hub.machine.sh(f"since=$(date +@%s.%6N); systemctl start jupyterhub-check; {said}", timeout=120).stdout == ""
    assert letters(hub, "jupyterhub-check") == "0"
    assert hub.machine.sh("systemctl is-active jupyter-bob", check=False).stdout.strip() == "inactive"


def test_a_fault_is_told_by_one_email_with_its_name_and_then_a_line_for_each_check(hub, reader):
    hub.machine.sh("systemctl stop jupyterhub-check.timer jupyterhub")
    try:
        for _ in range(2):
            assert hub.machine.sh("systemctl start jupyterhub-check.service", check=False).returncode
            hub.machine.sh("systemctl is-failed jupyterhub-check")
            # An alarm tells of the last run, and the next is to come when it has told: here no quarter of an hour lies between.
            hub.machine.until("! systemctl list-jobs | grep jupyterhub-alarm", timeout=20)
        hub.machine.until(f"grep -q '^Subject: jupyterhub-check failed on ' {MAIL}", timeout=20)
    finally:
        deployment.start(hub)
        hub.machine.sh("systemctl start jupyterhub-check.timer")
    assert letters(hub, "jupyterhub-check") == "1"
    (letter,) = re.findall(r"(?s)Subject: jupyterhub-check failed on hub\.example\.com\n.*?\n\n(.*?)\n\n", hub.machine.read(MAIL) + "\n")
    assert re.fullmatch(
        r"hub_answers fails: GET .* One of these: .* To decide: .* Read: troubleshooting/bad-gateway-or-service-unavailable", letter
    )
    lines = hub.machine.sh("journalctl --output cat --unit jupyterhub-check --grep '^hub_answers fails'").stdout.splitlines()
    assert len(lines) == 2


def asked(hub, path, token=""):
    """The status of an answer of the hub, through the reverse proxy as everybody asks."""
    ask = f"import requests, sys; print(requests.get(sys.argv[1], headers=eval(sys.argv[2]), verify='{TRUST}').status_code)"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return int(hub.machine.exec(PYTHON, "-c", ask, f"{URL}hub/{path}", repr(headers)).stdout)


def test_the_hubs_numbers_are_for_one_token_and_its_health_for_everybody(hub, reader):
    own = hub.machine.read("/etc/prometheus/jupyterhub-token").strip()
    assert asked(hub, "health") == 200
    assert asked(hub, "metrics") == 403
    assert asked(hub, "metrics", hub.machine.read(TOKEN).strip()) == 403
    assert asked(hub, "metrics", own) == 200
    assert asked(hub, "api/users", own) == 403, "the token opens nothing else"
    assert hub.machine.sh("stat --format '%a %U %G' /etc/prometheus/jupyterhub-token").stdout == "640 root prometheus\n"


def test_prometheus_answers_on_this_machine_alone(hub, reader):
    """In the kernel's words: port 9090 of 127.0.0.1."""
    listening = hub.machine.sh("awk '$4 == \"0A\" { print $2 }' /proc/net/tcp /proc/net/tcp6").stdout.split()
    assert [address for address in listening if address.endswith(":2382")] == ["0100007F:2382"]


def test_a_hub_that_is_gone_raises_its_alarm(hub, reader):
    """In Prometheus itself, by the published files but for their times."""
    quick = "sed -i 's/15s/1s/' /etc/prometheus/prometheus.yml; sed -i 's/for: 2m/for: 3s/' " + RULES
    alarm = 'promtool query instant http://127.0.0.1:9090 \'ALERTS{alertname="HubDoesNotAnswer",alertstate="firing"}\''
    hub.machine.sh(f"{quick}; systemctl reload prometheus")
    try:
        hub.machine.sh(f"! {alarm} | grep firing")
    finally:
        deployment.end(hub)
    try:
        hub.machine.until(f"{alarm} | grep -q firing", timeout=30)
    finally:
        deployment.start(hub)
