"""The rules by which the output of a command is compared with the page: each rule works, and fails when it should."""

import hashlib
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from _ext.evidence import keys
from tests.harness.site import following, walk
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


SAYS = {
    "words": ("You should see `active`.", "active"),
    "no words": ("You should see no line that names `a.conf`.", "a.conf"),
    "nothing": ("You should see nothing: all are gone.", "nothing"),
    "an error": ("You should see `no`; the command ends with an error.", "ends with an error"),
    "lines": ("You should see:\n\n```text\none\n\ntwo\n```", "two"),
    "lines at once": ("You should see:\n```text\none\n```", "one"),
    "what differs": ("- Times differ.", "Times"),
    "a second line of a list": ("- A folder.\n- You should see `ready`\n  in `it`.", "it"),
}


@pytest.mark.parametrize(("says", "word"), SAYS.values(), ids=SAYS)
def test_it_changes_with_what_the_page_says_of_what_it_prints(says, word):
    def key(text):
        ((name,), (other,)) = keys(f"# Title\n\n```console\n# ls\n```\n\nThis lists files.\n\n{text}\n\n```console\n# cat a\n```\n")
        assert other == "# cat a"
        return name

    assert key(says) != key(says.replace(word, "another")) != key("This is all.") == "# ls"
    assert key(says) == key(f"Files have names.\n\n{says}\n\n```text\nanother file\n```\n\nThe next command reads one.")


def test_it_changes_with_whether_it_is_waited_for_and_each_time_that_a_page_has_it():
    block = "```console\n# ls\n```\n\n"
    page = f"{block}Some seconds later, again:\n\n{block}It is over.\n\n1. And once more:\n\n   ```console\n   # ls\n   ```\n"
    assert keys(page) == [["# ls"], ["# ls\nSome seconds later, again:"], ["# ls\n(2)"]]


def test_what_a_page_says_after_tabs_is_said_of_the_block_of_each():
    tab = "````{group-tab} nginx\n```console\n# ls\n```\n````\n"
    assert keys(f"{tab}{tab.replace('ls', 'cat')}\nYou should see `a`.\n") == [
        ["# ls\nYou should see `a`."],
        ["# cat\nYou should see `a`."],
    ]


def test_of_two_blocks_that_are_the_same_each_has_its_place_and_its_key(page):
    steps = page(CONSOLE.format("# ls") * 2, "# ls", "# ls")
    assert [(step.where, step.key) for step in steps] == [("page.md:4", "# ls"), ("page.md:7", "# ls\n(2)")]


def test_a_page_proves_something_only_while_the_files_are_the_same_that_it_offers_and_that_were_saved_before(page):
    def link(name):
        return CAPTION.replace("/1/", f"/{hashlib.md5(f'snippets/{name}'.encode()).hexdigest()}/").format(f"/root/{name}")

    saved, offered, other = "care/backup.sh", "people/add.sh", "people/leave.sh"
    text = f'<div class="literal-block-wrapper">{link(offered)}<pre>x</pre></div>{CONSOLE.format("# ls")}'
    page(text, "# ls")
    html = BeautifulSoup(text, "html.parser")
    reader = following.Reader(None, following.Pages({"page.md": html}, Path("/nowhere")), "nginx", saved={saved})
    reader.typed = [one for one in reader.pages.steps("page.md", "nginx") if isinstance(one, Type)]
    (row,) = reader.proof("trixie", "nginx")
    assert (row["by"], row["lived"], row["proves"]) == ("page.md", {"# ls": True}, [])
    assert {saved, offered, "nginx/jupyterhub.conf"} <= row["files"].keys()
    assert other not in row["files"]
    assert reader.proof("trixie", "nginx", since=1) == []


def test_all_that_is_compared_on_any_page_is_in_its_key(site):
    pages = following.Pages.examples(site)
    steps = [step for tab in following.TABS.values() for name in pages.parsed for step in pages.steps(name, tab) if isinstance(step, Type)]
    assert len(steps) > 1000

    def lacking(step):
        bare, told = step.key.replace("`", "").replace("\\", ""), [*step.printed, *step.lines, *step.words, *step.without]
        said = [
            (step.fails, "ends with an error"),
            (step.silent, "You should see nothing"),
            (step.varies, "differ"),
            (step.later, "Some seconds later"),
        ]
        return [one for one in told if one.strip() not in bare] + [words for is_so, words in said if is_so and words not in bare]

    assert not [(step.where, step.key, lacking(step)) for step in steps if lacking(step)]
    for tab in following.TABS.values():
        for name in pages.parsed:
            typed = [step.key for step in pages.steps(name, tab) if isinstance(step, Type)]
            assert len(typed) == len({*typed}), name
