"""A working hub as another user of the same machine sees it, from a shell and not through the reverse proxy."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.harness.machines import deployment, engine, faults
from tests.harness.machines.deployment import CHECK, PYTHON, URL

# What browsers follow for the whole host, whichever of its pages sends it.
RULES = (
    "Service-Worker-Allowed",
    "Clear-Site-Data",
    "NEL",
    "Report-To",
    "Reporting-Endpoints",
    "Alt-Svc",
    "Strict-Transport-Security",
)
# By the status of an answer, that none of them reaches a browser.
NO_RULES: dict[str, list[str]] = {"200": [], "404": [], "101": []}
# Where programs of the tests lie so that another user may run them.
TOOLS = "/usr/local/lib/tests"


@contextlib.contextmanager
def working(hub: deployment.Hub, user: str, url: str = URL) -> Iterator[list[str]]:
    """A user works in the hub for the length of a `with` block: a server, two kernels, a terminal. Yields the secrets in play."""
    with faults.meanwhile(hub, "labour", url, user) as task:
        yield json.loads(hub.machine.read(f"{CHECK}/watched")) + environment(hub)
    if not task.result():
        raise RuntimeError("the kernels never said the word")


def environment(hub: deployment.Hub) -> list[str]:
    """The tokens and keys that the hub, its proxy and users' servers hold in their environments and files."""
    script = (
        "cat /var/lib/jupyterhub/jupyterhub_cookie_secret;"
        ' sed -nE \'s/.*"key": "(.*)".*/\\1/p\' /home/*/.local/share/jupyter/runtime/kernel-*.json 2>/dev/null || true'
    )
    tokens = deployment.on_server(hub.machine, "log_traces", "handed_on")
    if not any(name.startswith("JUPYTERHUB_API_TOKEN") for name in tokens):
        raise RuntimeError(f"no user's server has a token: {tokens.keys()}")
    return [*tokens.values(), *hub.machine.sh(script).stdout.split()]


def swept(machine: engine.Container, user: str, words: list[str], seconds: float = 3) -> dict:
    """What `local_scan.py` tells when a user runs it on a hub's machine, with the secrets that it looks for."""
    machine.sh(f"mkdir -p {TOOLS} && cp {CHECK}/local_scan.py {TOOLS}")
    done = machine.exec(PYTHON, f"{TOOLS}/local_scan.py", str(seconds), user=user, input=json.dumps(words), timeout=120)
    return json.loads(done.stdout)


def listeners(machine: engine.Container, *users: str) -> dict[str, str]:
    """Whose each listening TCP port is: {port: what kind of program}. Only a user themselves may look into their programs' files."""
    owners = {}
    for user in ("root", *users):
        for line in machine.exec(PYTHON, "-c", OWNERS, user=user).stdout.splitlines():
            port, command = line.split(" ", 1)
            owners[port] = next((kind for sign, kind in KINDS.items() if sign in command), command)
    return owners


OWNERS = """
import glob, os
of = {}
for name in ("tcp", "tcp6"):
    for row in open(f"/proc/net/{name}"):
        cells = row.split()
        if cells[3] == "0A":
            of[f"socket:[{cells[9]}]"] = int(cells[1].rpartition(":")[2], 16)
for path in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        port, process = of[os.readlink(path)], path.split("/")[2]
        print(port, open(f"/proc/{process}/cmdline").read().replace(chr(0), " ").replace(chr(10), " "))
    except (OSError, KeyError):
        pass
"""
KINDS = {
    "configurable-http-proxy": "the hub's own proxy",
    "jupyterhub-singleuser": "a user's server",
    "bin/jupyterhub": "the hub",
    "ipykernel_launcher": "a kernel",
    "my_kernel": "a kernel",
}


def robbed(hub: deployment.Hub, ports: list[str], disturb: Callable[[], object], seconds: float = 8) -> dict:
    """What mallory gets of the hub's ports while somebody disturbs it; see `port_taker.py`."""
    hub.machine.sh(f"mkdir -p {TOOLS} && cp {CHECK}/port_taker.py {TOOLS}", deployment.ON_SERVER)
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(hub.machine.exec, PYTHON, f"{TOOLS}/port_taker.py", str(seconds), *ports, user="mallory")
        time.sleep(1)
        disturb()
        return json.loads(task.result().stdout)


# A program that is no part of mallory's server, as by SSH or of a friend, and what stands in for the server.
LINES = "/home/mallory/lines"
TOOL = f"{TOOLS}/line_keeper.py"
KEEPS = f"""mkdir -p {TOOLS} && cp {CHECK}/line_keeper.py {TOOLS}
rm -f {LINES}*; install -d -o mallory /home/mallory/.jupyter
systemd-run --quiet --unit lines --uid mallory {PYTHON} {TOOL} keep {LINES}
while ! test -S {LINES}; do sleep 0.1; done"""
STANDS_IN = "/home/mallory/.jupyter/jupyter_server_config.py"
SERVES = f'import os\n\nos.execv("{PYTHON}", ["python", "{TOOL}", "serve", "{LINES}"])\n'


def heard_by_keeper(hub: deployment.Hub, url: str = URL) -> str:
    """What comes, when alice's server starts, by connections to mallory's that mallory's program has kept; see `line_keeper.py`."""
    hub.machine.sh(KEEPS, deployment.ON_SERVER | {STANDS_IN: SERVES})
    try:
        with faults.meanwhile(hub, "stay", url, "alice", "anew"):
            said = hub.on_server("answered", url, "mallory")
            if set(said) != {"I am mallory"}:
                raise RuntimeError(f"mallory's program was not asked: {said}")
            hub.machine.sh(f"! systemctl is-active jupyter-mallory && mv {LINES}.heard {LINES}.before")
        return hub.machine.sh(f"touch {LINES}.heard; cat {LINES}.heard").stdout
    finally:
        hub.machine.sh(f"systemctl stop lines; rm -rf {STANDS_IN} {LINES}*")


def stopped(hub: deployment.Hub, user: str) -> None:
    """A user stops their server, so that the next one reads its configuration anew."""
    hub.on_server("stop", URL, user)


@contextlib.contextmanager
def moved(hub: deployment.Hub, user: str, home: str) -> Iterator[None]:
    """A user whose home lies elsewhere, for the length of a `with` block, at the end of which they have stopped their server."""
    hub.machine.sh(f"mkdir -p $(dirname {home}) && usermod --home {home} --move-home {user}")
    try:
        yield
    finally:
        ended = f"pkill -KILL -u {user}; while pgrep -u {user} >/dev/null; do sleep 0.1; done"
        hub.machine.sh(f"{ended}; usermod --home /home/{user} --move-home {user}")


def ruled(machine: engine.Container, url: str) -> dict[str, list[str]]:
    """By the status of its answer, which headers of RULES reach a browser from a user's program at an address, where no hub runs."""
    return deployment.on_server(machine, "door_actions", "ruled", url, *RULES)
