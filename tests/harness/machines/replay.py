"""A stand-in for a hub that answers with recorded answers of a real one (`recordings`), on the loopback address.

Names and ports lead to it for this process alone, so a test needs neither a container nor a port below 1024.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import datetime
import email.utils
import errno
import hashlib
import http.client
import io
import json
import os
import re
import signal
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from unittest import mock
from urllib.parse import quote_plus, unquote

import requests
import trustme

from snippets.check import hubcheck
from tests.harness.manifest import ROOT, VALUES

FILE = ROOT / "tests/troubleshooting/recorded.json"
# What of a request's headers depends on libraries or on chance, and is not compared.
FLEETING = ("accept-encoding", "connection", "content-length", "sec-websocket-key", "sec-websocket-version", "upgrade", "host")
# What of an answer's headers hubcheck or its libraries read.
READ = ("content-type", "location", "set-cookie", "content-security-policy", "cross-origin-opener-policy", "server", "x-jupyterhub-version")
# Longer answers, unless they are errors or these pages, are kept as their length: hubcheck does not read them.
LONG = 1500
WHOLE = ("/blocks.html", "/lab")
ADDRESS = "192.0.2.10"
NEVER = "Fri, 31 Dec 2100 23:59:59 GMT"


@cache
def recorded() -> dict[str, dict]:
    """The recorded climbs, by name."""
    return json.loads(FILE.read_text("utf-8"))


def brief(text: str) -> str:
    """A text with a name in the place of a long link."""
    return re.sub("a{1000,}", lambda found: f"{len(found[0])}-letters", text)


def asked(method: str, url: str, headers: dict[str, str], body: str) -> dict:
    """A request as it is compared with another: without what chance or a library puts in."""
    kept = {name.title(): value for name, value in headers.items() if name.lower() not in FLEETING}
    if "Cookie" in kept:
        kept["Cookie"] = "; ".join(sorted(kept["Cookie"].split("; ")))
    short = re.sub(r"[A-Za-z0-9+/=]{1000,}| {1000,}", lambda found: f"<{len(found[0])} characters>", body)
    return {"method": method, "url": brief(url), "headers": dict(sorted(kept.items())), "body": short}


def lasting(header: str) -> str:
    """A Set-Cookie header whose cookie never ends, unless it was at its end when it came: then it takes a cookie away."""
    found = re.search(r"(?<=expires=)[^;]+", header, re.IGNORECASE)
    ends = found and email.utils.parsedate_to_datetime(found[0])
    return header.replace(found[0], NEVER) if ends and ends > datetime.datetime.now(datetime.UTC) else header


def normal(climb: dict, names: dict[str, str], whole: tuple[str, ...] = WHOLE) -> dict:
    """A recorded climb, shortened, with a name in the place of each secret and of all that differs from run to run.

    `names` are the secrets that are known: {text: name}. Of pages whose address ends with one of `whole`, the text is kept.
    """
    names = dict(names)
    for rung in climb["rungs"]:
        del rung["seconds"]
    for exchange in climb["exchanges"]:
        exchange["asked"] = asked(**exchange["asked"])
        answer = exchange["answered"]
        answer["headers"] = [
            [name, lasting(value) if name.lower() == "set-cookie" else value] for name, value in answer["headers"] if name.lower() in READ
        ]
        if len(answer["body"]) > LONG and answer["status"] < 400 and not exchange["asked"]["url"].endswith(whole):
            answer |= {"body": "", "length": len(answer["body"])}
        for name, value in answer["headers"]:
            if name.lower() == "set-cookie" and (found := re.match(r"([^=]+)=([^;]{8,})", value)):
                names.setdefault(found[2], f"{found[1]}-{len(names)}")
    for kept in climb["sockets"]:
        kept["headers"] = asked("", "", kept["headers"], "")["headers"]
    text = json.dumps(climb)
    for secret, name in names.items():
        for form in {json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3], quote_plus(secret)}:
            text = text.replace(form, name)
    seen: dict[str, str] = {}
    for chance, form in (
        (r"hubcheck-[0-9a-f]{8}\b", "hubcheck-{:08}"),
        (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "00000000-0000-4000-8000-{:012}"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{24}_\d+(?=_)", "session-{}"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{24}\b", "session-{}"),
        (r"\b[0-9a-f]{32}\b", "{:032}"),
        (r"(?<=code=)[\w-]{20,}", "code-{}"),
        (r"(?<=state=)[\w-]{20,}", "state-{}"),
        (r"(?<=code_challenge=)[\w-]{20,}", "challenge-{}"),
        (r"(?<=\?v=)[0-9a-f]{64}", "version-{}"),
    ):
        text = re.sub(chance, lambda found, form=form: seen.setdefault(found[0], form.format(len(seen))), text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)", "2026-01-01T00:00:00Z", text)
    return json.loads(brief(text))


@dataclass(frozen=True)
class Answer:
    """What a server says to a request. `pieces` come in place of the body: (what happens before, bytes).

    `raw` is what is sent in the place of all of it.
    """

    status: int = 200
    reason: str = "OK"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    pieces: tuple[tuple[Callable[[], None], bytes], ...] = ()
    silent: bool = False  # nothing is said until the replay ends
    before: Callable[[], None] = lambda: None
    frames: tuple = ()
    raw: bytes = b""

    @classmethod
    def of(cls, kept: dict) -> Answer:
        body = kept["body"].encode("latin-1") or b" " * kept.get("length", 0)
        return cls(kept["status"], kept["reason"], tuple(map(tuple, kept["headers"])), body)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def with_header(self, name: str, value: str) -> Answer:
        """The same answer with another header of this name; with "", without one."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=(*kept, *(((name, value),) if value else ())))


