"""A hub's machine with a Linux kernel and a disk of its own: a container cannot test limits of disks.

The kernel is a program (User-Mode Linux, which Debian packages for x86_64), ten times slower than the machine's own.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import NEWEST, PUBLISHED

# Its root is the container's own files, its disk and memory those of the container.
KERNEL = (
    "linux.uml",
    "root=/dev/root",
    "rootfstype=hostfs",
    "rw",
    "init=/lib/systemd/systemd",
    "con=null",
    "con0=null,fd:1",
    "quiet",
    "mem=1200M",
)
NEEDS = ("--tmpfs", "/dev/shm:rw,exec,size=2g", "--security-opt", "seccomp=unconfined")
DISK = "/srv/disk.img"
# Systemd runs a script, and the machine is switched off.
UNIT, SCRIPT, SAID = "/etc/systemd/system/told.service", "/root/told.sh", "/root/told"
RUN = f"[Unit]\nAfter=basic.target\n[Service]\nType=oneshot\nExecStart=/bin/bash {SCRIPT}\n"
BEGIN, PART, OFF = f"exec >{SAID} 2>&1\n", "=== ", "systemctl poweroff --force --force\n"


@dataclass
class Machine:
    """A machine that is switched off; `hub` holds its files and passwords."""

    hub: deployment.Hub

    def run(self, timeout: float = 400, **parts: str) -> dict[str, str]:
        """Switch the machine on, run the parts of a script of Bash as root, and switch it off; what each part has said, by its name.

        RuntimeError with what was said, and the console's last words, if the machine does not get there within `timeout` seconds.
        """
        script = "".join(f"echo '{PART}{name}'\n{part.rstrip()}\n" for name, part in parts.items())
        self.hub.machine.put({UNIT: RUN, SCRIPT: BEGIN + script + OFF})
        command = ("timeout", f"{timeout:.0f}", *KERNEL, f"ubd0={DISK}", "--", "--unit=told.service")
        done = self.hub.machine.exec(*command, check=False, timeout=timeout + 30)
        said = self.hub.machine.sh(f"cat {SAID}", check=False).stdout
        if done.returncode:
            raise RuntimeError(f"the machine's own kernel ends with {done.returncode}:\n{said[-3000:]}{done.stdout[-1000:]}")
        told = re.split(rf"^{PART}(.*)\n", said, flags=re.M)[1:]
        return dict(zip(told[::2], told[1::2], strict=True))


@contextlib.contextmanager
def machine(megabytes: int, name: str = NEWEST, built: Sequence[images.Image] = ()) -> Iterator[Machine]:
    """A hub's machine that is switched off, for the length of a `with` block; its disk, /dev/ubda, is of ext4 and empty.

    `name` is its kind in `HUBS`. `built` are images to be built, each from the one before, of which the last is the machine's.
    """
    built = built or [images.own_kernel()]
    images.prepare(wanted=[*built])
    with engine.run(built[-1].tag, options=(*NEEDS, *deployment.NAMED)) as container:
        container.sh(f"truncate --size {megabytes}M {DISK} && mkfs.ext4 -q {DISK}")
        yield Machine(deployment.prepare(container, name, PUBLISHED))


def climb(user: str, *options: str) -> str:
    """The command by which a script of `Machine.run` lets hubcheck climb until a user's server has started."""
    words = [deployment.PYTHON, f"{deployment.CHECK}/hubcheck.py", deployment.BEHIND, "--until", "server_spawns", "--timeout", "200"]
    return " ".join([*words, "--user", user, "--password-file", f"{deployment.CHECK}/{user}.txt", *options])
