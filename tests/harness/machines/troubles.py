"""Faults of the atlas on a booted server that somebody set up by the guide, where systemd runs the hub and a reverse proxy."""

from __future__ import annotations

from tests.harness.machines import deployment, engine
from tests.harness.machines.faults import SERVICE
from tests.harness.manifest import PUBLISHED, SAVED_AS, VALUES, Files

# The first command by which a page has a reverse proxy read its files anew.
RELOADS = ["nginx -t && nginx -s reload", "apachectl -t"]
RELOAD = {"nginx": "nginx -t && nginx -s reload", "apache": "apachectl -t && systemctl reload apache2"}
# What takes a hub's new configuration, or its unit's: it may not come up.
RESTART = "systemctl daemon-reload; systemctl restart jupyterhub.service"


def make(machine: engine.Container, proxy: str, files: Files, script: str = "", certificate: tuple[bytes, bytes] | None = None) -> None:
    """Make a fault: put the broken files in place, and a certificate and its key, run a script, and have all of it read anew."""
    put: dict[str, str | bytes] = {SAVED_AS[name]: files.read(name) for name in files.altered if name in SAVED_AS}
    if certificate:
        put |= dict(zip((VALUES["certificate"], VALUES["key"]), certificate, strict=True))
    machine.sh(f"{_run(script)} {RESTART if _of_the_hub(files) else ''}\n{RELOAD[proxy]} || true", put, check=False)


def mend(machine: engine.Container, files: Files, script: str = "", certificate: bool = False) -> None:
    """What the cure's text says: the published files, a good certificate, or a script. Nothing is made to read it."""
    put: dict[str, str | bytes] = {SAVED_AS[name]: PUBLISHED.read(name) for name in files.altered if name in SAVED_AS}
    if certificate:
        put |= dict(zip((VALUES["certificate"], VALUES["key"]), deployment.certificate(VALUES["host"]), strict=True))
    machine.sh(f"{_run(script)} true", put)


def settle(machine: engine.Container, proxy: str, files: Files) -> None:
    """Have the hub and the reverse proxy read what is there now."""
    service, again = SERVICE[proxy], RESTART if _of_the_hub(files) else ""
    machine.sh(f"{again}\nsystemctl is-active {service} || systemctl start {service}\n{RELOAD[proxy]}")


def _run(script: str) -> str:
    """An entry's script, as an administrator runs it who has the hub's programs in the PATH."""
    return f"cd /root && (PATH={VALUES['environment']}/bin:$PATH; export PATH\n{script}\n);" if script else ""


def _of_the_hub(files: Files) -> bool:
    return any(name.startswith(("jupyterhub/", "systemd/")) for name in files.altered)
