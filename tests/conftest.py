"""Fixtures: containers that tests share, and an engine for them to run in."""

import contextlib
import os

import pytest

from tests.harness import pairs, spending
from tests.harness.browsers import user_browser
from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import BUILD, EVERY_PROXY, NEWEST
from tests.harness.measuring import durations, evidence, syntax
from tests.harness.site import guide, one_download

_daemon = pytest.StashKey()
_run = durations.Run()
_missed = pytest.StashKey[list]()


def pytest_addoption(parser):
    parser.addoption("--no-machines", action="store_true", help="neither start a container engine nor build images")


def pytest_sessionstart(session):
    """Once, before any worker: an engine that answers, and every image, with progress."""
    if "PYTEST_XDIST_WORKER" in os.environ or session.config.option.no_machines or session.config.option.collectonly:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            session.config.stash[_daemon] = engine.ensure(lambda line: print(line, flush=True))
            engine.sweep()
            images.prepare(lambda line: print(line, flush=True))
        except engine.Trouble as trouble:
            pytest.exit(f"error: {trouble}", returncode=3)


def pytest_unconfigure(config):
    if daemon := config.stash.get(_daemon, None):
        engine.stop(daemon)


def shares(item):
    """What tests of one worker have in common: the group that says so, or nothing, and then its file keeps them in order."""
    marker = item.get_closest_marker("xdist_group")
    return marker.kwargs.get("name") or marker.args[0] if marker else item.nodeid.partition("::")[0]


def pytest_itemcollected(item):
    """Tests of one JupyterHub version run on one worker, and share its deployment; those with a browser on another.

    A file that takes long has its browser for itself, wherever there is room: its `xdist_group` says so.
    """
    version = getattr(item, "callspec", None) and item.callspec.params.get("version")
    if version and not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group(f"{'desk' if 'desks' in item.fixturenames else 'hub'}-{version}"))


def pytest_collection_modifyitems(config, items):
    """What is marked `weekly` runs in `make test-all` alone, and pytest says how many those are. The longest work comes first."""
    # So that no worker is left with it at the end. What shares something stays together.
    took, groups = durations.known(), {}
    for item in items:
        groups.setdefault(shares(item), []).append(item)
    longest = sorted(groups.values(), key=lambda group: -sum(took.get(durations.name(item.nodeid), 1) for item in group))
    items[:] = [item for group in longest for item in group]
    names = pairs.listed()
    for item in items:
        if any(name.fullmatch(durations.name(item.nodeid)) for name in names):
            item.add_marker(pytest.mark.weekly("see tests/weekly.toml"))
    if not pairs.WHOLE:
        try:
            whole = pairs.concerned(pairs.changed_since(pairs.SINCE)) if pairs.SINCE else set()
        except ValueError as trouble:
            raise pytest.UsageError(f"SINCE={pairs.SINCE}: {trouble}") from None
        weekly = [item for item in items if item.get_closest_marker("weekly") and item.nodeid.partition("::")[0] not in whole]
        config.hook.pytest_deselected(items=weekly)
        config.stash[pairs.LEFT_OUT] = {item.nodeid for item in weekly}
        left = {*weekly}
        items[:] = [item for item in items if item not in left]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that fails at a desk tells what the browser showed and said, and closes its pages; an error in the console fails it."""
    report = yield
    if report.when == "teardown":
        report.user_properties.append(("spent", spending.take()))
    if report.when == "call" and (started := item.funcargs.get("desks")):
        loud = item.get_closest_marker("loud")
        for desk in started.all():
            said = (error for user in desk.users.values() for error in user.errors())
            errors = [error for error in said if not (loud and loud.kwargs.get("only", "") in error)]
            if errors and report.passed:
                report.outcome = "failed"
                report.longrepr = "\n".join(["the browser's console is not free of errors:", *errors])
            if report.failed:
                report.sections.append((f"a browser, and JupyterHub {desk.hub.version}", desk.report(BUILD / "failures", item.name)))
            desk.clear()
    return report


def pytest_runtest_logreport(report):
    """Where workers report to, each test that passes tells what it proves."""
    _run.add(report)
    if report.when == "call" and report.passed:
        evidence.PROVEN.extend(row for name, row in report.user_properties if name == "evidence")


def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        evidence.merge(evidence.PROVEN)
        # A part of the tests says nothing of the whole.
        option = session.config.getoption
        if not option("no_machines", True) and not option("keyword") and session.config.args_source.name == "TESTPATHS":
            _run.write(session.config.getoption("numprocesses", None) or 1)
            if pairs.WHOLE and not session.testsfailed and (missed := evidence.unproven(evidence.PROVEN)):
                session.config.stash[_missed] = missed
                session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    """A published file that no test of the whole run has a word for would have no stamp, and nobody would know."""
    for name in config.stash.get(_missed, []):
        terminalreporter.write_line(f"no test of this run has proved anything of snippets/{name}")


@pytest.fixture
def prove(request):
    """`prove(row, ...)`: what the test proves if it passes; None for nothing. The site shows it, see `evidence`."""
    request.node.user_properties.clear()  # of a first try that failed
    return lambda *rows: request.node.user_properties.extend(("evidence", row) for row in rows if row)


@pytest.fixture(scope="session")
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


def kept(stack, start):
    """`start` for each of its arguments once, and again, in place of the one before, when the files that it is made of have changed."""
    started = {}

    def get(*which):
        made_of = evidence.deployed()
        if which in started and started[which][0] != made_of:
            started.pop(which)[1].close()
        if which not in started:
            own = stack.enter_context(contextlib.ExitStack())
            started[which] = (made_of, own, own.enter_context(start(*which)))
        return started[which][2]

    get.all = lambda: [thing for _, _, thing in started.values()]
    return get


@contextlib.contextmanager
def hub_with_bob(version):
    with deployment.hub(version) as running:
        running.check("--keep-server", "--megabytes", "0", user="bob", url=deployment.BEHIND)
        yield running


@pytest.fixture(scope="session")
def hubs(stack):
    """`hubs(version)`: a running hub of that version, started when first asked for; bob's server runs on it."""
    return kept(stack, hub_with_bob)


