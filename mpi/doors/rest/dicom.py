"""`POST /v1/dicom/coerce`: what one study should carry, asked by an archive that writes it itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query

from mpi.dicom.json_model import coerced_json
from mpi.dicom.target import QualifiedId
from mpi.doors.rest import examples
from mpi.doors.rest.answers import Coerced
from mpi.doors.rest.authentication import Sender
from mpi.doors.rest.dataset import header_of
from mpi.doors.rest.parts import Index, Parts, reading
from mpi.doors.rest.people import dropped
from mpi.errors import Conflict, NotAllowed, RecordedRefusal, Unavailable, Unprocessable
from mpi.flows import intake, lookup
from mpi.flows.arrivals import Arrival, Placement
from mpi.flows.studies import DesiredStudy, desired
from mpi.flows.targets import known_ids, plan_of, target_of
from mpi.security.actors import Actor
from mpi.security.nir_guard import count_hits, guard_text
from mpi.security.senders import sender_of_ae

DICOM_JSON = "application/dicom+json"
DOOR = "http-dicom"

router = APIRouter(
    prefix="/v1/dicom", tags=["dicom"], dependencies=[Depends(reading(DICOM_JSON, "application/json"))]
)

ArchiveName = Annotated[
    str | None,
    Query(max_length=64, description="Whose tag plan counts; default: the first one.", examples=["main"]),
]
CallingAe = Annotated[
    str | None,
    Query(
        pattern=r"^[\x21-\x5b\x5d-\x7e]{1,16}$",
        description="Who sent the object to the archive. A declared one narrows what the caller may say.",
        examples=["SCANNER_A"],
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where an object belongs; `wanted` and `outcome` are None for one without a patient."""

    placement: Placement
    wanted: DesiredStudy | None = None
    outcome: str | None = None
    others: tuple[QualifiedId, ...] = ()


@router.post(
    "/coerce",
    response_model=Coerced,
    response_model_exclude_unset=True,
    responses=examples.answers(examples.COERCED, 400, 401, 403, 409, 413, 415, 422, 503),
    summary="Tell one data set; get the elements it should carry",
)
def coerce(
    elements: Annotated[
        dict[str, Any],
        Body(
            media_type=DICOM_JSON,
            description="One data set; patient and study level is enough.",
            openapi_examples={"patient and study level": {"value": examples.DATA_SET}},
        ),
    ],
    actor: Sender,
    index: Index,
    archive: ArchiveName = None,
    calling_ae: CallingAe = None,
) -> Any:
    """Write on 200 only: 409 with `action` `hold` or `conflict` means that a person is asked first.

    The same data set gives the same answer with the same time, so no idempotency key is needed.
    """
    name = archive or next(iter(index.settings.archives))
    if name not in index.settings.archives:
        raise Unprocessable("No such archive is declared.", field="archive", rule="declared")
    header, hits = header_of(elements)
    arrival = Arrival(
        instance_id="",
        header=header,
        content_digest=b"",
        door=DOOR,
        archive=name,
        received_at=index.clock(),
        calling_ae=calling_ae,
        sender=actor,
        hits=hits,
    )
    found = index.db.run_write(lambda tx: _find(tx, arrival, index))
    if found.placement.state != "spooled":
        action = "conflict" if found.placement.reason == intake.STUDY_OF_ANOTHER else "hold"
        raise Conflict("A clerk is asked about this study first.", action=action, rule=found.placement.reason)
    return _answer(arrival, found, index)


def _find(tx: Any, arrival: Arrival, index: Parts) -> Found:
    """Identifies and pins, in the caller's transaction."""
    assert arrival.sender is not None
    header = arrival.header
    calling_ae, hits = guard_text(
        arrival.calling_ae, field="calling_ae", birth=header.birth_date, sex=header.sex
    )
    count_hits(tx, (*arrival.hits, *hits), door=DOOR, at=arrival.received_at)
    if calling_ae != arrival.calling_ae:
        raise RecordedRefusal(
            "A social security number is not taken here.", field="calling_ae", rule=hits[0].rule
        )
    arrival = replace(arrival, sender=_narrowed(tx, arrival.sender, arrival.calling_ae))
    placement = intake.place(tx, arrival, index.desk, at=arrival.received_at)
    if placement.state != "spooled" or not arrival.header.has_patient:
        return Found(placement=placement)
    wanted = desired(tx, arrival.header.study_instance_uid)
    if wanted is None:
        raise Unavailable("The study has no identity at the moment.")
    return Found(
        placement=placement,
        wanted=wanted,
        outcome=lookup.outcome_of(tx, wanted.decision_id),
        others=known_ids(tx, wanted, index.settings.archives[arrival.archive].other_id_domains),
    )


def _narrowed(tx: Any, actor: Actor, calling_ae: str | None) -> Actor:
    """The caller, speaking only for authorities that the declared owner of the AE title speaks for too."""
    owner = sender_of_ae(tx, calling_ae) if calling_ae else None
    if owner is None:
        return actor
    shared = actor.authorities & owner.authorities
    if not shared:
        raise NotAllowed("This caller may not speak for that AE title.")
    return replace(actor, authorities=shared)


def _answer(arrival: Arrival, found: Found, index: Parts) -> Coerced:
    if found.wanted is None:
        return Coerced(action="pass", coerced={}, original_attributes={}, **dropped(arrival.hits))
    archive = index.settings.archives[arrival.archive]
    target = target_of(
        arrival.header,
        found.wanted,
        settings=index.settings,
        archive=archive,
        source=arrival.calling_ae or "",
        known_ids=found.others,
    )
    coerced, original = coerced_json(target, plan_of(archive), arrival.header)
    return Coerced(
        action="coerce" if coerced else "pass",
        outcome=found.outcome,
        identity_id=found.wanted.identity_id,
        provisional=found.wanted.provisional,
        decision_id=found.wanted.decision_id,
        at=found.wanted.decided_at,
        coerced=coerced,
        original_attributes=original,
        **dropped(arrival.hits),
    )
