"""The index as one HTTP application: its routes, its refusals, its description."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from mpi.doors.rest import dicom, health, people, reads
from mpi.doors.rest.middleware import RequestRules
from mpi.doors.rest.parts import Parts
from mpi.doors.rest.probes import ProbeQuota
from mpi.doors.rest.problems import Problem, install_problems
from mpi.flows.arrivals import Desk
from mpi.flows.matcher import Ids, Matcher
from mpi.settings import Settings
from mpi.store.transaction import Database

LARGEST_BODY = 1 << 20  # bytes

DESCRIPTION = """One patient recognised across hospitals, without the social security number.

Every refusal is a problem document (RFC 9457) with a stable `code`; none repeats a value or a name
that was sent. A body is read before the key is looked at: what is not JSON answers 400 to anyone.
"""


def index_app(db: Database, matcher: Matcher, settings: Settings) -> FastAPI:
    """The application over an open database with the schema in place."""
    app = FastAPI(
        title="Master patient index",
        version=version("mpi"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the path, which may hold a local id
    )
    app.state.db = db
    ids = Ids.system()
    app.state.parts = Parts(
        db=db,
        matcher=matcher,
        settings=settings,
        probes=ProbeQuota(settings.match_probes_per_hour),
        desk=Desk.from_settings(settings, matcher, ids),
        ids=ids,
    )
    install_problems(app)
    app.add_middleware(RequestRules, max_body=LARGEST_BODY)
    for router in (people.router, dicom.router, reads.router, health.router):
        app.include_router(router)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the problem document among its schemas."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
        )
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs", {}))
        schemas["Problem"] = schema
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
