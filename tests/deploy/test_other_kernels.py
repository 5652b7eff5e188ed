"""deploy/other-kernels.md: kernels from PyPI on a real hub: what each can do, and what is said about those that do not run."""

import contextlib
import json
import re
import shlex

import pytest

from tests.harness.browsers import user_browser
from tests.harness.machines import beside, deployment, images
from tests.harness.machines.deployment import URL
from tests.harness.manifest import HUBS, PROXIES, VALUES
from tests.harness.measuring import evidence, other_kernels
from tests.harness.measuring.other_kernels import BROKEN, DOES, KERNELS, LACKING
from tests.harness.site import following
from tests.harness.site.following import TABS
from tests.harness.site.other_kernels_page import PAGE, STATES

BIN = f"{VALUES['environment']}/bin"
SPECS = f"{VALUES['environment']}/share/jupyter/kernels"
MIT = "executable: mit-scheme\noutput_value_regex: ^;Value:\\s*(.+)$\n"
pytestmark = pytest.mark.xdist_group("other-kernels")


@pytest.fixture(scope="module")
def desk():
    """A hub of the newest Debian with the kernels, behind nginx, and a browser to use it with."""
    images.prepare(lambda line: None, [images.kernels()])
    with user_browser.desk(HUBS[-1], image=lambda _: images.kernels()) as desk, desk.behind("nginx", PROXIES["nginx"].servers[-2]):
        for name, kernel in KERNELS.items():
            if kernel.environment:
                setting = " ".join(shlex.quote(f"{variable}={value}") for variable, value in kernel.environment.items())
                desk.hub.machine.sh(f"{BIN}/python /root/kernels/env.py {name} {setting}", {other_kernels.MIT_CONFIG: MIT})
        yield desk


def act(desk, name, *arguments):
    return deployment.on_server(desk.hub.machine, "kernel_actions", name, URL, "bob", *arguments, timeout=400)


def release(desk, package):
    return desk.hub.machine.sh(f"{BIN}/pip show {package} | sed -n 's/^Version: //p'").stdout.strip()


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_does_what_the_page_says(desk, prove, name):
    kernel = KERNELS[name]
    seen = act(desk, "exercise", name, json.dumps(dict(kernel.steps)))
    does = other_kernels.does(kernel, seen)
    without = kernel.cannot | (frozenset() if kernel.draws else {"draws"})
    assert {word for word in DOES if not does[word]} == without, json.dumps(seen)[:4000]
    # The editor's blocks make Python; it is shown in each kernel all the same.
    notebook = desk.user().open("JupyterLab", desk.notebook(f"blocks/{name}.ipynb", "%jigsaw Python", kernel=name))
    notebook.run()
    notebook.editor().shown()
    does["blocks"] = True
    program = desk.hub.machine.sh(kernel.version).stdout.strip() if kernel.version else ""
    prove(evidence.kernel(desk.hub, kernel.package, release(desk, kernel.package), kernel.shows, program, does))


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_starts_without_a_program_of_the_notebooks_folder(desk, name):
    """A classmate's, in a folder that several share."""
    module = KERNELS[name].package.replace("-", "_")
    beside.shared(desk.hub.machine, module)
    with contextlib.suppress(RuntimeError):
        act(desk, "beside", name, beside.NOTEBOOK)
    assert beside.ran(desk.hub.machine, "bob") == set()
    [told] = act(desk, "beside", name, beside.NOTEBOOK, KERNELS[name].steps["computes"])
    assert told["status"] == "ok", told


@pytest.mark.parametrize("package", BROKEN)
def test_a_package_that_does_not_run_says_so(desk, prove, package):
    name, words = BROKEN[package]
    # As a reader would: by the script, in its folder.
    done = desk.hub.machine.sh(f"cd /root/kernels && sh add.sh {package} {name}", check=False, timeout=300)
    assert words in done.stdout + done.stderr, (done.stdout + done.stderr)[-3000:]
    prove(evidence.kernel(desk.hub, package, "", name, words, dict.fromkeys(DOES, False)))


@pytest.mark.parametrize("package", LACKING)
def test_a_kernel_whose_program_debian_has_not_starts_and_says_what_is_missing(desk, prove, package):
    name, cell, words = LACKING[package]
    desk.hub.machine.sh(f"cd /root/kernels && sh add.sh {package} {name}", timeout=300)
    (seen,) = act(desk, "cells", name, cell)
    assert words in seen["said"] + seen["errors"], seen
    does = dict.fromkeys(DOES, False) | {"installs": True, "starts": True}
    prove(evidence.kernel(desk.hub, package, release(desk, package), name, words, does))


def test_a_kernel_that_is_added_changes_nothing_else(desk):
    """A package that asks for another release of what the hub has is refused before anything is changed."""
    listed = desk.hub.machine.sh(f"{BIN}/pip list --format freeze").stdout
    tell = '[project]\nname = "wants_other"\nversion = "1"\ndependencies = ["jupyterlab<4"]\n'
    done = desk.hub.machine.sh(
        "cp -r /root/kernels /root/refused && cd /root/refused && sh add.sh /root/wants_other wants_other; code=$?; "
        "rm -r /root/refused; exit $code",
        {"/root/wants_other/pyproject.toml": tell},
        check=False,
        timeout=300,
    )
    assert done.returncode
    assert desk.hub.machine.sh(f"{BIN}/pip list --format freeze").stdout == listed


