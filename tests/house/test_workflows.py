"""The workflows, as far as that can be seen without GitHub: what is published comes from this repository's own runs, and all of it."""

import os
import re
import subprocess

import pytest
import yaml

from tests.harness.manifest import ROOT

FOLDER = ROOT / ".github/workflows"
PUBLISH = yaml.safe_load((FOLDER / "publish.yml").read_text("utf-8"))
WEEKLY = yaml.safe_load((FOLDER / "weekly.yml").read_text("utf-8"))


def steps(workflow, job):
    return [step["run"] for step in workflow["jobs"][job]["steps"] if "run" in step]


# Stands in for GitHub's command: $RUNS has a folder for each run, ID-EVENT, with the artifacts that it left.
GH = """#!/bin/sh
case "$2" in
list)
  event=
  while [ $# -gt 0 ]; do if [ "$1" = --event ]; then event=$2; fi; shift; done
  ls "$RUNS" | sort -rn | grep -e "-$event" | cut -d - -f 1 || true ;;
download)
  from=$(echo "$RUNS/$3"-*/"$5")
  [ -d "$from" ] || exit 1
  mkdir -p "$7" && cp -r "$from/." "$7" ;;
esac
"""


@pytest.fixture
def fetched(tmp_path):
    """`fetched(runs)`: the files of build/ after the step that fetches what the weekly runs left."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH, "utf-8")
    (tmp_path / "bin/gh").chmod(0o755)
    (tmp_path / "build").mkdir()
    (tmp_path / "temp").mkdir()

    def fetch(runs):
        for name, text in runs.items():
            (tmp_path / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "runs" / name).write_text(text, "utf-8")
        (script,) = (run for run in steps(PUBLISH, "build") if "gh run download" in run)
        path = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "RUNS": f"{tmp_path}/runs", "RUNNER_TEMP": f"{tmp_path}/temp"}
        done = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=os.environ | path, capture_output=True, text=True)
        assert not done.returncode, done.stderr
        build = tmp_path / "build"
        return {str(file.relative_to(build)): file.read_text("utf-8") for file in build.rglob("*") if file.is_file()}

    return fetch


def test_what_a_fork_ran_on_a_branch_of_its_own_called_main_is_not_published(fetched):
    """The newest of the runs that a maintainer or the calendar started counts, by its number."""
    assert not fetched({"1004-pull_request/witness/witness.json": "a fork's"})
    runs = {
        "1003-pull_request/whole/whole.json": "a fork's",
        "1002-schedule/whole/whole.json": "the calendar's",
        "1001-workflow_dispatch/whole/whole.json": "older",
        "1001-workflow_dispatch/growth/growth.json": "by hand",
    }
    assert fetched(runs) == {"whole.json": "the calendar's", "growth.json": "by hand"}


def test_of_an_artifact_no_other_file_comes_to_where_the_site_is_built(fetched):
    """Sphinx reads what lies in build/ as its own, and what it keeps there can hold code."""
    html = {"1002-schedule/whole/html/x.html": "", "1002-schedule/whole/doctrees-epub/environment.pickle": ""}
    assert fetched(html | {"1002-schedule/whole/whole.json": "new", "1001-schedule/mutants/mutants.json": "old"}) == {
        "whole.json": "new",
        "mutants.json": "old",
    }
    assert fetched(html | {"1003-schedule/growth/other.json": "", "1002-schedule/growth/growth.json": "it"})["growth.json"] == "it"


def test_each_release_is_published_and_no_workflow_pushes_its_tag():
    """GitHub takes no tag from a workflow if the files of workflows differ from those of every branch's tip."""
    for file in FOLDER.iterdir():
        workflow = yaml.safe_load(file.read_text("utf-8"))
        assert "git push" not in file.read_text("utf-8"), file.name
        allowed = [workflow["permissions"], *(job.get("permissions", {}) for job in workflow["jobs"].values())]
        assert not [given for given in allowed if given.get("contents") == "write"], file.name
    run = steps(PUBLISH, "build")
    assert run.index(".ci/tag") < run.index(".ci/publish")


