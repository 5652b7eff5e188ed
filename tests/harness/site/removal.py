"""Removes the hub again as the guide's page says, and records the machine's state between the parts of the page."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bs4 import BeautifulSoup

from tests.harness.machines import deployment, engine, picture
from tests.harness.machines.picture import Difference, Picture
from tests.harness.site.following import Reader, State
from tests.harness.site.walk import Type

PAGE = "deploy/remove.md"
# Done only where the web server has no other site, and only to accounts whose files may go.
SITE = "take-the-site-out-of-the-web-server"
WEB_SERVER, ACCOUNTS = "the-web-server", "delete-accounts-with-all-their-files"
AGAIN = "set-it-up-again"
# A program of a user's that goes on when it is asked to end, and writes to nobody who may be gone.
STUBBORN = """import subprocess
quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
subprocess.Popen(["sh", "-c", "trap '' TERM; exec sleep 9999"], start_new_session=True, **quiet).pid"""
NOTES = "/home/alice/notes.txt"
# What alice has outside her home, and what of it is still hers or is there.
ELSEWHERE = """id --user alice >/var/tmp/number
for folder in /var/spool/cron /var/spool/cron/crontabs /var/lib/systemd/linger /srv/shared; do
    mkdir $folder 2>/dev/null && echo $folder >>/var/tmp/made
done
for name in /srv/shared/work /tmp/hers /var/tmp/hers /var/spool/cron/crontabs/alice /var/lib/systemd/linger/alice; do echo x >$name; done
chown -R alice: /srv/shared /tmp/hers /var/tmp/hers /var/spool/cron/crontabs/alice"""
# On Debian 13, /tmp is a file system of its own.
LEFT = """find / /tmp -xdev -uid $(cat /var/tmp/number); stat --format '%U %n' /srv/shared/work
ls /var/lib/systemd/linger /var/spool/cron/crontabs"""
FOLDERS = "rm /srv/shared/work; rmdir $(tac /var/tmp/made); rm /var/tmp/made /var/tmp/number"
# Names the files of nginx that are no package's.
STRANGERS = """find /etc/nginx -type f -exec sh -c 'dpkg --search "$1" >/dev/null 2>&1 || echo "$1"' sh {} ';'"""
DATABASE = "/var/lib/jupyterhub/jupyterhub.sqlite"
# What the page says may be seen instead, by the beginning of its sentence: the section before which it is made, and how.
STATES = {
    "If you see Not found in archive": ("keep-a-copy", State(f"mv {DATABASE} /var/tmp/away", f"mv /var/tmp/away {DATABASE}", cured=True)),
    # What the block deletes is not there once it has been typed.
    "If you see No such file or directory": ("delete-the-group", State("true")),
    "If you see cannot remove the primary group of user": (
        "delete-the-group",
        State(
            "useradd --gid jupyterhub --no-create-home carl",
            "usermod --gid users carl && groupdel jupyterhub && groupadd jupyterhub && userdel carl",
        ),
    ),
}


@dataclass(frozen=True)
class Stays:
    """What the page says stays: a `kind` and a `name` as a `Difference` has them, and `until` when, in the page's words.

    `perhaps` it stays, on another machine or another time.
    """

    kind: str
    name: str
    until: str
    perhaps: bool

    def is_about(self, difference: Difference) -> bool:
        if self.kind != "file":
            return (self.kind, self.name) == (difference.kind, difference.name)
        return difference.kind == "file" and f"{difference.name}/".startswith(f"{self.name}/")


def listed(page: BeautifulSoup, tab: str) -> list[Stays]:
    """The page's list of what stays, for a reader of a tab."""
    section, found = page.select_one("#what-stays"), []
    for table in section.select("table"):
        panel = table.find_parent(class_="sphinx-tabs-panel")
        if table.find_parent("section") is not section or (panel and panel["data-label"] != tab):
            continue
        for row in table.select("tbody tr"):
            what, where, until = row.select("td")
            for code in where.select("code"):
                kind = re.search(r"(user|group|package) $", str(code.previous_sibling or ""))
                said = until.get_text(" ", strip=True)
                found.append(Stays(kind[1] if kind else "file", code.get_text(), said, " may " in what.get_text()))
    return found


def _in_kernel(machine: engine.Container, values: Mapping[str, str], code: str) -> str:
    behind = f"http://{values['hub']}{values['base_url']}"
    return deployment.on_server(machine, "user_actions", "compute", behind, "alice", code, "--keep-server").strip()


def work(machine: engine.Container, values: Mapping[str, str], password: str) -> None:
    """Have alice work in a hub that is a service of the machine: her server runs, and a program that goes on when it is asked to end."""
    machine.sh("systemctl start jupyterhub.service")
    machine.until(deployment.IS_UP, timeout=60)
    machine.put({f"{deployment.CHECK}/alice.txt": password, f"{deployment.CHECK}/ca.pem": deployment.authority().cert_pem.bytes()})
    pid = _in_kernel(machine, values, STUBBORN)
    machine.sh(f"kill -TERM {pid}; sleep 0.3; kill -0 {pid}; echo kept >{NOTES}")


def follow(reader: Reader, again: Mapping[str, str] | None = None) -> dict[str, Picture | list[str]]:
    """Follow the page. Returns pictures of the machine without the hub, without the web server, and without accounts.

    And "notes": alice's, before accounts are deleted; and "elsewhere", what is left of her files outside her home. With values, the hub
    is set up `again` before the accounts are deleted, and taken away a second time; then her notes are what her kernel reads there, too.
    """
    order = dict.fromkeys(step.section for step in reader.pages.steps(PAGE, reader.tab) if isinstance(step, Type))
    said = {one.begins: one for one in reader.pages.instead(reader.tab) if one.page == PAGE}
    away = [section for section in order if section not in (ACCOUNTS, AGAIN)]
    seen: dict[str, Picture | list[str]] = {}
    for section in away:
        if section == WEB_SERVER:
            seen["without the hub"] = picture.taken(reader.machine)
        for begins, (before, state) in STATES.items():
            if before == section:
                reader.meet(said[begins], reader.pages.block(said[begins].after, reader.tab), state)
        reader.follow(PAGE, [section])
    seen["without the web server"] = picture.taken(reader.machine)
    seen["notes"] = notes = [reader.machine.sh(f"cat {NOTES}", check=False).stdout]
    if again:
        reader.follow(PAGE, [AGAIN])
        reader.machine.put({f"{deployment.CHECK}/ca.pem": deployment.authority().cert_pem.bytes()})
        notes.append(ast.literal_eval(_in_kernel(reader.machine, again, f"open({NOTES!r}).read()")))
        reader.follow(PAGE, away)
    reader.machine.sh(ELSEWHERE)
    reader.follow(PAGE, [ACCOUNTS])
    seen["elsewhere"] = reader.machine.sh(LEFT).stdout.split()
    reader.machine.sh(FOLDERS)
    seen["without accounts"] = picture.taken(reader.machine)
    return seen
