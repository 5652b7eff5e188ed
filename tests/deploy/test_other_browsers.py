"""Everything works in Debian's Firefox and WebKitGTK behind the published nginx as it does in Chromium."""

import hashlib

import pytest

from tests.harness.browsers import other_browsers
from tests.harness.browsers.user_browser import APPLICATIONS
from tests.harness.manifest import BUILD, NEWEST
from tests.harness.measuring import evidence

PROXY = "nginx"
MEGABYTES = 30
# Applications ask for a file by clicking a field of a page that nobody sees, and the system's window opens. In place of that window:
GIVE = """(name, megabytes) => {
  HTMLInputElement.prototype.click = function () {
    const bytes = new Uint8Array(megabytes * 2 ** 20).map((_, i) => i * 7 + (i >> 8));
    const given = new DataTransfer();
    given.items.add(new File([bytes], name));
    this.files = given.files;
    this.dispatchEvent(new Event("change"));
  };
}"""
GIVEN = bytes((i * 7 + (i >> 8)) & 255 for i in range(2**16)) * (16 * MEGABYTES)
OUTPUT = ".jp-Notebook .jp-CodeCell .jp-OutputArea"


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(f"browser-{name}")) for name in other_browsers.NAMES]
)
def desk(request):
    """A hub behind nginx, and a browser in which alice has logged in: its first page shows JupyterLab."""
    with other_browsers.desk(request.param, NEWEST) as desk, desk.behind(PROXY) as machine:
        desk.proxy = machine
        desk.home = desk.log_in()
        yield desk


@pytest.fixture(autouse=True)
def told(request, desk, prove):
    """`told(what)`: what this test proves of the browser. What each window showed at the end is kept in build/browsers."""
    desk.said()
    yield lambda what: prove(evidence.used(desk.hub, desk.driver, PROXY, desk.proxy, what))
    for number, window in enumerate(desk.driver.windows()):
        page = other_browsers.Page(desk.driver, window)
        page.picture(BUILD / "browsers" / f"{request.node.name}-{number}.png")
        if window != desk.home.window:
            page.close()


def test_a_user_logs_in_and_jupyterlab_opens(desk, told):
    desk.home.text(".jp-LauncherCard", "My Kernel")
    assert not desk.errors()[:9]
    told("logs in")


@pytest.mark.parametrize("application", APPLICATIONS)
def test_a_kernel_answers(desk, told, application):
    notebook = desk.open(application, desk.notebook(f"answers/{application}.ipynb", "print(6 * 7)"))
    notebook.run()
    assert notebook.page.text(OUTPUT, "42").strip() == "42"
    notebook.save()
    desk.holds(f"answers/{application}.ipynb", "cat", '"42\\n"')
    assert not desk.errors()[:9]
    told(f"computes in {application}")


def test_a_file_of_thirty_megabytes_is_uploaded(desk, told):
    page = desk.page().go(desk.application("JupyterLab"))
    page.text(".jp-LauncherCard", "My Kernel")
    page.call(GIVE, "given.bin", MEGABYTES)
    page.click("[data-jp-item-name='uploader'] jp-button, [data-jp-item-name='uploader'] button")
    # JupyterLab asks whether a file of more than 15 MB is meant.
    page.click(".jp-Dialog button", "Upload")
    desk.holds("given.bin", "sha256sum", hashlib.sha256(GIVEN).hexdigest(), timeout=60)
    assert not desk.errors()[:9]
    told("uploads")


def test_a_terminal_types(desk, told):
    page = desk.page().go(desk.application("JupyterLab"))
    page.click(".jp-LauncherCard", "Terminal")
    page.click(".jp-Terminal .xterm-screen")
    page.type("id -un >typed.txt")
    page.press("Enter")
    desk.holds("typed.txt", "cat", "alice\n")
    assert not desk.errors()[:9]
    told("types in a terminal")


@pytest.mark.parametrize("application", APPLICATIONS)
def test_blocks_run_and_come_back(desk, told, application):
    path = desk.notebook(f"blocks-{application}/first.ipynb", "%jigsaw Python --workspace first-blocks")
    notebook = desk.open(application, path)
    notebook.run()
    notebook.shown()
    notebook.drag("Text", 0, 300, 120)
    notebook.blocks(1)
    notebook.press("Run")
    notebook.printed("Hello\n")

    notebook.restart()
    notebook.run()
    notebook.shown()
    notebook.blocks(1)
    notebook.press("Run")
    notebook.printed("Hello\n")

    notebook.save()
    desk.holds(path, "cat", "first-blocks.html")
    notebook.reload()
    notebook.shown()
    notebook.blocks(1)
    notebook.press("Run", times=2)
    notebook.printed("Hello\n")
    assert not desk.errors()[:9]
    told(f"runs blocks in {application}")
