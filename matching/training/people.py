"""Records with truth, and the pairs of them that training counts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from matching.blocking import BLOCK_CAP, blocking_keys, key_hash
from matching.records import Record

Key = Callable[[Record], object]


@dataclass(frozen=True, slots=True)
class People:
    """`entity[i]` is the person of `records[i]`.

    `planted`: rows of homonyms that a generator made on purpose, more than chance makes. They are no
    strangers: among pairs of two people they are left out, or u would be too large where the dates agree.
    """

    records: Sequence[Record]
    entity: Sequence[str]
    planted: frozenset[int] = frozenset()

    def are_strangers(self, a: int, b: int) -> bool:
        """Records of two people who are not homonyms by design."""
        return self.entity[a] != self.entity[b] and not (a in self.planted and b in self.planted)

    def true_pairs(self) -> Iterator[tuple[int, int]]:
        """All pairs of records of one person."""
        by_person: dict[str, list[int]] = defaultdict(list)
        for row, person in enumerate(self.entity):
            by_person[person].append(row)
        for rows in by_person.values():
            yield from combinations(rows, 2)

    def one_record_each(self) -> list[Record]:
        """The first record of each person."""
        return list(
            {self.entity[row]: self.records[row] for row in reversed(range(len(self.records)))}.values()
        )

    def random_pairs(self, count: int, *, seed: int) -> Iterator[tuple[int, int]]:
        """`count` random pairs, less those of one person."""
        rng = np.random.default_rng(seed)
        for a, b in rng.integers(0, len(self.records), (count, 2)).tolist():
            if self.are_strangers(a, b):
                yield a, b

    def groups(self, key: Key) -> list[list[int]]:
        """Rows that agree on `key`, two or more; a key of None agrees with nothing."""
        groups: dict[object, list[int]] = defaultdict(list)
        for row, record in enumerate(self.records):
            if (value := key(record)) is not None:
                groups[value].append(row)
        return [rows for rows in groups.values() if len(rows) > 1]

    def grouped_pairs(
        self, groups: Sequence[Sequence[int]], count: int, *, seed: int
    ) -> Iterator[tuple[int, int]]:
        """`count` random pairs inside the groups, less those of one person; none without groups."""
        if not groups:
            return
        sizes = np.array([math.comb(len(rows), 2) for rows in groups], dtype=float)
        rng = np.random.default_rng(seed)
        for group in rng.choice(len(groups), count, p=sizes / sizes.sum()).tolist():
            rows = groups[group]
            a, b = rng.integers(0, len(rows), 2).tolist()
            if self.are_strangers(rows[a], rows[b]):
                yield rows[a], rows[b]

    def grouped_share(self, groups: Sequence[Sequence[int]]) -> float:
        """The share of all pairs of two people that lie inside the groups: counted, not sampled."""
        inside = sum(math.comb(len(rows), 2) for rows in groups)
        of_one_person = sum(
            math.comb(count, 2)
            for rows in groups
            for count in Counter(self.entity[row] for row in rows).values()
        )
        return (inside - of_one_person) / math.comb(len(self.records), 2)

    def candidate_pairs(self) -> list[tuple[int, int]]:
        """Pairs that share a blocking key of at most BLOCK_CAP records, each once, in order."""
        blocks: dict[int, list[int]] = defaultdict(list)
        for row, record in enumerate(self.records):
            for hashed in {key_hash(key) for key in blocking_keys(record)}:
                blocks[hashed].append(row)
        pairs: set[tuple[int, int]] = set()
        for rows in blocks.values():
            if len(rows) <= BLOCK_CAP:
                pairs.update(combinations(rows, 2))
        return sorted(pairs)
