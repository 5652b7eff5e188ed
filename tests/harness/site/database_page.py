"""How to cause each "If you see" of the page about PostgreSQL."""

from __future__ import annotations

from tests.harness.machines import deployment
from tests.harness.manifest import SAVED_AS
from tests.harness.site.following import State

PAGE = "deploy/database.md"
MOVE = "/opt/jupyterhub/bin/python /root/database/move.py"
SQLITE, POSTGRESQL = "sqlite:////var/lib/jupyterhub/jupyterhub.sqlite", "postgresql:///jupyterhub"
DUMP = "/var/lib/jupyterhub/jupyterhub.pgdump"
NIGHTLY = SAVED_AS["database/backup.conf"]
CREATE = "runuser --login postgres --command='createdb --owner=root --encoding=UTF8 --template=template0 {}'"
DROP = "runuser --login postgres --command='dropdb {}'"
RENAME = "runuser --login postgres --command=\"psql --command='ALTER DATABASE {} RENAME TO {}'\""
STOP, START = "systemctl stop jupyterhub", f"systemctl start jupyterhub; {deployment.COMES_UP}"
ROLE = "runuser --login postgres --command=\"psql --command='ALTER ROLE {} RENAME TO {}'\""
STATES = {
    'If you see role "root" does not exist': State(
        ROLE.format("root", "other"),
        ROLE.format("other", "root"),
        typed=["psql --dbname=jupyterhub --no-align --tuples-only --command='SELECT current_user'"],
    ),
    # As who has not stopped the hub.
    "If you see Nothing was changed": State("true", typed=[f"{MOVE} {SQLITE} {POSTGRESQL}"], seen=["The hub runs"]),
    # As who has started the hub first: it makes its tables itself.
    "If you see 0 rows": State(
        f"{STOP}; {RENAME.format('jupyterhub', 'other')}; {CREATE.format('jupyterhub')}; {START}",
        f"{STOP}; {DROP.format('jupyterhub')}; {RENAME.format('other', 'jupyterhub')}; {START}",
        typed=["psql --dbname=jupyterhub --pset=pager=off --command='SELECT name, last_activity FROM users'"],
    ),
    # As who has not saved the file.
    "If you see none": State(
        f"mv {NIGHTLY} /root/kept.conf; rm --force {DUMP}; sleep 1", f"mv /root/kept.conf {NIGHTLY}; systemctl daemon-reload"
    ),
    "If you see Job for jupyterhub-backup.service failed": State("systemctl stop postgresql", "systemctl start postgresql"),
    "If you see pg_restore: error": State(f"rm --force {DUMP}", typed=[f"pg_restore --dbname=jupyterhub {DUMP}"]),
}
