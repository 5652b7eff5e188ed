"""The page of the check shows the results of `make mutants` for exactly this hubcheck.py, and for no other."""

import json

import pytest
from bs4 import BeautifulSoup

from tests.harness.manifest import ROOT, SNIPPETS
from tests.harness.measuring import mutants
from tests.harness.site.guide import small, sphinx

SCRIPT = "check/hubcheck.py"
FOUND = {
    "date": "2026-11-23",
    "mutmut": "3.8.1",
    "all": 10,
    "counts": {"killed": 6, "survived": 2, "timeout": 1, "no tests": 1},
    "survivors": [
        {"line": 350, "function": "Hub.fetch", "became": 'found = "a|b" or None'},
        {"line": 1133, "function": "coloured", "became": "return `x`"},
    ],
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A site of two pages, of which the check's has nothing but what mutmut found."""
    index = "# One page\n\n```{toctree}\ndeploy/check\n```\n"
    return small(tmp_path_factory.mktemp("tree"), ["mutants"], index=index, check="# Check it\n\nA line.\n\n```{mutants}\n```\n")


def built(tree, found=None):
    """What Sphinx says, and the section of the page."""
    if found is not None:
        (tree / "build/mutants.json").write_text(found if isinstance(found, str) else json.dumps(found))
    said = sphinx(tree, tree / "build").stderr
    return said, BeautifulSoup((tree / "build/html/deploy/check.html").read_text("utf-8"), "html.parser").section


def test_the_page_tells_of_this_script_and_of_no_other(tree):
    """One site, built again and again."""
    (tree / "build/mutants.json").unlink(missing_ok=True)
    said, page = built(tree)
    assert (said, [text.text for text in page.select("p")]) == ("", ["A line."])

    found = FOUND | {"files": {SCRIPT: mutants.digest(SNIPPETS / SCRIPT)}}
    said, page = built(tree, found)
    assert said == ""
    assert "mutmut 3.8.1 makes 10 mutants of it, each with one small change, and all were tried on 2026-11-23." in page.text
    assert page.strong.text == "The tests notice 70% of them"
    assert [item.text.strip() for item in page.select("li")] == [
        "6 make a test fail.",
        "1 never end, which a test notices too.",
        "2 pass every test.",
        "1 are in code that no test runs.",
    ]
    block = page.select_one("details")
    assert not block.has_attr("open")
    assert block.summary.text == "The 2 changes that no test notices"
    assert [[cell.text.strip() for cell in row.select("td")] for row in block.select("tbody tr")] == [
        ["350", "Hub.fetch", 'found = "a|b" or None'],
        ["1133", "coloured", "return `x`"],
    ]

    script = tree / "snippets" / SCRIPT
    script.write_bytes(script.read_bytes() + b"\n")
    said, page = built(tree)
    assert (said, page.select("details"), "mutmut" in page.text) == ("", [], False), "another script's bytes"
    # Those that the repository keeps name lines as well.
    kept = tree / "measured/mutants.json"
    kept.parent.mkdir()
    kept.write_text(json.dumps(found))
    assert "mutmut" not in built(tree)[1].text
    script.write_bytes((SNIPPETS / SCRIPT).read_bytes())
    (tree / "build/mutants.json").unlink()
    assert built(tree)[1].select("details")
    kept.unlink()


def test_a_sample_is_told_as_one(tree):
    found = FOUND | {"files": {SCRIPT: mutants.digest(SNIPPETS / SCRIPT)}, "all": 2592}
    assert "2592 mutants of it, each with one small change, and 10 of them, chosen by chance, were tried on" in built(tree, found)[1].text


@pytest.mark.parametrize(
    "text", ["[", "7", '{"files": {}}', json.dumps(FOUND | {"files": {}}), json.dumps(FOUND | {"files": {}, "counts": {}})]
)
def test_a_broken_file_is_told_in_one_line(tree, text):
    said, page = built(tree, text)
    assert said == "WARNING: build/mutants.json is not what make mutants writes: remove it, and run make mutants\n"
    assert not page.select("details")


def test_the_guides_own_page_of_the_check_has_it():
    assert "\n```{mutants}\n```\n" in (ROOT / "deploy/check.md").read_text("utf-8")
