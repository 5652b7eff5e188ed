"""releases.toml agrees with git, no page of a release is lost, and each release gets its tag."""

import os
import re
import subprocess

import pytest
import yaml

from tests.harness import releases
from tests.harness.manifest import ROOT, SNIPPETS, snippets
from tests.harness.site.guide import reading, small_copy_of_the_tree, sphinx

pytestmark = pytest.mark.xdist_group("site")

TAGGED = {row["version"]: row for row in releases.tagged()}


def git(folder, *arguments):
    name = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    done = subprocess.run(["git", *name, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_newest_release_is_the_next_one_or_has_a_commit_and_all_others_have_one():
    versions = [tuple(map(int, row["version"].split("."))) for row in releases.rows()]
    assert versions == sorted(set(versions), reverse=True)
    dates = [row["date"] for row in releases.rows()]
    assert dates == sorted(dates, reverse=True)
    assert all(row["commit"] for row in releases.rows()[1:])


def test_the_file_for_citing_names_the_newest_release():
    cited, newest = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8")), releases.rows()[0]
    assert (cited["version"], cited["date-released"]) == (newest["version"], newest["date"])
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= cited.keys(), "what its format demands"


@pytest.mark.parametrize("version", TAGGED)
def test_what_is_said_of_the_files_of_a_release_is_what_git_has(version):
    assert TAGGED[version]["files"] == releases.digests(TAGGED[version]["commit"])


def test_the_page_lists_the_files_that_have_changed_since_each_release_and_no_other(site):
    page = site.pages[site.html / "deploy/upgrade.html"]
    heads = [head.find_parent("p") for head in page.select("article p > strong") if head.text.startswith("Since ")]
    assert [head.strong.text for head in heads] == [f"Since {version}" for version in TAGGED]
    for head, row in zip(heads, TAGGED.values(), strict=True):
        old = releases.published(row["commit"])
        differ = {name for name in snippets() if old.changed.get(name) != (SNIPPETS / name).read_text("utf-8")}
        # The one right below it, or words that there is none.
        below = head.find_next_sibling()
        told = [cell.text for cell in below.select("tbody tr > td:first-child")]
        assert sorted(told) == sorted(differ | (old.changed.keys() - set(snippets())))
        assert bool(told) == (below.get_text(strip=True) != "No file has changed.")


@pytest.mark.parametrize("version", TAGGED)
def test_every_page_of_a_release_is_there_or_leads_to_one_that_is(site, version):
    lost = []
    for page in releases.pages(TAGGED[version]["commit"]):
        to = releases.moved().get(page, page)
        if not (site.html / f"{page}.html").is_file() or not (site.html / f"{to}.html").is_file():
            lost.append(f"{page}: write into [moved] of releases.toml where it is now" if to == page else f"{page}: there is no {to}")
    assert not lost, "\n".join(lost)


# By page, headings that have another name now, and those that have moved to another page; others link to them.
RENAMED = {
    "deploy/certificate": ["enter-its-place"],
    "deploy/check": ["look-from-outside", "be-a-user"],
    "deploy/class": ["let-what-is-idle-end", "when-all-come-at-once", "other-times"],
    "deploy/configure-jupyterhub": ["let-people-in"],
    "deploy/existing-site": ["what-holds-for-whom"],
    "deploy/faster": ["what-it-gains", "to-undo-it"],
    "deploy/faults": ["what-does-cost-a-variable"],
    "deploy/haproxy": ["traps"],
    "deploy/how-the-parts-fit": ["the-words"],
    "deploy/look-after": ["update-what-debian-does-not-know", "what-a-healthy-hub-says"],
    "deploy/openid-connect": ["what-to-know"],
    "deploy/reverse-proxy": ["put-it-to-work", "workers", "apache", "nginx"],
    "deploy/run-as-a-service": ["when-you-change-something"],
    "deploy/shares": ["see-who-takes-what", "the-shares"],
    "deploy/speed": ["how-much-goes-through"],
    "deploy/traefik": ["traps"],
    "deploy/upgrade": ["the-way-back"],
    "deploy/users": ["somebody-leaves", "packages-of-one-s-own", "what-it-costs"],
    "jigsaw/configure": ["let-notebooks-frame-files", "why-this-and-nothing-wider", "other-ways"],
    "jigsaw/files": ["names", "when-they-come-back"],
    "jigsaw/how-it-works": ["the-way-to-the-kernel"],
    "jigsaw/policies": ["how-this-was-seen"],
}


def test_the_old_address_of_a_heading_that_was_renamed_leads_to_it(site):
    lost = [
        f"{page}#{name}: write ({name})= above the heading"
        for page, names in RENAMED.items()
        for name in names
        if not site.pages[site.html / f"{page}.html"].find(id=name)
    ]
    assert not lost, "\n".join(lost)


def test_a_heading_is_linked_by_its_own_words_and_not_by_its_old_name(site):
    page = site.pages[site.html / "deploy/check.html"]
    heading = page.find(id="be-a-user").find_parent("section").h2
    assert heading.a["href"] == "#check-as-a-user"
    assert {link["href"] for link in page.select(".toc-tree a")} & {"#check-as-a-user", "#be-a-user"} == {"#check-as-a-user"}


MOVED = '[moved]\n"old" = "deploy/new"\n"deploy/older/place" = "deploy/new"\n'
PLACES = {"old": "deploy/new.html", "deploy/older/place": "../new.html"}


@pytest.fixture(scope="module")
def with_moved_pages(tmp_path_factory):
    """A small tree in which two pages have moved to a third, and its built site."""
    work = tmp_path_factory.mktemp("moved")
    tree = small_copy_of_the_tree(work / "tree")
    (tree / "deploy").mkdir()
    (tree / "index.md").write_text("# A guide\n\n```{toctree}\ndeploy/new\n```\n", "utf-8")
    (tree / "deploy/new.md").write_text("# New\n\n## A part\n", "utf-8")
    file = tree / "releases.toml"
    file.write_text(file.read_text("utf-8").partition("[moved]")[0] + MOVED, "utf-8")
    built = sphinx(tree, work)
    assert (built.returncode, built.stderr) == (0, "")
    return work / "html"


@pytest.mark.parametrize("old", PLACES)
def test_a_page_that_has_moved_leaves_a_redirect(with_moved_pages, old):
    text = (with_moved_pages / f"{old}.html").read_text("utf-8")
    targets = {PLACES[old]}
    assert set(re.findall(r'url=([^"]+)"', text)) == set(re.findall(r'href="([^"]+)"', text)) == targets
    assert set(re.findall(r'replace\("([^"]+)"', text)) == targets
    assert ((with_moved_pages / f"{old}.html").parent / PLACES[old]).resolve() == with_moved_pages / "deploy/new.html"


def test_a_reader_with_an_old_address_arrives_at_the_new_page(with_moved_pages):
    """Without JavaScript too; with it at the part that was asked for."""
    with reading(with_moved_pages) as reader:
        for script, end in ((True, "#a-part"), (False, "")):
            page = reader.context(java_script_enabled=script).new_page()
            page.goto(f"{reader.address}deploy/older/place.html#a-part")
            page.wait_for_url(re.compile(rf"/deploy/new\.html{end}"))
            assert page.locator("h1").inner_text().startswith("New")


@pytest.mark.parametrize(("old", "instead"), [("[release.files]", "[release.texts]"), ("[[release]]", "[[release"), ("date = ", "day = ")])
def test_a_table_that_is_not_right_is_refused_in_one_line(tmp_path, old, instead):
    tree = small_copy_of_the_tree(tmp_path / "tree")
    (tree / "index.md").write_text("# A guide\n", "utf-8")
    file = tree / "releases.toml"
    file.write_text(file.read_text("utf-8").replace(old, instead, 1), "utf-8")
    built = sphinx(tree, tmp_path, "dummy")
    assert built.returncode
    assert re.fullmatch(r"WARNING: releases\.toml: .+", built.stderr.strip()), built.stderr


@pytest.fixture
def repository(tmp_path):
    """A repository with the table and the command, and two commits; the row of a release is completed by hand."""
    tree = tmp_path / "repository"
    (tree / ".ci").mkdir(parents=True)
    (tree / ".ci/tag").write_bytes((ROOT / ".ci/tag").read_bytes())
    git(tmp_path, "init", "--quiet", "repository")
    git(tree, "commit", "--quiet", "--allow-empty", "--message", "one")
    return tree


def table(tree, *rows):
    text = "\n".join(f'[[release]]\nversion = "{version}"\ncommit = "{commit}"' for version, commit in rows)
    (tree / "releases.toml").write_text(text, "utf-8")


def tag(tree, **environment):
    return subprocess.run(["sh", ".ci/tag"], cwd=tree, capture_output=True, text=True, env=os.environ | environment)


def test_a_release_with_a_commit_gets_its_tag_once_and_the_next_one_gets_none(repository):
    commit = git(repository, "rev-parse", "HEAD")
    table(repository, ("1.1", ""), ("1.0", commit))
    done = tag(repository)
    assert (done.returncode, done.stdout) == (0, f"v1.0 is {commit}\n")
    assert git(repository, "rev-parse", "v1.0") == commit
    assert git(repository, "tag") == "v1.0"
    again = tag(repository)
    assert (again.returncode, again.stdout) == (0, "")


def test_a_tag_that_says_otherwise_and_a_commit_that_is_not_there_are_named(repository):
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "v1.0")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "two")
    second = git(repository, "rev-parse", "HEAD")
    table(repository, ("1.0", second))
    done = tag(repository)
    assert (done.returncode, done.stderr) == (1, f"error: v1.0 is {first}, and releases.toml says {second}\n")
    assert git(repository, "rev-parse", "v1.0") == first
    table(repository, ("1.1", "0" * 40))
    done = tag(repository)
    assert (done.returncode, done.stderr) == (1, f"error: v1.1: the commit {'0' * 40} is not here: git fetch --unshallow\n")


