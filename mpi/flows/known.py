"""A record that is known and unchanged: the answer is there, and only a new study is something to write."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mpi.errors import RecordedConflict
from mpi.flows import reviews, studies
from mpi.flows.admission import Admitted
from mpi.flows.matcher import Ids, Matcher
from mpi.flows.requests import IdentifyAnswer
from mpi.flows.told import Seen
from mpi.ledger.entries import append
from mpi.security.nir_guard import count_hits


def answer_known(
    tx: Connection, admitted: Admitted, seen: Seen, matcher: Matcher, *, at: datetime, ids: Ids
) -> IdentifyAnswer:
    """The identity of today, without comparing. Pins a new study; counts what the NIR guard removed.

    Raises RecordedConflict when the study hangs on another record.
    """
    assert seen.record_id is not None
    assert seen.identity_id is not None
    assert seen.decision_id is not None
    if admitted.dropped:
        count_hits(tx, admitted.dropped, door=admitted.request.door, at=at)
    study = admitted.study
    if study is not None and seen.pinned_to is None:
        studies.pin(tx, study, record_id=seen.record_id, decision_id=seen.decision_id, at=at)
        append(tx, _entry(admitted, seen, ids, action="pin study"), at=at, salt=ids.salt())
    elif study is not None and seen.pinned_to != seen.record_id:
        raise conflict(study.study_instance_uid, review_id=_asked(tx, admitted, seen, at=at, ids=ids))
    a_id, _ = matcher.a_id(admitted.raw, at=at)
    return IdentifyAnswer(
        outcome="known",
        identity_id=seen.identity_id,
        provisional=seen.provisional,
        a_id=a_id,
        review_id=seen.review_id,
        decision_id=seen.decision_id,
        match_weight=None,
        match_probability=None,
        margin=None,
        model=matcher.model.version,
        dropped=admitted.dropped,
    )


def conflict(study_instance_uid: str, *, review_id: str) -> RecordedConflict:
    """One study, two source records: the first keeps it, a clerk decides."""
    return RecordedConflict(
        "This study came with another record before.",
        study_instance_uid=study_instance_uid,
        review_id=review_id,
    )


def _asked(tx: Connection, admitted: Admitted, seen: Seen, *, at: datetime, ids: Ids) -> str:
    """The open review about this record in this study; the same statement again changes nothing."""
    assert admitted.study is not None
    assert seen.record_id is not None
    assert seen.decision_id is not None
    assert seen.identity_id is not None
    assert seen.pinned_to is not None
    uid = admitted.study.study_instance_uid
    already = reviews.open_about_study(tx, record_id=seen.record_id, study_instance_uid=uid)
    if already is not None:
        return already
    question = reviews.other_record_in_study(
        uid, identity_id=seen.identity_id, record_id=seen.record_id, pinned_to=seen.pinned_to
    )
    review_id = reviews.ask(
        tx, question, record_id=seen.record_id, decision_id=seen.decision_id, new_id=ids.uuid, at=at
    )
    entry = _entry(admitted, seen, ids, action="study conflict") | {"context": {"study_review_id": review_id}}
    append(tx, entry, at=at, salt=ids.salt())
    return review_id


def _entry(admitted: Admitted, seen: Seen, ids: Ids, *, action: str) -> dict[str, Any]:
    """The ledger entry of a study that came with a known record."""
    actor, study = admitted.request.actor, admitted.study
    return {
        "entry_id": ids.uuid(),
        "actor": {"actor_id": actor.actor_id, "address": actor.address},
        "action": action,
        "subjects": {
            "records": [one for one in (seen.record_id, seen.pinned_to) if one],
            "identities": [seen.identity_id],
            "studies": [study.study_instance_uid] if study else [],
        },
        "evidence": {"decision_id": seen.decision_id},
        "transport": {
            "door": admitted.request.door,
            "idempotency_key": admitted.request.idempotency_key,
        },
    }
