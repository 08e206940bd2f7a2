"""A database that could lose what was acknowledged is refused, with the reason."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpi.store.engine import UnsafeDatabase, WrongAddress, journal_mode, open_engine, refuse
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


@pytest.mark.parametrize(
    "address",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:hunter2?mode=memory&uri=true",
        "sqlite:///x.db?timeout=hunter2",
        "mysql://localhost/mpi",
        "postgresql://u:hunter2@host:abc/db",
        "postgresql://u:hunter2@host/db?sslmood=require",
        "hunter2",
    ],
)
def test_an_address_that_cannot_serve_is_refused_without_repeating_it(address) -> None:
    with pytest.raises(WrongAddress) as raised:
        open_engine(address)
    assert "hunter2" not in str(raised.value)


@pytest.fixture
def _wide_open() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


@pytest.mark.usefixtures("_wide_open")
@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 3)], ids=["rollback journal", "write-ahead log"])
def test_a_new_database_and_its_journal_are_its_owner_s_alone(tmp_path, monkeypatch, version) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    db = Database.open(f"sqlite:///{tmp_path / 'mpi.db'}")
    with db.write() as tx:
        tx.exec_driver_sql("CREATE TABLE t (a)")
        found = modes(tmp_path)
    assert len(found) > 1
    assert set(found.values()) == {0o600}


@pytest.mark.usefixtures("_wide_open")
def test_a_database_that_others_may_read_is_tightened_with_what_lies_beside_it(tmp_path) -> None:
    path = tmp_path / "mpi.db"
    first = Database.open(f"sqlite:///{path}")
    first.ping()
    first.close()
    path.chmod(0o644)
    (tmp_path / "mpi.db-shm").touch(mode=0o666)
    Database.open(f"sqlite:///{path}").ping()
    assert set(modes(tmp_path).values()) == {0o600}


def test_a_database_that_cannot_be_tightened_is_refused(tmp_path, monkeypatch) -> None:
    path = tmp_path / "mpi.db"
    path.touch()
    path.chmod(0o644)

    def not_ours(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", not_ours)
    with pytest.raises(UnsafeDatabase, match="chmod 600"):
        Database.open(f"sqlite:///{path}").ping()


def test_a_new_connection_leaves_the_locks_of_the_others_alone(sqlite_db) -> None:
    """Closing a file gives up every lock that its process holds on it (SQLite, How To Corrupt, 2.2)."""
    sqlite_db.path.chmod(0o644)
    with sqlite_db.write() as tx:
        tx.exec_driver_sql("CREATE TABLE t (a)")
        with sqlite_db.read():
            pass
        probe = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
        other = subprocess.run(
            [sys.executable, "-c", probe, str(sqlite_db.path)], capture_output=True, text=True, check=False
        )
    assert "database is locked" in other.stderr
