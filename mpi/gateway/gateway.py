"""The gateway as a whole: doors in front, spool and database in the middle, archives behind."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

from mpi.errors import MpiError, Unavailable
from mpi.flows import instances
from mpi.flows.arrivals import Desk
from mpi.flows.matcher import Ids, Matcher
from mpi.gateway.archives import Archive, ArchiveAway, open_archive
from mpi.gateway.forward import MISSING_FILE, Forwarder
from mpi.gateway.outgoing import Outgoing
from mpi.gateway.reception import Reception
from mpi.gateway.scp import StoreScp
from mpi.gateway.spool import Spool
from mpi.gateway.writer import GroupCommit
from mpi.settings import Settings
from mpi.store.transaction import Database

log = logging.getLogger(__name__)

ROUND = 1.0  # seconds between two rounds of housekeeping
CHUNK = 500  # rows looked up at once


def _now() -> datetime:
    return datetime.now(UTC)


class Gateway:
    """One gateway process. `start` takes up what an earlier process left; `stop` leaves nothing half done.

    Raises SpoolTaken while another one works on the data directory.
    """

    def __init__(self, settings: Settings, db: Database, matcher: Matcher) -> None:
        self.settings = settings
        self.db = db
        self.default_archive = next(iter(settings.archives))
        self.spool = Spool(
            settings.data_dir / "spool",
            limit_bytes=settings.spool_limit_mb * 1_000_000,
            quarantine_limit=settings.quarantine_limit_mb * 1_000_000,
        )
        self.writer = GroupCommit(db)
        self.outgoing = {name: Outgoing(db, settings, name) for name in settings.archives}
        self._forwarders = {name: self._forwarder(name) for name in settings.archives}
        self.desk = Desk.from_settings(settings, matcher, Ids.system())
        self.reception = Reception(
            spool=self.spool,
            writer=self.writer,
            desk=self.desk,
            forward=self._forward,
            clock=_now,
            patience=2 * settings.ingest_deadline_ms / 1000,
            largest=settings.max_body_mb * 1_000_000,
        )
        self._scp = StoreScp(settings, db, self.spool, self.reception, archive=self.default_archive)
        self._delivered: deque[tuple[datetime, str]] = deque()  # originals kept for a while, oldest first
        self._retention = timedelta(hours=settings.spool_retention_hours)
        self._stopping = threading.Event()
        self._housekeeper = threading.Thread(target=self._keep_house, name="gateway-housekeeper", daemon=True)

    def _forwarder(self, name: str) -> Forwarder:
        return Forwarder(
            open_archive(
                name,
                self.settings.archives[name],
                data_dir=self.settings.data_dir,
                connections=self.settings.forward_connections,
            ),
            self.outgoing[name],
            spool=self.spool,
            writer=self.writer,
            threads=self.settings.forward_connections,
            delivered=self._keep_original,
            clock=_now,
        )

    @property
    def dimse_port(self) -> int:
        """The port that the DICOM door has bound."""
        return self._scp.port

    def start(self) -> None:
        """Returns when the doors are open. A database that is away keeps nothing from coming in."""
        self._recover()
        self.reception.start()
        for forwarder in self._forwarders.values():
            forwarder.start()
        self._housekeeper.start()
        self._scp.start()

    def stop(self) -> None:
        """Closes the doors, finishes what is in hand; what is queued stays in the spool."""
        self._scp.stop()
        self._stopping.set()
        self._housekeeper.join()
        self.reception.stop()
        for forwarder in self._forwarders.values():
            forwarder.stop()
        self.writer.close()
        self.spool.close()

    def pause(self) -> None:
        """Nothing is forwarded until `resume`."""
        for forwarder in self._forwarders.values():
            forwarder.queue.pause(True)

    def resume(self) -> None:
        """Forwards again."""
        for forwarder in self._forwarders.values():
            forwarder.queue.pause(False)

    def drain(self, timeout: float) -> bool:
        """Waits until everything received was sent or put aside; False when that took longer (seconds)."""
        until = time.monotonic() + timeout
        while not (self.reception.idle() and all(f.idle() for f in self._forwarders.values())):
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def archive(self, name: str | None = None) -> Archive:
        """The driver of an archive; the default one for None."""
        return self._forwarders[name or self.default_archive].archive

    def check(self) -> dict[str, str]:
        """What is wrong, by part (database, spool, threads, archive.NAME); empty when all is well."""
        wrong: dict[str, str] = {}
        try:
            self.db.ping()
        except Unavailable as error:
            wrong["database"] = error.sentence
        if not self.spool.accepting:
            wrong["spool"] = "The spool is too full."
        if ended := self._ended():
            wrong["threads"] = f"Ended, start the gateway again: {', '.join(ended)}."
        for name, forwarder in self._forwarders.items():
            try:
                forwarder.archive.check()
            except ArchiveAway as error:
                wrong[f"archive.{name}"] = str(error)
        return wrong

    def _ended(self) -> list[str]:
        """The threads that should run and do not; every one of them catches what it can."""
        alive = {
            "writer": self.writer.alive,
            "registrar": self.reception.alive,
            "housekeeper": self._housekeeper.is_alive(),
        } | {f"forwarder of {name}": forwarder.alive for name, forwarder in self._forwarders.items()}
        return [name for name, runs in alive.items() if not runs]

    def _forward(self, archive: str, study: str, instance_id: str) -> None:
        """An archive that the settings no longer name is replaced by the default one."""
        forwarder = self._forwarders.get(archive) or self._forwarders[self.default_archive]
        forwarder.queue.add(study or instance_id, instance_id)

    def _keep_original(self, instance_id: str, at: datetime) -> None:
        """Runs in the writer's thread, so that no resend can slip between the look and the removal."""
        if self._retention:
            self._delivered.append((at, instance_id))
        else:
            self.spool.remove(instance_id)

    def _recover(self) -> None:
        """Files without a row are adopted, rows without a file raise an alarm, the rest goes on."""
        files = self.spool.ids()
        try:
            known = self._rows(files)
            for instance_id in files:
                self._take_up(instance_id, known.get(instance_id))
            self._alarm({*files, *self._list_quarantined()})
        except Unavailable as error:
            log.warning("database away at the start, everything in the spool waits: %s", error.sentence)
            for instance_id in files:
                self.reception.adopt(instance_id)

    def _rows(self, instance_ids: Sequence[str]) -> dict[str, instances.Kept]:
        waiting, found = iter(instance_ids), {}
        while chunk := list(islice(waiting, CHUNK)):
            with self.db.read() as tx:
                found.update(instances.by_ids(tx, chunk))
        return found

    def _take_up(self, instance_id: str, row: instances.Kept | None) -> None:
        if row is None:
            self.reception.adopt(instance_id)
        elif row.state == "spooled":
            self._forward(row.archive or "", row.study_instance_uid or "", instance_id)
        elif row.state == "stored" and row.stored_at is not None:
            self._delivered.append((row.stored_at, instance_id))

    def _list_quarantined(self) -> set[str]:
        """What is on the shelf; each without a row, or whose row still counts on its file, is listed."""
        shelf = self.spool.ids(shelf="quarantine")
        known = self._rows(shelf)
        for instance_id in shelf:
            if instance_id not in known or known[instance_id].state == "spooled":
                self.reception.list_quarantined(instance_id)
        return set(shelf)

    def _alarm(self, files: set[str]) -> None:
        with self.db.read() as tx:
            spooled = instances.ids_with_state(tx, "spooled")
        for instance_id in sorted(set(spooled) - files):
            log.error("object %s: its spool file is missing", instance_id)
            self.writer.submit(
                partial(instances.move, instance_id=instance_id, state="failed", reason=MISSING_FILE)
            )

    def _keep_house(self) -> None:
        while not self._stopping.wait(ROUND):
            try:
                self._purge()
                self._take_released()
                self._discard()
            except MpiError as error:
                log.warning("housekeeping waits: %s", error.sentence)
            except Exception as error:
                log.error("housekeeping waits: %s", type(error).__name__)

    def _purge(self) -> None:
        """Removes delivered originals past their time, and the oldest at once when room is needed."""
        now = _now()
        while self._delivered and (
            not self.spool.accepting or self._delivered[0][0] + self._retention <= now
        ):
            chunk = [self._delivered.popleft()[1] for _ in range(min(CHUNK, len(self._delivered)))]
            self.writer.submit(partial(instances.by_ids, instance_ids=chunk), self._remove_stored).result()

    def _remove_stored(self, rows: dict[str, instances.Kept] | None, _error: Exception | None) -> None:
        for instance_id, row in (rows or {}).items():
            if row.state == "stored":
                self.spool.remove(instance_id)

    def _take_released(self) -> None:
        """Objects that an operator released from another process, and those whose next try is due."""
        with self.db.read() as tx:
            due = instances.due(tx, at=_now())
        for row in due:
            archive = row.archive or ""
            forwarder = self._forwarders.get(archive) or self._forwarders[self.default_archive]
            if row.instance_id in forwarder.queue:
                continue
            if row.reason == instances.RELEASED and self.spool.holds(row.instance_id):
                self.reception.readmit(row.instance_id)
            else:
                self._forward(archive, row.study_instance_uid or "", row.instance_id)

    def _discard(self) -> None:
        """Deletes what an operator gave up: the file first, so that a row is left until nothing else is."""
        with self.db.read() as tx:
            discarded = instances.discarded(tx)
        for instance_id in discarded:
            self.spool.remove(instance_id, shelf="quarantine")
            self.writer.submit(partial(instances.forget, instance_id=instance_id)).result()
