#!/bin/sh
# Sets up the hub from the folder in which this file lies: checks the machine, copies the
# files to their places, then shows and runs the guide's own commands. Run as root. If it
# stops, run it again: every step may be repeated.
set -eu
user=alice dry='' proxy=''
while [ $# -gt 0 ]; do
    case $1 in
        nginx) proxy=nginx other=apache service=nginx ;;
        apache) proxy=apache other=nginx service=apache2 ;;
        --user) user=${2-} && [ $# = 1 ] || shift ;;
        --dry-run) dry=yes ;;
        *) proxy='' && break ;;
    esac
    shift
done
case $user in
    '' | -*) proxy='' ;;
    *[!a-z0-9._-]*) echo "setup.sh: $user: a user's name has small letters, digits, dots, - and _ alone." >&2 && exit 1 ;;
esac
if [ -z "$proxy" ]; then
    echo "usage: sh setup.sh nginx|apache [--user alice] [--dry-run]" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "setup.sh: only root can do this. Run sudo -i first." >&2
    exit 1
fi
# After a plain "su", root still has the user's PATH.
PATH=$PATH:/usr/sbin
exec 9</root
if ! flock --nonblock 9; then
    echo "setup.sh: it is running already. Wait until it has ended." >&2
    exit 1
fi
cd "$(dirname "$0")"
here=$PWD
# An older download may hold another address.
echo "The hub's address: https://hub.example.com/jupyter/"

# 1. Is everything as it has to be? All problems are shown at once.
wrong=''
problem() {
    echo "setup.sh: $1" >&2
    wrong=yes
}
if ! grep -qx ID=debian /etc/os-release || ! grep -qxE 'VERSION_ID="(12|13)"' /etc/os-release; then
    problem "Debian 12 or 13 is needed, and this is $(sed -n 's/^PRETTY_NAME=//p' /etc/os-release)."
fi
[ -d /run/systemd/system ] || problem "systemd is not running, and it has to start the hub."
[ "$(df --output=avail --block-size=1M /opt | tail -n 1)" -ge 2000 ] || problem "less than 2 GB are free below /opt."

certificate=/etc/ssl/certs/hub.crt key=/etc/ssl/private/hub.key
if ! command -v openssl >/dev/null; then
    problem "the program openssl is missing: apt-get install openssl"
elif ! [ -f "$certificate" ] || ! [ -f "$key" ]; then
    problem "the certificate $certificate or its key $key is missing."
elif ! public=$(openssl x509 -in "$certificate" -noout -pubkey 2>/dev/null); then
    problem "$certificate holds no certificate."
else
    [ "$(openssl pkey -in "$key" -pubout -passin pass: 2>/dev/null)" = "$public" ] ||
        problem "$key is not the key of $certificate, or has a password."
    openssl x509 -in "$certificate" -noout -checkhost hub.example.com | grep -q 'does match' ||
        problem "$certificate is for another name than hub.example.com."
    openssl x509 -in "$certificate" -noout -checkend 0 >/dev/null || problem "$certificate has expired."
fi

addresses=$(getent ahosts hub.example.com | cut -d ' ' -f 1 | sort -u)
own="127[.].*|::1|$(hostname --all-ip-addresses | sed 's/ *$//; s/ /|/g')"
if [ -z "$addresses" ]; then
    problem "hub.example.com leads nowhere: give the name an address in the DNS first."
elif ! echo "$addresses" | grep -qxE "$own"; then
    echo "setup.sh: warning: hub.example.com leads to $(echo "$addresses" | paste -s -d " "), which is not an address of this machine." >&2
fi

# The service that will use a port may be using it already.
port() {
    taken=$(ss -Hltnp "sport = :$1" | head -n 1)
    [ -z "$taken" ] && return
    pid=$(echo "$taken" | sed -n 's/.*pid=\([0-9]*\).*/\1/p')
    grep -q "/$2.service" "/proc/$pid/cgroup" 2>/dev/null ||
        problem "port $1 is taken by another program: $(echo "$taken" | sed 's/.*users://')"
}
hub=127.0.0.1:800
if command -v ss >/dev/null; then
    for number in 80 443; do port "$number" "$service"; done
    for number in "${hub#*:}" 801 881; do port "$number" jupyterhub; done
else
    problem "the program ss is missing: apt-get install iproute2"
fi

# At the hub's login page, everybody could guess the password of root or of a service.
[ "$(id -u "$user" 2>/dev/null || echo 1000)" -ge 1000 ] ||
    problem "$user is an account of the system. Name another one with --user, or leave --user out."

