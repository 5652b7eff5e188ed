#!/usr/bin/env python3
# /// script
# requires-python = ">=3.9"
# dependencies = ["requests>=2.28", "websocket-client>=1.5"]
# ///
"""Check a JupyterHub from the outside, the way a user's browser meets it.

    python hubcheck.py https://hub.example.com/jupyter/
    python hubcheck.py https://hub.example.com/jupyter/ --user alice --password-file alice.txt
    python hubcheck.py https://hub.example.com/jupyter/ --token-file token.txt
    journalctl --unit jupyterhub | python3 hubcheck.py --log -

It climbs, rung by rung, from "the hub answers" to "%jigsaw may be shown", and stops at the first rung that fails:
that rung and what the server said are the diagnosis. Without a user it checks only what anybody can see, and changes
nothing. With a password it logs in as a browser does; with a token (from --token-file, or HUBCHECK_TOKEN in the
environment) it does all that a token can. It starts the user's server if it is not running, starts a kernel and a
terminal, uploads files into a folder of its own, and takes away again all that it made.

With --log it asks nobody: it reads a log, and names the pages of the guide that have lines of it.

Exit status: 0 all rungs hold, 1 a rung failed, 2 wrong usage. With --log: 0 nothing known found, 1 something, 2 no text to read.
"""

from __future__ import annotations

import argparse
import base64
import codecs
import getpass
import hashlib
import ipaddress
import json
import os
import re
import secrets
import signal
import socket
import ssl
import sys
import time
import uuid
from contextlib import suppress
from functools import cached_property
from urllib.parse import quote, urljoin, urlsplit
from xml.etree import ElementTree

LACKING = ""
try:
    import requests
    import websocket
except ImportError as missing:  # --help and --log need neither
    LACKING = missing.name or str(missing)

# What a server says, why it says so, and the page of the guide that tells what to do. The first match counts.
CAUSES = [
    (
        r"JupyterHub answers at",
        "The address given is not the hub's. Give the other one, with its https, its port and its path: it ends with the base URL.",
        "deploy/check",
    ),
    (
        r"it begins with http://|plain HTTP request was sent|speaking plain HTTP",
        "The address given begins with http://, and the site wants https://.",
        "deploy/check",
    ),
    (
        r"the address has no path",
        "If users see the hub below a path, the address ends with it. If not, the path differs between the reverse proxy and "
        "JupyterHub: compare c.JupyterHub.bind_url (or base_url) with the proxy's location or ProxyPass.",
        "deploy/check",
    ),
    (
        r"not the guide's editor",
        "The guide's editor is not installed where this kernel runs. MetaKernel's own lets any message run code in the notebook's page. "
        "If you chose it all the same, this is no fault: everything above holds.",
        "jigsaw/configure",
    ),
    (
        r"%jigsaw.*(urlopen error|HTTP Error|did not end)",
        "This is MetaKernel's own %jigsaw, which downloads its page from calysto.github.io, and the server does not reach it.",
        "troubleshooting/jigsaw-urlopen-error",
    ),
    (
        r"Blockly does not load",
        "The user's server does not send Blockly: extra_static_paths in jupyter_server_config.py.",
        "troubleshooting/blockly-does-not-load",
    ),
    (
        r"answers past the reverse proxy",
        "The hub listens on every interface, in plain HTTP. c.JupyterHub.bind_url names the loopback address; base_url alone does not.",
        "troubleshooting/port-8000-is-open",
    ),
    (
        r"certificate has expired",
        "The certificate has expired, or this machine's clock is ahead.",
        "troubleshooting/certificate-has-expired",
    ),
    (
        r"certificate is not yet valid",
        "This machine's clock is behind, or the certificate is for later.",
        "troubleshooting/certificate-is-not-yet-valid",
    ),
    (
        r"Hostname mismatch|IP address mismatch|doesn't match",
        "The certificate is for another name.",
        "troubleshooting/certificate-for-another-name",
    ),
    (
        r"certificate verify failed",
        "Nobody whom this machine trusts has signed the certificate, or the chain is not whole. For one of your own: --ca-file.",
        "troubleshooting/certificate-is-not-trusted",
    ),
    (
        r"NameResolution|Name or service not known|name resolution|getaddrinfo",
        "The host name does not resolve on this machine.",
        "deploy/reverse-proxy",
    ),
    (
        r"nginx answers on port 80 alone",
        "nginx runs without the hub's site: it may have refused the file. nginx -t says why.",
        "troubleshooting/unknown-directive-ssl",
    ),
    (
        r"Apache answers on port 80 alone",
        "Apache runs without the hub's site: it may have refused the file. apachectl -t says why.",
        "troubleshooting/invalid-command-requestheader",
    ),
    (
        r"Connection refused",
        "Nothing listens on that port: is it the right one, and is the reverse proxy running?",
        "deploy/reverse-proxy",
    ),
    (
        r"SSL[:_ ]|TLS[:_ ]|wrong version number",
        "What listens on that port does not speak TLS as it should: is it the reverse proxy?",
        "deploy/reverse-proxy",
    ),
    (
        r'Can "Upgrade" only to "WebSocket"|426 ',
        "The reverse proxy does not tunnel WebSockets. nginx: proxy_set_header Upgrade $http_upgrade and "
        "proxy_set_header Connection. Apache: upgrade=websocket on ProxyPass.",
        "troubleshooting/can-upgrade-only-to-websocket",
    ),
    (
        r'"Connection" must be "Upgrade"',
        "The reverse proxy does not ask for the upgrade. nginx: proxy_set_header Connection, from the map at the top.",
        "troubleshooting/connection-must-be-upgrade",
    ),
    (
        r"Cross origin|Cross Origin",
        "The reverse proxy changes the Host header, so the origin looks foreign. nginx: proxy_set_header Host $http_host. "
        "Apache: ProxyPreserveHost On.",
        "troubleshooting/cross-origin-websockets-not-allowed",
    ),
    (
        r"-> 403 on the WebSocket.*Jupyter Server",
        "The user's server does not know who asks: the reverse proxy drops the header Cookie (with a token: Authorization), or the login "
        "has ended meanwhile. The hub's log says \"Couldn't authenticate WebSocket connection\".",
        "deploy/how-the-parts-fit",
    ),
    (
        r"-> 403 on the WebSocket",
        "Something before Jupyter refuses WebSockets: a rule of the reverse proxy, or a firewall that reads requests. "
        "If the hub's log has the request after all, the line above it says why.",
        "deploy/how-the-parts-fit",
    ),
    (
        r"went silent|closed the idle",
        "The reverse proxy closes idle connections. nginx: proxy_read_timeout and proxy_send_timeout. Apache: timeout= on ProxyPass.",
        "troubleshooting/websocket-closes-when-idle",
    ),
    (
        r"-> 413",
        "The reverse proxy limits the size of a request. nginx: client_max_body_size.",
        "troubleshooting/request-entity-too-large",
    ),
    (
        r"arrived all at once",
        "The reverse proxy holds back the event stream. nginx: proxy_buffering off, for the progress of a starting server.",
        "troubleshooting/progress-stays-at-zero",
    ),
    (
        r"without Secure",
        "The hub does not know that users come by HTTPS. nginx: proxy_set_header X-Scheme $scheme. "
        "Apache: RequestHeader set X-Scheme https.",
        "troubleshooting/cookies-without-secure",
    ),
    (
        r"XSRF cookie does not match|a new XSRF cookie",
        "The hub sees each request come from another address or browser. nginx: proxy_set_header X-Real-IP $remote_addr. "
        "Apache: RequestHeader set X-Real-IP.",
        "troubleshooting/xsrf-cookie-does-not-match",
    ),
    (
        r"port 80 answers without",
        "Another site answers on port 80. Apache: Debian's 000-default takes the machine's own name; disable it.",
        "troubleshooting/debians-page-instead-of-the-hub",
    ),
    (
        r"Redirect loop detected|TooManyRedirects|Exceeded \d+ redirects",
        "The reverse proxy goes to the hub's inner port, past the hub's own proxy: it has to name the port in c.JupyterHub.bind_url.",
        "troubleshooting/redirected-you-too-many-times",
    ),
    (
        r"hub/api -> 50[234]\b|-> 50[234]\b.*(Bad Gateway|Service Unavailable|Gateway Time)",
        "The reverse proxy does not reach JupyterHub: is the hub running, and on the port that the proxy names?",
        "troubleshooting/bad-gateway-or-service-unavailable",
    ),
    (
        r"hub/api -> 500",
        "The reverse proxy itself failed. Apache: is the module proxy_http enabled? Its error log says AH01144 if not.",
        "troubleshooting/internal-server-error-from-apache",
    ),
    (
        r"hub/api -> .*configurable-http-proxy",
        "The hub's own proxy runs without the hub: it is left over from an earlier hub.",
        "troubleshooting/proxy-of-an-earlier-hub",
    ),
    (
        r"hub/api -> 404 Not Found: Not Found \(another",
        "The hub's own proxy runs, but the hub does not: it failed when it started, or is still starting. The hub's log says why.",
        "troubleshooting/failed-to-start-proxy",
    ),
    (
        r"hub/api -> .*\(another program's answer\)",
        "Another program listens on the port that the reverse proxy names: the hub's own proxy could not start there.",
        "troubleshooting/address-already-in-use",
    ),
    (
        r"hub/api -> 404|hub/api -> 30\d",
        "The path differs between the reverse proxy and JupyterHub: compare c.JupyterHub.bind_url (or base_url) in jupyterhub_config.py "
        "with the proxy's location or ProxyPass.",
        "troubleshooting/not-found-under-the-base-url",
    ),
    (
        r"no redirect",
        "The path without its last slash leads nowhere. Apache: RedirectMatch. nginx: a location that ends in a slash does it by itself.",
        "troubleshooting/not-found-without-the-last-slash",
    ),
    (
        r"does not know this token",
        "The token has expired, was revoked, or is another hub's.",
        "deploy/check",
    ),
    (
        r"not authorized with current scopes|-> 403.*scope",
        "The token may not do this. It needs the scope 'self', as tokens have that a user makes for themselves without naming scopes.",
        "deploy/check",
    ),
    (
        r"Invalid username or password|not allowed",
        "The password is wrong or has expired, or nobody has allowed this user: Authenticator.allowed_users, allowed_groups or allow_all. "
        "The hub's log tells which.",
        "troubleshooting/invalid-username-or-password",
    ),
    (
        r"hub/login -> 500.*a capital letter",
        "JupyterHub changes names to lower case, and there is no account of that name. "
        "c.Authenticator.username_map gives it its capital letters back.",
        "troubleshooting/getpwnam-name-not-found",
    ),
    (
        r"Unhandled error starting server",
        "The hub could not start the server, or have systemd start it: its log says why. If that is "
        '"Exception occurred in preexec_fn", the hub starts servers itself, and its unit takes away the power to do so: '
        "User=root, or a CapabilityBoundingSet= without CAP_SETUID.",
        "troubleshooting/exception-occurred-in-preexec-fn",
    ),
    (
        r"Spawn failed:$",
        "systemd did not start the user's server: the hub's log says why, in systemd's words, such as \"Unknown assignment\".",
        "troubleshooting/unknown-assignment",
    ),
    (
        r"didn't respond in \d+ seconds",
        "The user's server takes longer to come up than c.Spawner.http_timeout allows, or ends before: the hub's log tells which.",
        "troubleshooting/server-did-not-respond-in-time",
    ),
    (
        r"refuses? JupyterLab's scripts",
        "The reverse proxy adds a Content-Security-Policy under which JupyterLab's pages stay blank.",
        "troubleshooting/jupyterlab-stays-blank",
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
        r"File name too long",
        "The user's home lies so deep that a kernel's sockets have no room for their paths: "
        "JUPYTER_RUNTIME_DIR in jupyter_server_config.py.",
        "troubleshooting/file-name-too-long",
    ),
    (
        r"api/kernels -> 500",
        "The kernel's program cannot be started: kernel.json names one that is not there, or that this user may not run.",
        "troubleshooting/error-starting-kernel",
    ),
    (
        r"the kernel did not answer|channels: the WebSocket does not open",
        "The kernel's program starts and ends again: kernel.json may name a Python in which the kernel is not installed.",
        "troubleshooting/kernel-restarts-for-ever",
    ),
    (
        r"encoded slash",
        "The reverse proxy refuses encoded slashes. Apache: AllowEncodedSlashes NoDecode. nginx: no path after the address in proxy_pass.",
        "troubleshooting/not-found-for-an-encoded-slash",
    ),
    (
        r"encoded",
        "The reverse proxy decodes paths. Apache: nocanon on ProxyPass. nginx: no path after the address in proxy_pass.",
        "troubleshooting/bad-request-for-a-percent-sign",
    ),
]
# Where the hub listens behind the reverse proxy: by this guide, and by JupyterHub's own default.
HUB_PORTS = (int("127.0.0.1:800".rpartition(":")[2]), 8000)
# Below which path users see it, by this guide.
BASE_URL = "/jupyter/"
# Without these, the pages of JupyterLab and Notebook 7 stay blank or show no editor.
SCRIPTS = ("'self'", "'unsafe-inline'", "'unsafe-eval'")
# For what anybody may see: without the token, if there is one.
ANONYMOUS = {"Authorization": ""}


