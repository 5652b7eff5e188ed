"""deploy/conda.md: kernels in conda environments on a real hub, and a hub in one; its channel is made by tests/images/conda/channel.py."""

import json
import re

import pytest

from tests.harness.machines import deployment, images
from tests.harness.machines.deployment import BEHIND, UNIT, URL
from tests.harness.manifest import HUBS, PROXIES, PUBLISHED, ROOT, SAVED_AS, VALUES, Files, snippets
from tests.harness.site import following
from tests.harness.site.conda_page import BIN, COURSE, HUB, HUB_ITSELF, HUB_STATES, KERNEL_STATES, OWN, PAGE
from tests.harness.site.following import TABS

TEXT = (ROOT / PAGE).read_text("utf-8")
REMOVE = "remove-a-kernel-and-its-environment"
HOME = "/home/alice/.local/share/jupyter"
pytestmark = pytest.mark.xdist_group("conda")


def conda(_):
    return images.conda()


@pytest.fixture(scope="module")
def hub():
    """A hub of the newest Debian in its virtual environment, with conda environments beside it."""
    with deployment.hub(HUBS[-1], image=conda) as hub:
        yield hub


@pytest.fixture(scope="module")
def reader(hub, site):
    """Somebody who has followed the page up to the removal."""
    reader = following.Reader(hub.machine, following.Pages.examples(site), TABS["nginx"])
    reader.follow(PAGE, without=[REMOVE, HUB_ITSELF])
    assert not reader.wrong, "\n\n".join(reader.wrong)
    return reader


def cells(hub, user, kernel, *codes):
    """What cells say that a user runs in a kernel, as a notebook would."""
    seen = deployment.on_server(hub.machine, "kernel_actions", "cells", BEHIND, user, kernel, *codes, timeout=300)
    return [f"{one['said']}{one['errors']}" for one in seen]


