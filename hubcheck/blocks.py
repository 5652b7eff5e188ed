"""The step blocks_shown: the editor of %jigsaw, and which pages may be shown in a frame."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from .hub import Hub
from .kernels import execute
from .libraries import requests
from .responses import Failed, policies, refusal


def editor(hub: Hub):
    """The page that %jigsaw makes in hubcheck's folder, and Blockly for it; returns words for another editor than the guide's."""
    name = "blocks"
    try:
        said = execute(hub, f"%jigsaw Python --workspace {name}")
    except Failed:
        raise Failed(f"%jigsaw did not end in {hub.options.timeout:g} s") from None
    if trouble := re.search(r"<urlopen error.*?>|HTTP Error.*", said):
        raise Failed(f"%jigsaw Python: {trouble[0]}")
    path = f"{hub.server}files/{hub.folder}/{name}.html"
    made = hub.request("GET", path, expect=(200, 404))
    if made.status_code == 404:
        yield f"{hub.options.kernel} makes no page for %jigsaw"
        return ""
    for suffix in ("html", "xml"):
        contents = f"{hub.server}api/contents/{hub.folder}/{name}.{suffix}"
        hub.undo.append(lambda contents=contents: hub.request("DELETE", contents, expect=(204, 404)))
    blockly = re.search(r'__jigsaw_blockly__ = "([^"]+)"', made.text)
    script = urljoin(hub.at(path), f"{blockly[1].rstrip('/')}/blockly.min.js") if blockly else ""
    if urlsplit(script).netloc != urlsplit(hub.at(path)).netloc:
        whose = "MetaKernel's own" if "jigsaw_listener_set" in said else "another"
        host = re.search(r"https?://([^/\"']+)[^\"']*blockly", made.text, re.I)
        return f"this is {whose} %jigsaw, not the guide's editor: Blockly comes from {host[1] if host else 'elsewhere'}"
    answer = hub.fetch("GET", script)
    if answer.status_code != 200:
        raise Failed(refusal(answer, f"Blockly does not load: GET {script}"))
    yield f"the page of %jigsaw and Blockly, {len(answer.content) / 1e6:.1f} MB, come from here"
    return ""


def blocks_shown(hub: Hub):
    """The user's notebook may show a page under files/ in a frame, as %jigsaw does; nothing else may be framed."""
    another = yield from editor(hub)
    path = f"{hub.server}files/{hub.put('page.html', b'<p>A page</p>')}"
    policy = hub.request("GET", path).headers.get("Content-Security-Policy", "")
    framed_by = re.findall(r"frame-ancestors ([^;,]*)", policy)
    if any("'self'" not in allowed for allowed in framed_by):
        raise Failed(f"GET {hub.base}{path} -> Content-Security-Policy: {policy}")
    if "sandbox" not in policy or "allow-same-origin" in policy:
        raise Failed(f"a page under files/ is not sandboxed: Content-Security-Policy: {policy or 'none'}")
    yield f"files/…/page.html: {policy}"
    page = hub.request("GET", hub.server)
    policy = page.headers.get("Content-Security-Policy", "")
    if "frame-ancestors 'none'" not in policy:
        raise Failed(f"every page of the server may be framed: Content-Security-Policy: {policy or 'none'}")
    yield f"{urlsplit(page.url).path}: {policy}"
    yield from opener(page)
    # Last, so that who chose it sees that all else holds.
    if another:
        raise Failed(another)


def hub_headers(hub: Hub):
    """The hub's pages may be framed by nobody, and keep no tie to a page that opens them."""
    # Where users log in elsewhere, the hub sends people on.
    page = hub.request("GET", "hub/login", expect=(200, 302), allow_redirects=False)
    if not any("'none'" in policy.get("frame-ancestors", "") for policy in policies(page)):
        raise Failed(f"the hub's pages may be framed: Content-Security-Policy: {page.headers.get('Content-Security-Policy', 'none')}")
    yield f"{urlsplit(page.url).path}: {page.headers['Content-Security-Policy']}"
    yield from opener(page)


def opener(page: requests.Response):
    policy = page.headers.get("Cross-Origin-Opener-Policy")
    if policy != "same-origin":
        raise Failed(f"a page that opens a notebook in a new tab keeps a hold on it: Cross-Origin-Opener-Policy: {policy or 'none'}")
    yield f"Cross-Origin-Opener-Policy: {policy}"
