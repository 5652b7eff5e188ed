"""deploy/active-directory.md: users of a domain log in to the hub behind both web servers; and what is seen when they cannot."""

import contextlib
import re
import time

import pytest

from tests.harness.browsers import other_web
from tests.harness.machines import deployment, domain, engine, images
from tests.harness.machines.deployment import BEHIND, CHECK
from tests.harness.machines.domain import ADMINISTRATOR, GROUP, PASSWORDS
from tests.harness.machines.people import OUT, own_account, script
from tests.harness.manifest import MANIFEST, NEWEST_ON, PROXIES, PUBLISHED, ROOT
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import tell
from tests.harness.site import following
from tests.harness.site.domain_page import BACK, ELSEWHERE, FORGET, KNOWN, PAGE, STATES
from tests.harness.site.following import TABS

TABLES = [
    [cell.strip() for cell in row.split(" | ")]
    for row in re.findall(r"^\| (.+) \|$", (ROOT / PAGE).read_text("utf-8"), re.M)
    if "---" not in row
]
# By the cause, the words of the hub's log and of SSSD.
ROWS = {cells[0]: [cell.strip("`| ") for cell in cells[1:]] for cells in TABLES if len(cells) in (2, 3) and cells[0].endswith(".")}
# What a user types, and the hub's user.
NAMES = {cells[0].split("`")[1]: cells[1].strip("`") for cells in TABLES if len(cells) == 2 and re.fullmatch("`[a-z.]+`", cells[1])}
CONF, CONFIG = "/etc/sssd/sssd.conf", "/etc/jupyterhub/jupyterhub_config.py"
NAMED = {name.lower(): word for name, word in PASSWORDS.items()}
LOG, SINCE = "/var/log/sssd/sssd_example.com.log", "/run/asked-from"
JOIN = "adcli {} --domain=example.com --login-user=Administrator --stdin-password"
RULES = "if-group-policy-refuses-the-hub"
pytestmark = pytest.mark.xdist_group("domain")


@pytest.fixture(scope="module", params=NEWEST_ON)
def joined(request):
    with (
        engine.network() as network,
        domain.domain(network) as controller,
        deployment.hub(NEWEST_ON[request.param], PUBLISHED, network, {}, images.joined) as hub,
    ):
        hub.machine.sh(f"echo nameserver {controller.machine.address()} >/etc/resolv.conf")
        hub.machine.put({f"{CHECK}/{name}.txt": password for name, password in (PASSWORDS | NAMED).items()})
        yield hub, controller


@pytest.fixture(scope="module")
def followed(joined, site):
    """A reader who has followed the page."""
    answers = {"Password for Administrator@EXAMPLE.COM: ": ADMINISTRATOR}
    reader = following.Reader(joined[0].machine, following.Pages.examples(site), TABS["nginx"], answers=answers)
    reader.follow(PAGE, without=[RULES])
    joined[0].machine.until(deployment.IS_UP)
    return reader


@pytest.fixture(scope="module")
def hub(joined, followed):
    return joined[0]


@pytest.fixture(scope="module")
def controller(joined):
    return joined[1]


def test_each_command_of_the_page_prints_what_it_says(joined, followed, prove):
    hub = joined[0]
    assert not followed.wrong, "\n\n".join(followed.wrong)
    met = followed.meet_all(PAGE, STATES)
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert met == len(STATES)
    version = hub.machine.sh("sssd --version").stdout.split()[-1]
    prove(evidence.read_beside("SSSD, joined to a domain", version, hub.suite))
    prove(*followed.proof(hub.suite, "nginx"))


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_user_of_the_domain_climbs_the_ladder_and_has_a_home(hub, proxy, prove):
    hub.machine.sh("systemctl stop jupyter-lena 2>/dev/null; rm -rf /home/lena; true")
    with deployment.in_front(hub, hub.suite, proxy):
        rungs = hub.check(user="lena")
    assert [rung["rung"] for rung in rungs if rung["ok"]] == MANIFEST["ladder"], tell(rungs[-1])
    assert hub.machine.sh("stat --format '%a %U %G' /home/lena").stdout == "700 lena domain users\n"
    assert hub.machine.sh("cd /home/lena && test -e .bashrc && ! grep lena /etc/passwd").stdout == ""
    version = hub.machine.sh("dpkg-query --show --showformat '${source:Upstream-Version}' libpam-modules").stdout
    prove(evidence.read_beside("PAM", version, hub.suite))


