#!/bin/sh
# Turns a machine that has the hub's environment into a node of the cluster. Run it as root, in the folder
# that holds requirements.txt and the hub's munge.key.
set -eu
umask 022
stop() {
    echo "node.sh: $1 Nothing was changed." >&2
    exit 1
}
# A node of another cluster stays as it is.
options='"--conf-server head"'
[ ! -e /etc/slurm/slurm.conf ] || stop "this machine has a /etc/slurm/slurm.conf of its own."
case $(sed --quiet 's/^SLURMD_OPTIONS=//p' /etc/default/slurmd) in
    "$options" | '""' | '') ;;
    *) stop "slurmd has other options in /etc/default/slurmd." ;;
esac

# Slurm's programs recognise each other by this key. It is the same on all machines. A key that was there is kept beside it.
install --compare --backup=simple --suffix=.before --owner=munge --group=munge --mode=400 munge.key /etc/munge/munge.key
systemctl restart munge.service

/opt/jupyterhub/bin/pip install --no-deps --require-hashes --only-binary :all: -r requirements.txt

# The node gets its configuration from the controller. If it starts before the controller, it tries again.
echo "SLURMD_OPTIONS=$options" >/etc/default/slurmd
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
