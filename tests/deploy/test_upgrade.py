"""A reader who set up a server with an earlier release upgrades it by deploy/upgrade.md, and users lose nothing."""

import fnmatch
import re
import shlex

import pytest

from tests.harness import releases
from tests.harness.machines import bare, deployment, engine, faults
from tests.harness.machines.deployment import BEHIND, CHECK, PYTHON
from tests.harness.manifest import CONFIG, HOMES, MANIFEST, NEWEST_ON, PROXIES, PUBLISHED, ROOT, SAVED_AS, on_the_server
from tests.harness.measuring.ladder import tell
from tests.harness.pairs import EACH_ONCE, WHEREVER
from tests.harness.site import following
from tests.harness.site.following import TABS, State

# What is for another way of setting up than the one that is followed here, and would be in its way.
OTHERWISE = tuple(f"{folder}/" for folder in MANIFEST["elsewhere"])
NAME = "deploy/upgrade.md"
# A reader's own line, and the file of the last release that it is in.
MINE, OWN = "systemd/enable.sh", "logger 'The hub was started.'"
# What another page has a reader append to the hub's configuration, and the file that it names.
ADDED = 'load_subconfig("/etc/jupyterhub/choices.py")\n'
# Published files that are in use as copies elsewhere; and programs that read two of them, which these machines have not.
COPIES = {
    "care/jupyterhub-backup.service": "/etc/systemd/system/jupyterhub-backup.service",
    "care/jupyterhub-alarm@.service": "/etc/systemd/system/jupyterhub-alarm@.service",
    "care/jupyterhub-rules.yml": "/etc/prometheus/jupyterhub-rules.yml",
    "people/sshd.conf": "/etc/ssh/sshd_config.d/jupyterhub.conf",
}
READ = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecReload=touch /run/{}-reloaded\n"
READERS = {f"/etc/systemd/system/{name}.service": READ.format(name) for name in ("prometheus", "ssh")}
ASK = "import requests, sys; print(requests.get(sys.argv[1], headers={'Authorization': f'token {sys.argv[2]}'}).status_code)"
BEFORE = "/root/before"
COMPARE = r"find * -type f -exec diff --unified --new-file /{} {} \;"
SAVE, STOP, INSTALL, START, CHECK_IT, BACK, DEBIAN = (
    "save-the-new-files-and-compare",
    "stop-the-hub-and-keep-a-copy",
    "put-the-new-files-in-place-and-install",
    "start-it-again",
    "check-it",
    "undo-the-upgrade",
    "upgrade-debian-on-the-same-machine",
)
# What the page says may be seen instead of silence as the copy is made.
STATES = {
    "If you see File exists": State(f"mkdir {BEFORE}; touch {BEFORE}/etc.tar", f"mv {BEFORE} {BEFORE}-1", cured=True),
    "If you see No such file or directory": State(
        "mv /root/kernel /var/tmp/away", f"mv /var/tmp/away /root/kernel; rm {BEFORE}/*; rmdir {BEFORE}; systemctl start jupyterhub.service"
    ),
}
# What a user of each release keeps; the servers of the first were the hub's own processes.
KEPT = {"0.9": {"variable": False, "websocket": False, "login": True, "file": True}}
SINCE = {"variable": True, "websocket": False, "login": True, "file": True}
RELEASES = [row["version"] for row in releases.tagged() if releases.published(row["commit"]).changed != releases.now().changed]
# Wherever a hub may be, from the newest of them; from those before, on each Debian with another reverse proxy.
ROWS = [
    *((*row, version) for version in RELEASES[:1] for row in WHEREVER),
    *((*row, version) for version in RELEASES[1:] for row in EACH_ONCE),
]


def place(name):
    return SAVED_AS.get(name, f"/root/{name}")


