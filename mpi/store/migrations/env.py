"""Runs the revisions inside the transaction of the caller, on either database."""

from __future__ import annotations

from alembic import context

from mpi.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
