"""Runs the guide's notebooks as a user of the hub does, on the kernel that the published scripts install.

`python -m tests.harness.measuring.notebooks` runs them all, or those whose NAME it is given, and writes their outputs back into
jigsaw/.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import NEWEST, ROOT, VALUES

NOTEBOOKS = sorted((ROOT / "jigsaw").glob("*.ipynb"))
SANITIZE = ROOT / "tests" / "nbval-sanitize.cfg"
USER = "alice"
SECONDS = 60  # for one cell

# MetaKernel sends each write by itself, hence coalesce_streams; when a cell ran is nothing to keep.
EXECUTE = f"""
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(notebook, timeout={SECONDS}, allow_errors=True, coalesce_streams=True, record_timing=False).execute()
nbformat.write(notebook, sys.argv[1])
"""
NBVAL = (
    # nbval lives in an environment of its own; this is where it finds the published kernel.
    f"JUPYTER_PATH={VALUES['environment']}/share/jupyter /opt/nbval/bin/pytest"
    f" --nbval --nbval-sanitize-with {SANITIZE.name} --nbval-cell-timeout {SECONDS}"
    " -p no:cacheprovider --color=no --no-header -q -rfE"
)


@contextlib.contextmanager
def classroom(name: str = NEWEST) -> Iterator[engine.Container]:
    """A hub's machine, of a kind in `HUBS`. It reaches no network: %jigsaw needs none."""
    with engine.run(images.hub(name).tag) as machine:
        yield machine


def _run(machine: engine.Container, command: str, name: str, notebook: str):
    """Run a command on a notebook in a new folder of the user's home; the finished process, and the notebook's path."""
    folder = machine.exec("mktemp", "-d", f"/home/{USER}/XXXXXX", user=USER).stdout.strip()
    machine.put({f"{folder}/{name}": notebook, f"{folder}/{SANITIZE.name}": SANITIZE.read_bytes()})
    machine.exec("chown", "-R", USER, folder)
    script = f"cd {folder} && HOME=/home/{USER} {command} {shlex.quote(name)}"
    return machine.sh(script, user=USER, check=False, timeout=600), f"{folder}/{name}"


@dataclass(frozen=True)
class Verdict:
    """What nbval says of a notebook."""

    passed: bool
    report: str


def compare(machine: engine.Container, name: str, notebook: str) -> Verdict:
    """Run a notebook with nbval, which compares every output with the one that the notebook holds."""
    done, _ = _run(machine, NBVAL, name, notebook)
    return Verdict(done.returncode == 0, _brief(done.stdout + done.stderr))


def explain(machine: engine.Container, name: str, notebook: str) -> str:
    """What the failing cells of a notebook write, if any; nbval only says that it is not what a magic should write."""
    try:
        execute(machine, name, notebook)
    except engine.Trouble as trouble:
        return str(trouble)
    return ""


def _brief(report: str, width: int = 160, lines: int = 80) -> str:
    """A report without the middle of what is too long to read: %jigsaw's script has hundreds of lines."""
    kept = [line if len(line) <= width else f"{line[:width]} ..." for line in report.strip().splitlines()]
    if len(kept) > lines:
        kept[lines - 20 : -20] = [f"... {len(kept) - lines} lines ..."]
    return "\n".join(kept)


def faults(notebook: dict) -> list[str]:
    """Code cells that did not run, or whose output is an error. A magic that fails writes to stderr and raises nothing."""
    found = []
    for number, cell in enumerate(cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        if cell["execution_count"] is None:
            found.append(f"cell {number} has no execution count: nbval would not compare it")
        for output in cell["outputs"]:
            if output["output_type"] == "error" or output.get("name") == "stderr":
                found.append(f"cell {number} failed: {_reason(output)}")
    return found


def _reason(output: dict) -> str:
    """The one line of an error that says what is wrong. MetaKernel's has a traceback before it and the magic's usage after."""
    if "evalue" in output:
        return f"{output['ename']}: {output['evalue']}"
    lines = re.sub(r"\x1b\[[\d;]*m", "", "".join(output["text"])).strip().splitlines()
    return ([line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)] or lines)[-1]


def _plain(output, patterns: list[tuple[str, str]]):
    """An output with every pattern replaced, in all its texts."""
    if isinstance(output, str):
        for pattern, replacement in patterns:
            output = re.sub(pattern, replacement, output)
    elif isinstance(output, list):
        output = [_plain(part, patterns) for part in output]
    elif isinstance(output, dict):
        output = {name: _plain(part, patterns) for name, part in output.items()}
    return output


def execute(machine: engine.Container, name: str, notebook: str) -> str:
    """The notebook with the outputs of a run. Raises `Trouble` if a cell fails."""
    done, path = _run(machine, shlex.join([deployment.PYTHON, "-c", EXECUTE]), name, notebook)
    if done.returncode:
        raise engine.Trouble(f"{name} does not run: {_brief(done.stdout + done.stderr)}")
    made = json.loads(machine.read(path))
    patterns = re.findall(r"^regex: (.*)\nreplace: (.*)$", SANITIZE.read_text("utf-8"), re.MULTILINE)
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            # What nbval overlooks is not kept, so that a second run writes the same file.
            cell["outputs"] = _plain(cell["outputs"], patterns)
    if found := faults(made):
        raise engine.Trouble(f"{name}: {'; '.join(found)}")
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main(names: list[str]) -> None:
    known = {path.stem: path for path in NOTEBOOKS}
    if set(names) - set(known):
        sys.exit(f"usage: python -m tests.harness.measuring.notebooks [NAME...]; the names are {', '.join(known)}")
    with engine.running():
        images.prepare()
        with classroom() as machine:
            for path in [known[name] for name in names] or NOTEBOOKS:
                before = path.read_text("utf-8")
                after = execute(machine, path.name, before)
                path.write_text(after, "utf-8")
                print(f"{path.relative_to(ROOT)}: {'unchanged' if after == before else 'written'}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except engine.Trouble as trouble:
        sys.exit(f"error: {trouble}")
