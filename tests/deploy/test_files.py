"""What the published jupyter_server_config.py changes for users' files and for all else: a server with the file beside one without it."""

import pytest

from tests.harness.machines import deployment
from tests.harness.machines.deployment import BEHIND
from tests.harness.manifest import NEWEST, PUBLISHED, SAVED_AS, Files

NAME = "jupyter/jupyter_server_config.py"
WITHOUT = Files({NAME: ""})
pytestmark = pytest.mark.xdist_group(f"hub-{NEWEST}")


def told(hub, user, files):
    """What a user's server says that starts with such files."""
    hub.machine.put({SAVED_AS[NAME]: files.read(NAME)})
    try:
        return deployment.on_server(hub.machine, "responses", "tell", BEHIND, user)
    finally:
        hub.machine.put({SAVED_AS[NAME]: PUBLISHED.read(NAME)})


@pytest.fixture(scope="module")
def ours(hubs):
    return told(hubs(NEWEST), "alice", PUBLISHED)


@pytest.fixture(scope="module")
def stock(hubs):
    return told(hubs(NEWEST), "mallory", WITHOUT)


POLICY = {"Content-Security-Policy": [f"frame-ancestors {who}; sandbox allow-scripts" for who in ("'self'", "'none'")]}
# By request, our status and the other. Jupyter lists and opens what a link leads to, and since Tornado 6.5.9 does not send it.
CHANGED = {
    "GET static/blockly/blockly.min.js": [200, 404],
    "GET files/asked/outside.txt": [200, 403],
    "GET files/asked/outside/jupyterhub_config.py": [200, 403],
    "GET files/asked/outside": [403, 403],
    "GET files/asked/shown.txt": [200, 404],
}


def test_files_are_sent_as_without_the_published_file_but_for_frames_and_links(ours, stock):
    answers = {asked: ours[asked] for asked in ours if " " in asked}
    for asked, (status, headers, body) in answers.items():
        other, others, theirs = stock[asked]
        pairs = {name: [headers.get(name), others.get(name)] for name in headers.keys() | others.keys()}
        differs = {what: pair for what, pair in (pairs | {"body": [body, theirs]}).items() if pair[0] != pair[1]}
        assert [status, other] == CHANGED.get(asked, [status, status]), asked
        if asked in CHANGED and status == 200:
            differs = {what: pair for what, pair in differs.items() if what in POLICY}
        differs.pop("body" if asked in CHANGED else "", None)
        assert differs == (POLICY if " files/" in asked else {}), asked
    assert {status for status, _, _ in answers.values()} == {200, 206, 302, 304, 403, 404, 416, 500}
    assert answers["GET files/asked/large.bin Range: bytes=3-5"][1]["Content-Range"] == "bytes 3-5/300000000"
    assert {"Content-Disposition", "Last-Modified"} <= answers["GET files/asked/note.ipynb"][1].keys()


def test_a_large_download_takes_no_more_memory_than_without_the_published_file(ours, stock):
    assert ours["megabytes"] < 20, "the server takes so many megabytes more to send 300"
    assert stock["megabytes"] < 20


def test_pages_and_sockets_are_as_without_the_published_file_but_for_the_check_of_the_build(ours, stock):
    differs = {name for name in ours["page"].keys() | stock["page"].keys() if ours["page"].get(name) != stock["page"].get(name)}
    assert differs - {"token"} == {"buildCheck"}
    assert ours["socket"] == stock["socket"]
