"""What every command shares: the two options that say where the data is, and the settings they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpi.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where keys, spool and the embedded database live (MPI_DATA_DIR; default: ./var).",
        show_default=False,
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="SQLAlchemy address (MPI_DATABASE_URL; default: the embedded SQLite of the data directory).",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer for machines: JSON on standard output.")]


def settings_from(
    data_dir: Path | None = None, database_url: str | None = None, **others: object
) -> Settings:
    """Settings in force; what is not None here wins over environment and file. Raises ValidationError."""
    told = {"data_dir": data_dir, "database_url": database_url, **others}
    return Settings(**{name: value for name, value in told.items() if value is not None})  # type: ignore[arg-type]
