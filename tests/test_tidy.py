"""The linters are content, and the tree holds nothing that belongs to one machine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.manifest import ROOT

BIN = Path(sys.executable).parent
WORKFLOWS = " ".join(sorted(str(path.relative_to(ROOT)) for path in (ROOT / ".github/workflows").iterdir()))
LINTERS = {
    "ruff check": "ruff check .",
    "ruff format": "ruff format --check .",
    "codespell": "codespell",
    "yamllint": "yamllint --strict .github .readthedocs.yaml",
    "workflows": f"check-jsonschema --builtin-schema vendor.github-workflows {WORKFLOWS}",
    "readthedocs": "check-jsonschema --builtin-schema vendor.readthedocs .readthedocs.yaml",
    "zizmor": "zizmor --offline --quiet --no-progress .github",
    "rumdl": "rumdl check --no-cache .",
}


@pytest.mark.parametrize("command", LINTERS.values(), ids=LINTERS)
def test_the_linter_is_content(command):
    program, *arguments = command.split()
    done = subprocess.run([BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert not done.returncode, done.stdout + done.stderr


def tracked():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in names.stdout.split("\n") if name]


def test_no_file_names_a_folder_of_one_machine():
    home = re.compile(rf"{re.escape(str(ROOT))}\b|/Users/\w+|/home/(?!alice|bob|carol|mallory)\w+/")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked()
        if path.suffix not in (".png", ".ico")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if home.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_lock_holds_hashes_and_no_addresses():
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    assert "://" not in lock
    pins = re.findall(r"^[\w.\-\[\]]+==", lock, re.M)
    assert len(pins) == len(re.findall(r"^[\w.\-\[\]]+==[^\n]*\\\n +--hash=sha256:", lock, re.M)) > 50


def test_the_readme_names_every_file_of_tests():
    told = (ROOT / "README.md").read_text("utf-8")
    lacking = [path.name for path in sorted((ROOT / "tests").glob("test_*.py")) if f"`{path.name}`" not in told]
    assert not lacking, f"README.md: does not say what is in {lacking}"
