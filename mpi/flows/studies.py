"""Studies hang on the source record that they came with; whose they are today follows from the links
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select

from mpi.flows.requests import StudyRef
from mpi.flows.reviews import open_question
from mpi.flows.told import DEFERRED, last_decision
from mpi.store.tables import authority, decision, membership, source_record, study


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredStudy:
    """Which identity a study should carry.

    `authority`, `authority_label`, `authority_oid` (None = none declared) and `local_id` are those of the
    source record that it is pinned to; `identity_id` is today's survivor. `a_id` is that of the pinned
    decision, so that a study sent again is rewritten to the same bytes; None where that decision had
    none. `decided_at` is when that decision was made. `archive` None = the default one. `provisional`: a
    clerk is asked, or scoring is still to come. `study_at` None = not told.
    """

    study_instance_uid: str
    record_id: str
    authority: str
    authority_label: str
    authority_oid: str | None
    local_id: str
    identity_id: str
    provisional: bool
    a_id: str | None
    decision_id: str
    decided_at: datetime
    archive: str | None
    unidentified: bool
    modality: str | None
    study_at: datetime | None
    description: str | None
    accession_number: str | None


_newest = decision.alias("newest")
_DESIRED: Select[Any] = (
    select(
        study,
        source_record.c.authority,
        source_record.c.local_id,
        source_record.c.unidentified,
        authority.c.label,
        authority.c.oid,
        membership.c.identity_id,
        decision.c.at.label("decided_at"),
        decision.c.evidence,
        _newest.c.outcome,
        open_question(source_record.c.record_id).label("review_id"),
    )
    .select_from(study)
    .join(source_record, source_record.c.record_id == study.c.record_id)
    .join(authority, authority.c.authority == source_record.c.authority)
    .join(membership, membership.c.record_id == study.c.record_id)
    .join(decision, decision.c.decision_id == study.c.decision_id)
    .join(_newest, _newest.c.decision_id == last_decision(source_record.c.record_id))
)
_ONE = _DESIRED.where(study.c.study_instance_uid == bindparam("study"))
_ALL = _DESIRED.where(membership.c.identity_id == bindparam("identity")).order_by(
    study.c.study_at.is_(None), study.c.study_at, study.c.study_instance_uid
)


def desired(tx: Connection, study_instance_uid: str) -> DesiredStudy | None:
    """The identity that a study should carry now; None for a study that was never told."""
    row = tx.execute(_ONE, {"study": study_instance_uid}).one_or_none()
    return None if row is None else _desired(row)


def studies_of(tx: Connection, identity_id: str) -> tuple[DesiredStudy, ...]:
    """All examinations of an identity in time order, those without a time last; empty for a retired id."""
    return tuple(_desired(row) for row in tx.execute(_ALL, {"identity": identity_id}))


def pin(tx: Connection, told: StudyRef, *, record_id: str, decision_id: str, at: datetime) -> None:
    """Hangs a new study on the source record that it came with, under the decision that identified it."""
    tx.execute(
        insert(study),
        {
            "study_instance_uid": told.study_instance_uid,
            "record_id": record_id,
            "decision_id": decision_id,
            "archive": told.archive,
            "modality": told.modality,
            "study_at": told.at,
            "description": told.description,
            "accession_number": told.accession_number,
            "first_seen_at": at,
        },
    )


_LAST = (
    select(func.max(study.c.study_at))
    .join(membership, membership.c.record_id == study.c.record_id)
    .where(membership.c.identity_id == bindparam("identity"))
)


def last_day(tx: Connection, identity_id: str) -> date | None:
    """The day of an identity's last examination; None where none was told."""
    last = tx.execute(_LAST, {"identity": identity_id}).scalar_one()
    return None if last is None else last.date()


_OF_IDENTITY = (
    select(study.c.study_instance_uid)
    .join(membership, membership.c.record_id == study.c.record_id)
    .where(membership.c.identity_id.in_(bindparam("identities", expanding=True)))
    .order_by(study.c.study_instance_uid)
)


def uids_of(tx: Connection, *identities: str) -> tuple[str, ...]:
    """The Study Instance UIDs of these identities, sorted."""
    return tuple(tx.execute(_OF_IDENTITY, {"identities": identities}).scalars())


def _desired(row: Row[Any]) -> DesiredStudy:
    return DesiredStudy(
        study_instance_uid=row.study_instance_uid,
        record_id=row.record_id,
        authority=row.authority,
        authority_label=row.label,
        authority_oid=row.oid,
        local_id=row.local_id,
        identity_id=row.identity_id,
        provisional=row.review_id is not None or row.outcome == DEFERRED,
        a_id=row.evidence.get("a_id"),
        decision_id=row.decision_id,
        decided_at=row.decided_at,
        archive=row.archive,
        unidentified=row.unidentified,
        modality=row.modality,
        study_at=row.study_at,
        description=row.description,
        accession_number=row.accession_number,
    )
