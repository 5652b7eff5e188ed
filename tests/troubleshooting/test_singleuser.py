"""Other reasons why a user's server is not found or ends at once: the words of the entry's table, from a hub that has each fault."""

import re

import pytest

from tests.harness.machines import deployment
from tests.harness.manifest import CONFIG, NEWEST, PUBLISHED, ROOT, Files

PAGE = (ROOT / "troubleshooting/no-such-file-jupyterhub-singleuser/index.md").read_text("utf-8")
COURSE = "/opt/course/bin/jupyterhub-singleuser"
SOON = "c.Spawner.http_timeout = c.Spawner.start_timeout = 12"
NO_PATH = 'c.Spawner.environment = {"PATH": "/usr/bin"}'
# In which row of the table, which of its words come, how the configuration goes on, and what a program at the course's place is.
ROWS = [
    (0, [0], f'c.JupyterHub.spawner_class = "simple"\n{NO_PATH}', ""),
    (0, [1], f"c.SystemdSpawner.extra_paths = []\n{NO_PATH}", ""),
    (1, [0, 1], f'c.Spawner.cmd = ["{COURSE}"]', "#!/opt/course/bin/python3.99"),
    # Of this row, older hubs say the first.
    (2, [1], f'c.Spawner.cmd = ["{COURSE}"]', "#!/usr/bin/python3\nimport jupyterhub"),
]


@pytest.fixture(scope="module")
def machine():
    with deployment.machine(NEWEST) as machine:
        yield machine


@pytest.mark.parametrize(("row", "come", "lines", "program"), ROWS)
def test_the_log_has_the_words_of_the_table(machine, row, come, lines, program):
    files = Files({CONFIG: f"{PUBLISHED.read(CONFIG)}\n{SOON}\n{lines}\n"})
    hub = deployment.prepare(machine, NEWEST, files)
    if program:
        machine.sh(f"chmod 755 {COURSE}", {COURSE: f"{program}\n"})
    deployment.start(hub, files)
    try:
        failed = hub.check("--until", "server_spawns", url=deployment.BEHIND)[-1]
    finally:
        deployment.end(hub)
    assert (failed["rung"], failed["ok"]) == ("server_spawns", False)
    cells = re.findall(r"^\| (`.*) \| .* \|$", PAGE, re.M)
    words = re.findall("`([^`]+)`", cells[row])
    log = hub.log()
    seen = [number for number, one in enumerate(words) if re.search(".*?".join(map(re.escape, one.split("…"))), log)]
    assert seen == come, f"{[words[number] for number in seen]} in\n{log}"


def test_with_packages_of_another_python_the_hub_itself_ends_as_the_page_says(machine):
    hub = deployment.prepare(machine, NEWEST)
    packages = machine.sh("ls --directory /opt/jupyterhub/lib/python3.*").stdout.strip()
    old = "/opt/jupyterhub/lib/python3.9"
    with deployment.made(machine, f"mv {packages} {old}", f"mv {old} {packages}"), pytest.raises(RuntimeError) as told:
        deployment.start(hub)
    (words,) = re.findall(r"`(ModuleNotFoundError: .+?)`", PAGE)
    assert words in str(told.value)
