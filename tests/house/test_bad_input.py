"""A mistake in a file ends in one clear message with file and line, in the server's own words, and leaves nothing running."""

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.harness.machines import deployment, engine, existing_site, images, terminal
from tests.harness.manifest import NEWEST, PROXIES, PUBLISHED, ROOT, SAVED_AS, SNIPPETS, VALUES, VERSIONS
from tests.harness.measuring import syntax, witness
from tests.harness.site import following
from tests.harness.site.walk import Type


def line_of(name, text):
    """The number of the line of a snippet that holds `text`."""
    return next(number for number, line in enumerate((SNIPPETS / name).read_text("utf-8").splitlines(), 1) if text in line)


@pytest.fixture
def machine(request):
    """A machine of its own, since a broken file stays behind."""
    with syntax.machine(request.param) as running:
        yield running


# (server, file, in the line, what comes instead, text of the line that is named, the server's words)
BROKEN = [
    ("bookworm", "nginx/jupyterhub.conf", "server_tokens off;", "server_tokens of;", "server_tokens off", 'invalid value "of"'),
    ("bookworm", "nginx/jupyterhub.conf", "ssl_protocols ", "ssl_protocol ", "ssl_protocols", 'unknown directive "ssl_protocol"'),
    ("bookworm", "apache/jupyterhub.conf", "SSLEngine on", "SSLEngine maybe", "SSLEngine", "Argument must be On or Off|SSLEngine must be"),
    ("bookworm", "apache/jupyterhub.conf", "ServerName hub", "ServersName hub", "ServerName", "Invalid command 'ServersName'"),
    ("bookworm", "apache/enable.sh", " ssl ", " ", "SSLEngine", "Invalid command 'SSLEngine'"),
    ("bookworm", "apache/enable.sh", " headers ", " ", "RequestHeader set X-Scheme", "Invalid command 'RequestHeader'"),
    ("bookworm", "apache/enable.sh", " headers proxy_http", " headers", "ProxyPreserveHost", "Invalid command 'ProxyPreserveHost'"),
    (
        "bookworm",
        "apache/enable.sh",
        " deflate",
        "; a2dismod --quiet --force deflate",
        "DEFLATE text",
        "Unknown filter provider DEFLATE",
    ),
    ("bookworm", "apache/enable.sh", " deflate", "; a2dismod --quiet --force deflate filter", "DEFLATE text", "'AddOutputFilterByType'"),
]


CONF, KEPT = "/etc/nginx/nginx.conf", "/etc/nginx/nginx.conf.before-jupyterhub"
# What the script says then, and what is there if it is left half done: a changed file, or a site with which Apache does not start.
HALF_DONE = {
    "nginx": ("nginx does not accept its files. Nothing was changed.", KEPT),
    "apache": ("Apache does not accept its files, so the hub's site is disabled.", "/etc/apache2/sites-enabled/jupyterhub.conf"),
}


@pytest.mark.parametrize(("machine", "name", "line", "instead", "named", "words"), BROKEN, indirect=["machine"])
def test_a_broken_site_is_refused_by_file_and_line(machine, name, line, instead, named, words):
    proxy = name.split("/")[0]
    with pytest.raises(deployment.Refused) as refused:
        syntax.proxy(machine, proxy, PUBLISHED.replace(name, line, instead))
    site = f"{proxy}/jupyterhub.conf"
    assert str(refused.value).count(f"snippets/{site}:{line_of(site, named)}") == 1, refused.value
    assert re.search(words, str(refused.value)), refused.value
    assert machine.exec("test", "-e", syntax.RESTARTED, check=False).returncode, "the server that runs would end"
    last, trace = HALF_DONE[proxy]
    assert last in str(refused.value), refused.value
    assert machine.exec("test", "-e", trace, check=False).returncode, "the script leaves it half done"


