"""The built guide, and a reader's browser that shows it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bs4 import BeautifulSoup
from docutils import nodes
from playwright.sync_api import Browser, BrowserContext, Page

from tests.harness.browsers import user_browser
from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import ROOT, SNIPPETS, snippets
from tests.harness.measuring import evidence
from tests.harness.pairs import SINCE, WHOLE, changed_since

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
    """The tree without its tests, and without what is made from it; with what the tests saw, and what was measured, if they ran."""
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(".*", "build", "tests", "__pycache__", "*.egg-info"))
    (to / "build").mkdir()
    for name in "evidence.json", "bench.json", "growth.json", "witness.json", "mutants.json":
        if (seen := evidence.FILE.with_name(name)).exists():
            shutil.copy(seen, to / "build")
    return to


def small(tree: Path, extensions: list[str], **pages: str) -> Path:
    """A site of a few pages in the folder `tree`: the published snippets, the guide's `extensions`, and no theme that takes time.

    `pages` are the texts of index.md and of pages below deploy/, by name.
    """
    shutil.copytree(SNIPPETS, tree / "snippets")
    for folder in ("deploy", "build"):
        (tree / folder).mkdir()
    for name, text in pages.items():
        (tree / ("" if name == "index" else "deploy") / f"{name}.md").write_text(text, "utf-8")
    path = f"import sys\nsys.path.insert(0, {str(ROOT / '_ext')!r})"
    (tree / "conf.py").write_text(
        f"{path}\nextensions = {['myst_parser', *extensions]}\nhtml_theme = 'basic'\nexclude_patterns = ['build']\n"
    )
    return tree


def small_copy_of_the_tree(to: Path) -> Path:
    """What builds the guide, and the snippets, without a page: one that is put there is built in a second."""
    for folder in ("_ext", "_static", "_templates", "snippets"):
        shutil.copytree(ROOT / folder, to / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("conf.py", "releases.toml"):
        shutil.copy(ROOT / name, to)
    return to


def looked_at(listed: list[str]) -> set[str]:
    """Of pages that are made alike, some, and all that a pull request changes; all other pages each time. Once a week, all.

    Of the entries of troubleshooting that is every fifth, of the pages of a folder every third. `listed` are addresses in the site.
    """
    if WHOLE:
        return set(listed)
    entries = [address for address in listed if address.startswith("troubleshooting/") and address.count("/") == 2]
    pages = [address for address in listed if address.startswith(("deploy/", "jigsaw/"))]
    changed = {path.removesuffix(".md") + ".html" for path in changed_since(SINCE)} if SINCE else set()
    return set(listed) - {*entries, *pages} | {*entries[::5], *pages[::3]} | changed & set(listed)


class Site:
    """The built site. `pages` maps the path of each page to its parsed HTML, `trees` that of each source to its doctree."""

    def __init__(self, work: Path, **environment: str):
        """Built in a folder by the process that comes first; others wait, and have the same."""
        self.work, self.html = work, work / "html"
        said = work / "said.json"
        with (work / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not said.exists():
                built = sphinx(ROOT, work, **environment)
                said.write_text(json.dumps([built.returncode, built.stdout, built.stderr]), "utf-8")
        self.built = subprocess.CompletedProcess([], *json.loads(said.read_text("utf-8")))

    @cached_property
    def pages(self) -> dict[Path, BeautifulSoup]:
        return {page: BeautifulSoup(page.read_text("utf-8"), "html.parser") for page in self.html.rglob("*.html")}

    @cached_property
    def trees(self) -> dict[Path, nodes.document]:
        names = [page.relative_to(ROOT).with_suffix(".doctree") for page in PAGES]
        return {page: pickle.loads((self.work / "doctrees" / name).read_bytes()) for page, name in zip(PAGES, names, strict=True)}

    @cached_property
    def files(self) -> list[tuple[Path, str, str, str]]:
        """The files that pages show: the page's path, the caption, the address of the download, and the text without its end's blanks."""
        found = []
        for page, soup in self.pages.items():
            for block in soup.select(".literal-block-wrapper"):
                if link := block.select_one(".code-block-caption a.download"):
                    found.append((page, link.text, link["href"], block.pre.get_text().rstrip()))
        return found

    @cached_property
    def copies(self) -> dict[str, tuple[str, str]]:
        """Where a reader finds each snippet: its name to its page's path and the address of its download."""
        found = {}
        names = {(SNIPPETS / name).read_text("utf-8").rstrip(): name for name in [*snippets(), "manifest.toml"]}
        for page, _, address, text in self.files:
            if name := names.get(text):
                found.setdefault(name, (str(page.relative_to(self.html)), address))
        return found


