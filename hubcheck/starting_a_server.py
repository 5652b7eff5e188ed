"""The step server_spawns: a user's server starts, reports its progress, and sends its page complete."""

from __future__ import annotations

import json
import re
import time
from fnmatch import fnmatch
from html import unescape
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from .addresses import port_of
from .hub import Hub
from .libraries import requests
from .responses import Failed, policies, refusal, words

# Without these and scripts of their own host, the pages of JupyterLab and Notebook 7 stay blank or show no editor.
SCRIPTS = {"'unsafe-inline'", "'unsafe-eval'"}


def server_spawns(hub: Hub):
    """The user's server starts, its progress is told live, and its pages let the user in."""
    user = f"hub/api/users/{quote(hub.user, safe='')}"
    about = at_rest(hub, user)
    if about["server"]:
        yield "the server was running already: its start was not seen"
    else:
        # A start that somebody else has begun is theirs, and so is the server.
        if not hub.options.keep_server and about.get("pending") != "spawn":
            hub.stops = True
            hub.undo.append(lambda: stop_server(hub, user))
        # The page that a browser asks for starts the server and leads to the progress page, unless it is a form.
        asked = hub.request("GET", "hub/spawn")
        if "/spawn-pending/" not in asked.url and not urlsplit(asked.url).path.startswith(hub.base + hub.server):
            hub.request("POST", f"{user}/server", expect=(201, 202), timeout=hub.options.spawn_timeout)
        yield from progress(hub, user)
    page = first_page(hub)
    own = hub.base + hub.server
    asked = f"GET {own}" if hub.home == hub.url else f"GET {hub.at(hub.server)}"
    # At another name than the hub's, another site may answer whatever it is asked.
    if page.status_code != 200 or (hub.home != hub.url and "X-JupyterHub-Version" not in page.headers):
        loop = "Redirect loop detected"
        # The hub itself sends on what comes past its own proxy, to the same path below hub/.
        moved = [answer for answer in page.history if urlsplit(answer.url).path.startswith(own)]
        on = [urlsplit(urljoin(answer.url, answer.headers["Location"])).path for answer in moved]
        answers = any(not path.startswith(f"{hub.base}hub/{hub.server}") for path in on)
        raise Failed(refusal(page, asked) + ("; the user's server answered before that" if answers and loop in page.text else ""))
    if not urlsplit(page.url).path.startswith(own):
        raise Failed(f"{asked} ends on {page.url}")
    if hub.home != hub.url:
        yield f"the user's server has a host name of its own, {urlsplit(hub.home).hostname}"
    yield f"GET {urlsplit(page.url).path} -> {page.status_code}"
    version = page.headers.get("X-JupyterHub-Version", hub.version)
    if version != hub.version:
        yield f"the user's server has JupyterHub {version}, the hub {hub.version}"
    for policy in policies(page):
        scripts = policy.get("script-src", policy.get("default-src"))
        if scripts is not None and not allowed(scripts.lower().split(), urlsplit(page.url)):
            raise Failed(f"a policy refuses JupyterLab's scripts: Content-Security-Policy: {page.headers['Content-Security-Policy']}")
    yield from parts(hub, page)


def allowed(sources: list[str], page: SplitResult) -> bool:
    """Whether a policy's sources of scripts let JupyterLab's own page work."""
    hosts = [re.sub(r"^\w+://|[:/].*", "", source) for source in sources]
    own = {"'self'", f"{page.scheme}:"} & {*sources} or any(fnmatch(page.hostname or "", host) for host in hosts)
    return bool(own) and {*sources} >= SCRIPTS


