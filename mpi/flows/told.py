"""What a source told us: a raw record as a document, its digest, and the versions of one source record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, bindparam, insert, select, update

from matching.blocking import BlockingKey, key_hash
from matching.normalise import normalise
from matching.records import Identifier, RawRecord, Record
from mpi.flows.reviews import open_question
from mpi.store.tables import (
    authority,
    blocking_key,
    decision,
    membership,
    record_version,
    source_record,
    study,
)

DEFERRED: Final = "deferred"  # outcome of a decision whose scoring was cut short by the deadline

_NAMES = tuple(field.name for field in fields(RawRecord))
_SETS = ("attributes", "flags")
_LISTS = ("given_names", "phone", "email")


def as_document(raw: RawRecord) -> dict[str, Any]:
    """The raw record as JSON data: what was not told is left out, sets are sorted."""
    told = {name: getattr(raw, name) for name in _NAMES}
    document = {name: value for name, value in told.items() if value}
    for name in _SETS:
        if name in document:
            document[name] = sorted(document[name])
    for name in _LISTS:
        if name in document:
            document[name] = list(document[name])
    if raw.identifiers:
        document["identifiers"] = [
            {"value": one.value, "issuer": one.issuer, "type": one.type} for one in raw.identifiers
        ]
    return document


def from_document(document: dict[str, Any]) -> RawRecord:
    """The raw record that `as_document` wrote."""
    told = dict(document)
    for name in _SETS:
        told[name] = frozenset(told.get(name, ()))
    for name in _LISTS:
        told[name] = tuple(told.get(name, ()))
    told["identifiers"] = tuple(Identifier(**one) for one in told.get("identifiers", ()))
    return RawRecord(**told)


def told_digest(document: dict[str, Any]) -> bytes:
    """SHA-256 of a raw record's document. Never of one that the NIR guard has not seen."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the index holds under one (authority, local id), in one indexed read.

    `record_id` is None for a record never told. `decision_id` and `outcome` are those of its last decision;
    `review_id` of the open question about it; `pinned_to` the source record of the study asked about, None
    when no study is asked about or it is new.
    """

    sends_status: bool
    record_id: str | None
    version: int
    digest: bytes | None
    unidentified: bool
    identity_id: str | None
    decision_id: str | None
    outcome: str | None
    review_id: str | None
    pinned_to: str | None

    @property
    def provisional(self) -> bool:
        """A clerk is asked, or the scoring is still to come."""
        return self.review_id is not None or self.outcome == DEFERRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a source record. A disputed one is an open overlay: never compared."""

    version: int
    raw: RawRecord
    record: Record
    disputed: bool


_each = decision.alias("each")


def last_decision(record_id: ColumnElement[str]) -> ScalarSelect[str]:
    """The id of the newest decision about a source record, as part of a query; of two made at one instant
    about one version always the same.
    """
    of_record = _each.c.record_id == record_id
    newest_first = (_each.c.at.desc(), _each.c.version.desc(), _each.c.decision_id.desc())
    return select(_each.c.decision_id).where(of_record).order_by(*newest_first).limit(1).scalar_subquery()


_SEEN = (
    select(
        authority.c.sends_status,
        source_record.c.record_id,
        source_record.c.version,
        source_record.c.digest,
        source_record.c.unidentified,
        membership.c.identity_id,
        decision.c.decision_id,
        decision.c.outcome,
        open_question(source_record.c.record_id).label("review_id"),
        select(study.c.record_id)
        .where(study.c.study_instance_uid == bindparam("study"))
        .scalar_subquery()
        .label("pinned_to"),
    )
    .select_from(authority)
    .outerjoin(
        source_record,
        and_(
            source_record.c.authority == authority.c.authority,
            source_record.c.local_id == bindparam("local_id"),
        ),
    )
    .outerjoin(membership, membership.c.record_id == source_record.c.record_id)
    .outerjoin(decision, decision.c.decision_id == last_decision(source_record.c.record_id))
    .where(authority.c.authority == bindparam("authority"))
)


def seen(
    tx: Connection, *, authority_name: str, local_id: str, study_instance_uid: str | None
) -> Seen | None:
    """What is held under this local id; None when the authority is not declared."""
    row = tx.execute(
        _SEEN, {"authority": authority_name, "local_id": local_id, "study": study_instance_uid}
    ).one_or_none()
    if row is None:
        return None
    return Seen(
        sends_status=row.sends_status,
        record_id=row.record_id,
        version=row.version or 0,
        digest=row.digest,
        unidentified=bool(row.unidentified),
        identity_id=row.identity_id,
        decision_id=row.decision_id,
        outcome=row.outcome,
        review_id=row.review_id,
        pinned_to=row.pinned_to,
    )


_VERSIONS = (
    select(record_version.c.version, record_version.c.raw, record_version.c.disputed)
    .where(record_version.c.record_id == bindparam("record_id"))
    .order_by(record_version.c.version)
)


def versions(tx: Connection, record_id: str, *, sends_status: bool) -> tuple[Version, ...]:
    """Every version ever told, oldest first."""
    rows = tx.execute(_VERSIONS, {"record_id": record_id})
    told = [(row.version, from_document(row.raw), row.disputed) for row in rows]
    return tuple(
        Version(version=number, raw=raw, record=normalise(raw, sends_status=sends_status), disputed=disputed)
        for number, raw, disputed in told
    )


# Made once: a statement that is kept carries its cache key.
_ADD_RECORD, _ADD_VERSION, _ADD_KEYS = insert(source_record), insert(record_version), insert(blocking_key)


def add_record(
    tx: Connection,
    *,
    record_id: str,
    raw: RawRecord,
    digest: bytes,
    e_id: str | None,
    unidentified: bool,
    at: datetime,
) -> None:
    """A source record told for the first time. `e_id` is the identity id that it mints, None when linked."""
    tx.execute(
        _ADD_RECORD,
        {
            "record_id": record_id,
            "authority": raw.authority,
            "local_id": raw.local_id,
            "version": 1,
            "digest": digest,
            "e_id": e_id,
            "unidentified": unidentified,
            "created_at": at,
        },
    )


def add_version(
    tx: Connection,
    *,
    record_id: str,
    version: int,
    document: dict[str, Any],
    digest: bytes,
    keys: Iterable[tuple[int, BlockingKey]],
    sender: str,
    disputed: bool,
    at: datetime,
) -> None:
    """One more version of a source record, with the blocking keys that it adds; earlier keys stay."""
    if version > 1:
        tx.execute(
            update(source_record)
            .where(source_record.c.record_id == record_id)
            .values(version=version, digest=digest)
        )
    tx.execute(
        _ADD_VERSION,
        {
            "record_id": record_id,
            "version": version,
            "raw": document,
            "digest": digest,
            "told_at": at,
            "sender": sender,
            "disputed": disputed,
        },
    )
    rows = [{"key_hash": hashed, "record_id": record_id, "rule": key.rule} for hashed, key in keys]
    if rows:
        tx.execute(_ADD_KEYS, rows)


def record_lock(raw: RawRecord) -> int:
    """The lock key of one (authority, local id), in the space of the blocking keys."""
    return key_hash(BlockingKey("source record", f"{raw.authority}\x1f{raw.local_id}"))