def as_user(machine, command, user="alice"):
    done = machine.exec("su", "--login", user, "--command", command, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("prefix", [HUB, COURSE, OWN])
def test_the_environments_are_such_as_conda_makes(hub, prefix):
    """Python is its own prefix, each package has its record, and no file of a virtual environment's is there."""
    told = "import json, sys, site; print(json.dumps([sys.prefix, sys.base_prefix, [p for p in sys.path if 'packages' in p]]))"
    own, base, packages = json.loads(hub.machine.sh(f"cd / && {prefix}/bin/python -c {json.dumps(told)}").stdout)
    assert (own, base) == (prefix, prefix)
    assert all(path.startswith(prefix) and path.endswith("site-packages") for path in packages)
    assert packages
    records = hub.machine.sh(f"ls {prefix}/conda-meta").stdout
    assert "ipykernel-" in records
    assert "python-3" in records
    assert hub.machine.sh(f"ls {prefix}/pyvenv.cfg", check=False).returncode
    assert hub.machine.sh(f"head -n 1 {prefix}/bin/jupyter").stdout.startswith(f"#!{prefix}/bin/python")


def test_each_kernel_runs_in_the_environment_of_the_course(hub, reader):
    where = "import sys; sys.prefix"
    assert [cells(hub, "bob", name, where, "6 * 7") for name in ("course", "course_kernel")] == [[f"'{COURSE}'", "42"]] * 2
    # The hub's own kernels are as they were.
    assert cells(hub, "bob", VALUES["kernel"], where) == [f"'{VALUES['environment']}'"]


SHELL = "import os, subprocess; print(subprocess.run('{}', shell=True, capture_output=True, text=True))"


def test_what_activation_would_set_is_there_only_with_the_lines_of_the_kernelspec(hub, reader):
    """The program is found and finds its data; without, neither. The server's own PATH comes after the environment's."""
    told = [SHELL.format("gdalinfo"), "print(os.environ.get('GDAL_DATA'))", "print(os.environ['PATH'])"]
    with_them, without = (cells(hub, "bob", name, *told) for name in ("course", "course_kernel"))
    assert "data of the environment" in with_them[0]
    assert with_them[1:] == [f"{COURSE}/share/gdal\n", f"{COURSE}/bin:{without[2]}"]
    assert "not found" in without[0]
    assert without[1] == "None\n"
    assert without[2].startswith(f"{BIN}:")
    # What a shell sets that activates the environment by rattler's script.
    script = hub.machine.sh(f"/opt/rattler/bin/python /opt/rattler/channel.py activate {COURSE}").stdout
    said = hub.machine.sh(f"bash -c '{script}\ngdalinfo; echo $GDAL_DATA $CONDA_PREFIX'").stdout
    assert said == f"data of the environment\n{COURSE}/share/gdal {COURSE}\n"


def test_a_users_own_environment_is_in_that_users_launcher_alone(hub, reader):
    assert cells(hub, "alice", "own", "import sys; sys.prefix") == [f"'{OWN}'"]
    assert "own" not in as_user(hub.machine, f"{BIN}/jupyter kernelspec list", "bob")
    # For all users it would be listed, and start for nobody else.
    spec = "/usr/local/share/jupyter/kernels"
    hub.machine.sh(f"mkdir -p {spec}; cp -r {HOME}/kernels/own {spec}/own-for-all; chmod -R go=rX {spec}")
    try:
        with pytest.raises(RuntimeError):
            cells(hub, "bob", "own-for-all", "1")
        assert "Permission denied" in hub.log()
    finally:
        hub.machine.sh(f"rm -r {spec}/own-for-all")


def test_packages_in_a_home_are_imported_by_condas_python_and_not_where_the_variable_is_set(hub, reader):
    """`course` has the variable, `course_kernel` has not."""
    packages = "/home/bob/.local/lib/python3.13/site-packages"
    as_user(hub.machine, f"mkdir -p {packages}; echo word = 6 >{packages}/only_at_home.py", "bob")
    code = "import only_at_home; only_at_home.word"
    seen = [cells(hub, "bob", name, code)[0] for name in ("course", "course_kernel", VALUES["kernel"])]
    assert "No module named 'only_at_home'" in seen[0]
    assert seen[1] == "6"
    assert "No module named 'only_at_home'" in seen[2]


OF = {"the hub's": BIN, "her own environment's": f"{OWN}/bin", "that of `/opt/conda/envs/course`": f"{COURSE}/bin"}
SET = {
    "not set": "",
    "those of her own environment": f"CONDA_PREFIX={OWN} CONDA_DEFAULT_ENV=own",
    "its own, but `base` as the name": f"CONDA_PREFIX={OWN} CONDA_DEFAULT_ENV=base",
}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith(tuple(f"| {of} |" for of in OF))
]


def test_the_table_has_all_its_rows():
    assert len(ROWS) == 6


@pytest.mark.parametrize(("which", "active", "first"), ROWS, ids=lambda cell: cell.replace("/", "."))
def test_the_first_data_directory_is_as_the_table_says(hub, which, active, first):
    prefix = OF[which].removesuffix("/bin")
    variables = SET.get(active, f"CONDA_PREFIX={prefix} CONDA_DEFAULT_ENV={prefix.rpartition('/')[2]}")
    assert json.loads(as_user(hub.machine, f"{variables} {OF[which]}/jupyter --paths --json"))["data"][0] == first.strip("`")


def test_the_rest_of_the_page_is_followed_and_all_that_it_says_may_be_seen_instead(reader, prove):
    before = len(reader.typed)
    reader.follow(PAGE, [REMOVE])
    assert len(reader.typed) == before + 1
    met = reader.meet_all(PAGE, KERNEL_STATES)
    assert not reader.wrong, "\n\n".join(reader.wrong)
    assert met == len(KERNEL_STATES)
    prove(*reader.proof(HUBS[-1].split()[-1], "nginx"))


def test_a_kernel_whose_environment_is_gone_is_listed_and_does_not_start(hub, reader):
    hub.machine.sh(f"{COURSE}/bin/python -m ipykernel install --prefix {VALUES['environment']} --name orphan; mv {COURSE} {COURSE}.gone")
    try:
        assert "orphan" in as_user(hub.machine, f"{BIN}/jupyter kernelspec list")
        with pytest.raises(RuntimeError):
            cells(hub, "bob", "orphan", "1")
        assert f"No such file or directory: '{COURSE}/bin/python'" in hub.log()
    finally:
        hub.machine.sh(f"mv {COURSE}.gone {COURSE}; {BIN}/jupyter kernelspec remove -y orphan")


