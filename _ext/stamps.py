"""Shows what the tests saw of each snippet: a line below it, and the tables of deploy/tested.md.

- `{tested} with`, `{tested} without`: the content, if there is evidence, or if there is none.
- `{tested} climbs`, `{tested} blocks`, `{tested} faults NAME`, `{tested} term`, `{tested} files`: the tables.
- `{tested} cluster`: what users did whose servers were jobs of Slurm's.
- `{tested} kernels`: what kernels from PyPI do.
- `{tested} browsers`: what was done in other browsers than Chromium; `{tested} attacks`: what pages tried there.
- `{tested} archive`: its SHA-256, and the table of the machines that archives of just these bytes have set up.
"""

import re
from pathlib import Path

from docutils import nodes
from evidence import read, renewed, standing
from sphinx import addnodes
from sphinx.util import logging

from _ext.manifest import LABELS
from _ext.showing import FromFile, code, listed, table

log = logging.getLogger(__name__)

EVIDENCE = "build/evidence.json"
# What a user has before a fault.
LIVED = {"variable": "the variable", "websocket": "the open WebSocket", "login": "the login", "file": "the saved file"}
# What a term came to: the figure's name in the evidence, what it is, and how it is written.
TERM = {
    "workday": ("Users on a working day", "{:.0f}"),
    "all": ("Users on the last day", "{:.0f}"),
    "open": ("Open WebSockets on the last day", "{:,.0f}"),
    "answer": ("Slowest answer on the last day", "{:.2f} s"),
    "left": ("Most WebSockets that were left open overnight", "{:,.0f}"),
    "first_processes": ("Processes on the first day", "{:.0f}"),
    "processes": ("Most processes", "{:.0f}"),
    "places": ("Places for processes", "{:.0f}"),
    "first_memory": ("Memory on the first day", "{:.0f} MB"),
    "memory": ("Memory on the last day", "{:.0f} MB"),
    "one_more": ("Memory for each old process", "{:.0f} MB"),
    "full": ("Memory if old processes had all places", "{:,.0f} MB"),
    "hub_memory": ("Most memory of configurable-http-proxy", "{:.0f} MB"),
}
# What a kernel does: its word in the evidence, and the column's.
DOES = {
    "installs": "Installs",
    "starts": "Starts",
    "computes": "Computes",
    "draws": "Draws",
    "fails": "Errors",
    "completes": "Completion",
    "inspects": "Help",
    "asks": "Asks for input",
    "interrupts": "Interrupt",
    "restarts": "Restart",
    "blocks": "Blocks shown",
}
# What is done in a browser: its words in the evidence, and the column's.
DONE = {
    "logs in": "Login",
    "computes in JupyterLab": "Cell in JupyterLab",
    "computes in Notebook 7": "Cell in Notebook 7",
    "uploads": "Upload of 30 MB",
    "types in a terminal": "Terminal",
    "runs blocks in JupyterLab": "Blocks in JupyterLab",
    "runs blocks in Notebook 7": "Blocks in Notebook 7",
}


def outdated(app, env, added, changed, removed):
    """Once in each build, before pages are read: those that show snippets are read again if what counts has changed."""
    rows = []
    try:
        rows = read(app.srcdir / EVIDENCE)
    except ValueError as error:
        log.warning(str(error))
    return renewed(env, "evidence", standing(rows, app.srcdir / "snippets"))


def number(version):
    return [int(part) for part in re.findall(r"\d+", version)]


def versions(found, short):
    """Versions, the lowest first; short ones end with their second number."""
    ordered = sorted(set(found), key=number)
    return listed(dict.fromkeys(".".join(version.split(".")[:2]) if short else version for version in ordered))


def accepted(rows, short=False):
    """Which programs accept a file: "nginx 1.18 and 1.22, and by shellcheck 0.11"."""
    by = [row for row in rows if row["kind"] == "accepted"]
    found = {
        who: versions((row["version"] for row in by if row["by"] == who), short) for who in [*LABELS, *sorted({row["by"] for row in by})]
    }
    return ", and by ".join(f"{LABELS.get(who, who)} {said}" for who, said in found.items() if said)


def ran(name, rows, short=False):
    """With what a file ran: ["runs with JupyterHub 6.1 behind nginx and Apache"]."""
    of = {kind: [row for row in rows if row["kind"] == kind] for kind in ("climbed", "booted", "blocks_run", "cluster")}
    hubs = {kind: versions((row["jupyterhub"] for row in some), short) for kind, some in of.items()}
    homes = {kind: listed(sorted({row["home"] for row in some if row["home"]})) for kind, some in of.items()}
    behind = [LABELS[proxy] for proxy in LABELS if any(row["by"] == proxy for row in of["climbed"])]
    through = "" if name.split("/")[0] in LABELS else f" behind {listed(behind)}"
    told = {
        "climbed": f"runs with JupyterHub {hubs['climbed']}{through}",
        "booted": f"starts as a service with JupyterHub {hubs['booted']} on Debian {homes['booted']}",
        "blocks_run": f"blocks run in {listed(sorted({row['application'] for row in of['blocks_run']}))}",
        "cluster": f"users' servers run on Slurm {versions((row['version'] for row in of['cluster']), short)}",
    }
    return [words for kind, words in told.items() if of[kind]]


