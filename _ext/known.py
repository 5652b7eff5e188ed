"""The field for a log on the page of troubleshooting: what it looks for is the table KNOWN of hubcheck, and only that page loads it."""

import json
import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

PAGE = "troubleshooting/index"
SCRIPT = "snippets/check/hubcheck.py"


def table(app: Sphinx) -> str:
    """The lines that hubcheck knows, as they stand between the quotes there."""
    text = Path(app.srcdir, SCRIPT).read_text("utf-8")
    return re.search(r'^KNOWN = r"""\n(.*?)^"""$', text, re.M | re.S)[1]


def outdated(app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set) -> list[str]:
    was, env.known = getattr(env, "known", None), table(app)
    return [PAGE] if env.known != was else []


def add_field(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    if page == PAGE and app.builder.name == "html":
        ladder = tomllib.loads(Path(app.srcdir, "snippets/manifest.toml").read_text("utf-8"))["ladder"]
        data = json.dumps({"table": table(app), "rungs": ladder}, ensure_ascii=False)
        # Nothing in a script of data may look like its end.
        app.add_js_file(None, body=data.replace("<", "\\u003c"), type="application/json", id="known")
        app.add_js_file("known.js", defer="defer")
        app.add_css_file("known.css")


def setup(app: Sphinx) -> dict:
    app.connect("env-get-outdated", outdated)
    app.connect("html-page-context", add_field)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
