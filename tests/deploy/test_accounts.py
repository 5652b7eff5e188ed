"""The scripts of deploy/users.md on each Debian release: make accounts from a list, limit what they may do by SSH, lock one out."""

import contextlib
import json
import re

import pytest

from tests.harness.machines import deployment, people, terminal
from tests.harness.machines.people import ADMIN, OUT, PASSWORD, changing, script, ssh
from tests.harness.manifest import CONFIG, HOMES, NEWEST, PUBLISHED, ROOT, SAVED_AS
from tests.harness.measuring import evidence

pytestmark = pytest.mark.xdist_group("accounts")


@pytest.fixture(scope="module", params=[NEWEST, *(f"{NEWEST} on {suite}" for suite in HOMES[1:])])
def machine(request):
    with people.machine(request.param) as machine:
        yield machine


# Accounts from a list.


def accounts(machine):
    return machine.machine.read("/etc/passwd"), machine.machine.sh("ls /home").stdout


BAD = {
    "Anna": "Anna: write it in lower case. JupyterHub makes names lower case, and then finds no such account.",
    "9x": "9x: a name begins with a letter; letters from a to z, digits, dots, - and _ may follow.",
    "a b": "a b: a name begins with a letter; letters from a to z, digits, dots, - and _ may follow.",
    "jürgen": "jürgen: a name begins with a letter; letters from a to z, digits, dots, - and _ may follow.",
    "bob": "bob: there is an account of this name.",
    "shadow": "shadow: there is a group of this name.",
    "gone": "gone: /home/gone is there already, from an account that is gone. Move it away.",
    "n" * 33: f"{'n' * 33}: a name has at most 32 letters.",
    "twice\ntwice": "twice: it is in the list more than once.",
}


def test_names_that_do_not_do_are_told_all_at_once_and_nothing_is_changed(machine):
    table = (ROOT / "deploy/users.md").read_text("utf-8").partition("| The list has | Because |")[2].partition("\n\n")[0]
    assert "with more than 32 letters" in table
    assert bool(machine.machine.sh(f"useradd {'n' * 33} && userdel {'n' * 33}", check=False).returncode) == (machine.suite == "bookworm")
    machine.machine.sh("mkdir --parents /home/gone", {"/tmp/bad.txt": "fine\n" + "\n".join(BAD) + "\n"})
    before = accounts(machine)
    status, said = script(machine, "add", "/tmp/bad.txt", "/tmp/none.txt")
    assert status == 1
    assert said == [*(f"add.sh: {told}" for told in BAD.values()), "add.sh: /tmp/bad.txt needs another look. Nothing was changed."]
    assert accounts(machine) == before
    machine.machine.sh("rmdir /home/gone; ! test -e /tmp/none.txt")


def test_what_else_is_wrong_is_told_in_one_line(machine):
    machine.machine.put({"/tmp/empty.txt": "\n \r\n", "/tmp/one.txt": "otto\n"})
    before = accounts(machine)
    for words, arguments, user in (
        ("usage: sh add.sh names.txt passwords.txt.", ["/tmp/one.txt"], "root"),
        ("only root can do this. Run sudo -i first.", ["/tmp/one.txt", "/tmp/none.txt"], "alice"),
        ("there is no file /tmp/no.txt.", ["/tmp/no.txt", "/tmp/none.txt"], "root"),
        ("/tmp/empty.txt holds no name.", ["/tmp/empty.txt", "/tmp/none.txt"], "root"),
        (
            "/root/people/passwords.txt is there already, and may hold passwords. Name another file.",
            ["/tmp/one.txt", "/root/people/passwords.txt"],
            "root",
        ),
    ):
        assert script(machine, "add", *arguments, user=user) == (1, [f"add.sh: {words} Nothing was changed."])
    machine.machine.sh("groupmod --new-name away jupyterhub")
    try:
        told = script(machine, "add", "/tmp/one.txt", "/tmp/none.txt")
    finally:
        machine.machine.sh("groupmod --new-name jupyterhub away")
    assert told == (1, ["add.sh: the group jupyterhub does not exist. Install JupyterHub first. Nothing was changed."])
    assert accounts(machine) == before


