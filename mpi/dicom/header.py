"""The few elements that identification needs, read from a Part 10 file or a bare data set without touching
the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime

from mpi.dicom import tags
from mpi.dicom.elements import Buffer, Unreadable
from mpi.dicom.levels import Level
from mpi.dicom.objects import DicomObject, open_object, several_patients
from mpi.dicom.target import QualifiedId

__all__ = ["Header", "Unreadable", "read_header", "study_time"]

FIRST_YEAR = 1895
_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What one object says of itself and its patient, decoded. None = absent, "" = present and empty.

    The SOP UIDs are always there; `study_instance_uid` and `series_instance_uid` are "" only where
    `has_patient` is False. `name` and `birth_name` keep the three groups (`alphabetic=ideographic=phonetic`).
    `universal_id` is (0040,0032) of the first item of (0010,0024). `other_ids` are the items of (0010,1002).
    `study_at` is aware; without Timezone Offset From UTC the time is taken as UTC; a date alone means
    midnight. `several_patients`: the object speaks of a group of patients. `coerced_at` is (0008,0015);
    `coerced_by` the Modifying Systems of the Original Attributes items, oldest first; `first_received` the id
    that the oldest of these items put aside.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax: str
    patient_id: str | None = None
    issuer: str | None = None
    universal_id: str | None = None
    universal_id_type: str | None = None
    name: str | None = None
    birth_name: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    other_ids: tuple[QualifiedId, ...] = ()
    institution: str | None = None
    modality: str | None = None
    study_at: datetime | None = None
    description: str | None = None
    accession_number: str | None = None
    several_patients: bool = False
    has_patient: bool = True
    coerced_at: str | None = None
    coerced_by: tuple[str, ...] = ()
    first_received: QualifiedId | None = None


def read_header(data: Buffer | DicomObject, *, transfer_syntax: str | None = None) -> Header:
    """Reads a Part 10 file, an opened object, or with `transfer_syntax` a bare data set.

    Raises Unreadable: no DICOM, damaged, or without the UIDs that an archive files it under.
    """
    opened = open_object(data, transfer_syntax)
    top = Level.top(opened)
    sop_class_uid = top.text(tags.SOP_CLASS_UID) or ""
    has_patient = sop_class_uid not in tags.NO_PATIENT_CLASSES
    uids = {tag: top.text(tag) or "" for tag in tags.UIDS}
    for tag, keyword in tags.UIDS.items():
        if not uids[tag] and (has_patient or tag in (tags.SOP_CLASS_UID, tags.SOP_INSTANCE_UID)):
            raise Unreadable(f"no {keyword}")
        if uids[tag] and not _UID.fullmatch(uids[tag]):
            raise Unreadable(f"the {keyword} is not made of digits and points")
    universal_id, universal_id_type = top.universal_id()
    originals = top.levels(tags.ORIGINAL_ATTRIBUTES)
    return Header(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=uids[tags.SOP_INSTANCE_UID],
        study_instance_uid=uids[tags.STUDY_INSTANCE_UID],
        series_instance_uid=uids[tags.SERIES_INSTANCE_UID],
        transfer_syntax=opened.transfer_syntax,
        patient_id=top.whole_text(tags.PATIENT_ID),
        issuer=top.whole_text(tags.ISSUER_OF_PATIENT_ID),  # a backslash hides no issuer
        universal_id=universal_id,
        universal_id_type=universal_id_type,
        name=top.name(tags.PATIENT_NAME),
        birth_name=top.name(tags.PATIENT_BIRTH_NAME),
        birth_date=top.text(tags.PATIENT_BIRTH_DATE),
        sex=top.text(tags.PATIENT_SEX),
        other_ids=tuple(
            found for item in top.levels(tags.OTHER_PATIENT_IDS) if (found := item.qualified_id()) is not None
        ),
        institution=top.text(tags.INSTITUTION_NAME),
        modality=top.text(tags.MODALITY),
        study_at=study_time(
            top.text(tags.STUDY_DATE), top.text(tags.STUDY_TIME), top.text(tags.TIMEZONE_OFFSET)
        ),
        description=top.text(tags.STUDY_DESCRIPTION),
        accession_number=top.text(tags.ACCESSION_NUMBER),
        several_patients=several_patients(opened),
        has_patient=has_patient,
        coerced_at=top.text(tags.COERCION_DATE_TIME),
        coerced_by=tuple(item.text(tags.MODIFYING_SYSTEM) or "" for item in originals),
        first_received=next(
            (modified.qualified_id() for item in originals[:1] for modified in item.levels(tags.MODIFIED)),
            None,
        ),
    )


def study_time(date: str | None, time: str | None, offset: str | None) -> datetime | None:
    """DA, TM and (0008,0201) `+HHMM` as an aware instant, None when the date cannot be read, lies
    before X-rays, or in the last year that a datetime has: in another zone it may be past the end.
    """
    digits = (date or "").replace(".", "")[:8]
    clock = (time or "").replace(":", "").split(".")[0][:6]
    try:
        zone = datetime.strptime(offset or "+0000", "%z").tzinfo
    except ValueError:
        zone = UTC
    for text in (digits + clock.ljust(6, "0"), digits + "000000"):
        try:
            at = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=zone)
        except ValueError:
            continue
        return at if FIRST_YEAR <= at.year < MAXYEAR else None
    return None
