"""deploy/users.md, followed on a hub: passwords, users who leave, shared folders, and packages."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.machines import deployment, faults, people
from tests.harness.machines.deployment import BEHIND, PYTHON
from tests.harness.machines.people import OUT, PASSWORD, changing, script, ssh
from tests.harness.manifest import CONFIG, HOMES, NEWEST, PUBLISHED, ROOT, SAVED_AS
from tests.harness.pairs import EACH_ONCE
from tests.harness.site import following
from tests.harness.site.following import TABS

NAME = "deploy/users.md"
PAGE = (ROOT / NAME).read_text("utf-8")
pytestmark = pytest.mark.xdist_group("users")
SHOWN = re.search(r"(?s)```text\n\$ ssh kim@hub\.example\.com\n(.*?)```", PAGE)[1]
LIST = re.search(r"(?s)`names.txt`:\n\n```text\n(.*?)```", PAGE)[1]
# By Debian release, the reverse proxy.
IN_FRONT = dict(EACH_ONCE)


@pytest.fixture(scope="module", params=[NEWEST, *(f"{NEWEST} on {suite}" for suite in HOMES[1:])])
def hub(request):
    with people.hub(request.param) as hub, deployment.in_front(hub, hub.suite, IN_FRONT[hub.suite]):
        yield hub


# What lea.smith has outside her home: by her number, by her name, and what leads to a file of another's.
ELSEWHERE = """id --user lea.smith >/root/number; mkdir -p /var/spool/cron/crontabs /var/lib/jupyterhub/codes /var/lib/systemd/linger
mkdir /srv/hers; ln -s /home/alice/.bashrc /srv/hers/link; echo work >/srv/hers/work; echo x >/tmp/hers; echo x >/var/tmp/hers
echo x >/var/spool/cron/crontabs/lea.smith; echo x >/var/lib/jupyterhub/codes/lea.smith; touch /var/lib/systemd/linger/lea.smith
chown -hR lea.smith: /srv/hers /tmp/hers /var/tmp/hers /var/spool/cron/crontabs/lea.smith"""


@pytest.fixture(scope="module")
def followed(hub, site):
    """A reader who has followed the page on the hub's machine, as root: kim and lea.smith have accounts, carol is a teacher."""
    before = {
        "sh add.sh names.txt passwords.txt": lambda machine: machine.put({"/root/people/names.txt": LIST}),
        "sh leave.sh lea.smith": lambda machine: machine.sh(ELSEWHERE),
        "groupadd --force teachers": lambda machine: machine.sh("usermod --append --groups jupyterhub carol"),
    }
    reader = following.Reader(hub.machine, following.Pages.examples(site), TABS[IN_FRONT[hub.suite]], before=before)
    reader.follow(NAME, skip=lambda step: step.who == "user")
    return reader


def test_each_command_of_root_prints_what_the_page_says(hub, followed, prove):
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert {step.command for step in followed.typed} >= {
        "sh add.sh names.txt passwords.txt",
        "sh leave.sh bob",
        "userdel --remove lea.smith",
        "sh install.sh",
    }
    prove(*followed.proof(hub.suite, IN_FRONT[hub.suite]))


# Passwords, by SSH.


def first(hub, user):
    return re.search(rf"^{re.escape(user)}:(.*)$", hub.machine.read("/root/people/passwords.txt"), re.M)[1]


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
    # What is asked at the first login of all is on the page, with what the teacher has handed out.
    host = SHOWN.partition("kim@hub")[0].replace("hub.example.com", "127.0.0.1").strip().splitlines()
    assert len(host) == 5
    for line in host:
        assert re.search(".*".join(map(re.escape, line.removesuffix("yes").split("…"))), said), (line, said)
    printed = next(step.command for step in followed.typed if step.command.startswith("ssh-keygen"))
    assert hub.machine.sh(printed).stdout.split()[1] in said
    assert "passwd: password updated successfully" in said, said
    known(hub, "kim", new)
    assert hub.on_server("let_in", BEHIND, "kim", "") == [302]
    again = json.dumps(json.loads(changing(new, PASSWORD))[1:])
    status, said = hub.on_server("in_terminal", BEHIND, "kim", "echo $0 $SHELL; passwd", again)
    assert status != 0
    assert "bash /bin/bash" in said
    assert "Authentication token manipulation error" in said, said


# Leaving.


def running(hub, user):
    return hub.machine.sh(f"pgrep -u {user} --list-full", check=False).stdout


def test_who_has_left_reaches_nothing_a_second_later(hub):
    """Session, token, server, a kernel's open WebSocket, programs, SSH; what ignores a request to end ends too."""
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
    assert ssh(hub, "bob", hub.passwords["bob"], command=("id",))[0] == 255
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


