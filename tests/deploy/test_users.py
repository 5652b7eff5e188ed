"""Accounts from a list, passwords, leaving, shared folders and packages: what deploy/users.md says, on each of Debian's releases."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.machines import deployment, images
from tests.harness.machines.deployment import BEHIND
from tests.harness.manifest import HOMES, NEWEST, PROXIES, PUBLISHED, ROOT
from tests.harness.measuring import evidence
from tests.harness.site import following
from tests.harness.site.following import TABS

NAME = "deploy/users.md"
PAGE = (ROOT / NAME).read_text("utf-8")
pytestmark = pytest.mark.xdist_group("users")
PEOPLE = {f"/root/{name}": PUBLISHED.read(name) for folder in ("people", "course") for name in PUBLISHED.folder(folder)}
LIST = re.search(r"(?s)`names.txt`:\n\n```text\n(.*?)```", PAGE)[1]
PASSWORD = "Correct-horse-7"
PROXY = next(iter(PROXIES))


@pytest.fixture(scope="module", params=[NEWEST, *(f"{NEWEST} on {suite}" for suite in HOMES[1:])])
def hub(request):
    with deployment.hub(request.param, image=images.people) as hub:
        hub.machine.put(PEOPLE)
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


def script(hub, name, *arguments, user="root"):
    """The exit status of a script of the folder, and all that it says."""
    hub.machine.sh("mkdir -p /tmp/scripts && cp /root/people/*.sh /tmp/scripts")
    done = hub.machine.exec("sh", "-c", 'cd /tmp/scripts && exec sh "$@" 2>&1', "sh", f"{name}.sh", *arguments, check=False, user=user)
    return done.returncode, done.stdout.splitlines()


# Accounts from a list.


def accounts(hub):
    return hub.machine.read("/etc/passwd"), hub.machine.sh("ls /home").stdout


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


def test_names_that_do_not_do_are_told_all_at_once_and_nothing_is_changed(hub):
    hub.machine.sh("mkdir --parents /home/gone", {"/tmp/bad.txt": "fine\n" + "\n".join(BAD) + "\n"})
    before = accounts(hub)
    status, said = script(hub, "add", "/tmp/bad.txt", "/tmp/none.txt")
    assert status == 1
    assert said == [*(f"add.sh: {told}" for told in BAD.values()), "add.sh: /tmp/bad.txt needs another look. Nothing was changed."]
    assert accounts(hub) == before
    hub.machine.sh("rmdir /home/gone; ! test -e /tmp/none.txt")


def test_what_else_is_wrong_is_told_in_one_line(hub, followed):
    hub.machine.put({"/tmp/empty.txt": "\n \r\n", "/tmp/one.txt": "otto\n"})
    before = accounts(hub)
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
        assert script(hub, "add", *arguments, user=user) == (1, [f"add.sh: {words} Nothing was changed."])
    hub.machine.sh("groupmod --new-name away jupyterhub")
    try:
        told = script(hub, "add", "/tmp/one.txt", "/tmp/none.txt")
    finally:
        hub.machine.sh("groupmod --new-name jupyterhub away")
    assert told == (1, ["add.sh: the group jupyterhub does not exist. Install JupyterHub first. Nothing was changed."])
    assert accounts(hub) == before


@pytest.mark.parametrize("fails", ["useradd", "chpasswd", "chage", "interrupt"])
def test_what_fails_half_way_is_taken_back(hub, fails):
    """Of two accounts the second fails, or the machine's programs do; or somebody presses Ctrl-C."""
    program = "/usr/local/sbin/" + ("chage" if fails == "interrupt" else fails)
    last = "kill -INT $PPID" if fails == "interrupt" else "exit 1"
    real = f"/usr/sbin/{fails}" if fails == "useradd" else "true"
    wrapper = f'#!/bin/sh\ncase "$*" in *--defaults | *otto) exec {real} "$@" ;; esac\n{last}\n'
    hub.machine.put({"/tmp/two.txt": "otto\nzoe\n", program: wrapper})
    before = accounts(hub)
    try:
        status, said = script(hub, "add", "/tmp/two.txt", "/tmp/none.txt")
    finally:
        hub.machine.sh(f"rm {program}")
    assert (status, said[-1]) == (1, "add.sh: stopped, and took back what it had made. Nothing was changed.")
    assert accounts(hub) == before
    hub.machine.sh("! test -e /tmp/none.txt")


