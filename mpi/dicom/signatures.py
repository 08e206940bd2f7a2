"""Digital signatures that a coercion breaks (PS3.3 C.12.1.1.3): those over a tag that changes."""

from __future__ import annotations

from mpi.dicom import tags
from mpi.dicom.elements import Element, Encoding, encode, inside
from mpi.dicom.objects import DicomObject


def without_broken(opened: DicomObject, changed: set[int], *, all_broken: bool = False) -> dict[int, bytes]:
    """New (FFFA,FFFA) and (4FFE,0001) without the broken signatures and the MAC parameters that only they
    use.

    b"" removes an element that would be empty. Nothing when no signature breaks. A signature whose list
    of signed tags is missing counts as one over everything.
    """
    signed = {number: listed for number, listed, _ in _mac_parameters(opened)}
    kept: list[bytes] = []
    used: set[bytes] = set()
    broken = 0
    for number, item in _signatures(opened):
        listed = signed.get(number, set())
        if all_broken or not listed or listed & changed:
            broken += 1
        else:
            kept.append(item)
            used.add(number)
    if not broken:
        return {}
    parameters = [item for number, _, item in _mac_parameters(opened) if number in used]
    return {
        tag: _sequence(opened, tag, content)
        for tag, content in ((tags.MAC_PARAMETERS, parameters), (tags.DIGITAL_SIGNATURES, kept))
        if tag in opened.elements
    }


def _sequence(opened: DicomObject, tag: int, content: list[bytes]) -> bytes:
    vr = opened.elements[tag].vr or "SQ"
    return encode(tag, vr, b"".join(content), opened.encoding) if content else b""


def _signatures(opened: DicomObject) -> list[tuple[bytes, bytes]]:
    """MAC ID and bytes of each signature."""
    return [
        (_value(opened, found, tags.MAC_ID), bytes(opened.body[item.start : item.end]))
        for item, found in opened.items(tags.DIGITAL_SIGNATURES)
    ]


def _mac_parameters(opened: DicomObject) -> list[tuple[bytes, set[int], bytes]]:
    """MAC ID, signed tags and bytes of each MAC parameters item."""
    if tags.MAC_PARAMETERS not in opened.elements:
        return []
    encoding = inside(opened.elements[tags.MAC_PARAMETERS], opened.encoding)
    return [
        (
            _value(opened, found, tags.MAC_ID),
            _tags(_value(opened, found, tags.DATA_ELEMENTS_SIGNED), encoding),
            bytes(opened.body[item.start : item.end]),
        )
        for item, found in opened.items(tags.MAC_PARAMETERS)
    ]


def _value(opened: DicomObject, found: dict[int, Element], tag: int) -> bytes:
    element = found.get(tag)
    return b"" if element is None else bytes(opened.body[element.value : element.end])


def _tags(value: bytes, encoding: Encoding) -> set[int]:
    """An AT value as tags."""
    pairs = encoding.pair.iter_unpack(value[: len(value) // 4 * 4])
    return {group << 16 | element for group, element in pairs}
