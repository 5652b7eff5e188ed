"""What a reverse proxy does that a user seldom meets, seen from the hub's own machine, on which a small server stands in for the hub."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import raw_client
import requests
import user_actions
from user_actions import CA, CHECK

# A megabyte of an upload in pieces.
PIECE = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
HELD = CHECK / "held"
# A WebSocket's question and its answer. Without the answer, HAProxy takes it for no WebSocket's.
KEY, ACCEPTED = "AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="


@contextmanager
def taking(port: int, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """A server on a port of the loopback address, which does with each connection what `serve` does, for the length of a `with` block."""
    with socket.create_server(("127.0.0.1", port), backlog=9) as server:

        def each() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=each, daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)


def secured(host: str, **options: str) -> ssl.SSLSocket:
    """A connection to port 443 of this machine that offers HTTP/2 as well; with the options `ciphers`, of TLS 1.2 with these alone."""
    context = ssl.create_default_context(cafile=CA)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if "ciphers" in options:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(options["ciphers"])
    return context.wrap_socket(socket.create_connection((host, 443), timeout=10), server_hostname=host)


def spoken(url: str) -> str | None:
    """The protocol that port 443 chooses where a client offers HTTP/2 and HTTP/1.1."""
    with secured(urlsplit(url).hostname or "") as connection:
        return connection.selected_alpn_protocol()


def ciphers(url: str, *names: str) -> list[str]:
    """Which of these ciphers port 443 takes in TLS 1.2."""
    taken = []
    for name in names:
        with suppress(OSError), secured(urlsplit(url).hostname or "", ciphers=name):
            taken.append(name)
    return taken


def passed(url: str, path: str, alias: str) -> list:
    """What the hub would be asked for by a path, which names of headers with a line below reach it, and how a browser gets a style.

    The last is the scheme that the hub is told of where a WebSocket is asked for.
    """
    opening = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    with user_actions.standing_in():
        asked = requests.get(url + path, headers={alias: "made-up"}, verify=CA).json()
        style = requests.get(f"{url}hub/?text/css", headers={"Accept-Encoding": "gzip, br", "Sec-Fetch-Site": "same-origin"}, verify=CA)
        told = requests.get(url + path, headers=opening, verify=CA).json()
    scheme = {name.lower(): value for name, value in told.items()}["x-forwarded-proto"]
    return [asked["asked"], [name for name in asked if "_" in name], style.headers.get("Content-Encoding"), scheme]


def by_itself(url: str) -> dict[str, list]:
    """By what is asked for, the status of an answer that the server gives by itself, and whether the two headers for browsers are there."""
    parts = urlsplit(url)
    asked = {"another path": ("GET", "/other", {}), "no slash": ("GET", parts.path.rstrip("/"), {}), "no path": ("GET", "/", {})}
    asked |= {"too large": ("PUT", f"{parts.path}hub/x", {"Content-Length": str(512 * 2**20 + 1)})}
    seen = {}
    for what, (method, path, headers) in asked.items():
        connection = http.client.HTTPSConnection(parts.hostname or "", 443, timeout=10, context=ssl.create_default_context(cafile=CA))
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        seen[what] = [
            answer.status,
            *(bool(answer.getheader(name)) for name in ("Strict-Transport-Security", "Cross-Origin-Opener-Policy")),
        ]
        connection.close()
    return seen


def away(url: str) -> list:
    """The status where nobody is the hub and the seconds until it comes, then the status where a hub ends a connection without a word."""
    began = time.monotonic()
    nobody = requests.get(f"{url}hub/", verify=CA, allow_redirects=False).status_code
    took = time.monotonic() - began

    def end(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.close()

    with taking(800, end):
        return [nobody, took, requests.get(f"{url}hub/", verify=CA, allow_redirects=False).status_code]


def cut_short(url: str, secret: str) -> str:
    """What a client gets, who asks with a secret in the query, of a hub that ends in the middle of its answer."""

    def begin(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.close()

    with taking(800, begin):
        try:
            return requests.get(f"{url}hub/", {"token": secret}, verify=CA).text
        except requests.RequestException as error:
            return str(error)


def led(url: str, header: str, place: str) -> list:
    """The status and the text that a visitor gets where a user's program answers with one more header, which names a place."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        head = f"HTTP/1.1 200 OK\r\n{header}: {place}\r\nContent-Length: 12\r\nConnection: close"
        connection.sendall(f"{head}\r\n\r\nfrom the hub".encode())
        connection.close()

    with taking(800, answer):
        said = requests.get(url, verify=CA, allow_redirects=False)
        return [said.status_code, said.text]


