#!/bin/sh
# Makes room for many users, checks the configuration, then makes the running nginx read
# it. Run as root.
set -eu
# Of two sites with one name nginx serves the first that it reads, and only warns.
if nginx -t 2>&1 | grep -qF 'conflicting server name "hub.example.com"'; then
    others=$(grep -Rls --exclude=jupyterhub.conf hub.example.com /etc/nginx/*-enabled /etc/nginx/conf.d || true)
    echo "Another site has the name hub.example.com already: $others. Nothing was changed." >&2
    exit 1
fi
if [ ! -s /run/nginx.pid ]; then
    echo "nginx is not running. Does another program have port 80, such as Apache? Nothing was changed." >&2
    exit 1
fi
# Debian's nginx.conf gives each of nginx's workers 768 connections. A WebSocket takes
# two, and each connection takes a file descriptor. Both lines are for every site.
conf=/etc/nginx/nginx.conf
[ -e "$conf.before-jupyterhub" ] || cp --preserve "$conf" "$conf.before-jupyterhub"
sed -i 's/worker_connections 768;/worker_connections 8192;/' "$conf"
grep -q worker_rlimit_nofile "$conf" || sed -i '1i worker_rlimit_nofile 16384;' "$conf"
cmp --silent "$conf.before-jupyterhub" "$conf" ||
    echo "Changed $conf; as it was: $conf.before-jupyterhub"
nginx -t
# nginx lets everybody read a log that it makes: who was here, and their files' names.
chown root:adm /var/log/nginx/jupyterhub.log
chmod 640 /var/log/nginx/jupyterhub.log
nginx -s reload
