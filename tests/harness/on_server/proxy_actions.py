"""What is asked of the hub's proxy, past the reverse proxy: `python proxy_actions.py NAME ARGUMENT...` prints the result as JSON.

Lies beside hubcheck.py and user_actions.py.
"""

import http.client
import json
import socket
import sys
import time
from contextlib import suppress
from urllib.parse import urlsplit

import hubcheck
import websocket
from user_actions import OVER, WATCHED, enter, leave, until_over

EVENTS = "api/events/subscribe"


def held(url: str, user: str, count: str) -> dict[str, int]:
    """Of a user's WebSockets, how many still answer after what was done until the file `over` was there, and how many open again.

    `refused` says how often that was refused first.
    """
    OVER.unlink(missing_ok=True)
    hub = enter(url, user, "--keep-server")
    lines = [hub.socket(hub.server + EVENTS) for _ in range(int(count))]
    until_over()
    WATCHED.unlink()
    alive = sum(map(answers, lines))
    again, refused, end = [], 0, time.monotonic() + 20
    while len(again) < int(count) - alive and time.monotonic() < end:
        try:
            again.append(hub.socket(hub.server + EVENTS))
        except hubcheck.Failed:
            refused += 1
            time.sleep(0.1)
    for line in [*lines, *again]:
        with suppress(OSError, websocket.WebSocketException):
            line.close()
    leave(hub)
    return {"held": alive, "again": len(again), "refused": refused}


def answers(line: websocket.WebSocket) -> bool:
    """Whether the other end of a WebSocket answers a ping."""
    try:
        line.settimeout(5)
        line.ping("there?")
        while True:
            code, data = line.recv_data(control_frame=True)
            if code == websocket.ABNF.OPCODE_PONG and data == b"there?":
                return True
            if code == websocket.ABNF.OPCODE_CLOSE:
                return False
    except (OSError, websocket.WebSocketException):
        return False


def settled(url: str) -> float:
    """Seconds until twenty new connections in a row have the hub's answer; RuntimeError if that takes more than half a minute."""
    parts, began, row = urlsplit(url), time.monotonic(), 0
    while row < 20:
        line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
        try:
            line.request("GET", f"{parts.path}hub/health")
            row = row + 1 if line.getresponse().status == 200 else 0
        except OSError:
            row = 0
        finally:
            line.close()
        if time.monotonic() - began > 30:
            raise RuntimeError(f"{url} is not served by all proxies")
    return time.monotonic() - began


def after_refusal(url: str, user: str) -> list[str]:
    """What a connection answers on which a WebSocket is refused and a page is asked for then: the first line of each answer, or ""."""
    parts = urlsplit(url)
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    first = []
    with socket.create_connection((parts.hostname, parts.port)) as line:
        for path, more in ((f"user/{user}/api/kernels/none/channels", upgrade), ("hub/api", "")):
            line.settimeout(5)
            said = b""
            with suppress(OSError):
                line.sendall(f"GET {parts.path}{path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{more}\r\n".encode())
                said = line.recv(65536)
                line.settimeout(0.5)
                with suppress(TimeoutError):
                    while more_of_it := line.recv(65536):
                        said += more_of_it
            first.append(said.decode("latin-1").partition("\r\n")[0])
    return first


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