def test_a_user_of_the_machine_logs_in_as_before(hub):
    rungs = hub.check("--until", "kernel_computes", url=BEHIND)
    assert rungs[-1]["rung"] == "kernel_computes", tell(rungs[-1])
    assert rungs[-1]["ok"], tell(rungs[-1])


def lets_in(hub, user, password=""):
    """The status with which the hub answers a login, with a user's own password or another."""
    own = next(word for name, word in NAMED.items() if name in user.lower())
    hub.machine.put({f"{CHECK}/{user}.txt": own})
    return hub.on_server("let_in", BEHIND, user, password)[0]


def fresh(hub):
    """An SSSD that asks the domain again, and a log that begins now."""
    hub.machine.sh(
        f"systemctl stop sssd; systemctl reset-failed sssd; rm -f /var/lib/sss/mc/*; date +@%s.%6N >{SINCE}; : >{LOG}; systemctl start sssd"
    )


def anew(hub):
    """A hub that reads its configuration again."""
    deployment.end(hub)
    deployment.start(hub)
    fresh(hub)


def said(hub, unit="jupyterhub", more="/dev/null"):
    return hub.machine.sh(f"journalctl --quiet --output cat --unit {unit} --since $(cat {SINCE}); cat {more}").stdout


@pytest.mark.parametrize("typed", NAMES)
def test_whatever_name_a_user_types_they_are_one_user(hub, typed):
    fresh(hub)
    assert lets_in(hub, typed) == 302
    assert f"User logged in: {NAMES[typed]}\n" in said(hub)


@contextlib.contextmanager
def without(hub, path, line):
    """For the length of a `with` block, a file of the hub's machine lacks a line."""
    again = anew if path == CONFIG else fresh
    hub.machine.sh(f"cp --preserve {path} {path}.kept; sed -i '/{line}/d' {path}; ! cmp --quiet {path} {path}.kept")
    try:
        again(hub)
        yield
    finally:
        hub.machine.sh(f"mv {path}.kept {path}")
        again(hub)


def test_without_the_line_another_name_is_another_user_in_the_same_home(hub):
    """A control: pam_normalize_username."""
    with without(hub, CONFIG, "pam_normalize_username"):
        for name in ("lena", "lena@example.com"):
            assert lets_in(hub, name) == 302
            hub.check("--until", "server_spawns", "--keep-server", user=name, url=BEHIND)
        assert "User logged in: lena@example.com\n" in said(hub)
        units = ("jupyter-lena", "jupyter-lena_40example.com")
        asked = "; ".join(f"systemctl show --property=ActiveState,WorkingDirectory --value {unit}" for unit in units)
        assert sorted(hub.machine.sh(asked).stdout.split()) == ["/home/lena", "/home/lena", "active", "active"]
        hub.machine.sh(f"systemctl stop {' '.join(units)}")


def test_the_numbers_of_accounts_stay(hub):
    before = hub.machine.sh("getent passwd lena").stdout
    hub.machine.sh(f"{FORGET}; {KNOWN}")
    assert hub.machine.sh("getent passwd lena").stdout == before


def test_without_their_lines_home_and_shell_are_others(hub):
    lines = {"override_homedir": "/home/lena", "default_shell": "/bin/bash"}
    home, shell = lines.values()
    assert f":{home}:{shell}" in hub.machine.sh("getent passwd lena").stdout
    for line, value in lines.items():
        with without(hub, CONF, line):
            hub.machine.sh(f"{FORGET}; {KNOWN}")
            assert value not in hub.machine.sh("getent passwd lena | cut -d: -f6-").stdout
    hub.machine.sh(f"{FORGET}; {KNOWN}")


