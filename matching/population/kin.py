"""Kin of the people drawn, and the whole population.

Kin are copies of base people with what makes them another person drawn anew. Their shares are above those
of a real file, because these are the pairs on which a wrong link is made.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from matching.population.persons import TODAY, Persons, base, given_names, joined, phones
from matching.population.typed import TWIN_NAMES
from matching.population.vocabulary import SEXES, Texts, Vocabulary, texts

# Kin made of base people, as shares of the whole population.
KIN = {
    "spouse": 0.10,
    "sibling": 0.08,
    "twin": 0.012,
    "namesake": 0.008,
    "homonym": 0.002,
    "newborn": 0.006,
}
MOVED_SHARE = 0.25
EMAIL_SHARE = 0.4


def spouses(rng: np.random.Generator, words: Vocabulary, of: Persons) -> tuple[Persons, Texts]:
    """Wives and husbands of `of`, own names, same home; and the used name each of `of` takes, or ""."""
    count = len(of)
    other = base(rng, words, count)
    other.sex = texts(np.where(of.sex == "F", "M", "F"))
    other.birth_date = np.minimum(
        of.birth_date + rng.integers(-2500, 2500, count).astype("timedelta64[D]"), TODAY
    )
    other.given_spellings = texts([None] * count)
    given_names(rng, words, other)
    for name in ("commune", "street", "landline"):
        setattr(other, name, getattr(of, name).copy())
    takes = rng.random(count) < 0.75
    other.used_name = texts(np.where(takes & (other.sex == "F"), of.birth_name, ""))
    taken = texts(np.where(takes & (of.sex == "F"), other.birth_name, ""))
    other.mark("spouse")
    return other, taken


def siblings(rng: np.random.Generator, words: Vocabulary, of: Persons) -> Persons:
    """Brothers and sisters: same birth name and home, other given names, one to eight years apart."""
    count = len(of)
    other = of.take(np.arange(count))
    apart = rng.integers(330, 3000, count) * rng.choice([-1, 1], count)
    other.birth_date = np.minimum(of.birth_date + apart.astype("timedelta64[D]"), TODAY)
    other.sex = texts(rng.choice(SEXES, count))
    given_names(rng, words, other)
    named_apart(of, other)
    other.mobile = phones(rng, count, "06 07")
    other.mark("sibling")
    return other


def named_apart(of: Persons, other: Persons) -> None:
    """Children of one family do not share the first given name: the other gets one of its own, in place."""
    for place, (one, name) in enumerate(zip(of.given_names, other.given_names, strict=True)):
        if name.split(" ")[0] == one.split(" ")[0]:
            other.given_names[place] = "ANATOLE" if other.sex[place] == "M" else "HORTENSE"


def twins(rng: np.random.Generator, words: Vocabulary, of: Persons) -> Persons:
    """Twins of `of`, who become the first-born: same date, place and home; a quarter have look-alike names.

    Changes `of` in place: its order of birth, and its given name where the two were chosen together.
    """
    count = len(of)
    other = of.take(np.arange(count))
    other.sex = texts(np.where(rng.random(count) < 0.65, of.sex, np.where(of.sex == "F", "M", "F")))
    given_names(rng, words, other)
    for row in np.flatnonzero(rng.random(count) < 0.25):
        pairs = TWIN_NAMES[of.sex[row] if of.sex[row] == other.sex[row] else "X"]
        first, second = pairs[rng.integers(len(pairs))]
        of.given_names[row], other.given_names[row] = first, second
        of.given_spellings[row] = other.given_spellings[row] = None
    named_apart(of, other)
    of.multiple_birth, other.multiple_birth = texts(["1"] * count), texts(["2"] * count)
    other.mobile = texts(np.where(rng.random(count) < 0.5, of.mobile, phones(rng, count, "06 07")))
    other.mark("twin")
    of.mark("twin")
    return other


def namesakes(rng: np.random.Generator, words: Vocabulary, of: Persons) -> Persons:
    """Sons and daughters who bear the parent's name: first given name and home, 20 to 40 years younger."""
    count = len(of)
    other = of.take(np.arange(count))
    given_names(rng, words, other)
    for place, names in enumerate(of.given_names):
        _, _, rest = other.given_names[place].partition(" ")
        other.given_names[place] = f"{names.split(' ')[0]} {rest}".strip()
    other.given_spellings = of.given_spellings.copy()
    elsewhere = np.flatnonzero(rng.random(count) < 0.6)
    other.birth_place[elsewhere] = words.communes.code[of.commune[elsewhere]]
    younger = rng.integers(7300, 14600, count).astype("timedelta64[D]")
    other.birth_date = np.where(
        of.birth_date + younger < TODAY, of.birth_date + younger, of.birth_date - younger
    )
    other.mobile = texts(np.where(rng.random(count) < 0.2, of.mobile, phones(rng, count, "06 07")))
    other.mark("namesake")
    of.mark("namesake")
    return other