NAME = "ServerName hub.example.com"
# Ways in which another site has the hub's name: what is written in the place of its ServerName.
SPELT = {
    "with a port": f"{NAME}:443",
    "an alias": "ServerName one.example.com\n    ServerAlias two.example.com hub.example.com",
    "quoted, on two lines, in capitals": 'ServerName one.example.com\n    ServerAlias "two.example.com" \\\n        "HUB.example.com"',
    "a star": "ServerName one.example.com\n    ServerAlias *.example.com",
}


def with_the_hubs_name(proxy):
    """Files of another site which has the hub's name, in one way after the other, and how the script names the site."""
    ((path, site),) = existing_site.beside(proxy).items()
    elsewhere = f"/etc/{proxy}-elsewhere/site"
    yield {path: site}, path
    if proxy == "nginx":
        yield {path: "include /etc/nginx-elsewhere/*;", elsewhere: site}, elsewhere
        spread = site.replace(f"server_name {VALUES['host']}", f'server_name\n one.example.com\n "{VALUES["host"].upper()}"')
        yield {path: "", "/etc/nginx/sites-enabled/zz": spread}, "/etc/nginx/sites-enabled/zz"
        namesake = "/etc/nginx/sites-enabled/jupyterhub.conf"
        yield {"/etc/nginx/sites-enabled/zz": "", namesake: site}, namesake
    else:
        for spelt in SPELT.values():
            yield {path: site.replace(NAME, spelt)}, path
        later = path.replace("a-site", "zz")
        yield {path: "", later: site}, later
        yield {later: "", "/etc/apache2/conf-enabled/zz.conf": site}, "/etc/apache2/conf-enabled/zz.conf"
        included = {"/etc/apache2/conf-enabled/zz.conf": f"Include {elsewhere}", elsewhere: site.replace(NAME, SPELT["a star"])}
        yield included, elsewhere
        own = "/etc/apache2/apache2.conf"
        yield {"/etc/apache2/conf-enabled/zz.conf": "", own: f"Include conf-enabled/*.conf\nInclude mods-enabled/*\n{site}"}, own


CHANGED = "find /etc -newer /root/before; find /etc/nginx /etc/apache2 -type l -printf '%p\\n' | sort"


def changes_nothing(machine, proxy, words, files=None):
    """The script refuses with these words, and leaves everything under /etc as it is; `files` are put there before."""
    before = machine.sh(f"touch /root/before; {CHANGED}", files or {}).stdout
    with pytest.raises(deployment.Refused) as refused:
        deployment.enable(machine, proxy)
    assert re.fullmatch(rf"{words} Nothing was changed\.\n", str(refused.value), re.S), refused.value
    assert machine.sh(CHANGED).stdout == before


# In the files of another site and of the hub's own, what an address stands in the place of, by port.
STARS = {"nginx": {443: "listen 443", 80: "listen 80;"}, "apache": {443: "*:443", 80: "*:80"}}


def with_an_address(proxy, port, address):
    """A file of another site with another name, which has an address at a port."""
    ((path, site),) = existing_site.beside(proxy, "lab.example.com").items()
    star = STARS[proxy][port]
    return {path: site.replace(star, re.sub(r"\*:\d+|\d+", address, star))}, path


ITS_ADDRESS = r"Another site has an address of its own, and would get the hub's requests: {0}(:\d+)?( {0}:\d+)?\."


@pytest.mark.parametrize(("machine", "proxy"), [("bookworm", proxy) for proxy in PROXIES], indirect=["machine"])
def test_another_site_with_the_hubs_name_is_named_and_nothing_is_changed(machine, proxy):
    deployment.begin(machine, proxy)
    machine.sh("a2enmod --quiet ssl", deployment.placed(proxy))
    for port, address in ((443, "127.0.0.2:443"), (80, "127.0.0.2"), (80, "[::2]:80" if proxy == "apache" else "127.0.0.2:80")):
        files, named = with_an_address(proxy, port, address)
        changes_nothing(machine, proxy, ITS_ADDRESS.format(named), files)
    for files, named in with_the_hubs_name(proxy):
        changes_nothing(machine, proxy, rf"Another site has the name hub\.example\.com already: {named}\S*( {named}\S*)?\.", files)


