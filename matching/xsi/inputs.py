"""The input record of XSI-1 (section 3), and how it is taken from a record of the public schema."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from matching.records import RawRecord
from matching.xsi import traits

_DATE = re.compile(r"([0-9]{4})(?:([0-9]{2})([0-9]{2})?)?")
_BIRTH_ORDER = re.compile(r"[1-9]")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class XsiInput:
    """Traits as told, under the names of the specification. None or an empty text = absent.

    `birth` is meant to be 8 digits YYYYMMDD; `birth_estimated` says that a rule completed it. A name whose
    kind is not established is `used`. The traits stay out of `repr`, so that no log shows them by accident.
    """

    family: str | None = None
    used: str | None = None
    given: str | None = None
    birth: str | None = None
    birth_estimated: bool = False
    sex: str | None = None
    cog: str | None = None
    phone: str | None = None
    status: str | None = None
    attributes: frozenset[str] = field(default=frozenset())
    multiple_birth: bool = False
    birth_order: int | None = None
    newborn_provisional: bool = False

    def texts(self) -> tuple[str, ...]:
        """Every text told, for the detector of social security numbers."""
        told = (
            self.family,
            self.used,
            self.given,
            self.birth,
            self.sex,
            self.cog,
            self.phone,
            self.status,
            *self.attributes,
        )
        return tuple(text for text in told if text)


def xsi_input(raw: RawRecord) -> XsiInput:
    """The input record of a record of the public schema (table of section 3)."""
    birth, completed = _birth(raw.birth_date)
    order = raw.multiple_birth or ""
    return XsiInput(
        family=raw.birth_name,
        used=raw.family_name,
        given=raw.given_names[0] if raw.given_names else None,
        birth=birth,
        birth_estimated=completed or "date_estimated" in raw.flags,
        sex=raw.sex,
        cog=raw.birth_place,
        phone=_personal(raw.phone),
        status=raw.status,
        attributes=raw.attributes,
        multiple_birth=bool(order),
        birth_order=int(order) if _BIRTH_ORDER.fullmatch(order) else None,
        newborn_provisional="newborn" in raw.flags,
    )


def _birth(told: str | None) -> tuple[str | None, bool]:
    """The date without hyphens, completed when a part is unknown; and whether it was completed.

    Day unknown: 01/MM; month unknown: DD/01; both: 31/12. What is no date passes unchanged, to be refused.
    """
    text = (told or "").replace("-", "")
    parts = _DATE.fullmatch(text)
    if parts is None:
        return told, False
    year, month, day = parts[1], parts[2] or "00", parts[3] or "00"
    if month == "00" and day == "00":
        return f"{year}1231", True
    if "00" not in (month, day):
        return text, False
    return f"{year}{month.replace('00', '01')}{day.replace('00', '01')}", True


def _personal(phones: tuple[str, ...]) -> str | None:
    """The first mobile number (last nine digits start with 6 or 7), else the first number told."""
    mobiles = (phone for phone in phones if (traits.phone(phone) or "").startswith(("6", "7")))
    return next(mobiles, phones[0] if phones else None)
