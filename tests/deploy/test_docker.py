"""deploy/docker.md: users' servers run in containers of Docker's, apart from each other, and what each fault of that looks like."""

import json
import re
import shlex
import time

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import user_browser
from tests.harness.browsers.blocks import hello
from tests.harness.machines import containers, deployment, faults, people
from tests.harness.machines.containers import RESTART
from tests.harness.machines.deployment import BEHIND, URL
from tests.harness.manifest import MANIFEST, PROXIES, ROOT, SAVED_AS, VALUES
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import tell
from tests.harness.site import following
from tests.harness.site.docker_page import CREATE, PAGE, STATES
from tests.harness.site.following import TABS

CONFIG = SAVED_AS["docker/containers.py"]
AWAY, AGAIN = "take-this-away-again", "make-the-image-again"
ALL = dict.fromkeys(("variable", "websocket", "login", "file"), True)
NETWORK = "c.DockerSpawner.network_name = 'other'"
SHORT = "c.Spawner.http_timeout = 15"  # seconds, in place of 30
pytestmark = pytest.mark.xdist_group("docker")


@pytest.fixture(scope="module")
def place():
    with containers.machine() as place:
        yield place


@pytest.fixture(scope="module")
def followed(place, site):
    """A reader who has followed the page on a hub where alice has worked before."""
    place.hub.on_server("save", BEHIND, "alice", "from-before.txt", "kept\n")
    reader = following.Reader(place.hub.machine, following.Pages.examples(site), TABS["nginx"])
    reader.follow(PAGE, without=[AWAY, AGAIN])
    place.hub.machine.until(deployment.IS_UP)
    return reader


@pytest.fixture
def hub(place, followed):
    """The hub; no server of alice's runs before a test, nor after it."""
    yield place.hub
    stop(place.hub)


@pytest.fixture(params=PROXIES)
def front(request, hub):
    with deployment.in_front(hub, hub.suite, request.param):
        yield request.param


def stop(hub, user="alice"):
    hub.on_server("administer", BEHIND, user, "DELETE", f"hub/api/users/{user}/server")
    hub.machine.until(f"! docker ps --format '{{{{.Names}}}}' | grep -x jupyter-{user}", 40)


def started(hub, user="alice"):
    rungs = hub.check("--until", "server_spawns", "--keep-server", url=BEHIND, user=user)
    assert rungs[-1]["ok"], tell(rungs[-1])


def words(row):
    """Of a row of the page's table, what a user sees and what is logged, as patterns: of what is seen, one of several."""
    (line,) = (line for line in (ROOT / PAGE).read_text("utf-8").splitlines() if line.startswith(f"| {row}"))
    cells = line[1:-1].split("|")
    return [[re.escape(said).replace("…", ".+?") for said in re.findall("`([^`]+)`", cell)] for cell in cells[1:3]]


def as_the_page_says(row, seen, logged=""):
    sights, lines = words(row)
    assert not sights or any(re.search(one, seen) for one in sights), f"{row}: {sights}\n{seen[-3000:]}"
    assert all(re.search(one, logged) for one in lines), f"{row}: {lines}\n{logged[-3000:]}"


def test_each_command_of_the_page_prints_what_it_says(place, followed, prove):
    assert not followed.wrong, "\n\n".join(followed.wrong)
    met = followed.meet_all(PAGE, STATES)
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert met == len(STATES)
    machine, suite = place.hub.machine, place.hub.suite
    assert "from-before.txt" in machine.sh("ls /home/alice").stdout
    prove(evidence.installed(machine, "docker/requirements.txt", suite))
    prove(evidence.read_beside("Docker", machine.sh("docker version --format '{{.Server.Version}}'").stdout.split("+")[0], suite))
    prove(evidence.units("docker", machine, suite))
    prove(*followed.proof(suite, "nginx"))


def test_the_page_names_the_tested_releases(place, followed):
    text = (ROOT / PAGE).read_text("utf-8")
    assert f"Docker {'.'.join(place.hub.machine.sh('docker --version').stdout.split()[2].split('.')[:2])}" in text
    pin = re.search(r"^dockerspawner==(\S+)", place.hub.machine.read("/root/docker/requirements.txt"), re.M)[1]
    assert f"`dockerspawner` {pin}" in text
    assert f"Version: {pin}" in text


