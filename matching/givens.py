"""When two different given names are two people's, and when they are one name written twice.

Twins, siblings and cousins share everything but this. A slip of a key seldom makes another usual name, so two
usual names that differ by a letter (MARIE, MARIA; JULIE, JULIEN) count as two.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from matching.records import Record

FILE = Path(__file__).parent / "data" / "usual-given-names.json"
# Levels of the given-name ladder that say one person, whatever the rest.
SAME = frozenset({"list", "first", "prefix"})
# Levels that say one name in two spellings, unless the sexes differ.
SPELLINGS = frozenset({"used", "phonetic", "romanised"})
_VOWEL_CLASSES = {"A": "A", "E": "E", "I": "E", "Y": "E", "O": "O", "U": "O"}


@cache
def usual_given_names() -> frozenset[str]:
    """Folded given names that many people bear, from the shipped list."""
    return frozenset(json.loads(FILE.read_text("utf-8"))["names"])


def _first_vowel(letters: str) -> str | None:
    """The class of the first vowel: A; E, I, Y; O, U. None without one."""
    return next((_VOWEL_CLASSES[letter] for letter in letters if letter in _VOWEL_CLASSES), None)


def are_two_given_names(a: Record, b: Record, *, level: str | None, strictly: bool) -> bool:
    """Whether given names that stand at `level` (None: one is not told) may be two people's.

    `strictly`: only the same name is the same, no spelling is forgiven (a multiple birth is told). HASSAN and
    HUSSEIN have one skeleton: a transliteration is one name only when the first vowels are of one class.
    """
    if level in SAME:
        return False
    if strictly or {a.sex, b.sex} == {"F", "M"}:
        return True
    one, other = a.given_names, b.given_names
    if one is not None and other is not None:
        if level == "typo":
            return {one.letters, other.letters} <= usual_given_names()
        if level == "transliteration":
            return _first_vowel(one.letters) != _first_vowel(other.letters)
    return level not in SPELLINGS
