"""A container engine, Docker or Podman, used by its command line alone.

`ensure()` finds an engine that answers, or installs and starts Docker where that is possible
(root on a Debian-like system), or raises `Trouble` with one line that says what to do.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.machines import agents
from tests.harness.machines.agents import Gone
from tests.harness.manifest import PUBLISHED, Files
from tests.harness.spending import spent

LOG = Path("/var/log/dockerd-tests.log")
LABEL = "org.metakernel-guide.tests"
OURS = f"{LABEL}={os.getpid()}"  # containers and networks name the process that has to end them


class Trouble(RuntimeError):
    """Something the person at the keyboard has to mend; the message says what, in one line."""


def answering() -> str | None:
    """The engine to use: `$ENGINE` if set, else the first of docker and podman whose daemon answers.

    Raises `Trouble` where none does and one has been asked for, or Docker's daemon takes others only.
    """
    asked, said = os.environ.get("ENGINE"), ""
    for name in [asked] if asked else ["docker", "podman"]:
        if shutil.which(name):
            done = subprocess.run([name, "info"], capture_output=True, text=True)
            if done.returncode == 0:
                return name
            said += done.stderr if name == "docker" else ""
    if os.geteuid() and "permission denied" in said:
        raise Trouble("Docker runs, but not for this user: sudo usermod -aG docker $USER, then log in again")
    if asked:
        raise Trouble(f"ENGINE={asked} is set, but '{asked} info' does not answer: start it, or unset ENGINE.")
    return None


def ensure(say: Callable[[str], None] = print) -> subprocess.Popen | None:
    """Make sure that an engine answers.

    Returns the daemon if this call started one (pass it to `stop`), else None.
    Raises `Trouble` where there is no engine and none can be installed.
    """
    if answering():
        return None
    if not shutil.which("dockerd"):
        if os.geteuid() or not shutil.which("apt-get"):
            raise Trouble(
                "no container engine answers: install and start Docker or Podman "
                "(Debian: sudo apt-get install docker.io), and let this user run it."
            )
        say("installing Docker (docker.io) with apt-get")
        install("docker.io", say=say)
    if Path("/run/systemd/system").exists():
        subprocess.run(["systemctl", "start", "docker"], capture_output=True)
        daemon = None
    elif os.geteuid():
        raise Trouble("Docker is installed but not running: start it (sudo systemctl start docker).")
    else:
        say("starting dockerd")
        with LOG.open("ab") as log:
            daemon = subprocess.Popen(
                ["dockerd", f"--mtu={_mtu()}"], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
    try:
        wait(lambda: answering() or _fail("no answer"), timeout=60)
    except RuntimeError:
        if daemon:
            stop(daemon)
        raise Trouble(f"Docker does not start: see {LOG} or 'journalctl -u docker'.") from None
    return daemon


def stop(daemon: subprocess.Popen) -> None:
    """End the daemon that `ensure` started."""
    daemon.terminate()
    try:
        daemon.wait(30)
    except subprocess.TimeoutExpired:
        daemon.kill()


@contextlib.contextmanager
def running(say: Callable[[str], None] = print) -> Iterator[None]:
    """An engine that answers for the length of a `with` block: one that this had to start ends with it. Raises `Trouble`."""
    daemon = ensure(say)
    try:
        yield
    finally:
        if daemon:
            stop(daemon)


def sweep(mine: bool = False) -> None:
    """Remove containers and networks whose process was killed before it could; `mine` are this one's own, too."""
    for kind, remove in (("container", ("rm", "--force", "--volumes")), ("network", ("network", "rm"))):
        listed = cli(kind, "ls", "--filter", f"label={LABEL}", "--format", f'{{{{.ID}}}} {{{{.Label "{LABEL}"}}}}', check=False).stdout
        for line in listed.splitlines():
            name, _, owner = line.partition(" ")
            if owner.isdecimal() and (not Path("/proc", owner).exists() or (mine and int(owner) == os.getpid())):
                cli(*remove, name, check=False)


