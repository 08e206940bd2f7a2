"""The demonstration says "passed" only when every study came back right, and its checks can fail."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import httpx
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mpi.demo.cast import load
from mpi.demo.objects import Planned, build
from mpi.demo.run import Outcome, fresh_folder, invented_number
from mpi.demo.verify import Wanted, verify
from mpi.errors import MpiError

ROOT = Path(__file__).parents[2]
MPI = Path(sys.executable).with_name("mpi")
FREE = {"MPI_SETTINGS": ""}


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MPI, "demo", "--once", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=os.environ | FREE,
    )


def assert_everything_arrived(run: subprocess.CompletedProcess[str], archive: str) -> None:
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(run.stdout)
    cast = load()
    assert result["archive"].startswith(archive)
    assert result["studies_sent"] == result["studies_verified"] == len(cast.studies) >= 40
    assert result["objects_sent"] == result["objects_verified"] == sum(s.images for s in cast.studies)
    assert result["false_links"] == result["faults"] == []
    assert result["social_security_numbers_dropped"] == 1
    assert result["outcomes"]["review"] >= 4
    assert result["outcomes"]["linked"] >= 8
    assert len({record.person for record in cast.records}) >= 25 >= len(cast.sites) == 3


@pytest.mark.needs("orthanc", "dcmtk", "dicom3tools")
def test_with_orthanc_every_study_is_read_back_from_orthanc() -> None:
    assert_everything_arrived(demo("--json"), "Orthanc 1.")


def test_without_orthanc_the_folder_archive_serves_and_no_number_stays(tmp_path: Path) -> None:
    assert_everything_arrived(demo("--json", "--folder", "--data-dir", str(tmp_path / "demo")), "folder")
    number = invented_number(next(r for r in load().records if r.in_register).traits)
    files = [path for path in (tmp_path / "demo").rglob("*") if path.is_file()]
    assert len(files) > 63
    assert not [path for path in files if number.encode() in path.read_bytes()]


def test_a_person_reads_tables() -> None:
    run = demo("--folder")
    assert run.returncode == 0
    for words in ("Who was linked to whom", "What a clerk is asked", "Which tags changed", "passed"):
        assert words in run.stdout


def test_it_serves_until_told_to_stop(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [MPI, "demo", "--folder", "--data-dir", str(tmp_path / "demo"), "--port", "18080"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | FREE | {"COLUMNS": "200"},
    )
    try:
        assert process.stdout is not None
        until = time.monotonic() + 120
        text = ""
        while "served until" not in text and time.monotonic() < until:
            text += process.stdout.readline()
        while "curl" not in text and time.monotonic() < until:
            text += process.stdout.readline()
        found = re.search(r"Bearer ([^' ]+)' (http\S+)", text)
        assert found is not None, text
        answer = httpx.get(found[2], headers={"Authorization": f"Bearer {found[1]}"})
        assert answer.status_code == 200
        assert answer.json()["local_id"] == "N-1001"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_a_folder_that_no_demonstration_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(MpiError, match="not empty"):
        fresh_folder(tmp_path)
    run = demo("--folder", "--data-dir", str(tmp_path))
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_an_earlier_demonstrations_folder_is_made_anew(tmp_path: Path) -> None:
    folder = fresh_folder(tmp_path / "demo")
    (folder / "mpi.db").write_text("old")
    assert not (fresh_folder(folder) / "mpi.db").exists()


def test_the_fixtures_are_what_their_script_makes() -> None:
    script = ROOT / "data" / "fixtures" / "make_fixtures.py"
    assert subprocess.run([sys.executable, script, "--check"], check=False).returncode == 0


def test_objects_are_the_same_every_time_and_of_many_syntaxes() -> None:
    first, again = build(load()), build(load())
    assert [one.data for one in first] == [one.data for one in again]
    assert len({one.transfer_syntax for one in first}) >= 10


def coerced(sent: Planned) -> Dataset:
    """The object as a correct gateway would leave it, written with pydicom alone."""
    dataset = pydicom.dcmread(BytesIO(sent.data))
    before = Dataset()
    before.PatientID, before.IssuerOfPatientID = dataset.PatientID, dataset.IssuerOfPatientID
    item = Dataset()
    item.ModifiedAttributesSequence = Sequence([before])
    dataset.OriginalAttributesSequence = Sequence([item])
    ours, theirs = Dataset(), Dataset()
    ours.PatientID, theirs.PatientID = WANTED.patient_id, dataset.PatientID
    dataset.OtherPatientIDsSequence = Sequence([ours, theirs])
    dataset.PatientID, dataset.IssuerOfPatientID = WANTED.patient_id, WANTED.issuer_label
    return dataset


SENT = next(one for one in build(load()) if one.study.sample == "CT_small.dcm")
WANTED = Wanted(patient_id="E7K3M9QX2W4TB72", issuer_label="MPI", received_id=SENT.study.local_id)


def _pixel(dataset: Dataset) -> None:
    dataset.PixelData = bytes([dataset.PixelData[0] ^ 1]) + dataset.PixelData[1:]


def _second_item(dataset: Dataset) -> None:
    dataset.OriginalAttributesSequence.append(dataset.OriginalAttributesSequence[0])


def _forget(dataset: Dataset) -> None:
    dataset.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].PatientID = "X"


FAULTS = [
    (lambda d: setattr(d, "PatientID", "E7K3M9QX2W4TB73"), "wrong Patient ID"),
    (lambda d: setattr(d, "IssuerOfPatientID", "CHUN"), "wrong Issuer of Patient ID"),
    (lambda d: d.OtherPatientIDsSequence.pop(), "Other Patient IDs incomplete"),
    (_second_item, "not exactly one new Original Attributes item"),
    (_forget, "Original Attributes do not hold the received Patient ID"),
    (_pixel, "(7FE0,0010) changed (pixels)"),
    (lambda d: setattr(d, "PatientName", "SOMEBODY^ELSE"), "(0010,0010) changed"),
    (lambda d: d.pop(0x00080060), "(0008,0060) changed"),
    (
        lambda d: d.private_block(0x0043, "GEMS_PARM_01").add_new(0x99, "LO", "x"),
        "(0043,1099) changed",
    ),
]


def written(dataset: Dataset) -> bytes:
    target = BytesIO()
    dataset.save_as(target)
    return target.getvalue()


def test_a_rightly_coerced_object_has_no_fault() -> None:
    assert verify(SENT.data, written(coerced(SENT)), WANTED).faults == []


@pytest.mark.parametrize(("spoil", "fault"), FAULTS, ids=[row[1] for row in FAULTS])
def test_every_check_of_the_demonstration_can_fail(spoil, fault: str) -> None:
    dataset = coerced(SENT)
    spoil(dataset)
    assert fault in verify(SENT.data, written(dataset), WANTED).faults


def test_a_missing_object_is_a_fault() -> None:
    assert verify(SENT.data, None, WANTED).faults == ["not in the archive"]


@pytest.mark.parametrize(
    "spoiled",
    [
        {"studies_verified": 1},
        {"objects_verified": 3},
        {"faults": ["x"]},
        {"false_links": ["x"]},
        {"studies_sent": 0, "studies_verified": 0},
    ],
)
def test_nothing_wrong_passes(spoiled: dict[str, object]) -> None:
    good = {"studies_sent": 2, "studies_verified": 2, "objects_sent": 4, "objects_verified": 4}
    assert Outcome(archive="folder", **good).passed
    assert not Outcome(archive="folder", **(good | spoiled)).passed
