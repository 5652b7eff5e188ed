"""The rules by which the output of a command is compared with the page: each rule works, and fails when it should."""

import pytest
from bs4 import BeautifulSoup

from tests.harness.site import walk
from tests.harness.site.walk import Save, Type

CONSOLE = '<div class="highlight-console notranslate"><div class="highlight"><pre>{}</pre></div></div>'
TEXT = '<div class="highlight-text notranslate"><div class="highlight"><pre>{}</pre><button>Copy</button></div></div>'
CAPTION = '<div class="code-block-caption"><a class="download" href="_downloads/1/a">{}</a></div>'
FILE = f'<div class="literal-block-wrapper">{CAPTION}<pre>x\n</pre></div>'


@pytest.fixture
def page(tmp_path, monkeypatch):
    """`page(html, blocks)`: the steps of a page of such html, whose source has these console blocks from its third line on."""

    def made(html, *blocks, tab="nginx"):
        source = "".join(f"```console\n{block}\n```\n" for block in blocks)
        (tmp_path / "page.md").write_text(f"# Title\n\n{source}", "utf-8")
        monkeypatch.setattr(walk, "ROOT", tmp_path)
        return walk.steps("page.md", BeautifulSoup(f"<article><section id='s'>{html}</section></article>", "html.parser"), tab)

    return made


def one(page, block, after="", before=""):
    *_, last = page(f"{before}{CONSOLE.format(block)}{after}", block)
    return last


RULES = {
    "lines below": ("# ls\na  b\nc", "", "", "a b\nc\n", "a b\nd\n"),
    "no line more": ("# ls\na", "", "", "a\n", "a\nb\n"),
    "anything within a line": ("# ls\na … z", "", "", "a b c z\n", "a b c\n"),
    "numbers differ": ("# ls\ntook 3 s", "<p>Times differ.</p>", "", "took 14.5 s\n", "took long\n"),
    "numbers as they are": ("# ls\ntook 3 s", "<p>It is all the same, or different.</p>", "", "took 3 s\n", "took 4 s\n"),
    "lines among others": ("# ls", "<p>You should see:</p>" + TEXT.format("one\ntwo"), "", "zero\none\ntwo\n", "one\nzero\ntwo\n"),
    "a line's end, as in a log": ("# ls", "<p>You should see:</p>" + TEXT.format("is up"), "", "Nov 26 hub: is up\n", "is up not\n"),
    "words": ("# ls", "<p>You should see <code>ready</code>. Or <code>not</code>.</p>", "", "it is ready\n", "it is not\n"),
    "no words": ("# ls", "<p>You should see no line that names <code>a.conf</code>.</p>", "", "b.conf\n", "a.conf: 3\n"),
    "nothing": ("# ls", "<p>You should see nothing: all are gone.</p>", "", "", "1\n"),
}


@pytest.mark.parametrize(("block", "after", "before", "right", "wrong"), RULES.values(), ids=RULES)
def test_what_comes_is_compared_with_what_the_page_says(page, block, after, before, right, wrong):
    step = one(page, block, after, before)
    assert step.wrong(0, right) == ""
    told = step.wrong(0, wrong)
    assert told.startswith("page.md:4: ls\nwanted")
    assert wrong.strip() in told.replace("\n  ", "\n")


def test_a_block_of_text_after_other_words_is_not_what_comes(page):
    html = f"<p>You should see a list. If you see the following:</p>{TEXT.format('not found')}"
    assert one(page, "# ls", html).wrong(0, "a\n") == ""


def test_a_command_that_fails_is_wrong_unless_the_page_says_so(page):
    assert one(page, "# ls").wrong(2, "").startswith("page.md:4: ls\nexit status 2, wanted 0")
    said = one(page, "# ls", "<p>You should see that it ends with an error.</p>")
    assert said.wrong(2, "") == ""
    assert "exit status 0, wanted another than 0" in said.wrong(0, "")
    assert one(page, "# pgrep x", "<p>You should see nothing.</p>").wrong(1, "") == ""


