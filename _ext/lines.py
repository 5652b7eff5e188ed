"""Shows below each published file what breaks without each of its lines, from build/witness.json (_ext/witness.py explains it).

- Beneath each file that is shown whole, a list of its lines, closed at first: what happened without the line, in the words of the
  run, and the test that failed. Each line of the list is a link to the one in the file above. It is HTML for the pages alone: not
  in the search, in no book, and in no text for programs.
- `{witness} with`, `{witness} without`: the content, if there is a list of some file, or if there is none.
- `{witness} files`: how many lines of each file were deleted, and what came of it.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from evidence import digest, renewed
from sphinx import addnodes
from sphinx.util import logging
from witness import DELETED, read

from _ext.showing import FromFile, code, table

log = logging.getLogger(__name__)

FILE = "build/witness.json"
# Where no test failed: the word for it in a row, and in a count of such rows.
UNBROKEN = {"exempt": ("Argued", "argued"), "survives": ("No test fails", "unnoticed"), "unclear": ("Unclear", "unclear")}


# How the names of tests, which are in lower case, are spelt.
SPELT = (
    "Apache",
    "Blockly",
    "Debian",
    "HTML",
    "HTTP",
    "HTTPS",
    "JavaScript",
    "JupyterHub",
    "JupyterLab",
    "MetaKernel",
    "nginx",
    "PAM",
    "Python",
    "systemd",
    "TLS",
    "URL",
    "WebSocket",
    "WebSockets",
)
PROPER = re.compile(rf"(?i)\b({'|'.join(SPELT)})\b")
# Lines that stand or fall together are shown up to so many.
MOST = 4


def standing(seen, snippets):
    """The changes of each file that lies in the folder `snippets` as it was, in the order of its lines; of each its deletion first."""

    def order(change):
        return change["line"], -change["last"], change["change"] != DELETED

    files = {name: sorted(was["changes"], key=order) for name, was in seen["files"].items() if was["hash"] == digest(snippets / name)}
    return {"date": seen["date"], "files": {name: changes for name, changes in files.items() if changes}}


def outdated(app, env, added, changed, removed):
    """Once in each build, before pages are read: those that show snippets are read again if what counts has changed."""
    seen = {"date": "", "files": {}}
    try:
        seen = read(app.srcdir / FILE)
    except ValueError as error:
        log.warning(str(error))
    return renewed(env, "witness", standing(seen, app.srcdir / "snippets"))


def counted(changes):
    """How many lines were deleted, and how many values changed; of each kind, how often a test failed; and every other verdict."""
    values = [change["verdict"] for change in changes if change["change"] != DELETED]
    lines = [change["verdict"] for change in changes if change["change"] == DELETED]
    others = {verdict: (lines + values).count(verdict) for verdict in UNBROKEN}
    return len(lines), lines.count("dies"), len(values), values.count("dies"), others


def summary(changes):
    """The counts as a sentence without a full stop: "A test fails without 58 of 60 lines and with 9 of 9 changed values · 2 argued"."""
    lines, broken, values, wrong, others = counted(changes)
    parts = [f"without {broken} of {lines} lines"] if lines else []
    parts += [f"with {wrong} of {values} changed values"] if values else []
    rest = [f"{count} {UNBROKEN[verdict][1]}" for verdict, count in others.items() if count]
    return " · ".join([f"A test fails {' and '.join(parts)}", *rest])


def sentence(test):
    """A test's name as the sentence that it is: "A user climbs the ladder (nginx-trixie-6.1.1)". Parameters that are texts are left out."""
    name, _, parameters = test.rpartition("::")[2].removesuffix("]").partition("[")
    words = name.removeprefix("test_").replace("_", " ")
    words = PROPER.sub(lambda found: next(name for name in SPELT if name.lower() == found[0].lower()), words[:1].upper() + words[1:])
    return words + (f" ({parameters})" if re.fullmatch(r"[\w.+-]{1,40}", parameters) else "")


def plain(text):
    """Text as HTML, without what a terminal would act on."""
    return escape(re.sub(r"\x1b\[[\d;]*m|[^\n\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]", "", text), quote=False)


def done(what):
    """What was done to a line, as HTML: what is of the file is code."""
    if what == DELETED:
        return "Deleted"
    old, new, more = re.fullmatch(r"(?s)(.*?)(?: → (.+?))?((?: left out| as well| \(\w+\))?)", what).groups()
    return " → ".join(f"<code>{plain(value)}</code>" for value in (old, new) if value) + plain(more)


