"""Users with JupyterLab open, without a browser: `python many_users.py URL PASSWORD-FILE`, with the hub's token as the variable TOKEN.

Reads a line of JSON for each thing to do and prints one when it is done; a line without a command's name is an error.

- `{"arrive": {USER: SECOND}, "cell": TEXT, "patience": S}`: each user comes in that second, does what newcomers.py does, and stays.
- `{"start": [USER], "together": N}`: the hub is asked for these users' servers, N at a time, and each user stays.
- `{"watch": S}`: for so long, the hub's API is asked for its answer every second.
- `{"spawn": [USER]}`: a server for one after the other, which then ends.

Who stays has two WebSockets open, of a kernel and of events, and asks for kernels, sessions and terminals every ten seconds.
"""

import asyncio
import json
import os
import pathlib
import resource
import statistics
import sys
import time
import uuid

import aiohttp
from newcomers import Newcomer

EVERY = 10  # seconds between a page's questions, as in JupyterLab
QUESTIONS = ("api/kernels", "api/sessions", "api/terminals")


class Crowd:
    """All who are there; `open` counts their WebSockets, `lost` those that ended, `polls` holds milliseconds."""

    def __init__(self, url: str, password: str, token: str) -> None:
        self.url, self.password, self.token = url, password, token
        self.open, self.lost, self.refused = 0, 0, 0
        self.polls: list[float] = []
        self.staying: set[asyncio.Task] = set()

    async def listen(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self.open += 1
        try:
            async for _ in line:
                pass
        finally:
            self.open -= 1
            self.lost += 1

    async def poll(self, session: aiohttp.ClientSession, server: str, delay: float) -> None:
        await asyncio.sleep(delay)
        while True:
            for path in QUESTIONS:
                began = time.perf_counter()
                try:
                    async with session.get(server + path) as answer:
                        await answer.read()
                        self.refused += answer.status >= 400
                except (aiohttp.ClientError, TimeoutError):
                    self.refused += 1
                self.polls.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(EVERY)

    async def stay(self, session: aiohttp.ClientSession, server: str, kernel: str, there: asyncio.Event) -> None:
        channels = f"{server}api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
        async with session.ws_connect(channels, max_msg_size=0) as one, session.ws_connect(f"{server}api/events/subscribe") as other:
            there.set()
            # Pages that were opened at different times.
            delay = EVERY * (len(self.staying) % 97) / 97
            await asyncio.gather(self.listen(one), self.listen(other), self.poll(session, server, delay))

    def keep(self, what) -> asyncio.Task:
        task = asyncio.create_task(what)
        self.staying.add(task)
        return task

    async def hub(self, session: aiohttp.ClientSession, method: str, path: str) -> tuple[int, dict]:
        headers = {"Authorization": f"token {self.token}"}
        async with session.request(method, f"{self.url}hub/api/{path}", headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else {}

    async def server(self, session: aiohttp.ClientSession, user: str) -> float:
        """Seconds until a user's server is there, whom the hub may not know yet."""
        await self.hub(session, "POST", f"users/{user}")
        began = time.monotonic()
        status, said = await self.hub(session, "POST", f"users/{user}/server")
        while status in (202, 429):
            await asyncio.sleep(0.2)
            if status == 429:
                status, said = await self.hub(session, "POST", f"users/{user}/server")
            else:
                _, said = await self.hub(session, "GET", f"users/{user}")
                server = said["servers"].get("")
                # The hub forgets a server whose start has failed.
                status = 500 if server is None else 201 if server["ready"] else 202
        if status != 201:
            raise RuntimeError(f"the server of {user}: {status} {said}")
        return time.monotonic() - began


class Stays(Newcomer):
    """A user who does not leave after the first cell."""

    def __init__(self, crowd: Crowd, user: str, plan: dict) -> None:
        super().__init__(crowd.url, user, crowd.password, plan)
        self.crowd, self.done = crowd, asyncio.Event()

    async def compute(self) -> None:
        await super().compute()
        self.step("editor")
        async with self.session.get(f"{self.server}api/kernels") as answer:
            kernel = (await answer.json())[0]["id"]
        await self.crowd.stay(self.session, self.server, kernel, self.done)

    async def come(self, delay: float) -> None:
        await asyncio.sleep(delay)
        self.began = time.monotonic()
        jar = aiohttp.CookieJar(unsafe=True)  # for a host without a name
        headers = {"Accept-Encoding": "gzip", "Sec-Fetch-Site": "same-origin"}
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=jar,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self.plan["patience"]),
        ) as self.session:
            try:
                await self.log_in()
                self.step("login")
                await self.follow()
                self.step("server")
                await self.load()
                await self.compute()
            except Exception as error:  # each user's trouble is their own, and is told
                self.steps["error"] = f"{type(error).__name__}: {error}"
            finally:
                self.done.set()


