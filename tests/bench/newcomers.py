"""A class that logs in all at once, by requests without a browser: `python newcomers.py URL PASSWORD-FILE <PLAN`.

Each user does what JupyterLab in a browser does: logs in by the form, follows the progress of the start, loads the page and its
files, starts a kernel, and runs a cell with %jigsaw. PLAN is JSON: "users" by name with the second in which each comes, "paths"
below the user's server that a page loads, the "cell", and the "patience" of each user in seconds. Prints a line of JSON for each
user: seconds from the arrival to each step, or "error"; and last the seconds of a processor that all this took, "clients".
"""

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

CONNECTIONS = 6  # at a time, as browsers have them


class Newcomer:
    """A user with cookies and connections of their own; `steps` are seconds from the arrival on."""

    def __init__(self, url, user, password, plan):
        self.url, self.user, self.password, self.plan = url, user, password, plan
        self.server = f"{url}user/{user}/"
        self.steps = {}

    def xsrf(self, address):
        found = self.session.cookie_jar.filter_cookies(aiohttp.client.URL(address)).get("_xsrf")
        return found.value if found else ""

    async def get(self, address):
        async with self.session.get(address) as answer:
            await answer.read()
            return answer

    def step(self, name):
        self.steps[name] = round(time.monotonic() - self.began, 3)

    async def log_in(self):
        page = f"{self.url}hub/login"
        await self.get(page)
        form = {"username": self.user, "password": self.password, "_xsrf": self.xsrf(page)}
        # The answer leads to the page that starts the server.
        async with self.session.post(page, data=form) as answer:
            if "/login" in answer.url.path or answer.status >= 400:
                raise RuntimeError(f"the login ends on {answer.url.path} with {answer.status}")

    async def follow(self):
        progress = f"{self.url}hub/api/users/{self.user}/server/progress"
        options = {"params": {"_xsrf": self.xsrf(progress)}, "headers": {"Accept": "text/event-stream"}}
        async with self.session.get(progress, **options) as answer:
            async for line in answer.content:
                said = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if said.get("failed"):
                    raise RuntimeError(said["message"])
                if said.get("ready"):
                    return
        raise RuntimeError("the progress of the start ends too early")

    async def load(self):
        answer = await self.get(f"{self.server}lab")
        if urlsplit(str(answer.url)).path != urlsplit(f"{self.server}lab").path or answer.status != 200:
            raise RuntimeError(f"JupyterLab's page is {answer.url} with {answer.status}")
        self.step("page")
        await asyncio.gather(*(self.get(self.server + path) for path in self.plan["paths"]))

    async def compute(self):
        token = {"X-XSRFToken": self.xsrf(self.server)}
        about = {"type": "notebook", "name": "blocks.ipynb", "path": "blocks.ipynb", "kernel": {"name": "my_kernel"}}
        async with self.session.post(f"{self.server}api/sessions", json=about, headers=token) as answer:
            if answer.status != 201:
                raise RuntimeError(f"a kernel's start: {answer.status} {await answer.text()}")
            kernel = (await answer.json())["kernel"]["id"]
        session = uuid.uuid4().hex
        async with self.session.ws_connect(f"{self.server}api/kernels/{kernel}/channels?session_id={session}", max_msg_size=0) as line:
            await self.ask(line, session, "kernel_info_request", {})
            content = {"code": self.plan["cell"], "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
            reply = await self.ask(line, session, "execute_request", content)
            if reply["status"] != "ok":
                raise RuntimeError(f"the cell: {reply}")
            self.step("cell")
        answer = await self.get(f"{self.server}files/shapes.html")
        if answer.status != 200:
            raise RuntimeError(f"the workspace: {answer.status}")

    async def ask(self, line, session, kind, content):
        """A message on the shell's channel; the content of its reply, once the kernel is idle again too."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": session, "date": "", "version": "5.3"}
        await line.send_json({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
        missing, reply = {"reply", "idle"}, {}
        while missing:
            message = await line.receive_json()
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            if message["msg_type"].endswith("_reply"):
                reply = message["content"]
                missing.discard("reply")
            missing.discard(message["content"].get("execution_state"))
        return reply

    async def come(self, delay):
        await asyncio.sleep(delay)
        self.began = time.monotonic()
        connector = aiohttp.TCPConnector(limit=CONNECTIONS + 2, limit_per_host=CONNECTIONS + 2)
        jar = aiohttp.CookieJar(unsafe=True)  # for a host without a name
        headers = {"Accept-Encoding": "gzip", "Sec-Fetch-Site": "same-origin"}
        timeout = aiohttp.ClientTimeout(total=self.plan["patience"])
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, headers=headers, timeout=timeout) as self.session:
            try:
                await self.log_in()
                self.step("login")
                await self.follow()
                self.step("server")
                await self.load()
                self.step("files")
                await self.compute()
                self.step("editor")
            except Exception as error:  # each user's trouble is their own, and is told
                self.steps["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps({"user": self.user, "came": round(delay, 1)} | self.steps), flush=True)


async def main(url, password):
    plan, secret = json.load(sys.stdin), Path(password).read_text("utf-8").strip()
    await asyncio.gather(*(Newcomer(url, user, secret, plan).come(delay) for user, delay in plan["users"].items()))
    print(json.dumps({"clients": round(time.process_time(), 1)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
