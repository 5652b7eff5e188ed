"""hubcheck --log without a server: what it says about a line, a text, and a file that is not text."""

import io
import re
import subprocess
import sys
import tracemalloc
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.check import hubcheck
from tests.harness.fuzzing import examples

IN_USE = "Uncaught Exception: listen EADDRINUSE: address already in use 192.0.2.1:9000"
EXPIRED = "certificate verify failed: certificate has expired"
ASK = "python hubcheck.py https://hub.example.com/jupyter/ --user alice"
TABLE = """first hub_answers
    nobody … answers today, alas…
    a line that both of them publish
second kernel_channel
    a line that both of them publish
    … short
    two  spaces and a line
third
    a line that a browser breaks
"""


def log(capsys, *arguments):
    """The exit status of hubcheck, what it prints, and what it says on the error stream."""
    status = hubcheck.main([*map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


def rows(table=TABLE):
    return hubcheck.known(table)


def seen(*texts, table=TABLE):
    return hubcheck.found(texts, rows(table))


def test_the_table_is_read_row_by_row():
    table = "a b\n    c … d\n    e\n\nf#g\n    h i\nj k l m\n"
    assert hubcheck.known(table) == [("a", "b", ["Read: a", "c … d", "e"]), ("f#g", "", ["h i"]), ("j", "k", ["Read: l", "Read: m"])]
    pages = [page for page, _, _ in hubcheck.known()]
    assert len(pages) == len(set(pages)) > 40
    assert all(patterns and all(map(hubcheck.weight, patterns)) for _, _, patterns in hubcheck.known())
    assert {rung for _, rung, _ in hubcheck.known()} <= {*hubcheck.INSIDE, "config_accepted", ""}


@pytest.mark.parametrize(("pattern", "holds"), [("", 0), ("… ü-/", 0), ("a1 B2", 4), ("zZ09…aA", 6)])
def test_a_line_weighs_as_much_as_it_has_letters_and_digits(pattern, holds):
    assert hubcheck.weight(pattern) == holds


LONG = "a line that is long enough"
SHORT = "Not Found"


@pytest.mark.parametrize(
    ("pattern", "line", "where"),
    [
        (LONG, LONG, (0, 26)),
        (LONG, f"x{LONG}y", (1, 27)),
        (LONG, LONG[1:], None),
        ("…" + LONG, f"12 {LONG}", (3, 29)),
        ("twice the same … the same", "twice the same and the same", (0, 27)),
        ("twice the same … the same", "twice the same", None),
        ("begins here … or ends there", "or ends there, begins here", None),
        ("begins here … or ends there", "or ends there, begins here or ends there or ends there.", (15, 54)),
        ("two  spaces in the pattern", "two spaces in the pattern", (0, 25)),
        # Nineteen letters stand alone, or what is around them is a log's head or a tag.
        ("x" * 19, f"a {'x' * 19}", None),
        ("x" * 20, f"a {'x' * 20}", (2, 22)),
        (SHORT, SHORT, (0, 9)),
        (SHORT, f"a {SHORT}", None),
        (SHORT, f"{SHORT} a", None),
        (SHORT, f"[hub]  {SHORT}", (7, 16)),
        (SHORT, f"error: {SHORT}", (7, 16)),
        (SHORT, f"<h1>{SHORT} </h1>", (4, 13)),
        (SHORT, f"{SHORT}>", None),
        (SHORT, f"[hub] {SHORT} (alice)", (6, 15)),
        ("500 to …/ now", "500 to a/ now or b/ now (alice)", (0, 23)),
        ("500 to …/ now", "/ now 500 to a", None),
        ("begins here … or ends there", "begins here or there or ends there or ends there", (0, 34)),
        ("… | short", "anything | short", (8, 16)),
        ("… | short", "anything | short of it", None),
        ("short: …", "short: anything", (0, 7)),
        ("short: …", "a short: anything", None),
    ],
)
def test_where_a_line_of_the_table_matches(pattern, line, where):
    assert hubcheck.place(pattern, line) == where


def test_of_each_line_of_the_table_the_first_in_the_text_is_kept():
    text = f"first: nobody there answers today, alas\nnobody answers today\n{LONG}\nnobody at all answers today, alas 2\n"
    assert seen(text) == {"nobody … answers today, alas…": ("first: nobody there answers today, alas", 7, 39)}
    # The first has the longest part and not the rest.
    other = "somebody answers today, alas\nnobody here answers today, alas"
    assert seen(other) == {"nobody … answers today, alas…": ("nobody here answers today, alas", 0, 31)}


@pytest.mark.parametrize(
    "text",
    [
        "two  spaces and a line",
        "two \t  spaces and a line\r\n",
        "before\n  two\xa0 spaces\xa0and a line  \nafter",
        "two  spaces\x1b[31m and a line\x1b[0m",
        "\x1b[1;31mtwo\x1b[K  spaces and #033[31ma line#033[0m",
        "two  spaces ^[[31mand a line^[[0m",
    ],
)
def test_spaces_and_colours_do_not_matter(text):
    line, begin, end = seen(text)["two  spaces and a line"]
    assert line[begin:end] == "two spaces and a line"


def test_each_place_of_a_text_is_looked_at_in_its_order():
    text = "who answers today, alas\nnobody here answers today, alas\nwho answers today, alas"
    assert seen(text) == {"nobody … answers today, alas…": ("nobody here answers today, alas", 0, 31)}


def test_a_line_of_twenty_letters_may_be_broken_and_a_shorter_one_may_not():
    for line, found in (("aaaaa bbbbb ccccc ddddd", True), ("aaaaa bbbbb ccccc dddd", False)):
        assert bool(seen(line.replace(" ", "\n", 1), table=f"a\n    {line}\n")) == found


def test_a_page_of_a_browser_may_break_lines_anywhere_but_a_log_with_gaps_may_not():
    assert seen("a line\nthat a  browser\r\n\nbreaks") == {"a line that a browser breaks": ("a line that a browser breaks", 0, 28)}
    assert seen("a line\nthat a ", "browser\nbreaks")
    assert seen("nobody at all\nanswers today, alas") == {}
    late = ["x" * hubcheck.PAGE, "a line\nthat a browser\nbreaks"]
    assert seen(*late) == {}, "only the beginning is joined"
    assert seen("x" * (hubcheck.PAGE - 40), "\na line\nthat a browser\nbreaks")
    assert seen("what is\nshort", table="a\n    what is short\n") == {}


def test_of_a_long_line_what_is_around_the_match_counts():
    near, far = "x" * (hubcheck.AROUND - 100), "x" * hubcheck.AROUND
    line, begin, end = seen(f"{far}nobody {near} answers today, alas{far}")["nobody … answers today, alas…"]
    assert line[begin:end] == f"nobody {near} answers today, alas"
    assert len(line) == 2 * hubcheck.AROUND
    assert seen(f"nobody {far} answers today, alas") == {}
    twice = f"answers today, alas{far}{far}\tnobody here answers today, alas"
    line, begin, end = seen(twice)["nobody … answers today, alas…"]
    assert line[begin:end] == "nobody here answers today, alas"


def told(text):
    return [[page for page, _, _ in group] for group in hubcheck.answers(seen(text), rows())]


def test_what_holds_more_comes_first_and_what_has_the_same_comes_together():
    both = "a line that both of them publish"
    assert told(both) == [["first", "second"]]
    assert hubcheck.answers(seen(both), rows()) == [[("first", "hub_answers", [both]), ("second", "kernel_channel", [both])]]
    assert told(f"{both}\ntwo  spaces and a line") == [["second"], ["first"]]
    assert told(f"{both}\nnobody here answers today, alas") == [["first"], ["second"]]
    assert told("a line that a browser breaks\ntwo  spaces and a line") == [["third"], ["second"]], "23 letters, and 18"
    assert told("") == []
    # A line that many publish tells less of each: 27 letters of two pages against 23 of one.
    assert told(f"{both}\na line that a browser breaks") == [["third"], ["first", "second"]]
    # 44 letters of two pages against 23 of one.
    twice = "a line of two pages that holds twice as many letters as the other"
    table = hubcheck.known(f"a x\n    {twice[:56]}\nb y\n    {twice[:56]}\nc z\n    a line that a browser breaks\n")
    assert hubcheck.weight(twice[:56]) == 44
    both = hubcheck.found([f"{twice[:56]}\na line that a browser breaks"], table)
    assert [[page for page, _, _ in group] for group in hubcheck.answers(both, table)] == [["c"], ["a", "b"]]
    # Of the same worth, a page of which less is missing comes first.
    same = "the very same line of both"
    table = hubcheck.known(f"a x\n    {same}\n    another of the first\nb y\n    {same}\n")
    assert hubcheck.answers(hubcheck.found([same], table), table) == [[("b", "y", [same]), ("a", "x", [same])]]
    table = hubcheck.known("a x\n    line one of the table\n    another of the first\nb y\n    line two of the table\n")
    both = hubcheck.found(["line one of the table\nline two of the table"], table)
    assert [[page for page, _, _ in group] for group in hubcheck.answers(both, table)] == [["b"], ["a"]]


def test_a_climb_decides_between_pages_that_the_check_tells_apart():
    table = rows()
    assert hubcheck.deciding(table[:2], table) == "kernel_channel"
    assert hubcheck.deciding([table[0], ("third", "", [])], table) == "", "of one the check says nothing"
    same = hubcheck.known(TABLE.replace("kernel_channel", "kernel_channel first"))
    assert hubcheck.deciding(same[:2], same) == ""
    below = hubcheck.known(TABLE.replace("kernel_channel", "config_accepted").replace("hub_answers", "config_accepted"))
    assert hubcheck.deciding(below[:2], below) == "blocks_shown"


# What it says


def test_it_says_what_it_found_and_what_to_read(tmp_path, capsys):
    (tmp_path / "hub.log").write_text(f"Nov 26 12:00:00 srv jupyterhub[7]: {IN_USE}\nall is well\n", "utf-8")
    answer = (
        f"    Nov 26 12:00:00 srv jupyterhub[7]: {IN_USE}\n"
        "  Read: troubleshooting/address-already-in-use\n"
        "  Read: troubleshooting/proxy-of-an-earlier-hub\n"
        f"  To decide: {ASK} --until hub_answers\n"
    )
    assert log(capsys, "--log", tmp_path / "hub.log") == (1, answer, "")
    _, said, _ = log(capsys, "--log", tmp_path / "hub.log", "--guide", "http://127.0.0.1:8080/")
    assert "  Read: http://127.0.0.1:8080/troubleshooting/address-already-in-use/index.html\n" in said


def test_of_one_page_it_says_no_command_and_of_a_page_with_an_anchor_the_anchor(tmp_path, capsys):
    (tmp_path / "error.log").write_text("[mpm_event:error] AH00484: server reached MaxRequestWorkers setting, consider raising", "utf-8")
    answer = (
        "    [mpm_event:error] AH00484: server reached MaxRequestWorkers setting, consider raising\n  Read: deploy/proxy-parts#workers\n"
    )
    assert log(capsys, "--log", tmp_path / "error.log") == (1, answer, "")
    _, said, _ = log(capsys, "--log", tmp_path / "error.log", "--guide", "http://127.0.0.1/")
    assert said.endswith("  Read: http://127.0.0.1/deploy/proxy-parts.html#workers\n")


def test_where_it_finds_nothing_it_says_so_and_what_to_do(tmp_path, capsys):
    (tmp_path / "other.log").write_text("all is well\n", "utf-8")
    assert log(capsys, "--log", tmp_path / "other.log") == (
        0,
        f"No line of this is on a page of the guide.\nTo find what fails: {ASK}\n",
        "",
    )


def test_it_names_a_few_pages_and_shows_a_part_of_a_long_line(tmp_path, capsys):
    many = [(page, lines) for page, _, lines in hubcheck.known() if page.startswith("troubleshooting/")]
    whole = "\n".join(line.replace("…", "7") for _, lines in many for line in lines)
    (tmp_path / "all.log").write_text(f"{whole}\n", "utf-8")
    _, said, _ = log(capsys, "--log", tmp_path / "all.log")
    assert len(re.findall(r"^  Read: ", said, re.M)) == hubcheck.ANSWERS
    (tmp_path / "long.log").write_text(f"{'a' * 500}{EXPIRED}{'b' * 500}", "utf-8")
    _, said, _ = log(capsys, "--log", tmp_path / "long.log")
    assert f"    {'a' * 60}{EXPIRED}{'b' * 60}\n" in said


def test_what_is_piped_in_is_read_and_a_terminal_obeys_none_of_it(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(f"\x1b]0;title\x07 \x9b2J {EXPIRED}\n".encode())))
    status, said, _ = log(capsys, "--log", "-")
    assert (status, "To decide" in said) == (1, False)
    assert said.startswith(f"    �]0;title� �2J {EXPIRED}\n")


# What is no text


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_text_may_be_written_in_several_ways(tmp_path, capsys, encoding):
    text = f"Ünsinn\r\n{EXPIRED}\r\n".encode(encoding)
    for file in (text, b"\xfe\xff" + text if encoding == "utf-16-be" else text):
        (tmp_path / "hub.log").write_bytes(file)
        status, said, _ = log(capsys, "--log", tmp_path / "hub.log")
        assert (status, said.splitlines()[0]) == (1, f"    {EXPIRED}")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xff\xfea\0", "utf-16-le"),
        (b"\xfe\xff\0a", "utf-16-be"),
        (b"a\0b\0c\0", "utf-16-le"),
        (b"\0a\0b\0c", "utf-16-be"),
        ("abcdeжжжжж".encode("utf-16-le"), "utf-16-le"),
        ("abcdжжжжжж".encode("utf-16-le"), "utf-8"),
        (b"abc\n", "utf-8"),
        (b"a" * 90 + b"\0" * 10, "utf-8"),
        (b"\0" * 100, "utf-8"),
    ],
)
def test_how_a_text_is_written_is_seen_at_its_beginning(head, name):
    assert hubcheck.encoding(head) == name


