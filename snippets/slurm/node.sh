#!/bin/sh
# Makes a machine with the environment of the hub a node of the cluster. Run it as root, in the folder that
# holds requirements.txt and the hub's munge.key.
set -eu
umask 022

# By this key, the same on all machines, Slurm's programs know each other.
install --owner=munge --group=munge --mode=400 munge.key /etc/munge/munge.key
systemctl restart munge.service

/opt/jupyterhub/bin/pip install --no-deps --require-hashes --only-binary :all: -r requirements.txt

# The configuration is the controller's. A node that starts before it tries again.
echo 'SLURMD_OPTIONS="--conf-server head"' >/etc/default/slurmd
install -d /etc/systemd/system/slurmd.service.d
# Debian 12 would start it only where it finds a configuration of the machine's own.
cat >/etc/systemd/system/slurmd.service.d/jupyter.conf <<'END'
[Unit]
ConditionPathExists=
[Service]
Restart=on-failure
RestartSec=5
END
systemctl daemon-reload
systemctl enable --quiet slurmd.service
systemctl restart slurmd.service
