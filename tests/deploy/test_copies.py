"""backup.sh and restore.sh of deploy/look-after.md: what a backup contains, when they refuse, and what they never touch."""

import re
import struct

import pytest

from tests.harness.manifest import CONFIG, EVERY_PROXY, NEWEST_ON, PUBLISHED, ROOT, SAVED_AS, VALUES, on_the_server
from tests.harness.measuring import syntax
from tests.harness.pairs import the_first

CARE, FOLDER, STATE = "/root/care", "/var/backups/jupyterhub", "/var/lib/jupyterhub"
PYTHON = f"{VALUES['environment']}/bin/python"
PAGE = (ROOT / "deploy/look-after.md").read_text("utf-8")
pytestmark = pytest.mark.xdist_group("copies")
# Where readers save published files on the hub's machine, but for what the page says is in no copy.
LACKING = re.findall(r"`(/[^`]+)`", re.search(r"(?s)The copy does not contain:\n\n.*?\n\n", PAGE)[0])
PLACES = {SAVED_AS.get(name, f"/root/{name}") for name in (*on_the_server(), *SAVED_AS, *(f"{proxy}/enable.sh" for proxy in EVERY_PROXY))}
PLACES = sorted(path for path in PLACES if not path.startswith(tuple(LACKING)))
# What makes a hub, each file with its mode and its owner.
FILES = {
    **{path: "644 root" for path in PLACES if not path.startswith("/root/")},
    **{
        f"{folder}/own.txt": "600 root"
        for folder in sorted({"/".join(path.split("/")[:3]) for path in PLACES if path.startswith("/root/")})
    },
    "/home/alice/first.ipynb": "600 alice",
    "/home/alice/hub/own.txt": "600 alice",
    "/home/mallory/.bashrc-own": "644 mallory",
    "/srv/course/sheet.txt": "640 mallory",
    f"{STATE}/jupyterhub_cookie_secret": "600 root",
    SAVED_AS[CONFIG]: "600 root",
    "/etc/systemd/system/jupyterhub.service.d/override.conf": "644 root",
    "/etc/ssh/sshd_config.d/jupyterhub.conf": "644 root",
    **{f"/etc/{proxy}/sites/lab": "644 root" for proxy in ("caddy", "traefik")},
    "/etc/letsencrypt/archive/key.pem": "600 root",
    VALUES["certificate"]: "644 root",
    VALUES["key"]: "600 root",
}
DATABASE = f"""{PYTHON} -c '
import sqlite3
hub = sqlite3.connect("{STATE}/jupyterhub.sqlite")
hub.execute("create table users (name)")
hub.execute("insert into users values (?)", ("alice",))
hub.commit()
'"""
NAMES = f"""{PYTHON} -c '
import sqlite3, sys
hub = sqlite3.connect(sys.argv[1])
print(hub.execute("pragma integrity_check").fetchone()[0], *(name for name, in hub.execute("select name from users")))
' """
# What is on a machine before there is a hub.
WIPED = f"rm -rf /root/standins /home/* /srv/* {STATE} /etc/letsencrypt {FOLDER} " + " ".join(
    name for name in FILES if name.startswith(("/etc", "/root"))
)
LEAVE = "for user in alice bob mallory carol; do userdel $user; done; getent group jupyterhub && groupdel jupyterhub; true"


def scripts():
    return {f"{CARE}/{name}": PUBLISHED.read(f"care/{name}") for name in ("backup.sh", "restore.sh")}


@pytest.fixture(scope="module", params=the_first([*NEWEST_ON]))
def started(request):
    # restore.sh makes mounts of its own, as root may on a real machine.
    with syntax.machine(NEWEST_ON[request.param], options=("--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined")) as machine:
        machine.sh("cp /etc/passwd /etc/shadow /etc/group /etc/gshadow /var/tmp")
        yield machine


@pytest.fixture
def machine(started):
    """A machine on which all lies that makes a hub; no hub runs."""
    started.sh(f"{WIPED} /tmp/tmp.* /var/cache/tmp.*")
    owned = "\n".join(f"chmod {about[:3]} '{name}'; chown {about[4:]}: '{name}'" for name, about in FILES.items())
    accounts = "cp /var/tmp/passwd /var/tmp/shadow /var/tmp/group /var/tmp/gshadow /etc; echo alice:Correct-horse-7 | chpasswd"
    started.sh(
        f"set -e; {accounts}; chown alice: /home/alice /home/alice/hub; chmod 700 /home/alice {STATE}; {owned}\n{DATABASE}",
        {name: name for name in FILES} | scripts(),
    )
    return started


def backup(machine, *arguments, before="true", user="root", put=None):
    """What backup.sh ends with and says, run after a command."""
    return machine.sh(f"{before}; cd /tmp; sh {CARE}/backup.sh {' '.join(arguments)}", put, check=False, user=user)


