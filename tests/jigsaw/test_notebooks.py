"""The notebooks' saved outputs are what the published kernel prints; a notebook with other outputs is refused."""

import copy
import json
import re

import pytest

from tests.harness.manifest import HUBS, NEWEST, ROOT
from tests.harness.measuring import notebooks
from tests.harness.measuring.notebooks import NOTEBOOKS

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module", params=[hub for hub in HUBS if hub.startswith(NEWEST)])
def machine(request):
    """The newest JupyterHub on each of Debian's releases."""
    with notebooks.classroom(request.param) as machine:
        yield machine


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.xdist_group("notebooks")
@every_notebook
def test_a_notebook_prints_what_it_holds(machine, path):
    notebook = path.read_text("utf-8")
    verdict = notebooks.compare(machine, path.name, notebook)
    if not verdict.passed:
        why = notebooks.explain(machine, path.name, notebook)
        pytest.fail(f"{path.name} holds other outputs than it prints.\n{verdict.report}\n{why}", pytrace=False)


@pytest.mark.xdist_group("notebooks")
def test_a_notebook_with_wrong_outputs_is_refused(machine):
    path = ROOT / "jigsaw/first-blocks.ipynb"
    notebook = json.loads(path.read_text("utf-8"))
    blocks, hello, total, _ = code_cells(notebook)
    # What nbval has to notice: another script than MetaKernel's, a magic that fails (in a stream, not as an error), a wrong sum.
    script, magic, wrong = copy.deepcopy([blocks, blocks, total])
    script["outputs"][0]["data"]["application/javascript"].append("\n// changed")
    magic["source"] = ["%jigsaw Pascal --workspace first-blocks"]
    wrong["outputs"][0]["text"] = ["54\n"]
    notebook["cells"] = [script, hello, magic, wrong]
    verdict = notebooks.compare(machine, path.name, json.dumps(notebook))
    assert re.findall(r"^FAILED .*?(\S+::Cell \d)", verdict.report, re.MULTILINE) == [
        "first-blocks.ipynb::Cell 0",
        "first-blocks.ipynb::Cell 2",
        "first-blocks.ipynb::Cell 3",
    ]
    assert not verdict.passed


@every_notebook
def test_every_cell_has_run_and_none_has_failed(path):
    found = notebooks.faults(json.loads(path.read_text("utf-8")))
    assert not found


@every_notebook
def test_the_site_shows_no_live_editor(path):
    """A page of the site has no kernel behind it: an editor there would be a script and a frame that lead nowhere."""
    editors = [cell for cell in code_cells(json.loads(path.read_text("utf-8"))) if cell["source"][0].startswith("%jigsaw")]
    tags = [cell["metadata"].get("tags") for cell in editors]
    assert tags
    assert tags == [["remove-output"]] * len(tags)
    # Without a name, each run makes a new workspace, with a new random name.
    assert {cell["source"][0] for cell in editors} == {f"%jigsaw Python --workspace {path.stem}"}
