"""What deploy/users.md installs on a machine: its scripts, accounts of each kind, and logins by SSH."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator

from tests.harness.machines import deployment, engine, images
from tests.harness.machines.deployment import Hub
from tests.harness.manifest import PUBLISHED

PASSWORD = "Correct-horse-7"
# Does administrators' work too, and has a shell.
ADMIN = "adele"
MAKE_ADMIN = f"useradd --create-home --shell /bin/bash --groups jupyterhub,sudo {ADMIN}; echo {ADMIN}:{PASSWORD} | chpasswd"
# What leave.sh says in the end.
OUT = "leave.sh: {} is out. The account is locked, and its files stay."


def scripts() -> dict[str, str]:
    """The files of the page, where it has its reader save them."""
    return {f"/root/{name}": PUBLISHED.read(name) for folder in ("people", "course") for name in PUBLISHED.folder(folder)}


@contextlib.contextmanager
def machine(kind: str) -> Iterator[Hub]:
    """A machine with accounts and an SSH server, on which neither systemd nor a hub runs, for the length of a `with` block.

    It has `ADMIN`, and kim of a list, both with `PASSWORD`.
    """
    images.prepare(wanted=[images.people(kind)])
    with engine.run(images.people(kind).tag, options=deployment.NAMED) as made:
        place = deployment.prepare(made, kind)
        made.sh(MAKE_ADMIN, scripts() | {"/root/people/kim.txt": "kim\n"})
        made.sh("cd /root/people; sh add.sh kim.txt passwords.txt; cp sshd.conf /etc/ssh/sshd_config.d/jupyterhub.conf")
        made.sh(f"mkdir -p /run/sshd /var/lib/jupyterhub; /usr/sbin/sshd; echo kim:{PASSWORD} | chpasswd; chage --lastday -1 kim")
        yield place


@contextlib.contextmanager
def hub(kind: str) -> Iterator[Hub]:
    """A booted machine with a hub, `ADMIN` and the scripts, for the length of a `with` block."""
    with deployment.hub(kind, image=images.people) as hub:
        hub.machine.sh(MAKE_ADMIN, scripts())
        yield hub


def account(machine: engine.Container, name: str, number: int, home: str) -> None:
    """Make an account by hand, of a name that only a directory would have: with alice's password, in the group that may log in."""
    machine.sh("cat >>/etc/passwd", input=f"{name}:x:{number}:{number}::{home}:/bin/bash\n")
    machine.sh("cat >>/etc/group", input=f"account{number}:x:{number}:\n")
    secret = machine.sh("sed --quiet s/^alice:/:/p /etc/shadow").stdout
    machine.sh("cat >>/etc/shadow", input=f"{name}{secret}")
    members = re.sub("(?m)^jupyterhub:.*", lambda line: f"{line[0]},{name}", machine.read("/etc/group"))
    machine.put({"/etc/group": members})
    # Nobody logs in on a cluster's nodes.
    kept = deployment.CHECK
    machine.exec("sh", "-c", '! test -e "$0" || cp "$0" "$1"', f"{kept}/alice.txt", f"{kept}/{name}.txt")
    machine.exec("install", "--directory", "--mode=700", f"--owner={number}", f"--group={number}", home)


def own_account(machine: engine.Container, name: str) -> contextlib.AbstractContextManager[None]:
    """An account of the machine's own, by the name of a directory's and without a password, for the length of a `with` block."""
    made = f"echo {name}:x:3001:100::/home/{name}:/bin/bash >>/etc/passwd; echo '{name}:*:20000:0:99999:7:::' >>/etc/shadow"
    return deployment.made(machine, f"cp -a /etc/passwd /etc/shadow /root; {made}", "cp -a /root/passwd /root/shadow /etc")


def script(place: Hub, name: str, *arguments: str, user: str = "root") -> tuple[int, list[str]]:
    """The exit status of a script of the page, and the lines that it says."""
    place.machine.put({f"/tmp/{name}.sh": PUBLISHED.read(f"people/{name}.sh")})
    start = 'exec sh "/tmp/$0.sh" "$@" 2>&1'
    done = place.machine.exec("sh", "-c", start, name, *arguments, check=False, user=user)
    return done.returncode, done.stdout.splitlines()


def changing(old: str, new: str) -> str:
    """What a user types who logs in by SSH and sets a password, as `Dialogue` of `user_actions.py` has it."""
    return json.dumps([["password: ", old], ["urrent password: ", old], ["New password: ", new], ["Retype new password: ", new]])


def ssh(place: Hub, user: str, password: str, *options: str, command: tuple[str, ...] = ()) -> tuple[int | None, str]:
    """The exit status of a login by SSH with a password, and what is to be seen."""
    status, said = place.on_server("by_ssh", json.dumps([["password: ", password]]), "ssh", *options, f"{user}@127.0.0.1", *command)
    return status, said
