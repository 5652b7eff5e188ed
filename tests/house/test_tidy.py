"""The linters find nothing, and no file depends on one machine."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.manifest import PUBLISHED, ROOT, snippets
from tests.harness.measuring import evidence

BIN = Path(sys.executable).parent
WORKFLOWS = " ".join(sorted(str(path.relative_to(ROOT)) for path in (ROOT / ".github/workflows").iterdir()))
FORMS = " ".join(sorted(str(path.relative_to(ROOT)) for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("[0-9]*.yml")))
LINTERS = {
    "ruff check": "ruff check .",
    "ruff format": "ruff format --check .",
    "codespell": "codespell",
    "yamllint": "yamllint --strict .ci .github .readthedocs.yaml CITATION.cff snippets/kubernetes snippets/workflow",
    "workflows": f"check-jsonschema --builtin-schema vendor.github-workflows {WORKFLOWS} snippets/workflow/hubcheck.yml",
    "action": "check-jsonschema --builtin-schema vendor.github-actions snippets/workflow/action.yml",
    "forms": f"check-jsonschema --builtin-schema vendor.github-issue-forms {FORMS}",
    "issues": "check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml",
    "readthedocs": "check-jsonschema --builtin-schema vendor.readthedocs .readthedocs.yaml",
    "zizmor": "zizmor --offline --quiet --no-progress .github snippets/workflow/action.yml",
    "rumdl": "rumdl check --no-cache .",
}


@pytest.mark.parametrize("command", LINTERS.values(), ids=LINTERS)
def test_the_linter_is_content(prove, command):
    program, *arguments = command.split()
    done = subprocess.run([BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert not done.returncode, done.stdout + done.stderr
    published = [name.removeprefix("snippets/") for name in arguments if name.startswith("snippets/")]
    if program == "check-jsonschema" and published:
        version = subprocess.run([BIN / program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
        prove(evidence.row("accepted", program, version, published))


def tracked():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in names.stdout.split("\n") if name]


def test_no_file_names_a_folder_of_one_machine():
    home = re.compile(rf"{re.escape(str(ROOT))}\b|/Users/\w+|/home/(?!alice|bob|carol|mallory)\w+/")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked()
        if path.suffix not in (".png", ".ico", ".xz")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if home.search(line)
    ]
    assert not found, "\n".join(found)


# Python looks for modules where it is started, unless -I stands before them.
LOOKS = re.compile(r"""python3?["']? +-(?!I)""")
# A script that reads its other files from there too has to be started in a folder of root's.
BELONGS = re.compile(r"in the folder that holds ")


def test_no_published_script_has_python_look_for_modules_where_it_is_started():
    scripts = [name for name in snippets() if name.endswith(".sh")]
    found = []
    for name in scripts:
        lines = PUBLISHED.read(name).splitlines()
        comments = [line for line in lines if line.startswith("#")]
        if BELONGS.search(" ".join(line.strip("# ") for line in comments)):
            continue
        moves = next((number for number, line in enumerate(lines, 1) if line.startswith("cd ")), len(lines))
        found += [f"{name}:{number}: {line}" for number, line in enumerate(lines[:moves], 1) if LOOKS.search(line)]
    assert scripts
    assert not found


def test_the_lock_holds_hashes_and_no_addresses():
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    assert "://" not in lock
    pins = re.findall(r"^[\w.\-\[\]]+==", lock, re.M)
    assert len(pins) == len(re.findall(r"^[\w.\-\[\]]+==[^\n]*\\\n +--hash=sha256:", lock, re.M)) > 50


# By package of the harness, those that it may import; the picture in CONTRIBUTING.md shows the same.
MAY_IMPORT = {
    "measuring": {"browsers", "machines", "on_server"},
    "site": {"measuring", "browsers", "machines"},
    "browsers": {"machines"},
    "machines": set(),
    "on_server": set(),
}
HARNESS = ROOT / "tests/harness"


def imported(file):
    """The modules that a file imports, anywhere in it, with the names that it takes out of each: "tests.harness.machines.engine"."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{one.name}" for one in node.names)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_parts_of_the_harness_import_as_the_picture_shows(package):
    modules = {name for file in (HARNESS / package).glob("*.py") for name in imported(file)}
    used = {name.split(".")[2] for name in modules if name.startswith("tests.harness.")}
    assert used - {package} - {path.stem for path in HARNESS.glob("*.py")} == MAY_IMPORT[package]
    picture = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    shown = re.findall(rf"^ +{package}(?:\[.*?\])? --> (.*)$", picture, re.M)
    assert {name for line in shown for name in line.split(" & ")} - {"manifest"} == MAY_IMPORT[package]


def test_each_file_of_the_tests_says_what_it_is_in_its_first_line():
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.read_text("utf-8") and path.parent.name != "bench"]
    assert not [str(path.relative_to(ROOT)) for path in files if not path.read_text("utf-8").startswith('"""')]
    assert {path.name for path in HARNESS.iterdir() if path.is_dir() and path.name != "__pycache__"} == MAY_IMPORT.keys()


def test_the_harness_never_asserts():
    """Nor does it if Python leaves assertions out."""
    trees = {path.relative_to(ROOT): ast.walk(ast.parse(path.read_text("utf-8"))) for path in HARNESS.rglob("*.py")}
    assert [f"{path}:{node.lineno}" for path, nodes in trees.items() for node in nodes if isinstance(node, ast.Assert)] == []
