"""Does what fills logs: a user's work, clients of all kinds and two faults; runs on the hub's machine, like `user_actions`.

A user climbs the ladder, opens a WebSocket with a token in its address, as %jigsaw does, and brings secrets where no hub takes
them; then the hub's own proxy is killed under the WebSocket, and all of it is tried again while nobody answers.
"""

import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import time
from contextlib import suppress

import hubcheck
import requests
import user_actions
import websocket


def handed_on() -> dict[str, str]:
    """The secrets in the environments of all processes, by name and process."""
    found = {}
    for environment in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError, KeyError):
            # Each is read as its owner: root in a container may not look into others' processes.
            owner = {"user": environment.owner(), "group": environment.group()}
            read = subprocess.run(["cat", environment], **owner, capture_output=True, text=True)
            for name, value in re.findall(r"(\w*(?:TOKEN|SECRET)\w*)=([^\0]{8,})", read.stdout):
                found[f"{name} of {environment.parent.name}"] = value
    return found


def unread(port: int) -> bool:
    """Whether somebody has sent what the owner of a port has not read."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "01" and not row[4].endswith(":00000000") for row in rows)


def ask(url: str, *paths: str) -> None:
    """Ask for addresses that hold secrets, by both ports; the first of them is also where each request comes from."""
    for path in paths:
        for origin in (url, url.replace("https:", "http:")):
            requests.get(origin + path, verify=user_actions.CA, allow_redirects=False, headers={"Referer": url + paths[0]})


def use(url: str, user: str, port: str, proxy: str) -> dict[str, str]:
    """The secrets of a run, by what each is. `port` is the hub's, and `proxy` the file with the number of its own proxy."""
    hub = user_actions.enter(url, user, "--megabytes", "1")
    for rung in list(hubcheck.INSIDE.values())[-3:]:
        list(rung(hub))
    page = hub.request("GET", f"{hub.server}lab").text
    token = user_actions.settings(page)["token"]
    typed = hub.json("POST", f"hub/api/users/{user}/tokens", (201,), json={})["token"]
    xsrf = next(cookie.value for cookie in hub.session.cookies if cookie.name == "_xsrf" and user in cookie.path)
    kernels = f"{hub.server}api/kernels"
    kernel = hub.json("GET", kernels)[-1]["id"]
    trust = {"context": ssl.create_default_context(cafile=user_actions.CA)}

    def opened(kernel: str) -> websocket.WebSocket:
        """A kernel's WebSocket without cookies, as a browser opens it."""
        address = f"{url}{kernels}/{kernel}/channels?token={token}".replace("http", "ws", 1)
        return websocket.create_connection(address, timeout=20, sslopt=trust, header=["Sec-Fetch-Mode: websocket"])

    secret = (
        f"{hub.server}lab?token={typed}",
        f"none?token={typed}",
        f"{hub.server}files/none.txt?_xsrf={xsrf}",
        f"{kernels}/{kernel}/channels?token={token}",
        f"{hub.server}api/events/subscribe?token={token}",
        f"{hub.server}terminals/websocket/1?token={token}",
    )
    ask(url, *secret)
    socket = opened(kernel)
    # The system resets the connections of a program that ends before it has read everything.
    number = int(pathlib.Path(proxy).read_text())
    os.kill(number, signal.SIGSTOP)
    socket.send("not read")
    while not unread(int(port)):
        time.sleep(0.01)
    os.kill(number, signal.SIGKILL)
    with suppress(OSError, websocket.WebSocketException):
        while socket.recv():
            pass
    ask(url, *secret)
    with suppress(websocket.WebSocketException):
        opened(kernel)
    while requests.get(f"{url}hub/api", verify=user_actions.CA).status_code != 200:
        time.sleep(0.1)
    cookies = {f"the cookie {cookie.name}": cookie.value for cookie in hub.session.cookies}
    found = handed_on() | cookies | {"a WebSocket's token": token, "a page's token": typed, "the password": hub.options.password}
    with suppress(OSError, websocket.WebSocketException):
        user_actions.leave(hub)
    return found


def alone(url: str, name: str, value: str) -> list[int]:
    """The status of the hub's own page and of its API for a visitor who has nothing but a cookie."""
    return [
        requests.get(url + path, verify=user_actions.CA, allow_redirects=False, cookies={name: value}).status_code
        for path in ("hub/home", "hub/api/user")
    ]


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
