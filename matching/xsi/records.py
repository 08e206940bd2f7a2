"""Which records XSI-1 takes (section 3): a record in N1 form with its warnings, or a refusal with a code.

A refusal holds the code alone, so that an agent can count it without logging or returning a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from matching.nir import find_nir
from matching.records import RawRecord
from matching.xsi import n1, traits
from matching.xsi.inputs import XsiInput, xsi_input
from matching.xsi.n1 import Words

PROVISIONAL = "PROV"
STATUSES = frozenset({PROVISIONAL, "RECUP", "VALI", "QUAL"})
VALIDATED = frozenset({"VALI", "QUAL"})
REFUSED_ATTRIBUTES = frozenset({"DOUT", "DOUTE", "FICT", "FICTI", "CACH", "ANOM", "USUR", "INVA", "COLV"})
HOMONYM = "HOMA"
SEXES = frozenset({"M", "F", "I"})
UNKNOWN_SEX = "I"
EARLIEST_BIRTH = date(1870, 1, 1)

_NEWBORN_WORDS = frozenset(
    {
        "BEBE",
        "FILLE",
        "GARCON",
        "JUMEAU",
        "JUMELLE",
        "TRIPLE",
        "TRIPLEE",
        "NOUVEAU",
        "NOUVEAUNE",
        "NOUVEAUNEE",
        "ENFANT",
        "FOETUS",
    }
)
_PLACEHOLDERS = frozenset({"INCONNU", "INCONNUE", "ANONYME", "TEST", "ESSAI", "NN", "X"})
_FAMILY_PLACEHOLDERS = _PLACEHOLDERS | {"SANSNOM"}
_GIVEN_PLACEHOLDERS = _PLACEHOLDERS | {"SANSPRENOM", "PRENOM"}
_ONE_LETTER = re.compile(r"([A-Z])\1{2,}")
_BIRTH = re.compile(r"[0-9]{8}")
_PLACEHOLDER_BIRTHS = frozenset({"18991230", "18991231", "19000101"})
_DEFAULT_DAYS = ("0101", "1231")


@dataclass(frozen=True, slots=True)
class Refusal:
    """No token and no A-ID for this record; `code` is one of section 3, to be counted."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class XsiRecord:
    """An accepted record. Names are N1 words; None = absent, or dropped with a warning.

    `family` is the birth name; at least one of `family` and `used` is there. `birth` is YYYYMMDD, `cog` the
    mapped code, `phone` nine digits, `sex` M, F or I (unknown). `flags` hold weak_date, multiple_birth,
    homonym; `warnings` W_USED, W_COG, W_PHONE. The traits stay out of `repr`.
    """

    family: Words | None
    used: Words | None
    given: Words
    birth: str
    birth_estimated: bool
    sex: str
    cog: str | None
    phone: str | None
    status: str
    flags: frozenset[str]
    birth_order: int | None
    warnings: tuple[str, ...]


def paris_date(at: datetime) -> date:
    """The current date of section 3 at an aware instant."""
    return at.astimezone(ZoneInfo("Europe/Paris")).date()


def xsi_record(raw: RawRecord, *, today: date) -> XsiRecord | Refusal:
    """A record of the public schema, accepted or refused. `today` is the date in Europe/Paris."""
    return accept(xsi_input(raw), today=today)


def accept(told: XsiInput, *, today: date) -> XsiRecord | Refusal:
    """The record in N1 form, or the first refusal of the table."""
    for check in CHECKS:
        if (code := check(told, today)) is not None:
            return Refusal(code)
    used = _used(told)
    place = traits.cog(told.cog) if told.cog else None
    phone = traits.phone(told.phone) if told.phone else None
    dropped = {
        "W_USED": told.used and used is None,
        "W_COG": told.cog and place is None,
        "W_PHONE": told.phone and phone is None,
    }
    birth = told.birth or ""
    raised = {
        "weak_date": told.birth_estimated or birth.endswith(_DEFAULT_DAYS),
        "multiple_birth": told.multiple_birth,
        "homonym": HOMONYM in _attributes(told),
    }
    return XsiRecord(
        family=n1.words(told.family) if told.family else None,
        used=used,
        given=n1.words(told.given or ""),
        birth=birth,
        birth_estimated=told.birth_estimated,
        sex=told.sex or UNKNOWN_SEX,
        cog=None if place == traits.UNKNOWN_PLACE else place,
        phone=phone,
        status=told.status or PROVISIONAL,
        flags=frozenset(flag for flag, up in raised.items() if up),
        birth_order=told.birth_order,
        warnings=tuple(code for code, out in dropped.items() if out),
    )


