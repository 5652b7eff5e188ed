"""`make bench`: measures the published files and other configurations in one run, for deploy/speed.md.

`python -m tests.harness.measuring.bench` measures and writes build/bench.json, item by item: a run that was cut off goes on where it
was. What was measured of files that have changed since is measured anew. `--again` begins from nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from _ext.evidence import digest
from _ext.measured import digest_of_lines
from tests.harness.browsers import user_browser
from tests.harness.json_files import write_json
from tests.harness.machines import deployment, engine, images, ready_scripts
from tests.harness.machines.deployment import CHECK, PYTHON, URL
from tests.harness.manifest import BUILD, NEWEST, PROXIES, PUBLISHED, SNIPPETS, VALUES, Files, snippets
from tests.harness.measuring import arrivals
from tests.harness.measuring.evidence import reported

HERE = Path(__file__).resolve().parents[2] / "bench"
FILE = BUILD / "bench.json"
KIND = "bookworm"  # one system for all: what is compared is what stands in the files
PLAIN = URL.replace("https", "http")
DEFAULTS = (HERE / "defaults.py").read_text("utf-8")
LINK = f"{CHECK}/link.json"  # what relay.py reads


def _of(name: str) -> Files:
    """A configuration of this folder in the place of a proxy's published one, without what else we publish."""
    proxy = name.split("-")[1].split(".")[0]
    changed = {f"{proxy}/jupyterhub.conf": (HERE / name).read_text("utf-8")}
    if proxy == "nginx":
        changed["nginx/enable.sh"] = "#!/bin/sh\nset -eu\nnginx -t\nnginx -s reload\n"
    if proxy == "apache":
        changed["apache/jupyterhub-workers.conf"] = ""
        changed["apache/enable.sh"] = PUBLISHED.read("apache/enable.sh").replace("proxy_http", "proxy_http proxy_wstunnel rewrite")
    return Files(changed)


@dataclass(frozen=True)
class Way:
    """A way from a browser to the hub. alice has the published jupyter_server_config.py, mallory has Jupyter's own defaults."""

    name: str
    proxy: str = ""
    files: Files = field(default_factory=Files)
    user: str = "mallory"
    # Whether the reverse proxy has the compressed scripts of deploy/faster.md, which it sends itself.
    ready: bool = False

    @property
    def url(self) -> str:
        return URL if self.proxy else PLAIN


LABELS = {name: proxy.label for name, proxy in PROXIES.items()}
WAYS = [
    Way("no reverse proxy"),
    Way("nginx, original guide", "nginx", _of("original-nginx.conf")),
    Way("Apache, original guide", "apache", _of("original-apache.conf")),
    Way("nginx, JupyterHub docs mended", "nginx", _of("jupyterhub-nginx.conf")),
    Way("nginx, this guide", "nginx", PUBLISHED, "alice"),
    Way("Apache, this guide", "apache", PUBLISHED, "alice"),
]


# Ends a reverse proxy, and returns when it is gone.
GONE = "while pgrep -x {} >/dev/null; do sleep 0.05; done"
STOPS = {"nginx": f"nginx -s stop; {GONE.format('nginx')}", "apache": f"apachectl stop; {GONE.format('apache2')}"}


@dataclass
class Turns:
    """One server, and reverse proxies that take turns in front of it; `stack` ends what is made on the way."""

    hub: deployment.Hub
    stack: contextlib.ExitStack
    made: dict[tuple, engine.Container] = field(default_factory=dict)  # reverse proxies, by what they are made from

    @contextlib.contextmanager
    def behind(self, way: Way) -> Iterator[engine.Container | None]:
        """The way's reverse proxy in front of the hub, if it has one. Afterwards it is stopped, and stays for the next time."""
        if not way.proxy:
            yield None
            return
        parts = (way.proxy, *((name, way.files.read(name)) for name in way.files.altered))
        if parts in self.made:
            deployment.begin(self.made[parts], way.proxy)
            self.made[parts].sh(deployment.LISTENS)
        else:
            machine = self.stack.enter_context(deployment.beside(self.hub, KIND))
            if way.ready:
                ready_scripts.place(machine, way.proxy)
            deployment.install(machine, way.proxy, way.files)
            self.made[parts] = machine
        try:
            yield self.made[parts]
        finally:
            self.made[parts].sh(STOPS[way.proxy])


