"""From a bare server to eight ticks by one download and at most six commands, typed from the built page."""

import hashlib
import tomllib

import pytest

from tests.harness.machines import bare, reader_values, terminal
from tests.harness.manifest import HOMES, MANIFEST, PROXIES, ROOT, VALUES
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import LADDER
from tests.harness.site import following, guide
from tests.harness.site.following import TABS
from tests.harness.site.walk import Save, Type

NAME = "metakernel-hub.tar.gz"
COMMANDS = 6
PASSWORD = "Correct-horse-7"
ANSWERS = {"Password of alice: ": PASSWORD}
# What an account asks for that is made on the way.
ANSWERS_OF_BOB = {"New password: ": PASSWORD, "Retype new password: ": PASSWORD, "Password of bob: ": PASSWORD}
# After this section of the long page the archive is unpacked.
UNPACKED = "bring-the-archive-to-the-server"
# Where Ctrl-C is pressed: as Debian's and as Python's packages are being put in place.
CUTS = ("Unpacking nginx", "Installing collected packages")
PAGE, SHORT, HAND = "deploy/one-download.md", ("index.md", "the-whole-set-up-on-one-screen"), "the-same-by-hand"
OWN = VALUES | reader_values.OWN
# The browser's archive with a reader's values, by the short page; and the built one, by the long page, which has more commands.
WAYS = [
    pytest.param(HOMES[-1], "apache", OWN, *SHORT, id="own values", marks=pytest.mark.xdist_group("one-download")),
    pytest.param(HOMES[0], "nginx", VALUES, PAGE, "", id="examples", marks=pytest.mark.xdist_group("one-download-examples")),
]


def apart(step):
    """Whether a command is one of those that begin a login, or copy from a machine to another."""
    rows = tomllib.loads((ROOT / "tests/not_typed.toml").read_text("utf-8"))["command"]
    listed = [row["command"] for row in rows if row["page"] == PAGE]
    return any(step.command.startswith(row[:-1]) if row.endswith("*") else step.command == row for row in listed)


def downloaded(reader, values, folder):
    """The archive that a browser gives for values, as its bytes."""
    context = reader.context(viewport={"width": 360, "height": 640})
    page = context.new_page()
    page.goto(f"{reader.address}index.html")
    guide.type_in(page, {name: values[name] for name in MANIFEST["fields"]})
    with page.expect_download() as download:
        page.locator(".archive-link").click()
    download.value.save_as(folder / NAME)
    context.close()
    return (folder / NAME).read_bytes()


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


@pytest.mark.parametrize(("suite", "proxy", "values", "name", "section"), WAYS)
def test_one_download_becomes_a_checked_hub(site, reader, prove, tmp_path, suite, proxy, values, name, section):
    """And once more: it is safe to run twice, and while the hub runs."""
    context = reader.context()
    pages = following.Pages.filled_in(site, context, reader.address, {field: values[field] for field in MANIFEST["fields"]})
    context.close()
    archive = downloaded(reader, values, tmp_path)
    with bare.machine(suite, values) as machine:
        machine.sh(f"useradd --create-home --shell /bin/bash alice; printf 'alice:{PASSWORD}\\nroot:{PASSWORD}\\n' | chpasswd")
        with terminal.opened(machine, "alice", {"Password: ": PASSWORD}) as shell:
            assert "sudo: command not found" in shell.type("sudo -i")[1]
            assert shell.type("su - --command 'id --user'") == (0, "Password: \n0\n")
        machine.put({f"/home/alice/{NAME}": archive})
        at_work = following.Reader(machine, pages, TABS[proxy], answers=ANSWERS)
        if name == PAGE:
            at_work.follow(name, [UNPACKED], skip=apart)
            cut_off(machine, f"sh metakernel-hub/setup.sh {proxy} --user bob")
        at_work.follow(name, [section] if section else [], without=[UNPACKED], skip=apart)
        assert not at_work.wrong, "\n\n".join(at_work.wrong)
        last = [step.command for step in at_work.typed if "setup.sh" in step.command][-1]
        with terminal.opened(machine, answers=ANSWERS) as shell:
            if section:  # what the other page has its reader edit is no longer what was put there
                status, said = shell.type(last)
                assert (status, ticks(said)) == (0, LADDER), said
            else:
                assert machine.sh("grep -rl lab.example.org /root/metakernel-hub | wc -l").stdout != "0\n"
    keys = following.Pages.examples(site).commands(TABS[proxy])
    examples = archive if values == VALUES else (site.html / NAME).read_bytes()
    told = "the examples" if values == VALUES else "a reader's own"
    prove(evidence.set_up(hashlib.sha256(examples).hexdigest(), told, suite, proxy))
    prove(evidence.typed(name, suite, proxy, [keys[step.where].key for step in at_work.typed]))


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
