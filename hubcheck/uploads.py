"""The step upload_lands: a large file, a difficult name, and a text that looks like an attack arrive unchanged."""

from __future__ import annotations

import hashlib
import os
import time

from .hub import Hub
from .responses import JUPYTER, Failed, refusal, whose

# A space, a percent sign, a hash, a plus, an apostrophe and two letters beyond ASCII.
AWKWARD = "a b%c#d+e'f ü漢.txt"
# What a lesson on databases or the web may hold, and a firewall takes for an attack.
LESSON = "SELECT name FROM users WHERE id = 1 OR 1=1; -- see https://example.com/?id=1\n<script>alert(1)</script>\n../../etc/passwd\n"


def upload_lands(hub: Hub):
    """A large file and an awkwardly named one arrive whole and can be read back."""
    data = os.urandom(hub.options.megabytes * 10**6)
    began = time.monotonic()
    path = hub.put("large.bin", data)
    yield f"PUT {hub.options.megabytes} MB -> 201 in {time.monotonic() - began:.1f} s"
    back = hub.request("GET", f"{hub.server}files/{path}").content
    if hashlib.sha256(back).digest() != hashlib.sha256(data).digest():
        raise Failed(f"{len(data)} bytes were sent, and {len(back)} others came back")
    try:
        path = hub.put(AWKWARD, b"awkward")
        back = hub.request("GET", f"{hub.server}files/{path}").content
        names = [entry["name"] for entry in hub.json("GET", f"{hub.server}api/contents/{hub.folder}")["content"]]
    except Failed as refused:
        raise Failed(f"the encoded name {AWKWARD!r} does not pass: {refused}") from None
    if back != b"awkward" or AWKWARD not in names:
        raise Failed(f"the encoded name {AWKWARD!r} arrived as {names}")
    yield f"{AWKWARD!r} arrives and is read back"
    try:
        hub.json("GET", f"{hub.server}api/contents/{path.replace('/', '%2F')}")
    except Failed as refused:
        raise Failed(f"an encoded slash (%2F) does not pass: {refused}") from None
    yield "%2F in a path passes"
    try:
        path = hub.put("lesson.txt", LESSON)
    except Failed as refused:
        raise Failed(f"a file whose text looks like an attack does not pass: {refused}") from None
    yield "a lesson on databases and the web, as text, passes"
    hub.request("DELETE", f"{hub.server}api/contents/{path}", expect=(204,))
    hub.undo.pop()
    yield "a file is deleted again"


def body_passes(hub: Hub):
    """A large request reaches the hub, which refuses it because nobody is logged in."""
    path, data = f"{hub.base}hub/api/users/hubcheck", b" " * hub.options.megabytes * 10**6
    answer = hub.fetch("POST", hub.origin + path, data=data, allow_redirects=False, timeout=hub.options.spawn_timeout)
    if whose(answer) not in JUPYTER:
        raise Failed(refusal(answer, f"POST {path}, {hub.options.megabytes} MB"))
    yield f"{hub.options.megabytes} MB reach the hub -> {answer.status_code}"
