"""Is the database whole, up to date, and does every row have the rows that it speaks of?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, func, inspect, select, text
from sqlalchemy.exc import DatabaseError

from mpi.store import schema
from mpi.store.tables import (
    assertion,
    blocking_key,
    decision,
    identity,
    ledger_body,
    ledger_entry,
    membership,
    metadata,
    record_version,
    review,
    source_record,
    study,
)

if TYPE_CHECKING:
    from mpi.store.transaction import Database

# What is orphaned without its counterpart: (what to call it, a column, where its values must be).
REFERENCES: tuple[tuple[str, Column[str], Column[str]], ...] = (
    ("record version without record", record_version.c.record_id, source_record.c.record_id),
    ("record without version", source_record.c.record_id, record_version.c.record_id),
    ("record without membership", source_record.c.record_id, membership.c.record_id),
    ("membership without record", membership.c.record_id, source_record.c.record_id),
    ("membership without identity", membership.c.identity_id, identity.c.identity_id),
    ("identity without record", identity.c.record_id, source_record.c.record_id),
    ("record whose own identity is missing", source_record.c.e_id, identity.c.identity_id),
    ("blocking key without record", blocking_key.c.record_id, source_record.c.record_id),
    ("decision without record", decision.c.record_id, source_record.c.record_id),
    ("study without record", study.c.record_id, source_record.c.record_id),
    ("study without decision", study.c.decision_id, decision.c.decision_id),
    ("review of a missing record", review.c.record_id, source_record.c.record_id),
    ("assertion without ledger entry", assertion.c.position, ledger_entry.c.position),
    ("ledger body without entry", ledger_body.c.position, ledger_entry.c.position),
)

# The triggers that keep rows append-only. On SQLite they stop accidents only: its file has one owner.
GUARDS: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "ledger_entry_no_update",
        "ledger_entry_no_delete",
        "ledger_body_no_update",
        "assertion_no_update",
        "assertion_no_delete",
    ),
}
GUARDS["postgresql"] = (
    *GUARDS["sqlite"],
    "ledger_entry_no_truncate",
    "ledger_body_no_truncate",
    "assertion_no_truncate",
)
# Those that are there and awake.
TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal",
}


def check(database: Database) -> list[str]:
    """What is wrong, a sentence each; empty when all is well. Raises Unavailable when it is away."""
    if database.path is not None and not database.path.exists():
        return [f"There is no database at {database.path}."]
    with database.read() as tx:
        found, wanted = schema.current(tx), schema.head()
        if found != wanted:
            return [f"The schema is at revision {found or 'none'}, this program needs {wanted}."]
        missing = list(_tables(tx))
        return missing or [*_integrity(tx), *_guards(tx), *_orphans(tx)]


def _integrity(tx: Connection) -> Iterator[str]:
    """What SQLite finds in its own file; PostgreSQL has data checksums and amcheck for that."""
    if tx.dialect.name != "sqlite":
        return
    try:
        found = tx.execute(text("PRAGMA integrity_check")).scalars().all()
        widowed = tx.execute(text("PRAGMA foreign_key_check")).scalars().all()
    except DatabaseError:
        yield "SQLite: the file is damaged beyond reading; restore a backup."
        return
    yield from (f"SQLite: {said}." for said in found if said != "ok")
    yield from (f"SQLite: a row of {table} refers to a row that is missing." for table in widowed)


def _tables(tx: Connection) -> Iterator[str]:
    present = set(inspect(tx).get_table_names())
    for table in metadata.tables:
        if table not in present:
            yield f"The table {table} is missing."


def _guards(tx: Connection) -> Iterator[str]:
    present = set(tx.execute(text(TRIGGERS[tx.dialect.name])).scalars())
    for name in GUARDS[tx.dialect.name]:
        if name not in present:
            yield f"The guard {name} of append-only rows is missing."


def _orphans(tx: Connection) -> Iterator[str]:
    for name, column, referred in REFERENCES:
        number = _orphaned(tx, column, referred)
        if number:
            yield f"{name.capitalize()}: {number} {'row' if number == 1 else 'rows'}."


def _orphaned(tx: Connection, column: Column[str], referred: Column[str]) -> int:
    there = select(referred).where(referred == column).correlate(column.table).exists()
    query = select(func.count()).select_from(column.table).where(column.is_not(None), ~there)
    return tx.execute(query).scalar_one()
