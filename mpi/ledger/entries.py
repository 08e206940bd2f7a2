"""Ledger entries: canonical bytes, a salted commitment, a position that is never given twice.

An entry is committed to as SHA-256(salt, canonical JSON). The log itself holds positions and commitments;
bodies and salts lie in a second table, so that erasing one leaves a commitment that nobody can guess and a
tree that still verifies. Canonical JSON is RFC 8785 over text in NFC, without floating-point numbers.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import rfc8785
from sqlalchemy import Connection, insert, select, update

from mpi.store.tables import instant_text, ledger_body, ledger_entry, ledger_head

FORMAT = "mpi-ledger-1"
LOG = "identity"
SALT_BYTES = 32
LARGEST_NUMBER = 2**53  # beyond it an integer travels as text

REQUIRED = ("entry_id", "actor", "action")
GROUPS = frozenset(
    (
        *REQUIRED,
        "outcome",  # of the act
        "reason",  # {"code", "text"}
        "retracts",  # id of the assertion that this entry takes back
        "subjects",  # ids alone: {"records": [...], "identities": [...], "studies": [...], ...}
        "before",  # the state before and after the act: membership, settings
        "after",
        "evidence",  # prior, levels and weights, margin, thresholds, every candidate, keys that met
        "versions",  # model, policy, configuration hash, code
        "context",  # review id, preview seen, traits revealed, approval chain
        "transport",  # door, request id, idempotency key, outbox ids
    )
)

# Built once: every decision runs these.
_TAKE_PLACE = (
    update(ledger_head)
    .where(ledger_head.c.log == LOG)
    .values(size=ledger_head.c.size + 1)
    .returning(ledger_head.c.size)
)
_ADD_ENTRY = insert(ledger_entry)
_ADD_BODY = insert(ledger_body)


def millibits(weight: float | None) -> int | None:
    """A weight in bits as a whole number of thousandths; None stays None."""
    return None if weight is None else round(weight * 1000)


def canonical(value: object) -> bytes:
    """RFC 8785 bytes of plain data in NFC; instants and integers beyond 2^53 become text, tuples lists.

    Raises ValueError for a floating-point number, a key that is no text, keys that collide in NFC, or
    another type.
    """
    return rfc8785.dumps(_plain(value))


def commitment(*, salt: bytes, body: bytes) -> bytes:
    """SHA-256 of the 32-byte salt followed by the canonical entry."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(salt + body).digest()


def append(tx: Connection, entry: Mapping[str, Any], *, at: datetime, salt: bytes) -> int:
    """Appends one entry and returns its position: 0 for the first.

    `entry` has the groups of GROUPS: `entry_id`, `actor` (an actor id, or a mapping with one) and `action`
    always, the others where there is something to say. Position, time and format are added here. The head
    row is locked by this call until the transaction ends, so call it after every other lock has been taken.
    Raises ValueError for an unknown or missing group, or for content that has no canonical form.
    """
    unknown, missing = set(entry) - GROUPS, [group for group in REQUIRED if not entry.get(group)]
    if unknown or missing:
        raise ValueError(f"ledger entry: unknown groups {sorted(unknown)}, missing groups {missing}")
    position = int(tx.execute(_TAKE_PLACE).scalar_one()) - 1
    body = canonical({**entry, "format": FORMAT, "position": position, "at": at})
    committed = commitment(salt=salt, body=body)
    tx.execute(
        _ADD_ENTRY,
        {"position": position, "entry_id": entry["entry_id"], "commitment": committed, "at": at},
    )
    tx.execute(_ADD_BODY, {"position": position, "salt": salt, "body": body.decode()})
    return position


def check(tx: Connection) -> Iterator[str]:
    """What is wrong, a sentence each: a gap, a body that was not committed to, a wrong size."""
    expected = 0
    rows = tx.execute(
        select(ledger_entry.c.position, ledger_entry.c.commitment, ledger_body.c.salt, ledger_body.c.body)
        .outerjoin(ledger_body)
        .order_by(ledger_entry.c.position)
        .execution_options(yield_per=1000)
    )
    for position, committed, salt, body in rows:
        if position != expected:
            yield f"The ledger has no entry at position {expected}."
        if body is not None and commitment(salt=salt, body=body.encode()) != committed:
            yield f"The ledger entry at position {position} is not what was committed to."
        expected = position + 1
    size = tx.execute(select(ledger_head.c.size).where(ledger_head.c.log == LOG)).scalar_one()
    if size != expected:
        yield f"The ledger's head says {size} entries, its last position is {expected - 1}."


def _plain(value: object) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return unicodedata.normalize("NFC", value)
        case int():
            return value if -LARGEST_NUMBER < value < LARGEST_NUMBER else str(value)
        case datetime():
            return instant_text(value)
        case Mapping():
            return _plain_mapping(value)
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [_plain(item) for item in value]
    raise ValueError(f"a ledger entry holds no {type(value).__name__}")


def _plain_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise ValueError("a key in a ledger entry is text")
        name = unicodedata.normalize("NFC", key)
        if name in plain:
            raise ValueError("two keys in a ledger entry are one in NFC")
        plain[name] = _plain(item)
    return plain
