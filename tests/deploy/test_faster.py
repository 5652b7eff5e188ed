"""deploy/faster.md: the reverse proxy sends JupyterLab's scripts itself; those that it does not have come from users' servers."""

import json

import pytest

from tests.harness.machines import deployment, images
from tests.harness.machines.deployment import PYTHON
from tests.harness.machines.faults import SERVICE
from tests.harness.machines.ready_scripts import READY, site
from tests.harness.manifest import HUBS, PROXIES, PUBLISHED, SAVED_AS, VALUES
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import LADDER, tell
from tests.harness.site import following
from tests.harness.site.faster_page import PAGE as NAME
from tests.harness.site.faster_page import STATES
from tests.harness.site.following import TABS

LAB = f"{VALUES['environment']}/share/jupyter/lab/static"
BOTH = {"Strict-Transport-Security": "max-age=63072000", "Cross-Origin-Opener-Policy": "same-origin"}
BROWSERS = "gzip, deflate, br, zstd"
SAID = {
    "type": ("Content-Type", "text/javascript"),
    "vary": ("Vary", "Accept-Encoding"),
    "kept": ("Cache-Control", "public, max-age=31536000, immutable"),
    "sniffed": ("X-Content-Type-Options", "nosniff"),
}
SUFFIX = {"br": "br", "gzip": "gz"}
# Status, headers and length of what comes for each pair of a path and what the client says that it can read.
ASK = """
import http.client, json, ssl, sys
host, *asked = sys.argv[1:]
found = []
for path, coding in zip(asked[::2], asked[1::2]):
    line = http.client.HTTPSConnection(host, context=ssl.create_default_context(cafile="/root/check/ca.pem"))
    line.request("GET", path, headers={"Accept-Encoding": coding})
    answer = line.getresponse()
    found.append([answer.status, dict(answer.getheaders()), len(answer.read())])
print(json.dumps(found))
"""
# Without the line: what is no longer so.
WITHOUT = {
    "nginx": {
        "    default_type": "type",
        "    add_header Content-Encoding": "coding",
        "    add_header Vary": "vary",
        "    add_header Cache-Control": "kept",
        "    add_header Strict": "both",
        "    add_header Cross": "both",
        "    add_header X-Content": "sniffed",
    },
    "apache": {
        "    ForceType": "type",
        "    RemoveLanguage": "language",
        "        Header set Content-Encoding br": "coding",
        "        Header set Content-Encoding gzip": "coding",
        "    SetEnv no-gzip": "length",
        "    Header set Cache-Control": "kept",
        "    Header set X-Content": "sniffed",
    },
}
pytestmark = pytest.mark.xdist_group("faster")


@pytest.fixture(scope="module")
def machine():
    """A booted machine with a hub and both web servers, neither of them running, and with bob's server."""
    with deployment.hub(HUBS[-1], image=lambda _: images.faster()) as hub:
        yield hub


def put(hub, proxy, files=PUBLISHED):
    """Put the published site to work on the hub's machine, with the page's line and files."""
    extra = {SAVED_AS[f"faster/{proxy}-static.conf"]: files.read(f"faster/{proxy}-static.conf")}
    extra[SAVED_AS["faster/compress.sh"]] = files.read("faster/compress.sh")
    hub.machine.sh(f"systemctl start {SERVICE[proxy]}; a2enmod --quiet rewrite", deployment.placed(proxy, site(proxy, files)) | extra)
    deployment.enable(hub.machine, proxy)


def ask(hub, *pairs):
    """What comes for pairs of a path below the base URL and of what the client can read."""
    flat = [word for path, coding in pairs for word in (VALUES["base_url"] + path, coding)]
    return json.loads(hub.machine.exec(PYTHON, "-c", ASK, VALUES["host"], *flat).stdout)


def scripts(hub):
    return hub.machine.sh(f"cd {READY} && ls lab/*.br notebook/*.br").stdout.replace(".br", "").split()


def told(hub, name):
    """What the answers to browsers, and to clients that know only gzip, say of a script."""
    path = f"user/bob/static/{name}"
    both = dict(zip(("br", "gzip"), ask(hub, (path, BROWSERS), (path, "gzip")), strict=True))
    sizes = {coding: int(hub.machine.sh(f"stat -c %s {READY}/{name}.{SUFFIX[coding]}").stdout) for coding in both}

    answers = [(*answer[1:], coding) for coding, answer in both.items()]
    return {
        "status": all(answer[0] == 200 for answer in both.values()),
        "length": all(length == sizes[coding] for _, length, coding in answers),
        "coding": all(headers.get("Content-Encoding") == coding for headers, _, coding in answers),
        "language": all("Content-Language" not in headers for headers, *_ in answers),
        "both": all(headers.items() >= BOTH.items() for headers, *_ in answers),
        **{what: all(headers.get(name) == value for headers, *_ in answers) for what, (name, value) in SAID.items()},
    }


