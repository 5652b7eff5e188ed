"""From a bare server to eight ticks by one download and at most six commands, typed from the built page."""

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


@pytest.mark.parametrize(("suite", "proxy", "values", "name", "section"), WAYS)
def test_one_download_becomes_a_checked_hub(site, reader, prove, tmp_path, suite, proxy, values, name, section):
    """And once more: it is safe to run twice, and while the hub runs."""
    context = reader.context()
    pages = following.Pages.filled_in(site, context, reader.address, {field: values[field] for field in MANIFEST["fields"]})
    context.close()
    archive = downloaded(reader, values, tmp_path)
    with bare.machine(suite, values) as machine:
        machine.sh(f"useradd --create-home --shell /bin/bash alice; echo 'alice:{PASSWORD}' | chpasswd")
        machine.put({f"/home/alice/{NAME}": archive})
        at_work = following.Reader(machine, pages, TABS[proxy], answers=ANSWERS)
        at_work.follow(name, [section] if section else [], skip=apart)
        assert not at_work.wrong, "\n\n".join(at_work.wrong)
        last = [step.command for step in at_work.typed if "setup.sh" in step.command][-1]
        with terminal.opened(machine, answers=ANSWERS) as shell:
            if section:  # what the other page has its reader edit is no longer what was put there
                status, said = shell.type(last)
                ticks = [line.split()[1] for line in said.splitlines() if line.startswith("✓")]
                assert (status, ticks) == (0, LADDER), said
            else:
                assert machine.sh("grep -rl lab.example.org /root/metakernel-hub | wc -l").stdout != "0\n"
    keys = following.Pages.examples(site).commands(TABS[proxy])
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
