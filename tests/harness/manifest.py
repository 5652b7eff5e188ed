"""The manifest and the snippets as Python values for the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from _ext import manifest

ROOT = Path(__file__).resolve().parents[2]
SNIPPETS = ROOT / "snippets"
BUILD = ROOT / "build"
MANIFEST = manifest.read(SNIPPETS)
VALUES = MANIFEST["values"]
VERSIONS = MANIFEST["versions"]
SAVED_AS = MANIFEST["saved_as"]
# The hub's configuration.
CONFIG = "jupyterhub/jupyterhub_config.py"
# What pages offer to download, and are too long to show.
NOT_SHOWN = ("jupyterhub/requirements.txt",)
HOMES = VERSIONS["homes"]
NEWEST = VERSIONS["jupyterhub"][0]
# The kinds of the hub's machine: a JupyterHub on the first of Debian's releases, and the newest on each of the others.
HUBS = [*VERSIONS["jupyterhub"], *(f"{NEWEST} on {suite}" for suite in HOMES[1:])]
# By Debian release, that of them with the newest JupyterHub; the newest release is first.
NEWEST_ON = {suite: NEWEST if suite == HOMES[0] else f"{NEWEST} on {suite}" for suite in reversed(HOMES)}


def home(name: str) -> tuple[str, str]:
    """The JupyterHub and the Debian release of a machine that is named as in `HUBS`."""
    version, _, suite = name.partition(" on ")
    return version, suite or HOMES[0]


@dataclass(frozen=True)
class Proxy:
    """A reverse proxy, as `_ext.manifest.read` has it: a row of the manifest, and snippets/NAME/proxy.toml.

    - servers: where it is tried, the newest last: Debian's releases, or a name that `install` knows.
    - label: its name in sentences. site: which of its files has the site. service: systemd's name for it.
    - packages: what Debian calls it. install: by server, Debian's release and the commands that make it ready there, for what
      is more than a package.
    - saved_as: where its files are saved on the server; one that is not named is run from where it lies.
    - start: what Debian does when it is installed. pid: where it writes its number once it runs; "" if `start` returns no sooner.
    - accepts: the server's own check, warns: what its warnings look like. reports: prints its version.
    - log, error_log, other_log: of the hub's site, of what goes wrong, of other sites. A log that begins with "journalctl" is a command.
    - header: what it says of itself in the header Server; "" for nothing.
    - too_large: the statuses of a body that is as large as Jupyter takes, and of one that is larger.
    - kept: seconds for which it resumes a TLS session.
    - tells: which headers it tells the hub beside those that every one tells; "" for one of those that it does not tell.
    - changes: by what they are for, edits (text, what comes instead) of the site, or (file, text, what comes instead) of another of
      its files. extra: files that belong to such a change, or with which it is impatient where its site says nothing.
    - passes: by server, or for "every" one, which of `raw_client.attempts` it passes on, having read it by the older standard, and what
      is answered.
    - parts: by what a reverse proxy has to do (`_ext.proxies.PARTS`), the words of its files that have it done; "" if it does it by
      itself, and a sentence where the page says more.
    - states: by the words with which its page says what may be seen instead, how that is made, as `following.State` has it.
    - cannot: by behaviour, in one sentence for its page, what it does not do; a test sees that it still does not.
    """

    name: str
    servers: list[str]
    label: str
    site: str
    service: str
    start: str
    accepts: str
    warns: str
    reports: str
    log: str
    error_log: str
    header: str
    too_large: list[int]
    kept: int
    packages: list[str] = field(default_factory=list)
    saved_as: dict[str, str] = field(default_factory=dict)
    install: dict[str, list[str]] = field(default_factory=dict)
    pid: str = ""
    other_log: str = ""
    tells: dict[str, str] = field(default_factory=dict)
    changes: dict[str, list[list[str]]] = field(default_factory=dict)
    extra: dict[str, dict[str, str]] = field(default_factory=dict)
    passes: dict[str, dict[str, list]] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    states: dict[str, dict] = field(default_factory=dict)
    cannot: dict[str, str] = field(default_factory=dict)

    @property
    def site_file(self) -> str:
        """The file that has the site, as `snippets` names it."""
        return f"{self.name}/{self.site}"

    @property
    def impatient(self) -> dict[str, str]:
        """Files (path: text) with which the server gives up after four seconds where its site says nothing else."""
        return self.extra.get("impatient", {})

    @property
    def systemd(self) -> bool:
        """Whether it needs systemd on the machine that it is tried on."""
        return self.start.startswith("systemctl ")

    def changed(self, what: str) -> Files:
        """The published files with one of its `changes`."""
        files = PUBLISHED
        for *name, old, new in self.changes[what]:
            files = files.replace(f"{self.name}/{name[0]}" if name else self.site_file, old, new)
        return files


PROXIES = {name: Proxy(name, **facts) for name, facts in MANIFEST["proxies"].items()}
FURTHER_PROXIES = {name: Proxy(name, **facts) for name, facts in MANIFEST["further_proxies"].items()}
EVERY_PROXY = PROXIES | FURTHER_PROXIES


def snippets() -> list[str]:
    """Every published file, as a path below snippets/: all but what is known of them."""
    return sorted(str(path.relative_to(SNIPPETS)) for path in SNIPPETS.rglob("*") if manifest.published(path, SNIPPETS))


def on_the_server() -> list[str]:
    """The published files that a reader saves on the hub's machine, as `snippets` names them."""
    return [name for name in snippets() if name.split("/")[0] not in MANIFEST["elsewhere"]]


class Stale(ValueError):
    """A text that is to be changed is not there: a mutation that changes nothing proves nothing."""


@dataclass(frozen=True)
class Files:
    """The snippets as they lie in the tree, some of them changed: what a deployment is made from.

    `changed` are whole files (name: text). `edits` (name, old, new) are made each time that a file is read, so that one which
    no longer fits fails the test that needs it, and no other.
    """

    changed: dict[str, str] = field(default_factory=dict)
    edits: tuple[tuple[str, str, str], ...] = ()

    def read(self, name: str) -> str:
        """The text of a snippet. Raises `Stale` if an edit does not fit."""
        text = self.changed[name] if name in self.changed else (SNIPPETS / name).read_text("utf-8")
        for _, old, new in (edit for edit in self.edits if edit[0] == name):
            lines = text.splitlines(keepends=True)
            if not any(old in line for line in lines):
                raise Stale(f"no line of snippets/{name} holds {old!r}")
            text = "".join(line.replace(old, new) if new else "" if old in line else line for line in lines)
        return text

    def replace(self, name: str, old: str, new: str = "") -> Files:
        """The same files, but for one: where a line holds `old`, it becomes `new`; without `new` the whole line goes."""
        return Files(self.changed, (*self.edits, (name, old, new)))

    @property
    def altered(self) -> list[str]:
        """The snippets that are not as they lie in the tree."""
        return sorted({*self.changed, *(name for name, _, _ in self.edits)})

    def folder(self, name: str) -> list[str]:
        """The snippets of a folder. Raises ValueError if there are none: a name that is misspelt is not an empty folder."""
        if found := [snippet for snippet in snippets() if snippet.startswith(f"{name}/")]:
            return found
        raise ValueError(f"nothing is published in snippets/{name}/")


PUBLISHED = Files()
