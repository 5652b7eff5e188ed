"""A user's notebooks with %jigsaw: files of blocks as a person would make them, and the files kept beside the notebook."""

from __future__ import annotations

from html import escape

from playwright.sync_api import expect

from tests.harness.browsers.user_browser import Desk, Editor, Notebook
from tests.harness.machines import engine

JIGSAW = "%jigsaw Python"
NEW = '<xml xmlns="https://developers.google.com/blockly/xml">'  # how files begin that the editor has written


def printing(words: str, block: str = "text", field: str = "TEXT") -> str:
    """The blocks of a program that prints words, or what a block of another kind gives, as a hand would write them."""
    value = f'<block type="{block}"><field name="{field}">{escape(words)}</field></block>'
    return f'<xml><block type="text_print"><value name="TEXT">{value}</value></block></xml>'


def read(desk: Desk, path: str) -> str:
    """A file of alice's, by its path in her home."""
    return desk.hub.machine.read(f"/home/alice/{path}")


def saved(desk: Desk, path: str, words: str) -> None:
    """Wait until a file holds words."""
    engine.wait(lambda: desk.hub.machine.exec("grep", "-qF", words, f"/home/alice/{path}"))


def begin(desk: Desk, path: str, *cells: str, application: str = "Notebook 7", user: str = "alice") -> Notebook:
    """Open a new notebook of cells, or without cells the one that is there; all of it can be seen at once."""
    if cells:
        desk.notebook(path, *cells, user=user)
    notebook = desk.user(user).open(application, path)
    notebook.page.set_viewport_size({"width": 1000, "height": 500 + 450 * len(cells)})
    return notebook


def hello(notebook: Notebook) -> Editor:
    """Run the first cell, drag a block that prints "Hello" into the editor which it shows, and press Run."""
    notebook.run()
    editor = notebook.editor().shown()
    editor.drag("Text", 0, 300, 120)
    expect(editor.blocks()).to_have_count(1)
    editor.press("Run")
    expect(notebook.printed()).to_have_text("Hello\n")
    return editor


def only(editor: Editor, blocks: int = 1) -> None:
    """Wait until the editor shows so many blocks."""
    expect(editor.shown().blocks()).to_have_count(blocks)
