"""Pages of the guide as a screen reader tells them, and as somebody without a mouse walks through them."""

import re
from itertools import pairwise
from urllib.parse import urljoin

import pytest
import yaml
from playwright.sync_api import expect

from tests.harness.manifest import VALUES

# Wide enough for the contents at the right.
WIDE = {"width": 1400, "height": 900}
PROXY = "deploy/reverse-proxy.html"
ENTRY = "troubleshooting/blank-jigsaw-iframe/index.html"
RESULTS = "search.html?q=502"
PLACES = ("banner", "complementary", "contentinfo", "form", "main", "navigation", "region", "search")
# There is one of each, and it needs no name.
ALONE = ("banner", "contentinfo", "main")
FIELDS = ("checkbox", "combobox", "searchbox", "switch", "textbox")
# Names of links that lead anywhere.
VAGUE = re.compile(r"(?i)(?:click )?here|this|this page|it|link|more|read more|page|see|below|above|https?://\S+|#\S*")
THING = re.compile(r'(\w+)(?: "((?:[^"\\]|\\.)*)")?((?: \[[^\]]*\])*)')


class Heard:
    """One thing that a screen reader tells: its role, its name, what it says of its state, and what is in it."""

    def __init__(self, told, above=None):
        [(head, inside)] = told.items() if isinstance(told, dict) else [(told, [])]
        role, name, state = THING.match(head).groups()
        self.role, self.name, self.state, self.above = role, (name or "").replace('\\"', '"'), state.strip(), above
        if isinstance(inside, str):
            self.name, inside = self.name or (inside if role == "text" else ""), []
        self.address = next((row["/url"] for row in inside if isinstance(row, dict) and "/url" in row), None)
        # What is in a button or a picture is not told: its name is.
        kept = inside if role not in ("button", "img") else []
        self.inside = [Heard(row, self) for row in kept if not (isinstance(row, dict) and next(iter(row)).startswith("/"))]

    def all(self, *roles):
        """All things in it, or those of some roles, in the order in which they are told."""
        found = [self] if not roles or self.role in roles else []
        return found + [thing for part in self.inside for thing in part.all(*roles)]

    def within(self, *roles):
        """What it is in, of these roles."""
        return self.above and (self.above if self.above.role in roles else self.above.within(*roles))


def heard(page):
    return Heard({"page": yaml.load(page.locator("body").aria_snapshot(), yaml.BaseLoader)})


def alike(things, key):
    """What things with one name have of `key`, where they have several."""
    told = {}
    for thing in things:
        told.setdefault(thing.name, set()).add(key(thing))
    return {name: found for name, found in told.items() if len(found) > 1}


# What the buttons of code copy: with each name, the texts.
COPIES = """() => [...document.querySelectorAll("main button.copybtn, article button.copybtn")].filter(button => button.checkVisibility())
    .map(button => [button.getAttribute("aria-label") || "", button.parentElement.querySelector("pre").textContent])"""


def faults(page):
    """What somebody who only hears a page misses, or cannot tell apart."""
    told, every = [], heard(page)
    places = every.all(*PLACES)
    told += [f"a place without a name: {place.role}" for place in places if not place.name and place.role not in ALONE]
    for role in PLACES:
        names = [place.name for place in places if place.role == role]
        told += [f"several places are called {role} {name}" for name in set(names) if names.count(name) > 1]
    mains = every.all("main")
    if len(mains) != 1:
        return [*told, f"{len(mains)} main parts"]
    main = mains[0]
    levels = [(int(re.search(r"level=(\d)", heading.state)[1]), heading.name) for heading in main.all("heading")]
    if [level for level, _ in levels].count(1) != 1 or levels[0][0] != 1:
        told.append("not one heading of the first level, at the beginning")
    told += [f"a heading skips a level: {name}" for (before, _), (level, name) in pairwise(levels) if level > before + 1]
    links = main.all("link")
    told += [f"a link says nothing: {link.name or link.address}" for link in links if not link.name or VAGUE.fullmatch(link.name)]
    ways = alike(links, lambda link: urljoin(page.url, link.address))
    told += [f"links of one name lead to different places: {name}: {sorted(found)}" for name, found in ways.items()]
    told += [f"a button has no name in {thing.above.role}" for thing in every.all("button", "tab") if not thing.name]
    copied = {}
    for name, text in page.evaluate(COPIES):
        if not name.removeprefix("Copy").strip():
            told.append(f"a button does not say what it copies: {text[:40]}")
        copied.setdefault(name, set()).add(text)
    told += [f"buttons of one name copy different things: {name}" for name, texts in copied.items() if len(texts) > 1]
    told += [f"a field has no name: {thing.role}" for thing in every.all(*FIELDS) if not thing.name]
    told += [f"a picture says nothing, in {thing.above.role} {thing.above.name}" for thing in main.all("img") if not thing.name]
    for tabs in main.all("tablist"):
        labels = [tab.name for tab in tabs.all("tab")]
        chosen = [tab.name for tab in tabs.all("tab") if "[selected]" in tab.state]
        if not all(label in tabs.name for label in labels):
            told.append(f"tabs do not say what there is to choose from: {tabs.name}")
        panel = tabs.above.inside[tabs.above.inside.index(tabs) + 1]
        if len(chosen) != 1 or (panel.role, panel.name) != ("tabpanel", chosen[0]):
            told.append(f"not one tab is chosen and has its panel: {labels}")
    for table in main.all("table"):
        heads = [head.name for head in table.all("columnheader")]
        rows = [row for row in table.all("row") if not row.all("columnheader")]
        if not heads or not all(heads) or any(len(row.all("cell", "rowheader")) != len(heads) for row in rows):
            told.append(f"a column has no heading: {heads}")
    return told


