"""Sends requests and opens WebSockets to one hub, as a user's browser does, and lists what has to be removed afterwards."""

from __future__ import annotations

import argparse
import base64
import ipaddress
import re
import secrets
import socket
import sys
from functools import cached_property
from urllib.parse import quote, urljoin, urlsplit

from .addresses import astray, port_of
from .libraries import requests, websocket
from .responses import Failed, answered, excerpt, proxies, read, refusal, whose

# For what anybody may see: without the token, if there is one.
ANONYMOUS = {"Authorization": ""}


class Hub:
    """A conversation with one JupyterHub, as one user's browser would hold it.

    `url` is the hub's public address with its base URL, such as https://hub.example.com/jupyter/.
    """

    def __init__(self, url: str, options: argparse.Namespace):
        typed = urlsplit(url)
        self.host = f"[{typed.hostname}]" if ":" in (typed.hostname or "") else typed.hostname
        # As a browser sends it: the name in lower case, and no port that goes without saying.
        port = "" if port_of(typed) == port_of(typed._replace(netloc="")) else f":{typed.port}"
        self.url = typed._replace(netloc=f"{self.host}{port}", query="", fragment="").geturl().rstrip("/") + "/"
        self.parts = urlsplit(self.url)
        self.origin = f"{self.parts.scheme}://{self.parts.netloc}"
        self.base = self.parts.path
        self.home = self.url  # below which the user's server is: the hub's own address, or one with the user's own host name
        self.options = options
        self.session = requests.Session()
        self.session.headers["User-Agent"] = "hubcheck"
        self.user = options.user
        self.seen: set[str] = set()  # which reverse proxies answers have named
        self.version = ""  # of JupyterHub, once the hub has said it
        self.undo: list = []  # what takes away again what was made, last first
        self.left: list[str] = []  # why some of it is still there
        self.stops = False  # whether the user's server is stopped at the end
        if options.token:
            self.session.headers["Authorization"] = f"token {options.token}"

    @property
    def front(self) -> str:
        """The reverse proxy, if all answers that name one name the same."""
        return min(self.seen) if len(self.seen) == 1 else ""

    @cached_property
    def loopback(self) -> str:
        """The loopback address to which the hub's name leads: then this machine is the server itself. Empty if it leads elsewhere."""
        found = socket.getaddrinfo(self.parts.hostname, self.parts.port or 443, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
        return next((address for address in addresses if ipaddress.ip_address(address).is_loopback), "")

    @property
    def server(self) -> str:
        """The path of the user's own server, below the base URL, as JupyterHub writes it."""
        return f"user/{quote(self.user, safe='@~')}/"

    def at(self, path: str) -> str:
        """The whole address of a path below the base URL."""
        return (self.home if path.startswith(self.server) else self.url) + path

    def xsrf(self, path: str) -> str:
        """The token that proves a request comes from a page of this hub: Jupyter keeps one cookie for each path."""
        found = [c for c in self.session.cookies if c.name == "_xsrf" and (self.base + path).startswith(c.path)]
        return max(found, key=lambda c: len(c.path)).value or "" if found else ""

    def fetch(self, method: str, address: str, **options) -> requests.Response:
        """Send a request, with the user's time limit and certificate authorities; -v tells of each."""
        # Named for each request: the environment's REQUESTS_CA_BUNDLE would win over the session's own setting.
        options = {"timeout": self.options.timeout, "verify": self.options.ca_file or True} | options
        self.log(f"{method} {address}")
        try:
            response = self.session.request(method, address, **options)
        except UnicodeError:
            raise requests.exceptions.InvalidHeader(f"{method} {address}: the answer leads to an address that cannot be read") from None
        for answer in (*response.history, response):
            self.seen.update(proxies(answer))
            self.log(f"  {answer.status_code} {answer.request.method} {answer.url} in {answer.elapsed.total_seconds():.2f} s")
        return response

    def log(self, line: str) -> None:
        """With -v, print a line to the error stream; a query is left out, since it may hold a secret."""
        if self.options.verbose:
            print(re.sub(r"\?\S*", "?…", line), file=sys.stderr, flush=True)

    def request(self, method: str, path: str, expect=(200,), **options) -> requests.Response:
        """Send a request to a path below the base URL; `Failed` unless the status is one of `expect`."""
        address = self.at(path)
        headers = {"X-XSRFToken": self.xsrf(path), "Referer": address.removesuffix(path)} | options.pop("headers", {})
        response = self.fetch(method, address, headers=headers, **options)
        for answer in response.history:
            if "out of https" in (where := astray(answer.url, urljoin(answer.url, answer.headers["Location"]))):
                raise Failed(refusal(answer, f"GET {urlsplit(answer.url).path}") + where)
        if expect and response.status_code not in expect:
            raise Failed(refusal(response, f"{method} {self.base}{path}"))
        return response

    def json(self, method: str, path: str, expect=(200,), **options):
        """Like `request`, for answers that must be JSON."""
        response = self.request(method, path, expect, **options)
        return read(response, f"{method} {self.base}{path}")

    def socket(self, path: str) -> websocket.WebSocket:
        """Open a WebSocket below the base URL, with the browser's cookies and origin."""
        there = self.at(path)
        address, origin = there.replace("http", "ws", 1), there.removesuffix(self.base + path)
        self.log(f"WebSocket {address}")
        headers = ["User-Agent: hubcheck"]
        if self.options.token:
            headers.append(f"Authorization: token {self.options.token}")
        cookies = requests.cookies.get_cookie_header(self.session.cookies, requests.Request("GET", there).prepare())
        trust = {"ca_certs": self.options.ca_file} if self.options.ca_file else {}
        try:
            return websocket.create_connection(
                address, timeout=self.options.timeout, cookie=cookies, origin=origin, sslopt=trust, header=headers
            )
        except websocket.WebSocketBadStatusException as refused:
            answer = answered(refused.status_code, refused.resp_headers, refused.resp_body, there)
            said = f"GET {self.base}{path} -> {refused.status_code} on the WebSocket: {excerpt(answer)}".rstrip(": ")
            # What takes the upgrade away may stand between this machine and the server.
            far = re.search('"Upgrade"|-> 426 ', said) and not self.loopback
            raise Failed(f"{said} (from {whose(answer)}){'; asked over the network' if far else ''}") from None
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

    def put(self, name: str, data: bytes | str) -> str:
        """Upload a file into `folder`, in one piece, text as text; its quoted path."""
        path = f"{self.folder}/{quote(name, safe='')}"
        contents = f"{self.server}api/contents/{path}"
        body = {"type": "file", "format": "base64", "content": base64.b64encode(data).decode()} if isinstance(data, bytes) else None
        body = body or {"type": "file", "format": "text", "content": data}
        self.request("PUT", contents, expect=(200, 201), json=body, timeout=self.options.spawn_timeout)
        self.undo.append(lambda: self.request("DELETE", contents, expect=(204, 404)))
        if isinstance(data, bytes):
            # Older hubs may let Jupyter keep what is deleted; emptied first, it takes no room there.
            self.undo.append(lambda: self.request("PUT", contents, expect=(200, 201), json=body | {"content": ""}))
        return path
