"""A gateway on a stage: a fresh index, a folder archive unless told, and modalities that send to it."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pydicom
from pynetdicom import AE
from pynetdicom.association import Association
from sqlalchemy import select

from mpi.flows.instances import Kept, with_state
from mpi.gateway.archives import Archive
from mpi.gateway.gateway import Gateway
from mpi.security.senders import add_authority, add_sender
from mpi.settings import Settings
from mpi.store.transaction import Database
from tests.flows.scene import make_matcher

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
STATES = ("spooled", "held", "stored", "conflict", "quarantined", "failed")


@dataclass
class Stage:
    """A running gateway and what stands around it."""

    settings: Settings
    db: Database
    gateway: Gateway

    @property
    def archive(self) -> Archive:
        return self.gateway.archive()

    def rows(self, *states: str) -> list[Kept]:
        with self.db.read() as tx:
            return with_state(tx, states or STATES)  # type: ignore[arg-type]

    def table(self, table: Any, *conditions: Any) -> list[dict[str, Any]]:
        with self.db.read() as tx:
            return [dict(row) for row in tx.execute(select(table).where(*conditions)).mappings()]

    def send(self, *objects: bytes, ae: str = "CT1") -> list[int]:
        """C-STORE statuses; -1 where no answer came."""
        return send(self.gateway.dimse_port, objects, ae=ae)

    def stored(self, data: bytes) -> pydicom.FileDataset:
        """What the archive has of an object that was sent."""
        sent = pydicom.dcmread(io.BytesIO(data))
        found = [
            self.archive.fetch(key)
            for key in self.archive.instances(str(sent.StudyInstanceUID))
            if key.sop_instance_uid == sent.SOPInstanceUID
        ]
        assert len(found) == 1, f"{len(found)} copies in the archive"
        assert found[0] is not None
        return pydicom.dcmread(io.BytesIO(found[0]))


def declare(db: Database) -> None:
    """Two hospitals with one modality each: CT1 speaks for A, MR2 for B."""
    with db.write() as tx:
        add_authority(tx, name="HOPITAL-A", at=AT, oid="1.2.250.1.999.1", label="HOPA")
        add_authority(tx, name="HOPITAL-B", at=AT, label="HOPB")
        add_sender(tx, name="ct", authorities=["HOPITAL-A"], at=AT, ae_title="CT1")
        add_sender(tx, name="mr", authorities=["HOPITAL-B"], at=AT, ae_title="MR2")


def settings_at(folder: Path, **changes: Any) -> Settings:
    """Settings with every port free."""
    return Settings(data_dir=folder, dimse_port=0, gateway_http_port=0, http_port=0, **changes)


@cache
def _template() -> bytes:
    """A database with schema and senders, made once a test process."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mpi.db"
        db = Database.open(f"sqlite:///{path}")
        db.upgrade()
        declare(db)
        db.close()
        return path.read_bytes()


def open_index(settings: Settings) -> Database:
    """The embedded database, a copy of the template when it is new."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = settings.data_dir / "mpi.db"
    if not path.exists():
        path.write_bytes(_template())
    return Database.open(settings.url)


@contextmanager
def staged(folder: Path, *, paused: bool = False, **changes: Any) -> Iterator[Stage]:
    """A gateway that runs until the block ends; the folder keeps what it left."""
    settings = settings_at(folder, **changes)
    db = open_index(settings)
    gateway = Gateway(settings, db, make_matcher())
    if paused:
        gateway.pause()
    gateway.start()
    try:
        yield Stage(settings, db, gateway)
    finally:
        gateway.stop()
        db.close()


def associate(port: int, objects: Sequence[bytes], *, ae: str = "CT1", called: str = "MPI") -> Association:
    """An association with the contexts that these objects need, TCP_NODELAY set."""
    entity = AE(ae_title=ae)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
    wanted = {("1.2.840.10008.1.1", "1.2.840.10008.1.2")}
    for data in objects:
        meta = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True).file_meta
        wanted.add((meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID))
    for sop_class, syntax in sorted(wanted):
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate("127.0.0.1", port, ae_title=called)
    if association.is_established:
        association.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return association


def await_reactor(association: Association) -> None:
    """Waits until pynetdicom's reactor is awake again: else it may take the next answer away from us."""
    while association._is_paused and association.is_established:
        time.sleep(0.0005)


def send(port: int, objects: Sequence[bytes], *, ae: str = "CT1") -> list[int]:
    """Sends Part 10 objects over one association; the status of each, -1 where no answer came."""
    association = associate(port, objects, ae=ae)
    if not association.is_established:
        return [-1] * len(objects)
    statuses = []
    for data in objects:
        try:
            await_reactor(association)
            answer = association.send_c_store(pydicom.dcmread(io.BytesIO(data)))
        except RuntimeError:  # the association has ended
            statuses.append(-1)
        else:
            statuses.append(int(answer.Status) if "Status" in answer else -1)
    if association.is_established:
        association.release()
    return statuses