@pytest.fixture(scope="module", params=ROWS, ids="-".join)
def server(request):
    """A machine on which somebody followed a release that was another: the hub, the reverse proxy, {name: text} of the files saved
    there, and what the release's users keep.
    """
    suite, name, version = request.param
    proxy, commit = PROXIES[name], next(row["commit"] for row in releases.tagged() if row["version"] == version)
    release, places = releases.published(commit), releases.saved_as(commit)
    others = tuple(f"{name}/" for name in PROXIES if name != proxy.name)
    old = {name: release.read(name) for name in places if not name.startswith((*others, *OTHERWISE))}
    with faults.booted(NEWEST_ON[suite], release, network="bridge") as hub:
        packages = f"DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends {' '.join(proxy.packages)}"
        hub.machine.sh(f"apt-get update && {packages}", timeout=300)
        hub.machine.put({places[name]: text for name, text in old.items()})
        # What that release had not yet.
        hub.machine.sh(f"rm --force {' '.join(path for name, path in SAVED_AS.items() if name not in places)}")
        # A reader's own programs trust the certificate's authority.
        hub.machine.sh("update-ca-certificates", {bare.AUTHORITY: deployment.authority().cert_pem.bytes()})
        hub.machine.sh(f"cd /root/{proxy.name} && sh enable.sh && echo {shlex.quote(OWN)} >>{places[MINE]}")
        old[MINE] += f"{OWN}\n"
        old[CONFIG] += ADDED
        kept = dict.fromkeys(COPIES.values(), "[Service]\nType=oneshot\nExecStart=/bin/false\n")
        own = {places[CONFIG]: old[CONFIG], "/etc/jupyterhub/choices.py": "c = get_config()\n"}
        hub.machine.sh("chmod 600 /etc/jupyterhub/*.py; systemctl daemon-reload; systemctl start prometheus ssh", kept | READERS | own)
        yield hub, proxy.name, old, KEPT.get(version, SINCE)


@pytest.fixture(scope="module")
def instead(server, site):
    """What was not as the page says of what may be seen as the copy is made, each state made in turn before the upgrade begins."""
    hub, proxy, *_ = server
    reader = following.Reader(hub.machine, following.Pages.examples(site), TABS[proxy])
    with faults.coming_back(hub):
        # Where the reader is when the copy is made.
        hub.machine.sh("mkdir /root/new")
        for one in reader.pages.instead(reader.tab):
            if one.page == NAME and one.begins in STATES:
                reader.meet(one, reader.pages.block(one.after, reader.tab), STATES[one.begins])
        hub.machine.sh("rmdir /root/new")
    return reader.wrong


@pytest.fixture(scope="module")
def upgraded(server, instead, site):
    """The same machine, on which a reader has followed the page while a user worked: what compared, and what the user kept."""
    hub, proxy, old, _ = server
    compare = f"cd /root/new && {COMPARE}"
    names = [name for name in on_the_server() if not name.startswith(OTHERWISE)]
    new = {name: PUBLISHED.read(name) for name in names if name.split("/")[0] not in PROXIES or name.startswith(f"{proxy}/")}
    changed = [name for name in new if old.get(name) != new[name]]
    save = {COMPARE: lambda machine: machine.put({f"/root/new{place(name)}": new[name] for name in changed})}
    answers = {"Password of alice: ": hub.passwords["alice"]}
    at_work = following.Reader(hub.machine, following.Pages.examples(site), TABS[proxy], answers=answers, before=save, saved={*new})
    with faults.watching(hub) as told:
        at_work.follow(NAME, [SAVE])
        differences = hub.machine.sh(compare).stdout
        token = hub.on_server("token", BEHIND, "mallory")
        # What the page says of the lines that one of its commands shows.
        if show := re.search(rf"^# (sed .*{SAVED_AS[CONFIG]})$", (ROOT / NAME).read_text("utf-8"), re.M):
            hub.machine.sh(f"{show[1]} >>/root/new{place(CONFIG)}")
        new[CONFIG] += ADDED
        # What the page says of a line of one's own.
        hub.machine.sh(f"echo {shlex.quote(OWN)} >>/root/new{place(MINE)}")
        new[MINE] += f"{OWN}\n"
        at_work.follow(NAME, [STOP, INSTALL])
        with faults.coming_back(hub):
            at_work.follow(NAME, [START])
    at_work.follow(NAME, [CHECK_IT])
    again = hub.machine.sh(compare).stdout
    return {"differ": differences, "again": again, "changed": changed, "new": new, "told": told, "reader": at_work, "token": token}


def test_what_may_be_seen_instead_as_the_copy_is_made_is_what_the_page_says(instead):
    assert not instead, "\n\n".join(instead)


