# /etc/jupyterhub/jupyterhub_config.py
import asyncio
import ipaddress
import os
import pwd
import re
import sys
import time

from jupyterhub.apihandlers import users
from systemdspawner import SystemdSpawner
from tornado.httpserver import HTTPServer

c = get_config()

# The address behind the reverse proxy and the path under which users see the hub, in
# one option. With base_url alone, the hub would listen on every interface, in plain
# HTTP, and anyone could avoid the reverse proxy and its TLS.
c.JupyterHub.bind_url = "http://127.0.0.1:800/jupyter/"

# With True, the hub, its own proxy and users' servers check each other's certificates. Each
# start of a server and each request then takes longer.
c.JupyterHub.internal_ssl = False
c.JupyterHub.trusted_alt_names = ["DNS:hub.example.com"]
scheme = "https" if c.JupyterHub.internal_ssl else "http"

# At these two addresses, the hub, its own proxy and users' servers talk to each other. The hub's
# three ports are below 1024, which only root may take. While the hub restarts, any user could
# take a higher port, and would be sent everybody's passwords.
c.JupyterHub.hub_bind_url = f"{scheme}://127.0.0.1:881"
c.ConfigurableHTTPProxy.api_url = f"{scheme}://127.0.0.1:801"

# The hub waits two minutes for the rest of a request. By itself it would wait for ever, also after the client has
# gone, and anybody could take up all of its connections. Users' servers, which get uploads, wait longer.
HTTPServer.configure(None, body_timeout=120)

# Users' servers tell the hub when they were last used. If a user sent a megabyte in the place of a time, the hub
# would read it for seconds, and do nothing else.
read_time = users._parse_timestamp
users._parse_timestamp = lambda time: read_time(time[:99] if isinstance(time, str) else time)

# JupyterHub 5 and later let nobody log in until you say who may. Members of this Unix
# group may. To add alice:
#   sudo usermod --append --groups jupyterhub alice
c.PAMAuthenticator.allowed_groups = {"jupyterhub"}

# When the hub stops, users' servers and their kernels go on. It finds them again when it
# is back, so nobody loses a variable in a restart.
c.JupyterHub.cleanup_servers = False

# Every ten minutes, servers that nobody has used for six hours are stopped. After a start of the hub,
# the first ten minutes are for servers to tell it what they did while it was down. (Without the
# trap, a hub that stops would wait for the sleep.)
culler = f"{sys.executable} -m jupyterhub_idle_culler --timeout=21600 --cull-every=600"
culler += f" --ssl-enabled={c.JupyterHub.internal_ssl}"
wait = "trap 'kill $! 2>/dev/null; exit' INT TERM; sleep 600 & wait"
c.JupyterHub.services = [{"name": "idle-culler", "command": ["/bin/sh", "-c", f"{wait}; exec {culler}"]}]
# All that this service may do.
scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
c.JupyterHub.load_roles = [{"name": "idle-culler", "services": ["idle-culler"], "scopes": scopes}]

# leave.sh, with which root locks somebody out, may make the hub forget users, and nothing else.
c.JupyterHub.services.append({"name": "leave"})
c.JupyterHub.load_roles.append({"name": "leave", "services": ["leave"], "scopes": ["delete:users"]})


