"""Faults of a running deployment: each is caused while a user works, and what the user keeps is measured.

Hub and reverse proxies run on booted machines, under systemd, so that an administrator's own commands make the faults.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.harness.machines import deployment, engine, images
from tests.harness.machines.deployment import CHECK, PYTHON, UNIT, URL
from tests.harness.manifest import CONFIG, EVERY_PROXY, FURTHER_PROXIES, PROXIES, PUBLISHED, SAVED_AS, VALUES, Files

SERVICE = {name: proxy.service for name, proxy in EVERY_PROXY.items()}
STATE, PROXY_PID = "/var/lib/jupyterhub", "/run/jupyterhub-proxy.pid"
# Small disks, which can be filled: {what: (folder, whose)}.
DISKS = {"home": ("/home/bob", "bob"), "state": (STATE, "root")}
MEGABYTES = 8
# For a fault and all around it, in seconds: an upgrade takes a quarter of that where nothing else runs.
LONGEST = 400
# Give the hub little memory, and then as much as its unit says: for `deployment.made`.
LITTLE_MEMORY = (
    "systemctl set-property --runtime jupyterhub MemoryMax=400M",
    "systemctl set-property --runtime jupyterhub MemoryMax=25%; systemctl revert jupyterhub",
)
# What the hub says when it has looked for all users' servers.
LOOKED = "Initialized "


@contextlib.contextmanager
def booted(name: str, files: Files = PUBLISHED, network: str = "none") -> Iterator[deployment.Hub]:
    """A booted machine on which systemd runs the hub from the published files; bob's home and the hub's state have disks of their own."""
    disks = tuple(option for folder, _ in DISKS.values() for option in ("--tmpfs", f"{folder}:size={MEGABYTES}m,mode=0700"))
    with deployment.machine(name, network, (*deployment.NAMED, *disks)) as machine:
        machine.sh("chown bob: /home/bob")
        hub = deployment.prepare(machine, name, files)
        machine.sh("sh /root/systemd/enable.sh")
        said(hub, deployment.UP)
        yield hub


@contextlib.contextmanager
def gateway(hub: deployment.Hub, kind: str, proxy: str = "") -> Iterator[engine.Container]:
    """A booted machine with the reverse proxies of every page, or a further one; none runs. It has the hub's own loopback address."""
    with engine.run(images.server(kind, proxy).tag, network=f"container:{hub.machine.id}", boot=True) as machine:
        hub.front = machine
        machine.sh(f"systemctl stop {' '.join(SERVICE[name] for name in ([proxy] if proxy in FURTHER_PROXIES else PROXIES))}")
        yield machine


def serve(gateway: engine.Container, proxy: str, files: Files = PUBLISHED) -> None:
    """Let one of the reverse proxies work, from `files`; the others of its machine are stopped."""
    gateway.files = files
    others = [SERVICE[name] for name in PROXIES if name != proxy and proxy in PROXIES]
    stop = f"systemctl stop {' '.join(others)}; " if others else ""
    gateway.sh(f"{stop}systemctl start {SERVICE[proxy]}", deployment.placed(proxy, files))
    deployment.enable(gateway, proxy)
    gateway.sh(deployment.LISTENS)


@contextlib.contextmanager
def meanwhile(hub: deployment.Hub, name: str, *arguments: str, module: str = "user_actions") -> Iterator[Future]:
    """A function of a module of `on_server` that works until the end of a `with` block, which begins once it says that it has begun."""
    hub.machine.sh(f"rm -f {CHECK}/watched {CHECK}/over")
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(deployment.on_server, hub.machine, module, name, *arguments, timeout=LONGEST)

        def begun() -> None:
            if not task.done():
                hub.machine.until(f"test -e {CHECK}/watched", timeout=1)

        try:
            engine.wait(begun, timeout=60)
            if task.done():
                task.result()
            yield task
        finally:
            hub.machine.sh(f"touch {CHECK}/over")
        task.result()


