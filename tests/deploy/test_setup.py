"""setup.sh: when it refuses, that it then changes nothing, and that it can be interrupted anywhere and run again."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

import pytest

from tests.harness.machines import deployment, setup_script
from tests.harness.machines.setup_script import FOLDER, called, picture, ready, run, unpacked
from tests.harness.manifest import PROXIES, VALUES

pytestmark = pytest.mark.xdist_group("setup")

HOST, CERTIFICATE, KEY = VALUES["host"], VALUES["certificate"], VALUES["key"]
USAGE = "usage: sh setup.sh nginx|apache [--user alice] [--dry-run]\n"
ADDRESS = f"The hub's address: https://{HOST}{VALUES['base_url']}"
OLD = f"{setup_script.APART}/old"
CONFIG = "/etc/jupyterhub/jupyterhub_config.py"
# What it leaves in the archive: the other web server's files, and those of pages for later.
LATER = ("/root/people", "/root/course", "/root/care", "/root/jupyterhub/requirements.in")
OTHERS = {"nginx": ("/etc/apache2", "/root/apache", *LATER), "apache": ("/etc/nginx", "/root/nginx", *LATER)}
# The order in which the stand-ins are called on a bare machine; {package} and {proxy} are those of the web server.
CALLS = """apt-get update
apt-get install --yes {package}
/root/jupyterhub/install.sh
/root/kernel/install.sh
/root/jigsaw/install.sh
passwd alice
systemctl is-active jupyterhub.service
/root/systemd/enable.sh
/root/{proxy}/enable.sh
python hubcheck.py https://hub.example.com/jupyter/ --user alice"""


@pytest.fixture(scope="module")
def bare():
    ended = datetime.now(UTC) - timedelta(minutes=1)
    old = deployment.pem(deployment.authority().issue_cert(HOST, not_after=ended))
    with setup_script.machine() as machine:
        machine.sh(":", dict(zip((f"{OLD}.crt", f"{OLD}.key"), old, strict=True)))
        yield machine


@pytest.fixture
def machine(bare):
    ready(bare)
    return bare


def calls(machine):
    """But for the question to the hub whether it is there."""
    return [line for line in called(machine) if "urllib" not in line]


def expected(proxy):
    return CALLS.format(package=PROXIES[proxy].packages[0], proxy=proxy).splitlines()


def put(proxy):
    """What setup.sh puts where: path to text."""
    files = {path.removeprefix(FOLDER): text for path, text in unpacked().items()}
    return {path: text for path, text in files.items() if path != "/setup.sh" and not path.startswith(OTHERS[proxy])}


def whole(machine, proxy="nginx"):
    """What of a set-up is wrong on a machine, in words; nothing if all is there."""
    paths = sorted(put(proxy))
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents} - {"/", "/etc", "/root"}
    wanted = [f"644 root root {path}" for path in paths] + [f"755 root root {folder}" for folder in folders]
    seen = machine.sh(f"stat --format '%a %U %G %n' {' '.join([*paths, *folders])}", check=False).stdout.splitlines()
    wrong = sorted(set(wanted) - set(seen))
    compare = f"for file in {' '.join(paths)}; do cmp --silent {FOLDER}$file $file || echo $file differs; done"
    wrong += machine.sh(compare).stdout.splitlines()
    if machine.sh(f"stat --format '%a %U %G' {KEY}").stdout != "600 root root\n":
        wrong.append(f"{KEY} is open")
    if "jupyterhub" not in machine.sh("id --name --groups alice", check=False).stdout:
        wrong.append("alice may not log in")
    if machine.sh(f"test -x {setup_script.PYTHON}", check=False).returncode:
        wrong.append("JupyterHub is installed by half")
    return wrong


