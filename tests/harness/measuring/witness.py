"""`make witness`: for each change to a line of a published file, finds a test that fails because something behaves differently.

`python -m tests.harness.measuring.witness` takes every directive of every file apart (`changes.py`), and for each change looks for
a test that dies of it, twice, beginning with the one that did the last time (`tests/witnesses.json`) and going on from the cheapest
(`tests/durations.json`). It writes build/witness.json, which the site shows, and goes on where it was stopped. With `--keep` it
also writes tests/witnesses.json anew: what `make test` holds the files against.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _ext.evidence import digest
from tests.harness.arguments import from_one_on
from tests.harness.json_files import write_json
from tests.harness.machines import engine, images
from tests.harness.manifest import BUILD, EVERY_PROXY, FURTHER_PROXIES, ROOT, SNIPPETS
from tests.harness.measuring import durations
from tests.harness.measuring.changes import Change, Unknown, changes, directives, files

FILE = BUILD / "witness.json"
RECORD = ROOT / "tests/witnesses.json"
ARGUED = ROOT / "tests/exemptions.toml"
WORK = BUILD / "witness"
# At most so many changes may go without a witness, each with its reason.
EXEMPTIONS = 20
# A worker that says nothing for so long hangs, in seconds.
SILENT = 900
# So many seconds pass before FILE is written again: whatever ends a run, most of what it has found is there.
EVERY = 60
# Seconds of a test that has not been measured.
UNKNOWN = 10.0
WORKERS: list[subprocess.Popen] = []

LINES = ("safe", "fast", "ladder", "lines", "logs", "limits", "faults", "bench", "term")
PROXY = ["deploy/" + name for name in LINES]
SERVERS = ("ladder", "safe", "people", "users", "service", "shares", "neighbours", "faults", "logs", "idle", "class", "kernels", "files")
HUB = ["deploy/" + name for name in SERVERS]
EDITOR = ("editor", "blocks", "workspaces", "jigsaw", "lessons", "policies", "attacks", "metakernels_own", "notebooks")
BLOCKS = ["jigsaw/" + name for name in EDITOR]
# The files of tests that see a snippet at work, by the beginning of its name; the cheap ones first.
SEE: dict[str, list[str]] = {
    "nginx/jupyterhub": PROXY,
    "nginx/enable.sh": ["house/bad_input", "deploy/bench", *PROXY],
    "apache/jupyterhub": PROXY,
    "apache/enable.sh": ["house/bad_input", *PROXY],
    "jupyterhub/jupyterhub_config.py": [*HUB, "troubleshooting/check"],
    "jupyter/": [*HUB, "deploy/fast", *BLOCKS],
    "systemd/": ["deploy/service", "deploy/shares", "deploy/faults", "deploy/neighbours", "deploy/logs", "deploy/people", "deploy/ladder"],
    "jupyterhub/install.sh": [
        "deploy/install",
        "deploy/hashes",
        "deploy/service",
        "deploy/kernels",
        "deploy/ladder",
        "deploy/neighbours",
        "jigsaw/editor",
    ],
    "kernel/": ["deploy/install", "deploy/kernels", "deploy/ladder"],
    "jigsaw/": BLOCKS,
    "setup/": ["deploy/setup"],
    "people/": ["deploy/accounts", "deploy/users"],
    "course/": ["deploy/accounts", "deploy/users"],
    "care/backup.sh": ["deploy/copies"],
    "care/restore.sh": ["deploy/copies"],
    "care/metrics.py": ["deploy/watch"],
    "care/alarm.sh": ["deploy/watch"],
    "care/jupyterhub-": ["deploy/watch"],
    "care/prometheus": ["deploy/watch"],
}
# Those of a further reverse proxy: what it serves, and its scripts, service and rotation.
FURTHER = ["deploy/" + name for name in ("other_lines", "safe", "lines", "fast", "traps", "logs", "limits", "faults", "ladder")]
SEE |= {f"{proxy}/": FURTHER for proxy in FURTHER_PROXIES}
SEE |= {f"{proxy}/{name}": ["deploy/other_scripts"] for proxy in FURTHER_PROXIES for name in ("enable.sh", "check.sh")}
SEE |= {name: ["deploy/other_lines"] for name in ("caddy/jupyterhub.logrotate", "traefik/logrotate.conf")}


def _name(test: str) -> str:
    folder, _, name = test.partition("/")
    return f"tests/{folder}/test_{name}.py"


def weekly(name: str) -> bool:
    """Whether the witnesses of a snippet may be tests that run once a week: those of a further reverse proxy, whose rows do."""
    return name.split("/")[0] in FURTHER_PROXIES


def collected(whole: bool = False) -> list[str]:
    """Every test that runs each time, or the `whole` of them, by its name in pytest.

    RuntimeError with pytest's words if they cannot be read.
    """
    options = ["--no-machines", "--collect-only", "-q", "-o", "addopts=-p no:nbval --import-mode=importlib"]
    command = [sys.executable, "-m", "pytest", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"WHOLE": "1" if whole else ""})
    tests = [line for line in done.stdout.splitlines() if "::" in line]
    if done.returncode or not tests:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return tests


def modules(name: str) -> list[str]:
    """The files of tests that may see a snippet at work, those first that are tried first.

    A snippet that stands in `SEE` by its whole name is seen by those alone.
    """
    starts = [name] if name in SEE else [start for start in SEE if name.startswith(start)]
    return [*dict.fromkeys(_name(one) for start in starts for one in SEE[start])]


def seeing(name: str, tests: list[str]) -> dict[str, float]:
    """The tests that may see a snippet at work, each with its seconds."""
    folder, took, those = name.split("/")[0], durations.known(), modules(name)
    # An image of changed scripts is made for the newest hub alone.
    alone = name.startswith(("jupyterhub/install", "kernel/", "jigsaw/install"))

    def concerns(test: str) -> bool:
        title, _, row = test.partition("::")[2].replace(f"{folder}s_", f"{folder}_").partition("[")
        # Which reverse proxy a row is for stands in it, or else in the test's own name.
        of_row, of_title = (set(re.split(r"[-_\]]", part)) for part in (row, title))
        words = of_row if of_row & EVERY_PROXY.keys() else of_title | of_row
        others = words & (EVERY_PROXY.keys() - {folder})
        if folder in EVERY_PROXY and folder not in words and (others or weekly(name)):
            return False
        return not (alone and re.search(r"\b5\.\d+\.\d+\b| on \w+", test))

    return {test: took.get(test, UNKNOWN) for test in tests if test.split("::")[0] in those and concerns(test)}


def record() -> dict[tuple[str, str, str], str]:
    """By change, the test that last died of it."""
    rows = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else []
    return {(file, text, what): test for file, text, what, test in rows}


def exemptions() -> dict[tuple[str, str, str], str]:
    """By change, why none is needed. Raises ValueError where the file is not as it should be."""
    rows = tomllib.loads(ARGUED.read_text("utf-8")).get("exempt", [])
    argued = {}
    for row in rows:
        if row.keys() != {"file", "text", "changes", "why"}:
            raise ValueError(f"{ARGUED.name}: a row has file, text, changes and why: {row}")
        for what in row["changes"]:
            argued[row["file"], row["text"], what] = row["why"]
    return argued


def touched(since: str) -> dict[str, set[int]]:
    """The lines of each snippet that have changed since a commit."""
    command = ["git", "diff", "--unified=0", "--no-color", since, "--", "snippets"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    lines: dict[str, set[int]] = {}
    name = ""
    for line in done.stdout.splitlines():
        if line.startswith("+++ "):
            name = line.removeprefix("+++ b/snippets/")
        elif found := re.match(r"@@ .*? \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(found[1]), int(found[2] or 1)
            lines.setdefault(name, set()).update(range(first, first + max(count, 1)))
    return lines


def wanted(only: list[str], since: str | None) -> dict[str, list[Change]]:
    """The changes to look for, by snippet.

    Raises `Unknown` for a file that nothing takes apart, ValueError for a name that is none and a line that has no directive.
    """
    where: dict[str, set[int] | None] = {}
    if since:
        where = {name: lines for name, lines in touched(since).items() if name in files()}
    else:
        for asked in only or files():
            name, _, line = asked.removeprefix("snippets/").partition(":")
            if name not in files():
                raise ValueError(f"snippets/{name} is no published file that has directives; there are {', '.join(files())}")
            if line and not line.isdecimal():
                raise ValueError(f"{asked}: after the colon a line is named by its number")
            if line and not any(one.first <= int(line) <= one.last for one in directives(name)):
                raise ValueError(f"snippets/{name}:{line}: no directive stands there")
            before = where.get(name, set())
            where[name] = before | {int(line)} if line and before is not None else None
    return {
        name: [
            change
            for one in directives(name)
            if lines is None or any(number in lines for number in range(one.first, one.last + 1))
            for change in changes(one)
        ]
        for name, lines in where.items()
    }


def copy_of_the_tree(folder: Path) -> None:
    """A copy of what is in this working copy, as git sees it."""
    names = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        source, copy = ROOT / name, folder / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)


def look(job: dict[str, Any], say: Callable[[dict], None], more: dict[str, str] | None = None) -> None:
    """Let a worker of its own do a job (see `witness_worker.Loop`) in a copy of the tree, and hand on what it says, row by row.

    `more` are files that only the copy has (path: text). A worker that is silent for too long is ended, and that is said.
    """
    name, out = job["file"], Path(job["out"])
    with tempfile.TemporaryDirectory(prefix="witness-") as folder:
        tree = Path(folder, "tree")
        copy_of_the_tree(tree)
        for path, text in (more or {}).items():
            Path(tree, path).write_text(text, "utf-8")
        Path(folder, "job.json").write_text(json.dumps(job), "utf-8")
        command = [sys.executable, "-m", "tests.harness.measuring.witness_worker", f"{folder}/job.json"]
        with Path(folder, "log").open("wb") as log:
            # In a session of its own: what interrupts this program ends it by `end_all`, so that it can clear up.
            environment = os.environ | {"PYTHONPATH": str(tree), "WHOLE": "1" if job.get("whole") else ""}
            worker = subprocess.Popen(command, cwd=tree, stdout=log, stderr=log, env=environment, start_new_session=True)
            WORKERS.append(worker)
            heard, last = out.stat().st_size if out.exists() else 0, time.monotonic()
            while True:
                ended = worker.poll() is not None
                size = out.stat().st_size if out.exists() else 0
                if size > heard:
                    with out.open(encoding="utf-8") as lines:
                        lines.seek(heard)
                        text = lines.read()
                    whole = text[: text.rfind("\n") + 1]
                    heard += len(whole.encode())
                    last = time.monotonic()
                    for line in whole.splitlines():
                        say(json.loads(line) | {"file": name})
                elif ended:
                    break
                elif time.monotonic() - last > job.get("silent", SILENT):
                    worker.terminate()
                    worker.wait()
                    say({"file": name, "note": "silent for too long, and so ended; what is left of it is tried the next time"})
                    break
                time.sleep(0.2)
        if worker.returncode:
            words = Path(folder, "log").read_text("utf-8", errors="replace").strip().splitlines()[-12:]
            say({"file": name, "note": "\n".join([f"its tests ended with {worker.returncode}:", *words])})


def end_all() -> None:
    """Interrupt every worker: it takes down its containers, and what it has found is kept."""
    for worker in WORKERS:
        if worker.poll() is None:
            worker.send_signal(signal.SIGINT)


@contextlib.contextmanager
def _asked_to_end() -> Iterator[list[int]]:
    """The signals that ask this program to end, as they come, for the length of a `with` block.

    An exception that is raised while the pool takes a lock of its own could leave that lock taken for ever.
    """
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _path(name: str) -> Path:
    """Where what is found of a snippet is kept, line by line."""
    return WORK / f"{name.replace('/', '-')}.jsonl"


def _found(name: str, of_any_form: bool = False) -> dict[tuple, dict]:
    """What earlier runs found of this very file, or `of_any_form` that it has had."""
    path, now = _path(name), digest(SNIPPETS / name)
    rows: dict[tuple, dict] = {}
    counts = of_any_form
    text = path.read_text("utf-8") if path.exists() else ""
    # A worker may be writing the last line.
    for row in map(json.loads, text[: text.rfind("\n") + 1].splitlines()):
        if "of" in row:
            counts = of_any_form or row["of"] == now
        elif counts and "verdict" in row:
            rows[tuple(row["key"])] = row
    return rows


def _begin(name: str, again: bool) -> None:
    """Say of which file the rows are that follow."""
    path = _path(name)
    WORK.mkdir(parents=True, exist_ok=True)
    if again:
        path.unlink(missing_ok=True)
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps({"of": digest(SNIPPETS / name)}) + "\n")


def table() -> dict[str, Any]:
    """What has been found of the files as they lie in the tree, as build/witness.json holds it."""
    argued = exemptions()
    told = {}
    days = {datetime.date.today().isoformat()}
    for name in files():
        rows, left = [], 0
        found = _found(name)
        for one in directives(name):
            for change in changes(one):
                row = found.get(change.key) or ({"verdict": "survives"} if change.key in argued else None)
                if not row:
                    left += 1
                    continue
                days.add(row.get("date", max(days)))
                verdict, why = row["verdict"], row.get("why", "")
                if verdict != "dies" and change.key in argued:
                    verdict, why = "exempt", argued[change.key]
                place = {"line": one.first, "last": one.last, "text": one.text, "change": change.what}
                rest = {key: row.get(key, "") for key in ("test", "rung", "said")}
                rows.append(place | {"verdict": verdict} | rest | {"why": why, "seconds": row.get("seconds", 0)})
        # Of a file of which nothing was tried, what is argued is not told alone.
        if found or (rows and not left):
            told[name] = {"hash": digest(SNIPPETS / name), "changes": rows}
    # That of the oldest verdict.
    return {"date": min(days), "files": told}


def lacking(name: str, text: str | None = None) -> Iterator[str]:
    """Every change to a published file for which neither a witness nor an exemption is known, as a line for a person.

    `text` is in place of what lies in the tree.
    """
    known, argued = record(), exemptions()
    for one in directives(name, text):
        for change in changes(one, text):
            if change.key not in known and change.key not in argued:
                yield f"snippets/{name}:{one.first}: {one.text} ({change.what})"


def summary(told: dict[str, Any]) -> str:
    """The counts of verdicts, by file."""
    lines = []
    every: Counter[str] = Counter()
    for name, row in told["files"].items():
        count = Counter(change["verdict"] for change in row["changes"])
        every += count
        lines.append(f"{name}: {', '.join(f'{count[verdict]} {verdict}' for verdict in sorted(count))}")
    total = sum(every.values())
    lines.append(f"of {total} changes {every['dies']} die by behaviour ({every['dies'] / max(total, 1):.1%}), {every['exempt']} are argued")
    return "\n".join(lines)


def run(todo: dict[str, list[Change]], again: bool, jobs: int) -> dict[str, Any]:
    """Look for the witnesses of what is `wanted`, with a line for each verdict; what build/witness.json then holds."""
    for name in todo:
        _begin(name, again)
    found = {name: _found(name) for name in todo}
    argued = {} if again else exemptions()
    left = {name: [change for change in made if change.key not in found[name].keys() | argued.keys()] for name, made in todo.items()}
    total = sum(len(made) for made in left.values())
    print(f"{total} changes of {sum(map(len, todo.values()))} to look at, in {len(left)} files", flush=True)
    tests = {whole: collected(whole) for whole in {weekly(name) for name, made in left.items() if made}}
    begun, count = time.monotonic(), 0
    written, one_at_a_time = begun, threading.Lock()

    def say(row: dict) -> None:
        nonlocal count, written
        if "verdict" in row:
            count += 1
            with one_at_a_time:
                if time.monotonic() - written > EVERY:
                    write_json(FILE, table())
                    written = time.monotonic()
            _, text, what = row["key"]
            by = row.get("test", "").rpartition("::")[2] or row.get("why", "")
            took = time.monotonic() - begun
            print(f"[{count}/{total}, {took / 60:.0f} min] {row['file']}: {text[:60]} ({what}): {row['verdict']} {by}", flush=True)
        elif "trying" in row:
            took = (time.monotonic() - begun) / 60
            more = f" and {row['tests'] - 1} more" if row["tests"] > 1 else ""
            print(f"{took:.0f} min: {row['file']}: {row['alive']} changes live; trying {row['trying']}{more}", flush=True)
        elif "unsound" in row:
            print(f"{row['file']}: {row['test']} fails with the published file: {row['unsound']}", flush=True)
        elif "note" in row:
            print(f"{row['file']}: {row['note']}", flush=True)

    hints = record() | {
        key: row["test"] for name in left for key, row in _found(name, of_any_form=True).items() if row["verdict"] == "dies"
    }
    with ThreadPoolExecutor(jobs) as pool, _asked_to_end() as asked:
        busy = []
        for name, made in sorted(left.items(), key=lambda row: -len(row[1])):
            if not made:
                continue
            job: dict[str, Any] = {
                "file": name,
                "keys": [change.key for change in made],
                "tests": seeing(name, tests[weekly(name)]),
                "modules": modules(name),
                "whole": weekly(name),
                "out": str(_path(name)),
            }
            job["hints"] = [[change.key, hints[change.key]] for change in made if change.key in hints]
            busy.append(pool.submit(look, job, say))
        while not asked and not all(one.done() for one in busy):
            time.sleep(0.05)
        if asked:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            # Whoever interrupts may not wait until all workers have cleared up.
            with one_at_a_time:
                write_json(FILE, table())
            raise KeyboardInterrupt
        for one in busy:
            one.result()
    return table()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.harness.measuring.witness", description="What breaks without each published line."
    )
    parser.add_argument("only", nargs="*", metavar="FILE[:LINE]", help="a published file, such as nginx/jupyterhub.conf, or one line of it")
    parser.add_argument("--since", metavar="COMMIT", help="only the lines that have changed since")
    parser.add_argument("--again", action="store_true", help="forget what an earlier run has found, and look for what is exempt too")
    parser.add_argument("--keep", action="store_true", help=f"write {RECORD.relative_to(ROOT)} anew")
    parser.add_argument("--jobs", type=from_one_on, default=2, help="files at a time (2)")
    asked = parser.parse_args()

    def tell(line: str) -> None:
        print(line, flush=True)

    # As Ctrl-C: GitHub sends both to what has taken too long. A shell has what it starts in the background ignore the first.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        todo = wanted(asked.only, asked.since)
        with engine.running(tell):
            engine.sweep()
            images.prepare(tell)
            told = run(todo, asked.again, asked.jobs)
    except KeyboardInterrupt:
        print("interrupted: the next run goes on from here", file=sys.stderr)
        return 130
    except (engine.Trouble, Unknown, ValueError, RuntimeError) as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 2
    write_json(FILE, told)
    if asked.keep:
        keep(told)
    print(summary(told))
    survivors = [
        f"snippets/{name}:{change['line']}: {change['text']} ({change['change']}): {change['verdict']} {change['why']}"
        for name, row in told["files"].items()
        for change in row["changes"]
        if change["verdict"] in ("survives", "unclear")
    ]
    print("\n".join(survivors))
    return 1 if survivors else 0


def keep(told: dict[str, Any]) -> None:
    """Write into the tree which test dies of which change.

    What this run has not looked at stays, as long as it is there.
    """
    known = record() | {
        (name, change["text"], change["change"]): change["test"]
        for name, row in told["files"].items()
        for change in row["changes"]
        if change["verdict"] == "dies"
    }
    lived = {
        (name, change["text"], change["change"])
        for name, row in told["files"].items()
        for change in row["changes"]
        if change["verdict"] != "dies"
    }
    rows = [
        [*change.key, known[change.key]]
        for name in files()
        for one in directives(name)
        for change in changes(one)
        if change.key in known and change.key not in lived
    ]
    RECORD.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
