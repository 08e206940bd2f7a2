"""`GET /healthz` and `/readyz`, for machines that start, stop and route to this process."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from mpi.doors.rest import examples
from mpi.doors.rest.answers import Health, Readiness
from mpi.doors.rest.parts import Index
from mpi.doors.rest.problems import problem
from mpi.errors import Unavailable

router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.get(
    "/healthz",
    response_model=Health,
    responses=examples.answers({"status": "ok"}),
    summary="This process answers",
)
def healthz() -> Any:
    """Looks at nothing else."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    response_model=Readiness,
    responses=examples.answers({"status": "ready", "parts": {"database": "ok", "keys": "ok"}}, 503),
    summary="Everything that an answer needs is there",
)
def readyz(index: Index) -> Any:
    """Asks the database and looks for the key of the A-ID."""
    parts = {"database": "ok", "keys": "ok" if index.matcher.xsi_key else "missing"}
    try:
        index.db.ping()
    except Unavailable:
        parts["database"] = "away"
    if set(parts.values()) == {"ok"}:
        return {"status": "ready", "parts": parts}
    return problem(
        503,
        detail="A needed part is away.",
        details={"parts": parts},
        headers={"Retry-After": "5"},
    )
