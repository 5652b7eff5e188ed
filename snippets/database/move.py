# /root/database/move.py
# Copies the hub's database into one that is empty, from SQLite to PostgreSQL or back, and
# compares the two. What it copies from stays as it is. It refuses tables of other programs.
# Run as root, while the hub is stopped: /opt/jupyterhub/bin/python move.py FROM TO
# FROM and TO are addresses as in c.JupyterHub.db_url.
import os
import subprocess
import sys

from alembic.script import ScriptDirectory
from jupyterhub.dbutil import ALEMBIC_DIR
from jupyterhub.orm import Base
from sqlalchemy import create_engine, func, insert, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError


def stop(words):
    sys.exit(f"move.py: {words} Nothing was changed.")


def rows(connection, table):
    return [dict(row._mapping) for row in connection.execute(select(table).order_by(*table.primary_key))]


if len(sys.argv) != 3:
    stop("Name two databases: move.py FROM TO.")
# Only root can read a new SQLite file.
os.umask(0o077)
source, target = map(make_url, sys.argv[1:])
if source.drivername == "sqlite":
    # If the file is missing, SQLite would make an empty one.
    if not os.path.isfile(source.database):
        stop(f"There is no file {source.database}.")
    source = source.set(database=f"file:{os.path.abspath(source.database)}", query={"mode": "ro", "uri": "true"})
made = target.database if target.drivername == "sqlite" else None
if made and os.path.exists(made):
    stop(f"{made} is there already.")
# What a running hub writes after the copy would be lost.
if subprocess.run(["systemctl", "is-active", "--quiet", "jupyterhub.service"]).returncode == 0:
    stop("The hub runs: systemctl stop jupyterhub.service.")

head = ScriptDirectory(ALEMBIC_DIR).get_current_head()
version = "alembic_version"
done = False
try:
    # One transaction for each database: if anything goes wrong, the target stays empty.
    with create_engine(source).connect() as old, create_engine(target).begin() as new:
        if not inspect(old).has_table(version) or old.scalar(text(f"SELECT version_num FROM {version}")) != head:
            stop("FROM is not of this release of JupyterHub: jupyterhub upgrade-db brings it there.")
        # NativeAuthenticator, for example, keeps all passwords in a table of its own, users_info.
        others = set(inspect(old).get_table_names()) - {version, *Base.metadata.tables}
        if others:
            stop(f"FROM has tables of another program: {', '.join(sorted(others))}.")
        if inspect(new).get_table_names():
            stop("TO is not empty.")
        Base.metadata.create_all(new)
        new.execute(text(f"CREATE TABLE {version} (version_num VARCHAR(32) NOT NULL, CONSTRAINT {version}_pkc PRIMARY KEY (version_num))"))
        new.execute(text(f"INSERT INTO {version} VALUES (:head)"), {"head": head})
        for table in Base.metadata.sorted_tables:
            there = rows(old, table)
            if there:
                new.execute(insert(table), there)
            number = table.autoincrement_column
            if there and number is not None and target.get_backend_name() == "postgresql":
                # PostgreSQL has a counter of its own. Set it, so that the next row gets the next number.
                last = max(row[number.name] for row in there)
                new.scalar(select(func.setval(func.pg_get_serial_sequence(table.name, number.name), last)))
            if rows(new, table) != there:
                stop(f"Of the table {table.name}, something has changed on the way.")
            print(f"{table.name}: {len(there)}")
    done = True
except (ImportError, SQLAlchemyError) as error:
    stop(str(getattr(error, "orig", None) or error).strip())
finally:
    if made and not done and os.path.exists(made):
        os.remove(made)
