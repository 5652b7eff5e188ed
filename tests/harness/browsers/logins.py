"""Logins at another service: an OpenID Connect provider on a machine of its own, and a user's way there and back."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playwright.sync_api import Browser, Locator, Page

from tests.harness.browsers import other_web, user_browser
from tests.harness.browsers.user_browser import User
from tests.harness.machines import deployment, engine, images
from tests.harness.machines.deployment import URL
from tests.harness.manifest import PUBLISHED, SAVED_AS, VALUES

PROVIDER, CLIENT, SECRET = "login.example.com", "jupyterhub", "the secret of the client"
ISSUER, CALLBACK = f"https://{PROVIDER}", f"{URL}hub/oauth_callback"
# Another name of the hub's machine, and where users come back to by it.
OTHER = f"www.{VALUES['host']}"
# Where Apache has users come back to, if it asks them.
TO_APACHE = f"{URL}hub/login/back"
GROUP = "jupyter-users"
FOLDER = "/srv/identity"
# Where the hub keeps the client's secret, and what reads the file of the login.
KEPT, CONFIG = "/etc/jupyterhub/oidc-secret", SAVED_AS["jupyterhub/jupyterhub_config.py"]
SIGN_IN = "Sign in with Example University"


def own_token(user: User) -> str:
    """A token of the hub's API, which a user who is logged in makes on the hub's own page."""
    page = user.page()
    page.goto(f"{URL}hub/token", wait_until="networkidle")
    shown = page.locator("#token-result", has_text=re.compile(r"\S{20}"))

    def asked() -> None:
        page.get_by_role("button", name="Request new API token").click()
        shown.wait_for(timeout=3000)

    # The button does nothing before the page's scripts have come.
    engine.wait(asked, timeout=40)
    return shown.inner_text().strip()


# Posts fields to the hub's own form, and to its API, without cookies.
CLAIMS = """async ([hub, name, claims]) => {
  const token = window.jhdata.xsrf_token;
  const body = new URLSearchParams({ ...claims, _xsrf: token });
  const form = await fetch(`${hub}login?_xsrf=${encodeURIComponent(token)}`, { method: "POST", body, redirect: "manual" });
  const auth = JSON.stringify({ auth: claims });
  const api = await fetch(`${hub}api/users/${name}/tokens`, { method: "POST", body: auth, credentials: "omit" });
  return [form.type === "opaqueredirect" ? 302 : form.status, api.status];
}"""


def claiming(browser: Browser, name: str, claims: dict[str, str]) -> tuple[int, int, str]:
    """What the hub's form and its API answer somebody who has been nowhere and claims to be a user, and for whom it then takes them."""
    with contextlib.closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(f"{URL}hub/login")
        form, api = page.evaluate(CLAIMS, [f"{URL}hub/", name, claims])
        page.goto(f"{URL}hub/token")
        return form, api, page.evaluate("window.jhdata.user || ''")


def person(email: str, *groups: str, checked: bool = True) -> dict:
    """The claims of somebody."""
    return {"email": email, "email_verified": checked, "groups": list(groups)}


PEOPLE = {
    "alice": person("alice@example.com", GROUP),
    "kim": person("Kim@example.com", GROUP),
    # The Kelvin sign, of which Unicode's lower case is k.
    "kelvin": person("\u212aim@example.com", GROUP),
    "bob": person("bob@example.com", "others"),
    "carol": person("carol@example.com", GROUP),
    "nobody-here": person("nobody-here@example.com", GROUP),
    "root": person("root@example.com", GROUP),
    "stranger": person("alice@elsewhere.example", GROUP),
    "unchecked": person("alice@example.com", GROUP, checked=False),
    # No list of names: an object, whose keys are names, and a number.
    "keyed": {"email": "alice@example.com", "email_verified": True, "groups": {GROUP: False}},
    "numbered": {"email": "alice@example.com", "email_verified": True, "groups": [GROUP, 7]},
    "groupless": {"email": "alice@example.com", "email_verified": True},
    "many": person("alice@example.com", GROUP, *(f"a group with a long name, number {number}" for number in range(400))),
}


@dataclass
class Provider:
    """A machine with npm's oidc-provider."""

    machine: engine.Container
    client: dict

    def start(self) -> None:
        command = f"/opt/node/bin/node /srv/oidc/provider.mjs >>{FOLDER}/log 2>&1"
        if self.machine.sh(f"test -e {FOLDER}/pid", check=False).returncode == 0:
            self.stop()
        self.machine.sh(f"rm -f {FOLDER}/log; (setsid {command} & echo $! >{FOLDER}/pid); true")
        self.machine.until(f"grep -q listening {FOLDER}/log || {{ cat {FOLDER}/log; false; }}")

    def tell(self, **more) -> None:
        """Let it know its client and people, and `more`."""
        told = {"issuer": ISSUER, "clients": [self.client], "people": PEOPLE} | more
        self.machine.put({f"{FOLDER}/provider.json": json.dumps(told)})

    def said(self) -> str:
        """What it was asked for since its start, a line each."""
        return self.machine.read(f"{FOLDER}/log")

    def stop(self) -> None:
        self.machine.sh(f"kill $(cat {FOLDER}/pid) 2>/dev/null; while kill -0 $(cat {FOLDER}/pid); do sleep 0.1; done 2>/dev/null")