class Failed(Exception):
    """A rung that does not hold; its text is what was seen."""


class Hub:
    """A conversation with one JupyterHub, as one user's browser would hold it.

    `url` is the hub's public address with its base URL, such as https://hub.example.com/jupyter/.
    """

    def __init__(self, url: str, options: argparse.Namespace):
        self.url = urlsplit(url)._replace(query="", fragment="").geturl().rstrip("/") + "/"
        self.parts = urlsplit(self.url)
        self.host = f"[{self.parts.hostname}]" if ":" in (self.parts.hostname or "") else self.parts.hostname
        self.origin = f"{self.parts.scheme}://{self.parts.netloc}"
        self.base = self.parts.path
        self.options = options
        self.session = requests.Session()
        self.session.headers["User-Agent"] = "hubcheck"
        self.user = options.user
        self.undo: list = []  # what takes away again what was made, last first
        self.stops = False  # whether the user's server is stopped at the end
        if options.token:
            self.session.headers["Authorization"] = f"token {options.token}"

    @property
    def server(self) -> str:
        """The path of the user's own server, below the base URL."""
        return f"user/{quote(self.user, safe='')}/"

    def xsrf(self, path: str) -> str:
        """The token that proves a request comes from a page of this hub: Jupyter keeps one cookie for each path."""
        found = [c for c in self.session.cookies if c.name == "_xsrf" and (self.base + path).startswith(c.path)]
        return max(found, key=lambda c: len(c.path)).value or "" if found else ""

    def fetch(self, method: str, address: str, **options) -> requests.Response:
        """Send a request, with the user's time limit and certificate authorities; -v tells of each."""
        # Named for each request: the environment's REQUESTS_CA_BUNDLE would win over the session's own setting.
        options = {"timeout": self.options.timeout, "verify": self.options.ca_file or True} | options
        self.log(f"{method} {address}")
        response = self.session.request(method, address, **options)
        for answer in (*response.history, response):
            self.log(f"  {answer.status_code} {answer.request.method} {answer.url} in {answer.elapsed.total_seconds():.2f} s")
        return response

    def log(self, line: str) -> None:
        """With -v, print a line to the error stream; a query is left out, since it may hold a secret."""
        if self.options.verbose:
            print(re.sub(r"\?\S*", "?…", line), file=sys.stderr, flush=True)

    def request(self, method: str, path: str, expect=(200,), **options) -> requests.Response:
        """Send a request to a path below the base URL; `Failed` unless the status is one of `expect`."""
        headers = {"X-XSRFToken": self.xsrf(path), "Referer": self.origin + self.base} | options.pop("headers", {})
        response = self.fetch(method, self.url + path, headers=headers, **options)
        if expect and response.status_code not in expect:
            raise Failed(f"{method} {self.base}{path} -> {response.status_code} {response.reason}: {excerpt(response)}".rstrip(": "))
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
        self.log(f"WebSocket {address}")
        headers = ["User-Agent: hubcheck"]
        if self.options.token:
            headers.append(f"Authorization: token {self.options.token}")
        cookies = requests.cookies.get_cookie_header(self.session.cookies, requests.Request("GET", self.url + path).prepare())
        trust = {"ca_certs": self.options.ca_file} if self.options.ca_file else {}
        try:
            return websocket.create_connection(
                address, timeout=self.options.timeout, cookie=cookies, origin=self.origin, sslopt=trust, header=headers
            )
        except websocket.WebSocketBadStatusException as refused:
            said = (refused.resp_body or b"").decode(errors="replace").strip()
            raise Failed(f"GET {self.base}{path} -> {refused.status_code} on the WebSocket: {plain(said)}") from None
        except (websocket.WebSocketTimeoutException, TimeoutError):
            raise Failed(f"GET {self.base}{path}: the WebSocket does not open in {self.options.timeout:g} s") from None

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
    """The part of an answer that a person would read: of a redirect, where it leads, but no query."""
    if response.is_redirect:
        return response.headers["Location"].partition("?")[0]
    with suppress(ValueError):
        body = response.json()
        if isinstance(body, dict) and "message" in body:
            return str(body["message"] or "")
    return plain(response.text)


