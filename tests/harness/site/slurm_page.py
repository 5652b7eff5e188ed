"""What the page about Slurm says may be seen instead, and how each is made."""

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
CHOICES = "let-users-choose"
WITH_CHOICES = {
    "If you see SyntaxError": State(
        'cd /etc/jupyterhub; cp choices.py /root/kept; sed --in-place \'s/"2 GB",/"2 GB,/\' choices.py',
        "cp /root/kept /etc/jupyterhub/choices.py",
        typed=["/opt/jupyterhub/bin/python -m py_compile /etc/jupyterhub/choices.py"],
    ),
}
STATES = WITH_CHOICES | ON_A_NODE | ON_THE_HUBS_MACHINE
