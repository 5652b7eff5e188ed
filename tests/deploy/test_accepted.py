"""Every server accepts every snippet as it is published, without a warning."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.harness.manifest import EVERY_PROXY, HUBS, MANIFEST, ROOT, SAVED_AS, SNIPPETS, VALUES, VERSIONS, snippets
from tests.harness.measuring import evidence
from tests.harness.measuring.syntax import newest

# All verdicts come at once, so one worker alone asks for them.
pytestmark = pytest.mark.xdist_group("accepted")
PROXY_SERVERS = [(proxy.name, kind) for proxy in EVERY_PROXY.values() for kind in newest(proxy.servers)]


@pytest.fixture
def accepted(verdicts, prove):
    def accepted(what, machine):
        if isinstance(verdict := verdicts[what, machine], Exception):
            raise verdict
        prove(*verdict)

    return accepted


@pytest.mark.parametrize(("proxy", "kind"), PROXY_SERVERS)
def test_the_proxy_accepts_its_site(accepted, proxy, kind):
    accepted(proxy, kind)


@pytest.mark.parametrize("suite", newest(VERSIONS["debian"]))
def test_systemd_accepts_the_unit(accepted, suite):
    accepted("systemd", suite)


@pytest.mark.parametrize("hub", newest(HUBS))
def test_jupyter_knows_every_option(accepted, hub):
    accepted("python", hub)


def test_the_shell_accepts_every_script(prove):
    shellcheck, scripts = Path(sys.executable).with_name("shellcheck"), [name for name in snippets() if name.endswith(".sh")]
    done = subprocess.run([shellcheck, *scripts], cwd=SNIPPETS, capture_output=True, text=True)
    assert not done.returncode, done.stdout
    version = subprocess.run([shellcheck, "--version"], capture_output=True, text=True).stdout
    prove(evidence.row("accepted", "shellcheck", re.search(r"version: (\S+)", version)[1], scripts))


def typed():
    """(place, command) of all console blocks, as the sources of the pages have them."""
    for page in sorted(
        [ROOT / "index.md", *(path for room in ("deploy", "jigsaw", "troubleshooting") for path in (ROOT / room).rglob("*.md"))]
    ):
        inside = False
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
            if line.strip().startswith("```"):
                inside = line.strip() == "```console"
            elif inside and line.lstrip().startswith(("# ", "$ ")):
                yield f"{page.relative_to(ROOT)}:{number}", line.strip()[2:]


# Those that are published, that of a user's server, of a second hub, and those of packages that pages install.
UNITS = {name.rpartition("/")[2] for name in snippets()} | {"jupyter-alice.service", "prometheus.service", "second.service", "sssd.service"}
UNITS |= {f"{proxy.service}.service" for proxy in EVERY_PROXY.values()}
UNITS |= {
    "certbot.service",
    "ssh.service",
    "slurmctld.service",
    "slurmd.service",
    "valkey-server.service",
    "postgresql.service",
    "docker.service",
}


def misled(commands):
    """Commands that no shell reads, or that name a script, an option of the check or a unit that nobody has saved."""
    places, told, folder = [place for place, _ in commands], [], ""
    done = subprocess.run(["bash", "-n"], input="\n".join(command for _, command in commands), capture_output=True, text=True)
    told += [
        f"{places[int(line) - 1]}: {words}" for line, words in re.findall(r"line (\d+): (.*)", done.stderr) if int(line) <= len(places)
    ]
    options = set(re.findall(r'"(--[a-z-]+)"', (SNIPPETS / "check/hubcheck.py").read_text("utf-8")))
    for place, command in commands:
        folder = moved[1] if (moved := re.search(r"(?:^|&& )cd (\S+)", command)) else folder
        for script in re.findall(r"(?:^|&& )sh (\S+)", command):
            unpacked = script.partition("/")[2] if script.startswith("metakernel-hub/") else ""
            lies = Path(folder, script).as_posix().removeprefix("/root/")
            file = SNIPPETS / "setup" / unpacked if unpacked else SNIPPETS / lies
            if not file.is_file():
                told.append(f"{place}: {script} in {folder} is no published file")
        if "hubcheck.py" in command:
            told += [f"{place}: hubcheck.py has no {one}" for one in re.findall(r" (--[a-z-]+)", command) if one not in options]
        units = re.findall(r"\b[\w@%-]+\.service\b", command)
        told += [f"{place}: {unit} is no unit" for unit in units if re.sub("@.+[.]", "@.", unit) not in UNITS]
    return told


def test_the_commands_of_the_pages_are_shells_and_name_what_is_there():
    commands = list(typed())
    assert len(commands) > 150
    assert misled(commands) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo 'a", "unexpected EOF while looking for matching"),
        ("cd /root/nginx && sh start.sh", "start.sh in /root/nginx is no published file"),
        ("python hubcheck.py https://a.b/ --usr alice", "hubcheck.py has no --usr"),
        ("systemctl restart jupiterhub.service", "jupiterhub.service is no unit"),
    ],
)
def test_a_command_that_misleads_is_told_by_page_and_line(command, words):
    told = misled([("a.md:1", "true"), ("a.md:2", command)])
    assert [one.startswith("a.md:2: ") and words in one for one in told] == [True]


def test_the_kernel_is_a_package():
    project = tomllib.loads((SNIPPETS / "kernel/my_kernel/pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == VALUES["kernel"]


def test_the_manifest_names_files_that_exist():
    assert not set(SAVED_AS) - set(snippets())


def test_the_manifest_and_the_published_pins_agree():
    pins = (SNIPPETS / "jupyterhub/requirements.txt").read_text("utf-8").split()
    assert f"jupyterhub=={MANIFEST['versions']['jupyterhub'][0]}" in pins
