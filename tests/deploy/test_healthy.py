"""What a healthy hub writes to the journal, and how much; and that a backup of a hub works on another machine."""

import base64
import json
import re

import pytest

from tests.harness.machines import deployment, engine
from tests.harness.machines.deployment import BEHIND
from tests.harness.manifest import NEWEST_ON, PUBLISHED, ROOT
from tests.harness.pairs import EACH_ONCE, the_first
from tests.harness.site import following
from tests.harness.site.following import TABS

NAME, REMOVE = "deploy/look-after.md", "deploy/remove.md"
PAGE = (ROOT / NAME).read_text("utf-8")
CARE, UNITS = "/root/care", "/etc/systemd/system"
TIMERS = "jupyterhub-backup.timer jupyterhub-check.timer"
pytestmark = pytest.mark.xdist_group("healthy")


@pytest.fixture(scope="module", params=the_first([*NEWEST_ON]))
def hub(request):
    """A hub of the published files that has no user yet."""
    with deployment.hub(NEWEST_ON[request.param]) as hub:
        yield hub


# What a healthy hub says

# By what is before a message in the journal: of Jupyter's programs, of the hub's proxy.
JUPYTER = re.compile(r"\[(\w) \S+ \S+ [\w.]+(?: \w+:\d+)?\] (.*)")
CHP = re.compile(r"\S+Z \[ConfigProxy\] \x1b\[\d+m(\w+)\x1b\[39m: (.*)")
# What is said or not by how fast things went.
SOMETIMES = {
    "User … is slow to …",
    "Event loop was unresponsive for at least …",
    "Running as unit: jupyter-….service…",
    "Extension package … took … to import",
    "EOF on FD …; stopping reading",
    "Uncaught Exception: read ECONNRESET",
    "Error: read ECONNRESET",
    "at TCP.onStreamRead (…",
}


def listed():
    """The patterns of the page: of lines that look like faults, and of those that tell what happens."""
    section = PAGE.partition("## What a healthy hub writes to its log\n")[2].partition("\n## ")[0]
    loud = re.findall(r"^\| `([^`]+)` \|", section, re.M)
    (quiet,) = re.findall(r"(?s)```text\n(.*?)```", section)
    return loud, quiet.splitlines()


def pattern(line):
    return re.compile(".*".join(map(re.escape, line.split("…"))) + r"\s*")


@pytest.fixture(scope="module")
def said(hub):
    """What a hub and its users' servers have written, that was used, restarted and stopped."""
    rungs = hub.check("--megabytes", "1", "--until", "upload_lands", url=BEHIND)
    assert rungs[-1]["ok"], rungs[-1]
    hub.on_server("settle", BEHIND, "alice")
    deployment.end(hub)
    deployment.start(hub)
    hub.machine.sh("systemctl stop 'jupyter-*.service'")
    return hub.machine.sh("journalctl --namespace '*' --no-pager --output cat --unit jupyterhub --unit 'jupyter-*'").stdout.splitlines()


def test_each_line_of_a_healthy_hub_is_on_the_page_and_no_other(said):
    loud, quiet = listed()
    unknown, met = [], set()
    for line in filter(str.strip, said):
        level, text = found.groups() if (found := JUPYTER.match(line) or CHP.match(line)) else ("", line.strip())
        known = [one for one in (quiet if level in ("I", "info") else loud if level else loud + quiet) if pattern(one).fullmatch(text)]
        met.update(known)
        unknown += [] if known else [line]
    assert unknown == []
    assert {*loud, *quiet} - met - SOMETIMES == set(), "no hub says it any more"


