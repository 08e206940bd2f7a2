"""A copy of the whole database in one file, and a database from such a copy.

SQLite is copied by its online backup while others read and write; PostgreSQL by its own pg_dump and
pg_restore.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import inspect

from mpi.errors import Conflict, Malformed, Unavailable
from mpi.store.engine import BUSY_TIMEOUT, JOURNALS, OWNER_ONLY
from mpi.store.transaction import Database

SQLITE_START = b"SQLite format 3\x00"
POSTGRESQL_START = b"PGDMP"


def backup(database: Database, target: Path) -> None:
    """Writes a copy to `target`, on disk when this returns, readable by its owner alone.

    Raises Conflict when `target` exists, Unavailable when the database or pg_dump is not to be had.
    """
    if target.exists():
        raise Conflict(f"{target} exists: a backup replaces nothing.")
    if database.path is not None and not database.path.exists():
        raise Unavailable(f"There is no database at {database.path}.")
    unfinished = target.with_name(f"{target.name}.part")
    try:
        if database.path is not None:
            _copy(database.path, unfinished)
        else:
            _dump(database, unfinished)
        _keep(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def restore(database: Database, source: Path) -> None:
    """Fills an empty database from a copy; its schema is that of the copy.

    Raises Malformed when `source` is no such copy, Conflict when the database is not empty or a journal of
    the one that was there would be played into the copy, Unavailable when it or pg_restore is not to be had.
    """
    wanted = POSTGRESQL_START if database.path is None else SQLITE_START
    try:
        with source.open("rb") as file:
            start = file.read(len(wanted))
    except OSError as error:
        raise Malformed(f"{source} cannot be read.") from error
    if start != wanted:
        raise Malformed(f"{source} is no backup of a {database.dialect} database.")
    if database.path is None:
        _refill(database, source)
        return
    beside = [database.path.with_name(database.path.name + ending) for ending in JOURNALS]
    for taken in (database.path, *beside):
        if taken.exists():
            raise Conflict(f"{taken} exists: a backup is restored to an empty place.")
    database.path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = database.path.with_name(f"{database.path.name}.part")
    try:
        _copy(source, unfinished)
        _keep(unfinished, database.path)
    finally:
        unfinished.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    target.touch(mode=OWNER_ONLY)
    try:
        with (
            closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT)
            ) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
            if new.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise Unavailable("The copy is damaged, as the database may be: run `mpi db check`.")
    except sqlite3.Error as error:
        raise Unavailable("SQLite could not copy the database.") from error


def _keep(unfinished: Path, target: Path) -> None:
    """Gives the file its name once its content, and then the name, are on disk."""
    with unfinished.open("rb+") as file:
        os.fsync(file.fileno())
    unfinished.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _dump(database: Database, target: Path) -> None:
    target.touch(mode=OWNER_ONLY)
    _run("pg_dump", database, "--format=custom", "--no-owner", f"--file={target}")


def _refill(database: Database, source: Path) -> None:
    with database.read() as tx:
        if inspect(tx).get_table_names():
            raise Conflict("The database has tables: a backup is restored to an empty one.")
    _run("pg_restore", database, "--exit-on-error", "--single-transaction", "--no-owner", str(source))


def _run(program: str, database: Database, *arguments: str) -> None:
    """Runs a client program of PostgreSQL; the password travels in the environment, its messages nowhere."""
    found = shutil.which(program)
    if found is None:
        raise Unavailable(f"{program} is not installed here: install PostgreSQL's client programs.")
    url = database.engine.url
    told = {
        "PGHOST": url.query.get("host", url.host),
        "PGPORT": url.query.get("port", url.port),
        "PGUSER": url.query.get("user", url.username),
        "PGPASSWORD": url.query.get("password", url.password),
        "PGSSLMODE": url.query.get("sslmode"),
        "PGSSLROOTCERT": url.query.get("sslrootcert"),
    }
    environment = {**os.environ, **{name: str(value) for name, value in told.items() if value is not None}}
    done = subprocess.run(  # noqa: S603 - no shell, arguments of our own
        [found, f"--dbname={url.database}", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,  # may repeat rows
        check=False,
    )
    if done.returncode != 0:
        mismatch = b"server version mismatch" in done.stderr
        raise Unavailable(
            f"{program} is older than the server." if mismatch else f"{program} failed ({done.returncode})."
        )
