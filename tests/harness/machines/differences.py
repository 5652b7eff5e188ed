"""Published files as the published differences leave them: what a page has its reader change by hand."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.harness.manifest import SAVED_AS, SNIPPETS, Stale


def changed(name: str, difference: str) -> str:
    """A published file with a difference, both as `snippets` names them. Raises `Stale` if it does not fit what is published."""
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work, SAVED_AS[name].lstrip("/"))
        copy.parent.mkdir(parents=True)
        copy.write_bytes((SNIPPETS / name).read_bytes())
        done = subprocess.run(["git", "apply", SNIPPETS / difference], cwd=work, capture_output=True, text=True)
        if done.returncode:
            raise Stale(f"snippets/{difference} does not fit what is published: {done.stderr.strip()}")
        return copy.read_text("utf-8")