def first_page(hub: Hub) -> requests.Response:
    """What comes of the address of the user's server. If that leads to a host name of the user's own, all of the server is there."""
    ends = f".{hub.parts.hostname}"
    try:
        page = hub.request("GET", hub.server, expect=())
    except requests.RequestException as broken:
        host = urlsplit(broken.request.url if broken.request else "").hostname or ""
        if not host.endswith(ends):
            raise
        raise Failed(f"the user's own host name, {host}: {words(broken)}") from None
    for answer in page.history:
        to = urlsplit(urljoin(answer.url, answer.headers["Location"]))
        same = (to.scheme, port_of(to)) == (hub.parts.scheme, port_of(hub.parts))
        if same and (to.hostname or "").endswith(ends) and to.path.startswith(hub.base + hub.server):
            hub.home = f"{to.scheme}://{to.netloc}{hub.base}"
            # A token is not sent on from one host to another.
            return hub.request("GET", hub.server, expect=()) if hub.options.token else page
    return page


def parts(hub: Hub, page: requests.Response):
    """The scripts and styles that a page names arrive whole, and as what they are."""
    size, count = 0, 0
    for name in dict.fromkeys(re.findall(r"""<(?:script|link)\b[^>]*?\b(?:src|href)=["']([^"']+\.(?:js|css)\b[^"']*)""", page.text)):
        address = urljoin(page.url, unescape(name))
        if urlsplit(address).netloc != urlsplit(page.url).netloc:
            continue
        asked = f"a part of JupyterLab's page does not load: GET {urlsplit(address).path}"
        try:
            part = hub.fetch("GET", address, headers={"Referer": page.url, "Sec-Fetch-Site": "same-origin"})
        except requests.RequestException as broken:
            raise Failed(f"{asked}: {words(broken)}") from None
        if part.status_code != 200 or "html" in part.headers.get("Content-Type", ""):
            raise Failed(refusal(part, asked))
        size, count = size + len(part.content), count + 1
    yield f"scripts and styles of this page: {count}, {size / 1e6:.1f} MB"


def at_rest(hub: Hub, user: str) -> dict:
    """What the hub knows of the user, once it neither stops their server nor, after its own start, looks whether that still runs."""
    end = time.monotonic() + hub.options.spawn_timeout
    while (about := hub.json("GET", user)).get("pending") in ("stop", "check") and time.monotonic() < end:
        hub.options.tell(f"server_spawns: the hub's {about['pending']} of an earlier server has to end first")
        time.sleep(0.2)
    return about


def progress(hub: Hub, user: str):
    """Follow the event stream of a starting server, and compare when the first and the last event arrived."""
    arrived: list[float] = []
    events: list[dict] = []
    began = time.monotonic()
    try:
        accept = {"Accept": "text/event-stream"}
        # A hub that has just given a server up answers 400, and only then with the event that says why.
        for expect in ((200, 400), (200, 400), (200,)):
            stream = hub.request("GET", f"{user}/server/progress", expect, stream=True, headers=accept, timeout=hub.options.spawn_timeout)
            if stream.status_code == 200:
                break
            time.sleep(1)
        for line in stream.iter_lines(chunk_size=1):
            if line.startswith(b"data:"):
                arrived.append(time.monotonic() - began)
                events.append(json.loads(line[5:]))
                hub.options.tell(f"server_spawns: {events[-1].get('message', '')}")
    except requests.RequestException as broken:
        raise Failed(f"the event stream {hub.base}{user}/server/progress went silent: {broken}") from None
    if not events or not events[-1].get("ready"):
        raise Failed(f"the server does not start: {events[-1].get('message') if events else 'no event'}")
    yield f"event stream: {len(events)} events, the first after {arrived[0]:.1f} s, the last after {arrived[-1]:.1f} s"
    if arrived[-1] > 0.5 and arrived[-1] - arrived[0] < arrived[-1] / 10:
        raise Failed(f"the {len(events)} events of the starting server arrived all at once, after {arrived[-1]:.1f} s")


def stop_server(hub: Hub, user: str) -> None:
    """Stop the user's server and wait until it has ended; one that is still starting cannot be stopped before it has."""
    end = time.monotonic() + hub.options.spawn_timeout
    while hub.request("DELETE", f"{user}/server", expect=(202, 204, 400, 404)).status_code == 400 and time.monotonic() < end:
        time.sleep(0.5)
    while time.monotonic() < end:
        about = hub.json("GET", user)
        if not about.get("server") and not about.get("pending"):
            return
        time.sleep(0.1)
