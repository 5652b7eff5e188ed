"""A user's Chromium on another machine: it finds the hub by name, and trusts the tests' certificate authority.

The browser runs in a container, on the hub's network; Playwright drives it from here through one port on loopback.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    FrameLocator,
    Locator,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from tests.harness.browsers import other_web
from tests.harness.machines import beside, deployment, engine, images
from tests.harness.machines.deployment import URL
from tests.harness.manifest import EVERY_PROXY, NEWEST, PUBLISHED, VALUES, Files
from tests.harness.pairs import WHOLE
from tests.harness.spending import spent

PORT, PATH = 3000, "/chromium"
PATIENCE = 40_000  # milliseconds; two cores do other work too
expect.set_options(timeout=PATIENCE)
LAUNCH = {
    "port": PORT,
    "host": "0.0.0.0",
    "wsPath": PATH,
    # In a container, as root, Chromium cannot make the sandbox that it puts around its own processes.
    "chromiumSandbox": False,
    "args": [
        "--disable-dev-shm-usage",
        # What draws is the processor anyway: without a process of its own for that, a tenth less to do.
        "--disable-gpu",
        "--no-first-run",
        "--force-color-profile=srgb",
        "--font-render-hinting=none",
        # No process is kept ready for the next site: each costs as much as a tenth of a page. The rest is what Playwright
        # asks for in this place, as far as it bears on us: nothing is moved to HTTPS, frames keep their cookies, pages show at once.
        "--disable-features=SpareRendererForSitePerProcess,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
        "ThirdPartyStoragePartitioning,PaintHolding,AvoidCorsURLLoaderRestartOnRedirect,AvoidUnnecessaryBeforeUnloadCheckSync,"
        "DestroyProfileOnBrowserClose,MediaRouter,OptimizationHints,NetworkTimeServiceQuerying,PreconnectToSearch",
    ],
}
WINDOWED, WINDOWLESS = "/usr/bin/chromium", "/usr/bin/chromium-headless-shell"
# Pages of one site share a process, and what it has compiled of JupyterLab's scripts: a third less to do for each page.
# Not where windows and frames are tested that must not reach each other.
THRIFTY = "--process-per-site"
# In pixels from a block's upper left corner: where it is gripped, left of all fields; where a loop's mouth begins.
# Its lower edge has a notch, which is part of its box.
GRIP, MOUTH, NOTCH = (8, 10), (36, 32), 6
POLLS = re.compile(r" 20[04] (GET|PUT) \S*/(api/(kernels|sessions|terminals|contents)|lab/api/workspaces)\b")
# What Notebook 7 itself says, uncaught, whenever it opens a notebook.
NOTEBOOKS_OWN = {
    "uncaught: Cannot read properties of undefined (reading 'schema')",
    "uncaught: Command 'filebrowser:open-path' not registered.",
}
# What each application has in its address between the user's server and the notebook's path.
APPLICATIONS = {"JupyterLab": "lab/tree/", "Notebook 7": "notebooks/"}


def wait_at_most(milliseconds: int) -> None:
    """Let what browsers are asked from now on be waited for so long, in place of `PATIENCE`."""
    global PATIENCE
    PATIENCE = milliseconds
    expect.set_options(timeout=milliseconds)


@cache
def _playwright() -> Playwright:
    """The one driver of this process; it allows no second."""
    driver = sync_playwright().start()
    atexit.register(driver.stop)
    return driver


@contextlib.contextmanager
def chromium(
    network: str, names: dict[str, str], *arguments: str, windowed: bool = True, policies: dict | None = None
) -> Iterator[Browser]:
    """A browser on a network, to which `names` (host name: IPv4 address) are known; `arguments` are more of Chromium's own.

    `policies` are settings that an organisation makes for its browsers; only the program with windows reads them.

    Without windows it is the same engine in a smaller program, which has a quarter less to do for each load of JupyterLab. In
    `make test-all` all are as users have them.
    """
    program = WINDOWED if windowed or WHOLE else WINDOWLESS
    launch = LAUNCH | {"executablePath": program, "args": [*LAUNCH["args"], *arguments]}  # type: ignore[misc]
    options = ("--publish", f"127.0.0.1::{PORT}", *engine.known(names))
    with engine.run(images.browser().tag, network=network, options=options) as machine:
        machine.put({"/root/launch.json": json.dumps(launch), "/root/authority.pem": deployment.authority().cert_pem.bytes()})
        machine.put({"/etc/chromium/policies/managed/tests.json": json.dumps(policies or {})})
        machine.exec("certutil", "-d", "sql:/root/.pki/nssdb", "-A", "-n", "tests", "-t", "C,,", "-i", "/root/authority.pem")
        begun = contextlib.ExitStack()
        begun.enter_context(spent("start of a browser"))
        serve = "/opt/playwright/bin/playwright launch-server --browser chromium --config /root/launch.json >/root/log 2>&1"
        engine.cli("exec", "--detach", machine.id, "sh", "-c", serve)
        # Each try on its own: a port that is forwarded accepts before anybody listens behind it.
        address = f"ws://127.0.0.1:{machine.port(PORT)}{PATH}"
        try:
            browser = engine.wait(lambda: _playwright().chromium.connect(address, timeout=5000), timeout=30, every=0.2)
        except Error as error:
            raise RuntimeError(f"the browser does not start: {error}\n{machine.read('/root/log')}") from None
        finally:
            begun.close()
        yield browser
        with contextlib.suppress(Error):  # gone already
            browser.close()


@dataclass
class Notebook:
    """A notebook that is open in a browser, its kernel ready."""

    page: Page

    def run(self, cell: int = 0) -> None:
        """Run a cell as a user does: a click into it, then Shift and Enter."""
        text = self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".cm-content")

        def click() -> None:
            # What is shown of a cell further down is a likeness, until it is clicked or scrolled to.
            text.click()
            text.and_(self.page.locator(":focus")).wait_for(timeout=1000)

        engine.wait(click, timeout=PATIENCE / 1000)
        self.page.keyboard.press("Shift+Enter")

    def save(self) -> None:
        """Save, as a user does, and wait until the application says so."""
        with self.page.expect_response(lambda answer: answer.request.method == "PUT" and ".ipynb" in answer.url):
            self.page.locator("[data-jp-item-name='save'] button, jp-button[data-command='docmanager:save']").first.click()

    def restart(self) -> None:
        """Restart the kernel by the toolbar's button, and wait until it is ready."""
        self.page.locator("[data-jp-item-name='restart'] button, jp-button[data-command='kernelmenu:restart']").first.click()
        self.page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
        self.page.locator(".jp-Notebook-ExecutionIndicator:not([data-status='idle'])").first.wait_for(state="attached")
        self.ready()

    def ready(self) -> None:
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first.wait_for(state="attached")

    def load(self, navigate: Callable[[], object]) -> Notebook:
        """The same, once a page has been asked for and its kernel is ready: the indicator says so before the page is connected."""
        with self.page.expect_websocket(lambda socket: socket.url.partition("?")[0].endswith("/channels")):
            navigate()
        self.ready()
        return self

    def reload(self) -> None:
        with spent("reload of a notebook"):
            self.load(self.page.reload)

    def output(self, cell: int = 0) -> Locator:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".jp-OutputArea")

    def printed(self, cell: int = 0) -> Locator:
        """What the editor's Run and Generate have shown under it."""
        return self.output(cell).locator("pre[role=log]")

    def editor(self, cell: int = 0) -> Editor:
        return Editor(self.page, self.output(cell).frame_locator("iframe"))


