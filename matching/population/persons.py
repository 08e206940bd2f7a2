"""People drawn one by one: names of their sex, time and origin, a date, a place, a home."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from matching.population.vocabulary import DECADES, SEXES, Texts, Vocabulary, texts

TODAY = np.datetime64("2025-12-31")  # the population's present: fixed, so that a seed says everything
SERVED_REGION = "11"  # Île-de-France: half of the people live there, as in the index of one region
SERVED_SHARE = 0.5
# Hard cases that a person can be; those a record can be are in telling.py.
PERSON_CASES = (
    "spouse",
    "sibling",
    "twin",
    "namesake",
    "homonym",
    "newborn",
    "married",
    "compound_name",
    "transliteration",
    "moved",
)
# People by year of birth: every five years from 1925, in a hospital's file rather than in the country.
BIRTH_QUINQUENNIA = (1, 4, 9, 15, 22, 28, 29, 28, 28, 26, 24, 24, 22, 22, 20, 19, 19, 18, 17, 17, 3)


@dataclass(slots=True)
class Persons:
    """All arrays have one entry a person. "" = has none.

    `used_name` is a married name; `commune` indexes the vocabulary's communes (residence), `birth_place` is a
    code; `spellings` are tuples for names that registries write in several ways, else None; `origin` indexes
    the origins, -1 = France; `cases` is a bit set over PERSON_CASES.
    """

    sex: Texts
    birth_name: Texts
    used_name: Texts
    given_names: Texts
    birth_date: NDArray[np.datetime64]
    birth_place: Texts
    commune: NDArray[np.int64]
    street: Texts
    landline: Texts
    mobile: Texts
    email: Texts
    multiple_birth: Texts
    mother_given_name: Texts
    family_spellings: Texts
    given_spellings: Texts
    origin: NDArray[np.int64]
    cases: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sex)

    def take(self, index: NDArray[np.int64]) -> Persons:
        """Copies of the people at `index`."""
        return Persons(**{f.name: getattr(self, f.name)[index].copy() for f in fields(self)})

    def mark(self, case: str, where: NDArray[np.bool_] | slice = slice(None)) -> None:
        """Notes a hard case."""
        self.cases[where] |= 1 << PERSON_CASES.index(case)


def joined(parts: list[Persons]) -> Persons:
    """One population of several."""
    return Persons(
        **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Persons)}
    )


def birth_dates(rng: np.random.Generator, count: int) -> NDArray[np.datetime64]:
    """Dates of birth by the age pyramid, uniform within five years, none after TODAY."""
    shares = np.cumsum(np.asarray(BIRTH_QUINQUENNIA, dtype=float))
    quinquennium = np.searchsorted(shares, rng.random(count) * shares[-1], side="right")
    days = (quinquennium * 5 * 365.25 + rng.integers(0, 1826, count)).astype("timedelta64[D]")
    dates: NDArray[np.datetime64] = np.minimum(np.datetime64("1925-01-01") + days, TODAY)
    return dates


def given_names(rng: np.random.Generator, words: Vocabulary, persons: Persons) -> None:
    """Draws one to three given names of the sex and the time, and the spellings of foreign ones, in place."""
    count = len(persons)
    decade = (persons.birth_date.astype("datetime64[Y]").astype(int) + 1970 - 1901) // 10
    how_many = rng.choice([1, 2, 3], count, p=[0.35, 0.35, 0.30])
    names = texts([""] * count)
    spellings = texts([None] * count)
    for sex in SEXES:
        for place, year in enumerate(DECADES):
            rows = np.flatnonzero((persons.sex == sex) & (np.clip(decade, 0, 11) == place))
            urn = words.given[sex][year]
            drawn = [urn.values[urn.draw(rng, len(rows))] for _ in range(3)]
            for row, first, second, third in zip(rows, *drawn, strict=True):
                names[row] = " ".join(dict.fromkeys((first, second, third)[: how_many[row]]))
        for place, urns in enumerate(words.origins):
            foreign = (persons.sex == sex) & (persons.origin == place) & (rng.random(count) < 0.85)
            rows = np.flatnonzero(foreign)
            groups = urns.given[sex].values[urns.given[sex].draw(rng, len(rows))]
            for row, group in zip(rows, groups, strict=True):
                names[row] = group[0]
                spellings[row] = group
    hyphen = rng.random(count) < 0.04
    for row in np.flatnonzero(hyphen):
        if spellings[row] is None:
            names[row] = names[row].replace(" ", "-", 1)
    persons.given_names, persons.given_spellings = names, spellings


def homes(rng: np.random.Generator, words: Vocabulary, persons: Persons) -> None:
    """Draws commune, street and landline, in place."""
    count = len(persons)
    near = words.communes.neighbours(rng, persons.commune)
    served = np.flatnonzero(words.communes.region == SERVED_REGION)
    shares = np.cumsum(np.diff(words.communes.urn.cumulative, prepend=0.0)[served])
    in_region = served[np.searchsorted(shares, rng.random(count) * shares[-1], side="right")]
    persons.commune = np.where(rng.random(count) < SERVED_SHARE, in_region, near)
    persons.street, persons.landline = streets(rng, words, count), phones(rng, count, "01 02 03 04 05 09")
    persons.landline[rng.random(count) < 0.45] = ""


def streets(rng: np.random.Generator, words: Vocabulary, count: int) -> Texts:
    """Numbers and streets: half bear one of the names found everywhere, half a person's name."""
    kinds, names = words.streets
    kind, common = kinds.values[kinds.draw(rng, count)], names.values[names.draw(rng, count)]
    family = words.family.values[words.family.draw(rng, count)]
    given = words.given["M"][1901].values[words.given["M"][1901].draw(rng, count)]
    number = np.minimum(rng.geometric(0.03, count), 400)
    rare = rng.random(count) < 0.5
    return texts(
        [
            f"{n} {k} {g} {f}" if r else f"{n} {k} {c}"
            for n, k, c, g, f, r in zip(number, kind, common, given, family, rare, strict=True)
        ]
    )


