"""An upload that takes longer than Node.js allows: it fails through Apache, which passes it on as it arrives, and not through nginx."""

import pytest

from snippets.check import hubcheck
from tests.harness.measuring import slow_clients

# Seconds. Node.js allows five minutes.
LIMIT, LONGER = 2, 5


@pytest.fixture(scope="module")
def slow():
    return slow_clients.beyond(LIMIT, LONGER)


def test_nginx_collects_an_upload_however_long_it_takes(slow):
    assert slow["nginx"][0] == [201, "closed"]


def test_apache_answers_502_to_an_upload_that_the_hubs_own_proxy_gives_up(slow):
    assert slow["apache"][0] == [502, "closed"]


def test_the_log_of_a_lost_upload_leads_to_the_page_about_it(slow):
    table = hubcheck.known()
    first, *more = hubcheck.answers(hubcheck.found([slow["apache"][1]], table), table)
    assert ([page for page, _, _ in first], more) == (["deploy/proxy-parts#slow-clients"], [])
