"""Header, identity and traits: what an object says of its patient, and what we make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydicom.dataset import Dataset

from mpi.dicom.coercion import coerce
from mpi.dicom.elements import EXPLICIT_LITTLE, encode
from mpi.dicom.header import Header, Unreadable, read_header, study_time
from mpi.dicom.identity import is_ours, is_placeholder, parse_cx, received_id
from mpi.dicom.objects import open_object
from mpi.dicom.part10 import file_meta, read_meta
from mpi.dicom.target import QualifiedId, TagPlan, Target

Made = Callable[..., bytes]
BARE = Header(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
    sop_instance_uid="2.25.4",
    study_instance_uid="2.25.2",
    series_instance_uid="2.25.3",
    transfer_syntax="1.2.840.10008.1.2.1",
)


def _item(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"])
def test_a_header_has_what_identification_needs(syntax: str, made: Made) -> None:
    qualifiers = [_item(UniversalEntityID="1.2.3", UniversalEntityIDType="ISO")]
    data = made(
        syntax=syntax,
        IssuerOfPatientID="HOSP",
        IssuerOfPatientIDQualifiersSequence=qualifiers,
        OtherPatientIDsSequence=[
            _item(PatientID="A1", IssuerOfPatientID="LAB"),
            _item(PatientID="A2", IssuerOfPatientIDQualifiersSequence=qualifiers),
            _item(PatientID="A3", IssuerOfPatientIDQualifiersSequence=[_item(UniversalEntityIDType="DNS")]),
            _item(IssuerOfPatientID="without an id"),
        ],
        PatientBirthName="LEFEVRE",
        InstitutionName="Hôpital A",
        SpecificCharacterSet="ISO_IR 100",
        Modality="CT",
        StudyDate="20261124",
        StudyTime="080000",
        StudyDescription="THORAX",
        AccessionNumber="AC1",
        GroupOfPatientsIdentificationSequence=[_item(PatientID="G")],
    )
    header = read_header(data)
    assert header == replace(
        BARE,
        transfer_syntax=syntax,
        patient_id="0042",
        issuer="HOSP",
        universal_id="1.2.3",
        universal_id_type="ISO",
        name="DUPONT^JEAN",
        birth_name="LEFEVRE",
        birth_date="19580228",
        sex="M",
        other_ids=(
            QualifiedId(value="A1", label="LAB"),
            QualifiedId(value="A2", oid="1.2.3"),
            QualifiedId(value="A3"),
        ),
        institution="Hôpital A",
        modality="CT",
        study_at=datetime(2026, 11, 24, 8, tzinfo=UTC),
        description="THORAX",
        accession_number="AC1",
        several_patients=True,
    )
    at = read_meta(data).body_at
    assert read_header(data[at:], transfer_syntax=syntax) == header


def test_absent_is_none_and_empty_is_empty(made: Made) -> None:
    absent = read_header(made(PatientID=None, PatientName=None))
    empty = read_header(made(PatientID="", PatientName=""))
    assert (absent.patient_id, absent.name) == (None, None)
    assert (empty.patient_id, empty.name) == ("", "")


def test_a_coerced_object_says_by_whom_and_who_it_was(made: Made, target: Target, plan: TagPlan) -> None:
    first = coerce(made(IssuerOfPatientID="HOSP"), target, plan).tobytes()
    merged = replace(target, patient_id=replace(target.patient_id, value="E1"), system="OTHER")
    header = read_header(coerce(first, merged, plan).tobytes())
    assert header.coerced_at == "20261124080000.123456+0000"
    assert header.coerced_by == ("MPI@local/0.1.0", "OTHER")
    assert header.first_received == QualifiedId(value="0042", label="HOSP")


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
def test_an_object_without_a_uid_cannot_be_filed(keyword: str, made: Made) -> None:
    with pytest.raises(Unreadable, match=r"no .* UID"):
        read_header(made(**{keyword: None}))


def test_an_object_without_patient_needs_no_study(made: Made) -> None:
    hanging = made(SOPClassUID="1.2.840.10008.5.1.4.38.1", StudyInstanceUID=None, SeriesInstanceUID=None)
    header = read_header(hanging)
    assert (header.has_patient, header.study_instance_uid, header.series_instance_uid) == (False, "", "")


@pytest.mark.parametrize(
    ("date", "time", "offset", "expected"),
    [
        ("20261124", "080102", None, datetime(2026, 11, 24, 8, 1, 2, tzinfo=UTC)),
        (
            "20261124",
            "080102.5",
            "+0100",
            datetime(2026, 11, 24, 8, 1, 2, tzinfo=timezone(timedelta(hours=1))),
        ),
        (
            "20261124",
            "08",
            "-0330",
            datetime(2026, 11, 24, 8, tzinfo=timezone(-timedelta(hours=3, minutes=30))),
        ),
        ("2026.11.24", "08:01:02", "", datetime(2026, 11, 24, 8, 1, 2, tzinfo=UTC)),
        ("20261124", "99", "UTC", datetime(2026, 11, 24, tzinfo=UTC)),
        ("20261124", "08", "+9900", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("20261124", None, None, datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026", "08", None, None),
        ("00010101", None, "+1400", None),
        ("99991231", "235959", "-0100", None),
        ("99980101", None, None, datetime(9998, 1, 1, tzinfo=UTC)),
        (None, None, None, None),
    ],
)
def test_a_study_time_is_aware_or_unknown(
    date: str | None, time: str | None, offset: str | None, expected: datetime | None
) -> None:
    assert study_time(date, time, offset) == expected


@pytest.mark.parametrize("tag", [0x00080016, 0x00080018, 0x0020000D, 0x0020000E])
@pytest.mark.parametrize("uid", ["1.2.é", "1.2/../3", "1." * 40 + "2"])
def test_a_uid_that_is_none_is_unreadable(tag: int, uid: str, made: Made) -> None:
    data = made()
    changed = data.replace(open_object(data).whole(tag), encode(tag, "UI", uid.encode(), EXPLICIT_LITTLE))
    with pytest.raises(Unreadable, match="UID is not made of digits and points"):
        read_header(changed)


@pytest.mark.parametrize("told", [{"sop_class_uid": "1.2.é"}, {"source_ae": "CTé"}])
def test_file_meta_is_ascii(told: dict[str, str]) -> None:
    usual = {"sop_class_uid": "1.2", "sop_instance_uid": "1.3", "transfer_syntax": "1.4", "source_ae": "CT1"}
    with pytest.raises(Unreadable, match="not ASCII"):
        file_meta(**usual | told)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"patient_id": None}, None),
        ({"patient_id": ""}, None),
        ({"patient_id": "1"}, QualifiedId(value="1")),
        ({"patient_id": "1", "issuer": "H"}, QualifiedId(value="1", label="H")),
        (
            {"patient_id": "1", "issuer": "H", "universal_id": "1.2", "universal_id_type": "ISO"},
            QualifiedId(value="1", label="H", oid="1.2"),
        ),
        (
            {"patient_id": "1", "universal_id": "h.org", "universal_id_type": "DNS"},
            QualifiedId(value="1"),
        ),
        ({"patient_id": "1^^^H&1.2&ISO"}, QualifiedId(value="1", label="H", oid="1.2")),
        ({"patient_id": "1^^^H"}, QualifiedId(value="1", label="H")),
        (
            {"patient_id": "1", "universal_id": "urn:oid:1.2", "universal_id_type": "iso"},
            QualifiedId(value="1", oid="1.2"),
        ),
        ({"patient_id": "1", "issuer": "H", "universal_id": "h.org"}, QualifiedId(value="1")),
        ({"patient_id": "1^^^H", "issuer": "H"}, QualifiedId(value="1", label="H")),
        ({"patient_id": "1^^^&1.2&iso", "issuer": "H"}, QualifiedId(value="1", label="H", oid="1.2")),
        ({"patient_id": "1^^^&"}, QualifiedId(value="1^^^&")),
        # two issuers that contradict each other: neither is told on
        ({"patient_id": "1^^^H", "issuer": "FULL"}, QualifiedId(value="1")),
        ({"patient_id": "1^^^H&1.2&ISO", "issuer": "X"}, QualifiedId(value="1")),
        ({"patient_id": "1^^^H&1.2&ISO", "universal_id": "9.9"}, QualifiedId(value="1")),
    ],
)
def test_the_issuer_is_the_best_that_the_object_tells(
    told: dict[str, str], expected: QualifiedId | None
) -> None:
    assert received_id(replace(BARE, **told)) == expected  # type: ignore[arg-type]


def test_an_issuer_behind_a_backslash_is_an_issuer(made: Made) -> None:
    assert read_header(made(IssuerOfPatientID=["", "HOPB"])).issuer == "\\HOPB"


@pytest.mark.parametrize("value", ["1", "1^^^", "^^^H&1.2&ISO", "DUPONT^JEAN", "1^^^ "])
def test_what_is_no_cx_is_taken_as_it_is(value: str) -> None:
    assert parse_cx(value) is None


def test_a_cx_of_another_kind_of_universal_id_keeps_its_label() -> None:
    assert parse_cx("1^^^H&h.org&DNS") == QualifiedId(value="1", label="H")


@pytest.mark.parametrize(
    ("value", "placeholder"),
    [
        (None, True),
        ("", True),
        ("0", True),
        ("000000", True),
        ("9999", True),
        ("999", False),
        ("UNKNOWN", True),
        ("inconnu", True),
        ("ANON", True),
        ("Anonymous-12", True),
        ("TEST_1", True),
        ("TESTARD", False),
        ("-", True),
        ("???", True),
        ("no id", True),
        ("1.2.840.113619.2.1", True),
        ("DUPONT^JEAN", True),
        ("Dupont", True),
        ("0042", False),
        ("1^^^H", False),
        ("0000^^^H", True),
        ("10.5", False),
    ],
)
def test_fillers_name_nobody(value: str | None, placeholder: bool) -> None:
    names = "DUPONT" if value == "Dupont" else "DUPONT^JEAN"
    assert is_placeholder(replace(BARE, patient_id=value, name=names)) is placeholder


def test_a_site_may_bring_its_own_fillers() -> None:
    assert is_placeholder(replace(BARE, patient_id="SANSIPP"), patterns=("SANSIPP",))
    assert not is_placeholder(replace(BARE, patient_id="SANSIPP"))


@pytest.mark.parametrize(
    ("told", "ours"),
    [
        ({"patient_id": "E1", "universal_id": "2.25.1"}, True),
        ({"patient_id": "E1", "issuer": "MPI"}, True),
        ({"patient_id": "E1", "issuer": "MPI", "universal_id": "9.9"}, False),
        ({"patient_id": "E1", "universal_id": "urn:oid:2.25.1"}, True),
        ({"patient_id": "E1"}, False),
        ({"issuer": "MPI"}, False),
    ],
)
def test_our_namespace_is_known_by_oid_then_label(told: dict[str, str], ours: bool) -> None:
    assert is_ours(replace(BARE, **told), oid="2.25.1", label="MPI") is ours  # type: ignore[arg-type]
