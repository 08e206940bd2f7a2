"""Folding: any text to words in capitals, one form for all ways to write it, in its own alphabet.

Accents, ligatures, width, case and apostrophes of Latin, Greek and Cyrillic fold; Arabic and Hebrew lose
their optional points; every other alphabet keeps all it has. Nothing is transliterated, no letter is lost.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

LONGEST_TEXT = 512  # characters read of a trait; the raw record keeps them all
MOST_WORDS = 24

_FOLDS = {
    "Æ": "AE", "Œ": "OE", "Ø": "O", "Đ": "D", "Ð": "D", "Þ": "TH", "Ł": "L", "Ħ": "H", "Ŋ": "N", "Ŧ": "T",
    "Ə": "E", "ẞ": "SS", "ĸ": "K", "ٱ": "ا", "ى": "ي", "ی": "ي", "ې": "ي", "ة": "ه", "ک": "ك",
}  # fmt: skip
_DELETED_MARKS = (
    range(0x0300, 0x0370),  # Latin, Greek, Cyrillic accents
    range(0x0591, 0x05C8),  # Hebrew points
    range(0x064B, 0x0660),  # Arabic points
    (0x0670,),  # dagger alif
)
_DELETED_SIGNS = frozenset(
    "\u00ad\u00b7\u034f\u0640\u200b\u200c\u200d\u2060\ufeff"
)  # invisible, middle dot, tatweel
_APOSTROPHES = range(0x02B9, 0x02C0)  # letters for Unicode, signs in a name: okina, ayn, hamza
_LETTERS_AND_DIGITS = ("L", "M", "N")  # first letter of the Unicode category


class _FoldTable(dict[int, str]):
    """Code point -> what it folds to: "" deletes, a space parts words. Filled as characters are met."""

    def __missing__(self, code_point: int) -> str:
        character = chr(code_point)
        category = unicodedata.category(character)[0]
        if character in _DELETED_SIGNS or (category == "M" and any(code_point in m for m in _DELETED_MARKS)):
            folded = ""
        elif category not in _LETTERS_AND_DIGITS or code_point in _APOSTROPHES:
            folded = " "
        else:
            folded = "".join(_FOLDS.get(c, c) for c in character.upper())
        if len(self) < 20_000:
            self[code_point] = folded
        return folded


_FOLD_TABLE = _FoldTable()


@lru_cache(maxsize=16_384)
def _fold(text: str) -> tuple[str, ...]:
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return tuple(unicodedata.normalize("NFC", text.translate(_FOLD_TABLE)).split()[:MOST_WORDS])


def words(text: str | None) -> tuple[str, ...]:
    """The words of a text, folded. Empty when nothing is left. Idempotent; NFC and NFD give the same.

    A hyphen, an apostrophe, a dot or any other sign parts words; digits stay, they tell names apart.
    """
    if not text:
        return ()
    return _fold(
        unicodedata.normalize("NFC", text)[:LONGEST_TEXT] if len(text) > 60 or not text.isascii() else text
    )


def script(text: str) -> str:
    """The alphabet of the first letter: LATIN, ARABIC, CYRILLIC, GREEK, CJK, ... in Unicode's words."""
    return unicodedata.name(text[0], "UNKNOWN").split(" ", 1)[0] if not text.isascii() else "LATIN"
