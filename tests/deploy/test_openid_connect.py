"""deploy/openid-connect.md: users log in with a real provider, behind both web servers; and what is seen when they cannot."""

import json
import re

import pytest

from tests.harness.browsers import logins, other_web
from tests.harness.browsers.logins import CALLBACK, KEPT, SECRET
from tests.harness.browsers.user_browser import document
from tests.harness.machines import deployment
from tests.harness.machines.people import OUT, script
from tests.harness.manifest import NEWEST_ON, PROXIES, ROOT, SAVED_AS, VALUES
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import tell
from tests.harness.site import following
from tests.harness.site.following import TABS
from tests.harness.site.openid_page import PAGE, STATES

TEXT = (ROOT / PAGE).read_text("utf-8")
# By what has happened, the words of the browser and of the log, as the page has them.
ROWS = {cause: (shown, said) for cause, shown, said in re.findall(r"^\| (.+?) \| `([^|]+?)`[^|]* \| `([^|]+?)` \|$", TEXT, re.M)}
FILE = SAVED_AS["logins/oidc.py"]
# The cookie with which a login begins.
STATE = "__Host-oauthenticator-state"
pytestmark = pytest.mark.xdist_group("openid-connect")


@pytest.fixture(scope="module", params=NEWEST_ON)
def place(request):
    with logins.place(NEWEST_ON[request.param]) as place:
        yield place


@pytest.fixture(scope="module")
def followed(place, site):
    """A reader who has followed the page: kim has an account by it, carol has one that is not in the group."""
    secret = {'stat --format "%A %U" /etc/jupyterhub/oidc-secret': lambda machine: machine.sh(f"echo '{SECRET}' >{KEPT}")}
    reader = following.Reader(place.hub.machine, following.Pages.examples(site), TABS["nginx"], before=secret)
    reader.follow(PAGE)
    place.hub.machine.until(deployment.IS_UP)
    return reader


@pytest.fixture(scope="module", params=PROXIES)
def front(request, place, followed):
    with deployment.in_front(place.hub, place.hub.suite, request.param):
        yield request.param


def test_each_command_of_the_page_prints_what_it_says(place, followed, prove):
    assert len(followed.typed) == 10
    assert not followed.wrong, "\n\n".join(followed.wrong)
    met = followed.meet_all(PAGE, STATES)
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert met == len(STATES)
    prove(evidence.installed(place.hub.machine, "logins/requirements.txt", place.hub.suite))
    prove(*followed.proof(place.hub.suite, "nginx"))


@pytest.mark.parametrize("name", ["alice", "kim"])
def test_a_user_logs_in_at_the_provider_and_the_kernel_computes(place, front, name):
    notebook = json.dumps(document("print(6 * 7)"))
    place.hub.machine.exec("sh", "-c", f"cat >/home/{name}/{front}.ipynb", input=notebook, user=name)
    with place.user(name) as user:
        notebook = user.open("JupyterLab", f"{front}.ipynb")
        notebook.run()
        notebook.output().get_by_text("42").wait_for()
        who = f"test $(systemctl show --property User --value jupyter-{name}) = $(id --user {name})"
        place.hub.machine.sh(who)


def test_the_check_climbs_with_a_token_that_the_user_has_made(place, front):
    with place.user("alice") as user:
        token = logins.own_token(user)
    rungs = place.hub.check(token=token)
    assert all(rung["ok"] for rung in rungs), tell(rungs[-1])
    assert [rung["rung"] for rung in rungs][-1] == "blocks_shown"


def test_the_check_with_a_password_asks_for_a_token(place, front):
    last = place.hub.check()[-1]
    words = f"GET /jupyter/hub/login leads to {deployment.URL}hub/login, which has no form of the hub's: users log in elsewhere"
    assert (last["rung"], last["said"], last["certainty"]) == ("login_works", words, "certain")
    assert "Make a token" in last["cause"]
    assert "POST /jupyter/hub/login" not in place.hub.log()


def test_claims_of_more_than_eight_kilobytes_pass(place, front):
    assert len(str(logins.PEOPLE["many"])) > 8192
    with place.user("many", "alice"):
        pass


# Who does not get in, behind nginx and Apache.

REFUSED = {
    "The user is in none of the provider's groups.": "bob",
    "The provider sends no claim `groups`.": "groupless",
    "There is no such account.": "nobody-here",
    "The account is not in the Unix group.": "carol",
    "The address has another domain.": "stranger",
    "The provider has not checked the address.": "unchecked",
}


def told(row, shown, said):
    """Look whether both are as the page has them, in the row that begins so."""
    ((words, log),) = (words for cause, words in ROWS.items() if cause.startswith(row))
    assert words in shown, shown
    assert log in said, said[-3000:]


@pytest.mark.parametrize("row", REFUSED)
def test_who_is_not_allowed_is_told_so(place, front, row):
    told(row, *place.refused(REFUSED[row]))


@pytest.mark.parametrize("name", ["keyed", "numbered"])
def test_groups_that_are_no_list_of_names_let_nobody_in(place, front, name):
    told("The provider sends `groups` as something else than a list of names.", *place.refused(name))