@dataclass
class Bench(Turns):
    """The same of a whole hub, with a link to it and a browser at the other end of the link."""

    link: engine.Container = None  # type: ignore[assignment]
    browser: Browser = None  # type: ignore[assignment]
    entered: dict[tuple, Any] = field(default_factory=dict)  # cookies, by user and address
    light: Turns | None = None  # a server without a hub, once it is asked for

    def far(self, rtt: float = 0, rate: float = 0) -> None:
        """Connections that are opened from now on take `rtt` milliseconds there and back, at `rate` megabits per second (0: no limit)."""
        self.link.sh(f"echo '{json.dumps({'rtt': rtt, 'rate': rate})}' >{LINK}.new && mv {LINK}.new {LINK}")

    def client(self, name: str, *arguments: object, timeout: float = 300) -> Any:
        """What a function of client.py returns, at the other end of the link."""
        return _client(self.link, name, *arguments, timeout=timeout)


def _client(machine: engine.Container, name: str, *arguments: object, timeout: float = 300) -> Any:
    return json.loads(machine.exec(PYTHON, f"{CHECK}/client.py", name, *map(str, arguments), timeout=timeout).stdout)


def _tools() -> dict[str, str | bytes]:
    """What the client needs on a machine that has JupyterHub's environment."""
    own = {f"{CHECK}/{name}": (HERE / name).read_text("utf-8") for name in ("client.py", "relay.py")}
    return {
        **deployment.ON_SERVER,
        **own,
        f"{CHECK}/hubcheck.py": PUBLISHED.read("check/hubcheck.py"),
        f"{CHECK}/ca.pem": deployment.authority().cert_pem.bytes(),
        LINK: '{"rtt": 0, "rate": 0}',
    }


@contextlib.contextmanager
def _bench() -> Iterator[Bench]:
    # The hub has to be reached without a proxy too, so it listens on every address here.
    bind = f"http://{VALUES['hub']}{VALUES['base_url']}"
    files = PUBLISHED.replace("jupyterhub/jupyterhub_config.py", bind, bind.replace("127.0.0.1", ""))
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        hub = stack.enter_context(deployment.hub(NEWEST, files, network))
        # Jupyter cuts a cell's output at a million characters a second. Here all of it is to be seen.
        unlimited = "c = get_config()\nc.ZMQChannelsWebsocketConnection.limit_rate = False\n"
        for user, text in (("alice", unlimited), ("mallory", DEFAULTS + unlimited)):
            write = "mkdir -p ~/.jupyter && cat >~/.jupyter/jupyter_server_config.py"
            hub.machine.exec("sh", "-c", write.replace("~", f"/home/{user}"), user=user, input=text)
        hub.machine.put(_tools())
        here = engine.known({VALUES["host"]: "127.0.0.1"})
        link = stack.enter_context(engine.run(images.hub(NEWEST).tag, network=network, options=here))
        link.put(_tools() | {f"{CHECK}/{user}.txt": password for user, password in hub.passwords.items()})
        beyond = hub.machine.address()
        ports = [f"443={beyond}:443", f"80={beyond}:{VALUES['hub'].rpartition(':')[2]}"]
        engine.cli("exec", "--detach", link.id, PYTHON, f"{CHECK}/relay.py", LINK, *ports)
        chromium = stack.enter_context(user_browser.chromium(network, {VALUES["host"]: link.address()}))
        yield Bench(hub, stack, link=link, browser=chromium)


# --- a kernel's answers

