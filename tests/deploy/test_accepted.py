"""Every server accepts every snippet as it is published, without a warning."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.harness.manifest import HUBS, MANIFEST, PROXIES, SAVED_AS, SNIPPETS, VALUES, VERSIONS, snippets
from tests.harness.measuring import evidence
from tests.harness.measuring.syntax import newest

PROXY_SERVERS = [(proxy.name, kind) for proxy in PROXIES.values() for kind in newest(proxy.servers)]


@pytest.fixture
def accepted(verdicts, prove):
    def accepted(what, machine):
        if isinstance(verdict := verdicts[what, machine], Exception):
            raise verdict
        prove(*verdict)

    return accepted


@pytest.mark.parametrize(("proxy", "kind"), PROXY_SERVERS)
def test_the_proxy_accepts_its_site(accepted, proxy, kind):
    accepted(proxy, kind)


@pytest.mark.parametrize("suite", newest(VERSIONS["debian"]))
def test_systemd_accepts_the_unit(accepted, suite):
    accepted("systemd", suite)


@pytest.mark.parametrize("hub", newest(HUBS))
def test_jupyter_knows_every_option(accepted, hub):
    accepted("python", hub)


def test_the_shell_accepts_every_script(prove):
    shellcheck, scripts = Path(sys.executable).with_name("shellcheck"), [name for name in snippets() if name.endswith(".sh")]
    done = subprocess.run([shellcheck, *scripts], cwd=SNIPPETS, capture_output=True, text=True)
    assert not done.returncode, done.stdout
    version = subprocess.run([shellcheck, "--version"], capture_output=True, text=True).stdout
    prove(evidence.row("accepted", "shellcheck", re.search(r"version: (\S+)", version)[1], scripts))


def test_the_kernel_is_a_package():
    project = tomllib.loads((SNIPPETS / "kernel/my_kernel/pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == VALUES["kernel"]


def test_the_manifest_names_files_that_exist():
    assert not set(SAVED_AS) - set(snippets())


def test_the_manifest_and_the_published_pins_agree():
    pins = (SNIPPETS / "jupyterhub/requirements.txt").read_text("utf-8").split()
    assert f"jupyterhub=={MANIFEST['versions']['jupyterhub'][0]}" in pins
