#!/bin/sh
# Shows what Traefik does not accept in its files. Traefik has no command for that: it starts
# with faulty files too, and answers 404. So this script starts a second Traefik for a moment,
# with copies of the files, on unused ports, and as the user that the service runs as.
# Run as root.
set -eu
refuse() {
    echo "Traefik does not take its files." >&2
    exit 1
}
# With env: setpriv itself could still start a program that is closed to that user.
as_traefik="setpriv --reuid traefik --regid traefik --clear-groups env"
# The copies would hide whether that user can read the files. Traefik ignores those with another ending.
$as_traefik grep -Rc '' --include '*.yaml' --include '*.yml' --include '*.toml' /etc/traefik/traefik.yaml /etc/traefik/sites >/dev/null || refuse
folder=$(mktemp -d /run/traefik-check.XXXXXX)
# This one stays root's: in the other, the user traefik could put a link, and root would follow it.
ours=$(mktemp -d /run/traefik-check.XXXXXX)
end() {
    kill ${pid:-} 2>/dev/null && wait $pid || true
    rm -rf "$folder" "$ours"
}
trap end EXIT
# Without this line, nothing is cleaned up after Ctrl+C.
trap 'exit 1' HUP INT TERM
cp -R /etc/traefik/traefik.yaml /etc/traefik/sites "$folder"
sed -i "s|/etc/traefik/sites|$folder/sites|; s|/var/log/traefik/|$folder/|; s|address:.*|address: 127.0.0.1:0|; s|^log:|log:\n  level: DEBUG|" "$folder/traefik.yaml"
sed -i "s|/run/traefik/|$folder/|" "$folder"/sites/*.yaml
install -m 400 /etc/ssl/certs/hub.crt "$folder/site.crt"
install -m 400 /etc/ssl/private/hub.key "$folder/site.key"
chown -R traefik: "$folder"
$as_traefik /opt/traefik/bin/traefik --configFile="$folder/traefik.yaml" >"$ours/said" 2>&1 &
pid=$!
# Wait for the last message about a new configuration, or until this Traefik has ended.
goes_on="kill -0 $pid && ! grep -q 'Adding route for hub.example.com' $ours/said"
timeout --foreground 10 sh -c "while $goes_on; do sleep 0.1; done" 2>/dev/null || true
grep -E ' ERR | FTL |command traefik error' "$ours/said" >"$ours/wrong" || true
# Traefik silently ignores a misspelt word at the left margin, and everything below it.
grep -nHE '^[^ #]' /etc/traefik/sites/*.yaml | grep -vE ':(http|tcp|udp|tls):' | sed 's/$/ is no word of Traefik/' >>"$ours/wrong" || true
if [ -s "$ours/wrong" ] || ! grep -q 'Adding route for hub.example.com' "$ours/said"; then
    # If Traefik could not even start, none of these words is there.
    [ -s "$ours/wrong" ] || cp "$ours/said" "$ours/wrong"
    sed "s|$folder/|/etc/traefik/|g; s|^20[^ ]* ||; s|github.com[^ ]* > ||" "$ours/wrong" >&2
    refuse
fi
echo "Traefik takes its files."
