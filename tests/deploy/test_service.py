"""JupyterHub as a systemd service on a booted machine, by the published unit and script."""

import json
import re
import shlex
import time

import pytest

from tests.harness.machines import deployment, engine, faults
from tests.harness.manifest import CONFIG, HUBS, NEWEST, PUBLISHED, ROOT, SAVED_AS, VALUES, VERSIONS, Files
from tests.harness.measuring import evidence

UNIT, SLICE = "systemd/jupyterhub.service", "systemd/jupyter.slice"
SERVER = "jupyter/jupyter_server_config.py"
ENABLE = "sh /root/systemd/enable.sh"
PAGE = (ROOT / "deploy/run-as-a-service.md").read_text("utf-8")


def on(*names):
    """Machines of these kinds, each for tests of its own worker."""
    return [pytest.param(name, marks=pytest.mark.xdist_group(f"service-{name}"), id=name) for name in names]


@pytest.fixture(scope="module", params=on(*(name for name in HUBS if name.startswith(NEWEST))))
def hub(request):
    """The newest JupyterHub as a service, on each of Debian's releases."""
    with deployment.machine(request.param) as machine:
        hub = deployment.prepare(machine, request.param)
        machine.sh(f"mkdir -p /usr/lib/modules; {ENABLE}")
        yield hub


def answers(hub):
    """Wait until the hub, and nothing else, answers behind the proxy's place."""
    port = VALUES["hub"].rpartition(":")[2]
    hub.machine.until(f"bash -c '</dev/tcp/127.0.0.1/{port}'", timeout=40)

    def climbed():
        first = hub.check("--megabytes", "1", user="", url=deployment.BEHIND)[0]
        if not first["ok"]:
            raise RuntimeError(first["said"])

    engine.wait(climbed, timeout=20, every=0.5)


def test_at_boot_the_unit_starts_a_hub_that_lets_users_work(hub, prove):
    # What at boot starts every service that is enabled.
    hub.machine.sh("systemctl stop jupyterhub; systemctl start multi-user.target")
    state = asked(hub, "ActiveState")
    hub.machine.sh("systemctl start jupyterhub")
    assert state == "active"
    answers(hub)
    # A hub with another address than that of loopback needs the network before it starts.
    for order in ("After", "Wants"):
        assert "network-online.target" in asked(hub, order).split(), f"nothing makes it come after the network: {order}={asked(hub, order)}"
    rungs = hub.check("--keep-server", "--megabytes", "1", url=deployment.BEHIND)
    # Without a reverse proxy in front, only the header that the proxy adds is missing.
    assert [rung["rung"] for rung in rungs if not rung["ok"]] == ["blocks_shown"]
    assert "Cross-Origin-Opener-Policy: none" in rungs[-1]["said"]
    prove(evidence.booted(hub))


def asked(hub, *properties):
    """What systemd says of the unit, one property a line."""
    return hub.machine.sh(f"systemctl show --value {' '.join(f'--property {name}' for name in properties)} jupyterhub").stdout.strip()


# What systemd counts against the unit: the rows that `systemd-analyze security` marks.
COUNTED = {
    # It has systemd start servers as other users, takes ports below 1024, and PAM sets groups and records logins.
    "User=/DynamicUser=",
    "CapabilityBoundingSet=~CAP_(DAC_*|FOWNER|IPC_OWNER)",
    "CapabilityBoundingSet=~CAP_SET(UID|GID|PCAP)",
    "CapabilityBoundingSet=~CAP_AUDIT_*",
    "CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)",
    "RestrictAddressFamilies=~AF_UNIX",
    "RestrictAddressFamilies=~AF_(INET|INET6)",
    "RestrictAddressFamilies=~AF_NETLINK",
    "SystemCallFilter=~@privileged",
    # Logins may be asked of another machine.
    "PrivateUsers=",
    "PrivateNetwork=",
    "IPAddressDeny=",
    "ProcSubset=",
    "RootDirectory=/RootImage=",
    "MemoryDenyWriteExecute=",
    # Random numbers, terminals and nothing.
    "DeviceAllow=",
}
# The same of a user's server.
COUNTED_OF_USERS = {
    "RestrictAddressFamilies=~AF_UNIX",
    "RestrictAddressFamilies=~AF_(INET|INET6)",
    "RestrictAddressFamilies=~AF_NETLINK",
    "SystemCallFilter=~@privileged",
    "SystemCallFilter=~@resources",
    # Users' homes and the machine's network are what it is for.
    "ProtectHome=",
    "ProtectSystem=",
    "PrivateUsers=",
    "PrivateNetwork=",
    "IPAddressDeny=",
    "ProcSubset=",
    "RootDirectory=/RootImage=",
    "RestrictSUIDSGID=",
    "MemoryDenyWriteExecute=",
    "DeviceAllow=",
}
SCORE = re.compile(r"Overall exposure level for \S+: ([0-9.]+)")


