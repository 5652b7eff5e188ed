"""The block editor itself: how it looks, what it asks, what it saves, and which output of a program it shows below the cell."""

import base64
import itertools

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import user_browser
from tests.harness.browsers.blocks import JIGSAW, begin, only, printing, read, saved
from tests.harness.browsers.user_browser import APPLICATIONS, PATIENCE, Notebook
from tests.harness.machines import deployment, engine
from tests.harness.manifest import VERSIONS

pytestmark = pytest.mark.parametrize("version", VERSIONS["jupyterhub"][-1:], scope="module", indirect=True)

# WCAG 2.2, 1.4.3: words have to stand out so much to be read by everybody.
CONTRAST = 4.5
# The contrast of words and of what is drawn behind them, in the same whole.
STANDS_OUT = """(element, [whole, behind]) => {
  const light = (color) => {
    const parts = color.match(/[\\d.]+/g).map((part) => part / 255);
    const [r, g, b] = parts.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [one, two] = [element, element.closest(whole).querySelector(behind)].map((part) => light(getComputedStyle(part).fill));
  return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
}"""
# As Notebook 7's pages are until a page of JupyterLab was opened on the same server.
WITHOUT_ROOT = """() => {
  const element = document.getElementById("jupyter-config-data");
  element.textContent = JSON.stringify({ ...JSON.parse(element.textContent), serverRoot: undefined });
}"""
PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
    )
).decode()


@pytest.fixture(scope="module")
def version(request):
    return request.param


@pytest.fixture(scope="module")
def proxy(desks, version):
    with desks(version).behind("nginx") as machine:
        yield machine


@pytest.fixture(scope="module")
def desk(desks, version, proxy):
    return desks(version)


# Blocks that were left far away; of all colors of blocks, green is the hardest to read on.
FAR = """<xml><block type="controls_repeat_ext" x="4000" y="3000"><value name="TIMES"><block type="math_number"></block></value>
<statement name="DO"><block type="text_print"></block></statement></block></xml>"""
# A program that prints a variable of the notebook's.
NOTED = """<xml><variables><variable id="v">noted</variable></variables><block type="text_print"><value name="TEXT">
<block type="variables_get"><field name="VAR" id="v">noted</field></block></value></block></xml>"""


def statement(code):
    """The blocks of a line of Python."""
    return f'<xml><block type="expression_statement"><field name="expression">{code}</field></block></xml>'


def opened(desk, folder, blocks):
    """A new notebook whose first cell shows these blocks, and its editor."""
    desk.put(f"{folder}/n-blocks.xml", blocks)
    notebook = begin(desk, f"{folder}/n.ipynb", JIGSAW)
    notebook.run()
    editor = notebook.editor()
    only(editor)
    return notebook, editor


def requests(desk, method, words):
    return [request for request in desk.user().requests if request.startswith(method) and words in request]


def in_view(notebook, editor):
    """Blocks that were left far away, in a wider window, are seen."""
    place, whole = editor.blocks().bounding_box(), notebook.output().locator("iframe").bounding_box()
    assert whole["x"] < place["x"] < whole["x"] + whole["width"]
    assert whole["y"] < place["y"] < whole["y"] + whole["height"]


