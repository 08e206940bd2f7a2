"""What was acknowledged is there after the process, the server or the disk space has gone."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time

import pytest
from sqlalchemy import select, text

from mpi.errors import Unavailable
from mpi.ledger import entries
from mpi.store.tables import ledger_entry
from mpi.store.transaction import Database
from tests.support.databases import url_of

# Appends entries and, after each commit, says so in one write that a kill cannot split.
PROGRAM = """
    import os, sys
    from datetime import UTC, datetime
    from mpi.ledger.entries import append
    from mpi.store.transaction import Database

    db = Database.open(sys.argv[1])
    number = int(sys.argv[2])
    while True:
        entry = {"entry_id": f"e{number}", "actor": "user:x", "action": "test"}
        db.run_write(lambda tx: append(tx, entry, at=datetime.now(UTC), salt=os.urandom(32)))
        os.write(1, f"e{number}\\n".encode())
        number += 1
"""


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=pytest.mark.long)])
def test_a_killed_writer_loses_nothing_that_it_acknowledged(db, kills) -> None:
    acknowledged: list[str] = []
    for attempt in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), url_of(db), str(attempt * 1_000_000)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": "."},
        )
        assert process.stdout is not None
        acknowledged.append(process.stdout.readline().strip())
        time.sleep(0.02 + 0.013 * (attempt % 7))
        process.kill()
        acknowledged.extend(process.communicate(timeout=20)[0].split())
    with db.read() as tx:
        stored = tx.execute(select(ledger_entry.c.entry_id)).scalars().all()
        assert list(entries.check(tx)) == []
    assert len(acknowledged) == len(set(acknowledged)) >= kills
    assert set(acknowledged) <= set(stored)
    assert len(stored) - len(acknowledged) <= kills, "at most the one commit that was never acknowledged"
    assert db.check() == []


@pytest.mark.needs("postgresql")
def test_a_server_that_goes_away_has_every_commit_when_it_is_back(cluster, postgresql_db) -> None:
    with postgresql_db.write() as tx:
        tx.execute(text("INSERT INTO ledger_head VALUES ('other', 7)"))
    cluster.halt()
    with pytest.raises(Unavailable):
        postgresql_db.ping()
    cluster.serve()
    with postgresql_db.read() as tx:
        assert tx.execute(text("SELECT size FROM ledger_head WHERE log = 'other'")).scalar_one() == 7


def test_a_full_disk_refuses_and_work_goes_on_when_there_is_space_again(sqlite_db) -> None:
    def fill(tx) -> None:
        pages = tx.execute(text("PRAGMA page_count")).scalar_one()
        tx.execute(text(f"PRAGMA max_page_count = {pages + 1}"))
        for number in range(1000):
            tx.execute(text("INSERT INTO ledger_head VALUES (:log, 0)"), {"log": f"{number:04}" + "x" * 500})

    with pytest.raises(Unavailable):
        sqlite_db.run_write(fill)
    assert sqlite_db.check() == []
    sqlite_db.close()  # the limit was this connection's
    again = Database.open(url_of(sqlite_db))
    with again.write() as tx:
        assert tx.execute(text("SELECT count(*) FROM ledger_head")).scalar_one() == 1
        tx.execute(text("INSERT INTO ledger_head VALUES ('other', 0)"))
    again.close()
