"""The attacks of jigsaw/security.md in Firefox and WebKitGTK: each succeeds without the line that stops it, and fails with it.

What a browser says of a refusal is compared too, since pages quote it.
"""

import time
from urllib.parse import urlsplit

import pytest

from tests.harness.browsers import attacks, other_browsers
from tests.harness.browsers.attacks import (
    ASK,
    ASKED,
    BLOCKS,
    CARELESS,
    CELLS,
    ELSEWHERE,
    LATER,
    OTHERS,
    POPUPS,
    POST,
    REACH,
    SERVER,
    header,
    message,
    ran,
)
from tests.harness.browsers.other_browsers import Notebook, Thrown
from tests.harness.machines import beside, engine
from tests.harness.machines.deployment import BEHIND, URL
from tests.harness.manifest import BUILD, NEWEST, PUBLISHED, SAVED_AS, VALUES
from tests.harness.measuring import evidence

APPLICATION = "Notebook 7"
PAGE = f"{URL}user/mallory/static/page.html"
# What a page is told that reaches for one of another origin, and one that leads a frame away.
BLOCKED = {
    "Firefox": 'Permission denied to access property "document" on cross-origin object',
    "WebKitGTK": "Blocked a frame",
}
AWAY = {"Firefox": ("denied", "insecure"), "WebKitGTK": ("insecure",)}
OUTPUT = ".jp-OutputArea"
FRAMES = {
    "other": (f"{OUTPUT} iframe[name=other]",),
    "nested": (f"{OUTPUT} iframe[name=other]", "iframe[name=nested]"),
    "locked": (f"{OUTPUT} iframe[name=locked]",),
}
# Not every browser tells a page when a frame is refused.
FRAME = """address => new Promise((loaded) => {
  const frame = document.createElement("iframe");
  frame.onload = loaded;
  frame.src = address;
  document.body.append(frame);
  setTimeout(loaded, 5000);
}).then(() => new Promise((later) => setTimeout(later, 300)))"""


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"browser-{name}")) for name in other_browsers.NAMES],
)
def desk(request):
    """A hub on which mallory and another site have their pages; alice's server starts with a careless configuration."""
    with other_browsers.desk(request.param, NEWEST) as desk:
        attacks.other_site(desk.outside)
        attacks.mallorys(desk)
        desk.hub.check("--keep-server", "--megabytes", "0", user="mallory", url=BEHIND)
        desk.hub.machine.put({SAVED_AS[SERVER]: CARELESS.read(SERVER)})
        with desk.behind("nginx"):
            desk.home = desk.log_in().go(f"{URL}hub/home")
        desk.left = [desk.home.window]
        desk.hub.machine.put({SAVED_AS[SERVER]: PUBLISHED.read(SERVER)})
        yield desk


@pytest.fixture(scope="module")
def controls(desk):
    """The attacks that have succeeded in this browser where nothing stops them: each control adds its own at its end."""
    return set()


@pytest.fixture(autouse=True)
def told(request, desk, controls, prove):
    """`told(attack, seen, control)`: what this test proves of the browser, if the attack's `control` has succeeded there."""

    def tell(attack, seen, control):
        if control in controls:
            prove(evidence.attacked(desk.hub, desk.driver, attack, seen))

    yield tell
    opened = [window for window in desk.driver.windows() if window not in desk.left]
    for number, window in enumerate(opened):
        page = other_browsers.Page(desk.driver, window)
        page.picture(BUILD / "browsers" / f"{request.node.name}-{number}.png")
    # A WebKitGTK whose window was cut off from the one that opened it has ended when that was closed.
    if desk.driver.name == "WebKitGTK" and "value" in request.node.callspec.params:
        desk.left += opened
        return
    for window in opened:
        desk.driver.close(window)


def mallorys_page(desk):
    return desk.page().go(PAGE)


def reach(page, desk, name):
    return page.call(REACH, f"{desk.address('')}api/contents/{name}")


def written(desk, name):
    return desk.hub.machine.sh(f"cat /home/alice/{name} 2>&1; rm -f /home/alice/{name}", check=False).stdout


