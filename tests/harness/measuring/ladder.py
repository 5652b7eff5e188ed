"""Runs the check through a reverse proxy, step by step (in code: climbs the ladder), and records each result."""

from __future__ import annotations

import json

from tests.harness.machines import deployment
from tests.harness.manifest import MANIFEST, PUBLISHED, Files
from tests.harness.measuring import evidence

LADDER = MANIFEST["ladder"]


def climb(
    hub: deployment.Hub, proxy: str, kind: str, *options: str, files: Files = PUBLISHED, extra: dict[str, str] | None = None, **more: str
) -> list[dict]:
    """Put a proxy in front of a hub and climb with hubcheck's `options`; `more` goes to `Hub.check`.

    Returns the rungs; a failed last one has an entry "told": rung, words, cause and every machine's log. One that holds
    has an entry "proof", for the fixture `prove`.
    """
    with deployment.in_front(hub, kind, proxy, files, extra) as machine:
        rungs = hub.check(*options, **more)
        last, version = rungs[-1], evidence.reported(machine, proxy)
        if last["ok"]:
            last["proof"] = evidence.climbed(hub, proxy, kind, version, rungs)
        else:
            last["told"] = (
                f"snippets/{proxy} on {proxy} {version} ({kind}), JupyterHub {hub.version}\n{tell(last)}\n"
                f"{deployment.report(hub, proxy, machine)}"
            )
    return rungs


def tell(rung: dict) -> str:
    """A failed rung in a few lines: what was seen, the cause, and what had held before."""
    return f"{rung['rung']} fails: {rung['said']}\n{rung['cause']}\nRead {rung['page']}\n{json.dumps(rung['evidence'], indent=1)}"
