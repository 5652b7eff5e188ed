"""The book on paper begins with its contents, and the number beside each page is that of its sheet."""

import pytest

from tests.harness.site import paper

# A book of two chapters, as Sphinx makes one page of a site: marks with the pages' names, and sections.
BOOK = """<!DOCTYPE html><html lang="en"><title>A book</title>
<div class="page"><article><section id="a-guide"><h1>A guide<a class="headerlink" href="#a-guide">¶</a></h1>
<div class="toctree-wrapper"><span id="document-deploy/index"></span><section id="deploy"><h2>Deploy</h2>
<section id="steps"><h3>Steps</h3><div class="toctree-wrapper"><span id="document-deploy/first"></span>
<section id="first"><h4>The <code><span class="pre">first</span></code></h4>
<p style="height: 3000px">Long.</p></section><span id="document-deploy/second"></span>
<section id="second"><h4>The second</h4></section></div></section></section>
<span id="document-rest"></span><section id="rest"><h2>The rest</h2></section></div></section></article></div></html>"""
LINES = """() => [...document.querySelectorAll(".contents-on-paper p")].map(line =>
    [line.className, line.querySelector("a").textContent, Number(line.querySelector(".sheet").textContent)])"""


class Kept:
    """A browser whose pages can be looked at after they were printed."""

    def __init__(self, browser):
        self.browser, self.pages = browser, []

    def new_page(self, **options):
        self.pages.append(self.browser.new_page(**options))
        return self.pages[-1]


@pytest.fixture(scope="module")
def book(reader, tmp_path_factory):
    """The page that was printed, and the file."""
    folder, kept = tmp_path_factory.mktemp("book"), Kept(reader.browser)
    (folder / "index.html").write_text(BOOK, "utf-8")
    paper.write(kept, folder, folder / "book.pdf")
    yield kept.pages[0], (folder / "book.pdf").read_bytes()
    kept.pages[0].close()


def test_each_page_is_in_the_contents_with_the_number_of_its_sheet(book):
    page, _ = book
    lines = page.evaluate(LINES)
    # The contents, the guide's own head, the first chapter, whose first page is longer than two sheets, and the second chapter.
    long = lines[2][2]
    assert long > 4
    assert lines == [
        ["depth-0", "Deploy", 3],
        ["depth-1", "The first", 3],
        ["depth-1", "The second", long],
        ["depth-0", "The rest", long + 1],
    ]


def test_the_heading_of_a_list_that_its_pages_replace_is_left_out(book):
    page, _ = book
    page.emulate_media(media="print")
    assert page.locator("h3").is_hidden()
    assert page.locator("h4").first.is_visible()


def test_a_place_that_is_on_no_sheet_is_named(book):
    _, printed = book
    assert paper.sheets(printed, ["document-deploy/first"]) == [3]
    with pytest.raises(paper.Unnumbered, match="nowhere"):
        paper.sheets(printed, ["deploy", "nowhere"])
