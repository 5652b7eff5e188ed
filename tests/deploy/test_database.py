"""deploy/database.md: the hub's database moves to PostgreSQL and back, is copied and restored; and what is seen while it is away."""

import json

import pytest

from tests.harness.machines import deployment, engine, faults, images
from tests.harness.machines.deployment import BEHIND, PYTHON, URL
from tests.harness.manifest import MANIFEST, NEWEST, NEWEST_ON, PUBLISHED, VERSIONS, home
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import tell
from tests.harness.pairs import EACH_ONCE
from tests.harness.site import following
from tests.harness.site.database_page import CREATE, DROP, DUMP, MOVE, PAGE, POSTGRESQL, SQLITE, START, STATES
from tests.harness.site.following import TABS

EMPTY, MOVES, NIGHTLY = "make-an-empty-database", "move-what-the-hub-knows", "put-it-into-the-nightly-copy"
RESTORE, UPGRADE, BACK = "restore-the-database", "upgrade-jupyterhub", "back-to-sqlite"
OLDER = VERSIONS["jupyterhub"][-1]
FILE = SQLITE.removeprefix("sqlite:///")
KEPT = dict.fromkeys(("variable", "login", "file"), True)
COPIES = "/var/backups/jupyterhub"
# What a machine has not that is to get everybody's accounts from a copy.
NOBODY = "for user in alice bob carol mallory; do userdel --remove $user; done; groupdel jupyterhub"
# Each table of a database with its rows, as SQLAlchemy reads them without JupyterHub's own models.
ROWS = """import json, sys
from sqlalchemy import MetaData, create_engine, select
engine, found = create_engine(sys.argv[1]), MetaData()
found.reflect(engine)
with engine.connect() as connection:
    told = {name: sorted(repr(tuple(row)) for row in connection.execute(select(table))) for name, table in found.tables.items()}
print(json.dumps(told))"""
ASK = """import sys, requests
headers = {"Authorization": "token " + sys.argv[2]} if sys.argv[2] else {}
try:
    print(requests.get(sys.argv[1], headers=headers, verify="/root/check/ca.pem", timeout=8).status_code)
except requests.Timeout:
    print(0)"""
pytestmark = pytest.mark.xdist_group("database")


@pytest.fixture(scope="module", params=EACH_ONCE, ids="-".join)
def place(request):
    """The Debian release of the machine, and the reverse proxy in front."""
    return request.param


@pytest.fixture(scope="module")
def hub(place):
    """A hub that somebody looks after: the unit that makes a copy each night is there."""
    with deployment.hub(NEWEST_ON[place[0]], PUBLISHED, image=images.database) as hub, deployment.in_front(hub, *place):
        care = {f"/root/{name}": PUBLISHED.read(name) for name in PUBLISHED.folder("care")}
        hub.machine.sh("cp /root/care/jupyterhub-backup.service /etc/systemd/system; systemctl daemon-reload", care)
        yield hub


def rows(machine, address):
    return json.loads(machine.exec(PYTHON, "-c", ROWS, address).stdout)


def status(hub, token, url=URL):
    """What the hub answers to who comes with a token; 0 for nothing within some seconds."""
    return answer(hub, f"{url}hub/api/user", token)


def answer(hub, url, token=""):
    return int(hub.machine.exec(PYTHON, "-c", ASK, url, token).stdout)


@pytest.fixture(scope="module")
def moved(hub, place, site):
    """A reader who has moved the hub's database, while alice worked; what she had before, and what became of it."""
    token = hub.on_server("token", URL, "alice")
    hub.on_server("keep_browser", URL, "bob")
    reader = following.Reader(hub.machine, following.Pages.examples(site), TABS[place[1]])
    before = {}

    def look(machine):
        before["rows"], before["sum"] = rows(machine, SQLITE), machine.sh(f"sha256sum {FILE}").stdout

    moving = f"{MOVE.replace('/root/database/', '')} {SQLITE} {POSTGRESQL}"
    reader.before = {
        moving: look,
        "echo 'load_subconfig(\"/etc/jupyterhub/database.py\")' >>/etc/jupyterhub/jupyterhub_config.py": lambda machine: before.update(
            after=rows(machine, POSTGRESQL), sum_after=machine.sh(f"sha256sum {FILE}").stdout
        ),
    }
    with faults.watching(hub) as told:
        reader.follow(PAGE, [EMPTY, MOVES])
        hub.machine.until(deployment.IS_UP)
    reader.follow(PAGE, [NIGHTLY])
    return reader, before | {"token": token, "told": told}


