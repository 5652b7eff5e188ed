"""Lines of the further reverse proxies that no test of every reverse proxy sees go: each at work on a server."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import trustme

from tests.harness.machines import deployment, faults
from tests.harness.machines.deployment import CHECK, URL
from tests.harness.manifest import FURTHER_PROXIES, NEWEST, PUBLISHED, ROOT, SAVED_AS, VALUES
from tests.harness.measuring.changes import files

HOST, BASE = VALUES["host"], VALUES["base_url"]
each = pytest.mark.parametrize("proxy", FURTHER_PROXIES)
# They have copies of certificate and key in a folder in memory.
IN_MEMORY = ("caddy", "traefik")


@pytest.fixture
def behind(idle):
    """`behind(proxy, extra)`: a reverse proxy with the published files, with more files, on a machine where no hub runs.

    The machine of the hub, and that of the reverse proxy.
    """

    def behind(proxy, extra=None):
        hub = deployment.prepare(idle(NEWEST), NEWEST)
        return hub, deployment.in_front(hub, FURTHER_PROXIES[proxy].servers[-1], proxy, extra=extra)

    return behind


def seen(hub, name, *arguments, **options):
    """What a function of `door_actions.py` tells on the hub's machine."""
    return deployment.on_server(hub.machine, "door_actions", name, *arguments, **options)


# Answers


@each
def test_both_ports_answer_by_ipv6_too(behind, proxy):
    hub, front = behind(proxy)
    with front:
        by = {address: hub.on_server("at", address, HOST, BASE) for address in ("127.0.0.1", "::1")}
    assert by["::1"] == by["127.0.0.1"]
    assert {where: status for where, (status, _) in by["::1"].items()} == {f"80 {BASE}": 301, f"443 {BASE}": 503}


@each
def test_http_2_is_spoken_by_traefik_alone(behind, proxy):
    """And nobody speaks HTTP/3, whose port is one of UDP: 443, which the kernel writes as 01BB."""
    hub, front = behind(proxy)
    with front as machine:
        assert seen(hub, "spoken", URL) == ("h2" if proxy == "traefik" else "http/1.1")
        assert ":01BB " not in machine.sh("cat /proc/net/udp /proc/net/udp6").stdout


@each
def test_a_path_reaches_the_hub_as_it_was_and_no_header_by_another_spelling(behind, proxy):
    """X_Scheme is X-Scheme to some programs. HAProxy passes it on, and JupyterHub does not read it.

    Traefik encodes a semicolon, which would be an & otherwise.
    """
    hub, front = behind(proxy)
    with front:
        path, aliases, encoding, scheme = seen(hub, "passed", URL, "hub/a%2Fb%25c?d=1;e=2&f=", "X_Scheme")
    assert path == f"{BASE}hub/a%2Fb%25c?d=1{'%3B' if proxy == 'traefik' else ';'}e=2&f="
    assert aliases == (["x_scheme"] if proxy == "haproxy" else [])
    assert encoding == ("br" if proxy == "traefik" else "gzip")
    assert scheme == "https"


@each
def test_what_it_answers_by_itself_has_the_headers_for_browsers_too(behind, proxy):
    hub, front = behind(proxy)
    with front:
        by_itself = seen(hub, "by_itself", URL)
    statuses = {"another path": 404, "too large": 413, "no slash": 301, "no path": 302}
    assert by_itself == {what: [status, True, True] for what, status in statuses.items()}


@each
def test_a_hub_that_is_away_is_told_at_once_and_one_that_ends_a_connection_by_the_same_status(behind, proxy):
    hub, front = behind(proxy)
    with front:
        nobody, took, ended = seen(hub, "away", URL)
    assert (nobody, ended) == (503, 503)
    assert took < 1


CHALLENGE = "/var/www/html/.well-known/acme-challenge/token"


@pytest.mark.parametrize(("proxy", "port"), [("caddy", 0), ("haproxy", 402), ("traefik", 402)])
def test_an_authority_finds_on_port_80_what_it_asked_for(behind, proxy, port):
    """In the folder of certbot's --webroot, or at the port at which certbot waits for it."""
    hub, front = behind(proxy, {CHALLENGE: "asked for"})
    with front:
        assert seen(hub, "challenge", HOST, str(port)) == [200, "asked for"]


@each
def test_who_does_not_end_a_header_on_port_80_is_let_go(behind, proxy):
    hub, front = behind(proxy)
    with front:
        assert seen(hub, "unhurried", HOST, "80", "24") == pytest.approx(15, abs=4)


RSA = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"]


