"""Shows which commands of a page the tests have typed: a line at the page's end, and the table `{typed}` of deploy/tested.md.

A row of build/evidence.json whose kind is "typed" names the page's source (`by`), the Debian release (`on`) and the reverse
proxy (`application`) of the machine. What was typed, and printed what the page says, is in `lived`, see `evidence.keys`.
"""

from pathlib import Path

from docutils import nodes
from evidence import keys
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from _ext import manifest
from _ext.manifest import LABELS
from _ext.showing import listed

PAGES = ("index", "deploy/", "jigsaw/", "troubleshooting/")
# Their pages are one row of the table.
TROUBLES = "troubleshooting/"
# The place for the table, until all pages are read.
TABLE = "typed-table"


def typed(rows, docname, commands):
    """Of a page's commands, by Debian release, the day on which each was typed there last; and with which reverse proxies."""
    days, proxies = {}, set()
    for row in rows:
        if row["kind"] == "typed" and row["by"] == f"{docname}.md" and (counts := [one for one in commands if one in row["lived"]]):
            there = days.setdefault(row["on"], {})
            there |= {one: max(there.get(one, ""), row["dates"][one]) for one in counts}
            proxies.add(row["application"])
    return days, proxies


def number(app, suite):
    return manifest.table(Path(app.srcdir) / "snippets/manifest.toml")["debian"][suite]


def say(app, doctree):
    """At the end of a page that has commands: how many of them were typed, where, and when."""
    if not app.env.docname.startswith(PAGES):
        return
    source = Path(app.env.doc2path(app.env.docname)).read_text("utf-8")
    if not (of_the_page := [name for block in keys(source) for name in block]):
        return
    # This page is read again when what counts has changed.
    app.env.note_dependency("snippets/manifest.toml")
    app.env.metadata[app.env.docname]["commands"] = of_the_page
    days, _ = typed(app.env.evidence, app.env.docname, of_the_page)
    if days:
        link = addnodes.pending_xref(
            "", refdomain="std", reftype="ref", reftarget="typed", refexplicit=True, refwarn=True, refdoc=app.env.docname
        )
        as_many = {}
        for suite, there in days.items():
            as_many.setdefault(len(there), []).append(number(app, suite))
        commands, where = " commands", []
        for many, numbers in sorted(as_many.items(), key=lambda row: min(row[1])):
            where.append(f"{many} of {len(of_the_page)}{commands} on Debian {listed(map(str, sorted(numbers)))}")
            commands = ""
        oldest = min(day for there in days.values() for day in there.values())
        link += nodes.inline("", f"Typed from this page: {listed(where)} · {oldest}")
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
        pages = {}
        for page in sorted(app.env.found_docs, key=lambda name: (name.count("/"), name)):
            if of_the_page := app.env.metadata[page].get("commands"):
                row = pages.setdefault(TROUBLES if page.startswith(TROUBLES) else page, {"all": 0, "days": {}, "proxies": set()})
                days, proxies = typed(app.env.evidence, page, of_the_page)
                row["all"] += len(of_the_page)
                row["proxies"] |= proxies
                for suite, there in days.items():
                    row["days"].setdefault(suite, []).extend(there.values())
        suites = sorted({suite for row in pages.values() for suite in row["days"]}, key=lambda suite: number(app, suite))
        lines = []
        for page, row in pages.items():
            title = "Troubleshooting" if page == TROUBLES else app.env.titles[page].astext()
            counts = [f"{len(row['days'].get(suite, []))}" for suite in suites]
            by = listed(LABELS[proxy] for proxy in LABELS if proxy in row["proxies"])
            oldest = min((day for there in row["days"].values() for day in there), default="—")
            lines.append([title, f"{row['all']}", *counts, by or "—", oldest])
        head = ["Page", "Commands", *(f"Typed on Debian {number(app, suite)}" for suite in suites), "With", "Oldest run on"]
        place.replace_self(table(head, lines))


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
