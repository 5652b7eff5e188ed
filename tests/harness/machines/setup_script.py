"""Runs the published setup.sh from its unpacked folder on a bare machine, with small programs in place of those that it calls."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import HOMES, PUBLISHED, SAVED_AS, VALUES, on_the_server

FOLDER = "/root/metakernel-hub"
# What is the tests' own lies apart from the machine's files.
APART = "/root/apart"
CALLED, CUT, NUMBER, STANDINS = (f"{APART}/{name}" for name in ("called", "cut", "number", "standins"))
OWN, LEADS, ROOM, ACTIVE, ENABLED, LATE, PROC = (
    f"{APART}/{name}" for name in ("own", "leads", "room", "active", "enabled", "late", "proc")
)
PYTHON = f"{VALUES['environment']}/bin/python"
NOTE = f'#!/bin/sh\necho "${{0##*/}} $*" >>{CALLED}\n'
PROGRAMS = {
    "apt-get": NOTE,
    "passwd": NOTE,
    # Whether the hub runs is what the tests say; that it begins at the machine's start, enable.sh would have had systemd note.
    "systemctl": f"""#!/bin/sh
if [ "$1" = --quiet ]; then
    case $2 in
        is-active) [ -e {ACTIVE} ] ;;
        is-enabled) [ -e {ENABLED} ] ;;
    esac
    exit
fi
echo "${{0##*/}} $*" >>{CALLED}
[ "$1" != is-active ] || {{ [ -e {ACTIVE} ] && echo active; }}
""",
    # The machine has no address: what it says of its addresses and of a name is what the tests say.
    "hostname": f"#!/bin/sh\ncat {OWN}\n",
    "getent": f'#!/bin/sh\n[ "$1" = ahosts ] || exec /usr/bin/getent "$@"\ncat {LEADS}\n',
    "df": f"#!/bin/sh\necho Avail\ncat {ROOM}\n",
    # No service runs on the machine: to which one a process belongs is what the tests say.
    "grep": f"""#!/bin/sh
[ ! -f "{PROC}/${{3#/proc/}}" ] || exec /usr/bin/grep "$1" "$2" "{PROC}/${{3#/proc/}}"
exec /usr/bin/grep "$@"
""",
    "sleep": NOTE,
    # A hub that starts is not there the first times that it is asked.
    "python": f"""{NOTE}[ "$1" = -c ] || exit 0
late=$(cat {LATE})
echo $((late - 1)) >{LATE}
[ $late -le 0 ]
""",
    # What setup.sh runs, it runs by `sh -ec`. Ctrl-C reaches all that belong to the terminal.
    "sh": f"""#!/bin/sh
[ "$1" = -ec ] || exec /bin/sh "$@"
number=$(($(cat {NUMBER}) + 1))
echo $number >{NUMBER}
[ "$(cat {CUT})" != $number ] || kill -INT 0
exec /bin/sh "$@"
""",
}
# As pip does: what it was cut off in, it takes for installed the next time.
INSTALLS = f"""#!/bin/sh
echo "$PWD/install.sh" >>{CALLED}
groupadd --force jupyterhub
if [ ! -e {VALUES["environment"]}/begun ]; then
    mkdir -p {VALUES["environment"]}/bin
    touch {VALUES["environment"]}/begun
    [ "$(cat {CUT})" != half ] || kill -INT 0
    cp {STANDINS}/python {PYTHON}
