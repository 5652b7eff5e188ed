"""The guide's releases, from releases.toml: which published files have changed since each, and where pages went that have moved.

- `{released}`: a table for each release that is tagged, of the files that are not as they were, with their place on the server.
- Each row of `[moved]` is a redirect of the site, by sphinx-reredirects.
"""

import posixpath
import tomllib
from pathlib import Path

from evidence import digest
from sphinx.util import logging

from _ext import manifest
from _ext.showing import FromFile, table

log = logging.getLogger(__name__)

FILE = "releases.toml"
NONE = "No file has changed.\n"


def read(root):
    """The releases, the newest first, and {page: page} of those that have moved. ValueError with one line where the file is not right."""
    try:
        found = tomllib.loads((Path(root) / FILE).read_text("utf-8"))
        releases, moved = found["release"], found.get("moved", {})
        if all({"version", "date", "commit", "news"} <= row.keys() and bool(row["commit"]) == ("files" in row) for row in releases):
            return releases, moved
        raise ValueError("a release has version, date, news and commit; one with a commit has its files, and no other has")
    except (tomllib.TOMLDecodeError, KeyError, AttributeError, ValueError) as wrong:
        raise ValueError(f"{FILE}: {wrong}") from None


def coming(root):
    """What the next release will bring: a sentence for each thing, as `news` of a release."""
    return tomllib.loads((Path(root) / FILE).read_text("utf-8")).get("coming", {}).get("news", [])


def changed(release, snippets):
    """The published files in the folder `snippets` that are not as they were: [(name, whether it was there, whether it is there)]."""
    now = {str(path.relative_to(snippets)) for path in snippets.rglob("*") if manifest.published(path, snippets)}
    before = release["files"]
    return [
        (name, name in before, name in now)
        for name in sorted(now | before.keys())
        if name not in now or before.get(name) != digest(snippets / name)
    ]


class Released(FromFile):
    def run(self):
        root = Path(self.env.srcdir)
        self.env.note_dependency(str(root / FILE))
        made = []
        try:
            releases = read(root)[0]
        except ValueError as wrong:
            raise self.error(str(wrong)) from None
        for release in releases:
            if release["commit"]:
                made.append(f"**Since {release['version']}**, of {release['date']}:\n\n{self.table(changed(release, root / 'snippets'))}")
        return self.parse_text_to_nodes("\n".join(made), allow_section_headings=False)

    def table(self, rows):
        made = []
        for name, was, still in rows:
            place = self.manifest["saved_as"].get(name, f"/root/{name}")
            if still:
                self.env.note_dependency(str(Path(self.env.srcdir) / "snippets" / name))
                made.append([f"{{download}}`{name} </snippets/{name}>`", f"`/root/new{place}`", "changed" if was else "new"])
            else:
                made.append([name, "", f"no longer used: remove `{place}`"])
        return f"{table(['File', 'Save it as', 'What it is'], made)}\n" if made else NONE


def redirects(app, config):
    """Hand what has moved to sphinx-reredirects, as addresses seen from the old page."""
    try:
        moved = read(app.srcdir)[1]
    except ValueError as wrong:
        log.warning(wrong)
        moved = {}
    config.redirects = {old: posixpath.relpath(f"{new}.html", posixpath.dirname(old) or ".") for old, new in moved.items()}


def for_the_site_alone(app):
    """A book holds no redirects."""
    if app.builder.name != "html":
        app.config.redirects = {}


def setup(app):
    app.add_directive("released", Released)
    app.connect("config-inited", redirects)
    app.connect("builder-inited", for_the_site_alone)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
