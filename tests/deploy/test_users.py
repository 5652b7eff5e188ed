"""Accounts from a list, passwords, leaving, shared folders and packages: what deploy/users.md says, on each of Debian's releases."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.machines import deployment, engine, images
from tests.harness.machines.deployment import BEHIND
from tests.harness.manifest import HOMES, NEWEST, PROXIES, PUBLISHED, ROOT, SAVED_AS
from tests.harness.measuring import evidence
from tests.harness.site import following
from tests.harness.site.following import TABS

NAME = "deploy/users.md"
PAGE = (ROOT / NAME).read_text("utf-8")
pytestmark = pytest.mark.xdist_group("users")
LIST = re.search(r"(?s)`names.txt`:\n\n```text\n(.*?)```", PAGE)[1]
PASSWORD = "Correct-horse-7"
PROXY = next(iter(PROXIES))


KINDS = [NEWEST, *(f"{NEWEST} on {suite}" for suite in HOMES[1:])]
CONFIG = "jupyterhub/jupyterhub_config.py"
# Does administrators' work too, and has a shell.
ADMIN = "adele"
MAKE_ADMIN = f"useradd --create-home --shell /bin/bash --groups jupyterhub,sudo {ADMIN}; echo {ADMIN}:{PASSWORD} | chpasswd"


def scripts():
    """The files of the page, where it has its reader save them."""
    return {f"/root/{name}": PUBLISHED.read(name) for folder in ("people", "course") for name in PUBLISHED.folder(folder)}


@pytest.fixture(scope="module", params=KINDS)
def machine(request):
    """A machine with accounts and an SSH server, on which neither systemd nor a hub runs: an administrator, and kim of a list."""
    images.prepare(wanted=[images.people(request.param)])
    with engine.run(images.people(request.param).tag, options=deployment.NAMED) as machine:
        place = deployment.prepare(machine, request.param)
        machine.sh(MAKE_ADMIN, scripts() | {"/root/people/kim.txt": "kim\n"})
        machine.sh("cd /root/people; sh add.sh kim.txt passwords.txt; cp sshd.conf /etc/ssh/sshd_config.d/jupyterhub.conf")
        machine.sh(f"mkdir -p /run/sshd /var/lib/jupyterhub; /usr/sbin/sshd; echo kim:{PASSWORD} | chpasswd; chage --lastday -1 kim")
        yield place


@pytest.fixture(scope="module", params=KINDS)
def hub(request):
    """A booted machine with a hub."""
    with deployment.hub(request.param, image=images.people) as hub:
        hub.machine.sh(MAKE_ADMIN, scripts())
        yield hub


@pytest.fixture(scope="module")
def followed(hub, site):
    """A reader who has followed the page on the hub's machine, as root: kim and lea.smith have accounts, carol is a teacher."""
    before = {
        "sh add.sh names.txt passwords.txt": lambda machine: machine.put({"/root/people/names.txt": LIST}),
        "groupadd --force teachers": lambda machine: machine.sh("usermod --append --groups jupyterhub carol"),
    }
    reader = following.Reader(hub.machine, following.Pages.examples(site), TABS[PROXY], before=before)
    reader.follow(NAME, skip=lambda step: step.who == "user")
    return reader


def test_each_command_of_root_prints_what_the_page_says(hub, followed, prove):
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert {step.command for step in followed.typed} >= {"sh add.sh names.txt passwords.txt", "sh leave.sh bob", "sh install.sh"}
    prove(*(evidence.typed(page, hub.suite, PROXY, keys) for page, keys in followed.typed_by_page().items()))


def script(place, name, *arguments, user="root"):
    """The exit status of a script of the page, and all that it says."""
    start = 'exec sh "/tmp/$0.sh" "$@" 2>&1'
    place.machine.put({f"/tmp/{name}.sh": PUBLISHED.read(f"people/{name}.sh")})
    done = place.machine.exec("sh", "-c", start, name, *arguments, check=False, user=user)
    return done.returncode, done.stdout.splitlines()


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


# Passwords, by SSH.