@pytest.mark.parametrize("fails", ["useradd", "chpasswd", "chage", "interrupt"])
def test_what_fails_half_way_is_taken_back(machine, fails):
    """Of two accounts the second fails, or the machine's programs do; or somebody presses Ctrl-C."""
    program = "/usr/local/sbin/" + ("chage" if fails == "interrupt" else fails)
    last = "kill -INT $PPID" if fails == "interrupt" else "exit 1"
    real = f"/usr/sbin/{fails}" if fails == "useradd" else "true"
    wrapper = f'#!/bin/sh\ncase "$*" in *--defaults | *otto) exec {real} "$@" ;; esac\n{last}\n'
    machine.machine.put({"/tmp/two.txt": "otto\nzoe\n", program: wrapper})
    before = accounts(machine)
    try:
        status, said = script(machine, "add", "/tmp/two.txt", "/tmp/none.txt")
    finally:
        machine.machine.sh(f"rm {program}")
    assert (status, said[-1]) == (1, "add.sh: stopped, and took back what it had made. Nothing was changed.")
    assert accounts(machine) == before
    machine.machine.sh("! test -e /tmp/none.txt")


def test_a_list_from_windows_becomes_accounts_with_passwords_that_root_alone_reads(machine):
    machine.machine.put({"/tmp/windows.txt": "\ufeffnina\r\n  oleg \r\n\r\n"})
    machine.machine.sh("sed -i 's/^#*HOME_MODE.*/HOME_MODE 0755/' /etc/login.defs")
    status, said = script(machine, "add", "/tmp/windows.txt", "/tmp/theirs.txt")
    assert (status, said) == (0, ["add.sh: made 2 accounts. Their first passwords are in /tmp/theirs.txt, for root's eyes only."])
    assert machine.machine.sh("stat --format '%a %U' /tmp/theirs.txt /home/nina /home/oleg").stdout.splitlines() == [
        "600 root",
        "700 nina",
        "700 oleg",
    ]
    names, passwords = zip(*(line.split(":") for line in machine.machine.read("/tmp/theirs.txt").splitlines()), strict=True)
    assert names == ("nina", "oleg")
    assert len(set(passwords)) == 2
    assert all(re.fullmatch("[a-km-np-z2-9]{12}", password) for password in passwords)
    states = [machine.machine.sh(f"passwd --status {name}").stdout.split()[1] for name in names]
    lasts = re.findall(r"(?m)^(?:nina|oleg):[^:]*:(\d*):", machine.machine.read("/etc/shadow"))
    assert (states, lasts) == (["P", "P"], ["0", "0"])
    assert machine.machine.sh("id --name --groups nina").stdout.split() == ["nina", "jupyterhub"]


# SSH.


def test_users_have_passwords_where_all_others_need_a_key(machine):
    cloud, server = "/etc/ssh/sshd_config.d/50-cloud-init.conf", machine.machine
    again = "kill -HUP $(cat /run/sshd.pid); sleep 0.5"
    server.sh(again, {cloud: "PasswordAuthentication no\n"})
    try:
        told = [ssh(machine, user, PASSWORD, command=("id",))[0] for user in ("kim", ADMIN)]
    finally:
        server.sh(f"rm {cloud}; {again}")
    assert told == [6, 255]


# What a user's own files would have run at a login.
OWN = "touch /tmp/escaped-$(id -un)\n"
RUN_AT_LOGIN = {
    ".ssh/rc": OWN,
    ".bashrc": OWN,
    ".profile": OWN,
    ".bash_profile": OWN,
    ".zshenv": OWN,
    "own.sh": OWN,
    ".pam_environment": "BASH_ENV DEFAULT=@{HOME}/own.sh\nENV DEFAULT=@{HOME}/own.sh\n",
}


