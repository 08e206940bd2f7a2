"""The file around a data set: preamble and File Meta Information (PS3.10 section 7.1)."""

from __future__ import annotations

from typing import NamedTuple

from mpi.dicom.elements import EXPLICIT_LITTLE, Buffer, Unreadable, encode, header_at

IMPLEMENTATION_CLASS_UID = "2.25.266515479910826080472941693558789496464"
IMPLEMENTATION_VERSION = "MPI_0_1"
META_LIMIT = 1 << 20  # bytes


class FileMeta(NamedTuple):
    """`body_at` is where the data set starts. The UIDs are "" where the file does not tell them."""

    body_at: int
    transfer_syntax: str
    sop_class_uid: str
    sop_instance_uid: str


def read_meta(data: Buffer) -> FileMeta:
    """Reads preamble and group 0002; a file without either starts at 0 with everything "". Raises
    Unreadable.
    """
    at = 132 if data[128:132] == b"DICM" else 0
    told: dict[int, str] = {}
    while bytes(data[at : at + 2]) == b"\x02\x00":
        tag, _, value, length = header_at(data, at, len(data), EXPLICIT_LITTLE)
        if length > META_LIMIT or value + length > len(data):
            raise Unreadable("the file meta information is longer than the file")
        if tag in (0x00020002, 0x00020003, 0x00020010):
            told[tag] = bytes(data[value : value + length]).decode("ascii", "replace").strip("\0 ")
        at = value + length
    return FileMeta(at, told.get(0x00020010, ""), told.get(0x00020002, ""), told.get(0x00020003, ""))


def file_meta(*, sop_class_uid: str, sop_instance_uid: str, transfer_syntax: str, source_ae: str) -> bytes:
    """Preamble and File Meta Information for a data set that came over DIMSE from `source_ae`.

    Raises Unreadable for a UID or an AE title that is not ASCII.
    """
    if not f"{sop_class_uid}{sop_instance_uid}{transfer_syntax}{source_ae}".isascii():
        raise Unreadable("a UID or an AE title is not ASCII")
    group = b"".join(
        encode(tag, vr, value, EXPLICIT_LITTLE)
        for tag, vr, value in (
            (0x00020001, "OB", b"\x00\x01"),
            (0x00020002, "UI", sop_class_uid.encode("ascii")),
            (0x00020003, "UI", sop_instance_uid.encode("ascii")),
            (0x00020010, "UI", transfer_syntax.encode("ascii")),
            (0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
            (0x00020013, "SH", IMPLEMENTATION_VERSION.encode("ascii")),
            (0x00020016, "AE", source_ae.encode("ascii")),
        )
        if value
    )
    length = encode(0x00020000, "UL", len(group).to_bytes(4, "little"), EXPLICIT_LITTLE)
    return bytes(128) + b"DICM" + length + group


def part10(
    body: Buffer, *, sop_class_uid: str, sop_instance_uid: str, transfer_syntax: str, source_ae: str
) -> bytes:
    """A whole file around a data set in `transfer_syntax`; the data set's bytes are copied as they are."""
    meta = file_meta(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        transfer_syntax=transfer_syntax,
        source_ae=source_ae,
    )
    return b"".join((meta, body))