def restore(machine, copy, before="true", user="root"):
    return machine.sh(f"{before}; cd /tmp; sh {CARE}/restore.sh {copy}", check=False, user=user)


def copies(machine, folder=FOLDER):
    return machine.sh(f"ls -A {folder}", check=False).stdout.split()


def copied(machine, *arguments):
    """The path of a copy that was made."""
    done = backup(machine, *arguments)
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()[0]


def moved(machine):
    """A copy that was made, out of the way, on a machine that has lost all else."""
    copy = copied(machine)
    machine.sh(f"mv {copy} /var/tmp/copy.tar.gz; {WIPED}; {LEAVE}", scripts())
    return "/var/tmp/copy.tar.gz"


def refused(done, script, *words):
    """Whether a script ended with one line that says why, and that nothing came of it."""
    (line,) = done.stderr.splitlines()
    nothing = "No copy was made." if script == "backup.sh" else "Nothing was changed."
    return bool(done.returncode) and line.startswith(f"{script}: ") and line.endswith(nothing) and all(word in line for word in words)


# A copy


def test_only_root_can_read_a_copy_and_it_holds_what_the_page_lists(machine):
    copy = copied(machine)
    assert re.fullmatch(rf"{FOLDER}/jupyterhub-\d{{4}}-\d\d-\d\d-\d{{6}}\.tar\.gz", copy)
    assert machine.sh(f"stat --format %a {FOLDER} {copy}").stdout.split() == ["700", "600"]
    held = machine.sh(f"tar --list --file {copy}").stdout.split()
    assert {name.lstrip("/") for name in FILES} <= set(held)
    assert {"hub/passwd", "hub/shadow", "hub/group", "hub/gshadow", "hub/jupyterhub.sqlite"} <= set(held)
    listed = re.search(r"(?s)\| The copy contains \| Where \|\n.*?\n\n", PAGE)[0]
    named = [place.strip("/") for place in re.findall(r"`(/[^`*]+)\*?`", listed)]
    assert len(named) > 10
    lacking = [place for place in named if not any(name.startswith(place) for name in held) and not place.startswith("etc/passwd")]
    assert not lacking, "the page names it, and no copy holds it"
    assert [name for name in held if name.startswith("var/lib")] == ["var/lib/jupyterhub/", "var/lib/jupyterhub/jupyterhub_cookie_secret"]


def test_the_database_is_copied_between_two_changes(machine):
    """While a change is half written into the file, which is then taken back."""
    writer = f"""
import sqlite3, sys, time
hub = sqlite3.connect("{STATE}/jupyterhub.sqlite", isolation_level=None)
hub.execute("pragma cache_size = 1")
hub.execute("begin")
hub.executemany("insert into users values (?)", (("nobody" * 99,) for _ in range(999)))
print("written", flush=True)
time.sleep(2)
hub.execute("rollback")
"""
    half = f"{PYTHON} /tmp/writer.py >/tmp/writer.log & until grep -q written /tmp/writer.log; do sleep 0.05; done"
    done = backup(machine, before=half.rstrip(";"), put={"/tmp/writer.py": writer, "/tmp/writer.log": ""})
    assert not done.returncode, done.stderr
    machine.sh(f"tar --extract --file {done.stdout.split()[0]} --directory /tmp hub")
    assert machine.sh(f"{NAMES} /tmp/hub/jupyterhub.sqlite").stdout == "ok alice\n"


@pytest.mark.parametrize(
    "place", ["mkdir -p", "mkdir -p /var/tmp/elsewhere; ln -sfn /var/tmp/elsewhere"], ids=["a folder", "a link to one"]
)
def test_the_newest_copies_stay_and_of_the_rest_only_its_own_are_deleted_and_named(machine, place):
    old = [f"{FOLDER}/jupyterhub-2026-01-0{day}-040000.tar.gz" for day in range(1, 10)]
    within = f"{FOLDER}/older/{old[0].rpartition('/')[2]}"
    others = [f"{FOLDER}/before-the-exam.tar.gz", f"{FOLDER}/jupyterhub-2026-01-01-040000.tar.gz.mine"]
    machine.sh(f"rm -rf /var/tmp/elsewhere; {place} {FOLDER}; mkdir {FOLDER}/older; touch {' '.join([*old, *others, within])}")
    done = backup(machine)
    assert done.stdout.splitlines()[1:] == [f"{name} is deleted." for name in reversed(old[:3])]
    stay = [*old[3:], *others, done.stdout.splitlines()[0], within.rpartition("/")[0]]
    assert sorted(copies(machine, f"{FOLDER}/")) == sorted(name.rpartition("/")[2] for name in stay)
    done = backup(machine, FOLDER, "1")
    assert done.stdout.splitlines()[1:][-1] == f"{old[3]} is deleted."
    assert len(copies(machine, f"{FOLDER}/")) == 4
    assert machine.sh(f"ls {within}", check=False).stdout == f"{within}\n", "what lies in a folder within is somebody's own"


