"""A service whose programs run out of memory, on a machine with a Linux kernel of its own.

In a container systemd hears nothing of it where the host's control groups are of version 1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.harness.machines import engine, images
from tests.harness.manifest import VALUES, Files

UNIT, UNITS = "systemd/jupyterhub.service", "/etc/systemd/system"
# In the hub's place: it starts one program, as the hub does, and lasts. The program takes memory without end, once.
HUB = """#!/bin/sh
taken=/run/taken-$(basename "$(cat /proc/self/cgroup)")
if [ ! -e "$taken" ]; then
  touch "$taken"
  setpriv --reuid=nobody --clear-groups python3 -c "
taken = []
while True:
    taken.append(bytearray(b'x') * (1 << 20))
" &
fi
exec sleep infinity
"""
# A machine with little memory for its users is soon at its end.
LITTLE = "[Service]\nMemoryMax=24M\n"
TELL = """#!/bin/sh
ask() {{ systemctl show --property MainPID --value "$1"; }}
said() {{ journalctl --unit "$1" --output cat --no-pager | grep -E "OOM|oom-kill"; }}
for unit in {units}; do ask $unit >/run/$unit; done
for unit in {units}; do
  for turn in $(seq 300); do said $unit | grep -q OOM && break; sleep 0.1; done
done
# As long as the unit waits with its restart.
sleep 2.5
for unit in {units}; do
  {{ [ "$(cat /run/$unit)" = "$(ask $unit)" ] && echo "the same process"; said $unit; }} >/root/told-$unit
done
systemctl poweroff --force --force
"""


@contextlib.contextmanager
def machine() -> Iterator[engine.Container]:
    with engine.run(images.kernel().tag, options=engine.OWN_NEEDS) as machine:
        yield machine


def run_out(machine: engine.Container, **units: Files) -> dict[str, list[str]]:
    """Let a program of each unit run out of memory: of the units in `files`, by the names that they get here.

    Returns by name "the same process" if the unit's own goes on, and what the journal says.
    """
    files = {"/root/tell": TELL.format(units=" ".join(units)), f"{VALUES['environment']}/bin/jupyterhub": HUB}
    after = " ".join(f"{name}.service" for name in units)
    files[f"{UNITS}/told.service"] = f"[Unit]\nAfter={after}\nWants={after}\n[Service]\nType=oneshot\nExecStart=/root/tell\n"
    for name, unit in units.items():
        files |= {f"{UNITS}/{name}.service": unit.read(UNIT), f"{UNITS}/{name}.service.d/memory.conf": LITTLE}
    machine.put(files)
    engine.boot_own(machine, "told.service")
    return {name: machine.read(f"/root/told-{name}").splitlines() for name in units}