# Who is refused, and by which words.


def refused(hub, row, user="lena", password=""):
    """Look whether the hub refuses, in the words that the page has in the row that begins so."""
    (words,) = (words for cause, words in ROWS.items() if cause.startswith(row))
    of_sssd = words[1] if len(words) == 2 else ""
    assert lets_in(hub, user, password) == 403, row
    if not password:
        assert "Invalid username or password" in str(hub.check("--until", "login_works", user=user, url=BEHIND)[-1])
    assert words[0] in said(hub), said(hub)
    assert of_sssd in said(hub, "sssd", LOG), said(hub, "sssd", LOG)


@contextlib.contextmanager
def changed(hub, make, undo):
    """A state of the domain, which SSSD meets without what it knew."""
    make()
    fresh(hub)
    try:
        yield
    finally:
        undo()
        fresh(hub)
        hub.machine.until("getent passwd lena")


def test_a_wrong_password(hub):
    fresh(hub)
    refused(hub, "The password is wrong.", password="wrong")


def test_who_is_in_no_group(hub):
    fresh(hub)
    refused(hub, "The user is in no group that may log in.", "omar")


@pytest.mark.parametrize(
    ("row", "make", "undo"),
    [
        ("The account is disabled.", ["disable", "lena"], ["enable", "lena"]),
        ("The account has expired.", ["setexpiry", "lena", "--days=0"], ["setexpiry", "lena", "--days=365"]),
        (
            "The password has expired, or must be changed.",
            ["setpassword", "lena", f"--newpassword={PASSWORDS['lena']}", "--must-change-at-next-login"],
            ["setpassword", "lena", f"--newpassword={PASSWORDS['lena']}"],
        ),
    ],
    ids=["disabled", "expired", "password"],
)
def test_an_account_that_has_ended(hub, controller, row, make, undo):
    with changed(hub, lambda: controller.tool("user", *make), lambda: controller.tool("user", *undo)):
        refused(hub, row)
    assert lets_in(hub, "lena") == 302


def test_a_controller_that_is_down(hub, controller):
    with changed(hub, controller.stop, controller.start):
        refused(hub, "No controller answers, or DNS names none.")


def test_a_machine_that_asks_another_name_server(hub):
    with changed(hub, lambda: hub.machine.sh(ELSEWHERE), lambda: hub.machine.sh(BACK)):
        refused(hub, "No controller answers, or DNS names none.")


def joins(hub, what, path=""):
    hub.machine.sh(JOIN.format(what) + (f" --host-keytab={path}" if path else ""), input=ADMINISTRATOR)


def joins_again(hub):
    hub.machine.sh("rm --force /etc/krb5.keytab")
    joins(hub, "join")


def test_a_machine_whose_account_is_gone(hub):
    """By the command with which a reader takes the page away again."""
    with changed(hub, lambda: joins(hub, "delete-computer"), lambda: joins_again(hub)):
        refused(hub, "The machine's account was deleted in the domain.")
    assert lets_in(hub, "lena") == 302


def test_another_machine_of_the_same_name(hub):
    with changed(hub, lambda: joins(hub, "join", "/root/other.keytab"), lambda: joins_again(hub)):
        refused(hub, "Another machine has joined under the same name.")
    assert lets_in(hub, "lena") == 302


