"""Whatever `make test` leaves out is covered by another row: each pair of values occurs, and each name in weekly.toml is a test."""

import functools
import itertools
import os
import subprocess
import sys
import tomllib

import pytest

from tests.harness.manifest import HOMES, HUBS, PROXIES, ROOT, VERSIONS
from tests.harness.pairs import EACH_ONCE, LISTED, WHEREVER, concerned, covering, in_turn, listed, met, pairs, the_first

ROWS = {
    "each with each": [*itertools.product("abc", "12", "xyz", "+-")],
    "some do not go together": [
        (proxy, kind, hub) for proxy in PROXIES for kind in PROXIES[proxy].servers for hub in HUBS if hub in VERSIONS["jupyterhub"]
    ],
    "a pair": [("a", 1)],
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_every_pair_that_can_meet_does_in_fewer_rows(rows):
    chosen = covering(rows)
    assert set(chosen) <= set(rows)
    assert met(chosen) == met(rows)
    assert len(chosen) < len(rows) or len(rows) == 1
    assert covering(rows) == chosen


def weekly(params):
    return [param.values for param in params if any(mark.name == "weekly" for mark in param.marks)]


def test_rows_that_no_pair_needs_run_once_a_week():
    rows = ROWS["each with each"]
    marked = weekly(pairs(rows))
    assert sorted(marked) == sorted(set(rows) - set(covering(rows)))


def test_of_rows_that_are_alike_one_runs_every_time_and_they_take_turns():
    alike = ["first", "second", "third"]
    left = weekly(in_turn([(one, way) for one in alike for way in "ab"]))
    assert left == [("first", "b"), ("second", "a"), ("third", "b")]
    assert weekly(in_turn([(1, "x"), (2, "x"), (3, "y")], by=lambda row: row[1])) == [(2, "x")]


def test_every_debian_and_every_proxy_is_among_the_rows_for_a_pages_commands_and_one_row_runs_every_time():
    assert sorted(WHEREVER) == sorted(itertools.product(HOMES, PROXIES))
    assert {suite for suite, _ in EACH_ONCE} == set(HOMES)
    assert {proxy for _, proxy in EACH_ONCE} == set(PROXIES)
    for rows in (WHEREVER, EACH_ONCE):
        assert weekly(the_first(rows)) == [(row,) for row in rows[1:]]
        assert rows[0][0] == HOMES[-1], "what is new is looked at every time"
    assert [param.id for param in the_first(["a", ("b", "c")])] == ["a", "b-c"]


def collect(**environment):
    command = [sys.executable, "-m", "pytest", "--no-machines", "--collect-only", "-q"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"WHOLE": "", "SINCE": ""} | environment)


@functools.cache
def collected(**environment):
    return {line for line in collect(**environment).stdout.splitlines() if "::" in line}


def test_every_name_that_is_listed_is_a_test_and_runs_in_the_whole_run_alone():
    every, time = collected(WHOLE="1"), collected()
    for name in listed():
        found = {test for test in every if name.fullmatch(test)}
        assert found, f"tests/weekly.toml: no test is called {name.pattern}"
        assert not found & time
    assert time < every
    assert all(len(row["seen"]) > 40 for row in tomllib.loads(LISTED.read_text("utf-8"))["weekly"])


def test_what_a_change_is_about_is_its_own_tests_and_those_named_for_its_page():
    changed = [
        "deploy/existing-site.md",
        "tests/deploy/test_slow_uploads.py",
        "snippets/nginx/jupyterhub.conf",
        "deploy/glossary.md",
        "README.md",
    ]
    assert concerned(changed) == {"tests/deploy/test_existing_site.py", "tests/deploy/test_slow_uploads.py"}


@pytest.mark.parametrize("tool", ["tests/harness/pairs.py", "tests/conftest.py", "_ext/search.py"])
def test_a_change_of_a_tool_is_about_all_that_proves_the_tools(tool):
    about = concerned([tool])
    assert {"tests/house/test_bad_input.py", "tests/site/test_walk_rules.py"} <= about
    assert not any(path.startswith("tests/deploy/") for path in about)


def test_all_rows_of_what_has_changed_since_a_commit_run(tmp_path):
    """The commit is that of the tree without one file of tests, and lies beside the history."""

    def git(*arguments):
        own = os.environ | {"GIT_INDEX_FILE": str(tmp_path / "index")}
        return subprocess.run(["git", *who, *arguments], cwd=ROOT, capture_output=True, text=True, env=own, check=True).stdout.strip()

    who = ("-c", "user.name=A test", "-c", "user.email=test@example.com")
    name = "tests/deploy/test_slow_uploads.py"
    git("read-tree", "HEAD")
    git("add", "--update", "--", ":/")
    git("rm", "--cached", "--quiet", "--", name)
    commit = git("commit-tree", "-m", "without it", git("write-tree"))
    more = collected(SINCE=commit) - collected()
    assert more == {test for test in collected(WHOLE="1") if test.startswith(f"{name}::")}
    assert more


def test_a_commit_that_is_not_there_is_named():
    done = collect(SINCE="nowhere")
    assert done.returncode == 4
    assert "SINCE=nowhere: fatal: bad revision 'nowhere'" in done.stderr + done.stdout
