"""deploy/existing-site.md: the hub is added to a web server that already has a site, and both work."""

import re

import pytest

from tests.harness.machines import deployment, engine, existing_site, faults, images
from tests.harness.machines.deployment import URL, in_front
from tests.harness.machines.faults import SERVICE
from tests.harness.manifest import CONFIG, HOMES, NEWEST, NEWEST_ON, PROXIES, PUBLISHED, SAVED_AS, VALUES, Files
from tests.harness.manifest import ROOT as GUIDE
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import LADDER, tell
from tests.harness.measuring.local_users import NO_RULES, RULES, ruled
from tests.harness.pairs import the_first
from tests.harness.site import following
from tests.harness.site.existing_site_page import PAGE, STATES, STATES_OF_TWO
from tests.harness.site.following import TABS

ROOT = f"https://{VALUES['host']}/"
# What the published sites have that is the site's own business here, or is said in another way.
LEFT = {
    "nginx": {
        "add_header Strict-Transport-Security max-age=63072000 always;",
        "error_page 502 @away;",
        "location /jupyter/ {",
        "location @away {",
        "location = / {",
        "return 302 /jupyter/hub/;",
    },
    "apache": {
        "CustomLog ${APACHE_LOG_DIR}/jupyterhub.log jupyterhub",
        "Header always set Strict-Transport-Security max-age=63072000",
        "ProxyPass /jupyter/ http://127.0.0.1:800/jupyter/ nocanon upgrade=websocket timeout=3600 disablereuse=On",
        "RedirectMatch ^/$ /jupyter/hub/",
    },
}
BEGINS = {"nginx": "    access_log ", "apache": "    CustomLog "}


def directives(text):
    """The lines of a file without comments, each with single spaces."""
    return {" ".join(line.split()) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")} - {"}"}


@pytest.mark.parametrize("proxy", PROXIES)
def test_of_the_published_site_nothing_is_left_out_but_what_is_the_sites_own(proxy):
    published = PUBLISHED.read(f"{proxy}/jupyterhub.conf")
    whole, location = (PUBLISHED.read(f"beside/{name}.conf") for name in existing_site.FRAGMENTS[proxy])
    head = re.split(r"^(?:server \{|<VirtualHost)", published, flags=re.M)[0]
    assert head.partition("\n")[2].strip() == whole.partition("\n")[2].strip(), "what holds for all sites is the same, word by word"
    last = published.rpartition(BEGINS[proxy])[2]
    assert directives(BEGINS[proxy] + last) - directives(location) - {"</VirtualHost>"} == LEFT[proxy]


# A notebook with a # in its name, by a link with a token.
SHARP = "/jupyter/user/bob/lab/tree/C%23.ipynb?token=of-a-link"
# How often the hub's log has it, of a request on each port.
LOGGED = {"nginx": 2, "apache": 1}


def lived(hub, proxy, *options, files=PUBLISHED, elsewhere=existing_site.ELSEWHERE):
    """The rungs that are climbed where the hub is included, what the site answers at its own address and on port 80, which logs have the
    site's own requests and which a token, and the proxy's version.
    """
    made, extra = existing_site.included(proxy, files, elsewhere)
    with in_front(hub, PROXIES[proxy].servers[-1], proxy, made, extra) as server:
        rungs = hub.check("--keep-server", "--megabytes", "2", *options, user="bob")
        answers = hub.on_server("redirected", ROOT, "", "jupyter")
        at = hub.on_server("at", "127.0.0.1", VALUES["host"], "/jupyter/", SHARP)
        log = PROXIES[proxy].log
        engine.wait(lambda: server.sh(f"test $(grep -c tree/C {log}) = {LOGGED[proxy]}"))
        logs = [server.sh(f"grep -rl '{words}' /var/log/{SERVICE[proxy]}", check=False).stdout.split() for words in ("GET / ", "of-a-link")]
        return rungs, answers, at, logs, evidence.reported(server, proxy)


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_user_climbs_the_ladder_and_the_site_is_as_it_was(hubs, prove, proxy):
    rungs, answers, at, (own, leaked), version = lived(hubs(NEWEST), proxy, "--idle", "6")
    assert rungs[-1]["ok"], tell(rungs[-1])
    assert [rung["rung"] for rung in rungs] == LADDER
    assert answers[""] == [200, ""]
    assert answers["jupyter"] == [301, URL]
    assert at["80 /jupyter/"] == [301, URL]
    assert at[f"80 {SHARP}"] == [301, f"https://{VALUES['host']}{SHARP}"], "the name is cut at the sign"
    assert own == [f"/var/log/{SERVICE[proxy]}/access.log"]
    assert not leaked, "the site's own log has the token of a link"
    prove(evidence.read_beside(proxy, version, hubs(NEWEST).suite))


