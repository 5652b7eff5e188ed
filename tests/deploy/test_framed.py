"""deploy/learning-platform.md: a link to the hub and the hub in a frame, in each browser; what a platform's and other pages can try."""

import pytest

from tests.harness.browsers import framed
from tests.harness.browsers.framed import BLOCKING, FAR, FAR_STRANGER, NEAR
from tests.harness.manifest import ROOT
from tests.harness.measuring import evidence

PAGE = (ROOT / "deploy/learning-platform.md").read_text("utf-8")
BROWSERS = ["Chromium", BLOCKING, "Firefox", "WebKitGTK"]
# By the table's row: the hub's state, what a user does, and on which host's page.
WAYS = {
    "A link that opens a new tab": ("published", "link", FAR),
    "A frame, as published": ("published", "frame", FAR),
    "A frame of one site, with the platform's address": ("policies", "frame", NEAR),
    "A frame of another site, with the platform's address alone": ("policies", "frame", FAR),
    "A frame of another site, with the lines for cookies": ("partitioned", "frame", FAR),
    "The same without `Partitioned`": ("SameSite=None", "frame", FAR),
}
# What a visit comes to, in the table's words.
AGAIN = "Login form invalid or expired. Try again."
WORDS = {"42 and Hello": "works", AGAIN: "login fails"}


def said(words):
    return "blank" if "frame-ancestors" in words else WORDS.get(words, words)


def table():
    """What the page says: by the row's name, what each of `BROWSERS` does."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
    return {name: dict(zip(BROWSERS, cells, strict=True)) for name, *cells in rows if name in WAYS}


def accepted(platform):
    return evidence.changed(f"framed/{platform.kind}.diff", platform.kind, platform.proxy, platform.hub.suite)


PAIRS = [pytest.param(browser, way, marks=pytest.mark.xdist_group(f"framed-{browser}")) for browser in BROWSERS for way in table()]


@pytest.fixture(scope="module")
def place(request):
    with framed.platform() as place:
        yield place, request.param


@pytest.mark.parametrize(("place", "way"), PAIRS, indirect=["place"])
def test_what_each_browser_does_is_as_the_page_says(place, way, prove):
    platform, browser = place
    state, act, host = WAYS[way]
    platform.become(state)
    assert said(getattr(platform.visitor(browser), act)(host)) == table()[way][browser]
    if state == "partitioned":
        prove(accepted(platform))


@pytest.fixture(scope="module")
def chromium():
    with framed.platform() as platform:
        yield platform


@pytest.mark.xdist_group("framed-attacks")
def test_the_check_says_which_pages_may_be_framed(chromium):
    chromium.become("published")
    assert chromium.hub.check("--megabytes", "1")[-1]["ok"]
    chromium.become("policies")
    last = chromium.hub.check("--megabytes", "1")[-1]
    assert last["said"].startswith("every page of the server may be framed: Content-Security-Policy: frame-ancestors 'self' https://")
    assert (last["rung"], last["certainty"]) == ("blocks_shown", "one of these")
    assert "`every page of the server may be framed`" in PAGE


NOBODY, USER = "Couldn't authenticate WebSocket connection", "Blocking Cross Origin API request"


@pytest.mark.xdist_group("framed-attacks")
@pytest.mark.parametrize(
    ("state", "starts", "words"), [("policies", False, NOBODY), ("partitioned", False, NOBODY), ("SameSite=None", True, USER)]
)
def test_only_without_partitions_pages_of_other_sites_send_the_users_cookies(chromium, state, starts, words):
    """Such a page starts the user's server; and what stops its WebSocket is the server's own check of the origin."""
    chromium.become(state)
    assert chromium.visitor("Chromium").visits(chromium.serves) == (starts, "is refused")
    assert [one for one in (NOBODY, USER) if one in chromium.hub.log()] == [words]


@pytest.mark.xdist_group("framed-attacks")
def test_a_page_of_the_platforms_host_has_a_user_click_in_the_hub_unseen_and_none_of_another_host(chromium):
    chromium.become("SameSite=None")
    visitor = chromium.visitor("Chromium")
    where = visitor.clicks(FAR)
    assert not chromium.serves()
    visitor.clicks(FAR_STRANGER, where)
    assert chromium.serves()


@pytest.mark.xdist_group("framed-apache")
def test_behind_apache_the_lines_do_the_same(prove):
    with framed.platform("apache") as platform:
        platform.become("partitioned")
        assert platform.visitor(BLOCKING).frame(FAR) == "42 and Hello"
        prove(accepted(platform))


def test_the_table_has_a_row_for_each_way():
    assert list(table()) == list(WAYS)
    assert all(f"`{words}`" in PAGE for words in (NOBODY, USER))
    assert f"`{AGAIN}`" in PAGE
