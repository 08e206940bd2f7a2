"""A record comes in, with or without a study: who is it? One transaction, committed at the door.

The usual case, a record that is known and unchanged, is one indexed read and no write.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from matching.normalise import normalise
from matching.records import Record
from mpi.flows import effects, evidence, idempotency, instances, judgement, known, partial, reviews, told
from mpi.flows.admission import Admitted, admit, look_up
from mpi.flows.candidates import Keys, keys_of
from mpi.flows.effects import Act, Conclusion, Done
from mpi.flows.judgement import Subject
from mpi.flows.matcher import Ids, Matcher
from mpi.flows.requests import IdentifyAnswer, IdentifyRequest, NirHit, Outcome
from mpi.flows.told import DEFERRED, Seen
from mpi.store.locks import lock_stripes
from mpi.store.tables import blocking_key
from mpi.store.transaction import Contended

__all__ = ["Ids", "identify"]


def identify(
    tx: Connection, request: IdentifyRequest, matcher: Matcher, *, at: datetime, ids: Ids
) -> IdentifyAnswer:
    """The identity of one record, written with everything that led to it.

    Raises Unprocessable for content that breaks a rule, NotAllowed for another's authority;
    RecordedRefusal when the local id is a social security number and RecordedConflict when the study
    hangs on another record: these two are to be committed, since the count and the review must stand.
    Contended when others were in the way.
    """
    until = matcher.clock() + matcher.deadline
    admitted, seen = admit(tx, request, at=at)
    if request.idempotency_key is None:
        return _identify(tx, admitted, seen, matcher, until=until, at=at, ids=ids)
    message: dict[str, Any] = {
        "caller": request.actor.actor_id,
        "key": request.idempotency_key,
        "digest": admitted.request_digest,
    }
    kept = idempotency.answered(tx, **message)
    if kept is not None:
        return _from_kept(kept)
    answer = _identify(tx, admitted, seen, matcher, until=until, at=at, ids=ids)
    idempotency.keep(tx, **message, answer=asdict(answer), at=at)
    return answer


def _identify(
    tx: Connection, admitted: Admitted, seen: Seen, matcher: Matcher, *, until: float, at: datetime, ids: Ids
) -> IdentifyAnswer:
    if seen.digest == admitted.digest:
        return known.answer_known(tx, admitted, seen, matcher, at=at, ids=ids)
    heard = _hear(tx, admitted, seen)
    if tx.dialect.name == "postgresql":  # SQLite lets one transaction write at a time
        seen, heard = _alone(tx, admitted, seen, heard)
        if seen.digest == admitted.digest:
            return known.answer_known(tx, admitted, seen, matcher, at=at, ids=ids)
    if heard.history and heard.history[-1].record in (heard.said, heard.record):
        return known.answer_known(tx, admitted, seen, matcher, at=at, ids=ids)
    study = admitted.study
    subject = Subject(
        record=heard.record,
        record_id=seen.record_id or ids.uuid(),
        identity_id=seen.identity_id or ids.identity(),
        is_new=seen.record_id is None,
        keys=heard.keys,
        history=heard.history,
        unidentified=heard.unidentified,
        encounter_on=study.at.date() if study and study.at else None,
        until=until,
        said=heard.said,
    )
    conclusion = judgement.conclude(tx, subject, matcher, at=at)
    kept = heard.full if conclusion.case.overlay is None else admitted  # never two people in one version
    act = _act(kept, seen, subject, conclusion, waits=instances.waits_for_split(tx, subject.record_id))
    _store(tx, act, conclusion, kept, heard.keys, at=at)
    done = effects.carry_out(tx, act, conclusion, matcher, at=at, ids=ids)
    if study is not None and done.study_review_id is not None:
        raise known.conflict(study.study_instance_uid, review_id=done.study_review_id)
    return _answer(conclusion, done, seen, matcher, dropped=admitted.dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What is told, read beside what was told before.

    `said` is the telling alone; `record`, of `full`, is the telling completed from `history` where it is
    partial, else the same.
    """

    said: Record
    full: Admitted
    record: Record
    keys: Keys
    history: tuple[told.Version, ...]
    unidentified: bool


def _hear(tx: Connection, admitted: Admitted, seen: Seen) -> _Heard:
    said = normalise(admitted.raw, sends_status=seen.sends_status)
    unidentified = admitted.request.unidentified or seen.unidentified
    history: tuple[told.Version, ...] = ()
    full, record = admitted, said
    if seen.record_id is not None:
        history = told.versions(tx, seen.record_id, sends_status=seen.sends_status)
        before = partial.basis(said, history) if admitted.request.partial and not unidentified else None
        if before is not None:
            full = admitted.completed(before)
            record = normalise(full.raw, sends_status=seen.sends_status)
    return _Heard(
        said=said,
        full=full,
        record=record,
        keys=() if unidentified else keys_of(record),
        history=history,
        unidentified=unidentified,
    )


