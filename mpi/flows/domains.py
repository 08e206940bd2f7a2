"""Which assigning authority an object's Patient ID belongs to, and whether its sender may say so."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection

from mpi.dicom.header import Header
from mpi.dicom.identity import received_id
from mpi.errors import NotAllowed
from mpi.security.actors import Actor
from mpi.security.authorities import NAME, Authority, authority_by_label, authority_by_name, authority_by_oid

PROVISIONAL = "AE:"


def domain_of(tx: Connection, header: Header, *, sender: Actor | None, calling_ae: str | None) -> str:
    """The authority's name, best evidence first: universal id, issuer label, the sender's only authority.

    An issuer that nobody declared, or none where the sender speaks for several or is not declared itself
    (None), gives a provisional domain of that caller alone, never one shared by a site. Raises NotAllowed
    when the object names a declared authority that the sender may not speak for.
    """
    told = received_id(header)
    oid, label = (told.oid, told.label) if told else (header.universal_id, header.issuer)
    declared = _declared(tx, oid=oid, label=label)
    if declared is not None:
        if sender is None:
            raise NotAllowed("An undeclared caller may not speak for an authority.", authority=declared.name)
        sender.require_authority(declared.name)
        return declared.name
    issuer = oid or label
    if not issuer and sender is not None and len(sender.authorities) == 1:
        return next(iter(sender.authorities))
    caller = calling_ae or (
        sender.actor_id if sender else ""
    )  # an actor's id holds a colon, so it is digested
    return _provisional(caller, issuer)


def _declared(tx: Connection, *, oid: str | None, label: str | None) -> Authority | None:
    """The universal id decides where there is one; a label is never a second opinion on it."""
    if oid:
        return authority_by_oid(tx, oid)
    if label:
        return authority_by_label(tx, label) or authority_by_name(tx, label)
    return None


def is_provisional(domain: str) -> bool:
    """Whether nobody declared it: the gateway itself speaks for it, on behalf of the caller."""
    return domain.startswith(PROVISIONAL)


def _provisional(caller: str, issuer: str | None) -> str:
    """`AE:<caller>` or `AE:<caller>:<issuer>`; a digest where that is no authority's name or not unique."""
    domain = PROVISIONAL + (f"{caller}:{issuer}" if issuer else caller)
    if NAME.fullmatch(domain) and ":" not in caller:
        return domain
    return PROVISIONAL + hashlib.sha256(f"{caller}\0{issuer}".encode()).hexdigest()[:32]
