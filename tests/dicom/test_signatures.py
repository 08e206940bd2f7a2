"""Digital signatures: only those that a coercion breaks are removed; DCMTK is the judge."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from mpi.dicom import tags
from mpi.dicom.coercion import coerce
from mpi.dicom.objects import open_object
from mpi.dicom.signatures import without_broken
from mpi.dicom.target import TagPlan, Target

Made = Callable[..., bytes]


def _signature(number: int) -> Dataset:
    item = Dataset()
    item.MACIDNumber = number
    return item


def _parameters(number: int, signed: list[int]) -> Dataset:
    item = _signature(number)
    if signed:
        item.DataElementsSigned = signed
    return item


@pytest.mark.parametrize(
    ("signatures", "parameters", "left"),
    [
        pytest.param([1], {1: [tags.PATIENT_ID]}, ([], []), id="over a changed tag"),
        pytest.param([1], {1: [0x00280010]}, None, id="over another tag"),
        pytest.param([1], {1: []}, ([], []), id="no list: over everything"),
        pytest.param([1], {}, ([], []), id="no parameters: over everything"),
        pytest.param(
            [1, 2], {1: [tags.PATIENT_ID], 2: [0x00280010]}, ([2], [2]), id="only the broken one goes"
        ),
        pytest.param([], {}, None, id="no signature"),
    ],
)
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"])
def test_a_signature_breaks_with_the_tags_it_signs(
    signatures: list[int],
    parameters: dict[int, list[int]],
    left: tuple[list[int], list[int]] | None,
    syntax: str,
    made: Made,
) -> None:
    data = made(
        syntax=syntax,
        DigitalSignaturesSequence=[_signature(number) for number in signatures] or None,
        MACParametersSequence=[_parameters(*one) for one in parameters.items()] or None,
    )
    opened = open_object(data)
    found = without_broken(opened, {tags.PATIENT_ID})
    if left is None:
        assert found == {}
        return
    for tag, numbers in zip((tags.DIGITAL_SIGNATURES, tags.MAC_PARAMETERS), left, strict=True):
        kept = [item for item, found_there in opened.items(tag)]
        whole = found.get(tag, b"")
        assert bool(whole) is bool(numbers)
        assert not whole or bytes(opened.body[kept[-1].start : kept[-1].end]) in whole


def test_a_transcoded_object_keeps_no_signature(made: Made) -> None:
    data = made(
        DigitalSignaturesSequence=[_signature(1)], MACParametersSequence=[_parameters(1, [0x00280010])]
    )
    opened = open_object(data)
    assert without_broken(opened, set()) == {}
    assert without_broken(opened, set(), all_broken=True) == {
        tags.MAC_PARAMETERS: b"",
        tags.DIGITAL_SIGNATURES: b"",
    }


@pytest.mark.needs("dcmtk")
def test_what_dcmsign_signed_verifies_or_is_gone(
    tmp_path: Path, ct: bytes, target: Target, plan: TagPlan
) -> None:
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    (tmp_path / "in").write_bytes(ct)
    (tmp_path / "tags").write_text("(0008,0018)\n(0028,0010)\n(7FE0,0010)\n")
    request = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=t -keyout k.pem -out c.pem"
    assert run(*request.split()).returncode == 0
    time.sleep(3)  # DCMTK refuses a certificate of this very second
    assert run("dcmsign", "+s", "k.pem", "c.pem", "in", "all").returncode == 0
    assert run("dcmsign", "+s", "k.pem", "c.pem", "-tf", "tags", "in", "some").returncode == 0
    for name, verdict in (("all", "no signatures found"), ("some", "Signature Verification : OK")):
        assert run("dcmsign", "--verify", "+cf", "c.pem", name).returncode == 0
        result = coerce((tmp_path / name).read_bytes(), target, plan)
        (tmp_path / "out").write_bytes(result.tobytes())
        judged = run("dcmsign", "--verify", "+cf", "c.pem", "out")
        assert judged.returncode == 0
        assert verdict in judged.stdout + judged.stderr
        assert ("signatures that the coercion breaks" in " ".join(result.notes)) is (name == "all")
