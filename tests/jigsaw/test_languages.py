"""jigsaw/languages.md: the block editor for Lua on a real hub: its page is followed, its blocks run in a kernel of Lua."""

import json

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import user_browser
from tests.harness.browsers.blocks import begin, only, printing, saved
from tests.harness.browsers.user_browser import APPLICATIONS
from tests.harness.machines import beside, deployment, images
from tests.harness.machines.deployment import URL
from tests.harness.manifest import HUBS, PROXIES, PUBLISHED, VALUES
from tests.harness.measuring import evidence, other_kernels
from tests.harness.measuring.other_kernels import DOES
from tests.harness.site import following
from tests.harness.site.following import TABS
from tests.harness.site.languages_page import AGAIN, PAGE, STATES

SHARE = f"{VALUES['environment']}/share/jigsaw"
LUA = "%jigsaw Lua"
LUPA = other_kernels.Kernel(
    "lupa",
    "Lua",
    {
        "computes": "6 * 7",
        "fails": "print(undefined_thing.x)",
        "kept": "x = 3",
        "completes": "pri",
        "inspects": "print",
        "endless": "while true do x = x + 1 end",
        "keeps": "print('kept', x > 3)",
    },
    {
        "computes": "42",
        "fails": "attempt to index a nil value (global 'undefined_thing')",
        "completes": "print",
        "inspects": "print",
        "after": "kept\ttrue",
    },
    program="Lua",
    cannot=frozenset({"inspects", "asks"}),
)
# A program of blocks of most categories, whose lists begin at 1: it prints 1, 4 and 9, which it has put into a list, and the last of them.
PROGRAM = """<xml><variables><variable id="l">squares</variable><variable id="i">i</variable></variables>
<block type="variables_set"><field name="VAR" id="l">squares</field>
<value name="VALUE"><block type="lists_create_with"><mutation items="0"></mutation></block></value>
<next><block type="controls_for"><field name="VAR" id="i">i</field>
<value name="FROM"><block type="math_number"><field name="NUM">1</field></block></value>
<value name="TO"><block type="math_number"><field name="NUM">3</field></block></value>
<value name="BY"><block type="math_number"><field name="NUM">1</field></block></value>
<statement name="DO"><block type="lists_setIndex"><mutation at="true"></mutation>
<field name="MODE">SET</field><field name="WHERE">FROM_START</field>
<value name="LIST"><block type="variables_get"><field name="VAR" id="l">squares</field></block></value>
<value name="AT"><block type="variables_get"><field name="VAR" id="i">i</field></block></value>
<value name="TO"><block type="math_arithmetic"><field name="OP">MULTIPLY</field>
<value name="A"><block type="variables_get"><field name="VAR" id="i">i</field></block></value>
<value name="B"><block type="variables_get"><field name="VAR" id="i">i</field></block></value></block></value>
<next><block type="text_print"><value name="TEXT"><block type="lists_getIndex"><mutation statement="false" at="true"></mutation>
<field name="MODE">GET</field><field name="WHERE">FROM_START</field>
<value name="VALUE"><block type="variables_get"><field name="VAR" id="l">squares</field></block></value>
<value name="AT"><block type="variables_get"><field name="VAR" id="i">i</field></block></value></block></value></block></next>
</block></statement>
<next><block type="text_print">
<value name="TEXT"><block type="expression_value"><field name="expression">squares[#squares] + given</field></block></value>
<next><block type="statement"><field name="statement">print("printed", true) io.write("written ", 7, "\\n")</field></block></next>
</block></next></block></next></block></xml>"""


def of_lua(code):
    """The blocks of a line of Lua."""
    return f'<xml><block type="statement"><field name="statement">{code}</field></block></xml>'


@pytest.fixture(scope="module")
def followed(site):
    """A hub of the newest Debian, behind nginx, whose reader has followed the page while alice's server was running; and that reader."""
    images.prepare(lambda line: None, [images.lua()])
    with user_browser.desk(HUBS[-1], image=lambda _: images.lua()) as desk, desk.behind("nginx", PROXIES["nginx"].servers[-1]):
        desk.user()
        reader = following.Reader(desk.hub.machine, following.Pages.examples(site), TABS["nginx"])
        reader.follow(PAGE, without=["remove-it"])
        yield desk, reader


@pytest.fixture
def desk(followed):
    return followed[0]


def opened(desk, folder, blocks, *cells, application="Notebook 7"):
    """A new notebook on Lua whose first cell shows these blocks, and its editor."""
    desk.put(f"{folder}/n-blocks.xml", blocks)
    desk.notebook(f"{folder}/n.ipynb", LUA, *cells, kernel="lua")
    notebook = begin(desk, f"{folder}/n.ipynb", application=application)
    notebook.page.set_viewport_size({"width": 1000, "height": 900})
    return notebook, notebook.editor()


def test_each_command_of_the_page_prints_what_it_says(followed, prove):
    reader = followed[1]
    assert len(reader.typed) == 3
    assert not reader.wrong, "\n\n".join(reader.wrong)
    installed = [name for name in STATES if "kernel spec" not in name]
    assert reader.meet_all(PAGE, STATES, "save-the-files-and-install-them") == len(installed)
    assert not reader.wrong, "\n\n".join(reader.wrong)
    prove(*reader.proof(HUBS[-1].split()[-1], "nginx"))


def hello(notebook):
    """An editor in which a first block has been dragged, and run: it prints."""
    notebook.run()
    editor = notebook.editor().shown()
    editor.drag("Text", 0, 300, 120)
    only(editor)
    editor.press("Run")
    expect(notebook.printed()).to_have_text("Hello\n")
    return editor