async def arrive(crowd: Crowd, asked: dict) -> dict:
    plan = {"paths": [], "cell": asked["cell"], "patience": asked["patience"]}
    users = {name: Stays(crowd, name, plan) for name in asked["arrive"]}
    for name, user in users.items():
        crowd.keep(user.come(asked["arrive"][name]))
    await asyncio.gather(*(user.done.wait() for user in users.values()))
    return {"users": [{"user": name} | user.steps for name, user in users.items()]}


async def start(crowd: Crowd, session: aiohttp.ClientSession, asked: dict) -> dict:
    door, took, wrong = asyncio.Semaphore(asked["together"]), [], []

    async def one(user: str) -> None:
        async with door:
            there = asyncio.Event()
            try:
                took.append(await crowd.server(session, user))
                task = crowd.keep(crowd.stay(session, f"{crowd.url}user/{user}/", "stand-in", there))
                await asyncio.wait([task, asyncio.ensure_future(there.wait())], return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    task.result()
            except (aiohttp.ClientError, TimeoutError, RuntimeError) as error:
                wrong.append(f"{user}: {type(error).__name__}: {error}")

    began = time.monotonic()
    await asyncio.gather(*map(one, asked["start"]))
    return {"seconds": time.monotonic() - began, "each": sorted(took), "wrong": wrong[:5], "failed": len(wrong)}


async def watch(crowd: Crowd, session: aiohttp.ClientSession, asked: dict) -> dict:
    end, took, crowd.polls, crowd.refused = time.monotonic() + asked["watch"], [], [], 0
    while time.monotonic() < end:
        began = time.perf_counter()
        status, _ = await crowd.hub(session, "GET", "user")
        if status != 200:
            raise RuntimeError(f"the hub's API answers with {status}")
        took.append(1000 * (time.perf_counter() - began))
        await asyncio.sleep(max(0.0, 1 - took[-1] / 1000))
    polls = statistics.median(crowd.polls) if crowd.polls else None
    return {"answers": took, "open": crowd.open, "lost": crowd.lost, "refused": crowd.refused, "polls": polls, "asked": len(crowd.polls)}


async def spawn(crowd: Crowd, session: aiohttp.ClientSession, asked: dict) -> dict:
    took = []
    for user in asked["spawn"]:
        took.append(await crowd.server(session, user))
        status, _ = await crowd.hub(session, "DELETE", f"users/{user}/server")
        while status == 202:
            await asyncio.sleep(0.2)
            _, about = await crowd.hub(session, "GET", f"users/{user}")
            status = 202 if about["servers"].get("") else 204
    return {"spawn": took}


DO = {"start": start, "watch": watch, "spawn": spawn}


async def main(url: str, password: str) -> None:
    crowd = Crowd(url, pathlib.Path(password).read_text("utf-8").strip(), os.environ["TOKEN"])
    loop = asyncio.get_running_loop()
    # The published files end each connection between the web server and the hub's proxy after its answer.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=300)) as session:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            asked = json.loads(line)
            try:
                (name,) = {"arrive", *DO} & asked.keys()
                said = await (arrive(crowd, asked) if name == "arrive" else DO[name](crowd, session, asked))
            except Exception as error:  # said to who asked, who ends this program
                said = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(said | {"clients": time.process_time()}), flush=True)
        for task in crowd.staying:
            task.cancel()


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(main(*sys.argv[1:]))
