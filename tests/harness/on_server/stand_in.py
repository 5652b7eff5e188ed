"""One program in the place of many users' servers: it answers as they do, and tells the hub what they tell. `python stand_in.py PORT`

The hub says by `POST /stand-in` who has a server here, and by `DELETE /stand-in` whose has ended. For each it does what a server of
JupyterHub's does while nobody computes: it reports activity and asks who a user is, at JupyterHub's own intervals, and answers a page's
questions and WebSockets. It starts no kernel.
"""

import asyncio
import datetime
import json
import random
import resource
import sys

import aiohttp
from aiohttp import web

# Seconds, as in JupyterHub: JUPYTERHUB_ACTIVITY_INTERVAL, HubAuth.cache_max_age; and Jupyter Server's between two pings.
ACTIVITY, IDENTITY, PING = 300, 300, 30
KERNELS = [{"id": "stand-in", "name": "my_kernel", "execution_state": "idle", "connections": 1}]


class StandIns:
    """All servers, by the name of their user."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.tasks: dict[str, asyncio.Task] = {}
        self.told = {"activity": 0, "identity": 0, "failed": 0}

    async def begin(self, request: web.Request) -> web.Response:
        about = await request.json()
        await self.leave(about["user"])
        self.tasks[about["user"]] = asyncio.create_task(self.serve(about))
        return web.json_response({})

    async def end(self, request: web.Request) -> web.Response:
        await self.leave((await request.json())["user"])
        return web.json_response({})

    async def leave(self, user: str) -> None:
        task = self.tasks.pop(user, None)
        if task:
            task.cancel()

    async def serve(self, about: dict) -> None:
        await asyncio.gather(self.now_and_then(ACTIVITY, self.report, about), self.now_and_then(IDENTITY, self.identify, about))

    async def now_and_then(self, seconds: float, what, about: dict) -> None:
        """From some moment on, as servers that were started at different times, and each time up to a tenth earlier or later."""
        await asyncio.sleep(random.uniform(0, seconds))
        while True:
            try:
                await what(about)
            except (aiohttp.ClientError, TimeoutError):
                self.told["failed"] += 1
            await asyncio.sleep(seconds * random.uniform(0.9, 1.1))

    async def report(self, about: dict) -> None:
        now = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
        said = {"servers": {"": {"last_activity": now}}, "last_activity": now}
        await self.ask("POST", about, f"{about['hub']}/users/{about['user']}/activity", said)
        self.told["activity"] += 1

    async def identify(self, about: dict) -> None:
        await self.ask("GET", about, f"{about['hub']}/user")
        self.told["identity"] += 1

    async def ask(self, method: str, about: dict, address: str, said: dict | None = None) -> None:
        headers = {"Authorization": f"token {about['token']}"}
        timeout = aiohttp.ClientTimeout(total=60)
        # Each server would open a connection of its own.
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as line, line.request(method, address, json=said) as answer:
            await answer.read()
            if answer.status >= 400:
                self.told["failed"] += 1

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            line = web.WebSocketResponse(heartbeat=PING)
            await line.prepare(request)
            async for _ in line:
                pass
            return line
        said = {"version": self.version} if request.path.endswith("/api") else KERNELS if request.path.endswith("/api/kernels") else []
        return web.json_response(said, headers={"X-JupyterHub-Version": self.version})

    async def tell(self, _: web.Request) -> web.Response:
        return web.json_response(self.told | {"servers": len(self.tasks)})


def application(version: str) -> web.Application:
    made, all_of_them = web.Application(), StandIns(version)
    made.router.add_post("/stand-in", all_of_them.begin)
    made.router.add_delete("/stand-in", all_of_them.end)
    made.router.add_get("/stand-in", all_of_them.tell)
    made.router.add_route("*", "/{path:.*}", all_of_them.answer)
    return made


if __name__ == "__main__":
    from importlib.metadata import version

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps({"listens": sys.argv[1]}), flush=True)
    web.run_app(application(version("jupyterhub")), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
