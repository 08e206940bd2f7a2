"""Shared commits: one for several pieces of work, and nobody suffers from another's fault."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from mpi.errors import Conflict, RecordedConflict, Unavailable
from mpi.gateway.writer import LINGER, GroupCommit
from mpi.store.tables import nir_count
from mpi.store.transaction import Contended, Database


def note(field: str) -> Any:
    """Work that writes one row."""
    row = {"day": "2026-11-24", "door": "test", "field": field, "rule": "R2", "count": 1}
    return lambda tx: tx.execute(insert(nir_count).values(row)).rowcount


def rows(db: Database) -> int:
    with db.read() as tx:
        return tx.execute(select(func.count()).select_from(nir_count)).scalar_one()


class Counted:
    """A database that counts its write transactions, and can be held or made to fail."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.commits = 0
        self.gate = threading.Event()
        self.gate.set()
        self.fault: Exception | None = None

    def write(self) -> Any:
        self.gate.wait(5)
        self.commits += 1
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return self._db.write()

    def run_write(self, work: Any) -> Any:
        with self.write() as tx:
            return work(tx)


@pytest.fixture
def counted(sqlite_db: Database) -> Counted:
    return Counted(sqlite_db)


def test_what_waits_together_is_committed_together(sqlite_db: Database, counted: Counted) -> None:
    counted.gate.clear()
    writer = GroupCommit(counted)  # type: ignore[arg-type]
    futures = [writer.submit(note(str(n))) for n in range(20)]
    counted.gate.set()
    assert [future.result(5) for future in futures] == [1] * 20
    assert counted.commits <= 2, "the first may have gone alone"
    writer.close()
    assert rows(sqlite_db) == 20


def test_a_fault_in_company_is_its_own(sqlite_db: Database, counted: Counted) -> None:
    counted.gate.clear()
    writer = GroupCommit(counted)  # type: ignore[arg-type]

    def refuse(tx: Any) -> None:
        note("lost")(tx)
        raise Conflict("no")

    futures = [writer.submit(work) for work in (note("a"), note("b"), refuse, note("b"), note("c"))]
    counted.gate.set()
    outcomes = [future.exception(5) for future in futures]
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "NoneType",
        "NoneType",
        "Conflict",
        "KeyTaken",
        "NoneType",
    ]
    writer.close()
    assert rows(sqlite_db) == 3


def test_a_recorded_conflict_is_committed_and_raised(sqlite_db: Database) -> None:
    writer = GroupCommit(sqlite_db)

    def conflict(tx: Any) -> None:
        note("review")(tx)
        raise RecordedConflict("a clerk is asked")

    first, second = writer.submit(conflict), writer.submit(note("other"))
    with pytest.raises(RecordedConflict):
        first.result(5)
    assert second.result(5) == 1
    writer.close()
    assert rows(sqlite_db) == 2


@pytest.mark.parametrize(
    ("fault", "stored"),
    [(Contended("busy"), 3), (Unavailable("away"), 0), (ValueError("unexpected"), 0)],
    ids=["others in the way: each alone", "away: nobody waits in vain", "a fault of ours: the same"],
)
def test_a_group_that_does_not_commit(
    sqlite_db: Database, counted: Counted, fault: Exception, stored: int
) -> None:
    counted.gate.clear()
    writer = GroupCommit(counted)  # type: ignore[arg-type]
    blocker = writer.submit(note("first"))
    time.sleep(0.05)
    futures = [writer.submit(note(str(n))) for n in range(3)]
    real = counted.write

    def write() -> Any:
        if counted.commits == 1:
            counted.fault = fault
        return real()

    counted.write = write  # type: ignore[method-assign]
    counted.gate.set()
    blocker.result(5)
    failed = [future.exception(5) for future in futures]
    assert failed == ([None] * 3 if stored else [fault] * 3)
    writer.close()
    assert rows(sqlite_db) == stored + 1


def test_what_nobody_waits_for_shares_the_next_commit(counted: Counted) -> None:
    writer = GroupCommit(counted)  # type: ignore[arg-type]
    started = time.monotonic()
    patient = [writer.submit(note(str(n)), may_wait=True) for n in range(10)]
    for future in patient:
        future.result(5)
    assert time.monotonic() - started >= LINGER * 0.9
    assert counted.commits == 1
    patient = [writer.submit(note(f"p{n}"), may_wait=True) for n in range(10)]
    urgent = writer.submit(note("urgent"))
    urgent.result(5)
    assert all(future.done() for future in patient), "order is kept: earlier work goes with it"
    writer.close()


def test_it_tells_then_before_the_future_and_finishes_what_is_queued(sqlite_db: Database) -> None:
    told: list[Any] = []
    writer = GroupCommit(sqlite_db)
    future = writer.submit(note("a"), lambda answer, error: told.append((answer, error)))
    assert future.result(5) == 1
    assert told == [(1, None)]
    late = writer.submit(note("b"), may_wait=True)
    writer.close()
    assert late.result(0) == 1
    with pytest.raises(RuntimeError):
        writer.submit(note("c"))


def test_a_fault_after_the_commit_harms_neither_the_answer_nor_those_behind(
    sqlite_db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    writer = GroupCommit(sqlite_db)

    def read_only(_answer: Any, _error: Any) -> None:
        raise OSError(30, "Read-only file system")

    assert writer.submit(note("a"), read_only).result(5) == 1
    assert writer.submit(note("b")).result(5) == 1
    assert writer.alive
    assert "OSError" in caplog.text
    writer.close()
    assert not writer.alive
    assert rows(sqlite_db) == 2
