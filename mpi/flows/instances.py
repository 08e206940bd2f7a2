"""What the gateway keeps of each object it received: one row an object, from the spool to the archive."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, func, select, update

from mpi.errors import Conflict, NotFound, Unprocessable
from mpi.flows.matcher import Ids
from mpi.ledger.entries import append
from mpi.security.nir_guard import guard_text
from mpi.store.tables import instance, study

State = Literal["spooled", "held", "stored", "conflict", "quarantined", "failed"]
WAITING_FOR_A_PERSON: tuple[State, ...] = ("held", "conflict", "quarantined", "failed")
RELEASABLE = ("held", "failed")
RELEASED = "released"
DISCARDED = "discarded"
ANOTHER_PERSON = "record-changed-into-another-person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One object as its row says. `received_*` are the id and issuer it came with; None = not told."""

    instance_id: str
    sop_instance_uid: str | None
    study_instance_uid: str | None
    series_instance_uid: str | None
    content_digest: bytes | None
    received_id: str | None
    received_issuer: str | None
    received_universal: str | None
    calling_ae: str | None
    archive: str | None
    state: State
    reason: str | None
    attempts: int
    received_at: datetime
    stored_at: datetime | None
    patient_id_written: str | None

    @property
    def received(self) -> tuple[str | None, str | None, str | None]:
        """The identity it came with: id, issuer label, universal id of the issuer."""
        return self.received_id, self.received_issuer, self.received_universal


_COLUMNS = [instance.c[name] for name in Kept.__dataclass_fields__]


def _kept(row: Row[Any]) -> Kept:
    return Kept(**row._mapping)


def by_sop_instance_uid(tx: Connection, sop_instance_uid: str) -> list[Kept]:
    """Every object that came under this UID, the first one first."""
    query = select(*_COLUMNS).where(instance.c.sop_instance_uid == sop_instance_uid)
    return [_kept(row) for row in tx.execute(query.order_by(instance.c.received_at))]


def by_ids(tx: Connection, instance_ids: Sequence[str]) -> dict[str, Kept]:
    """The rows of these ids; an id without a row is left out."""
    found = tx.execute(select(*_COLUMNS).where(instance.c.instance_id.in_(instance_ids)))
    return {row.instance_id: _kept(row) for row in found}


def with_state(tx: Connection, states: Collection[State], *, limit: int = 1000) -> list[Kept]:
    """Objects in one of these states, the oldest first."""
    query = select(*_COLUMNS).where(instance.c.state.in_(states))
    return [_kept(row) for row in tx.execute(query.order_by(instance.c.received_at).limit(limit))]


def ids_with_state(tx: Connection, state: State) -> list[str]:
    """Every instance id in this state."""
    return list(tx.execute(select(instance.c.instance_id).where(instance.c.state == state)).scalars())


def due(tx: Connection, *, at: datetime) -> list[Kept]:
    """Spooled objects whose set time has come: those that an operator released, or that failed before."""
    query = select(*_COLUMNS).where(instance.c.state == "spooled", instance.c.next_attempt_at <= at)
    return [_kept(row) for row in tx.execute(query.order_by(instance.c.received_at))]


def written_id(tx: Connection, study_instance_uid: str, *, archive: str) -> str | None:
    """The Patient ID of ours that the study bears in an archive: that of any stored object, the gateway lets
    no two out; None when none is stored yet.
    """
    query = select(instance.c.patient_id_written).where(
        instance.c.study_instance_uid == study_instance_uid,
        instance.c.archive == archive,
        instance.c.state == "stored",
        instance.c.patient_id_written.is_not(None),
    )
    return tx.execute(query.limit(1)).scalar_one_or_none()


def discarded(tx: Connection) -> list[str]:
    """Quarantined objects that an operator gave up and whose files are still to be deleted."""
    query = select(instance.c.instance_id).where(
        instance.c.state == "quarantined",
        instance.c.reason == DISCARDED,
        instance.c.next_attempt_at.is_not(None),
    )
    return list(tx.execute(query).scalars())


def forget(tx: Connection, instance_id: str) -> None:
    """Deletes the row of an object whose file was deleted; the ledger keeps why."""
    tx.execute(delete(instance).where(instance.c.instance_id == instance_id))


def waits_for_split(tx: Connection, record_id: str) -> bool:
    """Whether an object is held because it names another person than this source record, its own, does."""
    query = (
        select(instance.c.instance_id)
        .join(study, study.c.study_instance_uid == instance.c.study_instance_uid)
        .where(
            study.c.record_id == record_id, instance.c.state == "held", instance.c.reason == ANOTHER_PERSON
        )
    )
    return tx.execute(query.limit(1)).first() is not None