NO_TEXT = "it is no text: unpack it, or let journalctl print it"
GZIP = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "there is nothing in it"), (GZIP, NO_TEXT), (b"\0" * 5000, NO_TEXT), (b"\x7fELF\2\1\1" + b"\0" * 50 + b"text" * 3, NO_TEXT)],
)
def test_what_is_no_text_is_told_in_one_line(tmp_path, capsys, data, words):
    (tmp_path / "hub.log").write_bytes(data)
    assert log(capsys, "--log", tmp_path / "hub.log") == (2, "", f"hubcheck: error: {tmp_path / 'hub.log'}: {words}\n")


def test_a_log_with_some_bytes_that_are_none_is_read(tmp_path, capsys):
    (tmp_path / "hub.log").write_bytes(b"\0" * 40 + b"x" * 100 + f"\n{EXPIRED}\n".encode() + b"\xff" * 10)
    assert log(capsys, "--log", tmp_path / "hub.log")[0] == 1


def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path, capsys):
    assert log(capsys, "--log", tmp_path) == (2, "", f"hubcheck: error: {tmp_path}: Is a directory\n")
    assert log(capsys, "--log", tmp_path / "none") == (2, "", f"hubcheck: error: {tmp_path / 'none'}: No such file or directory\n")


class Endless(io.RawIOBase):
    """A file of so many bytes, the same again and again, that is nowhere."""

    def __init__(self, block, size):
        self.block, self.left = block, size

    def read(self, size=-1):
        given = self.block[: min(size, self.left, len(self.block))]
        self.left -= len(given)
        return given


