"""The worker of `make witness`: a pytest run with its own loop, which tries tests on a changed file (see `witness.py`).

`python -m tests.harness.measuring.witness_worker JOB` works in a copy of the tree, whose snippets it changes one after the other.
What containers and fixtures hold is kept from one try to the next, but for what the changed file is part of.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.harness import on_server
from tests.harness.browsers import user_browser
from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import EVERY_PROXY, FURTHER_PROXIES, NEWEST, PROXIES, SNIPPETS, VALUES, VERSIONS, Stale
from tests.harness.measuring import syntax
from tests.harness.measuring.atlas import Unclear
from tests.harness.measuring.changes import Change, applied, changes, directives

# A test of another file, before which all that one file's tests share ends.
ELSEWHERE = "tests/house/test_tidy.py"
# They run the install scripts themselves, on a machine on which these have run.
BY_THEMSELVES = ("tests/deploy/test_install.py", "tests/jigsaw/test_editor.py")
# What kernels and browsers read anew each time, and where it lies once it is installed: it is put into running machines, of which
# nothing is made anew.
INSTALLED = {
    "jigsaw/Python.html": f"{VALUES['environment']}/share/jigsaw/Python.html",
    "jigsaw/listener.js": f"{VALUES['environment']}/share/jigsaw/listener.js",
    "jigsaw/jigsaw_magic.py": f"{VALUES['environment']}/lib/python3*/site-packages/jigsaw_magic.py",
}
HUB_IMAGE = "/hub-"  # in the name of each image of a hub's machine
# With most changes to those nothing comes, so it is not waited for as long as on a busy machine; in milliseconds.
PATIENCE = 10_000
# What is no behaviour of a server, a browser or systemd.
TEXTUAL = (Stale, Unclear, ImportError, SyntaxError)
# What is left at the end has been tried together with others, which may have hidden it: each is tried alone for so many seconds.
ALONE = 60.0
WORDS = 300  # at most, in characters
COMMAND = re.compile(r"(docker|podman) (exec|run|cp) ")
# How pytest tells in what two values differ, and what of it says nothing.
DIFFERS = re.compile(r"(Extra items|Differing items|At index|(Left|Right) contains)")
NO_WORDS = re.compile(r"(\+ |Omitting|Use -v)")
# The test of tests/deploy/test_accepted.py that asks the program which reads a file, by the file's end.
ASKS = {
    ".conf": "test_the_proxy_accepts_its_site[{folder}-{kind}]",
    ".service": "test_systemd_accepts_the_unit[{kind}]",
    "_config.py": "test_jupyter_knows_every_option[{kind}]",
}


def told(raised: BaseException) -> tuple[str, str]:
    """Of what a test raised the rung of the ladder that it names, if any, and a few lines in its own words."""
    if isinstance(raised, subprocess.TimeoutExpired):
        return "", f"no answer within {raised.timeout:.0f} seconds"
    text = str(raised).replace("\t", " ")
    if "DID NOT RAISE" in text:
        return "", "what has to be refused is accepted"
    if found := re.search(r"^(\w+) fails: (.*)$", text, re.M):
        return found[1], found[2][:WORDS]
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith(("snippets/", "Use -v", "File "))]
    lines = [line.removeprefix("AssertionError: ") for line in lines]
    # A command's last words, without the command.
    if lines and COMMAND.match(lines[0]):
        lines = lines[1:][-2:] or ["a command fails without a word"]
    # What a test says of its own is enough; else what differs, else what it compared.
    own = next((number for number, line in enumerate(lines) if line.startswith("assert ")), len(lines))
    differs = [line for line in lines[own + 1 :] if not NO_WORDS.match(line)]
    lines = lines[:own] or (differs if differs and DIFFERS.match(differs[0]) else lines)
    return "", "\n".join(lines[:3])[:WORDS] or type(raised).__name__


def asked_of(name: str) -> tuple[str, str]:
    """The test that asks the program which reads a snippet, and the kind of machine on which it does; "" where none is asked."""
    folder = name.split("/")[0]
    # A further reverse proxy reads all its files but scripts and what is read at night.
    if folder in FURTHER_PROXIES:
        kind = FURTHER_PROXIES[folder].servers[-1]
        return ("" if name.endswith((".sh", "logrotate", "logrotate.conf")) else ASKS[".conf"].format(folder=folder, kind=kind)), kind
    kind = PROXIES[folder].servers[-1] if folder in PROXIES else NEWEST if name.endswith("_config.py") else VERSIONS["debian"][-1]
    ends = [end for end in ASKS if name.endswith(end) and (end != ".conf" or folder in PROXIES)]
    return (ASKS[ends[0]].format(folder=folder, kind=kind) if ends else ""), kind


def accepts(name: str, kind: str) -> None:
    """Let the program that reads a snippet check it, on a new machine of a kind. Raises `deployment.Refused`."""
    folder = name.split("/")[0]
    with syntax.machine(kind, folder if folder in FURTHER_PROXIES else "") as machine:
        if folder in EVERY_PROXY:
            syntax.proxy(machine, folder)
        elif name.endswith(".service"):
            syntax.unit(machine)
        else:
            syntax.python(machine)


@contextlib.contextmanager
def told_of_machines(begun: Callable[[engine.Container], None]) -> Iterator[list[engine.Container]]:
    """The hub's machines that run, however they are started, within a `with` block; `begun` is called with each of them."""
    running: list[engine.Container] = []
    start = engine.run

    @contextlib.contextmanager
    def run(image: str, *arguments: Any, **options: Any) -> Iterator[engine.Container]:
        with start(image, *arguments, **options) as machine:
            if HUB_IMAGE not in image:
                yield machine
                return
            running.append(machine)
            begun(machine)
            try:
                yield machine
            finally:
                running.remove(machine)

    engine.run = run
    try:
        yield running
    finally:
        engine.run = start


