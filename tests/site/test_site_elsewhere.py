"""The guide in Firefox and WebKitGTK: own values, copy buttons, tabs, search, a pasted log; and with storage blocked."""

import pytest

from tests.harness.browsers import drivers, other_browsers
from tests.harness.browsers.other_browsers import Page
from tests.harness.machines import engine
from tests.harness.manifest import BUILD, SNIPPETS, VALUES
from tests.harness.site import guide

ADDRESS, PROXY = f"https://{guide.HOST}/", "deploy/reverse-proxy.html"
CONF = "nginx/jupyterhub.conf"
OWN = "notebooks.example.org"
LOG = "Uncaught Exception: listen EADDRINUSE: address already in use 192.0.2.1:9000"
# Of a page in such a frame, the browser itself refuses the storage: it has no origin. The other frame holds no script of ours.
FRAMING = (
    f'<!DOCTYPE html><title>f</title><iframe sandbox="allow-scripts" src="/{PROXY}" width="1100" height="800"></iframe>'
    '<iframe name="bare" sandbox="allow-scripts" srcdoc="<p>words</p>"></iframe>'
)
# How the host's own name is marked, once one stands by itself on the page.
MARK = """(own) => [...document.querySelectorAll(".value.own")].filter((e) => e.textContent === own).slice(0, 1).map((e) => {
  const { textDecorationLine, textDecorationStyle } = getComputedStyle(e);
  return [textDecorationLine, textDecorationStyle];
})[0]"""
MARKED = ["underline", "dotted"]
READY = "() => document.readyState === 'complete' && !!document.querySelector('.values')"
FORM = "() => { document.querySelector('.values').open = true }"
BLOCK = ".literal-block-wrapper:has(a.download[href$='jupyterhub.conf'])"


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"browser-{name}")) for name in other_browsers.NAMES],
)
def driver(request, site):
    """Another browser, to which the built site is known, and no other."""
    with (
        engine.network() as network,
        guide.served(site.html, network, {"framing.html": FRAMING}) as names,
        drivers.running(request.param, network, names) as driver,
    ):
        yield driver


@pytest.fixture
def page(request, driver):
    """A page of a reader who comes for the first time."""
    page = Page(driver, driver.open())
    page.go(f"{ADDRESS}index.html").call("() => localStorage.clear()")
    before = len(driver.said())
    yield page
    page.picture(BUILD / "browsers" / f"{request.node.name}.png")
    page.close()
    assert not [said for said in driver.said()[before:] if said.startswith(("error", "uncaught"))]


def own(page, frame=()):
    """Type a host name of one's own into the form, and click elsewhere. The Tab key would let the page glide, which takes its time."""
    page.call(FORM, frame=frame)
    page.click("#value-host", frame=frame)
    page.press("Control", "a", frame=frame)
    page.type(OWN, frame)
    page.click("h1", frame=frame)


def test_own_values_are_shown_and_marked_and_stay(page):
    page.go(ADDRESS + PROXY)
    own(page)
    assert page.until(MARK, OWN) == MARKED
    page.reload()
    assert page.until(MARK, OWN) == MARKED


def test_what_is_copied_with_own_values_can_be_pasted(page):
    page.go(ADDRESS + PROXY)
    own(page)
    page.until(MARK, OWN)
    page.click(f"{BLOCK} button.copybtn")
    page.text(f"{BLOCK} button.copybtn.success")
    page.go(f"{ADDRESS}troubleshooting/index.html")
    page.click("#known-text")
    page.press("Control", "v")
    pasted = page.until("() => document.querySelector('#known-text').value")
    assert pasted.rstrip() == (SNIPPETS / CONF).read_text("utf-8").replace(VALUES["host"], OWN).rstrip()


APACHE = "(selected) => document.querySelector(`[role=tab][aria-selected=true]`)?.textContent.includes(selected)"


def test_a_choice_of_tab_stays_and_holds_on_other_pages_and_later_visits(page, driver):
    page.go(ADDRESS + PROXY)
    page.click("[role=tab]", "Apache")
    page.until(APACHE, "Apache")
    page.reload()
    page.until(APACHE, "Apache")
    page.go(f"{ADDRESS}jigsaw/configure.html").until(APACHE, "Apache")
    # As long as a window is open, sphinx-tabs itself remembers. A later visit is in another one.
    later = Page(driver, driver.open())
    try:
        later.go(ADDRESS + PROXY).until(APACHE, "Apache")
        later.go(f"{ADDRESS}jigsaw/configure.html").until(APACHE, "Apache")
    finally:
        later.close()


def test_the_search_finds(page):
    page.go(f"{ADDRESS}search.html?q=websocket").text("#search-results li a", "")
    page.until("() => document.querySelectorAll('#search-results li').length > 3")
    page.click("#search-results li a")
    page.until("() => !location.pathname.endsWith('search.html') && document.readyState === 'complete'")


def test_a_line_of_a_log_is_known(page):
    page.go(f"{ADDRESS}troubleshooting/index.html")
    page.fill("#known-text", LOG)
    assert page.text(".known-answers a") == "The address is already in use"


# How much wider a page is than its window, in pixels. What a box of its own scrolls does not count, what the window cuts off does.
OVER = """() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  return Math.max(scrollWidth, document.body.scrollWidth) - clientWidth;
}"""
LOOKED_AT = ("index.html", PROXY, "jigsaw/index.html", "jigsaw/policies.html", "deploy/tested.html", "troubleshooting/index.html")


def over(page, path):
    """The same of a page that has loaded, with its styles."""
    page.go(ADDRESS + path).until("() => document.readyState === 'complete'")
    return page.call(OVER)


def test_no_page_is_wider_than_the_window(page):
    assert not {path: wide for path in LOOKED_AT if (wide := over(page, path)) > 0}


def test_a_page_that_is_wider_is_told(page):
    """A row of the guide's own, made 1500 pixels wide, as a table or a picture may be."""
    assert over(page, PROXY) <= 0
    page.call("() => { document.querySelector('article section > p').style.width = '1500px' }")
    assert page.call(OVER) > 300


def test_where_storage_is_blocked_values_and_tabs_work_as_long_as_the_page_is_open(page, driver):
    frame = ("iframe",)
    page.go(f"{ADDRESS}framing.html")
    page.text("p", "words", frame=("iframe[name=bare]",))
    with pytest.raises(other_browsers.Thrown, match="SecurityError"):
        page.call("() => localStorage.length", frame=("iframe[name=bare]",))
    page.until(READY, frame=frame)
    own(page, frame)
    assert page.until(MARK, OWN, frame=frame) == MARKED
    page.click("[role=tab]", "Apache", frame=frame)
    page.until(APACHE, "Apache", frame=frame)
