"""Sites with their habits, and the records under way: what telling.py's steps work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matching.population.persons import PERSON_CASES, Persons
from matching.population.vocabulary import Texts, Vocabulary, texts

RECORD_CASES = (
    "typing_error",
    "spelling",
    "name_part",
    "swapped_names",
    "given_name_part",
    "date_error",
    "default_date",
    "missing_date",
    "provisional_name",
    "native_script",
    "short_form",
    "few_traits",
)
HARD_CASES = PERSON_CASES + RECORD_CASES
COLUMNS = (
    "record_id",
    "entity_id",
    "authority",
    "local_id",
    "family_name",
    "birth_name",
    "given_names",
    "used_given_name",
    "sex",
    "birth_date",
    "birth_place",
    "address",
    "postal_code",
    "city",
    "country",
    "phone",
    "email",
    "multiple_birth",
    "status",
    "attributes",
    "flags",
    "death_date",
    "identifiers",
)


@dataclass(frozen=True, slots=True)
class Sites:
    """Habits, one entry a site; shares are the part of its records that have or do the thing."""

    name: Texts
    one_name: NDArray[np.bool_]  # has one field for the family name: the name in use
    accents: NDArray[np.bool_]  # writes given names with accents, in mixed case
    sends_status: NDArray[np.bool_]
    first_given_only: NDArray[np.float64]
    tells_place: NDArray[np.float64]
    tells_contacts: NDArray[np.float64]

    @classmethod
    def drawn(cls, rng: np.random.Generator, count: int) -> Sites:
        return cls(
            name=texts([f"SITE-{n:02d}" for n in range(1, count + 1)]),
            one_name=rng.random(count) < 0.25,
            accents=rng.random(count) < 0.3,
            sends_status=rng.random(count) < 0.5,
            first_given_only=rng.choice([0.1, 0.5, 0.95], count, p=[0.4, 0.3, 0.3]),
            tells_place=rng.choice([0.05, 0.7, 0.95], count, p=[0.2, 0.3, 0.5]),
            tells_contacts=rng.choice([0.4, 0.8, 0.95], count, p=[0.2, 0.4, 0.4]),
        )


@dataclass(slots=True)
class Telling:
    """Records under way. `person` and `site` are indices; `told_at` is the record's time in 0..1."""

    rng: np.random.Generator
    words: Vocabulary
    people: Persons
    sites: Sites
    person: NDArray[np.int64]
    site: NDArray[np.int64]
    told_at: NDArray[np.float64]
    columns: dict[str, Texts]
    cases: NDArray[np.int64]
    care: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.person)

    def some(self, share: float | NDArray[np.floating[Any]], *, careful: bool = False) -> NDArray[np.int64]:
        """Rows drawn with this probability, less where the site took care, if `careful`."""
        return np.flatnonzero(self.rng.random(len(self)) < share * (self.care if careful else 1.0))

    def mark(self, case: str, row: int) -> None:
        self.cases[row] |= 1 << HARD_CASES.index(case)
