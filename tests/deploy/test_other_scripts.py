"""The scripts of the further reverse proxies on a server: what they enable, and each refusal, by which nothing is changed."""

import contextlib
import re

import pytest

from tests.harness.machines import deployment
from tests.harness.manifest import FURTHER_PROXIES

# Of what a page says may be seen instead, that which a script says; the rest is pip's, ls's or a program's own.
SCRIPTS = ("enable.sh", "check.sh")


def script(proxy, state):
    """The command that a state is seen by; "" if it is no script of ours."""
    typed = state.get("typed") or [f"sh /root/{proxy}/enable.sh"]
    return typed[0] if len(typed) == 1 and typed[0].endswith(SCRIPTS) else ""


# This one is said by ls, which the page has before the script.
BEFORE = "If you see No such file or directory"
STATES = [
    (name, words)
    for name, proxy in FURTHER_PROXIES.items()
    for words, state in proxy.states.items()
    if script(name, state) and words != BEFORE
]


@contextlib.contextmanager
def prepared(proxy):
    """A server with the files of a reverse proxy, whose script has not run."""
    with deployment.server(FURTHER_PROXIES[proxy].servers[-1], proxy, options=(*deployment.NAMED, *deployment.IPV6)) as machine:
        deployment.begin(machine, proxy)
        machine.put(deployment.placed(proxy))
        yield machine


@pytest.fixture(scope="module")
def enabled():
    """`enabled(proxy)`: a server on which the script has run."""
    with contextlib.ExitStack() as stack:
        made = {}

        def enabled(proxy):
            if proxy not in made:
                made[proxy] = stack.enter_context(prepared(proxy))
                deployment.enable(made[proxy], proxy)
            return made[proxy]

        yield enabled


# Everything that a script might change, and which program serves.
FOLDERS = "/etc/caddy /etc/haproxy /etc/traefik /run/systemd/system /etc/systemd/system"
LOOK = f"find {FOLDERS} -printf '%p %l %T@\\n' 2>/dev/null | sort"


def runs(service):
    """The command that prints the number of a service's first process, 0 if it does not run."""
    return f"systemctl show --property MainPID --value {service}"


def refused(machine, proxy, state):
    """What a script says in a state of its machine, in which it must end with an error, and what there is before and after.

    That is all that it might change, and the processes that serve; systemd is asked for nothing.
    """
    row = FURTHER_PROXIES[proxy]
    looks = (LOOK, runs(row.service), f"journalctl --quiet --unit {row.service} _PID=1 | wc -l")
    machine.sh(f"systemctl reset-failed {row.service}; {state['make']}")
    try:
        before = [machine.sh(look, check=False).stdout for look in looks]
        done = machine.exec("sh", "-c", script(proxy, state), check=False)
        after = [machine.sh(look, check=False).stdout for look in looks]
    finally:
        machine.sh(state.get("undo", "true"))
    said = done.stdout + done.stderr
    assert done.returncode, said
    assert after[1:] == before[1:], said
    assert not [word for word in state.get("seen", ()) if word not in said], said
    machine.sh(f"systemctl reset-failed {row.service}; sh /root/{proxy}/enable.sh")
    return said, before[0], after[0]


@pytest.mark.parametrize(("proxy", "words"), STATES)
def test_what_is_in_the_way_is_named_and_the_server_stays_as_it_is(enabled, proxy, words):
    said, before, after = refused(enabled(proxy), proxy, FURTHER_PROXIES[proxy].states[words])
    expected = words.removeprefix("If you see ").split(" or ")
    assert any(one in said for one in expected), said
    if re.search("Another|These|Port|Somebody|already|is no link|CONFIG|is not in", expected[0]):
        assert "Nothing was changed" in said
        assert after == before


# What explains itself, and so stands on no page.
MISSING = {
    "the program": {
        "make": "mv /opt/caddy/bin/caddy /root/caddy.program",
        "undo": "mv /root/caddy.program /opt/caddy/bin/caddy",
        "seen": ["There is no /opt/caddy/bin/caddy: install it first. Nothing was changed."],
    },
    "the key": {
        "make": "mv /etc/ssl/private/hub.key /root/",
        "undo": "mv /root/hub.key /etc/ssl/private/",
        "seen": ["cannot stat '/etc/ssl/private/hub.key'"],
    },
}


@pytest.mark.parametrize("what", MISSING)
def test_caddy_that_runs_goes_on_while_something_is_missing(enabled, what):
    refused(enabled("caddy"), "caddy", MISSING[what])


