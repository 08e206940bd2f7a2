"""From a seed to a table of records with truth, and from the table to raw records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from matching.population.kin import population
from matching.population.sites import COLUMNS, HARD_CASES, Sites, Telling
from matching.population.telling import STEPS
from matching.population.vocabulary import Texts, texts, vocabulary
from matching.records import Identifier, RawRecord

GENERATOR_VERSION = 1  # rises with every change that gives other records for the same seed
RECORDS_PER_PERSON = 1.35
SAME_SITE_SHARE = 0.3  # of the further records of a person: duplicates inside one authority
SITES = 12
REPEATED = frozenset({"phone", "email"})
CODES = frozenset({"attributes", "flags"})


def generate(n: int, *, seed: int) -> dict[str, Texts]:
    """`n` records as columns of text ("" = missing): the public schema, `entity_id` and `hard_case`.

    The same `n` and `seed` give the same records. `hard_case` lists, separated by `;`, the codes of
    HARD_CASES that hold for the person or the record. Records of one person are not neighbours.
    """
    rng = np.random.default_rng(seed)
    words = vocabulary()
    people = population(rng, words, max(1, round(n / RECORDS_PER_PERSON)))
    further = rng.gamma(0.6, size=len(people))
    person = np.concatenate(
        [
            np.arange(len(people))[:n],
            rng.choice(len(people), max(0, n - len(people)), p=further / further.sum()),
        ]
    )
    order = rng.permutation(n)
    person = person[order]
    sites = Sites.drawn(rng, SITES)
    home = np.sqrt(rng.random(len(people))) * SITES
    elsewhere = (order >= len(people)) & (rng.random(n) >= SAME_SITE_SHARE)
    site = np.where(elsewhere, rng.integers(0, SITES, n), home[person].astype(np.int64))
    telling = Telling(
        rng=rng,
        words=words,
        people=people,
        sites=sites,
        person=person,
        site=site,
        told_at=rng.random(n),
        columns={},
        cases=people.cases[person].copy(),
        care=np.ones(n),
    )
    for step in STEPS:
        step(telling)
    columns = telling.columns
    columns["record_id"] = texts([f"R{row:08d}" for row in range(n)])
    columns["entity_id"] = texts([f"P{row:08d}" for row in person])
    columns["authority"] = sites.name[site]
    columns["local_id"] = texts([f"{number:08d}" for number in rng.permutation(n) + 10_000_000])
    columns["hard_case"] = texts([cases_text(bits) for bits in telling.cases])
    return {name: columns[name] for name in (*COLUMNS, "hard_case")}


def cases_text(bits: int) -> str:
    """Codes of the hard cases in a bit set."""
    return ";".join(code for place, code in enumerate(HARD_CASES) if bits >> place & 1)


def frame(n: int, *, seed: int) -> pd.DataFrame:
    """`generate` as a data frame; missing values are None."""
    columns = generate(n, seed=seed)
    return pd.DataFrame({name: [value or None for value in values] for name, values in columns.items()})


def raw_records(columns: dict[str, Texts]) -> Iterator[RawRecord]:
    """The records as a door would tell them, in order; truth and hard case stay outside."""
    names = [name for name in COLUMNS if name not in ("record_id", "entity_id")]
    for row in zip(*(columns[name] for name in names), strict=True):
        yield RawRecord(**{name: _told(name, value) for name, value in zip(names, row, strict=True)})


def _told(name: str, value: str) -> Any:
    """A column's text as the field of RawRecord."""
    if name == "given_names":
        return tuple(value.split())
    if name in REPEATED:
        return tuple(value.split(";")) if value else ()
    if name in CODES:
        return frozenset(value.split(";")) if value else frozenset()
    if name == "identifiers":
        pairs = [part.split("^^^") for part in value.split(";") if part]
        return tuple(Identifier(value=number, issuer=issuer) for number, issuer in pairs)
    return value or None if name not in ("authority", "local_id") else value
