"""What directives show pages by: MyST for code, lists and tables, and a directive that makes it of files."""

from pathlib import Path

from babel.lists import format_list
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from _ext import manifest


def fence(text, language):
    return f"``````{language}\n{text}\n``````\n"


def code(line):
    """A line as code in a table's cell."""
    line = line.replace("|", "\\|")
    return f"`` {line} ``" if "`" in line else f"`{line}`"


def listed(items):
    """A list as a person writes it: "a, b and c"."""
    return format_list(list(items), locale="en_GB")


def table(head, rows, marks=None):
    """A table; `marks` are what stands between its head and its rows, by which its columns stand."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, marks or ["---"] * len(head), *rows])


class FromFile(SphinxDirective):
    """A directive that makes MyST of files; its code blocks name the file that they are from."""

    @property
    def manifest(self):
        return manifest.read(Path(self.env.srcdir) / "snippets")

    def one_of(self, shown, at=0):
        """The directive's first argument, or the one after so many others: one of what can be `shown`."""
        if (what := "".join(self.arguments[at : at + 1])) not in shown:
            raise self.error(f"{' '.join([self.name, *self.arguments[:at]])} shows {', '.join(shown)}, and not {what!r}")
        return what

    def read(self, name):
        path = Path(self.env.doc2path(self.env.docname)).parent / name
        # A file that is not there would count as changed each time.
        if path.exists():
            self.env.note_dependency(str(path))
        return path

    def made(self, text, source):
        # In lines of one string, Sphinx would make spaces of a file's tabs.
        lines = StringList(text.splitlines(), source=str(source))
        parsed = self.parse_text_to_nodes(lines, allow_section_headings=False)
        for node in parsed:
            for block in node.findall(nodes.literal_block):
                block["source"] = str(source)
        return parsed
