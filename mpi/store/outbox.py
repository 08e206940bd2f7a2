"""Effects on the outside world, written in the transaction that causes them and carried out afterwards.

A row is claimed under a lease and done when its handler has come back. No row is claimed while an older
open row has one of its keys, so rows of one key run in order, a dead one in front included: it waits for an
operator. A row may run more than once (a worker can die between effect and completion), so its id travels
as message id.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, update

from mpi.errors import Conflict, NotFound
from mpi.store.tables import outbox

ATTEMPTS_ALLOWED = 12
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=1)
SPREAD = (
    0.25  # part of a pause that is left to chance, so that rows which failed together do not return together
)


class LeaseLost(Conflict):
    """The lease ran out and somebody else has the row: this worker's word no longer counts."""

    code = "lease-lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One row under lease. `attempts` counts this one; `other_key` is None unless two streams are meant."""

    id: int
    topic: str
    key: str
    other_key: str | None
    payload: Any
    attempts: int
    lease_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One row that was given up, as an operator sees it: never its payload."""

    id: int
    topic: str
    attempts: int
    dead_at: datetime
    error: str | None


def enqueue(
    tx: Connection,
    *,
    topic: str,
    key: str,
    payload: Mapping[str, Any],
    at: datetime,
    other_key: str | None = None,
) -> int:
    """Adds one row, due at `at`, and returns its id.

    `key` names recipient and identity; a merge names its second identity in `other_key`. Two transactions
    that write rows of one key must exclude each other (they hold the lock of that identity), or their order
    is open.
    """
    row = outbox.insert().values(
        topic=topic, key=key, other_key=other_key, payload=dict(payload), available_at=at, attempts=0
    )
    return int(tx.execute(row.returning(outbox.c.id)).scalar_one())


def due(tx: Connection, *, topics: Collection[str], at: datetime) -> bool:
    """Whether a claim would find a row; writes nothing."""
    return tx.execute(_due(topics, at).limit(1)).first() is not None


def claim(
    tx: Connection, *, topics: Collection[str], at: datetime, lease: timedelta, token: str
) -> Message | None:
    """The oldest due row of these topics, leased until `at` + `lease` under `token`; None when there is none.

    `token` is new for every claim: it is the fence that a late worker runs into. A row whose lease ran out
    for the last time allowed is given up instead.
    """
    spent = and_(
        outbox.c.done_at.is_(None),
        outbox.c.dead_at.is_(None),
        outbox.c.topic.in_(sorted(topics)),
        outbox.c.lease_until <= at,
        outbox.c.attempts >= ATTEMPTS_ALLOWED,
    )
    tx.execute(update(outbox).where(spent).values(dead_at=at, error="no worker came back with it"))
    found = tx.execute(_due(topics, at).limit(1).with_for_update(skip_locked=True)).scalar_one_or_none()
    if found is None:
        return None
    leased = (
        update(outbox)
        .where(outbox.c.id == found)
        .values(lease_until=at + lease, lease_token=token, attempts=outbox.c.attempts + 1)
        .returning(*(outbox.c[name] for name in Message.__slots__))
    )
    return Message(**tx.execute(leased).mappings().one())


def complete(tx: Connection, message: Message, *, at: datetime) -> None:
    """The effect has been made. Raises LeaseLost when another worker has the row by now."""
    _settle(tx, message, done_at=at, error=None)


def fail(tx: Connection, message: Message, *, at: datetime, error: str, retry_at: datetime | None) -> None:
    """The effect could not be made: due again at `retry_at`, or given up at `at` when that is None.

    `error` is for operators and holds no trait. Raises LeaseLost when another worker has the row by now.
    """
    if retry_at is None:
        _settle(tx, message, dead_at=at, error=error)
    else:
        _settle(tx, message, available_at=retry_at, error=error)


def retry_at(*, attempts: int, at: datetime, chance: float) -> datetime | None:
    """When to try again after so many attempts: pauses double up to an hour; None after the last one allowed.

    `chance`, in [0, 1), takes up to a quarter off the pause.
    """
    if attempts >= ATTEMPTS_ALLOWED:
        return None
    pause: timedelta = min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)
    return at + pause * (1 - SPREAD * chance)


def dead_letters(tx: Connection, *, limit: int = 100) -> tuple[DeadLetter, ...]:
    """Rows that were given up and wait for an operator, oldest first."""
    columns = [outbox.c[name] for name in DeadLetter.__slots__]
    query = select(*columns).where(outbox.c.dead_at.is_not(None), outbox.c.done_at.is_(None))
    return tuple(DeadLetter(**row) for row in tx.execute(query.order_by(outbox.c.id).limit(limit)).mappings())


def replay(tx: Connection, message_id: int, *, at: datetime) -> None:
    """Makes a dead row due again with all its attempts. Raises NotFound when there is no such dead row."""
    _revive(tx, message_id, dead_at=None, available_at=at, attempts=0, lease_until=None, lease_token=None)


def discard(tx: Connection, message_id: int, *, at: datetime) -> None:
    """Closes a dead row without its effect; what waits behind it may run. Raises NotFound."""
    _revive(tx, message_id, done_at=at)


def _due(topics: Collection[str], at: datetime) -> Select[tuple[int]]:
    older = outbox.alias("older")

    def blocks(key: ColumnElement[str | None]) -> ColumnElement[bool]:
        shared = key.in_([outbox.c.key, outbox.c.other_key])
        return select(older.c.id).where(older.c.done_at.is_(None), older.c.id < outbox.c.id, shared).exists()

    return (
        select(outbox.c.id)
        .where(
            outbox.c.done_at.is_(None),
            outbox.c.dead_at.is_(None),
            outbox.c.topic.in_(sorted(topics)),
            outbox.c.available_at <= at,
            or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= at),
            ~blocks(older.c.key),
            ~blocks(older.c.other_key),
        )
        .order_by(outbox.c.id)
    )


def _settle(tx: Connection, message: Message, **values: object) -> None:
    mine = and_(
        outbox.c.id == message.id,
        outbox.c.lease_token == message.lease_token,
        outbox.c.done_at.is_(None),
        outbox.c.dead_at.is_(None),
    )
    settled = tx.execute(update(outbox).where(mine).values(lease_until=None, lease_token=None, **values))
    if settled.rowcount != 1:
        raise LeaseLost("Another worker has this message.", message_id=message.id)


def _revive(tx: Connection, message_id: int, **values: object) -> None:
    dead = and_(outbox.c.id == message_id, outbox.c.dead_at.is_not(None), outbox.c.done_at.is_(None))
    if tx.execute(update(outbox).where(dead).values(**values)).rowcount != 1:
        raise NotFound("No dead message has this number.", message_id=message_id)