HOST = "guide.example.org"
# Browsers keep scripts and styles, as they do of any host.
SERVER = f"""server {{
    listen 443 ssl;
    server_name {HOST};
    ssl_certificate /etc/ssl/certs/guide.crt;
    ssl_certificate_key /etc/ssl/private/guide.key;
    root /srv/guide;
    expires 1h;
}}
"""
# The browser finds no host but this one.
ALONE = f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}"


@dataclass
class Reader:
    """A browser that gets the built site from a web server, under a name of its own, and nothing else."""

    browser: Browser
    address: str = f"https://{HOST}/"

    def context(self, **options) -> BrowserContext:
        """A new profile; `options` go to Playwright."""
        # Where nothing moves, nothing is waited for.
        made = self.browser.new_context(**({"reduced_motion": "reduce"} | options))
        made.set_default_timeout(user_browser.PATIENCE)
        made.grant_permissions(["clipboard-read", "clipboard-write"], origin=self.address)
        return made


@contextlib.contextmanager
def served(html: Path, network: str, more: dict[str, str] | None = None) -> Iterator[dict[str, str]]:
    """A web server with the site that lies in a folder, and `more` pages (name: content); its name, with its address."""
    chain, key = deployment.certificate(HOST)
    put: dict[str, str | bytes] = {f"/srv/guide/{file.relative_to(html)}": file.read_bytes() for file in html.rglob("*") if file.is_file()}
    put |= {"/etc/nginx/conf.d/guide.conf": SERVER, "/etc/ssl/certs/guide.crt": chain, "/etc/ssl/private/guide.key": key}
    put |= {f"/srv/guide/{name}": content for name, content in (more or {}).items()}
    with engine.run(images.server(images.SUITE).tag, network=network) as server:
        server.sh("nginx", put)
        yield {HOST: server.address()}


@contextlib.contextmanager
def reading(html: Path) -> Iterator[Reader]:
    """A browser in which the site that lies in a folder is read."""
    with (
        engine.network() as network,
        served(html, network) as names,
        user_browser.chromium(network, names, ALONE, windowed=False) as chromium,
    ):
        yield Reader(chromium)


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


# All of it in one go, and the buttons pressed where they are: a call from outside, and a drawing, take most of the time.
TRY = """async ([values, downloads]) => {
  if (Object.keys(values).length) (TYPE)(values);
  const wrong = [...document.querySelectorAll(".values input[aria-invalid=true]")];
  const refused = wrong.map(field => [field.name, document.getElementById(`${field.id}-wrong`).innerText]);
  const copied = [];
  for (const download of downloads) {
    const block = document.querySelector(`.literal-block-wrapper a.download[href="${download}"]`).closest(".literal-block-wrapper");
    const button = block.querySelector("button.copybtn");
    await navigator.clipboard.writeText("");
    button.classList.remove("success");
    button.click();
    for (let turn = 0; !button.classList.contains("success"); turn++) {
      if (turn > 1000) throw new Error("nothing is copied");
      await new Promise(later => setTimeout(later, 5));
    }
    copied.push(await navigator.clipboard.readText() + "\\n");
  }
  return [Object.fromEntries(refused), copied];
}""".replace("TYPE", TYPE)


def attempt(page: Page, values: dict[str, str], downloads: list[str]) -> tuple[dict[str, str], list[str]]:
    """Put values, if there are any, into the form of a page and copy snippets, known by their downloads, without a mouse.

    Returns the fields that the form refuses, each with the words beside it, and what the copy buttons put into the clipboard.
    """
    refused, copied = page.evaluate(TRY, [values, downloads])
    return refused, copied


def click_copy(page: Page, download: str) -> str:
    """What a click on the copy button of a snippet, known by the address of its download, puts into the clipboard.

    In a tab that is not shown, the tab is chosen first.
    """
    block = page.locator(".literal-block-wrapper", has=page.locator(f'a.download[href="{download}"]'))

    def clicked() -> str:
        # Playwright's own click waits until nothing moves, half a second each time; here hundreds are made.
        page.mouse.click(*block.evaluate(POINT))
        text = block.evaluate(COPIED)
        if not text:
            raise RuntimeError("nothing is copied: the button moved under the mouse")
        return text

    return engine.wait(clicked, timeout=5) + "\n"
