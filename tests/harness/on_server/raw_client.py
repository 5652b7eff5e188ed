"""What a client can do to a reverse proxy that no browser does: sends bytes slowly, or not as the standard says.

It needs Python alone, so that it runs on any machine: `python raw_client.py NAME ARGUMENT...` calls a function of this file and
prints what it returns, as JSON; see `deployment.on_server`. A server is named by the address of its hub (url) and the
certificate of the authority that vouches for it (a file).
"""

import json
import re
import resource
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit


def opened(url: str, authority: str, address: str = "", port: int = 0) -> ssl.SSLSocket:
    """A TLS connection to a server: to the port of its url, unless it is told another way there."""
    context, parts = ssl.create_default_context(cafile=authority), urlsplit(url)
    way = (address or parts.hostname, port or parts.port or 443)
    return context.wrap_socket(socket.create_connection(way, timeout=5), server_hostname=parts.hostname)


def reach(address: str, *ports: str) -> dict[str, str]:
    """What a machine answers on each of its ports to one who opens a connection: "open", or the error's words."""
    answers = {}
    for port in ports:
        try:
            socket.create_connection((address, int(port)), timeout=3).close()
            answers[port] = "open"
        except OSError as error:
            answers[port] = error.strerror or str(error)
    return answers


# A request within another's body: who takes the body to end elsewhere takes it for a request of its own.


def request(method: str, url: str, name: str, *headers: str) -> bytes:
    """A request for a page of the hub that is not there, by its name; headers may be as odd as they like."""
    parts = urlsplit(url)
    return "\r\n".join([f"{method} {parts.path}hub/{name} HTTP/1.1", f"Host: {parts.netloc}", *headers, "", ""]).encode("latin-1")


# How a header may say "chunked" so that one reader sees it and another does not.
VEILED = {
    "plain": "Transfer-Encoding: chunked",
    "a space before the colon": "Transfer-Encoding : chunked",
    "another word": "Transfer-Encoding: xchunked",
    "a list": "Transfer-Encoding: identity, chunked",
    "twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "a control character": "Transfer-Encoding: \x0bchunked",
    "quotes": 'Transfer-Encoding: "chunked"',
    "a bare line feed": "X-Other: y\nTransfer-Encoding: chunked",
    "a null": "Transfer-Encoding: chunked\0",
}
CHUNKED = VEILED["plain"]
# Jupyter Server's own limit, in bytes.
BODIES = {"a body of 512 MB": 512 * 2**20, "a body of a byte more": 512 * 2**20 + 1}


def attempts(url: str) -> dict[str, bytes]:
    """What is sent, by what is wrong with it. Where a request is hidden, its page is "hidden-" and those words with hyphens."""
    sent = {}

    def add(what: str, headers: list[str], body: Callable[[bytes], bytes]) -> None:
        whole = body(request("GET", url, "hidden-" + re.sub(r"\W+", "-", what)))
        sent[what] = request("POST", url, "outer", *(header.format(len(whole)) for header in headers)) + whole

    def before(hidden: bytes) -> bytes:
        return b"0\r\n\r\n" + hidden

    def after(hidden: bytes) -> bytes:
        return b"%x\r\nx\r\n%s\r\n0\r\n\r\n" % (len(hidden) + 3, hidden)

    def bare(hidden: bytes) -> bytes:
        return hidden

    for what, header in VEILED.items():
        add(f"chunks end before it, {what}", ["Content-Length: {}", header], before)
        add(f"chunks end after it, {what}", ["Content-Length: 5", header], after)
    add("two lengths", ["Content-Length: 0", "Content-Length: {}"], bare)
    add("two lengths, the longer first", ["Content-Length: {}", "Content-Length: 0"], bare)
    add("a list of lengths", ["Content-Length: {}, 0"], bare)
    add("a sign before the length", ["Content-Length: +{}"], bare)
    add("a negative length", ["Content-Length: -1"], bare)
    add("a length with a space before its colon", ["Content-Length : {}"], bare)
    add("chunks with bare line feeds", [CHUNKED], lambda hidden: b"%x\n%s\n0\n\n" % (len(hidden), hidden))
    for what, size in {"beyond all numbers": b"10000000000000002", "below nothing": b"-2", "with a prefix": b"0x2"}.items():
        add(f"a chunk {what}", [CHUNKED], lambda hidden, size=size: size + b"\r\nab\r\n" + before(hidden))
    sent["a header of 64 KB"] = request("GET", url, "large", "X-Large: " + "a" * 65536)
    sent["an address of 64 KB"] = request("GET", url, "large?" + "a" * 65536)
    sent["a thousand headers"] = request("GET", url, "large", *["X-Many: 1234567890123456789012345"] * 1000)
    # Who may send a body is told so, by the status 100.
    for what, length in BODIES.items():
        sent[what] = request("POST", url, "large", f"Content-Length: {length}", "Expect: 100-continue")
    sent["nothing"] = request("GET", url, "hidden-nothing")
    return sent


def talk(connection: ssl.SSLSocket, sent: bytes) -> list:
    """The statuses of the answers to what is sent, and at last whether the other side closes: [403, 404, "open"], [400, "closed"].

    It waits twenty seconds for the first word, then two for each further one.
    """
    connection.settimeout(20)
    said, end = b"", "closed"
    with connection:
        try:
            connection.sendall(sent)
            while piece := connection.recv(65536):
                said += piece
                connection.settimeout(2)
        except TimeoutError:
            end = "open"
        except OSError:  # closed before all was read
            pass
    return [*map(int, re.findall(rb"HTTP/1\.[01] (\d{3})", said)), end]