def first(hub, user):
    return re.search(rf"^{re.escape(user)}:(.*)$", hub.machine.read("/root/people/passwords.txt"), re.M)[1]


def changing(old, new):
    """What a user types who logs in by SSH and sets a password."""
    return json.dumps([["password: ", old], ["urrent password: ", old], ["New password: ", new], ["Retype new password: ", new]])


def ssh(hub, user, password, *options, command=(), program="ssh"):
    """The exit status of a login by SSH with a password, and what is to be seen."""
    return hub.on_server("by_ssh", json.dumps([["password: ", password]]), program, *options, f"{user}@127.0.0.1", *command)


def known(hub, user, password):
    """Tell the tests' clients a user's password."""
    hub.machine.put({f"{deployment.CHECK}/{user}.txt": password})


def test_a_new_user_sets_the_password_by_ssh_logs_in_and_changes_it_in_a_terminal(hub, followed):
    start, new = first(hub, "kim"), f"{PASSWORD}-too"
    known(hub, "kim", start)
    assert hub.on_server("let_in", BEHIND, "kim", "") == [403]
    assert "[PAM Error 12]" in hub.log()
    _, said = hub.on_server("by_ssh", changing(start, PASSWORD), "ssh", "kim@127.0.0.1")
    assert "passwd: password updated successfully" in said, said
    assert hub.on_server("let_in", BEHIND, "kim", start, PASSWORD) == [403, 302]
    known(hub, "kim", PASSWORD)
    later = json.dumps([["continue connecting", "yes"], *json.loads(changing(PASSWORD, new))])
    _, said = hub.on_server("in_terminal", BEHIND, "kim", "ssh 127.0.0.1", later)
    assert "passwd: password updated successfully" in said, said
    known(hub, "kim", new)
    assert hub.on_server("let_in", BEHIND, "kim", "") == [302]
    again = json.dumps(json.loads(changing(new, PASSWORD))[1:])
    status, said = hub.on_server("in_terminal", BEHIND, "kim", "echo $0 $SHELL; passwd", again)
    assert status != 0
    assert "bash /bin/bash" in said
    assert "Authentication token manipulation error" in said, said


def test_users_have_passwords_where_all_others_need_a_key(machine):
    cloud, server = "/etc/ssh/sshd_config.d/50-cloud-init.conf", machine.machine
    again = "kill -HUP $(cat /run/sshd.pid); sleep 0.5"
    server.sh(again, {cloud: "PasswordAuthentication no\n"})
    try:
        told = [ssh(machine, user, PASSWORD, command=["id"])[0] for user in ("kim", ADMIN)]
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
    status, said = ssh(machine, "alice", alice, command=["id"])
    assert status == 0
    assert "uid=" in said
    machine.machine.sh("test -e /tmp/escaped-alice")
    for options in ([], ["-tt"]):
        status, said = ssh(machine, "kim", PASSWORD, *options, command=["id"])
        assert status not in (0, None), said
        assert "uid=" not in said
    assert ssh(machine, "kim", PASSWORD, "-s", command=["sftp"])[0] not in (0, None)
    answers = json.dumps([["password: ", PASSWORD]])
    assert machine.on_server("by_ssh", answers, "scp", "/etc/hostname", "kim@127.0.0.1:sent")[0] != 0
    assert machine.on_server("by_ssh", answers, "scp", "kim@127.0.0.1:/etc/passwd", "/tmp/fetched")[0] != 0
    _, said = machine.on_server("by_ssh", changing(PASSWORD, PASSWORD + "9"), "ssh", "kim@127.0.0.1")
    assert "password updated successfully" in said, said
    machine.machine.sh(f"echo kim:{PASSWORD} | chpasswd")
    assert machine.machine.sh("ls /tmp/escaped-kim* /home/kim/sent /tmp/fetched", check=False).stdout == ""


