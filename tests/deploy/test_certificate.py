"""The steps of deploy/certificate.md, typed from the page: a certificate is fetched, served, and renewed while a notebook is open."""

import itertools
from dataclasses import replace

import pytest

from tests.harness.machines import engine, faults
from tests.harness.machines.faults import SERVICE
from tests.harness.manifest import FURTHER_PROXIES, NEWEST_ON, VALUES
from tests.harness.measuring.ladder import tell
from tests.harness.pairs import WHEREVER, the_first
from tests.harness.site import certificate, following
from tests.harness.site.certificate import ANSWERS, OWN, STATES
from tests.harness.site.certificate import PAGE as NAME
from tests.harness.site.following import TABS

PROXY_PAGE = "deploy/reverse-proxy.md"
FETCH, PLACE, TRY, OLD = "fetch-the-certificate", "enter-the-certificate-s-path", "try-the-renewal", "if-browsers-get-the-old-certificate"
# Of the pages of the further reverse proxies.
LETS_ENCRYPT, AWAY, FOR_A_WEEK = "a-certificate-from-let-s-encrypt", "take-this-away-again", "openssl "
pytestmark = pytest.mark.xdist_group("certificate")


@pytest.fixture(scope="module", params=the_first(WHEREVER))
def fetched(request, site, reader):
    """A reader who has followed the page with one of the reverse proxies, on a machine that is then served by it; the hub; the proxy."""
    suite, proxy = request.param
    pages = following.Pages.for_values(site, reader, OWN, (NAME, PROXY_PAGE))
    with certificate.hub(NEWEST_ON[suite]) as hub:
        machine = hub.machine
        machine.sh(f"systemctl start {SERVICE[proxy]}")
        at_work = following.Reader(machine, pages, TABS[proxy], answers=ANSWERS)
        at_work.meet_all(NAME, states(SERVICE[proxy]), FETCH)
        at_work.follow(NAME, [FETCH, PLACE])
        at_work.meet_all(NAME, states(SERVICE[proxy]), PLACE)
        at_work.follow(PROXY_PAGE, ["save-the-site", "enable-the-site"])
        certificate.trusted(machine)
        at_work.follow(NAME, [TRY])
        at_work.meet_all(NAME, states(SERVICE[proxy]), TRY)
        yield at_work, hub, proxy


def states(service, *begins):
    """STATES, or only those that `begins` so, with the name of the web server in them."""
    chosen = {one: state for one, state in STATES.items() if one in (begins or STATES)}
    return {
        one: replace(state, make=state.make.format(service=service), undo=state.undo.format(service=service))
        for one, state in chosen.items()
    }


def renewed(machine, before):
    """Wait for another certificate in the file than `before`; what new connections get then."""
    certificate.renew(machine)
    now, served = certificate.serial(machine)
    assert now != before, machine.sh("journalctl --unit certbot --no-pager --output cat").stdout
    return now, served


def served(machine, serial):
    """Wait until a certificate is in the file, and is what new connections get. A reload may end before."""

    def seen():
        assert certificate.serial(machine) == (serial, serial)

    engine.wait(seen, timeout=10, every=0.5)


def test_the_certificate_is_fetched_and_served_and_the_ladder_is_climbed(fetched):
    at_work, hub, _ = fetched
    assert not at_work.wrong, "\n\n".join(at_work.wrong)
    in_the_file, served = certificate.serial(hub.machine)
    assert in_the_file == served
    last = hub.check("--keep-server", "--megabytes", "1")[-1]
    assert last["ok"], tell(last)


def test_debians_timer_renews_it_under_an_open_notebook_and_new_connections_get_the_new_one(fetched):
    _, hub, _ = fetched
    before, _ = certificate.serial(hub.machine)
    with faults.watching(hub) as told:
        now, _ = renewed(hub.machine, before)
        # The old workers of a reload end when they have nothing more to do.
        served(hub.machine, now)
    assert set(told["lived"].values()) == {True}, told


def test_without_the_hook_the_old_one_is_served_until_the_page_was_followed(fetched, prove):
    at_work, hub, proxy = fetched
    at_work.meet_all(NAME, states(SERVICE[proxy], "If you see nothing"), OLD)
    hub.machine.sh(f"sed -i /renew_hook/d {certificate.CONF}")
    before, old = certificate.serial(hub.machine)
    now, served = renewed(hub.machine, before)
    assert served == old != now
    find = next(step for step in at_work.pages.steps(NAME, at_work.tab) if getattr(step, "section", "") == OLD)
    at_work.follow(NAME, [OLD])
    assert [find.command in told for told in at_work.wrong] == [True], "the hook that the page looks for is gone, and nothing else is wrong"
    at_work.wrong.clear()
    at_work.meet_all(NAME, states(SERVICE[proxy], "If you see is not active"), OLD)
    assert not at_work.wrong, "\n\n".join(at_work.wrong)
    assert certificate.serial(hub.machine) == (now, now)
    last, served = renewed(hub.machine, now)
    assert served == last, "the script of the page reloads from then on"
    prove(*at_work.proof(hub.suite, proxy))


@pytest.mark.parametrize(("proxy", "suite"), [*zip(FURTHER_PROXIES, itertools.cycle(NEWEST_ON))])
def test_a_further_reverse_proxy_serves_while_debians_timer_renews_its_certificate(site, prove, proxy, suite):
    """By the commands of its own page, on a server that has no certificate before."""
    page, pages = f"deploy/{proxy}.md", following.Pages.examples(site)
    places = f"{VALUES['certificate']} {VALUES['key']} /var/www/html"
    with certificate.hub(NEWEST_ON[suite], "bridge") as hub:
        machine = hub.machine
        machine.sh(f"rm -rf {places}; apt-get update", timeout=300)
        at_work = following.Reader(machine, pages, TABS[proxy], answers=ANSWERS)
        at_work.follow(page, [LETS_ENCRYPT], skip=lambda step: not step.command.startswith(FOR_A_WEEK))
        at_work.follow(page, without=[LETS_ENCRYPT, AWAY])
        at_work.follow(page, [LETS_ENCRYPT], skip=lambda step: step.command.startswith(FOR_A_WEEK))
        assert not at_work.wrong, "\n\n".join(at_work.wrong)
        before, _ = certificate.serial(machine)
        served(machine, before)
        certificate.trusted(machine)
        with faults.watching(hub) as told:
            now, _ = renewed(machine, before)
            served(machine, now)
    assert set(told["lived"].values()) == {True}, told
    prove(*at_work.proof(suite, proxy))
