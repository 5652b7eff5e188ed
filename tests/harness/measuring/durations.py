"""Where the minutes of a test run go: by test, by file, and by kind of work (tests/harness/spending.py).

Each whole run leaves build/durations.json. `python -m tests.harness.measuring.durations` puts it into tests/durations.json, by which
the longest work is begun first and `make witness` tries the cheapest tests first, and prints a table.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
import time
from collections import Counter
from typing import Any

from tests.harness.arguments import takes_nothing
from tests.harness.manifest import BUILD, ROOT

SEEN, KEPT, FLAKY = BUILD / "durations.json", ROOT / "tests/durations.json", BUILD / "flaky.json"


def name(nodeid: str) -> str:
    """A test's name. With workers, pytest's own ends in the group of tests that it belongs to."""
    return re.sub(r"@[^@\]]+$", "", nodeid)


class Run:
    """What a test run has told so far."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.tests: Counter[str] = Counter()
        self.times: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.flaky: dict[str, str] = {}

    def add(self, report: Any) -> None:
        """A report of pytest's, of whichever phase."""
        test = name(report.nodeid)
        self.tests[test] += report.duration
        for key, value in report.user_properties:
            if key == "spent" and report.when == "teardown":
                for kind, (times, seconds) in value.items():
                    self.times[kind] += times
                    self.seconds[kind] += seconds
        if report.outcome == "rerun":
            self.flaky[test] = str(getattr(getattr(report.longrepr, "reprcrash", None), "message", report.longrepr))[:300]

    def write(self, workers: int) -> None:
        """Leave durations.json, and add to flaky.json what failed at first."""
        BUILD.mkdir(exist_ok=True)
        kinds = {kind: [self.times[kind], round(self.seconds[kind])] for kind in sorted(self.times)}
        tests = {test: round(seconds, 1) for test, seconds in sorted(self.tests.items())}
        minutes = round((time.monotonic() - self.begun) / 60, 1)
        SEEN.write_text(json.dumps({"minutes": minutes, "workers": workers, "kinds": kinds, "tests": tests}, indent=0) + "\n", "utf-8")
        runs = json.loads(FLAKY.read_text("utf-8")) if FLAKY.exists() else []
        runs.append({"date": datetime.date.today().isoformat(), "tests": len(tests), "failed first": self.flaky})
        FLAKY.write_text(json.dumps(runs, indent=1) + "\n", "utf-8")


def known() -> dict[str, float]:
    """Seconds by test, as the tree holds them; nothing where it does not."""
    return json.loads(KEPT.read_text("utf-8"))["tests"] if KEPT.exists() else {}


def main() -> None:
    if not SEEN.exists():
        sys.exit("error: no build/durations.json: `make test` writes it")
    told = json.loads(SEEN.read_text("utf-8"))
    KEPT.write_text(SEEN.read_text("utf-8"), "utf-8")
    files: Counter[str] = Counter()
    for name, seconds in told["tests"].items():
        files[name.split("::")[0]] += seconds
    print(f"{told['minutes']} minutes, {told['workers']} workers; seconds of one worker:")
    for name, seconds in files.most_common():
        print(f"{seconds:7.0f}  {name}")
    print("of which:")
    for kind, (times, seconds) in sorted(told["kinds"].items(), key=lambda row: -row[1][1]):
        print(f"{seconds:7.0f}  {kind}, {times} times")


if __name__ == "__main__":
    takes_nothing("measuring.durations")
    main()
