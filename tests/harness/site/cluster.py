"""The cluster of deploy/slurm.md on this machine, made by the page's own commands, for somebody to look at: `make cluster`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from bs4 import BeautifulSoup

from tests.harness.machines import deployment, engine, slurm
from tests.harness.manifest import BUILD, NEWEST_ON, VALUES
from tests.harness.site import slurm_page
from tests.harness.site.following import TABS, Pages

AUTHORITY = BUILD / "cluster.pem"
PAGE = "deploy/slurm.html"
TOLD = """
A hub and two nodes run. Ctrl-C here ends them all, and nothing is kept.

See it in Chromium, which finds the hub's name on this machine and takes its certificate:
  chromium --user-data-dir=$(mktemp -d) --ignore-certificate-errors --host-resolver-rules="MAP {host}:443 127.0.0.1:{port}" {url}
or by the check:
  curl --connect-to {host}:443:127.0.0.1:{port} --cacert {authority} {url}hub/api

{users}
A shell on a machine:
{machines}
Type squeue on the hub's machine: it shows the servers of all users, which are jobs on the nodes.
"""


def show(html: Path, say: Callable[[str], None], until: Callable[[], object]) -> None:
    """Make the cluster, say how it is reached, and keep it until `until` returns or somebody presses Ctrl-C."""
    suite, proxy = next(iter(NEWEST_ON)), "nginx"
    pages = Pages({slurm_page.PAGE: BeautifulSoup((html / PAGE).read_text("utf-8"), "html.parser")}, html)
    say("starting a hub and two nodes, and typing the commands of deploy/slurm.md there: about two minutes")
    with slurm.machines(NEWEST_ON[suite], "--publish", "127.0.0.1::443") as cluster:
        readers = slurm_page.followed(cluster, pages, TABS[proxy], lambda line: say(f"  {line}"))
        if wrong := [words for reader in readers for words in reader.wrong]:
            raise RuntimeError("\n".join(["the page's commands do not print what it says:", *wrong]))
        with deployment.in_front(cluster.hub, suite, proxy):
            AUTHORITY.parent.mkdir(exist_ok=True)
            AUTHORITY.write_bytes(deployment.authority().cert_pem.bytes())
            boxes = {"the hub": cluster.hub.machine} | cluster.nodes
            say(
                TOLD.format(
                    host=VALUES["host"],
                    port=cluster.hub.machine.port(443),
                    url=deployment.URL,
                    authority=AUTHORITY,
                    users="".join(f"user {name}, password {password}\n" for name, password in cluster.hub.passwords.items()),
                    machines="".join(f"  {engine.answering()} exec -it {box.id[:12]} bash    # {name}\n" for name, box in boxes.items()),
                )
            )
            until()


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main(html: str) -> int:
    signal.signal(signal.SIGTERM, _stop)
    try:
        with engine.running():
            engine.sweep()
            show(Path(html), lambda line: print(line, flush=True), signal.pause)
    except KeyboardInterrupt:
        print("ended: no container is left", flush=True)
    except (engine.Trouble, RuntimeError) as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
