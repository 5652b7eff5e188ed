"""How to cause each "If you see" of the page about OpenID Connect."""

from __future__ import annotations

from tests.harness.site.following import State, open_to_others

PAGE = "deploy/openid-connect.md"
SECRET = "/etc/jupyterhub/oidc-secret"
STATES = {
    "If you see nothing": State("true", typed=["wget -qO - https://elsewhere.example/.well-known/openid-configuration | grep _endpoint"]),
    "If you see can be read by others": open_to_others(SECRET),
    "If you see already exists": State(
        "true", typed=["useradd --create-home --key HOME_MODE=0700 --shell /bin/bash --groups jupyterhub kim"]
    ),
}
