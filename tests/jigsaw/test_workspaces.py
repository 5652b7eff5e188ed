"""Where %jigsaw saves the blocks, and how they come back; and where MetaKernel's own %jigsaw differs."""

import json
import re
from dataclasses import dataclass
from html import escape

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import user_browser
from tests.harness.browsers.blocks import JIGSAW, NEW, begin, only, printing, read, saved
from tests.harness.machines import beside, deployment
from tests.harness.manifest import PUBLISHED, VALUES, VERSIONS

# MetaKernel's own frame begins at another address. A slow machine has time to say that it is refused.
OWN_FRAME = pytest.mark.loud("MetaKernel's own frame", only="frame-ancestors 'none'")
# Of the module, so that what the tests share is made once.
pytestmark = pytest.mark.parametrize("version", VERSIONS["jupyterhub"][-1:], scope="module", indirect=True)

GONE = "404 : Not Found"

# As Blockly of 2016 wrote blocks: no list of variables, which have names only; some by the page at calysto.github.io.
OLD = """<xml xmlns="http://www.w3.org/1999/xhtml"><block type="import_statement" id="1" x="13" y="13"><field name="module">math</field>
<next><block type="variables_set" id="2"><field name="VAR">item</field>
<value name="VALUE"><block type="math_number" id="3"><field name="NUM">2</field></block></value>
<next><block type="controls_repeat_ext" id="4">
<value name="TIMES"><block type="math_number" id="5"><field name="NUM">3</field></block></value>
<statement name="DO"><block type="expression_statement" id="6"><field name="expression">item = item * 2</field></block></statement>
<next><block type="controls_if" id="7"><mutation else="1"></mutation>
<value name="IF0"><block type="logic_compare" id="8"><field name="OP">GT</field>
<value name="A"><block type="variables_get" id="9"><field name="VAR">item</field></block></value>
<value name="B"><block type="math_number" id="10"><field name="NUM">100</field></block></value></block></value>
<statement name="DO0"><block type="text_print" id="11"></block></statement>
<statement name="ELSE"><block type="text_print" id="12">
<value name="TEXT"><block type="text" id="13"><field name="TEXT">small</field></block></value></block></statement>
<next><block type="text_print" id="14">
<value name="TEXT"><block type="expression_value" id="15"><field name="expression">math.sqrt(item)</field></block></value></block>
</next></block></next></block></next></block></next></block></xml>
"""
# Its colours are no blocks of Blockly any more.
LOST = printing("#ff0000", "colour_picker", "COLOUR")

# What is typed after --workspace, and the name that it is read as. None of them may become a file.
REFUSED = {
    typed: name or typed
    for typed, name in {
        ".hidden": "",
        "sub/.hidden/x": "",
        "..": "",
        "../x": "",
        "sub/../../x": "",
        "/home/alice/x": "",
        "a//b": "",
        "a/": "",
        "a\\b": "",
        '"a\\nb"': "a\nb",
        '"a\\x07b"': "a\x07b",
        '" "': " ",
    }.items()
}
# The same for names that become a file.
TYPED = {
    '"two words"': "two words",
    "it's": "it's",
    '"it\'s mine"': "it's mine",
    "'say \"hi\"'": 'say "hi"',
    "week1/first": "week1/first",
    '"what?"': "what?",
    '"1.50"': "1.50",
    # What looks like a number is read as one.
    "1.50": "1.5",
}

# What MetaKernel makes of a notebook's cells, without a browser. Jupyter Server tells its kernels the notebook's path in the same way.
RUN = f"""
import json, sys, nbclient, nbformat
notebook = nbformat.v4.new_notebook(metadata={{"kernelspec": {{"name": "{VALUES["kernel"]}", "display_name": ""}}}})
notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in json.load(sys.stdin)]
nbclient.NotebookClient(notebook, timeout=60, allow_errors=True).execute()
json.dump([cell.outputs for cell in notebook.cells], sys.stdout)
"""


