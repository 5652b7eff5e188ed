"""Prints the guide as a PDF, from the site built as one page in FOLDER: `python -m tests.harness.site.paper FOLDER FILE`."""

from __future__ import annotations

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


def write(chromium: Browser, html: Path, pdf: Path) -> None:
    """Print index.html of a folder, with its pictures and styles, as a PDF."""
    page = chromium.new_page(color_scheme="light")
    page.route("**/*", lambda route: serve(route, html))
    page.goto(f"https://{VALUES['host']}/index.html")
    page.pdf(
        path=pdf,
        format="A4",
        margin={"top": "18mm", "right": "16mm", "bottom": "20mm", "left": "16mm"},
        print_background=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOTER,
        outline=True,
        tagged=True,
    )


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
    except engine.Trouble as trouble:
        sys.exit(f"error: {trouble}")
