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
from mpi.flows.reviews import Question
from mpi.flows.told import DEFERRED

CONTRADICTION_AT = 0.0  # bits of evidence, prior excluded: below it two records speak of two people

Decided = Literal["linked", "new", "review", "known", "deferred"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One record at the moment of its decision.

    `identity_id` is its present identity, or the one that it would mint when `is_new`. `linked`: other
    records share that identity. `changed`: a strict trait differs from what was told before; `restored`:
    it is as an older version had it. `overlay`: the evidence against its own history, in bits, when that
    is below CONTRADICTION_AT. `decision` is None when nothing was decided: scoring was cut short (`complete`
    False), or there is an overlay, or the patient is unidentified. `capped`: the authority has had its
    automatic links of the day. `contradicted`: the source record of the best identity that speaks against
    the link, None when nobody does.
    """

    record: Record
    record_id: str
    identity_id: str
    is_new: bool
    unidentified: bool = False
    linked: bool = False
    changed: bool = False
    restored: bool = False
    overlay: float | None = None
    complete: bool = True
    capped: bool = False
    contradicted: str | None = None
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


def strict_traits_changed(before: Record, after: Record) -> bool:
    """True when a strict trait was told twice and differs; unknown is no
    change.
    """
    return any(
        one is not None and other is not None and one != other
        for one, other in zip(_strict(before), _strict(after), strict=True)
    )


def _unidentified(case: Case, _: Policy) -> Verdict | None:
    """Stands for one study, is never linked, and a clerk attaches it."""
    if not case.unidentified:
        return None
    if not case.is_new:
        return Verdict(outcome="known", reasons=("unidentified",))
    return _ask(case, reviews.UNIDENTIFIED, "unidentified", ())


def _overlay(case: Case, _: Policy) -> Verdict | None:
    """A record that became another person keeps its links until a clerk has looked."""
    return None if case.overlay is None else _ask(case, reviews.OVERLAY, "overlay", (), weight=case.overlay)


def _deferred(case: Case, _: Policy) -> Verdict | None:
    """Not everybody could be scored in time: answered as it stands, scored again by the worker."""
    return None if case.complete else Verdict(outcome=DEFERRED, reasons=("deadline",))


def _changed(case: Case, policy: Policy) -> Verdict | None:
    """A strict trait of a linked record changed: its link is asked about, and it takes no further one by
    itself.
    """
    if not (case.changed and case.linked):
        return None
    return _ask(case, reviews.CHANGED, "strict-trait-changed", _alike(case, policy))


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
    also = (case.contradicted,)
    return _ask(case, reviews.CONTESTED, "contradicts-a-member", _alike(case, policy), also=also)


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
    weight: float | None = None,
) -> Verdict:
    """A review about these candidates, best first, and `also` these source records of theirs."""
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
    return Verdict(outcome="review", reasons=_reasons(case, reason), question=question)


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


def _strict(record: Record) -> tuple[object, ...]:
    return (
        record.birth_name and record.birth_name.letters,
        record.given_names and record.given_names.first[:1],
        record.birth_date,
        record.sex,
        record.birth_place and record.birth_place.cities,
    )