@dataclass
class Ran:
    """What a cell has written: its words, and the page that our %jigsaw shows."""

    outputs: list[dict]

    @property
    def said(self):
        return re.sub(r"\x1b\[[\d;]*m", "", "".join(output.get("text", "") for output in self.outputs))

    @property
    def page(self):
        scripts = [output["data"]["application/javascript"] for output in self.outputs if "data" in output]
        return json.JSONDecoder().raw_decode(scripts[0].rpartition("(element, ")[2])[0]["page"] if scripts else None


def run(desk, notebook, *cells, user="alice"):
    """Run the cells of a notebook, by its path in the user's home."""
    home = f"/home/{user}"
    folder = f"{home}/{notebook}".rpartition("/")[0]
    desk.hub.machine.exec("mkdir", "-p", folder, user=user)
    command = ["env", "-C", folder, f"HOME={home}", f"JPY_SESSION_NAME={home}/{notebook}", deployment.PYTHON, "-c", RUN]
    done = desk.hub.machine.exec(*command, user=user, input=json.dumps(cells))
    return [Ran(outputs) for outputs in json.loads(done.stdout)]


def files(desk, folder, user="alice"):
    """The editors and blocks below a folder of a home."""
    found = ["-name", ".ipynb_checkpoints", "-prune", "-o", "-type", "f", "(", "-name", "*.html", "-o", "-name", "*.xml", ")"]
    return set(filter(None, desk.hub.machine.exec("find", f"/home/{user}/{folder}", *found, "-printf", "%P\\0").stdout.split("\0")))


def changed(desk, folder, name, words, instead):
    """Let alice's notebooks of a folder have our %jigsaw with one line changed: of its magic, its listener or its editor."""
    share = f"/home/alice/changed/{folder}"
    snippets = PUBLISHED.replace(f"jigsaw/{name}", words, instead)
    snippets = snippets.replace("jigsaw/jigsaw_magic.py", 'Path(sys.prefix, "share", "jigsaw")', f"Path({share!r})")
    beside.magic(desk.hub.machine, f"/home/alice/{folder}", snippets.read("jigsaw/jigsaw_magic.py"), "alice")
    for part in ("listener.js", "Python.html"):
        desk.put(f"changed/{folder}/{part}", snippets.read(f"jigsaw/{part}"))


@pytest.fixture(scope="module")
def version(request):
    return request.param


@pytest.fixture(scope="module")
def desk(desks, version):
    desk = desks(version)
    with desk.behind("apache"):
        yield desk


@pytest.fixture(scope="module")
def named(desk):
    """What a notebook says to each line of REFUSED and TYPED, and to some more: {what follows the language: Ran}."""
    lines = [*REFUSED, *TYPED, "two words", "what?", ""]
    cells = [f"{JIGSAW} --workspace {typed}" if typed else JIGSAW for typed in lines]
    # The last ones run elsewhere.
    more = [JIGSAW, "import os; os.chdir('/')", f"{JIGSAW} --workspace moved", "%cd /usr", f"{JIGSAW} --workspace moved-again"]
    return dict(zip([*lines, "again", *more[1:]], run(desk, "named/My notes.ipynb", *cells, *more), strict=True))


@pytest.mark.parametrize("typed", REFUSED)
def test_a_name_that_leads_elsewhere_is_refused_in_one_line(named, typed):
    ran = named[typed]
    assert ran.page is None
    assert ran.said.startswith(f"{REFUSED[typed]!r} cannot be a workspace's name. It is a path below the notebook's folder")
    assert ran.said.count("\n") == 1


@pytest.mark.parametrize("typed", TYPED)
def test_the_file_has_the_name_that_was_typed(named, typed):
    assert named[typed].page == f"/home/alice/named/{TYPED[typed]}.html", named[typed].said


def test_nothing_else_is_written(named, desk):
    """Without a name it is the notebook's own, each time, and after %cd files still lie beside the notebook."""
    names = (*TYPED.values(), "My notes-blocks", "moved", "moved-again")
    assert files(desk, "named") == {f"{name}.{kind}" for name in names for kind in ("html", "xml")}
    assert named[""].page == named["again"].page == "/home/alice/named/My notes-blocks.html"


