"""The invariants of coercion over every sample file, as a Part 10 file and as the data set of a C-STORE."""

from __future__ import annotations

import hashlib
import io
import subprocess
import warnings
from pathlib import Path

import pydicom
import pytest

from mpi.dicom import tags
from mpi.dicom.coercion import coerce
from mpi.dicom.digest import content_digest
from mpi.dicom.elements import Unreadable, items
from mpi.dicom.objects import open_object
from mpi.dicom.part10 import read_meta
from mpi.dicom.restore import restore
from mpi.dicom.target import TagPlan, Target

EXCEPTIONS = {
    "MR_truncated.dcm": "a value is longer than the data",
    "rtplan_truncated.dcm": "a value is longer than the data",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "the data end inside a sequence",
    "no_meta.dcm": "not DICOM, or no transfer syntax is told",  # its first byte is wrong
    "SC_rgb_jpeg.dcm": "pydicom",  # implicit data set under an explicit syntax
}
PLANNED = {
    tags.COERCION_DATE_TIME,
    tags.PATIENT_ID,
    tags.ISSUER_OF_PATIENT_ID,
    tags.TYPE_OF_PATIENT_ID,
    tags.ISSUER_OF_PATIENT_ID_QUALIFIERS,
    tags.OTHER_PATIENT_IDS,
    tags.ORIGINAL_ATTRIBUTES,
}


def _coerced(sample: Path, target: Target, plan: TagPlan) -> tuple[bytes, bytes]:
    data = sample.read_bytes()
    result = coerce(data, target, plan)
    assert result.via == "splice"
    return data, result.tobytes()


def test_what_is_not_spliced_is_refused_or_left_alone_for_a_reason(
    samples: dict[str, Path], target: Target, plan: TagPlan
) -> None:
    told: dict[str, str] = {}
    for path in samples.values():
        try:
            result = coerce(path.read_bytes(), target, plan)
        except Unreadable as refusal:
            told[path.name] = refusal.reason
        else:
            if result.via == "untouched":
                assert result.tobytes() == path.read_bytes()
                assert path.name.startswith("DICOMDIR")
            elif result.via != "splice":
                told[path.name] = result.via
    assert told == EXCEPTIONS


def test_untouched_elements_are_byte_identical_and_only_planned_tags_differ(
    sample: Path, target: Target, plan: TagPlan
) -> None:
    data, after = _coerced(sample, target, plan)
    old, new = open_object(data), open_object(after)
    group_lengths = {tag for tag in old.elements if not tag & 0xFFFF} | {tags.LENGTH_TO_END}
    assert set(new.elements) - set(old.elements) <= PLANNED
    assert set(old.elements) - set(new.elements) <= group_lengths
    for tag in set(new.elements) - PLANNED:
        assert new.whole(tag) == old.whole(tag), f"{tag:08X}"
    assert bytes(new.prefix) == bytes(old.prefix)
    assert new.transfer_syntax == old.transfer_syntax
    assert new.tail == old.tail
    assert list(new.elements) == sorted(new.elements)
    assert not any(len(new.whole(tag)) % 2 for tag in PLANNED)


def test_old_original_attributes_items_stay_and_exactly_one_follows(
    sample: Path, target: Target, plan: TagPlan
) -> None:
    data, after = _coerced(sample, target, plan)
    found = []
    for opened in (open_object(data), open_object(after)):
        one = opened.elements.get(tags.ORIGINAL_ATTRIBUTES)
        spans = [] if one is None else list(items(opened.body, one, opened.encoding))
        found.append([bytes(opened.body[span.start : span.end]) for span in spans])
    assert found[1][:-1] == found[0]