def test_the_editor_fills_its_frame_follows_it_and_can_be_read_by_day_and_by_night(desk):
    notebook, editor = opened(desk, "looks", FAR)
    frame = notebook.output().locator("iframe")
    # As wide as the output, with no bar to scroll by, and the buttons in one row that touches neither edge.
    around, inner = frame.bounding_box(), editor.frame.locator("body")
    output = notebook.output().locator(".jp-OutputArea-output").first.bounding_box()
    assert around["width"] > 0.9 * output["width"]
    assert around["x"] + around["width"] <= output["x"] + output["width"]
    assert inner.evaluate("body => [scrollX, scrollY, document.documentElement.scrollHeight - innerHeight]") == [0, 0, 0]
    buttons = [editor.button(name).bounding_box() for name in ("Run", "Generate Python Code", "Clear output")]
    assert len({button["y"] for button in buttons}) == 1
    assert 4 <= buttons[0]["x"] - around["x"] <= 8
    assert 4 <= buttons[0]["y"] - around["y"] <= 8
    assert all(4 <= after["x"] - before["x"] - before["width"] <= 8 for before, after in itertools.pairwise(buttons))
    assert inner.evaluate("() => getComputedStyle(document.body).fontFamily").startswith("system-ui")
    assert inner.evaluate("() => getComputedStyle(document.querySelector('button')).fontFamily").startswith("system-ui")

    def filled():
        svg, whole = editor.frame.locator(".blocklySvg").first.bounding_box(), frame.bounding_box()
        assert abs(svg["y"] + svg["height"] - whole["y"] - whole["height"]) <= 2
        assert abs(svg["x"] + svg["width"] - whole["x"] - whole["width"]) <= 2
        assert svg["height"] > 0.7 * whole["height"]

    engine.wait(filled, timeout=10)
    in_view(notebook, editor)
    # The frame gets larger, and smaller, and where it is small, words beside the buttons take a row of their own.
    for width, height in ((1300, 900), (480, 900)):
        notebook.page.set_viewport_size({"width": width, "height": height})
        frame.evaluate("(frame, height) => { frame.style.height = `${height}px` }", height / 2)
        engine.wait(filled, timeout=10)
    editor.press("Generate Python Code")
    expect(editor.frame.locator("#status")).to_have_text("Sent to the notebook.")
    assert editor.frame.locator("#status").bounding_box()["y"] > editor.button("Run").bounding_box()["y"] + 20
    engine.wait(filled, timeout=10)

    for words in ("repeat", "print"):
        shown = editor.blocks().locator("text.blocklyText").get_by_text(words, exact=True)
        assert shown.evaluate(STANDS_OUT, [".blocklyDraggable", ".blocklyPath"]) >= CONTRAST, words
    editor.frame.locator(".blocklyToolboxCategory", has_text="Variables").click()
    offered = editor.frame.locator(".blocklyFlyoutButton text")
    assert offered.evaluate(STANDS_OUT, [".blocklyFlyoutButton", ".blocklyFlyoutButtonBackground"]) >= CONTRAST

    toolbox = editor.frame.locator(".blocklyToolbox")
    day = toolbox.evaluate("toolbox => getComputedStyle(toolbox).backgroundColor")
    page = "() => getComputedStyle(document.documentElement).colorScheme"
    notebook.page.emulate_media(color_scheme="dark")
    expect(toolbox).not_to_have_css("background-color", day)
    assert inner.evaluate(page) == "light dark"
    notebook.page.emulate_media(color_scheme="light")
    expect(toolbox).to_have_css("background-color", day)