def test_a_notebook_without_a_name_of_its_own_asks_for_one_so_that_the_next_one_takes_nothing_over(desk):
    """JupyterLab gives it a name when it is first saved, and calls the next one Untitled."""
    [ran] = run(desk, "new/Untitled.ipynb", JIGSAW)
    words = "Untitled.ipynb has no name of its own yet, after which its blocks could be named. Add one, such as --workspace "
    assert (ran.page, ran.said, files(desk, "new")) == (None, f"{words}shapes\n", set())
    [ran] = run(desk, "new/Untitled.ipynb", f"{JIGSAW} --workspace shapes")
    assert ran.page == "/home/alice/new/shapes.html"
    # One that has blocks from before the magic asked.
    desk.put("new/Untitled1-blocks.xml", printing("Hello"))
    [ran] = run(desk, "new/Untitled1.ipynb", JIGSAW)
    assert (ran.page, ran.said) == (None, f"{words}Untitled1-blocks\n".replace("Untitled.", "Untitled1."))
    # By the page, after a rename: the file, and the kernel.
    run(desk, "renamed/lesson.ipynb", JIGSAW)
    desk.put("renamed/lesson-blocks.xml", printing("Hello"))
    desk.hub.machine.sh("cd /home/alice/renamed && mv lesson-blocks.xml week2-blocks.xml", user="alice")
    [ran] = run(desk, "renamed/week2.ipynb", JIGSAW)
    assert "Hello" in read(desk, "renamed/week2-blocks.html")


def test_words_without_quotes_are_no_name(named):
    assert (named["two words"].page, named["two words"].said) == (None, "%jigsaw has no editor for 'Python words', only for Python.\n")
    # MetaKernel takes a question mark at the end of a line for a question about the line.
    assert (named["what?"].page, named["what?"].said) == (None, "")


def test_without_its_rule_every_name_becomes_a_file(desk):
    changed(desk, "unruled", "jigsaw_magic.py", 'if hidden or "\\\\" in name or not name.isprintable():', "if False:")
    ran = run(desk, "unruled/n.ipynb", *[f"{JIGSAW} --workspace {typed}" for typed in REFUSED])
    assert [each.page for each in ran if each.page is None] == []
    assert ".hidden.html" in files(desk, "unruled")
    assert "x.html" in files(desk, "")


@pytest.fixture(scope="module")
def obstacles(desk):
    """What a notebook says where a file cannot be written: {name: Ran}."""
    desk.put("obstacles/taken.html", "<p>mine</p>")
    desk.put("obstacles/file", "")
    desk.hub.machine.sh(
        "cd /home/alice/obstacles && mkdir -p full.html shut && touch secret.xml && chmod 0 secret.xml && chmod 555 shut", user="alice"
    )
    names = ["shut/x", "shut/sub/x", "file/x", "full", "secret", "n" * 300, "taken"]
    return dict(zip(names, run(desk, "obstacles/n.ipynb", *[f"{JIGSAW} --workspace {name}" for name in names]), strict=True))


@pytest.mark.parametrize(
    ("name", "words", "where"),
    [
        ("shut/x", "Permission denied", "shut/x.xml"),
        ("shut/sub/x", "Permission denied", "shut/sub"),
        ("file/x", "File exists", "file"),
        ("full", "Is a directory", "full.html"),
        ("secret", "Permission denied", "secret.xml"),
        ("n" * 300, "File name too long", f"{'n' * 300}.html"),
    ],
    ids=lambda value: value[:20],
)
def test_where_nothing_can_be_written_one_line_says_so(obstacles, name, words, where):
    said = f"The block editor cannot be written: {words}: /home/alice/obstacles/{where}\n"
    assert (obstacles[name].page, obstacles[name].said) == (None, said)


def test_a_page_of_the_users_own_is_never_written_over(obstacles, desk):
    said = "/home/alice/obstacles/taken.html exists and is no block editor: choose another name with --workspace.\n"
    assert (obstacles["taken"].page, obstacles["taken"].said) == (None, said)
    assert read(desk, "obstacles/taken.html") == "<p>mine</p>"
    assert files(desk, "obstacles") == {"taken.html", "secret.xml"}


