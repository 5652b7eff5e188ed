"""deploy/existing-site.md: the hub is included in a site that the host has already, and both work as before."""

import re

import pytest

from tests.harness.machines import deployment, existing_site, images
from tests.harness.machines.deployment import URL, in_front
from tests.harness.machines.faults import SERVICE
from tests.harness.manifest import NEWEST, NEWEST_ON, PROXIES, PUBLISHED, VALUES
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import LADDER, tell
from tests.harness.site import following
from tests.harness.site.existing_site_page import PAGE, STATES
from tests.harness.site.following import TABS

ROOT = f"https://{VALUES['host']}/"
# What the published sites have that is the site's own business here, or is said in another way.
LEFT = {
    "nginx": {
        "add_header Strict-Transport-Security max-age=63072000 always;",
        "error_page 502 @away;",
        "location /jupyter/ {",
        "location @away {",
        "location = / {",
        "return 302 /jupyter/hub/;",
    },
    "apache": {
        "CustomLog ${APACHE_LOG_DIR}/jupyterhub.log jupyterhub",
        "Header always set Strict-Transport-Security max-age=63072000",
        "ProxyPass /jupyter/ http://127.0.0.1:800/jupyter/ nocanon upgrade=websocket timeout=3600 disablereuse=On",
        "RedirectMatch ^/$ /jupyter/hub/",
    },
}
BEGINS = {"nginx": "    access_log ", "apache": "    CustomLog "}


def directives(text):
    """The lines of a file without comments, each with single spaces."""
    return {" ".join(line.split()) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")} - {"}"}


@pytest.mark.parametrize("proxy", PROXIES)
def test_of_the_published_site_nothing_is_left_out_but_what_is_the_sites_own(proxy):
    published = PUBLISHED.read(f"{proxy}/jupyterhub.conf")
    whole, location = (PUBLISHED.read(f"beside/{name}.conf") for name in existing_site.FRAGMENTS[proxy])
    head = re.split(r"^(?:server \{|<VirtualHost)", published, flags=re.M)[0]
    assert head.partition("\n")[2].strip() == whole.partition("\n")[2].strip(), "what holds for all sites is the same, word by word"
    last = published.rpartition(BEGINS[proxy])[2]
    assert directives(BEGINS[proxy] + last) - directives(location) - {"</VirtualHost>"} == LEFT[proxy]


def lived(hub, proxy, *options, files=PUBLISHED, elsewhere=existing_site.ELSEWHERE):
    """The rungs that are climbed where the hub is included, what the site answers at its own address and on port 80, and the proxy's
    version.
    """
    made, extra = existing_site.included(proxy, files, elsewhere)
    with in_front(hub, PROXIES[proxy].servers[-1], proxy, made, extra) as server:
        rungs = hub.check("--keep-server", "--megabytes", "2", *options, user="bob")
        answers, at = hub.on_server("redirected", ROOT, "", "jupyter"), hub.on_server("at", "127.0.0.1", VALUES["host"], "/jupyter/")
        return rungs, answers, at, evidence.reported(server, proxy)


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_user_climbs_the_ladder_and_the_site_is_as_it_was(hubs, prove, proxy):
    rungs, answers, at, version = lived(hubs(NEWEST), proxy, "--idle", "6")
    assert rungs[-1]["ok"], tell(rungs[-1])
    assert [rung["rung"] for rung in rungs] == LADDER
    assert answers[""] == [200, ""]
    assert answers["jupyter"] == [301, URL]
    assert at["80 /jupyter/"] == [301, URL]
    prove(evidence.read_beside(proxy, version, hubs(NEWEST).suite))


# Of what differs from the published site, or has to be said in the site's own file: what is changed, and the rung that breaks.
WITHOUT = {
    "no ^~": ("nginx", {"files": PUBLISHED.replace("beside/nginx-location.conf", "location ^~ /", "location /")}, "server_spawns"),
    "the site's policy": ("apache", {"elsewhere": ""}, "server_spawns"),
}


@pytest.mark.parametrize(("proxy", "changed", "rung"), WITHOUT.values(), ids=WITHOUT)
def test_without_it_a_rung_breaks(hubs, proxy, changed, rung):
    last = lived(hubs(NEWEST), proxy, **changed)[0][-1]
    assert (last["rung"], last["ok"]) == (rung, False)


@pytest.fixture(scope="module", params=NEWEST_ON)
def machine(request):
    """A booted machine with a hub and both web servers, neither of them running."""
    with deployment.hub(NEWEST_ON[request.param], image=images.certified) as hub:
        yield hub


@pytest.mark.parametrize("proxy", PROXIES)
def test_each_command_of_the_page_prints_what_it_says(machine, site, prove, proxy):
    """The site is there first; the lines that the page has its reader write stand in its file before the commands are typed."""
    pages, written = following.Pages.examples(site), existing_site.included(proxy)[1]
    place = existing_site.LATER[proxy]
    modules = {"nginx": "true", "apache": "a2enmod --quiet ssl headers; a2dissite --quiet 000-default"}[proxy]
    machine.machine.sh(f"{modules}; systemctl start {SERVICE[proxy]}", {place: existing_site.site(proxy), "/srv/site/index.html": "a site"})
    at_work = following.Reader(machine.machine, pages, TABS[proxy])
    try:
        at_work.follow(PAGE, ["save-the-files-and-include-them"])
        machine.machine.put({place: written[place]})
        at_work.follow(PAGE, without=["save-the-files-and-include-them"])
        assert at_work.meet_all(PAGE, STATES)
        assert not at_work.wrong, "\n\n".join(at_work.wrong)
        last = machine.check("--keep-server", "--megabytes", "1")[-1]
        assert last["ok"], tell(last)
    finally:
        machine.machine.sh(f"systemctl stop {SERVICE[proxy]}")
    keys = pages.commands(TABS[proxy])
    prove(evidence.typed(PAGE, machine.suite, proxy, [keys[step.where].key for step in at_work.typed]))
