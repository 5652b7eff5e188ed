"""Shows which commands of a page the tests have typed: a line at the page's end, and the table `{typed}` of deploy/tested.md.

A row of build/evidence.json whose kind is "typed" names the page's source (`by`), the Debian release (`on`) and the reverse
proxy (`application`) of the machine. What was typed, and printed what the page says, is in `lived`, see `evidence.keys`.
"""

from pathlib import Path

from atlas import listed
from docutils import nodes
from evidence import keys
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from _ext import manifest
from _ext.manifest import LABELS

PAGES = ("index", "deploy/", "jigsaw/", "troubleshooting/")
# Their pages are one row of the table.
TROUBLES = "troubleshooting/"
# The place for the table, until all pages are read.
TABLE = "typed-table"


def typed(rows, docname, all_of_them):
    """How many of a page's commands were typed, and the rows in which they were."""
    of = [
        row for row in rows if row["kind"] == "typed" and row["by"] == f"{docname}.md" and any(one in row["lived"] for one in all_of_them)
    ]
    return sum(any(one in row["lived"] for row in of) for one in all_of_them), of


def oldest(rows, commands):
    """The day on which that of some commands was typed last which waits longest."""
    last = {}
    for row in rows:
        for one in commands:
            if one in row["lived"]:
                last[one] = max(last.get(one, ""), row["dates"][one])
    return min(last.values(), default="—")


def homes(app, rows):
    """The numbers of the Debian releases of rows: "12 and 13"."""
    numbers = manifest.table(Path(app.srcdir) / "snippets/manifest.toml")["debian"]
    return listed(f"{number}" for number in sorted({numbers[row["on"]] for row in rows}))


def say(app, doctree):
    """At the end of a page that has commands: how many of them were typed, where, and when."""
    source = Path(app.env.doc2path(app.env.docname)).read_text("utf-8")
    if not app.env.docname.startswith(PAGES) or not (of_the_page := [name for block in keys(source) for name in block]):
        return
    # This page is read again when what counts has changed.
    app.env.note_dependency("snippets/manifest.toml")
    app.env.metadata[app.env.docname]["commands"] = of_the_page
    many, rows = typed(app.env.evidence, app.env.docname, of_the_page)
    if many:
        link = addnodes.pending_xref(
            "", refdomain="std", reftype="ref", reftarget="typed", refexplicit=True, refwarn=True, refdoc=app.env.docname
        )
        where, when = homes(app, rows), oldest(rows, of_the_page)
        link += nodes.inline("", f"{many} of {len(of_the_page)} commands were typed from this page on Debian {where} · {when}")
        doctree.children[0].append(nodes.paragraph("", "", link, classes=["stamp", "no-search"]))


class Typed(SphinxDirective):
    """A place for the table, which is filled in once all pages are read."""

    def run(self):
        self.env.note_dependency("snippets/manifest.toml")
        self.env.metadata[self.env.docname]["typed"] = True
        target = nodes.target("", "", ids=["typed"], names=["typed"])
        self.state.document.note_explicit_target(target)
        return [target, nodes.container(classes=[TABLE])]


def written_again(app, env):
    """The pages that hold the table, which is about all others."""
    return [page for page in env.found_docs if env.metadata[page].get("typed")]


def fill(app, doctree, docname):
    for place in [block for block in doctree.findall(nodes.container) if TABLE in block["classes"]]:
        found = {}
        for page in sorted(app.env.found_docs, key=lambda name: (name.count("/"), name)):
            if of_the_page := app.env.metadata[page].get("commands"):
                many, rows = typed(app.env.evidence, page, of_the_page)
                name = TROUBLES if page.startswith(TROUBLES) else page
                before = found.get(name, (0, 0, [], "—"))
                date = min(before[3], oldest(rows, of_the_page))
                found[name] = (before[0] + many, before[1] + len(of_the_page), before[2] + rows, date)
        lines = []
        for page, (many, of, rows, date) in found.items():
            title = "Troubleshooting" if page == TROUBLES else app.env.titles[page].astext()
            by = listed(LABELS[proxy] for proxy in LABELS if any(row["application"] == proxy for row in rows))
            lines.append([title, f"{many} of {of}", homes(app, rows) or "—", by or "—", date])
        place.replace_self(table(["Page", "Commands", "Debian", "With", "Oldest run on"], lines))


def table(head, rows):
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    group += nodes.thead("", nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in head)))
    group += nodes.tbody("", *(nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in row)) for row in rows))
    return nodes.table("", group)


def setup(app):
    app.add_directive("typed", Typed)
    app.connect("doctree-read", say)
    app.connect("env-updated", written_again)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
