"""Writes what a test run showed of the published files, for the site: rows of build/evidence.json (see _ext/evidence.py).

A test hands a row to the fixture `prove`. Rows of tests that pass, on whichever worker, are merged into the file when
the run ends. A deployment of which any file was changed proves nothing.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from _ext.evidence import digest, key, read, standing
from tests.harness.json_files import write_json
from tests.harness.machines import deployment, engine
from tests.harness.manifest import BUILD, EVERY_PROXY, MANIFEST, NEWEST, PUBLISHED, SAVED_AS, SNIPPETS, Files, home, snippets

if TYPE_CHECKING:
    from tests.harness.browsers.drivers import Driver
    from tests.harness.measuring.strangers import Stranger

FILE = BUILD / "evidence.json"
# As they lay when the run began: who edits a file meanwhile gets no evidence for it.
SEEN = {name: digest(SNIPPETS / name) for name in snippets()}
PROVEN: list[dict] = []

PINS = "jupyterhub/requirements.txt"
# Every folder that a hub is deployed from, and the unit, whose command starts it.
DEPLOYED = [name for name in SEEN if name.startswith(("jupyterhub/", "jupyter/", "kernel/", "jigsaw/"))]
UNIT = "systemd/jupyterhub.service"
# Kinds of which several tests each see a part.
TOGETHER = ("typed", "used", "attacked")
ASK = """
import importlib.metadata, platform
print(*map(importlib.metadata.version, ("jupyterhub", "jupyter_server")), platform.python_version())
"""


def deployed() -> list[str]:
    """The digests of what a hub is made of, as it lies in the tree now."""
    return [digest(SNIPPETS / name) for name in [*DEPLOYED, UNIT]]


def row(kind: str, by: str, version: str, used: Iterable[str], proves: Iterable[str] | None = None, **more) -> dict:
    """A row: which program, in which version, did what (`kind`) with the files `used`; `proves` are those it speaks for.

    Raises ValueError without files: such a row would stand for ever.
    """
    if not (files := {name: SEEN[name] for name in used}):
        raise ValueError(f"a row of evidence without files: {kind} {by}")
    spoken = sorted(files if proves is None else proves)
    blank = {"on": "", "home": "", "jupyterhub": "", "application": "", "fault": "", "rungs": {}, "lived": {}}
    date = datetime.date.today().isoformat()
    made = blank | {"kind": kind, "by": by, "version": version} | more
    return made | {"proves": spoken, "files": files, "date": date, "dates": dict.fromkeys(made["lived"], date)}


def reported(machine: engine.Container, proxy: str) -> str:
    """A reverse proxy's version, as the server itself tells it."""
    return machine.sh(EVERY_PROXY[proxy].reports).stdout.strip()


ROTATED, BY_SYSTEMD = "/etc/logrotate.d/", "/etc/systemd/"


def saved(proxy: str, *folders: str) -> list[str]:
    """A reverse proxy's files that are saved below a folder of the server's."""
    places = EVERY_PROXY[proxy].saved_as.items()
    return sorted(f"{proxy}/{name}" for name, place in places if place.startswith(folders))


def accepted(what: str, where: str, machine: engine.Container) -> list[dict]:
    """What it proves that a machine accepted the published files; the arguments are as in `syntax.everything`."""
    if what in EVERY_PROXY:
        # Of its other files, some are read by systemd and logrotate, and scripts by the shell.
        own = sorted({*saved(what, "/")} - {*saved(what, ROTATED, BY_SYSTEMD)})
        return [row("accepted", what, reported(machine, what), PUBLISHED.folder(what), own, on=where)]
    if what == "systemd":
        return [row("accepted", what, machine.sh("systemctl --version").stdout.split()[1], [UNIT], on=where)]
    hub, server, python = machine.exec(deployment.PYTHON, "-c", ASK).stdout.split()
    # Each reads its own configuration strictly. Of other programs only the syntax is read.
    read_by = {("JupyterHub", hub): "jupyterhub/jupyterhub_config.py", ("Jupyter Server", server): "jupyter/jupyter_server_config.py"}
    others = [name for name in SEEN if name.endswith(".py") and name not in read_by.values()]
    by = [*((who, [name]) for who, name in read_by.items()), (("Python", python), others)]
    return [row("accepted", *who, names, home=home(where)[1]) for who, names in by]


