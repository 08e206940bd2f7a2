"""Advisory locks that serialise the arrival of two records which could be one person.

Lock order is the same in all code: stripes, then identities in the order of their ids, then the ledger's
head.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

STRIPES = 2**20
LOCK_SPACE = 0x6D7069  # first of the two numbers of a PostgreSQL advisory lock: no other code uses it

# The order is forced: the rows are numbered and sorted inside, and OFFSET 0 keeps the planner from moving
# the call in.
_LOCK = text(
    "SELECT pg_advisory_xact_lock(:space, ordered.stripe) FROM ("
    "SELECT stripe FROM unnest(CAST(:stripes AS integer[])) WITH ORDINALITY AS listed (stripe, place) "
    "ORDER BY place OFFSET 0) AS ordered"
)


def stripes(key_hashes: Iterable[int]) -> list[int]:
    """The stripes of these blocking keys (signed 64-bit), without repeats, ascending."""
    return sorted({key_hash % STRIPES for key_hash in key_hashes})


def lock_stripes(tx: Connection, key_hashes: Iterable[int]) -> None:
    """Waits until no other open transaction holds a stripe of these keys, and holds them until this one ends.

    A statement of its own, to be run before any candidate is read: at READ COMMITTED the next statement
    then sees what the earlier holder committed. Does nothing on SQLite, where one transaction writes at a
    time.
    """
    wanted = stripes(key_hashes)
    if tx.dialect.name == "postgresql" and wanted:
        tx.execute(_LOCK, {"space": LOCK_SPACE, "stripes": wanted}).all()
