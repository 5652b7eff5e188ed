"""A login page that was open for longer than its cookie is valid: the hub says what it says to a visitor whose address changes, once."""

import json
import re

import pytest

from tests.harness.machines import deployment
from tests.harness.machines.deployment import CHECK, PYTHON
from tests.harness.manifest import NEWEST, ROOT, VALUES
from tests.harness.measuring.atlas import ATLAS, Entry

# Somebody opens the login page, comes back when its cookie is gone, as after an hour, and tries again with what the hub shows then.
TRIES = r"""
import http.client, json, re, sys, time, urllib.parse
hub, base, password = sys.argv[1:]

def asked(method, cookie="", **form):
    connection = http.client.HTTPConnection(hub)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | ({"Cookie": cookie} if cookie else {})
    connection.request(method, base + "hub/login", urllib.parse.urlencode(form), headers)
    answer = connection.getresponse()
    page = answer.read().decode()
    token = re.search(r'name="_xsrf" value="([^"]+)"', page)
    cookies = [one for one in answer.headers.get_all("Set-Cookie") or [] if one.startswith("_xsrf=")]
    return {"status": answer.status, "page": page, "token": token and token[1], "cookies": cookies}

def tried(before, cookie):
    return asked("POST", cookie, username="alice", password=password, _xsrf=before["token"])

opened = asked("GET")
time.sleep(2)  # the token holds the second in which it was made
late = tried(opened, "")
again = tried(late, late["cookies"][0].partition(";")[0])
print(json.dumps([opened, late, again]))
"""


@pytest.fixture(scope="module")
def tried():
    """What the hub answered to each of the three, and its log."""
    with deployment.hub(NEWEST) as hub:
        password = hub.machine.read(f"{CHECK}/alice.txt")
        told = hub.machine.exec(PYTHON, "-c", TRIES, VALUES["hub"], VALUES["base_url"], password).stdout
        return json.loads(told), hub.log()


def test_the_cookie_of_a_login_page_is_valid_for_an_hour(tried):
    (opened, _, _), _ = tried
    assert re.search(r"Max-Age=3600\b", opened["cookies"][0]), opened["cookies"]
    page = (ROOT / "troubleshooting/xsrf-cookie-does-not-match/index.md").read_text("utf-8")
    assert "Its cookie is valid for an hour" in page.partition("## Cause")[2].split("\n\n")[1]


def test_who_comes_later_sees_the_words_of_the_entry_and_the_next_try_works(tried):
    (_, late, again), log = tried
    words = [line for place, _, line in Entry(ATLAS / "xsrf-cookie-does-not-match").expected("nginx") if place in ("browser", "hub")]
    assert len(words) == 3
    for line in words:
        assert any(part in late["page"] + log for part in line.split(" (…)")), line
    assert (late["status"], again["status"]) == (403, 302)