def test_a_user_climbs_the_whole_ladder_in_a_container(place, hub, front):
    rungs = hub.check("--keep-server")
    assert [rung["rung"] for rung in rungs if rung["ok"]] == MANIFEST["ladder"], tell(rungs[-1])
    code = "import os, platform; print(platform.node(), os.getuid(), os.path.expanduser('~'), os.path.realpath(os.environ['SHELL']))"
    name, uid, home, shell = hub.on_server("compute", URL, "alice", code, "--keep-server").split()
    assert place.inspect("{{.Id}}").startswith(name)
    assert shell == "/usr/bin/bash"
    assert [uid, home] == hub.machine.sh("getent passwd alice | cut --delimiter=: --fields=3,6 --output-delimiter=' '").stdout.split()


def test_blocks_run_in_a_container_and_come_back(place, hub):
    with (
        deployment.in_front(hub, hub.suite, "nginx"),
        user_browser.chromium(place.network, {VALUES["host"]: hub.machine.address()}, user_browser.THRIFTY, windowed=False) as browser,
    ):
        desk = user_browser.Desk(hub, browser, hub.machine, thrifty=True)
        desk.notebook("docker/first.ipynb", "%jigsaw Python --workspace first-blocks")
        notebook = desk.user().open("JupyterLab", "docker/first.ipynb")
        editor = hello(notebook)
        notebook.restart()
        notebook.save()
        notebook.reload()
        expect(editor.blocks()).to_have_count(1)
        editor.press("Run")
        expect(notebook.printed()).to_have_text("Hello\n")
        assert not desk.user().errors()


def test_files_stay_their_users_own_from_container_to_container(place, hub):
    hub.on_server("save", BEHIND, "alice", "kept.txt", "mine\n")
    first = place.inspect("{{.Id}}")
    stop(hub)
    code = "print(*(open(f'/home/alice/{name}.txt').read() for name in ('kept', 'from-before')))"
    assert hub.on_server("compute", BEHIND, "alice", code, "--keep-server").split() == ["mine", "kept"]
    assert place.inspect("{{.Id}}") != first
    assert hub.machine.sh("stat --format '%U %G' /home/alice/kept.txt").stdout.split() == ["alice", "alice"]
    assert hub.on_server("compute", BEHIND, "alice", "open('/home/alice/own.txt', 'w').close(); print(1)", "--keep-server") == "1\n"
    assert hub.machine.sh("stat --format '%a %U' /home/alice/own.txt").stdout.split() == ["600", "alice"]


def test_braces_in_a_home_lead_to_nobody_elses(place, hub):
    """DockerSpawner would fill in {servername}, which is nothing here: the home of bob."""
    name = "bo{servername}b"
    people.account(hub.machine, name, 3001, f"/home/{name}")
    rungs = hub.check("--until", "server_spawns", "--keep-server", url=BEHIND, user=name)
    mounted = "docker ps --quiet --filter name=jupyter-bo | xargs docker inspect --format '{{range .Mounts}}{{.Source}} {{end}}'"
    sources = hub.machine.sh(mounted, check=False).stdout.split()
    hub.on_server("stop", BEHIND, name)
    assert rungs[-1]["ok"], tell(rungs[-1])
    assert f"/home/{name}" in sources
    assert "/home/bob" not in sources


def test_a_user_whom_the_containers_passwd_does_not_know_is_at_home(place, hub):
    """As a user of a directory, whom the machine knows, and no file."""
    lines = ("c.DockerSpawner.read_only_volumes = {'/root/passwd': '/etc/passwd', '/etc/group': '/etc/group'}",)
    code = "import os, subprocess; print(os.path.expanduser('~'), os.environ['USER'], subprocess.getoutput('whoami'))"
    with deployment.configured(hub, CONFIG, *lines), deployment.made(hub.machine, "sed /^alice:/d /etc/passwd >/root/passwd", "true"):
        home, user, *who = hub.on_server("compute", BEHIND, "alice", code, "--keep-server").split()
        stop(hub)
    assert (home, user) == ("/home/alice", "alice")
    assert "alice" not in who