def test_an_address_that_looks_like_anothers_leads_to_no_account(place, front):
    shown, _ = place.refused("kelvin")
    assert ROWS["The address has another domain."][0] in shown


def test_without_that_step_it_leads_to_the_others_account(place, front):
    """A control: as the published file was without the step by which a letter beyond a to z becomes none of them."""
    make = f"""sed -i.kept 's/.encode("ascii", "replace")//; s/.lower().decode()/.lower()/' {FILE}; ! cmp --quiet {FILE} {FILE}.kept"""
    with logins.changed(place.hub, make, f"mv {FILE}.kept {FILE}"), place.user("kelvin", "kim"):
        pass


def test_an_address_in_the_place_of_a_name_has_no_account(place, front):
    """With oauthenticator's own class, in the place of the published one."""
    make = f"""sed -i.kept 's/_class = .*/_class = GenericOAuthenticator\\nc.GenericOAuthenticator.username_claim = "email"/' {FILE}"""
    with logins.changed(place.hub, make, f"mv {FILE}.kept {FILE}"), place.coming("alice") as page:
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("500 :").first.wait_for()
        told("The name at the hub is an email address.", page.inner_text("body"), place.hub.log())


def test_nobody_becomes_root(place, front):
    shown, said = place.refused("root")
    assert ROWS["The account is not in the Unix group."][0] in shown
    assert "root is not in the Unix group" in said


def test_a_line_that_lets_in_everybody_by_password_lets_in_nobody_more(place, front):
    with logins.changed(place.hub, *logins.ALLOW_ALL):
        assert [name for name in ("root", "bob", "carol", "alice") if place.lets_in(name)] == ["alice"]


def test_a_misspelt_unix_group_lets_nobody_in_and_is_told(place, front):
    with logins.changed(place.hub, f"sed -i.kept 's/^UNIX_GROUP = .*/UNIX_GROUP = \"jupiterhub\"/' {FILE}", f"mv {FILE}.kept {FILE}"):
        shown, said = place.refused("alice")
    told("There is no such account.", shown, said)
    assert "or there is no Unix group jupiterhub" in said


@pytest.mark.parametrize(
    ("row", "callback"),
    [
        ("The callback address has another host than the one registered.", CALLBACK.replace("hub.", "other.")),
        ("It begins with `http://`.", CALLBACK.replace("https", "http")),
        ("It has no base URL.", CALLBACK.replace(VALUES["base_url"], "/")),
    ],
    ids=["host", "http", "path"],
)
def test_the_provider_refuses_a_callback_that_it_does_not_know(place, front, row, callback):
    with logins.changed(place.hub, f"sed -i.kept 's|{CALLBACK}|{callback}|' {FILE}", f"mv {FILE}.kept {FILE}"):
        page = place.browser.new_page()
        page.goto(f"{deployment.URL}hub/login")
        page.get_by_role("button", name=logins.SIGN_IN).click()
        page.get_by_text("redirect_uri").first.wait_for()
        told(row, page.inner_text("body"), place.hub.log())
        page.context.close()


def test_without_the_cookie_the_state_is_missing(place, front):
    with place.coming("alice") as page:
        page.context.clear_cookies(name=STATE)
        told("The cookie of the hub is gone", *place.comes_back(page))


def test_who_opens_the_address_of_an_earlier_login_has_no_state(place, front):
    with place.coming("alice") as page:
        came = []
        page.on("request", lambda request: came.append(request.url))
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(re.compile("/user/alice/"), timeout=90_000)
        (again,) = (url for url in came if url.startswith(CALLBACK))
        page.goto(again)
        assert "OAuth state missing from cookies" in page.inner_text("body")


def arrives_as(place, name):
    """For whom the hub takes somebody who looks at a page of alice's, at another host name of its domain; "" if for nobody.

    The page sets the cookie with which alice's login has begun for all these names, and leads to where alice would come back.
    """
    with place.coming("alice") as page:
        (cookie,) = [cookie["value"] for cookie in page.context.cookies(CALLBACK) if cookie["name"] == name]
        page.context.clear_cookies(name=name)
        place.comes_back(page)
        back = page.url
    context = place.browser.new_context()
    page = context.new_page()
    theirs = f"https://alice.{VALUES['host']}/"
    page.route(f"{theirs}**", lambda route: route.fulfill(body="a page of alice's", content_type="text/html"))
    page.goto(theirs)
    page.evaluate("(cookie) => { document.cookie = cookie }", f"{name}={cookie}; domain={VALUES['host']}; path=/; secure")
    page.goto(back)
    # To the end, since the next hub would not know a server that is about to start.
    page.wait_for_url(re.compile("/hub/oauth_callback|/user/"), timeout=90_000)
    taken = ""
    if page.url != back:
        page.goto(f"{deployment.URL}hub/token")
        taken = page.evaluate("window.jhdata.user")
    context.close()
    return taken