# Delay of the link in milliseconds; answers and echoes, each in five rounds; outputs of 20 MB.
NEAR, FAR_AWAY = "0:20:5:2", ["40:4:2:2", "150:3:1:2"]


def replies(bench: Bench, way: Way) -> dict:
    """From the hub's machine itself, where no link is in between, and from the other end of the link."""
    with bench.behind(way):
        near = way.url if way.proxy else deployment.BEHIND
        return _client(bench.hub.machine, "replies", near, way.user, NEAR) | bench.client("replies", way.url, way.user, *FAR_AWAY)


# --- JupyterLab and Notebook 7 in a browser

LINKS = [(100, 10), (20, 40), (5, 40)]  # megabits per second, milliseconds
SLOW = LINKS[-1]
TURNS = ["first", "next"]
APPLICATIONS = {"JupyterLab": ("lab?reset", ".jp-LauncherCard"), "Notebook 7": ("tree", ".jp-DirListing-content")}


def _profile(bench: Bench, state: Any = None) -> BrowserContext:
    """A new profile with an empty cache; `state` are the cookies of somebody who has logged in."""
    context = bench.browser.new_context(viewport={"width": 1000, "height": 700}, storage_state=state)
    context.set_default_timeout(120_000)
    return context


def _entered(bench: Bench, way: Way) -> Any:
    """The cookies of the way's user, whose server runs. They are good behind every reverse proxy, so each user logs in once."""
    who = (way.user, way.url)
    if who not in bench.entered:
        context = _profile(bench)
        page = context.new_page()
        user_browser.sign_in(page, way.user, bench.hub.passwords[way.user], url=way.url)
        page.wait_for_url(re.compile(rf"/user/{way.user}/"))
        # Not its local storage: to write that, the next profile would connect before the link is what it is to be.
        bench.entered[who] = {"cookies": context.cookies()}
        context.close()
    return bench.entered[who]


def _load(context: BrowserContext, way: Way, application: str) -> dict:
    """Open an application in a new tab: bytes that came, requests that went out, seconds until one can click."""
    path, ready = APPLICATIONS[application]
    page = context.new_page()
    seen = {"bytes": 0, "requests": 0}
    cached: set[str] = set()
    network = context.new_cdp_session(page)
    network.on("Network.requestServedFromCache", lambda event: cached.add(event["requestId"]))

    def finished(event):
        seen["bytes"] += event["encodedDataLength"]
        seen["requests"] += event["requestId"] not in cached and event["encodedDataLength"] > 0

    network.on("Network.loadingFinished", finished)
    network.send("Network.enable")
    began = time.monotonic()
    page.goto(f"{way.url}user/{way.user}/{path}", wait_until="commit")
    page.locator(ready).first.wait_for()
    seen["seconds"] = round(time.monotonic() - began, 2)
    page.close()
    return seen


def _turns(bench: Bench, way: Way, rate: float, rtt: float, application: str = "JupyterLab", turns: int = 2) -> list[dict]:
    """What `_load` sees over a link, with an empty cache first, then with what the load before has left there.

    RuntimeError if more came than the link lets through: then some of it went around the link.
    """
    state = _entered(bench, way)
    bench.far(rtt, rate)
    context = _profile(bench, state)
    try:
        loads = [_load(context, way, application) for _ in range(turns)]
        for load in loads:
            if rate and load["bytes"] * 8e-6 > 1.05 * rate * load["seconds"]:
                raise RuntimeError(f"{way.name}: {load['bytes']} bytes in {load['seconds']} s are more than {rate} Mbit/s")
        return loads
    finally:
        context.close()
        bench.far()


# What is compared most: over every link, and more than once. The others have the slowest link alone, where it shows most.
THOROUGHLY = [way for way in WAYS if way.name in ("nginx, original guide", "nginx, this guide", "Apache, this guide")]


