"""Reads addresses: where an address leads, which addresses are this machine's own, and names that get another address for this run."""

from __future__ import annotations

import socket
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit


def astray(asked: str, target: str) -> str:
    """What is wrong with the address to which somebody is sent who asked for another one; empty if it is the path alone, or nothing."""
    first, then = urlsplit(asked), urlsplit(target)
    if asked == target:
        return "; that leads back to itself"
    if first.hostname == then.hostname and first.scheme != then.scheme:
        return "; that leads out of https" if first.scheme == "https" else ""
    return "" if (first.hostname, port_of(first)) == (then.hostname, port_of(then)) else "; that leads elsewhere"


def port_of(address: SplitResult) -> int | None:
    return address.port or {"http": 80, "https": 443}.get(address.scheme)


def own_address() -> str:
    """This machine's address in its network, by which others reach it; empty if it has none. Nothing is sent."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unsent:
        unsent.connect(("192.0.2.1", 9))
        return unsent.getsockname()[0]
    return ""


def resolve(entries: list[str]) -> None:
    """Make names lead to given addresses, in this process only; each entry is HOST:PORT:ADDRESS, and holds for ports without their own."""
    table: dict[tuple[str, int], str] = {}
    for host, port, address in (entry.split(":", 2) for entry in entries):
        table[host.lower(), int(port)] = address
        table.setdefault((host.lower(), 0), address)
    ask = socket.getaddrinfo

    def answer(host, port, *rest, **more):
        return ask(table.get((host, int(port or 0)), table.get((host, 0), host)), port, *rest, **more)

    socket.getaddrinfo = answer
