"""deploy/slurm.md: users' servers run as Slurm jobs on other nodes, with the resources that Slurm gives them."""

import contextlib
import json
import re
import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import user_browser
from tests.harness.browsers.blocks import hello
from tests.harness.machines import deployment, faults, people, slurm
from tests.harness.machines.deployment import BEHIND, PYTHON, URL
from tests.harness.manifest import MANIFEST, NEWEST_ON, PUBLISHED, ROOT, SAVED_AS, VALUES
from tests.harness.measuring import evidence, local_users
from tests.harness.measuring.ladder import tell
from tests.harness.pairs import EACH_ONCE
from tests.harness.site import following, slurm_page
from tests.harness.site.following import TABS
from tests.harness.site.slurm_page import CHOICES, ON_A_NODE, ON_THE_HUBS_MACHINE, PAGE, STATES, WITH_CHOICES

CONFIG = SAVED_AS["slurm/slurm.py"]
AWAY = "take-this-away-again"
JOB = "jupyterhub-server"
JOB_LOG = "/home/alice/.jupyter-job.log"
# Users' servers that run on the hub's machine.
SERVERS = "systemctl list-units --plain --no-legend 'jupyter-*.service'"
# Says how a connection to an address goes.
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"
# What a server tells the hub to run, and the file by which it is seen.
TOUCHED = "/run/touched-by-alice"
PREFIX = f"touch {TOUCHED};"
pytestmark = pytest.mark.xdist_group("slurm")


@pytest.fixture(scope="module", params=EACH_ONCE, ids="-".join)
def place(request):
    """The Debian release of all machines, and the reverse proxy in front."""
    return request.param


@pytest.fixture(scope="module")
def cluster(place):
    with slurm.machines(NEWEST_ON[place[0]]) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def readers(cluster, place, site):
    """Those who have followed the page, on each of the machines, while alice had a server."""
    cluster.hub.on_server("save", BEHIND, "alice", "from-before.txt", "kept\n")
    assert cluster.hub.machine.sh(SERVERS).stdout.split()[:1] == ["jupyter-alice.service"]
    return slurm_page.followed(cluster, following.Pages.examples(site), TABS[place[1]])


@pytest.fixture(scope="module")
def hub(cluster, place, readers):
    with deployment.in_front(cluster.hub, *place):
        yield cluster.hub


def a_browser(cluster):
    return user_browser.chromium(cluster.network, {VALUES["host"]: slurm.ADDRESSES["head"]}, user_browser.THRIFTY, windowed=False)


@contextlib.contextmanager
def started(cluster, hub):
    """The job of alice's server, which runs; the node it is on. Nothing of it is left afterwards."""
    rungs = hub.check("--keep-server", "--until", "server_spawns")
    assert rungs[-1]["ok"], tell(rungs[-1])
    ((user, state, node),) = (job.split() for job in cluster.jobs())
    assert (user, state) == ("alice", "RUNNING")
    yield cluster.nodes[node]
    stop(hub)
    gone(cluster)


@pytest.fixture
def server(cluster, hub):
    with started(cluster, hub) as node:
        yield node


def stop(hub):
    hub.on_server("administer", URL, "alice", "DELETE", "hub/api/users/alice/server")


def gone(cluster, seconds=60):
    """No job, and no program of alice's, is left anywhere."""
    cluster.hub.machine.until("! squeue --noheader | grep .", seconds)
    for node in cluster.nodes.values():
        node.until("! pgrep --uid alice", seconds)


def words(row):
    """Of a row of the page's table, what a user sees and what is logged, as patterns."""
    (line,) = (line for line in (ROOT / PAGE).read_text("utf-8").splitlines() if line.startswith(f"| {row} "))
    cells = line.split(" | ")
    return [[re.escape(said).replace("…", ".+?") for said in re.findall("`([^`]+)`", cell)] for cell in cells[1:3]]


def as_the_page_says(row, seen, logged):
    for patterns, text in zip(words(row), (seen, logged), strict=True):
        assert not [pattern for pattern in patterns if not re.search(pattern, text)], f"{row}: {patterns}\n{text[-3000:]}"


def logs(cluster, job=True):
    """What the hub, Slurm's programs and the last job of alice's have said."""
    machines = [cluster.hub.machine, *cluster.nodes.values()]
    said = "journalctl --no-pager --output cat --since -5min --unit slurmd --unit slurmctld --unit munge"
    texts = [machine.sh(said, check=False).stdout for machine in machines]
    return "\n".join([cluster.hub.log(), *texts, cluster.hub.machine.sh(f"cat {JOB_LOG}", check=False).stdout if job else ""])


def fails(cluster, row, job=True):
    """A start that fails as a row of the page says; the check does not say more of it than is known, and nothing is left."""
    last = cluster.hub.check("--until", "server_spawns")[-1]
    assert (last["rung"], last["ok"]) == ("server_spawns", False), tell(last)
    as_the_page_says(row, last["said"], logs(cluster, job))
    assert (last["certainty"], last["page"]) == ("one of these", "deploy/slurm"), last
    gone(cluster)
    return last


def of_its_server(node):
    """The environment of alice's server."""
    return node.sh(r"tr '\0' '\n' </proc/$(pgrep --uid alice --oldest --full singleuser)/environ").stdout


def token(node):
    """That of alice's server."""
    return re.search("^JUPYTERHUB_API_TOKEN=(.+)", of_its_server(node), re.M)[1]