# Of the newest of nginx's workers.
OPEN_FILES = "grep -qE 'Max open files +{0} +{0} ' /proc/$(pgrep --newest --parent $(cat /run/nginx.pid))/limits"


@pytest.mark.parametrize("machine", ["bookworm"], indirect=True)
def test_the_script_keeps_what_it_changes_of_every_site(machine):
    def again():
        said = machine.sh("sh /root/nginx/enable.sh 2>&1").stdout
        return [line for line in said.splitlines() if "[notice]" not in line]

    def about(path):
        return machine.exec("stat", "--format", "%A %U %G %Y", path).stdout, machine.read(path)

    before = about(CONF)
    syntax.proxy(machine, "nginx")
    page = (ROOT / "deploy/reverse-proxy.md").read_text("utf-8")
    changed, *rest = again()
    assert changed == f"Changed {CONF}; as it was: {KEPT}"
    assert "\n".join(["```text", changed, *rest, "```"]) in page
    assert about(KEPT) == before != about(CONF)
    assert about(CONF)[0].split()[:3] == before[0].split()[:3]
    machine.until(OPEN_FILES.format(16384), timeout=5)
    machine.exec("cp", CONF, KEPT)
    assert again() == rest, "it says that it has changed what it has not"
    # What another file says of open files holds. A word in a comment says nothing.
    own = "/etc/nginx/modules-enabled/x.conf"
    machine.sh(f"sed -i /worker_rlimit_nofile/d {CONF}", {own: "worker_rlimit_nofile 20000;"})
    again()
    machine.until(OPEN_FILES.format(20000), timeout=5)
    machine.sh(f"sed -i '1i # worker_rlimit_nofile 1024;' {CONF}; rm {own}")
    again()
    machine.until(OPEN_FILES.format(16384), timeout=5)
    # Where nginx does not accept what the script would change, it says so once, and all is as it was. Only nginx sees that this # begins no
    # comment.
    machine.sh(
        f"sed -i '/^worker_rlimit_nofile/d; s/ 8192;/ 768;/' {CONF}; rm {KEPT}", {own: "env COLOUR=a#b; worker_rlimit_nofile 20000;"}
    )
    before = about(CONF), machine.sh("find /etc/nginx").stdout
    with pytest.raises(deployment.Refused) as refused:
        deployment.enable(machine, "nginx")
    assert str(refused.value).count("is duplicate") == 1, refused.value
    assert f"is duplicate in {own}:1\n" in str(refused.value)
    assert HALF_DONE["nginx"][0] in str(refused.value)
    assert (about(CONF), machine.sh("find /etc/nginx").stdout) == before


DEFAULT, PAGES = "/etc/apache2/sites-available/000-default.conf", "/var/www/html"
ENABLED = "ls /etc/apache2/sites-enabled /etc/apache2/mods-enabled /etc/apache2/conf-enabled"


@pytest.mark.parametrize("machine", ["bookworm"], indirect=True)
@pytest.mark.parametrize(
    ("its_name", "stays"),
    [pytest.param("#ServerName www.example.com", False, id="-False"), ("ServerName another.example.com", True)],
)
def test_debians_own_site_is_disabled_unless_it_has_a_name(machine, its_name, stays):
    """Pages for an authority and those of nginx do not make it somebody's."""
    files = {DEFAULT: machine.read(DEFAULT).replace("#ServerName www.example.com", its_name), f"{PAGES}/.well-known/acme-challenge/x": "x"}
    machine.put(files)
    said = syntax.proxy(machine, "apache")
    ways_back = re.findall(r"^Disabled .*\. To have it back: (.*)$", said, re.M)
    assert ways_back == [*([] if stays else ["a2ensite 000-default"]), "a2enmod status"]
    there = machine.sh(ENABLED).stdout.split()
    assert ("000-default.conf" in there, "status.load" in there) == (stays, False)
    assert "Disabled" not in syntax.proxy(machine, "apache")
    machine.sh("; ".join(ways_back))
    assert {"000-default.conf", "status.load"} <= set(machine.sh(ENABLED).stdout.split())


