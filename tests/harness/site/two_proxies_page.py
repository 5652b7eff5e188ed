"""How to cause each "If you see" of the page about two proxies."""

from __future__ import annotations

from tests.harness.site.following import State, open_to_others, other_sums

PAGE = "deploy/two-proxies.md"
SECRET = "/etc/jupyterhub/routes.env"
LIST = "/root/two-proxies/requirements.txt"
STATES = {
    "If you see THESE PACKAGES DO NOT MATCH THE HASHES": other_sums(LIST),
    "If you see -rw-r--r--": State(f"chmod 644 {SECRET}", f"chmod 600 {SECRET}", typed=[f'stat --format "%A %U" {SECRET}']),
    "If you see can be read by others": open_to_others(SECRET),
    "If you see another word": State(
        "systemctl stop hub-routes.service; mv /etc/valkey/routes.conf /var/tmp/; systemctl start hub-routes.service; sleep 1",
        "mv /var/tmp/routes.conf /etc/valkey/; systemctl reset-failed hub-routes; systemctl start hub-routes.service; sleep 1",
    ),
}
