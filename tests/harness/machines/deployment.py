"""A deployment: one server with JupyterHub, and reverse proxies that take turns in front of it.

The proxy's container shares the hub's network namespace, so that both are one machine with one loopback
address, as the pages describe it, while each keeps the system that it comes from.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import trustme

from tests.harness.machines import engine, images
from tests.harness.manifest import EVERY_PROXY, HOMES, PUBLISHED, SAVED_AS, VALUES, Files, Stale, home
from tests.harness.spending import spent

CHECK = "/root/check"
PYTHON = f"{VALUES['environment']}/bin/python"
URL = f"https://{VALUES['host']}{VALUES['base_url']}"
BEHIND = f"http://{VALUES['hub']}{VALUES['base_url']}"  # past the proxy, on the server itself


# On a real machine ports below 1024 are root's; a container's engine gives them to everybody.
ROOTS_PORTS = "net.ipv4.ip_unprivileged_port_start=1024"


def named(host: str) -> tuple[str, ...]:
    """A server knows its own name; Debian's installer gives it this address. (The kernel's name for a machine has 64 letters at most.)"""
    return ("--sysctl", ROOTS_PORTS, "--hostname", host[:63].rstrip(".-"), "--add-host", f"{host}:127.0.1.1")


NAMED = named(VALUES["host"])
# An engine takes the loopback address of IPv6 from a container, which every machine has.
IPV6 = ("--sysctl", "net.ipv6.conf.all.disable_ipv6=0")


@cache
def authority() -> trustme.CA:
    """The certificate authority of this test run; its key is never written down."""
    return trustme.CA()


@cache
def certificate(*names: str) -> tuple[bytes, bytes]:
    """A certificate chain and its key, both PEM, for host names."""
    return pem(authority().issue_cert(*names))


def pem(issued: trustme.LeafCert) -> tuple[bytes, bytes]:
    """A certificate's chain and its key, both PEM."""
    return b"".join(part.bytes() for part in issued.cert_chain_pems), issued.private_key_pem.bytes()


class Refused(Exception):
    """A server did not take its configuration; the text is the server's own words."""


UP, UNIT = "JupyterHub is now running", "systemd/jupyterhub.service"
# Whether the hub that systemd has started last is up.
IS_UP = f"journalctl --quiet _SYSTEMD_INVOCATION_ID=$(systemctl show --property InvocationID --value jupyterhub) --grep '{UP}'"
# Waits until it is.
COMES_UP = f"until {IS_UP}; do sleep 0.5; done"
# When the hub was last asked to start; what it and users' servers have said since.
SINCE = "/run/hub-asked-to-start"
SAID = f"journalctl --namespace '*' --no-pager --output cat --since $(cat {SINCE}) --unit jupyterhub --unit 'jupyter-*'"


@dataclass
class Hub:
    """A server on which JupyterHub runs from `files`, made of `values`. `passwords` maps system users to their passwords.

    `suite` is its Debian release, and `front` the machine of the reverse proxy that was put in front of it last.
    """

    machine: engine.Container
    version: str
    passwords: dict[str, str]
    files: Files = PUBLISHED
    values: Mapping[str, str] = field(default_factory=lambda: VALUES)
    suite: str = HOMES[0]
    front: engine.Container | None = None

    def check(self, *options: str, user: str = "alice", url: str = "", token: str = "") -> list[dict]:
        """Climb the ladder with the published hubcheck.py, on the server itself; a dictionary for each rung.

        A `token` of somebody's is in place of the `user`.
        """
        url = url or f"https://{self.values['host']}{self.values['base_url']}"
        command = [PYTHON, f"{CHECK}/hubcheck.py", url, "--json", "--ca-file", f"{CHECK}/ca.pem"]
        if token:
            self.machine.put({f"{CHECK}/token.txt": token})
            command += ["--token-file", f"{CHECK}/token.txt"]
        elif user:
            command += ["--user", user, "--password-file", f"{CHECK}/{user}.txt"]
        with spent("climb of the ladder"):
            done = self.machine.exec(*command, *options, check=False, timeout=180)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"hubcheck ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)["rungs"]

    def on_server(self, name: str, *arguments: str, timeout: float = 180) -> Any:
        """What a function of `user_actions.py` returns on the server itself; see `on_server`."""
        return on_server(self.machine, "user_actions", name, *arguments, timeout=timeout)

    def log(self) -> str:
        """What the hub and users' servers have said since the hub was last asked to start."""
        return self.machine.sh(SAID, check=False).stdout


