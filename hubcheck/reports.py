"""Prints the results: as lines for a person, as one line for a timer, and as JUnit XML."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from xml.etree import ElementTree

from .responses import visible
from .verdicts import judged


def teller():
    """A function that shows what goes on in one line that it writes over; only for a person who watches."""
    watched = sys.stderr.isatty()

    def tell(text: str) -> None:
        with suppress(OSError):  # a terminal that is closed
            if watched:
                print(f"\r\033[K{'… ' if text else ''}{visible(text[:70])}", end="", file=sys.stderr, flush=True)

    return tell


def show(result: dict, guide: str = "") -> None:
    """Print one rung for a person; in colours on a terminal."""
    colour, plain_again = ("\033[32m" if result["ok"] else "\033[31m", "\033[0m") if coloured() else ("", "")
    print(f"{colour}{'✓' if result['ok'] else '✗'} {result['rung']}{plain_again} ({result['seconds']:.1f} s)")
    for line in result["evidence"]:
        print(f"    {in_a_line(line)}")
    if not result["ok"]:
        print(f"    {in_a_line(result['said'])}")
        for line in judged(result, guide):
            print(f"  {line}")
    sys.stdout.flush()


def warn(result: dict, guide: str = "") -> None:
    """Print a rung that failed in one line, for a log; of one that holds nothing."""
    if not result["ok"]:
        print(in_a_line(" ".join([f"{result['rung']} fails: {result['said']}", *judged(result, guide)])), flush=True)


def in_a_line(text: str) -> str:
    """What a server or a kernel has said, as a line of a terminal, which obeys nothing of it."""
    return visible(" ".join(text.split()))


def coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def junit(url: str, results: list[dict]) -> bytes:
    """The results as CI systems read them: a test case for each rung."""
    failures = sum(not result["ok"] for result in results)
    seconds = sum(result["seconds"] for result in results)
    suite = ElementTree.Element("testsuite", name=f"hubcheck {url}", tests=str(len(results)), failures=str(failures), time=f"{seconds:.2f}")
    for result in results:
        case = ElementTree.SubElement(suite, "testcase", classname="hubcheck", name=result["rung"], time=f"{result['seconds']:.2f}")
        if not result["ok"]:
            failure = ElementTree.SubElement(case, "failure", message=printable(result["said"]))
            failure.text = printable("\n".join(judged(result)))
        ElementTree.SubElement(case, "system-out").text = printable("\n".join(result["evidence"]))
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)


def printable(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text)
