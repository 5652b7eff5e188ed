"""Runs a published install script with small programs in place of those that are slow or need a network."""

from __future__ import annotations

import subprocess

from tests.harness.machines import engine
from tests.harness.manifest import VALUES

# Those of the environment are named in full by the scripts.
SYSTEMS, ENVIRONMENTS = {"apt-get", "python3"}, {"pip", "npm", "python"}
BIN, STANDINS, CALLED, FAILING = f"{VALUES['environment']}/bin", "/root/standins", "/root/called", "/root/failing"
UMASKS = "/root/umasks"
# Notes how it was called, and what is kept from others of files that it would make. Fails if that begins with the words that are to fail.
STANDIN = f"""#!/bin/sh
call="${{0##*/}} $*"
echo "$call" >>{CALLED}
umask >>{UMASKS}
failing=$(cat {FAILING})
case "$call" in "${{failing:-none}}"*) exit 1 ;; esac
"""


def run(machine: engine.Container, script: str, standins: set[str], failing: str = "") -> tuple[subprocess.CompletedProcess, list[str]]:
    """Run snippets/SCRIPT/install.sh under a umask that keeps new files from others; what it said, and how the stand-ins were called.

    Under which umask each was called is in the file `UMASKS` on the machine. `standins` are among `SYSTEMS` and
    `ENVIRONMENTS`. The machine has its own programs again afterwards.
    """
    own = " ".join(f"{BIN}/{name}" for name in standins & ENVIRONMENTS)
    swap = f"for path in {own}; do mv $path $path.own; cp {STANDINS}/apt-get $path; done"
    put = {f"{STANDINS}/{name}": STANDIN for name in {"apt-get"} | standins & SYSTEMS}
    machine.sh(f"rm -f {UMASKS}; : >{CALLED}; {swap}", put | {FAILING: failing})
    try:
        done = machine.sh(f"cd /root/{script} && umask 077 && PATH={STANDINS}:$PATH sh install.sh", check=False)
    finally:
        machine.sh(f"for path in {own}; do mv $path.own $path; done; rm -r {STANDINS}")
    return done, machine.read(CALLED).splitlines()
