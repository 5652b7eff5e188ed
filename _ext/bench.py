"""build/bench.json, what `make bench` has measured, as plots and tables of deploy/speed.md.

- `{bench} with`, `{bench} without`: the content, if there are numbers of the files as they are now, or if there are none.
- `{bench} NAME`: a plot and the table beneath it.
"""

import json
import statistics
from html import escape

from atlas import FromFile
from docutils import nodes
from evidence import digest
from sphinx.util import logging

log = logging.getLogger(__name__)

FILE = "build/bench.json"
OURS, BASE = "this guide", "nginx, original guide"
MEGA = 1_000_000


def read(app):
    """What was measured; nothing if there is no file, or if a file that took part has changed since."""
    path = app.srcdir / FILE
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
        if all(digest(app.srcdir / "snippets" / name) == seen for name, seen in found["files"].items()):
            return found
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning(f"{FILE} is not what make bench writes: remove it, and run make bench")
    return {}


def outdated(app, env, added, changed, removed):
    """Once in each build, before pages are read: those that show numbers are read again if the numbers have changed."""
    was = getattr(env, "bench", None)
    env.bench = read(app)
    return [] if env.bench == was else [name for name in env.found_docs if name == "deploy/speed"]


def spread(values):
    """The middle of some numbers, and where their middle four fifths lie: (low, middle, high)."""
    ordered = sorted(values)
    cut = len(ordered) // 10
    return ordered[cut], statistics.median(ordered), ordered[len(ordered) - 1 - cut]