# Of what differs from the published site, or has to be said in the site's own file: what is changed, and the rung that breaks.
WITHOUT = {
    "no ^~": ("nginx", {"files": PUBLISHED.replace("beside/nginx-location.conf", "location ^~ /", "location /")}, "server_spawns"),
    "the site's policy": ("apache", {"elsewhere": ""}, "server_spawns"),
}


@pytest.mark.parametrize(("proxy", "changed", "rung"), WITHOUT.values(), ids=WITHOUT)
def test_without_it_a_rung_breaks(hubs, proxy, changed, rung):
    last = lived(hubs(NEWEST), proxy, **changed)[0][-1]
    assert (last["rung"], last["ok"]) == (rung, False)


# A site that sends everything on port 80 to HTTPS by itself; and one of Apache that has no log of its own.
SENDS, TOKEN_FREE = "return 301 https://$host$request_uri;", "access_log /var/log/nginx/access.log jupyterhub;"
OF_ITS_OWN = existing_site.LOG + existing_site.ELSEWHERE


@pytest.mark.parametrize("line", ["", TOKEN_FREE], ids=["without the line", "with the line"])
def test_where_nginx_sends_everything_on_port_80_to_https_no_token_of_a_link_is_logged(idle, line):
    assert f"`{TOKEN_FREE}`" in (GUIDE / PAGE).read_text("utf-8")
    hub, (made, extra) = deployment.prepare(idle(NEWEST), NEWEST), existing_site.included("nginx")
    place = existing_site.LATER["nginx"]
    extra[place] = extra[place].replace(existing_site.PLAIN["nginx"], f"{SENDS} {line}")
    with in_front(hub, PROXIES["nginx"].servers[-1], "nginx", made, extra) as server:
        assert hub.on_server("redirected", f"http://{VALUES['host']}", SHARP) == {SHARP: [301, f"https://{VALUES['host']}{SHARP}"]}
        engine.wait(lambda: server.sh("grep tree/C /var/log/nginx/access.log"))
        assert ("of-a-link" in server.read("/var/log/nginx/access.log")) == (not line)


@pytest.mark.parametrize("line", ["", OF_ITS_OWN], ids=["without the line", "with the line"])
def test_a_site_of_apache_that_had_no_log_of_its_own_needs_one(idle, line):
    """What is for sites without one is not for a site with the hub's."""
    assert f"`{OF_ITS_OWN}`" in (GUIDE / PAGE).read_text("utf-8")
    hub, (made, extra) = deployment.prepare(idle(NEWEST), NEWEST), existing_site.included("apache")
    place = existing_site.LATER["apache"]
    extra[place] = extra[place].replace(OF_ITS_OWN, line)
    with in_front(hub, PROXIES["apache"].servers[-1], "apache", made, extra) as server:
        hub.on_server("redirected", ROOT, "of-its-own", "jupyter/hub/last")
        engine.wait(lambda: server.sh(f"grep hub/last {PROXIES['apache'].log}"))
        logs = server.sh("grep -l of-its-own /var/log/apache2/*access.log", check=False).stdout.split()
    assert logs == (["/var/log/apache2/access.log"] if line else [])


# What the site passes on to the same program in its own way.
OWN = "location /own/ { proxy_pass http://127.0.0.1:800; }"


@pytest.fixture
def alone(idle):
    """`alone(proxy, kind, more, extra)`: the site with the hub's lines and `more` of its own, on a machine where no hub runs.

    The machine of the hub, and that of the reverse proxy.
    """

    def alone(proxy, kind, more="", extra=None):
        hub = deployment.prepare(idle(NEWEST), NEWEST)
        made, files = existing_site.included(proxy, more=more)
        return hub, in_front(hub, kind, proxy, made, files | (extra or {}))

    return alone


nginx = pytest.mark.parametrize("kind", the_first(PROXIES["nginx"].servers[::-1]))