# Sites that use a part of the hub's own file, and the beginning of what is said of them.
LAB = "/etc/caddy/sites/lab.caddyfile"
PARTS = {
    "no line tls": ("lab.example.com", "These sites need a line tls and a block for http://: lab.example.com."),
    "the hub's name": ("http://hub.example.com", f"Another site has the name hub.example.com already: {LAB}."),
}


@pytest.mark.parametrize("what", PARTS)
def test_a_site_of_caddys_that_uses_a_part_of_the_hubs_file_is_looked_at_like_any_other(enabled, what):
    name, words = PARTS[what]
    make = f"install -d /etc/caddy/sites; printf '{name} {{\n\timport log\n}}\n' >{LAB}"
    _, before, after = refused(enabled("caddy"), "caddy", {"make": make, "undo": f"rm {LAB}", "seen": [words]})
    assert after == before


# In the folder where somebody starts the script, a file by which it can be seen that root has read it.
READ = "open('/root/read', 'w')"


def test_the_script_of_caddy_runs_nothing_that_lies_where_it_is_started(enabled):
    machine = enabled("caddy")
    done = machine.sh("cd /srv/bait; sh /root/caddy/enable.sh", {"/srv/bait/json.py": READ}, check=False)
    assert machine.sh("ls /root/read", check=False).stdout == ""
    assert not done.returncode, done.stderr


def test_somebodys_changes_to_haproxys_own_file_are_told_and_stay(enabled):
    machine = enabled("haproxy")
    words = "Somebody has changed /etc/haproxy/haproxy.cfg. It stays as it is"
    assert words not in machine.sh("sh /root/haproxy/enable.sh").stdout
    machine.sh("echo '# lab' >>/etc/haproxy/haproxy.cfg")
    try:
        assert words in machine.sh("sh /root/haproxy/enable.sh").stdout
        assert machine.sh("tail -n 1 /etc/haproxy/haproxy.cfg").stdout == "# lab\n"
    finally:
        machine.sh("sed -i '$d' /etc/haproxy/haproxy.cfg")


# What a reader changes: where port 80 leads.
LEADS = {"caddy": "redir https://hub", "haproxy": "prefix https://hub", "traefik": "replacement: https://hub"}


@pytest.mark.parametrize("proxy", FURTHER_PROXIES)
def test_the_script_puts_a_site_to_work_and_does_so_again(proxy):
    row = FURTHER_PROXIES[proxy]
    with prepared(proxy) as machine:
        for host in "hub", "lab":
            machine.sh(f"sed -i 's|{LEADS[proxy]}|{LEADS[proxy][:-3]}{host}|' {row.saved_as[row.site]}")
            machine.sh("true", {f"/etc/systemd/system/{row.service}.service.d/{host}.conf": f"[Service]\nEnvironment=FOR={host}\n"})
            machine.sh(f"systemctl reset-failed {row.service}", check=False)
            process = machine.sh(runs(row.service)).stdout
            deployment.enable(machine, proxy)
            # Port 80 answers as soon as the script has ended.
            answer = machine.sh(f"perl -MIO::Socket::INET -e '{ASK}'").stdout
            assert " 301 " in answer, answer
            assert f"https://{host}.example.com/" in answer
            assert f"FOR={host}" in machine.sh(f"systemctl show --property Environment {row.service}").stdout
        # WebSockets live on where a reload is enough.
        assert (machine.sh(runs(row.service)).stdout == process) == (proxy == "haproxy")
        assert machine.sh(f"systemctl is-enabled {row.service}").stdout.strip() == "enabled"


# Files that only root can read: what Traefik would take of them, and one that it does not take, whatever is in it.
CLOSED_FILES = {"lab.yaml": "", "lab.yml": "", "lab.toml": "", "jupyterhub.yaml.bak": "[no site"}


@pytest.mark.parametrize("name", CLOSED_FILES)
def test_a_closed_file_stops_the_check_of_traefik_only_if_traefik_takes_it(enabled, name):
    machine, file = enabled("traefik"), f"/etc/traefik/sites/{name}"
    with deployment.made(machine, f"install -m 600 /dev/null {file}; printf '{CLOSED_FILES[name]}' >{file}", f"rm {file}"):
        done = machine.sh("sh /root/traefik/check.sh", check=False)
    assert (f"{file}: Permission denied" in done.stderr) == (not CLOSED_FILES[name])
    assert bool(done.returncode) == (not CLOSED_FILES[name]), done.stderr


