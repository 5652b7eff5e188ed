"""Shared editing by jupyter-collaboration: without encoded slashes in Apache, files in the top folder open and those in others do not."""

import json

import pytest

from tests.harness.machines import deployment, engine
from tests.harness.manifest import NEWEST, PROXIES, PUBLISHED, VALUES
from tests.harness.measuring.atlas import ATLAS, Entry

COLLABORATION = "jupyter-collaboration==5.0.4"
TOP, DEEP = "a.ipynb", "folder/a.ipynb"
NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
WITHOUT = Entry(ATLAS / "not-found-for-an-encoded-slash").files


@pytest.fixture(scope="module")
def shared():
    """By whether Apache's site is the published one: the statuses with which documents are opened to be edited together."""
    with engine.network() as network, deployment.hub(NEWEST, network=network) as hub:
        hub.machine.sh(f"{VALUES['environment']}/bin/pip install --quiet --no-cache-dir {COLLABORATION}", timeout=300)
        hub.machine.sh("chown --recursive alice: /home/alice", {f"/home/alice/{name}": NOTEBOOK for name in (TOP, DEEP)})
        seen = {}
        for files in (PUBLISHED, WITHOUT):
            with deployment.in_front(hub, PROXIES["apache"].servers[-1], "apache", files):
                seen[files is PUBLISHED] = hub.on_server("opened_together", deployment.URL, "alice", TOP, DEEP)
        return seen


def test_each_document_opens(shared):
    assert [status in (200, 201) for status in shared[True].values()] == [True, True], shared


def test_without_encoded_slashes_only_what_lies_at_the_top_opens(shared):
    assert shared[False][TOP] in (200, 201)
    assert shared[False][DEEP] == 404
