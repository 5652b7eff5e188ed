#!/bin/sh
# Makes the image of users' servers from what is installed on the hub's machine. Run it as root, in
# the folder that holds Dockerfile, and again whenever /opt/jupyterhub or /etc/jupyter has changed,
# and once a month, for Debian's security updates.
set -eu
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
# Docker gets these files and no others. Without --no-cache, it would take Debian's packages from the
# last time, and no update would reach the image.
tar --create Dockerfile --directory=/ opt/jupyterhub etc/jupyter |
    docker build --quiet --no-cache --tag jupyter-user --build-arg "RELEASE=$release" -
# Deletes the former image, unless a server still runs from it.
docker image prune --force --filter label=jupyter-user
