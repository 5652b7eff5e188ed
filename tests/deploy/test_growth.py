"""What `make growth` does of itself: lines and when there is none, walls, what the page shows; and once a week a short run of it."""

import json
import math
import re
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from _ext import growth as shown
from tests.harness.machines import engine, slurm
from tests.harness.machines.deployment import UNIT
from tests.harness.manifest import CONFIG, PUBLISHED, ROOT, SNIPPETS
from tests.harness.measuring import growth
from tests.harness.on_server import head_figures
from tests.harness.site.guide import small, sphinx

# Lines


def test_a_straight_line_is_found_and_says_how_far_it_is_off():
    line = shown.fit([(0, 1.0), (50, 2.0), (200, 5.0), (1000, 21.0)])
    assert (round(line.base, 6), round(line.slope, 6), round(line.residual, 6)) == (1.0, 0.02, 0.0)
    assert round(line.at(10_000)) == 201
    assert round(line.reaches(101.0)) == 5000
    somewhat = shown.fit([(0, 1.0), (50, 2.5), (200, 4.5), (1000, 21.0)])
    assert 0 < somewhat.residual < 0.05


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([(0, 1.0), (100, 2.0)], "2 of the three numbers of users"),
        ([(10, 1.0), (10, 2.0), (10, 3.0), (50, 3.0)], "2 of the three numbers of users"),
        ([(0, 1.0), (100, 9.0), (200, 2.0), (1000, 8.0)], "the residual is"),
        # It grows with the square of the users, or somewhat less: a line would promise too much.
        ([(users, users**2) for users in growth.STAND_INS], "the residual is 9.8 %"),
        ([(users, users**1.5) for users in growth.STAND_INS], "the residual is 5.9 %"),
        ([(0, 1.0), (50, math.nan), (200, 3.0)], "not a number"),
        ([], "0 of the three"),
    ],
)
def test_of_what_is_no_line_nothing_is_said(points, why):
    with pytest.raises(shown.Crooked, match=re.escape(why)):
        shown.fit(points)


def test_what_differs_by_chance_does_not_grow():
    flat = shown.fit([(0, 40), (50, 47), (200, 41), (1000, 44)], grain=20)
    assert (flat.slope, flat.reaches(1024)) == (0.0, None)
    with pytest.raises(shown.Crooked):
        shown.fit([(0, 40), (50, 47), (200, 41), (1000, 44)])


def test_an_axis_ends_at_a_round_number():
    assert [shown.nice(value) for value in (0, 0.003, 7, 1000, 1001, 0.21)] == [1.0, 0.004, 10, 1000, 2000, 0.4]


@pytest.mark.parametrize(("users", "words"), [(1864.2, "1,900"), (28_232, "28,000"), (41.7, "42"), (0.4, "0"), (7.0, "7")])
def test_a_number_of_users_is_told_as_exactly_as_it_is_known(users, words):
    assert shown.rounded(users) == words


# What is measured


def test_steps_are_pairs_of_users_and_nodes_and_each_node_has_somebody():
    steps = [step.key for step in growth.steps([50, 2, 10], [4, 2], [])]
    assert steps == ["2 users, 2 nodes", "10 users, 2 nodes", "50 users, 2 nodes", "10 users, 4 nodes", "50 users, 4 nodes"]
    stand_ins = growth.steps([], [2], [50, 0])
    assert [step.users for step in stand_ins] == [0, 50] * len(growth.VARIANTS)
    with pytest.raises(ValueError, match="60 users fit on none of 2 nodes"):
        growth.steps([2, 60], [2], [])


def test_no_more_users_come_than_memory_reaches_for():
    giga, mega = 2**30, 2**20
    assert growth.reached(50, 20 * giga, 150 * mega) == 50
    assert growth.reached(200, 20 * giga, 150 * mega) == 90
    assert growth.reached(50, giga, 150 * mega) == 4
    assert growth.available() > 0