def test_who_takes_more_than_a_share_loses_the_program(place, hub):
    take = "python3 -c 'kept = bytearray({} << 20); print(len(kept) >> 20)'"
    assert hub.on_server("in_terminal", BEHIND, "alice", take.format(1000), "[]")[0] == 0
    status, said = hub.on_server("in_terminal", BEHIND, "alice", take.format(2100), "[]")
    assert status == 137, said
    as_the_page_says("A program takes more memory", said)
    many = "import subprocess\nkept = []\ntry:\n  for _ in range(700): kept.append(subprocess.Popen(['sleep', '60']))\n"
    many += "except OSError: pass\nprint(len(kept))\nfor one in kept: one.kill()"
    assert 300 < int(hub.on_server("compute", BEHIND, "alice", many, "--keep-server")) < 512
    # Neither the disk of Docker's nor the hub's own programs can be written. On a disk, /var/tmp is for everybody.
    write = "import os\nfor path in ('/opt/jupyterhub/x', '/var/x', '/var/tmp/x', '/etc/x', '/tmp/x', '/root/x'):\n"
    write += "  try: open(path, 'w'); print(path)\n  except OSError: pass"
    assert hub.on_server("compute", BEHIND, "alice", write, "--keep-server").split() == ["/tmp/x"]
    powers = "print([line.split()[1] for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd', 'NoNewPrivs'))])"
    assert hub.on_server("compute", BEHIND, "alice", powers, "--keep-server").strip() == "['0000000000000000', '0000000000000000', '1']"


SEEN = """import json, os, subprocess, time
def size(path):
    about = os.statvfs(path)
    return about.f_frsize * about.f_blocks >> 20
left = subprocess.run(["sh", "-c", "sleep 0.1 >/dev/null & echo $!"], capture_output=True, text=True).stdout.strip()
end = time.monotonic() + 20
while os.path.exists(f"/proc/{left}") and time.monotonic() < end:
    time.sleep(0.1)
(options,) = (line.split()[3] for line in open("/proc/mounts") if line.split()[1] == "/tmp")
print(json.dumps({
    "groups": sorted(os.getgroups()),
    "killed first": open("/proc/self/oom_score_adj").read().strip(),
    "/tmp": [size("/tmp"), sorted({"nosuid", "nodev", "noexec"} & {*options.split(",")})],
    "/dev/shm": size("/dev/shm"),
    "left behind": os.path.exists(f"/proc/{left}"),
}))"""


def test_a_server_has_its_users_groups_and_what_the_file_gives_it(place, hub):
    started(hub)
    groups = sorted(map(int, hub.machine.sh("id --groups alice").stdout.split()))
    assert len(groups) > 1
    assert json.loads(hub.on_server("compute", BEHIND, "alice", SEEN, "--keep-server")) == {
        "groups": groups,
        "killed first": "500",
        "/tmp": [1024, ["nodev", "nosuid"]],
        "/dev/shm": 1024,
        "left behind": False,
    }


def test_what_a_server_writes_into_its_log_fills_no_disk(place, hub):
    """Some of it is kept; the file is begun anew when it has 10 MB."""
    started(hub)
    write = "with open('/proc/1/fd/1', 'w') as log:\n  for _ in range(15_000): print('x' * 1000, file=log)\nprint(1)"
    assert hub.on_server("compute", BEHIND, "alice", write, "--keep-server") == "1\n"
    kept = int(hub.machine.sh(f"sleep 2; stat --format %s {place.inspect('{{.LogPath}}')}").stdout)
    assert 0 < kept < 11_000_000


# As after a start of the machine, on which Docker takes longer than the hub.
ANEW = """systemctl stop jupyterhub.service docker.socket docker.service; ip link delete jupyter
mkdir /run/systemd/system/docker.service.d
printf '[Service]\\nExecStartPre=/bin/sleep 20\\n' >/run/systemd/system/docker.service.d/late.conf
systemctl daemon-reload; systemctl reset-failed docker.service; systemctl start --no-block jupyterhub.service"""
AS_BEFORE = "rm -r /run/systemd/system/docker.service.d; systemctl daemon-reload; systemctl start docker.socket"


def test_the_hub_waits_for_docker_when_the_machine_starts(place, hub):
    with deployment.made(hub.machine, ANEW, AS_BEFORE):
        hub.machine.until(deployment.IS_UP, 90)
        assert hub.machine.sh("systemctl show --property NRestarts --value jupyterhub.service").stdout == "0\n"
        started(hub)


