"""Codes: sex, birth order, identity status, attributes, flags, identifiers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from matching.normalise.names import is_provisional
from matching.normalise.reference import NO_NAME
from matching.normalise.text import words
from matching.records import Identifier, PartialDate, RawRecord

_SEXES = {
    **dict.fromkeys(("M", "1", "MALE", "MASCULIN", "HOMME", "H"), "M"),
    **dict.fromkeys(("F", "2", "FEMALE", "FEMININ", "FEMME"), "F"),
    **dict.fromkeys(("I", "O", "A", "OTHER", "INDETERMINE"), "I"),
}
_MULTIPLE = frozenset({"TRUE", "YES", "Y", "OUI", "O"})
CERTIFIED = frozenset({"VALI", "QUAL"})
STATUSES = frozenset({"PROV", "RECUP"}) | CERTIFIED
_OLD_CODES = {"DOUTE": "DOUT", "FICTI": "FICT"}
OUTSIDE = frozenset({"FICT", "CACH", "ANOM"})  # fictitious, hidden, anonymous: never a candidate
FORCES_PROV = frozenset({"DOUT", "FICT"})
SHORTEST_FILLER = 4  # signs of a repeated or ascending value that is no number
MOST_IDENTIFIERS = 32
LONGEST_CODE = 200  # characters read of an identifier or a code


def code(text: str | None) -> str:
    """A code or an identifier in capitals, without blanks around it; "" when not told."""
    return unicodedata.normalize("NFKC", text[:LONGEST_CODE]).strip().upper() if text else ""


def sex(text: str | None) -> str | None:
    """M, F, or I for one that is told to be neither; None when not told or unknown."""
    return _SEXES.get("".join(words(text)))


def multiple_birth(text: str | None) -> int | None:
    """The birth order 1 to 9; 0 when only the fact is told; None when not told or denied."""
    told = code(text)
    if told.isascii() and told.isdigit():
        return int(told) if len(told) == 1 and told != "0" else None
    return 0 if told in _MULTIPLE else None


def attributes(codes: Iterable[str]) -> frozenset[str]:
    """Codes of HL7 table 0445 in capitals, the old spellings DOUTE and FICTI renewed."""
    return frozenset(_OLD_CODES.get(told, told) for told in map(code, codes) if told)


def status(raw: RawRecord) -> str:
    """The identity status; PROV when it is empty, unknown, or the identity is doubtful or fictitious."""
    told = code(raw.status)
    return told if told in STATUSES and not FORCES_PROV & attributes(raw.attributes) else "PROV"


def has_provisional_name(raw: RawRecord) -> bool:
    """A newborn without a name yet. A certified identity may be called Bébé indeed."""
    return status(raw) not in CERTIFIED and is_provisional(raw.given_names)


def told_flags(raw: RawRecord) -> frozenset[str]:
    """The flags told, in lower case."""
    return frozenset(flag for told in raw.flags if (flag := told.strip().lower()))


def flags(raw: RawRecord, *, birth_date: PartialDate | None) -> frozenset[str]:
    """The flags told, `newborn` for a provisional given name, `date_estimated` for an incomplete date."""
    found = told_flags(raw)
    if has_provisional_name(raw):
        found |= {"newborn"}
    if birth_date is not None and birth_date.estimated:
        found |= {"date_estimated"}
    return found


def _is_filler(value: str) -> bool:
    """A value typed for want of a number: a word for unknown, zeros, one sign repeated, digits in a row."""
    return (
        "".join(words(value)) in NO_NAME
        or not value.strip("0")
        or (len(value) >= SHORTEST_FILLER and (len(set(value)) == 1 or "1234567890".startswith(value)))
    )


def _identifier(identifier: Identifier) -> tuple[str, str] | None:
    issuer, value = code(identifier.issuer), code(identifier.value)
    return (issuer, value) if issuer and value else None


def identifiers(raw: RawRecord) -> tuple[tuple[str, str], ...]:
    """(issuer, value) of the record's own local id, then of the others; one without issuer says nothing."""
    own = Identifier(value=raw.local_id, issuer=raw.authority)
    others = (other for other in raw.identifiers[:MOST_IDENTIFIERS] if not _is_filler(code(other.value)))
    found = map(_identifier, (own, *others))
    return tuple(dict.fromkeys(pair for pair in found if pair is not None))