def computes_at(hub):
    """The name of the machine that alice's kernel is on."""
    return hub.on_server("compute", URL, "alice", "import socket; print(socket.gethostname())").strip()


def address(hub):
    """The node and the port of the server that was started last."""
    return re.findall(r"started at (\w+):(\d+)", hub.log())[-1]


def test_each_command_of_the_page_prints_what_it_says(cluster, place, readers, prove):
    head, *_ = readers
    assert [len(reader.typed) for reader in readers] == [11, 6, 6]
    assert not [wrong for reader in readers for wrong in reader.wrong]
    met = head.meet_all(PAGE, ON_THE_HUBS_MACHINE) + readers[1].meet_all(PAGE, ON_A_NODE)
    assert not [wrong for reader in readers for wrong in reader.wrong]
    assert met == len(STATES) - len(WITH_CHOICES)
    prove(evidence.read_beside("Slurm", cluster.release(), cluster.hub.suite))
    prove(evidence.read_beside("nftables", cluster.hub.machine.sh("nft --version").stdout.split()[1].lstrip("v"), cluster.hub.suite))
    prove(evidence.installed(cluster.hub.machine, "slurm/requirements.txt", cluster.hub.suite))
    for reader in readers[:2]:
        prove(*reader.proof(*place))


# What a node of another cluster has.
FOREIGN = {"/etc/slurm/slurm.conf": "ClusterName=other\n", "/etc/default/slurmd": 'SLURMD_OPTIONS="--conf-server other"\n'}
NODE_SH = "cd /root/slurm && sh node.sh"
STANDS = f"sha256sum {slurm.KEY} /etc/default/slurmd; systemctl show --property ActiveEnterTimestampMonotonic munge slurmd"


@pytest.mark.parametrize("path", FOREIGN)
def test_a_node_of_another_cluster_stays_as_it_is(cluster, readers, path):
    node = cluster.nodes["node1"]
    cluster.hand_out_the_key(node)
    kept = f"cp --archive {slurm.KEY} /root/kept-key; ! test -e {path} || cp --archive {path} /root/kept"
    make = f"{kept}; head --bytes=128 /dev/urandom >{slurm.KEY}; echo {shlex.quote(FOREIGN[path])} >{path}"
    undo = f"mv /root/kept-key {slurm.KEY}; rm {path}; ! test -e /root/kept || mv /root/kept {path}"
    with deployment.made(node, make, undo):
        before = node.sh(STANDS).stdout
        done = node.sh(NODE_SH, check=False)
        after = node.sh(STANDS).stdout
    assert after == before
    assert (done.returncode, done.stdout) == (1, "")
    assert path in done.stderr
    assert done.stderr.endswith("Nothing was changed.\n")


def test_node_sh_can_run_again_and_keeps_the_key_that_was_there_before_it(cluster, readers):
    node = cluster.nodes["node1"]
    sums = f"sha256sum <{slurm.KEY}; sha256sum <{slurm.KEY}.before"
    key, own = node.sh(sums).stdout.split("\n")[:2]
    assert key == cluster.hub.machine.sh(f"sha256sum <{slurm.KEY}").stdout.strip() != own
    cluster.hand_out_the_key(node)
    node.sh(NODE_SH)
    assert node.sh(sums).stdout.split("\n")[:2] == [key, own]
    cluster.ready()


def test_a_user_climbs_the_ladder_on_a_node_and_leaves_no_job(cluster, place, hub, prove):
    rungs = hub.check()
    assert [rung["rung"] for rung in rungs if rung["ok"]] == MANIFEST["ladder"], tell(rungs[-1])
    gone(cluster)
    assert computes_at(hub) in slurm.NODES
    gone(cluster)
    assert "is running at" in hub.machine.sh(f"cat {JOB_LOG}").stdout
    prove(evidence.on_a_cluster(hub, place[1], cluster.release(), {rung["rung"]: rung["seconds"] for rung in rungs}))


def test_no_server_of_before_is_left_on_the_hubs_machine(cluster, hub):
    assert hub.machine.sh(SERVERS).stdout == ""
    assert hub.machine.sh("pgrep --uid alice", check=False).stdout == ""
    assert hub.machine.sh("ls /home/alice/from-before.txt").stdout


def test_who_leaves_has_no_job_that_runs_or_waits(cluster, hub):
    """Neither a server nor jobs submitted by hand; and what is alice's stays."""
    machine = hub.machine
    assert hub.check("--until", "server_spawns", "--keep-server", user="bob")[-1]["ok"]
    for user, more in (("bob", ""), ("bob", "--begin=now+1hour"), ("alice", "")):
        job = f"sbatch --mem=500 --chdir=/tmp --output=/dev/null {more} --wrap='sleep 600'"
        machine.exec("sh", "-c", job, user=user)
    machine.until("test $(squeue --noheader --states=RUNNING | wc -l) = 3")
    assert sorted(job.split()[1] for job in cluster.jobs() if job.startswith("bob")) == ["PENDING", "RUNNING", "RUNNING"]
    try:
        told = people.script(hub, "leave", "bob")
        left = [job.split()[:2] for job in cluster.jobs()]
        running = [node.sh("pgrep --uid bob", check=False).stdout for node in cluster.nodes.values()]
    finally:
        machine.sh("usermod --unlock --expiredate '' bob; scancel --user=alice; scancel --user=bob", check=False)
    assert told == (0, [people.OUT.format("bob")])
    assert left == [["alice", "RUNNING"]]
    assert running == ["", ""]
    gone(cluster)


