"""A reader who follows the built pages on a bare server: saves each file where the page says, and types each command."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bs4 import BeautifulSoup

from _ext.manifest import LABELS
from tests.harness.machines import engine, terminal
from tests.harness.manifest import MANIFEST, NOT_SHOWN, ROOT, VALUES, snippets
from tests.harness.measuring import evidence
from tests.harness.site import guide, walk
from tests.harness.site.walk import Instead, Mend, Save, Type

# By reverse proxy, the label of its tab.
TABS = LABELS
# Seconds for "some seconds later".
LATER = 30
DOWNLOAD = re.compile(r"_downloads/(\w+)/")
# The published files, by the name that Sphinx gives their download: a hash of where they lie.
OFFERED = {hashlib.md5(f"snippets/{name}".encode(), usedforsecurity=False).hexdigest(): name for name in snippets()}


@dataclass
class Pages:
    """What a reader has before them: pages of the site by their source ("deploy/install.md"), and the files that these offer."""

    parsed: dict[str, BeautifulSoup]
    html: Path
    _steps: dict[tuple[str, str], list[Save | Type]] = field(default_factory=dict, repr=False)

    @classmethod
    @functools.cache
    def examples(cls, site: guide.Site) -> Pages:
        """The pages as they are built, with the example values; the same for all who ask."""
        return cls({name: site.pages[path] for name, path in _guide(site.html).items()}, site.html)

    @classmethod
    def for_values(cls, site: guide.Site, reader: guide.Reader, values: Mapping[str, str], names: Collection[str] = ()) -> Pages:
        """The pages for a reader who has put values into the form, or only those of some `names`, as a browser shows them then.

        Whose values are the examples reads the pages as they are built.
        """
        if values == VALUES:
            return cls.examples(site)
        context = reader.context()
        page, parsed = context.new_page(), {}
        page.goto(f"{reader.address}index.html")
        guide.type_in(page, {name: values[name] for name in MANIFEST["fields"]})
        for name, path in _guide(site.html).items():
            if not names or name in names:
                page.goto(reader.address + str(path.relative_to(site.html)))
                parsed[name] = BeautifulSoup(page.content(), "html.parser")
        context.close()
        return cls(parsed, site.html)

    def files(self) -> dict[str, str]:
        """The text of each file that a page shows or, unseen, offers, by the name of its download."""
        found = {
            path.parent.name: path.read_text("utf-8") for name in NOT_SHOWN for path in self.html.glob(f"_downloads/*/{Path(name).name}")
        }
        for soup in self.parsed.values():
            for block in soup.select(".literal-block-wrapper"):
                # A part of a file has no link to download it.
                if (link := block.select_one(".code-block-caption a.download")) and (name := DOWNLOAD.search(link["href"])):
                    found[name[1]] = block.pre.get_text()
        return found

    def steps(self, name: str, tab: str) -> list[Save | Type]:
        """See `walk.steps`; each page is read once."""
        if (name, tab) not in self._steps:
            self._steps[name, tab] = walk.steps(name, self.parsed[name], tab)
        return list(self._steps[name, tab])

    def offers(self, name: str, tab: str) -> set[str]:
        """The published files that a page has its reader save."""
        return {file for step in self.steps(name, tab) if isinstance(step, Save) for file in _published(step)}

    def instead(self, tab: str) -> list[Instead]:
        """All that the pages say may be seen instead, but for those of troubleshooting, which are about little else."""
        names = [name for name in self.parsed if not name.startswith("troubleshooting/")]
        return [step for name in names for step in self.steps(name, tab) if isinstance(step, Instead)]

    def block(self, where: str, tab: str) -> list[Type]:
        """The commands of a block, up to the one at a place, in the folder that the page has gone to before."""
        page, line = where.split(":")
        before = [step for step in self.steps(page, tab) if isinstance(step, Type) and int(step.where.split(":")[1]) <= int(line)]
        first = len(before) - 1
        lines = [int(step.where.split(":")[1]) for step in before]
        while first and lines[first] == lines[first - 1] + 1 + len(before[first - 1].printed):
            first -= 1
        folder = [step for step in before[:first] if step.command.startswith("cd ")][-1:]
        return folder + before[first:]

    def commands(self, tab: str) -> dict[str, Type]:
        """All commands of all pages, by their place."""
        return {step.where: step for name in self.parsed for step in self.steps(name, tab) if isinstance(step, Type)}


def _published(step: Save) -> set[str]:
    """Which published file a page has its reader save; none if it is a notebook."""
    if step.download.endswith(".ipynb"):
        return set()
    return {OFFERED[DOWNLOAD.search(step.download)[1]]}


def _guide(html: Path) -> dict[str, Path]:
    """The pages below deploy/ and jigsaw/, and the first of all: their sources and their places. A notebook has no commands."""
    pages = [
        html / "index.html",
        *sorted([*html.glob("deploy/*.html"), *html.glob("jigsaw/*.html"), *html.glob("troubleshooting/*/index.html")]),
    ]
    sources = {str(page.relative_to(html).with_suffix(".md")): page for page in pages}
    return {name: page for name, page in sources.items() if (ROOT / name).exists()}


@dataclass(frozen=True)
class State:
    """A state of a machine in which something else is seen than a page says first: scripts of root's that `make` and `undo` it.

    `typed` are other commands than the page's, for a state in which a reader has typed something else. `seen` are words that come,
    beside those of the page, `never` are words that do not. It is `cured` if what undoes it is what the page says to do; `cure` is the
    section to follow then, if the page has one with the commands.
    """

    make: str
    undo: str = "true"
    typed: Sequence[str] = ()
    seen: Sequence[str] = ()
    never: Sequence[str] = ()
    cured: bool = False
    cure: str = ""


NOTHING = re.compile(r"If you see (?:nothing|none)$")


def compares(instead: Instead, state: State) -> bool:
    """Whether something of the output is compared in a state whose commands are not the page's; a single letter is in any output."""
    return bool(not state.typed or any(len(word) > 1 for word in instead.words) or state.seen or NOTHING.match(instead.begins))


