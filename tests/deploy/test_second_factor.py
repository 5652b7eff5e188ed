"""deploy/second-factor.md: who logs in needs a password and a code of six digits, which works once."""

import base64
import hmac
import re
import struct
import time

import pytest

from tests.harness.browsers import logins, user_browser
from tests.harness.browsers.user_browser import URL
from tests.harness.machines import deployment, images
from tests.harness.manifest import NEWEST_ON, ROOT, SAVED_AS
from tests.harness.measuring import evidence
from tests.harness.pairs import EACH_ONCE
from tests.harness.site import following
from tests.harness.site.following import TABS
from tests.harness.site.second_factor_page import PAGE, STATES

ROWS = dict(re.findall(r"^\| ([A-Z].+?) \| `(.+?)` \|$", (ROOT / PAGE).read_text("utf-8"), re.M))
FILE = "/var/lib/jupyterhub/codes/alice"
CONFIG, PAM = SAVED_AS["logins/second_factor.py"], SAVED_AS["logins/jupyterhub-pam"]
pytestmark = [pytest.mark.xdist_group("second-factor"), pytest.mark.loud("a login is refused")]


@pytest.fixture(scope="module", params=EACH_ONCE, ids="-".join)
def desk(request):
    suite, proxy = request.param
    images.prepare(wanted=[images.second_factor(NEWEST_ON[suite])])
    with user_browser.desk(NEWEST_ON[suite], image=images.second_factor) as desk, deployment.in_front(desk.hub, suite, proxy):
        desk.proxy = proxy
        yield desk


@pytest.fixture(scope="module")
def followed(desk, site):
    """A reader who has followed the page, and the secret that alice has."""
    reader = following.Reader(desk.hub.machine, following.Pages.examples(site), TABS[desk.proxy])
    reader.follow(PAGE)
    desk.hub.machine.until(deployment.IS_UP)
    return reader


@pytest.fixture
def secret(desk, followed):
    """alice's secret, in a file without used codes and former attempts."""
    machine = desk.hub.machine
    machine.sh(f"test -e /root/codes || cp -a {FILE} /root/codes; cp -a /root/codes {FILE}")
    return machine.read(FILE).splitlines()[0]