def test_of_the_hubs_users_administrators_alone_forward_ports(machine):
    """By a login that opens nothing else; the machine's own port 22 is what they try to reach."""
    for user, password, through in ((ADMIN, PASSWORD, True), ("alice", machine.passwords["alice"], False), ("kim", PASSWORD, False)):
        answers = json.dumps([["password: ", password], ["SSH-2.0", "hello"]])
        _, said = machine.on_server("by_ssh", answers, "ssh", "-W", "127.0.0.1:22", f"{user}@127.0.0.1")
        assert ("SSH-2.0" in said, "forwarding failed" in said) == (through, not through), said


# Leaving.


def running(hub, user):
    return hub.machine.sh(f"pgrep -u {user} --list-full", check=False).stdout


OUT = "leave.sh: {} is out. The account is locked, and its files stay."


def test_who_has_left_reaches_nothing_a_second_later(hub):
    """Session, token, server, another server by name, a kernel's open WebSocket, programs, SSH; what ignores to be ended ends too."""
    with ThreadPoolExecutor() as pool:
        working = pool.submit(hub.on_server, "outlast", BEHIND, "bob")
        try:
            hub.machine.until(f"test -e {deployment.CHECK}/watched", timeout=60)
            stubborn = "trap '' TERM INT HUP; while true; do sleep 0.2 & wait; done"
            hub.machine.sh(f'sleep 9999 >/dev/null 2>&1 & sh -c "{stubborn}" >/dev/null 2>&1 &', user="bob")
            assert running(hub, "bob").count("sleep 9999") == 2
            told = script(hub, "leave", "bob")
        finally:
            hub.machine.sh(f"touch {deployment.CHECK}/over")
        reached = working.result()
    assert told == (0, [OUT.format("bob")])
    assert len(reached["before"]) == 7
    assert reached["after"] == []
    assert running(hub, "bob") == ""
    assert hub.on_server("let_in", BEHIND, "bob", "") == [403]
    assert ssh(hub, "bob", hub.passwords["bob"], command=["id"])[0] == 255
    # The page's line lets him in again, as a user who is new to the hub.
    hub.machine.sh(re.search(r"(?m)^# (usermod --unlock .* bob)$", PAGE)[1])
    assert hub.on_server("reaches", BEHIND, "bob") == []
    assert hub.on_server("let_in", BEHIND, "bob", "") == [302]


def test_who_leaves_while_the_hub_is_down_is_out_when_it_is_back(hub):
    program = hub.on_server("settle", BEHIND, "mallory")
    deployment.end(hub)
    assert script(hub, "leave", "mallory") == (0, [OUT.format("mallory")])
    assert running(hub, "mallory") == ""
    hub.machine.sh(f"! test -e /proc/{program}")
    deployment.start(hub)
    assert hub.on_server("reaches", BEHIND, "mallory") == []
    assert hub.on_server("let_in", BEHIND, "mallory", "") == [403]
    hub.machine.sh("test -d /home/mallory; usermod --unlock --expiredate '' mallory")
    assert hub.on_server("let_in", BEHIND, "mallory", "") == [302]


def test_nothing_that_the_system_would_run_for_who_has_left_runs(machine):
    """What cron, at, a key and systemd ask PAM before they begin."""
    ask = "import pamela, sys; pamela.check_account('mallory', service=sys.argv[1])"
    services = [name for name in machine.machine.sh("ls /etc/pam.d").stdout.split() if name in ("cron", "atd", "sshd", "systemd-user")]
    assert {"cron", "atd", "sshd"} <= set(services)

    def closed():
        return [name for name in services if machine.machine.exec(deployment.PYTHON, "-c", ask, name, check=False).returncode]

    assert closed() == []
    assert script(machine, "leave", "mallory") == (0, [OUT.format("mallory")])
    assert closed() == services


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


def test_who_is_not_out_of_all_is_named_with_the_reason(machine):
    config = SAVED_AS[CONFIG]
    machine.machine.put({config: "raise RuntimeError('of an administrator')\n"})
    try:
        status, said = script(machine, "leave", "bob")
    finally:
        machine.machine.put({config: PUBLISHED.read(CONFIG)})
    assert status == 1
    assert said == ["leave.sh: bob is locked out of the machine, but not of all: RuntimeError: of an administrator. Run this again."]


