"""The DICOM door on a real socket: what it takes, what it answers, what it never writes down."""

from __future__ import annotations

import io
import logging
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

from mpi.errors import MpiError, Unavailable
from mpi.gateway.scp import StoreScp
from tests.gateway.samples import small_object, tiny_object
from tests.gateway.stage import Stage, associate, staged

ACCEPTED, UNCHANGED = 0xB000, 0x0000
CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One gateway for every test that leaves it well."""
    with staged(tmp_path_factory.mktemp("scp")) as running:
        yield running


def body_of(data: bytes) -> bytes:
    """The data set of a Part 10 file as it travels over DIMSE."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=False)
    meta_length = struct.unpack("<I", data[140:144])[0]
    return data[144 + meta_length :]


def uid_of(data: bytes) -> str:
    return str(pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID)


def send_bytes(stage: Stage, body: bytes, *, sop_class: str = CT, syntax: str = EXPLICIT) -> int | None:
    """C-STOREs raw bytes as a data set; None when no answer came."""
    entity = AE(ae_title="CT1")
    entity.dimse_timeout = entity.network_timeout = 10
    entity.add_requested_context(sop_class, syntax)
    association = entity.associate("127.0.0.1", stage.gateway.dimse_port, ae_title="MPI")
    assert association.is_established
    try:
        request = C_STORE()
        request.MessageID = 1
        request.AffectedSOPClassUID = sop_class
        request.AffectedSOPInstanceUID = generate_uid()
        request.Priority = 2
        request.DataSet = io.BytesIO(body)
        association._reactor_checkpoint.clear()
        association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
        _, answer = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
        return None if answer is None else int(answer.Status)
    finally:
        association.abort()


def test_an_echo_is_answered(stage: Stage) -> None:
    association = associate(stage.gateway.dimse_port, [])
    assert association.send_c_echo().Status == 0x0000
    association.release()


def test_an_object_is_stored_under_its_identity(stage: Stage) -> None:
    data = small_object(PatientID="0042")
    assert stage.send(data) == [ACCEPTED]
    assert stage.gateway.drain(10)
    before, after = pydicom.dcmread(io.BytesIO(data)), stage.stored(data)
    assert after.IssuerOfPatientID == "MPI"
    assert after.PatientID != before.PatientID
    received = [item.PatientID for item in after.OtherPatientIDsSequence]
    assert received[:2] == [after.PatientID, "0042"]
    assert received[2:] == [item.PatientID for item in before.OtherPatientIDsSequence]
    item = after.OriginalAttributesSequence[-1]
    assert item.ModifiedAttributesSequence[0].PatientID == "0042"
    assert item.SourceOfPreviousValues == "CT1"
    assert after.PixelData == before.PixelData
    assert after.file_meta.SourceApplicationEntityTitle == "CT1"


def test_a_resend_gives_the_same_bytes_and_one_copy(stage: Stage) -> None:
    data = small_object()
    assert stage.send(data) == [ACCEPTED]
    assert stage.gateway.drain(10)
    first = stage.stored(data)
    assert stage.send(data, data) == [ACCEPTED, ACCEPTED]
    assert stage.gateway.drain(10)
    out = [io.BytesIO(), io.BytesIO()]
    first.save_as(out[0])
    stage.stored(data).save_as(out[1])
    assert out[0].getvalue() == out[1].getvalue()


def test_our_own_copy_comes_back_and_passes(stage: Stage) -> None:
    data = small_object()
    stage.send(data)
    assert stage.gateway.drain(10)
    out = io.BytesIO()
    stage.stored(data).save_as(out, enforce_file_format=True)
    assert stage.send(out.getvalue()) == [UNCHANGED]
    assert stage.gateway.drain(10)
    assert [row.state for row in stage.rows() if row.sop_instance_uid == uid_of(data)] == ["stored"]
    again = io.BytesIO()
    stage.stored(data).save_as(again, enforce_file_format=True)
    assert again.getvalue() == out.getvalue(), "the archive's copy is as it was"