def test_whose_jobs_the_controller_does_not_name_is_not_said_to_be_out(cluster, hub):
    """Each of Slurm's programs waits for the controller for a while, and the script tries again a few times."""
    script = {"/root/leave.sh": PUBLISHED.read("people/leave.sh")}
    try:
        with deployment.made(hub.machine, "systemctl stop slurmctld", "systemctl start slurmctld"):
            done = hub.machine.sh("sh /root/leave.sh bob", script, check=False, timeout=400)
    finally:
        hub.machine.sh("usermod --unlock --expiredate '' bob")
    cluster.ready()
    assert (done.returncode, done.stdout) == (1, "")
    assert "bob is locked out of the machine, but not of all: slurm_load_jobs error: Unable to contact slurm controller" in done.stderr


def test_blocks_run_on_a_node_and_come_back(cluster, place, hub, prove):
    with a_browser(cluster) as browser:
        desk = user_browser.Desk(hub, browser, cluster.hub.machine, thrifty=True)
        desk.notebook("cluster/first.ipynb", "%jigsaw Python --workspace first-blocks", "!hostname")
        began = time.monotonic()
        notebook = desk.user().open("JupyterLab", "cluster/first.ipynb")
        editor = hello(notebook)
        took = time.monotonic() - began
        notebook.run(1)
        expect(notebook.output(1)).to_contain_text(re.compile(r"node\d"))
        notebook.restart()
        notebook.save()
        notebook.reload()
        expect(editor.blocks()).to_have_count(1)
        editor.press("Run")
        expect(notebook.printed()).to_have_text("Hello\n")
        assert not desk.user().errors()
    stop(hub)
    gone(cluster)
    prove(evidence.on_a_cluster(hub, place[1], cluster.release(), {"blocks_run": round(took, 2)}, "JupyterLab"))


def test_who_takes_more_memory_than_the_job_has_loses_the_program(cluster, hub, server):
    take = "/opt/jupyterhub/bin/python -c 'kept = bytearray({} << 20); print(len(kept) >> 20)'"
    assert server.sh("hostname").stdout.strip() in hub.on_server("in_terminal", URL, "alice", "hostname", "[]")[1]
    assert hub.on_server("in_terminal", URL, "alice", take.format(1000), "[]")[0] == 0
    status, said = hub.on_server("in_terminal", URL, "alice", take.format(2100), "[]")
    assert status == 137, said
    assert cluster.jobs()[0].startswith("alice RUNNING")
    # It is Slurm that set the limit, by the plugin for the control groups that the machine has.
    version = 2 if server.exec("test", "-e", "/sys/fs/cgroup/cgroup.controllers", check=False).returncode == 0 else 1
    plugins = server.sh("cat /proc/$(pgrep --oldest slurmstepd)/maps | grep --only-matching 'cgroup_v[12].so' | sort --unique").stdout
    assert plugins == f"cgroup_v{version}.so\n"
    stop(hub)
    gone(cluster)
    as_the_page_says("A program takes more memory", said, logs(cluster))


def test_who_waits_reads_what_for(cluster, hub):
    with ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as stack:
        stack.enter_context(slurm.full(cluster))
        asked = pool.submit(hub.on_server, "spawned", URL, "alice", "link", "{}")
        hub.machine.until("squeue --noheader --user=alice --states=PENDING --format=%r | grep -E 'Resources|Priority'")
        time.sleep(3)
        stack.close()
        told = asked.result()["told"]
    waiting = [said for said in told if "Slurm says" in said]
    as_the_page_says("All nodes are full", "\n".join(told), "")
    # Said once, and not each second.
    assert 1 <= len(waiting) <= 4, told
    assert re.search(r"Job \d+ runs on node\d", told[-2]), told
    assert told[-1].startswith("Server ready"), told
    stop(hub)
    gone(cluster)


def test_who_waits_for_too_long_is_told_so_and_no_job_is_left(cluster, hub):
    with deployment.configured(cluster.hub, CONFIG, "c.SlurmSpawner.start_timeout = 20"), slurm.full(cluster):
        last = hub.check("--until", "server_spawns")[-1]
        as_the_page_says("Nodes stay full", last["said"], hub.log())
        assert (last["certainty"], last["page"]) == ("one of these", "deploy/slurm"), last
        cluster.hub.machine.until("! squeue --noheader --user=alice | grep .", 20)


def test_what_no_partition_has_is_refused_at_once(cluster, hub):
    with deployment.configured(cluster.hub, CONFIG, 'c.SlurmSpawner.req_memory = "5G"'):
        began = time.monotonic()
        fails(cluster, "A job asks for more", job=False)
        assert time.monotonic() - began < 30


def test_where_the_time_of_a_job_is_over_its_server_ends_and_another_can_be_started(cluster, hub, server):
    hub.machine.sh("scontrol update JobId=$(squeue --noheader --format=%i) TimeLimit=1")
    hub.machine.until("! squeue --noheader | grep .", 150)
    seen = hub.on_server("page_of", URL, "alice")
    as_the_page_says("A job's time is over", seen, logs(cluster))
    assert hub.check("--until", "server_spawns", "--keep-server")[-1]["ok"]


