"""A Slurm cluster: the hub's machine, which is also the controller, and nodes with the hub's environment and shared home directories."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import HUBS, PUBLISHED, SAVED_AS

# Addresses that nobody has (RFC 5737), as the page and its firewall have them.
ADDRESSES = {"head": "198.51.100.1", "node1": "198.51.100.11", "node2": "198.51.100.12"}
NETWORK = ("--subnet", "198.51.100.0/24", "--gateway", "198.51.100.254")
NODES = tuple(name for name in ADDRESSES if name != "head")
FIREWALL = ("--cap-add", "NET_ADMIN")
KIND = HUBS[-1]
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

    def jobs(self) -> list[str]:
        """The jobs that Slurm has not ended, as "alice RUNNING node1"."""
        told = self.hub.machine.sh("squeue --noheader --format='%u %T %B'").stdout
        return sorted(told.split("\n")[:-1])


def _options(name: str) -> tuple[str, ...]:
    return ("--ip", ADDRESSES[name], *FIREWALL, *engine.known(ADDRESSES), "--sysctl", deployment.ROOTS_PORTS)


@contextlib.contextmanager
def machines() -> Iterator[Cluster]:
    """The machines before anybody has made a cluster of them; the hub runs. Homes are one volume, as if by NFS."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network(*NETWORK))
        images.prepare(wanted=[images.slurm_head(KIND), images.slurm_node(KIND)])
        options = (*deployment.NAMED, *_options("head")[:-2], "--volume", "/home")
        head = stack.enter_context(deployment.machine(KIND, network, options, images.slurm_head))
        hub = deployment.prepare(head, KIND)
        deployment.start(hub)
        config = "jupyter/jupyter_server_config.py"
        nodes = {}
        for name in NODES:
            options = (*_options(name), "--hostname", name, "--volumes-from", head.id)
            nodes[name] = stack.enter_context(engine.run(images.slurm_node(KIND).tag, network=network, options=options, boot=True))
            # Debian gives each machine a key of its own.
            nodes[name].put({KEY: secrets.token_bytes(128), SAVED_AS[config]: PUBLISHED.read(config)})
        yield Cluster(hub, nodes, network)