def plain(text: str) -> str:
    text = re.sub(r"(?s)<(script|style).*?</\1>|<!--.*?-->|<[^>]+>", " ", text)
    return " ".join(text.split())[:200]


def policies(response: requests.Response) -> list[dict[str, str]]:
    """The Content Security Policies of an answer, each as {directive: sources}; all of them count."""
    found = []
    for policy in response.headers.get("Content-Security-Policy", "").split(","):
        directives = [part.strip().partition(" ") for part in policy.split(";")]
        found.append({name.lower(): sources for name, _, sources in directives if name})
    return found


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


def itself(hub: Hub) -> str:
    """The loopback address to which the hub's name leads: then this machine is the server itself. Empty if it leads elsewhere."""
    found = socket.getaddrinfo(hub.parts.hostname, hub.parts.port or 443, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    return next((address for address in addresses if ipaddress.ip_address(address).is_loopback), "")


def own_address() -> str:
    """This machine's address in its network, by which others reach it; empty if it has none. Nothing is sent."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unsent:
        unsent.connect(("192.0.2.1", 9))
        return unsent.getsockname()[0]
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


def no_hub(hub: Hub, refused: Failed) -> Failed:
    """What is said where no hub answers: the address that was given is judged first, and then the server."""
    seen = str(refused)
    if " -> 5" not in seen:
        if found := elsewhere(hub):
            return Failed(seen.partition(": ")[0] + found)
        if " -> 404" in seen and hub.base == "/":
            return Failed(f"{seen}; the address has no path")
        if hub.parts.scheme == "http" and re.search(r" -> 30\d [^:]*: https://", seen):
            return Failed(f"{seen}; the address was {hub.url}, it begins with http://")
    ours = re.search(r"JupyterHub|nginx|not found on this server|-> 5\d\d|-> 3\d\d|plain HTTP", seen)
    return refused if ours else Failed(f"{seen} (another program's answer)")


def hub_answers(hub: Hub):
    """The hub's API answers under the base URL, and the addresses that people type lead there."""
    if hub.parts.scheme == "https":
        yield from certificate(hub)
    try:
        answer = hub.json("GET", "hub/api", allow_redirects=False)
    except Failed as refused:
        raise no_hub(hub, refused) from None
    if "version" not in (answer or {}):
        raise no_hub(hub, Failed(f"GET {hub.base}hub/api -> 200, but no JupyterHub: {json.dumps(answer)[:200]}"))
    yield f"GET {hub.base}hub/api -> 200, JupyterHub {answer['version']}"
    if hub.base != "/":
        bare = hub.fetch("GET", hub.url.rstrip("/"), allow_redirects=False)
        target = bare.headers.get("Location", "")
        yield f"GET {hub.base.rstrip('/')} -> {bare.status_code} {target}"
        if not 301 <= bare.status_code <= 308 or not urlsplit(target).path.startswith(hub.base):
            raise Failed(f"no redirect from {hub.base.rstrip('/')} to {hub.base}")
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
    if hub.parts.scheme == "https" and hub.parts.port not in HUB_PORTS:
        # What answers on the loopback address, others do not reach by it.
        loopback = itself(hub)
        host = own_address() if loopback else hub.host
        if host and (open_port := past_the_proxy(hub, host)):
            raise Failed(open_port)
        if loopback:
            yield f"{hub.parts.hostname} is {loopback}, this machine itself: check from another one whether port {HUB_PORTS[0]} is open"
        else:
            yield f"port {HUB_PORTS[0]} is not open to this machine"


def login_page(hub: Hub):
    """The hub offers a login, and takes two requests from here for those of one visitor."""
    page = hub.request("GET", "hub/login", headers=ANONYMOUS)
    yield f"GET {urlsplit(page.url).path} -> {page.status_code}"
    if hub.xsrf("hub/login"):
        before = hub.xsrf("hub/login")
        hub.request("GET", "hub/login", headers=ANONYMOUS)
        if hub.xsrf("hub/login") != before:
            raise Failed("the hub gives the same visitor a new XSRF cookie with each page, so no login can match it")
        yield "the hub knows this visitor again"


def log_in(hub: Hub):
    """The user logs in through the hub's form, and the hub's cookies are marked Secure under HTTPS."""
    yield from login_page(hub)
    form = {"username": hub.user, "password": hub.options.password, "_xsrf": hub.xsrf("hub/login")}
    answer = hub.request("POST", "hub/login", expect=(), data=form, allow_redirects=False)
    if answer.status_code != 302:
        capital = "; the name has a capital letter" if hub.user != hub.user.lower() else ""
        raise Failed(f"POST {hub.base}hub/login -> {answer.status_code}: {login_error(answer)}{capital}")
    yield f"POST {hub.base}hub/login -> 302 {answer.headers['Location']}"
    hub.request("GET", "hub/home")
    for cookie in hub.session.cookies:
        if cookie.name.startswith("jupyterhub-") and hub.parts.scheme == "https":
            if not cookie.secure:
                raise Failed(f"the cookie {cookie.name} comes without Secure, though the address is https")
            yield f"cookie {cookie.name}: Secure"


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


def login_error(answer: requests.Response) -> str:
    found = re.search(r'(?s)class="login_error[^>]*>(.*?)</p>', answer.text)
    return plain(found[1]) if found else excerpt(answer)


def server_spawns(hub: Hub):
    """The user's server starts, its progress is told live, and its pages let the user in."""
    user = f"hub/api/users/{quote(hub.user, safe='')}"
    if at_rest(hub, user)["server"]:
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
    for policy in policies(page):
        scripts = policy.get("script-src", policy.get("default-src"))
        if scripts is not None and any(source not in scripts.split() for source in SCRIPTS):
            raise Failed(f"a policy refuses JupyterLab's scripts: Content-Security-Policy: {page.headers['Content-Security-Policy']}")


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


def kernel_listed(hub: Hub):
    """The kernel is among those that the user's server offers."""
    specs = hub.json("GET", hub.server + "api/kernelspecs")["kernelspecs"]
    if hub.options.kernel not in specs:
        raise Failed(f"{hub.options.kernel} is not among the kernels: {', '.join(sorted(specs)) or 'none'}")
    yield f"{hub.options.kernel}: {specs[hub.options.kernel]['spec']['display_name']}; {len(specs)} kernels in all"


def kernel_channel(hub: Hub):
    """A kernel starts, and a WebSocket to it opens through the proxy."""
    try:
        started = hub.json("POST", hub.server + "api/kernels", expect=(201,), json={"name": hub.options.kernel, "path": hub.folder})
    except Failed as refused:
        raise Failed(f"{refused}{reason(hub)}") from None
    if not hub.stops:  # a server that stops ends its kernels by itself
        hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/kernels/{started['id']}", expect=(204, 404)))
    hub.channel = hub.socket(f"{hub.server}api/kernels/{started['id']}/channels")
    hub.undo.append(hub.channel.close)
    yield f"WebSocket {hub.base}{hub.server}api/kernels/…/channels -> {hub.channel.getstatus()}"


def reason(hub: Hub) -> str:
    """Why no kernel starts, in the words that a notebook's own request gets; empty if it gets none, or a kernel after all."""
    about = {"type": "notebook", "name": "", "path": f"{hub.folder}/none.ipynb", "kernel": {"name": hub.options.kernel}}
    answer = hub.request("POST", f"{hub.server}api/sessions", expect=(), json=about)
    with suppress(ValueError, AttributeError):
        if answer.status_code >= 500:
            return f"; {answer.json().get('message')}"
        hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/sessions/{answer.json().get('id')}", expect=(204, 404)))
    return ""


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
    began = time.monotonic()
    said = execute(hub, hub.options.code, hub.options.expect)
    if hub.options.expect not in said:
        raise Failed(f"{hub.options.code} -> {said.strip()[:200] or 'nothing'}")
    yield f"{hub.options.code} -> {said.strip()} in {1000 * (time.monotonic() - began):.0f} ms"


def execute(hub: Hub, code: str, until: str = "") -> str:
    """What the kernel prints, returns and shows for `code`, `until` those words are there; `Failed` if it does not answer."""
    identity, said = uuid.uuid4().hex, ""
    header = {"msg_id": identity, "msg_type": "execute_request", "username": "", "session": identity, "date": "", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    hub.channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}))
    while True:
        try:
            message = json.loads(hub.channel.recv())
        except websocket.WebSocketTimeoutException:
            raise Failed(f"the kernel did not answer in {hub.options.timeout:g} s") from None
        if message.get("parent_header", {}).get("msg_id") != identity:
            continue
        body = message["content"]
        said += body.get("text", "") + body.get("data", {}).get("text/plain", "") + body.get("data", {}).get("application/javascript", "")
        if message["msg_type"] == "error":
            return f"{said}{body['ename']}: {body['evalue']}"
        if (until and until in said) or (message["msg_type"] == "status" and body["execution_state"] == "idle"):
            return said


