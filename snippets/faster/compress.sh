#!/bin/sh
# Compresses the scripts of JupyterLab and Notebook 7 once, as much as possible, for the
# reverse proxy to send. Run it as root, and again after each upgrade of JupyterLab. Until
# you do, users' servers send the new scripts.
set -eu
umask 022
environment=/opt/jupyterhub
ready=$environment/share/ready
stop() {
    echo "compress.sh: $1 Nothing was changed." >&2
    exit 1
}
[ "$(id -u)" = 0 ] || stop "Only root can do this."
command -v brotli >/dev/null || stop "brotli is missing: apt install brotli."
exec 9<"$environment"
flock --nonblock 9 || stop "It runs already."

# Deletes what an interrupted run has left. The folder in use is changed at the end, all at once.
rm -rf "$ready.new" "$ready.old"
# With -I, Python takes nothing of this name from the current folder, which may be a user's.
notebook=$("$environment/bin/python" -I -c 'import importlib.util as u; print(u.find_spec("notebook").submodule_search_locations[0])')
for of in "lab $environment/share/jupyter/lab/static" "notebook $notebook/static"; do
    folder=$ready.new/${of%% *}
    mkdir -p "$folder"
    # Only names that contain a hash of the file's content: such a name never means another
    # content, today or after an upgrade.
    find "${of#* }/" -maxdepth 1 -type f -regextype posix-extended -regex '.*/[a-z0-9_-]+\.[0-9a-f]{16}\.js' \
        -exec cp --no-preserve=all --target-directory "$folder" {} +
    [ "$(ls "$folder")" ] || stop "No scripts are in ${of#* }."
done
find "$ready.new" -name '*.js' -print0 | xargs -0 -P "$(nproc)" -n 16 gzip --best --keep --no-name
# brotli deletes what it has compressed.
find "$ready.new" -name '*.js' -print0 | xargs -0 -P "$(nproc)" -n 16 brotli --best --rm

[ ! -e "$ready" ] || mv "$ready" "$ready.old"
mv "$ready.new" "$ready"
rm -rf "$ready.old"
echo "$(find "$ready" -name '*.br' | wc -l) scripts are in $ready"
