"""From a DICOM header to a record as told, and golden values back: dates and sex in the terms of either
side.
"""

from __future__ import annotations

import re
from datetime import date

from matching.records import Identifier, RawRecord
from mpi.dicom.header import Header

SEXES = {"M": "M", "F": "F", "O": "I"}
DICOM_SEXES = {"M": "M", "F": "F", "I": "O", "O": "O"}
_OLD_DATE = re.compile(r"(\d{4})\.(\d\d)\.(\d\d)")  # ACR-NEMA and DICOM before 3.0


def raw_record(header: Header, *, authority: str, local_id: str) -> RawRecord:
    """The patient of `header` as `authority` tells of it under `local_id`.

    DICOM does not say of which kind a family name is, so it is the name in use. Of the three groups of a name
    the alphabetic one counts; where it is empty, the ideographic, then the phonetic. Sex O is I
    (undetermined).
    """
    family, given = _name(header.name)
    birth_name, _ = _name(header.birth_name)
    return RawRecord(
        authority=authority,
        local_id=local_id,
        family_name=family,
        birth_name=birth_name,
        given_names=given,
        sex=SEXES.get((header.sex or "").upper()),
        birth_date=_OLD_DATE.sub(r"\1\2\3", header.birth_date or "") or None,
        identifiers=tuple(
            Identifier(value=other.value, issuer=other.oid or other.label) for other in header.other_ids
        ),
    )


def _name(told: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Family name and given names (given, then middle) of the first group that says anything; prefix, suffix
    aside.
    """
    for group in (told or "").split("="):
        family, given, middle = (*(part.strip() for part in group.split("^")), "", "", "")[:3]
        if family or given or middle:
            return family or None, tuple(given.split() + middle.split())
    return None, ()


def full_date(told: str | None) -> str | None:
    """A golden date as DA; None when it is unknown, partial or no date of the calendar."""
    try:
        return date.fromisoformat(told or "").strftime("%Y%m%d")
    except ValueError:
        return None
