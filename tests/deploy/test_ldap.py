"""deploy/ldap.md: users of an LDAP server log in to the hub behind both web servers; and what is seen when they cannot."""

import contextlib
import re
import time

import pytest

from tests.harness.browsers import other_web
from tests.harness.machines import deployment, directory, engine, images
from tests.harness.machines.deployment import BEHIND, CHECK
from tests.harness.machines.directory import HOST, MAILS, OF_THE_MACHINE, PASSWORDS, STRANGE
from tests.harness.machines.people import OUT, own_account, script
from tests.harness.manifest import HOMES, MANIFEST, NEWEST_ON, PROXIES, PUBLISHED, ROOT
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import tell
from tests.harness.site import following
from tests.harness.site.following import TABS
from tests.harness.site.ldap_page import PAGE, STATES

# By the cause, the words of the browser, of the hub's log and of SSSD.
ROWS = {
    cells[0]: [cell.strip("`") for cell in cells[1:]]
    for row in re.findall(r"^\| ([A-Z].+) \|$", (ROOT / PAGE).read_text("utf-8"), re.M)
    if len(cells := [cell.strip() for cell in row.split("|")]) == 4
}
CONF, CONFIG = "/etc/sssd/sssd.conf", "/etc/jupyterhub/jupyterhub_config.py"
LOG, ASKED = "/var/log/sssd/sssd_directory.log", "/run/sssd-asked-to-start"
FORGET = f"systemctl stop sssd; systemctl reset-failed sssd; rm -f /var/lib/sss/mc/*; date +%s >{ASKED}; : >{LOG}; systemctl start sssd"
pytestmark = pytest.mark.xdist_group("ldap")


@pytest.fixture(scope="module", params=NEWEST_ON)
def ldap(request):
    with engine.network() as network, directory.directory(network) as server:
        names = {HOST: server.machine.address()}
        with deployment.hub(NEWEST_ON[request.param], PUBLISHED, network, names, images.sssd) as hub:
            other_web.trust(hub.machine)
            hub.machine.put({f"{CHECK}/{name}.txt": password for name, password in PASSWORDS.items()})
            yield hub, server


@pytest.fixture(scope="module")
def followed(ldap, site):
    """A reader who has followed the page."""
    reader = following.Reader(ldap[0].machine, following.Pages.examples(site), TABS["nginx"])
    reader.follow(PAGE)
    ldap[0].machine.until(deployment.IS_UP)
    return reader


@pytest.fixture(scope="module")
def hub(ldap, followed):
    return ldap[0]


def test_each_command_of_the_page_prints_what_it_says(ldap, followed, prove):
    hub = ldap[0]
    assert not followed.wrong, "\n\n".join(followed.wrong)
    met = followed.meet_all(PAGE, STATES)
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert met == len(STATES)
    prove(evidence.read_beside("SSSD", hub.machine.sh("sssd --version").stdout.split()[-1], hub.suite))
    prove(*followed.proof(hub.suite, "nginx"))


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_user_of_the_directory_climbs_the_ladder_and_has_a_home(hub, proxy, prove):
    """The first start makes the home, for its user's eyes alone."""
    hub.machine.sh("systemctl stop jupyter-lena 2>/dev/null; rm -rf /home/lena; true")
    with deployment.in_front(hub, hub.suite, proxy):
        rungs = hub.check(user="lena")
    assert [rung["rung"] for rung in rungs if rung["ok"]] == MANIFEST["ladder"], tell(rungs[-1])
    assert hub.machine.sh("stat --format '%a %U %G' /home/lena").stdout == "700 lena people\n"
    assert hub.machine.sh("cd /home/lena && test -e .bashrc && ! grep lena /etc/passwd").stdout == ""
    version = hub.machine.sh("dpkg-query --show --showformat '${source:Upstream-Version}' libpam-modules").stdout
    prove(evidence.read_beside("PAM", version, hub.suite))


@contextlib.contextmanager
def without(hub, line):
    """A hub that was started without a line of its file, for the length of a `with` block."""
    hub.machine.sh(f"sed -i.kept /{line}/d {CONFIG}; ! cmp --quiet {CONFIG} {CONFIG}.kept")
    try:
        fresh(hub)
        yield
    finally:
        hub.machine.sh(f"mv {CONFIG}.kept {CONFIG}")
        fresh(hub)


def test_without_the_session_nobody_makes_the_home(hub):
    """A control: the line of directory.py."""
    hub.machine.sh("systemctl stop jupyter-lena 2>/dev/null; rm -rf /home/lena")
    with without(hub, "PAMName"):
        rungs = hub.check("--until", "server_spawns", user="lena", url=BEHIND)
    assert rungs[-1]["rung"] == "server_spawns", tell(rungs[-1])
    assert not rungs[-1]["ok"]
    assert "Failed at step CHDIR" in hub.machine.sh("journalctl --quiet --namespace '*' --output cat --since -3min").stdout


