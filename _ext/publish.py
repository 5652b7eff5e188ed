"""Makes the forms of the site that programs read: each page as plain Markdown with its files included, llms.txt, the sitemap.

- llms.txt: each page by section, with its address and how it begins. llms-full.txt: the text of all pages, as Markdown.
- Each page's head holds its description.
- Where the address of the site is known: sitemap.xml, and what other sites show of a link to a page.
"""

import html
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging

log = logging.getLogger(__name__)

MARKS = {nodes.strong: "**", nodes.emphasis: "*"}


def check_address(app, config):
    parts = urlsplit(config.html_baseurl)
    if config.html_baseurl and not (parts.scheme in ("http", "https") and parts.netloc and not parts.query and not parts.fragment):
        log.warning("GUIDE_URL: %s is no address of a site, such as https://hub.example.com/guide/", config.html_baseurl)
        config.html_baseurl, config.notfound_urls_prefix = "", "/"


class Markdown:
    """Markdown of a page's doctree; what it does not know it goes through."""

    def __init__(self, app, docname):
        self.app, self.sources = app, Path(app.srcdir)
        self.page = urljoin(app.config.html_baseurl, app.builder.get_target_uri(docname))

    def inline(self, node):
        if isinstance(node, nodes.Text):
            return str(node).replace("\n", " ")
        if isinstance(node, nodes.literal):
            text = node.astext()
            return f"`` {text} ``" if "`" in text else f"`{text}`"
        if isinstance(node, nodes.image):
            return f"Picture: {node.get('alt', '')}"
        if isinstance(node, nodes.raw):
            return "<br>" if node.astext().startswith("<br") else ""
        text = "".join(map(self.inline, node.children))
        if "refuri" in node or "refid" in node:
            return f"[{text}]({urljoin(self.page, node.get('refuri') or '#' + node.get('refid', ''))})"
        mark = MARKS.get(type(node), "")
        return f"{mark}{text}{mark}"

    def blocks(self, node, depth=0):
        """The Markdown of a node, a string for each block."""
        if isinstance(node, nodes.section):
            return self.inside(node, depth + 1)
        if isinstance(node, nodes.title):
            return [f"{'#' * depth} {self.inline(node)}"]
        if isinstance(node, nodes.literal_block):
            return self.code(node)
        if isinstance(node, nodes.bullet_list | nodes.enumerated_list):
            marks = ("-" if isinstance(node, nodes.bullet_list) else f"{number}." for number in range(1, len(node) + 1))
            items = [(mark, "\n\n".join(self.inside(item, depth))) for mark, item in zip(marks, node, strict=True)]
            return ["\n".join(f"{mark} {text.replace(chr(10), chr(10) + '   ')}" for mark, text in items)]
        if isinstance(node, nodes.definition_list_item):
            return [f"**{self.inline(node[0])}**", *self.inside(node[1], depth)]
        if isinstance(node, nodes.table):
            return self.table(node)
        if isinstance(node, addnodes.toctree):
            return [] if node["hidden"] else ["\n".join(self.listed(name) for _, name in node["entries"])]
        if node.get("role") == "tablist" or isinstance(node, nodes.comment | nodes.raw | addnodes.index):
            return []
        if label := node.get("data-label"):
            return [f"**{label}**:", *self.inside(node, depth)]
        if node.tagname == "mermaid":
            return [f"Diagram: {node.get('alt', '')}"]
        if isinstance(node, nodes.TextElement | nodes.Inline | nodes.image):
            return [self.inline(node)]
        return self.inside(node, depth)

    def listed(self, name):
        place = urljoin(self.app.config.html_baseurl, self.app.builder.get_target_uri(name))
        return f"- [{self.app.env.titles[name].astext()}]({place})"

    def inside(self, node, depth):
        return [block for child in node.children for block in self.blocks(child, depth)]

    def code(self, node):
        """A fence, and above it the path, where the page does not show it as a caption."""
        source = Path(node.get("source") or "")
        named = isinstance(node.parent[0], nodes.caption) or not source.is_relative_to(self.sources / "snippets")
        text = node.astext().rstrip("\n")
        fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", f"{text}`")))
        language = node.get("language", "")
        made = f"{fence}{'' if language in ('default', 'myst-ansi') else language}\n{text}\n{fence}"
        return [made] if named else [f"From `{source.relative_to(self.sources)}`:", made]

    def table(self, node):
        rows = [[self.cell(entry) for entry in row] for row in node.findall(nodes.row)]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return ["\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])]

    def cell(self, entry):
        return "<br>".join(self.inside(entry, 0)).replace("\n", " ").replace("|", "\\|")


def kept(app, docname):
    """Where the Markdown of a page is kept from one build to the next: a page that has not changed is not made anew."""
    return Path(app.doctreedir, f"{docname}.md")


def keep(app, doctree, docname):
    if app.builder.name == "html":
        kept(app, docname).write_text("\n\n".join(Markdown(app, docname).blocks(doctree)) + "\n", "utf-8")


def beginning(text):
    """The first sentence of a page's Markdown, without links; more than one where the first says little."""
    block = next((block for block in text.split("\n\n") if not block.startswith("#")), "")
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", block.replace("\n", " "))
    return re.match(r".{60,}?[.!?](?= |$)|.*", words)[0]


def describe(app, pagename, templatename, context, doctree):
    if app.builder.name != "html" or not doctree:
        return
    words = beginning(kept(app, pagename).read_text("utf-8")).replace("`", "").replace("*", "")
    tags = {"name": {"description": words}}
    if base := app.config.html_baseurl:
        title = re.sub("<[^>]+>", "", context["title"])
        tags["property"] = {
            "og:site_name": app.config.project,
            "og:type": "website",
            "og:title": html.unescape(title),
            "og:description": words,
            "og:url": urljoin(base, app.builder.get_target_uri(pagename)),
            "og:image": urljoin(base, app.config.social_card),
        }
        tags["name"]["twitter:card"] = "summary_large_image"
    for kind, of in tags.items():
        for name, value in of.items():
            context["metatags"] += f'\n<meta {kind}="{name}" content="{html.escape(value)}">'


