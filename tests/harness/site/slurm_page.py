"""The page about Slurm: who has followed it on each machine, what it says may be seen instead, and how each of that is made."""

from __future__ import annotations

from collections.abc import Callable

from tests.harness.machines import deployment
from tests.harness.machines.slurm import Cluster
from tests.harness.manifest import PUBLISHED, SAVED_AS
from tests.harness.site.following import Pages, Reader, State

PAGE = "deploy/slurm.md"
HEAD, NODE, JOBS = "make-the-hub-s-machine-the-controller", "make-each-node", "have-the-hub-start-jobs"
ON_A_NODE = {
    # As who has copied no key: the node has the one that Debian has made there.
    "If you see activating": State(
        "cp --archive /etc/munge/munge.key /root/kept; head --bytes=128 /dev/urandom >/etc/munge/munge.key; "
        "systemctl restart munge; systemctl restart --no-block slurmd; "
        "until journalctl --unit slurmd --grep 'Protocol authentication error|Zero Bytes were transmitted'; do sleep 0.5; done; sleep 1",
        "mv /root/kept /etc/munge/munge.key; systemctl restart munge; systemctl stop slurmd; systemctl start slurmd",
        typed=["systemctl is-active slurmd.service"],
    ),
    "If you see Nothing was changed": State(
        "echo ClusterName=other >/etc/slurm/slurm.conf",
        "rm /etc/slurm/slurm.conf",
        typed=["cd /root/slurm", "sh node.sh"],
        seen=["this machine has a /etc/slurm/slurm.conf of its own"],
    ),
}
ON_THE_HUBS_MACHINE = {
    "If you see Unable to contact slurm controller": State(
        "systemctl stop slurmctld",
        "systemctl start slurmctld; until sinfo; do sleep 0.5; done",
        typed=["sinfo"],
    ),
    "If you see down": State(
        "scontrol update NodeName=node1,node2 State=DOWN Reason=broken",
        "scontrol update NodeName=node1,node2 State=RESUME",
        typed=["sinfo", "sinfo --list-reasons"],
        seen=["broken"],
    ),
}
CHOICES = "let-users-choose"
WITH_CHOICES = {
    "If you see SyntaxError": State(
        'cd /etc/jupyterhub; cp choices.py /root/kept; sed --in-place \'s/"2 GB",/"2 GB,/\' choices.py',
        "cp /root/kept /etc/jupyterhub/choices.py",
        typed=["/opt/jupyterhub/bin/python -I -m py_compile /etc/jupyterhub/choices.py"],
    ),
}
STATES = WITH_CHOICES | ON_A_NODE | ON_THE_HUBS_MACHINE


def followed(cluster: Cluster, pages: Pages, tab: str, say: Callable[[str], None] = print) -> list[Reader]:
    """Those who have followed the page, on the hub's machine and on each node; jobs can be started."""

    def at(name: str) -> Callable[[str], None]:
        return lambda line: say(f"{name}: {line}")

    head = Reader(cluster.hub.machine, pages, tab, say=at("the hub"))
    head.follow(PAGE, [HEAD])
    key = {"sh node.sh": cluster.hand_out_the_key}
    nodes = [Reader(node, pages, tab, before=key, say=at(name)) for name, node in cluster.nodes.items()]
    for node in nodes:
        node.follow(PAGE, [NODE])
    # The page has saved it on a node.
    pins = "slurm/requirements.txt"
    head.machine.put({SAVED_AS[pins]: PUBLISHED.read(pins)})
    head.follow(PAGE, [JOBS])
    head.machine.until(deployment.IS_UP)
    return [head, *nodes]
