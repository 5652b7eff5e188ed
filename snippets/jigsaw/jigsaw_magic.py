"""%jigsaw with an editor of this server's own, for every MetaKernel-based kernel of this environment.

MetaKernel's own magic downloads its editor from calysto.github.io, and what it leaves in the notebook page runs
the code of any message. This one reads the editor from disk, and listens to nobody but that editor.
"""

import json
import os
import sys
from html import escape
from pathlib import Path

from ipykernel.connect import get_connection_file
from metakernel import Magic, option

EDITORS = Path(sys.prefix, "share", "jigsaw")

# What the editor's page leaves blank: where Blockly lies, which blocks were saved, and under what name.
BLOCKLY, SAVED, NAME = 'window.__jigsaw_blockly__ = "";', 'window.__jigsaw_saved_xml__ = "";', "MYWORKSPACENAME"

EMPTY = '<xml xmlns="https://developers.google.com/blockly/xml"></xml>'


class Refused(Exception):
    """What was asked for cannot be done; the message tells the user why."""


class JigsawMagic(Magic):
    @option("-w", "--workspace", action="store", default="", help="name of the files that keep the blocks")
    @option("-h", "--height", action="store", default=350, help="height of the editor in pixels")
    def line_jigsaw(self, language="", workspace="", height=350):
        """
        %jigsaw LANGUAGE - show a block editor under the cell

        The blocks are kept in WORKSPACE.xml, beside the notebook, a second after each change.
        Without a name, it is the one that the notebook had when its kernel started, with -blocks after it.

        Examples:
            %jigsaw Python --workspace shapes
            %jigsaw Python --workspace week1/shapes --height 600
        """
        try:
            page = _save(_editor(str(language)), _workspace(str(workspace)))
        except Refused as refused:
            self.kernel.Error(str(refused))
            return
        known = {"page": str(page), "kernel": _kernel(), "height": int(height) if str(height).isdecimal() else 350}
        listener = (EDITORS / "listener.js").read_text("utf-8")
        failed = "({ message }) => element.append(`The block editor does not start: ${message}`)"
        # An application that does not trust the notebook runs none of its scripts, and shows the text instead.
        self.kernel.DisplayData(
            {
                "application/javascript": f"({listener.strip()})(element, {json.dumps(known)}).catch({failed});",
                "text/plain": "The block editor is shown where this notebook is trusted. Run the cell again.",
            }
        )


def _editor(language):
    """The page of a language's editor."""
    pages = {path.stem: path for path in sorted(EDITORS.glob("*.html"))}
    if language not in pages:
        raise Refused(f"%jigsaw has no editor for {language!r}, only for {', '.join(pages) or f'nothing: {EDITORS} holds no page'}.")
    return pages[language].read_text("utf-8")


def _notebook():
    """The notebook's path, which Jupyter Server tells kernels in this variable; None in a kernel started by other means."""
    session = os.environ.get("JPY_SESSION_NAME")
    return Path(session) if session else None


def _workspace(name):
    notebook = _notebook()
    own = f"{notebook.stem if notebook else 'jigsaw'}-blocks"
    # JupyterLab soon gives such a notebook another name, and the next new one this name.
    if not name and own.startswith("Untitled"):
        such = own if Path(notebook.parent, f"{own}.xml").exists() else "shapes"
        raise Refused(
            f"{notebook.name} has no name of its own yet, after which its blocks could be named. Add one, such as --workspace {such}"
        )
    name = name or own
    hidden = any(part.startswith(".") or not part.strip() for part in name.split("/"))
    if hidden or "\\" in name or not name.isprintable():
        raise Refused(
            f"{name!r} cannot be a workspace's name. It is a path below the notebook's folder, like first-blocks or week1/first-blocks, "
            "and no part of it begins with a dot."
        )
    return name


def _save(page, name):
    """Write the page, with the saved blocks in it, beside the notebook; its path on this machine."""
    # Beside the notebook even after a %cd: that is where a user looks for the files.
    folder = notebook.parent if (notebook := _notebook()) and notebook.parent.is_dir() else Path.cwd()
    blocks, html = folder / f"{name}.xml", folder / f"{name}.html"
    try:
        there = html.read_text("utf-8", errors="replace") if html.exists() else ""
        # An empty file is one of ours: a full disk has cut it short.
        if there and "__jigsaw_saved_xml__" not in there:
            raise Refused(f"{html} exists and is no block editor: choose another name with --workspace.")
        html.parent.mkdir(parents=True, exist_ok=True)
        if not blocks.exists():
            blocks.write_text(EMPTY, "utf-8")
        saved = blocks.read_text("utf-8")
        for blank, filled in (
            (BLOCKLY, f"window.__jigsaw_blockly__ = {_script(_static())};"),
            (SAVED, f"window.__jigsaw_saved_xml__ = {_script(saved)};"),
            (NAME, escape(f"{name}.xml")),
        ):
            page = page.replace(blank, filled)
        html.write_text(page, "utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{blocks} is not in UTF-8, so it holds no blocks of this editor: choose another name with --workspace.") from None
    except OSError as error:
        raise Refused(f"The block editor cannot be written: {error.strerror}: {error.filename}") from None
    return html


def _script(text):
    """A text as a string of JavaScript that cannot end the script it stands in."""
    return json.dumps(text).replace("<", "\\u003c")


def _static():
    """Where the user's server sends Blockly from, without asking who is there: a sandboxed page has no cookies."""
    return os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/") + "static/blockly/"


def _kernel():
    """The id under which Jupyter Server knows this kernel."""
    return Path(get_connection_file()).stem.removeprefix("kernel-")


def register_magics(kernel):
    kernel.register_magics(JigsawMagic)
