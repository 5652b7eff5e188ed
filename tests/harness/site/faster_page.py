"""What the page about a faster first load says may be seen instead, and how each is made."""

from __future__ import annotations

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
