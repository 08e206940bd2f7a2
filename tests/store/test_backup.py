"""A backup taken while others write is whole, replaces nothing, and fills an empty place."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text

from mpi.errors import Conflict, Malformed, Unavailable
from mpi.ledger import entries
from mpi.store.backup import backup, restore
from mpi.store.tables import ledger_entry
from mpi.store.transaction import Database

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def write_entry(db: Database, number: int) -> None:
    entry = {"entry_id": f"e{number}", "actor": "user:x", "action": "test"}
    db.run_write(lambda tx: entries.append(tx, entry, at=NOW, salt=bytes(32)))


def size(db: Database) -> int:
    with db.read() as tx:
        return tx.execute(select(func.count()).select_from(ledger_entry)).scalar_one()


@pytest.fixture
def empty_place(db, tmp_path, request) -> Iterator[Database]:
    """A database of the same kind as `db`, without tables."""
    cluster = request.getfixturevalue("cluster") if db.dialect == "postgresql" else None
    name = cluster.create() if cluster else ""
    place = Database.open(cluster.url(name) if cluster else f"sqlite:///{tmp_path / 'new' / 'mpi.db'}")
    yield place
    place.close()
    if cluster:
        cluster.drop(name)


def test_a_copy_holds_everything_and_its_guards(db, empty_place, tmp_path) -> None:
    for number in range(5):
        write_entry(db, number)
    file = tmp_path / "copy"
    backup(db, file)
    assert file.stat().st_mode & 0o777 == 0o600
    restored = empty_place
    restore(restored, file)
    assert restored.check() == []
    assert size(restored) == 5
    with restored.read() as tx:
        assert list(entries.check(tx)) == []
    with pytest.raises(Exception, match="refused"), restored.write() as tx:
        tx.execute(text("DELETE FROM ledger_entry"))
    write_entry(restored, 5)


def test_a_copy_taken_while_others_write_is_whole(sqlite_db, tmp_path) -> None:
    stop = threading.Event()
    written = []

    def writer() -> None:
        while not stop.is_set():
            write_entry(sqlite_db, len(written))
            written.append(1)

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        for number in range(5):
            before = len(written)
            backup(sqlite_db, tmp_path / f"copy{number}")
            copy = Database.open(f"sqlite:///{tmp_path / f'copy{number}'}")
            assert size(copy) >= before, "what was committed before the copy is in it"
            with copy.read() as tx:
                assert list(entries.check(tx)) == []
            copy.close()
    finally:
        stop.set()
        thread.join(20)


def test_a_backup_replaces_nothing_and_leaves_nothing_half_done(db, tmp_path) -> None:
    file = tmp_path / "copy"
    file.write_text("precious")
    with pytest.raises(Conflict):
        backup(db, file)
    assert file.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_a_restore_goes_to_an_empty_place_only(db, tmp_path) -> None:
    write_entry(db, 0)
    file = tmp_path / "copy"
    backup(db, file)
    with pytest.raises(Conflict):
        restore(db, file)
    assert size(db) == 1


@pytest.mark.parametrize("rest", ["-journal", "-wal", "-shm"])
def test_a_restore_does_not_lie_down_beside_the_journal_of_another_database(
    sqlite_db, tmp_path, rest
) -> None:
    file = tmp_path / "copy"
    backup(sqlite_db, file)
    place = tmp_path / "new" / "mpi.db"
    left = place.with_name(f"mpi.db{rest}")
    left.parent.mkdir()
    left.write_bytes(b"pages of the database that was here")
    with pytest.raises(Conflict, match=left.name):
        restore(Database.open(f"sqlite:///{place}"), file)
    assert list(place.parent.iterdir()) == [left]


@pytest.mark.parametrize("content", [None, b"", b"<html>", b"SQLite format 3", b"PGDM"], ids=repr)
def test_what_is_no_backup_is_refused(blank_url, tmp_path, content) -> None:
    file = tmp_path / "copy"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Malformed):
        restore(Database.open(blank_url), file)


def test_a_damaged_copy_is_not_restored(sqlite_db, tmp_path) -> None:
    file = tmp_path / "copy"
    backup(sqlite_db, file)
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    place = tmp_path / "new" / "mpi.db"
    with pytest.raises(Unavailable):
        restore(Database.open(f"sqlite:///{place}"), file)
    assert list(place.parent.iterdir()) == []


def test_nothing_to_back_up_is_said(tmp_path) -> None:
    with pytest.raises(Unavailable, match="no database"):
        backup(Database.open(f"sqlite:///{tmp_path / 'mpi.db'}"), tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs("postgresql")
def test_postgresql_without_its_programs_says_what_to_install(postgresql_db, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(Unavailable, match="pg_dump is not installed"):
        backup(postgresql_db, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs("postgresql")
def test_a_copy_that_pg_restore_cannot_read_leaves_the_database_empty(cluster, tmp_path) -> None:
    name = cluster.create()
    file = tmp_path / "copy"
    file.write_bytes(b"PGDMP and then nothing")
    blank = Database.open(cluster.url(name))
    with pytest.raises(Unavailable, match=r"pg_restore failed"):
        restore(blank, file)
    blank.close()
    cluster.drop(name)


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize(
    ("said", "sentence"),
    [("server version mismatch", "older than the server"), ("row: BERTHELOT", r"failed \(3\)")],
)
def test_what_the_programs_say_is_not_repeated(postgresql_db, tmp_path, monkeypatch, said, sentence) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(f"#!/bin/sh\necho 'pg_dump: error: {said}' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    with pytest.raises(Unavailable, match=sentence) as raised:
        backup(postgresql_db, tmp_path / "copy")
    assert "BERTHELOT" not in str(raised.value)
