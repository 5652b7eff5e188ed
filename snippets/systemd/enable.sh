#!/bin/sh
# Starts JupyterHub now and at every boot. Run as root.
set -eu
# What this file says is done as root, and it may hold secrets: root's alone, wherever it was copied from.
chown root:root /etc/jupyterhub/jupyterhub_config.py
chmod 600 /etc/jupyterhub/jupyterhub_config.py
systemctl daemon-reload
systemctl enable --now jupyterhub.service
systemctl --no-pager status jupyterhub.service