def test_a_job_that_is_preempted_ends_and_another_can_be_started(cluster, hub):
    with slurm.controlled(cluster, "PreemptType=preempt/partition_prio", "PreemptMode=CANCEL"):
        assert hub.check("--until", "server_spawns", "--keep-server")[-1]["ok"]
        with slurm.full(cluster, "--partition=short", "--time=10"):
            hub.machine.until("! squeue --noheader --user=alice | grep .", 60)
            seen = hub.on_server("page_of", URL, "alice")
            as_the_page_says("A job of a partition that comes first", seen, logs(cluster))
        assert hub.check("--until", "server_spawns")[-1]["ok"]
        gone(cluster)


def test_a_node_that_dies_takes_its_servers_along_and_others_start_elsewhere(cluster, hub, server):
    name = server.sh("hostname").stdout.strip()
    with deployment.made(server, *slurm.DEAD_NODE):
        at_once = hub.on_server("page_of", URL, "alice")
        hub.machine.until("! squeue --noheader --user=alice | grep .", 180)
        later = hub.on_server("page_of", URL, "alice")
        as_the_page_says("A node fails", f"{at_once}\n{later}", logs(cluster))
        assert computes_at(hub) in {*slurm.NODES} - {name}
        assert server.sh("pgrep --uid alice").stdout
    # What still runs there when it comes back is ended.
    cluster.ready()
    gone(cluster, 120)


ALL = dict.fromkeys(("variable", "websocket", "login", "file"), True)


def test_slurms_programs_and_the_hub_may_restart_while_servers_run(cluster, hub):
    with faults.watching(hub) as told:
        hub.machine.sh("systemctl restart slurmctld")
        for node in cluster.nodes.values():
            node.sh("systemctl restart slurmd munge")
        cluster.ready()
    assert told["lived"] == ALL, told
    as_the_page_says("Slurm's programs restart", "", logs(cluster))
    with faults.watching(hub) as told:
        faults.restart(hub)
    assert told["lived"] == ALL | {"websocket": False}, told
    as_the_page_says("The hub restarts", "", logs(cluster))
    stop(hub)
    gone(cluster)


def test_a_controller_that_is_away_ends_no_server_and_starts_none(cluster, hub):
    with faults.watching(hub) as told, deployment.made(hub.machine, "systemctl stop slurmctld", "systemctl start slurmctld"):
        last = hub.check("--until", "server_spawns", user="bob")[-1]
        as_the_page_says("Slurm's controller is away", last["said"], logs(cluster))
        # The hub looks for servers every half minute, and when it starts.
        hub.machine.sh("sleep 35")
        faults.restart(hub)
    assert told["lived"] == ALL | {"websocket": False}, told
    assert (last["rung"], last["ok"]) == ("server_spawns", False), tell(last)
    assert (last["certainty"], last["page"]) == ("one of these", "deploy/slurm"), last
    cluster.ready()
    stop(hub)
    gone(cluster)


def test_a_server_that_is_stopped_while_the_controller_is_away_ends_once_it_is_back(cluster, hub, server):
    with deployment.made(hub.machine, "systemctl stop slurmctld", "systemctl start slurmctld"):
        stop(hub)
        hub.machine.until("journalctl --unit jupyterhub --since -1min --grep 'scancel: error'", 60)
        as_the_page_says("A user stops a server while the controller", hub.on_server("page_of", URL, "alice"), logs(cluster))
    cluster.ready()
    gone(cluster)
    # And the next one is another.
    assert hub.check("--until", "server_spawns")[-1]["ok"]
    gone(cluster)


def test_batchspawners_own_forgets_a_job_that_it_could_not_cancel(cluster, hub):
    """The control: without the method of the published file the job goes on, and the hub knows nothing of it."""
    with deployment.configured(cluster.hub, CONFIG, "JobSpawner.stop = SlurmSpawner.stop"):
        assert hub.check("--until", "server_spawns", "--keep-server")[-1]["ok"]
        with deployment.made(hub.machine, "systemctl stop slurmctld", "systemctl start slurmctld"):
            stop(hub)
            hub.machine.until("journalctl --unit jupyterhub --since -1min --grep 'scancel: error'", 60)
        cluster.ready()
        assert "Launch Server" in hub.on_server("page_of", URL, "alice")
        hub.machine.sh("sleep 10")
        assert cluster.jobs()[0].startswith("alice RUNNING"), cluster.jobs()
        hub.machine.sh(f"scancel --name={JOB}")
        gone(cluster)


def test_on_a_node_without_the_environment_a_start_fails_at_once_and_the_jobs_log_says_why(cluster, hub):
    with slurm.one_node(cluster) as node, deployment.made(node, *slurm.NO_PROGRAM):
        last = fails(cluster, "A node lacks the environment")
    assert last["seconds"] < 60, last


def test_on_a_node_without_the_homes_a_start_fails_at_once_and_no_log_of_the_job_is_written(cluster, hub):
    hub.machine.sh(f"rm --force {JOB_LOG}")
    with slurm.one_node(cluster) as node, deployment.made(node, *slurm.NO_HOMES):
        last = fails(cluster, "A node has no homes", job=False)
    assert hub.machine.sh(f"ls {JOB_LOG}", check=False).returncode
    assert last["seconds"] < 60, last


