"""A hub in a page of another site: the pages around it, a user who works in the frame, in each browser, and what such pages can try."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from urllib.parse import quote

from playwright.sync_api import Browser, Error, FrameLocator, Page

from tests.harness.browsers import drivers, other_browsers, other_web, user_browser
from tests.harness.browsers.attacks import BLOCKS
from tests.harness.browsers.other_browsers import FOCUSED, IDLE
from tests.harness.machines import deployment, differences, engine
from tests.harness.machines.deployment import URL
from tests.harness.manifest import BUILD, CONFIG, EVERY_PROXY, NEWEST, PUBLISHED, SAVED_AS, SNIPPETS, VALUES

SERVER = "jupyter/jupyter_server_config.py"
LMS = "https://lms.example.org"
# Platforms: one of another site, and one whose host a browser takes for the hub's own site. Then others, which the hub does not know.
FAR, NEAR = other_web.UNRELATED, f"bob.{VALUES['host']}"
FAR_STRANGER, NEAR_STRANGER = other_web.CALYSTO, f"carol.{VALUES['host']}"
NEAR_SITE = """
server {{
    listen 443 ssl;
    server_name {names};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    root /srv/near;
}}
"""
NOTEBOOK = f"{URL}hub/user-redirect/lab/tree/n.ipynb"
FRAME = "iframe[name=hub]"
PAGES = {
    "framing.html": f'<!DOCTYPE html><iframe name="hub" width="1000" height="800" src="{NOTEBOOK}"></iframe>',
    "link.html": f'<!DOCTYPE html><a href="{NOTEBOOK}" target="_blank" rel="noopener">Notebook</a>',
    # The user sees "Win a prize" and nothing of the frame, which lies over it and takes the click.
    "trap.html": f"""<!DOCTYPE html><style>iframe {{ position: absolute; inset: 0; opacity: 0.001 }}</style><p>Win a prize</p>
