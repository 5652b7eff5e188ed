"""Reads snippets/manifest.toml and each reverse proxy's snippets/NAME/proxy.toml as one table.

`proxies` and `further_proxies` are {name: facts}, with its row of the manifest as `servers`. `saved_as` knows the places of their
files, and `elsewhere` the folders of the further ones.
"""

import functools
import tomllib
from pathlib import Path

SNIPPETS = Path(__file__).resolve().parents[1] / "snippets"
MANIFEST, FACTS = "manifest.toml", "proxy.toml"


@functools.cache
def _read(path, changed):
    return tomllib.loads(path.read_text("utf-8"))


def table(path):
    """A TOML file, read again only if it has changed. Raises tomllib.TOMLDecodeError, and OSError if there is none."""
    return _read(path, path.stat().st_mtime_ns)


def read(snippets=SNIPPETS):
    """The whole table, from the folder of the published files."""
    manifest = table(snippets / MANIFEST)
    of = {
        kind: {name: table(snippets / name / FACTS) | {"servers": servers} for name, servers in manifest.get(kind, {}).items()}
        for kind in ("proxies", "further_proxies")
    }
    saved = {
        f"{name}/{file}": place for rows in of.values() for name, facts in rows.items() for file, place in facts.get("saved_as", {}).items()
    }
    return manifest | of | {"saved_as": manifest["saved_as"] | saved, "elsewhere": [*manifest["elsewhere"], *of["further_proxies"]]}


def published(path, snippets=SNIPPETS):
    """Whether a path below the folder is a file that readers get: neither what is known of them, nor what a program has left."""
    name = path.relative_to(snippets).as_posix()
    return path.is_file() and path.name not in (MANIFEST, FACTS) and "__pycache__" not in name and ".egg-info" not in name


# Of each reverse proxy, what people call it.
LABELS = {name: facts["label"] for kind in ("proxies", "further_proxies") for name, facts in read()[kind].items()}
