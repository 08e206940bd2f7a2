"""Opening objects: syntaxes, files without meta, tails, deflated data, and the pydicom fallback."""

from __future__ import annotations

import subprocess
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from mpi.dicom import objects, reread
from mpi.dicom.coercion import coerce
from mpi.dicom.digest import content_digest
from mpi.dicom.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE, Irregular, Unreadable, encode, encode_item
from mpi.dicom.header import read_header
from mpi.dicom.nir import empty_nirs
from mpi.dicom.objects import open_object
from mpi.dicom.part10 import IMPLEMENTATION_CLASS_UID, META_LIMIT, part10, read_meta
from mpi.dicom.syntaxes import ENCODINGS
from mpi.dicom.target import TagPlan, Target

Made = Callable[..., bytes]
EXPLICIT, IMPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not DICOM"),
        (b"\0" * 200, "not DICOM"),
        (b"<html>" * 50, "not DICOM, or no transfer syntax is told"),
        (bytes(128) + b"DICM", "not DICOM"),
        (bytes(128) + b"DICM\x02\x00\x10\x00UI\x08\x001.2.3.4\0", "unknown transfer syntax"),
        (
            bytes(128) + b"DICM\x02\x00\x10\x00UI\x40\x001.2",
            "the file meta information is longer than the file",
        ),
        (
            bytes(128)
            + b"DICM\x02\x00\x02\x01OB\0\0"
            + (META_LIMIT + 2).to_bytes(4, "little")
            + bytes(META_LIMIT + 2),
            "the file meta information is longer than the file",
        ),
    ],
)
def test_what_is_no_dicom_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        open_object(data)
    assert refusal.value.reason == reason


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(Unreadable, match="no element at all"):
        open_object(bytes(8), EXPLICIT)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, "1.2.840.10008.1.2.2"])
def test_a_bare_file_is_opened_by_its_first_element(syntax: str, made: Made) -> None:
    data = made(syntax=syntax)
    opened = open_object(data[read_meta(data).body_at :])
    assert opened.transfer_syntax == syntax
    assert opened.notes == ("transfer syntax not told, guessed from the first element",)
    assert len(opened.prefix) == 0


def test_a_bare_file_with_compressed_pixels_is_refused(samples: dict[str, Path]) -> None:
    data = samples["test_files/JPEG2000.dcm"].read_bytes()
    with pytest.raises(Unreadable, match="no transfer syntax is told"):
        open_object(data[read_meta(data).body_at :])


@pytest.mark.parametrize("tail", [1, 8, 64])
def test_zero_bytes_behind_the_last_element_are_kept_and_told(
    tail: int, ct: bytes, target: Target, plan: TagPlan
) -> None:
    result = coerce(ct + bytes(tail), target, plan)
    assert result.via == "splice"
    assert result.tobytes() == coerce(ct, target, plan).tobytes() + bytes(tail)
    assert "zero bytes after the last element were kept" in result.notes
    assert content_digest(ct + bytes(tail)) == content_digest(ct)


def test_deflated_objects_stay_deflated_and_even(made: Made, target: Target, plan: TagPlan) -> None:
    data = made(syntax=DEFLATED, PatientComments="x" * 5000)
    after = coerce(data, target, plan).tobytes()
    body = after[read_meta(after).body_at :]
    assert len(body) % 2 == 0
    assert zlib.decompress(body, -15) == bytes(open_object(after).body)
    assert read_header(after).patient_id == "E4N7Q2WBH6T0M10"


def _deflated(body: bytes, trailer: bytes = b"") -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush() + trailer


@pytest.mark.parametrize("trailer", ["none", "pad", "gzip"])
def test_what_may_follow_a_deflated_stream(trailer: str) -> None:
    body = encode(0x00100020, "LO", b"0042", EXPLICIT_LITTLE)
    gzip = zlib.crc32(body).to_bytes(4, "little") + len(body).to_bytes(4, "little")
    data = _deflated(body, {"none": b"", "pad": b"\0", "gzip": gzip}[trailer])
    assert open_object(data, DEFLATED).value(0x00100020) == b"0042"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_deflated(b"abc" * 100)[:-4], "the deflated data set is truncated or too large"),
        (b"\xff" * 20, "the deflated data set is damaged"),
        (_deflated(b"abc", b"more"), "bytes follow the deflated data set"),
    ],
)
def test_damaged_deflated_data_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        open_object(data, DEFLATED)


