"""A user with Firefox or WebKitGTK: pages, notebooks and the block editor, by the few actions that both drivers have.

What is clicked is looked for in the page, and then pressed where it is, with the mouse: so a click is the same in each browser, and in
each frame.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.harness.browsers import drivers, other_web
from tests.harness.browsers.drivers import PATIENCE, Driver, Thrown
from tests.harness.browsers.user_browser import APPLICATIONS, GRIP, document
from tests.harness.machines import deployment, engine
from tests.harness.machines.deployment import URL
from tests.harness.manifest import EVERY_PROXY, PUBLISHED, VALUES, Files
from tests.harness.spending import spent

NAMES = list(drivers.BEGIN)
KEYS = {"Enter": "\ue007", "Shift": "\ue008", "Control": "\ue009", "Tab": "\ue004", "Backspace": "\ue003", "Delete": "\ue017"}
# What Notebook 7 says whenever it opens a notebook (see user_browser.NOTEBOOKS_OWN), in each browser's words.
NOTEBOOKS_OWN = (
    "t.plugins[W.id]",
    "Command 'filebrowser:open-path' not registered.",
)
# What Firefox says of a request of a page that is left, where Chromium says nothing.
BROKEN_OFF = ("AbortError: The operation was aborted.",)
# Where the one of these is that has words on it, in pixels of its frame, once it is there, seen and at rest.
PLACE = """async (css, words, nth) => {
  const shown = (e) => e.getClientRects().length && getComputedStyle(e).visibility !== "hidden";
  const find = () => [...document.querySelectorAll(css)].filter((e) => shown(e) && (!words || e.textContent.includes(words))).at(nth);
  const box = (e) => { const { x, y, width, height } = e.getBoundingClientRect(); return [x, y, width, height]; };
  let e = find();
  if (!e) throw new Error(`no ${css} ${words}`);
  e.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
  for (let turn = 0, before = ""; turn < 40; turn++) {
    await new Promise((later) => setTimeout(later, 60));
    e = find();
    const now = e ? box(e) : null;
    if (now && now.join() === before) return now;
    before = now ? now.join() : "";
  }
  throw new Error(`${css} ${words} does not come to rest`);
}"""
FRAME_PLACE = """(css) => {
  const frame = document.querySelector(css);
  frame.scrollIntoView({ block: "nearest", behavior: "instant" });
  const { x, y } = frame.getBoundingClientRect();
  return [x + frame.clientLeft, y + frame.clientTop];
}"""


@dataclass
class Page:
    """A window of a browser. `frame` is the way to a frame in it, as `drivers` has it."""

    driver: Driver
    window: str

    def go(self, address: str) -> Page:
        self.driver.go(self.window, address)
        return self

    def reload(self) -> None:
        self.driver.reload(self.window)

    def close(self) -> None:
        self.driver.close(self.window)

    @property
    def address(self) -> str:
        return self.call("() => location.href")

    def call(self, function: str, *arguments: Any, frame: drivers.Path = ()) -> Any:
        """What a function of JavaScript returns in the page or in a frame, waited for if it is a promise. Raises `Thrown`."""
        return self.driver.call(self.window, frame, function, arguments)

    def until(self, function: str, *arguments: Any, frame: drivers.Path = (), timeout: float = PATIENCE) -> Any:
        """What a function returns once that is something; RuntimeError with the page's address and words if nothing comes."""

        def seen() -> Any:
            value = self.call(function, *arguments, frame=frame)
            if not value:
                raise LookupError(f"{function[:200]} with {arguments}: {value!r}")
            return value

        try:
            return engine.wait(seen, timeout=timeout, every=0.1)
        except Exception as error:
            raise RuntimeError(f"{self.driver.name}: {error}\n{self._words()}") from None

    def _words(self) -> str:
        with contextlib.suppress(Exception):
            return self.call("() => `${location.href}\\n${document.body.innerText.slice(0, 1500)}`")
        return ""

    def text(self, css: str, words: str = "", frame: drivers.Path = ()) -> str:
        """The text of the first of these, once one has these words."""
        find = "(css, words) => [...document.querySelectorAll(css)].find((e) => e.textContent.includes(words))?.textContent ?? null"
        if words:
            return self.until(find, css, words, frame=frame)
        return self.until("(css) => document.querySelector(css) && [document.querySelector(css).textContent]", css, frame=frame)[0]

    def box(self, css: str, words: str = "", nth: int = 0, frame: drivers.Path = ()) -> tuple[float, float, float, float]:
        """Where something is, in the pixels that the driver's mouse counts: left, top, width, height."""

        def found() -> tuple[float, float, float, float]:
            right, down = 0.0, 0.0
            for depth, part in enumerate(frame):
                x, y = self.call(FRAME_PLACE, part, frame=frame[:depth])
                if not self.driver.in_frames:
                    right, down = right + x, down + y
            x, y, width, height = self.call(PLACE, css, words, nth, frame=frame)
            return right + x, down + y, width, height

        try:
            return engine.wait(found, timeout=PATIENCE, every=0.1)
        except Exception as error:
            raise RuntimeError(f"{self.driver.name}: {error}\n{self._words()}") from None

    def click(self, css: str, words: str = "", nth: int = 0, frame: drivers.Path = (), times: int = 1) -> None:
        x, y, width, height = self.box(css, words, nth, frame)
        self.mouse([(x + width / 2, y + height / 2)], times, frame)

    def mouse(self, way: list[tuple[float, float]], times: int = 1, frame: drivers.Path = ()) -> None:
        """Press at the first place, and let go at the last."""

        def move(place: tuple[float, float]) -> dict:
            return {"type": "pointerMove", "x": round(place[0]), "y": round(place[1]), "duration": 60, "origin": "viewport"}

        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        acts = [move(way[0]), down, *map(move, way[1:]), up] if times == 1 else [move(way[0]), *[down, up] * times]
        self.driver.act(self.window, [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": acts}], frame)

    def drag(self, begin: tuple[float, float], end: tuple[float, float], frame: drivers.Path = ()) -> None:
        self.mouse([begin, (begin[0] + 6, begin[1] + 6), (end[0] + 7, end[1] + 5), end], frame=frame)

    def press(self, *keys: str, frame: drivers.Path = ()) -> None:
        """Press keys at once, such as "Shift" and "Enter". `frame` is the one that has the keyboard."""
        named = [KEYS.get(key, key) for key in keys]
        acts = [{"type": "keyDown", "value": key} for key in named] + [{"type": "keyUp", "value": key} for key in reversed(named)]
        self.driver.act(self.window, [{"type": "key", "id": "keys", "actions": acts}], frame)

    def type(self, text: str, frame: drivers.Path = ()) -> None:
        acts = [{"type": kind, "value": letter} for letter in text for kind in ("keyDown", "keyUp")]
        self.driver.act(self.window, [{"type": "key", "id": "keys", "actions": acts}], frame)

    def fill(self, css: str, text: str) -> None:
        """Click into a field and type."""
        self.click(css)
        self.until("(css) => document.activeElement === document.querySelector(css)", css)
        self.type(text)

    def opened(self, act: str, *arguments: Any) -> Page:
        """The window that a script of the page opens."""
        return self.opens(lambda: self.call(act, *arguments))

    def opens(self, act: Callable[[], object]) -> Page:
        """The window that opens when something is done."""
        before = set(self.driver.windows())
        act()

        def new() -> str:
            (window,) = set(self.driver.windows()) - before
            return window

        return Page(self.driver, engine.wait(new, timeout=PATIENCE, every=0.1))

    def picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.driver.picture(self.window))


EDITOR = (".jp-Notebook .jp-CodeCell .jp-OutputArea iframe",)
IDLE = """() => document.querySelector(".jp-Notebook-ExecutionIndicator")?.dataset.status === "idle" """
# Whether the server has a kernel for the page's notebook, and somebody connected to it. The indicator is idle before that, too, and
# whoever runs a cell then is asked to select a kernel.
CONNECTED = """async () => {
  const headers = { "X-XSRFToken": document.cookie.match(/_xsrf=([^;]*)/)[1] };
  const sessions = await (await fetch(`${location.pathname.match(/.*[/]user[/][^/]+[/]/)[0]}api/sessions`, { headers })).json();
  const path = decodeURIComponent(location.pathname);
  return sessions.some((session) => path.endsWith(`/${session.path}`) && session.kernel.connections > 0);
}"""
FOCUSED = "(nth) => [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .cm-content')][nth].contains(document.activeElement)"
SAVE = "[data-jp-item-name='save'] button, jp-button[data-command='docmanager:save']"
RESTART = "[data-jp-item-name='restart'] button, [data-jp-item-name='restart'] jp-button"
BLOCKS = ".blocklySvg .blocklyBlockCanvas > .blocklyDraggable"


@dataclass
class Notebook:
    """A notebook that is open in another browser."""

    page: Page
    frame: drivers.Path = EDITOR

    def ready(self) -> Notebook:
        self.page.until(CONNECTED)
        self.page.until(IDLE)
        # The server may have heard of the connection a little before the page has.
        time.sleep(0.7)
        return self

    def run(self, cell: int = 0) -> None:
        """As a user does: a click into the cell, then Shift and Enter."""

        def focus() -> None:
            self.page.click(".jp-Notebook .jp-CodeCell .cm-content", nth=cell)
            if not self.page.call(FOCUSED, cell):
                raise LookupError("the cell does not take the keyboard")

        engine.wait(focus, timeout=PATIENCE)
        self.page.press("Shift", "Enter")

    def reload(self) -> None:
        self.page.reload()
        self.ready()

    def save(self) -> None:
        """Save by the toolbar's button; whether it is saved, the file tells."""
        self.page.click(SAVE)

    def restart(self) -> None:
        self.page.click(RESTART)
        self.page.click(".jp-Dialog button", "Restart")
        time.sleep(1)
        self.ready()

    def shown(self) -> Notebook:
        """The same, once the editor's toolbox can be clicked."""
        self.page.box(".blocklyToolboxCategory", "Logic", frame=self.frame)
        return self

    def blocks(self, wanted: int) -> None:
        """Wait until the editor shows so many blocks."""
        self.page.until("([css, wanted]) => document.querySelectorAll(css).length === wanted", [BLOCKS, wanted], frame=self.frame)

    def drag(self, category: str, block: int, x: float, y: float) -> None:
        """Drag a block of a category to a place, in pixels from the frame's corner."""
        self.page.click(".blocklyToolboxCategory", category, frame=self.frame)
        taken = self.page.box(".blocklyToolboxFlyout .blocklyBlockCanvas > .blocklyDraggable", nth=block, frame=self.frame)
        corner = self.page.box("body", frame=self.frame)
        self.page.drag((taken[0] + GRIP[0], taken[1] + GRIP[1]), (corner[0] + x, corner[1] + y), self.frame)

    def press(self, button: str, times: int = 1) -> None:
        self.page.click("button", button, frame=self.frame, times=times)

    def printed(self, words: str) -> None:
        """Wait until what the editor's buttons have shown is this and no more."""
        find = "(words) => [...document.querySelectorAll('.jp-OutputArea pre[role=log]')].some((e) => e.textContent === words)"
        self.page.until(find, words)


@dataclass
class Desk:
    """A hub, another browser that reaches it, and the web outside. Whoever logs in needs a proxy: `with desk.behind("nginx"): ...`"""

    hub: deployment.Hub
    driver: Driver
    outside: engine.Container
    seen: int = 0
    opened: int = 0

    def behind(self, proxy: str, **options: Any) -> contextlib.AbstractContextManager[engine.Container]:
        return deployment.in_front(self.hub, EVERY_PROXY[proxy].servers[-1], proxy, **options)

    def page(self) -> Page:
        return Page(self.driver, self.driver.open())

    def address(self, path: str, name: str = "alice") -> str:
        return f"{URL}user/{name}/{path}"

    def application(self, application: str, notebook: str = "") -> str:
        """The address of one of `APPLICATIONS` with a notebook, by its path in the user's home; without one of JupyterLab's launcher.

        JupyterLab has a workspace of its own each time. With `?reset`, it begins and then loads itself again, and what it has asked for
        until then fails, at length, in these browsers' consoles.
        """
        self.opened += 1
        workspace = f"lab/workspaces/w{self.opened}"
        if not notebook:
            return self.address(workspace)
        return self.address(APPLICATIONS[application].replace("lab", workspace) + quote(notebook))

    def put(self, path: str, content: str, user: str = "alice") -> None:
        """Put a file below a user's home, as their own."""
        place = f"/home/{user}/{path}"
        self.hub.machine.exec("sh", "-c", f"mkdir -p '{place.rpartition('/')[0]}' && cat >'{place}'", input=content, user=user)

    def notebook(self, path: str, *cells: str) -> str:
        self.put(path, json.dumps(document(*cells)))
        return path

    def holds(self, path: str, command: str, wanted: str, timeout: float = 20) -> None:
        """Wait until a command about a file of alice's prints what is wanted."""

        def state() -> None:
            printed = self.hub.machine.sh(f"{command} {shlex.quote(f'/home/alice/{path}')}").stdout
            if wanted not in printed:
                raise LookupError(f"{path}: {printed[-1000:]!r}")

        engine.wait(state, timeout=timeout, every=0.2)

    def log_in(self, name: str = "alice") -> Page:
        """By the hub's form; the page to which that leads, once it is the user's server."""
        page = self.page()
        page.go(f"{URL}hub/login")
        page.fill("#username_input", name)
        page.fill("#password_input", self.hub.passwords[name])
        page.click("#login_submit")
        page.until("(there) => location.pathname.startsWith(there)", f"{VALUES['base_url']}user/{name}/", timeout=60)
        return page

    def open(self, application: str, notebook: str) -> Notebook:
        """Open a notebook in one of `APPLICATIONS`, and wait until its kernel is ready."""
        page = self.page()
        with spent(f"load of {application} in {self.driver.name}"):
            page.go(self.application(application, notebook))
            return Notebook(page).ready()

    def said(self) -> list[str]:
        """What consoles have said since this was asked last."""
        said = self.driver.said()
        new, self.seen = said[self.seen :], len(said)
        return new

    def errors(self) -> list[str]:
        """What consoles have said as an error since they were asked last, but for what Notebook 7 and pages that are left always say."""
        others = (*NOTEBOOKS_OWN, *BROKEN_OFF)
        return [said for said in self.said() if said.startswith(("error", "uncaught")) and not any(own in said for own in others)]

    def clear(self) -> None:
        """Close every window."""
        for window in self.driver.windows():
            with contextlib.suppress(RuntimeError):
                self.driver.close(window)


@contextlib.contextmanager
def desk(name: str, version: str, files: Files = PUBLISHED) -> Iterator[Desk]:
    """A hub of a version, and another browser, by its name, to use it with."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        web = stack.enter_context(other_web.outside(network))
        hub = stack.enter_context(deployment.hub(version, files, network, other_web.known(web)))
        other_web.trust(hub.machine)
        hosts = [VALUES["host"], *(f"{user}.{VALUES['host']}" for user in hub.passwords)]
        names = other_web.known(web) | dict.fromkeys(hosts, hub.machine.address())
        yield Desk(hub, stack.enter_context(drivers.running(name, network, names)), web)


__all__ = ["NAMES", "Desk", "Notebook", "Page", "Thrown", "desk"]
