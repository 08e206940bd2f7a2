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


@pytest.fixture
def open_door(
    prepared: tuple[Path, dict[str, str]], matcher: Matcher, tmp_path: Path
) -> Iterator[Callable[..., Doorway]]:
    """Opens a door with settings of the test's choice."""
    opened: list[Doorway] = []

    def start(**settings: Any) -> Doorway:
        path, keys = prepared
        shutil.copy(path, tmp_path / "mpi.db")
        db = Database.open(f"sqlite:///{tmp_path / 'mpi.db'}")
        opened.append(Doorway.open(db, keys, tmp_path, matcher, **settings))
        return opened[-1]

    yield start
    for door in opened:
        door.close()


@pytest.fixture
def door(open_door: Callable[..., Doorway]) -> Doorway:
    """A door with the default settings."""
    return open_door()
