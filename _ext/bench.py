"""Shows what `make bench` has measured, as plots and tables of deploy/speed.md.

- `{bench} with`, `{bench} without`: the content, if there are numbers of the files as they are now, or if there are none.
- `{bench} NAME`: plots, and the tables beneath them.

What was measured several times is shown as its middle, with the lowest and the highest in brackets; a ratio has the lowest and
the highest quotient of any two.
"""

import itertools
import statistics
from html import escape

from docutils import nodes

from _ext import measured
from _ext.showing import FromFile, table

PAGES = ("deploy/speed", "deploy/class", "deploy/faster")
OURS, BASE = "this guide", "nginx, original guide"
MEGA = 1_000_000


def read(app):
    """What was measured, if it counts for the published files."""
    return measured.read(app, "bench")


def short(value):
    """A number as people read it: three digits that matter."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def share(value):
    """A part of something, as people read it."""
    return f"{100 * value:.0f}%" if value >= 0.01 or not value else f"{100 * value:.1g}%"


def ranged(values, words=short):
    """The middle of what was measured, and from where to where it went: `5 (4.1 to 6)`, or `5` if it did not move."""
    if not values:
        return "—"
    middle, low, high = (words(value) for value in (statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def quotients(values, base):
    """The quotient of the two middles, the lowest of any two, and the highest; nothing where one would be by nought."""
    if not min(base):
        return []
    return [statistics.median(values) / statistics.median(base), min(values) / max(base), max(values) / min(base)]


HEIGHT, BAR = 44, 14


def plot(title, unit, rows):
    """Bars from nought to the middle, with a line from the lowest to the highest; `rows` maps labels to what was measured.

    Widths are shares of the page's own, so that words keep their size on a narrow one.
    """
    most = max(map(max, rows.values())) or 1
    parts = []
    for number, (label, values) in enumerate(rows.items()):
        top = number * HEIGHT
        low, middle, high = (f"{88 * value / most:.2f}%" for value in (min(values), statistics.median(values), max(values)))
        ours = " ours" if label.endswith(OURS) else ""
        parts.append(f'<text x="0" y="{top + 14}">{escape(label)}: {ranged(values)}</text>')
        parts.append(f'<rect class="bar{ours}" x="0" y="{top + 20}" width="{middle}" height="{BAR}" rx="2"/>')
        if low != high:
            across = top + 20 + BAR / 2
            parts.append(f'<line x1="{low}" x2="{high}" y1="{across}" y2="{across}"/>')
    words = escape(f"{title}, {unit}. The table below has the numbers.", quote=True)
    svg = f'<svg role="img" aria-label="{words}" width="100%" height="{len(rows) * HEIGHT}">{"".join(parts)}</svg>'
    return nodes.raw("", f'<figure class="plot"><figcaption>{escape(title)}, {escape(unit)}</figcaption>{svg}</figure>', format="html")


class Bench(FromFile):
    required_arguments = 1
    has_content = True

    def run(self):
        found, what = self.env.bench, self.one_of(SHOWN)
        if what in ("with", "without"):
            return self.parse_content_to_nodes(allow_section_headings=True) if (what == "with") == bool(found) else []
        if what != "about" and not found["stages"].get(what):
            # make bench may measure one stage alone.
            return self.parse_text_to_nodes("The last measurement did not include this.")
        return getattr(self, what)(found["stages"].get(what), found)

    def table(self, head, rows):
        return self.parse_text_to_nodes(table(head, rows))

    def ways(self, title, ways, columns, cell):
        """A row for each way; `columns` are pairs of a heading and a key."""
        rows = [[way, *(cell(seen.get(key)) for _, key in columns)] for way, seen in ways.items()]
        return self.table([title, *(heading for heading, _ in columns)], rows)

    def compared(self, title, unit, ways):
        """A plot of what was measured of each way, and a table with the part that it is of `BASE`'s."""
        base = ways[BASE]
        rows = [[way, ranged(values), ranged([1] if way == BASE else quotients(values, base), share)] for way, values in ways.items()]
        return [plot(title, unit, ways), *self.table([title, unit[0].upper() + unit[1:], f"Part of {BASE}'s"], rows)]

    def replies(self, ways, found):
        distances = [(f"{rtt} ms away", rtt) for rtt in next(iter(ways.values()))]
        near = {way: middles(seen["0"]["answers"]) for way, seen in ways.items()}
        return [
            *self.compared("A kernel's answer, the user close by", "milliseconds", near),
            *self.ways("Half of a kernel's answers within, ms", ways, distances, lambda seen: ranged(middles(seen["answers"]))),
            *self.ways("99 of 100 within, ms", ways, distances, lambda seen: short(last(itertools.chain(*seen["answers"])))),
            *self.ways("A widget's 4 KB there and back, ms", ways, distances, lambda seen: ranged(middles(seen["echoes"]))),
            *self.ways("20 MB that a cell prints, s", ways, distances, lambda seen: ranged([ms / 1000 for ms in seen["outputs"]])),
        ]

    def pages(self, ways, found):
        title, link = "JupyterLab, first load", "5 Mbit/s"
        slow = {way: [seen[title][link], *found["stages"].get("again", {}).get(way, [])] for way, seen in ways.items()}
        weight = {way: [seen["bytes"] / MEGA for seen in loads] for way, loads in slow.items()}
        made = [
            *self.compared("JupyterLab's first load", "megabytes", weight),
            *self.compared("The same over 5 Mbit/s, 40 ms away", "seconds", {way: [it["seconds"] for it in slow[way]] for way in ways}),
        ]
        for title in next(iter(ways.values())):
            of = {way: seen[title] for way, seen in ways.items()}
            made += self.ways(title, of, [(link, link) for link in max(of.values(), key=len)], load)
        return made

    def calls(self, ways, found):
        what = next(iter(ways.values()))
        made = (self.compared(f"Answers in a second, {name}", CALLERS, {way: ways[way][name] for way in ways}) for name in what)
        return [*itertools.chain(*made)]

    def sockets(self, ways, found):
        sizes = [row["asked"] for row in max(ways.values(), key=len)]
        of = {way: {row["asked"]: row for row in rows} | dict.fromkeys(sizes[len(rows) :]) for way, rows in ways.items()}
        return [
            plot(f"Idle WebSockets, of {sizes[-1]}", "that open", {way: [rows[-1]["open"]] for way, rows in ways.items()}),
            *self.ways("WebSockets asked for", of, [(str(size), size) for size in sizes], line),
        ]

    def lines(self, items, found):
        rows = []
        for name, seen in items.items():
            ratio = ranged(quotients(seen["on"], seen["off"]), "{:.2f}".format)
            rows.append([name, seen["unit"], ranged(seen["on"]), ranged(seen["off"]), ratio])
        return self.table(["Line", "Measured", "With", "Without", "Ratio"], rows)

    def crowd(self, items, found):
        (seen,) = items.values()
        row = [str(seen["users"]), f"{seen['bytes'] / MEGA:.0f} MB", f"{seen['seconds']:.0f} s", f"{ranged(seen['answers'])} ms"]
        return self.table(["Users with a server each", "Memory for each", "All are up after", "The hub's API then answers in"], [row])

    def arrivals(self, items, found):
        (seen,) = items.values()
        steps = {"JupyterLab's page": "page", "its files": "files", "a computed cell": "cell"}
        cells = {name: [late(turn["users"], "cell") for turn in turns] for name, turns in seen.items()}
        rows = []
        for name, turns in seen.items():
            row = [ranged([statistics.median(times(turn["users"], step)) for turn in turns]) for step in steps.values()]
            rows.append([name, *row, ranged(cells[name]), ", ".join(ranged([it["cell"] for it in turn["browsers"]]) for turn in turns)])
        stock, ours = cells.values()
        ratio = ranged(quotients(stock, ours), "{:.2f}".format)
        spent = []
        for name, turns in seen.items():
            each = [
                [turn["spent"][what] / (len(turn["users"]) + len(turn["browsers"])) for turn in turns] for what in ("users", "hub", "proxy")
            ]
            idle = [turn["spent"]["idle"] / turn["spent"]["all"] for turn in turns]
            spent.append([name, *map(ranged, each), ranged(idle, share)])
        return [
            plot("95 of 100 users have a computed cell within", "seconds", cells),
            *self.table(["Half of the users have", *steps, "95 of 100 have the cell", "In a real browser"], rows),
            *self.parse_text_to_nodes(
                f"By this guide's settings 95 of 100 users have their cell {ratio} times as soon. All times are seconds."
            ),
            *self.table(["Seconds of a processor for each user", "Server and kernel", "Hub", "Its own proxy", "Processors idle"], spent),
        ]

    def first_loads(self, items, found):
        (seen,) = items.values()
        base = [load["seconds"] for load in seen[BASE]["loads"]]
        rows = []
        for way, of in seen.items():
            took = [load["seconds"] for load in of["loads"]]
            sooner = "1" if way == BASE else ranged(quotients(base, took))
            requests = ranged([load["requests"] for load in of["loads"]])
            weight = ranged([load["bytes"] / MEGA for load in of["loads"]])
            rows.append([way, weight, requests, ranged(took), sooner, ranged(of["script"]), ranged(of["api"])])
        head = [
            "Reverse proxy",
            "MB",
            "Requests",
            "Seconds",
            f"Times as soon as {BASE}",
            "A script of 100 KB, a second",
            "The hub's API, a second",
        ]
        return self.table(head, rows)

    def about(self, _items, found):
        versions = ", ".join(f"{NAMES[name]} {version}" for name, version in found["versions"].items())
        words = f"Run on {found['date']}, in {found['seconds'] / 60:.0f} minutes on {found['cores']} cores: {versions}."
        return self.parse_text_to_nodes(words + measured.told(found["since"]))


