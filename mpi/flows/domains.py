"""Which assigning authority an object's Patient ID belongs to, and whether its sender may say so."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection

from mpi.dicom.header import Header
from mpi.dicom.identity import Issuer, issuers
from mpi.errors import NotAllowed
from mpi.security.actors import Actor
from mpi.security.authorities import NAME, Authority, authority_by_label, authority_by_name, authority_by_oid

PROVISIONAL = "AE:"


def domain_of(tx: Connection, header: Header, *, sender: Actor | None, calling_ae: str | None) -> str:
    """The authority's name, best evidence first: universal id, issuer label, the sender's only authority.

    An issuer that nobody declared or that cannot be read, two that contradict each other, or none where the
    sender speaks for several or is not declared itself (None), give a provisional domain of that caller
    alone, never one shared by a site. Raises NotAllowed when the object names a declared authority that
    the sender may not speak for.
    """
    told = issuers(header)
    named = {_declared(tx, one) for one in told}
    declared = named.pop() if len(named) == 1 else None
    if declared is not None:
        if sender is None:
            raise NotAllowed("An undeclared caller may not speak for an authority.", authority=declared.name)
        sender.require_authority(declared.name)
        return declared.name
    if not told and sender is not None and len(sender.authorities) == 1:
        return next(iter(sender.authorities))
    issuer = "/".join(dict.fromkeys(one.text for one in told))
    caller = calling_ae or (
        sender.actor_id if sender else ""
    )  # an actor's id holds a colon, so it is digested
    return _provisional(caller, issuer)


def _declared(tx: Connection, issuer: Issuer) -> Authority | None:
    """The universal id decides where there is one; a label is never a second opinion on it."""
    if issuer.universal_id:
        return authority_by_oid(tx, issuer.oid) if issuer.oid else None
    return authority_by_label(tx, issuer.label) or authority_by_name(tx, issuer.label)


def is_provisional(domain: str) -> bool:
    """Whether nobody declared it: the gateway itself speaks for it, on behalf of the caller."""
    return domain.startswith(PROVISIONAL)


def _provisional(caller: str, issuer: str) -> str:
    """`AE:<caller>` or `AE:<caller>:<issuer>`; a digest where that is no authority's name or not unique."""
    domain = PROVISIONAL + (f"{caller}:{issuer}" if issuer else caller)
    if NAME.fullmatch(domain) and ":" not in caller:
        return domain
    return PROVISIONAL + hashlib.sha256(f"{caller}\0{issuer}".encode()).hexdigest()[:32]
