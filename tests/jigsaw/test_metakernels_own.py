"""MetaKernel's own %jigsaw, without this guide's editor: how it works, what it leaves behind, and how it fails."""

import contextlib
import json
import re
import shlex

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import policies
from tests.harness.browsers.other_web import CALYSTO
from tests.harness.browsers.user_browser import APPLICATIONS, PATIENCE, Notebook
from tests.harness.machines import beside, deployment, engine
from tests.harness.manifest import NEWEST, PROXIES, PUBLISHED, ROOT, VALUES
from tests.harness.measuring import syntax

OWN, OURS = "metakernels-own", "this-guides"  # folders of alice's home: the one has MetaKernel's own magic
CELL = "%jigsaw Python --workspace blocks"
BLOCKS = (
    '<xml xmlns="https://developers.google.com/blockly/xml"><block type="text_print" x="20" y="20"><value name="TEXT">'
    '<shadow type="text"><field name="TEXT">Hello</field></shadow></value></block></xml>\n'
)
HOME = "/jupyter/user/alice/"
FIRST = "Error in calling magic 'jigsaw' on line:"
COMPLAINT = ROOT / "troubleshooting/jigsaw-urlopen-error/index.md"

newest = pytest.mark.parametrize("version", [NEWEST])
every_application = pytest.mark.parametrize("application", APPLICATIONS)


pytestmark = pytest.mark.loud("MetaKernel's own magic is noisy, and its host at times out of reach")


def opened(desk, folder, application, prepare=lambda page: None):
    """A notebook whose only cell shows blocks that print Hello; `prepare` is done to its page before it loads."""
    if folder == OWN:
        desk.own_magic(folder)
    desk.put(f"{folder}/blocks.xml", BLOCKS)
    path = desk.notebook(f"{folder}/first.ipynb", CELL)
    user = desk.user()
    notebook = Notebook(user.page())
    prepare(notebook.page)
    return notebook.load(lambda: notebook.page.goto(user.address(f"{APPLICATIONS[application]}{path}?reset")))


def streamed(notebook):
    """What MetaKernel's listener has put under the editor: each write of the program by itself."""
    return notebook.output().locator(".jigsaw-stream pre")


def run_behind(desk, proxy, application, files=PUBLISHED):
    """Press Run in MetaKernel's own editor behind a reverse proxy: its WebSocket's token, and the lines of the access log."""
    with desk.behind(proxy, files=files) as server:
        notebook = opened(desk, OWN, application)
        notebook.run()
        notebook.editor().shown().send("Run")
        expect(streamed(notebook).first).to_have_text("Hello", timeout=PATIENCE)
        # A WebSocket is logged when it ends: that of the listener, and that of the application.
        notebook.page.close()

        def logged():
            lines = server.sh(f"grep -v /favicons/ {PROXIES[proxy].log}").stdout.splitlines()
            if sum("/channels" in line for line in lines) < 2:
                raise RuntimeError("not every WebSocket is logged yet")
            return lines

        lines = engine.wait(logged)
    sockets = [
        found[1]
        for request in desk.user().requests
        if (found := re.fullmatch(rf"WS wss://{VALUES['host']}{HOME}api/kernels/[\da-f-]{{36}}/channels\?token=(\w+)", request))
    ]
    assert len(sockets) == 1, desk.user().requests
    return sockets[0], lines


@newest
@pytest.mark.parametrize(("proxy", "application"), [("nginx", "JupyterLab"), ("nginx", "Notebook 7"), ("apache", "Notebook 7")])
def test_run_finds_the_kernel_through_the_server_and_leaves_no_token_in_the_log(desks, version, proxy, application):
    desk = desks(version)
    token, lines = run_behind(desk, proxy, application)
    # The applications ask for the same with the time as a query.
    assert f"GET https://{VALUES['host']}{HOME}api/sessions" in desk.user().requests
    requests = [line.split('"')[1] for line in lines]
    assert f"GET {HOME}api/sessions HTTP/1.1" in requests
    assert not [line for line in requests if "?" in line]
    assert not [line for line in lines if token in line]


