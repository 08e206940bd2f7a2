"""`mpi settings`: every setting with its value, where that comes from, its default and its sentence."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from mpi.cli.options import AsJson, DatabaseUrl, DataDir, settings_from
from mpi.cli.printing import print_rows
from mpi.settings import ArchiveSettings, Settings, settings_file
from mpi.store.engine import without_password

ADDRESS = "database_url"  # the one value that may hold a password
COLUMNS = ("setting", "value", "source", "default", "sentence")

app = typer.Typer()


@app.command()
def settings(data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List every setting with its value, source, default and sentence; passwords are not shown.

    Example: MPI_POPULATION=2000000 mpi settings
    """
    told = {"data_dir": data_dir, "database_url": database_url}
    given = {name: "command line" for name, value in told.items() if value is not None}
    file = settings_file()
    in_file = tomllib.loads(file.read_text()) if file else {}
    rows = list(described(settings_from(data_dir, database_url), given, os.environ, in_file, str(file)))
    print_rows(COLUMNS, rows, as_json=as_json)


def described(
    settings: Settings,
    given: Mapping[str, str],
    environment: Mapping[str, str],
    in_file: Mapping[str, Any],
    file: str,
) -> Iterator[dict[str, object]]:
    """One row a setting, those of each archive included as `archives.NAME.SETTING`."""
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        variable = f"MPI_{name.upper()}"
        names = {key.upper() for key in environment}
        if name in given:
            source = given[name]
        elif any(key == variable or key.startswith(f"{variable}__") for key in names):
            source = f"environment {variable}"
        else:
            source = f"file {file}" if name in in_file else "default"
        if name != "archives":
            yield _row(name, field, value, source)
            continue
        for archive, chosen in value.items():
            for part, inner in ArchiveSettings.model_fields.items():
                told = part in chosen.model_fields_set
                yield _row(
                    f"{name}.{archive}.{part}", inner, getattr(chosen, part), source if told else "default"
                )


def _row(name: str, field: FieldInfo, value: object, source: str) -> dict[str, object]:
    default = None if field.default is PydanticUndefined else field.default
    return {
        "setting": name,
        "value": without_password(value) if name == ADDRESS and isinstance(value, str) else _shown(value),
        "source": source,
        "default": _shown(default),
        "sentence": field.description,
    }


def _shown(value: object) -> object:
    """A value as printed."""
    if isinstance(value, Path | BaseModel):
        return str(value)
    return value
