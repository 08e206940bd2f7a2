"""`mpi db`: the schema and the safety of the database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.options import AsJson, DatabaseUrl, DataDir, settings_from
from mpi.cli.printing import print_done
from mpi.errors import MpiError, Unavailable
from mpi.settings import Settings
from mpi.store.transaction import Database

WRONG = 1

app = typer.Typer(name="db", help="The database: schema and safety.", no_args_is_help=True)

Copy = Annotated[Path, typer.Argument(help="The file of the copy.", show_default=False)]


def open_database(settings: Settings) -> Database:
    """The database of these settings, ready for use; the embedded one is made and brought up to date.

    Raises Unavailable when it is away, or when its schema is another program's.
    """
    from mpi.store import schema

    database = Database.open(settings.url)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if database.dialect == "sqlite":
        database.upgrade()
    with database.read() as tx:
        if schema.current(tx) != schema.head():
            raise Unavailable("The schema of the database is not this program's: run `mpi db upgrade` first.")
    return database


@app.command()
def upgrade(data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Bring the schema to the newest revision; safe while others start.

    Example: mpi db upgrade
    """
    from mpi.store import schema

    settings = settings_from(data_dir, database_url)
    database = Database.open(settings.url)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database.upgrade()
    print_done({"revision": schema.head()}, f"The schema is at revision {schema.head()}.", as_json=as_json)


@app.command()
def check(data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Look for damage, an old schema, rows that lost their counterpart, and a ledger that was changed.

    Exit code 1 when something is wrong.

    Example: mpi db check
    """
    from mpi.ledger import entries

    database = Database.open(settings_from(data_dir, database_url).url)
    found = database.check()
    if database.path is None or database.path.exists():
        try:
            with database.read() as tx:
                found += entries.check(tx)
        except MpiError:
            if not found:  # a ledger that cannot be read has been explained
                raise
    print_done({"ok": not found, "found": found}, "\n".join(found) or "All is well.", as_json=as_json)
    if found:
        raise typer.Exit(WRONG)


@app.command()
def backup(
    file: Copy, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Copy the database to a new file while the service runs; keys and spool are not in it.

    Example: mpi db backup /backup/mpi-2026-11-24.db
    """
    from mpi.store.backup import backup as write

    write(Database.open(settings_from(data_dir, database_url).url), file)
    size = file.stat().st_size
    print_done({"file": str(file), "bytes": size}, f"Wrote {file} ({size:,} bytes).", as_json=as_json)


@app.command()
def restore(
    file: Copy, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Fill an empty place from a copy, then check it. Exit code 1 when the check finds something.

    Example: mpi db restore /backup/mpi-2026-11-24.db --data-dir ./restored
    """
    from mpi.store.backup import restore as fill

    database = Database.open(settings_from(data_dir, database_url).url)
    fill(database, file)
    found = database.check()
    sentence = "\n".join([f"Restored {file}.", *found])
    print_done({"file": str(file), "ok": not found, "found": found}, sentence, as_json=as_json)
    if found:
        raise typer.Exit(WRONG)
