"""m, u and term frequencies, counted on records with truth.

Full agreement of two people is too rare to be sampled: its share of all pairs is counted exactly from the
frequencies of the values (`KEYS`), and the sample only says on which levels such pairs stand. Counts are
smoothed; where a level would weigh less than a lower one, the two are pooled (pool adjacent violators).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean

from matching.comparisons import COMPARISONS, Comparison, compare
from matching.model import AGREES, Dependence, Ladder, Odds, TermFrequencies
from matching.records import Record
from matching.training.people import Key, People

SMOOTHING = 0.5  # added to the count of every level
SMALLEST_U = 1e-6  # no level weighs more than log2(1 / this): a population of this size vouches for no more
FEWEST_BEARERS = 4  # people with a value, for its own frequency to be kept
FEWEST_AGREEMENTS = 100  # true pairs at a level, for its own mean frequency to be kept
DIGITS = 6  # of a probability in the file


def _family(record: Record) -> object:
    name = record.birth_name or record.family_name
    return name and name.key


def _family_terms(record: Record) -> set[str]:
    names = [name for name in (record.birth_name, record.family_name) if name is not None]
    return {name.key for name in names}.union(*(name.parts for name in names))


def _day(record: Record) -> object:
    born = record.birth_date
    return born and (born.year, born.month, born.day)


def _place_terms(record: Record) -> set[str]:
    return {record.birth_place.code, *record.birth_place.cities} if record.birth_place else set()


# What makes two records agree fully on a comparison.
KEYS: dict[str, Key] = {
    "family_name": _family,
    "given_names": lambda record: record.given_names and record.given_names.letters,
    "birth_date": _day,
    "birth_place": lambda record: record.birth_place and record.birth_place.code,
    "locality": lambda record: record.postal_code,
}
# The values that the comparisons name as `terms`, whose frequencies are kept.
TERMS: dict[str, Callable[[Record], set[str]]] = {
    "family_name": _family_terms,
    "given_names": lambda record: {record.given_names.letters} if record.given_names else set(),
    "birth_place": _place_terms,
    "locality": lambda record: {record.postal_code} if record.postal_code else set(),
}
# Comparison -> the one before it that it depends on (a key of KEYS).
BONDS = {
    "given_names": "birth_date",  # given names have their years
    "birth_place": "family_name",  # family names have their towns and countries
    "sex": "given_names",  # a given name tells the sex
    "locality": "birth_place",  # people live near the place where they were born
}


@dataclass(slots=True)
class Sample:
    """How many of `pairs` pairs stand at each (comparison, level), and the values that those agree upon.

    A pair with an unknown side stands nowhere.
    """

    pairs: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    terms: dict[tuple[str, str], list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))

    def told(self, comparison: Comparison) -> int:
        """Pairs in which both sides tell the trait."""
        return sum(self.counts[comparison.name, level.name] for level in comparison.levels)

    def shares(self, comparison: Comparison) -> list[float]:
        """The smoothed share of each level among the pairs told; they add up to 1."""
        counts = [self.counts[comparison.name, level.name] + SMOOTHING for level in comparison.levels]
        return [count / sum(counts) for count in counts]


Filter = Callable[[str, tuple[int, int], Mapping[str, str | None]], bool]


def ladders(people: People, *, sampled_pairs: int, seed: int) -> dict[str, Ladder]:
    """The ladder of every comparison. `sampled_pairs` random pairs, and a quarter as many for each key.

    Raises ValueError when no person has two records.
    """
    own = list(people.true_pairs())
    if not own:
        raise ValueError("no person has two records: m cannot be counted")
    keys = {name: [key(record) for record in people.records] for name, key in KEYS.items()}
    groups = {name: people.groups(key) for name, key in KEYS.items()}

    def agrees_not(name: str, pair: tuple[int, int], _: Mapping[str, str | None]) -> bool:
        """A pair that agrees fully is left to the exact count."""
        a, b = (keys[name][row] for row in pair) if name in keys else (None, None)
        return a is None or a != b

    def bond_agrees(name: str, _: tuple[int, int], levels: Mapping[str, str | None]) -> bool:
        return name in BONDS and levels[BONDS[name]] in AGREES[BONDS[name]]

    matched = counted(people, own)
    matched_bonded = counted(people, own, only=bond_agrees)
    strangers = counted(people, people.random_pairs(sampled_pairs, seed=seed), only=agrees_not)
    agreeing = {
        name: counted(people, people.grouped_pairs(groups[name], sampled_pairs // 4, seed=seed + number))
        for number, name in enumerate(KEYS, start=1)
    }
    singles = people.one_record_each()
    result = {}
    for comparison in COMPARISONS:
        name, share, u = comparison.name, 0.0, strangers.shares(comparison)
        if name in KEYS:
            told = max(1, strangers.told(comparison)) / strangers.pairs
            share = people.grouped_share(groups[name]) / told
            inside = agreeing[name].shares(comparison)
            u = [share * full + (1 - share) * other for full, other in zip(inside, u, strict=True)]
        given = None
        if name in BONDS:
            bonded = agreeing[BONDS[name]].shares(comparison)
            given = Dependence(BONDS[name], odds(comparison, matched_bonded.shares(comparison), bonded))
        result[name] = Ladder(
            levels=odds(comparison, matched.shares(comparison), u),
            given=given,
            terms=frequencies(name, singles, matched) if name in TERMS else None,
        )
    return result


def counted(people: People, pairs: Iterable[tuple[int, int]], *, only: Filter | None = None) -> Sample:
    """Compares the pairs and counts their levels; `only` says for which comparisons a pair counts."""
    sample = Sample()
    for pair in pairs:
        sample.pairs += 1
        compared = compare(people.records[pair[0]], people.records[pair[1]])
        levels = {one.comparison: one.level for one in compared}
        for name, level, terms, _ in compared:
            if level is not None and (only is None or only(name, pair, levels)):
                sample.counts[name, level] += 1
                if terms:
                    sample.terms[name, level].append(terms)
    return sample


def odds(comparison: Comparison, m: Sequence[float], u: Sequence[float]) -> dict[str, Odds]:
    """The odds of each level. Neighbours that are out of order get the mean of their m and of their u."""
    pools: list[list[tuple[float, float]]] = []
    for at_level in zip(m, (max(p, SMALLEST_U) for p in u), strict=True):
        pools.append([at_level])
        while len(pools) > 1 and ratio(pools[-2]) < ratio(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    pooled = [
        Odds(rounded(sum(m for m, _ in pool) / len(pool)), rounded(sum(u for _, u in pool) / len(pool)))
        for pool in pools
        for _ in pool
    ]
    return {level.name: at_level for level, at_level in zip(comparison.levels, pooled, strict=True)}


def ratio(pool: Sequence[tuple[float, float]]) -> float:
    """m / u of the levels together."""
    return sum(m for m, _ in pool) / sum(u for _, u in pool)


def rounded(probability: float) -> float:
    """To the significant digits that the file keeps."""
    return float(f"{probability:.{DIGITS}g}")


def frequencies(name: str, records: Sequence[Record], matched: Sample) -> TermFrequencies:
    """Frequencies of the values of a comparison over `records`, one a person.

    The floor is the frequency of a value that the file does not keep: the mean one of those too rare here
    (fewer bearers than FEWEST_BEARERS), as their bearers meet it. A level that few pairs reach has the mean
    of all levels.
    """
    told = [found for record in records if (found := TERMS[name](record))]
    counts = Counter(value for found in told for value in found)
    rare = [count for count in counts.values() if count < FEWEST_BEARERS] or [1]
    floor = sum(n * n for n in rare) / sum(rare) / max(1, len(told))
    kept = {value: count for value, count in sorted(counts.items()) if count >= FEWEST_BEARERS}
    agreed = {
        level: [min(kept[v] / len(told) if v in kept else floor for v in terms) for terms in found]
        for (comparison, level), found in matched.terms.items()
        if comparison == name
    }
    everywhere = [frequency for found in agreed.values() for frequency in found]
    means = {
        level: rounded(mean(found if len(found) >= FEWEST_AGREEMENTS else everywhere))
        for level, found in sorted(agreed.items())
    }
    return TermFrequencies(total=len(told), floor=rounded(floor), means=means, counts=kept)