@pytest.mark.parametrize(
    ("size", "limits", "refused"),
    [
        (900, {"INFLATED_SMALL": 1000}, False),
        (100_000, {"INFLATED_SMALL": 1000, "INFLATED_RATIO": 2000}, False),
        (100_000, {"INFLATED_SMALL": 1000}, True),
        (100_000, {"INFLATED_LIMIT": 1000}, True),
    ],
)
def test_a_deflated_bomb_is_refused(
    size: int, limits: dict[str, int], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, limit in limits.items():
        monkeypatch.setattr(objects, name, limit)
    data = _deflated(encode(0x00100020, "LO", b"0042", EXPLICIT_LITTLE) + bytes(size))
    if refused:
        with pytest.raises(Unreadable, match="too large"):
            open_object(data, DEFLATED)
    else:
        assert open_object(data, DEFLATED).tail == size


def test_a_small_bomb_takes_little_memory() -> None:
    with pytest.raises(Unreadable, match="too large"):
        open_object(_deflated(bytes(200_000_000)), DEFLATED)


@pytest.mark.needs("dcmtk")
@pytest.mark.parametrize("name", ["test_files/test-SR.dcm", "test_files/CT_small.dcm"])
@pytest.mark.parametrize(
    "options",
    [
        ["+te"],
        ["+ti"],
        ["+tb"],
        ["+td"],
        ["+g", "-e"],
        ["+te", "+p", "512", "16"],
        ["-F"],
        ["+ti", "-F", "-e"],
    ],
    ids=" ".join,
)
def test_every_form_that_dcmtk_writes_is_spliced(
    options: list[str], name: str, samples: dict[str, Path], target: Target, plan: TagPlan, tmp_path: Path
) -> None:
    command = ["dcmconv", *options, str(samples[name]), str(tmp_path / "form")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    data = (tmp_path / "form").read_bytes()
    result = coerce(data, target, plan)
    (tmp_path / "after").write_bytes(result.tobytes())
    told = subprocess.run(
        ["dcmdump", "-q", str(tmp_path / "after")], check=True, capture_output=True, timeout=60
    ).stdout
    assert result.via == "splice"
    assert b"E4N7Q2WBH6T0M10" in told
    assert read_header(result.tobytes()).coerced_by == ("MPI@local/0.1.0",)
    assert empty_nirs(data).data is data


def _disordered(made: Made) -> bytes:
    """Patient Comments before everything else."""
    data = made()
    at = read_meta(data).body_at
    return data[:at] + encode(0x00104000, "LT", b"first", EXPLICIT_LITTLE) + data[at:]


def test_disorder_goes_through_pydicom_and_is_told(made: Made, target: Target, plan: TagPlan) -> None:
    data = _disordered(made)
    result = coerce(data, target, plan)
    assert result.via == "pydicom"
    assert (
        "rewritten by pydicom, every raw value equal: the elements are not in ascending order" in result.notes
    )
    opened = open_object(result.tobytes())
    assert (opened.via, opened.value(0x00104000)) == ("splice", b"first ")
    assert coerce(data, target, TagPlan(mode="pass")).tobytes() == data


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(
            lambda body: body + encode(0x00100020, "LO", b"0043", EXPLICIT_LITTLE),
            "pydicom: ValueError",
            id="a tag twice: one would be lost",
        ),
        pytest.param(lambda body: body + body[:9], "pydicom: ", id="disorder and cut short"),
        pytest.param(
            lambda body: encode(0x00000002, "UI", b"1.2", EXPLICIT_LITTLE) + body,
            "command or file meta elements stand inside the data set",
            id="a command inside the data set",
        ),
    ],
)
def test_what_pydicom_cannot_prove_is_refused(body: Callable[[bytes], bytes], why: str, made: Made) -> None:
    data = made()
    with pytest.raises(Unreadable, match=why):
        open_object(body(data[read_meta(data).body_at :]), EXPLICIT)


def test_implicit_sequences_under_an_explicit_syntax_are_compared_item_by_item(made: Made) -> None:
    item = encode(0x00100020, "LO", b"A1", IMPLICIT_LITTLE)
    body = b"".join(
        (
            encode(0x00080018, "UI", b"2.25.4", IMPLICIT_LITTLE),
            encode(0x00100020, "LO", b"0042", IMPLICIT_LITTLE),
            encode(0x00101002, "SQ", encode_item(item, IMPLICIT_LITTLE), IMPLICIT_LITTLE),
            encode(0x00280010, "US", b"\x01\0", IMPLICIT_LITTLE),
        )
    )
    opened = open_object(body, EXPLICIT)
    assert opened.via == "pydicom"
    assert [found[0x00100020].vr for _, found in opened.items(0x00101002)] == ["LO"]


