"""A domain of Active Directory's kind: Debian's samba as its controller, on a machine of its own, with people and a group."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.harness.machines import deployment, engine, images

DOMAIN, SHORT, HOST = "example.com", "EXAMPLE", "dc.example.com"
ADMINISTRATOR = "Correct-horse-1"
# lena is in the group that may log in, omar is not.
PASSWORDS = {"lena": "Correct-horse-8", "omar": "Correct-horse-9"}
GROUP = "Jupyter Users"
# Files' further attributes go into a database of samba's own: a container may not write those of its disk.
MAKE = f"""samba-tool domain provision --realm={DOMAIN.upper()} --domain={SHORT} --host-name=dc --adminpass={ADMINISTRATOR} \
  --server-role=dc --dns-backend=SAMBA_INTERNAL --use-rfc2307 --option='posix:eadb=/var/lib/samba/private/eadb.tdb' \
  --option='tls keyfile=/srv/domain/key.pem' --option='tls certfile=/srv/domain/cert.pem' --option='tls cafile=/srv/domain/ca.pem' \
  --option='dns forwarder=' >/srv/domain/made 2>&1 || {{ tail -n 20 /srv/domain/made; exit 1; }}
samba-tool group add {GROUP!r}
"""
PIDS = "/run/samba/samba.pid"


@dataclass
class Domain:
    """A machine with samba."""

    machine: engine.Container

    def tool(self, *words: str) -> str:
        """What samba's own tool prints."""
        return self.machine.exec("samba-tool", *words).stdout

    def start(self, clock: str = "") -> None:
        """Have it serve names, Kerberos and LDAP; `clock` is how far it is apart, such as "+1h"."""
        apart = f"LD_PRELOAD=$(dpkg --listfiles libfaketime | grep 'libfaketime.so.1$') FAKETIME={clock}" if clock else ""
        self.machine.sh(f"{apart} samba --daemon")
        self.machine.until("for port in 53 88 389 445 636; do bash -c \"exec 3<>/dev/tcp/127.0.0.1/$port\" || exit 1; done")

    def stop(self) -> None:
        self.machine.sh(f"pid=$(cat {PIDS}); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.1; done; pkill smbd; pkill winbindd; true")


@contextlib.contextmanager
def domain(network: str) -> Iterator[Domain]:
    """A domain whose controller is `HOST`, for the length of a `with` block."""
    images.prepare(wanted=[images.domain()])
    chain, key = deployment.certificate(HOST)
    files = {"/srv/domain/ca.pem": deployment.authority().cert_pem.bytes(), "/srv/domain/cert.pem": chain, "/srv/domain/key.pem": key}
    people = "".join(f"samba-tool user create {name} {word}\n" for name, word in PASSWORDS.items())
    with engine.run(images.domain().tag, network=network, options=("--hostname", HOST)) as machine:
        machine.sh(MAKE + people + f"samba-tool group addmembers {GROUP!r} lena", files)
        made = Domain(machine)
        made.start()
        yield made
