#!/bin/sh
# Puts a copy that backup.sh has made onto a machine that has no hub. The programs are
# installed afterwards. Run as root: sh restore.sh COPY
# Files that are there already stay as they are, and are listed.
set -eu
copy=${1-}
stop() {
    echo "restore.sh: $1 Nothing was changed." >&2
    exit 1
}
[ "$(id -u)" = 0 ] || stop "Only root can do this."
[ -f "$copy" ] || stop "Name the copy: sh restore.sh COPY. There is no file \"$copy\"."
for path in /var/lib/jupyterhub/jupyterhub.sqlite /etc/jupyterhub/jupyterhub_config.py; do
    [ ! -e "$path" ] || stop "There is a hub already: $path."
done
# A copy contains a checksum, which shows whether it was cut off or damaged.
gzip --test "$copy" 2>/dev/null || stop "$copy is not whole."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
tar --extract --file "$copy" --directory "$work" hub 2>/dev/null || stop "$copy is no copy that backup.sh has made."
need=$(gzip --decompress --stdout "$copy" | wc -c)
free=$(df --output=avail --block-size=1 / /home | sort -n | tail -n 1)
[ "$need" -lt "$free" ] || stop "$copy needs $need bytes, and $free are free."

# People's accounts and groups have numbers from 1000 on. The owner of a file is stored as a number.
for file in group passwd; do
    awk -F : '$3 >= 1000 && $3 < 60000' "$work/hub/$file" >"$work/$file"
    clash=$(awk -F : 'FILENAME == ARGV[1] { number[$1] = $3; name[$3] = $1; next }
        $1 in number && number[$1] != $3 || $3 in name && name[$3] != $1 { print $1 " (" $3 ")" }' "/etc/$file" "$work/$file")
    [ -z "$clash" ] || stop "In /etc/$file, another has the name or the number of $(echo "$clash" | paste -s -d " ")."
done
add() {
    awk -F : 'FILENAME == ARGV[1] { here[$1] } FILENAME == ARGV[2] { people[$1] }
        FILENAME == ARGV[3] && $1 in people && !($1 in here)' "/etc/$1" "$work/$2" "$work/hub/$1" >"$work/new"
    cat "$work/new" >>"/etc/$1"
}
add group group
add gshadow group
add passwd passwd
add shadow passwd
tar --list --quoting-style literal --file "$copy" --anchored --exclude hub | grep -v '/$' | while read -r name; do
    [ ! -e "/$name" ] || echo "/$name is there already, and stays as it is."
done
tar --extract --file "$copy" --directory / --numeric-owner --skip-old-files --anchored --exclude hub
mv "$work/hub/jupyterhub.sqlite" /var/lib/jupyterhub
echo "The files are in their places. Now install the programs."