@newest
@pytest.mark.parametrize(
    ("proxy", "line", "instead"), [("nginx", "$uri $server_protocol", "$request_uri $server_protocol"), ("apache", "%U %H", "%U%q %H")]
)
def test_a_log_that_keeps_queries_keeps_the_token(desks, version, proxy, line, instead):
    token, lines = run_behind(desks(version), proxy, "Notebook 7", PUBLISHED.replace(f"{proxy}/jupyterhub.conf", line, instead))
    assert [line for line in lines if f"/channels?token={token} " in line]


WRONG = "/user/alice/"  # without /jupyter


def mislead(page):
    """Change the base URL in the configuration that a loaded page holds: the application has read it, the magic has not."""
    page.evaluate(
        """wrong => {
            const element = document.getElementById("jupyter-config-data");
            element.textContent = JSON.stringify({ ...JSON.parse(element.textContent), baseUrl: wrong });
        }""",
        WRONG,
    )


@newest
@every_application
def test_with_a_wrong_base_url_run_says_nothing_but_in_the_console(desks, version, application):
    desk = desks(version)
    with desk.behind("nginx"):
        notebook = opened(desk, OWN, application)
        notebook.run()
        editor = notebook.editor().shown()
        mislead(notebook.page)
        with notebook.page.expect_console_message(lambda message: "sessions error" in message.text) as said:
            editor.send("Run")
        said = " ".join(said.value.text.split())
        assert said == """jigsaw ws sessions error: SyntaxError: Unexpected token '<', "<html> <h"... is not valid JSON"""
        assert not streamed(notebook).count()
    assert f"GET https://{VALUES['host']}{WRONG}api/sessions" in desk.user().requests


@newest
@every_application
def test_with_a_wrong_base_url_this_guides_editor_says_so_under_the_cell(desks, version, application):
    desk = desks(version)
    with desk.behind("nginx"):
        notebook = opened(desk, OURS, application, lambda page: page.clock.install())
        mislead(notebook.page)
        notebook.run()
        notebook.output().frame_locator("iframe").get_by_text("404 Not Found").wait_for()
        notebook.page.clock.fast_forward(15_000)
        expect(notebook.printed()).to_have_text("The block editor does not start. Its page: 404, null\n", timeout=PATIENCE)


@newest
def test_a_page_that_comes_with_a_wrong_base_url_opens_no_notebook(desks, version):
    """What a reverse proxy does that rewrites pages: long before %jigsaw, the application itself fails."""
    desk = desks(version)
    rewrite = """new MutationObserver((_, observer) => {
        const element = document.getElementById("jupyter-config-data");
        if (!element) return;
        observer.disconnect();
        element.textContent = JSON.stringify({ ...JSON.parse(element.textContent), baseUrl: "%s" });
    }).observe(document, { childList: true, subtree: true });"""
    with desk.behind("nginx"):
        path, user = desk.notebook(f"{OURS}/first.ipynb", CELL), desk.user()
        pages = {}
        for application, address in APPLICATIONS.items():
            page = pages[application] = user.page()
            page.add_init_script(rewrite % WRONG)
            page.goto(user.address(f"{address}{path}?reset"), wait_until="commit")
        dialog = pages["Notebook 7"].locator(".jp-Dialog")
        dialog.wait_for()
        expect(dialog).to_contain_text("File Load Error for first.ipynb")
        expect(dialog).to_contain_text("Invalid response: 404 Not Found")
        engine.wait(lambda: next(said for said in user.console if policies.SETTINGS in said))
        pages["JupyterLab"].wait_for_load_state("networkidle")
        assert not pages["JupyterLab"].locator(".jp-Notebook").count()


@pytest.fixture(scope="module")
def alone():
    """A hub's machine that reaches no network."""
    with syntax.machine(NEWEST) as machine:
        machine.sh("cp /etc/nsswitch.conf /root/nsswitch.conf; cp /etc/hosts /root/hosts")
        yield machine


PRINT = """
import json, sys, nbclient, nbformat
cell = nbformat.v4.new_code_cell(sys.argv[1])
notebook = nbformat.v4.new_notebook(cells=[cell])
nbclient.NotebookClient(notebook, kernel_name=sys.argv[2], timeout=60, coalesce_streams=True).execute()
print(json.dumps(cell.outputs))
"""


