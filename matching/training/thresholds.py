"""The household cap and the thresholds of policy `balanced`: where a false link costs as much as a miss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.comparisons import COMPARISONS
from matching.decision import POLICIES, WAIVED, Candidate, Outcome, Policy, decide
from matching.model import Model, Thresholds
from matching.training.people import People

CAPS = tuple(float(bits) for bits in range(8, 19))  # household caps tried, bits
EQUAL = 1.01  # errors up to this times the fewest are chance
MARGIN = 1.0  # bits: the best identity is at least twice as likely as the next
LOWEST = -10.0  # bits: pairs below are nobody's candidates for a link
OPEN = Policy(
    name="open",
    review_at=-1e9,
    second_person_at=-1e9,
    link_at=-1e9,
    margin=0.0,
    waives=WAIVED["balanced"],
)
_HOUSEHOLD = frozenset((c.name, level.name) for c in COMPARISONS for level in c.levels if level.household)


@dataclass(frozen=True, slots=True)
class Judged:
    """Candidate pairs that no check of the decision stops: weight without a cap, household part, truth.

    `true_pairs` counts all pairs of one person, candidates or not.
    """

    weight: NDArray[np.float64]
    household: NDArray[np.float64]
    same: NDArray[np.bool_]
    true_pairs: int

    @classmethod
    def of(cls, people: People, model: Model) -> Judged:
        """Scores the candidate pairs of `people` with a model whose cap is never reached."""
        kept: list[tuple[float, float, bool]] = []
        for a, b in people.candidate_pairs():
            one, other = people.records[a], people.records[b]
            score = model.score(one, other, population=len(people.records))
            if score.match_weight < LOWEST:
                continue
            candidate = Candidate(identity_id=str(b), record_id=str(b), record=other, score=score)
            if decide(one, [candidate], OPEN).outcome is Outcome.LINK:
                shared = sum(
                    max(line.weight, 0.0)
                    for line in score.evidence
                    if (line.comparison, line.level) in _HOUSEHOLD
                )
                kept.append((score.match_weight, shared, people.entity[a] == people.entity[b]))
        table = np.array(kept, dtype=float).reshape(-1, 3)
        return cls(table[:, 0], table[:, 1], table[:, 2] > 0, sum(1 for _ in people.true_pairs()))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The cap, the thresholds, and the errors they make on the pairs judged."""

    household_cap: float
    thresholds: Thresholds
    false_links: int
    misses: int


def balanced(judged: Judged) -> Chosen:
    """The cap and `link_at` with the fewest errors, a false link like a miss; the largest cap of equals.

    The caps tried end where a household alone would be a review of `service`. `review_at` is that of
    `service`, `second_person_at` half-way.
    """
    review_at = POLICIES["service"].review_at
    found: list[Chosen] = []
    for cap in CAPS:
        weight = judged.weight - np.maximum(judged.household - cap, 0.0)
        link_at, false_links, linked = cheapest(weight, judged.same)
        misses = judged.true_pairs - linked
        thresholds = Thresholds(review_at, round((review_at + link_at) / 2, 1), link_at, MARGIN)
        found.append(Chosen(cap, thresholds, false_links, misses))
    fewest = min(one.false_links + one.misses for one in found)
    return [one for one in found if one.false_links + one.misses <= EQUAL * fewest][-1]


def cheapest(weight: NDArray[np.float64], same: NDArray[np.bool_]) -> tuple[float, int, int]:
    """The threshold, a tenth of a bit, with the fewest errors; false links and true links at it."""
    tried = np.round(np.arange(-5.0, 25.0, 0.1), 1)
    false_links = np.array([np.count_nonzero(~same & (weight >= at)) for at in tried])
    linked = np.array([np.count_nonzero(same & (weight >= at)) for at in tried])
    at = int(np.argmin(false_links - linked))
    return float(tried[at]), int(false_links[at]), int(linked[at])
