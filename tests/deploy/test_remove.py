"""deploy/remove.md removes everything that the guide installed: the machine before and after differs only as the page says."""

import pytest

from tests.harness.machines import bare, picture
from tests.harness.manifest import PROXIES, VALUES
from tests.harness.site import following, one_download, removal
from tests.harness.site.following import TABS
from tests.harness.site.one_download import PASSWORD

ANSWERS = {"New password: ": PASSWORD, "Retype new password: ": PASSWORD, "Password of alice: ": PASSWORD}
# Once a week, by hand, and whether the hub is set up again.
BY_HAND = [("trixie", "nginx", False), ("bookworm", "apache", True), ("bookworm", "nginx", False)]


def set_up(reader):
    """Everything that the guide has a reader put on a server, by hand, as its first page tells."""

    def first(step):
        return step.command.startswith("find ")

    reader.follow("index.md", ["the-same-by-hand"], skip=lambda step: not first(step))
    reader.follow("index.md", ["files-for-the-set-up"])
    reader.follow("index.md", ["the-same-by-hand"], skip=first)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(None, id=f"{one_download.SUITE}-{one_download.PROXY}", marks=pytest.mark.xdist_group("one-download")),
        *(pytest.param(row, id=f"{row[0]}-{row[1]}", marks=pytest.mark.xdist_group(f"remove-{row[0]}-{row[1]}")) for row in BY_HAND),
    ],
)
def removed(request, site, short_way):
    """A reader who has taken the hub away from a server, what the page lists, and the server before, between and after.

    The server was set up by the one download. Once a week it was set up by hand; in one row, it is set up again from the copy in
    between, and then the hub is taken away a second time.
    """
    if request.param is None:
        server = short_way("removal")
        reader = following.Reader(server.machine, server.at_work.pages, TABS[server.proxy], answers=ANSWERS, saved=server.at_work.saved)
        removal.work(server.machine, server.values, PASSWORD)
        seen = server.seen | removal.follow(reader)
        yield server.suite, server.proxy, reader, removal.listed(reader.pages.parsed[removal.PAGE], reader.tab), seen
        return
    suite, proxy, again = request.param
    pages = following.Pages.examples(site)
    with bare.machine(suite) as machine:
        reader = following.Reader(machine, pages, TABS[proxy], answers=ANSWERS)
        seen = {"bare": picture.taken(machine)}
        machine.sh(f"apt-get update && apt-get install --yes {' '.join(PROXIES[proxy].packages)}", timeout=600)
        seen["web server"] = picture.taken(machine)
        set_up(reader)
        removal.work(machine, VALUES, PASSWORD)
        seen |= removal.follow(reader, VALUES if again else None)
        yield suite, proxy, reader, removal.listed(pages.parsed[removal.PAGE], reader.tab), seen


def test_each_command_of_the_page_does_what_it_says(removed, prove):
    suite, proxy, reader, _, _ = removed
    assert not reader.wrong, "\n\n".join(reader.wrong)
    prove(*reader.proof(suite, proxy))


@pytest.mark.parametrize(
    ("before", "after"),
    [("web server", "without the hub"), ("bare", "without the web server"), ("bare", "without accounts")],
)
def test_what_differs_afterwards_is_what_the_page_lists(removed, before, after):
    *_, stays, seen = removed
    found = picture.differences(seen[before], seen[after])
    gone = [row for row in stays if row.until == "step 8" and after == "without accounts"]
    more = [str(one) for one in found if not any(row.is_about(one) for row in stays if row not in gone)]
    assert not more, "\n".join([f"of {len(found)} differences the page does not list:", *more])


def test_all_that_the_page_lists_does_stay(removed):
    *_, stays, seen = removed
    pairs = [("web server", "without the hub"), ("bare", "without the web server")]
    found = [one for before, after in pairs for one in picture.differences(seen[before], seen[after])]
    never = [f"{row.kind} {row.name}" for row in stays if not row.perhaps and not any(row.is_about(one) for one in found)]
    assert stays
    assert not never, f"listed, and yet as before: {never}"


def test_users_files_stay_until_their_account_is_deleted(removed):
    *_, seen = removed
    assert set(seen["notes"]) == {"kept\n"}


def test_of_an_account_that_is_deleted_nothing_outside_its_home_is_left_for_who_gets_its_number(removed):
    """What it has shared stays, and is root's."""
    *_, seen = removed
    assert seen["elsewhere"] == ["root", "/srv/shared/work", "/var/lib/systemd/linger:", "/var/spool/cron/crontabs:"]
