"""Phonetic codes of words: Brouard's Phonex for French, jellyfish's encoders beside it in one table.

Phonex (F. Brouard, 1999) follows annex A of XSI-1: string form, never the float. It is not the English
Phonex of Lait and Randell. It merges LEFEVRE, LEFEBVRE and LEFEUVRE, not GOMES and GOMEZ, so it never
stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import jellyfish

LONGEST_WORD = 100  # letters; more is no name, and the code of the first hundred serves as well

_ACCENTS = str.maketrans("ÀÂÄÃÉÈÊËÌÎÏÒÔÖÕÙÛÜÑ", "AAAAYYYYIIIOOOOUUUN")
_NOT_A_LETTER = re.compile("[^A-Z]")
_LETTERS = str.maketrans("ADPJBVM", "OTTGFFN")
_REPEATED = re.compile(r"(.)\1+")

# (pattern, replacement, first hit only) in the order of annex A, rules 1 to 24
_RULES: tuple[tuple[re.Pattern[str], str, bool], ...] = tuple(
    (re.compile(pattern), replacement, first_only)
    for pattern, replacement, first_only in (
        ("Y", "I", False),
        ("([^PCS])H", r"\1", False),
        ("PH", "F", False),
        ("G(AI?[NM])", r"K\1", False),
        ("[AE]I[NM]([AEIOU])", r"YN\1", False),
        ("EAU", "O", True),
        ("OUA", "2", True),
        ("[EA]I[NM]", "4", False),
        ("[EA]I", "Y", False),
        ("E([RTZ])", r"Y\1", False),
        ("ESS", "YS", False),
        ("[AOE]N([^AEIOU1234])", r"1\1", False),
        ("[AE]M([^AEIOU1234])", r"1\1", False),
        ("IN([^AEIOU1234])", r"4\1", False),
        ("([AEIOUY1234])S([AEIOUY1234])", r"\1Z\2", False),
        ("OE|EU", "E", False),
        ("AU", "O", False),
        ("O[IY]", "2", False),
        ("OU", "3", False),
        ("SCH|CH|SH", "5", False),
        ("S[CS]", "S", False),
        ("C([EI])", r"S\1", True),
        ("GU|QU|Q|C", "K", False),
        ("G([AOY])", r"K\1", False),
    )
)


def phonex(word: str) -> str:
    """Brouard's Phonex of one word: A to Z and 1 to 5, or "" when no letter A to Z is left.

    Accented French letters count as annex A maps them; anything else but A to Z is left out.
    """
    return _phonex(word[:LONGEST_WORD])


@lru_cache(maxsize=16_384)
def _phonex(word: str) -> str:
    code = _NOT_A_LETTER.sub("", word.upper().translate(_ACCENTS))
    for pattern, replacement, first_only in _RULES:
        code = pattern.sub(replacement, code, count=1 if first_only else 0)
    code = _REPEATED.sub(r"\1", code.translate(_LETTERS))
    return code[:-1] if code.endswith(("T", "X")) else code


def _on_latin_letters(encode: Callable[[str], str]) -> Callable[[str], str]:
    """An encoder that sees A to Z only and answers "" to a word without them, where jellyfish may raise."""

    def encoder(word: str) -> str:
        letters = _NOT_A_LETTER.sub("", word[:LONGEST_WORD].upper())
        return encode(letters) if letters else ""

    return encoder


ENCODERS: dict[str, Callable[[str], str]] = {
    "phonex": phonex,
    "soundex": _on_latin_letters(jellyfish.soundex),
    "metaphone": _on_latin_letters(jellyfish.metaphone),
    "nysiis": _on_latin_letters(jellyfish.nysiis),
    "match_rating": _on_latin_letters(jellyfish.match_rating_codex),
}
