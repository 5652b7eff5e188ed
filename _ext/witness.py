"""Reads build/witness.json, the result of `make witness`: for each line of a published file, a test that fails without it.

`files` maps the name of a published file to {"hash": its SHA-256, "changes": [...]}. It counts while the file is still the same.

A change tells where it was made (`line` to `last`; the first line is 1), what was done (`change`: `DELETED`, or "1h → 30m",
"always left out", "TLSv1.1 as well") and what came of it (`verdict`, one of `VERDICTS`). One that `dies` names the `test` that
failed, the `rung` if it is one of the ladder's, and what was `said`; others say `why`. There may be more that is not read here.
"""

import json

DELETED = "deleted"
VERDICTS = ("dies", "exempt", "survives", "unclear")
NEEDED = {"line": int, "last": int, "change": str, "verdict": str}
OPTIONAL = ("test", "rung", "said", "why")


def read(path):
    """What a witness file holds, nothing if there is no file. Raises ValueError with one line if it is no such file."""
    if not path.exists():
        return {"date": "", "files": {}}
    try:
        found = json.loads(path.read_text("utf-8"))
        changes = [change for seen in found["files"].values() for change in seen["changes"]]
        texts = [found["date"], *(seen["hash"] for seen in found["files"].values())]
        if all(isinstance(text, str) for text in texts) and all(map(fits, changes)):
            return found
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{path.name} is not what make witness writes: remove it, and run make witness")


def fits(change):
    return (
        all(isinstance(change[name], kind) for name, kind in NEEDED.items())
        and all(isinstance(change.get(name, ""), str) for name in OPTIONAL)
        and change["verdict"] in VERDICTS
        and 1 <= change["line"] <= change["last"]
    )
