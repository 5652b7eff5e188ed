"""The forms of the site for programs are complete: Markdown, llms.txt, the sitemap; and the page for addresses that do not exist."""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

import pytest
import yaml
from bs4 import BeautifulSoup

from tests.harness import releases
from tests.harness.manifest import NOT_SHOWN, ROOT, SNIPPETS, snippets
from tests.harness.site.guide import PAGES, Site, small_copy_of_the_tree, sphinx

pytestmark = pytest.mark.xdist_group("site")

ADDRESS = "https://127.0.0.1:8443/guide/"
SOURCES = [*PAGES, *(ROOT / "jigsaw").glob("*.ipynb")]
BUILT = [f"{page.relative_to(ROOT).with_suffix('')}.html" for page in SOURCES]


@pytest.fixture(scope="session")
def published(site, tmp_path_factory):
    """The site, built by somebody who says where it will be; without the last slash, as GitHub says it.

    What was read for the site without an address is not read again, as Sphinx itself has it.
    """
    work = tmp_path_factory.mktemp("published")
    shutil.copytree(site.work / "doctrees", work / "doctrees")
    (work / "guide.pdf").write_bytes(b"%PDF-")
    versions = f"newest={ADDRESS} v1.0={ADDRESS}v1.0/"
    return Site(work, GUIDE_URL=ADDRESS.rstrip("/"), GUIDE_BOOKS=str(work / "guide.pdf"), GUIDE_VERSIONS=versions)


@pytest.fixture(scope="session")
def text(site):
    return (site.html / "llms-full.txt").read_text("utf-8")


def test_a_site_that_knows_its_address_builds_without_a_word(published):
    assert (published.built.returncode, published.built.stdout + published.built.stderr) == (0, "")


# But the list of packages, which is for programs.
@pytest.mark.parametrize("name", [name for name in snippets() if name not in NOT_SHOWN])
def test_the_one_text_holds_the_whole_file(text, name):
    # The last line of a file of differences can be one with nothing but its mark, a space.
    assert re.search(re.escape("\n" + (SNIPPETS / name).read_text("utf-8").strip()) + r"\s*\n```", text)


def test_the_one_text_holds_every_line_of_what_is_seen_and_of_what_mends_it(text):
    held = {line.strip() for line in text.splitlines()}
    lost = []
    for path in [*(ROOT / "troubleshooting").glob("*/symptom.txt"), *(ROOT / "troubleshooting").glob("*/fix.*")]:
        for line in path.read_text("utf-8").splitlines():
            if line.strip() not in held and not re.match(r"\[\w+( \w+)?\]$|--- a/|\+\+\+ b/", line):
                lost.append(f"{path.relative_to(ROOT)}: {line}")
    assert not lost, "\n".join(lost)


def test_the_one_text_holds_no_directive_no_role_and_no_blank(text):
    prose = re.sub(r"(?ms)^\s*(`{3,})[^\n`]*\n.*?^\s*\1$", "", text)
    # A Caddyfile's own braces at the end of a piece of code are no role.
    prose = re.sub(r"(?<!\})`[^`\n]+`", "", prose)
    found = re.findall(r"^.*(?:`{3,}|\{[\w:-]+\}`|\{\{|^:[\w-]+:).*$", prose, re.M) + re.findall(r"^\s*`{3,}\{.*$", text, re.M)
    assert not found, "\n".join(found)


def test_tabs_are_told_apart_by_their_label(text):
    assert "**nginx**:\n\n```console\n# apt-get install --yes nginx\n# nginx -v\n```" in text
    assert "**Apache**:\n\n```console\n# apt-get install --yes apache2\n" in text


def test_the_list_names_every_page_with_a_sentence(site):
    listed = re.findall(r"^- \[[^]]+\]\(([^)]+)\): (.+)$", (site.html / "llms.txt").read_text("utf-8"), re.M)
    assert sorted(address for address, _ in listed) == sorted([*BUILT, "llms-full.txt"])
    assert all((site.html / address).is_file() for address, _ in listed)


