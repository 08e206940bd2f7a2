"""An object comes in: whose it is, whether it may go on, and what its sender is told.

The first accepted object of a study pins it to a source record; later objects follow the pin. What
contradicts an earlier statement is held for a clerk, never dropped and never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from matching.normalise import normalise
from mpi.dicom.header import Header
from mpi.dicom.identity import is_ours, is_placeholder, received_id
from mpi.dicom.traits import raw_record
from mpi.errors import NotAllowed, RecordedConflict
from mpi.flows import candidates, contradictions, instances, reviews, studies, verdicts
from mpi.flows.arrivals import Arrival, Desk, Placement, Receipt
from mpi.flows.domains import domain_of, is_provisional
from mpi.flows.identify import identify
from mpi.flows.instances import Kept, State
from mpi.flows.membership import members
from mpi.flows.requests import IdentifyRequest, StudyRef
from mpi.ledger.entries import append
from mpi.security.actors import Actor
from mpi.security.nir_guard import count_hits
from mpi.security.senders import sender_of_ae
from mpi.store.tables import decision, identity, instance, membership, review, source_record, study

GATEWAY = "system:gateway"
UNIDENTIFIED = "study:"  # local id of a patient known by one study only

CONTENT_CHANGED = "sop-instance-uid-reused"
IDENTITY_CHANGED = "identity-changed"
STUDY_OF_ANOTHER = "study-of-another-patient"
ANOTHER_PERSON = instances.ANOTHER_PERSON
NAME_OR_DATE = verdicts.NAME_OR_DATE
NOT_THE_CLAIMED = "identifier-of-ours-on-another-person"
CLAIMED_FROM_ELSEWHERE = "identifier-of-ours-from-elsewhere"
UNDECLARED_AE = "calling-ae-not-declared"
UNKNOWN_IDENTIFIER = "identifier-of-ours-unknown"
SEVERAL_PATIENTS = "several-patients"


def receive(tx: Connection, arrival: Arrival, desk: Desk, *, at: datetime) -> Receipt:
    """Writes the object's row and, for the first object of a study, identifies its patient.

    Raises NotAllowed when the sender speaks for another's authority, or is not known and must be.
    """
    earlier = [
        row
        for row in instances.by_sop_instance_uid(tx, arrival.header.sop_instance_uid)
        if row.state != "quarantined" and row.instance_id != arrival.instance_id
    ]
    ours = _names_us(tx, arrival.header, desk)
    for row in earlier:
        same = row.received == _received(arrival) or (ours and _bears_its_own(tx, row, arrival.header))
        if same and row.content_digest == arrival.content_digest:
            return _resent(tx, row, arrival, desk, at=at)
    placement = (
        place(tx, arrival, desk, at=at)
        if arrival.released or not earlier
        else _contradiction(tx, earlier[0], arrival, desk, at=at)
    )
    count_hits(tx, arrival.hits, door=arrival.door, at=at)
    _write(tx, arrival, state=placement.state, reason=placement.reason)
    return Receipt(
        instance_id=arrival.instance_id,
        state=placement.state,
        reason=placement.reason,
        coerced=placement.state == "spooled" and changes(arrival, desk, placement.identity_id),
        forward=placement.state == "spooled",
        accepted=placement.accepted,
    )


def adopt(tx: Connection, arrival: Arrival, desk: Desk, *, at: datetime) -> Receipt:
    """As `receive`, for an object that may have its row already: the answer it got then."""
    row = instances.by_ids(tx, [arrival.instance_id]).get(arrival.instance_id)
    if row is None:
        return receive(tx, arrival, desk, at=at)
    return Receipt(
        instance_id=row.instance_id, state=row.state, reason=row.reason, forward=row.state == "spooled"
    )


def quarantine(
    tx: Connection,
    arrival: Arrival | None,
    *,
    instance_id: str,
    reason: str,
    at: datetime,
    **origin: str | None,
) -> None:
    """Lists an object that cannot be read (no arrival) or was refused; `origin`: its other columns."""
    known = instances.by_ids(tx, [instance_id]).get(instance_id)
    if known is not None:
        instances.move(tx, instance_id, state="quarantined", reason=reason)
    elif arrival is not None:
        _write(tx, arrival, state="quarantined", reason=reason)
    else:
        row = {"instance_id": instance_id, "state": "quarantined", "reason": reason, "received_at": at}
        tx.execute(insert(instance), row | origin)


def place(tx: Connection, arrival: Arrival, desk: Desk, *, at: datetime) -> Placement:
    """Whose the object is: pins a new study, follows the pin of a known one. Raises NotAllowed."""
    header = arrival.header
    if not header.has_patient:
        return Placement("spooled")
    pin = _pin(tx, header.study_instance_uid)
    if pin is not None and (arrival.released or desk.pins.get(arrival.statement) is not None):
        return Placement("spooled", None, pin.identity_id)
    sender = arrival.sender or (sender_of_ae(tx, arrival.calling_ae) if arrival.calling_ae else None)
    if sender is None and not arrival.released:
        if desk.unknown_calling_ae == "refuse":
            raise NotAllowed("This calling AE title is not declared.")
        if desk.unknown_calling_ae == "hold":
            return Placement("held", UNDECLARED_AE)
    if _names_us(tx, header, desk):
        return _returned(tx, arrival, sender, desk, at=at)
    domain = domain_of(tx, header, sender=sender, calling_ae=arrival.calling_ae)
    if sender is None or is_provisional(domain):
        sender = Actor(actor_id=GATEWAY, roles=frozenset())
    return _told(tx, arrival, sender, domain, desk, at=at)


def _told(
    tx: Connection, arrival: Arrival, actor: Actor, domain: str, desk: Desk, *, at: datetime
) -> Placement:
    """Tells the index; the study hangs on what it answers."""
    header = arrival.header
    unidentified = is_placeholder(header)
    told = received_id(header)
    local_id = told.value if told and not unidentified else UNIDENTIFIED + header.study_instance_uid
    raw = raw_record(header, authority=domain, local_id=local_id)
    pin = _pin(tx, header.study_instance_uid) if unidentified else None
    if pin is not None and _is_another(tx, header, {pin.record_id}, desk):
        _ask(tx, arrival, ANOTHER_PERSON, desk, at=at)
        return Placement("held", ANOTHER_PERSON)
    request = IdentifyRequest(
        actor=actor,
        raw=raw,
        door=arrival.door,
        study=_study(arrival),
        unidentified=unidentified,
        partial=True,
    )
    try:
        answer = identify(tx, request, desk.matcher, at=at, ids=desk.ids)
    except RecordedConflict:
        return Placement("held", STUDY_OF_ANOTHER)
    if doubt := _doubt(tx, answer.review_id):
        return Placement("held", doubt)
    if header.several_patients:
        _ask(tx, arrival, SEVERAL_PATIENTS, desk, at=at)
    return Placement("spooled", None, answer.identity_id, answer.identity_id)


_CLAIMED = (
    select(identity.c.record_id, decision.c.decision_id, membership.c.identity_id)
    .join(membership, membership.c.record_id == identity.c.record_id)
    .join(decision, decision.c.record_id == identity.c.record_id)
    .where(identity.c.identity_id == bindparam("identity_id"))
    .order_by(decision.c.at.desc(), decision.c.version.desc(), decision.c.decision_id.desc())
    .limit(1)
)

_TOLD_BY = (
    select(source_record.c.authority)
    .join(membership, membership.c.record_id == source_record.c.record_id)
    .where(membership.c.identity_id == bindparam("identity_id"))
)


def _returned(
    tx: Connection, arrival: Arrival, sender: Actor | None, desk: Desk, *, at: datetime
) -> Placement:
    """An object that already bears an identifier of ours: it keeps that person, under today's survivor.

    In a study that the index does not know, that is believed only from a sender that speaks for one of the
    person's records, and only where the object names its patient.
    """
    uid = arrival.header.study_instance_uid
    claimed = tx.execute(_CLAIMED, {"identity_id": arrival.header.patient_id}).first()
    if claimed is None:
        return Placement("held", UNKNOWN_IDENTIFIER)
    pin = _pin(tx, uid)
    if not arrival.released and _is_another(tx, arrival.header, members(tx, claimed.identity_id), desk):
        _ask(tx, arrival, NOT_THE_CLAIMED, desk, at=at, about=_Pin(*claimed))
        return Placement("held", NOT_THE_CLAIMED)
    if (
        pin is None
        and not arrival.released
        and not _may_claim(tx, claimed.identity_id, sender, arrival.header)
    ):
        return Placement("held", CLAIMED_FROM_ELSEWHERE)
    if pin is None:
        studies.pin(
            tx,
            _study(arrival),
            record_id=claimed.record_id,
            decision_id=claimed.decision_id,
            at=at,
        )
        entry = {
            "entry_id": desk.ids.uuid(),
            "actor": {"actor_id": sender.actor_id if sender else GATEWAY},
            "action": "pin study",
            "subjects": {"records": [claimed.record_id], "studies": [uid]},
            "transport": {"door": arrival.door},
        }
        append(tx, entry, at=at, salt=desk.ids.salt())
    elif pin.identity_id != claimed.identity_id:
        return Placement("held", STUDY_OF_ANOTHER)
    return Placement("spooled", None, claimed.identity_id)


def _may_claim(tx: Connection, identity_id: str, sender: Actor | None, header: Header) -> bool:
    named = bool(header.name or header.birth_date)
    told_by = tx.execute(_TOLD_BY, {"identity_id": identity_id}).scalars()
    return named and sender is not None and not sender.authorities.isdisjoint(told_by)


def _bears_its_own(tx: Connection, row: Kept, header: Header) -> bool:
    """The identifier of ours that it bears leads, today, to the person of the row's study."""
    pin = _pin(tx, row.study_instance_uid or "")
    claimed = tx.execute(_CLAIMED, {"identity_id": header.patient_id}).first()
    return pin is not None and claimed is not None and pin.identity_id == claimed.identity_id


