"""Reading a decision as it was made: its outcome, its evidence in bits, and the question it raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from mpi.flows.told import last_decision
from mpi.store.tables import decision, review, source_record


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """`match_weight` and `margin` are bits, None where nobody was compared. `resembles`: the source record
    that the weight is about. `review_kind` (1 to 10) is that of the question raised, None without one.
    """

    decision_id: str
    outcome: str
    match_weight: float | None
    margin: float | None
    levels: tuple[dict[str, Any], ...]
    reasons: tuple[str, ...]
    resembles: str | None
    review_kind: int | None


def last_about(tx: Connection, *, authority: str, local_id: str) -> DecisionView | None:
    """The newest decision about a source record; None for one never told."""
    row = tx.execute(
        select(decision, review.c.kind)
        .select_from(source_record)
        .join(decision, decision.c.decision_id == last_decision(source_record.c.record_id))
        .outerjoin(review, review.c.decision_id == decision.c.decision_id)
        .where(source_record.c.authority == authority, source_record.c.local_id == local_id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    considered = row.candidates["considered"]
    return DecisionView(
        decision_id=row.decision_id,
        outcome=row.outcome,
        match_weight=row.match_weight,
        margin=row.margin,
        levels=tuple(row.evidence["levels"]),
        reasons=tuple(row.reasons),
        resembles=considered[0]["record_id"] if considered else None,
        review_kind=row.kind,
    )
