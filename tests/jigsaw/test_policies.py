"""The tables of jigsaw/policies.md are right about what a browser does under each policy that a reverse proxy may add."""

import pytest
from playwright.sync_api import expect

from tests.harness.browsers import policies
from tests.harness.browsers.policies import HEAD, TABLES
from tests.harness.browsers.user_browser import Notebook
from tests.harness.manifest import ROOT
from tests.harness.pairs import in_turn

PAGE = ROOT / "jigsaw/policies.md"
# Rows that tell most, for the other reverse proxy: refused by the notebook's page, ignored, refused by one header of two.
TELLING = ["`frame-src 'none'`", "`X-Frame-Options: DENY`", "`frame-src 'self'` and `frame-src 'none'`"]
ROWS = [(policy, table, "nginx", application) for table in TABLES for policy in table.policies for application in policies.APPLICATIONS]
# One application is enough to see that it does not depend on the reverse proxy.
ROWS += [(policy, TABLES[0], "apache", "Notebook 7") for policy in policies.OURS if policy.words in TELLING]
PARAMS = [pytest.param(*row, id=f"{row[2]}-{row[1].folder}-{row[3]}-{row[0].words}") for row in ROWS]


pytestmark = [pytest.mark.loud("policies refuse things"), pytest.mark.xdist_group("policies")]


def differences(table, expected, found):
    """Each cell of a row in which the file and the browser differ."""
    row = f"{table.path.name}, row {expected[HEAD[0]]}"
    return [
        f"{row}, column {column}:\n  the file says    {expected[column]!r}\n  the browser does {cell!r}\n{policies.COMMAND} writes it anew."
        for column, cell in found.items()
        # The last column has what the console says in either application.
        if cell != expected[column] and not (cell and column == HEAD[-1] and cell in expected[column])
    ]


@pytest.fixture(scope="module")
def user(desks):
    """A user with the notebooks; without a policy when the tests are done."""
    desk = desks(policies.VERSION)
    with desk.behind("nginx"):
        user = policies.notebooks(desk)
    yield user
    user.context.clear_cookies(name=policies.COOKIE)


@pytest.fixture(scope="module")
def proxy(request, desks, user):
    """A reverse proxy that adds the policy that a test asks for; or the published one, which adds none."""
    desk = desks(policies.VERSION)
    with desk.behind("nginx") if request.param == "published" else policies.behind(desk, request.param):
        yield request.param


def outcome(row):
    """What the table says: each outcome is seen every time, in one row of those that have it."""
    policy, table, proxy, application = row
    return table.folder, proxy, policies.rows(table.path.read_text("utf-8"))[policy.words][application]


@pytest.mark.parametrize("version", [policies.VERSION])
@pytest.mark.parametrize(("policy", "table", "proxy", "application"), in_turn(PARAMS, outcome), indirect=["proxy"])
def test_the_row_says_what_the_browser_does(user, version, policy, table, proxy, application):
    expected = policies.rows(table.path.read_text("utf-8"))[policy.words]
    found = policies.look(user, policy, table.folder, [application])
    assert not differences(table, expected, found), "\n".join(differences(table, expected, found))


@pytest.mark.parametrize("version", [policies.VERSION])
@pytest.mark.parametrize("proxy", ["nginx"], indirect=True)
def test_a_blocked_editor_names_the_policies_of_its_page(user, version, proxy):
    words = "The block editor does not start. Its page: 200, frame-ancestors 'self'; sandbox allow-scripts, frame-src 'none'"
    (policy,) = (policy for policy in policies.OURS if policy.words == "`frame-src 'none'`")
    policies.choose(user, policy)
    page = user.page()
    page.clock.install()
    with page.expect_console_message(lambda message: message.text.startswith("Framing")):
        page.goto(user.address(f"{policies.APPLICATIONS['Notebook 7']}{TABLES[0].folder}/{policies.NOTEBOOK}?reset"))
    page.clock.fast_forward(15_000)
    expect(Notebook(page).printed()).to_have_text(f"{words}\n", timeout=policies.PATIENCE)
    assert words in PAGE.read_text("utf-8")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.path.name)
def test_the_table_holds_these_policies_and_no_other(table):
    committed = table.path.read_text("utf-8")
    rows = policies.rows(committed)
    assert list(rows) == [policy.words for policy in table.policies]
    assert committed == policies.text(rows.values()), "not as the command writes it"


def test_the_page_names_a_policy_that_works():
    words = f"`{policies.SAFE}`"
    assert words in PAGE.read_text("utf-8").splitlines()
    row = policies.rows(TABLES[0].path.read_text("utf-8"))[words]
    assert set(row.values()) == {words, policies.WORKS, ""}


def test_a_cell_that_was_changed_is_named():
    table = TABLES[0]
    row = policies.rows(table.path.read_text("utf-8"))["`frame-src 'none'`"]
    assert not differences(table, row, row)
    told = differences(table, row | {"JupyterLab": policies.WORKS}, row)
    assert len(told) == 1
    assert told[0].startswith("policies.csv, row `frame-src 'none'`, column JupyterLab:\n  the file says    'works'\n")


@pytest.mark.parametrize("version", [policies.VERSION])
@pytest.mark.parametrize("proxy", ["published"], indirect=True)
def test_a_policy_that_does_not_arrive_is_no_proof(user, version, proxy):
    with pytest.raises(RuntimeError, match="comes without"):
        policies.look(user, policies.OURS[0], TABLES[0].folder, ["Notebook 7"])