def test_the_files_for_more_nodes_are_the_published_ones_with_their_names():
    more = {name: growth.for_nodes(name, 3) for name in ("slurm/slurm.conf", "slurm/firewall-head.nft", "slurm/firewall-node.nft")}
    conf = more["slurm/slurm.conf"]
    assert re.findall(r"^(?:NodeName|PartitionName).*?(node\S+)", conf, re.M) == ["node1,node2,node3"] * 3
    assert "SlurmdParameters=config_overrides" in conf
    assert re.findall(r"^PartitionName=(\w+) .* LLN=YES$", conf, re.M) == ["jupyter", "short"]
    for name, text in more.items():
        assert len(text.splitlines()) - len(PUBLISHED.read(name).splitlines()) == (name == "slurm/slurm.conf")
    assert all("198.51.100.12, 198.51.100.13 }" in more[f"slurm/firewall-{where}.nft"] for where in ("head", "node"))
    assert slurm.addresses(2) == slurm.ADDRESSES


def test_the_configuration_of_the_stand_ins_is_python():
    text = growth.configuration("secret", growth.STAND_IN.format(port=1))
    compile(text, "jupyterhub_config.py", "exec")
    assert text.startswith(PUBLISHED.read(CONFIG))
    assert '"api_token": "secret"' in text


def look(seconds, processor, commits, **more):
    row = dict(head_figures.NOTHING) | {"processor": processor, "children": 0.0, "memory": 5, "files": 9}
    return {"seconds": seconds, "programs": {"hub": row} | more, "commits": commits}


def test_shares_are_of_the_time_between_two_looks():
    before, after = look(100.0, 4.0, 10), look(160.0, 7.0, 40)
    assert growth.shares(before, after)["hub"] == dict(after["programs"]["hub"]) | {"processor": 0.05, "children": 0.0}
    assert growth.between(before, after) == 0.5
    assert growth.between(before, look(160.0, 7.0, None)) is None
    assert growth.worked(before, after, "hub", "processor", 10) == 0.3
    assert growth.worked(before, after, "controller", "processor", 10) == 0
    # One that has started anew since has taken what it says.
    assert growth.shares(look(0.0, 9.0, 0), look(10.0, 1.0, 0))["hub"]["processor"] == 0


def test_what_is_changed_in_sqlite_is_counted_by_its_own_file(tmp_path):
    import sqlite3

    file = tmp_path / "hub.sqlite"
    line = sqlite3.connect(file)
    line.execute("CREATE TABLE users (name TEXT)")
    line.commit()
    before = head_figures.commits(str(file))
    for _ in range(3):
        line.execute("INSERT INTO users VALUES ('alice')")
        line.commit()
    line.execute("SELECT * FROM users").fetchall()
    assert head_figures.commits(str(file)) - before == 3
    assert head_figures.commits(str(tmp_path / "none")) is None
    assert 0 < head_figures.commit(str(tmp_path), "3") < 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hub.sqlite"]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"open": 19}, "19 of 20 WebSockets are open"),
        ({"refused": 2}, "2 of 150 questions of pages were refused"),
        ({"asked": 149}, "149 questions of pages were answered, of 150 at the least"),
    ],
)
def test_of_pages_that_are_not_served_there_are_no_figures(seen, why):
    served = {"open": 20, "refused": 0, "asked": 150}
    growth.sound(served, 10, 60)
    growth.sound({"open": 0, "refused": 0, "asked": 0}, 0, 60)
    with pytest.raises(RuntimeError, match=why):
        growth.sound(served | seen, 10, 60)


def test_the_driver_and_the_users_program_mean_the_same_questions():
    text = growth.ON_SERVER.joinpath("many_users.py").read_text("utf-8")
    assert f"EVERY = {growth.EACH_PAGE}  #" in text
    assert all(f'"api/{name}"' in text for name in growth.QUESTIONS)


