"""Runs commands in a container by a small program that stays there, because the engine's own `exec` costs a tenth of a second each time."""

from __future__ import annotations

import contextlib
import os
import selectors
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

PROGRAM = Path(__file__).parents[1].joinpath("on_server", "agent.pl").read_bytes()
LOADER = f"read STDIN, my $program, {len(PROGRAM)}; eval $program; die $@"
# Seconds in which it is there, or never.
PATIENCE = 30


class Gone(Exception):
    """It has ended, or was never there."""


class Agent:
    """A program in a running container that runs one command at a time. Raises `Gone` where it cannot start."""

    def __init__(self, engine: str, container: str) -> None:
        self.process = subprocess.Popen(
            [engine, "exec", "-i", container, "perl", "-e", LOADER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._heard = b""
        try:
            self._send(PROGRAM)
            if self._piece(time.monotonic() + PATIENCE) != b"ready":
                raise Gone
        except (Gone, TimeoutError):
            self.end()
            raise Gone(container) from None

    def run(self, command: Sequence[str], user: str, input: bytes | None, timeout: float) -> tuple[int, bytes, bytes]:
        """Exit status, output and errors of a command.

        Raises `Gone` if the agent was gone before, TimeoutError after `timeout` seconds. One that goes meanwhile was killed, and so
        was the command: status 137, as the engine has it.
        """
        until = time.monotonic() + timeout
        pieces = [
            user.encode(),
            b"" if input is None else b"1",
            input or b"",
            str(len(command)).encode(),
            *(os.fsencode(word) for word in command),
        ]
        if self.process.poll() is not None:
            raise Gone
        self._send(b"".join(struct.pack(">I", len(piece)) + piece for piece in pieces))
        self._piece(until)
        try:
            return int(self._piece(until)), self._piece(until), self._piece(until)
        except Gone:
            self.end()
            return 137, b"", b""

    def end(self) -> None:
        """End it; a command that runs goes on."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _send(self, asked: bytes) -> None:
        try:
            self.process.stdin.write(asked)
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise Gone from None

    def _piece(self, until: float) -> bytes:
        return self._take(struct.unpack(">I", self._take(4, until))[0], until)

    def _take(self, length: int, until: float) -> bytes:
        parts, have = [self._heard], len(self._heard)
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while have < length:
                if not selector.select(max(0, until - time.monotonic())):
                    raise TimeoutError
                part = os.read(self.process.stdout.fileno(), 1 << 20)
                if not part:
                    raise Gone
                parts.append(part)
                have += len(part)
        heard = b"".join(parts)
        self._heard = heard[length:]
        return heard[:length]


# By container, those that have nothing to do; None where there can be none, since the machine has no Perl.
_idle: dict[str, list[Agent] | None] = {}
_lock = threading.Lock()


@contextlib.contextmanager
def borrowed(engine: str, container: str) -> Iterator[Agent | None]:
    """An agent of a container that has nothing to do, for the length of a `with` block; None where there can be none.

    One that has gone, or is left in the middle of a command, is not kept.
    """
    with _lock:
        idle = _idle.setdefault(container, [])
        agent = idle.pop() if idle else None
    if agent and agent.process.poll() is not None:
        agent.end()
        agent = None
    if not agent and idle is not None:
        try:
            agent = Agent(engine, container)
        except Gone:
            with _lock:
                _idle[container] = None
    try:
        yield agent
    except BaseException:
        if agent:
            agent.end()
        raise
    with _lock:
        kept = _idle.get(container) if agent and agent.process.poll() is None else None
        if kept is not None:
            kept.append(agent)
    if agent and kept is None:
        agent.end()


def end(container: str) -> None:
    """End the agents of a container that is about to go."""
    with _lock:
        idle = _idle.pop(container, None)
    for agent in idle or []:
        agent.end()
