"""A stamp shows what the tests saw of exactly the file above it, and only from runs that passed with the published files."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import PurePosixPath
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from _ext.evidence import standing
from _ext.measured import digest_of_lines
from tests.harness.json_files import write_json
from tests.harness.machines import deployment, faults
from tests.harness.manifest import EVERY_PROXY, MANIFEST, NEWEST, PUBLISHED, ROOT, SAVED_AS, SNIPPETS, VERSIONS, snippets
from tests.harness.measuring import evidence
from tests.harness.site.guide import small, sphinx

OLDER = VERSIONS["jupyterhub"][-1]
CONF = "nginx/jupyterhub.conf"
STAMP = "Accepted by nginx 1.9 and 1.31 · runs with JupyterHub 6.1 · 2026-11-23, for jupyterhub.conf"


def whole(ok=True, rungs=MANIFEST["ladder"]):
    """What hubcheck tells of a climb; `ok` is how the last rung went."""
    told = [{"rung": rung, "ok": True, "seconds": 0.5} for rung in rungs]
    told[-1]["ok"] = ok
    return told


def hub(version=NEWEST, files=PUBLISHED, front=PUBLISHED):
    """A hub, made of `files`, behind a reverse proxy that has those of `front`."""
    return deployment.Hub(machine(), version, {}, files, front=SimpleNamespace(files=front))


def on(date, row):
    """A row of another day."""
    return row | {"date": date, "dates": dict.fromkeys(row["lived"], date)}


def machine():
    """A machine that answers what it is asked for evidence: versions."""
    return SimpleNamespace(
        sh=lambda script: SimpleNamespace(stdout="systemd 252 (252.39)\n" if "systemctl" in script else "1.26.3\n"),
        exec=lambda *command: SimpleNamespace(stdout="6.1.1 2.17.0 3.11.2\n"),
    )


@pytest.fixture
def file(tmp_path, monkeypatch):
    """An evidence file that is not the tree's, below the folder `build` that its site would have."""
    monkeypatch.setattr(evidence, "FILE", tmp_path / "build/evidence.json")
    return evidence.FILE


# What a run can prove


def climbed(version=NEWEST, **changes):
    arguments = {"hub": hub(version), "proxy": "nginx", "kind": "trixie", "version": "1.26.3", "rungs": whole()}
    return evidence.climbed(**(arguments | changes))


def test_a_climb_of_the_whole_ladder_is_evidence_for_every_file_that_took_part():
    row = climbed()
    assert (row["by"], row["version"], row["on"], row["jupyterhub"]) == ("nginx", "1.26.3", "trixie", NEWEST)
    assert row["rungs"] == dict.fromkeys(MANIFEST["ladder"], 0.5)
    assert {name.split("/")[0] for name in row["proves"]} == {"nginx", "jupyterhub", "jupyter", "kernel", "jigsaw", "check"}


MUTATED = PUBLISHED.replace(CONF, "proxy_buffering off", "proxy_buffering on")


@pytest.mark.parametrize(
    "changes",
    [
        {"hub": hub(front=MUTATED)},
        {"hub": hub(files=PUBLISHED.replace("jupyterhub/jupyterhub_config.py", "allowed_groups"))},
        {"rungs": whole(ok=False)},
        {"rungs": whole(rungs=MANIFEST["ladder"][:3])},
    ],
    ids=["a mutated proxy", "a mutated hub", "a rung that fails", "a part of the ladder"],
)
def test_another_climb_is_no_evidence(changes):
    assert climbed(**changes) is None


# What a user tells who was there when a fault was made.
TOLD = {
    "lived": {"variable": True, "websocket": False, "login": True, "file": True},
    "silent": {"proxy": 5.1, "hub": 5.24, "server": 5.16},
}


BROWSER = SimpleNamespace(name="Firefox", version="153.7.0")


def test_what_was_done_in_one_browser_comes_together_and_another_release_is_another_row(file):
    for what, version in (("logs in", "153.7.0"), ("uploads", "153.7.0"), ("logs in", "154.0")):
        browser = SimpleNamespace(name="Firefox", version=version)
        evidence.merge([evidence.used(hub(), browser, "nginx", machine(), what), evidence.attacked(hub(), browser, what, "refused")])
    used = {row["version"]: row["lived"] for row in evidence.read(file) if row["kind"] == "used"}
    assert used == {"153.7.0": {"logs in": True, "uploads": True}, "154.0": {"logs in": True}}
    attacked = {row["version"]: [*row["lived"]] for row in evidence.read(file) if row["kind"] == "attacked"}
    assert attacked == {"153.7.0": ["logs in", "uploads"], "154.0": ["logs in"]}


