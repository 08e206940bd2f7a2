"""What a verdict does: decision, study, reviews, outbox, ledger entry, membership, in one transaction.

The ledger's head is locked last: only rows that name the entry's position are written after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, insert

from matching.records import RawRecord
from mpi.flows import evidence, link_cap, membership, reviews, studies
from mpi.flows.candidates import Met
from mpi.flows.matcher import Ids, Matcher
from mpi.flows.requests import NirHit, StudyRef
from mpi.flows.verdicts import Case, Verdict
from mpi.ledger.entries import append
from mpi.security.actors import Actor
from mpi.security.nir_guard import count_hits
from mpi.store.outbox import enqueue
from mpi.store.tables import assertion, decision

IDENTITY_CHANGED = "identity.changed"
RESCORE = "identify.rescore"

IDENTIFY, AGAIN = "identify", "identify again"  # actions, as the ledger names them


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who does what on which words: all of a decision that comparing does not give.

    `action` is IDENTIFY, or AGAIN when a record is compared again without being told: because the
    deadline had cut it short (`was_deferred`), or those whom it resembles changed. `study` is the study
    told, None when there is none or it hangs on this record already; `pinned_to` the other source record that
    holds it, None when it is new. `vanished` are the kinds of review whose evidence was looked for anew.
    """

    actor: Actor
    action: str
    door: str
    raw: RawRecord
    version: int
    hits: tuple[NirHit, ...] = ()
    study: StudyRef | None = None
    pinned_to: str | None = None
    encounter_on: str | None = None
    idempotency_key: str | None = None
    vanished: tuple[int, ...] = ()
    was_deferred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was written. `identity_id` holds the record now, `retired` was merged into it (None: nobody).

    `a_id` is None with the reason in `why_no_a_id`. `study_review_id` asks about a study that another record
    holds; `closed` are the reviews that this closed.
    """

    decision_id: str
    identity_id: str
    retired: str | None
    a_id: str | None
    why_no_a_id: str | None
    assertion_id: str | None
    review_id: str | None = None
    study_review_id: str | None = None
    closed: tuple[str, ...] = ()
    outbox_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """One record judged: the case, its verdict, and whom it met under which keys."""

    case: Case
    verdict: Verdict
    met: Met


_ADD_DECISION, _ADD_ASSERTION = insert(decision), insert(assertion)


def carry_out(
    tx: Connection, act: Act, conclusion: Conclusion, matcher: Matcher, *, at: datetime, ids: Ids
) -> Done:
    """Writes all that follows from a verdict. The source record and its version are there already."""
    case, verdict = conclusion.case, conclusion.verdict
    survivor, retired = _survivor(tx, case, verdict)
    a_id, why_not = matcher.a_id(act.raw, at=at)
    done = Done(
        decision_id=ids.uuid(),
        identity_id=survivor,
        retired=retired,
        a_id=a_id,
        why_no_a_id=why_not,
        assertion_id=ids.uuid() if verdict.link_to else None,
    )
    row = evidence.decision_row(act, conclusion, done, matcher, at=at)
    tx.execute(_ADD_DECISION, row)
    if act.study is not None and act.pinned_to is None:
        studies.pin(tx, act.study, record_id=case.record_id, decision_id=done.decision_id, at=at)
    if retired is not None:
        membership.merge(tx, survivor=survivor, retired=retired)
    done = _with_reviews(tx, act, conclusion, done, at=at, ids=ids)
    done = _with_outbox(tx, act, conclusion, done, at=at)
    if verdict.link_to is not None:
        link_cap.count(tx, authority=act.raw.authority, at=at)
    if act.hits:
        count_hits(tx, act.hits, door=act.door, at=at)
    entry = evidence.ledger_entry(act, conclusion, done, matcher, entry_id=ids.uuid())
    position = append(tx, entry, at=at, salt=ids.salt())
    if verdict.link_to is not None:
        if case.is_new:
            membership.join(tx, record_id=case.record_id, identity_id=survivor)
        _assert_link(tx, conclusion, done, matcher, position=position, at=at)
    elif case.is_new:
        membership.mint(tx, identity_id=survivor, record_id=case.record_id, position=position, at=at)
    return done


def _survivor(tx: Connection, case: Case, verdict: Verdict) -> tuple[str, str | None]:
    """(identity afterwards, identity that it retires)."""
    if verdict.link_to is None:
        return case.identity_id, None
    if case.is_new:
        return verdict.link_to.identity_id, None
    return membership.older(tx, identity_a=case.identity_id, identity_b=verdict.link_to.identity_id)


def _with_reviews(
    tx: Connection, act: Act, conclusion: Conclusion, done: Done, *, at: datetime, ids: Ids
) -> Done:
    """Asks what there is to ask, and closes what no longer needs an answer."""
    case, question = conclusion.case, conclusion.verdict.question
    ask = partial(
        reviews.ask, tx, record_id=case.record_id, decision_id=done.decision_id, new_id=ids.uuid, at=at
    )
    closed: tuple[str, ...] = ()
    review_id = study_review_id = None
    if question is not None:
        review_id = ask(question, vanished=act.vanished)
    elif act.vanished:
        reason = "linked" if conclusion.verdict.link_to is not None else "evidence-vanished"
        closed = reviews.close(tx, record_id=case.record_id, kinds=act.vanished, reason=reason, at=at)
    if done.retired is not None:
        closed += reviews.close_answered(tx, identity_id=done.identity_id, at=at)
    if act.study is not None and act.pinned_to is not None:
        conflict = reviews.other_record_in_study(
            act.study.study_instance_uid,
            identity_id=done.identity_id,
            record_id=case.record_id,
            pinned_to=act.pinned_to,
        )
        study_review_id = ask(conflict)
    return replace(done, review_id=review_id, study_review_id=study_review_id, closed=closed)


def _with_outbox(tx: Connection, act: Act, conclusion: Conclusion, done: Done, *, at: datetime) -> Done:
    """Rows for later: the identity changed; score this record again; score again whoever asks about it."""
    case, link_to = conclusion.case, conclusion.verdict.link_to
    rows: list[int] = []
    touched = [done.identity_id] + ([done.retired] if done.retired else [])
    change = _change(act, conclusion, done)
    if change is not None:
        payload: dict[str, Any] = {
            "change": change,
            "survivor": done.identity_id,
            "retired": touched[1:],
            "records": [case.record_id, *([link_to.record_id] if link_to else [])],
            "studies": list(studies.uids_of(tx, done.identity_id)),
            "decision_id": done.decision_id,
        }
        keys = [f"{IDENTITY_CHANGED}:{identity_id}" for identity_id in touched]
        other_key = keys[1] if done.retired else None
        rows.append(
            enqueue(tx, topic=IDENTITY_CHANGED, key=keys[0], other_key=other_key, payload=payload, at=at)
        )
    again = {case.record_id} if not case.complete else set()
    alone = case.is_new and link_to is None  # nobody can be asking about an identity that was not there
    if act.action == IDENTIFY and not alone:
        again |= set(reviews.askers(tx, touched)) - {case.record_id}
    for record_id in sorted(again):
        key = f"{RESCORE}:{record_id}"
        rows.append(enqueue(tx, topic=RESCORE, key=key, payload={"record_id": record_id}, at=at))
    return replace(done, outbox_ids=tuple(rows))


def _change(act: Act, conclusion: Conclusion, done: Done) -> str | None:
    """What became of the identity, for those who follow it; None when nothing did.

    `confirmed`: scoring that the deadline had cut short is complete and nothing else came of it.
    """
    if conclusion.verdict.link_to is not None:
        return "merged" if done.retired else "linked"
    confirmed = act.was_deferred and conclusion.verdict.outcome == "known"
    return "confirmed" if confirmed else None


def _assert_link(
    tx: Connection, conclusion: Conclusion, done: Done, matcher: Matcher, *, position: int, at: datetime
) -> None:
    assert conclusion.verdict.link_to is not None
    row = {
        "assertion_id": done.assertion_id,
        "position": position,
        "kind": "link",
        "record_a": conclusion.case.record_id,
        "record_b": conclusion.verdict.link_to.record_id,
        "actor": f"model:{matcher.model.version}",
        "manual": False,
        "decision_id": done.decision_id,
        "at": at,
    }
    tx.execute(_ADD_ASSERTION, row)
