"""Builds the site's third-party scripts again from npm: python -m tests.harness.site.vendor FILE PACKAGE@VERSION

Each file in _static/vendor/ says above its licence which file of which package it is made from, that file's SHA-256, and by which
esbuild. Above all it has the licence, which a newer release may have changed: look.
"""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from tests.harness.machines import engine, images
from tests.harness.manifest import NEWEST, ROOT

FOLDER = ROOT / "_static/vendor"
# By file, what esbuild makes it from, where {} is the package's file, and how.
RECIPES = {
    "minisearch.js": (
        'import SearchableMap from "{}"; globalThis.SearchableMap = SearchableMap\n',
        "--format=iife --legal-comments=none",
    ),
    "modern-tar.js": ('export { packTar, unpackTar } from "{}"\n', "--format=esm"),
}
ORIGIN = re.compile(r"^// From npm's (\S+@\S+), (\S+), SHA-256 ([0-9a-f]{64}), by esbuild@(\S+)\.$", re.M)
NPM = "PATH=/opt/jupyterhub/bin:$PATH npm"


class Origin(NamedTuple):
    """Where a file is from: npm's package with its version, the file in it, that file's sum, and the version of esbuild."""

    package: str
    file: str
    sum: str
    esbuild: str


def origin(name: str) -> Origin:
    """What a file says of itself; AttributeError if it says nothing."""
    return Origin(*ORIGIN.search((FOLDER / name).read_text("utf-8")).groups())


def made(name: str, given: Origin) -> str:
    """A file as npm's package and esbuild make it now, with its own head; it holds the sum of what the package has now."""
    entry, how = RECIPES[name]
    script = f"cd /root/made && {NPM} pack --silent {given.package} >&2 && tar xf *.tgz && {NPM} install --silent esbuild@{given.esbuild}"
    script += f" && sha256sum package/{given.file} && node_modules/.bin/esbuild entry.js --bundle --minify {how} --outfile=out.js >&2"
    with engine.network() as network, engine.run(images.hub(NEWEST).tag, network=network) as machine:
        sums = machine.sh(script, {"/root/made/entry.js": entry.replace("{}", f"./package/{given.file}")}, timeout=300).stdout
        bundle = machine.read("/root/made/out.js")
    text = (FOLDER / name).read_text("utf-8")
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("//"))
    is_from = f"// From npm's {given.package}, {given.file}, SHA-256 {sums.split()[0]}, by esbuild@{given.esbuild}."
    return ORIGIN.sub(lambda _: is_from, head) + bundle


def main(arguments: list[str]) -> None:
    if len(arguments) != 2 or arguments[0] not in RECIPES or "@" not in arguments[1]:
        sys.exit(f"usage: python -m tests.harness.site.vendor FILE PACKAGE@VERSION; the files are {', '.join(RECIPES)}")
    name, package = arguments
    with engine.running():
        images.prepare(wanted=[images.hub(NEWEST)])
        text = made(name, origin(name)._replace(package=package))
    (FOLDER / name).write_text(text, "utf-8")
    print(f"{FOLDER.relative_to(ROOT)}/{name}: written. Compare its licence with that of {package}.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RuntimeError as trouble:
        sys.exit(f"error: {trouble}")