def together(calls: dict[str, Callable]) -> dict:
    """What each function returns, all called at once; an exception comes as its words."""
    answers = {}

    def call(name, function):
        try:
            answers[name] = function()
        except Exception as error:
            answers[name] = f"{type(error).__name__}: {error}"

    threads = [threading.Thread(target=call, args=item) for item in calls.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def smuggle(url: str, authority: str) -> dict[str, list]:
    """What a server answers to each of `attempts`, in the words of `talk`."""
    return together({what: lambda sent=sent: talk(opened(url, authority), sent) for what, sent in attempts(url).items()})


def resume(url: str, authority: str, address: str = "", port: int = 0) -> dict[str, list]:
    """By version of TLS: whether a second connection resumes the first one's session, and whether and for how long it has a ticket.

    The seconds are those that the server names, 0 if it names none.
    """
    seen = {}
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context, parts, sessions = ssl.create_default_context(cafile=authority), urlsplit(url), [None]
        context.minimum_version = context.maximum_version = version
        for _ in range(2):
            plain = socket.create_connection((address or parts.hostname, port or parts.port or 443), timeout=20)
            with context.wrap_socket(plain, server_hostname=parts.hostname, session=sessions[-1]) as line:
                line.sendall(request("GET", url, "health"))
                line.recv(65536)  # the session comes with the first answer
                sessions.append(line.session)
                resumed = line.session_reused
        seen[version.name] = [resumed, sessions[1].has_ticket, sessions[1].ticket_lifetime_hint]
    return seen


# Clients that hold a line.


def patience(connection: socket.socket, seconds: float, drop: bytes = b"") -> float | None:
    """After how many seconds the other side closes, while it gets a `drop` each second; None if it does not within `seconds`."""
    began = time.monotonic()
    connection.settimeout(1)
    with connection:
        while time.monotonic() - began < seconds:
            try:
                if drop:
                    connection.sendall(drop)
                while connection.recv(65536):
                    pass
                break
            except TimeoutError:
                continue
            except OSError:  # a closed connection that is written to
                break
        else:
            return None
    return time.monotonic() - began


def unanswered(seconds: float, url: str, authority: str, address: str = "", port: int = 0, megabytes: int = 0) -> dict[str, float | None]:
    """The `patience` of a server with clients whom the hub does not answer, one of them with so many megabytes.

    And with one who sends a body at 250 bytes a second.
    """

    def waiting(sent: bytes) -> float | None:
        connection = opened(url, authority, address, port)
        connection.settimeout(seconds)
        connection.sendall(sent)
        return patience(connection, seconds)

    def trickling() -> float | None:
        connection = opened(url, authority, address, port)
        connection.sendall(request("POST", url, "trickling", "Content-Length: 100000"))
        return patience(connection, seconds, b"a" * 250)

    body = b"a" * 1_000_000 * megabytes
    clients = {"asking": lambda: waiting(request("GET", url, "asking", "Connection: close")), "trickling": trickling}
    if body:
        sent = request("POST", url, "sending", "Connection: close", f"Content-Length: {len(body)}") + body
        clients["sending"] = lambda: waiting(sent)
    return together(clients)


def steady(seconds: str, url: str, authority: str) -> list:
    """The words of `talk` about an upload of 20 kB a second that takes so many seconds."""
    pieces = round(5 * float(seconds))
    connection = opened(url, authority)
    try:
        connection.sendall(request("PUT", url, "steady", "Connection: close", f"Content-Length: {4000 * pieces}"))
        for _ in range(pieces):
            time.sleep(0.2)
            connection.sendall(b"a" * 4000)
    except OSError:  # the other side has had enough; it may have said why
        pass
    return talk(connection, b"")


def crowd(host: str, count: str) -> int:
    """The status of an answer on port 80 to one who asks while so many others there are at the first letter; 0 for none."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    others = []
    try:
        for _ in range(int(count)):
            others.append(socket.create_connection((host, 80), timeout=3))
            others[-1].sendall(b"G")  # nginx closes those that have not begun, where it needs their places
        connection = socket.create_connection((host, 80), timeout=3)
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return int(connection.recv(4096).split()[1])
    except (OSError, IndexError):
        return 0


def loiter(seconds: float, url: str, authority: str, address: str = "", port: int = 0) -> dict[str, float | None]:
    """The `patience` of a server with clients that stop in the handshake, send a header byte by byte, or stop in a body."""

    def dumb():
        parts = urlsplit(url)
        connection = socket.create_connection((address or parts.hostname, port or parts.port or 443), timeout=5)
        connection.sendall(b"\x16")  # Linux keeps a connection from Apache until something comes
        return patience(connection, seconds)

    def dripping():
        connection = opened(url, authority, address, port)
        connection.sendall(request("GET", url, "dripping", "X-Drop: ")[:-4])
        return patience(connection, seconds, b"a")

    def halting():
        connection = opened(url, authority, address, port)
        connection.sendall(request("POST", url, "halting", "Content-Length: 100000") + b"a")
        return patience(connection, seconds)

    return together({"dumb": dumb, "dripping": dripping, "halting": halting})


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
