"""The entries of troubleshooting/ (in code, the atlas): each fault breaks its step, shows its symptom, and is gone after its fix."""

import contextlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from _ext.atlas import SHOWN, USUALLY
from snippets.check import hubcheck
from tests.harness.machines import deployment
from tests.harness.manifest import EVERY_PROXY, NEWEST, PROXIES, PUBLISHED, ROOT
from tests.harness.measuring import atlas, captures
from tests.harness.measuring.atlas import Entry, Seen, Unclear, entries
from tests.harness.measuring.ladder import LADDER
from tests.harness.pairs import WHOLE, in_turn, marks

RUNGS = [atlas.BELOW, *LADDER]
ENTRIES = entries()
# Entries of the proxy share a hub; the others bring their own, and are dealt out to two stages.
OWN = [entry for entry in ENTRIES if entry.of_the_hub]
AT_A_PROVIDER = "atlas-provider"


def group(entry):
    with contextlib.suppress(Unclear):
        if entry.at_a_provider:
            return AT_A_PROVIDER
    return f"atlas-{OWN.index(entry) % 2}" if entry in OWN else "atlas-shared"


def shown_with(entry):
    """The proxies to show a fault with. One whose page cannot be read fails in its own test, not here."""
    try:
        return entry.proxies
    except Unclear:
        return list(PROXIES)[:1]


ROWS = [
    pytest.param(entry, proxy, id=f"{entry.name}-{proxy}", marks=[pytest.mark.xdist_group(group(entry)), *marks(proxy)])
    for entry in ENTRIES
    for proxy in shown_with(entry)
]
FIRST, FURTHER = ([row for row in ROWS if (row.values[1] in PROXIES) == first] for first in (True, False))


@pytest.fixture(scope="session")
def stages(stack):
    """`stages(name)`: a place for hubs and proxies, and a browser, started when first asked for; "atlas-shared" has a hub."""
    made = {}

    def stage(name):
        if name not in made:
            made[name] = stack.enter_context(atlas.stage(name == "atlas-shared", name == AT_A_PROVIDER))
        return made[name]

    return stage


def located(entry, lines):
    return "\n".join(f"troubleshooting/{entry.name}/symptom.txt:{number}: not seen in [{place}]: {line}" for place, number, line in lines)


# Each entry every time with nginx or Apache, in turn; with the further reverse proxies weekly.
@pytest.mark.parametrize(("entry", "proxy"), [*in_turn(FIRST), *FURTHER])
def test_the_fault_breaks_its_rung_and_shows_its_symptom(stages, entry, proxy):
    # Without a browser each time, with one once a week.
    expected = [line for line in entry.expected(proxy) if WHOLE or line[0] not in ("browser", "console")]
    seen = atlas.reproduce(stages(group(entry)), entry, proxy, expected)
    assert ("command" in seen.places) == (entry.rung == atlas.BELOW), f"{proxy} {'refuses' if 'command' in seen.places else 'accepts'} it"
    # What a proxy refuses, the check meets as a hub that does not answer.
    assert seen.broken == (LADDER[0] if entry.rung == atlas.BELOW else entry.rung), seen.places["check"]
    missing = seen.missing(expected)
    assert not missing, f"{located(entry, missing)}\n{seen.told()}"


@pytest.mark.xdist_group("atlas-shared")
@pytest.mark.parametrize(("proxy", "rung"), [("nginx", "upload_lands"), ("apache", "blocks_shown")])
def test_a_good_deployment_shows_no_symptom(stages, tmp_path, proxy, rung):
    """What stands in a symptom.txt is telling: none of its lines is seen where nothing is wrong."""
    seen = atlas.reproduce(stages("atlas-shared"), captures.good(tmp_path, rung), proxy)
    assert not seen.broken, seen.places["check"]
    false = [
        f"troubleshooting/{entry.name}/symptom.txt:{number}: seen without the fault, in [{place}]: {line}"
        for entry in ENTRIES
        for place, number, line in entry.expected(proxy)
        if place != "check" and atlas.pattern(line).search(seen.places.get(place, ""))
    ]
    assert not false, "\n".join(false)


def test_the_rungs_are_those_of_the_check():
    assert list(hubcheck.INSIDE) == LADDER
    assert list(USUALLY) == RUNGS, "_ext/atlas.py: USUALLY says of each rung where it shows"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_entry_is_whole(entry):
    assert entry.rung in RUNGS, f"troubleshooting/{entry.name}/index.md:1: no rung is called {entry.rung}"
    where = entry.about.get("shown", USUALLY[entry.rung])
    assert where in SHOWN, f"troubleshooting/{entry.name}/index.md:1: no group of troubleshooting/index.md is called {where}"
    for proxy in entry.proxies:
        assert proxy in EVERY_PROXY
        assert entry.expected(proxy), f"troubleshooting/{entry.name}/symptom.txt: nothing that a person sees with {proxy}"
        read = [line for place, _, line in entry.expected(proxy) if place == "check" and "Read: " in line]
        assert len(read) == 1, f"troubleshooting/{entry.name}/symptom.txt: not one 'Read: ' in [check] for {proxy}"
    made = [name for name in ("fix.diff", "fault.sh") if (entry.folder / name).exists()]
    other = [entry.about.get(key) for key in ("certificate", "balancer", "cell")]
    assert len(made) == (0 if any(other) else 1), f"troubleshooting/{entry.name}: fix.diff or fault.sh, or what its front matter names"
    scripted = bool(entry.script("fault.sh") or entry.about.get("cell"))
    assert scripted == bool(entry.script("fix.sh")), f"troubleshooting/{entry.name}: fault.sh, or a cell, goes with fix.sh"


