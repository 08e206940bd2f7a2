"""Empties social security numbers (NIR) in a DICOM object before its first byte reaches the disk.

Searched: every text and UN element at any depth, private ones too. Not searched: UIDs, pixel data, the
content of structured reports and encapsulated documents. In preamble and file meta spaces take a number's
place. Where the guard fires the element gets zero length and the lengths around it shrink; everything
else stays byte-identical.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from matching.nir import find_nir, may_hold_nir
from mpi.dicom import tags
from mpi.dicom.charsets import decode_text
from mpi.dicom.elements import Buffer, Element, Encoding, Unreadable
from mpi.dicom.header import read_header
from mpi.dicom.levels import Level
from mpi.dicom.objects import DicomObject, deflate, open_object
from mpi.dicom.remains import IDENTIFIERS, blank, is_typed, without_numbers
from mpi.dicom.texts import LengthField, Text, texts

NOT_SEARCHED = frozenset({tags.CONTENT_SEQUENCE, tags.ENCAPSULATED_DOCUMENT})
RAW_FIELD, META_FIELD = "unreadable object", "file meta information"


class TagHit(NamedTuple):
    """A social security number was found: where (tag path) and by which rule, never the value."""

    field: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Emptied:
    """`data` without social security numbers (the caller's own buffer when nothing was found).

    `hits` were emptied, `suspects` (R4) only counted; `tags` are the top-level tags that hold a hit, for
    `coerce`.
    """

    data: Buffer
    hits: tuple[TagHit, ...] = ()
    suspects: tuple[TagHit, ...] = ()
    tags: tuple[int, ...] = ()


def empty_nirs(
    data: Buffer | DicomObject, transfer_syntax: str | None = None, *, exempt: frozenset[int] = frozenset()
) -> Emptied:
    """Searches a Part 10 file, an opened object, or with `transfer_syntax` a bare data set.

    `exempt` tags are not searched at any level: an issuer with numeric accession numbers. Bytes that are
    no object, or none with a header, are blanked (`mpi.dicom.remains`): a quarantined copy holds no number.
    Raises Unreadable for an opened object that cannot be searched: it must not go on as if it were read.
    """
    if isinstance(data, DicomObject):
        return _searched(data, exempt)
    try:
        opened = open_object(data, transfer_syntax)
        read_header(opened)
        return _searched(opened, exempt)
    except Unreadable:
        blanked, hits = blank(data, transfer_syntax, skipped=NOT_SEARCHED)
        return Emptied(data=blanked, hits=(TagHit(RAW_FIELD, "R2"),) * hits)


def _searched(opened: DicomObject, exempt: frozenset[int]) -> Emptied:
    top = Level.top(opened)
    birth, sex = top.text(tags.PATIENT_BIRTH_DATE), top.text(tags.PATIENT_SEX)
    hits: list[tuple[Text, str]] = []
    suspects: list[TagHit] = []
    for text in texts(opened, skipped=NOT_SEARCHED | exempt):
        rule = _rule(text, birth, sex)
        if rule == "R4":
            suspects.append(TagHit(text.path, rule))
        elif rule is not None:
            hits.append((text, rule))
    prefix, in_meta = without_numbers(opened.prefix, kind="text")
    if not hits and not in_meta:
        return Emptied(data=opened.original, suspects=tuple(suspects))
    return Emptied(
        data=_without(opened, prefix, [text for text, _ in hits]),
        hits=(*(TagHit(META_FIELD, "R2"),) * in_meta, *(TagHit(text.path, rule) for text, rule in hits)),
        suspects=tuple(suspects),
        tags=tuple(sorted({text.top_tag for text, _ in hits})),
    )


def _rule(text: Text, birth: str | None, sex: str | None) -> str | None:
    """The rule that finds a number in this element, None when there is none."""
    element, body = text.element, text.level.body
    if element.tag == tags.PATIENT_ID and element.end > element.value and is_typed(text.level):
        return "R1"
    value = body[element.value : element.end]
    if not may_hold_nir(value):
        return None
    kind: Literal["text", "identifier"] = "identifier" if element.tag in IDENTIFIERS else "text"
    finding = find_nir(decode_text(bytes(value), text.level.terms), kind=kind, birth=birth, sex=sex)
    return None if finding is None else finding.rule


def _without(opened: DicomObject, prefix: Buffer, found: list[Text]) -> bytes:
    """`prefix` and the data set with these elements at zero length and every length around them corrected."""
    shrunk: dict[LengthField, int] = {}
    edits: list[tuple[int, int, bytes]] = []
    for text in found:
        start, zero = _length_field(text.element, text.level.encoding)
        edits.append((start, text.element.end, zero))
        for field in text.lengths:
            shrunk[field] = shrunk.get(field, 0) + text.element.end - text.element.value
    for field, by in shrunk.items():
        number = field.encoding.long
        edits.append((field.at, field.at + 4, number.pack(number.unpack_from(opened.body, field.at)[0] - by)))
    parts: list[Buffer] = []
    at = 0
    for start, end, new in sorted(edits):
        parts += [opened.body[at:start], new]
        at = end
    parts.append(opened.body[at:])
    body = [deflate(parts)] if opened.deflated else parts
    return b"".join((prefix, *body))


def _length_field(element: Element, encoding: Encoding) -> tuple[int, bytes]:
    """Where the length of an element stands, and a zero of its size (PS3.5 section 7.1)."""
    size = 2 if encoding.explicit and element.value - element.start == 8 else 4
    return element.value - size, bytes(size)
