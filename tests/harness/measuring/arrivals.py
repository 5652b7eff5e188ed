"""A class arrives: users log in within a minute, open JupyterLab and run `%jigsaw`, with default settings and with the published ones.

`python -m tests.harness.measuring.arrivals [USERS [SECONDS]]` measures both and prints what it saw. `make bench` keeps it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Error

from tests.harness.arguments import from_one_on
from tests.harness.browsers import user_browser
from tests.harness.machines import deployment, engine, images
from tests.harness.machines.deployment import BEHIND, CHECK, PYTHON, UNIT
from tests.harness.manifest import CONFIG, NEWEST, PUBLISHED, SAVED_AS, VALUES, Files

HERE = Path(__file__).resolve().parents[2] / "bench"
SERVER = "jupyter/jupyter_server_config.py"
PLAIN = f"http://{VALUES['host']}:{VALUES['hub'].rpartition(':')[2]}{VALUES['base_url']}"  # past any reverse proxy, from another machine
USERS, SPAN = 30, 60  # a class, and the seconds within which it comes
BROWSERS = 2  # of these users have a real one
NOTEBOOK = "blocks.ipynb"
CELL = "%jigsaw Python --workspace shapes\n2 ** 10"
PATIENCE = 240  # seconds that a user waits for all of it
# A unit that starts the hub and says nothing else.
STOCK_UNIT = """[Service]
StateDirectory=jupyterhub
WorkingDirectory=/var/lib/jupyterhub
Environment=PATH=/opt/jupyterhub/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/opt/jupyterhub/bin/jupyterhub --config /etc/jupyterhub/jupyterhub_config.py
"""


@dataclass(frozen=True)
class Setting:
    """A way to set the hub up, without a reverse proxy."""

    name: str
    files: Files = field(default_factory=Files)


# Chromium comes from another machine, so the hub listens on every address.
OPEN = f"http://{VALUES['hub']}{VALUES['base_url']}", f"http://:{VALUES['hub'].rpartition(':')[2]}{VALUES['base_url']}"
OURS = Setting("this guide", PUBLISHED.replace(CONFIG, *OPEN))
STOCK = Setting("stock JupyterHub", Files({CONFIG: (HERE / "stock.py").read_text("utf-8"), SERVER: "c = get_config()\n", UNIT: STOCK_UNIT}))
SETTINGS = [STOCK, OURS]

# The seconds of a processor that were spent: by the hub, by its own proxy, by everybody's servers and kernels; and all that
# there was, busy and idle. Each with the programs that have ended and were waited for.
SPENT = """
import json, os, pathlib, pwd
tick, spent = os.sysconf("SC_CLK_TCK"), {"hub": 0.0, "proxy": 0.0, "users": 0.0}
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        who, said = folder.stat().st_uid, folder.joinpath("cmdline").read_text()
        times = folder.joinpath("stat").read_text().rpartition(") ")[2].split()[11:15]
    except OSError:
        continue
    whose = {"configurable-http-proxy": "proxy", "bin/jupyterhub\\0": "hub"}
    what = "users" if who >= 1000 else next((name for word, name in whose.items() if word in said), "")
    if what:
        spent[what] += sum(map(int, times)) / tick
line = list(map(int, pathlib.Path("/proc/stat").read_text().split("\\n")[0].split()[1:9]))
print(json.dumps(spent | {"idle": sum(line[3:5]) / tick, "all": sum(line) / tick}))
"""


@dataclass
class Room:
    """A hub's machine with users for a class, and a browser on another one."""

    hub: deployment.Hub
    names: list[str]
    browser: Browser | None = None