def _attributes(told: XsiInput) -> frozenset[str]:
    return frozenset(attribute.strip().upper() for attribute in told.attributes)


def _used(told: XsiInput) -> Words | None:
    """The used name; None when absent, refused by N1 or a placeholder."""
    try:
        used = n1.words(told.used or "")
    except n1.Refused:
        return None
    return None if _is_placeholder(used, _FAMILY_PLACEHOLDERS) else used


def _is_placeholder(name: Words, placeholders: frozenset[str]) -> bool:
    letters = n1.letters(name)
    return letters in placeholders or _ONE_LETTER.fullmatch(letters) is not None


def _social_security_number(told: XsiInput, _: date) -> str | None:
    findings = (find_nir(text, birth=told.birth, sex=told.sex) for text in told.texts())
    return "E_NIR" if any(findings) else None


def _status(told: XsiInput, _: date) -> str | None:
    return "E_STATUS" if told.status and told.status not in STATUSES else None


def _attribute(told: XsiInput, _: date) -> str | None:
    return "E_ATTR" if _attributes(told) & REFUSED_ATTRIBUTES else None


def _newborn_flag(told: XsiInput, _: date) -> str | None:
    return "E_NEWBORN" if told.newborn_provisional else None


def _missing(told: XsiInput, _: date) -> str | None:
    return None if told.given and told.birth and (told.family or told.used) else "E_MISSING"


def _names(told: XsiInput, _: date) -> str | None:
    for name in (told.family, told.given) if told.family else (told.given, told.used):
        try:
            n1.words(name or "")
        except n1.Refused as refused:
            return refused.code
    return None


def _newborn_name(told: XsiInput, _: date) -> str | None:
    first = n1.words(told.given or "")[0]
    return "E_NEWBORN" if first in _NEWBORN_WORDS and told.status not in VALIDATED else None


def _placeholder_name(told: XsiInput, _: date) -> str | None:
    family, given = n1.words(told.family or told.used or ""), n1.words(told.given or "")
    nobody = _is_placeholder(family, _FAMILY_PLACEHOLDERS) or _is_placeholder(given, _GIVEN_PLACEHOLDERS)
    return "E_PLACEHOLDER" if nobody else None


def _calendar(told: XsiInput, _: date) -> str | None:
    return None if _birth_date(told) else "E_DATE"


def _placeholder_birth(told: XsiInput, _: date) -> str | None:
    return "E_PLACEHOLDER" if told.birth in _PLACEHOLDER_BIRTHS else None


def _lifetime(told: XsiInput, today: date) -> str | None:
    born = _birth_date(told)
    return None if born and EARLIEST_BIRTH <= born <= today else "E_DATE"


def _sex(told: XsiInput, _: date) -> str | None:
    return "E_SEX" if told.sex and told.sex not in SEXES else None


def _birth_date(told: XsiInput) -> date | None:
    """The Gregorian date of 8 ASCII digits, else None."""
    if _BIRTH.fullmatch(told.birth or "") is None:
        return None
    try:
        return date.fromisoformat(told.birth or "")
    except ValueError:
        return None


# The table of section 3, in its order: the first that answers gives the code.
CHECKS: tuple[Callable[[XsiInput, date], str | None], ...] = (
    _social_security_number,
    _status,
    _attribute,
    _newborn_flag,
    _missing,
    _names,
    _newborn_name,
    _placeholder_name,
    _calendar,
    _placeholder_birth,
    _lifetime,
    _sex,
)