@pytest.mark.parametrize(
    "mutated", [hub(files=PUBLISHED.replace("systemd/jupyterhub.service", "Restart=")), hub(front=MUTATED)], ids=["the hub", "its proxy"]
)
def test_a_mutated_hub_or_proxy_proves_nothing_of_a_user(mutated):
    assert evidence.blocks_run(mutated, "nginx", machine(), "JupyterLab", 3.0) is None
    assert evidence.survived(mutated, "nginx", machine(), "a reload", TOLD) is None
    assert evidence.used(mutated, BROWSER, "nginx", machine(), "logs in") is None
    assert evidence.on_a_cluster(mutated, "nginx", "24.11", {}) is None
    assert evidence.kernel(mutated, "lupa", "2.8", "Lua", "Lua 5.4", {"computes": True}, "lua") is None
    assert evidence.lasted("nginx", "1.26.3", "trixie", {}, mutated.files if mutated.files.altered else mutated.front.files) is None


def test_a_mutated_hub_proves_nothing_as_a_service_and_in_an_attack():
    mutated = hub(files=PUBLISHED.replace("systemd/jupyterhub.service", "Restart="))
    assert evidence.booted(mutated) is None
    assert evidence.attacked(mutated, BROWSER, "a frame", "refused") is None


def test_an_attack_behind_a_mutated_proxy_is_named_so():
    assert evidence.attacked(hub(front=MUTATED), BROWSER, "a frame", "refused")["lived"] == {"a frame, with nginx changed": "refused"}
    assert evidence.attacked(hub(), BROWSER, "a frame", "refused")["lived"] == {"a frame": "refused"}


def test_a_hub_knows_from_which_files_it_is_made():
    silent = SimpleNamespace(sh=lambda script, files: None)
    assert deployment.prepare(silent, NEWEST, MUTATED).files is MUTATED


def test_a_hub_knows_from_which_files_the_proxy_is_made_that_was_put_in_front_of_it_last(monkeypatch):
    silent = SimpleNamespace(exec=lambda *command, **more: SimpleNamespace(returncode=0), sh=lambda script, put=None: None, files=PUBLISHED)
    monkeypatch.setattr(deployment, "beside", lambda *which: contextlib.nullcontext(silent))
    behind = hub()
    with deployment.in_front(behind, "trixie", "nginx", MUTATED):
        assert behind.front.files is MUTATED
    assert behind.front.files is MUTATED, "what a test proves when the proxy has gone is what it saw"
    with deployment.in_front(behind, "trixie", "nginx"):
        assert behind.front.files is PUBLISHED
    faults.serve(silent, "nginx", MUTATED)
    assert silent.files is MUTATED


def test_with_an_older_jupyterhub_the_pins_are_not_the_published_ones():
    assert evidence.PINS in climbed(NEWEST)["proves"]
    older = climbed(OLDER)
    assert evidence.PINS not in older["proves"]
    assert evidence.PINS in older["files"]


def test_of_a_whole_run_each_published_file_is_missed_that_nothing_speaks_for():
    rows = [evidence.row("accepted", "shellcheck", "0.11", [name]) for name in snippets()]
    assert evidence.unproven(rows) == []
    assert evidence.unproven([row for row in rows if row["proves"] != ["care/alarm.sh"]]) == ["care/alarm.sh"]
    assert evidence.unproven([*rows[1:], climbed(proxy="apache")]) == []
    assert evidence.unproven([]) == snippets()
    # Of two climbs of one kind, the site has the later.
    assert "nginx/enable.sh" in evidence.unproven([climbed(), climbed() | {"proves": [CONF]}])


def systemd(said="", **others):
    """A machine with the published files, but for those that are `others` there; `systemd-analyze` has `said` something."""
    published = {f"/etc/systemd/system/{name.removeprefix('care/')}": PUBLISHED.read(name) for name in evidence.UNITS["care"]}
    published |= {path: PUBLISHED.read(name) for name, path in SAVED_AS.items()}
    told = {"systemctl": "systemd 252 (252.39)\n", "systemd-analyze": said}
    return SimpleNamespace(
        read=lambda path: others.get(PurePosixPath(path).stem, published[path]),
        sh=lambda script, check=True: SimpleNamespace(stdout=told[script.split()[0]], stderr=""),
    )


