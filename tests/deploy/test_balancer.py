"""deploy/balancer.md: behind a load balancer everything works, the hub knows the client's address, and nobody gets around the balancer."""

import contextlib
import itertools
import json
import time

import pytest

from tests.harness.browsers import user_browser
from tests.harness.machines import balancer, deployment, engine, faults
from tests.harness.machines.balancer import WAYS
from tests.harness.machines.deployment import URL
from tests.harness.manifest import EVERY_PROXY, FURTHER_PROXIES, HOMES, PROXIES, PUBLISHED, ROOT, SAVED_AS, SNIPPETS, VALUES
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import LADDER, tell
from tests.harness.site import following
from tests.harness.site.balancer_page import PAGE as NAME
from tests.harness.site.balancer_page import STATES
from tests.harness.site.following import TABS

ROWS = [(proxy, way) for proxy in PROXIES for way in WAYS]
# Those of further reverse proxies are on their own pages.
EVERY_ROW = ROWS + [(proxy, "http") for proxy in FURTHER_PROXIES if (SNIPPETS / balancer.difference(proxy, "http")).exists()]
CLAIMED = "203.0.113.9"
LOGIN = f"{VALUES['base_url']}hub/login?next=a%20b"
# What somebody says first who comes past a balancer that says nothing first, or one that says who asks.
SAID = {"http": ("",), "https": ("",), "proxy-protocol": ("", f"PROXY TCP4 {CLAIMED} 192.0.2.7 40000 443\r\n")}
REFUSED = {"http": [403], "https": [403], "proxy-protocol": [0, 403]}
TURN = itertools.count()
TOO_MANY = "troubleshooting/err-too-many-redirects"
ON_EACH = pytest.mark.parametrize("balanced", HOMES, indirect=True)
pytestmark = pytest.mark.xdist_group("balancer")


@pytest.fixture(scope="module", params=[HOMES[-1]])
def balanced(request):
    """On the newest Debian; a test with a parameter of its own for it, a release, gets that one."""
    with balancer.balanced(request.param) as made:
        yield made


def seen(balanced, way):
    """Whom the hub's log names as the client, whether the path without its last slash leads on, whether somebody who comes without TLS is
    sent to the same address with it, what is got past the balancer, and whether a login's cookies are Secure.
    """
    name = f"asked-{next(TURN)}"
    balanced.asked("claim", URL, name)
    line = ""
    with contextlib.suppress(IndexError):
        line = engine.wait(lambda: [line for line in balanced.hub.log().splitlines() if f"/hub/{name} " in line][-1], timeout=3)
    clients = {CLAIMED: "whoever it claims to be", balanced.client.address(): "the client", balanced.address: "the balancer"}
    return {
        "logged": next((who for address, who in clients.items() if address in line), "nobody"),
        "redirected": balanced.asked("redirected", URL.removesuffix("/"), "")[""][1] == URL,
        "sent": balanced.asked("redirected", f"http://{VALUES['host']}", LOGIN)[LOGIN] == [301, f"https://{VALUES['host']}{LOGIN}"],
        "past": past(balanced, way),
        "secure": balanced.check("--until", "login_works", user="bob")[-1]["ok"],
    }


def past(balanced, way):
    """What somebody gets who asks the hub's own machine past the balancer."""
    port = {"http": "80", "https": "443", "proxy-protocol": "443"}[way]
    return [balanced.asked("past", balanced.hub.machine.address(), port, VALUES["host"], CLAIMED, line) for line in SAID[way]]


@pytest.mark.parametrize(("proxy", "way"), EVERY_ROW)
def test_each_difference_fits_what_is_published(proxy, way):
    name = EVERY_PROXY[proxy].site_file
    assert "198.51.100.1" in balancer.files(proxy, way, "198.51.100.1").changed[name]


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
    prove(*at_work.proof(balanced.hub.suite, proxy))


