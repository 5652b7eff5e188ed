"""The install step of the editor: one release of Blockly everywhere, its checksum verified, no network needed, safe to run twice."""

import json
import re

import pytest

from tests.harness.machines import deployment
from tests.harness.manifest import NEWEST, PUBLISHED, VALUES, VERSIONS

# Under a umask that keeps new files from others.
INSTALL = "cd /root/jigsaw && umask 077 && sh install.sh"
SHARE = f"{VALUES['environment']}/share/jigsaw"
PACKAGE = f"blockly-{VERSIONS['blockly']}.tgz"

every_hub = pytest.mark.parametrize("version", VERSIONS["jupyterhub"])


@pytest.fixture
def machine(idle, version):
    """A hub's machine: it reaches no network, and Blockly's package lies beside install.sh."""
    return idle(version)


@every_hub
def test_without_a_network_the_package_beside_the_script_is_enough(machine, version):
    magic = machine.sh("find /opt/jupyterhub/lib -name jigsaw_magic.py -path '*/site-packages/jigsaw_magic.py'").stdout.strip()
    machine.sh(f"rm -r {SHARE} {magic}")
    done = machine.sh(INSTALL)
    assert done.stdout == f"installed the block editor into {SHARE}\n"
    listed = machine.sh(f"cd {SHARE} && find . -maxdepth 3 -type f | sort").stdout.split()
    assert listed == [
        "./Python.html",
        "./listener.js",
        "./static/blockly/LICENSE",
        "./static/blockly/blockly.min.js",
        "./static/blockly/python_compressed.js",
    ]
    kinds = machine.sh(f"find {SHARE} {magic} -printf '%y %m %u %g\n' | sort --unique").stdout.splitlines()
    assert kinds == ["d 755 root root", "f 644 root root"]
    # A second time changes nothing and fails at nothing.
    before = machine.sh(f"cd {SHARE} && find . -type f | sort | xargs sha256sum").stdout
    machine.sh(INSTALL)
    assert machine.sh(f"cd {SHARE} && find . -type f | sort | xargs sha256sum").stdout == before


@every_hub
def test_another_blockly_is_refused_and_nothing_is_installed(machine, version):
    machine.sh(f"rm -rf /root/other && cp -r /root/jigsaw /root/other && cd /root/other && printf x >>{PACKAGE} && date >Python.html")
    before = machine.sh(f"sha256sum {SHARE}/Python.html {SHARE}/static/blockly/blockly.min.js").stdout
    done = machine.sh("cd /root/other && sh install.sh", check=False)
    assert done.returncode
    assert f"{PACKAGE}: FAILED" in done.stdout + done.stderr
    assert machine.sh(f"sha256sum {SHARE}/Python.html {SHARE}/static/blockly/blockly.min.js").stdout == before


@every_hub
def test_without_network_and_package_it_fails_in_words(machine, version):
    machine.sh("rm -rf /root/bare && cp -r /root/jigsaw /root/bare && rm /root/bare/*.tgz")
    done = machine.sh("cd /root/bare && npm_config_fetch_retries=0 sh install.sh", check=False)
    assert done.returncode
    assert "installed" not in done.stdout
    assert re.search("npm error", done.stderr), done.stderr


# What npm asks of a registry, and what it gets from this one, which has one package.
REGISTRY = "http://127.0.0.1:4873"
KNOWN = {"name": "blockly", "versions": {VERSIONS["blockly"]: {"name": "blockly", "version": VERSIONS["blockly"]}}}
KNOWN["versions"][VERSIONS["blockly"]]["dist"] = {"tarball": f"{REGISTRY}/{PACKAGE}"}


@pytest.fixture
def with_npm(idle):
    """A machine whose npm reaches a registry, with install.sh in /root/bare and no package beside it; and the command of its reader."""
    machine = idle(NEWEST)
    serve = (
        f"{deployment.PYTHON} -m http.server --bind 127.0.0.1 --directory /root/registry 4873 >/dev/null 2>&1 & echo $! >/root/registry.pid"
    )
    bare = "rm -rf /root/bare && cp -r /root/jigsaw /root/bare && rm -r /root/bare/*.tgz /root/bare/download"
    # Python takes no module of the folder in which the script is run.
    bare += " && echo 'raise SystemExit(1)' >/root/bare/sysconfig.py"
    machine.sh(f"cp /root/jigsaw/{PACKAGE} /root/registry; {bare}; {serve}", {"/root/registry/blockly": json.dumps(KNOWN)})
    try:
        machine.until(f"{deployment.PYTHON} -c \"import urllib.request as r; r.urlopen('{REGISTRY}/blockly')\"", timeout=10)
        yield machine, f"cd /root/bare && npm_config_registry={REGISTRY} sh install.sh"
    finally:
        machine.sh("kill $(cat /root/registry.pid)")


def test_with_npm_it_gets_the_package_by_itself_and_says_no_more_than_that_it_is_done(with_npm):
    machine, install = with_npm
    done = machine.sh(install)
    assert (done.stdout, done.stderr) == (f"installed the block editor into {SHARE}\n", "")


def test_a_package_that_was_cut_off_while_it_was_written_is_fetched_again(with_npm):
    """By a limit on the size of files, since npm writes it in an instant; npm has it in its cache, whose files are as large."""
    machine, install = with_npm
    half = int(machine.sh(f"{install} >/dev/null; stat --format %s {PACKAGE}; rm {PACKAGE}").stdout) // 2
    cut = machine.sh(f"ulimit -f {half // 512}; {install}", check=False)
    assert cut.returncode
    left = machine.sh(f"find /root/bare -name {PACKAGE} -printf '%s\n'").stdout.split()
    assert [0 < int(size) <= half for size in left] == [True]
    done = machine.sh(install, check=False)
    assert (done.returncode, done.stdout) == (0, f"installed the block editor into {SHARE}\n"), done.stdout + done.stderr


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
