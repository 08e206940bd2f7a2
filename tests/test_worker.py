"""Workers carry out the outbox: each effect by one at a time, failures later, a clean stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from mpi.errors import Unavailable
from mpi.store import outbox
from mpi.store.tables import outbox as table
from mpi.store.transaction import Database
from mpi.worker import Worker
from tests.support.databases import url_of

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SECRET = "BERTHELOT"


def add(db: Database, *keys: str) -> None:
    with db.write() as tx:
        for place, key in enumerate(keys):
            outbox.enqueue(tx, topic="archive", key=key, payload={"place": place}, at=NOW)


def rows(db: Database):
    with db.read() as tx:
        return tx.execute(select(table).order_by(table.c.id)).all()


def drain(worker: Worker) -> None:
    while worker.run_once():
        pass


def test_two_workers_share_the_work_and_keep_the_order_of_each_key(db) -> None:
    add(db, *(f"main:E{number % 7}" for number in range(60)))
    other = Database.open(url_of(db))
    done: list[tuple[str, int]] = []

    def handler(message) -> None:
        time.sleep(0.001)
        done.append((message.key, message.payload["place"]))

    workers = [Worker(db, {"archive": handler}), Worker(other, {"archive": handler})]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while len(done) < 60 and time.monotonic() < deadline:
        time.sleep(0.02)
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()
    other.close()
    assert sorted(place for _, place in done) == list(range(60)), "each once"
    for key in {key for key, _ in done}:
        places = [place for each, place in done if each == key]
        assert places == sorted(places)
    assert all(row.done_at and row.attempts == 1 and row.lease_token is None for row in rows(db))


def test_a_message_whose_worker_died_is_run_again_after_its_lease(db) -> None:
    add(db, "a")
    with db.write() as tx:  # the worker that dies
        outbox.claim(tx, topics=["archive"], at=NOW, lease=timedelta(seconds=60), token="dead")
    seen = []
    early = Worker(db, {"archive": seen.append}, clock=lambda: NOW + timedelta(seconds=59))
    later = Worker(db, {"archive": seen.append}, clock=lambda: NOW + timedelta(seconds=60))
    assert not early.run_once()
    assert later.run_once()
    assert [message.attempts for message in seen] == [2]


def test_a_worker_slower_than_its_lease_does_not_close_what_another_has(db, caplog) -> None:
    add(db, "a")
    clock = [NOW]
    seen = []

    def slow(message) -> None:
        clock[0] = NOW + timedelta(seconds=61)
        drain(Worker(db, {"archive": seen.append}, clock=lambda: clock[0]))

    drain(Worker(db, {"archive": slow}, clock=lambda: clock[0]))
    assert [message.attempts for message in seen] == [2]
    assert "after its lease" in caplog.text
    assert rows(db)[0].done_at == NOW + timedelta(seconds=61)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unavailable("The archive is away."), "unavailable: The archive is away."),
        (ValueError(SECRET), "ValueError"),
    ],
    ids=["ours", "foreign"],
)
def test_a_failing_handler_is_tried_again_later_and_its_text_is_not_kept(db, caplog, error, said) -> None:
    add(db, "a")

    def handler(message) -> None:
        raise error

    worker = Worker(db, {"archive": handler}, clock=lambda: NOW)
    assert worker.run_once()
    assert not worker.run_once(), "not before its pause is over"
    (row,) = rows(db)
    assert row.error == said
    assert NOW < row.available_at <= NOW + timedelta(seconds=1)
    assert SECRET not in caplog.text


def test_the_last_failure_makes_a_dead_letter(db, caplog) -> None:
    add(db, "a")
    clock = [NOW]

    def handler(message) -> None:
        raise Unavailable("The archive is away.")

    worker = Worker(db, {"archive": handler}, clock=lambda: clock[0])
    for _ in range(outbox.ATTEMPTS_ALLOWED + 3):
        worker.run_once()
        clock[0] += timedelta(hours=2)
    (row,) = rows(db)
    assert row.attempts == outbox.ATTEMPTS_ALLOWED
    assert row.dead_at is not None
    assert caplog.text.count("given up") == 1


def test_a_worker_waits_for_a_database_that_is_away(tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr("mpi.worker.PAUSE", 0.01)
    worker = Worker(Database.open(f"sqlite:///{tmp_path / 'none' / 'mpi.db'}"), {"archive": print})
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + 10
    while caplog.text.count("out of reach") < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    worker.stop()
    thread.join(timeout=10)
    assert caplog.text.count("out of reach") >= 3


PROGRAM = """
    import signal, sys, time
    from mpi.store.transaction import Database
    from mpi.worker import Worker

    def handler(message):
        print("started", message.payload["place"], flush=True)
        time.sleep(0.5)
        print("finished", message.payload["place"], flush=True)

    worker = Worker(Database.open(sys.argv[1]), {"archive": handler})
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()
    print("stopped", flush=True)
"""


def test_sigterm_ends_a_worker_after_the_message_at_hand_and_kill_loses_none(sqlite_db) -> None:
    add(sqlite_db, "a", "a", "a")

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", textwrap.dedent(PROGRAM), url_of(sqlite_db)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}
        )

    process = start()
    assert process.stdout is not None
    assert process.stdout.readline() == "started 0\n"
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=20)
    assert rest == "finished 0\nstopped\n"
    assert process.returncode == 0

    process = start()
    assert process.stdout is not None
    assert process.stdout.readline() == "started 1\n"
    process.kill()
    process.communicate(timeout=20)
    seen = []
    clock = datetime.now(UTC) + timedelta(minutes=2)
    drain(Worker(sqlite_db, {"archive": seen.append}, clock=lambda: clock))
    assert [(message.payload["place"], message.attempts) for message in seen] == [(1, 2), (2, 1)]