def test_a_days_work_takes_as_much_of_the_journal_as_the_page_says(hub, said):
    """As the journal keeps it, for one user of the check: login, start, work, end."""
    rows = hub.machine.sh(
        "journalctl --namespace '*' --output json --unit jupyterhub --unit 'jupyter-alice*'", timeout=60
    ).stdout.splitlines()
    since = next(number for number, row in enumerate(rows) if "GET /jupyter/hub/api " in str(json.loads(row).get("MESSAGE")))
    until = next(number for number, row in enumerate(rows) if "took" in (words := str(json.loads(row)["MESSAGE"])) and "to stop" in words)
    told = int(re.search(r"these are about (\d+) kilobytes", PAGE)[1])
    taken = sum(len(str(value)) + len(key) for row in rows[since:until] for key, value in json.loads(row).items()) / 1000
    assert told / 2 < taken < told * 2, f"{taken:.0f} kilobytes in {until - since} lines"


# The way back


@pytest.fixture(scope="module")
def back(hub, said, site):
    """A machine that had no hub, on which a copy of another's was restored by the page; alice had used the other."""
    hub.on_server("settle", BEHIND, "alice")
    notebook = "~alice/lesson.ipynb"
    hub.machine.sh(f"echo '{{\"cells\": []}}' >{notebook}; chown alice: {notebook}")
    care = {name.removeprefix("care/"): PUBLISHED.read(name) for name in PUBLISHED.folder("care")}
    files = {f"{UNITS if name.endswith(('.service', '.timer')) else CARE}/{name}": text for name, text in care.items()}
    hub.machine.sh(f"systemctl daemon-reload; systemctl enable {TIMERS}", files)
    copy = hub.machine.sh(f"sh {CARE}/backup.sh /var/tmp/copies >/dev/null; base64 /var/tmp/copies/*", timeout=60).stdout
    with deployment.machine(NEWEST_ON[hub.suite]) as machine:
        # As an installer leaves a machine, but for the programs: those the published scripts have installed, as they do from a copy.
        machine.sh(
            "for user in alice bob mallory carol; do userdel --remove $user; done; groupdel jupyterhub; rm -rf /etc/jupyter* /root/check"
        )
        machine.put({"/root/copy.tar.gz": base64.b64decode(copy)})
        pages, proxy = following.Pages.examples(site), dict(EACH_ONCE)[hub.suite]
        other = deployment.Hub(machine, hub.version, hub.passwords, suite=hub.suite)

        def programs(machine):
            steps = pages.steps(REMOVE, TABS[proxy])
            commands = [step.command for step in steps if getattr(step, "section", "") == "set-it-up-again"]
            enable = next(command for command in commands if command == "cd /root/systemd && sh enable.sh")
            begun = f"date +@%s.%6N >{deployment.SINCE}; {enable}"
            machine.sh(f"{begun} && {deployment.COMES_UP}", timeout=90)

        again = following.Reader(machine, pages, TABS[proxy], before={f"systemctl enable --now {TIMERS}": programs})
        again.follow(NAME, ["restore-a-copy-on-an-empty-machine"])
        yield other, again


def test_on_another_machine_alices_notebook_token_password_and_login_are_back(back, prove):
    hub, again = back
    assert again.typed[0].command == f"sh {CARE}/restore.sh /root/copy.tar.gz"
    assert not again.wrong, "\n\n".join(again.wrong)
    # The next night is copied too.
    assert hub.machine.sh(f"systemctl is-enabled {TIMERS}; systemctl is-active {TIMERS}", check=False).stdout.split() == [
        "enabled",
        "enabled",
        "active",
        "active",
    ]
    assert hub.machine.sh("cat ~/lesson.ipynb", user="alice").stdout == '{"cells": []}\n'
    # Her start leads to the page of her server. A cookie of the server itself ends with each server.
    wanted = {"the hub, by session", "a start, by session", "the hub's API, by token", "the server, by token"}

    def reached():
        lacking = wanted - set(hub.on_server("reaches", BEHIND, "alice"))
        assert not lacking, lacking

    # Her first visit starts her server, which then takes a moment.
    engine.wait(reached, timeout=60, every=1)
    assert hub.on_server("let_in", BEHIND, "alice", "", "wrong") == [302, 403]
    # No reverse proxy stands in front.
    prove(*again.proof(hub.suite, ""))
