"""--log: which pages of the guide contain lines of a log. It asks no server."""

from __future__ import annotations

import codecs
import re
import sys

from .climbing import INSIDE
from .known_lines import KNOWN
from .responses import visible
from .verdicts import address

# A line of KNOWN with fewer letters and digits counts only where it stands alone: other programs say it too.
ALONE = 20
# Colours of a terminal, as they are, and as journals and syslog write them.
COLOURS = re.compile(r"(?:\x1b|#033|\^\[)\[[0-9;]*[Km]")
SPACES = re.compile(r"[ \t\r\xa0]+")
# How much of a text is read at a time, and how far around a match is looked: characters.
PIECE, AROUND = 1 << 20, 4000
# How much of a text that is not a log's, but a page's, is joined: a browser breaks lines where it likes.
PAGE = 1 << 20
# How many answers are told.
ANSWERS = 5


class Beside(str):
    """A line that many faults write: it counts only beside another one of its row."""


def known(table: str = KNOWN) -> list[tuple[str, str, list[str]]]:
    """The rows of a table such as KNOWN: a page, the rung that breaks there or "", and its lines. What hubcheck prints is one of them."""
    rows: list[tuple[str, str, list[str]]] = []
    for line in table.split("\n"):
        if line[:4] in ("    ", "  + "):
            rows[-1][2].append((str if line[2] == " " else Beside)(line[4:]))
        elif line:
            page, rung, *named = line.split(" ") if " " in line else (line, "")
            rows.append((page, rung, [f"Read: {name}" for name in named or [page] if rung]))
    return rows


def weight(pattern: str) -> int:
    """How much a line of KNOWN holds: its letters and digits."""
    return len(re.findall(r"[A-Za-z0-9]", pattern))


def place(pattern: str, line: str) -> tuple[int, int] | None:
    """From where to where a line of KNOWN matches a line of a text, if it does; in time that grows with the line alone."""
    begin, end, alone = -1, 0, weight(pattern) < ALONE
    parts = [part for part in SPACES.sub(" ", pattern).split("…") if part]
    for number, part in enumerate(parts, 1):
        at = line.rfind(part, end) if alone and number == len(parts) > 1 else line.find(part, end)
        if at < 0:
            return None
        begin, end = at if begin < 0 else begin, at + len(part)
    if alone:
        before = "" if pattern.startswith("…") else line[:begin].rstrip(" ")
        after = "" if pattern.endswith("…") else line[end:].lstrip(" ")
        if (before and before[-1] not in "]:>") or (after and after[0] not in "(<"):
            return None
    return begin, end


def found(pieces, table: list[tuple[str, str, list[str]]]) -> dict[str, tuple[str, int, int]]:
    """What of a table such as `known` a text holds, which comes in pieces of whole lines.

    {its line: (the first line of the text that matches it, with single spaces, from where, to where)}
    """
    seen: dict[str, tuple[str, int, int]] = {}
    left = {pattern: max(re.split("…|  ", pattern), key=len) for _, _, patterns in table for pattern in patterns}
    page = ""
    for piece in pieces:
        text = piece.replace("\xa0", " ")
        if any(sign in text for sign in ("\x1b[", "#033[", "^[[")):
            text = COLOURS.sub("", text)
        page += text[: PAGE - len(page)]
        for pattern, part in list(left.items()):
            at = text.find(part)
            while at >= 0:
                begin = max(text.rfind("\n", 0, at) + 1, at - AROUND)
                end = text.find("\n", at, at + AROUND)
                end = min(at + AROUND, len(text)) if end < 0 else end
                line = SPACES.sub(" ", text[begin:end]).strip(" ")
                if matched := place(pattern, line):
                    seen[pattern] = (line, *matched)
                    del left[pattern]
                    break
                at = text.find(part, end)
    page = " ".join(page.split())
    for pattern in left:
        if weight(pattern) >= ALONE and pattern in page:
            seen[pattern] = (pattern, 0, len(pattern))
    return seen


