"""What an archive's copy of an object should carry: from a study's desired identity to a coercion target."""

from __future__ import annotations

from importlib.metadata import version

from sqlalchemy import Connection, select

from mpi.dicom.header import Header
from mpi.dicom.identity import received_id
from mpi.dicom.target import QualifiedId, TagPlan, Target
from mpi.flows.studies import DesiredStudy
from mpi.settings import ArchiveSettings, Settings
from mpi.store.tables import authority, membership, source_record

SYSTEM_LENGTH = 64  # characters of Modifying System (LO)


def plan_of(archive: ArchiveSettings) -> TagPlan:
    """The rows of the tag plan that an archive's settings switch."""
    return TagPlan(**{name: getattr(archive, name) for name in TagPlan.__dataclass_fields__})


def modifying_system(settings: Settings) -> str:
    """product@site/version, as Modifying System (0400,0563) names us."""
    return f"mpi@{settings.site_label}/{version('mpi')}"[:SYSTEM_LENGTH]


def target_of(
    header: Header,
    wanted: DesiredStudy,
    *,
    settings: Settings,
    archive: ArchiveSettings,
    source: str,
    known_ids: tuple[QualifiedId, ...] = (),
) -> Target:
    """The target of one object. `source`: calling AE, sender or archive. `known_ids`: as `known_ids()` gives.

    An id that came without an issuer is listed under the authority it was taken for.
    """
    received = received_id(header) or QualifiedId(value="")
    if received.label is None and received.oid is None:
        received = QualifiedId(value=received.value, label=wanted.authority_label, oid=wanted.authority_oid)
    a_id = (
        (QualifiedId(value=wanted.a_id, label=f"XSI-1 {settings.xsi_domain}"),)
        if archive.write_a_id and wanted.a_id
        else ()
    )
    return Target(
        patient_id=QualifiedId(
            value=wanted.identity_id, label=settings.issuer_label, oid=settings.issuer_oid
        ),
        received=received,
        at=wanted.decided_at,
        system=modifying_system(settings),
        source=source,
        other_ids=(*a_id, *known_ids),
    )


def known_ids(tx: Connection, wanted: DesiredStudy, domains: list[str]) -> tuple[QualifiedId, ...]:
    """Other ids of the person in the domains that an archive may see, in a stable order."""
    if not domains:
        return ()
    rows = tx.execute(
        select(source_record.c.local_id, authority.c.label, authority.c.oid)
        .join(membership, membership.c.record_id == source_record.c.record_id)
        .join(authority, authority.c.authority == source_record.c.authority)
        .where(
            membership.c.identity_id == wanted.identity_id,
            source_record.c.authority.in_(domains),
            source_record.c.record_id != wanted.record_id,
            source_record.c.unidentified.is_(False),
        )
        .order_by(source_record.c.authority, source_record.c.local_id)
    )
    return tuple(QualifiedId(value=row.local_id, label=row.label, oid=row.oid) for row in rows)
