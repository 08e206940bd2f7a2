"""Fixtures of real databases, empty of rows but with the schema in place, on SQLite and on PostgreSQL.

`db` runs a test once on each; `sqlite_db` and `postgresql_db` pick one; `blank_url` is one without a schema.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mpi.store.schema import head
from mpi.store.tables import metadata
from mpi.store.transaction import Database
from tests.support.postgresql import Cluster

# Rows go, the schema stays: many times faster than a new database. The guards against deletion are asleep.
EMPTY = "; ".join(
    [
        "SET session_replication_role = replica",
        *(f"DELETE FROM {table}" for table in metadata.tables),
        "ALTER SEQUENCE outbox_id_seq RESTART",
        "INSERT INTO ledger_head (log, size) VALUES ('identity', 0)",
        f"UPDATE alembic_version SET version_num = '{head()}'",
    ]
)
KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One PostgreSQL cluster a session and test process. Tests that use it are marked needs("postgresql")."""
    running = Cluster()
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def _postgresql_template(cluster: Cluster) -> str:
    name = cluster.create()
    database = Database.open(cluster.url(name))
    database.upgrade()
    database.close()
    return name


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "mpi.db"
    database = Database.open(f"sqlite:///{path}")
    database.upgrade()
    database.close()
    return path


@pytest.fixture
def sqlite_db(_sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A SQLite database with the schema in place."""
    path = tmp_path / "mpi.db"
    shutil.copyfile(_sqlite_template, path)
    database = Database.open(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture(scope="session")
def _reused(cluster: Cluster) -> list[str]:
    """The database that tests use one after the other; none before the first, or after one that spoilt it."""
    return []


@pytest.fixture
def postgresql_db(cluster: Cluster, _postgresql_template: str, _reused: list[str]) -> Iterator[Database]:
    """A PostgreSQL database with the schema in place. Tests that use it are marked needs("postgresql")."""
    if not _reused:
        _reused.append(cluster.create(template=_postgresql_template))
    database = Database.open(cluster.url(_reused[0]))
    yield database
    database.close()
    try:
        cluster.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{_reused[0]}' AND pid <> pg_backend_pid()"
        )
        cluster.run(EMPTY, database=_reused[0])
    except psycopg.Error:
        cluster.drop(_reused.pop())


@pytest.fixture(params=KINDS)
def db(request: pytest.FixtureRequest) -> Database:
    """A database with the schema in place: the test runs on SQLite and on PostgreSQL."""
    found: Database = request.getfixturevalue(f"{request.param}_db")
    return found


@pytest.fixture(params=KINDS)
def blank_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'fresh' / 'mpi.db'}"
        return
    running: Cluster = request.getfixturevalue("cluster")
    name = running.create()
    yield running.url(name)
    running.drop(name)


def url_of(database: Database) -> str:
    """The address under which another process opens the same database."""
    return database.engine.url.render_as_string(hide_password=False)