@pytest.mark.parametrize("machine", ["bookworm"], indirect=True)
def test_debians_own_site_is_left_alone_where_somebody_uses_it(machine):
    """Changed itself, or with pages of somebody's, it stops the script; with a site of a star's name after the hub's it goes on."""
    published, page = machine.read(DEFAULT), machine.read(f"{PAGES}/index.html")
    machine.put(deployment.placed("apache"))
    words = (
        r"Somebody uses Debian's own site: \S*/000-default\.conf, which has no ServerName, or /var/www/html was changed\.\n"
        r"Give it a ServerName, or disable it: a2dissite 000-default\."
    )
    site = published.replace("#ServerName www.example.com", "Alias /lab /srv/lab")
    for changed in ({DEFAULT: site}, {DEFAULT: published, f"{PAGES}/index.html": "a lab"}, {f"{PAGES}/index.html": page, f"{PAGES}/x": ""}):
        changes_nothing(machine, "apache", words, changed)
    named = site.replace("Alias", f"{NAME}\nAlias")
    changes_nothing(machine, "apache", r"Another site has the name hub\.example\.com already: \S*/000-default\.conf:1\.", {DEFAULT: named})
    machine.sh("a2dissite --quiet 000-default")
    ((path, other),) = existing_site.beside("apache").items()
    machine.sh("a2enmod --quiet ssl", {path.replace("a-site", "zz"): other.replace(NAME, SPELT["a star"])})
    assert "Syntax OK" in syntax.proxy(machine, "apache")


@pytest.mark.parametrize("machine", ["bookworm"], indirect=True)
def test_the_script_enables_all_modules_that_the_site_names_whatever_was_disabled(machine):
    machine.sh("a2dismod --quiet --force ssl headers proxy_http proxy deflate filter")
    assert "Syntax OK" in syntax.proxy(machine, "apache")


@pytest.mark.parametrize("machine", ["bookworm"], indirect=True)
def test_a_server_that_takes_its_time_to_begin_is_waited_for(machine):
    slow = '#!/bin/sh\n[ $# -gt 0 ] && exec /usr/sbin/nginx "$@"\n(sleep 1; /usr/sbin/nginx) &\n'
    machine.put({"/root/quiet/nginx": slow})
    syntax.proxy(machine, "nginx")


@contextlib.contextmanager
def taken(machine, address, port):
    """A port that Perl, which every Debian has, holds for the length of a `with` block."""
    program = (
        "use Socket qw(:all); my $six = $ARGV[0] =~ /:/; socket(my $s, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0); "
        "bind($s, $six ? pack_sockaddr_in6($ARGV[1], inet_pton(AF_INET6, $ARGV[0])) : pack_sockaddr_in($ARGV[1], inet_aton($ARGV[0]))) "
        "or die $!; listen($s, 1); open(F, '>', '/root/taken'); close F; sleep 600"
    )
    machine.sh(f"rm -f /root/taken; perl -e '{program.replace(chr(39), chr(34))}' {address} {port} >/dev/null 2>&1 & echo $! >/root/taker")
    machine.until("test -e /root/taken", timeout=5)
    try:
        yield
    finally:
        machine.sh("kill $(cat /root/taker); while kill -0 $(cat /root/taker) 2>/dev/null; do sleep 0.02; done")


TAKEN = r"Port {} is taken by another program, {}: stop that first\."


