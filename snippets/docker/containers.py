# /etc/jupyterhub/containers.py
# Users' servers run in Docker's containers. The last line of jupyterhub_config.py reads this file.
import asyncio
import ipaddress
import os
import pwd
import time

from docker.errors import APIError, DockerException
from dockerspawner import DockerSpawner
from tornado import web

c = get_config()

# Containers reach the hub at this address, which this machine has on their network. With 127.0.0.1,
# each container would look for the hub inside itself.
MACHINE = "10.123.0.1"
c.JupyterHub.hub_bind_url = f"http://{MACHINE}:881"
c.DockerSpawner.network_name = "jupyter"


class NotStarted(web.HTTPError):
    """Its words reach the user: of other errors, JupyterHub would tell nothing."""

    def __init__(self, words):
        super().__init__(500, words)
        self.jupyterhub_message = words


class HomeSpawner(DockerSpawner):
    """Starts each server as its user, in a container that has this user's home folder and nobody else's."""

    # Each start makes a new container, so none keeps an old address, image or limit. The old one
    # stays until then: docker logs jupyter-alice still shows why it ended.
    will_resume = False

    def get_env(self):
        user = pwd.getpwnam(self.user.name)
        # Docker looks the home up in the container's /etc/passwd, which has no users of a directory. SHELL is the
        # shell of terminals: without it they get one in which you cannot edit a line.
        return {"HOME": user.pw_dir, "USER": user.pw_name, "SHELL": "/bin/bash"} | super().get_env()

    async def create_object(self):
        user = pwd.getpwnam(self.user.name)
        groups = [str(number) for number in os.getgrouplist(user.pw_name, user.pw_gid)]
        # DockerSpawner replaces what is in braces. In a home from a directory, braces are only braces.
        home = user.pw_dir.replace("{", "{{").replace("}", "}}")
        # Each server has an address of its own. Otherwise Docker would give the address of a container that has
        # ended to the next one, while the hub, until it notices, goes on sending it what is for the first.
        address = str(ipaddress.ip_address(MACHINE) + self.orm_spawner.id)
        own = {"EndpointsConfig": {self.network_name: {"IPAMConfig": {"IPv4Address": address}}}}
        self.extra_create_kwargs = {"user": f"{user.pw_uid}:{user.pw_gid}", "working_dir": home, "networking_config": own}
        # If the home is missing, a volume would create it as root's. A mount does not.
        self.mounts = [{"type": "bind", "source": home, "target": home}]
        self.extra_host_config |= {"group_add": groups, "memswap_limit": self.mem_limit}
        return await super().create_object()

    async def start(self):
        try:
            if await self.get_object():
                await self.stop_object()
                await self.remove_object()
            address = await super().start()
            until = time.monotonic() + self.http_timeout
            while time.monotonic() < until:
                if await self.poll() is not None:
                    said = await self.docker("logs", self.container_id, tail=20)
                    self.log.warning("%s ended. It said last:\n%s", self.container_name, said.decode(errors="replace"))
                    raise NotStarted(f"Container {self.container_name} ended at once: docker logs {self.container_name} says why.")
                try:
                    (await asyncio.wait_for(asyncio.open_connection(*address), 2))[1].close()
                    break
                except OSError:
                    await asyncio.sleep(0.5)
            return address
        except APIError as error:
            raise NotStarted(f"Docker says: {error.explanation}") from error
        except (DockerException, OSError) as error:
            self.log.warning("Docker does not answer: %s", error)
            raise NotStarted("Docker does not answer.") from error


c.JupyterHub.spawner_class = HomeSpawner

# image.sh makes this image. It is in no registry.
c.DockerSpawner.image = "jupyter-user"
c.DockerSpawner.pull_policy = "never"
# New files are their user's alone, as with UnitSpawner.
c.DockerSpawner.cmd = ["sh", "-c", 'umask 077; exec "$0" "$@"', "/opt/jupyterhub/bin/jupyterhub-singleuser"]
# In these files, programs look up the names that belong to the numbers of users and groups.
c.DockerSpawner.read_only_volumes = {"/etc/passwd": "/etc/passwd", "/etc/group": "/etc/group"}

# What one user may take. The memory is c.Spawner.mem_limit, as without Docker. Processors are
# shared evenly.
c.DockerSpawner.extra_host_config = {
    "pids_limit": 512,
    "shm_size": "1g",
    # If the machine runs out of memory, servers and kernels are killed first.
    "oom_score_adj": 500,
    # Users can fill the disk only with files in their home. What is in /tmp counts as memory.
    "read_only": True,
    "tmpfs": {"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=1g"},
    "log_config": {"type": "json-file", "config": {"max-size": "10m"}},
    # No capabilities of root, and no program can give more.
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    # Ends processes that a kernel has left behind.
    "init": True,
}
