"""Builds the one download: every published file at its place below one folder, and setup.sh, which installs them.

- `{archive}`: the link to it, with its SHA-256.
- metakernel-hub.tar.gz, beside the pages, holds the example values. metakernel-hub.tar, the same without compression, is what
  _static/values.js puts a reader's own values into.

The same files make the same bytes: in order, root's, without a time.
"""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from docutils import nodes
from evidence import renewed
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from _ext import manifest

FOLDER = "metakernel-hub"
NAME = f"{FOLDER}.tar.gz"


def placed(snippets):
    """{path in the archive: file}, in the order of the paths. What is run from where it lies is in root's home."""
    known, found = manifest.read(snippets), {}
    for file in snippets.rglob("*"):
        name = file.relative_to(snippets).as_posix()
        if manifest.published(file, snippets) and name.split("/")[0] not in known["elsewhere"]:
            place = known["saved_as"].get(name, f"/root/{name}").removeprefix(f"/root/{FOLDER}")
            found[f"{FOLDER}{place}"] = file
    return dict(sorted(found.items()))


def packed(files):
    """The tar file of {path: file}. Scripts may be run, by everybody who may read them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, file in files.items():
            data = file.read_bytes()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755 if data.startswith(b"#!") else 0o644
            entry.uname = entry.gname = "root"
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def make(app, env, added, changed, removed):
    """Once in each build, before pages are read: those that show snippets are read again if the archive is another."""
    app.archive = packed(placed(app.srcdir / "snippets"))
    app.archive_packed = gzip.compress(app.archive, mtime=0)
    return renewed(env, "archive", hashlib.sha256(app.archive_packed).hexdigest())


class Archive(SphinxDirective):
    def run(self):
        self.env.note_dependency("snippets/manifest.toml")
        link = nodes.reference(
            "", "Download the whole set-up", refuri="../" * self.env.docname.count("/") + NAME, internal=True, classes=["archive-link"]
        )
        proof = nodes.literal("", self.env.archive)
        site = addnodes.only(expr="builder_html")
        site += nodes.paragraph("", "", link, classes=["archive"])
        site += nodes.raw("", '<p class="archive-status" role="status"></p>', format="html")
        site += nodes.paragraph("", "", nodes.Text("SHA-256 with the example values: "), proof, classes=["archive-sum"])
        book = addnodes.only(expr="not builder_html")
        book += nodes.paragraph("", f"The first page of this guide's site has the file {NAME}.")
        return [site, book]


def write(app, exception):
    if not exception and app.builder.name == "html":
        Path(app.outdir, NAME).write_bytes(app.archive_packed)
        Path(app.outdir, f"{FOLDER}.tar").write_bytes(app.archive)


def setup(app):
    app.add_directive("archive", Archive)
    app.connect("env-get-outdated", make)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
