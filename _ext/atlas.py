"""The entries of troubleshooting/ (in code, the atlas): includes the files beside each page, and makes the tables and groups of entries.

- `{symptom}`: what is seen, from symptom.txt, by where it is seen; in tabs where reverse proxies differ.
- `{fix}`: fix.diff, by file, or fix.sh as it is typed.
- `{atlas} shown`, `{atlas} lines`, `{atlas} check`: every complaint by where it shows, by what is seen, and by what hubcheck says.
- `{atlas} tree`: the tables of contents, one for each of these places, by which the sidebar groups the entries.
- `{atlas} strangers`: what hubcheck made of set-ups that others have published, from the rows "stranger" of build/evidence.json.

The tests read symptom.txt by `symptoms`, and see every line of it.
"""

import re
from pathlib import Path

import yaml

from _ext.manifest import LABELS
from _ext.showing import FromFile, code, fence, listed, table

PLACES = {
    "browser": "In the browser",
    "console": "In the browser's console",
    "command": "From enable.sh",
    "hub": "In the log of the hub or of the user's server",
    "proxy": "In the reverse proxy's error log",
    "check": "From the check",
}
# Where a reader meets a complaint, in the order of a user's way in; an entry's front matter may name one of them, as `shown`.
SHOWN = {
    "browser": "In the browser, before login",
    "login": "At login",
    "start": "While your server starts",
    "jupyterlab": "In JupyterLab and its kernels",
    "jigsaw": "With `%jigsaw`",
    "server": "On the server: commands, logs and scans",
}
# By the rung that breaks, where an entry that names no place shows.
USUALLY = {
    "config_accepted": "server",
    "hub_answers": "browser",
    "login_works": "login",
    "server_spawns": "start",
    "kernel_listed": "jupyterlab",
    "kernel_channel": "jupyterlab",
    "kernel_computes": "jupyterlab",
    "upload_lands": "jupyterlab",
    "blocks_shown": "jigsaw",
}
CHECKED = "check"
# What hubcheck made of a set-up of others.
MADE = {
    "exact": "names it",
    "one of": "names it among others",
    "another": "names other causes",
    "not known": "names no cause",
    "silent": "finds nothing",
}


def front(page):
    """The front matter of a page, and its title."""
    found = re.match(r"---\n(.*?\n)---\n+# ([^\n]*)\n", page.read_text("utf-8"), re.DOTALL)
    return (yaml.safe_load(found[1]), found[2]) if found else ({}, page.parent.name)


def symptoms(path):
    """The lines of a symptom.txt: [(place, proxy or "" for every one, line number, line)]; the place is "" above the first head."""
    lines, place, proxy = [], "", ""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if head := re.fullmatch(r"\[(\w+)(?: (\w+))?\]", line):
            place, proxy = head[1], head[2] or ""
        elif line.strip():
            lines.append((place, proxy, number, line))
    return lines


def tabbed(parts):
    """MyST for parts, (proxy or "", MyST): what differs from proxy to proxy stands in tabs."""
    of = {}
    for proxy, text in parts:
        of.setdefault(proxy, []).append(text)
    common = "\n".join(of.pop("", []))
    if not of:
        return common
    tabs = "\n".join(f"````````{{group-tab}} {LABELS.get(proxy, proxy)}\n{chr(10).join(text)}\n````````" for proxy, text in of.items())
    return f"{common}\n`````````{{tabs}}\n{tabs}\n`````````\n"


class Symptom(FromFile):
    def run(self):
        path = self.read("symptom.txt")
        made = []
        for place, label in PLACES.items():
            of = {}
            for where, proxy, _, line in symptoms(path):
                if where == place:
                    of.setdefault(proxy, []).append(line)
            if of:
                made.append(f"**{label}**:\n\n{tabbed([(proxy, fence(chr(10).join(lines), 'text')) for proxy, lines in of.items()])}")
        return self.made("\n".join(made), path)


class Fix(FromFile):
    def run(self):
        script, diff = self.read("fix.sh"), self.read("fix.diff")
        if script.exists():
            return self.made(fence(script.read_text("utf-8").rstrip(), "sh"), script)
        parts = []
        for part in re.split(r"^(?=--- a/)", diff.read_text("utf-8"), flags=re.M)[1:]:
            head, hunks = part.split("\n+++ ", 1)
            name = head.removeprefix("--- a/snippets/")
            # What stands above the first hunk is the name, which the caption tells.
            body = hunks.partition("\n")[2].rstrip("\n")
            proxy = name.split("/")[0]
            where = self.manifest["saved_as"].get(name, name)
            parts.append((proxy if proxy in LABELS else "", f"In `{where}`:\n\n{fence(body, 'diff')}"))
        return self.made(tabbed(parts if len({proxy for proxy, _ in parts}) > 1 else [("", text) for _, text in parts]), diff)