# What this script left unfinished, it deletes below; not a hub that somebody has finished by hand since.
if [ -e half-installed ] && { systemctl --quiet is-active jupyterhub.service || systemctl --quiet is-enabled jupyterhub.service; }; then
    problem "a set-up was interrupted here, and jupyterhub.service was set up later. If the hub works, delete $here/half-installed. If not, run: systemctl disable --now jupyterhub.service"
fi
# Another guide's hub may be there too. Its packages would be replaced.
[ ! -e /opt/jupyterhub ] || [ -e /root/jupyterhub/install.sh ] ||
    problem "/opt/jupyterhub is there already, and not by this guide. Move it away, if you do not need it."
[ -e root/check/hubcheck.py ] || problem "the files are not beside $here/setup.sh: unpack the whole archive."
# A file that differs is somebody's own, unless this script has copied it, or was copying it
# when it was interrupted.
files=$(find etc root -type f ! -path "etc/$other*" ! -path "root/$other/*" ! -path "root/people/*" ! -path "root/course/*" ! -path "root/care/*" ! -name "*.in" | sort)
for file in $files; do
    if [ -e "/$file" ] && ! cmp -s "$file" "/$file" &&
        ! grep -qsxF "$(sha256sum "/$file")" copied && ! grep -qsxF "/$file" copying; then
        problem "/$file is there already, with other content. Move it away, if you do not need it."
    fi
done
sites=$(grep -RlsiE '^[^#]*\b(server_name|Server(Name|Alias))\s(.*\s)?hub.example.com(:[0-9]+)?(\s|;|$)' \
    /etc/nginx/*-enabled /etc/nginx/conf.d /etc/apache2/*-enabled |
    grep -vxE '/etc/(nginx/conf.d|apache2/sites-enabled)/jupyterhub.conf' | paste -s -d ' ')
[ -z "$sites" ] || problem "another site has the name hub.example.com already: $sites"
if [ -n "$wrong" ]; then
    echo "setup.sh: nothing was changed." >&2
    exit 1
fi

# 2. The commands. Each is shown before it runs.
run() {
    echo "# $1"
    if [ -z "$dry" ] && ! sh -ec "$1"; then
        echo "setup.sh: stopped at the command: $1" >&2
        echo "setup.sh: when its cause is mended, run setup.sh again." >&2
        exit 1
    fi
}
# In case somebody pressed Ctrl-C while a package was being installed.
[ -z "$(dpkg --audit)" ] || run "dpkg --configure --pending"
run "apt-get update"
run "apt-get install --yes $service"

echo "# cd $here"
[ -n "$dry" ] || echo "$files" | xargs sha256sum | sed 's|  |  /|' >>copied
for file in $files; do
    [ -n "$dry" ] || echo "/$file" >copying
    run "install -D --mode 644 $file /$file"
done
[ -n "$dry" ] || rm copying

# If an installation was interrupted, it begins anew: pip would think that it is complete.
[ ! -e half-installed ] || run "rm -rf /opt/jupyterhub"
[ -n "$dry" ] || [ -e /opt/jupyterhub ] || touch half-installed
run "cd /root/jupyterhub && sh install.sh"
run "cd /root/kernel && sh install.sh"
run "cd /root/jigsaw && sh install.sh"
[ -n "$dry" ] || rm -f half-installed

# An account that was there before keeps its password.
if id "$user" >/dev/null 2>&1 && [ ! -e "new-account-$user" ]; then
    run "usermod --append --groups jupyterhub $user"
else
    [ -n "$dry" ] || touch "new-account-$user"
    id "$user" >/dev/null 2>&1 || run "useradd --create-home --shell /bin/bash --groups jupyterhub $user"
    run "passwd $user"
    [ -n "$dry" ] || rm "new-account-$user"
fi

run "chown root:root $key"
run "chmod 600 $key"
# A hub that is running already has to read the new files.
before=$(systemctl is-active jupyterhub.service || true)
run "cd /root/systemd && sh enable.sh"
[ "$before" != active ] || run "systemctl restart jupyterhub.service"
run "cd /root/$proxy && sh enable.sh"

# The hub takes some seconds to start.
health="import urllib.request; urllib.request.urlopen('http://127.0.0.1:800/jupyter/hub/health')"
for _ in $(seq 30); do
    if [ -n "$dry" ] || /opt/jupyterhub/bin/python -c "$health" 2>/dev/null; then break; fi
    sleep 1
done
run "cd /root/check && /opt/jupyterhub/bin/python hubcheck.py https://hub.example.com/jupyter/ --user $user"