def test_on_a_node_whose_spool_is_full_no_server_starts(cluster, hub):
    with (
        deployment.configured(cluster.hub, CONFIG, "c.SlurmSpawner.start_timeout = 40"),
        slurm.one_node(cluster) as node,
        # Whatever fails here, later tests have the node.
        deployment.made(hub.machine, ":", "scontrol update NodeName=node1 State=RESUME || true"),
        deployment.made(node, *slurm.NODES_FULL_SPOOL),
    ):
        idle = "sinfo --noheader --nodes=node1 --responding --states=idle --format=%N | grep ."
        hub.machine.until(f"scontrol show node node1 | grep State=; {idle}", 120)
        fails(cluster, "A node's disk is full", job=False)
        assert "SlurmdSpoolDir" in hub.machine.sh("sinfo --list-reasons").stdout
    cluster.ready()
    assert hub.check("--until", "server_spawns")[-1]["ok"]
    gone(cluster)


def test_where_the_controllers_spool_is_full_no_server_starts(cluster, hub):
    with deployment.made(hub.machine, *slurm.CONTROLLERS_FULL_SPOOL):
        hub.machine.until("scontrol ping | grep 'is UP'")
        fails(cluster, "The controller's disk is full", job=False)
    cluster.ready()
    assert hub.check("--until", "server_spawns")[-1]["ok"]
    gone(cluster)


def test_where_munge_does_not_run_on_the_hubs_machine_no_server_starts(cluster, hub):
    with deployment.made(hub.machine, "systemctl stop munge", "systemctl start munge"):
        last = hub.check("--until", "server_spawns")[-1]
        as_the_page_says("Munge does not run", last["said"], logs(cluster, job=False))
        assert (last["certainty"], last["page"]) == ("one of these", "deploy/slurm"), last
    gone(cluster)


def test_where_nodes_do_not_reach_the_hubs_address_a_start_fails_at_once(cluster, hub):
    with deployment.configured(cluster.hub, CONFIG, 'c.JupyterHub.hub_bind_url = "http://127.0.0.1:881"'):
        last = fails(cluster, "Nodes do not reach the hub")
    assert last["seconds"] < 60, last


def test_where_clocks_are_apart_the_node_is_not_trusted(cluster, hub):
    with (
        deployment.configured(cluster.hub, CONFIG, "c.SlurmSpawner.start_timeout = 40"),
        slurm.one_node(cluster) as node,
        deployment.made(node, slurm.WRONG_CLOCK, slurm.RIGHT_CLOCK),
    ):
        fails(cluster, "A node's clock is an hour ahead", job=False)
    cluster.ready()


def test_another_version_on_a_node_is_told_by_the_check(cluster, hub):
    with slurm.one_node(cluster) as node, deployment.made(node, *slurm.OTHER_VERSION):
        rungs = hub.check()
    assert rungs[-1]["ok"], tell(rungs[-1])
    as_the_page_says("A node has another version", json.dumps(rungs), hub.log())
    gone(cluster)


def told_to_the_hub(server, **what):
    """What the hub answers when alice's server tells it something about itself, with its own token."""
    ask = "import json, sys, urllib.request as u; r = u.Request('http://head:881/jupyter/hub/api/batchspawner', sys.argv[2].encode(), "
    ask += "{'Authorization': 'token ' + sys.argv[1]}); print(u.urlopen(r).status)"
    done = server.exec(PYTHON, "-c", ask, token(server), json.dumps(what), check=False, user="alice")
    return done.stdout.strip() or done.stderr


def test_a_server_may_tell_the_hub_its_port_and_nothing_else(cluster, hub, server):
    """batchspawner's own handler would set what the hub runs as root."""
    hub.machine.sh(f"rm --force {TOUCHED}")
    assert "HTTP Error 400" in told_to_the_hub(server, exec_prefix=PREFIX)
    assert told_to_the_hub(server, port=int(address(hub)[1]), exec_prefix=PREFIX) == "200"
    # The hub has Slurm asked about the job every 30 seconds.
    hub.machine.sh("sleep 35")
    assert hub.machine.sh(f"ls {TOUCHED}", check=False).returncode


def test_with_batchspawners_own_handler_a_server_sets_what_the_hub_runs_as_root(cluster, hub):
    own = "default_handlers[:] = [(path, PortHandler.__base__ if one is PortHandler else one) for path, one in default_handlers]"
    with deployment.configured(hub, CONFIG, own), started(cluster, hub) as server:
        assert told_to_the_hub(server, port=int(address(hub)[1]), exec_prefix=PREFIX) == "200", hub.log()[-6000:]
        hub.machine.until(f"ls {TOUCHED}", 60)
        assert hub.machine.sh(f"stat --format %U {TOUCHED}; rm {TOUCHED}").stdout == "root\n"


# Slurm would hand on the hub's own umask to its jobs.
OTHER = """mkdir -p /run/systemd/system/jupyterhub.service.d
printf '[Service]\\nUMask=0022\\nEnvironment=OF_THE_HUBS=own\\n' >/run/systemd/system/jupyterhub.service.d/umask.conf
systemctl daemon-reload; systemctl restart jupyterhub.service"""
ITS_OWN = "rm /run/systemd/system/jupyterhub.service.d/umask.conf; systemctl daemon-reload; systemctl restart jupyterhub.service"


@pytest.fixture
def another_environment(hub):
    with deployment.made(hub.machine, OTHER, ITS_OWN):
        hub.machine.until(deployment.IS_UP)
        yield
    hub.machine.until(deployment.IS_UP)


