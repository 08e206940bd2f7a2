"""`POST /v1/identify` tells a record and gets its identity; `POST /v1/match` asks, and nothing is stored."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends

from matching.records import RawRecord
from mpi.doors.rest import examples
from mpi.doors.rest.answers import Candidate, Dropped, Evidence, Identified, Matched
from mpi.doors.rest.authentication import Sender, SenderOrReader, reads_people
from mpi.doors.rest.parts import IdempotencyKey, Index, Parts, reading
from mpi.doors.rest.schemas import IdentifyBody, MatchBody
from mpi.errors import RecordedRefusal, Unprocessable
from mpi.flows.identify import identify as identify_record
from mpi.flows.match import match as match_person
from mpi.flows.requests import IdentifyAnswer, IdentifyRequest, MatchAnswer, MatchRequest, NirHit
from mpi.security.nir_guard import count_hits, guard, guard_text

router = APIRouter(prefix="/v1", tags=["people"], dependencies=[Depends(reading("application/json"))])

DOOR = "rest"
TICK = 0.1  # seconds: a sender's answer leaves on a tick, so that its time says nothing of what was compared


@router.post(
    "/identify",
    response_model=Identified,
    response_model_exclude_unset=True,
    responses=examples.answers(examples.IDENTIFIED, 400, 401, 403, 409, 413, 415, 422, 503),
    summary="Tell one record; get the identity it belongs to",
)
def identify(
    body: Annotated[
        IdentifyBody, Body(openapi_examples={"a record with its study": {"value": examples.IDENTIFY}})
    ],
    actor: Sender,
    index: Index,
    key: IdempotencyKey = None,
) -> Any:
    """The answer is sent after the commit. Senders get no weight, margin or evidence."""
    _check_archive(body, index)
    request = IdentifyRequest(
        actor=actor,
        raw=body.raw(authority=body.authority, local_id=body.local_id),
        door=DOOR,
        study=body.study_ref(),
        idempotency_key=key,
    )
    answer = index.db.run_write(
        lambda tx: identify_record(tx, request, index.matcher, at=index.clock(), ids=index.ids)
    )
    return identified(answer, in_full=reads_people(actor))


@router.post(
    "/match",
    response_model=Matched,
    response_model_exclude_unset=True,
    responses=examples.answers(
        {"outcome": "one", "identity_id": examples.IDENTITY_ID}, 400, 401, 403, 413, 415, 422, 429, 503
    ),
    summary="Ask whether one person is known; nothing is stored",
)
def match(
    body: Annotated[MatchBody, Body(openapi_examples={"a question": {"value": examples.MATCH}})],
    actor: SenderOrReader,
    index: Index,
) -> Any:
    """Senders learn `one` with its id, `none` or `many`, and may ask about 200 different persons an hour."""
    started = time.perf_counter()
    raw, hits = _guarded(body.raw(authority=body.authority or "", local_id=body.local_id or ""), index)
    if not reads_people(actor):
        index.probes.count(actor.actor_id, raw)
    with index.db.read() as tx:
        answer = match_person(tx, MatchRequest(actor=actor, raw=raw), index.matcher)
    if not reads_people(actor):
        time.sleep(TICK - (time.perf_counter() - started) % TICK)
    return matched(replace(answer, dropped=hits), in_full=reads_people(actor))


def _check_archive(body: IdentifyBody, index: Parts) -> None:
    """Raises Unprocessable for an archive that is not declared; a social security number there is counted."""
    name = body.study.archive if body.study else None
    if name is None or name in index.settings.archives:
        return
    _, hits = guard_text(name, field="study.archive", birth=body.traits.birth_date, sex=body.traits.sex)
    _count(hits, index)
    raise Unprocessable("No such archive is declared.", field="study.archive", rule="declared")


def _guarded(raw: RawRecord, index: Parts) -> tuple[RawRecord, tuple[NirHit, ...]]:
    """A question without social security numbers, and where they were; all are counted, a refused one too."""
    try:
        guarded, hits = guard(raw)
    except RecordedRefusal as refused:
        _count((NirHit(field=str(refused.details["field"]), rule=str(refused.details["rule"])),), index)
        raise
    _count(hits, index)
    return guarded, hits


def _count(hits: tuple[NirHit, ...], index: Parts) -> None:
    if hits:
        with index.db.write() as tx:
            count_hits(tx, hits, door=DOOR, at=index.clock())


def identified(answer: IdentifyAnswer, *, in_full: bool) -> Identified:
    """What the caller may see of the answer; `in_full` for reading roles."""
    shown: dict[str, Any] = {
        name: getattr(answer, name)
        for name in ("outcome", "identity_id", "provisional", "a_id", "review_id", "decision_id")
    }
    if in_full:
        for name in ("match_weight", "match_probability", "margin", "model"):
            shown[name] = getattr(answer, name)
        shown["evidence"] = [Evidence(**one) for one in answer.evidence]
    return Identified(**shown, **dropped(answer.dropped))


def matched(answer: MatchAnswer, *, in_full: bool) -> Matched:
    """What the caller may see of the answer; `in_full` for reading roles."""
    shown: dict[str, Any] = {"outcome": answer.outcome, "identity_id": answer.identity_id}
    if in_full:
        shown["candidates"] = [
            Candidate(
                identity_id=one.identity_id,
                match_weight=one.match_weight,
                match_probability=one.match_probability,
                evidence=[Evidence(**level) for level in one.evidence],
            )
            for one in answer.candidates
        ]
    return Matched(**shown, **dropped(answer.dropped))


def dropped(hits: tuple[NirHit, ...]) -> dict[str, Any]:
    """The answer's `dropped` where something was removed, nothing else; suspects were kept."""
    gone = [Dropped(field=hit.field, rule=hit.rule) for hit in hits if not hit.suspect]
    return {"dropped": gone} if gone else {}