CALLERS = [
    ("CT1", {}, ACCEPTED, None),
    ("CT1", {"IssuerOfPatientID": "HOPB"}, 0x0124, "not-allowed"),
    ("NEW", {"IssuerOfPatientID": "HOPA"}, 0x0124, "not-allowed"),
    ("NEW", {}, ACCEPTED, None),
]


@pytest.mark.parametrize(("ae", "elements", "status", "reason"), CALLERS)
def test_who_may_speak(
    stage: Stage, ae: str, elements: dict[str, Any], status: int, reason: str | None
) -> None:
    data = tiny_object(**elements)
    assert stage.send(data, ae=ae) == [status]
    uid = pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID
    assert stage.gateway.drain(10)
    rows = [row for row in stage.rows() if row.sop_instance_uid == uid]
    assert [row.reason for row in rows] == [reason], "a refusal is listed for the operator"


def test_another_called_ae_title_is_turned_away(stage: Stage) -> None:
    assert not associate(stage.gateway.dimse_port, [], called="OTHER").is_established


def test_private_and_unknown_classes_are_taken(stage: Stage) -> None:
    for sop_class in ("1.2.840.113619.4.30", "1.2.826.0.1.3680043.9.9999.1"):
        data = tiny_object(SOPClassUID=sop_class)
        dataset = pydicom.dcmread(io.BytesIO(data))
        dataset.file_meta.MediaStorageSOPClassUID = sop_class
        out = io.BytesIO()
        dataset.save_as(out, enforce_file_format=True)
        assert stage.send(out.getvalue()) == [ACCEPTED]


BAD = [
    ("not DICOM", b"GIF89a" + bytes(range(256)) * 8),
    ("one byte", b"\x08"),
    ("cut in the middle", body_of(tiny_object())[:3001]),
    ("cut after a few elements", body_of(tiny_object())[:64]),
    (
        "two gigabytes declared",
        body_of(tiny_object())[:2000] + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, 0x7FFFFFF0) + b"x",
    ),
    ("no Study Instance UID", body_of(tiny_object(StudyInstanceUID=None))),
    ("no SOP Instance UID", body_of(tiny_object()).replace(b"\x08\x00\x18\x00UI", b"\x08\x00\x19\x00UI")),
    ("a UID that is a path", body_of(tiny_object(StudyInstanceUID="../../../../tmp/x"))),
    ("nested ten thousand deep", struct.pack("<HH2sHI", 0x40, 0x275, b"SQ", 0, 0xFFFFFFFF) * 10_000),
    (
        "items without an end",
        struct.pack("<HH2sHI", 0x40, 0x275, b"SQ", 0, 0xFFFFFFFF)
        + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) * 5000,
    ),
]


@pytest.mark.parametrize(("why", "body"), BAD, ids=[why for why, _ in BAD])
def test_what_cannot_be_read_is_put_aside_and_the_rest_goes_on(stage: Stage, why: str, body: bytes) -> None:
    before = len(stage.rows("quarantined"))
    assert send_bytes(stage, body) == 0xC000, why
    assert send_bytes(stage, body) == 0xC000, "sent again"
    assert stage.gateway.drain(10)
    listed = stage.rows("quarantined")
    assert len(listed) == before + 1, "listed once for an operator"
    assert listed[-1].reason
    assert stage.gateway.spool.holds(listed[-1].instance_id, shelf="quarantine"), "a copy is kept"
    assert stage.send(tiny_object()) == [ACCEPTED], "the rest goes on"


def test_an_unknown_transfer_syntax_is_put_aside(stage: Stage) -> None:
    status = send_bytes(stage, body_of(tiny_object()), syntax="1.2.826.0.1.3680043.9.9999.2")
    assert status == 0xC000
    assert stage.rows("quarantined")[-1].reason == "unknown transfer syntax"


def test_a_stranger_on_the_line_harms_nobody(stage: Stage) -> None:
    """Bytes that are no association: a web browser, a PDU that announces four gigabytes, silence."""
    for bytes_sent in (b"GET / HTTP/1.1\r\n\r\n", b"\x04\x00\xff\xff\xff\xff" + b"x" * 1000, b""):
        with socket.create_connection(("127.0.0.1", stage.gateway.dimse_port)) as line:
            line.sendall(bytes_sent)
    assert stage.send(tiny_object()) == [ACCEPTED]