def test_each_command_of_the_page_prints_what_it_says(hub, place, moved, prove):
    reader, _ = moved
    assert not reader.wrong, "\n\n".join(reader.wrong)
    assert reader.meet_all(PAGE, STATES) == len(STATES)
    assert not reader.wrong, "\n\n".join(reader.wrong)
    hub.machine.until(deployment.IS_UP)
    # PostgreSQL was away meanwhile, which costs one request.
    status(hub, moved[1]["token"])
    prove(*reader.proof(*place))
    prove(evidence.units("database", hub.machine, hub.suite))
    prove(evidence.installed(hub.machine, "database/requirements.txt", hub.suite))


def test_each_row_is_moved_and_the_source_stays(moved):
    _, seen = moved
    assert seen["sum"] == seen["sum_after"]
    assert seen["rows"].keys() == seen["after"].keys()
    assert {name: len(there) for name, there in seen["rows"].items()} == {name: len(there) for name, there in seen["after"].items()}
    # The hub writes the services of its configuration again at each start: move.py alone compares what is in their rows.
    assert {name for name, there in seen["rows"].items() if there != seen["after"][name]} <= {"services"}
    assert not [name for name in ("users", "api_tokens", "spawners", "roles", "user_role_map", "alembic_version") if not seen["rows"][name]]


def test_who_works_meanwhile_keeps_variable_login_and_file(moved):
    _, seen = moved
    assert seen["told"]["lived"].items() >= KEPT.items(), seen["told"]


def test_tokens_and_logins_of_before_are_good_and_new_ones_are_made(hub, moved):
    """New rows get numbers that no row has: mallory has never been there."""
    assert status(hub, moved[1]["token"]) == 200
    assert hub.on_server("kept_browser", URL, "bob") == [200, "/jupyter/hub/home"]
    assert status(hub, hub.on_server("token", URL, "mallory")) == 200
    assert status(hub, "wrong") == 403
    rungs = hub.check()
    assert [rung["rung"] for rung in rungs if rung["ok"]] == MANIFEST["ladder"], tell(rungs[-1])


def test_postgresql_goes_and_comes_back(hub, moved):
    """What the page's table says of the hub that runs: one that is asked a few times is as before, with no start of its own."""
    started = hub.machine.sh("systemctl show --property MainPID jupyterhub").stdout
    with faults.watching(hub) as told:
        hub.machine.sh("systemctl stop postgresql")
        try:
            last = hub.check("--until", "login_works", user="bob")[-1]
            asked, refused = hub.on_server("kept_browser", URL, "bob"), status(hub, moved[1]["token"])
            health = hub.on_server("redirected", URL, "hub/health")["hub/health"][0]
        finally:
            hub.machine.sh("systemctl start postgresql")
    assert (last["rung"], last["ok"]) == ("login_works", False), tell(last)
    assert "500" in last["said"], tell(last)
    assert (asked, refused, health) == ([200, "/jupyter/hub/login"], 403, 200)
    assert told["lived"].items() >= (KEPT | {"websocket": True}).items(), told
    hub.on_server("kept_browser", URL, "bob")
    assert hub.on_server("kept_browser", URL, "bob") == [200, "/jupyter/hub/home"]
    assert status(hub, moved[1]["token"]) == 200
    assert hub.machine.sh("systemctl show --property MainPID jupyterhub").stdout == started


def test_a_connection_that_breaks_costs_one_request_at_most(hub, moved):
    """PostgreSQL goes on; each of the hub's connections to it is ended, as a network or an administrator ends them."""
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'jupyterhub' AND pid <> pg_backend_pid()"
    broken = int(hub.machine.exec("psql", "--dbname=jupyterhub", "--no-align", "--tuples-only", f"--command={end}").stdout)
    assert broken >= 1
    answers = [status(hub, moved[1]["token"]) for _ in range(5)]
    assert sum(status != 200 for status in answers) <= 1, answers
    assert answers[-1] == 200
    assert hub.on_server("kept_browser", URL, "bob") == [200, "/jupyter/hub/home"]