def exposure(machine, *what):
    """systemd's own measure of what a service may do, from 0 to 10."""
    return float(SCORE.search(machine.exec("systemd-analyze", "security", "--no-pager", *what).stdout)[1])


def exposure_of_file(machine, files):
    """The same of a unit that does not run."""
    path = "/root/measured/jupyterhub.service"
    machine.put({path: files.read(UNIT)})
    return exposure(machine, "--offline=true", path)


def counted(machine, unit):
    rows = json.loads(machine.sh(f"systemd-analyze security --json=short {unit}").stdout)
    return {row["name"] for row in rows if row["exposure"]}


def test_systemd_calls_the_running_service_well_protected(hub):
    answers(hub)
    assert counted(hub.machine, "jupyterhub.service") == COUNTED
    score = exposure(hub.machine, "jupyterhub.service")
    assert score <= 2.5
    assert f"→ Overall exposure level for jupyterhub.service: {score} " in PAGE
    assert f"Here it says {score}; " in PAGE


def test_systemd_calls_a_users_server_well_protected(hub):
    answers(hub)
    last = hub.check("--keep-server", "--until", "server_spawns", url=deployment.BEHIND)[-1]
    assert last["ok"], last
    assert counted(hub.machine, "jupyter-alice.service") == COUNTED_OF_USERS
    score = exposure(hub.machine, "jupyter-alice.service")
    assert score <= 2.0
    assert f"→ Overall exposure level for jupyter-alice.service: {score} " in PAGE


def test_the_journal_says_that_an_account_has_expired_as_its_page_shows(hub):
    answers(hub)
    hub.machine.sh("chage --expiredate 2020-01-01 mallory")
    last = hub.check("--until", "login_works", user="mallory", url=deployment.BEHIND)[-1]
    hub.machine.sh("chage --expiredate -1 mallory")
    assert (last["rung"], last["ok"]) == ("login_works", False)
    words = "pam_unix(login:account): account mallory has expired (account expired)"
    hub.machine.until(f"journalctl --unit jupyterhub.service | grep -F '{words}'", timeout=10)
    assert f"`{words}`" in (ROOT / "troubleshooting/password-has-expired/index.md").read_text("utf-8")


@pytest.mark.parametrize("suite", VERSIONS["debian"][1:])  # that of bullseye measures no unit from a file
def test_without_the_lines_systemd_calls_it_unsafe(idle, suite):
    machine, text = idle(suite), PUBLISHED.read(UNIT)
    before, after = text.partition("# From here on")[0], text.partition("[Install]")[2]
    assert exposure_of_file(machine, PUBLISHED) < 4.0
    assert exposure_of_file(machine, Files({UNIT: f"{before}[Install]{after}"})) > 9.0


# Stands for a graphics card: a device that everybody may use.
CARD = "test -e /dev/card || mknod --mode=666 /dev/card c 1 3"


# What becomes of a program that tries to get a power, by `in_kernel.py`: it gets an error and goes on, or just lacks it.
REFUSED = {
    "becomes root by a setuid program": False,
    "sees processes of others": False,
    "makes a namespace": "EPERM",
    "is traced": "EPERM",
    "loads its programs at known addresses": "EPERM",
    "asks for real time": "EPERM",
    "asks for raw packets": "EAFNOSUPPORT",
    "reads the kernel's symbols": "EACCES",
    "looks at the kernel's modules": "EACCES",
    "leaves files that everybody reads": False,
    "leaves files that its group reads": False,
    "opens the machine's devices": "ENOENT",
}


