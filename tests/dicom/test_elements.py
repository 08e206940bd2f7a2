"""The walker: regular data sets are walked to the end, anything else is refused in bounded time."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi.dicom import elements
from mpi.dicom.coercion import coerce
from mpi.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Irregular,
    Unreadable,
    encode,
    encode_item,
    items,
    walk,
)
from mpi.dicom.header import read_header
from mpi.dicom.nir import empty_nirs
from mpi.dicom.target import TagPlan, Target

SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
OPEN_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
SQ = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff"
UN = b"\x09\x00\x10\x10UN\0\0\xff\xff\xff\xff"
PIXELS = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
ID = b"\x10\x00\x20\x00LO\x04\x000042"
IMPLICIT_ID = b"\x10\x00\x20\x00\x04\0\0\x000042"


@pytest.mark.parametrize(
    ("data", "tags"),
    [
        pytest.param(ID, [0x00100020], id="one short element"),
        pytest.param(SQ + SEQUENCE_END + ID, [0x00081115, 0x00100020], id="an empty open sequence"),
        pytest.param(SQ + OPEN_ITEM + ID + ITEM_END + SEQUENCE_END, [0x00081115], id="open item"),
        pytest.param(
            SQ + OPEN_ITEM + SQ + OPEN_ITEM + ID + ITEM_END + SEQUENCE_END + ITEM_END + SEQUENCE_END,
            [0x00081115],
            id="open sequence inside an open item",
        ),
        pytest.param(
            SQ + b"\xfe\xff\x00\xe0\x0c\0\0\0" + ID + SEQUENCE_END, [0x00081115], id="item with a length"
        ),
        pytest.param(
            UN + OPEN_ITEM + IMPLICIT_ID + ITEM_END + SEQUENCE_END, [0x00091010], id="UN holds implicit"
        ),
        pytest.param(
            PIXELS + b"\xfe\xff\x00\xe0\0\0\0\0" + b"\xfe\xff\x00\xe0\x04\0\0\0abcd" + SEQUENCE_END,
            [0x7FE00010],
            id="encapsulated pixels",
        ),
        pytest.param(
            ID + b"\xfc\xff\xfc\xffOB\0\0\x04\0\0\0\0\0\0\0", [0x00100020, 0xFFFCFFFC], id="padding element"
        ),
        pytest.param(ID + b"\0", [0x00100020], id="one zero byte behind"),
        pytest.param(ID + bytes(64), [0x00100020], id="zero bytes behind"),
    ],
)
def test_regular_data_sets_are_walked(data: bytes, tags: list[int]) -> None:
    found, end = walk(data, EXPLICIT_LITTLE)
    assert [one.tag for one in found] == tags
    assert end == found[-1].end
    assert not any(data[end:])


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (ID[:7], Unreadable, "bytes that are no element follow the last element"),
        (SQ + OPEN_ITEM + ID[:7], Unreadable, "the data end inside an element header"),
        (PIXELS[:10], Unreadable, "the data end inside an element header"),
        (ID[:10], Unreadable, "a value is longer than the data"),
        (b"\xe0\x7f\x10\x00OW\0\0\0\0\0\x80abcd", Unreadable, "a value is longer than the data"),
        (ID + b"\0\0\0\0\0\0\0\x01", Unreadable, "bytes that are no element follow the last element"),
        (ID + ID, Irregular, "the elements are not in ascending order"),
        (b"\x10\x00\x20\x00??\x04\x000042", Irregular, "an element has no known VR"),
        (b"\xfe\xff\x00\xe0\0\0\0\0", Irregular, "a delimiter stands where none belongs"),
        (b"\x10\x00\x20\x00UT\0\0\xff\xff\xff\xff", Irregular, "a value of VR UT has no length"),
        (SQ + ID, Irregular, "a sequence holds something that is no item"),
        (SQ, Unreadable, "the data end inside a sequence"),
        (SQ + b"\xfe\xff\x00\xe0\x0c\0\0\0" + ID[:5], Unreadable, "an item is longer than the data"),
        (SQ + OPEN_ITEM + SEQUENCE_END, Irregular, "a delimiter stands where none belongs"),
        (SQ + OPEN_ITEM + ID[:9], Unreadable, "a value is longer than the data"),
        (PIXELS + OPEN_ITEM, Irregular, "a fragment has no length"),
        (UN + OPEN_ITEM + ID, Irregular, "inside a value of unknown VR: a value is longer than the data"),
        (
            (SQ + OPEN_ITEM) * 33,
            Unreadable,
            "nested deeper than 32 levels",
        ),
    ],
)
def test_anything_else_is_refused_with_a_reason(data: bytes, kind: type[Unreadable], reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        walk(data, EXPLICIT_LITTLE)
    assert (type(refusal.value), refusal.value.reason) == (kind, reason)


def test_nesting_up_to_the_cap_is_walked() -> None:
    deepest = (SQ + OPEN_ITEM) * 32 + (ITEM_END + SEQUENCE_END) * 32
    found, end = walk(deepest, EXPLICIT_LITTLE)
    assert (len(found), end) == (1, len(deepest))


@pytest.mark.parametrize("encoding", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_a_group_length_is_an_element_and_no_padding(encoding: elements.Encoding) -> None:
    data = encode(0x00100000, "UL", b"\x0c\0\0\0", encoding) + encode(0x00100020, "LO", b"0042", encoding)
    assert [one.tag for one in walk(data, encoding)[0]] == [0x00100000, 0x00100020]


def test_counts_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "MAX_ELEMENTS", 3)
    many = b"".join(encode(0x00100020 + number, "LO", b"", EXPLICIT_LITTLE) for number in range(4))
    with pytest.raises(Unreadable, match="more than 3 elements"):
        walk(many, EXPLICIT_LITTLE)
    monkeypatch.setattr(elements, "MAX_ITEMS", 3)
    with pytest.raises(Unreadable, match="more than 3 items and elements"):
        walk(SQ + OPEN_ITEM + ID * 4 + ITEM_END + SEQUENCE_END, EXPLICIT_LITTLE)
    with pytest.raises(Unreadable, match="more than 3 items and elements"):
        walk(PIXELS + b"\xfe\xff\x00\xe0\0\0\0\0" * 5 + SEQUENCE_END, EXPLICIT_LITTLE)


@pytest.mark.parametrize("encoding", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_items_have_the_bounds_that_their_lengths_say(encoding: elements.Encoding) -> None:
    inner = encode(0x00100020, "LO", b"0042", encoding)
    whole = encode(0x00101002, "SQ", encode_item(inner, encoding) * 2, encoding)
    (sequence,), _ = walk(whole, encoding)
    found = list(items(whole, sequence, encoding))
    assert [whole[one.value : one.stop] for one in found] == [inner, inner]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xfe\xff", "the data end inside a sequence"),
        (ID, "a sequence holds something that is no item"),
        (b"\xfe\xff\x00\xe0\x0c\0\0\0", "an item is longer than its sequence"),
    ],
)
def test_a_sequence_of_defined_length_that_holds_no_items_is_refused(content: bytes, reason: str) -> None:
    whole = b"\x10\x00\x02\x10SQ\0\0" + struct.pack("<I", len(content)) + content + ID * 4
    (sequence, *_), _ = walk(whole, EXPLICIT_LITTLE, ordered=False)
    with pytest.raises(Unreadable, match=reason):
        list(items(whole, sequence, EXPLICIT_LITTLE))


@pytest.mark.parametrize(
    ("vr", "value", "padded"),
    [("LO", b"a", b"a "), ("UI", b"1", b"1\0"), ("OB", b"x", b"x\0"), ("UT", b"y", b"y ")],
)
def test_our_elements_are_padded_as_their_vr_asks(vr: str, value: bytes, padded: bytes) -> None:
    for encoding in (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG):
        whole = encode(0x00100020, vr, value, encoding)
        (found,), end = walk(whole, encoding)
        assert (whole[found.value : found.end], end) == (padded, len(whole))


def _all_doors(data: bytes, target: Target, plan: TagPlan) -> None:
    """Every entry either works or refuses; nothing else may come out, and soon."""
    started = time.monotonic()
    for call in (read_header, empty_nirs, lambda one: coerce(one, target, plan)):
        with contextlib.suppress(Unreadable):
            call(data)
    assert time.monotonic() - started < 5


@settings(deadline=None)
@given(cut=st.integers(0, 39206))
def test_truncation_is_refused_or_harmless(cut: int, ct: bytes, target: Target, plan: TagPlan) -> None:
    _all_doors(ct[:cut], target, plan)


@settings(deadline=None)
@given(at=st.integers(132, 39205), byte=st.integers(0, 255))
def test_a_flipped_byte_is_refused_or_harmless(
    at: int, byte: int, ct: bytes, target: Target, plan: TagPlan
) -> None:
    _all_doors(ct[:at] + bytes([byte]) + ct[at + 1 :], target, plan)


@settings(deadline=None)
@given(
    noise=st.binary(max_size=400), syntax=st.sampled_from(["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", None])
)
def test_noise_is_refused_or_harmless(
    noise: bytes, syntax: str | None, target: Target, plan: TagPlan
) -> None:
    for data in (noise, ID + noise, SQ + OPEN_ITEM + noise):
        with contextlib.suppress(Unreadable):
            coerce(data, target, plan, transfer_syntax=syntax)


def test_deep_nesting_and_absurd_lengths_are_refused_at_once(
    made: Callable[..., bytes], target: Target, plan: TagPlan
) -> None:
    good = made()
    at = good.index(b"\x10\x00\x20\x00LO")
    for bad in (
        (SQ + OPEN_ITEM) * 100_000,
        (UN + OPEN_ITEM) * 100_000,
        b"\x09\x00\x10\x10UN\0\0\0\0\0\x80",  # 2 GB declared
        b"\x09\x00\x10\x10OB\0\0\xfe\xff\xff\xff",
    ):
        _all_doors(good[:at] + bad, target, plan)
        with pytest.raises(Unreadable):
            read_header(good[:at] + bad)