def test_while_postgresql_does_not_answer_the_hub_does_not_either_and_notebooks_go_on(hub, moved):
    """PostgreSQL's programs are there, and stand still, as behind a disk that hangs."""
    asked = [(f"{URL}hub/api/user", moved[1]["token"]), (f"{URL}hub/health",), (f"{URL}hub/login",)]
    started = hub.machine.sh("systemctl show --property MainPID jupyterhub").stdout
    with faults.watching(hub) as told:
        hub.machine.sh("systemctl kill --signal=STOP 'postgresql@*'")
        try:
            answers = [answer(hub, *one) for one in asked]
        finally:
            hub.machine.sh("systemctl kill --signal=CONT 'postgresql@*'")
    assert answers == [0, 0, 0]
    assert [answer(hub, *one) for one in asked] == [200, 200, 200]
    assert told["lived"].items() >= (KEPT | {"websocket": True}).items(), told
    assert hub.machine.sh("systemctl show --property MainPID jupyterhub").stdout == started


def test_nobody_else_of_the_machine_reaches_the_database(hub, moved):
    """Neither by the socket nor by the port of the loopback address; and the hub's role is no more than the owner of its database."""
    for way, words in (
        (("jupyterhub",), 'role "alice" does not exist'),
        (("--host=127.0.0.1", "jupyterhub", "root"), "no password supplied"),
    ):
        done = hub.machine.exec("psql", "--no-password", "--command=SELECT 1", *way, user="alice", check=False)
        assert done.returncode
        assert words in done.stderr
    may = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolpassword IS NULL FROM pg_authid WHERE rolname = 'root'"
    done = hub.machine.sh("runuser --login postgres --command='psql --no-align --tuples-only'", input=may)
    assert done.stdout.strip() == "f|f|f|t"
    assert hub.machine.sh("stat --format %a /var/lib/postgresql/*/main").stdout == "700\n"


def test_without_postgresql_no_copy_is_made_and_the_older_ones_stay(hub, moved):
    before = hub.machine.sh(f"ls {COPIES}").stdout
    hub.machine.sh("systemctl stop postgresql")
    try:
        assert hub.machine.sh("systemctl start jupyterhub-backup", check=False).returncode
    finally:
        hub.machine.sh("systemctl start postgresql")
    assert hub.machine.sh(f"ls {COPIES}").stdout == before != ""


def test_a_hub_without_its_database_is_started_again_until_it_is_there(hub, moved):
    """A cluster's own unit is stopped: Debian's postgresql.service, which the hub's start asks for, believes that all is well.

    A hub that loses its database and is then to stop does not end by itself.
    """
    hub.machine.sh("systemctl stop 'postgresql@*'; systemctl restart jupyterhub", timeout=150)
    ended = hub.machine.sh("journalctl --unit jupyterhub --since -3min --no-pager --output cat").stdout
    assert "State 'stop-sigterm' timed out. Killing." in ended, ended[-3000:]
    hub.machine.until("test $(systemctl show --property NRestarts --value jupyterhub) -ge 2", 60)
    hub.machine.sh("systemctl restart postgresql")
    hub.machine.until(deployment.IS_UP)
    assert status(hub, moved[1]["token"]) == 200


def test_the_hub_waits_for_postgresql_when_both_start_and_ends_before_it(hub, moved):
    killed = "journalctl --unit jupyterhub --no-pager --output cat | grep --count 'timed out. Killing' || true"
    before = hub.machine.sh(killed).stdout
    hub.machine.sh("systemctl stop jupyterhub postgresql; systemctl start jupyterhub", timeout=150)
    hub.machine.until(deployment.IS_UP)
    assert hub.machine.sh(killed).stdout == before, "the hub stops before its database does"
    assert hub.machine.sh("systemctl show --property NRestarts --value jupyterhub").stdout == "0\n"


