"""Changes to the built HTML for which Sphinx, furo and sphinx-tabs have no option.

- Diagrams are drawn into the page itself, so that they take its colours, light or dark.
- Tab panels carry their label, for print and for browsers without JavaScript, and valid attributes.
- A notebook's cell may name a picture, in its metadata, to stand where its output would: the site has no kernel.
- Tokens without a colour of their own get no element, and long files are marked, so that the browser need not lay out all of
  them at once: a file of a thousand lines would take a telephone a second.
- The headings of the sidebar tell screen readers their level; pages without cells load no styles for them.
- Tabs are named by what there is to choose from, and of downloads with one name each says where it is saved.
- Pictures have their size, so that nothing moves when they arrive.
- Code breaks after the signs that part names, and nowhere else in tables.
- A heading's address is made of its own words; a name above it, `(an-old-one)=`, leads there too.
- In a block of commands, only `# ` and `$ ` at the beginning of a line are a prompt: Pygments takes a % in what is printed for one
  too, and a button would copy the rest of the line.
- A page whose tables of contents have captions is grouped by them in the sidebar. Groups open and close by keyboard too.
"""

import hashlib
import html
import multiprocessing
import os
import re
import struct
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from urllib.parse import unquote

from docutils import nodes
from pygments.formatters import HtmlFormatter
from pygments.lexers import BashSessionLexer
from pygments.token import Name, Operator, Punctuation, Whitespace
from sphinx import addnodes
from sphinx.highlighting import PygmentsBridge
from sphinx.util import logging
from sphinx_tabs.tabs import SphinxTabsPanel, SphinxTabsTab, SphinxTabsTablist
from sphinxcontrib.mermaid import mermaid

from _ext import manifest

# Lines, from which on a file is laid out only where it is looked at.
LONG = 100
# The share of its size down to which a diagram shrinks with its page.
READABLE = 0.7

log = logging.getLogger(__name__)


def draw(code, cache):
    """The SVG of a diagram: without colours, with ids that no other diagram has; kept in the folder `cache`."""
    name = f"diagram-{hashlib.sha256(code.encode()).hexdigest()[:12]}"
    kept = Path(cache, f"{name}.svg")
    if not kept.exists():
        import mermaidx  # here, because most builds draw nothing

        svg = re.sub(
            r"(?s)<style>.*?</style>|<defs>(?!<marker).*?</defs>|<linearGradient.*?</linearGradient>", "", mermaidx.render(code).svg()
        )
        used = set(re.findall(r"url\(#([^)]+)\)", svg))
        svg = re.sub(r'(?s)<marker id="([^"]+)".*?</marker>', lambda match: match[0] if match[1] in used else "", svg)
        svg = re.sub(r' role="[^"]*" aria-roledescription="[^"]*"', "", svg, count=1)
        # A sequence names its participants alike in every diagram, and keeps its markers in <defs>.
        svg = re.sub(r'<defs></defs>| id="(?:actor|root-)\d+"| name="\w+"', "", svg)
        # HTML has no paragraph in a span.
        svg = re.sub(r"<p>(.*?)</p>", r'<span class="words">\1</span>', svg, flags=re.S)
        width = float(re.search(r"max-width: ([\d.]+)px", svg)[1])
        svg = svg.replace("max-width:", f"--readable: {width * READABLE:.0f}px; max-width:", 1)
        svg = svg.replace("my-svg", name).replace(" background-color: transparent;", "")
        kept.write_text(svg.replace("<br>", "<br/>"), "utf-8")  # a book's pages are XML
    return kept.read_text("utf-8")


# Drawing takes a second each: another process does it, beside the rest of the build. A build that already has several does
# it where it comes to a diagram.
_drawings = {}


def begin_diagrams(app, doctree):
    codes = [node["code"] for node in doctree.findall(mermaid)]
    if codes and app.parallel == 1 and hasattr(os, "fork"):
        if not _drawings:
            app.drawing = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
        _drawings.update({code: app.drawing.submit(draw, code, app.doctreedir) for code in codes})


def end_diagrams(app, error):
    if _drawings:
        app.drawing.shutdown(cancel_futures=True)
        _drawings.clear()


def visit_diagram(self, node):
    if not node.get("alt"):
        log.warning("a diagram needs :alt:, for those who do not see it", location=node)
    try:
        code = node["code"]
        svg = _drawings[code].result() if code in _drawings else draw(code, self.builder.app.doctreedir)
    except Exception as error:
        log.warning("the diagram cannot be drawn: %s", error, location=node)
        return
    label = html.escape(node.get("alt", ""), quote=True)
    self.body.append(f'<div class="diagram" role="img" aria-label="{label}">{svg}</div>\n')