def test_a_copy_in_which_a_file_has_changed_meanwhile_is_a_copy_and_one_that_is_not_whole_is_none(machine):
    said = 'real=$(PATH=/usr/bin:/bin command -v tar); "$real" "$@"; exit $(cat /tmp/status)'
    machine.put({"/root/standins/tar": f"#!/bin/sh\n{said}\n", "/tmp/status": "1"})
    with_it = "export PATH=/root/standins:$PATH"
    assert backup(machine, before=with_it).returncode == 0
    assert len(copies(machine)) == 1
    machine.put({"/tmp/status": "2"})
    assert refused(backup(machine, before=with_it), "backup.sh", "tar cannot write")
    assert len(copies(machine)) == 1, "nothing unfinished stays"


def test_what_cannot_be_read_is_left_out_and_named_and_all_else_is_copied(machine):
    """By a root who is refused what others keep to themselves, as the kernel does with somebody's FUSE mount; in Germany."""
    german = '#!/bin/bash\n[ "$LC_ALL" = C ] || exec 2>/dev/null\nexec -a tar /usr/bin/tar "$@"\n'
    machine.put({"/root/standins/tar": german})
    refusing = f"cd /tmp; export PATH=/root/standins:$PATH; setpriv --bounding-set -dac_override,-dac_read_search sh {CARE}/backup.sh"
    done = machine.sh(refusing, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1), done.stderr
    assert "tar: home/alice: Warning: Cannot open: Permission denied\n" in done.stderr
    assert done.stderr.splitlines()[-1] == "backup.sh: The copy lacks what is named above."
    held = set(machine.sh(f"tar --list --file {done.stdout.strip()}").stdout.split())
    assert {name.lstrip("/") for name in FILES} - held == {"home/alice/first.ipynb", "home/alice/hub/own.txt", "srv/course/sheet.txt"}
    machine.sh("chown alice: /srv; chmod 700 /srv")
    try:
        refused = machine.sh(refusing, check=False)
        assert refused.returncode
        assert refused.stderr.splitlines()[-1] == "backup.sh: tar cannot read /srv. No copy was made."
        assert copies(machine) == [done.stdout.strip().rpartition("/")[2]], "that a whole folder is unreadable is no user's work"
    finally:
        machine.sh("chown root: /srv; chmod 755 /srv")


# Folders inside one another, as a user makes them: so many that tar crashes, with a path that no program can open, and of letters of
# three bytes; and one whose path has 2999 bytes, which is copied.
DEEP = """
import os
os.makedirs("/home/bob", exist_ok=True)
for home, names in (("alice", [b"b" * 255] * 11 + [b"a"] * 10_000), ("bob", ["\u4e2d".encode() * 80] * 18)):
    os.chdir(f"/home/{home}")
    for name in names:
        os.mkdir(name)
        os.chdir(name)
os.chdir("/home/mallory")
path = "/".join(["c" * 249] * 11 + ["d" * (2999 - len("home/mallory/") - 11 * 250)])
os.makedirs(path)
"""
LONG = [f"backup.sh: /home/{name} has paths of 3000 bytes or more." for name in ("alice", "bob")]


def test_no_user_keeps_everybody_from_a_copy_or_its_restore_by_folders_inside_one_another(machine):
    files = about(machine)
    machine.put({"/tmp/deep.py": DEEP})
    done = backup(machine, before=f"{PYTHON} /tmp/deep.py; export LANG=C.UTF-8")
    assert (done.returncode, len(done.stdout.splitlines()), sorted(done.stderr.splitlines())) == (
        1,
        1,
        [*LONG, "backup.sh: The copy lacks what is named above."],
    )
    copy = done.stdout.strip()
    longest = "LC_ALL=C awk 'length > most { most = length } END { print most }'"
    assert machine.sh(f"tar --list --quoting-style literal --file {copy} | {longest}").stdout == "3000\n", (
        "a folder's name ends with a slash"
    )
    machine.sh(f"mv {copy} /var/tmp/copy.tar.gz; {WIPED}; {LEAVE}", scripts())
    done = restore(machine, "/var/tmp/copy.tar.gz")
    assert (done.returncode, done.stderr) == (0, "")
    assert about(machine) == files
    assert machine.sh(f"find ~mallory -name 'ddd*' | {longest}").stdout == "3000\n"


