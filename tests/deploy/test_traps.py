"""Traps of the further reverse proxies: what becomes of users without the line that keeps them out of it, and where a program begins it."""

import json
import time

import pytest

from tests.harness.machines import deployment, faults
from tests.harness.machines.deployment import PYTHON, URL
from tests.harness.manifest import EVERY_PROXY, NEWEST, PUBLISHED, VALUES, Files

SITE, RELOADED = "caddy/jupyterhub.caddyfile", {"variable": True, "websocket": True, "login": True, "file": True}


def front(hub, proxy, *changes, suite="", **more):
    """A reverse proxy with the published files, of which some lines are others: (file, in the line, what comes instead)."""
    files = PUBLISHED
    for change in changes:
        files = files.replace(*change)
    return deployment.in_front(hub, suite or EVERY_PROXY[proxy].servers[-1], proxy, files, **more)


# By whoever has a terminal on the hub's machine: a site of their own, for Caddy's default address.
TAKE_OVER = """
import json, sys, urllib.request
host, site = sys.argv[1], sys.argv[2]
asked = urllib.request.Request("http://127.0.0.1:2019/load", site.encode(), {"Content-Type": "text/caddyfile"})
try:
    said = urllib.request.urlopen(asked, timeout=10).status
except OSError as error:
    said = str(error)
print(json.dumps([said, urllib.request.urlopen(f"http://{host}/mine", timeout=10).read().decode()[:20] if said == 200 else ""]))
"""
MALLORYS = f'http://{VALUES["host"]} {{\n\trespond "mallory was here"\n}}\n'
ADMIN = (SITE, "admin unix//run/caddy/admin.sock", "")
# The same by the socket that the file names.
BY_SOCKET = "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(q(/run/caddy/admin.sock)) or print $!'"


@pytest.mark.parametrize("suite", EVERY_PROXY["caddy"].servers)
@pytest.mark.parametrize("open_to_all", [True, False], ids=["as Caddy has it", "published"])
def test_who_has_a_terminal_tells_caddy_to_serve_a_site_of_their_own(hubs, suite, open_to_all):
    hub = hubs(NEWEST)
    with front(hub, "caddy", *([ADMIN] if open_to_all else []), suite=suite) as machine:
        said = hub.machine.exec(PYTHON, "-c", TAKE_OVER, VALUES["host"], MALLORYS, user="mallory").stdout
        by_socket = machine.sh(BY_SOCKET, user="nobody").stdout
    status, page = json.loads(said)
    if open_to_all:
        assert (status, page) == (200, "mallory was here")
    else:
        assert "Connection refused" in status
        assert by_socket == "Permission denied"


@pytest.mark.parametrize("lived", [False, True], ids=["as Caddy has it", "published"])
def test_caddys_reload_cuts_websockets(hubs, lived):
    hub = hubs(NEWEST)
    with front(hub, "caddy", *([] if lived else [(SITE, "stream_close_delay", "")])) as machine, faults.watching(hub) as told:
        machine.sh("systemctl reload caddy")
        # Longer than a connection lives that is given a second.
        time.sleep(3)
    assert told["lived"] == RELOADED | {"websocket": lived}, told


# A hub that speaks TLS, as one on another machine may: a second site of the same Caddy, which passes on what it gets.
BY_TLS = """\t\treverse_proxy https://hub.example.com:8444 {{
			header_up X-Scheme https
{line}			transport http {{
				tls_insecure_skip_verify
			}}
		}}
	}}

"""
SECOND = "https://hub.example.com:8444 {\n\ttls /run/caddy/site.crt /run/caddy/site.key\n\treverse_proxy 127.0.0.1:800\n}\n"


@pytest.mark.parametrize("kept", [False, True], ids=["as Caddy has it", "with the line"])
def test_to_a_hub_by_https_caddy_changes_the_host_by_itself(hubs, kept):
    """Since 2.11; the entry of the atlas has the same with a line that says so."""
    hub = hubs(NEWEST)
    site = PUBLISHED.read(SITE)
    begin, end = site.index("\t\treverse_proxy 127.0.0.1:800 {"), site.index("\t# Without it Caddy answers every other address")
    files = Files({SITE: site[:begin] + BY_TLS.format(line="\t\t\theader_up Host {host}\n" if kept else "") + site[end:] + SECOND})
    with deployment.in_front(hub, EVERY_PROXY["caddy"].servers[-1], "caddy", files):
        last = hub.check("--keep-server", "--megabytes", "1", "--until", "kernel_channel", user="bob")[-1]
    assert (last["rung"], last["ok"]) == ("kernel_channel", kept), last
    assert kept or last["page"] == "troubleshooting/cross-origin-websockets-not-allowed"


# Traefik's own limit is a minute.
LONGER = 66


def test_an_upload_of_more_than_a_minute_is_cut_by_traefiks_own_limit(hubs):
    """Without an answer."""
    hub = hubs(NEWEST)
    with front(hub, "traefik", ("traefik/traefik.yaml", "readTimeout: 5m", "writeTimeout: 0s")):
        seen = hub.on_server("patiently", str(LONGER), URL)[URL]
    assert "EOF occurred in violation of protocol" in str(seen["upload"]), seen
    assert seen["halting"] == pytest.approx(60, abs=2)


# The client's limit in HAProxy's file is 30 seconds.
IDLE = 36


@pytest.mark.parametrize("line", ["timeout tunnel", ""], ids=["without the line", "published"])
def test_haproxy_leaves_a_websocket_open_on_which_nothing_is_sent_for_longer_than_a_client_may_be_silent(idle, line):
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    with front(hub, "haproxy", *([("haproxy/jupyterhub.cfg", line, "")] if line else [])):
        assert deployment.on_server(hub.machine, "door_actions", "hold", URL, str(IDLE)) == pytest.approx(IDLE, abs=2)


def test_haproxy_closes_a_websocket_after_the_published_kind_of_limit(idle):
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    with front(hub, "haproxy", ("haproxy/jupyterhub.cfg", "timeout tunnel 1h", "timeout tunnel 4s")):
        assert deployment.on_server(hub.machine, "door_actions", "hold", URL, "20") == pytest.approx(4, abs=2)