@nginx
def test_no_users_program_has_nginx_send_what_the_site_keeps_from_visitors(alone, kind):
    """The site's own programs have it sent."""
    private = "location /private/ { internal; alias /srv/private/; }"
    hub, front = alone("nginx", kind, f"{private} {OWN}", {"/srv/private/list.txt": "not for visitors"})
    with front:
        asked = {
            url: deployment.on_server(hub.machine, "door_actions", "led", url, "X-Accel-Redirect", "/private/list.txt")
            for url in (f"{ROOT}own/", f"{URL}user/alice/api")
        }
        rules = [ruled(hub.machine, url) for url in (f"{ROOT}own/", f"{URL}user/mallory/api/")]
    assert [*asked.values()] == [[200, "not for visitors"], [200, "from the hub"]]
    # Nor does it say for browsers what holds for the whole host, with the site's own pages.
    assert rules == [{status: [*RULES] for status in NO_RULES}, NO_RULES]


# What a shell reads of the uploads that nginx has open.
OPEN_FILES = "find /proc/[0-9]*/fd -lname '/var/lib/nginx/body/*' -exec head --bytes 200 {} + 2>/dev/null"


@pytest.mark.parametrize("kind", HOMES)
def test_a_program_of_the_sites_own_user_reads_what_nginx_keeps_of_an_upload(alone, kind):
    """As PHP-FPM runs on Debian, whose user nginx has too. The file has no name any more, but is open."""
    assert "run as `www-data`" in (GUIDE / PAGE).read_text("utf-8")
    hub, front = alone("nginx", kind)
    with front as machine, faults.meanwhile(hub, "half_sent", f"{URL}user/alice/api/contents/n", "alice's own", module="door_actions"):

        def read(user):
            return machine.sh(f"{OPEN_FILES}; true", user=user).stdout

        engine.wait(lambda: read("www-data").index("alice's own"), timeout=10)
        assert "alice's own" not in read("nobody")


@nginx
def test_while_the_hub_is_away_a_token_of_a_websocket_is_in_no_log_of_nginx(alone, kind):
    path = "user/alice/api/kernels/1/channels"
    hub, front = alone("nginx", kind)
    with front as machine:
        answered = hub.on_server("redirected", URL, f"{path}?token=of-a-websocket")
        own = machine.read(PROXIES["nginx"].log)
        logs = machine.sh("grep -rl of-a-websocket /var/log", check=False).stdout.split()
    assert [*answered.values()] == [[503, ""]]
    assert not logs, "the site's own log has it"
    assert f"/jupyter/{path} " in own


KEEPS = "expires 30d; proxy_cache site; proxy_cache_valid any 1h;"


@nginx
def test_where_nginx_keeps_the_sites_pages_it_keeps_none_of_the_hubs(alone, kind):
    room = {"/etc/nginx/conf.d/cache.conf": "proxy_cache_path /srv/kept keys_zone=site:1m;"}
    hub, front = alone("nginx", kind, f"{KEEPS} {OWN}", room)
    with front:
        asked = [deployment.on_server(hub.machine, "door_actions", "in_turn", url) for url in (f"{ROOT}own/", f"{URL}hub/home")]
    assert asked == [[["one", "max-age=2592000"]] * 2, [["one", None], ["other", None]]]


# Its modules are read in the order of the alphabet.
REWRITE = {"/etc/apache2/mods-enabled/rewrite.load": "LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so\n"}


@pytest.mark.parametrize("kind", the_first(PROXIES["apache"].servers[::-1]))
def test_where_apache_sends_every_address_to_one_page_it_passes_the_hubs_on(alone, kind):
    """As a shop or a blog has it, whose program answers for all addresses."""
    hub, front = alone("apache", kind, "RewriteEngine On\n    RewriteRule ^ /index.html [L]", REWRITE)
    with front:
        answers = hub.on_server("redirected", ROOT, "any/page", "jupyter", "jupyter/hub/login", "jupyter/user/alice/files/a%2Fb")
        rules = ruled(hub.machine, f"{URL}user/mallory/api/")
    # Nobody is there for the hub's pages.
    away = [503, ""]
    assert [*answers.values()] == [[200, ""], [301, URL], away, away]
    # Apache sends on the answer to a WebSocket with all its headers.
    assert rules == NO_RULES | {"101": [*RULES]}, "a user's program says it for the whole host"