@pytest.mark.parametrize(("name", "cell"), [("octave", "plot(1:10)"), ("gnuplot", "plot [0:10] x notitle")])
def test_a_picture_is_in_the_notebook(desk, name, cell):
    """Seen in the browser: an image of some size, whose bytes are those of a rising line; and it is in the saved file."""
    notebook = desk.user().open("JupyterLab", desk.notebook(f"pictures/{name}.ipynb", cell, kernel=name))
    notebook.run()
    image = notebook.output().locator("img")
    image.wait_for()
    box = image.bounding_box()
    assert box["width"] > 200
    assert box["height"] > 150
    assert other_kernels.rises(image.get_attribute("src").partition("base64,")[2])
    notebook.save()
    saved = json.loads(desk.hub.machine.read(f"/home/alice/pictures/{name}.ipynb"))
    assert any("image/png" in output.get("data", {}) for output in saved["cells"][0]["outputs"])


MAGICS = {
    "%shell id -un": "bob",
    "%%file kept.txt\nhello": "Created file",
    "%shell cat kept.txt": "hello",
    "%download http://127.0.0.1:9/x.txt": "Connection refused",
    "%parallel calysto_bash CalystoBash": "No module named 'ipyparallel'",
    "%python 6*7": "42",
    "%shell cat /home/alice/.profile": "Permission denied",
    # Its folder goes at the end.
    "%shell rm -v kept.txt": "removed",
}


@pytest.mark.parametrize("name", ["octave", "gnuplot", "calysto_scheme"])
def test_magics_do_what_the_page_says_as_the_user_alone(desk, name):
    desk.hub.machine.sh("chmod 700 /home/alice; rm -f /home/bob/kept.txt")
    seen = act(desk, "cells", name, *MAGICS)
    for (magic, words), told in zip(MAGICS.items(), seen, strict=True):
        assert words in told["said"] + told["errors"], (magic, told)


# The page's steps


def test_each_command_of_the_page_prints_what_it_says(desk, site, prove):
    reader = following.Reader(desk.hub.machine, following.Pages.examples(site), TABS["nginx"])
    reader.follow(PAGE)
    assert len(reader.typed) > 10
    assert not reader.wrong, "\n\n".join(reader.wrong)
    met = reader.meet_all(PAGE, STATES)
    assert not reader.wrong, "\n\n".join(reader.wrong)
    assert met == len(STATES)
    # The second version computes, by its own program and in its own environment.
    old, new = (act(desk, "cells", name, "6*7", "%python import sys; sys.prefix") for name in ("octave-old", "octave"))
    assert ["42" in one[0]["said"] for one in (old, new)] == [True, True]
    assert ("/opt/octave-old" in old[1]["said"], "/opt/jupyterhub" in new[1]["said"]) == (True, True)
    # It, too, runs no file of a folder in which others write.
    beside.shared(desk.hub.machine, "octave_kernel")
    [told] = act(desk, "beside", "octave-old", beside.NOTEBOOK, "6*7")
    assert ("42" in told["said"], beside.ran(desk.hub.machine, "bob")) == (True, set())
    prove(*reader.proof(HUBS[-1].split()[-1], "nginx"))


# Bad input


@contextlib.contextmanager
def away(machine, *paths):
    """Programs that are not there for the length of a `with` block."""
    for path in paths:
        machine.sh(f"mv {path} {path}.away")
    try:
        yield
    finally:
        for path in paths:
            machine.sh(f"mv {path}.away {path}")


def test_a_kernel_whose_program_is_not_there_is_told_of_by_the_check(desk):
    """It lives, and does not even say what it is: the server keeps its WebSocket waiting."""
    with away(desk.hub.machine, "/usr/bin/octave", "/usr/bin/octave-cli"):
        rungs = desk.hub.check("--kernel", "octave", "--code", "6*7", "--until", "kernel_computes", "--timeout", "20", user="bob", url=URL)
    assert not rungs[-1]["ok"]
    assert rungs[-1]["rung"] in ("kernel_channel", "kernel_computes"), rungs[-1]
    assert re.search("does not open in 20 s|did not answer in 20 s", json.dumps(rungs[-1])), rungs[-1]


FLOODS = {"octave": "for i = 1:500, disp(repmat('a', 1, 100000)); end", VALUES["kernel"]: "for i in range(500): print('a' * 100000)"}


def test_a_cell_that_prints_fifty_megabytes_is_interrupted_and_the_next_one_answers(desk):
    loud, after = act(desk, "interrupted", "octave", FLOODS["octave"], "6*7")
    assert loud["status"] == "ok"
    assert len(loud["said"]) > 100_000
    assert "42" in after["said"]


def test_of_fifty_megabytes_at_once_the_server_shows_a_part_and_the_next_cell_answers(desk):
    loud, after = act(desk, "cells", VALUES["kernel"], FLOODS[VALUES["kernel"]], "6*7")
    assert loud["status"] == "ok"
    assert "IOPub data rate exceeded" in loud["errors"]
    assert "42" in after["said"]