def test_a_users_programs_work_in_the_service_and_get_no_powers(hub):
    answers(hub)
    # A setuid program that tells who it is.
    hub.machine.sh(f"install --mode=4755 /usr/bin/id /usr/local/bin/setuid-id; ln -sf /bin/true /usr/local/sbin/local-true; {CARD}")
    seen = hub.on_server("within", deployment.BEHIND, "alice")
    assert {name: works for name, works in seen["works"].items() if works is not True} == {}
    assert seen["powers"] == REFUSED
    # Not even to somebody whose group is the user's own.
    hub.machine.sh("id classmate || useradd --no-create-home --gid alice classmate")
    read = hub.machine.exec("cat", "/home/alice/within.txt", user="classmate", check=False)
    assert "Permission denied" in read.stderr
    # The same program outside of it.
    program = hub.machine.read(f"{deployment.CHECK}/in_kernel.py")
    outside = json.loads(hub.machine.exec(deployment.PYTHON, "-", user="alice", input=program).stdout)
    assert set(outside["powers"].values()) == {True}, outside["powers"]


def test_the_hub_itself_does_not_change_the_system_nor_its_own_programs(hub):
    answers(hub)
    # Where control groups are of version 1, the service manager has a tree of its own.
    groups = hub.machine.sh("ls -d /sys/fs/cgroup/systemd 2>/dev/null || echo /sys/fs/cgroup").stdout.strip()
    places = [f"{folder}/x" for folder in ("/etc", "/usr", "/boot", groups, VALUES["environment"])]
    within = f"nsenter --target {asked(hub, 'MainPID')} --mount"
    touched = hub.machine.sh(f"{within} touch {' '.join(places)} /var/lib/x /home/bob/x", check=False).stderr
    assert re.findall(r"'(\S+)': Read-only file system", touched) == [*places, "/var/lib/x"]
    assert "'/home/bob/x': No such file or directory" in touched
    # What others put into /tmp is not there, and what it puts there is not theirs.
    hub.machine.sh(
        f"touch /tmp/of-others && {within} test ! -e /tmp/of-others && {within} touch /tmp/of-the-hub && test ! -e /tmp/of-the-hub"
    )
    # An administrator's shell is no part of it, and what pip installs there is there for the hub.
    hub.machine.sh(f"touch {places[-1]} && {within} test -e {places[-1]} && rm {places[-1]}")


# What becomes of a user's file in each folder, where everybody may write into all of them.
OF_ALL = [f"{folder}/of-all" for folder in ("/usr/local", "/etc", "/boot", VALUES["environment"], "/srv")]
WRITES = f"""
import errno, pathlib
for folder in {OF_ALL}:
    try:
        print(folder, pathlib.Path(folder, "x").write_text("x"))
    except OSError as error:
        print(folder, errno.errorcode[error.errno])
"""


def test_a_user_cannot_change_the_system_nor_the_hubs_programs_even_where_permissions_let_everybody(hub):
    answers(hub)
    hub.machine.sh(f"mkdir --mode=777 --parents {' '.join(OF_ALL)}")
    said = hub.on_server("compute", deployment.BEHIND, "alice", WRITES, "--keep-server")
    written = dict(line.split() for line in said.splitlines())
    assert written == dict.fromkeys(OF_ALL[:4], "EROFS") | {OF_ALL[4]: "1"}


def test_where_the_machines_memory_runs_out_users_servers_and_kernels_are_ended_before_the_hub(hub):
    """The kernel of Linux ends what has the highest score; 500 is as if a process took half of the machine's memory more."""
    answers(hub)
    of_alice = hub.on_server("compute", deployment.BEHIND, "alice", "print(open('/proc/self/oom_score_adj').read())", "--keep-server")
    of_the_hub = hub.machine.read(f"/proc/{asked(hub, 'MainPID')}/oom_score_adj")
    assert int(of_alice) >= int(of_the_hub) + 500


# Of root's powers: to pass over permissions, to act as another group, to take a port below 1024, to write to the audit log.
KEPT = sum(1 << number for number in (1, 6, 10, 29))