def test_a_copy_with_a_path_that_no_program_can_open_is_restored_without_it(machine):
    """One that was made before backup.sh left such paths out."""
    files, script = about(machine), PUBLISHED.read("care/backup.sh").replace("%3000s", "%9000s")
    machine.put({"/tmp/deep.py": DEEP.replace("255] * 11", "255] * 20").replace("10_000", "0"), f"{CARE}/backup.sh": script})
    machine.sh(f"{PYTHON} /tmp/deep.py")
    copy = moved(machine)
    done = restore(machine, copy, before="export LANG=C.UTF-8")
    assert (done.returncode, done.stderr) == (0, "")
    left = [line for line in done.stdout.splitlines() if line.endswith("... is left out: its path has 3000 bytes or more.")]
    assert left
    assert all(line.startswith(("/home/alice/", "/home/bob/")) and len(line.encode()) < 200 for line in left)
    assert about(machine) == files


# In place of tar: it does its work, and then the script that runs it is ended, as by systemd or Ctrl-C.
ENDED = '#!/bin/sh\n/usr/bin/tar "$@"\ncase "$*" in *{0}*) kill -{1} $PPID ;; esac\n'


@pytest.mark.parametrize("signal", ["HUP", "INT", "TERM"])
def test_a_copy_that_is_ended_in_the_middle_leaves_nothing(machine, signal):
    machine.put({"/root/standins/tar": ENDED.format("--create", signal)})
    done = backup(machine, before="export PATH=/root/standins:$PATH")
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1:]) == (1, "", ["backup.sh: Something has ended it."])
    assert copies(machine) == []
    assert machine.sh("ls -d /tmp/tmp.* /var/cache/tmp.*", check=False).stdout == ""


def test_a_user_who_has_filled_tmp_keeps_nobody_from_a_copy(machine):
    """On Debian 13, where the number of files in it has a limit."""
    try:
        done = backup(machine, before="mount --types tmpfs --options nr_inodes=1 full /tmp; ! touch /tmp/one 2>/dev/null")
        assert (done.returncode, done.stderr) == (0, "")
        assert copies(machine) == [done.stdout.strip().rpartition("/")[2]]
    finally:
        machine.sh("umount /tmp")


def test_what_is_left_of_a_copy_when_the_machine_lost_power_is_gone_after_the_next(machine):
    part = f"{FOLDER}/jupyterhub-2026-01-01-040000.tar.gz.part"
    machine.put({part: "half", f"{part}.mine": "own"})
    copy = copied(machine)
    assert sorted(copies(machine)) == sorted([copy.rpartition("/")[2], f"{part.rpartition('/')[2]}.mine"])


def test_where_there_is_no_room_the_copies_before_stay_and_nothing_else(machine):
    earlier = "/dev/shm/copies/jupyterhub-2026-01-01-040000.tar.gz"
    fill = f"mkdir -p /dev/shm/copies; echo before >{earlier}; head -c 3M /dev/urandom >/home/alice/large"
    left = "head -c $(($(df --output=avail --block-size=1 /dev/shm | tail -n 1) - 1000000)) /dev/zero >/dev/shm/full"
    try:
        done = backup(machine, "/dev/shm/copies", "1", before=f"{fill}; {left}")
        assert done.returncode
        assert "No space left on device" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("backup.sh: tar cannot write /dev/shm/copies/jupyterhub-")
        assert copies(machine, "/dev/shm/copies") == [earlier.rpartition("/")[2]]
    finally:
        machine.sh("rm -rf /dev/shm/copies /dev/shm/full")


def test_a_disk_without_room_for_one_more_like_the_newest_is_not_filled(machine):
    """Where other programs would have no room until tar notices. What was copied before is 3 megabytes, and what would be now is less."""
    old = [f"{FOLDER}/jupyterhub-2026-01-0{day}-040000.tar.gz" for day in (1, 2)]
    made = f"mkdir -p {FOLDER}; echo older >{old[0]}; head -c 3000000 /dev/zero >{old[1]}"
    free = "#!/bin/sh\necho Avail\ncat /tmp/free\n"
    machine.sh(made, {"/root/standins/df": free, "/tmp/free": " 3300000\n"})
    with_it = "export PATH=/root/standins:$PATH"
    assert refused(backup(machine, before=with_it), "backup.sh", "A copy may need 3300000 bytes, and 3300000 are free.")
    assert len(copies(machine)) == 2
    machine.put({"/tmp/free": " 3300001\n"})
    assert not backup(machine, before=with_it).returncode


def test_a_copy_that_was_made_while_the_clock_was_ahead_does_not_outlive_the_next(machine):
    ahead = f"{FOLDER}/jupyterhub-2099-01-01-040000.tar.gz"
    machine.put({ahead: "then"})
    done = backup(machine, FOLDER, "1")
    assert done.stdout.splitlines()[1:] == [f"{ahead} is deleted."]
    assert [f"{FOLDER}/{name}" for name in copies(machine)] == done.stdout.splitlines()[:1]


