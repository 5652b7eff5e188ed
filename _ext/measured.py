"""Results of a long command, such as `make bench`, as a page shows them: a file in build/, which counts for the published files that it
was made with and for no others.
"""

import json

from sphinx.util import logging

from _ext.evidence import digest

log = logging.getLogger(__name__)


def read(app, file, command, understood=dict):
    """What `understood` makes of what a file tells, as JSON; nothing if there is no file, or if a published file has changed since.

    A file of another shape is a warning.
    """
    path = app.srcdir / file
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
        if all(digest(app.srcdir / "snippets" / name) == seen for name, seen in found["files"].items()):
            return understood(found)
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        log.warning(f"{file} is not what make {command} writes: remove it, and run make {command}")
    return {}


def connect(app, name, pages, read):
    """Once in each build, before pages are read: `read` the results, as an attribute of the environment. Where they have changed,
    the pages that show them are read again.
    """

    def outdated(app, env, added, changed, removed):
        was, now = getattr(env, name, None), read(app)
        setattr(env, name, now)
        return [] if now == was else [page for page in env.found_docs if page in pages]

    app.connect("env-get-outdated", outdated)
