"""The form in which readers type their own values, such as the host name, and the examples that these values replace on all pages.

The table is snippets/manifest.toml: `[values]`, `[fields]` and `[[forms]]`. The work is done in the browser, by
_static/values.js; without JavaScript the form is not shown, and the pages hold the examples.

It stands, closed, under the title of each page that shows an example. `{values}` puts it elsewhere. A page with the one download, into
which the values go, has it open.
"""

import html
import json
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from _ext.manifest import table

# Where `{values}` stands, in the HTML of a page.
HERE = '<div class="values-here"></div>'
ABOUT = (
    "Type your own host name and paths. Everything that you copy, or download with a click, then holds them. "
    "They stay in this browser, and no server gets them."
)

BUTTONS = (
    '<p class="values-buttons"><button type="reset">Back to the examples</button> '
    '<button type="button" class="values-link">Copy a link with these values</button> '
    '<button type="button" class="values-back" hidden>Back to my own values</button> '
    '<button type="button" class="values-keep" hidden>Keep these values</button></p><p role="status"></p>'
)
# Where storage is blocked, something that forgets takes its place, before the theme asks for it. Nothing of a page is shown
# before its tabs and values are the reader's: what moves under the eyes costs them the line they were at.
HEAD = """for (const name of ["localStorage", "sessionStorage"]) {
  try { window[name].length; } catch {
    Object.defineProperty(window, name, { value: { getItem: () => null, setItem() {}, removeItem() {} } });
  }
}
document.documentElement.classList.add("waiting");
addEventListener("DOMContentLoaded", () => document.documentElement.classList.remove("waiting"));"""
SUMMARY = "{host}{base_url}"


def form(manifest):
    """The form, closed: its summary is the address of the hub."""
    made = []
    for name, field in manifest["fields"].items():
        label, hint, value = (html.escape(text) for text in (field["label"], field["hint"], manifest["values"][name]))
        made.append(
            f'<div><label for="value-{name}">{label}</label><input id="value-{name}" name="{name}" value="{value}" type="text" '
            f'spellcheck="false" autocomplete="off" autocapitalize="none" aria-describedby="value-{name}-wrong value-{name}-hint">'
            f'<p class="wrong" id="value-{name}-wrong" aria-live="polite"></p><p class="hint" id="value-{name}-hint">{hint}</p></div>'
        )
    summary = f"<summary>Your values: <code>{SUMMARY.format(**manifest['values'])}</code></summary>"
    about = f'<p class="about">{ABOUT}</p>'
    return f'<details class="values">{summary}<form autocomplete="off">{about}{"".join(made)}{BUTTONS}</form></details>'


class Values(SphinxDirective):
    def run(self):
        site = addnodes.only(expr="builder_html")
        site += nodes.raw("", HERE, format="html")
        return [site]


def write_examples(app, config):
    """A script that defines EXAMPLES, beside the static files."""
    manifest = table(Path(app.srcdir) / "snippets/manifest.toml")
    values = {name: manifest["values"][name] for name in manifest["fields"]}
    fields = {name: {key: field[key] for key in field if key != "hint"} for name, field in manifest["fields"].items()}
    folder = Path(app.doctreedir) / "static"
    folder.mkdir(parents=True, exist_ok=True)
    spec = json.dumps({"values": values, "fields": fields, "forms": manifest["forms"]}, separators=(",", ":"))
    (folder / "examples.js").write_text(f"const EXAMPLES = {spec};\n", "utf-8")
    config.html_static_path.append(str(folder))
    app.values_form = form(manifest)
    app.values_pattern = re.compile("|".join(re.escape(value) for value in values.values()))


def add_form(app, pagename, templatename, context, doctree):
    """Put the form into each page that shows an example."""
    if app.builder.name == "html":
        context["metatags"] = f"{context.get('metatags', '')}<script>{HEAD}</script>"
    body = context.get("body", "")
    # A book has no scripts.
    if app.builder.name == "html" and doctree is not None and app.values_pattern.search(html.unescape(re.sub(r"<[^>]+>", "", body))):
        form = app.values_form.replace("<details", "<details open", 1) if "archive-link" in body else app.values_form
        context["body"] = body.replace(HERE, form) if HERE in body else body.replace("</h1>", f"</h1>\n{form}", 1)


def setup(app):
    app.add_directive("values", Values)
    app.connect("config-inited", write_examples)
    app.connect("html-page-context", add_form)
    app.add_js_file("examples.js", defer="defer")
    app.add_js_file("values.js", defer="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
