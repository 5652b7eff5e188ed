"""The screenshots on the pages: taken by tests, kept in jigsaw/pictures/, and compared with what a browser shows today.

`python -m tests.harness.browsers.pictures` takes them anew, by running tests/jigsaw/test_lessons.py, and keeps them; and it draws the card.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time

from PIL import Image, ImageChops
from playwright.sync_api import Locator, Page

from tests.harness.arguments import takes_nothing
from tests.harness.browsers import user_browser
from tests.harness.machines import engine
from tests.harness.manifest import BUILD, ROOT

TAKEN, KEPT = BUILD / "pictures", ROOT / "jigsaw" / "pictures"
COLOURS = 64  # as many as an editor and a few words need: a picture of a whole page then takes 25 kB
NOTICED = 48  # a difference of a pixel's channel, of 255
ALIKE = 0.02  # the share of pixels that may differ: a font's edge, a time of day
# So many pixels wide and high is a square of a picture, and so much of one may differ: with another word, it is a tenth and more.
SQUARE, WORD = 32, 0.08
# Where words may differ: an application says how old a file is.
WITH_TIMES = ("jupyterlab", "notebook")
SETTLES = 10.0  # seconds in which a page comes to rest: a toast goes, a mark says "Saved"


def take(shown: Page | Locator, name: str) -> None:
    """Take a picture of a page or a part of it, for `NAME.png`: where it is not like the one kept, again until the page has settled."""
    until = time.monotonic() + SETTLES
    _take(shown, name)
    while not alike(name) and time.monotonic() < until:
        time.sleep(0.5)
        _take(shown, name)


def _take(shown: Page | Locator, name: str) -> None:
    png = shown.screenshot(animations="disabled", scale="device")
    TAKEN.mkdir(parents=True, exist_ok=True)
    # The other methods lose a colour that is rare, such as a logo's.
    few = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(TAKEN / f"{name}.png", optimize=True)


def alike(name: str) -> bool:
    """Whether the picture taken is the one kept, by a hair."""
    return difference(name) <= ALIKE and (name in WITH_TIMES or difference(name, SQUARE) <= WORD)


def difference(name: str, square: int = 0) -> float:
    """The share of pixels that the picture taken and the one kept have otherwise, from 0 to 1; that of the worst square, if asked."""
    if not (KEPT / f"{name}.png").exists():
        return 1.0
    taken, kept = (Image.open(folder / f"{name}.png").convert("RGB") for folder in (TAKEN, KEPT))
    if taken.size != kept.size:
        return 1.0
    noticed = (
        ImageChops.difference(taken, kept).point(lambda value: 255 * (value > NOTICED)).convert("L").point(lambda value: 255 * (value > 0))
    )
    width, height = (square, square) if square else noticed.size
    # Squares overlap, so that a word is whole in one. What lies beyond the picture's edge is black: it does not differ.
    corners = [(x, y) for x in range(0, noticed.width, (width + 1) // 2) for y in range(0, noticed.height, (height + 1) // 2)]
    return max(noticed.crop((x, y, x + width, y + height)).histogram()[255] for x, y in corners) / (width * height)


# What other sites show beside a link to the guide: 1200 x 630 pixels, as they ask for.
CARD = """<!DOCTYPE html><style>
  body { margin: 0; width: 1200px; height: 630px; box-sizing: border-box; padding: 90px; background: #131416; color: #fff;
         font: 34px/1.4 "DejaVu Sans", sans-serif; display: flex; flex-direction: column; justify-content: space-between }
  h1 { font-size: 84px; line-height: 1.1; margin: 0 } code { font-size: 30px; color: #5cc1e0 } p { margin: 0 }
  header { display: flex; justify-content: space-between; align-items: center } svg { width: 190px }
</style>
<header><h1>MetaKernel on<br>JupyterHub</h1>LOGO</header><p>The guide that is run before it is read.</p>
<code>Browser → nginx or Apache → JupyterHub → kernel</code>"""


def card() -> None:
    """Draw `_static/card.png`."""
    with engine.network() as network, user_browser.chromium(network, {}) as chromium:
        page = chromium.new_page(viewport={"width": 1200, "height": 630})
        page.set_content(CARD.replace("LOGO", (ROOT / "_static/icon.svg").read_text("utf-8")))
        png = page.screenshot()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(ROOT / "_static/card.png", optimize=True)


def main() -> None:
    # Its tests fail where a picture has changed; what else fails is shown, and then no picture is kept.
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", ROOT / "tests/jigsaw/test_lessons.py"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "1000"})  # a whole line for each
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED") and "shows something else" not in line]
    if failed or done.returncode > 1:
        sys.exit(f"error: the lessons fail, so nothing is kept:\n{done.stdout}")
    KEPT.mkdir(exist_ok=True)
    card()
    for picture in sorted(TAKEN.glob("*.png")):
        changed = difference(picture.stem)
        shutil.copy(picture, KEPT)
        print(f"{(KEPT / picture.name).relative_to(ROOT)}: {changed:.1%} of its pixels are new")


if __name__ == "__main__":
    takes_nothing("browsers.pictures")
    main()
