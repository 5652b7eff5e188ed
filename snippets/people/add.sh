#!/bin/sh
# Makes an account for each name in a file that has one name a line, and a first password for
# each, which its user has to change. It checks all names before it changes anything. Run as
# root: sh add.sh names.txt passwords.txt
set -eu
# Members of this group may log in to the hub.
group=jupyterhub
# All that an account can do by SSH: change its password.
shell=/usr/bin/passwd
stop() {
    echo "add.sh: $1 Nothing was changed." >&2
    exit 1
}
[ $# = 2 ] || stop "usage: sh add.sh names.txt passwords.txt."
[ "$(id -u)" = 0 ] || stop "only root can do this. Run sudo -i first."
list=$1 passwords=$2
[ -f "$list" ] || stop "there is no file $list."
[ ! -e "$passwords" ] || stop "$passwords is there already, and may hold passwords. Name another file."
getent group "$group" >/dev/null || stop "the group $group does not exist. Install JupyterHub first."

# A list from Windows may have marks at its beginning and at the ends of its lines.
names=$(sed '1s/^\xef\xbb\xbf//; s/^[[:space:]]*//; s/[[:space:]]*$//; /^$/d' "$list")
[ -n "$names" ] || stop "$list holds no name."
homes=$(useradd --defaults | sed -n 's/^HOME=//p')
wrong=''
problem() {
    echo "add.sh: $1" >&2
    wrong=yes
}
while read -r name; do
    case $name in
        *[A-Z]*) problem "$name: write it in lower case. JupyterHub makes names lower case, and then finds no such account." ;;
        [!a-z]* | *[!a-z0-9._-]*) problem "$name: a name begins with a letter; letters from a to z, digits, dots, - and _ may follow." ;;
        ?????????????????????????????????*) problem "$name: a name has at most 32 letters." ;;
        *)
            if id "$name" >/dev/null 2>&1; then
                problem "$name: there is an account of this name."
            elif getent group "$name" >/dev/null; then
                problem "$name: there is a group of this name."
            elif [ -e "$homes/$name" ]; then
                problem "$name: $homes/$name is there already, from an account that is gone. Move it away."
            fi
    esac
done <<END
$names
END
for name in $(echo "$names" | sort | uniq --repeated); do
    problem "$name: it is in the list more than once."
done
[ -z "$wrong" ] || stop "$list needs another look."

made=''
undo() {
    for name in $made; do
        userdel --remove "$name" 2>/dev/null || true
    done
    rm -f "$passwords"
    stop "stopped, and took back what it had made."
}
trap undo EXIT
trap 'exit 1' HUP INT TERM
umask 077
for name in $names; do
    # No letters and digits that look alike.
    echo "$name:$(tr -dc 'a-km-np-z2-9' </dev/urandom | head -c 12)"
done >"$passwords"
for name in $names; do
    made="$made $name"
    useradd --create-home --key HOME_MODE=0700 --shell "$shell" --groups "$group" "$name"
done
chpasswd <"$passwords"
for name in $names; do
    chage --lastday 0 "$name"
done
trap - EXIT
echo "add.sh: made $(echo "$names" | wc -l) accounts. Their first passwords are in $passwords, for root's eyes only."