def test_pydicom_reads_the_identity_and_the_same_pixels(sample: Path, target: Target, plan: TagPlan) -> None:
    data, after = _coerced(sample, target, plan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old, new = (pydicom.dcmread(io.BytesIO(one), force=True) for one in (data, after))
        assert (new.PatientID, new.IssuerOfPatientID) == ("E4N7Q2WBH6T0M10", "MPI")
        assert new.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "2.25.3298"
        listed = [one.PatientID for one in new.OtherPatientIDsSequence]
        assert listed[:2] == ["E4N7Q2WBH6T0M10", "0042"]
        item = new.OriginalAttributesSequence[-1]
        assert item.ModifiedAttributesSequence[0].get("PatientID", "") == old.get("PatientID", "")
        assert item.ReasonForTheAttributeModification == "COERCE"
        assert new.InstanceCoercionDateTime == "20261124080000.123456+0000"
        pixels = [hashlib.sha256(one.get("PixelData", b"")).digest() for one in (old, new)]
        assert pixels[0] == pixels[1]


def test_the_same_decision_twice_changes_nothing(sample: Path, target: Target, plan: TagPlan) -> None:
    data, after = _coerced(sample, target, plan)
    assert coerce(data, target, plan).tobytes() == after
    again = coerce(after, target, plan)
    assert (again.via, again.tobytes(), again.changes) == ("untouched", after, ())


def test_the_content_digest_does_not_see_the_identity(sample: Path, target: Target, plan: TagPlan) -> None:
    data, after = _coerced(sample, target, plan)
    assert content_digest(data) == content_digest(after)


def test_as_a_c_store_data_set_the_same_bytes_come_out(sample: Path, target: Target, plan: TagPlan) -> None:
    data, after = _coerced(sample, target, plan)
    at, syntax = read_meta(data).body_at, open_object(data).transfer_syntax
    body = coerce(data[at:], target, plan, transfer_syntax=syntax).tobytes()
    assert body == after[at:]


def test_restoring_gives_the_original_but_for_group_lengths(
    sample: Path, target: Target, plan: TagPlan
) -> None:
    data, _ = _coerced(sample, target, plan)
    result = coerce(data, target, plan)
    back = open_object(b"".join(restore(result.tobytes(), result.changes)))
    old = open_object(data)
    assert {tag: back.whole(tag) for tag in back.elements} == {
        tag: old.whole(tag)
        for tag in old.elements
        if tag in back.elements or (tag & 0xFFFF and tag != tags.LENGTH_TO_END)
    }


@pytest.mark.needs("dcmtk", "dicom3tools")
@pytest.mark.long
def test_dcmtk_and_dicom3tools_find_nothing_new(
    sample: Path, target: Target, plan: TagPlan, tmp_path: Path
) -> None:
    told = []
    for name, data in zip(("before", "after"), _coerced(sample, target, plan), strict=True):
        path = tmp_path / name
        path.write_bytes(data)
        told.append(_verdict(path))
    assert told[1][:2] == told[0][:2]
    assert told[1][2] <= told[0][2]


@pytest.mark.needs("dcmtk", "dicom3tools")
@pytest.mark.parametrize(
    "name",
    [
        "test_files/CT_small.dcm",
        "test_files/test-SR.dcm",
        "test_files/rtplan.dcm",
        "test_files/MR_small_implicit.dcm",
        "test_files/ExplVR_BigEnd.dcm",
        "test_files/image_dfl.dcm",
        "test_files/JPEG2000.dcm",
        "charset_files/chrH31.dcm",
    ],
)
def test_dcmtk_and_dicom3tools_find_nothing_new_in_one_of_each_kind(
    name: str, samples: dict[str, Path], target: Target, plan: TagPlan, tmp_path: Path
) -> None:
    test_dcmtk_and_dicom3tools_find_nothing_new(samples[name], target, plan, tmp_path)


def _verdict(path: Path) -> tuple[int, int, set[str]]:
    """Exit codes of dcmftest and dcmdump, and the errors of dciodvfy."""
    commands = (["dcmftest", str(path)], ["dcmdump", "-q", str(path)], ["dciodvfy", str(path)])
    first, second, third = (
        subprocess.run(one, capture_output=True, timeout=60, check=False) for one in commands
    )
    lines = (third.stdout + third.stderr).decode("latin-1").splitlines()
    return first.returncode, second.returncode, {line for line in lines if line.startswith("Error")}
