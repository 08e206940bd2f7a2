"""The two kinds of record: as told (`RawRecord`) and normalised (`Record`, in normalise.py's terms).

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