def test_a_table_that_cannot_be_read_and_a_python_that_is_too_old_make_no_tag_and_no_success(repository, tmp_path):
    table(repository, ("1.0", git(repository, "rev-parse", "HEAD")))
    (tmp_path / "python3").write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'tomllib'\" >&2\nexit 1\n", "utf-8")
    (tmp_path / "python3").chmod(0o755)
    done = tag(repository, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout) == (1, ""), "no tag is missing, it says"
    (repository / "releases.toml").write_text('[[release\nversion = "1.0"\n', "utf-8")
    done = tag(repository)
    assert (done.returncode, done.stdout) == (1, ""), "no tag is missing, it says"
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: releases.toml: "), done.stderr


def test_a_working_copy_without_history_says_what_is_missing(tmp_path, monkeypatch):
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{ROOT}", "shallow")
    monkeypatch.setattr(releases, "ROOT", tmp_path / "shallow")
    commit = "c" * 40
    with pytest.raises(releases.NoHistory, match=r"the commit c{12} of releases\.toml is not in this working copy: git fetch --unshallow"):
        releases.published(commit)


@pytest.mark.parametrize("version", TAGGED)
def test_a_working_copy_without_history_has_the_files_and_the_pages_of_each_release(tmp_path, monkeypatch, version):
    commit = TAGGED[version]["commit"]
    in_git = releases.published(commit), releases.pages(commit), releases.saved_as(commit)
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{ROOT}", "shallow")
    monkeypatch.setattr(releases, "ROOT", tmp_path / "shallow")
    assert not releases._in_git(commit)
    assert (releases.published(commit), releases.pages(commit), releases.saved_as(commit)) == in_git


def test_the_commit_of_the_next_release_is_written_with_its_files_and_its_archive(tmp_path):
    (tmp_path / "releases.toml").write_text('[[release]]\nversion = "2.0"\ncommit = ""\n', "utf-8")
    with pytest.raises(ValueError, match="the whole name of the commit is needed"):
        releases.complete("3883940", tmp_path)
    row = releases.tagged()[0]
    releases.complete(row["commit"], tmp_path)
    assert releases.archive(row["commit"], tmp_path).read_bytes() == releases.archive(row["commit"]).read_bytes()
    assert releases.rows(tmp_path) == [{"version": "2.0", "commit": row["commit"], "files": row["files"]}]
    with pytest.raises(ValueError, match='no row with commit = ""'):
        releases.complete(row["commit"], tmp_path)
