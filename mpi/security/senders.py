"""Senders: machines that speak for assigning authorities, known by an API key or a calling AE title.

A key reads `mpi_PREFIX_SECRET`. The prefix finds the row; of the secret, 256 random bits, only the SHA-256
is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, RowMapping, or_, select, update

from mpi.errors import Conflict, NotAuthenticated, NotFound, Unavailable, Unprocessable
from mpi.security.actors import Actor, Role
from mpi.security.authorities import (
    add_authority,
    authority_by_label,
    authority_by_name,
    authority_by_oid,
    find_authority,
    refuse_nir,
)
from mpi.store.tables import sender as table
from mpi.store.tables import sender_authority
from mpi.store.transaction import Database

__all__ = [
    "Sender",
    "add_authority",
    "add_sender",
    "authenticate",
    "authority_by_label",
    "authority_by_name",
    "authority_by_oid",
    "end_of_rotated_key",
    "find_authority",
    "list_senders",
    "revoke",
    "rotate_key",
    "sender_of_ae",
]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
AE_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,16}")
KEY = re.compile(r"mpi_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
SECRET_BYTES = 32
PREFIX_BYTES = 6
USE_NOTED_EVERY = timedelta(minutes=1)
NOBODY = bytes(32)  # what an unknown prefix is compared with, so that it takes as long as a known one

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A sender as an administrator sees it; instants are None where it has not happened."""

    name: str
    authorities: tuple[str, ...]
    roles: tuple[Role, ...]
    key_prefix: str
    ae_title: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def add_sender(
    tx: Connection,
    *,
    name: str,
    authorities: Iterable[str],
    at: datetime,
    roles: Iterable[Role] = (Role.SENDER,),
    ae_title: str | None = None,
    expires_at: datetime | None = None,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> str:
    """Declares a sender and returns its API key, which can't be had again.

    `authorities` are short names or OIDs of declared authorities; `expires_at` None: the key does not
    expire. Raises Unprocessable for a name or AE title of the wrong form or with a social security number in
    it, and for an end in the past; NotFound for an undeclared authority, Conflict for a name or AE title in
    use.
    """
    if not NAME.fullmatch(name):
        raise Unprocessable(
            "A sender's name has 1 to 64 letters, digits, dots, hyphens or underscores.",
            field="name",
            rule="wrong-form",
        )
    if ae_title is not None and not AE_TITLE.fullmatch(ae_title):
        raise Unprocessable("This is no AE title.", field="ae_title", rule="wrong-form")
    refuse_nir("name", name)
    refuse_nir("ae_title", ae_title or "")
    _refuse_past(expires_at, at)
    if _one(tx, table.c.name == name) is not None:
        raise Conflict("A sender with this name exists.", field="name")
    if ae_title is not None and _one(tx, table.c.ae_title == ae_title) is not None:
        raise Conflict("A sender with this AE title exists.", field="ae_title")
    key, stored = _new_key(random_bytes)
    sender_id = str(uuid.UUID(bytes=random_bytes(16), version=4))
    tx.execute(
        table.insert().values(
            sender_id=sender_id,
            name=name,
            ae_title=ae_title,
            roles=sorted(roles),
            created_at=at,
            expires_at=expires_at,
            **stored,
        )
    )
    for told in dict.fromkeys(authorities):
        found = find_authority(tx, told)
        if found is None:
            raise NotFound("No such authority: declare it first.", authority=told)
        tx.execute(sender_authority.insert().values(sender_id=sender_id, authority=found.name))
    return key


def rotate_key(
    tx: Connection,
    *,
    name: str,
    expires_at: datetime | None = None,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> str:
    """A new API key; the old one ends with this transaction. Raises NotFound, Conflict if revoked.

    `expires_at` None: the new key ends when the old one would have.
    """
    if _known(tx, name)["revoked_at"] is not None:
        raise Conflict("This sender is revoked.", sender=name)
    key, stored = _new_key(random_bytes)
    ends = {} if expires_at is None else {"expires_at": expires_at}
    tx.execute(update(table).where(table.c.name == name).values(**ends, **stored))
    return key


def end_of_rotated_key(
    tx: Connection, *, name: str, at: datetime, told: datetime | None = None
) -> datetime | None:
    """When a key made at `at` will end: as told, else when the one before would have; None: it does not.

    Raises NotFound, and Unprocessable when that end has passed.
    """
    end: datetime | None = told or _known(tx, name)["expires_at"]
    _refuse_past(end, at)
    return end


def revoke(tx: Connection, *, name: str, at: datetime) -> None:
    """Ends a sender for good and frees its AE title; its name stays taken. Raises NotFound."""
    _known(tx, name)
    revoked = update(table).where(table.c.name == name, table.c.revoked_at.is_(None))
    tx.execute(revoked.values(revoked_at=at, ae_title=None))


def list_senders(tx: Connection) -> tuple[Sender, ...]:
    """All, revoked ones too, by name."""
    rows = tx.execute(select(table).order_by(table.c.name)).mappings().all()
    return tuple(
        Sender(
            authorities=tuple(sorted(_authorities(tx, row))),
            roles=tuple(Role(role) for role in row["roles"]),
            **{name: row[name] for name in Sender.__slots__ if name not in ("authorities", "roles")},
        )
        for row in rows
    )


def authenticate(database: Database, presented: str, *, at: datetime) -> Actor:
    """The actor behind an API key that is known and live at `at`.

    Notes the use, at most once a minute and in a transaction of its own. Raises NotAuthenticated, with one
    sentence whatever the reason.
    """
    with database.read() as tx:
        row = _authenticated(tx, presented, at)
        actor = _actor(tx, row)
    if row["last_used_at"] is None or at - row["last_used_at"] >= USE_NOTED_EVERY:
        with suppress(Unavailable), database.write() as tx:
            noted = or_(table.c.last_used_at.is_(None), table.c.last_used_at < at)
            tx.execute(
                update(table).where(table.c.sender_id == row["sender_id"], noted).values(last_used_at=at)
            )
    return actor


def sender_of_ae(tx: Connection, ae: str) -> Actor | None:
    """The actor that calls itself so on the DICOM network; None for an undeclared AE title."""
    row = _one(tx, table.c.ae_title == ae.strip(" "))
    return None if row is None or row["revoked_at"] is not None else _actor(tx, row)


def _authenticated(tx: Connection, presented: str, at: datetime) -> RowMapping:
    parts = KEY.fullmatch(presented)
    row = _one(tx, table.c.key_prefix == parts[1]) if parts else None
    offered = hashlib.sha256((parts[2] if parts else "").encode()).digest()
    right = hmac.compare_digest(offered, NOBODY if row is None else row["key_sha256"])
    if row is None or not right or row["revoked_at"] is not None or _expired(row, at):
        raise NotAuthenticated("This API key is not known here, or no longer.")
    return row


def _refuse_past(expires_at: datetime | None, at: datetime) -> None:
    if expires_at is not None and expires_at <= at:
        raise Unprocessable("The end of this key lies in the past.", field="expires_at", rule="future")


def _expired(row: RowMapping, at: datetime) -> bool:
    return row["expires_at"] is not None and row["expires_at"] <= at


def _new_key(random_bytes: RandomBytes) -> tuple[str, dict[str, object]]:
    """The key to print, and the columns that recognise it."""
    prefix = random_bytes(PREFIX_BYTES).hex()
    secret = base64.urlsafe_b64encode(random_bytes(SECRET_BYTES)).rstrip(b"=").decode()
    digest = hashlib.sha256(secret.encode()).digest()
    return f"mpi_{prefix}_{secret}", {"key_prefix": prefix, "key_sha256": digest}


def _actor(tx: Connection, row: RowMapping) -> Actor:
    return Actor(
        actor_id=f"sender:{row['name']}",
        roles=frozenset(Role(role) for role in row["roles"]),
        authorities=_authorities(tx, row),
    )


def _authorities(tx: Connection, row: RowMapping) -> frozenset[str]:
    spoken_for = select(sender_authority.c.authority).where(sender_authority.c.sender_id == row["sender_id"])
    return frozenset(tx.execute(spoken_for).scalars())


def _known(tx: Connection, name: str) -> RowMapping:
    row = _one(tx, table.c.name == name)
    if row is None:
        raise NotFound("No such sender.", sender=name)
    return row


def _one(tx: Connection, condition: ColumnElement[bool]) -> RowMapping | None:
    return tx.execute(select(table).where(condition)).mappings().one_or_none()
