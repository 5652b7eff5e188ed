"""How to cause each "If you see" of the page about OpenID Connect."""

from __future__ import annotations

from tests.harness.site.following import State

PAGE = "deploy/openid-connect.md"
SECRET = "/etc/jupyterhub/oidc-secret"
RESTART = "systemctl restart jupyterhub.service"
# The hub is up, or has been told why it is not.
LATER = "sleep 8"
STATES = {
    "If you see nothing": State("true", typed=["wget -qO - https://elsewhere.example/.well-known/openid-configuration | grep _endpoint"]),
    "If you see can be read by others": State(
        f"chmod 644 {SECRET}; systemctl restart jupyterhub.service; {LATER}",
        f"chmod 600 {SECRET}; systemctl reset-failed jupyterhub; {RESTART}; {LATER}",
        cured=True,
    ),
    "If you see already exists": State(
        "true", typed=["useradd --create-home --key HOME_MODE=0700 --shell /bin/bash --groups jupyterhub kim"]
    ),
}
