"""Writes the lock files: each package that is installed, with its version and hashes, made from the requirements.

`python -m tests.harness.lock` writes those that do not fit any more; with `--upgrade` all, with the newest releases that fit; with
`--hubs` those alone by which hubs are installed. Hubs of an older JupyterHub have a lock of their own, beside their image, from the
same requirements but for that one release.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.harness.manifest import NEWEST, ROOT, SNIPPETS, VERSIONS

ASKED, PUBLISHED = SNIPPETS / "jupyterhub/requirements.in", SNIPPETS / "jupyterhub/requirements.txt"
# For each Python that Debian 12 and later have. Wheels alone: pip makes those of a source by packages that no hash is known of.
COMPILE = ["pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-strip-extras", "--generate-hashes"]
PLAIN = ["--no-annotate", "--no-header"]
WHEELS = ["--only-binary", ":all:"]


def hub(version: str) -> Path:
    """The lock by which the tests install a JupyterHub of `[versions]`; the newest by the published one."""
    return PUBLISHED if version == NEWEST else ROOT / f"tests/images/jupyterhub-{version}.txt"


def locks() -> list[Path]:
    return [ROOT / "requirements.txt", *(hub(version) for version in VERSIONS["jupyterhub"])]


def write_lock(asked: str, lock: Path, *options: str) -> None:
    """Write a lock for the text of a requirements file; ends with uv's own words if there is none."""
    uv = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv") or sys.exit("error: uv is needed to make a lock")
    command = [uv, *COMPILE, *PLAIN, *options, "-", "-o", str(lock)]
    done = subprocess.run(command, input=asked, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"error: there is no lock {lock.relative_to(ROOT)}:\n{done.stderr.strip()}")


def pins(lock: Path) -> dict[str, str]:
    """By package, the release that a lock names; of one that differs by Python "one or another"."""
    found: dict[str, str] = {}
    for name, release in re.findall(r"(?m)^([\w.-]+)(?:\[.*?\])?==(\S+)", lock.read_text("utf-8")):
        found[name] = f"{found[name]} or {release}" if name in found else release
    return found


def main(options: list[str]) -> None:
    if set(options) - {"--upgrade", "--hubs"}:
        sys.exit("usage: python -m tests.harness.lock [--upgrade] [--hubs]")
    upgrade = [option for option in options if option == "--upgrade"]
    if "--hubs" not in options:
        write_lock((ROOT / "requirements.in").read_text("utf-8"), ROOT / "requirements.txt", *upgrade)
    asked = ASKED.read_text("utf-8")
    for version in VERSIONS["jupyterhub"]:
        write_lock(re.sub(r"(?m)^jupyterhub==\S+", f"jupyterhub=={version}", asked), hub(version), *WHEELS, *upgrade)


if __name__ == "__main__":
    main(sys.argv[1:])