@ON_EACH
@pytest.mark.parametrize(("proxy", "way"), EVERY_ROW)
def test_a_user_climbs_the_ladder_through_both(balanced, prove, proxy, way):
    with balanced.behind(proxy, way) as machine:
        rungs = balanced.check("--idle", "6")
        assert rungs[-1]["ok"], tell(rungs[-1])
        assert [rung["rung"] for rung in rungs] == LADDER
        assert seen(balanced, way) == {"logged": "the client", "redirected": True, "sent": True, "past": REFUSED[way], "secure": True}
        prove(evidence.changed(balancer.difference(proxy, way), proxy, machine, balanced.hub.suite))


# A line of a difference, what is in its place, and what is no longer as above.
LINES = [
    ("nginx", "http", "real_ip_header", "", {"logged": "whoever it claims to be"}),
    ("nginx", "http", "set_real_ip_from", "", {"logged": "the balancer"}),
    ("nginx", "http", "return 403;", "", {"past": [200]}),
    ("nginx", "http", "return 301 https://hub.example.com$request_uri;", "", {"sent": False}),
    ("nginx", "http", "192.0.2.1 0;", "192.0.2.1 1;", {"logged": "nobody"}),
    ("nginx", "http", "absolute_redirect off;", "", {"redirected": False}),
    ("nginx", "http", "X-Scheme          https;", "X-Scheme          $scheme;", {"secure": False}),
    ("nginx", "https", "real_ip_header", "", {"logged": "whoever it claims to be"}),
    ("nginx", "https", "set_real_ip_from", "", {"logged": "the balancer"}),
    ("nginx", "https", "return 403;", "", {"past": [200]}),
    ("nginx", "proxy-protocol", "real_ip_header", "", {"logged": "whoever it claims to be"}),
    ("nginx", "proxy-protocol", "set_real_ip_from", "", {"logged": "the balancer"}),
    ("nginx", "proxy-protocol", "return 403;", "", {"past": [0, 200]}),
    ("apache", "http", "RemoteIPHeader", "", {"logged": "the balancer"}),
    ("apache", "http", "RemoteIPInternalProxy", "", {"logged": "the balancer"}),
    ("apache", "http", "Require expr", "", {"past": [200]}),
    ("apache", "http", "Redirect permanent /", "", {"sent": False}),
    ("apache", "http", "ServerName https://hub.example.com:443", "ServerName hub.example.com", {"redirected": False}),
    ("apache", "https", "RemoteIPHeader", "", {"logged": "the balancer"}),
    ("apache", "https", "RemoteIPInternalProxy", "", {"logged": "the balancer"}),
    ("apache", "https", "Require expr", "", {"past": [200]}),
    ("apache", "proxy-protocol", "Require expr", "", {"past": [0, 200]}),
    ("haproxy", "http", "set-src", "", {"logged": "the balancer"}),
    ("haproxy", "http", "hdr_ip(x-forwarded-for,-1)", "hdr_ip(x-forwarded-for,1)", {"logged": "whoever it claims to be"}),
    ("haproxy", "http", "deny_status 403", "", {"past": [200]}),
    ("haproxy", "http", "req.fhdr(x-forwarded-proto)", "", {"sent": False}),
    ("caddy", "http", "trusted_proxies static", "", {"logged": "the balancer"}),
    ("caddy", "http", "trusted_proxies_strict", "", {"logged": "whoever it claims to be"}),
    ("caddy", "http", "error @stranger 403", "", {"past": [200]}),
    ("caddy", "http", "redir @plain", "", {"sent": False}),
    ("caddy", "http", "header_up X-Scheme https", "header_up X-Scheme {scheme}", {"secure": False}),
    ("caddy", "http", "header_up X-Real-IP", "", {"logged": "whoever it claims to be"}),
    ("caddy", "http", "order error first", "", {"past": [200]}),
]


