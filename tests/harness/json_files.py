"""Writes the JSON files of build/ that the site is made from."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write_json(path: Path, value: object) -> None:
    """Write JSON. Whoever builds the site at this moment finds one file or the other, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(value, indent=1), "utf-8")
    os.replace(new, path)
