"""Counts where time goes, by kind: starts of hubs and browsers, loads of applications, runs of the check."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator

_times: Counter[str] = Counter()
_seconds: Counter[str] = Counter()


@contextlib.contextmanager
def spent(kind: str) -> Iterator[None]:
    """The seconds of a `with` block are of a kind, such as "start of a hub"."""
    begun = time.monotonic()
    try:
        yield
    finally:
        _times[kind] += 1
        _seconds[kind] += time.monotonic() - begun


def take() -> dict[str, tuple[int, float]]:
    """What was spent in this process since the last call, by kind: (how often, seconds)."""
    taken = {kind: (_times[kind], round(_seconds[kind], 2)) for kind in _times}
    _times.clear()
    _seconds.clear()
    return taken