@pytest.mark.parametrize(("proxy", "way", "line", "instead", "breaks"), LINES)
def test_without_the_line_what_it_is_for_breaks(balanced, proxy, way, line, instead, breaks):
    files = balancer.files(proxy, way, balanced.address)
    line, instead = (one.replace(balancer.EXAMPLE, balanced.address) for one in (line, instead))
    with balanced.behind(proxy, way, files.replace(EVERY_PROXY[proxy].site_file, line, instead)):
        found = seen(balanced, way)
    assert {name: found[name] for name in breaks} == breaks


@pytest.mark.parametrize("proxy", PROXIES)
def test_by_https_all_works_before_anything_is_changed_but_the_log_has_the_balancer(balanced, proxy):
    with balanced.behind(proxy, "https", PUBLISHED):
        assert balanced.check()[-1]["ok"]
        assert seen(balanced, "https") == {"logged": "the balancer", "redirected": True, "sent": True, "past": [200], "secure": True}


@pytest.mark.parametrize("names", [[VALUES["host"]], ["another.example.com"]], ids=["its own", "another's"])
def test_the_balancer_hands_nothing_to_a_server_whose_certificate_is_not_the_hubs(balanced, names):
    """By the words that the page has for HAProxy."""
    assert f"server hub 192.0.2.9:443 {balancer.VERIFIED}\n" in (ROOT / NAME).read_text("utf-8")
    chain, key = deployment.certificate(*names)
    with balanced.behind("nginx", "https") as machine:
        machine.sh("nginx -s reload", {VALUES["certificate"]: chain, VALUES["key"]: key})

        def answered():
            status = balanced.asked("redirected", URL, "hub/login")["hub/login"][0]
            assert status == (200 if VALUES["host"] in names else 503)

        engine.wait(answered, timeout=5, every=0.3)


@pytest.mark.parametrize("proxy", [proxy for proxy, way in EVERY_ROW if way == "http"])
def test_requests_that_come_by_two_balancers_in_turn_are_one_users(balanced, proxy):
    """Its login too, whose form holds a token that the hub ties to the client's address."""
    with balanced.behind(proxy, "http", balancer.files(proxy, "http", *balanced.addresses)):
        told = balanced.asked("by_turns", URL, "alice", *balanced.addresses)
    assert (told["held"], told["words"]) == (LADDER, "")
    assert min(told["went"]) > 10, told


# What comes of it where a line has one balancer's address alone: the rungs that hold, and the words. The hub ties the token in its
# login page to the address of whoever asks, and takes each balancer for another visitor.
NEW = "the hub gives the same visitor a new XSRF cookie with each page"
ONE = [
    ("nginx", "{second} 0;", "{second} 1;", [], "403 Forbidden"),
    ("nginx", "set_real_ip_from {second}", "", ["hub_answers"], NEW),
    ("apache", " || %{{CONN_REMOTE_ADDR}} == '{second}'", " ", [], "403 Forbidden"),
    ("apache", "RemoteIPInternalProxy {second}", "", ["hub_answers"], NEW),
]


@pytest.mark.parametrize(("proxy", "line", "instead", "held", "words"), ONE)
def test_without_the_second_balancers_address_users_do_not_get_far(balanced, proxy, line, instead, held, words):
    name, (_, second) = f"{proxy}/jupyterhub.conf", balanced.addresses
    files = balancer.files(proxy, "http", *balanced.addresses).replace(name, line.format(second=second), instead.format(second=second))
    with balanced.behind(proxy, "http", files):
        told = balanced.asked("by_turns", URL, "alice", *balanced.addresses)
    assert told["held"] == held, told
    assert words in told["words"], told


