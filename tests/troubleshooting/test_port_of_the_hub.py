"""Another program has the hub's own port, behind its proxy: what the entry says of that, and that the hub comes up afterwards."""

import re

import pytest

from tests.harness.machines import deployment
from tests.harness.manifest import NEWEST, PROXIES
from tests.harness.measuring.atlas import ATLAS

FOLDER = ATLAS / "address-already-in-use"
SECTION = (FOLDER / "index.md").read_text("utf-8").partition("## Failed to bind hub\n")[2].partition("\n## ")[0]


def test_another_program_on_the_hubs_own_port_ends_the_hub_with_the_words_of_the_page():
    with deployment.machine(NEWEST) as machine:
        hub = deployment.prepare(machine, NEWEST)
        (port,) = re.findall(r"'sport = :(\d+)'", SECTION)
        machine.sh((FOLDER / "fault.sh").read_text("utf-8").replace("127.0.0.1 800", f"127.0.0.1 {port}"))
        with pytest.raises(RuntimeError) as told:
            deployment.start(hub)
        (words,) = re.findall(r"```text\n(.*?)```", SECTION, re.S)
        lines = words.splitlines()
        assert [line for line in lines if line in str(told.value)] == lines
        assert port in deployment.listening(machine)
        with deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx"):
            (first,) = hub.check("--until", "hub_answers")
            assert "-> 503 " in first["said"]
            assert first["page"] == "troubleshooting/bad-gateway-or-service-unavailable"
            machine.sh((FOLDER / "fix.sh").read_text("utf-8"))
            deployment.start(hub)
            (first,) = hub.check("--until", "hub_answers")
            assert first["ok"], first
