#!/bin/sh
# Has Caddy check the site, and restarts it. What is there already is looked at before
# anything is changed. Run as root.
set -eu
caddy=/opt/caddy/bin/caddy
stop() {
    echo "$* Nothing was changed." >&2
    exit 1
}
[ -x $caddy ] || stop "There is no $caddy: install it first."
# From now on Caddy reads a file of its own. Debian's, if somebody has put it to use, is theirs.
theirs=/etc/caddy/Caddyfile
if [ -s $theirs ]; then
    sum=$(md5sum <$theirs | cut -d ' ' -f 1)
    dpkg-query --show --showformat='${Conffiles}' caddy | grep -qF "$theirs $sum" ||
        stop "Somebody uses $theirs: move its sites to files such as /etc/caddy/sites/lab.caddyfile, and empty it."
fi
# Of two sites with one name Caddy takes the one that also names the port. All names are
# asked for from Caddy itself, since files include others.
if echo 'import /etc/caddy/sites/*.caddyfile' | $caddy adapt --adapter caddyfile --config /dev/stdin 2>/dev/null |
    grep -qiF '"hub.example.com"'; then
    others=$(grep -liF hub.example.com /etc/caddy/sites/*.caddyfile | paste -s -d ' ')
    stop "Another site has the name hub.example.com already: ${others:-in a file that one of /etc/caddy/sites includes}."
fi
# Two programs cannot share a port. (The kernel writes 80 as 0050, and 0A if somebody
# listens there. What caddy's user holds is the Caddy that runs.)
for port in 80 443; do
    sockets=$(awk -v port="$(printf ':%04X$' "$port")" -v ours="$(id -u caddy)" \
        '$2 ~ port && $4 == "0A" && $8 != ours { print $10 }' /proc/net/tcp*)
    for socket in $sockets; do
        process=$(find /proc/[0-9]*/fd -lname "socket:?$socket?" -printf '%h/..' -quit 2>/dev/null || true)
        program=$(cat "$process/comm" 2>/dev/null || echo unknown)
        stop "Port $port is taken by another program, $program: stop that first."
    done
done
# The group adm may read what Caddy logs, and nobody else: who was here, and their files' names.
install -d -o caddy -g adm -m 2750 /var/log/caddy
# As the user that Caddy is: as root the check finds readable what caddy cannot read, and
# makes a log that caddy cannot write to.
install -d -o caddy -g caddy -m 700 /run/caddy
install -o caddy -m 400 /etc/ssl/private/hub.key /run/caddy/site.key
said=$(runuser -u caddy -- $caddy validate --adapter caddyfile --config /etc/caddy/jupyterhub.caddyfile 2>&1) || wrong=yes
echo "$said" | grep -vE '"level":"info"|import glob pattern'
[ -z "${wrong:-}" ] || stop "Caddy does not accept the site."
# A restart, since a reload keeps the program that runs.
systemctl daemon-reload
systemctl restart caddy
