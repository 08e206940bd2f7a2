"""False links and true pairs linked, on a generated population of a seed that no training has seen.

Under `service`, which rewrites images: candidate pairs, each decided alone in a region of six million people.
Under `balanced`, for files: precision and recall among the file's own records. The peer is the figure to stay
below or above; the intervals, 95 %, are Wilson's (1927).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks import Row
from matching.decision import Candidate, Outcome, decide, policy
from matching.model import Model
from matching.training.people import People
from matching.training.shipped import synthetic_people

RECORDS = 100_000
SEEDS = (92_001, 92_002, 92_003)
NORMAL = 1.959964  # standard deviations: 95 % of a normal distribution
REGION = 6_000_000  # people among whom `service` decides
FALSE_PER_MILLION = 10.0  # most, of the pairs decided
SHARE_LINKED, PRECISION, RECALL = 0.70, 0.995, 0.94  # least


@dataclass(frozen=True, slots=True)
class Tally:
    """Pairs decided, links of one person and of two people, and all pairs of one person."""

    pairs: int
    true_links: int
    false_links: int
    true_pairs: int

    @classmethod
    def over(cls, tallies: Iterable[Tally]) -> Tally:
        """Several populations together."""
        told = [(t.pairs, t.true_links, t.false_links, t.true_pairs) for t in tallies]
        return cls(*map(sum, zip(*told, strict=True)))


def tally(people: People, model: Model, name: str, *, population: int) -> Tally:
    """Every candidate pair of `people`, each decided alone under the policy `name`."""
    chosen, linked = policy(name, model), Counter[bool]()
    pairs = people.candidate_pairs()
    for a, b in pairs:
        record, other = people.records[a], people.records[b]
        score = model.score(record, other, population=population)
        if score.match_weight >= chosen.link_at:
            candidate = Candidate(identity_id=str(b), record_id=str(b), record=other, score=score)
            if decide(record, [candidate], chosen).outcome is Outcome.LINK:
                linked[people.entity[a] == people.entity[b]] += 1
    return Tally(len(pairs), linked[True], linked[False], sum(1 for _ in people.true_pairs()))


def interval(found: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, as Wilson (1927) has it; never empty, whatever was found."""
    share, spread = found / of, NORMAL**2 / of
    middle = share + spread / 2
    half = NORMAL * math.sqrt(share * (1 - share) / of + spread / of / 4)
    return max(0.0, middle - half) / (1 + spread), (middle + half) / (1 + spread)


def _row(
    name: str, tallied: tuple[int, int], bound: float, *, at_most: bool, unit: str, times: float = 1.0
) -> Row:
    """A share of `tallied` (found, of), `times` over, beside its bound."""
    found, of = tallied
    low, high = (times * end for end in interval(found, of))
    share = times * found / of
    return Row(
        benchmark=name,
        load=f"{found:,} of {of:,}; {low:.4g} to {high:.4g}",
        ours=share,
        peer=bound,
        peer_name="the bound",
        unit=unit,
        ratio=share / bound,
        goal="<= 1" if at_most else ">= 1",
    )


def run(records: int = RECORDS, seeds: tuple[int, ...] = SEEDS) -> list[Row]:
    """Four rows; `load` holds the counts and the interval."""
    model = Model.load()
    service, files = [], []
    for seed in seeds:
        people = synthetic_people(records, seed=seed)
        service.append(tally(people, model, "service", population=REGION))
        files.append(tally(people, model, "balanced", population=len(people.records)))
    s, f = Tally.over(service), Tally.over(files)
    links = f.true_links + f.false_links
    return [
        _row("service: false links", (s.false_links, s.pairs), FALSE_PER_MILLION, at_most=True,
             unit="per million pairs", times=1e6),
        _row("service: true pairs linked", (s.true_links, s.true_pairs), SHARE_LINKED, at_most=False,
             unit="share"),
        _row("balanced: precision", (f.true_links, links), PRECISION, at_most=False, unit="share"),
        _row("balanced: recall", (f.true_links, f.true_pairs), RECALL, at_most=False, unit="share"),
    ]  # fmt: skip
