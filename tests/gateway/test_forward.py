"""What leaves the gateway, what does not, and what an operator is told then."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mpi.flows import instances
from mpi.flows.matcher import Ids
from mpi.gateway import forward, queue
from mpi.gateway.queue import Queue
from mpi.gateway.reception import Recent
from tests.gateway.samples import tiny_object
from tests.gateway.stage import AT, staged


def signed() -> bytes:
    """An object with a digital signature over its Patient ID."""
    dataset = pydicom.dcmread(io.BytesIO(tiny_object()))
    item = Dataset()
    item.MACIDNumber, item.DigitalSignatureUID, item.Signature = 1, "1.2.3.9", b"0123"
    parameters = Dataset()
    parameters.MACIDNumber = 1
    parameters.DataElementsSigned = [0x00100020]
    dataset.DigitalSignaturesSequence = Sequence([item])
    dataset.MACParametersSequence = Sequence([parameters])
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.parametrize(("policy", "state"), [("hold", "held"), ("strip", "stored"), ("pass", "stored")])
def test_a_signature_that_would_break(tmp_path: Path, policy: str, state: str) -> None:
    data = signed()
    with staged(tmp_path, archives={"main": {"signature_policy": policy}}) as stage:
        stage.send(data)
        assert stage.gateway.drain(10)
        (row,) = stage.rows()
        assert row.state == state
        if policy == "pass":
            assert stage.stored(data).PatientID == "0042"


def test_an_archive_that_keeps_ids_gets_ours_beside_them(tmp_path: Path) -> None:
    archives = {"main": {"mode": "annotate", "write_a_id": True, "other_id_domains": ["HOPITAL-B"]}}
    with staged(tmp_path, archives=archives) as stage:
        born = {"PatientBirthDate": "19580228", "PatientSex": "F"}
        data = tiny_object(PatientID="0042", OtherPatientIDsSequence=None, **born)
        assert stage.send(data) == [0xB000]
        assert stage.send(data) == [0xB000], "a resend"
        assert stage.gateway.drain(10)
        after = stage.stored(data)
        assert after.PatientID == "0042"
        assert after.OtherPatientIDsSequence[0].PatientID.startswith("E")


def test_a_spool_file_that_vanishes_is_an_alarm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with staged(tmp_path, paused=True) as stage:
        stage.send(tiny_object())
        stage.gateway.drain(0.3)
        (name,) = stage.gateway.spool.ids()
        (tmp_path / "spool" / "objects" / name).unlink()
        stage.gateway.resume()
        assert stage.gateway.drain(10)
        assert [(row.state, row.reason) for row in stage.rows()] == [("failed", forward.MISSING_FILE)]
    assert "missing" in caplog.text


def test_a_spool_file_that_rots_is_put_aside_and_not_sent(tmp_path: Path) -> None:
    with staged(tmp_path, paused=True) as stage:
        stage.send(tiny_object())
        stage.gateway.drain(0.3)
        (name,) = stage.gateway.spool.ids()
        path = tmp_path / "spool" / "objects" / name
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(content)
        stage.gateway.resume()
        assert stage.gateway.drain(10)
        (row,) = stage.rows()
        assert row.state == "quarantined"
        assert stage.archive.studies() == []


def test_an_object_released_before_its_study_has_an_identity_is_identified_then(tmp_path: Path) -> None:
    with staged(tmp_path, unknown_calling_ae="hold") as stage:
        assert stage.send(tiny_object(), ae="NEW") == [0x0000]
        assert stage.gateway.drain(10)
        (held,) = stage.rows("held")
        with stage.db.write() as tx:
            instances.release(tx, held.instance_id, actor="user:op", reason="known", at=AT, ids=Ids.system())
        until = time.monotonic() + 10
        while [row.state for row in stage.rows()] != ["stored"]:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_what_the_database_could_not_note_is_sent_again_without_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "PAUSE_FIRST", 0.05)
    real, failures = instances.record_stored, iter([True, False])

    def once(*arguments: Any, **named: Any) -> None:
        if next(failures, False):
            raise OSError("the disk of the database")
        real(*arguments, **named)

    monkeypatch.setattr(instances, "record_stored", once)
    with staged(tmp_path) as stage:
        data = tiny_object()
        stage.send(data)
        until = time.monotonic() + 10
        while [row.state for row in stage.rows()] != ["stored"]:
            assert time.monotonic() < until
            time.sleep(0.05)
        stage.stored(data)


def test_quarantined_files_without_a_row_are_listed_at_the_next_start(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        stage.send(tiny_object(StudyInstanceUID=None))
        assert stage.gateway.drain(10)
        until = time.monotonic() + 5
        while not stage.rows("quarantined"):
            assert time.monotonic() < until
            time.sleep(0.02)
        with stage.db.write() as tx:
            tx.exec_driver_sql("DELETE FROM instance")
    with staged(tmp_path) as stage:
        until = time.monotonic() + 5
        while not stage.rows("quarantined"):
            assert time.monotonic() < until
            time.sleep(0.02)
        assert stage.rows()[0].reason == "no Study Instance UID"


def test_studies_take_turns_and_each_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "TURN", 2)
    waiting = Queue()
    for name in ("a1", "b1", "a2", "a3", "a1"):
        waiting.add(name[0], name)
    assert (len(waiting), "a1" in waiting) == (4, True), "what waits already waits once"
    assert waiting.take() == ("a", ["a1", "a2"])
    assert waiting.take() == ("b", ["b1"])
    waiting.add("a", "a4")
    waiting.give_back("b", 1)
    waiting.give_back("a", 1)
    assert waiting.take() == ("a", ["a2", "a3"]), "what was not done comes first again"
    waiting.give_back("a", 2)
    waiting.hold_off(0.1)
    started = time.monotonic()
    assert waiting.take() == ("a", ["a4"])
    assert time.monotonic() - started >= 0.09
    waiting.give_back("a", 1)
    taken: list[Any] = []
    idle = threading.Thread(target=lambda: taken.append(waiting.take()))
    idle.start()
    waiting.close()
    idle.join(5)
    assert taken == [None]


def test_the_last_uids_are_remembered() -> None:
    recent = Recent(size=2)
    assert [recent.add(uid) for uid in ("1", "2", "1", "3", "1")] == [True, True, False, True, True]