def test_a_reader_of_a_release_comes_to_this_one_and_users_keep_what_they_have(server, upgraded):
    hub, _, _, kept = server
    assert not upgraded["reader"].wrong, "\n\n".join(upgraded["reader"].wrong)
    assert upgraded["told"]["lived"] == kept, upgraded["told"]
    wanted = {place(name): text for name, text in upgraded["new"].items()}
    wanted |= {path: upgraded["new"][name] for name, path in COPIES.items()}
    assert [path for path, text in wanted.items() if hub.machine.read(path) != text] == [], "these are not the newest files"
    shown = re.findall(r"^\+\+\+ (\S+)", upgraded["differ"], re.M)
    assert sorted(shown) == sorted(place(name).lstrip("/") for name in upgraded["changed"])
    assert f"\n-{OWN}\n" in upgraded["differ"]
    assert upgraded["again"] == "", "nothing differs from the newest files"
    assert hub.machine.sh("ls /run/*-reloaded /etc/systemd/system/jupyterhub-*").stdout.split() == [
        *sorted(path for path in COPIES.values() if "systemd" in path),
        "/run/prometheus-reloaded",
        "/run/ssh-reloaded",
    ]
    modes = hub.machine.sh("stat --format %a / /etc /root /etc/jupyterhub/jupyterhub_config.py").stdout.split()
    assert modes == ["755", "755", "700", "600"]
    last = hub.check("--keep-server", "--megabytes", "1")[-1]
    assert last["ok"], tell(last)


def test_the_copy_leads_back_and_users_keep_what_they_have(server, upgraded, prove):
    hub, proxy, old, _ = server
    at_work = upgraded["reader"]

    def status():
        return int(hub.machine.exec(PYTHON, "-c", ASK, f"{BEHIND}hub/api/user", upgraded["token"]).stdout)

    assert status() == 200
    hub.machine.sh("sh /root/people/leave.sh mallory")
    # The network is away, which may be why somebody goes back.
    engine.cli("network", "disconnect", "bridge", hub.machine.id)
    with faults.watching(hub) as told, faults.coming_back(hub):
        at_work.follow(NAME, [BACK])
    assert not at_work.wrong, "\n\n".join(at_work.wrong)
    assert told["lived"] == KEPT["0.9"], told
    assert status() == 403, "who has left meanwhile is not let in by the database of before"
    # All but what the page's copy does not hold, and the upgrade has changed: the page says that this stays new.
    tars = re.findall(r"tar --create --file \S+ (.*)", (ROOT / NAME).read_text("utf-8"))
    copied = [f"/{path}*" for paths in tars for path in paths.split()]
    stays = {name for name in upgraded["changed"] if not any(fnmatch.fnmatch(place(name), path) for path in copied)}
    back = {name: text for name, text in old.items() if name not in stays and name.split("/")[0] != "check"}
    assert {name: hub.machine.read(place(name)) for name in back} == back
    # By that release's own check: what today's asks for more, its files do not give.
    hub.machine.put({f"{CHECK}/hubcheck.py": old["check/hubcheck.py"]})
    last = hub.check("--until", "kernel_computes", user="bob")[-1]
    assert last["ok"], tell(last)
    prove(*at_work.proof(hub.suite, proxy))


def test_a_newer_debian_runs_the_hub_when_its_programs_are_installed_anew(site, prove):
    """All of Debian's packages are upgraded; the machine is not booted again."""
    old, new = HOMES
    with faults.booted(NEWEST_ON[old], network="bridge") as hub:
        names = [name for name in on_the_server() if not name.startswith((*OTHERWISE, *(f"{proxy}/" for proxy in PROXIES)))]
        hub.machine.put({place(name): PUBLISHED.read(name) for name in names if name.split("/")[0] in ("jupyterhub", "kernel", "jigsaw")})
        token = hub.on_server("token", BEHIND, "alice")
        fails = []

        def debian(machine):
            apt = "export DEBIAN_FRONTEND=noninteractive; apt-get --yes -o Dpkg::Options::=--force-confold"
            machine.sh(f"find /etc/apt -name '*.sources' -o -name '*.list' | xargs sed --in-place s/{old}/{new}/g; apt-get update")
            machine.sh(f"{apt} full-upgrade && {apt.partition('; ')[2]} autoremove", timeout=1200)
            fails.append(machine.sh(f"{PYTHON} -c 'import jupyterhub'", check=False).stderr)

        before = {"rm --recursive /opt/jupyterhub": debian}
        reader = following.Reader(hub.machine, following.Pages.examples(site), TABS["nginx"], before=before, saved={*names})
        with faults.coming_back(hub):
            reader.follow(NAME, [DEBIAN])
        assert not reader.wrong, "\n\n".join(reader.wrong)
        assert "No module named 'jupyterhub'" in fails[0], "the environment of the old Python is of use to nobody"
        assert hub.machine.sh(". /etc/os-release; echo $VERSION_CODENAME").stdout.strip() == new
        assert int(hub.machine.exec(PYTHON, "-c", ASK, f"{BEHIND}hub/api/user", token).stdout) == 200
        last = hub.check("--until", "kernel_computes", url=BEHIND)[-1]
        assert last["ok"], tell(last)
        prove(*reader.proof(new, "nginx"))
