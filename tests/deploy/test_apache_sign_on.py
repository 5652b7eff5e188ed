"""deploy/apache-sign-on.md: Apache asks users who they are and tells the hub; nobody on the machine can tell it another name."""

import contextlib
import json
import re

import pytest

from tests.harness.browsers import logins, other_web
from tests.harness.browsers.logins import SECRET
from tests.harness.browsers.user_browser import document
from tests.harness.machines import deployment, images, ready_scripts
from tests.harness.machines.deployment import CHECK, PYTHON, URL
from tests.harness.manifest import MANIFEST, NEWEST_ON, ROOT, SAVED_AS, VALUES
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import tell
from tests.harness.site import following
from tests.harness.site.apache_sign_on_page import HEADER, MODULE, PAGE, STATES
from tests.harness.site.following import TABS

TEXT = (ROOT / PAGE).read_text("utf-8")
# By what has happened, the words of the browser and of the log, as the page has them.
ROWS = {cause: (shown, said) for cause, shown, said in re.findall(r"^\| (.+?) \| `([^|]+?)` \| `([^|]+?)` \|$", TEXT, re.M)}
CONF, FILE, SITE = (SAVED_AS[f"{name}"] for name in ("logins/sign-on.conf", "logins/sign_on.py", "apache/jupyterhub.conf"))
OWN = "/home/alice/.jupyter/jupyter_server_config.py"
RELOAD = "apachectl graceful; sleep 1"
# A path that Apache takes for the login, and the hub's proxy for alice's server.
BOTH = f"{VALUES['base_url']}hub/login/\\..\\..\\..\\user\\alice\\api"
pytestmark = pytest.mark.xdist_group("apache-sign-on")

# As somebody who can run programs on the machine: by whom the hub takes them for, if they tell it bob's name.
FORGE = """
import http.cookiejar, json, re, urllib.error, urllib.request
def told(port):
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    opener.addheaders = [("X-Remote-User", "bob@example.com")]
    try:
        opener.open(f"http://127.0.0.1:{port}BASEhub/login?next=BASEhub/token")
        return re.search(r'user: "(.*?)"', opener.open(f"http://127.0.0.1:{port}BASEhub/token").read().decode())[1]
    except urllib.error.HTTPError as error:
        return error.code
print(json.dumps([told(port) for port in (800, 881)]))
""".replace("BASE", VALUES["base_url"])
# alice's server writes down what it receives.
LISTEN = """
from tornado import web
find = web.Application.find_handler
def written(self, request, **more):
    with open("/home/alice/received", "a") as file:
        print(request.uri, dict(request.headers), file=file)
    return find(self, request, **more)
web.Application.find_handler = written
"""
# Asks Apache for paths as they stand, with headers; what it answers.
ASK = """
import json, socket, ssl, sys
host, headers, *paths = json.load(sys.stdin)
answers = []
for path in paths:
    context = ssl.create_default_context(cafile="CHECK/ca.pem")
    with context.wrap_socket(socket.create_connection((host, 443)), server_hostname=host) as client:
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
        client.sendall("\\r\\n".join([*lines, "", ""]).encode())
        answers.append(client.makefile("rb").readline().decode().split()[1])
print(json.dumps(answers))
""".replace("CHECK", CHECK)


@pytest.fixture(scope="module", params=NEWEST_ON)
def place(request):
    with logins.place(NEWEST_ON[request.param], images.sign_on, "") as place:
        machine = place.hub.machine
        machine.sh("systemctl start apache2", deployment.placed("apache"))
        deployment.enable(machine, "apache")
        yield place


@pytest.fixture(scope="module")
def followed(place, site):
    """A reader who has followed the page."""
    looks = 'stat --format "%A %U %n" sign-on-*'
    before = {
        looks: lambda machine: machine.sh(f"echo 'OIDCClientSecret \"{SECRET}\"' >>{MODULE}"),
        "apachectl -t && systemctl reload apache2": lambda machine: machine.put(
            {SITE: ready_scripts.site("apache").read("apache/jupyterhub.conf")}
        ),
    }
    reader = following.Reader(place.hub.machine, following.Pages.examples(site), TABS["apache"], before=before)
    reader.follow(PAGE)
    place.hub.machine.until(deployment.IS_UP)
    return reader


@contextlib.contextmanager
def changed(place, make, undo):
    """Apache and a hub that were started when shell commands had changed their machine."""

    def restart(script):
        place.hub.machine.sh(f"{script} && {RELOAD}")
        deployment.end(place.hub)
        deployment.start(place.hub)

    restart(make)
    try:
        yield
    finally:
        restart(undo)


def edited(place, file, command):
    """The same, with an edit of sed's, which changes something."""
    return changed(place, f"sed -i.kept '{command}' {file} && ! cmp -s {file} {file}.kept", f"mv {file}.kept {file}")


