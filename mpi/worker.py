"""Runs the outbox: claims one message at a time, hands it to its topic's handler, records how it went."""

from __future__ import annotations

import logging
import random
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from mpi.errors import MpiError, Unavailable
from mpi.store import outbox
from mpi.store.outbox import LeaseLost, Message
from mpi.store.transaction import Database

Handler = Callable[[Message], None]
"""Makes the effect, more than once if need be; raises when it can't. Runs outside any transaction."""

LEASE = timedelta(seconds=60)
POLL = 0.25  # seconds between two looks at an empty outbox
PAUSE = 2.0  # seconds before looking again when the database is away

log = logging.getLogger(__name__)
_chance = random.SystemRandom()


def _now() -> datetime:
    return datetime.now(UTC)


class Worker:
    """One loop over the outbox. Several may run, in one process or many, on one machine or many."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        lease: timedelta = LEASE,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """`handlers` by topic, others are left alone; `lease` exceeds what any handler takes."""
        self._database = database
        self._handlers = dict(handlers)
        self._lease = lease
        self._clock = clock
        self._stopping = threading.Event()

    def run(self) -> None:
        """Works until `stop`; the message at hand is finished first."""
        while not self._stopping.is_set():
            try:
                pause = 0.0 if self.run_once() else POLL
            except Unavailable as error:
                log.warning("outbox: %s", error.sentence)
                pause = PAUSE
            self._stopping.wait(pause)

    def stop(self) -> None:
        """Makes `run` return after the message at hand; signal handlers and other threads may call it."""
        self._stopping.set()

    def run_once(self) -> bool:
        """Handles the oldest message due, False when none is. Raises Unavailable without a database."""
        with self._database.read() as tx:
            if not outbox.due(tx, topics=self._handlers, at=self._clock()):
                return False
        message = self._database.run_write(
            lambda tx: outbox.claim(
                tx, topics=self._handlers, at=self._clock(), lease=self._lease, token=uuid.uuid4().hex
            )
        )
        if message is None:
            return False
        error = self._handle(message)
        try:
            self._database.run_write(lambda tx: self._record(tx, message, error))
        except LeaseLost:
            log.warning("outbox: message %d (%s) came back after its lease", message.id, message.topic)
        return True

    def _handle(self, message: Message) -> str | None:
        """None when the effect was made, else what an operator may read: no text of a foreign error."""
        try:
            self._handlers[message.topic](message)
        except MpiError as error:
            return f"{error.code}: {error.sentence}"
        except Exception as error:
            return type(error).__name__
        return None

    def _record(self, tx: Connection, message: Message, error: str | None) -> None:
        at = self._clock()
        if error is None:
            outbox.complete(tx, message, at=at)
            return
        again = outbox.retry_at(attempts=message.attempts, at=at, chance=_chance.random())
        outbox.fail(tx, message, at=at, error=error, retry_at=again)
        log.warning(
            "outbox: message %d (%s) failed, attempt %d: %s%s",
            message.id,
            message.topic,
            message.attempts,
            error,
            "; given up" if again is None else "",
        )
