"""Writes hubcheck's table KNOWN from the lines that troubleshooting/ publishes: python -m tests.harness.measuring.known

The site takes its patterns from there. Each line of a symptom.txt, and each that the table "Elsewhere in this guide" has as code,
becomes a pattern: "…" stands in the place of what differs from hub to hub, such as names, addresses, paths and counts.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from _ext.atlas import CHECKED, symptoms
from snippets.check import hubcheck
from tests.harness import one_script
from tests.harness.arguments import takes_nothing
from tests.harness.manifest import ROOT, VALUES
from tests.harness.measuring import captures
from tests.harness.measuring.atlas import ATLAS, Unclear, entries

PART = one_script.PACKAGE / "known_lines.py"
TABLE = re.compile(r'(?<=^KNOWN = r"""\n).*?(?=^"""$)', re.M | re.S)
BASE = re.escape(VALUES["base_url"].rstrip("/"))
# What a hub has of its own: (what it looks like in a line, what stands for it).
OWN = [(re.compile(pattern), instead) for pattern, instead in [
    (r"(?<=://)(?:[\w.-]|…)+(?::[\d…]+)?", "…"),
    (r"(?<=://):\d+", ":…"),
    (rf"{re.escape(VALUES['host'])}(?::[\d…]+)*", "…"),
    (r"\b\d+(?:\.\d+){3}(?::[\d…]+)?", "…"),
    (r"(?<=\bPort )\d+", "…"),
    (rf"(?<![\w.]){BASE}(?![\w-])", "…"),
    (r"\b(?:alice|bob|carol|mallory)\b", "…"),
    (rf"\b{VALUES['kernel']}\b|\b{VALUES['kernel'].replace('_', ' ').title()}\b", "…"),
    # Of a path on the server its last part stays, of a file's name its ending.
    (r"(?<![\w.…])/(?:etc|home|opt|root|srv|usr|var)(?:/[\w.-]+|/…)+(?=/)", "…"),
    (r"[\w-]+(?=\.(?:conf|ipynb)\b)", "…"),
    (r"\(\d+/\d+\)", "(…)"),
    (r"(?<==)\d\w*", "…"),
    (r"(?<=\bHTTP/)\d(?:\.\d)?", "…"),
    (r"\b\d+(?= (?:bytes|events|seconds|s)\b)", "…"),
    (r"…(?:[\s…]*…)", "…"),
]]  # fmt: skip
# What many faults write, though one page alone may publish it: it counts only beside another line of its row.
BESIDE = re.compile(
    r"jupyterhub\.service: Main process exited|nginx: configuration file .* test failed|AH00526: Syntax error|File Save Error for"
    r"|500 (GET|POST) …/hub/(spawn|login|oauth_callback\?…)$|Uncaught exception (GET|POST) |(500 : )?Internal Server Error$"
    r"|Saving failed|You can try restarting your server|Failed to load resource: .* status of (403|404|500) "
)
# Of a longer pattern, the middle is left out; so much is its end.
LONGEST, END = 130, 50
# With fewer letters and digits, a line says nothing even where it stands alone.
SHORTEST = 6


def pattern(line: str) -> str:
    """A line with "…" in the place of what is a hub's own; "" if too little is left."""
    made = line.strip()
    for own, instead in OWN:
        made = own.sub(instead, made)
    if len(made) > LONGEST:
        made = f"{made[: LONGEST - END].rpartition(' ')[0]} … {made[-END:].partition(' ')[2]}"
    return made if hubcheck.weight(made) >= SHORTEST else ""


def told(place: str, line: str) -> bool:
    """Whether a line of a symptom.txt is one to look for: not one in which the check tells of its own requests, causes or pages."""
    return place != CHECKED or not re.match(r"✗|  Likely cause:|  Read: |.* -> ", line)


def elsewhere() -> Iterable[tuple[str, str]]:
    """The lines that other pages are about, with those pages: (page, line). ValueError for a row of another kind."""
    table = (ATLAS / "index.md").read_text("utf-8").partition("## Elsewhere in this guide")[2]
    for row in re.findall(r"^\| .*\]\(.*$", table, re.M):
        if not (found := re.fullmatch(r"\| (.*?) \| \[[^\]]*\]\((?:\.\./(\S+?)|(\S+?)/index)\.md(#\S+)?\) \|", row)):
            raise ValueError(f"{ATLAS.name}/index.md: this row has no line and one link to a page: {row}")
        cell, page, entry, anchor = found.groups(default="")
        for line in re.findall(r"`([^`]+)`", cell):
            yield f"{page or f'{ATLAS.name}/{entry}'}{anchor}", line


def published() -> dict[str, list[str]]:
    """The patterns of each page, by the line above them in KNOWN, in the order of the files."""
    heads: dict[str, list[str]] = {}
    for entry in entries():
        lines = symptoms(entry.folder / "symptom.txt")
        page = f"troubleshooting/{entry.name}"
        named = [*dict.fromkeys(line.split()[1] for place, _, _, line in lines if place == CHECKED and line.startswith("  Read: "))]
        head = " ".join([page, entry.rung, *(named if named != [page] else [])])
        heads[head] = [line for place, _, _, line in lines if told(place, line)]
    for page, line in elsewhere():
        heads.setdefault(page, []).append(line)
    return {head: [*dict.fromkeys(filter(None, map(pattern, lines)))] for head, lines in heads.items()}


def healthy(patterns: Iterable[str]) -> set[str]:
    """Those of the patterns that good deployments print as well, so that they tell nothing."""
    said = [text for name, places in captures.captured().items() if name.startswith(captures.GOOD) for text in places.values()]
    rows = [(captures.GOOD, "", [*dict.fromkeys(patterns)])]
    return {one for text in said for one in hubcheck.found([text], rows)}


def table() -> str:
    """What stands between the quotes of KNOWN."""
    heads = published()
    useless = healthy(one for lines in heads.values() for one in lines)
    kept = {head: [one for one in lines if one not in useless] for head, lines in heads.items()}
    return "".join(
        "\n".join([head, *(f"  {'+' if BESIDE.match(one) else ' '} {one}" for one in lines)]) + "\n" for head, lines in kept.items()
    )


def main() -> int:
    text = PART.read_text("utf-8")
    made = TABLE.sub(lambda _: table(), text, count=1)
    PART.write_text(made, "utf-8")
    print(f"{PART.relative_to(ROOT)}: {'as it was' if made == text else 'written'}")
    return one_script.main()


if __name__ == "__main__":
    takes_nothing("measuring.known")
    try:
        sys.exit(main())
    except (Unclear, OSError, ValueError) as trouble:
        sys.exit(f"error: {trouble}")
