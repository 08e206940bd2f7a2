"""Files that survive a crash: bytes first, then the name, each synchronised; or into a name made before."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_IOV_MAX = 512  # buffers handed to one system call; Linux takes 1024


def write_durably(target: Path, parts: Iterable[bytes | memoryview], *, beside: Path) -> None:
    """Replaces `target` by the joined parts or leaves it as it was; on return bytes and name are on disk.

    `beside` is the temporary file, on the same file system. Raises OSError (no space, no permission).
    """
    descriptor = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, PRIVATE_FILE)
    try:
        _write_all(descriptor, parts)
        os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        beside.unlink(missing_ok=True)
        raise
    os.close(descriptor)
    beside.replace(target)
    sync_folder(target.parent)


def fill(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Writes an empty file whose name is on disk already; on return its bytes are too. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        _write_all(descriptor, parts)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, parts: Iterable[bytes | memoryview]) -> None:
    """Gathers many small slices into few system calls; a short write goes on where it stopped."""
    waiting = iter(parts)
    while batch := [memoryview(part) for part in islice(waiting, _IOV_MAX)]:
        while batch:
            written = os.writev(descriptor, batch)
            while batch and written >= len(batch[0]):
                written -= len(batch.pop(0))
            if batch:
                batch[0] = batch[0][written:]


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Makes a private folder and its parents, each name on disk before the next is made."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    sync_folder(folder.parent)
