"""A term in minutes: users come and go for thirty days, some leave tabs open, and Debian rotates the logs every night.

Behind the reverse proxy stand JupyterHub's own proxy and a stand-in for the users' servers. The reverse proxy runs on a booted
machine, so that the work of the night is Debian's own.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.machines import deployment, engine, faults, troubles
from tests.harness.machines.deployment import CHECK, PYTHON, URL
from tests.harness.manifest import PROXIES, PUBLISHED, SAVED_AS, VERSIONS, Files
from tests.harness.measuring import bench
from tests.harness.pairs import WHOLE

SUITE = VERSIONS["debian"][-1]
WORKERS = "apache/jupyterhub-workers.conf"
# Apache's own, and Debian's for it, where the file names none.
NUMBERS = {"ServerLimit": 16, "ThreadsPerChild": 25, "MaxRequestWorkers": 150}
NUMBERS |= {name: int(number) for name, number in re.findall(r"^ *(\w+) +(\d+)$", PUBLISHED.read(WORKERS), re.M)}
PLACES = NUMBERS["ServerLimit"]
# A term each week; each time half of it, in which more stay open to the end: so many that each night leaves old processes.
DAYS = 30 if WHOLE else 16
# Users who come on a working day, and at the weekend; on the last day all come.
WORKDAY, WEEKEND, ALL = 60, 6, 300
# Most tabs are closed in the evening, a few stay open to the end, and the others for some nights.
CLOSED, TO_THE_END, NIGHTS = 0.88, 0.01 if WHOLE else 0.05, 5
CERTIFICATE = 10  # a new one every so many days
PATIENCE = 20  # seconds for an answer; where none is to come
HASTE = 5
QUIET = 4  # seconds in which Apache ends processes that it no longer needs, if it does so: it looks once a second

# Of a reverse proxy's processes: how many they are besides the first, how many of them have begun since the last reload, the
# memory that they share with no file, and their open files.
LOOK = """
cd /proc; first=$(cat {pid}); all=$(pgrep --parent $first)
young=$(cat $(printf '%s/stat ' $all) | awk -v since=$(cat /root/reloaded) '$22 >= since {{ count++ }} END {{ print count + 0 }}')
memory=$(cat $(printf '%s/status ' $first $all) | awk '
    /^RssAnon:/ {{ own += $2 }} /^RssShmem:/ {{ if ($2 > shared) shared = $2 }} END {{ printf "%d", 1024 * (own + shared) }}')
files=$(ls $(printf '%s/fd ' $first $all) | grep -c '^[0-9][0-9]*$')
echo "{{\\"processes\\": $(echo $all | wc -w), \\"young\\": $young, \\"memory\\": $memory, \\"files\\": $files}}"
"""
# The clock by which processes say when they have begun, in hundredths of a second.
NOW = "cut -d ' ' -f 1 /proc/uptime | tr -d . >/root/reloaded"


def days() -> Iterator[tuple[int, list[int], list[int]]]:
    """For each day, the first being a Monday: its number, the tabs that are opened, and those that are closed in the evening."""
    chance, count, closing = random.Random(30), 0, {}
    for day in range(1, DAYS + 1):
        come = list(range(count, count + (ALL if day == DAYS else WEEKEND if _free(day) else WORKDAY)))
        count += len(come)
        for number in come:
            luck = chance.random()
            last = day + (0 if luck < CLOSED else DAYS if luck > 1 - TO_THE_END else chance.randint(1, NIGHTS))
            while last > day and _free(last):
                last += 1
            closing.setdefault(last, []).append(number)
        yield day, come, closing.get(day, [])


def _free(day: int) -> bool:
    return day % 7 in (6, 0)


@contextlib.contextmanager
def place(proxy: str) -> Iterator[tuple[deployment.Hub, engine.Container]]:
    """A server with JupyterHub's own proxy, and a booted machine beside it that has a reverse proxy with the published files."""
    holds = Path(__file__).parents[1].joinpath("on_server/open_tabs.py").read_text("utf-8")
    # Who reads a program that is not there yet ends; so the shell waits for it.
    begin = ("sh", "-c", f"until test -s {CHECK}/open_tabs.py; do sleep 0.05; done; exec {PYTHON} {CHECK}/open_tabs.py")
    with bench.without_hub(*begin) as server, faults.gateway(server.hub, SUITE) as gateway:
        server.hub.machine.put({f"{CHECK}/open_tabs.py": holds})
        faults.serve(gateway, proxy)
        gateway.sh(NOW)
        engine.wait(lambda: server.hub.machine.exec(PYTHON, f"{CHECK}/client.py", "page", f"{URL}page"), timeout=20)
        yield server.hub, gateway


@contextlib.contextmanager
def tabs(hub: deployment.Hub, patience: float) -> Iterator[Any]:
    """`ask(come=[...])` and `ask(leave=[...])`: what users do, and what they see of it. At the end all tabs are closed."""
    program = (PYTHON, f"{CHECK}/open_tabs.py", URL, f"{CHECK}/ca.pem", str(patience))
    command = [engine.named(), "exec", "-i", hub.machine.id, *program]
    users = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(**what: list[int]) -> Any:
        print(json.dumps(what), file=users.stdin, flush=True)
        said = users.stdout.readline()  # type: ignore[union-attr]
        if not said:
            raise RuntimeError(f"the users' program ended with {users.wait()}")
        return json.loads(said)

    try:
        yield ask
    finally:
        users.stdin.close()  # type: ignore[union-attr]
        users.wait(60)


def look(gateway: engine.Container, proxy: str, then: str = "") -> dict[str, int]:
    """What a reverse proxy's processes take; afterwards a command is run."""
    return json.loads(gateway.sh(f"{LOOK.format(pid=PROXIES[proxy].pid)}\n{then}").stdout)


def live(hub: deployment.Hub, gateway: engine.Container, proxy: str, patience: float = PATIENCE) -> list[dict]:
    """What was seen on each day, up to the first on which somebody was refused; last the afternoon of the last day."""
    service = faults.SERVICE[proxy]
    seen = []
    with tabs(hub, patience) as ask:
        for day, come, leave in days():
            told = ask(come=come)
            # In the evening, when all tabs are open, and then the night.
            taken = look(gateway, proxy, f"{NOW}; logrotate --force /etc/logrotate.d/{service}" if day < DAYS else "")
            seen.append({"day": day} | told | taken)
            if told["refused"]:
                break
            if day % CERTIFICATE == 0 and day < DAYS:
                if proxy == "apache":  # It reads its files after logrotate has come back, and ends at half a certificate.
                    gateway.until(f"{troubles.RESUMED} >/dev/null", timeout=30)
                faults.replace_certificate(gateway)
                gateway.sh(f"{NOW}; systemctl reload {service}")
            ask(leave=leave)
        else:
            time.sleep(QUIET)
            told = ask(come=list(range(-ALL // 3, 0)))
            seen.append({"day": DAYS} | told | look(gateway, proxy))
    return seen


@dataclass
class Term:
    """What became of a reverse proxy of `files`: `seen` on each day, the end of its error log, and what is seen after a restart.

    What is seen tells open_tabs.py and `look`, and of JupyterHub's own proxy, under "hub", memory and open files.
    """

    proxy: str
    version: str
    seen: list[dict]
    said: str
    restarted: dict
    files: Files

    def figures(self) -> dict[str, float]:
        """What the page tells of a whole term; memory in megabytes."""
        first, *_, before, last, _ = self.seen  # of the last day, the afternoon is not told
        more = before["processes"] - first["processes"]
        one = (before["memory"] - first["memory"]) / max(more, 1) / 1e6
        return {
            "workday": WORKDAY,
            "all": ALL,
            "open": last["open"],
            "answer": last["answer"],
            "left": max(day["left"] for day in self.seen[:-1]),
            "first_processes": first["processes"],
            "processes": max(day["processes"] for day in self.seen),
            "first_memory": first["memory"] / 1e6,
            "memory": last["memory"] / 1e6,
            "one_more": one,
            "hub_memory": max(day["hub"]["memory"] for day in self.seen) / 1e6,
        } | ({"places": PLACES, "full": PLACES * one} if self.proxy == "apache" else {})


def _lived(hub: deployment.Hub, gateway: engine.Container, proxy: str, version: str, patience: float = PATIENCE) -> Term:
    seen = live(hub, gateway, proxy, patience)
    log = PROXIES[proxy].error_log
    said = gateway.sh(f"cat {log}.1 {log}", check=False).stdout[-4000:]
    gateway.sh(f"systemctl restart {faults.SERVICE[proxy]}; {NOW}")
    with tabs(hub, patience) as ask:
        return Term(proxy, version, seen, said, ask(come=[0]) | look(gateway, proxy), gateway.files)


def of(proxy: str, without: Files | None = None) -> list[Term]:
    """A term with the published files, and on the same machine one without what makes room for it, to its end."""
    with place(proxy) as (hub, gateway):
        version = gateway.sh(PROXIES[proxy].reports).stdout.strip()
        terms = [_lived(hub, gateway, proxy, version)]
        if without:
            gateway.files = without
            gateway.put({SAVED_AS[name]: without.read(name) for name in without.altered})
            gateway.sh(f"systemctl restart {faults.SERVICE[proxy]}; {NOW}")
            terms.append(_lived(hub, gateway, proxy, version, HASTE))
        return terms


def all_at_once(without: dict[str, Files]) -> dict[str, list[Term]]:
    """By reverse proxy what `of` tells, in the time of the longest; `without` are the files of the other terms."""
    deployment.authority()  # one for both
    with ThreadPoolExecutor() as pool:
        made = {proxy: pool.submit(of, proxy, without.get(proxy)) for proxy in PROXIES}
        return {proxy: future.result() for proxy, future in made.items()}


if __name__ == "__main__":
    for terms in all_at_once({}).values():
        print(terms[0].proxy, *terms[0].seen, terms[0].said, terms[0].restarted, sep="\n")