def test_the_list_has_whole_addresses_where_they_are_known(published):
    addresses = re.findall(r"^- \[[^]]+\]\(([^)]+)\)", (published.html / "llms.txt").read_text("utf-8"), re.M)
    assert sorted(addresses) == sorted(ADDRESS + name for name in [*BUILT, "llms-full.txt"])


def test_the_links_of_the_one_text_lead_to_pages(site, text):
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+\.html[^)\s]*)\)", text)]
    # Where set-ups of others were tried, theirs are named too.
    links = [link for link in links if "://" not in link]
    assert len(links) > 100
    assert not [link for link in links if not (site.html / link).is_file()]


def test_the_sitemap_names_every_page_and_nothing_else(published):
    places = [place.text for place in ElementTree.parse(published.html / "sitemap.xml").findall(".//{*}loc")]
    assert sorted(places) == sorted(ADDRESS + name for name in BUILT)


@pytest.mark.parametrize("name", BUILT)
def test_the_page_says_what_and_where_it_is(published, name):
    head = published.pages[published.html / name].head
    said = {tag.get("property") or tag.get("name"): tag["content"] for tag in head.select("meta[content]")}
    assert len(said["description"]) >= 50
    assert said["og:description"] == said["description"]
    assert said["og:title"] in head.title.text
    assert said["og:url"] == head.find("link", rel="canonical")["href"] == ADDRESS + name
    assert said["og:image"] == f"{ADDRESS}_static/card.png"


def test_without_an_address_no_page_names_one(site):
    assert not (site.html / "sitemap.xml").exists()
    found = [str(page) for page, soup in site.pages.items() if soup.select("link[rel=canonical], meta[property]")]
    assert not found
    assert all(soup.find("meta", attrs={"name": "description"}) for page, soup in site.pages.items() if page.parent.name == "deploy")


@pytest.mark.parametrize(("build", "prefix"), [("site", "/"), ("published", "/guide/")])
def test_the_page_for_what_is_not_there_leads_on_from_below_any_path(request, build, prefix):
    missing = (of := request.getfixturevalue(build)).pages[of.html / "404.html"]
    links = [tag.get("href") or tag.get("src") or tag.get("action") for tag in missing.select("[href], [src], [action]")]
    wrong = [link for link in links if not link.startswith((prefix, "#", "https://"))]
    assert not wrong
    article = missing.article
    assert article.form["action"] == f"{prefix}search.html"
    assert article.form.find("input", attrs={"name": "q"})
    doors = {f"{prefix}{door}/index.html" for door in ("deploy", "jigsaw", "troubleshooting")}
    assert doors < {link["href"] for link in article.select("a")}


ATOM = {"": "http://www.w3.org/2005/Atom"}


def test_the_feed_tells_of_each_release_and_leads_to_its_place(published):
    """Well-formed, with what Atom (RFC 4287) demands of a feed and of an entry; each page's head names it."""
    feed = ElementTree.fromstring((published.html / "feed.xml").read_bytes())
    assert feed.tag == f"{{{ATOM['']}}}feed"
    assert feed.find("link[@rel='self']", ATOM).get("href") == f"{ADDRESS}feed.xml"
    assert feed.findtext("author/name", namespaces=ATOM)
    tagged, entries = [row for row in releases.rows() if row["commit"]], feed.findall("entry", ATOM)
    assert [entry.findtext("title", namespaces=ATOM) for entry in entries] == [f"Release {row['version']}" for row in tagged]
    assert len({entry.findtext("id", namespaces=ATOM) for entry in entries}) == len(tagged)
    page = published.pages[published.html / "deploy/what-is-new.html"]
    for entry, row in zip(entries, tagged, strict=True):
        address, _, place = entry.find("link", ATOM).get("href").partition("#")
        assert address == f"{ADDRESS}deploy/what-is-new.html"
        section = page.find(id=place)
        assert section.h2.get_text().startswith(f"Release {row['version']}")
        assert entry.findtext("updated", namespaces=ATOM) == f"{row['date']}T00:00:00Z"
        words = BeautifulSoup(entry.findtext("content", namespaces=ATOM), "html.parser")
        assert [item.text for item in words.select("li")] == [item.get_text().replace("’", "'") for item in section.select("li")]  # noqa: RUF001
    assert feed.findtext("updated", namespaces=ATOM) == f"{tagged[0]['date']}T00:00:00Z"
    assert page.select_one("article a[href='../feed.xml']")
    heads = [soup.head.select_one("link[type='application/atom+xml']") for soup in (page, published.pages[published.html / "index.html"])]
    assert [link["href"] for link in heads] == ["../feed.xml", "feed.xml"]


