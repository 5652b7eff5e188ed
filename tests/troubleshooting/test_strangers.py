"""hubcheck on hubs that other people have configured: it names what is wrong with each of their published configurations."""

import re

import pytest

from _ext.atlas import source
from _ext.atlas import strangers as told_on_the_page
from tests.harness.manifest import NEWEST, PROXIES, PUBLISHED, ROOT, VALUES
from tests.harness.measuring import evidence, strangers
from tests.harness.measuring.ladder import LADDER

ALL = strangers.strangers()
WEEKLY = pytest.mark.weekly("another set-up, each time, sees that the check is right of those of others")
pytestmark = pytest.mark.xdist_group(f"hub-{NEWEST}")


def rows():
    """A row for each set-up: its reverse proxy and itself; each fifth of them runs every time."""
    return [
        pytest.param(stranger.proxy, stranger, id=stranger.name, marks=[WEEKLY] if number % 5 else [])
        for number, stranger in enumerate(ALL)
    ]


@pytest.fixture(scope="module")
def front(request, hubs):
    """The newest hub, and a machine on which the set-ups of one reverse proxy take turns."""
    hub = hubs(NEWEST)
    with strangers.front(hub, request.param) as made:
        yield hub, made


@pytest.mark.parametrize(("front", "stranger"), rows(), indirect=["front"])
def test_of_a_set_up_of_others_the_check_says_what_is_wrong(front, prove, stranger):
    hub, made = front
    refused = made.put(stranger)
    rungs = hub.check("--megabytes", "2", *([] if stranger.starts else ["--keep-server"]), user=stranger.user, url=stranger.url)
    verdict, told = strangers.judged(stranger, rungs)
    assert verdict in (strangers.MISSED if stranger.missed else strangers.RIGHT), f"{verdict}: {told}\n{refused}"
    prove(evidence.stranger(stranger, verdict))


def test_the_table_is_whole():
    files = {path.stem for path in strangers.files()}
    assert {path.name for path in strangers.FOLDER.iterdir()} == {path.name for path in strangers.files()} | {"strangers.toml"}
    assert {stranger.name for stranger in ALL} == files
    assert len(files) == len(ALL) >= 30
    assert {stranger.proxy for stranger in ALL} == {*PROXIES, *strangers.FURTHER}
    for stranger in ALL:
        assert re.match(r"https://\S+$", stranger.source), stranger.name
        assert VALUES["host"] in stranger.text, stranger.name
        assert bool(stranger.rung) == bool(stranger.page) == bool(stranger.cause) == (stranger.fault != "none"), stranger.name
        assert stranger.rung in ("", *LADDER), stranger.name
        for page in stranger.page:
            assert (ROOT / f"{page}.md").exists() or (ROOT / page / "index.md").exists(), f"{stranger.name}: {page}"


def test_nine_of_ten_are_told_right():
    """Which it is not right of, the table says, and each row's own test sees that it is no wrong cause for certain."""
    assert sum(not stranger.rung for stranger in ALL) >= 8
    assert sum(bool(stranger.missed) for stranger in ALL) <= 0.1 * len(ALL)


def test_no_set_up_is_the_guides_own():
    own = [PUBLISHED.read(f"{proxy}/jupyterhub.conf") for proxy in PROXIES]
    assert not [stranger.name for stranger in ALL if stranger.text in own]


FAULTY = strangers.Stranger("a", "nginx", "https://example.com/", "a fault", "login_works", ["page"], "cookies? of")
CLIMBS = [
    (FAULTY, {"rung": "login_works", "certainty": "certain", "cause": "The cookie of", "page": "page"}, "exact"),
    (FAULTY, {"rung": "login_works", "certainty": "one of these", "cause": "(1) The cookie of", "page": "page"}, "one of"),
    (FAULTY, {"rung": "login_works", "certainty": "certain", "cause": "Another", "page": "page"}, "wrong"),
    (FAULTY, {"rung": "login_works", "certainty": "certain", "cause": "The cookie of", "page": "other"}, "wrong"),
    (FAULTY, {"rung": "hub_answers", "certainty": "certain", "cause": "The cookie of", "page": "page"}, "wrong"),
    (FAULTY, {"rung": "login_works", "certainty": "one of these", "cause": "(1) Another", "page": "page"}, "another"),
    (FAULTY, {"rung": "login_works", "certainty": "not known", "cause": "", "page": "troubleshooting/index"}, "not known"),
    (FAULTY, None, "not known"),
    (strangers.Stranger("a", "nginx", "https://example.com/", "none"), None, "silent"),
    (
        strangers.Stranger("a", "nginx", "https://example.com/", "none"),
        {"rung": "login_works", "certainty": "not known", "cause": "", "page": "troubleshooting/index"},
        "alarm",
    ),
]


@pytest.mark.parametrize(("stranger", "failed", "verdict"), CLIMBS)
def test_a_climb_is_judged_by_rung_page_and_cause(stranger, failed, verdict):
    rungs = [{"rung": name, "ok": True} for name in LADDER]
    rungs = [rungs[0], failed | {"ok": False, "said": "seen"}] if failed else rungs
    assert strangers.judged(stranger, rungs)[0] == verdict


def test_the_page_counts_what_the_check_made_of_them():
    rows = [evidence.stranger(stranger, "one of" if number % 7 == 3 else "exact") for number, stranger in enumerate(ALL) if stranger.rung]
    rows += [evidence.stranger(stranger, "silent") for stranger in ALL if not stranger.rung]
    rows[0] = evidence.stranger(next(stranger for stranger in ALL if stranger.rung), "not known")
    words, _, *table = told_on_the_page(rows).split("\n")
    counts = [sum(row["lived"] == {word: True} for row in rows) for word in ("exact", "one of", "not known", "silent")]
    assert [int(number) for number in re.findall(r"\d+", words)] == [
        len(ALL),
        *(sum(stranger.proxy == proxy for stranger in ALL) for proxy in (*PROXIES, *strangers.FURTHER)),
        len(ALL) - counts[3],
        *counts,
    ]
    assert len(table) == len(ALL) + 2
    assert all(any(f"]({stranger.source})" in line for line in table) for stranger in ALL)
    assert told_on_the_page([]) == ""


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://github.com/jupyterhub/jupyterhub/issues/219", "jupyterhub/jupyterhub #219"),
        ("https://github.com/a/b/pull/7", "a/b #7"),
        ("https://www.github.com/a/b/blob/main/c.conf", "a/b"),
        ("https://gist.github.com/somebody/0f13", "a gist of somebody"),
        ("https://docs.example.com/a/b.html", "docs.example.com"),
    ],
)
def test_a_source_has_a_short_name(address, name):
    assert source(address) == name
