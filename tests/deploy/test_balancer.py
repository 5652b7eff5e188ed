"""deploy/balancer.md: behind a balancer all works, the hub knows who asks, and nobody comes past the balancer."""

import contextlib
import itertools
from urllib.parse import urljoin

import pytest

from tests.harness.machines import balancer, engine
from tests.harness.machines.balancer import WAYS
from tests.harness.machines.deployment import URL
from tests.harness.manifest import HOMES, PROXIES, PUBLISHED, SAVED_AS, VALUES
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import LADDER, tell
from tests.harness.site import following
from tests.harness.site.balancer_page import PAGE as NAME
from tests.harness.site.balancer_page import STATES
from tests.harness.site.following import TABS

ROWS = [(proxy, way) for proxy in PROXIES for way in WAYS]
CLAIMED = "203.0.113.9"
# What somebody says first who comes past a balancer that says nothing first, or one that says who asks.
SAID = {"http": ("",), "proxy-protocol": ("", f"PROXY TCP4 {CLAIMED} 192.0.2.7 40000 443\r\n")}
REFUSED = {"http": [403], "proxy-protocol": [0, 403]}
TURN = itertools.count()
ON_EACH = pytest.mark.parametrize("balanced", HOMES, indirect=True)
pytestmark = pytest.mark.xdist_group("balancer")


@pytest.fixture(scope="module", params=[HOMES[-1]])
def balanced(request):
    """On the newest Debian; a test with a parameter of its own for it, a release, gets that one."""
    with balancer.balanced(request.param) as made:
        yield made


def seen(balanced, way):
    """Whom the hub's log names as the client, whether the path without its last slash leads on, what is got past the balancer, and
    whether a login's cookies are Secure.
    """
    name = f"asked-{next(TURN)}"
    balanced.asked("claim", URL, name)
    line = ""
    with contextlib.suppress(IndexError):
        line = engine.wait(lambda: [line for line in balanced.hub.log().splitlines() if f"/hub/{name} " in line][-1], timeout=3)
    clients = {CLAIMED: "whoever it claims to be", balanced.client.address(): "the client", balanced.address: "the balancer"}
    return {
        "logged": next((who for address, who in clients.items() if address in line), "nobody"),
        # nginx leaves out scheme and host.
        "redirected": urljoin(URL, balanced.asked("redirected", URL.removesuffix("/"), "")[""][1]) == URL,
        "past": past(balanced, way),
        "secure": balanced.check("--until", "login_works", user="bob")[-1]["ok"],
    }


def past(balanced, way):
    """What somebody gets who asks the hub's own machine past the balancer."""
    port = {"http": "80", "proxy-protocol": "443"}[way]
    return [balanced.asked("past", balanced.hub.machine.address(), port, VALUES["host"], CLAIMED, line) for line in SAID[way]]


@pytest.mark.parametrize(("proxy", "way"), ROWS)
def test_each_difference_fits_what_is_published(proxy, way):
    name = f"{proxy}/jupyterhub.conf"
    assert VALUES["host"] in balancer.files(proxy, way, "198.51.100.1").changed[name]


@ON_EACH
@pytest.mark.parametrize(("proxy", "way"), ROWS)
def test_each_command_of_the_page_prints_what_it_says(balanced, site, prove, proxy, way):
    """After the published site has been put to work, a reader changes its file as the page says, and types its commands."""
    pages, name = following.Pages.examples(site), f"{proxy}/jupyterhub.conf"
    with balanced.behind(proxy, way, PUBLISHED, modules=False) as machine:
        machine.put({SAVED_AS[name]: balancer.files(proxy, way, balanced.address).read(name)})
        at_work = following.Reader(machine, pages, TABS[proxy])
        assert at_work.meet_all(NAME, STATES)
        at_work.follow(NAME)
        assert not at_work.wrong, "\n\n".join(at_work.wrong)
        assert seen(balanced, way)["logged"] == "the client"
    keys = pages.commands(TABS[proxy])
    prove(evidence.typed(NAME, balanced.hub.suite, proxy, [keys[step.where].key for step in at_work.typed]))


@ON_EACH
@pytest.mark.parametrize(("proxy", "way"), ROWS)
def test_a_user_climbs_the_ladder_through_both(balanced, prove, proxy, way):
    with balanced.behind(proxy, way):
        rungs = balanced.check("--idle", "6")
        assert rungs[-1]["ok"], tell(rungs[-1])
        assert [rung["rung"] for rung in rungs] == LADDER
        assert seen(balanced, way) == {"logged": "the client", "redirected": True, "past": REFUSED[way], "secure": True}
    version = balanced.front.sh("haproxy -v").stdout.split()[2].partition("-")[0]
    prove(evidence.row("accepted", "HAProxy", version, [balancer.difference(proxy, way)], home=balanced.hub.suite))


# A line of a difference, what is in its place, and what is no longer as above.
LINES = [
    ("nginx", "http", "real_ip_header", "", {"logged": "whoever it claims to be"}),
    ("nginx", "http", "set_real_ip_from", "", {"logged": "the balancer"}),
    ("nginx", "http", "return 403;", "", {"past": [200]}),
    ("nginx", "http", "192.0.2.1 0;", "192.0.2.1 1;", {"logged": "nobody"}),
    ("nginx", "http", "absolute_redirect off;", "", {"redirected": False}),
    ("nginx", "http", "X-Scheme          https;", "X-Scheme          $scheme;", {"secure": False}),
    ("nginx", "proxy-protocol", "real_ip_header", "", {"logged": "whoever it claims to be"}),
    ("nginx", "proxy-protocol", "set_real_ip_from", "", {"logged": "the balancer"}),
    ("nginx", "proxy-protocol", "return 403;", "", {"past": [0, 200]}),
    ("apache", "http", "RemoteIPHeader", "", {"logged": "the balancer"}),
    ("apache", "http", "RemoteIPInternalProxy", "", {"logged": "the balancer"}),
    ("apache", "http", "Require expr", "", {"past": [200]}),
    ("apache", "http", "ServerName https://hub.example.com:443", "ServerName hub.example.com", {"redirected": False}),
    ("apache", "proxy-protocol", "Require expr", "", {"past": [0, 200]}),
]


@pytest.mark.parametrize(("proxy", "way", "line", "instead", "breaks"), LINES)
def test_without_the_line_what_it_is_for_breaks(balanced, proxy, way, line, instead, breaks):
    files = balancer.files(proxy, way, balanced.address)
    line, instead = (one.replace(balancer.EXAMPLE, balanced.address) for one in (line, instead))
    with balanced.behind(proxy, way, files.replace(f"{proxy}/jupyterhub.conf", line, instead)):
        found = seen(balanced, way)
    assert {name: found[name] for name in breaks} == breaks