def refused(desk, said):
    return BLOCKED[desk.driver.name] in said


def heard(desk, words):
    """Raises LookupError as long as no console has said such words since it was asked last."""
    said = desk.said()
    if not any(words in one for one in said):
        raise LookupError(f"{words} is not in {said}")


WHOLE, FILE = "a frame around the user's server", "a frame around a file of the user's"
OPENED = "a window that another user's page opens"
INSIDE, TAB = "a frame in a notebook's output", "a notebook that another site opens in a new tab"
REQUEST = "a plain request"
ANSWERED = "the three pop-ups"


def test_where_the_whole_server_may_be_framed_another_users_page_acts_as_its_visitor(desk, controls):
    with desk.behind("nginx"):
        page = mallorys_page(desk)
        page.call(FRAME, desk.address("tree"))
        page.until("() => frames[0].document.title === 'Home'")
        assert reach(page, desk, "framed.txt") == "Home: 201"
    assert written(desk, "framed.txt") == "mallory's words"
    controls.add(WHOLE)


def test_without_the_sandbox_a_file_is_read_by_the_page_that_frames_it(desk, controls):
    desk.put("diary.html", "<!DOCTYPE html><title>alice's diary</title><p>Today</p>")
    with desk.behind("nginx"):
        page = mallorys_page(desk)
        page.call(FRAME, desk.address("files/diary.html"))
        assert reach(page, desk, "read.txt") == "alice's diary: 201"
    assert written(desk, "read.txt") == "mallory's words"
    controls.add(FILE)


@pytest.fixture(scope="module")
def published(desk):
    """alice's server has started anew, with the published configuration, and holds two trusted notebooks: weak/ and ours/."""
    with desk.behind("nginx"):
        desk.home.go(f"{URL}hub/home").click("#stop")
        desk.home.until("() => { const stop = document.querySelector('#stop'); return !stop || !stop.getClientRects().length }")
        desk.home.go(f"{URL}hub/spawn").until("() => location.pathname.includes('/user/alice/')", timeout=60)
        desk.home.go(f"{URL}hub/home")
        beside.magic(desk.hub.machine, "/home/alice/weak", "from metakernel.magics.jigsaw_magic import register_magics\n", "alice")
        for folder in ("weak", "ours"):
            desk.put(f"{folder}/first-blocks.xml", BLOCKS)
            notebook = desk.open(APPLICATION, desk.notebook(f"{folder}/n.ipynb", *CELLS))
            notebook.run(0)
            notebook.shown()
            notebook.run(1)
            shown(notebook)
            notebook.save()
            desk.holds(f"{folder}/n.ipynb", "cat", "text/html")
            notebook.page.close()
    return desk


def shown(notebook):
    """Wait until everything that the notebook frames is there."""
    notebook.shown()
    notebook.page.text("p", "page", frame=FRAMES["nested"])
    notebook.page.text("p", "words", frame=FRAMES["locked"])


def shown_editor(desk):
    notebook = desk.open(APPLICATION, "ours/n.ipynb")
    shown(notebook)
    return notebook


def run(notebook):
    notebook.press("Run")
    notebook.page.text(OUTPUT, "Hello")


def test_as_published_another_users_page_frames_none_and_run_works(published, told):
    desk = published
    with desk.behind("nginx"):
        for path in (desk.address("tree"), desk.address("lab"), f"{URL}hub/home"):
            page = mallorys_page(desk)
            desk.said()
            page.call(FRAME, path)
            assert refused(desk, said := reach(page, desk, "framed.txt")), said
            engine.wait(lambda: heard(desk, "frame-ancestors"), timeout=10)
        notebook = desk.open(APPLICATION, "ours/n.ipynb")
        shown(notebook)
        run(notebook)
    assert "No such file" in written(desk, "framed.txt")
    told(WHOLE, "refused", WHOLE)


