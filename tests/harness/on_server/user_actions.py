"""What a user does on the hub's machine, besides what hubcheck.py does: its functions open servers and kernels.

`python user_actions.py NAME ARGUMENT...` calls a function of this file and prints what it returns, as JSON.
"""

import html
import http.client
import http.server
import io
import itertools
import json
import pathlib
import pickle
import re
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time
import uuid
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from urllib.parse import quote, urljoin, urlsplit

import hubcheck
import pexpect
import raw_client
import requests
import websocket

CHECK = pathlib.Path(__file__).parent
CA = str(CHECK / "ca.pem")
TEXT = {"type": "file", "format": "text"}
BROWSER = CHECK / "browser.kept"


def in_api(user: str) -> str:
    """The path of a user in the hub's API."""
    return f"hub/api/users/{quote(user, safe='')}"


def visitor(url: str, user: str, *options: str) -> hubcheck.Hub:
    """A user who has not logged in yet; `options` go to hubcheck."""
    given = [url, "--user", user, "--password-file", str(CHECK / f"{user}.txt"), "--ca-file", CA, *options]
    hub = hubcheck.Hub(url, hubcheck.arguments(given))
    hub.options.tell = lambda text: None
    return hub


def enter(url: str, user: str, *options: str) -> hubcheck.Hub:
    """A user who has logged in, with a server, a kernel and its WebSocket; `options` go to hubcheck."""
    hub = visitor(url, user, *options)
    for name, rung in hubcheck.INSIDE.items():
        list(rung(hub))
        if name == "kernel_channel":
            break
    return hub


def served(url: str, user: str, *options: str) -> hubcheck.Hub:
    """A user with a server and nothing else; `options` go to hubcheck."""
    hub = visitor(url, user, *options)
    for name in ("login_works", "server_spawns"):
        list(hubcheck.INSIDE[name](hub))
    return hub


def leave(*hubs: hubcheck.Hub) -> None:
    """Take away what was made on the way in."""
    for hub in hubs:
        for step in reversed(hub.undo):
            step()


def say(hub: hubcheck.Hub, kind: str, content: dict) -> str:
    """Send a message to a kernel; its id."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": "s", "date": "", "version": "5.3"}
    hub.channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}))
    return header["msg_id"]


# A kernel's answer is complete once both are there, in whichever order; before them it says that it is busy.
WHOLE = {"kernel_info_reply", "idle"}


def ask(hub: hubcheck.Hub) -> float:
    """Milliseconds until a kernel has told about itself, and is idle again."""
    began = time.perf_counter()
    asked, missing = say(hub, "kernel_info_request", {}), set(WHOLE)
    while missing:
        message = json.loads(hub.channel.recv())
        if message["parent_header"].get("msg_id") == asked:
            missing -= {message["msg_type"], message["content"].get("execution_state")}
    return 1000 * (time.perf_counter() - began)


def settings(page: str) -> dict:
    """What a page of JupyterLab says of its server and its user."""
    return json.loads(re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])


def late(url: str, *users: str) -> list[dict]:
    """For each user the share of a kernel's answers that take as long as Linux waits with an acknowledgement: 40 milliseconds.

    They ask in turn, so that all meet the same noise. Then whether JupyterLab is told to ask if it has to be built anew.
    """
    hubs = [enter(url, user) for user in users]
    times = [[ask(hub) for hub in hubs] for turn in range(40)]
    pages = [hub.request("GET", f"{hub.server}lab").text for hub in hubs]
    leave(*hubs)
    told = [settings(page) for page in pages]
    shares = [sum(time >= 38 for time in column) / len(column) for column in zip(*times, strict=True)]
    return [{"late": share, "builds": page["buildCheck"]} for share, page in zip(shares, told, strict=True)]


def idle(url: str, user: str, seconds: str, patience: str) -> dict[str, list[str]]:
    """What of a user's server, kernels and terminals runs after some seconds with a notebook open, and what after it was closed.

    Each is looked at until the terminal has ended, or all of it, or patience is at its end.
    """
    hub = enter(url, user, "--keep-server")
    hub.request("POST", f"{hub.server}api/terminals")

    def running() -> list[str]:
        kinds = ("kernels", "terminals")
        try:
            # To look is no activity.
            return ["server", *(kind for kind in kinds if hub.request("GET", f"{hub.server}api/{kind}?no_track_activity=1").json())]
        # One that ends as it is asked may hang up.
        except (hubcheck.Failed, requests.ConnectionError):
            return []

    until = time.monotonic() + float(patience)
    time.sleep(float(seconds))
    while "terminals" in (there := running()) and time.monotonic() < until:
        time.sleep(0.5)
    hub.channel.close()
    while (left := running()) and time.monotonic() < until:
        time.sleep(0.5)
    return {"there": there, "left": left}


def weigh(url: str, folder: str) -> list[int]:
    """The twenty largest scripts and styles of a folder, as bob's server shows them: bytes on the line, on the disk, and at level 1."""
    scripts = (path for path in pathlib.Path(folder).iterdir() if path.suffix in (".js", ".css"))
    largest = sorted(scripts, key=lambda path: -path.stat().st_size)[:20]
    line = 0
    for path in largest:
        address = f"{url}user/bob/static/lab/{path.name}"
        answer = requests.get(address, headers={"Accept-Encoding": "gzip", "Sec-Fetch-Site": "same-origin"}, verify=CA, stream=True)
        answer.raise_for_status()
        line += len(answer.raw.read(decode_content=False))
    texts = [path.read_bytes() for path in largest]
    return [line, sum(map(len, texts)), sum(len(zlib.compress(text, 1)) for text in texts)]