def test_a_list_from_windows_becomes_accounts_with_passwords_that_root_alone_reads(hub):
    hub.machine.put({"/tmp/windows.txt": "\ufeffnina\r\n  oleg \r\n\r\n"})
    hub.machine.sh("sed -i 's/^#*HOME_MODE.*/HOME_MODE 0755/' /etc/login.defs; umask 022")
    status, said = script(hub, "add", "/tmp/windows.txt", "/tmp/theirs.txt")
    assert (status, said) == (0, ["add.sh: made 2 accounts. Their first passwords are in /tmp/theirs.txt, for root's eyes only."])
    assert hub.machine.sh("stat --format '%a %U' /tmp/theirs.txt /home/nina /home/oleg").stdout.splitlines() == [
        "600 root",
        "700 nina",
        "700 oleg",
    ]
    names, passwords = zip(*(line.split(":") for line in hub.machine.read("/tmp/theirs.txt").splitlines()), strict=True)
    assert names == ("nina", "oleg")
    assert len(set(passwords)) == 2
    assert all(re.fullmatch("[a-km-np-z2-9]{12}", password) for password in passwords)
    for name in names:
        hub.machine.sh(f"userdel --remove {name}", check=False)


# Passwords, by SSH.

# Does administrators' work too, and has a shell.
ADMIN = "adele"


@pytest.fixture(scope="module")
def people(hub, followed):
    """The hub with the accounts of the page, and an administrator in the group."""
    hub.machine.sh(f"useradd --create-home --shell /bin/bash --groups jupyterhub,sudo {ADMIN}; echo {ADMIN}:{PASSWORD} | chpasswd")
    return hub


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


def test_a_new_user_sets_the_password_by_ssh_logs_in_and_changes_it_in_a_terminal(people):
    """Also where all others need a key."""
    hub, start, new = people, first(people, "kim"), f"{PASSWORD}-too"
    known(hub, "kim", start)
    assert hub.on_server("let_in", BEHIND, "kim", "") == [403]
    assert "[PAM Error 12]" in hub.log()
    cloud = "/etc/ssh/sshd_config.d/50-cloud-init.conf"
    hub.machine.sh("systemctl reload ssh", {cloud: "PasswordAuthentication no\n"})
    try:
        _, said = hub.on_server("by_ssh", changing(start, PASSWORD), "ssh", "kim@127.0.0.1")
        assert ssh(hub, ADMIN, PASSWORD, command=["id"])[0] == 255
    finally:
        hub.machine.sh(f"rm {cloud}; systemctl reload ssh")
    assert "passwd: password updated successfully" in said, said
    assert hub.on_server("let_in", BEHIND, "kim", start, PASSWORD) == [403, 302]
    known(hub, "kim", PASSWORD)
    later = json.dumps([["continue connecting", "yes"], *json.loads(changing(PASSWORD, new))])
    _, said = hub.on_server("in_terminal", BEHIND, "kim", "ssh 127.0.0.1", later)
    assert "passwd: password updated successfully" in said, said
    known(hub, "kim", new)
    assert hub.on_server("let_in", BEHIND, "kim", "") == [302]
    status, said = hub.on_server(
        "in_terminal", BEHIND, "kim", "echo $0 $SHELL; passwd", json.dumps(json.loads(changing(new, PASSWORD))[1:])
    )
    assert status != 0
    assert "bash /bin/bash" in said
    assert "Authentication token manipulation error" in said, said
    hub.machine.sh(f"echo kim:{PASSWORD} | chpasswd")


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


