#!/bin/sh
# Starts JupyterHub now and at every boot. Run as root.
set -eu
systemctl daemon-reload
systemctl enable --now jupyterhub.service
systemctl --no-pager status jupyterhub.service