def test_systemd_speaks_for_the_units_and_drop_ins_that_it_has_read():
    of_their_own = {*PUBLISHED.folder("systemd"), *(name for proxy in EVERY_PROXY for name in PUBLISHED.folder(proxy))}
    read = [name for name in snippets() if re.search(r"(?m)^\[(Unit|Service|Timer)\]$", PUBLISHED.read(name)) and not name.endswith(".sh")]
    assert sorted(name for names in evidence.UNITS.values() for name in names) == sorted({*read} - of_their_own)
    row = evidence.units("database", systemd("/usr/lib/systemd/system/getty.service:9: Unknown key"), "bookworm")
    assert (row["by"], row["version"], row["proves"]) == ("systemd", "252", ["database/backup.conf", "database/hub.conf"])


@pytest.mark.parametrize(
    ("folder", "machine", "words"),
    [
        ("care", systemd("/etc/systemd/system/jupyterhub-check.timer:3: Unknown key 'OnCalender'"), "OnCalender"),
        ("logins", systemd("jupyterhub.service: Failed to create"), "Failed"),
        ("two-proxies", systemd("hub-proxy@1.service: Command /opt/jupyterhub/bin/traefik is not executable"), "executable"),
        ("database", systemd(database="[Service]"), "database/backup.conf, database/hub.conf: what lies on the machine is not"),
    ],
)
def test_a_unit_of_which_systemd_says_something_or_that_is_another_one_has_no_stamp(folder, machine, words):
    with pytest.raises(deployment.Refused, match=words):
        evidence.units(folder, machine, "bookworm")


def test_a_reverse_proxy_accepts_what_it_reads_and_not_what_lies_beside_it():
    accepted = {proxy: evidence.accepted(proxy, "trixie", machine())[0]["proves"] for proxy in EVERY_PROXY}
    assert accepted["nginx"] == ["nginx/jupyterhub.conf"]
    assert accepted["apache"] == ["apache/jupyterhub-workers.conf", "apache/jupyterhub.conf"]
    assert accepted["traefik"] == ["traefik/jupyterhub.yaml", "traefik/traefik.yaml"]
    # No user sees a log rotated.
    assert set(PUBLISHED.folder("traefik")) - {*climbed(proxy="traefik")["proves"]} == {"traefik/logrotate.conf"}
    assert evidence.rotated("traefik", machine())["proves"] == ["traefik/logrotate.conf"]
    assert evidence.rotated("nginx", machine()) is None, "Debian's own file does that"


def test_a_difference_of_a_site_is_accepted_together_with_the_files_that_it_changes():
    row = evidence.changed("hosts/nginx.diff", "nginx", machine(), "trixie")
    assert (row["by"], row["version"], row["proves"]) == ("nginx", "1.26.3", ["hosts/nginx.diff"])
    assert row["files"].keys() == {"hosts/nginx.diff", *PUBLISHED.folder("nginx")}


def test_of_the_workflows_files_prometheus_says_nothing():
    assert evidence.read_beside("Prometheus", "3.5", "trixie")["proves"] == ["care/jupyterhub-rules.yml", "care/prometheus.yml"]


def test_a_user_on_a_cluster_who_chooses_nothing_is_no_evidence_for_the_choices():
    row = evidence.on_a_cluster(hub(), "nginx", "24.11.5", {"hub_answers": 0.1})
    assert set(PUBLISHED.folder("slurm")) - {*row["proves"]} == {"slurm/choices.py"}
    assert "slurm/choices.py" not in row["files"]
    assert evidence.chosen("24.11.5", "trixie")["proves"] == ["slurm/choices.py"]


# How it reaches the file

RUN = """
import pytest
from tests.harness.measuring import evidence

@pytest.mark.parametrize("turn", range(6))
def test_passes(prove, turn):
    prove(evidence.row("accepted", "nginx", f"1.{turn}", ["nginx/jupyterhub.conf"]), None)

def test_fails(prove):
    prove(evidence.row("accepted", "nginx", "1.99", ["nginx/jupyterhub.conf"]))
    assert False
"""
CONFTEST = """
import pathlib
from tests.conftest import *
from tests.harness.measuring import durations, evidence
del pytest_sessionstart
here = pathlib.Path(__file__).parent
evidence.FILE, durations.BUILD = here / "evidence.json", here
durations.SEEN, durations.FLAKY = here / "durations.json", here / "flaky.json"
"""