def test_a_start_that_failed_locks_nobody_out_once_its_cause_is_mended(hub):
    """What the spawner had written for systemd still lies there, and is to be written anew."""
    answers(hub)
    hub.machine.sh("mv /usr/bin/systemd-run /root/")
    try:
        failed = hub.check("--until", "server_spawns", user="bob", url=deployment.BEHIND)[-1]
    finally:
        hub.machine.sh("mv /root/systemd-run /usr/bin/")
    assert (failed["rung"], failed["ok"]) == ("server_spawns", False)
    last = hub.check("--until", "server_spawns", user="bob", url=deployment.BEHIND)[-1]
    assert last["ok"], last


def test_the_hub_itself_has_four_powers_of_roots_and_no_way_to_name_the_machine(hub):
    answers(hub)
    status = hub.machine.read(f"/proc/{asked(hub, 'MainPID')}/status")
    assert {int(powers, 16) for powers in re.findall(r"^Cap(?:Prm|Eff|Bnd):\s+(\w+)$", status, re.M)} == {KEPT}
    own, machines = hub.machine.sh(f"readlink /proc/{asked(hub, 'MainPID')}/ns/uts /proc/1/ns/uts").stdout.split()
    assert own != machines


def test_the_hubs_own_proxy_takes_all_the_files_that_the_system_lets_it_have(hub):
    """Each WebSocket is two of them. Of systemd's two limits, node has the lower one raised to the higher."""
    answers(hub)
    process = hub.machine.sh("pgrep -f configurable-http-proxy").stdout.split()[0]
    soft, hard = re.search(r"^Max open files +(\d+) +(\d+) ", hub.machine.read(f"/proc/{process}/limits"), re.M).groups()
    assert soft == hard


LOCKING = (
    "auth required pam_faillock.so preauth deny=1",
    "auth sufficient pam_unix.so nodelay",
    "auth [default=die] pam_faillock.so authfail deny=1",
    "account required pam_faillock.so",
)


def test_pam_may_lock_an_account_after_a_wrong_password(hub):
    answers(hub)
    own = hub.machine.read("/etc/pam.d/login")
    hub.machine.put({"/etc/pam.d/login": "\n".join([*LOCKING, "account required pam_unix.so", ""])})
    try:
        tried = hub.on_server("let_in", deployment.BEHIND, "mallory", "", "wrong", "")
    finally:
        hub.machine.put({"/etc/pam.d/login": own})
    assert tried == [302, 403, 403]


# A program that PAM starts at each login, in the hub's own sandbox: it may ask another machine, and not for less of the processor.
ASKS = f"""#!{deployment.PYTHON}
import os, socket
socket.socket(socket.AF_INET6).close()
try:
    os.setpriority(os.PRIO_PROCESS, 0, 1)
    said = "granted"
except OSError as error:
    said = str(error)
open("/run/said", "w").write(said)
"""


def test_a_program_of_pams_that_asks_the_kernel_for_what_the_hub_may_not_have_is_told_no_and_goes_on(hub):
    answers(hub)
    own = hub.machine.read("/etc/pam.d/login")
    asks = {"/usr/local/bin/asks": ASKS, "/etc/pam.d/login": f"auth optional pam_exec.so quiet /usr/local/bin/asks\n{own}"}
    hub.machine.sh("chmod 755 /usr/local/bin/asks; rm -f /run/said", asks)
    try:
        tried = hub.on_server("let_in", deployment.BEHIND, "bob", "")
    finally:
        hub.machine.put({"/etc/pam.d/login": own})
    assert tried == [302]
    assert hub.machine.sh("cat /run/said", check=False).stdout == "[Errno 1] Operation not permitted"
    # Its own module for groups has had what it asked for.
    assert "unable to set the group membership" not in faults.log(hub)


TIMES = ("ExecMainStartTimestampMonotonic", "ActiveExitTimestampMonotonic")
LIMIT = ("StartLimitIntervalUSec", "StartLimitBurst")