def answers(seen: dict[str, tuple[str, int, int]], table: list[tuple[str, str, list[str]]]) -> list[list[tuple[str, str, list[str]]]]:
    """The rows of a table of which a text holds lines, with those alone, the likeliest first.

    Rows of which it holds the same lines come together, in a list: it says of them all the same.
    """
    publishers: dict[str, int] = {}
    for _, _, patterns in table:
        for pattern in patterns:
            publishers[pattern] = publishers.get(pattern, 0) + 1
    groups: dict[tuple[str, ...], list[tuple[float, tuple[str, str, list[str]]]]] = {}
    for page, rung, patterns in table:
        hit = [pattern for pattern in patterns if pattern in seen]
        if any(not isinstance(pattern, Beside) for pattern in hit):
            groups.setdefault(tuple(sorted(hit)), []).append((len(hit) / len(patterns), (page, rung, hit)))
    worth = {hit: sum(weight(pattern) / publishers[pattern] for pattern in hit) for hit in groups}
    ranked = sorted(groups, key=lambda hit: (-worth[hit], -max(share for share, _ in groups[hit])))
    return [[row for _, row in sorted(groups[hit], key=lambda row: -row[0])] for hit in ranked]


class NoText(Exception):
    """A log that cannot be read; the text says why."""


def encoding(head: bytes) -> str:
    """How a text is written that begins so: as its first bytes say, else UTF-16 if every other byte is 0, else UTF-8."""
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            return name
    even, odd = head[0::2].count(0), head[1::2].count(0)
    for few, many, name in ((even, odd, "utf-16-le"), (odd, even, "utf-16-be")):
        if many > 0.4 * len(head) / 2 and few < many / 10:
            return name
    return "utf-8"


def pieces(file):
    """What a file of bytes holds as text, in pieces of whole lines; of a line that does not end, in pieces that overlap.

    Raises `NoText` if it holds nothing, or no text.
    """
    head = file.read(PIECE)
    if not head:
        raise NoText("there is nothing in it")
    decoder = codecs.getincrementaldecoder(encoding(head))("replace")
    text = decoder.decode(head)
    strange = len(re.findall(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f\ufffd]", text[:PIECE]))
    if strange > 0.3 * len(text[:PIECE]):
        raise NoText("it is no text: unpack it, or let journalctl print it")
    while head:
        cut = text.rfind("\n") + 1
        if cut:
            yield text[:cut]
            text = text[cut:]
        elif len(text) > PIECE:
            yield text
            text = text[-AROUND:]
        head = file.read(PIECE)
        text += decoder.decode(head, final=not head)
    yield text


def deciding(rows: list[tuple[str, str, list[str]]], table: list[tuple[str, str, list[str]]]) -> str:
    """The rung up to which a climb tells apart some rows of a table; "" if it names the same page for two of them."""
    pages = [page for page, _, _ in rows]
    named = [line for page, _, lines in table if page in pages for line in lines if line.startswith("Read: ")]
    rungs = [rung for rung in INSIDE if rung in [rung for _, rung, _ in rows]]
    return (rungs or [*INSIDE])[-1] if len(rows) == len(named) == len(set(named)) else ""


def read_log(name: str, guide: str) -> int:
    """Say which pages have lines of a log, and how to decide between those that have the same. The exit status."""
    table = known()
    try:
        with sys.stdin.buffer if name == "-" else open(name, "rb") as file:
            seen = found(pieces(file), table)
    except (NoText, OSError) as wrong:
        print(f"hubcheck: error: {name}: {getattr(wrong, 'strerror', '') or wrong}", file=sys.stderr)
        return 2
    likely = answers(seen, table)
    for rows in likely[:ANSWERS]:
        for pattern in rows[0][2]:
            line, begin, end = seen[pattern]
            print(f"    {visible(line[max(0, begin - 60) : end + 60])}")
        for page, _, _ in rows:
            print(f"  Read: {address(page, guide)}")
        if len(rows) > 1 and (rung := deciding(rows, table)):
            print(f"  To decide: python hubcheck.py https://hub.example.com/jupyter/ --user alice --until {rung}")
    if not likely:
        print("No line of this is on a page of the guide.")
        print("To find what fails: python hubcheck.py https://hub.example.com/jupyter/ --user alice")
    return 1 if likely else 0
