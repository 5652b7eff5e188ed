"""What the pages say about the software, and print as its output, is what the pinned versions do and print."""

import re
from collections import Counter

import pytest

from tests.harness.manifest import CONFIG, HUBS, NEWEST, PUBLISHED, ROOT, VALUES

BIN = f"{VALUES['environment']}/bin"


# The hub's machine, on each Debian that it may have.
MACHINES = [hub for hub in HUBS if hub.startswith(NEWEST)]


@pytest.fixture
def machine(request, idle):
    return idle(getattr(request, "param", NEWEST))


on_each = pytest.mark.parametrize("machine", MACHINES, indirect=True)


def page(name):
    return (ROOT / name).read_text("utf-8")


# The pages whose blocks need nothing but an installed machine, and how many print something, at least.
PRINTING = {"deploy/install.md": 4, "deploy/kernel-discovery.md": 1, "jigsaw/configure.md": 1}


def printed():
    """(page, commands, what is printed after them) for the blocks of these pages."""
    for name in PRINTING:
        for block in re.findall(r"(?s)```console\n(.*?)```", page(name)):
            lines = block.splitlines()
            if output := [line for line in lines if not line.startswith(("# ", "$ "))]:
                yield name, [line[2:] for line in lines if line.startswith("# ")], output


def on_a_terminal(machine, commands):
    """What root sees, on a wide terminal."""
    said = machine.sh("script --quiet --return --command '/bin/sh /root/typed' /dev/null", {"/root/typed": f"stty cols 200\n{commands}\n"})
    # Nobody types here: `script` then ends what is typed with a zero, which a terminal within the terminal shows.
    return said.stdout.replace("\r", "").removeprefix("^@").splitlines()


def test_no_block_that_prints_something_is_passed_over():
    found = Counter(name for name, _, _ in printed())
    assert not {name: found[name] for name, least in PRINTING.items() if found[name] < least}


@on_each
@pytest.mark.parametrize(("name", "commands", "output"), list(printed()), ids=lambda value: value if isinstance(value, str) else None)
def test_a_page_prints_what_the_command_prints(machine, name, commands, output):
    assert on_a_terminal(machine, "\n".join(commands)) == output


@on_each
def test_the_kernels_that_are_printed_are_those_that_the_script_lists(machine):
    (shown,) = re.findall(r"(?s)```text\n(\[InstallKernelSpec\].*?)```", page("deploy/install.md"))
    script = [line for line in PUBLISHED.read("kernel/install.sh").splitlines() if line.endswith(("--sys-prefix", "kernelspec list"))]
    machine.sh(f"rm -r {VALUES['environment']}/share/jupyter/kernels/{VALUES['kernel']}")
    assert on_a_terminal(machine, "\n".join(script)) == shown.splitlines()


def test_the_hub_warns_of_a_misspelt_option_and_not_of_a_misspelt_class(machine):
    files = PUBLISHED.replace(CONFIG, "c.JupyterHub.bind_url", "c.JupyterHub.bind_ulr").replace(CONFIG, "c.PAMAuth", "c.PAMAuht")
    # The hub ends at once, since its proxy does.
    file = files.read(CONFIG) + "\nc.ConfigurableHTTPProxy.pidd_file = ''\nc.ConfigurableHTTPProxy.command = 'false'\n"
    hub = f"mkdir -p /root/misspelt; cd /root/misspelt; {BIN}/jupyterhub --config /root/misspelt/config.py 2>&1"
    said = machine.sh(hub, {"/root/misspelt/config.py": file}, check=False).stdout
    warned = re.findall(r"Config option `(\w+)` not recognized by `(\w+)`", said)
    assert warned == [("bind_ulr", "JupyterHub"), ("pidd_file", "ConfigurableHTTPProxy")]
    assert "Config option `{}` not recognized by `{}`".format(*warned[0]) in page("deploy/configure-jupyterhub.md")
    assert "PAMAuhtenticator" not in said


def test_a_server_inherits_the_variables_that_the_page_names(machine):
    kept = machine.sh(f"{BIN}/python -c 'from jupyterhub.spawner import Spawner; print(*Spawner().env_keep)'").stdout.split()
    told = re.search(r"\(`c\.Spawner\.env_keep`\): (.*)", page("deploy/kernel-discovery.md"))[1]
    assert sorted(re.findall(r"`(\w+)`", told)) == sorted(kept)


LIMITS = """
import inspect
from jupyterhub import app, auth
from jupyterhub.handlers import base
print(app.JupyterHub().concurrent_spawn_limit, auth.PAMAuthenticator().executor_threads)
print(inspect.getsource(base.BaseHandler.spawn_single_user))
"""


def test_jupyterhubs_own_limits_are_those_that_the_pages_name(machine):
    """And the published file changes neither."""
    numbers, source = machine.sh(f"{BIN}/python -I /root/limits.py", {"/root/limits.py": LIMITS}).stdout.split("\n", 1)
    limit, answer, words = re.search(
        r"`c\.JupyterHub\.concurrent_spawn_limit`\) is (\d+), .*? error page (\d+), `([^`]+)`", page("deploy/class.md")
    ).groups()
    threads = {"four": "4"}[re.search(r"lets PAM check (\w+) passwords at a time", page("deploy/run-as-a-service.md"))[1]]
    assert numbers.split() == [limit, threads]
    assert re.search(rf'{answer},\s+f?"{words}', source)
    assert not re.search("concurrent_spawn_limit|executor_threads", PUBLISHED.read(CONFIG))


ANONYMOUS = """
from types import SimpleNamespace
from jupyterhub._xsrf_utils import _anonymous_xsrf_id
request = lambda address: SimpleNamespace(request=SimpleNamespace(remote_ip=address, headers={}))
asked = "192.0.2.1", "192.0.2.9", "2001:db8::1", "2001:db8::9", "198.51.100.1", "198.51.100.9"
print(*(_anonymous_xsrf_id(request(address)) for address in asked))
"""


def test_addresses_of_one_network_are_one_visitor_where_the_page_says_how(machine):
    line = re.search(r"`Environment=(\S+)`", page("troubleshooting/xsrf-cookie-does-not-match/index.md"))[1]
    asked = {"/root/anonymous.py": ANONYMOUS}
    assert len(set(machine.sh(f"{BIN}/python /root/anonymous.py", asked).stdout.split())) == 6
    a, b, c, d, e, f = machine.sh(f"env '{line}' {BIN}/python /root/anonymous.py", asked).stdout.split()
    assert (a, c) == (b, d)
    assert len({a, c, e, f}) == 4
