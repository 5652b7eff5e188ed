"""How easy the pages are to read: `python -m tests.harness.site.reading [COMMIT]` prints a table, beside that of an earlier commit.

For each page: the words in a sentence, those of the longest one, and Flesch's reading ease, which is higher where sentences and words
are shorter: below 50 is hard, 60 to 70 is plain English. Only sentences of paragraphs and lists count; of tables, headings and code
nothing does. A piece of code within a sentence counts as one short word. Syllables are reckoned from the letters. It is a measure,
and no test demands anything of it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from tests.harness import releases
from tests.harness.manifest import ROOT

PARSER = create_md_parser(MdParserConfig(enable_extensions={"attrs_inline", "deflist", "substitution"}), RendererHTML)
HOLDS_PROSE = re.compile(r"\{(tabs|group-tab|glossary|note|warning)\}")
# A full stop within a name is none: it has no space after it.
END = re.compile(r"(?<=[.?])\s+")
CODE = "code"


@dataclass(frozen=True)
class Ease:
    words: int
    sentences: int
    longest: int
    flesch: float

    @property
    def length(self) -> float:
        return self.words / self.sentences


def syllables(word: str) -> int:
    """How many a word has, by its groups of vowels; an e that is not spoken is none."""
    word = re.sub(r"[^a-z]", "", word.lower())
    groups = len(re.findall(r"[aeiouy]+", word))
    silent = re.search(r"[^aeiouyl]e$|[^aeiouydt]ed$|(?<![aeiouscxzgh])es$", word) is not None
    return max(1, groups - (silent and groups > 1))


def paragraphs(text: str) -> Iterator[str]:
    """The text of each paragraph and item of a list, its code as one word."""
    before = ""
    for token in PARSER.parse(text):
        if token.type == "inline" and before in ("paragraph_open", "dt_open"):
            made = []
            for child in token.children or []:
                if child.type == "text":
                    made.append(child.content)
                elif child.type in ("code_inline", "substitution_inline") or (child.type == "myst_role" and child.meta["name"] != "term"):
                    made.append(CODE)
                elif child.type == "myst_role":
                    made.append(re.sub(r" <.*>$", "", child.content))
                elif child.type == "softbreak":
                    made.append(" ")
                elif child.type == "link_close" and made and not made[-1].strip():
                    # A link without words shows the title of its page.
                    made.append(CODE)
            yield "".join(made)
        elif token.type in ("fence", "colon_fence") and HOLDS_PROSE.match(token.info):
            yield from paragraphs(re.sub(r"(?m)^:[\w-]+:.*$", "", token.content))
        before = token.type


def ease(text: str) -> Ease | None:
    """How easy a page is to read, or None if it has no sentence."""
    sentences = [
        words
        for paragraph in paragraphs(text)
        for sentence in END.split(paragraph)
        if len(words := re.findall(r"[A-Za-z0-9][\w'’.-]*", sentence)) > 2 and re.search(r"[.?:]$", sentence.strip())  # noqa: RUF001
    ]
    words = [word for sentence in sentences for word in sentence]
    if not words:
        return None
    sounds = sum(map(syllables, words))
    flesch = 206.835 - 1.015 * len(words) / len(sentences) - 84.6 * sounds / len(words)
    return Ease(len(words), len(sentences), max(map(len, sentences)), flesch)


def here(name: str) -> str | None:
    file = ROOT / f"{name}.md"
    return file.read_text("utf-8") if file.is_file() else None


def at(commit: str) -> Callable[[str], str | None]:
    """What reads a page as it was at a commit."""

    def read(name: str) -> str | None:
        done = subprocess.run(["git", "show", f"{commit}:{name}.md"], cwd=ROOT, capture_output=True, text=True)
        return None if done.returncode else done.stdout

    return read


def pages() -> list[str]:
    files = ["index.md", *(str(path.relative_to(ROOT)) for room in releases.ROOMS for path in sorted((ROOT / room).rglob("*.md")))]
    return [name.removesuffix(".md") for name in files]


def row(name: str, found: list[Ease | None]) -> str:
    cells = "".join(f"{one.words:8}{one.length:8.1f}{one.longest:8}{one.flesch:8.0f}" if one else f"{'':32}" for one in found)
    return f"{name:58}{cells}"


def main(arguments: list[str]) -> None:
    if len(arguments) > 1:
        sys.exit("usage: python -m tests.harness.site.reading [COMMIT]")
    for commit in arguments:
        if subprocess.run(["git", "rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True).returncode:
            sys.exit(f"error: {commit} is no commit of this working copy")
    readers = [*map(at, arguments), here]
    print(f"{'':58}" + "".join(f"{'words':>8}{'each':>8}{'longest':>8}{'ease':>8}" for _ in readers))
    whole = ["" for _ in readers]
    for name in pages():
        texts = [read(name) or "" for read in readers]
        bodies = [re.sub(r"(?s)\A---\n.*?\n---\n", "", text) for text in texts]
        whole = [f"{before}\n\n{body}" for before, body in zip(whole, bodies, strict=True)]
        if any(found := [ease(text) for text in texts]):
            print(row(name, found))
    print(row("all pages", [ease(text) for text in whole]))


if __name__ == "__main__":
    main(sys.argv[1:])
