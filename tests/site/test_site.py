"""The site builds without a warning, has no dead link, loads nothing from other sites, and shows every published file unchanged."""

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from docutils import nodes

from snippets.check import hubcheck
from tests.harness.machines import engine, images
from tests.harness.manifest import MANIFEST, NOT_SHOWN, ROOT, SAVED_AS, SNIPPETS, VERSIONS, snippets
from tests.harness.measuring.atlas import entries
from tests.harness.pairs import WHOLE
from tests.harness.site.guide import PAGES, copy_of_the_tree, looked_at, small_copy_of_the_tree, sphinx

pytestmark = pytest.mark.xdist_group("site")

HUBCHECK = (SNIPPETS / "check/hubcheck.py").read_text("utf-8")

# What the page of a complaint shows of its folder.
SHOWN = ("symptom.txt", "fix.diff", "fix.sh")
# Requests that a browser makes by itself, without a click.
LOADED = {"script": "src", "img": "src", "iframe": "src", "object": "data", "source": "srcset", "video": "src", "link": "href"}
PLACEHOLDER = re.compile(
    r"\b(?:TODO|FIXME|XXX)\b|(?i:lorem ipsum|\byour-?(?:domain|host|server|user)\b|\bchange-?me\b)"
    r"|<(?:your|my|insert)\b[^>]*>|<(?:host|hostname|domain|user|username|path|prefix|port|name|ip)>|<[A-Z][A-Z_-]+>"
)


def where(page: Path, number: int | None) -> str:
    return f"{page.relative_to(ROOT)}:{number}"


def test_the_site_builds_without_a_word(site):
    assert (site.built.returncode, site.built.stdout + site.built.stderr) == (0, "")


def test_no_internal_link_is_dead(site):
    dead = []
    for page, soup in site.pages.items():
        for tag in soup.select("[href], [src], [action]"):
            link = urlsplit(tag.get("href") or tag.get("src") or tag.get("action"))
            if link.scheme or link.netloc:
                continue
            # Only the page that stands in for a missing one is shown below other paths than its own.
            base, path = (site.html, link.path.removeprefix("/")) if page.name == "404.html" else (page.parent, link.path)
            target = (base / unquote(path)).resolve() if link.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                dead.append(f"{page.relative_to(site.html)}: no file {link.geturl()}")
            elif link.fragment and target in site.pages and not site.pages[target].find(id=unquote(link.fragment)):
                dead.append(f"{page.relative_to(site.html)}: no place {link.geturl()}")
    assert not dead, "\n".join(dead)


def test_who_has_an_older_address_of_a_part_finds_where_it_is_told_now(site):
    """Release 1.0 had the parts on the page with the steps, and its check names some of them."""
    steps, parts = (site.pages[site.html / f"deploy/{name}.html"].article for name in ("reverse-proxy", "proxy-parts"))
    moved = [section["id"] for section in parts.select("section > section") if section.parent.parent.name != "section"]
    leads = {link["id"]: link["href"] for link in steps.select("a[id]")}
    assert len(moved) > 12
    assert {id: f"proxy-parts.html#{id}" for id in moved if id != "next"}.items() <= leads.items()


def test_every_arrow_of_a_diagram_has_its_head_and_no_id_is_there_twice(site):
    wrong, arrows = [], 0
    for page, soup in site.pages.items():
        ids = [tag["id"] for tag in soup.select("[id]")]
        wrong += [f"{page.relative_to(site.html)}: {ids.count(name)} times the id {name}" for name in set(ids) if ids.count(name) > 1]
        for arrow in soup.select(".diagram [marker-end]"):
            arrows += 1
            head = arrow["marker-end"].removeprefix("url(#").removesuffix(")")
            if head not in ids:
                wrong.append(f"{page.relative_to(site.html)}: a diagram without {head}")
    assert arrows
    assert not wrong, "\n".join(wrong)


def test_no_page_asks_another_host(site):
    asked = []
    for page, soup in site.pages.items():
        for tag in soup.find_all(LOADED):
            address = tag.get(LOADED[tag.name]) or ""
            if re.match(r"(\w+:)?//", address) and "canonical" not in tag.get("rel", []):
                asked.append(f"{page.relative_to(site.html)}: {tag.name} {address}")
        for script in soup.find_all("script", src=False):
            asked += [f"{page.relative_to(site.html)}: script {found}" for found in re.findall(r"https?://[^\s'\"]+", script.text)]
    for sheet in site.html.rglob("*.css"):
        found = re.findall(r"(?:url\(|@import )['\"]?((?:\w+:)?//[^)'\"]+)", sheet.read_text("utf-8"))
        asked += [f"{sheet.relative_to(site.html)}: {address}" for address in found]
    assert not asked, "\n".join(asked)


