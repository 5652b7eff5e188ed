"""Shows what `make growth` has measured, as plots and tables of deploy/growing.md.

- `{growth} with`, `{growth} without`: the content, if there are figures of the files as they are now, or if there are none.
- `{growth} NAME`: `real`, `stand_ins`, `lines`, `walls`, `paper` or `about`.

A line is fitted to what was measured and is told with its residual; where that is large, or where there are too few points, nothing is
said of more users than were measured.
"""

import itertools
import math
import re
import statistics
from dataclasses import dataclass
from html import escape

from docutils import nodes

from _ext import measured
from _ext.showing import FromFile, table

PAGES = ("deploy/growing",)
# Of the way from the least to the most that was measured, how far a line may be from it, in the quadratic mean. What grows with the
# square of the users is farther from its line than this, if five numbers of users were measured.
STRAIGHT = 0.05
# Below this part of what was measured, a difference is chance.
LEVEL = 0.05
ON_PAPER = (1000, 3000, 10_000)
# What JupyterHub and its servers do by themselves: seconds between two looks at a server, and how many may start at a time.
LOOKS, STARTING = 30, 100
# Seconds between two reports of a server, and between two looks of the hub at all routes.
EACH_TURN = 300
# Files that systemd lets a service have open: at first, and where it asks for more (DefaultLimitNOFILE in systemd-system.conf). The hub
# does not ask for more than its unit gives it at first.
AT_FIRST, ALLOWED, HUBS_OWN = 1024, 524_288, 65_536
# A class or a campus that comes, in seconds.
COMING = 600
MEGA, GIGA = 2**20, 2**30


class Crooked(ValueError):
    """What was measured is no straight line; the text says why."""


@dataclass(frozen=True)
class Line:
    """`base` without users, `slope` more for each; `residual` is the part of the way by which it misses what was measured."""

    base: float
    slope: float
    residual: float

    def at(self, users):
        return self.base + self.slope * users

    def reaches(self, limit):
        """How many users there are when it is at a limit; nothing if it never comes there."""
        if self.slope <= 0:
            return None
        return max(0.0, (limit - self.base) / self.slope)


def fit(points, grain=0.0):
    """The straight line through (users, value) by least squares. Raises `Crooked`.

    What differs by less than a `grain`, or by a few percent, does not grow.
    """
    points = [(float(users), float(value)) for users, value in points]
    if any(not math.isfinite(part) for point in points for part in point):
        raise Crooked("a figure is not a number")
    users, values = [x for x, _ in points], [y for _, y in points]
    if len(set(users)) < 3:
        raise Crooked(f"{len(set(users))} of the three numbers of users that a line needs were measured")
    way = max(values) - min(values)
    if way <= max(grain, LEVEL * max(map(abs, values))):
        return Line(statistics.mean(values), 0.0, 0.0)
    slope, base = statistics.linear_regression(users, values)
    missed = math.sqrt(statistics.mean((base + slope * x - y) ** 2 for x, y in points)) / way
    if missed > STRAIGHT:
        raise Crooked(f"it is no straight line: the residual is {share(missed)}")
    return Line(base, slope, missed)


def short(value):
    """A number as people read it: two digits that matter, or whole thousands' commas."""
    if value is None:
        return "—"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"


def rounded(value):
    """A number of users, as exact as it is known: two digits."""
    digits = max(0, math.floor(math.log10(value)) - 1) if value >= 1 else 0
    return f"{round(value, -digits):,.0f}"


def share(value):
    return f"{100 * value:.0f} %" if value >= 0.1 or value < 0.0005 else f"{100 * value:.1f} %"


def megabytes(value):
    return f"{value / MEGA:,.0f} MB"


# --- what was measured

# What the file has, and each step by its kind.
HAS = {"steps", "files", "limits", "versions", "base", "machine", "date", "seconds"}
STEP_HAS = {
    "real": {"users", "asked", "nodes", "programs", "cells", "start", "server"},
    "stand-ins": {"users", "variant", "programs", "answers", "spawn", "open", "commits"},
}


def whole(found):
    """What a run has written. Raises KeyError where a part of it is missing."""
    missing = HAS - found.keys() or {name for row in found["steps"].values() for name in STEP_HAS[row["kind"]] - row.keys()}
    if missing:
        raise KeyError(", ".join(sorted(missing)))
    return found


def read(app):
    """What was measured, if it counts for the published files and there is a step at least."""
    return measured.read(app, "growth", lambda found: whole(found) if found["steps"] else {})


