"""What an HTTP/2 client can do that no browser does: it writes frames by hand, so that it can stop in the middle of one."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from tests.harness.on_server import raw_client

DATA, HEADERS, RESET, SETTINGS, GOAWAY, CONTINUATION = 0, 1, 3, 4, 7, 9
END_STREAM, END_HEADERS = 1, 4
OPEN = -1
CANCEL = (8).to_bytes(4, "big")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", length: int = -1) -> bytes:
    """A frame; its head may name another length than it has."""
    return struct.pack(">I", len(payload) if length < 0 else length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


BEGIN = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)


def header(name: str, value: str) -> bytes:
    """A header as HPACK has it, in full; each part has at most 126 letters."""
    return bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def asked(method: str, url: str, name: str, **more: str) -> bytes:
    """The headers of a request for a page of the hub that is not there, by its name."""
    parts = urlsplit(url)
    rows = {":method": method, ":scheme": "https", ":path": f"{parts.path}hub/{name}", ":authority": parts.netloc} | more
    return b"".join(header(*row) for row in rows.items())


def opened(url: str, authority: str, address: str, port: int) -> ssl.SSLSocket:
    """A connection by HTTP/2; OSError where the server does not speak it."""
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["h2"])
    connection = context.wrap_socket(socket.create_connection((address, port), timeout=5), server_hostname=urlsplit(url).hostname)
    if connection.selected_alpn_protocol() != "h2":
        raise ConnectionError("the server does not speak HTTP/2")
    return connection


def frames(connection: ssl.SSLSocket, seconds: float, each: Callable[[int], bytes] = lambda second: b"") -> Iterator[tuple[int, bytes]]:
    """The kind of each frame that comes within so many seconds, and what it holds; in each of them something is sent.

    Ends where the other side does; else the last one is `OPEN`.
    """
    came, begun, second = b"", time.monotonic(), 0
    connection.settimeout(1)
    with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
        while time.monotonic() - begun < seconds:
            if time.monotonic() - begun > second:
                connection.sendall(each(second))
                second += 1
            with contextlib.suppress(TimeoutError):
                got = connection.recv(65536)
                if not got:
                    return
                came += got
            while len(came) >= 9 and len(came) >= 9 + (length := int.from_bytes(came[:3], "big")):
                yield came[3], came[9 : 9 + length]
                came = came[9 + length :]
        yield OPEN, b""


def let_go(connection: ssl.SSLSocket, seconds: float, each: Callable[[int], bytes] = lambda second: b"") -> float | None:
    """After how many seconds the server ends the connection, or what is asked for by it; None if it does not."""
    begun = time.monotonic()
    for kind, _ in frames(connection, seconds, each):
        if kind in (RESET, GOAWAY):
            break
        if kind == OPEN:
            return None
    return round(time.monotonic() - begun, 1)


def loiter(seconds: float, url: str, authority: str, address: str, port: int) -> dict[str, float | None]:
    """When a server lets go of clients (`let_go`) that say nothing, write their headers in two ways byte by byte, or stop in a body.

    And of one, "asking", who waits for an answer.
    """

    def client(begin: bytes, each: Callable[[int], bytes] = lambda second: b"") -> float | None:
        connection = opened(url, authority, address, port)
        connection.sendall(begin)
        return let_go(connection, seconds, each)

    head = asked("GET", url, "slow")
    more = b"".join(header(f"x-{number}", "a") for number in range(500))
    body = frame(HEADERS, END_HEADERS, 1, asked("POST", url, "halting", **{"content-length": "100000"})) + frame(DATA, 0, 1, b"a")
    return raw_client.together({
        "silent": lambda: client(b""),
        "idle": lambda: client(BEGIN),
        "dripping": lambda: client(
            BEGIN + frame(HEADERS, END_HEADERS, 1, head, len(head + more)), lambda second: more[second : second + 1]
        ),
        "continuing": lambda: client(
            BEGIN + frame(HEADERS, END_STREAM, 1, head), lambda second: frame(CONTINUATION, 0, 1, header(f"x-{second}", "a"))
        ),
        "halting": lambda: client(BEGIN + body),
        "asking": lambda: client(BEGIN + frame(HEADERS, END_STREAM | END_HEADERS, 1, asked("GET", url, "asking"))),
    })  # fmt: skip


def rapid_resets(count: int, url: str, authority: str, address: str, port: int) -> int:
    """How many of so many requests, each taken back at once, a server takes from one connection before it ends it."""
    connection = opened(url, authority, address, port)
    head = asked("GET", url, "reset")
    sent = b"".join(
        frame(HEADERS, END_STREAM | END_HEADERS, stream, head) + frame(RESET, 0, stream, CANCEL) for stream in range(1, 2 * count, 2)
    )
    with contextlib.suppress(OSError):
        connection.sendall(BEGIN + sent)
    for kind, said in frames(connection, 5):
        if kind == GOAWAY:
            return (int.from_bytes(said[:4], "big") + 1) // 2
    return count
