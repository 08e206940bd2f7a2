"""One commit at the end of a block, all or nothing, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text

from mpi.errors import Conflict, RecordedConflict, RecordedRefusal, Unavailable
from mpi.store import transaction
from mpi.store.tables import authority, source_record
from mpi.store.transaction import Contended, Database, KeyTaken, Refused
from tests.support.databases import url_of

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SECRET = "BERTHELOT"


def declare(tx, name: str) -> None:
    row = authority.insert().values(
        authority=name, label=name, sends_status=False, certified=False, created_at=NOW
    )
    tx.execute(row)


def number_of_authorities(db: Database) -> int:
    with db.read() as tx:
        return tx.execute(select(func.count()).select_from(authority)).scalar_one()


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (None, 1),
        (Conflict("plain"), 0),
        (RecordedConflict("its review must stand"), 1),
        (RecordedRefusal("its count must stand"), 1),
        (ZeroDivisionError("any other"), 0),
        (KeyboardInterrupt("the operator's"), 0),
    ],
    ids=repr,
)
def test_a_block_that_ends_well_is_kept_and_one_that_fails_is_not(db, error, kept) -> None:
    raised = None
    try:
        with db.write() as tx:
            declare(tx, "A")
            if error:
                raise error
    except BaseException as caught:
        raised = caught
    assert raised is error
    assert number_of_authorities(db) == kept


def test_what_was_committed_is_seen_through_another_connection_at_once(db) -> None:
    other = Database.open(url_of(db))
    with db.write() as tx:
        declare(tx, "A")
        assert number_of_authorities(other) == 0, "nobody sees an open transaction"
    assert number_of_authorities(other) == 1
    other.close()


def test_a_read_transaction_refuses_to_write_and_its_connection_writes_again_later(db) -> None:
    with pytest.raises((Unavailable, Refused)), db.read() as tx:
        declare(tx, "A")
    with db.write() as tx:
        declare(tx, "A")
    assert number_of_authorities(db) == 1


@pytest.mark.needs("postgresql")
def test_postgresql_writes_at_read_committed_and_reads_one_snapshot(postgresql_db) -> None:
    for _ in range(2):  # the second time on a connection that was given back
        with postgresql_db.write() as tx:
            assert tx.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
        with postgresql_db.read() as tx:
            before = tx.execute(select(func.count()).select_from(authority)).scalar_one()
            with postgresql_db.write() as other:
                declare(other, f"A{before}")
            assert tx.execute(select(func.count()).select_from(authority)).scalar_one() == before
            assert tx.execute(text("SHOW transaction_read_only")).scalar_one() == "on"


def test_a_lost_race_for_a_unique_key_is_run_again_and_sees_the_winner(db) -> None:
    seen = []

    def find_or_create(tx) -> None:
        seen.append(tx.execute(select(authority.c.authority)).scalars().all())
        if len(seen) == 1:
            declare(tx, "A")
            declare(tx, "A")

    db.run_write(find_or_create)
    assert len(seen) == 2


def test_contention_is_tried_again_within_bounds(db, monkeypatch) -> None:
    monkeypatch.setattr(transaction, "LONGEST_PAUSE", 0.001)
    tries = []

    def always_second(tx) -> None:
        tries.append(1)
        raise Contended("somebody was first")

    with pytest.raises(Contended):
        db.run_write(always_second)
    assert len(tries) == transaction.ATTEMPTS

    monkeypatch.setattr(transaction, "GIVE_UP_AFTER", 0)
    tries.clear()
    with pytest.raises(Contended):
        db.run_write(always_second)
    assert len(tries) == 1, "no attempt starts after the time is up"


def test_run_write_returns_the_answer_and_lets_other_errors_through(db) -> None:
    assert db.run_write(lambda tx: 42) == 42
    with pytest.raises(Conflict):
        db.run_write(lambda tx: (_ for _ in ()).throw(Conflict("stale")))


@pytest.mark.needs("postgresql")
def test_a_deadlock_on_postgresql_ends_with_both_changes_made(postgresql_db) -> None:
    db = postgresql_db
    with db.write() as tx:
        declare(tx, "A")
        declare(tx, "B")
    both_hold_one = threading.Barrier(2, timeout=10)
    attempts = []

    def rename(first: str, second: str) -> None:
        def work(tx) -> None:
            attempts.append(first)
            for name in (first, second):
                tx.execute(authority.update().where(authority.c.authority == name).values(certified=True))
                if len(attempts) <= 2 and name == first:
                    both_hold_one.wait()

        db.run_write(work)

    threads = [threading.Thread(target=rename, args=pair) for pair in (("A", "B"), ("B", "A"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()
    assert len(attempts) == 3, "one of them was chosen as the victim and ran again"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (authority.insert().values(authority=SECRET, label=SECRET), Refused),  # an instant is missing
        (
            source_record.insert().values(
                record_id=SECRET,
                authority=SECRET,  # refers to nothing
                local_id=SECRET,
                version=1,
                digest=bytes(32),
                unidentified=False,
                created_at=NOW,
            ),
            Refused,
        ),
        (text(f"INSERT INTO missing VALUES ('{SECRET}')"), (Refused, Unavailable)),
    ],
    ids=["not null", "foreign key", "no such table"],
)
def test_no_error_of_the_database_repeats_a_value(db, statement, error, caplog) -> None:
    with pytest.raises(error) as raised, db.write() as tx:
        tx.execute(statement)
    assert SECRET not in f"{raised.value} {raised.value.details} {caplog.text}"
    assert raised.value.__suppress_context__, "a traceback does not print the driver's text"


def test_a_taken_unique_key_is_named_so_without_its_value(db) -> None:
    with db.write() as tx:
        declare(tx, SECRET)
    with pytest.raises(KeyTaken) as raised, db.write() as tx:
        declare(tx, SECRET)
    assert SECRET not in f"{raised.value} {raised.value.details}"


def test_a_database_out_of_reach_is_unavailable(tmp_path) -> None:
    away = Database.open("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable):
        away.ping()
    nowhere = Database.open(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'mpi.db'}")
    with pytest.raises(Unavailable), nowhere.write():
        pass


@pytest.mark.needs("postgresql")
def test_connections_that_died_with_the_server_are_replaced(cluster, postgresql_db) -> None:
    postgresql_db.ping()
    cluster.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        f"'{postgresql_db.engine.url.database}'"
    )
    postgresql_db.ping()


def test_writers_of_one_process_wait_for_their_turn_in_sqlite_and_then_say_busy(
    sqlite_db, monkeypatch
) -> None:
    monkeypatch.setattr("mpi.store.engine.BUSY_TIMEOUT", 0.05)
    failures = []

    def second() -> None:
        try:
            with sqlite_db.write():
                pass
        except Contended as error:
            failures.append(error)

    with sqlite_db.write():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=10)
    assert len(failures) == 1


def test_writers_of_another_process_are_waited_for_too(sqlite_db, monkeypatch) -> None:
    monkeypatch.setattr("mpi.store.engine.BUSY_TIMEOUT", 0.05)
    other = Database.open(url_of(sqlite_db))
    with sqlite_db.write(), pytest.raises(Contended), other.write():
        pass
    other.close()
