"""Shows what `make mutants` has found on the page of the check: the share of small changes to its script that the tests notice.

`{mutants}` shows it while the script is the one that was changed, and nothing otherwise.

The file: `files` are the script and its SHA-256, `mutmut` is its version, `all` says how many mutants there are, and `counts` what
became of those that were tried. `survivors` are the mutants that no test notices: {"line", "function", "became"}.
"""

from docutils import nodes

from _ext import measured
from _ext.evidence import digest
from _ext.showing import FromFile, code, table

# What became of a mutant, by mutmut's word, and what the page says of so many of them.
BECAME = {
    "killed": "make a test fail",
    "timeout": "never end, which a test notices too",
    "survived": "pass every test",
    "no tests": "are in code that no test runs",
}
SHOWN = ("date", "mutmut", "all", "counts", "survivors")
NOTICED = ("killed", "timeout")


def read(app):
    """What was found, if it counts for the published script."""
    found = measured.read(app, "mutants", lambda found: {"share": share(found["counts"])} | {key: found[key] for key in SHOWN}, of=digest)
    # It names lines: of another script it says nothing.
    return {} if found.get("since") else found


def share(counts):
    """The part of the mutants that were tried that is noticed, in hundredths, rounded down."""
    return 100 * sum(counts.get(name, 0) for name in NOTICED) // sum(counts.values())


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
        made = self.parse_text_to_nodes(words)
        if rows := [[f"{it['line']}", code(it["function"]), code(it["became"])] for it in found["survivors"]]:
            summary = f"<details><summary>The {len(rows)} changes that no test notices</summary>"
            survivors = self.parse_text_to_nodes(table(["Line", "In", "What it becomes"], rows))
            made += [nodes.raw("", summary, format="html"), *survivors, nodes.raw("", "</details>", format="html")]
        return made


def setup(app):
    app.add_directive("mutants", Mutants)
    measured.connect(app, "mutants", ["deploy/check"], read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
