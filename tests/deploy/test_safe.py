"""The threats of deploy/security.md: an attempt of each, and the line of a published file that stops it."""

import pytest

from tests.harness.machines import deployment, engine, existing_site
from tests.harness.machines.deployment import URL
from tests.harness.manifest import CONFIG, EVERY_PROXY, NEWEST, PROXIES, PUBLISHED, VALUES
from tests.harness.measuring.local_users import NO_RULES, RULES, ruled
from tests.harness.measuring.tls import offered
from tests.harness.on_server import raw_client
from tests.harness.pairs import changed, further_weekly, the_first

newest = pytest.mark.parametrize("version", [NEWEST])
each = pytest.mark.parametrize("proxy", further_weekly(EVERY_PROXY))


@pytest.mark.parametrize(("proxy", "kind"), further_weekly((proxy.name, kind) for proxy in EVERY_PROXY.values() for kind in proxy.servers))
def test_tls_is_what_mozilla_calls_intermediate_and_sessions_are_kept_without_tickets(proxy, kind):
    """A ticket would be encrypted by a key that stays until the server is restarted. In TLS 1.3 a kept session looks like one."""
    weaknesses, sessions, ciphers = offered(proxy, kind)
    assert not weaknesses
    # What computers with instructions for AES take, and what others do.
    assert {name.rpartition("ECDSA-")[2] for name in ciphers} >= {"AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"}
    kept = EVERY_PROXY[proxy].kept
    assert sessions == {"TLSv1_2": [bool(kept), "tickets" in EVERY_PROXY[proxy].cannot, 0], "TLSv1_3": [bool(kept), bool(kept), kept]}


@each
def test_with_every_cipher_allowed_older_tls_is_still_refused(proxy):
    """On the oldest server, which would speak it."""
    weaknesses, *_ = offered(proxy, EVERY_PROXY[proxy].servers[0], EVERY_PROXY[proxy].changed("ciphers"))
    assert "ciphers" in weaknesses
    assert "tls_versions" not in weaknesses


