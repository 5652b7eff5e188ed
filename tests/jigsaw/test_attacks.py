"""What other web pages can do to a user of the hub: each attack succeeds without the line that stops it, and fails with it.

All of it happens between the tests' own users and sites, on the tests' own network. A page acts when the test says so.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import attacks, user_browser
from tests.harness.browsers.attacks import (
    ASK,
    ASKED,
    BLOCKS,
    CARELESS,
    CELLS,
    COOP,
    ELSEWHERE,
    FRAME,
    FRAMED,
    OTHERS,
    POPUPS,
    POST,
    REACH,
    REGISTER,
    SERVER,
    header,
    message,
    ran,
)
from tests.harness.browsers.user_browser import URL
from tests.harness.machines import deployment
from tests.harness.manifest import CONFIG, NEWEST, PUBLISHED, ROOT, SAVED_AS, VALUES

HOST = VALUES["host"]
APPLICATION = "Notebook 7"

# Of the module, so that what the tests share is made once.
pytestmark = [
    pytest.mark.parametrize("version", [NEWEST], scope="module"),
    pytest.mark.loud("what pages try is refused"),
    pytest.mark.xdist_group("attacks"),
]


def publish(desk):
    """mallory's own server shows everybody a page of his, by a line of his own configuration."""
    attacks.mallorys(desk)
    desk.user("mallory")


@pytest.fixture(scope="module")
def prepared(desks, version):
    """A desk on which mallory and another site have their pages, and alice two trusted notebooks: weak/ and ours/.

    In weak/, %jigsaw is MetaKernel's own; in ours/, it is the published one.
    """
    desk = desks(version, thrifty=False)
    attacks.other_site(desk.outside)
    with desk.behind("nginx"):
        publish(desk)
        desk.own_magic("weak")
        for folder in ("weak", "ours"):
            desk.put(f"{folder}/first-blocks.xml", BLOCKS)
            notebook = desk.user().open(APPLICATION, desk.notebook(f"{folder}/n.ipynb", *CELLS))
            notebook.run(0)
            notebook.editor().shown()
            notebook.run(1)
            shown(notebook)
            # What a user has run and saved is trusted: its scripts run when it is opened.
            notebook.save()
            notebook.page.close()
    return desk


@pytest.fixture(scope="module")
def bob(prepared):
    """bob, whose server was started with a careless configuration; alice's was started with the published one."""
    place = SAVED_AS[SERVER]
    prepared.hub.machine.put({place: CARELESS.read(SERVER)})
    with prepared.behind("nginx"):
        user = prepared.user("bob")
    prepared.hub.machine.put({place: PUBLISHED.read(SERVER)})
    yield user
    with prepared.behind("nginx"):
        user.stop()
    prepared.users.pop("bob").context.close()


def shown(notebook):
    """Wait until everything that the notebook frames is there; the frames of other origin by name."""
    notebook.editor().shown()
    other = notebook.page.frame_locator("iframe[name=other]")
    other.frame_locator("iframe[name=nested]").get_by_text("page").wait_for()
    notebook.page.frame_locator("iframe[name=locked]").get_by_text("words").wait_for()
    return {name: notebook.page.frame(name) for name in OTHERS}


def run(notebook):
    """Press Run, and see what it prints."""
    notebook.editor().press("Run")
    notebook.output().get_by_text("Hello").wait_for()


BLOCKED = f"""Failed to read a named property 'document' from 'Window': Blocked a frame with origin "https://{HOST}" from accessing"""


def mallorys_page(user, host=HOST):
    page = user.page()
    page.goto(f"https://{host}{VALUES['base_url']}user/mallory/static/page.html")
    return page


def reach(page, user, name, home=None):
    return page.evaluate(REACH, f"{home or user.address('')}api/contents/{name}")


