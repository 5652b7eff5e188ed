"""What the page about a faster first load says may be seen instead, and how each is made; its line in the hub's site."""

from __future__ import annotations

from tests.harness.manifest import PUBLISHED, Files
from tests.harness.site.following import State

PAGE = "deploy/faster.md"
BROTLI = "/usr/bin/brotli"
STATES = {
    "If you see brotli is missing": State(
        f"mv {BROTLI} {BROTLI}.kept", f"mv {BROTLI}.kept {BROTLI}", ["cd /root/faster", "sh compress.sh"], cured=True
    ),
    # As who passes over the first command of the block.
    "If you see Invalid command 'RewriteEngine": State("a2dismod --quiet rewrite", typed=["apachectl -t"], cured=True),
}
# What the page has its reader write, and the line of the published site after which it stands.
LINE = {"nginx": "include /etc/nginx/jupyterhub.d/*.conf;", "apache": "IncludeOptional /etc/apache2/jupyterhub.d/*.conf"}
AFTER = {"nginx": "    listen [::]:443 ssl;\n", "apache": "<VirtualHost *:443>\n"}


def site(proxy: str, files: Files = PUBLISHED) -> Files:
    """The published site with the line that the page has its reader write."""
    return files.replace(f"{proxy}/jupyterhub.conf", AFTER[proxy], f"{AFTER[proxy]}    {LINE[proxy]}\n")
