"""The threats of deploy/security.md: for each the line that answers it, and an attempt that fails with it."""

import re

import pytest

from tests.harness import engine
from tests.harness.deployment import URL
from tests.harness.manifest import PROXIES, PUBLISHED, VERSIONS
from tests.harness.tls import weaknesses

NEWEST = VERSIONS["jupyterhub"][0]
newest = pytest.mark.parametrize("version", [NEWEST])
SERVERS = [(proxy.name, kind) for proxy in PROXIES.values() for kind in proxy.servers]


@pytest.mark.parametrize(("proxy", "kind"), SERVERS)
def test_tls_is_what_mozilla_calls_intermediate(proxy, kind):
    assert not weaknesses(proxy, kind)


@pytest.mark.parametrize(("proxy", "line"), [("nginx", "ssl_ciphers"), ("apache", "SSLCipherSuite")])
def test_without_the_line_weaker_ciphers_are_offered(proxy, line):
    assert "ciphers" in weaknesses(proxy, PROXIES[proxy].servers[-1], PUBLISHED.replace(f"{proxy}/jupyterhub.conf", line, ""))


ADDRESS = {"nginx": "proxy_set_header X-Real-IP", "apache": "RequestHeader set   X-Real-IP"}


WITHOUT_THE_ADDRESS = [(proxy, {"files": PUBLISHED.replace(f"{proxy}/jupyterhub.conf", line, "")}) for proxy, line in ADDRESS.items()]


@newest
def test_every_answer_asks_for_https_and_names_no_version_of_the_server(front, version):
    said = front.inside("headers", URL)
    assert {int(what.split()[-1]) // 100 for what in said} == {2, 3, 4}, said.keys()
    for what, headers in said.items():
        assert headers.get("Strict-Transport-Security") == "max-age=63072000", f"snippets of the reverse proxy: no HSTS on {what}"
        assert not re.search(r"(nginx|Apache)/|Debian", headers.get("Server", "")), what


@newest
def test_a_user_reaches_nothing_of_another(front, version):
    seen = front.inside("intrude", URL)
    # What is refused to a stranger is there for its owner.
    assert set(seen["alice"].values()) == {101}
    assert set(seen["bob"].values()) <= {403, 404}, seen["bob"]
    assert set(seen["tried"].values()) <= {403, 404}, seen["tried"]


def claimed(hub, name):
    """What the hub answers and logs when a client's headers name another address and another host."""
    said = hub.inside("claim", URL, name)
    line = engine.wait(lambda: [line for line in hub.log().splitlines() if f"/hub/{name} " in line][-1])
    return "\n".join([*said, line])


@newest
def test_what_a_client_says_of_itself_is_not_believed(front, version):
    said = claimed(front, "claimed")
    assert "203.0.113.9" not in said
    assert "elsewhere.example" not in said


@newest
@pytest.mark.parametrize("front", WITHOUT_THE_ADDRESS, ids=ADDRESS, indirect=True)
def test_without_the_line_a_client_is_believed(front, version):
    assert "203.0.113.9" in claimed(front, "without-the-line")


def refused(machine, path):
    """Whether the system keeps bob from listing what root finds at a path."""
    machine.exec("ls", path)
    return "Permission denied" in machine.exec("ls", path, user="bob", check=False).stderr


@newest
def test_the_hubs_secrets_are_readable_by_root_alone(hubs, version):
    for name in ("jupyterhub.sqlite", "jupyterhub_cookie_secret"):
        assert refused(hubs(version).machine, f"/var/lib/jupyterhub/{name}"), name


@newest
def test_a_home_is_open_to_other_users_until_its_mode_says_otherwise(hubs, version):
    machine = hubs(version).machine
    assert not refused(machine, "/home/carol/.")
    machine.sh("chmod 700 /home/carol")
    assert refused(machine, "/home/carol/.")
