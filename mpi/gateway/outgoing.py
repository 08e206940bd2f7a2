"""What leaves the gateway: the object of the spool under the identity that its study should carry now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mpi.dicom.coercion import Held, coerce
from mpi.dicom.elements import Buffer
from mpi.dicom.header import Header, read_header
from mpi.dicom.objects import DicomObject, open_object
from mpi.dicom.target import Coercion, QualifiedId
from mpi.flows import instances
from mpi.flows.instances import Kept
from mpi.flows.studies import DesiredStudy, desired
from mpi.flows.targets import known_ids, plan_of, target_of
from mpi.gateway.spool import Spooled
from mpi.settings import Settings
from mpi.store.transaction import Database

SPLIT_STUDY = "study-stored-under-another-identifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An object ready to send. `patient_id` is what it will bear; None when it passes as it came."""

    parts: tuple[Buffer, ...]
    patient_id: str | None
    changes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The identity of a study, the person's other ids that the archive may see, and what it has already.

    `written`: the Patient ID of ours that the study bears there; None when nothing of it is stored yet.
    """

    study: DesiredStudy
    known_ids: tuple[QualifiedId, ...]
    written: str | None


class Outgoing:
    """Rows and identities for one archive."""

    def __init__(self, db: Database, settings: Settings, archive: str) -> None:
        self._db = db
        self._settings = settings
        self._name = archive
        self._archive = settings.archives[archive]
        self._plan = plan_of(self._archive)

    def rows(self, instance_ids: Sequence[str]) -> list[tuple[str, Kept | None]]:
        """The rows in the order asked for. Raises Unavailable."""
        with self._db.read() as tx:
            found = instances.by_ids(tx, instance_ids)
        return [(instance_id, found.get(instance_id)) for instance_id in instance_ids]

    def prepare(self, row: Kept, spooled: Spooled) -> Prepared | None:
        """None when the study has no identity though the object has a patient.

        Raises Unreadable, Held (signature policy, or the archive has the study under an earlier identifier of
        ours: it would hold the study twice), Unavailable (database away).
        """
        opened = open_object(spooled.part10)
        header = read_header(opened)
        if not header.has_patient or self._plan.mode == "pass":
            return Prepared(parts=(spooled.part10,), patient_id=None, changes=[])
        wanted = self.wanted(header.study_instance_uid)
        if wanted is None:
            return None
        if self._plan.mode == "coerce" and wanted.written not in (wanted.study.identity_id, None):
            raise Held(SPLIT_STUDY)
        coercion = self.coerced(
            opened, header, wanted, source=row.calling_ae or "", emptied=spooled.envelope.emptied
        )
        return Prepared(
            parts=coercion.parts,
            patient_id=wanted.study.identity_id if self._plan.mode == "coerce" else None,
            changes=[asdict(change) for change in coercion.changes],
        )

    def wanted(self, study_instance_uid: str) -> Wanted | None:
        """The identity that a study should carry now; None for a study that has none."""
        with self._db.read() as tx:
            study = desired(tx, study_instance_uid)
            if study is None:
                return None
            return Wanted(
                study=study,
                known_ids=known_ids(tx, study, self._archive.other_id_domains),
                written=instances.written_id(tx, study_instance_uid, archive=self._name),
            )

    def coerced(
        self, opened: DicomObject, header: Header, wanted: Wanted, *, source: str, emptied: tuple[int, ...]
    ) -> Coercion:
        """The object under its identity; untouched when it bears it already. Raises Unreadable, Held."""
        target = target_of(
            header,
            wanted.study,
            settings=self._settings,
            archive=self._archive,
            source=source,
            known_ids=wanted.known_ids,
        )
        return coerce(opened, target, self._plan, emptied=emptied)
