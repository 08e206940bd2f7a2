"""Fixtures of real databases, empty of rows but with the schema in place, on SQLite and on PostgreSQL.

`db` runs a test once on each; `sqlite_db` and `postgresql_db` pick one; `blank_url` is one without a schema.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpi.store.transaction import Database
from tests.support.postgresql import Cluster

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


@pytest.fixture
def postgresql_db(cluster: Cluster, _postgresql_template: str) -> Iterator[Database]:
    """A PostgreSQL database with the schema in place. Tests that use it are marked needs("postgresql")."""
    name = cluster.create(template=_postgresql_template)
    database = Database.open(cluster.url(name))
    yield database
    database.close()
    cluster.drop(name)


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
