"""Reads the built pages as a list of things to do: the files to save, the commands to type, and what should appear.

What a page says of a command's output is compared by a small closed set of rules:

- Lines in the block, below the command: the output is these lines. Where the paragraph after the block says that something
  "differs", numbers, dates and sizes may be others.
- "You should see" and a block of text: the output has these lines, one after the other.
- "You should see" with words set as code, in the same sentence: the output holds each of them.
- "Some seconds later" before a block: a command is typed again until it prints what the page says, for half a minute.
- "You should see nothing": the command prints nothing, whatever its exit status is.
- "You should see no line" with words set as code: no line has one of them.
- "…" stands for anything within a line, and a number of spaces for any other.
- "ends with an error": the command's exit status is not 0. Without these words it is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from bs4 import BeautifulSoup, Tag

from _ext.evidence import commands, keys
from tests.harness.manifest import ROOT

FENCE = re.compile(r"(?m)^ *```console\n")
PROMPTS = {"# ": "root", "$ ": "user"}
# What is different on each machine and in each minute: numbers, months and days.
VARIES = re.compile(r"\b\d+(?:[.:]\d+)*\b|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b")


class Unclear(ValueError):
    """A page has a block that no rule knows; the text names page and line."""


@dataclass(frozen=True)
class Save:
    """A file that a page offers: its place on the server ("" for nowhere), the address of its download, its text if the page shows it."""

    where: str
    section: str
    path: str
    download: str
    text: str | None


@dataclass(frozen=True)
class Instead:
    """What a page says may be seen instead: "If you see `X`, ...". `words` are those set as code, `link` is where it leads, "" for nowhere.

    `begins` is the sentence up to its first comma or parenthesis. `after` is the place of the command before it, "" for none.
    """

    page: str
    begins: str
    words: tuple[str, ...]
    link: str
    after: str


@dataclass
class Type:
    """A command that a page has typed as "root" or as a "user", and what the page says comes then. `key` is its name in the evidence."""

    where: str
    section: str
    who: str
    command: str
    key: str
    printed: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    silent: bool = False
    later: bool = False
    varies: bool = False
    fails: bool = False

    def wrong(self, status: int, output: str) -> str:
        """What an exit status and an output have that the page does not say; "" if it is as the page says."""
        seen = [line.rstrip() for line in output.splitlines()]
        told = []
        if self.silent and output.strip():
            told.append("wanted nothing")
        if bool(status) != self.fails and not self.silent:
            told.append(f"exit status {status}, wanted {'another than 0' if self.fails else 0}")
        if self.printed and not (len(seen) == len(self.printed) and all(map(self._same, self.printed, seen))):
            told.append("wanted the lines:\n  " + "\n  ".join(self.printed))
        if self.lines and not self._follow(seen):
            told.append("wanted among the lines:\n  " + "\n  ".join(self.lines))
        told += [f"wanted the words: {words}" for words in self.words if not _pattern(words).search(output)]
        told += [f"wanted no line with: {words}" for words in self.without if _pattern(words).search(output)]
        return f"{self.where}: {self.command}\n{chr(10).join(told)}\nseen:\n  " + "\n  ".join(seen) if told else ""

    def _same(self, wanted: str, seen: str) -> bool:
        if self.varies:
            wanted, seen = VARIES.sub("0", wanted), VARIES.sub("0", seen)
        return bool(_pattern(wanted.strip()).fullmatch(seen.strip()))

    def _follow(self, seen: list[str]) -> bool:
        """Whether the lines come one after the other; a log writes when and by whom before each."""
        many, ends = len(self.lines), [re.compile(_pattern(line.strip()).pattern + "$") for line in self.lines]
        return any(
            all(end.search(line) for end, line in zip(ends, seen[at : at + many], strict=True)) for at in range(len(seen) - many + 1)
        )


@dataclass(frozen=True)
class Mend:
    """A change of a file, or a script, that a page of troubleshooting shows as the cure."""

    where: str
    section: str


def _pattern(line: str) -> re.Pattern:
    parts = [r"\s+".join(map(re.escape, part.split(" "))) for part in line.split("…")]
    return re.compile(".*?".join(re.sub(r"(\\s\+)+", r"\\s+", part) for part in parts))


def steps(name: str, page: Tag, tab: str) -> list[Save | Type | Mend | Instead]:
    """What a page has its reader do, in order, and what they may see instead.

    `name` is its source below the root, `page` what was parsed of it, `tab` the label of the panel that the reader has chosen.

    Raises `Unclear` where the page cannot be followed.
    """
    return list(_Page(name, page, tab).steps())


class _Page:
    def __init__(self, name: str, page: Tag, tab: str):
        self.name, self.tab = name, tab
        self.main = page.select_one("article") or page
        self.source = (ROOT / name).read_text("utf-8")
        # Each block of the page stands in its source, in the same order.
        self.fences = [self.source.count("\n", 0, match.end()) for match in FENCE.finditer(self.source)]
        self.consoles = self.main.select(".highlight-console")
        if len(self.fences) != len(self.consoles):
            raise Unclear(f"{name}: {len(self.fences)} console blocks in its source, {len(self.consoles)} on the page")

    @functools.cached_property
    def keys(self) -> list[list[str]]:
        """By console block, the names of its commands in the evidence."""
        return keys(self.source)

    def steps(self) -> Iterator[Save | Type | Mend | Instead]:
        made: list[Type] = []
        folder, expects, said, before = "", False, "", ""
        for section, block in self._blocks():
            if section != before:
                yield from made
                made, before = [], section
            if block.name in ("p", "li", "dt", "dd"):
                text = said = block.get_text(" ", strip=True)
                expects = bool(made) and re.search(r"(^|\. )You should see[^.]*:$", text)
                folder = self._folder(block) or folder
                for link in block.select("a.download"):
                    yield from made
                    made = []
                    yield self._save(section, folder, link, None)
                if made:
                    self._tell(made, block, text)
                yield from self._instead(block, made[-1].where if made else "")
            elif block.name == "table":
                yield from made
                made = []
                yield from self._listed(section, block)
            elif "highlight-console" in block["class"]:
                yield from made
                made, expects = list(self._commands(section, block)), False
                for one in made:
                    one.later = "Some seconds later" in said
            elif "literal-block-wrapper" in block["class"]:
                if link := block.select_one(".code-block-caption a.download"):
                    yield from made
                    made, expects = [], False
                    yield self._save(section, folder, link, block.pre.get_text())
            elif "highlight-diff" in block["class"] or "highlight-sh" in block["class"]:
                yield from made
                made = []
                yield Mend(self.name, section)
            elif "highlight-text" in block["class"] and expects:
                made[-1].lines, expects = [line.rstrip() for line in block.pre.get_text().strip("\n").splitlines()], False
        yield from made

    def _blocks(self) -> Iterator[tuple[str, Tag]]:
        """What a page is made of, with the section that it is in; of tabs the chosen one, and nothing of what lies within a block."""
        inner = "p, table, .highlight-console, .highlight-text, .highlight-diff, .highlight-sh, .literal-block-wrapper"
        for block in self.main.select(inner):
            panel = block.find_parent(class_="sphinx-tabs-panel")
            if panel and panel.get("data-label") != self.tab and self._chosen(panel):
                continue
            if block.find_parent("table"):
                continue
            if block.name == "div" and block.find_parent(class_="literal-block-wrapper"):
                continue
            if block.find_parent(class_="values"):
                continue
            section = block.find_parent("section")
            yield (section.get("id", "") if section else ""), block

    def _chosen(self, panel: Tag) -> bool:
        """Whether one of the tabs beside a panel is the reader's."""
        return any(other.get("data-label") == self.tab for other in panel.parent.select(".sphinx-tabs-panel"))

    def _commands(self, section: str, block: Tag) -> Iterator[Type]:
        # Not by what is in it: a page may have the same twice.
        number = next(number for number, one in enumerate(self.consoles) if one is block)
        at = self.fences[number] + 1
        try:
            made = commands(block.pre.get_text())
            names = self.keys[number]
        except ValueError as error:
            raise Unclear(f"{self.name}:{at}: {error}") from None
        # A reader's own values are on the page, and not in its source.
        for one, key in zip(made, names, strict=True):
            line, *printed = one.split("\n")
            yield Type(f"{self.name}:{at}", section, PROMPTS[line[:2]], line[2:], key, printed)
            at += 1 + len(printed)

    def _tell(self, made: list[Type], block: Tag, text: str) -> None:
        """What a paragraph after a block says of it."""
        if re.search(r"\bdiffers?\b", text):
            for one in made:
                one.varies = True
        if text.startswith("You should see"):
            last, words = made[-1], [code.get_text() for code in _sentences(block)[0].select("code")]
            last.fails = "ends with an error" in text
            last.silent = text.startswith("You should see nothing")
            if text.startswith("You should see no line"):
                last.without += words
            elif not last.printed and not last.silent:
                last.words += words

    def _instead(self, block: Tag, after: str) -> Iterator[Instead]:
        for sentence in _sentences(block):
            text = " ".join(sentence.get_text().split())
            if text.startswith("If you see"):
                begins = re.match(r"[^,(]*?(?=,| \(|[.:]?$)", text)[0]
                codes = [code.get_text() for code in sentence.select("code")]
                words = tuple(code for code in codes if code in begins)
                link = sentence.select_one("a[href]")
                yield Instead(self.name, begins, words, link["href"] if link else "", after)

    def _folder(self, block: Tag) -> str:
        """The folder that a paragraph has its reader save files in."""
        if not re.search(r"\b[Ss]ave\b|\b(?:Make|make) the folder", block.get_text()):
            return ""
        paths = [code.get_text() for code in block.select("code") if re.fullmatch(r"(/[\w.-]+)+/?", code.get_text())]
        # "Make the folder /a/b/c, and save these files in /a": the last one named.
        return paths[-1] if paths else ""

    def _save(self, section: str, folder: str, link: Tag, text: str | None) -> Save:
        shown = link.get_text(strip=True)
        named = [folder] if folder and PurePosixPath(folder).name == shown else []
        path = shown if shown.startswith("/") else named[0] if named else f"{folder}/{shown}" if folder else ""
        return Save(self.name, section, path, link["href"], text)

    def _listed(self, section: str, table: Tag) -> Iterator[Save]:
        """The files of a table that has a column "Folder"."""
        head = [cell.get_text(strip=True) for cell in table.select("thead th")]
        if "Folder" not in head:
            return
        for row in table.select("tbody tr"):
            folder = row.select("td")[head.index("Folder")].get_text(strip=True)
            for link in row.select("a.download"):
                yield self._save(section, folder, link, None)


def _sentences(block: Tag) -> list[Tag]:
    return [BeautifulSoup(part, "html.parser") for part in re.split(r"(?<=[.:;]) (?=[A-Z])", block.decode_contents())]
