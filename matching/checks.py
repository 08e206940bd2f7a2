"""What stands against a link, whatever the weight: one row a rule, with a stable reason code.

A row either vetoes an identity (it is somebody else: left out) or bars the link (a person decides: REVIEW at
most). The codes are stored with decisions and shown to clerks.

Statuses and attributes follow the RNIV, the French reference on identity vigilance.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from matching.comparisons import compare
from matching.givens import are_two_given_names
from matching.model import Score
from matching.records import PartialDate, Record


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


class Effect(StrEnum):
    """VETO: the identity is somebody else. BAR: REVIEW at most."""

    VETO = "veto"
    BAR = "bar"


class Scope(StrEnum):
    """IDENTITY: one such record stops the identity. PAIR: only the best candidate is looked at."""

    IDENTITY = "identity"
    PAIR = "pair"


@dataclass(frozen=True, slots=True)
class Check:
    """One row: when `applies`, the `effect` and the reason `code`."""

    code: str
    effect: Effect
    scope: Scope
    why: str
    applies: Callable[[Pair], bool]


# Levels of the ladders, read as the rules need them.
SAME_FAMILY = frozenset({"birth_and_used", "birth", "used", "crossed"})
LIKE_FAMILY = SAME_FAMILY | {
    "variant", "shared", "part", "typo", "transliteration", "phonetic", "romanised", "close",
}  # fmt: skip
SAME_GIVEN = frozenset({"list", "first", "prefix"})
SAME_DATE = frozenset({"exact", "exact_first_of_month", "exact_weak"})
LIKE_DATE = SAME_DATE | {"swapped", "near", "decade", "century", "one_part", "compatible"}
UNSURE_DATE = frozenset({"exact_weak", "compatible", "disagree_weak"})
OTHER_FAMILY = frozenset({"disagree", "disagree_used"})
OTHER_DATE = frozenset({"disagree", "disagree_weak"})
GENERATION = 14  # years
OTHER_PLACE = frozenset({"department", "disagree"})
SAME_HOME = frozenset({("address", "exact"), ("phone", "mobile"), ("phone", "landline")})
PERSONAL = frozenset({("phone", "mobile"), ("email", "exact")})
THIRD_PROOF = PERSONAL | {("address", "exact"), ("identifiers", "same")}
CHECKED = frozenset({"VALI", "QUAL"})
OUTSIDE = frozenset({"FICT", "CACH", "ANOM"})


def _attribute(*codes: str) -> Callable[[Pair], bool]:
    """Either side carries one of the attributes."""
    wanted = frozenset(codes)
    return lambda pair: any(wanted & side.attributes for side in pair.records)


def _flag(flag: str) -> Callable[[Pair], bool]:
    """Either side carries the flag."""
    return lambda pair: any(flag in side.flags for side in pair.records)


def _other_birth_order(pair: Pair) -> bool:
    return pair.levels["multiple_birth"] == "disagree"


def _dead_before(pair: Pair) -> bool:
    """The candidate died before the encounter; an incomplete date of death counts as its last day."""
    died, encounter = pair.candidate.record.death_date, pair.encounter_on
    if died is None or encounter is None:
        return False
    return (died.year, died.month or 12, died.day or 31) < (encounter.year, encounter.month, encounter.day)


def _both_qualified(pair: Pair) -> bool:
    return all(side.status == "QUAL" for side in pair.records) and not pair.candidate.past


def _day(born: PartialDate | None) -> tuple[int, int | None, int | None] | None:
    return None if born is None else (born.year, born.month, born.day)


def _qualified_differ(pair: Pair) -> bool:
    """Two identities from the national service: birth name, first word of the given names, or date differ."""
    a, b = pair.records
    told = (
        (a.birth_name and a.birth_name.key, b.birth_name and b.birth_name.key),
        (a.given_names and a.given_names.words[0], b.given_names and b.given_names.words[0]),
        (_day(a.birth_date), _day(b.birth_date)),
    )
    return _both_qualified(pair) and any(one and other and one != other for one, other in told)


def _qualified_doubtful(pair: Pair) -> bool:
    """Two identities from the national service that agree on the core: list spelling, sex or place differ."""
    levels = pair.levels
    return _both_qualified(pair) and (
        levels["given_names"] not in (None, *SAME_GIVEN)
        or levels["sex"] == "disagree"
        or levels["birth_place"] in OTHER_PLACE
    )


def _other_given_name(pair: Pair) -> bool:
    """Given names are told on both sides, and may be those of two people who share the rest."""
    if pair.levels["given_names"] is None:
        return False
    a, b = pair.records
    order = pair.levels["multiple_birth"]
    order_told = order != "same_order" and (a.multiple_birth, b.multiple_birth) != (None, None)
    return are_two_given_names(a, b, level=pair.levels["given_names"], strictly=order_told)


def _twins(pair: Pair) -> bool:
    """Family name, unless a marriage may have changed it, and birth date agree, the given name does not."""
    levels = pair.levels
    return (
        levels["family_name"] in LIKE_FAMILY | {"disagree_used"}
        and levels["birth_date"] in LIKE_DATE
        and _other_given_name(pair)
    )


def _nameless(pair: Pair) -> bool:
    """A given name is told on one side at most: home and date do not say who of the family it is."""
    levels = pair.levels
    return (
        levels["given_names"] is None
        and levels["family_name"] != "any_order"
        and levels["identifiers"] != "same"
    )


def _household(pair: Pair) -> bool:
    """Family name and home agree, the given name does not: what siblings and parents look like."""
    shared = any((name, level) in SAME_HOME for name, level in pair.levels.items())
    return shared and pair.levels["family_name"] in LIKE_FAMILY and _other_given_name(pair)


def _generations(pair: Pair) -> bool:
    """The family name agrees, the birth years are a generation apart: father and son of one name, who may
    well share the day, the home and the town of birth.
    """
    a, b = (side.birth_date for side in pair.records)
    return (
        a is not None
        and b is not None
        and abs(a.year - b.year) >= GENERATION
        and pair.levels["family_name"] in LIKE_FAMILY
    )


def _undated(pair: Pair) -> bool:
    """A birth date is told on one side at most: names and home do not say which generation it is."""
    return pair.levels["birth_date"] is None and pair.levels["identifiers"] != "same"


def _homonyms(pair: Pair) -> bool:
    """Names and date agree, the birthplace does not, and there is no proof that strangers do not share."""
    levels = pair.levels
    return not any((name, level) in THIRD_PROOF for name, level in levels.items()) and (
        levels["family_name"] in SAME_FAMILY
        and levels["given_names"] in SAME_GIVEN
        and levels["birth_date"] in SAME_DATE
        and levels["birth_place"] in OTHER_PLACE
    )


def _unchecked_status(pair: Pair) -> bool:
    """Both authorities send statuses, one is below VALI, and nothing personal corroborates.

    Corroborators: an identifier of the same issuer; the same mobile or e-mail with the first given name.
    """
    statuses = [side.status for side in pair.records]
    if None in statuses or CHECKED.issuperset(statuses):
        return False
    personal = any((name, level) in PERSONAL for name, level in pair.levels.items())
    return not (
        pair.levels["identifiers"] == "same" or (personal and pair.levels["given_names"] in SAME_GIVEN)
    )


def _weak_date(pair: Pair) -> bool:
    return pair.levels["birth_date"] in UNSURE_DATE


CHECKS: tuple[Check, ...] = (
    Check("not-same", Effect.VETO, Scope.IDENTITY, "a person said so", lambda pair: pair.candidate.not_same),
    Check("outside-linking", Effect.VETO, Scope.IDENTITY, "FICT, CACH, ANOM", _attribute(*OUTSIDE)),
    Check("birth-order", Effect.VETO, Scope.IDENTITY, "twins by their own account", _other_birth_order),
    Check(
        "qualified-differ", Effect.VETO, Scope.IDENTITY, "the national service knows two", _qualified_differ
    ),
    Check("dead-before", Effect.VETO, Scope.IDENTITY, "the dead have no later encounter", _dead_before),
    Check(
        "retracted-link", Effect.BAR, Scope.IDENTITY, "a person undid it", lambda pair: pair.candidate.barred
    ),
    Check("homonym-declared", Effect.BAR, Scope.IDENTITY, "HOMA", _attribute("HOMA")),
    Check("doubtful", Effect.BAR, Scope.IDENTITY, "DOUT", _attribute("DOUT")),
    Check("protected", Effect.BAR, Scope.IDENTITY, "two people decide", _flag("protected")),
    Check("newborn", Effect.BAR, Scope.PAIR, "the given name is provisional", _flag("newborn")),
    Check("twins", Effect.BAR, Scope.PAIR, "same family and date, another given name", _twins),
    Check("given-name-missing", Effect.BAR, Scope.PAIR, "it tells people of one home apart", _nameless),
    Check("household", Effect.BAR, Scope.PAIR, "same family and home, another given name", _household),
    Check("generations", Effect.BAR, Scope.PAIR, "same family, dates a generation apart", _generations),
    Check("birth-date-missing", Effect.BAR, Scope.PAIR, "it tells the generations apart", _undated),
    Check("homonyms", Effect.BAR, Scope.PAIR, "same names and date, another birthplace", _homonyms),
    Check("qualified-doubtful", Effect.BAR, Scope.PAIR, "list, sex or place differ", _qualified_doubtful),
    Check("weak-date", Effect.BAR, Scope.PAIR, "estimated, or a registry default", _weak_date),
    Check("status", Effect.BAR, Scope.PAIR, "not both VALI or QUAL, no corroborator", _unchecked_status),
)


def against(pairs: Sequence[Pair], effect: Effect, *, waived: Collection[str] = ()) -> list[str]:
    """Codes of the checks with this effect that apply to an identity, whose best pair comes first."""
    return [
        check.code
        for check in CHECKS
        if check.effect is effect
        and check.code not in waived
        and any(check.applies(pair) for pair in (pairs if check.scope is Scope.IDENTITY else pairs[:1]))
    ]


class Two(NamedTuple):
    """Two records without a decision between them, and the level of each comparison, None = unknown."""

    a: Record
    b: Record
    levels: Mapping[str, str | None]


def _two_given_names(two: Two) -> bool:
    """Another given name on both sides; a provisional one and a single letter that fits are no other."""
    level = two.levels["given_names"]
    if level in (None, "initial") or any("newborn" in side.flags for side in (two.a, two.b)):
        return False
    return are_two_given_names(two.a, two.b, level=level, strictly=False)


def _a_generation_apart(two: Two) -> bool:
    a, b = two.a.birth_date, two.b.birth_date
    return a is not None and b is not None and abs(a.year - b.year) >= GENERATION


TWO_PEOPLE: Mapping[str, Callable[[Two], bool]] = {
    "birth-order": lambda two: two.levels["multiple_birth"] == "disagree",
    "other-given-name": _two_given_names,
    "generations": _a_generation_apart,
    "other-name-and-date": lambda two: (
        two.levels["family_name"] in OTHER_FAMILY and two.levels["birth_date"] in OTHER_DATE
    ),
}


def apart(record: Record, other: Record) -> tuple[str, ...]:
    """Codes that say the two records are probably two people's; empty = nothing speaks for it. Symmetric.

    For a record against its own history, or against an identity that its words claim: nothing that agrees
    outweighs them. What is unknown, a typing error and a newborn's provisional name speak for nothing.
    """
    levels = {compared.comparison: compared.level for compared in compare(record, other)}
    two = Two(record, other, levels)
    return tuple(code for code, applies in TWO_PEOPLE.items() if applies(two))
