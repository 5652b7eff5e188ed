#!/bin/sh
# Installs a kernel from PyPI for every user of the hub: sh add.sh PACKAGE NAME
# Run it as root, in the folder that holds requirements.txt. NAME is what the kernel is called in the list of kernels.
set -eu

if [ $# -ne 2 ] || [ ! -e requirements.txt ]; then
    echo "Usage: sh add.sh PACKAGE NAME, in the folder that holds requirements.txt. Nothing was installed." >&2
    exit 2
fi

# Users' servers read what this script writes.
umask 022

package=$1
name=$2
bin=/opt/jupyterhub/bin
spec=/opt/jupyterhub/share/jupyter/kernels/$name/kernel.json

# The hub's packages keep their releases. If the kernel needs another one, pip says which, and installs nothing.
held=$(mktemp)
trap 'rm -f "$held"' EXIT
"$bin/pip" list --format freeze >"$held"
"$bin/pip" install --constraint "$held" --constraint requirements.txt "$package"

# Some packages bring their kernelspec along. The module that runs a kernel has its package's name and can write it too.
[ -e "$spec" ] || "$bin/python" -m "$(echo "$package" | tr - _)" install --sys-prefix

# A module that cannot write its own kernelspec may have written another one, so the list shows what there is.
"$bin/jupyter" kernelspec list
if [ ! -e "$spec" ]; then
    echo "add.sh: the list has no kernel of the name $name. If the package calls its kernel otherwise, use that name." >&2
    exit 1
fi
