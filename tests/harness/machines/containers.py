"""A hub's machine with a Docker of its own, in which users' servers run; no registry is there, only Debian's image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import HUBS, home

# What Docker takes inside a container: on a real machine root has it, and /proc/sys can be written. Layers are on the machine's own disk.
OPTIONS = ("--cap-add", "NET_ADMIN", "--volume", "/var/lib/docker", *deployment.IPV6)
RESTART = "systemctl reset-failed docker.service; systemctl restart docker.service"  # systemd lets it start three times a minute
WRITABLE = f"mount -o remount,rw /proc/sys && {RESTART}"


@dataclass
class Place:
    """A hub's machine, and the network that it is on."""

    hub: deployment.Hub
    network: str

    def inspect(self, what: str, name: str = "jupyter-alice") -> str:
        """A property of a container, in Go's words."""
        return self.hub.machine.exec("docker", "inspect", "--format", what, name).stdout.strip()

    def log(self, name: str = "jupyter-alice") -> str:
        """What a container has said."""
        return self.hub.machine.sh(f"docker logs {name} 2>&1", check=False).stdout


@contextlib.contextmanager
def machine(kind: str = HUBS[-1], image: Callable[[str], images.Image] = images.docker) -> Iterator[Place]:
    """The machine before anybody has followed the page; the hub, of a kind in `HUBS`, runs. The `image` has Docker."""
    suite = home(kind)[1]
    base = images.users_base(suite)
    images.prepare(wanted=[base])
    with engine.network() as network, deployment.machine(kind, network, (*deployment.NAMED, *OPTIONS), image) as booted:
        booted.sh(WRITABLE)
        booted.hand(base.tag, "docker", "load")
        booted.sh(f"docker tag {base.tag} debian:{suite}-slim; docker rmi {base.tag}")
        hub = deployment.prepare(booted, kind)
        deployment.start(hub)
        yield Place(hub, network)
