# What a machine is made of, for tests.harness.machines.picture: records of kind, name and facts with tabs between them, each of
# which ends in a NUL. Debian's own programs are enough for it, since a bare machine has no Python.
# It stays on one file system and follows no link. Its arguments are paths that are left out, with all below them.
set -eu
export LC_ALL=C
left_out() { for path; do printf ' -path %s -prune -o' "$path"; done; }
skip=$(left_out "$@")
records() { while IFS= read -r line; do printf '%s\t%s\0' "$1" "$line"; done; }

find / -xdev $skip -printf 'file\t%p\t%M %u:%g %l\0'
find / -xdev $skip -type f -print0 | xargs -0 sha256sum --zero | sed -z 's/^\(.\{64\}\)  \(.*\)/content\t\2\t\1/'
# Which package a file came with: of that, its record is the package's.
for list in /var/lib/dpkg/info/*.list; do
    name=${list##*/}
    name=${name%.list}
    sed "s|\$|\t${name%%:*}|" "$list"
done | records 'file of'
dpkg-query --show --showformat '${Package}\t${db:Status-Abbrev}${Version}\n' | records package
systemctl list-unit-files --no-legend --plain --full | awk '{ print $1 "\t" $2 }' | records 'unit file'
systemctl list-units --all --state=active,activating,failed --type=service,socket,timer --no-legend --plain --full |
    awk '{ print $1 "\t" $3 }' | records unit
getent passwd | sed 's/:/\t/' | records user
getent group | sed 's/:/\t/' | records group
awk '$4 == "0A" { print $2 }' /proc/net/tcp /proc/net/tcp6 | records 'listening address'
# But for what root has typed on a terminal, and this script itself.
ps -e --no-headers --format sid,tty,user:40,args |
    awk -v own="$(ps --no-headers --format sid $$)" '$1 != own + 0 && !($2 != "?" && $3 == "root") { $1 = $2 = ""; print substr($0, 3) }' |
    records program
