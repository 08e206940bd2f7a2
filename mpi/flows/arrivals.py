"""What the intake of an object is told, decides with and answers: plain data."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mpi.dicom.header import Header
from mpi.flows.instances import State
from mpi.flows.matcher import Ids, Matcher
from mpi.security.actors import Actor
from mpi.security.nir_guard import NirHit
from mpi.settings import Settings

Statement = tuple[object, ...]  # study, caller, and everything that the object says of its patient

ACCEPTED_FOR = 60.0  # seconds after which a statement is looked up again: a sender may have been revoked


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One object as the door read it, social security numbers already emptied (`hits` says where).

    `sender` is None at the DICOM door, where the calling AE stands for it. `released`: a clerk let it go on.
    """

    instance_id: str
    header: Header
    content_digest: bytes
    door: str
    archive: str
    received_at: datetime
    calling_ae: str | None = None
    peer: str | None = None
    sender: Actor | None = None
    hits: tuple[NirHit, ...] = ()
    released: bool = False

    @property
    def statement(self) -> Statement:
        """What the caller says of the study's patient."""
        told = self.header
        return (
            told.study_instance_uid,
            self.sender.actor_id if self.sender else f"AE {self.calling_ae}",
            told.patient_id,
            told.issuer,
            told.universal_id,
            told.name,
            told.birth_name,
            told.birth_date,
            told.sex,
            told.other_ids,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of it. `instance_id` is the row that stands for it: the first one's for a resend (`again`).

    `coerced`: the archive will get it under another identity than it came with. `forward`: it is to be sent.
    `accepted`: the identity under which its statement is to be remembered once the transaction has committed.
    """

    instance_id: str
    state: State
    reason: str | None = None
    coerced: bool = False
    again: bool = False
    forward: bool = False
    accepted: str | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Whether an object may go on, and why not. `identity_id` is today's survivor; None without a patient."""

    state: Literal["spooled", "held", "conflict"]
    reason: str | None = None
    identity_id: str | None = None
    accepted: str | None = None


class Pins:
    """Statements that this process accepted and committed lately, so that a study costs one decision.

    Safe between threads; `clock` gives seconds.
    """

    def __init__(self, size: int = 20_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._seen: OrderedDict[Statement, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, statement: Statement) -> str | None:
        """The identity that the study had when the statement was accepted; None: never, or long ago."""
        with self._lock:
            at, identity_id = self._seen.get(statement, (0.0, ""))
        return identity_id if identity_id and self._clock() - at < ACCEPTED_FOR else None

    def add(self, statement: Statement, identity_id: str) -> None:
        """Remembers one, and forgets the oldest when there are too many."""
        with self._lock:
            self._seen[statement] = (self._clock(), identity_id)
            self._seen.move_to_end(statement)
            if len(self._seen) > self._size:
                self._seen.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What an intake decides with. `modes` is the mode of each archive."""

    matcher: Matcher
    ids: Ids
    issuer_label: str
    issuer_oid: str
    unknown_calling_ae: Literal["provisional", "hold", "refuse"]
    modes: dict[str, str]
    pins: Pins = field(default_factory=Pins)

    @classmethod
    def from_settings(cls, settings: Settings, matcher: Matcher, ids: Ids) -> Desk:
        """As the settings say."""
        return cls(
            matcher=matcher,
            ids=ids,
            issuer_label=settings.issuer_label,
            issuer_oid=settings.issuer_oid,
            unknown_calling_ae=settings.unknown_calling_ae,
            modes={name: archive.mode for name, archive in settings.archives.items()},
        )
