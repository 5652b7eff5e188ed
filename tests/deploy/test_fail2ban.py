"""What deploy/users.md has Debian 12's fail2ban need: without it, it ends; with it, it counts wrong passwords of SSH."""

import re

from tests.harness.machines import deployment, images, people
from tests.harness.manifest import NEWEST, ROOT

PAGE = (ROOT / "deploy/users.md").read_text("utf-8")


def test_with_the_lines_of_the_page_it_counts_wrong_passwords_and_without_them_it_ends():
    path, *lines = re.search(r"Its package `fail2ban` does, if `([^`]+)` has the lines `([^`]+)`, `([^`]+)` and `([^`]+)`", PAGE).groups()
    restart, shows = re.search(r"restarted with `([^`]+)`.*? `(fail2ban-client [^`]+)` shows", PAGE).groups()
    with deployment.machine(NEWEST, "bridge", image=images.people) as machine:
        hub = deployment.prepare(machine, NEWEST)
        assert hub.suite == "bookworm"
        machine.sh("apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes fail2ban", timeout=300)
        machine.sh(f"systemctl start ssh; {restart}", check=False)
        machine.until("systemctl is-failed fail2ban", timeout=20)
        assert "Have not found any log file for sshd jail" in machine.sh("journalctl --unit fail2ban; cat /var/log/fail2ban.log").stdout
        # On a disk, users' lines are in files of their own, which fail2ban does not read.
        volatile = {"/etc/systemd/journald.conf.d/tests.conf": "[Journal]\nStorage=volatile\n"}
        machine.sh("rm -r /var/log/journal; systemctl restart systemd-journald", volatile)
        # What a user's own program of that name says, of an address that has tried nothing.
        name, log, found = "/home/alice/sshd", "/var/log/fail2ban.log", "grep --fixed-strings 'Found {}' {}"
        words = "for word in one two three; do echo Failed password for root from 203.0.113.5 port 22 ssh2; sleep 1; done"
        lie = f"cp /usr/bin/logger {name}; {words} | ({name} --id --tag sshd; sleep 1)"
        machine.sh(f"rm -f {log}; {restart}", {path: "\n".join([*lines[:2], ""])})
        machine.until(shows, timeout=20)
        machine.sh(lie, user="alice")
        machine.until(found.format("203.0.113.5", log), timeout=20)
        machine.sh(f"systemctl stop fail2ban; rm -f {log} /var/lib/fail2ban/*; {restart}", {path: "\n".join([*lines, ""])})
        machine.until(shows, timeout=20)
        machine.sh(lie, user="alice")
        # The tests come from the machine itself, which it passes over.
        machine.sh("fail2ban-client set sshd ignoreself false")
        assert people.ssh(hub, "alice", "wrong")[0]
        machine.until(f"{shows} | grep -E 'Total failed:[[:space:]]+[1-9]'", timeout=20)
        # It came after the user's words.
        assert machine.sh(found.format("127.0.0.1", log)).stdout
        assert machine.sh(found.format("203.0.113.5", log), check=False).stdout == ""
