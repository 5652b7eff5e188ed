"""The cluster of deploy/slurm.md on this machine, made by the page's own commands, for somebody to look at: `make cluster`."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from bs4 import BeautifulSoup

from tests.harness.machines import deployment, engine, images, slurm
from tests.harness.manifest import BUILD, NEWEST_ON, VALUES
from tests.harness.site import slurm_page
from tests.harness.site.following import TABS, Pages

AUTHORITY = BUILD / "cluster.pem"
PAGE = "deploy/slurm.html"
# The newest Debian, with the proxy that the page is tested with there.
SUITE, PROXY = next(iter(NEWEST_ON)), next(iter(TABS))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge", "brave-browser")
TOLD = """
A hub and two nodes run. Ctrl-C here ends them, and nothing of them is kept.

1. Open the hub: in another terminal, as a user with a desktop. Chromium finds the hub's name on this machine, and takes its certificate.

  {browser} --user-data-dir="$(mktemp -d)" --ignore-certificate-errors --host-resolver-rules="MAP {host}:443 127.0.0.1:{port}" {url}

   Without a desktop:

  curl --connect-to {host}:443:127.0.0.1:{port} --cacert {authority} {url}hub/api

2. Log in as one of these:

{users}
3. Start a server, and type hostname in a terminal of JupyterLab: it is a node's name.

4. Look at the machines from another terminal. On the hub's, squeue shows users' servers as jobs; sinfo shows the nodes.

{machines}"""


def show(html: Path, say: Callable[[str], None], until: Callable[[], object]) -> None:
    """Make the cluster, say how it is reached, and keep it until `until` returns or somebody presses Ctrl-C."""
    began, kind = time.monotonic(), NEWEST_ON[SUITE]
    pages = Pages({slurm_page.PAGE: BeautifulSoup((html / PAGE).read_text("utf-8"), "html.parser")}, html)
    say("[1/4] images of the machines: the first time it takes some minutes")
    images.prepare(say, [*images.before(images.hub(kind)), images.hub(kind), images.server(SUITE)])
    images.prepare(say, [images.slurm_head(kind), images.slurm_node(kind)])
    say("[2/4] starting a hub and two nodes")
    with slurm.machines(kind, "--publish", "127.0.0.1::443") as cluster:
        say("[3/4] typing the commands of deploy/slurm.md on them")
        readers = slurm_page.followed(cluster, pages, TABS[PROXY], lambda line: say(f"  {line}"))
        if wrong := [words for reader in readers for words in reader.wrong]:
            raise RuntimeError("\n".join(["the page's commands do not print what it says:", *wrong]))
        say(f"[4/4] starting {PROXY} in front of the hub")
        with deployment.in_front(cluster.hub, SUITE, PROXY):
            AUTHORITY.parent.mkdir(exist_ok=True)
            AUTHORITY.write_bytes(deployment.authority().cert_pem.bytes())
            say(f"      ready after {time.monotonic() - began:.0f} s")
            boxes = {"the hub": cluster.hub.machine} | cluster.nodes
            say(
                TOLD.format(
                    browser=next(filter(shutil.which, BROWSERS), BROWSERS[0]),
                    host=VALUES["host"],
                    port=cluster.hub.machine.port(443),
                    url=deployment.URL,
                    authority=AUTHORITY,
                    users="".join(f"  user {name}, password {password}\n" for name, password in cluster.hub.passwords.items()),
                    machines="".join(f"  {engine.named()} exec -it {box.id[:12]} bash    # {name}\n" for name, box in boxes.items()),
                )
            )
            until()


def _stop(number: int, frame: FrameType | None) -> None:
    # Who presses it again in their impatience leaves nothing behind either.
    for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)
    print("\nending the machines", flush=True)
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0], PAGE).is_file():
        sys.exit(f"usage: python -m tests.harness.site.cluster FOLDER; FOLDER holds the {PAGE} that `make html` made")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with engine.running(lambda line: print(line, flush=True)):
            engine.sweep()
            try:
                show(Path(arguments[0]), lambda line: print(line, flush=True), signal.pause)
            finally:
                AUTHORITY.unlink(missing_ok=True)
                # What was being started just then.
                engine.sweep(mine=True)
    except KeyboardInterrupt:
        print("ended: nothing of them is left but the images, for the next time", flush=True)
    except (engine.Trouble, RuntimeError) as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