def counts(tx: Connection) -> dict[str, int]:
    """How many objects are in each state."""
    query = select(instance.c.state, func.count().label("number")).group_by(instance.c.state)
    return {row.state: row.number for row in tx.execute(query)}


def move(tx: Connection, instance_id: str, *, state: State, reason: str | None, **columns: Any) -> None:
    """Sets state and reason of one object, and other columns by name."""
    tx.execute(
        update(instance)
        .where(instance.c.instance_id == instance_id)
        .values(state=state, reason=reason, **columns)
    )


def record_stored(
    tx: Connection, instance_id: str, *, at: datetime, patient_id: str | None, changes: list[dict[str, Any]]
) -> None:
    """The archive has the object, read back and compared. `patient_id` is what it bears there."""
    move(
        tx,
        instance_id,
        state="stored",
        reason=None,
        stored_at=at,
        patient_id_written=patient_id,
        changes=changes,
        next_attempt_at=None,
    )


def record_attempt(tx: Connection, instance_id: str, *, reason: str, again_at: datetime | None) -> None:
    """A try failed: again at `again_at`, or given up (None) until an operator releases the object."""
    tx.execute(
        update(instance)
        .where(instance.c.instance_id == instance_id)
        .values(
            state="failed" if again_at is None else "spooled",
            reason=reason,
            attempts=instance.c.attempts + 1,
            next_attempt_at=again_at,
        )
    )


def release(
    tx: Connection,
    instance_id: str,
    *,
    actor: str,
    reason: str,
    at: datetime,
    ids: Ids,
    same_person: bool = False,
) -> Kept:
    """Lets a held or failed object go on; a running gateway takes it up within seconds.

    A held object goes on under the identity that its study hangs on; one that names another person does so
    only where somebody looked and says that it is the `same_person`. Raises NotFound, Unprocessable for a
    reason that holds a social security number, Conflict for an object that cannot go on: a conflict has no
    right bytes yet, and a quarantined object cannot be read or was refused.
    """
    row = _asked_about(tx, instance_id, reason)
    if row.state not in RELEASABLE:
        raise Conflict(
            "Only a held or failed object can be released.", instance_id=instance_id, state=row.state
        )
    if row.reason == ANOTHER_PERSON and not same_person:
        raise Conflict("The object names another person than its record does.", instance_id=instance_id)
    move(tx, instance_id, state="spooled", reason=RELEASED, next_attempt_at=at, attempts=0)
    _write_down(tx, row, "release object", {"state": "spooled"}, actor=actor, reason=reason, at=at, ids=ids)
    return row


def discard(tx: Connection, instance_id: str, *, actor: str, reason: str, at: datetime, ids: Ids) -> Kept:
    """Gives up a quarantined object: a running gateway deletes its copy and then its row within seconds.

    Raises NotFound, Unprocessable for a reason that holds a social security number, Conflict for an object
    in another state: a patient's images are never deleted here.
    """
    row = _asked_about(tx, instance_id, reason)
    if row.state != "quarantined":
        raise Conflict(
            "Only a quarantined object can be discarded.", instance_id=instance_id, state=row.state
        )
    move(tx, instance_id, state="quarantined", reason=DISCARDED, next_attempt_at=at)
    _write_down(tx, row, "discard object", None, actor=actor, reason=reason, at=at, ids=ids)
    return row


def _asked_about(tx: Connection, instance_id: str, reason: str) -> Kept:
    """The object that an operator gives a reason about. Raises NotFound, Unprocessable."""
    if any(not hit.suspect for hit in guard_text(reason, field="reason")[1]):
        raise Unprocessable("A social security number is not taken here.", field="reason", rule="nir")
    row = by_ids(tx, [instance_id]).get(instance_id)
    if row is None:
        raise NotFound("No such object.", instance_id=instance_id)
    return row


def _write_down(
    tx: Connection,
    row: Kept,
    action: str,
    after: dict[str, Any] | None,
    *,
    actor: str,
    reason: str,
    at: datetime,
    ids: Ids,
) -> None:
    """The ledger entry of what an operator did with an object; `after` None: nothing is left of it."""
    entry = {
        "entry_id": ids.uuid(),
        "actor": {"actor_id": actor},
        "action": action,
        "reason": {"text": reason},
        "subjects": {"instances": [row.instance_id]},
        "before": {"state": row.state, "reason": row.reason},
        "after": after,
    }
    append(tx, entry, at=at, salt=ids.salt())
