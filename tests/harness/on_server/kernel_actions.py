"""What a user does with a kernel besides running a cell: answer a question, complete a word, ask for help, interrupt, restart.

`python kernel_actions.py NAME ARGUMENT...` calls a function of this file and prints what it returns, as JSON.
"""

import json
import sys
import time
import uuid
from contextlib import suppress

import hubcheck
import requests
import user_actions
import websocket

# Seconds for an answer, and for one to an interrupt.
PATIENCE, SHORT = 60, 15


class Silent(Exception):
    """A kernel did not answer."""


class Kernel:
    """A kernel of a user's, started behind the hub and the reverse proxy, with its WebSocket."""

    def __init__(self, hub: hubcheck.Hub, known: str = ""):
        self.hub = hub
        self.id = known or max(hub.json("GET", f"{hub.server}api/kernels"), key=lambda kernel: kernel["last_activity"])["id"]

    def send(self, channel: str, kind: str, content: dict) -> str:
        """Send a message; its id."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": "s", "date": "", "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": channel}
        self.hub.channel.send(json.dumps(message))
        return header["msg_id"]

    def messages(self, asked: str, patience: float):
        """What comes in answer to a message, one by one. Raises `Silent` when nothing more comes in time."""
        end = time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            self.hub.channel.settimeout(left)
            with suppress(websocket.WebSocketTimeoutException):
                message = json.loads(self.hub.channel.recv())
                if message["parent_header"].get("msg_id") == asked:
                    yield message
        raise Silent(f"no answer in {patience:g} seconds")

    def ask(self, kind: str, content: dict, channel: str = "shell") -> dict:
        """The reply to a request."""
        for message in self.messages(self.send(channel, f"{kind}_request", content), PATIENCE):
            if message["msg_type"] == f"{kind}_reply":
                return message["content"]
        raise AssertionError

    def run(self, code: str, typed: str = "", interrupt: bool = False) -> dict:
        """What comes of a cell: its status, what it says, what it shows by type, and whether it asked, to which `typed` is the answer.

        The cell of an `interrupt` runs for a second before it.
        """
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": bool(typed)}
        asked = self.send("shell", "execute_request", content)
        seen = {"status": "", "said": "", "errors": "", "shown": {}, "asked": False}
        missing = {"reply", "idle"}
        if interrupt:
            time.sleep(1)
            self.control("interrupt")
        try:
            for message in self.messages(asked, SHORT if interrupt or typed else PATIENCE):
                body, kind = message["content"], message["msg_type"]
                if kind == "stream":
                    seen["errors" if body["name"] == "stderr" else "said"] += body["text"]
                elif kind == "error":
                    seen["errors"] += f"{body['ename']}: {body['evalue']}"
                elif kind in ("display_data", "execute_result"):
                    seen["said"] += body["data"].pop("text/plain", "")
                    seen["shown"].update(body["data"])
                elif kind == "input_request":
                    seen["asked"] = True
                    self.send("stdin", "input_reply", {"value": typed})
                elif kind == "execute_reply":
                    seen["status"] = body["status"]
                    missing -= {"reply"}
                elif kind == "status" and body["execution_state"] == "idle":
                    missing -= {"idle"}
                if not missing:
                    break
        except Silent as silent:
            seen["status"] = f"{seen['status']} {silent}".strip()
        return seen

    def control(self, what: str) -> None:
        """Interrupt or restart the kernel, as a notebook's buttons do."""
        self.hub.request("POST", f"{self.hub.server}api/kernels/{self.id}/{what}", (200, 204), timeout=90)

    def restart(self) -> None:
        self.control("restart")
        self.hub.channel.close()
        self.hub.channel = self.hub.socket(f"{self.hub.server}api/kernels/{self.id}/channels")


