"""`make growth`: what more users take of the hub, its proxy, its database and Slurm's controller, for deploy/growing.md.

`python -m tests.harness.measuring.growth` measures and writes build/growth.json, step by step: a run that was cut off goes on where it
was. What was measured of files that have changed since is measured anew. `--again` begins from nothing.

Real users have a server that is a job of Slurm's on a node, as deploy/slurm.md has it: as many as memory reaches for. Beyond, one program
stands in for all servers (`on_server/stand_in.py`), so that only the hub, its proxy and its database do what they would do.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import math
import os
import re
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _ext.evidence import digest
from _ext.measured import digest_of_lines
from tests.harness.json_files import write_json
from tests.harness.machines import deployment, engine, images, slurm
from tests.harness.machines.deployment import BEHIND, CHECK, PYTHON
from tests.harness.manifest import BUILD, CONFIG, HUBS, PUBLISHED, SAVED_AS, SNIPPETS, Files, snippets

FILE = BUILD / "growth.json"
KIND = HUBS[-1]  # the newest Debian
SQLITE = "/var/lib/jupyterhub/jupyterhub.sqlite"
ON_SERVER = Path(__file__).parents[1] / "on_server"
NEWCOMERS = Path(__file__).parents[2] / "bench/newcomers.py"
TOOLS = [
    Path(__file__),
    NEWCOMERS,
    *(ON_SERVER / name for name in ("head_figures.py", "many_users.py", "stand_in.py")),
]
FOLDERS = ("jupyterhub", "jupyter", "systemd", "slurm", "two-proxies", "database")
# By default.
USERS, NODES, STAND_INS, SECONDS = (2, 10, 50, 200), (2, 4, 10), (0, 50, 200, 500, 1000), 300
# The real ones are watched for no longer: they are many, and what the hub does for them every half minute comes in each minute.
AT_MOST = 60
# So many servers are started on one node, and one in so many seconds: two cores start one server in about three.
PER_NODE, EVERY = 25, 3.0
# Of the memory that is free at the start, users' servers may take this part. Until one was measured, each is taken for so large.
MOST, GUESSED = 0.7, 200 * 2**20
# So much is left at the least, or no step is begun.
RESERVE = 2**30
PORT = 18900  # of the stand-ins
TOGETHER = 20  # of them start at a time
# What a page asks, and how many seconds lie between: many_users.py.
QUESTIONS, EACH_PAGE = ("kernels", "sessions", "terminals"), 10
# By this root counts what programs of others have open.
LOOKS_INTO = ("--cap-add", "SYS_PTRACE")
CELL = "%jigsaw Python --workspace shapes\n2 ** 10"
PATIENCE = 600

# A service that may start anybody's server, in a hub whose users are made up.
SERVICE = """
c.JupyterHub.services.append({{"name": "growth", "api_token": "{token}"}})
scopes = ["admin:users", "admin:servers", "access:servers"]
c.JupyterHub.load_roles.append({{"name": "growth", "services": ["growth"], "scopes": scopes}})
"""
# Users without accounts, whose servers are all one program that is there already.
STAND_IN = """
import json
from jupyterhub.spawner import Spawner
from tornado.httpclient import AsyncHTTPClient

c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True


class StandIn(Spawner):
    there = False

    async def say(self, method):
        about = {{"user": self.user.name, "token": self.api_token, "hub": self.hub.api_url}}
        address = "http://127.0.0.1:{port}/stand-in"
        await AsyncHTTPClient().fetch(address, method=method, body=json.dumps(about), allow_nonstandard_methods=True)

    async def start(self):
        await self.say("POST")
        self.there = True
        return "127.0.0.1", {port}

    async def poll(self):
        return None if self.there else 0

    async def stop(self, now=False):
        await self.say("DELETE")
        self.there = False


