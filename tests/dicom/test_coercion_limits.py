"""What coercion removes, tells and refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mpi.dicom.coercion import coerce
from mpi.dicom.elements import EXPLICIT_LITTLE, Unreadable, encode
from mpi.dicom.nir import empty_nirs
from mpi.dicom.objects import open_object
from mpi.dicom.splice import splice
from mpi.dicom.target import QualifiedId, TagPlan, Target
from tests.dicom.reading import nir, read, recorded

Made = Callable[..., bytes]


def test_stale_group_lengths_go_and_others_stay(made: Made, target: Target, plan: TagPlan) -> None:
    lengths = (0x00080000, 0x00080001, 0x00100000, 0x00200000)
    added = {tag: encode(tag, "UL", b"\x07\0\0\0", EXPLICIT_LITTLE) for tag in lengths}
    data = b"".join(splice(open_object(made()), added))
    after = open_object(coerce(data, target, plan).tobytes())
    assert [tag for tag in lengths if tag in after.elements] == [0x00200000]


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"ContentSequence": Sequence()}, "the identity inside the document was not changed"),
        ({"BurnedInAnnotation": "YES"}, "text burned into the pixels was not changed"),
        (
            {"ReferencedPatientSequence": [Dataset(), Dataset()]},
            "the object speaks of several patients: only its top level was changed",
        ),
    ],
)
def test_what_a_header_change_cannot_reach_is_told(
    values: dict[str, Any], note: str, made: Made, target: Target, plan: TagPlan
) -> None:
    assert note in coerce(made(**values), target, plan).notes
    assert coerce(made(), target, plan).notes == ()


def test_emptied_attributes_are_listed_with_zero_length(made: Made, target: Target, plan: TagPlan) -> None:
    def private(dataset: Dataset) -> None:
        block = dataset.private_block(0x0009, "ACME", create=True)
        block.add_new(0x01, "LO", nir())

    emptied = empty_nirs(made(PatientComments=f"NIR {nir()}", edit=private))
    after = read(coerce(emptied.data, target, plan, emptied=emptied.tags).tobytes())
    before = recorded(after)
    assert (before[0x0009, 0x0010].value, before[0x0009, 0x1001].value) == ("ACME", "")
    assert "PatientComments" in before
    assert not before.PatientComments
    assert nir().encode() not in coerce(emptied.data, target, plan, emptied=emptied.tags).tobytes()


def test_an_emptied_attribute_alone_is_reason_enough_for_an_item(
    made: Made, target: Target, plan: TagPlan
) -> None:
    ours = coerce(made(), target, plan).tobytes()
    result = coerce(ours, target, plan, emptied=(0x00104000,))
    assert len(read(result.tobytes()).OriginalAttributesSequence) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patient_id": QualifiedId(value="E 1", label="MPI")}, "letters and digits"),
        ({"patient_id": QualifiedId(value="E1", label="M\\PI")}, "issuer label"),
        ({"patient_id": QualifiedId(value="E1")}, "issuer label"),
        ({"at": datetime(2026, 11, 24)}, "offset from UTC"),  # noqa: DTZ001
    ],
)
def test_a_target_that_no_element_can_hold_is_refused(
    change: dict[str, Any], message: str, made: Made, target: Target, plan: TagPlan
) -> None:
    with pytest.raises(ValueError, match=message):
        coerce(made(), replace(target, **change), plan)


def test_an_identifying_value_of_absurd_length_is_refused(made: Made, target: Target, plan: TagPlan) -> None:
    def long_name(dataset: Dataset) -> None:
        dataset.add_new(0x00100020, "UT", "x" * 70_000)

    with pytest.raises(Unreadable, match="longer than 65536 bytes"):
        coerce(made(PatientID=None, edit=long_name), target, plan)
