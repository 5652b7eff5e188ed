"""What the published files gain in speed: each beside the same without its lines, in one run."""

import pytest

from tests.harness import bench
from tests.harness.deployment import URL
from tests.harness.manifest import PUBLISHED, VALUES, VERSIONS

NEWEST = VERSIONS["jupyterhub"][0]
newest = pytest.mark.parametrize("version", [NEWEST])


# Of Apache the line of scripts: Debian's own list, with scripts in it, is in force where the site has none at all.
UNCOMPRESSED = {
    "nginx": {"files": PUBLISHED.replace("nginx/jupyterhub.conf", "gzip_types", "")},
    "apache": {"files": PUBLISHED.replace("apache/jupyterhub.conf", "DEFLATE text/html", "")},
}


# A user's own file comes after the published one.
OWN = "/home/mallory/.jupyter/jupyter_server_config.py"


@newest
def test_no_answer_waits_for_an_acknowledgement_and_no_load_for_a_check_of_the_build(front, version):
    front.machine.exec("sh", "-c", f"mkdir -p ~/.jupyter && cat >{OWN}", user="mallory", input=bench.DEFAULTS)
    try:
        ours, without = front.inside("late", URL, "bob", "mallory")
    finally:
        front.machine.sh(f"rm {OWN}")
    # Other tests share the processor, so that one answer or another is late for another reason.
    assert ours["late"] <= 1 / 3, f"{ours['late']:.0%} of the answers come late"
    assert without["late"] >= 0.5, f"without the class no more than {without['late']:.0%} of the answers come late"
    assert not ours["builds"], "snippets/jupyter/jupyter_server_config.py: JupyterLab asks whether it has to be built anew"
    assert without["builds"], "JupyterLab asks by itself no more whether it has to be built anew"


def weigh(hub):
    """JupyterLab's largest scripts: bytes on the line, for each byte on the disk."""
    line, disk = hub.inside("weigh", URL, f"{VALUES['environment']}/share/jupyter/lab/static")
    assert disk > 3_000_000, "JupyterLab's scripts are elsewhere"
    return line / disk


@newest
def test_scripts_arrive_a_third_as_large(front, version):
    assert weigh(front) <= 1 / 3


@newest
@pytest.mark.parametrize("front", UNCOMPRESSED.items(), ids=UNCOMPRESSED, indirect=True)
def test_without_compression_they_arrive_as_they_are(front, version):
    assert weigh(front) > 0.99
