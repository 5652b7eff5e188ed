#!/bin/sh
# Starts JupyterHub now and at every boot. Run as root.
set -eu
# What these files say is done as root or as every user: they are root's, wherever they
# came from. The first may hold secrets.
config=/etc/jupyterhub/jupyterhub_config.py
server=/etc/jupyter/jupyter_server_config.py
unit=/etc/systemd/system/jupyterhub.service
chown root:root "$config" "$server" "$unit"
chmod 600 "$config"
chmod 644 "$server" "$unit"
systemctl enable --now jupyterhub.service
systemctl --no-pager status jupyterhub.service