def _contradiction(tx: Connection, first: Kept, arrival: Arrival, desk: Desk, *, at: datetime) -> Placement:
    """The UID was used before, for other content or under another identity."""
    same_content = first.content_digest == arrival.content_digest
    reason = IDENTITY_CHANGED if same_content else CONTENT_CHANGED
    _ask(tx, arrival, reason, desk, at=at)
    return Placement("held" if same_content else "conflict", reason)


def _resent(tx: Connection, row: Kept, arrival: Arrival, desk: Desk, *, at: datetime) -> Receipt:
    """Known content under its known identity: the first decision stands and the archive gets it again.

    A stored object whose person has another identifier by now is left to the reconciliation of its study.
    """
    pin = _pin(tx, row.study_instance_uid or "")
    survivor = pin.identity_id if pin else None
    moved = row.state == "stored" and row.patient_id_written not in (survivor, None)
    forward = row.state in ("spooled", "stored", "failed") and not moved
    if forward and row.state != "spooled":
        instances.move(tx, row.instance_id, state="spooled", reason=None, attempts=0, next_attempt_at=None)
    count_hits(tx, arrival.hits, door=arrival.door, at=at)
    return Receipt(
        instance_id=row.instance_id,
        state="spooled" if forward else row.state,
        reason=row.reason,
        coerced=row.state not in ("held", "conflict") and changes(arrival, desk, survivor),
        again=True,
        forward=forward,
    )