@contextlib.contextmanager
def provider(network: str) -> Iterator[Provider]:
    """A provider at `ISSUER` with `PEOPLE`, and the hub as its only client, for the length of a `with` block."""
    images.prepare(wanted=[images.identity()])
    client = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uris": [CALLBACK, CALLBACK.replace(VALUES["host"], OTHER), TO_APACHE],
        "token_endpoint_auth_method": "client_secret_post",
    }
    chain, key = deployment.certificate(PROVIDER)
    # Who is told no address of its finds it by the network's own name service.
    with engine.run(images.identity().tag, network=network, options=("--network-alias", PROVIDER)) as machine:
        machine.put({f"{FOLDER}/cert.pem": chain, f"{FOLDER}/key.pem": key})
        made = Provider(machine, client)
        made.tell()
        made.start()
        yield made


def restart(hub: deployment.Hub) -> None:
    """The hub with the files that lie there."""
    deployment.end(hub)
    deployment.start(hub)


# The line with which a hub that asks for passwords lets in everybody who has one, at the end of its file.
ALLOW_ALL = f"cp -a {CONFIG} {CONFIG}.kept; echo 'c.Authenticator.allow_all = True' >>{CONFIG}", f"mv {CONFIG}.kept {CONFIG}"


@contextlib.contextmanager
def changed(hub: deployment.Hub, make: str, undo: str) -> Iterator[None]:
    """A hub that was started when shell commands had changed its machine, for the length of a `with` block."""
    hub.machine.sh(make)
    try:
        restart(hub)
        yield
    finally:
        hub.machine.sh(undo)
        restart(hub)


# A directory of accounts, which libc asks by DNS, as it would ask SSSD by a socket. It knows nobody; who asks while it is silent, waits.
DIRECTORY = """
import os
import socket

asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asked.bind(("127.0.0.9", 53))
asked.settimeout(0.1)
held = []
while True:
    try:
        held.append(asked.recvfrom(512))
        print(held[-1][0], flush=True)
    except TimeoutError:
        pass
    while held and not os.path.exists("/run/directory/silent"):
        question, who = held.pop()
        asked.sendto(question[:2] + bytes([0x81, 0x83]) + question[4:], who)
"""
ASKS = """
cd /run/directory; cp /etc/nsswitch.conf nsswitch; cp /etc/resolv.conf resolv; (setsid python3 directory.py >log 2>&1 & echo $! >pid)
sed -i -E 's/^(passwd|group):.*/& hesiod/' /etc/nsswitch.conf
printf 'lhs=.ns\nrhs=.example.com\n' >/etc/hesiod.conf
printf 'nameserver 127.0.0.9\noptions timeout:5 attempts:5\n' >/etc/resolv.conf
"""
ASKS_NOBODY = """
cd /run/directory; rm -f silent; cat nsswitch >/etc/nsswitch.conf; cat resolv >/etc/resolv.conf; rm /etc/hesiod.conf
kill $(cat pid); cd /; rm -r /run/directory
"""
# How a login's file looks an account up: as published, in the hub's own thread, or in another, by Python's own function.
LOOKUPS = {
    "published": "",
    "not in a thread": "s/return await .*self.has_account, name)/return self.has_account(name)/",
    "in a thread, by Python": "s/groups = subprocess.*/import os, pwd; ids = os.getgrouplist(name, pwd.getpwnam(name).pw_gid); "
    "groups = [*map(str, ids)]/",
}
REACHED = f"wget -qO - --tries 1 --timeout 10 {deployment.BEHIND}hub/api"


@contextlib.contextmanager
def looking_up(hub: deployment.Hub, file: str, how: str) -> Iterator[Callable[[Callable[[], object]], bool]]:
    """A hub whose machine asks a directory of accounts, too, and whose login does so in one of `LOOKUPS`.

    What it yields does something that asks for an account, and says whether the hub answers others while the directory is silent.
    """
    change = f"sed -i '{LOOKUPS[how]}' {file}; ! cmp --quiet {file} {file}.kept" if LOOKUPS[how] else "true"
    hub.machine.put({"/run/directory/directory.py": DIRECTORY})
    asked = "grep -c 'alice.*grplist' /run/directory/log"

    def meanwhile(act: Callable[[], object]) -> bool:
        before = hub.machine.sh(asked, check=False).stdout.strip()
        hub.machine.sh("touch /run/directory/silent")
        try:
            act()
            hub.machine.until(f"test $({asked}) -gt {before}")
            return hub.machine.sh(REACHED, check=False).returncode == 0
        finally:
            hub.machine.sh("rm /run/directory/silent")

    with changed(hub, f"cp {file} {file}.kept; {ASKS} {change}", f"mv {file}.kept {file}; {ASKS_NOBODY}"):
        yield meanwhile