def test_as_published_a_file_is_shown_in_another_users_frame_and_cannot_be_read(published, told):
    desk = published
    desk.put("diary.html", "<!DOCTYPE html><title>alice's diary</title><p>Today</p>")
    with desk.behind("nginx"):
        page = mallorys_page(desk)
        page.call(FRAME, desk.address("files/diary.html"))
        assert page.text("p", "Today", frame=("iframe",))
        assert refused(desk, said := reach(page, desk, "read.txt")), said
    assert "No such file" in written(desk, "read.txt")
    told(FILE, "shown, not read", FILE)


def api(proxy):
    """The lines of the proxy's log about the API of alice's server, on which everything is run and saved."""
    log = proxy.read("/var/log/nginx/jupyterhub.log").splitlines()
    return [line for line in log if f"{VALUES['base_url']}user/alice/api/" in line]


def test_the_editor_in_another_users_frame_runs_nothing_and_hands_over_what_is_pressed(published):
    desk = published
    with desk.behind("nginx") as proxy:
        page = mallorys_page(desk)
        page.call("() => { window.sent = []; addEventListener('message', ({ data }) => sent.push(data)) }")
        page.call(FRAME, desk.address("files/ours/first-blocks.html"))
        editor = Notebook(page, frame=("iframe",)).shown()
        editor.blocks(1)
        page.until("() => sent.length === 1")
        assert [told["action"] for told in page.call("() => sent")] == ["ready"]
        before = len(api(proxy))
        editor.press("Run")
        page.until("() => sent.length === 2")
        assert page.call("() => sent[1].code") == "print('Hello')\n"
        time.sleep(LATER)
        # What is asked for last is in the log, and nothing else.
        (method, path), _ = ASKED
        page.call(ASK, [method, desk.address(path), False])
        assert [line.split('"')[1].split()[:2] for line in api(proxy)[before:]] == [[method, urlsplit(desk.address(path)).path]]


def test_a_plain_request_of_another_users_page_is_refused(published, controls, told):
    def answers(page):
        return [page.call(ASK, [method, published.address(path), shows]) for method, path in ASKED for shows in (False, True)]

    with published.behind("nginx"):
        assert answers(mallorys_page(published)) == [[403, False]] * 4
        assert "No such file" in written(published, "asked.txt")
        own = published.page().go(published.address("static/favicon.ico"))
        assert answers(own) == [[403, True], [200, True], [403, True], [201, True]]
    assert written(published, "asked.txt") == "asked"
    controls.add(REQUEST)
    told(REQUEST, "refused", REQUEST)


def test_nothing_in_a_proxy_keeps_another_users_page_from_a_window_that_it_opens(published, controls, told):
    with published.behind("nginx"):
        page = mallorys_page(published)
        window = open_window(page, published.address("tree"))
        window.until("() => document.title === 'Home'")
        assert reach(page, published, "opened.txt") == "Home: 201"
    assert written(published, "opened.txt") == "mallory's words"
    controls.add(OPENED)
    told(OPENED, "**acts as the user**", OPENED)


def open_window(page, address):
    """What a page does: open a window and keep a hold on it."""
    window = page.opened("address => { window.held = window.open(address) }", address)
    window.until("() => location.href !== 'about:blank' && document.readyState !== 'loading'")
    return window


def test_with_metakernels_own_magic_every_frame_in_the_page_runs_code(published, controls):
    with published.behind("nginx"):
        notebook = published.open(APPLICATION, "weak/n.ipynb")
        shown(notebook)
        for name in OTHERS:
            notebook.page.call(POST, message(name), frame=FRAMES[name])
        run(notebook)
        assert ran(published.hub, "weak", OTHERS, set(OTHERS)) == set(OTHERS)
    controls.add(INSIDE)