@dataclass
class Replay:
    """Answers by method and address, in the order in which they were recorded; the last of them stays.

    `seen` are the requests, `headers` all of theirs; `opened` are the WebSockets' own, `said` their
    frames, as they came; `trouble` is what the replay itself did wrong.
    """

    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    sockets: dict[str, list[dict]] = field(default_factory=dict)
    seen: list[dict] = field(default_factory=list)
    opened: list[dict] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    changed: dict[str, bytes] = field(default_factory=dict)  # what comes back in place of the file of this name
    trouble: list[str] = field(default_factory=list)
    everything: Answer | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    clock: Clock | None = None  # of the check that runs
    on_frame: Callable[[str], None] = lambda frame: None  # is called with what comes over a WebSocket
    cut: str = ""  # the end of an address: a request for it is cut off before its body is read
    # Names of this run, in the place of the recorded ones.
    renamed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str) -> Replay:
        """The replay of a recorded climb."""
        made, climb = cls(), recorded()[name]
        for exchange in climb["exchanges"]:
            key = exchange["asked"]["method"], exchange["asked"]["url"]
            made.answers.setdefault(key, []).append(Answer.of(exchange["answered"]))
        for kept in climb["sockets"]:
            made.sockets.setdefault(re.sub("^ws", "http", kept["url"]), []).append(copy.deepcopy(kept))
        return made

    def found(self, method: str, part: str) -> list[tuple[str, str]]:
        """The requests that are known, by the end of their address, or else a part of it. KeyError if none is."""
        known = [key for key in (*self.answers, *(("GET", url) for url in self.sockets)) if key[0] == method]
        keys = [key for key in known if key[1].endswith(part)] or [key for key in known if part in key[1]]
        if not keys:
            raise KeyError(f"nothing recorded: {method} {part}")
        return keys

    def change(self, method: str, part: str, change: Callable[[Answer], Answer] | Answer) -> None:
        """Answer otherwise what is asked with this method of an address that ends with `part`."""
        for key in self.found(method, part):
            self.sockets.pop(key[1], None)
            given = self.answers.get(key, [Answer()])
            self.answers[key] = [change] if isinstance(change, Answer) else [change(answer) for answer in given]

    def answer(self, method: str, url: str, headers: http.client.HTTPMessage, body: bytes) -> Answer | dict:
        """What is said to a request; for a WebSocket that opens, what was recorded of it."""
        folder = re.search(r"hubcheck-[0-9a-f]{8}\b", url)
        if folder and folder[0] not in self.renamed.values():
            kept = next((name for _, known in self.answers for name in re.findall(r"hubcheck-\d{8}\b", known)), folder[0])
            self.renamed[kept] = folder[0]
        known = brief(url)
        for kept, now in self.renamed.items():
            known = known.replace(now, kept)
        body_text = body.decode("latin-1")
        for kept, now in self.renamed.items():
            body_text = body_text.replace(now, kept)
        request = asked(method, known, dict(headers.items()), body_text)
        if "sec-websocket-key" in headers and known in self.sockets:
            self.opened.append(request)
            queue = self.sockets[known]
            return queue.pop(0) if len(queue) > 1 else queue[0]
        self.seen.append(request)
        self.headers.append(dict(headers.items()))
        if self.everything:
            return self.everything
        if (method, known) not in self.answers:
            return Answer(404, "Not Found", (("Content-Type", "text/html"),), b"<h1>nothing recorded</h1>")
        queue = self.answers[method, known]
        said = queue.pop(0) if len(queue) > 1 else queue[0]
        path = unquote(known.partition("/files/" if method == "GET" else "/api/contents/")[2])
        if method == "PUT" and said.status < 300 and b'"content"' in body:
            about = json.loads(body)
            self.files[path] = about["content"].encode() if about["format"] == "text" else base64.b64decode(about["content"])
        if method == "GET" and said.status == 200 and path in self.files:
            said = replace(said, body=self.changed.get(path.partition("/")[2], self.files[path]))
        return said


