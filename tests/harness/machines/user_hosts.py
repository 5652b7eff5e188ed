"""A host name for each user, as deploy/user-hosts.md has its reader make it: names, certificate, the site, and the hub's own lines."""

from __future__ import annotations

from tests.harness.machines import deployment, differences, engine
from tests.harness.manifest import EVERY_PROXY, SAVED_AS, VALUES, Files

HOST, BASE = VALUES["host"], VALUES["base_url"]
HOSTS = SAVED_AS["hosts/hosts.py"]


def home(user: str) -> str:
    """The address of a user's server."""
    return f"https://{user}.{HOST}{BASE}user/{user}/"


def files(proxy: str) -> Files:
    """The published site of a reverse proxy with the published difference. Raises `Stale` if it does not fit."""
    name = EVERY_PROXY[proxy].site_file
    return Files({name: differences.changed(name, f"hosts/{proxy}.diff")})


def certificate(*names: str) -> dict[str, str | bytes]:
    """The files of a certificate for the hub's name, and for others (path: content)."""
    chain, key = deployment.certificate(HOST, *names)
    return {VALUES["certificate"]: chain, VALUES["key"]: key}


def known(machine: engine.Container, *users: str) -> None:
    """Let a machine that is the hub's own know users' names, as an entry in the DNS would."""
    machine.sh(f"echo '127.0.1.1 {' '.join(f'{user}.{HOST}' for user in users)}' >>/etc/hosts")
