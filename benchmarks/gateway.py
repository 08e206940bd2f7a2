"""The gateway to its acknowledgement, beside a plain pynetdicom SCP that only writes and synchronises.

Both run in processes of their own on the same disk and take the same objects from the same sender, a third
process, with TCP_NODELAY on both sides; every object has its own UIDs and CT pixels of 0.5 MB. The goal is
against a peer that takes PDUs as large as ours: large ones alone are worth a third. Forwarding is paused for
the ratio; the rate with forwarding into a folder archive on is told beside it, and how much memory it
holds after 2,000 objects against after 200.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from benchmarks import Row
from mpi.gateway.scp import MAXIMUM_PDU

OBJECTS = 200  # of one measurement
ROUNDS = 3  # the best one counts, the load of other programs being what it is
LONG_RUN = 2000
USUAL_PDU = 16_382  # bytes; what pynetdicom offers unless told
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"

_spawn = multiprocessing.get_context("spawn")


def plain_scp(folder: str, pipe: Connection, pdu: int) -> None:
    """The peer: what pynetdicom's manual shows, with fsync and without Nagle's delay. `pdu` is in bytes."""
    from pynetdicom import AE, AllStoragePresentationContexts, _config, evt

    _config.LOG_HANDLER_LEVEL = "none"

    def store(event: evt.Event) -> int:
        descriptor = os.open(f"{folder}/{uuid.uuid4().hex}", os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(descriptor, event.encoded_dataset())
        os.fsync(descriptor)
        os.close(descriptor)
        return 0x0000

    def without_delay(event: evt.Event) -> None:
        transport: Any = event.assoc.dul.socket
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    entity = AE(ae_title="MPI")
    entity.maximum_associations = 20
    entity.maximum_pdu_size = pdu
    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        contexts=AllStoragePresentationContexts,
        evt_handlers=[(evt.EVT_C_STORE, store), (evt.EVT_CONN_OPEN, without_delay)],
    )
    assert server is not None
    pipe.send(server.server_address[1])
    pipe.recv()


def gateway(folder: str, pipe: Connection, paused: bool) -> None:
    """Ours, on SQLite, with a folder archive."""
    from mpi.flows.matcher import Matcher
    from mpi.gateway.gateway import Gateway
    from mpi.settings import Settings
    from mpi.store.transaction import Database

    settings = Settings(data_dir=Path(folder), dimse_port=0)
    db = Database.open(settings.url)
    db.upgrade()
    running = Gateway(settings, db, Matcher.from_settings(settings))
    if paused:
        running.pause()
    running.start()
    pipe.send(running.dimse_port)
    pipe.recv()
    pipe.send(running.drain(0 if paused else 120))
    running.stop()


def sender(pipe: Connection, ready: Connection) -> None:
    """Sends when told (port, associations, objects) and answers with the seconds that it took."""
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid
    from pynetdicom import AE

    def made(patient: str, number: int) -> list[Dataset]:
        study, series, pixels = generate_uid(), generate_uid(), os.urandom(512 * 512 * 2)
        return [_ct(patient, study, series, generate_uid(), pixels) for _ in range(number)]

    def run(port: int, objects: list[Dataset], start: threading.Barrier) -> None:
        entity = AE(ae_title="CT1")
        entity.maximum_pdu_size = 0
        entity.add_requested_context(CT, EXPLICIT)
        association = entity.associate("127.0.0.1", port, ae_title="MPI")
        transport: Any = association.dul.socket
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start.wait()
        for one in objects:
            while association._is_paused and association.is_established:
                time.sleep(
                    0.0002
                )  # pynetdicom's reactor must be awake again, or it may take the next answer away
            status = association.send_c_store(one).Status
            assert status in (0x0000, 0xB000), hex(status)
        association.release()

    ready.send(True)
    while (told := pipe.recv()) is not None:
        port, associations, number = told
        shares = [made(uuid.uuid4().hex[:12], number // associations) for _ in range(associations)]
        start = threading.Barrier(associations + 1)
        threads = [threading.Thread(target=run, args=(port, share, start)) for share in shares]
        for thread in threads:
            thread.start()
        start.wait()
        began = time.perf_counter()
        for thread in threads:
            thread.join()
        ready.send(time.perf_counter() - began)


def _ct(patient: str, study: str, series: str, instance: str, pixels: bytes) -> Any:
    """One CT slice, read back as a data set that pynetdicom can send."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    one.file_meta.MediaStorageSOPClassUID = UID(CT)
    one.file_meta.MediaStorageSOPInstanceUID = UID(instance)
    one.SOPClassUID, one.SOPInstanceUID = CT, instance
    one.StudyInstanceUID, one.SeriesInstanceUID, one.Modality = study, series, "CT"
    one.PatientName, one.PatientID, one.PatientBirthDate, one.PatientSex = (
        "BENCH^MARK",
        patient,
        "19580228",
        "F",
    )
    one.StudyDate, one.StudyTime, one.AccessionNumber = "20261124", "080000", ""
    one.Rows = one.Columns = 512
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.PixelData = pixels
    out = io.BytesIO()
    one.save_as(out, enforce_file_format=True)
    return pydicom.dcmread(io.BytesIO(out.getvalue()))


