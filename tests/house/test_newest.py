"""The weekly run: newer releases are written into the files completely, and there is never more than one issue about them."""

import os
import subprocess
import sys

import pytest

from tests.harness.manifest import ROOT
from tests.harness.measuring.newest import failures, issue, renamed

BROKEN = """<testsuites><testsuite><testcase classname="tests.test_ladder" name="test_a_user_climbs[nginx]">
<failure message="AssertionError: ✗ kernel_channel (0.6 s)&#10;  Cause: the header&#10;&#10;more">trace</failure></testcase>
<testcase classname="tests.test_site" name="test_the_site_builds"/></testsuite></testsuites>"""
FINE = '<testsuites><testsuite><testcase classname="tests.test_site" name="test_the_site_builds"/></testsuite></testsuites>'
EMPTY = "<testsuites><testsuite/></testsuites>"
LOG = "newest: jupyterhub 6.1.1 -> 7.0.0\n1 words to change\nerror: the image hub-7.0.0 does not build\n"

# Stands in for GitHub's command: it writes down what it is asked, and says that $ISSUE is open.
GH = """#!/bin/sh
printf '%s\\n' "$*" >>"$ASKED"
[ "$2" != list ] || printf '%s' "$ISSUE"
"""


@pytest.fixture
def report(tmp_path):
    """`report(results, issue)`: reports a run while `issue` is open; what it printed, and what gh was asked."""
    (tmp_path / "gh").write_text(GH, "utf-8")
    (tmp_path / "gh").chmod(0o755)
    asked, log, junit = tmp_path / "asked", tmp_path / "log", tmp_path / "junit.xml"

    def run(results, number="", *options):
        asked.write_text("", "utf-8")
        log.write_text(LOG, "utf-8")
        junit.unlink(missing_ok=True)
        if results:
            junit.write_text(results, "utf-8")
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ASKED": str(asked), "ISSUE": number}
        command = [sys.executable, "-m", "tests.harness.measuring.newest", "report", junit, "--log", log, *options]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert not done.returncode, done.stderr
        return done.stdout, [line for line in asked.read_text("utf-8").splitlines() if line.startswith(("issue", "label"))]

    return run


def test_a_run_that_fails_opens_an_issue_that_says_what_is_new_and_what_fails(report):
    _, asked = report(BROKEN)
    assert [words.split(" --")[0] for words in asked] == ["issue list", "label create upstream", "issue create"]
    assert "--label upstream --title 1 test fails with the newest upstream releases --body The weekly run" in asked[-1]


def test_a_run_that_fails_while_an_issue_is_open_writes_that_one_anew(report):
    _, asked = report(BROKEN, "17")
    assert [words.split(" --")[0] for words in asked] == ["issue list", "issue edit 17"]


def test_a_run_that_is_well_closes_the_issue(report):
    _, asked = report(FINE, "17")
    assert [words.split(" --")[0] for words in asked] == ["issue list", "issue close 17"]


def test_a_run_that_is_well_leaves_no_issue(report):
    said, asked = report(FINE)
    assert said == "all is well\n"
    assert len(asked) == 1


def test_a_dry_run_shows_the_issue_and_asks_nobody(report):
    said, asked = report(BROKEN, "17", "--dry-run")
    assert not asked
    assert said.splitlines()[0] == "would open or write anew: 1 test fails with the newest upstream releases"
    for words in ("- jupyterhub 6.1.1 -> 7.0.0", "`tests.test_ladder::test_a_user_climbs[nginx]`", "✗ kernel_channel (0.6 s)"):
        assert words in said.splitlines() or f"AssertionError: {words}" in said.splitlines()


@pytest.mark.parametrize("results", ["", EMPTY, "<testsuites>"], ids=["no results", "no test", "half a file"])
def test_a_run_that_did_not_reach_the_tests_is_not_well(report, results):
    said, _ = report(results, "", "--dry-run")
    assert "The tests do not start" in said
    assert "error: the image hub-7.0.0 does not build" in said


def test_an_issue_stays_below_what_github_takes():
    _, body = issue([(f"test_{number}", "\n".join(["x" * 300] * 6)) for number in range(500)], [])
    assert len(body) < 65536
    assert "And 470 more." in body


def test_long_faults_are_cut(tmp_path):
    (tmp_path / "junit.xml").write_text(BROKEN.replace("more", "&#10;".join(["y" * 9999] * 99)), "utf-8")
    assert len(failures(tmp_path / "junit.xml")[0][1]) < 2000


def test_a_release_is_replaced_only_where_it_stands_alone():
    old = 'metakernel==1.0.7\nmetakernel>=1.0.7,<2\nblockly-1.0.7.tgz\nv1.0.7.\nother==11.0.7\nother==1.0.7.1\nother==1.0.70\n"1.0.7"'
    new = renamed(old, [("1.0.7", "1.1.0")])
    assert new.splitlines() == [
        "metakernel==1.1.0",
        "metakernel>=1.1.0,<2",
        "blockly-1.1.0.tgz",
        "v1.0.7.",
        "other==11.0.7",
        "other==1.0.7.1",
        "other==1.0.70",
        '"1.1.0"',
    ]
