"""Which assigning authority an object's Patient ID belongs to, and whether its sender may say so."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Connection, insert

from mpi.dicom.header import Header
from mpi.dicom.identity import received_id
from mpi.errors import NotAllowed
from mpi.security.actors import Actor
from mpi.security.authorities import NAME, Authority, authority_by_label, authority_by_name, authority_by_oid
from mpi.store.tables import authority


def domain_of(
    tx: Connection, header: Header, *, sender: Actor | None, calling_ae: str | None, at: datetime
) -> str:
    """The authority's name, best evidence first: universal id, issuer label, the sender's only authority.

    An issuer that nobody declared, or none where the sender speaks for several or is not declared itself
    (None), gets a provisional domain of that caller alone, never one shared by a site. Raises NotAllowed when
    the object names a declared authority that the sender may not speak for.
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
    caller = f"AE:{calling_ae}" if calling_ae else (sender.actor_id if sender else "AE:")
    return _provisional(tx, f"{caller}:{issuer}" if issuer else caller, at=at)


def _declared(tx: Connection, *, oid: str | None, label: str | None) -> Authority | None:
    """The universal id decides where there is one; a label is never a second opinion on it."""
    if oid:
        return authority_by_oid(tx, oid)
    if label:
        return authority_by_label(tx, label) or authority_by_name(tx, label)
    return None


def _provisional(tx: Connection, domain: str, *, at: datetime) -> str:
    """Makes the domain known. One whose text is no authority's name is told by a digest of it."""
    name = domain if NAME.fullmatch(domain) else f"AE:{hashlib.sha256(domain.encode()).hexdigest()[:32]}"
    if authority_by_name(tx, name) is None:
        tx.execute(
            insert(authority).values(
                authority=name, oid=None, label=name, sends_status=False, certified=False, created_at=at
            )
        )
    return name
