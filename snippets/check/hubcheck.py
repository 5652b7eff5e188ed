#!/usr/bin/env python3
# /// script
# requires-python = ">=3.9"
# dependencies = ["requests>=2.28", "websocket-client>=1.5"]
# ///
"""Check a JupyterHub from the outside, the way a user's browser meets it.

    python hubcheck.py https://hub.example.com/jupyter/
    python hubcheck.py https://hub.example.com/jupyter/ --user alice --password-file alice.txt

It climbs, rung by rung, from "the hub answers" to "%jigsaw may be shown", and stops at the first rung that fails:
that rung and what the server said are the diagnosis. Without --user it checks only what anybody can see.
With --user it logs in as that user, starts their server if it is not running, starts a kernel and a
terminal, uploads files into a folder of its own, and takes away again all that it made.

Exit status: 0 all rungs hold, 1 a rung failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import getpass
import hashlib
import json
import os
import re
import secrets
import socket
import sys
import time
import uuid
from contextlib import suppress
from functools import cached_property
from urllib.parse import quote, urlsplit

try:
    import requests
    import websocket
except ImportError as missing:
    sys.exit(f"hubcheck needs the Python package {missing.name!r}: run it with 'uv run', or with the hub's own Python.")

# What a server says, why it says so, and the page that tells what to do. The first match counts.
CAUSES = [
    (r"certificate", "The certificate is not trusted here, has expired, or is for another name.", "deploy/reverse-proxy"),
    (r"NameResolution|Name or service not known|getaddrinfo", "The host name does not resolve on this machine.", "deploy/reverse-proxy"),
    (r"Connection refused", "Nothing listens on that port: is the reverse proxy running?", "deploy/reverse-proxy"),
    (
        r'Can "Upgrade" only to "WebSocket"|"Connection" must be "Upgrade"|426 ',
        "The reverse proxy does not tunnel WebSockets. nginx: proxy_set_header Upgrade $http_upgrade and "
        "proxy_set_header Connection. Apache: upgrade=websocket on ProxyPass.",
        "troubleshooting/kernel-never-connects",
    ),
    (
        r"Cross origin|Cross Origin|-> 403 on the WebSocket",
        "The reverse proxy changes the Host header, so the origin looks foreign. nginx: proxy_set_header Host $http_host. "
        "Apache: ProxyPreserveHost On.",
        "troubleshooting/kernel-never-connects",
    ),
    (
        r"went silent|closed the idle",
        "The reverse proxy closes idle connections. nginx: proxy_read_timeout and proxy_send_timeout. Apache: timeout= on ProxyPass.",
        "troubleshooting/kernel-never-connects",
    ),
    (
        r"-> 413",
        "The reverse proxy limits the size of a request. nginx: client_max_body_size.",
        "deploy/reverse-proxy",
    ),
    (
        r"arrived all at once",
        "The reverse proxy holds back the event stream. nginx: proxy_buffering off, for the progress of a starting server.",
        "deploy/reverse-proxy",
    ),
    (
        r"without Secure",
        "The hub does not know that users come by HTTPS. nginx: proxy_set_header X-Scheme $scheme. "
        "Apache: RequestHeader set X-Scheme https.",
        "deploy/reverse-proxy",
    ),
    (
        r"port 80 answers without",
        "Another site answers on port 80. Apache: Debian's 000-default takes the machine's own name; disable it.",
        "deploy/reverse-proxy",
    ),
    (
        r"-> 50[23]\b",
        "The reverse proxy does not reach JupyterHub: is the hub running, and on the port that the proxy names?",
        "deploy/run-as-a-service",
    ),
    (
        r"hub/api -> 500",
        "The reverse proxy itself failed. Apache: is the module proxy_http enabled? Its error log says AH01144 if not.",
        "deploy/reverse-proxy",
    ),
    (
        r"hub/api -> 404|hub/api -> 30\d",
        "The path differs between the reverse proxy and JupyterHub: compare c.JupyterHub.bind_url (or base_url) in jupyterhub_config.py "
        "with the proxy's location or ProxyPass.",
        "troubleshooting/not-found-under-the-base-url",
    ),
    (
        r"-> 302 without a redirect to /|no redirect",
        "The path without its last slash leads nowhere. Apache: RedirectMatch. nginx: a location that ends in a slash does it by itself.",
        "troubleshooting/not-found-under-the-base-url",
    ),
    (
        r"Invalid username or password|not allowed",
        "The password is wrong, or nobody has allowed this user: Authenticator.allowed_users, allowed_groups or allow_all.",
        "deploy/configure-jupyterhub",
    ),
    (
        r"frame-ancestors 'none'",
        "The user's server forbids every frame. c.ContentsManager.files_handler_class in jupyter_server_config.py "
        "lifts that for files/ alone.",
        "troubleshooting/blank-jigsaw-iframe",
    ),
    (
        r"not sandboxed",
        "Something replaces the policy of files/ and drops its sandbox: a page there then acts as the user. "
        "Repeat 'sandbox allow-scripts'.",
        "jigsaw/configure",
    ),
    (
        r"every page of the server may be framed",
        "frame-ancestors 'self' is set for the whole server: pages of other users may frame it. Set it for files/ alone.",
        "jigsaw/configure",
    ),
    (
        r"Opener-Policy",
        "nginx: add_header Cross-Origin-Opener-Policy same-origin always. "
        "Apache: Header always set Cross-Origin-Opener-Policy same-origin.",
        "jigsaw/configure",
    ),
    (r"not among the kernels", "The kernel is not installed where this user's server looks.", "troubleshooting/kernel-not-in-the-launcher"),
    (
        r"encoded",
        "The reverse proxy decodes or refuses encoded paths. nginx: no path after the address in proxy_pass. "
        "Apache: AllowEncodedSlashes NoDecode, and nocanon on ProxyPass.",
        "deploy/reverse-proxy",
    ),
]


class Failed(Exception):
    """A rung that does not hold; its text is what was seen."""


class Hub:
    """A conversation with one JupyterHub, as one user's browser would hold it.

    `url` is the hub's public address with its base URL, such as https://hub.example.com/jupyter/.
    """

    def __init__(self, url: str, options: argparse.Namespace):
        self.url = url.rstrip("/") + "/"
        self.parts = urlsplit(self.url)
        self.origin = f"{self.parts.scheme}://{self.parts.netloc}"
        self.base = self.parts.path
        self.options = options
        self.session = requests.Session()
        self.session.headers["User-Agent"] = "hubcheck"
        self.undo: list = []  # what takes away again what was made, last first
        self.stops = False  # whether the user's server is stopped at the end

    @property
    def server(self) -> str:
        """The path of the user's own server, below the base URL."""
        return f"user/{quote(self.options.user, safe='')}/"

    def xsrf(self, path: str) -> str:
        """The token that proves a request comes from a page of this hub: Jupyter keeps one cookie for each path."""
        found = [c for c in self.session.cookies if c.name == "_xsrf" and (self.base + path).startswith(c.path)]
        return max(found, key=lambda c: len(c.path)).value or "" if found else ""

    def fetch(self, method: str, address: str, **options) -> requests.Response:
        """Send a request, with the user's time limit and certificate authorities."""
        # Named for each request: the environment's REQUESTS_CA_BUNDLE would win over the session's own setting.
        return self.session.request(method, address, **{"timeout": self.options.timeout, "verify": self.options.ca_file or True} | options)

    def request(self, method: str, path: str, expect=(200,), **options) -> requests.Response:
        """Send a request to a path below the base URL; `Failed` unless the status is one of `expect`."""
        headers = {"X-XSRFToken": self.xsrf(path), "Referer": self.origin + self.base} | options.pop("headers", {})
        response = self.fetch(method, self.url + path, headers=headers, **options)
        if expect and response.status_code not in expect:
            raise Failed(f"{method} {self.base}{path} -> {response.status_code} {response.reason}: {excerpt(response)}")
        return response

    def json(self, method: str, path: str, expect=(200,), **options):
        """Like `request`, for answers that must be JSON."""
        response = self.request(method, path, expect, **options)
        try:
            return response.json() if response.content else None
        except ValueError:
            raise Failed(f"{method} {self.base}{path} -> {response.status_code}, but not JSON: {excerpt(response)}") from None

    def socket(self, path: str) -> websocket.WebSocket:
        """Open a WebSocket below the base URL, with the browser's cookies and origin."""
        address = self.url.replace("http", "ws", 1) + path
        cookies = requests.cookies.get_cookie_header(self.session.cookies, requests.Request("GET", self.url + path).prepare())
        ssl = {"ca_certs": self.options.ca_file} if self.options.ca_file else {}
        try:
            return websocket.create_connection(
                address, timeout=self.options.timeout, cookie=cookies, origin=self.origin, sslopt=ssl, header=["User-Agent: hubcheck"]
            )
        except websocket.WebSocketBadStatusException as refused:
            said = (refused.resp_body or b"").decode(errors="replace").strip()
            raise Failed(f"GET {self.base}{path} -> {refused.status_code} on the WebSocket: {plain(said)}") from None

    @cached_property
    def folder(self) -> str:
        """A folder of hubcheck's own in the user's files; it is removed at the end."""
        name = f"hubcheck-{secrets.token_hex(4)}"
        contents = f"{self.server}api/contents/{name}"
        self.request("PUT", contents, expect=(201,), json={"type": "directory"})
        self.undo.append(lambda: self.request("DELETE", contents, expect=(204, 404)))
        return name

    def put(self, name: str, data: bytes) -> str:
        """Upload a file into `folder`, in one piece; its quoted path."""
        path = f"{self.folder}/{quote(name, safe='')}"
        contents = f"{self.server}api/contents/{path}"
        body = {"type": "file", "format": "base64", "content": base64.b64encode(data).decode()}
        self.request("PUT", contents, expect=(200, 201), json=body, timeout=self.options.spawn_timeout)
        self.undo.append(lambda: self.request("DELETE", contents, expect=(204, 404)))
        # Jupyter moves what is deleted to the user's bin; emptied first, it takes no room there.
        self.undo.append(lambda: self.request("PUT", contents, expect=(200, 201), json=body | {"content": ""}))
        return path


