"""What the gateway asks of an archive: keep these bytes, prove it, give them back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mpi.settings import ArchiveSettings

Parts = Sequence[bytes | memoryview]

UID = re.compile(r"[0-9]+(\.[0-9]+)*")
UID_LENGTH = 64


class ArchiveError(Exception):
    """An archive did not store. The text is for the operator and holds no received value."""


class ArchiveAway(ArchiveError):
    """The archive cannot be reached or cannot write now: keep the object and the order, try later."""


class ArchiveRefuses(ArchiveError):
    """The archive is there and does not take this object; trying again changes nothing."""


class ArchiveDiffers(ArchiveRefuses):
    """The archive holds other bytes under this SOP Instance UID; they were left as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceKey:
    """The three UIDs of one object. Study and series are "" for an object that has no patient."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


class Archive(Protocol):
    """One archive. Every method may raise ArchiveAway; a driver is used by several threads."""

    def store(self, key: InstanceKey, parts: Parts) -> bool:
        """Stores one Part 10 object, given in slices, and returns after reading it back and comparing it.

        True when it was stored now, False when the same bytes were there. Raises ArchiveDiffers when other
        bytes stand under the key, ArchiveRefuses when the archive does not take the object.
        """
        ...

    def fetch(self, key: InstanceKey) -> bytes | None:
        """The stored Part 10 file, None when there is none."""
        ...

    def studies(self) -> list[str]:
        """The Study Instance UIDs it holds, sorted."""
        ...

    def instances(self, study_instance_uid: str) -> list[InstanceKey]:
        """Every stored copy of the study's objects, sorted by UID: a doubled object is listed twice."""
        ...

    def check(self) -> None:
        """Returns when the archive can be asked."""
        ...

    def close(self) -> None:
        """Gives connections back."""
        ...


def is_uid(text: str) -> bool:
    """Digits and points, at most 64 (PS3.5 section 9.1, leading zeros allowed): safe as a file name."""
    return len(text) <= UID_LENGTH and UID.fullmatch(text) is not None


def size_of(parts: Parts) -> int:
    """Bytes in all slices."""
    return sum(len(part) for part in parts)


def digest_of(chunks: Iterable[bytes | memoryview]) -> bytes:
    """A digest of the joined chunks, to compare two streams without holding either."""
    digest = hashlib.blake2b(digest_size=32)
    for chunk in chunks:
        digest.update(chunk)
    return digest.digest()


def blocks(parts: Parts, size: int = 1 << 18) -> Iterator[bytes]:
    """The joined parts in blocks of `size` bytes, the last one shorter: few writes, no copy of the whole."""
    pending = bytearray()
    for part in parts:
        for start in range(0, len(part), size):
            pending += part[start : start + size]
            while len(pending) >= size:
                yield bytes(memoryview(pending)[:size])
                del pending[:size]
    if pending:
        yield bytes(pending)


def open_archive(name: str, settings: ArchiveSettings, *, data_dir: Path, connections: int) -> Archive:
    """The driver that the settings name. Raises ValueError when they lack what it needs."""
    from mpi.gateway.archives.folder import FolderArchive
    from mpi.gateway.archives.orthanc import OrthancArchive

    if settings.driver == "folder":
        return FolderArchive(settings.path or data_dir / "archive" / name)
    if not settings.url:
        raise ValueError(f"archive {name}: the orthanc driver needs a url")
    password = settings.password_file.read_text().strip() if settings.password_file else ""
    return OrthancArchive(
        settings.url,
        credentials=(settings.username, password) if settings.username else None,
        connections=connections,
    )
