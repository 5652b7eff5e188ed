"""Results of a long command, such as `make bench`, as a page shows them.

`build/` has those of this copy, which count for the published files that they were made with and for no others. Where there are none that
count, the page shows those in `measured/`, which the repository keeps, and names the files that have changed since.
"""

import hashlib
import json

from sphinx.util import logging

from _ext.evidence import renewed

log = logging.getLogger(__name__)
HERE, KEPT = "build", "measured"


def digest_of_lines(path):
    """The SHA-256 of the lines of a file that do something: a comment that changes makes nothing faster. Empty if there is no file."""
    if not path.is_file():
        return ""
    said = (line.rstrip() for line in path.read_text("utf-8").splitlines())
    return hashlib.sha256("\n".join(line for line in said if line and not line.lstrip().startswith("#")).encode()).hexdigest()


def read(app, name, understood=dict, of=digest_of_lines):
    """What `understood` makes of what NAME.json tells; nothing if there is no such file.

    With `since`, the published files that have changed since: none of those for results of this copy. `of` makes a file's sum. A file of
    another shape is a warning.
    """
    for folder in (HERE, KEPT):
        file = f"{folder}/{name}.json"
        path = app.srcdir / file
        if not path.exists():
            continue
        try:
            found = json.loads(path.read_text("utf-8"))
            if not found["files"]:
                raise ValueError("what was made with no file would always count")
            since = sorted(name for name, seen in found["files"].items() if of(app.srcdir / "snippets" / name) != seen)
            # What is empty counts as nothing.
            if (not since or folder == KEPT) and (made := understood(found)):
                return made | {"since": since}
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
            log.warning(f"{file} is not what make {name} writes: remove it, and run make {name}")
    return {}


def told(since):
    """A sentence on the published files that have changed since something was measured; nothing if none has."""
    if not since:
        return ""
    return f" These files have changed since, so their numbers may have, too: {', '.join(f'`{name}`' for name in since)}."


def connect(app, name, pages, read):
    """Once in each build, before pages are read: `read` the results, as an attribute of the environment. Where they have changed,
    the pages that show them are read again.
    """

    def outdated(app, env, added, changed, removed):
        return renewed(env, name, read(app), pages)

    app.connect("env-get-outdated", outdated)