class Atlas(FromFile):
    required_arguments = 1

    def run(self):
        shows = {"shown": self.shown, "lines": self.lines, "check": self.check, "tree": self.tree}
        what = self.one_of([*shows, "strangers"])
        folder = Path(self.env.srcdir) / "troubleshooting"
        here = "" if self.env.docname.startswith("troubleshooting/") else "../troubleshooting/"
        entries = []
        for page in sorted(folder.glob("*/index.md")):
            about, title = front(page)
            for name in ("index.md", "symptom.txt"):
                self.env.note_dependency(str(page.parent / name))
            entries.append((page.parent.name, title, about, symptoms(page.parent / "symptom.txt")))
        if what == "strangers":
            # The manifest is among the snippets: so this page is read again when what counts has changed.
            self.env.note_dependency("snippets/manifest.toml")
            return self.parse_text_to_nodes(strangers([row for row in self.env.evidence if row["kind"] == "stranger"]))
        return self.parse_text_to_nodes(shows[what](entries, here), allow_section_headings=True)

    def by_place(self, entries):
        """The entries of each place, in the order of the rungs that break and then of their titles: (label, [(title, folder, rung)])."""
        for place, label in SHOWN.items():
            of = [
                (list(USUALLY).index(about["rung"]), re.sub(r"\W", "", title.lower()), title, name, about["rung"])
                for name, title, about, _ in entries
                if about.get("shown", USUALLY.get(about.get("rung"))) == place
            ]
            yield label, [entry for _, _, *entry in sorted(of)]

    def shown(self, entries, here):
        return "\n".join(
            f"### {label}\n\n" + "\n".join(f"- [{title}]({here}{name}/index.md) `{rung}`" for title, name, rung in of) + "\n"
            for label, of in self.by_place(entries)
        )

    def tree(self, entries, here):
        # Sphinx reads a page again for each new page if one of its tables of contents may hold it.
        return "\n".join(
            f"```{{toctree}}\n:hidden:\n:glob:\n:caption: {label.replace('`', '')}\n\n"
            + "\n".join(f"{name}/index" for _, name, _ in of)
            + "\n```\n"
            for label, of in self.by_place(entries)
            if of
        )

    def lines(self, entries, here):
        made = []
        for place, label in PLACES.items():
            rows = {}
            for name, title, _, lines in entries:
                for where, _, _, line in lines:
                    if where == place != CHECKED:
                        rows.setdefault(line.strip(), {})[name] = title
            if rows:
                told = [
                    [code(line), ", ".join(f"[{title}]({here}{name}/index.md)" for name, title in where.items())]
                    for line, where in sorted(rows.items(), key=lambda row: row[0].lower())
                ]
                made.append(f"### {label}\n\n{table(['You see', 'Read'], told)}\n")
        return "\n".join(made)

    def check(self, entries, here):
        rows, exact, among = [], 0, 0
        for name, title, about, lines in entries:
            several = any(line.strip().startswith("One of these:") for where, _, _, line in lines if where == CHECKED)
            named = {line.partition("Read: ")[2].strip() for where, _, _, line in lines if where == CHECKED and "Read: " in line}
            hit = named == {f"troubleshooting/{name}"}
            exact, among = exact + (hit and not several), among + (hit and several)
            others = f"names {', '.join(f'`{page}`' for page in sorted(named))}" if named else MADE["silent"]
            found = MADE["one of" if several else "exact"] if hit else others
            rows.append([f"[{title}]({here}{name}/index.md)", f"`{about.get('rung')}`", found])
        words = f"Of {len(entries)} complaints, the check names {exact} exactly, and {among} among other causes."
        return f"{words}\n\n{table(['Complaint', 'Step that fails', 'The check'], rows)}"


def strangers(rows):
    """MyST for what hubcheck made of set-ups of others: numbers, and a table of their faults; empty without rows."""
    if not rows:
        return ""
    made = [(row["by"], *row["fault"].split(": ", 1), row["application"], *row["lived"]) for row in rows]
    of = {word: sum(row[-1] == word for row in made) for word in MADE}
    good = sum(row[2] == "none" for row in made)
    by = listed(f"{count} of {name}" for proxy, name in LABELS.items() if (count := sum(row[0] == proxy for row in made)))
    words = (
        f"Of {len(made)} set-ups, {by}, {len(made) - good} have a fault. For {of['exact']} of these the script named the one true cause, "
        f"and for {of['one of']} the true cause among others. For {of['another'] + of['not known']} it named no cause, or only others. "
        f"In the {good} that work, it found no fault."
    )
    rows = [
        ["nothing is wrong" if fault == "none" else fault, LABELS[proxy], f"[{source(address)}]({address})", MADE[word]]
        for proxy, _, fault, address, word in sorted(made, key=lambda row: (row[2] == "none", row[2], row[3]))
    ]
    return f"{words}\n\n{table(['Fault', 'Server', 'Source', 'The check'], rows)}"


def source(address):
    """An address in few words: its host and what tells it from others there."""
    host, *parts = address.split("://", 1)[1].rstrip("/").split("/")
    if host.endswith("github.com") and len(parts) > 3 and parts[2] in ("issues", "pull"):
        return f"{parts[0]}/{parts[1]} #{parts[3]}"
    if host == "gist.github.com":
        return f"a gist of {parts[0]}"
    return f"{parts[0]}/{parts[1]}" if host.endswith("github.com") else host


def setup(app):
    app.add_directive("symptom", Symptom)
    app.add_directive("fix", Fix)
    app.add_directive("atlas", Atlas)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
