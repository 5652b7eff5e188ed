"""Reads an answer: what it says in words, and whether it comes from the hub, a user's server, or something before them."""

from __future__ import annotations

import json
import re
import ssl
from contextlib import suppress
from http.client import responses as STATUS_WORDS
from urllib.parse import urlsplit

from .libraries import requests

# What programs say of themselves in the header Server, and what people call them. nginx and Apache put their name on the answers
# of what is behind them too.
NAMED = {
    r"caddy": "Caddy",
    r"traefik": "Traefik",
    r"haproxy": "HAProxy",
    r"cloudflare": "Cloudflare",
    r"awselb": "a balancer of AWS",
    r"big-?ip": "a balancer of F5",
    r"microsoft-azure": "a gateway of Azure",
    r"akamai": "Akamai",
    r"cloudfront": "CloudFront",
    r"google": "a balancer of Google",
    r"envoy": "Envoy",
    r"varnish": "Varnish",
    r"squid": "Squid",
    r"nginx|openresty": "nginx or a program behind it",
    r"apache": "Apache or a program behind it",
}
# Whose answers have come all the way.
JUPYTER = ("the hub", "the user's server")
# Characters of what is told of one thing.
LONGEST = 900
# Traefik does not say its name.
IN_GO = "a program in Go, such as Traefik"
# What the pages of such programs hold.
PAGES = {
    r"mod_?security|requested URL was rejected|web application firewall|incapsula|fortiguard|fortiweb|barracuda|sophos|zscaler"
    r"|blocked by|attack detected": "a firewall",
    r"configurable-http-proxy": "JupyterHub's own proxy",
    r"<center>(nginx|openresty)": "nginx",
    r"<address>Apache|//IETF//DTD HTML 2\.0//EN": "Apache",
    r"<html><body><h1>\d+ [^<]*</h1>\n": "HAProxy",
    r"\A(404 page not found|no available server)\s*\Z": IN_GO,
    r"<title>JupyterHub</title>": "the hub",
    r'<title>Jupyter|\bjupyter-config-data\b|\ACan "Upgrade" only|\A"Connection" must be|\ACross origin websockets': "the user's server",
}


class Failed(Exception):
    """A rung that does not hold; its text is what was seen."""


def answered(status: int, headers: dict, body: bytes | None, url: str) -> requests.Response:
    """An answer to a WebSocket's request, in the form of all others."""
    made = requests.Response()
    made.status_code, made.url, made._content, made.encoding = status, url, body or b"", "utf-8"
    made.headers.update(headers or {})
    return made


def whose(response: requests.Response) -> str:
    """Who gave an answer: "the hub", "the user's server", "JupyterHub's own proxy", a name of what stands before them, or
    "another program"."""
    path, text = urlsplit(response.url or "").path, response.text[:20000]
    servers = re.search("(?<!/hub)/user/", path)
    on = response.headers.get("Location", "")
    if "X-JupyterHub-Version" in response.headers or "/hub/user/" in on.partition("?")[0]:
        # Both have this header, unless a proxy hides it. Of what is below a user's path, the hub has its own error pages, and sends on to
        # itself.
        of_the_hub = "<title>JupyterHub</title>" in text or "/hub/user/" in on
        return "the user's server" if servers and not of_the_hub else "the hub"
    if response.status_code >= 400 or "html" in response.headers.get("Content-Type", ""):
        for page, name in PAGES.items():
            if re.search(page, text, re.I):
                return name
    with suppress(ValueError):
        body = json.loads(text)
        if isinstance(body, dict) and "message" in body and {"reason", "status"} & body.keys():
            return "the user's server" if servers else "the hub"
    # The hub's own proxy, where it has no page of the hub's to show; it has no other errors than these. Traefik says the others so.
    if "Content-Type" not in response.headers and text and text in (STATUS_WORDS.get(response.status_code), response.reason):
        return "JupyterHub's own proxy" if response.status_code in (404, 500, 503) else IN_GO
    server = response.headers.get("Server", "")
    return next((name for sign, name in NAMED.items() if re.match(sign, server, re.I)), "another program")


def proxies(response: requests.Response) -> set[str]:
    """The reverse proxies that an answer's headers name, though another program may have given it."""
    said = f"{response.headers.get('Server', '')} {response.headers.get('Via', '')}"
    return {name for name in ("nginx", "Apache", "Caddy") if re.search(rf"\b{name}\b", said, re.I)}


def read(response: requests.Response, asked: str):
    """What an answer in JSON holds; `Failed` if it is none."""
    try:
        return response.json() if response.content else None
    except ValueError:
        raise Failed(f"{asked} -> {response.status_code}, but not JSON: {excerpt(response)} (from {whose(response)})") from None


def refusal(response: requests.Response, asked: str) -> str:
    """What was asked for, what came instead, and from whom."""
    said = f"{asked} -> {response.status_code} {response.reason}: {excerpt(response)}".rstrip(": ")
    return f"{said} (from {whose(response)})"


def excerpt(response: requests.Response) -> str:
    """The part of an answer that a person would read: of a redirect, where it leads, but no query."""
    if response.is_redirect:
        return response.headers["Location"].partition("?")[0]
    with suppress(ValueError):
        body = response.json()
        if isinstance(body, dict) and "message" in body:
            return str(body["message"] or "")
    # Around it, the hub's pages have the same menus each time.
    said = re.search(r'(?s)<div class="error[^>]*>(.*?)</div>', response.text)
    return plain(said[1] if said else response.text)


def plain(text: str) -> str:
    text = re.sub(r"(?s)<(script|style).*?</\1>|<!--.*?-->|<[^>]+>", " ", text)
    return " ".join(text.split())[:200]


def shortened(text: str) -> str:
    """A text with its beginning and its end: a server may say as much as it likes, and what is said is looked through many times."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"


def visible(text: str) -> str:
    """A text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def policies(response: requests.Response) -> list[dict[str, str]]:
    """The Content Security Policies of an answer, each as {directive: sources}; all of them count."""
    found = []
    for policy in response.headers.get("Content-Security-Policy", "").split(","):
        directives = [part.strip().partition(" ") for part in policy.split(";")]
        found.append({name.lower(): sources for name, _, sources in directives if name})
    return found


def words(failure: Exception) -> str:
    """An error in one line, without the names that libraries give to their objects."""
    inner = failure.args[0] if isinstance(failure, requests.ConnectionError) and failure.args else failure
    reason = getattr(inner, "reason", None)  # of the library below: an error, or its name
    inner = reason if isinstance(reason, Exception) else inner
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {inner.verify_message}"
    if isinstance(failure, requests.Timeout):
        return (
            f"no answer from {failure.request.url.partition('?')[0] if failure.request else 'the server'} in time: {type(failure).__name__}"
        )
    if isinstance(failure, requests.ConnectionError) and failure.request:
        asked = f"{failure.request.method} {urlsplit(failure.request.url).path}"
        if "closed connection without response" in str(inner):
            return f"{asked}: Remote end closed connection without response"
        # Each of them may come where the other side closes while a body is sent.
        if asked.startswith("PUT ") and re.search("EOF occurred in violation|Broken pipe|Connection reset", str(inner)):
            return f"{asked}: the connection was closed in the middle of the upload"
    if isinstance(failure, requests.TooManyRedirects):
        return f"{failure} TooManyRedirects"
    return " ".join(re.sub(r"<[^<>]*object at 0x[0-9a-f]+>:? ?", "", str(inner)).split())
