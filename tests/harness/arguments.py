"""What the harness' commands take on their command line; what is wrong ends them in one line, before they start anything."""

from __future__ import annotations

import argparse
import sys


def from_one_on(text: str) -> int:
    """A number from 1 on, as a `type` of argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 on")
    return int(text)


def takes_nothing(module: str) -> None:
    """End a command that takes nothing, such as "measuring.known", if it has been given something."""
    if sys.argv[1:]:
        sys.exit(f"usage: python -m tests.harness.{module}")
