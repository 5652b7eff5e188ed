#!/bin/sh
# Shows what Traefik does not accept in its files. Traefik has no command for that: it starts
# with faulty files too, and answers 404. So this script starts a second Traefik for a moment,
# with copies of the files, on unused ports, and as the user that the service runs as.
# Run as root.
set -eu
folder=$(mktemp -d /run/traefik-check.XXXXXX)
trap 'rm -rf "$folder"' EXIT
cp -R /etc/traefik/traefik.yaml /etc/traefik/sites "$folder"
sed -i "s|/etc/traefik/sites|$folder/sites|; s|/var/log/traefik/|$folder/|; s|address:.*|address: 127.0.0.1:0|; s|^log:|log:\n  level: DEBUG|" "$folder/traefik.yaml"
sed -i "s|/run/traefik/|$folder/|" "$folder"/sites/*.yaml
install -m 400 /etc/ssl/certs/hub.crt "$folder/site.crt"
install -m 400 /etc/ssl/private/hub.key "$folder/site.key"
chown -R traefik: "$folder"
setpriv --reuid traefik --regid traefik --clear-groups /opt/traefik/bin/traefik --configFile="$folder/traefik.yaml" >"$folder/said" 2>&1 &
pid=$!
# Wait for the last message about a new configuration, or until this Traefik has ended.
goes_on="kill -0 $pid && ! grep -q 'Adding route for hub.example.com' $folder/said"
timeout 10 sh -c "while $goes_on; do sleep 0.1; done" 2>/dev/null || true
kill $pid 2>/dev/null && wait $pid || true
grep -E ' ERR | FTL |command traefik error' "$folder/said" >"$folder/wrong" || true
# Traefik silently ignores a misspelt word at the left margin, and everything below it.
grep -nHE '^[^ #]' "$folder"/sites/*.yaml | grep -vE ':(http|tcp|udp|tls):' | sed 's/$/ is no word of Traefik/' >>"$folder/wrong" || true
if [ -s "$folder/wrong" ] || ! grep -q 'Adding route for hub.example.com' "$folder/said"; then
    sed "s|$folder/|/etc/traefik/|g; s|^20[^ ]* ||; s|github.com[^ ]* > ||" "$folder/wrong" >&2
    echo "Traefik does not take its files." >&2
    exit 1
fi
echo "Traefik takes its files."
