"""The guide's notebooks, worked through in a browser: each step gives what they promise. The pages' screenshots are taken here."""

import json

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import pictures
from tests.harness.manifest import ROOT, VERSIONS

pytestmark = pytest.mark.parametrize("version", VERSIONS["jupyterhub"][:1])


@pytest.fixture
def lesson(desks, version):
    """`lesson(application, name)`: one of the guide's notebooks, open, and its first editor shown."""
    desk = desks(version)

    def begin(application, name):
        user = desk.user()
        # In a folder of its own: pictures show what lies beside a notebook.
        desk.put(f"lessons/{name}/{name}.ipynb", (ROOT / f"jigsaw/{name}.ipynb").read_text("utf-8"))
        desk.put(".jupyter/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings", '{"fetchNews": "false"}')
        notebook = user.open(application, f"lessons/{name}/{name}.ipynb")
        notebook.run()
        return notebook, notebook.editor().shown()

    with desk.behind("nginx"):
        yield begin


def promised(name, cell):
    """What a notebook's n-th code cell prints: the same as the blocks that it stands for."""
    cells = [cell for cell in json.loads((ROOT / f"jigsaw/{name}.ipynb").read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    return "".join(cells[cell]["outputs"][0]["text"])


def is_the_page_s(name):
    """Whether a picture just taken is the one on the page, by a hair."""
    if not pictures.alike(name):
        pytest.fail(
            f"jigsaw/pictures/{name}.png shows something else: python -m tests.harness.browsers.pictures takes it anew", pytrace=False
        )


def test_first_blocks(lesson):
    notebook, editor = lesson("JupyterLab", "first-blocks")
    editor.drag("Loops", 0, 320, 80)
    editor.nest(editor.placed("controls_repeat_ext"), "Text", 0)
    editor.press("Run")
    expect(notebook.printed()).to_have_text(promised("first-blocks", 1))
    pictures.take(notebook.output(), "first-blocks")
    notebook.printed().scroll_into_view_if_needed()
    pictures.take(notebook.page, "jupyterlab")
    editor.press("Generate Python Code")
    expect(notebook.printed()).to_have_text("for count in range(3):\n  print('Hello')\n")

    editor.placed("controls_repeat_ext").drag_to(editor.frame.locator(".blocklyTrash"), source_position={"x": 10, "y": 10})
    expect(editor.blocks()).to_have_count(0)
    editor.create_variable("total")
    editor.drag("Variables", 0, 320, 60)
    editor.fill(editor.placed("variables_set"), "Math", 0)
    editor.write(editor.placed("math_number"), "0")
    editor.follow(editor.placed("variables_set"), "Loops", 2)
    editor.nest(editor.placed("controls_for"), "Variables", 0)
    inner = editor.placed("variables_set").last
    editor.choose(inner, "total")
    editor.fill(inner, "Math", 1)
    ones = editor.placed("math_arithmetic").locator(".math_number")
    editor.replace(ones.last, "Variables", "i")
    editor.replace(ones.first, "Variables", "total")
    editor.follow(editor.placed("controls_for"), "Text", 0)
    editor.replace(editor.placed("text_print").locator(".text"), "Variables", "total")
    editor.press("Run")
    expect(notebook.printed()).to_have_text(promised("first-blocks", 2))

    # Blocks and cells share their variables.
    notebook.run(3)
    expect(notebook.output(3)).to_contain_text("110")
    is_the_page_s("first-blocks")
    is_the_page_s("jupyterlab")


def test_save_and_reload(lesson):
    notebook, _ = lesson("Notebook 7", "save-and-reload")
    for cell in (1, 2, 3):
        notebook.run(cell)
    editor = notebook.editor(3).shown()
    expect(editor.blocks()).to_have_count(1)
    editor.press("Run")
    expect(notebook.printed(3)).to_have_text("Saved\n")
    pictures.take(notebook.output(3), "save-and-reload")
    is_the_page_s("save-and-reload")


def test_a_loop_that_draws(lesson):
    notebook, editor = lesson("Notebook 7", "a-loop-that-draws")
    editor.create_variable("row")
    editor.drag("Variables", 0, 320, 60)
    editor.fill(editor.placed("variables_set"), "Text", 1)
    editor.follow(editor.placed("variables_set"), "Loops", 0)
    editor.write(editor.placed("controls_repeat_ext").locator(".math_number"), "5")
    editor.nest(editor.placed("controls_repeat_ext"), "Text", 3)
    append = editor.placed("text_append")
    editor.choose(append, "row")
    editor.write(append.locator(".text"), "*")
    editor.follow(append, "Text", 0)
    editor.replace(editor.placed("text_print").locator(".text"), "Variables", "row")
    editor.press("Run")
    expect(notebook.printed()).to_have_text(promised("a-loop-that-draws", 1))
    pictures.take(notebook.output(), "a-loop-that-draws")
    notebook.printed().scroll_into_view_if_needed()
    pictures.take(notebook.page, "notebook")
    is_the_page_s("a-loop-that-draws")
    is_the_page_s("notebook")
