"""Readers type their own values into the site: real servers accept the files that they then copy, and the hub works."""

import re
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect

from tests.harness.machines import reader_values
from tests.harness.machines.deployment import in_front
from tests.harness.manifest import MANIFEST, NEWEST, PROXIES, SNIPPETS, VALUES, snippets
from tests.harness.measuring.ladder import LADDER, tell
from tests.harness.pairs import WHOLE
from tests.harness.site.guide import attempt, click_copy, type_in

pytestmark = pytest.mark.xdist_group("site-values")

FIELDS = MANIFEST["fields"]
EXAMPLES = {name: VALUES[name] for name in FIELDS}
PROXY_PAGE = "deploy/reverse-proxy.html"
SITES = [f"{proxy}/jupyterhub.conf" for proxy in PROXIES]
SETS, MIXTURES = (200, 60) if WHOLE else (12, 12)
BY_MOUSE = 5  # what a button copies does not depend on how it was pressed

LABEL = "long-label-of-sixty-three-letters-that-is-as-long-as-one-may-be"
ODD = {
    "at the root": EXAMPLES
    | {
        "host": "xn--mnchen-3ya.example.org",
        "base_url": "/",
        "hub": "127.0.0.2:943",
        "certificate": "/etc/letsencrypt/live/xn--mnchen-3ya.example.org/fullchain.pem",
        "key": "/etc/letsencrypt/live/xn--mnchen-3ya.example.org/privkey.pem",
        "kernel": "c_1_kernel",
    },
    "as long as may be": EXAMPLES
    | {
        "host": f"{LABEL}.{LABEL}.{LABEL}.{'a' * 57}.org",
        "base_url": f"/{'deep/' * 19}er/",
        "hub": "127.255.255.254:1023",
        "kernel": "a" * 33 + "_kernel",
    },
    "words of the hub's own": EXAMPLES | {"host": "a.b", "base_url": "/user/hub/-/api/", "hub": "127.0.0.1:1", "kernel": "hub_kernel"},
}

HOSTILE = [
    "",
    " ",
    "hub.example.com;",
    "hub.example.com; return 200",
    '"',
    "'",
    "`id`",
    "$host",
    "${host}",
    "$(id)",
    "{",
    "}",
    "# a.b",
    "\\",
    "/a\\/",
    "<b>a.b</b>",
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt;",
    "javascript:alert(1)",
    "%0a",
    "/%2F/",
    "/../",
    "/etc/../etc/x.pem",
    "/etc/.ssl/x.key",
    "hub\u2024example\u2024com",
    "hub\u3002example\u3002com",
    "h\u0443b.example.com",
    "hub.example.c\u043em",
    "\u200bhub.example.com",
    "\uff0fjupyter\uff0f",
    "/jupyter\u2215",
    "127.0.0.1\uff1a800",
    "\u0661\u0662\u0667.0.0.1:800",
    "0.0.0.0:800",
    "127.0.0.1:0",
    "127.0.0.1:1024",
    "127.0.0.1:65536",
    "127.0.0.1:801",
    "127.0.0.1:811",
    "256.0.0.1:800",
    "a" * 64 + ".org",
    "a." * 126 + "ab",
    "my-kernel",
    "My_kernel",
    "kernel\u0131_kernel",
    "os",
    "hub.example.com:8443",
    "https://hub.example.com",
    "-a.b",
    "a-.b",
    "a..b",
    "10.0.0.1",
]


@pytest.fixture
def page(reader):
    """The page about the reverse proxy, in a fresh profile; afterwards nothing may have been asked of another host."""
    context = reader.context()
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto(reader.address + PROXY_PAGE)
    page.asked = asked
    yield page
    assert [url for url in asked if not url.startswith((reader.address, "blob:"))] == []
    context.close()


def copied(site, page, name):
    return click_copy(page, site.copies[name][1])


