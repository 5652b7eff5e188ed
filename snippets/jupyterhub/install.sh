#!/bin/sh
# Installs JupyterHub into /opt/jupyterhub. Run it as root, in the folder that holds requirements.txt.
set -eu

apt-get update
apt-get install -y --no-install-recommends python3 python3-venv

python3 -m venv /opt/jupyterhub
/opt/jupyterhub/bin/pip install -r requirements.txt

# JupyterHub starts this proxy itself: it routes each user to their own server.
# npm and the proxy are Node.js programs, found through the environment's own PATH.
PATH="/opt/jupyterhub/bin:$PATH"
npm install --global --prefix /opt/jupyterhub configurable-http-proxy@5.3.0

# Members of this group may log in to the hub.
groupadd --force jupyterhub
install -d /etc/jupyterhub /etc/jupyter
