"""The embedded archive: one folder a study, one a series, one file an object. Needs no server."""

from __future__ import annotations

import mmap
import threading
from pathlib import Path
from uuid import uuid4

from mpi.gateway.archives import (
    ArchiveAway,
    ArchiveDiffers,
    ArchiveRefuses,
    InstanceKey,
    Parts,
    digest_of,
    is_uid,
    size_of,
)
from mpi.gateway.files import make_folder, write_durably

SUFFIX = ".dcm"
_NO_PATIENT = "no-patient"
_TEMPORARY = ".incoming"


class FolderArchive:
    """`<root>/<study>/<series>/<sop>.dcm`, written once and never overwritten.

    No name is built from a received value that is not a UID, so nothing can be written outside the root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._placing = threading.Lock()
        try:
            make_folder(root / _TEMPORARY)
            for left in (root / _TEMPORARY).iterdir():
                left.unlink()
        except OSError as error:
            raise ArchiveAway(f"archive folder: {error.strerror}") from error

    def store(self, key: InstanceKey, parts: Parts) -> bool:
        """Writes the object unless it is there; reads it back either way."""
        path = self._path(key)
        try:
            new = self._write(path, parts)
            if not self._same(path, parts):
                raise ArchiveDiffers("the archive holds other bytes under this SOP Instance UID")
        except OSError as error:
            raise ArchiveAway(f"archive folder: {error.strerror}") from error
        return new

    def fetch(self, key: InstanceKey) -> bytes | None:
        """The file's bytes."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ArchiveAway(f"archive folder: {error.strerror}") from error

    def studies(self) -> list[str]:
        """The folders that bear a Study Instance UID."""
        return sorted(folder.name for folder in self._root.iterdir() if is_uid(folder.name))

    def instances(self, study_instance_uid: str) -> list[InstanceKey]:
        """One key a file of the study."""
        return sorted(
            (
                InstanceKey(
                    study_instance_uid=study_instance_uid,
                    series_instance_uid=path.parent.name,
                    sop_instance_uid=path.stem if is_uid(path.stem) else path.name.removesuffix(SUFFIX),
                )
                for path in (self._root / _component(study_instance_uid)).glob(f"*/*{SUFFIX}")
            ),
            key=lambda key: (key.series_instance_uid, key.sop_instance_uid),
        )

    def check(self) -> None:
        """The folder can be read."""
        if not self._root.is_dir():
            raise ArchiveAway("archive folder: missing")

    def close(self) -> None:
        """Holds nothing open."""

    def _path(self, key: InstanceKey) -> Path:
        if not is_uid(key.sop_instance_uid):
            raise ArchiveRefuses("SOP Instance UID is not a UID")
        folder = self._root / _component(key.study_instance_uid) / _component(key.series_instance_uid)
        return folder / (key.sop_instance_uid + SUFFIX)

    def _write(self, path: Path, parts: Parts) -> bool:
        """True when written now. Two writers of one path: the lock lets the second see the first's file."""
        if path.exists():
            return False
        make_folder(path.parent)
        with self._placing:
            if path.exists():
                return False
            write_durably(path, parts, beside=self._root / _TEMPORARY / uuid4().hex)
        return True

    @staticmethod
    def _same(path: Path, parts: Parts) -> bool:
        if path.stat().st_size != size_of(parts):
            return False
        with path.open("rb") as stored, mmap.mmap(stored.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return digest_of(_slices(view)) == digest_of(parts)


def _slices(view: mmap.mmap, size: int = 1 << 20) -> list[bytes]:
    return [view[start : start + size] for start in range(0, len(view), size)]


def _component(uid: str) -> str:
    """The folder name of a study or series UID; objects without a patient have none and share one."""
    if not uid:
        return _NO_PATIENT
    if not is_uid(uid):
        raise ArchiveRefuses("Study or Series Instance UID is not a UID")
    return uid
