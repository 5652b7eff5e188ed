"""How every page looks and reads: with a keyboard, a screen reader, in dark mode, on a phone, on paper; and how much it weighs."""

import gzip
import json
import re
from importlib import resources
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect

from _ext.evidence import digest
from tests.harness.manifest import SNIPPETS, VALUES
from tests.harness.pairs import WHOLE
from tests.harness.site.guide import attempt, looked_at, small_copy_of_the_tree, sphinx, type_in

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
WIDE, NARROW = {"width": 1300, "height": 900}, {"width": 320, "height": 700}
# Bytes, compressed, of all that a page's first load asks for.
HEAVIEST = 80_000
# That of the check shows all of a program, so that readers may read what they run.
HEAVIER = {"deploy/check-script.html": 95_000}
# The index of all words, which grows with the guide.
SEARCH = 90_000
# The share of the screen that may move while a reader looks at it, as browsers reckon it.
SHIFT = 0.05
PROXY = "deploy/reverse-proxy.html"
PARTS = "deploy/proxy-parts.html"

# Light or dark differ in colours alone.
RUN = """async rules => (await axe.run(document, {
        resultTypes: ["violations"], ...(rules ? { runOnly: rules } : { rules: { "target-size": { enabled: true } } }),
    })).violations
    .map(found => `${found.id}: ${found.nodes.length} times, as ${found.nodes[0].html.slice(0, 120)}`)"""
COLOURS = ["color-contrast", "link-in-text-block"]
# A kind of token has one colour in all of a block: of each, axe measures the first. Some files have thousands.
FEWER = """() => document.querySelectorAll("pre").forEach(block => {
    const seen = new Set();
    for (const token of block.querySelectorAll("span:not([id])")) {
        if (seen.has(token.className)) token.replaceWith(...token.childNodes);
        seen.add(token.className);
    }
})"""


def addresses(site):
    return sorted(str(page.relative_to(site.html)) for page in site.html.rglob("*.html") if "_downloads" not in page.parts)


def parts():
    """The pages are looked at in so many parts, for whichever worker has nothing else to do."""
    return range(8)


@pytest.fixture(scope="module")
def looking(reader):
    """A page in which axe is at hand, and what it has asked for."""
    context = reader.context()
    context.add_init_script(AXE)
    page = context.new_page()
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    context.close()


# What axe is asked of a page: every size and every colour scheme. Each time a page has one of the four, the next page another.
LOOKS = [(("wide", WIDE), "light"), (("narrow", NARROW), "dark"), (("wide", WIDE), "dark"), (("narrow", NARROW), "light")]
# Of what a reader opens on a page, two looks hold both sizes and both schemes.
BOTH = LOOKS if WHOLE else LOOKS[:2]


# A name in code that is underlined looks like a link.
UNDERLINED = """() => [...document.querySelectorAll(".highlight span")].filter(one => !one.closest("a, .value")
    && getComputedStyle(one).textDecorationLine === "underline").map(one => one.textContent)"""