def excerpt(response: requests.Response) -> str:
    """The part of an answer that a person would read."""
    with suppress(ValueError):
        body = response.json()
        if isinstance(body, dict) and body.get("message"):
            return str(body["message"])
    return plain(response.text)


def plain(text: str) -> str:
    text = re.sub(r"(?s)<(script|style).*?</\1>|<!--.*?-->|<[^>]+>", " ", text)
    return " ".join(text.split())[:200]


def hub_answers(hub: Hub):
    """The hub's API answers under the base URL, and the addresses that people type lead there."""
    answer = hub.json("GET", "hub/api", allow_redirects=False)
    if "version" not in (answer or {}):
        raise Failed(f"GET {hub.base}hub/api -> 200, but no JupyterHub: {json.dumps(answer)[:200]}")
    yield f"GET {hub.base}hub/api -> 200, JupyterHub {answer['version']}"
    if hub.base != "/":
        bare = hub.fetch("GET", hub.url.rstrip("/"), allow_redirects=False)
        target = bare.headers.get("Location", "")
        yield f"GET {hub.base.rstrip('/')} -> {bare.status_code} {target}"
        if not 301 <= bare.status_code <= 308 or not urlsplit(target).path.startswith(hub.base):
            raise Failed(f"no redirect from {hub.base.rstrip('/')} to {hub.base}")
    if hub.parts.scheme == "https" and hub.parts.port in (None, 443):
        try:
            insecure = hub.fetch("GET", f"http://{hub.parts.hostname}{hub.base}", allow_redirects=False)
        except requests.ConnectionError:
            yield "port 80 does not answer: people who type the name without https:// see nothing"
            return
        target = insecure.headers.get("Location", "")
        yield f"GET http://{hub.parts.hostname}{hub.base} -> {insecure.status_code} {target}"
        if not target.startswith("https://"):
            raise Failed("port 80 answers without sending people to https://")


