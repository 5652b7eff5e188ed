"""A kernel that takes too much memory: Notebook shows the entry's dialog too, and more memory is given until the server ends."""

import re

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import user_browser
from tests.harness.machines import deployment
from tests.harness.manifest import NEWEST
from tests.harness.measuring.atlas import ATLAS, Entry

ENTRY = Entry(ATLAS / "kernel-appears-to-have-died")


@pytest.fixture(scope="module")
def desk():
    with user_browser.desk(NEWEST) as desk, desk.behind("nginx"):
        yield desk


def limit(hub):
    return int(re.search(r"\d+", hub.machine.sh("systemctl show --property MemoryMax jupyter-alice.service").stdout)[0]) >> 30


def test_notebook_shows_the_dialog_and_a_larger_limit_lasts_until_the_server_ends(desk):
    notebook = desk.user().open("Notebook 7", desk.notebook("first.ipynb", ENTRY.about["cell"], "len(data)"))
    notebook.run()
    dialog = notebook.page.locator(".jp-Dialog")
    dialog.wait_for()
    shown = [line for place, _, line in ENTRY.expected("nginx") if place == "browser"]
    assert [line for line in shown if line in dialog.inner_text()] == shown
    dialog.get_by_role("button", name="Ok").click()
    before = limit(desk.hub)
    desk.hub.machine.sh(ENTRY.script("fix.sh"))
    notebook.run()
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text(str(3 << 30))
    during = limit(desk.hub)
    desk.hub.on_server("stop", deployment.BEHIND, "alice")
    desk.hub.on_server("compute", deployment.BEHIND, "alice", "42", "--keep-server")
    assert (before, during, limit(desk.hub)) == (2, 4, 2)
