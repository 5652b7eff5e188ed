"""What the published files gain, measured beside other configurations in one run, for deploy/speed.md.

`python -m tests.harness.bench` measures and writes build/bench.json, item by item: a run that was cut off goes on where it
was. What was measured of files that have changed since is measured anew. `--again` begins from nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from _ext.evidence import digest

from . import browser, deployment, engine, images
from .deployment import CHECK, PYTHON, URL
from .evidence import replace, reported
from .manifest import BUILD, PROXIES, PUBLISHED, SNIPPETS, VALUES, VERSIONS, Files, snippets

HERE = Path(__file__).resolve().parents[1] / "bench"
FILE = BUILD / "bench.json"
KIND = "bookworm"  # one system for all: what is compared is what stands in the files
VERSION = VERSIONS["jupyterhub"][0]
PLAIN = URL.replace("https", "http")
DEFAULTS = (HERE / "defaults.py").read_text("utf-8")


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

    @property
    def url(self) -> str:
        return URL if self.proxy else PLAIN


WAYS = [
    Way("no reverse proxy"),
    Way("nginx, original guide", "nginx", _of("original-nginx.conf")),
    Way("Apache, original guide", "apache", _of("original-apache.conf")),
    Way("nginx, JupyterHub docs mended", "nginx", _of("jupyterhub-nginx.conf")),
    Way("nginx, this guide", "nginx", PUBLISHED, "alice"),
    Way("Apache, this guide", "apache", PUBLISHED, "alice"),
]


@dataclass
class Bench:
    """One hub, a link to it, and a browser at the other end of the link."""

    hub: deployment.Hub
    link: engine.Container
    browser: Browser

    def behind(self, way: Way) -> contextlib.AbstractContextManager[engine.Container | None]:
        """The way's reverse proxy in front of the hub, if it has one."""
        return deployment.in_front(self.hub, KIND, way.proxy, way.files) if way.proxy else contextlib.nullcontext()

    def client(self, name: str, *arguments: object, timeout: float = 300) -> Any:
        """What a function of client.py returns, at the other end of the link."""
        return _client(self.link, name, *arguments, timeout=timeout)


def _client(machine: engine.Container, name: str, *arguments: object, timeout: float = 300) -> Any:
    return json.loads(machine.exec(PYTHON, f"{CHECK}/client.py", name, *map(str, arguments), timeout=timeout).stdout)


def _tools() -> dict[str, str | bytes]:
    """What the client needs on a machine that has JupyterHub's environment."""
    own = {f"{CHECK}/{name}": (HERE / name).read_text("utf-8") for name in ("client.py", "relay.py")}
    return {
        **deployment.INSIDE,
        **own,
        f"{CHECK}/hubcheck.py": PUBLISHED.read("check/hubcheck.py"),
        f"{CHECK}/ca.pem": deployment.authority().cert_pem.bytes(),
        f"{CHECK}/link.json": '{"rtt": 0, "rate": 0}',
    }


@contextlib.contextmanager
def _bench() -> Iterator[Bench]:
    # The hub has to be reached without a proxy too, so it listens on every address here.
    bind = f"http://{VALUES['hub']}{VALUES['base_url']}"
    files = PUBLISHED.replace("jupyterhub/jupyterhub_config.py", bind, bind.replace("127.0.0.1", ""))
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        hub = stack.enter_context(deployment.hub(VERSION, files, network))
        # Jupyter cuts a cell's output at a million characters a second. Here all of it is to be seen.
        unlimited = "c = get_config()\nc.ZMQChannelsWebsocketConnection.limit_rate = False\n"
        for user, text in (("alice", unlimited), ("mallory", DEFAULTS + unlimited)):
            write = "mkdir -p ~/.jupyter && cat >~/.jupyter/jupyter_server_config.py"
            hub.machine.exec("sh", "-c", write.replace("~", f"/home/{user}"), user=user, input=text)
        hub.machine.put(_tools())
        here = engine.known({VALUES["host"]: "127.0.0.1"})
        link = stack.enter_context(engine.run(images.hub(VERSION).tag, network=network, options=here))
        link.put(_tools() | {f"{CHECK}/{user}.txt": password for user, password in hub.passwords.items()})
        beyond = hub.machine.address()
        ports = [f"443={beyond}:443", f"80={beyond}:{VALUES['hub'].rpartition(':')[2]}"]
        engine.cli("exec", "--detach", link.id, PYTHON, f"{CHECK}/relay.py", f"{CHECK}/link.json", *ports)
        chromium = stack.enter_context(browser.chromium(network, {VALUES["host"]: link.address()}))
        yield Bench(hub, link, chromium)


