"""From candidates to one of three outcomes: LINK to an identity, REVIEW by a person, NEW identity.

A link needs the weight, a margin over the runner-up identity, and no row of checks.py against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from matching.checks import Effect, against
from matching.comparisons import compare
from matching.model import Model
from matching.pairs import Candidate, Pair
from matching.records import Record

__all__ = ["POLICIES", "WAIVED", "Candidate", "Decision", "Outcome", "Policy", "decide", "policy"]


class Outcome(StrEnum):
    """What happens to the record: joins an identity, waits for a clerk, or stands alone."""

    LINK = "link"
    REVIEW = "review"
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Thresholds in bits of match weight; `margin` in bits over the runner-up identity.

    From `second_person_at` one clerk may decide alone, below it two are needed. `waives`: codes of bars that
    the policy leaves to the weight; a veto is never waived.
    """

    name: str
    review_at: float
    second_person_at: float
    link_at: float
    margin: float
    waives: frozenset[str] = frozenset()


POLICIES = {
    # Posterior 0.05 and 0.99999; what may rewrite images.
    "service": Policy(name="service", review_at=-4.2, second_person_at=6.2, link_at=16.6, margin=13.0),
}


# In files no image is rewritten: there the weight alone judges what is weak or missing.
WAIVED: Mapping[str, frozenset[str]] = {
    "balanced": frozenset(
        {
            "weak-date",
            "first-of-month",
            "inexact-date",
            "given-name-missing",
            "given-name-compound",
            "given-name-initial",
            "given-name-spelling",
            "family-name-missing",
            "birth-date-missing",
            "other-sex",
        }
    )
}


def policy(name: str, model: Model) -> Policy:
    """The policy with the model's thresholds. KeyError when the model has no such policy."""
    thresholds = model.thresholds[name]
    return Policy(
        name=name,
        review_at=thresholds.review_at,
        second_person_at=thresholds.second_person_at,
        link_at=thresholds.link_at,
        margin=thresholds.margin,
        waives=WAIVED.get(name, frozenset()),
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """`best` and `runner_up` are the best candidates of two identities; None where there is none.

    `margin`: bits between them, None without a runner-up. `considered`: the best candidate of each identity
    that may be the person, descending. `vetoed`: the best one of each that is not, with the reason code.
    """

    outcome: Outcome
    best: Candidate | None
    runner_up: Candidate | None
    margin: float | None
    reasons: tuple[str, ...]
    considered: tuple[Candidate, ...]
    vetoed: tuple[tuple[Candidate, str], ...]


def decide(
    record: Record,
    candidates: Sequence[Candidate],
    policy: Policy,
    *,
    encounter_on: date | None = None,
) -> Decision:
    """The outcome for `record` among `candidates` (in any order; the result does not depend on it).

    `encounter_on` is the day of the examination or admission that brought the record, None = unknown.
    """
    by_identity: dict[str, list[Pair]] = {}
    for one in sorted(candidates, key=lambda c: (-c.score.match_weight, c.identity_id, c.record_id)):
        levels = {compared.comparison: compared.level for compared in compare(record, one.record)}
        by_identity.setdefault(one.identity_id, []).append(Pair(record, one, levels, encounter_on))
    considered: list[list[Pair]] = []
    vetoed: list[tuple[Candidate, str]] = []
    for pairs in by_identity.values():
        if vetoes := against(pairs, Effect.VETO):
            vetoed.append((pairs[0].candidate, vetoes[0]))
        else:
            considered.append(pairs)
    outcome, reasons = _outcome(considered, policy)
    alike = [code for candidate, code in vetoed if candidate.score.match_weight >= policy.review_at]
    firsts = tuple(pairs[0].candidate for pairs in considered)
    return Decision(
        outcome=outcome,
        best=firsts[0] if firsts else None,
        runner_up=firsts[1] if len(firsts) > 1 else None,
        margin=_margin(firsts),
        reasons=tuple(dict.fromkeys((*reasons, *alike))),
        considered=firsts,
        vetoed=tuple(vetoed),
    )


def _outcome(considered: Sequence[Sequence[Pair]], policy: Policy) -> tuple[Outcome, list[str]]:
    """The outcome and the reason codes of what remains after the vetoes, best identity first."""
    if not considered:
        return Outcome.NEW, ["no-candidate"]
    best = considered[0][0].candidate.score.match_weight
    if best < policy.review_at:
        return Outcome.NEW, ["below-review"]
    reasons = against(considered[0], Effect.BAR, waived=policy.waives)
    margin = _margin([pairs[0].candidate for pairs in considered])
    if best < policy.link_at:
        reasons = ["below-link", *reasons]
    elif margin is not None and margin < policy.margin:
        reasons = ["within-margin", *reasons]
    return (Outcome.REVIEW, reasons) if reasons else (Outcome.LINK, ["certain"])


def _margin(firsts: Sequence[Candidate]) -> float | None:
    """Bits between the best two, whole thousandths; None without a runner-up."""
    if len(firsts) < 2:
        return None
    return round(firsts[0].score.match_weight - firsts[1].score.match_weight, 3)
