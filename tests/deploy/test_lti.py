"""deploy/lti.md: users come from a learning platform, a stand-in written from the standard; what is seen when they cannot; attacks."""

import contextlib
import json
import re

import pytest

from tests.harness.browsers import logins, lti, other_web
from tests.harness.browsers.lti import CALLBACK, FAR, FILE, LOGIN, NEAR, NOTEBOOK
from tests.harness.browsers.user_browser import document
from tests.harness.machines import deployment
from tests.harness.machines.people import OUT, script
from tests.harness.manifest import NEWEST_ON, ROOT, VERSIONS
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import tell
from tests.harness.pairs import EACH_ONCE
from tests.harness.site import following
from tests.harness.site.following import TABS
from tests.harness.site.lti_page import PAGE, STATES

TEXT = (ROOT / PAGE).read_text("utf-8")
# By what has happened, the words of the browser and of the log, as the page has them.
ROWS = {cause: (shown, said) for cause, shown, said in re.findall(r"^\| (.+?) \| `([^|]+?)`[^|]* \| `([^|]+?)` \|$", TEXT, re.M)}
# By the way, what each browser does.
LAUNCHES = {way: row.split(" | ") for way, row in re.findall(r"^\| (A (?:new tab|frame).+?) \| (.+) \|$", TEXT, re.M)}
OTHERS = [version for version in VERSIONS["jupyterhub"] if version not in NEWEST_ON.values()]
pytestmark = pytest.mark.xdist_group("lti")


@pytest.fixture(scope="module", params=[pytest.param(pair, id="-".join(pair)) for pair in EACH_ONCE])
def place(request):
    suite, proxy = request.param
    with lti.place(NEWEST_ON[suite]) as place:
        yield place, proxy


@pytest.fixture(scope="module")
def followed(place, site):
    """A reader who has followed the page: kim has an account by it, carol has one that is not in the group."""
    hub, proxy = place[0].hub, place[1]
    reader = following.Reader(hub.machine, following.Pages.examples(site), TABS[proxy])
    reader.follow(PAGE)
    hub.machine.until(deployment.IS_UP)
    return reader


@pytest.fixture(scope="module")
def front(place, followed):
    with deployment.in_front(place[0].hub, place[0].hub.suite, place[1]) as machine:
        yield machine


@pytest.fixture
def there(place, front):
    return place[0]


def test_each_command_of_the_page_prints_what_it_says(place, followed, prove):
    hub, proxy = place[0].hub, place[1]
    assert len(followed.typed) == 13
    assert not followed.wrong, "\n\n".join(followed.wrong)
    met = followed.meet_all(PAGE, STATES)
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert met == len(STATES)
    prove(evidence.installed(hub.machine, "lti/requirements.txt", hub.suite))
    prove(*followed.proof(hub.suite, proxy))


def computes(there, name):
    notebook = json.dumps(document("print(6 * 7)"))
    there.hub.machine.exec("sh", "-c", f"cat >/home/{name}/{NOTEBOOK}", input=notebook, user=name)
    with there.user(name) as user:
        notebook = user.open("JupyterLab", NOTEBOOK)
        notebook.run()
        notebook.output().get_by_text("42").wait_for()
        there.hub.machine.sh(f"test $(systemctl show --property User --value jupyter-{name}) = $(id --user {name})")


@pytest.mark.parametrize("name", ["alice", "kim"])
def test_a_user_comes_from_the_course_and_the_kernel_computes(there, name):
    computes(there, name)


@pytest.mark.parametrize("version", OTHERS)
def test_with_an_older_jupyterhub_it_is_the_same(version, site):
    with lti.place(version) as there:
        lti.ready(there.hub)
        logins.restart(there.hub)
        with deployment.in_front(there.hub, there.hub.suite, "nginx"):
            assert "allow_all" not in there.hub.log()
            computes(there, "alice")
            told("An account is not in the Unix group.", *there.refused("carol"))
            assert logins.claiming(there.browser, "alice", CLAIMED) == (403, 403, "")