class UnitSpawner(SystemdSpawner):
    """Has systemd run each server as a unit of its own: jupyter-alice, or jupyter-alice_2fexam for alice's server "exam"."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # A character that a unit's name cannot contain is written as its code, and so is the dot of a kind of
        # unit: the server of a user alice.service would be that of alice.
        names = f"{self.user.name}/{self.name}".removesuffix("/")
        kinds = "automount|device|mount|path|scope|service|slice|socket|swap|target|timer"
        self.unit_name = "jupyter-" + re.sub(f"[^a-z0-9.-]|[.](?=({kinds})$)", lambda letter: "_" + letter[0].encode().hex(), names)
        # Each user's servers have a loopback address of their own. The hub's own proxy keeps its connections, and uses
        # them again for whoever listens at the same address and port. With one address for everybody, a program that
        # has kept the other end of a connection would in time be sent the requests and cookies of another user.
        self.ip = str(ipaddress.ip_address("127.1.0.0") + self.user.id)
        self.ssl_alt_names = [*self.trusted_alt_names, f"IP:{self.ip}"]

    async def start(self):
        """Return once the server listens: the hub, which looks next, looks again up to five seconds later."""
        # The hub writes the server's secrets as root into the first of these folders, and systemd gives both to the
        # user. In a folder that the user gets to, a link could lead the hub elsewhere, and files could fill /run, which
        # all programs share. So the first one is in a folder of root's, which the hub's umask keeps shut. With
        # internal_ssl, the second one has the certificate.
        folders = f"jupyterhub-servers/{self.unit_name}" + f" {self.unit_name}" * self.internal_ssl
        self.unit_extra_properties = self.unit_extra_properties | {"RuntimeDirectory": folders}
        address, until = await super().start(), time.monotonic() + self.http_timeout
        while await self.poll() is None and time.monotonic() < until:
            try:
                (await asyncio.open_connection(*address))[1].close()
                break
            except OSError:
                await asyncio.sleep(0.5)
        return address

    async def move_certs(self, paths):
        """Has systemd put the unit's certificate and key into the unit's own folder, for its user's eyes alone."""
        folder, user = f"/run/{self.unit_name}", pwd.getpwnam(self.user.name)
        # The paths contain the user's name. In a name from a directory, systemd could find a quote or a variable.
        safe = [re.sub(r'[\\"]', r"\\\g<0>", os.path.abspath(path)).replace("$", "$$") for path in paths.values()]
        files = " ".join(f'"{path}"' for path in safe)
        copy = f"+/usr/bin/install --owner={user.pw_uid} --mode=400 --target-directory={folder} {files}"
        self.unit_extra_properties = self.unit_extra_properties | {"ExecStartPre": copy}
        return {name: f"{folder}/{os.path.basename(path)}" for name, path in paths.items()}


c.JupyterHub.spawner_class = UnitSpawner

# What one user may take: memory, for the server and all its kernels; and processes and threads,
# below. A kernel that takes more memory is killed. Processors are shared evenly, but only while
# somebody else needs them too.
c.Spawner.mem_limit = "2G"
# For all users together, /etc/systemd/system/jupyter.slice keeps some of the machine for the rest.
c.SystemdSpawner.slice = "jupyter.slice"

# Servers and kernels find their programs here.
c.SystemdSpawner.extra_paths = ["/opt/jupyterhub/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin"]
# What servers, kernels and terminals may not do. They inherit nothing from the hub's unit.
c.SystemdSpawner.isolate_devices = True  # no disks, no cameras; nor graphics cards
c.SystemdSpawner.isolate_tmp = True  # a /tmp of its own
c.SystemdSpawner.unit_extra_properties = {
    "TasksMax": "512",
    "CPUWeight": "100",
    # Shared memory counts as the user's memory, and is freed when the server ends.
    "TemporaryFileSystem": "/dev/shm:mode=1777,size=1G",
    "RemoveIPC": "yes",
    # Servers have a journal of their own, so endless output pushes nothing out of the machine's journal.
    "LogNamespace": "jupyter",
    # If the machine runs out of memory, servers and kernels are killed first, not the hub or
    # the web server.
    "OOMScoreAdjust": "500",
    # If a server is stopped, and what it started has not ended after these seconds, it is killed.
    "TimeoutStopSec": "15",
    # No capabilities of root, and no program can give more: sudo and su fail in terminals.
    "CapabilityBoundingSet": "",
    # /usr, /etc and /boot are read-only, and so are the hub's own programs. Only their owner
    # can read new files.
    "ProtectSystem": "full",
    "ReadOnlyPaths": "/opt/jupyterhub",
    "UMask": "0077",
    # Users see their own processes, and nobody else's.
    "ProtectProc": "invisible",
    # Only the administrator may change the machine's settings.
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    # Only the system calls that servers need, not those of debuggers and containers. Memory
    # that is written and then executed stays allowed: Node.js needs it.
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
    "SystemCallErrorNumber": "EPERM",
}

# Users' servers get a short environment, and nothing of the hub's own.
# For a kernel outside /opt/jupyterhub, /usr/local and /usr, name its data directory:
# c.Spawner.environment = {"JUPYTER_PATH": "/opt/kernels/share/jupyter"}