def proving(name, evidence):
    return [row for row in evidence if name in row["proves"]]


def newest(rows):
    return max(row["date"] for row in rows)


def oldest(row, names):
    """When that of some things in a row's `lived` was seen which was seen first."""
    return min((row["dates"][name] for name in names if name in row["lived"]), default="—")


def label(name):
    return f"tested-{nodes.make_id(name)}"


def stamp(app, doctree):
    """Beneath each snippet that can be downloaded whole, what the tests saw of it."""
    snippets = app.srcdir / "snippets"
    for block in list(doctree.findall(nodes.container)):
        if "literal-block-wrapper" not in block["classes"] or not list(block.findall(addnodes.download_reference)):
            continue
        source = Path(app.srcdir, next(block.findall(nodes.literal_block)).get("source", ""))
        name = source.relative_to(snippets).as_posix() if source.is_relative_to(snippets) else ""
        if rows := proving(name, app.env.evidence):
            by = accepted(rows, short=True)
            words = " · ".join([*([f"accepted by {by}"] if by else []), *ran(name, rows, short=True), newest(rows)])
            link = addnodes.pending_xref(
                "", refdomain="std", reftype="ref", reftarget=label(name), refexplicit=True, refwarn=True, refdoc=app.env.docname
            )
            link += nodes.inline("", words[0].upper() + words[1:])
            # For who hears one link after the other.
            link += nodes.inline("", f", for {source.name}", classes=["heard"])
            block += nodes.paragraph("", "", link, classes=["stamp", "no-search"])