<iframe name="hub" width="1000" height="600" src="{URL}hub/home"></iframe>""",
    # A page that nobody has to click on.
    "start.html": f'<!DOCTYPE html><p>News</p><iframe name="hub" hidden src="{URL}hub/spawn"></iframe>',
}
# What a page of any host may open.
SOCKET = """(address) => new Promise((done) => {
  const socket = new WebSocket(address);
  socket.onopen = () => { socket.close(); done("opens"); };
  socket.onerror = () => done("is refused");
})"""
# What the cookies are as discussions advise it, in place of the published difference.
WITHOUT_PARTITIONS = (
    'c.JupyterHub.tornado_settings["cookie_options"] = {"SameSite": "None", "Secure": True}\n',
    'c.ServerApp.tornado_settings["xsrf_cookie_kwargs"] = {"samesite": "None", "secure": True}\n',
)
STATES = ("published", "policies", "partitioned", "SameSite=None")
# Chromium with its settings as they are, but for what the other tests switch off; and with the one that blocks cookies of other sites.
PARTITIONING = [
    argument.replace("ThirdPartyStoragePartitioning,", "")
    for argument in user_browser.LAUNCH["args"]  # type: ignore[attr-defined]
    if "ThirdPartyStoragePartitioning" in argument
]
BLOCKING = "Chromium that blocks cookies of other sites"


def heard(page: Page) -> list[str]:
    """The addresses of the WebSockets that a page of Chromium and its frames will open."""
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    return sockets


def run(page: Page, inside: Page | FrameLocator, number: int) -> None:
    """Run a cell in a window of Chromium or a frame in it, as a user does."""
    text = inside.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".cm-content")

    def click() -> None:
        text.click()
        text.and_(inside.locator(":focus")).wait_for(timeout=1000)

    engine.wait(click, timeout=20)
    page.keyboard.press("Shift+Enter")


def answer(page: Page, inside: Page | FrameLocator, sockets: list[str]) -> str:
    """What the first cell prints in a window of Chromium or a frame in it, where the notebook is open; `sockets` are those `heard`."""
    # Whoever runs a cell before the page is connected is asked to select a kernel.
    for _ in range(200):
        page.wait_for_timeout(100)
        if any(socket.partition("?")[0].endswith("/channels") for socket in sockets):
            break
    page.wait_for_timeout(700)
    run(page, inside, 0)
    output = inside.locator(".jp-Notebook .jp-CodeCell").first.locator(".jp-OutputArea pre").first
    output.wait_for()
    return output.inner_text().strip()


def run_elsewhere(page: other_browsers.Page, inside: drivers.Path, number: int) -> None:
    """Run a cell in a window of another browser or a frame in it, as a user does."""

    def focus() -> None:
        page.click(".jp-Notebook .jp-CodeCell .cm-content", nth=number, frame=inside)
        if not page.call(FOCUSED, number, frame=inside):
            raise LookupError("the cell does not take the keyboard")

    engine.wait(focus, timeout=drivers.PATIENCE)
    page.press("Shift", "Enter", frame=inside)


def answer_elsewhere(page: other_browsers.Page, inside: drivers.Path) -> str:
    """What the first cell prints in a window of another browser or a frame in it, where the notebook is open."""
    page.until(other_browsers.CONNECTED, frame=inside)
    page.driver.call(page.window, inside, "() => new Promise((later) => setTimeout(later, 700))", ())
    run_elsewhere(page, inside, 0)
    return page.text(".jp-Notebook .jp-CodeCell .jp-OutputArea pre", frame=inside).strip()


class Visitor(Protocol):
    """Somebody with a browser, in a profile that is new each time. What comes of their visit: words."""

    def frame(self, host: str) -> str: ...
    def link(self, host: str) -> str: ...


@dataclass
class InChromium:
    browser: Browser
    password: str

    @contextlib.contextmanager
    def visiting(self, address: str) -> Iterator[tuple]:
        with contextlib.closing(self.browser.new_context(viewport={"width": 1100, "height": 900})) as context:
            said: list[str] = []
            context.on("console", lambda message: said.append(message.text))
            page = context.new_page()
            page.set_default_timeout(user_browser.PATIENCE)
            page.goto(address, wait_until="networkidle")
            try:
                yield context, page, said
            except Exception:
                with contextlib.suppress(Error):
                    context.pages[-1].screenshot(path=BUILD / "browsers" / "framed.png")
                raise

    def frame(self, host: str) -> str:
        with self.visiting(f"https://{host}/framing.html") as (_, page, said):
            if refusals := [text for text in said if "frame-ancestors" in text]:
                return refusals[0]
            return self.works(page, page.frame_locator(FRAME))

    def link(self, host: str) -> str:
        with self.visiting(f"https://{host}/link.html") as (context, page, _):
            with context.expect_page() as opened:
                page.get_by_role("link").click()
            opened.value.set_default_timeout(user_browser.PATIENCE)
            return self.works(opened.value, opened.value)

    def log_in(self, inside) -> None:
        inside.get_by_label("Username").fill("alice")
        inside.get_by_label("Password").fill(self.password)
        inside.get_by_role("button", name="Sign in").click()

    def works(self, page, inside) -> str:
        """Log in, run the two cells, and press Run in the editor that the second shows."""
        sockets = heard(page)
        self.log_in(inside)
        refused = inside.locator(".login_error")
        inside.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first.or_(refused).first.wait_for(state="attached")
        if refused.count():
            return refused.inner_text()
        output = answer(page, inside, sockets)
        run(page, inside, 1)
        outputs = inside.locator(".jp-Notebook .jp-CodeCell").nth(1).locator(".jp-OutputArea")
        editor = user_browser.Editor(page, outputs.frame_locator("iframe")).shown()
        editor.press("Run")
        outputs.get_by_text("Hello").wait_for()
        return f"{output} and Hello"

    def clicks(self, host: str, where: tuple[float, float] | None = None) -> tuple[float, float]:
        """Log in within the platform's frame, then look at a host's trap and click where it lies: at the button that stops the server.

        Without a place, it is looked for; it is what is returned.
        """
        with self.visiting(f"https://{FAR}/framing.html") as (_, page, _said):
            frame = page.frame_locator(FRAME)
            self.log_in(frame)
            frame.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first.wait_for(state="attached")
            page.goto(f"https://{host}/trap.html", wait_until="networkidle")
            if not where:
                box = frame.get_by_role("button", name="Stop My Server").bounding_box()
                if not box:
                    raise RuntimeError("the button that stops the server is nowhere on the page")
                where = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            page.mouse.click(*where)
            page.wait_for_timeout(4000)
        return where

    def visits(self, serves: Callable[[], bool]) -> tuple[bool, str]:
        """Log in as users do, in a tab of the hub's own, then look at pages of a host that the hub does not know.

        Whether the user's server, which did not run, runs after that, as `serves` says; and what came of a WebSocket to it.
        """
        with self.visiting(f"{URL}hub/login?next={quote(VALUES['base_url'] + 'hub/home')}") as (context, page, _):
            self.log_in(page)
            page.get_by_role("button", name="Start My Server").or_(page.get_by_role("link", name="Start My Server")).wait_for()
            other = context.new_page()
            other.goto(f"https://{FAR_STRANGER}/start.html", wait_until="networkidle")
            for _turn in range(16):
                if started := serves():
                    break
                other.wait_for_timeout(500)
            page.goto(f"{URL}hub/spawn")
            page.wait_for_url(re.compile(f"{re.escape(URL)}user/alice/"), timeout=60_000)
            return started, other.evaluate(SOCKET, f"{URL.replace('https', 'wss')}user/alice/api/events/subscribe")


# What has come after Sign in: the form's words, or a notebook whose kernel is ready.
COME = f"""() => document.querySelector(".login_error")?.textContent.trim() || (({IDLE})() && "ready")"""


@dataclass
class Elsewhere:
    driver: drivers.Driver
    password: str
    seen: int = 0

    def said(self) -> list[str]:
        said = self.driver.said()
        new, self.seen = said[self.seen :], len(said)
        return new

    def page(self) -> other_browsers.Page:
        self.driver.afresh()
        self.seen = len(self.driver.said())
        return other_browsers.Page(self.driver, self.driver.open())

    def frame(self, host: str) -> str:
        page = self.page().go(f"https://{host}/framing.html")
        told: list[str] = []

        def come() -> str:
            told.extend(self.said())
            if refusals := [text for text in told if "frame-ancestors" in text]:
                return refusals[0]
            page.call("() => document.querySelector('#username_input').id", frame=(FRAME,))
            return ""

        return engine.wait(come, timeout=drivers.PATIENCE, every=0.2) or self.works(page, (FRAME,))

    def link(self, host: str) -> str:
        page = self.page().go(f"https://{host}/link.html")
        page.text("a", "Notebook")
        return self.works(page.opened("() => { document.querySelector('a').click() }"), ())

    def works(self, page: other_browsers.Page, inside: drivers.Path) -> str:
        for field_, text in (("#username_input", "alice"), ("#password_input", self.password)):

            def take(field_=field_) -> None:
                page.click(field_, frame=inside)
                if not page.call("(css) => document.activeElement === document.querySelector(css)", field_, frame=inside):
                    raise LookupError("the field does not take the keyboard")

            # A window of a new profile may not have come to the front yet.
            engine.wait(take, timeout=drivers.PATIENCE)
            page.type(text, frame=inside)
        page.click("#login_submit", frame=inside)
        come = page.until(COME, frame=inside)
        if come != "ready":
            return " ".join(come.split())
        output = answer_elsewhere(page, inside)
        run_elsewhere(page, inside, 1)
        editor = (*inside, *other_browsers.EDITOR)
        page.box(".blocklyToolboxCategory", "Logic", frame=editor)
        page.click("button", "Run", frame=editor)
        page.text(".jp-Notebook .jp-CodeCell .jp-OutputArea", "Hello", frame=inside)
        return f"{output} and Hello"


@dataclass
class Platform:
    """A hub, a platform on another host, and browsers by name."""

    hub: deployment.Hub
    proxy: engine.Container
    kind: str
    network: str
    names: dict[str, str]
    stack: contextlib.ExitStack
    state: str = ""
    browsers: dict[str, Visitor] = field(default_factory=dict)

    def visitor(self, name: str) -> Visitor:
        if name not in self.browsers:
            password = self.hub.passwords["alice"]
            if name.startswith("Chromium"):
                policies = {"BlockThirdPartyCookies": "block" in name}
                begin = partial(user_browser.chromium, self.network, self.names, *PARTITIONING, policies=policies)
                self.browsers[name] = InChromium(self.stack.enter_context(begin()), password)
            else:
                driver = self.stack.enter_context(drivers.running(name, self.network, self.names))
                self.browsers[name] = Elsewhere(driver, password)
        return self.browsers[name]

    def become(self, state: str) -> None:
        """Give the hub the files of one of `STATES`, as the page has it; its users' servers are stopped."""
        if state == self.state:
            return
        deployment.end(self.hub)
        allowed = f"https://{FAR} https://{NEAR}"
        hub, server, more = PUBLISHED.read(CONFIG), PUBLISHED.read(SERVER), {SAVED_AS["framed/framed.py"]: "c = get_config()\n"}
        if state != "published":
            framed, ending = ((SNIPPETS / "framed" / name).read_text("utf-8").replace(LMS, allowed) for name in ("framed.py", "server.py"))
            if state == "SameSite=None":
                framed, ending = (text + line for text, line in zip((framed, ending), WITHOUT_PARTITIONS, strict=True))
            hub += f'load_subconfig("{SAVED_AS["framed/framed.py"]}")\n'
            server += ending
            more = {SAVED_AS["framed/framed.py"]: framed}
        self.hub.machine.sh("systemctl stop 'jupyter-*'", {SAVED_AS[CONFIG]: hub, SAVED_AS[SERVER]: server} | more, check=False)
        name = EVERY_PROXY[self.kind].site_file
        site = differences.changed(name, f"framed/{self.kind}.diff") if state == "partitioned" else PUBLISHED.read(name)
        self.proxy.put({SAVED_AS[name]: site})
        deployment.enable(self.proxy, self.kind)
        deployment.start(self.hub)
        self.state = state

    def serves(self) -> bool:
        return self.hub.machine.sh("systemctl is-active jupyter-alice", check=False).stdout.strip() == "active"


