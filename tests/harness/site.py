"""The site, built as a reader gets it."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from docutils import nodes
from playwright.sync_api import Route

from .manifest import ROOT

PAGES = sorted([ROOT / "index.md", *(page for room in ("deploy", "jigsaw", "troubleshooting") for page in (ROOT / room).rglob("*.md"))])


def sphinx(source: Path, work: Path, builder: str = "html", **environment: str) -> subprocess.CompletedProcess:
    """Build the guide that lies in `source`, strictly; the result goes to `work`/html.

    Nobody but `environment` says where the site will be.
    """
    known = {name: value for name, value in os.environ.items() if not name.startswith(("GUIDE_", "READTHEDOCS"))} | environment
    command = f"{sys.executable} -m sphinx -q -n -W --keep-going -b {builder}".split()
    command += ["-d", str(work / "doctrees"), str(source), str(work / "html")]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=known)


def copy_of_the_tree(to: Path) -> Path:
    """The tree without its tests, and without what is made from it."""
    return Path(shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(".*", "build", "tests", "__pycache__", "*.egg-info")))


class Site:
    """The built site. `pages` maps the path of each page to its parsed HTML, `trees` that of each source to its doctree."""

    def __init__(self, work: Path, **environment: str):
        self.html = work / "html"
        self.built = sphinx(ROOT, work, **environment)
        self.work = work

    @cached_property
    def pages(self) -> dict[Path, BeautifulSoup]:
        return {page: BeautifulSoup(page.read_text("utf-8"), "html.parser") for page in self.html.rglob("*.html")}

    @cached_property
    def trees(self) -> dict[Path, nodes.document]:
        names = [page.relative_to(ROOT).with_suffix(".doctree") for page in PAGES]
        return {page: pickle.loads((self.work / "doctrees" / name).read_bytes()) for page, name in zip(PAGES, names, strict=True)}


def serve(route: Route, html: Path) -> None:
    """Answer a browser's request with a file of the built site."""
    path = html / urlsplit(route.request.url).path.lstrip("/")
    route.fulfill(path=path) if path.is_file() else route.fulfill(status=404, body="")
