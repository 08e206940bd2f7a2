"""Who is in which identity: a derived table, kept by the flows and rebuilt by folding the assertions
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, update

from mpi.rules.assertions import Assertion, Link, Minted, NotSame, Partition, Retract, fold
from mpi.store.tables import assertion, identity, membership, source_record

_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Apart:
    """Identities that one identity may not join: a person said not the same, or took a link back."""

    not_same: frozenset[str] = field(default=frozenset())
    barred: frozenset[str] = field(default=frozenset())


NOBODY = Apart()

_MEMBERS = select(membership.c.record_id).where(membership.c.identity_id == bindparam("identity_id"))
_IDENTITY_OF = select(membership.c.identity_id).where(membership.c.record_id == bindparam("record_id"))


_MINT, _JOIN = insert(identity), insert(membership)


def members(tx: Connection, identity_id: str) -> frozenset[str]:
    """Ids of the source records of an identity; empty for one that was retired or never minted."""
    return frozenset(tx.execute(_MEMBERS, {"identity_id": identity_id}).scalars())


def identity_of(tx: Connection, record_id: str) -> str | None:
    """The identity of a source record today; None for no such record."""
    return tx.execute(_IDENTITY_OF, {"record_id": record_id}).scalar_one_or_none()


def apart(tx: Connection, identity_id: str) -> Apart:
    """The identities that a standing not-same or a retracted link keeps from this one."""
    inside = members(tx, identity_id)
    taken_back = assertion.alias("taken_back")
    rows = tx.execute(
        select(assertion.c.kind, assertion.c.record_a, assertion.c.record_b, taken_back.c.assertion_id)
        .outerjoin(taken_back, taken_back.c.retracts == assertion.c.assertion_id)
        .where(
            assertion.c.kind.in_(("link", "not_same")),
            or_(assertion.c.record_a.in_(inside), assertion.c.record_b.in_(inside)),
        )
    ).all()
    ends: dict[str, set[str]] = {"not_same": set(), "link": set()}
    for kind, record_a, record_b, taken_back_by in rows:
        stands = taken_back_by is None
        if stands == (kind == "not_same"):
            ends[kind] |= {record_a, record_b} - inside
    outside = ends["not_same"] | ends["link"]
    if not outside:
        return NOBODY
    held = select(membership.c.record_id, membership.c.identity_id).where(membership.c.record_id.in_(outside))
    identity_by_record = {row.record_id: row.identity_id for row in tx.execute(held)}
    return Apart(
        not_same=frozenset(identity_by_record[record] for record in ends["not_same"]),
        barred=frozenset(identity_by_record[record] for record in ends["link"]),
    )


def lock(tx: Connection, identities: Iterable[str]) -> None:
    """Keeps others from merging or unmerging these identities until the transaction ends, in id order.

    On SQLite nobody else writes anyway.
    """
    if tx.dialect.name == "postgresql":
        held = select(identity.c.identity_id).where(identity.c.identity_id.in_(sorted(identities)))
        tx.execute(held.order_by(identity.c.identity_id).with_for_update()).all()


def older(tx: Connection, *, identity_a: str, identity_b: str) -> tuple[str, str]:
    """(survivor, retired): the id that was minted first survives."""
    both = select(identity.c.identity_id).where(identity.c.identity_id.in_((identity_a, identity_b)))
    survivor, retired = tx.execute(both.order_by(identity.c.position, identity.c.identity_id)).scalars()
    return survivor, retired


def mint(tx: Connection, *, identity_id: str, record_id: str, position: int, at: datetime) -> None:
    """A new identity with one record; `position` of the ledger entry that says so."""
    tx.execute(
        _MINT,
        {"identity_id": identity_id, "record_id": record_id, "position": position, "minted_at": at},
    )
    tx.execute(_JOIN, {"record_id": record_id, "identity_id": identity_id})


def join(tx: Connection, *, record_id: str, identity_id: str) -> None:
    """Puts a record that has no identity yet into one. Right for an automatic link said last with no not-same
    between the two, which then joins whatever was said before.
    """
    tx.execute(_JOIN, {"record_id": record_id, "identity_id": identity_id})


def merge(tx: Connection, *, survivor: str, retired: str) -> None:
    """Moves the records of one identity to another; right under the same condition as `join`."""
    tx.execute(update(membership).where(membership.c.identity_id == retired).values(identity_id=survivor))


def replay(tx: Connection) -> Partition:
    """The whole index folded from its assertions and minted ids."""
    records = tx.execute(select(source_record.c.record_id)).scalars().all()
    minted = [
        Minted(identity_id=row.identity_id, record_id=row.record_id, position=row.position)
        for row in tx.execute(select(identity))
    ]
    said = [_FROM_ROW[row.kind](row) for row in tx.execute(select(assertion))]
    return fold(records=records, minted=minted, assertions=said)


def rebuild(tx: Connection) -> int:
    """Writes the membership table anew by replaying every assertion; the number of rows written.

    ValueError, and no change, when an identity has no id: an entry that separates must mint.
    """
    told = replay(tx).membership
    nameless = [record_id for record_id, identity_id in told if identity_id is None]
    if nameless:
        raise ValueError(f"{len(nameless)} records have no identity id, the first is {nameless[0]}")
    tx.execute(delete(membership))
    rows = [{"record_id": record_id, "identity_id": identity_id} for record_id, identity_id in told]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        tx.execute(_JOIN, rows[start : start + _ROWS_AT_ONCE])
    return len(rows)


def _link(row: Row[Any]) -> Link:
    return Link(
        assertion_id=row.assertion_id,
        position=row.position,
        record_a=row.record_a,
        record_b=row.record_b,
        manual=row.manual,
    )


def _not_same(row: Row[Any]) -> NotSame:
    return NotSame(
        assertion_id=row.assertion_id, position=row.position, record_a=row.record_a, record_b=row.record_b
    )


def _retract(row: Row[Any]) -> Retract:
    return Retract(assertion_id=row.assertion_id, position=row.position, retracts=row.retracts)


_FROM_ROW: dict[str, Callable[[Row[Any]], Assertion]] = {
    "link": _link,
    "not_same": _not_same,
    "retract": _retract,
}