@contextlib.contextmanager
def room(users: int = USERS, browser: bool = True) -> Iterator[Room]:
    """A machine that is booted, with no hub running, and accounts of so many users, each with a notebook for the blocks."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        machine = stack.enter_context(deployment.machine(NEWEST, network))
        hub = deployment.prepare(machine, NEWEST)
        names = [f"pupil{number:02d}" for number in range(users)]
        cell = {"cell_type": "code", "id": "a", "source": CELL, "metadata": {}, "outputs": [], "execution_count": None}
        about = {"kernelspec": {"name": VALUES["kernel"], "display_name": "My kernel"}}
        notebook = json.dumps({"cells": [cell], "metadata": about, "nbformat": 4, "nbformat_minor": 5})
        create = f"useradd --create-home --groups jupyterhub $n && cp /root/{NOTEBOOK} /home/$n && chown $n: /home/$n/{NOTEBOOK}"
        password = f"echo $n:{hub.passwords['alice']}"
        machine.sh(
            f"{{ for n in {' '.join(names)} warm; do {create} && {password}; done; }} | chpasswd",
            {f"/root/{NOTEBOOK}": notebook, f"{CHECK}/newcomers.py": (HERE / "newcomers.py").read_text("utf-8")},
        )
        made = Room(hub, names)
        if browser:
            made.browser = stack.enter_context(user_browser.chromium(network, {VALUES["host"]: machine.address()}))
        yield made


EMPTY = "systemctl stop jupyterhub 'jupyter-*.service'; for n in {names}; do pkill -KILL -u $n; done; rm -rf /var/lib/jupyterhub/*; true"


def begin(room: Room, setting: Setting) -> None:
    """Start the hub anew by a setting; nobody has a server, and nobody was there before."""
    room.hub.machine.sh(
        EMPTY.format(names=" ".join([*room.names, "warm"])), {SAVED_AS[name]: setting.files.read(name) for name in (CONFIG, SERVER)}
    )
    deployment.start(room.hub, setting.files)


def visit(room: Room, user: str, told: dict[str, float], paths: list[str] | None = None) -> None:
    """A user in a real browser: seconds until the notebook is ready, and until its cell has an output; `paths` gets what a page loads."""
    context = room.browser.new_context(  # type: ignore[union-attr]
        viewport={"width": 1000, "height": 700}
    )
    context.set_default_timeout(1000 * PATIENCE)
    try:
        page = context.new_page()
        if paths is not None:
            start = f"{PLAIN}user/{user}/"
            page.on(
                "request", lambda asked: asked.url.startswith(start) and asked.method == "GET" and paths.append(asked.url[len(start) :])
            )
        began = time.monotonic()
        page.goto(f"{PLAIN}hub/user-redirect/lab/tree/{NOTEBOOK}")
        page.fill("#username_input", user)
        page.fill("#password_input", room.hub.passwords["alice"])
        notebook = user_browser.Notebook(page).load(lambda: page.click("#login_submit"))
        told["notebook"] = round(time.monotonic() - began, 3)
        notebook.run()
        notebook.output().get_by_text("1024").wait_for()
        told["cell"] = round(time.monotonic() - began, 3)
    except Error as error:
        told["error"] = str(error).splitlines()[0]
    finally:
        context.close()


# What a page asks for again and again, or of the kernel that it has, is no part of its load.
ONCE = ("api/kernels", "api/sessions", "api/terminals", "api/contents", "api/events", "oauth_callback", "lab/tree", "api/me")


def loaded(room: Room) -> list[str]:
    """The paths that JupyterLab's page in a real browser loads from a user's server, whose name is in none of them."""
    paths: list[str] = []
    visit(room, "warm", {}, paths)
    return [path for path in paths if not path.startswith(ONCE)]


def spent(room: Room) -> dict[str, float]:
    return json.loads(room.hub.machine.exec(PYTHON, "-c", SPENT).stdout)


def delays(count: int, span: float) -> list[float]:
    """When each of so many users comes: by chance within so many seconds, and always the same."""
    chance = random.Random(2026)
    return sorted(chance.uniform(0, span) for _ in range(count))


def arrive(room: Room, setting: Setting, span: float = SPAN, browsers: int = BROWSERS) -> dict[str, Any]:
    """What each user saw, and what of the processors it took; `browsers` of the users have a real one, if the room has it."""
    begin(room, setting)
    paths = []
    if room.browser:
        paths = loaded(room)
        begin(room, setting)
    else:
        browsers = 0
    every = len(room.names) // browsers if browsers else len(room.names)
    real = room.names[every // 2 :: every][:browsers] if browsers else []
    others = [name for name in room.names if name not in real]
    when = dict(zip(room.names, delays(len(room.names), span), strict=True))
    plan = {"users": {name: when[name] for name in others}, "paths": paths, "cell": CELL, "patience": PATIENCE}
    program = [PYTHON, f"{CHECK}/newcomers.py", BEHIND, f"{CHECK}/alice.txt"]
    before, began = spent(room), time.monotonic()
    command = [engine.named(), "exec", "-i", room.hub.machine.id, *program]
    crowd = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        crowd.stdin.write(json.dumps(plan))  # type: ignore[union-attr]
        crowd.stdin.close()  # type: ignore[union-attr]
        seen = []
        for name in real:
            time.sleep(max(0.0, when[name] - (time.monotonic() - began)))
            seen.append({"user": name, "came": round(time.monotonic() - began, 1)})
            visit(room, name, seen[-1])
        *rows, clients = [json.loads(line) for line in crowd.stdout]  # type: ignore[union-attr]
        crowd.wait(2 * PATIENCE)
    finally:
        crowd.kill()
    after = spent(room)
    took = {what: round(after[what] - before[what], 1) for what in after} | clients
    return {"users": rows, "browsers": seen, "spent": took, "files": len(paths), "seconds": round(time.monotonic() - began, 1)}


def quantiles(rows: list[dict], step: str) -> tuple[float, float]:
    """Half of the users are at a step within the first, 95 of 100 within the second; who never comes there counts as the longest wait."""
    times = [row.get(step, PATIENCE) for row in rows]
    return statistics.median(times), statistics.quantiles(times * 2 if len(times) < 2 else times, n=20, method="inclusive")[-1]


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.harness.measuring.arrivals", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("users", type=from_one_on, nargs="?", default=USERS, metavar="USERS", help=f"how many come ({USERS})")
    parser.add_argument("span", type=from_one_on, nargs="?", default=SPAN, metavar="SECONDS", help=f"within how long ({SPAN})")
    asked = parser.parse_args(given)
    if asked.users <= BROWSERS:
        parser.error(f"argument USERS: {BROWSERS} of them have a browser, so there are {BROWSERS + 1} at least")
    with engine.running():
        images.prepare(wanted=[images.hub(NEWEST), images.browser()])
        with room(asked.users) as made:
            for setting in [*SETTINGS, *SETTINGS[::-1]]:
                seen = arrive(made, setting, asked.span)
                print(setting.name, json.dumps(seen), flush=True)
                for step in ("login", "server", "page", "files", "cell", "editor"):
                    print(f"  {step:8}", *(f"{value:7.2f}" for value in quantiles(seen["users"], step)))
                print(
                    "  browsers",
                    *(row.get("cell", row.get("error")) for row in seen["browsers"]),
                    seen["spent"],
                    os.cpu_count(),
                    flush=True,
                )


if __name__ == "__main__":
    try:
        main()
    except engine.Trouble as trouble:
        sys.exit(f"error: {trouble}")
