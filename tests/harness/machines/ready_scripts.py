"""JupyterLab's scripts, sent by the reverse proxy itself as in deploy/faster.md: its line in the site, and the files that it needs."""

from __future__ import annotations

import base64
import functools
import io
import tarfile

from tests.harness.machines import engine, images
from tests.harness.manifest import PUBLISHED, SAVED_AS, VALUES, Files

READY = f"{VALUES['environment']}/share/ready"
# What the page has its reader write, and the line of the published site after which it stands.
LINE = {"nginx": "include /etc/nginx/jupyterhub.d/*.conf;", "apache": "IncludeOptional /etc/apache2/jupyterhub.d/*.conf"}
AFTER = {"nginx": "    listen [::]:443 ssl;\n", "apache": "<VirtualHost *:443>\n"}
# What the page has its reader switch on.
NEEDS = {"nginx": "true", "apache": "a2enmod --quiet rewrite"}


def site(proxy: str, files: Files = PUBLISHED) -> Files:
    """The published site with the line that the page has its reader write."""
    return files.replace(f"{proxy}/jupyterhub.conf", AFTER[proxy], f"{AFTER[proxy]}    {LINE[proxy]}\n")


@functools.cache
def _compressed() -> bytes:
    """A tar of what snippets/faster/compress.sh makes, on a machine like the hub's."""
    images.prepare(wanted=[images.faster()])
    with engine.run(images.faster().tag) as machine:
        machine.sh("sh /root/compress.sh", {"/root/compress.sh": PUBLISHED.read("faster/compress.sh")}, timeout=300)
        return base64.b64decode(machine.sh(f"tar -c {READY} | base64", timeout=60).stdout)


def place(machine: engine.Container, proxy: str) -> None:
    """Put the page's files on a reverse proxy's machine that has no hub, and switch on what they need."""
    part = f"faster/{proxy}-static.conf"
    with tarfile.open(fileobj=io.BytesIO(_compressed())) as scripts:
        files = {f"/{member.name}": scripts.extractfile(member).read() for member in scripts if member.isfile()}  # type: ignore[union-attr]
    machine.sh(NEEDS[proxy], files | {SAVED_AS[part]: PUBLISHED.read(part)})
