"""What deploy/remove.md has its reader type takes away all that the guide has made: before and after differ by what the page lists."""

import re
from dataclasses import dataclass

import pytest

from tests.harness.machines import bare, deployment, picture
from tests.harness.manifest import PROXIES, PUBLISHED, SAVED_AS, VALUES, snippets
from tests.harness.site import following

PAGE = "deploy/remove.md"
TABS = {"nginx": "nginx", "apache": "Apache"}
PASSWORD = "Correct-horse-7"
# The web server goes only where it has no other site, and accounts only if their files may go.
WEB_SERVER, ACCOUNTS = "the-web-server", "delete-accounts-with-all-their-files"
# A program of a user's that does not end when it is asked to.
STUBBORN = """import subprocess
subprocess.Popen(["sh", "-c", "trap : TERM; while :; do sleep 1; done"], start_new_session=True).pid"""
NOTES = "/home/alice/notes.txt"


@dataclass(frozen=True)
class Stays:
    """What the page says stays: a `kind` and a `name` as in `picture.Difference`, and `until` when, in the page's words."""

    kind: str
    name: str
    until: str

    def is_about(self, difference):
        if self.kind != "file":
            return (self.kind, self.name) == (difference.kind, difference.name)
        return difference.kind == "file" and f"{difference.name}/".startswith(f"{self.name}/")


def listed(page, tab):
    """The list of the built page, for a reader of a tab."""
    section, found = page.select_one("#what-stays"), []
    for table in section.select("table"):
        panel = table.find_parent(class_="sphinx-tabs-panel")
        if table.find_parent("section") is not section or (panel and panel["data-label"] != tab):
            continue
        for row in table.select("tbody tr"):
            _, where, until = row.select("td")
            for code in where.select("code"):
                word = re.search(r"(user|group|package) $", str(code.previous_sibling or ""))
                found.append(Stays(word[1] if word else "file", code.get_text(), until.get_text(" ", strip=True)))
    return found


def set_up(machine, proxy):
    """Everything that the guide has a reader put on a server, by the published files; then alice works."""
    names = [name for name in snippets() if name.partition("/")[0] not in PROXIES or name.startswith(f"{proxy}/")]
    machine.put(
        {SAVED_AS.get(name, f"/root/{name}"): PUBLISHED.read(name) for name in names}
        | {f"{deployment.CHECK}/alice.txt": PASSWORD, f"{deployment.CHECK}/ca.pem": deployment.authority().cert_pem.bytes()}
    )
    scripts = "".join(f"cd /root/{name}; sh ./*.sh; " for name in ("jupyterhub", "kernel", "jigsaw"))
    machine.sh(
        f"set -e; {scripts} useradd --create-home --shell /bin/bash --groups jupyterhub alice; echo alice:{PASSWORD} | chpasswd;"
        f" chown root:root {VALUES['key']}; chmod 600 {VALUES['key']}; sh /root/systemd/enable.sh; sh /root/{proxy}/enable.sh",
        timeout=600,
    )
    machine.until(f"journalctl --unit jupyterhub --grep '{deployment.UP}'", timeout=60)
    hub = deployment.Hub(machine, "", {"alice": PASSWORD})
    assert all(rung["ok"] for rung in hub.check("--keep-server"))
    stubborn = hub.on_server("compute", deployment.BEHIND, "alice", STUBBORN).strip()
    machine.sh(f"kill -0 {stubborn}; echo kept >{NOTES}")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((suite, proxy), id=f"{suite}-{proxy}", marks=pytest.mark.xdist_group(f"remove-{proxy}"))
        for suite, proxy in (("trixie", "nginx"), ("bookworm", "apache"))
    ],
)
def removed(request, site):
    """Pictures of a server: bare, with the web server, and after each part of the page; what was not as it says; and its list."""
    suite, proxy = request.param
    pages = following.Pages.examples(site)
    with bare.machine(suite) as machine:
        reader = following.Reader(machine, pages, TABS[proxy])
        pictures = {"bare": picture.taken(machine)}
        machine.sh(f"apt-get update && apt-get install --yes {' '.join(PROXIES[proxy].packages)}", timeout=600)
        pictures["web server"] = picture.taken(machine)
        set_up(machine, proxy)
        reader.follow(PAGE, without=[WEB_SERVER, ACCOUNTS])
        pictures["without the hub"] = picture.taken(machine)
        reader.follow(PAGE, [WEB_SERVER])
        pictures["without the web server"] = picture.taken(machine)
        notes = machine.sh(f"cat {NOTES}", check=False).stdout
        reader.follow(PAGE, [ACCOUNTS])
        pictures["without accounts"] = picture.taken(machine)
        yield pictures, reader, listed(pages.parsed[PAGE], TABS[proxy]), notes


def test_each_command_of_the_page_does_what_it_says(removed):
    _, reader, _, _ = removed
    assert not reader.wrong, "\n\n".join(reader.wrong)


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        ("web server", "without the hub", False),
        ("bare", "without the web server", False),
        ("bare", "without accounts", True),
    ],
)
def test_what_differs_afterwards_is_what_the_page_lists(removed, before, after, gone):
    pictures, _, stays, _ = removed
    stays = [row for row in stays if not (gone and row.until == "step 8")]
    found = picture.differences(pictures[before], pictures[after])
    more = [str(difference) for difference in found if not any(row.is_about(difference) for row in stays)]
    assert not more, "\n".join([f"of {len(found)} differences the page does not list:", *more])


def test_the_page_lists_nothing_that_does_not_stay(removed):
    pictures, _, stays, _ = removed
    pairs = (("web server", "without the hub"), ("bare", "without the web server"))
    found = [difference for before, after in pairs for difference in picture.differences(pictures[before], pictures[after])]
    never = [f"{row.kind} {row.name}" for row in stays if not any(row.is_about(difference) for difference in found)]
    assert not never, f"listed, and yet as before: {never}"


def test_users_files_stay_until_their_account_is_deleted(removed):
    *_, notes = removed
    assert notes == "kept\n"
