"""From a bare server to a check that passes all eight steps, by the one download and at most six commands, typed from the built page."""

import hashlib

import pytest

from tests.harness.machines import terminal
from tests.harness.manifest import HOMES, PROXIES, VALUES
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import LADDER
from tests.harness.pairs import WHEREVER
from tests.harness.site import following, one_download
from tests.harness.site.following import TABS
from tests.harness.site.one_download import ANSWERS, FOLDER, NAME, PAGE, PASSWORD, SHORT, apart
from tests.harness.site.walk import Save, Type

COMMANDS = 6
# What an account asks for that is made on the way.
ANSWERS_OF_BOB = {"New password: ": PASSWORD, "Retype new password: ": PASSWORD, "Password of bob: ": PASSWORD}
# After this section of the long page the archive is unpacked.
UNPACKED = "bring-the-archive-to-the-server"
# Where Ctrl-C is pressed: as Debian's and as Python's packages are being put in place.
CUTS = ("Unpacking nginx", "Installing collected packages")
HAND = "the-same-by-hand"
# The browser's archive with a reader's values, by the short page; and the built one, by deploy/one-download.md, which has more commands.
WAYS = [
    pytest.param(SHORT[0], id="own values", marks=pytest.mark.xdist_group("one-download")),
    pytest.param(PAGE, id="examples", marks=pytest.mark.xdist_group("one-download-examples")),
]


def ticks(said):
    return [line.split()[1] for line in said.splitlines() if line.startswith("✓")]


def cut_off(machine, command):
    """On a terminal, Ctrl-C cuts the set-up off in the middle of apt-get and of pip; typed again it is whole, with a new account."""
    with terminal.opened(machine, answers=ANSWERS_OF_BOB) as shell:
        for words in CUTS:
            said = shell.interrupt(command, words)
            assert not ticks(said), said
            assert machine.sh("id bob", check=False).returncode, said
        half = machine.sh(f"ls {VALUES['environment']}/bin/jupyterhub {VALUES['environment']}/bin/pip", check=False).stdout.split()
        assert half == [f"{VALUES['environment']}/bin/pip"], "pip was over, or had not begun"
        status, said = shell.type(command, timeout=900)
        assert (status, ticks(said)) == (0, LADDER), said
        assert f"# rm -rf {VALUES['environment']}\n" in said, "what pip had installed by half was not begun anew"
    assert machine.sh("getent shadow bob").stdout.split(":")[1].startswith("$")


@pytest.fixture
def server(request, site, reader, short_way, tmp_path):
    """A server that is set up by one of the pages."""
    if request.param != PAGE:
        yield short_way("one download")
        return
    with one_download.brought(site, reader, tmp_path, HOMES[0], "nginx", VALUES) as brought:
        brought.at_work.follow(PAGE, [UNPACKED], skip=apart)
        cut_off(brought.machine, f"sh metakernel-hub/setup.sh {brought.proxy} --user bob")
        brought.at_work.follow(PAGE, without=[UNPACKED], skip=apart)
        yield brought


@pytest.mark.parametrize(
    ("server", "name"), [pytest.param(*way.values, *way.values, id=way.id, marks=way.marks) for way in WAYS], indirect=["server"]
)
def test_one_download_becomes_a_checked_hub(site, prove, server, name):
    """And once more: it is safe to run twice, and while the hub runs."""
    machine, at_work = server.machine, server.at_work
    assert "sudo: command not found" in server.root["sudo -i"][1]
    assert server.root["su - --command 'id --user'"] == (0, "Password: \n0\n")
    assert not at_work.wrong, "\n\n".join(at_work.wrong)
    last = [step.command for step in at_work.typed if "setup.sh" in step.command][-1]
    if name != PAGE:  # what the other page has its reader edit is no longer what was put there
        with terminal.opened(machine, answers=ANSWERS) as shell:
            status, said = shell.type(last)
        assert (status, ticks(said)) == (0, LADDER), said
    else:
        assert machine.sh(f"grep -rl lab.example.org {FOLDER} | wc -l").stdout != "0\n"
    examples = server.archive if server.values == VALUES else (site.html / NAME).read_bytes()
    told = "the examples" if server.values == VALUES else "a reader's own"
    prove(evidence.set_up(hashlib.sha256(examples).hexdigest(), told, server.suite, server.proxy))
    prove(*at_work.proof(server.suite, server.proxy))


@pytest.mark.parametrize(("suite", "proxy"), WHEREVER)
@pytest.mark.xdist_group("one-download-wherever")
def test_each_command_of_both_pages_prints_what_they_say(site, reader, tmp_path, prove, suite, proxy):
    """On one server, which the short page sets up; the long one is followed around it."""
    with one_download.brought(site, reader, tmp_path, suite, proxy, VALUES) as server:
        at_work = server.at_work
        at_work.follow(PAGE, [UNPACKED], skip=apart)
        at_work.follow(SHORT[0], [SHORT[1]], skip=apart)
        at_work.follow(PAGE, without=[UNPACKED], skip=apart)
    assert not at_work.wrong, "\n\n".join(at_work.wrong)
    assert sum("setup.sh" in step.command for step in at_work.typed) == 3
    prove(*at_work.proof(suite, proxy))


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_short_page_has_six_commands_at_most_and_no_file_to_save(site, proxy):
    """Beside the archive itself; those that open a login are counted too."""
    steps = [step for step in following.Pages.examples(site).steps(SHORT[0], TABS[proxy]) if getattr(step, "section", "") == SHORT[1]]
    typed = [step.command for step in steps if isinstance(step, Type)]
    assert 3 < len(typed) <= COMMANDS, typed
    assert typed[-1] == f"sh metakernel-hub/setup.sh {proxy}"
    assert not [step for step in steps if isinstance(step, Save)]
    links = site.pages[site.html / "index.html"].select(f"#{SHORT[1]} .archive-link")
    assert [link["href"] for link in links if not link.find_parent(id=HAND)] == [NAME]


def test_each_command_of_the_long_page_is_typed_or_opens_a_login(site):
    """In the weekly row, all of the page; here, that no more is left out than that."""
    commands = [step for tab in TABS.values() for step in following.Pages.examples(site).steps(PAGE, tab) if isinstance(step, Type)]
    left = {step.command.split()[0] for step in commands if apart(step)}
    assert left == {"scp", "ssh", "sudo"}
