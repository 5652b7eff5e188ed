"""Below a file the site shows what breaks without each line, from a run with exactly this file."""

import itertools
import json
import shutil

import pytest
from bs4 import BeautifulSoup

from _ext.evidence import digest
from _ext.witness import read
from tests.harness.manifest import ROOT, SNIPPETS
from tests.harness.site.guide import small, sphinx

CONF, SCRIPT = "nginx/jupyterhub.conf", "nginx/enable.sh"
LINES = (SNIPPETS / CONF).read_text("utf-8").splitlines()
NONE = (
    "This copy of the site was built without a run that deletes lines of the published files, so no file has a list of what breaks "
    "without each."
)


def change(begin, instead="deleted", verdict="dies", lines=1, **more):
    """A change of so many lines, from the first that begins with a text; of line 0, which no list has, if none does."""
    line = next((number for number, text in enumerate(LINES, 1) if text.strip().startswith(begin)), 0)
    more = {"test": "", "rung": "", "said": "", "why": "", "seconds": 4.2} | more
    return {"line": line, "last": line + lines - 1, "text": begin, "change": instead, "verdict": verdict} | more


LADDER = {"test": "tests/deploy/test_ladder.py::test_a_user_climbs_the_ladder[nginx-trixie-6.1.1]", "rung": "kernel_channel"}
IDLE = {"test": "tests/deploy/test_idle.py::test_a_silent_websocket_lives[nginx-proxy_read_timeout 1h;-10s]"}
CHANGES = [
    change("proxy_read_timeout", "1 → 2 (doubled)", said="<Close 1006> after 10 s", **IDLE),
    change("proxy_read_timeout", said="\x1b[31m504 Gateway Time-out\x1b[0m\nafter 60.1 s", **IDLE),
    change("proxy_read_timeout", "1h → 30m", "survives"),
    change("log_format", lines=3, said="a query", **IDLE),
    change("map $http_upgrade", lines=4, said='"Connection" must be "Upgrade".', **LADDER),
    change("''      close", said="quietestwordofall", **LADDER),
    change("ssl_session_tickets", verdict="exempt", why="a handshake less, which no user of one browser sees"),
    change("ssl_protocols", "TLSv1.1 as well", "survives"),
    change("ssl_protocols", "TLSv1.2 left out", "survives"),
    change("listen [::]:80", verdict="unclear", why="the machine has no IPv6"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A site of two pages: two of the published snippets, and the guide's page of what was tested."""
    page = (ROOT / "deploy/tested.md").read_text("utf-8").replace("check.md#read-the-result", "../index.md")
    block = '```{{literalinclude}} /snippets/{0}\n:caption: "{{download}}`{0} </snippets/{0}>`"\n```\n'
    shown = "\n".join(block.format(name) for name in (CONF, SCRIPT))
    index = f"# Two files\n\n{shown}\n```{{toctree}}\ndeploy/tested\n```\n"
    extensions = ["sphinx_tabs.tabs", "site_html", "stamps", "lines", "publish"]
    return small(tmp_path_factory.mktemp("tree"), extensions, index=index, tested=page)


def written(tree, changes, name=CONF):
    seen = {"date": "2026-11-26", "files": {name: {"hash": digest(SNIPPETS / name), "changes": changes}}}
    (tree / "build/witness.json").write_text(json.dumps(seen), "utf-8")


def build(tree):
    """Build the site strictly; what Sphinx said, the page of the files, their lists by name, and the page of what was tested."""
    said = sphinx(tree, tree / "build").stderr
    html = tree / "build/html"
    shown, tested = (BeautifulSoup((html / page).read_text("utf-8"), "html.parser") for page in ("index.html", "deploy/tested.html"))
    lists = {box.parent.select_one("a.download").text: box for box in shown.select(".literal-block-wrapper > details.witness")}
    return said, shown, lists, tested


def told(tested):
    """What the page of what was tested says of lines: its paragraphs, and the rows of its table."""
    section = tested.find(id="line-by-line")
    return [text.get_text() for text in section.select("p")], [
        [cell.text for cell in row.select("td")] for row in section.select("tbody tr")
    ]


def test_the_list_follows_file_and_run_from_build_to_build(tree):
    """One site, built again and again: no doctree and no page stays behind."""
    said, shown, lists, tested = build(tree)
    assert (said, lists, shown.select("pre span[id]")) == ("", {}, [])
    assert told(tested) == ([NONE], [])

    written(tree, CHANGES)
    said, shown, lists, tested = build(tree)
    assert (said, [*lists]) == ("", [CONF]), "the other file was not in the run"
    assert told(tested)[1] == [["/etc/nginx/conf.d/jupyterhub.conf", "4 of 6", "1 of 4", "1", "4", "2026-11-26"]]
    assert NONE not in told(tested)[0]
    assert lists[CONF].summary.text == (
        "What breaks without each line "
        "A test fails without 4 of 6 lines and with 1 of 4 changed values · 1 argued · 3 unnoticed · 1 unclear"
    )
    assert shown.pre.get_text() == (SNIPPETS / CONF).read_text("utf-8"), "what is copied is the file"

    snippet = tree / "snippets" / CONF
    snippet.write_bytes(snippet.read_bytes() + b"\n")
    said, shown, lists, tested = build(tree)
    assert (said, lists, shown.select("pre span[id]")) == ("", {}, []), "the list of another file's bytes"
    assert told(tested) == ([NONE], [])

    shutil.copy(SNIPPETS / CONF, snippet)
    assert [*build(tree)[2]] == [CONF]


def test_a_row_tells_the_line_what_was_seen_and_the_test(tree):
    written(tree, CHANGES)
    _, shown, lists, _ = build(tree)
    rows = [(row.dt, [text.get_text() for text in row.select("dd p")]) for row in lists[CONF].select("dl > div")]
    ladder, idle = "Failed: A user climbs the ladder (nginx-trixie-6.1.1), at kernel_channel", "Failed: A silent WebSocket lives"
    logged = "\n  ".join(line.strip() for line in LINES[CHANGES[3]["line"] - 1 : CHANGES[3]["last"]])
    assert [(line.text, words) for line, words in rows] == [
        ("map $http_upgrade $jupyterhub_connection { …", ['"Connection" must be "Upgrade".', ladder]),
        ("''      close;", ["quietestwordofall", ladder]),
        (logged, ["a query", idle]),
        ("listen [::]:80;", ["Unclear: the machine has no IPv6"]),
        ("ssl_protocols       TLSv1.2 TLSv1.3;", ["TLSv1.1 as well, TLSv1.2 left out: No test fails"]),
        ("ssl_session_tickets off;", ["Argued: a handshake less, which no user of one browser sees"]),
        (
            "proxy_read_timeout 1h;",
            ["504 Gateway Time-out\nafter 60.1 s", idle, "1 → 2 (doubled): <Close 1006> after 10 s", idle, "1h → 30m: No test fails"],
        ),
    ]
    there = [shown.find(id=line.a["href"].removeprefix("#")).get_text().splitlines() for line, _ in rows]
    changed = sorted({(one["line"], one["last"]) for one in CHANGES})
    assert there == [LINES[first - 1 : last] for first, last in changed]
    assert sphinx(tree, tree / "build/book", "singlehtml").stderr == ""
    for name in "html/searchindex.js", "html/llms-full.txt", "book/html/index.html":
        text = BeautifulSoup((tree / "build" / name).read_text("utf-8"), "html.parser").get_text()
        assert "proxy_read_timeout" in text
        assert "quietestwordofall" not in text, f"{name} holds the rows too"


NOT = "witness.json is not what make witness writes: remove it, and run make witness"


def test_a_broken_file_is_told_in_one_line(tree):
    (tree / "build/witness.json").write_text("[")
    said, _, lists, tested = build(tree)
    assert (said, lists, told(tested)) == (f"WARNING: {NOT}\n", {}, ([NONE], []))


def one(**changed):
    """A file with one change, other than it should be."""
    return json.dumps({"date": "2026-11-26", "files": {CONF: {"hash": "0", "changes": [CHANGES[0] | changed]}}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\udcff",
        "[]",
        "7",
        '{"files": {}}',
        '{"date": 20261126, "files": {}}',
        '{"date": "2026-11-26", "files": []}',
        '{"date": "2026-11-26", "files": {"a": {"changes": []}}}',
        '{"date": "2026-11-26", "files": {"a": {"hash": "0", "changes": [{}]}}}',
        one(verdict="lives"),
        one(line="87"),
        one(line=0, last=0),
        one(line=9, last=8),
        one(said=["two", "lines"]),
    ],
    ids=itertools.count(),
)
def test_another_file_is_refused(tmp_path, text):
    file = tmp_path / "witness.json"
    file.write_text(one())
    assert read(file)["files"]
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=NOT):
        read(file)
