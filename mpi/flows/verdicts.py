"""What follows from comparing: a table of rules over one case, pure. The first rule that has a verdict
gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from matching.decision import Candidate, Decision, Outcome, Policy
from matching.records import Record
from mpi.flows import reviews
from mpi.flows.contradictions import Against
from mpi.flows.reviews import Question
from mpi.flows.told import DEFERRED

NAME_OR_DATE = "name-or-date-changed"  # reason of a question: until it is answered no image goes on
_WHO = frozenset({"given_names", "birth_date"})

Decided = Literal["linked", "new", "review", "known", "deferred"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One record at the moment of its decision.

    `identity_id` is its present identity, or the one that it would mint when `is_new`. `linked`: other
    records share that identity. `changed`: the strict traits that differ from what was told before;
    `restored`: they are as an older version had them. `overlay`: what of its own history speaks against it.
    `gained`: the member of its identity that it may be linked to no longer. `decision` is None when nothing
    was decided: scoring was cut short (`complete` False), or there is an overlay, or the patient is
    unidentified. `capped`: the authority has had its automatic links of the day. `contradicted`: the source
    record of the best identity that speaks against the link. None when nobody speaks against it.
    """

    record: Record
    record_id: str
    identity_id: str
    is_new: bool
    unidentified: bool = False
    linked: bool = False
    changed: tuple[str, ...] = ()
    restored: bool = False
    overlay: Against | None = None
    gained: Against | None = None
    complete: bool = True
    capped: bool = False
    contradicted: Against | None = None
    decision: Decision | None = None
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do. `link_to` is the source record to link to; `question` what to ask a clerk."""

    outcome: Decided
    reasons: tuple[str, ...]
    link_to: Candidate | None = None
    question: Question | None = None


def verdict(case: Case, policy: Policy) -> Verdict:
    """The verdict of the first rule of RULES that has one."""
    for rule in RULES:
        given = rule(case, policy)
        if given is not None:
            return given
    return Verdict(outcome="new" if case.is_new else "known", reasons=_reasons(case, "nobody-alike"))


def strict_changes(before: Record, after: Record) -> tuple[str, ...]:
    """Names of the strict traits that were told twice and differ; unknown is no change.

    A family name of unknown kind stands for the birth name where neither side tells one.
    """
    one, other = _strict(before), _strict(after)
    return tuple(name for name in one if None not in (one[name], other[name]) and one[name] != other[name])


def _unidentified(case: Case, _: Policy) -> Verdict | None:
    """Stands for one study, is never linked, and a clerk attaches it."""
    if not case.unidentified:
        return None
    if not case.is_new:
        return Verdict(outcome="known", reasons=("unidentified",))
    return _ask(case, reviews.UNIDENTIFIED, "unidentified", ())


def _overlay(case: Case, _: Policy) -> Verdict | None:
    """A record that became another person keeps its links until a clerk has looked."""
    if case.overlay is None:
        return None
    codes = case.overlay.codes
    return _ask(case, reviews.OVERLAY, "overlay", (), weight=case.overlay.support, codes=codes)


def _deferred(case: Case, _: Policy) -> Verdict | None:
    """Not everybody could be scored in time: answered as it stands, scored again by the worker."""
    return None if case.complete else Verdict(outcome=DEFERRED, reasons=("deadline",))


def _changed(case: Case, policy: Policy) -> Verdict | None:
    """A linked record is told otherwise than the one that was linked: its link is asked about, and it takes
    no further one by itself.
    """
    if not case.linked or not (case.changed or case.gained):
        return None
    reason = "contradicts-its-identity"
    if case.changed:
        reason = "strict-trait-changed" if _WHO.isdisjoint(case.changed) else NAME_OR_DATE
    also, codes = ((case.gained.record_id,), case.gained.codes) if case.gained else ((), ())
    return _ask(case, reviews.CHANGED, reason, _alike(case, policy), also=also, codes=codes)


def _contradicted(case: Case, policy: Policy) -> Verdict | None:
    """A pair that a person separated is alike after a change: the separation stands, the question is
    raised.
    """
    apart = [one for one in case.candidates if one.not_same and one.score.match_weight >= policy.review_at]
    if case.is_new or not apart:
        return None
    return _ask(case, reviews.CHANGED, "not-same-again", _best_first(apart))


def _glued(case: Case, policy: Policy) -> Verdict | None:
    """A link would put two people together who have nothing in common but the record in the middle."""
    if case.contradicted is None:
        return None
    also, codes = (case.contradicted.record_id,), case.contradicted.codes
    return _ask(case, reviews.CONTESTED, "contradicts-a-member", _alike(case, policy), also=also, codes=codes)


def _link(case: Case, _: Policy) -> Verdict | None:
    """One certain identity, no veto and no bar."""
    decision = case.decision
    if decision is None or decision.outcome is not Outcome.LINK or decision.best is None or case.capped:
        return None
    return Verdict(outcome="linked", reasons=_reasons(case), link_to=decision.best)


def _contested(case: Case, policy: Policy) -> Verdict | None:
    """Several identities within the margin: none is picked, one question shows them all."""
    alike = _alike(case, policy)
    if case.decision is None or case.decision.outcome is not Outcome.REVIEW or len(alike) < 2:
        return None
    best = alike[0].score.match_weight
    within = [one for one in alike if best - one.score.match_weight < policy.margin]
    return _ask(case, reviews.CONTESTED, "several-identities", within) if len(within) > 1 else None


def _resembling(case: Case, policy: Policy) -> Verdict | None:
    """One identity is alike, but not certainly, or a link would pass the daily cap."""
    if case.decision is None or case.decision.outcome is Outcome.NEW or case.decision.best is None:
        return None
    best = case.decision.best
    same_authority = best.record.authority == case.record.authority
    kind = reviews.DUPLICATE if same_authority else reviews.OVERLAP
    reason = "daily-cap" if case.capped else "alike"
    return _ask(case, kind, reason, _alike(case, policy) or (best,))


RULES: tuple[Callable[[Case, Policy], Verdict | None], ...] = (
    _unidentified,
    _overlay,
    _deferred,
    _changed,
    _glued,
    _link,
    _contested,
    _resembling,
    _contradicted,
)


def _ask(
    case: Case,
    kind: int,
    reason: str,
    about: Sequence[Candidate],
    *,
    also: tuple[str, ...] = (),
    codes: tuple[str, ...] = (),
    weight: float | None = None,
) -> Verdict:
    """A review about these candidates, best first, and `also` these source records; `codes` say what speaks
    against them.
    """
    identities = (case.identity_id, *(one.identity_id for one in about))
    records = (case.record_id, *(one.record_id for one in about), *also)
    question = Question(
        kind=kind,
        group_key=identities[1] if about else case.identity_id,
        identities=identities,
        records=tuple(dict.fromkeys(records)),
        reason=reason,
        match_weight=about[0].score.match_weight if about else weight,
    )
    return Verdict(outcome="review", reasons=_reasons(case, reason, *codes), question=question)


def _alike(case: Case, policy: Policy) -> tuple[Candidate, ...]:
    """The best candidate of each identity at or above `review_at`, best first; not-same pairs left out."""
    considered = case.decision.considered if case.decision else ()
    return _best_first(
        [one for one in considered if not one.not_same and one.score.match_weight >= policy.review_at]
    )


def _best_first(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    best: dict[str, Candidate] = {}
    for one in sorted(candidates, key=lambda one: (-one.score.match_weight, one.identity_id, one.record_id)):
        best.setdefault(one.identity_id, one)
    return tuple(best.values())


def _reasons(case: Case, *more: str) -> tuple[str, ...]:
    """The codes of the decision, then ours, without repeats."""
    decided = case.decision.reasons if case.decision else ()
    return tuple(dict.fromkeys((*decided, *more)))


def _strict(record: Record) -> dict[str, object]:
    birth_name, family_name = record.birth_name, record.family_name
    return {
        "birth_name": birth_name and birth_name.letters,
        "family_name": None if birth_name else family_name and family_name.letters,
        "given_names": record.given_names and record.given_names.first[:1],
        "birth_date": record.birth_date,
        "sex": record.sex,
        "birth_place": record.birth_place and record.birth_place.cities,
    }