def _alone(tx: Connection, admitted: Admitted, seen: Seen, heard: _Heard) -> tuple[Seen, _Heard]:
    """Serialises with every other arrival of this record, or of one that could be the same person.

    What an earlier holder of the locks committed is heard anew. Raises Contended when that asks for locks
    that are not held.
    """
    hashes = {told.record_lock(admitted.raw), *(hashed for hashed, _ in heard.keys)}
    if seen.record_id is not None:
        hashes |= _keys_held(tx, seen.record_id)
    lock_stripes(tx, hashes)
    now = look_up(tx, admitted.request) or seen
    if now.version == seen.version:
        return now, heard
    again = _hear(tx, admitted, now)
    if not hashes.issuperset(hashed for hashed, _ in again.keys):
        raise Contended("This record is being told by another message.", retry_after=1)
    return now, again


def _keys_held(tx: Connection, record_id: str) -> set[int]:
    held = select(blocking_key.c.key_hash).where(blocking_key.c.record_id == record_id)
    return set(tx.execute(held).scalars())


def _act(admitted: Admitted, seen: Seen, subject: Subject, conclusion: Conclusion, *, waits: bool) -> Act:
    """`waits`: an object of another person is held on this record, so its overlay is still a question."""
    request, case = admitted.request, conclusion.case
    vanished: tuple[int, ...] = ()
    if case.decision is not None and not case.is_new:  # compared anew with its own past and with others
        overlay = () if waits else (reviews.OVERLAY,)
        vanished = (*overlay, *reviews.RESEMBLING, *((reviews.CHANGED,) if case.restored else ()))
    on = subject.encounter_on
    return Act(
        actor=request.actor,
        action=effects.IDENTIFY,
        door=request.door,
        raw=request.raw,
        version=seen.version + 1,
        hits=admitted.hits,
        study=None if seen.pinned_to == case.record_id else request.study,
        pinned_to=seen.pinned_to,
        encounter_on=on.isoformat() if on else None,
        idempotency_key=request.idempotency_key,
        vanished=vanished,
    )


def _store(
    tx: Connection, act: Act, conclusion: Conclusion, admitted: Admitted, keys: Keys, *, at: datetime
) -> None:
    """The source record and this version. Keys of earlier versions stay: past values are compared too."""
    case = conclusion.case
    disputed = case.overlay is not None
    if case.is_new:
        told.add_record(
            tx,
            record_id=case.record_id,
            raw=act.raw,
            digest=admitted.digest,
            e_id=None if conclusion.verdict.link_to else case.identity_id,
            unidentified=case.unidentified,
            at=at,
        )
    elif keys and not disputed:
        held = _keys_held(tx, case.record_id)
        keys = tuple((hashed, key) for hashed, key in keys if hashed not in held)
    told.add_version(
        tx,
        record_id=case.record_id,
        version=act.version,
        document=admitted.document,
        digest=admitted.digest,
        keys=() if disputed else keys,
        sender=act.actor.actor_id,
        disputed=disputed,
        at=at,
    )


def _answer(
    conclusion: Conclusion, done: Done, seen: Seen, matcher: Matcher, *, dropped: tuple[NirHit, ...]
) -> IdentifyAnswer:
    verdict, best = conclusion.verdict, evidence.shown(conclusion)
    outcome: Outcome = "new" if verdict.outcome == DEFERRED else verdict.outcome
    still_asked = seen.review_id if seen.review_id not in done.closed else None
    review_id = done.review_id or still_asked
    return IdentifyAnswer(
        outcome=outcome,
        identity_id=done.identity_id,
        provisional=review_id is not None or verdict.outcome == DEFERRED,
        a_id=done.a_id,
        review_id=review_id,
        decision_id=done.decision_id,
        match_weight=best.score.match_weight if best else None,
        match_probability=best.score.probability if best else None,
        margin=evidence.margin(conclusion),
        model=matcher.model.version,
        evidence=tuple(evidence.levels(best)),
        dropped=dropped,
    )


def _from_kept(kept: dict[str, Any]) -> IdentifyAnswer:
    """The answer as it was given, from the JSON data it was kept as."""
    dropped = tuple(NirHit(**hit) for hit in kept["dropped"])
    return IdentifyAnswer(**{**kept, "evidence": tuple(kept["evidence"]), "dropped": dropped})
