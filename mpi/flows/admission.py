"""What may be answered at all: no social security number, a sender that may speak, a declared authority."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from matching.records import RawRecord
from mpi.errors import NotAllowed, RecordedRefusal, Unprocessable
from mpi.flows import told
from mpi.flows.partial import completed
from mpi.flows.requests import IdentifyRequest, NirHit, StudyRef
from mpi.flows.told import Seen
from mpi.security.actors import Actor, Role
from mpi.security.authorities import add_authority, authority_by_oid
from mpi.security.nir_guard import count_hits, guard, guard_text

GATEWAY = "system:gateway"
PROVISIONAL_DOMAIN = "AE:"  # in front of the calling AE title of a sender that nobody declared
SYSTEM = "system:"
LONGEST_LOCAL_ID = 256  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A request that may be answered. `digest` is SHA-256 of `document`, the raw record as JSON data.

    `hits` are the social security numbers that were found, those of rule R4 kept and the others removed.
    """

    request: IdentifyRequest
    document: dict[str, Any]
    digest: bytes
    hits: tuple[NirHit, ...]

    @property
    def raw(self) -> RawRecord:
        """What is told of the person."""
        return self.request.raw

    @property
    def study(self) -> StudyRef | None:
        """The study told with it."""
        return self.request.study

    @property
    def dropped(self) -> tuple[NirHit, ...]:
        """What was removed."""
        return tuple(hit for hit in self.hits if not hit.suspect)

    def completed(self, before: RawRecord) -> Admitted:
        """The same request with the traits that it leaves out as they were told before."""
        raw = completed(self.raw, before)
        document = told.as_document(raw)
        request = replace(self.request, raw=raw)
        return replace(self, request=request, document=document, digest=told.told_digest(document))

    @property
    def request_digest(self) -> bytes:
        """SHA-256 of all that one idempotency key stands for."""
        study = self.study
        at = study.at.isoformat() if study and study.at else None
        said = [self.digest.hex(), self.request.unidentified] + (
            [
                study.study_instance_uid,
                study.modality,
                at,
                study.archive,
                study.description,
                study.accession_number,
            ]
            if study
            else []
        )
        return hashlib.sha256(json.dumps(said).encode()).digest()


def admit(tx: Connection, request: IdentifyRequest, *, at: datetime) -> tuple[Admitted, Seen]:
    """The request under the short name of its authority, and what the index holds under its local id.

    Raises RecordedRefusal (counted, to be committed) where a social security number stands in the place of an
    identifier, Unprocessable for a local id or authority that cannot be, NotAllowed for another's authority.
    """
    request, hits = _guarded(tx, request, at=at)
    request, seen = _known_authority(tx, request, at=at)
    document = told.as_document(request.raw)
    return Admitted(request=request, document=document, digest=told.told_digest(document), hits=hits), seen


def look_up(tx: Connection, request: IdentifyRequest) -> Seen | None:
    """What the index holds under the local id of a request; None when the authority is not declared."""
    return told.seen(
        tx,
        authority_name=request.raw.authority,
        local_id=request.raw.local_id,
        study_instance_uid=request.study.study_instance_uid if request.study else None,
    )


def usual_local_id(local_id: str) -> str:
    """A local id as it is kept and looked up: composed (Unicode's form NFC), without spaces around it."""
    return unicodedata.normalize("NFC", local_id).strip()


def _guarded(
    tx: Connection, request: IdentifyRequest, *, at: datetime
) -> tuple[IdentifyRequest, tuple[NirHit, ...]]:
    """The request without any social security number, before anything else looks at it."""
    try:
        raw, hits = guard(request.raw)
    except RecordedRefusal as refused:
        hit = NirHit(field=str(refused.details["field"]), rule=str(refused.details["rule"]))
        count_hits(tx, [hit], door=request.door, at=at)
        raise
    search = partial(guard_text, birth=raw.birth_date, sex=raw.sex)
    study = request.study
    if study is not None:
        modality, in_modality = search(study.modality, field="study.modality")
        description, in_description = search(study.description, field="study.description")
        accession, in_accession = search(
            study.accession_number, field="study.accession_number", kind="identifier"
        )
        study = replace(study, modality=modality, description=description, accession_number=accession)
        hits += in_modality + in_description + in_accession
    names = {"study.archive": study.archive if study else None, "Idempotency-Key": request.idempotency_key}
    for field, name in names.items():
        kept, found = search(name, field=field)
        if kept != name:
            count_hits(tx, found, door=request.door, at=at)
            raise RecordedRefusal(
                "A social security number is not taken here.", field=field, rule=found[0].rule
            )
    return replace(request, raw=raw, study=study), hits


def _known_authority(
    tx: Connection, request: IdentifyRequest, *, at: datetime
) -> tuple[IdentifyRequest, Seen]:
    """The request under the names that are kept; the gateway's unknown senders get a domain."""
    local_id = usual_local_id(request.raw.local_id)
    _check_local_id(local_id)
    request = replace(request, raw=replace(request.raw, local_id=local_id))
    seen = look_up(tx, request)
    if seen is None and (named := authority_by_oid(tx, request.raw.authority)):
        request = replace(request, raw=replace(request.raw, authority=named.name))
        seen = look_up(tx, request)
    _check_actor(request.actor, request.raw.authority)
    if seen is None:
        if request.actor.actor_id != GATEWAY or not request.raw.authority.startswith(PROVISIONAL_DOMAIN):
            raise Unprocessable("No such assigning authority.", field="authority", rule="declared")
        add_authority(tx, name=request.raw.authority, at=at)
        seen = look_up(tx, request)
        assert seen is not None
    return request, seen


def _check_local_id(local_id: str) -> None:
    if not local_id.strip() or len(local_id) > LONGEST_LOCAL_ID or not local_id.isprintable():
        raise Unprocessable(
            f"A local id has 1 to {LONGEST_LOCAL_ID} printable characters.",
            field="local_id",
            rule="printable",
        )


def _check_actor(actor: Actor, authority: str) -> None:
    """Only senders and parts of the system say who a record is."""
    if Role.SENDER not in actor.roles and not actor.actor_id.startswith(SYSTEM):
        raise NotAllowed("Only a sender may tell records.")
    actor.require_authority(authority)