def encoded(url: str, *sites: str) -> dict[str, list]:
    """The login page's encoding, and whether a token is in it, by what a browser says of the site whose page asks for it."""
    answers = {site: requests.get(f"{url}hub/login", headers={"Sec-Fetch-Site": site} if site else {}, verify=CA) for site in sites}
    return {site: [answer.headers.get("Content-Encoding"), "_xsrf" in answer.text] for site, answer in answers.items()}


def headers(url: str) -> dict[str, dict[str, str]]:
    """The headers of answers of all kinds, of the hub and of the reverse proxy itself, by method, address and status."""
    paths = [("GET", "hub/login"), ("GET", "hub/nothing"), ("GET", "hub/api/users"), ("POST", "hub/login"), ("GET", "user/bob/lab")]
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    own = [f"{origin}/", url.rstrip("/"), f"{origin}/%", f"{origin.replace('https', 'http')}/"]
    seen = {}
    for method, address in [*((method, url + path) for method, path in paths), *(("GET", address) for address in own)]:
        answer = requests.request(method, address, verify=CA, allow_redirects=False)
        # Some servers write the names in lower case, which means the same.
        seen[f"{method} {address} {answer.status_code}"] = {name.title(): value for name, value in answer.headers.items()}
    return seen


def at(address: str, host: str, *paths: str) -> dict[str, list]:
    """By port and path, what a client gets who asks for a host at an address of this machine: the status, and where it is sent.

    Where it is sent nowhere, the first characters of the page. A server that speaks no TLS for that host has status 0, and its words.
    """
    trust, said = ssl.create_default_context(cafile=CA), {}
    trust.check_hostname = False
    for port in (80, 443):
        for path in paths:
            connection = http.client.HTTPConnection(address, port, timeout=10)
            connection.connect()
            try:
                if port == 443:
                    connection.sock = trust.wrap_socket(connection.sock, server_hostname=host)
            except ssl.SSLError as refused:
                said[f"{port} {path}"] = [0, str(refused)]
                continue
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            said[f"{port} {path}"] = [answer.status, answer.getheader("Location") or answer.read(20).decode()]
            connection.close()
    return said


def arrived(*urls: str) -> list[list]:
    """Where a browser that follows all redirects ends that was sent to an address: that page's address, and its status."""
    return [[answer.url, answer.status_code] for answer in (requests.get(url, verify=CA) for url in urls)]


