#!/bin/sh
# Locks somebody out at once: of the hub, of their servers, of SSH, cron and at, and of Slurm's
# jobs, if this machine has Slurm. The account and its files stay. The hub may be running or not. Run as root: sh leave.sh bob
set -eu
stop() {
    echo "leave.sh: $1" >&2
    exit 1
}
[ $# = 1 ] || stop "usage: sh leave.sh bob. Nothing was changed."
[ "$(id -u)" = 0 ] || stop "only root can do this. Run sudo -i first. Nothing was changed."
name=$1
[ "$(id -un -- "$name" 2>/dev/null)" = "$name" ] || stop "there is no account $name. Nothing was changed."
uid=$(id -u -- "$name")
[ "$uid" -ge 1000 ] || stop "$name is an account of the system's own. Nothing was changed."
if id -Gn "$name" | tr ' ' '\n' | grep -qx sudo; then
    stop "$name is an administrator, in the group sudo. If it is meant, run this first: gpasswd --delete $name sudo. Nothing was changed."
fi

# No new login, neither by password nor by key, and no jobs of cron or at. An account from a
# directory has to be locked there, by those who look after it.
end="The account is locked, and its files stay."
if getent --service=files passwd "$name" >/dev/null; then
    usermod --lock --expiredate 1 "$name"
else
    end="Its files stay. Lock the account in the directory too, or $name can log in again."
fi
# Asks the hub to forget the user, which ends all sessions and tokens. If no hub runs, the user
# is deleted from the hub's database. With -I, Python takes no module from the current folder, which
# may be a user's.
forget() {
    /opt/jupyterhub/bin/python -I - "$name" "$(systemctl is-active jupyterhub.service)" <<'END'
import os
import sys
import urllib.request
from urllib.parse import quote

from jupyterhub import orm
from jupyterhub.app import JupyterHub

name, state = sys.argv[1:]
os.chdir("/var/lib/jupyterhub")
hub = JupyterHub()
hub.load_config_file("/etc/jupyterhub/jupyterhub_config.py")
hub.init_db()
user = orm.User.find(hub.db, name)
if user:
    # With the user, the hub would load all their tokens, whose notes may be larger than its memory.
    hub.db.query(orm.APIToken).filter_by(user_id=user.id).delete()
    hub.db.commit()
if user and state == "active":
    service = orm.Service.find(hub.db, "leave")
    if not service:
        sys.exit("the hub knows no service leave: take the published jupyterhub_config.py, and restart it")
    token = service.new_api_token(note="leave.sh", expires_in=60)
    request = urllib.request.Request(f"{hub.bind_url}hub/api/users/{quote(name, safe='')}", method="DELETE")
    request.add_header("Authorization", f"token {token}")
    try:
        urllib.request.urlopen(request)
    except OSError as error:
        sys.exit(f"the hub says: {error}")
elif user:
    hub.db.delete(user)
    hub.db.commit()
END
}
# The numbers under which the user's programs run: the account's own, and those of /etc/subuid, which
# containers of the user's own have. What runs as another account stays. Real numbers: pkill takes these.
numbers() {
    printf %s "$uid"
    for number in $(ps -eo ruid= | sort --unique); do
        getent passwd "$number" >/dev/null || NAME=$name awk -F : -v uid="$uid" -v number="$number" \
            '($1 == ENVIRON["NAME"] || $1 == uid) && $2 <= number && number < $2 + $3 { printf ",%s", number }' /etc/subuid
    done
}
# Waits until the user's jobs of Slurm have ended. While its controller does not answer, nobody knows.
jobs_ended() {
    command -v squeue >/dev/null || return 0
    for _ in $(seq 10); do
        left=$(squeue --noheader --user="$uid" --format="job %i") || return
        [ -n "$left" ] || return 0
        sleep 1
    done
    echo "$left"
    return 1
}
# Tries again: a hub or a server may be starting, and programs may start others.
for _ in $(seq 5); do
    pkill --signal KILL --uid "$(numbers)" || true
    # Jobs that run or wait, also those submitted by hand. Without Slurm there is no such program.
    scancel --user="$uid" 2>/dev/null || true
    if said=$(forget 2>&1) && said=$(jobs_ended 2>&1) && ! pgrep --uid "$(numbers)" >/dev/null; then
        echo "leave.sh: $name is out. $end"
        exit
    fi
done
# The last error message of the hub or of Slurm, or a job, and the programs that still run.
left=$({ echo "$said" | tail -n 1; pgrep --list-name --uid "$(numbers)"; } | grep . | paste --serial --delimiters ,)
stop "$name is locked out of the machine, but not of all: $left. Run this again."
