"""Other web sites: a stand-in for calysto.github.io, and a site that has nothing to do with the hub."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.harness.machines import deployment, engine, images

CALYSTO, UNRELATED = "calysto.github.io", "unrelated.example"
PAGES = "/srv/unrelated"  # what lies here, the unrelated site shows


@contextlib.contextmanager
def outside(network: str) -> Iterator[engine.Container]:
    """A web server on a network, for the names CALYSTO and UNRELATED; only who is told its address reaches it by name."""
    with engine.run(images.blocks().tag, network=network) as machine:
        chain, key = deployment.certificate(CALYSTO, UNRELATED)
        machine.put({"/etc/ssl/certs/outside.crt": chain, "/etc/ssl/private/outside.key": key})
        machine.exec("nginx")
        yield machine


def known(machine: engine.Container) -> dict[str, str]:
    """The names of that web server, each with its address."""
    return dict.fromkeys((CALYSTO, UNRELATED), machine.address())


# Where Debian's machines have an authority of their own.
AUTHORITY = "/usr/local/share/ca-certificates/tests.crt"
# Shell commands by which a machine trusts the tests' authority no longer, and again.
DISTRUST = f"mv {AUTHORITY} /root/tests.crt && update-ca-certificates --fresh"
TRUST_AGAIN = f"mv /root/tests.crt {AUTHORITY} && update-ca-certificates"


def trust(machine: engine.Container) -> None:
    """Let a machine trust the tests' authority, as it trusts those of the real web."""
    machine.put({AUTHORITY: deployment.authority().cert_pem.bytes()})
    machine.exec("update-ca-certificates")
