"""How much of the machine each user gets and what is kept for others: each limit is hit; and how deploy/shares.md changes it."""

import re

import pytest

from tests.harness.machines import deployment, engine, faults
from tests.harness.manifest import CONFIG, HUBS, NEWEST, PUBLISHED, ROOT, SAVED_AS

PAGE = (ROOT / "deploy/shares.md").read_text("utf-8")
pytestmark = pytest.mark.xdist_group("shares")


@pytest.fixture(scope="module")
def hub():
    with deployment.hub(NEWEST) as hub:
        yield hub


def restart(hub, files=None):
    """Put files on the hub's machine, and restart the hub."""
    hub.machine.sh("systemctl restart jupyterhub", files)
    hub.machine.until(deployment.IS_UP, timeout=30)


def main(hub, unit):
    return hub.machine.sh(f"systemctl show --property MainPID --value {unit}").stdout.strip()


def test_a_kernel_that_takes_more_memory_than_its_users_share_ends_alone(hub):
    last = hub.check("--keep-server", "--until", "server_spawns", url=deployment.BEHIND)[-1]
    assert last["ok"], last
    before = main(hub, "jupyterhub"), main(hub, "jupyter-alice")
    told = hub.on_server("overtake", deployment.BEHIND, "alice", "bob", "3")
    assert told == {"heard": "restarting", "alice": "42", "bob": "42"}
    assert (main(hub, "jupyterhub"), main(hub, "jupyter-alice")) == before


def test_a_user_who_starts_processes_without_end_leaves_some_to_others(hub):
    told = hub.on_server("crowd", deployment.BEHIND, "alice", "bob", "700")
    error, number = told["alice"].split("\n")[:2]
    assert error == "can't start new thread", told
    assert 400 < int(number) < 512
    assert told["bob"].strip() == "42"


def test_who_computes_in_many_processes_leaves_as_much_to_who_computes_in_one(hub):
    """Shared out by processes, bob would get as much as each one of alice's."""
    shares = []
    # Where other machines take most of the processors, a few seconds share out badly.
    while not shares or (max(shares) < 3 and len(shares) < 3):
        told = hub.on_server("burn", deployment.BEHIND, "alice", "bob", "8", "4")
        shares.append(told["bob"][0] / (sum(told["alice"]) / 8))
    assert max(shares) > 3, shares


def test_who_waits_for_a_kernel_hardly_notices_who_computes_in_many_processes(hub):
    ratios = []
    # Where other machines take most of the processors, both wait for them.
    while not ratios or (min(ratios) > 2 and len(ratios) < 3):
        calm, busy = hub.on_server("disturbed", deployment.BEHIND, "bob", "alice", "8", "40")
        ratios.append(busy / calm)
    assert min(ratios) < 2, ratios


FILL = """import os
kept = open('/dev/shm/large', 'wb', buffering=0)
try:
    while kept.write(bytes(1 << 20)): pass
except OSError as error: print(error.strerror, kept.tell() >> 20)
"""


def test_shared_memory_is_each_users_own_and_goes_with_the_server(hub):
    def compute(user, code):
        return hub.on_server("compute", deployment.BEHIND, user, code, "--keep-server")

    assert compute("alice", FILL).split("\n")[0] == "No space left on device 1024"
    assert compute("bob", "open('/dev/shm/small', 'wb').write(bytes(60 << 20)) >> 20") == "60"
    # What System V calls shared memory belongs to no process.
    segments = "import ctypes\nctypes.CDLL(None).shmget(0, 1 << 20, 0o1600) >= 0"
    assert compute("alice", segments) == "True"
    left = f"awk '$8 == {hub.machine.sh('id -u alice').stdout}' /proc/sysvipc/shm"
    assert hub.machine.sh(left).stdout
    hub.on_server("stop", deployment.BEHIND, "alice")
    hub.machine.until(f'test -z "$({left})"', timeout=20)
    assert compute("alice", "open('/dev/shm/small', 'wb').write(bytes(60 << 20)) >> 20") == "60"


# /run/lock is a disk of its own, of 5 MB.
INTO_RUN = "find /run -xdev -type d -writable ! -path /run/lock 2>/dev/null"


def test_a_user_fills_nothing_of_what_all_programs_share_in_memory(hub):
    """Neither in a server nor past it, as by SSH, where what a server's unit makes read-only is not."""
    code = f"import os\nos.popen({INTO_RUN!r}).read().split()"
    inside = hub.on_server("compute", deployment.BEHIND, "alice", code, "--keep-server")
    assert (inside, hub.machine.sh(INTO_RUN, user="alice", check=False).stdout) == ("[]", "")


