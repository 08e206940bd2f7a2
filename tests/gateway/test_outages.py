"""Parts go away while objects arrive: nothing acknowledged is lost and the order is kept."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import generate_uid

from mpi.errors import Unavailable
from mpi.flows import instances
from mpi.flows.matcher import Ids
from mpi.gateway import forward, reception
from mpi.gateway.archives import ArchiveAway, ArchiveRefuses, InstanceKey, Parts
from mpi.gateway.archives.folder import FolderArchive
from mpi.gateway.gateway import Gateway
from tests.conftest import RunningOrthanc
from tests.flows.scene import make_matcher
from tests.gateway.samples import small_object, tiny_object
from tests.gateway.stage import AT, Stage, associate, open_index, settings_at, staged

ACCEPTED, KEPT, NO_ROOM = 0xB000, 0x0000, 0xA700


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come quickly."""
    for module, name in ((forward, "PAUSE_FIRST"), (reception, "RETRY_FIRST")):
        monkeypatch.setattr(module, name, 0.05)
    for module, name in ((forward, "PAUSE_LONGEST"), (reception, "RETRY_LONGEST")):
        monkeypatch.setattr(module, name, 0.1)


class Moody(FolderArchive):
    """A folder archive that can be told to be away, to refuse, or to fail for one object. Notes the order."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.away = False
        self.refuses: set[str] = set()
        self.fails: set[str] = set()
        self.order: list[InstanceKey] = []

    def store(self, key: InstanceKey, parts: Parts) -> bool:
        if self.away or key.sop_instance_uid in self.fails:
            raise ArchiveAway("told to be away")
        if key.sop_instance_uid in self.refuses:
            raise ArchiveRefuses("told to refuse")
        self.order.append(key)
        return super().store(key, parts)

    def check(self) -> None:
        if self.away:
            raise ArchiveAway("told to be away")


@contextmanager
def moody(folder: Path, **changes: Any) -> Any:
    """A stage whose archive is moody."""
    with staged(folder, **changes) as stage:
        archive = Moody(folder / "moody")
        stage.gateway._forwarders["main"].archive = archive
        yield stage, archive


def uid_of(data: bytes) -> str:
    return str(pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID)


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.01)


def test_the_archive_goes_away_and_comes_back(tmp_path: Path) -> None:
    studies = [generate_uid() for _ in range(3)]
    sent = [tiny_object(StudyInstanceUID=studies[n % 3], PatientID=f"P{n % 3}") for n in range(30)]
    with moody(tmp_path) as (stage, archive):
        archive.away = True
        assert set(stage.send(*sent)) == {ACCEPTED}, "an archive's trouble never reaches the modality"
        wait_until(lambda: any(row.attempts for row in stage.rows("spooled")))
        assert stage.gateway.check() == {"archive.main": "told to be away"}
        assert archive.order == []
        archive.away = False
        assert stage.gateway.drain(20)
        for study in studies:
            wanted = [
                uid_of(data) for data in sent if pydicom.dcmread(io.BytesIO(data)).StudyInstanceUID == study
            ]
            assert [
                key.sop_instance_uid for key in archive.order if key.study_instance_uid == study
            ] == wanted
        assert {row.state for row in stage.rows()} == {"stored"}


def test_an_object_that_is_refused_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    study = {"StudyInstanceUID": generate_uid()}
    first, refused, last = (tiny_object(**study) for _ in range(3))
    with moody(tmp_path) as (stage, archive):
        archive.refuses = {uid_of(refused)}
        stage.send(first, refused, last)
        assert stage.gateway.drain(10)
        assert [key.sop_instance_uid for key in archive.order] == [uid_of(first), uid_of(last)]
        (dead,) = stage.rows("failed")
        assert (dead.sop_instance_uid, dead.reason) == (uid_of(refused), "told to refuse")
        archive.refuses.clear()
        with stage.db.write() as tx:
            instances.release(tx, dead.instance_id, actor="user:op", reason="mended", at=AT, ids=Ids.system())
        wait_until(lambda: not stage.rows("failed", "spooled"))
        assert archive.order[-1].sop_instance_uid == uid_of(refused)


def test_an_object_that_fails_for_ever_does_not_hold_up_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "TRIES_OF_ONE_OBJECT", 3)
    poison, good = tiny_object(PatientID="A"), tiny_object(PatientID="B")
    with moody(tmp_path) as (stage, archive):
        archive.fails = {uid_of(poison)}
        stage.send(poison, good)
        assert stage.gateway.drain(20)
        assert {(row.sop_instance_uid, row.state) for row in stage.rows()} == {
            (uid_of(poison), "failed"),
            (uid_of(good), "stored"),
        }


def test_a_held_object_goes_on_when_an_operator_lets_it(tmp_path: Path) -> None:
    study = {"StudyInstanceUID": generate_uid()}
    with staged(tmp_path) as stage:
        other = tiny_object(PatientID="0043", PatientName="KERVADEC^JEAN", **study)
        assert stage.send(tiny_object(PatientID="0042", **study), other) == [ACCEPTED, KEPT]
        assert stage.gateway.drain(10)
        (held,) = stage.rows("held")
        with stage.db.write() as tx:
            instances.release(
                tx, held.instance_id, actor="user:op", reason="console", at=AT, ids=Ids.system()
            )
        wait_until(lambda: not stage.rows("held", "spooled"))
        assert len(stage.archive.instances(study["StudyInstanceUID"])) == 2
        first, second = (
            pydicom.dcmread(io.BytesIO(stage.archive.fetch(key) or b""))
            for key in stage.archive.instances(study["StudyInstanceUID"])
        )
        assert first.PatientID == second.PatientID


@contextmanager
def database_away(stage: Stage) -> Any:
    """Every transaction says that the database is out of reach."""

    @contextmanager
    def away() -> Any:
        raise Unavailable("The database is out of reach.")
        yield

    kept = stage.db.write, stage.db.read
    stage.db.write = stage.db.read = away  # type: ignore[method-assign]
    try:
        yield
    finally:
        stage.db.write, stage.db.read = kept  # type: ignore[method-assign]


def test_the_database_goes_away_and_comes_back(tmp_path: Path) -> None:
    study = {"StudyInstanceUID": generate_uid()}
    before, *during = (tiny_object(**study) for _ in range(6))
    with moody(tmp_path) as (stage, archive):
        assert stage.send(before) == [ACCEPTED]
        assert stage.gateway.drain(10)
        with database_away(stage):
            assert set(stage.send(*during[:-1])) <= {ACCEPTED, KEPT}
            time.sleep(0.3)
            assert stage.send(during[-1]) == [KEPT], "on the file alone"
            assert "database" in stage.gateway.check()
            assert len(archive.order) == 1, "in an outage everything holds"
        assert stage.gateway.drain(20)
        assert [key.sop_instance_uid for key in archive.order] == [uid_of(data) for data in (before, *during)]
        assert {row.state for row in stage.rows()} == {"stored"}


def test_a_gateway_starts_while_the_database_is_away(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    db = open_index(settings)
    gateway = Gateway(settings, db, make_matcher())
    stage = Stage(settings, db, gateway)
    with database_away(stage):
        gateway.start()
        assert stage.send(tiny_object()) == [KEPT]
    try:
        assert gateway.drain(10)
        assert [row.state for row in stage.rows()] == ["stored"]
    finally:
        gateway.stop()
        db.close()


def test_a_second_start_takes_up_what_the_first_left(tmp_path: Path) -> None:
    sent = [tiny_object(PatientID=f"P{n}") for n in range(5)]
    with staged(tmp_path, paused=True) as stage:
        stage.send(*sent)
        assert not stage.gateway.drain(0.1)
        kept = sorted(row.instance_id for row in stage.rows("spooled"))
        assert sorted(stage.gateway.spool.ids()) == kept
        # As after a crash between the file and its row, and one between the row and its file.
        with stage.db.write() as tx:
            tx.exec_driver_sql("DELETE FROM instance WHERE instance_id = ?", (kept[0],))
        stage.gateway.spool.remove(kept[1])
    with staged(tmp_path) as stage:
        assert stage.gateway.drain(10)
        states = {row.instance_id: (row.state, row.reason) for row in stage.rows()}
        assert states.pop(kept[1]) == ("failed", forward.MISSING_FILE), "an alarm, never silence"
        assert set(states.values()) == {("stored", None)}
        assert len(states) == 4


def test_a_file_that_is_cut_or_turned_is_listed_and_not_sent(tmp_path: Path) -> None:
    with staged(tmp_path, paused=True) as stage:
        stage.send(tiny_object())
        (whole,) = stage.gateway.spool.ids()
        path = tmp_path / "spool" / "objects" / whole
        content = path.read_bytes()
    (tmp_path / "spool" / "objects" / "cut").write_bytes(content[:3000])
    (tmp_path / "spool" / "objects" / "turned").write_bytes(content[:-4] + b"\0\1\2\3")
    with staged(tmp_path) as stage:
        assert stage.gateway.drain(10)
        assert [row.state for row in stage.rows("stored", "spooled", "failed")] == ["stored"]
        wait_until(lambda: len(stage.rows("quarantined")) == 2)
        reasons = {row.instance_id: row.reason or "" for row in stage.rows("quarantined")}
        assert "length" in reasons["cut"]
        assert "checksum" in reasons["turned"]


def test_a_file_that_lost_its_end_after_it_was_promised_is_listed_as_damaged(tmp_path: Path) -> None:
    with staged(tmp_path, paused=True) as stage:
        stage.send(tiny_object())
        (name,) = stage.gateway.spool.ids()
    path = tmp_path / "spool" / "objects" / name
    kept = path.read_bytes()[:3000]
    path.write_bytes(kept)
    with staged(tmp_path) as stage:
        wait_until(lambda: [row.state for row in stage.rows()] == ["quarantined"])
        assert "length" in (stage.rows()[0].reason or "")
    assert (tmp_path / "spool" / "quarantine" / name).read_bytes() == kept


def test_delivered_originals_leave_after_their_time(tmp_path: Path) -> None:
    with staged(tmp_path / "none", spool_retention_hours=0) as stage:
        stage.send(tiny_object())
        assert stage.gateway.drain(10)
        assert stage.gateway.spool.ids() == []
    with staged(tmp_path / "some", spool_retention_hours=0.5 / 3600) as stage:
        stage.send(tiny_object())
        assert stage.gateway.drain(10)
        assert len(stage.gateway.spool.ids()) == 1
        wait_until(lambda: stage.gateway.spool.ids() == [])


def test_a_resend_after_its_original_left_is_stored_again(tmp_path: Path) -> None:
    data = tiny_object()
    with staged(tmp_path, spool_retention_hours=0) as stage:
        stage.send(data)
        assert stage.gateway.drain(10)
        (key,) = stage.archive.instances(str(pydicom.dcmread(io.BytesIO(data)).StudyInstanceUID))
        first = stage.archive.fetch(key)
        path = tmp_path / "archive" / "main" / key.study_instance_uid / key.series_instance_uid
        (path / f"{key.sop_instance_uid}.dcm").unlink()
        assert stage.send(data) == [ACCEPTED]
        assert stage.gateway.drain(10)
        assert stage.archive.fetch(key) == first, "the same bytes"
        assert len(stage.rows()) == 1


def test_a_full_spool_refuses_then_turns_associations_away_and_opens_again(tmp_path: Path) -> None:
    with staged(tmp_path, paused=True, spool_limit_mb=1, spool_retention_hours=24) as stage:
        statuses = stage.send(*(small_object(PixelData=bytes(128 * 128 * 2)) for _ in range(30)))
        assert statuses[0] == ACCEPTED
        assert statuses[-1] == NO_ROOM, "above 80 percent"
        assert stage.gateway.check() == {"spool": "The spool is too full."}
        stage.gateway.spool._account(200_000)
        assert not associate(stage.gateway.dimse_port, []).is_established, "above 90 percent"
        stage.gateway.spool._account(-200_000)
        stage.gateway.resume()
        wait_until(lambda: stage.gateway.spool.accepting, 20)
        assert stage.send(tiny_object()) == [ACCEPTED], "delivered originals make room"
        acknowledged = [s for s in statuses if s == ACCEPTED]
        assert stage.gateway.drain(20)
        assert len(stage.rows("stored")) == len(acknowledged) + 1


def test_a_disk_error_is_refused_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with staged(tmp_path) as stage:
        full = threading.Event()
        real = stage.gateway.spool.put

        def put(*arguments: Any) -> None:
            if full.is_set():
                raise OSError(28, "No space left on device")
            real(*arguments)

        monkeypatch.setattr(stage.gateway.spool, "put", put)
        full.set()
        assert stage.send(tiny_object()) == [NO_ROOM]
        full.clear()
        assert stage.send(tiny_object()) == [ACCEPTED]
        assert len(stage.rows()) == 1


@pytest.mark.needs("orthanc")
def test_a_real_archive_stops_and_starts_again_in_the_middle(tmp_path: Path, orthanc: RunningOrthanc) -> None:
    archive = {"driver": "orthanc", "url": orthanc.url}
    studies = [generate_uid() for _ in range(4)]
    sent: Sequence[bytes] = [
        tiny_object(StudyInstanceUID=studies[n % 4], PatientID=f"P{n % 4}") for n in range(60)
    ]
    with staged(tmp_path, archives={"main": archive}) as stage:
        assert set(stage.send(*sent[:30])) == {ACCEPTED}
        orthanc.stop()
        assert set(stage.send(*sent[30:])) == {ACCEPTED}
        assert "archive.main" in stage.gateway.check()
        orthanc.start()
        assert stage.gateway.drain(30)
        stored = [key.sop_instance_uid for study in studies for key in stage.archive.instances(study)]
        assert sorted(stored) == sorted(uid_of(data) for data in sent), "each exactly once"
        assert {row.state for row in stage.rows()} == {"stored"}
        one = stage.stored(sent[0])
        assert one.IssuerOfPatientID == "MPI"
