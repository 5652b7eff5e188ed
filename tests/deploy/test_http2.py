"""deploy/faster.md, HTTP/2 with nginx: limits and kernels still work; and why the page has no such step for Apache."""

import re

import pytest

from tests.harness.machines import deployment, engine, ready_scripts
from tests.harness.manifest import NEWEST, PROXIES, PUBLISHED, SAVED_AS, VALUES
from tests.harness.measuring import evidence, http2_clients, slow_clients, syntax
from tests.harness.measuring.ladder import LADDER, tell

SITE, PART = "nginx/jupyterhub.conf", "faster/nginx-http2.conf"
# By Debian release, what the page has its reader do: the word in both lines, or the file.
EXTRA = {SAVED_AS[PART]: PUBLISHED.read(PART)}
WAYS = {"bookworm": (PUBLISHED.replace(SITE, "443 ssl;", "443 ssl http2;"), {}), "trixie": (ready_scripts.site("nginx"), EXTRA)}
APACHE = PUBLISHED.replace("apache/jupyterhub.conf", "SSLEngine on", "SSLEngine on\n    Protocols h2 http/1.1").replace(
    "apache/enable.sh", "a2enmod --quiet ssl", "a2enmod --quiet http2 ssl"
)
each = pytest.mark.parametrize("suite", WAYS)


def slow(proxy, suite, files, extra, seconds):
    """The words of `http2_clients.loiter` on a server whose hub answers nobody, and how many requests that are taken back it takes."""
    with deployment.alone(proxy, suite, files, extra) as machine, deployment.authority().cert_pem.tempfile() as authority:
        machine.sh(slow_clients.DEAF.format(VALUES["hub"]))
        there = (deployment.URL, authority, "127.0.0.1", machine.port(443))
        return http2_clients.loiter(seconds, *there), http2_clients.rapid_resets(5000, *there)


def test_the_newest_debians_nginx_takes_the_file(idle, prove):
    machine = idle(PROXIES["nginx"].servers[-2])
    machine.put(EXTRA)
    try:
        syntax.proxy(machine, "nginx", ready_scripts.site("nginx"))
        prove(evidence.row("accepted", "nginx", evidence.reported(machine, "nginx"), [PART]))
    finally:
        machine.sh(f"rm {SAVED_AS[PART]}")


def test_an_older_nginx_does_not_know_the_line(idle):
    machine = idle("bookworm")
    machine.put(EXTRA)
    try:
        with pytest.raises(deployment.Refused, match='unknown directive "http2"'):
            syntax.proxy(machine, "nginx", ready_scripts.site("nginx"))
    finally:
        machine.sh(f"rm {SAVED_AS[PART]}")


@each
def test_a_browser_asks_by_http2_and_a_kernel_computes_by_a_websocket_beside_it(desks, suite):
    desk = desks(NEWEST)
    files, extra = WAYS[suite]
    with desk.behind("nginx", suite, files=files, extra=extra) as machine:
        rungs = desk.hub.check("--idle", "6", "--keep-server")
        assert rungs[-1]["ok"], tell(rungs[-1])
        assert [rung["rung"] for rung in rungs] == LADDER
        before = len(machine.sh(f"cat {PROXIES['nginx'].log}").stdout)
        notebook = desk.user().open("JupyterLab", desk.notebook("http2/http2.ipynb", "6 * 7"))
        notebook.run()
        notebook.output().get_by_text("42").wait_for()
        notebook.save()

        def ended():
            # A WebSocket is logged once it has ended.
            log = machine.sh(f"cat {PROXIES['nginx'].log}").stdout[before:]
            lines = [line for line in log.splitlines() if "Chrome" in line]
            assert any("/channels HTTP/" in line for line in lines)
            return lines

        notebook.page.close()
        lines = engine.wait(ended, timeout=20)
    sockets = [line for line in lines if re.search(r"/(channels|subscribe) HTTP/", line)]
    assert [line for line in lines if line not in sockets and ' HTTP/2.0" ' not in line] == []
    assert [line for line in sockets if ' HTTP/1.1" ' not in line] == []


# Seconds: the limits of nginx's file, and more than both. "asking" waits for the hub, which may take its time.
HEADER, BODY, LONGER = 15, 30, 36
LETS_GO = {"silent": HEADER, "idle": HEADER, "dripping": HEADER, "continuing": HEADER, "halting": BODY, "asking": None}
# How many requests that are taken back at once nginx takes from a connection, of 5000: its own keepalive_requests.
RESETS = 1000


def about(seconds):
    return None if seconds is None else pytest.approx(seconds, abs=4)


@each
def test_who_is_slow_by_http2_is_let_go_and_one_connection_holds_no_more_requests_than_nginx_allows(suite):
    seen, taken = slow("nginx", suite, *WAYS[suite], LONGER)
    assert seen == {client: about(seconds) for client, seconds in LETS_GO.items()}
    assert taken <= RESETS


# What the page gives as the reason why there is no such step for Apache, and what more lines of Apache's would mend of it.
LINES = "    Timeout 30\n    H2StreamTimeout 30\n"
STAY = {"": {"silent", "idle", "dripping", "halting"}, LINES: {"dripping"}}


@pytest.mark.parametrize("lines", STAY, ids=["as debian has it", "with shorter limits"])
def test_apache_does_not_let_go_of_who_is_slow_by_http2(lines):
    files = APACHE.replace("apache/jupyterhub.conf", "    Protocols h2 http/1.1\n", "    Protocols h2 http/1.1\n" + lines)
    seen, _ = slow("apache", "trixie", files, {}, LONGER)
    assert {client for client, seconds in seen.items() if seconds is None} == STAY[lines] | {"asking"}, seen