def test_the_domains_rules_and_the_file_that_leaves_them_out(hub, controller, followed, prove):

    def deny():
        controller.deny("lena")
        hub.machine.sh(FORGET)  # for some seconds SSSD would go by what it has read before

    def deny_nobody():
        controller.deny_nobody()
        hub.machine.sh(FORGET)

    with changed(hub, deny, deny_nobody):
        refused(hub, "The domain's rules deny the login.")
        followed.follow(PAGE, [RULES])
        try:
            assert not followed.wrong, "\n\n".join(followed.wrong)
            assert lets_in(hub, "lena") == 302
        finally:
            hub.machine.sh("rm /etc/sssd/conf.d/rules.conf")
        # A control: the line of the published file by which they apply.
        with without(hub, CONF, "access_provider"):
            assert lets_in(hub, "lena") == 302
        assert lets_in(hub, "lena") == 403
    version = hub.machine.sh("sssd --version").stdout.split()[-1]
    prove(evidence.row("accepted", "SSSD, joined to a domain", version, ["domain/rules.conf"], home=hub.suite))
    prove(*followed.proof(hub.suite, "nginx"))


def test_who_joins_a_group_may_log_in_and_who_leaves_it_no_longer(hub, controller):
    fresh(hub)
    assert lets_in(hub, "omar") == 403
    for change, status in (("addmembers", 302), ("removemembers", 403)):
        controller.tool("group", change, GROUP, "omar")
        engine.wait(lambda status=status: lets_in(hub, "omar") == status or engine._fail("as before"), timeout=30, every=1)


def test_who_is_disabled_while_logged_in_is_out_by_leave_sh(hub, controller):
    script = {"/root/leave.sh": PUBLISHED.read("people/leave.sh")}
    with changed(hub, lambda: None, lambda: controller.tool("user", "enable", "lena")):
        hub.on_server("settle", BEHIND, "lena")
        environment = hub.machine.sh("tr '\\0' '\\n' </proc/$(systemctl show --property=MainPID --value jupyter-lena)/environ").stdout
        assert "JUPYTERHUB_USER=lena" in environment
        assert "KRB5" not in environment
        controller.tool("user", "disable", "lena")
        assert lets_in(hub, "lena") == 403
        got = hub.on_server("reaches", BEHIND, "lena")
        assert {"the hub, by session", "the server, by session", "a start, by session"} <= set(got)
        left = hub.machine.sh("sh /root/leave.sh lena", script).stdout
        assert left == "leave.sh: lena is out. Its files stay. Lock the account in the directory too, or lena can log in again.\n"
        time.sleep(1)
        assert hub.on_server("reaches", BEHIND, "lena") == []
    assert lets_in(hub, "lena") == 302


def test_a_controller_whose_clock_is_an_hour_ahead(hub, controller):
    def ahead():
        controller.stop()
        controller.start("+1h")

    def right():
        controller.stop()
        controller.start()

    with changed(hub, ahead, right):
        assert 3500 < controller.clock() - time.time() < 3700
        assert lets_in(hub, "lena") == 302


# The login that asks a controller itself, for the same people.

LOOKUP = """
c.LDAPAuthenticator.lookup_dn = True
c.LDAPAuthenticator.lookup_dn_search_user = "omar@example.com"
c.LDAPAuthenticator.lookup_dn_search_password = "Correct-horse-9"
c.LDAPAuthenticator.lookup_dn_user_dn_attribute = "cn"
c.LDAPAuthenticator.use_lookup_dn_username = False
"""
MEMBERS = """
c.LDAPAuthenticator.allowed_groups = ["CN=Jupyter Users,CN=Users,DC=example,DC=com"]
"""


def published():
    return PUBLISHED.read("domain/by_ldap.py")


def some(text, *words):
    """The lines without those that have one of some words."""
    return "\n".join(line for line in text.splitlines() if not any(word in line for word in words))


@pytest.fixture(scope="module")
def itself(hub):
    other_web.trust(hub.machine)
    install = f"{deployment.PYTHON} -m pip install --quiet --no-deps --no-index --find-links /root/wheels -r /root/ldapauthenticator.txt"
    hub.machine.sh(f"{install}; cp {CONFIG} {CONFIG}.pam")
    yield hub
    hub.machine.sh(f"mv {CONFIG}.pam {CONFIG}; systemctl stop jupyter-lena 2>/dev/null; true")
    anew(hub)


