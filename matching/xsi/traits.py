"""Birthplace and phone number in XSI-1's form (section 4), or None when malformed."""

from __future__ import annotations

import re

UNKNOWN_PLACE = "99999"

_COG = re.compile(r"(?!00)(?:[0-9]{5}|2[ABab][0-9]{3})")
_CITIES = ((75101, 75120, "75056"), (69381, 69389, "69123"), (13201, 13216, "13055"))
_ARRONDISSEMENTS = {str(code): city for first, last, city in _CITIES for code in range(first, last + 1)}
_SIGNS = str.maketrans(dict.fromkeys(" \u00a0.-()/+"))
_DIGITS = re.compile(r"[0-9]{9,15}")
_KEPT_DIGITS = 9


def cog(told: str) -> str | None:
    """The INSEE code of the birthplace, arrondissements as their city; 99999 (unknown) is kept."""
    code = told.strip(" ")
    if _COG.fullmatch(code) is None:
        return None
    return _ARRONDISSEMENTS.get(code, code.upper())


def phone(told: str) -> str | None:
    """The last nine digits of a number of 9 to 15 digits that are not all equal."""
    digits = told.translate(_SIGNS)
    if _DIGITS.fullmatch(digits) is None or len(set(digits)) == 1:
        return None
    return digits[-_KEPT_DIGITS:]
