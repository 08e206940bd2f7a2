"""The durable spool: what was acknowledged is here until the archive has it.

A file is an envelope (how the object came) followed by its Part 10 bytes, social security numbers already
emptied; so it is the object's row too, until the database has it. File names are our own ids: empty files
made and named beforehand, so that one synchronisation makes an object durable. Length and checksum tell a
whole object from one that a crash cut short, which nobody was promised; it is put aside all the same, since
only a lock on the folder tells such a file from one that another process is writing.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal
from uuid import uuid4

from mpi.dicom.elements import Buffer
from mpi.errors import MpiError
from mpi.gateway.archives import Parts, size_of
from mpi.gateway.files import PRIVATE_FILE, fill, make_folder, sync_folder, write_durably
from mpi.security.nir_guard import NirHit

MAGIC = b"MPISPL01"
_HEAD = struct.Struct(">8sIQI")  # mark, bytes of the envelope, bytes of the object, its CRC-32
ENVELOPE_LIMIT = 1 << 20
SLOTS = 256  # empty files made at once

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


class EnvelopeTooLarge(ValueError):
    """More to say of an object than an envelope holds."""


class SpoolTaken(MpiError):
    """Another process works on this spool: each would take the other's files for its own slots."""

    code = "spool-taken"


class Spool:
    """Spool files under one root, with their total size. Used by many threads; one process owns a root.

    `quarantine_limit`: bytes of unreadable objects that are kept; they do not count in `fraction`. Raises
    SpoolTaken while another spool is open on the root.
    """

    def __init__(
        self,
        root: Path,
        *,
        limit_bytes: int,
        quarantine_limit: int | None = None,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self._root = root
        self._limit = limit_bytes
        self._shelf_limit = limit_bytes if quarantine_limit is None else quarantine_limit
        self._new_id = new_id
        self._lock = threading.Lock()
        self._refusing = False
        self._free: list[str] = []
        self._used = 0
        self._shelved = 0
        for folder in (*SHELVES, "incoming"):
            make_folder(root / folder)
        self._owner = _own(root / "lock")
        for left in (root / "incoming").iterdir():
            left.unlink()  # never acknowledged
        for path in (root / "quarantine").iterdir():
            self._shelved += path.stat().st_size
        for path in (root / "objects").iterdir():
            self._take_stock(path)

    def _take_stock(self, path: Path) -> None:
        """Counts a whole file, takes an empty one for a slot, puts aside what is cut short."""
        size = path.stat().st_size
        if not size:
            self._free.append(path.name)
            return
        self._used += size
        if not _is_whole(path):
            self.quarantine(path.name)

    def close(self) -> None:
        """Lets another process have the folder; nothing is written from here on."""
        self._owner.close()

    def slot(self) -> str:
        """The id of a new object; its name is already on disk. Raises OSError."""
        with self._lock:
            if not self._free:
                self._free = [self._new_id() for _ in range(SLOTS)]
                for name in self._free:
                    self._path(name, "objects").touch(mode=PRIVATE_FILE)
                sync_folder(self._root / "objects")
            return self._free.pop()

    def put(self, envelope: Envelope, part10: Parts) -> None:
        """Writes an object into its slot; on return it survives a crash.

        Raises OSError, and EnvelopeTooLarge for what could not be read back: the slot is empty again then.
        """
        path = self._path(envelope.instance_id, "objects")
        try:
            head = _head(envelope, part10)
            fill(path, [head, *part10])
        except (OSError, EnvelopeTooLarge):
            os.truncate(path, 0)
            with self._lock:
                self._free.append(path.name)
            raise
        self._account(len(head) + size_of(part10))

    def put_quarantined(self, envelope: Envelope, data: Buffer) -> bool:
        """Writes what is no object onto the quarantine shelf; False when that is full. Raises OSError."""
        head = _head(envelope, (data,))
        size = len(head) + len(data)
        with self._lock:
            if self._shelved + size > self._shelf_limit:
                return False
            self._shelved += size
        try:
            target = self._path(envelope.instance_id, "quarantine")
            write_durably(target, [head, data], beside=self._root / "incoming" / envelope.instance_id)
        except OSError:
            self._account(0, shelved=-size)
            raise
        return True

    @contextmanager
    def open(self, instance_id: str, *, shelf: Shelf = "objects") -> Iterator[Spooled]:
        """Maps one object into memory. Raises FileNotFoundError, SpoolDamaged."""
        with self._path(instance_id, shelf).open("rb") as file:
            if os.fstat(file.fileno()).st_size < _HEAD.size:
                raise SpoolDamaged("a spool file is too short")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        view = memoryview(mapped)
        try:
            envelope, part10 = _read(view)
            yield Spooled(envelope=envelope, part10=part10)
        finally:
            view.release()  # the map itself closes when the last slice of it is gone

    def keep_first(self, instance_id: str, *, newcomer: str) -> None:
        """Of two copies of one content the first stays; where it has left, the other takes its name."""
        first = self._path(instance_id, "objects")
        if first.exists():
            self.remove(newcomer)
        else:
            self._path(newcomer, "objects").replace(first)

    def quarantine(self, instance_id: str) -> None:
        """Moves an object to the quarantine shelf, however full that is: it was acknowledged."""
        path = self._path(instance_id, "objects")
        size = path.stat().st_size
        path.replace(self._path(instance_id, "quarantine"))
        self._account(-size, shelved=size)

    def remove(self, instance_id: str, *, shelf: Shelf = "objects") -> None:
        """Deletes one object; nothing happens when it is gone."""
        path = self._path(instance_id, shelf)
        try:
            freed = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return
        if shelf == "objects":
            self._account(-freed)
        else:
            self._account(0, shelved=-freed)

    def ids(self, *, shelf: Shelf = "objects") -> list[str]:
        """Every object, the oldest file first."""
        found = [(entry.stat(), entry.name) for entry in os.scandir(self._root / shelf)]
        return [name for stat, name in sorted((s.st_mtime_ns, n) for s, n in found if s.st_size)]

    def holds(self, instance_id: str, *, shelf: Shelf = "objects") -> bool:
        """Whether the object's file is here."""
        return self._path(instance_id, shelf).exists()

    @property
    def fraction(self) -> float:
        """Bytes in use, delivered originals included and the quarantine shelf not, as a part of the limit."""
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

    def _account(self, change: int, *, shelved: int = 0) -> None:
        with self._lock:
            self._used += change
            self._shelved += shelved

    def _path(self, instance_id: str, shelf: Shelf) -> Path:
        return self._root / shelf / instance_id


def _own(path: Path) -> BinaryIO:
    """The lock file, locked until it is closed or the process ends. Raises SpoolTaken."""
    file = os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, PRIVATE_FILE), "wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise SpoolTaken("Another gateway works on this data directory.") from None
    return file


