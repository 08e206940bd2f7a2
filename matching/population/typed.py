"""Words typed by hand, from `matching/data/french-words.json`: names written in several ways, and streets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "data" / "french-words.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """People whose names are written in several ways. Names are tuples of spellings, the usual one first.

    Shares are parts of one, explained in the file; `prefixes` begin names of the general list that belong
    here.
    """

    name: str
    share: float
    births_abroad: float
    default_dates: float
    countries: tuple[str, ...]
    prefixes: tuple[str, ...]
    family: tuple[tuple[str, ...], ...]
    female: tuple[tuple[str, ...], ...]
    male: tuple[tuple[str, ...], ...]


def _spellings(lines: list[str]) -> tuple[tuple[str, ...], ...]:
    """Lines of `NAME/SPELLING,NAME,...` as tuples of spellings."""
    return tuple(tuple(group.split("/")) for line in lines for group in line.split(","))


def _origin(raw: dict[str, Any]) -> Origin:
    names = {column: _spellings(raw[column]) for column in ("family", "female", "male")}
    codes = {column: tuple(raw[column]) for column in ("countries", "prefixes")}
    return Origin(**{**raw, **names, **codes})


_RAW = json.loads(FILE.read_text("utf-8"))
ORIGINS = tuple(_origin(raw) for raw in _RAW["origins"])
TWIN_NAMES = {sex: _spellings(_RAW["twin_names"][sex]) for sex in ("F", "M", "X")}
NATIVE_SCRIPT: dict[str, str] = _RAW["native_script"]
STREET_KINDS: dict[str, int] = _RAW["street_kinds"]
STREET_ABBREVIATIONS: dict[str, str] = _RAW["street_abbreviations"]
STREET_NAMES: tuple[str, ...] = tuple(name for line in _RAW["street_names"] for name in line.split(","))
SHORT_FORMS: dict[str, list[str]] = _RAW["short_forms"]
