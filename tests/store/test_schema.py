"""Migrations and tables describe one schema; what is only ever appended to cannot be changed."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine, insert, inspect, select, text

from mpi.store import schema
from mpi.store.tables import Instant, assertion, instant_text, ledger_body, ledger_entry, metadata
from mpi.store.transaction import Database, Refused

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def test_the_migrations_build_what_the_tables_say(db) -> None:
    with db.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        checks = {
            (table, check["name"])
            for table in metadata.tables
            for check in inspect(tx).get_check_constraints(table)
        }
    assert checks == {
        (table.name, str(check.name))
        for table in metadata.tables.values()
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }


def test_on_sqlite_both_ways_give_the_same_statements(sqlite_db, tmp_path) -> None:
    """Alembic's comparison does not see keys, WITHOUT ROWID, AUTOINCREMENT or the condition of an index."""

    def statements(connection) -> dict[str, list[str]]:
        rows = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type != 'trigger' AND sql IS NOT NULL")
        )
        words = {name: sorted(re.findall(r"[^\s,()]+", sql)) for name, sql in rows}
        return {name: found for name, found in words.items() if not name.startswith("alembic")}

    plain = create_engine(f"sqlite:///{tmp_path / 'plain.db'}")
    metadata.create_all(plain)
    with plain.connect() as created, sqlite_db.read() as migrated:
        assert statements(migrated) == statements(created)


def test_upgrading_twice_changes_nothing(blank_url) -> None:
    db = Database.open(blank_url)
    for _ in range(2):
        db.upgrade()
        with db.read() as tx:
            assert schema.current(tx) == schema.head()
    assert db.check() == []
    db.close()


def test_several_processes_that_start_at_once_upgrade_once(blank_url) -> None:
    program = "import sys; from mpi.store.transaction import Database; Database.open(sys.argv[1]).upgrade()"
    command = [sys.executable, "-W", "error", "-c", program, blank_url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in started:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    db = Database.open(blank_url)
    assert db.check() == []
    db.close()


def test_an_upgrade_that_fails_half_way_leaves_nothing(blank_url) -> None:
    db = Database.open(blank_url)
    with db.write() if not db.path else _folder(db) as tx:
        tx.execute(text("CREATE TABLE study (in_the_way INTEGER)"))
    with pytest.raises(Exception, match=r"out of reach|refused"):
        db.upgrade()
    with db.read() as tx:
        assert set(inspect(tx).get_table_names()) == {"study"}
    db.close()


def _folder(db: Database):
    assert db.path is not None
    db.path.parent.mkdir(parents=True)
    return db.write()


def _one_of_each(tx) -> None:
    tx.execute(insert(ledger_entry).values(position=0, entry_id="e", commitment=bytes(32), at=NOW))
    tx.execute(insert(ledger_body).values(position=0, salt=bytes(32), body="{}"))
    tx.execute(
        insert(assertion).values(
            assertion_id="a", position=0, kind="link", actor="user:x", manual=True, at=NOW
        )
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET entry_id = 'x'",
        "DELETE FROM ledger_entry",
        "UPDATE ledger_body SET body = 'other'",
        "UPDATE assertion SET record_a = 'x'",
        "DELETE FROM assertion",
    ],
)
def test_what_is_appended_stays(db, statement) -> None:
    with db.write() as tx:
        _one_of_each(tx)
    with pytest.raises(Refused), db.write() as tx:
        tx.execute(text(statement))
    with db.read() as tx:
        assert tx.execute(select(ledger_entry.c.entry_id)).scalars().all() == ["e"]
        assert tx.execute(select(assertion.c.assertion_id)).scalars().all() == ["a"]
        assert tx.execute(select(ledger_body.c.body)).scalars().all() == ["{}"]


def test_a_body_can_be_erased_by_a_purge(db) -> None:
    with db.write() as tx:
        _one_of_each(tx)
        tx.execute(text("DELETE FROM ledger_body"))


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("table", ["ledger_entry", "ledger_body", "assertion"])
def test_truncate_is_refused_on_postgresql(postgresql_db, table) -> None:
    with pytest.raises(Refused), postgresql_db.write() as tx:
        tx.execute(text(f"TRUNCATE {table} CASCADE"))


@pytest.mark.parametrize(
    ("at", "stored"),
    [
        (datetime(2026, 11, 24, 8, 0, tzinfo=UTC), "2026-11-24T08:00:00.000000Z"),
        (datetime(2026, 11, 24, 8, 0, 0, 5, tzinfo=UTC), "2026-11-24T08:00:00.000005Z"),
        (datetime(2026, 11, 24, 1, 0, tzinfo=timezone(timedelta(hours=2))), "2026-11-23T23:00:00.000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_an_instant_is_fixed_width_utc_text_and_comes_back_aware(db, at, stored) -> None:
    with db.write() as tx:
        tx.execute(insert(ledger_entry).values(position=0, entry_id="e", commitment=bytes(32), at=at))
        assert tx.execute(text("SELECT at FROM ledger_entry")).scalar_one() == stored == instant_text(at)
        assert tx.execute(select(ledger_entry.c.at)).scalar_one() == at
        assert tx.execute(select(ledger_entry.c.at)).scalar_one().tzinfo is UTC
        assert tx.execute(select(ledger_entry.c.position).where(ledger_entry.c.at <= at)).scalar_one() == 0


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        instant_text(datetime(2026, 11, 24))  # noqa: DTZ001
    assert Instant().process_bind_param(None, None) is None
