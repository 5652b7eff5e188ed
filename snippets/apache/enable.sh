#!/bin/sh
# Enables what the site needs, checks it, and restarts Apache. It looks at what is there
# already before it changes anything. Run as root.
set -eu
# Debian's own site has no ServerName, so it takes the machine's name, and would answer for
# it on port 80 before the hub's site does. So it is disabled below. If it has a ServerName,
# it stays. If somebody already uses it, this script stops.
sites=/etc/apache2/sites-enabled
default=$(grep -sLi '^\s*ServerName' $sites/000-default.conf || true)
if [ "$default" ]; then
    sum=$(md5sum <"$default" | cut -d ' ' -f 1)
    if ! dpkg-query --show --showformat='${Conffiles}' apache2 | grep -qF "/000-default.conf $sum" ||
        diff -rq /usr/share/apache2/default-site /var/www/html | grep -qvE 'nginx-debian|well-known'; then
        echo "Somebody uses Debian's own site: $default, which has no ServerName, or /var/www/html was changed." >&2
        echo "Give it a ServerName, or disable it: a2dissite 000-default. Nothing was changed." >&2
        exit 1
    fi
fi
# If two sites have the same name, Apache serves the first that it reads, without a warning. It
# lists all names, but aliases only for a port with several sites: so each port gets one more.
# A name with a star does no harm in a file that comes after the hub's in the alphabet.
if grep -q '^<VirtualHost' /etc/apache2/sites-available/jupyterhub.conf; then
    others=$(apachectl -S -c '<VirtualHost *:80 *:443>' -c '</VirtualHost>' 2>/dev/null |
        awk -v host=hub.example.com -v ours=$sites/jupyterhub.conf -v theirs="$default:" '
        match($0, / \(.*\)/) { site = substr($0, RSTART + 2, RLENGTH - 3); $0 = substr($0, 1, RSTART - 1) }
        {
            name = tolower($NF)
            star = gsub(/[*]/, ".*", name)
            if (host !~ "^" name "$" || index(site, ours) == 1 || index(site, theirs) == 1 || site ~ /^-c/) next
            if (star && site > ours && site ~ /sites-enabled/) next
            print site
        }' | sort -u | paste -s -d ' ')
    if [ "$others" ]; then
        echo "Another site has the name hub.example.com already: $others. Nothing was changed." >&2
        exit 1
    fi
fi
# Apache chooses by address first, and by name only among sites of the same address. So a site that
# has an address of its own would get the hub's requests, unless the hub's site has it too.
if ! grep -qE '^<VirtualHost (.* )?[^*>]' /etc/apache2/sites-available/jupyterhub.conf; then
    others=$(apachectl -S 2>/dev/null | awk '
        /^[^ ]/ { own = $1 ~ /^([1-9]|\[).*:(80|443|0|[*])$/ && $1 !~ /^(127[.]0[.]0[.]1|\[::1?\]):/ }
        own && match($0, /\(\/.*\)/) { print substr($0, RSTART + 1, RLENGTH - 2) }' | sort -u | paste -s -d ' ')
    if [ "$others" ]; then
        echo "Another site has an address of its own, and would get the hub's requests: $others. Nothing was changed." >&2
        exit 1
    fi
fi
# "apachectl -t" does not compare the two, and with a key of another certificate Apache would end, with all its sites.
certificate=/etc/ssl/certs/hub.crt key=/etc/ssl/private/hub.key
certified=$(openssl x509 -noout -pubkey -in $certificate 2>/dev/null || true)
kept=$(openssl pkey -pubout -in $key -passin pass: 2>/dev/null || true)
if [ "$certified" ] && [ "$kept" ] && [ "$certified" != "$kept" ]; then
    echo "$key is not the key of $certificate. Nothing was changed." >&2
    exit 1
fi
# Two programs cannot share a port. (The kernel writes port 80 as 0050. 0A means that a
# program listens there.)
for port in 80 443; do
    sockets=$(awk -v port="$(printf ':%04X$' "$port")" '$2 ~ port && $4 == "0A" { print $10 }' /proc/net/tcp*)
    for socket in $sockets; do
        process=$(find /proc/[0-9]*/fd -lname "socket:?$socket?" -printf '%h/..' -quit 2>/dev/null || true)
        program=$(cat "$process/comm" 2>/dev/null || echo unknown)
        if [ "$program" != apache2 ]; then
            echo "Port $port is taken by another program, $program: stop that first. Nothing was changed." >&2
            exit 1
        fi
    done
done
# What is enabled now stays enabled if the fault is in somebody else's file.
site=$(ls $sites/jupyterhub.conf 2>/dev/null || true)
workers=$(ls /etc/apache2/conf-enabled/jupyterhub-workers.conf 2>/dev/null || true)
# proxy_http also enables proxy. Without it, "apachectl -t" may find no fault, and still
# every request ends in an error 500.
a2enmod --quiet ssl headers proxy_http deflate
a2enconf --quiet jupyterhub-workers
a2ensite --quiet jupyterhub
# With a site that it does not accept, Apache would not start again, for none of its sites.
if ! apachectl -t; then
    a2dissite --quiet jupyterhub
    # The fault may be in the other file, or in somebody else's.
    apachectl -t 2>/dev/null || a2disconf --quiet jupyterhub-workers
    if apachectl -t 2>/dev/null; then
        echo "Apache does not accept its files, so the hub's site is disabled. Mend them, and run this again." >&2
    else
        [ -z "$site" ] || a2ensite --quiet jupyterhub
        [ -z "$workers" ] || a2enconf --quiet jupyterhub-workers
        echo "The fault is not in the hub's files. Mend it, and run this again." >&2
    fi
    exit 1
fi
if [ "$default" ]; then
    a2dissite --quiet 000-default
    echo "Disabled 000-default. To have it back: a2ensite 000-default"
fi
# Debian's status page shows every user of this machine the requests of the moment, with
# the tokens in their addresses.
if [ -e /etc/apache2/mods-enabled/status.load ]; then
    a2dismod --quiet status
    echo "Disabled the status page. To have it back: a2enmod status"
fi
# A restart, because a reload keeps the old number of workers.
service apache2 restart