# Folders.


def in_hub(hub, user, *commands):
    """Of a shell's commands in a user's home, in a kernel of theirs, each one's exit status and what it prints."""
    code = (
        "import json, subprocess\nfor command in json.loads(" + repr(json.dumps(commands)) + "):\n"
        "    done = subprocess.run(['bash', '-c', 'cd; exec 2>&1; ' + command], stdout=subprocess.PIPE, text=True)\n"
        "    print(json.dumps([done.returncode, done.stdout]))"
    )
    told = hub.on_server("compute", BEHIND, user, code, "--keep-server", "--timeout", "120")
    return [json.loads(line) for line in told.strip().splitlines()[-len(commands) :]]


def refused(hub, user, *commands):
    """Whether the system lets a user do none of these, each by itself."""
    told = in_hub(hub, user, *commands)
    return [command for command, (status, _) in zip(commands, told, strict=True) if not status] == []


@pytest.fixture(scope="module")
def members(hub, followed):
    """The hub with servers of carol, who is a teacher, and of alice and bob, which start after the folders are there."""
    hub.machine.sh("systemctl stop 'jupyter-*.service'; ln -s /srv/course /home/carol/course")
    return hub


def test_a_teacher_fills_a_folder_and_students_read_it(members):
    """Saved or copied by JupyterLab, made and copied in a terminal, in a folder within too; but not what keeps its own permissions."""
    hub = members
    hub.on_server("save", BEHIND, "carol", "own.txt", "own")
    hub.on_server("save", BEHIND, "carol", "course/week1.txt", "saved")
    hub.on_server("save", BEHIND, "carol", "course/week1.txt", "saved again")
    hub.on_server("copy", BEHIND, "carol", "own.txt", "course")
    made = ["mkdir course/more; echo made >course/more/a", "cat own.txt >course/copied.txt", "cp own.txt course/kept.txt"]
    assert in_hub(hub, "carol", *made, "cp own.txt x; mv x course/moved.txt") == [[0, ""]] * 4
    readable = "cd course; cat week1.txt own.txt copied.txt more/a"
    assert in_hub(hub, "alice", readable) == in_hub(hub, "carol", readable) == [[0, "saved againownownmade\n"]]
    closed = ["cat course/moved.txt", "cat course/kept.txt"]
    writing = [
        "echo x >course/new",
        "echo x >>course/week1.txt",
        "rm -f course/week1.txt",
        "mkdir course/more/b",
        "chmod 777 course/week1.txt",
    ]
    assert refused(hub, "alice", *closed, *writing)


HAND_IN = re.search(r"(?m)^\$ (cat exam.ipynb >/srv/hand-in/.*)$", PAGE)[1]


def test_each_hands_in_and_sees_nothing_of_others_work(members):
    hub, folder = members, "/srv/hand-in"
    assert in_hub(hub, "alice", f"echo mine >exam.ipynb; {HAND_IN}; cat {folder}/alice.ipynb") == [[0, "mine\n"]]
    assert in_hub(hub, "bob", f"echo his >exam.ipynb; {HAND_IN.replace('alice', 'bob')}; cp exam.ipynb {folder}/kept") == [[0, ""]]
    looking = [f"ls {folder}", f"cat {folder}/alice.ipynb", f"cp {folder}/alice.ipynb .", f"ln {folder}/alice.ipynb hard.txt"]
    changing = [f"echo x >>{folder}/alice.ipynb", f"mv -f exam.ipynb {folder}/alice.ipynb", f"rm -f {folder}/alice.ipynb"]
    assert refused(hub, "bob", *looking, *changing, f"mv {folder}/alice.ipynb {folder}/other.txt")
    assert in_hub(hub, "carol", f"cd {folder}; ls; cat *.ipynb", f"cat {folder}/kept") == [
        [0, "alice.ipynb\nbob.ipynb\nkept\nmine\nhis\n"],
        [1, f"cat: {folder}/kept: Permission denied\n"],
    ]
    hub.machine.sh(re.search(r"`(setfacl --modify group:jupyterhub:- /srv/hand-in)`", PAGE)[1])
    assert refused(hub, "alice", f"echo late >>{folder}/alice.ipynb", f"cat {folder}/alice.ipynb")


