"""The tag plan row by row: what is written, what is left, what is told in Original Attributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mpi.dicom import tags
from mpi.dicom.coercion import Held, coerce
from mpi.dicom.elements import EXPLICIT_LITTLE, encode
from mpi.dicom.objects import open_object
from mpi.dicom.splice import splice
from mpi.dicom.target import QualifiedId, TagPlan, Target
from tests.dicom.reading import nir, read, recorded

Made = Callable[..., bytes]
IMPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"


def _ids(dataset: Dataset) -> list[str]:
    return [item.PatientID for item in dataset.get("OtherPatientIDsSequence", [])]


def _item(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        pytest.param(TagPlan(), ("E4N7Q2WBH6T0M10", "MPI", True, False, 2), id="default"),
        pytest.param(
            TagPlan(write_qualifiers=False), ("E4N7Q2WBH6T0M10", "MPI", False, False, 2), id="no qualifiers"
        ),
        pytest.param(TagPlan(write_id_type=True), ("E4N7Q2WBH6T0M10", "MPI", True, True, 2), id="id type"),
        pytest.param(TagPlan(other_ids="one"), ("E4N7Q2WBH6T0M10", "MPI", True, False, 1), id="one other id"),
        pytest.param(TagPlan(other_ids="off"), ("E4N7Q2WBH6T0M10", "MPI", True, False, 0), id="no other ids"),
        pytest.param(TagPlan(mode="annotate"), ("0042", None, False, False, 2), id="annotate"),
        pytest.param(
            TagPlan(mode="annotate", other_ids="one"), ("0042", None, False, False, 1), id="annotate one"
        ),
    ],
)
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", IMPLICIT, BIG])
def test_each_switch_writes_what_it_says(
    plan: TagPlan, expected: tuple[Any, ...], syntax: str, made: Made, target: Target
) -> None:
    result = coerce(made(syntax=syntax), target, plan)
    after = read(result.tobytes())
    assert (
        after.PatientID,
        after.get("IssuerOfPatientID"),
        "IssuerOfPatientIDQualifiersSequence" in after,
        "TypeOfPatientID" in after,
        len(_ids(after)),
    ) == expected
    assert after.InstanceCoercionDateTime == "20261124080000.123456+0000"
    assert {change.tag for change in result.changes} == {
        tag
        for tag in open_object(result.tobytes()).elements
        if tag not in open_object(made(syntax=syntax)).elements
    } | ({tags.PATIENT_ID} if plan.mode == "coerce" else set())


def test_annotate_without_a_list_leaves_the_object_alone(made: Made, target: Target) -> None:
    data = made()
    result = coerce(data, target, TagPlan(mode="annotate", other_ids="off"))
    assert (result.via, result.tobytes()) == ("untouched", data)


def test_one_other_id_is_the_received_one_unless_the_patient_id_shows_it(made: Made, target: Target) -> None:
    coerced = read(coerce(made(), target, TagPlan(other_ids="one")).tobytes())
    annotated = read(coerce(made(), target, TagPlan(mode="annotate", other_ids="one")).tobytes())
    assert (_ids(coerced), _ids(annotated)) == (["0042"], ["E4N7Q2WBH6T0M10"])


@pytest.mark.parametrize(
    ("mode", "values", "note"),
    [
        ("pass", {}, "the route passes objects unmodified"),
        ("coerce", {"SOPClassUID": "1.2.840.10008.5.1.4.38.1"}, "an object of this class has no patient"),
    ],
)
def test_routes_that_pass_and_objects_without_patient_are_left_alone(
    mode: Any, values: dict[str, Any], note: str, made: Made, target: Target
) -> None:
    data = made(**values)
    result = coerce(data, target, TagPlan(mode=mode))
    assert (result.via, result.tobytes(), result.notes) == ("untouched", data, (note,))


def test_the_record_tells_old_values_and_lists_what_was_absent(
    made: Made, target: Target, plan: TagPlan
) -> None:
    result = coerce(made(IssuerOfPatientID="OLD", InstanceCoercionDateTime="20200101"), target, plan)
    after = read(result.tobytes())
    item, before = after.OriginalAttributesSequence[0], recorded(after)
    assert {one.keyword: one.value for one in before} == {
        "InstanceCoercionDateTime": "20200101",
        "PatientID": "0042",
        "IssuerOfPatientID": "OLD",
        "IssuerOfPatientIDQualifiersSequence": [],
        "OtherPatientIDsSequence": [],
    }
    assert (item.ModifyingSystem, item.SourceOfPreviousValues) == ("MPI@local/0.1.0", "CT1")
    assert item.AttributeModificationDateTime == after.InstanceCoercionDateTime
    told = {change.keyword: (change.before, change.after) for change in result.changes}
    assert told["PatientID"] == ("0042", "E4N7Q2WBH6T0M10")
    assert told["IssuerOfPatientIDQualifiersSequence"] == (None, "E4N7Q2WBH6T0M10^^^MPI&2.25.3298&ISO")
    assert told["OtherPatientIDsSequence"] == (
        None,
        "E4N7Q2WBH6T0M10^^^MPI&2.25.3298&ISO; 0042^^^HOSP&1.2.3.4&ISO",
    )
    assert told["OriginalAttributesSequence"] == (None, "one item more")


def test_a_merge_rewrites_to_the_survivor_with_a_second_item(
    made: Made, target: Target, plan: TagPlan
) -> None:
    first = coerce(made(), target, plan).tobytes()
    merged = replace(target, patient_id=replace(target.patient_id, value="E1"), reason="CORRECT")
    result = coerce(first, merged, plan)
    after = read(result.tobytes())
    assert [one.ReasonForTheAttributeModification for one in after.OriginalAttributesSequence] == [
        "COERCE",
        "CORRECT",
    ]
    assert recorded(after).PatientID == "E4N7Q2WBH6T0M10"
    assert _ids(after) == ["E1", "0042", "E4N7Q2WBH6T0M10"]
    told = {change.keyword: change.before for change in result.changes}
    assert told["OtherPatientIDsSequence"] == "E4N7Q2WBH6T0M10^^^MPI&2.25.3298&ISO; 0042^^^HOSP&1.2.3.4&ISO"
    assert told["OriginalAttributesSequence"] == "1 items"


@pytest.mark.parametrize(
    ("issuer", "universal_id", "touched"),
    [
        pytest.param("MPI", None, False, id="our label, an archive dropped the qualifiers"),
        pytest.param("X", "2.25.3298", False, id="our OID, whatever the label"),
        pytest.param("MPI", "9.9", True, id="our label under another's OID is another's id"),
        pytest.param("HOSP", None, True, id="the same id of another issuer"),
        pytest.param(None, None, True, id="no issuer at all"),
    ],
)
def test_our_own_objects_pass_byte_identical(
    issuer: str | None, universal_id: str | None, touched: bool, made: Made, target: Target, plan: TagPlan
) -> None:
    qualifiers = (
        [_item(UniversalEntityID=universal_id, UniversalEntityIDType="ISO")] if universal_id else None
    )
    data = made(
        PatientID="E4N7Q2WBH6T0M10", IssuerOfPatientID=issuer, IssuerOfPatientIDQualifiersSequence=qualifiers
    )
    result = coerce(data, target, plan)
    assert (result.via != "untouched") is touched
    assert (result.tobytes() == data) is not touched


def test_a_value_that_differs_by_padding_alone_is_not_touched(
    made: Made, target: Target, plan: TagPlan
) -> None:
    issuer = encode(tags.ISSUER_OF_PATIENT_ID, "LO", b"MPI\0", EXPLICIT_LITTLE)
    data = b"".join(splice(open_object(made()), {tags.ISSUER_OF_PATIENT_ID: issuer}))
    result = coerce(data, target, plan)
    assert open_object(result.tobytes()).whole(tags.ISSUER_OF_PATIENT_ID) == issuer
    assert "IssuerOfPatientID" not in [change.keyword for change in result.changes]


def test_an_old_qualifier_never_stays_beside_a_new_id(made: Made, target: Target) -> None:
    old = [_item(UniversalEntityID="9.9", UniversalEntityIDType="ISO")]
    result = coerce(made(IssuerOfPatientIDQualifiersSequence=old), target, TagPlan(write_qualifiers=False))
    after = read(result.tobytes())
    assert "IssuerOfPatientIDQualifiersSequence" not in after
    assert recorded(after).IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "9.9"
    assert ("IssuerOfPatientIDQualifiersSequence", "9.9", None) in [
        (change.keyword, change.before, change.after) for change in result.changes
    ]


def test_an_empty_old_qualifier_sequence_is_told_as_empty(made: Made, target: Target, plan: TagPlan) -> None:
    result = coerce(made(IssuerOfPatientIDQualifiersSequence=Sequence()), target, plan)
    assert [change.before for change in result.changes if change.tag == 0x00100024] == [""]


def test_a_present_type_of_id_is_set_to_text(made: Made, target: Target, plan: TagPlan) -> None:
    after = read(coerce(made(TypeOfPatientID="RFID"), target, plan).tobytes())
    assert (after.TypeOfPatientID, recorded(after).TypeOfPatientID) == ("TEXT", "RFID")


@pytest.mark.parametrize(("drop", "kept"), [(True, False), (False, True)])
def test_retired_ids_go_only_when_the_plan_says_so(
    drop: bool, kept: bool, made: Made, target: Target
) -> None:
    result = coerce(made(OtherPatientIDs=["A1", "A2"]), target, TagPlan(drop_retired_ids=drop))
    after = read(result.tobytes())
    assert ("OtherPatientIDs" in after) is kept
    assert ("OtherPatientIDs" in recorded(after)) is drop
    assert ("A1\\A2" in [change.before for change in result.changes]) is drop


def test_what_was_listed_stays_once_and_in_order(made: Made, target: Target, plan: TagPlan) -> None:
    there = [
        _item(PatientID="0042", IssuerOfPatientID="HOSP", IssuerOfPatientIDQualifiersSequence=[
            _item(UniversalEntityID="1.2.3.4", UniversalEntityIDType="ISO")]),
        _item(PatientID="0042", IssuerOfPatientID="OTHER"),
        _item(IssuerOfPatientID="an item without an id"),
        _item(PatientID="X7"),
    ]  # fmt: skip
    many = replace(target, other_ids=(QualifiedId(value="X1PA", label="XSI-1"),))
    after = read(coerce(made(OtherPatientIDsSequence=there), many, plan).tobytes())
    assert [item.get("PatientID") for item in after.OtherPatientIDsSequence] == [
        "E4N7Q2WBH6T0M10",
        "0042",
        "X1PA",
        "0042",
        None,
        "X7",
    ]


def test_other_ids_hold_sixteen_items_at_most(made: Made, target: Target, plan: TagPlan) -> None:
    there = [_item(PatientID=f"A{number}") for number in range(20)]
    result = coerce(made(OtherPatientIDsSequence=there), target, plan)
    after = read(result.tobytes())
    assert (len(_ids(after)), _ids(after)[-1]) == (16, "A13")
    assert len(recorded(after).OtherPatientIDsSequence) == 20
    assert any("16 items" in note for note in result.notes)


@pytest.mark.parametrize(
    "never",
    [
        QualifiedId(value="1", oid="1.2.250.1.213.1.4.8"),
        QualifiedId(value=nir(), label="HOSP"),
        QualifiedId(value="A\\B", label="HOSP"),
        QualifiedId(value="A" * 65),
        QualifiedId(value="7", label="山田"),
    ],
    ids=["INS by OID", "NIR by form", "backslash", "too long", "label outside the character set"],
)
def test_what_must_not_or_cannot_stand_in_other_ids_is_left_out(
    never: QualifiedId, made: Made, target: Target, plan: TagPlan
) -> None:
    result = coerce(made(), replace(target, other_ids=(never,)), plan)
    assert _ids(read(result.tobytes())) == ["E4N7Q2WBH6T0M10", "0042"]
    assert "an id that cannot stand in Other Patient IDs was left out" in result.notes


def test_when_nothing_may_be_listed_the_element_stays_as_it_is(made: Made, target: Target) -> None:
    odd = replace(target, received=QualifiedId(value="A\\B"))
    assert _ids(read(coerce(made(), odd, TagPlan(other_ids="one")).tobytes())) == []


def test_a_received_id_without_issuer_is_listed_alone(made: Made, target: Target, plan: TagPlan) -> None:
    result = coerce(made(), replace(target, received=QualifiedId(value="0042")), plan)
    listed = read(result.tobytes()).OtherPatientIDsSequence[1]
    assert [one.keyword for one in listed] == ["PatientID", "TypeOfPatientID"]
    assert any((change.after or "").endswith("; 0042") for change in result.changes)


def test_an_empty_received_id_is_not_listed(made: Made, target: Target, plan: TagPlan) -> None:
    nobody = replace(target, received=QualifiedId(value=""))
    for extent in ("full", "one"):
        after = read(coerce(made(PatientID=""), nobody, replace(plan, other_ids=extent)).tobytes())
        assert _ids(after) == ["E4N7Q2WBH6T0M10"]


@pytest.mark.parametrize(
    ("birth_date", "sex", "written"),
    [
        ("1958-02-27", "F", ("19580227", "F")),
        ("19580227", "I", ("19580227", "O")),
        ("1958", None, ("19580228", "M")),
        ("1958-02-00", "U", ("19580228", "M")),
        (None, None, ("19580228", "M")),
        ("1958-02-28", "M", ("19580228", "M")),
    ],
)
def test_golden_date_and_sex_are_full_or_left(
    birth_date: str | None, sex: str | None, written: tuple[str, str], made: Made, target: Target
) -> None:
    told = replace(target, birth_date=birth_date, sex=sex)
    after = read(coerce(made(), told, TagPlan(golden_dob_sex=True)).tobytes())
    assert (after.PatientBirthDate, after.PatientSex) == written
    off = read(coerce(made(), told, TagPlan()).tobytes())
    assert (off.PatientBirthDate, off.PatientSex) == ("19580228", "M")


def test_a_changed_golden_date_alone_is_written_into_our_own_object(made: Made, target: Target) -> None:
    plan = TagPlan(golden_dob_sex=True)
    first = coerce(made(), target, plan).tobytes()
    result = coerce(first, replace(target, birth_date="19580227"), plan)
    assert [change.keyword for change in result.changes] == ["PatientBirthDate", "OriginalAttributesSequence"]
    assert len(read(result.tobytes()).OriginalAttributesSequence) == 2


@pytest.mark.parametrize("policy", ["strip", "hold", "pass"])
def test_each_signature_policy_does_what_it_says(policy: Any, made: Made, target: Target) -> None:
    data = made(
        MACParametersSequence=[_item(MACIDNumber=0, DataElementsSigned=[0x00100020])],
        DigitalSignaturesSequence=[_item(MACIDNumber=0, Signature=b"ab")],
    )
    plan = TagPlan(signature_policy=policy)
    if policy == "hold":
        with pytest.raises(Held) as held:
            coerce(data, target, plan)
        assert held.value.reason == "a digital signature would break"
        return
    result = coerce(data, target, plan)
    after = read(result.tobytes())
    assert ("DigitalSignaturesSequence" in after) is (policy == "pass")
    assert (result.via == "untouched") is (policy == "pass")
    if policy == "strip":
        assert recorded(after).DigitalSignaturesSequence == []