def test_an_account_from_the_list_does_nothing_else_by_ssh(machine):
    """What its user puts into its home makes no difference; alice, with a shell, is the control."""
    for user in ("kim", "alice"):
        home = f"/home/{user}"
        machine.machine.sh(f"chown -R {user}: {home}", {f"{home}/{name}": text for name, text in RUN_AT_LOGIN.items()})
    alice = machine.passwords["alice"]
    status, said = ssh(machine, "alice", alice, command=("id",))
    assert status == 0
    assert "uid=" in said
    machine.machine.sh("test -e /tmp/escaped-alice")
    for options in ([], ["-tt"]):
        status, said = ssh(machine, "kim", PASSWORD, *options, command=("id",))
        assert status not in (0, None), said
        assert "uid=" not in said
    assert ssh(machine, "kim", PASSWORD, "-s", command=("sftp",))[0] not in (0, None)
    answers = json.dumps([["password: ", PASSWORD]])
    assert machine.on_server("by_ssh", answers, "scp", "/etc/hostname", "kim@127.0.0.1:sent")[0] != 0
    assert machine.on_server("by_ssh", answers, "scp", "kim@127.0.0.1:/etc/passwd", "/tmp/fetched")[0] != 0
    _, said = machine.on_server("by_ssh", changing(PASSWORD, PASSWORD + "9"), "ssh", "kim@127.0.0.1")
    assert "password updated successfully" in said, said
    machine.machine.sh(f"echo kim:{PASSWORD} | chpasswd")
    assert machine.machine.sh("ls /tmp/escaped-kim* ~kim/sent /tmp/fetched", check=False).stdout == ""


def test_of_the_hubs_users_administrators_alone_forward_ports(machine, prove):
    """By a login that opens nothing else; the machine's own port 22 is what they try to reach."""
    for user, password, through in ((ADMIN, PASSWORD, True), ("alice", machine.passwords["alice"], False), ("kim", PASSWORD, False)):
        answers = json.dumps([["password: ", password], ["SSH-2.0", "hello"]])
        _, said = machine.on_server("by_ssh", answers, "ssh", "-W", "127.0.0.1:22", f"{user}@127.0.0.1")
        assert ("SSH-2.0" in said, "forwarding failed" in said) == (through, not through), said
    version = machine.machine.sh("dpkg-query --show --showformat '${source:Upstream-Version}' openssh-server").stdout
    prove(evidence.read_beside("OpenSSH", version, machine.suite))


def test_a_shell_that_root_has_as_a_user_is_not_on_roots_terminal(machine):
    """What the user runs there could type into it."""
    command = re.search(r"`(su .* kim)`", (ROOT / "deploy/users.md").read_text("utf-8"))[1]
    with terminal.opened(machine.machine) as shell:
        mine, theirs = shell.type("tty"), shell.type(f"{command} --command 'tty; id --user --name'")
    assert (mine[0], theirs[0]) == (0, 0), theirs
    assert theirs[1].split()[1:] == ["kim"]
    assert mine[1].strip().startswith("/dev/pts/")
    assert theirs[1].split()[0] != mine[1].strip()


# What root types as alice, with the page.
AS_ALICE = [
    (page.stem, command)
    for folder in ("deploy", "troubleshooting")
    for page in sorted((ROOT / folder).rglob("*.md"))
    for command in re.findall(r"(?m)^# (.*\b(?:su|runuser) .*\balice .*)$", page.read_text("utf-8"))
]
# What alice leaves behind, in her .profile or in a program's place: where it could read what root types, and write.
LOOKS = "( ps -o tty= -p $$; readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; echo over ) >>/home/alice/reached\n"


