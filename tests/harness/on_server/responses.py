"""Prints the answers of a user's server to many requests, to compare them with another server's; runs where `user_actions` does."""

import email.utils
import hashlib
import json
import os
import pathlib
import pwd
import re
import shutil
import sys
from urllib.parse import quote

import hubcheck
import user_actions

# Files in the home of a user whose server is asked: (name, content, mode), all written in the same second.
FILES = [
    ("text.txt", "some text\n" * 1000, 0o644),
    ("empty.txt", "", 0o644),
    ("page.html", "<p>A page</p>", 0o644),
    ("picture.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>', 0o644),
    ("note.ipynb", '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', 0o644),
    ("broken.ipynb", "no notebook", 0o644),
    ("blocks.xml", "<xml/>", 0o644),
    ("table.csv.gz", "\x1f", 0o644),
    ("name without a type", "words", 0o644),
    ("a b%c#d+e ü漢.txt", "words", 0o644),
    (".hidden.txt", "hidden", 0o644),
    (".hidden/text.txt", "hidden", 0o644),
    ("folder/text.txt", "words", 0o644),
    ("closed.txt", "closed", 0o000),
]
LINKS = {"linked.txt": "text.txt", "shown.txt": ".hidden.txt", "outside.txt": "/etc/debian_version", "outside": "/etc/jupyterhub"}
LARGE = 300_000_000
ONCE = 1_700_000_000


def furnish(user: str) -> None:
    """Put `FILES`, `LINKS` and a large file into a user's home."""
    home = pathlib.Path(pwd.getpwnam(user).pw_dir, "asked")
    shutil.rmtree(home, ignore_errors=True)
    for name, content, _ in FILES:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content, "utf-8")
    with (home / "large.bin").open("wb") as large:
        large.truncate(LARGE)
    for path in (home, *home.rglob("*")):
        shutil.chown(path, user)
        os.utime(path, (ONCE, ONCE))
    for name, _, mode in FILES:
        (home / name).chmod(mode)
    for name, target in LINKS.items():
        (home / name).symlink_to(target)


def since(seconds: int) -> dict[str, str]:
    return {"If-Modified-Since": email.utils.formatdate(ONCE + seconds, usegmt=True)}


KINDS = ("text.txt", "page.html", "note.ipynb", "large.bin", "none.txt")
# What a server is asked, below its address: (method, path, headers). A page of its own asks, with a browser's cookies, unless the
# headers say otherwise.
ASKED = [
    *(("GET", f"files/asked/{quote(name)}", {}) for name, _, _ in FILES),
    *(("GET", f"files/asked/{name}", {}) for name in ("large.bin", "none.txt", "folder", "folder/", "text.txt/", *LINKS)),
    *(("GET", f"files/asked/{path}", {}) for path in ("outside/jupyterhub_config.py", "..%2F..%2F..%2Fetc/debian_version")),
    *((method, f"files/asked/{name}", {}) for method in ("HEAD", "POST") for name in KINDS),
    *(("GET", f"files/asked/{name}?download=1", {}) for name in KINDS[:3]),
    *(("GET", "files/asked/text.txt", {"Range": f"bytes={part}"}) for part in ("0-99", "100-", "-10", "0-", "0-0,5-6", "99999-", "x")),
    *(("GET", f"files/asked/{name}", {"Range": "bytes=3-5"}) for name in ("page.html", "note.ipynb", "large.bin", "empty.txt")),
    *(("GET", f"files/asked/{name}", since(seconds)) for name in KINDS[:3] for seconds in (-60, 0, 60)),
    ("HEAD", "files/asked/page.html", {"Range": "bytes=3-5"}),
    ("HEAD", "files/asked/page.html", since(0)),
    ("GET", "files/asked/text.txt", {"If-None-Match": '"x"'}),
    ("GET", "files/asked/text.txt", {"Accept-Encoding": "gzip"}),
    *(("GET", "files/asked/page.html", {"Referer": referer}) for referer in ("", "https://elsewhere.example/")),
    ("GET", "files/asked/page.html", {"Cookie": ""}),
    *(("GET", path, {}) for path in ("lab", "tree", "none", "api/contents/asked", "api/kernelspecs", "api/none")),
    *(("GET", f"static/{path}", {}) for path in ("favicons/favicon.ico", "none", "blockly/blockly.min.js")),
]


def tell(url: str, user: str) -> dict:
    """What a user's server says to each of `ASKED`, by the request: [status, headers, digest of a file or words of a page].

    Beside them: "page", the settings in JupyterLab's page, "socket", the headers of a kernel's WebSocket, and "megabytes", how
    much more memory the server took at most while it answered. What belongs to one user or one moment is left out.
    """
    furnish(user)
    hub = user_actions.enter(url, user, "--timeout", "60")
    kernel = hub.json("GET", f"{hub.server}api/kernels")[-1]["id"]

    def plain(text: str) -> str:
        return text.replace(user, "…").replace(kernel, "…")

    def headers(found, fleeting: tuple[str, ...] = ()) -> dict[str, str]:
        kept = {name.title(): plain(value) for name, value in found.items()}
        return {name: value for name, value in kept.items() if name not in ("Date", "Sec-Websocket-Accept", *fleeting)}

    before, told = memory(user, afresh=True), {}
    for method, path, sent in ASKED:
        own = {"Referer": hub.url, "Accept-Encoding": "identity"}
        answer = hub.fetch(method, url + hub.server + path, headers=own | sent, allow_redirects=False, stream=True)
        words = " ".join([method, path, *(f"{name}: {value}" for name, value in sent.items())])
        if answer.ok and "Location" not in answer.headers and path.startswith(("files/", "static/")):
            digest = hashlib.sha256()
            for piece in answer.iter_content(1 << 20):
                digest.update(piece)
            told[words] = [answer.status_code, headers(answer.headers), digest.hexdigest()]
        else:
            # A page in which the user's name stands, or an address with a number that is used once.
            told[words] = [
                answer.status_code,
                headers(answer.headers, ("Content-Length", "Etag", "Last-Modified", "Set-Cookie", "Location")),
                hubcheck.plain(plain(answer.text)) if answer.status_code >= 400 else "",
            ]
    told["page"] = user_actions.settings(plain(hub.request("GET", f"{hub.server}lab").text))
    told["socket"] = headers(hub.channel.headers)
    told["megabytes"] = memory(user) - before
    user_actions.leave(hub)
    return told


def memory(user: str, afresh: bool = False) -> float:
    """The memory that a user's server has taken at most, in megabytes; `afresh` from now on."""
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        if status.owner() == user and b"jupyterhub-singleuser" in status.with_name("cmdline").read_bytes():
            if afresh:
                status.with_name("clear_refs").write_text("5")
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1000
    raise RuntimeError(f"no server of {user} runs")


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
