"""Lighthouse on the built site: `python -m tests.harness.site.lighthouse FOLDER` prints its scores, and fails below the guide's limits."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.harness.machines import engine, images

PAGES = [
    "index.html",
    "deploy/reverse-proxy.html",
    "deploy/check.html",
    "jigsaw/index.html",
    "troubleshooting/blank-jigsaw-iframe/index.html",
]
CATEGORIES = ["performance", "accessibility", "best-practices", "seo"]
LEAST = {"mobile": [95, 100, 100, 100], "desktop": [95, 100, 100, 100]}
# nginx and the browser are one machine, since browsers trust plain HTTP on loopback alone.
ADDRESS = "http://localhost:8080/"
ASK = (
    "PATH=/opt/playwright/bin:$PATH CHROME_PATH=/usr/bin/chromium /opt/lighthouse/bin/lighthouse {address} --quiet --output=json "
    "--chrome-flags='--headless=new --no-sandbox --disable-dev-shm-usage --disable-gpu' {form}"
)
FORMS = {"mobile": "", "desktop": "--preset=desktop"}


def scores(machine: engine.Container, page: str, form: str) -> tuple[list[int], list[str]]:
    """What a page gets, of 100, in each of `CATEGORIES`; and the audits that cost it points outside performance."""
    report = json.loads(machine.sh(ASK.format(address=ADDRESS + page, form=FORMS[form]), timeout=300).stdout)
    got = [round(100 * (report["categories"][name]["score"] or 0)) for name in CATEGORIES]
    lost = [
        audit["id"]
        for name in CATEGORIES[1:]
        for audit in report["categories"][name]["auditRefs"]
        if audit["weight"] and report["audits"][audit["id"]]["score"] not in (None, 1)
    ]
    return got, lost


def main(arguments: list[str]) -> None:
    site = Path(arguments[0]) if len(arguments) == 1 else Path()
    if not (site / "index.html").is_file():
        sys.exit("usage: python -m tests.harness.site.lighthouse FOLDER; FOLDER holds the built site, as `make html` makes it")
    low = []
    with engine.running():
        images.prepare(wanted=[images.browser(), images.lighthouse()])
        with engine.run(images.lighthouse().tag) as machine:
            files = (path for path in site.rglob("*") if path.is_file())
            machine.put({f"/srv/site/{path.relative_to(site)}": path.read_bytes() for path in files})
            machine.sh("nginx")
            print(f"{'':52} {' '.join(f'{name:>15}' for name in CATEGORIES)}")
            for page in PAGES:
                for form, least in LEAST.items():
                    # What else the machine does costs performance, and nothing else: a page may show up to three times what it can.
                    for _ in range(3):
                        got, lost = scores(machine, page, form)
                        if got[0] >= least[0]:
                            break
                    print(f"{page:43} {form:8} {' '.join(f'{score:15}' for score in got)}  {' '.join(lost)}", flush=True)
                    if any(score < limit for score, limit in zip(got, least, strict=True)):
                        low.append(f"{page} on {form}")
    if low:
        sys.exit(f"error: too low: {', '.join(low)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except engine.Trouble as trouble:
        sys.exit(f"error: {trouble}")
