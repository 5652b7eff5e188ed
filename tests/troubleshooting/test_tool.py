"""hubcheck where users run it: on each Python version, by each way to start it, and as an action in a GitHub workflow."""

import contextlib
import json
import re
import shlex

import pytest
import yaml

from tests.harness.machines import deployment, engine, images
from tests.harness.machines.deployment import CHECK
from tests.harness.manifest import NEWEST, PROXIES, SNIPPETS, VALUES
from tests.harness.measuring.ladder import LADDER

URL = f"https://{VALUES['host']}{VALUES['base_url']}"
ACTION = yaml.safe_load((SNIPPETS / "workflow/action.yml").read_text("utf-8"))
# By Python, the machine that it is on, and the release of Debian that has it.
PYTHONS = {"3.9": ("bookworm", "bullseye"), "3.11": ("bookworm", "bookworm"), "3.13": ("trixie", "trixie"), "3.14": ("trixie", "forky")}
PACKAGES = "export DEBIAN_FRONTEND=noninteractive; apt-get install --yes --no-install-recommends"


def install(machine, own):
    """Put the Pythons of a machine onto it, and uv and pipx."""
    machine.sh(f"apt-get update; {PACKAGES} python3-venv ca-certificates; python3 -m venv /opt/tools", timeout=300)
    machine.sh("/opt/tools/bin/pip install --quiet uv pipx", timeout=300)
    for version, (there, suite) in PYTHONS.items():
        if there == own:
            source = f"sed '/updates/d; /security/d; s/{own}/{suite}/' /etc/apt/sources.list >/etc/apt/sources.list.d/{suite}.list"
            machine.sh(f"{source}; apt-get update; {PACKAGES} python{version}", timeout=300)


@pytest.fixture(scope="module")
def away():
    """Machines of somebody else, from which a hub behind nginx is reached: ({Debian release: machine}, the token of a user of that hub)."""
    with engine.network() as network, deployment.hub(NEWEST, network=network) as hub, contextlib.ExitStack() as stack:
        nginx = PROXIES["nginx"]
        stack.enter_context(deployment.in_front(hub, nginx.servers[-1], "nginx"))
        known = engine.known({VALUES["host"]: hub.machine.address()})
        files = {"hubcheck.py": (SNIPPETS / "check/hubcheck.py").read_text("utf-8"), "ca.pem": deployment.authority().cert_pem.bytes()}
        machines = {}
        for suite in {there for there, _ in PYTHONS.values()}:
            machines[suite] = machine = stack.enter_context(engine.run(images.BASE.format(suite), network=network, options=known))
            install(machine, suite)
            machine.put({f"{CHECK}/{name}": held for name, held in files.items()})
        yield machines, hub.on_server("token", deployment.BEHIND, "bob")


def climbed(away, suite, *command):
    """The rungs that hold when a user's token climbs, started by a command on one of the machines; or what is said instead."""
    machine, token = away[0][suite], away[1]
    line = shlex.join([*command, URL, "--ca-file", f"{CHECK}/ca.pem", "--megabytes", "1", "--json"])
    done = machine.sh(f"cd {CHECK} && PATH=/opt/tools/bin:$PATH HUBCHECK_TOKEN={token} {line}", check=False, timeout=300)
    return [rung["rung"] for rung in json.loads(done.stdout)["rungs"] if rung["ok"]] if done.stdout.startswith("{") else done.stderr


@pytest.mark.parametrize("version", PYTHONS)
def test_it_climbs_on_each_python_that_debian_has(away, version):
    suite, folder = PYTHONS[version][0], f"/opt/{version}"
    pip = f"/opt/tools/bin/pip install --quiet --target {folder} --python-version {version} --only-binary :all:"
    away[0][suite].sh(f"{pip} requests websocket-client", timeout=300)
    assert climbed(away, suite, "env", f"PYTHONPATH={folder}", f"/usr/bin/python{version}", "hubcheck.py") == list(LADDER)


@pytest.mark.parametrize("starts", ["uv run --quiet --no-project", "pipx run"])
def test_it_climbs_by_what_fetches_its_packages(away, starts):
    assert climbed(away, "trixie", *starts.split(), "hubcheck.py") == list(LADDER)


def acted(away, **inputs):
    """What the action's steps do on a runner, which writes the inputs where the action names them."""
    machine = away[0]["trixie"]
    given = {name: about.get("default", "") for name, about in ACTION["inputs"].items()} | inputs
    (step,) = ACTION["runs"]["steps"]
    named = {name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: given[found[1]], text) for name, text in step["env"].items()}
    machine.put({"/root/step.sh": step["run"]})
    variables = shlex.join(f"{name}={text}" for name, text in ({"GITHUB_ACTION_PATH": CHECK} | named).items())
    # As a runner starts a step of bash.
    return machine.sh(
        f"cd /tmp && PATH=/opt/tools/bin:$PATH env {variables} bash --noprofile --norc -eo pipefail /root/step.sh", check=False, timeout=300
    )


def test_the_action_fails_a_workflow_where_a_user_cannot_work_and_where_it_is_used_wrongly(away):
    options = f"--ca-file\n{CHECK}/ca.pem\n--megabytes\n1"
    outside = acted(away, url=URL, options=options)
    assert outside.returncode == 0, outside.stdout + outside.stderr
    assert "✓ blocks_shown" in outside.stdout
    inside = acted(away, url=URL, token=away[1], options=options)
    assert inside.returncode == 0, inside.stdout + inside.stderr
    assert "✓ kernel_computes" in inside.stdout
    assert acted(away, url=URL).returncode == 1, "nobody has signed the certificate"
    assert acted(away, url="hub.example.com").returncode == 2
    strange = acted(away, url=URL, options="--until\n$(touch /tmp/ran)\n")
    assert strange.returncode == 2
    assert away[0]["trixie"].sh("ls /tmp/ran", check=False).returncode