@pytest.fixture(scope="module", params=NEWEST_ON)
def machine(request):
    """A booted machine with a hub and both web servers, neither of them running."""
    with deployment.hub(NEWEST_ON[request.param], image=images.certified) as hub:
        yield hub


SAVE, TWO, AWAY = "save-the-files-and-include-them", "a-second-hub-on-the-same-host", "take-this-away-again"
# These are followed on a machine with another hub.
LITTLEST, ADDED = "the-littlest-jupyterhub", "only-the-kernel-and-the-blocks"


@pytest.fixture(scope="module", params=PROXIES)
def followed(request, machine, site):
    """A reader who has followed the page up to its second step; the hub; the reverse proxy.

    The site is there first; the lines that the page has its reader write stand in its file before the commands are typed.
    """
    proxy, hub = request.param, machine
    place = existing_site.LATER[proxy]
    modules = {"nginx": "true", "apache": "a2enmod --quiet ssl headers; a2dissite --quiet 000-default"}[proxy]
    hub.machine.sh(f"{modules}; systemctl start {SERVICE[proxy]}", {place: existing_site.site(proxy), "/srv/site/index.html": "a site"})
    at_work = following.Reader(hub.machine, following.Pages.examples(site), TABS[proxy])
    try:
        at_work.follow(PAGE, [SAVE])
        hub.machine.put({place: existing_site.included(proxy)[1][place]})
        at_work.follow(PAGE, without=[SAVE, TWO, AWAY, LITTLEST, ADDED])
        yield at_work, hub, proxy
    finally:
        hub.machine.sh(f"systemctl stop {SERVICE[proxy]}")


def typed(at_work, hub, proxy):
    """What is proved by a reader who has met nothing wrong."""
    assert not at_work.wrong, "\n\n".join(at_work.wrong)
    return at_work.proof(hub.suite, proxy)


def test_each_command_of_the_page_prints_what_it_says(followed, prove):
    at_work, hub, proxy = followed
    assert at_work.meet_all(PAGE, STATES, "reload-the-web-server")
    open_to_all = hub.machine.sh("find /var/log/nginx /var/log/apache2 -type f -readable 2>/dev/null", check=False, user="nobody").stdout
    assert not open_to_all, "anybody on the machine reads who was here"
    pages = hub.on_server("pages", f"{ROOT}server-status", f"http://{VALUES['host']}/server-status", "http://127.0.0.1/server-status")
    assert not [page for page in pages if "Server Status" in page]
    last = hub.check("--keep-server", "--megabytes", "1")[-1]
    assert last["ok"], tell(last)
    prove(*typed(at_work, hub, proxy))


SECOND = f"{ROOT}second/"
UP = "journalctl --quiet _SYSTEMD_INVOCATION_ID=$(systemctl show --property InvocationID --value second) --grep 'is now running'"
END = """
systemctl disable --now --quiet second; systemctl stop 'second-*.service' 'jupyter-*.service'
rm -rf /etc/jupyterhub/second_config.py /etc/systemd/system/second.service /var/lib/second; systemctl daemon-reload
"""


@pytest.fixture
def two(followed):
    """The same, with a second hub."""
    at_work, hub, proxy = followed
    steps = [step for step in at_work.pages.steps(PAGE, at_work.tab) if isinstance(step, following.Type) and step.section == TWO]
    last = [step for step in steps if step.command.startswith(("nginx -t", "apachectl -t"))]
    put = {existing_site.LATER[proxy]: existing_site.with_two(proxy)}
    try:
        at_work.follow(PAGE, [TWO], skip=lambda step: step in last)
        hub.machine.put(put)
        at_work.follow(PAGE, [TWO], skip=lambda step: step not in last)
        yield followed
    finally:
        place = existing_site.LATER[proxy]
        hub.machine.sh(END, {place: existing_site.included(proxy)[1][place]})


