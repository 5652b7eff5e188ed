#!/bin/sh
# Starts JupyterHub now and at every boot. It looks at what is there already before it
# changes anything. Run as root.
set -eu
# Root and every user run what these files say. So they have to belong to root,
# wherever they came from. The first may contain secrets.
config=/etc/jupyterhub/jupyterhub_config.py
server=/etc/jupyter/jupyter_server_config.py
unit=/etc/systemd/system/jupyterhub.service
slice=/etc/systemd/system/jupyter.slice
hub=127.0.0.1:800
# A service of this name may run already, from a file that was here before.
pid=$(systemctl show --property MainPID --value jupyterhub.service)
# A service that systemd is just starting has no program yet: its name is in brackets, or
# first, on Debian 13, it is that of systemd's own helper.
while grep -qs -e '^(' -e '^/usr/lib/systemd/systemd-executor' "/proc/$pid/cmdline"; do sleep 0.1; done
if [ "$pid" != 0 ] && ! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "/opt/jupyterhub/bin/jupyterhub --config $config"; then
    echo "jupyterhub.service runs already, another one: $(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2
    echo "If it is to end, stop it: systemctl stop jupyterhub.service. Nothing was changed." >&2
    exit 1
fi
# The hub's three ports. (The kernel writes 800 as 0320. 0A means that a program listens there.)
for port in "${hub##*:}" 801 881; do
    sockets=$(awk -v port="$(printf ':%04X$' "$port")" '$2 ~ port && $4 == "0A" { print $10 }' /proc/net/tcp*)
    for socket in $sockets; do
        process=$(find /proc/[0-9]*/fd -lname "socket:?$socket?" -printf '%h/..' -quit 2>/dev/null || true)
        program=$(cat "$process/comm" 2>/dev/null || echo unknown)
        if ! grep -qs jupyterhub.service "$process/cgroup"; then
            echo "Port $port is taken by another program, $program: stop that first. Nothing was changed." >&2
            exit 1
        fi
    done
done
# Limits need parts of the kernel that some machines start without: on a Raspberry Pi, the one
# for memory is missing.
for controller in cpu memory pids; do
    if ! grep -qsw $controller /sys/fs/cgroup/cgroup.controllers && ! [ -d /sys/fs/cgroup/$controller ]; then
        echo "Warning: this machine's kernel has no control groups for '$controller': users have no such limit." >&2
    fi
done
chown root:root "$config" "$server" "$unit" "$slice"
chmod 600 "$config"
chmod 644 "$server" "$unit" "$slice"
systemctl enable --now jupyterhub.service
systemctl --no-pager status jupyterhub.service