# As if mallory had made each of these tokens with a long note.
LENGTHEN = f"""{PYTHON} -c '
import sqlite3
hub = sqlite3.connect("/var/lib/jupyterhub/jupyterhub.sqlite", timeout=30)
hub.execute("update api_tokens set note = note || ? where note like ?", ("x" * 100_000_000, "check%"))
hub.commit()
'"""
KNOWN = f"""import sys, requests
print(requests.get("{BEHIND}hub/api/user", headers=dict(Authorization="token " + sys.argv[1])).status_code)"""


def test_notes_that_would_fill_the_hubs_memory_do_not_keep_their_user_in(hub):
    """300 MB, and a hub that may take 400 MB."""
    tokens = [hub.on_server("token", BEHIND, "mallory") for _ in range(3)]
    hub.machine.sh(f"{LENGTHEN}; systemctl restart jupyterhub")
    hub.machine.until(deployment.IS_UP, timeout=30)
    runs = "systemctl show --property InvocationID --property MainPID jupyterhub"
    little, enough = faults.LITTLE_MEMORY
    with deployment.made(hub.machine, little, f"{enough}; usermod --unlock --expiredate '' mallory"):
        before = hub.machine.sh(runs).stdout
        told = script(hub, "leave", "mallory")
        hub.machine.until(deployment.IS_UP, timeout=60)
        after, answers = hub.machine.sh(runs).stdout, [hub.machine.exec(PYTHON, "-c", KNOWN, token).stdout for token in tokens]
    assert (told, answers) == ((0, [OUT.format("mallory")]), ["403\n"] * 3)
    assert after == before


def test_of_an_account_that_is_deleted_nothing_is_left_for_who_gets_its_number_or_its_name(hub, followed):
    machine = hub.machine
    assert (
        machine.sh("find / /tmp -xdev -uid $(cat /root/number) -print; find / /tmp -xdev -name '*lea.smith*' -not -path '/root/*'").stdout
        == ""
    )
    owners = machine.sh("stat --format '%U %G' /srv/hers /srv/hers/* /home/alice/.bashrc").stdout.splitlines()
    assert owners == ["root root"] * 3 + ["alice alice"]
    held = machine.sh("stat --format %a /root/people/lea.smith.tar.gz; tar --list --file /root/people/lea.smith.tar.gz").stdout.split()
    assert {"600", "lea.smith/.bashrc"} <= set(held)


def test_a_home_that_was_packed_on_a_full_disk_is_not_complete_and_deleting_is_typed_by_itself(hub):
    machine = hub.machine
    machine.sh("useradd --create-home lee.jones; head -c 4M /dev/urandom >/home/lee.jones/data")
    lines = [re.search(rf"(?m)^# (.*tar --{word} .*)$", PAGE)[1].replace("lea.smith", "lee.jones") for word in ("create", "compare")]
    packed = f"cd /mnt/small; {'; '.join(lines)}"
    try:
        assert machine.sh(packed).stdout == "complete\n"
        machine.sh("cd /mnt/small; rm lee.jones.tar.gz; cat /dev/zero >filled", check=False)
        machine.sh("truncate -s -1M /mnt/small/filled")
        assert machine.sh(packed, check=False).stdout == ""
    finally:
        machine.sh("rm -f /mnt/small/filled /mnt/small/lee.jones.tar.gz; userdel --remove lee.jones", check=False)
    # The button beside a block copies all of its lines.
    assert [block for block in re.findall(r"(?s)```console\n(.*?)```", PAGE) if "tar --create" in block and "userdel" in block] == []


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


HAND_IN = re.search(r"(?m)^\$ (.* if=exam.ipynb of=/srv/hand-in/alice.ipynb)$", PAGE)[1]
FOLDER = "/srv/hand-in"
# What a classmate can put where alice is about to hand in: a link to a file of hers, a pipe that they read, a file of their own.
LAID = (
    f"ln --symbolic /home/alice/exam.ipynb {FOLDER}/alice.ipynb",
    f"mkfifo {FOLDER}/alice.ipynb; chmod 666 {FOLDER}/alice.ipynb; (timeout 20 cat {FOLDER}/alice.ipynb >got) >/dev/null 2>&1 &",
    f"echo mine >{FOLDER}/alice.ipynb; chmod 666 {FOLDER}/alice.ipynb",
)


