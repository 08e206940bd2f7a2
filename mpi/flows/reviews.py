"""Reviews: questions for a clerk, raised by the flows, closed by a decision or when their evidence
vanishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Text,
    and_,
    cast,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from mpi.store.tables import membership, review


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of review. `record`: it asks about a record, so its identity is
    provisional.
    """

    number: int
    name: str
    age_target: timedelta
    record: bool


_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
KINDS = {
    kind.number: kind
    for kind in (
        Kind(1, "identifier conflict", 4 * _HOUR, False),
        Kind(2, "suspected overlay", 4 * _HOUR, True),
        Kind(3, "contested link", _DAY, True),
        Kind(4, "possible overlap", 3 * _DAY, True),
        Kind(5, "possible duplicate", 5 * _DAY, True),
        Kind(6, "changed data", 5 * _DAY, True),
        Kind(7, "oversize group", 10 * _DAY, False),
        Kind(8, "study conflict", 4 * _HOUR, False),
        Kind(9, "archive task", _DAY, False),
        Kind(10, "unidentified patient", _DAY, True),
    )
}
OVERLAY, CONTESTED, OVERLAP, DUPLICATE, CHANGED, STUDY, UNIDENTIFIED = 2, 3, 4, 5, 6, 8, 10
ASKING = tuple(number for number, kind in KINDS.items() if kind.record)
RESEMBLING = (CONTESTED, OVERLAP, DUPLICATE)  # raised and closed by comparing with others

OPEN_STATES = ("open", "claimed", "deferred", "proposed")
CLOSED = "closed"


# Conditions with their values written out: part of the one read of the usual case, prepared once.
IS_OPEN = review.c.state.in_([literal_column(f"'{state}'") for state in OPEN_STATES])
IS_ASKING = review.c.kind.in_([literal_column(str(number)) for number in ASKING])


def open_question(record_id: ColumnElement[str]) -> ScalarSelect[str]:
    """The id of the open question about a source record, as part of a query; null without one."""
    about = select(review.c.review_id).where(review.c.record_id == record_id, IS_OPEN, IS_ASKING)
    return about.limit(1).scalar_subquery()


def rank(number: int) -> tuple[timedelta, int]:
    """Order of the kinds: shortest age target first, then number."""
    return KINDS[number].age_target, number


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to ask. `group_key` names the group of records: the identity most resembled, or the study.

    `identities` and `records` are what the clerk will see side by side, the asking ones first.
    `match_weight` in bits, None where nothing was compared. `reason` is a stable code.
    """

    kind: int
    group_key: str
    identities: tuple[str, ...]
    records: tuple[str, ...]
    reason: str
    match_weight: float | None = None
    study_instance_uid: str | None = None


def ask(
    tx: Connection,
    question: Question,
    *,
    record_id: str,
    decision_id: str,
    new_id: Callable[[], str],
    at: datetime,
    vanished: Sequence[int] = (),
) -> str:
    """Opens a review about `record_id`, or gives new evidence to the one that is open; its id.

    One record has one open question: the kind of higher rank wins, save that a kind whose evidence has
    `vanished` gives way, and every reason stays listed. A study conflict is a question about the study and
    stands beside it.
    """
    mine = review.c.study_instance_uid == question.study_instance_uid if question.kind == STUDY else IS_ASKING
    known = tx.execute(
        select(review.c.review_id, review.c.kind, review.c.reason, review.c.version)
        .where(review.c.record_id == record_id, IS_OPEN, mine)
        .with_for_update()
    ).first()
    asked = {
        "group_key": question.group_key,
        "identities": list(question.identities),
        "records": list(question.records),
        "decision_id": decision_id,
        "match_weight": question.match_weight,
    }
    if known is None:
        review_id = new_id()
        tx.execute(
            insert(review),
            {
                **asked,
                "review_id": review_id,
                "kind": question.kind,
                "state": "open",
                "record_id": record_id,
                "study_instance_uid": question.study_instance_uid,
                "reason": question.reason,
                "opened_at": at,
                "version": 1,
            },
        )
        return review_id
    reasons = known.reason.split()
    if question.reason not in reasons:
        reasons.append(question.reason)
    tx.execute(
        update(review)
        .where(review.c.review_id == known.review_id)
        .values(
            **asked,
            kind=question.kind if known.kind in vanished else min(known.kind, question.kind, key=rank),
            reason=" ".join(reasons),
            version=known.version + 1,
        )
    )
    return str(known.review_id)


def other_record_in_study(
    study_instance_uid: str, *, identity_id: str, record_id: str, pinned_to: str
) -> Question:
    """Asks about a study that came with `record_id` and hangs on the source record `pinned_to`."""
    return Question(
        kind=STUDY,
        group_key=study_instance_uid,
        identities=(identity_id,),
        records=(record_id, pinned_to),
        reason="other-record-in-study",
        study_instance_uid=study_instance_uid,
    )


def open_about_study(tx: Connection, *, record_id: str, study_instance_uid: str) -> str | None:
    """The id of the open study conflict about this record in this study, None without one."""
    return tx.execute(
        select(review.c.review_id).where(
            review.c.record_id == record_id,
            review.c.study_instance_uid == study_instance_uid,
            review.c.kind == STUDY,
            IS_OPEN,
        )
    ).scalar()


def close(
    tx: Connection, *, record_id: str, kinds: Sequence[int], reason: str, at: datetime
) -> tuple[str, ...]:
    """Closes the open reviews of these kinds about a record, because their evidence vanished; their ids."""
    rows = tx.execute(
        update(review)
        .where(
            review.c.record_id == record_id,
            IS_OPEN,
            review.c.kind.in_(kinds),
        )
        .values(state=CLOSED, closed_at=at, closed_reason=reason, version=review.c.version + 1)
        .returning(review.c.review_id)
    )
    return tuple(sorted(rows.scalars()))


def close_answered(tx: Connection, *, identity_id: str, at: datetime) -> tuple[str, ...]:
    """Closes the reviews whose records are all one identity by now; their ids."""
    asked = tx.execute(
        select(review.c.review_id, review.c.record_id, review.c.records)
        .join(membership, membership.c.record_id == review.c.record_id)
        .where(
            membership.c.identity_id == identity_id,
            IS_OPEN,
            review.c.kind.in_(RESEMBLING),
        )
    ).all()
    closed: list[str] = []
    for row in asked:
        held = select(membership.c.identity_id).where(membership.c.record_id.in_(row.records)).distinct()
        if set(tx.execute(held).scalars()) == {identity_id}:
            closed += close(
                tx,
                record_id=row.record_id,
                kinds=RESEMBLING,
                reason="joined",
                at=at,
            )
    return tuple(sorted(closed))


def askers(tx: Connection, identities: Iterable[str]) -> tuple[str, ...]:
    """Ids of the records whose open question shows one of these identities: to be scored again.

    A contested link shows several; the others only the one that they are grouped by.
    """
    wanted = sorted(identities)
    shows = or_(*(cast(review.c.identities, Text).contains(f'"{one}"') for one in wanted))
    rows = tx.execute(
        select(review.c.record_id)
        .where(
            IS_OPEN,
            or_(
                and_(review.c.group_key.in_(wanted), review.c.kind.in_(RESEMBLING)),
                and_(review.c.kind == CONTESTED, shows),
            ),
        )
        .distinct()
    )
    return tuple(sorted(rows.scalars()))