def test_the_link_of_the_course_opens_its_notebook(there):
    with there.user("alice") as user:
        user.context.pages[-1].wait_for_url(re.compile(f"/user/alice/lab/tree/{NOTEBOOK}"))


def test_the_check_climbs_with_a_token_that_the_user_has_made(there):
    with there.user("alice") as user:
        token = logins.own_token(user)
    rungs = there.hub.check(token=token)
    assert all(rung["ok"] for rung in rungs), tell(rungs[-1])
    assert [rung["rung"] for rung in rungs][-1] == "blocks_shown"


def test_the_check_with_a_password_asks_for_a_token(there):
    last = there.hub.check()[-1]
    words = f"GET /jupyter/hub/login leads to {deployment.URL}hub/login, which has no form of the hub's: users log in elsewhere"
    assert (last["rung"], last["said"], last["certainty"]) == ("login_works", words, "certain")
    assert "Make a token" in last["cause"]
    assert "POST /jupyter/hub/login" not in there.hub.log()


def test_who_opens_the_hub_without_the_platform_is_led_there(there):
    page = there.browser.new_page()
    with contextlib.closing(page.context):
        page.goto(f"{deployment.URL}hub/home")
        assert page.get_by_role("link", name="the learning platform").get_attribute("href") == f"https://{FAR}"
        assert not page.locator("form[action*=login]").count()
        page.goto(LOGIN)
        told("The launch begins at the hub", page.inner_text("body"), there.hub.log())


# Who does not get in, and which launches.


def told(row, shown, said):
    """Look whether both are as the page has them, in the row that begins so."""
    ((words, log),) = (words for cause, words in ROWS.items() if cause.startswith(row))
    assert words in shown, shown
    assert log in said, said[-3000:]


