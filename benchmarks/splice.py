"""The splice of a 0.5 MB CT object against a pydicom read and write of the same object, in the same run."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pydicom

from benchmarks import Row
from mpi.dicom import tags
from mpi.dicom.coercion import coerce
from mpi.dicom.nir import empty_nirs
from mpi.dicom.objects import open_object
from mpi.dicom.target import QualifiedId, TagPlan, Target

ROUNDS = 40
SIDE = 512  # pixels
TARGET = Target(
    patient_id=QualifiedId(value="E4N7Q2WBH6T0M10", label="MPI", oid="2.25.3298"),
    received=QualifiedId(value="0042", label="HOSP"),
    at=datetime(2026, 11, 24, 8, tzinfo=UTC),
    system="MPI@benchmark",
    source="CT1",
)
PLANNED = {
    tags.COERCION_DATE_TIME,
    tags.PATIENT_ID,
    tags.ISSUER_OF_PATIENT_ID,
    tags.ISSUER_OF_PATIENT_ID_QUALIFIERS,
    tags.OTHER_PATIENT_IDS,
    tags.ORIGINAL_ATTRIBUTES,
}


def ct_object() -> bytes:
    """pydicom's CT sample (256 elements) with 512 x 512 pixels: 0.53 MB."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    dataset = pydicom.dcmread(folder / "CT_small.dcm")
    dataset.Rows = dataset.Columns = SIDE
    dataset.PixelData = bytes(range(256)) * (SIDE * SIDE * 2 // 256)
    target = io.BytesIO()
    dataset.save_as(target)
    return target.getvalue()


def by_pydicom(data: bytes) -> bytes:
    """Patient ID changed by reading and writing the whole object; no history is kept."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.PatientID = TARGET.patient_id.value
    target = io.BytesIO()
    dataset.save_as(target)
    return target.getvalue()


def best(*calls: Callable[[], object]) -> list[float]:
    """Milliseconds of each call, the best of ROUNDS, the calls taking turns."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            started = time.perf_counter()
            call()
            taken.append((time.perf_counter() - started) * 1000)
    return [min(taken) for taken in times]


def untouched_are_identical(data: bytes) -> bool:
    """Whether every element that is not of the plan has the same bytes after the splice."""
    before, after = open_object(data), open_object(coerce(data, TARGET, TagPlan()).tobytes())
    return all(before.whole(tag) == after.whole(tag) for tag in {*before.elements, *after.elements} - PLANNED)


def run() -> list[Row]:
    """The splice, the search for social security numbers, and the whole way of an object, against pydicom."""
    data = ct_object()
    if not untouched_are_identical(data):
        raise AssertionError("an untouched element differs after the splice")
    splice, search, whole, peer = best(
        lambda: coerce(data, TARGET, TagPlan()),
        lambda: empty_nirs(data),
        lambda: coerce(empty_nirs(data).data, TARGET, TagPlan()).tobytes(),
        lambda: by_pydicom(data),
    )
    load = f"CT, {len(data) / 1e6:.2f} MB, {len(open_object(data).elements)} elements"
    return [
        Row(
            benchmark=name,
            load=load,
            ours=ours,
            peer=peer,
            peer_name="pydicom read and write",
            unit="ms",
            ratio=peer / ours,
            goal=goal,
        )
        for name, ours, goal in (
            ("splice", splice, "at least 5; untouched elements identical"),
            ("search for social security numbers", search, None),
            ("search, splice and one joined file", whole, None),
        )
    ]
