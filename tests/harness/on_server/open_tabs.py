"""Open browser tabs of users, imitated on the hub's machine: each keeps the WebSockets of one JupyterLab open.

`python open_tabs.py URL CA PATIENCE` reads lines of JSON, {"come": [...]} or {"leave": [...]} with numbers of tabs, and answers each
with one. `python open_tabs.py` alone is a light stand-in for the users' servers.
"""

import asyncio
import json
import pathlib
import resource
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

# What one JupyterLab keeps open: for its events, for a kernel, and for a second kernel or a terminal.
SOCKETS = 3
TOGETHER = 4  # tabs that are opened at the same time
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="
# A message of one letter as a browser sends it, masked with noughts, and as a server sends it.
SAYS, HEARS = b"\x81\x81\0\0\0\0x", b"\x81\x01x"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhere"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Tabs:
    def __init__(self, url: str, ca: str, patience: float):
        self.at, self.patience = urlsplit(url), patience
        self.trust = ssl.create_default_context(cafile=ca)
        self.open: dict[int, list[ssl.SSLSocket]] = {}
        self.refused = ""

    def ask(self, page: str, headers: str, status: int, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        """A new connection, on which a page has been asked for. OSError if the answer has another status, or does not come in time."""
        host = self.at.hostname or ""
        plain = socket.create_connection((host, 443), self.patience)
        line = self.trust.wrap_socket(plain, server_hostname=host, session=session)
        line.sendall(f"GET {self.at.path}{page} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n\r\n".encode())
        answer = line.recv(4096)
        if not answer.startswith(f"HTTP/1.1 {status} ".encode()):
            raise OSError(answer[:100].decode(errors="replace") or "closed without an answer")
        return line

    def one(self, number: int) -> None:
        """Open a tab. Where one is refused, no other is tried."""
        lines = self.open[number] = []
        try:
            while not self.refused and len(lines) < SOCKETS:
                lines.append(self.ask("socket", UPGRADE, 101, lines[0].session if lines else None))
        except OSError as error:
            self.refused = f"WebSocket {sum(map(len, self.open.values())) + 1}: {error or type(error).__name__}"

    def answer(self) -> float:
        """Seconds until a page has come."""
        began = time.monotonic()
        self.ask("page", "Connection: close", 200).close()
        return time.monotonic() - began

    def alive(self) -> int:
        """How many WebSockets answer what they are sent."""
        count = 0
        for line in [line for lines in self.open.values() for line in lines]:
            with suppress(OSError):
                line.sendall(SAYS)
                count += line.recv(100) == HEARS
        return count

    def come(self, numbers: list[int]) -> dict:
        """Look whether the tabs that are open still answer, open others, and ask for a page five times."""
        told: dict = {"left": sum(map(len, self.open.values())), "alive": self.alive(), "answer": None}
        with ThreadPoolExecutor(TOGETHER) as pool:
            list(pool.map(self.one, numbers))
        try:
            told["answer"] = max(self.answer() for _ in range(5))
        except OSError as error:
            self.refused = self.refused or f"page: {error or type(error).__name__}"
        return told | {"open": sum(map(len, self.open.values())), "refused": self.refused, "hub": own("configurable-http-proxy")}

    def leave(self, numbers: list[int]) -> None:
        for number in numbers:
            for line in self.open.pop(number):
                line.close()


def own(program: str) -> dict[str, int]:
    """Bytes that a running program shares with no file, and its open files."""
    here = [path.parent for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if program in path.read_text()]
    folder = min(here, key=lambda path: int(path.name))
    owned = next(line.split()[1] for line in (folder / "status").read_text().splitlines() if line.startswith("RssAnon:"))
    return {"memory": 1024 * int(owned), "files": len(list((folder / "fd").iterdir()))}


class StandIn(asyncio.Protocol):
    """A page, and WebSockets that answer whatever they are sent with one letter."""

    asked = b""

    def connection_made(self, transport):
        self.line = transport

    def data_received(self, data):
        if self.asked is None:
            self.line.write(HEARS)
            return
        self.asked += data.lower()
        if not self.asked.endswith(b"\r\n\r\n"):
            return
        if b"\r\nupgrade: websocket\r\n" in self.asked:
            self.asked = None
            self.line.write(SWITCHED)
        else:
            self.line.write(PAGE)
            self.line.close()


async def stand_in():
    server = await asyncio.get_running_loop().create_server(StandIn, "127.0.0.1", 9000, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if len(sys.argv) == 1:
        asyncio.run(stand_in())
    tabs = Tabs(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    for text in sys.stdin:
        for what, numbers in json.loads(text).items():
            print(json.dumps(getattr(tabs, what)(numbers)), flush=True)
