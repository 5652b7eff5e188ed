"""How to cause each "If you see" of the page about a faster first load."""

from __future__ import annotations

from tests.harness.manifest import SAVED_AS
from tests.harness.site.following import State

PAGE = "deploy/faster.md"
BROTLI = "/usr/bin/brotli"
HTTP2 = SAVED_AS["faster/nginx-http2.conf"]
STATES = {
    "If you see brotli is missing": State(
        f"mv {BROTLI} {BROTLI}.kept", f"mv {BROTLI}.kept {BROTLI}", ["cd /root/faster", "sh compress.sh"], cured=True
    ),
    # As who passes over the first command of the block.
    "If you see Invalid command 'RewriteEngine": State("a2dismod --quiet rewrite", typed=["apachectl -t"], cured=True),
    # What an older nginx says of the line itself, test_http2 sees.
    "If you see unknown directive": State(
        f"sed -i 's/^http2 on/http-2 on/' {HTTP2}", f"sed -i 's/^http-2 on/http2 on/' {HTTP2}", ["nginx -t && nginx -s reload"]
    ),
}
