"""Shows build/mutants.json on the page of the check: the share of small changes to its script that the tests notice.

`{mutants}` shows it while the script is the one that was changed, and nothing otherwise.

The file: `files` are the script and its SHA-256, `mutmut` is its version, `all` says how many mutants there are, and `counts` what
became of those that were tried. `survivors` are the mutants that no test notices: {"line", "function", "became"}.
"""

import json

from atlas import FromFile, code
from docutils import nodes
from evidence import digest
from sphinx.util import logging

log = logging.getLogger(__name__)

FILE = "build/mutants.json"
# What became of a mutant, by mutmut's word, and what the page says of so many of them.
BECAME = {
    "killed": "make a test fail",
    "timeout": "never end, which a test notices too",
    "survived": "pass every test",
    "no tests": "are in code that no test runs",
}
NOTICED = ("killed", "timeout")


def read(app):
    """What was found; nothing if there is no file, or if the script has changed since."""
    path = app.srcdir / FILE
    try:
        found = json.loads(path.read_text("utf-8")) if path.exists() else {"files": {"": "none"}}
        if all(digest(app.srcdir / "snippets" / name) == seen for name, seen in found["files"].items()):
            return {"share": share(found["counts"])} | {key: found[key] for key in ("date", "mutmut", "all", "counts", "survivors")}
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        log.warning(f"{FILE} is not what make mutants writes: remove it, and run make mutants")
    return {}


def share(counts):
    """The part of the mutants that were tried that is noticed, in hundredths, rounded down."""
    return 100 * sum(counts.get(name, 0) for name in NOTICED) // sum(counts.values())


def outdated(app, env, added, changed, removed):
    """Once in each build, before pages are read: the page of the check is read again if the numbers have changed."""
    was = getattr(env, "mutants", None)
    env.mutants = read(app)
    return [] if env.mutants == was else [name for name in env.found_docs if name == "deploy/check"]


class Mutants(FromFile):
    def run(self):
        found = self.env.mutants
        if not found:
            return []
        counts, tried = found["counts"], sum(found["counts"].values())
        some = f"{tried} of them, chosen by chance, were tried" if tried < found["all"] else "all were tried"
        told = "\n".join(f"- {counts[name]} {words}." for name, words in BECAME.items() if counts.get(name))
        words = (
            "The script has its own tests, and we tested those too. "
            f"[mutmut](https://mutmut.readthedocs.io/) {found['mutmut']} makes {found['all']} mutants of it, "
            f"each with one small change, and {some} on {found['date']}. **The tests notice {found['share']}% of them**:\n\n{told}"
        )
        rows = "\n".join(f"| {it['line']} | {code(it['function'])} | {code(it['became'])} |" for it in found["survivors"])
        table = self.parse_text_to_nodes(f"| Line | In | What it becomes |\n|---|---|---|\n{rows}") if rows else []
        if table:
            summary = f"<details><summary>The {len(found['survivors'])} changes that no test notices</summary>"
            table = [nodes.raw("", summary, format="html"), *table, nodes.raw("", "</details>", format="html")]
        return [*self.parse_text_to_nodes(words), *table]


def setup(app):
    app.add_directive("mutants", Mutants)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
