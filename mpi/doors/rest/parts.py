"""What every route of the index works with: made once, given to routes as dependencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import Annotated

from fastapi import Depends, Header, Request

from mpi.doors.rest.probes import ProbeQuota
from mpi.errors import UnsupportedMedia
from mpi.flows.arrivals import Desk
from mpi.flows.matcher import Ids, Matcher
from mpi.settings import Settings
from mpi.store.transaction import Database


def now() -> datetime:
    """The present instant, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What routes share; clock and ids are injected so that tests can fix them."""

    db: Database
    matcher: Matcher
    settings: Settings
    probes: ProbeQuota
    desk: Desk
    ids: Ids
    clock: Callable[[], datetime] = now


def parts_of(request: Request) -> Parts:
    """The parts of the application that answers this request."""
    parts: Parts = request.app.state.parts
    return parts


Index = Annotated[Parts, Depends(parts_of)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same body gives the same answer and one effect.",
    ),
]


def reading(*media_types: str) -> Callable[[Request], None]:
    """A dependency: the body's media type is one of these. Raises UnsupportedMedia."""

    def check(request: Request) -> None:
        header = Message()
        header["content-type"] = request.headers.get("content-type", "")
        if header.get_content_type() not in media_types:
            raise UnsupportedMedia(f"This call reads {' or '.join(media_types)}.")

    return check