@pytest.mark.parametrize("application", APPLICATIONS)
def test_blocks_run_in_the_kernel_of_lua_and_come_back(desk, application):
    folder = f"lua-{application.split()[0]}"
    desk.notebook(f"{folder}/first.ipynb", f"{LUA} --workspace first-lua", kernel="lua")
    notebook = begin(desk, f"{folder}/first.ipynb", application=application)
    editor = hello(notebook)
    saved(desk, f"{folder}/first-lua.xml", "Hello")
    editor.press("Generate Lua Code")
    expect(notebook.printed()).to_have_text("print('Hello')\n")
    notebook.save()
    notebook.reload()
    only(editor)
    expect(editor.placed("text_print")).to_contain_text("Hello")
    editor.press("Run")
    expect(notebook.printed()).to_have_text("Hello\n")


def test_blocks_use_what_cells_have_set_and_what_goes_wrong_is_shown(desk):
    notebook, editor = opened(desk, "program", PROGRAM, "given = 33", "squares[3]")
    notebook.run(1)
    notebook.run()
    only(editor)
    editor.press("Run")
    expect(notebook.printed()).to_have_text("1\n4\n9\n42\nprinted\ttrue\nwritten 7\n")
    # What the blocks have set, cells have too.
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("9")
    for name, code, words in (
        ("fails", "undefined_thing()", "LuaError: [string"),
        ("unread", "print(", "LuaSyntaxError: error loading code"),
    ):
        notebook, editor = opened(desk, name, of_lua(code))
        notebook.run()
        only(editor)
        editor.press("Run")
        expect(notebook.printed()).to_contain_text(words)


def test_nothing_at_all_runs_without_a_word(desk):
    """Python's word for it would be a name in Lua."""
    notebook, editor = opened(desk, "empty", "<xml></xml>", "pass = 'set by a cell'")
    notebook.run(1)
    notebook.run()
    editor.shown().press("Run")
    expect(editor.frame.locator("#status")).to_have_text("Sent to the notebook.")
    notebook.page.wait_for_timeout(1500)  # in which nothing is to come
    expect(notebook.printed()).to_have_text("")


# The types of the blocks that the toolbox offers, but for those of variables and functions, and those of them that make no code.
OFFERED = """() => {
  const types = [], walk = (items) => items.forEach((item) => (item.contents ? walk(item.contents) : item.type && types.push(item.type)));
  walk(Blockly.getMainWorkspace().options.languageTree.contents);
  return [types, types.filter((type) => !lua.luaGenerator.forBlock[type])];
}"""


def test_each_block_that_is_offered_makes_lua(desk):
    notebook, editor = opened(desk, "offered", printing("one"))
    notebook.run()
    only(editor)
    offered, silent = editor.frame.locator("body").evaluate(OFFERED)
    assert len(offered) > 30
    assert {"statement", "expression_value"} < set(offered)
    assert silent == []
    # Python's generator is not even loaded.
    assert editor.frame.locator("body").evaluate("() => typeof python") == "undefined"


def test_the_editor_for_python_is_as_before(desk):
    assert desk.hub.machine.read(f"{SHARE}/Python.html") == PUBLISHED.read("jigsaw/Python.html")
    notebook = begin(desk, "python/n.ipynb", "%jigsaw Python", "%jigsaw Dart")
    hello(notebook)
    # A language that has no page is told with those that have.
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("%jigsaw has no editor for 'Dart', only for Lua, Python.")


def test_the_kernel_does_what_the_table_says(desk, prove):
    seen = deployment.on_server(desk.hub.machine, "kernel_actions", "exercise", URL, "bob", "lua", json.dumps(LUPA.steps), timeout=400)
    does = other_kernels.does(LUPA, seen)
    assert {word for word in DOES if not does[word]} == LUPA.cannot | {"draws"}, json.dumps(seen)[:4000]
    versions = "from lupa.lua54 import LuaRuntime as L; import lupa; print(lupa.__version__); print(L().lua_implementation)"
    release, program = desk.hub.machine.sh(f'{VALUES["environment"]}/bin/python -c "{versions}"').stdout.splitlines()
    notebook, editor = opened(desk, "shown", printing("seen"))
    notebook.run()
    only(editor)
    does["blocks"] = True
    prove(evidence.kernel(desk.hub, "lupa", release, "Lua", program, does, "lua"))


def test_the_kernel_runs_no_program_of_the_notebooks_folder(desk):
    machine = desk.hub.machine
    beside.shared(machine, "lua_metakernel", "lupa")
    [told] = deployment.on_server(machine, "kernel_actions", "beside", URL, "bob", "lua", beside.NOTEBOOK, LUPA.steps["computes"])
    assert (told["status"], beside.ran(machine, "bob")) == ("ok", set()), told


def test_the_files_and_the_kernel_can_be_removed_and_brought_back(followed):
    desk, reader = followed
    reader.typed.clear()
    try:
        reader.follow(PAGE, ["remove-it"])
        assert not reader.wrong, "\n\n".join(reader.wrong)
        assert reader.meet_all(PAGE, STATES, "remove-it") == 1
        assert not reader.wrong, "\n\n".join(reader.wrong)
        assert read_spec(desk) == ""
    finally:
        desk.hub.machine.sh(AGAIN)
    assert json.loads(read_spec(desk))["display_name"] == "Lua"


def read_spec(desk):
    return desk.hub.machine.sh(f"cat {VALUES['environment']}/share/jupyter/kernels/lua/kernel.json || true").stdout
