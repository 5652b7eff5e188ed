"""Chooses the rows of a product that run every time, so that each pair of values occurs once; the others run in `make test-all`."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import tomllib
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import covertable
import pytest

from tests.harness.manifest import EVERY_PROXY, NEWEST_ON, PROXIES, ROOT

LISTED = Path(__file__).resolve().parents[1] / "weekly.toml"
# Whether all rows run, as `make test-all` has it.
WHOLE = os.environ.get("WHOLE") == "1"
# Of the files of tests that have changed since this commit, or whose page or tools have, all rows run.
SINCE = os.environ.get("SINCE", "")
# Tools of the tests and of the site's build, and the tests that prove them.
TOOLS = ("tests/harness/", "tests/conftest.py", "_ext/", "conf.py", "pyproject.toml")
PROVE_TOOLS = ("tests/house/", "tests/site/")
# Whether only the newest of everything is asked, as `make check` has it.
QUICK = os.environ.get("QUICK") == "1"
# On pytest's configuration, the names of the tests that are left out of this run.
LEFT_OUT = pytest.StashKey[set]()
WEEKLY = pytest.mark.weekly("each pair of its values meets in another row")
FURTHER = pytest.mark.weekly("of a further proxy, what runs every time is that it takes its files, and a climb")
# The Debian release of the hub's machine, and the reverse proxy in front: all that a page's commands have to be true for.
WHEREVER = [(suite, proxy) for suite in NEWEST_ON for proxy in PROXIES]
# The same for a page that has the same commands for every reverse proxy: each release with another.
EACH_ONCE = list(zip(NEWEST_ON, itertools.cycle(PROXIES), strict=False))


def marks(proxy: str) -> list[pytest.MarkDecorator]:
    """Those of a row of a test that runs every time for the reverse proxies of every page, and weekly for the further ones."""
    return [] if proxy in PROXIES else [FURTHER]


def listed() -> list[re.Pattern[str]]:
    """The names of the tests in tests/weekly.toml; a star stands for anything."""
    rows = tomllib.loads(LISTED.read_text("utf-8"))["weekly"]
    return [re.compile(re.escape(name).replace(r"\*", ".*")) for row in rows for name in row["tests"]]


def concerned(changed: Iterable[str]) -> set[str]:
    """The files of tests that changed paths are about.

    They are those that have changed, those that are named for a page that has, and, if a tool of the tests or of the site's build has,
    those that prove the tools.
    """
    changed = {*changed}
    there = {path.stem: str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("tests/*/test_*.py"))}
    named = {f"test_{Path(path).stem.replace('-', '_')}" for path in changed if path.endswith(".md")}
    tools = any(path.startswith(TOOLS) for path in changed)
    proving = {path for path in there.values() if tools and path.startswith(PROVE_TOOLS)}
    return {there[name] for name in named & there.keys()} | (changed & {*there.values()}) | proving


def changed_since(commit: str) -> list[str]:
    """The paths that have changed since a commit, in the tree as it lies here. ValueError with git's words if there is none."""
    done = subprocess.run(["git", "diff", "--name-only", commit, "--"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(done.stderr.strip().splitlines()[0])
    return done.stdout.splitlines()


def met(rows: Sequence[tuple]) -> set[tuple]:
    """The pairs of values that meet in rows: (axis, value, other axis, other value)."""
    return {(one, row[one], other, row[other]) for row in rows for one in range(len(row)) for other in range(one + 1, len(row))}


def covering(rows: Sequence[tuple]) -> list[tuple]:
    """Rows in which all pairs of values meet that meet in any, by covertable's greedy choice, which is the same each time."""
    given = list(dict.fromkeys(rows))
    axes = [list(dict.fromkeys(row[axis] for row in given)) for axis in range(len(given[0]))]
    fields = list(range(len(axes)))
    allowed = {"operator": "fn", "requires": fields, "evaluate": lambda row: tuple(row[field] for field in fields) in given}
    chosen = [tuple(row) for row in covertable.make(axes, constraints=[allowed])]
    # What the constraint kept from meeting there meets in the first row that has it.
    for row in given:
        if met([row]) - met(chosen):
            chosen.append(row)
    return chosen


def _marked(rows: Sequence[Any], every_time: Sequence[bool]) -> list[Any]:
    params = [row if hasattr(row, "marks") else pytest.param(*row) for row in rows]
    return [
        param if runs else pytest.param(*param.values, id=param.id, marks=[*param.marks, WEEKLY])
        for param, runs in zip(params, every_time, strict=True)
    ]


def pairs(rows: Sequence[Any]) -> list[Any]:
    """Parameters for pytest, one for each row (a tuple, or a `pytest.param`): what no pair of values needs is marked `weekly`."""
    values = [tuple(map(str, getattr(row, "values", row))) for row in rows]
    chosen = covering(values)
    return _marked(rows, [row in chosen for row in values])


def further_weekly(rows: Iterable[Any]) -> list[Any]:
    """Parameters for pytest, one for each row: a reverse proxy's name, or a tuple that begins with it; see `marks`."""
    listed = [row if isinstance(row, tuple) else (row,) for row in rows]
    return [pytest.param(*row, marks=marks(row[0])) for row in listed]


def fronts(what: str = "") -> list[Any]:
    """Parameters of the fixture `front`: each reverse proxy with the published files, or with one of its `changes`."""
    files = {name: {"files": proxy.changed(what)} if what else {} for name, proxy in EVERY_PROXY.items()}
    return [pytest.param((name, options), id=name, marks=marks(name)) for name, options in files.items()]


def changed(what: str) -> pytest.MarkDecorator:
    """The fixture `front` as each reverse proxy with one of its `changes`."""
    return pytest.mark.parametrize("front", fronts(what), indirect=True)


def the_first(rows: Sequence[Any]) -> list[Any]:
    """Parameters for pytest, one for each row, a value or a tuple: the first runs every time, the others weekly."""
    values = [row if isinstance(row, tuple) else (row,) for row in rows]
    # A fixture's parameter is one value.
    params = [pytest.param(row, id="-".join(of)) for row, of in zip(rows, values, strict=True)]
    return _marked(params, [number == 0 for number in range(len(params))])


def in_turn(rows: Sequence[Any], by: Callable[[tuple], Hashable] = lambda values: id(values[0])) -> list[Any]:
    """Of the rows that are alike, by their first value or by what `by` says of them, one runs every time.

    It is now the first of those that are alike, now the second: where no pair has to meet.
    """
    groups: dict[Hashable, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(by(tuple(getattr(row, "values", row))), []).append(number)
    chosen = {group[turn % len(group)] for turn, group in enumerate(groups.values())}
    return _marked(rows, [number in chosen for number in range(len(rows))])