@contextlib.contextmanager
def platform(kind: str = "nginx") -> Iterator[Platform]:
    """A hub behind a reverse proxy, and on the same network pages of other hosts that show it."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        web = stack.enter_context(other_web.outside(network))
        web.put({f"{root}/{name}": text for root in (other_web.PAGES, f"/srv/{FAR_STRANGER}") for name, text in PAGES.items()})
        hub = stack.enter_context(deployment.hub(NEWEST, network=network))
        names = other_web.known(web) | dict.fromkeys((VALUES["host"], NEAR, NEAR_STRANGER), hub.machine.address())
        notebook = json.dumps(user_browser.document("print(6 * 7)", "%jigsaw Python --workspace first-blocks"))
        write = 'cat >/home/alice/first-blocks.xml; printf %s "$1" >/home/alice/n.ipynb'
        hub.machine.exec("sh", "-c", write, "sh", notebook, input=BLOCKS, user="alice")
        chain, key = deployment.certificate(VALUES["host"], NEAR, NEAR_STRANGER)
        extra: dict[str, str | bytes] = {VALUES["certificate"]: chain, VALUES["key"]: key}
        extra |= {f"/srv/near/{name}": text for name, text in PAGES.items()}
        extra["/etc/nginx/conf.d/near.conf"] = NEAR_SITE.format(names=f"{NEAR} {NEAR_STRANGER}", **VALUES)
        proxy = stack.enter_context(deployment.in_front(hub, EVERY_PROXY[kind].servers[-1], kind, extra=extra))
        yield Platform(hub, proxy, kind, network, names, stack)