# What WebKit passes over without a word, so that no other browser shows it: the pattern, and what is written in its place.
WEBKIT_PASSES_OVER = {
    r"text-decoration:\s*[^\s;!}]+\s+[^\s;!}]": "text-decoration-line, text-decoration-style and so on, one property each",
    r"(?<![\w-])user-select:": "-webkit-user-select as well",
}


def passed_over(sheet):
    """The declarations of a style sheet that WebKit passes over."""
    rules = re.sub(r"(?s)/\*.*?\*/", "", sheet)
    return [f"{found[0]}…: write {right}" for wrong, right in WEBKIT_PASSES_OVER.items() for found in re.finditer(wrong, rules)]


def test_no_style_is_one_that_webkit_passes_over():
    found = [file for folder in ("_static", "_templates", "_ext") for file in sorted((ROOT / folder).rglob("*"))]
    files = [file for file in found if file.suffix in (".css", ".html", ".js", ".py")]
    assert {file.suffix for file in files} == {".css", ".html", ".js", ".py"}
    wrong = [f"{file.relative_to(ROOT)}: {words}" for file in files for words in passed_over(file.read_text("utf-8"))]
    assert not wrong, "\n".join(wrong)


def test_what_webkit_passes_over_is_found():
    sheet = """/* a { user-select: none } */
    a { text-decoration: underline dotted red; text-decoration-line: underline }
    b { text-decoration: none !important; -webkit-user-select: none }
    i { user-select: none }"""
    assert [words.partition("…")[0] for words in passed_over(sheet)] == ["text-decoration: underline d", "user-select:"]


HEADER = re.compile(r"[A-Z][\w-]+: \S+|[a-z]+:")


def test_every_fence_of_configuration_comes_from_a_file(site):
    """Typed into a page is only what a reader sees (`text`) or does at a prompt (`console`)."""
    texts = {name: (SNIPPETS / name).read_text("utf-8") for name in snippets()}
    # hubcheck holds what it says itself, as lines that it knows of a log.
    texts["check/hubcheck.py"] = texts["check/hubcheck.py"].replace(hubcheck.KNOWN, "")
    lines = ((line.strip(), name) for name, text in texts.items() for line in text.splitlines())
    published = {line: name for line, name in lines if len(line) > 3}
    wrong = []
    for page, tree in site.trees.items():
        for block in tree.findall(nodes.literal_block):
            place, lines = where(page, block.line), block.astext().splitlines()
            if "source" in block:
                source = Path(block["source"]).resolve()
                if not source.is_relative_to(SNIPPETS) and not (source.parent == page.parent and source.name in SHOWN):
                    wrong.append(f"{place}: includes {block['source']}, which is not in snippets/")
            elif block.get("language") not in ("console", "text"):
                wrong.append(f"{place}: a fence of {block.get('language')!r}; put it into snippets/ and include it")
            elif block["language"] == "console" and not lines[0].startswith(("$ ", "# ")):
                wrong.append(f"{place}: a console without a prompt: {lines[0]!r}")
            else:
                # A header, as the check prints it, is written alike in a file of YAML, and so is one word before a list.
                told = [line.strip() for line in lines if not HEADER.fullmatch(line.strip())]
                copied = [line for line in told if line in published]
                wrong += [f"{place}: a line of snippets/{published[line]}: {line!r}; include it" for line in copied]
    assert not wrong, "\n".join(wrong)


def consoles(site):
    """(its page, its block, the commands in it) for all that is typed."""
    for path, page in site.pages.items():
        for block in page.select(".highlight-console pre"):
            yield path.relative_to(site.html), block, [line for line in block.get_text().splitlines() if line.startswith(("# ", "$ "))]


def test_a_button_copies_the_commands_of_a_block_and_nothing_that_they_print(site):
    """But for empty lines, which do nothing."""
    wrong, seen = [], 0
    for path, block, commands in consoles(site):
        copied = "".join(part.get_text() for part in block.children if not {"gp", "go"} & {*getattr(part, "attrs", {}).get("class", ())})
        seen += bool(block.select(".go"))
        if [line for line in copied.splitlines() if line] != [command[2:] for command in commands]:
            wrong.append(f"{path}: {copied}")
    assert seen > 50
    assert not wrong, "\n".join(wrong)


def test_what_opens_another_shell_or_asks_for_a_password_is_the_last_line_of_its_block(site):
    """Pasted at once, what stands below would be typed into the old shell, or into the question."""
    opens = ("scp ", "sftp ", "ssh ", "su -", "sudo -i", "sudo -s", "passwd ")
    ends = [(path, [command[2:].startswith(opens) for command in commands]) for path, _, commands in consoles(site)]
    assert sum(any(one) for _, one in ends) > 5
    assert not [path for path, one in ends if any(one[:-1])]