# --- a kernel's answers

# Delay of the link in milliseconds, answers, echoes, outputs of 20 MB.
NEAR, FAR_AWAY = "0:100:40:1", ["40:25:10:1", "150:12:6:1"]


def replies(bench: Bench, way: Way) -> dict:
    """From the hub's machine itself, where no link is in between, and from the other end of the link."""
    with bench.behind(way):
        near = way.url if way.proxy else deployment.BEHIND
        return _client(bench.hub.machine, "replies", near, way.user, NEAR) | bench.client("replies", way.url, way.user, *FAR_AWAY)


# --- JupyterLab and Notebook 7 in a browser

LINKS = [(100, 10), (20, 40), (5, 40)]  # megabits per second, milliseconds
TURNS = ["first", "next"]
FAST = LINKS[0]  # here the browser is what takes the time: a second load tells nothing new
APPLICATIONS = {"JupyterLab": ("lab?reset", ".jp-LauncherCard"), "Notebook 7": ("tree", ".jp-DirListing-content")}


def _profile(bench: Bench, state: Any = None) -> BrowserContext:
    """A new profile with an empty cache; `state` are the cookies of somebody who has logged in."""
    context = bench.browser.new_context(viewport={"width": 1000, "height": 700}, storage_state=state)
    context.set_default_timeout(120_000)
    return context


def _entered(bench: Bench, way: Way) -> Any:
    """The cookies of the way's user, whose server runs; over a link without delay."""
    bench.client("link", 0)
    context = _profile(bench)
    page = context.new_page()
    browser.sign_in(page, way.user, bench.hub.passwords[way.user], url=way.url)
    page.wait_for_url(re.compile(rf"/user/{way.user}/"))
    state = context.storage_state()
    context.close()
    return state


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


def pages(bench: Bench, way: Way) -> dict:
    """By application and turn, and by the link's speed, what `_load` sees."""
    found: dict[str, dict] = {}
    with bench.behind(way):
        state = _entered(bench, way)
        # Where one is enough to tell: what stands in the files does not depend on the application.
        applications = [*APPLICATIONS] if "guide" in way.name else ["JupyterLab"]
        for rate, rtt in LINKS:
            bench.client("link", rtt, rate)
            for application in applications:
                context = _profile(bench, state)
                for turn in TURNS if (rate, rtt) != FAST else TURNS[:1]:
                    found.setdefault(f"{application}, {turn} load", {})[f"{rate} Mbit/s"] = _load(context, way, application)
                context.close()
        bench.client("link", 0)
    return found


# --- how much goes through

CALLERS = 16  # at a time
SECONDS = 3


def _calls(machine: engine.Container, url: str) -> float:
    """Answers in a second to callers that keep their connections, as ApacheBench counts them. RuntimeError if any is an error."""
    command = ["ab", "-q", "-k", "-t", str(SECONDS), "-n", "500000", "-c", str(CALLERS), "-H", "Accept-Encoding: gzip", url]
    said = machine.exec(*command).stdout
    if re.search(r"Non-2xx|Failed requests: +[1-9].*\n.*(Connect: [1-9]|Exceptions: [1-9])", said):
        raise RuntimeError(f"{url}: {said}")
    return float(re.search(r"Requests per second: +([\d.]+)", said)[1])  # type: ignore[index]


# Of JupyterLab's scripts the one nearest to 100 KB.
MIDDLING = "ls -l {}/*.js | awk '{{ d = $5 - 100000; print (d < 0 ? -d : d), $NF }}' | sort -n | head -n 1 | sed 's|.*/||'"
STATIC = f"{VALUES['environment']}/share/jupyter/lab/static"