def depart_diagram(self, node):
    pass


def show_pictures(app, doctree):
    for cell in doctree.findall(nodes.container):
        if picture := cell.get("cell_metadata", {}).get("picture"):
            cell += nodes.image(uri=f"pictures/{picture['name']}.png", alt=picture["alt"])


class Plain(HtmlFormatter):
    """Pygments' own, without elements for names, signs and spaces.

    `places` maps a first and a last line to the id of an element around them. It changes nothing of the text.
    """

    def __init__(self, **options):
        super().__init__(**options)
        self.places = options.get("places", {})

    def _get_css_class(self, ttype):
        return "" if ttype in (Name, Operator, Punctuation, Whitespace) else super()._get_css_class(ttype)

    def wrap(self, source):
        return super().wrap(self._placed(source))

    def _placed(self, source):
        # Of two that begin together the longer one is outside.
        places = sorted(self.places.items(), key=lambda place: -place[0][1])
        for number, (kind, line) in enumerate(source, 1):
            begin = "".join(f'<span id="{name}">' for (first, _), name in places if first == number)
            end = "</span>" * sum(last == number for (_, last), _ in places)
            yield kind, f"{begin}{line.removesuffix(chr(10))}{end}\n" if begin or end else line


def lead_by_headings(app, doctree):
    for section in doctree.findall(nodes.section):
        own = nodes.make_id(section[0].astext().replace("’", "'"))  # noqa: RUF001
        section["ids"].sort(key=lambda name: name != own)


def mark_long_files(app, doctree):
    for block in doctree.findall(nodes.literal_block):
        if block.rawsource.count("\n") > LONG:
            block["classes"].append("long")


def label_panels(app, doctree, docname):
    labels = {tab["ids"][0]: tab.astext() for tab in doctree.findall(SphinxTabsTab)}
    for tablist in doctree.findall(SphinxTabsTablist):
        *most, last = [tab.astext() for tab in tablist.findall(SphinxTabsTab)]
        tablist["aria-label"] = f"{', '.join(most)} or {last}" if most else last
    for tab in doctree.findall(SphinxTabsTab):
        tab["type"] = "button"
    for panel in doctree.findall(SphinxTabsPanel):
        panel["data-label"] = labels.get(panel["aria-labelledby"], "")
        panel.attributes.pop("name", None)
        if "hidden" in panel:
            panel["hidden"] = "hidden"


def grouped(app, pagename, tree):
    """The sidebar's tree, its second level in groups; the one that holds the page is open, on the page above them the first one.

    So is the very first one on the first page. Names break after an underscore, and nowhere else.
    """
    env, root = app.env, app.config.root_doc
    parts = re.split(r'(?=<li class="toctree-l1)', tree)
    for number, section in enumerate(env.toctree_includes.get(root, []), 1):
        groups = [(node["caption"], len(node["entries"])) for node in env.tocs[section].findall(addnodes.toctree) if node.get("caption")]
        if not groups or number >= len(parts):
            continue
        head, *items = re.split(r'(?=<li class="toctree-l2)', parts[number])
        if len(items) != sum(count for _, count in groups):
            log.warning("%s: of its tables of contents, each needs a caption, or none", section)
            continue
        end = re.search(r"</ul>\s*</li>\s*(?:</ul>\s*)?$", items[-1])
        items[-1], rest = items[-1][: end.start()], end[0]
        made = []
        for place, (caption, count) in enumerate(groups):
            of, items = items[:count], items[count:]
            current = any(re.match(r'<li class="toctree-l2[^"]* current', item) for item in of)
            is_open = " open" if current or (not place and (pagename == section or (pagename == root and number == 1))) else ""
            summary = f"<summary>{html.escape(caption)}</summary>"
            made.append(f'<li class="group"><details{is_open}>{summary}<ul>\n{"".join(of)}</ul></details></li>\n')
        if pagename == root:
            head = head.replace('<input aria-label="', '<input checked="" aria-label="', 1)
        parts[number] = f"{head}{''.join(made)}{rest}"
    return re.sub(r">[^<]*_[^<]*<", lambda words: words[0].replace("_", "_<wbr/>"), "".join(parts))


def sized(app, body):
    """A page with the size of each of its pictures beside its address: the first numbers in a PNG file."""
    taken = {made: name for name, (_, made) in app.env.images.items() if made.endswith(".png")}

    def size(match):
        if not (name := taken.get(match[1])):
            return match[0]
        width, height = struct.unpack(">II", Path(app.srcdir, name).read_bytes()[16:24])
        return f'{match[0]} width="{width}" height="{height}"'

    return re.sub(r'src="[^"]*_images/([^"/]+\.png)"', size, body)


