"""The client of `make bench`: sends requests from a user's side of the link, or on the hub's machine: `python client.py NAME ARGUMENT...`

Lies beside hubcheck.py and user_actions.py. Each function's result is printed as JSON.
"""

import asyncio
import concurrent.futures
import contextlib
import json
import os
import pathlib
import pwd
import re
import resource
import socket
import ssl
import sys
import time
import uuid
from urllib.parse import urlsplit

import hubcheck
import requests
from user_actions import CA, CHECK, ask, leave, say

LINK = CHECK / "link.json"
ECHO = 4096  # characters, as the state of a widget with some data
OUTPUT = 20  # millions of characters


def link(rtt: float | str, rate: float | str = 0) -> None:
    """Connections that are opened from now on take `rtt` milliseconds there and back, at `rate` megabits per second (0: no limit)."""
    new = LINK.with_suffix(".new")
    new.write_text(json.dumps({"rtt": float(rtt), "rate": float(rate)}))
    os.replace(new, LINK)


def come(url: str, user: str, password: str = "") -> hubcheck.Hub:
    """A user who has logged in and has a server, whatever hubcheck thinks of the way there."""
    given = [url, "--user", user, "--password-file", str(CHECK / f"{password or user}.txt"), "--ca-file", CA, "--timeout", "120"]
    hub = hubcheck.Hub(url, hubcheck.arguments(given))
    with contextlib.suppress(hubcheck.Failed):  # a cookie without Secure
        list(hubcheck.log_in(hub))
    about = f"hub/api/users/{user}"
    if not hub.json("GET", about)["server"]:
        hub.request("POST", f"{about}/server", expect=(201, 202))
        while not hub.json("GET", about)["servers"].get("", {}).get("ready"):
            time.sleep(0.2)
    hub.request("GET", hub.server)
    return hub


def timed(what, *arguments) -> float:
    """How long a call takes, in milliseconds."""
    began = time.perf_counter()
    what(*arguments)
    return 1000 * (time.perf_counter() - began)


# In the kernel: what a widget does, without the widget.
LISTEN = """from metakernel import get_metakernel
get_metakernel().comm_manager.register_target(
    "echo", lambda comm, message: comm.on_msg(lambda message: comm.send(message["content"]["data"])))
"""


def widget(hub: hubcheck.Hub) -> None:
    """Let the kernel send back what comes to it as to a widget."""
    said = hubcheck.execute(hub, LISTEN)
    if "Error" in said:
        raise RuntimeError(f"the kernel takes no widget: {said}")
    say(hub, "comm_open", {"comm_id": "echo", "target_name": "echo", "data": {}})


def open_to(hub: hubcheck.Hub, kernel: str) -> None:
    """A new WebSocket to a kernel. The library's own check of UTF-8, byte by byte in Python, takes longer than the way and is left out."""
    hub.channel = hub.socket(f"{hub.server}api/kernels/{kernel}/channels")
    hub.channel.frame_buffer.skip_utf8_validation = hub.channel.cont_frame.skip_utf8_validation = True


def echo(hub: hubcheck.Hub) -> None:
    """A message to a widget's other half in the kernel, and the same back."""
    sent = f"{uuid.uuid4().hex:x<{ECHO}}"
    say(hub, "comm_msg", {"comm_id": "echo", "data": {"state": sent}})
    while True:
        message = json.loads(hub.channel.recv())
        if message["msg_type"] == "comm_msg" and message["content"]["data"] == {"state": sent}:
            return


def output(hub: hubcheck.Hub) -> None:
    """Twenty million characters that a cell prints."""
    said = hubcheck.execute(hub, f"for turn in range({OUTPUT}): print('x' * 999_999)")
    if len(said) < OUTPUT * 999_999:
        raise RuntimeError(f"{len(said)} characters arrive: {said[-300:]}")


ROUNDS = 5


def replies(url: str, user: str, *plan: str) -> dict[str, dict]:
    """By the link's delay (ms): of a kernel's answers and of echoes all times, in rounds, of outputs theirs, in milliseconds.

    An item of the plan is DELAY:ANSWERS:ECHOES:OUTPUTS, answers and echoes in each round.
    """
    link(0)
    hub = come(url, user)
    # Not as hubcheck does: it goes no further where a reverse proxy refuses an address that no kernel has.
    kernel = hub.json("POST", f"{hub.server}api/kernels", expect=(201,), json={"name": hub.options.kernel})["id"]
    hub.undo.append(lambda: hub.request("DELETE", f"{hub.server}api/kernels/{kernel}", expect=(204,)))
    open_to(hub, kernel)
    seen = {}
    try:
        for item in plan:
            rtt, answers, echoes, outputs = map(int, item.split(":"))
            link(rtt)
            hub.channel.close()
            open_to(hub, kernel)
            ask(hub)  # the first one wakes everything up
            widget(hub)
            echo(hub)
            rounds = [([ask(hub) for _ in range(answers)], [timed(echo, hub) for _ in range(echoes)]) for _ in range(ROUNDS)]
            named = zip(("answers", "echoes"), map(list, zip(*rounds, strict=True)), strict=True)
            seen[rtt] = dict(named) | {"outputs": [timed(output, hub) for _ in range(outputs)]}
        link(0)
    finally:
        leave(hub)
    return seen