def test_a_link_that_a_user_has_left_does_not_lead_root_elsewhere(hub):
    """Where the hub writes the server's secrets: no user gets there, not even to their own."""
    folder = "/run/jupyterhub-servers/jupyter-alice"
    for _ in range(2):
        assert hub.on_server("compute", deployment.BEHIND, "alice", "6 * 7", "--keep-server") == "42"
        assert hub.machine.sh(f"stat --format %F {folder}/jupyter-alice.env").stdout == "regular file\n"
        left = f"ln -s /root/others {folder}/others"
        assert "Permission denied" in hub.machine.sh(left, user="alice", check=False).stderr
        hub.on_server("stop", deployment.BEHIND, "alice")
        hub.machine.until(f"test ! -e {folder}")


OPEN = """import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1:] * 2)
kept = []
try:
    while True: kept.append(os.open('/dev/null', os.O_RDONLY))
except OSError as error:
    said = error.strerror
for one in kept[:100]: os.close(one)
print(said)"""


def test_a_user_who_opens_files_without_end_gets_an_error_and_others_open_theirs(hub):
    told = hub.on_server("beside", deployment.BEHIND, "alice", OPEN, "bob", "open('/etc/hostname').read() > ''")
    assert told == {"alice": "Too many open files", "bob": "True"}


def test_a_user_who_holds_connections_to_the_hub_keeps_nobody_from_the_login_and_a_kernel(hub):
    """Each is an open file of the hub's; what systemd lets a program have at first, a thousand of them use up."""
    assert hub.on_server("held_up", deployment.BEHIND, "bob", "2000") == "42"


# By unit: the file that says how long its program waits, and an address of that program.
WAITING = {"jupyterhub": (CONFIG, "hub/login"), "jupyter-alice": ("jupyter/jupyter_server_config.py", "user/alice/api")}


def test_requests_whose_senders_have_gone_take_no_connections_for_long(hub):
    """By a shorter time than the published ones. The hub's own proxy asks for a body that it does not pass on."""

    def open_files():
        return {unit: int(hub.machine.sh(f"ls /proc/{main(hub, unit)}/fd | wc -l").stdout) for unit in WAITING}

    def gone():
        assert not {unit: number for unit, number in open_files().items() if number > before[unit] + 10}

    published = {SAVED_AS[file]: PUBLISHED.read(file) for file, _ in WAITING.values()}
    hub.on_server("stop", deployment.BEHIND, "alice")
    restart(hub, {path: re.sub(r"body_timeout=\d+", "body_timeout=9", text) for path, text in published.items()})
    try:
        hub.on_server("anew", deployment.BEHIND, "alice")
        before = open_files()
        hub.on_server("abandoned", "200", *(f"{deployment.BEHIND}{path}" for _, path in WAITING.values()))
        assert not {unit: number for unit, number in open_files().items() if number < before[unit] + 190}
        engine.wait(gone, timeout=60)
    finally:
        hub.on_server("stop", deployment.BEHIND, "alice")
        restart(hub, published)


def test_a_time_as_long_as_a_book_keeps_the_hub_no_longer_than_any_request_of_its_length(hub):
    long, other = hub.on_server("time_told", deployment.BEHIND, "mallory", "1000000")
    assert long < 10 * other


def test_the_page_counts_tokens_whose_notes_are_as_long_as_their_user_likes(hub):
    """SQLite keeps all of a note, whatever the hub's own table says of its length."""
    (count,) = re.findall(r"`(/opt/jupyterhub/bin/python -c '[^`]*')`", (ROOT / "deploy/security.md").read_text("utf-8"))

    def noted():
        counted = re.findall(r"\('mallory', (\d+), (\d+)\)", hub.machine.sh(count).stdout)
        return [int(number) for row in counted for number in row] or [0, 0]

    tokens, letters = noted()
    hub.on_server("token", deployment.BEHIND, "mallory", "900000")
    assert noted() == [tokens + 1, letters + 900000]


def test_a_hub_that_many_requests_have_filled_starts_anew_and_nobody_loses_a_variable(hub):
    """By force at a smaller number: nobody could take a quarter of a machine on which other tests run."""
    little = deployment.made(hub.machine, *faults.LITTLE_MEMORY)
    with faults.watching(hub, url=deployment.BEHIND) as told, faults.coming_back(hub), little:
        sent = hub.on_server("stuffed", "1000", "1000000")
    assert 100 < sent < 1000
    assert told["lived"]["variable"], told


FULL = "kept = open('/tmp/large', 'wb', buffering=0)\nwhile kept.write(bytes(1 << 20)): pass"