def test_after_a_kill_the_hub_comes_back_by_itself_so_late_that_it_may_fail_for_ever(hub):
    answers(hub)
    before = asked(hub, "MainPID")
    hub.machine.sh("systemctl kill --kill-who=main --signal=KILL jupyterhub")
    another = f"main=$(systemctl show --value --property MainPID jupyterhub); test $main != 0 && test $main != {before}"
    hub.machine.until(another, timeout=20)
    began, ended = (int(asked(hub, name)) for name in TIMES)
    seconds = (began - ended) / 1_000_000
    interval, starts = (asked(hub, name) for name in LIMIT)
    assert interval == "10s"
    assert 10 <= int(starts) * seconds < 15, f"{starts} starts take {seconds} seconds each"
    answers(hub)


def test_a_hub_that_ends_well_stays_ended(hub):
    answers(hub)
    hub.machine.sh("systemctl kill --kill-who=main jupyterhub")
    hub.machine.until("systemctl show --value --property SubState jupyterhub | grep -E 'dead|auto-restart'", timeout=20)
    state = asked(hub, "SubState")
    hub.machine.sh("systemctl start jupyterhub")
    assert state == "dead"


def test_what_the_hub_keeps_is_readable_by_root_alone(hub):
    answers(hub)
    state = "/var/lib/jupyterhub"
    assert hub.machine.sh(f"stat --format '%a %U' {state}").stdout.strip() == "700 root"
    assert {"jupyterhub.sqlite", "jupyterhub_cookie_secret"} <= set(hub.machine.sh(f"ls {state}").stdout.split())


FILES = {SAVED_AS[CONFIG]: "600 root root"} | dict.fromkeys((SAVED_AS[name] for name in (SERVER, UNIT, SLICE)), "644 root root")


def test_the_script_makes_the_files_roots_wherever_they_were_copied_from_and_shows_the_state_of_what_they_say(hub):
    answers(hub)
    paths, older = " ".join(FILES), PUBLISHED.replace(UNIT, "Description=", "Description=An older one")
    hub.machine.sh("systemctl daemon-reload", {SAVED_AS[UNIT]: older.read(UNIT)})
    hub.machine.sh(f"chown bob:bob {paths}; chmod 664 {paths}", {SAVED_AS[UNIT]: PUBLISHED.read(UNIT)})
    said = hub.machine.sh(ENABLE).stdout
    owners = hub.machine.sh(f"stat --format '%n %a %U %G' {paths}").stdout.splitlines()
    hub.machine.sh(f"chown root:root {paths}; chmod go+r,go-w {paths}")
    assert dict(line.split(" ", 1) for line in owners) == FILES
    assert "active (running)" in said
    assert asked(hub, "Description") == "JupyterHub"


@pytest.mark.parametrize("path", FILES)
def test_the_script_ends_where_a_file_is_not_there(hub, path):
    hub.machine.sh(f"mv {path} /root/away")
    try:
        done = hub.machine.sh(ENABLE, check=False)
    finally:
        hub.machine.sh(f"mv /root/away {path}")
    assert done.returncode
    assert f"'{path}': No such file or directory" in done.stderr
    assert "jupyterhub.service" not in done.stdout


# The machine's control groups, of version 1 and 2, as a kernel has them that was started without one.
WITHOUT = """unshare --mount sh -c '
mount -t tmpfs groups /sys/fs/cgroup && cd /sys/fs/cgroup
if [ {version} = 1 ]; then mkdir unified {there}; else echo cpuset {there} io >cgroup.controllers; fi
exec {script}'"""


@pytest.mark.parametrize("version", [1, 2])
def test_the_script_warns_of_limits_that_the_machines_kernel_does_not_have(hub, version):
    def warned(*there):
        done = hub.machine.sh(WITHOUT.format(version=version, there=" ".join(there), script=ENABLE))
        return [line for line in done.stderr.splitlines() if "Warning" in line]

    assert warned("cpu", "memory", "pids") == []
    assert warned("cpu", "pids") == ["Warning: this machine's kernel has no control groups for 'memory': users have no such limit."]
    assert [line.split("'")[2] for line in warned()] == ["cpu", "memory", "pids"]


# The folders in which the script, and what it calls, could change something.
CHANGED = "find /etc /var/lib/systemd -newer /root/before; stat --format '%n %a %U' {} /etc/jupyterhub/* /etc/jupyter/*"
ANOTHER = "/opt/another/bin/jupyterhub"


