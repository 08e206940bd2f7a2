"""Reading one source record, and one identity with its records. Examinations are in `studies`.

Views are of today: an old identity id leads to the one that answers for it. Who may see what is decided at
the door; nothing here filters or hides.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select, union

from mpi.flows.reviews import ASKING, OPEN_STATES
from mpi.flows.told import DEFERRED, last_decision
from mpi.store.tables import decision, identity, membership, record_version, review, source_record


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """A source record as last told, and the identity it belongs to today. `raw` is the stored form."""

    record_id: str
    authority: str
    local_id: str
    identity_id: str
    provisional: bool
    version: int
    told_at: datetime
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityView:
    """An identity and its records, oldest first. `asked` is the id asked for, `identity_id` the survivor."""

    asked: str
    identity_id: str
    records: tuple[RecordView, ...]

    @property
    def merged_into(self) -> str | None:
        """The survivor, when the id asked for is an old one."""
        return self.identity_id if self.identity_id != self.asked else None

    @property
    def provisional(self) -> bool:
        """A clerk is asked about one of its records."""
        return any(record.provisional for record in self.records)


def record_view(tx: Connection, *, authority: str, local_id: str) -> RecordView | None:
    """The source record that `authority` holds under `local_id`; None if it never told one."""
    found = tx.execute(
        _records().where(source_record.c.authority == authority, source_record.c.local_id == local_id)
    ).one_or_none()
    return _record_views(tx, [found])[0] if found else None


def survivor_of(tx: Connection, identity_id: str) -> str | None:
    """The id that answers for `identity_id` today; None when it was never given."""
    return tx.execute(
        select(membership.c.identity_id)
        .join(identity, identity.c.record_id == membership.c.record_id)
        .where(identity.c.identity_id == identity_id)
    ).scalar_one_or_none()


def identity_view(tx: Connection, identity_id: str) -> IdentityView | None:
    """The identity that answers for `identity_id` today, with its records; None when it was never given."""
    survivor = survivor_of(tx, identity_id)
    if survivor is None:
        return None
    rows = tx.execute(
        _records()
        .where(membership.c.identity_id == survivor)
        .order_by(source_record.c.created_at, source_record.c.record_id)
    ).all()
    return IdentityView(asked=identity_id, identity_id=survivor, records=tuple(_record_views(tx, rows)))


def outcome_of(tx: Connection, decision_id: str) -> str:
    """How that decision came out, in the words of `identify`. Raises NoResultFound for no such decision."""
    outcome: str = tx.execute(
        select(decision.c.outcome).where(decision.c.decision_id == decision_id)
    ).scalar_one()
    return "new" if outcome == DEFERRED else outcome


def _records() -> Select[Any]:
    return (
        select(
            source_record.c.record_id,
            source_record.c.authority,
            source_record.c.local_id,
            source_record.c.version,
            record_version.c.told_at,
            record_version.c.raw,
            membership.c.identity_id,
        )
        .join(membership, membership.c.record_id == source_record.c.record_id)
        .join(
            record_version,
            (record_version.c.record_id == source_record.c.record_id)
            & (record_version.c.version == source_record.c.version),
        )
    )


def _provisional(tx: Connection, records: Collection[str]) -> set[str]:
    """Those of `records` about which a clerk is asked, or whose scoring is still to come."""
    asked = select(review.c.record_id).where(
        review.c.record_id.in_(records), review.c.kind.in_(ASKING), review.c.state.in_(OPEN_STATES)
    )
    deferred = (
        select(source_record.c.record_id)
        .select_from(source_record)
        .join(decision, decision.c.decision_id == last_decision(source_record.c.record_id))
        .where(source_record.c.record_id.in_(records), decision.c.outcome == DEFERRED)
    )
    return set(tx.execute(union(asked, deferred)).scalars())


def _record_views(tx: Connection, rows: Sequence[Row[Any]]) -> list[RecordView]:
    provisional = _provisional(tx, [row.record_id for row in rows])
    return [
        RecordView(
            record_id=row.record_id,
            authority=row.authority,
            local_id=row.local_id,
            identity_id=row.identity_id,
            provisional=row.record_id in provisional,
            version=row.version,
            told_at=row.told_at,
            raw=row.raw,
        )
        for row in rows
    ]