def test_each_line_of_a_block_is_a_command_of_root_or_of_a_user_with_what_it_prints(page):
    steps = page(CONSOLE.format("# one\n# two\nout\n") + CONSOLE.format("$ three"), "# one\n# two\nout", "$ three")
    assert [(step.where, step.who, step.command, step.printed) for step in steps] == [
        ("page.md:4", "root", "one", []),
        ("page.md:5", "root", "two", ["out"]),
        ("page.md:9", "user", "three", []),
    ]


def test_only_what_comes_after_some_seconds_is_waited_for(page):
    assert one(page, "# ls", before="<p>Some seconds later the hub is up:</p>").later
    assert not one(page, "# ls", before="<p>Then:</p>").later


def test_what_a_paragraph_of_another_section_says_is_not_said_of_a_command(page):
    html = CONSOLE.format("# ls") + "</section><section id='t'><p>You should see <code>x</code>.</p>"
    (step,) = page(html, "# ls")
    assert step.words == []


PLACES = {
    "a whole path": ("<p>Save this file:</p>", "/etc/a.conf", "/etc/a.conf"),
    "a folder": ("<p>Make the folder <code>/root/a</code> and save this in it:</p>", "a.sh", "/root/a/a.sh"),
    "a folder, and paths below it": (
        "<p>Make the folder <code>/root/a/b</code>, and save these in <code>/root/a</code>:</p>",
        "b/c.py",
        "/root/a/b/c.py",
    ),
    "nowhere": ("<p>This is how it looks:</p>", "c.py", ""),
}


@pytest.mark.parametrize(("before", "shown", "path"), PLACES.values(), ids=PLACES)
def test_a_file_is_saved_where_the_page_says(page, before, shown, path):
    assert page(before + FILE.format(shown)) == [Save("page.md", "s", path, "_downloads/1/a", "x\n")]


def test_a_file_that_is_only_linked_is_saved_under_the_name_that_the_sentence_gives(page):
    html = '<p>Save <a class="download" href="_downloads/1/a">a.py</a> as <code>/root/check/a.py</code>.</p>'
    assert page(html) == [Save("page.md", "s", "/root/check/a.py", "_downloads/1/a", None)]


def test_files_of_a_table_lie_in_its_folders(page):
    row = '<tr><td>/root/a</td><td><a class="download" href="_downloads/1/x">x.sh</a></td></tr>'
    html = f"<table><thead><tr><th>Folder</th><th>Files</th></tr></thead><tbody>{row}</tbody></table>"
    assert page(html) == [Save("page.md", "s", "/root/a/x.sh", "_downloads/1/x", None)]


def test_of_tabs_the_readers_own_is_followed_and_one_that_stands_alone(page):
    def panel(label, command):
        return f'<div class="sphinx-tabs-panel" data-label="{label}">{CONSOLE.format(command)}</div>'

    blocks = ["# a", "# b", "# c"]
    html = f"<div>{panel('nginx', '# a')}{panel('Apache', '# b')}</div><div>{panel('Windows', '# c')}</div>"
    assert [step.command for step in page(html, *blocks)] == ["a", "c"]
    assert [step.command for step in page(html, *blocks, tab="Apache")] == ["b", "c"]


def test_a_block_that_begins_with_output_and_one_that_the_source_has_not_are_told_by_place(page):
    with pytest.raises(walk.Unclear, match=r"page.md:4: a console block that begins with output: out"):
        page(CONSOLE.format("out"), "out")
    with pytest.raises(walk.Unclear, match=r"page.md: 2 console blocks in its source, 1 on the page"):
        page(CONSOLE.format("# a"), "# a", "# b")


def test_a_command_has_a_key_that_changes_with_what_it_prints(page):
    (first,), (second,) = page(CONSOLE.format("# ls\na"), "# ls\na"), page(CONSOLE.format("# ls\nb"), "# ls\nb")
    assert isinstance(first, Type)
    assert (first.key, second.key) == ("# ls\na", "# ls\nb")