WAYS = {
    "an account that searches": (lambda: some(published(), "template", "search_filter", "allow_all") + LOOKUP + MEMBERS, 302),
    "a name in the domain, and the group's members": (lambda: some(published(), "search_filter", "allow_all") + MEMBERS, 403),
    "a name in the domain, and a filter": (published, 302),
}


@pytest.mark.parametrize("way", WAYS)
def test_ldapauthenticator_at_a_controller(itself, way):
    lines, status = WAYS[way]
    itself.machine.sh(f"cat {CONFIG}.pam - >{CONFIG}", input=lines())
    anew(itself)
    assert lets_in(itself, "lena") == status
    assert lets_in(itself, "omar") == 403
    assert lets_in(itself, "lena", "wrong") == 403
    for name in ("Nora.Berg", "lena@example.com"):
        assert lets_in(itself, name) == 403
        assert f"username:{name} Illegal characters in username" in said(itself)
    if lines is published:
        rungs = itself.check("--until", "kernel_computes", user="lena", url=BEHIND)
        assert rungs[-1]["ok"], tell(rungs[-1])
        itself.machine.sh(other_web.DISTRUST)
        try:
            assert lets_in(itself, "lena") == 500
        finally:
            itself.machine.sh(other_web.TRUST_AGAIN)


MALLORYS = "Correct-horse-6"
# How the hub asks in the name of a user: as the published line says, and with the domain's long name.
SHORT, LONG = r'r"EXAMPLE\{username}"', '"{username}@example.com"'


@pytest.fixture
def namesake(controller):
    """mallory, in no group, whose userPrincipalName is lena's name with the domain. lena's own is another."""
    controller.tool("user", "create", "mallory", MALLORYS)
    try:
        controller.principal("lena", "lena.berg@example.com")
        with pytest.raises(RuntimeError, match="already in use"):
            controller.principal("mallory", "lena@example.com")
        controller.principal("mallory", "lena@example.com", checked=False)
        yield
    finally:
        controller.tool("user", "delete", "mallory")
        controller.principal("lena", "lena@example.com")


@pytest.mark.parametrize("how", [SHORT, LONG], ids=["published", "long name"])
def test_only_by_the_short_name_a_principal_name_lets_nobody_in_as_another(itself, namesake, how):
    lines = published().replace(SHORT, how)
    assert f"bind_dn_template = {how}\n" in lines
    itself.machine.sh(f"cat {CONFIG}.pam - >{CONFIG}", input=lines)
    anew(itself)
    own, mallorys = lets_in(itself, "lena"), lets_in(itself, "lena", MALLORYS)
    assert (own, mallorys) == ((302, 403) if how == SHORT else (403, 302))


@pytest.mark.parametrize("name", ["root", "backup"])
def test_whoever_has_the_name_of_an_account_of_the_machine_does_not_get_that_account(itself, controller, name):
    controller.tool("user", "create", name, MALLORYS)
    try:
        controller.tool("group", "addmembers", GROUP, name)
        itself.machine.put({f"{CHECK}/{name}.txt": MALLORYS})
        itself.machine.sh(f"cat {CONFIG}.pam - >{CONFIG}", input=published())
        anew(itself)
        assert itself.on_server("let_in", BEHIND, name, "") == [403]
        assert f"{name} is the name of an account of the system's own" in said(itself)
    finally:
        controller.tool("user", "delete", name)


def test_who_has_been_locked_out_on_this_machine_does_not_log_in_by_the_controllers_word(itself):
    """lena has an account of the machine's own, as a reader without SSSD makes it."""
    itself.machine.sh(f"cat {CONFIG}.pam - >{CONFIG}", input=published())
    with own_account(itself.machine, "lena"):
        anew(itself)
        assert lets_in(itself, "lena") == 302
        assert script(itself, "leave", "lena") == (0, [OUT.format("lena")])
        assert lets_in(itself, "lena") == 403
        assert "lena has no account that may log in" in said(itself)
