"""A term of thirty days (or sixteen) in minutes: many users, open tabs, Debian's nightly jobs. It ends in the state in which it began."""

import re
import time

import pytest

from tests.harness.manifest import PROXIES, PUBLISHED, ROOT, Files
from tests.harness.measuring import evidence, term
from tests.harness.pairs import WHOLE

pytestmark = pytest.mark.xdist_group("term")
published = pytest.mark.parametrize("proxy", PROXIES)

# As many places as the workers need, and none for a process from before a reload.
BUSY = term.NUMBERS["MaxRequestWorkers"] // term.NUMBERS["ThreadsPerChild"]
FULL = Files({term.WORKERS: re.sub(r"(?m)^( *ServerLimit +)\d+$", rf"\g<1>{BUSY}", PUBLISHED.read(term.WORKERS))})
SAYS = "AH03490: scoreboard is full, not at MaxRequestWorkers.Increase ServerLimit."
# Open files for each WebSocket, and the most that a process has besides.
FILES, BESIDES = {"nginx": 2, "apache": 3}, 40


@pytest.fixture(scope="module")
def terms():
    return term.all_at_once({"apache": FULL} if WHOLE else {})


@published
def test_on_each_day_all_are_served_and_no_open_tab_is_cut_off(terms, proxy, prove):
    lived = terms[proxy][0]
    refused = [(day["day"], day["refused"]) for day in lived.seen if day["refused"]]
    assert not refused, f"{refused}\n{lived.said}"
    assert [day["left"] - day["alive"] for day in lived.seen] == [0] * len(lived.seen)
    assert [day["day"] for day in lived.seen] == [*range(1, term.DAYS + 1), term.DAYS]
    last = lived.seen[-2]
    assert last["open"] - last["left"] == term.ALL * 3
    # The page tells of thirty days, or of none.
    prove(evidence.lasted(proxy, lived.version, term.SUITE, lived.figures(), lived.files) if WHOLE else None)


@published
def test_nothing_grows_but_by_processes_whose_tabs_are_open(terms, proxy):
    seen, half = terms[proxy][0].seen, term.DAYS // 2
    first, *days = seen
    assert [day for day in seen if day["files"] > FILES[proxy] * day["open"] + BESIDES * (day["processes"] + 1)] == []
    assert [day for day in days if day["memory"] / day["processes"] > 2.5 * first["memory"] / first["processes"]] == []
    # JupyterHub's own proxy is one process, to which no night happens.
    assert [day for day in seen if day["hub"]["files"] > 2 * day["open"] + BESIDES] == []
    assert max(day["hub"]["memory"] for day in seen[half:-2]) < 2 * max(day["hub"]["memory"] for day in seen[:half])


@published
def test_after_a_restart_no_old_process_is_left(terms, proxy):
    lived = terms[proxy][0]
    assert not lived.restarted["refused"], lived.restarted
    assert lived.restarted["processes"] <= lived.seen[0]["processes"]


def test_apache_takes_no_more_places_in_a_day_than_the_page_counts_on(terms):
    """Not even where most users leave at noon and others come."""
    seen = terms["apache"][0].seen
    assert max(day["young"] for day in seen) == BUSY
    assert max(day["processes"] for day in seen) < term.PLACES / 2


def test_without_places_for_old_processes_apache_freezes_in_the_first_week_until_it_is_restarted(terms):
    frozen = terms["apache"][1]
    last = frozen.seen[-1]
    assert last["day"] <= 7, last
    assert last["answer"] is None, last
    assert SAYS in frozen.said, frozen.said
    assert SAYS in (ROOT / "deploy/proxy-parts.md").read_text("utf-8")
    assert not frozen.restarted["refused"], frozen.restarted


def test_apache_serves_a_thousand_websockets_by_four_processes_and_keeps_them_when_it_is_quiet():
    most, first, more = term.NUMBERS["MaxRequestWorkers"], range(330), range(330, 340)
    with term.place("apache") as (hub, gateway), term.tabs(hub, term.HASTE) as ask:
        warned = gateway.sh("apachectl -t 2>&1").stdout
        before = ask(come=[*first])
        full = ask(come=[*more])
        busy = term.look(gateway, "apache")["processes"]
        ask(leave=[*first, *more])
        time.sleep(term.QUIET)
        quiet = term.look(gateway, "apache")["processes"]
    assert warned == "Syntax OK\n"
    assert (before["open"], before["refused"]) == (990, "")
    # Some are taken by what asks for the page.
    assert most - 5 <= full["open"] <= most, full
    assert full["refused"]
    assert (busy, quiet) == (BUSY, BUSY)