# These install the hub into the environment, and set up all at once.
NOT_REPLACED = {"/root/jupyterhub/install.sh", "/root/metakernel-hub/setup.sh"}


def test_the_command_of_the_page_finds_each_published_file_that_has_the_path():
    """Of a file that no page of the hub's own machine has, its place is its name in /root."""
    (change,) = re.findall("(?m)^# (grep .*/opt/conda/envs/hub.*)$", TEXT)
    folders = [f"/root/{word}".replace("/root//", "/") for word in change.partition("|")[0].split()[5:]]
    having = {SAVED_AS.get(name, f"/root/{name}") for name in snippets() if VALUES["environment"] in PUBLISHED.read(name)}
    assert len(having) > 15
    missed = {path for path in having if not any(path.startswith(f"{folder}/") for folder in folders)}
    assert missed <= NOT_REPLACED, missed


# A hub in a conda environment


@pytest.fixture(scope="module")
def moved(site):
    """A machine without the virtual environment, on which somebody has followed the steps for the hub itself; and what they typed."""
    with deployment.machine(HUBS[-1], image=conda) as machine, pytest.MonkeyPatch.context() as patch:
        hub = deployment.prepare(machine, HUBS[-1])
        machine.sh("mv /opt/jupyterhub /opt/away")
        patch.setattr(deployment, "PYTHON", f"{HUB}/bin/python")
        reader = following.Reader(machine, following.Pages.examples(site), TABS["nginx"])
        reader.follow(PAGE, [HUB_ITSELF])
        assert not reader.wrong, "\n\n".join(reader.wrong)
        hub.files = Files({UNIT: machine.read(SAVED_AS[UNIT])})
        deployment.start(hub, hub.files)
        yield hub, reader


def test_a_hub_in_a_conda_environment_passes_the_check(moved, prove):
    hub, reader = moved
    kind = PROXIES["nginx"].servers[-2]
    with deployment.in_front(hub, kind, "nginx"):
        rungs = hub.check(url=URL)
    assert [rung["rung"] for rung in rungs if not rung["ok"]] == []
    assert len(rungs) > 6
    # Nothing runs from elsewhere, and no process was activated.
    said = hub.machine.sh(f"for pid in $(pgrep -f {HUB}/bin); do tr '\\0' '\\n' </proc/$pid/environ; done").stdout
    assert f"PATH={HUB}/bin:" in said
    assert "CONDA_PREFIX" not in said
    assert not hub.machine.sh("pgrep -f /opt/jupyterhu[b]", check=False).stdout
    met = reader.meet_all(PAGE, HUB_STATES)
    assert not reader.wrong, "\n\n".join(reader.wrong)
    assert met == len(HUB_STATES)
    prove(*reader.proof(HUBS[-1].split()[-1], "nginx"))


def test_a_broken_package_in_a_home_keeps_a_server_from_starting_but_for_the_variable(moved):
    hub, _ = moved
    packages = "/home/bob/.local/lib/python3.13/site-packages/tornado"
    as_user(hub.machine, f"mkdir -p {packages}; echo 'raise ImportError(\"from home\")' >{packages}/__init__.py", "bob")
    assert hub.check("--until", "server_spawns", user="bob", url=BEHIND)[-1]["ok"]
    config = SAVED_AS["jupyterhub/jupyterhub_config.py"]
    deployment.end(hub)
    hub.machine.sh(f"systemctl stop 'jupyter-*' || true; sed -i.kept /PYTHONNOUSERSITE/d {config}")
    deployment.start(hub, hub.files)
    last = hub.check("--until", "server_spawns", user="bob", url=BEHIND)[-1]
    assert (last["rung"], last["ok"]) == ("server_spawns", False)
    assert "from home" in hub.log()