@each
def test_with_a_certificate_of_the_other_kind_browsers_have_the_same_ciphers(behind, proxy):
    """The tests' own is for ECDSA."""
    chain, key = deployment.pem(deployment.authority().issue_cert(HOST, key_type=trustme.KeyType.RSA))
    hub, front = behind(proxy, {VALUES["certificate"]: chain, VALUES["key"]: key})
    with front:
        assert seen(hub, "ciphers", URL, *RSA, "ECDHE-RSA-AES128-SHA") == RSA


# What an administrator may have written for older clients of other sites.
OLD = ["s/ssl-default-bind-ciphers .*/ssl-default-bind-ciphers ALL:@SECLEVEL=0/"]
OLD += ["s/ssl-default-bind-options .*/ssl-default-bind-options ssl-min-ver TLSv1.0/"]
ASKED = "openssl s_client -connect 127.0.0.1:443 -servername {host} {options} </dev/null 2>&1"


def test_haproxys_site_has_its_own_words_on_tls_whatever_the_first_file_says(behind):
    _, front = behind("haproxy")
    with front as machine:

        def asked(options):
            return machine.sh(ASKED.format(host=HOST, options=options), check=False).stdout

        first = "/etc/haproxy/haproxy.cfg"
        machine.sh(f"sed -i '{'; '.join(OLD)}' {first}; grep -c SECLEVEL=0 {first}; systemctl restart haproxy; {deployment.LISTENS}")
        assert "alert protocol version" in asked("-tls1_1 -cipher ALL:@SECLEVEL=0")
        assert "alert handshake failure" in asked("-tls1_2 -cipher AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
        said = asked("-tls1_2")
    assert "Verify return code" in said
    assert "TLS session ticket:" not in said


def test_who_does_not_end_the_handshake_is_let_go_by_haproxy(behind):
    hub, front = behind("haproxy")
    with front:
        assert seen(hub, "unhurried", HOST, "443", "24", "") == pytest.approx(15, abs=4)


def root_alone(machine, chain, key):
    """Put a certificate and its key where only root can open the folder, and links in the place of the published paths."""
    live = "/etc/letsencrypt/live/hub"
    links = f"ln -sf {live}/fullchain.pem {VALUES['certificate']}; ln -sf {live}/privkey.pem {VALUES['key']}"
    machine.sh(f"chmod 700 /etc/letsencrypt/live; {links}", {f"{live}/fullchain.pem": chain, f"{live}/privkey.pem": key})


@each
def test_a_reload_serves_a_renewed_certificate_and_a_start_needs_nothing_that_was_in_memory(behind, proxy):
    """Who has a terminal reads no copy of the key, not even a new one. The new certificate is in a folder of root's, as certbot has it."""
    _, front = behind(proxy)
    service = FURTHER_PROXIES[proxy].service
    chain, key = deployment.pem(deployment.authority().issue_cert(HOST))
    with front as machine:
        before = faults.serial(machine)
        root_alone(machine, chain, key)
        renewed = faults.serial(machine, f"cat {VALUES['certificate']}")
        machine.sh(f"systemctl reload {service}")
        assert renewed != before
        serves = f'test "$({faults.SERVED} | openssl x509 -noout -serial)" = {renewed}'
        machine.until(serves, timeout=10)
        if proxy in IN_MEMORY:
            assert machine.sh(f"stat -c '%a %U' /run/{proxy}/site.*").stdout.split() == ["400", proxy] * 2
            machine.sh(f"systemctl stop {service}; rm -rf /run/{proxy}; systemctl start {service}; {deployment.LISTENS}")
            # Traefik listens before it has read its sites.
            machine.until(serves, timeout=10)


# Logs

# As other servers write it: address, time, request, status, bytes, and at the end the client.
COMMON = re.compile(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:[\d:]+ [+-]\d{4}\] "(GET \S+) HTTP/1\.1" (\d{3}) \d+ .*"(python-requests)[^"]*"')


def lines(log, proxy):
    """{(request, status, client)} of a log, but for what Traefik's own script asks by HTTP/1.0; a line of another form is an error."""
    if proxy == "caddy":
        told = map(json.loads, log.splitlines())
        return {
            (f"{row['request']['method']} {row['request']['uri']}", str(row["status"]), row["user_agent"].partition("/")[0]) for row in told
        }
    return {COMMON.fullmatch(line).groups() for line in log.splitlines() if " HTTP/1.0" not in line}


