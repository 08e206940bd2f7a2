"""One effect for a message that is sent again: the answer is kept under (caller, key) with a digest of
the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from mpi.errors import Unprocessable
from mpi.store.tables import idempotency


def answered(tx: Connection, *, caller: str, key: str, digest: bytes) -> dict[str, Any] | None:
    """The answer kept for this key; None for a new key. Raises Unprocessable for a key of another request."""
    kept = tx.execute(
        select(idempotency.c.digest, idempotency.c.answer).where(
            idempotency.c.caller == caller, idempotency.c.key == key
        )
    ).one_or_none()
    if kept is None:
        return None
    if kept.digest != digest:
        raise Unprocessable(
            "This idempotency key came with another request before.",
            field="Idempotency-Key",
            rule="one key, one request",
        )
    answer: dict[str, Any] = kept.answer
    return answer


def keep(
    tx: Connection, *, caller: str, key: str, digest: bytes, answer: Mapping[str, Any], at: datetime
) -> None:
    """Keeps the answer, in the transaction that makes its effect. A lost race ends it: then ask again."""
    tx.execute(
        insert(idempotency),
        {"caller": caller, "key": key, "digest": digest, "answer": dict(answer), "at": at},
    )
