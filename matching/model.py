"""The weights: m and u probabilities by comparison and level, term frequencies, match weight in bits.

Fellegi and Sunter (1969): a level weighs log2(m / u), where m is how often records of one person stand there
and u how often those of two people do. Three adaptations see to it that nothing counts twice or too much:

- agreement on a rare value weighs more: u is the frequency of the value itself, down to a floor (Winkler
  1989; the rarest of several agreed values counts);
- a comparison may depend on another one (`Dependence`): where that one agrees, m and u are those measured
  among pairs that agree there (sex says nothing once the given name agrees);
- address, landline and surname are shared by people who live together: their sum is capped (Newcombe 1988).

Weights are whole thousandths of a bit, so that the evidence adds up to the match weight exactly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from matching.comparisons import COMPARISONS, compare
from matching.records import Record

SHIPPED = Path(__file__).parent / "data" / "fr-1.json"
PRIOR = "prior"
HOUSEHOLD_CAP = "household_cap"  # the evidence that takes back what the household block has beyond its cap
MILLIBITS = 1000


class Evidence(NamedTuple):
    """One line of a score, in bits. `level` is None for the prior, the cap and a trait unknown on a side."""

    comparison: str
    level: str | None
    weight: float


@dataclass(frozen=True, slots=True)
class Score:
    """`match_weight` is log2 of the posterior odds: the sum of the evidence, the prior first."""

    match_weight: float
    evidence: tuple[Evidence, ...]

    @property
    def probability(self) -> float:
        """1 / (1 + 2 ** -match_weight), in 0..1; never raises, however small."""
        if self.match_weight < -1000:
            return 0.0
        return 1.0 / (1.0 + math.exp2(-self.match_weight))


@dataclass(frozen=True, slots=True)
class Odds:
    """How often records of one person (m) and of two people (u) stand at a level; both in ]0, 1]."""

    m: float
    u: float

    @property
    def weight(self) -> float:
        """log2(m / u), bits."""
        return math.log2(self.m / self.u)


@dataclass(frozen=True, slots=True)
class Dependence:
    """Where `comparison` stands at a level that agrees, `levels` replace the odds of the ladder."""

    comparison: str
    levels: Mapping[str, Odds]


@dataclass(frozen=True, slots=True)
class TermFrequencies:
    """How frequent the values of a comparison are among people.

    `counts` of `total` people for the frequent values; `floor` is the frequency of every other one. `means`
    has, for the levels that agree on values, the mean frequency of the value that records of one person agree
    upon: the frequency to which the odds of the level belong.
    """

    total: int
    floor: float
    means: Mapping[str, float]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ladder:
    """One comparison's odds, levels from full agreement to disagreement."""

    levels: Mapping[str, Odds]
    given: Dependence | None = None
    terms: TermFrequencies | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Of one policy, in bits of match weight; `margin` is over the runner-up identity."""

    review_at: float
    second_person_at: float
    link_at: float
    margin: float


@dataclass(frozen=True, slots=True)
class _Weights:
    """A ladder made ready for scoring: everything in thousandths of a bit.

    `rarity` is -log2 of the frequency of a value, `rarest` that of the floor, `means` log2 of a level's mean.
    """

    levels: dict[str, int]
    given: str | None
    given_levels: dict[str, int]
    means: dict[str, int]
    rarity: dict[str, int]
    rarest: int


def _millibits(bits: float) -> int:
    return round(bits * MILLIBITS)


def _weights(ladder: Ladder) -> _Weights:
    given, terms = ladder.given, ladder.terms
    return _Weights(
        levels={name: _millibits(odds.weight) for name, odds in ladder.levels.items()},
        given=given.comparison if given else None,
        given_levels={name: _millibits(odds.weight) for name, odds in given.levels.items()} if given else {},
        means={level: _millibits(math.log2(mean)) for level, mean in terms.means.items()} if terms else {},
        rarity={value: _millibits(math.log2(terms.total / n)) for value, n in terms.counts.items()}
        if terms
        else {},
        rarest=_millibits(-math.log2(terms.floor)) if terms else 0,
    )


def _check(ladders: Mapping[str, Ladder]) -> None:
    """Raises ValueError where the ladders are not those of COMPARISONS, or not monotone."""
    if (told := list(ladders)) != (known := [comparison.name for comparison in COMPARISONS]):
        raise ValueError(f"the model has comparisons {told}, the code has {known}")
    for comparison in COMPARISONS:
        ladder = ladders[comparison.name]
        tables = [ladder.levels, *([ladder.given.levels] if ladder.given else [])]
        for levels in tables:
            if list(levels) != [level.name for level in comparison.levels]:
                raise ValueError(f"the levels of {comparison.name} in the model are not those of the code")
            weights = [_millibits(odds.weight) for odds in levels.values()]
            if any(above < below for above, below in pairwise(weights)):
                raise ValueError(f"{comparison.name}: a level weighs less than the one below it")
    parents = {name: ladder.given.comparison for name, ladder in ladders.items() if ladder.given}
    for name, parent in parents.items():
        seen = {name}
        while parent in parents and parent not in seen:
            seen.add(parent)
            parent = parents[parent]
        if parent in seen or parent not in ladders:
            raise ValueError(f"{name} depends on itself, or on a comparison that there is not")


AGREES = {
    comparison.name: frozenset(level.name for level in comparison.levels if level.agrees)
    for comparison in COMPARISONS
}


class Model:
    """Weights with a version and their provenance. Immutable; `score` may be called from several threads."""

    def __init__(
        self,
        *,
        version: str,
        provenance: Mapping[str, Any],
        ladders: Mapping[str, Ladder],
        household_cap: float,
        thresholds: Mapping[str, Thresholds],
    ) -> None:
        """Raises ValueError where the ladders do not fit COMPARISONS or are not monotone."""
        _check(ladders)
        self.version = version
        self.provenance = provenance
        self.ladders = ladders
        self.household_cap = household_cap
        self.thresholds = thresholds
        self._cap = _millibits(household_cap)
        self._weights = {name: _weights(ladder) for name, ladder in ladders.items()}
        self._agrees = {w.given: AGREES[w.given] for w in self._weights.values() if w.given is not None}

    @classmethod
    def load(cls, path: Path | None = None) -> Model:
        """The model in a file; the shipped French one for None (read once). Raises OSError, ValueError."""
        return _shipped() if path is None else cls.from_json(json.loads(path.read_text("utf-8")))

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Model:
        """The model in a document. Raises ValueError where a part is missing or does not fit the code."""
        try:
            return cls(
                version=told["version"],
                provenance=told["provenance"],
                ladders={name: _ladder(ladder) for name, ladder in told["comparisons"].items()},
                household_cap=told["household_cap"],
                thresholds={name: Thresholds(**values) for name, values in told["thresholds"].items()},
            )
        except (KeyError, TypeError, AttributeError) as missing:
            raise ValueError(f"not a model: {missing}") from missing

    def to_json(self) -> dict[str, Any]:
        """The document that `from_json` reads."""
        return {
            "version": self.version,
            "provenance": dict(self.provenance),
            "thresholds": {name: asdict(values) for name, values in self.thresholds.items()},
            "household_cap": self.household_cap,
            "comparisons": {name: _told(ladder) for name, ladder in self.ladders.items()},
        }

    def save(self, path: Path) -> None:
        """Writes the model; the same model gives the same bytes."""
        path.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n", "utf-8")

    def score(self, a: Record, b: Record, *, population: int) -> Score:
        """How likely the two records are one person among `population` people (at least 1), and why.

        Symmetric. A trait unknown on a side is in the evidence with weight 0 and no level.
        """
        prior = _millibits(-math.log2(population))
        evidence = [Evidence(PRIOR, None, prior / MILLIBITS)]
        total, household = prior, 0
        compared = compare(a, b)
        agreed = {one.comparison for one in compared if one.level in self._agrees.get(one.comparison, ())}
        for comparison, level, terms, shared in compared:
            if level is None:
                evidence.append(Evidence(comparison, None, 0.0))
                continue
            weights = self._weights[comparison]
            weight = (weights.given_levels if weights.given in agreed else weights.levels)[level]
            if terms and level in weights.means:
                rarity, rarest = weights.rarity, weights.rarest
                weight += weights.means[level] + max([rarity.get(term, rarest) for term in terms])
            evidence.append(Evidence(comparison, level, weight / MILLIBITS))
            total += weight
            if shared and weight > 0:
                household += weight
        if household > self._cap:
            evidence.append(Evidence(HOUSEHOLD_CAP, None, (self._cap - household) / MILLIBITS))
            total += self._cap - household
        return Score(total / MILLIBITS, tuple(evidence))


@cache
def _shipped() -> Model:
    return Model.from_json(json.loads(SHIPPED.read_text("utf-8")))


def _odds(told: Mapping[str, Any]) -> dict[str, Odds]:
    """Levels with their [m, u]. Raises ValueError for a probability outside ]0, 1]."""
    if not all(0.0 < p <= 1.0 for pair in told.values() for p in pair):
        raise ValueError("a probability is not above 0 and at most 1")
    return {level: Odds(m, u) for level, (m, u) in told.items()}


def _ladder(told: Mapping[str, Any]) -> Ladder:
    given, terms = told.get("given"), told.get("terms")
    return Ladder(
        levels=_odds(told["levels"]),
        given=Dependence(given["comparison"], _odds(given["levels"])) if given else None,
        terms=TermFrequencies(**terms) if terms else None,
    )


def _told(ladder: Ladder) -> dict[str, Any]:
    def pairs(levels: Mapping[str, Odds]) -> dict[str, list[float]]:
        return {level: [odds.m, odds.u] for level, odds in levels.items()}

    said: dict[str, Any] = {"levels": pairs(ladder.levels)}
    if ladder.given:
        said["given"] = {"comparison": ladder.given.comparison, "levels": pairs(ladder.given.levels)}
    if ladder.terms:
        said["terms"] = {**asdict(ladder.terms), "counts": dict(ladder.terms.counts)}
    return said
