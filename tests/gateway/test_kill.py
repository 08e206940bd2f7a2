"""A gateway that is killed at any moment loses nothing that it acknowledged, and stores nothing twice."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid

from tests.conftest import free_port
from tests.flows.scene import hand_made_model
from tests.gateway.samples import tiny_object
from tests.gateway.stage import open_index, send, settings_at, staged

OBJECTS, STUDIES, KILLS = 500, 10, 20


class Process:
    """`mpi gateway` in a process of its own, started again after each kill."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        model = folder / "model.json"
        hand_made_model().save(model)
        self._environment = {
            **os.environ,
            "MPI_MODEL": str(model),
            "MPI_DATA_DIR": str(folder / "data"),
            "MPI_DIMSE_PORT": str(self.port),
            "MPI_GATEWAY_HTTP_PORT": "0",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns at once; senders try until the door is open."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from mpi.cli import main; main()", "gateway"],
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def end(self, number: int) -> None:
        """Sends a signal and waits for the end."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(timeout=30)


def test_killed_twenty_times_while_five_hundred_objects_are_sent(tmp_path: Path) -> None:
    studies = [generate_uid() for _ in range(STUDIES)]
    objects = [
        tiny_object(StudyInstanceUID=studies[n % STUDIES], PatientID=f"P{n % STUDIES}")
        for n in range(OBJECTS)
    ]
    settings = settings_at(tmp_path / "data")
    open_index(settings).close()
    process = Process(tmp_path)
    acknowledged: list[bytes] = []
    dice = random.Random(20)
    moments = sorted(dice.sample(range(5, OBJECTS - 10), KILLS))  # by number of acknowledgements

    def modality(mine: list[bytes]) -> None:
        """Sends until every object is acknowledged, over a new association after each fall."""
        while mine:
            statuses = send(process.port, mine[:25])
            for data, status in zip(list(mine[:25]), statuses, strict=True):
                if status in (0x0000, 0xB000):
                    acknowledged.append(data)
                    mine.remove(data)
            if -1 in statuses:
                time.sleep(0.05)

    process.start()
    modalities = [threading.Thread(target=modality, args=(objects[n::2],)) for n in range(2)]
    for thread in modalities:
        thread.start()
    for moment in moments:
        deadline = time.monotonic() + 30
        while len(acknowledged) < moment and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.03))
        process.end(signal.SIGKILL)
        process.start()
    for thread in modalities:
        thread.join(timeout=120)
    process.end(signal.SIGTERM)
    assert len(acknowledged) == OBJECTS

    with staged(tmp_path / "data") as stage:
        assert stage.gateway.drain(60)
        stored = Counter(key.sop_instance_uid for study in studies for key in stage.archive.instances(study))
        sent = {str(pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID) for data in acknowledged}
        assert stored == dict.fromkeys(sent, 1), "every acknowledged object is in the archive exactly once"
        assert {row.state for row in stage.rows()} == {"stored"}
        assert len(stage.rows()) == OBJECTS