def computed(user, place, code):
    """What a cell prints in a user's own kernel."""
    name = user.name
    place.hub.machine.exec("sh", "-c", f"cat >/home/{name}/cell.ipynb", input=json.dumps(document(code)), user=name)
    notebook = user.open("JupyterLab", "cell.ipynb")
    notebook.run()
    shown = notebook.output().locator("pre").first
    shown.wait_for()
    return shown.inner_text().strip()


def test_each_command_of_the_page_prints_what_it_says(place, followed, prove):
    assert len(followed.typed) == 14
    assert not followed.wrong, "\n\n".join(followed.wrong)
    met = followed.meet_all(PAGE, STATES)
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert met == len(STATES)
    version = evidence.reported(place.hub.machine, "apache")
    prove(evidence.row("accepted", "apache", version, ["logins/sign-on.conf"], home=place.hub.suite))
    prove(*followed.proof(place.hub.suite, "apache"))


def test_a_user_logs_in_and_forges_nothing_from_the_kernel(place, followed):
    with place.user("alice") as user:
        assert computed(user, place, "print(6 * 7)") == "42"
        assert json.loads(computed(user, place, FORGE)) == [403, 403]


def test_without_the_secret_a_user_of_the_machine_is_whoever_they_say(place, followed):
    """A control: the comparison in sign_on.py."""
    with edited(place, FILE, "s/if not hmac.compare_digest(.*/if False:/"), place.user("alice") as user:
        assert json.loads(computed(user, place, FORGE)) == ["bob", "bob"]


def taken_for(place):
    """Whom the hub takes alice for, if her browser sends bob's name in the header too."""
    forged = {"extra_http_headers": {"X-Remote-User": "bob@example.com"}}
    with place.coming("alice", **forged) as page:
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(re.compile("/hub/|/user/"), timeout=90_000)
        page.goto(f"{URL}hub/token")
        return page.evaluate("window.jhdata.user")


def test_what_a_browser_sends_in_the_header_is_gone(place, followed):
    assert taken_for(place) == "alice"
    with edited(place, CONF, "s/RequestHeader set X-Remote-User/RequestHeader setifempty X-Remote-User/"):
        assert taken_for(place) == "bob"


def cookies(place, path):
    """The names of the module's cookies that alice's browser has for a path once she has logged in."""
    with place.user("alice") as user:
        return {one["name"] for one in user.context.cookies(f"{URL}{path}") if one["name"].startswith("mod_auth_openidc")}


def test_the_modules_cookies_are_for_the_login_alone(place, followed):
    assert cookies(place, "hub/login")
    assert not cookies(place, "user/alice/")
    with edited(place, CONF, "s,^ *OIDCCookiePath .*,OIDCCookiePath /,"):
        assert cookies(place, "user/alice/")


def received(place):
    """What alice's server receives of the secret, if she asks Apache for all that it might send there."""
    machine = place.hub.machine
    secret = re.search(r"Apache (\w+)", machine.read(HEADER))[1]
    machine.sh("systemctl stop jupyter-alice; rm -f /home/alice/received")
    machine.exec("sh", "-c", f"mkdir -p $(dirname {OWN}) && cat >{OWN}", input=LISTEN, user="alice")
    deployment.end(place.hub)
    deployment.start(place.hub)
    with place.user("alice") as user:
        cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in user.context.cookies(f"{URL}hub/login"))
        assert "mod_auth_openidc_session" in cookies
        base = VALUES["base_url"]
        dots = ["hub/login/../../user/alice/api", "hub/login/%2e%2e/%2e%2e/user/alice/api", "user/alice/%2e%2e/%2e%2e/hub/login"]
        paths = [BOTH, *(f"{base}{path}" for path in dots), f"{base}user/alice/api"]
        told = json.dumps([VALUES["host"], [f"Cookie: {cookies}"], *paths])
        answers = json.loads(machine.exec(PYTHON, "-c", ASK, input=told).stdout)
        return answers, secret in machine.read("/home/alice/received")


def test_the_secret_does_not_come_to_a_users_server(place, followed):
    try:
        answers, came = received(place)
        assert not came, answers
        with edited(place, CONF, "/ProxyPass/d"):
            answers, came = received(place)
            assert came, answers
    except Exception:
        print(place.hub.log()[-6000:])
        raise
    finally:
        place.hub.machine.sh(f"rm {OWN}; systemctl stop jupyter-alice")
        deployment.end(place.hub)
        deployment.start(place.hub)


def test_the_check_climbs_with_a_token_and_not_if_apache_asks_everywhere(place, followed):
    with place.user("alice") as user:
        token = logins.own_token(user)
    rungs = place.hub.check(token=token)
    assert all(rung["ok"] for rung in rungs), tell(rungs[-1])
    assert [rung["rung"] for rung in rungs][-1] == "blocks_shown"

    with edited(place, CONF, f"s|<Location .*|<Location {VALUES['base_url']}>|; /ProxyPass/d; /sign-on-header/d"):
        last = place.hub.check(token=token)[-1]
    assert not last["ok"]
    assert "A login in front of the hub comes first" in last["cause"], tell(last)


