"""What runs on the hub's machine itself, beside hubcheck.py, whose own steps lead to servers and kernels.

`python inside.py NAME ARGUMENT...` calls a function of this file and prints what it returns, as JSON.
"""

import io
import json
import pathlib
import sys
import time
import uuid

import hubcheck
import requests
import wire

CHECK = pathlib.Path(__file__).parent
CA = str(CHECK / "ca.pem")
TEXT = {"type": "file", "format": "text"}


def enter(url: str, user: str, *options: str) -> hubcheck.Hub:
    """A user who has logged in, with a server, a kernel and its WebSocket; `options` go to hubcheck."""
    given = [url, "--user", user, "--password-file", str(CHECK / f"{user}.txt"), "--ca-file", CA, *options]
    hub = hubcheck.Hub(url, hubcheck.arguments(given))
    hub.options.tell = lambda text: None
    for name, rung in hubcheck.INSIDE.items():
        list(rung(hub))
        if name == "kernel_channel":
            break
    return hub


def leave(*hubs: hubcheck.Hub) -> None:
    """Take away what was made on the way in."""
    for hub in hubs:
        for step in reversed(hub.undo):
            step()


def ask(hub: hubcheck.Hub) -> float:
    """Milliseconds until a kernel has told about itself."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "kernel_info_request", "username": "", "session": "s", "date": "", "version": "5.3"}
    began = time.perf_counter()
    hub.channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": {}, "channel": "shell"}))
    while True:
        message = json.loads(hub.channel.recv())
        if message["msg_type"] == "kernel_info_reply" and message["parent_header"]["msg_id"] == header["msg_id"]:
            return 1000 * (time.perf_counter() - began)


def late(url: str, *users: str) -> list[float]:
    """For each user the share of a kernel's answers that take as long as Linux waits with an acknowledgement: 40 milliseconds.

    They ask in turn, so that all meet the same noise.
    """
    hubs = [enter(url, user) for user in users]
    times = [[ask(hub) for hub in hubs] for turn in range(40)]
    leave(*hubs)
    return [sum(time >= 38 for time in column) / len(column) for column in zip(*times, strict=True)]


def weigh(url: str, folder: str) -> list[int]:
    """The twenty largest scripts and styles of a folder, as bob's server shows them: bytes on the line, and on the disk."""
    scripts = (path for path in pathlib.Path(folder).iterdir() if path.suffix in (".js", ".css"))
    largest = sorted(scripts, key=lambda path: -path.stat().st_size)[:20]
    line = 0
    for path in largest:
        address = f"{url}user/bob/static/lab/{path.name}"
        answer = requests.get(address, headers={"Accept-Encoding": "gzip"}, verify=CA, stream=True)
        answer.raise_for_status()
        line += len(answer.raw.read(decode_content=False))
    return [line, sum(path.stat().st_size for path in largest)]


def headers(url: str) -> dict[str, dict[str, str]]:
    """The headers of answers of all kinds, by method, path and status."""
    asked = [("GET", "hub/login"), ("GET", "hub/nothing"), ("GET", "hub/api/users"), ("POST", "hub/login"), ("GET", "user/bob/lab")]
    seen = {}
    for method, path in asked:
        answer = requests.request(method, url + path, verify=CA, allow_redirects=False)
        seen[f"{method} {path} {answer.status_code}"] = dict(answer.headers)
    return seen


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


def intrude(url: str) -> dict[str, dict]:
    """What bob, logged in, gets of alice's server; and alice herself, of the same sockets. RuntimeError if he changed something."""
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
        tried = {}
        for method, path, body in TRIES:
            token = {"X-XSRFToken": bob.xsrf(alice.server)}
            answer = bob.fetch(method, url + alice.server + path, json=body, headers=token)
            tried[f"{method} {path}"] = "alice's own" if "alice's own" in answer.text else answer.status_code
        seen = {"tried": tried, "bob": sockets(bob, paths), "alice": sockets(alice, paths)}
        alice.request("GET", f"{alice.server}api/contents/from-bob.txt", (404,))
        alice.request("DELETE", f"{alice.server}api/contents/secret.txt", (204,))
    finally:
        leave(bob, alice)
    return seen


def patiently(seconds: str, *urls: str) -> dict[str, dict]:
    """By url, what becomes of clients who take so many seconds, all at once, each url being a way to the same hub.

    Of those who hold a line, the words of `wire.loiter`, and beside them: "upload", the status of bob's that takes so long
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
        seen = wire.together({"upload": lambda: upload(bob), "lines": lambda: wire.loiter(span, url, CA)})
        return {"upload": seen["upload"]} | seen["lines"] | wire.together({"idle": lambda: ask(bob)})

    seen = wire.together({url: lambda url=url: both(url) for url in urls})
    leave(*entered.values())
    return seen


class Slow(io.BytesIO):
    """What is read from it comes at two kilobytes a second."""

    def read(self, size: int = -1) -> bytes:
        time.sleep(0.25)
        return super().read(500)


def within(url: str, user: str) -> dict[str, dict]:
    """What a program in a user's kernel can do, in the words of `within.py`."""
    hub = enter(url, user, "--kernel", "python3")
    try:
        return json.loads(hubcheck.execute(hub, (CHECK / "within.py").read_text("utf-8")).splitlines()[-1])
    finally:
        leave(hub)


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


def redirected(url: str, *paths: str) -> dict[str, list]:
    """By path, the status and the address that plain HTTP sends it to."""
    answers = {path: requests.get(url + path, allow_redirects=False) for path in paths}
    return {path: [answer.status_code, answer.headers.get("Location", "")] for path, answer in answers.items()}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
