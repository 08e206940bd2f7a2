"""One record judged: block, score, decide, and make sure that nobody moved the identities meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection

from matching.decision import Candidate, Outcome, decide
from matching.records import Record
from mpi.flows import candidates, link_cap, membership
from mpi.flows.candidates import Keys, Met
from mpi.flows.effects import Conclusion
from mpi.flows.matcher import Matcher
from mpi.flows.membership import NOBODY
from mpi.flows.told import Version
from mpi.flows.verdicts import CONTRADICTION_AT, Case, strict_traits_changed, verdict
from mpi.store.transaction import Contended

_NOBODY_MET = Met(known=(), keys=(), cut=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The record to judge. `identity_id` is its present identity, or the one it would mint when `is_new`.

    `history` are its versions so far, oldest first, empty when new; with `again` the record is its newest
    undisputed version itself. `encounter_on` is the day of the study, None = not told. `until` is the end
    of the time for scoring, on the matcher's clock. `said`: where `record` was completed from its history,
    the words told now alone: they must not be compared with what they were completed from.
    """

    record: Record
    record_id: str
    identity_id: str
    is_new: bool
    keys: Keys
    history: tuple[Version, ...] = ()
    again: bool = False
    unidentified: bool = False
    encounter_on: date | None = None
    until: float
    said: Record | None = None

    @property
    def own_words(self) -> Record:
        """What was told now, without anything that an earlier telling lends to it.

        Its own local id goes too: it always agrees with itself and says nothing of the person.
        """
        return replace(self.said or self.record, identifiers=())


def conclude(tx: Connection, subject: Subject, matcher: Matcher, *, at: datetime) -> Conclusion:
    """The verdict on one record. Raises Contended when the identities around it moved: run all again."""
    if subject.unidentified:
        return _without_comparing(subject, matcher)
    undisputed = [version.record for version in subject.history if not version.disputed]
    if undisputed and not subject.again:
        history = max(support(subject.own_words, past, matcher) for past in undisputed)
        if history < CONTRADICTION_AT:
            return _without_comparing(subject, matcher, overlay=history)
    conclusion = _judge(tx, subject, undisputed, matcher, at=at)
    if not _stands(tx, subject, conclusion):
        raise Contended("The identities around this record are changing.", retry_after=1)
    return conclusion


def support(one: Record, other: Record, matcher: Matcher) -> float:
    """The evidence that two records are one person, in bits, without the prior."""
    score = matcher.model.score(one, other, population=matcher.population)
    return score.match_weight - score.evidence[0].weight


def _judge(
    tx: Connection, subject: Subject, undisputed: Sequence[Record], matcher: Matcher, *, at: datetime
) -> Conclusion:
    own = None if subject.is_new else subject.identity_id
    met = candidates.meet(tx, subject.keys, matcher, without=subject.record_id)
    apart = membership.apart(tx, own) if own else NOBODY
    scored, complete = candidates.score(
        subject.record, met.known, matcher, own_identity=own, apart=apart, until=subject.until
    )
    decision = (
        decide(subject.record, scored, matcher.policy, encounter_on=subject.encounter_on)
        if complete
        else None
    )
    links = decision is not None and decision.outcome is Outcome.LINK
    changed, restored = _strict_change(subject, undisputed)
    case = Case(
        record=subject.record,
        record_id=subject.record_id,
        identity_id=subject.identity_id,
        is_new=subject.is_new,
        linked=own is not None and len(membership.members(tx, own)) > 1,
        changed=changed,
        restored=restored,
        complete=complete,
        capped=links and link_cap.reached(tx, authority=subject.record.authority, at=at),
        contradicted=_contradicted(tx, subject, undisputed, decision.best, matcher)
        if links and decision and decision.best
        else None,
        decision=decision,
        candidates=scored,
    )
    return Conclusion(case=case, verdict=verdict(case, matcher.policy), met=met)


def _contradicted(
    tx: Connection, subject: Subject, undisputed: Sequence[Record], best: Candidate, matcher: Matcher
) -> str | None:
    """The source record of the other identity that speaks against one of this side; None when nobody does.

    A record in the middle must not glue two people together because it arrived before one of them.
    """
    ours = {subject.record_id: [subject.record, *undisputed]}
    if not subject.is_new:
        for one in candidates.read(tx, membership.members(tx, subject.identity_id), matcher):
            ours.setdefault(one.record_id, []).append(one.record)
    theirs: dict[str, list[Record]] = {}
    for one in candidates.read(tx, membership.members(tx, best.identity_id), matcher):
        theirs.setdefault(one.record_id, []).append(one.record)
    for record_id, told in theirs.items():
        for mine in ours.values():
            if max(support(a, b, matcher) for a in mine for b in told) < CONTRADICTION_AT:
                return record_id
    return None


def _without_comparing(subject: Subject, matcher: Matcher, *, overlay: float | None = None) -> Conclusion:
    case = Case(
        record=subject.record,
        record_id=subject.record_id,
        identity_id=subject.identity_id,
        is_new=subject.is_new,
        unidentified=subject.unidentified,
        overlay=overlay,
    )
    return Conclusion(case=case, verdict=verdict(case, matcher.policy), met=_NOBODY_MET)


def _strict_change(subject: Subject, undisputed: Sequence[Record]) -> tuple[bool, bool]:
    """(changed, restored): a strict trait differs from the version before; an older one had it so."""
    if subject.again or not undisputed:
        return False, False
    *older, latest = undisputed
    differs = strict_traits_changed(latest, subject.record)
    as_before = any(not strict_traits_changed(past, subject.record) for past in older)
    return differs and not as_before, differs and as_before


def _stands(tx: Connection, subject: Subject, conclusion: Conclusion) -> bool:
    """Locks the identities that a link joins; False when one of them is no longer what was scored."""
    link_to = conclusion.verdict.link_to
    if link_to is None or tx.dialect.name == "sqlite":  # where one transaction writes at a time
        return True
    own = [] if subject.is_new else [subject.identity_id]
    membership.lock(tx, [link_to.identity_id, *own])
    if membership.identity_of(tx, link_to.record_id) != link_to.identity_id:
        return False
    if not own:
        return True
    apart = membership.apart(tx, subject.identity_id)
    moved = membership.identity_of(tx, subject.record_id) != subject.identity_id
    return not moved and link_to.identity_id not in apart.not_same | apart.barred