def frame(page, address, refusal=""):
    """Let a page frame an address; wait for the words of the browser's console if it refuses."""
    if not refusal:
        page.evaluate(FRAME, address)
        return
    words = f'violates the following Content Security Policy directive: "{refusal}'
    with page.expect_console_message(lambda said: words in said.text):
        page.evaluate(FRAME, address)


def open_window(page, address):
    """What a page of the browser does: open a window and keep a hold on it. The window's own page, once it has loaded."""
    with page.expect_popup() as opened:
        page.evaluate("address => { window.held = window.open(address) }", address)
    window = opened.value
    window.set_default_timeout(user_browser.PATIENCE)
    window.wait_for_url(lambda url: url != "about:blank")
    return window


def written(desk, user, name):
    return desk.hub.machine.sh(f"cat /home/{user.name}/{name} 2>&1", check=False).stdout


def test_where_the_whole_server_may_be_framed_another_users_page_acts_as_its_visitor(prepared, bob):
    with prepared.behind("nginx"):
        page = mallorys_page(bob)
        frame(page, bob.address("tree"))
        assert reach(page, bob, "framed.txt") == "Home: 201"
    assert written(prepared, bob, "framed.txt") == "mallory's words"


def test_as_published_another_users_page_frames_none_and_run_works(prepared):
    alice = prepared.user()
    with prepared.behind("nginx"):
        for path in (alice.address("tree"), alice.address("lab"), f"{URL}hub/home"):
            page = mallorys_page(alice)
            frame(page, path, "frame-ancestors 'none'")
            assert reach(page, alice, "framed.txt").startswith(BLOCKED)
        notebook = alice.open(APPLICATION, "ours/n.ipynb")
        shown(notebook)
        run(notebook)
    assert "No such file" in written(prepared, alice, "framed.txt")


def test_without_the_sandbox_a_file_is_read_by_the_page_that_frames_it(prepared, bob):
    prepared.put("diary.html", "<!DOCTYPE html><title>bob's diary</title><p>Today</p>", "bob")
    with prepared.behind("nginx"):
        page = mallorys_page(bob)
        frame(page, bob.address("files/diary.html"))
        assert reach(page, bob, "read.txt") == "bob's diary: 201"
    assert written(prepared, bob, "read.txt") == "mallory's words"


def test_as_published_a_file_is_shown_in_another_users_frame_and_cannot_be_read(prepared):
    alice = prepared.user()
    prepared.put("diary.html", "<!DOCTYPE html><title>alice's diary</title><p>Today</p>")
    with prepared.behind("nginx"):
        page = mallorys_page(alice)
        frame(page, alice.address("files/diary.html"))
        page.frame_locator("iframe").get_by_text("Today").wait_for()
        assert reach(page, alice, "read.txt").startswith(BLOCKED)
    assert "No such file" in written(prepared, alice, "read.txt")


def test_the_editor_in_another_users_frame_runs_nothing_and_hands_over_what_is_pressed(prepared):
    """Left open: the editor sends to the page around it, and mallory's page has the address that it sends to."""
    alice = prepared.user()
    with prepared.behind("nginx"):
        page = mallorys_page(alice)
        page.evaluate("() => { window.sent = []; addEventListener('message', ({ data }) => sent.push(data)) }")
        frame(page, alice.address("files/ours/first-blocks.html"))
        editor = user_browser.Editor(page, page.frame_locator("iframe")).shown()
        expect(editor.blocks()).to_have_count(1)
        page.wait_for_function("sent.length === 1")
        before = page.evaluate("sent")
        assert [(told["action"], told.get("code"), told.get("save_xml")) for told in before] == [("ready", None, None)]
        alice.requests.clear()
        editor.press("Run")
        page.wait_for_function("sent.length === 2")
        assert page.evaluate("sent[1].code") == "print('Hello')\n"
        # What is changed goes to whoever frames it too, a second later, without a button.
        editor.drag("Text", 0, 300, 200)
        page.wait_for_function("sent.length === 3")
        assert page.evaluate("[sent[2].action, sent[2].save_xml.split('text_print').length - 1]") == ["save", 2]
    assert not [request for request in alice.requests if "/api/" in request]