# A page, and what is to be heard on it at least: (role, how many).
WALKED = {
    "index.html": {"link": 20, "table": 1, "tablist": 3, "textbox": 6, "img": 2, "heading": 5},
    PROXY: {"link": 20, "tablist": 3, "heading": 8},
    ENTRY: {"link": 3, "heading": 4},
    RESULTS: {"link": 8, "searchbox": 1},
}


def addresses(site):
    return sorted(str(page.relative_to(site.html)) for page in site.html.rglob("*.html") if "_downloads" not in page.parts)


@pytest.fixture(scope="module")
def walked(reader):
    context = reader.context(viewport=WIDE)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(("address", "least"), WALKED.items())
def test_a_screen_reader_can_tell_each_thing_of_a_page_from_the_others(reader, walked, address, least):
    walked.goto(reader.address + address)
    if "search" in address:
        walked.locator("#search-results li").first.wait_for()
    main = heard(walked).all("main")[0]
    assert {role: len(main.all(role)) for role in least if len(main.all(role)) < least[role]} == {}
    assert not faults(walked)


def test_a_screen_reader_can_tell_each_thing_of_every_page_from_the_others(site, reader, walked):
    told, listed = {}, addresses(site)
    assert len(listed) > 100
    for address in listed:
        walked.goto(reader.address + address)
        # Sphinx makes columns of an index by tables that have nothing to head.
        told[address] = [words for words in faults(walked) if address != "genindex.html" or "column" not in words]
    assert not {address: words for address, words in told.items() if words}


def test_what_a_picture_of_the_parts_shows_is_told_in_words(reader, walked):
    walked.goto(f"{reader.address}index.html")
    pictures = [picture.name for picture in heard(walked).all("main")[0].all("img")]
    assert len(pictures) == 2
    assert all(part in pictures[1] for part in ("reverse proxy", "JupyterHub's own proxy", "hub", "single-user server", "kernel"))
    assert all(len(words) > 80 for words in pictures)


# Each puts a fault into the page's article, and names it.
WRONG = {
    "<nav><a href='#x'>Some words</a></nav>": "a place without a name: navigation",
    "<h1>Another</h1>": "not one heading of the first level",
    "<h5>Deep</h5>": "a heading skips a level: Deep",
    "<a href='x.html'></a>": "a link says nothing: x.html",
    "<a href='x.html'>here</a>": "a link says nothing: here",
    "<a href='x.html'>Same</a> <a href='y.html'>Same</a>": "links of one name lead to different places: Same",
    "<button><svg role='img'></svg></button>": "a button has no name",
    "<div><pre>whoami</pre><button class='copybtn'>Copy</button></div>": "a button does not say what it copies: whoami",
    "<div><pre>a</pre><button class='copybtn' aria-label='Copy it'></button></div>"
    "<div><pre>b</pre><button class='copybtn' aria-label='Copy it'></button></div>": "buttons of one name copy different things: Copy it",
    "<input>": "a field has no name: textbox",
    "<img src='/_static/icon.svg'>": "a picture says nothing",
    "<div role='tablist' aria-label='Tabbed content'><button role='tab' aria-selected='true'>A</button></div>"
    "<div role='tabpanel' aria-label='A'>x</div>": "tabs do not say what there is to choose from: Tabbed content",
    "<div role='tablist' aria-label='A'><button role='tab'>A</button></div>"
    "<div role='tabpanel' aria-label='A'>x</div>": "not one tab is chosen",
    "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>": "a column has no heading: []",
}