def code(secret, steps=0):
    """The code of now, or of some steps of 30 seconds later, as an app computes it (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30 + steps), "sha1")
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def logs_in(desk, password, code="", user="alice"):
    """Whether the hub lets somebody in who fills in its form; if not, it says the words of the page."""
    desk.before = desk.hub.machine.sh("journalctl --quiet --lines 1 --show-cursor | sed -n 's/^-- cursor: //p'").stdout.strip()
    page = desk.browser.new_context().new_page()
    page.set_default_timeout(user_browser.PATIENCE)
    page.goto(f"{URL}hub/login?next={URL}hub/token")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password)
    if code:
        page.get_by_label("Code:").fill(code)
    page.get_by_role("button", name="Sign in").click()
    refused = page.get_by_text("Invalid username or password")
    page.get_by_role("button", name="Request new API token").or_(refused).wait_for()
    result = not refused.is_visible()
    page.context.close()
    return result


def said(desk, cause):
    """Whether the log has what the page says of a cause since somebody tried last to log in."""
    (words,) = (words for row, words in ROWS.items() if row.startswith(cause))
    read = f"journalctl --quiet --output cat --unit jupyterhub.service --after-cursor '{desk.before}'"
    return words in desk.hub.machine.sh(f"journalctl --sync; {read}").stdout


def test_each_command_of_the_page_prints_what_it_says(desk, followed, prove):
    assert len(followed.typed) == 7
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert followed.meet_all(PAGE, STATES) == len(STATES)
    assert not followed.wrong, "\n\n".join(followed.wrong)
    prove(evidence.units("logins", desk.hub.machine, desk.hub.suite))
    prove(*followed.proof(desk.hub.suite, desk.proxy))


def test_password_and_code_let_a_user_in_once(desk, secret, prove):
    password, now = desk.hub.passwords["alice"], code(secret)
    assert logs_in(desk, password, now)
    assert not logs_in(desk, password, now)
    assert said(desk, "The code was used before.")
    version = desk.hub.machine.sh("dpkg-query --show --showformat '${Version}' libpam-google-authenticator").stdout
    prove(evidence.read_beside("libpam-google-authenticator", version, desk.hub.suite))


def test_neither_alone_does(desk, secret):
    password = desk.hub.passwords["alice"]
    assert not logs_in(desk, password)
    assert not logs_in(desk, password, code(secret, 20))
    assert said(desk, "The code is wrong, or too old.")
    assert not logs_in(desk, "wrong", code(secret))
    assert said(desk, "The password is wrong.")
    assert not said(desk, "The code is wrong, or too old.")
    # The code of a login that had a wrong password was not asked for, and still works.
    assert logs_in(desk, password, code(secret))


def test_the_hubs_api_asks_for_the_code_too(desk, secret):
    login = {"username": "alice", "password": desk.hub.passwords["alice"]}
    assert logins.claiming(desk.browser, "alice", login)[1:] == (403, "")
    # The form takes the code, which works once.
    assert logins.claiming(desk.browser, "alice", login | {"otp": code(secret)}) == (302, 403, "alice")


def test_who_guesses_has_three_attempts_in_half_a_minute(desk, secret):
    password = desk.hub.passwords["alice"]
    for turn in range(3):
        assert not logs_in(desk, password, code(secret, 20 + turn))
    assert not logs_in(desk, password, code(secret))
    assert said(desk, "The fourth attempt within 30 seconds")


def test_who_has_no_secret_is_refused(desk, secret):
    assert not logs_in(desk, desk.hub.passwords["bob"], code(secret), "bob")
    assert said(desk, "The user has no secret.")


def test_an_emergency_code_works_once(desk, secret):
    password, one = desk.hub.passwords["alice"], desk.hub.machine.read(FILE).split()[-1]
    assert re.fullmatch(r"\d{8}", one)
    assert logs_in(desk, password, one)
    assert not logs_in(desk, password, one)


def test_a_user_cannot_read_the_secrets(desk, followed):
    done = desk.hub.machine.sh(f"cat {FILE}", user="alice", check=False)
    assert "Permission denied" in done.stderr


@pytest.fixture
def one_field(desk, followed):
    """A hub with one field, as the page says."""
    hub = desk.hub
    config, pam = hub.machine.read(CONFIG), hub.machine.read(PAM)
    line = re.search(r"^auth required pam_google_authenticator.*\n", pam, re.M)[0]
    first = line.replace("user=root", "user=root forward_pass") + pam.replace(line, "")
    hub.machine.put({CONFIG: re.sub(r"(?m)^.*otp.*\n", "", config), PAM: first})
    deployment.end(hub)
    deployment.start(hub)
    yield
    hub.machine.put({CONFIG: config, PAM: pam})
    deployment.end(hub)
    deployment.start(hub)


def test_in_one_field_the_code_comes_after_the_password(desk, one_field, secret):
    password, now = desk.hub.passwords["alice"], code(secret)
    assert not logs_in(desk, password)
    assert logs_in(desk, password + now)
    assert not logs_in(desk, password + now)


def test_without_the_two_calls_no_code_is_right(desk, secret):
    """A control: the lines for the hub's unit."""
    hub, calls = desk.hub, SAVED_AS["logins/codes.conf"]
    hub.machine.sh(f"mv {calls} /root/kept")
    deployment.end(hub)
    deployment.start(hub)
    try:
        assert not logs_in(desk, hub.passwords["alice"], code(secret))
        assert said(desk, "The hub's unit lacks")
    finally:
        hub.machine.sh(f"mv /root/kept {calls}")
        deployment.end(hub)
        deployment.start(hub)


def test_without_the_file_for_pam_the_hub_does_not_start_and_without_the_package_nobody_logs_in(desk, secret):
    """As on a machine on which a copy was restored, and not all of the rest."""
    hub, words = desk.hub, re.search(r"`(/etc/pam.d/jupyterhub is missing)`", (ROOT / PAGE).read_text("utf-8"))[1]
    module = hub.machine.sh("dpkg --listfiles libpam-google-authenticator | grep '[.]so$'").stdout.strip()
    deployment.end(hub)
    try:
        hub.machine.sh(f"mv {PAM} /root/kept")
        with pytest.raises(RuntimeError, match=words):
            deployment.start(hub)
        hub.machine.sh(f"mv /root/kept {PAM}; mv {module} /root/module")
        deployment.start(hub)
        assert not logs_in(desk, hub.passwords["alice"], code(secret))
        assert not logs_in(desk, hub.passwords["alice"])
    finally:
        deployment.end(hub)
        hub.machine.sh(f"mv /root/kept {PAM}; mv /root/module {module}", check=False)
        deployment.start(hub)


def test_without_the_line_the_password_is_enough(desk, secret):
    """Last, a control: the service by which the hub asks."""
    hub = desk.hub
    hub.machine.sh(f"sed -i '/service/d' {CONFIG}")
    deployment.end(hub)
    deployment.start(hub)
    assert logs_in(desk, hub.passwords["alice"], "000000")