def test_new_files_are_their_users_alone_whatever_umask_the_hub_has(another_environment, hub, server):
    assert hub.on_server("compute", URL, "alice", "open('/home/alice/own.txt', 'w').close(); print(1)", "--keep-server") == "1\n"
    assert server.sh("stat --format '%a %U' /home/alice/own.txt; rm /home/alice/own.txt").stdout.split() == ["600", "alice"]


def test_no_server_waits_for_its_users_profile(cluster, hub):
    profile = "/home/alice/.profile"
    make = f"cp --archive {profile} /root/kept; echo 'exec sleep 600' >{profile}"
    with deployment.made(hub.machine, make, f"cp --archive /root/kept {profile}"), started(cluster, hub) as server:
        assert not server.sh("pgrep --uid alice --exact sleep", check=False).stdout


def test_a_server_has_the_nodes_programs_and_language_and_nothing_of_the_hubs_environment(another_environment, cluster, hub):
    assert (
        "OF_THE_HUBS=own" in hub.machine.sh(r"tr '\0' '\n' </proc/$(systemctl show --property MainPID --value jupyterhub)/environ").stdout
    )
    with contextlib.ExitStack() as stack:
        for node in cluster.nodes.values():
            make = "mv /etc/default/locale /root/kept 2>/dev/null; echo LANG=en_IE.UTF-8 >/etc/default/locale"
            stack.enter_context(
                deployment.made(node, make, "rm /etc/default/locale; mv /root/kept /etc/default/locale 2>/dev/null || true")
            )
        server = stack.enter_context(started(cluster, hub))
        environment = dict(line.split("=", 1) for line in of_its_server(server).splitlines())
        name = server.sh("hostname").stdout.strip()
    assert "OF_THE_HUBS" not in environment
    assert environment["HOME"] == "/home/alice"
    assert environment["LANG"] == "en_IE.UTF-8"
    assert "/opt/jupyterhub/bin" in environment["PATH"].split(":")
    assert environment["SLURMD_NODENAME"] == name


def test_another_user_of_the_node_finds_nothing_of_a_server(cluster, hub, server):
    secret = token(server)
    assert len(secret) > 20
    server.put({path: text for path, text in deployment.ON_SERVER.items() if "local_scan" in path})
    # As the guide's add.sh makes homes. Debian 12 makes them readable for everybody.
    server.sh("chmod 700 /home/*")
    seen = local_users.swept(server, "bob", [secret])
    port = address(hub)[1]
    assert seen["user"] == "bob"
    assert "HTTP" in seen["ports"][port], seen["ports"]
    ask = f"http://127.0.0.1:{port}/jupyter/user/alice/api/contents"
    done = server.exec(PYTHON, "-c", "import sys, urllib.request as u; u.urlopen(sys.argv[1])", ask, check=False, user="bob")
    assert "HTTP Error 403" in done.stderr, done
    assert not seen["processes"]
    assert not {path: how for path, how in seen["files"].items() if "alice" in path or "secret" in how or "jupyter-" in path}
    assert server.exec("ls", "/home/alice", user="bob", check=False).returncode


def test_another_user_finds_nothing_from_elsewhere_nor_by_slurms_own_programs(cluster, hub, server):
    secret, (name, port) = token(server), address(hub)
    (other,) = (node for node in cluster.nodes.values() if node is not server)
    for machine in (other, hub.machine):
        machine.put({path: text for path, text in deployment.ON_SERVER.items() if "local_scan" in path})
        machine.sh("chmod 700 /home/*")
        seen = local_users.swept(machine, "bob", [secret])
        assert seen["user"] == "bob"
        assert not seen["processes"]
        assert not {path: how for path, how in seen["files"].items() if "alice" in path or "secret" in how or "jupyter-" in path}
    assert other.exec(PYTHON, "-c", CONNECT, slurm.ADDRESSES[name], port, user="bob", check=False).returncode
    # On the hub's machine, since a node has none of these programs. Who brings them there speaks to the same controller.
    (job,) = hub.machine.sh("squeue --noheader --format=%i").stdout.split()
    assert not hub.machine.exec("squeue", "--noheader", user="bob").stdout
    for asked in ("scontrol show job {}", "scontrol write batch_script {} -", "scontrol hold {}", "scontrol requeue {}", "scancel {}"):
        done = hub.machine.exec("sh", "-c", asked.format(job), user="bob", check=False)
        assert "singleuser" not in done.stdout, done
        assert re.search("denied|Invalid (job|user) id", done.stderr), (asked, done)
    assert cluster.jobs()[0].startswith("alice RUNNING"), cluster.jobs()
    # A job of their own, by hand, has the partition's limits too.
    for asked in ("--mem=5000", "--time=13:00:00", "--partition=short --time=3:00:00"):
        done = hub.machine.exec("sh", "-c", f"sbatch --chdir=/tmp {asked} --wrap=id", user="bob", check=False)
        assert (done.returncode, "submission failed" in done.stderr) == (1, True), (asked, done)
    # What its own user may do.
    assert "alice" in hub.machine.exec("squeue", "--noheader", user="alice").stdout


