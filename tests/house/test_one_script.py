"""The published hubcheck.py is exactly its modules, joined; modules that cannot be joined are named."""

import difflib
import re

import hubcheck
import pytest
from hubcheck import command_line

from snippets.check import hubcheck as published
from tests.harness import one_script
from tests.harness.manifest import ROOT

# In lines, of a part that somebody wrote.
LONGEST = 400
GENERATED = {"known_lines"}
# A small package, and the file that is made of it.
PACKAGE = {
    "__main__": '''#!/usr/bin/env python3
"""Do it.

Or not.
"""

import sys

from .the_second import do

sys.exit(do())
''',
    "first": '''"""What comes first."""

import re
from time import sleep

# One more than needed.
PARTS = 3  # in all


def wait():
    sleep(len(re.escape(".")))
''',
    "the_second": '''"""What follows.

It is short.
"""

from __future__ import annotations

import re
from time import monotonic, sleep

from .first import PARTS, wait


def do() -> int | None:
    """A sum."""
    wait()
    sleep(monotonic())
    return PARTS if re.escape("a") else None
''',
}
FILE = '''#!/usr/bin/env python3
"""Do it.

Or not.
"""

from __future__ import annotations

import re
import sys
from time import monotonic, sleep

# FIRST
# What comes first.

# One more than needed.
PARTS = 3  # in all


def wait():
    sleep(len(re.escape(".")))


# THE SECOND
# What follows.
#
# It is short.


def do() -> int | None:
    """A sum."""
    wait()
    sleep(monotonic())
    return PARTS if re.escape("a") else None


sys.exit(do())
'''


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A package of two parts, and the file that is made of it."""
    monkeypatch.setattr(one_script, "PACKAGE", tmp_path)
    monkeypatch.setattr(one_script, "ROOT", tmp_path)
    monkeypatch.setattr(one_script, "SCRIPT", tmp_path / "made.py")
    monkeypatch.setattr(one_script, "PARTS", ("first", "the_second"))
    for name, text in PACKAGE.items():
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
    (tmp_path / "made.py").write_text("old\n", "utf-8")
    return tmp_path


def test_the_published_script_is_what_its_parts_make():
    there, made = one_script.SCRIPT.read_text("utf-8"), one_script.joined()
    changed = [*difflib.unified_diff(there.splitlines(True), made.splitlines(True), "published", "of its parts", n=0)]
    assert not changed, (
        "snippets/check/hubcheck.py is not what hubcheck/ makes. Change the parts alone, and run: make hubcheck\n" + "".join(changed)
    )


def test_every_module_is_a_part_with_a_place_and_fits_one_head():
    files = {path.stem: path.read_text("utf-8") for path in (ROOT / "hubcheck").glob("*.py")}
    assert sorted(files) == sorted(["__init__", "__main__", *hubcheck.PARTS])
    assert not {name: text.count("\n") for name, text in files.items() if text.count("\n") > LONGEST and name not in GENERATED}


@pytest.mark.parametrize(
    ("page", "begins", "pattern"),
    [("deploy/check-script.md", "## What it is made of", r"`([A-Z ]+)`"), ("CONTRIBUTING.md", "## The check", r"`([a-z_]+)`")],
)
def test_who_reads_of_the_parts_finds_all_of_them_in_their_order(page, begins, pattern):
    text = (ROOT / page).read_text("utf-8").partition(f"\n{begins}\n")[2].partition("\n## ")[0]
    listed = "\n".join(re.findall(r"^(?:\| `.*?\||- `.*?:)", text, re.M))
    assert [name.lower().replace(" ", "_") for name in re.findall(pattern, listed)] == [*hubcheck.PARTS]


def test_parts_are_joined_as_they_are_written(small, capsys):
    assert one_script.main() == 0
    assert (small / "made.py").read_text("utf-8") == FILE
    assert one_script.main() == 0
    assert capsys.readouterr().out == "made.py: written\nmade.py: as it was\n"


# A change to a part, and what is said then: (part, text, its replacement, words).
UNFIT = {
    "a part after it": ("first", "import re\n", "import re\nfrom .the_second import do\n", "first.py:4: parts import from those before"),
    "itself": ("first", "import re\n", "import re\nfrom .first import PARTS\n", "first.py:4: parts import from those before"),
    "another name": ("the_second", "PARTS, wait", "PARTS as P, wait", "the_second.py:11: parts import from those before"),
    "a late import": ("first", "  # in all\n", "  # in all\nimport sys\n", "first.py:8: all imports come first"),
    "an inner import": ("the_second", "    wait()", "    from .first import wait\n    wait()", "the_second.py:16: all imports come first"),
    "no Python": ("first", "def wait():", "def wait()", "first.py:10: expected ':'"),
    "nor to a compiler": ("the_second", "def do", "return\n\n\ndef do", "the_second.py:14: 'return' outside function"),
    "a function twice": ("first", "def wait", "def do():\n    pass\n\n\ndef wait", "the_second.py: do is a name in first.py too"),
    "a constant twice": ("first", "PARTS = 3", "PARTS, do = 3, 4", "the_second.py: do is a name in first.py too"),
}


@pytest.mark.parametrize(("name", "was", "becomes", "words"), UNFIT.values(), ids=UNFIT)
def test_parts_that_cannot_be_joined_are_named_and_nothing_is_written(small, capsys, name, was, becomes, words):
    text = (small / f"{name}.py").read_text("utf-8")
    assert was in text
    (small / f"{name}.py").write_text(text.replace(was, becomes, 1), "utf-8")
    assert one_script.main() == 1
    assert capsys.readouterr().err.startswith(f"error: hubcheck/{words}")
    assert (small / "made.py").read_text("utf-8") == "old\n"


def answered(main, capsys, *given):
    """What a command line ends with and prints."""
    try:
        status = main([*given])
    except SystemExit as ended:
        status = ended.code
    return status, capsys.readouterr()


def test_the_parts_do_what_the_script_does(tmp_path, capsys):
    """So that a part can be tried without joining it: python -m hubcheck"""
    log = tmp_path / "hub.log"
    log.write_text("".join(f"{line.replace('…', '7')}\n" for _, _, lines in published.known() for line in lines), "utf-8")
    for given, status in ((["--help"], 0), (["--log", str(log)], 1), (["hub.example.com"], 2)):
        done = answered(command_line.main, capsys, *given)
        assert done == answered(published.main, capsys, *given)
        assert done[0] == status
        assert done[1].out or done[1].err
