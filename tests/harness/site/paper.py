"""Prints the guide as a PDF, from the site built as one page in FOLDER: `python -m tests.harness.site.paper FOLDER FILE`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Route

from tests.harness.browsers import user_browser
from tests.harness.machines import engine, images
from tests.harness.manifest import VALUES

# Chromium gives the footer no size of its own.
FOOTER = '<div style="width: 100%; font: 8px sans-serif; text-align: center"><span class="pageNumber"></span></div>'


def serve(route: Route, html: Path) -> None:
    """Answer a browser's request with a file of a folder."""
    path = html / urlsplit(route.request.url).path.lstrip("/")
    route.fulfill(path=path) if path.is_file() else route.fulfill(status=404, body="")


# A page of the site is a section behind a mark with its name; the pages below it are within.
CONTENTS = """() => {
    const list = document.createElement("nav");
    list.className = "contents-on-paper";
    list.innerHTML = "<h2>Contents</h2>";
    for (const mark of document.querySelectorAll("[id^='document-']")) {
        const section = mark.nextElementSibling;
        const heading = section?.querySelector("h1, h2, h3, h4, h5, h6");
        if (!heading) continue;
        const words = heading.cloneNode(true);
        words.querySelectorAll(".headerlink").forEach(link => link.remove());
        const line = list.appendChild(document.createElement("p"));
        let depth = 0;
        for (let at = mark.parentElement; at; at = at.parentElement) depth += at.classList.contains("of-book");
        line.className = `depth-${depth}`;
        section.classList.add("of-book", `page-${depth}`);
        // A section may begin on the next sheet: its mark goes with it.
        section.prepend(mark);
        const link = line.appendChild(document.createElement("a"));
        link.href = `#${mark.id}`;
        link.innerHTML = words.innerHTML;
        const sheet = line.appendChild(document.createElement("span"));
        sheet.className = "sheet";
        sheet.textContent = "000";
    }
    document.querySelector("article").prepend(list);
    return [...list.querySelectorAll("a")].map(link => link.getAttribute("href").slice(1));
}"""
NUMBER = """numbers => document.querySelectorAll(".contents-on-paper .sheet").forEach((place, at) => place.textContent = numbers[at])"""
# Chapters begin on a sheet, pages below a line; the heading of a list that the pages themselves replace is left out.
STYLE = """
.contents-on-paper { break-after: page; }
.contents-on-paper p { display: flex; justify-content: space-between; gap: 1em; margin: 0; padding: .12em 0; break-inside: avoid; }
.contents-on-paper .depth-0 { margin-top: .8em; font-weight: 600; break-after: avoid; }
.contents-on-paper .depth-1 { padding-left: 1.5em; }
.contents-on-paper .depth-2 { padding-left: 3em; }
.contents-on-paper a { color: inherit; text-decoration: none; }
.page-0 { break-before: page; }
.page-0 > :is(h2, h3, h4) { font-size: 2.2em; }
:is(.page-1, .page-2) > :is(h3, h4, h5, h6) {
    margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--color-foreground-border); font-size: 1.7em;
}
:is(h2, h3, h4, h5):has(+ .toctree-wrapper > .of-book) { display: none; }
"""
# The share of its size on the screen: nine points for text.
SCALE = 0.8


class Unnumbered(Exception):
    """A heading is on no sheet of the printed file; the text names it."""


def sheets(pdf: bytes, names: list[str]) -> list[int]:
    """The number of the sheet with each of the places that links of a PDF lead to, as Chromium writes it. Raises `Unnumbered`."""
    objects = {int(number): body for number, body in re.findall(rb"(?s)(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", pdf)}

    def leaves(number: int) -> list[int]:
        kids = re.search(rb"(?s)/Type /Pages\b.*?/Kids \[(.*?)\]", objects[number])
        return [leaf for kid in re.findall(rb"(\d+) 0 R", kids[1]) for leaf in leaves(int(kid))] if kids else [number]

    catalog = re.search(rb"/Type /Catalog.*", pdf, re.DOTALL)
    root, places = (re.search(rb"/%b (\d+) 0 R" % key, catalog[0]) if catalog else None for key in (b"Pages", b"Dests"))
    if not root or not places:
        raise Unnumbered("the printed file names no places")
    order = {leaf: place for place, leaf in enumerate(leaves(int(root[1])), 1)}
    found = {
        re.sub(rb"#([0-9A-F]{2})", lambda sign: bytes.fromhex(sign[1].decode()), name).decode(): order[int(leaf)]
        for name, leaf in re.findall(rb"/(\S*) \[(\d+) 0 R /XYZ", objects[int(places[1])])
    }
    if lost := [name for name in names if name not in found]:
        raise Unnumbered(f"not in the printed file: {', '.join(lost)}")
    return [found[name] for name in names]


def write(chromium: Browser, html: Path, pdf: Path) -> None:
    """Print index.html of a folder, with its pictures and styles, as a PDF that begins with its contents.

    Chromium does not number them. So it prints twice: what the first print says of the places stands in the second.
    """
    page = chromium.new_page(color_scheme="light")
    page.route("**/*", lambda route: serve(route, html))
    page.goto(f"https://{VALUES['host']}/index.html")
    page.add_style_tag(content=STYLE)
    names = page.evaluate(CONTENTS)
    for again in True, False:
        printed = page.pdf(
            format="A4",
            scale=SCALE,
            margin={"top": "18mm", "right": "16mm", "bottom": "20mm", "left": "16mm"},
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            outline=True,
            tagged=True,
        )
        if again and names:
            page.evaluate(NUMBER, sheets(printed, names))
    pdf.write_bytes(printed)


def main(arguments: list[str]) -> None:
    html, pdf = map(Path, arguments) if len(arguments) == 2 else (Path(), Path())
    if not (html / "index.html").is_file():
        sys.exit(
            "usage: python -m tests.harness.site.paper FOLDER FILE; FOLDER holds the index.html that `sphinx-build -b singlehtml` made"
        )
    with engine.running():
        images.prepare(wanted=[images.browser()])
        with engine.network() as network, user_browser.chromium(network, {}) as chromium:
            write(chromium, html, pdf)
    print(f"{pdf}: {pdf.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (engine.Trouble, Unnumbered) as trouble:
        sys.exit(f"error: {trouble}")