def test_the_hub_and_servers_are_reached_by_whom_the_page_says(cluster, hub, server):
    name, port = address(hub)
    (other,) = (node for node in cluster.nodes.values() if node is not server)

    def reached(machine, to, number):
        return machine.exec(PYTHON, "-c", CONNECT, slurm.ADDRESSES[to], number, check=False).returncode == 0

    with deployment.stranger(hub, cluster.network) as stranger:
        assert [reached(stranger, "head", number) for number in ("881", "6817")] == [False, False]
        assert [reached(stranger, name, number) for number in (port, "6818")] == [False, False]
    assert reached(server, "head", "881")
    assert reached(hub.machine, name, port)
    assert not reached(other, name, port)
    # Without the firewall they are.
    hub.machine.sh("nft delete table inet jupyter_cluster")
    try:
        with deployment.stranger(hub, cluster.network) as stranger:
            assert reached(stranger, "head", "881")
    finally:
        hub.machine.sh(f"nft --file {SAVED_AS['slurm/firewall-head.nft']}")


# Names and homes that a directory may give


# By an account's name, its home, and the method of the published file without which root's shell or sbatch obeys one of them.
STRANGE = {
    "x$(touch made)": ("/home/strange1", "quoted_name"),
    "x$(>made)@example.com": ("/home/strange2", "quoted_name"),
    "bob --uid=root #": ("/home/strange3", "quoted_name"),
    "x --nice=-100 --comment=y": ("/home/x --nice=-100 --comment=y", "quoted_home"),
}
NUMBERS = {name: str(number) for number, name in enumerate(STRANGE, 3001)}
MADE_BY_ROOT = "/var/lib/jupyterhub/made"


@pytest.fixture(scope="module")
def strange(cluster, hub):
    """All machines have accounts of these names."""
    for machine in (hub.machine, *cluster.nodes.values()):
        for name, number in NUMBERS.items():
            people.account(machine, name, int(number), STRANGE[name][0])
            assert machine.exec("id", "--user", name).stdout == f"{number}\n"


@contextlib.contextmanager
def without(cluster, method):
    """A hub whose slurm.py lacks a method, for the length of a `with` block."""
    published = cluster.hub.machine.read(CONFIG)
    less = re.sub(rf'(?s)    @default\("\w+"\)\n    def {method}\(.*?\n\n', "", published)
    assert less.count("\n") == published.count("\n") - 5

    def start(text):
        cluster.hub.machine.sh("systemctl restart jupyterhub", {CONFIG: text})
        cluster.hub.machine.until(deployment.IS_UP)

    start(less)
    try:
        yield
    finally:
        cluster.hub.machine.sh(f"rm --force {MADE_BY_ROOT}; scancel --name={JOB}")
        gone(cluster)
        start(published)


def log_of(hub, name):
    """Who owns the log of an account's job."""
    return hub.machine.sh(f"stat --format %u {shlex.quote(STRANGE[name][0])}/.jupyter-job.log", check=False).stdout.strip()


@pytest.mark.parametrize("name", STRANGE)
def test_no_name_or_home_is_a_command_or_an_option_of_roots(cluster, hub, strange, name):
    last = hub.check("--until", "server_spawns", "--keep-server", user=name)[-1]
    assert last["ok"], tell(last)
    assert hub.machine.sh("squeue --noheader --format='%U %y'").stdout.split() == [NUMBERS[name], "0"]
    assert log_of(hub, name) == NUMBERS[name]
    runs = [node.sh(f"pgrep --count --uid {NUMBERS[name]}", check=False).stdout for node in cluster.nodes.values()]
    assert sorted(map(bool, map(int, runs))) == [False, True]
    hub.on_server("stop", URL, name)
    gone(cluster)
    assert not hub.machine.sh("find / /home /tmp /run -xdev -maxdepth 4 -name made").stdout


# What is done in root's name where a method is missing.
HARM = {
    "x$(touch made)": f"stat --format %U {MADE_BY_ROOT} | grep -x root",
    "x$(>made)@example.com": f"stat --format %U {MADE_BY_ROOT} | grep -x root",
    "bob --uid=root #": f"stat --format %U {STRANGE['bob --uid=root #'][0]}/.jupyter-job.log | grep -x root",
    "x --nice=-100 --comment=y": "scontrol --oneliner show jobs | grep 'Nice=-100 '",
}


@pytest.mark.parametrize("name", STRANGE)
def test_without_its_method_roots_shell_or_sbatch_obeys_what_a_name_or_a_home_says(cluster, hub, strange, name):
    """Controls."""
    assert hub.machine.sh(HARM[name], check=False).returncode
    forget_the_log = f"rm --force {shlex.quote(STRANGE[name][0])}/.jupyter-job.log"
    hub.machine.sh(forget_the_log)
    with without(cluster, STRANGE[name][1]):
        hub.check("--until", "server_spawns", user=name)
        hub.machine.until(HARM[name], 20)
        hub.machine.sh(forget_the_log)


# What users choose


HOSTILE = [
    {"cmd": "touch made-by-a-link"},
    {"username": "bob"},
    {"memory": "2G\n#SBATCH --nice=-100"},
    {"memory": "2G\n#SBATCH --export-file=/etc/shadow"},
    {"memory": "4095M"},
    {"memory": ""},
    {"memory": ["2G", "4G"]},
]
# What a link, and what a user's own request, write into the script of batchspawner's own, to have a command run.
COMMAND = {"link": "' $(touch made-by-a-link)", "API": "touch made-by-a-link"}
MADE = "/home/alice/made-by-a-link"


