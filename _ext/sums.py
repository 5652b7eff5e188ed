"""`{sum}`: the SHA-256 sum of a published file, by its path below snippets/, such as check/hubcheck.py."""

import hashlib
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxRole


class Sum(SphinxRole):
    def run(self):
        name = Path("snippets") / self.text
        self.env.note_dependency(str(name))
        return [nodes.literal(text=hashlib.sha256((Path(self.env.srcdir) / name).read_bytes()).hexdigest())], []


def setup(app):
    app.add_role("sum", Sum())
    return {"parallel_read_safe": True}