@dataclass
class Editor:
    """The block editor under a cell."""

    page: Page
    frame: FrameLocator

    def shown(self) -> Editor:
        """The same, once its toolbox is there to be clicked."""
        self.frame.get_by_role("tree").get_by_text("Logic").wait_for()
        return self

    def drag(self, category: str, block: int | str, x: float, y: float) -> None:
        """Drag a block of a category (its number there, or words on it) to a place, in pixels from the frame's corner."""
        self._drop(category, block, self.frame.locator("body"), lambda box: (x - GRIP[0], y - GRIP[1]))

    def replace(self, part: Locator, category: str, block: int | str) -> None:
        """Drag a block into the socket in which `part` sits."""
        self._drop(category, block, part, lambda box: (0, 0))

    def fill(self, before: Locator, category: str, block: int | str) -> None:
        """Drag a block into the empty socket at the end of another."""
        self._drop(category, block, before, lambda box: (box["width"] - GRIP[0], 0))

    def follow(self, above: Locator, category: str, block: int | str) -> None:
        """Drag a block under another, as its next."""
        self._drop(category, block, above, lambda box: (0, box["height"] - NOTCH))

    def nest(self, loop: Locator, category: str, block: int | str) -> None:
        """Drag a block into the empty mouth of a loop."""
        self._drop(category, block, loop, lambda box: MOUTH)

    def _drop(self, category: str, block: int | str, part: Locator, place: Callable[[dict], tuple[float, float]]) -> None:
        """Drag a block until its upper left corner is at a place, in pixels from that of another part."""
        flyout = self.frame.locator(".blocklyToolboxFlyout")
        if not flyout.is_visible():
            self.frame.locator(".blocklyToolboxCategory", has_text=category).click()
        offered = flyout.locator(".blocklyBlockCanvas > .blocklyDraggable")
        taken = offered.nth(block) if isinstance(block, int) else offered.filter(has_text=block).last
        # A new variable draws the flyout anew: hover() waits until the block rests and is what a press there would meet.
        # Clicks and hovers scroll the page where they have to: from here on nothing moves.
        taken.hover(position={"x": GRIP[0], "y": GRIP[1]})
        target = self._box(part)
        right, down = place(target)
        x, y = target["x"] + right + GRIP[0], target["y"] + down + GRIP[1]
        self.page.mouse.down()
        self.page.mouse.move(x + 5, y + 5, steps=4)
        self.page.mouse.move(x, y)
        self.page.mouse.up()
        flyout.wait_for(state="hidden")

    def _box(self, part: Locator) -> dict[str, float]:
        """Where a part is on the page, in pixels."""
        part.wait_for()
        return part.bounding_box()  # type: ignore[return-value]

    def write(self, field: Locator, text: str) -> None:
        """Type into a block's field."""
        field.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def choose(self, block: Locator, item: str) -> None:
        """Choose from a block's drop-down field."""
        block.locator(".blocklyField", has_text="▾").first.click()
        menu = self.frame.locator(".blocklyDropDownDiv, .blocklyWidgetDiv").get_by_text(item, exact=True)
        menu.click()
        menu.wait_for(state="hidden")

    def create_variable(self, name: str) -> None:
        self.frame.locator(".blocklyToolboxCategory", has_text="Variables").click()
        self.frame.get_by_text("Create variable...").click()
        self.frame.get_by_role("textbox").fill(name)
        self.press("OK")

    def placed(self, kind: str) -> Locator:
        """The blocks of a type in the work area."""
        return self.frame.locator(f".blocklySvg .blocklyBlockCanvas .{kind}")

    def blocks(self) -> Locator:
        """The blocks in the work area that hang on no other."""
        return self.frame.locator(".blocklySvg .blocklyBlockCanvas > .blocklyDraggable")

    def button(self, name: str) -> Locator:
        return self.frame.get_by_role("button", name=name, exact=True)

    def press(self, button: str) -> None:
        self.button(button).click()

    def send(self, button: str) -> None:
        """Press a button until the editor says that the notebook has it: while JupyterLab still moves things, a press can miss."""

        def pressed() -> None:
            self.press(button)
            self.frame.get_by_text("Sent to the notebook.").wait_for(timeout=2000)

        engine.wait(pressed, timeout=PATIENCE / 1000)