# What of `on_server` runs on a machine of the hub's kind.
ON_SERVER = {
    f"{CHECK}/{name}.py": Path(__file__).parents[1].joinpath("on_server", f"{name}.py").read_text("utf-8")
    for name in (
        "user_actions",
        "class_actions",
        "door_actions",
        "in_kernel",
        "kernel_actions",
        "local_scan",
        "line_keeper",
        "log_traces",
        "port_taker",
        "proxy_actions",
        "raw_client",
        "recorder",
        "responses",
    )
}


def on_server(machine: engine.Container, module: str, name: str, *arguments: str, timeout: float = 180) -> Any:
    """What a function of a module of `on_server` returns on a machine of the hub's kind, as JSON has it.

    RuntimeError with its traceback if it fails, subprocess.TimeoutExpired after `timeout` seconds.
    """
    machine.put(ON_SERVER)
    return json.loads(machine.exec(PYTHON, f"{CHECK}/{module}.py", name, *arguments, timeout=timeout).stdout)


def unit(files: Files) -> tuple[str, str, dict[str, str]]:
    """What the published systemd unit runs: its command, its folder and its environment. Raises `Stale` where one is not said."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string(files.read(UNIT))
    service = parser["Service"]
    if lacking := {"ExecStart", "WorkingDirectory", "Environment"} - service.keys():
        raise Stale(f"{UNIT} has no {', '.join(sorted(lacking))}")
    return service["ExecStart"], service["WorkingDirectory"], dict([service["Environment"].split("=", 1)])


def prepare(machine: engine.Container, name: str, files: Files = PUBLISHED, values: Mapping[str, str] = VALUES) -> Hub:
    """Put the published files, fresh passwords and a certificate on a machine of a kind in `HUBS`; JupyterHub is not started."""
    passwords = {user: secrets.token_urlsafe(12) for user in ("alice", "bob", "carol", "mallory")}
    chain, key = certificate(values["host"])
    machine.sh(
        f"for user in {' '.join(passwords)}; do echo $user:$(cat {CHECK}/$user.txt); done | chpasswd",
        {path: files.read(name) for name, path in SAVED_AS.items() if name.startswith(("jupyterhub/", "jupyter/", "systemd/"))}
        | {f"/root/{name}": files.read(name) for name in files.folder("systemd") if name not in SAVED_AS}
        | {f"{CHECK}/hubcheck.py": files.read("check/hubcheck.py")}
        | {f"{CHECK}/{user}.txt": password for user, password in passwords.items()}
        | {f"{CHECK}/ca.pem": authority().cert_pem.bytes(), values["certificate"]: chain, values["key"]: key},
    )
    version, suite = home(name)
    return Hub(machine, version, passwords, files, values, suite)


def start(hub: Hub, files: Files = PUBLISHED) -> None:
    """Have systemd start JupyterHub by the published unit, with a log that begins now; RuntimeError with that if it does not come up.

    Where it does not, it is stopped, so that it is not tried again.
    """
    begin = f"date +@%s.%6N >{SINCE}; systemctl daemon-reload && systemctl start jupyterhub"
    # One program listens: to ask the journal again and again costs more of a processor than the hub's own start.
    come = f"timeout 60 bash -c \"grep -qm1 -E '{UP}|Main process exited' < <(exec {SAID} --follow --lines all)\""
    up = f"{SAID} | grep -q '{UP}'"
    with spent("start of a hub"):
        try:
            hub.machine.sh(begin, {SAVED_AS[UNIT]: files.read(UNIT)})
            hub.machine.sh(f"{come}; {up}", timeout=90)
        except RuntimeError as error:
            said = hub.log()[-4000:] or str(error)
            hub.machine.sh("systemctl stop jupyterhub; systemctl reset-failed jupyterhub", check=False)
            raise RuntimeError(f"JupyterHub {hub.version} does not come up:\n{said}") from None


@contextlib.contextmanager
def made(machine: engine.Container, make: str, undo: str) -> Iterator[None]:
    """A fault of a machine, made and undone by scripts of root's, for the length of a `with` block."""
    try:
        machine.sh(make)
        yield
    finally:
        machine.sh(undo)