@contextlib.contextmanager
def watching(hub: deployment.Hub, user: str = "alice", url: str = URL) -> Iterator[dict[str, Any]]:
    """A user who works for the length of a `with` block, in which a fault is made. Afterwards it holds what `user_actions.watch` tells."""
    told: dict[str, Any] = {}
    with meanwhile(hub, "watch", url, user) as task:
        yield told
    told |= task.result()


def log(hub: deployment.Hub) -> str:
    """What the hub has said since the machine was booted."""
    return hub.machine.sh("journalctl --unit jupyterhub --no-pager --output cat").stdout


def said(hub: deployment.Hub, words: str, times: int = 1, timeout: float = 60) -> None:
    """Wait until the hub has said words so many times; RuntimeError with its log if it does not."""
    # One program listens, as in `deployment.start`.
    listen = "exec journalctl --unit jupyterhub --no-pager --output cat --follow --lines all"
    hears = f"grep --max-count={times} --fixed-strings '{words}' < <({listen}); heard=$?; kill $!; exit $heard"
    if hub.machine.exec("timeout", f"{timeout:.0f}", "bash", "-c", hears, check=False, timeout=timeout + 60).returncode:
        raise RuntimeError(f"the hub does not say {words!r} for the {times}. time:\n{log(hub)[-4000:]}")


@contextlib.contextmanager
def coming_back(hub: deployment.Hub) -> Iterator[None]:
    """In the block the hub is made to end; the end of the block waits until it is up again."""
    before = log(hub).count(deployment.UP)
    yield
    said(hub, deployment.UP, before + 1)


def configure(hub: deployment.Hub, files: Files) -> None:
    """Stop the hub by the files that it has, and start it from others."""
    with coming_back(hub):
        hub.machine.sh("systemctl stop jupyterhub")
        hub.machine.sh("systemctl daemon-reload; systemctl start jupyterhub", {SAVED_AS[name]: files.read(name) for name in (CONFIG, UNIT)})


# The faults of the hub


def restart(hub: deployment.Hub) -> None:
    with coming_back(hub):
        hub.machine.sh("systemctl restart jupyterhub")


def crash(hub: deployment.Hub) -> None:
    """End the hub as the system does when memory runs out, and leave everything else to itself."""
    with coming_back(hub):
        hub.machine.sh("systemctl kill --kill-who=main --signal=KILL jupyterhub")


def start_by_hand(hub: deployment.Hub) -> None:
    """Start a second hub with the same configuration, as from a root shell, and wait until it has given up."""
    command = f"{VALUES['environment']}/bin/jupyterhub --config {SAVED_AS[CONFIG]}"
    hub.machine.sh(
        f"mkdir -p /root/other && cd /root/other && PATH={VALUES['environment']}/bin:$PATH timeout 60 {command} >log 2>&1 || true"
    )


def end_the_hubs_proxy(hub: deployment.Hub) -> None:
    """End configurable-http-proxy, and wait until the hub has put another in its place."""
    before = hub.machine.read(PROXY_PID)
    hub.machine.sh(f"kill -KILL {before}")
    hub.machine.until(f"test $(cat {PROXY_PID}) != {before}", timeout=20)


@contextlib.contextmanager
def full(hub: deployment.Hub, disk: str) -> Iterator[None]:
    """One of `DISKS` without a free byte, for the length of a `with` block."""
    folder, owner = DISKS[disk]
    hub.machine.sh(f"cat /dev/zero >{folder}/large || true", user=owner)
    try:
        yield
    finally:
        hub.machine.sh(f"rm {folder}/large")


