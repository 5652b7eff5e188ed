"""The units and files of deploy/look-after.md that watch a hub, on a machine without one: what each does, who is told, and when."""

import contextlib
import email
import json
import re

import pytest

from tests.harness.machines import deployment, images
from tests.harness.machines.deployment import BEHIND, PYTHON, URL
from tests.harness.manifest import NEWEST_ON, PUBLISHED, ROOT, SAVED_AS, VERSIONS
from tests.harness.measuring import evidence
from tests.harness.pairs import the_first

CARE, UNITS, MAIL = "/root/care", "/etc/systemd/system", "/var/mail/root"
PAGE = (ROOT / "deploy/look-after.md").read_text("utf-8")
pytestmark = pytest.mark.xdist_group("watch")
# In place of the published check: what it was given, who runs it, and what that one may do.
PROBE = """
import json, os, sys
def may(call):
    try:
        call()
        return True
    except OSError:
        return False
told = {"arguments": sys.argv[1:], "user": os.getuid(), "token": open(sys.argv[3]).read()}
told["reads"] = [path for path in ("/root/care/check-token", "/etc/shadow") if may(lambda: open(path))]
told["writes"] = [path for path in ("/home", "/etc", "/var/lib", "/opt/jupyterhub") if may(lambda: open(f"{path}/tried", "w"))]
print(json.dumps(told))
"""
FAILS = "print('kernel_computes fails: no answer')\nraise SystemExit(1)\n"


@pytest.fixture(scope="module", params=the_first([*NEWEST_ON]))
def suite(request):
    return request.param


@pytest.fixture(scope="module")
def machine(suite):
    with deployment.machine(NEWEST_ON[suite], image=images.watched) as machine:
        # On a real machine systemd does so itself: else no unit finds its credentials.
        machine.sh("mount --make-rshared /; systemctl stop prometheus")
        yield machine


@pytest.fixture
def placed(machine):
    """The machine with the published units in their places, none of which has run, and programs that stand in for what they run."""
    names = [name.removeprefix("care/") for name in PUBLISHED.folder("care")]
    units = {f"{UNITS}/{name}": PUBLISHED.read(f"care/{name}") for name in names if name.endswith((".service", ".timer"))}
    made = {f"{CARE}/alarm.sh": PUBLISHED.read("care/alarm.sh"), f"{CARE}/check-token": "secret", f"{CARE}/backup.sh": "echo copied\n"}
    again = "systemctl daemon-reload; systemctl reset-failed; rm -f /var/mail/root; chmod 600 /root/care/check-token"
    machine.sh(f"{again}; timedatectl 2>/dev/null; true", units | made | {"/root/check/hubcheck.py": PROBE})
    return machine


def started(machine, unit):
    """Whether a unit that was started ended well, and what it printed."""
    since = machine.sh("date +@%s.%6N").stdout.strip()
    done = machine.sh(f"systemctl start '{unit}'", check=False)
    said = machine.sh(f"journalctl --sync; journalctl --quiet --output cat --since {since} --unit '{unit}' _TRANSPORT=stdout", check=False)
    return not done.returncode, said.stdout


def letters(machine):
    """The emails to root, each with its subject and its text, once no more is on its way."""
    machine.until('! systemctl list-jobs | grep jupyterhub && [ -z "$(ls /var/spool/dma | grep -v flush)" ]', timeout=20)
    text = machine.sh(f"cat {MAIL}", check=False).stdout
    sent = [email.message_from_string(one) for one in re.split(r"(?m)^From .*\n", text)[1:]]
    return [(one["Subject"], one.get_payload().strip()) for one in sent]


def test_the_check_is_nobodys_that_has_its_token_and_can_write_nowhere(placed):
    well, said = started(placed, "jupyterhub-check.service")
    told = json.loads(said)
    token = told["arguments"].pop(2)
    assert (well, told["token"]) == (True, "secret"), token
    assert told["arguments"] == [URL, "--token-file", "--watch", "--megabytes", "1"]
    # systemd gives numbers from 61184 to 65519.
    assert 61184 <= told["user"] <= 65519
    assert (told["reads"], told["writes"]) == ([], [])
    assert letters(placed) == []


def test_a_check_that_fails_is_told_root_once_and_the_journal_each_time(placed):
    placed.put({"/root/check/hubcheck.py": FAILS})
    for _ in range(2):
        assert started(placed, "jupyterhub-check.service") == (False, "kernel_computes fails: no answer\n")
        # The email has what the unit has said until it is written.
        letters(placed)
    assert letters(placed) == [("jupyterhub-check failed on hub.example.com", "kernel_computes fails: no answer")]