REFUSED = {
    "The user is in none of the provider's groups.": "bob",
    "The provider has not checked the address.": "unchecked",
    "The address has another domain.": "stranger",
    "There is no such account": "nobody-here",
    "The account is not in the Unix group.": "carol",
}


def told(place, row, name="alice"):
    """Look whether a user who is refused sees, and a log says, what the page has in the row that begins so."""
    ((words, log),) = (words for cause, words in ROWS.items() if cause.startswith(row))
    place.hub.machine.sh(": >/var/log/apache2/error.log")
    shown, said = place.refused(name)
    assert words in shown, shown
    said += place.hub.machine.read("/var/log/apache2/error.log")
    assert log in said, said[-3000:]


@pytest.mark.parametrize("row", REFUSED)
def test_who_is_not_allowed_is_told_so(place, followed, row):
    told(place, row, REFUSED[row])


def test_nobody_becomes_root(place, followed):
    assert "403 : None" in place.refused("root")[0]


def test_a_line_that_lets_in_everybody_by_password_lets_in_nobody_more(place, followed):
    with changed(place, *logins.ALLOW_ALL):
        assert [name for name in ("root", "carol", "alice") if place.lets_in(name)] == ["alice"]


def test_a_header_that_holds_null(place, followed):
    with edited(place, CONF, 's/"expr=%{REMOTE_USER}"/%{REMOTE_USER}e/'):
        told(place, "The header holds the word `(null)`")


def test_apache_and_the_hub_have_two_secrets(place, followed):
    machine = place.hub.machine
    machine.sh(f"cp -a {HEADER} /root/kept; sed -i -E 's/[0-9a-f]{{64}}/{'0' * 64}/' {HEADER}; {RELOAD}")
    try:
        told(place, "Apache has another secret than the hub")
    finally:
        machine.sh(f"cp -a /root/kept {HEADER}; {RELOAD}")


def test_a_wrong_secret_of_the_client(place, followed):
    with edited(place, MODULE, 's/^OIDCClientSecret .*/OIDCClientSecret "wrong"/'):
        told(place, f"The client's secret is wrong, on Debian {MANIFEST['debian'][place.hub.suite]}.")


def test_apache_does_not_trust_the_provider(place, followed):
    with changed(place, f"{other_web.DISTRUST} && systemctl restart apache2", other_web.TRUST_AGAIN):
        page = place.browser.new_page()
        page.goto(f"{URL}hub/login")
        ((words, log),) = (words for cause, words in ROWS.items() if cause.startswith("Apache does not trust"))
        shown, said = page.inner_text("body"), place.hub.machine.read("/var/log/apache2/error.log")
        page.context.close()
    assert words in shown, shown
    assert log in said, said[-3000:]


def test_a_user_cannot_read_the_secret(place, followed):
    done = place.hub.machine.sh(f"cat {HEADER}; cat {MODULE}", user="alice", check=False)
    assert done.returncode
    assert done.stderr.count("Permission denied") == 2


# A site of somebody else's in the same Apache, who may write an .htaccess. Apache puts a variable's value into its lines, too.
NEIGHBOUR = """Listen 8080
Define OF_THE_NEIGHBOUR seen-by-the-neighbour
<VirtualHost *:8080>
    DocumentRoot /srv/neighbour
    <Directory /srv/neighbour>
        AllowOverride All
        Require all granted
    </Directory>
</VirtualHost>
"""
BESIDE = "/etc/apache2/conf-enabled/neighbour.conf"
SHOWS = 'import urllib.request as r; print(r.urlopen("http://127.0.0.1:8080/").headers.get_all("X-Seen"))'


def test_the_owner_of_another_site_in_the_same_apache_reads_no_secret(place, followed):
    machine = place.hub.machine
    kept = "".join(machine.read(path) for path in (HEADER, MODULE))
    secrets = [*re.findall(r"\b[0-9a-f]{64}\b", kept), *re.findall(SECRET, kept)]
    assert len(secrets) == 3
    machine.sh(f"mkdir /srv/neighbour; echo page >/srv/neighbour/index.html; {RELOAD}", {BESIDE: NEIGHBOUR})
    try:
        variables = re.findall("^Define: (\\w+)=", machine.sh("apachectl -t -D DUMP_RUN_CFG").stdout, re.M)
        machine.put({"/srv/neighbour/.htaccess": "".join(f'Header add X-Seen "${{{name}}}"\n' for name in variables)})
        seen = machine.exec(PYTHON, "-c", SHOWS).stdout
    finally:
        machine.sh(f"rm -r {BESIDE} /srv/neighbour; {RELOAD}")
    assert "seen-by-the-neighbour" in seen
    assert [secret for secret in secrets if secret in seen] == []