def login_works(hub: Hub):
    """The user logs in through the hub's form, and the hub's cookies are marked Secure under HTTPS."""
    hub.request("GET", "hub/login")
    form = {"username": hub.options.user, "password": hub.options.password, "_xsrf": hub.xsrf("hub/login")}
    answer = hub.request("POST", "hub/login", expect=(), data=form, allow_redirects=False)
    if answer.status_code != 302:
        raise Failed(f"POST {hub.base}hub/login -> {answer.status_code}: {login_error(answer)}")
    yield f"POST {hub.base}hub/login -> 302 {answer.headers['Location']}"
    hub.request("GET", "hub/home")
    for cookie in hub.session.cookies:
        if cookie.name.startswith("jupyterhub-") and hub.parts.scheme == "https":
            if not cookie.secure:
                raise Failed(f"the cookie {cookie.name} comes without Secure, though the address is https")
            yield f"cookie {cookie.name}: Secure"


def login_error(answer: requests.Response) -> str:
    found = re.search(r'(?s)class="login_error[^>]*>(.*?)</p>', answer.text)
    return plain(found[1]) if found else excerpt(answer)


def server_spawns(hub: Hub):
    """The user's server starts, its progress is told live, and its pages let the user in."""
    user = f"hub/api/users/{quote(hub.options.user, safe='')}"
    if hub.json("GET", user)["server"]:
        yield "the server was running already: its start was not seen"
    else:
        if not hub.options.keep_server:
            hub.stops = True
            hub.undo.append(lambda: stop_server(hub, user))
        # The page that a browser asks for starts the server and leads to the progress page, unless it is a form.
        asked = hub.request("GET", "hub/spawn")
        if "/spawn-pending/" not in asked.url:
            hub.request("POST", f"{user}/server", expect=(201, 202), timeout=hub.options.spawn_timeout)
        yield from progress(hub, user)
    page = hub.request("GET", hub.server)
    if not urlsplit(page.url).path.startswith(hub.base + hub.server):
        raise Failed(f"GET {hub.base}{hub.server} ends on {page.url}")
    yield f"GET {urlsplit(page.url).path} -> {page.status_code}"