def test_an_account_from_the_list_does_nothing_else_by_ssh(people):
    """What its user puts into its home makes no difference; alice, with a shell, is the control."""
    hub = people
    hub.machine.sh(f"echo lea.smith:{PASSWORD} | chpasswd; chage --lastday -1 lea.smith")
    for user in ("lea.smith", "alice"):
        home = f"/home/{user}"
        hub.machine.sh(f"chown -R {user}: {home}", {f"{home}/{name}": text for name, text in RUN_AT_LOGIN.items()})
    alice = hub.passwords["alice"]
    status, said = ssh(hub, "alice", alice, command=["id"])
    assert status == 0
    assert "uid=" in said
    hub.machine.sh("test -e /tmp/escaped-alice")
    for options in ([], ["-tt"]):
        status, said = ssh(hub, "lea.smith", PASSWORD, *options, command=["id"])
        assert status not in (0, None), said
        assert "uid=" not in said
    assert ssh(hub, "lea.smith", PASSWORD, "-s", command=["sftp"])[0] not in (0, None)
    answers = json.dumps([["password: ", PASSWORD]])
    assert hub.on_server("by_ssh", answers, "scp", "/etc/hostname", "lea.smith@127.0.0.1:sent")[0] != 0
    assert hub.on_server("by_ssh", answers, "scp", "lea.smith@127.0.0.1:/etc/passwd", "/tmp/fetched")[0] != 0
    _, said = hub.on_server("by_ssh", changing(PASSWORD, PASSWORD + "9"), "ssh", "lea.smith@127.0.0.1")
    assert "password updated successfully" in said, said
    assert hub.machine.sh("ls /tmp/escaped-lea* /home/lea.smith/sent /tmp/fetched", check=False).stdout == ""


def test_of_the_hubs_users_administrators_alone_forward_ports(people):
    """The machine's own port of the hub, by a login that opens nothing else."""
    hub = people
    hub.machine.sh(f"echo lea.smith:{PASSWORD} | chpasswd; chage --lastday -1 lea.smith")
    for user, password, through in (
        (ADMIN, PASSWORD, True),
        ("alice", hub.passwords["alice"], False),
        ("lea.smith", PASSWORD, False),
    ):
        _, said = hub.on_server(
            "by_ssh",
            json.dumps([["password: ", password], ["\n", "GET /jupyter/hub/api HTTP/1.0\n"]]),
            "ssh",
            "-W",
            "127.0.0.1:800",
            f"{user}@127.0.0.1",
        )
        assert ("HTTP/1.1 " in said, "forwarding failed" in said) == (through, not through), said


# Leaving.


def running(hub, user):
    return hub.machine.sh(f"pgrep -u {user} --list-full", check=False).stdout


OUT = "leave.sh: {} is out. The account is locked, and its files stay."


def test_who_has_left_reaches_nothing_a_second_later(people):
    """Session, token, server, another server by name, a kernel's open WebSocket, programs, SSH; what ignores to be ended ends too."""
    hub = people
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


def test_who_leaves_while_the_hub_is_down_is_out_when_it_is_back(people):
    hub = people
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


def test_nothing_that_the_system_would_run_for_who_has_left_runs(people):
    """What cron, at, a key and systemd ask PAM before they begin."""
    hub = people
    ask = "import pamela, sys; pamela.check_account('mallory', service=sys.argv[1])"
    services = [
        name
        for name in ("cron", "atd", "sshd", "systemd-user")
        if hub.machine.sh(f"test -e /etc/pam.d/{name}", check=False).returncode == 0
    ]
    assert {"cron", "atd", "sshd"} <= set(services)

    def refused():
        return [name for name in services if hub.machine.exec(deployment.PYTHON, "-c", ask, name, check=False).returncode]

    assert refused() == []
    assert script(hub, "leave", "mallory") == (0, [OUT.format("mallory")])
    assert refused() == services
    hub.machine.sh("usermod --unlock --expiredate '' mallory")