def open_to_others(secret: str) -> State:
    """The state in which others may read a secret that a file of the hub's reads: the hub says so, and does not start."""
    restart = "systemctl restart jupyterhub.service; sleep 8"  # until it is up, or has been told why it is not
    return State(f"chmod 644 {secret}; {restart}", f"chmod 600 {secret}; systemctl reset-failed jupyterhub; {restart}", cured=True)


def other_sums(packages: str) -> State:
    """The state in which a list of packages has other sums than the files that pip is given: pip says so, and installs nothing."""
    return State(
        f"cp -a {packages} /root/kept.txt; sed -i 's/sha256:.\\{{4\\}}/sha256:0000/' {packages}",
        f"mv /root/kept.txt {packages}",
        typed=[f"/opt/jupyterhub/bin/pip install --force-reinstall --no-deps --require-hashes --requirement {packages}"],
    )


@dataclass
class Reader:
    """A reader at a server, who is root there, and the hub's `user`.

    `typed` are the commands that were typed so far, `wrong` what was not as the page says. `saved` are the published files that the
    reader has from a page or an archive.

    `before` has what a page tells in words, by the place of the command that comes after it: it is done to the machine first.
    """

    machine: engine.Container
    pages: Pages
    tab: str
    user: str = "alice"
    answers: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, Callable[[engine.Container], object]] = field(default_factory=dict)
    say: Callable[[str], None] = print
    saved: set[str] = field(default_factory=set)
    typed: list[Type] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = self.pages.files()

    def follow(
        self,
        name: str,
        sections: Iterable[str] = (),
        without: Iterable[str] = (),
        skip: Callable[[Type], object] = lambda step: False,
        mend: Callable[[], object] = lambda: None,
    ) -> None:
        """Follow a page, or only some of its sections, or all `without` some.

        `skip` says of a command that it is not typed; `mend` does what a page of troubleshooting shows as the cure.
        Raises ValueError if one of the `sections` has nothing to do on the page.
        """
        only, never, shells = set(sections), set(without), {}
        if lost := only - {step.section for step in self.pages.steps(name, self.tab) if not isinstance(step, Instead)}:
            raise ValueError(f"{name}: nothing to do in the sections {sorted(lost)}")
        with contextlib.ExitStack() as stack:
            for step in self.pages.steps(name, self.tab):
                if isinstance(step, Instead) or step.section in never or (only and step.section not in only):
                    continue
                if isinstance(step, Save):
                    self._save(step)
                elif isinstance(step, Mend):
                    mend()
                elif not skip(step):
                    if step.who not in shells:
                        user = "root" if step.who == "root" else self.user
                        shells[step.who] = stack.enter_context(terminal.opened(self.machine, user, self.answers))
                    if not self._type(shells[step.who], step):
                        return

    def proof(self, suite: str, proxy: str, since: int = 0) -> list[dict]:
        """What is proved on a Debian release by the commands that were typed, but for the first `since`: a row for each page.

        With the files that the page offers, those that the reader has saved took part.
        """
        pages: dict[str, list[str]] = {}
        for step in self.typed[since:]:
            pages.setdefault(step.where.partition(":")[0], []).append(step.key)
        return [evidence.typed(page, suite, proxy, keys, self.saved | self.pages.offers(page, self.tab)) for page, keys in pages.items()]

    def _save(self, step: Save) -> None:
        if not step.path:
            self.wrong.append(f"{step.where}: where is {step.download} to be saved?")
            return
        text = step.text or self.files[DOWNLOAD.search(step.download)[1]]
        self.saved |= _published(step)
        # A browser saves a file as its user's; on the server root copies it to its place.
        self.machine.put({step.path: text})

    def _type(self, shell: terminal.Terminal, step: Type) -> bool:
        """Type a command; whether it has ended, so that the next one can be typed."""
        if step.command in self.before:
            self.before[step.command](self.machine)
        self.say(f"{step.where}: {step.command}")
        self.typed.append(step)
        until = time.monotonic() + (LATER if step.later else 0)
        try:
            while told := step.wrong(*shell.type(step.command)):
                if time.monotonic() > until:
                    self.wrong.append(told)
                    return True
                time.sleep(1)
        except terminal.Waits as waits:
            self.wrong.append(f"{step.where}: {waits}")
            return False
        return True

    def meet_all(self, name: str, states: Mapping[str, State], section: str = "") -> int:
        """Make and meet what a page, or one of its sections, says may be seen after a block of commands; how often.

        Raises ValueError if that is never.
        """
        met = 0
        for one in self.pages.instead(self.tab):
            if one.page == name and one.after and one.begins in states:
                commands = self.pages.block(one.after, self.tab)
                if section in ("", commands[-1].section):
                    self.meet(one, commands, states[one.begins])
                    met += 1
        if not met:
            raise ValueError(f"{name}: none of the states is met {f'in the section {section}' if section else 'on the page'}")
        return met

    def meet(self, instead: Instead, commands: Sequence[Type], state: State) -> None:
        """Make a state, and type the block of commands after which the page says that it shows; then undo it.

        If it has a cure, the block is typed once more, and comes to what the page says of it.
        Raises ValueError if the state compares nothing with the page.
        """
        if not compares(instead, state):
            raise ValueError(f"{instead.page}: {instead.begins}: no words of what is seen then")
        self.say(f"{instead.after}: {instead.begins}")
        who = "root" if commands[-1].who == "root" else self.user
        self.machine.sh(state.make)
        try:
            with terminal.opened(self.machine, who, self.answers) as shell:
                seen = [shell.type(command) for command in state.typed or [step.command for step in commands]]
        finally:
            self.machine.sh(state.undo)
        if state.cure:
            self.follow(instead.page, [state.cure])
        output = "".join(output for _, output in seen)
        found = [word in output for word in instead.words]
        as_always = not state.typed and not any(step.wrong(*one) for step, one in zip(commands, seen, strict=True))
        missing = [word for word in state.seen if word not in output]
        more = [word for word in state.never if word in output] or (NOTHING.match(instead.begins) and seen[-1][1].split())
        if as_always or missing or more or not (any(found) if " or " in instead.begins else all(found)):
            self.wrong.append(
                f"{instead.after}: {instead.begins}\nmade by: {state.make}\nmissing: {missing}\ntoo many: {more}\nseen:\n{output}"
            )
        if state.cured:
            with terminal.opened(self.machine, who, self.answers) as shell:
                cured = [step.wrong(*shell.type(step.command)) for step in commands]
            self.wrong += [f"{told}\nafter the cure of: {instead.begins}\n{state.undo}" for told in cured if told]
