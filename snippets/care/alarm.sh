#!/bin/sh
# Sends root an email that a unit has failed, with what it said. Run by jupyterhub-alarm@.service.
set -eu
run=$(systemctl show --property InvocationID --value "$1")
{
    echo "To: root"
    echo "Subject: $1 failed on $(hostname)"
    echo
    journalctl --quiet --output cat --lines 20 "_SYSTEMD_INVOCATION_ID=$run"
} | /usr/sbin/sendmail -t