@pytest.mark.parametrize("proxy", PROXIES)
def test_it_puts_every_file_to_its_place_and_calls_everything_in_order(machine, proxy):
    """Under any umask of root's, all folders are open to those who are to read the files."""
    machine.sh(f"chown nobody:nogroup {KEY}; chmod 644 {KEY}")
    done = run(machine, proxy, umask="077")
    assert not done.returncode, done.stderr
    assert whole(machine, proxy) == []
    assert calls(machine) == expected(proxy)
    assert machine.sh(f"ls -d {' '.join(OTHERS[proxy])}", check=False).stdout == ""
    assert machine.sh("getent passwd alice").stdout.split(":")[5:] == ["/home/alice", "/bin/bash\n"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_dry_run_shows_the_commands_of_the_first_page_and_changes_nothing(machine, site, proxy):
    """And names no file that the page's table does not have in the same folder."""
    page = site.pages[site.html / "index.html"]

    def chosen(selector):
        inside = page.select(f"#the-same-by-hand {selector}, #files-for-the-set-up {selector}")
        panels = [(block, block.find_parent(class_="sphinx-tabs-panel")) for block in inside]
        return [block for block, panel in panels if not panel or panel["data-label"].lower() == proxy]

    lines = [line[2:] for block in chosen(".highlight-console") for line in block.get_text().splitlines() if line.startswith("# ")]
    # The script looks for another hub in its own way.
    own = ("install --directory", "find /opt ")
    typed = [command for line in lines for command in line.split(" && ") if not command.startswith(own)]
    rows = [row.find_all("td") for row in chosen("tr") if row.find("td")]
    listed = {f"{row[0].get_text(strip=True)}/{link.get_text(strip=True)}" for row in rows for link in row[1].select("a")}
    before = picture(machine)
    done = run(machine, proxy, "--dry-run")
    assert not done.returncode, done.stderr
    assert picture(machine) == before
    first, *lines_shown = done.stdout.splitlines()
    assert first == ADDRESS
    shown = [command for line in lines_shown for command in line.removeprefix("# ").split(" && ")]
    copied = [command.split()[-1] for command in shown if command.startswith("install -D")]
    assert [command for command in shown if not command.startswith("install -D") and command != f"cd {FOLDER}"] == typed
    assert set(copied) == listed == set(put(proxy))
    made = {folder for line in lines if "install --directory" in line for folder in line.split()[2:]}
    made |= {str(folder) for deepest in made for folder in PurePosixPath(deepest).parents}
    # Those of packages are there.
    missing = {str(PurePosixPath(path).parent) for path in listed} - made
    assert {folder.split("/")[2] for folder in missing} == {"systemd", {"nginx": "nginx", "apache": "apache2"}[proxy]}, missing


def test_what_a_dry_run_shows_can_be_typed(machine):
    """From any folder."""
    shown = [line for line in run(machine, "nginx", "--dry-run").stdout.splitlines() if line.startswith("# ")]
    machine.sh("\n".join([f"set -e; cd /; PATH={setup_script.STANDINS}:$PATH", *(line.removeprefix("# ") for line in shown)]))
    assert whole(machine) == []


def listening(*ports):
    """The shell command that lets a program have ports, and leaves its number in $!."""
    filters = " or ".join(f"sport = :{port}" for port in ports)
    return (
        "perl -MIO::Socket::INET -e '@s = map { IO::Socket::INET->new(LocalPort => $_, Listen => 1, ReuseAddr => 1) } @ARGV; sleep 60' "
        f"{' '.join(map(str, ports))} >/dev/null 2>&1 & "
        f"until [ $(ss -Hltn '{filters}' | wc -l) = {len(ports)} ]; do sleep 0.02; done"
    )


# What is wrong with the machine, how it came to that, and what setup.sh says of it.
REFUSED = {
    "Debian 11": (
        """printf 'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\\nVERSION_ID="11"\\nID=debian\\n' >/etc/os-release""",
        'Debian 12 or 13 is needed, and this is "Debian GNU/Linux 11 (bullseye)".',
    ),
    "another system": (
        """printf 'PRETTY_NAME="Other 12"\\nVERSION_ID="12"\\nID=other\\n' >/etc/os-release""",
        'Debian 12 or 13 is needed, and this is "Other 12".',
    ),
    "no systemd": ("mv /run/systemd/system /run/systemd/away", "systemd is not running, and it has to start the hub."),
    "a full disk": (f"echo ' 1999' >{setup_script.ROOM}", "less than 2 GB are free below /opt."),
    "no openssl": ("mv /usr/bin/openssl /usr/bin/openssl.away", "the program openssl is missing: apt-get install openssl"),
    "no ss": ("mv /usr/bin/ss /usr/bin/ss.away", "the program ss is missing: apt-get install iproute2"),
    "no certificate": (f"rm {CERTIFICATE}", f"the certificate {CERTIFICATE} or its key {KEY} is missing."),
    "no key": (f"rm {KEY}", f"the certificate {CERTIFICATE} or its key {KEY} is missing."),
    "not a certificate": (f"echo x >{CERTIFICATE}", f"{CERTIFICATE} holds no certificate."),
    "the key of another certificate": (
        f"openssl genpkey -quiet -algorithm ed25519 -out {KEY}",
        f"{KEY} is not the key of {CERTIFICATE}, or has a password.",
    ),
    "a certificate for another name": (
        f"openssl req -x509 -newkey ed25519 -nodes -keyout {KEY} -out {CERTIFICATE} -subj /CN=x -addext subjectAltName=DNS:www.{HOST}",
        f"{CERTIFICATE} is for another name than {HOST}.",
    ),
    "an old certificate": (
        f"cp {OLD}.crt {CERTIFICATE}; cp {OLD}.key {KEY}",
        f"{CERTIFICATE} has expired.",
    ),
    "no address": (f": >{setup_script.LEADS}", f"{HOST} leads nowhere: give the name an address in the DNS first."),
    **{
        f"port {number} is taken": (listening(number), f'port {number} is taken by another program: (("perl",')
        for number in (80, 443, 800, 801, 881)
    },
    "an account of the system": (
        "useradd --system alice",
        "alice is an account of the system. Name another one with --user, or leave --user out.",
    ),
    "another file": (
        f"install -D /etc/hosts {CONFIG}",
        f"{CONFIG} is there already, with other content. Move it away, if you do not need it.",
    ),
    "an environment of another guide": (
        f"mkdir -p {VALUES['environment']}/bin",
        f"{VALUES['environment']} is there already, and not by this guide. Move it away, if you do not need it.",
    ),
    "a site of nginx": (
        f"mkdir -p /etc/nginx/sites-enabled; echo 'server {{ server_name a.b {HOST}; }}' >/etc/nginx/sites-enabled/old",
        f"another site has the name {HOST} already: /etc/nginx/sites-enabled/old",
    ),
    "a site of nginx's own folder": (
        f"mkdir -p /etc/nginx/conf.d; echo '  server_name {HOST.upper()};' >/etc/nginx/conf.d/old.conf",
        f"another site has the name {HOST} already: /etc/nginx/conf.d/old.conf",
    ),
    "a site of nginx whose file has the same name": (
        f"mkdir -p /etc/nginx/sites-enabled; echo 'server_name {HOST};' >/etc/nginx/sites-enabled/jupyterhub.conf",
        f"another site has the name {HOST} already: /etc/nginx/sites-enabled/jupyterhub.conf",
    ),
    "a site of Apache": (
        f"mkdir -p /etc/apache2/sites-enabled; echo '  ServerAlias {HOST}' >/etc/apache2/sites-enabled/old.conf",
        f"another site has the name {HOST} already: /etc/apache2/sites-enabled/old.conf",
    ),
    "the script alone": (f"rm -r {FOLDER}/root/check", f"the files are not beside {FOLDER}/setup.sh: unpack the whole archive."),
}
AGAIN = (
    "mv /run/systemd/away /run/systemd/system; mv /usr/bin/openssl.away /usr/bin/openssl; mv /usr/bin/ss.away /usr/bin/ss; "
    "kill $(ps -C perl -o pid=)"
)


@pytest.fixture
def mended(machine):
    yield machine
    machine.sh(f"({AGAIN}) 2>/dev/null || true")


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_is_wrong_is_told_in_one_line_and_nothing_is_changed(mended, wrong):
    make, words = REFUSED[wrong]
    mended.sh(make)
    before = picture(mended)
    done = run(mended, "nginx")
    assert done.returncode == 1
    first, last = done.stderr.splitlines()
    assert first.startswith(f"setup.sh: {words}")
    assert last == "setup.sh: nothing was changed."
    assert (picture(mended), done.stdout) == (before, f"{ADDRESS}\n")


def test_all_that_is_wrong_is_told_at_once(mended):
    kinds = ["Debian 11", "no systemd", "a full disk", "no key", "no address", "port 801 is taken", "another file", "a site of Apache"]
    mended.sh("\n".join(REFUSED[kind][0] for kind in kinds))
    told = run(mended, "apache").stderr.splitlines()
    assert len(told) == len(kinds) + 1
    assert all(line.startswith(f"setup.sh: {REFUSED[kind][1]}") for kind, line in zip(kinds, told, strict=False)), told


@pytest.mark.parametrize(("proxy", "service"), [("nginx", "nginx"), ("apache", "apache2")])
def test_a_port_may_be_taken_by_the_service_that_is_to_have_it(mended, proxy, service):
    """As on a machine on which all is set up; the kernel tells of control groups in two forms."""
    for ports, line in (
        ((80, 443), f"0::/system.slice/{service}.service"),
        ((800, 801, 881), "1:name=systemd:/system.slice/jupyterhub.service"),
    ):
        mended.sh(f"{listening(*ports)}; mkdir -p {setup_script.PROC}/$!; echo {line} >{setup_script.PROC}/$!/cgroup")
    done = run(mended, proxy, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")


def test_nobody_but_root_gets_further(machine):
    machine.sh("chmod 755 /root")
    done = run(machine, "nginx", user="nobody")
    assert (done.returncode, done.stderr) == (1, "setup.sh: only root can do this. Run sudo -i first.\n")


@pytest.mark.parametrize("words", [[], ["caddy"], ["nginx", "--user"], ["nginx", "--user", ""], ["nginx", "--user", "-a"], ["nginx", "-x"]])
def test_what_it_does_not_know_it_answers_with_its_usage(machine, words):
    done = run(machine, *words)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", USAGE)


@pytest.mark.parametrize("name", ["Alice", "al ice", "a;b", "b\u00f6b"])
def test_a_name_that_no_account_can_have_is_refused(machine, name):
    done = run(machine, "nginx", "--user", name)
    told = f"setup.sh: {name}: a user's name has small letters, digits, dots, - and _ alone.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)


def test_with_the_path_of_a_user_it_finds_the_programs_of_root(machine):
    """As after "su", which leaves the PATH as it was."""
    done = run(machine, "nginx", path="/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games")
    assert not done.returncode, done.stderr
    assert whole(machine) == []


def test_a_second_one_beside_the_first_is_refused(machine):
    """And the lock leaves no file."""
    done = machine.sh(f"PATH={setup_script.STANDINS}:$PATH; flock /root /bin/sh {FOLDER}/setup.sh nginx", check=False)
    assert (done.returncode, done.stderr) == (1, "setup.sh: it is running already. Wait until it has ended.\n")
    assert calls(machine) == []


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.1.1", "::1", "10.9.9.9"])
def test_where_the_name_leads_elsewhere_there_is_a_warning(machine, address):
    machine.sh(f"echo '{address}  STREAM x' >{setup_script.LEADS}")
    done = run(machine, "nginx", "--dry-run")
    warning = f"setup.sh: warning: {HOST} leads to {address}, which is not an address of this machine.\n"
    assert (done.returncode, done.stderr) == (0, warning if address == "10.9.9.9" else "")


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_guides_own_site_is_no_other_site(machine, proxy):
    assert not run(machine, proxy).returncode
    if proxy == "apache":
        machine.sh("cd /etc/apache2; mkdir sites-enabled; ln -s ../sites-available/jupyterhub.conf sites-enabled/jupyterhub.conf")
    done = run(machine, proxy, "--dry-run")
    assert not done.returncode, done.stderr


def test_run_again_it_does_the_same_and_asks_for_no_password(machine):
    run(machine, "nginx")
    first = len(calls(machine))
    done = run(machine, "nginx")
    assert not done.returncode, done.stderr
    assert calls(machine)[first:] == [call for call in expected("nginx") if call != "passwd alice"]
    assert "# usermod --append --groups jupyterhub alice\n" in done.stdout
    assert whole(machine) == []


def test_an_account_of_the_readers_is_added_to_the_group_alone(machine):
    machine.sh("useradd bob")
    done = run(machine, "nginx", "--user", "bob")
    assert not done.returncode, done.stderr
    assert machine.sh("id --name --groups bob").stdout == "bob jupyterhub\n"
    assert [call for call in calls(machine) if "bob" in call] == [expected("nginx")[-1].replace("alice", "bob")]
    assert machine.sh("id alice", check=False).returncode


def test_a_later_archive_replaces_what_this_one_has_put_and_nothing_else(machine):
    run(machine, "nginx")
    machine.sh(f"echo '# newer' >>{FOLDER}{CONFIG}")
    done = run(machine, "nginx")
    assert not done.returncode, done.stderr
    assert whole(machine) == []
    machine.sh(f"echo '# mine' >>{CONFIG}")
    done = run(machine, "nginx")
    assert done.returncode == 1
    assert done.stderr.startswith(f"setup.sh: {CONFIG} is there already")
    assert machine.read(CONFIG).endswith("# mine\n")


def test_a_hub_that_runs_is_restarted(machine):
    machine.sh(f"touch {setup_script.ACTIVE}")
    assert not run(machine, "nginx").returncode
    said = [call for call in calls(machine) if call.startswith("systemctl")]
    assert said[1:] == ["systemctl restart jupyterhub.service"]


@pytest.mark.parametrize(("late", "asked"), [(3, [*["asks", "sleep 1"] * 3, "asks"]), (99, ["asks", "sleep 1"] * 30)])
def test_the_check_waits_for_the_hub_for_half_a_minute(machine, late, asked):
    machine.sh(f"echo {late} >{setup_script.LATE}")
    assert not run(machine, "nginx").returncode
    said = ["asks" if "urllib" in call else call for call in called(machine)]
    assert said[said.index("/root/nginx/enable.sh") + 1 :] == [*asked, expected("nginx")[-1]]


def test_where_the_disk_is_full_it_stops_before_it_copies_anything(machine):
    machine.sh(f"ln -s /dev/full {FOLDER}/copied")
    done = run(machine, "nginx")
    assert done.returncode
    assert "No space left on device" in done.stderr
    assert calls(machine) == expected("nginx")[:2]
    assert machine.sh("ls -d /etc/jupyter*", check=False).stdout == ""


def test_it_stops_at_the_command_that_fails(machine):
    machine.sh(f"echo 'exit 7' >>{FOLDER}/root/kernel/install.sh")
    done = run(machine, "nginx")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "setup.sh: stopped at the command: cd /root/kernel && sh install.sh",
        "setup.sh: when its cause is mended, run setup.sh again.",
    ]
    assert calls(machine)[-1] == "/root/kernel/install.sh"


def test_a_package_that_was_installed_by_half_is_finished_first(machine):
    status = "/var/lib/dpkg/status"
    machine.sh(f"cp {status} /root/status; sed -i '0,/^Status: install ok installed/s//Status: install ok unpacked/' {status}")
    try:
        done = run(machine, "nginx", "--dry-run")
    finally:
        machine.sh(f"cp /root/status {status}")
    assert done.stdout.splitlines()[1:3] == ["# dpkg --configure --pending", "# apt-get update"]


@pytest.mark.parametrize("state", [setup_script.ACTIVE, setup_script.ENABLED], ids=["runs", "begins with the machine"])
def test_a_hub_that_somebody_has_finished_by_hand_keeps_its_packages(machine, state):
    """The script ended while the block editor was being installed; what it says then is done, and it goes on."""
    editor, mine = f"{FOLDER}/root/jigsaw/install.sh", f"{VALUES['environment']}/lib/mine.py"
    machine.sh(f"echo 'exit 7' >>{editor}")
    assert run(machine, "nginx").returncode == 1
    machine.sh(f"mkdir --parents {VALUES['environment']}/lib; touch {mine} {state}; sed -i /exit/d {editor}")
    before = picture(machine)
    done = run(machine, "nginx")
    machine.sh(f"test -e {mine}")
    assert done.returncode == 1
    assert picture(machine) == before
    told, last = done.stderr.splitlines()
    assert last == "setup.sh: nothing was changed."
    half = re.search("delete (/.*/half-installed)[.] If", told)[1]
    machine.sh(f"rm {half}")
    done = run(machine, "nginx")
    assert not done.returncode, done.stderr
    machine.sh(f"test -e {mine}")
    assert whole(machine) == []


# Before each command, of the copies only the first and the last, since they are alike; in the middle of one; and as pip installs.
COPIES = len(put("nginx"))
CUTS = ["1", "2", "3", *(str(COPIES + more) for more in (*range(2, 9), 10, 12)), "copy-4", "half"]
LOOK = f"""for file in {" ".join(sorted(put("nginx")))}; do cmp {FOLDER}$file $file; done
stat --format 'key %a %U' {KEY}
id --name --groups alice
ls {setup_script.PYTHON} {FOLDER}
echo calls"""


def test_cut_off_anywhere_it_finishes_the_next_time(machine):
    seen = setup_script.cut_off(machine, CUTS, LOOK)
    assert list(seen) == CUTS
    state = ["key 600 root", "alice jupyterhub", setup_script.PYTHON, "", f"{FOLDER}:", "copied", "etc", "root", "setup.sh", "calls"]
    wrong = {}
    for cut, lines in seen.items():
        number = int(cut) if cut.isdecimal() else 0
        # The password is asked for until it was given.
        calls = [call for call in expected("nginx") if number <= COPIES + 7 or call != "passwd alice"]
        rest = [line for line in lines if "urllib" not in line]
        if rest != [*state, *calls]:
            wrong[cut] = rest
    assert not wrong, wrong
