"""Normalisation N1 of XSI-1 (section 4): names to words of A-Z, or a refusal.

Frozen: any change takes a new letter. Not the matcher's normaliser: N1 refuses other scripts, digits and
signs instead of guessing.
"""

from __future__ import annotations

import unicodedata

LONGEST_NAME = 100  # letters

_RANGES = (
    (0x0000, 0x024F),
    (0x0259, 0x0259),
    (0x02B9, 0x02BF),
    (0x0300, 0x036F),
    (0x1E00, 0x1EFF),
    (0x2000, 0x206F),
    (0x2212, 0x2212),
    (0xFB00, 0xFB06),
    (0xFEFF, 0xFEFF),
    (0xFF21, 0xFF3A),
    (0xFF41, 0xFF5A),
)
_ALLOWED = frozenset(chr(point) for first, last in _RANGES for point in range(first, last + 1))

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FOLDED = {
    "ßẞ": "SS",
    "æÆ": "AE",
    "œŒ": "OE",
    "øØ": "O",
    "đĐ": "D",
    "ðÐ": "D",
    "þÞ": "TH",
    "łŁ": "L",
    "ħĦ": "H",
    "ŋŊ": "N",
    "ŧŦ": "T",
    "əƏ": "E",
    "ı": "I",
    "ĸ": "K",
}
_DELETED = "\u00ad\u00b7\u200b\u200c\u200d\u2060\ufeff" + "".join(map(chr, range(0x0300, 0x0370)))
_BREAKS = (
    " '-.`\u02b9\u02bb\u02bc\u02be\u02bf\u2010\u2011\u2012\u2013\u2014\u2015\u2018\u2019\u201b\u2032\u2212"
)
_FOLD = (
    {letter: letter for letter in _LETTERS}
    | {letter.lower(): letter for letter in _LETTERS}
    | {letter: folded for letters, folded in _FOLDED.items() for letter in letters}
    | dict.fromkeys(_DELETED, "")
    | dict.fromkeys(_BREAKS, " ")
)

Words = tuple[str, ...]


class Refused(ValueError):
    """N1 refuses the name; `code` is E_CHAR, E_EMPTY or E_LENGTH. The name is not in the message."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def words(name: str) -> Words:
    """The words of a name, each of A-Z, in order; at least one. Raises Refused.

    The ranges are tested on the name as given and on its NFC form: a spacing diaeresis before an accent
    composes to a character outside them, and NFC and NFD input must have one result.
    """
    if not _ALLOWED.issuperset(name) or not _ALLOWED.issuperset(unicodedata.normalize("NFC", name)):
        raise Refused("E_CHAR")
    try:
        found = tuple("".join(_FOLD[char] for char in unicodedata.normalize("NFKD", name)).split(" "))
    except KeyError:
        raise Refused("E_CHAR") from None
    found = tuple(word for word in found if word)
    if not found:
        raise Refused("E_EMPTY")
    if len(letters(found)) > LONGEST_NAME:
        raise Refused("E_LENGTH")
    return found


def letters(name: Words) -> str:
    """The words without their breaks."""
    return "".join(name)