@newest
def test_every_answer_asks_for_https_and_names_no_version_of_the_server(front, version, request):
    proxy, _ = request.node.callspec.params["front"]
    said = front.on_server("headers", URL)
    assert {int(what.split()[-1]) // 100 for what in said} == {2, 3, 4}, said.keys()
    for what, headers in said.items():
        if "errors" in EVERY_PROXY[proxy].cannot and what.endswith("/% 400"):
            assert not {"Strict-Transport-Security", "Cross-Origin-Opener-Policy"} & headers.keys(), what
        # A browser does not heed the others from plain HTTP.
        elif " http:" not in what:
            assert headers.get("Strict-Transport-Security") == "max-age=63072000", f"snippets of the reverse proxy: no HSTS on {what}"
            assert headers.get("Cross-Origin-Opener-Policy") == "same-origin", f"snippets of the reverse proxy: no COOP on {what}"
        assert headers.get("Server", "") in {proxy.header for proxy in EVERY_PROXY.values()}, f"{what} names {headers.get('Server')}"
        assert "Via" not in headers, f"{what} goes via {headers['Via']}"


@newest
def test_whoever_types_the_name_alone_arrives_at_the_login(front, version):
    host = VALUES["host"]
    assert front.on_server("arrived", f"http://{host}/", f"https://{host}/") == [[f"{URL}hub/login?next=%2Fjupyter%2Fhub%2F", 200]] * 2
    # A browser keeps a redirect "for good", so that another site which came to / later would not be seen.
    redirected = front.on_server("redirected", f"https://{host}", "/", "/jupyter", "/other")
    assert redirected == {"/": [302, f"{URL}hub/"], "/jupyter": [301, URL], "/other": [404, ""]}


@newest
def test_plain_http_is_sent_to_the_hubs_own_name_whatever_host_was_asked_for(front, version):
    assert front.on_server("at", "127.0.0.1", "elsewhere.example", "/jupyter/")["80 /jupyter/"] == [301, URL]


# With a query, in which the path of a notebook is encoded once more; and names with signs in them.
PATHS = ["", "hub/login?next=%2Fjupyter%2Fuser%2Fbob%2Flab%2Ftree%2Fa%2520b", "user/bob/files/a%20b%25c+d%2Fe.txt?x=1&y=%2F&z="]
PATHS += ["user/bob/lab/tree/What%20is%20C%23%3F.ipynb?x=1"]


@newest
def test_plain_http_is_sent_to_the_same_address_by_https_for_good(front, version):
    said = front.on_server("redirected", URL.replace("https:", "http:"), *PATHS)
    # Apache decodes a slash on its way, which Jupyter takes for the same, and writes small letters.
    same = {path: [code, to.replace("d/e", "d%2Fe").replace("%3f", "%3F")] for path, (code, to) in said.items()}
    assert same == {path: [301, URL + path] for path in PATHS}


def reached(files, *options):
    """What another machine on the hub's network gets on the ports where somebody listens on the hub's, by port.

    Where there are options, bob's server runs too, by such a check.
    """
    with engine.network() as network, deployment.hub(NEWEST, files, network) as hub:
        if options:
            hub.check(*options, user="bob", url=deployment.BEHIND)
        behind = deployment.listening(hub.machine)
        nginx = PROXIES["nginx"]
        with deployment.in_front(hub, nginx.servers[-1], "nginx"), deployment.stranger(hub, network) as machine:
            return behind, deployment.on_server(machine, "raw_client", "reach", VALUES["host"], "443", *behind)


def test_another_machine_reaches_the_reverse_proxy_and_no_port_of_the_hub():
    behind, seen = reached(PUBLISHED, "--keep-server", "--megabytes", "0")
    # The hub's proxy, the two by which it speaks with the hub, and bob's server.
    assert behind >= {"800", "801", "881"}
    assert len(behind) >= 4
    assert seen == {"443": "open"} | dict.fromkeys(behind, "Connection refused")


def test_with_the_base_url_alone_another_machine_reaches_the_hub_past_the_reverse_proxy():
    bound = 'c.JupyterHub.bind_url = "http://127.0.0.1:800/jupyter/"'
    assert reached(PUBLISHED.replace(CONFIG, bound, 'c.JupyterHub.base_url = "/jupyter/"'))[1]["8000"] == "open"


@newest
def test_a_user_reaches_nothing_of_another(front, version):
    seen = front.on_server("intrude", URL)
    # What is refused to a stranger is there for its owner.
    assert set(seen["alice"].values()) == {101}
    assert seen["hers"].keys() == seen["tried"].keys()
    assert "alice's own" in seen["hers"].values()
    assert not {tried: status for tried, status in seen["hers"].items() if status != "alice's own" and status // 100 != 2}
    assert set(seen["bob"].values()) <= {403, 404}, seen["bob"]
    assert set(seen["tried"].values()) <= {403, 404}, seen["tried"]


def claimed(hub, name):
    """What the hub answers and logs when a client's headers name another address and another host."""
    said = hub.on_server("claim", URL, name)
    line = engine.wait(lambda: [line for line in hub.log().splitlines() if f"/hub/{name} " in line][-1])
    return "\n".join([*said, line])


@newest
def test_what_a_client_says_of_itself_is_not_believed(front, version):
    said = claimed(front, "claimed")
    assert "203.0.113.9" not in said
    assert "elsewhere.example" not in said


# What sends on the answer to a WebSocket with all its headers.
AS_IT_IS = ("apache", "traefik")
# By name what a reverse proxy tells of a client at this address; what else the client says is dropped.
CLIENT = "127.0.0.7"
TOLD = {
    "X-Real-IP": CLIENT,
    "X-Forwarded-For": CLIENT,
    "X-Scheme": "https",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": None,
    "X-Forwarded-Port": None,
    "Forwarded": None,
}
# What else the hub gets by each request that is no WebSocket's.
ALWAYS = {"Connection": "close", "version": "HTTP/1.1"}


def arrives(idle, proxy, kind, files=PUBLISHED):
    """What the hub would get of TOLD and ALWAYS; a client has made up all headers of TOLD, the second time to have them dropped too.

    Third, what comes in the other direction: which headers of RULES a browser gets from a user's program.
    """
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    with deployment.in_front(hub, kind, proxy, files):
        got = hub.on_server("forwarded", URL, CLIENT, *TOLD)
        rules = ruled(hub.machine, f"{URL}user/mallory/api/")
    # A header's name may come in capitals or not.
    heard = [{name.lower(): value for name, value in headers.items()} for headers in got]
    return [*({name: headers.get(name.lower()) for name in TOLD | ALWAYS} for headers in heard), rules]


OLDEST_AND_NEWEST = [(proxy.name, kind) for proxy in EVERY_PROXY.values() for kind in (proxy.servers[0], proxy.servers[-1])]


@pytest.mark.parametrize(("proxy", "kind"), further_weekly(OLDEST_AND_NEWEST))
def test_the_hub_gets_the_clients_own_address_and_no_header_that_a_client_made_up(idle, proxy, kind):
    """Nor does a browser get from a user's program what would hold for the whole host."""
    own = {name: value.format(host=VALUES["host"]) or None for name, value in EVERY_PROXY[proxy].tells.items()}
    first, second, rules = arrives(idle, proxy, kind)
    assert first == TOLD | ALWAYS | own
    # HAProxy passes on what a client says of the connection. The hub's own proxy does not follow it: see the next test.
    assert second | {"Connection": first["Connection"]} == first
    assert rules == NO_RULES | ({"101": [*RULES]} if proxy in AS_IT_IS else {}), "a user's program says it for the whole host"


@newest
def test_a_client_that_says_the_headers_are_for_the_next_server_alone_is_known_to_the_hub(front, version):
    """Whatever reaches the hub's own proxy of that."""
    front.on_server("for_the_next_alone", URL, CLIENT, "for-the-next", *TOLD)
    line = engine.wait(lambda: [line for line in front.log().splitlines() if "/hub/for-the-next " in line][-1])
    assert f"(@{CLIENT})" in line


@each
def test_without_the_lines_each_made_up_header_reaches_the_hub(idle, proxy):
    believed, *_ = arrives(idle, proxy, EVERY_PROXY[proxy].servers[-1], EVERY_PROXY[proxy].changed("headers"))
    assert [name for name in TOLD if f"made-up-{name}" not in (believed[name] or "")] == []


@each
def test_without_the_lines_a_users_program_says_what_browsers_follow_for_the_whole_host(idle, proxy):
    """But for what a reverse proxy keeps by itself: most put their own Strict-Transport-Security first, and Caddy has its own Alt-Svc."""
    row = EVERY_PROXY[proxy]
    published, changed = (files.read(row.site_file).splitlines() for files in (PUBLISHED, row.changed("rules")))
    gone = "\n".join(set(published) - set(changed))
    *_, rules = arrives(idle, proxy, row.servers[-1], row.changed("rules"))
    assert rules["200"] == rules["404"] == [name for name in RULES if name in gone]
    assert "Service-Worker-Allowed" in gone


@newest
@changed("address")
def test_without_the_line_a_client_is_believed(front, version):
    assert "203.0.113.9" in claimed(front, "without-the-line")


@pytest.mark.parametrize("kind", the_first(PROXIES["nginx"].servers[::-1]))
def test_no_users_program_has_nginx_send_another_page_of_the_host(idle, kind):
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    with deployment.in_front(hub, kind, "nginx"):
        seen = deployment.on_server(hub.machine, "door_actions", "led", f"{URL}user/alice/api", "X-Accel-Redirect", "/")
    assert seen == [200, "from the hub"], "it is sent what nginx has at the place that the program names"


# Another site of the machine, which the server reads first; and the machine's own name and pages.
OTHER = f"lab.{VALUES['host']}"
BESIDE = {
    "nginx": existing_site.beside("nginx", OTHER),
    "apache": existing_site.beside("apache", OTHER)
    | {"/etc/apache2/conf-enabled/name.conf": "ServerName machine.example.com\nDocumentRoot /srv\n"},
}


@pytest.mark.parametrize("proxy", PROXIES)
def test_beside_a_site_of_another_name_both_answer_and_an_authority_finds_on_port_80_what_it_asked_for(idle, proxy):
    """The hub's site by IPv6 too."""
    hub, host = deployment.prepare(idle(NEWEST), NEWEST), VALUES["host"]
    path, near = "/.well-known/acme-challenge/token", "/.well-known/token"
    extra = BESIDE[proxy] | {f"/var/www/html{path}": "asked for", f"/var/www/html{near}": "not asked for"}
    with deployment.in_front(hub, PROXIES[proxy].servers[-1], proxy, extra=extra):
        ours, theirs = hub.on_server("at", "127.0.0.1", host, "/", path, near), hub.on_server("at", "127.0.0.1", OTHER, "/")
        assert hub.on_server("at", "::1", host, "/", path, near) == ours
    assert {where: status for where, (status, _) in theirs.items()} == {"80 /": 200, "443 /": 200}
    assert ours[f"80 {path}"] == [200, "asked for"]
    assert [ours["80 /"], ours[f"80 {near}"]] == [[301, f"https://{host}/"], [301, f"https://{host}{near}"]]
    assert ours["443 /"] == [302, f"{URL}hub/"]


def test_with_the_public_address_cookies_are_secure_whatever_the_headers_say():
    site = "nginx/jupyterhub.conf"
    known = PUBLISHED.replace(CONFIG, "c = get_config()", f'c = get_config()\nc.JupyterHub.public_url = "{URL}"')
    silent = PUBLISHED.replace(site, "proxy_set_header X-Scheme").replace(site, "proxy_set_header X-Forwarded-Proto")
    with deployment.hub(NEWEST, known) as hub, deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx", silent):
        last = hub.check("--until", "login_works")[-1]
    assert (last["rung"], last["ok"]) == ("login_works", True), last


def refused(machine, path):
    """Whether the system keeps bob from listing what root finds at a path."""
    machine.exec("ls", path)
    return "Permission denied" in machine.exec("ls", path, user="bob", check=False).stderr


@newest
def test_the_hubs_secrets_are_readable_by_root_alone(hubs, version):
    for name in ("jupyterhub.sqlite", "jupyterhub_cookie_secret"):
        assert refused(hubs(version).machine, f"/var/lib/jupyterhub/{name}"), name


@newest
def test_the_hub_makes_no_keys_for_users_servers_unless_it_is_asked_to(hubs, version):
    """They cost time at each start of a server, and in each of its answers."""
    made = hubs(version).machine.sh("ls -d /home/bob/.jupyterhub /var/lib/jupyterhub/internal-ssl 2>/dev/null", check=False).stdout
    assert not made, "users' servers speak TLS"


@newest
def test_a_home_is_open_to_other_users_until_its_mode_says_otherwise(hubs, version):
    machine = hubs(version).machine
    machine.sh("chmod 755 /home/carol")
    assert not refused(machine, "/home/carol/.")
    machine.sh("chmod 700 /home/carol")
    assert refused(machine, "/home/carol/.")


@each
def test_the_reverse_proxy_works_with_a_key_that_nobody_else_reads(proxy):
    key = VALUES["key"]

    def read(user):
        return "PRIVATE KEY" in machine.exec("cat", key, user=user, check=False).stdout

    with deployment.alone(proxy, EVERY_PROXY[proxy].servers[-1]) as machine, deployment.authority().cert_pem.tempfile() as ca:
        machine.sh(f"chmod 755 $(dirname {key}); chmod 644 {key}")
        assert read("nobody")
        # As the page says.
        machine.sh(f"chown root:root {key} && chmod 600 {key}")
        deployment.enable(machine, proxy)
        machine.sh(deployment.LISTENS)
        assert [user for user in ("root", "nobody", "www-data") if read(user)] == ["root"]
        with raw_client.opened(URL, ca, "127.0.0.1", machine.port(443)) as connection:
            assert connection.version() == "TLSv1.3"


@newest
def test_a_user_does_not_read_the_key(hubs, version):
    machine = hubs(version).machine
    assert "Permission denied" in machine.exec("cat", VALUES["key"], user="bob", check=False).stderr
    # Others may list the certificate, which every visitor gets.
    machine.exec("cat", VALUES["certificate"], user="bob")


STATUS = "a2dismod --quiet status"


@newest
@pytest.mark.parametrize(
    ("front", "shown"),
    [
        (("apache", {}), False),
        (("apache", {"files": PUBLISHED.replace("apache/enable.sh", STATUS)}), True),
        (("nginx", {}), False),
    ],
    ids=["apache", "apache without the line", "nginx"],
    indirect=["front"],
)
def test_no_user_of_the_machine_reads_what_others_ask_on_a_status_page(front, version, shown):
    pages = front.on_server(
        "pages", f"https://{VALUES['host']}/server-status", f"http://{VALUES['host']}/server-status", "http://127.0.0.1/server-status"
    )
    assert any("Server Status" in page for page in pages) == shown, pages