TRY = """import json, os, socket
def reached(host, port):
    try:
        socket.create_connection((host, port), 3).close()
        return "open"
    except OSError as error:
        return "shut"
print(json.dumps({
    "bob's server": reached(%r, 8888),
    "one's own": reached(%r, 8888),
    "the hub": reached("10.123.0.1", 881),
    "the hub's proxy": reached("10.123.0.1", 800),
    "its API": reached("10.123.0.1", 801),
    "homes": sorted(os.listdir("/home")),
    "socket": os.path.exists("/run/docker.sock") or os.path.exists("/var/run/docker.sock"),
    "programs": [name for name in os.listdir("/proc") if name.isdigit() and os.stat("/proc/" + name).st_uid != os.getuid()],
}))"""
APART = {"bob's server": "shut", "one's own": "open", "the hub": "open", "the hub's proxy": "shut", "its API": "shut"}
APART |= {"homes": ["alice"], "socket": False, "programs": []}


def seen_from(place, hub):
    """What alice's kernel sees, while bob's server runs."""
    started(hub, "bob")
    started(hub)
    address = '{{(index .NetworkSettings.Networks "jupyter").IPAddress}}'
    code = TRY % (place.inspect(address, "jupyter-bob"), place.inspect(address))
    return json.loads(hub.on_server("compute", BEHIND, "alice", code, "--keep-server"))


def test_alice_reaches_nothing_of_bobs(place, hub):
    try:
        assert seen_from(place, hub) == APART
    finally:
        stop(hub, "bob")


# What stands in for mallory's server, and writes down all that comes to it.
LINES = "/home/mallory/lines"
TOOL = f"/opt/jupyterhub/bin/python {LINES}.py"
SERVES = f"""import os, subprocess

subprocess.Popen("{TOOL} keep {LINES}", shell=True)
while not os.path.exists("{LINES}"):
    pass
os.execv("/bin/sh", ["sh", "-c", "exec {TOOL} serve {LINES}"])
"""
STANDS_IN = "/home/mallory/.jupyter/jupyter_server_config.py"
BEGUN = f"install -d -o mallory /home/mallory/.jupyter; rm -f {LINES}*; cp {deployment.CHECK}/line_keeper.py {LINES}.py"
# A hub that notices late that a server has ended: by itself within half a minute.
LATE = f"""cp {CONFIG} /root/kept; {{}}; echo 'c.Spawner.poll_interval = 600' >>{CONFIG}
systemctl restart jupyterhub; {deployment.COMES_UP}"""
ANY = f"sed -i 's/, .networking_config.: own//' {CONFIG}"


@pytest.mark.parametrize(("edit", "handed"), [("true", False), (ANY, True)], ids=["published", "any address"])
def test_what_is_for_a_container_that_has_ended_comes_to_nobody_else(place, hub, edit, handed):
    machine = hub.machine
    machine.sh(BEGUN, deployment.ON_SERVER | {STANDS_IN: SERVES})
    undo = f"rm -f {STANDS_IN} {LINES}*; mv /root/kept {CONFIG}; systemctl restart jupyterhub; {deployment.COMES_UP}"
    with deployment.made(machine, LATE.format(edit), undo):
        try:
            with faults.meanwhile(hub, "stay", BEHIND, "alice") as task:
                machine.sh("docker kill jupyter-alice")
                hub.on_server("administer", BEHIND, "mallory", "POST", "hub/api/users/mallory/server")
                machine.until(f"test -s {LINES}.heard", 60)
            heard = machine.read(f"{LINES}.heard")
        finally:
            stop(hub, "mallory")
    assert ("jupyterhub-user-alice=" in heard, task.result() == "I am mallory") == (handed, handed), (heard, task.result())


def test_without_the_option_of_the_network_she_reaches_his_server(place, hub):
    """The control: it is the option that keeps them apart."""
    away = "docker rm --force jupyter-alice jupyter-bob; systemctl stop jupyterhub; docker network rm jupyter"
    again = f"{away}; {{}}; systemctl start jupyterhub"
    with deployment.made(hub.machine, again.format(CREATE.replace("enable_icc=false", "enable_icc=true")), "true"):
        hub.machine.until(deployment.IS_UP)
        assert seen_from(place, hub) == APART | {"bob's server": "open"}
        stop(hub, "bob")
    stop(hub)
    hub.machine.sh(again.format(CREATE))
    hub.machine.until(deployment.IS_UP)