def as_new(machine: engine.Container) -> None:
    """Let homes on a hub's machine hold nothing that tests have left, and no kernel run."""
    program = Path(on_server.__file__).with_name("end_kernels.py").read_text("utf-8")
    running = machine.sh("ps -eo user:32,args | sed -n 's/ .*[j]upyterhub-singleuser.*//p'").stdout.split()
    for user in running:
        machine.exec(deployment.PYTHON, "-", input=program, user=user, check=False)
    machine.sh("find /home -mindepth 2 -maxdepth 2 ! -name '.*' -exec rm -rf {} +", check=False)


class Loop:
    """In place of pytest's own loop: `job` names the file, the changes and the tests; each verdict is a line of JSON in `out`."""

    def __init__(self, job: dict[str, Any], out: Path):
        self.name, self.job = job["file"], job
        self.out = out.open("a", encoding="utf-8")
        self.path = SNIPPETS / self.name
        self.published = self.path.read_text("utf-8")
        self.lies = (self.published, True)
        self.raised: BaseException | None = None
        self.sound: dict[str, bool] = {}
        self.machines: list[engine.Container] = []
        self.uncaught = ""

    def say(self, **row: Any) -> None:
        self.out.write(json.dumps(row) + "\n")
        self.out.flush()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        if call.excinfo and not self.raised:
            self.raised = call.excinfo.value
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        self.session = session
        self.other = next(item for item in session.items if item.nodeid.startswith(ELSEWHERE))
        self.items = {item.nodeid: item for item in session.items if item.nodeid in self.job["tests"]}
        wanted = {tuple(key) for key in self.job["keys"]}
        todo = [change for one in directives(self.name) for change in changes(one) if change.key in wanted]
        with contextlib.ExitStack() as stack:
            if self.name in INSTALLED:
                user_browser.wait_at_most(PATIENCE)
                user_browser.fallen = self.fallen
                self.machines = stack.enter_context(told_of_machines(self.install))
            try:
                self.hunt_all(todo)
            finally:
                self.put([])
                session._setupstate.teardown_exact(None)
        return True

    def fallen(self, user: user_browser.User, said: str) -> None:
        """A script of a page has ended with an error: what it would have done is not waited for."""
        user.console.append(said)
        if said not in user_browser.NOTEBOOKS_OWN:
            self.uncaught = self.uncaught or said
            for page in user.context.pages:
                if page != user.kept:
                    page.close()

    # --- changing and trying

    def put(self, made: list[Change], image: bool = True) -> None:
        """Let the snippet be as published but for these changes, and so the `image` of the hub's machine, if that is made of it.

        Raises `engine.Trouble` where none can be made.
        """
        text = applied(self.published, made)
        if (text, image) == self.lies:
            return
        self.lies = (text, image)
        if self.name in INSTALLED:
            for machine in self.machines:
                self.install(machine)
            return
        self.path.write_text(text, "utf-8")
        if image and self.name.startswith(("jupyterhub/install", "kernel/", "jigsaw/install")):
            images.hub.cache_clear()
            images.prepare(lambda _: None, wanted=[images.hub(NEWEST)])

    def install(self, machine: engine.Container) -> None:
        """Let a machine have the file as it is to be now."""
        machine.sh(f"cat >$(ls {INSTALLED[self.name]})", input=self.lies[0])

    def attempt(self, tests: list[str], made: list[Change]) -> tuple[str, BaseException] | None:
        """The first of some tests that fails with these changes, and what it raises; None if all pass.

        What the tests of one file share is set up once.
        """
        try:
            self.put(made, tests[0].split("::")[0] not in BY_THEMSELVES)
        except engine.Trouble as trouble:
            return tests[0], RuntimeError(f"what it installs cannot be made: {trouble}")
        # All that one file's tests share, and then what they share with tests of the same folder.
        self.session._setupstate.teardown_exact(self.other)
        for machine in self.machines:
            as_new(machine)
        self.session._setupstate.teardown_exact(self.items[tests[0]])
        for test, after in zip(tests, [*tests[1:], None], strict=True):
            self.raised, self.uncaught = None, ""
            reports = runtestprotocol(self.items[test], log=False, nextitem=self.items[after] if after else self.other)
            if not all(report.passed for report in reports):
                return test, RuntimeError(self.uncaught) if self.uncaught else self.raised or RuntimeError("fails without a word")
        return None

    def stands(self, test: str) -> bool:
        """Whether a test passes with the file as published: only then its failure says something. Asked once."""
        if test not in self.sound:
            seen = self.attempt([test], []) and self.attempt([test], [])
            self.sound[test] = seen is None
            if seen:
                self.say(test=test, unsound=told(seen[1])[1])
        return self.sound[test]

    def dies(self, change: Change, tests: list[str]) -> bool:
        """Whether one of some tests fails, twice, with one change. The verdict is said."""
        begun = time.monotonic()
        while tests and (seen := self.attempt(tests, [change])):
            test, raised = seen
            if isinstance(raised, TEXTUAL):
                self.textual.setdefault(change.key, test)
            elif self.stands(test):
                again = self.attempt([test], [change])
                if again and not isinstance(again[1], TEXTUAL):
                    rung, said = told(again[1])
                    self.verdict(change, "dies", test=test, rung=rung, said=said, seconds=round(time.monotonic() - begun, 1))
                    return True
                self.flaky.setdefault(change.key, f"{test} failed once, and not the second time: {told(raised)[1]}")
            tests = tests[tests.index(test) + 1 :]
        return False

    def verdict(self, change: Change, verdict: str, **more: Any) -> None:
        self.say(key=change.key, verdict=verdict, date=datetime.date.today().isoformat(), **more)

    # --- the hunt

    def parts(self) -> list[list[str]]:
        """The tests in parts: those together for which their file sets something up, by their first parameter, else each alone.

        They are in the order of the job's files, the cheaper ones first.
        """
        order = {module: number for number, module in enumerate(self.job["modules"])}
        parts: dict[tuple[str, str], list[str]] = {}
        for test, item in self.items.items():
            module, _, name = test.partition("::")
            shared = any(made[-1].scope == "module" for made in item._fixtureinfo.name2fixturedefs.values())
            first = re.search(r"\[([^-\]]*)", name)
            parts.setdefault((module, first[1] if shared and first else "shared" if shared else name), []).append(test)
        took = self.job["tests"]
        return [tests for _, tests in sorted(parts.items(), key=lambda row: (order[row[0][0]], sum(took[test] for test in row[1])))]

    def hunt_all(self, todo: list[Change]) -> None:
        self.textual: dict[tuple, str] = {}
        self.flaky: dict[tuple, str] = {}
        hints = {tuple(key): test for key, test in self.job["hints"]}
        alive = []
        for change in todo:
            hint = hints.get(change.key)
            if not (hint in self.items and self.dies(change, [hint])):
                alive.append(change)
        alive = self.accepted(alive) if alive else []
        for tests in self.parts():
            if not alive:
                return
            self.say(trying=tests[0].partition("::")[2], tests=len(tests), alive=len(alive))
            alive = self.hunt(tests, alive)
        for change in alive:
            self.last_of(change)

    def accepted(self, alive: list[Change]) -> list[Change]:
        """Those of the changes that the program which reads the file accepts; the others die by its words."""
        asks, kind = asked_of(self.name)
        if not asks:
            return alive
        kept = []
        self.put([])  # the last change that a hint was tried on may be there yet
        accepts(self.name, kind)
        for change in alive:
            begun = time.monotonic()
            try:
                self.put([change])
                accepts(self.name, kind)
                kept.append(change)
            except (deployment.Refused, subprocess.TimeoutExpired) as refused:
                said = str(refused).partition(": ")[2] or str(refused)
                self.verdict(
                    change,
                    "dies",
                    test=f"tests/deploy/test_accepted.py::{asks}",
                    rung="config_accepted",
                    said="\n".join(said.strip().splitlines()[:3])[:WORDS],
                    seconds=round(time.monotonic() - begun, 1),
                )
            except TEXTUAL:
                kept.append(change)
            except Exception as trouble:  # of the machine, not of the change
                self.say(note=f"{change.key}: {told(trouble)[1]}")
                kept.append(change)
        return kept

    def hunt(self, tests: list[str], alive: list[Change]) -> list[Change]:
        """Try tests on groups, each with one change of a directive, and no two of which one holds the other; what still lives."""
        waiting, kept = list(alive), []
        while waiting:
            group: list[Change] = []
            later = []
            for change in waiting:
                clash = any(
                    change.directive.first <= other.directive.last and other.directive.first <= change.directive.last for other in group
                )
                (later if clash else group).append(change)
            waiting = later
            kept += self.halves(tests, group)
        order = {change.key: number for number, change in enumerate(alive)}
        return sorted(kept, key=lambda change: order[change.key])

    def halves(self, tests: list[str], group: list[Change]) -> list[Change]:
        """Those of a group that tests let live: all, if they pass with all of them, else what the halves tell."""
        tests = [test for test in tests if self.sound.get(test) is not False]
        if not tests or len(group) == 1:
            return [] if tests and self.dies(group[0], tests) else group
        seen = self.attempt(tests, group)
        if seen is None:
            return group
        if not self.stands(seen[0]):
            return self.halves(tests, group)
        middle = len(group) // 2
        return self.halves(tests, group[:middle]) + self.halves(tests, group[middle:])

    def last_of(self, change: Change) -> None:
        """What all tests let live beside others, alone, part by part, until its time is over."""
        begun = time.monotonic()
        for tests in self.parts():
            if time.monotonic() - begun > self.job.get("alone", ALONE):
                break
            if self.dies(change, [test for test in tests if self.sound.get(test) is not False]):
                return
        if change.key in self.flaky:
            self.verdict(change, "unclear", why=self.flaky[change.key])
        elif change.key in self.textual:
            self.verdict(change, "survives", why=f"only a text no longer fits, in {self.textual[change.key]}")
        else:
            self.verdict(change, "survives")


def main() -> int:
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    loop = Loop(job, Path(job["out"]))
    modules = sorted({test.split("::")[0] for test in job["tests"]} | {ELSEWHERE})
    # What the project's own options say, but for workers and second tries, which are not ours here.
    options = ["-o", "addopts=", "-p", "no:nbval", "-p", "no:rerunfailures", "-p", "no:cacheprovider", "--import-mode=importlib", "-q"]
    options += [] if job.get("machines", True) else ["--no-machines"]
    with contextlib.suppress(KeyboardInterrupt):
        return int(pytest.main([*options, "--tb=short", *modules], plugins=[loop]))
    return 130


if __name__ == "__main__":
    sys.exit(main())