@pytest.mark.parametrize(("machine", "proxy"), [("bookworm", proxy) for proxy in PROXIES], indirect=["machine"])
def test_where_another_program_has_a_port_nothing_is_changed(machine, proxy):
    """The other web server has port 80, or this one has it and another program has 443, by IPv6 alone."""
    other = PROXIES[next(name for name in PROXIES if name != proxy)]
    deployment.begin(machine, other.name)
    machine.put(deployment.placed(proxy))
    changes_nothing(machine, proxy, TAKEN.format(80, {"nginx": "nginx", "apache": "apache2"}[other.name]))
    machine.sh(f"kill $(cat {other.pid}); while test -s {other.pid}; do sleep 0.05; done")
    if proxy == "nginx":
        changes_nothing(machine, proxy, r"nginx is not running: start it with systemctl start nginx\.")
    machine.sh(f"rm -f {SAVED_AS['nginx/jupyterhub.conf']}; {deployment.beginning(proxy)}")
    with taken(machine, "::1", 443):
        machine.put(deployment.placed(proxy))
        changes_nothing(machine, proxy, TAKEN.format(443, "perl"))
    if proxy == "apache":
        # Without the second file, the first is not used either.
        workers = SAVED_AS["apache/jupyterhub-workers.conf"]
        machine.sh(f"mv {workers} /root")
        with pytest.raises(deployment.Refused, match="jupyterhub-workers does not exist"):
            deployment.enable(machine, proxy)
        machine.sh(f"mv /root/jupyterhub-workers.conf {workers}")
        # Nor with a fault: Apache would not start again, for none of its sites.
        machine.sh(f"sed -i s/ServerLimit/ServersLimit/ {workers}")
        with pytest.raises(deployment.Refused, match="Invalid command 'ServersLimit'"):
            deployment.enable(machine, proxy)
        machine.sh(f"apachectl -t && sed -i s/ServersLimit/ServerLimit/ {workers}")
        # Another's fault is told, and takes away nothing that was enabled, before the hub is and after.
        own = "/etc/apache2/sites-enabled/zz.conf"
        for enabled in (False, True):
            if enabled:
                deployment.enable(machine, proxy)
            before = machine.sh(ENABLED).stdout
            assert all((name in before.split()) == enabled for name in ("jupyterhub.conf", "jupyterhub-workers.conf"))
            machine.sh("true", {own: "Foo bar"})
            with pytest.raises(deployment.Refused) as refused:
                deployment.enable(machine, proxy)
            machine.sh(f"rm {own}")
            assert machine.sh(ENABLED).stdout == before
            assert str(refused.value).endswith("The fault is not in the hub's files. Mend it, and run this again.\n"), refused.value
            assert f"line 1 of {own}:" in str(refused.value)
    # What another site has for this machine alone, or at another port, is in nobody's way.
    machine.sh("a2enmod --quiet ssl")
    for port, address in ((80, "127.0.0.1:80"), (443, "127.0.0.2:8443")):
        machine.put(with_an_address(proxy, port, address)[0])
        deployment.enable(machine, proxy)
    # Nor is an address that the hub's site has too.
    site, star = f"{proxy}/jupyterhub.conf", STARS[proxy][443]
    same = {"nginx": "listen 127.0.0.2:443", "apache": "*:443 127.0.0.2:443"}[proxy]
    machine.put(deployment.placed(proxy, PUBLISHED.replace(site, star, same)) | with_an_address(proxy, 443, "127.0.0.2:443")[0])
    deployment.enable(machine, proxy)


@pytest.mark.parametrize("machine", [*VERSIONS["debian"]], indirect=True)
def test_with_the_key_of_another_certificate_nothing_is_changed_and_apache_goes_on(machine):
    syntax.proxy(machine, "apache")
    key = VALUES["key"]
    machine.sh(f"mv {key} /root/right.key; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {key}")
    changes_nothing(machine, "apache", rf"{key} is not the key of {VALUES['certificate']}\.")
    machine.sh(f"kill -0 $(cat {PROXIES['apache'].pid}); mv /root/right.key {key}")
    assert "Syntax OK" in syntax.proxy(machine, "apache")