def pages(bench: Bench, way: Way) -> dict:
    """By application and turn, and by the link's speed, what `_load` sees."""
    found: dict[str, dict] = {}
    with bench.behind(way):
        for (rate, rtt), application in itertools.product(LINKS if way in THOROUGHLY else [SLOW], APPLICATIONS):
            for turn, seen in zip(TURNS, _turns(bench, way, rate, rtt, application), strict=True):
                found.setdefault(f"{application}, {turn} load", {})[f"{rate} Mbit/s"] = seen
    return found


def again(bench: Bench, way: Way) -> list[dict]:
    """JupyterLab's first load over the slowest link, twice more: much else was measured since, so a slow minute shows."""
    with bench.behind(way):
        return [_turns(bench, way, *SLOW, turns=1)[0] for _ in range(2)]


# --- how much goes through

CALLERS = 16  # at a time
ROUNDS = 3  # each of a second, which is a thousand answers


def _calls(machine: engine.Container, url: str) -> float:
    """Answers in a second to callers that keep their connections, as ApacheBench counts them. RuntimeError if any is an error."""
    as_a_page_does = ("-H", "Accept-Encoding: gzip", "-H", "Sec-Fetch-Site: same-origin")
    command = ["ab", "-q", "-k", "-t", "1", "-n", "500000", "-c", str(CALLERS), *as_a_page_does, url]
    said = machine.exec(*command).stdout
    if re.search(r"Non-2xx|Failed requests: +[1-9].*\n.*(Connect: [1-9]|Exceptions: [1-9])", said):
        raise RuntimeError(f"{url}: {said}")
    return float(re.search(r"Requests per second: +([\d.]+)", said)[1])  # type: ignore[index]


# Of JupyterLab's scripts the one nearest to 100 KB.
MIDDLING = "ls -l {}/*.js | awk '{{ d = $5 - 100000; print (d < 0 ? -d : d), $NF }}' | sort -n | head -n 1 | sed 's|.*/||'"
STATIC = f"{VALUES['environment']}/share/jupyter/lab/static"


# Both below a way's address.
API_PATH = "hub/api"


def _script_path(bench: Bench, way: Way) -> str:
    return f"user/{way.user}/static/lab/{bench.hub.machine.sh(MIDDLING.format(STATIC)).stdout.strip()}"


def calls(bench: Bench, way: Way) -> dict[str, list[float]]:
    """Answers in a second, round by round."""
    base = way.url if way.proxy else deployment.BEHIND
    with bench.behind(way) as proxy, contextlib.ExitStack() as stack:
        bench.client("ready", way.url, way.user)
        machine = proxy or stack.enter_context(deployment.beside(bench.hub, KIND))
        paths = {"the hub's API": API_PATH, "a script of 100 KB": _script_path(bench, way)}
        seen: dict[str, list] = {what: [] for what in paths}
        for what, path in [*paths.items()] * ROUNDS:
            seen[what].append(_calls(machine, base + path))
        return seen


# --- idle WebSockets

SIZES = [1, 10, 100, 1000]
PROXY = "configurable-http-proxy --ip 127.0.0.1 --port 800 --default-target http://127.0.0.1:9000"
PATIENCE = 3  # seconds for an answer, or for a WebSocket to open


@contextlib.contextmanager
def without_hub(*stand_in: str) -> Iterator[Turns]:
    """A server with JupyterHub's own proxy, and a stand-in for the users' servers behind it: a program there, or client.py's."""
    with contextlib.ExitStack() as stack:
        machine = stack.enter_context(engine.run(images.hub(NEWEST).tag, options=deployment.NAMED))
        machine.put(_tools())
        path = f"PATH={VALUES['environment']}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        for command in (PROXY.split(), stand_in or [PYTHON, f"{CHECK}/client.py", "stand_in"]):
            engine.cli("exec", "--detach", "--env", path, machine.id, *command)
        yield Turns(deployment.Hub(machine, NEWEST, {}), stack)


