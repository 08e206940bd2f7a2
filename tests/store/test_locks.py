"""The same new person from many processes at once gives one identity, on both databases."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, text

from mpi.store import locks
from mpi.store.locks import LOCK_SPACE, STRIPES, lock_stripes, stripes
from mpi.store.tables import authority
from mpi.store.transaction import Contended
from tests.support.databases import url_of

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
HASHES = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(HASHES))
def test_stripes_are_few_distinct_and_ascending(hashes: list[int]) -> None:
    found = stripes(hashes)
    assert found == sorted(set(found))
    assert set(found) == {key_hash % STRIPES for key_hash in hashes}
    assert all(0 <= stripe < STRIPES for stripe in found)


@pytest.mark.needs("postgresql")
def test_postgresql_takes_the_stripe_of_every_key_once(postgresql_db) -> None:
    hashes = [2**40 + 9, -1, 5, 5 + STRIPES, 9, 700_000]
    with postgresql_db.write() as tx:
        lock_stripes(tx, hashes)
        held = tx.execute(
            text("SELECT classid, objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        ).all()
    assert sorted(held) == [(LOCK_SPACE, stripe) for stripe in stripes(hashes)]


@pytest.mark.needs("postgresql")
def test_the_forced_order_is_that_of_the_array_and_not_of_the_planner(postgresql_db) -> None:
    """A sequence in place of the lock shows in which order the calls are made, whatever the array's order."""
    statement = locks._LOCK.text.replace(
        "pg_advisory_xact_lock(:space, ordered.stripe)", "ordered.stripe, nextval('calls')"
    )
    assert "nextval" in statement
    scrambled = [7, 3, 900, 1, 512, 2]
    with postgresql_db.write() as tx:
        tx.execute(text("CREATE TEMPORARY SEQUENCE calls"))
        rows = tx.execute(text(statement), {"stripes": scrambled}).all()
    assert [stripe for stripe, _ in sorted(rows, key=lambda row: row[1])] == scrambled


@pytest.mark.needs("postgresql")
def test_a_stripe_is_free_again_when_its_transaction_ends(postgresql_db) -> None:
    order = []
    holding = threading.Event()

    def second() -> None:
        holding.wait(10)
        with postgresql_db.write() as tx:
            lock_stripes(tx, [42 + STRIPES])  # the same stripe
            order.append("second")
            assert tx.execute(select(authority.c.authority)).scalars().all() == ["A"], (
                "and sees the first's rows"
            )

    thread = threading.Thread(target=second)
    thread.start()
    with postgresql_db.write() as tx:
        lock_stripes(tx, [42])
        holding.set()
        thread.join(0.3)
        tx.execute(
            insert(authority).values(
                authority="A", label="A", sends_status=False, certified=False, created_at=NOW
            )
        )
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


@pytest.mark.needs("postgresql")
def test_a_stripe_that_stays_taken_is_contention(postgresql_db) -> None:
    with postgresql_db.write() as tx:
        lock_stripes(tx, [42])
        with postgresql_db.engine.connect() as impatient:
            impatient.execute(text("SET SESSION lock_timeout = '50ms'"))
            impatient.commit()
        with pytest.raises(Contended), postgresql_db.write() as other:
            lock_stripes(other, [42])


def test_no_keys_need_no_lock(db) -> None:
    with db.write() as tx:
        lock_stripes(tx, [])


# One of several processes: for each person it looks for a record with one of its keys and else makes one.
PROGRAM = """
    import sys
    from datetime import UTC, datetime
    from sqlalchemy import func, insert, select
    from mpi.store.locks import lock_stripes
    from mpi.store.tables import blocking_key, identity, membership, source_record
    from mpi.store.transaction import Database

    url, process, persons = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    db = Database.open(url)
    db.ping()
    print("ready", flush=True)
    sys.stdin.readline()

    def arrive(tx, person):
        keys = [person * 1_000_003 * 7, -person - 1]  # rows of one person share both
        lock_stripes(tx, keys)
        met = select(membership.c.identity_id).join(
            blocking_key, blocking_key.c.record_id == membership.c.record_id
        ).where(blocking_key.c.key_hash.in_(keys))
        found = tx.execute(met.distinct()).scalars().all()
        record_id = f"{person}-{process}"
        tx.execute(insert(source_record).values(
            record_id=record_id, authority="A", local_id=record_id, version=1, digest=bytes(32),
            unidentified=False, created_at=now))
        if not found:
            tx.execute(insert(identity).values(
                identity_id=f"E{record_id}", record_id=record_id, position=0, minted_at=now))
        tx.execute(insert(membership).values(
            record_id=record_id, identity_id=found[0] if found else f"E{record_id}"))
        tx.execute(insert(blocking_key), [
            {"key_hash": key, "record_id": record_id, "rule": "r"} for key in keys])

    for person in range(persons):
        db.run_write(lambda tx: arrive(tx, person))
"""


@pytest.mark.parametrize(
    ("processes", "persons"), [(3, 20), pytest.param(8, 150, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_processes_that_bring_the_same_new_persons_at_once_make_one_identity_each(
    db, processes, persons
) -> None:
    with db.write() as tx:
        tx.execute(
            insert(authority).values(
                authority="A", label="A", sends_status=False, certified=False, created_at=NOW
            )
        )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), url_of(db), str(number), str(persons)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": "."},
        )
        for number in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said
    with db.read() as tx:
        counts = tx.execute(
            text("SELECT (SELECT count(*) FROM identity), (SELECT count(*) FROM membership)")
        ).one()
    assert tuple(counts) == (persons, persons * processes)