def _head(envelope: Envelope, part10: Parts) -> bytes:
    document = asdict(envelope) | {"received_at": envelope.received_at.isoformat()}
    document["hits"] = [[hit.field, hit.rule, number] for hit, number in Counter(envelope.hits).items()]
    body = json.dumps(document, separators=(",", ":")).encode()
    if len(body) > ENVELOPE_LIMIT:
        raise EnvelopeTooLarge("more was emptied in it than can be noted")
    checksum = 0
    for part in part10:
        checksum = zlib.crc32(part, checksum)
    return _HEAD.pack(MAGIC, len(body), size_of(part10), checksum) + body


def _is_whole(path: Path) -> bool:
    """Whether a file has the length that its head announces; the checksum is looked at when it is opened."""
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return False
    mark, envelope, part10, _ = _HEAD.unpack(head)
    return bool(mark == MAGIC and path.stat().st_size == _HEAD.size + envelope + part10)


def _read(view: memoryview) -> tuple[Envelope, memoryview]:
    """The envelope and the object. Raises SpoolDamaged unless every byte is the one that was written."""
    mark, envelope, size, checksum = _HEAD.unpack_from(view)
    start = _HEAD.size + envelope
    if mark != MAGIC or envelope > ENVELOPE_LIMIT or start + size != len(view):
        raise SpoolDamaged("a spool file does not have the length that it announces")
    if zlib.crc32(view[start:]) != checksum:
        raise SpoolDamaged("a spool file has another checksum than it announces")
    try:
        document: dict[str, Any] = json.loads(bytes(view[_HEAD.size : start]))
        document["received_at"] = datetime.fromisoformat(document["received_at"])
        document["hits"] = tuple(
            hit
            for field, rule, number in document["hits"]
            for hit in [NirHit(field=field, rule=rule)] * number
        )
        document["emptied"] = tuple(document["emptied"])
        return Envelope(**document), view[start:]
    except (ValueError, TypeError, KeyError) as error:
        raise SpoolDamaged("a spool file's envelope cannot be read") from error