@pytest.fixture(scope="module", params=pairs.fronts())
def front(request, hubs):
    """The newest hub behind a reverse proxy that the tests of a file share; in turn each with the published files.

    A test with a parameter of its own, (proxy, options of `deployment.in_front`), gets that one.
    """
    hub, (proxy, options) = hubs(NEWEST), request.param
    with deployment.in_front(hub, EVERY_PROXY[proxy].servers[-1], proxy, **options):
        yield hub


@pytest.fixture(scope="session")
def desks(stack):
    """`desks(version)`: a hub of that version with a browser to use it with, started when first asked for.

    Unless it is a `thrifty` one, its browser keeps pages apart as a user's own does: where attacks are tried.
    """
    get = kept(stack, lambda version, thrifty: user_browser.desk(version, thrifty=thrifty))

    def desk(version, thrifty=True):
        return get(version, thrifty)

    desk.all = get.all
    return desk


@pytest.fixture(scope="session")
def verdicts():
    """What every server says of every snippet: {(what, machine): what it proves, or the exception}."""
    return syntax.everything()


@pytest.fixture(scope="session")
def idle(stack):
    """`idle(name)`: a machine with nothing running, of a server's kind or a JupyterHub version, started when first asked for."""
    return kept(stack, syntax.machine)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The guide, built strictly; once for all workers, whose own folders lie beside it."""
    own = tmp_path_factory.getbasetemp()
    work = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "site"
    work.mkdir(exist_ok=True)
    return guide.Site(work)


@pytest.fixture(scope="session")
def reader(stack, site):
    """A browser in which the built guide is read."""
    return stack.enter_context(guide.reading(site.html))


@pytest.fixture(scope="session")
def short_way(stack, site, reader, tmp_path_factory):
    """`short_way(who)`: a server that is set up by the short page.

    Who asks for it once more, since something failed, gets another, as does who comes after the "removal".
    """
    get, asked, turn = kept(stack, lambda turn: one_download.short_way(site, reader, tmp_path_factory.mktemp("archive"))), set(), 0

    def server(who):
        nonlocal turn
        if asked & {who, "removal"}:
            turn += 1
            asked.clear()
        asked.add(who)
        return get(turn)

    return server