def test_the_address_of_a_readers_own_copy_is_the_one_that_make_site_serves():
    """By plain HTTP."""
    found = [
        f"{where(page, number)}: {address}"
        for page in [*PAGES, ROOT / "README.md"]
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1)
        for address in re.findall(r"\w+://127\.0\.0\.1:8080", line)
    ]
    assert found
    assert not [place for place in found if not place.endswith(" http://127.0.0.1:8080")], "\n".join(found)


def test_no_page_includes_by_line_number():
    option = re.compile(r"^\s*:(lines|start-line|end-line|emphasize-lines|lineno-start):")
    found = [
        where(page, number) for page in PAGES for number, line in enumerate(page.read_text("utf-8").splitlines(), 1) if option.match(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", snippets())
def test_the_snippet_is_shown_whole_where_it_is_saved_and_downloads_as_it_is(site, name):
    """Its caption is its path on the server, or, for what is run from where it lies, the end of its path here.

    A list of thousands of sums would be most of the page, and of what the site's search holds: it is there to download.
    """
    text = (SNIPPETS / name).read_text("utf-8")
    if name in NOT_SHOWN:
        links = [page.parent / unquote(link["href"]) for page, soup in site.pages.items() for link in soup.select("a.download")]
        assert text in {path.read_text("utf-8") for path in links if path.name == Path(name).name}
        return
    paths = {SAVED_AS[name]} if name in SAVED_AS else {name.split("/", count)[-1] for count in range(1, name.count("/") + 1)}
    seen = {caption: page.parent / unquote(address) for page, caption, address, shown in site.files if shown == text.rstrip()}
    here = seen.keys() & paths
    assert here, f"no page shows snippets/{name} whole under the caption {' or '.join(sorted(paths))}; it is shown as {sorted(seen)}"
    assert {seen[caption].read_text("utf-8") for caption in here} == {text}


def test_the_sum_of_the_script_is_that_of_its_download(site):
    page = site.html / "deploy/check-script.html"
    (link,) = {page.parent / unquote(link["href"]) for link in site.pages[page].select("a.download") if link.text == "hubcheck.py"}
    assert hashlib.sha256(link.read_bytes()).hexdigest() in [code.text for code in site.pages[page].select("article code")]


def test_no_page_and_no_snippet_holds_a_placeholder():
    found = []
    for file in [*PAGES, *(SNIPPETS / name for name in snippets())]:
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            found += [f"{where(file, number)}: {match[0]}" for match in PLACEHOLDER.finditer(line)]
    assert not found, "\n".join(found)


def test_addresses_and_versions_are_those_of_the_manifest():
    """The hosts that pages name: the example, loopback, the one that %jigsaw uses, those of a login elsewhere and of other ways."""
    host = MANIFEST["values"]["host"]
    hosts = {host, f"alice.{host}", "127.0.0.1", "calysto.github.io", "login.example.com", "other.example.com", "lab.example.com"}
    hosts |= {"registry.example.com", "hub.jupyter.org", "kubernetes.github.io"}
    # Platforms, and what the claims of LTI begin with.
    hosts |= {"lms.example.com", "lms.example.org", "purl.imsglobal.org"}
    hosts |= {"tljh.jupyter.org", "z2jh.jupyter.org"}
    # The machine on the network of its containers.
    hosts.add("10.123.0.1")
    wrong = []
    for page in PAGES:
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
            wrong += [f"{where(page, number)}: {host}" for host in re.findall(r"\w+://([\w.-]+)", line) if host not in hosts]
            versions = re.findall(r"JupyterHub (\d+\.\d+\.\d+)", line)
            wrong += [f"{where(page, number)}: JupyterHub {version}" for version in versions if version not in VERSIONS["jupyterhub"]]
    assert not wrong, "\n".join(wrong)


def test_every_page_that_the_check_names_is_there(site):
    named = set(re.findall(r'"((?:deploy|jigsaw|troubleshooting)/[\w/-]+)"', HUBCHECK))
    assert named
    missing = [name for name in named if not any((site.html / path).is_file() for path in (f"{name}.html", f"{name}/index.html"))]
    assert not missing, f"hubcheck.py sends readers to {missing}"


def test_without_the_tests_the_site_is_the_same(site, tmp_path):
    tree = copy_of_the_tree(tmp_path / "tree")
    assert not (tree / "tests").exists()
    built = sphinx(tree, tmp_path)
    assert not built.returncode, built.stderr

    def files(html):
        return {file.relative_to(html): file.read_bytes() for file in html.rglob("*") if file.is_file() and file.name != ".buildinfo"}

    mine, theirs = files(site.html), files(tmp_path / "html")
    assert mine.keys() == theirs.keys()
    assert not [str(name) for name in mine if mine[name] != theirs[name]]


def test_a_page_that_includes_a_missing_file_fails_by_page_and_line(tmp_path):
    tree = small_copy_of_the_tree(tmp_path / "tree")
    page = tree / "deploy/index.md"
    page.parent.mkdir()
    page.write_text("# A room\n\n```{literalinclude} /snippets/nginx/gone.conf\n:language: nginx\n```\n", "utf-8")
    (tree / "index.md").write_text("# A guide\n\n```{toctree}\ndeploy/index\n```\n", "utf-8")
    built = sphinx(tree, tmp_path, "dummy")
    assert built.returncode
    said = built.stderr.strip().splitlines()
    assert len(said) == 1, built.stderr
    assert "deploy/index.md:3: " in said[0]
    assert "snippets/nginx/gone.conf" in said[0]


# A directive that is misspelt, and what is said of what it shows.
MISSPELT = {
    "atlas typo": "atlas shows shown, lines, .*, and not 'typo'",
    "bench typo": "bench shows with, without, replies, .*, and not 'typo'",
    "growth typo": "growth shows with, without, real, .*, and not 'typo'",
    "proxies typo": "proxies shows which, cannot, parts, and not 'typo'",
    "proxies cannot typo": "proxies cannot shows caddy, .*, and not 'typo'",
    "proxies cannot": "proxies cannot shows caddy, .*, and not ''",
    "tested typo": "tested shows with, without, climbs, .*, and not 'typo'",
    "witness typo": "witness shows with, without, files, and not 'typo'",
}


def test_what_a_directive_cannot_show_fails_by_page_and_line(tmp_path):
    tree = small_copy_of_the_tree(tmp_path / "tree")
    text = "\n".join("```{{{}}} {}\n```".format(*written.partition(" ")[::2]) for written in MISSPELT)
    (tree / "index.md").write_text(f"# A guide\n\n{text}\n", "utf-8")
    built = sphinx(tree, tmp_path, "dummy")
    assert built.returncode
    said = [rf"{tree}/index\.md:{3 + 2 * number}: ERROR: {words} \[docutils\]" for number, words in enumerate(MISSPELT.values())]
    assert re.fullmatch("\n".join(said), built.stderr.strip()), built.stderr


VALIDATE = "java -Xss4m -jar /opt/vnu.jar --errors-only --format gnu --stdout"


def test_every_page_is_valid_html(site):
    listed = [str(page.relative_to(site.html)) for page in sorted(site.pages) if "_downloads" not in page.parts]
    with engine.run(images.validator().tag) as machine:
        pages = {f"/site/{address}": (site.html / address).read_bytes() for address in looked_at(listed)}
        machine.put(pages | {"/site/broken.html": "<!DOCTYPE html><title>x</title><p id=a><span><p id=a>two</span>"})
        said = machine.sh(f"cd /site && {VALIDATE} $(find . -name '*.html')", check=False, timeout=240).stdout.splitlines()
    # The control, beside them: what is broken is found.
    broken = [line for line in said if "broken.html" in line]
    assert any("Duplicate ID" in line for line in broken), broken
    assert len(pages) > (60 if WHOLE else 20)
    assert said == broken, "\n".join(said)


@pytest.fixture(scope="module")
def searching(reader):
    """The built site's search page, in a browser."""
    page = reader.context().new_page()
    page.goto(f"{reader.address}search.html")
    return page


FOUND = "line => Search.find(line).map(found => found.page)"


def test_the_search_finds_an_entry_by_every_line_of_its_symptom(searching):
    lines = {line.strip(): entry.name for entry in entries() for proxy in entry.proxies for _, _, line in entry.expected(proxy)}
    lost = []
    for line, name in lines.items():
        if f"troubleshooting/{name}/index.html" not in searching.evaluate(FOUND, line):
            lost.append(f"troubleshooting/{name}: not found by {line}")
    assert len(lines) > 100
    assert not lost, "\n".join(lost)
    assert not searching.evaluate(FOUND, "xyzzyqwv")


def test_a_line_that_is_typed_into_the_search_leads_to_its_entry(searching):
    searching.locator("input[name=q]").first.fill('Can "Upgrade" only to "WebSocket".')
    searching.keyboard.press("Enter")
    results = searching.locator("#search-results li a")
    results.first.wait_for()
    assert any("can-upgrade-only-to-websocket" in link.get_attribute("href") for link in results.all())