class Handler(socketserver.StreamRequestHandler):
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        if self.server.context:
            self.request.settimeout(5)
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
            self.request.settimeout(None)
        super().setup()

    def handle(self):
        replay: Replay = self.server.replay
        while (line := self.rfile.readline()).strip():
            try:
                method, target, _ = line.decode("ascii").split()
            except ValueError:  # no HTTP
                self.wfile.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return None
            headers = http.client.parse_headers(self.rfile)
            if replay.cut and target.endswith(replay.cut):
                # At once, while more is being sent.
                self.rfile.read(1 << 20)
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.wfile.close()
                self.rfile.close()
                self.request.close()
                return None
            body = self.rfile.read(int(headers.get("Content-Length", 0)))
            said = replay.answer(method, f"{self.server.scheme}://{headers['Host']}{target}", headers, body)
            if isinstance(said, dict):
                return self.socket(replay, headers, said)
            said.before()
            if said.silent:
                replay.ended.wait(10)
                return None
            if said.raw:
                self.wfile.write(said.raw)
                return None
            length = [] if said.pieces or said.status in (204, 304) else [("Content-Length", str(len(said.body)))]
            head = [*said.headers, *length, *([("Connection", "close")] if said.pieces else [])]
            lines = [f"HTTP/1.1 {said.status} {said.reason}", *(f"{name}: {value}" for name, value in head), "", ""]
            self.wfile.write("\r\n".join(lines).encode("latin-1"))
            for happens, piece in said.pieces or ((lambda: None, said.body),):
                self.wfile.flush()
                happens()
                self.wfile.write(piece)
            self.wfile.flush()
            if said.pieces:
                return None
        return None

    def finish(self):
        with contextlib.suppress(OSError):
            super().finish()
        # The server closes what it was given, which is another object under TLS.
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)
        self.request.close()

    def socket(self, replay: Replay, headers, kept: dict) -> None:
        """A WebSocket: what was recorded comes back, up to the next frame that was sent."""
        magic = f"{headers['Sec-WebSocket-Key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()
        accept = base64.b64encode(hashlib.sha1(magic).digest()).decode()
        self.wfile.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        names: dict[str, str] = {}
        for what, text in kept["frames"]:
            if what == "sent":
                self.wfile.flush()
                if (came := self.frame()) is None:
                    return
                replay.said.append(came)
                replay.on_frame(came)
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    names[json.loads(text)["header"]["msg_id"]] = json.loads(came)["header"]["msg_id"]
            elif what == "received":
                for old, new in names.items():
                    text = text.replace(old, new)
                data = text.encode()
                size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack("!H", len(data))
                self.wfile.write(b"\x81" + size + data)
            elif what == "closed":
                self.wfile.flush()
                return
            elif what == "ping":
                self.wfile.write(b"\x89\x00")
        self.wfile.flush()
        while self.frame() is not None:
            pass

    def frame(self) -> str | None:
        """The next frame of text that the client sends; None once it closes."""
        while len(head := self.rfile.read(2)) == 2:
            length = head[1] & 0x7F
            length = struct.unpack("!H", self.rfile.read(2))[0] if length == 126 else length
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(self.rfile.read(length)))
            if head[0] & 0x0F == 8:
                self.wfile.write(b"\x88\x00")
                return None
            if head[0] & 0x0F == 1:
                return data.decode()
        return None


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, replay: Replay, scheme: str, context: ssl.SSLContext | None):
        self.replay, self.scheme, self.context = replay, scheme, context
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request, client_address):
        """A client may go at any moment; all else is a fault of the replay."""
        if not isinstance(sys.exc_info()[1], OSError):
            self.replay.trouble.append(traceback.format_exc())


