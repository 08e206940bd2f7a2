"""From what a system told to what can be compared: one normaliser a trait, in a table.

Pure, and it never raises: a value that says nothing becomes None, an odd one is kept as well as it can be.
A new trait is a field of RawRecord, a field of Record, a row here, and a comparison or a reason against one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from matching.normalise import codes, contacts, dates, names, places
from matching.records import GivenNames, PartialDate, RawRecord, Record

__all__ = ["NORMALISERS", "normalise"]


def _birth_date(raw: RawRecord) -> PartialDate | None:
    return dates.partial_date(raw.birth_date, estimated="date_estimated" in codes.told_flags(raw))


def _given_names(raw: RawRecord) -> GivenNames | None:
    """A provisional name is the hospital's word, not the child's name: unknown."""
    return None if codes.has_provisional_name(raw) else names.given_names(raw.given_names)


def _used_given_name(raw: RawRecord) -> GivenNames | None:
    return names.given_names((raw.used_given_name,)) if raw.used_given_name else None


NORMALISERS: Mapping[str, Callable[[RawRecord], Any]] = {
    "authority": lambda raw: raw.authority,
    "local_id": lambda raw: raw.local_id,
    "family_name": lambda raw: names.family_name(raw.family_name),
    "birth_name": lambda raw: names.family_name(raw.birth_name),
    "given_names": _given_names,
    "used_given_name": _used_given_name,
    "sex": lambda raw: codes.sex(raw.sex),
    "birth_date": _birth_date,
    "birth_place": lambda raw: places.place(raw.birth_place, born=_birth_date(raw)),
    "address": lambda raw: contacts.address(raw.address),
    "postal_code": lambda raw: places.postal_code(raw.postal_code),
    "city": lambda raw: places.town(raw.city),
    "country": lambda raw: places.country(raw.country),
    "phone": lambda raw: contacts.phones(raw.phone),
    "email": lambda raw: contacts.emails(raw.email),
    "multiple_birth": lambda raw: codes.multiple_birth(raw.multiple_birth),
    "death_date": lambda raw: dates.partial_date(raw.death_date),
    "status": codes.status,
    "attributes": lambda raw: codes.attributes(raw.attributes),
    "flags": lambda raw: codes.flags(raw, birth_date=_birth_date(raw)),
    "identifiers": codes.identifiers,
}


def normalise(raw: RawRecord, *, sends_status: bool = False) -> Record:
    """The record that can be compared. Never raises.

    `sends_status`: the authority is declared to send identity statuses, so that an empty or unknown one is
    PROV; for any other authority the status rule does not apply and the status is None.
    """
    values = {trait: normaliser(raw) for trait, normaliser in NORMALISERS.items()}
    if not sends_status:
        values["status"] = None
    return Record(**values)