def progress(hub: Hub, user: str):
    """Follow the event stream of a starting server, and compare when the first and the last event arrived."""
    arrived: list[float] = []
    events: list[dict] = []
    began = time.monotonic()
    try:
        accept = {"Accept": "text/event-stream"}
        stream = hub.request("GET", f"{user}/server/progress", stream=True, headers=accept, timeout=hub.options.spawn_timeout)
        for line in stream.iter_lines(chunk_size=1):
            if line.startswith(b"data:"):
                arrived.append(time.monotonic() - began)
                events.append(json.loads(line[5:]))
    except requests.RequestException as broken:
        raise Failed(f"the event stream {hub.base}{user}/server/progress went silent: {broken}") from None
    if not events or not events[-1].get("ready"):
        raise Failed(f"the server does not start: {events[-1].get('message') if events else 'no event'}")
    yield f"event stream: {len(events)} events, the first after {arrived[0]:.1f} s, the last after {arrived[-1]:.1f} s"
    if arrived[-1] > 1 and arrived[-1] - arrived[0] < arrived[-1] / 10:
        raise Failed(f"the {len(events)} events of the starting server arrived all at once, after {arrived[-1]:.1f} s")


def stop_server(hub: Hub, user: str) -> None:
    hub.request("DELETE", f"{user}/server", expect=(202, 204))
    end = time.monotonic() + hub.options.spawn_timeout
    while time.monotonic() < end and hub.json("GET", user).get("server"):
        time.sleep(0.1)


def kernel_listed(hub: Hub):
    """The kernel is among those that the user's server offers."""
    specs = hub.json("GET", hub.server + "api/kernelspecs")["kernelspecs"]
    if hub.options.kernel not in specs:
        raise Failed(f"{hub.options.kernel} is not among the kernels: {', '.join(sorted(specs)) or 'none'}")
    yield f"{hub.options.kernel}: {specs[hub.options.kernel]['spec']['display_name']}; {len(specs)} kernels in all"


def kernel_channel(hub: Hub):
    """A kernel starts, and a WebSocket to it opens through the proxy."""
    started = hub.json("POST", hub.server + "api/kernels", expect=(201,), json={"name": hub.options.kernel})
    if not hub.stops:  # a server that stops ends its kernels by itself
        hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/kernels/{started['id']}", expect=(204, 404)))
    hub.channel = hub.socket(f"{hub.server}api/kernels/{started['id']}/channels")
    hub.undo.append(hub.channel.close)
    yield f"WebSocket {hub.base}{hub.server}api/kernels/…/channels -> {hub.channel.getstatus()}"


