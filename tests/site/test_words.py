"""The wording of the pages: one name for each thing, short sentences, and one structure for every page with steps."""

import itertools
import json
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from proselint.checks import __register__
from proselint.config import DEFAULT
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

from tests.harness.manifest import EVERY_PROXY, MANIFEST, PROXIES, ROOT, SAVED_AS, VALUES, snippets

ROOMS = ("deploy", "jigsaw", "troubleshooting")
PAGES = sorted([ROOT / "index.md", *(page for room in ROOMS for page in (ROOT / room).rglob("*.md"))])
NOTEBOOKS = sorted((ROOT / "jigsaw").glob("*.ipynb"))
# Pages of deploy/ that explain or list, and have no steps. `tested` is written by the build.
WITHOUT_STEPS = {
    "how-the-parts-fit",
    "other-proxies",
    "proxy-parts",
    "check-script",
    "learning-platform",
    "security",
    "speed",
    "faults",
    "glossary",
    "tested",
    "what-is-new",
}
LONGEST = 35
# Folders of published files that the set-up on one screen does without.
BESIDE = {"setup", "people", "course", "care", *MANIFEST["elsewhere"]}
# Between two lines of prose: nothing is read across it.
APART = "\n\n|\n\n"

# What is not written, and what is written in its place. The first group are names; case counts everywhere.
WORDS = {
    r"[Ww]eb[ -][Ss]ockets?|Websockets?|websockets?": "WebSocket",
    r"Jupyter ?hub|jupyter ?hub|Jupyter Hub": "JupyterHub",
    r"Jupyter ?lab|jupyter ?lab|Jupyter Lab": "JupyterLab",
    r"[Mm]etakernel|Meta Kernel": "MetaKernel",
    r"Nginx|NGINX|NginX": "nginx",
    r"apache": "Apache",
    r"SystemD|Systemd": "systemd",
    r"[Jj]avascript|Java Script": "JavaScript",
    r"iFrame|IFrame|i-frame": "iframe, or frame",
    r"Post[Mm]essage|post message": "postMessage",
    r"[Kk]ernel[ -]specs?": "kernelspec",
    r"[Rr]everse-prox(?:y|ies)": "reverse proxy",
    r"[Ss]ingle user servers?|[Ss]ingleuser servers?|[Nn]otebook servers?": "single-user server",
    r"[Bb]ase-url|[Bb]ase url|[Bb]ase URI|[Uu]rl [Pp]refix": "base URL",
    r"[Ll]oop-back|localhost": "the loopback address, or 127.0.0.1",
    r"(?:to|can|may|cannot|must|and|or|users|people|who|you|they) login": "log in, as a verb",
    r"(?:a|the|each|every|first) log[ -]in|log-in": "login, as a noun",
    r"[Uu]ser-?names?|[Hh]ost-?names?|[Ff]ile-?names?": "two words: user name, host name, file name",
    r"[Ee]-mails?": "email",
    r"[Ss]etup": "set up as a verb, set-up as a noun",
    r"colors?|colored|centers?|behaviors?|favorite|licenses": "the British spelling",
    r"[Ww]hitelist\w*|[Bb]lacklist\w*": "allow list, refuse list",
    # Filler, and words that tell the reader how to feel.
    r"[Ss]imply|[Ee]asily|[Oo]bviously|[Oo]f course|[Bb]asically|[Aa]ctually": "nothing: leave it out",
    r"[Ii]n order to": "to",
    r"[Nn]ote that|[Ii]t should be noted": "nothing: say it",
    r"[Uu]tili[sz]e\w*|leverage\w*": "use",
    r"e\.g\.": "for example, or such as",
    r"i\.e\.": "that is",
    r"etc\.": "what there is, or: and so on",
    r"[Vv]ia": "through, or by",
    r"[Cc]lick(?:s|ed)? on|[Hh]it (?:the|enter|Enter)": "select, or press",
    r"[Cc]urrently|[Nn]owadays|[Rr]ecently": "a version, since a page grows old",
    # Who speaks: "you" is the reader, "we" are those who tested it.
    r"[Ll]et us|[Ll]et's(?! Encrypt)": "you",
    r"I|[Mm]y(?! Kernel| Server)|[Mm]e": "you",
    r"[Ss]hall|(?:is|are) going to": "will, or the present tense",
    r"\w+'ll|[Ww]on't|[Ii]t's|[Tt]hat's|[Tt]hey're|[Yy]ou're": "the words in full",
}
# Not between words: what is set there.
SIGNS = {
    r"—|–| -- ": "a comma, a colon or two sentences, for a dash",  # noqa: RUF001
    r"!(?!\[)": "a full stop, for an exclamation mark",
    r"(?<=\w)  +(?=\w)": "one space",
    r"[‘’“”]": "straight quotes",  # noqa: RUF001
}
ALLOWED = {
    # The heading that every page with steps has.
    "What you will have",
    # Titles that are JupyterHub's and Jupyter's own words.
    "Invalid username or password",
    "Cross origin websockets not allowed",
    "The server didn't respond in time",
}
FORBIDDEN = {re.compile(rf"(?<![\w-])(?:{wrong})(?![\w-])"): right for wrong, right in WORDS.items()} | {
    re.compile(wrong): right for wrong, right in SIGNS.items()
}