def test_a_user_of_the_machine_logs_in_as_before(hub):
    with deployment.in_front(hub, hub.suite, "nginx"):
        rungs = hub.check("--until", "kernel_computes")
    assert rungs[-1]["rung"] == "kernel_computes", tell(rungs[-1])
    assert rungs[-1]["ok"], tell(rungs[-1])


def refused(hub, row, user="lena", password=""):
    """Look whether the hub refuses, in the words that the page has in the row that begins so."""
    ((shown, said, of_sssd),) = (words for cause, words in ROWS.items() if cause.startswith(row))
    assert hub.on_server("let_in", BEHIND, user, password) == [403], row
    if not password:
        assert shown in str(hub.check("--until", "login_works", user=user, url=BEHIND)[-1])
    log = hub.log().rpartition("JupyterHub is now running")[2]
    assert said in log, log
    assert ("[PAM Error 7] Authentication failure" in log) == (user == "lena"), log
    sssd = hub.machine.sh(f"journalctl --quiet --output cat --unit sssd --since @$(cat {ASKED}); cat {LOG}").stdout
    # Where there are two, the second is that of the older Debian.
    words = of_sssd.split("`, `")
    assert words[-1 if hub.suite == HOMES[0] else 0] in sssd, sssd


def fresh(hub):
    """A hub, and SSSD, with a log that begins now."""
    hub.machine.sh(FORGET)
    deployment.end(hub)
    deployment.start(hub)


@contextlib.contextmanager
def changed(hub, make, undo):
    """A state of both machines, which SSSD meets without what it knew."""
    make()
    fresh(hub)
    try:
        yield
    finally:
        undo()
        hub.machine.sh(FORGET)
        hub.machine.until("getent passwd lena")


def test_a_wrong_password(hub):
    fresh(hub)
    refused(hub, "The password is wrong.", password="wrong")


def test_who_is_in_no_group(hub):
    fresh(hub)
    refused(hub, "The user is in no group that may log in.", "omar")


def test_a_server_that_is_down(hub, ldap):
    server = ldap[1]
    with changed(hub, server.stop, server.start):
        refused(hub, "The LDAP server is down.")


def test_a_server_without_tls(hub, ldap):
    server = ldap[1]

    def plain():
        server.stop()
        server.start(tls=False)
        hub.machine.sh(f"sed -i.kept s/ldaps:/ldap:/ {CONF}")

    def tls():
        server.stop()
        server.start()
        hub.machine.sh(f"mv {CONF}.kept {CONF}")

    with changed(hub, plain, tls):
        refused(hub, "The server speaks no TLS, ")


def test_a_certificate_that_is_not_trusted(hub):
    with changed(hub, lambda: hub.machine.sh(other_web.DISTRUST), lambda: hub.machine.sh(other_web.TRUST_AGAIN)):
        refused(hub, "The certificate of the server is not trusted.")


def days(server, **ends):
    """The last day of accounts of the directory, counted from the beginning of 1970, if there is one."""
    change = "dn: uid={},dc=example,dc=com\nchangetype: modify\nreplace: shadowExpire\n{}\n"
    entries = [change.format(name, f"shadowExpire: {day}\n" if day else "") for name, day in ends.items()]
    server.stop()
    server.machine.sh(f"slapmodify -f {directory.FOLDER}/slapd.conf", input="".join(entries))
    server.start()


def test_who_has_expired_in_the_directory_is_refused_and_nobody_else(hub, ldap):
    """Of three accounts, one has no such day, one has one that is far, and lena's has been."""
    valid = 'import pamela, sys; pamela.check_account(sys.argv[1], "login")'
    with changed(hub, lambda: days(ldap[1], lena=1, omar=99999), lambda: days(ldap[1], lena=None, omar=None)):
        assert hub.on_server("let_in", BEHIND, "lena", "") == [403]
        assert "[PAM Error 13] User account has expired" in hub.log()
        done = {name: hub.machine.exec(deployment.PYTHON, "-c", valid, name, check=False) for name in ("lena", "omar", STRANGE[0])}
        assert {name: one.returncode for name, one in done.items()} == {"lena": 1, "omar": 0, STRANGE[0]: 0}
    assert hub.on_server("let_in", BEHIND, "lena", "") == [302]


# Names: those under which SSSD knows somebody too, and those that a shell or an address would take apart.

TYPED = ("lena", "lena@directory", MAILS["lena"])
UNITS = [f"jupyter-{name.replace('@', '_40')}" for name in TYPED]
IS_OUT = "leave.sh: {0} is out. Its files stay. Lock the account in the directory too, or {0} can log in again."