def test_the_editor_asks_in_a_box_of_its_own_and_goes_on_where_the_user_was(desk):
    notebook, editor = opened(desk, "asks", printing("one"))
    box, keyboard = editor.frame.get_by_role("dialog"), notebook.page.keyboard
    answer = box.get_by_role("textbox", name="New variable name:")
    flyout = editor.frame.locator(".blocklyToolboxFlyout")

    def new():
        if not flyout.is_visible():
            editor.frame.locator(".blocklyToolboxCategory", has_text="Variables").click()
        editor.frame.get_by_text("Create variable...").click()
        expect(answer).to_have_value("")

    new()
    whole, shown, field = (part.bounding_box() for part in (notebook.output().locator("iframe"), box, answer))
    assert shown["width"] <= 0.8 * whole["width"] + 1
    assert shown["width"] < 400
    assert field["width"] > 0.85 * shown["width"]
    assert box.evaluate("box => getComputedStyle(box).borderRadius") == "4px"
    gaps = [box.get_by_text("New variable name:").bounding_box(), field, box.get_by_role("button", name="OK").bounding_box()]
    assert all(6 <= below["y"] - above["y"] - above["height"] <= 10 for above, below in itertools.pairwise(gaps))
    assert answer.get_attribute("autocomplete") == "off"
    answer.fill("first")
    editor.press("OK")
    # The toolbox stays open and shows what is new, and the keyboard is where it was.
    expect(flyout.get_by_text("first").first).to_be_visible()
    assert editor.frame.locator("body").evaluate("() => !!document.activeElement.closest('.blocklyToolbox, .blocklyFlyout, .injectionDiv')")
    new()
    # Enter says OK.
    answer.fill("second")
    keyboard.press("Enter")
    expect(flyout.get_by_text("second").first).to_be_visible()
    # Nothing comes of Cancel, nor of Escape after an OK.
    for leave in (lambda: editor.press("Cancel"), lambda: keyboard.press("Escape")):
        new()
        answer.fill("third")
        leave()
        expect(box).to_be_hidden()
    expect(flyout.get_by_text("third")).to_have_count(0)

    # A name that is there already: words, and OK alone.
    new()
    answer.fill("first")
    editor.press("OK")
    expect(box).to_contain_text("A variable named 'first' already exists.")
    expect(editor.button("Cancel")).to_be_hidden()
    expect(box.get_by_role("textbox")).to_be_hidden()
    editor.press("OK")
    # Blockly asks for another one.
    answer.wait_for()
    editor.press("Cancel")

    editor.drag("Variables", 0, 320, 60)
    editor.fill(editor.placed("variables_set"), "Variables", "second")
    block = editor.placed("variables_set")
    editor.choose(block, "Rename the 'second' variable")
    renamed = box.get_by_role("textbox")
    renamed.wait_for()
    renamed.fill("fourth")
    editor.press("OK")
    expect(block).to_contain_text("fourth")
    # Whoever deletes what is used is asked, without a field, and may say no.
    for button, left in (("Cancel", 1), ("OK", 0)):
        editor.choose(block, "Delete the 'fourth' variable")
        expect(box).to_contain_text("Delete 2 uses of the 'fourth' variable?")
        expect(box.get_by_role("textbox")).to_be_hidden()
        editor.press(button)
        expect(editor.placed("variables_set")).to_have_count(left)


def test_blocks_are_saved_once_after_the_last_of_several_changes_and_not_for_being_shown(desk):
    written = printing("as a hand wrote it")
    notebook, editor = opened(desk, "once", written)
    notebook.page.wait_for_timeout(2500)  # in which nothing is to come
    assert read(desk, "once/n-blocks.xml") == written
    assert not requests(desk, "PUT", "/once/n-blocks.xml")
    field = editor.placed("text_print").locator(".text")
    field.click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.type("a longer line of words", delay=100)
    notebook.page.keyboard.press("Enter")
    saved(desk, "once/n-blocks.xml", "a longer line of words")
    notebook.page.wait_for_timeout(1500)
    assert len(requests(desk, "PUT", "/once/n-blocks.xml")) == 1

    # What the server has takes the place of what the page had.
    notebook.save()
    desk.put("once/n-blocks.xml", printing("newer").replace("<block", '<block x="4000" y="3000"', 1))
    notebook.reload()
    expect(editor.shown().placed("text_print")).to_contain_text("newer")
    only(editor)
    in_view(notebook, editor)


def test_blocks_that_can_be_read_again_are_saved_again(desk):
    desk.put("again/n-blocks.xml", "damaged")
    notebook = begin(desk, "again/n.ipynb", JIGSAW)
    notebook.run()
    editor = notebook.editor().shown()
    editor.frame.get_by_text("The saved blocks cannot be read, so nothing will be saved: ").wait_for()
    # Not even of what is pressed, which says nothing else either.
    editor.press("Run")
    expect(editor.frame.locator("#status")).to_contain_text("nothing will be saved")
    notebook.save()
    desk.put("again/n-blocks.xml", printing("mended"))
    notebook.reload()
    only(editor)
    editor.drag("Text", 0, 300, 200)
    saved(desk, "again/n-blocks.xml", "Hello")