def test_what_cannot_be_told_apart_is_found(reader, walked):
    walked.goto(reader.address + ENTRY)
    put = "html => document.querySelector('article').insertAdjacentHTML('beforeend', `<div id=wrong>${html}</div>`)"
    for html, fault in WRONG.items():
        walked.evaluate(put, html)
        found = faults(walked)
        walked.evaluate("document.getElementById('wrong').remove()")
        assert any(fault in words for words in found), (html, found)
    assert not faults(walked)


# Where the focus is, once the page has moved there.
HERE = """async () => {
    const { activeElement: element } = document, { outlineStyle, outlineWidth } = getComputedStyle(element);
    let shown = false;
    for (let turn = 0; !shown && turn < 100; turn++) {
        const box = element.getBoundingClientRect();
        shown = box.width > 1 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
        if (!shown) await new Promise(requestAnimationFrame);
    }
    return {
        name: element.getAttribute("aria-label") || element.innerText?.trim() || element.name || element.localName,
        seen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
        shown,
    };
}"""


def pressed(page, *keys):
    """Press keys one after the other; where the focus then is. It is always to be seen."""
    for key in keys:
        page.keyboard.press(key)
        here = page.evaluate(HERE)
        assert here["seen"], here
        assert here["shown"], here
    return here


def until(page, name, key="Tab", most=80):
    """Press a key until what has the focus is called so; how often."""
    for count in range(1, most):
        if pressed(page, key)["name"] == name:
            return count
    raise AssertionError(f"{name} is not reached")


def test_by_the_keyboard_alone_a_search_leads_to_an_answer(reader):
    page = reader.context(viewport=WIDE).new_page()
    page.goto(f"{reader.address}index.html")
    assert pressed(page, "Tab")["name"] == "Skip to content"
    assert until(page, "Search") <= 2
    page.keyboard.type("502 bad gateway")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?*")
    first = page.locator("#search-results a").first
    first.wait_for()
    name = first.inner_text()
    assert pressed(page, "Tab")["name"] == "Skip to content"
    first.evaluate("answer => { window.answer = answer; addEventListener('hashchange', () => { window.moved = true; }); }")
    page.keyboard.press("Enter")
    page.wait_for_function("window.moved")
    assert page.evaluate("window.answer.isConnected"), "whoever was on an answer has lost it"
    # The field, its button, and the first answer.
    assert until(page, name) <= 4
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(re.compile("^502 Bad Gateway"))
    page.context.close()


def test_by_the_keyboard_alone_values_are_put_in_and_taken_back(reader):
    page = reader.context(viewport=WIDE).new_page()
    page.goto(reader.address + PROXY)
    pressed(page, "Tab")
    page.keyboard.press("Enter")
    summary = f"Your values: {VALUES['host']}{VALUES['base_url']}"
    assert until(page, summary) <= 2, "what is skipped is all that stands before the page"
    pressed(page, "Enter")
    assert until(page, "host") == 1
    described = page.evaluate(
        "document.activeElement.getAttribute('aria-describedby').split(' ').map(id => document.getElementById(id)?.id)"
    )
    assert all(described)
    page.keyboard.press("Control+a")
    page.keyboard.type("hub.example.org")
    expect(page.locator("h2 + p code").first).to_have_text(f"https://hub.example.org{VALUES['base_url']}")
    told = [button.get_attribute("aria-label") for button in page.locator("button.copybtn").all()]
    assert not [name for name in told if VALUES["host"] in name]
    until(page, "Back to the examples")
    pressed(page, "Enter")
    expect(page.locator("h2 + p code").first).to_have_text(f"https://{VALUES['host']}{VALUES['base_url']}")
    expect(page.locator(".values [role=status]")).to_have_text("The pages show the example values.")
    page.context.close()


def test_by_the_keyboard_alone_a_tab_is_chosen_and_its_file_copied(reader):
    page = reader.context(viewport=WIDE).new_page()
    page.goto(f"{reader.address}{PROXY}#save-the-site")
    until(page, "nginx")
    assert pressed(page, "ArrowRight")["name"] == "Apache"
    pressed(page, "Enter")
    expect(page.get_by_role("tabpanel", name="Apache").first).to_be_visible()
    expect(page.get_by_role("tabpanel", name="nginx")).to_have_count(0)
    until(page, "Copy /etc/apache2/sites-available/jupyterhub.conf")
    pressed(page, "Enter")
    expect(page.locator("p.heard")).to_have_text("Copied")
    assert "ProxyPass" in page.evaluate("navigator.clipboard.readText()")
    page.context.close()
