"""The schema's revision: where it stands, where it should stand, and the way up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

if TYPE_CHECKING:
    from mpi.store.transaction import Database

UPGRADE_LOCK = 0x6D70692D736368  # one number of the advisory space, for this alone


def configuration() -> Config:
    """Alembic's configuration; it needs no file of its own."""
    config = Config()
    config.set_main_option("script_location", "mpi.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def head() -> str:
    """The newest revision that this code knows."""
    newest = ScriptDirectory.from_config(configuration()).get_current_head()
    assert newest is not None
    return newest


def current(tx: Connection) -> str | None:
    """The revision of the database; None when it is empty."""
    return MigrationContext.configure(tx).get_current_revision()


def upgrade(database: Database) -> None:
    """Brings the schema to the newest revision, in one transaction that a second process waits for."""
    if database.path is not None:
        database.path.parent.mkdir(parents=True, exist_ok=True)
    with database.write() as tx:
        if database.dialect == "postgresql":
            tx.execute(text("SET LOCAL statement_timeout = 0"))
            tx.execute(text("SET LOCAL lock_timeout = '60s'"))
            tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
        config = configuration()
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
