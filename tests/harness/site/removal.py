"""Taking the hub away again, as a page of the guide says, with a picture of the machine between the parts of the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bs4 import BeautifulSoup

from tests.harness.machines import deployment, engine, picture
from tests.harness.machines.picture import Difference, Picture
from tests.harness.site.following import Reader
from tests.harness.site.walk import Type

PAGE = "deploy/remove.md"
# Done only where the web server has no other site, and only to accounts whose files may go.
WEB_SERVER, ACCOUNTS = "the-web-server", "delete-accounts-with-all-their-files"
# A program of a user's that goes on when it is asked to end.
STUBBORN = """import subprocess
subprocess.Popen(["sh", "-c", "trap : TERM; while :; do sleep 1; done"], start_new_session=True).pid"""
NOTES = "/home/alice/notes.txt"
# What the page says may be seen instead, by the beginning of its sentence: the section before which it is made, how it is made and
# undone, and what is typed.
STATES = {
    "If you see Not found in archive": (
        "take-the-site-out-of-the-web-server",
        "true",
        "true",
        "tar --list --file /root/jupyterhub-backup.tar.gz var/lib/hub/jupyterhub.sqlite",
    ),
    "If you see No such file or directory": (
        "delete-the-group",
        "true",
        "true",
        "rmdir --ignore-fail-on-non-empty /root/.ipython",
    ),
    "If you see cannot remove the primary group of user": (
        "delete-the-group",
        "useradd --gid jupyterhub --no-create-home carl",
        "userdel carl",
        "groupdel jupyterhub",
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


def work(machine: engine.Container, values: Mapping[str, str], password: str) -> None:
    """Have alice work in a hub that is a service of the machine: her server runs, and a program that goes on when it is asked to end."""
    behind = f"http://{values['hub']}{values['base_url']}"
    up = f"journalctl _SYSTEMD_INVOCATION_ID=$(systemctl show --property InvocationID --value jupyterhub) --grep '{deployment.UP}'"
    machine.sh("systemctl start jupyterhub.service")
    machine.until(up, timeout=60)
    machine.put({f"{deployment.CHECK}/alice.txt": password, f"{deployment.CHECK}/ca.pem": deployment.authority().cert_pem.bytes()})
    pid = deployment.on_server(machine, "user_actions", "compute", behind, "alice", STUBBORN, "--keep-server").strip()
    machine.sh(f"kill -0 {pid}; echo kept >{NOTES}")


def follow(reader: Reader) -> dict[str, Picture | str]:
    """Follow the page. Returns pictures of the machine without the hub, without the web server, and without accounts; and alice's notes."""
    order = dict.fromkeys(step.section for step in reader.pages.steps(PAGE, reader.tab) if isinstance(step, Type))
    said = {one.begins: one for one in reader.pages.instead(reader.tab) if one.page == PAGE}
    seen: dict[str, Picture | str] = {}
    for section in order:
        if section == WEB_SERVER:
            seen["without the hub"] = picture.taken(reader.machine)
        if section == ACCOUNTS:
            seen["without the web server"] = picture.taken(reader.machine)
            seen["notes"] = reader.machine.sh(f"cat {NOTES}", check=False).stdout
        for begins, (before, make, undo, typed) in STATES.items():
            if before == section:
                reader.meet(said[begins], reader.pages.block(said[begins].after, reader.tab), make, undo, [typed])
        reader.follow(PAGE, [section])
    seen["without accounts"] = picture.taken(reader.machine)
    return seen
