"""Who sees a kernel, depending on how it was installed: the table of the install page, and the page on kernel discovery."""

import ast
import contextlib
import json
import os
import re
import shlex
from types import SimpleNamespace

import pytest

from tests.harness.machines import beside, deployment
from tests.harness.manifest import HUBS, NEWEST, PUBLISHED, ROOT, VALUES
from tests.harness.measuring import syntax

BIN = f"{VALUES['environment']}/bin"
KERNEL = VALUES["kernel"]
SPEC = f"{VALUES['environment']}/share/jupyter/kernels/{KERNEL}"
INSTALL = f"{BIN}/python -m {KERNEL} install"


@pytest.fixture(params=[NEWEST])
def machine(request):
    """A hub's machine on which the kernel's package is installed, but no kernelspec."""
    with syntax.machine(request.param) as machine:
        machine.sh(f"rm -r {SPEC}")
        yield machine


def sees(machine, user, jupyter_path=None):
    environment = f"JUPYTER_PATH={jupyter_path} " if jupyter_path else ""
    listed = machine.sh(f"HOME=/home/{user} {environment}{BIN}/jupyter kernelspec list --json 2>/dev/null", user=user).stdout
    return KERNEL in json.loads(listed)["kernelspecs"]


# (who installs, with which option, who sees it)
TABLE = [
    ("root", "--sys-prefix", {"alice", "bob"}),
    ("root", "", {"alice", "bob"}),
    ("root", "--user", set()),
    ("alice", "--user", {"alice"}),
    ("root", "--prefix /opt/kernels", set()),
]


@pytest.mark.parametrize("machine", [hub for hub in HUBS if hub.startswith(NEWEST)], indirect=True)
@pytest.mark.parametrize(("who", "option", "seen_by"), TABLE)
def test_who_sees_the_kernel(machine, who, option, seen_by):
    home = "/root" if who == "root" else f"/home/{who}"
    machine.sh(f"cd {home}; HOME={home} {INSTALL} {option}", user=who)
    assert {user for user in ("alice", "bob") if sees(machine, user)} == seen_by


def test_without_an_option_a_user_may_not_install(machine):
    done = machine.sh(f"HOME=/home/alice {INSTALL}", user="alice", check=False)
    assert "[Errno 13] Permission denied: '/usr/local/share/jupyter" in done.stdout + done.stderr


def test_under_umask_077_nobody_sees_it(machine):
    machine.sh(f"umask 077; {INSTALL} --sys-prefix")
    assert not sees(machine, "alice")


def test_jupyter_path_takes_the_data_directory_and_nothing_else(machine):
    machine.sh(f"{INSTALL} --prefix /opt/kernels")
    values = ["/opt/kernels", "/opt/kernels/share", "/opt/kernels/share/jupyter", "/opt/kernels/share/jupyter/kernels"]
    assert [value for value in values if sees(machine, "alice", value)] == ["/opt/kernels/share/jupyter"]


def test_a_conda_environment_that_a_user_has_activated_changes_nothing_for_the_hubs_jupyter(machine):
    """The control sets the variable by which Jupyter would look in its environment first."""
    own = "HOME=/home/alice CONDA_PREFIX=/home/alice/miniconda3/envs/own CONDA_DEFAULT_ENV=own"
    told = (
        machine.sh(f"{set_}{BIN}/jupyter --paths --json", user="alice").stdout
        for set_ in ("HOME=/home/alice ", f"{own} ", f"{own} JUPYTER_PREFER_ENV_PATH=1 ")
    )
    plain, activated, preferred = (json.loads(paths)["data"] for paths in told)
    assert plain[:2] == ["/home/alice/.local/share/jupyter", f"{VALUES['environment']}/share/jupyter"]
    assert activated == plain
    assert preferred[0] == plain[1]


# The published configuration holds the line, commented out.
ENVIRONMENT = '# c.Spawner.environment = {"JUPYTER_PATH"'


@pytest.mark.parametrize("set_by", ["the spawner", "the hub's own environment"])
def test_a_spawned_server_finds_it_only_through_the_spawner(set_by):
    files = PUBLISHED
    if set_by == "the spawner":
        files = files.replace("jupyterhub/jupyterhub_config.py", ENVIRONMENT, ENVIRONMENT.removeprefix("# "))
    else:
        start = f"ExecStart={BIN}/jupyterhub"
        files = files.replace("systemd/jupyterhub.service", start, start.replace("=", "=env JUPYTER_PATH=/opt/kernels/share/jupyter "))
    with deployment.machine(NEWEST) as machine:
        machine.sh(f"rm -r {SPEC}; {INSTALL} --prefix /opt/kernels")
        hub = deployment.prepare(machine, NEWEST, files)
        deployment.start(hub, files)
        rungs = hub.check("--megabytes", "0", url=deployment.BEHIND)
    listed = next(rung for rung in rungs if rung["rung"] == "kernel_listed")
    assert listed["ok"] == (set_by == "the spawner"), listed


# The guide's own kernel

OWN = {
    "computes": "6 * 7",
    "fails": "1 / 0",
    "kept": "answer = 40 + 2",
    "completes": "answ",
    "inspects": "abs",
    "asks": "print(input('name '))",
    "endless": "while True: pass",
    "keeps": "answer",
}


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_the_guides_own_kernel_asks_completes_helps_and_shows_errors(hubs):
    hub = hubs(NEWEST)
    seen = deployment.on_server(hub.machine, "kernel_actions", "exercise", deployment.BEHIND, "bob", KERNEL, json.dumps(OWN))
    assert seen["listed"] == "My Kernel"
    assert "42" in seen["computes"]["said"]
    assert (seen["fails"]["status"], "ZeroDivisionError" in seen["fails"]["errors"]) == ("error", True)
    assert seen["completes"] == ["answer"]
    assert "absolute value" in seen["inspects"]
    assert (seen["asks"]["asked"], seen["asks"]["said"].strip()) == (True, "bob")
    assert (seen["endless"]["status"], seen["after"]["said"]) == ("error", "42")
    assert ("42" in seen["anew"]["said"], "NameError" in seen["gone"]["errors"], seen["ended"]) == (True, True, True)