def test_a_plain_request_of_another_users_page_is_refused(prepared):
    """It has no token to show. A page of the user's own server, which has one in a cookie, is refused only without it."""
    alice = prepared.user()

    def answers(page):
        return [page.evaluate(ASK, [method, alice.address(path), shows]) for method, path in ASKED for shows in (False, True)]

    with prepared.behind("nginx"):
        assert answers(mallorys_page(alice)) == [[403, False]] * 4
        assert "No such file" in written(prepared, alice, "asked.txt")
        own = alice.page()
        own.goto(alice.address("static/favicon.ico"))
        assert answers(own) == [[403, True], [200, True], [403, True], [201, True]]
    assert written(prepared, alice, "asked.txt") == "asked"


def test_nothing_in_a_proxy_keeps_another_users_page_from_a_window_that_it_opens(prepared):
    """One host is one origin. This is what users of one host have to trust each other with."""
    alice = prepared.user()
    with prepared.behind("nginx"):
        page = mallorys_page(alice)
        window = open_window(page, alice.address("tree"))
        window.wait_for_function("document.title === 'Home'")
        assert window.evaluate("opener !== null")
        assert reach(page, alice, "opened.txt") == "Home: 201"
    assert written(prepared, alice, "opened.txt") == "mallory's words"


def test_without_the_line_another_users_worker_answers_for_the_hubs_login_and_goes_on_when_the_line_is_there(prepared):
    """In a browser that has met nobody before; nobody has to be logged in."""
    base = VALUES["base_url"]
    without = PUBLISHED.replace("nginx/jupyterhub.conf", "proxy_hide_header Service-Worker-Allowed")
    page = prepared.browser.new_context().new_page()
    page.set_default_timeout(user_browser.PATIENCE)

    def registered():
        page.goto(f"{URL}user/mallory/static/page.html")
        return page.evaluate(REGISTER, base)

    def title():
        page.goto(f"{URL}hub/login")
        return page.title()

    with prepared.behind("nginx"):
        assert f"The path of the provided scope ('{base}') is not under the max scope allowed" in registered()
        assert title() == "JupyterHub"
    with prepared.behind("nginx", files=without):
        assert registered() == URL
        assert title() == "mallory's login"
    with prepared.behind("nginx"):
        assert title() == "mallory's login"
        # As who clears what the browser has kept of the site.
        page.context.close()
        page = prepared.browser.new_context().new_page()
        assert title() == "JupyterHub"
        page.context.close()


def one_host_name_each(files):
    """The same files, but for a hub that gives each user a host name of their own."""
    begin, name = "c = get_config()", f"server_name {HOST}"
    files = files.replace(CONFIG, begin, f'{begin}\nc.JupyterHub.subdomain_host = "https://{HOST}"')
    files = files.replace("apache/jupyterhub.conf", f"ServerName {HOST}", f"ServerName {HOST}\n    ServerAlias *.{HOST}")
    return files.replace("nginx/jupyterhub.conf", name, f"{name} *.{HOST}")