def kernel_computes(hub: Hub):
    """The kernel answers over the WebSocket, also after a silence; so does a terminal."""
    yield from compute(hub)
    if hub.options.idle:
        time.sleep(hub.options.idle)
        try:
            yield from compute(hub)
        except (OSError, websocket.WebSocketException) as broken:
            raise Failed(f"the reverse proxy closed the idle WebSocket within {hub.options.idle:g} s: {broken}") from None
        yield f"the WebSocket outlived {hub.options.idle:g} s of silence"
    made = hub.request("POST", hub.server + "api/terminals", expect=(200, 403, 404))
    if made.status_code != 200:
        yield "terminals are switched off"
        return
    name = made.json()["name"]
    hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/terminals/{name}", expect=(204, 404)))
    terminal = hub.socket(f"{hub.server}terminals/websocket/{name}")
    terminal.send(json.dumps(["stdin", "echo $((6 * 7))\r"]))
    said = ""
    while not re.search(r"[\r\n]42\b", said):  # the echoed command holds no 42
        message = json.loads(terminal.recv())
        said += message[1] if message[0] == "stdout" else ""
    terminal.close()
    yield "a terminal answers"


def compute(hub: Hub):
    """Run `options.code` in the kernel and wait for `options.expect` in what it prints or returns."""
    identity, began, said = uuid.uuid4().hex, time.monotonic(), ""
    header = {"msg_id": identity, "msg_type": "execute_request", "username": "", "session": identity, "date": "", "version": "5.3"}
    content = {"code": hub.options.code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    hub.channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}))
    while True:
        try:
            message = json.loads(hub.channel.recv())
        except websocket.WebSocketTimeoutException:
            raise Failed(f"the kernel did not answer in {hub.options.timeout:g} s") from None
        if message.get("parent_header", {}).get("msg_id") != identity:
            continue
        body = message["content"]
        said += body.get("text", "") + body.get("data", {}).get("text/plain", "")
        if message["msg_type"] == "error":
            raise Failed(f"{hub.options.code} -> {body['ename']}: {body['evalue']}")
        if hub.options.expect in said:
            yield f"{hub.options.code} -> {said.strip()} in {1000 * (time.monotonic() - began):.0f} ms"
            return
        if message["msg_type"] == "execute_reply" and body.get("status") != "ok":
            raise Failed(f"{hub.options.code} -> {body.get('evalue', body.get('status'))}")


# A space, a percent sign, a hash, a plus, an apostrophe and two letters beyond ASCII.
AWKWARD = "a b%c#d+e'f ü漢.txt"


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


def blocks_shown(hub: Hub):
    """The user's notebook may show a page under files/ in a frame, as %jigsaw does; nothing else may be framed."""
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
    opener = page.headers.get("Cross-Origin-Opener-Policy")
    if opener != "same-origin":
        raise Failed(f"a page that opens a notebook in a new tab keeps a hold on it: Cross-Origin-Opener-Policy: {opener or 'none'}")
    yield f"Cross-Origin-Opener-Policy: {opener}"


OUTSIDE = [hub_answers]
INSIDE = [login_works, server_spawns, kernel_listed, kernel_channel, kernel_computes, upload_lands, blocks_shown]


def climb(hub: Hub, say=lambda result: None) -> list[dict]:
    """Climb until a rung fails, then clean up.

    Returns a dictionary for each rung: rung, ok, seconds, evidence (list of lines), and for a failed one
    said, cause and page. `say` is called with each as it is known.
    """
    results: list[dict] = []
    try:
        for rung in OUTSIDE + (INSIDE if hub.options.user else []):
            began, evidence, result = time.monotonic(), [], {"rung": rung.__name__, "ok": True}
            try:
                for line in rung(hub):
                    evidence.append(line)
            except (
                Failed,
                requests.RequestException,
                websocket.WebSocketException,
                OSError,
                LookupError,
                TypeError,
                ValueError,
            ) as failure:
                expected = not isinstance(failure, (LookupError, TypeError)) and str(failure)
                said = str(failure) if expected else f"an answer that is not JupyterHub's: {failure!r}"
                cause, page = next(((c, p) for seen, c, p in CAUSES if re.search(seen, said)), ("", "troubleshooting/index"))
                result |= {"ok": False, "said": said, "cause": cause, "page": page}
            result |= {"seconds": round(time.monotonic() - began, 2), "evidence": evidence}
            results.append(result)
            say(result)
            if not result["ok"]:
                break
    finally:
        for step in reversed(hub.undo):
            with suppress(Failed, requests.RequestException, websocket.WebSocketException, OSError):
                step()
    return results


