"""The few elements that identification needs, read from a Part 10 file or a bare data set without touching the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mpi.dicom.target import QualifiedId


class Unreadable(Exception):
    """These bytes are no DICOM object that can be carried safely. `reason` is for the operator and holds no value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What one object says of itself and its patient, decoded. None = absent, "" = present and empty.

    The three upper UIDs are always there; `study_instance_uid` and `series_instance_uid` are "" only where
    `has_patient` is False. `name` and `birth_name` keep the three groups (`alphabetic=ideographic=phonetic`).
    `universal_id` is (0040,0032) of the first item of (0010,0024). `other_ids` are the qualified ones of (0010,1002).
    `study_at` is aware; without Timezone Offset From UTC the time is taken as UTC. `several_patients`: the object
    speaks of a group of patients. `coerced_at` is (0008,0015); `coerced_by` the Modifying Systems of the Original
    Attributes items, oldest first; `first_received` the id that the oldest of these items put aside.
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


def read_header(data: bytes | memoryview, *, transfer_syntax: str | None = None) -> Header:
    """Reads a Part 10 file, or with `transfer_syntax` a bare data set. Raises Unreadable."""
    raise Unreadable("not built yet")