def test_what_root_types_as_a_user_does_not_have_roots_terminal(machine):
    """Neither as its own, nor open: a program of alice's would go on reading there after the command."""
    place, on = machine.machine, []
    place.sh("cp -a /home/alice/.profile /root; chmod 755 /tmp/looks", {"/tmp/looks": f"#!/bin/sh\n{LOOKS}"})
    place.sh("cat /tmp/looks >>/home/alice/.profile; mkdir -p /srv/course")
    try:
        with terminal.opened(place) as shell:
            mine = shell.type("tty")[1].strip()
            for page, command in AS_ALICE:
                shell.type("rm -f /home/alice/reached")
                shell.type(re.sub(r" -- (?:ln|dd) ", " -- /tmp/looks ", command))
                reached = place.read("/home/alice/reached").split()
                assert "over" in reached, command
                on += [f"{page}: {command}"] * bool({mine, mine.removeprefix("/dev/")} & {*reached})
    finally:
        place.sh("mv /root/.profile /home/alice; rm -rf /tmp/looks /home/alice/reached /srv/course")
    assert mine.startswith("/dev/pts/")
    assert len(AS_ALICE) > 5
    assert not on, "\n".join(on)


# Leaving.


def test_nothing_that_the_system_would_run_for_who_has_left_runs(machine):
    """What cron, at, a key and systemd ask PAM before they begin; and what runs already ends."""
    ask = "import pamela, sys; pamela.check_account('mallory', service=sys.argv[1])"
    services = [name for name in machine.machine.sh("ls /etc/pam.d").stdout.split() if name in ("cron", "atd", "sshd", "systemd-user")]
    assert {"cron", "atd", "sshd"} <= set(services)

    def closed():
        return [name for name in services if machine.machine.exec(deployment.PYTHON, "-c", ask, name, check=False).returncode]

    assert closed() == []
    machine.machine.sh("sleep 9999 >/dev/null 2>&1 &", user="mallory")
    assert script(machine, "leave", "mallory") == (0, [OUT.format("mallory")])
    assert closed() == services
    assert machine.machine.sh("pgrep -u mallory", check=False).stdout == ""


def test_programs_under_numbers_that_a_user_was_given_end_too(machine):
    """As in a container of the user's own; but not what runs as another account, although its number is among them."""
    server, numbers = machine.machine, {who: machine.machine.sh(f"id --user {who}").stdout.strip() for who in ("alice", "bob")}
    server.sh(f"cp /etc/subuid /root/kept; printf 'bob:300000:10\\n{numbers['bob']}:400000:10\\nbob:{numbers['alice']}:1\\n' >>/etc/subuid")
    start = "setpriv --ruid {} --euid {} --clear-groups sleep 9999 >/dev/null 2>&1 & echo $!"
    # Real and effective number. The second acts as bob, under the real number of a container of bob's.
    runs = ((300009, 300009), (300001, numbers["bob"]), (400000, 400000), (numbers["alice"], numbers["alice"]))
    pids = [server.sh(start.format(*both)).stdout.strip() for both in runs]
    try:
        assert script(machine, "leave", "bob") == (0, [OUT.format("bob")])
        left = server.sh(f"ps -o pid= -p {','.join(pids)}", check=False).stdout.split()
    finally:
        server.sh(f"kill -KILL {' '.join(pids)}; mv /root/kept /etc/subuid; usermod --unlock --expiredate '' bob", check=False)
    assert left == pids[-1:]


def test_what_lies_in_the_folder_where_root_locks_somebody_out_is_not_run(machine):
    """A module of a name that the script imports, in a folder of bob's."""
    theirs = {"/tmp/theirs/jupyterhub.py": 'open("/tmp/trapped", "w")\n', "/tmp/leave.sh": PUBLISHED.read("people/leave.sh")}
    machine.machine.sh("chown -R bob: /tmp/theirs", theirs)
    try:
        told = machine.machine.sh("cd /tmp/theirs; sh /tmp/leave.sh carol 2>&1", check=False).stdout
        assert machine.machine.sh("ls /tmp/trapped", check=False).stdout == ""
        assert told.splitlines() == [OUT.format("carol")]
    finally:
        machine.machine.sh("rm -rf /tmp/theirs /tmp/trapped; usermod --unlock --expiredate '' carol")