def test_in_a_home_that_is_read_only_one_line_says_so(desk):
    desk.hub.machine.sh("chmod 555 /home/carol")
    try:
        [ran] = run(desk, "n.ipynb", JIGSAW, user="carol")
    finally:
        desk.hub.machine.sh("chmod 755 /home/carol")
    said = "The block editor cannot be written: Permission denied: /home/carol/n-blocks.xml\n"
    assert (ran.page, ran.said) == (None, said)


@OWN_FRAME
def test_metakernels_own_writes_over_pages_and_elsewhere_and_under_other_names(desk):
    desk.own_magic("own")
    desk.put("own/taken.html", "<p>mine</p>")
    desk.hub.machine.sh("cd /home/alice && mkdir -p own/shut elsewhere && chmod 555 own/shut", user="alice")
    lines = [f"{JIGSAW} --workspace {name}" for name in ("taken", "12", "shut/x")]
    _, number, shut, *_ = run(desk, "own/n.ipynb", *lines, JIGSAW, JIGSAW, "%cd ../elsewhere", f"{JIGSAW} --workspace moved")
    assert "jigsaw" in read(desk, "own/taken.html")
    assert "Traceback" in number.said
    assert "Traceback" in shut.said
    assert "[Errno 13] Permission denied: 'shut/x.html'" in shut.said
    random = files(desk, "own") - {"taken.html"}
    assert len(random) == 2
    assert all(re.fullmatch(r"jigsaw-workspace-[A-Z0-9]{6}\.html", name) for name in random)
    assert files(desk, "elsewhere") == {"moved.html"}


@pytest.mark.parametrize(("application", "folder"), [("JupyterLab", ""), ("JupyterLab", "week 1/"), ("Notebook 7", "Übung/名前/")])
@pytest.mark.loud("a frame of before asks for blocks in the moment in which there are none", only="n-blocks.xml?")
def test_the_blocks_lie_beside_the_notebook(desk, application, folder):
    notebook = begin(desk, f"places/{folder}n.ipynb", JIGSAW, application=application)
    notebook.run()
    editor = notebook.editor().shown()
    editor.drag("Text", 0, 300, 120)
    editor.press("Run")
    expect(notebook.printed()).to_have_text("Hello\n")
    assert {f"{folder}n-blocks.html", f"{folder}n-blocks.xml"} <= files(desk, "places")

    # A second run keeps them, in the same files.
    notebook.run()
    expect(notebook.printed()).to_have_text("")
    only(editor)
    assert len([name for name in files(desk, "places") if name.startswith(folder) and "/" not in name.removeprefix(folder)]) == 2

    # Without the file of the blocks, it begins anew.
    desk.hub.machine.exec("rm", f"/home/alice/places/{folder}n-blocks.xml")
    notebook.run()
    only(editor, 0)
    assert "text_print" not in read(desk, f"places/{folder}n-blocks.xml")


def test_names_and_blocks_of_any_letters_run_and_come_back(desk):
    names = ["two words", "it's 50%25", "a#b?c&d", "größe", "neu/Mappe 名前/x"]
    cells = [f'{JIGSAW} --workspace "{name}"' for name in names]
    for name in names:
        desk.put(f"letters/{name}.xml", printing(f"Grüße, 名 & <{name}>"))
    # Where the notebook's programs are does not matter.
    notebook = begin(desk, "letters/n.ipynb", *cells, "import os; os.chdir('/')", f"{JIGSAW} --workspace größe")
    for number, name in enumerate(names):
        notebook.run(number)
        only(notebook.editor(number))
        # The name that the editor gives in its messages: no header tells the browser how the page is written.
        expect(notebook.editor(number).frame.locator("#file")).to_have_text(f"{name}.xml")
        notebook.editor(number).press("Run")
        expect(notebook.printed(number), name).to_have_text(f"Grüße, 名 & <{name}>\n")
        kept = read(desk, f"letters/{name}.xml")
        assert kept.startswith(NEW), name
        assert escape(f"Grüße, 名 & <{name}>", quote=False) in kept
    notebook.run(len(names))
    notebook.run(len(names) + 1)
    only(notebook.editor(len(names) + 1))
    assert files(desk, "letters") == {f"{name}.{kind}" for name in names for kind in ("html", "xml")}


