"""Birth date, birthplace, birth order and sex."""

from __future__ import annotations

from datetime import date

from matching.comparisons.ladder import Compared, Comparison, Ladder, Level
from matching.records import PartialDate, Record

DATE = Ladder(
    "birth_date",
    Level("exact", "the same day"),
    Level("exact_first_of_month", "the same first day of a month, which a completed date has too"),
    Level("swapped", "day and month exchanged"),
    Level("near", "one part wrong by one, or the day before or after"),
    Level("decade", "the year wrong by ten"),
    Level("century", "the year wrong by a hundred"),
    Level("one_part", "one of day, month and year wrong"),
    Level("exact_weak", "the same date, but estimated or one that registries fill in"),
    Level("compatible", "the parts that are certain agree, the others are estimated, filled in or not told"),
    Level("disagree_weak", "dates differ, and one of them is estimated or filled in", agrees=False),
    Level("disagree", "two or more parts differ", agrees=False),
)
PLACE = Ladder(
    "birth_place",
    Level("exact", "the same code"),
    Level("city", "one city: arrondissements, merged communes, former codes"),
    Level("country", "one country abroad, whose names the person bears as well"),
    Level("department", "one department, or the country that a former department became"),
    Level("disagree", "different departments or countries", agrees=False),
)
MULTIPLE = Ladder(
    "multiple_birth",
    Level("same_order", "the same birth order"),
    Level("both", "both of a multiple birth, an order is not told"),
    Level("disagree", "different birth orders: two persons", agrees=False),
)
SEX = Ladder("sex", Level("agree", "the same sex"), Level("disagree", "different sexes", agrees=False))

ABROAD = "99"  # first digits of a birthplace code that tells the country alone
_YEARS_APART = {1: "near", 10: "decade", 100: "century"}


def _incomplete(a: PartialDate, b: PartialDate) -> str:
    """The level of two dates of which one lacks a part: do the parts told by both agree?"""
    agree = (
        a.year == b.year
        and (a.month == b.month or None in (a.month, b.month))
        and (a.day == b.day or None in (a.day, b.day))
    )
    return "compatible" if agree else _weak(a, b)


def _weak(a: PartialDate, b: PartialDate) -> str:
    """The level of two dates that differ, one of them estimated or filled in: the year alone is certain."""
    return "compatible" if a.year == b.year else "disagree_weak"


def _certain(a: date, b: date) -> str:
    """The level of two complete, certain, different dates."""
    if a.year == b.year and a.month == b.day and a.day == b.month:
        return "swapped"
    apart = (abs(a.year - b.year), abs(a.month - b.month), abs(a.day - b.day))
    wrong = [difference for difference in apart if difference]
    if len(wrong) == 1:
        return _YEARS_APART.get(apart[0], "near" if wrong == [1] else "one_part")
    return "near" if abs((a - b).days) == 1 else "disagree"


def _compare_dates(one: Record, other: Record) -> Compared:
    a, b = one.birth_date, other.birth_date
    if a is None or b is None:
        return DATE.unknown
    if a.month is None or a.day is None or b.month is None or b.day is None:
        return DATE.at(_incomplete(a, b))
    if a.year == b.year and a.month == b.month and a.day == b.day:
        if a.weak or b.weak:
            return DATE.at("exact_weak")
        return DATE.at("exact_first_of_month" if a.day == 1 else "exact")
    if a.weak or b.weak:
        return DATE.at(_weak(a, b))
    return DATE.at(_certain(date(a.year, a.month, a.day), date(b.year, b.month, b.day)))


def _compare_places(one: Record, other: Record) -> Compared:
    a, b = one.birth_place, other.birth_place
    if a is None or b is None:
        return PLACE.unknown
    if a.code == b.code:
        return PLACE.at("country") if a.code.startswith(ABROAD) else PLACE.at("exact", a.code)
    if shared := a.cities & b.cities:
        return PLACE.at("city", min(shared))
    return PLACE.at("disagree" if a.departments.isdisjoint(b.departments) else "department")


def _compare_multiple(one: Record, other: Record) -> Compared:
    a, b = one.multiple_birth, other.multiple_birth
    if a is None or b is None:
        return MULTIPLE.unknown
    if a and b:
        return MULTIPLE.at("same_order" if a == b else "disagree")
    return MULTIPLE.at("both")


def _compare_sexes(one: Record, other: Record) -> Compared:
    """Neither male nor female (I) is met with anything: it weighs nothing against M or F."""
    a, b = one.sex, other.sex
    if a is None or b is None or (a != b and "I" in (a, b)):
        return SEX.unknown
    return SEX.at("agree" if a == b else "disagree")


COMPARISONS = (
    Comparison.on(DATE, _compare_dates, "birth_date"),
    Comparison.on(PLACE, _compare_places, "birth_place"),
    Comparison.on(MULTIPLE, _compare_multiple, "multiple_birth"),
    Comparison.on(SEX, _compare_sexes, "sex"),
)
