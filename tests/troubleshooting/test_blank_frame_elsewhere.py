"""What Firefox and WebKitGTK show where no page of the user's server may be framed: the words of troubleshooting/blank-jigsaw-iframe."""

import re

import pytest

from tests.harness.browsers import other_browsers, policies_elsewhere
from tests.harness.manifest import BUILD, NEWEST, ROOT
from tests.harness.measuring.atlas import Entry

ENTRY = Entry(ROOT / "troubleshooting/blank-jigsaw-iframe")
# By browser, what its console says, as the page has it. The frame is empty.
ROWS = dict(re.findall(r"^\| (\w+) \| `(.+?)` \|$", (ENTRY.folder / "index.md").read_text("utf-8"), re.M))


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(f"browser-{name}")) for name in other_browsers.NAMES])
def test_the_browser_shows_and_says_what_the_page_says(name):
    with other_browsers.desk(name, NEWEST, ENTRY.files) as desk, desk.behind("nginx"):
        desk.log_in()
        notebook = desk.open("Notebook 7", desk.notebook("n.ipynb", "%jigsaw Python --workspace first-blocks"))
        desk.said()
        notebook.run()
        (sentence,) = [line for place, _, line in ENTRY.expected("nginx") if place == "browser" and line.startswith("The block editor")]
        notebook.printed(f"{sentence}\n")
        said = [policies_elsewhere.brief(one) for one in desk.said()]
        assert ROWS[name] in said, said
        notebook.page.picture(BUILD / "browsers" / f"blank-frame-{name}.png")
        assert notebook.page.call("() => document.body?.innerText ?? ''", frame=notebook.frame) == ""
