"""What deploy/users.md has Debian 12's fail2ban need: without it, it ends; with it, it counts wrong passwords of SSH."""

import re

from tests.harness.machines import deployment, images, people
from tests.harness.manifest import NEWEST, ROOT

PAGE = (ROOT / "deploy/users.md").read_text("utf-8")


def test_with_the_lines_of_the_page_it_counts_wrong_passwords_and_without_them_it_ends():
    path, *lines = re.search(r"Its package `fail2ban` does, if `([^`]+)` has the lines `([^`]+)` and `([^`]+)`", PAGE).groups()
    restart, shows = re.search(r"restarted with `([^`]+)`.*? `(fail2ban-client [^`]+)` shows", PAGE).groups()
    with deployment.machine(NEWEST, "bridge", image=images.people) as machine:
        hub = deployment.prepare(machine, NEWEST)
        assert hub.suite == "bookworm"
        machine.sh("apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes fail2ban", timeout=300)
        machine.sh(f"systemctl start ssh; {restart}", check=False)
        machine.until("systemctl is-failed fail2ban", timeout=20)
        assert "Have not found any log file for sshd jail" in machine.sh("journalctl --unit fail2ban; cat /var/log/fail2ban.log").stdout
        machine.sh(restart, {path: "\n".join([*lines, ""])})
        machine.until(shows, timeout=20)
        # The tests come from the machine itself, which it passes over.
        machine.sh("fail2ban-client set sshd ignoreself false")
        assert people.ssh(hub, "alice", "wrong")[0]
        machine.until(f"{shows} | grep -E 'Total failed:[[:space:]]+[1-9]'", timeout=20)