@pytest.mark.loud("pages that are not found")
def test_metakernels_own_shows_no_output_or_no_editor_for_such_names(desk):
    silent, missing = ["two words", "größe"], {"a#b": GONE, "wh?t": GONE, ".hidden": GONE, "50%": "Bad Request"}
    desk.own_magic("silent")
    for name in silent:
        desk.put(f"silent/{name}.xml", printing("Hello"))
    desk.hub.machine.exec("mkdir", "-p", "/home/alice/elsewhere", user="alice")
    cells = [f'{JIGSAW} --workspace "{name}"' for name in (*silent, *missing)]
    after = len(cells)
    notebook = begin(desk, "silent/n.ipynb", *cells, "print('after')", "%cd ../elsewhere", f"{JIGSAW} --workspace gone")
    for number, name in enumerate(silent):
        notebook.run(number)
        only(notebook.editor(number))
        notebook.editor(number).press("Run")
        # The kernel has run the program: the blocks are saved first.
        saved(desk, f"silent/{name}.xml", NEW)
    notebook.run(after)
    expect(notebook.output(after)).to_have_text("after")
    for number, name in enumerate(silent):
        expect(notebook.output(number), name).not_to_contain_text("Hello")
    for number, words in enumerate(missing.values(), len(silent)):
        notebook.run(number)
        expect(notebook.editor(number).frame.locator("body")).to_contain_text(words)
    notebook.run(after + 1)
    notebook.run(after + 2)
    expect(notebook.editor(after + 2).frame.locator("body")).to_contain_text(GONE)


@OWN_FRAME
def test_run_reaches_the_notebooks_own_kernel_where_metakernels_own_takes_another(desk):
    desk.own_magic("twins/own")
    begin(desk, "twin.ipynb", "who = 'another'").run()
    # Both are called as the first is, and lie deeper.
    for folder, reached in (("twins/ours", "its own"), ("twins/own", "another")):
        desk.put(f"{folder}/who.xml", printing("who", "expression_value", "expression"))
        notebook = begin(desk, f"{folder}/twin.ipynb", "who = 'its own'", f"{JIGSAW} --workspace who")
        notebook.run(0)
        notebook.run(1)
        only(notebook.editor(1))
        notebook.editor(1).press("Run")
        expect(notebook.output(1), folder).to_contain_text(reached)


def test_of_two_editors_of_one_name_the_last_to_save_wins_and_each_has_its_own_output(desk):
    desk.put("shared/one.xml", printing("shared"))
    notebook = begin(desk, "shared/n.ipynb", *[f"{JIGSAW} --workspace one"] * 2)
    for number in (0, 1):
        notebook.run(number)
        only(notebook.editor(number))
    first, second = notebook.editor(0), notebook.editor(1)
    first.drag("Text", 0, 300, 200)
    first.press("Run")
    expect(notebook.printed(0)).to_have_text("shared\nHello\n")
    saved(desk, "shared/one.xml", "Hello")
    second.press("Run")
    expect(notebook.printed(1)).to_have_text("shared\n")
    expect(notebook.printed(0)).to_have_text("shared\nHello\n")
    assert "Hello" not in read(desk, "shared/one.xml")
    notebook.save()
    notebook.reload()
    only(first)


@pytest.mark.loud("a notebook that is not found")
def test_jupyter_opens_no_notebook_of_a_hidden_folder(desk):
    page = desk.user().page()
    page.goto(desk.user().address(f"lab/tree/{desk.notebook('.hidden/n.ipynb', JIGSAW)}?reset"))
    page.get_by_role("dialog").get_by_text("Could not find path: .hidden/n.ipynb").wait_for()


