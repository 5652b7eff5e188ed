"""A login from a learning platform: a stand-in for one on a machine of its own, and a user's way from its page to the hub."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from tests.harness.browsers import drivers, framed, logins, other_web, user_browser
from tests.harness.browsers.framed import FRAME, LMS, SERVER
from tests.harness.browsers.user_browser import User
from tests.harness.machines import deployment, differences, engine, images
from tests.harness.machines.deployment import URL
from tests.harness.manifest import BUILD, EVERY_PROXY, PUBLISHED, SAVED_AS, SNIPPETS, VALUES

# The platform, of another site than the hub; and by a name that a browser takes for the hub's own site.
FAR, NEAR = "lms.example.org", "lms.example.com"
LOGIN, CALLBACK = f"{URL}hub/lti13/oauth_login", f"{URL}hub/lti13/oauth_callback"
NOTEBOOK = "first.ipynb"
TARGET = f"{URL}hub/user-redirect/lab/tree/{NOTEBOOK}"
FILE, FOLDER = SAVED_AS["lti/lti.py"], "/srv/lti"
OPAQUE = "5f0c7f1e-92d4"
PEOPLE = {
    "alice": {"sub": "1001", "email": "alice@example.com"},
    "kim": {"sub": "1002", "email": "Kim@example.com"},
    "carol": {"sub": "1003", "email": "carol@example.com"},
    "nobody-here": {"sub": "1004", "email": "nobody-here@example.com"},
    "root": {"sub": "1005", "email": "root@example.com"},
    # The Kelvin sign, of which Unicode's lower case is k.
    "kelvin": {"sub": "1007", "email": "\u212aim@example.com"},
    "domainless": {"sub": "1008", "email": "alice@"},
    "stranger": {"sub": "1006", "email": "alice@elsewhere.example"},
    # Of whom the platform tells an id alone; the second has chosen it.
    "opaque": {"sub": OPAQUE},
    "sly": {"sub": "alice"},
}


@dataclass
class Platform:
    """A machine with `tests/images/lti/platform.mjs`, which we wrote from the standard."""

    machine: engine.Container

    def start(self) -> None:
        command = f"/opt/node/bin/node {FOLDER}/platform.mjs >>{FOLDER}/log 2>&1"
        self.machine.sh(f"rm -f {FOLDER}/log; (setsid {command} & echo $! >{FOLDER}/pid); true")
        self.machine.until(f"grep -q listening {FOLDER}/log || {{ cat {FOLDER}/log; false; }}")

    def tell(self, host: str = FAR, **more) -> None:
        """Let it know its tool and people, and `more`."""
        tool = {"login": LOGIN, "redirects": [CALLBACK], "target": TARGET, "client": "jupyterhub", "deployment": "1"}
        self.machine.put({f"{FOLDER}/platform.json": json.dumps({"issuer": f"https://{host}", "people": PEOPLE} | tool | more)})

    def asked(self, what: str) -> int:
        """How often it was asked for something since its start."""
        return self.machine.read(f"{FOLDER}/log").splitlines().count(what)


@contextlib.contextmanager
def platform(network: str) -> Iterator[Platform]:
    """A platform by both names, for the length of a `with` block."""
    images.prepare(wanted=[images.identity()])
    chain, key = deployment.certificate(FAR, NEAR)
    with engine.run(images.identity().tag, network=network, options=("--network-alias", FAR, "--network-alias", NEAR)) as machine:
        program = (images.HERE / "lti/platform.mjs").read_text("utf-8")
        machine.put({f"{FOLDER}/cert.pem": chain, f"{FOLDER}/key.pem": key, f"{FOLDER}/platform.mjs": program})
        made = Platform(machine)
        made.tell()
        made.start()
        yield made


@dataclass
class Place:
    """A hub, a platform and a browser on one network."""

    hub: deployment.Hub
    platform: Platform
    browser: Browser
    network: str
    names: dict[str, str]

    @contextlib.contextmanager
    def told(self, **more) -> Iterator[None]:
        """The platform knows `more`, for the length of a `with` block."""
        self.platform.tell(**more)
        try:
            yield
        finally:
            self.platform.tell()

    @contextlib.contextmanager
    def launching(self, name: str, **options) -> Iterator[Page]:
        """The new tab into which somebody with a new profile has launched the hub; `options` go to Playwright."""
        context = self.browser.new_context(**({"viewport": {"width": 1000, "height": 700}} | options))
        try:
            course = context.new_page()
            course.goto(f"https://{FAR}/course?who={name}")
            with context.expect_page() as opened:
                course.get_by_role("button", name="Open the notebooks").click()
            opened.value.set_default_timeout(user_browser.PATIENCE)
            yield opened.value
        finally:
            context.close()

    @contextlib.contextmanager
    def user(self, name: str, account: str = "", **options) -> Iterator[User]:
        """Somebody who has come through to their server, with the name of their account."""
        with self.launching(name, **options) as page:
            arrives(page, account or name)
            yield User(page.context, account or name)

    def refused(self, name: str, **told) -> tuple[str, str]:
        """What the browser shows and the hub's log says of a launch from a platform that knows this too."""
        with self.told(**told), self.launching(name) as page:
            return self.shown(page)

    def shown(self, page: Page, button: Locator | None = None) -> tuple[str, str]:
        """The same, of somebody who is on the way back from the platform."""
        if button:
            button.click()
        page.wait_for_url(re.compile("/oauth_callback"))
        page.locator("h1, h2").first.wait_for()
        return page.inner_text("body"), self.hub.log()