def test_what_a_program_shows_stands_under_the_editor_and_nothing_else(desk):
    line = "long " * 60
    program = (
        f"print('{line}'); print('\\x1b[31mred\\x1b[0m')",
        "6 * 7",
        "1 / 0",
        f"__import__('IPython.display').display.Image(__import__('base64').b64decode('{PIXEL}'))",
    )
    for name, code in zip("abcd", program, strict=True):
        desk.put(f"shows/{name}.xml", statement(code))
    desk.put("shows/e.xml", NOTED)
    cells = [f"{JIGSAW} --workspace {name}" for name in "abcd"]
    busy = "import time\nfor number in range(8):\n    print('of another cell', flush=True)\n    time.sleep(.5)"
    notebook = begin(desk, "shows/n.ipynb", *cells, busy, "noted = 'by a cell'", f"{JIGSAW} --workspace e")
    for number in range(4):
        notebook.run(number)
        only(notebook.editor(number))
    notebook.editor(0).press("Run")
    printed = notebook.printed(0)
    expect(printed).to_have_text(f"{line}\nred\n")
    # As an application's own outputs: long lines wrap, and no line stays empty above.
    assert printed.evaluate("printed => getComputedStyle(printed).margin") == "0px"
    assert printed.evaluate("printed => printed.scrollWidth <= printed.clientWidth")
    assert printed.bounding_box()["height"] > 2 * 16
    assert "monospace" in printed.evaluate("printed => getComputedStyle(printed).fontFamily")
    notebook.editor(1).press("Run")
    expect(notebook.printed(1)).to_have_text("42\n")
    notebook.editor(2).press("Run")
    expect(notebook.printed(2)).to_contain_text("ZeroDivisionError: division by zero\n")
    notebook.editor(3).press("Run")
    expect(notebook.printed(3).locator("img")).to_have_js_property("naturalWidth", 1)

    # Blocks use what a cell has set.
    notebook.run(5)
    notebook.run(6)
    only(notebook.editor(6))
    notebook.editor(6).press("Run")
    expect(notebook.printed(6)).to_have_text("by a cell\n")

    # Only what its own program shows, even while another of the same kernel runs.
    notebook.run(4)
    expect(notebook.output(4)).to_contain_text("of another cell")
    notebook.editor(1).press("Run")
    notebook.page.wait_for_timeout(1000)
    expect(notebook.printed(1)).to_have_text("42\n", timeout=PATIENCE)

    editor = notebook.editor(1)
    editor.press("Generate Python Code")
    expect(notebook.printed(1)).to_have_text("6 * 7\n")
    expect(editor.frame.locator("#status")).to_have_text("Sent to the notebook.")
    editor.press("Clear output")
    expect(notebook.printed(1)).to_have_text("")
    # Cookies say who the user is: no address holds a token, which logs would keep.
    assert requests(desk, "WS", "/channels")
    assert not requests(desk, "WS", "token")


@pytest.mark.loud("connections that break")
def test_a_connection_that_breaks_while_a_program_runs_is_told_of(desk, proxy):
    notebook, editor = opened(desk, "breaks", statement("print('begun'), __import__('time').sleep(60)"))
    editor.press("Run")
    expect(notebook.printed()).to_have_text("begun\n")
    proxy.sh("nginx -s stop; until [ ! -e /run/nginx.pid ]; do sleep 0.1; done")
    deployment.begin(proxy, "nginx")
    expect(notebook.printed()).to_have_text("begun\nThe connection to the kernel broke (1006).\n")


