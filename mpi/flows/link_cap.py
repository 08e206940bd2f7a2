"""The daily cap of automatic links: past it a link becomes a review."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from mpi.store.tables import link_count

AT_LEAST = 1000  # links a day that every authority may have
TIMES_MEAN = 3
DAYS = 28


def reached(tx: Connection, *, authority: str, at: datetime) -> bool:
    """True when this authority has had its automatic links of the day (UTC): the larger of AT_LEAST and
    three times its mean of the 28 days before.
    """
    today = at.astimezone(UTC).date()
    counts = select(link_count.c["count"]).where(link_count.c.authority == authority)
    used = tx.execute(counts.where(link_count.c.day == today.isoformat())).scalar_one_or_none() or 0
    if used < AT_LEAST:
        return False
    first = (today - timedelta(days=DAYS)).isoformat()
    before = (
        select(func.sum(link_count.c["count"]))
        .where(link_count.c.authority == authority)
        .where(link_count.c.day >= first, link_count.c.day < today.isoformat())
    )
    return used >= TIMES_MEAN * (tx.execute(before).scalar_one() or 0) / DAYS


def count(tx: Connection, *, authority: str, at: datetime) -> None:
    """Counts one automatic link. The counter stays locked on PostgreSQL until the transaction ends."""
    put = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    row = put(link_count).values(authority=authority, day=at.astimezone(UTC).date().isoformat(), count=1)
    tx.execute(
        row.on_conflict_do_update(
            index_elements=["authority", "day"], set_={"count": link_count.c["count"] + 1}
        )
    )