@pytest.mark.parametrize(("name", "script"), [("check", "/root/check/hubcheck.py"), ("backup", f"{CARE}/backup.sh")])
def test_a_fault_after_one_that_is_over_is_told_at_once(placed, name, script):
    """While the timer is set, which here never comes: otherwise systemd forgets a unit that has ended, and its limit."""
    well, ill = (PROBE, FAILS) if name == "check" else ("echo copied\n", "exit 1\n")
    timer = re.sub("OnCalendar=.*", "OnCalendar=2099-01-01", PUBLISHED.read(f"care/jupyterhub-{name}.timer")).replace(
        "Persistent=true\n", ""
    )
    placed.sh(f"systemctl daemon-reload; systemctl start jupyterhub-{name}.timer", {f"{UNITS}/jupyterhub-{name}.timer": timer})
    ended = []
    try:
        for text in (ill, well, well, ill, ill):
            placed.put({script: text})
            ended.append(started(placed, f"jupyterhub-{name}.service")[0])
            letters(placed)
    finally:
        placed.sh(f"systemctl stop jupyterhub-{name}.timer")
    assert ended == [False, True, True, False, False]
    assert [subject for subject, _ in letters(placed)] == [f"jupyterhub-{name} failed on hub.example.com"] * 2


def test_no_alarm_holds_back_that_of_the_next_night_and_no_day_has_three(placed):
    """A copy may fail at once, when the one of the night before has failed as late as it could."""
    asked = {"jupyterhub-alarm@jupyterhub-backup": "StartLimitIntervalUSec", "jupyterhub-backup": "TimeoutStartUSec"}
    shown = [placed.sh(f"systemctl show --property {name} --value {unit}").stdout for unit, name in asked.items()]
    hours = [re.fullmatch(r"(\d+)h\n", text) for text in shown]
    assert all(hours), shown
    quiet, longest = (int(number[1]) for number in hours)
    assert 12 < quiet < 24 - longest
    said = re.search(r"every (\d+) hours", PAGE)[1]
    assert quiet == int(said)


def test_a_copy_that_fails_is_told_root(placed, suite, prove):
    assert started(placed, "jupyterhub-backup.service") == (True, "copied\n")
    assert letters(placed) == []
    placed.put({f"{CARE}/backup.sh": "echo no room >&2; exit 1\n"})
    assert started(placed, "jupyterhub-backup.service") == (False, "no room\n")
    assert letters(placed) == [("jupyterhub-backup failed on hub.example.com", "no room")]
    prove(evidence.units("care", placed, suite))


def test_a_renewal_of_the_certificate_that_fails_is_told_root(placed):
    """By the commands of deploy/certificate.md, with a unit in the place of Debian's."""
    (block,) = re.findall(r"```console\n([^`]*certbot\.service\.d[^`]*)```", (ROOT / "deploy/certificate.md").read_text("utf-8"))
    fails = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo no answer; exit 1'\n"
    placed.sh(block.replace("# ", ""), {f"{UNITS}/certbot.service": fails})
    try:
        assert started(placed, "certbot.service") == (False, "no answer\n")
        assert letters(placed) == [("certbot failed on hub.example.com", "no answer")]
    finally:
        placed.sh(f"rm -r {UNITS}/certbot.service*; systemctl daemon-reload")


def test_a_copy_that_hangs_is_ended_and_told_root(placed):
    """After five hours; here, after a second."""
    unit = PUBLISHED.read("care/jupyterhub-backup.service").replace("=5h", "=1s")
    assert placed.sh("systemctl show --property TimeoutStartUSec --value jupyterhub-backup").stdout == "5h\n"
    placed.sh(
        "systemctl daemon-reload; systemctl start --no-block jupyterhub-backup",
        {f"{UNITS}/jupyterhub-backup.service": unit, f"{CARE}/backup.sh": "echo begun; sleep 60\n"},
    )
    try:
        placed.until("systemctl is-failed jupyterhub-backup", timeout=20)
    finally:
        placed.sh("systemctl stop jupyterhub-backup")
    assert letters(placed) == [("jupyterhub-backup failed on hub.example.com", "begun")]


def test_what_reaches_the_journal_when_the_unit_has_failed_is_in_the_email(placed):
    """As on a machine that has more to do than it can: the journal's own program is made to wait."""
    placed.put({f"{CARE}/backup.sh": "echo no room; exit 1\n"})
    placed.sh("systemctl kill --signal STOP systemd-journald")
    try:
        placed.sh("! systemctl start jupyterhub-backup.service; sleep 1")
    finally:
        placed.sh("systemctl kill --signal CONT systemd-journald")
    assert letters(placed) == [("jupyterhub-backup failed on hub.example.com", "no room")]


