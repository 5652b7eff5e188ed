#!/bin/sh
# Has Caddy check the site, and restarts Caddy. It looks at what is there already before
# it changes anything. Run as root.
set -eu
caddy=/opt/caddy/bin/caddy
stop() {
    echo "$* Nothing was changed." >&2
    exit 1
}
[ -x $caddy ] || stop "There is no $caddy: install it first."
# From now on Caddy reads another file than Debian's. If somebody uses Debian's, this stops.
theirs=/etc/caddy/Caddyfile
if [ -s $theirs ]; then
    sum=$(md5sum <$theirs | cut -d ' ' -f 1)
    dpkg-query --show --showformat='${Conffiles}' caddy | grep -qF "$theirs $sum" ||
        stop "Somebody uses $theirs: move its sites to files such as /etc/caddy/sites/lab.caddyfile, and empty it."
fi
# Caddy itself lists all sites, because files can include others, and use parts of the hub's own file.
# The hub's own site has another name here, so that it is told from them.
sites() {
    sed 's/hub.example.com/hub.invalid/g' /etc/caddy/jupyterhub.caddyfile | $caddy adapt --adapter caddyfile --config /dev/stdin 2>/dev/null
}
# If two sites have the same name, Caddy takes the one that also names the port.
if sites | grep -qiF '"hub.example.com"'; then
    others=$(grep -liF hub.example.com /etc/caddy/sites/*.caddyfile | paste -s -d ' ')
    stop "Another site has the name hub.example.com already: ${others:-in a file that one of /etc/caddy/sites includes}."
fi
# "auto_https off" is for every site. One without a line "tls" has no certificate then. One without
# an address http:// has nothing on port 80, and its visitors are sent to the hub.
lacking=$(sites | /opt/caddy/bin/python -I -c '
import json, sys
servers = json.loads(sys.stdin.read() or "{}").get("apps", {}).get("http", {}).get("servers", {}).values()
def names(port): return {name for server in servers if server["listen"][0].endswith(port)
for route in server["routes"] for match in route.get("match", []) for name in match.get("host", [])}
tls = {name for server in servers for policy in server.get("tls_connection_policies", [])
for name in policy.get("match", {}).get("sni", [])}
print(*sorted(names(":443") - (names(":80") & tls) - {"hub.invalid"}))
')
[ -z "$lacking" ] || stop "These sites need a line tls and a block for http://: $lacking."
# Two programs cannot share a port. (The kernel writes port 80 as 0050. 0A means that a program
# listens there. If its user is caddy, it is the Caddy that runs already.)
for port in 80 443; do
    sockets=$(awk -v port="$(printf ':%04X$' "$port")" -v ours="$(id -u caddy)" \
        '$2 ~ port && $4 == "0A" && $8 != ours { print $10 }' /proc/net/tcp*)
    for socket in $sockets; do
        process=$(find /proc/[0-9]*/fd -lname "socket:?$socket?" -printf '%h/..' -quit 2>/dev/null || true)
        program=$(cat "$process/comm" 2>/dev/null || echo unknown)
        stop "Port $port is taken by another program, $program: stop that first."
    done
done
# Only the group adm may read Caddy's logs. They show who was here, and the names of their files.
install -d -o caddy -g adm -m 2750 /var/log/caddy
# The check runs as the user caddy. As root it could read files that caddy cannot read, and
# would make a log that caddy cannot write to. With -T, root follows no link that caddy made there.
install -d -o caddy -g caddy -m 700 /run/caddy
install -T -o caddy -m 400 /etc/ssl/certs/hub.crt /run/caddy/site.crt
install -T -o caddy -m 400 /etc/ssl/private/hub.key /run/caddy/site.key
said=$(runuser -u caddy -- $caddy validate --adapter caddyfile --config /etc/caddy/jupyterhub.caddyfile 2>&1) || wrong=yes
echo "$said" | grep -vE '"level":"info"|import glob pattern'
[ -z "${wrong:-}" ] || stop "Caddy does not accept the site."
# A restart, because a reload keeps the old program running.
systemctl daemon-reload
systemctl restart caddy
