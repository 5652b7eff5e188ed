"""`make mutants`: whether hubcheck's tests notice small changes to it; runs mutmut, and writes build/mutants.json.

`--sample N` tries N mutants, chosen by chance and each time the same. What was tried before is not tried again, unless hubcheck's
function, or anything that the tests stand on, has changed since. _ext/mutants.py tells what the file holds, and shows it.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import datetime
import difflib
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from _ext.evidence import digest
from _ext.manifest import FACTS
from tests.harness.arguments import from_one_on
from tests.harness.json_files import write_json
from tests.harness.manifest import BUILD, EVERY_PROXY, ROOT

FILE = BUILD / "mutants.json"
# mutmut works in a folder of its own, with what the tests need and nothing else.
FOLDER = BUILD / "mutmut"
SCRIPT = "check/hubcheck.py"
# What is known of each reverse proxy, in a folder of its own: the tests read it before they begin.
FOLDERS = [f"snippets/{name}" for name in EVERY_PROXY]
TEST = "tests/troubleshooting/test_check_fast.py"
LOG_TEST = "tests/troubleshooting/test_log_fast.py"
NEEDED = [
    TEST,
    LOG_TEST,
    "tests/troubleshooting/recorded.json",
    "tests/__init__.py",
    "tests/harness/__init__.py",
    "tests/harness/fuzzing.py",
    "tests/harness/manifest.py",
    "tests/harness/releases.py",
    "tests/harness/machines/__init__.py",
    "tests/harness/machines/replay.py",
    "snippets/manifest.toml",
    *(f"{folder}/{FACTS}" for folder in FOLDERS),
    "releases.toml",
    "_ext/atlas.py",
    "_ext/manifest.py",
    "_ext/showing.py",
    "requirements.txt",
]
# A mutant that waits for ever is given twice the time of its tests, and some seconds.
SETTINGS = f"""[tool.pytest.ini_options]
addopts = ["-p", "no:nbval", "-p", "no:rerunfailures", "-p", "no:xdist", "-p", "no:cacheprovider", "--import-mode=importlib"]
pythonpath = ["."]

[tool.mutmut]
source_paths = ["snippets/{SCRIPT}"]
also_copy = {json.dumps(["_ext", "releases.toml", "snippets/manifest.toml", *FOLDERS, "troubleshooting"])}
pytest_add_cli_args_test_selection = ["{TEST}", "{LOG_TEST}"]
timeout_multiplier = 2.0
timeout_constant = 4.0
use_git_change_detection = false
on_dependency_change = "ignore"
"""


def prepare() -> None:
    """Lay out the folder in which mutmut works; what was tried there counts no more if the tests have changed."""
    needed = [*NEEDED, *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "troubleshooting").glob("*/symptom.txt")))]
    held = hashlib.sha256("".join([SETTINGS, *(digest(ROOT / name) for name in needed)]).encode()).hexdigest()
    seen = FOLDER / "tests.sha256"
    if not seen.exists() or seen.read_text("utf-8") != held:
        shutil.rmtree(FOLDER, ignore_errors=True)
    for name in (*needed, f"snippets/{SCRIPT}"):
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        if digest(FOLDER / name) != digest(ROOT / name):
            # Its time is that of now: mutmut takes a file for changed by its time.
            shutil.copyfile(ROOT / name, FOLDER / name)
            (FOLDER / "mutants" / name).unlink(missing_ok=True)
    (FOLDER / "pyproject.toml").write_text(SETTINGS, "utf-8")
    seen.write_text(held, "utf-8")


def mutmut(*arguments: str) -> int:
    """Run mutmut in its folder, where it shows its progress; its exit status."""
    # It measures the time of the tests without what this process was given for its own.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    running = subprocess.Popen([Path(sys.executable).with_name("mutmut"), *arguments], cwd=FOLDER, env=kept)
    while True:
        # Whoever interrupts it interrupts mutmut, which ends in order; what it has found by then is written.
        with contextlib.suppress(KeyboardInterrupt):
            return running.wait()


def results() -> dict[str, str]:
    """What became of each mutant, by mutmut's name for it; "not checked" if it was not tried."""
    from mutmut.stats import status_by_exit_code

    meta = FOLDER / f"mutants/snippets/{SCRIPT}.meta"
    found = json.loads(meta.read_text("utf-8"))["exit_code_by_key"] if meta.exists() else {}
    return {name: status_by_exit_code[status] for name, status in found.items()}


def difference(name: str) -> dict:
    """A mutant as a line of the script: its number, the function that it is in, and what the line becomes."""
    import libcst
    from mutmut.mutation.diff_apply import read_functions_from_index
    from mutmut.utils.format_utils import orig_function_and_class_names_from_key

    with contextlib.chdir(FOLDER):
        was, became = (libcst.Module([function]).code.splitlines() for function in read_functions_from_index(name, f"snippets/{SCRIPT}"))
    function, of = orig_function_and_class_names_from_key(name)
    tree = ast.parse((FOLDER / f"snippets/{SCRIPT}").read_text("utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == of) if of else tree.body
    begins = next(node.lineno for node in body if isinstance(node, ast.FunctionDef) and node.name == function)
    above = next(number for number, line in enumerate(was) if line.lstrip().startswith("def "))
    _, start, _, first, last = next(step for step in difflib.SequenceMatcher(None, was, became, False).get_opcodes() if step[0] != "equal")
    text = " ".join(line.strip() for line in became[first:last]) or "(gone)"
    return {"line": begins + start - above, "function": f"{of}.{function}" if of else function, "became": text}


def write() -> dict:
    """Write what was found so far; it is returned too."""
    found = results()
    counts = Counter(status for status in found.values() if status not in ("not checked", "check was interrupted by user"))
    survivors = [difference(name) for name, status in found.items() if status == "survived"]
    told = {
        "files": {SCRIPT: digest(FOLDER / f"snippets/{SCRIPT}")},
        "date": datetime.date.today().isoformat(),
        "mutmut": importlib.metadata.version("mutmut"),
        "all": len(found),
        "counts": dict(counts.most_common()),
        "survivors": sorted(survivors, key=lambda it: (it["line"], it["became"])),
    }
    write_json(FILE, told)
    return told


def chosen(size: int) -> list[str]:
    """So many mutants, chosen by chance and each time the same, of which those that were not tried yet."""
    found = results()
    some = sorted(found, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:size]
    return [name for name in some if found[name] in ("not checked", "check was interrupted by user")]


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description="Whether the tests of hubcheck notice what is changed in it.")
    parser.add_argument("--sample", type=from_one_on, metavar="N", help="try so many mutants only, chosen by chance")
    parser.add_argument("--jobs", type=from_one_on, default=1, help="how many at a time")
    options = parser.parse_args(given)
    if digest(ROOT / TEST) == "":
        parser.error(f"no such file: {TEST}")
    prepare()
    some: list[str] = []
    if options.sample:
        # One mutant first: with it come the names of all.
        if not results() and (status := mutmut("run", "--max-children", str(options.jobs), "*x_coloured__mutmut_1")):
            return status
        some = chosen(options.sample)
    if some or not options.sample:
        status = mutmut("run", "--max-children", str(options.jobs), *some)
        if status:
            return status
    told = write()
    noticed, tried = told["counts"].get("killed", 0) + told["counts"].get("timeout", 0), sum(told["counts"].values())
    print(f"{FILE.relative_to(ROOT)}: {noticed} of {tried} noticed, {len(told['survivors'])} survive; there are {told['all']} mutants")
    return 0


if __name__ == "__main__":
    sys.exit(main())
