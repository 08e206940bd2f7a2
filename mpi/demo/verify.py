"""Checks what the archive gives back against what was sent: pydicom and outside validators, no own code."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

PATIENT_ID, ISSUER, QUALIFIERS = 0x00100020, 0x00100021, 0x00100024
OTHER_IDS, ORIGINAL_ATTRIBUTES, COERCED_AT = 0x00101002, 0x04000561, 0x00080015
OURS = {PATIENT_ID, ISSUER, QUALIFIERS, OTHER_IDS, ORIGINAL_ATTRIBUTES, COERCED_AT}
PIXELS = {0x7FE00008, 0x7FE00009, 0x7FE00010}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an object must carry after coercion."""

    patient_id: str
    issuer_label: str
    received_id: str


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What is wrong with one object (empty = nothing) and what changed, as sentences."""

    faults: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)


def _raw(dataset: Dataset) -> dict[int, tuple[str | None, object]]:
    """VR and undecoded value by tag, group lengths left out."""
    found: dict[int, tuple[str | None, object]] = {}
    for tag, element in dataset._dict.items():
        if int(tag) & 0xFFFF == 0:
            continue
        found[int(tag)] = (element.VR, element.value)
    return found


def _read(data: bytes) -> pydicom.FileDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(BytesIO(data))


def verify(sent: bytes, stored: bytes | None, wanted: Wanted) -> Verdict:
    """Compares one object, element by element."""
    verdict = Verdict()
    if stored is None:
        verdict.faults.append("not in the archive")
        return verdict
    before, after = _read(sent), _read(stored)
    if before.file_meta.TransferSyntaxUID != after.file_meta.TransferSyntaxUID:
        verdict.faults.append("transfer syntax changed")
    old, new = _raw(before), _raw(after)
    for tag in sorted(old.keys() | new.keys()):
        if tag in OURS or old.get(tag) == new.get(tag):
            continue
        verdict.faults.append(
            f"({tag >> 16:04X},{tag & 0xFFFF:04X}) changed{' (pixels)' if tag in PIXELS else ''}"
        )
    if str(after.get("PatientID", "")) != wanted.patient_id:
        verdict.faults.append("wrong Patient ID")
    if str(after.get("IssuerOfPatientID", "")) != wanted.issuer_label:
        verdict.faults.append("wrong Issuer of Patient ID")
    listed = {str(item.get("PatientID", "")) for item in after.get("OtherPatientIDsSequence", [])}
    if wanted.patient_id not in listed or wanted.received_id not in listed:
        verdict.faults.append("Other Patient IDs incomplete")
    items_before = len(before.get("OriginalAttributesSequence", []))
    originals = after.get("OriginalAttributesSequence", [])
    if len(originals) != items_before + 1:
        verdict.faults.append("not exactly one new Original Attributes item")
    elif str(originals[-1].ModifiedAttributesSequence[0].get("PatientID", "")) != str(
        before.get("PatientID", "")
    ):
        verdict.faults.append("Original Attributes do not hold the received Patient ID")
    for keyword in ("PatientID", "IssuerOfPatientID"):
        if str(before.get(keyword, "")) != str(after.get(keyword, "")):
            verdict.changes.append(f"{keyword}: {before.get(keyword, '')} -> {after.get(keyword, '')}")
    return verdict


def _complaints(program: str, data: bytes) -> Counter[str]:
    """The validator's lines about one file, values and addresses left out, to compare two files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object.dcm"
        path.write_bytes(data)
        run = subprocess.run(  # noqa: S603 - a validator found on the PATH, on a file of ours
            [program, str(path)], capture_output=True, timeout=60, check=False
        )
    lines = (run.stdout + run.stderr).decode("latin-1").splitlines()
    loud = (line for line in lines if re.search(r"error|no:", line, flags=re.IGNORECASE))
    return Counter(re.sub(r"0x[0-9a-f]+|<[^>]*>|\d{4,}", "", line.replace(str(path), "")) for line in loud)


def validators() -> dict[str, str]:
    """The outside validators found on this machine, by name."""
    return {name: path for name in ("dcmftest", "dciodvfy") if (path := shutil.which(name))}


def new_complaints(sent: bytes, stored: bytes) -> list[str]:
    """What the validators find in the stored object and did not find in the sent one."""
    found = []
    for name, program in validators().items():
        fresh = _complaints(program, stored) - _complaints(program, sent)
        found += [f"{name}: {line.strip()}" for line in fresh]
    return found
