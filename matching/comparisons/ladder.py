"""What a comparison is: a ladder of named levels, from full agreement down to disagreement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from matching.records import Record


class Compared(NamedTuple):
    """One comparison of one pair of records.

    `level` is a name of the comparison's ladder, or None when a side is unknown (weighs nothing). `terms` are
    the values agreed upon, for the term-frequency adjustment; empty when there are none. `household`: what
    agrees is shared by people who live together, so that such evidence is capped as one block.
    """

    comparison: str
    level: str | None
    terms: tuple[str, ...] = ()
    household: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """A rung. `agrees`: some agreement, however weak. `household`: of the kind that a household shares."""

    name: str
    why: str
    agrees: bool = True
    household: bool = False


class Ladder:
    """The levels of one comparison, and the answers it can give."""

    def __init__(self, comparison: str, *levels: Level) -> None:
        self.comparison = comparison
        self.levels = levels
        self.unknown = Compared(comparison, None)
        self.rank = {level.name: rank for rank, level in enumerate(levels)}
        self._household = {level.name: level.household for level in levels}
        self._without_terms = {
            level.name: Compared(comparison, level.name, (), level.household) for level in levels
        }

    def at(self, level: str, *terms: str) -> Compared:
        """The answer at a level, with the values agreed upon. KeyError for a level that is not here."""
        if not terms:
            return self._without_terms[level]
        return Compared(self.comparison, level, terms, self._household[level])


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ladder of one trait, or of traits that must be read together. `traits` are fields of RawRecord.

    `compare` never raises and is symmetric: compare(a, b) == compare(b, a).
    """

    name: str
    traits: tuple[str, ...]
    levels: tuple[Level, ...]
    compare: Callable[[Record, Record], Compared]

    @classmethod
    def on(cls, ladder: Ladder, compare: Callable[[Record, Record], Compared], *traits: str) -> Comparison:
        """The comparison that answers on this ladder."""
        return cls(name=ladder.comparison, traits=traits, levels=ladder.levels, compare=compare)