SHOWN = ("with", "without", "replies", "pages", "calls", "sockets", "lines", "crowd", "arrivals", "first_loads", "about")
NAMES = {
    "jupyterhub": "JupyterHub",
    "jupyterlab": "JupyterLab",
    "notebook": "Notebook",
    "jupyter_server": "Jupyter Server",
    "metakernel": "MetaKernel",
    "nginx": "nginx",
    "apache": "Apache",
    "chromium": "Chromium",
}


CALLERS = "with 16 callers"
# A user of a class who never got there has waited so long, in seconds.
NEVER = 240


def times(rows, step):
    """The seconds until each user was at a step."""
    return [row.get(step, NEVER) for row in rows]


def late(rows, step):
    """The seconds within which 95 of 100 users are at a step."""
    return statistics.quantiles(times(rows, step), n=20, method="inclusive")[-1]


def middles(rounds):
    """The middle of each round."""
    return [statistics.median(values) for values in rounds]


def load(seen):
    if not seen:
        return "—"
    return f"{short(seen['bytes'] / MEGA)} MB, {seen['requests']} requests, {seen['seconds']:.1f} s"


def line(row):
    """How many WebSockets are open, and what else happens meanwhile."""
    if not row:
        return "—"
    page = f"a page in {short(statistics.median(row['answers']))} ms" if "answers" in row else row["error"]
    return f"{row['open']} open; {page}" + (f"; {row['memory'] / MEGA:.0f} MB" if "memory" in row else "")


def last(values):
    """The value that one of a hundred exceeds."""
    return statistics.quantiles([*values], n=100, method="inclusive")[98]


def setup(app):
    app.add_directive("bench", Bench)
    measured.connect(app, "bench", PAGES, read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
