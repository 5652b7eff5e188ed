"""The steps kernel_listed, kernel_channel and kernel_computes: a kernel is offered, its WebSockets open, and it answers."""

from __future__ import annotations

import base64
import json
import os
import re
import time
import uuid
from contextlib import suppress

from .hub import Hub
from .libraries import websocket
from .responses import JUPYTER, Failed, excerpt, whose


def kernel_listed(hub: Hub):
    """The kernel is among those that the user's server offers."""
    specs = hub.json("GET", hub.server + "api/kernelspecs")["kernelspecs"]
    if hub.options.kernel not in specs:
        raise Failed(f"{hub.options.kernel} is not among the kernels: {', '.join(sorted(specs)) or 'none'}")
    yield f"{hub.options.kernel}: {specs[hub.options.kernel]['spec']['display_name']}; {len(specs)} kernels in all"


def kernel_channel(hub: Hub):
    """A kernel starts, and a WebSocket to it opens through the proxy."""
    try:
        started = hub.json("POST", hub.server + "api/kernels", expect=(201,), json={"name": hub.options.kernel, "path": hub.folder})
    except Failed as refused:
        raise Failed(f"{refused}{reason(hub)}") from None
    if not hub.stops:  # a server that stops ends its kernels by itself
        hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/kernels/{started['id']}", expect=(204, 404)))
    hub.channel = hub.socket(f"{hub.server}api/kernels/{started['id']}/channels")
    hub.undo.append(hub.channel.close)
    yield f"WebSocket {hub.base}{hub.server}api/kernels/…/channels -> {hub.channel.getstatus()}"
    events = f"{hub.server}api/events/subscribe"
    try:
        other = hub.socket(events)
    except Failed as refused:
        if not re.search(r"-> 404 .*\(from the (user's server|hub)\)", str(refused)):  # older servers have no events
            raise
    else:
        other.close()
        yield f"WebSocket {hub.base}{events} -> {other.getstatus()}"
    # What a user calls a file or a room may hold both. No server has this one, and says so.
    try:
        hub.socket(f"{hub.server}api/hubcheck%20%3F").close()
    except Failed as refused:
        if not re.search(r"\(from the (user's server|hub)\)", str(refused)):
            raise Failed(f"a WebSocket's address with a space and a question mark does not pass: {refused}") from None
    yield "a WebSocket's address with a space and a question mark reaches the server"


def reason(hub: Hub) -> str:
    """Why no kernel starts, in the words that a notebook's own request gets; empty if it gets none, or a kernel after all."""
    about = {"type": "notebook", "name": "", "path": f"{hub.folder}/none.ipynb", "kernel": {"name": hub.options.kernel}}
    answer = hub.request("POST", f"{hub.server}api/sessions", expect=(), json=about)
    with suppress(ValueError, AttributeError):
        if answer.status_code >= 500:
            return f"; {answer.json().get('message')}"
        session = answer.json().get("id")
        hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/sessions/{session}", expect=(204, 404)))
    return ""


def kernel_computes(hub: Hub):
    """The kernel answers over the WebSocket, also after a silence; so does a terminal."""
    yield from compute(hub)
    if hub.options.idle:
        time.sleep(hub.options.idle)
        try:
            yield from compute(hub)
        except (OSError, websocket.WebSocketException) as broken:
            raise Failed(f"the reverse proxy closed the idle WebSocket within {hub.options.idle:g} s: {broken}") from None
        yield f"the WebSocket outlived {hub.options.idle:g} s of silence"
    made = hub.request("POST", hub.server + "api/terminals", expect=(200, 403, 404))
    if made.status_code != 200:
        yield "terminals are switched off"
        return
    name = made.json()["name"]
    hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/terminals/{name}", expect=(204, 404)))
    terminal = hub.socket(f"{hub.server}terminals/websocket/{name}")
    terminal.send(json.dumps(["stdin", "echo $((6 * 7))\r"]))
    said = ""
    # The echoed command holds no 42. A shell that begins later than it is asked puts its prompt between the two.
    while not re.search(r"(?:[\r\n]|[$#%>] )42\b", said):
        message = json.loads(terminal.recv())
        said += message[1] if message[0] == "stdout" else ""
    terminal.close()
    yield "a terminal answers"


def compute(hub: Hub):
    """Run `options.code` in the kernel and wait for `options.expect` in what it prints or returns."""
    began = time.monotonic()
    said = execute(hub, hub.options.code, hub.options.expect)
    if hub.options.expect not in said:
        raise Failed(f"{hub.options.code} -> {said.strip()[:200] or 'nothing'}")
    yield f"{hub.options.code} -> {said.strip()} in {1000 * (time.monotonic() - began):.0f} ms"


def execute(hub: Hub, code: str, until: str = "") -> str:
    """What the kernel prints, returns and shows for `code`, `until` those words are there; `Failed` if it does not answer."""
    identity, said = uuid.uuid4().hex, ""
    header = {"msg_id": identity, "msg_type": "execute_request", "username": "", "session": identity, "date": "", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    hub.channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}))
    while True:
        try:
            message = json.loads(hub.channel.recv())
        except websocket.WebSocketTimeoutException:
            raise Failed(f"the kernel did not answer in {hub.options.timeout:g} s") from None
        kind, body = message.get("msg_type"), message.get("content", {})
        # The user's server says so of its kernel, whoever has asked it for something.
        if kind == "status" and body.get("execution_state") in ("restarting", "dead"):
            raise Failed("the kernel ended while it computed")
        if message.get("parent_header", {}).get("msg_id") != identity:
            continue
        said += body.get("text", "") + body.get("data", {}).get("text/plain", "") + body.get("data", {}).get("application/javascript", "")
        if kind == "error":
            return f"{said}{body['ename']}: {body['evalue']}"
        if (until and until in said) or (kind == "status" and body["execution_state"] == "idle"):
            return said


def handshake(hub: Hub):
    """A WebSocket's request reaches the hub; whether it is upgraded, only somebody's server can tell."""
    path = f"{hub.base}user/hubcheck/api/kernels/none/channels"
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Origin": hub.origin}
    headers["Sec-WebSocket-Key"] = base64.b64encode(os.urandom(16)).decode()
    answer = hub.fetch("GET", hub.origin + path, headers=headers, allow_redirects=False)
    if whose(answer) not in JUPYTER:
        said = f"GET {path} -> {answer.status_code} on the WebSocket: {excerpt(answer)}".rstrip(": ")
        raise Failed(f"{said} (from {whose(answer)})")
    yield f"a WebSocket request reaches the hub -> {answer.status_code}; that it is upgraded, only a user sees"