def _ask(
    tx: Connection, arrival: Arrival, reason: str, desk: Desk, *, at: datetime, about: _Pin | None = None
) -> None:
    """Opens a study conflict about the study's source record, or else `about` one; without either nobody can
    be asked.
    """
    pin = about or _pin(tx, arrival.header.study_instance_uid)
    if pin is None:
        return
    reviews.ask(
        tx,
        reviews.Question(
            kind=reviews.STUDY,
            group_key=arrival.header.study_instance_uid,
            identities=(pin.identity_id,),
            records=(pin.record_id,),
            reason=reason,
            study_instance_uid=arrival.header.study_instance_uid,
        ),
        record_id=pin.record_id,
        decision_id=pin.decision_id,
        new_id=desk.ids.uuid,
        at=at,
    )


def _is_another(tx: Connection, header: Header, records: Iterable[str], desk: Desk) -> bool:
    """Whether the object's words are another person's than all that these source records told."""
    told = list(candidates.read(tx, records, desk.matcher))
    said = replace(normalise(raw_record(header, authority="", local_id="")), identifiers=())
    return bool(told) and contradictions.of_history(said, told, desk.matcher) is not None


def _doubt(tx: Connection, review_id: str | None) -> str | None:
    """Why an object waits for the answer to the question about its record; None when it need not."""
    if review_id is None:
        return None
    asked = tx.execute(select(review.c.kind, review.c.reason).where(review.c.review_id == review_id)).one()
    if asked.kind == reviews.OVERLAY:
        return ANOTHER_PERSON
    changed = asked.kind == reviews.CHANGED and NAME_OR_DATE in asked.reason.split()
    return NAME_OR_DATE if changed else None