def homonyms(rng: np.random.Generator, words: Vocabulary, of: Persons) -> Persons:
    """Strangers of the same birth name, first given name and date; few are born in the same place too."""
    count = len(of)
    other = base(rng, words, count)
    for name in ("sex", "birth_name", "birth_date", "family_spellings", "given_spellings", "origin"):
        setattr(other, name, getattr(of, name).copy())
    other.given_names = texts([names.split(" ")[0] for names in of.given_names])
    same_place = rng.random(count) < 0.02
    other.birth_place[same_place] = of.birth_place[same_place]
    other.mark("homonym")
    of.mark("homonym")
    return other


def namesake_chances(people: Persons) -> NDArray[np.float64]:
    """How many people bear each one's family name, times how many bear the first given name."""
    first = texts([names.split(" ")[0] for names in people.given_names])
    chances = np.ones(len(people))
    for names in (people.birth_name, first):
        _, which, bearers = np.unique(names.astype(str), return_inverse=True, return_counts=True)
        chances *= bearers[which]
    return chances


def newborns(rng: np.random.Generator, words: Vocabulary, of: Persons) -> Persons:
    """Children of the women `of`, born in the last two years."""
    count = len(of)
    other = of.take(np.arange(count))
    other.birth_name = texts(np.where(of.used_name != "", of.used_name, of.birth_name))
    other.used_name = texts([""] * count)
    other.sex = texts(rng.choice(SEXES, count))
    other.birth_date = TODAY - rng.integers(0, 700, count).astype("timedelta64[D]")
    other.birth_place = words.communes.code[of.commune]
    given_names(rng, words, other)
    other.mother_given_name = of.given_names.copy()
    other.cases[:] = 0
    other.mark("newborn")
    return other


def population(rng: np.random.Generator, words: Vocabulary, count: int) -> Persons:
    """`count` people: base and kin in the shares of KIN."""
    wanted = {kind: int(share * count) for kind, share in KIN.items()}
    people = base(rng, words, count - sum(wanted.values()))
    born = people.birth_date
    adult = born < np.datetime64("2003-01-01")
    parts = [people]

    def chosen(
        kind: str, where: NDArray[np.bool_], chances: NDArray[np.float64] | None = None
    ) -> NDArray[np.int64]:
        """Base people, not yet a hard case, to whom kin of this kind is made."""
        rows = np.flatnonzero(where & (people.cases == 0))
        count = min(wanted[kind], len(rows))
        p = None if chances is None else chances[rows] / chances[rows].sum()
        return rng.choice(rows, count, replace=False, p=p)

    def put_back(rows: NDArray[np.int64], changed: Persons) -> None:
        for column in fields(Persons):
            getattr(people, column.name)[rows] = getattr(changed, column.name)

    married = chosen("spouse", adult)
    others, taken = spouses(rng, words, people.take(married))
    people.used_name[married] = taken
    parts.append(others)
    parts.append(siblings(rng, words, people.take(chosen("sibling", born == born))))
    rows = chosen("twin", born == born)
    some = people.take(rows)
    parts.append(twins(rng, words, some))
    put_back(rows, some)
    rows = chosen("namesake", adult & np.equal(people.used_name, ""))
    some = people.take(rows)
    parts.append(namesakes(rng, words, some))
    put_back(rows, some)
    rows = chosen("homonym", born == born, namesake_chances(people))
    some = people.take(rows)
    parts.append(homonyms(rng, words, some))
    put_back(rows, some)
    of_age = adult & (people.sex == "F") & (born > np.datetime64("1980-01-01"))
    parts.append(newborns(rng, words, people.take(chosen("newborn", of_age))))

    everyone = joined(parts)
    everyone.mark("married", np.not_equal(everyone.used_name, "").astype(bool))
    everyone.mark("compound_name", np.array(["-" in name for name in everyone.birth_name], dtype=bool))
    everyone.mark("transliteration", everyone.origin >= 0)
    everyone.mark("moved", rng.random(len(everyone)) < MOVED_SHARE)
    for row in np.flatnonzero(rng.random(len(everyone)) < EMAIL_SHARE):
        name = f"{everyone.given_names[row].split(' ')[0]}.{everyone.birth_name[row]}{row % 97}".lower()
        everyone.email[row] = f"{name.replace(' ', '').replace(chr(39), '')}@exemple.fr"
    return everyone
