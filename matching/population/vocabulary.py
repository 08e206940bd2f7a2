"""Names, places and streets to draw from, as numpy arrays with cumulative shares.

Read from `matching/data/vocabulary.json.gz` (made by compile_vocabulary.py, which names sources and
licences) and `french-words.json` (typed.py). Drawing costs one binary search a value.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matching.population.typed import ORIGINS, STREET_KINDS, STREET_NAMES, Origin

FILE = Path(__file__).parent.parent / "data" / "vocabulary.json.gz"
Texts = NDArray[np.object_]
DECADES = (1901, 1911, 1921, 1931, 1941, 1951, 1961, 1971, 1981, 1991, 2001, 2011)
SEXES = ("F", "M")


def texts(values: Any) -> Texts:
    """A one-dimensional array of str (or None)."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@dataclass(frozen=True, slots=True)
class Urn:
    """Values to draw with replacement; `cumulative` are their shares added up, the last one the total."""

    values: Texts
    cumulative: NDArray[np.float64]

    @classmethod
    def of(cls, values: Any, shares: Any) -> Urn:
        if len(values) != len(shares):
            raise ValueError(f"{len(values)} values and {len(shares)} shares")
        return cls(texts(values), np.cumsum(np.asarray(shares, dtype=np.float64)))

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Indices of `count` values."""
        drawn: NDArray[np.int64] = self.cumulative.searchsorted(
            rng.random(count) * self.cumulative[-1], side="right"
        )
        return drawn


@dataclass(frozen=True, slots=True)
class Communes:
    """Sorted by code, so a département is a slice. `cumulative` weighs by inhabitants."""

    code: Texts
    name: Texts
    postal_codes: Texts  # tuples of str
    departement: Texts
    region: Texts
    urn: Urn
    former: dict[str, tuple[str, ...]]  # code today -> the codes it had

    def neighbours(self, rng: np.random.Generator, of: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each commune another of its département (perhaps itself), by inhabitants."""
        departements = self.departement.astype(str)
        first = departements.searchsorted(departements[of], side="left")
        last = departements.searchsorted(departements[of], side="right")
        below = np.where(first > 0, self.urn.cumulative[first - 1], 0.0)
        above = self.urn.cumulative[last - 1]
        return self.urn.cumulative.searchsorted(below + rng.random(len(of)) * (above - below), side="right")


@dataclass(frozen=True, slots=True)
class OriginUrns:
    """The spellings of one origin: urns of groups (tuples, the usual spelling first)."""

    origin: Origin
    family: Urn
    given: dict[str, Urn]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`given[sex][decade]` is an urn of given names of that sex and decade of birth."""

    family: Urn
    given: dict[str, dict[int, Urn]]
    communes: Communes
    streets: tuple[Urn, Urn]  # kinds, names
    origins: tuple[OriginUrns, ...]


def departement_of(code: str) -> str:
    """Two characters of the INSEE code, three overseas."""
    return code[:3] if code.startswith("97") else code[:2]


def _groups(rows: tuple[tuple[str, ...], ...], flatness: float = 8.0) -> Urn:
    """Typed values by Zipf's law in the order typed, the first ones flattened."""
    return Urn.of(rows, 1.0 / (np.arange(len(rows)) + flatness))


def _family_groups(origin: Origin, general: Urn) -> Urn:
    """The typed groups; beside them, with twice their weight, names of the general list that begin alike.

    BENSALAH and BEN SALAH are two spellings of one such name.
    """
    typed = _groups(origin.family)
    if not origin.prefixes:
        return typed
    shares = np.diff(general.cumulative, prepend=0.0)
    rows = [row for row, name in enumerate(general.values) if name.startswith(origin.prefixes)]
    groups = [
        (name, f"BEN {name[3:]}")
        if name.startswith("BEN") and name[3] != " "
        else (name, name.replace(" ", ""))
        for name in general.values[rows]
    ]
    scale = 2.0 * typed.cumulative[-1] / shares[rows].sum()
    return Urn.of(
        [*typed.values, *groups],
        np.concatenate([np.diff(typed.cumulative, prepend=0.0), shares[rows] * scale]),
    )


def _communes(raw: dict[str, Any]) -> Communes:
    rows = raw["communes"]
    former: dict[str, list[str]] = {}
    for old, new in raw["former_communes"].items():
        former.setdefault(new, []).append(old)
    return Communes(
        code=texts([row[0] for row in rows]),
        name=texts([row[1] for row in rows]),
        region=texts([row[2] for row in rows]),
        postal_codes=texts([tuple(row[3]) for row in rows]),
        departement=texts([departement_of(row[0]) for row in rows]),
        urn=Urn.of([row[0] for row in rows], [row[4] for row in rows]),
        former={code: tuple(olds) for code, olds in former.items()},
    )


@cache
def vocabulary() -> Vocabulary:
    """The shipped vocabulary; read once."""
    raw = json.loads(gzip.decompress(FILE.read_bytes()))
    family = Urn.of(raw["family"]["names"].split(","), raw["family"]["shares"])
    return Vocabulary(
        family=family,
        given={
            sex: {
                decade: Urn.of(
                    raw["given"][sex][str(decade)]["names"].split(","),
                    raw["given"][sex][str(decade)]["shares"],
                )
                for decade in DECADES
            }
            for sex in SEXES
        },
        communes=_communes(raw),
        streets=(
            Urn.of(list(STREET_KINDS), list(STREET_KINDS.values())),
            Urn.of(STREET_NAMES, 1.0 / (np.arange(len(STREET_NAMES)) + 12.0)),
        ),
        origins=tuple(
            OriginUrns(o, _family_groups(o, family), {"F": _groups(o.female), "M": _groups(o.male)})
            for o in ORIGINS
        ),
    )
