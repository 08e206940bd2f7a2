"""What the intake of an object is told, decides with and answers: plain data."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from matching.records import RawRecord
from mpi.dicom.header import Header
from mpi.flows.instances import State
from mpi.flows.matcher import Ids, Matcher
from mpi.security.actors import Actor
from mpi.security.nir_guard import NirHit
from mpi.settings import Settings

Statement = tuple[str, str, RawRecord]  # study, actor, record as told


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of it. `instance_id` is the row that stands for it: the first one's for a resend (`again`).

    `coerced`: the archive will get it under another identity than it came with. `forward`: it is to be sent.
    `statement`: to be remembered in `Desk.pins` once the transaction has committed; None when nothing is new.
    """

    instance_id: str
    state: State
    reason: str | None = None
    coerced: bool = False
    again: bool = False
    forward: bool = False
    statement: Statement | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Whether an object may go on, and why not. `identity_id` is today's survivor; None without a patient."""

    state: Literal["spooled", "held", "conflict"]
    reason: str | None = None
    identity_id: str | None = None
    statement: Statement | None = None


class Pins:
    """Statements that this process accepted and committed lately, so that a study costs one decision."""

    def __init__(self, size: int = 20_000) -> None:
        self._size = size
        self._seen: OrderedDict[Statement, None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: Statement) -> bool:
        with self._lock:
            return key in self._seen

    def add(self, key: Statement) -> None:
        """Remembers one, and forgets the oldest when there are too many."""
        with self._lock:
            self._seen[key] = None
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
