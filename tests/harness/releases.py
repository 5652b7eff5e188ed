"""The guide's earlier releases: the files that a reader saved who set up a server with one of them.

git has them, and where a working copy has no history, tests/releases has an archive of each: the published files, and the names of
its pages. `python -m tests.harness.releases COMMIT` completes the newest row of releases.toml, which has no commit yet: this one, and
the published files as they were in it; and writes the archive.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import subprocess
import sys
import tarfile
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from _ext.manifest import FACTS, MANIFEST
from tests.harness.manifest import PUBLISHED, ROOT, Files, snippets

FILE = ROOT / "releases.toml"
# The folders of pages, beside the landing page.
ROOMS = ("deploy/", "jigsaw/", "troubleshooting/")


class NoHistory(RuntimeError):
    """The history of this working copy does not reach a release; the text says how to get it."""


def rows(root: Path = ROOT) -> list[dict[str, Any]]:
    """The rows of releases.toml, the newest first."""
    return tomllib.loads((root / "releases.toml").read_text("utf-8"))["release"]


def tagged() -> list[dict[str, Any]]:
    """The releases that have a commit, the newest first."""
    return [row for row in rows() if row["commit"]]


def moved() -> dict[str, str]:
    """The pages that have moved, without their suffix: {where one was: where it is}."""
    return tomllib.loads(FILE.read_text("utf-8")).get("moved", {})


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _in_git(commit: str) -> bool:
    return not subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True).returncode


def archive(commit: str, root: Path | None = None) -> Path:
    """Where the archive of a release is kept."""
    return (root or ROOT) / f"tests/releases/{commit[:12]}.tar.xz"


@cache
def _kept(file: Path) -> dict[str, str]:
    with tarfile.open(file) as tar:
        return {entry.name: tar.extractfile(entry).read().decode() for entry in tar.getmembers()}  # type: ignore[union-attr]


def _names(commit: str, under: str = "") -> list[str]:
    """The files of a commit that are kept, or of one of its folders. Raises `NoHistory` if it is not there."""
    if _in_git(commit):
        names = _git("ls-tree", "-r", "-z", "--name-only", commit).rstrip("\0").split("\0")
    elif archive(commit).exists():
        names = list(_kept(archive(commit)))
    else:
        raise NoHistory(
            f"the commit {commit[:12]} of releases.toml is not in this working copy: git fetch --unshallow gets the whole history"
        )
    return [name for name in names if name.startswith(under)]


def text(commit: str, name: str) -> str:
    """A published file, or the manifest, of a commit."""
    return _git("show", f"{commit}:{name}") if _in_git(commit) else _kept(archive(commit))[name]


def published(commit: str) -> Files:
    """The published files of a release, as `Files` whose every file is changed. Raises `NoHistory`."""
    names = [name.removeprefix("snippets/") for name in _names(commit, "snippets/") if Path(name).name not in (MANIFEST, FACTS)]
    return Files({name: text(commit, f"snippets/{name}") for name in names})


def now() -> Files:
    """The published files of this tree, as `published` has those of a release."""
    return Files({name: PUBLISHED.read(name) for name in snippets()})


def saved_as(commit: str) -> dict[str, str]:
    """Where a release says that each of its files is saved on the server (name: path)."""
    said = tomllib.loads(text(commit, "snippets/manifest.toml"))["saved_as"]
    for facts in (name for name in _names(commit, "snippets/") if name.endswith(f"/{FACTS}")):
        places = tomllib.loads(text(commit, facts)).get("saved_as", {})
        said |= {f"{facts.split('/')[1]}/{name}": place for name, place in places.items()}
    return {name: said.get(name, f"/root/{name}") for name in published(commit).changed}


def digests(commit: str) -> dict[str, str]:
    """By published file of a commit, its SHA-256. Raises `NoHistory`."""
    return {name: hashlib.sha256(content.encode()).hexdigest() for name, content in sorted(published(commit).changed.items())}


def pages(commit: str) -> list[str]:
    """The pages of a release, as paths of its site without .html. Raises `NoHistory`."""
    return [
        name.rpartition(".")[0]
        for name in _names(commit)
        if name.endswith((".md", ".ipynb")) and (name == "index.md" or name.startswith(ROOMS))
    ]


def keep(commit: str, root: Path = ROOT) -> None:
    """Write the archive of a release: the same bytes each time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        pages_of_it = {f"{page}.md": "" for page in pages(commit)}
        for name, content in sorted((pages_of_it | {name: text(commit, name) for name in _names(commit, "snippets/")}).items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            tar.addfile(entry, io.BytesIO(content.encode()))
    file = archive(commit, root)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(lzma.compress(buffer.getvalue()))


def complete(commit: str, root: Path = ROOT) -> None:
    """Write a commit and its files into the row that has none. ValueError if there is no such row, or the name is not a whole one."""
    file = root / "releases.toml"
    before = file.read_text("utf-8")
    if before.count('commit = ""\n') != 1:
        raise ValueError('releases.toml has no row with commit = "", or several')
    if len(commit) != 40:
        raise ValueError(f"{commit}: the whole name of the commit is needed, of 40 letters: git rev-parse {commit}")
    keep(commit, root)
    table = "\n".join(f'"{name}" = "{seen}"' for name, seen in digests(commit).items())
    file.write_text(before.replace('commit = ""\n', f'commit = "{commit}"\n[release.files]\n{table}\n'), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.harness.releases COMMIT")
    try:
        complete(sys.argv[1])
    except (ValueError, NoHistory) as wrong:
        sys.exit(f"error: {wrong}")