class Tested(FromFile):
    required_arguments, optional_arguments = 1, 1
    has_content = True

    def run(self):
        # The manifest is among the snippets: so this page is read again when what counts has changed.
        self.env.note_dependency("snippets/manifest.toml")
        tables = {
            "climbs": self.climbs,
            "climbs-of": self.climbs_of,
            "blocks": self.blocks,
            "faults": self.faults,
            "term": self.term,
            "files": self.files,
            "cluster": self.cluster,
            "kernels": self.kernels,
            "browsers": self.browsers,
            "attacks": self.attacks,
            "archive": self.archive,
        }
        rows, what = self.env.evidence, self.one_of(["with", "without", *tables])
        if what in ("with", "without"):
            return self.parse_content_to_nodes(allow_section_headings=True) if (what == "with") == bool(rows) else []
        return tables[what](rows, *self.arguments[1:])

    def table(self, head, rows):
        return self.parse_text_to_nodes(table(head, rows) if rows else "None in this run.")

    def climbs(self, rows):
        """A tab for each reverse proxy."""
        text = "\n".join(f"`````{{group-tab}} {name}\n```{{tested}} climbs-of {proxy}\n```\n`````" for proxy, name in LABELS.items())
        return self.parse_text_to_nodes(f"``````{{tabs}}\n{text}\n``````")

    def climbs_of(self, rows, proxy):
        ladder = self.manifest["ladder"]
        climbed = [row for row in rows if (row["kind"], row["by"]) == ("climbed", proxy)]
        climbed.sort(key=lambda row: (number(row["version"]), row["on"], number(row["jupyterhub"]), row["home"]), reverse=True)
        made = self.table(
            [LABELS[proxy], "From", "JupyterHub", "On", *(code(rung) for rung in ladder), "Run on"],
            [
                [
                    row["version"],
                    source(row["on"]),
                    row["jupyterhub"],
                    source(row["home"]),
                    *(seconds(row["rungs"], rung) for rung in ladder),
                    row["date"],
                ]
                for row in climbed
            ],
        )
        for shown in made:
            shown["classes"].append("rungs")
        return made

    def blocks(self, rows):
        shown = [row for row in rows if row["kind"] == "blocks_run"]
        applications = sorted({row["application"] for row in shown})
        of = {}
        for row in sorted(shown, key=lambda row: ([*LABELS].index(row["by"]), [-part for part in number(row["jupyterhub"])])):
            of.setdefault((f"{LABELS[row['by']]} {row['version']}", row["jupyterhub"]), {})[row["application"]] = row
        return self.table(
            ["Reverse proxy", "JupyterHub", *applications, "Oldest run on"],
            [
                [
                    *key,
                    *(seconds(some.get(name, {}).get("rungs", {}), "blocks_run") for name in applications),
                    min(row["date"] for row in some.values()),
                ]
                for key, some in of.items()
            ],
        )

    def archive(self, rows):
        """The archive does not hold the pages, so this page can name its bytes."""
        shown = [row for row in rows if row["kind"] == "set_up" and row["version"] == self.env.archive]
        shown.sort(key=lambda row: (row["home"], row["application"], row["on"]), reverse=True)
        proof = nodes.paragraph("", "SHA-256 with the example values: ", nodes.literal("", self.env.archive), classes=["archive-sum"])
        head = ["Values", "Debian", "With", "Run on"]
        lines = [[row["on"], source(row["home"]), LABELS[row["application"]], row["date"]] for row in shown]
        return [proof, *self.table(head, lines)]

    def faults(self, rows, by):
        made = [row for row in rows if (row["kind"], row["by"]) == ("fault", by)]
        made.sort(key=lambda row: (row["rungs"]["server"], row["fault"]))
        return self.table(
            ["What happens", "What stays", "What is cut", "The notebook is silent for", "The hub is silent for", "Run on"],
            [
                [
                    row["fault"],
                    listed(words for name, words in LIVED.items() if row["lived"].get(name)) or "—",
                    listed(words for name, words in LIVED.items() if not row["lived"].get(name)) or "—",
                    *(seconds(row["rungs"], name) for name in ("server", "hub")),
                    row["date"],
                ]
                for row in made
            ],
        )

    def cluster(self, rows):
        """A line for each Slurm: the steps of the check, and the blocks."""
        ladder, of = self.manifest["ladder"], {}
        for row in sorted((row for row in rows if row["kind"] == "cluster"), key=lambda row: number(row["version"]), reverse=True):
            key = (row["version"], source(row["home"]), LABELS[row["on"]], row["jupyterhub"])
            took, date = of.get(key, ({}, row["date"]))
            of[key] = (took | row["rungs"], min(date, row["date"]))
        made = self.table(
            ["Slurm", "On", "Behind", "JupyterHub", *(code(rung) for rung in ladder), "Blocks", "Oldest run on"],
            [[*key, *(seconds(took, rung) for rung in [*ladder, "blocks_run"]), date] for key, (took, date) in of.items()],
        )
        for shown in made:
            shown["classes"].append("rungs")
        return made

    def kernels(self, rows):
        """Those that install first. Of those that do not, the words that were seen; of those that do, the program that they run."""
        seen = sorted((row for row in rows if row["kind"] == "kernel"), key=lambda row: (not row["lived"]["computes"], row["by"]))
        return self.table(
            ["Package", "Kernel", "With", *DOES.values(), "Run on"],
            [
                [
                    f"{code(row['by'])} {row['version']}".strip(),
                    row["application"],
                    (row["on"] if row["lived"]["computes"] else code(row["on"])) or "—",
                    *("yes" if row["lived"].get(word) else "no" for word in DOES),
                    row["date"],
                ]
                for row in seen
            ],
        )

    def browsers(self, rows):
        used = sorted((row for row in rows if row["kind"] == "used"), key=lambda row: (row["by"], number(row["version"])))
        return self.table(
            ["Browser", "Behind", "JupyterHub", *DONE.values(), "Oldest run on"],
            [
                [
                    f"{row['by']} {row['version']}",
                    row["on"],
                    row["jupyterhub"],
                    *("yes" if row["lived"].get(words) else "—" for words in DONE),
                    oldest(row, DONE),
                ]
                for row in used
            ],
        )

    def attacks(self, rows):
        """A row for each, a column for each browser: what was seen there."""
        seen = sorted((row for row in rows if row["kind"] == "attacked"), key=lambda row: (row["by"], number(row["version"])))
        tried = list(dict.fromkeys(attack for row in seen for attack in row["lived"]))
        head = ["What was tried", *(f"{row['by']} {row['version']}" for row in seen)]
        lines = [[attack, *(row["lived"].get(attack, "—") for row in seen)] for attack in tried]
        return self.table(head, [*lines, ["Oldest run on", *(oldest(row, tried) for row in seen)]] if seen else [])

    def term(self, rows):
        """The newest term of each reverse proxy, side by side."""
        lived = sorted((row for row in rows if row["kind"] == "term"), key=lambda row: (row["date"], number(row["version"])))
        of = {row["by"]: row for row in lived}
        shown = [of[name] for name in LABELS if name in of]
        figures = [
            [words, *(form.format(row["rungs"][name]) if name in row["rungs"] else "—" for row in shown)]
            for name, (words, form) in TERM.items()
        ]
        head = ["", *(f"{LABELS[row['by']]} {row['version']}" for row in shown)]
        return self.table(head, [*figures, ["Run on", *(row["date"] for row in shown)]] if shown else [])

    def files(self, rows):
        saved = self.manifest["saved_as"]
        of = {name: proving(name, rows) for name in sorted({name for row in rows for name in row["proves"]})}
        made = self.table(
            ["File", "Accepted by", "What it did", "Last run on"],
            [
                [code(saved.get(name, name)), accepted(some) or "—", "; ".join(ran(name, some)) or "—", newest(some)]
                for name, some in of.items()
            ],
        )
        for name, row in zip(of, list(made[0].findall(nodes.row))[1:], strict=True) if of else ():
            row["names"].append(label(name))
            self.state.document.note_explicit_target(row)
        return made


def source(on):
    """Where a server comes from, from the name of the tests' machine."""
    return "PyPI" if on == "pypi" else f"Debian {on}"


def seconds(rungs, rung):
    return f"{rungs[rung]:.1f} s" if rung in rungs else "—"


def setup(app):
    app.add_directive("tested", Tested)
    app.connect("env-get-outdated", outdated)
    app.connect("doctree-read", stamp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
