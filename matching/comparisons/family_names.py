"""Birth and used family names, crossed: each name of one record against each name of the other."""

from __future__ import annotations

from matching.comparisons.ladder import Compared, Comparison, Ladder, Level
from matching.comparisons.spelling import (
    is_close,
    is_romanisation,
    is_same_sound,
    is_transliteration,
    is_typo,
)
from matching.records import Name, Record

LADDER = Ladder(
    "family_name",
    Level("birth_and_used", "birth and used names, two different ones, both equal", household=True),
    Level("birth", "birth names equal", household=True),
    Level("used", "used names equal; a birth name is not told", household=True),
    Level("crossed", "the birth name of one is the used name of the other", household=True),
    Level("any_order", "family and given names exchanged, or the same words in another order"),
    Level("variant", "particles apart, surnames in another order, final Z as S", household=True),
    Level("shared", "a name in common, but birth names, both told, that differ: spouses, mother and child",
          household=True),
    Level("part", "one word of a compound name", household=True),
    Level("typo", "one typing error, two in a long name", household=True),
    Level("transliteration", "the same consonants and vowel places", household=True),
    Level("phonetic", "the same French sound", household=True),
    Level("romanised", "two alphabets, the same consonants", household=True),
    Level("close", "alike as a whole", household=True),
    Level("disagree_used", "no name alike, but a birth name is not told and no man: marriage changes names",
          agrees=False),
    Level("disagree", "no name alike", agrees=False),
)  # fmt: skip


def _names(record: Record) -> tuple[Name | None, Name | None]:
    """(birth name, used name); a used name that repeats the birth name says nothing more."""
    birth, used = record.birth_name, record.family_name
    if birth is not None and used is not None and birth.key == used.key:
        used = None
    return birth, used


def alike(one: Name, other: Name) -> str | None:
    """The best level that two different spellings reach; None when two alphabets leave it unknown."""
    if not one.forms.isdisjoint(other.forms):
        return "variant"
    if one.script != other.script:
        return "romanised" if is_romanisation(one.skeleton, other.skeleton) else None
    if not one.parts.isdisjoint(other.parts):
        return "part"
    if is_typo(one.letters, other.letters):
        return "typo"
    if is_transliteration(one.skeleton, other.skeleton):
        return "transliteration"
    if is_same_sound(one.sounds, other.sounds):
        return "phonetic"
    return "close" if is_close(one.letters, other.letters) else "disagree"


def _same_words_crossed(a: Record, a_name: Name, b: Record, b_name: Name) -> bool:
    """The words of one person's full name are among the other's, and one word changed sides."""
    if a.given_names is None or b.given_names is None:
        return False
    a_given, b_given = a.given_names.words, b.given_names.words
    if not (any(word in b_name.core for word in a_given) or any(word in b_given for word in a_name.core)):
        return False
    a_words, b_words = {*a_given, *a_name.core}, {*b_given, *b_name.core}
    smaller, larger = (a_words, b_words) if len(a_words) <= len(b_words) else (b_words, a_words)
    return len(smaller) >= 2 and smaller <= larger


def in_any_order(a: Record, b: Record) -> bool:
    """Family and given names exchanged, or the same words in another order, and no family name equal."""
    pairs = [(one, other) for one in _names(a) if one for other in _names(b) if other]
    return all(one.key != other.key for one, other in pairs) and any(
        _same_words_crossed(a, one, b, other) for one, other in pairs
    )


def _equal(one: Name | None, other: Name | None) -> bool:
    return one is not None and other is not None and one.key == other.key


def _differ(one: Name | None, other: Name | None) -> bool:
    """Both told, and not alike at all."""
    return one is not None and other is not None and one.key != other.key and alike(one, other) == "disagree"


def _terms(name: Name) -> tuple[str, ...]:
    """The name whose rarity counts; none for a single sign: 王 is frequent where it is written."""
    return (name.key,) if len(name.key) > 1 else ()


def _compare(a: Record, b: Record) -> Compared:
    (a_birth, a_used), (b_birth, b_used) = _names(a), _names(b)
    if a_birth and _equal(a_birth, b_birth):
        return LADDER.at("birth_and_used" if _equal(a_used, b_used) else "birth", *_terms(a_birth))
    for one, other, level in (
        (a_used, b_used, "used"),
        (a_birth, b_used, "crossed"),
        (a_used, b_birth, "crossed"),
    ):
        if one and _equal(one, other):
            return LADDER.at("shared" if _differ(a_birth, b_birth) else level, *_terms(one))
    pairs = [(one, other) for one in (a_birth, a_used) if one for other in (b_birth, b_used) if other]
    if not pairs:
        return LADDER.unknown
    if in_any_order(a, b):
        return LADDER.at("any_order")
    return _best_of_unequal(pairs, may_have_changed=not (a_birth and b_birth) and "M" not in (a.sex, b.sex))


def _best_of_unequal(pairs: list[tuple[Name, Name]], *, may_have_changed: bool) -> Compared:
    """The highest level over the pairs of names; a shared word of a compound name is a term."""
    reached = [(level, one, other) for one, other in pairs if (level := alike(one, other)) is not None]
    if not reached:
        return LADDER.unknown
    level, one, other = min(reached, key=lambda pair: LADDER.rank[pair[0]])
    if level == "part":
        return LADDER.at(level, max(sorted(one.parts & other.parts), key=len))
    return LADDER.at("disagree_used" if level == "disagree" and may_have_changed else level)


COMPARISON = Comparison.on(LADDER, _compare, "family_name", "birth_name")
