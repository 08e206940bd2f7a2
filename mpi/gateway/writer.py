"""One thread that runs small pieces of work in shared transactions: one commit, synchronised, for several."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from mpi.store.transaction import Contended, Database

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Work = Callable[[Any], Answer]  # takes the open transaction
Then = Callable[[Answer | None, Exception | None], None]  # the answer after its commit, or the error


LARGEST_GROUP = 64
LINGER = 0.1  # seconds that work which nobody waits for may wait for company


class _Job(Generic[Answer]):
    __slots__ = ("due", "future", "then", "work")

    def __init__(self, work: Work[Answer], then: Then[Answer] | None, due: float) -> None:
        self.work = work
        self.then = then
        self.due = due
        self.future: Future[Answer] = Future()

    def done(self, answer: Answer) -> None:
        self._tell(answer, None)
        self.future.set_result(answer)

    def failed(self, error: Exception) -> None:
        self._tell(None, error)
        self.future.set_exception(error)

    def _tell(self, answer: Answer | None, error: Exception | None) -> None:
        """A fault of `then` is logged: the work is committed, and others wait for this thread."""
        if self.then is None:
            return
        try:
            self.then(answer, error)
        except Exception as fault:
            log.error("after a commit: %s", type(fault).__name__)


class GroupCommit:
    """Runs work in the order it came; a future is done only after its commit.

    Each piece of a group has a savepoint of its own, and one that fails in company is tried again alone, so a
    piece never suffers from another's fault. A future raises what its work raised, or Unavailable.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: deque[_Job[Any]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="gateway-writer", daemon=True)
        self._thread.start()

    def submit(
        self, work: Work[Answer], then: Then[Answer] | None = None, *, may_wait: bool = False
    ) -> Future[Answer]:
        """Queues a piece of work. `then` is called in the writer's thread before the future is done.

        `may_wait`: nobody waits for it, so that it shares the next commit, a tenth of a second later at most.
        What `then` raises is logged by its type. Raises RuntimeError after close().
        """
        job = _Job(work, then, time.monotonic() + (LINGER if may_wait else 0.0))
        with self._changed:
            if self._closed:
                raise RuntimeError("the writer is closed")
            self._waiting.append(job)
            if not may_wait or len(self._waiting) == 1:
                self._changed.notify()
        return job.future

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Finishes what is queued and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            if len(group) == 1 or not self._together(group):
                for job in group:
                    self._alone(job)

    def _next_group(self) -> list[_Job[Any]]:
        """What waits, up to a limit, once a piece of it is due; empty when closed and nothing is left."""
        with self._changed:
            while not self._closed and (rest := self._rest()) != 0:
                self._changed.wait(rest)
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_GROUP))]

    def _rest(self) -> float | None:
        """Seconds until a piece is due, 0 when one is; None when nothing waits."""
        if not self._waiting:
            return None
        return max(0.0, min(job.due for job in self._waiting) - time.monotonic())

    def _together(self, group: list[_Job[Any]]) -> bool:
        """One transaction for all; False when others were in its way. What fails inside is run alone."""
        done: list[tuple[_Job[Any], Any]] = []
        failed: list[_Job[Any]] = []
        try:
            with self._db.write() as tx:
                for job in group:
                    try:
                        with tx.begin_nested():
                            done.append((job, job.work(tx)))
                    except Exception:  # not swallowed: it is run again alone, and its caller hears of it
                        failed.append(job)
        except Contended:
            return False
        except Exception as error:
            for job in group:
                job.failed(error)
            return True
        for job, answer in done:
            job.done(answer)
        for job in failed:
            self._alone(job)
        return True

    def _alone(self, job: _Job[Any]) -> None:
        try:
            answer = self._db.run_write(job.work)
        except Exception as error:
            job.failed(error)
        else:
            job.done(answer)