def handshakes(url: str, rtt: str, turns: str) -> list[float]:
    """Milliseconds until a new connection of somebody who was here before has an answer."""
    link(rtt)
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=CA)

    def answered(session):
        began = time.perf_counter()
        with (
            socket.create_connection((parts.hostname, 443)) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname, session=session) as line,
        ):
            line.sendall(f"GET {parts.path}hub/health HTTP/1.1\r\nHost: {parts.hostname}\r\nConnection: close\r\n\r\n".encode())
            while line.recv(65536):
                pass
            return 1000 * (time.perf_counter() - began), line.session

    back = [answered(answered(None)[1])[0] for _ in range(int(turns))]
    link(0)
    return back


def stream(url: str, user: str) -> list[float]:
    """Seconds until each event of a starting server arrives; the server is stopped first, and again at the end."""
    hub = come(url, user)
    hubcheck.stop_server(hub, f"hub/api/users/{user}")
    # As a browser does: asked by the API, the hub would not answer before the server is up.
    hub.request("GET", "hub/spawn")
    began, arrived = time.monotonic(), []
    answer = hub.request("GET", f"hub/api/users/{user}/server/progress", stream=True, headers={"Accept": "text/event-stream"})
    for line in answer.iter_lines(chunk_size=1):
        if line.startswith(b"data:"):
            arrived.append(time.monotonic() - began)
    hubcheck.stop_server(hub, f"hub/api/users/{user}")
    return arrived


def weigh(url: str, user: str, *scripts: str) -> int:
    """Bytes on the line of some of JupyterLab's scripts, and of its settings."""
    hub = come(url, user)
    paths = [*(f"static/lab/{name}" for name in scripts), "lab/api/settings"]
    as_a_page_does = {"Accept-Encoding": "gzip", "Sec-Fetch-Site": "same-origin"}
    total = 0
    for path in paths:
        with hub.fetch("GET", url + hub.server + path, headers=as_a_page_does, stream=True) as answer:
            answer.raise_for_status()
            total += len(answer.raw.read(decode_content=False))
    return total


def ready(url: str, user: str) -> None:
    """Have a user's server up."""
    come(url, user)


def page(url: str) -> None:
    """An answer, or an exception."""
    requests.get(url, verify=CA).raise_for_status()


def own(folder: pathlib.Path) -> int:
    """Bytes that a process shares with no file and no other process, by its folder below /proc."""
    return 1024 * int(re.search(r"^RssAnon:\s+(\d+)", (folder / "status").read_text(), re.M)[1])


def many() -> None:
    """As many open files as the system allows: it is not ours that are to be scarce."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _stand_in():
    """A light upstream: one page, and WebSockets that say nothing unless asked."""
    import aiohttp.web  # here and below: no other call has to wait for it

    async def page(request):
        return aiohttp.web.Response(text="here")

    async def line(request):
        made = aiohttp.web.WebSocketResponse()
        await made.prepare(request)
        async for message in made:
            await made.send_str(message.data)
        return made

    app = aiohttp.web.Application()
    app.router.add_get("/jupyter/page", page)
    app.router.add_get("/jupyter/socket", line)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 9000, backlog=2048).start()
    await asyncio.Event().wait()


def stand_in() -> None:
    many()
    asyncio.run(_stand_in())


async def _idle(url, sizes, patience):
    import aiohttp

    trust = ssl.create_default_context(cafile=CA) if url.startswith("https") else None
    lines = []
    limit = aiohttp.TCPConnector(limit=0, ssl=trust or False, force_close=True)
    async with aiohttp.ClientSession(connector=limit) as session:

        async def answer():
            began = time.perf_counter()
            async with session.get(url + "page", timeout=aiohttp.ClientTimeout(total=patience)) as got:
                await got.text()
                if got.status != 200:
                    raise aiohttp.ClientError(f"{got.status}")
            return 1000 * (time.perf_counter() - began)

        async def open_one():
            return await asyncio.wait_for(session.ws_connect(url + "socket"), patience)

        for size in sizes:
            refused = 0
            while len(lines) + refused < size:
                some = min(20, size - len(lines) - refused)
                made = await asyncio.gather(*(open_one() for _ in range(some)), return_exceptions=True)
                good = [one for one in made if not isinstance(one, BaseException)]
                lines += good
                refused += some - len(good)
                if len(good) < some:
                    break
            row = {"asked": size, "open": len(lines)}
            try:
                row["answers"] = [await answer() for _ in range(10)]
            except (TimeoutError, aiohttp.ClientError) as error:
                row["error"] = str(error) or f"no answer in {patience} seconds"
            print(json.dumps(row), flush=True)
            sys.stdin.readline()  # the other side looks at memory meanwhile
            if "error" in row or len(lines) < size:
                break
        os._exit(0)  # closing a thousand sockets one by one takes longer than opening them


def idle(url: str, patience: str, *sizes: str) -> None:
    """Open as many WebSockets as each size says, leave them idle, and ask for a page ten times; a line of JSON for each size."""
    many()
    asyncio.run(_idle(url, list(map(int, sizes)), float(patience)))


def crowd(url: str, prefix: str, count: str, together: str) -> dict[str, float]:
    """Log in `count` users, `together` at a time, each with a server of their own: seconds, and bytes for each user's server."""
    names = [f"{prefix}{number}" for number in range(int(count))]
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(int(together)) as pool:
        list(pool.map(lambda name: come(url, name, "crowd"), names))
    took = time.monotonic() - began
    owners = {pwd.getpwnam(name).pw_uid for name in names}
    owned = [path for path in pathlib.Path("/proc").iterdir() if path.name.isdecimal() and path.stat().st_uid in owners]
    answers = [timed(lambda: requests.get(f"{url}hub/api", verify=CA).raise_for_status()) for _ in range(20)]
    return {"seconds": took, "bytes": sum(map(own, owned)) / len(names), "answers": answers}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