def found(page, looks=LOOKS):
    """What axe finds, light and dark, wide and narrow; whether a page is wider than its screen, or code looks like a link."""
    told = []
    page.evaluate(FEWER)
    for (name, size), scheme in looks:
        page.set_viewport_size(size)
        page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        if (over := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            told.append(f"{name}: {over} pixels stand out")
        page.emulate_media(color_scheme=scheme)
        told += [f"{name}, {scheme}: {words}" for words in page.evaluate(RUN, None if scheme == "light" else COLOURS)]
        told += [f"{name}, {scheme}: {words} is underlined and leads nowhere" for words in page.evaluate(UNDERLINED)]
    return told


def weight(site, asked):
    """Bytes of what a page asked for, with itself, compressed as servers do."""
    files = {urlsplit(url).path.lstrip("/") for url in asked}
    return sum(len(gzip.compress((site.html / name).read_bytes(), 6)) for name in files if (site.html / name).is_file())


@pytest.mark.parametrize("part", parts())
def test_axe_finds_nothing_and_a_page_is_light_and_asks_no_other_host(site, reader, looking, part):
    told, listed = [], addresses(site)
    chosen = looked_at(listed)
    for number, address in list(enumerate(listed))[part :: len(parts())]:
        looking.asked.clear()
        looking.goto(reader.address + address)
        one = number // len(parts()) % len(LOOKS)
        if address in chosen:
            told += [f"{address}: {words}" for words in found(looking, LOOKS if WHOLE else LOOKS[one : one + 1])]
        told += [f"{address}: asks for {url}" for url in looking.asked if not url.startswith(reader.address) or ".woff" in url]
        if (bytes := weight(site, looking.asked)) > (SEARCH if address == "search.html" else HEAVIER.get(address, HEAVIEST)):
            told.append(f"{address}: {bytes} bytes")
        assert len(looking.asked) > 5, looking.asked
    assert not told, "\n".join(told)


def test_axe_finds_nothing_in_the_open_form_with_a_refusal_in_it(reader, looking):
    looking.goto(reader.address + PROXY)
    type_in(looking, {"host": "a;b", "key": "x"})
    told = found(looking, BOTH)
    looking.evaluate("localStorage.clear()")
    assert not told, "\n".join(told)


def test_axe_finds_nothing_on_a_page_of_results(reader, looking):
    looking.goto(f"{reader.address}search.html?q={quote('[E] kernel: 413')}", wait_until="networkidle")
    assert looking.locator("#search-results li").count() == 10
    told = found(looking, BOTH)
    assert not told, "\n".join(told)


def test_axe_finds_nothing_where_a_log_is_pasted(reader, looking):
    looking.goto(f"{reader.address}troubleshooting/index.html")
    looking.fill("#known-text", PASTED)
    looking.locator(".known-answers a").first.wait_for()
    told = found(looking, BOTH)
    assert not told, "\n".join(told)


FAULTS = """<img src=x><p style="color: #999">grey</p>
<div class="highlight"><span style="text-decoration: underline !important">a_link</span></div>
<p style="position: absolute; width: 2000px">wide</p>"""


def test_axe_sees_a_fault(reader, looking):
    looking.goto(f"{reader.address}index.html")
    looking.evaluate("faults => document.querySelector('article').insertAdjacentHTML('beforeend', faults)", FAULTS)
    told = "\n".join(found(looking))
    assert "image-alt: 1 times" in told
    assert "color-contrast" in told
    for (name, _), scheme in LOOKS:
        assert f"{name}, {scheme}: a_link is underlined and leads nowhere" in told
        assert re.search(rf"(?m)^{name}: \d+ pixels stand out", told)


CONF = "nginx/jupyterhub.conf"
LISTED = """# A file

```{literalinclude} /snippets/nginx/jupyterhub.conf
:language: nginx
:caption: "{download}`jupyterhub.conf </snippets/nginx/jupyterhub.conf>`"
```
"""


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """The folder of a site with one file and a list of what breaks without each of its lines: one row of each kind."""
    tree = small_copy_of_the_tree(tmp_path_factory.mktemp("listed") / "tree")
    said = {"test": f"test_a_{'very_' * 9}long_name[nginx]", "rung": "kernel_channel", "said": f"GET {VALUES['host']}/{'x' * 99}\n-> 502"}
    rows = [
        {"line": 5, "last": 8, "change": "deleted", "verdict": "dies", **said},
        {"line": 6, "last": 6, "change": "upgrade → close", "verdict": "survives"},
        {"line": 92, "last": 92, "change": "deleted", "verdict": "exempt", "why": "a reason"},
        {"line": 113, "last": 113, "change": "text/css left out", "verdict": "dies", **said},
    ]
    for name in "deploy", "build":
        (tree / name).mkdir()
    (tree / "deploy/index.md").write_text(LISTED, "utf-8")
    (tree / "index.md").write_text("# A guide\n\n```{toctree}\ndeploy/index\n```\n", "utf-8")
    seen = {"date": "2026-11-26", "files": {CONF: {"hash": digest(SNIPPETS / CONF), "changes": rows}}}
    (tree / "build/witness.json").write_text(json.dumps(seen), "utf-8")
    built = sphinx(tree, tree / "build")
    assert (built.returncode, built.stderr) == (0, "")
    return tree / "build/html"


MARKED = """link => {
    document.documentElement.style.scrollBehavior = "auto";
    link.click();
    const line = document.querySelector(":target"), box = line.getBoundingClientRect();
    return [line.textContent, getComputedStyle(line).outlineStyle, box.top >= 0 && box.bottom <= innerHeight];
}"""


def test_the_list_of_what_breaks_without_each_line_is_for_everybody_and_leads_to_the_lines(reader, listed):
    context = reader.context(viewport=WIDE)
    context.add_init_script(AXE)
    context.route(
        f"{reader.address}listed/**", lambda route: route.fulfill(path=listed / urlsplit(route.request.url).path.removeprefix("/listed/"))
    )
    page = context.new_page()
    page.goto(f"{reader.address}listed/deploy/index.html")
    _, copied = attempt(page, {"host": "hub.example.org"}, [page.locator("a.download").get_attribute("href")])
    text = (SNIPPETS / CONF).read_text("utf-8")
    assert copied == [text.replace(VALUES["host"], "hub.example.org")]
    box = page.locator("details.witness")
    assert not box.locator("dl").is_visible()
    page.emulate_media(media="print")
    assert not box.is_visible(), "a closed list takes no paper"
    page.emulate_media(media="screen")
    box.locator("summary").click()
    assert box.locator("samp").first.text_content().startswith("GET hub.example.org/")
    marked = [link.evaluate(MARKED) for link in box.locator("dt a").all()]
    lines = text.splitlines()
    assert marked == [["\n".join(lines[first - 1 : last]), "solid", True] for first, last in ((5, 8), (6, 6), (92, 92), (113, 113))]
    told = found(page)
    context.close()
    assert not told, "\n".join(told)


RESULTS = "search.html?q=kernel"
MOVED = """() => new Promise(tell => new PerformanceObserver(list => {
    tell(list.getEntries().reduce((sum, entry) => sum + (entry.hadRecentInput ? 0 : entry.value), 0));
}).observe({ type: "layout-shift", buffered: true }) || setTimeout(() => tell(0), 500))"""

LATE = """() => {
    document.querySelector("article").insertAdjacentHTML("afterbegin", "<div style='height: 300px'></div>");
    return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""


def test_little_moves_while_a_page_loads_with_values_of_the_readers_own(site, reader):
    context = reader.context(viewport=WIDE)
    page = context.new_page()
    page.goto(reader.address + PROXY)
    type_in(page, {"host": "a-rather-long-name-of-a-host.notebooks.example.org", "base_url": "/a/path/of/some/length/"})
    page.get_by_role("tab", name="Apache").first.click()
    moved, late = {}, {}
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        for address in ("index.html", PROXY, "deploy/check.html", "jigsaw/index.html", "troubleshooting/index.html", RESULTS):
            page.goto(reader.address + address, wait_until="networkidle")
            moved[address, size["width"]] = page.evaluate(MOVED)
        # What comes late, and above all that is there, is seen.
        page.evaluate(LATE)
        late[size["width"]] = page.evaluate(MOVED)
    context.close()
    assert not {where: shift for where, shift in moved.items() if shift > SHIFT}
    assert not {width: shift for width, shift in late.items() if shift <= SHIFT}


# Names in code, and words of the sidebar, whose letters stand in more than one line; and words that are to stay in one.
BROKEN = """() => {
    const told = [], range = document.createRange();
    for (const code of document.querySelectorAll("article :not(pre, .archive-sum) > code, .sidebar-tree a")) {
        if (!code.checkVisibility()) continue;
        const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) for (const word of walker.currentNode.data.matchAll(/[A-Za-z0-9]+/g)) {
            range.setStart(walker.currentNode, word.index);
            range.setEnd(walker.currentNode, word.index + word[0].length);
            const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
            if (lines.size > 1) told.push(`${word[0]} of ${code.textContent}`);
        }
    }
    for (const word of document.querySelectorAll("article .whole")) {
        if (word.getClientRects().length > 1) told.push(`${word.textContent} is in two lines`);
    }
    return told;
}"""
WITH_NAMES = ("index.html", "deploy/other-proxies.html", "deploy/shares.html", "deploy/upgrade.html", "troubleshooting/index.html")
WITH_NAMES += ("deploy/active-directory.html", "deploy/docker.html", "deploy/other-kernels.html")


def test_no_name_breaks_in_its_middle(reader):
    """On a narrow screen: after / . _ and - it may, elsewhere a table is wider than the screen, and scrolls."""
    page = reader.context(viewport=NARROW).new_page()
    told, names = [], 0
    for address in WITH_NAMES:
        page.goto(reader.address + address)
        told += [f"{address}: {words}" for words in page.evaluate(BROKEN)]
        names += page.locator("td code wbr").count()
    assert names > 50
    assert not told, "\n".join(told)
    wide = reader.context(viewport=WIDE).new_page()
    wide.goto(f"{reader.address}troubleshooting/err-too-many-redirects/index.html")
    expect(wide.locator(".sidebar-tree .current-page")).to_be_visible()
    assert not wide.evaluate(BROKEN)
    wide.locator(".sidebar-tree .current-page wbr").evaluate_all("breaks => breaks.forEach(one => one.remove())")
    assert wide.evaluate(BROKEN) == ["REDIRECTS of ERR_TOO_MANY_REDIRECTS"], "names that break are seen"
    wide.context.close()
    page.goto(f"{reader.address}deploy/active-directory.html")
    page.add_style_tag(content="code .whole { white-space: normal !important }")
    assert "is in two lines" in "".join(page.evaluate(BROKEN)), "words in two lines are seen"
    page.add_style_tag(content="td code { overflow-wrap: anywhere !important } table { table-layout: fixed; width: 9rem !important }")
    assert page.evaluate(BROKEN), "names that break are seen"
    page.context.close()


def test_what_leads_from_a_line_to_its_entry_fits_a_telephone(reader):
    """The second column has the links: nobody has to scroll a table to see them."""
    page = reader.context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{reader.address}troubleshooting/index.html")
    wider = "[...document.querySelectorAll('.table-wrapper')].filter(box => box.scrollWidth > box.clientWidth).length"
    assert page.locator(".table-wrapper").count() > 3
    assert page.evaluate(wider) == 0
    page.locator("td wbr").evaluate_all("breaks => breaks.forEach(one => one.remove())")
    assert page.evaluate(wider) > 0, "a table that is too wide is seen"
    page.context.close()


def test_the_sidebar_groups_open_by_keyboard(reader):
    page = reader.context(viewport=WIDE).new_page()
    page.goto(f"{reader.address}deploy/users.html")
    groups = page.locator(".sidebar-tree li.current .group details")
    assert [group.evaluate("group => group.open") for group in groups.all()] == [False, False, True, False, False]
    link = groups.first.get_by_role("link", name="Check that the hub works")
    expect(link).to_be_hidden()
    groups.first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(link).to_be_visible()
    page.keyboard.press("Tab")
    expect(groups.first.get_by_role("link").first).to_be_focused()
    page.context.close()


def test_the_entries_of_troubleshooting_are_grouped_in_the_sidebar_as_their_page_groups_them(site):
    page = site.pages[site.html / "troubleshooting/index.html"]
    shown = {
        part.h3.get_text().rstrip("¶"): [link["href"] for link in part.select("ul a")]
        for part in page.select("#by-where-you-see-it > section")
    }
    groups = {
        group.summary.get_text(): [link["href"] for link in group.select("a")]
        for group in page.select(".sidebar-tree li.current .group details")
    }
    assert [*groups] == [*shown, "Other advice"]
    assert {**shown, "Other advice": ["unconfirmed.html"]} == groups
    # On the page of an entry, its group alone is open.
    page = site.pages[site.html / "troubleshooting/blank-jigsaw-iframe/index.html"]
    opened = page.select(".sidebar-tree li.current .group details[open]")
    assert [group.summary.get_text() for group in opened] == ["With %jigsaw"]
    assert opened[0].select(".current-page a")


def test_parts_of_the_sidebar_open_by_keyboard(reader):
    """With and without scripts: what opens a part of the tree is a checkbox."""
    for scripts in True, False:
        page = reader.context(viewport=WIDE, java_script_enabled=scripts).new_page()
        page.goto(f"{reader.address}deploy/users.html")
        part = page.get_by_role("switch", name="Toggle navigation of Troubleshooting")
        link = page.locator(".sidebar-tree").get_by_role("link", name="Troubleshooting", exact=True)
        inside = page.locator(".sidebar-tree summary", has_text="At login")
        expect(inside).to_be_hidden()
        link.focus()
        page.keyboard.press("Tab")
        expect(part).to_be_focused()
        page.keyboard.press("Space")
        expect(inside).to_be_visible()
        page.keyboard.press("Space")
        expect(inside).to_be_hidden()
        page.context.close()


@pytest.mark.parametrize(
    ("name", "place"),
    [("Pages of this site", ".sidebar-drawer"), ("Contents of this page", ".toc-drawer")],
    ids=["pages", "contents"],
)
def test_the_sidebars_of_a_narrow_screen_open_and_close_by_keyboard(reader, name, place):
    page = reader.context(viewport=NARROW).new_page()
    page.goto(reader.address + PROXY)
    button, drawer = page.get_by_role("button", name=name), page.locator(place)
    expect(drawer).to_be_hidden()
    expect(button).to_have_attribute("aria-expanded", "false")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(drawer).to_be_in_viewport()
    assert page.evaluate(f"document.querySelector('{place}').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(button).to_be_focused()
    # What is closed is passed over.
    stops = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        where = page.evaluate(f"document.activeElement === document.body ? null : !!document.activeElement.closest('{place}')")
        if where is None:
            break
        stops.add(where)
    assert stops == {False}
    page.context.close()


def test_a_choice_of_tab_holds_on_other_pages_and_later_and_by_link(reader):
    page = reader.context().new_page()
    page.goto(reader.address + PROXY)
    conf = page.locator(".code-block-caption", has_text="/etc/apache2/sites-available/jupyterhub.conf")
    expect(conf).to_be_hidden()
    page.get_by_role("tab", name="Apache").first.click()
    expect(conf).to_be_visible()
    other = page.context.new_page()
    other.goto(f"{reader.address}jigsaw/configure.html")
    assert other.get_by_role("tab", name="Apache").get_attribute("aria-selected") == "true"
    # Whatever stands behind it.
    other.goto(f"{reader.address}{PROXY}?tab=nginx#100%")
    assert other.get_by_role("tab", name="nginx").first.get_attribute("aria-selected") == "true"
    expect(other.locator(".sidebar-drawer")).to_have_attribute("aria-label", "Site")
    # A link is for one visit.
    other.goto(reader.address + PROXY)
    assert other.get_by_role("tab", name="Apache").first.get_attribute("aria-selected") == "true"


def test_tabs_work_by_keyboard(reader):
    page = reader.context().new_page()
    page.goto(reader.address + PROXY)
    first = page.get_by_role("tablist").first
    nginx, apache = first.get_by_role("tab").all()
    nginx.focus()
    page.keyboard.press("ArrowRight")
    expect(apache).to_be_focused()
    page.keyboard.press("Enter")
    expect(apache).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Home")
    expect(nginx).to_be_focused()
    page.keyboard.press("End")
    expect(apache).to_be_focused()
    # One stop of the Tab key for each set.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") != "tab"


@pytest.mark.parametrize("way", ["without JavaScript", "in print"])
def test_every_panel_is_shown_under_its_label(reader, way):
    context = reader.context(java_script_enabled=way == "in print")
    page = context.new_page()
    page.goto(reader.address + PARTS)
    if way == "in print":
        page.emulate_media(media="print")
    panels = page.locator(".sphinx-tabs-panel")
    assert panels.count() > 10
    assert all(panel.is_visible() for panel in panels.all())
    assert all(panel.get_attribute("data-label") in ("nginx", "Apache") for panel in panels.all())
    context.close()


# What hides words on paper: what is fixed comes on every sheet, wherever it is on the screen; what else is out of the flow, where it
# lies over words that are not its own; and what would scroll, since paper does not.
OVER = """() => {
    const seen = element => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const placed = [...document.querySelectorAll("body *")].filter(seen).map(element => [getComputedStyle(element).position, element]);
    const loose = placed.filter(([position]) => ["absolute", "sticky"].includes(position)).map(([, element]) => element);
    const said = element => element.outerHTML.replace(/\\s+/g, " ").slice(0, 90);
    const told = placed.filter(([position]) => position === "fixed").map(([, element]) => `on every sheet: ${said(element)}`);
    for (const [, element] of placed) {
        const hides = getComputedStyle(element).overflowX !== "visible" && element.clientWidth > 1;
        if (hides && element.scrollWidth > element.clientWidth + 1) told.push(`cut off at the right: ${said(element)}`);
    }
    const words = loose.length ? document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT) : null;
    for (const range = document.createRange(); words?.nextNode();) {
        if (!words.currentNode.data.trim() || !seen(words.currentNode.parentElement)) continue;
        range.selectNodeContents(words.currentNode);
        for (const line of range.getClientRects()) for (const element of loose) {
            const box = element.getBoundingClientRect();
            const across = Math.min(box.right, line.right) - Math.max(box.left, line.left);
            const down = Math.min(box.bottom, line.bottom) - Math.max(box.top, line.top);
            if (across > 1 && down > 1 && !element.contains(words.currentNode))
                told.push(`over “${words.currentNode.data.trim().slice(0, 40)}”: ${said(element)}`);
        }
    }
    return told;
}"""
# The width of A4 between the margins in pixels: upright, upright in the book, and across.
SHEETS = (673, 841, 1001)
PRINTED = ("index.html", PROXY, "deploy/install.html", "deploy/faults.html", "jigsaw/first-blocks.html", "jigsaw/policies.html")
PRINTED += ("deploy/other-proxies.html", "deploy/tested.html")


def over(page):
    """What hides words on paper, on either sheet."""
    page.emulate_media(media="print")
    told = []
    for width in SHEETS:
        page.set_viewport_size({"width": width, "height": 950})
        told += [f"{width} wide, {words}" for words in page.evaluate(OVER)]
    return told


def test_on_paper_no_words_are_hidden(reader):
    page = reader.context().new_page()
    told = []
    for address in PRINTED:
        page.goto(reader.address + address)
        told += [f"{address}: {words}" for words in over(page)]
    page.context.close()
    assert not told, "\n".join(told)


# Lines that commands print, whose class has one short name among the site's own.
ODD = """() => [...document.querySelectorAll("pre .go")].filter(line => {
    const { display, borderTopWidth, paddingTop } = getComputedStyle(line);
    return display !== "inline" || parseFloat(borderTopWidth) || parseFloat(paddingTop);
}).map(line => line.textContent)"""


@pytest.mark.parametrize("media", ["screen", "print"])
def test_what_commands_print_looks_like_code(reader, media):
    page = reader.context().new_page()
    page.emulate_media(media=media)
    page.goto(f"{reader.address}deploy/check.html")
    assert page.locator("pre .go").count() > 10
    assert not page.evaluate(ODD)
    page.context.close()


@pytest.mark.parametrize(
    ("style", "seen"),
    [
        ("position: fixed; top: -90px", "on every sheet"),
        ("position: absolute; top: 4em", "over “"),
        ("overflow: auto", "cut off"),
    ],
)
def test_what_hides_words_on_paper_is_seen(reader, style, seen):
    page = reader.context().new_page()
    page.goto(f"{reader.address}index.html")
    box = f'<div style="left: 0; width: 80vw; {style}"><p style="width: 90vw">x</p></div>'
    page.evaluate("box => document.querySelector('article').insertAdjacentHTML('beforeend', box)", box)
    assert any(seen in words for words in over(page))
    page.context.close()


FOCUS = """() => {
    const element = document.activeElement;
    if (element === document.body) return null;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    return {
        what: element.outerHTML.slice(0, 90),
        seen: (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none",
        shown: element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && box.width > 0,
        after: (window.last?.compareDocumentPosition(element) ?? 4) & 4,
        last: (window.last = element) && 0,
    };
}"""


STOPS = {"index.html": 20, PROXY: 20, "troubleshooting/blank-jigsaw-iframe/index.html": 20, "search.html": 8}


@pytest.mark.parametrize(("address", "least"), STOPS.items())
def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(reader, address, least):
    page = reader.context(viewport=WIDE).new_page()
    page.goto(reader.address + address)
    if page.locator(".values").count():
        type_in(page, {})
    page.evaluate("getSelection().removeAllRanges()")
    stops = []
    for _ in range(400):
        page.keyboard.press("Tab")
        if (stop := page.evaluate(FOCUS)) is None:
            break
        stops.append(stop)
    assert len(stops) > least
    assert not [stop["what"] for stop in stops if not stop["seen"]], "no sign of focus"
    assert not [stop["what"] for stop in stops if not stop["shown"]], "focus on what is not shown"
    assert not [stop["what"] for stop in stops if not stop["after"]], "out of order"
    reached = len(stops)
    there = page.evaluate(
        "[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')].filter(e =>"
        " e.tabIndex >= 0 && !e.disabled && e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length).length"
    )
    assert reached >= there - 2, f"{reached} of {there}"


# What a screen reader lists by name. Pictures that say nothing are hidden from it.
NAMED = "button|checkbox|combobox|complementary|form|heading|img|link|navigation|region|switch|tab|tabpanel|textbox"
NAMELESS = re.compile(rf"(?m)^ *- (?:{NAMED})(?: \[[^]]*\])*:?$")
PASTED = "listen EADDRINUSE: address already in use ::1:8000\nUncaught Exception: listen EADDRINUSE: address already in use 1"


def heard(page):
    """What a screen reader has of a page: each thing by its role and name."""
    return page.locator("body").aria_snapshot()


@pytest.mark.parametrize(("name", "size"), [("wide", WIDE), ("narrow", NARROW)])
def test_a_screen_reader_hears_a_name_of_everything(reader, name, size):
    page = reader.context(viewport=size).new_page()
    told = {}
    for address in ("index.html", PROXY, "troubleshooting/index.html", "search.html?q=502", "deploy/class.html"):
        page.goto(reader.address + address, wait_until="networkidle")
        if address.startswith("troubleshooting"):
            page.fill("#known-text", PASTED)
            page.locator(".known-answers a").first.wait_for()
        if name == "narrow":
            page.get_by_role("button", name="Pages of this site").click()
        told[address] = heard(page)
    found = {address: NAMELESS.findall(words) for address, words in told.items()}
    assert not {address: lines for address, lines in found.items() if lines}
    for words in told.values():
        assert all(re.search(f"(?m)^ *- {place}:$", words) for place in ('navigation "Pages"', "main", 'search "This guide"'))
    assert 'tab "nginx" [selected]' in told[PROXY]
    assert 'tabpanel "nginx"' in told[PROXY]
    assert 'textbox "Lines of a log' in told["troubleshooting/index.html"]
    page.evaluate("document.querySelector('main, [role=main]').insertAdjacentHTML('beforeend', '<button><svg role=img></svg></button>')")
    assert len(NAMELESS.findall(heard(page))) == 2, "what has no name is heard"
    page.context.close()


def test_the_form_shows_the_examples_until_something_is_typed(reader):
    page = reader.context().new_page()
    page.goto(reader.address + PROXY)
    assert {field.get_attribute("name"): field.input_value() for field in page.locator(".values input").all()} == {
        name: VALUES[name] for name in ("host", "base_url", "hub", "certificate", "key", "kernel")
    }