def test_two_hubs_share_a_host_and_nothing_else(two, prove):
    at_work, hub, proxy = two
    # Apache takes a second location of one name.
    if proxy == "nginx":
        at_work.meet_all(PAGE, STATES_OF_TWO, TWO)
    for url in (URL, SECOND, URL):
        rungs = hub.check("--keep-server", "--megabytes", "1", url=url)
        assert rungs[-1]["ok"], tell(rungs[-1])
        assert [rung["rung"] for rung in rungs] == LADDER
    hub.machine.sh("systemctl is-active jupyter-alice second-alice")
    assert hub.on_server("at_both", URL, SECOND, "bob") == [[True, False], [True, True], [True, False]]
    assert hub.on_server("at", "127.0.0.1", VALUES["host"], "/second/")["80 /second/"] == [301, SECOND]
    prove(*typed(at_work, hub, proxy))


def test_with_the_same_name_for_both_units_a_server_at_one_hub_ends_that_at_the_other(two):
    _, hub, _ = two
    change = 'sed -i \'s|"second-"|"jupyter-"|\' /etc/jupyterhub/second_config.py'
    hub.machine.sh(f"{change}; systemctl restart second")
    hub.machine.until(UP, timeout=60)
    with faults.watching(hub) as told:
        hub.check("--keep-server", "--until", "server_spawns", url=SECOND)
    assert not told["lived"]["variable"], told


def test_without_the_hubs_files_the_site_is_as_it_was(followed, prove):
    at_work, hub, proxy = followed
    hub.machine.put({existing_site.LATER[proxy]: existing_site.site(proxy)})
    at_work.follow(PAGE, [AWAY])
    assert hub.machine.sh(f"find /etc/{SERVICE[proxy]} /var/log/{SERVICE[proxy]} -name '*jupyterhub*'").stdout == ""
    answers = hub.on_server("redirected", ROOT, "", "jupyter/hub/login")
    assert [status for status, _ in answers.values()] == [200, 200 if proxy == "nginx" else 404]
    prove(*typed(at_work, hub, proxy))


@pytest.mark.parametrize("proxy", PROXIES)
def test_with_one_more_line_the_name_alone_leads_to_the_hub(hubs, proxy):
    line = existing_site.NAME_ALONE[proxy]
    assert f"`{line}`" in (GUIDE / PAGE).read_text("utf-8")
    made, extra = existing_site.included(proxy, more=line)
    with in_front(hubs(NEWEST), PROXIES[proxy].servers[-1], proxy, made, extra):
        answers = hubs(NEWEST).on_server("redirected", ROOT, "", "index.html")
    assert answers == {"": [302, f"{URL}hub/"], "index.html": [200, ""]}


# A program of another name that listens on port 80, as The Littlest JupyterHub's own proxy does.
TRAEFIK = """
cp /usr/bin/perl /root/traefik
/root/traefik -MSocket -e 'socket(S, AF_INET, SOCK_STREAM, 0); bind(S, pack_sockaddr_in(80, INADDR_ANY)) or die; listen(S, 1); sleep 600' &
until grep -q ':0050 .* 0A' /proc/net/tcp; do sleep 0.02; done
"""


@pytest.mark.parametrize("proxy", PROXIES)
def test_where_the_littlest_jupyterhub_has_the_ports_the_script_says_what_the_page_says(proxy):
    words = "Port 80 is taken by another program, traefik: stop that first. Nothing was changed."
    assert f"`{words}`" in (GUIDE / PAGE).read_text("utf-8")
    with deployment.server(PROXIES[proxy].servers[-2]) as machine:
        machine.sh(f"({TRAEFIK}) >/dev/null 2>&1", deployment.placed(proxy))
        with pytest.raises(deployment.Refused) as refused:
            deployment.enable(machine, proxy)
    assert str(refused.value) == f"{words}\n"


