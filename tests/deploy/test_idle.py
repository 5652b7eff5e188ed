"""Idle kernels, terminals and servers end by the settings that the page on growing names."""

import re

import pytest

from tests.harness.machines import deployment
from tests.harness.manifest import ROOT, VERSIONS

NEWEST = VERSIONS["jupyterhub"][0]
OWN = "/home/mallory/.jupyter/jupyter_server_config.py"
# In place of hours; a server has to live until its kernel has started.
KERNEL, SERVER = 2, 20
# What is looked at every five minutes, or every minute, is looked at every second.
SOONER = """
from tornado import ioloop
class Sooner(ioloop.PeriodicCallback):
    def __init__(self, callback, time, *rest):
        super().__init__(callback, min(time, 1000), *rest)
ioloop.PeriodicCallback = Sooner
c.MappingKernelManager.cull_interval = c.TerminalManager.cull_interval = 1
"""


def settings():
    """The settings of the page, each with a short time."""
    text = (ROOT / "deploy/growing.md").read_text("utf-8")
    names = re.findall(r"^\| `(c\.\w+\.\w+) = \d+` \|", text, re.M)
    return [f"{name} = {SERVER if 'ServerApp' in name else KERNEL}\n" for name in names]


@pytest.mark.parametrize("version", [NEWEST])
def test_what_is_idle_ends_by_the_settings_of_the_page_and_who_comes_back_gets_a_server_anew(hubs, version):
    hub, folder = hubs(version), OWN.rpartition("/")[0]
    hub.machine.sh(f"chown -R mallory: {folder}", {OWN: SOONER + "".join(settings())})
    try:
        told = hub.on_server("idle", deployment.BEHIND, "mallory", str(3 * KERNEL), str(4 * SERVER))
        # Whose notebook is open keeps the kernel, and with it the server.
        assert told == {"there": ["server", "kernels"], "left": []}
        rungs = hub.check("--until", "kernel_listed", user="mallory", url=deployment.BEHIND)
        assert [rung for rung in rungs if not rung["ok"]] == []
    finally:
        hub.machine.sh(f"rm -r {folder}")