def of_kind(found, kind):
    """The steps with real servers, or those with stand-ins, the fewest users first."""
    return sorted((row for row in found["steps"].values() if row["kind"] == kind), key=lambda row: (row.get("nodes", 0), row["users"]))


def variants(found):
    """By its name, the rows of each way to set the hub up, with stand-ins."""
    made = {}
    for row in of_kind(found, "stand-ins"):
        made.setdefault(row["variant"], []).append(row)
    return made


def taken(row, program, what):
    """What a program took in a step: `processor` and `children` are shares of a processor. Nothing if it did not run."""
    return row["programs"].get(program, {}).get(what)


def points(rows, program, what):
    return [(row["users"], taken(row, program, what)) for row in rows if taken(row, program, what) is not None]


# --- where it ends


@dataclass(frozen=True)
class Wall:
    """Something that ends: what, at how many `users` if that is known, `why` so, what to do `then`, and how many were `seen`."""

    what: str
    users: float | None
    why: str
    then: str
    seen: int


def _reached(what, of, limit, words, then, grain=0.0):
    """The wall at which the line through `of`, pairs of users and a figure, is at a limit; `words` tell why by that line."""
    seen = max((users for users, _ in of), default=0)
    try:
        line = fit(of, grain)
    except Crooked as crooked:
        return Wall(what, None, f"Not extrapolated: {crooked}", then, seen)
    users = line.reaches(limit)
    if users is None:
        return Wall(what, math.inf, "Did not grow with the users that were there", then, seen)
    return Wall(what, users, words(line), then, seen)


def alone(line):
    return f"{of_a_core(line.slope)} of a processor for each user. It runs on one processor at a time"


SPLIT_HUB = "The hub cannot be split. Give each part of your users a hub of its own"
SPLIT_PROXY = "[Two proxies](two-proxies.md)"
SPLIT_DATABASE = "[PostgreSQL](database.md)"


def walls(found):
    """All walls that the figures tell of, the nearest first; those of which nothing can be said are last."""
    made, base = [], variants(found).get(found["base"], [])
    if base:
        for program, what, then in (
            ("hub", "The hub needs a whole processor", SPLIT_HUB),
            ("proxy", "The hub's own proxy needs a whole processor", SPLIT_PROXY),
        ):
            made.append(_reached(what, points(base, program, "processor"), 1, alone, then, GRAIN["processor"]))
        made += [_files(base, program, name) for program, name in (("proxy", "The hub's own proxy"), ("hub", "The hub"))]
        made += _writing(base, found)
        made += _doors(base, found)
    made += _starts(found)
    made += _slurm(found)
    known = sorted((wall for wall in made if wall.users is not None), key=lambda wall: wall.users)
    return known + [wall for wall in made if wall.users is None]


def _files(rows, program, name):
    """A program that asks for more than it is given at first may have as many as systemd allows."""
    measured = max(taken(row, program, "limit") or 0 for row in rows)
    limit = measured if measured <= AT_FIRST else HUBS_OWN if program == "hub" else ALLOWED

    def why(line):
        words = f"{short(line.slope)} for each user"
        return words if limit == measured else f"{words}. By systemd it may have {limit:,}. In the container here that was {measured:,}"

    what = f"{name} has {limit:,} files and connections open, and may have no more"
    return _reached(what, points(rows, program, "files"), limit, why, "`LimitNOFILE` in the unit", GRAIN["files"])


def _writing(rows, found):
    """SQLite writes one change after the other, and the hub waits for each."""
    seconds = found["limits"].get("commit")
    if not seconds or any(row.get("commits") is None for row in rows):
        return []

    def why(line):
        return f"{short(60 * line.slope)} changes a minute for each user, and {short(1000 * seconds)} ms for each change on this disk"

    of = [(row["users"], row["commits"]) for row in rows]
    return [_reached("The hub does nothing else but write to SQLite", of, 1 / seconds, why, SPLIT_DATABASE)]


def _doors(rows, found):
    """The web server opens a connection to the hub's proxy for each WebSocket, from one port to one port."""
    ports = found["limits"].get("ports")
    opened = [row["open"] / row["users"] for row in rows if row["users"] and row.get("open")]
    if not ports or not opened:
        return []
    each = max(opened)
    why = f"{short(each)} WebSockets for each user, and {ports:,} ports from one address to one port. Counted, not measured"
    return [
        Wall(
            "No port is left between the web server and the hub's proxy",
            ports / each,
            why,
            "Another address for the proxy, or more than one web server",
            max(row["users"] for row in rows),
        )
    ]


