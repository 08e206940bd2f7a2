"""Given names: lists that begin alike, a given name in use, diminutives, and spellings of one name."""

from __future__ import annotations

from matching.comparisons.family_names import in_any_order
from matching.comparisons.ladder import Compared, Comparison, Ladder, Level
from matching.comparisons.spelling import (
    is_close,
    is_romanisation,
    is_same_sound,
    is_transliteration,
    is_typo,
)
from matching.normalise.reference import DIMINUTIVES
from matching.records import GivenNames, Record

LADDER = Ladder(
    "given_names",
    Level("list", "the whole list equal, two names or more"),
    Level("first", "first given name equal; one list goes no further than the other"),
    Level("prefix", "one first name begins the other's list: JEAN, JEAN-CHRISTOPHE (EXI ID 10)"),
    Level("first_rest_differs", "first given name equal, the second ones differ"),
    Level("first_word", "first word of a compound equal, the next differs: MARIE-CLAIRE, MARIE-ANNE"),
    Level("used", "the given name in use of one is a given name of the other"),
    Level("elsewhere", "the first given name of one stands elsewhere in the other's list"),
    Level("diminutive", "a usual short form, or the name in another language"),
    Level("typo", "one typing error, two in a long name"),
    Level("transliteration", "the same consonants and vowel places"),
    Level("phonetic", "the same French sound"),
    Level("romanised", "two alphabets, the same consonants"),
    Level("initial", "one initial letter told, on a side or both, and it fits"),
    Level("close", "alike as a whole"),
    Level("disagree", "no given name alike", agrees=False),
)


def _same_first(a: GivenNames, b: GivenNames) -> Compared:
    """A single letter is an initial, that of any name; a single sign of another alphabet says how rare it is
    no better, and a list that it begins is no more.
    """
    if len(a.letters) == 1:
        return LADDER.at("initial" if a.script == "LATIN" else "first")
    if a.words == b.words:
        return LADDER.at("list" if len(a.words) > len(a.first) else "first", a.letters)
    shorter, longer = (a, b) if len(a.words) <= len(b.words) else (b, a)
    follows = "".join(shorter.words) in longer.prefixes
    return LADDER.at("first" if follows else "first_rest_differs", a.letters)


def _used_name(a: Record, b: Record) -> str | None:
    """A given name in use of one that is in use, or given, at the other. None when there is none."""
    for one, other in ((a, b), (b, a)):
        used = one.used_given_name
        if used is not None and (
            (other.used_given_name is not None and used.letters == other.used_given_name.letters)
            or (
                other.given_names is not None
                and (used.letters in other.given_names.words or used.letters in other.given_names.prefixes)
            )
        ):
            return used.letters
    return None


def _elsewhere(a: GivenNames, b: GivenNames) -> str | None:
    found = sorted(one.letters for one, other in ((a, b), (b, a)) if one.letters in other.words)
    return found[0] if found else None


def _spelling(a: GivenNames, b: GivenNames) -> str | None:
    """The level that the spellings of two first names reach; None when two alphabets leave it unknown."""
    one, other = a.letters, b.letters
    if a.script != b.script:
        return "romanised" if is_romanisation(a.skeleton, b.skeleton) else None
    if not DIMINUTIVES.get(a.first[0], frozenset()).isdisjoint(DIMINUTIVES.get(b.first[0], frozenset())):
        return "diminutive"
    if is_typo(one, other):
        return "typo"
    if is_transliteration(a.skeleton, b.skeleton):
        return "transliteration"
    if len(a.first) == len(b.first) == 1 and is_same_sound((a.sound,), (b.sound,)):
        return "phonetic"
    if min(len(one), len(other)) == 1 and one[0] == other[0]:
        return "initial"
    return "close" if is_close(one, other) else "disagree"


def _compare(a: Record, b: Record) -> Compared:
    one, other = a.given_names, b.given_names
    if one is not None and other is not None:
        if one.letters == other.letters:
            return _same_first(one, other)
        if one.letters in other.prefixes or other.letters in one.prefixes:
            return LADDER.at("prefix", min(one.letters, other.letters, key=len))
        if one.first[0] == other.first[0]:
            return LADDER.at("first_word", one.first[0])
        if in_any_order(a, b):  # the family name's ladder tells it, once for both
            return LADDER.unknown
    if (used := _used_name(a, b)) is not None:
        return LADDER.at("used", used)
    if one is None or other is None:
        return LADDER.unknown
    if (found := _elsewhere(one, other)) is not None:
        return LADDER.at("elsewhere", found)
    level = _spelling(one, other)
    return LADDER.unknown if level is None else LADDER.at(level)


COMPARISON = Comparison.on(LADDER, _compare, "given_names", "used_given_name")
