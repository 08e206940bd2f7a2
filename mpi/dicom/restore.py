"""Takes a coercion back: the object as it was, from the item that the coercion appended and its recorded
changes.

The item alone cannot tell "was empty" from "was absent", so the ledger's changes say which. What comes
back differs from the original at most by group lengths and (0008,0001), which coercion removes.
"""

from __future__ import annotations

from collections.abc import Iterable

from mpi.dicom import tags
from mpi.dicom.elements import Buffer, Element, Item, Unreadable, encode
from mpi.dicom.objects import DicomObject, level, open_object
from mpi.dicom.original import LISTED_EMPTY, VRS
from mpi.dicom.splice import splice
from mpi.dicom.target import Change


def restore(
    data: Buffer | DicomObject, changes: Iterable[Change], *, transfer_syntax: str | None = None
) -> tuple[Buffer, ...]:
    """The object before the coercion that made `changes`, in parts, when that coercion was a splice and
    the last.

    Raises Unreadable when the last item cannot give the old bytes back: a signature was removed, the
    changes are another coercion's, or the values stand in a sequence of VR UN.
    """
    opened = open_object(data, transfer_syntax)
    found = list(opened.items(tags.ORIGINAL_ATTRIBUTES))
    if not found or opened.elements[tags.ORIGINAL_ATTRIBUTES].vr == "UN":
        raise Unreadable("no Original Attributes item to restore from")
    last, told = found[-1]
    recorded = _recorded(opened, told)
    back = {
        change.tag: b"" if change.before is None else _old(recorded, change.tag)
        for change in changes
        if change.tag != tags.ORIGINAL_ATTRIBUTES
    }
    back[tags.ORIGINAL_ATTRIBUTES] = _without(opened, last) if len(found) > 1 else b""
    return splice(opened, back)


def _recorded(opened: DicomObject, told: dict[int, Element]) -> dict[int, bytes]:
    """The previous elements of one item, whole; values that did not stand in their VR put back in place."""
    (modified,) = (found for _, found in level(opened.body, told[tags.MODIFIED], opened.encoding))
    recorded = {one.tag: bytes(opened.body[one.start : one.end]) for one in modified.values()}
    if tags.NONCONFORMING_MODIFIED in told:
        for _, found in level(opened.body, told[tags.NONCONFORMING_MODIFIED], opened.encoding):
            group, number = opened.encoding.pair.unpack(_value(opened, found[tags.SELECTOR_ATTRIBUTE]))
            tag = group << 16 | number
            value = _value(opened, found[tags.NONCONFORMING_VALUE])
            recorded[tag] = encode(tag, modified[tag].vr or VRS[tag], value, opened.encoding)
    return recorded


def _value(opened: DicomObject, element: Element) -> bytes:
    return bytes(opened.body[element.value : element.end])


def _old(recorded: dict[int, bytes], tag: int) -> bytes:
    if tag in LISTED_EMPTY or tag not in recorded:
        raise Unreadable("the last Original Attributes item does not hold the old value")
    return recorded[tag]


def _without(opened: DicomObject, last: Item) -> bytes:
    """(0400,0561) without its last item, of the same form."""
    element = opened.elements[tags.ORIGINAL_ATTRIBUTES]
    whole = opened.whole(tags.ORIGINAL_ATTRIBUTES)
    start, end = last.start - element.start, last.end - element.start
    if element.undefined:
        return whole[:start] + whole[end:]
    at = element.value - element.start
    return whole[: at - 4] + opened.encoding.long.pack(start - at) + whole[at:start]
