"""How to cause each "If you see" of the page about Active Directory."""

from __future__ import annotations

from tests.harness.site.following import State

PAGE = "deploy/active-directory.md"
# Where no name server knows the domain: that of the engine itself.
ELSEWHERE = "cat /etc/resolv.conf >/root/resolv.conf.kept; echo nameserver 127.0.0.11 >/etc/resolv.conf"
BACK = "cat /root/resolv.conf.kept >/etc/resolv.conf"
FORGET = "systemctl stop sssd; systemctl reset-failed sssd; rm -f /var/lib/sss/db/* /var/lib/sss/mc/*"
KNOWN = "systemctl restart sssd; until getent passwd lena; do sleep 0.5; done"
JOIN = "adcli join --domain=example.com --login-user=Administrator"
STATES = {
    "If you see couldn't discover domain": State(ELSEWHERE, BACK, typed=["adcli info example.com"]),
    # As who has mistyped it; nothing is joined.
    "If you see Preauthentication failed": State("true", typed=[f"echo wrong | {JOIN} --stdin-password"]),
    "If you see nothing": State(
        f"{ELSEWHERE}; {FORGET}", f"{BACK}; {KNOWN}", typed=["systemctl restart sssd.service", "getent passwd lena"]
    ),
    "If you see no such user": State(FORGET, KNOWN, typed=["id --name --groups lena"]),
}
