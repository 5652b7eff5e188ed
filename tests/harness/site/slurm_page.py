"""How to cause each "If you see" of the page about Slurm."""

from __future__ import annotations

from tests.harness.site.following import State

PAGE = "deploy/slurm.md"
ON_A_NODE = {
    # As who has copied no key: the node has the one that Debian has made there.
    "If you see activating": State(
        "cp --archive /etc/munge/munge.key /root/kept; head --bytes=128 /dev/urandom >/etc/munge/munge.key; "
        "systemctl restart munge; systemctl restart --no-block slurmd; "
        "until journalctl --unit slurmd --grep 'Protocol authentication error'; do sleep 0.5; done",
        "mv /root/kept /etc/munge/munge.key; systemctl restart munge; systemctl stop slurmd; systemctl start slurmd",
        typed=["systemctl is-active slurmd.service"],
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
STATES = ON_A_NODE | ON_THE_HUBS_MACHINE