c.JupyterHub.spawner_class = StandIn
"""


# --- what is measured


@dataclass(frozen=True)
class Real:
    """So many users with servers on so many nodes."""

    users: int
    nodes: int

    @property
    def key(self) -> str:
        return f"{self.users} users, {self.nodes} nodes"


@dataclass(frozen=True)
class Variant:
    """A way to set up the hub; `image` has what it takes, and `make` installs it before the hub starts."""

    name: str
    image: Callable[[str], images.Image]
    make: str = ""
    files: tuple[str, ...] = ()
    lines: str = ""


@dataclass(frozen=True)
class Standing:
    """So many users with stand-ins, by a `Variant`."""

    users: int
    variant: Variant

    @property
    def key(self) -> str:
        return f"{self.users} stand-ins, {self.variant.name}"


BASE = "the hub's own proxy and SQLite"
# The commands of deploy/two-proxies.md and deploy/database.md, for a hub that nobody has used yet.
VARIANTS = [
    Variant(BASE, images.hub),
    Variant(
        "two Traefiks and SQLite",
        images.two_proxies,
        "systemctl disable --quiet --now valkey-server.service\n"
        "/opt/jupyterhub/bin/pip install --quiet --no-deps --require-hashes --requirement /root/two-proxies/requirements.txt\n"
        '(umask 077; echo "TRAEFIK_PROVIDERS_REDIS_PASSWORD=$(openssl rand -hex 32)" >/etc/jupyterhub/routes.env)\n'
        "systemctl daemon-reload\n"
        "systemctl enable --quiet --now hub-routes.service hub-proxy@1.service hub-proxy@2.service",
        tuple(name for name in SAVED_AS if name.startswith("two-proxies/")),
        'load_subconfig("/etc/jupyterhub/two_proxies.py")\n',
    ),
    Variant(
        "the hub's own proxy and PostgreSQL",
        images.database,
        "runuser --login postgres --command='createuser root'\n"
        "runuser --login postgres --command='createdb --owner=root --encoding=UTF8 --template=template0 jupyterhub'",
        ("database/database.py", "database/hub.conf"),
        'load_subconfig("/etc/jupyterhub/database.py")\n',
    ),
]


def steps(users: Sequence[int], nodes: Sequence[int], stand_ins: Sequence[int]) -> list[Real | Standing]:
    """All that is measured, in order. Raises ValueError where nothing of it can be."""
    real = [Real(many, count) for count in sorted(nodes) for many in sorted(users) if count <= many <= PER_NODE * count]
    lonely = sorted({many for many in users if not any(step.users == many for step in real)})
    if lonely:
        raise ValueError(
            f"{', '.join(map(str, lonely))} users fit on none of {', '.join(map(str, sorted(nodes)))} nodes: "
            f"each node has one user at least, and at most {PER_NODE}"
        )
    return [*real, *(Standing(many, variant) for variant in VARIANTS for many in sorted(stand_ins))]


def reached(asked: int, free: int, each: int) -> int:
    """How many of the users that were asked for there is memory for, in whole tens where not all are."""
    fit = int(MOST * free / each)
    return asked if fit >= asked else max(min(fit, 10), fit // 10 * 10)


def available() -> int:
    """Bytes that new programs can still get on this machine."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    return 0


def shares(before: dict, after: dict) -> dict[str, dict]:
    """By program what it took between two looks: parts of a processor, and what it has now."""
    seconds = after["seconds"] - before["seconds"]
    made = {}
    for name, now in after["programs"].items():
        was = before["programs"].get(name, {})
        spent = {what: max(0.0, now[what] - was.get(what, 0.0)) / seconds for what in ("processor", "children")}
        made[name] = now | {what: round(value, 5) for what, value in spent.items()}
    return made


def between(before: dict, after: dict, what: str = "commits") -> float | None:
    """How many in a second, of what is counted up."""
    if before[what] is None or after[what] is None:
        return None
    return round((after[what] - before[what]) / (after["seconds"] - before["seconds"]), 4)


def worked(before: dict, after: dict, program: str, what: str, users: int) -> float:
    """Seconds of a processor between two looks, for each user."""
    spent = (look["programs"].get(program, {}).get(what, 0.0) for look in (after, before))
    return round((next(spent) - next(spent)) / users, 3)


def quantiles(values: Sequence[float]) -> tuple[float, float]:
    """Half of the values are no larger than the first, 95 of 100 no larger than the second."""
    late = statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
    return round(statistics.median(values), 3), round(late, 3)


# --- users and figures


