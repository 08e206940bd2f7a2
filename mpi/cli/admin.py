"""`mpi authority` and `mpi sender`: who may speak."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from mpi.cli.db import open_database
from mpi.cli.options import AsJson, DatabaseUrl, DataDir, settings_from
from mpi.cli.printing import print_done, print_rows
from mpi.flows import administration
from mpi.flows.matcher import Ids
from mpi.security.actors import Role
from mpi.security.authorities import list_authorities as all_authorities
from mpi.security.senders import end_of_rotated_key
from mpi.security.senders import list_senders as all_senders

ACTOR = "system:command-line"
ONCE = "This key is not shown again."

authority = typer.Typer(
    name="authority", help="Assigning authorities: who issues local ids.", no_args_is_help=True
)
sender = typer.Typer(
    name="sender", help="Senders: machines that speak for authorities.", no_args_is_help=True
)
app = typer.Typer()
for part in (authority, sender):
    app.add_typer(part)

Name = Annotated[str, typer.Argument(help="Its short name.", show_default=False)]
DAY = ["%Y-%m-%d"]


@authority.command("add")
def add_authority(
    name: Name,
    oid: Annotated[str | None, typer.Option(help="Its OID.", show_default=False)] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Issuer of Patient ID in images; default: the name.", show_default=False),
    ] = None,
    sends_status: Annotated[
        bool, typer.Option("--sends-status", help="It tells an identity status; untold means provisional.")
    ] = False,
    certified: Annotated[
        bool, typer.Option("--certified", help="Its qualified identities are trusted.")
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Declare an assigning authority.

    Example: mpi authority add HOPITAL-A --oid 1.2.250.1.999.1 --sends-status
    """
    database = open_database(settings_from(data_dir, database_url))
    added = database.run_write(
        lambda tx: administration.add_authority(
            tx,
            name=name,
            oid=oid,
            label=label,
            sends_status=sends_status,
            certified=certified,
            actor=ACTOR,
            at=datetime.now(UTC),
            ids=Ids.system(),
        )
    )
    print_done(
        {"authority": added.name, "label": added.label, "oid": added.oid},
        f"Declared {added.name}.",
        as_json=as_json,
    )


@authority.command("list")
def list_authorities(
    data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """List the assigning authorities.

    Example: mpi authority list
    """
    with open_database(settings_from(data_dir, database_url)).read() as tx:
        rows = [
            {
                "authority": one.name,
                "label": one.label,
                "oid": one.oid,
                "sends_status": one.sends_status,
                "certified": one.certified,
            }
            for one in all_authorities(tx)
        ]
    print_rows(("authority", "label", "oid", "sends_status", "certified"), rows, as_json=as_json)


@sender.command("add")
def add_sender(
    name: Name,
    authorities: Annotated[
        list[str], typer.Option("--authority", help="It may speak for this one; may be repeated.")
    ],
    ae: Annotated[str | None, typer.Option(help="Its calling AE title.", show_default=False)] = None,
    roles: Annotated[
        list[Role] | None, typer.Option("--role", help="Its rights; default: sender.", show_default=False)
    ] = None,
    expires: Annotated[
        datetime | None,
        typer.Option(
            help="When the key ends (0 h UTC of that day); default: never.", formats=DAY, show_default=False
        ),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Declare a sender and print its API key, once.

    Example: mpi sender add pacs-a --authority HOPITAL-A --ae PACS_A
    """
    database = open_database(settings_from(data_dir, database_url))
    key = database.run_write(
        lambda tx: administration.add_sender(
            tx,
            name=name,
            authorities=authorities,
            roles=roles or [Role.SENDER],
            ae_title=ae,
            expires_at=_in_utc(expires),
            actor=ACTOR,
            at=datetime.now(UTC),
            ids=Ids.system(),
        )
    )
    print_done({"sender": name, "key": key}, f"{key}\n{ONCE}", as_json=as_json)


@sender.command("list")
def list_senders(data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List the senders, never their keys.

    Example: mpi sender list
    """
    with open_database(settings_from(data_dir, database_url)).read() as tx:
        rows = [
            {
                "sender": one.name,
                "authorities": list(one.authorities),
                "roles": [str(role) for role in one.roles],
                "ae_title": one.ae_title,
                "key": f"mpi_{one.key_prefix}_...",
                "expires": _day(one.expires_at),
                "revoked": _day(one.revoked_at),
                "last_used": _day(one.last_used_at),
            }
            for one in all_senders(tx)
        ]
    columns = ("sender", "authorities", "roles", "ae_title", "key", "expires", "revoked", "last_used")
    print_rows(columns, rows, as_json=as_json)


@sender.command("rotate")
def rotate_key(
    name: Name,
    expires: Annotated[
        datetime | None,
        typer.Option(
            help="When the new key ends (0 h UTC of that day); default: as the old one.",
            formats=DAY,
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Print a new API key for a sender; the old one ends at once.

    Example: mpi sender rotate pacs-a
    """
    database = open_database(settings_from(data_dir, database_url))
    at = datetime.now(UTC)
    key = database.run_write(
        lambda tx: administration.rotate_key(
            tx,
            name=name,
            expires_at=end_of_rotated_key(tx, name=name, at=at, told=_in_utc(expires)),
            actor=ACTOR,
            at=at,
            ids=Ids.system(),
        )
    )
    print_done({"sender": name, "key": key}, f"{key}\n{ONCE}", as_json=as_json)


@sender.command("revoke")
def revoke_sender(
    name: Name, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """End a sender for good.

    Example: mpi sender revoke pacs-a
    """
    database = open_database(settings_from(data_dir, database_url))
    database.run_write(
        lambda tx: administration.revoke_sender(
            tx, name=name, actor=ACTOR, at=datetime.now(UTC), ids=Ids.system()
        )
    )
    print_done({"sender": name, "revoked": True}, f"Revoked {name}.", as_json=as_json)


def _in_utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


def _day(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
