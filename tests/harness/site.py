"""The guide as it is built, and as a reader has it in a browser."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from docutils import nodes
from playwright.sync_api import Browser, BrowserContext, Page, Route

from . import browser, engine, evidence
from .manifest import ROOT, SNIPPETS

PAGES = sorted([ROOT / "index.md", *(page for room in ("deploy", "jigsaw", "troubleshooting") for page in (ROOT / room).rglob("*.md"))])


def sphinx(source: Path, work: Path, builder: str = "html", **environment: str) -> subprocess.CompletedProcess:
    """Build the guide that lies in `source`, strictly; the result goes to `work`/html.

    Nobody but `environment` says where the site will be.
    """
    known = {name: value for name, value in os.environ.items() if not name.startswith(("GUIDE_", "READTHEDOCS"))} | environment
    command = f"{sys.executable} -m sphinx -q -N -n -W --keep-going -b {builder}".split()
    command += ["-d", str(work / "doctrees"), str(source), str(work / "html")]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=known)


def copy_of_the_tree(to: Path) -> Path:
    """The tree without its tests, and without what is made from it; with what the tests saw, if they ran."""
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(".*", "build", "tests", "__pycache__", "*.egg-info"))
    if evidence.FILE.exists():
        (to / "build").mkdir()
        shutil.copy(evidence.FILE, to / "build")
    return to


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

    @cached_property
    def copies(self) -> dict[str, tuple[str, str]]:
        """Where a reader finds each snippet: its name to its page's path and the address of its download."""
        found = {}
        names = {path.read_text("utf-8").rstrip(): str(path.relative_to(SNIPPETS)) for path in SNIPPETS.rglob("*") if path.is_file()}
        for page, soup in self.pages.items():
            for block in soup.select(".literal-block-wrapper"):
                link = block.select_one(".code-block-caption a.download")
                if link and (name := names.get(block.pre.get_text().rstrip())):
                    found.setdefault(name, (str(page.relative_to(self.html)), link["href"]))
        return found


def serve(route: Route, html: Path) -> None:
    """Answer a browser's request with a file of the built site."""
    path = html / urlsplit(route.request.url).path.lstrip("/")
    route.fulfill(path=path) if path.is_file() else route.fulfill(status=404, body="")


@dataclass
class Reader:
    """A browser that gets the built site at an address of its own, by name and without a network."""

    browser: Browser
    html: Path
    address: str = "https://guide.example.org/"

    def context(self, **options) -> BrowserContext:
        """A new profile; `options` go to Playwright."""
        # Where nothing moves, nothing is waited for.
        made = self.browser.new_context(**({"reduced_motion": "reduce"} | options))
        made.set_default_timeout(browser.PATIENCE)
        made.route("**/*", self._serve)
        made.grant_permissions(["clipboard-read", "clipboard-write"], origin=self.address)
        return made

    def _serve(self, route: Route) -> None:
        if route.request.url.startswith(self.address):
            serve(route, self.html)
        else:
            route.fulfill(status=404, body="")


@contextlib.contextmanager
def reading(html: Path) -> Iterator[Reader]:
    with engine.network() as network, browser.chromium(network, {}) as chromium:
        yield Reader(chromium, html)


TYPE = """values => {
  document.querySelector(".values").open = true;
  for (const [name, value] of Object.entries(values)) {
    const field = document.getElementById(`value-${name}`);
    field.focus();
    field.value = value;
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  document.activeElement.blur();
}"""


def type_in(page: Page, values: dict[str, str]) -> None:
    """Put values into the form of a page, field after field, as Playwright's own `fill` does, but all of them in one go."""
    page.evaluate(TYPE, values)


# The middle of a copy button, once it can be seen and what lies above it has its size; the clipboard is emptied, so that an
# old text is no proof, and the button's tick of an earlier click is taken away.
POINT = """async block => {
  await navigator.clipboard.writeText("");
  const hidden = block.closest("[role=tabpanel][hidden]");
  if (hidden) document.getElementById(hidden.getAttribute("aria-labelledby")).click();
  const button = block.querySelector("button.copybtn");
  button.classList.remove("success");
  let before, box;
  do {
    before = box?.y;
    button.scrollIntoView({ block: "center", behavior: "instant" });
    await new Promise(requestAnimationFrame);
    box = button.getBoundingClientRect();
  } while (box.y !== before);
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
# What was copied, if this button copied it, and not one that came to lie under the mouse.
COPIED = """block => block.querySelector("button.copybtn.success") ? navigator.clipboard.readText() : null"""


# The same button, pressed without a mouse: nothing has to be drawn for it, which takes most of the time.
PRESS = """async block => {
  await navigator.clipboard.writeText("");
  const button = block.querySelector("button.copybtn");
  button.classList.remove("success");
  button.click();
}"""


def copy(page: Page, download: str, mouse: bool = True) -> str:
    """What a click on the copy button of a snippet, known by the address of its download, puts into the clipboard.

    In a tab that is not shown, the tab is chosen first. Without the `mouse` the button is pressed where it is.
    """
    block = page.locator(".literal-block-wrapper", has=page.locator(f'a.download[href="{download}"]'))

    def clicked() -> str:
        if mouse:
            # Playwright's own click waits until nothing moves, half a second each time; here hundreds are made.
            page.mouse.click(*block.evaluate(POINT))
        else:
            block.evaluate(PRESS)
        text = block.evaluate(COPIED)
        if not text:
            raise RuntimeError("nothing is copied: the button moved under the mouse")
        return text

    return engine.wait(clicked, timeout=5) + "\n"
