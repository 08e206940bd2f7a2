"""How a pair of records is compared: one ladder of levels a trait. The table below is all there is."""

from __future__ import annotations

from collections.abc import Mapping

from matching.comparisons import births, contacts, family_names, given_names, identifiers
from matching.comparisons.ladder import Compared, Comparison, Level
from matching.records import Record

__all__ = ["COMPARISONS", "NOT_COMPARED", "Compared", "Comparison", "Level", "compare"]

COMPARISONS: tuple[Comparison, ...] = (
    family_names.COMPARISON,
    given_names.COMPARISON,
    *births.COMPARISONS,
    *contacts.COMPARISONS,
    identifiers.COMPARISON,
)

NOT_COMPARED: Mapping[str, str] = {
    "country": "nearly everyone lives in the same one, and postal code and town say more",
    "death_date": "told of few, and after the fact; a veto of the decision reads it",
    "status": "says how well the traits were checked, not who it is; a rule of the decision reads it",
    "attributes": "warnings about an identity (homonym, doubtful, ...); rules of the decision read them",
    "flags": "warnings about a trait (newborn, estimated date); the normaliser and the decision read them",
}


def compare(a: Record, b: Record) -> tuple[Compared, ...]:
    """One answer a comparison, in the order of COMPARISONS. Symmetric; never raises."""
    return tuple(comparison.compare(a, b) for comparison in COMPARISONS)
