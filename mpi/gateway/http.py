"""The gateway's HTTP door: `POST /v1/dicom/instances`, and whether the gateway is well."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from mpi.doors.rest.answers import Health, Readiness
from mpi.doors.rest.authentication import Sender
from mpi.doors.rest.middleware import RequestRules
from mpi.doors.rest.parts import reading
from mpi.doors.rest.problems import install_problems, problem
from mpi.errors import Unprocessable
from mpi.gateway.archives import blocks, size_of
from mpi.gateway.reading import Incoming
from mpi.gateway.rewriting import Rewriter
from mpi.security.actors import Actor
from mpi.security.nir_guard import guard_text

if TYPE_CHECKING:
    from mpi.gateway.gateway import Gateway

DICOM = "application/dicom"
ROOM = "http-dicom"  # this door, in counts and records

router = APIRouter()

CallingAe = Annotated[
    str | None,
    Query(
        pattern=r"^[\x21-\x5b\x5d-\x7e]{1,16}$",
        description="Who sent the object to the archive; named in Original Attributes.",
    ),
]


@router.post(
    "/v1/dicom/instances",
    tags=["dicom"],
    summary="One DICOM object, rewritten to the identity of its patient",
    response_class=StreamingResponse,
    responses={
        200: {"content": {DICOM: {}}, "description": "The coerced Part 10 file; pixels are untouched."},
        409: {"description": "A clerk is asked first; `action` is hold or conflict."},
        413: {"description": "Larger than this door takes."},
        422: {"description": "Not a readable DICOM object."},
    },
    openapi_extra={"requestBody": {"required": True, "content": {DICOM: {}}}},
    dependencies=[Depends(reading(DICOM))],
)
async def rewrite_instance(
    request: Request,
    sender: Sender,
    archive: Annotated[
        str | None, Query(description="Whose tag plan counts; default: the first one.")
    ] = None,
    calling_ae: CallingAe = None,
) -> StreamingResponse:
    """The caller stores the answer itself, and only on 200. The same object gives the same bytes."""
    gateway: Gateway = request.app.state.gateway
    name = archive or gateway.default_archive
    if name not in gateway.settings.archives:
        raise Unprocessable("No such archive.", field="archive", rule="declared")
    _, hits = guard_text(calling_ae, field="calling_ae", kind="identifier")
    if any(not hit.suspect for hit in hits):
        raise Unprocessable("A social security number is not taken here.", field="calling_ae", rule="nir")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
    incoming = Incoming(
        data=bytes(body),
        door=ROOM,
        archive=name,
        calling_ae=calling_ae,
        peer=request.client.host if request.client else None,
    )
    parts = await run_in_threadpool(_rewritten, request.app.state.rewriters[name], incoming, sender)
    return StreamingResponse(blocks(parts), media_type=DICOM, headers={"Content-Length": str(size_of(parts))})


def _rewritten(rewriter: Rewriter, incoming: Incoming, sender: Actor) -> Any:
    return rewriter.rewrite(incoming, sender=sender, at=datetime.now(UTC))


@router.get("/healthz", tags=["health"], response_model=Health, summary="This process answers")
def healthz() -> Any:
    """Looks at nothing else."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    tags=["health"],
    response_model=Readiness,
    summary="Database, spool and archives are there",
    responses={503: {"description": "A part is away; objects are kept in the spool meanwhile."}},
)
def readyz(request: Request) -> Any:
    """Asks each part."""
    gateway: Gateway = request.app.state.gateway
    wrong = gateway.check()
    names = ["database", "spool", "threads", *(f"archive.{name}" for name in gateway.settings.archives)]
    parts = {name: "away" if name in wrong else "ok" for name in names}
    if wrong:
        return problem(
            503, detail="A needed part is away.", details={"parts": parts}, headers={"Retry-After": "5"}
        )
    return {"status": "ready", "parts": parts}


def gateway_app(gateway: Gateway) -> FastAPI:
    """The HTTP application of one gateway."""
    app = FastAPI(title="Gateway", version=version("mpi"), docs_url=None, redoc_url=None)
    app.state.db = gateway.db
    app.state.gateway = gateway
    app.state.rewriters = {
        name: Rewriter(
            writer=gateway.writer,
            desk=gateway.desk,
            outgoing=outgoing,
            patience=2 * gateway.settings.ingest_deadline_ms / 1000,
        )
        for name, outgoing in gateway.outgoing.items()
    }
    install_problems(app)
    app.add_middleware(RequestRules, max_body=gateway.settings.max_body_mb * 1_000_000)
    app.include_router(router)
    return app
