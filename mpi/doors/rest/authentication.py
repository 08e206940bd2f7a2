"""Who calls: an API key in `Authorization: Bearer ...` becomes an Actor; a route says which roles it takes.

An application that uses these dependencies keeps its database in `app.state.db`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from mpi.errors import NotAllowed, NotAuthenticated
from mpi.security.actors import Actor, Role
from mpi.security.senders import authenticate
from mpi.store.transaction import Database

# Roles that may see traits, weights and evidence.
READING_ROLES = frozenset({Role.READER, Role.CLERK, Role.APPROVER, Role.IDENTITY_MANAGER})

bearer = HTTPBearer(
    auto_error=False, scheme_name="API key", description="The key that `mpi sender add` prints once."
)


def caller(
    request: Request, presented: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Actor:
    """The actor behind this request. Raises NotAuthenticated without a known, live key."""
    if presented is None:
        raise NotAuthenticated("This call needs an API key: Authorization: Bearer KEY.")
    db: Database = request.app.state.db
    actor = authenticate(db, presented.credentials, at=datetime.now(UTC))
    actor = replace(actor, address=request.client.host if request.client else None)
    request.state.actor_id = actor.actor_id
    return actor


def reads_people(actor: Actor) -> bool:
    """Whether this actor may see traits, weights and evidence."""
    return bool(actor.roles & READING_ROLES)


def taking(*roles: Role) -> Callable[[Actor], Actor]:
    """A dependency: the caller, who must hold one of `roles`. Raises NotAllowed."""

    def allowed(actor: Annotated[Actor, Depends(caller)]) -> Actor:
        if not actor.roles.intersection(roles):
            raise NotAllowed("This call needs another role.", needs=sorted(roles))
        return actor

    return allowed


Sender = Annotated[Actor, Depends(taking(Role.SENDER))]
"""A machine that speaks for assigning authorities."""

SenderOrReader = Annotated[Actor, Depends(taking(Role.SENDER, *READING_ROLES))]
"""Whoever may ask about persons: senders about their own, reading roles about all."""