# What lies beside a notebook


@pytest.fixture(scope="module")
def shared(hubs):
    """A hub on which bob's home has a link to a folder of mallory's."""
    hub = hubs(NEWEST)
    beside.shared(hub.machine, KERNEL)
    return hub


@pytest.mark.xdist_group(f"hub-{NEWEST}")
@pytest.mark.parametrize("kernel", [KERNEL, "python3"])
def test_a_kernel_starts_without_a_file_of_the_notebooks_folder_and_its_cells_import_from_there(shared, kernel):
    act = (shared.machine, "kernel_actions", "beside", deployment.BEHIND, "bob", kernel, beside.NOTEBOOK)
    # A kernel whose program is another's does not answer.
    with contextlib.suppress(RuntimeError):
        deployment.on_server(*act)
    assert beside.ran(shared.machine, "bob") == set()
    [told] = deployment.on_server(*act, "import helper, os, sys; print(helper.answer, os.getcwd(), sys.modules.get('debugpy', 'there'))")
    assert told["said"].split() == ["42", beside.FOLDER, "None"], told
    assert beside.ran(shared.machine, "bob") == set()


# Commands of kernelspecs: of a Python's module, in whose place the start stands, and all others, which stay as they are.
COMMANDS = {
    "a module": ("/x/python3 -m kernel -f file", "/x/python3 -c START kernel -f file"),
    "an option before": ("/x/python3 -P -m kernel -m other", "/x/python3 -P -c START kernel -m other"),
    "a script": ("/x/python3 /x/kernel.py -m other", "/x/python3 /x/kernel.py -m other"),
    "a script alone": ("/x/python3 /x/kernel.py", "/x/python3 /x/kernel.py"),
    "another program": ("/x/R -m kernel", "/x/R -m kernel"),
    "none": ("", ""),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_of_all_commands_of_kernelspecs_the_server_changes_those_of_a_pythons_modules(what):
    """The published class alone, on a class that stands in for Jupyter Server's."""
    written, started = (command.split() for command in COMMANDS[what])

    class Manager:
        def pre_start_kernel(self, kernel_name, kwargs):
            return SimpleNamespace(kernel_spec=SimpleNamespace(argv=written)), kernel_name, "1"

    name = "BusyKernelManager"
    parts = ast.parse(PUBLISHED.read("jupyter/jupyter_server_config.py")).body
    known = {"AsyncMappingKernelManager": Manager, "START": "START", "os": os}
    exec(compile(ast.Module([part for part in parts if getattr(part, "name", "") == name], []), name, "exec"), known)
    manager, *names = known[name]().pre_start_kernel("kernel", {})
    assert names == ["kernel", "1"]
    assert manager.kernel_spec.argv == started


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_a_kernel_that_a_user_starts_outside_the_hub_leaves_the_kernel_of_the_folder_alone(shared):
    """By -P in its kernelspec. MetaKernel's settings it does read there: no server of the hub has started it."""
    for option, runs in (("", True), ("-P", False)):
        shared.machine.sh(
            f"cd {beside.FOLDER}; HOME=/home/bob timeout 20 {BIN}/python {option} -m {KERNEL} --version", user="bob", check=False
        )
        assert (f"{KERNEL}.py" in beside.ran(shared.machine, "bob")) is runs
    spec = json.loads(shared.machine.read(f"{SPEC}/kernel.json"))
    assert spec["argv"][1:3] == ["-P", "-m"]


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_a_notebook_that_is_executed_in_a_terminal_starts_a_kernel_with_a_file_of_its_folder(shared):
    """As deploy/users.md warns: no server of the hub has started it."""
    assert "`jupyter nbconvert --execute` in a terminal looks there first" in (ROOT / "deploy/users.md").read_text("utf-8")
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [], "source": "1"}
    book = {"cells": [cell], "metadata": {"kernelspec": {"name": "python3", "display_name": ""}}, "nbformat": 4, "nbformat_minor": 5}
    execute = f"HOME=/home/bob {BIN}/jupyter nbconvert --execute --to notebook --stdout"
    for folder, ran in (("/home/bob", set()), (beside.FOLDER, {"ipykernel_launcher.py"})):
        shared.machine.sh("true", {f"{folder}/own.ipynb": json.dumps(book)})
        done = shared.machine.sh(f"cd /home/bob; {execute} {folder}/own.ipynb", user="bob", check=False)
        assert beside.ran(shared.machine, "bob") == ran, done.stderr


@pytest.mark.xdist_group(f"hub-{NEWEST}")
def test_a_kernel_of_a_python_without_jupyters_packages_starts_too(shared):
    """As Debian's own, of which -S leaves out whatever else was installed."""
    text = PUBLISHED.read("jupyter/jupyter_server_config.py")
    start = shlex.quote(re.search(r'(?s)START = """(.*?)"""', text)[1])
    with pytest.raises(RuntimeError, match="No module named 'traitlets'"):
        shared.machine.exec("/usr/bin/python3", "-S", "-c", "import traitlets")
    said = shared.machine.sh(f"cd {beside.FOLDER}; /usr/bin/python3 -S -c {start} base64 -t", check=False)
    assert said.stdout.startswith("b'Aladdin:open sesame'"), said.stderr