# A space, a percent sign, a hash, a plus, an apostrophe and two letters beyond ASCII.
AWKWARD = "a b%c#d+e'f ü漢.txt"


def handshake(hub: Hub):
    """A WebSocket's request reaches the hub; whether it is upgraded, only somebody's server can tell."""
    path = f"{hub.base}user/hubcheck/api/kernels/none/channels"
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Origin": hub.origin}
    headers["Sec-WebSocket-Key"] = base64.b64encode(os.urandom(16)).decode()
    answer = hub.fetch("GET", hub.origin + path, headers=headers, allow_redirects=False)
    if "X-JupyterHub-Version" not in answer.headers:
        raise Failed(f"GET {path} -> {answer.status_code} on the WebSocket, and not from the hub: {excerpt(answer)}")
    yield f"a WebSocket request reaches the hub -> {answer.status_code}; that it is upgraded, only a user sees"


def body_passes(hub: Hub):
    """A large request reaches the hub, which refuses it because nobody is logged in."""
    path, data = f"{hub.base}hub/api/users/hubcheck", b" " * hub.options.megabytes * 10**6
    answer = hub.fetch("POST", hub.origin + path, data=data, allow_redirects=False, timeout=hub.options.spawn_timeout)
    if "X-JupyterHub-Version" not in answer.headers:
        raise Failed(f"POST {path}, {hub.options.megabytes} MB -> {answer.status_code} {answer.reason}: {excerpt(answer)}")
    yield f"{hub.options.megabytes} MB reach the hub -> {answer.status_code}"


def hub_headers(hub: Hub):
    """The hub's pages may be framed by nobody, and keep no tie to a page that opens them."""
    page = hub.request("GET", "hub/login")
    if not any("'none'" in policy.get("frame-ancestors", "") for policy in policies(page)):
        raise Failed(f"the hub's pages may be framed: Content-Security-Policy: {page.headers.get('Content-Security-Policy', 'none')}")
    yield f"{urlsplit(page.url).path}: {page.headers['Content-Security-Policy']}"
    yield from opener(page)


def opener(page: requests.Response):
    policy = page.headers.get("Cross-Origin-Opener-Policy")
    if policy != "same-origin":
        raise Failed(f"a page that opens a notebook in a new tab keeps a hold on it: Cross-Origin-Opener-Policy: {policy or 'none'}")
    yield f"Cross-Origin-Opener-Policy: {policy}"


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
    script = urljoin(hub.url + path, f"{blockly[1].rstrip('/')}/blockly.min.js") if blockly else ""
    if urlsplit(script).netloc != hub.parts.netloc:
        whose = "MetaKernel's own" if "jigsaw_listener_set" in said else "another"
        host = re.search(r"https?://([^/\"']+)[^\"']*blockly", made.text, re.I)
        return f"this is {whose} %jigsaw, not the guide's editor: Blockly comes from {host[1] if host else 'elsewhere'}"
    answer = hub.fetch("GET", script)
    if answer.status_code != 200:
        raise Failed(f"Blockly does not load from {script}: {answer.status_code} {answer.reason}")
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


# What anybody can see of each rung, and what a user sees of it.
OUTSIDE = {
    "hub_answers": hub_answers,
    "login_works": login_page,
    "kernel_channel": handshake,
    "upload_lands": body_passes,
    "blocks_shown": hub_headers,
}
INSIDE = {
    "hub_answers": hub_answers,
    "login_works": log_in,
    "server_spawns": server_spawns,
    "kernel_listed": kernel_listed,
    "kernel_channel": kernel_channel,
    "kernel_computes": kernel_computes,
    "upload_lands": upload_lands,
    "blocks_shown": blocks_shown,
}


class TooLong(Exception):
    """A rung that did not end."""


def limited(rung, hub: Hub):
    """A rung's evidence; `TooLong` if it takes longer than all its time limits together: an answer may come byte by byte."""
    options = hub.options
    limit = 3 * options.timeout + 2 * options.spawn_timeout + 2 * options.idle

    def ring(*_):
        raise TooLong(f"no end after {limit:.0f} s")

    alarm = hasattr(signal, "SIGALRM")  # not on Windows
    if alarm:
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield from rung(hub)
    finally:
        if alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)