@each
def test_the_log_has_each_request_of_both_ports_without_its_query_and_with_its_client(behind, proxy):
    """But for connections on which nothing was asked."""
    hub, front = behind(proxy)
    row = FURTHER_PROXIES[proxy]
    with front as machine:
        hub.on_server("redirected", f"https://{HOST}", f"{BASE}lab?token=secret", "/?token=secret")
        hub.on_server("redirected", f"http://{HOST}", f"{BASE}lab?token=secret")
        seen(hub, "nothing", HOST)
        wanted = {
            (f"GET {BASE}lab", "503", "python-requests"),
            ("GET /", "302", "python-requests"),
            (f"GET {BASE}lab", "301", "python-requests"),
        }
        machine.until(f"test $({deployment.reading(row.log)} | grep -c python-requests) -ge 3", timeout=10)
        log = machine.sh(deployment.reading(row.log)).stdout
    assert lines(log, proxy) == wanted, log


# Caddy


def test_caddys_log_is_for_its_group_alone_and_logrotate_rotates_it_and_nobody_else(behind):
    log = FURTHER_PROXIES["caddy"].log
    hub, front = behind("caddy")
    with front as machine:
        hub.on_server("redirected", f"https://{HOST}", "/")
        assert machine.sh(f"stat -c '%a %U %G' {log}").stdout.split() == ["640", "caddy", "adm"]
        # Caddy by itself would begin another file at 100 MB.
        machine.sh(f"truncate -s 101M {log}; systemctl restart caddy; {deployment.LISTENS}")
        hub.on_server("redirected", f"https://{HOST}", "/")
        machine.until(f"tail -c 2000 {log} | grep -q python-requests", timeout=10)
        assert machine.sh("ls /var/log/caddy").stdout.split() == ["jupyterhub.log"]


def test_caddy_passes_on_no_more_than_jupyter_takes_of_an_upload_whose_length_nobody_says(behind):
    hub, front = behind("caddy")
    with front:
        status, megabytes = seen(hub, "in_pieces", URL, "530")
    assert status == 413
    assert megabytes == pytest.approx(512, abs=2)


def test_caddy_asks_no_authority_for_a_certificate_and_serves_its_other_sites(behind):
    """Even where the certificate is for another name."""
    chain, key = deployment.pem(deployment.authority().issue_cert("www.example.com"))
    lab = {"/etc/caddy/sites/lab.caddyfile": 'http://lab.example.com {\n\trespond "the lab"\n}\n'}
    hub, front = behind("caddy", lab | {VALUES["certificate"]: chain, VALUES["key"]: key})
    with front as machine:
        assert hub.on_server("at", "127.0.0.1", "lab.example.com", "/")["80 /"] == [200, "the lab"]
        said = machine.sh(FURTHER_PROXIES["caddy"].error_log).stdout
    assert "obtain" not in said


def test_caddys_other_site_has_a_certificate_and_port_80_as_the_page_has_it(behind):
    site = (ROOT / "deploy/caddy.md").read_text("utf-8").partition("```text\n")[2].partition("```")[0]
    hub, front = behind("caddy")
    chain, key = deployment.pem(deployment.authority().issue_cert("lab.example.com"))
    files = {"/etc/caddy/lab.crt": chain, "/etc/caddy/lab.key": key, "/etc/caddy/sites/lab.caddyfile": site}
    with front as machine:
        machine.sh(f"chown caddy /etc/caddy/lab.key; sh /root/caddy/enable.sh; {deployment.LISTENS}", files)
        answers = hub.on_server("at", "127.0.0.1", "lab.example.com", "/")
        served = faults.serial(machine, ASKED.format(host="lab.example.com", options=""))
        assert served == faults.serial(machine, "cat /etc/caddy/lab.crt")
    assert answers == {"80 /": [301, "https://lab.example.com/"], "443 /": [200, "lab"]}


def test_what_caddy_says_of_an_error_holds_no_query_and_no_header(behind):
    hub, front = behind("caddy")
    with front as machine:
        assert "4 bytes read" in seen(hub, "cut_short", URL, "secret")
        machine.until(f"{FURTHER_PROXIES['caddy'].error_log} | grep --quiet 'incomplete response'", timeout=10)
        said = machine.sh(FURTHER_PROXIES["caddy"].error_log).stdout
    assert "secret" not in said
    assert "python-requests" not in said


# Traefik

SITES = "/etc/traefik/sites"


