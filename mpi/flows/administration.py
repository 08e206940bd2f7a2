"""Declaring who may speak: authorities and senders, each change with its ledger entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from mpi.flows.matcher import Ids
from mpi.ledger.entries import append
from mpi.security import senders
from mpi.security.actors import Role
from mpi.security.authorities import Authority
from mpi.security.authorities import add_authority as insert_authority


def add_authority(
    tx: Connection,
    *,
    name: str,
    actor: str,
    at: datetime,
    ids: Ids,
    oid: str | None = None,
    label: str | None = None,
    sends_status: bool = False,
    certified: bool = False,
) -> Authority:
    """Declares an assigning authority. Raises as `mpi.security.authorities` does."""
    added = insert_authority(
        tx, name=name, oid=oid, label=label, sends_status=sends_status, certified=certified, at=at
    )
    after = {
        "oid": added.oid,
        "label": added.label,
        "sends_status": added.sends_status,
        "certified": added.certified,
    }
    _note(tx, "add authority", {"authorities": [added.name]}, after, actor=actor, at=at, ids=ids)
    return added


def add_sender(
    tx: Connection,
    *,
    name: str,
    authorities: Iterable[str],
    actor: str,
    at: datetime,
    ids: Ids,
    roles: Iterable[Role] = (Role.SENDER,),
    ae_title: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Declares a sender and returns its API key, printed once. Raises as `mpi.security.senders`."""
    spoken_for, held = list(authorities), list(roles)
    key = senders.add_sender(
        tx,
        name=name,
        authorities=spoken_for,
        roles=held,
        ae_title=ae_title,
        expires_at=expires_at,
        at=at,
    )
    after = {
        "authorities": spoken_for,
        "roles": [str(role) for role in held],
        "ae_title": ae_title,
        "expires_at": expires_at,
    }
    _note(tx, "add sender", {"senders": [name]}, after, actor=actor, at=at, ids=ids)
    return key


def rotate_key(
    tx: Connection, *, name: str, actor: str, at: datetime, ids: Ids, expires_at: datetime | None = None
) -> str:
    """A new API key in place of the old one. Raises NotFound, Conflict for a revoked sender."""
    key = senders.rotate_key(tx, name=name, expires_at=expires_at)
    _note(tx, "rotate key", {"senders": [name]}, {"expires_at": expires_at}, actor=actor, at=at, ids=ids)
    return key


def revoke_sender(tx: Connection, *, name: str, actor: str, at: datetime, ids: Ids) -> None:
    """Ends a sender for good. Raises NotFound."""
    senders.revoke(tx, name=name, at=at)
    _note(tx, "revoke sender", {"senders": [name]}, {"revoked_at": at}, actor=actor, at=at, ids=ids)


def _note(
    tx: Connection,
    action: str,
    subjects: dict[str, list[str]],
    after: Mapping[str, object],
    *,
    actor: str,
    at: datetime,
    ids: Ids,
) -> None:
    entry = {
        "entry_id": ids.uuid(),
        "actor": {"actor_id": actor},
        "action": action,
        "subjects": subjects,
        "after": after,
    }
    append(tx, entry, at=at, salt=ids.salt())
