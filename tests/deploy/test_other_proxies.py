"""deploy/other-proxies.md: each further reverse proxy is set up by its own page, on a server where the hub already runs."""

import os
import shutil
import subprocess
import sys

import pytest

from _ext.proxies import PARTS
from tests.harness.machines import deployment
from tests.harness.manifest import EVERY_PROXY, FURTHER_PROXIES, HOMES, NEWEST_ON, PROXIES, PUBLISHED, ROOT
from tests.harness.measuring.ladder import LADDER, tell
from tests.harness.pairs import marks
from tests.harness.site import following
from tests.harness.site.following import TABS, State

# The section that needs an authority; test_certificate has one.
LETS_ENCRYPT, AWAY = "a-certificate-from-let-s-encrypt", "take-this-away-again"
ROWS = [pytest.param(proxy, suite, marks=marks(proxy)) for proxy in FURTHER_PROXIES for suite in HOMES]


@pytest.mark.parametrize(("proxy", "suite"), ROWS)
def test_each_command_of_its_page_prints_what_it_says_and_a_user_climbs(site, prove, proxy, suite):
    page, pages = f"deploy/{proxy}.md", following.Pages.examples(site)
    states = {words: State(**state) for words, state in FURTHER_PROXIES[proxy].states.items()}
    with deployment.hub(NEWEST_ON[suite], network="bridge") as hub:
        # By root's own umask, nobody else could run what a page has its reader make.
        hub.machine.sh("echo umask 077 >>/root/.profile; apt-get update", timeout=300)
        at_work = following.Reader(hub.machine, pages, TABS[proxy])
        at_work.follow(page, without=[LETS_ENCRYPT, AWAY])
        assert not at_work.wrong, "\n\n".join(at_work.wrong)
        rungs = hub.check("--idle", "6")
        assert rungs[-1]["ok"], tell(rungs[-1])
        assert [rung["rung"] for rung in rungs] == LADDER
        assert at_work.meet_all(page, states) == len(states)
        at_work.follow(page, [AWAY])
        left = hub.machine.sh(f"ls -d {' '.join(FURTHER_PROXIES[proxy].saved_as.values())} /root/{proxy} /opt/{proxy}", check=False).stdout
        assert left == ""
        assert "443" not in deployment.listening(hub.machine)
        assert not at_work.wrong, "\n\n".join(at_work.wrong)
    prove(*at_work.proof(suite, proxy))


def plain(text):
    """Words without their marks: those of code, quotes as they are printed, and spaces."""
    return " ".join(text.replace("`", "").replace("\u2019", "'").split())


@pytest.mark.parametrize("proxy", FURTHER_PROXIES)
def test_what_it_cannot_is_said_on_its_page(site, proxy):
    said = FURTHER_PROXIES[proxy].cannot.values()
    for name in (proxy, "other-proxies"):
        text = plain(site.pages[site.html / f"deploy/{name}.html"].get_text())
        assert [words for words in said if plain(words) not in text] == [], f"deploy/{name}.md"


@pytest.mark.parametrize("proxy", EVERY_PROXY)
def test_each_part_names_words_of_its_files(proxy):
    """Or says in a sentence what holds, or that it cannot; "" for what it does by itself."""
    row = EVERY_PROXY[proxy]
    text = "\n".join(PUBLISHED.read(name) for name in PUBLISHED.folder(proxy))
    assert row.parts.keys() == PARTS.keys()
    assert [words for words in row.parts.values() if not words.endswith(".") and words not in text] == []


FIFTH = """[further_proxies]
fifth = ["trixie"]
"""
# In which files each further reverse proxy has tests that nobody has to write for it.
TRIED_IN = {
    "test_accepted",
    "test_certificate",
    "test_fast",
    "test_faults",
    "test_jigsaw",
    "test_ladder",
    "test_limits",
    "test_lines",
    "test_logs",
    "test_other_lines",
    "test_other_proxies",
    "test_other_scripts",
    "test_safe",
}


@pytest.fixture(scope="module")
def with_a_fifth(tmp_path_factory):
    """A copy of the guide with one folder and one row more: nginx by another name, as a further reverse proxy."""
    copy = tmp_path_factory.mktemp("fifth") / "guide"
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    shutil.copytree(copy / "snippets/nginx", copy / "snippets/fifth")
    facts = copy / "snippets/fifth/proxy.toml"
    told = (
        facts.read_text("utf-8").replace('label = "nginx"', 'label = "Fifth"').replace('start = "nginx"', 'start = "systemctl start nginx"')
    )
    install = "[install]\ntrixie = ['trixie', 'apt-get install -y --no-install-recommends nginx']\n"
    facts.write_text(told.replace("[tells]", f"{install}\n[tells]"), "utf-8")
    manifest = copy / "snippets/manifest.toml"
    manifest.write_text(manifest.read_text("utf-8").replace("[further_proxies]\n", FIFTH), "utf-8")
    return copy


def pytest_of(copy, *options):
    """What pytest prints in a copy of the guide."""
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-o", "addopts=--import-mode=importlib -p no:nbval", *options]
    # It is no worker of this run: it makes its images itself.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, cwd=copy, capture_output=True, text=True, env=plain | {"WHOLE": "1"}).stdout


def test_one_folder_and_one_row_more_are_tried_everywhere(with_a_fifth):
    said = pytest_of(with_a_fifth, "--no-machines", "--collect-only", "tests/deploy", "tests/jigsaw")
    rows = {line for line in said.splitlines() if "[fifth" in line or "-fifth-" in line or "-fifth]" in line}
    assert {row.partition(".py")[0].rpartition("/")[2] for row in rows} == TRIED_IN
    assert len(rows) > 30


@pytest.mark.weekly("it builds an image for one more server")
def test_one_folder_and_one_row_more_climb(with_a_fifth):
    rows = ["tests/deploy/test_accepted.py::test_the_proxy_accepts_its_site[fifth-trixie]"]
    rows += ["tests/deploy/test_ladder.py::test_a_user_climbs_the_ladder[fifth-trixie-6.1.1]"]
    assert "2 passed" in pytest_of(with_a_fifth, *rows)


def test_every_further_proxy_has_a_page():
    listed = (ROOT / "deploy/other-proxies.md").read_text("utf-8").partition("{toctree}")[2].split()
    assert set(FURTHER_PROXIES) <= set(listed)
    assert not set(FURTHER_PROXIES) & set(PROXIES)