def has_password(hub, *names):
    """The hub's machine has the password of everybody but omar under these names, for those who log in."""
    hub.machine.put({f"{CHECK}/{name}.txt": PASSWORDS["lena"] for name in names})


@pytest.mark.parametrize("typed", TYPED)
def test_whatever_name_a_user_types_they_are_one_user(hub, typed):
    has_password(hub, typed)
    fresh(hub)
    assert hub.on_server("let_in", BEHIND, typed, "") == [302]
    assert re.findall("User logged in: (.*)", hub.log()) == ["lena"]


def test_without_the_line_each_name_is_another_user_and_leave_sh_shuts_out_one(hub):
    """A control: pam_normalize_username."""
    has_password(hub, *TYPED, *MAILS.values())
    with without(hub, "pam_normalize_username"):
        for name in TYPED:
            hub.on_server("settle", BEHIND, name)
        asked = "; ".join(f"systemctl show --property=ActiveState,WorkingDirectory --value {unit}" for unit in UNITS)
        assert sorted(hub.machine.sh(asked).stdout.split()) == ["/home/lena"] * 3 + ["active"] * 3
        # A mail address becomes the hub's name as it was typed.
        hub.on_server("let_in", BEHIND, MAILS[STRANGE[0]], "")
        assert f"User logged in: {MAILS[STRANGE[0]]}\n" in hub.log()
        assert script(hub, "leave", "lena") == (0, [IS_OUT.format("lena")])
        time.sleep(1)
        reached = {name: hub.on_server("reaches", BEHIND, name) for name in TYPED}
        assert reached.pop("lena") == []
        assert all("a start, by session" in got for got in reached.values()), reached
        assert script(hub, "leave", TYPED[1]) == (1, [f"leave.sh: there is no account {TYPED[1]}. Nothing was changed."])
        hub.machine.sh(f"systemctl stop {' '.join(UNITS)}", check=False)


def test_the_hub_starts_only_while_sssd_knows_its_administrators(hub):
    hub.machine.sh(f"""cp {CONFIG} {CONFIG}.known; echo 'c.Authenticator.admin_users = {{"lena", "nobody-here"}}' >>{CONFIG}""")
    try:
        deployment.end(hub)
        with pytest.raises(RuntimeError, match="name not found: 'nobody-here'"):
            deployment.start(hub)
        # By that line alone: without it the hub starts.
        with without(hub, "pam_normalize_username"):
            hub.machine.sh(f"cp {CONFIG}.known {CONFIG}.kept")
    finally:
        hub.machine.sh(f"mv {CONFIG}.known {CONFIG}")
        fresh(hub)


@pytest.mark.parametrize("name", STRANGE)
def test_a_name_is_no_command_and_no_part_of_an_address(hub, name):
    """To a server, and out by leave.sh, which shuts out nobody else."""
    has_password(hub, name)
    hub.on_server("settle", BEHIND, "lena")
    number = hub.on_server("settle", BEHIND, name)
    assert hub.machine.sh(f"stat --format %u /proc/{number}").stdout == hub.machine.exec("id", "--user", name).stdout
    before = hub.on_server("reaches", BEHIND, "lena")
    assert "a start, by session" in before
    assert script(hub, "leave", name) == (0, [IS_OUT.format(name)])
    time.sleep(1)
    assert hub.on_server("reaches", BEHIND, name) == []
    assert hub.on_server("reaches", BEHIND, "lena") == before
    assert not hub.machine.sh("find / /home /tmp /run -xdev -maxdepth 4 -name made").stdout


def test_whoever_has_the_name_of_an_account_of_the_machine_gets_that_account(hub):
    """By the password that the directory has."""
    has_password(hub, OF_THE_MACHINE)
    number = hub.machine.sh(f"grep ^{OF_THE_MACHINE}: /etc/passwd | cut -d: -f3").stdout
    assert int(number) < 100
    hub.check("--until", "server_spawns", "--keep-server", user=OF_THE_MACHINE, url=BEHIND)
    assert f"User logged in: {OF_THE_MACHINE}\n" in hub.log()
    assert hub.machine.sh(f"systemctl show --property User --value jupyter-{OF_THE_MACHINE}").stdout == number
    hub.machine.sh(f"systemctl stop jupyter-{OF_THE_MACHINE}", check=False)


# The login that asks an LDAP server itself, for the same people.

