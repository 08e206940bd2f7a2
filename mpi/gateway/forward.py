"""The way out: each study in order, several at once, until the archive has proved that it holds an object.

Whether an object was sent is in the database; the queue in memory is rebuilt from it at every start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from mpi.dicom.coercion import Held
from mpi.dicom.digest import content_digest
from mpi.dicom.elements import Unreadable
from mpi.errors import MpiError
from mpi.flows import instances
from mpi.flows.instances import Kept, State
from mpi.gateway.archives import Archive, ArchiveAway, ArchiveRefuses, InstanceKey
from mpi.gateway.outgoing import Outgoing, Prepared
from mpi.gateway.queue import Queue
from mpi.gateway.spool import Spool, SpoolDamaged
from mpi.gateway.writer import GroupCommit

log = logging.getLogger(__name__)

PAUSE_FIRST, PAUSE_LONGEST = 0.25, 60.0  # seconds between two tries while an archive is away
TRIES_OF_ONE_OBJECT = 8  # while the archive takes others

MISSING_FILE = "spool-file-missing"
NO_IDENTITY = "study-without-identity"


class Forwarder:
    """Sends the objects of one archive with a few threads. `delivered(instance_id, at)` is told of each."""

    def __init__(
        self,
        archive: Archive,
        outgoing: Outgoing,
        *,
        spool: Spool,
        writer: GroupCommit,
        threads: int,
        delivered: Callable[[str, datetime], None],
        clock: Callable[[], datetime],
    ) -> None:
        self.archive = archive
        self.queue = Queue()
        self._outgoing = outgoing
        self._spool = spool
        self._writer = writer
        self._delivered = delivered
        self._clock = clock
        self._pause = PAUSE_FIRST
        self._changed = threading.Lock()
        self._proved = 0  # objects that the archive was seen to hold
        self._failing: dict[str, int] = {}  # instance id: how many were proved at its first failed try
        self._unrecorded = 0  # stored in the archive, not yet so in the database
        self._threads = [
            threading.Thread(target=self._run, name=f"gateway-forward-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begins to send."""
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether every one of its threads runs."""
        return all(thread.is_alive() for thread in self._threads)

    def idle(self) -> bool:
        """Everything given to it is stored and recorded, or listed for an operator."""
        with self._changed:
            return self._unrecorded == 0 and len(self.queue) == 0

    def stop(self) -> None:
        """Finishes the objects in hand and closes the archive."""
        self.queue.close()
        for thread in self._threads:
            thread.join()
        self.archive.close()

    def _run(self) -> None:
        while (turn := self.queue.take()) is not None:
            study, waiting = turn
            done = 0
            try:
                for instance_id, row in self._outgoing.rows(waiting):
                    self._send(instance_id, row)
                    done += 1
                    self._pause = PAUSE_FIRST
            except (ArchiveAway, MpiError) as error:
                self._wait(str(error))
            except Exception as error:
                self._wait(type(error).__name__)
            finally:
                self.queue.give_back(study, done)

    def _wait(self, reason: str) -> None:
        log.warning("forwarding waits %.1f s: %s", self._pause, reason)
        self.queue.hold_off(self._pause)
        self._pause = min(2 * self._pause, PAUSE_LONGEST)

    def _send(self, instance_id: str, row: Kept | None) -> None:
        """One object, to the end: stored, or listed for an operator.

        Raises ArchiveAway, Unavailable, OSError: then it is tried again. What else goes wrong is its own
        fault and must not hold up those behind.
        """
        if row is None or row.state != "spooled":
            return  # delivered by an earlier turn, or taken back
        try:
            with self._spool.open(instance_id) as spooled:
                prepared = self._outgoing.prepare(row, spooled)
                if prepared is None:
                    self._give_up(instance_id, "held", NO_IDENTITY)
                elif row.stored_at is not None and self._is_there(row):
                    self._note_again(row, row.stored_at)
                else:
                    self._store(row, prepared)
                del prepared, spooled
        except FileNotFoundError:
            log.error("object %s: its spool file is missing", instance_id)
            self._give_up(instance_id, "failed", MISSING_FILE)
        except (SpoolDamaged, Unreadable) as error:
            self._spool.quarantine(instance_id)
            self._give_up(instance_id, "quarantined", str(error))
        except Held as error:
            self._give_up(instance_id, "held", error.reason)
        except ArchiveRefuses as error:
            self._give_up(instance_id, "failed", str(error))
        except (ArchiveAway, MpiError, OSError):
            raise
        except Exception as error:
            self._give_up(instance_id, "failed", type(error).__name__)

    def _is_there(self, row: Kept) -> bool:
        """Whether the archive still has the content of an object that it had before.

        A resend's own bytes prove nothing: its caller may be another one, and with it the file meta.
        """
        stored = self.archive.fetch(_key(row))
        return stored is not None and content_digest(stored) == row.content_digest

    def _store(self, row: Kept, prepared: Prepared) -> None:
        try:
            self.archive.store(_key(row), prepared.parts)
        except ArchiveAway as error:
            self._failed_try(row, str(error))
            raise
        at = self._clock()
        self._proved += 1
        self._failing.pop(row.instance_id, None)
        with self._changed:
            self._unrecorded += 1
        self._writer.submit(
            lambda tx: instances.record_stored(
                tx, row.instance_id, at=at, patient_id=prepared.patient_id, changes=prepared.changes
            ),
            lambda _, error: self._recorded(row, at, error),
            may_wait=True,
        )

    def _recorded(self, row: Kept, at: datetime, error: Exception | None) -> None:
        """Runs in the writer's thread. What could not be recorded is sent again: the archive has it then."""
        try:
            if error is None:
                self._delivered(row.instance_id, at)
            else:
                self.queue.hold_off(self._pause)
                self.queue.add(row.study_instance_uid or row.instance_id, row.instance_id)
        finally:
            with self._changed:
                self._unrecorded -= 1

    def _note_again(self, row: Kept, at: datetime) -> None:
        """The archive has what was sent again: the row says so as before."""
        self._writer.submit(
            lambda tx: instances.move(tx, row.instance_id, state="stored", reason=None, next_attempt_at=None),
            lambda _, error: None if error else self._delivered(row.instance_id, at),
        ).result()

    def _failed_try(self, row: Kept, reason: str) -> None:
        """Notes the try. An object that fails again and again is given up once others were stored meanwhile.

        An archive that takes nothing (its disk is full, say) is no fault of an object.
        """
        again_at: datetime | None = self._clock() + timedelta(seconds=self._pause)
        before = self._failing.setdefault(row.instance_id, self._proved)
        if row.attempts + 1 >= TRIES_OF_ONE_OBJECT and self._proved > before:
            again_at = None
            del self._failing[row.instance_id]
        self._writer.submit(
            lambda tx: instances.record_attempt(tx, row.instance_id, reason=reason, again_at=again_at)
        ).result()

    def _give_up(self, instance_id: str, state: State, reason: str) -> None:
        log.warning("object %s is %s: %s", instance_id, state, reason)
        self._writer.submit(
            lambda tx: instances.move(tx, instance_id, state=state, reason=reason, next_attempt_at=None)
        ).result()


def _key(row: Kept) -> InstanceKey:
    return InstanceKey(
        study_instance_uid=row.study_instance_uid or "",
        series_instance_uid=row.series_instance_uid or "",
        sop_instance_uid=row.sop_instance_uid or "",
    )
