"""How many different persons a sender may ask about in an hour: a window in memory, one per process.

A repeated question is not counted again. What is kept is a digest under a key that dies with the process, so
the window can neither be read back nor tried against a list of people.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from matching.records import RawRecord
from mpi.errors import TooMany

HOUR = 3600.0  # seconds


class ProbeQuota:
    """Distinct questions per caller in a sliding hour. Safe between threads; `clock` gives seconds."""

    def __init__(self, limit: int, *, seconds: float = HOUR, clock: Callable[[], float] = monotonic) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._asked: dict[str, OrderedDict[bytes, float]] = {}

    def count(self, caller: str, raw: RawRecord) -> None:
        """Counts one question; `raw` has passed the NIR guard. Raises TooMany, which counts nothing."""
        told = repr(replace(raw, attributes=frozenset(), flags=frozenset())).encode()
        digest = hashlib.blake2b(told, digest_size=16, key=self._key).digest()
        with self._lock:
            now = self._clock()
            asked = self._asked.setdefault(caller, OrderedDict())
            while asked and now - next(iter(asked.values())) >= self._seconds:
                asked.popitem(last=False)
            if digest in asked:
                return
            if len(asked) >= self._limit:
                oldest = next(iter(asked.values()))
                raise TooMany(
                    f"More than {self._limit} different persons asked about within an hour.",
                    retry_after=max(1, math.ceil(self._seconds - (now - oldest))),
                )
            asked[digest] = now