def copied_there(site, reader, page, name):
    """The same, on whichever page the snippet is."""
    address = reader.address + site.copies[name][0]
    if page.url != address:
        page.goto(address)
    return copied(site, page, name)


def tried(site, page, values, *names):
    """What the form refuses of values, and what is copied then, by name."""
    refused, texts = attempt(page, values, [site.copies[name][1] for name in names])
    return refused, dict(zip(names, texts, strict=True))


def published(name):
    return (SNIPPETS / name).read_text("utf-8")


def refusals(page):
    """The fields that the form refuses, each with the words beside it."""
    wrong = page.locator(".values input[aria-invalid=true]").all()
    return {field.get_attribute("name"): page.locator(f"#{field.get_attribute('id')}-wrong").inner_text() for field in wrong}


def generated(pattern):
    """Texts of a pattern; what it looks ahead for is asked of each afterwards."""
    return st.from_regex(re.sub(r"^\(\?=[^)]*\)", "", pattern), fullmatch=True).filter(re.compile(pattern).fullmatch)


values = st.fixed_dictionaries({name: generated(field["pattern"]) for name, field in FIELDS.items()}).filter(
    lambda made: made["key"] != made["certificate"]
)


def test_what_the_form_accepts_every_server_accepts(site, page):
    """Copied with the button after each set; then each server's own check of the texts.

    A proxy's oldest and its newest server take turns with what was made by chance; once a week each has all of it.
    """
    sets = list(ODD.values())

    @settings(max_examples=SETS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(values)
    def gather(made):
        sets.append(made)

    gather()
    assert len(sets) > SETS
    texts = {name: [] for name in SITES}
    for turn, typed in enumerate(sets):
        refused, copies = tried(site, page, typed, *SITES)
        assert refused == {}, typed
        for name, seen in texts.items():
            text = copied(site, page, name) if turn < BY_MOUSE else copies[name]
            missing = [typed[field] for field in ("host", "base_url", "hub", "certificate", "key") if typed[field] not in text]
            assert not missing, f"{name} lacks {missing} of {typed}:\n{text}"
            seen.append((text, typed))
    for name, seen in texts.items():
        proxy = name.split("/")[0]
        for turn, kind in enumerate((PROXIES[proxy].servers[0], PROXIES[proxy].servers[-1])):
            asked = seen if WHOLE else [*seen[: len(ODD)], *seen[len(ODD) + turn :: 2]]
            said = reader_values.refused(kind, proxy, asked)
            number = re.search(r"^--- (\d+)$", said, re.M)
            assert not said, f"{proxy} on {kind} refuses {asked[int(number[1])][1]}:\n{said}"


@pytest.mark.parametrize("proxy", PROXIES)
def test_where_the_hub_has_the_whole_host_its_name_leads_in_no_circle(site, page, proxy):
    name, typed = f"{proxy}/jupyterhub.conf", ODD["at the root"]
    said = reader_values.name_alone(PROXIES[proxy].servers[-1], proxy, tried(site, page, typed, name)[1][name], typed)
    status, target = re.search(r"HTTP/1\.\d (\d{3})", said)[1], re.search(r"^Location: (.*?)\s*$", said, re.M)
    assert int(status) in range(300, 600)
    assert not target or target[1] == f"https://{typed['host']}/hub/"


def test_what_a_server_refuses_is_seen(site, page):
    """The control of the test above: a set that the form would not take."""
    text = copied(site, page, "nginx/jupyterhub.conf")
    broken = text.replace(VALUES["host"], "a;b")
    said = reader_values.refused("bookworm", "nginx", [(text, EXAMPLES), (broken, EXAMPLES)])
    assert said.startswith("--- 1\n")
    assert 'unknown directive "b"' in said


@pytest.mark.parametrize("field", FIELDS)
def test_a_hostile_value_is_refused_in_words_and_never_copied(site, page, field):
    usable = re.compile(FIELDS[field]["pattern"])
    hostile = [value for value in HOSTILE if not usable.fullmatch(value)]
    assert len(hostile) > len(HOSTILE) - 8
    for value in hostile:
        refused, _ = tried(site, page, {field: value})
        assert len(refused.get(field, "")) > 10, value
    for name in SITES:
        assert copied(site, page, name) == published(name)
    page.reload()
    assert refusals(page) == {}
    assert page.locator(f"#value-{field}").input_value() == EXAMPLES[field]


@settings(max_examples=MIXTURES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_mixture_of_characters_gets_past_the_form(site, page, data):
    """Whatever is typed: what is copied is the published text, or holds the value where it belongs, and no character more."""
    field = data.draw(st.sampled_from(list(FIELDS)))
    value = data.draw(st.text("ab.0:/_-$;\"'`{}<>&\\ \t#%é…", max_size=20) | st.text(max_size=20))
    refused, copies = tried(site, page, EXAMPLES | {field: value}, SITES[0])
    if refused:
        assert copies[SITES[0]] == published(SITES[0])
    else:
        assert re.fullmatch(FIELDS[field]["pattern"], page.locator(f"#value-{field}").input_value())


def test_a_key_that_is_the_certificate_is_refused_until_one_of_them_changes(page):
    both = "/etc/ssl/both.pem"
    type_in(page, {"certificate": both, "key": both})
    wrong = {"key": "Another file than the certificate: everybody may read that one."}
    assert refusals(page) == wrong
    type_in(page, {"certificate": "/etc/ssl/hub.pem"})
    assert refusals(page) == {}
    uses = {"ssl_certificate ": "/etc/ssl/hub.pem", "ssl_certificate_key ": both}

    def used():
        text = page.locator("pre", has_text="ssl_certificate_key").text_content()
        return {name: re.search(rf"{name}\s*(.*);", text)[1] for name in uses}

    assert used() == uses
    page.reload()
    assert used() == uses
    # The other way round: neither is used until the key is another.
    type_in(page, {"certificate": both})
    assert refusals(page) == {"certificate": "Another file than the key."} | wrong
    assert used() == uses
    for part in ("/etc/ssl/", "/etc/ssl/third.pem"):
        type_in(page, {"key": part})
    assert refusals(page) == {}
    page.reload()
    assert used() == {"ssl_certificate ": both, "ssl_certificate_key ": "/etc/ssl/third.pem"}


def test_no_port_that_another_file_uses_may_be_the_hubs():
    """Of some, the file says the last digit later."""
    texts = "\n".join(published(name) for name in snippets())
    ports = {int(port) for port in re.findall(r"127\.0\.0\.1:([1-9]\d+)\b(?!%)", texts)} - {int(VALUES["hub"].split(":")[1])}
    ports |= {int(port) * 10 + proxy for port in re.findall(r"127\.0\.0\.1:(\d+)%i", texts) for proxy in (1, 2)}
    assert {402, 801, 802, 811, 812, 881} <= ports
    assert not [port for port in ports if re.fullmatch(FIELDS["hub"]["pattern"], f"127.0.0.1:{port}")]


def test_what_the_form_says_of_the_kernels_ending_is_true():
    """There are packages with this ending, such as bash_kernel; Python itself has none."""
    words = [words for sign, words in FIELDS["kernel"]["refusals"] if not sign]
    assert words == ["It ends in _kernel: so it is never the name of a module that comes with Python."]
    assert not [name for name in sys.stdlib_module_names if name.endswith("_kernel")]


def test_spaces_around_a_value_that_is_pasted_are_left_out(page):
    type_in(page, {"host": " lab.example.org", "base_url": "/lab/ "})
    assert refusals(page) == {}
    assert [page.locator(f"#value-{field}").input_value() for field in ("host", "base_url")] == ["lab.example.org", "/lab/"]
    assert "location /lab/ {" in page.locator("pre", has_text="server_name lab.example.org;").first.inner_text()


def test_what_users_see_of_the_kernel_and_its_class_follow_its_name(site, reader, page):
    name, mine = "kernel/my_kernel/my_kernel/kernel.py", {"my_kernel": "c_1_kernel", "My Kernel": "C 1 Kernel", "MyKernel": "C1Kernel"}
    page.goto(reader.address + site.copies[name][0])
    text = published(name)
    for example, own in mine.items():
        assert example in text
        text = text.replace(example, own)
    assert tried(site, page, EXAMPLES | {"kernel": "c_1_kernel"}, name) == ({}, {name: text})


OWN = reader_values.OWN


def left(text):
    """The examples that a text still shows."""
    return re.findall(
        r"(?:hub\.example\.com|(?<![\w.])/jupyter\b(?!_|\.[a-z])|127\.0\.0\.1:800\b|/hub\.(?:crt|key)|(?<![\w-])my_kernel)", text
    )


def test_every_page_shows_the_readers_values_and_no_example_more(site, reader, page):
    type_in(page, OWN)
    examples = 0
    for path in site.pages:
        page.goto(reader.address + str(path.relative_to(site.html)))
        # The form itself gives examples.
        found = page.evaluate("() => { document.querySelector('.values form')?.remove(); return document.body.textContent }")
        examples += len(left(path.read_text("utf-8")))
        assert left(found) == [], path.relative_to(site.html)
    assert examples > 500
    # The name of a unit is the same on every hub.
    page.goto(f"{reader.address}troubleshooting/kernel-appears-to-have-died/index.html")
    assert "oom_memcg=/jupyter.slice/jupyter-alice.service" in page.locator("article").text_content()


def test_the_readers_values_are_marked(page):
    """With a dotted line: where no colours are seen too."""
    type_in(page, OWN)
    marks = "found => found.map(one => getComputedStyle(one)).map(style => [style.textDecorationLine, style.textDecorationStyle])"
    assert {tuple(mark) for mark in page.locator(".value.own").evaluate_all(marks)} == {("underline", "dotted")}


def test_an_open_tab_follows_and_a_later_visit_remembers(reader, page):
    other = page.context.new_page()
    other.goto(f"{reader.address}deploy/check.html")
    type_in(page, OWN)
    other.locator(f"pre:has-text('{OWN['host']}')").first.wait_for()
    again = page.context.new_page()
    again.goto(f"{reader.address}index.html")
    again.locator(f"article code:has-text('{OWN['host']}')").first.wait_for()
    # The form tells what each example is.
    again.evaluate("document.querySelector('.values').open = false")
    assert left(again.locator("article").inner_text()) == []
    page.get_by_role("button", name="Back to the examples").click()
    other.locator(f"pre:has-text('{VALUES['host']}')").first.wait_for()
    assert page.locator(".value.own").count() == 0


def test_typing_asks_the_network_for_nothing(page):
    page.wait_for_load_state("networkidle")
    before = len(page.asked)
    type_in(page, OWN)
    page.get_by_role("button", name="Copy a link").click()
    page.get_by_text("The link is copied.").wait_for()
    # The browser fetches the site's icon when it likes.
    assert [url for url in page.asked[before:] if not url.endswith("/icon.svg")] == []


def test_a_link_carries_the_values_and_gives_back_what_it_put_aside(site, reader, page):
    type_in(page, OWN)
    page.get_by_role("tab", name="Apache").first.click()
    page.get_by_role("button", name="Copy a link").click()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{reader.address}{PROXY_PAGE}?tab=apache#host=")

    colleague = reader.context().new_page()
    colleague.goto(reader.address + PROXY_PAGE)
    type_in(colleague, {"host": "mine.example.org"})
    colleague.goto(link)
    colleague.get_by_text("These values came with the link").wait_for()
    assert "#" not in colleague.url
    assert OWN["host"] in copied(site, colleague, "apache/jupyterhub.conf")
    # They hold in this tab alone, and on every page of it; what is typed then changes them.
    again = colleague.context.new_page()
    again.goto(f"{reader.address}deploy/check.html")
    again.locator("pre:has-text('mine.example.org')").first.wait_for()
    colleague.goto(f"{reader.address}deploy/check.html")
    colleague.locator(f"pre:has-text('{OWN['host']}')").first.wait_for()
    summary = colleague.locator(".values summary")
    expect(summary).to_have_text(f"A link's values: {OWN['host']}{OWN['base_url']}")
    type_in(colleague, {"host": "other.example.org"})
    colleague.get_by_text("Held for this tab.").wait_for()
    colleague.reload()
    colleague.locator("pre:has-text('other.example.org')").first.wait_for()
    colleague.get_by_role("button", name="Back to my own values").click()
    expect(summary).to_be_focused()
    expect(summary).to_have_text(f"Your values: mine.example.org{EXAMPLES['base_url']}")
    colleague.goto(reader.address + PROXY_PAGE)
    assert "mine.example.org" in copied(site, colleague, "apache/jupyterhub.conf")

    # Who keeps them has them everywhere.
    colleague.goto(link)
    colleague.get_by_role("button", name="Keep these values").click()
    again.locator(f"pre:has-text('{OWN['host']}')").first.wait_for()
    colleague.reload()
    assert not colleague.get_by_role("button", name="Back to my own values").is_visible()
    # A page that cannot say so takes none.
    colleague.goto(f"{reader.address}jigsaw/index.html#host=stranger.example.org")
    colleague.goto(reader.address + PROXY_PAGE)
    assert OWN["host"] in copied(site, colleague, "nginx/jupyterhub.conf")


def test_a_hostile_link_changes_nothing(site, reader, page):
    page.goto(f"{reader.address}{PROXY_PAGE}#host=a%3Bb&base_url=%2Fx%2F%22&nothing=1&key=%3Cscript%3E")
    page.get_by_text("Not usable in the link: Host name, Base URL, Key.").wait_for()
    assert copied(site, page, "nginx/jupyterhub.conf") == published("nginx/jupyterhub.conf")
    # What is usable is taken, and both are said.
    page.goto(f"{reader.address}{PROXY_PAGE}#host=a%3Bb&base_url=%2Fx%2F")
    page.get_by_text("These values came with the link that you opened. Not usable in the link: Host name.").wait_for()


def test_a_damaged_memory_is_passed_over(site, reader, page):
    for damaged in ('{"host": "a;b", "base_url": 7, "key": null, "extra": {}}', "{", "null", "[]", '"x"'):
        page.evaluate("text => localStorage.setItem('metakernel-guide.values', text)", damaged)
        page.reload()
        assert copied(site, page, "nginx/jupyterhub.conf") == published("nginx/jupyterhub.conf")


def test_where_storage_is_blocked_the_values_hold_for_the_page(site, reader):
    context = reader.context()
    context.add_init_script("Object.defineProperty(window, 'localStorage', { configurable: true, get() { throw new Error('blocked') } })")
    page = context.new_page()
    uncaught = []
    page.on("pageerror", lambda error: uncaught.append(error))
    page.goto(reader.address + PROXY_PAGE)
    assert copied(site, page, "nginx/jupyterhub.conf") == published("nginx/jupyterhub.conf")
    type_in(page, OWN)
    assert OWN["host"] in copied(site, page, "nginx/jupyterhub.conf")
    assert uncaught == []


def test_without_javascript_the_page_is_whole_and_offers_no_form(reader):
    page = reader.context(java_script_enabled=False).new_page()
    page.goto(reader.address + PROXY_PAGE)
    assert not page.locator(".values").is_visible()
    for name in SITES:
        assert published(name).rstrip() in [block.text_content().rstrip() for block in page.locator("pre").all()]
        assert page.locator("pre", has_text=published(name).splitlines()[0]).first.is_visible()


def test_a_download_holds_the_values_and_ends_like_the_file(site, page, tmp_path):
    name = "nginx/jupyterhub.conf"
    type_in(page, OWN)
    with page.expect_download() as download:
        page.locator(f'a.download[href="{site.copies[name][1]}"]').click()
    assert download.value.suggested_filename == "jupyterhub.conf"
    download.value.save_as(tmp_path / "file")
    assert (tmp_path / "file").read_text("utf-8") == copied(site, page, name) != published(name)


@pytest.mark.loud
@pytest.mark.parametrize("how", ["abort", "missing"])
def test_where_a_file_cannot_be_fetched_the_page_says_so_or_gives_it_as_it_is(site, reader, page, tmp_path, how):
    """A page without a form has nowhere to say it."""
    uncaught = []
    page.on("pageerror", lambda error: uncaught.append(error))
    type_in(page, OWN)

    def answer(route):
        if route.request.resource_type == "fetch":
            route.abort() if how == "abort" else route.fulfill(status=404, body="none")
        else:
            route.continue_()

    page.route("**/_downloads/**", answer)
    page.goto(f"{reader.address}index.html")
    page.get_by_role("link", name="jupyterhub.conf, saved as /etc/nginx/conf.d/jupyterhub.conf").click()
    page.get_by_text("From this place the file cannot be filled in.").wait_for()
    page.goto(f"{reader.address}jigsaw/notebooks.html")
    link = page.locator("a.download").first
    with page.expect_download() as download:
        link.click()
    download.value.save_as(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == (site.html / "jigsaw" / link.get_attribute("href")).resolve().read_bytes()
    assert uncaught == []


def test_a_file_without_an_ending_is_saved_without_one(reader, page):
    """Of a text, the browser makes "Dockerfile.txt"."""
    type_in(page, OWN)
    page.goto(f"{reader.address}deploy/docker.html")
    with page.expect_download() as download:
        page.locator("a.download", has_text="Dockerfile").first.click()
    assert download.value.suggested_filename == "Dockerfile"


def test_a_download_of_the_landing_page_holds_the_values_too(site, reader, page, tmp_path):
    type_in(page, OWN)
    expected = copied(site, page, "nginx/jupyterhub.conf")
    page.goto(f"{reader.address}index.html")
    # What a browser's own menu saves has the examples.
    expect(page.locator(".values .about")).to_contain_text("Everything that you copy, or download with a click, then holds them.")
    with page.expect_download() as download:
        page.get_by_role("link", name="jupyterhub.conf, saved as /etc/nginx/conf.d/jupyterhub.conf").click()
    download.value.save_as(tmp_path / "file")
    assert (tmp_path / "file").read_text("utf-8") == expected


@pytest.mark.parametrize(("odd", "proxy"), list(zip(ODD, ["apache", "nginx", "apache"], strict=True)))
def test_an_odd_set_climbs_the_whole_ladder(site, reader, odd, proxy):
    page = reader.context().new_page()
    page.goto(reader.address + PROXY_PAGE)
    assert tried(site, page, ODD[odd]) == ({}, {})
    copies = {}
    for path in sorted({path for path, _ in site.copies.values()}):
        page.goto(reader.address + path)
        copies |= tried(site, page, {}, *(name for name, (where, _) in site.copies.items() if where == path))[1]
    if WHOLE and odd == next(iter(ODD)):  # and by mouse
        assert copies == {name: copied_there(site, reader, page, name) for name in sorted(copies)}
    with reader_values.hub(NEWEST, copies, ODD[odd]) as (hub, files):
        with in_front(hub, PROXIES[proxy].servers[-1], proxy, files):
            rungs = hub.check("--megabytes", "1")
        assert rungs[-1]["ok"], tell(rungs[-1])
        assert [rung["rung"] for rung in rungs] == LADDER