def test_who_cannot_be_shut_out_is_told_in_one_line_and_nothing_is_changed(machine):
    before = machine.machine.read("/etc/shadow")
    for words, arguments, user in (
        ("usage: sh leave.sh bob.", [], "root"),
        ("only root can do this. Run sudo -i first.", ["bob"], "alice"),
        ("there is no account nobody-here.", ["nobody-here"], "root"),
        ("there is no account 1001.", ["1001"], "root"),
        ("there is no account --help.", ["--help"], "root"),
        ("daemon is an account of the system's own.", ["daemon"], "root"),
        (
            f"{ADMIN} is an administrator, in the group sudo. If it is meant, run this first: gpasswd --delete {ADMIN} sudo.",
            [ADMIN],
            "root",
        ),
    ):
        assert script(machine, "leave", *arguments, user=user) == (1, [f"leave.sh: {words} Nothing was changed."])
    assert machine.machine.read("/etc/shadow") == before


def test_who_cannot_be_locked_out_is_not_said_to_be_out(machine):
    words, program = "usermod: cannot lock /etc/passwd; try again later.", "/usr/local/sbin/usermod"
    machine.machine.put({program: f"#!/bin/sh\necho '{words}'\nexit 1\n"})
    try:
        told = script(machine, "leave", "bob")
    finally:
        machine.machine.sh(f"rm {program}")
    assert told == (1, [words])


def test_who_is_not_out_of_all_is_named_with_the_reason(machine):
    """The hub cannot be asked, and a program runs on: here because nothing ends it."""
    config, program = SAVED_AS[CONFIG], "/usr/local/sbin/pkill"
    machine.machine.put({config: "raise RuntimeError('of an administrator')\n", program: "#!/bin/sh\n"})
    number = machine.machine.sh("sleep 9999 >/dev/null 2>&1 & echo $!", user="bob").stdout.strip()
    try:
        told = script(machine, "leave", "bob")
    finally:
        machine.machine.sh(f"rm {program}; kill -KILL {number}", {config: PUBLISHED.read(CONFIG)})
    reasons = f"RuntimeError: of an administrator,{number} sleep"
    assert told == (1, [f"leave.sh: bob is locked out of the machine, but not of all: {reasons}. Run this again."])


# Slurm's programs as stand-ins, and one that does not wait. They note how they were called; a file has what squeue then does.
CALLS = "/tmp/calls"
SLURM = {
    "/usr/local/sbin/scancel": f'#!/bin/sh\necho "scancel $*" >>{CALLS}\n',
    "/usr/local/sbin/squeue": f'#!/bin/sh\necho "squeue $*" >>{CALLS}\n. /tmp/said\n',
    "/usr/local/sbin/sleep": f'#!/bin/sh\necho "sleep $*" >>{CALLS}\n',
}


@contextlib.contextmanager
def slurm(machine, said):
    """A machine of a cluster, for the length of a `with` block; the function tells how each program of Slurm was called."""
    machine.machine.put(SLURM | {"/tmp/said": said, CALLS: ""})
    try:
        yield lambda: machine.machine.read(CALLS).splitlines()
    finally:
        machine.machine.sh(f"rm {' '.join(SLURM)} /tmp/said {CALLS}; usermod --unlock --expiredate '' bob")


def test_who_has_no_job_of_slurms_any_more_is_out(machine):
    """The jobs end while it waits: later than it waits for once, and so after another order to end them."""
    number = machine.machine.sh("id --user bob").stdout.strip()
    ask, order = f"squeue --noheader --user={number} --format=job %i", f"scancel --user={number}"
    waits = [ask, "sleep 1"]
    with slurm(machine, f"test $(grep -c squeue {CALLS}) -gt 12 || echo 'job 7'\n") as calls:
        assert script(machine, "leave", "bob") == (0, [OUT.format("bob")])
        assert calls() == [order, *waits * 10, order, *waits * 2, ask]


