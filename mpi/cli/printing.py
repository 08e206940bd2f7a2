"""How a command answers: a sentence or a table for people, JSON on standard output for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_done(answer: Mapping[str, object], sentence: str, *, as_json: bool) -> None:
    """One answer."""
    typer.echo(json.dumps(answer, ensure_ascii=False) if as_json else sentence)


def print_rows(columns: Sequence[str], rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Rows under these columns; None is an empty cell, a list its items."""
    if as_json:
        typer.echo(json.dumps(list(rows), ensure_ascii=False, indent=2))
        return
    table = Table(*(column.replace("_", " ") for column in columns))
    for row in rows:
        table.add_row(*(Text(_cell(row[column])) for column in columns))
    Console(width=None if Console().is_terminal else 200).print(table)


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