def changes_nothing(hub):
    """What the script says, which has to end with an error and to leave everything as it is."""
    look = CHANGED.format(SAVED_AS[UNIT])
    before = hub.machine.sh(f"touch /root/before; chmod 644 {SAVED_AS[CONFIG]}; {look}").stdout
    done = hub.machine.sh(ENABLE, check=False)
    assert done.returncode == 1
    assert hub.machine.sh(look).stdout == before
    assert done.stderr.endswith("Nothing was changed.\n")
    return done.stderr


def test_where_another_service_of_this_name_runs_the_script_changes_nothing(hub):
    """It was there before, and the published unit has been saved over its file."""
    answers(hub)
    before = asked(hub, "MainPID")
    another = {ANOTHER: "#!/bin/sh\nsleep 600\n", SAVED_AS[UNIT]: f"[Service]\nExecStart={ANOTHER} --config /etc/jupyterhub/a.py\n"}
    hub.machine.sh("systemctl stop jupyterhub; systemctl daemon-reload; systemctl start jupyterhub", another)
    hub.machine.put({SAVED_AS[UNIT]: PUBLISHED.read(UNIT)})
    try:
        said, runs = changes_nothing(hub), asked(hub, "MainPID", "ActiveState").split()
    finally:
        hub.machine.sh("systemctl stop jupyterhub; systemctl daemon-reload; systemctl start jupyterhub")
    assert runs[1] == "active"
    assert runs[0] != before
    assert said.splitlines()[0].rstrip() == f"jupyterhub.service runs already, another one: /bin/sh {ANOTHER} --config /etc/jupyterhub/a.py"


# Until it is the unit's program, systemd's own process has a name in brackets, and in newer releases at first that of a helper: here each
# for two seconds.
LATE = "[Service]\nExecStart=\nExecStart=@/bin/bash {} /usr/local/sbin/late\n"


@pytest.mark.parametrize("name", ["(pyterhub)", "/usr/lib/systemd/systemd-executor"], ids=["in brackets", "a helper"])
def test_a_hub_that_is_just_being_started_is_no_other(hub, name):
    path, command = f"{SAVED_AS[UNIT]}.d/late.conf", deployment.unit(PUBLISHED)[0]
    late = {path: LATE.format(name), "/usr/local/sbin/late": f"sleep 2; exec {command}\n"}
    begin = "systemctl stop jupyterhub; systemctl reset-failed jupyterhub; systemctl daemon-reload; systemctl start jupyterhub"
    hub.machine.sh(begin, late)
    try:
        said = hub.machine.sh(ENABLE).stdout
    finally:
        hub.machine.sh(f"rm {' '.join(late)}; {begin}")
    assert "active (running)" in said


HOLDER = "import socket, sys, time; held = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"


@pytest.mark.parametrize("port", [VALUES["hub"].rpartition(":")[2], "801", "881"])
def test_where_another_program_has_one_of_the_hubs_ports_the_script_changes_nothing(hub, port):
    hub.machine.sh("systemctl stop jupyterhub")
    hub.machine.until(f"! bash -c '</dev/tcp/127.0.0.1/{port}'", timeout=20)
    try:
        hub.machine.sh(f'{deployment.PYTHON} -c "{HOLDER}" {port} >/dev/null 2>&1 & echo $! >/root/holder')
        hub.machine.until(f"bash -c '</dev/tcp/127.0.0.1/{port}'", timeout=10)
        said = changes_nothing(hub)
    finally:
        hub.machine.sh("kill $(cat /root/holder); systemctl reset-failed jupyterhub; systemctl start jupyterhub")
    assert said == f"Port {port} is taken by another program, python: stop that first. Nothing was changed.\n"


# What an administrator needs, and the lines for it: of users' servers in jupyterhub_config.py, of the hub in a file of its unit's.
ROWS = re.findall(r"^\| ([^|]+?) \| ((?:`[^`]+ ?= ?[^`]+`(?: and |, )?)+) \|$", PAGE, re.M)
OWN = {need: re.findall(r"`([^`]+)`", lines) for need, lines in ROWS}
OWN_OF_SERVERS = [line for lines in OWN.values() for line in lines if line.startswith("c.")]
OWN_OF_HUB = [line for lines in OWN.values() for line in lines if not line.startswith("c.")]


