"""One DICOM object, opened: its file meta, its syntax and where its top-level elements are.

Order of trust: our walker; else a plain pydicom read and write, accepted only when every raw value comes back
equal; else `Unreadable`, which the caller quarantines. Nothing is decoded here and pixels are never copied.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Literal

from mpi.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Buffer,
    Element,
    Encoding,
    Irregular,
    Item,
    Unreadable,
    header_at,
    inside,
    items,
    walk,
)
from mpi.dicom.part10 import FileMeta, read_meta
from mpi.dicom.reread import rewritten
from mpi.dicom.syntaxes import DEFLATED, EXPLICIT_UID, IMPLICIT_UID, encoding_of
from mpi.dicom.tags import PATIENT_GROUPS, REFERENCED_PATIENTS, SOP_CLASS_UID

INFLATED_LIMIT = 1 << 28  # bytes
INFLATED_SMALL = 1 << 24  # bytes that may come of any number of them
INFLATED_RATIO = 100  # beyond that: images shrink to a third, a padded report to a fiftieth
VALUE_LIMIT = 1 << 16  # bytes of a value that we decode
BIG_UID = "1.2.840.10008.1.2.2"
TAIL_NOTE = "zero bytes after the last element were kept"


@dataclass(frozen=True, slots=True)
class DicomObject:
    """`prefix` is preamble and file meta (empty for a bare data set), `body` the data set (inflated when
    `deflated`).

    `media_class` is the SOP class that the file meta tells, "" when none. `elements` holds the top level
    by tag, in order. `tail` counts zero bytes after the last element. `via` is "pydicom" when `prefix`
    and `body` are not the caller's bytes but pydicom's, proved equal in every raw value.
    """

    original: Buffer
    prefix: memoryview
    body: memoryview
    transfer_syntax: str
    media_class: str
    encoding: Encoding
    elements: dict[int, Element]
    tail: int
    deflated: bool = False
    via: Literal["splice", "pydicom"] = "splice"
    notes: tuple[str, ...] = field(default=())

    def value(self, tag: int) -> bytes | None:
        """The value's bytes as they stand, None when absent. Raises Unreadable above VALUE_LIMIT."""
        element = self.elements.get(tag)
        return None if element is None else value_of(self.body, element)

    def whole(self, tag: int) -> bytes:
        """Header and value as they stand, b"" when absent."""
        element = self.elements.get(tag)
        return b"" if element is None else bytes(self.body[element.start : element.end])

    @property
    def sop_class_uid(self) -> str:
        """The data set's SOP class, else the file meta's (a DICOMDIR tells it there alone), else ""."""
        return (self.value(SOP_CLASS_UID) or b"").decode("ascii", "replace").strip("\0 ") or self.media_class

    def items(self, tag: int) -> Iterator[tuple[Item, dict[int, Element]]]:
        """The items of a top-level sequence with their own elements; nothing when absent."""
        if (element := self.elements.get(tag)) is not None:
            yield from level(self.body, element, self.encoding)


def level(body: Buffer, element: Element, encoding: Encoding) -> Iterator[tuple[Item, dict[int, Element]]]:
    """The items of a sequence, each with its elements by tag."""
    for item in items(body, element, encoding):
        found, _ = walk(body, inside(element, encoding), start=item.value, end=item.stop)
        yield item, {inner.tag: inner for inner in found}


def value_of(body: Buffer, element: Element) -> bytes:
    """A value's bytes. Raises Unreadable above VALUE_LIMIT."""
    if element.end - element.value > VALUE_LIMIT:
        raise Unreadable(f"an identifying value is longer than {VALUE_LIMIT} bytes")
    return bytes(body[element.value : element.end])


