"""`POST /v1/dicom/coerce`: an archive asks what one study should carry."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from mpi.settings import ArchiveSettings
from tests.doors.doorway import ANNE, AUTHORITIES, Doorway

STUDY = "1.2.840.99.50"


def data_set(**changes: Any) -> dict[str, Any]:
    """Patient and study level of one object of authority A; `changes` by keyword, None removes."""
    told: dict[str, Any] = {
        "StudyInstanceUID": STUDY,
        "PatientID": "0042",
        "IssuerOfPatientID": "HOPITAL-A",
        "PatientName": "MARTIN^ANNE MARIE",
        "PatientBirthDate": "19580228",
        "PatientSex": "F",
        "Modality": "CT",
        **changes,
    }
    return {TAGS[name][0]: element(name, value) for name, value in told.items() if value is not None}


TAGS = {
    "SOPClassUID": ("00080016", "UI"),
    "StudyInstanceUID": ("0020000D", "UI"),
    "PatientID": ("00100020", "LO"),
    "IssuerOfPatientID": ("00100021", "LO"),
    "PatientName": ("00100010", "PN"),
    "PatientBirthDate": ("00100030", "DA"),
    "PatientSex": ("00100040", "CS"),
    "Modality": ("00080060", "CS"),
}


def element(name: str, value: Any) -> dict[str, Any]:
    """One element of the DICOM JSON model."""
    return {"vr": TAGS[name][1], "Value": [{"Alphabetic": value} if name == "PatientName" else value]}


def ask(door: Doorway, elements: Any, caller: str = "sender-a", **query: str) -> Any:
    """The whole answer."""
    return door.client(caller).post(
        "/v1/dicom/coerce",
        content=json.dumps(elements),  # escapes what UTF-8 cannot carry
        params=query,
        headers={"Content-Type": "application/dicom+json"},
    )


def value(elements: dict[str, Any], tag: str) -> Any:
    """The first value of an element."""
    return elements[tag]["Value"][0]


def test_a_study_gets_our_identifier_and_keeps_what_was_there_in_an_original_attributes_item(
    door: Doorway,
) -> None:
    answer = ask(door, data_set(), archive="main", calling_ae="SCANNER_A").json()
    assert (answer["action"], answer["outcome"], answer["provisional"]) == ("coerce", "new", False)
    coerced, original = answer["coerced"], answer["original_attributes"]
    assert value(coerced, "00100020") == answer["identity_id"]
    assert value(coerced, "00100021") == door.settings.issuer_label
    assert value(value(coerced, "00100024"), "00400032") == door.settings.issuer_oid
    assert [value(item, "00100020") for item in coerced["00101002"]["Value"]] == [
        answer["identity_id"],
        "0042",
    ]
    assert value(value(original, "04000550"), "00100020") == "0042"
    assert value(value(original, "04000550"), "00100021") == "HOPITAL-A"
    assert value(original, "04000564") == "SCANNER_A"
    assert value(original, "04000565") == "COERCE"
    assert value(coerced, "00080015") == value(original, "04000562")
    assert value(coerced, "00080015")[:8] == answer["at"][:10].replace("-", "")


def test_the_same_request_gets_the_same_answer_with_the_same_time(door: Doorway) -> None:
    first = ask(door, data_set())
    again = ask(door, data_set())
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    read = door.client("sender-a").get(f"/v1/studies/{STUDY}").json()
    assert read["identity_id"] == first.json()["identity_id"]
    assert (read["modality"], read["local_id"]) == ("CT", "0042")


def test_a_study_that_already_bears_the_survivor_passes(door: Doorway) -> None:
    first = ask(door, data_set()).json()
    coerced = {
        **data_set(),
        **first["coerced"],
        "04000561": {"vr": "SQ", "Value": [first["original_attributes"]]},
    }
    answer = ask(door, coerced)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["action"], answer.json()["coerced"]) == ("pass", {})
    assert answer.json()["identity_id"] == first["identity_id"]


def test_a_study_told_with_another_patient_is_a_conflict_and_stays_where_it_was(door: Doorway) -> None:
    first = ask(door, data_set()).json()
    other = data_set(
        PatientID="0077", PatientName="KERVADEC^JEAN", PatientBirthDate="19710913", PatientSex="M"
    )
    answer = ask(door, other)
    assert (answer.status_code, answer.json()["action"]) == (409, "conflict")
    assert "0077" not in answer.text
    assert door.client("reader").get(f"/v1/studies/{STUDY}").json()["identity_id"] == first["identity_id"]


def test_an_identifier_of_ours_that_nobody_knows_is_held(door: Doorway) -> None:
    stranger = data_set(PatientID="E4N7Q2WBH6T0M10", IssuerOfPatientID=door.settings.issuer_label)
    stranger["00100024"] = {
        "vr": "SQ",
        "Value": [{"00400032": {"vr": "UT", "Value": [door.settings.issuer_oid]}}],
    }
    answer = ask(door, stranger)
    assert (answer.status_code, answer.json()["action"]) == (409, "hold")


@pytest.mark.parametrize(
    ("archive", "action", "tags"),
    [
        ("main", "coerce", {"00100020", "00100021", "00100024", "00101002", "00080015"}),
        ("annotate", "coerce", {"00101002", "00080015"}),
        ("pass", "pass", set()),
        ("plain", "coerce", {"00100020", "00100021", "00080015"}),
    ],
)
def test_each_archive_has_its_own_tag_plan(
    open_door: Callable[..., Doorway], archive: str, action: str, tags: set[str]
) -> None:
    door = open_door(
        archives={
            "main": ArchiveSettings(),
            "annotate": ArchiveSettings(mode="annotate"),
            "pass": ArchiveSettings(mode="pass"),
            "plain": ArchiveSettings(other_ids="off", write_qualifiers=False),
        }
    )
    answer = ask(door, data_set(), archive=archive).json()
    assert (answer["action"], set(answer["coerced"])) == (action, tags)
    assert answer["identity_id"]  # the index learns the ids in every mode


@pytest.mark.parametrize("patient_id", ["", None, "UNKNOWN", "000000"])
def test_a_patient_without_an_id_is_one_provisional_identity_a_study(
    door: Doorway, patient_id: str | None
) -> None:
    answers = [
        ask(door, data_set(PatientID=patient_id, StudyInstanceUID=uid)).json()
        for uid in (STUDY, f"{STUDY}.1", STUDY)
    ]
    assert all(one["provisional"] for one in answers)
    assert answers[0]["identity_id"] == answers[2]["identity_id"] != answers[1]["identity_id"]


def test_an_id_without_issuer_belongs_to_the_caller_s_only_authority(door: Doorway) -> None:
    told = door.identify("sender-a", "0042", ANNE)
    answer = ask(door, data_set(IssuerOfPatientID=None)).json()
    assert answer["identity_id"] == told["identity_id"]


def test_a_declared_calling_ae_narrows_what_the_caller_says(door: Doorway) -> None:
    told = door.identify("sender-b", "0042", ANNE)
    by_scanner = ask(door, data_set(IssuerOfPatientID=None), "both", calling_ae="SCANNER_B").json()
    assert by_scanner["identity_id"] == told["identity_id"]
    other = data_set(StudyInstanceUID=f"{STUDY}.2")
    assert ask(door, other, "both", calling_ae="SCANNER_B").status_code == 403
    assert ask(door, other, "sender-a", calling_ae="SCANNER_B").status_code == 403


def test_a_sender_may_not_speak_for_another_s_authority(door: Doorway) -> None:
    for issuer in ("HOPITAL-B", AUTHORITIES["HOPITAL-B"]):
        glued = data_set(PatientID=f"0042^^^{issuer}&{AUTHORITIES['HOPITAL-B']}&ISO", IssuerOfPatientID=None)
        assert ask(door, glued).status_code == 403
    assert ask(door, data_set(IssuerOfPatientID="HOPITAL-B")).status_code == 403


def test_an_object_without_a_patient_passes(shared_door: Doorway) -> None:
    palette = "1.2.840.10008.5.1.4.39.1"
    answer = ask(shared_door, {"00080016": {"vr": "UI", "Value": [palette]}}).json()
    assert answer == {"action": "pass", "coerced": {}, "original_attributes": {}}


BROKEN = [
    (data_set(StudyInstanceUID=None), "study_instance_uid", "required"),
    (data_set(StudyInstanceUID="1.2.x"), "study_instance_uid", "required"),
    (data_set(PatientID="00\x0042"), "patient_id", "control-character"),
    (data_set(PatientName="A" * 1001), "name", "too-long"),
    (data_set(PatientName="\ud800"), "name", "not-unicode"),
    ([data_set()], "(body)", "object-expected"),
]


@pytest.mark.parametrize(("elements", "field", "rule"), BROKEN, ids=[f"{one[1]}:{one[2]}" for one in BROKEN])
def test_what_breaks_a_rule_is_refused(shared_door: Doorway, elements: Any, field: str, rule: str) -> None:
    answer = ask(shared_door, elements)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"] == [{"field": field, "rule": rule}]


@pytest.mark.parametrize(
    "nonsense",
    [
        {"00100020": "0042"},
        {"00100020": {"Value": "0042"}},
        {"00100020": {"Value": [None]}},
        {"00100020": {"Value": [{"a": 1}]}},
        {"00100020": {"Value": [[["0042"]]]}},
        {"00100010": {"Value": ["MARTIN"]}},
        {"00100024": {"Value": [1]}},
        {"00101002": {"Value": {"00100020": 1}}},
        {"04000561": {"Value": [{"04000550": {"Value": ["x"]}}]}},
        {"nonsense": {"vr": 12}},
    ],
)
def test_values_of_a_wrong_shape_count_as_empty(shared_door: Doorway, nonsense: dict[str, Any]) -> None:
    answer = ask(shared_door, {**deepcopy(data_set()), **nonsense})
    assert answer.status_code in (200, 409, 422), answer.text  # 409: another patient in the same study


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"archive": "elsewhere"}, "archive"),
        ({"calling_ae": "A" * 17}, "calling_ae"),
        ({"calling_ae": "A B"}, "calling_ae"),
    ],
)
def test_the_query_is_checked(shared_door: Doorway, query: dict[str, str], field: str) -> None:
    answer = ask(shared_door, data_set(), **query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
