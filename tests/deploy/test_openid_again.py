"""deploy/openid-connect.md, with its second file: the hub asks the provider again whether somebody who is logged in may stay."""

import contextlib
import re

import pytest

from tests.harness.browsers import logins
from tests.harness.machines import deployment, engine
from tests.harness.manifest import HUBS, ROOT, SAVED_AS

PAGE = (ROOT / "deploy/openid-connect.md").read_text("utf-8")
FILE, LOGIN = SAVED_AS["logins/oidc_again.py"], SAVED_AS["logins/oidc.py"]
# The line that the page has readers add.
(LINE,) = re.findall(r'`(load_subconfig\("/etc/jupyterhub/oidc_again\.py"\))`', PAGE)
KEY = "/var/lib/jupyterhub/oidc-key"
HOME = f"{deployment.URL}hub/home"
IN_NONE = "alice is in none of these groups of the provider: jupyter-users"
ELSEWHERE = logins.PEOPLE | {"alice": logins.person("alice@example.com", "others")}
OTHER = logins.PEOPLE | {"alice": logins.person("bob@example.com", "jupyter-users")}
GONE = {name: about for name, about in logins.PEOPLE.items() if name != "alice"}
pytestmark = pytest.mark.xdist_group("openid-again")


@pytest.fixture(scope="module")
def place():
    with logins.place(HUBS[-1]) as place:
        logins.ready(place.hub)
        logins.restart(place.hub)
        with deployment.in_front(place.hub, place.hub.suite, "nginx"):
            yield place


@contextlib.contextmanager
def asking_again(place, seconds=0, more=""):
    """A hub with the second file; it asks once in so many seconds, if that is given. `more` changes its machine too."""
    often = f"sed -i 's/age = .*/age = {seconds}/' {FILE}" if seconds else "true"
    make = f"cp -a /etc/jupyterhub /root/once; echo '{LINE}' >>{logins.CONFIG}; {often}; {more or 'true'}"
    with logins.changed(place.hub, make, "cp -a /root/once/. /etc/jupyterhub; rm -r /root/once"):
        yield


@contextlib.contextmanager
def told(place, **more):
    """A provider that knows others, or is otherwise."""
    place.provider.tell(**more)
    try:
        yield
    finally:
        place.provider.tell()


def asked(place):
    """How often the provider was asked who somebody is."""
    return place.provider.said().count("GET /me")


def is_in(page):
    page.goto(HOME)
    return page.url == HOME


def has_to_log_in(page):
    """Whether the hub's own page leads to the login, if not at once."""

    def leads():
        page.goto(HOME)
        page.wait_for_url(re.compile("/hub/login"), timeout=1000)

    engine.wait(leads, timeout=30)


def start_anew(page):
    """Stop alice's server, and start it."""
    page.goto(HOME, wait_until="networkidle")
    page.locator("#stop").click()
    page.locator("#start", has_text="Start My Server").wait_for()
    page.locator("#start").click()
    page.wait_for_url(re.compile("/hub/login|/user/alice/|/hub/spawn/alice"), timeout=90_000)
    page.wait_for_url(lambda url: "spawn-pending" not in url, timeout=90_000)


def test_without_the_file_whoever_is_logged_in_stays(place):
    """A control."""
    with place.user("alice") as user, told(place, people=ELSEWHERE):
        page, before = user.page(), asked(place)
        assert is_in(page)
        start_anew(page)
        assert "/user/alice/" in page.url
        assert asked(place) == before


def test_the_hub_asks_once_in_so_many_seconds(place):
    """The published number is not over here, whatever the user opens."""
    with asking_again(place), place.user("alice") as user:
        page, before = user.page(), asked(place)
        assert place.hub.machine.sh(f"stat --format '%a %U' {KEY}").stdout == "600 root\n"
        with told(place, people=ELSEWHERE):
            assert is_in(page)
            start_anew(page)
            assert "/user/alice/" in page.url
            assert asked(place) == before


def test_without_its_line_the_start_of_a_server_shows_an_error(place):
    """A control: JupyterHub asks before each start, and does not lead to the login."""
    with asking_again(place, more=f"sed -i /refresh_pre_spawn/d {FILE}"), place.user("alice") as user, told(place, people=ELSEWHERE):
        page = user.page()
        start_anew(page)
        assert "500 : Unhandled error starting server alice" in page.inner_text("body")