@contextmanager
def running(target: Any, *arguments: Any) -> Iterator[tuple[int, psutil.Process, Connection]]:
    """A server in a process of its own, in a fresh folder: its port, the process, the line to it."""
    with tempfile.TemporaryDirectory(prefix="mpi-bench-") as folder:
        near, far = _spawn.Pipe()
        process = _spawn.Process(target=target, args=(folder, far, *arguments))
        process.start()
        try:
            yield near.recv(), psutil.Process(process.pid), near
        finally:
            near.send("stop")
            process.join(180)


class Modality:
    """The sender's process."""

    def __enter__(self) -> Modality:
        self._pipe, pipe = _spawn.Pipe()
        self._answers, answers = _spawn.Pipe()
        self._process = _spawn.Process(target=sender, args=(pipe, answers))
        self._process.start()
        self._answers.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(None)
        self._process.join(30)

    def rate(self, port: int, associations: int, number: int = OBJECTS) -> float:
        """Objects a second."""
        self._pipe.send((port, associations, number))
        return float(number / self._answers.recv())


def run() -> list[Row]:
    """Rates at 1 and 4 associations, forwarding paused and on, and memory over a long run."""
    rows: list[Row] = []
    with (
        Modality() as modality,
        running(plain_scp, USUAL_PDU) as (plain, _, _),
        running(plain_scp, MAXIMUM_PDU) as (plain_large, _, _),
        running(gateway, True) as (paused, _, _),
        running(gateway, False) as (forwarding, process, line),
    ):
        comparisons = (
            ("gateway, forwarding paused", paused, plain_large, "pynetdicom, our PDU size", "at least 0.85"),
            ("gateway, forwarding paused", paused, plain, "pynetdicom, its usual PDU size", None),
            ("gateway, forwarding on", forwarding, plain_large, "pynetdicom, our PDU size", None),
        )
        for associations in (1, 4):
            rates: dict[int, list[float]] = {plain: [], plain_large: [], paused: [], forwarding: []}
            for port in rates:
                modality.rate(port, associations, 40)  # warm
            for _ in range(ROUNDS):
                for port, measured in rates.items():
                    measured.append(modality.rate(port, associations))
            for name, ours, peer, peer_name, goal in comparisons:
                rows.append(
                    Row(
                        benchmark=name,
                        load=f"0.5 MB CT, associations: {associations}",
                        ours=max(rates[ours]),
                        peer=max(rates[peer]),
                        peer_name=peer_name,
                        unit="objects/s",
                        ratio=max(rates[ours]) / max(rates[peer]),
                        goal=goal,
                    )
                )
        rows.append(_memory(modality, forwarding, process))
        line.send("drain")
        assert line.recv(), "what was sent did not reach the archive"
    return rows


def _memory(modality: Modality, port: int, process: psutil.Process) -> Row:
    """Resident memory after a long run against after its first tenth."""
    modality.rate(port, 4, LONG_RUN // 10)
    first = process.memory_info().rss / 1e6
    for _ in range(9):
        modality.rate(port, 4, LONG_RUN // 10)
    last = process.memory_info().rss / 1e6
    return Row(
        benchmark="gateway, memory",
        load=f"{LONG_RUN:,} objects of 0.5 MB, forwarding on",
        ours=last,
        peer=first,
        peer_name=f"itself after {LONG_RUN // 10} more objects",
        unit="MB resident",
        ratio=last / first,
        goal="flat: at most 1.2",
    )