# (file, in the line, what comes instead, the words)
MISSPELT = [
    ("jupyterhub/jupyterhub_config.py", "c.JupyterHub.", "c.JupyerHub.", "no such class: JupyerHub; did you mean JupyterHub?"),
    ("jupyterhub/jupyterhub_config.py", "bind_url", "bind_ulr", "no such option: JupyterHub.bind_ulr; did you mean bind_url?"),
    ("jupyterhub/jupyterhub_config.py", '{"jupyterhub"}', "7", "bad value: PAMAuthenticator.allowed_groups"),
    ("jupyterhub/jupyterhub_config.py", '{"jupyterhub"}', '{"jupyterhub"', "'{' was never closed"),
    ("jupyterhub/jupyterhub_config.py", "c.JupyterHub.bind_url =", "c.JupyterHub.ip = here #", "NameError: name 'here' is not defined"),
    ("jupyter/jupyter_server_config.py", "c.ContentsManager.", "c.ContentManager.", "no such class: ContentManager"),
]


@pytest.mark.parametrize(("name", "line", "instead", "words"), MISSPELT)
def test_a_misspelt_option_is_refused_by_file_and_line(idle, name, line, instead, words):
    with pytest.raises(deployment.Refused) as refused:
        syntax.python(idle(NEWEST), PUBLISHED.replace(name, line, instead))
    assert f"snippets/{name}:{line_of(name, line)}: " in str(refused.value)
    assert words in str(refused.value)


def test_a_broken_unit_is_refused_by_file_and_line(idle):
    name = "systemd/jupyterhub.service"
    with pytest.raises(deployment.Refused) as refused:
        syntax.unit(idle(VERSIONS["debian"][-1]), PUBLISHED.replace(name, "Restart=on-failure", "Restrat=on-failure"))
    assert f"snippets/{name}:{line_of(name, 'Restart=on-failure')}: Unknown key" in str(refused.value)


def run(*command, **environment):
    """Run a command at the root of the tree, as a person would; variables set to None are taken away."""
    values = {name: value for name, value in (os.environ | environment).items() if value is not None}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=values, timeout=60)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A PATH with Python and nothing that runs containers or installs packages."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "python").symlink_to(sys.executable)
    return str(folder)


def test_without_an_engine_one_line_says_what_to_install(bare):
    done = run(sys.executable, "-m", "pytest", "-q", "tests/deploy/test_accepted.py", PATH=bare, ENGINE=None, PYTEST_XDIST_WORKER=None)
    assert done.returncode == 3
    last = done.stderr.strip().splitlines() + done.stdout.strip().splitlines()
    assert [line for line in last if "no container engine answers: install and start Docker or Podman" in line], last
    assert "Traceback" not in done.stdout + done.stderr


def test_an_engine_that_does_not_answer_is_named():
    done = run(sys.executable, "-m", "pytest", "-q", "tests/deploy/test_accepted.py", ENGINE="podmann", PYTEST_XDIST_WORKER=None)
    assert done.returncode == 3
    assert "ENGINE=podmann is set, but 'podmann info' does not answer" in done.stdout + done.stderr


def stands_in(folder, name, script):
    """A command that stands in for one of the machine's; the PATH on which it is alone, but for a shell."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    (folder / name).chmod(0o755)
    return str(folder)


REFUSED = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"


def test_an_engine_that_does_not_take_this_user_says_so_and_is_not_waited_for(tmp_path, monkeypatch):
    asked = tmp_path / "asked"
    path = stands_in(tmp_path / "bin", "docker", f"echo '{REFUSED}' >&2; exit 1")
    for name in ("dockerd", "systemctl"):
        stands_in(tmp_path / "bin", name, f"echo {name} >>{asked}")
    monkeypatch.setenv("PATH", path)
    monkeypatch.delenv("ENGINE", raising=False)
    monkeypatch.setattr(engine.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(engine, "wait", lambda state, timeout: engine._fail("waited for"))
    with pytest.raises(engine.Trouble, match=r"^Docker runs, but not for this user: sudo usermod -aG docker \$USER, then log in again$"):
        engine.ensure()
    assert not asked.exists(), "what runs is started"


def test_a_disk_without_room_is_named():
    with pytest.raises(engine.Trouble, match=r"no room for container images: / has [\d.]+ GB free, 1000000.0 GB are needed"):
        engine.room("/", 1e6, "container images")


TRIED = """
from pathlib import Path