PARSER = create_md_parser(MdParserConfig(enable_extensions={"deflist", "substitution"}), RendererHTML)
# Directives whose content is prose too; the others show files, or draw.
HOLDS_PROSE = re.compile(r"\{(tabs|group-tab|glossary|note|warning)\}")


def spoken(tokens) -> str:
    """The words of a line's tokens. Code, and words of another's screen in *italics*, become a word that says nothing."""
    made = []
    for token in tokens:
        if token.type in ("em_open", "em_close"):
            made.append("⟪" if token.type == "em_open" else "⟫")
        elif token.type in ("text", "image"):
            made.append(token.content)
        elif token.type == "softbreak":
            made.append("\n")
        elif token.type == "myst_role" and token.meta["name"] == "term":
            made.append(token.content)
        elif token.type == "link_open":
            made.append("⟨")
        elif token.type == "link_close":
            made.append("⟩")
        elif token.type not in ("strong_open", "strong_close"):
            made.append("…")
    # A link without words takes the title of its page; behind a link may stand an id.
    return re.sub(r"⟩\{#[\w-]+\}|[⟨⟩]", "", re.sub(r"⟪[^⟫]*⟫|⟨⟩", "…", "".join(made)))


def prose(text: str, first: int = 1):
    """(line, its words) for all that is said in a page's text, its code left out."""
    for token in PARSER.parse(text):
        if token.type == "inline":
            for number, line in enumerate(spoken(token.children).split("\n")):
                yield first + token.map[0] + number, line
        elif token.type in ("fence", "colon_fence") and HOLDS_PROSE.match(token.info):
            yield from prose(token.content, first + token.map[0] + 1)
        elif token.type == "fence" and (alt := re.search(r"^:alt: *(.+)", token.content, re.M)):
            # Files and paths stand in it without the marks of code.
            yield first + token.map[0] + 1, re.sub(r"\S*[/_.]\w\S*", "…", alt[1])


@cache
def said() -> list[tuple[str, str]]:
    """(place, words) for every line of prose of every page and notebook."""
    lines = [(f"{page.relative_to(ROOT)}:{number}", line) for page in PAGES for number, line in prose(page.read_text("utf-8"))]
    for notebook in NOTEBOOKS:
        for count, cell in enumerate(json.loads(notebook.read_text("utf-8"))["cells"], 1):
            if cell["cell_type"] == "markdown":
                name = f"{notebook.relative_to(ROOT)}: cell {count}, line"
                lines += [(f"{name} {number}", line) for number, line in prose("".join(cell["source"]))]
    told = tomllib.loads((ROOT / "releases.toml").read_text("utf-8"))
    news = [words for release in (told["coming"], *told["release"]) for words in release["news"]]
    lines += [("releases.toml", line) for words in news for _, line in prose(words)]
    return [(place, line.strip()) for place, line in lines if line.strip()]


