"""Gives the page with the memory calculator the script and style for it; no other page loads them."""

from sphinx.application import Sphinx

PAGE = "deploy/class"


def add_calculator(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    if page == PAGE and app.builder.name == "html":
        app.add_js_file("sizes.js", defer="defer")
        app.add_css_file("sizes.css")


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", add_calculator)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
