"""The step hub_answers: the certificate, the hub's API, and, where no hub answers, what is wrong with the address."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from .addresses import astray, own_address
from .hub import ANONYMOUS, Hub
from .libraries import requests
from .responses import Failed, read, refusal, whose

# Where the hub listens behind the reverse proxy: by this guide, and by JupyterHub's own default.
HUB_PORTS = (int("127.0.0.1:800".rpartition(":")[2]), 8000)
# Below which path users see it, by this guide.
BASE_URL = "/jupyter/"


def certificate(hub: Hub):
    """The certificate is trusted here, for this name, and today."""
    port = hub.parts.port or 443
    context = ssl.create_default_context(cafile=hub.options.ca_file)
    hub.log(f"TLS {hub.parts.hostname}:{port}")
    try:
        tcp = socket.create_connection((hub.parts.hostname, port), timeout=hub.options.timeout)
    except ConnectionRefusedError as error:
        raise Failed(f"{hub.parts.hostname}:{port}: {error}{elsewhere(hub) or without_site(hub)}") from None
    except OSError as error:
        raise Failed(f"{hub.parts.hostname}:{port}: {error}") from None
    with tcp, context.wrap_socket(tcp, server_hostname=hub.parts.hostname) as connection:
        ends = ssl.cert_time_to_seconds(connection.getpeercert()["notAfter"])
        yield f"{connection.version()}, the certificate ends in {(ends - time.time()) / 86400:.0f} days"


def without_site(hub: Hub) -> str:
    """Which server answers on port 80, where nobody does on 443: one that has not taken the hub's site."""
    if hub.parts.port in (None, 443):
        with suppress(requests.RequestException):
            answer = hub.fetch("GET", f"http://{hub.host}/", timeout=3, allow_redirects=False, headers=ANONYMOUS)
            if server := re.match(r"nginx|Apache", answer.headers.get("Server", "")):
                return f"; {server[0]} answers on port 80 alone"
    return ""


def elsewhere(hub: Hub) -> str:
    """Words for where a hub answers, if not at the address that was given: that may be a page's, or lack its path; empty if nowhere."""
    near = [hub.url, f"http://{hub.host}{hub.base}"]
    pages = [hub.url, f"{hub.origin}{BASE_URL}"]
    for address in near:
        with suppress(requests.RequestException):  # where it sends people
            pages.append(hub.fetch("GET", address, timeout=3, headers=ANONYMOUS).url)
    pages += [f"https://{hub.host}{hub.base}", f"https://{hub.host}{BASE_URL}"]
    tried = {hub.url}
    for page in map(urlsplit, pages):
        for end in re.finditer(r"/(?=(?:hub|user)/|$)", page.path):
            address = f"{page.scheme}://{page.netloc}{page.path[: end.end()]}"
            if address not in tried:
                tried.add(address)
                with suppress(requests.RequestException, ValueError):
                    answer = hub.fetch("GET", f"{address}hub/api", timeout=3, allow_redirects=False, headers=ANONYMOUS)
                    if answer.status_code == 200 and isinstance(known := answer.json(), dict) and "version" in known:
                        return f"; JupyterHub answers at {address}, not at {hub.url}"
    return ""


def past_the_proxy(hub: Hub, host: str) -> str:
    """What answers on the hub's own port, past the reverse proxy; empty if nothing does."""
    for port in HUB_PORTS:
        address = f"http://{host}:{port}{hub.base}hub/api"
        with suppress(requests.RequestException):
            answer = hub.fetch("GET", address, timeout=3, allow_redirects=False, headers=ANONYMOUS)
            if "X-JupyterHub-Version" in answer.headers:
                return f"{address} answers past the reverse proxy, without TLS"
    return ""