def _starts(found):
    """How many may come within ten minutes: what the hub works for a start, and how many may start at a time."""
    rows = [row for row in of_kind(found, "real") if row.get("cells")]
    if not rows:
        return []
    row = max(rows, key=lambda row: row["users"])
    work, wait = row["start"]["hub"], row["cells"]["server"][0]
    made = []
    if work:
        why = f"A login and a start take {short(work)} seconds of the hub's processor, measured with {row['users']} real users"
        made.append(Wall("So many come within ten minutes that the hub does nothing else", COMING / work, why, SPLIT_HUB, row["users"]))
    if wait:
        why = f"`concurrent_spawn_limit` is {STARTING}, and half of the servers took {short(wait)} seconds. More users are told to wait"
        made.append(
            Wall("So many come within ten minutes that some are refused", COMING * STARTING / wait, why, "A larger limit", row["users"])
        )
    return made


def _slurm(found):
    """The hub asks Slurm about each job again and again."""
    rows = [row for row in of_kind(found, "real") if taken(row, "controller", "processor") is not None]
    if not rows:
        return []

    def why(line):
        words = f"The hub runs `squeue` for each server every {LOOKS} seconds. With the controller's part, that is "
        return words + f"{of_a_core(line.slope)} of a processor for each user"

    of = [(row["users"], (taken(row, "hub", "children") or 0) + taken(row, "controller", "processor")) for row in rows]
    return [_reached("Questions about jobs need a whole processor", of, 1, why, "A larger `c.Spawner.poll_interval`", GRAIN["processor"])]


def by_users(rows, program, what):
    """The mean of the rows with the same number of users, whatever their nodes."""
    seen = {}
    for users, value in points(rows, program, what):
        seen.setdefault(users, []).append(value)
    return [(users, statistics.mean(values)) for users, values in sorted(seen.items())]


# --- the page

HEIGHT, TOP, LEFT, RIGHT = 240, 16, 12, 94
STYLES = ("first", "second", "third", "fourth")


def nice(value):
    """A round number that is no smaller, for the end of an axis; half of it is round too."""
    if value <= 0:
        return 1.0
    unit = 10 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 4, 6, 10) if step * unit >= value * (1 - 1e-9))


def plot(name, title, unit, series, words=short):
    """Curves by the number of users; `series` maps labels to lists of (users, value), and `words` tells a value.

    Places across are shares of the page's width, so that letters keep their size on a narrow one.
    """
    everything = [point for curve in series.values() for point in curve]
    if not everything:
        return []
    right, top = nice(max(x for x, _ in everything)), nice(max(y for _, y in everything))

    def across(users):
        return f"{LEFT + (RIGHT - LEFT) * users / right:.2f}%"

    def down(value):
        return f"{TOP + HEIGHT * (1 - value / top):.1f}"

    bottom = f"{TOP + HEIGHT}"
    parts = []
    for part in (0, 0.5, 1):
        y = down(top * part)
        parts.append(f'<line class="grid" x1="{LEFT}%" x2="{RIGHT}%" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 1}%" y="{float(y) + 4:.1f}" text-anchor="end">{escape(words(top * part))}</text>')
        parts.append(f'<text x="{across(right * part)}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{right * part:,.0f}</text>')
    parts.append(f'<line x1="{LEFT}%" x2="{RIGHT}%" y1="{bottom}" y2="{bottom}"/>')
    parts.append(f'<text x="{RIGHT}%" y="{TOP + HEIGHT + 38}" text-anchor="end">users</text>')
    told = []
    for number, (label, curve) in enumerate(series.items()):
        style, curve = STYLES[number % len(STYLES)], sorted(curve)
        for (x, y), (later, higher) in itertools.pairwise(curve):
            parts.append(f'<line class="curve {style}" x1="{across(x)}" y1="{down(y)}" x2="{across(later)}" y2="{down(higher)}"/>')
        parts += [f'<circle class="dot {style}" cx="{across(x)}" cy="{down(y)}" r="4"/>' for x, y in curve]
        row = TOP + HEIGHT + 62 + 22 * number
        parts.append(f'<line class="curve {style}" x1="0" x2="28" y1="{row - 4}" y2="{row - 4}"/>')
        parts.append(f'<circle class="dot {style}" cx="14" cy="{row - 4}" r="4"/><text x="36" y="{row}">{escape(label)}</text>')
        told.append(f"{label}: {', '.join(f'{words(y)} at {x:,} users' for x, y in curve)}.")
    height = TOP + HEIGHT + 62 + 22 * len(series)
    svg = (
        f'<svg role="img" aria-labelledby="{name}-title {name}-desc" width="100%" height="{height}">'
        f'<title id="{name}-title">{escape(title)}, {escape(unit)}</title>'
        f'<desc id="{name}-desc">{escape(" ".join(told))}</desc>{"".join(parts)}</svg>'
    )
    return [nodes.raw("", f'<figure class="plot"><figcaption>{escape(title)}, {escape(unit)}</figcaption>{svg}</figure>', format="html")]


