"""The command line `mpi`: one Typer application, one place where errors become a sentence and an exit code.

Exit codes: 0 done; 1 a check found something wrong or rows were rejected; 2 bad usage or input; 3 a needed
service is out of reach.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from tomllib import TOMLDecodeError
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from mpi.cli import admin, db, demo, serve, settings, spool, xsi
from mpi.errors import MpiError, Unavailable

DONE, WRONG, BAD_INPUT, OUT_OF_REACH = 0, 1, 2, 3

app = typer.Typer(
    name="mpi",
    help="Master patient index: one patient recognised across hospitals, studies rewritten to match.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those hold people
)
# A sub-application with a name becomes a group of commands; one without adds its commands here.
for part in (demo.app, serve.app, admin.app, db.app, spool.app, xsi.app, settings.app):
    app.add_typer(part)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mpi {version('mpi')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Master patient index: one patient recognised across hospitals, studies rewritten to match.

    Example: mpi demo --once
    """


def main() -> None:
    """The console script: runs one command and leaves with the exit code of the contract."""
    try:
        app()
    except MpiError as error:
        _leave(OUT_OF_REACH if isinstance(error, Unavailable) else BAD_INPUT, [error.sentence])
    except ValidationError as error:
        _leave(BAD_INPUT, [_sentence(one["loc"], one["msg"]) for one in error.errors(include_input=False)])
    except (SettingsError, TOMLDecodeError) as error:
        _leave(BAD_INPUT, [f"The settings cannot be read: {error}."])
    except OSError as error:
        _leave(BAD_INPUT, [f"{error.filename or 'A file or socket'}: {error.strerror}."])


def _leave(code: int, sentences: list[str]) -> None:
    for sentence in sentences:
        typer.echo(f"mpi: {sentence}", err=True)
    sys.exit(code)


def _sentence(path: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in path)
    message = message.removeprefix("Value error, ")
    return f"{name}: {message[:1].lower()}{message[1:]}." if name else f"{message}."
