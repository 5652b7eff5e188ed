"""Twenty tasks of an administrator: the page for each is at most two clicks from the landing page, and one search finds it."""

import posixpath
import tomllib
from urllib.parse import unquote, urlsplit

import pytest

from tests.harness.manifest import ROOT

pytestmark = pytest.mark.xdist_group("site")

TASKS = tomllib.loads((ROOT / "tests/site/tasks.toml").read_text("utf-8"))["task"]
CLICKS = 2
FIRST = "index"


def led_to(site, page):
    """The places to which the links of a page lead, those of its sidebars among them: "page" or "page#heading"."""
    found = set()
    for link in site.pages[site.html / f"{page}.html"].select("a[href]:not(.download)"):
        address = urlsplit(link["href"])
        if not address.scheme and (address.path.endswith(".html") or not address.path):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(address.path))) if address.path else f"{page}.html"
            found.add(f"{path.removesuffix('.html')}#{address.fragment}".removesuffix("#"))
    return found


def clicks(site, most):
    """{place: clicks from the first page}, up to `most`."""
    found, last = {FIRST: 0}, {FIRST}
    for count in range(1, most + 1):
        last = {place for page in {where.partition("#")[0] for where in last} for place in led_to(site, page)} - found.keys()
        found |= dict.fromkeys(last, count)
    return found


def test_there_are_twenty_tasks_each_with_a_place_of_its_own(site):
    assert len(TASKS) == len({task["place"] for task in TASKS}) == 20
    for task in TASKS:
        page, _, heading = task["place"].partition("#")
        assert not heading or site.pages[site.html / f"{page}.html"].find(id=heading), task["place"]


def test_each_task_is_two_clicks_away(site):
    near = clicks(site, CLICKS)
    far = [f"{task['do']}: {task['place']}" for task in TASKS if task["place"] not in near]
    assert not far, "\n".join(far)


def test_what_is_far_is_seen_to_be_far(site):
    """A heading is a click on its page, after one that leads there; what a page alone links is not one from the first."""
    near = clicks(site, 1)
    assert near["deploy/users"] == 1
    assert "deploy/users#close-the-account-of-somebody-who-leaves" not in near
    assert "deploy/users#no-such-heading" not in clicks(site, CLICKS)


@pytest.fixture(scope="module")
def found(reader):
    """What the site's search finds for each task, the best first: pages."""
    context = reader.context()
    page = context.new_page()
    page.goto(f"{reader.address}search.html")
    yield page.evaluate("typed => typed.map(words => Search.find(words).map(({ page }) => page))", [task["typed"] for task in TASKS])
    context.close()


def test_each_task_is_found_by_one_search(found):
    wanted = [f"{task['place'].partition('#')[0]}.html" for task in TASKS]
    lost = [
        f"{task['do']}: {task['typed']} finds {', '.join(pages[:3])}"
        for task, page, pages in zip(TASKS, wanted, found, strict=True)
        if page not in pages[:3]
    ]
    assert not lost, "\n".join(lost)
