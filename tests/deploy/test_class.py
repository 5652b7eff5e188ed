"""Many users on one machine: how fast their servers start, how much memory they take, and what the page says about both."""

import json
import re

import pytest
from bs4 import BeautifulSoup

from tests.harness.machines import deployment
from tests.harness.machines.deployment import BEHIND
from tests.harness.manifest import CONFIG, NEWEST, PUBLISHED, ROOT, VALUES, Files
from tests.harness.measuring import arrivals, bench
from tests.harness.site.guide import small, sphinx

SERVER = "jupyter/jupyter_server_config.py"
PAGE = (ROOT / "deploy/class.md").read_text("utf-8")
pytestmark = pytest.mark.xdist_group("class")
USERS = ("alice", "bob", "mallory")
# The hub's own time and that of the programs which it has waited for, in hundredths of a second: see proc(5).
SPENT = "sed 's/.*) //' /proc/$(systemctl show --property MainPID --value jupyterhub)/stat | awk '{ print $12 + $13 + $14 + $15 }'"


@pytest.fixture(scope="module")
def hub():
    """Servers that take their time to start, as where many do at once; but not the processor's. The hub says when it begins to look."""
    slow = PUBLISHED.replace(SERVER, "c = get_config()", "c = get_config()\nimport time\ntime.sleep(6)")
    files = Files({CONFIG: f"{PUBLISHED.read(CONFIG)}\nc.JupyterHub.log_level = 'DEBUG'\n"}, slow.edits)
    with deployment.hub(NEWEST, files) as hub:
        yield hub


def act(hub, name, *arguments):
    return deployment.on_server(hub.machine, "class_actions", name, BEHIND, *arguments)


def moment(hub, unit, words):
    """When a unit's log said words for the last time, in seconds."""
    said = hub.machine.sh(
        f"journalctl --quiet --namespace '*' --output short-unix --no-pager --unit {unit} --grep '{words}' | tail -n 1"
    ).stdout
    return float(said.split()[0])


def refused(hub):
    """How many connections that this machine's programs opened were refused: AttemptFails, see RFC 4022."""
    names, counts = (line.split() for line in hub.machine.sh("grep ^Tcp: /proc/net/snmp").stdout.splitlines())
    return int(counts[names.index("AttemptFails")])


def test_a_server_is_seen_as_soon_as_it_listens(hub):
    """By itself the hub would look again after up to five seconds, by chance; and it is not to look all the time."""
    before, looks = float(hub.machine.sh(SPENT).stdout), refused(hub)
    act(hub, "served_only", *USERS)
    spent, looks = (float(hub.machine.sh(SPENT).stdout) - before) / 100, refused(hub) - looks
    assert spent < 5, f"the hub takes {spent:.1f} seconds of a processor while three servers start"
    listens = {user: moment(hub, f"jupyter-{user}", "is running at:") for user in USERS}
    # It looks for the first time when there is something to be seen. A server listens somewhat before it says so.
    early = max(listens[user] - moment(hub, "jupyterhub", f"Waiting .*s for server at .*/user/{user}/api") for user in USERS)
    assert early < 3, f"the hub looks for the first time {early:.1f} seconds before the server listens"
    # How often it looks does not depend on what else the machine does; when it sees something, does. So the best of three counts.
    took = sum(listens[user] - moment(hub, f"jupyter-{user}", "Started jupyter-") for user in USERS)
    assert took / 1.25 < looks < 4 * took, f"{looks} looks at servers that took {took:.0f} seconds to listen, together"
    late = min(moment(hub, "jupyterhub", f"User {user} took") - listens[user] for user in USERS)
    assert late < 1.5, f"the hub sees that a server listens {late:.1f} seconds after"


def test_a_server_that_ends_while_it_starts_is_told_of_and_starts_the_next_time(hub):
    """The hub waits for it no longer than it would by itself."""
    hub.machine.sh("systemctl stop jupyter-alice || true; mkdir -p /home/alice/.jupyter")
    hub.machine.sh("true", {"/home/alice/.jupyter/jupyter_server_config.py": "import os\nos._exit(3)\n"})
    last = hub.check("--until", "server_spawns", "--spawn-timeout", "90", url=BEHIND)[-1]
    assert not last["ok"], last
    assert moment(hub, "jupyterhub", "never showed up") - moment(hub, "jupyter-alice", "Main process exited") < 45
    hub.machine.sh("rm -r /home/alice/.jupyter")
    last = hub.check("--until", "server_spawns", "--keep-server", url=BEHIND)[-1]
    assert last["ok"], last