@contextlib.contextmanager
def configured(hub: Hub, path: str, *lines: str) -> Iterator[None]:
    """A hub with more lines in one of its files for the length of a `with` block: it starts anew before and after."""
    before = hub.machine.read(path)

    def start(text: str) -> None:
        hub.machine.sh("systemctl restart jupyterhub", {path: text})
        hub.machine.until(IS_UP)

    start("\n".join([before, *lines, ""]))
    try:
        yield
    finally:
        start(before)


def end(hub: Hub) -> None:
    """Have systemd stop the hub; users' servers stay."""
    hub.machine.sh("systemctl stop jupyterhub")


@contextlib.contextmanager
def machine(
    name: str, network: str = "none", options: tuple[str, ...] = NAMED, image: Callable[[str], images.Image] = images.hub
) -> Iterator[engine.Container]:
    """A booted machine of a kind in `HUBS`, from an `image` for that kind, for the length of a `with` block; no hub runs on it."""
    if image is not images.hub:
        images.prepare(wanted=[image(name)])
    with engine.run(image(name).tag, network=network, options=options, boot=True) as booted:
        yield booted


@contextlib.contextmanager
def hub(
    name: str,
    files: Files = PUBLISHED,
    network: str = "none",
    names: dict[str, str] | None = None,
    image: Callable[[str], images.Image] = images.hub,
) -> Iterator[Hub]:
    """A server with JupyterHub running from the published unit and configuration, or from changed ones.

    On a `network`, the server knows `names` (host name: IPv4 address) beside its own; in a container's, it has that one's names.
    """
    options = () if network.startswith("container:") else (*NAMED, *engine.known(names or {}))
    with machine(name, network, options, image) as booted:
        running = prepare(booted, name, files)
        start(running, files)
        yield running


@contextlib.contextmanager
def stranger(hub: Hub, network: str, address: str = "") -> Iterator[engine.Container]:
    """Another machine on a hub's network, for the length of a `with` block. It finds the hub's name there, or at another `address`."""
    known = engine.known({hub.values["host"]: address or hub.machine.address()})
    with engine.run(images.hub(hub.version).tag, network=network, options=known) as machine:
        machine.put({f"{CHECK}/ca.pem": authority().cert_pem.bytes()})
        yield machine


def listening(machine: engine.Container) -> set[str]:
    """The ports on which somebody listens on a machine, of IPv4 and IPv6, on whichever address."""
    rows = (line.split() for line in machine.sh("cat /proc/net/tcp /proc/net/tcp6").stdout.splitlines())
    return {str(int(row[1].rpartition(":")[2], 16)) for row in rows if row[3] == "0A"}


def placed(proxy: str, files: Files = PUBLISHED, values: Mapping[str, str] = VALUES) -> dict[str, str | bytes]:
    """A proxy's files where the manifest says (path: content), with a certificate; scripts lie in /root."""
    chain, key = certificate(values["host"])
    return {SAVED_AS.get(name, f"/root/{name}"): files.read(name) for name in files.folder(proxy)} | {
        values["certificate"]: chain,
        values["key"]: key,
    }


def beginning(proxy: str) -> str:
    """The shell's words that start a reverse proxy as systemd does: with its limit of open files, and until it has said its number.

    A server's command returns before; who then asks it to reload finds nobody to ask.
    """
    row = EVERY_PROXY[proxy]
    runs = f"timeout 20 sh -c 'until test -s {row.pid}; do sleep 0.02; done'" if row.pid else "true"
    return f"ulimit -Sn 1024; {row.start} && {runs}"


def begin(machine: engine.Container, proxy: str) -> None:
    """Start a reverse proxy that is installed."""
    machine.sh(beginning(proxy))


def enable(machine: engine.Container, proxy: str) -> None:
    """Run the published enable.sh on a server that runs already. Raises `Refused` with what it printed."""
    done = machine.exec("sh", f"/root/{proxy}/enable.sh", check=False)
    if done.returncode:
        raise Refused(done.stdout + done.stderr)


