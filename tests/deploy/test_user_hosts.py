"""deploy/user-hosts.md: each user's server has a host name of its own, and what another user's page did before, it does no longer."""

import re

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import attacks, user_browser
from tests.harness.browsers.attacks import BLOCKS, REACH
from tests.harness.browsers.user_browser import APPLICATIONS, URL
from tests.harness.machines import deployment, existing_site, images, user_hosts
from tests.harness.machines.deployment import PYTHON
from tests.harness.machines.faults import SERVICE
from tests.harness.machines.user_hosts import BASE, HOST, HOSTS, home
from tests.harness.manifest import EVERY_PROXY, NEWEST_ON, ROOT, SAVED_AS, VALUES
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import LADDER, tell
from tests.harness.pairs import WHEREVER
from tests.harness.site import following
from tests.harness.site.following import TABS
from tests.harness.site.user_hosts_page import NARROW, PAGE, STATES

TEXT = (ROOT / PAGE).read_text("utf-8")
CERTIFICATE, SITE, RELOAD = "2-bring-the-certificate", "3-change-the-site", {"nginx": "nginx -s reload", "apache": "apachectl graceful"}
USERS = ("alice", "bob", "mallory")
pytestmark = [pytest.mark.loud("what another user's page tries is refused")]

# A page opens an address in a window, or a WebSocket, and says what came of it.
SOCKET = """(address) => new Promise((done) => {
  const socket = new WebSocket(address);
  socket.onopen = () => { socket.close(); done("opens"); };
  socket.onerror = () => done("is refused");
})"""
SEND = """async (address) => {
  try {
    return String((await fetch(address, { method: "POST", credentials: "include", body: "{}" })).status);
  } catch (error) {
    return error.name;
  }
}"""
PLANT = "(cookie) => { document.cookie = cookie }"


def mallorys_page(user, address):
    page = user.page()
    page.goto(f"{address}static/page.html")
    return page


def tried(user, page, address):
    """What a page of mallory's that a user looks at gets done at that user's own server."""
    with page.expect_popup() as opened:
        page.evaluate("address => { window.held = window.open(address) }", f"{address}tree")
    opened.value.get_by_text("mine.txt").wait_for(timeout=user_browser.PATIENCE)
    return {
        "window": page.evaluate(REACH, f"{address}api/contents/written.txt"),
        "request": page.evaluate(SEND, f"{address}api/contents"),
        "WebSocket": page.evaluate(SOCKET, f"{address.replace('https', 'wss')}api/events/subscribe"),
    }


def written(desk):
    """What lies in alice's home that mallory's page may have put there; it is taken away."""
    return desk.hub.machine.sh(
        "cd /home/alice; ls -A | grep -vxE '\\..*|mine.txt|n.ipynb|first-blocks.*'; rm -f written.txt", check=False
    ).stdout


@pytest.fixture(scope="module", params=WHEREVER, ids="-".join)
def place(request):
    """A hub and a web server on one machine, with the published files; alice and mallory are logged in, each on the one host name."""
    suite, proxy = request.param
    images.prepare(wanted=[images.certified(NEWEST_ON[suite])])
    with user_browser.desk(NEWEST_ON[suite], image=images.certified) as desk:
        desk.proxy, machine = proxy, desk.hub.machine
        machine.sh(f"systemctl start {SERVICE[proxy]}", deployment.placed(proxy))
        deployment.enable(machine, proxy)
        attacks.mallorys(desk)
        desk.put("mine.txt", "alice's own\n")
        desk.user("mallory")
        alice = desk.user()
        address = alice.address("")
        desk.before = tried(alice, mallorys_page(alice, f"{URL}user/mallory/"), address), written(desk)
        desk.old = desk.users.copy()
        desk.users.clear()
        yield desk


@pytest.fixture(scope="module")
def followed(place, site):
    """A reader who has followed the page on it. The DNS and the certificate are there when the page asks for them, the lines too."""
    machine, proxy = place.hub.machine, place.proxy
    narrow, key = deployment.certificate(HOST)
    name = EVERY_PROXY[proxy].site_file
    before = {
        f"getent hosts alice.{HOST}": lambda machine: user_hosts.known(machine, *USERS),
        f"openssl x509 -noout -text -in {VALUES['certificate']} | grep DNS:": lambda machine: machine.put(
            user_hosts.certificate(f"*.{HOST}") | {NARROW: narrow, "/root/narrow.key": key}
        ),
        # An administrator's editor has left the last line without an end.
        re.search(r"(?m)^# (printf .*)$", TEXT)[1]: lambda machine: machine.sh("truncate -s -1 /etc/jupyterhub/jupyterhub_config.py"),
    }
    reader = following.Reader(machine, following.Pages.examples(site), TABS[proxy], before=before)
    machine.put({SAVED_AS[name]: user_hosts.files(proxy).read(name)})
    reader.follow(PAGE)
    machine.until(deployment.IS_UP)
    # Users log in anew, in profiles of their own.
    for name in ("mallory", "alice"):
        place.user(name)
    return reader


