"""A user runs %jigsaw, drags blocks, presses Run and reads the output: in both applications, through every proxy, on every hub."""

import pytest
from playwright.sync_api import expect

from tests.harness.browser import APPLICATIONS
from tests.harness.manifest import PROXIES, VALUES, VERSIONS

CELL = "%jigsaw Python --workspace first-blocks"

# What Notebook 7 itself says, uncaught, whenever it opens a notebook.
NOTEBOOKS_OWN = {
    "uncaught: Cannot read properties of undefined (reading 'schema')",
    "uncaught: Command 'filebrowser:open-path' not registered.",
}


@pytest.mark.parametrize("version", VERSIONS["jupyterhub"])
@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("application", APPLICATIONS)
def test_blocks_run_and_come_back(desks, version, proxy, application):
    desk = desks(version)
    folder = f"{proxy}-{application}"
    with desk.behind(proxy):
        user = desk.user()
        notebook = user.open(application, desk.notebook(f"{folder}/first.ipynb", CELL))
        notebook.run()
        editor = notebook.editor().shown()
        editor.drag("Text", 0, 300, 120)
        expect(editor.blocks()).to_have_count(1)
        editor.press("Run")
        expect(notebook.printed()).to_have_text("Hello\n")

        notebook.restart()
        notebook.run()
        expect(editor.blocks()).to_have_count(1)
        editor.press("Run")
        expect(notebook.printed()).to_have_text("Hello\n")

        notebook.save()
        notebook.reload()
        expect(editor.blocks()).to_have_count(1)
        editor.press("Run")
        expect(notebook.printed()).to_have_text("Hello\n")
        errors = [said for said in user.console if said.startswith(("error", "uncaught")) and said not in NOTEBOOKS_OWN]
    assert not errors, "\n".join(errors)
    elsewhere = [request for request in user.requests if f"//{VALUES['host']}/" not in request]
    assert not elsewhere, "the editor asks another host"


@pytest.mark.parametrize("version", VERSIONS["jupyterhub"])
def test_a_frame_that_the_server_forbids_says_so_under_the_cell(desks, version):
    """The user's own configuration comes after the server's: bob's lifts nothing."""
    desk = desks(version)
    plain = 'c.ContentsManager.files_handler_class = "jupyter_server.files.handlers.FilesHandler"\n'
    desk.put(".jupyter/jupyter_server_config.py", plain, user="bob")
    with desk.behind("nginx"):
        user = desk.user("bob")
        notebook = user.open("Notebook 7", desk.notebook("blank.ipynb", CELL, user="bob"))
        notebook.run()
        told = "The block editor does not start. Its page: 200, frame-ancestors 'none'; sandbox allow-scripts\n"
        expect(notebook.printed()).to_have_text(told, timeout=30_000)
    said = "\n".join(user.console)
    assert "Framing 'https://hub.example.com/' violates the following Content Security Policy directive: \"frame-ancestors 'none'\"" in said