def opened(server: Turns, way: Way, sizes: Sequence[int] = SIZES) -> list[dict]:
    """By the number of WebSockets that were asked for: how many are open, what a page takes meanwhile, what the proxy's processes take."""
    rows = []
    machine = server.hub.machine
    with server.behind(way) as proxy:
        base = way.url if proxy else deployment.BEHIND
        engine.wait(lambda: machine.exec(PYTHON, f"{CHECK}/client.py", "page", f"{base}page"), timeout=20)
        command = [engine.named(), "exec", "-i", machine.id, PYTHON, f"{CHECK}/client.py", "idle", base, str(PATIENCE)]
        asking = subprocess.Popen([*command, *map(str, sizes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            for line in asking.stdout:  # type: ignore[union-attr]
                row = json.loads(line)
                if proxy:
                    row["memory"] = _memory(proxy, way.proxy)
                rows.append(row)
                print("\n", end="", file=asking.stdin, flush=True)
        finally:
            asking.kill()
            asking.wait()
    return rows


def sockets(bench: Bench, way: Way, sizes: Sequence[int] = SIZES) -> list[dict]:
    """What `opened` sees, each way in front of the same server."""
    if not bench.light:
        bench.light = bench.stack.enter_context(without_hub())
    return opened(bench.light, way, sizes)


def _memory(machine: engine.Container, proxy: str) -> int:
    """Bytes that a reverse proxy's processes share with no file."""
    name = {"nginx": "nginx", "apache": "apache2"}[proxy]
    sums = "for p in $(pgrep -x NAME); do cat /proc/$p/status; done | awk '/^(RssAnon|RssShmem):/ { s += $2 } END { print s }'"
    return 1024 * int(machine.sh(sums.replace("NAME", name)).stdout)


# --- users at work

CROWD = 50


def crowd(bench: Bench, way: Way) -> dict:
    """Real servers of fifty users, started four at a time."""
    password = bench.hub.passwords["alice"]
    user = "useradd --create-home --shell /bin/bash --groups jupyterhub crowd$n && echo crowd$n:PASSWORD"
    bench.hub.machine.sh(f"for n in $(seq 0 {CROWD - 1}); do {user}; done | chpasswd".replace("PASSWORD", password))
    bench.hub.machine.put({f"{CHECK}/crowd.txt": password})
    with bench.behind(way):
        return _client(bench.hub.machine, "crowd", way.url, "crowd", CROWD, 4, timeout=600) | {"users": CROWD}


# --- a class that arrives

TURNS_OF_A_CLASS = 2


def a_class(bench: Bench, _: Way) -> dict[str, list[dict]]:
    """By setting what `arrivals.arrive` saw, the settings in turn."""
    seen: dict[str, list[dict]] = {}
    with arrivals.room() as room:
        for setting in arrivals.SETTINGS * TURNS_OF_A_CLASS:
            seen.setdefault(setting.name, []).append(arrivals.arrive(room, setting))
    return seen


# --- line by line


@dataclass(frozen=True)
class Line:
    """What a line does: the files with it and without it, and what is measured of both, in turn, as often as `rounds` says."""

    name: str
    proxy: str
    on: Files
    off: Files
    unit: str
    measure: Callable[[Bench, Way], float]
    rounds: int = 1  # where each would be as the first
    without: str = "alice"  # who is measured without it: mallory has Jupyter's own defaults


def _weight(bench: Bench, way: Way) -> float:
    scripts = bench.hub.machine.sh(f"cd {STATIC} && ls -S *.js | head -n 20").stdout.split()
    with bench.behind(way):
        return bench.client("weigh", way.url, way.user, *scripts) / 1e6


def _next_load(bench: Bench, way: Way) -> float:
    with bench.behind(way):
        return _turns(bench, way, 0, 0)[-1]["bytes"] / 1e6


# A server's own time and that of the programs which it has waited for, in hundredths of a second: see proc(5).
SPENT = "sed 's/.*) //' /proc/$(pgrep -o -u USER -f singleuser)/stat | awk '{ print $12 + $13 + $14 + $15 }'"


def _work(bench: Bench, way: Way) -> float:
    def spent() -> int:
        return int(bench.hub.machine.sh(SPENT.replace("USER", way.user)).stdout)

    with bench.behind(way):
        _entered(bench, way)
        before = spent()
        _turns(bench, way, 0, 0, turns=1)
        bench.hub.machine.sh(f"sleep 1; while pgrep -u {way.user} -x node >/dev/null; do sleep 0.1; done")
        return (spent() - before) / 100


def _far(bench: Bench, way: Way) -> float:
    with bench.behind(way):
        return _turns(bench, way, 20, 150, turns=1)[0]["seconds"]


def _api(bench: Bench, way: Way) -> float:
    with bench.behind(way) as machine:
        return _calls(machine, way.url + API_PATH)


def _script(bench: Bench, way: Way) -> float:
    with bench.behind(way) as machine:
        return _calls(machine, way.url + _script_path(bench, way))


def _handshake(bench: Bench, way: Way) -> float:
    with bench.behind(way):
        return statistics.median(bench.client("handshakes", way.url, 40, 5))


def _first_event(bench: Bench, way: Way) -> float:
    with bench.behind(way):
        arrived = bench.client("stream", way.url, "bob")
    return 100 * arrived[0] / arrived[-1]


# More than what two workers of nginx hold in 1024 files each.
CROWDED = 1500


def _room(bench: Bench, way: Way) -> float:
    return sockets(bench, way, [CROWDED])[-1]["open"]


def _without(snippet: str, *words: str) -> Files:
    """The published files without the lines of a snippet that hold one of the words."""
    files = PUBLISHED
    for word in words:
        files = files.replace(snippet, word)
    return files


NGINX, APACHE, ROOM = "nginx/jupyterhub.conf", "apache/jupyterhub.conf", "nginx/enable.sh"
MB, FAR = "MB of scripts and settings", "s until JupyterLab, 20 Mbit/s and 150 ms away"
NEXT, OPEN = "MB of JupyterLab's next load", f"WebSockets that open, of {CROWDED:,}"
API, SCRIPT, VISIT = "answers of the hub's API in a second", "scripts of 100 KB in a second", "ms until a second visit's answer, 40 ms away"
WORK = "s of the processor for a user's server, at a load of JupyterLab"
EVENT = "first event, in percent of the last one's time"


def _gain(name: str, proxy: str, unit: str, measure: Callable[[Bench, Way], float], rounds: int, snippet: str, *words: str) -> Line:
    """What the published lines that hold one of the words do."""
    return Line(name, proxy, PUBLISHED, _without(snippet, *words), unit, measure, rounds)


def _other(name: str, proxy: str, unit: str, measure: Callable[[Bench, Way], float], rounds: int, *change: str) -> Line:
    """What a server does by itself, or Jupyter; `change`, of the proxy's snippet, takes it away."""
    return Line(name, proxy, PUBLISHED, PUBLISHED.replace(*change), unit, measure, rounds)


# For nginx it is a step for users who are far away (deploy/faster.md); for Apache it is not published.
HTTP2 = {
    "nginx": PUBLISHED.replace(NGINX, "listen 443 ssl;", "listen 443 ssl http2;"),
    "apache": PUBLISHED.replace(APACHE, "SSLEngine on", "SSLEngine on\n    Protocols h2 http/1.1").replace(
        "apache/enable.sh", "a2enmod --quiet ssl", "a2enmod --quiet http2 ssl"
    ),
}
UPSTREAM = "upstream kept {\n    server 127.0.0.1:800;\n    keepalive 16;\n    keepalive_timeout 4s;\n}\n"
# Reverse proxies that keep their connections to the hub for as long as its own proxy does.
KEPT = {
    "nginx": PUBLISHED.replace(NGINX, "# The path without", UPSTREAM + "# The path without")
    .replace(NGINX, "http://127.0.0.1:800;", "http://kept;")
    .replace(NGINX, "''      close;", "''      '';"),
    "apache": PUBLISHED.replace(APACHE, "disablereuse=On", "ttl=4"),
}
BUFFERED = "    proxy_read_timeout"
HIDDEN = "".join(f"    proxy_hide_header {name};\n" for name in ("Cache-Control", "Expires", "ETag", "Last-Modified"))
# All of the file but its comments, so that Debian's own numbers hold.
WORKERS = ("    ServerLimit", "    ThreadLimit", "    ThreadsPerChild", "    MaxSpareThreads", "    MaxRequestWorkers")
LINES = [
    _gain("compression", "nginx", MB, _weight, 1, NGINX, "gzip_types", "gzip_comp_level"),
    _gain("its level", "nginx", MB, _weight, 1, NGINX, "gzip_comp_level"),
    _gain("compression of JSON", "apache", MB, _weight, 1, APACHE, "DEFLATE application/json"),
    Line("no check whether to build JupyterLab", "", PUBLISHED, PUBLISHED, WORK, _work, 2, "mallory"),
    _other("caching, by Jupyter's own headers", "nginx", NEXT, _next_load, 1, NGINX, BUFFERED, HIDDEN + BUFFERED),
    *(Line("HTTP/2, which the published sites leave out", proxy, files, PUBLISHED, FAR, _far) for proxy, files in HTTP2.items()),
    *(Line("kept connections to the hub, which are not published", *row, PUBLISHED, API, _api, ROUNDS) for row in KEPT.items()),
    _gain("TLS sessions that are kept", "nginx", VISIT, _handshake, ROUNDS, NGINX, "ssl_session_"),
    _other(
        "buffering of all but the event stream", "nginx", SCRIPT, _script, ROUNDS, NGINX, BUFFERED, "    proxy_buffering off;\n" + BUFFERED
    ),
    _gain("the event stream, passed on at once", "nginx", EVENT, _first_event, 1, NGINX, "proxy_buffering"),
    _gain("connections of each worker", "nginx", OPEN, _room, 1, ROOM, "worker_connections"),
    _gain("open files of each worker", "nginx", OPEN, _room, 1, ROOM, "worker_rlimit_nofile"),
    _gain("number of workers", "apache", OPEN, _room, 1, "apache/jupyterhub-workers.conf", *WORKERS),
]


def lines(bench: Bench, line: Line) -> dict:
    """With the line and without it, in turn."""
    seen: dict[str, list] = {"on": [], "off": []}
    for which in [*seen] * line.rounds:
        user = "alice" if which == "on" else line.without
        seen[which].append(line.measure(bench, Way(line.name, line.proxy, getattr(line, which), user)))
    return seen | {"unit": line.unit}


# --- a faster first load

AWAY = (20, 150)  # megabits per second, milliseconds


def _faster(name: str, proxy: str, files: Files) -> Way:
    return Way(name, proxy, ready_scripts.site(proxy, files), "alice", ready=True)


FIRST_LOADS = [
    *(way for way in WAYS if "guide" in way.name),
    *(_faster(f"{label}, scripts sent by itself", proxy, PUBLISHED) for proxy, label in LABELS.items()),
    *(_faster(f"{label}, scripts sent by itself, HTTP/2", proxy, HTTP2[proxy]) for proxy, label in LABELS.items()),
]


def first_loads(bench: Bench, _: Way) -> dict[str, dict[str, list]]:
    """Of each way JupyterLab's first load from far away, and answers in a second, the ways in turn."""
    seen: dict[str, dict[str, list]] = {way.name: {"loads": [], "api": [], "script": []} for way in FIRST_LOADS}
    for way in FIRST_LOADS * ROUNDS:
        with bench.behind(way) as machine:
            seen[way.name]["loads"] += _turns(bench, way, *AWAY, turns=1)
            seen[way.name]["api"].append(_calls(machine, way.url + API_PATH))
            seen[way.name]["script"].append(_calls(machine, way.url + _script_path(bench, way)))
    return seen


# --- the run

STAGES: dict[str, tuple[Callable[[Any, Any], Any], list]] = {
    "sockets": (sockets, WAYS),
    "replies": (replies, WAYS),
    "calls": (calls, WAYS),
    "pages": (pages, WAYS),
    "lines": (lines, LINES),
    "crowd": (crowd, [WAYS[-2]]),
    "arrivals": (a_class, [Way("in turn")]),
    "first_loads": (first_loads, [Way("in turn")]),
    "again": (again, THOROUGHLY),
}


def key(item: Way | Line) -> str:
    """An item's name in the file."""
    return f"{item.name}, {item.proxy}" if isinstance(item, Line) and item.proxy else item.name


def told() -> dict:
    """What the numbers depend on: the files that were published and measured, and what measured them."""
    measured = [name for name in snippets() if name.split("/")[0] in (*PROXIES, "jupyterhub", "jupyter", "faster")]
    tools = [Path(__file__), *sorted(HERE.iterdir())]
    return {
        "files": {name: digest_of_lines(SNIPPETS / name) for name in measured},
        "tools": {path.name: digest(path) for path in tools if path.is_file()},
    }


def _kept() -> dict:
    """What an earlier run has left that still counts."""
    try:
        found = json.loads(FILE.read_text("utf-8"))
        if {name: found[name] for name in told()} == told():
            return found
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return told() | {"stages": {}, "seconds": 0}


def _versions(bench: Bench) -> dict[str, str]:
    """What took part, as the machines themselves tell it."""
    with deployment.beside(bench.hub, KIND) as server:
        proxies = {proxy: reported(server, proxy) for proxy in PROXIES}
    packages = ("jupyterhub", "jupyterlab", "notebook", "jupyter_server", "metakernel")
    ask = f"import importlib.metadata as m; print(*map(m.version, {packages!r}))"
    told = bench.hub.machine.exec(PYTHON, "-c", ask).stdout.split()
    return dict(zip(packages, told, strict=True)) | proxies | {"chromium": bench.browser.version}


def measure(say: Callable[[str], None], again: bool = False, only: str = "") -> None:
    """Measure what is not measured yet, of all stages or of `only` one; progress goes to `say`, line by line."""
    found = told() | {"stages": {}, "seconds": 0} if again else _kept()
    left = [(stage, item) for stage, (_, items) in STAGES.items() for item in items if key(item) not in found["stages"].get(stage, {})]
    left = [(stage, item) for stage, item in left if stage == (only or stage)]
    total = sum(len(items) for _, items in STAGES.values())
    if not left:
        say(f"all {total} items are measured, of these very files: {FILE.relative_to(BUILD.parent)}; --again measures anew")
        return
    began, before = time.monotonic(), found["seconds"]
    with _bench() as bench:
        found |= {"versions": _versions(bench), "date": datetime.date.today().isoformat(), "cores": os.cpu_count()}
        for stage, item in left:
            start = time.monotonic()
            found["stages"].setdefault(stage, {})[key(item)] = STAGES[stage][0](bench, item)
            found["seconds"] = round(before + time.monotonic() - began)
            write_json(FILE, found)
            done = sum(map(len, found["stages"].values()))
            say(f"{done:2d} of {total}  {stage}: {key(item)}  {time.monotonic() - start:.0f} s")
    say(f"{FILE.relative_to(BUILD.parent)}: measured in {found['seconds'] // 60} min {found['seconds'] % 60} s")


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--again", action="store_true", help="measure everything anew, not only what is missing")
    parser.add_argument("--only", choices=STAGES, default="", help="one stage alone")
    asked = parser.parse_args(given)
    try:
        with engine.running():
            engine.sweep()
            images.prepare()
            measure(lambda line: print(line, flush=True), asked.again, asked.only)
    except KeyboardInterrupt:
        print("cut off; the next run goes on from here", file=sys.stderr)
        return 130
    except (engine.Trouble, RuntimeError) as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
