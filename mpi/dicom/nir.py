"""Empties social security numbers (NIR) in a DICOM object before its first byte reaches the disk.

Searched: every text and UN element at any depth, private ones too. Not searched: UIDs, pixel data, the
content of structured reports and encapsulated documents. In preamble and file meta spaces take a number's
place. Where the guard fires the element gets zero length and the lengths around it shrink; everything
else stays byte-identical.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from matching.nir import find_nir, is_typed_ins, may_hold_nir
from mpi.dicom import tags
from mpi.dicom.charsets import decode_text
from mpi.dicom.elements import Buffer, Element, Encoding, Unreadable
from mpi.dicom.identity import parse_cx
from mpi.dicom.levels import Level
from mpi.dicom.objects import DicomObject, deflate, open_object
from mpi.dicom.texts import LengthField, Text, texts

NOT_SEARCHED = frozenset({tags.CONTENT_SEQUENCE, tags.ENCAPSULATED_DOCUMENT})
IDENTIFIERS = frozenset({tags.PATIENT_ID, tags.RETIRED_OTHER_PATIENT_IDS})
RAW_FIELD, META_FIELD = "unreadable object", "file meta information"
_DIGIT_RUNS = re.compile(rb"[0-9][0-9AB .\-]{11,40}")


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

    `exempt` tags are not searched at any level: an issuer with numeric accession numbers. Of an object
    that cannot be read every number found in its bytes is overwritten with spaces, so that a quarantined
    copy holds none.
    """
    try:
        return _searched(open_object(data, transfer_syntax), exempt)
    except Unreadable:
        return _blanked(data.original if isinstance(data, DicomObject) else data)


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
    prefix, in_meta = _overwritten(opened.prefix)
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
    if element.tag == tags.PATIENT_ID and element.end > element.value and _is_typed(text.level):
        return "R1"
    value = body[element.value : element.end]
    if not may_hold_nir(value):
        return None
    kind: Literal["text", "identifier"] = "identifier" if element.tag in IDENTIFIERS else "text"
    finding = find_nir(decode_text(bytes(value), text.level.terms), kind=kind, birth=birth, sex=sex)
    return None if finding is None else finding.rule


def _is_typed(level: Level) -> bool:
    """Whether the Patient ID of this level says itself that it is an INS."""
    cx = parse_cx(level.whole_text(tags.PATIENT_ID) or "")
    codes = [
        one.text(tags.IDENTIFIER_TYPE_CODE) for one in level.levels(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)
    ]
    issuers = [level.text(tags.ISSUER_OF_PATIENT_ID), level.universal_id()[0]]
    if cx is not None:
        issuers += [cx.label, cx.oid]
    return any(is_typed_ins(issuer, None) for issuer in issuers) or any(
        is_typed_ins(None, code) for code in codes
    )


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


def _blanked(data: Buffer) -> Emptied:
    """Bytes that are no readable object, every number in them overwritten with spaces."""
    blanked, hits = _overwritten(data)
    return Emptied(data=blanked, hits=(TagHit(RAW_FIELD, "R2"),) * hits)


def _overwritten(data: Buffer) -> tuple[Buffer, int]:
    """Bytes of no known structure with spaces for every number, and how many there were."""
    found = [
        run.span() for run in _DIGIT_RUNS.finditer(data) if find_nir(run.group().decode("ascii")) is not None
    ]
    if not found:
        return data, 0
    blanked = bytearray(data)
    for start, end in found:
        blanked[start:end] = b" " * (end - start)
    return bytes(blanked), len(found)