def in_order(env, docname):
    """A page and those below it, in the order of the tables of contents."""
    yield docname
    for child in env.toctree_includes.get(docname, []):
        yield from in_order(env, child)


def write(app, exception):
    if exception or app.builder.name != "html":
        return
    base, env, out = app.config.html_baseurl, app.env, Path(app.outdir)
    root = app.config.root_doc
    pages = {name: kept(app, name).read_text("utf-8") for name in in_order(env, root)}
    where = {name: urljoin(base, app.builder.get_target_uri(name)) for name in pages}

    def line(name):
        return f"- [{env.titles[name].astext()}]({where[name]}): {beginning(pages[name])}"

    short = [f"# {app.config.project}", f"> {beginning(pages[root])}", "## All of it"]
    short.append(f"{line(root)}\n- [The whole guide]({urljoin(base, 'llms-full.txt')}): Every page and every file, as one text.")
    for section in env.toctree_includes[root]:
        short += [f"## {env.titles[section].astext()}", "\n".join(map(line, in_order(env, section)))]
    (out / "llms.txt").write_text("\n\n".join(short) + "\n", "utf-8")
    (out / "llms-full.txt").write_text("\n".join(f"<!-- {where[name]} -->\n\n{text}" for name, text in pages.items()), "utf-8")
    if base:
        places = "".join(f"<url><loc>{html.escape(place)}</loc></url>\n" for place in where.values())
        head = '<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        (out / "sitemap.xml").write_text(f"{head}{places}</urlset>\n", "utf-8")


def setup(app):
    app.add_config_value("social_card", "", "html", str)
    app.connect("config-inited", check_address, priority=400)  # before others read it
    app.connect("doctree-resolved", keep, priority=900)  # once tabs have their labels
    app.connect("html-page-context", describe)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
