"""How to cause each "If you see" of the page about LTI."""

from __future__ import annotations

from tests.harness.site.following import State, other_sums

PAGE = "deploy/lti.md"
STATES = {
    "If you see nothing": State("true", typed=["""wget -qO - https://elsewhere.example/keys | tr ',{' '\\n\\n' | grep '"kty"'"""]),
    "If you see THESE PACKAGES DO NOT MATCH THE HASHES": other_sums("/root/lti/requirements.txt"),
    "If you see already exists": State(
        "true", typed=["useradd --create-home --key HOME_MODE=0700 --shell /bin/bash --groups jupyterhub kim"]
    ),
}
