"""The Original Attributes item at the level of bytes, and the way back from it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pydicom
import pytest
from pydicom.dataset import Dataset

from mpi.dicom import tags
from mpi.dicom.coercion import coerce
from mpi.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Element,
    Encoding,
    Unreadable,
    encode,
    encode_item,
    items,
)
from mpi.dicom.objects import open_object
from mpi.dicom.original import _check, appended, date_time
from mpi.dicom.restore import restore
from mpi.dicom.splice import check, splice
from mpi.dicom.target import TagPlan, Target

Made = Callable[..., bytes]
SYNTAXES = {
    "1.2.840.10008.1.2.1": EXPLICIT_LITTLE,
    "1.2.840.10008.1.2": IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.2": EXPLICIT_BIG,
}


def _open_sequence(tag: int, content: bytes, encoding: Encoding) -> bytes:
    """A sequence of undefined length."""
    head = encode(tag, "SQ", b"", encoding)[:-4]
    end = encoding.plain.pack(0xFFFE, 0xE0DD, 0)
    return head + encoding.long.pack(0xFFFFFFFF) + content + end


def _old_items(encoding: Encoding, *, last_nested_open: bool) -> bytes:
    """Two items, the last of which may end in a sequence of undefined length."""
    modified = encode_item(encode(tags.PATIENT_ID, "LO", b"A1", encoding), encoding)
    first = encode_item(encode(tags.MODIFIED, "SQ", modified, encoding), encoding)
    last = _open_sequence(tags.MODIFIED, modified, encoding) if last_nested_open else first
    return first + encode_item(last, encoding) if last_nested_open else first + first


def _spans(data: bytes) -> list[bytes]:
    opened = open_object(data)
    sequence = opened.elements[tags.ORIGINAL_ATTRIBUTES]
    return [bytes(opened.body[one.start : one.end]) for one in items(opened.body, sequence, opened.encoding)]


@pytest.mark.parametrize("open_end", [False, True], ids=["defined length", "undefined length"])
@pytest.mark.parametrize("nested", [False, True], ids=["plain items", "last item ends in an open sequence"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_item_is_appended_by_the_length_field_not_by_what_the_bytes_look_like(
    open_end: bool, nested: bool, syntax: str, made: Made, target: Target, plan: TagPlan
) -> None:
    """A defined-length sequence whose last bytes are an inner delimiter must not be taken for an open one."""
    encoding = SYNTAXES[syntax]
    content = _old_items(encoding, last_nested_open=nested)
    old = (
        _open_sequence(tags.ORIGINAL_ATTRIBUTES, content, encoding)
        if open_end
        else encode(tags.ORIGINAL_ATTRIBUTES, "SQ", content, encoding)
    )
    data = b"".join(splice(open_object(made(syntax=syntax)), {tags.ORIGINAL_ATTRIBUTES: old}))
    result = coerce(data, target, plan)
    after = result.tobytes()
    assert _spans(after)[:-1] == _spans(data)
    assert len(_spans(after)) == 3
    assert open_object(after).elements[tags.ORIGINAL_ATTRIBUTES].undefined is open_end
    assert len(pydicom.dcmread(io.BytesIO(after)).OriginalAttributesSequence) == 3
    assert b"".join(restore(after, result.changes)) == data


def test_an_old_sequence_of_unknown_vr_stays_one(made: Made, target: Target, plan: TagPlan) -> None:
    """An archive that did not know the attribute turned implicit into UN; its items stay implicit."""
    content = _old_items(IMPLICIT_LITTLE, last_nested_open=False)
    old = encode(tags.ORIGINAL_ATTRIBUTES, "UN", content, EXPLICIT_LITTLE)
    there = encode_item(encode(tags.PATIENT_ID, "LO", b"A1", IMPLICIT_LITTLE), IMPLICIT_LITTLE)
    listed = encode(tags.OTHER_PATIENT_IDS, "UN", there, EXPLICIT_LITTLE)
    qualifier = encode_item(encode(0x00400032, "UT", b"9.9", EXPLICIT_LITTLE), EXPLICIT_LITTLE)
    qualifiers = encode(0x00100024, "SQ", qualifier, EXPLICIT_LITTLE)
    data = b"".join(
        splice(
            open_object(made()),
            {
                tags.ORIGINAL_ATTRIBUTES: old,
                tags.OTHER_PATIENT_IDS: listed,
                tags.ISSUER_OF_PATIENT_ID_QUALIFIERS: qualifiers,
            },
        )
    )
    result = coerce(data, target, plan)
    after = pydicom.dcmread(io.BytesIO(result.tobytes()))
    assert _spans(result.tobytes())[:-1] == _spans(data)
    assert after[0x0400, 0x0561].VR == "SQ"  # pydicom reads the UN by its dictionary
    before = after.OriginalAttributesSequence[-1].ModifiedAttributesSequence[0]
    assert before.PatientID == "0042"
    assert before.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "9.9"
    assert [one.PatientID for one in after.OtherPatientIDsSequence] == ["E4N7Q2WBH6T0M10", "0042", "A1"]
    with pytest.raises(Unreadable, match="no Original Attributes item"):
        restore(result.tobytes(), result.changes)


def test_big_endian_values_do_not_go_into_a_value_of_unknown_vr(
    made: Made, target: Target, plan: TagPlan
) -> None:
    content = _old_items(IMPLICIT_LITTLE, last_nested_open=False)
    old = encode(tags.ORIGINAL_ATTRIBUTES, "UN", content, EXPLICIT_BIG)
    opened = open_object(made(syntax="1.2.840.10008.1.2.2"))
    data = b"".join(splice(opened, {tags.ORIGINAL_ATTRIBUTES: old}))
    with pytest.raises(Unreadable, match="big endian"):
        coerce(data, target, plan)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    ("tag", "vr", "value", "stands"),
    [
        (tags.PATIENT_ID, "LO", b"12\\34 ", False),
        (tags.PATIENT_ID, "LO", b"x" * 66, False),
        (tags.PATIENT_ID, "LO", b"1\x07", False),
        (tags.PATIENT_ID, "LO", b"0042", True),
        (tags.ISSUER_OF_PATIENT_ID, "LO", b"A\\B ", False),
        (tags.TYPE_OF_PATIENT_ID, "CS", b"rfid", False),
    ],
)
def test_values_that_cannot_stand_in_their_vr_are_kept_as_bytes(
    syntax: str, tag: int, vr: str, value: bytes, stands: bool, made: Made, target: Target, plan: TagPlan
) -> None:
    encoding = SYNTAXES[syntax]
    data = b"".join(splice(open_object(made(syntax=syntax)), {tag: encode(tag, vr, value, encoding)}))
    result = coerce(data, target, plan)
    item = pydicom.dcmread(io.BytesIO(result.tobytes())).OriginalAttributesSequence[0]
    before = item.ModifiedAttributesSequence[0]
    assert bool(before.get_item(tag).value) is stands
    assert ("NonconformingModifiedAttributesSequence" in item) is not stands
    if not stands:
        told = item.NonconformingModifiedAttributesSequence[0]
        assert (told.SelectorAttribute, told.SelectorValueNumber) == (tag, 1)
        assert told.NonconformingDataElementValue == value
    assert b"".join(restore(result.tobytes(), result.changes)) == data


@pytest.mark.parametrize(
    ("charset", "name", "recorded"),
    [
        (b"ISO_IR 100", b"LEFEVRE^JER\xd4ME ", True),
        (b"ISO_IR 100", b"DUPONT^JEAN ", False),
        (b"ISO 2022 IR 6\\ISO 2022 IR 87 ", b"Yamada=\x1b$B;3ED\x1b(B", True),
    ],
)
def test_the_character_set_rides_along_only_when_bytes_need_it(
    charset: bytes, name: bytes, recorded: bool, made: Made, target: Target
) -> None:
    data = b"".join(
        splice(
            open_object(made()),
            {
                tags.SPECIFIC_CHARACTER_SET: encode(
                    tags.SPECIFIC_CHARACTER_SET, "CS", charset, EXPLICIT_LITTLE
                ),
                tags.PATIENT_NAME: encode(tags.PATIENT_NAME, "PN", name, EXPLICIT_LITTLE),
            },
        )
    )
    result = coerce(data, replace(target, name="MARTIN^ANNE"), TagPlan(golden_name=True))
    before = pydicom.dcmread(io.BytesIO(result.tobytes())).OriginalAttributesSequence[0]
    assert ("SpecificCharacterSet" in before.ModifiedAttributesSequence[0]) is recorded


@pytest.mark.parametrize("value", ["LABO", "Hôpital"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_character_set_rides_along_for_text_inside_a_recorded_sequence(
    syntax: str, value: str, made: Made, target: Target, plan: TagPlan
) -> None:
    item = Dataset()
    item.PatientID, item.IssuerOfPatientID = "A1", value
    data = made(syntax=syntax, SpecificCharacterSet="ISO_IR 100", OtherPatientIDsSequence=[item])
    after = pydicom.dcmread(io.BytesIO(coerce(data, target, plan).tobytes()))
    before = after.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert ("SpecificCharacterSet" in before) is (value == "Hôpital")
    assert before.OtherPatientIDsSequence[0].IssuerOfPatientID == value


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_recorded_sequences_nested_beyond_the_cap_are_refused(
    syntax: str, made: Made, target: Target, plan: TagPlan
) -> None:
    encoding = SYNTAXES[syntax]
    content = b""
    for _ in range(3000):
        content = encode(tags.OTHER_PATIENT_IDS, "SQ", encode_item(content, encoding), encoding)
    data = b"".join(splice(open_object(made(syntax=syntax)), {tags.OTHER_PATIENT_IDS: content}))
    if encoding is EXPLICIT_LITTLE:
        old = encode(tags.ORIGINAL_ATTRIBUTES, "UN", b"", encoding)
        with pytest.raises(Unreadable, match="nested deeper than 32"):
            coerce(b"".join(splice(open_object(data), {tags.ORIGINAL_ATTRIBUTES: old})), target, plan)
    charset = encode(tags.SPECIFIC_CHARACTER_SET, "CS", b"ISO_IR 100", encoding)
    with pytest.raises(Unreadable, match="nested deeper than 32"):
        coerce(b"".join(splice(open_object(data), {tags.SPECIFIC_CHARACTER_SET: charset})), target, plan)


def test_an_emptied_private_creator_brings_no_other(made: Made, target: Target, plan: TagPlan) -> None:
    def private(dataset: Dataset) -> None:
        dataset.private_block(0x0009, "ACME", create=True)

    after = pydicom.dcmread(
        io.BytesIO(coerce(made(edit=private), target, plan, emptied=(0x00090010, 0x000B1001)).tobytes())
    )
    before = after.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert [one.tag for one in before if one.tag.is_private] == [0x00090010, 0x000B1001]


def test_the_texts_of_the_item_fit_their_elements(made: Made, target: Target, plan: TagPlan) -> None:
    long = replace(target, system="é" * 80, source="A\\B")
    item = pydicom.dcmread(io.BytesIO(coerce(made(), long, plan).tobytes())).OriginalAttributesSequence[0]
    assert (item.ModifyingSystem, item.SourceOfPreviousValues) == ("?" * 64, "A/B")


def test_a_date_time_has_its_offset(target: Target) -> None:
    assert date_time(target.at) == "20261124080000.123456+0000"


def test_the_item_is_proved_before_it_is_given_out(made: Made, target: Target, plan: TagPlan) -> None:
    data = coerce(made(), target, plan).tobytes()
    opened = open_object(data)
    good = appended(opened, {tags.PATIENT_ID}, target)
    old: Element = opened.elements[tags.ORIGINAL_ATTRIBUTES]
    _check(opened, old, good)
    at = good.index(b"COERCE")
    with pytest.raises(Unreadable, match="do not survive"):
        _check(opened, old, good[:at] + b"XXXXXX" + good[at + 6 :])


@pytest.mark.parametrize(
    ("changes", "edit", "reason"),
    [
        ({tags.SOP_INSTANCE_UID: b""}, lambda head: head, "a coercion never changes a UID"),
        (
            {tags.PATIENT_ID: b""},
            lambda head: [head[0], encode(tags.PATIENT_ID, "LO", b"E2", EXPLICIT_LITTLE)],
            "in order",
        ),
        (
            {tags.PATIENT_ID: encode(tags.PATIENT_ID, "LO", b"E1", EXPLICIT_LITTLE)},
            lambda head: [head[0], encode(tags.PATIENT_ID, "LO", b"E2", EXPLICIT_LITTLE)],
            "in order",
        ),
        (
            {tags.PATIENT_ID: b"\x10\x00\x20\x00LO\x01\x00E"},
            lambda head: head,
            "not regular",
        ),
        (
            {tags.PATIENT_ID: encode(tags.PATIENT_ID, "LO", b"E1", EXPLICIT_LITTLE)},
            lambda head: [bytes(head[0]).replace(b"DUPONT", b"DURAND"), head[1]],
            "in order",
        ),
    ],
)
def test_a_splice_that_does_not_hold_is_not_given_out(
    changes: dict[int, bytes], edit: Callable[[list[bytes]], list[bytes]], reason: str, made: Made
) -> None:
    opened = open_object(made())
    there = opened.elements[tags.PATIENT_ID]
    head = [bytes(opened.body[: there.start]), changes.get(tags.PATIENT_ID, b"")]
    with pytest.raises(Unreadable, match=reason):
        check(opened, changes, list(edit(head)))


def test_a_splice_may_begin_before_the_first_element_and_end_behind_the_last(made: Made) -> None:
    first = encode(0x00080001, "UL", b"\0\0\0\0", EXPLICIT_LITTLE)
    last = encode(0xFFFCFFFC, "OB", b"\0\0", EXPLICIT_LITTLE)
    opened = open_object(made() + bytes(8))
    body = b"".join(splice(opened, {0x00080001: first, 0xFFFCFFFC: last}))[len(opened.prefix) :]
    assert (body[: len(first)], body[-len(last) - 8 :]) == (first, last + bytes(8))
    assert b"".join(splice(opened, {0x00080001: first}))[len(opened.prefix) :].startswith(first)


def test_restoring_refuses_what_the_item_cannot_give_back(made: Made, target: Target, plan: TagPlan) -> None:
    with pytest.raises(Unreadable, match="no Original Attributes item"):
        restore(made(), ())
    item = Dataset()
    item.MACIDNumber = 0
    signed = coerce(made(DigitalSignaturesSequence=[item]), target, plan)
    with pytest.raises(Unreadable, match="does not hold the old value"):
        restore(signed.tobytes(), signed.changes)
