"""The walker: where each data element of a data set begins and ends, without decoding any value (PS3.5
section 7).

Values are skipped by length, undefined lengths by walking their items. Every length is checked against what
remains, nesting and counts are capped, so that time and memory stay linear in the size of the input.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

Buffer = bytes | memoryview

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
CHUNK = 1 << 20  # bytes looked at in one piece
MAX_DEPTH = 32
MAX_ELEMENTS = 100_000  # at the top level; a large enhanced object has a few hundred
MAX_ITEMS = 1_000_000  # items and elements inside sequences, each time one is walked; also fragments

_SHORT: tuple[str, ...] = ("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH")
_SHORT += ("SL", "SS", "ST", "TM", "UI", "UL", "US")
_LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
SHORT_VRS = {vr.encode(): vr for vr in _SHORT}
LONG_VRS = {vr.encode(): vr for vr in _LONG}
FRAGMENT_VRS = {"OB", "OW"}
NUL_PADDED = {"UI", "OB", "UN"}


class Unreadable(Exception):
    """These bytes are no DICOM object that can be carried safely. `reason` is for the operator and holds no
    value.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooMany(Unreadable):
    """More items and elements than an object may have."""


class Irregular(Unreadable):
    """The walker cannot prove where the elements are; a more lenient reader may."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are laid out: VR told or not, byte order. The structs are for tag, VR and lengths."""

    explicit: bool
    little: bool
    short: struct.Struct = field(init=False, repr=False)  # group, element, VR, 16-bit length
    plain: struct.Struct = field(init=False, repr=False)  # group, element, 32-bit length
    long: struct.Struct = field(init=False, repr=False)  # 32-bit length
    number: struct.Struct = field(init=False, repr=False)  # a US value
    pair: struct.Struct = field(init=False, repr=False)  # an AT value: group, element

    def __post_init__(self) -> None:
        order = "<" if self.little else ">"
        for name, layout in (
            ("short", "HH2sH"),
            ("plain", "HHI"),
            ("long", "I"),
            ("number", "H"),
            ("pair", "HH"),
        ):
            object.__setattr__(self, name, struct.Struct(order + layout))


IMPLICIT_LITTLE = Encoding(explicit=False, little=True)
EXPLICIT_LITTLE = Encoding(explicit=True, little=True)
EXPLICIT_BIG = Encoding(explicit=True, little=False)


class Element(NamedTuple):
    """One element by offsets: header at `start`, value from `value` to `end` (delimiter included when
    `undefined`).

    `vr` is "" in implicit syntaxes.
    """

    tag: int
    vr: str
    start: int
    value: int
    end: int
    undefined: bool


class Item(NamedTuple):
    """One item of a sequence by offsets: `start` to `end` with header and delimiter, content from `value` to
    `stop`.
    """

    start: int
    value: int
    stop: int
    end: int
    undefined: bool


def header_at(data: Buffer, at: int, end: int, encoding: Encoding) -> tuple[int, str, int, int]:
    """Tag, VR, start of the value and declared length of the element at `at`. Raises Unreadable past
    `end`.
    """
    if end - at < 8:
        raise Unreadable("the data end inside an element header")
    if not encoding.explicit:
        group, element, length = encoding.plain.unpack_from(data, at)
        return group << 16 | element, "", at + 8, length
    group, element, letters, length = encoding.short.unpack_from(data, at)
    if vr := SHORT_VRS.get(letters):
        return group << 16 | element, vr, at + 8, length
    if vr := LONG_VRS.get(letters):
        if end - at < 12:
            raise Unreadable("the data end inside an element header")
        return group << 16 | element, vr, at + 12, encoding.long.unpack_from(data, at + 8)[0]
    if group == 0xFFFE:
        return group << 16 | element, "", at + 8, encoding.long.unpack_from(data, at + 4)[0]
    raise Irregular("an element has no known VR")


def inside(element: Element, encoding: Encoding) -> Encoding:
    """The encoding inside the value: UN holds implicit little endian (PS3.5 section 6.2.2)."""
    return IMPLICIT_LITTLE if element.vr == "UN" else encoding


def spend(left: list[int], number: int = 1) -> None:
    """Counts items or elements inside sequences against the cap."""
    left[0] -= number
    if left[0] < 0:
        raise TooMany(f"more than {MAX_ITEMS} items and elements inside sequences")


def _past_undefined(
    data: Buffer, at: int, end: int, encoding: Encoding, vr: str, depth: int, left: list[int]
) -> int:
    """The first byte after the sequence delimiter that closes the value starting at `at`."""
    if depth > MAX_DEPTH:
        raise Unreadable(f"nested deeper than {MAX_DEPTH} levels")
    if vr == "UN" and encoding is not IMPLICIT_LITTLE:
        try:
            return _past_undefined(data, at, end, IMPLICIT_LITTLE, vr, depth, left)
        except Unreadable as refusal:
            raise Irregular(f"inside a value of unknown VR: {refusal.reason}") from refusal
    while True:
        if end - at < 8:
            raise Unreadable("the data end inside a sequence")
        group, element, length = encoding.plain.unpack_from(data, at)
        tag, at = group << 16 | element, at + 8
        if tag == SEQUENCE_END:
            return at
        if tag != ITEM:
            raise Irregular("a sequence holds something that is no item")
        spend(left)
        if length != UNDEFINED:
            at += length
            if at > end:
                raise Unreadable("an item is longer than the data")
        elif vr in FRAGMENT_VRS:
            raise Irregular("a fragment has no length")
        else:
            at = _past_item(data, at, end, encoding, depth, left)


