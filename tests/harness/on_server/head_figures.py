"""What the programs on the hub's machine take: `python head_figures.py NAME ARGUMENT...` calls a function and prints its result as JSON."""

import json
import os
import pathlib
import sqlite3
import statistics
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")
# By program, words of its command line; and the names of those that are told by their name alone.
WORDS = {
    "proxy": "configurable-http-proxy",
    "hub": "/bin/jupyterhub\0",
    "stand-ins": "stand_in.py",
    "users": "many_users.py",
}
NAMES = {"traefik": "proxy", "valkey-server": "routes", "postgres": "database", "slurmctld": "controller"}
# What a process that has just ended answers. Another refusal is told: open files of other users' programs need CAP_SYS_PTRACE.
ENDED = (FileNotFoundError, ProcessLookupError)
NOTHING = {"processor": 0.0, "children": 0.0, "memory": 0, "files": 0, "sockets": 0, "limit": 0, "processes": 0}


def which(folder: pathlib.Path) -> str:
    """The program that a process is of; "" for any other."""
    said = folder.joinpath("cmdline").read_text(errors="replace")
    named = NAMES.get(folder.joinpath("comm").read_text(errors="replace").strip(), "")
    return named or next((name for name, words in WORDS.items() if words in said), "")


def held(folder: pathlib.Path) -> int:
    """A process's memory in bytes, without what it has of files and shares with other programs."""
    for line in folder.joinpath("status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    return 0


def links(folder: pathlib.Path) -> list[str]:
    """What a process has open."""
    found = []
    for file in folder.joinpath("fd").iterdir():
        try:
            found.append(str(file.readlink()))
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


def may_open(folder: pathlib.Path) -> int:
    """How many files a process may open now."""
    for line in folder.joinpath("limits").read_text().splitlines():
        if line.startswith("Max open files"):
            return int(line.split()[3])
    return 0


def figures(database: str = "") -> dict:
    """By program: seconds of a processor, its own and of programs that it has waited for; bytes; open files, sockets, and how many may be.

    `commits` counts what has been written to a database of SQLite's; `seconds` is a clock.
    """
    programs: dict[str, dict] = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name = which(folder)
            if not name:
                continue
            own, system, waited, waited_system = map(int, folder.joinpath("stat").read_text().rpartition(") ")[2].split()[11:15])
            opened = links(folder)
            memory, limit = held(folder), may_open(folder)
        except ENDED:
            continue
        row = programs.setdefault(name, dict(NOTHING))
        row["processor"] += (own + system) / TICK
        row["children"] += (waited + waited_system) / TICK
        row["memory"] += memory
        row["files"] += len(opened)
        row["sockets"] += sum(file.startswith("socket:") for file in opened)
        row["limit"] = min(limit, row["limit"] or limit)
        row["processes"] += 1
    return {"seconds": time.monotonic(), "programs": programs, "commits": commits(database)}


def commits(database: str) -> int | None:
    """The count that SQLite keeps in the head of its file, of each transaction that changed it."""
    try:
        with open(database, "rb") as file:
            return int.from_bytes(file.read(28)[24:28], "big")
    except OSError:
        return None


def commit(folder: str, turns: str = "40") -> float:
    """Seconds for a small change that SQLite has written to the disk of a folder: half of them take no longer."""
    path = pathlib.Path(folder, "probe.sqlite")
    took = []
    try:
        line = sqlite3.connect(path)
        line.execute("CREATE TABLE seen (moment REAL)")
        line.execute("INSERT INTO seen VALUES (0)")
        line.commit()
        for _ in range(int(turns)):
            began = time.perf_counter()
            line.execute("UPDATE seen SET moment = ?", (began,))
            line.commit()
            took.append(time.perf_counter() - began)
        line.close()
    finally:
        path.unlink(missing_ok=True)
    return statistics.median(took)


def servers() -> dict[str, int]:
    """Of users' servers with their kernels: how many servers, and the bytes of all together."""
    found = {"servers": 0, "memory": 0}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid < 1000:
                continue
            found["memory"] += held(folder)
            found["servers"] += "jupyterhub-singleuser" in folder.joinpath("cmdline").read_text(errors="replace")
        except ENDED:
            continue
    return found


def ports() -> int:
    """How many ports this machine has for connections that its programs open to one address and port."""
    low, high = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    return high - low + 1


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