def open_object(data: Buffer | DicomObject, transfer_syntax: str | None = None) -> DicomObject:
    """Opens a Part 10 file, or with `transfer_syntax` a bare data set; an opened object comes back as it is.

    Raises Unreadable with a reason.
    """
    if isinstance(data, DicomObject):
        return data
    view = memoryview(data)
    notes: tuple[str, ...] = ()
    meta = FileMeta(0, transfer_syntax, "", "") if transfer_syntax is not None else read_meta(data)
    body_at, transfer_syntax = meta.body_at, meta.transfer_syntax
    if transfer_syntax:
        encoding = encoding_of(transfer_syntax)
    else:
        transfer_syntax, encoding = _guessed(data, body_at)
        notes += ("transfer syntax not told, guessed from the first element",)
    body = view[body_at:]
    deflated = transfer_syntax in DEFLATED
    if deflated:
        body = memoryview(_inflated(body))
    via: Literal["splice", "pydicom"] = "splice"
    try:
        found, end = _data_set(body, encoding)
    except Irregular as refusal:
        via, body = "pydicom", memoryview(rewritten(body, encoding, refusal))
        found, end = _data_set(body, encoding)
        notes += (f"rewritten by pydicom, every raw value equal: {refusal.reason}",)
    if tail := len(body) - end:
        notes += (TAIL_NOTE,)
    return DicomObject(
        original=data,
        prefix=view[:body_at],
        body=body,
        transfer_syntax=transfer_syntax,
        media_class=meta.sop_class_uid,
        encoding=encoding,
        elements={element.tag: element for element in found},
        tail=tail,
        deflated=deflated,
        via=via,
        notes=notes,
    )


def _data_set(body: memoryview, encoding: Encoding) -> tuple[list[Element], int]:
    found, end = walk(body, encoding)
    if not found:
        raise Unreadable("no element at all")
    if any(element.tag >> 16 in (0, 2) for element in takewhile(lambda e: e.tag < 0x00030000, found)):
        raise Irregular("command or file meta elements stand inside the data set")
    return found, end


def several_patients(opened: DicomObject) -> bool:
    """A group of patients, or references to more than one; a single Referenced Patient is the patient."""
    groups = any(True for tag in PATIENT_GROUPS for _ in opened.items(tag))
    return groups or sum(1 for _ in opened.items(REFERENCED_PATIENTS)) > 1


def _guessed(data: Buffer, at: int) -> tuple[str, Encoding]:
    """The uncompressed syntax of a file that names none, from its first element. Raises Unreadable."""
    first = bytes(data[at : at + 8])
    if len(first) < 8 or first.count(0) == 8:
        raise Unreadable("not DICOM")
    little = first[1] == 0
    for encoding, uid in (
        (EXPLICIT_LITTLE, EXPLICIT_UID) if little else (EXPLICIT_BIG, BIG_UID),
        (IMPLICIT_LITTLE, IMPLICIT_UID),
    ):
        try:
            header_at(data, at, len(data), encoding)
            found, _ = walk(data, encoding, start=at)
        except Unreadable:
            continue
        if found[0].tag >> 16 <= 0x0008 and not (found[-1].tag == 0x7FE00010 and found[-1].undefined):
            return uid, encoding
    raise Unreadable("not DICOM, or no transfer syntax is told")


def _inflated(body: memoryview) -> bytes:
    """The data set of a deflated syntax: raw deflate, then perhaps a pad byte; some writers leave gzip's
    trailer.

    Raises Unreadable.
    """
    stream = zlib.decompressobj(-15)
    limit = min(INFLATED_LIMIT, max(INFLATED_SMALL, INFLATED_RATIO * len(body)))
    try:
        inflated = stream.decompress(body, limit)
    except zlib.error:
        raise Unreadable("the deflated data set is damaged") from None
    if not stream.eof:
        raise Unreadable("the deflated data set is truncated or too large")
    trailer = zlib.crc32(inflated).to_bytes(4, "little") + (len(inflated) & 0xFFFFFFFF).to_bytes(4, "little")
    rest = stream.unused_data.removeprefix(trailer)
    if rest.count(0) != len(rest):
        raise Unreadable("bytes follow the deflated data set")
    return inflated


def deflate(parts: Iterable[Buffer]) -> bytes:
    """A data set as raw deflate, padded to even length."""
    stream = zlib.compressobj(level=6, wbits=-15)
    deflated = b"".join([stream.compress(part) for part in parts]) + stream.flush()
    return deflated + b"\0" * (len(deflated) % 2)