def ruled(url: str, *names: str) -> dict[str, list[str]]:
    """By the status of its answer, which of these headers reach a browser from a user's program that sends all of them.

    101 is the answer to a WebSocket.
    """
    parts, context, seen = urlsplit(url), ssl.create_default_context(cafile=CA), {}
    made_up = "".join(f"{name}: made-up\r\n" for name in names)
    opening = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY}

    def answer(connection: socket.socket) -> None:
        # The path ends in the status.
        status = connection.recv(65536).split()[1][-3:].decode()
        opened = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPTED}\r\n"
        rest = opened if status == "101" else "Content-Length: 0\r\nConnection: close\r\n"
        connection.sendall(f"HTTP/1.1 {status} As asked\r\n{made_up}{rest}\r\n".encode())
        connection.close()

    with taking(800, answer):
        for status, headers in {"200": {}, "404": {}, "101": opening}.items():
            way = http.client.HTTPSConnection(parts.hostname or "", 443, timeout=10, context=context)
            way.request("GET", f"{parts.path}{status}", headers=headers)
            told = way.getresponse()
            if told.status != int(status):
                raise RuntimeError(told.status)
            # Of a header that comes twice, browsers take the first.
            first = {name.lower(): value for name, value in reversed(told.getheaders())}
            seen[status] = [name for name in names if first.get(name.lower()) == "made-up"]
            way.close()
    return seen


def in_turn(url: str) -> list[list]:
    """Two clients ask for the same: by whose request each is answered, and how long a browser is told to keep it, or None."""
    with user_actions.standing_in():
        answers = [requests.get(url, headers={"User-Agent": name}, verify=CA) for name in ("one", "other")]
    return [[answer.json()["User-Agent"], answer.headers.get("Cache-Control")] for answer in answers]


def challenge(host: str, port: str) -> list:
    """What an authority gets on port 80; where a port is named, a program waits there as certbot does."""

    class Certbot(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"asked for")

        def log_message(self, *words: object) -> None:
            pass

    def ask() -> list:
        answer = requests.get(f"http://{host}/.well-known/acme-challenge/token", allow_redirects=False)
        return [answer.status_code, answer.text]

    if not int(port):
        return ask()
    with http.server.HTTPServer(("127.0.0.1", int(port)), Certbot) as certbot:
        threading.Thread(target=certbot.serve_forever, daemon=True).start()
        seen = ask()
        certbot.shutdown()
        return seen


def unhurried(host: str, port: str, seconds: str, header: str = "GET / HTTP/1.1\r\nHost: {}\r\nX-Drop: ") -> float | None:
    """After how many seconds a client is let go that sends a header byte by byte to a port; None if it is not within these.

    With no `header` it sends nothing, as who never begins to speak TLS.
    """
    connection = socket.create_connection((host, int(port)), timeout=5)
    connection.sendall(header.format(host).encode())
    return raw_client.patience(connection, float(seconds), b"a" if header else b"")


def in_pieces(url: str, megabytes: str) -> list:
    """The status of an upload of so many megabytes in pieces, whose length nobody says before, and how many of them the hub has got."""
    parts, got = urlsplit(url), [0]

    def swallow(connection: socket.socket) -> None:
        with suppress(OSError):
            while piece := connection.recv(1 << 20):
                got[0] += len(piece)

    context = ssl.create_default_context(cafile=CA)
    with taking(800, swallow), context.wrap_socket(socket.create_connection((parts.hostname, 443)), server_hostname=parts.hostname) as way:
        way.settimeout(30)
        way.sendall(f"PUT {parts.path}hub/x HTTP/1.1\r\nHost: {parts.hostname}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        said = b""
        with suppress(OSError):
            for _ in range(int(megabytes)):
                way.sendall(PIECE)
                way.settimeout(0)
                with suppress(ssl.SSLWantReadError):
                    said = way.recv(64)
                    break
                way.settimeout(30)
        with suppress(OSError):
            said = said or way.recv(64)
        return [int(said.split()[1]) if said.startswith(b"HTTP/") else 0, got[0] >> 20]


def hold(url: str, seconds: str) -> float:
    """The seconds for which a WebSocket was open that nobody speaks on, at most so many; HELD is there once it is."""
    parts = urlsplit(url)

    def accept(connection: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(65536)
        head = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPTED}"
        connection.sendall(f"HTTP/1.1 101 Switching Protocols\r\n{head}\r\n\r\n".encode())
        with suppress(OSError):
            while connection.recv(65536):
                pass

    HELD.unlink(missing_ok=True)
    with taking(800, accept), socket.create_connection((parts.hostname, 443)) as plain:
        way = ssl.create_default_context(cafile=CA).wrap_socket(plain, server_hostname=parts.hostname)
        words = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}"
        way.sendall(f"GET {parts.path}hub/ HTTP/1.1\r\nHost: {parts.hostname}\r\n{words}\r\n\r\n".encode())
        if b" 101 " not in (said := way.recv(65536)):
            raise RuntimeError(said)
        began = time.monotonic()
        HELD.touch()
        way.settimeout(float(seconds))
        with suppress(OSError):
            while way.recv(65536):
                pass
        return time.monotonic() - began


def half_sent(url: str, words: str) -> None:
    """An upload that begins with words, of which a part has been sent, until somebody says that it is over."""
    parts = urlsplit(url)
    with secured(parts.hostname or "") as way:
        way.sendall(
            f"PUT {parts.path} HTTP/1.1\r\nHost: {parts.hostname}\r\nContent-Length: 1000000\r\n\r\n{words}".encode() + b"x" * 200000
        )
        user_actions.until_over()


def nothing(host: str) -> None:
    """Connect to both ports, and go away again."""
    for port in (80, 443):
        socket.create_connection((host, port), timeout=5).close()


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