def resolve(entries: list[str]) -> None:
    """Make names lead to given addresses, in this process only; each entry is HOST:PORT:ADDRESS."""
    table = {(host, int(port)): address for host, port, address in (entry.split(":", 2) for entry in entries)}
    ask = socket.getaddrinfo
    socket.getaddrinfo = lambda host, port, *rest, **more: ask(table.get((host, int(port or 0)), host), port, *rest, **more)


def arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line; ends with status 2 and a line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="hubcheck", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url", help="the hub's public address, with its base URL: https://hub.example.com/jupyter/")
    parser.add_argument("--user", default="", help="log in as this user; an ordinary test account is best")
    parser.add_argument("--password-file", help="file that holds the password; without it you are asked")
    parser.add_argument("--kernel", default="my_kernel", help="the kernel to run (default: %(default)s)")
    parser.add_argument("--code", default="6 * 7", help="what the kernel computes (default: %(default)s)")
    parser.add_argument("--expect", default="42", help="what its answer contains (default: %(default)s)")
    parser.add_argument("--idle", type=float, default=0, metavar="SECONDS", help="leave the kernel's WebSocket silent for so long")
    parser.add_argument("--megabytes", type=int, default=20, help="size of the upload (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=20, metavar="SECONDS", help="for one answer (default: %(default)s)")
    parser.add_argument("--spawn-timeout", type=float, default=90, metavar="SECONDS", help="for a server's start (default: %(default)s)")
    parser.add_argument("--ca-file", help="trust the certificate authorities in this file instead of the machine's")
    parser.add_argument("--resolve", action="append", default=[], metavar="HOST:PORT:ADDRESS", help="before the name is in the DNS")
    parser.add_argument("--keep-server", action="store_true", help="leave the user's server running afterwards")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args(given)
    if urlsplit(options.url).scheme not in ("http", "https") or not urlsplit(options.url).hostname:
        parser.error(f"not an address: {options.url!r}; it looks like https://hub.example.com/jupyter/")
    for entry in options.resolve:
        if not re.fullmatch(r"[^:]+:\d+:.+", entry):
            parser.error(f"--resolve takes HOST:PORT:ADDRESS, not {entry!r}")
    for name in filter(None, (options.password_file, options.ca_file)):
        if not os.path.isfile(name):
            parser.error(f"no such file: {name}")
    if options.password_file and not options.user:
        parser.error("--password-file goes with --user")
    if options.user and options.password_file:
        with open(options.password_file, encoding="utf-8") as file:
            options.password = file.read().rstrip("\n")
    elif options.user:
        options.password = getpass.getpass(f"Password of {options.user}: ")
    return options


def show(result: dict) -> None:
    """Print one rung for a person."""
    print(f"{'✓' if result['ok'] else '✗'} {result['rung']} ({result['seconds']:.1f} s)")
    for line in result["evidence"]:
        print(f"    {line}")
    if not result["ok"]:
        print(f"    {result['said']}")
        if result["cause"]:
            print(f"  Likely cause: {result['cause']}")
        print(f"  Read: {result['page']}", flush=True)


def main(given: list[str] | None = None) -> int:
    options = arguments(sys.argv[1:] if given is None else given)
    resolve(options.resolve)
    try:
        results = climb(Hub(options.url, options), (lambda result: None) if options.json else show)
    except KeyboardInterrupt:
        print("interrupted; what was started is stopped again", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({"url": options.url, "rungs": results}, indent=2, ensure_ascii=False))
    return 0 if all(result["ok"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
