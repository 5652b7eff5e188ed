"""How to cause each "If you see" of the page about a host that already has a site."""

from __future__ import annotations

from tests.harness.machines import existing_site
from tests.harness.manifest import SAVED_AS
from tests.harness.site.following import State

PAGE = "deploy/existing-site.md"
FIRST = SAVED_AS["beside/nginx-http.conf"]
SITE = existing_site.LATER["nginx"]
LINE = existing_site.TLS["nginx"]
# It lies beside the script on a machine without npm.
BLOCKLY = "/root/jigsaw/blockly-*.tgz"
STATES = {
    # At the level of all sites, and twice in the same block.
    "If you see directive is not allowed here": State(f"sed -i.kept '$ a {LINE}' {SITE}", f"mv {SITE}.kept {SITE}", cured=True),
    "If you see duplicate location": State(f"sed -i.kept 's|{LINE}|& &|' {SITE}", f"mv {SITE}.kept {SITE}", cured=True),
    "If you see unknown log format": State(f"mv {FIRST} /etc/nginx/conf.d/zz.conf", f"mv /etc/nginx/conf.d/zz.conf {FIRST}", cured=True),
    "If you see Invalid command": State("a2dismod --quiet --force headers", typed=["apachectl -t"], cured=True),
    "If you see npm: not found": State(f"mv {BLOCKLY} /root", f"mv /root/{BLOCKLY.rpartition('/')[2]} /root/jigsaw", cured=True),
}
# With a second hub, whose file has been made from the first one's.
LOCATION, SECOND = SAVED_AS["beside/nginx-location.conf"], "/etc/nginx/second-location.conf"
STATES_OF_TWO = {
    "If you see duplicate location": State(f"cp {SECOND} /root/kept; cp {LOCATION} {SECOND}", f"mv /root/kept {SECOND}", cured=True),
}
