"""How to cause each "If you see" of the page about a code beside the password."""

from __future__ import annotations

from tests.harness.machines import deployment
from tests.harness.site.following import State

PAGE = "deploy/second-factor.md"
START = f"systemctl start jupyterhub.service; {deployment.COMES_UP}"
STATES = {
    "If you see command not found": State(
        "mv /usr/bin/google-authenticator /root/kept-program", "mv /root/kept-program /usr/bin/google-authenticator"
    ),
    "If you see Connection refused": State("systemctl stop jupyterhub.service", START, cured=True),
}
