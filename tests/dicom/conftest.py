"""Sample objects of every kind that pydicom and pydicom-data ship, and a small maker of objects for rare
cases.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import data_store
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from mpi.dicom.target import QualifiedId, TagPlan, Target

FOLDERS = (
    Path(pydicom.__file__).parent / "data" / "test_files",
    Path(pydicom.__file__).parent / "data" / "charset_files",
    Path(data_store.__file__).parent / "data",
)
NOT_DICOM = {".dump", ".gz", ".icc", ".json", ".py", ".pyc", ".txt"}
NOT_SPLICED = {  # test_samples.py says why
    "MR_truncated.dcm",
    "SC_rgb_jpeg.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
    "no_meta.dcm",
    "rtplan_truncated.dcm",
}
SAMPLES = {
    f"{folder.name}/{path.relative_to(folder)}": path
    for folder in FOLDERS
    for path in sorted(folder.rglob("*"))
    if path.is_file() and path.suffix not in NOT_DICOM and path.name != "README"
    if "TINY_ALPHA/" not in str(path)  # seventy objects of one kind
}


def pytest_configure(config: pytest.Config) -> None:
    """pytest shows every warning; mpi.dicom silences pydicom's, so the tests do."""
    config.addinivalue_line("filterwarnings", "ignore::UserWarning:pydicom.*")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `sample` runs over every sample file that can be spliced."""
    if "sample" in metafunc.fixturenames:
        spliced = {
            name: path
            for name, path in SAMPLES.items()
            if path.name not in NOT_SPLICED and not path.name.startswith("DICOMDIR")
        }
        metafunc.parametrize("sample", spliced.values(), ids=spliced.keys())


@pytest.fixture(scope="session")
def samples() -> dict[str, Path]:
    """All sample files by folder and name."""
    return SAMPLES


@pytest.fixture(scope="session")
def ct() -> bytes:
    """A CT image of 39 kB, 256 elements, explicit little endian."""
    return SAMPLES["test_files/CT_small.dcm"].read_bytes()


@pytest.fixture(scope="session")
def target() -> Target:
    """An identity of the index, and the id as an invented hospital told it."""
    return Target(
        patient_id=QualifiedId(value="E4N7Q2WBH6T0M10", label="MPI", oid="2.25.3298"),
        received=QualifiedId(value="0042", label="HOSP", oid="1.2.3.4"),
        at=datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC),
        system="MPI@local/0.1.0",
        source="CT1",
    )


@pytest.fixture(scope="session")
def plan() -> TagPlan:
    """The default tag plan."""
    return TagPlan()


@pytest.fixture(scope="session")
def made() -> Callable[..., bytes]:
    """Makes a small Part 10 object from keywords; `edit` may change the data set before it is written."""

    def make(
        *, syntax: str = ExplicitVRLittleEndian, edit: Callable[[Dataset], None] | None = None, **values: Any
    ) -> bytes:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
        dataset.file_meta.MediaStorageSOPInstanceUID = "2.25.4"
        told = {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
            "SOPInstanceUID": "2.25.4",
            "StudyInstanceUID": "2.25.2",
            "SeriesInstanceUID": "2.25.3",
            "PatientName": "DUPONT^JEAN",
            "PatientID": "0042",
            "PatientBirthDate": "19580228",
            "PatientSex": "M",
        } | values
        for keyword, value in told.items():
            if value is not None:
                setattr(dataset, keyword, value)
        if edit is not None:
            edit(dataset)
        target = io.BytesIO()
        dataset.save_as(target, enforce_file_format=True)
        return target.getvalue()

    return make


@pytest.fixture(scope="session")
def element() -> Callable[..., bytes]:
    """Encodes one explicit little endian element as told: also a wrong length, or none (`length=None`)."""

    def encode(tag: int, vr: str, value: bytes, *, length: int | None = -1) -> bytes:
        size = len(value) if length == -1 else 0xFFFFFFFF if length is None else length
        head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
        if vr in {"OB", "OW", "SQ", "UC", "UN", "UR", "UT"}:
            return head + struct.pack("<HI", 0, size) + value
        return head + struct.pack("<H", size) + value

    return encode
