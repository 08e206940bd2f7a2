"""Imports go downwards only, and the check that says so can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLANTED = [
    ("mpi/store/planted.py", "import mpi.flows.requests\n", "a flow in the ground floor"),
    ("matching/planted.py", "import mpi.errors\n", "the service inside matching"),
    ("mpi/dicom/planted.py", "import sqlalchemy\n", "SQLAlchemy outside its home"),
    ("mpi/flows/planted.py", "import fastapi\n", "fastapi outside its home"),
    ("mpi/doors/planted.py", "import pydicom\n", "binary DICOM parsed in the index"),
    ("matching/records_planted.py", "import mpi\n", "a new module of matching that reaches up"),
]


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    lint = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [lint, "--no-cache"], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the packages, to plant things in."""
    for package in ("mpi", "matching"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.gz", "*.json")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_go_down_only() -> None:
    result = _lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("path", "line", "why"), PLANTED, ids=[row[2] for row in PLANTED])
def test_a_planted_import_is_found(house: Path, path: str, line: str, why: str) -> None:
    assert _lint(house).returncode == 0
    (house / path).write_text(line)
    result = _lint(house)
    assert result.returncode == 1, why
    assert Path(path).stem in result.stdout, result.stdout
