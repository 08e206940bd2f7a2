"""Faults inside the gateway: one object's, one disk's or one commit's is nobody else's."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from mpi.errors import Unavailable
from mpi.flows import instances, intake
from mpi.flows.matcher import Ids
from mpi.gateway import forward, outgoing, reception
from mpi.gateway.answers import Answer
from mpi.gateway.gateway import Gateway
from mpi.gateway.outgoing import SPLIT_STUDY
from mpi.gateway.reading import ELSEWHERE, KINDS, Incoming, read
from mpi.gateway.spool import SpoolTaken
from mpi.store.tables import nir_count
from tests.flows.scene import make_matcher
from tests.gateway.samples import small_object, tiny_object
from tests.gateway.stage import AT, Stage, staged
from tests.gateway.test_nir_door import NIR, on_disk
from tests.gateway.test_outages import moody, uid_of, wait_until
from tests.gateway.test_scp import CT, EXPLICIT, body_of

ACCEPTED, KEPT = 0xB000, 0x0000


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((forward, "PAUSE_FIRST"), (reception, "RETRY_FIRST")):
        monkeypatch.setattr(module, name, 0.05)
    monkeypatch.setattr(forward, "PAUSE_LONGEST", 0.1)


def take(stage: Stage, body: bytes, **announced: str) -> Answer:
    """A data set handed to the reception as the DICOM door does."""
    return stage.gateway.reception.take(
        Incoming(
            data=body,
            door="dimse",
            archive="main",
            transfer_syntax=EXPLICIT,
            peer="127.0.0.1",
            **{"calling_ae": "CT1"} | announced,
        )
    )


def test_a_second_gateway_on_the_same_folder_does_not_start(tmp_path: Path) -> None:
    with staged(tmp_path, paused=True) as stage:
        stage.send(tiny_object())
        with pytest.raises(SpoolTaken):
            Gateway(stage.settings, stage.db, make_matcher())
        stage.gateway.resume()
        assert stage.gateway.drain(10)
        assert [row.state for row in stage.rows()] == ["stored"]


def test_an_object_that_breaks_its_registration_ends_only_its_own_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a crash between the file and its row: both wait in line, the first one raises."""
    poison, good = tiny_object(PatientID="A"), tiny_object(PatientID="B")
    with staged(tmp_path) as stage:
        monkeypatch.setattr(stage.gateway.reception, "_register", lambda _arrival: Answer.KEPT)
        stage.send(poison, good)
    real = intake.adopt

    def adopt(tx: Any, arrival: Any, *rest: Any, **named: Any) -> Any:
        if arrival.header.sop_instance_uid == uid_of(poison):
            raise OverflowError("date value out of range")
        return real(tx, arrival, *rest, **named)

    monkeypatch.setattr(intake, "adopt", adopt)
    with staged(tmp_path) as stage:
        assert stage.gateway.drain(10)
        assert stage.gateway.check() == {}
        wait_until(lambda: len(stage.rows("stored", "quarantined")) == 2)
        assert {row.sop_instance_uid: (row.state, row.reason) for row in stage.rows()} == {
            uid_of(poison): ("quarantined", "OverflowError"),
            uid_of(good): ("stored", None),
        }
        assert stage.send(tiny_object(PatientID="C")) == [ACCEPTED], "new objects do not wait behind it"