@pytest.mark.parametrize("proxy", ["nginx", "apache"])
def test_with_a_host_name_for_each_user_another_users_page_reaches_nothing_and_run_works(version, proxy):
    """Even where every page may frame the whole server, and no header cuts windows off."""
    cuts = COOP if proxy == "nginx" else "Cross-Origin-Opener-Policy"
    anywhere = FRAMED.replace(SERVER, "frame-ancestors 'self'", "frame-ancestors *")
    files = one_host_name_each(anywhere.replace(f"{proxy}/jupyterhub.conf", cuts))
    chain, key = deployment.certificate(HOST, f"*.{HOST}")
    certificate = {VALUES["certificate"]: chain, VALUES["key"]: key}
    with user_browser.desk(version, files) as desk, desk.behind(proxy, files=files, extra=certificate):
        publish(desk)
        alice, home = desk.user(), f"https://alice.{HOST}{VALUES['base_url']}user/alice/"
        refused = BLOCKED.replace(HOST, f"mallory.{HOST}")

        page = mallorys_page(alice, f"mallory.{HOST}")
        frame(page, f"{home}tree")
        page.frames[1].wait_for_function("document.title === 'Home'")
        assert reach(page, alice, "framed.txt", home).startswith(refused)

        page = mallorys_page(alice, f"mallory.{HOST}")
        window = open_window(page, f"{home}tree")
        window.wait_for_function("document.title === 'Home'")
        assert window.evaluate("opener !== null")
        assert reach(page, alice, "opened.txt", home).startswith(refused)

        desk.put("first-blocks.xml", BLOCKS)
        desk.notebook("n.ipynb", CELLS[0])
        page = alice.page()
        notebook = user_browser.Notebook(page).load(lambda: page.goto(f"{home}{user_browser.APPLICATIONS[APPLICATION]}n.ipynb"))
        notebook.run()
        notebook.editor().shown()
        run(notebook)
        assert "No such file" in written(desk, alice, "framed.txt")
        assert "No such file" in written(desk, alice, "opened.txt")


def test_with_metakernels_own_magic_every_frame_in_the_page_runs_code(prepared):
    with prepared.behind("nginx"):
        notebook = prepared.user().open(APPLICATION, "weak/n.ipynb")
        for name, other in shown(notebook).items():
            other.evaluate(POST, message(name))
        run(notebook)
        assert ran(prepared.hub, "weak", OTHERS, set(OTHERS)) == set(OTHERS)


def test_no_other_frame_runs_code_or_gives_the_editor_blocks_or_takes_its_place(prepared):
    alice = prepared.user()
    with prepared.behind("nginx"):
        notebook = alice.open(APPLICATION, "ours/n.ipynb")
        for name, other in shown(notebook).items():
            other.evaluate(POST, message(name))
            place = "page => { try { top.frames[0].location = page } catch (error) { return error.message } }"
            assert "does not have permission to navigate the target frame" in other.evaluate(place, f"{ELSEWHERE}page.html")
            plant = "xml => top.frames[0].postMessage({ type: 'jigsaw-saved', xml }, '*')"
            other.evaluate(plant, BLOCKS.replace("Hello", "Goodbye"))
        run(notebook)
        expect(notebook.printed()).to_have_text("Hello\n")
        assert ran(prepared.hub, "ours", OTHERS, set()) == set()
        expect(notebook.editor().blocks()).to_contain_text("Hello")
        reach_out = "() => { try { return parent.document.title } catch (error) { return `${error.name}: ${error.message}` } }"
        assert notebook.editor().frame.locator("body").evaluate(reach_out) == attacks.kept_out("Chromium")


def test_a_notebook_that_was_saved_with_metakernels_own_magic_runs_code_of_other_frames_until_an_editor_of_ours_is_in_the_page(prepared):
    desk, folder = prepared, "mixed"
    everybody = re.search(r"(?m)^grep --recursive .*$", (ROOT / "jigsaw/configure.md").read_text("utf-8"))[0]
    with desk.behind("nginx"):
        desk.own_magic(folder)
        desk.put(f"{folder}/first-blocks.xml", BLOCKS)
        notebook = desk.user().open(APPLICATION, desk.notebook(f"{folder}/n.ipynb", *CELLS, "%jigsaw Python --workspace second"))
        for cell in (0, 1):
            notebook.run(cell)
        shown(notebook)
        notebook.save()
        assert set(desk.hub.machine.sh(everybody).stdout.split()) == {f"/home/alice/{name}/n.ipynb" for name in ("weak", folder)}
        # From here on, the kernel has ours.
        desk.hub.machine.exec("rm", f"/home/alice/{folder}/jigsaw_magic.py")
        notebook.restart()
        notebook.reload()
        before = {f"before-{name}" for name in OTHERS}
        for name, other in shown(notebook).items():
            other.evaluate(POST, message(f"before-{name}"))
        run(notebook)
        assert ran(desk.hub, folder, before, before) == before
        notebook.run(2)
        notebook.editor(2).shown()
        for time in ("first", "second"):
            if time == "second":
                # The old script comes first now. The page that is there stays open, for what might still run in it.
                notebook.save()
                notebook = desk.user().open(APPLICATION, f"{folder}/n.ipynb")
                notebook.editor(2).shown()
            for name, other in shown(notebook).items():
                other.evaluate(POST, message(f"{time}-{name}"))
            run(notebook)
        assert ran(desk.hub, folder, [f"{time}-{name}" for time in ("first", "second") for name in OTHERS], set()) == set()