def test_lines_of_ones_own_do_what_the_page_says_for_servers_that_start_after_them(hub):
    """All lines of the page's tables at once."""
    path, config = f"{SAVED_AS[UNIT]}.d/override.conf", PUBLISHED.read(CONFIG)
    answers(hub)
    hub.machine.sh(CARD)
    before = hub.on_server("within", deployment.BEHIND, "alice", "--keep-server")["powers"]
    own = {path: "\n".join(["[Service]", *OWN_OF_HUB, ""]), SAVED_AS[CONFIG]: "\n".join([config, *OWN_OF_SERVERS, ""])}
    hub.machine.sh("systemctl daemon-reload; systemctl restart jupyterhub", own)
    try:
        answers(hub)
        running = hub.on_server("within", deployment.BEHIND, "alice", "--keep-server")["powers"]
        hub.on_server("stop", deployment.BEHIND, "alice")
        after = hub.on_server("within", deployment.BEHIND, "alice", "--keep-server")["powers"]
        has = asked(hub, "CapabilityBoundingSet")
    finally:
        hub.on_server("stop", deployment.BEHIND, "alice")
        hub.machine.sh(f"rm {path}; systemctl daemon-reload; systemctl restart jupyterhub", {SAVED_AS[CONFIG]: config})
    assert len(OWN) == 4, OWN
    assert running == before, "a server that runs has the new lines"
    gained = {name for name in after if after[name] is True is not before[name]}
    assert gained == {"is traced", "opens the machine's devices", "leaves files that everybody reads", "leaves files that its group reads"}
    assert {"cap_chown", "cap_dac_override"} <= set(has.split()), has


def left(hub):
    """The commands of the hub, of its proxy, of users' servers and of kernels that run."""
    # The brackets keep the search from finding itself.
    search = "grep -laE 'bin/[j]upyterhub|[c]onfigurable-http-proxy|[m]y_kernel' /proc/[0-9]*/cmdline || true"
    return [hub.machine.sh(f"tr '\\0' ' ' <{path}", check=False).stdout for path in hub.machine.sh(search).stdout.split()]


# A program that does not end when it is asked to, as a terminal's shell does not; systemd itself would wait for a minute and a half.
STUBBORN = """
import subprocess
print(subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], start_new_session=True).pid)
"""


def test_a_stop_leaves_users_servers_and_a_stop_of_those_leaves_nothing_and_takes_seconds(hub):
    answers(hub)
    program = hub.on_server("compute", deployment.BEHIND, "alice", STUBBORN, "--keep-server").strip()
    hub.machine.sh("systemctl stop jupyterhub.service")
    assert hub.machine.sh("systemctl show --property Result --value jupyterhub").stdout.strip() == "success"
    (server,) = left(hub)
    assert "jupyterhub-singleuser" in server
    assert hub.machine.sh(f"ps --no-headers --format user {program}").stdout.strip() == "alice"
    began = time.monotonic()
    hub.machine.sh("systemctl stop 'jupyter-*.service'", timeout=120)
    assert time.monotonic() - began < 40
    assert not left(hub)
    assert hub.machine.sh(f"ps {program}", check=False).returncode
    hub.machine.sh("systemctl start jupyterhub.service")


def test_a_hub_without_a_service_manager_takes_its_proxy_with_it(idle):
    port, log = VALUES["hub"].rpartition(":")[2], "/root/by-hand.log"
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    command, folder, environment = deployment.unit(PUBLISHED)
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    # As in a terminal: what a script starts in the background hears no Ctrl-C, by which the hub ends its services.
    by_hand = f"env --default-signal=INT {settings} {command} >{log} 2>&1 & echo $! >/root/by-hand.pid"
    hub.machine.sh(f"mkdir -p {folder} && cd {folder} && ({by_hand})")
    hub.machine.until(f"grep -q '{deployment.UP}' {log}", timeout=60)
    hub.machine.sh("kill $(cat /root/by-hand.pid)")
    hub.machine.until("! kill -0 $(cat /root/by-hand.pid) 2>/dev/null", timeout=20)
    listens = hub.machine.sh(f"bash -c '</dev/tcp/127.0.0.1/{port}'", check=False)
    assert "Connection refused" in listens.stderr