def phones(rng: np.random.Generator, count: int, prefixes: str) -> Texts:
    """Ten digits, the first two one of `prefixes`."""
    first = rng.choice(prefixes.split(), count)
    return texts([f"{p}{d:08d}" for p, d in zip(first, rng.integers(0, 10**8, count), strict=True)])


def base(rng: np.random.Generator, words: Vocabulary, count: int) -> Persons:
    """People who are kin to nobody yet."""
    commune = words.communes.urn.draw(rng, count)
    shares = np.array([urns.origin.share for urns in words.origins])
    origin = np.searchsorted(np.cumsum(shares), rng.random(count), side="right")
    origin[origin == len(shares)] = -1
    persons = Persons(
        sex=texts(rng.choice(SEXES, count, p=[0.53, 0.47])),
        birth_name=words.family.values[words.family.draw(rng, count)],
        used_name=texts([""] * count),
        given_names=texts([""] * count),
        birth_date=birth_dates(rng, count),
        birth_place=words.communes.code[commune],
        commune=commune,
        street=texts([""] * count),
        landline=texts([""] * count),
        mobile=phones(rng, count, "06 06 06 07"),
        email=texts([""] * count),
        multiple_birth=texts([""] * count),
        mother_given_name=texts([""] * count),
        family_spellings=texts([None] * count),
        given_spellings=texts([None] * count),
        origin=origin,
        cases=np.zeros(count, dtype=np.int64),
    )
    for place, urns in enumerate(words.origins):
        rows = np.flatnonzero(origin == place)
        groups = urns.family.values[urns.family.draw(rng, len(rows))]
        persons.birth_name[rows] = [group[0] for group in groups]
        persons.family_spellings[rows] = groups
        abroad = rows[rng.random(len(rows)) < urns.origin.births_abroad]
        persons.birth_place[abroad] = rng.choice(np.array(urns.origin.countries, dtype=object), len(abroad))
        unsure = abroad[rng.random(len(abroad)) < urns.origin.default_dates]
        january = persons.birth_date[unsure].astype("datetime64[Y]").astype("datetime64[D]")
        persons.birth_date[unsure] = january + np.where(rng.random(len(unsure)) < 0.7, 0, 364)
    compound = (rng.random(count) < 0.025) & (origin < 0)
    second = words.family.values[words.family.draw(rng, count)]
    for row in np.flatnonzero(compound):
        persons.birth_name[row] = f"{persons.birth_name[row]}-{second[row]}"
    given_names(rng, words, persons)
    homes(rng, words, persons)
    persons.mobile[rng.random(count) < 0.25] = ""
    return persons