def printed(machine, code):
    """The lines that a cell prints on a kernel that has MetaKernel's own magic."""
    magic = "from metakernel.magics.jigsaw_magic import register_magics\n"
    folder = f"/home/alice/{OWN}"
    beside.magic(machine, folder, magic, "alice")
    command = shlex.join([deployment.PYTHON, "-c", PRINT, code, VALUES["kernel"]])
    (output,) = json.loads(machine.sh(f"cd {folder} && HOME=/home/alice {command}", user="alice").stdout)
    return re.sub(r"\x1b\[[\d;]*m", "", output["text"]).splitlines()


def quoted(words):
    """Whether the page about this complaint shows the words, whole."""
    return f"`{words}`" in COMPLAINT.read_text("utf-8")


def restored(machine, fault):
    """The machine as it was, but for a fault."""
    machine.sh(f"cat /root/nsswitch.conf >/etc/nsswitch.conf; cat /root/hosts >/etc/hosts; {fault}")
    return machine


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf", "<urlopen error [Errno -2] Name or service not known>"),
        (f"echo 127.0.0.1 {CALYSTO} >>/etc/hosts", "<urlopen error [Errno 111] Connection refused>"),
    ],
    ids=["no such name", "refused"],
)
def test_without_the_public_host_the_cell_says_what_the_guide_quotes(alone, fault, words):
    assert printed(restored(alone, fault), CELL)[:2] == [FIRST, f"    {words}"]
    assert quoted(words)


def test_where_no_name_server_answers_the_words_are_others(alone):
    words = "<urlopen error [Errno -3] Temporary failure in name resolution>"
    assert printed(restored(alone, "true"), CELL)[:2] == [FIRST, f"    {words}"]


@newest
def test_a_language_without_a_page_is_a_404_as_the_guide_quotes(desks, version):
    words = "HTTP Error 404: Not Found"
    assert printed(desks(version).hub.machine, "%jigsaw Pascal")[:2] == [FIRST, f"    {words}"]
    assert quoted(words)


@contextlib.contextmanager
def cut_off(machine):
    """The server knows the public host no more."""
    hosts = machine.read("/etc/hosts")
    write = "cat >/etc/hosts"  # the engine holds the file itself, so it cannot be replaced by another
    machine.sh(write, input="".join(line for line in hosts.splitlines(True) if CALYSTO not in line))
    try:
        yield
    finally:
        machine.sh(write, input=hosts)


def cut(page):
    """The browser knows the public host no more."""
    page.route(f"https://{CALYSTO}/**", lambda route: route.abort("namenotresolved"))


@newest
@every_application
def test_where_the_browser_does_not_reach_the_public_host_there_are_buttons_and_no_blocks(desks, version, application):
    desk = desks(version)
    with desk.behind("nginx"):
        notebook = opened(desk, OWN, application, cut)
        notebook.run()
        frame = notebook.editor().frame
        missing = f"Blockly does not load from https://{CALYSTO}/jigsaw_v2/blockly/blockly.min.js"
        expect(frame.get_by_role("status")).to_contain_text(missing, timeout=PATIENCE)
        expect(frame.get_by_role("button")).to_have_text(["Run", "Generate Python Code", "Clear output"])
        assert not frame.locator(".blocklySvg").count()
    refused = f"error: Failed to load resource: net::ERR_NAME_NOT_RESOLVED: https://{CALYSTO}/"
    assert any(said.startswith(refused) for said in desk.user().console)


@newest
@every_application
def test_this_guides_editor_needs_the_public_host_nowhere(desks, version, application):
    desk = desks(version)
    with desk.behind("nginx"), cut_off(desk.hub.machine):
        # The fault is there: MetaKernel's own meets it.
        assert "<urlopen error [Errno -" in printed(desk.hub.machine, CELL)[1]
        notebook = opened(desk, OURS, application, cut)
        notebook.run()
        notebook.editor().shown().send("Run")
        expect(notebook.printed()).to_have_text("Hello\n", timeout=PATIENCE)
    assert not [request for request in desk.user().requests if CALYSTO in request]