@dataclass
class Place:
    """A hub, a provider and a browser on one network. The hub's login is a `button`, or leads to the provider at once."""

    hub: deployment.Hub
    provider: Provider
    browser: Browser
    button: str = SIGN_IN

    @contextlib.contextmanager
    def coming(self, name: str, **options) -> Iterator[Page]:
        """A new profile's page on the way to the hub: `name` has been typed at the provider, which asks whether they agree.

        `options` go to Playwright.
        """
        context = self.browser.new_context(**({"viewport": {"width": 1000, "height": 700}} | options))
        page = context.new_page()
        page.set_default_timeout(user_browser.PATIENCE)
        try:
            page.goto(f"{URL}hub/login")
            if self.button:
                page.get_by_role("button", name=self.button).click()
            sign_in(page, name)
            yield page
        finally:
            context.close()

    @contextlib.contextmanager
    def user(self, name: str, account: str = "", **options) -> Iterator[User]:
        """Somebody who has come through to their server, with the name of their account."""
        with self.coming(name, **options) as page:
            page.get_by_role("button", name="Continue").click()
            page.wait_for_url(re.compile(f"https://[^/]+{VALUES['base_url']}user/{account or name}/"), timeout=90_000)
            yield User(page.context, account or name)

    def comes_back(self, page: Page, button: Locator | None = None) -> tuple[str, str]:
        """What the browser shows and the hub's log says once somebody has come back from the provider."""
        (button or page.get_by_role("button", name="Continue")).click()
        return self.arrived(page)

    def arrived(self, page: Page) -> tuple[str, str]:
        """The same, of somebody who is on the way back."""
        back = re.compile(r"/hub/oauth_callback" if self.button else r"/hub/login")
        page.wait_for_url(back, timeout=90_000)
        # Not every refusal of a web server has a heading.
        page.locator("h1, h2, p").first.wait_for()
        return page.inner_text("body"), self.hub.log()

    def lets_in(self, name: str) -> bool:
        """Whether somebody who comes back from the provider gets in."""
        with self.coming(name) as page:
            page.get_by_role("button", name="Continue").click()
            page.wait_for_url(re.compile("/hub/(oauth_callback|login)|/user/"), timeout=90_000)
            return "/user/" in page.url.partition("?")[0]

    def refused(self, name: str) -> tuple[str, str]:
        """What the browser shows and the hub's log says where somebody comes back from the provider."""
        with self.coming(name) as page:
            return self.comes_back(page)


def sign_in(page: Page, name: str) -> None:
    """Type a name at the provider, which asks then whether its owner agrees."""
    page.get_by_placeholder("Enter any login").fill(name)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").wait_for()


def ready(hub: deployment.Hub) -> None:
    """What a reader of the page on OpenID Connect brings to a machine: packages, a secret, the file, and the line that has it read."""
    installs = f"{deployment.PYTHON} -m pip install --quiet --no-deps --require-hashes -r {SAVED_AS['logins/requirements.txt']}"
    put = {SAVED_AS[name]: hub.files.read(name) for name in hub.files.folder("logins") if name in SAVED_AS}
    secret = f"install --mode 600 /dev/null {KEPT} && echo '{SECRET}' >{KEPT}"
    other_web.trust(hub.machine)
    hub.machine.sh(f"""{installs}; {secret}; echo 'load_subconfig("{SAVED_AS["logins/oidc.py"]}")' >>{CONFIG}""", put)


@contextlib.contextmanager
def place(kind: str, image: Callable[[str], images.Image] = images.logins, button: str = SIGN_IN) -> Iterator[Place]:
    """A hub with the published files, which trusts the provider's authority, for the length of a `with` block."""
    images.prepare(wanted=[image(kind)])
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        made = stack.enter_context(provider(network))
        names = {PROVIDER: made.machine.address()}
        hub = stack.enter_context(deployment.hub(kind, PUBLISHED, network, names, image))
        other_web.trust(hub.machine)
        known = names | {VALUES["host"]: hub.machine.address()}
        browser = stack.enter_context(user_browser.chromium(network, known, user_browser.THRIFTY, windowed=False))
        yield Place(hub, made, browser, button)