def test_who_deletes_dockers_rules_gets_them_back_by_a_restart_of_docker(place, hub):
    """As a reload of nftables.conf does, which begins with `flush ruleset`."""
    try:
        assert seen_from(place, hub) == APART
        hub.machine.sh("iptables -P FORWARD ACCEPT; iptables -F")
        assert seen_from(place, hub) == APART | {"bob's server": "open"}
        hub.machine.sh(f"{RESTART}; sleep 3")
        assert seen_from(place, hub) == APART
    finally:
        stop(hub, "bob")


def test_the_hub_and_docker_may_restart_while_servers_run(place, hub):
    with faults.watching(hub, url=BEHIND) as told:
        faults.restart(hub)
    assert told["lived"] == ALL | {"websocket": False}, told
    with faults.watching(hub, url=BEHIND) as told:
        hub.machine.sh(f"{RESTART}; sleep 3")
    assert told["lived"] == ALL, told
    as_the_page_says("Docker restarts", "")
    # And its hub still starts and stops containers.
    stop(hub)
    started(hub)


def test_without_live_restore_a_restart_of_docker_ends_servers(place, hub):
    """The control: it is the option that keeps them."""
    file = "/etc/default/docker"
    without = f"cp {file} /root/kept; sed -i /live-restore/d {file}; {RESTART}"
    back = f"mv /root/kept {file}; {RESTART}"
    with deployment.made(hub.machine, without, back), faults.watching(hub, url=BEHIND) as told:
        hub.machine.sh(f"{RESTART}; sleep 3")
    assert not told["lived"]["variable"], told


def fails(place, row, user="alice"):
    """A start that fails as a row of the page says; the check leads to the page, and does not say more than is known."""
    began = time.monotonic()
    last = place.hub.check("--until", "server_spawns", "--spawn-timeout", "100", url=BEHIND, user=user)[-1]
    assert (last["rung"], last["ok"]) == ("server_spawns", False), tell(last)
    as_the_page_says(row, last["said"], f"{place.hub.log()}\n{place.log(f'jupyter-{user}')}")
    assert last["certainty"] == "one of these", last
    assert last["page"] == "deploy/docker" or "didn't respond" in last["said"], last
    print(f"{row}: {last['said']} after {time.monotonic() - began:.0f} s")
    return last


def other_image(command):
    """The shell's words by which an image in which a command has run takes the place of the right one."""
    lines = shlex.quote(f"FROM kept\nUSER root\nRUN {command}\n")
    return f"docker tag jupyter-user kept; printf %s {lines} | docker build --quiet --tag jupyter-user -"


BACK = "docker rm --force jupyter-alice; docker tag kept jupyter-user; docker rmi kept"
HUB_AT = 'c.JupyterHub.hub_bind_url = "http://{}:881"'
# By row, the lines that are added to the hub's file, and what is done to the machine and undone.
STARTS = {
    "The hub listens on `127.0.0.1` only": ([HUB_AT.format("127.0.0.1"), SHORT], "true", "true"),
    "A firewall of the machine": (
        [SHORT],
        "iptables -I INPUT -i jupyter -p tcp --dport 881 -j DROP",
        "iptables -D INPUT -i jupyter -p tcp --dport 881 -j DROP",
    ),
    "The network's name is wrong": ([NETWORK], "true", "docker rm --force jupyter-alice"),
    "The image was not made": ([], "docker tag jupyter-user kept; docker rmi --force jupyter-user", BACK),
    "The image has no JupyterHub": ([], other_image("rm /opt/jupyterhub/bin/jupyterhub-singleuser"), BACK),
    "The user has no home folder": ([], "mv /home/alice /home/away", "mv /home/away /home/alice"),
    "The home folder has another owner": ([], "chown -R root: /home/alice; chmod 755 /home/alice", "chown -R alice: /home/alice"),
    "Docker does not run": (
        [],
        "systemctl stop docker.socket docker.service",
        f"{RESTART}; systemctl start docker.socket",
    ),
}


@pytest.mark.parametrize("row", STARTS)
def test_a_fault_of_the_page_looks_as_it_says_and_what_it_says_cures_it(place, hub, row):
    lines, make, undo = STARTS[row]
    with deployment.configured(hub, CONFIG, *lines), deployment.made(hub.machine, make, undo):
        fails(place, row)
    started(hub)


def test_another_version_in_the_image_is_told_by_the_check(place, hub):
    other = "for file in /opt/jupyterhub/lib/python3*/site-packages/jupyterhub/_version.py; do echo '__version__ = \"6.0.0\"' >>$file; done"
    with deployment.made(hub.machine, other_image(other), BACK):
        rungs = hub.check("--until", "kernel_computes", url=BEHIND)
        assert rungs[-1]["ok"], tell(rungs[-1])
        as_the_page_says("The image has another version", json.dumps(rungs, ensure_ascii=False))
        stop(hub)