def test_what_is_published_is_what_was_tested():
    """A tag would publish nothing new: the environment of Pages takes main alone, and main publishes each tag."""
    assert PUBLISH["on"] == {"push": {"branches": ["main"]}}
    assert [name for name in PUBLISH["jobs"] if "if" in PUBLISH["jobs"][name]] == []
    assert PUBLISH["jobs"]["build"]["needs"] == "test"
    assert PUBLISH["jobs"]["deploy"]["needs"] == "build"
    checkout = next(step for step in PUBLISH["jobs"]["build"]["steps"] if "checkout" in step.get("uses", ""))
    assert "ref" not in checkout["with"], "main may have gone on since"


def test_each_long_command_of_the_week_has_its_own_job_and_leaves_what_it_has_made():
    """What another has taken of a job's time is lost to it; a job that is ended still uploads what is there."""
    long = {
        "whole": "make test-all",
        "witness": "exec .venv/bin/python -m tests.harness.measuring.witness --again",
        "mutants": "make mutants JOBS=4",
        "growth": "make growth",
    }
    for name, command in long.items():
        job = WEEKLY["jobs"][name]
        assert [run for run in steps(WEEKLY, name) if "make " in run or "python" in run if run != "make .venv/ready"] == [command]
        uploaded = {step["with"]["name"]: step.get("if") for step in job["steps"] if "upload-artifact" in step.get("uses", "")}
        assert uploaded.keys() == {name}
        assert uploaded[name] == "always()" or name == "mutants", name


# Stand in for what .ci/kubernetes uses, and write down what they are asked; of Docker's, $HELD has a file for each thing that it keeps.
STANDS_IN = {
    "docker": """case "$1" in
  run) touch "$HELD/container" ;;
  cp) mkdir -p "$3" && touch "$3/file" ;;
  build) touch "$HELD/image" "$HELD/cache" ;;
  save) echo an image ;;
  rm) rm "$HELD/container" ;;
  rmi) rm "$HELD/image" ;;
  builder) rm "$HELD/cache" ;;
esac""",
    "helm": "echo 'appVersion: 5.5.2'",
    "sudo": '[ "$1" != k3s ] || cat >"$HELD/../imported"',
    "curl": "",
    "sha256sum": "cat >/dev/null",
    "kubectl": "",
}


@pytest.fixture
def kubernetes(tmp_path):
    """`kubernetes(step)`: a step of .ci/kubernetes in a tree of its own; what it printed and asked, and what lies on the disk then."""
    for folder in ("tree/.ci", "tree/build/kubernetes", "bin", "held"):
        (tmp_path / folder).mkdir(parents=True)
    script = tmp_path / "tree/.ci/kubernetes"
    script.write_bytes((ROOT / ".ci/kubernetes").read_bytes())
    for name, text in STANDS_IN.items():
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"$HELD/../asked"\n{text}\n', "utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    version = re.search(r"^chart=(\S+)$", script.read_text("utf-8"), re.M)[1]
    (tmp_path / f"tree/build/kubernetes/jupyterhub-{version}.tgz").touch()
    there = {*(tmp_path / "tree").rglob("*")}

    def step(name):
        environment = os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HELD": f"{tmp_path}/held"}
        done = subprocess.run(["sh", script, name], env=environment, capture_output=True, text=True)
        assert not done.returncode, done.stderr
        left = {*(tmp_path / "tree").rglob("*"), *(tmp_path / "held").iterdir()} - there
        return done.stdout, (tmp_path / "asked").read_text("utf-8"), {path.name for path in left}

    return step


def test_the_users_image_lies_on_the_disk_of_the_cluster_once_and_stays_there(kubernetes, tmp_path):
    """kubelet deletes images that nobody uses just then if the disk is fuller than its threshold, and nobody serves this one again."""
    _, asked, left = kubernetes("image")
    assert (tmp_path / "imported").read_text("utf-8") == "an image\n"
    assert asked.index("docker save") < asked.index("docker rmi")
    assert left == set()
    _, asked, _ = kubernetes("cluster")
    assert " --kubelet-arg=image-gc-high-threshold=100" in asked
    said, _, _ = kubernetes("report")
    assert "Filesystem" in said
