"""Joins the modules of hubcheck, unchanged, into the one file that is published: python -m tests.harness.one_script

Programs that join modules lose the comments (monoscript, compyner) or pack each module as a string (scriptmerge, pinliner).
"""

from __future__ import annotations

import ast
import subprocess
import symtable
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hubcheck import PARTS

from tests.harness.arguments import takes_nothing
from tests.harness.manifest import ROOT, SNIPPETS

PACKAGE = ROOT / "hubcheck"
SCRIPT = SNIPPETS / "check/hubcheck.py"


class Unfit(Exception):
    """A part that cannot be joined with the others; the text says where, and why."""


class Part(NamedTuple):
    """A part: its text up to the docstring, the docstring's lines, its imports of other packages, the rest, and the names made there."""

    head: str
    told: list[str]
    imports: str
    rest: str
    names: set[str]


def part(name: str, before: Sequence[str]) -> Part:
    """A part, which may import from those `before` it. Raises `Unfit`."""
    text = (PACKAGE / f"{name}.py").read_text("utf-8")
    try:
        tree = ast.parse(text)
        # Of what can be parsed, a compiler refuses some, such as a return outside a function.
        compile(tree, name, "exec")
    except SyntaxError as wrong:
        raise Unfit(f"hubcheck/{name}.py:{wrong.lineno}: {wrong.msg}") from None
    lines = text.splitlines()
    docstring, *body = tree.body
    imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    own = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    for node in (*imports, *own):
        if node not in body[: len(imports)]:
            raise Unfit(f"hubcheck/{name}.py:{node.lineno}: all imports come first")
        if node in own and (node.module not in before or any(one.asname for one in node.names)):
            raise Unfit(f"hubcheck/{name}.py:{node.lineno}: parts import from those before them, and by the names used there")
    made = {one.get_name() for one in symtable.symtable(text, name, "exec").get_symbols() if one.is_assigned() and not one.is_imported()}
    last = [docstring, *imports][-1].end_lineno
    told = ast.literal_eval(docstring.value).strip().splitlines()
    others = "\n".join(ast.unparse(node) for node in imports if node not in own)
    return Part("\n".join(lines[: docstring.end_lineno]), told, others, "\n".join(lines[last:]).strip(), made)


def joined() -> str:
    """The file that the parts make: the head of __main__.py, all imports, each part below its name, the end. Raises `Unfit`."""
    parts = {name: part(name, PARTS[:number]) for number, name in enumerate(PARTS)}
    main = part("__main__", PARTS)
    owners: dict[str, str] = {}
    for name, one in parts.items():
        if twice := owners.keys() & one.names:
            raise Unfit(f"hubcheck/{name}.py: {min(twice)} is a name in {owners[min(twice)]}.py too")
        owners |= dict.fromkeys(one.names, name)
    imports = "\n".join(one.imports for one in (main, *parts.values()))
    titles = {name: "\n".join(f"# {line}".rstrip() for line in (name.upper().replace("_", " "), *one.told)) for name, one in parts.items()}
    text = "\n\n\n".join([main.head, imports, *(f"{titles[name]}\n\n{one.rest}" for name, one in parts.items()), main.rest])
    for command in ("check --select=I --fix-only", "format"):
        ruff = [Path(sys.executable).with_name("ruff"), *command.split(), "--quiet", "--stdin-filename", SCRIPT, "-"]
        text = subprocess.run(ruff, cwd=ROOT, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
    return text


def main() -> int:
    try:
        made, was = joined(), SCRIPT.read_text("utf-8")
    except Unfit as wrong:
        print(f"error: {wrong}", file=sys.stderr)
        return 1
    SCRIPT.write_text(made, "utf-8")
    print(f"{SCRIPT.relative_to(ROOT)}: {'as it was' if made == was else 'written'}")
    return 0


if __name__ == "__main__":
    takes_nothing("one_script")
    sys.exit(main())
