"""How a connection is opened on either database, and which settings are refused."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url

from mpi.errors import Unavailable

BUSY_TIMEOUT = 10.0  # seconds that a SQLite connection waits for a lock
LOCK_TIMEOUT = 5.0  # seconds that a PostgreSQL statement waits for a lock
STATEMENT_TIMEOUT = 15.0  # seconds
IDLE_TIMEOUT = 60.0  # seconds that a transaction may stay open with nothing to do

WAL_IS_SAFE_FROM = (3, 51, 3)  # versions 3.7.0 to 3.51.2 have the WAL-reset bug
WITHDRAWN = (3, 52, 0)
BEGIN = "mpi_begin"  # execution option: the statements that open a transaction on SQLite

log = logging.getLogger(__name__)


class UnsafeDatabase(Unavailable):
    """The database answers, but with a setting that could lose or double an acknowledged change."""

    code = "unsafe-database"


def journal_mode(version: tuple[int, ...]) -> str:
    """`wal` where this SQLite has no WAL-reset bug, else `truncate` (a rollback journal)."""
    return "wal" if version >= WAL_IS_SAFE_FROM and version != WITHDRAWN else "truncate"


def open_engine(address: str) -> Engine:
    """The engine of an address `sqlite:///PATH` or `postgresql+psycopg://...`; connects at first use.

    Raises ValueError for another database, or for SQLite in memory, which each thread would have to itself.
    """
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    if url.get_backend_name() == "postgresql":
        return _postgresql(url.set(drivername="postgresql+psycopg"))
    raise ValueError(f"no such database here: {url.get_backend_name()} (sqlite or postgresql)")


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("SQLite in memory cannot be shared between threads: name a file")
    mode = journal_mode(sqlite3.sqlite_version_info)
    if mode != "wal":
        log.info("SQLite %s: write-ahead log not safe here, journal mode is %s", sqlite3.sqlite_version, mode)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT})

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