def test_one_user_gets_one_file_of_a_copy_and_nothing_that_is_not_theirs(machine):
    """By the command of the page; also where the user had a link to somebody else's file, or one stands in the way now."""
    (command,) = re.findall(r"^# (tar --extract --to-stdout .*)$", PAGE, re.M)
    machine.sh("cd ~alice; mv first.ipynb was; echo mine >first.ipynb; ln -s /etc/shadow link; chown -h alice: first.ipynb link")
    copy = copied(machine)
    command = command.replace('"$(ls /var/backups/jupyterhub/*.tar.gz | tail --lines=1)"', copy)
    machine.sh(f"rm ~alice/first.ipynb; {command}")
    assert machine.sh("cat ~alice/first-before.ipynb; stat --format %U ~alice/first-before.ipynb").stdout == "mine\nalice\n"
    machine.sh(f"cd ~alice; mv first-before.ipynb own; {command.replace('first.ipynb', 'link')}", check=False)
    assert machine.sh("cat ~alice/first-before.ipynb", check=False).stdout == ""
    machine.sh(f"cd ~alice; ln -sf /home/mallory/taken first-before.ipynb; chmod 777 ~mallory; {command}", check=False)
    assert machine.sh("ls ~mallory/taken", check=False).returncode


@pytest.mark.parametrize(
    ("arguments", "before", "words"),
    [
        (["/home/alice/copies"], "true", "/home/alice/copies is among the files that are copied."),
        (["/var/tmp/there"], "ln -sfn /home/alice /var/tmp/there", "/var/tmp/there is among the files"),
        ([FOLDER, "0"], "true", "has to be 1 or more, and not 0."),
        ([FOLDER, "seven"], "true", "has to be 1 or more, and not seven."),
        ([], f"mv {STATE} {STATE}-away", "There is no hub"),
        ([], "mv /home /home-away; ln -s /home-away /home", "/home is a link"),
        ([], "mv /srv /srv-away; ln -s /srv-away /srv", "/srv is a link"),
        ([], f"mkdir -p {FOLDER}; exec 8<{FOLDER}; flock 8", "Another copy is being made."),
    ],
    ids=["in a home", "in a home, by a link", "none kept", "no number", "no hub", "homes elsewhere", "shared folders elsewhere", "twice"],
)
def test_what_would_not_be_a_copy_is_refused_in_one_line(machine, arguments, before, words):
    back = "for one in home srv; do [ ! -L /$one ] || { rm /$one; mv /$one-away /$one; }; done; "
    back += f"rm -rf /var/tmp/there {STATE}-away"
    try:
        assert refused(backup(machine, *arguments, before=before), "backup.sh", words)
        assert copies(machine) == []
        assert machine.sh("ls /home/alice", check=False).stdout.split() in (["first.ipynb", "hub"], [])
    finally:
        machine.sh(back)


def test_a_certificate_that_is_a_link_is_no_reason_to_copy_nothing(machine):
    machine.sh(f"mv {VALUES['certificate']} /etc/letsencrypt/own.pem; ln -s /etc/letsencrypt/own.pem {VALUES['certificate']}")
    held = machine.sh(f"tar --list --file {copied(machine)}").stdout.split()
    assert {VALUES["certificate"].strip("/"), "etc/letsencrypt/own.pem"} <= set(held)


def test_where_a_folder_cannot_be_made_that_is_all_it_says(machine):
    done = backup(machine, "/dev/null/copies")
    assert done.returncode
    assert re.fullmatch("mkdir: .*/dev/null.*: Not a directory\n", done.stderr)


@pytest.mark.parametrize("script", ["backup.sh", "restore.sh"])
def test_only_root_copies_and_restores(machine, script):
    machine.sh(f"cp {CARE}/{script} /tmp")
    assert refused(machine.sh(f"sh /tmp/{script} /tmp/copies", check=False, user="alice"), script, "Only root can do this.")


# Back again


def lines(machine):
    return {name: machine.read(f"/etc/{name}") for name in ("passwd", "shadow", "group", "gshadow")}


def about(machine):
    """By file that makes a hub, what it holds, its mode and its owner's number."""
    return machine.sh(f"for file in {' '.join(FILES)}; do cat $file; stat --format ' %a %u %g' $file; done").stdout


def test_on_an_empty_machine_all_is_as_it_was(machine):
    before, files = lines(machine), about(machine)
    copy = moved(machine)
    assert "alice" not in machine.read("/etc/passwd")
    done = restore(machine, copy)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("The files are in their places. Now install the programs.\n")
    assert about(machine) == files
    after = lines(machine)
    assert {name: sorted(text.splitlines()) for name, text in after.items()} == {
        name: sorted(text.splitlines()) for name, text in before.items()
    }
    assert machine.sh(f"stat --format '%a %U' {STATE}/jupyterhub.sqlite {STATE} /home/alice").stdout.splitlines() == [
        "600 root",
        "700 root",
        "700 alice",
    ]
    assert machine.sh(f"{NAMES} {STATE}/jupyterhub.sqlite").stdout == "ok alice\n"
    assert not machine.sh("ls -A /hub", check=False).stdout
    assert machine.sh("ls -d /tmp/tmp.* /var/cache/tmp.*", check=False).stdout == "", "neither script leaves its notes"