def arrives(page: Page, account: str) -> None:
    page.wait_for_url(re.compile(f"https://[^/]+{VALUES['base_url']}user/{account}/"), timeout=90_000)


def posted(page: Page) -> dict[str, str]:
    """The fields of the form with which the platform answers, which waits for its button."""
    page.get_by_role("button", name="Go on").wait_for()
    return page.evaluate("Object.fromEntries(new FormData(document.forms[0]))")


def posts(page: Page, fields: dict[str, str], cookies: Iterable[str] = ()) -> None:
    """Post such a form from a page that nobody has asked for, as anybody may; one of the hub's domain, if it sets cookies first."""
    page.goto(f"https://{NEAR if cookies else FAR}/nothing")
    for cookie in cookies:
        page.evaluate("(cookie) => { document.cookie = cookie }", cookie)
    make = """([address, fields]) => {
      const form = document.body.appendChild(Object.assign(document.createElement("form"), { method: "post", action: address }));
      for (const [name, value] of Object.entries(fields)) form.append(Object.assign(document.createElement("input"), { name, value }));
      form.submit();
    }"""
    page.evaluate(make, [CALLBACK, fields])


def ready(hub: deployment.Hub) -> None:
    """What a reader of the page on LTI brings to a machine."""
    installs = f"{deployment.PYTHON} -m pip install --quiet --no-deps --require-hashes -r {SAVED_AS['lti/requirements.txt']}"
    put = {SAVED_AS[name]: PUBLISHED.read(name) for name in PUBLISHED.folder("lti")}
    hub.machine.sh(f"""{installs}; echo 'load_subconfig("{FILE}")' >>{logins.CONFIG}""", put)


@contextlib.contextmanager
def place(kind: str, image: Callable[[str], images.Image] = images.lti) -> Iterator[Place]:
    """A hub with the published files, which trusts the platform's authority, for the length of a `with` block."""
    images.prepare(wanted=[image(kind)])
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        made = stack.enter_context(platform(network))
        names = dict.fromkeys((FAR, NEAR), made.machine.address())
        hub = stack.enter_context(deployment.hub(kind, PUBLISHED, network, names, image))
        other_web.trust(hub.machine)
        known = names | {VALUES["host"]: hub.machine.address()}
        browser = stack.enter_context(user_browser.chromium(network, known, user_browser.THRIFTY, windowed=False))
        notebook = json.dumps(user_browser.document("print(6 * 7)"))
        hub.machine.exec("sh", "-c", f"cat >/home/alice/{NOTEBOOK}", input=notebook, user="alice")
        yield Place(hub, made, browser, network, known)


