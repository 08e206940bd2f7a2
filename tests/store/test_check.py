"""`check` finds rows that lost the rows they speak of, and says nothing of a whole database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, text

from mpi.errors import Unavailable
from mpi.store import tables as t
from mpi.store.check import GUARDS, REFERENCES
from mpi.store.transaction import Database

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def one_of_everything(db: Database) -> None:
    with db.write() as tx:
        tx.execute(
            insert(t.authority).values(
                authority="A", label="A", sends_status=False, certified=False, created_at=NOW
            )
        )
        tx.execute(
            insert(t.source_record).values(
                record_id="r",
                authority="A",
                local_id="1",
                version=1,
                digest=bytes(32),
                e_id="E",
                unidentified=False,
                created_at=NOW,
            )
        )
        tx.execute(
            insert(t.record_version).values(
                record_id="r", version=1, raw={}, digest=bytes(32), told_at=NOW, sender="s", disputed=False
            )
        )
        tx.execute(insert(t.ledger_entry).values(position=0, entry_id="e", commitment=bytes(32), at=NOW))
        tx.execute(insert(t.ledger_body).values(position=0, salt=bytes(32), body="{}"))
        tx.execute(insert(t.identity).values(identity_id="E", record_id="r", position=0, minted_at=NOW))
        tx.execute(insert(t.membership).values(record_id="r", identity_id="E"))
        tx.execute(insert(t.blocking_key).values(key_hash=-(2**63), record_id="r", rule="name"))
        tx.execute(
            insert(t.decision).values(
                decision_id="d",
                record_id="r",
                version=1,
                outcome="new",
                identity_id="E",
                model="fr-1",
                policy="service",
                evidence=[],
                candidates=[],
                keys=[],
                reasons=[],
                at=NOW,
                actor="s",
            )
        )
        tx.execute(
            insert(t.study).values(
                study_instance_uid="1.2", record_id="r", decision_id="d", first_seen_at=NOW
            )
        )
        tx.execute(
            insert(t.assertion).values(
                assertion_id="a", position=0, kind="link", actor="s", manual=False, at=NOW
            )
        )
        tx.execute(
            insert(t.review).values(
                review_id="v",
                kind=1,
                group_key="g",
                state="open",
                record_id="r",
                identities=[],
                records=[],
                opened_at=NOW,
                version=1,
            )
        )


def test_a_whole_database_passes(db) -> None:
    assert db.check() == []
    one_of_everything(db)
    assert db.check() == []


def without_guards(db: Database, statement: str) -> None:
    """Runs one statement as an accident would: no foreign keys, no triggers."""
    if db.dialect == "postgresql":
        with db.write() as tx:
            tx.execute(text("SET LOCAL session_replication_role = replica"))
            tx.execute(text(statement))
        return
    import sqlite3

    assert db.path is not None
    with sqlite3.connect(db.path) as connection:
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement)
    connection.close()


LOST = [
    (
        "DELETE FROM source_record",
        {
            "membership without record",
            "blocking key without record",
            "record version without record",
            "identity without record",
            "decision without record",
            "study without record",
            "review of a missing record",
        },
    ),
    ("DELETE FROM record_version", {"record without version"}),
    ("DELETE FROM membership", {"record without membership"}),
    ("DELETE FROM identity", {"membership without identity", "record whose own identity is missing"}),
    ("DELETE FROM decision", {"study without decision"}),
    ("DELETE FROM ledger_entry", {"assertion without ledger entry", "ledger body without entry"}),
]


@pytest.mark.parametrize(("statement", "named"), LOST)
def test_a_lost_row_is_found(db, statement, named) -> None:
    one_of_everything(db)
    without_guards(db, statement)
    assert {said for said in db.check() if not said.startswith(("SQLite:", "The guard"))} == {
        f"{name.capitalize()}: 1 row." for name in named
    }


def test_every_reference_is_in_the_table_above() -> None:
    assert set.union(*(named for _, named in LOST)) == {name for name, *_ in REFERENCES}


def test_a_missing_table_and_an_old_schema_are_named(db) -> None:
    without_guards(db, "DROP TABLE nir_count")
    assert db.check() == ["The table nir_count is missing."]
    without_guards(db, "UPDATE alembic_version SET version_num = '0000'")
    (said,) = db.check()
    assert "revision 0000" in said


def test_an_empty_database_says_so(blank_url) -> None:
    db = Database.open(blank_url)
    if db.path is not None:
        assert db.check() == [f"There is no database at {db.path}."]
        assert not db.path.exists(), "looking makes no file"
        db.path.parent.mkdir()
        db.path.touch()
    assert "revision none" in db.check()[0]
    db.close()


def test_a_damaged_file_is_found(sqlite_db) -> None:
    one_of_everything(sqlite_db)
    assert sqlite_db.path is not None
    with sqlite_db.read() as tx:
        size = tx.execute(text("PRAGMA page_size")).scalar_one()
        page = tx.execute(
            text("SELECT rootpage FROM sqlite_master WHERE name = 'ix_review_group_key_state'")
        ).scalar_one()
    sqlite_db.close()
    with sqlite_db.path.open("r+b") as file:
        file.seek((page - 1) * size + 8)
        file.write(b"\xff" * 200)
    assert any(line.startswith("SQLite:") for line in sqlite_db.check())


def test_a_file_that_is_no_database_is_unavailable(tmp_path) -> None:
    path = tmp_path / "mpi.db"
    path.write_bytes(b"<html>" * 1000)
    with pytest.raises(Unavailable, match="damaged"):
        Database.open(f"sqlite:///{path}").check()


def guards(db: Database) -> set[str]:
    """The triggers that the schema made."""
    names = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    with db.read() as tx:
        return set(tx.execute(text(names[db.dialect])).scalars())


def test_every_guard_that_the_schema_makes_is_looked_for(db) -> None:
    assert set(GUARDS[db.dialect]) == guards(db)


def test_a_guard_that_is_gone_is_found(sqlite_db) -> None:
    for name in sorted(guards(sqlite_db)):
        with sqlite_db.write() as tx:
            tx.execute(text(f"DROP TRIGGER {name}"))
    assert set(sqlite_db.check()) == {
        f"The guard {name} of append-only rows is missing." for name in GUARDS["sqlite"]
    }


@pytest.mark.needs("postgresql")
def test_a_guard_that_is_asleep_is_found(postgresql_db) -> None:
    with postgresql_db.write() as tx:
        tx.execute(text("ALTER TABLE assertion DISABLE TRIGGER assertion_no_delete"))
    try:
        assert postgresql_db.check() == ["The guard assertion_no_delete of append-only rows is missing."]
    finally:
        with postgresql_db.write() as tx:
            tx.execute(text("ALTER TABLE assertion ENABLE TRIGGER assertion_no_delete"))
    assert postgresql_db.check() == []