def climb(hub: Hub, say=lambda result: None) -> list[dict]:
    """Climb until a rung fails, then clean up.

    Returns a dictionary for each rung: rung, ok, seconds, evidence (list of lines), and for a failed one
    said, cause and page. `say` is called with each as it is known.
    """
    results: list[dict] = []
    try:
        rungs = INSIDE if hub.options.user or hub.options.token else OUTSIDE
        if hub.options.token:
            rungs = rungs | {"login_works": token_works}
        for name, rung in rungs.items():
            began, evidence, result = time.monotonic(), [], {"rung": name, "ok": True}
            hub.options.tell(name)
            try:
                for line in limited(rung, hub):
                    evidence.append(line)
            except (
                Failed,
                TooLong,
                requests.RequestException,
                websocket.WebSocketException,
                OSError,
                LookupError,
                TypeError,
                AttributeError,
                ValueError,
            ) as failure:
                expected = not isinstance(failure, (LookupError, TypeError, AttributeError)) and str(failure)
                said = words(failure) if expected else f"an answer that is not JupyterHub's: {failure!r}"
                cause, page = next(((c, p) for seen, c, p in CAUSES if re.search(seen, said)), ("", "troubleshooting/index"))
                result |= {"ok": False, "said": said, "cause": cause, "page": page}
            result |= {"seconds": round(time.monotonic() - began, 2), "evidence": evidence}
            results.append(result)
            say(result)
            if not result["ok"] or name == hub.options.until:
                break
    finally:
        hub.options.tell("cleaning up" if hub.undo else "")
        for step in reversed(hub.undo):
            with suppress(Failed, requests.RequestException, websocket.WebSocketException, OSError):
                step()
        hub.options.tell("")
    return results


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
    if isinstance(failure, requests.TooManyRedirects):
        return f"{failure} TooManyRedirects"
    return " ".join(re.sub(r"<[^<>]*object at 0x[0-9a-f]+>:? ?", "", str(inner)).split())


def resolve(entries: list[str]) -> None:
    """Make names lead to given addresses, in this process only; each entry is HOST:PORT:ADDRESS, and holds for ports without their own."""
    table: dict[tuple[str, int], str] = {}
    for host, port, address in (entry.split(":", 2) for entry in entries):
        table[host, int(port)] = address
        table.setdefault((host, 0), address)
    ask = socket.getaddrinfo

    def answer(host, port, *rest, **more):
        return ask(table.get((host, int(port or 0)), table.get((host, 0), host)), port, *rest, **more)

    socket.getaddrinfo = answer


