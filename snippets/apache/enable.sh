#!/bin/sh
# Enables what the site needs, checks it, and restarts Apache. Run as root.
set -eu
# Of two sites with one name Apache serves the first in the alphabet, without a word.
if grep -q '^<VirtualHost' /etc/apache2/sites-available/jupyterhub.conf &&
    others=$(grep -RiE --exclude=jupyterhub.conf '^\s*Server(Name|Alias)\s(.*\s)?hub.example.com(:[0-9]+)?(\s|$)' /etc/apache2/*-enabled); then
    echo "Another site has the name hub.example.com already: $others. Nothing was changed." >&2
    exit 1
fi
# Two web servers cannot share a port. (The kernel writes 80 as 0050, and 0A if somebody
# listens there.)
if [ ! -e /run/apache2/apache2.pid ] && grep -qE ':0050 [0-9A-F]+:0000 0A' /proc/net/tcp*; then
    echo "Port 80 is taken by another program, such as nginx: stop that first. Nothing was changed." >&2
    exit 1
fi
# proxy_http brings proxy with it. Without it "apachectl -t" may be content, and every
# request ends in an error 500.
a2enmod --quiet ssl headers proxy_http deflate
a2enconf --quiet jupyterhub-workers
# Debian's own site has no ServerName: it takes the machine's name, and would answer
# for it on port 80 before ours does. With a name of its own it stays.
default=/etc/apache2/sites-enabled/000-default.conf
if [ -e "$default" ] && ! grep -qi '^\s*ServerName' "$default"; then
    a2dissite --quiet 000-default
    echo "Disabled 000-default. To have it back: a2ensite 000-default"
fi
# Debian's status page shows every user of this machine what is asked just now, tokens
# in addresses included.
if [ -e /etc/apache2/mods-enabled/status.load ]; then
    a2dismod --quiet status
    echo "Disabled the status page. To have it back: a2enmod status"
fi
a2ensite --quiet jupyterhub
apachectl -t
# A restart, since a reload keeps the old number of workers.
service apache2 restart
