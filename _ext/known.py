"""The field on the troubleshooting page in which readers paste a log: gives that page alone its script and the table KNOWN of hubcheck.

`{measured}` says how often it names the right page, by the newest row of the kind "log_read" in build/evidence.json: its `rungs` are
how many `texts` and `lines` were read, and the shares of them for which the page was `among` the answers or `first`.
"""

import json
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from _ext import manifest
from _ext.evidence import renewed

PAGE = "troubleshooting/index"
SCRIPT = "snippets/check/hubcheck.py"


def table(app: Sphinx) -> str:
    """The lines that hubcheck knows, as they stand between the quotes there."""
    text = Path(app.srcdir, SCRIPT).read_text("utf-8")
    return re.search(r'^KNOWN = r"""\n(.*?)^"""$', text, re.M | re.S)[1]


def outdated(app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set) -> list[str]:
    return renewed(env, "known", table(app), [PAGE])


class Measured(SphinxDirective):
    def run(self) -> list:
        # The manifest is among the snippets: so this page is read again when what counts has changed.
        self.env.note_dependency(SCRIPT.replace("check/hubcheck.py", "manifest.toml"))
        rows = [row for row in self.env.evidence if row["kind"] == "log_read"]
        told = [self.told(max(rows, key=lambda row: row["date"]))] if rows else []
        return self.parse_text_to_nodes(" ".join(told))

    def told(self, row: dict) -> str:
        seen = row["rungs"]
        shares = {name: f"{share:.0%}" for name, share in seen.items() if "_" in name}
        return (
            f"On {row['date']}, the right page was among the answers for {shares['texts_among']} of {seen['texts']} whole texts and for "
            f"{shares['lines_among']} of {seen['lines']} single lines that not many faults write. It was the first answer for "
            f"{shares['texts_first']} and {shares['lines_first']}; pages that have the same lines share a place."
        )


def add_field(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    if page == PAGE and app.builder.name == "html":
        ladder = manifest.table(Path(app.srcdir, "snippets/manifest.toml"))["ladder"]
        data = json.dumps({"table": table(app), "rungs": ladder}, ensure_ascii=False)
        # Nothing in a script of data may look like its end, or like an address that the page would ask.
        app.add_js_file(None, body=data.replace("<", "\\u003c").replace("//", "\\/\\/"), type="application/json", id="known")
        app.add_js_file("known.js", defer="defer")
        app.add_css_file("known.css")


def setup(app: Sphinx) -> dict:
    app.add_directive("measured", Measured)
    app.connect("env-get-outdated", outdated)
    app.connect("html-page-context", add_field)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
