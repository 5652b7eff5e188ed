"""The step login_works: what everybody sees of the login, and a login with a password or a token."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urljoin, urlsplit

from .hub import ANONYMOUS, Hub
from .libraries import requests
from .responses import Failed, excerpt, plain, refusal, whose, words

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
    yield from at_the_provider(hub, page)
    return page


def at_the_provider(hub: Hub, page: requests.Response):
    """Where a button leads to a login at a provider, that takes what the hub asks, and sends users back to this address."""
    button = re.search(r"""href=["']([^"']*/oauth_login[^"']*)""", page.text)
    if not button:
        return
    sent = hub.fetch("GET", urljoin(page.url, html.unescape(button[1])), headers=ANONYMOUS, allow_redirects=False)
    asked = sent.headers.get("Location", "")
    provider, _, query = asked.partition("?")
    back = parse_qs(query).get("redirect_uri", [""])[0]
    if not back:
        return
    yield f"GET {hub.base}hub/oauth_login -> {sent.status_code} {provider}, to come back to {back}"
    hub.log(f"GET {asked}")
    try:
        # Without what belongs to the hub: its cookies, and a token.
        answer = requests.get(asked, timeout=hub.options.timeout, verify=hub.options.ca_file or True, allow_redirects=False)
    except requests.RequestException as error:
        said = words(error)
        # By which authorities it is judged, the hub may know better. By its name, nobody does.
        if not isinstance(error, requests.exceptions.SSLError) or "is not valid for" in said:
            raise Failed(f"the provider does not answer: {said}") from None
        yield f"whether {provider} answers is not known: {said}"
    else:
        if answer.status_code >= 400:
            raise Failed(f"the provider refuses what the hub asks: GET {provider} -> {answer.status_code}: {excerpt(answer)}")
        yield f"GET {provider} -> {answer.status_code}"
    there, here = urlsplit(back), urlsplit(f"{hub.url}hub/oauth_callback")
    if (there.hostname, there.port, there.path) != (here.hostname, here.port, here.path):
        raise Failed(f"the provider sends users back to {back}, not to {here.geturl()}")


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
    # A button, or words of the hub's own that say where to log in.
    formless = 'class="service-login"' in page.text or ('id="login-main"' in page.text and "<form" not in page.text)
    if urlsplit(page.url).netloc != hub.parts.netloc or formless:
        where = page.url.partition("?")[0]
        raise Failed(f"GET {hub.base}hub/login leads to {where}, which has no form of the hub's: users log in elsewhere")
    form = {"username": hub.user, "password": hub.options.password, "_xsrf": hub.xsrf("hub/login")}
    answer = hub.request("POST", "hub/login", expect=(), data=form, allow_redirects=False)
    if answer.status_code != 302:
        capital = "; the name has a capital letter" if hub.user != hub.user.lower() else ""
        raise Failed(f"POST {hub.base}hub/login -> {answer.status_code}: {login_error(answer)}{capital} (from {whose(answer)})")
    yield f"POST {hub.base}hub/login -> 302 {answer.headers['Location']}"
    home = hub.request("GET", "hub/home")
    if urlsplit(home.url).path == f"{hub.base}hub/login":
        raise Failed(f"cookies do not come back: after the login, GET {hub.base}hub/home leads to the login again")
    # Who types a domain or an email address may be known by another name.
    known = re.search(r'\buser: "([^"\\<>]+)"', home.text)
    if known and known[1] != hub.user:
        hub.user = known[1]
        yield f"the hub knows this user as {hub.user}"
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