# Its folders and its unit, as far as they matter here. What runs users' servers has neither Node.js nor anything of this guide.
TLJH, UNIT = "/opt/tljh", "/etc/systemd/system/jupyterhub.service"
HAS = f"""
mkdir {TLJH}
for part in hub user; do
    cp --archive /opt/jupyterhub {TLJH}/$part
    grep -lrI '^#!/opt/jupyterhub/' {TLJH}/$part/bin | xargs sed -i "1s|/opt/jupyterhub|{TLJH}/$part|"
done
ln -sf "$(readlink /opt/jupyterhub/bin/node | sed 's|/opt/jupyterhub|{TLJH}/hub|')" {TLJH}/hub/bin/node
mv /opt/jupyterhub /opt/away
cd {TLJH}/user
rm -r bin/node bin/npm bin/npx share/jigsaw share/jupyter/kernels/{VALUES["kernel"]}
rm -r lib/python3*/site-packages/jigsaw_magic.py lib/python3*/site-packages/{VALUES["kernel"]}*
rm /etc/jupyter/* /etc/jupyterhub/*
"""
CONFIG_OF_ITS_OWN = f"""c = get_config()
c.JupyterHub.bind_url = "http://{VALUES["hub"]}{VALUES["base_url"]}"
c.JupyterHub.spawner_class = "systemdspawner.SystemdSpawner"
c.SystemdSpawner.extra_paths = ["{TLJH}/user/bin"]
c.Spawner.cmd = ["{TLJH}/user/bin/jupyterhub-singleuser"]
c.Authenticator.allow_all = True
"""
UNIT_OF_ITS_OWN = f"""[Service]
Environment=PATH={TLJH}/hub/bin:/usr/sbin:/usr/bin
WorkingDirectory={TLJH}
ExecStart={TLJH}/hub/bin/python3 -m jupyterhub.app -f {TLJH}/jupyterhub_config.py --upgrade-db
"""


@pytest.fixture(scope="module")
def littlest(site):
    """A machine with a hub that lies and runs as The Littlest JupyterHub does; and a reader at it."""
    with deployment.machine(NEWEST) as machine, pytest.MonkeyPatch.context() as patch:
        hub = deployment.prepare(machine, NEWEST)
        machine.sh(HAS, {"/etc/pip.conf": "[global]\nno-index = true\nfind-links = /root/wheels\n"})
        machine.put({f"{TLJH}/jupyterhub_config.py": CONFIG_OF_ITS_OWN})
        patch.setattr(deployment, "PYTHON", f"{TLJH}/hub/bin/python")
        deployment.start(hub, Files({deployment.UNIT: UNIT_OF_ITS_OWN}))
        yield hub, following.Reader(machine, following.Pages.examples(site), TABS["nginx"])


def test_a_hub_of_another_kind_gets_the_kernel_and_the_blocks(littlest, prove):
    hub, reader = littlest
    config = SAVED_AS["jupyter/jupyter_server_config.py"]
    saved = {f"/root/{name}": PUBLISHED.read(name) for folder in ("kernel", "jigsaw") for name in PUBLISHED.folder(folder)}
    hub.machine.put(saved | {config: PUBLISHED.read("jupyter/jupyter_server_config.py")})
    reader.follow(PAGE, [ADDED])
    assert reader.meet_all(PAGE, STATES, ADDED)
    with in_front(hub, PROXIES["nginx"].servers[-1], "nginx"):
        rungs = hub.check("--keep-server")
    assert not hub.machine.sh("ls -d /opt/jupyterhub", check=False).stdout
    assert [rung["rung"] for rung in rungs] == LADDER, tell(rungs[-1])
    assert rungs[-1]["ok"], tell(rungs[-1])
    prove(*typed(reader, hub, "nginx"))


def test_beside_the_littlest_jupyterhub_the_second_hub_is_this_guides(littlest, prove):
    hub, reader = littlest
    before = len(reader.typed)
    hub.machine.sh("mv /opt/away /opt/jupyterhub; mkdir -p /root/systemd")
    hub.machine.put({SAVED_AS[CONFIG]: PUBLISHED.read(CONFIG), "/root/systemd/jupyterhub.service": PUBLISHED.read(deployment.UNIT)})
    reader.follow(PAGE, [LITTLEST])
    steps = [step.command for step in reader.pages.steps(PAGE, reader.tab) if isinstance(step, following.Type) and step.section == TWO]
    commands = steps[: 1 + next(at for at, command in enumerate(steps) if command.startswith("systemctl daemon-reload"))]
    (left_out,) = (command for command in commands if command.endswith(">second.service"))
    hub.machine.sh("\n".join(["set -e", *(command for command in commands if command != left_out)]))
    assert f"ExecStart={VALUES['environment']}/bin/jupyterhub " in hub.machine.read("/etc/systemd/system/second.service")
    hub.machine.until(UP, timeout=60)
    assert hub.machine.read(UNIT) == UNIT_OF_ITS_OWN
    assert hub.machine.sh("systemctl is-active jupyterhub second").stdout == "active\nactive\n"
    assert not reader.wrong, "\n\n".join(reader.wrong)
    prove(*reader.proof(hub.suite, "nginx", before))
