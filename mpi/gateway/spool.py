"""The durable spool: what was acknowledged is here until the archive has it.

A file is an envelope (how the object came) followed by its Part 10 bytes, social security numbers already
emptied. The envelope lets an object be registered when the database was away. File names are our own ids.
"""

from __future__ import annotations

import json
import mmap
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from mpi.gateway.archives import Parts, size_of
from mpi.gateway.files import make_folder, write_durably
from mpi.security.nir_guard import NirHit

MAGIC = b"MPISPL01"
_LENGTH = struct.Struct(">I")
_ENVELOPE_LIMIT = 1 << 20

REFUSE_AT, RESUME_AT, REJECT_AT = 0.80, 0.70, 0.90  # of the limit

Shelf = Literal["objects", "quarantine"]
SHELVES: tuple[Shelf, ...] = ("objects", "quarantine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """How one object came. `reason` is set for a quarantined one.

    `hits` say where a social security number was found, `emptied` which top-level tags lost one.
    """

    instance_id: str
    door: str
    archive: str
    received_at: datetime
    calling_ae: str | None = None
    peer: str | None = None
    reason: str | None = None
    hits: tuple[NirHit, ...] = field(default=())
    emptied: tuple[int, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """One open spool file; `part10` is a view of the file and dies with it."""

    envelope: Envelope
    part10: memoryview


class SpoolDamaged(ValueError):
    """A spool file that is not what we wrote."""


class Spool:
    """Spool files under one root, with their total size. Used by many threads; one process owns a root."""

    def __init__(self, root: Path, *, limit_bytes: int) -> None:
        self._root = root
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._refusing = False
        for folder in (*SHELVES, "incoming"):
            make_folder(root / folder)
        for left in (root / "incoming").iterdir():
            left.unlink()  # never acknowledged
        self._used = sum(path.stat().st_size for shelf in SHELVES for path in (root / shelf).iterdir())

    def put(self, envelope: Envelope, part10: Parts, *, shelf: Shelf = "objects") -> None:
        """Writes one object; on return it survives a crash. The same id replaces. Raises OSError."""
        head = _head(envelope)
        target = self._path(envelope.instance_id, shelf)
        before = target.stat().st_size if target.exists() else 0
        write_durably(target, [head, *part10], beside=self._root / "incoming" / envelope.instance_id)
        self._account(len(head) + size_of(part10) - before)

    @contextmanager
    def open(self, instance_id: str, *, shelf: Shelf = "objects") -> Iterator[Spooled]:
        """Maps one object into memory. Raises FileNotFoundError, SpoolDamaged."""
        path = self._path(instance_id, shelf)
        with path.open("rb") as file:
            if path.stat().st_size < len(MAGIC) + _LENGTH.size:
                raise SpoolDamaged("a spool file is too short")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        view = memoryview(mapped)
        try:
            envelope, start = _read_head(view)
            yield Spooled(envelope=envelope, part10=view[start:])
        finally:
            view.release()  # the map itself closes when the last slice of it is gone

    def supersede(self, instance_id: str, *, by: str) -> None:
        """The file of `by` becomes the file of `instance_id`: a resend of the same content."""
        new, old = self._path(by, "objects"), self._path(instance_id, "objects")
        freed = old.stat().st_size if old.exists() else 0
        new.replace(old)
        self._account(-freed)

    def quarantine(self, instance_id: str) -> None:
        """Moves an object to the quarantine shelf."""
        self._path(instance_id, "objects").replace(self._path(instance_id, "quarantine"))

    def readmit(self, instance_id: str) -> None:
        """Moves a quarantined object back."""
        self._path(instance_id, "quarantine").replace(self._path(instance_id, "objects"))

    def remove(self, instance_id: str, *, shelf: Shelf = "objects") -> None:
        """Deletes one object; nothing happens when it is gone."""
        path = self._path(instance_id, shelf)
        try:
            freed = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return
        self._account(-freed)

    def ids(self, *, shelf: Shelf = "objects") -> list[str]:
        """Every object, the oldest file first."""
        found = [(path.stat().st_mtime_ns, path.name) for path in (self._root / shelf).iterdir()]
        return [name for _, name in sorted(found)]

    def holds(self, instance_id: str, *, shelf: Shelf = "objects") -> bool:
        """Whether the object's file is here."""
        return self._path(instance_id, shelf).exists()

    @property
    def fraction(self) -> float:
        """Bytes in use, delivered originals included, as a part of the limit."""
        return self._used / self._limit

    @property
    def accepting(self) -> bool:
        """False from 80 percent until it has fallen below 70 percent."""
        with self._lock:
            self._refusing = self.fraction >= (RESUME_AT if self._refusing else REFUSE_AT)
            return not self._refusing

    @property
    def rejecting(self) -> bool:
        """True above 90 percent: new associations are turned away."""
        return self.fraction > REJECT_AT

    def _account(self, change: int) -> None:
        with self._lock:
            self._used += change

    def _path(self, instance_id: str, shelf: Shelf) -> Path:
        return self._root / shelf / instance_id


def _head(envelope: Envelope) -> bytes:
    document = asdict(envelope) | {"received_at": envelope.received_at.isoformat()}
    body = json.dumps(document, separators=(",", ":")).encode()
    return MAGIC + _LENGTH.pack(len(body)) + body


def _read_head(view: memoryview) -> tuple[Envelope, int]:
    """The envelope and where the Part 10 bytes begin."""
    if view[: len(MAGIC)] != MAGIC:
        raise SpoolDamaged("a spool file has no mark")
    (length,) = _LENGTH.unpack_from(view, len(MAGIC))
    start = len(MAGIC) + _LENGTH.size
    if length > _ENVELOPE_LIMIT or start + length > len(view):
        raise SpoolDamaged("a spool file's envelope is cut")
    try:
        document: dict[str, Any] = json.loads(bytes(view[start : start + length]))
        document["received_at"] = datetime.fromisoformat(document["received_at"])
        document["hits"] = tuple(NirHit(**hit) for hit in document["hits"])
        document["emptied"] = tuple(document["emptied"])
        return Envelope(**document), start + length
    except (ValueError, TypeError, KeyError) as error:
        raise SpoolDamaged("a spool file's envelope cannot be read") from error