@pytest.mark.loud("blocks that are not saved")
def test_in_a_folder_that_has_become_read_only_run_runs_and_says_what_is_not_saved(desk):
    notebook = begin(desk, "closing/n.ipynb", JIGSAW)
    notebook.run()
    editor = notebook.editor().shown()
    desk.hub.machine.sh("chmod -R a-w /home/alice/closing")
    editor.drag("Text", 0, 300, 120)
    editor.press("Run")
    expect(notebook.printed()).to_contain_text("Hello\n")
    expect(notebook.printed()).to_contain_text("The blocks are not saved: the server answers 403 for ")
    assert "Hello" not in read(desk, "closing/n-blocks.xml")
    editor.press("Generate Python Code")
    expect(notebook.printed()).to_contain_text("print('Hello')\nThe blocks are not saved: the server answers 403 for ")
    desk.hub.machine.sh("chmod -R u+w /home/alice/closing")
    editor.press("Run")
    expect(notebook.printed()).to_have_text("Hello\n")
    saved(desk, "closing/n-blocks.xml", "Hello")


@pytest.mark.loud("blocks that are not saved")
def test_blocks_that_were_changed_while_the_hub_was_away_are_saved_when_it_is_back(desk):
    notebook = begin(desk, "away/n.ipynb", JIGSAW)
    notebook.run()
    editor = notebook.editor().shown()
    # Once this is saved, the editor has asked for what was saved before.
    editor.drag("Text", 0, 300, 20)
    saved(desk, "away/n-blocks.xml", "text_print")
    deployment.end(desk.hub)
    try:
        editor.drag("Text", 0, 300, 120)
        expect(notebook.printed()).to_contain_text("The blocks are not saved: the server answers 503 for ")
        editor.drag("Text", 0, 300, 220)
        only(editor, 3)
        expect(notebook.printed()).to_have_text(re.compile(r"answers 503[\s\S]*answers 503"))
        assert read(desk, "away/n-blocks.xml").count("text_print") == 1
    finally:
        deployment.start(desk.hub)
    expect(notebook.printed()).to_contain_text("The blocks are saved.\n", timeout=60_000)
    assert read(desk, "away/n-blocks.xml").count("text_print") == 3


@pytest.mark.loud("blocks that are not saved")
def test_blocks_that_never_reached_the_server_are_saved_later_and_then_count_no_more_than_what_is_saved_elsewhere(desk):
    notebook = begin(desk, "offline/n.ipynb", JIGSAW)
    notebook.run()
    editor = notebook.editor().shown()
    blocks = "**/api/contents/offline/n-blocks.xml*"
    # As from a hub that is back, and has not found the user's server yet.
    answers = [lambda route: route.abort(), lambda route: route.fulfill(status=424), lambda route: route.fulfill(status=403)]

    def answer(route):
        done = answers.pop(0) if route.request.method == "PUT" and answers else lambda route: route.fallback()
        done(route)

    notebook.page.route(blocks, answer)
    editor.drag("Text", 0, 300, 120)
    expect(notebook.printed()).to_have_text("The blocks are not saved yet: Failed to fetch\n")
    assert "text_print" not in read(desk, "offline/n-blocks.xml")
    expect(notebook.printed()).to_contain_text("The blocks are saved.\n", timeout=60_000)
    assert (read(desk, "offline/n-blocks.xml").count("text_print"), answers) == (1, [])
    # Another window of the user's saves two blocks.
    desk.put("offline/n-blocks.xml", f"<xml>{2 * printing('x').removeprefix('<xml>').removesuffix('</xml>')}</xml>")
    notebook.run()
    only(notebook.editor(), 2)


def latin(desk, path):
    """Blocks that somebody has saved in another encoding; the file as it is."""
    desk.hub.machine.sh(f"cd /home/alice && mkdir -p {path.rpartition('/')[0]} && printf '<xml>gr\\374n</xml>' >{path}", user="alice")
    return lambda: desk.hub.machine.sh(f"od -c /home/alice/{path}").stdout


@pytest.mark.loud("blocks that are not saved")
def test_blocks_in_another_encoding_are_not_written_over(desk):
    content = latin(desk, "encoded/b.xml")
    before = content()
    [ran] = run(desk, "encoded/n.ipynb", f"{JIGSAW} --workspace b")
    said = "/home/alice/encoded/b.xml is not in UTF-8, so it holds no blocks of this editor: choose another name with --workspace.\n"
    assert (ran.page, ran.said, content()) == (None, said, before)
    # The same once the editor is there.
    notebook = begin(desk, "encoded/later.ipynb", JIGSAW)
    notebook.run()
    notebook.editor().shown()
    notebook.save()
    content = latin(desk, "encoded/later-blocks.xml")
    notebook.reload()
    editor = notebook.editor().shown()
    words = "The server answers 400 for the saved blocks, so nothing will be saved until you reload this page."
    expect(notebook.printed()).to_have_text(f"{words}\n")
    editor.drag("Text", 0, 300, 120)
    expect(notebook.printed()).to_have_text(f"{words}\n{words}\n")
    assert content() == before


