"""Every text and UN element of a data set, at any depth, private ones too, with the lengths that enclose
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from pydicom.datadict import dictionary_VR

from mpi.dicom.elements import (
    MAX_DEPTH,
    MAX_ITEMS,
    Element,
    Encoding,
    Item,
    TooMany,
    Unreadable,
    inside,
    items,
    spend,
    walk,
)
from mpi.dicom.levels import Level
from mpi.dicom.objects import DicomObject

CHARACTER_VRS = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UN", "UR", "UT"}
)
PIXELS = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00008, 0x7FE00009, 0x7FE00010})
_FIRST_ITEM = {True: b"\xfe\xff\x00\xe0", False: b"\xff\xfe\xe0\x00"}  # little endian or not


class LengthField(NamedTuple):
    """A 32-bit number in the data set that counts bytes: of a sequence, an item, or a group."""

    at: int
    encoding: Encoding


class Text(NamedTuple):
    """One element of characters. `prefix` is the path of the items it lies in, `top` their top-level tag
    (0: none).

    `level` is the data set or item it stands in; `lengths` are the fields that count its bytes. `vr` is
    UN where nobody says what the bytes are, also for a sequence that cannot be walked.
    """

    prefix: str
    top: int
    vr: str
    element: Element
    level: Level
    lengths: tuple[LengthField, ...]

    @property
    def path(self) -> str:
        """Where it stands, like `(0010,1002)[1].(0010,0020)`."""
        return self.prefix + path_of(self.element.tag)

    @property
    def top_tag(self) -> int:
        """The top-level tag that it is or lies in."""
        return self.top or self.element.tag


@lru_cache(maxsize=4096)
def vr_of(tag: int) -> str:
    """The dictionary's VR of a tag in an implicit syntax; UN for one it does not know."""
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def texts(opened: DicomObject, *, skipped: frozenset[int] = frozenset()) -> Iterator[Text]:
    """All text and UN elements in order; `skipped` tags are not entered at any level.

    Raises TooMany for an object of more than MAX_ITEMS items and elements in sequences of either kind.
    """
    left = [MAX_ITEMS]
    yield from _level(Level.top(opened), opened.elements.values(), "", 0, (), 0, skipped | PIXELS, left)


def path_of(tag: int) -> str:
    """`(gggg,eeee)`."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _level(
    level: Level,
    elements: Iterable[Element],
    prefix: str,
    top: int,
    lengths: tuple[LengthField, ...],
    depth: int,
    skipped: frozenset[int],
    left: list[int],
) -> Iterator[Text]:
    """`elements` may hold a tag twice, where `level` knows only the last."""
    group, counted = -1, lengths
    for element in elements:
        tag = element.tag
        if tag >> 16 != group:
            group = tag >> 16
            counted = lengths
            if not tag & 0xFFFF and element.end - element.value == 4:
                counted = (*lengths, LengthField(element.value, level.encoding))
        if tag in skipped:
            continue
        vr = element.vr or vr_of(tag)
        if vr == "SQ" or element.undefined or (vr == "UN" and _holds_items(level, element)):
            yield from _sequence(level, element, prefix, top, counted, depth + 1, skipped, left)
        elif vr in CHARACTER_VRS:
            yield Text(prefix, top, vr, element, level, counted)


def _holds_items(level: Level, element: Element) -> bool:
    """Whether a value of unknown VR begins like a sequence."""
    little = inside(element, level.encoding).little
    return bytes(level.body[element.value : element.value + 4]) == _FIRST_ITEM[little]


def _sequence(
    level: Level,
    element: Element,
    prefix: str,
    top: int,
    lengths: tuple[LengthField, ...],
    depth: int,
    skipped: frozenset[int],
    left: list[int],
) -> Iterator[Text]:
    """What the items hold; the whole value as UN when it cannot be walked."""
    encoding = inside(element, level.encoding)
    own = lengths if element.undefined else (*lengths, LengthField(element.value - 4, level.encoding))
    try:
        if depth > MAX_DEPTH:
            raise Unreadable("nested too deep")
        found: list[tuple[Item, list[Element]]] = []
        for item in items(level.body, element, level.encoding, left=left):
            one, _ = walk(level.body, encoding, start=item.value, end=item.stop, ordered=False, left=left)
            spend(left, len(one))
            found.append((item, one))
    except TooMany:
        raise
    except Unreadable:
        yield Text(prefix, top, "UN", element, level, lengths)
        return
    path = prefix + path_of(element.tag)
    for number, (item, elements) in enumerate(found, start=1):
        counted = own if item.undefined else (*own, LengthField(item.value - 4, encoding))
        inner = Level(level.body, {one.tag: one for one in elements}, encoding, level.terms)
        yield from _level(
            inner, elements, f"{path}[{number}].", top or element.tag, counted, depth, skipped, left
        )
