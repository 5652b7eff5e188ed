"""Controls Firefox and WebKitGTK, each by its own protocol, with the same few methods.

Firefox speaks WebDriver BiDi. WebKitGTK comes with WebKitWebDriver, which speaks the older WebDriver. Playwright, which drives
Chromium, has builds of its own of both; these are Debian's.

A window is known by the driver's own name for it, a frame by the way to it: CSS selectors, from the page inwards. What a script
throws there is raised as `Thrown`, and what the driver refuses as `RuntimeError`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import requests
import websocket

from tests.harness.browsers.other_web import AUTHORITY
from tests.harness.machines import deployment, engine, images
from tests.harness.spending import spent

PORT = 3000
PATIENCE = 40  # seconds
WIDTH, HEIGHT = 1200, 900
# What each answers: whether it went well, and what came back or what was thrown.
ANSWER = """(given) => Promise.resolve().then(() => (FUNCTION)(...JSON.parse(given))).then(
    (value) => JSON.stringify([true, value === undefined ? null : value]),
    (error) => JSON.stringify([false, `${error.name}: ${error.message}`]))"""

Path = Sequence[str]


class Thrown(Exception):
    """What a page's script has thrown, in the browser's words."""


def _answer(text: str) -> Any:
    well, value = json.loads(text)
    if not well:
        raise Thrown(value)
    return value


class Driver(Protocol):
    """A browser that runs; one profile, which is its own."""

    name: str
    version: str
    # Whether the mouse's places count from the corner of the frame that is named, and not from the window's.
    in_frames: ClassVar[bool]

    def windows(self) -> list[str]: ...
    def open(self) -> str: ...
    def close(self, window: str) -> None: ...
    def go(self, window: str, address: str) -> None: ...
    def reload(self, window: str) -> None: ...
    def call(self, window: str, frame: Path, function: str, arguments: Sequence[Any]) -> Any: ...
    def act(self, window: str, actions: list[dict], frame: Path = ()) -> None: ...
    def picture(self, window: str) -> bytes: ...
    def said(self) -> list[str]: ...
    def afresh(self) -> None: ...
    def end(self) -> None: ...


@dataclass
class Firefox:
    """A profile of a Firefox that runs in a container: BiDi calls it a user context."""

    socket: websocket.WebSocket
    name: str = "Firefox"
    version: str = ""
    context: str = ""
    told: list[str] = field(default_factory=list)
    number: int = 0
    front: str = ""
    in_frames: ClassVar[bool] = True

    def ask(self, method: str, **parameters: Any) -> Any:
        """What a command returns; what the browser tells meanwhile is kept."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message["type"] == "event":
                self._event(message)
            elif message.get("id") == self.number:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['error']}: {message['message']}"[:1000])
                return message["result"]

    def _event(self, message: dict) -> None:
        if message["method"] == "log.entryAdded":
            entry = message["params"]
            kind = "uncaught" if entry["type"] == "javascript" and entry["level"] == "error" else entry["level"]
            self.told.append(f"{kind}: {entry['text']}")

    def windows(self) -> list[str]:
        found = self.ask("browsingContext.getTree", maxDepth=0)["contexts"]
        return [tree["context"] for tree in found if tree["userContext"] == self.context]

    def open(self) -> str:
        window = self.ask("browsingContext.create", type="tab", userContext=self.context)["context"]
        self.ask("browsingContext.setViewport", context=window, viewport={"width": WIDTH, "height": HEIGHT})
        self.front = window
        return window

    def close(self, window: str) -> None:
        self.ask("browsingContext.close", context=window)

    def go(self, window: str, address: str) -> None:
        self._before(window)
        self.ask("browsingContext.navigate", context=window, url=address, wait="interactive")

    def reload(self, window: str) -> None:
        self.ask("browsingContext.reload", context=window, wait="interactive")

    def _before(self, window: str) -> None:
        """A tab behind others neither has the keyboard nor draws."""
        if self.front != window:
            self.ask("browsingContext.activate", context=window)
            self.front = window

    def _call(self, window: str, function: str, *arguments: str) -> Any:
        result = self.ask(
            "script.callFunction",
            functionDeclaration=function,
            awaitPromise=True,
            target={"context": window},
            arguments=[{"type": "string", "value": argument} for argument in arguments],
        )
        if result["type"] == "exception":
            raise Thrown(result["exceptionDetails"]["text"])
        return result["result"].get("value")

    def within(self, window: str, frame: Path) -> str:
        """The browser's own name for a frame."""
        self._before(window)
        for css in frame:
            found = self._call(window, "(css) => document.querySelector(css)?.contentWindow", css)
            if not found:
                raise RuntimeError(f"no frame {css}")
            window = found["context"]
        return window

    def call(self, window: str, frame: Path, function: str, arguments: Sequence[Any]) -> Any:
        return _answer(self._call(self.within(window, frame), ANSWER.replace("FUNCTION", function), json.dumps(arguments)))

    def act(self, window: str, actions: list[dict], frame: Path = ()) -> None:
        """Keys and the mouse go to the frame that is named: one of another site runs in a process of its own."""
        self.ask("input.performActions", context=self.within(window, frame), actions=actions)

    def picture(self, window: str) -> bytes:
        self._before(window)
        return base64.b64decode(self.ask("browsingContext.captureScreenshot", context=window)["data"])

    def said(self) -> list[str]:
        self.ask("session.status")
        return self.told

    def afresh(self) -> None:
        """Go on with a new profile, which has no cookies."""
        self.end()
        self.context, self.front = self.ask("browser.createUserContext")["userContext"], ""

    def end(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.ask("browser.removeUserContext", userContext=self.context)


MESSAGE = re.compile(r"^(?:(?P<where>\S+): )?CONSOLE (?P<kind>[A-Z ]*(?:LOG|WARN|ERROR|DEBUG|INFO)) (?P<text>.*)", re.DOTALL)


@dataclass
class WebKit:
    """A WebKitGTK that runs in a container, driven by WebKitWebDriver."""

    machine: engine.Container
    address: str
    name: str = "WebKitGTK"
    version: str = ""
    session: str = ""
    first: str = ""  # with its last window, a browser ends
    in_frames: ClassVar[bool] = False

    def ask(self, method: str, path: str, **parameters: Any) -> Any:
        body = json.dumps(parameters) if method == "POST" else None
        answer = requests.request(method, f"{self.address}/session{path}", data=body, timeout=90)
        value = answer.json()["value"]
        if isinstance(value, dict) and "error" in value and answer.status_code >= 400:
            raise RuntimeError(f"{path.rpartition('/')[2]}: {value['error']}: {value['message']}"[:1000])
        return value

    def _ask(self, method: str, path: str, **parameters: Any) -> Any:
        return self.ask(method, f"/{self.session}{path}", **parameters)

    def begin(self) -> WebKit:
        asked = {"webkitgtk:browserOptions": {"binary": "/usr/local/lib/browser/browser.py", "args": []}}
        made = self.ask("POST", "", capabilities={"alwaysMatch": asked})
        self.session, self.version = made["sessionId"], made["capabilities"]["browserVersion"]
        (self.first,) = self._ask("GET", "/window/handles")
        self._ask("POST", "/timeouts", script=60_000, pageLoad=60_000, implicit=0)
        return self

    def windows(self) -> list[str]:
        return [window for window in self._ask("GET", "/window/handles") if window != self.first]

    def open(self) -> str:
        self._in(self.first)
        return self._ask("POST", "/window/new", type="window")["handle"]

    def _in(self, window: str, frame: Path = ()) -> None:
        self._ask("POST", "/window", handle=window)
        self._ask("POST", "/frame", id=None)
        for css in frame:
            found = self._ask("POST", "/element", using="css selector", value=css)
            self._ask("POST", "/frame", id=found)

    def close(self, window: str) -> None:
        self._in(window)
        self._ask("DELETE", "/window")

    def go(self, window: str, address: str) -> None:
        self._in(window)
        self._ask("POST", "/url", url=address)

    def reload(self, window: str) -> None:
        self._in(window)
        self._ask("POST", "/refresh")

    def call(self, window: str, frame: Path, function: str, arguments: Sequence[Any]) -> Any:
        self._in(window, frame)
        script = f"const answer = arguments[1]; ({ANSWER.replace('FUNCTION', function)})(arguments[0]).then(answer);"
        return _answer(self._ask("POST", "/execute/async", script=script, args=[json.dumps(arguments)]))

    def act(self, window: str, actions: list[dict], frame: Path = ()) -> None:
        """Keys go to the frame that is named, and the mouse's places count from the window in any case."""
        self._in(window, frame)
        self._ask("POST", "/actions", actions=actions)

    def picture(self, window: str) -> bytes:
        self._in(window)
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def said(self) -> list[str]:
        """One message may have several lines."""
        messages: list[str] = []
        for line in self.machine.read("/root/log").splitlines():
            if (found := MESSAGE.match(line)) or not messages:
                kind = found["kind"] if found else ""
                level = kind.rpartition(" ")[2].lower()
                told = "uncaught" if kind == "JS ERROR" else level
                messages.append(f"{told}: {found['text']}" if found else line)
            else:
                messages[-1] += f"\n{line}"
        return messages

    def afresh(self) -> None:
        """Begin again, with a new profile, which has no cookies."""
        self.end()
        self.begin()

    def end(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._ask("DELETE", "")


POLICIES = json.dumps({"policies": {"Certificates": {"Install": [AUTHORITY]}, "DisableTelemetry": True, "DisableAppUpdate": True}})
BEGIN = {
    # Firefox listens on loopback, and a container's published port leads elsewhere.
    "Firefox": "mkdir -p /root/profile; socat TCP-LISTEN:3000,fork,reuseaddr TCP:127.0.0.1:9222 & "
    "exec firefox-esr --headless --no-remote --profile /root/profile --remote-debugging-port 9222",
    "WebKitGTK": "update-ca-certificates; export WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1; "
    "exec xvfb-run -a -s '-screen 0 1400x1100x24' WebKitWebDriver --host=0.0.0.0 --port=3000",
}


def _firefox(port: int) -> Firefox:
    # It answers to its own address alone, and to no page.
    socket = websocket.create_connection(f"ws://127.0.0.1:{port}/session", host="127.0.0.1:9222", suppress_origin=True, timeout=90)
    firefox = Firefox(socket)
    begun = firefox.ask("session.new", capabilities={"alwaysMatch": {"unhandledPromptBehavior": {"default": "accept"}}})
    firefox.version = begun["capabilities"]["browserVersion"]
    firefox.ask("session.subscribe", events=["log.entryAdded"])
    firefox.context = firefox.ask("browser.createUserContext")["userContext"]
    return firefox


@contextlib.contextmanager
def running(name: str, network: str, names: dict[str, str]) -> Iterator[Driver]:
    """A browser of `BEGIN` on a network, to which `names` (host name: IPv4 address) are known, and which trusts the tests' authority."""
    images.prepare(lambda line: None, [images.other_browser(name)])
    options = ("--publish", f"127.0.0.1::{PORT}", "--shm-size=512m", *engine.known(names))
    with engine.run(images.other_browser(name).tag, network=network, options=options) as machine:
        machine.put({AUTHORITY: deployment.authority().cert_pem.bytes(), "/etc/firefox/policies/policies.json": POLICIES})
        engine.cli("exec", "--detach", machine.id, "sh", "-c", f"{{ {BEGIN[name]}; }} >/root/log 2>&1")
        port = machine.port(PORT)
        with spent(f"start of {name}"):
            try:
                if name == "Firefox":
                    driver: Driver = engine.wait(lambda: _firefox(port), timeout=40, every=0.3)
                else:
                    driver = engine.wait(lambda: WebKit(machine, f"http://127.0.0.1:{port}").begin(), timeout=40, every=0.5)
            except Exception as error:
                raise RuntimeError(f"{name} does not start: {error}\n{machine.read('/root/log')}") from None
        try:
            yield driver
        finally:
            driver.end()