class Standin(http.server.BaseHTTPRequestHandler):
    """A server that answers with the headers it was asked with, the protocol's version, and as "asked" the path; in the type that the
    query names."""

    # Not every reverse proxy compresses what comes by an older one.
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        text = json.dumps(dict(self.headers) | {"version": self.request_version, "asked": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", urlsplit(self.path).query or "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def standing_in() -> Iterator[None]:
    """A `Standin` on the hub's port, for the length of a `with` block."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 800), Standin) as standin:
        threading.Thread(target=standin.serve_forever, daemon=True).start()
        yield
        standin.shutdown()


def forwarded(url: str, client: str, *names: str) -> list[dict[str, str]]:
    """The headers that reach the hub's port, where a server stands in for it, and as "version" the protocol's.

    They come from a client with an address of its own, who makes up headers of these names: "made-up-" and the name. It names the
    port beside the host. The second time, it also names these headers as such that are for the next server alone.
    """
    with standing_in():
        return [json.loads(made_up(url, client, "", names, for_the_next)) for for_the_next in (False, True)]


def for_the_next_alone(url: str, client: str, page: str, *names: str) -> None:
    """Ask the hub for a page as in `forwarded` the second time."""
    made_up(url, client, page, names, True)


def made_up(url: str, client: str, page: str, names: Sequence[str], for_the_next: bool) -> bytes:
    """What a client gets with an address of its own that has made up headers, perhaps as such that are for the next server alone."""
    parts, context = urlsplit(url), ssl.create_default_context(cafile=CA)
    connection = http.client.HTTPSConnection(parts.hostname, 443, source_address=(client, 0), context=context)
    headers = {name: f"made-up-{name}" for name in names} | {"Host": f"{parts.hostname}:443"}
    connection.request("GET", f"{parts.path}hub/{page}", headers=headers | ({"Connection": ", ".join(names)} if for_the_next else {}))
    said = connection.getresponse().read()
    connection.close()
    return said


def compressed(url: str, *paths: str) -> dict[str, list]:
    """By path below the hub's, the encoding of an answer, and whether it says that it varies by what a client accepts.

    A server stands in for the hub, and answers in the type that stands behind the path's question mark.
    """
    as_a_page_does = {"Accept-Encoding": "gzip", "Sec-Fetch-Site": "same-origin"}
    with standing_in():
        answers = {path: requests.get(url + path, headers=as_a_page_does, verify=CA) for path in paths}
    said = {path: answer.headers for path, answer in answers.items()}
    return {path: [there.get("Content-Encoding"), "Accept-Encoding" in there.get("Vary", "")] for path, there in said.items()}


def claim(url: str, name: str) -> list[str]:
    """What the hub answers to a client that says it is somebody else, and asked another host."""
    somebody = {"X-Real-IP": "203.0.113.9", "X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    elsewhere = {"X-Forwarded-Host": "elsewhere.example"}
    answer = requests.get(f"{url}hub/{name}", headers=somebody | elsewhere, verify=CA, allow_redirects=False)
    return [answer.headers.get("Location", ""), answer.text]


# (method, path on alice's server, body). First the page, since opening it is how a browser gets a session there.
TRIES = [
    ("GET", "lab", None),
    ("GET", "api/contents", None),
    ("GET", "files/secret.txt", None),
    ("PUT", "api/contents/from-bob.txt", TEXT | {"content": "bob was here"}),
    ("DELETE", "api/contents/secret.txt", None),
    ("GET", "api/kernels", None),
    ("POST", "api/kernels", {"name": "my_kernel"}),
    ("GET", "api/sessions", None),
    ("GET", "api/terminals", None),
    ("POST", "api/terminals", None),
]


def sockets(who: hubcheck.Hub, paths: dict[str, str]) -> dict[str, int]:
    """The status with which each WebSocket answers."""
    answers = {}
    for name, path in paths.items():
        try:
            who.socket(path).close()
            answers[name] = 101
        except hubcheck.Failed as refused:
            answers[name] = int(str(refused).split("-> ")[1][:3])
    return answers


def tries(who: hubcheck.Hub, server: str) -> dict[str, int | str]:
    """What somebody, logged in, gets when they try all of `TRIES` at a server: the status, or "alice's own" with her text."""
    seen = {}
    for method, path, body in TRIES:
        answer = who.fetch(method, who.url + server + path, json=body, headers={"X-XSRFToken": who.xsrf(server)})
        seen[f"{method} {path}"] = "alice's own" if "alice's own" in answer.text else answer.status_code
    return seen


def intrude(url: str) -> dict[str, dict]:
    """What bob, logged in, gets of alice's server, and alice herself of the same. RuntimeError if he changed something."""
    alice, bob = enter(url, "alice"), enter(url, "bob")
    try:
        kernel = alice.json("GET", f"{alice.server}api/kernels")[0]["id"]
        terminal = alice.json("POST", f"{alice.server}api/terminals")["name"]
        alice.request("PUT", f"{alice.server}api/contents/secret.txt", (200, 201), json=TEXT | {"content": "alice's own"})
        paths = {
            "kernel": f"{alice.server}api/kernels/{kernel}/channels",
            "terminal": f"{alice.server}terminals/websocket/{terminal}",
            "events": f"{alice.server}api/events/subscribe",
        }
        seen = {"tried": tries(bob, alice.server), "bob": sockets(bob, paths), "alice": sockets(alice, paths)}
        alice.request("GET", f"{alice.server}api/contents/from-bob.txt", (404,))
        seen["hers"] = tries(alice, alice.server)
        alice.request("DELETE", f"{alice.server}api/contents/from-bob.txt", (204,))
    finally:
        leave(bob, alice)
    return seen


def patiently(seconds: str, *urls: str) -> dict[str, dict]:
    """By url, what becomes of clients who take so many seconds, all at once, each url being a way to the same hub.

    Of those who hold a line, the words of `raw_client.loiter`, and beside them: "upload", the status of bob's that takes so long
    at two kilobytes a second, and "idle", the milliseconds in which his kernel answers over a WebSocket that was silent.
    """
    span = float(seconds)
    entered = {url: enter(url, "bob") for url in urls}

    def upload(bob: hubcheck.Hub) -> int:
        body = Slow(json.dumps(TEXT | {"content": "a" * int(2000 * span)}).encode())
        path = bob.url + f"{bob.server}api/contents/slow-{uuid.uuid4().hex}.txt"
        token = {"X-XSRFToken": bob.xsrf(bob.server), "Content-Type": "application/json"}
        answer = bob.fetch("PUT", path, data=body, headers=token)
        bob.fetch("DELETE", path, headers=token)
        return answer.status_code

    def both(url: str) -> dict:
        bob = entered[url]
        seen = raw_client.together({"upload": lambda: upload(bob), "lines": lambda: raw_client.loiter(span, url, CA)})
        return {"upload": seen["upload"]} | seen["lines"] | raw_client.together({"idle": lambda: ask(bob)})

    seen = raw_client.together({url: lambda url=url: both(url) for url in urls})
    leave(*entered.values())
    return seen


def opened_together(url: str, user: str, *names: str) -> dict[str, int]:
    """By the path of a notebook, the status with which it is opened to be edited together, as jupyter-collaboration's page asks."""
    hub = enter(url, user)
    headers = {"X-XSRFToken": hub.xsrf(hub.server)}
    try:
        return {
            name: hub.fetch(
                "PUT",
                f"{hub.url}{hub.server}api/collaboration/session/{quote(name, safe='')}",
                json={"format": "json", "type": "notebook"},
                headers=headers,
            ).status_code
            for name in names
        }
    finally:
        leave(hub)


class Slow(io.BytesIO):
    """What is read from it comes at two kilobytes a second."""

    def read(self, size: int = -1) -> bytes:
        time.sleep(0.25)
        return super().read(500)


def within(url: str, user: str, *options: str) -> dict[str, dict]:
    """What a program in a user's kernel can do, in the words of `in_kernel.py`; `options` go to hubcheck."""
    hub = enter(url, user, "--kernel", "python3", *options)
    try:
        return json.loads(hubcheck.execute(hub, (CHECK / "in_kernel.py").read_text("utf-8")).splitlines()[-1])
    finally:
        leave(hub)


# As many threads as the system lets the user have, but no more than are asked for; they count as processes do.
CROWD = """
import threading
over, begun = threading.Event(), 0
threading.stack_size(65536)
try:
    while begun < {most}:
        threading.Thread(target=over.wait, daemon=True).start()
        begun += 1
except RuntimeError as error:
    print(error)
print(begun)
"""


def crowd(url: str, user: str, other: str, most: str) -> dict[str, str]:
    """What a user's kernel says who starts up to so many threads, and meanwhile the kernel of another, who starts a server then."""
    hog = enter(url, user, "--kernel", "python3")
    try:
        told = {user: hubcheck.execute(hog, CROWD.format(most=most))}
        hub = enter(url, other, "--kernel", "python3")
        told[other] = hubcheck.execute(hub, "6 * 7")
        leave(hub)
        hubcheck.execute(hog, "over.set()")
    finally:
        leave(hog)
    return told


def overtake(url: str, user: str, other: str, gigabytes: str) -> dict[str, str]:
    """A user's kernel takes so much memory: what the user's page hears of it, and what is left in another kernel and in another user's."""
    kept, neighbour, hog = (enter(url, name, "--kernel", "python3") for name in (user, other, user))
    try:
        for hub in (kept, neighbour):
            hubcheck.execute(hub, "x = 42")
        code = f"taken = bytearray(b'x') * ({gigabytes} << 30)"
        say(hog, "execute_request", {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False})
        heard = ""
        while "restarting" not in heard:
            heard = json.loads(hog.channel.recv())["content"].get("execution_state", "")
        return {"heard": heard, user: hubcheck.execute(kept, "x"), other: hubcheck.execute(neighbour, "x")}
    finally:
        leave(neighbour, hog, kept)


# What the hub gets on its own port, from a program of its machine.
LOGIN = "POST /jupyter/hub/login HTTP/1.1\r\nHost: localhost\r\n"


def connect() -> socket.socket:
    """A connection to the hub's own port."""
    return socket.create_connection(("127.0.0.1", 881), timeout=20)


def held_up(url: str, user: str, count: str) -> str:
    """What a user who comes anew computes, while a program of the machine holds so many connections to the hub's own port."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    held = []
    # Where the hub takes no more, the system keeps some waiting, and lets the others wait outside.
    with suppress(TimeoutError):
        for _ in range(int(count)):
            held.append(connect())
    hub = enter(url, user, "--kernel", "python3")
    try:
        return hubcheck.execute(hub, "6 * 7")
    finally:
        leave(hub)


def stuffed(count: str, size: str) -> int:
    """Bodies of so many bytes that never end, for the hub's own port, until it hangs up: how many were sent before."""
    held = []
    with suppress(OSError):
        for _ in range(int(count)):
            held.append(connect())
            held[-1].sendall(f"{LOGIN}Content-Length: {size}\r\n\r\n".encode() + b"x" * (int(size) - 1))
    return len(held)


def abandoned(count: str, *urls: str) -> None:
    """Ask so many times for a WebSocket at each address, with a body, which the hub's own proxy does not pass on, and hang up."""
    held = []
    for place in map(urlsplit, urls):
        head = f"GET {place.path} HTTP/1.1\r\nHost: {place.hostname}\r\n"
        for name, value in (UPGRADE | {"Content-Length": "1"}).items():
            head += f"{name}: {value}\r\n"
        for _ in range(int(count)):
            held.append(socket.create_connection((place.hostname, place.port), timeout=20))
            held[-1].sendall(f"{head}\r\nx".encode())
    # They have to arrive first.
    time.sleep(2)
    for line in held:
        line.close()


def time_told(url: str, user: str, letters: str) -> list[float]:
    """The seconds of two requests of a user's, as long as each other: in one all letters are a time, in the other a note's."""
    hub = visitor(url, user)
    list(hubcheck.log_in(hub))
    took = []
    for name in ("last_activity", "note"):
        began = time.monotonic()
        hub.request("POST", f"{in_api(user)}/activity", expect=(400,), json={name: "1 " * int(letters)})
        took.append(time.monotonic() - began)
    return took


# As many processes as are asked for, each with a processor's time as its only work; in the end, the seconds that all had, and each.
BURN = """
import multiprocessing, time
def burn(until):
    while time.time() < until:
        pass
    return time.process_time()
if __name__ == "__main__":
    until = time.time() + {seconds}
    with multiprocessing.get_context("fork").Pool({processes}) as pool:
        print(*pool.map(burn, [until] * {processes}, chunksize=1))
"""


def burn(url: str, user: str, other: str, processes: str, seconds: str) -> dict[str, list[float]]:
    """Two users compute at the same time, the first in many processes, the other in one: each process' seconds of a processor."""
    hubs = {name: enter(url, name, "--kernel", "python3", "--timeout", "60") for name in (user, other)}
    codes = {user: BURN.format(seconds=seconds, processes=processes), other: BURN.format(seconds=seconds, processes=1)}
    try:
        told = raw_client.together({name: lambda name=name: hubcheck.execute(hubs[name], codes[name]) for name in hubs})
        return {name: [float(part) for part in text.split()] for name, text in told.items()}
    finally:
        leave(*hubs.values())


WITHOUT_END = """import multiprocessing
def turn():
    while True: pass
at_work = [multiprocessing.get_context('fork').Process(target=turn) for number in"""


def disturbed(url: str, user: str, other: str, processes: str, turns: str) -> list[float]:
    """Milliseconds in which a user's kernel answers, the median of some turns: while another rests, and while that one's kernel burns."""
    calm, busy = (enter(url, name, "--kernel", "python3", "--timeout", "60") for name in (user, other))
    try:
        times = [statistics.median(ask(calm) for turn in range(int(turns)))]
        hubcheck.execute(busy, f"{WITHOUT_END} range({processes})]\nfor one in at_work: one.start()")
        times.append(statistics.median(ask(calm) for turn in range(int(turns))))
        hubcheck.execute(busy, "for one in at_work: one.kill()")
        return times
    finally:
        leave(calm, busy)


def beside(url: str, user: str, code: str, other: str, others: str) -> dict[str, str]:
    """What a user's kernel for Python answers to a piece of code, and then another user's, while the first kernel lives on."""
    hubs = {name: enter(url, name, "--kernel", "python3") for name in (user, other)}
    try:
        return {name: hubcheck.execute(hubs[name], text).strip() for name, text in ((user, code), (other, others))}
    finally:
        leave(*hubs.values())


def compute(url: str, user: str, code: str, *options: str) -> str:
    """What a user's kernel for Python answers to a piece of code; `options` go to hubcheck."""
    hub = enter(url, user, "--kernel", "python3", *options)
    try:
        return hubcheck.execute(hub, code)
    finally:
        leave(hub)


def save(url: str, user: str, path: str, text: str) -> None:
    """A user's server saves a file, as JupyterLab has it do."""
    hub = enter(url, user, "--keep-server")
    hub.request("PUT", f"{hub.server}api/contents/{path}", (200, 201), json=TEXT | {"content": text})


def copy(url: str, user: str, path: str, folder: str) -> None:
    """A user's server copies a file into a folder, as JupyterLab has it do."""
    hub = enter(url, user, "--keep-server")
    hub.request("POST", f"{hub.server}api/contents/{folder}", (200, 201), json={"copy_from": path})


class Dialogue:
    """What a program has `said`, and what it is told: each of `answers`, [what it asks, what is typed then], once and in their order."""

    def __init__(self, answers: str):
        self.answers: list[list[str]] = json.loads(answers)
        self.said, self.heard = "", 0

    def hear(self, text: str) -> str:
        """What is to be typed after a program has said something more; "" for nothing."""
        self.said += text
        if self.answers and self.answers[0][0] in self.said[self.heard :]:
            self.heard = len(self.said)
            return self.answers.pop(0)[1]
        return ""


def in_terminal(url: str, user: str, command: str, answers: str) -> list:
    """The exit status of a command that a user types in a terminal of their server, and what is to be seen; `answers` as in `Dialogue`."""
    hub = enter(url, user, "--keep-server")
    name = hub.json("POST", f"{hub.server}api/terminals")["name"]
    line, dialogue = hub.socket(f"{hub.server}terminals/websocket/{name}"), Dialogue(answers)
    line.settimeout(20)
    line.send(json.dumps(["stdin", f"{command}; echo status $?\r"]))
    while not (status := re.search(r"status (\d+)", dialogue.said)):
        kind, *text = json.loads(line.recv())
        if kind == "stdout" and (typed := dialogue.hear(text[0])):
            line.send(json.dumps(["stdin", f"{typed}\r"]))
    hub.request("DELETE", f"{hub.server}api/terminals/{name}", (204,))
    return [int(status[1]), dialogue.said]


def by_ssh(answers: str, *command: str) -> list:
    """The exit status of ssh, or of scp, in a terminal on this machine, and what is to be seen; `answers` as in `Dialogue`.

    The server is taken for what it says it is, and asks for a password alone, once.
    """
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "NumberOfPasswordPrompts=1")
    given = [part for option in (*options, "PreferredAuthentications=password") for part in ("-o", option)]
    program, *rest = command
    dialogue = Dialogue(answers)
    with pexpect.spawn(program, [*given, *rest], encoding="utf-8", timeout=20, echo=False) as child:
        while True:
            try:
                typed = dialogue.hear(child.read_nonblocking(4096))
            except pexpect.EOF:
                break
            if typed:
                child.sendline(typed)
    return [child.exitstatus, dialogue.said]


def let_in(url: str, user: str, *passwords: str) -> list[int]:
    """The status of a login with each password in turn; "" is the user's own."""
    hub = hubcheck.Hub(url, hubcheck.arguments([url, "--user", user, "--password-file", str(CHECK / f"{user}.txt")]))
    answers = []
    for password in passwords:
        list(hubcheck.login_page(hub))
        form = {"username": user, "password": password or hub.options.password, "_xsrf": hub.xsrf("hub/login")}
        answers.append(hub.request("POST", "hub/login", expect=(), data=form, allow_redirects=False).status_code)
        hub.session.cookies.clear()
    return answers


# What lives on when a server ends: a program that has left the server's group of processes.
DETACHED = "import subprocess; subprocess.Popen(['sleep', '9999'], start_new_session=True).pid"


def settle(url: str, user: str) -> str:
    """Let a user log in, start a server, make a token and start a program that outlives the server; its process number.

    Cookies and token are kept in a file, for `reaches`.
    """
    return settled(url, user)[1]


def settled(url: str, user: str) -> tuple[hubcheck.Hub, str]:
    """The same, with the kernel's WebSocket."""
    hub = enter(url, user, "--kernel", "python3", "--keep-server")
    number = hubcheck.execute(hub, DETACHED).strip()
    made = hub.json("POST", f"{in_api(user)}/tokens", (201,), json={"note": "kept"})
    (CHECK / f"{user}.kept").write_bytes(pickle.dumps((hub.session.cookies, made["token"])))
    return hub, number


def reaches(url: str, user: str) -> list[str]:
    """What a user gets with the cookies and the token of `settle`: of the hub, of their server, and by a start of one."""
    cookies, token = pickle.loads((CHECK / f"{user}.kept").read_bytes())
    asked = {
        "the hub": "hub/home",
        "the hub's API": "hub/api/user",
        "the server": f"user/{quote(user, safe='@~')}/api/contents",
        "a start": "hub/spawn",
    }
    ways = {"session": {"cookies": cookies}, "token": {"headers": {"Authorization": f"token {token}"}}}
    got = []
    for way, options in ways.items():
        for what, path in asked.items():
            answer = requests.get(url + path, verify=CA, timeout=60, **options)
            if answer.ok and "/hub/login" not in answer.url:
                got.append(f"{what}, by {way}")
    return got


def outlast(url: str, user: str) -> dict[str, list[str]]:
    """What a user reaches who works, before the file `over` is there and a second after: of `reaches`, and of a kernel's open WebSocket."""
    OVER.unlink(missing_ok=True)
    hub, _ = settled(url, user)
    told = {}
    for when in ("before", "after"):
        told[when] = reaches(url, user)
        with suppress(OSError, websocket.WebSocketException):
            hub.channel.settimeout(5)
            if ask(hub):
                told[when].append("the kernel, by WebSocket")
        if when == "before":
            until_over()
            WATCHED.unlink()
            time.sleep(1)
    return told


def token(url: str, user: str, letters: str = "5") -> str:
    """A token of a user's own that never expires, with a note of so many letters."""
    hub = visitor(url, user)
    list(hubcheck.log_in(hub))
    return hub.json("POST", f"{in_api(user)}/tokens", (201,), json={"note": "check".ljust(int(letters), "!")})["token"]


def keep_browser(url: str, user: str) -> None:
    """Log a user in, and keep what their browser has got, as a file."""
    hub = visitor(url, user)
    list(hubcheck.log_in(hub))
    BROWSER.write_bytes(pickle.dumps(hub.session.cookies))


def kept_browser(url: str, user: str) -> list:
    """The status and the path of what the browser that was kept comes to at the hub's own page."""
    hub = visitor(url, user)
    hub.session.cookies = pickle.loads(BROWSER.read_bytes())
    answer = hub.request("GET", "hub/home", expect=())
    return [answer.status_code, urlsplit(answer.url).path]


def administer(url: str, user: str, method: str, path: str) -> int:
    """The status of what a user asks of the hub's API, or of somebody's server, with a token of their own."""
    hub = visitor(url, user)
    list(hubcheck.log_in(hub))
    token = hub.json("POST", f"{in_api(user)}/tokens", (201,), json={"note": "asks"})["token"]
    return requests.request(method, url + path, headers={"Authorization": f"token {token}"}, verify=CA).status_code


def redirected(url: str, *paths: str) -> dict[str, list]:
    """By path, the status of the answer and the address to which it sends, whole as a browser makes it: a server may leave its own out."""
    answers = {path: requests.get(url + path, verify=CA, allow_redirects=False) for path in paths}
    to = {path: answer.headers.get("Location", "") for path, answer in answers.items()}
    return {path: [answer.status_code, to[path] and urljoin(answer.url, to[path])] for path, answer in answers.items()}


def past(address: str, port: str, host: str, claimed: str, line: str) -> int:
    """The status that somebody gets who asks a machine's port themselves for the login page; 0 where the connection ends without one.

    They claim to be another, in a header, and in a `line` of the PROXY protocol if there is one.
    """
    with socket.create_connection((address, int(port)), timeout=5) as plain:
        try:
            if line:
                plain.sendall(line.encode())
            context = ssl.create_default_context(cafile=CA)
            way = context.wrap_socket(plain, server_hostname=host) if port == "443" else plain
            way.sendall(f"GET /jupyter/hub/login HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {claimed}\r\n\r\n".encode())
            said = way.recv(64).decode("latin-1")
        except OSError:
            return 0
        return int(said.split()[1]) if said.startswith("HTTP/") else 0


def at_both(first: str, second: str, user: str) -> list[list[bool]]:
    """Whether a browser is logged in at each of two hubs of one host: after a login at the first, one at the second, and a logout there."""
    hubs = [visitor(url, user) for url in (first, second)]
    hubs[1].session.cookies = hubs[0].session.cookies

    def inside() -> list[bool]:
        return ["/hub/home" in urlsplit(hub.request("GET", "hub/home").url).path for hub in hubs]

    told = []
    for hub in hubs:
        list(hubcheck.log_in(hub))
        told.append(inside())
    hubs[1].request("GET", "hub/logout")
    return [*told, inside()]


def by_turns(url: str, user: str, *addresses: str) -> dict:
    """What a user's climb comes to each of whose connections goes to the next of some addresses in place of the hub's own.

    The rungs that hold, the words of the one that does not, and by address how many connections went there.
    """
    host, turn, went, find = urlsplit(url).hostname, itertools.cycle(addresses), dict.fromkeys(addresses, 0), socket.getaddrinfo

    def found(name: str, *rest, **more):
        if name == host:
            name = next(turn)
            went[name] += 1
        return find(name, *rest, **more)

    socket.getaddrinfo = found
    hub, held, words = visitor(url, user, "--megabytes", "2", "--keep-server"), [], ""
    # So that no connection is kept for a second request.
    hub.session.headers["Connection"] = "close"
    try:
        for name, rung in hubcheck.INSIDE.items():
            list(rung(hub))
            held.append(name)
    except (hubcheck.Failed, requests.RequestException) as error:
        words = str(error)
    finally:
        with suppress(hubcheck.Failed, requests.RequestException):
            leave(hub)
        socket.getaddrinfo = find
    return {"held": held, "words": words, "went": list(went.values())}


def sign_in(url: str, user: str) -> str:
    """What somebody gets who sends a name and a password to the hub's address, whoever answers there."""
    form = {"username": user, "password": (CHECK / f"{user}.txt").read_text().strip()}
    return requests.post(f"{url}hub/login", data=form, verify=CA, timeout=5).text


def stop(url: str, user: str) -> None:
    """A user logs in and stops their server."""
    hub = visitor(url, user)
    list(hubcheck.log_in(hub))
    hubcheck.stop_server(hub, in_api(user))


def begin(hub: hubcheck.Hub, user: str, name: str = "") -> None:
    """Have the hub start a user's server, or a further one by its name, and wait until it is ready; no page of it is opened."""
    about = in_api(user)
    hub.request("POST", f"{about}/servers/{quote(name, safe='')}" if name else f"{about}/server", expect=(201, 202))
    end = time.monotonic() + 60
    while not hub.json("GET", about)["servers"].get(name, {}).get("ready"):
        if time.monotonic() > end:
            raise TimeoutError(f"the server {name or 'of ' + user} is not ready after a minute")
        time.sleep(0.2)


def answered(url: str, user: str) -> list[str]:
    """What a user's server answers three times, whatever program it is, before the user stops it."""
    hub = visitor(url, user)
    list(hubcheck.log_in(hub))
    begin(hub, user)
    said = [hub.fetch("GET", f"{url}user/{user}/").text for _ in range(3)]
    hubcheck.stop_server(hub, in_api(user))
    return said


def anew(url: str, user: str) -> None:
    """A user's server is started anew, and no page of it is opened."""
    hub = visitor(url, user)
    list(hubcheck.log_in(hub))
    hubcheck.stop_server(hub, in_api(user))
    begin(hub, user)


def start_named(url: str, user: str, name: str) -> None:
    """A user who has logged in starts a further server of their own, by name, and waits until it is ready."""
    hub = visitor(url, user)
    list(hubcheck.log_in(hub))
    begin(hub, user, name)


def spawned(url: str, user: str, how: str, fields: str) -> dict:
    """What a user sees who asks for a server by the "form", a "link" or the "API", with fields: the answer, and what the page of a
    starting server tells until it is there or has failed."""
    hub, given = visitor(url, user), json.loads(fields)
    list(hubcheck.log_in(hub))
    server = f"{in_api(user)}/server"
    if how == "form":
        answer = hub.request("POST", "hub/spawn", expect=(), data=given | {"_xsrf": hub.xsrf("hub/spawn")}, timeout=120)
    elif how == "link":
        answer = hub.request("GET", "hub/spawn", expect=(), params=given, timeout=120)
    else:
        answer = hub.request("POST", server, expect=(), json=given, timeout=120)
    told = []
    with hub.request("GET", f"{server}/progress", expect=(), stream=True, headers={"Accept": "text/event-stream"}, timeout=120) as stream:
        if stream.status_code == 200:
            told = [json.loads(line[5:]).get("message", "") for line in stream.iter_lines(chunk_size=1) if line.startswith(b"data:")]
    said = re.sub(r"(?s)<(script|style|select).*?</\1>|<[^>]+>", " ", answer.text)
    return {"status": answer.status_code, "said": " ".join(html.unescape(said).split()), "told": told}


def page_of(url: str, user: str) -> str:
    """The statuses and the words of what a user gets who has logged in and opens JupyterLab, where no server may be."""
    hub = visitor(url, user)
    list(hubcheck.log_in(hub))
    try:
        answer = hub.request("GET", f"{hub.server}lab", expect=(), timeout=60)
    except requests.RequestException as broken:
        return str(broken)
    statuses = " ".join(str(one.status_code) for one in (*answer.history, answer))
    said = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]+>", " ", answer.text)
    return f"{statuses} {urlsplit(answer.url).path} {' '.join(html.unescape(said).split())[:2000]}"


