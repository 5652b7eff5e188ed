"""Faults of troubleshooting/ on a booted server that was set up by the guide, with systemd."""

from __future__ import annotations

from tests.harness.machines import deployment, engine
from tests.harness.machines.faults import SERVICE
from tests.harness.manifest import CONFIG, PUBLISHED, SAVED_AS, VALUES, Files

# The first command that a page has typed when a new certificate and its key are in place.
COMPARES = "diff <(openssl x509 -noout -pubkey -in {certificate}) <(openssl pkey -pubout -in {key})".format_map(VALUES)
RELOAD = {"nginx": "nginx -t && nginx -s reload", "apache": "apachectl -t && systemctl reload apache2"}
# Apache reads its files some time after systemctl has come back, and ends if the next fault is in them by then.
RESUMED = "grep -c 'resuming normal operations' /var/log/apache2/error.log"
WAITS = f"for _ in $(seq 150); do [ $({RESUMED}) -gt $before ] && break; sleep 0.2; done; [ $({RESUMED}) -gt $before ]"
READ_ANEW = RELOAD | {"apache": f"before=$({RESUMED} || true); {RELOAD['apache']} && {WAITS}"}
# What takes a hub's new configuration, or its unit's: it may not come up.
RESTART = "systemctl daemon-reload; systemctl restart jupyterhub.service"


# Who has the faults of accounts.
WHOSE = "mallory"
SCRIPT = "/root/entry.sh"
ONES = f"env PATH={VALUES['environment']}/bin:$PATH sh {SCRIPT}"


def make(machine: engine.Container, proxy: str, files: Files, script: str = "", certificate: tuple[bytes, bytes] | None = None) -> None:
    """Make a fault: put the broken files in place, and a certificate and its key, run a script, and have all of it read anew."""
    put: dict[str, str | bytes] = {SAVED_AS[name]: files.read(name) for name in files.altered if name in SAVED_AS}
    if certificate:
        put |= dict(zip((VALUES["certificate"], VALUES["key"]), certificate, strict=True))
    account = f"usermod --login {WHOSE} {WHOSE.title()}; id {WHOSE} || useradd --create-home --groups jupyterhub {WHOSE}"
    again = RESTART if script or _of_the_hub(files) else ""
    machine.sh(f"{account}; cd /root; {ONES}\n{again}\n{READ_ANEW[proxy]} || true", put | {SCRIPT: script}, check=False)


def mend(machine: engine.Container, files: Files, script: str = "", certificate: bool = False) -> None:
    """What the cure's text says: the published files, a good certificate, or a script. Nothing is made to read it."""
    put: dict[str, str | bytes] = {SAVED_AS[name]: PUBLISHED.read(name) for name in files.altered if name in SAVED_AS}
    if certificate:
        put |= dict(zip((VALUES["certificate"], VALUES["key"]), deployment.certificate(VALUES["host"]), strict=True))
    # systemd may have ended already what a script ends.
    machine.sh(f"cd /root; {ONES}", put | {SCRIPT: script}, check=False)


def settle(machine: engine.Container, proxy: str, files: Files, script: str = "") -> None:
    """Have the hub and the reverse proxy read what is there now; `script` made the fault."""
    service, again = SERVICE[proxy], RESTART if script or _of_the_hub(files) else ""
    machine.sh(
        f"{again}\nsystemctl is-active {service} || systemctl start {service}\n{READ_ANEW[proxy]}",
        {SAVED_AS[CONFIG]: PUBLISHED.read(CONFIG)},
    )


def _of_the_hub(files: Files) -> bool:
    return any(name.startswith(("jupyterhub/", "systemd/")) for name in files.altered)
