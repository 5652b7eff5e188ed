"""A bare, booted Debian server as a reader has it: it can install from Debian, PyPI and npm, and has a certificate for its name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import VALUES

# Where Debian looks for further certificate authorities.
AUTHORITY = "/usr/local/share/ca-certificates/campus.crt"


@contextlib.contextmanager
def machine(suite: str, values: Mapping[str, str] = VALUES) -> Iterator[engine.Container]:
    """A booted server of a Debian suite. It has what the guide's first page asks for, a host name, a certificate and its key, and no more.

    Its users' browsers and programs trust the certificate's authority. The key is as it came from elsewhere: everybody can read it.
    """
    chain, key = deployment.certificate(values["host"])
    files = {AUTHORITY: deployment.authority().cert_pem.bytes(), values["certificate"]: chain, values["key"]: key}
    with engine.run(images.bare(suite).tag, network="bridge", options=deployment.named(values["host"]), boot=True) as booted:
        booted.sh(f"update-ca-certificates >/dev/null 2>&1; chmod 644 {values['key']}", files)
        yield booted