@pytest.mark.parametrize("before", ["as it is", "empty"])
def test_a_copy_brings_back_what_was(hub, moved, before):
    """A token that is made after the copy is unknown again; one of before is known."""
    reader, seen = moved
    hub.machine.sh("systemctl start jupyterhub-backup")
    assert hub.machine.sh(f"stat --format '%a %U' {DUMP}").stdout == "600 root\n"
    later = hub.on_server("token", URL, "mallory")
    assert status(hub, later) == 200
    # What is restored is that of the nightly copy.
    hub.machine.sh(f"echo other >{DUMP}")
    if before == "empty":
        hub.machine.sh(f"systemctl stop jupyterhub; {DROP.format('jupyterhub')}; {CREATE.format('jupyterhub')}")
    reader.follow(PAGE, [RESTORE])
    hub.machine.until(deployment.IS_UP)
    assert not reader.wrong, "\n\n".join(reader.wrong)
    assert [status(hub, token) for token in (seen["token"], later)] == [200, 403]
    assert hub.check("--until", "kernel_computes")[-1]["ok"]


def test_a_copy_comes_back_on_an_empty_machine_with_the_newest_debian(hub, place, moved, site, tmp_path):
    """By the page's order. The programs are there already: this machine reaches no index."""
    _, seen = moved
    hub.machine.sh("systemctl start jupyterhub-backup")
    newest = hub.machine.sh(f"ls {COPIES}/*.tar.gz | tail --lines=1").stdout.strip()
    engine.cli("cp", f"{hub.machine.id}:{newest}", str(tmp_path / "copy.tar.gz"))
    suite = next(iter(NEWEST_ON))
    with deployment.machine(NEWEST_ON[suite], image=images.database) as machine:
        engine.cli("cp", str(tmp_path / "copy.tar.gz"), f"{machine.id}:/root")
        machine.sh(NOBODY, check=False)
        machine.sh("sh /root/restore.sh /root/copy.tar.gz", {"/root/restore.sh": PUBLISHED.read("care/restore.sh")})
        reader = following.Reader(machine, following.Pages.examples(site), TABS[place[1]])
        reader.follow(PAGE, [EMPTY])
        reader.follow(PAGE, [MOVES], skip=lambda step: "/bin/pip" not in step.command and not step.command.startswith("cd "))
        reader.follow(PAGE, [RESTORE], skip=lambda step: not step.command.startswith("pg_restore"))
        assert not reader.wrong, "\n\n".join(reader.wrong)
        assert [step.command.split()[0] for step in reader.typed[-3:]] == ["cd", "/opt/jupyterhub/bin/pip", "pg_restore"]
        machine.sh("sh /root/systemd/enable.sh")
        machine.until(deployment.IS_UP)
        version, _ = home(NEWEST_ON[suite])
        again = deployment.Hub(machine, version, hub.passwords, suite=suite)
        with deployment.in_front(again, suite, place[1]):
            assert status(again, seen["token"]) == 200
            assert again.on_server("kept_browser", URL, "bob") == [200, "/jupyter/hub/home"]
            rungs = again.check()
            assert [rung["rung"] for rung in rungs if rung["ok"]] == MANIFEST["ladder"], tell(rungs[-1])


