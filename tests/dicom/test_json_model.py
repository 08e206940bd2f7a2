"""The DICOM JSON model gives the same identity and the same coercion as bytes do."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from mpi.dicom.coercion import coerce
from mpi.dicom.header import read_header
from mpi.dicom.json_model import coerced_json, header_from_json
from mpi.dicom.target import QualifiedId, TagPlan, Target

Made = Callable[..., bytes]


def _item(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _json(data: bytes) -> dict[str, Any]:
    return pydicom.dcmread(io.BytesIO(data)).to_json_dict()


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "qualified": {
        "IssuerOfPatientID": "HOSP",
        "IssuerOfPatientIDQualifiersSequence": [
            _item(UniversalEntityID="1.2.3", UniversalEntityIDType="ISO")
        ],
        "OtherPatientIDsSequence": [
            _item(PatientID="A1", IssuerOfPatientID="LAB"),
            _item(IssuerOfPatientID="X"),
        ],
    },
    "empty": {"PatientID": "", "PatientName": "", "PatientSex": ""},
    "absent": {"PatientID": None, "PatientName": None},
    "told twice": {
        "StudyDate": "20261124",
        "StudyTime": "0800",
        "StudyDescription": "THORAX",
        "Modality": "CT",
        "AccessionNumber": "A",
        "InstitutionName": "H",
        "PatientBirthName": "LEFEVRE",
        "InstanceCoercionDateTime": "20200101",
    },
    "groups": {"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう", "SpecificCharacterSet": "ISO_IR 192"},
    "several": {"ReferencedPatientSequence": [_item(), _item()]},
    "no patient": {"SOPClassUID": "1.2.840.10008.5.1.4.38.1"},
}


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_header_is_the_same_as_from_bytes(values: dict[str, Any], made: Made) -> None:
    data = made(**values)
    assert header_from_json(_json(data)) == replace(read_header(data), transfer_syntax="")


def test_a_coerced_object_tells_its_history(made: Made, target: Target, plan: TagPlan) -> None:
    data = coerce(made(), target, plan).tobytes()
    assert header_from_json(_json(data)) == replace(read_header(data), transfer_syntax="")


@pytest.mark.parametrize(
    "plan",
    [
        TagPlan(),
        TagPlan(write_qualifiers=False),
        TagPlan(write_id_type=True),
        TagPlan(other_ids="one"),
        TagPlan(other_ids="off"),
        TagPlan(mode="annotate"),
        TagPlan(mode="annotate", other_ids="one"),
        TagPlan(golden_name=True, golden_dob_sex=True),
    ],
    ids=str,
)
@pytest.mark.parametrize("variant", ["plain", "qualified", "empty", "told twice"])
def test_the_elements_are_those_that_a_splice_would_write(
    plan: TagPlan, variant: str, made: Made, target: Target
) -> None:
    golden = replace(target, name="MARTIN^ANNE", birth_date="1958-02-27", sex="I")
    data = made(**VARIANTS[variant])
    elements, original = coerced_json(golden, plan, header_from_json(_json(data)))
    after = pydicom.dcmread(io.BytesIO(coerce(data, golden, plan).tobytes()))
    got = Dataset.from_json(elements)
    for one in got:
        if one.tag == 0x00101002 and variant == "qualified":
            continue  # an item without an id is known to bytes alone
        if one.tag == 0x00100024 and not one.value:
            assert one.tag not in after
            continue
        assert one == after[one.tag], one.keyword
    told = after.OriginalAttributesSequence[-1]
    item = Dataset.from_json(original)
    assert {one.tag for one in item} == {one.tag for one in told}
    assert {one.tag for one in item.ModifiedAttributesSequence[0]} == {
        one.tag for one in told.ModifiedAttributesSequence[0]
    }
    assert item.ModifiedAttributesSequence[0].get("PatientID", "") == told.ModifiedAttributesSequence[0].get(
        "PatientID", ""
    )


@pytest.mark.parametrize(
    ("plan", "values"),
    [
        (TagPlan(mode="pass"), {}),
        (TagPlan(), {"SOPClassUID": "1.2.840.10008.5.1.4.38.1"}),
        (TagPlan(), {"PatientID": "E4N7Q2WBH6T0M10", "IssuerOfPatientID": "MPI"}),
        (
            TagPlan(),
            {
                "PatientID": "E4N7Q2WBH6T0M10",
                "IssuerOfPatientIDQualifiersSequence": [_item(UniversalEntityID="2.25.3298")],
            },
        ),
        (TagPlan(mode="annotate", other_ids="off"), {}),
        (
            TagPlan(golden_name=True, golden_dob_sex=True),
            {"PatientID": "E4N7Q2WBH6T0M10", "IssuerOfPatientID": "MPI"},
        ),
    ],
)
def test_nothing_to_do_is_nothing(plan: TagPlan, values: dict[str, Any], made: Made, target: Target) -> None:
    same = replace(target, name="dupont^jean", birth_date="19580228", sex="M")
    assert coerced_json(same, plan, header_from_json(_json(made(**values)))) == ({}, {})


def test_an_annotation_that_stands_already_is_not_repeated(made: Made, target: Target) -> None:
    plan = TagPlan(mode="annotate")
    data = coerce(made(), target, plan).tobytes()
    assert coerced_json(target, plan, header_from_json(_json(data))) == ({}, {})


def test_a_social_security_number_is_never_listed(made: Made, target: Target, plan: TagPlan) -> None:
    alone = QualifiedId(value="A1")
    ins = replace(target, other_ids=(QualifiedId(value="7", oid="1.2.250.1.213.1.4.8"), alone))
    elements, _ = coerced_json(ins, plan, header_from_json(_json(made())))
    listed = [one["00100020"]["Value"][0] for one in elements["00101002"]["Value"]]
    assert listed == ["E4N7Q2WBH6T0M10", "0042", "A1"]


def test_no_source_is_an_empty_element(made: Made, target: Target, plan: TagPlan) -> None:
    nobody = replace(target, source="", received=QualifiedId(value=""))
    _, original = coerced_json(nobody, plan, header_from_json(_json(made())))
    assert original["04000564"] == {"vr": "LO"}


@pytest.mark.parametrize(
    "broken",
    [
        {"00100020": "0042"},
        {"00100020": {"vr": "LO", "Value": "0042"}},
        {"00100020": {"vr": "LO", "Value": [{"Alphabetic": "X"}]}},
        {"00101002": {"vr": "SQ", "Value": ["A1", None]}},
        {"00101002": {"vr": "SQ", "Value": 7}},
        {"00100010": {"vr": "PN", "Value": ["DUPONT^JEAN"]}},
        {"00100010": None},
        {},
    ],
)
def test_values_of_a_wrong_shape_count_as_empty(broken: dict[str, Any]) -> None:
    header = header_from_json(broken)
    assert not header.patient_id
    assert header.other_ids == ()
    assert header.name in (None, "DUPONT^JEAN")
