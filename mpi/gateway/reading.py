"""What a door has to know of an object before its first byte reaches the disk."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mpi.dicom.elements import Buffer, Unreadable
from mpi.dicom.header import Header, read_header
from mpi.dicom.nir import TagHit, empty_nirs
from mpi.dicom.objects import DicomObject, open_object
from mpi.dicom.part10 import file_meta
from mpi.gateway.archives import is_uid
from mpi.security.nir_guard import NirHit

KINDS = 200  # different tag paths and rules of one object that are told apart
ELSEWHERE = "elsewhere"
_PLACE = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One object at a door: a bare data set with its transfer syntax, or a Part 10 file (None).

    The UIDs are those that a C-STORE request announced; None where a door announces nothing.
    """

    data: bytes
    door: str
    archive: str
    transfer_syntax: str | None = None
    calling_ae: str | None = None
    peer: str | None = None
    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None


class Mismatch(Unreadable):
    """The object is another one than its C-STORE request announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An object with its social security numbers emptied: opened, its header, and a Part 10 file in slices.

    `emptied`: the top-level tags that held a number, for the Original Attributes; `hits` counts suspects too.
    """

    opened: DicomObject
    header: Header
    part10: tuple[Buffer, ...]
    hits: tuple[NirHit, ...]
    emptied: tuple[int, ...]


def read(incoming: Incoming) -> Reading:
    """Empties and reads one object.

    Raises Unreadable, or Mismatch with the announced UIDs: see `blanked` before anything of it is stored.
    """
    opened = open_object(incoming.data, incoming.transfer_syntax)
    found = empty_nirs(opened)
    if found.data is not opened.original:
        opened = open_object(found.data, incoming.transfer_syntax)
    header = read_header(opened)
    for uid in (
        header.sop_class_uid,
        header.sop_instance_uid,
        header.study_instance_uid,
        header.series_instance_uid,
    ):
        if uid and not is_uid(uid):
            raise Unreadable("a UID is not made of digits and points")
    for told, announced, what in (
        (header.sop_class_uid, incoming.sop_class_uid, "SOP Class UID"),
        (header.sop_instance_uid, incoming.sop_instance_uid, "SOP Instance UID"),
    ):
        if announced and told and announced != told:
            raise Mismatch(f"another {what} than the request announced")
    return Reading(
        opened=opened,
        header=header,
        part10=_with_meta(opened, header, found.data, incoming.calling_ae or ""),
        hits=_noted((*found.hits, *found.suspects)),
        emptied=found.tags,
    )


def blanked(incoming: Incoming) -> Buffer:
    """The bytes of what cannot be read, without the social security numbers that can be found in them."""
    return empty_nirs(incoming.data, incoming.transfer_syntax).data


def _noted(hits: Iterable[TagHit]) -> tuple[NirHit, ...]:
    """Hits by tag path without the places of items, of KINDS kinds at most: an object may hold thousands."""
    kinds: dict[tuple[str, str], NirHit] = {}
    noted = []
    for hit in hits:
        kind = (_PLACE.sub("", hit.field), hit.rule)
        if kind not in kinds and len(kinds) >= KINDS:
            kind = (ELSEWHERE, hit.rule)
        noted.append(kinds.setdefault(kind, NirHit(field=kind[0], rule=kind[1])))
    return tuple(noted)


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
