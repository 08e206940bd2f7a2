"""When two given names are two people's, and when they are one name written twice.

Twins and siblings share everything but this. A slip of a key seldom makes another usual name, so two usual
names that differ by a letter (MARIE, MARIA; JULIE, JULIEN) count as two; and so do two names whose common
first word makes compounds (MARIE CLAIRE, MARIE ANNE).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from rapidfuzz.distance import OSA

from matching.normalise.scripts import in_latin_letters
from matching.records import GivenNames, Record

FILE = Path(__file__).parent / "data" / "usual-given-names.json"
# First words that do not tell brothers and sisters apart: the next word does.
COMPOUNDING = frozenset(
    [
        "ABD",
        "ABDEL",
        "ANA",
        "ANNE",
        "EL",
        "FATIMA",
        "JEAN",
        "LOUIS",
        "LOUISE",
        "MARIA",
        "MARIE",
        "MOHAMED",
        "MOHAMMED",
        "NOUR",
        "PAUL",
        "PIERRE",
        "ROSE",
        "THI",
        "VAN",
    ]
)
SHORTEST_TYPO = 4  # letters: in shorter words one error makes another word
_DOUBLED = re.compile(r"(.)\1+")
_VOWELS = {"A": "A", "E": "E", "I": "E", "Y": "E", "O": "O", "U": "O"}


@cache
def usual_given_names() -> frozenset[str]:
    """Folded given names that many people bear, from the shipped list."""
    return frozenset(json.loads(FILE.read_text("utf-8"))["names"])


def _vowel_runs(letters: str) -> str:
    """The class of each run's first vowel: A; E for E, I, Y; O for O, U. YOUSSEF and YUSEF: OE."""
    runs, before = [], ""
    for letter in in_latin_letters(letters):
        if letter in _VOWELS and before not in _VOWELS:
            runs.append(_VOWELS[letter])
        before = letter
    return "".join(runs)


def _both_usual(a: GivenNames, b: GivenNames) -> bool:
    return {a.letters, b.letters} <= usual_given_names()


def _written_twice(word: str, words: tuple[str, ...]) -> bool:
    """The word is among `words`, but for one typing error."""
    return any(
        word == other or (min(len(word), len(other)) >= SHORTEST_TYPO and OSA.distance(word, other) <= 1)
        for other in words
    )


def begins_compounds(a: Record, b: Record) -> bool:
    """A given name told begins with a word that makes compounds: JEAN, MARIE."""
    return any(
        names is not None and names.words[0] in COMPOUNDING for names in (a.given_names, b.given_names)
    )


def _lists_differ(a: GivenNames, b: GivenNames) -> bool:
    """One first word that makes compounds, and a word of the shorter list that is not in the longer one."""
    shorter, longer = (a.words, b.words) if len(a.words) <= len(b.words) else (b.words, a.words)
    return a.words[0] in COMPOUNDING and not all(_written_twice(word, longer) for word in shorter)


def _names_differ(a: GivenNames, b: GivenNames) -> bool:
    """Two usual names, a letter apart, that are not one name in two spellings: MOHAMED and MOHAMMED are."""
    one, other = (_DOUBLED.sub(r"\1", names.letters) for names in (a, b))
    return _both_usual(a, b) and a.sound != b.sound and one != other


def _vowels_differ(a: GivenNames, b: GivenNames) -> bool:
    """HASSAN and HUSSEIN; between two usual names any vowel counts: CLARA and CLAIRE."""
    one, other = _vowel_runs(a.letters), _vowel_runs(b.letters)
    return one[:1] != other[:1] or (one != other and _both_usual(a, b))


def _used_differs(a: Record, b: Record) -> bool:
    """Two first names, both told: one name when a side tells nothing but the one that the other uses."""
    one, other = a.given_names, b.given_names
    return (
        one is not None
        and other is not None
        and not any(
            alone.words == alone.first
            and side.used_given_name
            and side.used_given_name.letters == alone.letters
            for alone, side in ((one, b), (other, a))
        )
    )


# Levels of the ladder at which two names are one, and those at which it depends; elsewhere they are two.
_ONE = frozenset({"list", "first", "phonetic", "romanised"})
_DEPENDS: Mapping[str | None, Callable[[GivenNames, GivenNames], bool]] = {
    "prefix": _lists_differ,
    "first_rest_differs": _lists_differ,
    "diminutive": _both_usual,
    "typo": _names_differ,
    "transliteration": _vowels_differ,
}
# Levels with the same letters: neither a difference of sex nor a multiple birth makes them two.
_SAME_LETTERS = frozenset({"list", "first", "prefix", "first_rest_differs"})


def are_two_given_names(a: Record, b: Record, *, level: str | None, strictly: bool) -> bool:
    """Whether given names that stand at `level` may be two people's.

    `level` None: a given name is not told, so they may be. `strictly`: neither another spelling nor half of a
    compound is forgiven (a multiple birth is told).
    """
    if level not in _SAME_LETTERS and (strictly or {a.sex, b.sex} == {"F", "M"}):
        return True
    if strictly and level == "prefix":
        return True
    if level == "used":
        return _used_differs(a, b)
    two = _DEPENDS.get(level)
    if two is None or a.given_names is None or b.given_names is None:
        return level not in _ONE
    return two(a.given_names, b.given_names)
