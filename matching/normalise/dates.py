"""Dates as told, with the parts that are known. What is no date compares as unknown; nothing is guessed."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from functools import lru_cache

from matching.records import PartialDate

_FORM = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?|(\d\d)(\d\d))?", re.ASCII)
LONGEST_DATE = 40  # characters read of a date
FIRST_YEAR, LAST_YEAR = 1850, 2150
SYSTEM_DEFAULTS = frozenset(
    {(1899, 12, 30), (1899, 12, 31), (1900, 1, 1), (1911, 11, 11)}
)  # what software writes for "none"
REGISTRY_DEFAULTS = frozenset({(1, 1), (12, 31)})  # (month, day) that registries fill in


def partial_date(text: str | None, *, estimated: bool = False) -> PartialDate | None:
    """YYYY-MM-DD, YYYYMMDD, YYYY-MM or YYYY; 00 parts are unknown parts.

    None: not told, another form (15/03/1980 says nothing certain), no day of the calendar, or a default of
    software. `estimated`: the source says that a part was filled in.
    """
    return _partial_date(text[:LONGEST_DATE], estimated) if text else None


@lru_cache(maxsize=16_384)
def _partial_date(text: str, estimated: bool) -> PartialDate | None:
    found = _FORM.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return None
    year = int(found[1])
    month = int(found[2] or found[4] or 0) or None
    day = int(found[3] or found[5] or 0) or None
    if not FIRST_YEAR <= year <= LAST_YEAR or (month or 1) > 12 or (year, month, day) in SYSTEM_DEFAULTS:
        return None
    if day is not None and day > (monthrange(year, month)[1] if month else 31):
        return None
    incomplete = estimated or month is None or day is None
    weak = incomplete or (month, day) in REGISTRY_DEFAULTS
    return PartialDate(year=year, month=month, day=day, estimated=incomplete, weak=weak)
