"""The tools of `make bench`, and what the page shows of its numbers."""

import json
import re
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from tests.harness.machines import deployment, engine
from tests.harness.manifest import PUBLISHED, ROOT, VALUES, Files
from tests.harness.measuring import bench, evidence
from tests.harness.site.guide import small, sphinx

# The link


def answering(port):
    """Somebody on loopback who sends back what comes."""
    server = socket.create_server(("127.0.0.1", port))

    def serve():
        while True:
            line, _ = server.accept()
            threading.Thread(target=pump, args=(line,), daemon=True).start()

    def pump(line):
        while data := line.recv(65536):
            line.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


def free():
    with socket.create_server(("127.0.0.1", 0)) as some:
        return some.getsockname()[1]


@pytest.fixture
def link(tmp_path):
    """`link(milliseconds, megabits)`: seconds until the first byte comes back, the second, and a megabyte."""
    there, here = answering(0), free()
    file = tmp_path / "link.json"
    file.write_text('{"rtt": 0, "rate": 0}')
    relay = subprocess.Popen([sys.executable, str(bench.HERE / "relay.py"), str(file), f"{here}=127.0.0.1:{there}"])
    engine.wait(lambda: socket.create_connection(("127.0.0.1", here)).close())

    def measure(rtt, rate):
        file.write_text(json.dumps({"rtt": rtt, "rate": rate}))
        took = []
        with socket.create_connection(("127.0.0.1", here)) as line:
            for size in (1, 1, 1_000_000):
                began = time.monotonic()
                threading.Thread(target=line.sendall, args=(b"x" * size,), daemon=True).start()
                while size:
                    size -= len(line.recv(65536))
                took.append(time.monotonic() - began)
        return took

    yield measure
    relay.terminate()
    relay.wait()


def test_a_link_is_as_far_and_as_slow_as_it_says(link):
    first, second, megabyte = link(200, 16)
    # The first byte waits for the handshake too; a megabyte goes at eight bits a byte, at 16 megabits a second.
    assert 0.4 <= first < 0.6
    assert 0.2 <= second < 0.4
    assert 0.7 <= megabyte < 1.5
    assert max(link(0, 0)) < 0.2


# The other configurations

JUPYTERHUBS = {"nginx/jupyterhub.conf": (bench.HERE / "jupyterhub-nginx.conf").read_text("utf-8")}


@pytest.mark.parametrize(("kind", "said"), [("bookworm", "is deprecated"), ("trixie", "unknown directive"), ("pypi", "unknown directive")])
def test_newer_nginx_refuses_what_jupyterhubs_page_says_of_ssl(kind, said, idle):
    machine = idle(kind)
    machine.put(deployment.placed("nginx", Files(JUPYTERHUBS)))
    asked = machine.exec("nginx", "-t", check=False)
    assert re.search(rf'"ssl" directive {said}|{said} "ssl"', asked.stderr)
    assert bool(asked.returncode) == (said == "unknown directive")


# Reverse proxies that take turns

WAYS = {way.name: way for way in bench.WAYS}
SERVER = "import requests, sys; print(requests.get(sys.argv[1], verify=False).headers['Server'])"


@pytest.fixture(scope="module")
def server():
    with bench.without_hub() as server:
        yield server


def test_reverse_proxies_take_turns_and_are_made_once(server):
    machine, met = server.hub.machine, []
    for name in ("nginx, this guide", "Apache, this guide", "nginx, original guide", "nginx, this guide"):
        with server.behind(WAYS[name]) as proxy:
            said = machine.exec(deployment.PYTHON, "-W", "ignore", "-c", SERVER, f"https://{VALUES['host']}/").stdout
            met.append((proxy.id, said.strip()))
            version = evidence.reported(proxy, "nginx")
        assert "443" not in deployment.listening(machine)
    assert [said for _, said in met] == ["nginx", "Apache", f"nginx/{version}", "nginx"]
    assert met[0] == met[-1]


# A kernel's answers


def test_behind_a_configuration_that_refuses_some_addresses_answers_are_measured_too(monkeypatch):
    """The original guide's Apache refuses a WebSocket whose address holds a question mark. The check ends there; the bench goes on."""
    monkeypatch.setattr(bench, "NEAR", "0:1:1:1")
    monkeypatch.setattr(bench, "FAR_AWAY", ["40:1:1:1"])
    with bench._bench() as server:
        seen = bench.replies(server, WAYS["Apache, original guide"])
    assert sorted(seen) == ["0", "40"]
    assert all(all(found[what] for what in ("answers", "echoes", "outputs")) for found in seen.values()), seen
    assert min(min(seen["40"]["answers"])) >= 40


# Open notebooks


def test_a_thousand_websockets_open_through_nginx(server):
    rows = bench.opened(server, WAYS["nginx, this guide"])
    assert [row["open"] for row in rows] == bench.SIZES, rows
    assert "error" not in rows[-1]


def test_as_debian_installs_it_nginx_is_full_before(server):
    rows = bench.opened(server, WAYS["nginx, original guide"])
    assert rows[-1]["open"] < 800, rows


