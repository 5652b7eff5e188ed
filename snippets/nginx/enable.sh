#!/bin/sh
# Makes room for many users, checks the configuration, then makes the running nginx read
# it. It looks at what is there already before it changes anything. Run as root.
set -eu
# Of files that nginx does not accept, it says nothing more, and the rest would find nothing.
if ! said=$(nginx -t 2>&1); then
    echo "$said" >&2
    echo "nginx does not accept its files. Nothing was changed." >&2
    exit 1
fi
# If two sites have the same name, nginx serves the first that it reads, and only warns.
if echo "$said" | grep -qF 'conflicting server name "hub.example.com"'; then
    others=$(nginx -T 2>/dev/null | awk -v host=hub.example.com -v ours=/etc/nginx/conf.d/jupyterhub.conf: '
        /^# configuration file / { file = $4 }
        index(tolower($0), host) && file != ours { print substr(file, 1, length(file) - 1) }' | sort -u | paste -s -d ' ')
    echo "Another site has the name hub.example.com already: $others. Nothing was changed." >&2
    exit 1
fi
# nginx chooses by address first, and by name only among sites of the same address. So a site that
# has an address of its own would get the hub's requests, unless the hub's site has it too.
others=$(nginx -T 2>/dev/null | awk -v ours=/etc/nginx/conf.d/jupyterhub.conf: '
    /^# configuration file / { file = $4 }
    match($0, /^[^#]*listen[ \t]+/) {
        split(substr($0, RLENGTH + 1), words, /[ \t;]/)
        if (words[1] ~ /^([0-9]+[.][0-9.]+|\[.*\])(:80|:443)?$/ && words[1] !~ /^(0[.]0|127[.]0[.]0[.]1|\[::1?\])/) sites[file]
    }
    END { if (!(ours in sites)) for (file in sites) print substr(file, 1, length(file) - 1) }' | sort | paste -s -d ' ')
if [ "$others" ]; then
    echo "Another site has an address of its own, and would get the hub's requests: $others. Nothing was changed." >&2
    exit 1
fi
# Two programs cannot share a port. A running nginx says only in its log that it did not get
# one. (The kernel writes port 80 as 0050. 0A means that a program listens there.)
for port in $(nginx -T 2>/dev/null | sed -nE 's/^\s*listen\s+(\S*:)?([0-9]+)[ ;].*/\2/p' | sort -u); do
    sockets=$(awk -v port="$(printf ':%04X$' "$port")" '$2 ~ port && $4 == "0A" { print $10 }' /proc/net/tcp*)
    for socket in $sockets; do
        process=$(find /proc/[0-9]*/fd -lname "socket:?$socket?" -printf '%h/..' -quit 2>/dev/null || true)
        program=$(cat "$process/comm" 2>/dev/null || echo unknown)
        if [ "$program" != nginx ]; then
            echo "Port $port is taken by another program, $program: stop that first. Nothing was changed." >&2
            exit 1
        fi
    done
done
if [ ! -s /run/nginx.pid ]; then
    echo "nginx is not running: start it with systemctl start nginx. Nothing was changed." >&2
    exit 1
fi
# Debian's nginx.conf gives each of nginx's workers 768 connections. A WebSocket takes
# two, and each connection takes a file descriptor. Both lines are for every site. If another
# file names a number of descriptors, that one stays. nginx tries a copy first.
conf=/etc/nginx/nginx.conf
new=$(mktemp "$conf.XXXXXX")
trap 'rm -f "$new"' EXIT
cp --preserve "$conf" "$new"
sed -i 's/worker_connections 768;/worker_connections 8192;/' "$new"
nginx -T 2>/dev/null | grep -q '^[^#]*worker_rlimit_nofile' || sed -i '1i worker_rlimit_nofile 16384;' "$new"
if ! said=$(nginx -t -c "$new" 2>&1); then
    echo "$said" >&2
    echo "nginx does not accept its files. Nothing was changed." >&2
    exit 1
fi
[ -e "$conf.before-jupyterhub" ] || cp --preserve "$conf" "$conf.before-jupyterhub"
mv "$new" "$conf"
cmp --silent "$conf.before-jupyterhub" "$conf" ||
    echo "Changed $conf; as it was: $conf.before-jupyterhub"
nginx -t
# nginx lets everybody read a new log. It shows who was here, and the names of their files.
chown root:adm /var/log/nginx/jupyterhub.log
chmod 640 /var/log/nginx/jupyterhub.log
nginx -s reload