def test_without_an_address_there_is_no_feed(site):
    assert not (site.html / "feed.xml").exists()
    assert not [str(page) for page, soup in site.pages.items() if soup.select("[href$='feed.xml']")]
    assert "feed-here" not in (site.html / "deploy/what-is-new.html").read_text("utf-8")


def test_books_and_versions_are_offered_where_there_are_any(site, published):
    page = published.pages[published.html / "deploy/install.html"]
    assert {link.text: link["href"] for link in page.select("nav.variants a")} == {
        "PDF": "../guide.pdf",
        "newest": ADDRESS,
        "v1.0": f"{ADDRESS}v1.0/",
    }
    assert (published.html / "guide.pdf").read_bytes() == b"%PDF-"
    assert not site.pages[site.html / "deploy/install.html"].select("nav.variants")


def test_the_page_of_the_check_names_the_sites_own_address(published, site):
    """The script itself is the one that was tested, on every site."""
    for built, address in ((published, ADDRESS), (site, "http://127.0.0.1:8080/")):
        codes = [code.text for code in built.pages[built.html / "deploy/check.html"].select("dt code")]
        assert f"--guide {address}" in codes
        (script,) = built.html.glob("_downloads/*/hubcheck.py")
        assert script.read_bytes() == (SNIPPETS / "check/hubcheck.py").read_bytes()


def test_an_address_that_is_none_is_refused_in_one_line(tmp_path):
    tree = small_copy_of_the_tree(tmp_path / "tree")
    (tree / "index.md").write_text("# A guide\n", "utf-8")
    assert not sphinx(tree, tmp_path, "dummy", GUIDE_URL=ADDRESS).returncode
    built = sphinx(tree, tmp_path, "dummy", GUIDE_URL="guide.example")
    assert built.returncode
    said = ["WARNING: GUIDE_URL: guide.example/ is no address of a site, such as https://hub.example.com/guide/"]
    assert built.stderr.strip().splitlines() == said


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    work = tmp_path_factory.mktemp("book")
    built = sphinx(ROOT, work, "epub", GUIDE_VERSION="v1.0")
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    with zipfile.ZipFile(work / "html/guide.epub") as file:
        return {name: file.read(name) for name in file.namelist()}


def test_the_book_is_well_formed_and_lists_every_page(book):
    """A reading device refuses a book of which one page is no XML."""
    trees = {name: ElementTree.fromstring(content) for name, content in book.items() if name.endswith((".xhtml", ".ncx", ".opf"))}
    pages = {name.replace(".html", ".xhtml") for name in BUILT}
    assert pages < trees.keys()
    listed = {link.get("href", "").partition("#")[0] for link in trees["nav.xhtml"].findall(".//{*}a")}
    assert pages <= listed


def test_the_book_shows_what_is_in_every_tab(book):
    tree = ElementTree.fromstring(book["deploy/reverse-proxy.xhtml"])
    words = " ".join("".join(tree.itertext()).split())
    assert "nginx # apt-get install --yes nginx # nginx -v" in words
    assert "Apache # apt-get install --yes apache2 # apachectl -v" in words
    assert not [part.attrib for part in tree.iter() if "hidden" in part.attrib]