@pytest.mark.parametrize(("proxy", "way"), ROWS)
def test_where_everybody_gets_403_the_log_of_the_reverse_proxy_says_from_where_the_balancer_connects(balanced, proxy, way):
    """By the command of the page about that."""
    command = f"grep who-asks {PROXIES[proxy].log}"
    page = (ROOT / "troubleshooting/forbidden-for-everybody/index.md").read_text("utf-8")
    assert f"\n# {command}\n" in page

    def says(made):
        with balanced.behind(proxy, way, made) as machine:
            assert balanced.asked("redirected", URL, "who-asks")["who-asks"][0] == 403
            return [(line.split()[0], " 403 " in line) for line in machine.sh(command).stdout.splitlines()]

    made = balancer.files(proxy, way, balancer.EXAMPLE)
    if (proxy, way) == ("apache", "proxy-protocol"):  # each connection then says by itself from where it is
        assert says(made) == [(balanced.client.address(), True)]
        made = made.replace("apache/jupyterhub.conf", 'LogFormat "%a', 'LogFormat "%{c}a')
        assert "write `%{c}a` in place of `%a`" in page
    assert says(made) == [(balanced.address, True)]


# Another site on port 443, as it was before: where its file is, the file, and the command that has the server read it.
LAB, TLS = "lab.example.com", ("/etc/lab.crt", "/etc/lab.key")
OTHER = {
    "nginx": (
        "/etc/nginx/conf.d/lab.conf",
        f"server {{ listen 443 ssl; server_name {LAB}; ssl_certificate {TLS[0]}; ssl_certificate_key {TLS[1]}; return 404; }}\n",
        "nginx -s reload",
    ),
    "apache": (
        "/etc/apache2/sites-enabled/lab.conf",
        f"<VirtualHost *:443>\nServerName {LAB}\nSSLEngine on\n"
        f"SSLCertificateFile {TLS[0]}\nSSLCertificateKeyFile {TLS[1]}\n</VirtualHost>\n",
        "apachectl graceful",
    ),
}


@pytest.mark.parametrize(("proxy", "way"), [(proxy, way) for proxy, way in ROWS if way != "http"])
def test_with_the_proxy_protocol_no_site_of_the_port_answers_who_asks_it_directly(balanced, proxy, way):
    path, site, read = OTHER[proxy]
    with balanced.behind(proxy, way) as machine:
        machine.sh(read, dict(zip(TLS, deployment.certificate(LAB), strict=True)) | {path: site})

        def asked(line):
            return balanced.asked("past", balanced.hub.machine.address(), "443", LAB, CLAIMED, line)

        def served():
            assert asked(SAID[way][-1]) == 404

        engine.wait(served, timeout=5, every=0.3)
        assert asked("") == (0 if way == "proxy-protocol" else 404)


@pytest.mark.parametrize("way", WAYS)
def test_a_balancer_that_ends_websockets_costs_nobody_a_variable(balanced, prove, way):
    """Each connection for itself: after a while JupyterLab asks for another, and finds the kernel."""
    with balanced.behind("nginx", way), faults.watching(balanced.user()) as told:
        for _ in range(3):
            time.sleep(1)
            balanced.cut()
    assert told["lived"] == {"variable": True, "websocket": False, "login": True, "file": True}, told
    assert told["silent"]["hub"] < 3, told


def test_jupyterlab_opens_another_websocket_by_itself_and_asks_its_user_nothing(balanced):
    notebook = user_browser.document("x = 42\nprint('begun')", "print(x)")
    balanced.hub.machine.exec("sh", "-c", "cat >~bob/cut.ipynb", input=json.dumps(notebook), user="bob")
    with balanced.behind("nginx", "http"), user_browser.chromium(balanced.network, {VALUES["host"]: balanced.address}) as browser:
        balanced.check("--keep-server", "--until", "server_spawns", user="bob")
        page = browser.new_context().new_page()
        page.set_default_timeout(user_browser.PATIENCE)
        user_browser.sign_in(page, "bob", balanced.hub.passwords["bob"], "hub/home")
        page.wait_for_url("**/hub/home")
        shown = user_browser.Notebook(page).load(lambda: page.goto(f"{URL}user/bob/lab/tree/cut.ipynb?reset"))
        shown.run()
        shown.output().get_by_text("begun").wait_for()
        with page.expect_websocket(lambda made: made.url.partition("?")[0].endswith("/channels")):
            balanced.cut()
        shown.run(1)
        shown.output(1).get_by_text("42").wait_for()
        assert not page.locator(".jp-Dialog").count()


