"""The table of jigsaw/policies.md for Firefox and WebKitGTK says what each does under each policy that a reverse proxy may add."""

import pytest

from tests.harness.browsers import other_browsers, policies, policies_elsewhere
from tests.harness.browsers.policies import OURS, WORKS


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"browser-{name}")) for name in other_browsers.NAMES],
)
def desk(request):
    """A hub on which alice has a saved notebook, behind nginx, which adds the policy that is asked for."""
    with other_browsers.desk(request.param, policies.VERSION) as desk:
        policies_elsewhere.prepare(desk)
        with policies_elsewhere.behind(desk):
            yield desk


@pytest.mark.parametrize("policy", [pytest.param(policy, id=policy.words) for policy in OURS])
def test_the_row_says_what_the_browser_does(desk, policy):
    row = policies_elsewhere.rows()[policy.words]
    seen, said = policies_elsewhere.look(desk, policy)
    name = desk.driver.name
    assert seen == row[name], f"{policies_elsewhere.COMMAND} {name} writes it anew.\n{said}"
    words = row[f"{name}'s console"].strip("`")
    assert not words or words in said, said


def test_the_table_holds_these_policies_and_no_other():
    rows = policies_elsewhere.rows()
    assert list(rows) == [policy.words for policy in OURS]
    assert policies_elsewhere.PATH.read_text("utf-8") == policies_elsewhere.text(rows), "not as the command writes it"


def test_the_page_names_a_policy_that_works():
    row = policies_elsewhere.rows()[f"`{policies.SAFE}`"]
    assert {row[name] for name in other_browsers.NAMES} == {WORKS}