LAB = f"{VALUES['environment']}/share/jupyter/lab/static"
# Each script under a new name, as in another version of JupyterLab: its name holds a hash, by which others ask for it.
RENAMED = r"""
import pathlib, re, sys
lab = pathlib.Path(sys.argv[1])
hashes = {found[1] for path in lab.glob("*.js") if (found := re.search(r"[.]([0-9a-f]{16,20})[.]js$", path.name))}
known = re.compile("|".join(hashes))
for path in [*lab.glob("*.js"), *lab.glob("*.html")]:
    text = known.sub(lambda found: found[0][::-1], path.read_text("utf-8"))
    path.unlink()
    path.with_name(known.sub(lambda found: found[0][::-1], path.name)).write_text(text, "utf-8")
"""


@contextlib.contextmanager
def other_scripts(machine: engine.Container) -> Iterator[None]:
    """JupyterLab's scripts have other names for the length of a `with` block, as after an upgrade by pip."""
    machine.sh(f"cp --archive {LAB} {LAB}.before && {PYTHON} - {LAB}", input=RENAMED)
    try:
        yield
    finally:
        machine.sh(f"rm -r {LAB} && mv {LAB}.before {LAB}")


# A program that has nothing to do with the hub.
PROGRAM = "another"


def boot_with_old_numbers(hub: deployment.Hub, files: Files) -> list[str]:
    """End the hub and all users' servers, as a power cut does, and let the number of the hub's own proxy be another program's.

    The hub is started from `files`, and from the published ones if anything fails before. Returns the program if it still runs when
    the hub is up and has looked for the user's server.
    """
    changed = {SAVED_AS[name]: files.read(name) for name in (CONFIG, UNIT)}
    before = log(hub).count(LOOKED)
    with coming_back(hub):
        try:
            hub.machine.sh(
                f"systemctl stop jupyterhub 'jupyter-*.service'; systemctl stop {PROGRAM}; "
                f"systemd-run --quiet --collect --unit {PROGRAM} sleep 999"
            )
            number = hub.machine.sh(f"systemctl show --property MainPID --value {PROGRAM}").stdout.strip()
            # A boot empties /run, and nothing else.
            hub.machine.sh(f"rm -f {PROXY_PID}; echo {number} >{STATE}/jupyterhub-proxy.pid; systemctl daemon-reload", changed)
        except BaseException:
            configure(hub, PUBLISHED)
            raise
        hub.machine.sh("systemctl start jupyterhub")
    said(hub, LOOKED, before + 1)
    hub.machine.sh(f"rm -f {STATE}/jupyterhub-proxy.pid")
    return [] if hub.machine.sh(f"systemctl is-active {PROGRAM}", check=False).returncode else [PROGRAM]


# The faults of the reverse proxy


def rotate(gateway: engine.Container, proxy: str) -> str:
    """Rotate a reverse proxy's logs as Debian does every night; the log's new place. RuntimeError if the log has not been rotated."""
    log = EVERY_PROXY[proxy].log
    # What is in the journal, systemd rotates.
    before, after = ("", "") if log.startswith("journalctl ") else (f"rm --force {log}.1; ", f" && test -e {log}.1")
    gateway.sh(f"{before}logrotate --force /etc/logrotate.d/{SERVICE[proxy]}{after}")
    return log


def replace_certificate(gateway: engine.Container) -> str:
    """Put a new certificate and its key in place; its serial number."""
    issued = deployment.authority().issue_cert(VALUES["host"])
    chain, key = deployment.pem(issued)
    gateway.put({VALUES["certificate"]: chain, VALUES["key"]: key})
    return serial(gateway, f"cat {VALUES['certificate']}")


# The certificate that browsers get.
SERVED = f"openssl s_client -connect 127.0.0.1:443 -servername {VALUES['host']} </dev/null 2>/dev/null"


def serial(gateway: engine.Container, source: str = SERVED) -> str:
    """The serial number of the certificate that browsers get, or of the one that a command prints."""
    return gateway.sh(f"{source} | openssl x509 -noout -serial").stdout.strip()


# Another version of JupyterHub