@pytest.mark.parametrize("proxy", PROXIES)
def test_each_command_of_the_page_prints_what_it_says(machine, site, prove, proxy):
    """After the published site has been put to work, a reader saves the files, writes the line, and types the commands."""
    pages = following.Pages.examples(site)
    try:
        put(machine, proxy)
        at_work = following.Reader(machine.machine, pages, TABS[proxy])
        at_work.follow(NAME)
        assert at_work.meet_all(NAME, STATES)
        assert not at_work.wrong, "\n\n".join(at_work.wrong)
        rungs = machine.check("--keep-server", "--megabytes", "2", user="bob")
        assert rungs[-1]["ok"], tell(rungs[-1])
        assert [rung["rung"] for rung in rungs] == LADDER
        seen(machine)
    finally:
        machine.machine.sh(f"systemctl stop {SERVICE[proxy]}")
    suite = HUBS[-1].split()[-1]
    prove(*at_work.proof(suite, proxy))
    version = evidence.reported(machine.machine, proxy)
    prove(evidence.row("accepted", proxy, version, [f"faster/{proxy}-static.conf"], home=suite))


def seen(hub):
    """All scripts come as they were compressed; what is not there comes from the user's server."""
    names = scripts(hub)
    assert len(names) > 400
    for name in (names[0], names[-1]):
        assert all(told(hub, name).values()), told(hub, name)
    path = f"user/bob/static/{names[0]}"
    plain = ask(hub, (path, "identity"))[0]
    assert (plain[0], plain[1].get("Content-Encoding")) == (200, None), "a client that knows no compression"
    others = [
        path.replace(".js", "") + "0.js",
        path + ".br",
        "user/bob/static/lab/none.0123456789abcdef.js",
    ]
    for other, (status, headers, _) in zip(others, ask(hub, *[(other, BROWSERS) for other in others]), strict=True):
        assert status == 404, other
        assert headers.items() >= BOTH.items(), other
    # nginx takes it for the script that it names, Apache hands it on.
    around, script = ask(hub, (path.replace("/lab/", "/lab/..%2flab/"), BROWSERS), (path, BROWSERS))
    assert around[0] == 404 or around[2] == script[2]
    # A user's own file of such a name.
    name = path.rpartition("/")[2]
    assert ask(hub, (f"user/bob/files/static/lab/{name}", BROWSERS))[0][0] in (302, 403, 404)


@pytest.mark.parametrize(("proxy", "line", "lost"), [(proxy, *row) for proxy, rows in WITHOUT.items() for row in rows.items()])
def test_without_the_line(machine, proxy, line, lost):
    try:
        put(machine, proxy, PUBLISHED.replace(f"faster/{proxy}-static.conf", line, "#" + line))
        machine.machine.sh(f"test -e {READY} || sh /root/faster/compress.sh")
        assert not told(machine, scripts(machine)[0])[lost]
    finally:
        machine.machine.sh(f"systemctl stop {SERVICE[proxy]}")


def test_a_script_that_is_new_comes_from_the_users_server_until_it_is_compressed(machine):
    new = "9999.0123456789abcdef.js"
    machine.check("--keep-server", "--until", "server_spawns", url=deployment.BEHIND, user="bob")
    try:
        put(machine, "nginx")
        machine.machine.sh(f"sh /root/faster/compress.sh; echo 'window.here = 1' >{LAB}/{new}")
        gone = scripts(machine)[0]
        path = f"user/bob/static/lab/{new}"
        assert "Content-Encoding" not in ask(machine, (path, BROWSERS))[0][1]
        machine.machine.sh(f"mv {LAB}/{gone.partition('/')[2]} /root/gone; sh /root/faster/compress.sh")
        assert told(machine, f"lab/{new}")["coding"]
        assert gone not in scripts(machine)
    finally:
        machine.machine.sh(f"rm -f {LAB}/{new}; mv /root/gone {LAB}/{gone.partition('/')[2]}; systemctl stop nginx", check=False)


def test_a_run_that_is_cut_off_changes_nothing(machine):
    machine.machine.sh("sh /root/faster/compress.sh", {"/root/faster/compress.sh": PUBLISHED.read("faster/compress.sh")})
    before = scripts(machine)
    machine.machine.sh("timeout 2 sh /root/faster/compress.sh", check=False)
    assert scripts(machine) == before
    done = machine.machine.sh("sh /root/faster/compress.sh && ls -d /opt/jupyterhub/share/ready*").stdout.split()
    assert done[-1] == READY


def test_what_lies_in_the_folder_where_it_is_run_is_not_sent(machine):
    """A folder of the name that the script looks for, in a user's home."""
    own = "9999.0123456789abcdef.js"
    machine.machine.put({"/home/bob/notebook/__init__.py": "", f"/home/bob/notebook/static/{own}": "alert(1)"})
    try:
        machine.machine.sh("cd ~bob; sh /root/faster/compress.sh", {"/root/faster/compress.sh": PUBLISHED.read("faster/compress.sh")})
        assert f"notebook/{own}" not in scripts(machine)
    finally:
        machine.machine.sh("rm -rf ~bob/notebook; sh /root/faster/compress.sh")