def exercise(url: str, user: str, name: str, told: str) -> dict:
    """What a kernel does of what it is `told`, by word; a step that it is not told to take is not there.

    "computes", "draws", "fails", "asks" (with the answer), "endless" and "kept" are cells; "completes" and "inspects" are words at the
    end of which somebody presses Tab, or Shift and Tab. After a restart it computes "anew", and "gone" is what a cell
    says that needs what was kept. At last it is "ended".
    """
    steps = json.loads(told)
    hub = user_actions.enter(url, user, "--kernel", name, "--timeout", "90", "--keep-server")
    seen = {}
    try:
        kernel = Kernel(hub)
        specs = hub.json("GET", f"{hub.server}api/kernelspecs")["kernelspecs"]
        seen["listed"] = specs[name]["spec"]["display_name"]
        seen["started"] = kernel.ask("kernel_info", {})["banner"]
        for step in ("computes", "draws", "fails", "then", "kept"):
            if step in steps:
                seen[step] = kernel.run(steps[step])
        if "completes" in steps:
            word = steps["completes"]
            seen["completes"] = kernel.ask("complete", {"code": word, "cursor_pos": len(word)})["matches"]
        if "inspects" in steps:
            word = steps["inspects"]
            answer = kernel.ask("inspect", {"code": word, "cursor_pos": len(word), "detail_level": 0})
            seen["inspects"] = answer["data"].get("text/plain", "") if answer.get("found") else ""
        if "asks" in steps:
            seen["asks"] = kernel.run(steps["asks"], "bob")
        if "endless" in steps:
            seen["endless"] = kernel.run(steps["endless"], interrupt=True)
            seen["after"] = (
                kernel.run(steps["keeps"]) if seen["endless"]["status"] in ("ok", "error", "aborted") else {"said": "", "errors": ""}
            )
        kernel.restart()
        seen["anew"] = kernel.run(steps["computes"])
        seen["gone"] = kernel.run(steps["keeps"])
        hub.request("DELETE", f"{hub.server}api/kernels/{kernel.id}", (204,))
        seen["ended"] = kernel.id not in [one["id"] for one in hub.json("GET", f"{hub.server}api/kernels")]
    finally:
        with suppress(hubcheck.Failed, OSError, requests.RequestException, websocket.WebSocketException):
            user_actions.leave(hub)
    return seen


def cells(url: str, user: str, name: str, *codes: str) -> list[dict]:
    """What comes of cells that a user runs one after the other in a new kernel."""
    hub = user_actions.enter(url, user, "--kernel", name, "--timeout", "90", "--keep-server")
    try:
        kernel = Kernel(hub)
        return [kernel.run(code) for code in codes]
    finally:
        user_actions.leave(hub)


def interrupted(url: str, user: str, name: str, code: str, after: str) -> list[dict]:
    """What comes of a cell that is interrupted after a second, and of the next one."""
    hub = user_actions.enter(url, user, "--kernel", name, "--timeout", "90", "--keep-server")
    try:
        kernel = Kernel(hub)
        return [kernel.run(code, interrupt=True), kernel.run(after)]
    finally:
        user_actions.leave(hub)


def beside(url: str, user: str, name: str, path: str, *codes: str) -> list[dict]:
    """What comes of cells of a notebook, by its path in the user's home. Without cells, its kernel starts and says what it is."""
    hub = user_actions.enter(url, user, "--keep-server")
    try:
        asked = {"path": path, "type": "notebook", "name": "", "kernel": {"name": name}}
        known = hub.json("POST", f"{hub.server}api/sessions", (201,), json=asked)["kernel"]["id"]
        hub.channel.close()
        hub.channel = hub.socket(f"{hub.server}api/kernels/{known}/channels")
        kernel = Kernel(hub, known)
        kernel.ask("kernel_info", {})
        told = [kernel.run(code) for code in codes]
        hub.request("DELETE", f"{hub.server}api/kernels/{known}", (204,))
        return told
    finally:
        user_actions.leave(hub)


def debugged(url: str, user: str) -> bool:
    """Whether a kernel has a debugger, which its user switches on and off again, as JupyterLab does. It runs until `over` is there."""
    user_actions.OVER.unlink(missing_ok=True)
    hub = user_actions.enter(url, user, "--kernel", "python3", "--keep-server")
    try:
        kernel = Kernel(hub)
        for number, command in enumerate(("initialize", "attach", "disconnect")):
            asked = {"type": "request", "seq": number, "command": command, "arguments": {"adapterID": "any"}}
            told = kernel.ask("debug", asked, "control")
        has = bool(told)
        user_actions.until_over(json.dumps(told))
    finally:
        user_actions.leave(hub)
    return has


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
