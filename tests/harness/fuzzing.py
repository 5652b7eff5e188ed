"""How many random inputs a test of hubcheck's readers tries: a few in every run, and FUZZ times as many in `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("FUZZ", "1"))


def examples(daily: int) -> settings:
    """The settings of a test that tries `daily` inputs in every run."""
    return settings(
        max_examples=daily * TIMES,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
