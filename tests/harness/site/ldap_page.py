"""How to cause each "If you see" of the page about LDAP."""

from __future__ import annotations

from tests.harness.site.following import State

PAGE = "deploy/ldap.md"
CONF = "/etc/sssd/sssd.conf"
STATES = {
    # As who has written the name of no server; what is known already is forgotten.
    "If you see nothing": State(
        f"sed -i.kept s/ldap.example.com/ldap.example.net/ {CONF}; systemctl stop sssd; rm -f /var/lib/sss/db/* /var/lib/sss/mc/*",
        f"mv {CONF}.kept {CONF}; systemctl restart sssd; until getent passwd lena; do sleep 0.5; done",
        typed=["systemctl restart sssd.service", "getent passwd lena"],
    ),
    "If you see no such user": State(
        "systemctl stop sssd; rm -f /var/lib/sss/db/* /var/lib/sss/mc/*",
        "systemctl restart sssd; until getent passwd lena; do sleep 0.5; done",
        typed=["id --name --groups lena"],
    ),
}