@pytest.mark.parametrize("line", [b"x" * 99 + b"\n", b"y" * (1 << 20)], ids=["short lines", "one line"])
def test_a_large_log_takes_little_memory(line):
    block = (line * (1 + (1 << 20) // len(line)))[: 1 << 20]
    tracemalloc.start()
    try:
        pieces = sum(1 for _ in hubcheck.pieces(Endless(block, 30 << 20)))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert pieces >= 14
    assert most < 12 << 20


def test_nothing_is_lost_where_a_text_is_cut(tmp_path, capsys):
    for before in (hubcheck.PIECE - 10, 2 * hubcheck.PIECE - 10, 3 * hubcheck.PIECE - 10):
        for filler in (b"x" * 63 + b"\n", b"x"):
            (tmp_path / "hub.log").write_bytes((filler * before)[:before] + EXPIRED.encode() + b"\n" + b"end\n" * 9)
            assert log(capsys, "--log", tmp_path / "hub.log")[0] == 1, (before, filler)
    lines = "".join(f"{number}\n" for number in range(400_000))
    assert "".join(hubcheck.pieces(io.BytesIO(lines.encode()))) == lines
    assert "".join(hubcheck.pieces(io.BytesIO("€".encode() * 1_500_000 + b"\n"))).count("�") == 0


@examples(60)
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: f"{text}\n{EXPIRED}\r\n{text}".encode("utf-16", "replace")))
def test_whatever_is_in_a_file_it_ends_with_one_of_three(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.log"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patched:
        out, err = io.StringIO(), io.StringIO()
        patched.setattr(sys, "stdout", out)
        patched.setattr(sys, "stderr", err)
        status = hubcheck.main(["--log", str(path)])
    assert status in (0, 1, 2)
    assert bool(err.getvalue()) == (status == 2)
    assert err.getvalue().count("\n") <= 1
    assert all(letter.isprintable() or letter == "\n" for letter in out.getvalue())


LINES = [line for _, _, lines in hubcheck.known() for line in lines]


@examples(60)
@given(st.sampled_from(LINES), st.text(max_size=30), st.lists(st.sampled_from(LINES) | st.text(max_size=60), max_size=6))
def test_a_published_line_is_found_whatever_is_in_its_gaps_and_around_it(line, own, others):
    # What comes from a terminal's colours or another line is no gap.
    made = line.replace("…", f"7{re.sub('[' + chr(10) + chr(27) + '#^]', '', own)}7")
    assert line in hubcheck.found(["\n".join([*others, made, *others])], hubcheck.known())


# How it is used


@pytest.mark.parametrize(
    "more",
    [["https://hub.example.com/"], ["--user", "alice"], ["--watch"], ["--json"], ["--until", "hub_answers"], ["-v"], ["--timeout", "3"]],
)
def test_it_goes_with_the_guide_alone(capsys, more):
    with pytest.raises(SystemExit) as ended:
        hubcheck.main(["--log", "-", *more])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "hubcheck: error: --log goes with --guide alone\n"


WITHOUT = "import sys; sys.modules['requests'] = sys.modules['websocket'] = None; import runpy; runpy.run_path({!r}, run_name='__main__')"


@pytest.mark.parametrize(("arguments", "status", "said"), [(["--help"], 0, "usage: hubcheck "), (["--log", "-"], 1, f"    {EXPIRED}\n")])
def test_it_needs_no_packages_to_read_a_log_or_to_tell_its_options(arguments, status, said):
    command = [sys.executable, "-c", WITHOUT.format(hubcheck.__file__), *arguments]
    done = subprocess.run(command, input=f"{EXPIRED}\n", capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.startswith(said)