def test_a_tmp_in_memory_is_of_its_users_share_and_empty_again_when_that_is_used_up(hubs):
    hub = hubs(HUBS[-1])
    assert hub.machine.sh("findmnt --noheadings --output FSTYPE --target /tmp").stdout == "tmpfs\n"
    hub.on_server("compute", deployment.BEHIND, "mallory", "42", "--keep-server")
    hub.machine.sh("systemctl set-property --runtime jupyter-mallory.service MemoryMax=400M")
    with pytest.raises(RuntimeError):
        hub.on_server("compute", deployment.BEHIND, "mallory", FULL, "--keep-server", "--timeout", "30")
    # Not while it is being ended; on a busy machine the hub itself learns of that later, and whoever was too quick tries again.
    hub.machine.until("systemctl show --property ActiveState jupyter-mallory | grep -qE '=(inactive|failed)'", timeout=30)

    there = "import os\nos.path.exists('/tmp/large')"
    assert engine.wait(lambda: hub.on_server("compute", deployment.BEHIND, "mallory", there), timeout=60, every=2) == "False"


# What a program says to the system's log, past its server's own lines: noise that does not get smaller when it is packed.
NOISE = "import base64, os, syslog\nfor line in range(9000): syslog.syslog(base64.b64encode(os.urandom(6000)).decode())"
SMALL = "[Journal]\nStorage=persistent\nSystemMaxUse=24M\nSystemMaxFileSize=8M\n"


def test_a_user_who_prints_without_end_hides_no_line_of_the_hub(hub):
    """Where the journal may take 24 MB; on a real disk it takes a tenth, and a user has to print for some minutes."""
    hub.machine.sh("systemctl restart systemd-journald", {"/etc/systemd/journald.conf.d/small.conf": SMALL})
    restart(hub)
    hub.on_server("compute", deployment.BEHIND, "alice", NOISE, "--keep-server", "--timeout", "60")
    hub.machine.sh("journalctl --sync")
    assert hub.machine.sh(deployment.IS_UP, check=False).stdout
    assert hub.machine.sh("journalctl --quiet --namespace jupyter --unit jupyter-alice | tail -n 1").stdout


def test_all_users_together_leave_a_fifth_of_memory_and_more_of_the_processes(hub):
    """By force at a smaller number: nobody could take four fifths of a machine on which other tests run."""
    total = int(hub.machine.sh("awk '/^MemTotal/ { print $2 }' /proc/meminfo").stdout) * 1024
    shown = hub.machine.sh(
        "systemctl show --property MemoryMax --property MemorySwapMax --property TasksMax --property CPUWeight jupyter.slice"
    ).stdout
    limits = dict(line.split("=") for line in shown.split())
    hubs_own = hub.machine.sh("systemctl show --property MemoryMax --value jupyterhub").stdout
    assert 0.24 < int(hubs_own) / total < 0.26
    assert 0.79 < int(limits["MemoryMax"]) / total < 0.81
    assert limits["CPUWeight"] == "50"
    # What systemd was told: not every machine that runs the tests has swap, and none with control groups of version 1 keeps to it.
    assert limits["MemorySwapMax"] == "0"
    most = int(hub.machine.read("/proc/sys/kernel/pid_max")), int(hub.machine.read("/proc/sys/kernel/threads-max"))
    assert int(limits["TasksMax"]) <= 0.6 * min(most)
    hub.machine.sh("systemctl set-property --runtime jupyter.slice MemoryMax=700M")
    try:
        told = hub.on_server("overtake", deployment.BEHIND, "alice", "bob", "1")
    finally:
        hub.machine.sh("systemctl revert jupyter.slice; systemctl set-property --runtime jupyter.slice MemoryMax=80%")
    assert told == {"heard": "restarting", "alice": "42", "bob": "42"}


def commands(section):
    """The commands of a section of the page, a list for each block."""
    text = PAGE.partition(f"## {section}")[2].partition("\n## ")[0]
    return [re.findall("^# (.*)$", block, re.M) for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)]


def test_the_line_of_a_disk_is_changed_once(hub):
    """Typed a second time, the command changes nothing."""
    (change,) = [line for block in commands("3. A limit for each user's disk") for line in block if line.startswith("sed ")]
    change = change.replace("/etc/fstab", "/root/fstab")
    hub.machine.sh(change, {"/root/fstab": "UUID=1 / ext4 errors=remount-ro 0 1\nUUID=2 /home ext4 defaults 0 2\n"})
    once = hub.machine.read("/root/fstab")
    assert once == "UUID=1 / ext4 errors=remount-ro 0 1\nUUID=2 /home ext4 defaults,usrquota 0 2\n"
    hub.machine.sh(change)
    assert hub.machine.read("/root/fstab") == once


