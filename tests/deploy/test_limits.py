"""Attacks with slow clients and with smuggled requests: the reverse proxy disconnects them, but tolerates slow users and a slow hub."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.manifest import EVERY_PROXY, NEWEST, PROXIES, PUBLISHED, Files
from tests.harness.measuring import slow_clients
from tests.harness.on_server import raw_client
from tests.harness.pairs import further_weekly

newest = pytest.mark.parametrize("version", [NEWEST])
published = pytest.mark.parametrize("proxy", further_weekly(EVERY_PROXY))

# Seconds. The longest limit of both files is 30.
HEADER, BODY, LONGER = 15, 30, 34


def without(name, *lines):
    """The published files without lines that hold these words, or as they are where no line does."""
    text = re.sub(rf"(?m)^.*({'|'.join(lines)}).*\n", "", PUBLISHED.read(name))
    return Files({name: text})


NGINX = without("nginx/jupyterhub.conf", "client_header_timeout", "client_body_timeout")
# Without Debian's own file too, which limits all but the handshake.
APACHE = {
    "files": without("apache/jupyterhub.conf", "RequestReadTimeout"),
    "extra": {"/etc/apache2/mods-available/reqtimeout.conf": ""},
}


# More than the minute after which nginx gives a hub up by itself.
MINUTE = 62


@pytest.fixture(scope="module")
def unanswered():
    """What becomes of clients whom the hub does not answer, by proxy, once asked for: it takes as long as the rest of this file."""
    with ThreadPoolExecutor() as pool:
        begun = {proxy: pool.submit(slow_clients.unanswered, proxy, MINUTE) for proxy in PROXIES}

        def unanswered(proxy):
            if proxy not in begun:
                begun[proxy] = pool.submit(slow_clients.unanswered, proxy, MINUTE)
            return begun[proxy].result()

        yield unanswered


@pytest.fixture(scope="module")
def slow(hubs, unanswered):
    """What becomes of slow clients, by proxy: with the published files, and without the lines."""
    return slow_clients.everything(hubs(NEWEST), LONGER, {"nginx": {"files": NGINX}, "apache": APACHE})


@pytest.fixture(scope="module")
def behind(hubs, request):
    """What becomes of slow clients of a reverse proxy with the published files; that of the further ones is found when asked for."""
    seen = {}

    def behind(proxy):
        if proxy in PROXIES:
            return request.getfixturevalue("slow")[0][proxy]
        if proxy not in seen:
            seen[proxy] = slow_clients.patient_behind(hubs(NEWEST), proxy, LONGER)
        return seen[proxy]

    return behind


@newest
@published
def test_who_does_not_end_a_handshake_or_a_header_is_let_go(behind, proxy, version):
    for client, what in (("dumb", "handshake"), ("dripping", "header")):
        wanted = None if what in EVERY_PROXY[proxy].cannot else pytest.approx(HEADER, abs=4)
        assert behind(proxy)[client] == wanted, f"{client}: {behind(proxy)[client]}"


@newest
@published
def test_who_stops_in_an_upload_is_let_go(behind, proxy, version):
    assert behind(proxy)["halting"] == (None if "pause" in EVERY_PROXY[proxy].cannot else pytest.approx(BODY, abs=4))


@newest
@published
def test_an_upload_that_is_slow_and_steady_lands(behind, proxy, version):
    assert behind(proxy)["upload"] == 201


@newest
@published
def test_a_notebook_that_is_idle_for_longer_than_every_limit_works_on(behind, proxy, version):
    assert behind(proxy)["idle"] == pytest.approx(0, abs=5000)


@newest
@pytest.mark.parametrize(("proxy", "clients"), [("nginx", ("dumb", "dripping", "halting")), ("apache", ("dumb",))])
def test_without_the_lines_they_stay(slow, proxy, clients, version):
    seen = slow[1][proxy]
    assert [seen[client] for client in clients] == [None] * len(clients), seen


OLDEST_AND_NEWEST = [(proxy.name, kind) for proxy in EVERY_PROXY.values() for kind in (proxy.servers[0], proxy.servers[-1])]
REFUSALS = {400, 413, 414, 431, 500, 501}


@pytest.fixture(scope="module")
def smuggled(hubs, version, proxy, kind):
    return slow_clients.smuggled(hubs(version), proxy, kind)


servers = pytest.mark.parametrize(("proxy", "kind"), further_weekly(OLDEST_AND_NEWEST), scope="module")
once = pytest.mark.parametrize("version", [NEWEST], scope="module")


@once
@servers
def test_no_request_reaches_the_hub_hidden_from_the_reverse_proxy(smuggled, version, proxy, kind):
    assert "nothing" in smuggled.hub, "the hub's log does not show what is asked plainly"
    assert smuggled.hub <= smuggled.proxy


@once
@servers
def test_what_is_ambiguous_or_too_large_is_refused(smuggled, version, proxy, kind):
    passes = EVERY_PROXY[proxy].passes
    allowed = passes.get(kind, {}) | passes.get("every", {})
    passed = {what: said for what, said in smuggled.answers.items() if said[-1] != "closed" or set(said[:-1]) - REFUSALS}
    assert passed.pop("nothing") == [404, "open"]
    assert {what: said for what, said in passed.items() if what not in raw_client.BODIES} == allowed


@once
@servers
def test_a_body_of_jupyters_own_limit_is_taken_and_a_larger_one_refused_or_left_to_jupyter(smuggled, version, proxy, kind):
    assert [smuggled.answers[what][0] for what in raw_client.BODIES] == EVERY_PROXY[proxy].too_large


@newest
@published
def test_who_waits_for_the_hub_for_longer_than_a_minute_is_not_given_up(unanswered, proxy, version):
    seen = unanswered(proxy)
    assert (seen["asking"], seen.get("sending")) == (None, None)


# Seconds that a body at 250 bytes a second lasts where it has 3 of them, and one more for each 500 bytes.
TRICKLES = 7


@newest
def test_an_upload_to_apache_gains_a_second_with_each_500_bytes(unanswered, version):
    assert unanswered("apache")["trickling"] == pytest.approx(TRICKLES, abs=1.2)


@newest
def test_an_upload_to_nginx_may_take_any_time(unanswered, version):
    assert unanswered("nginx")["trickling"] is None