def test_traefik_reads_its_sites_at_a_reload_and_says_in_plain_words_what_is_wrong(behind):
    """Not while somebody is still writing them. A file that lies there is one more site."""
    hub, front = behind("traefik")
    other = "http: {routers: {lab: {rule: Host(`lab.example.com`), middlewares: [gone], service: noop@internal}}}\n"
    with front as machine:
        machine.sh(f"""sed -i 's/"418": 404/"418": 410/' {SITES}/jupyterhub.yaml""", {f"{SITES}/lab.yaml": other})
        time.sleep(3)
        assert seen(hub, "by_itself", URL)["another path"][0] == 404
        machine.sh("systemctl reload traefik; sleep 3")
        assert seen(hub, "by_itself", URL)["another path"][0] == 410
        said = machine.sh("journalctl --no-pager --all --output cat --unit traefik").stdout
    assert "gone@file" in said
    assert "\x1b" not in said


def test_a_restart_of_traefik_does_not_wait_for_websockets(behind):
    hub, front = behind("traefik")
    with front as machine, ThreadPoolExecutor() as pool:
        held = pool.submit(seen, hub, "hold", URL, "60")
        hub.machine.until(f"test -e {CHECK}/held", timeout=20)
        began = time.monotonic()
        machine.sh("systemctl restart traefik")
        took = time.monotonic() - began
        assert held.result() < 10
    assert took < 6, f"a restart takes {took:.0f} seconds"


def shown(machine, *properties):
    """What systemd says of Traefik's unit, by property."""
    said = machine.sh(f"systemctl show {' '.join(f'--property {name}' for name in properties)} traefik").stdout
    return dict(line.split("=", 1) for line in said.splitlines())


# What systemd counts against it: the rows that `systemd-analyze security` marks.
COUNTED = {
    # It listens on the machine's network, on ports below 1024, for everybody.
    "CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)",
    "AmbientCapabilities=",
    "RestrictAddressFamilies=~AF_UNIX",
    "RestrictAddressFamilies=~AF_(INET|INET6)",
    "PrivateNetwork=",
    "PrivateUsers=",
    "IPAddressDeny=",
    "ProcSubset=",
    # Its log is for the group adm. Of memory that programs share it uses none.
    "UMask=",
    "RemoveIPC=",
    "RootDirectory=/RootImage=",
    "DeviceAllow=",
}


def test_systemd_calls_traefik_well_protected(behind):
    _, front = behind("traefik")
    with front as machine:
        rows = json.loads(machine.sh("systemd-analyze security --json=short traefik.service").stdout)
        about = shown(machine, "After", "Wants", "UnitFileState")
        log = machine.sh(f"stat -c '%a %U %G' {FURTHER_PROXIES['traefik'].log}").stdout.split()
    assert {row["name"] for row in rows if row["exposure"]} == COUNTED
    assert "network-online.target" in about["After"].split()
    assert "network-online.target" in about["Wants"].split()
    assert about["UnitFileState"] == "enabled"
    assert log == ["640", "traefik", "adm"]


def test_traefik_comes_back_two_seconds_after_a_crash_and_not_after_an_end(behind):
    _, front = behind("traefik")
    with front as machine:
        pid = shown(machine, "MainPID")["MainPID"]
        machine.sh(f"kill -9 {pid}")
        machine.until(f"pid=$(systemctl show --property MainPID --value traefik); [ $pid != 0 ] && [ $pid != {pid} ]", timeout=10)
        machine.until("systemctl is-active traefik", timeout=10)
        told = machine.sh("journalctl --quiet --output json --unit traefik _PID=1").stdout.splitlines()
        machine.sh("kill -TERM $(systemctl show --property MainPID --value traefik); sleep 4")
        assert machine.sh("systemctl is-active traefik", check=False).stdout.strip() == "inactive"
    rows = [(row["MESSAGE"], int(row["__MONOTONIC_TIMESTAMP"]) / 1e6) for row in map(json.loads, told)]
    ended, again = (next(when for words, when in rows if part in words) for part in ("Failed with result", "Scheduled restart job"))
    # A busy machine may be late, and never early.
    assert 1.9 < again - ended < 3.9


@pytest.mark.parametrize("proxy", IN_MEMORY)
def test_after_a_rotation_requests_are_in_the_new_log(behind, proxy):
    hub, front = behind(proxy)
    log = FURTHER_PROXIES[proxy].log
    with front as machine:
        hub.on_server("redirected", f"https://{HOST}", "/before")
        machine.until(f"grep -q /before {log}", timeout=10)
        machine.sh(f"logrotate --force {ROTATION[proxy]}; grep -q /before {log}.1")
        hub.on_server("redirected", f"https://{HOST}", "/after")
        machine.until(f"grep -q /after {log}", timeout=10)
        assert machine.sh(f"cat {log}.1").stdout.count("/after") == machine.sh(f"cat {log}").stdout.count("/before") == 0