# A word of code with a hyphen stays in one line, up to so many letters: they fit the narrowest screen, in a list too.
WHOLE = 24


def breakable(body):
    """A page whose code breaks after the signs that part names, where letters follow; addresses of numbers stay whole.

    In tables that is each name; elsewhere long ones, and short ones stay in one line.
    """

    def parted(text):
        return re.sub(r"(?<=\w)(?:[/_-]|(?<!\d)\.|\.(?!\d))(?=\w)|(?<=:/)/(?=\w)", r"\g<0><wbr/>", text)

    def elsewhere(match):
        if len(html.unescape(match[1])) > WHOLE:
            return parted(match[1])
        return f'<span class="whole">{match[1]}</span>' if "-" in match[1] else match[1]

    # Sphinx puts each word of code, and the words of a link, into an element: on a page of many that is a third of all.
    word = r'<span class="pre">([^<]+)</span>'
    parts = re.split(r"(?s)(<td.*?</td>)", body)
    parts[1::2] = [re.sub(word, lambda match: parted(match[1]), part) for part in parts[1::2]]
    parts[::2] = [re.sub(word, elsewhere, part) for part in parts[::2]]
    # Titles hold names and paths too.
    parts[1::2] = [
        re.sub(r">[^<]*[/_][^<]*<", lambda words: re.sub(r"(?<=\w)([/_])(?=\w)", r"\1<wbr/>", words[0]), part) for part in parts[1::2]
    ]
    return re.sub(
        r'(?s)(<a class="reference internal" href="[^"]*">)<span class="(?:doc|std std-\w+)">(((?!</?span).)*)</span></a>',
        r"\1\2</a>",
        "".join(parts),
    )


# A download, as Sphinx writes it.
DOWNLOAD = re.compile(r'(?s)(<a class="reference download internal" download="" href="[^"]*_downloads/([^"]+)")(>(.*?)</a>)')


def told_apart(app, body):
    """A page on which each of several downloads with one name says to screen readers where its file is saved."""
    places = manifest.read(app.srcdir / "snippets")["saved_as"]
    files = {str(target): Path(name).as_posix().removeprefix("snippets/") for name, (_, target) in app.env.dlfiles.items()}
    named = {}
    for _, target, _, words in DOWNLOAD.findall(body):
        named.setdefault(re.sub("<[^>]*>", "", words), set()).add(unquote(target))

    def told(match):
        begin, target, rest, words = match.groups()
        words, name = re.sub("<[^>]*>", "", words), files.get(unquote(target))
        if not name or len(named[words]) == 1:
            return match[0]
        return f'{begin} aria-label="{words}, saved as {places.get(name, f"/root/{name}")}"{rest}'

    return DOWNLOAD.sub(told, body)


def mend_page(app, pagename, templatename, context, doctree):
    # The look of notebooks is for notebooks.
    if doctree is None or not any(cell.get("cell_index") is not None for cell in doctree.findall(nodes.container)):
        context["css_files"] = [sheet for sheet in context["css_files"] if "mystnb" not in str(sheet.filename)]
    # What marks the words of a search is fetched where there are any: see site.js.
    context["script_files"] = [script for script in context["script_files"] if "sphinx_highlight" not in str(script.filename)]
    if "body" in context:
        context["body"] = breakable(told_apart(app, sized(app, context["body"])))
    if "furo_navigation_tree" in context:
        tree = context["furo_navigation_tree"].replace('role="heading"', 'role="heading" aria-level="2"')
        context["furo_navigation_tree"] = grouped(app, pagename, tree)


class Console(BashSessionLexer):
    _ps1rgx = re.compile(r"^([#$] )(.*\n?)")
    _venv = re.compile("(?!)")


def setup(app):
    app.add_lexer("console", Console)
    PygmentsBridge.html_formatter = Plain
    app.add_node(mermaid, override=True, html=(visit_diagram, depart_diagram))
    app.connect("doctree-read", begin_diagrams)
    app.connect("build-finished", end_diagrams)
    app.connect("doctree-read", show_pictures, priority=400)  # before Sphinx collects the images
    app.connect("doctree-read", lead_by_headings, priority=400)  # before Sphinx collects the headings
    app.connect("doctree-read", mark_long_files)
    app.connect("doctree-resolved", label_panels)
    app.connect("html-page-context", mend_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