def test_no_other_frame_runs_code_or_gives_the_editor_blocks_or_takes_its_place(published, told):
    desk = published
    with desk.behind("nginx"):
        notebook = desk.open(APPLICATION, "ours/n.ipynb")
        shown(notebook)
        for name in OTHERS:
            notebook.page.call(POST, message(name), frame=FRAMES[name])
            place = "page => { try { top.frames[0].location = page } catch (error) { return error.message } }"
            said = notebook.page.call(place, f"{ELSEWHERE}page.html", frame=FRAMES[name])
            assert any(words in said for words in AWAY[desk.driver.name]), said
            plant = "xml => top.frames[0].postMessage({ type: 'jigsaw-saved', xml }, '*')"
            notebook.page.call(plant, BLOCKS.replace("Hello", "Goodbye"), frame=FRAMES[name])
        run(notebook)
        notebook.printed("Hello\n")
        assert ran(desk.hub, "ours", OTHERS, set()) == set()
    told(INSIDE, "nothing runs", INSIDE)


def test_the_editor_is_kept_from_the_page_around_it_in_the_words_of_the_page_on_how_it_works(published):
    desk = published
    with desk.behind("nginx"):
        notebook = shown_editor(desk)
        with pytest.raises(Thrown) as thrown:
            notebook.page.call("() => parent.document.title", frame=notebook.frame)
        assert " ".join(str(thrown.value).split()) == attacks.kept_out(desk.driver.name)
        said = notebook.page.call(
            "() => [self.origin, (() => { try { return document.cookie } catch (e) { return e.name } })()]", frame=notebook.frame
        )
        assert said == ["null", "SecurityError"]


SITES = [
    ("weak", "", {"opener", "opened"}),
    ("weak", "same-origin-allow-popups", {"opened"}),
    ("weak", "same-origin", set()),
    ("ours", "", set()),
]


@pytest.mark.parametrize(("folder", "value", "runs"), SITES)
def test_only_without_the_header_and_with_metakernels_own_magic_another_site_runs_code(published, controls, told, folder, value, runs):
    desk = published
    with desk.behind("nginx", files=header(value)):
        page = desk.page().go(f"{ELSEWHERE}page.html")
        there = desk.address(f"{other_browsers.APPLICATIONS[APPLICATION]}{folder}/n.ipynb")
        notebook = Notebook(open_window(page, there)).ready()
        shown(notebook)
        page.call("message => held.postMessage(message, '*')", message("opener"))
        window = open_window(notebook.page, f"{ELSEWHERE}page.html")
        window.call("message => opener?.postMessage(message, '*')", message("opened"))
        run(notebook)
        assert ran(desk.hub, folder, ("opener", "opened"), runs) == runs
    if runs == {"opener", "opened"}:
        controls.add(TAB)
    if value == "same-origin":
        told(TAB, "nothing runs", TAB)


def answers(popup, page):
    """Whether a window can still tell the page that opened it something; if it can, the page has heard it."""
    if popup.call("() => opener === null"):
        page.until("() => held.closed")
        return False
    page.call("() => addEventListener('message', ({ data }) => { window.heard = data })")
    words = f"from {popup.address}"
    popup.call("words => opener.postMessage(words, '*')", words)
    page.until("words => window.heard === words", words)
    return True


SEEN = {True: "works", False: "cut"}


@pytest.mark.parametrize(("value", "there", "back", "login"), POPUPS)
def test_the_header_decides_which_popups_can_answer(published, controls, told, value, there, back, login):
    desk = published
    with desk.behind("nginx", files=header(value)):
        page = desk.page().go(f"{URL}hub/home")
        popup = open_window(page, f"{ELSEWHERE}page.html")
        assert answers(popup, page) == there
        popup.call("address => { setTimeout(() => { location.href = address }) }", f"{URL}hub/home")
        popup.until("there => location.href === there && document.readyState !== 'loading'", f"{URL}hub/home")
        assert answers(popup, page) == back

        page.go(f"{ELSEWHERE}page.html")
        popup = open_window(page, f"{URL}hub/login")
        popup.until("() => location.pathname.includes('/user/alice/')")
        assert answers(popup, page) == login
    words = f"`{value}`" if value else "no header"
    seen = ", ".join(SEEN[one] for one in (there, back, login))
    if (there, back, login) == (True, True, True):
        controls.add(ANSWERED)
    told(f"{ANSWERED}, {words}", seen, ANSWERED)
