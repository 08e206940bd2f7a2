"""Candidates: the source records that share a blocking key with one record, read in two queries and
scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, union_all

from matching.blocking import BLOCK_CAP, BlockingKey, blocking_keys, key_hash
from matching.decision import Candidate
from matching.normalise import normalise
from matching.records import Record
from mpi.flows.matcher import Matcher
from mpi.flows.membership import Apart
from mpi.flows.told import from_document
from mpi.store.tables import authority, blocking_key, membership, record_version, source_record

Keys = tuple[tuple[int, BlockingKey], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One version of a source record that may be compared. `past`: the source has told a newer one since."""

    record_id: str
    version: int
    identity_id: str
    record: Record
    past: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """Who was met under which keys. `cut` keys have more than BLOCK_CAP records: nobody is met under them."""

    known: tuple[Known, ...]
    keys: tuple[BlockingKey, ...]
    cut: tuple[BlockingKey, ...]


def keys_of(record: Record) -> Keys:
    """The blocking keys of a record with their hashes, one a hash."""
    return tuple({key_hash(key): key for key in blocking_keys(record)}.items())


@cache
def _blocks(number: int) -> Select[Any]:
    """The records under each of so many keys, one more than the cap at most: a range of the primary key
    each.
    """
    one_each = [
        select(blocking_key.c.key_hash, blocking_key.c.record_id)
        .where(blocking_key.c.key_hash == bindparam(f"key_{n}"))
        .limit(BLOCK_CAP + 1)
        .subquery()
        for n in range(number)
    ]
    together = union_all(*(select(block) for block in one_each)).subquery()
    return select(together.c.key_hash, together.c.record_id)


_VERSIONS = (
    select(
        membership.c.record_id,
        membership.c.identity_id,
        source_record.c.version.label("newest"),
        authority.c.sends_status,
        record_version.c.version,
    )
    .join(source_record, source_record.c.record_id == membership.c.record_id)
    .join(authority, authority.c.authority == source_record.c.authority)
    .join(record_version, record_version.c.record_id == membership.c.record_id)
    .where(membership.c.record_id.in_(bindparam("records", expanding=True)))
    .where(record_version.c.disputed.is_(False))
    .order_by(membership.c.record_id, record_version.c.version)
)
_RAW = select(record_version.c.record_id, record_version.c.version, record_version.c.raw).where(
    record_version.c.record_id.in_(bindparam("records", expanding=True))
)


def meet(tx: Connection, keys: Keys, matcher: Matcher, *, without: str | None) -> Met:
    """Everybody who shares a key, save the source record `without` and disputed versions."""
    told = dict(keys)
    if not told:
        return Met(known=(), keys=(), cut=())
    asked = {f"key_{n}": hashed for n, hashed in enumerate(told)}
    rows = tx.execute(_blocks(len(told)), asked).all()
    sizes = Counter(hashed for hashed, _ in rows)
    cut = {hashed for hashed, size in sizes.items() if size > BLOCK_CAP}
    found = [(hashed, record_id) for hashed, record_id in rows if hashed not in cut and record_id != without]
    return Met(
        known=tuple(read(tx, {record_id for _, record_id in found}, matcher)),
        keys=tuple(told[hashed] for hashed in sorted({hashed for hashed, _ in found})),
        cut=tuple(told[hashed] for hashed in sorted(cut)),
    )


def read(tx: Connection, records: Iterable[str], matcher: Matcher) -> Iterator[Known]:
    """The comparable versions of these source records, by record and version; normalised once and kept."""
    wanted = sorted(records)
    if not wanted:
        return
    rows = tx.execute(_VERSIONS, {"records": wanted}).all()
    held = [matcher.records.get((row.record_id, row.version, row.sends_status)) for row in rows]
    missing = sorted({row.record_id for row, record in zip(rows, held, strict=True) if record is None})
    raw = {}
    if missing:
        raw = {(row.record_id, row.version): row.raw for row in tx.execute(_RAW, {"records": missing})}
    latest = {row.record_id: row.version for row in rows}
    for row, kept in zip(rows, held, strict=True):
        record = kept
        if record is None:
            told = from_document(raw[row.record_id, row.version])
            record = normalise(told, sends_status=row.sends_status)
            matcher.records.put((row.record_id, row.version, row.sends_status), record)
        yield Known(
            record_id=row.record_id,
            version=row.version,
            identity_id=row.identity_id,
            record=record,
            past=row.version != latest[row.record_id],
        )


def by_record(known: Iterable[Known]) -> dict[str, list[Known]]:
    """The versions of each source record, the newest last."""
    told: dict[str, list[Known]] = {}
    for one in known:
        told.setdefault(one.record_id, []).append(one)
    return told


def score(
    record: Record,
    known: Sequence[Known],
    matcher: Matcher,
    *,
    own_identity: str | None,
    apart: Apart,
    until: float,
) -> tuple[tuple[Candidate, ...], bool]:
    """(candidates, complete): everybody met outside the own identity, scored until the clock says `until`."""
    scored: list[Candidate] = []
    for one in known:
        if matcher.clock() > until:
            return tuple(scored), False
        if one.identity_id == own_identity:
            continue
        scored.append(
            Candidate(
                identity_id=one.identity_id,
                record_id=one.record_id,
                record=one.record,
                score=matcher.model.score(record, one.record, population=matcher.population),
                not_same=one.identity_id in apart.not_same,
                barred=one.identity_id in apart.barred,
                past=one.past,
            )
        )
    return tuple(scored), True
