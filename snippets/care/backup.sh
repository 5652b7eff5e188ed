#!/bin/sh
# Copies everything that makes up the hub: accounts, homes, database, secrets, certificate and
# configuration, as one file. The hub may go on running.
# Run as root: sh backup.sh [FOLDER] [COPIES]
# It keeps its newest copies in the folder, and deletes older ones. COPIES is 7 by default.
set -eu
umask 077
folder=${1:-/var/backups/jupyterhub} keep=${2:-7}
database=/var/lib/jupyterhub/jupyterhub.sqlite
stop() {
    echo "backup.sh: $1 No copy was made." >&2
    exit 1
}
[ "$(id -u)" = 0 ] || stop "Only root can do this."
[ "$keep" -gt 0 ] 2>/dev/null || stop "The number of copies has to be 1 or more, and not $keep."
[ -e "$database" ] || stop "There is no hub: $database is missing."

cd /
set --
for path in /home /srv /etc/jupyterhub /etc/jupyter /etc/systemd/system/jupyter* /var/lib/jupyterhub \
    /etc/pam.d/jupyterhub* /etc/letsencrypt /etc/ssl/certs/hub.crt /etc/ssl/private/hub.key \
    /etc/nginx/conf.d/*jupyterhub.conf /etc/nginx/jupyterhub-location.conf /etc/nginx/jupyterhub.d \
    /etc/apache2/*-available/jupyterhub*.conf /etc/apache2/jupyterhub-location.conf /etc/apache2/jupyterhub.d \
    /etc/caddy/jupyterhub.caddyfile /etc/caddy/sites /etc/haproxy/jupyterhub.cfg /etc/traefik \
    /etc/systemd/system/caddy.service.d /etc/systemd/system/haproxy.service.d /etc/systemd/system/traefik.service \
    /etc/logrotate.d/caddy /etc/logrotate.d/traefik /etc/sssd /etc/slurm /etc/systemd/system/hub-* \
    /etc/ssh/sshd_config.d/jupyterhub.conf /root/nginx /root/apache /root/caddy /root/haproxy /root/traefik \
    /root/jupyterhub /root/kernel /root/jigsaw /root/systemd /root/check /root/care /root/people /root/course \
    /root/balancer /root/database /root/docker /root/domain /root/faster /root/framed /root/hosts /root/kernels \
    /root/ldap /root/logins /root/lti /root/lua /root/slurm /root/two-proxies; do
    if [ -e "$path" ]; then
        [ ! -L "$path" ] || [ ! -d "$path" ] || stop "$path is a link, and the files behind it would not be copied."
        set -- "$@" "${path#/}"
        # In such a folder, each copy would contain all copies before it.
        case $(realpath -m "$folder")/ in "$path"/*) stop "$folder is among the files that are copied." ;; esac
    fi
done

mkdir -p "$folder"
exec 9<"$folder"
flock --nonblock 9 || stop "Another copy is being made."
name=$folder/jupyterhub-$(date +%Y-%m-%d-%H%M%S).tar.gz
# An unfinished copy is deleted, also one that was left when the machine lost power.
rm -f "$folder"/jupyterhub-????-??-??-??????.tar.gz.part
# The older copies, the newest first, each as find prints it.
older() {
    find -H "$folder" -maxdepth 1 -type f -name 'jupyterhub-????-??-??-??????.tar.gz' ! -name "${name##*/}" -printf "$1\n" | sort -r
}
# Without room for a copy like the newest and a tenth more, the disk would be full before tar says so.
need=$(older "%f %s" | awk 'NR == 1 { printf "%.0f", $2 * 1.1 }')
free=$(($(df --output=avail --block-size=1 "$folder" | tail -n 1)))
[ "${need:-0}" -lt "$free" ] || stop "A copy may need $need bytes, and $free are free."
# Users can fill /tmp. (In /run there is too little room for a large database.)
work=$(mktemp -d -p /var/cache)
trap 'rm -rf "$work" "$name.part"' EXIT
trap 'echo "backup.sh: Something has ended it." >&2; exit 1' HUP INT TERM
mkdir "$work/hub"
# SQLite copies its database itself, between two changes.
/opt/jupyterhub/bin/python - "$database" "$work/hub/jupyterhub.sqlite" <<'END' || stop "SQLite cannot copy $database."
import sqlite3, sys
source, copy = map(sqlite3.connect, sys.argv[1:])
source.backup(copy)
END
cp /etc/passwd /etc/shadow /etc/group /etc/gshadow "$work/hub"
# Of a file with holes, only what it holds is copied: a few such files could fill any disk. Status 1
# means that a file has changed while tar read it. That is normal while people work. What cannot be
# read is left out and named: otherwise one user, by such a file, could keep everybody from a copy.
# So are paths of 3000 bytes and more: from 4096 on, a copy could not be restored, and tar crashes in
# some thousand folders inside one another.
long=$(printf '%3000s*' '' | tr ' ' '?')
find "$@" -path "$long" -prune -printf '%.300p\0' 2>/dev/null | cut -z -d / -f 1,2 | uniq -z | tr '\0' '\n' >"$work/long"
status=0
LC_ALL=C tar --create --gzip --sparse --ignore-failed-read --file "$name.part" --anchored --exclude "var/lib/jupyterhub/jupyterhub.sqlite*" --exclude "$long" "$@" \
    --directory "$work" hub 2>"$work/said" || status=$?
cat "$work/said" >&2
while read -r place; do echo "backup.sh: /$place has paths of 3000 bytes or more."; done <"$work/long" >&2
[ "$status" -le 1 ] || stop "tar cannot write $name."
for path in "$@"; do
    ! grep --quiet "^tar: $path: Warning: " "$work/said" || stop "tar cannot read /$path."
done
mv "$name.part" "$name"
echo "$name"
older %p | tail -n "+$keep" | while read -r old; do
    rm "$old"
    echo "$old is deleted."
done
if grep --quiet "^tar: .*: Warning: " "$work/said" || [ -s "$work/long" ]; then
    echo "backup.sh: The copy lacks what is named above." >&2
    exit 1
fi
