"""Every step of the check (in code, a rung of the ladder), from the hub's first answer to an upload, by every proxy and JupyterHub."""

import pytest

from tests.harness.manifest import EVERY_PROXY, FURTHER_PROXIES, HUBS, PROXIES, VALUES, VERSIONS
from tests.harness.measuring.ladder import LADDER, climb
from tests.harness.pairs import WHOLE, marks, pairs

SERVERS = [(proxy.name, kind) for proxy in EVERY_PROXY.values() for kind in proxy.servers]
NEWEST = [(proxy.name, proxy.servers[-1]) for proxy in EVERY_PROXY.values()]


# Each JupyterHub behind each server; on each further Debian as the hub's own, behind the newest server of each proxy. Of a further
# proxy, its newest server runs every time, with one JupyterHub.
CLIMBS = [(*server, hub) for server in SERVERS for hub in HUBS if hub in VERSIONS["jupyterhub"] or server in NEWEST]
FURTHER = [row for row in CLIMBS if row[0] in FURTHER_PROXIES]
ROWS = [
    *pairs([row for row in CLIMBS if row not in FURTHER]),
    *(pytest.param(*row, marks=[] if row[:2] in NEWEST and row[2] == HUBS[0] else marks(row[0])) for row in FURTHER),
]

# Those that are climbed in whole every time: each JupyterHub behind one proxy, and the newest behind both. Once a week all are.
THOROUGH = {*((next(iter(PROXIES)), hub) for hub in HUBS), *((proxy, HUBS[0]) for proxy in PROXIES)}


@pytest.mark.parametrize(("proxy", "kind", "version"), ROWS)
def test_a_user_climbs_the_ladder(hubs, prove, version, proxy, kind):
    """The whole of it on the newest release of each proxy; on older ones with a server that runs already, and less to upload."""
    whole = (proxy, kind) in NEWEST and (WHOLE or (proxy, version) in THOROUGH)
    options, user = (("--idle", "6"), "alice") if whole else (("--keep-server", "--megabytes", "2"), "bob")
    rungs = climb(hubs(version), proxy, kind, *options, extra=EVERY_PROXY[proxy].impatient, user=user)
    assert rungs[-1]["ok"], rungs[-1]["told"]
    assert [rung["rung"] for rung in rungs] == LADDER
    prove(rungs[-1]["proof"])


@pytest.mark.parametrize("version", VERSIONS["jupyterhub"][:1])
@pytest.mark.parametrize(("proxy", "kind"), NEWEST)
def test_another_port_than_443_works(hubs, version, proxy, kind):
    files, extra = EVERY_PROXY[proxy].changed("port"), EVERY_PROXY[proxy].extra.get("port", {})
    url = f"https://{VALUES['host']}:8443{VALUES['base_url']}"
    rungs = climb(hubs(version), proxy, kind, "--keep-server", "--megabytes", "1", files=files, extra=extra, user="bob", url=url)
    assert rungs[-1]["ok"], rungs[-1]["told"]


@pytest.mark.parametrize("version", VERSIONS["jupyterhub"])
def test_only_members_of_the_group_log_in(hubs, version):
    last = climb(hubs(version), *NEWEST[0], user="carol")[-1]
    assert (last["rung"], last["ok"]) == ("login_works", False)
    assert "POST /jupyter/hub/login -> 403: Invalid username or password" in last["said"]


@pytest.mark.parametrize("version", VERSIONS["jupyterhub"])
def test_the_hub_listens_on_loopback_alone(hubs, version):
    listening = "\n".join(
        line for line in hubs(version).machine.sh("cat /proc/net/tcp /proc/net/tcp6").stdout.splitlines() if line.split()[3] == "0A"
    )
    # The kernel writes 127.0.0.1:800 as 0100007F:0320.
    ports = {line.split()[1] for line in listening.splitlines()}
    assert {address for address in ports if address.endswith(":0320")} == {"0100007F:0320"}, listening
