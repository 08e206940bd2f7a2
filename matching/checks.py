"""What stands against a link, whatever the weight: one row a rule, with a stable reason code.

A row either vetoes an identity (it is somebody else: left out) or bars the link (a person decides: REVIEW at
most). The codes are stored with decisions and shown to clerks.

Statuses and attributes follow the RNIV, the French reference on identity vigilance.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from matching.comparisons import compare
from matching.givens import are_two_given_names, begins_compounds
from matching.normalise.codes import OUTSIDE
from matching.pairs import (
    CHECKED,
    GENERATION,
    INEXACT_DATE,
    LIKE_DATE,
    LIVED_IN,
    OTHER_DATE,
    OTHER_FAMILY,
    OTHER_PLACE,
    SAME_DATE,
    SAME_FAMILY,
    SAME_GIVEN,
    SAME_HOME,
    SAME_PLACE,
    SPELT_OTHERWISE,
    THIRD_PROOF,
    UNSURE_DATE,
    Candidate,
    Pair,
    Two,
)
from matching.records import PartialDate, Record

__all__ = ["CHECKS", "TWO_PEOPLE", "Candidate", "Check", "Effect", "Pair", "Scope", "against", "apart"]


class Effect(StrEnum):
    """VETO: the identity is somebody else. BAR: REVIEW at most."""

    VETO = "veto"
    BAR = "bar"


class Scope(StrEnum):
    """Which records of an identity are looked at.

    IDENTITY: every one, earlier versions too. CURRENT: the best candidate and every one that is current, so
    that one record in the middle (MARIE) glues no twins (MARIE CLAIRE, MARIE ANNE), nor a value withdrawn
    outvotes the one of today. PAIR: the best candidate alone.
    """

    IDENTITY = "identity"
    CURRENT = "current"
    PAIR = "pair"


@dataclass(frozen=True, slots=True)
class Check:
    """One row: when `applies`, the `effect` and the reason `code`."""

    code: str
    effect: Effect
    scope: Scope
    why: str
    applies: Callable[[Pair], bool]


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


def _a_generation_apart(a: Record, b: Record) -> bool:
    one, other = a.birth_date, b.birth_date
    return one is not None and other is not None and abs(one.year - other.year) >= GENERATION


def _other_given_name(pair: Pair) -> bool:
    """Given names are told on both sides, and may be those of two people who share the rest."""
    a, b = pair.records
    level = pair.levels["given_names"]
    order = pair.levels["multiple_birth"]
    order_told = order != "same_order" and (a.multiple_birth, b.multiple_birth) != (None, None)
    if level is None:  # exchanged with a family name, or not told
        return pair.levels["family_name"] == "any_order" and order_told
    return are_two_given_names(a, b, level=level, strictly=order_told)


def _twins(pair: Pair) -> bool:
    """Birth date agrees, the given name does not; a family name not told, or changed by marriage, may."""
    return (
        pair.levels["family_name"] != "disagree"
        and pair.levels["birth_date"] in LIKE_DATE
        and _other_given_name(pair)
    )


def _household(pair: Pair) -> bool:
    """Home agrees, the given name does not: what siblings and parents look like."""
    return pair.levels["family_name"] not in OTHER_FAMILY and pair.has(SAME_HOME) and _other_given_name(pair)


def _nameless(pair: Pair) -> bool:
    """A given name is told on one side at most: home and date do not say who of the family it is."""
    return (
        pair.levels["given_names"] is None
        and pair.levels["family_name"] != "any_order"
        and not pair.same_file
    )


def _initial(pair: Pair) -> bool:
    """One letter tells no brother from the other."""
    return pair.levels["given_names"] == "initial" and not pair.same_file


def _may_be_compound(pair: Pair) -> bool:
    """A home in common, and a given name that may be half of another: JEAN beside JEAN PAUL, where JEAN
    PIERRE is the twin; or family and given names exchanged, which hides it.
    """
    level = pair.levels["given_names"]
    half = (level == "prefix" and begins_compounds(*pair.records)) or pair.levels[
        "family_name"
    ] == "any_order"
    return half and pair.has(SAME_HOME) and not pair.same_file


def _spelt_otherwise(pair: Pair) -> bool:
    """One name written two ways, or the names of twins: MAMADOU and MAMADI, FARES and FARIS. A list of usual
    names cannot tell for those that are rare here, and twins share home, mobile and mailbox.
    """
    return pair.levels["given_names"] in SPELT_OTHERWISE and not pair.same_file


def _no_family_name(pair: Pair) -> bool:
    return pair.levels["family_name"] is None and not pair.same_file


def _generations(pair: Pair) -> bool:
    """The birth years are a generation apart: father and son of one name may share all the rest."""
    return _a_generation_apart(*pair.records)


def _undated(pair: Pair) -> bool:
    """A birth date is told on one side at most: names and home do not say which generation it is."""
    return pair.levels["birth_date"] is None and not pair.same_file


def _inexact_date(pair: Pair) -> bool:
    """A part of the date differs: a typing error, or cousins, or siblings who bear one name.

    A mobile or a mailbox says that it is an error, unless the home agrees as well or the names are exchanged.
    """
    date_level, family = pair.levels["birth_date"], pair.levels["family_name"]
    return (
        date_level in INEXACT_DATE
        and not pair.same_file
        and (not pair.personal or pair.has(LIVED_IN) or family == "any_order" or date_level == "disagree")
    )


def _homonyms(pair: Pair) -> bool:
    """Names and date agree, the birthplace does not, and there is no proof that strangers do not share."""
    levels = pair.levels
    return (
        levels["family_name"] in SAME_FAMILY
        and levels["given_names"] in SAME_GIVEN
        and levels["birth_date"] in SAME_DATE
        and levels["birth_place"] in OTHER_PLACE
        and not pair.has(THIRD_PROOF)
        and not pair.same_file
    )


def _other_sex(pair: Pair) -> bool:
    """A given name that men and women bear: CAMILLE, DOMINIQUE."""
    return pair.levels["sex"] == "disagree" and not pair.same_file


def _unchecked_status(pair: Pair) -> bool:
    """Both authorities send statuses, one is below VALI, and nothing personal corroborates.

    Corroborators: the file number; the same mobile or e-mail with the first given name.
    """
    statuses = [side.status for side in pair.records]
    if None in statuses or CHECKED.issuperset(statuses):
        return False
    return not (pair.same_file or (pair.personal and pair.levels["given_names"] in SAME_GIVEN))


def _weak_date(pair: Pair) -> bool:
    return pair.levels["birth_date"] in UNSURE_DATE


def _first_of_month(pair: Pair) -> bool:
    """The day that is filled in for people born abroad, whose papers may tell the month alone."""
    return (
        pair.levels["birth_date"] == "exact_first_of_month"
        and pair.levels["birth_place"] not in SAME_PLACE
        and not pair.personal
        and not pair.same_file
    )


_V, _B = Effect.VETO, Effect.BAR
_IDENTITY, _CURRENT, _PAIR = Scope.IDENTITY, Scope.CURRENT, Scope.PAIR
CHECKS: tuple[Check, ...] = (
    Check("not-same", _V, _IDENTITY, "a person said so", lambda pair: pair.candidate.not_same),
    Check("outside-linking", _V, _IDENTITY, "FICT, CACH, ANOM", _attribute(*OUTSIDE)),
    Check("birth-order", _V, _IDENTITY, "twins by their own account", _other_birth_order),
    Check("qualified-differ", _V, _IDENTITY, "the national service knows two", _qualified_differ),
    Check("dead-before", _V, _IDENTITY, "the dead have no later encounter", _dead_before),
    Check("retracted-link", _B, _IDENTITY, "a person undid it", lambda pair: pair.candidate.barred),
    Check("homonym-declared", _B, _IDENTITY, "HOMA", _attribute("HOMA")),
    Check("doubtful", _B, _IDENTITY, "DOUT", _attribute("DOUT")),
    Check("protected", _B, _IDENTITY, "two people decide", _flag("protected")),
    Check("newborn", _B, _PAIR, "the given name is provisional", _flag("newborn")),
    Check("twins", _B, _CURRENT, "same date, another given name", _twins),
    Check("given-name-missing", _B, _PAIR, "it tells people of one home apart", _nameless),
    Check("given-name-initial", _B, _PAIR, "one letter tells nobody apart", _initial),
    Check("given-name-spelling", _B, _PAIR, "one name spelt twice, or those of twins", _spelt_otherwise),
    Check("given-name-compound", _B, _PAIR, "same home, half of a compound name", _may_be_compound),
    Check("household", _B, _CURRENT, "same home, another given name", _household),
    Check("generations", _B, _CURRENT, "birth years a generation apart", _generations),
    Check("family-name-missing", _B, _PAIR, "it tells namesakes apart", _no_family_name),
    Check("birth-date-missing", _B, _PAIR, "it tells the generations apart", _undated),
    Check("inexact-date", _B, _PAIR, "an error, or cousins and siblings of one name", _inexact_date),
    Check("homonyms", _B, _CURRENT, "same names and date, another birthplace", _homonyms),
    Check("other-sex", _B, _PAIR, "names that men and women bear", _other_sex),
    Check("qualified-doubtful", _B, _PAIR, "list, sex or place differ", _qualified_doubtful),
    Check("weak-date", _B, _PAIR, "estimated, or a registry default", _weak_date),
    Check("first-of-month", _B, _PAIR, "a day filled in for people born abroad", _first_of_month),
    Check("status", _B, _PAIR, "not both VALI or QUAL, no corroborator", _unchecked_status),
)


def against(pairs: Sequence[Pair], effect: Effect, *, waived: Collection[str] = ()) -> list[str]:
    """Codes of the checks with this effect that apply to an identity, whose best pair comes first."""
    read = {
        Scope.IDENTITY: pairs,
        Scope.CURRENT: [*pairs[:1], *(pair for pair in pairs[1:] if not pair.candidate.past)],
        Scope.PAIR: pairs[:1],
    }
    return [
        check.code
        for check in CHECKS
        if check.effect is effect
        and check.code not in waived
        and any(check.applies(pair) for pair in read[check.scope])
    ]


def _two_given_names(two: Two) -> bool:
    """Another given name on both sides; a provisional one and a single letter that fits are no other."""
    level = two.levels["given_names"]
    if level in (None, "initial") or any("newborn" in side.flags for side in (two.a, two.b)):
        return False
    return are_two_given_names(two.a, two.b, level=level, strictly=False)


TWO_PEOPLE: Mapping[str, Callable[[Two], bool]] = {
    "birth-order": lambda two: two.levels["multiple_birth"] == "disagree",
    "other-given-name": _two_given_names,
    "generations": lambda two: _a_generation_apart(two.a, two.b),
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
