"""A terminal on a machine, in which commands are typed one after the other in one shell, as a person does."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pexpect

from tests.harness.machines import engine

COLUMNS = 200
# Colours, underlines and the like.
LOOKS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Waits(RuntimeError):
    """A command did not end: it waits for input, or takes too long. The text is what it has said."""


def shown(said: str) -> str:
    """What stands on a terminal after a program has written to it: a line that was begun anew holds what was written last."""
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in said.split("\n")]
    return LOOKS.sub("", "\n".join(lines))


@dataclass
class Terminal:
    """A shell on a machine; `answers` maps what a program asks to what is typed then, without being shown."""

    child: pexpect.spawn
    prompt: str
    answers: Mapping[str, str]

    def type(self, command: str, timeout: float = 600) -> tuple[int, str]:
        """Type a command; its exit status and what it printed. Raises `Waits` after `timeout` seconds."""
        output = self._type(command, timeout)
        return int(self._type("echo $?", 10).strip()), output

    def interrupt(self, command: str, words: str, timeout: float = 300) -> str:
        """Type a command, and Ctrl-C once it has said some words; what it printed. Raises `Waits` if it does not say them, or goes on."""
        self.child.sendline(command)
        said = ""
        try:
            self.child.expect_exact(words, timeout=timeout)
            said = self.child.before + self.child.after
            self.child.sendcontrol("c")
            self.child.expect_exact(self.prompt, timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            raise Waits(f"{command}: said {words!r} or ended not within {timeout:.0f} s; so far:\n{said}{self.child.before}") from error
        return shown(said + self.child.before)

    def leave(self) -> None:
        """Log out. Raises `Waits` if the shell does not end."""
        self.child.sendline("exit")
        try:
            self.child.expect(pexpect.EOF, timeout=30)
        except pexpect.TIMEOUT as error:
            raise Waits(f"exit: still there; so far:\n{self.child.before}") from error

    def _type(self, command: str, timeout: float) -> str:
        self.child.sendline(command)
        said = ""
        asked = list(self.answers)
        while True:
            try:
                found = self.child.expect_exact([self.prompt, *asked], timeout=timeout)
            except (pexpect.TIMEOUT, pexpect.EOF) as error:
                raise Waits(f"{command}: not over after {timeout:.0f} s; so far:\n{said}{self.child.before}") from error
            said += self.child.before
            if not found:
                return shown(said)
            said += self.child.after
            self.child.sendline(self.answers[asked[found - 1]])


@contextlib.contextmanager
def opened(machine: engine.Container, user: str = "root", answers: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """A terminal on which a user has just logged in."""
    shell = "cd; exec bash --login --noediting" if user == "root" else f"exec su --login --pty {user}"
    command = ["exec", "--interactive", "--tty", machine.id, "sh", "-c", f"stty -echo cols {COLUMNS}; {shell}"]
    child = pexpect.spawn(engine.named(), command, encoding="utf-8", codec_errors="replace", echo=False)
    prompt = f"<{secrets.token_hex(4)}>"
    try:
        # Written in two parts, so that a terminal that repeats what is typed does not show the prompt.
        child.sendline(
            f"stty -echo; bind 'set enable-bracketed-paste off' 2>/dev/null; PS1='{prompt[:4]}''{prompt[4:]}' PS2= PROMPT_COMMAND="
        )
        child.expect_exact(prompt, timeout=30)
        yield Terminal(child, prompt, answers or {})
    finally:
        child.close(force=True)