def test_a_study_date_at_the_end_of_time_is_no_reason_to_refuse(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        late = {"StudyDate": "99991231", "StudyTime": "235959", "TimezoneOffsetFromUTC": "-0100"}
        assert stage.send(tiny_object(**late)) == [ACCEPTED]


def test_a_disk_that_cannot_be_written_ends_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with staged(tmp_path, spool_retention_hours=0) as stage:

        def read_only(*_: Any, **__: Any) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(stage.gateway.spool, "remove", read_only)
        assert stage.send(tiny_object(PatientID="A")) == [ACCEPTED]
        assert stage.gateway.drain(10)
        assert stage.send(tiny_object(PatientID="B")) == [ACCEPTED], "the writer still writes"
        assert stage.gateway.drain(10)
        assert stage.gateway.check() == {}
        assert [row.state for row in stage.rows()] == ["stored", "stored"]


def test_a_thread_that_has_ended_is_told(tmp_path: Path) -> None:
    stage: Stage
    with staged(tmp_path) as stage:
        assert stage.gateway.check() == {}
        stage.gateway._stopping.set()
        stage.gateway._housekeeper.join(5)
        assert "housekeeper" in stage.gateway.check()["threads"]


def test_an_object_that_breaks_its_rewriting_is_listed_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = {"StudyInstanceUID": generate_uid()}
    poison, good = tiny_object(**study), tiny_object(**study)
    real = outgoing.Outgoing.prepare

    def prepare(self: Any, row: Any, spooled: Any) -> Any:
        if row.sop_instance_uid == uid_of(poison):
            raise UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range")
        return real(self, row, spooled)

    monkeypatch.setattr(outgoing.Outgoing, "prepare", prepare)
    with staged(tmp_path) as stage:
        stage.send(poison, good)
        assert stage.gateway.drain(10)
        assert stage.gateway.check() == {}
        assert [(row.state, row.reason) for row in stage.rows()] == [
            ("failed", "UnicodeEncodeError"),
            ("stored", None),
        ]


def test_what_could_not_be_noted_in_the_middle_of_a_turn_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = instances.record_stored, iter([True] * 8)

    def failing(*arguments: Any, **named: Any) -> None:
        if next(failures, False):
            raise Unavailable("The database is away.")
        real(*arguments, **named)

    monkeypatch.setattr(instances, "record_stored", failing)
    study = {"StudyInstanceUID": generate_uid()}
    with moody(tmp_path, paused=True) as (stage, archive):
        stored = archive.store

        def slowly(*arguments: Any) -> bool:
            time.sleep(0.15)  # longer than the writer lingers: the note fails while the turn goes on
            return bool(stored(*arguments))

        monkeypatch.setattr(archive, "store", slowly)
        stage.send(*(tiny_object(**study) for _ in range(6)))
        stage.gateway.resume()
        assert stage.gateway.drain(20)
        assert {row.state for row in stage.rows()} == {"stored"}


@pytest.fixture
def sent_back() -> Callable[[Stage, bytes], bytes]:
    """The archive's own copy of an object, as the archive would send it."""

    def copy(stage: Stage, data: bytes) -> bytes:
        out = io.BytesIO()
        stage.stored(data).save_as(out, enforce_file_format=True)
        return out.getvalue()

    return copy


@pytest.mark.parametrize("hours", [24, 0], ids=["the original is here", "the original has left"])
@pytest.mark.parametrize(
    ("ae", "own_copy"),
    [("CT1", False), ("CT1B", False), ("ARCHIVE", True), ("CT1", True)],
    ids=["the same caller", "another caller", "our copy from the archive", "our copy from the modality"],
)
def test_a_resend_changes_neither_the_row_nor_the_archive(
    tmp_path: Path, hours: float, ae: str, own_copy: bool, sent_back: Callable[[Stage, bytes], bytes]
) -> None:
    data = tiny_object()
    with staged(tmp_path, spool_retention_hours=hours) as stage:
        stage.send(data)
        assert stage.gateway.drain(10)
        before, (row,) = stage.stored(data), stage.rows()
        files = {name: _bytes_of(stage, name) for name in stage.gateway.spool.ids()}
        stage.send(sent_back(stage, data) if own_copy else data, ae=ae)
        assert stage.gateway.drain(10)
        wait_until(lambda: not stage.rows("spooled"))
        after = next(one for one in stage.rows() if one.instance_id == row.instance_id)
        assert (after.state, after.reason, after.patient_id_written) == (
            "stored",
            None,
            row.patient_id_written,
        )
        assert stage.stored(data).to_json_dict() == before.to_json_dict()
        assert stage.stored(data).file_meta == before.file_meta
        for name, content in files.items():
            assert _bytes_of(stage, name) == content, "the original that was kept is the one that came first"


def _bytes_of(stage: Stage, name: str) -> bytes:
    with stage.gateway.spool.open(name) as spooled:
        return bytes(spooled.part10)


def test_an_archive_that_takes_nothing_makes_no_object_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk is full and it answers all the same: objects wait, however often they were tried."""
    monkeypatch.setattr(forward, "TRIES_OF_ONE_OBJECT", 2)
    full, other = tiny_object(PatientID="A"), tiny_object(PatientID="B")
    with moody(tmp_path) as (stage, archive):
        archive.fails = {uid_of(full), uid_of(other)}
        stage.send(full, other)
        wait_until(lambda: all(row.attempts > 4 for row in stage.rows()), 20)
        assert {row.state for row in stage.rows()} == {"spooled"}
        archive.fails.clear()
        assert stage.gateway.drain(20)
        assert {row.state for row in stage.rows()} == {"stored"}


def test_a_study_is_not_split_under_two_identifiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = {"StudyInstanceUID": generate_uid()}
    first, late = tiny_object(**study), tiny_object(**study)
    with staged(tmp_path) as stage:
        stage.send(first)
        assert stage.gateway.drain(10)
        (row,) = stage.rows("stored")
        with stage.db.write() as tx:  # as a link since then would leave it
            instances.move(
                tx, row.instance_id, state="stored", reason=None, patient_id_written="E0EARLIER0ID000"
            )
        stage.send(late)
        assert stage.gateway.drain(10)
        (held,) = stage.rows("held")
        assert held.reason == SPLIT_STUDY
        assert len(stage.archive.instances(study["StudyInstanceUID"])) == 1
        with stage.db.write() as tx:  # once the study bears one identifier again
            instances.move(
                tx,
                row.instance_id,
                state="stored",
                reason=None,
                patient_id_written=row.patient_id_written,
            )
            instances.release(tx, held.instance_id, actor="user:op", reason="whole", at=AT, ids=Ids.system())
        wait_until(lambda: len(stage.rows("stored")) == 2)


def with_many_numbers(items: int) -> bytes:
    """A sequence of many items, each with a social security number; the data set as it travels."""
    dataset = pydicom.dcmread(io.BytesIO(tiny_object()))
    one = Dataset()
    one.CodeMeaning = NIR
    dataset.AnatomicRegionSequence = Sequence([one] * items)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_an_object_with_thousands_of_numbers_reaches_the_archive(tmp_path: Path) -> None:
    data = with_many_numbers(20_000)
    with staged(tmp_path) as stage:
        assert take(stage, body_of(data)) is Answer.COERCED
        assert stage.gateway.drain(20)
        assert [row.state for row in stage.rows()] == ["stored"]
        counted = stage.table(nir_count)
        assert [(row["field"], row["count"]) for row in counted] == [("(0008,2218).(0008,0104)", 20_000)]


def test_the_kinds_of_hits_that_are_noted_are_bounded() -> None:
    dataset = pydicom.dcmread(io.BytesIO(tiny_object()))
    dataset.add_new(0x00090010, "LO", "TESTS")
    for number in range(240):
        dataset.add_new(0x00091000 + number, "LO", NIR)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    hits = read(Incoming(data=out.getvalue(), door="dimse", archive="main")).hits
    assert len(hits) == 240
    assert len({hit.field for hit in hits}) == KINDS + 1
    assert hits[-1].field == ELSEWHERE


def test_rubbish_takes_no_room_from_good_objects(tmp_path: Path) -> None:
    with staged(tmp_path, spool_limit_mb=1, quarantine_limit_mb=1) as stage:
        answers = [take(stage, b"\xff" * 100_000 + str(n).encode()) for n in range(14)]
        assert set(answers) == {Answer.UNREADABLE}
        assert len(stage.gateway.spool.ids(shelf="quarantine")) == 9, "past the limit no copy is kept"
        assert stage.send(tiny_object()) == [ACCEPTED]


BROKEN = [
    ("a class that is not ASCII", {}, b"1.2.840.10008.5.1.4.1.1.\xe9", Answer.UNREADABLE),
    ("another class than announced", {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.4"}, None, Answer.MISMATCH),
    ("another instance than announced", {"sop_instance_uid": "1.2.3"}, None, Answer.MISMATCH),
]


@pytest.mark.parametrize(("why", "announced", "sop_class", "answer"), BROKEN, ids=[row[0] for row in BROKEN])
def test_what_is_not_what_it_says_is_put_aside(
    tmp_path: Path, why: str, announced: dict[str, str], sop_class: bytes | None, answer: Answer
) -> None:
    body = body_of(tiny_object())
    if sop_class is not None:
        body = body.replace(CT.encode() + b"\0", sop_class + b"\0" * (len(CT) + 1 - len(sop_class)), 1)
    with staged(tmp_path) as stage:
        assert take(stage, body, **announced) is answer, why
        wait_until(lambda: len(stage.rows()) == 1)
        (row,) = stage.rows("quarantined")
        assert stage.gateway.spool.holds(row.instance_id, shelf="quarantine")


def test_a_fault_while_reading_leaves_a_copy_for_an_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_opened: Any) -> bytes:
        raise RecursionError

    with staged(tmp_path) as stage:
        with monkeypatch.context() as patch:
            patch.setattr(reception, "read", broken)
            assert stage.send(tiny_object()) == [Answer.UNREADABLE.value]
        wait_until(lambda: [row.reason for row in stage.rows("quarantined")] == ["RecursionError"])
        assert stage.send(tiny_object()) == [ACCEPTED]


def test_an_object_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    with staged(tmp_path, max_body_mb=1) as stage:
        assert stage.send(small_object(PixelData=bytes(1_100_000))) == [Answer.NO_ROOM.value]
        assert stage.send(tiny_object()) == [ACCEPTED]
        assert len(stage.rows()) == 1


def test_a_caller_whose_title_is_a_social_security_number_leaves_no_trace(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        assert stage.send(tiny_object(), ae=NIR) == [Answer.NOT_ALLOWED.value]
        assert take(stage, b"\xff" * 500, calling_ae=NIR) is Answer.NOT_ALLOWED, "unreadable besides"
        wait_until(lambda: [row["field"] for row in stage.table(nir_count)] == ["calling_ae"])
        assert stage.rows() == []
    assert on_disk(tmp_path) == []