# Folders in memory


@pytest.mark.parametrize("proxy", IN_MEMORY)
def test_nobody_else_opens_the_folder_with_the_copy_of_the_key(behind, proxy):
    _, front = behind(proxy)
    with front as machine:
        assert "site.key" in machine.sh(f"ls /run/{proxy}").stdout
        said = machine.exec("ls", f"/run/{proxy}", user="nobody", check=False)
        assert "Permission denied" in said.stderr
        assert machine.sh(f"stat -c '%a %U' /run/{proxy}/site.*").stdout.split() == ["400", proxy] * 2


@pytest.mark.parametrize("proxy", IN_MEMORY)
def test_at_a_reload_root_follows_no_link_that_the_proxys_user_lays(behind, proxy):
    """To folders of root's, in the place of the copies."""
    _, front = behind(proxy)
    lays = f"cd /run/{proxy}; rm site.*; for one in crt key; do ln -s /srv/$one site.$one; done"
    with front as machine:
        machine.sh("mkdir /srv/crt /srv/key")
        machine.exec("sh", "-c", lays, user=proxy)
        machine.sh(f"systemctl reload {FURTHER_PROXIES[proxy].service}", check=False)
        assert machine.sh("find /srv/crt /srv/key -type f").stdout == ""
        assert machine.sh(f"stat -c '%a %U %F' /run/{proxy}/site.*").stdout.splitlines() == [f"400 {proxy} regular file"] * 2


# Rotation

ROTATION = {"caddy": SAVED_AS["caddy/jupyterhub.logrotate"], "traefik": SAVED_AS["traefik/logrotate.conf"]}
# The state file of logrotate says when each log was rotated last.
STATE = 'logrotate state -- version 2\n"{log}" {day}-0:0:0\n'


@pytest.mark.parametrize("proxy", ROTATION)
def test_a_log_is_rotated_each_night_and_fourteen_are_kept(proxy):
    log, rules = FURTHER_PROXIES[proxy].log, ROTATION[proxy]
    with deployment.server(FURTHER_PROXIES[proxy].servers[-1], proxy) as machine:
        machine.put(deployment.placed(proxy))
        folder = log.rpartition("/")[0]
        own = f"install -d -o {proxy} -g adm -m 2750 {folder}"
        today, earlier = machine.sh("date +%Y-%-m-%-d; date -d '2 days ago' +%Y-%-m-%-d").stdout.split()

        def rotate(day, text):
            """What there is after a night; what logrotate says of it is an error."""
            write = f"printf '{text}' | install -o {proxy} -g adm -m 640 /dev/stdin {log}" if text is not None else f"rm -f {log}"
            done = machine.sh(
                f"{own}; {write}; logrotate --verbose --state /root/state {rules}", {"/root/state": STATE.format(log=log, day=day)}
            )
            assert "error" not in done.stderr, done.stderr
            # Caddy's own user does it, in its own folder.
            assert ("switching euid from 0 to" in done.stderr) == (proxy == "caddy")
            return sorted(machine.sh(f"ls {folder}").stdout.split())

        name = log.rpartition("/")[2]
        assert rotate(earlier, None) == []
        assert rotate(earlier, "") == [name]
        assert rotate(today, "one") == [name]
        inode = machine.sh(f"stat -c %i {log}").stdout
        machine.sh(f"logrotate --state /root/state {rules}", {"/root/state": STATE.format(log=log, day=earlier)})
        left = machine.sh(f"stat -c '%i %a %U %G %s' {log}").stdout.split()
        assert left[1:] == ["640", proxy, "adm", "0"]
        # Caddy goes on writing to the same file, Traefik opens the new one.
        assert (left[0] == inode.strip()) == (proxy == "caddy")
        assert sorted(machine.sh(f"ls {folder}").stdout.split()) == [name, f"{name}.1"]
        assert rotate(earlier, "two") == [name, f"{name}.1", f"{name}.2.gz"]
        for night in range(16):
            kept = rotate(earlier, f"night {night}")
        assert kept == sorted([name, f"{name}.1", *(f"{name}.{number}.gz" for number in range(2, 15))])


def test_each_file_of_a_further_reverse_proxy_is_taken_apart():
    """So that none is left out of the record of witnesses."""
    own = {name for proxy in FURTHER_PROXIES for name in PUBLISHED.folder(proxy)}
    assert own - set(files()) == {"caddy/requirements.txt", "traefik/requirements.txt"}
