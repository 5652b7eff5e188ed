"""Reads build/evidence.json, a list of rows: what the tests saw, for the site to show.

A row names by their SHA-256 the snippets that took part (`files`), those of them that it speaks for (`proves`), and what
happened (`kind`): a program `accepted` them, a user `climbed` the ladder through a reverse proxy, systemd `booted` the
hub, `blocks_run` in a browser, somebody made a `fault`, a reverse proxy lived through a `term`, a reader `typed` the
commands of a page, an archive, whose SHA-256 is the `version`, has `set_up` a server, a `kernel` from PyPI was used behind a
hub, on a `cluster` users' servers were jobs, what broken deployments printed was `log_read`, a user `used` the hub in another browser than
Chromium, which was `attacked` by pages, or the check met a `stranger`: a set-up that somebody has published at the
address `application`, with a name and what is wrong with it as its `fault`, and a word for what the check made of it as the one key
of `lived`.

Of a kernel, `by` is its package, `application` its name in the launcher, `lived` what it does, and `on` the program that it runs; of
one that does not compute, the words that are seen.

Of a browser, `by` is its name, `on` the reverse proxy and its version, and `lived` what was done in it; of one that was attacked, each
attack, with what it came to.

A row counts while every file that took part is still the same.

On a cluster, `on` is the reverse proxy, and `application` the one in which blocks ran, or nothing for the steps of the check.

`home` is the Debian release of the hub's own machine.

A row of a fault names it (`fault`) and tells what of a user's work lived through it (`lived`: {"variable": true, ...}).
`rungs` holds seconds: those that a rung took, or for which a fault made the hub and the user's server silent. Those of a
term are figures of all kinds, which `TERM` in _ext/stamps.py explains, and those of a log's, which _ext/known.py explains. What
was typed is in `lived`, see `keys`. `dates` has the day of each thing in `lived`: of one page, and of one browser, several tests see
a part.
"""

import hashlib
import json
import re
from pathlib import Path

# What a row is of, see `key`.
KEY = ("kind", "by", "version", "on", "home", "jupyterhub", "application", "fault")
REST = ("rungs", "lived", "files", "proves", "date")


PROMPTS = ("# ", "$ ")
CONSOLE = re.compile(r"(?ms)^( *)```console\n(.*?)^ *```$")
# Paragraphs, and blocks of text, of a page's source.
PARTS = re.compile(r"(?ms)^ *```text\n.*?^ *```$|(?:^(?! *```)[^\n]*\S[^\n]*\n?)+")
# What says what a command prints, see tests/harness/site/walk.py.
TELLS, LATER = re.compile(r"You should see|\bdiffers?\b"), "Some seconds later"


def commands(text):
    """The commands of a console block, each with the lines that it prints below it. Raises ValueError for output before any command."""
    made = []
    for line in text.strip("\n").split("\n"):
        if line.startswith(PROMPTS):
            made.append(line)
        elif not made:
            raise ValueError(f"a console block that begins with output: {line}")
        else:
            made[-1] += f"\n{line.rstrip()}"
    return made


def keys(source):
    """By console block of a page's source, the names of its commands in the evidence: what is typed, the lines below it, and all that the
    page says up to the next block of what comes then. The second time that a page has the same, its name has a number.
    """
    # The text around each block comes with its indentation and its own text between.
    before, *rest = CONSOLE.split(source)
    said = [told(after) for after in rest[2::3]]
    for number in range(len(said) - 1)[::-1]:
        # What is said after tabs is said of the block of each.
        said[number] += said[number + 1] if "{group-tab}" in rest[3 * number + 2] else []
    made, seen = [], {}
    for indent, block, after, tells in zip(rest[::3], rest[1::3], rest[2::3], said, strict=True):
        waits = [part.strip() for part in PARTS.findall(before)[-1:] if LATER in part]
        names = []
        for command in commands(re.sub(f"(?m)^{indent}", "", block)):
            name = "\n".join([command, *tells, *waits])
            seen[name] = seen.get(name, 0) + 1
            names.append(name if seen[name] == 1 else f"{name}\n({seen[name]})")
        made.append(names)
        before = after
    return made


def told(text):
    """Of what a page says after a block, the paragraphs on what comes, and the blocks of text that such a paragraph announces."""
    parts, found = PARTS.findall(text), []
    for before, part in zip(["", *parts], parts, strict=False):
        announced = before in found[-1:] and before.rstrip().endswith(":") and "```text" in part
        if announced or ("```text" not in part and TELLS.search(part)):
            found.append(part)
    return [part.strip() for part in found]


def key(row):
    """Of two rows that agree in this, the newer counts. A program may have accepted other files in another test."""
    return tuple(row[name] for name in KEY) + (tuple(row["proves"]) if row["kind"] == "accepted" else ())


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def read(path):
    """The rows of an evidence file, none if there is no file. Raises ValueError with one line if it is no such file."""
    try:
        rows = json.loads(path.read_text("utf-8")) if path.exists() else []
        if all(row.keys() >= {*KEY, *REST} for row in rows):
            return rows
    except (ValueError, AttributeError, TypeError):
        pass
    raise ValueError(f"{path.name} is not what the tests write: remove it, and run them again")


def renewed(env, name, now, pages=()):
    """Keep what counts now as the environment's `name`; if something else counted, the `pages` to read again, or all with snippets."""
    was = getattr(env, name, None)
    setattr(env, name, now)
    if now == was:
        return []
    return pages or [page for page, files in env.dependencies.items() if any("snippets" in Path(file).parts for file in files)]


def standing(rows, snippets):
    """The rows that still count: each file that took part lies in the folder `snippets` as it was.

    Those without `dates` are of earlier tests, which named files that a program had not read. A row without files would always count.
    """
    rows = [row for row in rows if "dates" in row and row["files"]]
    now = {name: digest(snippets / name) for row in rows for name in row["files"]}
    return [row for row in rows if all(now[name] == seen for name, seen in row["files"].items())]
