"""One record judged: block, score, decide, and make sure that nobody moved the identities meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection

from matching.decision import Candidate, Outcome, decide
from matching.records import Record
from mpi.flows import candidates, contradictions, link_cap, membership, studies
from mpi.flows.candidates import Keys, Known, Met
from mpi.flows.contradictions import Against
from mpi.flows.effects import Conclusion
from mpi.flows.matcher import Matcher
from mpi.flows.membership import NOBODY
from mpi.flows.told import Version
from mpi.flows.verdicts import Case, strict_changes, verdict
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
    undisputed = [version for version in subject.history if not version.disputed]
    if undisputed and not subject.again:
        overlay = contradictions.of_history(subject.own_words, _known(subject, undisputed), matcher)
        if overlay is not None:
            return _without_comparing(subject, matcher, overlay=overlay)
    conclusion = _judge(tx, subject, [one.record for one in undisputed], matcher, at=at)
    if not _stands(tx, subject, conclusion):
        raise Contended("The identities around this record are changing.", retry_after=1)
    return conclusion


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
    members = [] if own is None else list(candidates.read(tx, membership.members(tx, own), matcher))
    others = [one for one in members if one.record_id != subject.record_id]
    case = Case(
        record=subject.record,
        record_id=subject.record_id,
        identity_id=subject.identity_id,
        is_new=subject.is_new,
        linked=bool(others),
        changed=changed,
        restored=restored,
        complete=complete,
        capped=links and link_cap.reached(tx, authority=subject.record.authority, at=at),
        contradicted=_contradicted(tx, subject, undisputed, others, decision.best, matcher)
        if links and decision and decision.best
        else None,
        gained=_gained(tx, subject, undisputed, others, matcher),
        decision=decision,
        candidates=scored,
    )
    return Conclusion(case=case, verdict=verdict(case, matcher.policy), met=met)


def _contradicted(
    tx: Connection,
    subject: Subject,
    undisputed: Sequence[Record],
    others: Sequence[Known],
    best: Candidate,
    matcher: Matcher,
) -> Against | None:
    """The source record of the other identity that speaks against one of this side; None when nobody does.

    A record in the middle must not glue two people together because it arrived before one of them.
    """
    ours = [[*undisputed, subject.record]]
    ours += [[one.record for one in told] for told in candidates.by_record(others).values()]
    theirs = candidates.read(tx, membership.members(tx, best.identity_id), matcher)
    return contradictions.of_link(ours, candidates.by_record(theirs), matcher)


def _gained(
    tx: Connection,
    subject: Subject,
    undisputed: Sequence[Record],
    others: Sequence[Known],
    matcher: Matcher,
) -> Against | None:
    """The member of its own identity that a change sets the record apart from; None when nobody is."""
    if subject.again or not others:
        return None
    return contradictions.of_identity(
        subject.record,
        undisputed[-1],
        others,
        matcher,
        encounter_on=subject.encounter_on,
        seen_on=studies.last_day(tx, subject.identity_id),
    )


def _known(subject: Subject, undisputed: Sequence[Version]) -> list[Known]:
    """The record's own history, to be compared as others are."""
    return [
        Known(
            record_id=subject.record_id,
            version=one.version,
            identity_id=subject.identity_id,
            record=one.record,
            past=one is not undisputed[-1],
        )
        for one in undisputed
    ]


def _without_comparing(subject: Subject, matcher: Matcher, *, overlay: Against | None = None) -> Conclusion:
    case = Case(
        record=subject.record,
        record_id=subject.record_id,
        identity_id=subject.identity_id,
        is_new=subject.is_new,
        unidentified=subject.unidentified,
        overlay=overlay,
    )
    return Conclusion(case=case, verdict=verdict(case, matcher.policy), met=_NOBODY_MET)


def _strict_change(subject: Subject, undisputed: Sequence[Record]) -> tuple[tuple[str, ...], bool]:
    """(changed, restored): the strict traits that differ from the version before; an older one had them."""
    if subject.again or not undisputed:
        return (), False
    *older, latest = undisputed
    differ = strict_changes(latest, subject.record)
    as_before = any(not strict_changes(past, subject.record) for past in older)
    return () if as_before else differ, bool(differ) and as_before


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
