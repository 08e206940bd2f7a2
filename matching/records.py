"""The two kinds of record: as told (`RawRecord`) and normalised (`Record`).

A raw record has no score: only `normalise(raw)` can be compared. The field names are the public
schema of people, the same in CSV, Parquet, JSON and here.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """Another identifier of the person. `issuer` is an OID or a name; `type` an HL7 0203 code."""

    value: str
    issuer: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """What one system says of one person, untouched. None = not told.

    `given_names` keeps the order told. Dates are text as told: `YYYY-MM-DD`, `YYYYMMDD`, `YYYY-MM`,
    `YYYY`; anything else is kept and compares as unknown. `status` is PROV, RECUP, VALI, QUAL or
    None (not told). `attributes` are Table 0445 codes (HOMA, DOUT, FICT, ...); `flags` are `newborn`,
    `protected`, `date_estimated`. `phone` and `email` may hold several values.
    """

    authority: str = ""
    local_id: str = ""
    family_name: str | None = None
    birth_name: str | None = None
    given_names: tuple[str, ...] = ()
    used_given_name: str | None = None
    sex: str | None = None
    birth_date: str | None = None
    birth_place: str | None = None
    address: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None
    phone: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    multiple_birth: str | None = None
    death_date: str | None = None
    status: str | None = None
    attributes: frozenset[str] = field(default=frozenset())
    flags: frozenset[str] = field(default=frozenset())
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """A family name, ready to be compared.

    `words`: folded, as told; `core`: the words without particles (all words when nothing else is left).
    `letters`: the words joined. `key`: the letters with articles and Saint in one spelling; two names are
    equal when their keys are, and it is the value whose frequency counts. `forms`: spellings that make a
    variant when one is shared (particles left out, words in any order, final Z as S). `parts`: the core words
    of four letters or more. `sounds`: one phonetic code a core word. `skeleton`: consonants, and one mark a
    vowel run. `script`: the alphabet, as LATIN or ARABIC.
    """

    words: tuple[str, ...]
    core: tuple[str, ...]
    letters: str
    key: str
    forms: frozenset[str]
    parts: frozenset[str]
    sounds: tuple[str, ...]
    skeleton: str
    script: str


@dataclass(frozen=True, slots=True)
class GivenNames:
    """Given names in the order told. A hyphen, an apostrophe and a space part words alike.

    `words`: those of the whole list; `first`: those of the first given name, so MARIE-ANNE has two.
    `letters`: the first given name joined, the value whose frequency counts; `prefixes`: the words of the
    list joined one by one (JEAN, JEANCHRISTOPHE, ...). `sound` is the phonetic code of the first word,
    `skeleton` and `script` are as in `Name`, of the first given name.
    """

    words: tuple[str, ...]
    first: tuple[str, ...]
    letters: str
    prefixes: frozenset[str]
    sound: str
    skeleton: str
    script: str


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date with the parts that were told: `month` and `day` are None when unknown.

    `estimated`: incomplete, or the source says that a part was filled in. `weak`: estimated, or a day that
    registries fill in (1 January, 31 December), so that agreement says little.
    """

    year: int
    month: int | None
    day: int | None
    estimated: bool
    weak: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A birthplace. `code` is as told; `cities` and `departments` are what it may mean at the date of birth:
    the city of an arrondissement, the commune that a former one became, the country of a former department.
    """

    code: str
    cities: frozenset[str]
    departments: frozenset[str]


@dataclass(frozen=True, slots=True)
class Phone:
    """The last nine digits of a telephone number; `mobile` when they are those of a French mobile."""

    number: str
    mobile: bool


@dataclass(frozen=True, slots=True)
class Address:
    """An address line: the house `number` (None = not told) and the street's words, abbreviations undone."""

    number: str | None
    street: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A raw record made comparable: the same traits. None or an empty tuple = unknown, and weighs nothing.

    `sex` is M, F or I. `multiple_birth` is the birth order, 0 when only the fact is told. `status` is None
    when the status rule does not apply to the authority. `flags` may gain `newborn` (a provisional given
    name) and `date_estimated` (an incomplete date). `identifiers` are (issuer, value), the own one first.
    """

    authority: str = ""
    local_id: str = ""
    family_name: Name | None = None
    birth_name: Name | None = None
    given_names: GivenNames | None = None
    used_given_name: GivenNames | None = None
    sex: str | None = None
    birth_date: PartialDate | None = None
    birth_place: Place | None = None
    address: Address | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None
    phone: tuple[Phone, ...] = ()
    email: tuple[str, ...] = ()
    multiple_birth: int | None = None
    death_date: PartialDate | None = None
    status: str | None = None
    attributes: frozenset[str] = field(default=frozenset())
    flags: frozenset[str] = field(default=frozenset())
    identifiers: tuple[tuple[str, str], ...] = ()