@pytest.mark.parametrize("how", COMMAND)
def test_without_choices_nothing_that_a_user_or_a_link_asks_for_reaches_the_job(cluster, hub, how):
    told = hub.on_server("spawned", URL, "alice", how, json.dumps({"cmd": COMMAND[how]}))
    stop(hub)
    gone(cluster)
    assert hub.machine.sh(f"ls {MADE}", check=False).returncode, told
    assert "Not one of the choices" in hub.log()
    # What was refused is not tried again.
    assert hub.check("--until", "server_spawns")[-1]["ok"]
    gone(cluster)


def test_batchspawners_own_runs_what_a_link_says(cluster, hub):
    """The control: without the class of the published file it does."""
    lines = ["import batchspawner", "c.JupyterHub.spawner_class = batchspawner.SlurmSpawner", "c.SlurmSpawner.start_timeout = 20"]
    with deployment.configured(cluster.hub, CONFIG, *lines):
        hub.on_server("spawned", URL, "alice", "link", json.dumps({"cmd": COMMAND["link"]}))
        hub.machine.until(f"ls {MADE}", 30)
        hub.machine.sh(f"rm {MADE}")
        gone(cluster)
        # The hub remembers what was asked for.
        hub.on_server("spawned", URL, "alice", "API", "{}")
        stop(hub)
        gone(cluster)
    hub.machine.sh(f"rm --force {MADE}")


@pytest.fixture(scope="module")
def choosing(readers, hub):
    """The reader has followed the page's section on choices."""
    head = readers[0]
    head.follow(PAGE, [CHOICES])
    assert head.meet_all(PAGE, WITH_CHOICES) == len(WITH_CHOICES)
    assert not head.wrong, "\n\n".join(head.wrong)
    hub.machine.until(deployment.IS_UP)
    return head


def test_a_user_gets_what_was_chosen(cluster, place, hub, choosing, prove):
    prove(*choosing.proof(*place))
    with a_browser(cluster) as browser:
        page = browser.new_page()
        user_browser.sign_in(page, "alice", hub.passwords["alice"])
        page.get_by_label("Partition").select_option("short")
        page.get_by_label("Memory").select_option("4 GB")
        page.get_by_label("Runtime").select_option("30 minutes")
        page.get_by_role("button", name="Start").click()
        page.wait_for_url(re.compile("/user/alice/"), timeout=60_000)
    assert hub.machine.sh("squeue --noheader --format='%P %m %l'").stdout.split() == ["short", "4G", "30:00"]
    stop(hub)
    gone(cluster)
    # By the API, as the check starts a server: what was chosen the last time.
    assert hub.check("--until", "server_spawns", "--keep-server")[-1]["ok"]
    assert hub.machine.sh("squeue --noheader --format='%P %m %l'").stdout.split() == ["short", "4G", "30:00"]
    stop(hub)
    gone(cluster)
    prove(evidence.chosen(cluster.release(), hub.suite))


@pytest.mark.parametrize("how", ["form", "API"])
def test_what_is_not_offered_is_refused(cluster, hub, choosing, how):
    for fields in HOSTILE:
        told = hub.on_server("spawned", URL, "alice", how, json.dumps(fields))
        assert (told["status"], "Not one of the choices" in told["said"]) == (400, True), (fields, told)
    gone(cluster)
    assert hub.machine.sh(f"ls {MADE}", check=False).returncode


def test_what_a_partition_does_not_allow_is_refused_by_slurm_and_the_user_reads_why(cluster, hub, choosing):
    told = hub.on_server("spawned", URL, "alice", "form", json.dumps({"partition": "short", "memory": "2G", "runtime": "8:00:00"}))
    as_the_page_says("A user chooses more", json.dumps(told), hub.log())
    gone(cluster)


def test_each_row_of_the_pages_table_is_made_here():
    table = (ROOT / PAGE).read_text("utf-8").partition("## When something fails")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([A-Z][^|]*) \|", table, re.M)[1:]
    made = re.findall(r'(?:as_the_page_says|fails)\((?:cluster, )?"([^"]+)"', Path(__file__).read_text("utf-8"))
    assert len(rows) == len(made) > 18
    assert not [row for row in rows if not any(row.startswith(name) for name in made)]


def test_without_the_line_servers_run_on_the_hubs_machine_again(cluster, place, hub, readers, prove):
    """The last one: what comes after it would have no cluster."""
    head = readers[0]
    before = len(head.typed)
    # alice's last choice was refused, and the hub would try it again.
    assert hub.check("--until", "server_spawns", "--keep-server", user="bob")[-1]["ok"]
    hub.machine.exec("sh", "-c", "sbatch --job-name=jupyter --mem=500 --chdir=/tmp --output=/dev/null --wrap='sleep 600'", user="bob")
    hub.machine.until("test $(squeue --noheader --states=RUNNING | wc -l) = 2")
    head.follow(PAGE, [AWAY])
    left = cluster.jobs()
    hub.machine.sh("scancel --user=bob")
    assert not head.wrong, "\n\n".join(head.wrong)
    assert len(head.typed) == before + 4
    # A user's own job goes on, whatever its name.
    assert [job.split()[:2] for job in left] == [["bob", "RUNNING"]]
    hub.machine.until(deployment.IS_UP)
    assert computes_at(hub) == hub.machine.sh("hostname").stdout.strip()
    prove(*head.proof(*place, before))