def test_one_word_for_one_thing():
    wrong = [
        f"{place}: “{match[0]}” in “{line[max(0, match.start() - 30) : match.end() + 30]}”: write {right}"
        for place, line in said()
        if line not in ALLOWED
        for pattern, right in FORBIDDEN.items()
        for match in pattern.finditer(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_sentence_is_long():
    wrong = []
    for place, line in said():
        for sentence in re.split(r"(?<=[.?])[\"')]*\s+|(?<=…)\s+(?=[A-Z])", line):
            count = len(re.findall(r"[\w…][\w…'./-]*", sentence))
            if count > LONGEST:
                wrong.append(f"{place}: {count} words, and {LONGEST} are the most: “{sentence}”: make two sentences of it")
    assert not wrong, "\n".join(wrong)


def test_proselint_finds_nothing():
    """All of its checks but two: it asks for curly quotes, and finds the archaic "for ever" in "for every"."""
    registry = CheckRegistry()
    if not registry.checks:
        registry.register_many(__register__)
    config = DEFAULT | {"checks": DEFAULT["checks"] | {"typography": False, "archaism": False}}
    count = itertools.count()
    text = APART.join(re.sub("…", lambda _: f"q{next(count)}z", line) for _, line in said())
    wrong = []
    for found in LintFile("pages", text).lint(config):
        result = found.check_result
        start, end = (max(0, place - 1) for place in result.span)
        place, _ = said()[text.count(APART, 0, start + 1)]
        wrong.append(f"{place}: “{text[start:end].strip()}”: {result.message} ({result.check_path})")
    assert not wrong, "\n".join(wrong)


def steps(text: str) -> dict[str, str]:
    """The sections of a page, by heading of the second level."""
    _, *parts = re.split(r"^## ", text, flags=re.M)
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def how_tos() -> list[Path]:
    return [page for page in PAGES if "\n## What you will have\n" in page.read_text("utf-8")]


def deployment() -> list[str]:
    """The names of the pages of Deploy in their order: those of each of its tables of contents."""
    tables = re.findall(r"(?s)```\{toctree\}.*?\n\n(.*?)\n```", (ROOT / "deploy/index.md").read_text("utf-8"))
    listed = [name for table in tables for name in table.split()]
    further = set((ROOT / "deploy/other-proxies.md").read_text("utf-8").partition("{toctree}")[2].split())
    assert sorted(listed) == sorted(page.stem for page in (ROOT / "deploy").glob("*.md") if page.stem not in {"index", *further})
    return listed


def test_every_page_of_the_deployment_has_the_skeleton():
    lacking = [name for name in deployment() if name not in WITHOUT_STEPS and ROOT / f"deploy/{name}.md" not in how_tos()]
    assert not lacking, "\n".join(f"deploy/{name}.md: no heading “## What you will have”" for name in lacking)


@pytest.mark.parametrize("page", how_tos(), ids=lambda page: str(page.relative_to(ROOT).with_suffix("")))
def test_the_page_says_what_to_do_what_to_see_and_what_if_not(page):
    name, sections = page.relative_to(ROOT), steps(page.read_text("utf-8"))
    headings = list(sections)
    assert headings[:2] == ["What you will have", "What you need"], f"{name}: begins with {headings[:2]}"
    assert "Next" in headings, f"{name}: its reader is led no further: “## Next”"
    numbered = [heading for heading in headings if re.match(r"\d", heading)]
    assert numbered, f"{name}: no step, such as “## 1. Install the server”"
    assert [heading.partition(". ")[0] for heading in headings[2 : 2 + len(numbered)]] == [
        str(number) for number in range(1, len(numbered) + 1)
    ], f"{name}: the steps are not numbered 1, 2, 3 right after “What you need”: {numbered}"
    wrong = []
    for heading in numbered:
        place, step = f"{name}: step “{heading}”", sections[heading]
        if not re.search(r"^ *`{3,}(console|text|\{literalinclude\})", step, re.M):
            wrong.append(f"{place}: nothing to do: show a command, or a file to save")
        if not re.search(r"\bYou (?:should )?see\b|\byou should see\b", step):
            wrong.append(f"{place}: nothing to see: say “You should see …”")
        if "```console" in step and not re.search(r"\bIf (?:you see|it|the)\b", step):
            wrong.append(f"{place}: nothing to read if it goes wrong: say “If you see …”")
    assert not wrong, "\n".join(wrong)


def typed(text: str) -> list[str]:
    """The commands of a page's console blocks, one by one."""
    blocks = re.findall(r"(?s)^( *)```console\n(.*?)^ *```", text, re.M)
    lines = [line.strip()[2:] for _, block in blocks for line in block.splitlines() if line.strip().startswith(("# ", "$ "))]
    return [command for line in lines for command in line.split(" && ")]


def test_no_python_of_roots_takes_a_file_of_the_folder_in_which_it_is_typed():
    """`python -c` and `python -m` look there first, and root may have come to a folder in which others write."""
    lines = [line.strip() for page in PAGES for line in page.read_text("utf-8").splitlines() if line.strip().startswith("# ")]
    runs = [line for line in lines if re.search(r"python3? (?:-I )?-[cm] ", line)]
    assert len(runs) > 10
    assert not [line for line in runs if not re.search(r"python3? -I -[cm] ", line)]


# Accounts of the system's own: their programs are no user's.
NO_USERS = "postgres|caddy|traefik"


def test_nothing_that_root_does_as_a_user_has_roots_terminal():
    """A user's program would read there, and write: `--pty` gives it a terminal of its own, `setsid` none."""
    shown = [(page, line[2:]) for page in PAGES for line in page.read_text("utf-8").splitlines() if line.startswith("# ")]
    shown += [(page, code) for page in PAGES for code in re.findall(r"`([^`\n]+)`", page.read_text("utf-8"))]
    shown += [(path, line) for path in (ROOT / "snippets").rglob("*.sh") for line in path.read_text("utf-8").splitlines()]
    as_user = rf"\b(?:(?:su|runuser) +-.|setpriv +.*--re?uid)(?!.* (?:{NO_USERS})\b)"
    found = [(path, line) for path, line in shown if re.search(as_user, line)]
    assert len(found) > 7
    wrong = [f"{path.relative_to(ROOT)}: {line}" for path, line in found if not re.search(r"(?:su|runuser) --pty |\bsetsid runuser ", line)]
    assert not wrong, "\n".join(wrong)


def quick(proxy: str) -> str:
    """The landing page for one reverse proxy: the tabs of the others left out."""
    text = (ROOT / "index.md").read_text("utf-8")
    return re.sub(rf"(?ms)^( *)(`{{4,}})\{{group-tab\}} (?!(?i:{proxy})\n).*?^\1\2\n", "", text)


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_quick_path_types_what_the_pages_type_and_fits_on_one_screen(proxy):
    """But for the two lines that the pages put in words: fetch the list of packages, and make the folders."""
    pages = {command for page in PAGES if page.parent != ROOT for command in typed(page.read_text("utf-8"))}
    # On its page the check has the password in a file.
    pages |= {command.partition(" --password-file")[0] for command in pages}
    commands = typed(quick(proxy))
    other = [
        command for command in commands if command not in pages and command != "apt-get update" and "install --directory" not in command
    ]
    assert not other, f"index.md: on no page: {other}"
    assert 10 < len(commands) <= 26


def until_the_check() -> list[str]:
    """The texts of the pages of Deploy in their order, the check's among them."""
    listed = deployment()
    return [(ROOT / f"deploy/{name}.md").read_text("utf-8") for name in listed[: listed.index("check") + 1]]


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_pages_in_order_do_all_that_the_quick_path_does_before_they_check(proxy):
    """The same commands and the same files: else the last rungs of the check do not hold."""
    pages = until_the_check()
    commands = {command for page in pages for command in typed(page)}
    commands |= {command.partition(" --password-file")[0] for command in commands}
    lacking = [
        command for command in typed(quick(proxy)) if command not in commands | {"apt-get update"} and "install --dir" not in command
    ]
    assert not lacking, f"deploy/: on no page before the check: {lacking}"
    files = set(re.findall(r"/snippets/([^>`\s]+)", "\n".join(pages)))
    unseen = [name for name in re.findall(r"`[^ `]+ </snippets/([^>]+)>`", quick(proxy)) if name not in files]
    assert not unseen, f"deploy/: on no page before the check: {unseen}"


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_quick_path_has_every_file_and_makes_its_folder(proxy):
    text = quick(proxy)
    rows = re.findall(r"^\| `(/[^`]+)` \| ([^|]+) \|", text, re.M)
    saved = {f"{folder}/{name}": source for folder, files in rows for name, source in re.findall(r"`([^ `]+) </snippets/([^>]+)>`", files)}
    # Not those of a hub that runs already, nor what is there to be read.
    other = EVERY_PROXY.keys() - {proxy} | BESIDE
    needed = [name for name in snippets() if name.split("/")[0] not in other and not name.endswith(".in")]
    assert saved == {SAVED_AS.get(name, f"/root/{name}"): name for name in needed}
    made = {folder for command in typed(text) if command.startswith("install --directory") for folder in command.split()[2:]}
    made |= {str(parent) for folder in made for parent in Path(folder).parents}
    # The others come with the web server and with systemd.
    brought = {str(Path(SAVED_AS[name]).parent) for name in needed if name in SAVED_AS and name.split("/")[0] in (proxy, "systemd")}
    lacking = [folder for folder, _ in rows if folder not in made | brought]
    assert not lacking, f"index.md: no line for {proxy} makes {lacking}"


def test_no_diagram_holds_an_example_value():
    """A reader's own values are of another length; a diagram is drawn once, and its words do not change."""
    wrong = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for diagram in re.finditer(r"(?s)```\{mermaid\}\n(.*?)\n```", text):
            line = text.count("\n", 0, diagram.start()) + 1
            wrong += [
                f"{page.relative_to(ROOT)}:{line}: the diagram holds {value}" for value in (*VALUES.values(), "800") if value in diagram[1]
            ]
    assert not wrong, "\n".join(wrong)


def test_every_term_of_the_glossary_is_used():
    glossary = (ROOT / "deploy/glossary.md").read_text("utf-8")
    terms = re.findall(r"^(\w[^\n]*)\n  \S", glossary, re.M)
    assert len(terms) > 15
    assert terms == sorted(terms, key=str.lower), "deploy/glossary.md: not in the order of the alphabet"
    others = "\n".join(page.read_text("utf-8") for page in PAGES if page.name != "glossary.md").lower()
    unused = [term for term in terms if term.lower() not in others]
    assert not unused, f"deploy/glossary.md: on no page: {unused}"
