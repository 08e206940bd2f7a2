"""The way in: social security numbers emptied, bytes on disk with all that their row says, then the answer.

The first object of a study, and one whose UID was seen lately, is answered after its row is committed: it
needs a decision. A further object that says the same of its patient is answered when it is durable in the
spool, and its row shares a commit a moment later. While the database is away objects wait in line.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial

from mpi.dicom.digest import content_digest
from mpi.dicom.elements import Unreadable
from mpi.dicom.header import Header, read_header
from mpi.dicom.objects import open_object
from mpi.errors import MpiError, NotAllowed, Unavailable
from mpi.flows import intake
from mpi.flows.arrivals import Arrival, Desk, Receipt
from mpi.gateway.answers import Answer
from mpi.gateway.reading import Incoming, Mismatch, blanked, read
from mpi.gateway.spool import Envelope, Spool, SpoolDamaged
from mpi.gateway.writer import GroupCommit
from mpi.security.nir_guard import NirHit, count_hits, guard_text

log = logging.getLogger(__name__)

RETRY_FIRST, RETRY_LONGEST = 0.25, 10.0  # seconds between two tries to register with the database
UNREADABLE = "unreadable"
DISK_THREADS = 16  # objects that are synchronised at once
BACKLOG = 256  # rows on their way; beyond it every sender waits for its own
Forward = Callable[[str, str, str], None]  # archive, study, instance id


class Recent:
    """The SOP Instance UIDs of the last objects. Safe between threads."""

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._uids: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, uid: str) -> bool:
        """True when it is new; the oldest is forgotten when there are too many."""
        with self._lock:
            new = uid not in self._uids
            self._uids[uid] = None
            if len(self._uids) > self._size:
                self._uids.popitem(last=False)
            return new


class Reception:
    """Takes objects from many threads; what may go on is given to `forward`.

    `patience`: seconds that a sender waits for the decision before it is told that the object is kept.
    `largest`: bytes of the largest object that is taken.
    """

    def __init__(
        self,
        *,
        spool: Spool,
        writer: GroupCommit,
        desk: Desk,
        forward: Forward,
        clock: Callable[[], datetime],
        patience: float,
        largest: int,
    ) -> None:
        self._spool = spool
        self._writer = writer
        self._desk = desk
        self._forward = forward
        self._clock = clock
        self._patience = patience
        self._largest = largest
        self._not_kept = 0  # refused while the quarantine shelf was full
        self._late: deque[str] = deque()  # in the spool, not yet in the database
        self._open = 0  # submitted to the writer, not yet settled
        self._recent = Recent()
        self._disk = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="gateway-disk")
        self._changed = threading.Condition()
        self._stopping = False
        self._registrar = threading.Thread(target=self._register_late, name="gateway-registrar", daemon=True)

    def start(self) -> None:
        """Starts to register what waits in line."""
        self._registrar.start()

    def stop(self) -> None:
        """Leaves what still waits in line to the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._registrar.join()
        self._disk.shutdown()

    def take(self, incoming: Incoming) -> Answer:
        """Everything from the received bytes to the answer. Raises nothing that a sender could cause."""
        if len(incoming.data) > self._largest or not self._spool.accepting:
            return Answer.NO_ROOM
        _, hits = guard_text(incoming.calling_ae, field="calling_ae", kind="identifier")
        if any(not hit.suspect for hit in hits):
            self._count(hits, incoming.door)
            return Answer.NOT_ALLOWED
        try:
            try:
                arrival = self._keep(incoming)
            except Mismatch as refusal:
                return self._set_aside(incoming, refusal.reason, Answer.MISMATCH)
            except Unreadable as refusal:
                return self._set_aside(incoming, refusal.reason)
            except OSError:
                raise
            except Exception as error:
                return self._set_aside(incoming, type(error).__name__)
        except OSError as error:
            log.error("spool: %s", error.strerror)
            return Answer.NO_ROOM
        return self._register(arrival)

    def _keep(self, incoming: Incoming) -> Arrival:
        """Reads an object and makes it durable. Raises Unreadable, OSError."""
        reading = read(incoming)
        envelope = Envelope(
            instance_id=self._spool.slot(),
            door=incoming.door,
            archive=incoming.archive,
            received_at=self._clock(),
            calling_ae=incoming.calling_ae,
            peer=incoming.peer,
            hits=reading.hits,
            emptied=reading.emptied,
        )
        on_disk = self._disk.submit(self._spool.put, envelope, reading.part10)
        digest = content_digest(reading.opened)  # while the disk works
        on_disk.result()
        return _arrival(envelope, reading.header, digest)

    def adopt(self, instance_id: str) -> None:
        """Puts a spool file in line that may have no row: after a restart, or while the database was away."""
        with self._changed:
            self._late.append(instance_id)
            self._changed.notify_all()

    def readmit(self, instance_id: str) -> None:
        """Lets an object go on that a clerk released."""
        arrival = self._read_again(instance_id)
        if arrival is not None:
            self._submit(replace(arrival, released=True))

    @property
    def alive(self) -> bool:
        """Whether the thread runs that registers what waits in line."""
        return self._registrar.is_alive()

    def _count(self, hits: Sequence[NirHit], door: str) -> None:
        at = self._clock()
        self._writer.submit(lambda tx: count_hits(tx, hits, door=door, at=at), may_wait=True)

    def idle(self) -> bool:
        """Nothing is on its way to the database."""
        with self._changed:
            return not self._late and not self._open

    def _register(self, arrival: Arrival) -> Answer:
        """The row, and the answer that follows from it or, for what is known already, before it."""
        with self._changed:
            if self._late:  # the database is away: keep the order
                self._late.append(arrival.instance_id)
                return Answer.KEPT
            busy = self._open > BACKLOG
        identity_id = self._desk.pins.get(arrival.statement)
        if self._recent.add(arrival.header.sop_instance_uid) and identity_id is not None and not busy:
            self._submit(arrival, may_wait=True)
            changed = intake.changes(arrival, self._desk, identity_id)
            return Answer.COERCED if changed else Answer.UNCHANGED
        try:
            receipt = self._submit(arrival).result(self._patience)
        except NotAllowed:
            return Answer.NOT_ALLOWED
        except (Unavailable, TimeoutError):
            return Answer.KEPT
        except Exception:  # its type is logged and the object put aside where it is settled
            return Answer.FAILED
        if receipt.state not in ("spooled", "stored"):
            return Answer.KEPT
        return Answer.COERCED if receipt.coerced else Answer.UNCHANGED

    def _submit(self, arrival: Arrival, *, late: bool = False, may_wait: bool = False) -> Future[Receipt]:
        with self._changed:
            self._open += 1
        work = intake.adopt if late else intake.receive
        return self._writer.submit(
            lambda tx: work(tx, arrival, self._desk, at=self._clock()),
            partial(self._settle, arrival, late),
            may_wait=may_wait,
        )

    def _settle(self, arrival: Arrival, late: bool, receipt: Receipt | None, error: Exception | None) -> None:
        """Runs in the writer's thread once the row is committed, or could not be."""
        try:
            if receipt is not None:
                self._dispose(arrival, receipt)
            elif isinstance(error, Unavailable):
                if not late:
                    self.adopt(arrival.instance_id)
            else:
                reason = error.code if isinstance(error, MpiError) else type(error).__name__
                log.warning("object %s refused: %s", arrival.instance_id, reason)
                self._quarantine(arrival.instance_id, reason, arrival)
        except Exception as fault:
            log.error("object %s: %s", arrival.instance_id, type(fault).__name__)
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _dispose(self, arrival: Arrival, receipt: Receipt) -> None:
        if receipt.accepted is not None:
            self._desk.pins.add(arrival.statement, receipt.accepted)
        if receipt.again and receipt.instance_id != arrival.instance_id:
            if receipt.forward:
                self._spool.keep_first(receipt.instance_id, newcomer=arrival.instance_id)
            else:
                self._spool.remove(arrival.instance_id)
        if receipt.forward:
            self._forward(arrival.archive, arrival.header.study_instance_uid, receipt.instance_id)

    def _set_aside(self, incoming: Incoming, reason: str, answer: Answer = Answer.UNREADABLE) -> Answer:
        """Keeps a copy of what cannot be read, unless its shelf is full; the same bytes are the same copy."""
        data = blanked(incoming)
        envelope = Envelope(
            instance_id=hashlib.blake2b(data, digest_size=16).hexdigest(),
            door=incoming.door,
            archive=incoming.archive,
            received_at=self._clock(),
            calling_ae=incoming.calling_ae,
            peer=incoming.peer,
            reason=reason,
        )
        known = self._spool.holds(envelope.instance_id, shelf="quarantine")
        if known or self._spool.put_quarantined(envelope, data):
            log.warning("object %s quarantined: %s", envelope.instance_id, reason)
            self._list(envelope)
        else:
            self._not_kept += 1
            log.error("the quarantine shelf is full, objects refused without a copy: %d", self._not_kept)
        return answer

    def list_quarantined(self, instance_id: str) -> None:
        """Writes the row of a quarantined file, or corrects one that does not say so."""
        try:
            with self._spool.open(instance_id, shelf="quarantine") as spooled:
                envelope = spooled.envelope
        except FileNotFoundError:
            return
        except SpoolDamaged as error:
            log.error("object %s: %s", instance_id, error)
            reason, at = str(error), self._clock()
            self._writer.submit(
                lambda tx: intake.quarantine(tx, None, instance_id=instance_id, reason=reason, at=at)
            )
        else:
            self._list(envelope)

    def _list(self, envelope: Envelope) -> None:
        """The row of a quarantined file; without a database it is written at the next start."""
        self._writer.submit(
            lambda tx: intake.quarantine(
                tx,
                None,
                instance_id=envelope.instance_id,
                reason=envelope.reason or UNREADABLE,
                at=envelope.received_at,
                calling_ae=envelope.calling_ae,
                peer=envelope.peer,
                archive=envelope.archive,
            )
        )

    def _quarantine(self, instance_id: str, reason: str, arrival: Arrival | None) -> None:
        self._spool.quarantine(instance_id)
        at = self._clock()
        self._writer.submit(
            lambda tx: intake.quarantine(tx, arrival, instance_id=instance_id, reason=reason, at=at)
        )

    def _register_late(self) -> None:
        """Registers what waits in line, in order, as soon as the database takes it."""
        pause = RETRY_FIRST
        while (instance_id := self._next_late()) is not None:
            if self._adopted(instance_id):
                pause = RETRY_FIRST
                with self._changed:
                    self._late.popleft()
            else:
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, timeout=pause)
                pause = min(2 * pause, RETRY_LONGEST)

    def _next_late(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._late)
            return None if self._stopping else self._late[0]

    def _adopted(self, instance_id: str) -> bool:
        """False when the database or the disk is away. Anything else ends this object's turn, no more."""
        try:
            arrival = self._read_again(instance_id)
            if arrival is not None:
                self._submit(arrival, late=True).result()
        except (Unavailable, OSError):
            return False
        except Exception as error:
            log.error("object %s was not registered: %s", instance_id, type(error).__name__)
        return True

    def _read_again(self, instance_id: str) -> Arrival | None:
        """The arrival that a spool file tells of; None when it is gone or put aside. Raises OSError."""
        try:
            with self._spool.open(instance_id) as spooled:
                opened = open_object(spooled.part10)
                return _arrival(spooled.envelope, read_header(opened), content_digest(opened))
        except FileNotFoundError:
            return None
        except OSError:
            raise
        except Exception as error:
            reason = str(error) if isinstance(error, SpoolDamaged | Unreadable) else type(error).__name__
            log.error("object %s: %s", instance_id, reason)
            self._quarantine(instance_id, reason, None)
            return None


def _arrival(envelope: Envelope, header: Header, digest: bytes) -> Arrival:
    return Arrival(
        instance_id=envelope.instance_id,
        header=header,
        content_digest=digest,
        door=envelope.door,
        archive=envelope.archive,
        received_at=envelope.received_at,
        calling_ae=envelope.calling_ae,
        peer=envelope.peer,
        hits=envelope.hits,
    )