# Packages.


def test_what_a_user_types_to_install_into_the_hubs_environment_says_what_the_page_says(members):
    rows = re.findall(r"^\| `(%pip install .*?)` \| `(.*?)` \|$", PAGE, re.M)
    assert len(rows) == 2
    for typed, words in rows:
        said = members.on_server("compute", BEHIND, "alice", typed, "--keep-server")
        assert words in said, said


def test_everybody_finds_the_course_and_its_packages(members):
    """Brought up to date by the page's own commands, while a user works."""
    hub, code = members, "import sys, importlib.metadata as m; print(sys.prefix, 'iniconfig' in {d.name for d in m.distributions()})"
    computed = ("compute", BEHIND, "alice", code, "--kernel", "course", "--keep-server")
    assert hub.on_server(*computed).split() == ["/opt/course", "False"]
    hub.machine.sh("echo iniconfig >>/root/course/requirements.txt; umask 077; cd /root/course; sh install.sh")
    assert hub.on_server(*computed).split() == ["/opt/course", "True"]
    assert hub.on_server("compute", BEHIND, "bob", *computed[3:]).split() == ["/opt/course", "True"]
    assert refused(hub, "alice", "touch /opt/course/x", "/opt/course/bin/pip uninstall --yes iniconfig")


def test_a_user_makes_a_kernel_of_their_own_in_a_terminal(members, followed):
    hub = members
    steps = [step for step in followed.pages.steps(NAME, TABS[PROXY]) if getattr(step, "who", "") == "user"]
    assert len(steps) == 3
    told = in_hub(hub, "alice", *(step.command for step in steps))
    assert not [wrong for step, one in zip(steps, told, strict=True) if (wrong := step.wrong(*one))]
    code = "%pip install --quiet iniconfig\nimport iniconfig, sys; print(sys.prefix)"
    said = hub.on_server("compute", BEHIND, "alice", code, "--kernel", "mine", "--keep-server", "--timeout", "60")
    assert said.split()[-1] == "/home/alice/mine"
    with pytest.raises(RuntimeError, match="mine"):
        hub.on_server("compute", BEHIND, "bob", code, "--kernel", "mine", "--keep-server")
    assert in_hub(hub, "alice", re.search(r"`(rm -r ~/mine .*?)`", PAGE)[1], "ls ~/mine ~/.local/share/jupyter/kernels")[0] == [0, ""]


# Administrators.


def test_a_helper_sees_and_stops_servers_and_enters_none(members):
    hub = members
    lines = re.search(r"(?s)```python\n(c.JupyterHub.load_roles.*?)```", PAGE)[1]
    files = PUBLISHED.replace(CONFIG, "c.JupyterHub.cleanup_servers", f"c.JupyterHub.cleanup_servers = False\n{lines}#")
    in_hub(hub, "alice", "true")
    deployment.end(hub)
    hub.machine.put({SAVED_AS[CONFIG]: files.read(CONFIG)})
    deployment.start(hub, files)
    try:
        asked = {
            "its files": ("GET", "user/alice/api/contents"),
            "all users": ("GET", "hub/api/users"),
            "the page": ("GET", "hub/admin"),
            "a token": ("POST", "hub/api/users/alice/tokens"),
            "deleted": ("DELETE", "hub/api/users/mallory"),
            "stopped": ("DELETE", "hub/api/users/alice/server"),
        }
        told = {what: hub.on_server("administer", BEHIND, "carol", *which) for what, which in asked.items()}
        others = hub.on_server("administer", BEHIND, "bob", *asked["stopped"])
    finally:
        deployment.end(hub)
        hub.machine.put({SAVED_AS[CONFIG]: PUBLISHED.read(CONFIG)})
        deployment.start(hub)
    allowed = {"all users": 200, "the page": 200, "stopped": 204}
    assert {what: status for what, status in told.items() if status not in (403, 404)} == allowed
    assert others in (403, 404)