def test_each_member_of_the_group_gets_a_share_of_the_disk_also_who_has_no_other_group(hub):
    (give,) = [block for block in commands("3. A limit for each user's disk") if "setquota" in "".join(block)]
    hub.machine.sh("useradd --gid jupyterhub dora; useradd erik")
    try:
        given = hub.machine.sh("\n".join(['setquota() { echo "$2"; }', *give[:-1]])).stdout.split()
        assert give[-1].startswith("repquota")
        assert sorted(given) == ["alice", "bob", "dora", "mallory"]
    finally:
        hub.machine.sh("userdel dora; userdel erik")


def properties(hub, user):
    names = ("MemoryMax", "TasksMax", "CPUQuotaPerSecUSec")
    return hub.machine.sh(f"systemctl show --value {' '.join(f'--property {name}' for name in names)} jupyter-{user}").stdout.split()


def test_the_page_shows_who_takes_what_and_changes_each_share(hub):
    for user in ("alice", "bob"):
        hub.on_server("compute", deployment.BEHIND, user, "42", "--keep-server")
    (top,), (show,) = commands("1. See how much each user takes")
    assert re.findall(r"jupyter-(alice|bob)\.service", hub.machine.sh(top).stdout)
    shown = hub.machine.sh(show).stdout.split()
    assert [line for line in shown if f"`{line}`" in PAGE] == [line for line in shown if not line.startswith("MemoryCurrent")]
    lines = "\n".join(re.findall(r"^\|[^|]*\| `(c\..*)` \|$", PAGE, re.M))
    path = f"/etc/{CONFIG}"
    restart(hub, {path: f"{hub.machine.read(path)}\n{lines}\n"})
    for user in ("alice", "bob"):
        hub.on_server("stop", deployment.BEHIND, user)
        hub.on_server("compute", deployment.BEHIND, user, "42", "--keep-server")
    assert len(lines.splitlines()) == 4
    assert properties(hub, "alice") == ["2s", str(8 << 30), "4096"]
    assert properties(hub, "bob") == ["2s", str(4 << 30), "4096"]
    (at_once,), (reload, show) = commands("2. Change a share")
    hub.machine.sh("rm --recursive --force /run/systemd/system.control/jupyter.slice.d; systemctl daemon-reload")
    hub.machine.sh(at_once)
    assert str(4 << 30) in properties(hub, "alice")
    before = hub.machine.sh(f"sed -i s/^MemoryMax=.*/MemoryMax=3G/ /etc/systemd/system/jupyter.slice; {show}").stdout
    after = hub.machine.sh(f"{reload}; {show}").stdout
    assert before != after == f"MemoryMax={3 << 30}\n"
    gone = hub.machine.sh(f"mv /etc/systemd/system/jupyter.slice /root; {reload}; {show}").stdout
    hub.machine.sh(
        f"mv /root/jupyter.slice /etc/systemd/system; sed -i s/^MemoryMax=.*/MemoryMax=80%/ /etc/systemd/system/jupyter.slice; {reload}"
    )
    assert gone == "MemoryMax=infinity\n"


def test_two_servers_of_a_user_and_a_user_with_an_apostrophe_have_units_of_their_own():
    """By the template of the spawner, the second server of a user's would end the first. To systemd, alice.service would be alice."""
    own = "c = get_config()\nc.JupyterHub.allow_named_servers = True\nc.Authenticator.username_pattern = '.*'"
    with deployment.hub(NEWEST, PUBLISHED.replace(CONFIG, "c = get_config()", own)) as hub:
        hub.machine.sh(
            'useradd --badname --create-home --groups jupyterhub "o\'brien" && echo "o\'brien:$(cat /root/check/bob.txt)" | chpasswd'
        )
        hub.machine.sh('cp /root/check/bob.txt "/root/check/o\'brien.txt"')
        hub.machine.sh("useradd --create-home --groups jupyterhub alice.service")
        hub.machine.sh('cd /root/check; cp alice.txt alice.service.txt; echo "alice.service:$(cat alice.txt)" | chpasswd')
        for user in ("alice", "o'brien", "alice.service"):
            last = hub.check("--keep-server", "--until", "server_spawns", user=user, url=deployment.BEHIND)[-1]
            assert last["ok"], last
        hub.on_server("start_named", deployment.BEHIND, "alice", "exam")
        units = hub.machine.sh("systemctl list-units --plain --no-legend --state active 'jupyter-*.service' | cut -d' ' -f1").stdout.split()
    own_units = ["jupyter-alice.service", "jupyter-alice_2eservice.service", "jupyter-alice_2fexam.service", "jupyter-o_27brien.service"]
    assert sorted(units) == own_units
