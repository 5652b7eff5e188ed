"""install.sh refuses a package whose file differs from the tested one, and a package without a known hash."""

import hashlib
import io
import re
import zipfile

import pytest

from tests.harness import lock
from tests.harness.machines import install_scripts
from tests.harness.manifest import NEWEST, PUBLISHED, VALUES, VERSIONS
from tests.harness.measuring import syntax

PIP = f"{VALUES['environment']}/bin/pip"
# Of which nothing else has a part.
NAME, MODULE = "uri-template", "uri_template"
LISTED = "/root/jupyterhub/requirements.txt"
FOUND = "/root/found"
# pip finds packages in this folder alone.
HERE = f"[global]\nno-index = true\nfind-links = {FOUND}\n"
pytestmark = pytest.mark.xdist_group("install")


def wheel(release):
    """The bytes of a wheel of the name and the release that are asked for, with other content."""
    made, about = io.BytesIO(), f"{MODULE}-{release}.dist-info"
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(f"{MODULE}.py", "print('not what was tested')\n")
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {release}\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: a\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    return made.getvalue()


@pytest.fixture(scope="module")
def machine():
    with syntax.machine(NEWEST) as machine:
        machine.sh(f"cp -r {VALUES['environment']}/lib/python3*/site-packages/{MODULE}* /var/tmp")
        yield machine


@pytest.fixture
def installed(machine):
    """`installed(list)`: what install.sh says and whether it ended well, run with a list of packages where one is offered by a stranger."""
    release = lock.pins(lock.PUBLISHED)[NAME]
    offered = wheel(release)

    def run(text):
        machine.sh(f"{PIP} uninstall --yes --quiet {NAME}", {f"{FOUND}/{MODULE}-{release}-py3-none-any.whl": offered})
        machine.put({LISTED: text, "/etc/pip.conf": HERE})
        done, _ = install_scripts.run(machine, "jupyterhub", {"apt-get", "python3", "npm"})
        there = machine.sh(f"{PIP} list --format freeze | grep -c ^{NAME}", check=False).stdout.strip()
        return done, there == "1"

    yield run, hashlib.sha256(offered).hexdigest()
    machine.sh("rm -f /etc/pip.conf")


def test_a_file_that_differs_from_the_tested_one_is_refused(installed):
    run, _ = installed
    done, there = run(PUBLISHED.read("jupyterhub/requirements.txt"))
    assert done.returncode
    assert "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE" in done.stderr
    assert not there


def test_a_file_is_installed_if_its_sum_is_on_the_list(installed):
    """Control: the stranger's file is one that pip would take."""
    run, digest = installed
    text = re.sub(
        rf"(?m)(^{NAME}==\S+ \\\n)( +--hash=\S+( \\\n)?)+",
        rf"\g<1>    --hash=sha256:{digest}\n",
        PUBLISHED.read("jupyterhub/requirements.txt"),
    )
    done, there = run(text)
    assert (done.returncode, there) == (0, True), done.stderr


def test_a_list_without_sums_is_refused(installed):
    run, _ = installed
    bare = re.sub(r" \\\n +--hash=\S+", "", PUBLISHED.read("jupyterhub/requirements.txt"))
    assert "--hash" not in bare
    done, there = run(bare)
    assert done.returncode
    assert "Hashes are required in --require-hashes mode" in done.stderr
    assert not there


@pytest.mark.parametrize("version", [*VERSIONS["jupyterhub"]])
def test_a_hub_has_the_releases_of_its_list_and_no_other(idle, version):
    """Beside the kernel's own package, and what makes it."""
    listed = {name.lower().replace("_", "-"): release for name, release in lock.pins(lock.hub(version)).items()}
    rows = idle(version).sh(f"{PIP} list --format freeze").stdout.split()
    there = {name.lower().replace("_", "-").replace(".", "-"): release for name, _, release in (row.partition("==") for row in rows)}
    own = {VALUES["kernel"].replace("_", "-"), "pip", "setuptools", "wheel"}
    assert {name: release for name, release in there.items() if release not in listed.get(name, "").split(" or ") and name not in own} == {}


def test_a_list_names_what_is_asked_for_and_no_address():
    asked = dict(re.findall(r"(?m)^([\w-]+)==(\S+)", lock.ASKED.read_text("utf-8")))
    assert len(asked) > 4
    for version in VERSIONS["jupyterhub"]:
        text = lock.hub(version).read_text("utf-8")
        assert (asked | {"jupyterhub": version}).items() <= lock.pins(lock.hub(version)).items()
        assert "://" not in text
        pins = re.findall(r"(?m)^\S+==\S+", text)
        assert len(re.findall(r"(?m)^\S+==[^\n]*\\\n +--hash=sha256:[0-9a-f]{64}", text)) == len(pins) > 80
