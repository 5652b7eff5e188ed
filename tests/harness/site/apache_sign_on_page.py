"""How to cause each "If you see" of the page about single sign-on in Apache."""

from __future__ import annotations

from tests.harness.machines import deployment
from tests.harness.site.following import State, open_to_others

PAGE = "deploy/apache-sign-on.md"
# What the hub and Apache share, and what the module has for itself.
HEADER, MODULE = "/etc/jupyterhub/sign-on-header", "/etc/jupyterhub/sign-on-module"
STATES = {
    "If you see OIDCCryptoPassphrase last": State(f"sed -i.kept /Client/d {MODULE}", f"mv {MODULE}.kept {MODULE}", cured=True),
    "If you see Connection refused": State(
        "systemctl stop jupyterhub.service", f"systemctl start jupyterhub.service; {deployment.COMES_UP}", cured=True
    ),
    "If you see Invalid command": State("a2dismod --quiet auth_openidc", "a2enmod --quiet auth_openidc", cured=True),
    "If you see can be read by others": open_to_others(HEADER),
}
