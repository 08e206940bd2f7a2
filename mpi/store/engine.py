"""How a connection is opened on either database, and which settings are refused."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from mpi.errors import MpiError, Unavailable

BUSY_TIMEOUT = 10.0  # seconds that a SQLite connection waits for a lock
LOCK_TIMEOUT = 5.0  # seconds that a PostgreSQL statement waits for a lock
STATEMENT_TIMEOUT = 15.0  # seconds
IDLE_TIMEOUT = 60.0  # seconds that a transaction may stay open with nothing to do

WAL_IS_SAFE_FROM = (3, 51, 3)  # versions 3.7.0 to 3.51.2 have the WAL-reset bug
WITHDRAWN = (3, 52, 0)
BEGIN = "mpi_begin"  # execution option: the statements that open a transaction on SQLite

OWNER_ONLY = 0o600
OTHERS = 0o077  # what nobody but the owner of a database file may do with it
JOURNALS = ("-journal", "-wal", "-shm")  # what SQLite keeps beside a database, under its name

_making = threading.Lock()

log = logging.getLogger(__name__)


class UnsafeDatabase(Unavailable):
    """The database answers, but could lose or double an acknowledged change, or lies open to others."""

    code = "unsafe-database"


class WrongAddress(MpiError, ValueError):
    """No database that this program can use has this address; the sentence does not repeat it."""

    code = "wrong-address"


def journal_mode(version: tuple[int, ...]) -> str:
    """`wal` where this SQLite has no WAL-reset bug, else `truncate` (a rollback journal)."""
    return "wal" if version >= WAL_IS_SAFE_FROM and version != WITHDRAWN else "truncate"


def open_engine(address: str) -> Engine:
    """The engine of an address `sqlite:///PATH` or `postgresql+psycopg://...`; connects at first use.

    Raises WrongAddress for any other, and for SQLite in memory, which each thread would have to itself.
    """
    url = _parsed(address)
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def without_password(address: str) -> str:
    """An address as people may see it; all of it is hidden when it cannot be read."""
    try:
        url = make_url(address)
    except (ValueError, ArgumentError):
        return "***"
    secret = {name: "***" for name in url.query if "password" in name}
    return url.update_query_dict(secret).render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def _parsed(address: str) -> URL:
    """The parts of an address, all of which its driver understands."""
    try:
        url = make_url(address)
        if url.get_backend_name() == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
            make_conninfo(**url.get_dialect()().create_connect_args(url)[1])
            return url
        if url.get_backend_name() == "sqlite":
            url.get_dialect()().create_connect_args(url)
    except (ValueError, ArgumentError, psycopg.Error):
        raise WrongAddress(
            "This is no address of a database: sqlite:///PATH or postgresql://USER@HOST:PORT/NAME."
        ) from None
    if url.get_backend_name() != "sqlite":
        raise WrongAddress("No such database here: sqlite:///PATH or postgresql://USER@HOST:PORT/NAME.")
    if url.database in (None, "", ":memory:") or "uri" in url.query:
        raise WrongAddress("SQLite in memory or by URI cannot be shared between threads: name a file.")
    return url


def _sqlite(url: URL) -> Engine:
    path = Path(url.database or "")
    mode = journal_mode(sqlite3.sqlite_version_info)
    if mode != "wal":
        log.info("SQLite %s: write-ahead log not safe here, journal mode is %s", sqlite3.sqlite_version, mode)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT})

    @event.listens_for(engine, "do_connect")
    def _close_to_others(*_: object) -> None:
        keep_to_owner(path)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver opens no transaction of its own
        for pragma in ("foreign_keys=ON", "trusted_schema=OFF", "synchronous=FULL", "mmap_size=0"):
            connection.execute(f"PRAGMA {pragma}")
        (got,) = connection.execute(f"PRAGMA journal_mode={mode}").fetchone()
        if got != mode:
            raise UnsafeDatabase(
                f"The database file stays in journal mode {got}, not {mode}: close its other users."
            )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        for statement in connection.get_execution_options().get(BEGIN, ("BEGIN",)):
            connection.exec_driver_sql(statement)

    return engine


def keep_to_owner(path: Path) -> None:
    """Makes a SQLite file that others cannot read, or tightens the one that is there, journals included.

    SQLite gives a new journal the mode of its database. A file that exists is never opened here: closing it
    would give up the locks that this process holds on it. Raises UnsafeDatabase for another user's file.
    """
    with _making:
        if not path.exists() and path.parent.is_dir():
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))
            except OSError as error:
                log.info("The database file cannot be made: %s", error.strerror)  # SQLite refuses next
    for file in (path, *(path.with_name(path.name + ending) for ending in JOURNALS)):
        try:
            mode = file.stat().st_mode
            if mode & OTHERS:
                file.chmod(mode & ~OTHERS & 0o7777)
        except FileNotFoundError:
            continue
        except OSError:
            raise UnsafeDatabase(
                "Others may read or change the database file: its owner must `chmod 600` it and its journals."
            ) from None


def _postgresql(url: URL) -> Engine:
    limits = {
        "lock_timeout": LOCK_TIMEOUT,
        "statement_timeout": STATEMENT_TIMEOUT,
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT,
    }
    options = " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in limits.items())
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"options": options, "connect_timeout": 5},
    )

    @event.listens_for(engine, "connect")
    def _check(connection: Any, _record: object) -> None:
        names = (
            "fsync",
            "full_page_writes",
            "synchronous_commit",
            "server_encoding",
            "transaction_isolation",
        )
        columns = ", ".join(f"current_setting('{name}')" for name in names)
        found = dict(zip(names, connection.execute(f"SELECT {columns}").fetchone(), strict=True))
        connection.rollback()
        refuse(found)

    return engine


def refuse(settings: dict[str, str]) -> None:
    """Raises UnsafeDatabase for PostgreSQL settings under which a promise would not hold."""
    wanted = {
        "fsync": ("on",),
        "full_page_writes": ("on",),
        "synchronous_commit": ("on", "remote_write", "remote_apply", "local"),
        "server_encoding": ("UTF8",),
        "transaction_isolation": ("read committed",),
    }
    for name, values in wanted.items():
        if settings[name] not in values:
            raise UnsafeDatabase(
                f"PostgreSQL has {name} = {settings[name]}; {' or '.join(values)} is needed."
            )
