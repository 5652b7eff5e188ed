"""Makes the page of what is new, by release, and a feed with the same words for feed readers.

- `{news}`: a section for each release in releases.toml that has a commit, with its `news`, and before them what is coming.
- feed.xml, in the Atom format, beside the pages, where the address of the site is known: readers' programs need whole addresses.
  Each page then names it in its head, and the page that has `{news}` links it.
"""

import html
import re
from pathlib import Path
from urllib.parse import urljoin

from babel.dates import format_date
from docutils import nodes
from releases import FILE, coming, read
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

log = logging.getLogger(__name__)

NAME = "feed.xml"
# Where the link to the feed stands, in the HTML of the page.
HERE = '<div class="feed-here"></div>'


def listed(news):
    return "\n".join(f"- {words}" for words in news)


def told(root):
    """The releases that have a commit and so are out, the newest first."""
    return [release for release in read(root)[0] if release["commit"]]


class News(SphinxDirective):
    def run(self):
        root = Path(self.env.srcdir)
        self.env.note_dependency(str(root / FILE))
        self.env.news_page = self.env.docname
        try:
            made = [f"## Release {row['version']}\n\nOf {day(row['date'])}.\n\n{listed(row['news'])}" for row in told(root)]
            if next_one := coming(root):
                made.insert(0, f"## Not yet released\n\n{listed(next_one)}")
        except ValueError as wrong:
            raise self.error(str(wrong)) from None
        site = addnodes.only(expr="builder_html")
        site += nodes.raw("", HERE, format="html")
        return [site, *self.parse_text_to_nodes("\n\n".join(made), allow_section_headings=True)]


def day(date):
    return format_date(date, "d MMMM y", locale="en")


def plain(words):
    """Markdown without its marks."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)|[*`]", r"\1", words)


def entry(page, release):
    place = f"{page}#release-{release['version'].replace('.', '-')}"
    words = "".join(f"<li>{html.escape(plain(words))}</li>" for words in release["news"])
    return f"""<entry>
<title>Release {release["version"]}</title>
<id>{html.escape(place)}</id>
<link href="{html.escape(place)}"/>
<updated>{release["date"]}T00:00:00Z</updated>
<content type="html">{html.escape(f"<ul>{words}</ul>")}</content>
</entry>
"""


def feed(app, page):
    """The text of the feed; `page` is the whole address of the page that has `{news}`."""
    base, releases = app.config.html_baseurl, told(app.srcdir)
    title, author = html.escape(app.config.project), html.escape(app.config.author)
    return f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<title>{title}</title>
<id>{html.escape(page)}</id>
<link rel="self" href="{html.escape(urljoin(base, NAME))}"/>
<link href="{html.escape(page)}"/>
<updated>{max(release["date"] for release in releases)}T00:00:00Z</updated>
<author><name>{author}</name></author>
{"".join(entry(page, release) for release in releases)}</feed>
"""


def page_of(app):
    """The page that has `{news}`; "" if none has, or if the site has no address."""
    return app.config.html_baseurl and app.builder.name == "html" and getattr(app.env, "news_page", "")


def name_feed(app, pagename, templatename, context, doctree):
    if app.builder.name != "html" or "body" not in context:
        return
    link = ""
    if page_of(app):
        place = context["pathto"](NAME, 1)
        head = f'<link rel="alternate" type="application/atom+xml" title="{html.escape(app.config.project)}" href="{place}">'
        context["metatags"] = f"{context.get('metatags', '')}\n{head}"
        link = f'<p>To be told of a new release, give the address of <a href="{place}">the feed</a> to your feed reader.</p>'
    context["body"] = context["body"].replace(HERE, link)


def write(app, exception):
    if not exception and page_of(app):
        page = urljoin(app.config.html_baseurl, app.builder.get_target_uri(app.env.news_page))
        Path(app.outdir, NAME).write_text(feed(app, page), "utf-8")


def merge(app, env, names, other):
    if page := getattr(other, "news_page", ""):
        env.news_page = page


def setup(app):
    app.add_directive("news", News)
    app.connect("env-merge-info", merge)
    app.connect("html-page-context", name_feed)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
