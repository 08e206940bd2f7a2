"""A database that could lose what was acknowledged is refused, with the reason."""

from __future__ import annotations

import logging
import sqlite3

import pytest

from mpi.store.engine import UnsafeDatabase, journal_mode, open_engine, refuse
from mpi.store.transaction import Database

SAFE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "server_encoding": "UTF8",
    "transaction_isolation": "read committed",
}


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "truncate"),  # Debian 12
        ((3, 51, 2), "truncate"),  # the last with the WAL-reset bug
        ((3, 51, 3), "wal"),
        ((3, 52, 0), "truncate"),  # withdrawn
        ((3, 52, 1), "wal"),
        ((3, 54, 1), "wal"),
        ((4, 0, 0), "wal"),
    ],
)
def test_write_ahead_logging_is_used_only_where_it_is_safe(version, mode) -> None:
    assert journal_mode(version) == mode


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", journal_mode(sqlite3.sqlite_version_info)),
        ("synchronous", 2),  # FULL
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("busy_timeout", 10_000),
        ("mmap_size", 0),
    ],
)
def test_every_sqlite_connection_has_its_settings(sqlite_db, pragma, value) -> None:
    with sqlite_db.read() as first, sqlite_db.read() as second:
        for tx in (first, second):
            found = tx.exec_driver_sql(f"PRAGMA {pragma}").scalar()
            assert found == value


def test_an_affected_sqlite_says_that_it_uses_a_rollback_journal(tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    with caplog.at_level(logging.INFO):
        open_engine(f"sqlite:///{tmp_path / 'mpi.db'}")
    assert "journal mode is truncate" in caplog.text


def test_a_file_in_the_other_journal_mode_is_refused_while_somebody_else_has_it_open(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("mpi.store.engine.BUSY_TIMEOUT", 0.05)
    path = tmp_path / "mpi.db"
    other = sqlite3.connect(path)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("CREATE TABLE t (a)")
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    with pytest.raises(Exception) as raised:
        Database.open(f"sqlite:///{path}").ping()
    other.close()
    assert raised.value.status == 503
    Database.open(f"sqlite:///{path}").ping()


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({}, None),
        ({"synchronous_commit": "remote_apply"}, None),
        ({"fsync": "off"}, "fsync"),
        ({"full_page_writes": "off"}, "full_page_writes"),
        ({"synchronous_commit": "off"}, "synchronous_commit"),
        ({"server_encoding": "SQL_ASCII"}, "server_encoding"),
        ({"transaction_isolation": "repeatable read"}, "transaction_isolation"),  # stale reads under a lock
    ],
)
def test_an_unsafe_postgresql_is_refused_by_name(changed, refused) -> None:
    if refused is None:
        refuse({**SAFE, **changed})
        return
    with pytest.raises(UnsafeDatabase, match=refused):
        refuse({**SAFE, **changed})


@pytest.mark.needs("postgresql")
def test_a_running_postgresql_that_may_lose_commits_is_refused(cluster) -> None:
    name = cluster.create()
    cluster.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(UnsafeDatabase, match="synchronous_commit"):
        Database.open(cluster.url(name)).ping()
    cluster.drop(name)


@pytest.mark.needs("postgresql")
def test_postgresql_statements_have_limits(postgresql_db) -> None:
    with postgresql_db.read() as tx:
        for name, value in (
            ("lock_timeout", "5s"),
            ("statement_timeout", "15s"),
            ("idle_in_transaction_session_timeout", "1min"),
        ):
            assert tx.exec_driver_sql(f"SHOW {name}").scalar() == value


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/mpi"])
def test_an_address_that_cannot_serve_is_refused(address) -> None:
    with pytest.raises(ValueError, match=r"SQLite in memory|no such database"):
        open_engine(address)