def test_the_check_names_nine_faults_of_ten():
    assert len(ENTRIES) >= 24
    read = {
        (entry.name, proxy): line.strip()
        for entry in ENTRIES
        for proxy in entry.proxies
        for place, _, line in entry.expected(proxy)
        if place == "check" and "Read: " in line
    }
    missed = [name for (name, _), line in read.items() if line != f"Read: troubleshooting/{name}"]
    assert len(missed) <= 0.1 * len(read), f"the check does not name {missed}"


def test_a_line_that_is_not_seen_is_named_by_file_and_number():
    entry = next(entry for entry in ENTRIES if entry.name == "can-upgrade-only-to-websocket")
    expected = entry.expected("nginx")
    lines = {}
    for place, _, line in expected:
        lines[place] = lines.get(place, "") + line.replace("…", "anything") + "\n"
    assert not Seen(places=lines).missing(expected)
    place, number, line = expected[0]
    lines[place] = lines[place].replace(line.replace("…", "anything"), "another")
    assert located(entry, Seen(places=lines).missing(expected)).startswith(
        f"troubleshooting/{entry.name}/symptom.txt:{number}: not seen in [{place}]: {line}"
    )


@pytest.fixture
def spoiled(tmp_path):
    """A copy of an entry, away from the others, to be spoiled."""
    entry = next(entry for entry in ENTRIES if entry.name == "can-upgrade-only-to-websocket")
    return Entry(Path(shutil.copytree(entry.folder, tmp_path / "spoiled")))


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (
            "fix.diff",
            "+    proxy_set_header Upgrade    $http_upgrade;",
            "+    proxy_set_header Upgrade $gone;",
            "does not lead to what is published",
        ),
        ("fix.diff", "snippets/", "elsewhere/", "changes no file below snippets/"),
        ("index.md", "rung:", "rang:", "no front matter with a rung"),
        ("index.md", "rung:", "certificates: old\nrung:", "unknown in the front matter: certificates"),
        ("symptom.txt", "[console]", "[konsole]", "no such place: [konsole]"),
        ("symptom.txt", "[", "first\n[", "symptom.txt:1: a line before the first [place]"),
    ],
)
def test_an_entry_that_cannot_be_read_is_told_by_file(spoiled, name, old, new, words):
    path = spoiled.folder / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(Unclear, match=re.escape(words)) as told:
        spoiled.about, spoiled.files, spoiled.expected("nginx")
    assert f"{spoiled.folder.name}/" in str(told.value)


def test_a_name_that_is_no_entry_is_told_with_those_that_are():
    done = subprocess.run([sys.executable, "-m", "tests.harness.measuring.atlas", "nowhere"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: python -m tests.harness.measuring.atlas NAME...; the names are address-already-in-use, ")


# Advice that is often given, and that this stack does not confirm: (what is published, what the advice says breaks).
UNCONFIRMED = [
    ("nginx", "jupyterhub/jupyterhub_config.py", ':800/jupyter/"', ':800/jupyter"'),
    ("nginx", "nginx/jupyterhub.conf", "proxy_http_version", ""),
    ("apache", "apache/jupyterhub.conf", "SSLEngine on", "SSLEngine on\n    LimitRequestBody 1048576"),
    ("apache", "apache/jupyterhub.conf", "SSLEngine on", "SSLEngine on\n    Protocols h2 http/1.1"),
    ("nginx", "nginx/jupyterhub.conf", "proxy_set_header X-Forwarded-Proto", ""),
]


def changing(rows):
    """The rows, each in the group of the stage that it needs."""
    return [
        pytest.param(*row, marks=pytest.mark.xdist_group("atlas-1" if row[1].startswith("jupyter") else "atlas-shared")) for row in rows
    ]


@pytest.mark.parametrize(("proxy", "name", "line", "instead"), changing(UNCONFIRMED))
def test_what_is_said_to_break_the_hub_does_not(stages, proxy, name, line, instead):
    files = PUBLISHED.replace(name, line, instead)
    with contextlib.ExitStack() as stack:
        if name.startswith("jupyter"):
            hub = stack.enter_context(deployment.hub(NEWEST, files, stages("atlas-1").network()))
        else:
            hub = stages("atlas-shared").hub
        stack.enter_context(deployment.in_front(hub, PROXIES[proxy].servers[-1], proxy, files))
        last = hub.check("--megabytes", "2", "--keep-server")[-1]
    assert last["ok"], last


@pytest.mark.xdist_group("atlas-1")
def test_the_hubs_own_settings_lift_no_frame(stages):
    blank = next(entry for entry in ENTRIES if entry.name == "blank-jigsaw-iframe").files
    settings = "c = get_config()\nc.JupyterHub.tornado_settings = {'headers': {'Content-Security-Policy': \"frame-ancestors 'self'\"}}"
    files = blank.replace("jupyterhub/jupyterhub_config.py", "c = get_config()", settings)
    with contextlib.ExitStack() as stack:
        stage = stages("atlas-1")
        hub = stack.enter_context(deployment.hub(NEWEST, files, stage.network()))
        stack.enter_context(deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx", files))
        last = hub.check("--megabytes", "1")[-1]
    assert (last["rung"], last["ok"]) == ("blocks_shown", False)
    assert "frame-ancestors 'none'" in last["said"]