def ran(command, folder, **environment):
    """What a command wrote in a folder, without what git and the guide are told where the tests run; RuntimeError if it fails."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("GUIDE_", "READTHEDOCS", "GIT_"))}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1500, env=known | environment)
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout


TAGS = {"v0.1": releases.tagged()[0]["commit"], "v0.2": "HEAD"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with two tags, the last release and the newest commit, from which `.ci/publish` has built all that is published."""
    tree = tmp_path_factory.mktemp("clone") / "tree"
    ran(["git", "clone", "--quiet", f"file://{ROOT}", str(tree)], ROOT)
    for tag in ran(["git", "tag"], tree).split():
        ran(["git", "tag", "--delete", tag], tree)
    for tag, commit in TAGS.items():
        ran(["git", "tag", tag, commit], tree)
    # What is published of the tree itself is built with what the tests have; the tags have to install their own.
    (tree / ".venv").symlink_to(ROOT / ".venv")
    os.utime(tree / "requirements.txt", (0, 0))
    (tree / "build").mkdir()
    (tree / "build/evidence.json").write_text("[]", "utf-8")
    ran([".ci/publish"], tree, GUIDE_URL=ADDRESS.rstrip("/"), PYTHON=sys.executable)
    return tree


def test_what_is_published_is_this_tree_with_its_books_and_each_tag_below_its_name(clone):
    html = clone / "build/html"
    assert (html / "guide.pdf").read_bytes().startswith(b"%PDF-")
    assert zipfile.is_zipfile(html / "guide.epub")
    offered = {"newest": ADDRESS} | {tag: f"{ADDRESS}{tag}/" for tag in TAGS}
    for folder, address in (("", ADDRESS), *((f"{tag}/", offered[tag]) for tag in TAGS)):
        page = BeautifulSoup((html / folder / "deploy/install.html").read_text("utf-8"), "html.parser")
        assert {link.text: link["href"] for link in page.select("nav.variants a") if link["href"].startswith("http")} == offered
        assert page.head.find("link", rel="canonical")["href"] == f"{address}deploy/install.html"
        places = [place.text for place in ElementTree.parse(html / folder / "sitemap.xml").findall(".//{*}loc")]
        assert f"{address}index.html" in places


def test_each_tag_is_built_from_its_own_files_by_its_own_requirements(clone):
    for tag, commit in TAGS.items():
        tree = clone / "build/versions" / tag
        assert ran(["git", "rev-parse", "HEAD"], tree) == ran(["git", "rev-parse", f"{commit}^{{commit}}"], clone)
        assert not (tree / ".venv").is_symlink()
        assert (tree / "build/evidence.json").read_text("utf-8") == "[]"
    pages = {tag: (clone / "build/html" / tag / "deploy/upgrade.html").exists() for tag in TAGS}
    assert pages == {"v0.1": False, "v0.2": True}


def test_read_the_docs_builds_it_by_its_file(clone):
    """Its own commands, in an environment that holds what its file names."""
    told = yaml.safe_load((clone / ".readthedocs.yaml").read_text("utf-8"))
    assert sys.version.startswith(f"{told['build']['tools']['python']}.")
    assert told["python"]["install"] == [{"requirements": "requirements.txt"}]
    python, conf = str(clone / "build/versions/v0.2/.venv/bin/python"), told["sphinx"]["configuration"]
    strict = ["-W", "--keep-going"] if told["sphinx"]["fail_on_warning"] else []
    command = [python, "-m", "sphinx", "-T", *strict, "-b", "html", "-d", "_build/doctrees", "-D", "language=en", ".", "_readthedocs/html"]
    folder = (clone / "build/versions/v0.2" / conf).parent
    ran(command, folder, READTHEDOCS="True", READTHEDOCS_CANONICAL_URL=ADDRESS)
    head = BeautifulSoup((folder / "_readthedocs/html/index.html").read_text("utf-8"), "html.parser").head
    assert head.find("link", rel="canonical")["href"] == f"{ADDRESS}index.html"
