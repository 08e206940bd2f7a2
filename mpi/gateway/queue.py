"""The order of forwarding: studies side by side, the objects of one study one after the other."""

from __future__ import annotations

import threading
import time
from collections import deque

TURN = 16  # objects of one study before another study gets its turn


class Queue:
    """Instance ids by study: a study is in one pair of hands at a time, so its order is kept."""

    def __init__(self) -> None:
        self._studies: dict[str, deque[str]] = {}
        self._queued: set[str] = set()
        self._ready: deque[str] = deque()
        self._taken: set[str] = set()
        self._again: set[str] = set()  # added while their study was in hand
        self._changed = threading.Condition()
        self._paused = False
        self._closed = False
        self._not_before = 0.0

    def add(self, study: str, instance_id: str) -> None:
        """Puts one object at the end of its study; one that waits already stays where it is.

        One whose study is in hand may have been dealt with before this call: it gets another turn.
        """
        with self._changed:
            if instance_id in self._queued:
                if study in self._taken:
                    self._again.add(instance_id)
                return
            self._queued.add(instance_id)
            self._studies.setdefault(study, deque()).append(instance_id)
            if study not in self._taken and study not in self._ready:
                self._ready.append(study)
            self._changed.notify()

    def take(self) -> tuple[str, list[str]] | None:
        """The next study with its first objects; waits for one. None once closed."""
        with self._changed:
            while True:
                if self._closed:
                    return None
                rest = self._not_before - time.monotonic()
                if self._ready and not self._paused and rest <= 0:
                    study = self._ready.popleft()
                    self._taken.add(study)
                    return study, [*self._studies[study]][:TURN]
                self._changed.wait(rest if self._ready and not self._paused else None)

    def give_back(self, study: str, done: int) -> None:
        """Ends the turn that `take` began; the first `done` objects have left the queue."""
        with self._changed:
            waiting = self._studies[study]
            for instance_id in [waiting.popleft() for _ in range(done)]:
                if instance_id in self._again:
                    waiting.append(instance_id)
                else:
                    self._queued.discard(instance_id)
            self._again.difference_update(waiting)
            self._taken.discard(study)
            if waiting:
                self._ready.append(study)
            else:
                del self._studies[study]
            self._changed.notify_all()

    def hold_off(self, seconds: float) -> None:
        """Nobody takes anything for a while."""
        with self._changed:
            self._not_before = time.monotonic() + seconds
            self._changed.notify_all()

    def pause(self, paused: bool) -> None:
        """Stops or resumes taking."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def close(self) -> None:
        """Lets every waiting thread go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._queued)

    def __contains__(self, instance_id: str) -> bool:
        with self._changed:
            return instance_id in self._queued