def _past_item(data: Buffer, at: int, end: int, encoding: Encoding, depth: int, left: list[int]) -> int:
    """The first byte after the item delimiter that closes the item whose content starts at `at`."""
    while True:
        tag, vr, value, length = header_at(data, at, end, encoding)
        if tag == ITEM_END:
            return value
        if tag >> 16 == 0xFFFE:
            raise Irregular("a delimiter stands where none belongs")
        spend(left)
        at = _end_of(data, vr, value, length, end, encoding, depth, left)


def _end_of(
    data: Buffer, vr: str, value: int, length: int, end: int, encoding: Encoding, depth: int, left: list[int]
) -> int:
    """The first byte after a value."""
    if length == UNDEFINED:
        if vr not in {"SQ", "UN", "OB", "OW", ""}:
            raise Irregular(f"a value of VR {vr} has no length")
        return _past_undefined(data, value, end, encoding, vr, depth + 1, left)
    if value + length > end:
        raise Unreadable("a value is longer than the data")
    return value + length


def zero_tail(data: Buffer, at: int, end: int) -> bool:
    """Whether nothing but zero bytes follow: padding that some writers leave behind the last element."""
    chunks = (bytes(data[start : min(start + CHUNK, end)]) for start in range(at, end, CHUNK))
    return all(chunk.count(0) == len(chunk) for chunk in chunks)


def walk(
    data: Buffer,
    encoding: Encoding,
    *,
    start: int = 0,
    end: int | None = None,
    ordered: bool = True,
    left: list[int] | None = None,
) -> tuple[list[Element], int]:
    """The elements of one level from `start` to `end`, and where they end; only zero bytes may follow.

    Tags must ascend strictly when `ordered`. `left` is what remains of MAX_ITEMS when several levels of one
    object are walked. Raises Unreadable; Irregular where a lenient reader may still succeed.
    """
    end = len(data) if end is None else end
    found: list[Element] = []
    at, last = start, -1
    left = [MAX_ITEMS] if left is None else left
    new_element = tuple.__new__  # half the time of Element(...), and there are hundreds
    unpack, short_vrs = encoding.short.unpack_from, SHORT_VRS if encoding.explicit else {}
    while at < end:
        group, number, letters, length = unpack(data, at) if end - at >= 8 else (0, 0, b"", 0)
        if (vr := short_vrs.get(letters)) is not None:  # most elements: the header needs no second look
            tag, value = group << 16 | number, at + 8
        elif not group and not number:
            if zero_tail(data, at, end):
                break
            raise Unreadable("bytes that are no element follow the last element")
        else:
            tag, vr, value, length = header_at(data, at, end, encoding)
        if tag <= last and ordered:
            raise Irregular("the elements are not in ascending order")
        if group == 0xFFFE:
            raise Irregular("a delimiter stands where none belongs")
        stop = value + length
        if length == UNDEFINED or stop > end:
            stop = _end_of(data, vr, value, length, end, encoding, 0, left)
        found.append(new_element(Element, (tag, vr, at, value, stop, length == UNDEFINED)))
        at, last = stop, tag
        if len(found) > MAX_ELEMENTS:
            raise Unreadable(f"more than {MAX_ELEMENTS} elements")
    return found, at


def walk_to_fault(data: Buffer, encoding: Encoding) -> tuple[list[Element], int]:
    """The top-level elements up to the first that `walk` would refuse, and where that one begins."""
    found: list[Element] = []
    at, last, left = 0, -1, [MAX_ITEMS]
    while at < len(data) and len(found) < MAX_ELEMENTS:
        try:
            tag, vr, value, length = header_at(data, at, len(data), encoding)
            end = _end_of(data, vr, value, length, len(data), encoding, 0, left)
        except Unreadable:
            break
        if tag <= last or tag >> 16 == 0xFFFE:
            break
        found.append(Element(tag, vr, at, value, end, length == UNDEFINED))
        at, last = end, tag
    return found, at


def items(
    data: Buffer, element: Element, encoding: Encoding, *, left: list[int] | None = None
) -> Iterator[Item]:
    """The items of a sequence that `walk` found; `left` as there. Raises Unreadable when a defined length
    does not hold them.
    """
    encoding = inside(element, encoding)
    at = element.value
    left = [MAX_ITEMS] if left is None else left
    while at < element.end:
        if element.end - at < 8:
            raise Unreadable("the data end inside a sequence")
        group, number, length = encoding.plain.unpack_from(data, at)
        tag, value = group << 16 | number, at + 8
        if tag == SEQUENCE_END:
            return
        if tag != ITEM:
            raise Irregular("a sequence holds something that is no item")
        spend(left)
        if length == UNDEFINED:
            end = _past_item(data, value, element.end, encoding, 0, left)
            yield Item(at, value, end - 8, end, True)
        else:
            end = value + length
            if end > element.end:
                raise Unreadable("an item is longer than its sequence")
            yield Item(at, value, end, end, False)
        at = end


def encode(tag: int, vr: str, value: bytes, encoding: Encoding) -> bytes:
    """One element of our own: padded to even length. `value` of a sequence is its items, joined."""
    if len(value) % 2:
        value += b"\0" if vr in NUL_PADDED else b" "
    if not encoding.explicit:
        return encoding.plain.pack(tag >> 16, tag & 0xFFFF, len(value)) + value
    if vr.encode() in SHORT_VRS:
        return encoding.short.pack(tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value
    return (
        encoding.short.pack(tag >> 16, tag & 0xFFFF, vr.encode(), 0) + encoding.long.pack(len(value)) + value
    )


def encode_item(content: bytes, encoding: Encoding) -> bytes:
    """One item of defined length."""
    return encoding.plain.pack(ITEM >> 16, ITEM & 0xFFFF, len(content)) + content