@pytest.mark.parametrize("laid", LAID, ids=["a link", "a pipe", "a file"])
def test_what_a_classmate_has_laid_there_gets_no_work_and_destroys_none(members, laid):
    hub, name = members, f"{FOLDER}/alice.ipynb"
    hub.machine.sh(f"rm -f {name}")
    assert in_hub(hub, "bob", f"rm -f got; {laid}") == [[0, ""]]
    try:
        told = in_hub(hub, "alice", f"echo work >exam.ipynb; timeout 20 {HAND_IN}", "cat exam.ipynb", f"rm -f {name}")
        assert told[:2] == [[1, f"dd: failed to open '{name}': File exists\n"], [0, "work\n"]]
        assert "Operation not permitted" in told[2][1]
        assert "work" not in in_hub(hub, "bob", f"cat got; [ -p {name} ] || cat {name}")[0][1]
        listed = in_hub(hub, "carol", re.search(r"`(find /srv/hand-in .*?)`", PAGE)[1])
        assert listed == [[0, "bob alice.ipynb\n" if "echo" in laid else ""]]
    finally:
        hub.machine.sh(f"rm -f {name}; pkill -u bob -x cat || true")


def test_each_hands_in_and_sees_nothing_of_others_work(members):
    hub, folder = members, FOLDER
    again = re.search(r"`(rm /srv/hand-in/alice.ipynb)`", PAGE)[1]
    twice = (f"echo other >exam.ipynb; {HAND_IN}", f"echo mine >exam.ipynb; {HAND_IN}", f"{again}; {HAND_IN}; cat {folder}/alice.ipynb")
    assert in_hub(hub, "alice", *twice) == [[0, ""], [1, f"dd: failed to open '{folder}/alice.ipynb': File exists\n"], [0, "mine\n"]]
    assert in_hub(hub, "bob", f"echo his >exam.ipynb; {HAND_IN.replace('alice', 'bob')}; cp exam.ipynb {folder}/kept") == [[0, ""]]
    looking = [f"ls {folder}", f"cat {folder}/alice.ipynb", f"cp {folder}/alice.ipynb .", f"ln {folder}/alice.ipynb hard.txt"]
    changing = [f"echo x >>{folder}/alice.ipynb", f"mv -f exam.ipynb {folder}/alice.ipynb", f"rm -f {folder}/alice.ipynb"]
    assert refused(hub, "bob", *looking, *changing, f"mv {folder}/alice.ipynb {folder}/other.txt")
    assert in_hub(hub, "carol", f"cd {folder}; ls; cat *.ipynb", f"cat {folder}/kept") == [
        [0, "alice.ipynb\nbob.ipynb\nkept\nmine\nhis\n"],
        [1, f"cat: {folder}/kept: Permission denied\n"],
    ]
    second_name = f"rm -f again; ln {folder}/alice.ipynb again"
    assert in_hub(hub, "alice", second_name) == [[0, ""]]
    # A folder of bob's with what is to pass for alice's work.
    assert in_hub(hub, "bob", f"mkdir {folder}/0; echo false >{folder}/0/alice.ipynb") == [[0, ""]]
    listed = in_hub(hub, "carol", re.search(r"`(find /srv/hand-in .*?)`", PAGE)[1])[0][1]
    assert sorted(listed.splitlines()) == ["alice alice.ipynb", "bob bob.ipynb", "bob kept"]
    hub.machine.sh(re.search(r"`(setfacl --modify group:jupyterhub:- /srv/hand-in)`", PAGE)[1])
    assert refused(hub, "alice", f"echo late >>{folder}/alice.ipynb", f"cat {folder}/alice.ipynb")
    # Only copies are final, and only notebooks are copied.
    hub.machine.sh(f"rm -f {folder}/kept; echo x >{folder}/numpy.py; ln -s /home/carol/own.txt {folder}/link.ipynb")
    copying = re.search(r"`(mkdir -p ~/exam .*?)`", PAGE)[1]
    assert in_hub(hub, "carol", copying, "ls exam") == [[0, ""], [0, "alice.ipynb\nbob.ipynb\n"]]
    assert in_hub(hub, "alice", "echo late >>again") == [[0, ""]]
    assert in_hub(hub, "carol", f"cat {folder}/alice.ipynb", "cat exam/alice.ipynb") == [[0, "mine\nlate\n"], [0, "mine\n"]]


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
    hub.machine.sh("echo iniconfig >>/root/course/requirements.txt; cd /root/course; sh install.sh")
    assert hub.on_server(*computed).split() == ["/opt/course", "True"]
    assert hub.on_server("compute", BEHIND, "bob", *computed[3:]).split() == ["/opt/course", "True"]
    assert refused(hub, "alice", "touch /opt/course/x", "/opt/course/bin/pip uninstall --yes iniconfig")


def test_a_user_makes_a_kernel_of_their_own_in_a_terminal(members, followed):
    hub = members
    steps = [step for step in followed.pages.steps(NAME, followed.tab) if getattr(step, "who", "") == "user"]
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
    lines = re.search(r"`(c\.JupyterHub\.load_roles.*?)`", PAGE)[1]
    files = PUBLISHED.replace(CONFIG, "c.JupyterHub.spawner_class", f"{lines}\nc.JupyterHub.spawner_class")
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
