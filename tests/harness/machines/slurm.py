"""A Slurm cluster: the hub's machine, which is also the controller, and nodes with the hub's environment and shared home directories."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import HUBS, PUBLISHED, SAVED_AS


def addresses(nodes: int) -> dict[str, str]:
    """By name, those of the hub's machine and of so many nodes: addresses that nobody has (RFC 5737)."""
    return {"head": "198.51.100.1"} | {f"node{number}": f"198.51.100.{10 + number}" for number in range(1, nodes + 1)}


# As the page and its firewall have them.
ADDRESSES = addresses(2)
SUBNET = "198.51.100.0/24"
NETWORK = ("--subnet", SUBNET, "--gateway", "198.51.100.254")
NODES = tuple(name for name in ADDRESSES if name != "head")
FIREWALL = ("--cap-add", "NET_ADMIN")
KEY = "/etc/munge/munge.key"


@dataclass
class Cluster:
    """A hub and its nodes, by their names."""

    hub: deployment.Hub
    nodes: dict[str, engine.Container]
    network: str

    def hand_out_the_key(self, node: engine.Container) -> None:
        """Put the hub's machine's key where the page has an administrator copy it."""
        key = self.hub.machine.sh(f"base64 --wrap=0 {KEY}").stdout
        node.sh(f"mkdir --parents /root/slurm; echo {key} | base64 --decode >/root/slurm/munge.key")

    def release(self) -> str:
        """Slurm's version, as its own program tells it."""
        return self.hub.machine.sh("sinfo --version").stdout.split()[1]

    def ready(self, seconds: float = 120) -> None:
        """Wait until every node answers and takes jobs."""
        names = f"node[1-{len(self.nodes)}]" if len(self.nodes) > 1 else "node1"
        wanted = f"grep -Fx '{names}'"
        self.hub.machine.until(
            f"sinfo --noheader --partition=jupyter --responding --states=idle,mixed,allocated --format=%N | {wanted}", seconds
        )

    def jobs(self) -> list[str]:
        """The jobs that Slurm has not ended, as "alice RUNNING node1"."""
        told = self.hub.machine.sh("squeue --noheader --format='%u %T %B'").stdout
        return sorted(told.split("\n")[:-1])


def _options(name: str, everybody: dict[str, str]) -> tuple[str, ...]:
    return ("--ip", everybody[name], *FIREWALL, *engine.known(everybody))


@contextlib.contextmanager
def machines(kind: str = HUBS[-1], *more: str, nodes: int = len(NODES)) -> Iterator[Cluster]:
    """The machines before anybody has made a cluster of them; the hub, of a kind in `HUBS`, runs. Homes are one volume, as if by NFS.

    `more` are options of the container that is the hub's machine.
    """
    everybody = addresses(nodes)
    with contextlib.ExitStack() as stack:
        try:
            network = stack.enter_context(engine.network(*NETWORK))
        except RuntimeError as refused:
            if "overlap" not in str(refused) and "already used" not in str(refused):
                raise
            there = f"another cluster, or another network with its addresses ({SUBNET}), is there already: end it first."
            raise engine.Trouble(there) from None
        images.prepare(wanted=[images.slurm_head(kind), images.slurm_node(kind)])
        options = (*deployment.NAMED, *_options("head", everybody), "--volume", "/home", *more)
        head = stack.enter_context(deployment.machine(kind, network, options, images.slurm_head))
        hub = deployment.prepare(head, kind)
        deployment.start(hub)
        config = "jupyter/jupyter_server_config.py"
        made = {}
        for name in [name for name in everybody if name != "head"]:
            options = (*_options(name, everybody), "--sysctl", deployment.ROOTS_PORTS, "--hostname", name, "--volumes-from", head.id)
            made[name] = stack.enter_context(engine.run(images.slurm_node(kind).tag, network=network, options=options, boot=True))
            # Debian gives each machine a key of its own.
            made[name].put({KEY: secrets.token_bytes(128), SAVED_AS[config]: PUBLISHED.read(config)})
        yield Cluster(hub, made, network)


# The faults