@dataclass(frozen=True, slots=True)
class _Pin:
    record_id: str
    decision_id: str
    identity_id: str


_PINNED = (
    select(study.c.record_id, study.c.decision_id, membership.c.identity_id)
    .join(membership, membership.c.record_id == study.c.record_id)
    .where(study.c.study_instance_uid == bindparam("uid"))
)


def _pin(tx: Connection, study_instance_uid: str) -> _Pin | None:
    row = tx.execute(_PINNED, {"uid": study_instance_uid}).one_or_none()
    return None if row is None else _Pin(*row)


def _names_us(tx: Connection, header: Header, desk: Desk) -> bool:
    """Our OID, or our label with an identifier that we gave."""
    if not is_ours(header, oid=desk.issuer_oid, label=desk.issuer_label):
        return False
    given = select(identity.c.identity_id).where(identity.c.identity_id == header.patient_id)
    return bool(header.universal_id) or tx.execute(given).one_or_none() is not None


def changes(arrival: Arrival, desk: Desk, identity_id: str | None) -> bool:
    """Whether the archive's copy will differ from what came: another identity, or a number emptied."""
    if any(not hit.suspect for hit in arrival.hits):
        return True
    if identity_id is None or desk.modes.get(arrival.archive) == "pass":
        return False
    return (arrival.header.patient_id or "").strip() != identity_id


def _received(arrival: Arrival) -> tuple[str | None, str | None, str | None]:
    header = arrival.header
    return header.patient_id, header.issuer, header.universal_id


def _study(arrival: Arrival) -> StudyRef:
    header = arrival.header
    return StudyRef(
        study_instance_uid=header.study_instance_uid,
        modality=header.modality,
        at=header.study_at,
        archive=arrival.archive,
        description=header.description,
        accession_number=header.accession_number,
    )


def _write(tx: Connection, arrival: Arrival, *, state: State, reason: str | None) -> None:
    """The object's row, new or, when a clerk let it go on, the one it has."""
    if arrival.released:
        instances.move(tx, arrival.instance_id, state=state, reason=reason, next_attempt_at=None)
        return
    header = arrival.header
    patient_id, issuer, universal_id = _received(arrival)
    tx.execute(
        _INSERT,
        {
            "instance_id": arrival.instance_id,
            "sop_instance_uid": header.sop_instance_uid,
            "study_instance_uid": header.study_instance_uid or None,
            "series_instance_uid": header.series_instance_uid or None,
            "sop_class_uid": header.sop_class_uid,
            "transfer_syntax": header.transfer_syntax,
            "content_digest": arrival.content_digest,
            "received_id": patient_id,
            "received_issuer": issuer,
            "received_universal": universal_id,
            "calling_ae": arrival.calling_ae,
            "peer": arrival.peer,
            "archive": arrival.archive,
            "state": state,
            "reason": reason,
            "received_at": arrival.received_at,
        },
    )


_INSERT = insert(instance)
