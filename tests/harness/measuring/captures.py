"""Records what each entry of troubleshooting/ shows, and good deployments: python -m tests.harness.measuring.captures [NAME...]

Without names everything, else the named entries, and "good" for the good deployments; what is not named stays as it was. The
file is written after each, so that what was cut off goes on by naming the rest.
"""

from __future__ import annotations

import json
import lzma
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.harness.machines import engine, images
from tests.harness.manifest import PROXIES, ROOT
from tests.harness.measuring import atlas

FILE = ROOT / "tests/troubleshooting/captured.json.xz"
GOOD = "good"
# How far a user goes in each good deployment; each of these has a hub behind each reverse proxy.
CLIMBED = ("server_spawns", "upload_lands", "blocks_shown")


@cache
def captured() -> dict[str, dict[str, str]]:
    """What was seen, by "ENTRY PROXY": {place: text}. A good deployment's entry is "good-RUNG"."""
    return json.loads(lzma.decompress(FILE.read_bytes())) if FILE.exists() else {}


def keep(name: str, places: dict[str, str]) -> None:
    """Put one capture into the file, or what is seen now in its place."""
    captured.cache_clear()
    known = captured() | {name: {place: text for place, text in places.items() if text.strip()}}
    held = json.dumps(dict(sorted(known.items())), ensure_ascii=False, indent=0)
    FILE.write_bytes(lzma.compress(held.encode("utf-8", "replace"), preset=9 | lzma.PRESET_EXTREME))
    captured.cache_clear()


def good(folder: Path, rung: str) -> atlas.Entry:
    """An entry without a fault, in a folder of its own."""
    made = folder / f"{GOOD}-{rung}"
    made.mkdir()
    (made / "index.md").write_text(f"---\nrung: {rung}\n---\n", "utf-8")
    return atlas.Entry(made)


def record(stage: atlas.Stage, entry: atlas.Entry, proxy: str) -> str:
    """Keep what an entry shows; whether it broke, in words."""
    expected = entry.expected(proxy) if (entry.folder / "symptom.txt").exists() else None
    try:
        seen = atlas.reproduce(stage, entry, proxy, expected)
    except (atlas.Unfixed, RuntimeError) as error:
        return f"not kept: {error}"
    if expected is None and stage.hub:
        seen.places["hub"] = stage.hub.log()  # with its start, which others come after
    if entry.rung not in (seen.broken, atlas.BELOW) and expected:
        return f"not kept: {seen.broken or 'nothing'} breaks, in place of {entry.rung}"
    keep(f"{entry.name} {proxy}", seen.places)
    return f"{seen.broken or 'nothing'} breaks; {len(seen.missing(expected or []))} lines of its symptom.txt were not seen"


def main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as work:
        known = {GOOD: [good(Path(work), rung) for rung in CLIMBED]} | {entry.name: [entry] for entry in atlas.entries()}
        if set(names) - set(known):
            sys.exit(f"usage: python -m tests.harness.measuring.captures [NAME...]; the names are {', '.join(known)}")
        chosen = [entry for name in known if not names or name in names for entry in known[name]]
        whole = [entry for entry in chosen if entry in known[GOOD]]
        broken = [entry for entry in chosen if entry not in whole]
        # The log of a good hub holds nothing of others, and others begin with users who have no server.
        turns = [(True, False, whole), *((*needs, entries) for needs, entries in atlas.by_stage(broken).items())]
        with engine.running():
            images.prepare()
            for published, provider, some in turns:
                if some:
                    with atlas.stage(published, provider) as place:
                        for entry in some:
                            for proxy in PROXIES if entry in whole else entry.proxies:
                                print(f"{entry.name} {proxy}: {record(place, entry, proxy)}", flush=True)
    print(f"{FILE.relative_to(ROOT)}: {FILE.stat().st_size / 1000:.0f} kB, {len(captured())} captures")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (engine.Trouble, atlas.Unclear) as trouble:
        sys.exit(f"error: {trouble}")
