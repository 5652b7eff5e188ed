"""A user's server with another version than the hub: what the hub's log and the check say, and whether it still works."""

import base64
import re

import pytest

from snippets.check import hubcheck
from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import CONFIG, NEWEST, PUBLISHED, ROOT, VERSIONS, Files

OLDER = VERSIONS["jupyterhub"][-1]
PAGE = (ROOT / "deploy/faults.md").read_text("utf-8")
HOLDS = "cd /opt/jupyterhub/lib/python3*/site-packages && tar --create --gzip jupyterhub jupyterhub-*.dist-info | base64"
# Where servers find a JupyterHub before the hub's own.
PLACE = "/opt/older"
OWN = "/opt/jupyterhub/bin/python -c 'import site; print(site.ENABLE_USER_SITE)'"


@pytest.fixture(scope="module")
def seen():
    """What a check says of a server with an older JupyterHub, the hub's log, and whether users' own packages count: (rungs, log, words)."""
    files = Files({CONFIG: f"{PUBLISHED.read(CONFIG)}\nc.Spawner.environment = {{'PYTHONPATH': '{PLACE}'}}\n"})
    images.prepare(wanted=[images.hub(OLDER)])
    with engine.run(images.hub(OLDER).tag) as machine:
        package = base64.b64decode(machine.sh(HOLDS).stdout)
    with deployment.hub(NEWEST, files) as hub, deployment.in_front(hub, "trixie", "nginx"):
        hub.machine.sh(
            f"mkdir {PLACE} && tar --extract --gzip --file /root/older.tar.gz --directory {PLACE}", {"/root/older.tar.gz": package}
        )
        return hub.check("--until", "kernel_computes"), hub.log(), hub.machine.sh(OWN).stdout.strip()


def test_a_server_of_an_older_version_lets_its_user_in_and_computes(seen):
    rungs = seen[0]
    assert (rungs[-1]["rung"], rungs[-1]["ok"]) == ("kernel_computes", True), rungs[-1]


def test_the_check_names_both_versions(seen):
    (spawned,) = [rung for rung in seen[0] if rung["rung"] == "server_spawns"]
    assert f"the user's server has JupyterHub {OLDER}, the hub {NEWEST}" in spawned["evidence"]


def test_the_hubs_log_leads_to_the_page_about_other_versions(seen):
    assert re.search(rf"jupyterhub version {NEWEST} != jupyterhub-singleuser version {OLDER}\.", seen[1])
    table = hubcheck.known()
    first, *more = hubcheck.answers(hubcheck.found([seen[1]], table), table)
    assert ([page for page, _, _ in first], more) == (["deploy/faults#another-version-of-jupyterhub"], [])


SAYS = """
import logging, sys
from jupyterhub._version import _check_version
logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
for server in sys.argv[2:]:
    _check_version(sys.argv[1], server, logging.getLogger())
"""


def test_the_hub_says_so_once_and_only_if_the_first_numbers_differ(idle):
    """As the page about other versions says, with its example."""
    older, newer = re.search(r"their first numbers differ, as in ([\d.]+) and ([\d.]+),", PAGE).groups()
    assert (older, newer) == (OLDER, NEWEST)
    near = f"{NEWEST.split('.')[0]}.0.0"
    said = idle(NEWEST).exec("/opt/jupyterhub/bin/python", "-c", SAYS, NEWEST, near, OLDER, NEWEST, OLDER).stdout.splitlines()
    assert [line.split(". ")[0] for line in said] == [f"jupyterhub version {NEWEST} != jupyterhub-singleuser version {OLDER}"]


def test_what_users_install_for_themselves_is_no_other_version(seen):
    assert seen[2] == "False"
