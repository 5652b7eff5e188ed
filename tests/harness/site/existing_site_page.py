"""What the page about a site that is there already says may be seen instead, and how each is made."""

from __future__ import annotations

from tests.harness.manifest import SAVED_AS
from tests.harness.site.following import State

PAGE = "deploy/existing-site.md"
FIRST = SAVED_AS["beside/nginx-http.conf"]
STATES = {
    "If you see unknown log format": State(f"mv {FIRST} /etc/nginx/conf.d/zz.conf", f"mv /etc/nginx/conf.d/zz.conf {FIRST}", cured=True),
    "If you see Invalid command": State("a2dismod --quiet --force headers", typed=["apachectl -t"], cured=True),
}
