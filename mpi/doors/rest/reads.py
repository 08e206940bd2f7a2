"""Reading records, identities and examinations. A sender sees its own authorities' records, and no traits.

What a sender may not see answers as what does not exist. A record asked for by another's authority is refused
before anything is looked up, so the refusal says nothing about the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import AfterValidator

from mpi.doors.rest import answers, examples
from mpi.doors.rest.authentication import SenderOrReader, reads_people
from mpi.doors.rest.parts import Index
from mpi.doors.rest.schemas import plain_text
from mpi.errors import NotAllowed, NotFound
from mpi.flows import lookup
from mpi.flows.admission import usual_local_id
from mpi.flows.studies import DesiredStudy, desired, studies_of
from mpi.security.actors import Actor
from mpi.security.authorities import find_authority
from mpi.settings import Settings

router = APIRouter(prefix="/v1", tags=["reading"])

PathText = Annotated[str, AfterValidator(plain_text)]
AuthorityInPath = Annotated[
    PathText, Path(max_length=1000, description="Short name or OID.", examples=["HOPITAL-A"])
]
LocalIdInPath = Annotated[PathText, Path(max_length=1000, examples=["0042"])]
IdentityInPath = Annotated[PathText, Path(max_length=64, examples=[examples.IDENTITY_ID])]
StudyInPath = Annotated[PathText, Path(max_length=64, examples=["1.2.3"])]


@router.get(
    "/records/{authority}/{local_id:path}",
    response_model=answers.Record,
    response_model_exclude_unset=True,
    responses=examples.answers(examples.RECORD, 401, 403, 404, 422, 503),
    summary="One source record and the identity it belongs to today",
)
def record(authority: AuthorityInPath, local_id: LocalIdInPath, actor: SenderOrReader, index: Index) -> Any:
    """Asked by the id that an authority gave."""
    with index.db.read() as tx:
        declared = find_authority(tx, authority)
        if not _may_see(actor, declared.name if declared else authority):
            raise NotAllowed("This sender may not read records of that assigning authority.")
        found = (
            lookup.record_view(tx, authority=declared.name, local_id=usual_local_id(local_id))
            if declared
            else None
        )
    if found is None:
        raise NotFound("No such record.")
    return _record(found, actor)


@router.get(
    "/identities/{identity_id}",
    response_model=answers.Identity,
    response_model_exclude_unset=True,
    responses=examples.answers(examples.IDENTITY, 401, 403, 404, 422, 503),
    summary="One identity and its source records",
)
def identity(identity_id: IdentityInPath, actor: SenderOrReader, index: Index) -> Any:
    """An old id answers with `merged_into` and the survivor's records."""
    with index.db.read() as tx:
        found = lookup.identity_view(tx, identity_id)
    visible = [one for one in found.records if _may_see(actor, one.authority)] if found else []
    if found is None or not visible:
        raise NotFound("No such identity.")
    return answers.Identity(
        identity_id=found.identity_id,
        merged_into=found.merged_into,
        provisional=any(one.provisional for one in visible),
        records=[_record(one, actor) for one in visible],
    )


@router.get(
    "/identities/{identity_id}/studies",
    response_model=answers.Studies,
    responses=examples.answers(examples.STUDIES, 401, 403, 404, 422, 503),
    summary="All examinations of a person, all archives, in time order",
)
def studies(identity_id: IdentityInPath, actor: SenderOrReader, index: Index) -> Any:
    """An old id answers with `merged_into` and the survivor's examinations."""
    with index.db.read() as tx:
        found = lookup.identity_view(tx, identity_id)
        listed = studies_of(tx, found.identity_id) if found else ()
    if found is None or not any(_may_see(actor, one.authority) for one in found.records):
        raise NotFound("No such identity.")
    return answers.Studies(
        identity_id=found.identity_id,
        merged_into=found.merged_into,
        studies=_studies(listed, actor, index.settings),
    )


@router.get(
    "/studies/{uid}",
    response_model=answers.Study,
    responses=examples.answers(examples.STUDY, 401, 403, 404, 422, 503),
    summary="One examination and whose it is today",
)
def study(uid: StudyInPath, actor: SenderOrReader, index: Index) -> Any:
    """Asked by its Study Instance UID."""
    with index.db.read() as tx:
        found = desired(tx, uid)
    visible = _studies([found] if found else [], actor, index.settings)
    if not visible:
        raise NotFound("No such examination.")
    return visible[0]


def retrieve_url(settings: Settings, archive: str | None, study_instance_uid: str) -> str | None:
    """Where the archive hands the study out (DICOMweb, PS3.18 section 10.4); None: it has no address."""
    known = settings.archives.get(archive or next(iter(settings.archives), ""))
    if known is None or known.url is None:
        return None
    return f"{known.url.rstrip('/')}/dicom-web/studies/{study_instance_uid}"


def _may_see(actor: Actor, authority: str) -> bool:
    return reads_people(actor) or authority in actor.authorities


def _record(view: lookup.RecordView, actor: Actor) -> answers.Record:
    told: dict[str, Any] = {"traits": view.raw} if reads_people(actor) else {}
    return answers.Record(
        authority=view.authority,
        local_id=view.local_id,
        identity_id=view.identity_id,
        provisional=view.provisional,
        version=view.version,
        told_at=view.told_at,
        **told,
    )


def _studies(views: Sequence[DesiredStudy], actor: Actor, settings: Settings) -> list[answers.Study]:
    return [
        answers.Study(
            study_instance_uid=view.study_instance_uid,
            identity_id=view.identity_id,
            provisional=view.provisional,
            authority=view.authority,
            local_id=view.local_id,
            modality=view.modality,
            at=view.study_at,
            archive=view.archive,
            description=view.description,
            accession_number=view.accession_number,
            retrieve_url=retrieve_url(settings, view.archive, view.study_instance_uid),
        )
        for view in views
        if _may_see(actor, view.authority)
    ]