def calls(bench: Bench, way: Way) -> dict:
    script = bench.hub.machine.sh(MIDDLING.format(STATIC)).stdout.strip()
    base = way.url if way.proxy else deployment.BEHIND
    with bench.behind(way) as proxy, contextlib.ExitStack() as stack:
        bench.client("ready", way.url, way.user)
        machine = proxy or stack.enter_context(deployment.beside(bench.hub, KIND))
        return {
            "the hub's API": _calls(machine, f"{base}hub/api"),
            "a script of 100 KB": _calls(machine, f"{base}user/{way.user}/static/lab/{script}"),
        }


# --- idle WebSockets

SIZES = [1, 10, 100, 1000]
PROXY = "configurable-http-proxy --ip 127.0.0.1 --port 8000 --default-target http://127.0.0.1:9000"
PATIENCE = 3  # seconds for an answer, or for a WebSocket to open


def sockets(_bench: Bench | None, way: Way) -> list[dict]:
    """By the number of WebSockets that were asked for: how many are open, what a page takes meanwhile, what the proxy's processes take.

    What is behind the reverse proxy is JupyterHub's own proxy and a stand-in for the users' servers.
    """
    rows = []
    with contextlib.ExitStack() as stack:
        machine = stack.enter_context(engine.run(images.hub(VERSION).tag, options=deployment.NAMED))
        machine.put(_tools())
        path = f"PATH={VALUES['environment']}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        for command in (PROXY.split(), [PYTHON, f"{CHECK}/client.py", "stand_in"]):
            engine.cli("exec", "--detach", "--env", path, machine.id, *command)
        there = deployment.Hub(machine, VERSION, {})
        proxy = None
        if way.proxy:
            proxy = stack.enter_context(deployment.in_front(there, KIND, way.proxy, way.files))
        base = way.url if way.proxy else deployment.BEHIND
        engine.wait(lambda: machine.exec(PYTHON, f"{CHECK}/client.py", "page", f"{base}page"), timeout=20)
        command = [engine.answering() or "docker", "exec", "-i", machine.id, PYTHON, f"{CHECK}/client.py", "idle", base, str(PATIENCE)]
        asking = subprocess.Popen([*command, *map(str, SIZES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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


# --- line by line


def _cold(bench: Bench, way: Way, rate: float, rtt: float) -> dict:
    """JupyterLab's first load over a link, behind a reverse proxy that stands already."""
    context = _profile(bench, _entered(bench, way))
    bench.client("link", rtt, rate)
    try:
        return _load(context, way, "JupyterLab")
    finally:
        context.close()
        bench.client("link", 0)


NGINX, APACHE = "nginx/jupyterhub.conf", "apache/jupyterhub.conf"
HTTP2 = {
    "nginx": PUBLISHED.replace(NGINX, "listen 443 ssl;", "listen 443 ssl http2;"),
    "apache": Files(
        {
            APACHE: PUBLISHED.read(APACHE).replace("SSLEngine on", "SSLEngine on\n    Protocols h2 http/1.1"),
            "apache/enable.sh": PUBLISHED.read("apache/enable.sh").replace("proxy_http", "proxy_http http2", 1),
        }
    ),
}


@dataclass(frozen=True)
class Line:
    """What a line does: a reverse proxy with it and without it, and what is measured of both."""

    name: str
    proxy: str
    on: Files
    off: Files
    unit: str
    measure: Callable[[Bench, Way, engine.Container], float]


def _weight(bench: Bench, way: Way, _machine: engine.Container) -> float:
    return bench.client("weigh", way.url, way.user, *_scripts(bench)) / 1e6


def _scripts(bench: Bench) -> list[str]:
    """The twenty largest of JupyterLab's scripts, by name."""
    return bench.hub.machine.sh(f"cd {STATIC} && ls -S *.js | head -n 20").stdout.split()


def _throughput(bench: Bench, way: Way, machine: engine.Container) -> float:
    return _calls(machine, f"{way.url}hub/api")


def _handshake(bench: Bench, way: Way, _machine: engine.Container) -> float:
    return statistics.median(bench.client("handshakes", way.url, 40, 10))


def _far(bench: Bench, way: Way, _machine: engine.Container) -> float:
    return _cold(bench, way, 20, 150)["seconds"]


def _first_event(bench: Bench, way: Way, _machine: engine.Container) -> float:
    arrived = bench.client("stream", way.url, "bob")
    return 100 * arrived[0] / arrived[-1]


def _answer(bench: Bench, way: Way, _machine: engine.Container) -> float:
    return statistics.median(bench.client("replies", way.url, way.user, "0:60:1:0")["0"]["answers"])


def _gain(name: str, proxy: str, unit: str, measure: Callable[[Bench, Way, engine.Container], float], *words: str) -> Line:
    """What the published lines that hold one of the words do."""
    snippet = f"{proxy}/jupyterhub.conf"
    files = PUBLISHED
    for word in words:
        files = Files(files.changed | {snippet: files.replace(snippet, word, "").read(snippet)})
    return Line(name, proxy, PUBLISHED, files, unit, measure)


MB, FAR = "MB of scripts and settings", "s until JupyterLab, 20 Mbit/s and 150 ms away"
LINES = [
    _gain("compression", "nginx", MB, _weight, "gzip_types", "gzip_comp_level"),
    _gain("its level", "nginx", MB, _weight, "gzip_comp_level"),
    _gain("compression of JSON", "apache", MB, _weight, "DEFLATE application/json"),
    *(Line("HTTP/2, which is not published", proxy, files, PUBLISHED, FAR, _far) for proxy, files in HTTP2.items()),
    _gain("connections to the hub that are kept", "nginx", "answers of the hub's API in a second", _throughput, "    keepalive"),
    _gain("TLS sessions that are kept", "nginx", "ms until a second visit's answer, 40 ms away", _handshake, "ssl_session_"),
    _gain(
        "the event stream, passed on at once", "nginx", "first event, in percent of the last one's time", _first_event, "proxy_buffering"
    ),
]


def lines(bench: Bench, line: Line) -> dict:
    """With the line and without it, in turn; twice, where what is measured is not the same each time."""
    seen: dict[str, list] = {"on": [], "off": []}
    for _ in range(1 if line.measure in (_weight, _first_event) else 2):
        for which in seen:
            way = Way(line.name, line.proxy, getattr(line, which), "alice")
            with bench.behind(way) as machine:
                seen[which].append(line.measure(bench, way, machine))
    return seen | {"unit": line.unit}


# --- the run

STAGES: dict[str, tuple[Callable[[Any, Any], Any], list]] = {
    "sockets": (sockets, WAYS),
    "replies": (replies, WAYS),
    "calls": (calls, WAYS),
    "pages": (pages, WAYS),
    "lines": (lines, LINES),
    "crowd": (crowd, [WAYS[-2]]),
}


def key(item: Way | Line) -> str:
    """An item's name in the file."""
    return item.name if isinstance(item, Way) else f"{item.name}, {item.proxy}"


def told() -> dict:
    """What the numbers depend on: the files that were published and measured, and what measured them."""
    measured = [name for name in snippets() if name.split("/")[0] in (*PROXIES, "jupyterhub", "jupyter")]
    tools = [Path(__file__), *sorted(HERE.iterdir())]
    return {
        "files": {name: digest(SNIPPETS / name) for name in measured},
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


def measure(say: Callable[[str], None], again: bool = False) -> None:
    """Measure what is not measured yet; progress goes to `say`, line by line."""
    found = told() | {"stages": {}, "seconds": 0} if again else _kept()
    left = [(stage, item) for stage, (_, items) in STAGES.items() for item in items if key(item) not in found["stages"].get(stage, {})]
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
            replace(FILE, found)
            done = sum(map(len, found["stages"].values()))
            say(f"{done:2d} of {total}  {stage}: {key(item)}  {time.monotonic() - start:.0f} s")
    say(f"{FILE.relative_to(BUILD.parent)}: measured in {found['seconds'] // 60} min {found['seconds'] % 60} s")


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--again", action="store_true", help="measure everything anew, not only what is missing")
    again = parser.parse_args(given).again
    daemon = None
    try:
        daemon = engine.ensure()
        engine.sweep()
        images.prepare()
        measure(lambda line: print(line, flush=True), again)
    except KeyboardInterrupt:
        print("cut off; the next run goes on from here", file=sys.stderr)
        return 130
    except (engine.Trouble, RuntimeError) as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 1
    finally:
        if daemon:
            engine.stop(daemon)
    return 0


if __name__ == "__main__":
    sys.exit(main())
