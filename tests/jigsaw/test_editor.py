"""The editor's install step: one release of Blockly everywhere, its checksum verified, no network needed, safe to run twice."""

import re

import pytest

from tests.harness.machines import deployment
from tests.harness.manifest import PUBLISHED, VALUES, VERSIONS

INSTALL = "cd /root/jigsaw && sh install.sh"
SHARE = f"{VALUES['environment']}/share/jigsaw"

every_hub = pytest.mark.parametrize("version", VERSIONS["jupyterhub"])


@pytest.fixture
def machine(idle, version):
    """A hub's machine: it reaches no network, and Blockly's package lies beside install.sh."""
    return idle(version)


@every_hub
def test_without_a_network_the_package_beside_the_script_is_enough(machine, version):
    machine.sh(f"rm -r {SHARE}")
    done = machine.sh(INSTALL)
    assert done.stdout == f"installed the block editor into {SHARE}\n"
    listed = machine.sh(f"cd {SHARE} && find . -maxdepth 3 -name '*.*' -type f | sort && stat -c %A . static/blockly/media").stdout.split()
    assert listed == [
        "./Python.html",
        "./listener.js",
        "./static/blockly/blockly.min.js",
        "./static/blockly/python_compressed.js",
        "drwxr-xr-x",
        "drwxr-xr-x",
    ]
    # A second time changes nothing and fails at nothing.
    before = machine.sh(f"cd {SHARE} && find . -type f | sort | xargs sha256sum").stdout
    machine.sh(INSTALL)
    assert machine.sh(f"cd {SHARE} && find . -type f | sort | xargs sha256sum").stdout == before


@every_hub
def test_another_blockly_is_refused_and_nothing_is_installed(machine, version):
    package = f"blockly-{VERSIONS['blockly']}.tgz"
    machine.sh(f"rm -rf /root/other && cp -r /root/jigsaw /root/other && cd /root/other && printf x >>{package} && date >Python.html")
    before = machine.sh(f"sha256sum {SHARE}/Python.html {SHARE}/static/blockly/blockly.min.js").stdout
    done = machine.sh("cd /root/other && sh install.sh", check=False)
    assert done.returncode
    assert f"{package}: FAILED" in done.stdout + done.stderr
    assert machine.sh(f"sha256sum {SHARE}/Python.html {SHARE}/static/blockly/blockly.min.js").stdout == before


@every_hub
def test_without_network_and_package_it_fails_in_words(machine, version):
    machine.sh("rm -rf /root/bare && cp -r /root/jigsaw /root/bare && rm /root/bare/*.tgz")
    done = machine.sh("cd /root/bare && npm_config_fetch_retries=0 sh install.sh", check=False)
    assert done.returncode
    assert "installed" not in done.stdout
    assert re.search("npm error", done.stderr), done.stderr


@every_hub
def test_every_kernel_of_the_environment_has_it(machine, version):
    """Not only the guide's: MetaKernel looks for a module of that name, and finds the environment's before its own."""
    asked = "from metakernel import MetaKernel; print(MetaKernel().get_help_on('%jigsaw', 1))"
    said = machine.sh(f'HOME=/home/alice {deployment.PYTHON} -c "{asked}"', user="alice").stdout
    assert said.strip() == PUBLISHED.read("jigsaw/jigsaw_magic.py").strip()


def test_every_file_names_the_same_release():
    for name in ("install.sh", "Python.html"):
        releases = set(re.findall(r"blockly[-@](\d[\d.]*\d)|\?v=(\d[\d.]*\d)", PUBLISHED.read(f"jigsaw/{name}")))
        assert {a or b for a, b in releases} == {VERSIONS["blockly"]}, name