def install(*packages: str, say: Callable[[str], None] = print) -> None:
    """Install Debian packages; raises `Trouble` with apt's own last words."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0", "install", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            words = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
            raise Trouble(f"'{' '.join(command)}' failed: {words[0]}")
    say(f"installed {' '.join(packages)}")


def _mtu() -> int:
    """The smallest MTU of the machine's interfaces, in bytes: packets larger than the uplink's are lost in some networks."""
    found = [int(path.read_text()) for path in Path("/sys/class/net").glob("e*/mtu")]
    return min([1500, *found])


def _fail(why: str) -> None:
    raise RuntimeError(why)


def wait(state: Callable[[], Any], timeout: float = 30, every: float = 0.05) -> Any:
    """Call `state` until it returns without an exception; its last exception after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        try:
            return state()
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(every)


_engine: str | None = None


def named() -> str:
    """The engine that answers, which is asked for once. Raises `Trouble` where none does."""
    global _engine
    _engine = _engine or answering()
    if not _engine:
        raise Trouble("no container engine answers: run 'make test', which starts one where it can.")
    return _engine


def cli(*args: str, check: bool = True, input: str | bytes | None = None, timeout: float = 120) -> subprocess.CompletedProcess:
    """Run the engine's command line; text in, text out. Raises RuntimeError with the output if it fails."""
    if isinstance(input, str):
        input = input.encode()
    # Who presses Ctrl-C again while things are removed stops none of that.
    group = 0 if "rm" in args[:2] else None
    done = subprocess.run([named(), *args], capture_output=True, input=input, timeout=timeout, process_group=group)
    return _told([named(), *args], done.returncode, done.stdout, done.stderr, check)


def _told(args: list[str], status: int, output: bytes, errors: bytes, check: bool) -> subprocess.CompletedProcess:
    result = subprocess.CompletedProcess(args, status, output.decode(errors="replace"), errors.decode(errors="replace"))
    if check and status:
        raise RuntimeError(f"{' '.join(args)[:300]}\n{result.stdout}{result.stderr}")
    return result


@dataclass
class Container:
    """A running container. `files` are those that a reverse proxy on it was made from last."""

    id: str
    image: str
    files: Files = PUBLISHED

    def exec(self, *command: str, check: bool = True, input: str | bytes | None = None, user: str | None = None, timeout: float = 120):
        """Run a command inside; the CompletedProcess, with text output."""
        options = [*(["-i"] if input is not None else []), *(["-u", user] if user else [])]
        asked = ["exec", *options, self.id, *command]
        given = input.encode() if isinstance(input, str) else input
        done = None
        # An agent that had gone has run nothing.
        with contextlib.suppress(Gone), agents.borrowed(named(), self.id) as agent:
            try:
                done = agent and agent.run(command, user or "", given, timeout)
            except TimeoutError:
                raise subprocess.TimeoutExpired(asked, timeout) from None
        if done:
            return _told([named(), *asked], *done, check)
        return cli(*asked, check=check, input=input, timeout=timeout)

    def sh(self, script: str, files: dict[str, str | bytes] | None = None, **options: Any):
        """Run a shell script inside; `files` are put there first, in the same call, which is faster than `put`."""
        if files is None:
            return self.exec("sh", "-c", script, **options)
        return self.exec("sh", "-c", f"tar -xC / && {{ {script}\n}}", input=archive(files), **options)

    def until(self, state: str, timeout: float = 30) -> None:
        """Wait until a shell command succeeds inside; RuntimeError with its output after `timeout` seconds.

        It is asked again inside: each call from outside takes as much of a processor as a tenth of a second has.
        """
        ask = f'until said=$({{ {state}\n}} 2>&1); do [ $(date +%s) -lt $end ] || {{ echo "$said"; exit 1; }}; sleep 0.1; done'
        self.sh(f"end=$(($(date +%s) + {timeout:.0f})); {ask}", timeout=timeout + 60)

    def put(self, files: dict[str, str | bytes]) -> None:
        """Write files (absolute path: content) inside, as root, in one step; folders are made as needed."""
        self.exec("tar", "-xC", "/", input=archive(files))

    def read(self, path: str) -> str:
        return self.exec("cat", path).stdout

    def hand(self, image: str, *loads: str, timeout: float = 120) -> None:
        """Give an image of this engine's to a program inside that `loads` it, such as that of another engine. Raises RuntimeError."""
        with subprocess.Popen([named(), "save", image], stdout=subprocess.PIPE) as saved:
            done = subprocess.run([named(), "exec", "-i", self.id, *loads], stdin=saved.stdout, capture_output=True, timeout=timeout)
        _told([named(), "save", image], saved.returncode or done.returncode, done.stdout, done.stderr, check=True)

    def address(self) -> str:
        """The container's IPv4 address on its first network."""
        networks = json.loads(cli("inspect", self.id).stdout)[0]["NetworkSettings"]["Networks"]
        return next(iter(networks.values()))["IPAddress"]

    def port(self, inside: int) -> int:
        """The port of this machine through which one of the container's is reached, if it was published."""
        return int(cli("port", self.id, str(inside)).stdout.split()[0].rpartition(":")[2])


