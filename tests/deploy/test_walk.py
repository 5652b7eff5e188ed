"""Every command of the pages, typed on a bare server as the built page says, prints what the page says."""

import tomllib

import pytest

from tests.harness.machines import bare
from tests.harness.manifest import HOMES, MANIFEST, PROXIES, ROOT, VALUES
from tests.harness.measuring import evidence
from tests.harness.pairs import in_turn
from tests.harness.site import following

TABS = {"nginx": "nginx", "apache": "Apache"}
PASSWORD = "Correct-horse-7"
ANSWERS = {"New password: ": PASSWORD, "Retype new password: ": PASSWORD}
OWN = VALUES | {
    "host": "notebooks.example.net",
    "base_url": "/teaching/",
    "hub": "127.0.0.9:432",
    "certificate": "/srv/hub.crt",
    "key": "/srv/hub.key",
    "kernel": "own_kernel",
}
NOT_TYPED = tomllib.loads((ROOT / "tests/not_typed.toml").read_text("utf-8"))["command"]
LISTED = 7
# What test_one_download follows.
ELSEWHERE = ("index.md", "deploy/one-download.md")
WALKS = [(suite, proxy) for suite in HOMES for proxy in PROXIES]
# The examples, or what a reader has typed into the form.
VALUES_OF = dict(zip(PROXIES, [VALUES, OWN], strict=True))


def bob_works(machine):
    machine.sh("useradd --create-home --groups jupyterhub bob; su bob --command 'sleep 600 >/dev/null 2>&1 &'")


# What pages have their reader do in words, before a command.
BEFORE = {
    "chmod 600 alice.txt": lambda machine: machine.put({"/root/check/alice.txt": PASSWORD}),
    "gpasswd --delete bob jupyterhub": bob_works,
}


def long_way(reader, proxy, skip):
    """The pages in an order in which their reader may follow them; a page that is about a hub that runs comes after its start."""
    other = next(name for name in PROXIES if name != proxy)
    started = ["address-and-base-url-one-option", "three-ports-below-1024"]
    reader.follow("deploy/install.md", skip=skip)
    reader.follow("deploy/configure-jupyterhub.md", without=[*started, "shut-somebody-out"], skip=skip)
    reader.follow("deploy/run-as-a-service.md", without=["stop-everything"], skip=skip)
    reader.follow("deploy/configure-jupyterhub.md", started, skip=skip)
    reader.follow("deploy/reverse-proxy.md", without=[other], skip=skip)
    reader.follow("jigsaw/configure.md", skip=skip)
    reader.follow("deploy/check.md", skip=skip)
    reader.follow("deploy/kernel-discovery.md", skip=skip)
    reader.follow("deploy/growing.md", skip=skip)
    reader.follow("deploy/faults.md", skip=skip)
    reader.follow("deploy/configure-jupyterhub.md", ["shut-somebody-out"], skip=skip)
    reader.follow("deploy/run-as-a-service.md", ["stop-everything"], skip=skip)


def listed(page, command):
    rows = [row["command"] for row in NOT_TYPED if row["page"] == page]
    return any(command.startswith(row[:-1]) if row.endswith("*") else command == row for row in rows)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            param.values, id="-".join(param.values), marks=[*param.marks, pytest.mark.xdist_group(f"walk-{'-'.join(param.values)}")]
        )
        for param in in_turn(WALKS)
    ],
)
def walked(request, site, reader):
    """A reader who has followed all pages on a bare server, with one of the reverse proxies, and the commands of the pages that it has."""
    suite, proxy = request.param
    values = VALUES_OF[proxy]
    context = reader.context()
    pages = following.Pages.filled_in(site, context, reader.address, {name: values[name] for name in MANIFEST["fields"]})
    context.close()
    keys = following.Pages.examples(site).commands(TABS[proxy])
    with bare.machine(suite, values) as machine:
        at_work = following.Reader(machine, pages, TABS[proxy], answers=ANSWERS, before=BEFORE)
        long_way(at_work, proxy, lambda step: listed(step.where.partition(":")[0], keys[step.where].command))
        yield suite, proxy, at_work, keys


def test_each_command_prints_what_its_page_says(walked, prove):
    suite, proxy, at_work, keys = walked
    assert not at_work.wrong, "\n\n".join(at_work.wrong)
    typed = {}
    for step in at_work.typed:
        typed.setdefault(step.where.partition(":")[0], []).append(keys[step.where].key)
    prove(*(evidence.typed(page, suite, proxy, of_the_page) for page, of_the_page in typed.items()))


def test_each_command_is_typed_or_listed(walked):
    _, proxy, at_work, keys = walked
    typed = {step.where for step in at_work.typed}
    others = next(name for name in PROXIES if name != proxy)
    left = {
        where: step.command
        for where, step in keys.items()
        if where not in typed and step.section != others and not where.startswith(ELSEWHERE)
    }
    missing = {where: command for where, command in left.items() if not listed(where.partition(":")[0], command)}
    assert not missing, missing


def test_the_list_of_what_is_not_typed_gets_no_longer_and_names_commands_that_are_there(site):
    examples = following.Pages.examples(site)
    commands = [(where.partition(":")[0], step.command) for tab in TABS.values() for where, step in examples.commands(tab).items()]
    for row in NOT_TYPED:
        assert any(listed(page, command) for page, command in commands if page == row["page"]), row
        assert len(row["reason"]) > 30, row
    assert len(NOT_TYPED) <= LISTED
    assert sum(listed(*one) for one in commands) < 0.1 * len(commands)