def come_back(url: str, user: str) -> list[int]:
    """The statuses that a user meets who has used their server, stopped it, and starts it again when the file `over` is there."""
    OVER.unlink(missing_ok=True)
    hub = served(url, user)
    hubcheck.stop_server(hub, in_api(user))
    until_over()
    met = [hub.fetch("GET", f"{url}hub/spawn").status_code]
    for _ in range(4):
        time.sleep(1)
        met.append(hub.fetch("GET", f"{url}{hub.server}lab").status_code)
    return met


def stay(url: str, user: str, anew: str = "") -> str:
    """What comes to a user who has used their server, and goes on when the file `over` is there; `anew`, with a server that starts then."""
    OVER.unlink(missing_ok=True)
    hub = served(url, user)
    if anew:
        hubcheck.stop_server(hub, in_api(user))
    until_over()
    if anew:
        begin(hub, user)
    return hub.fetch("GET", f"{url}{hub.server}lab").text[:2000]


def pages(*addresses: str) -> list[str]:
    """What is at each of the addresses."""
    return [requests.get(address, verify=CA, timeout=5).text[:2000] for address in addresses]


UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "A" * 22 + "=="}


def answers(url: str, visitors: ThreadPoolExecutor, **headers: str) -> list[int]:
    """The statuses that new visitors get; 0 for none within three seconds."""

    def ask(_: int) -> int:
        with suppress(requests.Timeout):
            return requests.get(url, verify=CA, headers=headers, timeout=3).status_code
        return 0

    return sorted(set(visitors.map(ask, range(24))))