def archive(files: dict[str, str | bytes], modes: dict[str, int] | None = None) -> bytes:
    """A tar file of `files` (path: content). Scripts (first line #!) are executable, private keys 0600, the rest 0644."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size = len(data)
            entry.mode = (modes or {}).get(path) or (0o755 if data.startswith(b"#!") else 0o600 if b"PRIVATE KEY" in data else 0o644)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@contextlib.contextmanager
def run(image: str, *command: str, network: str = "none", options: tuple[str, ...] = (), boot: bool = False) -> Iterator[Container]:
    """A container for the length of a `with` block.

    Without a command it only waits, for `exec`; with `boot` it starts systemd, as a real machine does, and is there once that is up.
    """
    begin = (
        (*_booting(), *options, image, "/lib/systemd/systemd") if boot else ("--init", *options, image, *(command or ("sleep", "infinity")))
    )
    with spent("start of a container"):
        made = cli("run", "--detach", "--rm", "--stop-timeout=0", "--label", OURS, "--network", network, *begin)
    container = Container(made.stdout.strip().splitlines()[-1], image)
    try:
        if boot:
            # "degraded": a unit of Debian's finds no device, or one of two web servers not its port.
            container.until("systemctl is-system-running --wait | grep -qE 'running|degraded'", timeout=60)
        yield container
    finally:
        agents.end(container.id)
        # With the disks that it was given, such as homes.
        cli("rm", "--force", "--volumes", container.id, check=False)


def known(names: dict[str, str]) -> tuple[str, ...]:
    """Options of `run` by which a container finds host names at addresses."""
    return tuple(option for name, address in names.items() for option in ("--add-host", f"{name}:{address}"))


def _booting() -> tuple[str, ...]:
    """What systemd needs inside a container: its own /run, and the machine's control groups; and a small disk, which is soon full."""
    small = ("--tmpfs", "/mnt/small:rw,exec,size=64m,mode=755")
    if named() == "podman":
        return (*small, "--systemd=always")
    # Of version 1 or 2: with all of it, limits of memory, processes and processor hold as on a real machine.
    groups = ("--cgroupns=host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw")
    return (*small, "--tmpfs", "/run", "--tmpfs", "/run/lock", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", *groups)


@contextlib.contextmanager
def network(*options: str) -> Iterator[str]:
    """A network of its own for the length of a `with` block; its name."""
    name = f"guide-{os.getpid()}-{time.monotonic_ns() % 10**9}"
    cli("network", "create", "--label", OURS, *options, name)
    try:
        yield name
    finally:
        cli("network", "rm", name, check=False)


def room(path: str | Path, gigabytes: float, what: str) -> None:
    """Raise `Trouble` unless the disk that holds `path` has that much room."""
    path = Path(path)
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free / 1e9
    if free < gigabytes:
        raise Trouble(f"no room for {what}: {path} has {free:.1f} GB free, {gigabytes:.1f} GB are needed.")


def storage() -> Path:
    """The folder in which the engine keeps images (this machine's view of it)."""
    for template in ("{{.DockerRootDir}}", "{{.Store.GraphRoot}}"):
        done = cli("info", "--format", template, check=False)
        if done.returncode == 0 and re.match(r"/", done.stdout):
            return Path(done.stdout.strip())
    return Path("/")


if __name__ == "__main__":
    try:
        ensure()
        print(f"{answering()} answers")
    except Trouble as trouble:
        sys.exit(f"error: {trouble}")
