"""Both archives keep the same promises: stored once, read back, never overwritten."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from pydicom.uid import generate_uid

from mpi.gateway.archives import (
    Archive,
    ArchiveAway,
    ArchiveDiffers,
    ArchiveRefuses,
    InstanceKey,
    blocks,
    is_uid,
    open_archive,
)
from mpi.gateway.archives.folder import FolderArchive
from mpi.gateway.archives.orthanc import OrthancArchive
from mpi.settings import ArchiveSettings
from tests.conftest import RunningOrthanc
from tests.gateway.samples import small_object


@pytest.fixture(params=["folder", pytest.param("orthanc", marks=pytest.mark.needs("orthanc"))])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    opened: Archive
    if request.param == "folder":
        opened = FolderArchive(tmp_path / "archive")
    else:
        opened = OrthancArchive(request.getfixturevalue("orthanc").url)
    yield opened
    opened.close()


def fresh_key() -> InstanceKey:
    return InstanceKey(
        study_instance_uid=generate_uid(),
        series_instance_uid=generate_uid(),
        sop_instance_uid=generate_uid(),
    )


def object_of(key: InstanceKey, **elements: object) -> bytes:
    return small_object(
        StudyInstanceUID=key.study_instance_uid,
        SeriesInstanceUID=key.series_instance_uid,
        SOPInstanceUID=key.sop_instance_uid,
        **elements,
    )


def test_an_object_is_stored_once_and_read_back(archive: Archive) -> None:
    key = fresh_key()
    data = object_of(key)
    archive.check()
    assert archive.fetch(key) is None
    assert archive.store(key, [data[:200], memoryview(data)[200:]]) is True
    assert archive.store(key, [data]) is False, "already there, byte for byte"
    assert archive.fetch(key) == data
    assert archive.studies() == [key.study_instance_uid]
    assert archive.instances(key.study_instance_uid) == [key]
    assert archive.instances(generate_uid()) == []


def test_other_bytes_under_the_same_uid_change_nothing(archive: Archive) -> None:
    key = fresh_key()
    data = object_of(key)
    archive.store(key, [data])
    with pytest.raises(ArchiveDiffers):
        archive.store(key, [object_of(key, StudyDescription="other")])
    assert archive.fetch(key) == data


@pytest.mark.parametrize(
    ("uid", "reason"),
    [
        ("../../etc/passwd", "leaves the root"),
        ("/tmp/x", "absolute"),
        ("1.2.3/../..", "hidden in a UID"),
        ("..", "the parent"),
        ("1..2", "an empty component"),
        ("1.2.3\x00", "cut short by a null"),
        ("", "none"),
        ("1." * 40 + "1", "longer than 64"),
        ("١.٢", "digits, but not ASCII"),
    ],
)
def test_what_is_no_uid_is_never_a_file_name(tmp_path: Path, uid: str, reason: str) -> None:
    archive = FolderArchive(tmp_path / "archive")
    key = InstanceKey(study_instance_uid="1.2", series_instance_uid="1.3", sop_instance_uid=uid)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArchiveRefuses):
        archive.store(key, [b"x"])
    if uid:
        with pytest.raises(ArchiveRefuses):
            archive.store(
                InstanceKey(study_instance_uid=uid, series_instance_uid="1.3", sop_instance_uid="1.4"), [b"x"]
            )
    assert sorted(tmp_path.rglob("*")) == before, reason
    assert not is_uid(uid)


def test_an_object_without_a_patient_has_a_place_too(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    key = InstanceKey(study_instance_uid="", series_instance_uid="", sop_instance_uid="1.2.3")
    archive.store(key, [b"palette"])
    assert archive.fetch(key) == b"palette"
    assert archive.studies() == []


def test_two_writers_of_one_object_store_it_once(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    key, stored, start = fresh_key(), [], threading.Barrier(4)

    def write() -> None:
        start.wait()
        stored.append(archive.store(key, [b"x" * 100_000]))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored) == [False, False, False, True]


def test_a_folder_that_cannot_be_written_is_an_archive_that_is_away(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "archive")
    (tmp_path / "archive" / "1.2").write_text("a file where a folder should be")
    with pytest.raises(ArchiveAway):
        archive.store(
            InstanceKey(study_instance_uid="1.2", series_instance_uid="1.3", sop_instance_uid="1.4"), [b"x"]
        )
    (tmp_path / "plain").write_text("")
    with pytest.raises(ArchiveAway):
        FolderArchive(tmp_path / "plain")


def test_an_archive_that_does_not_answer_is_away() -> None:
    archive = OrthancArchive("http://127.0.0.1:9")
    for ask in (
        archive.check,
        archive.studies,
        lambda: archive.fetch(fresh_key()),
        lambda: archive.store(fresh_key(), [b"x"]),
    ):
        with pytest.raises(ArchiveAway):
            ask()


@pytest.mark.needs("orthanc")
def test_orthanc_refuses_what_is_not_dicom(orthanc: RunningOrthanc) -> None:
    with pytest.raises(ArchiveRefuses):
        OrthancArchive(orthanc.url).store(fresh_key(), [b"not DICOM"])


@pytest.mark.needs("orthanc")
@pytest.mark.parametrize("overwrite", [False, True], ids=["as it ships", "an Orthanc that overwrites"])
def test_one_uid_is_never_stored_twice_by_us_and_seen_when_somebody_did(
    tmp_path: Path, overwrite: bool
) -> None:
    server = RunningOrthanc(tmp_path, overwrite=overwrite)
    server.start()
    try:
        archive = OrthancArchive(server.url)
        key = fresh_key()
        first = object_of(key, PatientID="A")
        archive.store(key, [first])
        for other in (object_of(key, PatientID="A", StudyDescription="x"), object_of(key, PatientID="B")):
            with pytest.raises(ArchiveDiffers):
                archive.store(key, [other])
        assert archive.fetch(key) == first
        assert archive.instances(key.study_instance_uid) == [key]
        httpx.post(f"{server.url}/instances", content=object_of(key, PatientID="B")).raise_for_status()
        assert archive.instances(key.study_instance_uid) == [key, key]
        with pytest.raises(ArchiveRefuses):
            archive.fetch(key)
        with pytest.raises(ArchiveDiffers):
            archive.store(key, [first])
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("told", "well"),
    [({}, True), ({"OverwriteInstances": False}, True), ({"OverwriteInstances": True}, False)],
)
def test_an_orthanc_that_says_it_overwrites_is_not_well(told: dict[str, bool], well: bool) -> None:
    """Orthanc tells its setting from 1.12 on; the answer stands in for such a version."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"Version": "1.12.7", **told}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        archive = OrthancArchive(f"http://127.0.0.1:{server.server_port}")
        with nullcontext() if well else pytest.raises(ArchiveAway, match="OverwriteInstances"):
            archive.check()


def test_the_settings_name_the_driver(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    folder = open_archive("main", ArchiveSettings(), data_dir=tmp_path, connections=1)
    orthanc = open_archive(
        "main",
        ArchiveSettings(
            driver="orthanc", url="http://127.0.0.1:9", username="u", password_file=tmp_path / "password"
        ),
        data_dir=tmp_path,
        connections=1,
    )
    assert (type(folder), type(orthanc)) == (FolderArchive, OrthancArchive)
    assert (tmp_path / "archive" / "main").is_dir()
    with pytest.raises(ValueError, match="url"):
        open_archive("main", ArchiveSettings(driver="orthanc"), data_dir=tmp_path, connections=1)


def test_blocks_join_to_the_parts() -> None:
    parts = [b"a" * 10, b"", memoryview(b"b" * 25), b"c"]
    cut = list(blocks(parts, size=8))
    assert b"".join(cut) == b"".join(parts)
    assert {len(block) for block in cut[:-1]} == {8}
