"""The local key file of XSI-1's pilot mode: 32 random bytes in hex, readable by its owner alone.

The key is never in a database, a log or a message.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from matching.xsi.tokens import KEY_BYTES

_MODE = 0o600
_FOR_OTHERS = 0o077
_HEX = re.compile(rb"[0-9a-fA-F]{%d}\n?" % (2 * KEY_BYTES))


class KeyFileRefused(Exception):
    """The key file can't be trusted or read; the message names the file and what is wrong, no content."""


def load_key(path: Path) -> bytes:
    """The 32 bytes of an existing key file.

    Raises KeyFileRefused: not there, not a file, open to others, malformed.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyFileRefused(f"{path}: {error.strerror}.") from None
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise KeyFileRefused(f"{path} is not a regular file.")
        if state.st_mode & _FOR_OTHERS:
            raise KeyFileRefused(f"{path} is open to others than its owner: chmod 600 it, or make a new key.")
        text = file.read(2 * KEY_BYTES + 2)
    if _HEX.fullmatch(text) is None:
        raise KeyFileRefused(f"{path} is malformed: {2 * KEY_BYTES} hexadecimal digits are expected.")
    return bytes.fromhex(text.decode("ascii"))


def load_or_create_key(path: Path) -> bytes:
    """The key of `path`, created on first run together with its folder. Raises KeyFileRefused.

    The file appears whole or not at all, and processes that start together get one key: each writes a file of
    its own, and linking it to `path` succeeds for one of them only.
    """
    try:
        if not path.exists():
            _create(path)
    except OSError as error:
        raise KeyFileRefused(f"{path}: {error.strerror}.") from None
    return load_key(path)


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES).hex().encode("ascii") + b"\n")
            file.flush()
            os.fsync(handle)
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        _sync(path.parent)
    finally:
        draft.unlink()


def _sync(folder: Path) -> None:
    """Makes the new name survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
