"""Two records side by side, and the sets of levels that the checks read.

A level is a name of a ladder of matching.comparisons; None = the trait is unknown on a side.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from matching.model import Score
from matching.normalise.codes import code
from matching.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A source record that shares a blocking key; several may belong to one identity.

    `not_same`: a not-same assertion stands between the record and this one. `barred`: a link between the two
    was retracted. `past`: the values are those of an earlier version of the source record.
    """

    identity_id: str
    record_id: str
    record: Record
    score: Score
    not_same: bool = False
    barred: bool = False
    past: bool = False


def _own_number(record: Record) -> tuple[str, str] | None:
    """The record's own local id, as `Record.identifiers` has it; None when it has none."""
    return (code(record.authority), code(record.local_id)) if record.authority and record.local_id else None


@dataclass(frozen=True, slots=True)
class Pair:
    """The record and one candidate. `levels` holds the level of each comparison, None = unknown."""

    record: Record
    candidate: Candidate
    levels: dict[str, str | None]
    encounter_on: date | None

    @property
    def records(self) -> tuple[Record, Record]:
        return self.record, self.candidate.record

    @property
    def same_file(self) -> bool:
        """One tells the other's own file number. A number of a third party may be a whole family's."""
        a, b = self.records
        return _own_number(a) in b.identifiers or _own_number(b) in a.identifiers

    @property
    def personal(self) -> bool:
        """A mobile telephone or an e-mail address in common."""
        return self.has(PERSONAL)

    def has(self, proofs: Collection[tuple[str, str]]) -> bool:
        """A comparison stands at one of these (comparison, level)."""
        return any((name, level) in proofs for name, level in self.levels.items())


class Two(NamedTuple):
    """Two records without a decision between them, and the level of each comparison, None = unknown."""

    a: Record
    b: Record
    levels: Mapping[str, str | None]


# Levels of the ladders, read as the rules need them.
SAME_FAMILY = frozenset({"birth_and_used", "birth", "used", "crossed"})
SAME_GIVEN = frozenset({"list", "first", "prefix"})
SPELT_OTHERWISE = frozenset({"diminutive", "typo", "transliteration", "phonetic", "romanised", "close"})
SAME_DATE = frozenset({"exact", "exact_first_of_month", "exact_weak"})
LIKE_DATE = SAME_DATE | {"swapped", "near", "decade", "century", "one_part", "compatible"}
INEXACT_DATE = frozenset({"swapped", "near", "decade", "century", "one_part", "disagree"})
UNSURE_DATE = frozenset({"exact_weak", "compatible", "disagree_weak"})
OTHER_FAMILY = frozenset({"disagree", "disagree_used"})
OTHER_DATE = frozenset({"disagree", "disagree_weak"})
GENERATION = 14  # years
SAME_PLACE = frozenset({"exact", "city"})
OTHER_PLACE = frozenset({"department", "disagree"})
LIVED_IN = frozenset({("address", "exact"), ("phone", "landline")})
SAME_HOME = LIVED_IN | {("phone", "mobile")}
PERSONAL = frozenset({("phone", "mobile"), ("email", "exact")})
THIRD_PROOF = PERSONAL | {("address", "exact")}
CHECKED = frozenset({"VALI", "QUAL"})