def test_what_is_there_already_stays_and_is_named(machine):
    number, group = machine.sh("id --user alice; id --group alice").stdout.split()
    copy = moved(machine)
    machine.put({VALUES["certificate"]: "newer", "/home/alice/first.ipynb": "newer"})
    # The same account with the same number, such as the one that Debian's installer has made.
    machine.sh(f"groupadd --gid {group} alice; useradd --uid {number} --gid {group} --no-create-home alice")
    account = machine.sh("grep ^alice: /etc/passwd /etc/shadow").stdout
    done = restore(machine, copy)
    assert not done.returncode, done.stderr
    assert machine.read(VALUES["certificate"]) == machine.read("/home/alice/first.ipynb") == "newer"
    for name in (VALUES["certificate"], "/home/alice/first.ipynb"):
        assert f"{name} is there already, and stays as it is.\n" in done.stdout
    assert "/srv/course/sheet.txt" not in done.stdout
    assert machine.sh("grep ^alice: /etc/passwd /etc/shadow").stdout == account


def test_a_file_with_holes_takes_what_it_holds_in_a_copy_and_on_the_way_back(machine):
    """200 megabytes, of which two words are written."""
    machine.sh("cd ~alice; echo begins >holes; truncate --size 200M holes; echo ends >>holes", user="alice")
    was = machine.sh("cd ~alice; stat --format %s holes; md5sum <holes").stdout
    copy = moved(machine)
    assert int(machine.sh(f"gzip --decompress --stdout {copy} | wc --bytes").stdout) < 100e6
    done = restore(machine, copy)
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.sh("cd ~alice; stat --format %s holes; md5sum <holes").stdout == was
    assert int(machine.sh("stat --format %b ~alice/holes").stdout) * 512 < 100e6


# What makes a restore fail when it has begun: the program, and what it does in place of its work.
FAILS = {
    "a disk that is full": ("tar", '*--skip-old-files*) /usr/bin/tar "$@"; : >/home/alice/first.ipynb; exit 2'),
    "somebody who ends it": ("tar", '*--skip-old-files*) /usr/bin/tar "$@"; kill -TERM $PPID; exit'),
    "accounts that cannot be added": ("awk", "*here*) exit 2"),
    "passwords that cannot be added": ("awk", "*here*/etc/shadow*) exit 2"),
    "passwords that are added by half": ("cat", '*/shadow.new) [ $# -gt 1 ] || { head -c 9 "$1"; exit 1; }'),
}


@pytest.mark.parametrize("fails", FAILS)
def test_a_restore_that_is_not_whole_takes_back_what_it_did_and_can_begin_again(machine, fails):
    """With a file that would be cut off, and a link to nowhere that was there before."""
    files, copy, (program, does) = about(machine), moved(machine), FAILS[fails]
    machine.put({f"/root/standins/{program}": f'#!/bin/sh\ncase "$*" in {does} ;; esac\nexec /usr/bin/{program} "$@"\n'})
    machine.sh(f"touch /srv/own.txt; ln -s nowhere {VALUES['certificate']}")
    owned = "stat --format '%a %u %g %i %n' /etc/passwd /etc/shadow /etc/group /etc/gshadow"
    before, whose = lines(machine), machine.sh(owned).stdout
    done = restore(machine, copy, before="export PATH=/root/standins:$PATH")
    assert lines(machine) == before
    assert machine.sh(owned).stdout == whose
    assert refused(done, "restore.sh", "Those that were are taken away again.")
    assert "in their places" not in done.stdout
    places = f"/home /srv {STATE} /etc/letsencrypt {VALUES['key']} /tmp/tmp.*"
    assert machine.sh(f"ls -A {places}", check=False).stdout.split() == ["/home:", "/srv:", "own.txt"]
    assert machine.sh(f"readlink {VALUES['certificate']}; rm {VALUES['certificate']}").stdout == "nowhere\n"
    done = restore(machine, copy)
    assert (done.returncode, done.stderr) == (0, "")
    assert about(machine) == files


