"""A full disk, a limit of it for each user, and what Linux and systemd say of a kernel that takes too much memory.

On a machine with a Linux kernel of its own: in a container, a disk has no such limits, and systemd is not told of memory.
"""

import re

import pytest

from tests.harness.machines import deployment, own_kernel
from tests.harness.manifest import ROOT

pytestmark = pytest.mark.xdist_group("own kernel")
PAGE = (ROOT / "deploy/shares.md").read_text("utf-8")
LIMIT = [
    line for block in re.findall(r"```console\n(.*?)```", PAGE.partition("## 3. A limit for each")[2], re.S) for line in block.splitlines()
]
# The machine has the package, and its kernel's disk is small.
COMMANDS = (
    "\n".join(line.removeprefix("# ") for line in LIMIT if "apt-get" not in line)
    .replace("8G 10G", "15M 20M")
    .replace(" 400000 500000 ", " 1500 2000 ")
)
HOMES = "mount /home\nfor user in alice bob carol; do cp --archive /root/homes/$user /home; done\n"
# A server needs twenty seconds here.
PATIENCE = "\nc.Spawner.http_timeout = c.Spawner.start_timeout = 90\n"
START = f"systemctl start jupyterhub\nuntil {deployment.IS_UP} | grep -q now; do sleep 2; done\n"
JOURNAL = "journalctl --quiet --namespace '*' --no-pager --output cat --unit jupyterhub --unit 'jupyter-*'\n"


def fill(user, name, megabytes):
    return f"su {user} --command 'dd if=/dev/zero of=/home/{user}/{name} bs=1M count={megabytes}'\n"


@pytest.fixture(scope="module")
def machine():
    with own_kernel.machine(megabytes=120) as machine:
        fstab = "echo '/dev/ubda /home ext4 noauto,defaults 0 2' >>/etc/fstab"
        patient = f"printf '{PATIENCE.encode('unicode_escape').decode()}' >>/etc/jupyterhub/jupyterhub_config.py"
        machine.hub.machine.sh(f"systemctl disable jupyterhub; cp --archive /home /root/homes; {fstab}; {patient}")
        yield machine


def test_a_user_who_fills_the_disk_keeps_nobody_from_logging_in_and_everybody_from_starting_a_server(machine):
    """The hub's own files lie on the same disk, as on a machine that has only one."""
    said = machine.run(
        begin=f"{HOMES}mkdir --mode=700 --parents /home/state /var/lib/jupyterhub; mount --bind /home/state /var/lib/jupyterhub\n{START}",
        fill=fill("alice", "large", 200),
        climb=own_kernel.climb("bob"),
        journal=JOURNAL,
        end="umount /var/lib/jupyterhub; rm -r /home/state /home/alice/large; umount /home",
    )
    assert "No space left on device" in said["fill"]
    assert re.findall(r"^([✓✗] \w+)", said["climb"], re.M) == ["✓ hub_answers", "✓ login_works", "✗ server_spawns"]
    assert "[Errno 28] No space left on device" in said["journal"]


def test_with_a_limit_a_user_fills_their_share_alone_also_after_a_restart_of_the_machine(machine):
    # More than the disk has inodes for.
    touch = "mkdir many; cd many; seq 60000 | xargs touch 2>&1 | grep --only-matching '[^:]*$' | sort --unique; ls | wc --lines"
    said = machine.run(
        begin=HOMES,
        limit=COMMANDS,
        files=f'su --login alice --command "{touch}"\n',
        saves="su bob --command 'touch /home/bob/saved && echo saved'\n",
        fill=f"rm -r /home/alice/many\n{fill('alice', 'large', 40)}",
        bob=fill("bob", "large", 18),
        end="umount /home",
    )
    assert "/home" in said["limit"].splitlines()[0]
    assert "Success, no errors or warnings detected" in said["limit"]
    assert re.search(r"^alice .* 15360K +20480K", said["limit"], re.M), said["limit"]
    assert said["saves"].split() == ["saved"], said["saves"]
    words, made = said["files"].strip().rsplit("\n", 1)
    assert words.strip() == "Disk quota exceeded"
    assert 1000 < int(made) < 2000
    assert "Disk quota exceeded" in said["fill"]
    assert "Disk quota exceeded" not in said["bob"]
    again = machine.run(
        begin=f"mount /home; systemctl start quotaon\n{START}",
        fill=fill("alice", "more", 5),
        bob=own_kernel.climb("bob"),
        alice=own_kernel.climb("alice"),
        journal=JOURNAL,
    )
    assert "Disk quota exceeded" in again["fill"]
    assert "✓ server_spawns" in again["bob"]
    assert "✗ server_spawns" in again["alice"]
    assert "[Errno 122] Disk quota exceeded" in again["journal"]


# Linux's words for a limit of one user's server, and of all of them.
ALICES, ALL = "oom_memcg=/jupyter.slice/jupyter-alice.service,", "oom_memcg=/jupyter.slice,"
SMALLER = "sed --in-place 's/^c.Spawner.mem_limit = .*/c.Spawner.mem_limit = \"400M\"/' /etc/jupyterhub/jupyterhub_config.py\n"
LARGE = ("--keep-server", "--until", "kernel_computes", "--code", "\"len(b'x' * 600000000)\"", "--expect", "600000000")


def test_systemd_and_linux_say_which_limit_of_memory_a_kernel_has_reached(machine):
    """On a machine with little memory, by smaller limits."""
    page = (ROOT / "troubleshooting/kernel-appears-to-have-died/index.md").read_text("utf-8")
    (line,) = re.findall(r"^jupyter-alice\.service: .*$", page, re.M)
    (look,) = re.findall(r"^# (journalctl .*)$", page, re.M)
    climb = own_kernel.climb("alice", *LARGE)
    said = machine.run(
        begin=f"{HOMES}{SMALLER}{START}",
        alices=climb,
        journal=JOURNAL,
        linux=look,
        more="systemctl set-property --runtime jupyter-alice MemoryMax=800M; systemctl set-property --runtime jupyter.slice MemoryMax=400M",
        all=climb,
        again=look,
    )
    for part in ("alices", "all"):
        assert "the kernel ended while it computed" in said[part], said[part]
    assert line in said["journal"].splitlines()
    assert ALICES in said["linux"]
    assert ALL not in said["linux"]
    assert ALL in said["again"]
    assert all(f"`{words.rstrip(',')}`" in page for words in (ALICES, ALL))
