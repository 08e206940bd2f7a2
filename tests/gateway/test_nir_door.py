"""A social security number that comes in by the DICOM door is on no disk, in no log and in no answer."""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mpi.store.tables import nir_count
from tests.gateway.samples import tiny_object
from tests.gateway.stage import staged
from tests.gateway.test_scp import body_of, send_bytes


def fictitious_nir(order: str = "000") -> str:
    """Of a woman born in February 1958 in Paris; the order number 000 is given to nobody."""
    number = f"2580275056{order}"
    return number + f"{97 - int(number) % 97:02d}"


NIR = fictitious_nir()
SPACED = f"{NIR[0]} {NIR[1:3]} {NIR[3:5]} {NIR[5:7]} {NIR[7:10]} {NIR[10:13]} {NIR[13:]}"


def carrying(where: str) -> bytes:
    """An object with the number in one place."""
    if where == "a private sequence, three deep":
        deepest = Dataset()
        deepest.add_new(0x00091002, "LO", f"SS {NIR}")
        for tag in (0x00091003, 0x00091004):
            outer = Dataset()
            outer.add_new(tag, "SQ", Sequence([deepest]))
            deepest = outer
        data = tiny_object()
        dataset = pydicom.dcmread(io.BytesIO(data))
        dataset.add_new(0x00090010, "LO", "TESTS")
        dataset.add_new(0x00091001, "SQ", Sequence([deepest]))
        out = io.BytesIO()
        dataset.save_as(out, enforce_file_format=True)
        return out.getvalue()
    if where == "Other Patient IDs":
        item = Dataset()
        item.PatientID, item.TypeOfPatientID = NIR, "TEXT"
        return tiny_object(OtherPatientIDsSequence=Sequence([item]))
    return tiny_object(
        **{where: {"PatientComments": f"NIR {SPACED}", "PatientName": f"LEFEVRE^{NIR}"}.get(where, NIR)}
    )


PLACES = [
    "PatientID",
    "PatientName",
    "PatientComments",
    "AccessionNumber",
    "StudyDescription",
    "PatientAddress",
    "InstitutionName",
    "Other Patient IDs",
    "a private sequence, three deep",
]


def on_disk(folder: Path) -> list[str]:
    """Files that hold the number in any writing; the gateway must be stopped."""
    needles = [NIR.encode(), NIR[:13].encode(), SPACED.encode()]
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]


def test_a_number_is_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    objects = [carrying(where) for where in PLACES]
    assert all(NIR.encode() in data or SPACED.encode() in data for data in objects), "the test plants it"
    with caplog.at_level(logging.DEBUG), staged(tmp_path, paused=True) as stage:
        assert set(stage.send(*objects)) == {0xB000}
        cut = body_of(carrying("PatientComments"))[:3000]
        assert SPACED.encode() in cut
        assert send_bytes(stage, cut) == 0xC000
        loose = struct.pack("<HH2sH", 0x10, 0x20, b"LO", 16) + NIR.encode() + b" "
        assert send_bytes(stage, b"\xff" * 50 + loose) == 0xC000
        assert (
            send_bytes(stage, body_of(carrying("PatientAddress")), syntax="1.2.826.0.1.3680043.9.9") == 0xC000
        )
        stage.gateway.drain(1)
        in_spool = stage.gateway.spool.ids()
        stage.gateway.resume()
        assert stage.gateway.drain(10)
        assert len(in_spool) == len(objects)
        assert len(stage.rows("stored")) == len(objects)
        assert len(stage.rows("quarantined")) == 3
        counted = stage.table(nir_count)
    assert on_disk(tmp_path) == []
    assert sum(row["count"] for row in counted) >= len(PLACES)
    assert {row["door"] for row in counted} == {"dimse"}
    assert NIR not in caplog.text
    assert NIR[:13] not in caplog.text


def test_an_emptied_patient_id_is_an_unidentified_patient(tmp_path: Path) -> None:
    data = carrying("PatientID")
    with staged(tmp_path) as stage:
        assert stage.send(data) == [0xB000]
        assert stage.gateway.drain(10)
        after = stage.stored(data)
        (item,) = after.OriginalAttributesSequence
        (modified,) = item.ModifiedAttributesSequence
        assert modified.PatientID == "", "listed with zero length"
        assert after.PatientID.startswith("E")


def test_an_emptied_element_is_listed_in_the_original_attributes(tmp_path: Path) -> None:
    data = carrying("PatientComments")
    with staged(tmp_path) as stage:
        stage.send(data)
        assert stage.gateway.drain(10)
        after = stage.stored(data)
    assert after.PatientComments == ""
    (item,) = after.OriginalAttributesSequence
    assert item.ModifiedAttributesSequence[0].PatientComments == ""