def run(folder, tests, *options, **environment):
    """A run of pytest with these tests and the tree's own fixtures, on two workers: its exit status, and what it printed."""
    (folder / "test_run.py").write_text(tests)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\ntestpaths = .\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n2", "-p", "no:cacheprovider", *options]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "WHOLE"))}
    done = subprocess.run(command, cwd=folder, env=kept | {"PYTHONPATH": str(ROOT)} | environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_what_tests_prove_on_two_workers_meets_in_one_file_and_what_fails_proves_nothing(tmp_path):
    status, said = run(tmp_path, RUN)
    assert (status, "1 failed, 6 passed" in said) == (1, True), said
    rows = evidence.read(tmp_path / "evidence.json")
    assert [row["version"] for row in rows] == [f"1.{turn}" for turn in range(6)]


WHOLE_RUN = """
import pytest
from tests.harness.manifest import snippets
from tests.harness.measuring import evidence

@pytest.mark.parametrize("half", [0, 1])
def test_passes(prove, half):
    prove(*(evidence.row("accepted", "nginx", "1.1", [name]) for name in snippets()[half::2]))
"""


@pytest.mark.parametrize(
    ("tests", "options", "environment", "misses"),
    [
        (WHOLE_RUN, [], {"WHOLE": "1"}, False),
        (WHOLE_RUN.replace("[0, 1]", "[0]"), [], {"WHOLE": "1"}, True),
        (WHOLE_RUN.replace("[0, 1]", "[0]"), [], {}, False),
        (WHOLE_RUN, ["-k", "0"], {"WHOLE": "1"}, False),
        (WHOLE_RUN, ["test_run.py::test_passes[0]"], {"WHOLE": "1"}, False),
    ],
    ids=["all", "half of the files", "not the whole run", "some tests", "a test by its name"],
)
def test_a_whole_run_fails_and_names_each_file_that_no_test_speaks_for(tmp_path, tests, options, environment, misses):
    status, said = run(tmp_path, tests, *options, **environment)
    assert status == (1 if misses else 0), said
    named = re.findall(r"(?m)^no test of this run has proved anything of snippets/(\S+)$", said)
    assert named == (snippets()[1::2] if misses else []), said


def test_of_a_whole_run_in_which_a_test_failed_that_one_is_told(tmp_path):
    """Its files are missing because of it."""
    status, said = run(tmp_path, WHOLE_RUN + "    assert half", WHOLE="1")
    assert (status, "no test of this run" in said) == (1, False), said


def test_a_later_run_adds_to_the_file_and_replaces_what_it_saw_again(file):
    first, again, other = climbed(), climbed() | {"date": "2030-01-01"}, climbed(OLDER)
    evidence.merge([first, other])
    evidence.merge([again])
    assert evidence.read(file) == [other, again]
    evidence.merge([first | {"date": "2029-01-01"}])  # of the weekly run, which publish.yml adds last
    assert evidence.read(file) == [other, again]


def test_of_one_program_the_files_that_several_tests_have_it_read_stay_side_by_side(file):
    rows = [evidence.row("accepted", "pip", "26.1", [f"{folder}/requirements.txt"], home="trixie") for folder in ("lti", "slurm")]
    for row in rows:
        evidence.merge([row])
    evidence.merge([rows[0] | {"date": "2030-01-01"}])
    assert [(row["proves"], row["date"]) for row in evidence.read(file)] == [
        (["lti/requirements.txt"], "2030-01-01"),
        (["slurm/requirements.txt"], rows[1]["date"]),
    ]


def test_commands_of_a_page_that_two_tests_have_typed_come_together_where_both_typed_on_the_same_machine(file):
    def typed(suite, key, date):
        return on(date, evidence.typed("deploy/look-after.md", suite, "nginx", [key], []))

    evidence.merge([typed("trixie", "# one", "2029-01-01"), typed("bookworm", "# three", "2029-01-01")])
    evidence.merge([typed("trixie", "# two", "2030-01-01")])
    evidence.merge([typed("trixie", "# one", "2028-01-01")])  # of the weekly run, which publish.yml adds last
    assert [(row["on"], row["lived"].keys(), row["dates"]) for row in evidence.read(file)] == [
        ("bookworm", {"# three"}, {"# three": "2029-01-01"}),
        ("trixie", {"# one", "# two"}, {"# one": "2029-01-01", "# two": "2030-01-01"}),
    ]
    changed = typed("trixie", "# two", "2030-01-01")
    file.write_text(json.dumps([changed | {"files": changed["files"] | {CONF: "0" * 64}, "lived": {"# one": True}}]))
    evidence.merge([changed])
    assert [[*row["lived"]] for row in evidence.read(file)] == [["# two"]], "what was typed with other files counts no more"


def test_a_row_without_files_would_stand_for_ever_and_so_there_is_none(file):
    with pytest.raises(ValueError, match="a row of evidence without files: accepted nginx"):
        evidence.row("accepted", "nginx", "1.26.3", [])
    with pytest.raises(ValueError, match="nothing is published in snippets/elsewhere/"):
        climbed(proxy="elsewhere")
    file.parent.mkdir()
    file.write_text(json.dumps([climbed() | {"files": {}}]))
    assert standing(evidence.read(file), SNIPPETS) == []


def test_what_is_typed_again_with_other_files_counts_for_both(file):
    for saved, key in (("care/alarm.sh", "# one"), ("care/backup.sh", "# two")):
        evidence.merge([evidence.typed("deploy/look-after.md", "trixie", "nginx", [key], [saved])])
    (row,) = evidence.read(file)
    assert row["files"].keys() >= {"care/alarm.sh", "care/backup.sh"}


def test_an_attack_that_came_to_something_else_later_is_told_as_it_is_now(file):
    for date, seen in (("2030-01-01", "refused"), ("2029-01-01", "acts as the user")):
        evidence.merge([on(date, evidence.attacked(hub(), BROWSER, "a frame", seen))])
    (row,) = evidence.read(file)
    assert (row["lived"], row["dates"], row["date"]) == ({"a frame": "refused"}, {"a frame": "2030-01-01"}, "2030-01-01")


def test_rows_of_an_earlier_release_of_the_tests_stand_no_more_and_break_nothing(file):
    """They named files that a program had not read."""
    row = climbed()
    del row["dates"]
    file.parent.mkdir()
    file.write_text(json.dumps([row]))
    assert standing(evidence.read(file), SNIPPETS) == []
    evidence.merge([climbed(OLDER)])
    assert evidence.read(file) == [climbed(OLDER)]


def test_what_is_no_evidence_is_refused_in_one_line(tmp_path):
    (tmp_path / "whole.json").write_text("{}[")
    command = [sys.executable, "-m", "tests.harness.measuring.evidence", tmp_path / "whole.json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "error: whole.json is not what the tests write: remove it, and run them again\n")


def test_rows_of_a_file_that_has_changed_are_dropped(file):
    stale = climbed()
    stale["files"] = stale["files"] | {CONF: "0" * 64}
    gone = climbed(OLDER)
    gone["files"] = gone["files"] | {"nginx/gone.conf": "0" * 64}
    file.parent.mkdir()
    file.write_text(json.dumps([stale, gone]))
    kept = evidence.row("accepted", "shellcheck", "0.11", ["nginx/enable.sh"])
    evidence.merge([kept, stale])
    assert evidence.read(file) == [kept]


def test_a_run_without_evidence_leaves_the_file_alone(file):
    evidence.merge([])
    assert not file.exists()


# What the site shows of it


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A site of two pages: the published snippets, two of them shown, and the guide's page of what was tested."""
    page = (ROOT / "deploy/tested.md").read_text("utf-8")
    page = page.replace("check.md#read-the-result", "../index.md").replace("one-download.md", "../index.md")
    block = '```{{literalinclude}} /snippets/{0}\n:caption: "{{download}}`{0} </snippets/{0}>`"\n```\n'
    shown = "\n".join(block.format(name) for name in (CONF, "nginx/enable.sh"))
    index = f"# Two files\n\n{shown}\n```{{toctree}}\ndeploy/tested\n```\n"
    return small(tmp_path_factory.mktemp("tree"), ["sphinx_tabs.tabs", "archive", "stamps", "typed", "lines"], index=index, tested=page)


def build(tree):
    """Build the site strictly; what Sphinx said, the stamps by file name, and the page of what was tested."""
    said = sphinx(tree, tree / "build").stderr
    html = tree / "build/html"
    shown, tested = (BeautifulSoup((html / page).read_text("utf-8"), "html.parser") for page in ("index.html", "deploy/tested.html"))
    stamps = {stamp.parent.select_one("a.download").text: stamp for stamp in shown.select(".literal-block-wrapper > .stamp")}
    return said, stamps, tested


def searched(tree, word):
    """The pages in which Sphinx's search finds a stem."""
    said = (tree / "build/html/searchindex.js").read_text("utf-8")
    index = json.loads(said.removeprefix("Search.setIndex(").removesuffix(")"))
    found = index["terms"].get(word, [])
    return {index["docnames"][number] for number in (found if isinstance(found, list) else [found])}


def written(tree, *rows):
    (tree / "build/evidence.json").write_text(json.dumps(rows))


@pytest.fixture
def rows():
    """nginx 1.9 and 1.31 accept the site, and through the newer one a user climbs. The script has been run by no test."""
    took_part = [CONF, "jupyterhub/jupyterhub_config.py"]
    rows = [evidence.row("accepted", "nginx", version, [CONF], on="pypi") for version in ("1.31.3", "1.9.1")]
    rung = {"hub_answers": 0.12}
    rows.append(evidence.row("climbed", "nginx", "1.31.4", took_part, on="pypi", home="bookworm", jupyterhub="6.1.1", rungs=rung))
    return [row | {"date": date} for row, date in zip(rows, ("2026-11-20", "2026-11-21", "2026-11-23"), strict=True)]


def test_the_stamp_follows_file_and_evidence_from_build_to_build(tree, rows):
    """One site, built again and again: no doctree and no page stays behind."""
    (tree / "build/evidence.json").unlink(missing_ok=True)
    said, stamps, tested = build(tree)
    assert (said, stamps) == ("", {})
    first, *_ = tested.select("section p")
    assert first.get_text() == "This copy of the site was built without a test run, so no file carries a stamp."
    assert [heading.get_text().rstrip("¶") for heading in tested.select("h2")] == ["Line by line"]

    written(tree, *rows)
    said, stamps, tested = build(tree)
    assert said == ""
    assert {name: stamp.text for name, stamp in stamps.items()} == {CONF: STAMP}
    page, _, place = stamps[CONF].a["href"].partition("#")
    assert page == "deploy/tested.html"
    row = tested.find(id=place)
    told = ["/etc/nginx/conf.d/jupyterhub.conf", "nginx 1.9.1 and 1.31.3", "runs with JupyterHub 6.1.1", "2026-11-23"]
    assert [cell.text.strip() for cell in row.select("td")] == told
    climb = [cell.text.strip() for cell in tested.select("table.rungs tbody td")]
    assert climb == ["1.31.4", "PyPI", "6.1.1", "Debian bookworm", "0.1 s", *["—"] * 7, "2026-11-23"]
    first = tested.select_one("section p")
    assert first.find_next("h2"), "what introduces the page stands above its sections"

    config = tree / "snippets/jupyterhub/jupyterhub_config.py"
    config.write_bytes(config.read_bytes() + b"\n")
    _, stamps, tested = build(tree)
    assert stamps[CONF].text == "Accepted by nginx 1.9 and 1.31 · 2026-11-21, for jupyterhub.conf", (
        "a file that took part in the climb has changed"
    )
    assert not tested.select("table.rungs")

    snippet = tree / "snippets" / CONF
    snippet.write_bytes(snippet.read_bytes() + b"\n")
    said, stamps, _ = build(tree)
    assert (said, stamps) == ("", {}), "the stamp of another file's bytes"

    shutil.copy(SNIPPETS / CONF, snippet)
    shutil.copy(SNIPPETS / "jupyterhub/jupyterhub_config.py", config)
    assert build(tree)[1][CONF].text == STAMP


def test_what_a_stamp_says_is_not_what_a_page_is_about(tree):
    """By the name of a program that stands in no file."""
    written(tree, evidence.row("accepted", "promlens", "1.0", [CONF]) | {"date": "2026-11-23"})
    assert build(tree)[1][CONF].text.startswith("Accepted by promlens 1.0 ")
    assert searched(tree, "promlen") == {"deploy/tested"}


def test_what_several_tests_have_seen_has_the_date_of_the_oldest(tree):
    firefox, newer = ({"name": "Firefox", "version": version} for version in ("152.0", "153.0"))

    def seen(made, what, date, browser=firefox):
        return on(date, made(SimpleNamespace(**browser), what))

    def used(browser, what):
        return evidence.used(hub(), browser, "nginx", machine(), what)

    def attacked(browser, what):
        return evidence.attacked(hub(), browser, what, "refused")

    days = {"logs in": "2026-11-21", "uploads": "2026-11-23"}
    with saying(tree, "# Browsers\n\n```{tested} browsers\n```\n\n```{tested} attacks\n```\n"):
        write_json(tree / "build/evidence.json", [])
        rows = [seen(made, what, day) for made in (used, attacked) for what, day in days.items()]
        joined = [evidence.joined(*rows[:2]), evidence.joined(*rows[2:]), seen(used, "logs in", "2026-11-25", newer)]
        written(tree, *joined)
        told = [cell.text.strip() for cell in build(tree)[2].select("tbody tr td:last-child")]
    assert told == ["2026-11-21", "2026-11-25", "refused", "refused", "2026-11-21"]


def test_a_line_of_a_table_that_several_tests_have_made_has_the_date_of_the_oldest(tree):
    blocks = [evidence.blocks_run(hub(), "nginx", machine(), name, 3.0) for name in ("Notebook 7", "JupyterLab")]
    jobs = [
        evidence.on_a_cluster(hub(), "nginx", "24.11", {rung: 1.0}, name)
        for rung, name in (("hub_answers", ""), ("blocks_run", "JupyterLab"))
    ]
    with saying(tree, "# Tables\n\n```{tested} blocks\n```\n\n```{tested} cluster\n```\n"):
        written(tree, *(on(date, row) for some in (blocks, jobs) for date, row in zip(("2026-11-21", "2026-11-23"), some, strict=True)))
        told = [cell.text.strip() for cell in build(tree)[2].select("tbody tr td:last-child")]
    assert told == ["2026-11-21", "2026-11-21"]


@contextlib.contextmanager
def saying(tree, text):
    """The page of what was tested says something else, for the length of a `with` block."""
    page = tree / "deploy/tested.md"
    before = page.read_text("utf-8")
    page.write_text(text)
    try:
        yield
    finally:
        page.write_text(before)


def test_a_fault_is_told_by_what_stays_and_for_how_long(tree):
    with saying(tree, "# Faults\n\n```{tested} faults nginx\n```\n"):
        written(tree)
        assert build(tree)[2].select_one("section p").text == "None in this run."
        written(tree, evidence.survived(hub(), "nginx", machine(), "a restart", TOLD) | {"date": "2026-11-23"})
        cells = [cell.text.strip() for cell in build(tree)[2].select("tbody td")]
    assert cells == ["a restart", "the variable, the login and the saved file", "the open WebSocket", "5.2 s", "5.2 s", "2026-11-23"]


def test_the_newest_term_of_each_reverse_proxy_is_told_side_by_side(tree):
    figures = {
        "workday": 60,
        "all": 300,
        "open": 948,
        "answer": 0.04,
        "left": 90,
        "first_processes": 2,
        "processes": 19,
        "first_memory": 55.2,
        "memory": 358.8,
    }
    apache = figures | {"one_more": 12.9, "places": 160, "full": 2069.2, "hub_memory": 62.1}
    lived = [("nginx", "1.9.1", {}), ("nginx", "1.26.3", figures), ("apache", "2.4.71", apache)]
    with saying(tree, "# A term\n\n```{tested} term\n```\n"):
        written(tree)
        assert build(tree)[2].select_one("section p").text == "None in this run."
        written(
            tree, *(evidence.lasted(proxy, version, "trixie", seen, PUBLISHED) | {"date": "2026-11-23"} for proxy, version, seen in lived)
        )
        tested = build(tree)[2]
    assert [cell.text.strip() for cell in tested.select("thead th")] == ["", "nginx 1.26.3", "Apache 2.4.71"]
    rows = [[cell.text.strip() for cell in row.select("td")] for row in tested.select("tbody tr")]
    assert rows[2:4] == [["Open WebSockets on the last day", "948", "948"], ["Slowest answer on the last day", "0.04 s", "0.04 s"]]
    assert rows[7:10] == [
        ["Places for processes", "—", "160"],
        ["Memory on the first day", "55 MB", "55 MB"],
        ["Memory on the last day", "359 MB", "359 MB"],
    ]
    assert rows[-3:] == [
        ["Memory if old processes had all places", "—", "2,069 MB"],
        ["Most memory of configurable-http-proxy", "—", "62 MB"],
        ["Run on", "2026-11-23", "2026-11-23"],
    ]


def test_a_page_tells_how_many_of_its_commands_were_typed_and_forgets_those_that_print_something_else(tree):
    index = tree / "index.md"
    before = index.read_text("utf-8")
    typed = [
        evidence.typed("index.md", suite, "nginx", keys, [])
        for suite, keys in (("trixie", ["# one"]), ("bookworm", ["# one", "# two\nout"]))
    ]
    written(tree, *(on(date, row) for date, row in zip(("2026-11-26", "2026-11-25"), typed, strict=True)))

    def told(text):
        index.write_text(f"{before}\n```console\n{text}\n```\n")
        said, _, tested = build(tree)
        assert said == ""
        (table,) = [one for one in tested.select("table") if one.select_one("thead").get_text(" ", strip=True).startswith("Page")]
        shown = BeautifulSoup((tree / "build/html/index.html").read_text("utf-8"), "html.parser").select("p.stamp")
        return [one.text for one in shown], [cell.text.strip() for cell in table.select("tbody td")]

    try:
        stamps, cells = told("# one\n# two\nout\n$ three")
        assert stamps == ["Typed from this page: 2 of 3 commands on Debian 12 and 1 of 3 on Debian 13 · 2026-11-25"]
        assert cells == ["Two files", "3", "2", "1", "nginx", "2026-11-25"]
        assert "index" not in searched(tree, "command")
        stamps, _ = told("# one\n# two\nanother\n$ three")
        assert stamps == ["Typed from this page: 1 of 3 commands on Debian 12 and 13 · 2026-11-25"]
        stamps, _ = told("# one\n```\n\n```console\n# one")
        assert stamps == ["Typed from this page: 1 of 2 commands on Debian 12 and 13 · 2026-11-25"], "each place of a command counts"
        says = "# one\n# two\nout\n```\n\nYou should see `out`.\n\n```console\n$ three"
        assert told(says)[0] == [], "the page says something that nobody has compared"
        stamps, cells = told("# three")
        assert (stamps, cells) == ([], ["Two files", "1", "—", "—"])
    finally:
        index.write_text(before)


def test_the_archive_is_named_by_its_checksum_beside_what_its_bytes_have_set_up(tree):
    with saying(tree, "# The one download\n\n```{tested} archive\n```\n"):
        written(tree)
        tested = build(tree)[2]
        sha256 = hashlib.sha256((tree / "build/html/metakernel-hub.tar.gz").read_bytes()).hexdigest()
        assert tested.select_one("p.archive-sum code").text == sha256
        assert not tested.select("table")
        rows = [evidence.set_up(proof, "the examples", "trixie", "nginx") for proof in (sha256, sha256[::-1])]
        written(tree, *(row | {"date": "2026-11-26"} for row in rows))
        cells = [cell.text.strip() for cell in build(tree)[2].select("tbody td")]
    assert cells == ["the examples", "Debian trixie", "nginx", "2026-11-26"]


def test_the_hash_of_another_file_is_no_evidence(tree, rows):
    written(tree, *(row | {"files": row["files"] | {CONF: row["files"][CONF][::-1]}} for row in rows))
    assert build(tree)[1] == {}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("if a:\n    b()\n    c()\n", True),
        ("# Why.\nif a:  \n\n    # Because.\n    b()\n    c()", True),
        ("if a:\n    b()\nc()\n", False),
        ("if a:\n    b()\n", False),
    ],
    ids=["itself", "other comments", "an indentation", "a line less"],
)
def test_what_was_measured_counts_while_the_lines_are_the_same_with_their_indentation(tmp_path, text, same):
    (tmp_path / "a.py").write_text("if a:\n    b()\n    c()\n")
    (tmp_path / "b.py").write_text(text)
    assert (digest_of_lines(tmp_path / "a.py") == digest_of_lines(tmp_path / "b.py")) == same


NOT = "evidence.json is not what the tests write: remove it, and run them again"


def test_a_broken_evidence_file_is_told_in_one_line(tree):
    (tree / "build/evidence.json").write_text("[")
    said, stamps, _ = build(tree)
    assert (said, stamps) == (f"WARNING: {NOT}\n", {})


@pytest.mark.parametrize("text", ["", "[]x", '{"rows": []}', '[{"kind": "accepted"}]', "[1]", "7"])
def test_what_is_no_evidence_is_refused_and_a_new_run_replaces_it(file, text):
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(ValueError, match=NOT):
        evidence.read(file)
    evidence.merge([climbed()])
    assert evidence.read(file) == [climbed()]
