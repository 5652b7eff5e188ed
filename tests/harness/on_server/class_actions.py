"""What the users of a class do on the hub's machine, and what remains of their servers; called like `user_actions.py`."""

import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import hubcheck
import requests
import user_actions
import websocket
from user_actions import enter, say

# A computation that prints nothing, until a file is in the user's home, and what it leaves.
SILENT = "import pathlib, time\nx = 42\nwhile not (pathlib.Path.home() / 'over').exists():\n    time.sleep(0.2)\ny = x + 1"
# What runs in a terminal, and says so all the time.
PROGRAM = "while sleep 0.3; do echo at work; done\r"


def units() -> list[str]:
    """The units of users' servers that run, without what all their names have."""
    command = ["systemctl", "list-units", "--plain", "--no-legend", "--state", "active", "jupyter-*.service"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(line.split()[0].removeprefix("jupyter-").removesuffix(".service") for line in lines)


def begin(hub: hubcheck.Hub, code: str) -> None:
    """Let a kernel compute, and do not wait for it."""
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    say(hub, "execute_request", content)
    while json.loads(hub.channel.recv())["content"].get("execution_state") != "busy":
        pass


def served(url: str, user: str) -> hubcheck.Hub:
    """A user with a server and nothing else, which stays."""
    return user_actions.served(url, user, "--keep-server", "--timeout", "60")


def computing(url: str, user: str) -> hubcheck.Hub:
    """A user whose kernel computes and prints nothing, and whose browser is closed."""
    pathlib.Path(f"/home/{user}/over").unlink(missing_ok=True)
    hub = enter(url, user, "--kernel", "python3", "--keep-server", "--timeout", "60")
    begin(hub, SILENT)
    hub.channel.close()
    return hub


def typing(url: str, user: str) -> hubcheck.Hub:
    """A user in whose terminal a program runs that prints all the time, and whose browser is closed."""
    hub = served(url, user)
    name = hub.json("POST", f"{hub.server}api/terminals")["name"]
    terminal = hub.socket(f"{hub.server}terminals/websocket/{name}")
    terminal.send(json.dumps(["stdin", PROGRAM]))
    while "at work\r\n" not in json.loads(terminal.recv())[-1]:
        pass
    terminal.close()
    return hub


def own(user: str, line: str) -> None:
    """A line in a user's own configuration of their server."""
    folder = pathlib.Path(f"/home/{user}/.jupyter")
    folder.mkdir(exist_ok=True)
    (folder / "jupyter_server_config.py").write_text(f"c = get_config()\n{line}\n", "utf-8")
    shutil.chown(folder, user)


def left_open(url: str, user: str) -> None:
    """A user whose kernel does nothing and may do so for long, and whose browser is closed."""
    own(user, "c.MappingKernelManager.cull_idle_timeout = 9999")
    enter(url, user, "--kernel", "python3", "--keep-server", "--timeout", "60").channel.close()


def variable(hub: hubcheck.Hub, name: str) -> str:
    """What a kernel says of a variable, over a new WebSocket, once it has computed what it was told."""
    kernel = hub.json("GET", f"{hub.server}api/kernels")[0]["id"]
    hub.channel = hub.socket(f"{hub.server}api/kernels/{kernel}/channels")
    return hubcheck.execute(hub, name)


def listen(hub: hubcheck.Hub, seconds: float) -> None:
    """Hold a kernel's WebSocket for so long, as a browser does: it answers when it is asked whether it is there.

    A server that ends, ends it sooner.
    """
    end = time.monotonic() + seconds
    hub.channel.settimeout(0.2)
    while time.monotonic() < end and hub.channel.connected:
        with suppress(websocket.WebSocketTimeoutException, websocket.WebSocketConnectionClosedException):
            hub.channel.recv()
    hub.channel.settimeout(hub.options.timeout)


def idle(url: str, arrived: str, seconds: str) -> dict:
    """Five servers for so many seconds, once a file says that they have arrived.

    alice's two are idle, one with a kernel that may be, bob's kernel computes, carol's terminal prints, mallory's notebook is open.
    "left" are the servers that run then, "computed" is bob's variable, "open" that of mallory, whose browser is closed then.
    """
    span = float(seconds)
    with ThreadPoolExecutor(2) as pool:
        begun = [
            pool.submit(computing, url, "bob"),
            pool.submit(typing, url, "carol"),
            pool.submit(left_open, url, "alice"),
            pool.submit(user_actions.start_named, url, "alice", "exam"),
        ]
    bob, *_ = [task.result() for task in begun]
    # Jupyter Server asks every half minute whether the other end of a WebSocket is there.
    own("mallory", "c.ServerApp.tornado_settings = {'ws_ping_interval': 2000}")
    mallory = enter(url, "mallory", "--kernel", "python3", "--keep-server", "--timeout", "60")
    hubcheck.execute(mallory, "x = 42")
    pathlib.Path(arrived).touch()
    listen(mallory, span)
    left = units()
    pathlib.Path("/home/bob/over").touch()
    told = {"left": left, "computed": variable(bob, "y"), "open": variable(mallory, "x") if "mallory" in left else ""}
    for hub in (bob, mallory):
        hub.channel.close()
    return told


def lost(url: str, user: str, seconds: str) -> list[list[str]]:
    """The kernels of a server that is used for so many seconds at most, at first and at last; their notebooks are closed."""
    hub = enter(url, user, "--kernel", "python3", "--keep-server", "--timeout", "60")
    hub.channel.close()
    end = time.monotonic() + float(seconds)
    seen = [[kernel["id"] for kernel in hub.json("GET", f"{hub.server}api/kernels")]]
    while not seen[1:] or (seen[-1] and time.monotonic() < end):
        time.sleep(0.5)
        hub.request("GET", f"{hub.server}api/contents")
        seen.append([kernel["id"] for kernel in hub.json("GET", f"{hub.server}api/kernels")])
    return [seen[0], seen[-1]]


def weight(user: str) -> dict[str, float]:
    """What a user's server and all its kernels take, in MB: as systemd counts it, as the sum of what each process has in memory,
    and as that sum with what is shared counted once.
    """
    unit = ["systemctl", "show", "--value", "--property", "MemoryCurrent", f"jupyter-{user}"]
    taken = {"systemd": int(subprocess.run(unit, capture_output=True, text=True, check=True).stdout) / 1e6, "rss": 0.0, "pss": 0.0}
    owner = pwd.getpwnam(user).pw_uid
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        if folder.stat().st_uid == owner:
            said = (folder / "smaps_rollup").read_text("utf-8")
            for name in ("Rss", "Pss"):
                taken[name.lower()] += int(re.search(rf"^{name}:\s+(\d+) kB", said, re.M)[1]) / 1000
    return {name: round(value, 1) for name, value in taken.items()}


def weights(url: str, user: str, kernel: str) -> list[dict[str, float]]:
    """What `weight` says of a server that has just started, with one kernel, and with a second one."""
    hub = served(url, user)
    hub.request("GET", f"{hub.server}lab")
    seen = []
    for kernels in range(3):
        if kernels:
            other = enter(url, user, "--kernel", kernel, "--keep-server", "--timeout", "60")
            hubcheck.execute(other, "6 * 7")
        time.sleep(2)
        seen.append(weight(user))
    return seen


def served_only(url: str, *users: str) -> None:
    """Let users have servers, which start at the same time, and go."""
    with ThreadPoolExecutor(len(users)) as pool:
        list(pool.map(lambda user: served(url, user), users))


def opened(url: str, user: str) -> float:
    """A user opens JupyterLab on a server that has just started: seconds of a processor that programs took which that has run."""
    hub = served(url, user)
    hub.request("GET", f"{hub.server}lab")
    time.sleep(3)
    unit = ["systemctl", "show", "--value", "--property", "MainPID", f"jupyter-{user}"]
    number = subprocess.run(unit, capture_output=True, text=True, check=True).stdout.strip()
    # The times of children that were waited for: see proc(5).
    times = pathlib.Path(f"/proc/{number}/stat").read_text("utf-8").rpartition(") ")[2].split()[13:15]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def scopes(url: str, token: str) -> list[str]:
    """What somebody with a token may do, without what others of these scopes hold already."""
    return requests.get(f"{url}hub/api/user", headers={"Authorization": f"token {token}"}, timeout=20).json()["scopes"]


def busy(url: str, user: str) -> None:
    """Let a user's kernel compute, with the browser closed; the server stays."""
    computing(url, user)


def computed(url: str, user: str) -> str:
    """What a user finds who comes back to the computation of `busy`, and to its end."""
    hub = served(url, user)
    pathlib.Path(f"/home/{user}/over").touch()
    return variable(hub, "y")


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
