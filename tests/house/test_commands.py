"""The commands of this repository: what is given wrongly ends at once, in one line, before anything is started."""

import contextlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest

from tests.harness.machines import images
from tests.harness.manifest import NEWEST, ROOT
from tests.harness.measuring import arrivals, durations, mutants, witness
from tests.harness.site import paper, vendor


def run(*command, **environment):
    """Run a command at the root of the tree, as a person would."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | environment, timeout=60)


def test_make_help_lists_each_command_with_what_debian_always_has(tmp_path):
    for name in ("sed", "awk"):
        (tmp_path / name).symlink_to(shutil.which(name))
    make = shutil.which("make")
    # The tests themselves may run in make, of which this one shall know nothing.
    done = run(make, "--no-print-directory", "help", PATH=str(tmp_path), MAKEFLAGS="", MAKELEVEL="0")
    assert done.stderr == ""
    told = re.findall(r"^([a-z-]+):.*## (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert [tuple(re.split(r" {2,}", line, maxsplit=1)) for line in done.stdout.splitlines()] == told
    assert {name for name, _ in told} >= {"site", "test", "witness", "clean"}


# Stands in for Python where a port is tried: it is refused.
REFUSES = f"""#!/bin/sh
exec {sys.executable} -c 'import socket, sys
def refuse(*_): raise PermissionError(13, "Permission denied")
socket.create_server = refuse
exec(sys.argv[2])' "$@"
"""


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("abc", "PORT=abc is no port"),
        ("99999", "PORT=99999 is no port"),
        ("", "PORT= is no port"),
        ("80", "port 80 is for root alone"),
    ],
)
def test_a_port_that_cannot_be_had_is_told_from_one_in_use(tmp_path, port, words):
    (tmp_path / "python").write_text(REFUSES, "utf-8")
    (tmp_path / "python").chmod(0o755)
    more = [f"BIN={tmp_path}"] if port == "80" else []
    done = run("make", "site", f"PORT={port}", *more)
    assert done.returncode
    assert done.stderr.splitlines()[0] == f"error: {words}: choose one from 1024 to 65535: make site PORT=8081"


@pytest.mark.parametrize("times", ["x", "0", "-1", "1.5", ""])
def test_fuzz_takes_a_number(tmp_path, times):
    (tmp_path / "python").write_text("#!/bin/sh\necho begins >&2\n", "utf-8")
    (tmp_path / "python").chmod(0o755)
    done = run("make", "fuzz", f"FUZZ={times}", f"BIN={tmp_path}")
    assert done.returncode
    assert done.stderr.splitlines()[0] == f"error: FUZZ={times} is no number from 1 on: make fuzz FUZZ=20"


@pytest.mark.parametrize("options", [["--sample", "0"], ["--sample", "-5"], ["--sample", "x"], ["--jobs", "0"]], ids=" ".join)
def test_mutants_takes_numbers_from_one_on(monkeypatch, capsys, options):
    monkeypatch.setattr(mutants, "prepare", lambda: pytest.fail("it begins"))
    with pytest.raises(SystemExit, match="2"):
        mutants.main(options)
    assert capsys.readouterr().err.splitlines()[-1] == f"make mutants: error: argument {options[0]}: {options[1]} is no number from 1 on"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nosuch"], "snippets/nosuch is no published file that has directives; there are apache/"),
        (["nginx/jupyterhub.conf:abc"], "nginx/jupyterhub.conf:abc: after the colon a line is named by its number"),
        (["nginx/jupyterhub.conf:99999"], "snippets/nginx/jupyterhub.conf:99999: no directive stands there"),
        (["nginx/jupyterhub.conf:1"], "snippets/nginx/jupyterhub.conf:1: no directive stands there"),
        (["--since", "nosuch"], "fatal: bad revision 'nosuch'|fatal: ambiguous argument 'nosuch'"),
        (["--jobs", "0"], "argument --jobs: 0 is no number from 1 on"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_witness_takes_what_there_is(monkeypatch, capsys, options, words):
    monkeypatch.setattr("sys.argv", ["witness", *options])
    monkeypatch.setattr(witness.engine, "ensure", lambda say: pytest.fail("an engine is started"))
    try:
        status = witness.main()
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert re.search(rf"error: ({words})", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("x 60", "argument USERS: x is no number from 1 on"),
        ("30 0", "argument SECONDS: 0 is no number from 1 on"),
        ("2", "argument USERS: 2 of them have a browser, so there are 3 at least"),
    ],
)
def test_a_class_takes_numbers_of_users_and_seconds(monkeypatch, capsys, given, words):
    monkeypatch.setattr(arrivals.engine, "ensure", lambda say: pytest.fail("an engine is started"))
    with pytest.raises(SystemExit, match="2"):
        arrivals.main(given.split())
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"arrivals: error: {words}")


@pytest.mark.parametrize(("given", "comes"), [("", (30, 60)), ("7", (7, 60)), ("7 5", (7, 5))])
def test_a_class_is_as_large_and_comes_as_fast_as_it_is_told(monkeypatch, given, comes):
    seen = []
    monkeypatch.setattr(arrivals.engine, "running", contextlib.nullcontext)
    monkeypatch.setattr(arrivals.images, "prepare", lambda wanted: None)
    monkeypatch.setattr(arrivals, "room", contextlib.nullcontext)
    answer = {"users": [{}], "browsers": [], "spent": {}}
    monkeypatch.setattr(arrivals, "arrive", lambda users, setting, span: seen.append((users, span)) or answer)
    arrivals.main(given.split())
    assert set(seen) == {comes}


def test_the_image_in_which_a_script_is_built_again_is_there_first(monkeypatch, tmp_path):
    """Where the tests have never run, there is none."""
    there, needed = [], images.hub(NEWEST)
    monkeypatch.setattr(vendor.engine, "running", contextlib.nullcontext)
    monkeypatch.setattr(vendor.images, "prepare", lambda wanted: there.extend(wanted))
    monkeypatch.setattr(vendor, "made", lambda name, given: f"{needed in there}, {given.package}\n")
    (tmp_path / "_static/vendor").mkdir(parents=True)
    (tmp_path / "_static/vendor/minisearch.js").write_bytes((vendor.FOLDER / "minisearch.js").read_bytes())
    monkeypatch.setattr(vendor, "FOLDER", tmp_path / "_static/vendor")
    monkeypatch.setattr(vendor, "ROOT", tmp_path)
    vendor.main(["minisearch.js", "minisearch@8.0.0"])
    assert (vendor.FOLDER / "minisearch.js").read_text("utf-8") == "True, minisearch@8.0.0\n"


def test_a_printed_file_without_places_is_told_in_one_line(tmp_path, monkeypatch):
    """As another Chromium might print it."""
    (tmp_path / "index.html").touch()
    page = SimpleNamespace(**dict.fromkeys(("route", "goto", "add_style_tag"), lambda *_, **_more: None))
    page.evaluate, page.pdf = lambda script: ["document-rest"], lambda **how: b"%PDF-1.4"
    monkeypatch.setattr(paper.engine, "running", contextlib.nullcontext)
    monkeypatch.setattr(paper.engine, "network", contextlib.nullcontext)
    monkeypatch.setattr(paper.images, "prepare", lambda wanted: None)
    chromium = SimpleNamespace(new_page=lambda **how: page)
    monkeypatch.setattr(paper.user_browser, "chromium", lambda network, names: contextlib.nullcontext(chromium))
    monkeypatch.setattr("sys.argv", ["paper", str(tmp_path), str(tmp_path / "book.pdf")])
    with pytest.raises(SystemExit, match=r"^error: the printed file names no places$"), warnings.catch_warnings(action="ignore"):
        runpy.run_module("tests.harness.site.paper", run_name="__main__")
    assert not (tmp_path / "book.pdf").exists()


def test_make_clean_says_that_measurements_go():
    assert "measured" in next(line for line in run("make", "help").stdout.splitlines() if line.startswith("clean "))


# (module, what it is given, the first line that it says)
MODULES = [
    (
        "site.vendor",
        "",
        r"usage: python -m tests\.harness\.site\.vendor FILE PACKAGE@VERSION; the files are minisearch\.js, modern-tar\.js",
    ),
    ("site.vendor", "nosuch.js nosuch@1", "usage: .*"),
    ("site.vendor", "minisearch.js minisearch@7.2.0", "error: no container engine answers: .*"),
    ("measuring.arrivals", "7 5", "error: no container engine answers: .*"),
    ("measuring.notebooks", "nosuch", r"usage: .*\.notebooks \[NAME\.\.\.\]; the names are .*\bfirst-blocks\b.*"),
    ("measuring.evidence", "", r"usage: python -m tests\.harness\.measuring\.evidence FILE"),
    ("measuring.evidence", "nosuch", "error: nosuch: no such file"),
    ("measuring.known", "nosuch", r"usage: python -m tests\.harness\.measuring\.known"),
    ("measuring.durations", "nosuch", "usage: .*"),
    ("browsers.policies", "nosuch", "usage: .*"),
    ("browsers.policies_elsewhere", "nosuch", r"usage: .*\.policies_elsewhere \[BROWSER\.\.\.\]; the browsers are .*"),
    ("browsers.pictures", "nosuch", "usage: .*"),
    ("one_script", "nosuch", "usage: .*"),
    ("site.cluster", "", r"usage: python -m tests\.harness\.site\.cluster FOLDER; .*"),
    ("site.cluster", "nosuch", "usage: .*"),
    ("site.reading", "nosuch", r"error: nosuch is no commit of this working copy"),
    ("releases", "", r"usage: python -m tests\.harness\.releases COMMIT"),
]


@pytest.mark.parametrize(("module", "given", "words"), MODULES, ids=[f"{module} {given}".strip() for module, given, _ in MODULES])
def test_a_module_that_is_given_what_it_cannot_use_says_so_and_does_nothing(tmp_path, monkeypatch, capfd, module, given, words):
    """Nothing but git can be found there, so no engine is."""
    (tmp_path / "git").symlink_to(shutil.which("git"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ENGINE", raising=False)
    monkeypatch.setattr("sys.argv", [module, *given.split()])
    with pytest.raises(SystemExit) as ended, warnings.catch_warnings(action="ignore"):
        runpy.run_module(f"tests.harness.{module}", run_name="__main__")
    assert re.fullmatch(words, str(ended.value.code))
    assert capfd.readouterr() == ("", "")


def test_how_long_the_tests_take_is_told_by_what_was_measured():
    """`make durations` saves it; minutes and counts of tests in the text of a page would be those of an older run."""
    told = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Time\n")[2].partition("\n## ")[0]
    assert "`tests/durations.json` begins with the minutes" in told
    assert durations.KEPT.read_text("utf-8").startswith('{\n"minutes": ')
    assert not re.findall(r"\d+:\d\d\b|\d+ (?:tests|minutes)\b", told)


def environment(tmp_path, python, **more):
    """What making .venv says in a tree of its own, as root, with a Python that answers `python`; and what it has asked apt-get."""
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    (tmp_path / "requirements.txt").touch()
    programs = {"python3": python, "apt-get": 'echo "$*" >>asked', "id": "echo 0"} | more
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["make", "PYTHON=python3", ".venv/ready"], cwd=tmp_path, capture_output=True, text=True, env=os.environ | path, timeout=60
    )
    asked = tmp_path / "asked"
    return done, asked.read_text("utf-8").splitlines() if asked.exists() else []


CANNOT = "error: Python cannot make environments: sudo apt-get install python3-venv; another Python than Debian's has a package of its own"
ASKED = ["-qq update", "-qq -y install python3-venv"]


def test_a_python_for_which_debian_has_no_venv_is_told_so_after_the_package_is_there(tmp_path):
    done, asked = environment(tmp_path, 'case "$*" in *ensurepip*) exit 1 ;; *venv*) echo begins ;; esac')
    assert asked == ASKED
    assert done.returncode
    assert "begins" not in done.stdout
    assert done.stderr.splitlines()[0] == CANNOT


def test_debians_python_makes_its_environment_once_the_package_is_there(tmp_path):
    script = 'case "$*" in *ensurepip*) [ -e asked ] ;; *venv*) mkdir -p .venv/bin && cp python3 .venv/bin/python ;; esac'
    done, asked = environment(tmp_path, script)
    assert (done.returncode, done.stderr) == (0, "")
    assert asked == ASKED