# (whose magic, the proxy, the value of Cross-Origin-Opener-Policy, which site's program runs: the one that opened
# the notebook in a new tab, or one that a script of the notebook page opened)
SITES = [
    ("weak", "nginx", "", {"opener", "opened"}),
    ("weak", "nginx", "same-origin-allow-popups", {"opened"}),
    ("weak", "nginx", "same-origin", set()),
    ("weak", "apache", "same-origin", set()),
    ("ours", "nginx", "", set()),
]


@pytest.mark.parametrize(("folder", "proxy", "value", "runs"), SITES)
def test_only_without_the_header_and_with_metakernels_own_magic_another_site_runs_code(prepared, folder, proxy, value, runs):
    alice = prepared.user()
    with prepared.behind(proxy, files=header(value)):
        page = alice.page()
        page.goto(f"{ELSEWHERE}page.html")
        notebook = user_browser.Notebook(open_window(page, alice.address(f"{user_browser.APPLICATIONS[APPLICATION]}{folder}/n.ipynb")))
        notebook.ready()
        shown(notebook)
        page.evaluate("message => held.postMessage(message, '*')", message("opener"))
        window = open_window(notebook.page, f"{ELSEWHERE}page.html")
        window.evaluate("message => opener?.postMessage(message, '*')", message("opened"))
        run(notebook)
        assert ran(prepared.hub, folder, ("opener", "opened"), runs) == runs


def follow(page, address):
    """Let a page go to an address by itself, as a redirect does; an address typed by a user would cut it off."""
    with page.expect_navigation():
        page.evaluate("address => { location.href = address }", address)


def answers(popup, page):
    """Whether a window can still tell the page that opened it something; if it can, the page has heard it."""
    if popup.evaluate("opener === null"):
        # To the page, the window looks closed by its user.
        page.wait_for_function("held.closed")
        return False
    page.evaluate("() => addEventListener('message', ({ data }) => { window.heard = data })")
    words = f"from {popup.url}"
    popup.evaluate("words => opener.postMessage(words, '*')", words)
    page.wait_for_function("words => window.heard === words", arg=words)
    return True


@pytest.mark.parametrize(("value", "there", "back", "login"), POPUPS)
def test_the_header_decides_which_popups_can_answer_and_every_value_lets_users_log_in(prepared, value, there, back, login):
    alice = prepared.user()
    with prepared.behind("nginx", files=header(value)):
        page = alice.page()
        page.goto(f"{URL}hub/home")
        popup = open_window(page, f"{ELSEWHERE}page.html")
        assert answers(popup, page) == there
        follow(popup, f"{URL}hub/home")
        assert answers(popup, page) == back

        page.goto(f"{ELSEWHERE}page.html")
        popup = open_window(page, f"{URL}hub/login")
        popup.wait_for_url(re.compile(f"{URL}user/alice/"))
        assert answers(popup, page) == login

        # Through the hub's own OAuth, from page to page, in a profile that knows nothing.
        user_browser.log_in(prepared.browser, "alice", prepared.hub.passwords["alice"]).context.close()
