"""`make cluster`: the cluster that it shows lets a user work, and ends whole."""

import re
import signal
import subprocess
import sys
import time

import pytest

from tests.harness.machines import engine
from tests.harness.machines.deployment import URL
from tests.harness.manifest import ROOT, VALUES

pytestmark = pytest.mark.xdist_group("slurm")
COMMAND = [sys.executable, "-m", "tests.harness.site.cluster"]


def left(process):
    """The containers and networks of a process."""
    label = f"label={engine.LABEL}={process.pid}"
    return engine.cli("ps", "--all", "--quiet", "--filter", label).stdout + engine.cli("network", "ls", "--quiet", "--filter", label).stdout


def test_it_says_how_the_cluster_is_reached_and_ends_all_of_it(site):
    with subprocess.Popen([*COMMAND, site.html], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        said = ""
        try:
            while "Type squeue" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            (curl,) = re.findall(r"^  (curl .*)$", said, re.M)
            assert '"version"' in subprocess.run(curl.split(), capture_output=True, text=True, timeout=30).stdout, said
            assert f"MAP {VALUES['host']}:443 127.0.0.1:" in said
            assert URL in said
            assert re.search(r"user alice, password \S+", said)
            (shell,) = re.findall(r"exec -it (\w+) bash    # the hub", said)
            assert "node[1-2]" in engine.cli("exec", shell, "sinfo").stdout
            assert left(process)
        finally:
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            said += process.stdout.read()
        assert process.wait(60) == 0
    assert time.monotonic() - began < 60
    assert "no container is left" in said
    assert not left(process)


def test_a_second_one_is_refused_in_one_line(site):
    with engine.network("--subnet", "198.51.100.0/24", "--gateway", "198.51.100.254"):
        done = subprocess.run([*COMMAND, site.html], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert (
        done.stderr == "error: another cluster, or another network with its addresses (198.51.100.0/24), is there already: end it first.\n"
    )