def test_a_page_at_another_name_of_the_domain_logs_nobody_in(place, front):
    assert arrives_as(place, STATE) == ""
    # A control: with oauthenticator's own name of the cookie, it does.
    with logins.changed(place.hub, f"sed -i.kept /STATE_COOKIE_NAME/d {FILE}", f"mv {FILE}.kept {FILE}"):
        assert arrives_as(place, "oauthenticator-state") == "alice"


def test_who_says_no_at_the_provider_is_told_so(place, front):
    with place.coming("alice") as page:
        told("The user says no at the provider.", *place.comes_back(page, page.get_by_text("Cancel")))


def test_a_wrong_secret(place, front):
    with logins.changed(place.hub, f"cp -a {KEPT} {KEPT}.kept; echo wrong >{KEPT}", f"mv {KEPT}.kept {KEPT}"):
        told("The secret is wrong.", *place.refused("alice"))


def test_a_provider_that_is_down_when_the_hub_asks(place, front):
    with place.coming("alice") as page:
        place.provider.tell(leaves=True)
        try:
            told("The provider is down when the hub asks it who the user is.", *place.comes_back(page))
        finally:
            place.provider.tell()
            place.provider.start()


def test_a_provider_that_answers_too_late(place, front):
    """Nobody else waits for it."""
    with place.coming("alice") as page:
        place.provider.tell(late=["/token"])
        try:
            page.get_by_role("button", name="Continue").click(no_wait_after=True)
            place.provider.machine.until(f"grep -q 'POST /token' {logins.FOLDER}/log")
            place.hub.machine.sh(f"wget -qO - {deployment.BEHIND}hub/api")
            shown, said = place.arrived(page)
        finally:
            place.provider.tell()
    told("The provider answers later than after 20 seconds.", shown, said)
    before, late, _ = said.partition("Timeout")
    assert late
    assert "200 GET /jupyter/hub/api" in before


def test_a_provider_that_answers_late(place, front):
    with place.coming("alice") as page:
        place.provider.tell(late=["/token", "/me"])
        try:
            page.get_by_role("button", name="Continue").click(no_wait_after=True)
            place.provider.machine.until(f"grep -q 'POST /token' {logins.FOLDER}/log")
        finally:
            place.provider.tell()
        page.wait_for_url(re.compile("/user/alice/"), timeout=90_000)


@pytest.mark.parametrize("how", logins.LOOKUPS)
def test_while_a_directory_of_accounts_is_silent_only_the_published_file_has_the_hub_answer_others(place, front, how):
    with logins.looking_up(place.hub, FILE, how) as meanwhile, place.coming("alice") as page:
        button = page.get_by_role("button", name="Continue")
        assert meanwhile(lambda: button.click(no_wait_after=True)) == (how == "published")
        page.wait_for_url(re.compile("/user/alice/"), timeout=90_000)


NEW_KEY = "require('crypto').generateKeyPairSync('rsa', {modulusLength: 2048}).privateKey.export({format: 'jwk'})"


def test_a_provider_that_changes_its_keys(place, front):
    """The hub does not read them: it asks who the user is, by HTTPS."""
    provider, read = place.provider, f"wget -qO - {logins.ISSUER}/jwks"
    before = place.hub.machine.sh(read).stdout
    made = provider.machine.sh(f'/opt/node/bin/node -p "JSON.stringify({NEW_KEY})"').stdout
    with place.user("alice") as user:
        provider.tell(jwks={"keys": [json.loads(made)]})
        provider.start()
        try:
            assert json.loads(place.hub.machine.sh(read).stdout)["keys"][0]["n"] not in before
            page = user.page()
            page.goto(f"{deployment.URL}hub/home")
            page.locator("#start").wait_for()
            with place.user("kim"):
                pass
            assert provider.said().count("GET /jwks") == 1
        finally:
            provider.tell()
            provider.start()


def test_a_hub_that_does_not_trust_the_providers_certificate(place, front):
    with logins.changed(place.hub, other_web.DISTRUST, other_web.TRUST_AGAIN):
        told("The hub does not trust the provider's certificate.", *place.refused("alice"))


def test_who_logs_out_is_let_in_again_without_a_password_at_the_provider(place, front):
    with place.user("alice") as user:
        page = user.page()
        page.goto(f"{deployment.URL}hub/logout")
        page.goto(f"{deployment.URL}hub/home")
        page.wait_for_url(re.compile("/hub/login"))
        page.get_by_role("button", name=logins.SIGN_IN).click()
        # The provider asks nothing.
        page.wait_for_url(re.compile("/hub/home"))


def test_a_user_cannot_read_the_secret(place, front):
    done = place.hub.machine.sh(f"cat {KEPT}", user="alice", check=False)
    assert done.returncode
    assert "Permission denied" in done.stderr


def test_who_was_shut_out_by_the_script_does_not_come_back(place, front):
    """Last: kim's account is locked."""
    hub = place.hub
    with place.user("kim"):
        assert script(hub, "leave", "kim") == (0, [OUT.format("kim")])
        try:
            told("The account is locked by", *place.refused("kim"))
        finally:
            hub.machine.sh("usermod --unlock --expiredate '' kim")
