"""The step login_works: what everybody sees of the login, and a login with a password or a token."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from .hub import ANONYMOUS, Hub
from .libraries import requests
from .responses import Failed, excerpt, plain, refusal, whose

# How long a link is that a course gives to its users.
LONG_LINK = 6000


def login_page(hub: Hub):
    """The hub offers a login, and takes two requests from here for those of one visitor; returns the page."""
    page = hub.request("GET", "hub/login", headers=ANONYMOUS)
    yield f"GET {urlsplit(page.url).path} -> {page.status_code}"
    if hub.xsrf("hub/login"):
        before = hub.xsrf("hub/login")
        hub.request("GET", "hub/login", headers=ANONYMOUS)
        if hub.xsrf("hub/login") != before:
            raise Failed("the hub gives the same visitor a new XSRF cookie with each page, so no login can match it")
        yield "the hub knows this visitor again"
    return page


def long_link(hub: Hub):
    """A link of a course reaches the hub, which sends its visitor on with all of it."""
    address = f"hub/user-redirect/hubcheck?link={'a' * LONG_LINK}"
    answer = hub.request("GET", address, expect=(), headers=ANONYMOUS, allow_redirects=False)
    if answer.status_code != 302:
        raise Failed(refusal(answer, f"a long link: GET {hub.base}hub/user-redirect/hubcheck?… of {LONG_LINK} characters"))
    yield f"a link of {LONG_LINK} characters reaches the hub -> 302"


def door(hub: Hub):
    """What anybody sees of the login."""
    yield from login_page(hub)
    yield from long_link(hub)


def log_in(hub: Hub):
    """The user logs in through the hub's form, and the hub's cookies are marked Secure under HTTPS."""
    page = yield from login_page(hub)
    if urlsplit(page.url).netloc != hub.parts.netloc or 'class="service-login"' in page.text:
        where = page.url.partition("?")[0]
        raise Failed(f"GET {hub.base}hub/login leads to {where}, which has no form of the hub's: users log in elsewhere")
    form = {"username": hub.user, "password": hub.options.password, "_xsrf": hub.xsrf("hub/login")}
    answer = hub.request("POST", "hub/login", expect=(), data=form, allow_redirects=False)
    if answer.status_code != 302:
        capital = "; the name has a capital letter" if hub.user != hub.user.lower() else ""
        raise Failed(f"POST {hub.base}hub/login -> {answer.status_code}: {login_error(answer)}{capital} (from {whose(answer)})")
    yield f"POST {hub.base}hub/login -> 302 {answer.headers['Location']}"
    hub.request("GET", "hub/home")
    for cookie in hub.session.cookies:
        if cookie.name.startswith(("jupyterhub-", "__Host-jupyterhub-")) and hub.parts.scheme == "https":
            if not cookie.secure:
                raise Failed(f"the cookie {cookie.name} comes without Secure, though the address is https")
            yield f"cookie {cookie.name}: Secure"
    yield from long_link(hub)


def token_works(hub: Hub):
    """The hub knows the token, and whose it is."""
    yield from login_page(hub)
    known = hub.request("GET", "hub/api/user", expect=(200, 401, 403), allow_redirects=False)
    if known.status_code != 200:
        raise Failed(f"GET {hub.base}hub/api/user -> {known.status_code}: the hub does not know this token. {excerpt(known)}".strip())
    about = known.json()
    if about.get("kind", "user") != "user" or "name" not in about:
        raise Failed(f"the token is no user's: {about.get('kind', 'nobody')} {about.get('name', '')}")
    hub.user = about["name"]
    yield f"GET {hub.base}hub/api/user -> 200, {hub.user}"
    # No session belongs to a token: what is seen below comes without a browser's cookies and without their checks.
    yield "with a token, neither cookies nor the check of a WebSocket's origin are seen"
    yield from long_link(hub)


def login_error(answer: requests.Response) -> str:
    found = re.search(r'(?s)class="login_error[^>]*>(.*?)</p>', answer.text)
    return plain(found[1]) if found else excerpt(answer)