@pytest.mark.parametrize("lacking", ["/usr/sbin/dma", f"{CARE}/alarm.sh"])
def test_an_email_that_cannot_be_sent_is_a_unit_that_failed(placed, lacking):
    placed.sh(f"mv {lacking} /var/tmp/away")
    try:
        assert not started(placed, "jupyterhub-alarm@jupyterhub.service")[0]
    finally:
        placed.sh(f"mv /var/tmp/away {lacking}")


def test_after_a_try_that_failed_the_next_is_refused_until_what_the_page_says_is_typed(placed):
    unit, again = "jupyterhub-alarm@jupyterhub.service", re.search(r"until you type `(systemctl reset-failed [^`]+)`", PAGE)[1]
    placed.sh("mv /usr/sbin/dma /var/tmp/away")
    try:
        assert not started(placed, unit)[0]
    finally:
        placed.sh("mv /var/tmp/away /usr/sbin/dma")
    assert not started(placed, unit)[0]
    placed.sh(again)
    assert started(placed, unit)[0]
    assert [subject for subject, _ in letters(placed)] == ["jupyterhub failed on hub.example.com"]


def test_a_program_that_has_taken_an_email_may_deliver_it_when_the_unit_has_ended(placed):
    slow = "#!/bin/sh\ncat >/dev/null\n(sleep 1; touch /tmp/delivered) >/dev/null 2>&1 &\n"
    placed.sh("rm -f /tmp/delivered; mv /usr/sbin/sendmail /var/tmp/sendmail")
    try:
        placed.put({"/usr/sbin/sendmail": slow})
        assert started(placed, "jupyterhub-alarm@jupyterhub.service")[0]
        placed.until("test -e /tmp/delivered", timeout=6)
    finally:
        placed.sh("mv /var/tmp/sendmail /usr/sbin/sendmail")


@pytest.mark.parametrize("command", [f"sh {CARE}/alarm.sh", f"PATH=/root/standins:$PATH sh {CARE}/alarm.sh jupyterhub"])
def test_an_email_about_nothing_is_none(placed, command):
    """No unit is named, or systemd tells nothing of it."""
    done = placed.sh(command, {"/root/standins/systemctl": "#!/bin/sh\nexit 1\n"}, check=False)
    assert done.returncode
    assert letters(placed) == []


@pytest.mark.parametrize(("name", "when"), [("backup", "*-*-* 04:00:00"), ("check", "*-*-* *:00/15:00")])
def test_a_timer_is_set_now_and_whenever_the_machine_starts(placed, name, when):
    timer = f"jupyterhub-{name}.timer"
    placed.sh(f"systemctl enable --now {timer}")
    try:
        told = placed.sh(f"systemctl show --property ActiveState,UnitFileState,TimersCalendar --value {timer}").stdout
        assert f"OnCalendar={when} " in told
        assert {"active", "enabled"} <= set(told.split())
    finally:
        placed.sh(f"systemctl disable --now {timer}")


def test_a_copy_that_was_missed_is_made_when_the_machine_is_on_again(placed):
    stamp = "/var/lib/systemd/timers/stamp-jupyterhub-backup.timer"
    placed.put({f"{CARE}/backup.sh": "touch /var/tmp/made\n"})
    placed.sh(
        f"rm -f /var/tmp/made; mkdir -p {stamp.rpartition('/')[0]}; touch -d '3 days ago' {stamp}; systemctl start jupyterhub-backup.timer"
    )
    try:
        placed.until("test -e /var/tmp/made", timeout=10)
    finally:
        placed.sh("systemctl stop jupyterhub-backup.timer")


# What the hub tells programs

ASK = """
import json, sys
import requests
token, *paths = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"} if token else {}
print(json.dumps([requests.get(path, headers=headers).status_code for path in paths]))
"""


def test_the_hubs_numbers_are_for_one_token_and_its_health_for_everybody(machine, suite):
    own = "0123456789abcdef"
    text = PUBLISHED.read("jupyterhub/jupyterhub_config.py") + PUBLISHED.read("care/metrics.py")
    hub = deployment.prepare(machine, NEWEST_ON[suite])
    machine.put({SAVED_AS["jupyterhub/jupyterhub_config.py"]: text, "/etc/jupyterhub/metrics-token": f"{own}\n"})
    deployment.start(hub)
    try:
        users = hub.on_server("token", BEHIND, "bob")
        paths = [f"{BEHIND}hub/{path}" for path in ("health", "metrics", "api/users")]
        told = {token: json.loads(machine.exec(PYTHON, "-c", ASK, token, *paths).stdout) for token in ("", users, own)}
    finally:
        deployment.end(hub)
    assert told == {"": [200, 403, 403], users: [200, 403, 403], own: [200, 200, 403]}


