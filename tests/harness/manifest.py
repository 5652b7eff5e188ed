"""The manifest and the snippets, as the tests see them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SNIPPETS = ROOT / "snippets"
BUILD = ROOT / "build"
MANIFEST = tomllib.loads((SNIPPETS / "manifest.toml").read_text("utf-8"))
VALUES = MANIFEST["values"]
VERSIONS = MANIFEST["versions"]
SAVED_AS = MANIFEST["saved_as"]
# What pages offer to download, and are too long to show.
NOT_SHOWN = ("jupyterhub/requirements.txt",)
HOMES = VERSIONS["homes"]
NEWEST = VERSIONS["jupyterhub"][0]
# The kinds of the hub's machine: a JupyterHub on the first of Debian's releases, and the newest on each of the others.
HUBS = [*VERSIONS["jupyterhub"], *(f"{NEWEST} on {suite}" for suite in HOMES[1:])]


def home(name: str) -> tuple[str, str]:
    """The JupyterHub and the Debian release of a machine that is named as in `HUBS`."""
    version, _, suite = name.partition(" on ")
    return version, suite or HOMES[0]


@dataclass(frozen=True)
class Proxy:
    """A row of `[proxies]`: how a reverse proxy is started, checked and read."""

    name: str
    packages: list[str]
    start: str
    pid: str
    accepts: str
    reports: str
    logs: list[str]
    servers: list[str]


PROXIES = {name: Proxy(name, **row) for name, row in MANIFEST["proxies"].items()}


def snippets() -> list[str]:
    """Every published file, as a path below snippets/, the manifest apart."""
    return sorted(
        str(path.relative_to(SNIPPETS))
        for path in SNIPPETS.rglob("*")
        if path.is_file() and path.name != "manifest.toml" and "__pycache__" not in path.parts and ".egg-info" not in str(path)
    )


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
        return [snippet for snippet in snippets() if snippet.startswith(f"{name}/")]


PUBLISHED = Files()
