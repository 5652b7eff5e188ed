"""Configurations that other people have published, in front of one of our hubs, and whether hubcheck finds what is wrong with each.

tests/troubleshooting/strangers holds a file for each, and strangers.toml, which says where each is from, what is faulty in it and
what the check has to say.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import FURTHER_PROXIES, PROXIES, ROOT, VALUES, VERSIONS
from tests.harness.measuring.ladder import LADDER
from tests.harness.spending import spent

FOLDER = ROOT / "tests/troubleshooting/strangers"
SITE = {"nginx": "/etc/nginx/conf.d/jupyterhub.conf", "apache": "/etc/apache2/sites-enabled/jupyterhub.conf"}
# Of the further proxies: where the file is, the server's own check of it, and what starts the server with nothing else.
CADDY, TRAEFIK = "/etc/caddy/Caddyfile", "/etc/traefik/jupyterhub.yaml"
ENTRIES = "--entryPoints.web.address=:80 --entryPoints.websecure.address=:443"
FURTHER = {
    "caddy": (CADDY, f"/opt/caddy/bin/caddy validate --config {CADDY}", f"/opt/caddy/bin/caddy run --config {CADDY}"),
    "traefik": (TRAEFIK, "true", f"/opt/traefik/bin/traefik {ENTRIES} --providers.file.filename={TRAEFIK}"),
}
# What most set-ups lack, and the check meets before it gets to what is faulty in them.
BESIDE = {
    "nginx": {"/etc/nginx/conf.d/beside.conf": "proxy_buffer_size 12k;\nadd_header Cross-Origin-Opener-Policy same-origin always;\n"},
    "apache": {"/etc/apache2/conf-enabled/beside.conf": "Header always set Cross-Origin-Opener-Policy same-origin\n"},
}
# What the set-ups need of a server that Debian's package has just installed.
READY = {"nginx": "true", "apache": "a2enmod --quiet ssl headers rewrite proxy_http proxy_wstunnel && a2dissite --quiet 000-default"}


@dataclass(frozen=True)
class Stranger:
    """A row of strangers.toml. Nothing is wrong with one that has no `rung`; `missed` says why the check is not right of one."""

    name: str
    proxy: str
    source: str
    fault: str
    rung: str = ""
    page: list[str] = field(default_factory=list)
    cause: str = ""
    beside: bool = True
    starts: bool = False
    port: int = 443
    missed: str = ""

    @property
    def text(self) -> str:
        """The proxy's site file."""
        return next(path for path in files() if path.stem == self.name).read_text("utf-8")

    @property
    def user(self) -> str:
        """Who climbs: bob, whose server runs already, or somebody whose server is started."""
        return "alice" if self.starts else "bob"

    @property
    def url(self) -> str:
        return deployment.URL if self.port == 443 else f"https://{VALUES['host']}:{self.port}{VALUES['base_url']}"


def strangers() -> list[Stranger]:
    return [Stranger(**row) for row in tomllib.loads((FOLDER / "strangers.toml").read_text("utf-8"))["stranger"]]


def files() -> list[Path]:
    """The files of the set-ups."""
    return [path for path in sorted(FOLDER.iterdir()) if path.suffix in (".conf", ".caddyfile", ".yaml")]


class FurtherFront:
    """A further proxy's machine in front of a hub, on which set-ups take turns; systemd does not run there."""

    def __init__(self, machine: engine.Container, proxy: str):
        self.machine, self.proxy = machine, proxy
        chain, key = deployment.certificate(VALUES["host"])
        machine.put({VALUES["certificate"]: chain, VALUES["key"]: key})

    def put(self, stranger: Stranger) -> str:
        """As `Front.put`."""
        site, accepts, start = FURTHER[self.proxy]
        end = "test ! -s /root/pid || { kill $(cat /root/pid); while kill -0 $(cat /root/pid); do sleep 0.05; done 2>/dev/null; }"
        script = f"{end}; rm -f /root/pid\n{accepts} >/root/said 2>&1 || {{ cat /root/said >&2; echo REFUSED; exit 0; }}\n"
        # It listens before it has read its routers.
        script += f"(exec {start} >/root/log 2>&1) & echo $! >/root/pid\n{deployment.LISTENS}; sleep 1"
        with spent("start of a reverse proxy"):
            done = self.machine.sh(script, {site: stranger.text})
        return done.stderr if done.stdout.endswith("REFUSED\n") else ""


class Front:
    """A reverse proxy's machine in front of a hub, on which set-ups take turns."""

    def __init__(self, machine: engine.Container, proxy: str):
        self.machine, self.proxy = machine, proxy
        machine.sh(READY[proxy], deployment.placed(proxy) | BESIDE[proxy])

    def put(self, stranger: Stranger) -> str:
        """Have a set-up served by a server that starts anew; what it says of a file that it refuses, of which it then serves nothing."""
        site, (beside,) = SITE[self.proxy], BESIDE[self.proxy]
        row = PROXIES[self.proxy]
        end = f"test ! -s {row.pid} || kill $(cat {row.pid}); timeout 20 sh -c 'while test -e {row.pid}; do sleep 0.02; done'"
        script = f"{end}; test {int(stranger.beside)} = 1 || rm -f {beside}\n{row.accepts} || {{ rm {site}; refused=1; }}\n"
        script += f"({deployment.beginning(self.proxy)}) >/root/started 2>&1 || {{ cat /root/started; exit 1; }}\n"
        script += f'test "$refused" || {{ {deployment.LISTENS}; }}; test -z "$refused" || echo REFUSED'
        with spent("start of a reverse proxy"):
            done = self.machine.sh(script, {site: stranger.text} | BESIDE[self.proxy])
        return done.stderr if done.stdout.endswith("REFUSED\n") else ""


@contextlib.contextmanager
def front(hub: deployment.Hub, proxy: str) -> Iterator[Front | FurtherFront]:
    """A machine for the set-ups of a reverse proxy, as the newest Debian has it with its own site, in front of a hub."""
    if proxy in FURTHER:
        with engine.run(images.server(FURTHER_PROXIES[proxy].servers[-1], proxy).tag, network=f"container:{hub.machine.id}") as machine:
            yield FurtherFront(machine, proxy)
        return
    with deployment.beside(hub, VERSIONS["debian"][-1]) as machine:
        yield Front(machine, proxy)


def judged(stranger: Stranger, rungs: list[dict]) -> tuple[str, str]:
    """What became of a climb, and the last rung in words.

    "exact": the true cause, for certain; "one of": it is among several; "silent": nothing was found in a set-up that works; "not known":
    no cause was named, or nothing found where something is wrong; "another": other causes, of which one is said to hold; "wrong": another
    cause, for certain; "alarm": something was found where nothing is wrong.
    """
    last = rungs[-1]
    if last["ok"]:
        whole = [rung["rung"] for rung in rungs] == LADDER
        return ("silent" if whole and not stranger.rung else "not known"), "all holds"
    told = f"{last['rung']}: {last['said']}\n{last['certainty']}: {last['cause']} {last['page']}"
    if not stranger.rung:
        return "alarm", told
    right = last["rung"] == stranger.rung and last["page"] in stranger.page and re.search(stranger.cause, last["cause"])
    verdicts = {"certain": "exact" if right else "wrong", "one of these": "one of" if right else "another", "not known": "not known"}
    return verdicts[last["certainty"]], told


RIGHT = ("exact", "one of", "silent")
MISSED = ("not known", "another")
