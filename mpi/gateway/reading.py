"""What a door has to know of an object before its first byte reaches the disk."""

from __future__ import annotations

from dataclasses import dataclass

from mpi.dicom.digest import content_digest
from mpi.dicom.elements import Buffer, Unreadable
from mpi.dicom.header import Header, read_header
from mpi.dicom.nir import Emptied, empty_nirs
from mpi.dicom.objects import DicomObject, open_object
from mpi.dicom.part10 import file_meta
from mpi.gateway.archives import is_uid
from mpi.security.nir_guard import NirHit


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One object at a door: a bare data set with its transfer syntax, or a Part 10 file (None)."""

    data: bytes
    door: str
    archive: str
    transfer_syntax: str | None = None
    calling_ae: str | None = None
    peer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The object with its social security numbers emptied: a Part 10 file in slices, header and digest.

    `emptied`: the top-level tags that held a number, for the Original Attributes; `hits` counts suspects too.
    """

    header: Header
    content_digest: bytes
    part10: tuple[Buffer, ...]
    hits: tuple[NirHit, ...]
    emptied: tuple[int, ...]


def emptied_of(incoming: Incoming) -> Emptied:
    """The bytes without social security numbers, readable or not: nothing else may be stored."""
    return empty_nirs(incoming.data, incoming.transfer_syntax)


def read(incoming: Incoming, emptied: Emptied) -> Reading:
    """Opens and reads one object. Raises Unreadable."""
    opened = open_object(emptied.data, incoming.transfer_syntax)
    header = read_header(opened)
    for uid in (header.sop_instance_uid, header.study_instance_uid, header.series_instance_uid):
        if uid and not is_uid(uid):
            raise Unreadable("a UID is not made of digits and points")
    return Reading(
        header=header,
        content_digest=content_digest(opened),
        part10=_with_meta(opened, header, emptied.data, incoming.calling_ae or ""),
        hits=tuple(NirHit(field=hit.field, rule=hit.rule) for hit in (*emptied.hits, *emptied.suspects)),
        emptied=emptied.tags,
    )


def _with_meta(opened: DicomObject, header: Header, data: Buffer, source_ae: str) -> tuple[Buffer, ...]:
    """A data set that came over DIMSE, or a file without meta, gets the meta that PS3.10 asks for."""
    if len(opened.prefix):
        return (data,)
    meta = file_meta(
        sop_class_uid=header.sop_class_uid,
        sop_instance_uid=header.sop_instance_uid,
        transfer_syntax=header.transfer_syntax,
        source_ae=source_ae,
    )
    return (meta, data)
