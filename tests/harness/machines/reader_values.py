"""Deployments with a reader's own values, made only from what the built site puts into the clipboard."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import PROXIES, SAVED_AS, VALUES, Files

# What builds a kernel's package lies in the image: the machine reaches no network.
OFFLINE = "PIP_NO_INDEX=1 PIP_FIND_LINKS=/root/wheels"


# What a reader may type into the form, for each of its fields another value than the example.
OWN = {
    "host": "notebooks.example.net",
    "base_url": "/teaching/",
    "hub": "127.0.0.9:432",
    "certificate": "/srv/a.crt",
    "key": "/srv/a.key",
    "kernel": "own_kernel",
}


@contextlib.contextmanager
def hub(version: str, copies: Mapping[str, str], values: Mapping[str, str]) -> Iterator[tuple[deployment.Hub, Files]]:
    """A server on which somebody followed the guide with values of their own.

    `copies` are the texts of all published files as they were copied; the image's kernel gives way to the copied one.
    """
    files = Files(dict(copies))
    with deployment.machine(version, options=deployment.named(values["host"])) as machine:
        prepared = deployment.prepare(machine, version, files, values)
        named = {name.replace(VALUES["kernel"], values["kernel"]): text for name, text in copies.items() if name.startswith("kernel/")}
        machine.sh(
            f"{deployment.PYTHON} -m pip uninstall -qq --yes {VALUES['kernel']} 2>/dev/null; "
            f"rm -r {VALUES['environment']}/share/jupyter/kernels/{VALUES['kernel']} /root/kernel"
        )
        machine.put({f"/root/{name}": text for name, text in named.items()})
        machine.sh(f"cd /root/kernel && {OFFLINE} sh install.sh")
        deployment.start(prepared, files)
        yield prepared, files


def name_alone(kind: str, proxy: str, text: str, values: Mapping[str, str]) -> str:
    """What a server of a kind answers, with a copied site and no hub behind it, to someone who asks for / of its name."""
    host = values["host"]
    with engine.run(images.server(kind).tag, options=deployment.named(host)) as machine:
        deployment.install(machine, proxy, Files({f"{proxy}/jupyterhub.conf": text}), values=values)
        asked = f"printf 'GET / HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n'"
        return machine.sh(f"{asked} | openssl s_client -quiet -connect {host}:443 -servername {host} 2>/dev/null").stdout


# One round of a server's own check for each set, which lies below /root/sets; names those that are refused, with its words.
ROUNDS = """
cd /root/sets
for set in *; do
    read -r certificate <"$set"/certificate
    read -r key <"$set"/key
    cp "$set"/site {site}
    mkdir -p "${{certificate%/*}}/" "${{key%/*}}/"
    cp {chain} "$certificate"
    cp {secret} "$key"
    {accepts} >"$set"/said 2>&1 || {{ echo "--- $set"; cat "$set"/said; }}
    rm "$certificate" "$key"
done
"""
# The certificate's own place is among those that the sets name.
CHAIN, SECRET = "/root/chain.pem", "/root/secret.pem"


def refused(kind: str, proxy: str, sites: list[tuple[str, Mapping[str, str]]]) -> str:
    """Ask a server of a kind about sites that were copied, each with its values; what it says of those that it refuses.

    Each refusal begins with "--- " and the number of the site in the list.
    """
    name = f"{proxy}/jupyterhub.conf"
    chain, key = deployment.certificate(VALUES["host"])
    put: dict[str, str | bytes] = {CHAIN: chain, SECRET: key}
    for number, (text, values) in enumerate(sites):
        put |= {f"/root/sets/{number}/site": text}
        put |= {f"/root/sets/{number}/{name}": f"{values[name]}\n" for name in ("certificate", "key")}
    with engine.run(images.server(kind).tag, options=deployment.NAMED) as machine:
        deployment.install(machine, proxy)
        machine.put(put)
        script = ROUNDS.format(site=shlex.quote(SAVED_AS[name]), accepts=PROXIES[proxy].accepts, chain=CHAIN, secret=SECRET)
        return machine.sh(script, timeout=300).stdout