def test_rare():
    if not Path("tried").exists():
        Path("tried").touch()
        raise OSError("a rare moment")

def test_broken():
    raise OSError("a broken file")
"""


def test_what_fails_is_tried_once_more_and_told_and_what_is_broken_stays_red(tmp_path):
    command = next(line for line in run("make", "-n", "test").stdout.splitlines() if "-m pytest" in line)
    (tmp_path / "test_tried.py").write_text(TRIED)
    options = shlex.split(command.partition("-m pytest")[2])
    done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "1 failed, 1 passed, 2 rerun" in done.stdout.splitlines()[-1]
    again = done.stdout.partition("rerun test summary info")[2]
    assert 'raise OSError("a rare moment")' in again
    assert 'raise OSError("a broken file")' in again


def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("make", "site", f"PORT={port}")
    assert done.returncode != 0
    assert f"port {port} is in use: stop what holds it, or choose another: make site PORT=" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_image_that_does_not_build_says_so_with_its_last_lines():
    broken = images.Image("broken", images.server("bookworm").base, "server.Containerfile", {"PACKAGES": "no-such-package"})
    with pytest.raises(engine.Trouble, match=r"(?s)the image broken does not build: .*no-such-package"):
        images._build(broken, print)


def test_a_failing_deployment_leaves_nothing_running():
    broken = PUBLISHED.replace("jupyterhub/jupyterhub_config.py", "bind_url =", "bind_url = nowhere")
    with engine.network() as network:
        with (
            pytest.raises(RuntimeError, match=r"(?s)JupyterHub .* does not come up:.*nowhere"),
            deployment.hub(NEWEST, broken, network=network),
        ):
            pass
        assert not engine.cli("ps", "--quiet", "--all", "--filter", f"network={network}").stdout


def test_a_text_that_no_longer_fits_fails_its_own_test_and_stops_no_other(tmp_path):
    """Lines that many tests change, and an entry's fault, are gone: every test is still there to be run."""
    witness.copy_of_the_tree(tmp_path)
    for proxy, lines in {"nginx": ("gzip_types", "proxy_http_version", "close;"), "apache": ("ProxyPass ", "DEFLATE")}.items():
        file = tmp_path / f"snippets/{proxy}/jupyterhub.conf"
        kept = [line for line in file.read_text("utf-8").splitlines(True) if not any(word in line for word in lines)]
        file.write_text("".join(kept), "utf-8")
    (tmp_path / "troubleshooting/blank-jigsaw-iframe/fix.diff").write_text("no diff\n", "utf-8")
    (tmp_path / "troubleshooting/progress-stays-at-zero/index.md").write_text("no front matter\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "--no-machines", "--collect-only", "-q"]
    told = [subprocess.run(command, cwd=tree, capture_output=True, text=True).stdout.splitlines() for tree in (ROOT, tmp_path)]
    tests, those_there = ({line for line in lines if "::" in line and "test_atlas" not in line} for lines in told)
    assert len(tests) > 500
    assert those_there == tests
    assert len([line for line in told[1] if "test_atlas" in line]) > 80


def test_a_command_that_waits_for_input_is_told_by_page_and_line_and_ends_its_page(idle, monkeypatch):
    steps = [
        Type(f"a.md:{line}", "s", "root", command, command) for line, command in ((3, "read -p 'Your name: '"), (4, "touch /root/after"))
    ]
    pages = SimpleNamespace(files=dict, steps=lambda name, tab: steps)
    type_for_long = terminal.Terminal.type
    monkeypatch.setattr(terminal.Terminal, "type", lambda self, command: type_for_long(self, command, timeout=2))
    machine = idle(NEWEST)
    reader = following.Reader(machine, pages, "nginx")
    reader.follow("a.md")
    assert reader.wrong == ["a.md:3: read -p 'Your name: ': not over after 2 s; so far:\nYour name: "]
    assert machine.sh("ls /root/after", check=False).returncode
