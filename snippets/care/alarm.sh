#!/bin/sh
# Sends root an email that a unit has failed, with its output. Run by jupyterhub-alarm@.service.
set -eu
began=$(systemctl show --timestamp us+utc --property InactiveExitTimestamp --value "$1")
journal="journalctl --quiet --output cat --lines 20 --unit $1 _TRANSPORT=stdout"
# On a busy machine, the last lines can reach the journal only after the unit has failed.
for _ in 1 2 3 4 5; do $journal --since "$began" | grep --quiet . && break; sleep 1; done
{
    echo "To: root"
    echo "Subject: $1 failed on $(hostname)"
    echo
    $journal --since "$began"
} | /usr/sbin/sendmail -t
