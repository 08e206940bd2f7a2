"""Birthplaces (INSEE codes), postal codes and towns.

A code means what it meant when the person was born, or what it means today if a clerk typed today's: both are
kept. Sources of the table of former codes: matching/data/communes.json.gz.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from matching.normalise.reference import FORMER_COMMUNES, REUSED_CODES
from matching.normalise.text import words
from matching.records import PartialDate, Place

_CODE = re.compile(r"(?!00)(?:\d{5}|2[AB]\d{3})", re.ASCII)
UNKNOWN_PLACE = frozenset({"99999", "99000"})
ALGERIA = "99352"
ALGERIA_INDEPENDENT = (1962, 7, 3)  # until the day before, departments 91 to 94 were Algeria's
CORSICA = frozenset({"2A", "2B"})  # department 20 until 1976
_POSTAL_CODE = re.compile(r"[0-9A-Z]{3,10}", re.ASCII)
_TOWN_NOISE = frozenset({"CEDEX", "ARRONDISSEMENT", "ARRDT", "EME", "ER"})


def department(code: str) -> str:
    """The department of an INSEE code: two characters, three overseas; abroad, the country's whole code."""
    if code.startswith("99"):
        return code
    return code[:3] if code.startswith(("97", "98")) else code[:2]


def _born_before(date: PartialDate | None, day: tuple[int, int, int]) -> bool:
    return date is not None and (date.year, date.month or 1, date.day or 1) < day


def place(text: str | None, *, born: PartialDate | None = None) -> Place | None:
    """A birthplace from its INSEE code of five characters; None when not told, unknown or no such code."""
    if not text:
        return None
    code = unicodedata.normalize("NFKC", text[:20]).strip().upper()
    if not _CODE.fullmatch(code) or code in UNKNOWN_PLACE:
        return None
    was_algeria = code[:2] in ("91", "92", "93", "94") and _born_before(born, ALGERIA_INDEPENDENT)
    return _place(code, was_algeria)


@lru_cache(maxsize=16_384)
def _place(code: str, was_algeria: bool) -> Place:
    city = FORMER_COMMUNES.get(code, code)
    cities, departments = {city}, {department(code), department(city)}
    if code.startswith("20"):
        departments |= CORSICA
    if was_algeria:
        cities.add(ALGERIA)
        departments.add(ALGERIA)
        if city == code and code not in REUSED_CODES:  # no commune of today: only Algeria is left
            cities.discard(code)
            departments.discard(department(code))
    return Place(code=code, cities=frozenset(cities), departments=frozenset(departments))


def postal_code(text: str | None) -> str | None:
    """A postal code in capitals without spaces; None when not told or a filler (00000, 99999)."""
    if not text:
        return None
    code = "".join(words(text[:40]))
    if not _POSTAL_CODE.fullmatch(code) or len(set(code)) == 1:
        return None
    return code


def town(text: str | None) -> str | None:
    """A town's name: words joined, without CEDEX and numbers of arrondissements, SAINT as ST."""
    found = (word for word in words(text) if word not in _TOWN_NOISE and not word.rstrip("ERM").isdigit())
    spelt = ("ST" if word == "SAINT" else "STE" if word == "SAINTE" else word for word in found)
    return "".join(spelt) or None


def country(text: str | None) -> str | None:
    """A country as told, folded; None when not told."""
    return "".join(words(text)) or None
