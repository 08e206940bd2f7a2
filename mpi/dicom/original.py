"""The Original Attributes item that says what a coercion changed (PS3.3 C.12.1.1.9).

Previous elements are copied with header and value bytes as they were, ascending. Old items are never edited,
reordered or dropped; the new one stands last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from mpi.dicom import tags
from mpi.dicom.charsets import decode_text, terms_of
from mpi.dicom.elements import (
    EXPLICIT_BIG,
    IMPLICIT_LITTLE,
    MAX_DEPTH,
    Element,
    Encoding,
    Unreadable,
    encode,
    encode_item,
    inside,
    items,
)
from mpi.dicom.objects import DicomObject, level
from mpi.dicom.target import Target

# VRs of the attributes that we change; (0008,0005) rides along when bytes need it.
VRS = {
    tags.SPECIFIC_CHARACTER_SET: "CS",
    tags.COERCION_DATE_TIME: "DT",
    tags.PATIENT_NAME: "PN",
    tags.PATIENT_ID: "LO",
    tags.ISSUER_OF_PATIENT_ID: "LO",
    tags.TYPE_OF_PATIENT_ID: "CS",
    tags.ISSUER_OF_PATIENT_ID_QUALIFIERS: "SQ",
    tags.PATIENT_BIRTH_DATE: "DA",
    tags.PATIENT_SEX: "CS",
    tags.RETIRED_OTHER_PATIENT_IDS: "LO",
    tags.OTHER_PATIENT_IDS: "SQ",
    tags.ORIGINAL_ATTRIBUTES: "SQ",
    tags.MAC_PARAMETERS: "SQ",
    tags.DIGITAL_SIGNATURES: "SQ",
}
UNRECORDED = frozenset({tags.LENGTH_TO_END, tags.ORIGINAL_ATTRIBUTES})
# A copied signature would read as a signature of the item, so these are listed with zero length.
LISTED_EMPTY = frozenset({tags.MAC_PARAMETERS, tags.DIGITAL_SIGNATURES})
# What a value must look like to stand in its VR with one value (PS3.5 table 6.2-1); ESC is a character set's.
_STANDS = {
    "LO": re.compile(r"[^\x00-\x1a\x1c-\x1f\x7f\\]{0,64}"),
    "PN": re.compile(r"[^\x00-\x1a\x1c-\x1f\x7f\\=]{0,64}(=[^\x00-\x1a\x1c-\x1f\x7f\\=]{0,64}){0,2}"),
    "CS": re.compile(r"[A-Z0-9 _]{0,16}"),
    "DA": re.compile(r"(\d{8})?"),
    "DT": re.compile(r"(\d{4,14}(\.\d{1,6})?([+-]\d{4})?)?"),
}
_SEVERAL_VALUES = frozenset({tags.SPECIFIC_CHARACTER_SET, tags.RETIRED_OTHER_PATIENT_IDS})
_EIGHT_BIT_OR_ESCAPE = re.compile(rb"[\x80-\xff\x1b]")


def date_time(at: datetime) -> str:
    """A DT value with microseconds and the offset from UTC, 26 characters."""
    if at.tzinfo is None:
        raise ValueError("a decision's time says its offset from UTC")
    return at.strftime("%Y%m%d%H%M%S.%f%z")[:26]


def appended(opened: DicomObject, changed: Iterable[int], target: Target) -> bytes:
    """The whole new (0400,0561): the old items as they were, then one for `changed` (top-level tags).

    An old sequence of VR UN stays one; its items, and so ours, are implicit little endian. Raises Unreadable
    when that cannot be written.
    """
    old = opened.elements.get(tags.ORIGINAL_ATTRIBUTES)
    if old is None:
        item = encode_item(_content(opened, changed, target, opened.encoding), opened.encoding)
        return encode(tags.ORIGINAL_ATTRIBUTES, "SQ", item, opened.encoding)
    encoding = inside(old, opened.encoding)
    item = encode_item(_content(opened, changed, target, encoding), encoding)
    whole = opened.whole(tags.ORIGINAL_ATTRIBUTES)
    if old.undefined:
        new = whole[:-8] + item + whole[-8:]  # the delimiter stays last
    else:
        at = old.value - old.start
        new = whole[: at - 4] + opened.encoding.long.pack(len(whole) - at + len(item)) + whole[at:] + item
    _check(opened, old, new)
    return new


def _check(opened: DicomObject, old: Element, new: bytes) -> None:
    """Proves that the old items stand as they were and exactly one follows. Raises Unreadable."""
    element = old._replace(start=0, value=old.value - old.start, end=len(new))
    before = [bytes(opened.body[item.start : item.end]) for item in items(opened.body, old, opened.encoding)]
    after = [new[item.start : item.end] for item in items(new, element, opened.encoding)]
    if after[:-1] != before:
        raise Unreadable("the old Original Attributes items do not survive")


def _content(opened: DicomObject, changed: Iterable[int], target: Target, encoding: Encoding) -> bytes:
    recorded = {
        tag for tag in {*changed, tags.ISSUER_OF_PATIENT_ID} if tag & 0xFFFF and tag not in UNRECORDED
    }
    recorded |= {_creator(tag) for tag in recorded if tag >> 16 & 1} & opened.elements.keys()
    misfits = sorted(tag for tag in recorded if not _stands(opened, tag))
    kept = {tag: b"" if tag in misfits else _copied(opened, tag, encoding) for tag in recorded}
    charset = tags.SPECIFIC_CHARACTER_SET
    told = [opened.elements[tag] for tag in kept if kept[tag]]
    if charset in opened.elements and any(_beyond_ascii(opened.body, one, opened.encoding) for one in told):
        kept.setdefault(charset, _copied(opened, charset, encoding))
    modified = b"".join(kept[tag] or encode(tag, _vr(opened, tag), b"", encoding) for tag in sorted(kept))
    elements = [encode(tags.MODIFIED, "SQ", encode_item(modified, encoding), encoding)]
    if misfits:
        raw = b"".join(encode_item(_nonconforming(opened, tag, encoding), encoding) for tag in misfits)
        elements.append(encode(tags.NONCONFORMING_MODIFIED, "SQ", raw, encoding))
    for tag, vr, text in (
        (tags.MODIFICATION_DATE_TIME, "DT", date_time(target.at)),
        (tags.MODIFYING_SYSTEM, "LO", target.system),
        (tags.SOURCE_OF_PREVIOUS_VALUES, "LO", target.source),
        (tags.REASON_FOR_MODIFICATION, "CS", target.reason),
    ):
        elements.append(encode(tag, vr, text.encode("ascii", "replace").replace(b"\\", b"/")[:64], encoding))
    return b"".join(elements)


def _beyond_ascii(body: memoryview, element: Element, encoding: Encoding, depth: int = 0) -> bool:
    """Whether a value, or one inside a sequence, needs its character set to be read. Raises Unreadable
    when nested too deep.
    """
    if (element.vr or VRS.get(element.tag)) != "SQ":
        return _EIGHT_BIT_OR_ESCAPE.search(body, element.value, element.end) is not None
    return any(
        _beyond_ascii(body, inner, encoding, _deeper(depth))
        for _, found in level(body, element, encoding)
        for inner in found.values()
    )


def _deeper(depth: int) -> int:
    if depth == MAX_DEPTH:
        raise Unreadable(f"nested deeper than {MAX_DEPTH} levels")
    return depth + 1


def _creator(tag: int) -> int:
    """The private creator element that reserves the block of a private tag; itself for a creator."""
    return tag if tag & 0xFFFF < 0x1000 else tag & 0xFFFF0000 | (tag >> 8 & 0xFF)


def _vr(opened: DicomObject, tag: int) -> str:
    element = opened.elements.get(tag)
    return VRS.get(tag, "UN") if element is None else element.vr or VRS.get(tag, "UN")


def _stands(opened: DicomObject, tag: int) -> bool:
    """Whether the old value, if any, can stand in its VR."""
    element = opened.elements.get(tag)
    pattern = _STANDS.get(VRS.get(tag, ""))
    if element is None or pattern is None:
        return True
    text = decode_text(opened.value(tag) or b"", terms_of(opened.value(tags.SPECIFIC_CHARACTER_SET)))
    values = text.split("\\") if tag in _SEVERAL_VALUES else [text]
    return all(pattern.fullmatch(value.strip(" ")) for value in values)


def _nonconforming(opened: DicomObject, tag: int, encoding: Encoding) -> bytes:
    """An item of (0400,0551): which attribute (selector macro, PS3.3 table 10-20) and its bytes."""
    attribute = encoding.pair.pack(tag >> 16, tag & 0xFFFF)
    return b"".join(
        (
            encode(tags.SELECTOR_ATTRIBUTE, "AT", attribute, encoding),
            encode(tags.SELECTOR_VALUE_NUMBER, "US", encoding.number.pack(1), encoding),
            encode(tags.NONCONFORMING_VALUE, "OB", opened.value(tag) or b"", encoding),
        )
    )


def _copied(opened: DicomObject, tag: int, encoding: Encoding) -> bytes:
    """The element as it was, b"" when absent or only listed. Raises Unreadable when it cannot be carried
    over.
    """
    element = opened.elements.get(tag)
    if element is None or tag in LISTED_EMPTY:
        return b""
    if encoding is opened.encoding:
        return opened.whole(tag)
    if opened.encoding is EXPLICIT_BIG:
        raise Unreadable("big endian values cannot stand inside a value of VR UN")
    return _implicit(opened.body, element, opened.encoding)


def _implicit(body: memoryview, element: Element, encoding: Encoding, depth: int = 0) -> bytes:
    """An explicit little endian element in implicit form, sequences with defined lengths."""
    if element.vr != "SQ":
        return encode(element.tag, "UN", bytes(body[element.value : element.end]), IMPLICIT_LITTLE)
    content = b"".join(
        encode_item(
            b"".join(_implicit(body, inner, encoding, _deeper(depth)) for inner in found.values()),
            IMPLICIT_LITTLE,
        )
        for _, found in level(body, element, encoding)
    )
    return encode(element.tag, "SQ", content, IMPLICIT_LITTLE)