LDAPAUTHENTICATOR = """
c.JupyterHub.authenticator_class = "ldapauthenticator.LDAPAuthenticator"
c.LDAPAuthenticator.server_address = "ldap.example.com"
c.LDAPAuthenticator.tls_strategy = "on_connect"
c.LDAPAuthenticator.bind_dn_template = "uid={username},dc=example,dc=com"
c.LDAPAuthenticator.allowed_groups = ["cn=jupyter-users,dc=example,dc=com"]
"""
CHECKED = """
import ssl
c.LDAPAuthenticator.tls_kwargs = {"validate": ssl.CERT_REQUIRED, "ca_certs_file": "/etc/ssl/certs/ca-certificates.crt"}
"""
# Whether a hub answers anybody while somebody logs in.
MEANWHILE = """
import sys, threading, time, urllib.request
sys.path.insert(0, "/root/check")
import user_actions
threading.Thread(target=user_actions.let_in, args=(sys.argv[1], "lena", ""), daemon=True).start()
time.sleep(4)
try:
    print(urllib.request.urlopen(sys.argv[1] + "hub/api", timeout=6).status)
except OSError as error:
    print(error)
"""


def asks_itself(hub, more=""):
    """The hub with ldapauthenticator in the place of PAM."""
    install = f"{deployment.PYTHON} -m pip install --quiet --no-deps --no-index --find-links /root/wheels -r /root/ldapauthenticator.txt"
    hub.machine.sh(install)
    hub.machine.sh(f"test -e {CONFIG}.pam || cp {CONFIG} {CONFIG}.pam; cat {CONFIG}.pam - >{CONFIG}", input=LDAPAUTHENTICATOR + more)
    fresh(hub)


@pytest.fixture
def itself(hub):
    asks_itself(hub)
    yield hub
    hub.machine.sh(f"mv {CONFIG}.pam {CONFIG}; systemctl stop jupyter-lena 2>/dev/null; true")
    fresh(hub)
    hub.machine.until("getent passwd lena")


def test_by_ldapauthenticator_who_has_an_account_logs_in(itself):
    with deployment.in_front(itself, itself.suite, "nginx"):
        rungs = itself.check("--until", "kernel_computes", user="lena")
    assert rungs[-1]["ok"], tell(rungs[-1])
    assert itself.on_server("let_in", BEHIND, "lena", "wrong", "") == [403, 302]
    assert itself.on_server("let_in", BEHIND, "omar", "") == [403]


def test_by_ldapauthenticator_nobody_has_an_account(itself):
    itself.machine.sh("systemctl stop jupyter-lena 2>/dev/null; systemctl stop sssd; rm -f /var/lib/sss/mc/*")
    rungs = itself.check("--until", "server_spawns", user="lena", url=BEHIND)
    assert [rung["rung"] for rung in rungs if not rung["ok"]] == ["server_spawns"], tell(rungs[-1])
    assert "name not found: 'lena'" in itself.log()


def test_by_ldapauthenticator_who_has_been_locked_out_comes_back_but_for_the_lines_of_a_published_file(itself):
    """lena has an account of the machine's own."""
    lines = re.search(r"(?ms)^def has_account.*", PUBLISHED.read("domain/by_ldap.py"))[0]
    with own_account(itself.machine, "lena"):
        for more, status in (("", 302), (f"import pwd\n\nimport pamela\n{lines}", 403)):
            asks_itself(itself, more)
            itself.machine.sh("usermod --unlock --expiredate '' lena", check=False)
            assert itself.on_server("let_in", BEHIND, "lena", "") == [302]
            assert script(itself, "leave", "lena") == (0, [OUT.format("lena")])
            assert itself.on_server("let_in", BEHIND, "lena", "") == [status]


def test_ldapauthenticator_gives_the_password_to_whoever_answers(itself):
    """Its own default; SSSD refuses such a server."""
    itself.machine.sh(other_web.DISTRUST)
    try:
        assert itself.on_server("let_in", BEHIND, "lena", "") == [302]
        asks_itself(itself, CHECKED)
        assert itself.on_server("let_in", BEHIND, "lena", "") == [500]
        assert "CERTIFICATE_VERIFY_FAILED" in itself.log() or "certificate verify failed" in itself.log()
    finally:
        itself.machine.sh(other_web.TRUST_AGAIN)
    asks_itself(itself, CHECKED)
    assert itself.on_server("let_in", BEHIND, "lena", "") == [302]


def test_with_ldapauthenticator_everybody_waits_for_a_silent_server(itself, ldap):
    with ldap[1].silent():
        assert itself.machine.exec(deployment.PYTHON, "-c", MEANWHILE, BEHIND, timeout=60).stdout.strip() == "timed out"


def test_with_pam_nobody_else_does(hub, ldap):
    fresh(hub)
    hub.on_server("let_in", BEHIND, "lena", "")
    with ldap[1].silent():
        assert hub.machine.exec(deployment.PYTHON, "-c", MEANWHILE, BEHIND, timeout=60).stdout.strip() == "200"
