"""What a flow decides with: model, policy, prior, key of the A-ID, clock of the deadline; and where ids come
from.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from threading import Lock
from typing import Any, Self

from matching.decision import Policy, policy
from matching.model import Model
from matching.records import RawRecord, Record
from matching.xsi.identifiers import a_id, new_e_id
from matching.xsi.key import load_or_create_key
from matching.xsi.records import Refusal, paris_date, xsi_record
from mpi.ledger.entries import canonical, millibits
from mpi.settings import Settings

CODE_VERSION = version("mpi")
RECORDS_KEPT = 100_000  # normalised versions held in memory, about 3 kB each


@dataclass(frozen=True, slots=True)
class Ids:
    """Where new ids come from: `uuid` for rows, `identity` for E-IDs, `salt` (32 bytes) for ledger
    entries.
    """

    uuid: Callable[[], str]
    identity: Callable[[], str]
    salt: Callable[[], bytes]

    @classmethod
    def system(cls) -> Self:
        """From the operating system's random source."""
        return cls(
            uuid=lambda: uuid.UUID(bytes=secrets.token_bytes(16), version=4).hex,
            identity=lambda: new_e_id(secrets.randbits),
            salt=lambda: secrets.token_bytes(32),
        )


class RecordCache:
    """The most recently used normalised versions, by (record id, version, sends_status). Safe between
    threads.
    """

    def __init__(self, size: int = RECORDS_KEPT) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[str, int, bool], Record] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[str, int, bool]) -> Record | None:
        """The record, None when it is not held."""
        with self._lock:
            record = self._kept.get(key)
            if record is not None:
                self._kept.move_to_end(key)
            return record

    def put(self, key: tuple[str, int, bool], record: Record) -> None:
        """Holds a record and lets go of the one unused for longest."""
        with self._lock:
            self._kept[key] = record
            self._kept.move_to_end(key)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """Everything that a decision depends on beside the records.

    `population` gives the prior. `xsi_key` is None where no A-ID can be computed. `deadline` is in seconds of
    `clock`, a monotonic clock: past it scoring stops and the record is answered with a provisional identity.
    """

    model: Model
    policy: Policy
    population: int
    xsi_key: bytes | None = None
    xsi_epoch: str = "P"
    deadline: float = 1.5
    clock: Callable[[], float] = time.monotonic
    records: RecordCache = field(default_factory=RecordCache)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """With the model, population, deadline and key file of the settings, and policy `service`."""
        key_file = settings.xsi_key_file or settings.data_dir / "keys" / f"xsi-{settings.xsi_epoch}.key"
        model = Model.load(settings.model)
        return cls(
            model=model,
            policy=policy("service", model),
            population=settings.population,
            xsi_key=load_or_create_key(key_file),
            xsi_epoch=settings.xsi_epoch,
            deadline=settings.ingest_deadline_ms / 1000,
        )

    def a_id(self, raw: RawRecord, *, at: datetime) -> tuple[str | None, str | None]:
        """(A-ID, None), or (None, why there is none: a refusal code of XSI-1 section 3, or `no-key`,
        `not-strict`).
        """
        if self.xsi_key is None:
            return None, "no-key"
        record = xsi_record(raw, today=paris_date(at))
        if isinstance(record, Refusal):
            return None, record.code
        found = a_id(record, self.xsi_key, self.xsi_epoch)
        return found, None if found else "not-strict"

    @cached_property
    def thresholds(self) -> dict[str, Any]:
        """Thresholds and margin in thousandths of a bit, as a ledger entry holds them."""
        return {
            name: millibits(getattr(self.policy, name))
            for name in ("review_at", "second_person_at", "link_at", "margin")
        }

    @cached_property
    def versions(self) -> dict[str, Any]:
        """What decided: model, policy, population, code, and one hash over the configuration."""
        said = {"model": self.model.version, "policy": self.policy.name, "population": self.population}
        told = canonical({**said, "thresholds": self.thresholds})
        return {**said, "configuration": hashlib.sha256(told).hexdigest(), "code": CODE_VERSION}