def test_with_the_file_everybody_logs_in_once_more(place):
    with place.user("alice") as user, asking_again(place, 1):
        has_to_log_in(user.page())
        assert "No auth_state found for user alice" in place.hub.log()


def test_who_has_left_the_group_has_to_log_in_and_is_refused(place):
    with asking_again(place, 1), place.user("alice") as user, told(place, people=ELSEWHERE):
        page = user.page()
        has_to_log_in(page)
        page.goto(f"{deployment.URL}hub/spawn/alice")
        assert "/hub/login" in page.url
        assert IN_NONE in place.hub.log()
        # The server that runs goes on.
        page.goto(f"{deployment.URL}user/alice/api/status")
        assert '"started"' in page.inner_text("body")
        page.goto(HOME)
        page.get_by_role("button", name=logins.SIGN_IN).click()
        page.wait_for_url(re.compile("/hub/oauth_callback"))
        assert "Sorry, you are not currently authorized to use this hub" in page.inner_text("body")


def test_whose_address_leads_to_another_account_now_has_to_log_in(place):
    with asking_again(place, 1), place.user("alice") as user, told(place, people=OTHER):
        page = user.page()
        has_to_log_in(page)
        assert "alice would be bob now" in place.hub.log()


def test_whom_the_provider_no_longer_knows_has_to_log_in(place):
    with asking_again(place, 1), place.user("alice") as user, told(place, people=GONE):
        page = user.page()
        has_to_log_in(page)
        assert "Error refreshing auth with current access_token for alice: HTTP 401" in place.hub.log()


def test_while_the_provider_is_down_whoever_is_logged_in_stays(place):
    with asking_again(place, 1), place.user("alice") as user:
        page = user.page()
        place.provider.stop()
        try:
            assert is_in(page)
            start_anew(page)
            assert "/user/alice/" in page.url
        finally:
            place.provider.start()
        assert "The provider does not say whether alice may stay: [Errno 111] Connection refused" in place.hub.log()


# A web server at the provider's name that answers everything with a page for people.
MAINTENANCE = """
const at = (name) => require('fs').readFileSync(`FOLDER/${name}.pem`);
require('https').createServer({cert: at('cert'), key: at('key')}, (_, answer) => answer.end('<p>Back at noon')).listen(443);
""".replace("FOLDER", logins.FOLDER)


def test_while_the_provider_shows_a_page_for_people_whoever_is_logged_in_stays(place):
    with asking_again(place, 1), place.user("alice") as user:
        machine, page = place.provider.machine, user.page()
        place.provider.stop()
        machine.put({f"{logins.FOLDER}/maintenance.js": MAINTENANCE})
        machine.sh(f"(setsid /opt/node/bin/node {logins.FOLDER}/maintenance.js & echo $! >{logins.FOLDER}/pid); true")
        try:
            place.hub.machine.until(f"wget -qO - {logins.ISSUER} | grep -q noon")
            assert is_in(page)
        finally:
            place.provider.start()
        assert "The provider does not say whether alice may stay: Expecting value" in place.hub.log()


def test_an_empty_key_is_made_anew(place):
    """As a full disk leaves it at the first start."""
    with asking_again(place, more=f": >{KEY}"), place.user("alice"):
        assert place.hub.machine.sh(f"wc --bytes <{KEY}; stat --format '%a %U' {KEY}").stdout == "64\n600 root\n"


def test_who_has_an_access_token_that_is_no_longer_valid_logs_in_again(place):
    """A provider that is started anew has forgotten all of them."""
    with asking_again(place, 1), place.user("alice") as user:
        place.provider.start()
        page = user.page()
        has_to_log_in(page)


def test_with_a_refresh_token_nobody_has_to(place):
    asks = 'c.OAuthenticator.extra_authorize_params = {"prompt": "consent"}'
    more = f"""sed -i 's/"groups"\\]/"groups", "offline_access"]/' {LOGIN}; echo '{asks}' >>{LOGIN}"""
    client = place.provider.client | {"grant_types": ["authorization_code", "refresh_token"]}
    with told(place, clients=[client], ttl=20), asking_again(place, 1, more):
        place.provider.start()
        try:
            with place.user("alice") as user:
                page = user.page()

                def refreshed():
                    assert is_in(page)
                    assert place.provider.said().count("POST /token") > 1

                engine.wait(refreshed, timeout=60, every=1)
                assert "Refreshing oauth access token for alice" in place.hub.log()
                assert is_in(page)
        finally:
            place.provider.tell()
            place.provider.start()
