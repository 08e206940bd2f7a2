"""A fresh index behind its door for each test, copied from one prepared database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mpi.flows.matcher import Matcher
from mpi.settings import Settings
from mpi.store.transaction import Database
from tests.doors.doorway import Doorway, invite


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A SQLite file with authorities and callers, and the callers' keys."""
    path = tmp_path_factory.mktemp("prepared") / "mpi.db"
    db = Database.open(f"sqlite:///{path}")
    db.upgrade()
    keys = invite(db)
    db.close()
    return path, keys


@pytest.fixture(scope="session")
def matcher(tmp_path_factory: pytest.TempPathFactory) -> Matcher:
    """The shipped model with a key of its own; loaded once."""
    return Matcher.from_settings(Settings(data_dir=tmp_path_factory.mktemp("keys")))


def copy_of(prepared: tuple[Path, dict[str, str]], folder: Path, matcher: Matcher, **others: Any) -> Doorway:
    """A door on a fresh copy of the prepared database."""
    path, keys = prepared
    shutil.copy(path, folder / "mpi.db")
    return Doorway.open(Database.open(f"sqlite:///{folder / 'mpi.db'}"), keys, folder, matcher, **others)


@pytest.fixture
def open_door(
    prepared: tuple[Path, dict[str, str]], matcher: Matcher, tmp_path: Path
) -> Iterator[Callable[..., Doorway]]:
    """Opens a door with settings of the test's choice."""
    opened: list[Doorway] = []

    def start(**settings: Any) -> Doorway:
        opened.append(copy_of(prepared, tmp_path, matcher, **settings))
        return opened[-1]

    yield start
    for door in opened:
        door.close()


@pytest.fixture
def door(open_door: Callable[..., Doorway]) -> Doorway:
    """A door with the default settings and an empty index."""
    return open_door()


@pytest.fixture(scope="module")
def shared_door(
    prepared: tuple[Path, dict[str, str]], matcher: Matcher, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doorway]:
    """One door for all tests of a file that store nothing, or do not mind what others stored."""
    door = copy_of(prepared, tmp_path_factory.mktemp("shared"), matcher)
    yield door
    door.close()


@pytest.fixture
def postgresql_door(postgresql_db: Database, matcher: Matcher, tmp_path: Path) -> Iterator[Doorway]:
    """A door on PostgreSQL."""
    door = Doorway.open(postgresql_db, invite(postgresql_db), tmp_path, matcher)
    yield door
    door.close()
