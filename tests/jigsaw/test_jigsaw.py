"""A user runs %jigsaw, drags blocks, presses Run and reads the output: in both applications, through every proxy, on every hub."""

import itertools
import time

import pytest
from playwright.sync_api import expect

from tests.harness.browsers.blocks import hello
from tests.harness.browsers.user_browser import APPLICATIONS
from tests.harness.machines import engine, existing_site
from tests.harness.machines.deployment import BEHIND
from tests.harness.manifest import FURTHER_PROXIES, NEWEST, PROXIES, VALUES, VERSIONS
from tests.harness.measuring import evidence
from tests.harness.pairs import marks, pairs

CELL = "%jigsaw Python --workspace first-blocks"
# Where blocks are seen to come back after a restart and a reload: each application and reverse proxy once.
BACK = {("JupyterLab", "apache", NEWEST), ("Notebook 7", "nginx", NEWEST)}


# Where the server's files begin, if the page says so.
BEGINS = "() => JSON.parse(document.getElementById('jupyter-config-data').textContent).serverRoot"

# Each further reverse proxy in one of them, weekly.
ROWS = [
    *pairs([*itertools.product(APPLICATIONS, PROXIES, VERSIONS["jupyterhub"])]),
    *(pytest.param("JupyterLab", proxy, NEWEST, marks=marks(proxy)) for proxy in FURTHER_PROXIES),
]


@pytest.mark.parametrize(("application", "proxy", "version"), ROWS)
def test_blocks_run_and_come_back(desks, prove, version, proxy, application):
    desk = desks(version)
    folder = f"{proxy}-{application}"
    with desk.behind(proxy) as machine:
        user = desk.user()
        notebook = user.open(application, desk.notebook(f"{folder}/first.ipynb", CELL))
        ended = []

        def twice():
            notebook.page.wait_for_timeout(100)  # in which events come
            assert len(ended) >= 2, "a double click on Run has not run the blocks twice"

        began = time.monotonic()
        editor = hello(notebook)
        proof = evidence.blocks_run(desk.hub, proxy, machine, application, time.monotonic() - began)
        if (application, proxy, version) in BACK:
            notebook.restart()
            notebook.run()
            expect(editor.blocks()).to_have_count(1)
            editor.press("Run")
            expect(notebook.printed()).to_have_text("Hello\n")

            notebook.save()
            notebook.reload()
            expect(editor.blocks()).to_have_count(1)
            # Two runs, each over a WebSocket of its own, and what the second brings is shown.
            notebook.page.on("websocket", lambda socket: socket.on("close", lambda _: ended.append(socket)))
            editor.button("Run").dblclick()
            engine.wait(twice)
            expect(notebook.printed()).to_have_text("Hello\n")
    elsewhere = [request for request in user.requests if f"//{VALUES['host']}/" not in request]
    assert not elsewhere, "the editor asks another host"
    prove(proof)


def test_in_notebook_7_the_editor_comes_before_jupyterlab_has_been_opened(desks):
    """What Notebook 7's page lacks until then, JupyterLab's has."""
    desk = desks(NEWEST)
    with desk.behind(next(iter(PROXIES))):
        user = desk.user()
        desk.hub.on_server("anew", BEHIND, "alice")
        notebook = user.open("Notebook 7", desk.notebook("alone/first.ipynb", CELL))
        assert not notebook.page.evaluate(BEGINS), "the page says where the server's files begin"
        notebook.run()
        notebook.editor().shown()


@pytest.mark.parametrize("proxy", PROXIES)
def test_blocks_run_where_the_hub_is_included_in_another_site(desks, proxy):
    """That site has headers by which a browser would keep the editor out of its frame, and a rule for scripts."""
    desk = desks(NEWEST)
    files, extra = existing_site.included(proxy)
    with desk.behind(proxy, files=files, extra=extra):
        notebook = desk.user().open("JupyterLab", desk.notebook(f"beside-{proxy}/first.ipynb", CELL))
        hello(notebook)