# When a user puts a link in the place of a folder of the copy: before the restore, before tar writes there, and before it is taken back.
TAKEN_BACK = "restore.sh: Not all files could be put in their places. Those that were are taken away again. Nothing was changed."
SWAP = "mkdir -p /home/alice; cd /home/alice; [ ! -e d ] || mv d was; ln -s /var/tmp/elsewhere d; chown -h alice: . d"
SWAPS = {
    "before": (SWAP, "true", "restore.sh: /home/alice/d is a folder in the copy, and a link here. Nothing was changed."),
    "while it is put": ("true", f'({SWAP}); exec /usr/bin/tar "$@"', TAKEN_BACK),
    "while it is taken back": ("true", f'/usr/bin/tar "$@"; {SWAP}; exit 2', TAKEN_BACK),
}


@pytest.mark.parametrize("when", SWAPS)
def test_no_link_of_a_user_leads_a_restore_elsewhere(machine, when):
    """Root would write, or delete, a file of anybody's; also where homes are elsewhere, and one is on a disk of its own."""
    machine.sh("mkdir ~alice/d; touch ~alice/d/kept ~alice/d/new; chown -R alice: ~alice/d; mkdir -p /var/tmp/elsewhere")
    number, group = machine.sh("id --user alice; id --group alice").stdout.split()
    copy, (before, does, said) = moved(machine), SWAPS[when]
    machine.sh(f"groupadd --gid {group} alice; useradd --uid {number} --gid {group} --no-create-home alice; rm -rf /var/tmp/elsewhere/*")
    machine.put({"/root/standins/tar": f'#!/bin/sh\ncase "$*" in *--skip-old-files*) {does} ;; esac\nexec /usr/bin/tar "$@"\n'})
    elsewhere = "rmdir /home; mkdir -p /dev/shm/home/alice; ln -s /dev/shm/home /home; mount --types tmpfs alice /home/alice"
    machine.sh(f"echo mine >/var/tmp/elsewhere/kept; {elsewhere}; mkdir -p /home/alice/d; {before}")
    try:
        done = restore(machine, copy, before="export PATH=/root/standins:$PATH")
        assert machine.sh("cd /var/tmp/elsewhere; head *").stdout == "mine\n"
        assert (done.returncode, done.stderr.splitlines()[-1]) == (1, said)
        assert machine.sh("ls /srv").stdout == ""
    finally:
        machine.sh("umount /home/alice; rm -rf /home /dev/shm/home; mkdir /home")


def test_what_somebody_else_adds_to_the_accounts_meanwhile_stays_when_a_restore_takes_back(machine):
    copy = moved(machine)
    other = "echo other:x:5000: >>/etc/group"
    machine.put({"/root/standins/awk": f'#!/bin/sh\ncase "$*" in *here*/etc/shadow*) {other}; exit 2 ;; esac\nexec /usr/bin/awk "$@"\n'})
    before = lines(machine)
    assert refused(restore(machine, copy, before="export PATH=/root/standins:$PATH"), "restore.sh", "taken away again.")
    after = lines(machine)
    assert "other:x:5000:\n" in after.pop("group")
    assert after.items() <= before.items()


@pytest.mark.parametrize("signal", ["HUP", "INT", "TERM"])
def test_a_restore_that_is_ended_in_the_middle_leaves_no_passwords(machine, signal):
    copy = moved(machine)
    machine.put({"/root/standins/tar": ENDED.format("--list", signal)})
    done = restore(machine, copy, before="export PATH=/root/standins:$PATH")
    assert done.returncode == 1
    assert machine.sh("ls -d /tmp/tmp.*", check=False).stdout == ""


