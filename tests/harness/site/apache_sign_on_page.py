"""How to cause each "If you see" of the page about single sign-on in Apache."""

from __future__ import annotations

from tests.harness.machines import deployment
from tests.harness.site.following import State, open_to_others

PAGE = "deploy/apache-sign-on.md"
SECRETS = "/etc/jupyterhub/sign-on-secrets"
STATES = {
    "If you see SIGN_ON_COOKIES last": State(f"sed -i.kept /CLIENT/d {SECRETS}", f"mv {SECRETS}.kept {SECRETS}", cured=True),
    "If you see Connection refused": State(
        "systemctl stop jupyterhub.service", f"systemctl start jupyterhub.service; {deployment.COMES_UP}", cured=True
    ),
    "If you see Invalid command": State("a2dismod --quiet auth_openidc", "a2enmod --quiet auth_openidc", cured=True),
    "If you see can be read by others": open_to_others(SECRETS),
}