@pytest.mark.parametrize("proxy", [proxy for proxy, way in EVERY_ROW if way == "http"])
def test_a_balancer_that_neither_redirects_nor_says_who_came_without_tls_fails_the_check(balanced, proxy):
    """The login page is then served without TLS, and the page says that the check finds it."""
    with balanced.behind(proxy, "http", plain=balancer.PASSES):
        assert balanced.asked("redirected", f"http://{VALUES['host']}", LOGIN)[LOGIN][0] == 200
        last = balanced.check("--until", "login_works")[-1]
    assert (last["rung"], last["ok"]) == ("hub_answers", False), last
    said = "port 80 answers without sending people to https://"
    assert said in last["said"]
    assert said in (ROOT / NAME).read_text("utf-8")


REDIRECTING = {proxy: line for proxy, way, line, _, breaks in LINES if (way, breaks) == ("http", {"sent": False})}


@pytest.mark.parametrize("proxy", REDIRECTING)
def test_a_balancer_that_says_http_for_everybody_has_browsers_redirected_for_ever_until_the_line_is_gone(balanced, proxy):
    """The page leads to the entry, as the check does. Without the line, cookies are Secure still."""
    with balanced.behind(proxy, "http", says="http"):
        last = balanced.check("--until", "login_works", user="bob")[-1]
    assert (last["rung"], last["ok"], last["page"]) == ("hub_answers", False, TOO_MANY)
    without = balancer.files(proxy, "http", balanced.address).replace(EVERY_PROXY[proxy].site_file, REDIRECTING[proxy])
    # A balancer that says nothing needs nothing.
    for files, says in ((without, "http"), (None, "https if FALSE")):
        with balanced.behind(proxy, "http", files, plain=balancer.REDIRECTS, says=says):
            last = balanced.check("--until", "login_works", user="bob")[-1]
        assert (last["rung"], last["ok"]) == ("login_works", True), tell(last)
    said = "says `http` for everybody"
    assert [page for page in (NAME, f"{TOO_MANY}/index.md") if said not in (ROOT / page).read_text("utf-8")] == []


def test_a_balancer_that_ends_silent_websockets_fails_the_check(balanced):
    with balanced.behind("nginx", "http", tunnel="4s"):
        last = balanced.check("--idle", "6")[-1]
    assert (last["rung"], last["ok"]) == ("kernel_computes", False), last
    assert "closed the idle WebSocket" in last["said"]


CHAIN = [
    pytest.param(front, back, id=f"{front} before {back}")
    for front in EVERY_PROXY
    for back in EVERY_PROXY
    if (SNIPPETS / balancer.difference(back, "http")).exists()
]


OPENER = "Cross-Origin-Opener-Policy"


@pytest.mark.parametrize(("front", "back"), CHAIN)
def test_a_user_climbs_the_ladder_through_a_chain_of_two_proxies(balanced, front, back):
    """The first is as published, but that the other is in the place of the hub, and without the header that the other has."""
    with balanced.chained(front, back, OPENER) as chain:
        rungs = chain.check("--idle", "6")
        assert rungs[-1]["ok"], tell(rungs[-1])
        assert [rung["rung"] for rung in rungs] == LADDER
        found = seen(chain, "http")
    assert found == {"logged": "the client", "redirected": True, "sent": True, "past": REFUSED["http"], "secure": True}


def test_a_chain_in_which_both_send_the_header_fails_the_check(balanced):
    """The page says so. Browsers take the header twice for none."""
    with balanced.chained("nginx", "nginx") as chain:
        last = chain.check("--megabytes", "1")[-1]
    assert (last["rung"], last["ok"]) == ("blocks_shown", False), last
    assert f"{OPENER}: same-origin, same-origin" in last["said"]
