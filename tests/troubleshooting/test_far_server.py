"""A user's server on another machine than the hub's, as containers have it: what is seen where it does not reach the hub, and the cure."""

import concurrent.futures
import contextlib
import json
import re
import shlex

import pytest

from snippets.check import hubcheck
from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import CONFIG, NEWEST, PROXIES, PUBLISHED, ROOT, VALUES

PORT = 8888
HUB = 'c.JupyterHub.hub_bind_url = f"{scheme}://127.0.0.1:881"'
# Instead of systemd, somebody reads from the hub's log what a server needs, and starts it elsewhere.
SPAWNER = """
import json
from jupyterhub.spawner import Spawner

class Elsewhere(Spawner):
    async def start(self):
        self.log.warning("STARTS " + json.dumps(self.get_env()))
        return "{address}", {port}

    async def poll(self):
        return None

    async def stop(self, now=False):
        pass

c.JupyterHub.spawner_class = Elsewhere
"""
STARTS = r"STARTS (\{.*\})"
PAGE = "troubleshooting/server-did-not-respond-in-time"


def climbed(hub, far):
    """What the check sees of a server that is started on the other machine, and that server's own log."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        check = pool.submit(hub.check, "--keep-server", "--until", "kernel_computes", "--spawn-timeout", "60")
        told = engine.wait(lambda: re.search(STARTS, hub.log())[1], timeout=40, every=0.5)
        variables = {name: value for name, value in json.loads(told).items() if name.startswith(("JUPYTERHUB", "JPY"))}
        variables |= {"HOME": "/home/alice", "PATH": f"{VALUES['environment']}/bin:/usr/bin:/bin"}
        # That it listens on all addresses, the variable for its own says.
        variables["JUPYTERHUB_SERVICE_URL"] = f"http://0.0.0.0:{PORT}{VALUES['base_url']}user/alice/"
        line = f"cd /home/alice && exec env -i {shlex.join(f'{name}={value}' for name, value in variables.items())} jupyterhub-singleuser"
        far.sh(f"({line}) >/tmp/far.log 2>&1 &", user="alice")
        return check.result(), far.sh("cat /tmp/far.log").stdout


@pytest.fixture(scope="module")
def seen():
    """By whether the hub names an address that the other machine reaches: what the check saw, and the server's log."""
    seen = {}
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        for cured in (False, True):
            with engine.run(images.hub(NEWEST).tag, network=network) as far:
                spawner = SPAWNER.format(address=far.address(), port=PORT)
                files = PUBLISHED.replace(CONFIG, "c = get_config()", f"c = get_config()\n{spawner}").replace(
                    CONFIG, "c.JupyterHub.spawner_class = UnitSpawner"
                )
                if cured:
                    lines = 'c.JupyterHub.hub_bind_url = "http://0.0.0.0:881"\nc.JupyterHub.hub_connect_url = f"http://{os.uname().nodename}:881"'
                    files = files.replace(CONFIG, HUB, lines)
                with deployment.hub(NEWEST, files, network) as hub, deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx", files):
                    far.sh(f"echo {hub.machine.address()} {VALUES['host']} >>/etc/hosts")
                    seen[cured] = climbed(hub, far)
    return seen


def test_the_servers_log_says_that_it_does_not_reach_the_hub(seen):
    assert "Failed to connect to my Hub at http://127.0.0.1:881/jupyter/hub/api (attempt 1/5). Is it running?" in seen[False][1]


def test_the_check_names_that_among_the_causes_and_the_page_has_the_words(seen):
    last = seen[False][0][-1]
    assert (last["rung"], last["ok"], last["certainty"], last["page"]) == ("server_spawns", False, "one of these", PAGE), last
    assert re.search(rf"Server at http://[\d.]+:{PORT}/jupyter/user/alice/api didn't respond in \d+ seconds", last["said"])
    assert "(1) The user's server runs on another machine or in a container, and does not reach the hub" in last["cause"]
    assert "Failed to connect to my Hub" in last["decide"]
    assert "Failed to connect to my Hub" in (ROOT / PAGE / "index.md").read_text("utf-8")


def test_where_the_hub_has_an_address_for_it_a_kernel_computes(seen):
    last = seen[True][0][-1]
    assert (last["rung"], last["ok"]) == ("kernel_computes", True), (last, seen[True][1][-2000:])


def test_the_log_leads_to_the_page_about_other_machines(seen):
    table = hubcheck.known()
    pages = [page for rows in hubcheck.answers(hubcheck.found([seen[False][1]], table), table) for page, _, _ in rows]
    assert pages == ["deploy/growing#2-move-the-users-servers"]