def test_twenty_associations_at_once(stage: Stage) -> None:
    sent = [tiny_object(PatientID=f"M{n}") for n in range(20)]
    answers: list[int] = []
    threads = [threading.Thread(target=lambda o=o: answers.extend(stage.send(o, o))) for o in sent]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [ACCEPTED] * 40
    assert stage.gateway.drain(20)
    for data in sent:
        stage.stored(data)


def test_no_delay_is_set_on_every_connection(stage: Stage) -> None:
    association = associate(stage.gateway.dimse_port, [])
    server = stage.gateway._scp._server
    assert server is not None
    mine = association.dul.socket.socket.getsockname()[1]
    lines = [one.dul.socket.socket for one in server.active_associations if one.requestor.port == mine]
    assert [line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for line in lines] == [1]
    association.release()


def test_a_silenced_caller_gets_success_instead_of_a_warning(tmp_path: Path) -> None:
    with staged(tmp_path, warning_status_off=["CT1"]) as stage:
        assert stage.send(tiny_object()) == [UNCHANGED]
        assert stage.send(tiny_object(), ae="MR2") == [ACCEPTED]


@pytest.mark.parametrize(
    ("rule", "ae", "established", "status"),
    [
        ("refuse", "NEW", False, None),
        ("refuse", "CT1", True, ACCEPTED),
        ("hold", "NEW", True, UNCHANGED),
    ],
)
def test_undeclared_callers_by_setting(
    tmp_path: Path, rule: str, ae: str, established: bool, status: int | None
) -> None:
    with staged(tmp_path, unknown_calling_ae=rule) as stage:
        association = associate(stage.gateway.dimse_port, [], ae=ae)
        assert association.is_established is established
        association.abort()
        if status is not None:
            assert stage.send(tiny_object(), ae=ae) == [status]
            assert stage.gateway.drain(10)
            assert [row.state for row in stage.rows()] == ["held" if rule == "hold" else "stored"]


def test_a_route_that_passes_objects_as_they_are(tmp_path: Path) -> None:
    with staged(tmp_path, archives={"main": {"mode": "pass"}}) as stage:
        data = tiny_object(PatientID="0042")
        assert stage.send(data) == [UNCHANGED]
        assert stage.gateway.drain(10)
        assert stage.stored(data).PatientID == "0042"
        assert len(stage.rows()) == 1


def test_no_name_and_no_id_in_any_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Names, ids and dates are planted in good, refused and broken objects while every logger is at DEBUG."""
    planted = {
        "PatientName": "ZZPLANTED^NAME",
        "PatientID": "ZZPLANTED7",
        "PatientAddress": "1 RUE ZZPLANTED",
    }
    with caplog.at_level(logging.DEBUG), staged(tmp_path) as stage:
        stage.send(tiny_object(**planted))
        stage.send(tiny_object(IssuerOfPatientID="HOPB", **planted))
        stage.send(tiny_object(**planted | {"StudyInstanceUID": None}))
        send_bytes(stage, body_of(tiny_object(**planted))[:3000])
        uid = generate_uid()
        stage.send(tiny_object(SOPInstanceUID=uid, **planted), tiny_object(SOPInstanceUID=uid))
        assert stage.gateway.drain(10)
    assert "ZZPLANTED" not in caplog.text
    assert "1 RUE" not in caplog.text


def test_the_door_says_when_it_cannot_open(stage: Stage, tmp_path: Path) -> None:
    port = stage.gateway.dimse_port
    settings = stage.settings.model_copy(update={"dimse_port": port})
    scp = StoreScp(settings, stage.db, stage.gateway.spool, stage.gateway.reception, archive="main")
    with pytest.raises(Unavailable):
        assert scp.port
    with pytest.raises(MpiError, match=str(port)):
        scp.start()
    scp.stop()
