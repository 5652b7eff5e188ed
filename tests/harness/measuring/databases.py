"""Whether the hub is faster with PostgreSQL than with SQLite: `python -m tests.harness.measuring.databases [USERS [SECONDS]]`.

One machine, the published configuration, no reverse proxy, and four turns: SQLite, PostgreSQL, PostgreSQL, SQLite. For each a line is
printed with what tests/bench/database.py saw. deploy/database.md has the numbers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.harness.machines import deployment, engine, images
from tests.harness.machines.deployment import BEHIND, CHECK, PYTHON
from tests.harness.manifest import NEWEST_ON, PUBLISHED, SAVED_AS

CONFIG = "jupyterhub/jupyterhub_config.py"
CLIENT = (Path(__file__).resolve().parents[2] / "bench/database.py").read_text("utf-8")
POSTGRES = "runuser --login postgres --command='{}'"
FRESH = "systemctl stop jupyterhub; rm --force /var/lib/jupyterhub/jupyterhub.sqlite; " + "; ".join(
    POSTGRES.format(command)
    for command in (
        "createuser root",
        "dropdb --if-exists jupyterhub",
        "createdb --owner=root --encoding=UTF8 --template=template0 jupyterhub",
    )
)
FILES = {
    "SQLite": PUBLISHED,
    "PostgreSQL": PUBLISHED.replace(CONFIG, "c = get_config()", 'c = get_config()\nc.JupyterHub.db_url = "postgresql:///jupyterhub"'),
}


def main(given: list[str]) -> None:
    users, seconds = int((given or ["30"])[0]), (given[1:] or ["10"])[0]
    name = next(iter(NEWEST_ON.values()))
    with engine.running(), deployment.machine(name, image=images.database) as machine:
        hub = deployment.prepare(machine, name)
        names = [f"pupil{number:02d}" for number in range(users)]
        made = "; ".join(f"useradd --create-home --groups jupyterhub {name}" for name in names)
        said = "".join(f"{name}:{hub.passwords['alice']}\n" for name in names)
        machine.sh(f"{made}; chpasswd", input=said, timeout=300)
        machine.put({f"{CHECK}/database.py": CLIENT})
        for which in ("SQLite", "PostgreSQL", "PostgreSQL", "SQLite"):
            machine.sh(FRESH)
            machine.put({SAVED_AS[CONFIG]: FILES[which].read(CONFIG)})
            deployment.start(hub)
            seen = machine.exec(PYTHON, f"{CHECK}/database.py", BEHIND, f"{CHECK}/alice.txt", seconds, *names, timeout=300).stdout
            print(which, json.dumps(json.loads(seen)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
