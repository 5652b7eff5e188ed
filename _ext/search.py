"""The site's own search: its index of words, and other names under which people look for a page.

- `also_called` in a page's front matter lists such names; `headings_also_called` lists them by the id of a heading. The page shows
  them at its end.
- search-index.js holds pages, headings, names, and each word with the pages that have it, packed; _static/search.js reads it. Left out are
  headings and words that too many pages have to tell them apart, and an id that follows from its heading.

Words are Sphinx's own, with these differences: numbers count if they have three to five digits, as codes and ports do; an underscore
parts words, and two that it parts are one word as well; long programs are left out, since nobody looks for their variables.
"""

import html
import itertools
import json
import re
import string
from pathlib import Path

from docutils import nodes
from sphinx.search.en import SearchEnglish
from sphinx.util import logging

log = logging.getLogger(__name__)

PROGRAMS = {"python", "js", "html", "text"}
# Lines, from which on a program is a long one.
LONG = 80
# The share of all pages that have a word which is left out, and the number of those that have such a heading.
SHARE = 0.34
SAME = 4
# The characters that stand for numbers: from "#" on, without those that do not print.
FIRST, LAST, NEXT = 35, 126, 161
# Those of JavaScript's parseInt; no word has more letters (see `Words`).
DIGITS = string.digits + string.ascii_lowercase


class Words(SearchEnglish):
    def split(self, input):
        # search.js asks for two words as one, too.
        return re.findall(r"[^\W_]+", input) + [f"{one}{two}" for one, two in re.findall(r"\b([^\W_]+)_([^\W_]+)\b", input)]

    def word_filter(self, word):
        if word.isdigit():
            return 3 <= len(word) <= 5
        return 1 < len(word) < 25 and word.lower() not in self.stopwords and not re.fullmatch(r"(?=.*\d)[0-9a-f]{8,}", word)


def leave_out_programs(app, doctree):
    for block in doctree.findall(nodes.literal_block):
        # Of a further reverse proxy the page says in words what its files have.
        long = block.get("language") in PROGRAMS or (block.get("language") in ("text", "yaml", "ini") and "source" in block)
        if long and block.astext().count("\n") > LONG:
            block["classes"].append("no-search")


def names(env, docname):
    """Other names of a page, and of its headings by their id: ([name], {id: [name]})."""
    about = env.metadata.get(docname, {})
    # MyST hands on as JSON what is no plain word.
    own, below = (json.loads(about.get(key) or empty) for key, empty in (("also_called", "[]"), ("headings_also_called", "{}")))
    return [str(name) for name in own], {place: [str(name) for name in listed] for place, listed in below.items()}


def show_names(app, pagename, templatename, context, doctree):
    own, below = names(app.env, pagename)
    shown = dict.fromkeys([*own, *(name for listed in below.values() for name in listed)])
    if app.builder.name == "html" and doctree and shown:
        context["body"] += f'\n<p class="also-called">Also called: {html.escape(", ".join(shown))}.</p>\n'


def sign(number):
    """The character that stands for a number."""
    code = FIRST + number
    return chr(code if code <= LAST else code - LAST - 1 + NEXT)


def packed(places):
    """Words and the numbers of their pages as two texts of as many lines, which compress well; search.js has the way back.

    A word begins with as many letters of the one before as its line's first character says; of a page is told how many lie between.
    """
    words, signs, before = [], [], ""
    for word, numbers in sorted(places.items()):
        same = next((at for at, (one, other) in enumerate(zip(before, word, strict=False)) if one != other), min(len(before), len(word)))
        words.append(f"{DIGITS[same]}{word[same:]}")
        signs.append("".join(sign(number - last - 1) for last, number in itertools.pairwise([-1, *sorted(numbers)])))
        before = word
    return "\n".join(words), "\n".join(signs)


def headings(env, found):
    """The headings of each page, and the words of a glossary: {page: [(id, heading, how many pages have the same)]}."""
    listed = {name: [] for name in found["docnames"]}
    for heading, places in found["alltitles"].items():
        for number, place in places:
            if place and heading != found["titles"][number]:
                listed[found["docnames"][number]].append((place, heading, len(places)))
    for (kind, term), (name, place) in env.get_domain("std").objects.items():
        if kind == "term" and name in listed:
            listed[name].append((place, term, 1))
    return listed


def write(app, exception):
    if exception or app.builder.name != "html":
        return
    env, found = app.env, app.builder.indexer.freeze()
    pages = []
    # What such a page tells is told on another one in other words: it is found by its names.
    by_name = {number for number, name in enumerate(found["docnames"]) if env.metadata.get(name, {}).get("searched") == "by its names"}
    for (name, listed), title in zip(headings(env, found).items(), found["titles"], strict=True):
        own, below = names(env, name)
        for place in below.keys() - {place for place, _, _ in listed}:
            log.warning("headings_also_called: the page has no heading with the id %s", place, location=name)
        page = [app.builder.get_target_uri(name), title, ", ".join(own)]
        for place, heading, same in listed:
            if (same < SAME and len(pages) not in by_name) or place in below:
                page.append([heading, ", ".join(below.get(place, [])), *([place] if place != nodes.make_id(heading) else [])])
        pages.append(page)
    places, common = {}, []
    for word, numbers in sorted(found["terms"].items()):
        numbers = [number for number in (numbers if isinstance(numbers, list) else [numbers]) if number not in by_name]
        # Of an earlier build some have no page any more.
        if len(numbers) > SHARE * len(pages):
            common.append(word)
        elif numbers:
            places[word] = numbers
    words, signs = packed(places)
    made = {"pages": pages, "words": words, "places": signs, "common": " ".join(common)}
    made = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    Path(app.outdir, "search-index.js").write_text(f"const SEARCHED={made};\n", "utf-8")


def setup(app):
    app.add_search_language(Words)
    app.connect("doctree-read", leave_out_programs)
    app.connect("html-page-context", show_names)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