def circle(hub: Hub, answer: requests.Response) -> str:
    """What is wrong with where an answer leads, and where that leads on: a way that comes back to where it was is a circle."""
    trail = [answer.url]
    with suppress(requests.RequestException):
        while answer.is_redirect and len(trail) < 8:
            target = urljoin(answer.url, answer.headers["Location"])
            if target in trail[:-1]:
                return f"; that leads in a circle: {' -> '.join([*trail[1:], target])}"
            trail.append(target)
            if target == answer.url:
                break
            answer = hub.fetch("GET", target, timeout=3, allow_redirects=False, headers=ANONYMOUS)
    return astray(*trail[:2]) if len(trail) > 1 else ""


def no_hub(hub: Hub, refused: Failed) -> Failed:
    """What is said where no hub answers: the address that was given is judged first, and then the server."""
    seen = str(refused)
    if " -> 5" not in seen:
        if found := elsewhere(hub):
            return Failed(seen.partition(": ")[0] + found)
        if " -> 404" in seen and hub.base == "/":
            return Failed(f"{seen}; the address has no path")
        if hub.parts.scheme == "http" and "leads elsewhere" not in seen and re.search(r" -> 30\d [^:]*: https://", seen):
            return Failed(f"{seen}; the address was {hub.url}, it begins with http://")
    return refused


def hub_answers(hub: Hub):
    """The hub's API answers under the base URL, and the addresses that people type lead there."""
    if hub.parts.scheme == "https":
        yield from certificate(hub)
    try:
        asked = hub.request("GET", "hub/api", expect=(), allow_redirects=False)
        if asked.status_code != 200:
            raise Failed(f"{refusal(asked, f'GET {hub.base}hub/api')}{circle(hub, asked)}")
        answer = read(asked, f"GET {hub.base}hub/api")
    except Failed as refused:
        raise no_hub(hub, refused) from None
    if "version" not in (answer or {}):
        raise no_hub(hub, Failed(f"GET {hub.base}hub/api -> 200, but no JupyterHub: {json.dumps(answer)[:200]} (from {whose(asked)})"))
    hub.version = answer["version"]
    yield f"GET {hub.base}hub/api -> 200, JupyterHub {hub.version}"
    if hub.base != "/":
        bare = hub.fetch("GET", hub.url.rstrip("/"), allow_redirects=False)
        target = bare.headers.get("Location", "")
        yield f"GET {hub.base.rstrip('/')} -> {bare.status_code} {target}"
        if not 301 <= bare.status_code <= 308 or not urlsplit(target).path.startswith(hub.base):
            raise Failed(f"no redirect from {hub.base.rstrip('/')} to {hub.base}")
        if where := astray(bare.url, urljoin(bare.url, target)):
            raise Failed(f"GET {hub.base.rstrip('/')} -> {bare.status_code}{where} (from {whose(bare)})")
    if hub.parts.scheme == "https" and hub.parts.port in (None, 443):
        try:
            insecure = hub.fetch("GET", f"http://{hub.host}{hub.base}", allow_redirects=False, headers=ANONYMOUS)
        except requests.ConnectionError:
            yield "port 80 does not answer: people who type the name without https:// see nothing"
        else:
            target = insecure.headers.get("Location", "")
            yield f"GET http://{hub.host}{hub.base} -> {insecure.status_code} {target}"
            if not target.startswith("https://"):
                raise Failed("port 80 answers without sending people to https://")
            if urlsplit(target).hostname != hub.parts.hostname or urlsplit(target).port not in (None, 443):
                raise Failed(f"port 80 leads elsewhere than to {hub.url}")
    if hub.parts.scheme == "https" and hub.parts.port not in HUB_PORTS:
        # What answers on the loopback address, others do not reach by it.
        loopback = hub.loopback
        host = own_address() if loopback else hub.host
        if host and (open_port := past_the_proxy(hub, host)):
            raise Failed(open_port)
        if loopback:
            yield f"{hub.parts.hostname} is {loopback}, this machine itself: check from another one whether port {HUB_PORTS[0]} is open"
        else:
            yield f"port {HUB_PORTS[0]} is not open to this machine"