@pytest.fixture
def disk(desk):
    """A folder of alice's on a small disk, and how to fill it."""
    machine = desk.hub.machine
    machine.sh("mkdir /mnt/small/alice && chown alice /mnt/small/alice && ln -s /mnt/small/alice /home/alice/small")
    yield lambda: machine.sh("cat /dev/zero >/mnt/small/filled", check=False)
    machine.sh("rm -rf /mnt/small/filled /mnt/small/alice /home/alice/small")


@pytest.mark.loud("blocks that are not saved")
def test_on_a_full_disk_the_cell_and_run_say_so_and_blocks_stay_as_they_were(desk, disk):
    notebook = begin(desk, "small/n.ipynb", JIGSAW, f"{JIGSAW} --workspace second")
    notebook.run()
    editor = notebook.editor().shown()
    editor.drag("Text", 0, 300, 120)
    editor.press("Run")
    expect(notebook.printed()).to_have_text("Hello\n")
    kept = read(desk, "small/n-blocks.xml")
    disk()
    editor.drag("Text", 0, 300, 200)
    editor.press("Run")
    expect(notebook.printed()).to_contain_text("Hello\nHello\n")
    expect(notebook.printed()).to_contain_text("The blocks are not saved: the server answers 500 for")
    assert read(desk, "small/n-blocks.xml") == kept
    # There is room for empty blocks, and none for the editor.
    desk.hub.machine.sh("truncate -s -4096 /mnt/small/filled")
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("The block editor cannot be written: No space left on device")
    # What was written in part is no hindrance later.
    desk.hub.machine.sh("rm /mnt/small/filled")
    notebook.run(1)
    only(notebook.editor(1), 0)


def test_blocks_that_were_not_run_are_there_after_a_reload_on_another_machine_and_in_a_copy(desk):
    notebook = begin(desk, "kept/n.ipynb", JIGSAW, application="JupyterLab")
    notebook.run()
    editor = notebook.editor().shown()
    editor.drag("Text", 0, 300, 120)
    saved(desk, "kept/n-blocks.xml", "text_print")
    # The page is as old as the cell's last run.
    [line] = [line for line in read(desk, "kept/n-blocks.html").splitlines() if "window.__jigsaw_saved_xml__ = " in line]
    assert "text_print" not in line
    notebook.save()
    notebook.reload()
    only(editor)
    # The kernel is the same to the editor after a restart.
    notebook.restart()
    editor.press("Run")
    expect(notebook.printed()).to_have_text("Hello\n")

    desk.users["alice, elsewhere"] = elsewhere = user_browser.log_in(desk.browser, "alice", desk.hub.passwords["alice"])
    there = elsewhere.open("JupyterLab", "kept/n.ipynb")
    only(there.editor())
    there.editor().press("Run")
    expect(there.printed()).to_have_text("Hello\n")

    # A copy shows the blocks of its original until its cell has run.
    desk.hub.machine.sh("cd /home/alice && mkdir -p copied && cp kept/n.ipynb copied/", user="alice")
    copy = begin(desk, "copied/n.ipynb")
    only(copy.editor())
    expect(copy.output().locator("iframe")).to_have_attribute("src", desk.user().address("files/kept/n-blocks.html"))
    copy.run()
    expect(copy.output().locator("iframe")).to_have_attribute("src", desk.user().address("files/copied/n-blocks.html"))
    only(copy.editor(), 0)