# More than half of what the script allows to each worker.
MANY = 5000
ONE_WORKER = "sed -i 's/worker_processes auto/worker_processes 1/' \"$conf\"\ncmp --silent"


def test_each_worker_of_nginx_has_room_for_thousands_of_connections(server):
    files = PUBLISHED.replace(bench.ROOM, "cmp --silent", ONE_WORKER)
    with server.behind(bench.Way("one worker", "nginx", files)):
        assert deployment.on_server(server.hub.machine, "raw_client", "crowd", VALUES["host"], str(MANY)) == 301


def test_with_the_open_files_that_systemd_gives_nginx_is_full_before(server):
    (line,) = [line for line in bench.LINES if line.name == "open files of each worker"]
    rows = bench.opened(server, bench.Way(line.name, line.proxy, line.off), [bench.CROWDED])
    assert rows[-1]["open"] < bench.CROWDED, rows


# A run


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run(*broken)`: measures two items of nothing, of which the broken ones raise RuntimeError; the lines that it says."""
    monkeypatch.setattr(bench, "FILE", tmp_path / "build/bench.json")
    monkeypatch.setattr(bench, "BUILD", tmp_path / "build")
    monkeypatch.setattr(bench, "_versions", lambda running: {})

    @bench.contextlib.contextmanager
    def nothing():
        yield SimpleNamespace()

    monkeypatch.setattr(bench, "_bench", nothing)

    def measure(*broken, again=False):
        def item(_bench, way):
            if way.name in broken:
                raise RuntimeError(way.name)
            return [1]

        monkeypatch.setattr(bench, "STAGES", {"calls": (item, [bench.Way("one"), bench.Way("two")])})
        said = []
        try:
            bench.measure(said.append, again)
        except RuntimeError as error:
            said.append(f"error: {error}")
        return said

    return measure


def test_a_run_that_was_cut_off_goes_on_where_it_was(run):
    assert [line[:22] for line in run("two")] == [" 1 of 2  calls: one  0", "error: two"]
    assert [line[:22] for line in run()][:1] == [" 2 of 2  calls: two  0"]
    assert len(run()) == 1
    assert len(run(again=True)) == 3


def test_numbers_of_other_files_are_not_kept(run):
    run()
    found = json.loads(bench.FILE.read_text("utf-8"))
    bench.FILE.write_text(json.dumps(found | {"files": found["files"] | {"nginx/jupyterhub.conf": "another"}}))
    assert len(run()) == 3


def test_a_bench_that_cannot_run_says_so_in_a_line(monkeypatch, capsys):
    def missing(say):
        raise engine.Trouble("no container engine answers")

    monkeypatch.setattr(engine, "ensure", missing)
    assert bench.main([]) == 1
    assert capsys.readouterr().err == "error: no container engine answers\n"


# The page


def made():
    """Numbers as a run would write them, of no run."""
    near = {"answers": [[4.0, 4.0, 9.0], [5.0], [6.0]], "echoes": [[6.0]], "outputs": [1000.0, 1200.0]}
    far = {"answers": [[40.0], [50.0], [44.0, 46.0]], "echoes": [[50.0]], "outputs": [9000.0]}
    load = {"bytes": 1_500_000, "requests": 75, "seconds": 4.0}
    links = {f"{rate} Mbit/s": load for rate, _ in bench.LINKS}
    loads = {f"{name}, {turn} load": links for name in bench.APPLICATIONS for turn in bench.TURNS}
    brief = {title: {"5 Mbit/s": load} for title in loads}
    rows = [{"asked": size, "open": size, "answers": [3.0, 4.0], "memory": 5_000_000} for size in bench.SIZES]
    full = [*rows[:-1], {"asked": bench.SIZES[-1], "open": 150, "error": "no answer in 5 seconds"}]
    return bench.told() | {
        "stages": {
            "replies": {way.name: {"0": near if "this" in way.name else far, "40": near, "150": far} for way in bench.WAYS},
            "pages": {way.name: loads if way in bench.THOROUGHLY else brief for way in bench.WAYS},
            "again": {way.name: [load | {"seconds": seconds} for seconds in (5.0, 3.0)] for way in bench.THOROUGHLY},
            "calls": {way.name: {"the hub's API": [300.0, 200.0, 330.0]} for way in bench.WAYS},
            "sockets": {way.name: full if "original" in way.name else rows for way in bench.WAYS},
            "lines": {bench.key(line): {"on": [1.0, 1.5, 1.1], "off": [5.0, 4.0], "unit": line.unit} for line in bench.LINES},
            "first_loads": {
                "in turn": {
                    way.name: {
                        "loads": [load, load | {"seconds": 8.0 if "original" in way.name else 3.0}],
                        "api": [250.0],
                        "script": [900.0],
                    }
                    for way in bench.FIRST_LOADS
                }
            },
            "crowd": {"a way": {"users": 50, "seconds": 90.0, "bytes": 80_000_000, "answers": [5.0, 6.0]}},
        },
        "versions": {"jupyterhub": "6.1.1", "nginx": "1.22.1"},
        "date": "2026-11-23",
        "cores": 2,
        "seconds": 700,
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A site of deploy/speed.md, and of what deploy/faster.md shows of the numbers."""
    page = re.sub(r"\[\]\([^)]*\)", "there", (ROOT / "deploy/speed.md").read_text("utf-8"))
    (gains,) = re.findall(r"(?s)(## How much faster it is\n.*?)\n(?:\([a-z-]+\)=\n\n)?## ", (ROOT / "deploy/faster.md").read_text("utf-8"))
    pages = {"speed": page, "faster": gains.replace("## ", "# ").replace("](speed.md#how-it-is-measured)", "](speed.md)")}
    index = "# One page\n\n```{toctree}\ndeploy/speed\ndeploy/faster\n```\n"
    return small(tmp_path_factory.mktemp("tree"), ["bench"], index=index, **pages)


def shown(tree, name="speed"):
    built = sphinx(tree, tree / "build")
    return built.stderr, BeautifulSoup((tree / f"build/html/deploy/{name}.html").read_text("utf-8"), "html.parser")


def test_the_page_shows_numbers_of_these_files_and_of_no_others(tree):
    """One site, built again and again."""
    file = tree / "build/bench.json"
    said, page = shown(tree)
    assert not said
    assert "no numbers here" in page.text
    assert not page.select("svg")

    file.write_text(json.dumps(made()))
    said, page = shown(tree)
    assert not said
    assert "no numbers here" not in page.text
    assert "Run on 2026-11-23, in 12 minutes on 2 cores: JupyterHub 6.1.1, nginx 1.22.1." in page.text
    plots = page.select("figure.plot svg")
    assert len(plots) == 5
    assert len(plots[0].select(".bar.ours")) == 2
    assert [text.text for text in plots[0].select("text")][-1] == "Apache, this guide: 5 (4 to 6)"
    # 88 parts of a hundred are the longest line's, which ends at 50.
    marked = plots[0].select("line")[-1]
    assert (marked["x1"], marked["x2"], plots[0].select("rect")[-1]["width"]) == ("7.04%", "10.56%", "8.80%")
    assert not plots[1].select("line"), "what is the same each time has no range"
    cells = {tuple(cell.text for cell in row.select("th, td")) for row in page.select("tr")}
    assert {
        ("nginx, original guide", "45 (40 to 50)", "100%"),
        ("nginx, this guide", "5 (4 to 6)", "11% (8% to 15%)"),
        ("nginx, this guide", "4 (3 to 5)", "100% (60% to 167%)"),
        ("nginx, this guide", "300 (200 to 330)", "100% (61% to 165%)"),
        ("nginx, this guide", "1.1 (1 to 1.2)", "1.1 (1 to 1.2)", "9"),
        ("nginx, this guide", *["1.5 MB, 75 requests, 4.0 s"] * 3),
        ("no reverse proxy", "—", "—", "1.5 MB, 75 requests, 4.0 s"),
        ("compression, nginx", "MB of scripts and settings", "1.1 (1 to 1.5)", "4.5 (4 to 5)", "0.24 (0.20 to 0.38)"),
    } <= cells
    loads = [head.text for head in page.select("th") if re.search(", .* load$", head.text)]
    assert loads == [f"{name}, {turn} load" for name in bench.APPLICATIONS for turn in bench.TURNS]
    opened = next(row for row in cells if row[0] == "Apache, original guide" and "150 open" in row[-1])
    assert opened[1:] == (*(f"{size} open; a page in 3.5 ms; 5 MB" for size in (1, 10, 100)), "150 open; no answer in 5 seconds")

    faster = {tuple(cell.text for cell in row.select("th, td")) for row in shown(tree, "faster")[1].select("tr")}
    assert {
        ("nginx, original guide", "1.5", "75", "6 (4 to 8)", "1", "900", "250"),
        ("nginx, this guide", "1.5", "75", "3.5 (3 to 4)", "1.71 (1 to 2.67)", "900", "250"),
    } <= faster
    assert len(faster) == 1 + len(bench.FIRST_LOADS)

    changed = made()
    changed["files"]["nginx/jupyterhub.conf"] = "another"
    file.write_text(json.dumps(changed))
    assert "no numbers here" in shown(tree)[1].text
    assert "without a measurement" in shown(tree, "faster")[1].text

    # A comment makes nothing faster.
    script = tree / "snippets/nginx/jupyterhub.conf"
    file.write_text(json.dumps(made()))
    script.write_text("# Another comment.\n\n" + script.read_text("utf-8"))
    assert "no numbers here" not in shown(tree)[1].text

    (tree / "measured").mkdir()
    (tree / "measured/bench.json").write_text(json.dumps(changed))
    script.write_text("user nobody;\n" + script.read_text("utf-8"))
    assert "These files have changed since, so their numbers may have, too: nginx/jupyterhub.conf." in shown(tree)[1].text
    (tree / "measured/bench.json").unlink()


def test_a_broken_file_of_numbers_is_told_in_one_line(tree):
    (tree / "build/bench.json").write_text("[")
    said, page = shown(tree)
    assert "build/bench.json is not what make bench writes: remove it, and run make bench" in said
    assert "no numbers here" in page.text