def test_neither_a_server_nor_jupyterlab_starts_another_program(hub):
    hub.machine.sh("systemctl stop jupyter-bob || true; rm -rf /home/bob/.npm")
    assert act(hub, "opened", "bob") < 0.05
    hub.machine.sh("! test -e /home/bob/.npm")


# By row, megabytes as systemd counts them, and as ps does.
ROWS = re.findall(r"^\| (A server|Each kernel), [^|]* \| (\d+) MB \| (\d+) MB \|$", PAGE, re.M)


def test_servers_and_kernels_take_as_much_memory_as_the_page_says(hub):
    hub.machine.sh("systemctl stop jupyter-mallory || true")
    alone, *_, two = seen = act(hub, "weights", "mallory", VALUES["kernel"])
    each = {name: (two[name] - alone[name]) / 2 for name in alone}
    for (what, systemd, ps), measured in zip(ROWS, (alone, each), strict=True):
        assert 0.75 < measured["systemd"] / float(systemd) < 1.35, (what, seen)
        assert 0.75 < measured["rss"] / float(ps) < 1.35, (what, seen)
        # Counted once, what is shared makes no more of it.
        assert 0.8 < measured["pss"] / measured["systemd"] < 1.2, (what, seen)


def test_the_table_of_users_is_what_the_memory_makes_of_it():
    (_, server, _), (_, kernel, _) = ROWS
    open_notebooks = [(1, 0), (2, 100), (4, 250)]
    rows = re.findall(r"^\| (\d+) GB \| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.M)
    assert len(rows) == 5
    for memory, *users in rows:
        share = 0.8 * 1000 * int(memory)
        assert [int(number) for number in users] == [share // (int(server) + n * (int(kernel) + data)) for n, data in open_notebooks]


@pytest.mark.parametrize("setting", arrivals.SETTINGS, ids=lambda setting: setting.name)
def test_users_who_come_at_once_all_get_a_cell_computed_and_their_blocks(setting):
    with arrivals.room(3, browser=False) as room:
        seen = arrivals.arrive(room, setting, span=1)
    assert len(seen["users"]) == 3
    for row in seen["users"]:
        steps = [row.get(name) for name in ("login", "server", "page", "files", "cell", "editor")]
        assert "error" not in row, row
        assert steps == sorted(steps)


# The page of numbers


def times(*cells):
    return [{"user": f"pupil{number:02d}", "page": 1.0, "files": 2.0, "cell": cell} for number, cell in enumerate(cells)]


def made():
    """Numbers as a run would write them, of no run; by stock settings somebody never got there."""
    spent = {"hub": 2.0, "proxy": 1.0, "users": 20.0, "idle": 10.0, "all": 40.0}
    never = [*times(20.0, 20.0, 20.0), {"user": "pupil03", "error": "Spawn failed"}]
    stock = {"users": never, "browsers": [{"cell": 30.0}], "spent": spent}
    ours = {"users": times(10.0, 10.0, 10.0, 10.0), "browsers": [{"cell": 12.0}], "spent": spent}
    turns = {"stock JupyterHub": [stock] * 2, "this guide": [ours] * 2}
    about = {"versions": {"jupyterhub": "6.1.1"}, "date": "2026-11-26", "cores": 2, "seconds": 600}
    return bench.told() | about | {"stages": {"arrivals": {"in turn": turns}}}


def test_the_page_shows_how_soon_a_class_is_at_work_and_counts_who_never_was(tmp_path):
    text = re.sub(r"\[\]\([^)]*\)", "there", PAGE)
    tree = small(tmp_path / "tree", ["bench"], index="# One page\n\n```{toctree}\ndeploy/class\n```\n", **{"class": text})
    (tree / "build/bench.json").write_text(json.dumps(made()), "utf-8")
    built = sphinx(tree, tree / "build")
    assert not built.stderr
    page = BeautifulSoup((tree / "build/html/deploy/class.html").read_text("utf-8"), "html.parser")
    cells = {tuple(cell.text for cell in row.select("th, td")) for row in page.select("tr")}
    assert ("stock JupyterHub", "1", "2", "20", "207", "30, 30") in cells
    assert ("this guide", "1", "2", "10", "10", "12, 12") in cells
    assert ("this guide", "4", "0.4", "0.2", "25%") in cells
    assert "have their cell 20.70 times as soon" in page.text