def test_without_asking_the_server_a_reload_shows_the_blocks_of_the_cells_last_run(desk):
    changed(desk, "stale", "listener.js", "ready: restore", "ready: () => {}")
    notebook = begin(desk, "stale/n.ipynb", JIGSAW)
    notebook.run()
    editor = notebook.editor().shown()
    editor.drag("Text", 0, 300, 120)
    saved(desk, "stale/n-blocks.xml", "text_print")
    notebook.save()
    notebook.reload()
    editor.shown().press("Generate Python Code")
    editor.frame.get_by_text("Sent to the notebook.").wait_for()
    only(editor, 0)


@pytest.mark.loud("a kernel that is gone")
def test_after_a_stop_of_the_server_the_editor_asks_to_run_the_cell_again(desk):
    desk.put("stopped/n-blocks.xml", printing("Hello"))
    notebook = begin(desk, "stopped/n.ipynb", JIGSAW)
    notebook.run()
    only(notebook.editor())
    notebook.save()
    notebook.page.close()
    page = desk.user().stop()
    page.get_by_role("button", name="Start My Server").click()
    page.wait_for_url("**/user/alice/**", timeout=60_000)

    notebook = begin(desk, "stopped/n.ipynb")
    only(notebook.editor())
    notebook.editor().press("Run")
    expect(notebook.printed()).to_have_text("The kernel of this editor is gone (404). Run the cell again.\n")
    notebook.run()
    expect(notebook.printed()).to_have_text("")
    only(notebook.editor())
    notebook.editor().press("Run")
    expect(notebook.printed()).to_have_text("Hello\n")


@pytest.mark.parametrize("guarded", [True, False])
def test_blocks_that_cannot_be_read_are_written_over_only_without_the_guard(desk, guarded):
    folder = "unreadable" if guarded else "unguarded"
    if not guarded:
        changed(desk, folder, "Python.html", "...(readable ? { save_xml: kept } : {})", "save_xml: kept")
    contents = {"lost": LOST, "damaged": "damaged"}
    for name, content in contents.items():
        desk.put(f"{folder}/{name}.xml", content)
    notebook = begin(desk, f"{folder}/n.ipynb", *[f"{JIGSAW} --workspace {name}" for name in contents])
    for number, (name, content) in enumerate(contents.items()):
        notebook.run(number)
        editor = notebook.editor(number).shown()
        editor.frame.get_by_text("The saved blocks cannot be read, so nothing will be saved: ").wait_for()
        editor.drag("Text", 0, 300, 120)
        editor.press("Run")
        expect(notebook.printed(number)).to_contain_text("Hello\n")
        assert (read(desk, f"{folder}/{name}.xml") == content) is guarded


def test_blocks_of_metakernel_before_1_open_run_and_are_saved_as_new_ones(desk):
    contents = {"old": OLD, "bare": OLD.replace(' xmlns="http://www.w3.org/1999/xhtml"', "")}
    for name, content in contents.items():
        desk.put(f"old/{name}.xml", content)
    notebook = begin(desk, "old/n.ipynb", *[f"{JIGSAW} --workspace {name}" for name in contents])
    for number, name in enumerate(contents):
        notebook.run(number)
        only(notebook.editor(number))
        notebook.editor(number).press("Run")
        expect(notebook.printed(number)).to_have_text("small\n4.0\n")
        assert read(desk, f"old/{name}.xml").startswith(f"{NEW}<variables><variable id=")


def test_another_user_gets_words_and_after_a_run_an_editor_of_their_own(desk):
    [ran] = run(desk, "given/n.ipynb", JIGSAW)
    given = json.loads(read(desk, desk.notebook("given/n.ipynb", JIGSAW)))
    given["cells"][0] |= {"outputs": ran.outputs, "execution_count": 1}
    desk.put("given/n.ipynb", json.dumps(given), "bob")
    desk.put("given/n-blocks.xml", printing("from alice"), "bob")
    notebook = begin(desk, "given/n.ipynb", user="bob")
    expect(notebook.output()).to_have_text("The block editor is shown where this notebook is trusted. Run the cell again.")
    expect(notebook.output().locator("iframe")).to_have_count(0)
    notebook.run()
    only(notebook.editor())
    notebook.editor().press("Run")
    expect(notebook.printed()).to_have_text("from alice\n")
    assert files(desk, "given", "bob") == {"n-blocks.html", "n-blocks.xml"}