@contextlib.contextmanager
def serving(replay: Replay, scheme: str, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A replay on a port of the loopback address, for the length of a `with` block."""
    server = Server(replay, scheme, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        replay.ended.set()
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def network(names: dict[str, str], ports: dict[tuple[str, int], int], own: str = "") -> Iterator[None]:
    """The only network that this process sees: `names` and their addresses, and what port here stands for which (address, port).

    All else refuses. `own` is this machine's address in it, empty for none.
    """
    real, find = socket.socket.connect, socket.getaddrinfo

    def ask(host, port, *rest, **more):
        given = names.get(host, host)
        if not re.fullmatch(r"[\d.]+|[0-9a-f:]+(%\w+)?", given):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return find(given, port, *rest, **more)

    def connect(self, address):
        if self.type == socket.SOCK_DGRAM:
            if not own:
                raise OSError(errno.ENETUNREACH, "Network is unreachable")
            self.bind((own, 0))
            return real(self, ("127.0.0.1", 9))
        if tuple(address[:2]) not in ports:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        return real(self, ("127.0.0.1", ports[tuple(address[:2])]))

    with mock.patch.object(socket.socket, "connect", connect), mock.patch.object(socket, "getaddrinfo", ask):
        yield


@dataclass
class Clock:
    """Time as hubcheck sees it: who sleeps wakes at once, and time has gone by."""

    slept: list[float] = field(default_factory=list)
    gone: float = 0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.gone += seconds

    def monotonic(self) -> float:
        return time.monotonic() + self.gone

    def time(self) -> float:
        return time.time()


@cache
def authority() -> trustme.CA:
    """The certificate authority of this process."""
    return trustme.CA()


class Terminal(io.StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


@dataclass
class Run:
    """A check that has ended: its exit status, what it printed, and what its --json file holds (empty if it wrote none).

    `waits` holds for each request its method, its address, and the seconds that it would have waited for.
    """

    status: int
    out: str
    err: str
    results: dict
    clock: Clock
    waits: list[tuple[str, str, float]]

    @property
    def rungs(self) -> list[dict]:
        return self.results.get("rungs", [])

    @property
    def last(self) -> dict:
        return self.rungs[-1]


@dataclass
class Place:
    """A machine from which the check is run, with its files in `folder`; what it reaches is a replay.

    `ports` are those of the hub's host that are open, with their schemes; "mute" is one where nobody
    answers. Its certificate is for the names `called`, with the dates
    of `certified`. `own` is this machine's address; `known` says whether it
    trusts who has signed the certificate.
    """

    folder: Path
    names: dict[str, str] = field(default_factory=lambda: {VALUES["host"]: ADDRESS})
    ports: dict[int, str] = field(default_factory=lambda: {443: "https", 80: "http"})
    called: tuple[str, ...] = (VALUES["host"], "127.0.0.1")
    certified: dict = field(default_factory=dict)
    own: str = ""
    known: bool = True

    @property
    def trusted(self) -> str:
        """A file with the authority that has signed the hub's certificate."""
        return self.file("ca.pem", authority().cert_pem.bytes().decode())

    def file(self, name: str, text: str) -> str:
        """The path of a file with this text."""
        (self.folder / name).write_text(text, "utf-8")
        return str(self.folder / name)

    def context(self) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority().issue_cert(*self.called, **self.certified).configure_cert(made)
        return made

    def check(self, replay: Replay, *arguments: str, watched: bool = False, **environment: str) -> Run:
        """Run hubcheck in this process, with a clock of its own. `watched`: by a person, at a terminal."""
        out, err = (Terminal(), Terminal()) if watched else (io.StringIO(), io.StringIO())
        told, clock = self.folder / "told.json", Clock()
        told.unlink(missing_ok=True)
        waits: list[tuple[str, str, float]] = []
        request = requests.Session.request

        def noted(self, method, url, **options):
            waits.append((method, url, options["timeout"]))
            return request(self, method, url, **options)

        given = [*arguments] if "--json" in arguments else [*arguments, "--json", str(told)]
        # Nothing of this machine's own settings counts, such as a proxy. What mutmut changes, it says in the environment.
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "MUTANT", "MUTMUT"))} | environment
        with contextlib.ExitStack() as stack:
            context = self.context() if "https" in self.ports.values() else None
            schemes = {
                scheme: stack.enter_context(serving(replay, scheme, context if scheme == "https" else None))
                for scheme in set(self.ports.values()) - {"mute"}
            }
            mute = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            schemes["mute"] = mute.getsockname()[1]
            addresses = {*self.names.values(), self.own, "127.0.0.1"}
            ports = {(address, port): schemes[scheme] for address in addresses for port, scheme in self.ports.items()}
            stack.enter_context(network(self.names, ports, self.own))
            stack.enter_context(mock.patch.dict(os.environ, kept, clear=True))
            stack.enter_context(mock.patch.object(hubcheck, "time", clock))
            stack.enter_context(mock.patch.object(requests.Session, "request", noted))
            stack.enter_context(signals())
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            replay.clock = clock
            try:
                status = hubcheck.main([*arguments] if arguments[-1:] == ("--help",) else given)
            except SystemExit as ended:
                status = ended.code
        if replay.trouble:
            raise RuntimeError("\n".join(replay.trouble))
        results = json.loads(told.read_text("utf-8")) if told.exists() else {}
        return Run(status, out.getvalue(), err.getvalue(), results, clock, waits)


@contextlib.contextmanager
def signals() -> Iterator[None]:
    """What signals do is afterwards as it was."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in kept.items():
            signal.signal(number, handler)
