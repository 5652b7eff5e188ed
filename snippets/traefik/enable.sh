#!/bin/sh
# Checks the files, then starts Traefik, now and at every boot. It looks at what is there
# already before it changes anything. Run as root.
set -eu
sites=/etc/traefik/sites
# If two sites have the same name and path, Traefik serves the one with the longer rule,
# without a warning.
others=$(grep -rliF hub.example.com $sites --include='*.yaml' --include='*.yml' --include='*.toml' | grep -vxF $sites/jupyterhub.yaml | paste -s -d ' ')
if [ "$others" ]; then
    echo "Another site has the name hub.example.com already: $others. Nothing was changed." >&2
    exit 1
fi
# A service of this name may run already, from a file that was here before.
pid=$(systemctl show --property MainPID --value traefik.service)
ours="/opt/traefik/bin/traefik --configFile=/etc/traefik/traefik.yaml"
if [ "$pid" != 0 ] && ! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$ours"; then
    echo "traefik.service runs already, another one: $(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2
    echo "If it is to end, stop it: systemctl stop traefik.service. Nothing was changed." >&2
    exit 1
fi
# Two programs cannot share a port. (The kernel writes port 80 as 0050. 0A means that a
# program listens there; the eighth word is its user.)
for port in 80 443; do
    sockets=$(awk -v port="$(printf ':%04X$' "$port")" -v own="$(id -u traefik)" \
        '$2 ~ port && $4 == "0A" && $8 != own { print $10 }' /proc/net/tcp*)
    for socket in $sockets; do
        process=$(find /proc/[0-9]*/fd -lname "socket:?$socket?" -printf '%h/..' -quit 2>/dev/null || true)
        program=$(cat "$process/comm" 2>/dev/null || echo unknown)
        echo "Port $port is taken by another program, $program: stop that first. Nothing was changed." >&2
        exit 1
    done
done
sh "$(dirname "$0")/check.sh"
systemctl enable --quiet traefik.service
# A restart, because a reload does not read traefik.yaml.
systemctl restart traefik.service
# Traefik says that it has started before it has read the sites. Wait until it answers.
perl -MIO::Socket::INET -e '$SIG{PIPE} = "IGNORE"; for (1 .. 100) { $s = IO::Socket::INET->new("127.0.0.1:80")
    and print $s "GET / HTTP/1.0\r\n\r\n" and <$s> =~ / 301 / and exit; select undef, undef, undef, 0.1 }
    die "Traefik does not answer on port 80. See why: journalctl --unit traefik\n"'
systemctl --no-pager --lines 0 status traefik.service