@dataclass
class Crowd:
    """The program on the hub's machine that is all users."""

    machine: engine.Container
    process: subprocess.Popen

    def do(self, **asked: Any) -> dict:
        """What it says when it has done something. Raises RuntimeError where it says that it could not."""
        self.process.stdin.write(json.dumps(asked) + "\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise RuntimeError(f"the users' program has ended: {self.machine.sh(f'cat {CHECK}/users.log', check=False).stdout[-2000:]}")
        said = json.loads(line)
        if "error" in said:
            raise RuntimeError(f"{next(iter(asked))}: {said['error']}")
        return said


@contextlib.contextmanager
def crowd(machine: engine.Container, token: str) -> Iterator[Crowd]:
    """Users on the hub's machine for the length of a `with` block; afterwards all have closed what they had open."""
    machine.put({f"{CHECK}/{path.name}": path.read_text("utf-8") for path in TOOLS[1:]})
    run = f"exec env TOKEN={token} {PYTHON} {CHECK}/many_users.py {BEHIND} {CHECK}/alice.txt 2>{CHECK}/users.log"
    command = [engine.named(), "exec", "-i", machine.id, "sh", "-c", run]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Crowd(machine, process)
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def sound(watched: dict, users: int, seconds: float) -> None:
    """Raises RuntimeError unless all pages were served while they were watched: there are no figures of others."""
    if watched["open"] < 2 * users:
        raise RuntimeError(f"{watched['open']} of {2 * users} WebSockets are open")
    if watched["refused"]:
        raise RuntimeError(f"{watched['refused']} of {watched['asked']} questions of pages were refused")
    least = len(QUESTIONS) * users * int(seconds / EACH_PAGE - 1)
    if watched["asked"] < least:
        raise RuntimeError(f"{watched['asked']} questions of pages were answered, of {least} at the least")


def figures(machine: engine.Container, name: str = "figures", *arguments: str) -> Any:
    return json.loads(machine.exec(PYTHON, f"{CHECK}/head_figures.py", name, *arguments).stdout)


def configuration(token: str, more: str = "", text: str | None = None) -> str:
    return (text or PUBLISHED.read(CONFIG)) + SERVICE.format(token=token) + more


# --- real users


@dataclass
class Room:
    """A cluster on which jobs can be started, with accounts for `names`."""

    cluster: slurm.Cluster
    names: list[str]
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def head(self) -> engine.Container:
        return self.cluster.hub.machine


def for_nodes(name: str, nodes: int) -> str:
    """A published file of Slurm's, for so many nodes in place of two."""
    names = [host for host in slurm.addresses(nodes) if host != "head"]
    text = PUBLISHED.read(name)
    if name.endswith(".nft"):
        return text.replace(", ".join(slurm.ADDRESSES[host] for host in slurm.NODES), ", ".join(slurm.addresses(nodes)[it] for it in names))
    # More than there is: what the users' programs get of it, nobody measures here.
    declared = f"CPUs={PER_NODE * 2} RealMemory={PER_NODE * 2 * 2048}\nSlurmdParameters=config_overrides"
    text = text.replace("CPUs=2 RealMemory=6000", declared)
    # Otherwise all jobs are on the first node, which has room for them.
    return re.sub("^PartitionName=.*", r"\g<0> LLN=YES", text, flags=re.M).replace(",".join(slurm.NODES), ",".join(names))


# Accounts with alice's password and the group that the hub lets in; homes are made once, on the head.
ACCOUNTS = """hash=$(getent shadow alice | cut -d: -f2); group=$(getent group jupyterhub | cut -d: -f3); number=3000
for name in {names}; do
    number=$((number + 1))
    echo "$name:x:$number:$group::/home/$name:/bin/bash" >>/etc/passwd
    echo "$name:$hash:20000:0:99999:7:::" >>/etc/shadow
    {home}
done"""
HOME = "install --directory --owner=$number --group=$group --mode=700 /home/$name"


@contextlib.contextmanager
def room(nodes: int, users: int) -> Iterator[Room]:
    """A cluster by the files of deploy/slurm.md, with accounts for so many users."""
    images.prepare(wanted=[*images.before(images.hub(KIND)), images.hub(KIND)])
    with slurm.machines(KIND, *LOOKS_INTO, nodes=nodes) as cluster:
        made = Room(cluster, [f"pupil{number:03d}" for number in range(1, users + 1)])
        head, names = cluster.hub.machine, " ".join(made.names)
        deployment.end(cluster.hub)
        placed = {SAVED_AS[name]: for_nodes(name, nodes) for name in ("slurm/slurm.conf", "slurm/cgroup.conf", "slurm/firewall-head.nft")}
        text = f'{PUBLISHED.read(CONFIG)}\nload_subconfig("{SAVED_AS["slurm/slurm.py"]}")\n'
        placed |= {SAVED_AS["slurm/slurm.py"]: PUBLISHED.read("slurm/slurm.py"), SAVED_AS[CONFIG]: configuration(made.token, text=text)}
        head.sh(f"nft --file {SAVED_AS['slurm/firewall-head.nft']}; systemctl restart slurmctld.service", placed)
        head.sh(ACCOUNTS.format(names=names, home=HOME))
        for node in cluster.nodes.values():
            cluster.hand_out_the_key(node)
            firewall = SAVED_AS["slurm/firewall-node.nft"]
            files = {firewall: for_nodes("slurm/firewall-node.nft", nodes)}
            files |= {f"/root/slurm/{name}": PUBLISHED.read(f"slurm/{name}") for name in ("requirements.txt", "node.sh")}
            node.sh(f"nft --file {firewall}; cd /root/slurm && sh node.sh && rm munge.key", files)
            node.sh(ACCOUNTS.format(names=names, home="true"))
        cluster.ready()
        yield made


def emptied(room: Room) -> None:
    """Nobody has a server, and the hub, which runs, has never seen anybody."""
    room.head.sh("systemctl stop jupyterhub; scancel --partition=jupyter; rm -rf /var/lib/jupyterhub/*")
    room.head.until("! squeue --noheader | grep .", 120)
    deployment.start(room.cluster.hub)


def real(room: Room, step: Real, seconds: float, users: int) -> dict:
    """What so many users saw who came one after another and stayed, and what their hub took."""
    emptied(room)
    with crowd(room.head, room.token) as people:
        names = room.names[:users]
        looks = [figures(room.head, "figures", SQLITE)]
        arrival = {name: round(place * EVERY, 2) for place, name in enumerate(names)}
        seen = people.do(arrive=arrival, cell=CELL, patience=PATIENCE)["users"]
        if wrong := [f"{row['user']}: {row['error']}" for row in seen if "error" in row]:
            raise RuntimeError(f"{len(wrong)} of {users} users did not come to a computed cell: {wrong[0]}")
        looks.append(figures(room.head, "figures", SQLITE))
        held = [figures_of_servers(node) for node in room.cluster.nodes.values()]
        on = [row["servers"] for row in held]
        if not all(on):
            raise RuntimeError(f"a node has no server: {on} are on them")
        looks.append(figures(room.head, "figures", SQLITE))
        watched = people.do(watch=min(seconds, AT_MOST))
        sound(watched, users, min(seconds, AT_MOST))
        looks.append(figures(room.head, "figures", SQLITE))
    waits = {what: [row[what] for row in seen] for what in ("login", "cell", "server")}
    # From the moment on at which the hub begins to start a server.
    cells = {
        what: quantiles([value - login for value, login in zip(waits[what], waits["login"], strict=True)]) for what in ("server", "cell")
    }
    start = {name: worked(looks[0], looks[1], *which, users) for name, which in STARTS.items()}
    return {
        "kind": "real",
        "asked": step.users,
        "users": users,
        "nodes": step.nodes,
        "on": on,
        "cells": cells | {"login": quantiles(waits["login"])},
        "start": start,
        "server": round(sum(row["memory"] for row in held) / max(1, sum(row["servers"] for row in held))),
        "programs": shares(looks[-2], looks[-1]),
        "commits": between(looks[-2], looks[-1]),
        "window": looks[-1]["seconds"] - looks[-2]["seconds"],
        "answers": quantiles(watched["answers"]),
        "open": watched["open"],
        "lost": watched["lost"],
    }


STARTS = {
    "hub": ("hub", "processor"),
    "commands": ("hub", "children"),
    "proxy": ("proxy", "processor"),
    "controller": ("controller", "processor"),
}


def figures_of_servers(node: engine.Container) -> dict[str, int]:
    node.put({f"{CHECK}/head_figures.py": (ON_SERVER / "head_figures.py").read_text("utf-8")})
    return figures(node, "servers")


# --- stand-ins


@dataclass
class Stage:
    """A hub whose users' servers are one program, and the users who are there."""

    machine: engine.Container
    people: Crowd
    users: int = 0


@contextlib.contextmanager
def stage(variant: Variant) -> Iterator[Stage]:
    """A hub by a variant, with nobody there."""
    images.prepare(wanted=[*images.before(images.hub(KIND)), images.hub(KIND)])
    token = secrets.token_hex(16)
    text = configuration(token, STAND_IN.format(port=PORT) + variant.lines)
    files = Files({CONFIG: text})
    with deployment.machine(KIND, options=(*deployment.NAMED, *LOOKS_INTO), image=variant.image) as machine:
        hub = deployment.prepare(machine, KIND, files)
        machine.sh(variant.make or "true", {SAVED_AS[name]: PUBLISHED.read(name) for name in variant.files})
        machine.put({f"{CHECK}/{path.name}": path.read_text("utf-8") for path in TOOLS[1:]})
        machine.sh(f"systemd-run --quiet --unit=stand-ins --property=LimitNOFILE=100000 {PYTHON} {CHECK}/stand_in.py {PORT}")
        machine.until(f"{PYTHON} -c '{LISTENS}'")
        deployment.start(hub, files)
        with crowd(machine, token) as people:
            yield Stage(machine, people)


LISTENS = f'import socket; socket.create_connection(("127.0.0.1", {PORT}), 2)'


def stand_ins(stage: Stage, step: Standing, seconds: float) -> dict:
    """What so many users take, of whom those who are missing come first."""
    people, names = stage.people, [f"user{number:05d}" for number in range(stage.users, step.users)]
    begun = figures(stage.machine, "figures", SQLITE)
    came = people.do(start=names, together=TOGETHER) if names else {"seconds": 0, "each": [], "failed": 0}
    if came["failed"]:
        raise RuntimeError(f"{came['failed']} of {len(names)} stand-ins did not start: {came['wrong'][0]}")
    stage.users = step.users
    there = figures(stage.machine, "figures", SQLITE)
    # Pages that have just been opened are busy.
    time.sleep(5)
    before = figures(stage.machine, "figures", SQLITE)
    watched = people.do(watch=seconds)
    after = figures(stage.machine, "figures", SQLITE)
    sound(watched, step.users, seconds)
    spawned = people.do(spawn=[f"more{number}" for number in range(3)])["spawn"]
    return {
        "kind": "stand-ins",
        "asked": step.users,
        "users": step.users,
        "variant": step.variant.name,
        "start": {name: worked(begun, there, *which, len(names)) for name, which in STARTS.items()} if names else {},
        "started": [round(value, 3) for value in quantiles(came["each"])] if came["each"] else [],
        "programs": shares(before, after),
        "commits": between(before, after),
        "window": after["seconds"] - before["seconds"],
        "answers": quantiles(watched["answers"]),
        "page": watched["polls"],
        "spawn": [round(value, 3) for value in spawned],
        "open": watched["open"],
        "lost": watched["lost"],
    }


# --- the run


def told() -> dict:
    """What the figures depend on: the files that were published and measured, and what measured them."""
    measured = [name for name in snippets() if name.split("/")[0] in FOLDERS]
    return {"files": {name: digest_of_lines(SNIPPETS / name) for name in measured}, "tools": {path.name: digest(path) for path in TOOLS}}


def nothing() -> dict:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    machine = {"cores": os.cpu_count(), "memory": memory, "most": MOST}
    return told() | {"steps": {}, "limits": {}, "versions": {}, "base": BASE, "machine": machine, "seconds": 0}


def _kept() -> dict:
    """What an earlier run has left that still counts."""
    try:
        found = json.loads(FILE.read_text("utf-8"))
        if {name: found[name] for name in told()} == told():
            return nothing() | found
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return nothing()


def _versions(machine: engine.Container, more: str = "") -> dict[str, str]:
    ask = "import importlib.metadata as m, platform as p; print(m.version('jupyterhub'), m.version('jupyterlab'), p.python_version())"
    told = dict(zip(("JupyterHub", "JupyterLab", "Python"), machine.exec(PYTHON, "-c", ask).stdout.split(), strict=True))
    debian = machine.sh("cat /etc/debian_version").stdout.strip()
    return told | {"Debian": debian} | ({"Slurm": more} if more else {})


def _limits(machine: engine.Container) -> dict[str, Any]:
    return {"ports": figures(machine, "ports"), "commit": figures(machine, "commit", "/var/lib/jupyterhub")}


def _measured(found: dict) -> int:
    """Bytes of a real server with a kernel, the largest that was seen; 0 before."""
    return max((row["server"] for row in found["steps"].values() if row["kind"] == "real"), default=0)


def measure(say: Callable[[str], None], plan: Sequence[Real | Standing], seconds: float = SECONDS, again: bool = False) -> None:
    """Measure what is not measured yet; progress goes to `say`, line by line."""
    found = nothing() if again else _kept()
    left = [step for step in plan if step.key not in found["steps"]]
    if not left:
        say(f"all {len(plan)} steps are measured, of these very files: {FILE.relative_to(BUILD.parent)}; --again measures anew")
        return
    free, began, before = available(), time.monotonic(), found["seconds"]

    def keep(step: Real | Standing, row: dict, start: float) -> None:
        found["steps"][step.key] = row
        found["date"] = datetime.date.today().isoformat()
        found["seconds"] = round(before + time.monotonic() - began)
        write_json(FILE, found)
        say(f"{sum(it.key in found['steps'] for it in plan):2d} of {len(plan)}  {step.key}  {time.monotonic() - start:.0f} s")

    jobs = [step for step in left if isinstance(step, Real)]
    for nodes in sorted({step.nodes for step in jobs}):
        here = [step for step in jobs if step.nodes == nodes]
        with room(nodes, max(step.users for step in here)) as made:
            found["versions"] |= _versions(made.head, made.cluster.release())
            for step in here:
                users = reached(step.users, free, _measured(found) or GUESSED)
                if users < step.users:
                    say(f"{step.key}: memory reaches for {users}")
                if available() < RESERVE:
                    raise engine.Trouble("less than 1 GB of memory is free: end other programs, and run it again.")
                start = time.monotonic()
                keep(step, real(made, step, seconds, users), start)
    standing = [step for step in left if isinstance(step, Standing)]
    for variant in VARIANTS:
        here_too = [step for step in standing if step.variant == variant]
        if not here_too:
            continue
        with stage(variant) as there:
            found["versions"] |= _versions(there.machine)
            if variant.name == BASE:
                found["limits"] = _limits(there.machine)
            for item in here_too:
                start = time.monotonic()
                keep(item, stand_ins(there, item, seconds), start)
    say(f"{FILE.relative_to(BUILD.parent)}: measured in {found['seconds'] // 60} min {found['seconds'] % 60} s")


def numbers(least: int, most: int) -> Callable[[str], tuple[int, ...]]:
    """How a list of numbers on the command line is read."""

    def read(text: str) -> tuple[int, ...]:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not all(part.isdecimal() and least <= int(part) <= most for part in parts):
            raise argparse.ArgumentTypeError(f"{text!r}: numbers from {least} to {most}, with commas between them, such as 2,10")
        return tuple(sorted({int(part) for part in parts}))

    return read


def positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 10 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r}: seconds, from 10 to 3600")
    return value


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="growth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=numbers(1, 200), help="real users, by default 2,10,50,200; memory may reach for fewer")
    parser.add_argument("--nodes", type=numbers(1, 50), default=NODES, help="by default 2,4,10")
    parser.add_argument("--stand-ins", type=numbers(0, 20_000), help="by default 0,50,200,500,1000; none where --users is given")
    parser.add_argument("--seconds", type=positive, default=SECONDS, help="how long stand-ins are watched, by default 300")
    parser.add_argument("--again", action="store_true", help="measure everything anew, not only what is missing")
    asked = parser.parse_args(given)
    users = asked.users if asked.users is not None else () if asked.stand_ins is not None else USERS
    stand_ins = asked.stand_ins if asked.stand_ins is not None else () if asked.users is not None else STAND_INS
    try:
        plan = steps(users, asked.nodes, stand_ins)
        with engine.running():
            engine.sweep()
            measure(lambda line: print(line, flush=True), plan, asked.seconds, asked.again)
    except KeyboardInterrupt:
        print("cut off; the next run goes on from here", file=sys.stderr)
        return 130
    except (engine.Trouble, RuntimeError, ValueError) as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
