"""What the cures of troubleshooting/ leave as it was: others' files, names and programs, and a web server that runs."""

import contextlib

import pytest

from _ext.manifest import LABELS
from tests.harness.machines import deployment, engine, images
from tests.harness.machines.faults import SERVICE
from tests.harness.machines.troubles import COMPARES, RELOAD
from tests.harness.manifest import HOMES, NEWEST_ON, PROXIES, VALUES
from tests.harness.measuring.atlas import ATLAS, Entry, entries
from tests.harness.site.following import Pages
from tests.harness.site.walk import Type

MALLORY = "/home/mallory"
PROVIDER = "login.example.com"
ON_EACH = pytest.mark.parametrize("suite", HOMES)
RENEWED = [entry for entry in entries() if "certificate" in entry.about]


def cure(machine, name, before=""):
    """Run an entry's fix.sh, after some words of the shell's; its exit status."""
    script = f"{before}\ncd /root && env PATH={VALUES['environment']}/bin:$PATH sh cure.sh"
    return machine.sh(script, {"/root/cure.sh": Entry(ATLAS / name).script("fix.sh")}, check=False).returncode


@contextlib.contextmanager
def container(image=images.hub, suite=HOMES[0], **more):
    made = image(NEWEST_ON[suite])
    images.prepare(lambda line: None, [made])
    with engine.run(made.tag, **more) as machine:
        yield machine


@ON_EACH
def test_a_home_that_is_made_is_its_owners_alone(suite):
    with container(suite=suite) as machine:
        machine.sh(f"mv {MALLORY} {MALLORY}.away")
        assert cure(machine, "no-home-directory") == 0
        assert machine.sh(f"stat --format '%a %U' {MALLORY} {MALLORY}/.bashrc").stdout.split() == ["700", "mallory", "600", "mallory"]


HOSTS = f"""# {PROVIDER} was moved
127.0.0.1 localhost
192.0.2.9 hub.example.com {PROVIDER} hub
127.0.0.9 {PROVIDER}
::1\t{PROVIDER}
192.0.2.8 my{PROVIDER} {PROVIDER}.au
"""
WITHOUT = f"""# {PROVIDER} was moved
127.0.0.1 localhost
192.0.2.9 hub.example.com hub
192.0.2.8 my{PROVIDER} {PROVIDER}.au
"""


def test_the_providers_name_goes_and_the_others_of_its_line_stay():
    with container() as machine:
        machine.sh("cat >/etc/hosts", input=HOSTS)
        assert cure(machine, "internal-server-error-after-the-provider") == 0
        assert machine.read("/etc/hosts") == WITHOUT
        assert machine.read("/root/hosts.before") == HOSTS


def test_where_the_names_cannot_be_kept_no_name_is_lost():
    with container() as machine:
        machine.sh("cat >/etc/hosts", input=HOSTS)
        status = cure(machine, "internal-server-error-after-the-provider", "trap '' XFSZ; ulimit -f 0")
        assert (machine.read("/etc/hosts"), status != 0) == (HOSTS, True)


# A proxy as a hub starts it, which is up once its second port listens.
STARTS = """
env PATH={bin}:$PATH CONFIGPROXY_AUTH_TOKEN=of-another configurable-http-proxy --ip 127.0.0.1 --port {port} \\
  --api-ip 127.0.0.1 --api-port {api} >/dev/null 2>&1 &
"""


def proxy(machine, port):
    """Start a proxy of somebody's hub on a port, and the next one for its commands."""
    machine.sh(STARTS.format(bin=f"{VALUES['environment']}/bin", port=port, api=port + 1))
    engine.wait(lambda: deployment.listening(machine) >= {str(port), str(port + 1)} or wanted(port), timeout=20)


def wanted(port):
    raise TimeoutError(f"nobody listens on {port}")


def test_only_the_proxy_on_the_hubs_port_is_ended():
    """Not one of another hub, nor one in a container, whose processes the machine's root sees too."""
    with (
        container(images.certified) as machine,
        container(images.certified, options=("--pid", f"container:{machine.id}")) as inside,
    ):
        for one, port in ((machine, 800), (machine, 8100), (inside, 800)):
            proxy(one, port)
        assert cure(machine, "proxy-of-an-earlier-hub") == 0
        engine.wait(lambda: "800" not in deployment.listening(machine) or wanted(8100), timeout=10)
        assert deployment.listening(machine) == {"8100", "8101"}
        assert deployment.listening(inside) == {"800", "801"}


def test_a_disk_inside_a_home_keeps_its_owners():
    with container(options=("--tmpfs", f"{MALLORY}/course")) as machine:
        machine.sh(f"touch {MALLORY}/own {MALLORY}/course/another; ln -s /etc/passwd {MALLORY}/link; chown --recursive bob: {MALLORY}")
        assert cure(machine, "failed-at-step-chdir") == 0
        names = f"{MALLORY} {MALLORY}/own {MALLORY}/link {MALLORY}/course/another /etc/passwd"
        assert machine.sh(f"stat --format %U {names}").stdout.split() == ["mallory", "mallory", "mallory", "bob", "root"]


def commands(site, entry, name):
    """What a page has typed, with one of the reverse proxies."""
    steps = Pages.examples(site).steps(f"troubleshooting/{entry.name}/index.md", LABELS[name])
    return [step.command for step in steps if isinstance(step, Type)]


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize("entry", RENEWED, ids=lambda entry: entry.name)
def test_who_puts_a_new_certificate_in_place_compares_it_with_its_key_first(site, entry, name):
    typed = commands(site, entry, name)
    assert COMPARES in typed
    assert typed.index(COMPARES) < min(
        number for number, command in enumerate(typed) if command in (RELOAD[name], "apachectl -t", "nginx -t && nginx -s reload")
    )


# What a server's own check says of a certificate with another's key, and whether the server is still there after a reload.
SAYS = {"nginx": ("key values mismatch", True), "apache": ("Syntax OK", False)}


@ON_EACH
@pytest.mark.parametrize("name", PROXIES)
def test_with_another_certificates_key_only_the_comparison_warns_of_what_ends_apache(suite, name):
    said, stays = SAYS[name]
    with deployment.machine(NEWEST_ON[suite], image=images.certified) as machine:
        machine.sh(f"systemctl start {SERVICE[name]}", deployment.placed(name))
        deployment.enable(machine, name)

        def compared():
            done = machine.exec("bash", "-c", COMPARES, check=False)
            return done.returncode, sorted({line[0] for line in done.stdout.splitlines() if line[0] in "<>"})

        def up():
            return deployment.listening(machine) >= {"80", "443"}

        assert compared() == (0, [])
        chain, key = deployment.pem(deployment.authority().issue_cert(VALUES["host"]))
        checked = machine.sh({"nginx": "nginx -t", "apache": "apachectl -t"}[name], {VALUES["certificate"]: chain}, check=False)
        assert (said in checked.stdout + checked.stderr, checked.returncode == 0) == (True, name == "apache")
        assert compared() == (1, ["<", ">"])
        assert up()
        machine.sh(RELOAD[name], check=False)
        if stays:
            assert up()
        else:
            engine.wait(lambda: not up() or wanted(0), timeout=10)
            assert "AH02565: Certificate and private key" in machine.read(PROXIES[name].error_log)
        machine.put({VALUES["key"]: key})
        assert compared() == (0, [])
        machine.sh(f"systemctl start {SERVICE[name]}; {RELOAD[name]}")
        assert up()