def test_on_one_host_name_another_users_page_acts_as_the_user(place):
    seen, files = place.before
    assert seen == {"window": "Home: 201", "request": "403", "WebSocket": "opens"}
    assert "written.txt" in files


def test_each_command_of_the_page_prints_what_it_says(place, followed, prove):
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert len(followed.typed) == 9
    assert followed.meet_all(PAGE, STATES) == 5
    assert not followed.wrong, "\n\n".join(followed.wrong)
    prove(*followed.proof(place.hub.suite, place.proxy))


def test_a_user_climbs_the_ladder_at_a_name_of_their_own(place, followed, prove):
    rungs = place.hub.check("--idle", "6", user="bob")
    assert rungs[-1]["ok"], tell(rungs[-1])
    assert [rung["rung"] for rung in rungs] == LADDER
    words = re.search(r"`(the user's server has a host name of its own), alice\.", TEXT)[1]
    assert f"{words}, bob.{HOST}" in [line for rung in rungs if rung["rung"] == "server_spawns" for line in rung["evidence"]]
    prove(evidence.changed(f"hosts/{place.proxy}.diff", place.proxy, place.hub.machine, place.hub.suite))


def test_so_does_who_has_a_token(place, followed):
    rungs = place.hub.check(token=place.hub.on_server("token", URL, "bob"))
    assert rungs[-1]["ok"], tell(rungs[-1])
    assert [rung["rung"] for rung in rungs] == LADDER


def test_another_users_page_reaches_nothing_and_run_works(place, followed):
    alice = place.user()
    page = mallorys_page(alice, home("mallory"))
    seen = tried(alice, page, home("alice"))
    assert seen["window"].startswith("Failed to read a named property 'document' from 'Window'"), seen
    assert (seen["request"], seen["WebSocket"]) == ("TypeError", "is refused")
    assert written(place) == ""

    place.put("first-blocks.xml", BLOCKS)
    place.notebook("n.ipynb", "%jigsaw Python --workspace first-blocks")
    page = alice.page()
    address = f"{home('alice')}{APPLICATIONS['Notebook 7']}n.ipynb"
    notebook = user_browser.Notebook(page).load(lambda: page.goto(address))
    notebook.run()
    notebook.editor().shown()
    notebook.editor().send("Run")
    expect(notebook.printed()).to_have_text("Hello\n")


def test_old_addresses_lead_to_the_new_ones_and_everybody_logs_in_again(place, followed):
    page = place.user().page()
    page.goto(f"{URL}user/alice/tree")
    page.get_by_text("mine.txt").wait_for()
    assert page.url.startswith(f"{home('alice')}tree")
    before = place.old["alice"].page()
    before.goto(f"{URL}hub/home")
    assert "/hub/login" in before.url


def acts_as(place, name):
    """Whom the hub takes alice for, once a page of mallory's has set a cookie of this name for all names, with mallory's own login."""
    (mine,) = [cookie["value"] for cookie in place.user("mallory").context.cookies(f"{URL}hub/") if cookie["name"] == name]
    alice = place.user()
    planted = f"{name}={mine}; domain={HOST}; path={'/' if name.startswith('__Host-') else BASE}; secure"
    mallorys_page(alice, home("mallory")).evaluate(PLANT, planted)
    page = alice.page()
    page.goto(f"{URL}hub/home")
    return page.evaluate("window.jhdata.user")


def test_another_users_page_logs_nobody_in_as_somebody_else(place, followed):
    assert acts_as(place, "__Host-jupyterhub-hub-login") == "alice"


# A link to a notebook with a # in its name, for whoever opens it.
MALLORYS, SHARP = f"https://mallory.{HOST}{BASE}", "hub/user-redirect/lab/tree/C%23.ipynb"