@contextlib.contextmanager
def framing(place: Place, proxy: engine.Container, kind: str, host: str, partitioned: bool) -> Iterator[None]:
    """A hub that a platform of this host may show in a frame, as the page on learning platforms has it, and that knows it by this host."""
    hub, site = place.hub, EVERY_PROXY[kind].site_file
    config, ending = (
        (SNIPPETS / "framed" / name).read_text("utf-8").replace(LMS, f"https://{host}") for name in ("framed.py", "server.py")
    )
    read = f'load_subconfig("{SAVED_AS["framed/framed.py"]}")'
    stop = "systemctl stop 'jupyter-*'; systemctl reset-failed 'jupyter-*'; true"
    deployment.end(hub)
    hub.machine.sh(stop, {SAVED_AS["framed/framed.py"]: config, SAVED_AS[SERVER]: PUBLISHED.read(SERVER) + ending})
    if partitioned:
        proxy.put({SAVED_AS[site]: differences.changed(site, f"framed/{kind}.diff")})
        deployment.enable(proxy, kind)
    make = f"echo '{read}' >>{logins.CONFIG}; sed -i.kept 's|{LMS}|https://{host}|' {FILE}"
    undo = f"sed -i '$d' {logins.CONFIG}; mv {FILE}.kept {FILE}; systemctl stop jupyterhub.service; {stop}"
    place.platform.tell(host)
    try:
        with logins.changed(hub, make, undo):
            yield
    finally:
        place.platform.tell()
        hub.machine.put({SAVED_AS[SERVER]: PUBLISHED.read(SERVER)})
        proxy.put({SAVED_AS[site]: PUBLISHED.read(site)})
        deployment.enable(proxy, kind)


# In the order of the page's table.
BROWSERS = ("Chromium", framed.BLOCKING, "Firefox", "WebKitGTK")


@contextlib.contextmanager
def launches(place: Place) -> Iterator[Callable[[str, str, bool], str]]:
    """What alice's launch comes to, by browser, the platform's host, and whether into a frame: "works", "blank" or the words."""
    with contextlib.ExitStack() as stack:
        begun: dict[str, Browser | framed.Elsewhere] = {}

        def launch(name: str, host: str, into_frame: bool) -> str:
            if name not in begun and name.startswith("Chromium"):
                policies = {"BlockThirdPartyCookies": name == framed.BLOCKING}
                begun[name] = stack.enter_context(
                    user_browser.chromium(place.network, place.names, *framed.PARTITIONING, policies=policies)
                )
            elif name not in begun:
                begun[name] = framed.Elsewhere(stack.enter_context(drivers.running(name, place.network, place.names)), "")
            browser = begun[name]
            come = (
                in_another(browser, host, into_frame) if isinstance(browser, framed.Elsewhere) else in_chromium(browser, host, into_frame)
            )
            return "works" if come == "42" else come

        yield launch


REFUSAL, STATE = "frame-ancestors", "OAuth state missing from cookies"


def in_chromium(browser: Browser, host: str, into_frame: bool) -> str:
    """What the first cell of the notebook prints where alice launches it with a new profile, "blank", or the words in its place."""
    with contextlib.closing(browser.new_context(viewport={"width": 1100, "height": 900})) as context:
        said: list[str] = []
        context.on("console", lambda message: said.append(message.text))
        page = context.new_page()
        page.set_default_timeout(user_browser.PATIENCE)
        sockets = framed.heard(page)
        page.goto(f"https://{host}/course?who=alice{'&frame' if into_frame else ''}")
        inside: Page | FrameLocator = page.frame_locator(FRAME)
        if not into_frame:
            with context.expect_page() as opened:
                page.get_by_role("button", name="Open the notebooks").click()
            inside = page = opened.value
            page.set_default_timeout(user_browser.PATIENCE)
            sockets = framed.heard(page)
        idle = inside.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first
        wrong = inside.get_by_text(STATE)
        for _ in range(900):
            if any(REFUSAL in text for text in said):
                return "blank"
            if wrong.count():
                return STATE
            if idle.count():
                return framed.answer(page, inside, sockets)
            page.wait_for_timeout(100)
        expect(idle).to_be_attached()
        return ""


def in_another(visitor: framed.Elsewhere, host: str, into_frame: bool) -> str:
    """The same in another browser."""
    page = visitor.page().go(f"https://{host}/course?who=alice{'&frame' if into_frame else ''}")
    if not into_frame:
        page = page.opens(lambda: page.click("button", "Open the notebooks"))
    inside = (FRAME,) if into_frame else ()
    told: list[str] = []

    def come() -> str:
        told.extend(visitor.said())
        if any(REFUSAL in text for text in told):
            return "blank"
        if page.call("(words) => document.body.innerText.includes(words)", STATE, frame=inside):
            return STATE
        page.call("() => document.querySelector('.jp-Notebook-ExecutionIndicator').dataset", frame=inside)
        return ""

    try:
        return engine.wait(come, timeout=90, every=0.3) or framed.answer_elsewhere(page, inside)
    except Exception:
        page.picture(BUILD / "browsers" / f"lti-{visitor.driver.name}.png")
        raise