class Growth(FromFile):
    required_arguments = 1
    has_content = True

    def run(self):
        found, what = self.env.growth, self.one_of(SHOWN)
        if what in ("with", "without"):
            return self.parse_content_to_nodes(allow_section_headings=True) if (what == "with") == bool(found) else []
        return getattr(self, what)(found)

    def table(self, head, rows):
        if not rows:
            return self.parse_text_to_nodes("The last measurement did not include this.")
        # A narrow column would put a unit below its number.
        return self.parse_text_to_nodes(re.sub(r"(?<=\d) (?=%|(?:m?s|[kM]B)\b)", "\N{NO-BREAK SPACE}", table(head, rows)))

    def real(self, found):
        head = [
            "Users",
            "Nodes",
            "Half have a computed cell within",
            "95 of 100",
            "Hub",
            "Hub's commands",
            "Hub's proxy",
            "Slurm's controller",
            "Memory of a server with a kernel",
        ]
        rows = []
        for row in of_kind(found, "real"):
            half, late = row["cells"]["cell"]
            shares = [taken(row, *which) for which in (("hub", "processor"), ("hub", "children"), ("proxy", "processor"))]
            shares.append(taken(row, "controller", "processor"))
            told = ["—" if value is None else share(value) for value in shares]
            rows.append([f"{row['users']}", f"{row['nodes']}", f"{half:.1f} s", f"{late:.1f} s", *told, megabytes(row["server"])])
        curves = {label: by_users(of_kind(found, "real"), *which) for label, which in TAKES.items()}
        return [*plot("growth-real", "What real users take", "of one processor", curves, share), *self.table(head, rows)]

    def stand_ins(self, found):
        by_name, base = variants(found), found["base"]
        if base not in by_name:
            return self.table([], [])
        hubs = {name: points(rows, "hub", "processor") for name, rows in by_name.items()}
        proxies = {name: points(rows, "proxy", "processor") for name, rows in by_name.items()}
        held = {f"the hub, with {base}": points(by_name[base], "hub", "memory")}
        held |= {f"the proxy, with {name}": points(rows, "proxy", "memory") for name, rows in by_name.items() if name in PROXIES}
        memory = {label: [(users, value / MEGA) for users, value in of] for label, of in held.items()}
        made = [
            *plot("growth-hub", "What the hub takes", "of one processor", hubs, share),
            *plot("growth-proxy", "What the hub's proxy takes", "of one processor", proxies, share),
            *plot("growth-memory", "What they take of memory", "MB", memory),
        ]
        for name, rows in by_name.items():
            programs = [program for program in SHORT if any(taken(row, program, "memory") is not None for row in rows)]
            head = ["Stand-ins", *(words for program in programs for words in (SHORT[program], "Its memory"))]
            head += ["WebSockets", "The API answers in", "95 of 100", "One more server"]
            lines = []
            for row in rows:
                told = []
                for program in programs:
                    processor, memory = taken(row, program, "processor"), taken(row, program, "memory")
                    told += ["—", "—"] if memory is None else [share(processor), megabytes(memory)]
                half, late = row["answers"]
                spawn = f"{statistics.median(row['spawn']):.2f} s" if row.get("spawn") else "—"
                lines.append([f"{row['users']:,}", *told, f"{row['open']:,}", f"{half:.0f} ms", f"{late:.0f} ms", spawn])
            made += self.parse_text_to_nodes(f"With {name}:")
            made += self.table(head, lines)
        return made

    def lines(self, found):
        """What was fitted, with its residual."""
        rows = []
        for name, of in variants(found).items():
            for program, what, words in FITTED:
                seen = points(of, program, what)
                if not seen or (name != found["base"] and program not in DIFFERS.get(name, ())):
                    continue
                try:
                    line = fit(seen, GRAIN[what])
                except Crooked as crooked:
                    rows.append([f"{PROGRAMS[program]}, {WHAT[what]}", name, "—", "—", f"not extrapolated: {crooked}"])
                else:
                    told = f"{share(line.residual)}" if line.slope else "does not grow"
                    rows.append([f"{PROGRAMS[program]}, {WHAT[what]}", name, words(line.base), words(line.slope), told])
        return self.table(["What", "With", "Without users", "More for each user", "Residual"], rows)

    def walls(self, found):
        rows = []
        for wall in walls(found):
            if wall.users is None:
                users = "not known"
            elif math.isinf(wall.users):
                users = "none seen"
            else:
                users = rounded(wall.users) + (" (on paper)" if wall.users > wall.seen else "")
            rows.append([users, wall.what, wall.why, wall.then])
        return self.table(["Users", "What ends", "Why", "What to do then"], rows)

    def paper(self, found):
        """The lines, drawn on to thousands of users."""
        base = variants(found).get(found["base"], [])
        rows = []
        for program, what, words in FITTED:
            try:
                line = fit(points(base, program, what), GRAIN[what])
            except Crooked:
                continue
            rows.append([f"{PROGRAMS[program]}, {WHAT[what]}", *(words(line.at(users)) for users in ON_PAPER)])
        return self.table(["On paper", *(f"{users:,} users" for users in ON_PAPER)], rows)

    def about(self, found):
        machine, versions = found["machine"], ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        words = (
            f"Run on {found['date']}, in {found['seconds'] / 60:.0f} minutes, on {machine['cores']} cores with "
            f"{machine['memory'] / GIGA:.0f} GB of memory. Users' servers could take {share(machine['most'])} of what was free. {versions}."
        )
        if watched := [row["window"] for row in of_kind(found, "stand-ins") if row.get("window")]:
            words += f" Each number of stand-ins was watched for {min(watched):.0f} seconds."
            if min(watched) < EACH_TURN:
                words += " What the hub does once in five minutes is in some of these figures and not in others."
        if cut := [row for row in of_kind(found, "real") if row["users"] < row["asked"]]:
            words += (
                f" {max(row['asked'] for row in cut)} real users were asked for, and memory reached for {max(row['users'] for row in cut)}."
            )
        return self.parse_text_to_nodes(words + measured.told(found["since"]))