def test_a_page_that_jupyter_does_not_show_is_named_in_place_of_an_editor(desk):
    away = "import os; os.environ['JPY_SESSION_NAME'] = '/gone/n.ipynb'; os.makedirs('.hidden', exist_ok=True); os.chdir('{}')"
    cells = [cell for place in ("/tmp", "/home/alice/shown/.hidden") for cell in (away.format(place), f"{JIGSAW} --workspace away")]
    notebook = begin(desk, "shown/n.ipynb", *cells)
    for number, place in ((1, "/tmp"), (3, "/home/alice/shown/.hidden")):
        notebook.run(number - 1)
        notebook.run(number)
        expect(notebook.printed(number)).to_have_text(f"Jupyter shows no hidden files, and none outside /home/alice/: {place}/away.html\n")
        expect(notebook.output(number).locator("iframe")).to_have_count(0)


@pytest.mark.loud("a page that is refused")
def test_where_a_page_does_not_say_where_files_begin_jupyterlabs_is_asked(desk):
    desk.put("asks/n-blocks.xml", printing("one"))
    path = desk.notebook("asks/n.ipynb", JIGSAW)
    page = desk.user().page()
    notebook = Notebook(page).load(lambda: page.goto(desk.user().address(f"{APPLICATIONS['Notebook 7']}{path}")))
    page.evaluate(WITHOUT_ROOT)
    notebook.run()
    only(notebook.editor())
    page.route("**/lab", lambda route: route.fulfill(status=403))
    notebook.run()
    expect(notebook.output().get_by_text("The block editor does not start: ")).to_have_text(
        "The block editor does not start: JupyterLab's page, which tells where files begin, was answered with 403."
    )


def test_an_editor_that_has_started_or_was_taken_away_is_not_said_to_be_missing(desk):
    desk.put("waits/n-blocks.xml", printing("one"))
    path = desk.notebook("waits/n.ipynb", JIGSAW)
    page = desk.user().page()
    page.clock.install()
    notebook = Notebook(page).load(lambda: page.goto(desk.user().address(f"{APPLICATIONS['Notebook 7']}{path}")))
    notebook.run()
    # Run once more, before the first has started: what it showed is gone.
    page.wait_for_timeout(100)
    notebook.run()
    only(notebook.editor())
    page.clock.fast_forward(16_000)
    page.wait_for_timeout(500)  # in which nothing is to come
    expect(notebook.printed()).to_have_text("")
    # Each frame has asked for its page, and nobody else.
    assert len(requests(desk, "GET", "/files/waits/n-blocks.html")) == 2


@pytest.mark.loud("a script that is not found")
def test_without_blockly_the_editor_names_what_is_missing_and_on_a_tablet_it_asks_for_words_in_its_box(desk):
    # Whose browser has not kept Blockly from another time.
    tablet = "Mozilla/5.0 (Linux; Android 15; Tablet) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
    name = "alice, by tablet"
    desk.users[name] = user_browser.log_in(desk.browser, "alice", desk.hub.passwords["alice"], user_agent=tablet)
    desk.put("tablet/n-blocks.xml", printing("one"))
    desk.notebook("tablet/n.ipynb", JIGSAW)
    static = "/opt/jupyterhub/share/jigsaw/static/blockly"
    desk.hub.machine.sh(f"mv {static}/python_compressed.js /root/away.js")
    try:
        notebook = begin(desk, "tablet/n.ipynb", user=name)
        notebook.run()
        status = notebook.editor().frame.locator("#status")
        address = desk.users[name].address("static/blockly/python_compressed.js?v=13.3.0")
        expect(status).to_have_text(f"Blockly does not load from {address}")
    finally:
        desk.hub.machine.sh(f"mv /root/away.js {static}/python_compressed.js")
    notebook.run()
    editor = notebook.editor()
    only(editor)
    editor.placed("text_print").locator(".text").click()
    asked = editor.frame.get_by_role("dialog").get_by_role("textbox")
    expect(asked).to_have_value("one")
    # What is typed takes the place of what was there.
    notebook.page.keyboard.type("two")
    editor.press("OK")
    saved(desk, "tablet/n-blocks.xml", ">two<")
