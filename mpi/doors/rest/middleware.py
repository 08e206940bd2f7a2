"""What holds for every HTTP request: headers, a cap on the body, one log line, no stray traceback.

The log line carries the route's template and the caller's name, never the path: paths hold local ids.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mpi.doors.rest.problems import problem

log = logging.getLogger("mpi.http")

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


# Methods that may be logged (RFC 9110 section 9, RFC 5789); a caller can write anything in the place of one.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})


class RequestRules:
    """ASGI middleware around an application. `max_body` is in bytes; a longer body answers 413 unread."""

    def __init__(self, app: ASGIApp, *, max_body: int) -> None:
        self.app = app
        self.max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, its log line included."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.max_body:
                raise HTTPException(413)
            return message

        async def headed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if _declared_length(scope) > self.max_body:
                await problem(413, details={"limit": self.max_body})(scope, receive, headed)
            else:
                await self.app(scope, counted, headed)
        except Exception as error:
            log.error("%s\n%s", type(error).__name__, _where(error))
            if status:
                raise ConnectionAbortedError from None  # the answer had begun: cut the line
            await problem(500)(scope, receive, headed)
        finally:
            log.info(
                "%s %s %d %.1f ms %s",
                scope["method"] if scope["method"] in METHODS else "-",
                getattr(scope.get("route"), "path", "-"),
                status,
                (time.perf_counter() - started) * 1000,
                _caller(scope),
            )


def _declared_length(scope: Scope) -> int:
    text = Headers(scope=scope).get("content-length", "0")
    return int(text) if text.isdecimal() else 0


def _caller(scope: MutableMapping[str, Any]) -> str:
    return str(scope.get("state", {}).get("actor_id", "-"))


def _where(error: Exception) -> str:
    """The frames of a traceback without its message: messages of drivers repeat the values of a statement."""
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
