"""What Slurm's limit of memory does on a machine with a Linux kernel and control groups of its own, of version 2, as Debian has them.

The cluster of test_slurm.py shares its kernel and its groups with the machine on which the tests run.
"""

import pytest

from tests.harness.machines import images, own_kernel
from tests.harness.manifest import HUBS, NEWEST, PUBLISHED, SAVED_AS

pytestmark = pytest.mark.xdist_group("own kernel")
GROUPS, CONTROLLER = "slurm/cgroup.conf", "slurm/slurm.conf"
# One machine is the controller and the only node. Its kernel has one processor and little memory.
SMALL = {"NodeName=node1,node2 CPUs=2 RealMemory=6000": "NodeName=node1 CPUs=1 RealMemory=800", "Nodes=node1,node2": "Nodes=node1"}
BEGIN = """stat --file-system --format %T /sys/fs/cgroup
# A name that has only loopback's address is none for Slurm.
ip address add 198.51.100.1/32 dev lo
hostname hub; echo '198.51.100.1 hub head node1' >>/etc/hosts
# The container's files belong to root alone.
mount /dev/ubda /var/lib/slurm; mount -t tmpfs none /tmp
install --directory --owner=slurm /var/lib/slurm/slurmctld /var/lib/slurm/slurmd
systemctl start dbus.socket munge slurmctld
install --directory /etc/systemd/system/slurmd.service.d
printf '[Unit]\\nConditionPathExists=\\n' >/etc/systemd/system/slurmd.service.d/jupyter.conf
echo 'SLURMD_OPTIONS="--conf-server head -N node1"' >/etc/default/slurmd
systemctl daemon-reload; systemctl start slurmd
for turn in $(seq 30); do sinfo --noheader --responding --states=idle --format=%N | grep -x node1 && break; sleep 1; done
cat /proc/$(pgrep -xo slurmd)/cgroup
"""


def job(megabytes):
    """A job of 100 MB whose program takes so many; what Slurm says of it in the end."""
    program = f'print(len(b"x" * ({megabytes} << 20)) >> 20)'
    return f"""cd /tmp; echo '{program}' >/tmp/take.py; chmod a+r /tmp/take.py
timeout 100 su alice --command 'sbatch --wait --parsable --mem=100 --output=/tmp/said.%j --wrap "python3 /tmp/take.py"' | tee /tmp/job
scontrol show job $(cat /tmp/job) | grep --only-matching 'JobState=[A-Z_]*'; cat /tmp/said.$(cat /tmp/job)
"""


@pytest.fixture(params=[NEWEST, HUBS[-1]])
def machine(request):
    """One that is switched on once: munge does not write into the log of a run before, which is root's."""
    with own_kernel.machine(16, request.param, [images.slurm_node(request.param), images.slurm_own_kernel(request.param)]) as machine:
        yield machine


def run(machine, groups):
    """On that machine with a `cgroup.conf`: a job that takes less than its memory, and one that takes more."""
    files = PUBLISHED
    for before, after in SMALL.items():
        files = files.replace(CONTROLLER, before, after)
    machine.hub.machine.put({SAVED_AS[CONTROLLER]: files.read(CONTROLLER), SAVED_AS[GROUPS]: groups})
    return machine.run(begin=BEGIN, less=job(30), more=job(300), log="journalctl --quiet --no-pager --output cat --unit slurmd")


def test_a_job_that_takes_more_than_its_memory_loses_that_program(machine):
    said = run(machine, PUBLISHED.read(GROUPS))
    assert said["begin"].startswith("cgroup2fs\n"), said
    assert "node1" in said["begin"], said
    assert "JobState=COMPLETED\n30\n" in said["less"], said
    assert "JobState=OUT_OF_MEMORY\n" in said["more"], said
    assert "oom" in said["more"].lower().partition("\n")[2], said


def test_without_the_lines_it_takes_what_it_likes(machine):
    """Both lines limit memory: a limit of memory and swap together is one of memory too."""
    said = run(machine, PUBLISHED.replace(GROUPS, "=yes", "=no").read(GROUPS))
    assert "JobState=COMPLETED\n300\n" in said["more"], said
