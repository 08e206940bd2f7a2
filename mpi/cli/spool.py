"""`mpi spool`: what the gateway keeps and waits for a person to look at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from mpi.cli.db import open_database
from mpi.cli.options import AsJson, DatabaseUrl, DataDir, settings_from
from mpi.cli.printing import print_done, print_rows
from mpi.flows import instances
from mpi.flows.matcher import Ids

ACTOR = "system:command-line"
COLUMNS = ("instance_id", "state", "reason", "calling_ae", "archive", "attempts", "received_at")

app = typer.Typer(
    name="spool",
    help="Objects that the gateway holds, put aside or could not deliver.",
    no_args_is_help=True,
)


@app.command("list")
def list_objects(
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the oldest first.")] = 100,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List objects that wait for a person, each with its reason; never a name or a patient's id.

    Example: mpi spool list
    """
    with open_database(settings_from(data_dir, database_url)).read() as tx:
        waiting = instances.with_state(tx, instances.WAITING_FOR_A_PERSON, limit=limit)
    rows = [
        {name: getattr(row, name) for name in COLUMNS}
        | {"received_at": row.received_at.isoformat(timespec="seconds")}
        for row in waiting
    ]
    print_rows(COLUMNS, rows, as_json=as_json)


@app.command()
def counts(data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Say how many objects are in each state.

    Example: mpi spool counts
    """
    with open_database(settings_from(data_dir, database_url)).read() as tx:
        found = instances.counts(tx)
    sentence = ", ".join(f"{number} {state}" for state, number in sorted(found.items()))
    print_done(found, sentence or "No object has come in.", as_json=as_json)


@app.command()
def release(
    reason: Annotated[str, typer.Option(help="Why; it goes to the ledger.", show_default=False)],
    instance_ids: Annotated[list[str] | None, typer.Argument(help="Ids that `mpi spool list` shows.")] = None,
    all_failed: Annotated[
        bool, typer.Option("--all", help="Every failed object; a held one is released by its id alone.")
    ] = False,
    same_person: Annotated[
        bool,
        typer.Option(
            "--same-person", help="Somebody looked: the other name on the object is the same person's."
        ),
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Let held or failed objects go on, all or none. A held one goes on under its study's identity.

    Example: mpi spool release 4f1c... --reason "the console had the wrong patient open"
    """
    if bool(instance_ids) == all_failed:
        raise typer.BadParameter("give ids, or --all for every failed object")
    database = open_database(settings_from(data_dir, database_url))
    at, ids = datetime.now(UTC), Ids.system()
    with database.write() as tx:
        named = instances.ids_with_state(tx, "failed") if all_failed else instance_ids or []
        for instance_id in named:
            instances.release(
                tx, instance_id, actor=ACTOR, reason=reason, at=at, ids=ids, same_person=same_person
            )
    print_done({"released": named}, f"Released {len(named)}.", as_json=as_json)


@app.command()
def discard(
    instance_ids: Annotated[list[str], typer.Argument(help="Ids that `mpi spool list` shows.")],
    reason: Annotated[str, typer.Option(help="Why; it goes to the ledger.", show_default=False)],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Delete the copies of quarantined objects, all or none. A running gateway does it within seconds.

    Example: mpi spool discard 4f1c... --reason "a port scanner sent it"
    """
    database = open_database(settings_from(data_dir, database_url))
    at, ids = datetime.now(UTC), Ids.system()
    with database.write() as tx:
        for instance_id in instance_ids:
            instances.discard(tx, instance_id, actor=ACTOR, reason=reason, at=at, ids=ids)
    print_done({"discarded": instance_ids}, f"Discarded {len(instance_ids)}.", as_json=as_json)
