"""How to cause each "If you see" of the page about a load balancer."""

from __future__ import annotations

from tests.harness.manifest import SAVED_AS
from tests.harness.site.following import State

PAGE = "deploy/balancer.md"
CONF = SAVED_AS["nginx/jupyterhub.conf"]
STATES = {
    "If you see [emerg]": State(f"sed -i.kept 's/^geo /gee /' {CONF}", f"mv {CONF}.kept {CONF}", cured=True),
    # As who passes over the first command of the block.
    "If you see Invalid command 'RemoteIP": State("true", typed=["apachectl -t"], cured=True),
}
