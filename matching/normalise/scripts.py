"""Names across spellings and alphabets: the skeleton of a transliterated name, and Latin letters for others.

The skeleton (French identity rules) makes MOHAMED, MOHAMMED and MUHAMMAD equal and keeps MAHMOUD apart; it
also joins HASSAN and HUSSEIN, so it is a level of agreement, never equality. Latin letters for Cyrillic,
Greek, Arabic and Hebrew serve comparison with a Latin spelling only; the name itself keeps its alphabet.
"""

from __future__ import annotations

import re
from functools import lru_cache

from matching.normalise.reference import LATIN_LETTERS
from matching.normalise.text import script

VOWEL_MARK = "*"  # one for each run of vowels
KH = "2"  # one letter of its own
VOWELLESS = frozenset({"ARABIC", "HEBREW"})  # alphabets that leave short vowels out

_SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("SH", "CH"),
        ("CH", "1"),  # kept: neither S nor K
        ("KH", KH),
        ("GH", "G"),
        ("DJ", "J"),
        ("Q", "K"),
        ("C(?=[EIY])", "S"),
        ("C", "K"),
        (r"(.)\1+", r"\1"),
        ("H$", ""),
        ("[AEIOUYW]+", VOWEL_MARK),
    )
)

_LATIN_LETTERS = str.maketrans(dict(LATIN_LETTERS))


def in_latin_letters(word: str) -> str:
    """A folded word with Cyrillic, Greek, Arabic and Hebrew letters as French spells them; others stay."""
    return word if word.isascii() else word.translate(_LATIN_LETTERS)


@lru_cache(maxsize=16_384)
def skeleton(letters: str) -> str:
    """Consonants and one mark a vowel run: MOHAMED is M*H*M*D. "" when no Latin spelling is known (王).

    Names in Arabic and Hebrew letters have consonants only, without marks.
    """
    latin = in_latin_letters(letters)
    if not latin or not latin.isascii():
        return ""
    for pattern, replacement in _SPELLINGS:
        latin = pattern.sub(replacement, latin)
    return latin.replace(VOWEL_MARK, "") if script(letters) in VOWELLESS else latin


def consonants(of_skeleton: str) -> str:
    """A skeleton without vowel marks, KH as H: what spellings in two alphabets have in common."""
    return of_skeleton.replace(VOWEL_MARK, "").replace(KH, "H")