NAMES = """
import importlib.metadata, json
print(json.dumps({found.metadata["Name"]: found.version for found in importlib.metadata.distributions()}))
"""
# Icons, fonts and scripts of others, for browsers, stay as they are: most of the weight.
PACK = """
import importlib.metadata, sys, tarfile
with tarfile.open(sys.argv[1], "w") as tar:
    for name in sys.argv[2:]:
        for file in importlib.metadata.distribution(name).files:
            if file.locate().exists() and "components" not in file.parts:
                tar.add(file.locate().resolve())
"""
EXCHANGE = """
import importlib.metadata, shutil, sys, tarfile
for name in sys.argv[2:]:
    for file in importlib.metadata.distribution(name).files:
        if "components" not in file.parts:
            file.locate().unlink(missing_ok=True)
        if file.name == "METADATA":
            shutil.rmtree(file.locate().parent)
tarfile.open(sys.argv[1]).extractall("/")
"""


class Versions:
    """Packages in which another machine's environment differs from a hub's own, both lying ready on the hub's machine."""

    def __init__(self, hub: deployment.Hub, source: engine.Container):
        self.machine = hub.machine
        mine, theirs = ({**json.loads(machine.exec(PYTHON, "-c", NAMES).stdout)} for machine in (hub.machine, source))
        self.mine = [name for name in mine if mine[name] != theirs.get(name)]
        self.theirs = [name for name in theirs if theirs[name] != mine.get(name)]
        self.machine.exec(PYTHON, "-c", PACK, "/root/mine.tar", *self.mine)
        source.exec(PYTHON, "-c", PACK, "/root/theirs.tar", *self.theirs)
        with tempfile.TemporaryDirectory() as folder:
            engine.cli("cp", f"{source.id}:/root/theirs.tar", folder)
            engine.cli("cp", f"{folder}/theirs.tar", f"{self.machine.id}:/root/")

    def theirs_in(self) -> None:
        """Do what pip does, on a machine that reaches no index: the other machine's packages in place of the hub's own."""
        self.machine.exec(PYTHON, "-c", EXCHANGE, "/root/theirs.tar", *self.mine)

    def mine_in(self) -> None:
        """The hub's own packages again."""
        self.machine.exec(PYTHON, "-c", EXCHANGE, "/root/mine.tar", *self.theirs)


BEFORE = "/root/jupyterhub-before"
ASKS = "run `jupyterhub upgrade-db`"


def _asked(hub: deployment.Hub) -> None:
    """Start a hub whose database is another version's, wait until it has said so, and stop it."""
    before = log(hub).count(ASKS)
    hub.machine.sh("systemctl start jupyterhub")
    said(hub, ASKS, before + 1, timeout=30)
    hub.machine.sh("systemctl stop jupyterhub")


def upgrade(hub: deployment.Hub, versions: Versions) -> None:
    """To the other version, by the steps of the page. RuntimeError if the new hub takes the database as it is."""
    hub.machine.sh(f"mkdir --mode=700 {BEFORE}; systemctl stop jupyterhub; cp --archive {STATE}/. {BEFORE}")
    versions.theirs_in()
    _asked(hub)
    path = f"PATH={VALUES['environment']}/bin:$PATH"
    hub.machine.sh(f"cd {STATE} && {path} jupyterhub upgrade-db --config {SAVED_AS[CONFIG]}")
    with coming_back(hub):
        hub.machine.sh("systemctl start jupyterhub")


def downgrade(hub: deployment.Hub, versions: Versions) -> None:
    """Back to the hub's own version and the database of that time. RuntimeError if it takes the newer database."""
    hub.machine.sh("systemctl stop jupyterhub")
    versions.mine_in()
    _asked(hub)
    # In the hub's tests the folder is a disk of its own, which cannot be moved away.
    hub.machine.sh(f"rm -r {STATE}/* && cp --archive {BEFORE}/. {STATE}/")
    with coming_back(hub):
        hub.machine.sh("systemctl start jupyterhub")
