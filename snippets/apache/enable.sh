#!/bin/sh
# Enables what the site needs, checks it, and restarts Apache. Run as root.
set -eu
# proxy_http brings proxy with it. Without it "apachectl -t" may be content, and every
# request ends in an error 500.
a2enmod --quiet ssl headers proxy_http deflate
a2enconf --quiet jupyterhub-workers
# Debian's own site has no ServerName: it takes the machine's name, and would answer
# for it on port 80 before ours does.
a2dissite --quiet 000-default
a2ensite --quiet jupyterhub
apachectl -t
# A restart, since a reload keeps the old number of workers.
service apache2 restart
