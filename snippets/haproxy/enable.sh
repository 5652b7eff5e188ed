#!/bin/sh
# Puts the key beside the certificate, checks the configuration, then makes HAProxy read
# it. It looks at what is there already before it changes anything. Run as root.
set -eu
first=/etc/haproxy/haproxy.cfg
site=/etc/haproxy/jupyterhub.cfg
link=/etc/haproxy/jupyterhub.crt
for file in "$link" "$link.key"; do
    if [ -e "$file" ] && [ ! -L "$file" ]; then
        echo "$file is there already, and is no link: move it away. Nothing was changed." >&2
        exit 1
    fi
done
# jupyterhub.conf makes HAProxy read the site. A line CONFIG= elsewhere would overrule it.
systemctl daemon-reload
if ! systemctl show --property Environment haproxy | grep -qF "$site"; then
    echo "jupyterhub.conf is not in /etc/systemd/system/haproxy.service.d. Nothing was changed." >&2
    exit 1
fi
if grep -sq '^\s*CONFIG=' /etc/default/haproxy; then
    echo "/etc/default/haproxy has a line CONFIG=: put a # before it. Nothing was changed." >&2
    exit 1
fi
# Two sites of HAProxy may share a port, and each connection goes to one of them by chance.
others=$(awk '$1 == "bind" && $2 ~ /:(80|443)(,|$)/ { print FILENAME ":" FNR }' "$first" | paste -s -d ' ')
if [ "$others" ]; then
    echo "Another site of HAProxy has port 80 or 443: $others. Nothing was changed." >&2
    exit 1
fi
# Two programs cannot share a port. (The kernel writes 80 as 0050, and 0A for "in use".)
process=/proc/$(systemctl show --property MainPID --value haproxy)
running=$({ tr '\0' ' ' <"$process/cmdline" | grep -F " $site "; } 2>/dev/null || true)
for port in 80 443; do
    [ "$running" ] && break
    sockets=$(awk -v port="$(printf ':%04X$' "$port")" '$2 ~ port && $4 == "0A" { print $10 }' /proc/net/tcp*)
    for socket in $sockets; do
        process=$(find /proc/[0-9]*/fd -lname "socket:?$socket?" -printf '%h/..' -quit 2>/dev/null || true)
        program=$(cat "$process/comm" 2>/dev/null || echo unknown)
        echo "Port $port is taken by another program, $program: stop that first. Nothing was changed." >&2
        exit 1
    done
done
sum=$(md5sum <"$first" | cut -d ' ' -f 1)
if ! dpkg-query --show --showformat='${Conffiles}' haproxy | grep -qF "$first $sum"; then
    echo "Somebody has changed $first. It stays as it is; what it says below \"global\" holds for this site too."
fi
ln -sf /etc/ssl/certs/hub.crt "$link"
ln -sf /etc/ssl/private/hub.key "$link.key"
haproxy -c -V -f "$first" -f "$site"
# A reload keeps WebSockets, but also the list of files with which HAProxy was started.
if [ "$running" ]; then
    systemctl reload haproxy
else
    systemctl restart haproxy
fi