def listens(port: int, patience: float = 10) -> None:
    """Wait until a program of this machine takes connections on `port`, for `patience` seconds at most; then OSError."""
    end = time.monotonic() + patience
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


def early(url: str) -> dict[str, list[int]]:
    """The statuses of WebSockets, then of pages, that are asked for before the hub's own proxy knows the hub; in place of a hub."""
    programs = pathlib.Path(sys.executable).parent
    command = [programs / "node", programs / "configurable-http-proxy", "--ip", "127.0.0.1", "--port", "800"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as proxy, ThreadPoolExecutor(8) as visitors:
        try:
            next(line for line in proxy.stdout if "Proxy API at" in line)
            listens(800)  # it says so a moment before
            return {"WebSockets": answers(url, visitors, **UPGRADE), "pages": answers(url, visitors)}
        finally:
            proxy.terminate()


# By these files whoever makes a fault and whoever watches it know of each other.
WATCHED, OVER = CHECK / "watched", CHECK / "over"


def until_over(told: str = "") -> None:
    """Say that a fault may be made, with what is `told` in the file `watched`, and wait until the file `over` is there."""
    WATCHED.write_text(told)
    while not OVER.exists():
        time.sleep(0.05)


class Poll(threading.Thread):
    """Asks for an address again and again, each time over a new connection, until it is told to end.

    `good` are the times at which a right answer was there, in seconds; `seen` counts all answers by their status.
    """

    def __init__(self, url: str, right: range, **options):
        super().__init__(daemon=True)
        self.asked, self.right, self.options = url, right, {"verify": CA, "timeout": 10, "allow_redirects": False} | options
        self.good: list[float] = []
        self.seen: dict[str, int] = {}
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.over.is_set():
            try:
                said = requests.get(self.asked, **self.options).status_code
            except requests.RequestException as error:
                said = type(error).__name__
            self.seen[str(said)] = self.seen.get(str(said), 0) + 1
            if said in self.right:
                self.good.append(time.monotonic())
            self.over.wait(0.1)

    def silent(self) -> float:
        """The longest time without a right answer until now, in seconds."""
        self.over.set()
        self.join()
        self.good.append(time.monotonic())
        return round(max(after - before for before, after in zip(self.good, self.good[1:], strict=False)), 2)


def watch(url: str, user: str) -> dict:
    """What a user keeps, and for how long nothing answers, while somebody makes a fault.

    The user sets a variable in a notebook's kernel and holds its WebSocket. When the file `watched` is there, the fault
    may be made, and after it the file `over`. Returns what lived ("variable", "websocket", "login", "file": whether), and
    the longest silence of the reverse proxy, the hub and the user's server, in seconds, and the first words by which a
    file was refused.
    """
    OVER.unlink(missing_ok=True)
    hub = enter(url, user, "--keep-server")
    hubcheck.execute(hub, "x = 6 * 7")
    kernel = hub.json("GET", f"{hub.server}api/kernels")[-1]["id"]
    cookies = {cookie.name: cookie.value for cookie in hub.session.cookies if (hub.base + hub.server).startswith(cookie.path)}
    note, saved = f"{hub.server}api/contents/kept.txt", 0
    polls = {
        "proxy": Poll(f"{hub.origin}/", range(200, 500)),
        "hub": Poll(f"{url}hub/api", range(200, 201)),
        "server": Poll(f"{url}{hub.server}api/kernels/{kernel}", range(200, 201), cookies=cookies),
    }

    def save(number: int) -> None:
        hub.request("PUT", note, (200, 201), json=TEXT | {"content": f"{number}\n" * 20_000}, timeout=10)

    save(saved)
    for poll in polls.values():
        while not poll.good:
            time.sleep(0.01)
    WATCHED.touch()
    refused = ""
    while not OVER.exists():
        try:
            save(saved + 1)
            saved += 1
        except (hubcheck.Failed, requests.RequestException) as error:
            refused = refused or str(error)
        time.sleep(0.05)
    WATCHED.unlink()
    # The user's server may be gone for good; everything else comes back.
    since = time.monotonic()
    for names, patience in ((("proxy", "hub"), 60), (("server",), 5)):
        end = time.monotonic() + patience
        while any(polls[name].good[-1] < since for name in names) and time.monotonic() < end:
            time.sleep(0.05)
    lived = dict.fromkeys(("variable", "websocket", "login", "file"), False)
    with suppress(OSError, websocket.WebSocketException):
        lived["websocket"] = ask(hub) > 0
    with suppress(hubcheck.Failed, OSError, websocket.WebSocketException):
        hub.channel = hub.socket(f"{hub.server}api/kernels/{kernel}/channels")
        lived["variable"] = "42" in hubcheck.execute(hub, "x")
    with suppress(hubcheck.Failed, requests.RequestException):
        lived["login"] = "/hub/home" in urlsplit(hub.request("GET", "hub/home").url).path
    with suppress(hubcheck.Failed, requests.RequestException):
        # Whose server is gone gets another.
        list(hubcheck.INSIDE["server_spawns"](hub))
        text = hub.json("GET", note)["content"]
        number = int(text.split()[0])
        # One that was being saved may have arrived, though nobody said so.
        lived["file"] = text == f"{number}\n" * 20_000 and number in (saved, saved + 1)
    with suppress(hubcheck.Failed, requests.RequestException, OSError, websocket.WebSocketException):
        leave(hub)
    return {
        "lived": lived,
        "silent": {name: poll.silent() for name, poll in polls.items()},
        "seen": {name: poll.seen for name, poll in polls.items()},
        "refused": refused[:300],
    }


def labour(url: str, user: str) -> int:
    """A user works until the file `over` is there: kernels of both kinds say a word again and again, beside a terminal and a file.

    When the file `watched` is there, all of it runs; it holds the word and the user's other secrets.
    Returns how often the word was said.
    """
    OVER.unlink(missing_ok=True)
    word = f"said-{uuid.uuid4().hex}"
    hubs = [enter(url, user, "--kernel", kernel, "--keep-server") for kernel in ("my_kernel", "python3")]
    for hub in hubs:
        hub.json("POST", f"{hub.server}api/terminals")
        hub.request("PUT", f"{hub.server}api/contents/secret.txt", (200, 201), json=TEXT | {"content": word})
    # The hub logs the session's number itself, which logs nobody in.
    cookies = [cookie for hub in hubs for cookie in hub.session.cookies if cookie.name != "jupyterhub-session-id"]
    secrets = {cookie.value for cookie in cookies if len(cookie.value) > 8}
    WATCHED.write_text(json.dumps([word, hubs[0].options.password, *sorted(secrets)]))
    times = 0
    while not OVER.exists():
        for hub in hubs:
            times += word in hubcheck.execute(hub, repr(word))
        time.sleep(0.1)
    leave(*hubs)
    return times


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
