"""`make cluster`: from a clean clone it shows a cluster on which users work, and Ctrl-C leaves nothing of it behind."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys

import pytest

from tests.harness.browsers import user_browser
from tests.harness.machines import engine, images, slurm
from tests.harness.machines.deployment import CHECK, PYTHON, URL
from tests.harness.manifest import ROOT

pytestmark = pytest.mark.xdist_group("slurm")
COMMAND = [sys.executable, "-m", "tests.harness.site.cluster"]


@contextlib.contextmanager
def terminal(*command, cwd=ROOT):
    """A command in a terminal of its own, for the length of a `with` block; whatever is left of it then is ended."""
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                process.stdout.read()


def until(process, words):
    """What a process says until it has said certain words."""
    said = ""
    while words not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def presses_ctrl_c(process, times=1):
    """Ctrl-C reaches all programs of a terminal; what is said from then on."""
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
    return process.stdout.read()


def left(owner):
    """The containers and networks of a process."""
    label = f"label={engine.LABEL}={owner}"
    return engine.cli("ps", "--all", "--quiet", "--filter", label).stdout + engine.cli("network", "ls", "--quiet", "--filter", label).stdout


@pytest.fixture
def clone(tmp_path):
    subprocess.run(["git", "clone", "--quiet", f"file://{ROOT}", tmp_path / "clone"], check=True)
    # Made already, with what its requirements.txt names.
    (tmp_path / "clone/.venv").symlink_to(ROOT / ".venv")
    os.utime(tmp_path / "clone/requirements.txt", (0, 0))
    return tmp_path / "clone"


def test_from_a_clean_clone_it_shows_a_cluster_on_which_users_work_and_ends_whole(clone):
    with terminal("make", "cluster", cwd=clone) as process:
        said = until(process, "# node2")
        assert re.findall(r"^\[(\d)/4\]", said, re.M) == list("1234"), said
        machines = dict(re.findall(r"exec -it (\w+) bash    # (?:the )?(\w+)", said)[::-1])
        named = {name: box for box, name in machines.items()}
        assert sorted(named) == ["hub", "node1", "node2"], said
        told = engine.cli(
            "inspect",
            named["hub"],
            "--format",
            f'{{{{index .Config.Labels "{engine.LABEL}"}}}} {{{{range .Mounts}}}}{{{{.Name}}}} {{{{end}}}}',
        )
        owner, *volumes = told.stdout.split()
        assert len(volumes) == 1
        assert left(owner)
        # The two ways to the hub, as they are printed.
        (curl,) = re.findall(r"^  (curl .*)$", said, re.M)
        assert '"version"' in subprocess.run(shlex.split(curl), capture_output=True, text=True, timeout=30, cwd=clone).stdout, said
        (chromium,) = re.findall(r'^  \S+ --user-data-dir="\$\(mktemp -d\)" (.*)$', said, re.M)
        with engine.run(images.browser().tag, network="host") as machine:
            asked = [user_browser.WINDOWED, "--headless", "--no-sandbox", "--user-data-dir=/tmp/new", "--dump-dom", *shlex.split(chromium)]
            assert 'name="username"' in machine.exec(*asked).stdout
        # A user who is named there gets a server on a node.
        (password,) = re.findall(r"^  user alice, password (\S+)$", said, re.M)
        assert engine.cli("exec", named["hub"], "cat", f"{CHECK}/alice.txt").stdout.strip() == password
        options = ("--user", "alice", "--password-file", f"{CHECK}/alice.txt", "--ca-file", f"{CHECK}/ca.pem")
        check = engine.cli("exec", named["hub"], PYTHON, f"{CHECK}/hubcheck.py", URL, *options, "--until", "server_spawns", "--keep-server")
        assert check.returncode == 0
        assert re.fullmatch(r"alice RUNNING node\d\n", engine.cli("exec", named["hub"], "squeue", "--noheader", "--format=%u %T %N").stdout)
        nodes = engine.cli("exec", named["hub"], "sinfo", "--noheader", "--partition=jupyter", "--format=%N")
        assert nodes.stdout == "node[1-2]\n"
        last = presses_ctrl_c(process)
    assert "ended: nothing of them is left" in last
    assert not left(owner)
    assert engine.cli("volume", "inspect", *volumes, check=False).returncode
    assert not list(clone.glob("build/*.pem"))
    tracked = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True).stdout
    assert tracked in ("", "?? .venv\n")


def test_who_presses_ctrl_c_while_it_starts_and_again_while_it_ends_leaves_nothing(site):
    with terminal(*COMMAND, site.html) as process:
        until(process, "[3/4]")
        assert left(process.pid)
        assert "ended: nothing of them is left" in presses_ctrl_c(process, 3)
        assert process.wait(60) == 0
    assert not left(process.pid)


def test_a_second_one_is_refused_in_one_line(site):
    with engine.network(*slurm.NETWORK), terminal(*COMMAND, site.html) as process:
        said = process.stdout.read()
        assert process.wait(60) == 1
    (error,) = (line for line in said.splitlines() if line.startswith("error"))
    assert error == f"error: another cluster, or another network with its addresses ({slurm.SUBNET}), is there already: end it first."
    assert not left(process.pid)
