"""Tokens of XSI-1 in the pilot mode `hmac` (section 9): one key shared by the sites of a domain and epoch."""

from __future__ import annotations

import hashlib
import hmac

from matching.xsi.messages import messages
from matching.xsi.records import XsiRecord

KEY_BYTES = 32

_LABEL = b"XSI1 token "
_EXPAND = b"\x01"  # the counter of HKDF-Expand (RFC 5869), for one block


def family_key(key: bytes, family: str) -> bytes:
    """The 32-byte key of one family. Raises ValueError unless `key` has 32 bytes."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"an XSI-1 pilot key has {KEY_BYTES} bytes")
    return _hmac(key, _LABEL + family.encode("ascii") + _EXPAND)


def token(key: bytes, family: str, told: bytes) -> bytes:
    """The 32-byte token of one message of a family."""
    return _hmac(family_key(key, family), told)


def tokens(record: XsiRecord, key: bytes) -> dict[str, tuple[bytes, ...]]:
    """The tokens of a record by family, in the order of its messages."""
    return {
        family: tuple(token(key, family, told) for told in found)
        for family, found in messages(record).items()
    }


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hashlib.sha256)
