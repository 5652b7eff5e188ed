"""Runs all steps (here called rungs) until one fails. At the end it removes what it has made."""

from __future__ import annotations

import signal
import time

from .blocks import blocks_shown, hub_headers
from .hub import Hub
from .kernels import handshake, kernel_channel, kernel_computes, kernel_listed
from .libraries import requests, websocket
from .logging_in import door, log_in, token_works
from .reaching_the_hub import hub_answers
from .responses import Failed, shortened, words
from .starting_a_server import server_spawns
from .uploads import body_passes, upload_lands
from .verdicts import verdict

# What anybody can see of each rung, and what a user sees of it.
OUTSIDE = {
    "hub_answers": hub_answers,
    "login_works": door,
    "kernel_channel": handshake,
    "upload_lands": body_passes,
    "blocks_shown": hub_headers,
}
INSIDE = {
    "hub_answers": hub_answers,
    "login_works": log_in,
    "server_spawns": server_spawns,
    "kernel_listed": kernel_listed,
    "kernel_channel": kernel_channel,
    "kernel_computes": kernel_computes,
    "upload_lands": upload_lands,
    "blocks_shown": blocks_shown,
}


class TooLong(Exception):
    """A rung that did not end."""


def broken() -> tuple[type[Exception], ...]:
    """What answers bring about that are not a hub's; asked for once the packages are there."""
    ours = (Failed, TooLong, requests.RequestException, websocket.WebSocketException)
    return (*ours, OSError, LookupError, TypeError, AttributeError, ValueError)


def limited(rung, hub: Hub):
    """A rung's evidence; `TooLong` if it takes longer than all its time limits together: an answer may come byte by byte."""
    options = hub.options
    limit = 3 * options.timeout + 2 * options.spawn_timeout + 2 * options.idle

    def ring(*_):
        raise TooLong(f"no end after {limit:.0f} s")

    alarm = hasattr(signal, "SIGALRM")  # not on Windows
    if alarm:
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield from rung(hub)
    finally:
        if alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)


def climb(hub: Hub, say=lambda result: None) -> list[dict]:
    """Climb until a rung fails, then clean up.

    Returns a dictionary for each rung: rung, ok, seconds, evidence (list of lines), and for a failed one
    said and its `verdict`. `say` is called with each as it is known.
    """
    results: list[dict] = []
    try:
        rungs = INSIDE if hub.options.user or hub.options.token else OUTSIDE
        if hub.options.token:
            rungs = rungs | {"login_works": token_works}
        for name, rung in rungs.items():
            began, evidence, result = time.monotonic(), [], {"rung": name, "ok": True}
            hub.options.tell(name)
            try:
                for line in limited(rung, hub):
                    evidence.append(shortened(line))
            except broken() as failure:
                expected = not isinstance(failure, (LookupError, TypeError, AttributeError)) and str(failure)
                said = shortened(words(failure) if expected else f"an answer that is not JupyterHub's: {failure!r}")
                result |= {"ok": False, "said": said} | verdict(said, hub.front)
            result |= {"seconds": round(time.monotonic() - began, 2), "evidence": evidence}
            results.append(result)
            say(result)
            if not result["ok"] or name == hub.options.until:
                break
    finally:
        hub.options.tell("cleaning up" if hub.undo else "")
        while hub.undo:
            try:
                hub.undo[-1]()
            except broken() as failure:
                hub.left.append(words(failure))
            hub.undo.pop()
        hub.options.tell("")
    return results