# A run


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run(*broken)`: measures three steps of nothing, of which the broken ones raise RuntimeError; the lines that it says."""
    monkeypatch.setattr(growth, "FILE", tmp_path / "build/growth.json")
    monkeypatch.setattr(growth, "BUILD", tmp_path / "build")
    monkeypatch.setattr(growth, "_versions", lambda *_: {})
    monkeypatch.setattr(growth, "_limits", lambda *_: {})

    class Nothing:
        head = machine = None

        class cluster:
            release = staticmethod(lambda: "24.11")

    @growth.contextlib.contextmanager
    def nothing(*_):
        yield Nothing

    monkeypatch.setattr(growth, "room", nothing)
    monkeypatch.setattr(growth, "stage", nothing)

    def measure(*broken, again=False, free=20 * 2**30):
        def step(_room, what, _seconds, users=0):
            if what.key in broken:
                raise RuntimeError(what.key)
            kind = "real" if isinstance(what, growth.Real) else "stand-ins"
            return {"kind": kind, "users": users or what.users, "asked": what.users, "server": 150 * 2**20}

        monkeypatch.setattr(growth, "real", step)
        monkeypatch.setattr(growth, "stand_ins", step)
        monkeypatch.setattr(growth, "available", lambda: free)
        said = []
        plan = [growth.Real(2, 2), growth.Real(50, 2), growth.Standing(50, growth.VARIANTS[0])]
        try:
            growth.measure(said.append, plan, 10, again)
        except RuntimeError as error:
            said.append(f"error: {error}")
        return said

    return measure


def test_a_run_that_was_cut_off_goes_on_where_it_was(run):
    assert [line[:26] for line in run("50 users, 2 nodes")] == [" 1 of 3  2 users, 2 nodes ", "error: 50 users, 2 nodes"]
    said = run()
    assert [line[:10] for line in said] == [" 2 of 3  5", " 3 of 3  5", "build/grow"]
    assert run() == ["all 3 steps are measured, of these very files: build/growth.json; --again measures anew"]
    assert len(run(again=True)) == 4


def test_figures_of_other_files_are_not_kept(run):
    run()
    found = json.loads(growth.FILE.read_text("utf-8"))
    growth.FILE.write_text(json.dumps(found | {"files": found["files"] | {"slurm/slurm.conf": "another"}}))
    assert len(run()) == 4


def test_fewer_users_come_where_memory_does_not_reach(run):
    said = run(free=8 * 2**30)
    assert said[1] == "50 users, 2 nodes: memory reaches for 30"
    row = json.loads(growth.FILE.read_text("utf-8"))["steps"]["50 users, 2 nodes"]
    assert (row["asked"], row["users"]) == (50, 30)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--users", "2,ten"], "argument --users: '2,ten': numbers from 1 to 200"),
        (["--users", "0"], "numbers from 1 to 200"),
        (["--nodes", "1000"], "numbers from 1 to 50"),
        (["--stand-ins", "-5"], "numbers from 0 to 20000"),
        (["--seconds", "soon"], "'soon': seconds, from 10 to 3600"),
        (["--seconds", "nan"], "'nan': seconds, from 10 to 3600"),
        (["--users", "2", "--nodes", "4"], "error: 2 users fit on none of 4 nodes"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_a_line(given, said, capsys):
    try:
        status = growth.main(given)
    except SystemExit as ended:
        status = ended.code
    assert status in (1, 2)
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_run_that_cannot_begin_says_so_in_a_line(monkeypatch, capsys):
    def missing(say):
        raise engine.Trouble("no container engine answers")

    monkeypatch.setattr(engine, "ensure", missing)
    assert growth.main(["--users", "2", "--nodes", "2"]) == 1
    assert capsys.readouterr().err == "error: no container engine answers\n"


# The page


def program(processor, memory, files, limit=1024, children=0.0):
    return {
        "processor": processor,
        "children": children,
        "memory": memory,
        "files": files,
        "sockets": files,
        "limit": limit,
        "processes": 1,
    }


def made():
    """Figures as a run would write them, of no run."""
    mega, steps = 2**20, {}
    for users, nodes in ((2, 2), (10, 2), (50, 4), (110, 10)):
        programs = {
            "hub": program(0.01 + 0.0005 * users, 100 * mega, 40, children=0.002 * users),
            "proxy": program(0.001 * users, 60 * mega, 30 + 4 * users, 20_000),
            "controller": program(0.001 * users, 10 * mega, 12),
        }
        steps[growth.Real(200 if users == 110 else users, nodes).key] = {
            "kind": "real",
            "asked": 200 if users == 110 else users,
            "users": users,
            "nodes": nodes,
            "cells": {"server": [4.0, 5.0], "cell": [6.5, 9.0], "login": [0.3, 0.5]},
            "start": {"hub": 0.3, "commands": 0.2, "proxy": 0.1, "controller": 0.01},
            "server": 150 * mega,
            "programs": programs,
            "commits": 0.1,
            "window": 60.0,
            "answers": [5.0, 9.0],
            "open": 2 * users,
            "lost": 0,
        }
    for variant in growth.VARIANTS:
        two, other = "Traefik" in variant.name, "PostgreSQL" in variant.name
        for users in growth.STAND_INS:
            programs = {
                "hub": program(0.01 + 0.0005 * users, (100 + 0.02 * users) * mega, 40),
                "proxy": program(
                    (0.0003 if two else 0.0002) * users, 60 * mega + (130_000 if two else 18_000) * users, 30 + 4 * users, 20_000
                ),
            } | ({"database": program(0.0001 * users, 30 * mega, 50)} if other else {})
            steps[growth.Standing(users, variant).key] = {
                "kind": "stand-ins",
                "asked": users,
                "users": users,
                "variant": variant.name,
                "start": {},
                "started": [],
                "programs": programs,
                "commits": None if other else 0.01 * users,
                "window": 300.0,
                "answers": [4.0, 8.0 + users / 100],
                "page": 3.0,
                "spawn": [0.5, 0.4, 0.9],
                "open": 2 * users,
                "lost": 0,
            }
    return growth.nothing() | {
        "steps": steps,
        "limits": {"ports": 28_232, "commit": 0.004},
        "versions": {"JupyterHub": "6.1.1", "Slurm": "24.11.5"},
        "date": "2026-11-28",
        "seconds": 5400,
        "machine": {"cores": 2, "memory": 24 * 2**30, "most": 0.7},
    }


def test_walls_come_by_the_number_of_users_and_say_why():
    known = shown.walls(made())
    told = {wall.what: wall for wall in known}
    assert [wall.users for wall in known] == sorted(wall.users for wall in known)
    hub = told["The hub needs a whole processor"]
    assert round(hub.users) == 1980
    assert "0.05 % of a processor for each user" in hub.why
    assert round(told["The hub's own proxy needs a whole processor"].users) == 5000
    assert round(told["The hub does nothing else but write to SQLite"].users) == 25_000
    assert "0.6 changes a minute for each user, and 4 ms" in told["The hub does nothing else but write to SQLite"].why
    assert round(told["Questions about jobs need a whole processor"].users) == 333
    assert round(told["No port is left between the web server and the hub's proxy"].users) == 14_116
    files = told["The hub's own proxy has 524,288 files and connections open, and may have no more"]
    assert round(files.users) == 131_064
    assert files.why == "4 for each user. By systemd it may have 524,288. In the container here that was 20,000"
    assert math.isinf(told["The hub has 1,024 files and connections open, and may have no more"].users)
    assert told["So many come within ten minutes that the hub does nothing else"].users == 2000
    assert told["So many come within ten minutes that some are refused"].users == 15_000


def test_the_page_names_the_variants_that_are_measured():
    names = [variant.name for variant in growth.VARIANTS]
    assert names == [growth.BASE, shown.TWO, shown.OTHER]
    assert shown.PROXIES[0] == growth.BASE


def test_where_it_is_no_line_the_wall_is_not_known():
    figures = made()
    for users, value in zip(growth.STAND_INS, (0.0, 0.4, 0.1, 0.5, 0.2), strict=True):
        figures["steps"][growth.Standing(users, growth.VARIANTS[0]).key]["programs"]["hub"]["processor"] = value
    known = shown.walls(figures)
    (wall,) = [wall for wall in known if wall.what == "The hub needs a whole processor"]
    assert wall.users is None
    assert "Not extrapolated: it is no straight line: the residual is" in wall.why
    assert known[-1] == wall


def test_without_stand_ins_only_what_is_known_is_told():
    figures = made()
    figures["steps"] = {key: row for key, row in figures["steps"].items() if row["kind"] == "real"}
    assert [wall.seen for wall in shown.walls(figures)] == [110] * 3
    assert shown.walls(made() | {"steps": {}}) == []


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    page = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", (ROOT / "deploy/growing.md").read_text("utf-8")).replace("{term}", "")
    others = {name: f"# {name}\n" for name in ("two-proxies", "database")}
    index = "# One page\n\n```{toctree}\ndeploy/growing\ndeploy/two-proxies\ndeploy/database\n```\n"
    tree = small(tmp_path_factory.mktemp("tree"), ["growth"], index=index, growing=page, **others)
    with (tree / "conf.py").open("a") as conf:
        conf.write("myst_enable_extensions = ['deflist', 'attrs_inline']\n")
    return tree


def seen(tree):
    built = sphinx(tree, tree / "build")
    return built.stderr, BeautifulSoup((tree / "build/html/deploy/growing.html").read_text("utf-8"), "html.parser")


def test_the_page_shows_figures_of_these_files_and_of_no_others(tree):
    """One site, built again and again."""
    file = tree / "build/growth.json"
    said, page = seen(tree)
    assert not said
    assert "so there are no figures here" in page.text
    assert not page.select("svg")

    file.write_text(json.dumps(made()))
    said, page = seen(tree)
    assert not said
    assert "so there are no figures here" not in page.text
    assert "Run on 2026-11-28, in 90 minutes, on 2 cores with 24 GB of memory." in page.text
    assert "Each number of stand-ins was watched for 300 seconds. 200 real users were asked for, and memory reached for 110." in page.text
    plots = page.select("figure.plot svg")
    assert len(plots) == 4
    for plot in plots:
        title, description = (page.find(id=name) for name in plot["aria-labelledby"].split())
        assert (title.name, description.name) == ("title", "desc")
        assert plot["role"] == "img"
    assert (
        "the hub's own proxy and SQLite: 1.0 % at 0 users, 3.5 % at 50 users, 11 % at 200 users, 26 % at 500 users, 51 % at 1,000 users."
        in plots[1].desc.text
    )
    # Three curves through five points, and their keys.
    assert [len(plots[1].select(f"line.curve.{style}")) for style in shown.STYLES[:3]] == [5, 5, 5]
    assert [circle["cx"] for circle in plots[1].select("circle.first")][:5] == ["12.00%", "16.10%", "28.40%", "53.00%", "94.00%"]
    cells = {tuple(cell.text.replace("\N{NO-BREAK SPACE}", " ") for cell in row.select("th, td")) for row in page.select("tr")}
    assert ("110", "10", "6.5 s", "9.0 s", "6.5 %", "22 %", "11 %", "11 %", "150 MB") in cells
    assert ("1,000", "51 %", "120 MB", "20 %", "77 MB", "2,000", "4 ms", "18 ms", "0.50 s") in cells
    walls = next(table for table in page.select("table") if "What ends" in table.text)
    rows = [[cell.text for cell in row.select("td")] for row in walls.select("tr")[1:]]
    assert rows[0][:2] == ["330 (on paper)", "Questions about jobs need a whole processor"]
    assert ["2,000 (on paper)", "The hub needs a whole processor"] in [row[:2] for row in rows]
    assert rows[-1][0] == "none seen"
    assert any(row[0] == "The hub, part of a processor" and row[-1] == "501 %" for row in cells)

    changed = made()
    for row in changed["steps"].values():
        row["window"] = 120.0
    file.write_text(json.dumps(changed))
    assert "watched for 120 seconds. What the hub does once in five minutes is in some of these figures" in seen(tree)[1].text

    changed["files"]["slurm/slurm.py"] = "another"
    file.write_text(json.dumps(changed))
    assert "so there are no figures here" in seen(tree)[1].text

    # Those that the repository keeps are shown then, with what has changed since.
    (tree / "measured").mkdir()
    (tree / "measured/growth.json").write_text(json.dumps(changed))
    said, page = seen(tree)
    assert not said
    assert "These files have changed since, so their numbers may have, too: slurm/slurm.py." in page.text
    file.write_text(json.dumps(made()))
    assert "have changed since" not in seen(tree)[1].text


def broken(**parts):
    return json.dumps(made() | parts)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[]",
        broken(files=3),
        broken(steps={"one": {}}),
        broken(steps={"one": {"kind": "real", "users": 2}}),
        broken(steps={"one": {"kind": "x"}}),
    ],
    ids=["no JSON", "a list", "files as a number", "a step without a kind", "a step without its parts", "a step of an unknown kind"],
)
def test_a_broken_file_of_figures_is_told_in_one_line(tmp_path, monkeypatch, text):
    said = []
    monkeypatch.setattr(shown.measured, "log", SimpleNamespace(warning=said.append))
    (tmp_path / "build").mkdir()
    (tmp_path / "build/growth.json").write_text(text)
    (tmp_path / "snippets").symlink_to(SNIPPETS)
    assert shown.read(SimpleNamespace(srcdir=tmp_path)) == {}
    assert said == ["build/growth.json is not what make growth writes: remove it, and run make growth"]
    (tmp_path / "build/growth.json").write_text(broken())
    assert shown.read(SimpleNamespace(srcdir=tmp_path)) == made() | {"since": []}


# Once a week


@pytest.mark.xdist_group("slurm")
def test_a_short_run_measures_real_users_and_stand_ins(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "FILE", tmp_path / "growth.json")
    monkeypatch.setattr(growth, "BUILD", tmp_path)
    assert growth.main(["--users", "2", "--nodes", "2", "--stand-ins", "0,10", "--seconds", "20"]) == 0
    found = json.loads(growth.FILE.read_text("utf-8"))
    assert len(found["steps"]) == 1 + 2 * len(growth.VARIANTS)
    (real,) = [row for row in found["steps"].values() if row["kind"] == "real"]
    assert (real["users"], real["open"], real["on"]) == (2, 4, [1, 1])
    assert 20 * 2**20 < real["server"] < 400 * 2**20
    assert {"hub", "proxy", "controller"} <= real["programs"].keys()
    # The hub asks Slurm about each job.
    assert real["start"]["commands"] > 0
    for row in found["steps"].values():
        assert row["programs"]["hub"]["memory"] > 2**20
        assert row["programs"]["hub"]["files"] > 5
        assert row["programs"]["proxy"]["limit"] >= 1024
        assert row["open"] == 2 * row["users"]
        assert ("database" in row["programs"]) == ("PostgreSQL" in row.get("variant", ""))
        if row["kind"] == "stand-ins":
            assert len(row["spawn"]) == 3
            # Two WebSockets of each user come to the proxy, and go on from there.
            assert row["users"] == 0 or row["programs"]["proxy"]["sockets"] >= 4 * row["users"]
    assert found["limits"]["ports"] > 1000
    assert found["limits"]["commit"] > 0


@pytest.mark.xdist_group("slurm")
def test_of_stand_ins_that_do_not_answer_there_are_no_figures():
    base = growth.VARIANTS[0]
    with growth.stage(base) as stage:
        row = growth.stand_ins(stage, growth.Standing(2, base), 20)
        assert (row["open"], row["lost"]) == (4, 0)
        # It takes connections, and says nothing on them.
        stage.machine.sh("systemctl kill --signal STOP stand-ins")
        with pytest.raises(RuntimeError, match="questions of pages were answered, of 12 at the least"):
            growth.stand_ins(stage, growth.Standing(2, base), 30)
        with pytest.raises(RuntimeError, match="1 of 1 stand-ins did not start: user00002"):
            growth.stand_ins(stage, growth.Standing(3, base), 20)
        # Its connections are cut.
        stage.machine.sh("systemctl kill --signal KILL stand-ins")
        with pytest.raises(RuntimeError, match="0 of 4 WebSockets are open"):
            growth.stand_ins(stage, growth.Standing(2, base), 20)


def test_the_hub_has_as_many_files_as_its_unit_and_the_page_on_shares_say():
    assert f"LimitNOFILE={shown.HUBS_OWN}:{shown.ALLOWED}\n" in PUBLISHED.read(UNIT)
    assert f"takes {shown.HUBS_OWN:,} connections" in (ROOT / "deploy/shares.md").read_text("utf-8")
