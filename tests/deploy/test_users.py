"""Accounts from a list, passwords, leaving, shared folders and packages: what deploy/users.md says of them, on two of Debian's releases."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.machines import deployment, images
from tests.harness.machines.deployment import BEHIND
from tests.harness.manifest import HUBS, NEWEST, PUBLISHED

pytestmark = pytest.mark.xdist_group("users")
PEOPLE = {f"/root/{name}": PUBLISHED.read(name) for folder in ("people", "course") for name in PUBLISHED.folder(folder)}


@pytest.fixture(scope="module")
def hub():
    with deployment.hub(NEWEST, image=images.people) as hub:
        hub.machine.put(PEOPLE)
        yield hub


def script(hub, name, *arguments):
    """The exit status of a script of the folder, and all that it says."""
    done = hub.machine.exec("sh", "-c", 'cd /root/people && exec sh "$@" 2>&1', "sh", f"{name}.sh", *arguments, check=False)
    return done.returncode, done.stdout


def running(hub, user):
    return hub.machine.sh(f"pgrep -u {user} --list-full", check=False).stdout


def while_working(hub, user, change):
    """What a user reaches who works, before and a second after a change; see `outlast`."""
    with ThreadPoolExecutor() as pool:
        told = pool.submit(hub.on_server, "outlast", BEHIND, user)
        try:
            hub.machine.until(f"test -e {deployment.CHECK}/watched", timeout=60)
            change()
        finally:
            hub.machine.sh(f"touch {deployment.CHECK}/over")
        return told.result()


def test_who_has_left_reaches_nothing_a_second_later(hub):
    def leaves():
        hub.machine.sh("sleep 9999 >/dev/null 2>&1 &", user="bob")
        assert running(hub, "bob").count("sleep 9999") == 2
        assert script(hub, "leave", "bob") == (0, "leave.sh: bob is out. The account is locked, and its files stay.\n")
        assert running(hub, "bob") == ""

    told = while_working(hub, "bob", leaves)
    assert len(told["before"]) == 7
    assert told["after"] == []
    assert running(hub, "bob") == ""
    assert hub.on_server("let_in", BEHIND, "bob", "") == [403]
