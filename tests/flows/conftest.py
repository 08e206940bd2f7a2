"""The index that the tests of the flows talk to."""

from __future__ import annotations

import pytest

from tests.flows.scene import Scene


@pytest.fixture
def scene(db) -> Scene:
    return Scene.open(db)


@pytest.fixture
def lite(sqlite_db) -> Scene:
    """On SQLite alone: what is tested does not depend on the database."""
    return Scene.open(sqlite_db)
