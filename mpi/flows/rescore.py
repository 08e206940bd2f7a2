"""Compares a record again without being told anything: the deadline cut it short, or those it resembles
changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from mpi.errors import NotFound
from mpi.flows import effects, judgement, reviews, told
from mpi.flows.candidates import keys_of
from mpi.flows.effects import AGAIN, RESCORE, Act, Done
from mpi.flows.judgement import Subject
from mpi.flows.matcher import Ids, Matcher
from mpi.flows.told import Version
from mpi.security.actors import Actor
from mpi.store.locks import lock_stripes
from mpi.store.tables import authority, decision, membership, source_record
from mpi.store.transaction import Contended

__all__ = ["RESCORE", "rescore"]

WORKER = Actor(actor_id="system:worker", roles=frozenset())
NO_DEADLINE = float("inf")


def rescore(
    tx: Connection, payload: Mapping[str, Any], matcher: Matcher, *, at: datetime, ids: Ids
) -> Done | None:
    """Handles an outbox row of topic RESCORE: payload `record_id`. None when there is nothing to compare.

    Running it twice changes nothing the second time but the decision kept. Raises NotFound for no such
    record, Contended when others were in the way.
    """
    record_id = payload["record_id"]
    row, history = _read(tx, record_id)
    if row.unidentified:
        return None
    hashes = {
        told.record_lock(_newest(history).raw),
        *(hashed for hashed, _ in keys_of(_newest(history).record)),
    }
    lock_stripes(tx, hashes)
    row, history = _read(tx, record_id)  # what an earlier holder of the locks committed
    newest = _newest(history)
    keys = keys_of(newest.record)
    if not hashes.issuperset(hashed for hashed, _ in keys):
        raise Contended("This record is being told by another message.", retry_after=1)
    subject = Subject(
        record=newest.record,
        record_id=record_id,
        identity_id=row.identity_id,
        is_new=False,
        keys=keys,
        history=history,
        again=True,
        encounter_on=None,
        until=NO_DEADLINE,
    )
    conclusion = judgement.conclude(tx, subject, matcher, at=at)
    act = Act(
        actor=WORKER,
        action=AGAIN,
        door="worker",
        raw=newest.raw,
        version=newest.version,
        vanished=reviews.RESEMBLING,
        was_deferred=row.outcome == told.DEFERRED,
    )
    return effects.carry_out(tx, act, conclusion, matcher, at=at, ids=ids)


_CURRENT = (
    select(
        source_record.c.unidentified,
        authority.c.sends_status,
        membership.c.identity_id,
        decision.c.outcome,
    )
    .join(authority, authority.c.authority == source_record.c.authority)
    .join(membership, membership.c.record_id == source_record.c.record_id)
    .join(decision, decision.c.decision_id == told.last_decision(source_record.c.record_id))
)


def _read(tx: Connection, record_id: str) -> tuple[Any, tuple[Version, ...]]:
    """The record as it stands, and its versions."""
    row = tx.execute(_CURRENT.where(source_record.c.record_id == record_id)).one_or_none()
    if row is None:
        raise NotFound("No such source record.", record_id=record_id)
    return row, told.versions(tx, record_id, sends_status=row.sends_status)


def _newest(history: Sequence[Version]) -> Version:
    """The last version that is not disputed; the first one never is."""
    return [version for version in history if not version.disputed][-1]