REFUSED = {
    "The hub has another client's name": ("alice", {"client": "another"}),
    "The hub has another issuer": ("alice", {"issuer": f"https://{FAR}/"}),
    "The token is signed by a key that": ("alice", {"sign": {"by": "second"}}),
    "The platform does not give its keys.": ("alice", {"lost": True}),
    "The token has expired.": ("alice", {"claims": {"exp": -20}}),
    "The token is older than ten minutes.": ("alice", {"claims": {"iat": -620}}),
    "The platform's clock is ahead": ("alice", {"claims": {"iat": 60}}),
    "The launch is of another deployment.": ("alice", {"deployment": "2"}),
    "The token names no deployment.": ("alice", {"claims": {"deployment_id": None}}),
    "The token has no roles.": ("alice", {"claims": {"roles": None}}),
    "The platform sends no address.": ("opaque", {}),
    "The address has another domain.": ("stranger", {}),
    "There is no such account.": ("nobody-here", {}),
    "An account is not in the Unix group.": ("carol", {}),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_refused_is_told(there, row):
    name, more = REFUSED[row]
    told(row, *there.refused(name, **more))


def test_nobody_becomes_root(there):
    shown, said = there.refused("root")
    assert ROWS["An account is not in the Unix group."][0] in shown
    assert "root is not in the Unix group" in said


def test_allow_all_lets_nobody_in_without_a_valid_account_and_nobody_whom_the_hub_blocks(there):
    lines = 'c.Authenticator.allow_all = True\\nc.Authenticator.blocked_users = {"kim"}\\n'
    with logins.changed(there.hub, f"cp {FILE} {FILE}.kept; printf '{lines}' >>{FILE}", f"mv {FILE}.kept {FILE}"):
        told("An account is not in the Unix group.", *there.refused("root"))
        told("There is no such account.", *there.refused("nobody-here"))
        assert "User missing or null" in there.refused("kim")[0]
        with there.user("alice"):
            pass


def test_the_hubs_log_asks_nobody_to_allow_all(there):
    logins.restart(there.hub)
    assert "allow_all" not in there.hub.log()


def test_a_misspelt_unix_group_lets_nobody_in_and_is_told(there):
    with logins.changed(there.hub, f"sed -i.kept 's/^UNIX_GROUP = .*/UNIX_GROUP = \"jupiterhub\"/' {FILE}", f"mv {FILE}.kept {FILE}"):
        shown, said = there.refused("alice")
    told("There is no such account.", shown, said)
    assert "or there is no Unix group jupiterhub" in said


# As the published file was without the step by which a letter beyond a to z becomes none of them.
AS_TEXT = f"""sed -i.kept 's/.encode("ascii", "replace")//; s/.lower().decode()/.lower()/' {FILE}; ! cmp --quiet {FILE} {FILE}.kept"""


def test_an_address_that_looks_like_anothers_leads_to_no_account(there):
    shown, _ = there.refused("kelvin")
    assert ROWS["The address has another domain."][0] in shown


def test_without_that_step_it_leads_to_the_others_account(there):
    """A control."""
    with logins.changed(there.hub, AS_TEXT, f"mv {FILE}.kept {FILE}"), there.user("kelvin", "kim"):
        pass


def test_a_hub_that_does_not_trust_the_platforms_certificate(there):
    with logins.changed(there.hub, other_web.DISTRUST, other_web.TRUST_AGAIN):
        told("The hub does not trust the platform's certificate.", *there.refused("alice"))


def test_without_the_cookie_the_state_is_missing(there):
    with there.told(waits=True), there.launching("alice") as page:
        lti.posted(page)
        page.context.clear_cookies(domain="hub.example.com")
        told("The hub's cookies are gone", *there.shown(page, page.get_by_role("button", name="Go on")))


def test_an_account_can_be_told_by_the_platforms_id(there):
    make = f"""sed -i.kept 's/^ACCOUNTS = .*/ACCOUNTS = {{"{lti.OPAQUE}": "alice"}}/' {FILE}"""
    with logins.changed(there.hub, make, f"mv {FILE}.kept {FILE}"), there.user("opaque", "alice"):
        pass


@pytest.mark.parametrize("domain", ["None", '""'])
def test_without_a_domain_an_address_lets_nobody_in(there, domain):
    change = f"""s/^ACCOUNTS = .*/ACCOUNTS = {{"{lti.OPAQUE}": "alice"}}/; s/^DOMAIN = .*/DOMAIN = {domain}/"""
    with logins.changed(there.hub, f"sed -i.kept '{change}' {FILE}", f"mv {FILE}.kept {FILE}"):
        for name in ("kim", "domainless"):
            assert ROWS["The address has another domain."][0] in there.refused(name)[0]
        with there.user("opaque", "alice"):
            pass


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_clock_that_is_some_seconds_ahead_does_no_harm(there, claim):
    with there.told(claims={claim: 8}), there.user("alice"):
        pass


def test_without_the_line_such_a_launch_is_refused(there):
    """A control: time_leeway."""
    make = f"sed -i.kept '/time_leeway/d' {FILE}; ! cmp --quiet {FILE} {FILE}.kept"
    with logins.changed(there.hub, make, f"mv {FILE}.kept {FILE}"):
        for claim in ("iat", "nbf"):
            assert f"The token is not yet valid ({claim})" in there.refused("alice", claims={claim: 8})[0]


def test_keys_that_the_platform_changes_are_read_anew(there):
    before = there.platform.asked("GET /keys")
    with there.told(keys=["second"], sign={"by": "second"}), there.user("alice"):
        pass
    assert there.platform.asked("GET /keys") == before + 1


@pytest.mark.parametrize("published", [True, False])
def test_while_the_platform_is_slow_only_the_published_file_has_the_hub_answer_others(there, published):
    make = "true" if published else f"sed -i '/callback_handler = /d' {FILE}"
    changed = logins.changed(there.hub, f"cp {FILE} {FILE}.kept; {make}", f"mv {FILE}.kept {FILE}")
    with changed, there.told(waits=True), there.launching("alice") as page:
        lti.posted(page)
        before = there.platform.asked("GET /keys")
        there.platform.tell(late=["/keys"])
        page.get_by_role("button", name="Go on").click(no_wait_after=True)
        there.platform.machine.until(f"test $(grep -c 'GET /keys' {lti.FOLDER}/log) -gt {before}")
        assert (there.hub.machine.sh(logins.REACHED, check=False).returncode == 0) == published
        there.platform.tell()
        lti.arrives(page, "alice")


@pytest.mark.parametrize("how", logins.LOOKUPS)
def test_while_a_directory_of_accounts_is_silent_only_the_published_file_has_the_hub_answer_others(there, how):
    with logins.looking_up(there.hub, FILE, how) as meanwhile, there.told(waits=True), there.launching("alice") as page:
        lti.posted(page)
        button = page.get_by_role("button", name="Go on")
        assert meanwhile(lambda: button.click(no_wait_after=True)) == (how == "published")
        lti.arrives(page, "alice")


# Attacks: each with a control that gets in.

# The package takes whatever it is given for the claims of a token that it has checked.
CLAIMED = {"https://purl.imsglobal.org/spec/lti/claim/deployment_id": "1", "email": "alice@example.com"}
# As the published file was without the question where a login comes from.
ASKS_NOT = f"sed -i.kept '/async def authenticate/,/return await super/d' {FILE}; ! cmp --quiet {FILE} {FILE}.kept"


def test_nobody_logs_in_at_the_hubs_own_form_or_api_with_claims_of_their_own(there):
    # The hub's API lets only those in whom it knows.
    with there.user("alice"):
        pass
    assert logins.claiming(there.browser, "alice", CLAIMED) == (403, 403, "")


def test_without_that_question_they_do(there):
    """A control."""
    with logins.changed(there.hub, ASKS_NOT, f"mv {FILE}.kept {FILE}"), there.user("alice"):
        assert logins.claiming(there.browser, "alice", CLAIMED)[1:] == (201, "alice")


FORGED = {
    "another key": ({"by": "stranger", "kid": "first"}, "Signature verification failed"),
    "none": ({"alg": "none"}, "The specified alg value is not allowed"),
    "HS256": ({"alg": "HS256"}, "The specified alg value is not allowed"),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_token_that_the_platform_did_not_sign_is_refused(there, how):
    sign, words = FORGED[how]
    shown, _ = there.refused("alice", sign=sign)
    assert words in shown
    assert f"`{words}`" in TEXT
    with there.told(sign={}), there.user("alice"):
        pass


def test_a_token_that_was_stolen_is_refused_in_another_browser_but_with_the_cookies_of_the_launch_it_passes_again(there):
    with there.told(waits=True), there.launching("alice") as page, there.launching("kim") as thief:
        stolen, own = lti.posted(page), lti.posted(thief)
        # Who has them can send them with any request.
        cookies = [cookie | {"sameSite": "None"} for cookie in page.context.cookies() if cookie["domain"] == "hub.example.com"]
        page.get_by_role("button", name="Go on").click()
        lti.arrives(page, "alice")
        # The same browser once more: the hub has taken the cookies away.
        again = page.context.new_page()
        lti.posts(again, stolen)
        assert "OAuth state missing from cookies" in there.shown(again)[0]
        # The thief's own state, and the user's token.
        lti.posts(thief, own | {"id_token": stolen["id_token"]})
        assert "OAuth nonce mismatch" in there.shown(thief)[0]
        # The hub keeps no list of what it has seen.
        context = there.browser.new_context()
        with contextlib.closing(context):
            context.add_cookies(cookies)
            last = context.new_page()
            lti.posts(last, stolen)
            lti.arrives(last, "alice")
    assert "`OAuth nonce mismatch`" in TEXT


@pytest.mark.parametrize("published", [True, False])
def test_only_with_the_published_file_a_page_at_a_name_beside_the_hubs_logs_nobody_in_as_somebody_else(there, published):
    make = "true" if published else f"sed -i '/STATE_COOKIE_NAME/d' {FILE}; ! cmp --quiet {FILE} {FILE}.kept"
    changed = logins.changed(there.hub, f"cp {FILE} {FILE}.kept; {make}", f"mv {FILE}.kept {FILE}")
    with changed, there.told(waits=True), there.launching("kim") as own, contextlib.closing(there.browser.new_context()) as context:
        fields = lti.posted(own)
        kept = [cookie for cookie in own.context.cookies(CALLBACK) if "lti13" in cookie["name"]]
        assert len(kept) == 2
        page = context.new_page()
        lti.posts(page, fields, [f"{one['name']}={one['value']}; domain=example.com; path={one['path']}; secure" for one in kept])
        page.wait_for_url(re.compile("/hub/lti13/oauth_callback|/user/|/spawn"))
        assert ("/kim" in page.url) != published, page.url
        assert ("OAuth state missing from cookies" in page.inner_text("body")) == published


def test_the_package_itself_takes_an_id_for_a_name_and_any_deployment(there):
    """Which the published class does not."""
    assert ROWS["The platform sends no address."][0] in there.refused("sly")[0]
    own = "LTI13Authenticator\\nc.Authenticator.allow_all = True"
    make = f"sed -i.kept 's/_class = .*/_class = {own}/' {FILE}"
    with logins.changed(there.hub, make, f"mv {FILE}.kept {FILE}"), there.told(deployment="2"), there.user("sly", "alice"):
        pass


# In each browser: a launch into a new tab, and into a frame.

# By the table's row: whether into a frame, and what the page on learning platforms has changed for it: the host, and the cookies.
WAYS = {
    "A new tab, as published": (False, None),
    "A frame, as published": (True, None),
    "A frame of one site, with the platform's address": (True, (NEAR, False)),
    "A frame of another site, with the platform's address alone": (True, (FAR, False)),
    "A frame of another site, with the lines for cookies": (True, (FAR, True)),
}


def test_the_table_of_launches_has_a_row_for_each_way():
    assert list(LAUNCHES) == list(WAYS)


@pytest.fixture(scope="module")
def launch(place):
    with lti.launches(place[0]) as launch:
        yield launch


@pytest.mark.loud
@pytest.mark.parametrize("way", WAYS)
def test_what_a_launch_comes_to_in_each_browser_is_as_the_page_says(place, there, front, launch, way):
    into_frame, changed = WAYS[way]
    with contextlib.ExitStack() as stack:
        if changed:
            stack.enter_context(lti.framing(there, front, place[1], *changed))
        host = changed[0] if changed else FAR
        seen = {name: launch(name, host, into_frame).replace(lti.STATE, "login fails") for name in lti.BROWSERS}
    assert seen == dict(zip(lti.BROWSERS, LAUNCHES[way], strict=True))


# What the hub's API answers somebody with a token and without cookies.
WITH_TOKEN = """([address, token]) =>
  fetch(address, { headers: { Authorization: `token ${token}` }, credentials: "omit" }).then((answer) => answer.status)"""


def test_what_the_page_says_of_an_older_file_ends_every_session_server_and_token(there):
    machine = there.hub.machine
    commands = re.findall(r"(?m)^# (.+)", re.search(r"(?s)\n## If you saved .+?\n## ", TEXT)[0].split("```")[1])
    with there.user("alice") as user:
        token = logins.own_token(user)
        page = user.page()
        page.goto(f"{deployment.URL}hub/home")
        asks = [f"{deployment.URL}hub/api/user", token]
        assert page.evaluate(WITH_TOKEN, asks) == 200
        machine.sh(" && ".join(commands))
        machine.until(deployment.IS_UP)
        assert page.evaluate(WITH_TOKEN, asks) == 403
        assert not machine.sh("systemctl list-units --quiet --state active 'jupyter-*.service'").stdout
        page.goto(f"{deployment.URL}hub/token")
        assert "/hub/login" in page.url
    with there.user("alice"):
        pass


def test_who_was_shut_out_by_the_script_does_not_come_back(there):
    """Last: kim's account is locked."""
    with there.user("kim"):
        assert script(there.hub, "leave", "kim") == (0, [OUT.format("kim")])
        try:
            told("The account is locked by", *there.refused("kim"))
        finally:
            there.hub.machine.sh("usermod --unlock --expiredate '' kim")


def test_the_page_says_what_was_a_stand_in():
    assert "not Moodle or Canvas" in TEXT
    assert CALLBACK in TEXT
    assert LOGIN in TEXT
