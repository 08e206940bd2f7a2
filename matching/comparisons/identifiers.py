"""Identifiers of one issuer: the same value is the same file of the person, two values are two files."""

from __future__ import annotations

from matching.comparisons.ladder import Compared, Comparison, Ladder, Level
from matching.normalise.codes import code
from matching.records import Record

LADDER = Ladder(
    "identifiers",
    Level("same", "one issuer, one value"),
    Level("disagree", "one issuer, two values", agrees=False),
)


def _compare(a: Record, b: Record) -> Compared:
    """Two local ids of one authority are what a search for duplicates looks for: unknown."""
    if not a.identifiers or not b.identifiers:
        return LADDER.unknown
    if not set(a.identifiers).isdisjoint(b.identifiers):
        return LADDER.at("same")
    shared = {issuer for issuer, _ in a.identifiers} & {issuer for issuer, _ in b.identifiers}
    if a.authority == b.authority:
        shared.discard(code(a.authority))
    return LADDER.at("disagree") if shared else LADDER.unknown


COMPARISON = Comparison.on(LADDER, _compare, "identifiers", "authority", "local_id")