DAMAGED = {
    "cut off": ("head --bytes -1000 /var/tmp/copy.tar.gz >/var/tmp/other.tar.gz", "/var/tmp/other.tar.gz is not whole."),
    "no copy": ("tar -C / -czf /var/tmp/other.tar.gz etc/hostname", "is no copy that backup.sh has made."),
    "no file": ("rm -f /var/tmp/other.tar.gz", 'There is no file "/var/tmp/other.tar.gz".'),
    "a configuration": ("mkdir /etc/jupyterhub; touch /etc/jupyterhub/jupyterhub_config.py", "There is a hub already: /etc/jupyterhub"),
    "a database": (f"mkdir {STATE}; touch {STATE}/jupyterhub.sqlite", f"There is a hub already: {STATE}"),
    "a number": ("echo 'admin:x:GROUP:' >>/etc/group", "In /etc/group, another has the name or the number of alice (GROUP)."),
    "a name": (
        "echo 'alice:x:5000:5000::/:/bin/sh' >>/etc/passwd",
        "In /etc/passwd, another has the name or the number of alice (NUMBER).",
    ),
    "no room": ("export PATH=/root/standins:$PATH", "bytes, and 9 are free."),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_where_a_restore_cannot_end_well_it_does_not_begin(machine, name):
    number, group = machine.sh("id --user alice; id --group alice").stdout.split()
    copy = moved(machine)
    machine.put({"/root/standins/df": "#!/bin/sh\necho 9 /\n"})
    command, words = (text.replace("NUMBER", number).replace("GROUP", group) for text in DAMAGED[name])
    machine.sh(f"cp {copy} /var/tmp/other.tar.gz; {command}")
    before = lines(machine)
    done = restore(machine, "/var/tmp/other.tar.gz", before=command if "PATH" in command else "true")
    assert refused(done, "restore.sh", words)
    assert lines(machine) == before
    assert machine.sh(f"ls -A /home /srv {VALUES['key']}", check=False).stdout.split() == ["/home:", "/srv:"]


# By language, the words of tar's own translation for where a file begins in a copy, and where the last one ends.
WORDS = {
    "ko": {"block %s: ": "%s 블록: ", "block %s: ** Block of NULs **\n": "%s 블록: ** 널 블록 **\n"},
    "zh_CN": {"block %s: ": "块 %s\uff1a", "block %s: ** Block of NULs **\n": "块 %s\uff1a** 空块 **\n"},
}


def catalogue(words):
    """A translation as programs read it."""
    pairs = sorted(({"": "Content-Type: text/plain; charset=UTF-8\n"} | words).items())
    tables, texts, at = b"", b"", 28 + 16 * len(pairs)
    for column in (0, 1):
        for pair in pairs:
            text = pair[column].encode()
            tables += struct.pack("<2I", len(text), at + len(texts))
            texts += text + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0) + tables + texts


def test_each_file_system_has_room_for_what_it_gets_or_the_restore_does_not_begin(machine):
    """Homes on a small disk of their own, on a machine whose other disk has room, and which has no /srv; in any language of root's."""
    machine.sh("head -c 3M /dev/urandom >~alice/large")
    copy = moved(machine)
    machine.sh("rmdir /home /srv; mkdir -p /dev/shm/home; ln -s /dev/shm/home /home")
    before = lines(machine)
    try:
        machine.sh("head -c $(($(df --output=avail --block-size=1 /dev/shm | tail -n 1) - 1000000)) /dev/zero >/dev/shm/full")
        for language, words in {"C": {}, **WORDS}.items():
            spoken = f"/usr/lib/locale/{language}.utf8"
            machine.sh(
                f"[ -e {spoken} ] || cp -r /usr/lib/locale/C.utf8 {spoken}",
                {f"/usr/share/locale/{language}/LC_MESSAGES/tar.mo": catalogue(words)},
            )
            told = f"LANG={language}.UTF-8 tar --list --block-number --file {copy} | head -n 1"
            assert machine.sh(told).stdout.startswith(words.get("block %s: ", "block %s: ") % "0")
            done = restore(machine, copy, before=f"export LANG={language}.UTF-8")
            assert refused(done, "restore.sh", "The files for /dev/shm need 3", " bytes, and ")
        assert lines(machine) == before
        assert machine.sh("ls -A /home/").stdout == ""
        # One home on a disk of its own.
        machine.sh("rm /dev/shm/full; mkdir /home/alice; mount --types tmpfs alice /home/alice")
        done = restore(machine, copy)
        assert (done.returncode, done.stderr) == (0, "")
        assert machine.sh("stat --format %s /dev/shm/home/alice/large; ls /srv/course").stdout.split() == [str(3 * 2**20), "sheet.txt"]
    finally:
        machine.sh("umount /home/alice; rm -rf /home /dev/shm/home /dev/shm/full; mkdir -p /home /srv", check=False)


# Before another version of JupyterHub


def test_the_way_back_to_the_old_version_has_the_data_of_this_time_and_not_of_an_earlier_one(machine):
    """The commands of deploy/faults.md for two upgrades; of a folder that is there already, what the page says is done."""
    page = (ROOT / "deploy/faults.md").read_text("utf-8")
    commands, renamed = re.findall(r"(?m)^# (.*/root/jupyterhub-(?:before|after).*)$", page), []
    try:
        for when in ("last year", "today"):
            machine.sh(f"echo {when} >{STATE}/when")
            for command in commands:
                if command.startswith("mv "):
                    machine.sh(f"echo later >{STATE}/when")
                done = machine.sh(command, check=False)
                if done.returncode:
                    there = command.split()[-1]
                    renamed.append((there, done.stderr.rpartition(": ")[2]))
                    machine.sh(f"mv {there} {there}-1; {command}")
            assert machine.read(f"{STATE}/when") == f"{when}\n"
        assert renamed == [("/root/jupyterhub-before", "File exists\n"), ("/root/jupyterhub-after", "Directory not empty\n")]
        assert machine.sh(f"stat --format %a {STATE} /root/jupyterhub-before").stdout.split() == ["700", "700"]
    finally:
        machine.sh("rm -rf /root/jupyterhub-before* /root/jupyterhub-after*")