def test_without_the_servers_configuration_in_the_image_blocks_stay_blank(place, hub):
    with deployment.made(hub.machine, other_image("rm /etc/jupyter/jupyter_server_config.py"), BACK):
        last = hub.check(url=BEHIND)[-1]
        assert (last["rung"], last["ok"]) == ("blocks_shown", False), last
        stop(hub)


def test_a_server_that_starts_after_the_image_was_made_again_has_it(place, hub, followed):
    started(hub)
    old = place.inspect("{{.Image}}")
    hub.machine.sh("echo '# New.' >>/etc/jupyter/jupyter_server_config.py")
    followed.follow(PAGE, [AGAIN])
    assert not followed.wrong, "\n\n".join(followed.wrong)
    assert place.inspect("{{.Image}}") == old
    stop(hub)
    started(hub)
    assert place.inspect("{{.Image}}") != old
    code = "print('# New.' in open('/etc/jupyter/jupyter_server_config.py').read())"
    assert hub.on_server("compute", BEHIND, "alice", code, "--keep-server").strip() == "True"


LAYERS = "docker image inspect --format '{{json .RootFS.Layers}}' "


def test_an_image_that_is_made_again_takes_no_package_from_the_last_time(place, hub):
    base = json.loads(hub.machine.sh(f"{LAYERS} debian:{hub.suite}-slim").stdout)
    packages = []
    for _ in range(2):
        hub.machine.sh("cd /root/docker; sh image.sh", timeout=300)
        layers = json.loads(hub.machine.sh(f"{LAYERS} jupyter-user").stdout)
        assert layers[: len(base)] == base
        packages.append(layers[len(base)])
    assert packages[0] != packages[1]


# An image that has a package of which its archive has a newer version.
OUTDATED = """FROM kept-base
RUN mkdir --parents /made/DEBIAN /archive && cd /archive \\
 && for version in 1 2; do \\
    printf 'Package: outdated\\nVersion: %s\\nArchitecture: all\\nMaintainer: T\\nDescription: t\\n' $version >/made/DEBIAN/control; \\
    dpkg-deb --build /made $version.deb; done \\
 && dpkg --install 1.deb && cp /made/DEBIAN/control Packages \\
 && printf 'Filename: ./2.deb\\nSize: %s\\nSHA256: %s\\n' $(stat --format %s 2.deb) $(sha256sum 2.deb | cut --bytes=-64) >>Packages \\
 && echo 'deb [trusted=yes] file:/archive ./' >/etc/apt/sources.list.d/archive.list
"""


def test_an_image_has_debians_updates(place, hub):
    name = f"debian:{hub.suite}-slim"
    make = f"docker tag {name} kept-base; docker build --quiet --tag {name} - </root/outdated"
    undo = f"docker tag kept-base {name}; docker rmi kept-base"
    hub.machine.put({"/root/outdated": OUTDATED})
    ask = "docker run --rm --network none {} dpkg-query --show --showformat '${{Version}}' outdated"
    with deployment.made(hub.machine, make, undo):
        assert hub.machine.sh(ask.format(name)).stdout == "1"
        hub.machine.sh("cd /root/docker; sh image.sh", timeout=300)
        assert hub.machine.sh(ask.format("jupyter-user")).stdout == "2"


def test_the_way_back_is_whole(place, hub, followed):
    started(hub)
    followed.follow(PAGE, [AWAY])
    assert not followed.wrong, "\n\n".join(followed.wrong)
    machine = hub.machine
    machine.until(deployment.IS_UP)
    rungs = hub.check("--keep-server", "--until", "upload_lands", url=BEHIND)
    assert all(rung["ok"] for rung in rungs), tell(rungs[-1])
    assert "active" in machine.sh("systemctl is-active jupyter-alice.service").stdout
    assert not machine.sh(
        "docker ps --all --quiet; docker network ls --quiet --filter name=jupyter; docker images --quiet jupyter-user"
    ).stdout
    assert "kept.txt" in machine.sh("ls /home/alice").stdout
    hub.on_server("administer", BEHIND, "alice", "DELETE", "hub/api/users/alice/server")
