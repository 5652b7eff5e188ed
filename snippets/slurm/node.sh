#!/bin/sh
# Turns a machine that has the hub's environment into a node of the cluster. Run it as root, in the folder
# that holds requirements.txt and the hub's munge.key.
set -eu
umask 022

# Slurm's programs recognise each other by this key. It is the same on all machines.
install --owner=munge --group=munge --mode=400 munge.key /etc/munge/munge.key
systemctl restart munge.service

/opt/jupyterhub/bin/pip install --no-deps --require-hashes --only-binary :all: -r requirements.txt

# The node gets its configuration from the controller. If it starts before the controller, it tries again.
echo 'SLURMD_OPTIONS="--conf-server head"' >/etc/default/slurmd
install -d /etc/systemd/system/slurmd.service.d
# Debian 12 would start slurmd only if the machine had a configuration of its own.
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