# The lines that this guide's pages of troubleshooting publish: "…" is what differs from hub to hub. Above them are the page, the rung
# that breaks, and the page that hubcheck names where that is another.
KNOWN = r"""
troubleshooting/address-already-in-use hub_answers
    Error code: 404
    Message: File not found.
    Uncaught Exception: listen EADDRINUSE: address already in use …
troubleshooting/bad-gateway-or-service-unavailable hub_answers
    503 Service Temporarily Unavailable
    503 Service Unavailable
    The server is temporarily unable to service your request due to maintenance downtime or capacity problems. Please try again later.
    connect() failed (111: Connection refused) while connecting to upstream, … request: "GET …/ HTTP/…", upstream: "http://…/"
    (111)Connection refused: AH00957: http: attempt to connect to … (…) failed
    AH01114: HTTP: failed to make connection to backend: …
troubleshooting/bad-request-for-a-percent-sign upload_lands
troubleshooting/blank-jigsaw-iframe blocks_shown
    … refused to connect.
    The block editor does not start. Its page: 200, frame-ancestors 'none'; sandbox allow-scripts
    Framing 'https://…/' violates the following Content Security Policy directive: … 'none'". The request has been blocked.
troubleshooting/blockly-does-not-load blocks_shown
    Blockly does not load from https://…/user/…/static/blockly/blockly.min.js?v=…
    404 GET …/user/…/static/blockly/blockly.min.js?v=…
    Blockly does not load from https://…/user/…/static/blockly/blockly.min.js: 404 Not Found
troubleshooting/can-upgrade-only-to-websocket kernel_channel
    … | Connecting
    WebSocket connection to 'wss://…/user/…/api/kernels/…/channels?session_id=…' … handshake: Unexpected response code: 400
    Connection lost, reconnecting in … seconds.
    400 GET …/user/…/api/kernels/…/channels?session_id=…
    Replacing stale connection: …
    400 GET …/user/…/api/events/subscribe
troubleshooting/certificate-for-another-name hub_answers
    Your connection is not private
    NET::ERR_CERT_COMMON_NAME_INVALID
    AH01909: … server certificate does NOT include an ID which matches the server name
    certificate verify failed: Hostname mismatch, certificate is not valid for '…'.
troubleshooting/certificate-has-expired hub_answers
    Your connection is not private
    NET::ERR_CERT_DATE_INVALID
    certificate verify failed: certificate has expired
troubleshooting/certificate-is-not-trusted hub_answers
    Your connection is not private
    NET::ERR_CERT_AUTHORITY_INVALID
    certificate verify failed: …
troubleshooting/certificate-is-not-yet-valid hub_answers
    Your connection is not private
    NET::ERR_CERT_DATE_INVALID
    certificate verify failed: certificate is not yet valid
troubleshooting/configurable-http-proxy-not-found hub_answers troubleshooting/bad-gateway-or-service-unavailable
    503 Service Temporarily Unavailable
    Failed to find proxy ['configurable-http-proxy']
    Failed to start proxy
    FileNotFoundError: [Errno 2] No such file or directory: 'configurable-http-proxy'
troubleshooting/connection-must-be-upgrade kernel_channel
    … | Connecting
    WebSocket connection to 'wss://…/user/…/api/kernels/…/channels?session_id=…' … handshake: Unexpected response code: 400
    Connection lost, reconnecting in … seconds.
    400 GET …/user/…/api/kernels/…/channels?session_id=…
    Replacing stale connection: …
    400 GET …/user/…/api/events/subscribe
troubleshooting/cookies-without-secure login_works
    the cookie jupyterhub-hub-login comes without Secure, though the address is https
troubleshooting/cross-origin-websockets-not-allowed kernel_channel
    … | Connecting
    WebSocket connection to 'wss://…/user/…/api/kernels/…/channels?session_id=…' … handshake: Unexpected response code: 403
    Connection lost, reconnecting in … seconds.
    403 GET …/user/…/api/kernels/…/channels?session_id=…
    Blocking Cross Origin WebSocket Attempt.  Origin: https://…, Host: …
    Blocking Cross Origin API request for …/user/…/api/events/subscribe.  Origin: https://…, Host: …
troubleshooting/debians-page-instead-of-the-hub hub_answers
    Apache2 Debian Default Page
    It works!
    port 80 answers without sending people to https://
troubleshooting/error-starting-kernel kernel_channel
    Error Starting Kernel
    [Errno 13] Permission denied: '…/python'
    Failed to load resource: the server responded with a status of 500 (Internal Server Error)
    Failed to run command:
    PermissionError: [Errno 13] Permission denied: '…/python'
    500 POST …/user/…/api/sessions?…: [Errno 13] Permission denied: '…/python'
troubleshooting/exception-occurred-in-preexec-fn server_spawns
    500 : Unhandled error starting server …
    You can try restarting your server from the home page.
    Unhandled error starting …'s server: Exception occurred in preexec_fn.
    subprocess.SubprocessError: Exception occurred in preexec_fn.
    500 GET …/hub/spawn
troubleshooting/failed-to-start-proxy hub_answers
    Not Found
    Failed to start proxy
    OSError: [Errno 28] No space left on device
    Failed to get custom error page: Error: connect ECONNREFUSED …
troubleshooting/file-name-too-long kernel_channel
    zmq.error.ZMQError: File name too long (addr='ipc://…/kernel-…-ipc-…')
troubleshooting/getpwnam-name-not-found login_works
    Internal Server Error
    Failed to load resource: the server responded with a status of 500 (Internal Server Error)
    Uncaught exception POST …/hub/login
    KeyError: "getpwnam(): name not found: '…'"
    500 POST …/hub/login
troubleshooting/internal-server-error-from-apache hub_answers
    500 Internal Server Error
    The server encountered an internal error or misconfiguration and was unable to complete your request.
    Failed to load resource: the server responded with a status of 500 (Internal Server Error)
    AH01144: No protocol handler was valid for the URL …/ (scheme 'http'). If you … included in the configuration using LoadModule.
troubleshooting/invalid-command-requestheader config_accepted
    AH00526: Syntax error on line … of …/….conf:
    Invalid command 'RequestHeader', perhaps misspelled or defined by a module not included in the server configuration
    …: [Errno 111] Connection refused; Apache answers on port 80 alone
troubleshooting/invalid-username-or-password login_works
    Invalid username or password
    No allow config found, it's possible that nobody can login to your Hub!
    User '…' not allowed.
    Failed login for '…'
troubleshooting/jigsaw-urlopen-error blocks_shown
    Error in calling magic 'jigsaw' on line:
    <urlopen error [Errno -2] Name or service not known>
    %jigsaw Python: <urlopen error [Errno -2] Name or service not known>
troubleshooting/jupyterlab-stays-blank server_spawns
    Executing inline script violates the following Content Security Policy directive 'default-src 'self''.
    Evaluating a string as JavaScript violates the following Content Security … an allowed source of script: default-src 'self'".
    a policy refuses JupyterLab's scripts: Content-Security-Policy: …default-src 'self'
troubleshooting/kernel-not-in-the-launcher kernel_listed
    Notebook Python 3 (ipykernel) Console Python 3 (ipykernel) Other
    … is not among the kernels: python3
troubleshooting/kernel-restarts-for-ever kernel_channel
    … | Connecting
    …/python3: No module named …
    AsyncIOLoopKernelRestarter: restarting kernel (…), new random ports
    GET …/user/…/api/kernels/…/channels: the WebSocket does not open in … s
troubleshooting/kernel-that-only-root-sees kernel_listed troubleshooting/kernel-not-in-the-launcher
    Notebook Python 3 (ipykernel) Console Python 3 (ipykernel) Other
    … is not among the kernels: python3
troubleshooting/no-home-directory server_spawns troubleshooting/server-did-not-respond-in-time
    Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    Couldn't set CWD to /home/… ([Errno 2] No such file or directory: '/home/…')
    PermissionError: [Errno 13] Permission denied: '/home/…'
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
troubleshooting/no-space-left-on-device server_spawns troubleshooting/server-did-not-respond-in-time
    Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    Failed to write cookie secret to …/.local/share/jupyter/runtime/jupyter_cookie_secret: [Errno 28] No space left on device
    OSError: [Errno 28] No space left on device
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
troubleshooting/not-found-for-an-encoded-slash upload_lands
    The requested URL was not found on this server.
    Apache Server at … Port …
troubleshooting/not-found-under-the-base-url hub_answers
    404 : Not Found
    Jupyter has lots of moons, but this is not one...
    require is not defined
    [ConfigProxy] …: 404 GET /hub/api
    200 GET …/hub/error/404?url=%2Fhub%2Fapi
troubleshooting/not-found-without-the-last-slash hub_answers
    404 Not Found
    The requested URL was not found on this server.
    Apache Server at … Port …
    no redirect from … to …/
troubleshooting/password-has-expired login_works troubleshooting/invalid-username-or-password
    Invalid username or password
    PAM Authentication failed ('…'@…): [PAM Error 12] Authentication token is no longer valid; new one required
    Failed login for '…'
troubleshooting/port-8000-is-open hub_answers
    Warning: JupyterHub seems to be served over an unsecured HTTP connection. We strongly recommend enabling HTTPS for JupyterHub.
    Starting proxy @ http://:…/
    JupyterHub is now running at http://:…/
    http://…/hub/api answers past the reverse proxy, without TLS
troubleshooting/progress-stays-at-zero server_spawns
    Your server is starting up.
    You will be redirected automatically when it's ready for you.
    the … events of the starting server arrived all at once, after … s
troubleshooting/proxy-of-an-earlier-hub hub_answers
    404: Not Found
    No service is registered at this URL
    api_request to proxy failed: 403, message='Forbidden', url='http://…/api/routes'
    Uncaught Exception: listen EADDRINUSE: address already in use …
troubleshooting/redirected-you-too-many-times server_spawns
    500 : Redirect loop detected.
    Redirect loop detected on …/hub/user/…/?redirects=…
    500 GET …/hub/user/…/?redirects=… (…): Redirect loop detected.
troubleshooting/request-entity-too-large upload_lands
    Saving failed
    File Save Error for ….ipynb
    Invalid response: 413 Request Entity Too Large
    Failed to load resource: the server responded with a status of 413 (Request Entity Too Large)
    client intended to send too large body: … bytes, client: …, server: …, request: "PUT …/user/…/api/contents/….ipynb
troubleshooting/server-did-not-respond-in-time server_spawns
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    TimeoutError: Server at http://…/user/…/api didn't respond in … seconds
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
troubleshooting/unknown-assignment server_spawns
    Spawn failed:
    {progress: 100, failed: true, message: Spawn failed: }
    Unknown assignment: MemoryMaximum=…
    …'s server failed to start in … seconds, giving up.
    the server does not start: Spawn failed:
troubleshooting/unknown-directive-ssl config_accepted
    [emerg] …: unknown directive "ssl" in …/….conf:…
    nginx: configuration file …/….conf test failed
    …: [Errno 111] Connection refused; nginx answers on port 80 alone
troubleshooting/websocket-closes-when-idle kernel_computes
    … | Unknown
    Connection lost, reconnecting in … seconds.
    the reverse proxy closed the idle WebSocket within … s: Connection to remote host was lost.
troubleshooting/xsrf-cookie-does-not-match login_works
    Login form invalid or expired. Try again.
    XSRF error on login form: HTTP 403: Forbidden (XSRF cookie does not match POST argument)
    403 POST …/hub/login?next= (…): Login form invalid or expired. Try again.
    the hub gives the same visitor a new XSRF cookie with each page, so no login can match it
deploy/reverse-proxy#workers
    AH00484: server reached MaxRequestWorkers setting
    AH03490: scoreboard is full, not at MaxRequestWorkers.Increase ServerLimit.
deploy/configure-jupyterhub#address-and-base-url-one-option
    Both bind_url and ip/port/base_url have been configured
jigsaw/limits#dialogs-of-the-browser-do-not-open
    Ignored call to 'prompt()'
deploy/users#6-packages-for-everybody
    ERROR: Could not install packages due to an OSError: [Errno 30] Read-only file system
    Can not perform a '--user' install. User site-packages are not visible in this virtualenv.
"""
# A line of KNOWN with fewer letters and digits counts only where it stands alone: other programs say it too.
ALONE = 20
# Colours of a terminal, as they are, and as journals and syslog write them.
COLOURS = re.compile(r"(?:\x1b|#033|\^\[)\[[0-9;]*[Km]")
SPACES = re.compile(r"[ \t\r\xa0]+")
# How much of a text is read at a time, and how far around a match is looked: characters.
PIECE, AROUND = 1 << 20, 4000
# How much of a text that is not a log's, but a page's, is joined: a browser breaks lines where it likes.
PAGE = 1 << 20
# How many answers are told.
ANSWERS = 5