# By program, the published files that it reads on a hub's machine beside the hub's own.
READ_BESIDE = {
    "Prometheus": ["care/jupyterhub-rules.yml", "care/prometheus.yml"],
    "OpenSSH": ["people/sshd.conf"],
    "pip": ["course/requirements.txt"],
    "libpam-google-authenticator": ["logins/jupyterhub-pam"],
    "PAM": ["ldap/jupyterhub-home"],
    "SSSD": ["ldap/sssd.conf"],
    "SSSD, joined to a domain": ["domain/sssd.conf"],
    "Slurm": ["slurm/cgroup.conf", "slurm/slurm.conf"],
    "nftables": ["slurm/firewall-head.nft", "slurm/firewall-node.nft"],
    "Docker": ["docker/Dockerfile"],
    "Valkey": ["two-proxies/routes.conf"],
    # Within another site, users have climbed the ladder.
    "nginx": ["beside/nginx-http.conf", "beside/nginx-location.conf"],
    "apache": ["beside/apache-location.conf", "beside/apache-server.conf"],
}
# By folder, the units, and the drop-ins of units, that systemd reads on a hub's machine beside the hub's own.
UNITS = {
    "care": [f"care/jupyterhub-{unit}" for unit in ("alarm@.service", "backup.service", "backup.timer", "check.service", "check.timer")],
    "database": ["database/backup.conf", "database/hub.conf"],
    "docker": ["docker/hub.conf"],
    "logins": ["logins/codes.conf"],
    "two-proxies": ["two-proxies/hub-proxy@.service", "two-proxies/hub-routes.service"],
}


# Without choices.py, with which users choose: most hubs have none.
ON_A_CLUSTER = [*READ_BESIDE["Slurm"], *READ_BESIDE["nftables"], "slurm/node.sh", "slurm/requirements.txt", "slurm/slurm.py"]


def read_beside(program: str, version: str, suite: str) -> dict:
    """What it proves that a program of `READ_BESIDE` has read its files on a Debian release."""
    return row("accepted", program, version, READ_BESIDE[program], home=suite)


def changed(difference: str, proxy: str, machine: engine.Container, suite: str) -> dict:
    """What it proves that a user has worked through a reverse proxy whose published files have a published difference."""
    return row("accepted", proxy, reported(machine, proxy), [difference, *PUBLISHED.folder(proxy)], [difference], home=suite)


def units(folder: str, machine: engine.Container, suite: str) -> dict:
    """What it proves that each of a folder's `UNITS` lies on a machine as it is published, and `systemd-analyze verify` says nothing of it.

    Raises `deployment.Refused` with what is said of one, or with the name of one that is another there.
    """
    places = {name: PurePosixPath(SAVED_AS.get(name, f"/etc/systemd/system/{PurePosixPath(name).name}")) for name in UNITS[folder]}
    if others := [name for name, place in places.items() if machine.read(str(place)) != PUBLISHED.read(name)]:
        raise deployment.Refused(f"{', '.join(others)}: what lies on the machine is not what is published")
    # A drop-in is read with its unit, and a template as one of its units.
    read = {
        place.parent.name.removesuffix(".d") if place.suffix == ".conf" else place.name.replace("@.", "@1.") for place in places.values()
    }
    done = machine.sh(f"systemd-analyze verify {' '.join(sorted(read))}", check=False)
    ours = [*map(str, places.values()), *read]
    # Debian's own units name programs that a minimal machine lacks: only words about ours count.
    if said := [line for line in (done.stdout + done.stderr).splitlines() if any(name in line for name in ours)]:
        raise deployment.Refused("\n".join(said))
    return row("accepted", "systemd", machine.sh("systemctl --version").stdout.split()[1], UNITS[folder], home=suite)


def installed(machine: engine.Container, name: str, suite: str) -> dict:
    """What it proves that the environment's pip has installed a list of packages, which a page has saved, on a Debian release."""
    return row("accepted", "pip", machine.exec(deployment.PYTHON, "-m", "pip", "--version").stdout.split()[1], [name], home=suite)


def published(hub: deployment.Hub) -> bool:
    """Whether no file is changed of a hub, and of the reverse proxy in front of it: otherwise what a user saw proves nothing."""
    return not hub.files.altered and (hub.front is None or not hub.front.files.altered)


