#!/bin/sh
# Puts a copy that backup.sh has made onto a machine that has no hub. The programs are
# installed afterwards. Run as root: sh restore.sh COPY
# Files that are there already stay as they are, and are listed. If it cannot put all others in
# their places, it takes away again what it has put there.
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
# What each file system gets has to have room there. tar says at which block of 512 bytes a file
# begins in the copy, here always in English. On a disk, a file takes whole blocks of 4096 bytes.
LC_ALL=C tar --list --block-number --file "$copy" | awk -F '[ :/]+' '
    folder ~ /[a-z]/ { need[folder] += int(($2 - at + 7) / 8) * 4096 }
    { at = $2; folder = $3 == "hub" ? "var" : $3 }
    END { for (folder in need) printf "%.0f %s\n", need[folder], folder }' >"$work/need"
while read -r need folder; do
    [ -e "/$folder" ] || folder=''
    echo "$need $(df --output=avail,target --block-size=1 "/$folder" | tail -n 1)"
done <"$work/need" >"$work/room"
full=$(awk '{ need[$3] += $1; free[$3] = $2 } END {
    for (place in need) if (need[place] >= free[place])
        printf "The files for %s need %.0f bytes, and %.0f are free. ", place, need[place], free[place] }' "$work/room")
[ -z "$full" ] || stop "${full% }"

# People's accounts and groups have numbers from 1000 on. The owner of a file is stored as a number.
for file in group passwd; do
    awk -F : '$3 >= 1000 && $3 < 60000' "$work/hub/$file" >"$work/$file"
    clash=$(awk -F : 'FILENAME == ARGV[1] { number[$1] = $3; name[$3] = $1; next }
        $1 in number && number[$1] != $3 || $3 in name && name[$3] != $1 { print $1 " (" $3 ")" }' "/etc/$file" "$work/$file")
    [ -z "$clash" ] || stop "In /etc/$file, another has the name or the number of $(echo "$clash" | paste -s -d " ")."
done
add() {
    awk -F : 'FILENAME == ARGV[1] { here[$1] } FILENAME == ARGV[2] { people[$1] }
        FILENAME == ARGV[3] && $1 in people && !($1 in here)' "/etc/$1" "$work/$2" "$work/hub/$1" >"$work/$1.new"
    cp "/etc/$1" "$work/$1.was"
    cat "$work/$1.new" >>"/etc/$1"
}
tar --list --quoting-style literal --file "$copy" --anchored --exclude hub | while IFS= read -r name; do
    # Linux refuses a path of 4096 bytes or more. backup.sh copies none of 3000 or more.
    path=${name%/}
    [ ${#path} -lt 3000 ] || printf '/%.100s... is left out: its path has 3000 bytes or more.\n' "$path"
    # Root would write to where the link of a user leads.
    case $name in home/?*/ | srv/?*/) [ ! -L "/${name%/}" ] || stop "/${name%/} is a folder in the copy, and a link here." ;; esac
    if [ ! -e "/$name" ] && [ ! -L "/$name" ]; then
        echo "/$name" >>"$work/put"
    elif [ ! -d "/$name" ]; then
        echo "/$name is there already, and stays as it is."
    fi
done
echo /var/lib/jupyterhub/jupyterhub.sqlite >>"$work/put"
# Users may make such links meanwhile, too. What this runs has mounts of its own, in which no link
# below /home and /srv leads anywhere.
find -H /home /srv -maxdepth 1 -type d >"$work/folders" 2>/dev/null || true
cat >"$work/apart" <<'END'
while IFS= read -r folder; do mount --rbind --options nosymfollow "$folder" "$folder"; done <"${0%apart}folders"
exec "$@"
END
apart() {
    unshare --mount sh -e "$work/apart" "$@"
}
undo() {
    # A folder comes before its files in the list. It goes after them, if it is empty then.
    tac "$work/put" | apart xargs --delimiter '\n' rm --force --dir 2>/dev/null || true
    # An account file is cut to its former length, unless somebody else has changed it meanwhile.
    for file in group gshadow passwd shadow; do
        [ -e "$work/$file.was" ] || continue
        cat "$work/$file.was" "$work/$file.new" | cmp --silent --bytes "$(stat --format %s "/etc/$file")" - "/etc/$file" || continue
        truncate --size "<$(stat --format %s "$work/$file.was")" "/etc/$file" 2>/dev/null || true
    done
    rm -rf "$work"
    stop "Not all files could be put in their places. Those that were are taken away again."
}
trap undo EXIT
apart tar --extract --file "$copy" --directory / --numeric-owner --skip-old-files --anchored --exclude hub \
    --exclude "$(printf '%3000s*' '' | tr ' ' '?')"
mv "$work/hub/jupyterhub.sqlite" /var/lib/jupyterhub
add group group
add gshadow group
add passwd passwd
add shadow passwd
trap 'rm -rf "$work"' EXIT
echo "The files are in their places. Now install the programs."