def each_byte(value):
    return megabytes(value) if abs(value) >= MEGA else f"{value / 1024:.0f} kB"


def of_a_core(value):
    if abs(value) < 1e-6:
        return "0 %"
    return share(value) if abs(value) >= 0.001 else f"{100 * value:.2g} %"


SHOWN = ("with", "without", "real", "stand_ins", "lines", "walls", "paper", "about")
TWO, OTHER = "two Traefiks and SQLite", "the hub's own proxy and PostgreSQL"
# By variant, what takes part in it that is not the same with the first one; and those with a proxy that has not been shown yet.
DIFFERS = {TWO: ("proxy",), OTHER: ("hub", "database")}
PROXIES = ("the hub's own proxy and SQLite", TWO)
# Of real users, the curves.
TAKES = {
    "the hub": ("hub", "processor"),
    "the hub's commands": ("hub", "children"),
    "the hub's proxy": ("proxy", "processor"),
    "Slurm's controller": ("controller", "processor"),
}
# Columns of a table, if there is such a program.
SHORT = {"hub": "Hub", "proxy": "Proxy", "routes": "Valkey", "database": "Database"}
PROGRAMS = {"hub": "The hub", "proxy": "The hub's proxy", "database": "The database"}
WHAT = {"processor": "part of a processor", "memory": "memory", "files": "open files and connections"}
# What a program has by chance at one moment, and at another not.
GRAIN = {"files": 20, "memory": 2 * MEGA, "processor": 0.005}
FITTED = [
    ("hub", "processor", of_a_core),
    ("hub", "memory", each_byte),
    ("hub", "files", short),
    ("proxy", "processor", of_a_core),
    ("proxy", "memory", each_byte),
    ("proxy", "files", short),
    ("database", "processor", of_a_core),
    ("database", "memory", each_byte),
]


def setup(app):
    app.add_directive("growth", Growth)
    measured.connect(app, "growth", PAGES, read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
