"""Commands that run in a container through our small program give the same result as through the engine itself."""

import subprocess
import threading
import time

import pytest

from tests.harness.machines import agents, engine, images
from tests.harness.manifest import HOMES

# What a command is given, and what of it a program can see.
LOOK = """id; env | sort; pwd; umask; ulimit -n; grep -E '^(Cap|Sig[BI]|NoNew|Seccomp)' /proc/self/status
cat /proc/self/oom_score_adj /proc/self/cgroup; ps -o tty= $$; ls /proc/self/fd | wc -l"""


@pytest.fixture(scope="module")
def machine():
    with engine.run(images.bare(HOMES[0]).tag) as machine:
        machine.sh("useradd --create-home --groups adm,tty alice")
        yield machine


@pytest.mark.parametrize("user", ["", "alice"])
def test_a_command_sees_what_it_would_see_otherwise(machine, user):
    command = ["sh", "-c", f"{LOOK}; test $(ps -o sid= $$) = $$ && echo leads a session"]
    otherwise = engine.cli("exec", *(["-u", user] if user else []), machine.id, *command).stdout
    assert machine.exec(*command, user=user or None).stdout == otherwise
    assert "leads a session" in otherwise


def test_what_goes_in_and_comes_out_is_whole(machine):
    large = "é" * 3_000_000
    assert machine.sh("cat", input=large).stdout == large
    assert machine.sh("head -c 2", input=large).stdout == "é"
    assert machine.sh("wc -c").stdout == "0\n"
    done = machine.sh("echo out; echo wrong >&2; exit 3", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "wrong\n")
    with pytest.raises(RuntimeError, match="wrong"):
        machine.sh("echo wrong >&2; exit 3")
    assert machine.exec("no-such-program", check=False).returncode == 127
    machine.put({"/root/new/folder/run": "#!/bin/sh\n", "/root/new/key": b"PRIVATE KEY"})
    assert machine.sh("stat --format '%a %U' /root/new/folder/run /root/new/key").stdout == "755 root\n600 root\n"


def test_what_goes_on_in_the_background_is_not_waited_for(machine):
    begun = time.monotonic()
    assert machine.sh("sleep 30 & echo said").stdout == "said\n"
    assert time.monotonic() - begun < 10


def test_a_command_that_takes_too_long_is_left_and_the_next_one_runs(machine):
    with pytest.raises(subprocess.TimeoutExpired):
        machine.sh("sleep 30", timeout=0.5)
    assert machine.sh("echo next").stdout == "next\n"


def test_two_at_a_time(machine):
    """Each ends only once the other has begun."""
    said = []
    wait = "touch /tmp/{0}; timeout 30 sh -c 'until test -e /tmp/{1}; do sleep 0.05; done' && echo {0}"
    commands = [wait.format(*pair) for pair in (("one", "other"), ("other", "one"))]
    threads = [
        threading.Thread(target=lambda command=command: said.append(machine.sh(command, check=False).stdout)) for command in commands
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["one\n", "other\n"]


def test_what_is_killed_has_the_status_of_that_and_the_next_one_runs(machine):
    assert machine.sh("kill -KILL $$", check=False).returncode == 137
    assert machine.sh("kill -KILL $PPID; sleep 5", check=False).returncode == 137
    assert machine.sh("echo next").stdout == "next\n"
    engine.cli("exec", machine.id, "pkill", "-KILL", "-x", "agent")
    assert machine.sh("echo after that").stdout == "after that\n"


def test_where_there_can_be_no_agent_the_engine_runs_commands_itself(machine):
    with engine.run(images.bare(HOMES[0]).tag) as without:
        engine.cli("exec", without.id, "mv", "/usr/bin/perl", "/usr/bin/away")
        assert without.sh("echo said").stdout == "said\n"
        with agents.borrowed(engine.answering(), machine.id) as one, agents.borrowed(engine.answering(), without.id) as none:
            assert one
            assert none is None
