"""Who can log in and who stays logged in: what deploy/configure-jupyterhub.md says about it."""

import pytest

from tests.harness.machines import deployment
from tests.harness.machines.deployment import BEHIND
from tests.harness.manifest import CONFIG, NEWEST, PUBLISHED, ROOT

PAGE = (ROOT / "deploy/configure-jupyterhub.md").read_text("utf-8")
pytestmark = pytest.mark.xdist_group("people")
# carol's account is not in the group.
ADMIN = 'c.Authenticator.admin_users = {"carol"}'
# A token is for the API and for the user's server.
ALL = [f"{what}, by session" for what in ("the hub", "the hub's API", "the server", "a start")]
ALL += [f"{what}, by token" for what in ("the hub's API", "the server")]


def published(*lines):
    """The published files, with lines of an administrator's own."""
    return PUBLISHED.replace(CONFIG, "c = get_config()", "\n".join(["c = get_config()", *lines]))


@pytest.fixture(scope="module")
def hub():
    with deployment.hub(NEWEST, published(ADMIN)) as hub:
        yield hub


def restart(hub, *lines, meanwhile="true"):
    """The hub with other lines; `meanwhile` is done before it is there again."""
    deployment.end(hub)
    files = published(*lines)
    hub.machine.sh(meanwhile, {f"/etc/{CONFIG}": files.read(CONFIG)})
    deployment.start(hub, files)


def running(hub, user):
    return hub.machine.sh(f"pgrep -u {user} --list-full", check=False).stdout


def test_an_administrator_has_to_be_in_the_group_enters_a_users_server_and_remains_one_without_the_line(hub):
    hub.on_server("settle", BEHIND, "mallory")
    assert hub.on_server("let_in", BEHIND, "carol", "") == [403]
    hub.machine.sh("usermod --append --groups jupyterhub carol")
    assert hub.on_server("administer", BEHIND, "carol", "GET", "user/mallory/api/contents") == 200
    assert hub.on_server("administer", BEHIND, "alice", "GET", "user/mallory/api/contents") in (403, 404)
    restart(hub)
    assert hub.on_server("administer", BEHIND, "carol", "GET", "hub/api/users") == 200


def test_a_user_whose_account_is_gone_keeps_nobody_out_and_the_server_goes_on_until_it_is_stopped(hub):
    hub.machine.sh("usermod --append --groups jupyterhub carol")
    hub.on_server("settle", BEHIND, "mallory")
    restart(hub, ADMIN, meanwhile="sed -i s/^mallory:/gone:/ /etc/passwd")
    try:
        assert hub.on_server("let_in", BEHIND, "alice", "") == [302]
        assert hub.on_server("administer", BEHIND, "carol", "GET", "user/mallory/api/contents") == 200
        assert "singleuser" in running(hub, "gone")
        hub.machine.sh("systemctl stop jupyter-mallory.service")
        assert running(hub, "gone") == ""
    finally:
        hub.machine.sh("sed -i s/^gone:/mallory:/ /etc/passwd; pkill -KILL -u mallory || true")


def test_who_leaves_the_group_does_not_log_in_again_and_keeps_all_else(hub):
    hub.on_server("settle", BEHIND, "bob")
    hub.machine.sh("gpasswd --delete bob jupyterhub")
    try:
        assert hub.on_server("let_in", BEHIND, "bob", "") == [403]
        assert hub.on_server("reaches", BEHIND, "bob") == ALL
    finally:
        hub.machine.sh("usermod --append --groups jupyterhub bob")


@pytest.mark.parametrize(
    ("lines", "status"), [((), 302), (("c.Authenticator.allow_existing_users = False",), 403)], ids=["alone", "with the line"]
)
def test_beside_a_set_of_users_everybody_who_was_in_once_stays_in_but_for_the_line(hub, lines, status):
    """alice has been in, and leaves the group."""
    assert all(line in PAGE for line in lines)
    hub.machine.sh("usermod --append --groups jupyterhub alice")
    assert hub.on_server("let_in", BEHIND, "alice", "") == [302]
    hub.machine.sh("gpasswd --delete alice jupyterhub")
    restart(hub, 'c.Authenticator.allowed_users = {"carol"}', *lines)
    try:
        assert hub.on_server("let_in", BEHIND, "alice", "") == [status]
    finally:
        hub.machine.sh("usermod --append --groups jupyterhub alice")
