"""The byte splice: replaces, adds and removes top-level elements; everything else stays the caller's bytes.

The result is a list of slices and new bytes, so that pixels are never copied, and it is checked before it is
given out: tags ascend and differ only by the plan, untouched elements are byte-identical, our lengths are
even.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from mpi.dicom import tags
from mpi.dicom.elements import Buffer, Unreadable, walk
from mpi.dicom.objects import DicomObject, deflate

Changes = Mapping[int, bytes]  # tag -> the whole new element, header and value; b"" removes it


def splice(opened: DicomObject, changes: Changes) -> tuple[Buffer, ...]:
    """The whole object with `changes` applied. Raises Unreadable when the result does not hold."""
    head, rest = _spliced(opened, changes)
    check(opened, changes, head)
    if opened.deflated:
        return opened.prefix, deflate((*head, rest))
    return tuple(part for part in (opened.prefix, *head, rest) if len(part))


def _spliced(opened: DicomObject, changes: Changes) -> tuple[list[Buffer], memoryview]:
    """The data set up to the last change, in pieces, and the untouched rest."""
    order = list(opened.elements)
    head: list[Buffer] = []
    at = 0
    for tag in sorted(changes):
        element = opened.elements.get(tag)
        if element is not None:
            start, end = element.start, element.end
        else:
            follows = bisect_left(order, tag)
            start = end = (
                opened.elements[order[follows]].start
                if follows < len(order)
                else len(opened.body) - opened.tail
            )
        head += [opened.body[at:start], changes[tag]]
        at = end
    return head, opened.body[at:]


def check(opened: DicomObject, changes: Changes, head: list[Buffer]) -> None:
    """Proves the invariants on the part up to the last change; what follows is the caller's own tail,
    untouched.

    Every new piece is one regular element of its tag, of even length, and no UID; the part is the
    untouched elements, byte for byte, and the new ones in ascending order. Raises Unreadable naming what
    is broken.
    """
    if not changes.keys().isdisjoint(tags.UIDS):
        raise Unreadable("a coercion never changes a UID")
    for tag, new in changes.items():
        if new:
            found, end = walk(new, opened.encoding)
            if [element.tag for element in found] != [tag] or end != len(new) or end % 2:
                raise Unreadable("an element of ours is not regular")
    last = max(changes)
    pieces: dict[int, Buffer] = {
        tag: opened.body[one.start : one.end] for tag, one in opened.elements.items() if tag <= last
    }
    pieces |= changes
    if b"".join([pieces[tag] for tag in sorted(pieces)]) != b"".join(head):
        raise Unreadable("the result is not the untouched elements and ours, in order")