def short(value):
    """A number as people read it: three digits that matter."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


HEIGHT, BAR = 44, 14


def plot(title, unit, rows):
    """Bars from nought to the middle, with a line from low to high; a row is (label, (low, middle, high)).

    Beside each number stands what part it is of that of `BASE`. Widths are shares of the page's own, so that words keep
    their size on a narrow one.
    """
    most = max(high for _, (_, _, high) in rows) or 1
    base = dict(rows)[BASE][1]
    parts = []
    for number, (label, (low, middle, high)) in enumerate(rows):
        top = number * HEIGHT
        share = [f"{88 * value / most:.2f}%" for value in (low, middle, high)]
        ours = " ours" if label.endswith(OURS) else ""
        parts.append(f'<text x="0" y="{top + 14}">{escape(label)}: {short(middle)} ({middle / base:.0%})</text>')
        parts.append(f'<rect class="bar{ours}" x="0" y="{top + 20}" width="{share[1]}" height="{BAR}" rx="2"/>')
        if high > low:
            across = top + 20 + BAR / 2
            parts.append(f'<line x1="{share[0]}" x2="{share[2]}" y1="{across}" y2="{across}"/>')
    words = escape(f"{title}, {unit}. The table below has the numbers.", quote=True)
    svg = f'<svg role="img" aria-label="{words}" width="100%" height="{len(rows) * HEIGHT}">{"".join(parts)}</svg>'
    return nodes.raw("", f'<figure class="plot"><figcaption>{escape(title)}, {escape(unit)}</figcaption>{svg}</figure>', format="html")


def single(value):
    """What was measured once, for `plot`."""
    return value, value, value


class Bench(FromFile):
    required_arguments = 1
    has_content = True

    def run(self):
        found, what = self.env.bench, self.arguments[0]
        if what in ("with", "without"):
            return self.parse_content_to_nodes(allow_section_headings=True) if (what == "with") == bool(found) else []
        return getattr(self, what)(found["stages"].get(what, {}), found)

    def table(self, head, rows):
        lines = [head, ["---"] * len(head), *rows]
        return self.parse_text_to_nodes("\n".join(f"| {' | '.join(line)} |" for line in lines))

    def ways(self, title, ways, columns, cell):
        """A row for each way; `columns` are pairs of a heading and a key."""
        rows = [[way, *(cell(seen[key]) for _, key in columns)] for way, seen in ways.items()]
        return self.table([title, *(heading for heading, _ in columns)], rows)

    def replies(self, ways, found):
        def middle(what, scale=1):
            return lambda seen: short(statistics.median(seen[what]) / scale)

        distances = [(f"{rtt} ms away", rtt) for rtt in next(iter(ways.values()))]
        near = [(way, spread(seen["0"]["answers"])) for way, seen in ways.items()]
        return [
            plot("A kernel's answer, the user close by", "milliseconds", near),
            *self.ways("Half of a kernel's answers within, ms", ways, distances, middle("answers")),
            *self.ways("99 of 100 within, ms", ways, distances, lambda seen: short(last(seen["answers"]))),
            *self.ways("A widget's 4 KB there and back, ms", ways, distances, middle("echoes")),
            *self.ways("20 MB that a cell prints, s", ways, distances, middle("outputs", 1000)),
        ]

    def pages(self, ways, found):
        slow = [(way, seen["JupyterLab, first load"]["5 Mbit/s"]) for way, seen in ways.items()]
        made = [
            plot("JupyterLab's first load", "megabytes", [(way, single(seen["bytes"] / MEGA)) for way, seen in slow]),
            plot("The same over 5 Mbit/s, 40 ms away", "seconds", [(way, single(seen["seconds"])) for way, seen in slow]),
        ]
        for title in max(ways.values(), key=len):
            of = {way: seen[title] for way, seen in ways.items() if title in seen}
            made += self.ways(title, of, [(link, link) for link in next(iter(of.values()))], load)
        return made

    def calls(self, ways, found):
        what = list(next(iter(ways.values())))
        plots = [
            plot(f"Answers in a second, {name}", "16 callers", [(way, single(seen[name])) for way, seen in ways.items()]) for name in what
        ]
        return [*plots, *self.ways("Answers in a second", ways, [(name, name) for name in what], short)]

    def sockets(self, ways, found):
        sizes = [row["asked"] for row in max(ways.values(), key=len)]
        of = {way: {row["asked"]: row for row in rows} | dict.fromkeys(sizes[len(rows) :]) for way, rows in ways.items()}
        opened = [(way, single(rows[-1]["open"])) for way, rows in ways.items()]
        return [
            plot(f"Idle WebSockets, of {sizes[-1]}", "that open", opened),
            *self.ways("WebSockets asked for", of, [(str(size), size) for size in sizes], line),
        ]

    def lines(self, items, found):
        rows = []
        for name, seen in items.items():
            on, off = (statistics.median(seen[which]) for which in ("on", "off"))
            rows.append([name, seen["unit"], short(on), short(off), f"{on / off:.2f}"])
        return self.table(["Line", "Measured", "With", "Without", "Ratio"], rows)

    def crowd(self, items, found):
        (seen,) = items.values()
        low, middle, high = map(short, spread(seen["answers"]))
        row = [str(seen["users"]), f"{seen['bytes'] / MEGA:.0f} MB", f"{seen['seconds']:.0f} s", f"{middle} ms ({low} to {high})"]
        return self.table(["Users with a server each", "Memory for each", "All are up after", "The hub's API then answers in"], [row])

    def about(self, _items, found):
        versions = ", ".join(f"{NAMES[name]} {version}" for name, version in found["versions"].items())
        words = f"Run on {found['date']}, in {found['seconds'] / 60:.0f} minutes on {found['cores']} cores: {versions}."
        return self.parse_text_to_nodes(words)


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


def load(seen):
    return f"{short(seen['bytes'] / MEGA)} MB, {seen['requests']} requests, {seen['seconds']:.1f} s"


def line(row):
    """How many WebSockets are open, and what else happens meanwhile."""
    if not row:
        return "—"
    page = f"a page in {short(statistics.median(row['answers']))} ms" if "answers" in row else row["error"]
    return f"{row['open']} open; {page}" + (f"; {row['memory'] / MEGA:.0f} MB" if "memory" in row else "")


def last(values):
    """The value that one of a hundred exceeds."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def setup(app):
    app.add_directive("bench", Bench)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
