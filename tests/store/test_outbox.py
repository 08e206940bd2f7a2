"""An effect is carried out at least once, in the order of its key, by one worker at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from mpi.errors import NotFound
from mpi.store import outbox
from mpi.store.outbox import LeaseLost, Message
from mpi.store.tables import outbox as table
from mpi.store.transaction import Database

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
TOPICS = ("archive", "feed")


def add(db: Database, key: str, *, other_key: str | None = None, topic: str = "archive", at=NOW) -> int:
    with db.write() as tx:
        return outbox.enqueue(tx, topic=topic, key=key, other_key=other_key, payload={"n": [1, None]}, at=at)


def take(db: Database, *, at=NOW, token: str = "t", topics=TOPICS) -> Message | None:
    with db.write() as tx:
        return outbox.claim(tx, topics=topics, at=at, lease=LEASE, token=token)


def finish(db: Database, message: Message) -> None:
    with db.write() as tx:
        outbox.complete(tx, message, at=NOW)


def give_up(db: Database, message: Message) -> None:
    with db.write() as tx:
        outbox.fail(tx, message, at=NOW, error="archive away", retry_at=None)


def test_a_row_comes_back_as_it_was_put_in_and_only_once(db) -> None:
    number = add(db, "main:E1", other_key="main:E2")
    assert take(db) == Message(
        id=number,
        topic="archive",
        key="main:E1",
        other_key="main:E2",
        payload={"n": [1, None]},
        attempts=1,
        lease_token="t",
    )
    assert take(db) is None


def test_a_row_of_a_transaction_that_fails_does_not_exist(db) -> None:
    def enqueue_and_fail(tx) -> None:
        outbox.enqueue(tx, topic="archive", key="k", payload={}, at=NOW)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.run_write(enqueue_and_fail)
    assert take(db) is None


@pytest.mark.parametrize(
    ("rows", "claimable"),
    [
        ([("a", None), ("a", None)], [0]),  # one stream
        ([("a", None), ("b", None)], [0, 1]),  # two streams
        ([("a", "b"), ("b", None)], [0]),  # a merge holds back both its streams ...
        ([("a", "b"), ("a", None)], [0]),
        ([("a", None), ("b", None), ("a", "b")], [0, 1]),  # ... and waits for both
        ([("b", None), ("a", "b"), ("a", None)], [0]),
        ([("a", "b"), ("c", "d")], [0, 1]),
        ([("a", "b"), ("b", "a")], [0]),
    ],
)
def test_no_row_is_claimed_while_an_older_open_one_has_one_of_its_keys(db, rows, claimable) -> None:
    numbers = [add(db, key, other_key=other) for key, other in rows]
    taken = []
    while message := take(db):
        taken.append(numbers.index(message.id))
    assert taken == claimable


def test_a_row_runs_when_the_one_before_it_is_done(db) -> None:
    first, second = add(db, "a"), add(db, "a")
    message = take(db)
    assert message is not None
    assert message.id == first
    finish(db, message)
    following = take(db)
    assert following is not None
    assert following.id == second


def test_rows_of_topics_without_a_handler_are_left_alone_and_keep_their_place(db) -> None:
    add(db, "a", topic="fhir")
    add(db, "a", topic="archive")
    assert take(db) is None, "the older row of this key waits for a worker that knows its topic"
    assert take(db, topics=["fhir"]) is not None
    assert take(db, topics=[]) is None


def test_a_row_is_not_due_before_its_time(db) -> None:
    add(db, "a", at=NOW + timedelta(seconds=1))
    with db.read() as tx:
        assert not outbox.due(tx, topics=TOPICS, at=NOW)
        assert outbox.due(tx, topics=TOPICS, at=NOW + timedelta(seconds=1))
    assert take(db) is None


def test_after_its_lease_a_row_is_another_workers_and_the_late_one_is_refused(db) -> None:
    add(db, "a")
    late = take(db, token="late")
    assert take(db, at=NOW + LEASE - timedelta(microseconds=1), token="next") is None
    following = take(db, at=NOW + LEASE, token="next")
    assert late is not None
    assert following is not None
    assert following.attempts == 2
    with pytest.raises(LeaseLost):
        finish(db, late)
    with pytest.raises(LeaseLost):
        give_up(db, late)
    finish(db, following)
    with pytest.raises(LeaseLost):
        finish(db, following)


def test_a_failed_row_waits_and_holds_back_its_stream(db) -> None:
    add(db, "a")
    add(db, "a")
    message = take(db)
    with db.write() as tx:
        outbox.fail(tx, message, at=NOW, error="away", retry_at=NOW + timedelta(seconds=5))
    assert take(db) is None
    again = take(db, at=NOW + timedelta(seconds=5))
    assert again is not None
    assert again.id == message.id
    assert again.attempts == 2


def test_a_row_whose_workers_never_come_back_is_given_up(db) -> None:
    add(db, "a")
    for attempt in range(outbox.ATTEMPTS_ALLOWED):
        assert take(db, at=NOW + attempt * LEASE) is not None
    assert take(db, at=NOW + outbox.ATTEMPTS_ALLOWED * LEASE) is None
    with db.read() as tx:
        (dead,) = outbox.dead_letters(tx)
    assert dead.attempts == outbox.ATTEMPTS_ALLOWED
    assert dead.dead_at == NOW + outbox.ATTEMPTS_ALLOWED * LEASE


@pytest.mark.parametrize(("act", "next_in_line"), [("replay", 0), ("discard", 1)])
def test_a_dead_row_holds_its_stream_until_an_operator_acts(db, act, next_in_line) -> None:
    numbers = [add(db, "a"), add(db, "a")]
    give_up(db, take(db))
    assert take(db) is None
    with db.read() as tx:
        (dead,) = outbox.dead_letters(tx)
    assert (dead.id, dead.error) == (numbers[0], "archive away")
    with db.write() as tx:
        getattr(outbox, act)(tx, dead.id, at=NOW)
    with db.read() as tx:
        assert outbox.dead_letters(tx) == ()
    message = take(db)
    assert message is not None
    assert message.id == numbers[next_in_line]
    assert message.attempts == 1


def test_only_a_dead_row_can_be_replayed_or_discarded(db) -> None:
    number = add(db, "a")
    for act in (outbox.replay, outbox.discard):
        with pytest.raises(NotFound), db.write() as tx:
            act(tx, number, at=NOW)
    with db.read() as tx:
        assert tx.execute(select(table.c.done_at)).scalar_one() is None


@pytest.mark.needs("postgresql")
def test_postgresql_skips_what_another_transaction_is_claiming(postgresql_db) -> None:
    first, second = add(postgresql_db, "a"), add(postgresql_db, "b")
    with postgresql_db.write() as tx:
        mine = outbox.claim(tx, topics=TOPICS, at=NOW, lease=LEASE, token="one")
        theirs = take(postgresql_db, token="two")
        assert (mine.id, theirs.id) == (first, second)


@given(attempts=st.integers(1, 40), chance=st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_an_hour_and_end(attempts: int, chance: float) -> None:
    due = outbox.retry_at(attempts=attempts, at=NOW, chance=chance)
    if attempts >= outbox.ATTEMPTS_ALLOWED:
        assert due is None
        return
    assert due is not None
    longest = min(timedelta(seconds=2 ** (attempts - 1)), timedelta(hours=1))
    assert longest * 0.75 <= due - NOW <= longest