@contextlib.contextmanager
def full(cluster: Cluster, *options: str) -> Iterator[None]:
    """All nodes are another user's for the length of a `with` block, by jobs with more `options`."""
    for _ in NODES:
        asked = f"sbatch --cpus-per-task=2 --mem=1000 --chdir=/tmp --output=/dev/null {' '.join(options)} --wrap='sleep 900'"
        cluster.hub.machine.exec("sh", "-c", asked, user="bob")
    cluster.hub.machine.until(f"test $(squeue --noheader --user=bob --states=RUNNING | wc -l) = {len(NODES)}", 60)
    try:
        yield
    finally:
        cluster.hub.machine.sh("scancel --user=bob")
        cluster.hub.machine.until("! squeue --noheader --user=bob | grep .")


@contextlib.contextmanager
def one_node(cluster: Cluster) -> Iterator[engine.Container]:
    """The first node, on which all jobs are for the length of a `with` block."""
    others = ",".join(NODES[1:])
    # The controller has heard of it since it was last drained, or its daemon restarted.
    cluster.ready()
    cluster.hub.machine.sh(f"scontrol update NodeName={others} State=DRAIN Reason=test")
    try:
        yield cluster.nodes[NODES[0]]
    finally:
        cluster.hub.machine.sh(f"scontrol update NodeName={others} State=RESUME")


@contextlib.contextmanager
def controlled(cluster: Cluster, *lines: str) -> Iterator[None]:
    """A controller with more lines in slurm.conf for the length of a `with` block."""
    path = SAVED_AS["slurm/slurm.conf"]
    before = cluster.hub.machine.read(path)

    def start(text: str) -> None:
        cluster.hub.machine.sh("systemctl restart slurmctld", {path: text})
        cluster.hub.machine.until("scontrol ping | grep 'is UP' && scontrol reconfigure")
        cluster.ready()

    start("\n".join([before, *lines, ""]))
    try:
        yield
    finally:
        start(before)


# As of one that has lost its power: nobody gets an answer.
DEAD = """table inet dead {
 chain incoming { type filter hook input priority -300; policy drop; iifname lo accept; }
 chain outgoing { type filter hook output priority -300; policy drop; oifname lo accept; }
}"""
# When it is back, its programs start.
DEAD_NODE = (f"nft '{DEAD}'", "nft delete table inet dead; systemctl restart slurmd")


def _on_a_small_disk(folder: str, service: str) -> tuple[str, str]:
    """A folder of a service of Slurm's is on a disk that is full; then on the one that it was on."""
    stop, start = f"systemctl stop {service}", f"systemctl start {service}"
    move = f"mount --bind /mnt/small/spool {folder}"
    fill = f"! cat /dev/zero >{folder}/full 2>/dev/null"
    make = f"{stop}; cp --archive {folder} /mnt/small/spool; {move}; {start}; sleep 3; {fill}"
    return make, f"{stop}; umount --lazy {folder}; rm --recursive /mnt/small/spool; {start}"


NODES_FULL_SPOOL = _on_a_small_disk("/var/lib/slurm/slurmd", "slurmd")
CONTROLLERS_FULL_SPOOL = _on_a_small_disk("/var/lib/slurm/slurmctld", "slurmctld")
# What of a node's is missing, another or wrong, and how each is mended.
NO_HOMES = ("mount -t tmpfs -o mode=755 none /home", "umount --lazy /home")
PROGRAM = "/opt/jupyterhub/bin/batchspawner-singleuser"
NO_PROGRAM = (f"mv {PROGRAM} {PROGRAM}.kept", f"mv {PROGRAM}.kept {PROGRAM}")
# A release that says that it is another; older ones themselves are tried in tests/deploy/test_faults.py.
VERSION = "/opt/jupyterhub/lib/python3*/site-packages/jupyterhub/_version.py"
OTHER_VERSION = (
    f"cp --archive {VERSION} /root/version.kept && sed --in-place '$a __version__ = \"6.0.0\"' {VERSION}",
    f"cp --archive /root/version.kept {VERSION}",
)
WRONG_CLOCK = """mkdir --parents /run/systemd/system/munge.service.d
cat >/run/systemd/system/munge.service.d/clock.conf <<END
[Service]
Environment=LD_PRELOAD=$(dpkg --listfiles libfaketime | grep 'libfaketime.so.1$') FAKETIME=+1h
END
systemctl daemon-reload; systemctl restart munge"""
RIGHT_CLOCK = "rm -r /run/systemd/system/munge.service.d; systemctl daemon-reload; systemctl restart munge; systemctl restart slurmd"