fi
"""
SCRIPT = f'#!/bin/sh\necho "$PWD/${{0##*/}}" >>{CALLED}\n'


def unpacked() -> dict[str, str]:
    """The files of the archive: path on the machine to text."""
    return {f"{FOLDER}{SAVED_AS.get(name, f'/root/{name}').removeprefix(FOLDER)}": PUBLISHED.read(name) for name in on_the_server()}


def _quick() -> dict[str, str]:
    """The same, with scripts that only tell that they ran."""
    quick = {path: SCRIPT for path in unpacked() if path.endswith(("/install.sh", "/enable.sh"))}
    return unpacked() | quick | {f"{FOLDER}/root/jupyterhub/install.sh": INSTALLS}


@contextlib.contextmanager
def machine() -> Iterator[engine.Container]:
    """A machine of which `ready` makes a server."""
    with engine.run(images.bare(HOMES[0]).tag, options=(*deployment.NAMED, "--tmpfs", f"{APART}:exec")) as bare:
        bare.sh(f"cp --archive /etc /usr/lib/os-release {APART}; mkdir -p /run/systemd/system", {f"{APART}/again": AGAIN})
        yield bare


# A bare server, with the archive unpacked, whatever was there before.
AGAIN = f"""cd /root
ls -A | grep -vx apart | xargs rm -rf
rm -rf /opt/* /home/* /etc/nginx /etc/apache2 /etc/jupyter* /etc/systemd {ACTIVE} {ENABLED} {PROC}
for name in systemd passwd shadow group gshadow; do cp --archive {APART}/etc/$name /etc; done
cp {APART}/os-release /usr/lib/os-release
tar -xC / -f {APART}/files.tar
echo 0 >{NUMBER}
echo >{CUT}
: >{CALLED}
echo '10.1.2.3 ' >{OWN}
echo '10.1.2.3  STREAM x' >{LEADS}
echo ' 9000' >{ROOM}
echo 0 >{LATE}
"""


def ready(machine: engine.Container) -> None:
    """Make the machine a bare server with the archive unpacked, whatever was there before."""
    chain, key = deployment.certificate(VALUES["host"])
    put = _quick() | {VALUES["certificate"]: chain, VALUES["key"]: key}
    programs: dict[str, str | bytes] = {f"{STANDINS}/{name}": text for name, text in PROGRAMS.items()}
    machine.sh(f"sh {APART}/again", programs | {f"{APART}/files.tar": engine.archive(put)})


PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
COMMAND = f"env --chdir=/root PATH={STANDINS}:{PATH} setsid --wait /bin/sh metakernel-hub/setup.sh"


def run(machine: engine.Container, *arguments: str, user: str = "", umask: str = "022", path: str = PATH) -> subprocess.CompletedProcess:
    """Run setup.sh as if on a terminal of its own; what it said. Raises subprocess.TimeoutExpired after a minute."""
    words = ("sh", "-c", f'umask {umask}; exec "$@"', "sh", *COMMAND.replace(PATH, path).split(), *arguments)
    return machine.exec(*words, check=False, user=user or None, timeout=60)


# A run that is cut off, and one that is not; a copy that is cut off has arrived by half.
CUT_OFF = f"""for cut in {{cuts}}; do
    sh {APART}/again
    echo ${{{{cut#copy-}}}} >{CUT}
    echo "cut $cut"
    {COMMAND} nginx >/dev/null 2>&1 && echo whole
    case $cut in copy-*)
        read -r path <{FOLDER}/copying
        install -D {FOLDER}$path $path
        truncate --size 10 $path
    esac
    echo >{CUT}
    : >{CALLED}
    {COMMAND} nginx 2>&1 >/dev/null
    {{look}}
    cat {CALLED}
done
"""


def cut_off(machine: engine.Container, cuts: list[str], look: str) -> dict[str, list[str]]:
    """Cut setup.sh off by Ctrl-C at each of `cuts`, and run it again; {cut: lines}.

    A cut is the number of a command, before which it comes, or "copy-" and the number of a copy, which then has arrived by half, or
    "half" for the middle of an installation by pip. The lines are "whole" if nothing was cut off, what the second run said of
    errors, what the shell script `look` prints, and how the second run called the stand-ins.
    """
    said = machine.sh(CUT_OFF.format(cuts=" ".join(cuts), look=look), check=False, timeout=300).stdout
    parts = [part.splitlines() for part in said.split("cut ")[1:]]
    return {part[0]: part[1:] for part in parts}


def called(machine: engine.Container) -> list[str]:
    """How the stand-ins were called, in order."""
    return machine.read(CALLED).splitlines()


def picture(machine: engine.Container) -> str:
    """Every file of the machine, with what is known of it but when it was read."""
    return machine.sh(f"find / -xdev -path {APART} -prune -o -printf '%p %y %m %u %g %s %C@\\n' | sort").stdout