def sent(place):
    """Where people are led who ask for the hub's login at another user's name; "" if they get it there."""
    ((status, to),) = place.hub.on_server("redirected", MALLORYS, "hub/login?next=/a").values()
    return to if status == 302 else ""


def test_the_hubs_own_pages_are_at_its_own_name_alone(place, followed):
    assert sent(place) == f"{URL}hub/login?next=/a"
    assert [*place.hub.on_server("redirected", MALLORYS, SHARP).values()] == [[302, f"{URL}{SHARP}"]]
    machine, name = place.hub.machine, EVERY_PROXY[place.proxy].site_file
    line = {"nginx": "        rewrite ", "apache": "        Redirect "}[place.proxy]
    text = user_hosts.files(place.proxy).read(name)
    without = "".join(one for one in text.splitlines(keepends=True) if not one.startswith(line))
    assert without != text
    try:
        machine.sh(f"{RELOAD[place.proxy]}; sleep 1", {SAVED_AS[name]: without})
        assert sent(place) == ""
    finally:
        machine.sh(f"{RELOAD[place.proxy]}; sleep 1", {SAVED_AS[name]: text})
    assert sent(place)


def test_a_name_that_is_no_host_name_has_the_one_that_the_page_says(place, followed):
    ask = "from jupyterhub.utils import subdomain_hook_idna as name; print(*(name(one, '{0}', 'user') for one in ('alice', 'ann.lee')))"
    plain, odd = place.hub.machine.exec(PYTHON, "-c", ask.format(HOST)).stdout.split()
    assert plain == f"alice.{HOST}"
    assert f"`{odd}`" in TEXT


def another_site(proxy):
    """A site on the same server that is asked first, and takes whatever has no site of its own."""
    path = {"nginx": "/etc/nginx/conf.d/a-site.conf", "apache": "/etc/apache2/sites-enabled/000-site.conf"}[proxy]
    (text,) = existing_site.beside(proxy, "elsewhere.example.com").values()
    return path, text


def faults(place):
    """By the page's words for a cause, how it is made and undone: shell commands, and files."""
    proxy, reload = place.proxy, f"{RELOAD[place.proxy]}; sleep 1"
    name = EVERY_PROXY[proxy].site_file
    site = SAVED_AS[name]
    path, text = another_site(proxy)
    chain, key = deployment.certificate(HOST)
    narrow = {VALUES["certificate"]: chain, VALUES["key"]: key}
    published = {site: place.hub.files.read(name), path: text}
    put_back = {site: user_hosts.files(proxy).read(name)}
    return {
        "The DNS has no entry": (
            (f"cp /etc/hosts /root/hosts.kept; sed '/alice.{HOST}/d' /root/hosts.kept >/etc/hosts", {}),
            ("cat /root/hosts.kept >/etc/hosts", {}),
        ),
        "The certificate is not for": ((reload, narrow), (reload, user_hosts.certificate(f"*.{HOST}"))),
        "The hub's site does not name": ((reload, published), (f"rm {path}; {reload}", put_back)),
    }


@pytest.mark.parametrize("cause", ["The DNS has no entry", "The certificate is not for", "The hub's site does not name"])
def test_the_check_names_what_is_missing(place, followed, cause):
    (words,) = re.findall(rf"^\| {cause}.*? \| `(.+?)` \|$", TEXT, re.M)
    make, undo = faults(place)[cause]
    place.hub.machine.sh(*make)
    try:
        last = place.hub.check("--keep-server", "--until", "server_spawns", user="bob")[-1]
    finally:
        place.hub.machine.sh(*undo)
    assert (last["ok"], last["page"]) == (False, "deploy/user-hosts"), tell(last)
    assert words in last["cause"], tell(last)
    assert place.hub.check("--keep-server", "--until", "server_spawns", user="bob")[-1]["ok"]


def test_without_the_line_on_cookies_another_users_page_logs_somebody_in_as_its_own_user(place, followed):
    """Last, since everybody has to log in again."""
    hub = place.hub
    kept = hub.machine.read(HOSTS)
    assert kept == hub.files.read("hosts/hosts.py")
    hub.machine.put({HOSTS: re.sub(r"(?m)^c\.JupyterHub\.cookie_host_prefix_enabled .*\n", "", kept)})
    try:
        deployment.end(hub)
        deployment.start(hub)
        place.users.clear()
        assert acts_as(place, "jupyterhub-hub-login") == "mallory"
    finally:
        hub.machine.put({HOSTS: kept})