def climbed(hub: deployment.Hub, proxy: str, kind: str, version: str, rungs: list[dict]) -> dict | None:
    """What a climb proves: nothing, unless it is of the whole ladder, and no file of hub or proxy was changed."""
    if not published(hub) or [rung["rung"] for rung in rungs if rung["ok"]] != MANIFEST["ladder"]:
        return None
    used = [*PUBLISHED.folder(proxy), *PUBLISHED.folder("check"), *DEPLOYED]
    # An older hub was installed with another pin than the published one. No user sees a log rotated.
    lacking = saved(proxy, ROTATED) if hub.version == NEWEST else [PINS, *saved(proxy, ROTATED)]
    proves = [name for name in used if name not in lacking]
    took = {rung["rung"]: rung["seconds"] for rung in rungs}
    return row("climbed", proxy, version, [*used, UNIT], proves, on=kind, home=hub.suite, jupyterhub=hub.version, rungs=took)


def rotated(proxy: str, machine: engine.Container) -> dict | None:
    """What it proves that logrotate has rotated a reverse proxy's logs; nothing of one for which Debian has the file."""
    if not (files := saved(proxy, ROTATED)):
        return None
    version = machine.sh("dpkg-query --show --showformat '${source:Upstream-Version}' logrotate").stdout.strip()
    return row("accepted", "logrotate", version, files)


def booted(hub: deployment.Hub) -> dict | None:
    """What it proves that a hub is up as a service of a booted machine."""
    if hub.files.altered:
        return None
    version = hub.machine.sh("systemctl --version").stdout.split()[1]
    used = PUBLISHED.folder("systemd")
    return row("booted", "systemd", version, [*used, *DEPLOYED], used, home=hub.suite, jupyterhub=hub.version)


def blocks_run(hub: deployment.Hub, proxy: str, machine: engine.Container, application: str, seconds: float) -> dict | None:
    """What it proves that blocks ran in an application, behind a proxy's newest server with the published files."""
    if not published(hub):
        return None
    return row(
        "blocks_run",
        proxy,
        reported(machine, proxy),
        [*PUBLISHED.folder(proxy), *DEPLOYED, UNIT],
        [name for name in DEPLOYED if name.startswith(("jigsaw/", "jupyter/"))],
        on=EVERY_PROXY[proxy].servers[-1],
        home=hub.suite,
        jupyterhub=hub.version,
        application=application,
        rungs={"blocks_run": round(seconds, 2)},
    )


def used(hub: deployment.Hub, browser: Driver, proxy: str, machine: engine.Container, what: str) -> dict | None:
    """What a user did in another browser than Chromium, behind a proxy's newest server, in the words of `stamps.DONE`."""
    if not published(hub):
        return None
    used = [*PUBLISHED.folder(proxy), *DEPLOYED, UNIT]
    more = {"on": f"{proxy} {reported(machine, proxy)}", "home": hub.suite, "jupyterhub": hub.version, "lived": {what: True}}
    return row("used", browser.name, browser.version, used, [], **more)


def attacked(hub: deployment.Hub, browser: Driver, attack: str, seen: str) -> dict | None:
    """What a page's attack came to in another browser than Chromium, once its control has succeeded there.

    With a header of nginx's changed, the attack has another name.
    """
    if hub.files.altered:
        return None
    attack = attack if published(hub) else f"{attack}, with nginx changed"
    used = [*PUBLISHED.folder("nginx"), *DEPLOYED, UNIT]
    more = {"home": hub.suite, "jupyterhub": hub.version, "lived": {attack: seen}}
    return row("attacked", browser.name, browser.version, used, [], **more)


def on_a_cluster(hub: deployment.Hub, proxy: str, release: str, took: dict[str, float], application: str = "") -> dict | None:
    """What a user did whose server was a job of Slurm's, in seconds: the rungs of the check, or blocks in an application."""
    if not published(hub):
        return None
    more = {"on": proxy, "home": hub.suite, "jupyterhub": hub.version, "application": application, "rungs": took}
    return row("cluster", "Slurm", release, [*ON_A_CLUSTER, *PUBLISHED.folder(proxy), *DEPLOYED, UNIT], ON_A_CLUSTER, **more)


def chosen(release: str, suite: str) -> dict:
    """What it proves that a user's job has what the user has chosen."""
    return row("accepted", "Slurm", release, ["slurm/choices.py", "slurm/slurm.py"], ["slurm/choices.py"], home=suite)


def survived(hub: deployment.Hub, proxy: str, machine: engine.Container | None, fault: str, told: dict) -> dict | None:
    """What a fault left of a user's work, as `user_actions.watch` told it; it was made to a proxy's `machine`, or, without one, to the hub.

    `proxy` is the one that stood in front; empty for none.
    """
    if not published(hub):
        return None
    return row(
        "fault",
        proxy if machine else "jupyterhub",
        reported(machine, proxy) if machine else hub.version,
        [*(PUBLISHED.folder(proxy) if proxy else []), *DEPLOYED, UNIT],
        [],
        on=EVERY_PROXY[proxy].servers[-1] if machine else "",
        home=hub.suite,
        jupyterhub=hub.version,
        fault=fault,
        rungs={name: told["silent"][name] for name in ("server", "hub")},
        lived=told["lived"],
    )


