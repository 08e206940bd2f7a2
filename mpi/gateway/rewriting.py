"""Rewrites one object for a caller that stores it itself: identified, pinned, coerced, but not kept here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mpi.dicom.coercion import Held
from mpi.dicom.elements import Buffer, Unreadable
from mpi.dicom.objects import open_object
from mpi.errors import Conflict, Unavailable, Unprocessable
from mpi.flows import intake
from mpi.flows.arrivals import Arrival, Desk, Placement
from mpi.gateway.outgoing import Outgoing
from mpi.gateway.reading import Incoming, Reading, read
from mpi.gateway.writer import GroupCommit
from mpi.security.actors import Actor
from mpi.security.nir_guard import count_hits


class Rewriter:
    """For one archive's tag plan. Same object, same answer, same time in it."""

    def __init__(self, *, writer: GroupCommit, desk: Desk, outgoing: Outgoing, patience: float) -> None:
        self._writer = writer
        self._desk = desk
        self._outgoing = outgoing
        self._patience = patience

    def rewrite(self, incoming: Incoming, *, sender: Actor, at: datetime) -> tuple[Buffer, ...]:
        """The coerced Part 10 file in slices; pixels are the caller's bytes.

        Raises Unprocessable for what cannot be read, NotAllowed for another's authority, Conflict where the
        gateway would hold the object (details `action`: hold or conflict), Unavailable.
        """
        try:
            reading = read(incoming)
        except Unreadable as refusal:
            raise Unprocessable(
                f"The object cannot be read: {refusal.reason}.", field="body", rule="unreadable"
            ) from None
        placement = self._placed(incoming, reading, sender, at)
        if placement.state != "spooled":
            action = "conflict" if placement.reason == intake.STUDY_OF_ANOTHER else "hold"
            raise Conflict("A clerk is asked about this object first.", action=action, rule=placement.reason)
        whole = reading.part10[0] if len(reading.part10) == 1 else b"".join(reading.part10)
        if placement.identity_id is None:
            return (whole,)
        wanted = self._outgoing.wanted(reading.header.study_instance_uid)
        if wanted is None:
            raise Unavailable("The study has just lost its identity.")
        source = incoming.calling_ae or sender.actor_id.removeprefix("sender:")[:16]
        try:
            coercion = self._outgoing.coerced(
                open_object(whole), reading.header, wanted, source=source, emptied=reading.emptied
            )
        except Unreadable as refusal:
            raise Unprocessable(
                f"The object cannot be rewritten: {refusal.reason}.", field="body", rule="unreadable"
            ) from None
        except Held as held:
            raise Conflict(
                "An operator decides about this object first.", action="hold", rule=held.reason
            ) from None
        return coercion.parts

    def _placed(self, incoming: Incoming, reading: Reading, sender: Actor, at: datetime) -> Placement:
        arrival = Arrival(
            instance_id="",
            header=reading.header,
            content_digest=b"",  # no row is written
            door=incoming.door,
            archive=incoming.archive,
            received_at=at,
            calling_ae=incoming.calling_ae,
            peer=incoming.peer,
            sender=sender,
            hits=reading.hits,
        )

        def work(tx: Any) -> Placement:
            count_hits(tx, arrival.hits, door=arrival.door, at=at)
            return intake.place(tx, arrival, self._desk, at=at)

        def remember(placement: Placement | None, _error: Exception | None) -> None:
            if placement is not None and placement.accepted is not None:
                self._desk.pins.add(arrival.statement, placement.accepted)

        try:
            return self._writer.submit(work, remember).result(self._patience)
        except TimeoutError:
            raise Unavailable("The database does not answer in time.") from None