def known(table: str = KNOWN) -> list[tuple[str, str, list[str]]]:
    """The rows of a table such as KNOWN: a page, the rung that breaks there or "", and its lines. What hubcheck prints is one of them."""
    rows: list[tuple[str, str, list[str]]] = []
    for line in table.split("\n"):
        if line.startswith("    "):
            rows[-1][2].append(line[4:])
        elif line:
            page, rung, *named = line.split(" ") if " " in line else (line, "")
            rows.append((page, rung, [f"Read: {name}" for name in named or [page] if rung]))
    return rows


def weight(pattern: str) -> int:
    """How much a line of KNOWN holds: its letters and digits."""
    return len(re.findall(r"[A-Za-z0-9]", pattern))


def place(pattern: str, line: str) -> tuple[int, int] | None:
    """From where to where a line of KNOWN matches a line of a text, if it does; in time that grows with the line alone."""
    begin, end, alone = -1, 0, weight(pattern) < ALONE
    parts = [part for part in SPACES.sub(" ", pattern).split("…") if part]
    for number, part in enumerate(parts, 1):
        at = line.rfind(part, end) if alone and number == len(parts) > 1 else line.find(part, end)
        if at < 0:
            return None
        begin, end = at if begin < 0 else begin, at + len(part)
    if alone:
        before = "" if pattern.startswith("…") else line[:begin].rstrip(" ")
        after = "" if pattern.endswith("…") else line[end:].lstrip(" ")
        if (before and before[-1] not in "]:>") or (after and after[0] not in "(<"):
            return None
    return begin, end


def found(pieces, table: list[tuple[str, str, list[str]]]) -> dict[str, tuple[str, int, int]]:
    """What of a table such as `known` a text holds, which comes in pieces of whole lines.

    {its line: (the first line of the text that matches it, with single spaces, from where, to where)}
    """
    seen: dict[str, tuple[str, int, int]] = {}
    left = {pattern: max(re.split("…|  ", pattern), key=len) for _, _, patterns in table for pattern in patterns}
    page = ""
    for piece in pieces:
        text = piece.replace("\xa0", " ")
        if any(sign in text for sign in ("\x1b[", "#033[", "^[[")):
            text = COLOURS.sub("", text)
        page += text[: PAGE - len(page)]
        for pattern, part in list(left.items()):
            at = text.find(part)
            while at >= 0:
                begin = max(text.rfind("\n", 0, at) + 1, at - AROUND)
                end = text.find("\n", at, at + AROUND)
                end = min(at + AROUND, len(text)) if end < 0 else end
                line = SPACES.sub(" ", text[begin:end]).strip(" ")
                if matched := place(pattern, line):
                    seen[pattern] = (line, *matched)
                    del left[pattern]
                    break
                at = text.find(part, end)
    page = " ".join(page.split())
    for pattern in left:
        if weight(pattern) >= ALONE and pattern in page:
            seen[pattern] = (pattern, 0, len(pattern))
    return seen


def answers(seen: dict[str, tuple[str, int, int]], table: list[tuple[str, str, list[str]]]) -> list[list[tuple[str, str, list[str]]]]:
    """The rows of a table of which a text holds lines, with those alone, the likeliest first.

    Rows of which it holds the same lines come together, in a list: it says of them all the same.
    """
    publishers: dict[str, int] = {}
    for _, _, patterns in table:
        for pattern in patterns:
            publishers[pattern] = publishers.get(pattern, 0) + 1
    groups: dict[tuple[str, ...], list[tuple[float, tuple[str, str, list[str]]]]] = {}
    for page, rung, patterns in table:
        if hit := [pattern for pattern in patterns if pattern in seen]:
            groups.setdefault(tuple(sorted(hit)), []).append((len(hit) / len(patterns), (page, rung, hit)))
    worth = {hit: sum(weight(pattern) / publishers[pattern] for pattern in hit) for hit in groups}
    ranked = sorted(groups, key=lambda hit: (-worth[hit], -max(share for share, _ in groups[hit])))
    return [[row for _, row in sorted(groups[hit], key=lambda row: -row[0])] for hit in ranked]


class NoText(Exception):
    """A log that cannot be read; the text says why."""


def encoding(head: bytes) -> str:
    """How a text is written that begins so: as its first bytes say, else UTF-16 if every other byte is 0, else UTF-8."""
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            return name
    even, odd = head[0::2].count(0), head[1::2].count(0)
    for few, many, name in ((even, odd, "utf-16-le"), (odd, even, "utf-16-be")):
        if many > 0.4 * len(head) / 2 and few < many / 10:
            return name
    return "utf-8"


def pieces(file):
    """What a file of bytes holds as text, in pieces of whole lines; of a line that does not end, in pieces that overlap.

    Raises `NoText` if it holds nothing, or no text.
    """
    head = file.read(PIECE)
    if not head:
        raise NoText("there is nothing in it")
    decoder = codecs.getincrementaldecoder(encoding(head))("replace")
    text = decoder.decode(head)
    strange = len(re.findall(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f\ufffd]", text[:PIECE]))
    if strange > 0.3 * len(text[:PIECE]):
        raise NoText("it is no text: unpack it, or let journalctl print it")
    while head:
        cut = text.rfind("\n") + 1
        if cut:
            yield text[:cut]
            text = text[cut:]
        elif len(text) > PIECE:
            yield text
            text = text[-AROUND:]
        head = file.read(PIECE)
        text += decoder.decode(head, final=not head)
    yield text


def deciding(rows: list[tuple[str, str, list[str]]], table: list[tuple[str, str, list[str]]]) -> str:
    """The rung up to which a climb tells apart some rows of a table; "" if it names the same page for two of them."""
    pages = [page for page, _, _ in rows]
    named = [line for page, _, lines in table if page in pages for line in lines if line.startswith("Read: ")]
    rungs = [rung for rung in INSIDE if rung in [rung for _, rung, _ in rows]]
    return (rungs or [*INSIDE])[-1] if len(rows) == len(named) == len(set(named)) else ""


def read_log(name: str, guide: str) -> int:
    """Say which pages have lines of a log, and how to decide between those that have the same. The exit status."""
    table = known()
    try:
        with sys.stdin.buffer if name == "-" else open(name, "rb") as file:
            seen = found(pieces(file), table)
    except (NoText, OSError) as wrong:
        print(f"hubcheck: error: {name}: {getattr(wrong, 'strerror', '') or wrong}", file=sys.stderr)
        return 2
    likely = answers(seen, table)
    for rows in likely[:ANSWERS]:
        for pattern in rows[0][2]:
            line, begin, end = seen[pattern]
            print(f"    {visible(line[max(0, begin - 60) : end + 60])}")
        for page, _, _ in rows:
            print(f"  Read: {address(page, guide)}")
        if len(rows) > 1 and (rung := deciding(rows, table)):
            print(f"  To decide: python hubcheck.py https://hub.example.com/jupyter/ --user alice --until {rung}")
    if not likely:
        print("No line of this is on a page of the guide.")
        print("To find what fails: python hubcheck.py https://hub.example.com/jupyter/ --user alice")
    return 1 if likely else 0


def visible(text: str) -> str:
    """A text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


class Arguments(argparse.ArgumentParser):
    """A command line whose faults are told in one line, without all the options before it."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message}\n")


def arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line; ends with status 2 and a line that says what is wrong."""
    parser = Arguments(prog="hubcheck", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url", nargs="?", help="the hub's public address, with its base URL: https://hub.example.com/jupyter/")
    parser.add_argument("--user", default="", help="log in as this user; an ordinary test account is best")
    parser.add_argument("--password-file", metavar="FILE", help="file that holds the password; without it you are asked")
    parser.add_argument("--token-file", metavar="FILE", help="file that holds a user's API token, in place of --user (or HUBCHECK_TOKEN)")
    parser.add_argument("--kernel", default="my_kernel", help="the kernel to run (default: %(default)s)")
    parser.add_argument("--code", default="6 * 7", help="what the kernel computes (default: %(default)s)")
    parser.add_argument("--expect", default="42", help="what its answer contains (default: %(default)s)")
    parser.add_argument("--idle", type=float, default=0, metavar="SECONDS", help="leave the kernel's WebSocket silent for so long")
    parser.add_argument("--megabytes", type=int, default=20, help="size of the upload (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=20, metavar="SECONDS", help="for one answer (default: %(default)s)")
    parser.add_argument("--spawn-timeout", type=float, default=90, metavar="SECONDS", help="for a server's start (default: %(default)s)")
    parser.add_argument("--ca-file", help="trust the certificate authorities in this file instead of the machine's")
    parser.add_argument("--resolve", action="append", default=[], metavar="HOST:PORT:ADDRESS", help="before the name is in the DNS")
    parser.add_argument("--until", choices=INSIDE, metavar="RUNG", help="climb no further than this rung")
    parser.add_argument("--keep-server", action="store_true", help="leave the user's server running afterwards")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="write the results as JSON, to a file or in place of the text")
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit's XML, for CI")
    parser.add_argument("--watch", action="store_true", help="say nothing if all rungs hold, and else one line: for a timer")
    parser.add_argument("--guide", default="", metavar="URL", help="where your copy of the guide is, for whole addresses")
    parser.add_argument("--log", metavar="FILE", help="read a log, and name the pages that have lines of it; - for what is piped in")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every request to the error stream")
    options = parser.parse_args(given)
    if options.log is not None:
        if options != parser.parse_args(["--log", options.log, "--guide", options.guide]):
            parser.error("--log goes with --guide alone")
        return options
    if not options.url:
        parser.error("the following arguments are required: url")
    if urlsplit(options.url).scheme not in ("http", "https") or not urlsplit(options.url).hostname:
        parser.error(f"not an address: {options.url!r}; it looks like https://hub.example.com/jupyter/")
    for entry in options.resolve:
        if not re.fullmatch(r"[^:]+:\d+:.+", entry):
            parser.error(f"--resolve takes HOST:PORT:ADDRESS, not {entry!r}")
    for name in filter(None, (options.password_file, options.token_file, options.ca_file)):
        if not os.path.isfile(name):
            parser.error(f"no such file: {name}")
    if options.password_file and not options.user:
        parser.error("--password-file goes with --user")
    if options.ca_file:
        try:
            ssl.create_default_context(cafile=options.ca_file)
        except ssl.SSLError:
            parser.error(f"no certificates in PEM format: {options.ca_file}")
    if options.user and options.token_file:
        parser.error("--token-file goes without --user: a token is somebody's already")
    for name in filter(None, (options.json, options.junit)):
        if name != "-" and not os.path.isdir(os.path.dirname(name) or "."):
            parser.error(f"no such folder: {os.path.dirname(name)}")
    options.token = "" if options.user else secret(parser, options.token_file) or os.environ.get("HUBCHECK_TOKEN", "").strip()
    if options.token and not re.fullmatch(r"[\x21-\x7e]+", options.token):
        parser.error("the token holds characters that no token has")
    if options.user and options.password_file:
        options.password = secret(parser, options.password_file)
    elif options.user:
        options.password = getpass.getpass(f"Password of {options.user}: ")
    return options


def secret(parser: argparse.ArgumentParser, name: str | None) -> str:
    """What a file holds, without the end of its line; a file that holds nothing is wrong usage."""
    if not name:
        return ""
    with open(name, encoding="utf-8", errors="replace") as file:
        held = file.read().rstrip("\r\n")
    if not held:
        parser.error(f"nothing in the file: {name}")
    return held


def teller():
    """A function that shows what goes on in one line that it writes over; only for a person who watches."""
    watched = sys.stderr.isatty()

    def tell(text: str) -> None:
        if watched:
            print(f"\r\033[K{'… ' if text else ''}{text[:70]}", end="", file=sys.stderr, flush=True)

    return tell


def show(result: dict, guide: str = "") -> None:
    """Print one rung for a person; in colours on a terminal."""
    colour, plain_again = ("\033[32m" if result["ok"] else "\033[31m", "\033[0m") if coloured() else ("", "")
    print(f"{colour}{'✓' if result['ok'] else '✗'} {result['rung']}{plain_again} ({result['seconds']:.1f} s)")
    for line in result["evidence"]:
        print(f"    {line}")
    if not result["ok"]:
        print(f"    {result['said']}")
        if result["cause"]:
            print(f"  Likely cause: {result['cause']}")
        print(f"  Read: {address(result['page'], guide)}")
    sys.stdout.flush()


def warn(result: dict, guide: str = "") -> None:
    """Print a rung that failed in one line, for a log; of one that holds nothing."""
    if not result["ok"]:
        parts = [f"{result['rung']} fails: {result['said']}", result["cause"] and f"Likely cause: {result['cause']}"]
        print(" ".join(" ".join([*filter(None, parts), f"Read: {address(result['page'], guide)}"]).split()), flush=True)


def coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def address(page: str, guide: str) -> str:
    """A page of the guide: its path there, or its whole address where the guide's own is known."""
    if not guide:
        return page
    path, mark, part = page.partition("#")
    return f"{guide.rstrip('/')}/{path}{'/index' if path.startswith('troubleshooting/') else ''}.html{mark}{part}"


def junit(url: str, results: list[dict]) -> bytes:
    """The results as CI systems read them: a test case for each rung."""
    failures = sum(not result["ok"] for result in results)
    seconds = sum(result["seconds"] for result in results)
    suite = ElementTree.Element("testsuite", name=f"hubcheck {url}", tests=str(len(results)), failures=str(failures), time=f"{seconds:.2f}")
    for result in results:
        case = ElementTree.SubElement(suite, "testcase", classname="hubcheck", name=result["rung"], time=f"{result['seconds']:.2f}")
        if not result["ok"]:
            failure = ElementTree.SubElement(case, "failure", message=printable(result["said"]))
            failure.text = printable(f"{result['cause']}\nRead: {result['page']}")
        ElementTree.SubElement(case, "system-out").text = printable("\n".join(result["evidence"]))
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)


def printable(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text)


def main(given: list[str] | None = None) -> int:
    options = arguments(sys.argv[1:] if given is None else given)
    if options.log is not None:
        return read_log(options.log, options.guide)
    if LACKING:
        sys.exit(f"hubcheck needs the Python package {LACKING!r}: run it with 'uv run', or with the hub's own Python.")
    options.tell = teller()
    resolve(options.resolve)
    # Whoever ends the check gets the cleaning up too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def say(result: dict) -> None:
        options.tell("")
        if options.json != "-":
            (warn if options.watch else show)(result, options.guide)

    try:
        results = climb(Hub(options.url, options), say)
    except KeyboardInterrupt:
        options.tell("")
        print("hubcheck: interrupted; what it had started is taken away again", file=sys.stderr)
        return 1
    written = json.dumps({"url": options.url, "rungs": results}, indent=2, ensure_ascii=False)
    if options.json == "-":
        print(written)
    elif options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(f"{written}\n")
    if options.junit:
        with open(options.junit, "wb") as file:
            file.write(junit(options.url, results))
    return 0 if all(result["ok"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