def test_who_cannot_be_shut_out_is_told_in_one_line_and_nothing_is_changed(people):
    hub = people
    before = hub.machine.read("/etc/shadow")
    for words, arguments, user in (
        ("usage: sh leave.sh bob.", [], "root"),
        ("only root can do this. Run sudo -i first.", ["bob"], "alice"),
        ("there is no account nobody-here.", ["nobody-here"], "root"),
        ("there is no account 1001.", ["1001"], "root"),
        ("there is no account --help.", ["--help"], "root"),
        ("root is an account of the system's own.", ["root"], "root"),
        (
            f"{ADMIN} is an administrator, in the group sudo. If it is meant, run this first: gpasswd --delete {ADMIN} sudo.",
            [ADMIN],
            "root",
        ),
    ):
        assert script(hub, "leave", *arguments, user=user) == (1, [f"leave.sh: {words} Nothing was changed."])
    assert hub.machine.read("/etc/shadow") == before


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
def members(people):
    """The hub with servers of carol, who is a teacher, and of alice and bob, which have started since the folders are there."""
    people.machine.sh("systemctl stop 'jupyter-*.service'; ln -s /srv/course /home/carol/course; chown -h carol: /home/carol/course")
    return people


# Copies in a terminal whose permissions are not the file's own.
TEACH = re.search(r"`(install --mode \d+) week1.ipynb course/`", PAGE)[1]
HAND_IN = re.search(r"(?m)^\$ (install --mode \d+) exam.ipynb /srv/hand-in", PAGE)[1]


def test_a_teacher_fills_a_folder_and_students_read_it(members):
    """Saved or copied by JupyterLab, made and copied in a terminal, in a folder within too; but not what keeps its own permissions."""
    hub = members
    hub.on_server("save", BEHIND, "carol", "own.txt", "own")
    hub.on_server("save", BEHIND, "carol", "course/week1.txt", "saved")
    hub.on_server("save", BEHIND, "carol", "course/week1.txt", "saved again")
    hub.on_server("copy", BEHIND, "carol", "own.txt", "course")
    made = ["mkdir course/more; echo made >course/more/a", f"{TEACH} own.txt course/copied.txt", "cp own.txt course/kept.txt"]
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


def test_each_hands_in_and_sees_nothing_of_others_work(members):
    hub, folder = members, "/srv/hand-in"
    assert in_hub(hub, "alice", f"echo mine >own.txt; {HAND_IN} own.txt {folder}/alice.txt; cat {folder}/alice.txt") == [[0, "mine\n"]]
    assert in_hub(hub, "bob", f"echo his >own.txt; {HAND_IN} own.txt {folder}/bob.txt") == [[0, ""]]
    looking = [f"ls {folder}", f"cat {folder}/alice.txt", f"cp {folder}/alice.txt .", f"ln {folder}/alice.txt hard.txt"]
    changing = [f"echo x >>{folder}/alice.txt", f"mv -f own.txt {folder}/alice.txt", f"rm -f {folder}/alice.txt"]
    assert refused(hub, "bob", *looking, *changing, f"mv {folder}/alice.txt {folder}/other.txt")
    assert in_hub(hub, "carol", f"cd {folder}; ls; cat *") == [[0, "alice.txt\nbob.txt\nmine\nhis\n"]]
    hub.machine.sh(re.search(r"`(setfacl --modify group:jupyterhub:- /srv/hand-in)`", PAGE)[1])
    assert refused(hub, "alice", f"echo late >>{folder}/alice.txt", f"cat {folder}/alice.txt")


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
    config = "jupyterhub/jupyterhub_config.py"
    files = PUBLISHED.replace(config, "c.JupyterHub.cleanup_servers", f"c.JupyterHub.cleanup_servers = False\n{lines}#")
    in_hub(hub, "alice", "true")
    deployment.end(hub)
    hub.machine.put({f"/etc/{config}": files.read(config)})
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
        hub.machine.put({f"/etc/{config}": PUBLISHED.read(config)})
        deployment.start(hub)
    assert told["its files"] in (403, 404)
    assert {what: told[what] for what in ("all users", "page", "stopped") if what in told} == {"all users": 200, "stopped": 204}
    assert told["a token"] in (403, 404)
    assert told["deleted"] in (403, 404)
    assert others in (403, 404)