# Prometheus

# In place of a hub: it notes what it is asked.
STANDIN = """
import http.server
class Hub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("/tmp/asked", "a") as file:
            print(self.path, self.headers["Authorization"], file=file)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"one 1\\n")
http.server.HTTPServer(("127.0.0.1", 800), Hub).serve_forever()
"""
ETC = "/etc/prometheus"
TOLD = """
import json, urllib.request
ask = lambda what: json.load(urllib.request.urlopen(f"http://127.0.0.1:9099/api/v1/{what}"))["data"]
(target,), (group,) = ask("targets")["activeTargets"], ask("rules")["groups"]
print(json.dumps([target["scrapeInterval"], target["labels"]["job"], target["health"], group["name"], group["interval"]]))
"""


@contextlib.contextmanager
def prometheus(machine):
    """Prometheus with the published files, which are accepted, and a hub's stand-in, for the length of a `with` block."""
    files = {f"{ETC}/{name}": PUBLISHED.read(f"care/{name}") for name in ("prometheus.yml", "jupyterhub-rules.yml")}
    run = f"prometheus --config.file {ETC}/prometheus.yml --storage.tsdb.path /tmp/numbers --web.listen-address 127.0.0.1:9099"
    machine.sh(
        f"rm -rf /tmp/asked /tmp/numbers; {PYTHON} /tmp/standin.py >/dev/null 2>&1 & echo $! >/tmp/pids; "
        f"promtool check config {ETC}/prometheus.yml || exit 1; {run} >/tmp/prometheus.log 2>&1 & echo $! >>/tmp/pids",
        files | {"/tmp/standin.py": STANDIN, f"{ETC}/jupyterhub-token": "secret\n"},
    )
    try:
        yield
    finally:
        machine.sh("kill $(cat /tmp/pids)", check=False)


def test_prometheus_asks_the_hub_with_its_token_four_times_a_minute_and_has_the_alarms(machine, suite, prove):
    with prometheus(machine):
        machine.until("grep -q ' Bearer secret$' /tmp/asked", timeout=40)
        machine.until("promtool query instant http://127.0.0.1:9099 up | grep '=> 1 '", timeout=20)
        told = json.loads(machine.exec(PYTHON, "-c", TOLD).stdout)
    assert machine.read("/tmp/asked").splitlines()[0] == "/jupyter/hub/metrics Bearer secret"
    assert told == ["15s", "jupyterhub", "up", "jupyterhub", 15]
    version = machine.sh("prometheus --version 2>&1 | head -n 1").stdout.split()[2]
    prove(evidence.read_beside("Prometheus", version, suite))


# What Prometheus would have seen, by the minute; at which minute it is asked; and which alarms it then raises.
UP, OTHER = 'up{job="jupyterhub"}', 'up{job="other"}'
STARTS = "jupyterhub_server_spawn_duration_seconds_count"
FAILED, OF_5, TWICE, WELL, MANY = (
    f"{STARTS}{{{labels}}}"
    for labels in (
        'status="error",reason=""',
        'status="failure"',
        'status="error",reason="exited"',
        'status="success",reason=""',
        'status="failure",reason="throttled"',
    )
)
SLOW = [f'jupyterhub_event_loop_interval_seconds_bucket{{le="{le}"}}' for le in ("0.05", "0.5", "1", "+Inf")]
LABELS = {"HubDoesNotAnswer": {"job": "jupyterhub"}, "ServersDoNotStart": {}, "HubIsSlow": {}}
CASES = [
    ({UP: "1 1 1 0 0 0 0 0 0"}, "4m", []),
    ({UP: "1 1 1 0 0 0 0 0 0"}, "6m", ["HubDoesNotAnswer"]),
    ({UP: "1x9", OTHER: "0x9"}, "6m", []),
    ({FAILED: "0 0 0 0 0 1 1 1 1 2 2 2 2 2 2 2"}, "15m", []),
    ({FAILED: "0 0 0 0 0 1 1 1 2 2 3 3 3 3 4 4", WELL: "0+9x15"}, "15m", ["ServersDoNotStart"]),
    (dict(zip(SLOW, ("0+80x40", "0+85x40", "0+100x40", "0+100x40"), strict=True)), "13m", ["HubIsSlow"]),
    (dict(zip(SLOW, ("0+80x40", "0+85x40", "0+100x40", "0+100x40"), strict=True)), "8m", []),
    (dict(zip(SLOW, ("0+80x40", "0+95x40", "0+100x40", "0+100x40"), strict=True)), "13m", []),
    ({OF_5: "0 0 0 0 0 1 1 1 2 2 3 3 3 3 4 4"}, "15m", ["ServersDoNotStart"]),
    ({FAILED: "0x4 2x15", OF_5: "0x9 1x9"}, "15m", ["ServersDoNotStart"]),
    ({FAILED: "0x9 2x9", TWICE: "0x9 2x9", MANY: "0x9 9x9"}, "15m", []),
]


