"""Every refusal as a problem document (RFC 9457), made in one place for all HTTP doors.

A problem says what rule was broken and where, never the value: details pass through an allow-list, and the
`input` that validation errors carry is left out. An unknown key is not repeated either, since a caller can
put anything in a key: the object that holds it is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from mpi.errors import MpiError, Unprocessable

PROBLEM_JSON = "application/problem+json"

# Details of an error that may leave: ids, rules, field paths. Everything else stays inside.
PUBLIC_DETAILS = (
    "field",
    "rule",
    "action",
    "review_id",
    "decision_id",
    "identity_id",
    "merged_into",
    "needs",
    "limit",
)

# Codes of statuses that arise outside our own errors, in routing and in body limits.
CODES = {
    400: "malformed",
    401: "not-authenticated",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media",
    422: "unprocessable",
    429: "too-many",
    500: "error",
    503: "unavailable",
}

SENTENCES = {
    400: "The request cannot be read.",
    404: "There is nothing under this address.",
    405: "This address does not take that method.",
    413: "The request is larger than this door takes.",
    500: "Something went wrong on our side; nothing was promised.",
}

UNKNOWN_KEY = "extra_forbidden"

# Pydantic's error types in the words of this interface; others keep Pydantic's stable type name.
RULES = {
    UNKNOWN_KEY: "unknown-field",
    "missing": "required",
    "string_too_long": "too-long",
    "string_too_short": "empty",
    "too_long": "too-many-items",
    "string_type": "text-expected",
    "string_pattern_mismatch": "wrong-form",
    "literal_error": "not-one-of-the-allowed",
    "model_attributes_type": "object-expected",
    "model_type": "object-expected",
    "dict_type": "object-expected",
    "string_unicode": "not-unicode",
}


class FieldProblem(BaseModel):
    """One rule that one field broke."""

    field: str = Field(
        description="Path of the field, for example `traits.birth_date`; of an unknown key, what holds it."
    )
    rule: str = Field(description="Stable name of the rule; the refused value is never repeated.")


class Problem(BaseModel):
    """A problem document as RFC 9457 describes it, with a stable `code` for programs."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Names the kind of problem; `urn:mpi:problem:` and the code.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One sentence for people.")
    code: str = Field(description="One stable word for programs.")
    errors: list[FieldProblem] | None = Field(None, description="Fields and the rules they broke.")


def problem(
    status: int,
    *,
    code: str | None = None,
    detail: str | None = None,
    details: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """A problem document as an answer; `details` are added as they are, so pass public ones only."""
    word = code or CODES.get(status, "error")
    phrase = HTTPStatus(status).phrase
    body: dict[str, object] = {
        "type": f"urn:mpi:problem:{word}",
        "title": phrase,
        "status": status,
        "detail": detail or SENTENCES.get(status, phrase),
        "code": word,
        **(details or {}),
    }
    return JSONResponse(body, status_code=status, headers=headers, media_type=PROBLEM_JSON)


def problem_of(error: MpiError) -> JSONResponse:
    """The problem document of one of our own errors, with `Retry-After` or `WWW-Authenticate` where due."""
    headers = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="mpi"'
    if (seconds := getattr(error, "retry_after", None)) is not None:
        headers["Retry-After"] = str(seconds)
    public: dict[str, object] = {
        name: error.details[name] for name in PUBLIC_DETAILS if error.details.get(name) is not None
    }
    if isinstance(error, Unprocessable) and "field" in public:
        public["errors"] = [{"field": public["field"], "rule": public.get("rule", error.code)}]
    return problem(error.status, code=error.code, detail=error.sentence, details=public, headers=headers)


def field_problems(errors: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Field paths and rules of Pydantic's errors, without the values they carry.

    An error of the type `our_rule` (see `schemas.py`) names its rule itself. Several unknown keys of one
    object are one problem.
    """
    found: list[dict[str, str]] = []
    for error in errors:
        path = [str(part) for part in error["loc"] if part not in ("body", "query", "path", "header")]
        if error["type"] == UNKNOWN_KEY:
            path.pop()
        rule = error["ctx"]["rule"] if error["type"] == "our_rule" else error["type"]
        one = {"field": ".".join(path) or "(body)", "rule": RULES.get(rule, rule.replace("_", "-"))}
        if one not in found:
            found.append(one)
    return found


def install_problems(app: FastAPI) -> None:
    """Makes every error that reaches this application's handlers a problem document."""

    @app.exception_handler(MpiError)
    async def ours(_: Request, error: MpiError) -> JSONResponse:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = error.errors()
        if any(one["type"] == "json_invalid" for one in errors):
            return problem(400, detail="The body is not JSON.")
        return problem(
            422,
            detail="The content breaks a rule.",
            details={"errors": field_problems(errors)},
        )

    @app.exception_handler(HTTPException)
    async def of_the_framework(_: Request, error: HTTPException) -> JSONResponse:
        kept = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
        return problem(error.status_code, headers=kept)