def reading(log: str) -> str:
    """The shell's words that print a log of a reverse proxy: a file, or what systemd's journal has."""
    return log if log.startswith("journalctl ") else f"cat {log}"


# The status by which a machine says that it could not even begin.
BROKEN = 99

# A reload returns before the new workers listen. Waits up to five seconds for somebody on port 443 or 8443, of IPv4 or IPv6,
# in the kernel's own words.
LISTENS = "for turn in $(seq 100); do grep -qE ':(01BB|20FB) 0*:0000 0A' /proc/net/tcp* && break; sleep 0.05; done"


@contextlib.contextmanager
def beside(hub: Hub, kind: str, proxy: str = "") -> Iterator[engine.Container]:
    """A machine of a kind that has the hub's own loopback address, for the length of a `with` block; see `images.server`."""
    with server(kind, proxy, network=f"container:{hub.machine.id}") as machine:
        yield machine


@contextlib.contextmanager
def server(kind: str, proxy: str = "", network: str = "none", options: tuple[str, ...] = ()) -> Iterator[engine.Container]:
    """A machine of a kind with nothing running, for the length of a `with` block; booted, its proxy stopped, if that needs systemd."""
    boot = bool(proxy) and EVERY_PROXY[proxy].systemd
    with engine.run(images.server(kind, proxy).tag, network=network, options=options, boot=boot) as machine:
        if boot:
            machine.sh(f"systemctl stop {EVERY_PROXY[proxy].service}")
        yield machine


def install(
    machine: engine.Container,
    proxy: str,
    files: Files = PUBLISHED,
    extra: Mapping[str, str | bytes] | None = None,
    values: Mapping[str, str] = VALUES,
) -> None:
    """Start a reverse proxy and put files to work in it. Raises `Refused` as `enable` does.

    `files` are the snippets to use; `extra` are more files (path: content).
    """
    # As on a real server: the package starts it, then the administrator comes with files. In one call: each takes a tenth of
    # a second of a processor.
    start = f"({beginning(proxy)}) >/root/started 2>&1 || {{ cat /root/started; exit {BROKEN}; }}"
    script = f"{start}\ntar -xC / || exit {BROKEN}\nsh /root/{proxy}/enable.sh || exit 1\n{LISTENS}"
    machine.files = files
    put = placed(proxy, files, values) | dict(extra or {})
    with spent("start of a reverse proxy"):
        done = machine.exec("sh", "-c", script, input=engine.archive(put), check=False)
    if done.returncode == BROKEN:
        raise RuntimeError(f"{proxy} does not start:\n{done.stdout}{done.stderr}")
    if done.returncode:
        raise Refused(done.stdout + done.stderr)


@contextlib.contextmanager
def in_front(
    hub: Hub, kind: str, proxy: str, files: Files = PUBLISHED, extra: Mapping[str, str | bytes] | None = None
) -> Iterator[engine.Container]:
    """A reverse proxy in front of a hub, for the length of a `with` block; the rest is as for `install`."""
    with beside(hub, kind, proxy) as hub.front:
        machine = hub.front
        install(machine, proxy, files, extra, hub.values)
        yield machine


@contextlib.contextmanager
def alone(proxy: str, kind: str, files: Files = PUBLISHED, extra: Mapping[str, str | bytes] | None = None) -> Iterator[engine.Container]:
    """A reverse proxy with no hub behind it; the port of this machine that leads there is its `port(443)`."""
    options = (*NAMED, "--publish", "127.0.0.1::443")
    with engine.network() as network, server(kind, proxy, network, options) as machine:
        install(machine, proxy, files, extra)
        yield machine


def report(hub: Hub, proxy: str, machine: engine.Container) -> str:
    """The logs of every machine, for a failed test."""
    parts = [f"--- JupyterHub {hub.version}\n{hub.log()[-3000:]}"]
    row = EVERY_PROXY[proxy]
    for log in dict.fromkeys(filter(None, (row.error_log, row.log, row.other_log))):
        parts.append(f"--- {log}\n{machine.sh(f'{reading(log)} | tail -n 30', check=False).stdout}")
    return "\n".join(parts)
