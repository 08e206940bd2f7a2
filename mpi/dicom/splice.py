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

    Raises Unreadable naming the invariant that is broken.
    """
    if not changes.keys().isdisjoint(tags.UIDS):
        raise Unreadable("a coercion never changes a UID")
    last = max(changes)
    kept = [tag for tag in opened.elements if tag <= last and tag not in changes]
    joined = b"".join(head)
    found, end = walk(joined, opened.encoding)
    expected = sorted([*kept, *(tag for tag, new in changes.items() if new)])
    if end != len(joined) or [element.tag for element in found] != expected:
        raise Unreadable("the result holds other elements than planned")
    before = bytes(opened.body[: opened.elements[kept[-1]].end]) if kept else b""
    for tag, _, start, _, stop, _ in found:
        now = joined[start:stop]
        if tag in changes:
            if now != changes[tag] or len(now) % 2:
                raise Unreadable("an element of ours is not as planned")
        else:
            old = opened.elements[tag]
            if now != before[old.start : old.end]:
                raise Unreadable("an untouched element differs")