@pytest.mark.parametrize("nested", [False, True])
def test_the_fallback_has_a_limit_of_elements(nested: bool, made: Made) -> None:
    many = b"".join(
        encode(0x00210000 + number, "LO", b"", EXPLICIT_LITTLE) for number in range(0x1000, 0xFFFF)
    )
    if nested:
        head = b"\x09\x00\x01\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
        many = head + many + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    started = time.process_time()
    with pytest.raises(Unreadable, match="elements to rewrite"):
        open_object(_disordered(made) + many)
    assert time.process_time() - started < 3.0


def test_the_fallback_has_a_size_limit(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reread, "SIZE_LIMIT", 10)
    with pytest.raises(Unreadable, match="too large to rewrite"):
        open_object(_disordered(made))


@pytest.mark.parametrize(
    ("edit", "equal"),
    [
        (lambda after: None, True),
        (lambda after: setattr(after, "PatientID", "0043"), False),
        (lambda after: delattr(after, "PatientID"), False),
        (lambda after: setattr(after.OtherPatientIDsSequence[0], "PatientID", "A2"), False),
        (lambda after: after.OtherPatientIDsSequence.append(Dataset()), False),
    ],
)
def test_values_are_compared_at_every_level(edit: Callable[[Dataset], None], equal: bool, made: Made) -> None:
    item = Dataset()
    item.PatientID = "A1"
    data = made(OtherPatientIDsSequence=[item])
    body = data[read_meta(data).body_at :]
    after = reread.read(body, EXPLICIT_LITTLE)
    edit(after)
    written = reread.read(reread.write(after, EXPLICIT_LITTLE), EXPLICIT_LITTLE)
    assert reread._equal(reread.read(body, EXPLICIT_LITTLE), written) is equal


def test_a_refusal_names_why_both_ways_failed(made: Made) -> None:
    with pytest.raises(Unreadable, match=r"^first; pydicom: "):
        reread.rewritten(b"\x10\x00\x20\x00LO\xff\xff", EXPLICIT_LITTLE, Irregular("first"))


def test_known_syntaxes_have_a_layout_and_wrappings_have_none() -> None:
    assert len(ENCODINGS) > 40
    assert "1.2.840.10008.1.2.6.2" not in ENCODINGS
    assert ENCODINGS["1.2.840.113619.5.2"] is IMPLICIT_LITTLE


def test_a_data_set_gets_its_file_meta(made: Made) -> None:
    data = made()
    body = data[read_meta(data).body_at :]
    whole = part10(
        body, sop_class_uid="1.2.3", sop_instance_uid="1.2.3.4", transfer_syntax=EXPLICIT, source_ae="CT1"
    )
    meta = read_meta(whole)
    assert whole[meta.body_at :] == body
    assert (meta.transfer_syntax, meta.sop_class_uid, meta.sop_instance_uid) == (EXPLICIT, "1.2.3", "1.2.3.4")
    told = whole[132 : meta.body_at]
    assert b"\x02\x00\x16\x00AE\x04\x00CT1 " in told
    assert IMPLEMENTATION_CLASS_UID.encode() in told
    nameless = part10(body, sop_class_uid="1", sop_instance_uid="2", transfer_syntax=EXPLICIT, source_ae="")
    assert b"\x02\x00\x16\x00" not in nameless[: read_meta(nameless).body_at]


@pytest.mark.needs("dcmtk")
def test_dcmtk_accepts_our_file_meta(made: Made, tmp_path: Path) -> None:
    data = made()
    whole = part10(
        data[read_meta(data).body_at :],
        sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
        sop_instance_uid="2.25.4",
        transfer_syntax=EXPLICIT,
        source_ae="CT1",
    )
    (tmp_path / "f").write_bytes(whole)
    subprocess.run(["dcmftest", str(tmp_path / "f")], check=True, capture_output=True, timeout=60)
    subprocess.run(["dcmdump", "-q", str(tmp_path / "f")], check=True, capture_output=True, timeout=60)


def test_an_opened_object_is_not_opened_again(ct: bytes) -> None:
    opened = open_object(ct)
    assert open_object(opened) is opened
    assert read_header(opened) == read_header(ct)
    assert content_digest(opened) == content_digest(ct)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"PatientID": "X", "IssuerOfPatientID": "Y", "InstanceCoercionDateTime": "20200101"}, True),
        ({"PatientName": "DURAND^JEAN"}, False),
        ({"PatientComments": "new"}, False),
    ],
)
def test_the_digest_sees_content_and_not_identity(change: dict[str, str], same: bool, made: Made) -> None:
    assert (content_digest(made()) == content_digest(made(**change))) is same