def kernel(
    hub: deployment.Hub, package: str, release: str, shows: str, program: str, does: dict[str, bool], folder: str = "kernels"
) -> dict | None:
    """What a kernel from PyPI did behind a hub, by the words of `other_kernels.DOES`; of one that does not run, `program` are its words.

    The published files of a `folder` have brought it.
    """
    if not published(hub):
        return None
    used = [*PUBLISHED.folder(folder), *DEPLOYED, UNIT]
    proves = PUBLISHED.folder(folder) if does["computes"] else []
    more = {"on": program, "home": hub.suite, "jupyterhub": hub.version, "application": shows, "lived": does}
    return row("kernel", package, release, used, proves, **more)


def stranger(about: Stranger, verdict: str) -> dict:
    """What hubcheck made of a set-up that others have published, by a word of `strangers.judged`."""
    fault = f"{about.name}: {about.fault}"
    return row("stranger", about.proxy, "", PUBLISHED.folder("check"), [], application=about.source, fault=fault, lived={verdict: True})


def lasted(proxy: str, version: str, on: str, figures: dict[str, float], files: Files) -> dict | None:
    """What a term of a reverse proxy with the published files came to, see `term.Term.figures`."""
    if files.altered:
        return None
    return row("term", proxy, version, PUBLISHED.folder(proxy), [], on=on, rungs=figures)


def typed(page: str, suite: str, proxy: str, keys: Iterable[str], saved: Iterable[str]) -> dict:
    """Which commands of a page (see `_ext.evidence.keys`) were typed on a server, and printed what the page says.

    `saved` are the published files that lay there by then, beside those that a hub and its `proxy` are made of.
    """
    front = PUBLISHED.folder(proxy) if proxy else []
    used = [*DEPLOYED, *PUBLISHED.folder("systemd"), *front, *PUBLISHED.folder("check"), *sorted(saved)]
    return row("typed", page, "", used, [], on=suite, application=proxy, lived=dict.fromkeys(keys, True))


def set_up(sha256: str, values: str, suite: str, proxy: str) -> dict:
    """What it proves that the one download has set up a bare machine, with the examples or other `values` in the same files.

    `sha256` is that of the archive with the examples.
    """
    return row("set_up", "setup.sh", sha256, SEEN, [], on=values, home=suite, application=proxy)


def merge(rows: list[dict]) -> None:
    """Add rows to the file; of those of the same versions, the newer stay. Rows of files that have changed since go.

    Of one page's commands, several tests may each type some: what was typed of it on the same machines comes together. So does what was
    done in the same browser.
    """
    if not rows:
        return
    try:
        before = read(FILE)
    except ValueError:
        before = []
    of: dict[tuple, dict] = {}
    for one in sorted((row for row in [*before, *rows] if standing([row], SNIPPETS)), key=lambda row: row["date"]):
        of[key(one)] = joined(of[key(one)], one) if key(one) in of and one["kind"] in TOGETHER else one
    write_json(FILE, [of[each] for each in sorted(of)])


def unproven(rows: list[dict]) -> list[str]:
    """The published files that no row speaks for of those that the site would have of a run."""
    kept = {key(row): row for row in rows}
    return sorted(SEEN.keys() - {name for row in kept.values() for name in row["proves"]})


def joined(earlier: dict, later: dict) -> dict:
    """Two rows as one: of each thing that was seen what was seen last, with its own date; and all files of both."""
    last = {name: max(later, earlier, key=lambda row: row["dates"].get(name, "")) for name in earlier["lived"] | later["lived"]}
    both = {
        "lived": {name: row["lived"][name] for name, row in last.items()},
        "dates": {name: row["dates"][name] for name, row in last.items()},
    }
    return later | both | {"files": earlier["files"] | later["files"]}


def main(arguments: list[str]) -> None:
    """Add what another run has proved, as publish.yml adds what the weekly run has."""
    if len(arguments) != 1:
        sys.exit("usage: python -m tests.harness.measuring.evidence FILE")
    if not (file := Path(arguments[0])).is_file():
        sys.exit(f"error: {file}: no such file")
    try:
        merge(read(file))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