AWAY = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"


@pytest.mark.parametrize(
    ("said", "left"), [("echo 'job 7'; echo 'job 8'\n", "job 8"), (f"echo '{AWAY}' >&2; exit 1\n", AWAY)], ids=["go on", "may go on"]
)
def test_whose_jobs_go_on_or_may_go_on_is_not_said_to_be_out(machine, said, left):
    with slurm(machine, said):
        told = script(machine, "leave", "bob")
    assert told == (1, [f"leave.sh: bob is locked out of the machine, but not of all: {left}. Run this again."])


def test_jobs_are_ended_although_the_hub_cannot_be_asked(machine):
    config = SAVED_AS[CONFIG]
    machine.machine.put({config: "raise RuntimeError('of an administrator')\n"})
    with slurm(machine, "") as calls:
        try:
            status, _ = script(machine, "leave", "bob")
        finally:
            machine.machine.put({config: PUBLISHED.read(CONFIG)})
        assert (status, calls()[0].split("=")[0]) == (1, "scancel --user")


# The course's environment.


# A package that ipykernel needs, by its name and release alone.
OLDER = """folder=/opt/course/lib/$(basename $(readlink -f /usr/bin/python3))/site-packages/comm-0.2.0.dist-info; mkdir -p $folder
printf 'Metadata-Version: 2.1\\nName: comm\\nVersion: 0.2.0\\n' >$folder/METADATA; echo pip >$folder/INSTALLER
for file in METADATA INSTALLER RECORD; do echo comm-0.2.0.dist-info/$file,,; done >$folder/RECORD"""


def test_the_environment_of_the_course_is_everybodys_and_what_fails_is_not_passed_over(machine, prove):
    """What its packages need is as new as it can be: here an older release, which would do, is there already."""
    server, install = machine.machine, "cd /root/course; umask 077; sh install.sh"
    server.sh(f"rm -rf /opt/course; {OLDER}; {install}", people.scripts(), timeout=300)
    newest = re.search("comm-([0-9.]+)-", server.sh("ls /usr/local/share/wheels").stdout)[1]
    assert server.sh("/opt/course/bin/pip show comm").stdout.splitlines()[1] == f"Version: {newest}"
    server.sh(
        "set -e; cd /; /opt/course/bin/python -c 'import ipykernel'; cat /usr/local/share/jupyter/kernels/course/kernel.json", user="alice"
    )
    prove(evidence.read_beside("pip", server.sh("/opt/course/bin/pip --version").stdout.split()[1], machine.suite))
    with pytest.raises(RuntimeError, match="No matching distribution found for no-such-package"):
        server.sh(f"echo no-such-package >>/root/course/requirements.txt; {install}", timeout=300)


LINKS = re.findall("(?m)^# (.*ln .*/srv/course .*)$", (ROOT / "deploy/users.md").read_text("utf-8"))


def test_a_link_to_the_shared_folder_is_made_once_and_follows_none_that_a_user_has_laid(machine):
    """Typed a second time, the commands change nothing and say why."""
    assert len(LINKS) == 2
    place = machine.machine
    place.sh("mkdir --parents /srv/course /root/others; rm -f /etc/skel/course /home/alice/course; chmod 755 /root")
    place.sh("\n".join(LINKS))
    try:
        assert place.sh("readlink /etc/skel/course /home/alice/course").stdout.split() == ["/srv/course"] * 2
        again = [place.sh(command, check=False) for command in LINKS]
        place.exec("ln", "--symbolic", "--force", "--no-target-directory", "/root/others", "/home/alice/course", user="alice")
        again.append(place.sh(LINKS[1], check=False))
        assert place.sh("find /srv/course /root/others").stdout.split() == ["/srv/course", "/root/others"]
        assert ["File exists" in done.stderr + done.stdout for done in again] == [True] * 3
    finally:
        place.sh("rm -rf /etc/skel/course /home/alice/course /srv/course /root/others; chmod 700 /root")