def test_the_check_of_traefik_does_nothing_without_a_folder_of_its_own(enabled):
    """As when /run is full. What follows would be done in the root's folder."""
    with_full = "mkdir /root/full; ln -s /bin/false /root/full/mktemp; PATH=/root/full:$PATH sh /root/traefik/check.sh 2>&1"
    done = enabled("traefik").sh(with_full, check=False)
    assert (done.returncode, done.stdout) == (1, "")


# As if the user traefik were quick: links lie in its folder as soon as it has it.
QUICK = """#!/bin/sh
/usr/bin/chown "$@"
for folder; do :; done
ln -s /root/said "$folder/said"
ln -s /root/wrong "$folder/wrong"
ln -s /root/secret "$folder/sites/secret.yaml"
"""


def test_a_link_that_the_user_traefik_lays_leads_the_check_of_traefik_nowhere(enabled):
    machine, files = enabled("traefik"), {"/root/quick/chown": QUICK, "/root/secret": "secret: 1\n"}
    said = machine.sh("PATH=/root/quick:$PATH sh /root/traefik/check.sh 2>&1", files, check=False).stdout
    written = machine.sh("ls /root/said /root/wrong", check=False).stdout.split()
    assert (written, "secret: 1" in said) == ([], False)


# Ctrl+C, while the script waits for a route that never comes.
INTERRUPTED = "timeout --signal INT 3 sh /root/traefik/check.sh"
LEFT = "ls /run | grep traefik-check; grep -als '[c]onfigFile=/run/traefik-check' /proc/[0-9]*/cmdline"


def test_the_check_of_traefik_leaves_nothing_when_it_is_interrupted(enabled):
    machine, state = enabled("traefik"), FURTHER_PROXIES["traefik"].states["If you see field not found"]
    with deployment.made(machine, state["make"], state["undo"]):
        assert machine.exec("sh", "-c", INTERRUPTED, check=False).returncode
        machine.until(f'test -z "$({LEFT})"', timeout=10)


def test_the_script_of_traefik_says_what_was_checked_and_what_systemd_says_and_leaves_nothing(enabled):
    said = enabled("traefik").sh("sh /root/traefik/enable.sh; ls /run").stdout
    assert enabled("traefik").sh("grep -als '[c]onfigFile=/run/traefik-check' /proc/[0-9]*/cmdline", check=False).stdout == ""
    assert re.match("Traefik takes its files[.]\n.*Active: active .running.", said, re.S), said
    assert "traefik-check" not in said


def test_the_check_of_traefik_says_why_it_cannot_begin(enabled):
    machine = enabled("traefik")
    with deployment.made(machine, "chmod 700 /opt/traefik", "chmod 755 /opt/traefik"):
        done = machine.sh("sh /root/traefik/check.sh", check=False)
    assert done.returncode
    assert re.search("^env: .*/opt/traefik/bin/traefik.*: Permission denied\n", done.stderr), done.stderr


# What systemd keeps from the service, and not from the script that checks the files.
CLOSED = "/run/systemd/system/traefik.service.d/closed.conf"


def test_the_script_of_traefik_fails_where_the_service_serves_nothing(enabled):
    machine = enabled("traefik")
    make = f"install -D /dev/stdin {CLOSED}; systemctl daemon-reload"
    make = f"printf '[Service]\\nInaccessiblePaths=/etc/traefik/sites\\n' | {make}"
    with deployment.made(machine, make, f"rm {CLOSED}; systemctl daemon-reload; systemctl restart traefik"):
        done = machine.sh("sh /root/traefik/enable.sh", check=False)
    assert "Traefik takes its files." in done.stdout
    assert done.returncode
    assert "Traefik does not answer on port 80" in done.stderr


def test_the_script_of_caddy_follows_no_link_that_the_user_caddy_lays(enabled):
    machine = enabled("caddy")
    machine.sh("mkdir /srv/crt /srv/key")
    machine.exec("sh", "-c", "cd /run/caddy; rm site.*; for one in crt key; do ln -s /srv/$one site.$one; done", user="caddy")
    machine.sh("sh /root/caddy/enable.sh")
    assert machine.sh("find /srv/crt /srv/key -type f").stdout == ""


def test_the_folder_of_caddys_log_is_for_the_group_adm(enabled):
    assert enabled("caddy").sh("stat -c '%a %U %G' /var/log/caddy").stdout.split() == ["2750", "caddy", "adm"]


ASK = '$s = IO::Socket::INET->new("127.0.0.1:80") or die; print $s "GET / HTTP/1.0\\r\\n\\r\\n"; print <$s>'