def raised(machine, interval, series, when, alarms):
    """Asserts that Prometheus raises these alarms, and no other, by the published rules."""
    every = re.findall(r"^\| `(\w+)` \|", PAGE.partition("| Alarm |")[2].partition("\n\n")[0], re.M)
    assert set(every) == LABELS.keys()
    wanted = {name: [{"exp_labels": LABELS[name]}] if name in alarms else [] for name in every}
    test = {
        "interval": interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": when, "alertname": name, "exp_alerts": those} for name, those in wanted.items()],
    }
    case = {"rule_files": ["rules.yml"], "evaluation_interval": "1s" if interval == "15s" else "1m", "tests": [test]}
    files = {"/tmp/rules/case.json": json.dumps(case), "/tmp/rules/rules.yml": PUBLISHED.read("care/jupyterhub-rules.yml")}
    done = machine.sh("cd /tmp/rules && promtool test rules case.json", files, check=False)
    assert not done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("series", "when", "alarms"), CASES)
def test_an_alarm_comes_when_the_page_says_and_not_before(machine, series, when, alarms):
    raised(machine, "1m", series, when, alarms)


@pytest.mark.parametrize(("failed", "alarms"), [("0x20 1x20 2x40", []), ("0x20 1x20 3x40", ["ServersDoNotStart"])])
def test_between_two_questions_of_prometheus_two_failed_starts_are_not_three(machine, failed, alarms):
    """Prometheus asks every 15 seconds, and estimates for the 7 after the last."""
    raised(machine, "15s", {FAILED: failed}, "15m7s", alarms)


# A server that ends when the hub has been told that it starts.
DIES = """
c.Spawner.cmd = ["/bin/sh", "-c", "sleep 3"]
c.Spawner.http_timeout = 12
"""
# How many starts of that kind raise the alarm.
ENOUGH = dict(zip(VERSIONS["jupyterhub"], (3, 2), strict=True))


def test_starts_that_fail_raise_the_alarm_by_what_the_hub_itself_counts(machine, suite):
    """One JupyterHub for each Debian that Prometheus comes from."""
    version = dict(zip(NEWEST_ON, ENOUGH, strict=True))[suite]
    own, numbers = "0123456789abcdef", []
    text = PUBLISHED.read("jupyterhub/jupyterhub_config.py") + PUBLISHED.read("care/metrics.py") + DIES
    ask = f"import requests; print(requests.get('{BEHIND}hub/metrics', headers={{'Authorization': 'Bearer {own}'}}).text)"
    with deployment.machine(version) as other:
        hub = deployment.prepare(other, version)
        other.put({SAVED_AS["jupyterhub/jupyterhub_config.py"]: text, "/etc/jupyterhub/metrics-token": f"{own}\n"})
        deployment.start(hub)
        for user in ("", "alice", "bob", "mallory"):
            if user:
                last = hub.check("--until", "server_spawns", user=user, url=BEHIND)[-1]
                assert (last["rung"], last["ok"]) == ("server_spawns", False), last
                other.until(f'{deployment.SAID} | grep -q "{user}\'s server never showed up"', timeout=30)
            rows = [line.rsplit(" ", 1) for line in other.exec(PYTHON, "-c", ask).stdout.splitlines() if line.startswith(f"{STARTS}{{")]
            numbers.append({name: int(float(value)) for name, value in rows})
    assert numbers[0]
    for failed in range(1, 4):
        series = {name: f"{numbers[0].get(name, 0)}x20 {count}x40" for name, count in numbers[failed].items()}
        raised(machine, "15s", series, "15m7s", ["ServersDoNotStart"] if failed >= ENOUGH[version] else [])