def test_what_cannot_be_moved_leaves_nothing_behind(hub, moved):
    """What is tried here changes SQLite's file, which the hub no longer reads."""
    machine = hub.machine
    machine.sh(f"systemctl stop jupyterhub; cp --archive {FILE} /root/kept.sqlite; {CREATE.format('scratch')}")

    def moves(source, target="postgresql:///scratch"):
        done = machine.sh(f"{MOVE} {source} {target}", check=False)
        return done.returncode, done.stderr

    def change(statement):
        machine.exec(
            PYTHON, "-c", "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()", FILE, statement
        )

    for source, target, words in (
        ("sqlite:////root/none.sqlite", "postgresql:///scratch", "There is no file"),
        (SQLITE, POSTGRESQL, "TO is not empty"),
        (SQLITE, "postgresql:///none", 'database "none" does not exist'),
        (POSTGRESQL, SQLITE, "is there already"),
    ):
        code, said = moves(source, target)
        assert (code, words in said, "Nothing was changed" in said) == (1, True, True), said
    # SQLite takes a name of any length.
    change(f"UPDATE users SET name = '{'a' * 300}' WHERE name = 'bob'")
    assert "value too long" in moves(SQLITE)[1]
    change("UPDATE users SET name = 'bob' WHERE length(name) = 300")
    # As NativeAuthenticator has one, with everybody's passwords.
    for statement in ("CREATE TABLE users_info (id)", "INSERT INTO users_info VALUES (1)", "CREATE TABLE notes (id)"):
        change(statement)
    refused = "move.py: FROM has tables of another program: notes, users_info. Nothing was changed.\n"
    assert moves(SQLITE) == (1, refused)
    change("UPDATE alembic_version SET version_num = 'other'")
    assert "not of this release" in moves(SQLITE)[1]
    assert "not of this release" in moves("postgresql:///scratch", "sqlite:////root/new.sqlite")[1]
    assert machine.sh("ls /root/new.sqlite", check=False).returncode
    assert rows(machine, "postgresql:///scratch") == {}
    machine.sh(f"mv /root/kept.sqlite {FILE}; {DROP.format('scratch')}; {START}")


def test_back_to_sqlite(hub, place, moved, prove):
    reader, seen = moved
    typed = len(reader.typed)
    with faults.watching(hub) as told:
        reader.follow(PAGE, [BACK])
        hub.machine.until(deployment.IS_UP)
    assert not reader.wrong, "\n\n".join(reader.wrong)
    assert told["lived"].items() >= KEPT.items(), told
    hub.machine.sh("systemctl stop postgresql; test ! -e /root/database -a ! -e /etc/systemd/system/jupyterhub.service.d")
    assert status(hub, seen["token"]) == 200
    assert hub.on_server("kept_browser", URL, "bob") == [200, "/jupyter/hub/home"]
    assert hub.machine.sh(f"stat --format '%a %U' {FILE}").stdout == "600 root\n"
    assert hub.check("--until", "kernel_computes")[-1]["ok"]
    prove(*reader.proof(*place, typed))


def test_an_upgrade_of_jupyterhub_changes_the_tables_in_postgresql_and_can_be_undone(site):
    images.prepare(wanted=[images.database(NEWEST), images.database(OLDER)])
    with (
        deployment.hub(OLDER, PUBLISHED, image=images.database) as hub,
        engine.run(images.database(NEWEST).tag, network="none") as source,
    ):
        before = hub.on_server("token", BEHIND, "alice")
        versions = faults.Versions(hub, source)
        reader = following.Reader(hub.machine, following.Pages.examples(site), TABS["nginx"])
        reader.follow(PAGE, [EMPTY, MOVES])
        hub.machine.until(deployment.IS_UP)
        hub.machine.sh("mkdir --mode=700 /root/before; systemctl stop jupyterhub")
        tables = rows(hub.machine, POSTGRESQL)
        reader.follow(PAGE, [UPGRADE], skip=lambda step: "pg_dump" not in step.command)
        assert not reader.wrong, "\n\n".join(reader.wrong)
        faults.upgrade(hub, versions)
        assert rows(hub.machine, POSTGRESQL)["alembic_version"] != tables["alembic_version"]
        assert status(hub, before, BEHIND) == 200
        assert hub.check("--until", "kernel_computes", url=BEHIND)[-1]["ok"]
        later = hub.on_server("token", BEHIND, "bob")
        hub.machine.sh("systemctl stop jupyterhub")
        versions.mine_in()
        reader.follow(PAGE, [UPGRADE], skip=lambda step: "pg_restore" not in step.command)
        assert not reader.wrong, "\n\n".join(reader.wrong)
        assert rows(hub.machine, POSTGRESQL) == tables
        with faults.coming_back(hub):
            hub.machine.sh("systemctl start jupyterhub")
        assert [status(hub, token, BEHIND) for token in (before, later)] == [200, 403]
        assert hub.check("--until", "kernel_computes", url=BEHIND)[-1]["ok"]