def came(change):
    """What came of a change, as HTML: what was seen, and what else is to be told."""
    rung, said, why, test = (plain(change.get(name, "")) for name in ("rung", "said", "why", "test"))
    if change["verdict"] in UNBROKEN:
        return f"<em>{': '.join(filter(None, (UNBROKEN[change['verdict']][0], why or said)))}</em>", ""
    at = f", at <code>{rung}</code>" if rung else ""
    return f"<samp>{said}</samp>", f"<p class=test>Failed: {sentence(test)}{at}</p>"


def told(changes):
    """All changes of a line, as HTML: those of which the same came are one. Of a deletion alone only what came of it is told."""
    alike = {}
    for change in changes:
        alike.setdefault(came(change), []).append(change["change"])
    made = ""
    for (seen, more), changed in alike.items():
        label = "" if changed == [DELETED] else f"<b>{', '.join(map(done, changed))}:</b> "
        made += f"<p>{label}{seen}</p>{more}"
    return made


class lines_of(nodes.General, nodes.Element):
    """The list of a file's lines, as HTML that only the pages of the site show."""


def place(name, first, last):
    """The id of the lines of a file, above its list."""
    return f"line-{nodes.make_id(name)}-{first}" + (f"-{last}" if last != first else "")


def shown(first, last, places, text):
    """The lines as they stand in the text of a file; of those that hold others of the list, and of many, the first."""
    lines = text.splitlines()[first - 1 : last]
    holds = any(first <= begin and end <= last for begin, end in places if (begin, end) != (first, last))
    return f"{''.join(lines[:1]).strip()} …" if holds or len(lines) > MOST else "\n  ".join(line.strip() for line in lines)


def listing(name, changes, date, text):
    """The list as HTML: a row for each line of a file's text that was changed, with all that was done to it."""
    rows = {}
    for change in changes:
        rows.setdefault((change["line"], change["last"]), []).append(change)
    made = [
        f'<div><dt><a href="#{place(name, *lines)}"><code>{plain(shown(*lines, rows, text))}</code></a></dt><dd>{told(some)}</dd></div>'
        for lines, some in rows.items()
    ]
    words = "Each line was deleted, and some values were changed. "
    words += "The list has the first test that failed because a server, a browser or systemd behaved differently."
    if any(change["verdict"] == "exempt" for change in changes):
        words += " A line is argued if none of our tests can show what it is for."
    return (
        f"<details class=witness><summary>What breaks without each line <span>{summary(changes)}</span></summary>"
        f"<p>{words} Run on <time>{plain(date)}</time>.</p><dl>{''.join(made)}</dl></details>"
    )


def show(app, doctree, docname):
    """Beneath each file that can be downloaded whole, its list, and in the file a place for each line of the list."""
    snippets = app.srcdir / "snippets"
    for block in list(doctree.findall(nodes.container)) if app.builder.name == "html" else ():
        if "literal-block-wrapper" not in block["classes"] or not list(block.findall(addnodes.download_reference)):
            continue
        file = next(block.findall(nodes.literal_block))
        source = Path(app.srcdir, file.get("source", ""))
        name = source.relative_to(snippets).as_posix() if source.is_relative_to(snippets) else ""
        if changes := app.env.witness["files"].get(name):
            places = {lines: place(name, *lines) for lines in ((change["line"], change["last"]) for change in changes)}
            file["highlight_args"] = file.get("highlight_args", {}) | {"places": places}
            block += lines_of(html=listing(name, changes, app.env.witness["date"], file.rawsource))


def visit(self, node):
    self.body.append(node["html"])


def depart(self, node):
    pass


class Witness(FromFile):
    required_arguments = 1
    has_content = True

    def run(self):
        # The manifest is among the snippets: so this page is read again when what counts has changed.
        self.env.note_dependency("snippets/manifest.toml")
        seen, what = self.env.witness, self.one_of(("with", "without", "files"))
        if what in ("with", "without"):
            return self.parse_content_to_nodes(allow_section_headings=True) if (what == "with") == bool(seen["files"]) else []
        return self.files(seen)

    def files(self, seen):
        saved = self.manifest["saved_as"]
        rows = []
        for name, changes in sorted(seen["files"].items()):
            lines, broken, values, wrong, others = counted(changes)
            cells = [f"{broken} of {lines}", f"{wrong} of {values}" if values else "—", str(others.pop("exempt"))]
            rows.append([code(saved.get(name, name)), *cells, str(sum(others.values())), seen["date"]])
        head = ["File", "Deleted lines", "Changed values", "Argued", "Open", "Run on"]
        return self.parse_text_to_nodes(table(head, rows, ["---", *["--:"] * 4, "---"]))


def setup(app):
    app.add_node(lines_of, html=(visit, depart))
    app.add_directive("witness", Witness)
    app.connect("env-get-outdated", outdated)
    app.connect("doctree-resolved", show)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