@dataclass
class User:
    """A user who has logged in: their browser profile, and what its pages have said. `kept` stays open, and with it their process."""

    context: BrowserContext
    name: str
    kept: Page | None = None
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def errors(self) -> list[str]:
        """What the console has said as an error, but for what Notebook 7 always says."""
        return [said for said in self.console if said.startswith(("error", "uncaught")) and said not in NOTEBOOKS_OWN]

    def page(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        return page

    def address(self, path: str) -> str:
        return f"{URL}user/{self.name}/{path}"

    def stop(self) -> Page:
        """Stop the user's server on the hub's own page, which is left open."""
        page = self.page()
        # Its buttons do nothing before its scripts have come.
        page.goto(f"{URL}hub/home", wait_until="networkidle")
        button = page.get_by_role("button", name="Stop My Server")
        button.click()
        button.wait_for(state="hidden")
        return page

    def open(self, application: str, notebook: str) -> Notebook:
        """Open a notebook, by its path in the user's home, in one of `APPLICATIONS`, and wait until its kernel is ready."""
        page = self.page()
        address = self.address(f"{APPLICATIONS[application]}{quote(notebook)}")
        # JupyterLab would show what was open the last time as well.
        reset = "?reset" if application == "JupyterLab" else ""
        with spent(f"load of {application}"):
            return Notebook(page).load(lambda: page.goto(f"{address}{reset}"))


def document(*cells: str, kernel: str = VALUES["kernel"]) -> dict:
    """A notebook of code cells that have not run, as its file holds it."""
    return {
        "cells": [
            {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
            for number, cell in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def sign_in(page: Page, name: str, password: str, then: str = "", url: str = URL) -> None:
    """Fill in the hub's login form and send it; what comes of it is not waited for.

    The hub leads on to the user's server, or to `then`, a path below the base URL.
    """
    query = f"?next={quote(VALUES['base_url'] + then, safe='')}" if then else ""
    page.goto(f"{url}hub/login{query}")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def told(message: ConsoleMessage) -> str:
    """A line of the console: its kind and its text, and of what could not be loaded, the address."""
    where = f": {message.location['url']}" if message.text.startswith("Failed to load resource") else ""
    return f"{message.type}: {message.text}{where}"


def fallen(user: User, said: str) -> None:
    """What is done when a script of a user's pages ends with an error; `witness_worker` puts another function in its place."""
    user.console.append(said)


def log_in(browser: Browser, name: str, password: str, keep: bool = False, **options) -> User:
    """A new profile in which `name` logs in by the hub's form and waits for their server.

    With `keep` a page of the hub stays open. `options` go to Playwright.
    """
    context = browser.new_context(**({"viewport": {"width": 1000, "height": 700}} | options))
    user = User(context, name)
    context.on("console", lambda message: user.console.append(told(message)))
    context.on("weberror", lambda error: fallen(user, f"uncaught: {error.error}"))
    context.on("request", lambda request: user.requests.append(f"{request.method} {request.url}"))
    context.on("page", lambda page: page.on("websocket", lambda socket: user.requests.append(f"WS {socket.url}")))
    page = user.page()
    sign_in(page, name, password)
    page.wait_for_url(re.compile(f"https://[^/]+{VALUES['base_url']}user/{name}/"), timeout=60_000)
    if keep:
        page.goto(f"{URL}hub/home")
        user.kept = page
    else:
        page.close()
    return user


@dataclass
class Desk:
    """A hub, a browser that reaches it, and the web outside, all on one network.

    `outside` is the machine of `other_web.outside`. Whoever logs in needs a proxy: `with desk.behind("nginx"): ...`
    """

    hub: deployment.Hub
    browser: Browser
    outside: engine.Container
    thrifty: bool = False
    users: dict[str, User] = field(default_factory=dict)

    def behind(self, proxy: str, kind: str = "", **options) -> contextlib.AbstractContextManager[engine.Container]:
        """A reverse proxy in front of the hub; `options` go to `deployment.in_front`."""
        return deployment.in_front(self.hub, kind or EVERY_PROXY[proxy].servers[-1], proxy, **options)

    def user(self, name: str = "alice") -> User:
        """A user who has logged in; one profile for each."""
        if name not in self.users:
            self.users[name] = log_in(self.browser, name, self.hub.passwords[name], self.thrifty)
        return self.users[name]

    def notebook(self, path: str, *cells: str, user: str = "alice", kernel: str = VALUES["kernel"]) -> str:
        """Put a notebook of code cells below a user's home, in place of what is there; its path."""
        self.put(path, json.dumps(document(*cells, kernel=kernel)), user)
        return path

    def own_magic(self, folder: str, user: str = "alice") -> None:
        """Let notebooks of a folder have MetaKernel's own %jigsaw."""
        beside.magic(self.hub.machine, f"/home/{user}/{folder}", "from metakernel.magics.jigsaw_magic import register_magics\n", user)

    def put(self, path: str, content: str, user: str = "alice") -> None:
        """Put a file below a user's home, as their own."""
        folder, _, name = f"/home/{user}/{path}".rpartition("/")
        write = f"mkdir -p {shlex.quote(folder)} && cat >{shlex.quote(f'{folder}/{name}')}"
        self.hub.machine.exec("sh", "-c", write, input=content, user=user)

    def report(self, folder: Path, name: str) -> str:
        """What every page shows (a picture of each, in `folder`) and has said, and the hub's log: for a failed test."""
        folder.mkdir(parents=True, exist_ok=True)
        parts = []
        for user in self.users.values():
            for number, page in enumerate(user.context.pages):
                picture = folder / f"{re.sub(r'[^A-Za-z0-9]+', '-', name)}-{user.name}-{number}.png"
                with contextlib.suppress(Error):
                    page.screenshot(path=picture, timeout=5000)
                parts.append(f"--- {user.name}: {page.url}, see {picture}")
                with contextlib.suppress(Error):
                    parts += page.locator(".jp-OutputArea").all_inner_texts()
            parts += user.console[-20:]
        # Applications ask for the same lists every few seconds.
        log = [line for line in self.hub.log().splitlines() if not POLLS.search(line)]
        return "\n".join([*parts, "--- JupyterHub", *log[-60:]])

    def clear(self) -> None:
        """Close every page, and forget what was said."""
        for user in self.users.values():
            for page in user.context.pages:
                if page != user.kept:
                    page.close()
            user.console.clear()
            user.requests.clear()


@contextlib.contextmanager
def desk(
    version: str, files: Files = PUBLISHED, thrifty: bool = False, image: Callable[[str], images.Image] = images.hub
) -> Iterator[Desk]:
    """A hub of a version, and a browser to use it with; a `thrifty` one has fewer processes, see `THRIFTY`."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        web = stack.enter_context(other_web.outside(network))
        hub = stack.enter_context(deployment.hub(version, files, network, other_web.known(web), image))
        other_web.trust(hub.machine)
        # The hub's own name, and the one that each user gets on a hub with a host name for each.
        hosts = [VALUES["host"], *(f"{user}.{VALUES['host']}" for user in hub.passwords)]
        names = other_web.known(web) | dict.fromkeys(hosts, hub.machine.address())
        browser = stack.enter_context(chromium(network, names, *([THRIFTY] if thrifty else []), windowed=not thrifty or version == NEWEST))
        yield Desk(hub, browser, web, thrifty)
