"""`make mutants` reports by line which changes of a script no test notices, and tries no change twice."""

import json
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.harness.measuring import mutants

SCRIPT = '''"""A script."""


class Sum:
    # A comment above.
    def __init__(self, first):
        self.first = first

    def with_(self, second):
        """Two lines."""
        return sum(
            [self.first, second],
        )


def half(number):
    if number > 4:
        return "large"
    return number // 2
'''
TEST = """from snippets.check import small

def test_sum():
    assert small.Sum(2).with_(3) == 5

def test_half():
    assert repr(small.half(4)) == '2'
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree with a script of two functions, and a test that runs only one of its branches."""
    for name, text in {"snippets/check/small.py": SCRIPT, "tests/test_small.py": TEST}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text, "utf-8")
    settings = mutants.SETTINGS.replace(mutants.SCRIPT, "check/small.py").replace(f', "{mutants.LOG_TEST}"', "")
    settings = settings.replace(mutants.TEST, "tests/test_small.py")
    for name, value in {
        "ROOT": tmp_path,
        "FOLDER": tmp_path / "build/mutmut",
        "FILE": tmp_path / "build/mutants.json",
        "SCRIPT": "check/small.py",
        "TEST": "tests/test_small.py",
        "NEEDED": ["tests/test_small.py"],
        "SETTINGS": settings,
    }.items():
        monkeypatch.setattr(mutants, name, value)
    return tmp_path


def test_what_no_test_notices_is_told_by_line_and_nothing_is_tried_twice(tree, capfd):
    assert mutants.main([]) == 0
    told = json.loads((tree / "build/mutants.json").read_text("utf-8"))
    assert told["files"] == {"check/small.py": mutants.digest(tree / "snippets/check/small.py")}
    assert told["all"] == sum(told["counts"].values()) > 5
    assert [(row["line"], row["function"], row["became"]) for row in told["survivors"]] == [
        (17, "half", "if number > 5:"),
        (18, "half", 'return "LARGE"'),
        (18, "half", 'return "XXlargeXX"'),
    ]
    assert told["counts"]["survived"] == 3
    assert "build/mutants.json: " in capfd.readouterr().out

    before = mutants.results()
    mutants.prepare()
    assert (mutants.results(), mutants.chosen(100)) == (before, [])
    with (tree / "tests/test_small.py").open("a", encoding="utf-8") as file:
        file.write("\n\ndef test_large():\n    assert small.half(5) == 'large'\n")
    mutants.prepare()
    assert mutants.results() == {}, "the tests are others, and what was found by the old ones counts no more"


def test_where_hubcheck_is_changed_its_tests_have_all_that_they_import_and_read(tmp_path, monkeypatch):
    """mutmut copies what it is told to, and tests/; the test that is run there reads a file of the root."""
    monkeypatch.setattr(mutants, "FOLDER", tmp_path / "laid out")
    mutants.prepare()
    there = tmp_path / "mutants"
    for name in (*tomllib.loads(mutants.SETTINGS)["tool"]["mutmut"]["also_copy"], "tests", "pyproject.toml", f"snippets/{mutants.SCRIPT}"):
        source, target = mutants.FOLDER / name, there / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
    command = [sys.executable, "-m", "pytest", "-q", "-k", "which_release", mutants.TEST, mutants.LOG_TEST]
    done = subprocess.run(command, cwd=there, capture_output=True, text=True)
    assert "\n1 passed, " in done.stdout, done.stdout + done.stderr
