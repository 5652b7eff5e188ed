# /etc/jupyterhub/jupyterhub_config.py
import os
import pwd
import subprocess

from jupyterhub.spawner import LocalProcessSpawner

c = get_config()

# The address behind the reverse proxy and the path under which users see the hub, in
# one option. With base_url alone the hub would listen on every interface, in plain
# HTTP, past the proxy's TLS.
c.JupyterHub.bind_url = "http://127.0.0.1:800/jupyter/"

# With True, the hub, its own proxy and users' servers prove to each other by certificates who
# they are. Each start of a server and each request then takes longer.
c.JupyterHub.internal_ssl = False
c.JupyterHub.trusted_alt_names = ["DNS:hub.example.com"]
scheme = "https" if c.JupyterHub.internal_ssl else "http"

# By these two the hub, its own proxy and users' servers speak with each other. All three
# ports are below 1024, which only root may take. While the hub restarts, any user could
# take a higher one, and be handed everybody's passwords.
c.JupyterHub.hub_bind_url = f"{scheme}://127.0.0.1:881"
c.ConfigurableHTTPProxy.api_url = f"{scheme}://127.0.0.1:801"

# JupyterHub 5 and later let nobody in until you say who may. Members of this Unix
# group may:
#   sudo usermod --append --groups jupyterhub alice
c.PAMAuthenticator.allowed_groups = {"jupyterhub"}

# A hub that ends leaves users' servers and their kernels running, and finds them again
# when it is back: a restart costs nobody a variable.
c.JupyterHub.cleanup_servers = False


class LastingSpawner(LocalProcessSpawner):
    """Starts users' servers, and believes in a saved process number only if it is the user's.

    The hub ends a server that does not answer. After the machine was restarted, the number
    may be any program's, and the hub, being root, could end that one.
    """

    def load_state(self, state):
        super().load_state(state)
        try:
            own = os.stat(f"/proc/{self.pid}").st_uid == pwd.getpwnam(self.user.name).pw_uid
        except (FileNotFoundError, KeyError):  # no such program any more, or no such user
            own = False
        if not own:
            self.pid = 0

    async def move_certs(self, paths):
        """Puts a server's certificate and key into the user's home; as the user, since root may not write there."""
        user = pwd.getpwnam(self.user.name)
        command = ["sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1"', "sh"]
        moved = {name: f"{user.pw_dir}/.jupyterhub/{os.path.basename(path)}" for name, path in paths.items()}
        for name, path in paths.items():
            with open(path, "rb") as file:
                rights = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "umask": 0o077}
                subprocess.run([*command, moved[name]], stdin=file, check=True, **rights)
        return moved


c.JupyterHub.spawner_class = LastingSpawner

# Users' servers get a short environment: of the hub's own only PATH, the language and
# little more.
# For a kernel outside /opt/jupyterhub, /usr/local and /usr, name its data directory:
# c.Spawner.environment = {"JUPYTER_PATH": "/opt/kernels/share/jupyter"}
