"""Blocking: which records are worth comparing. Two records are a candidate pair when they share a key."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

BLOCK_CAP = 500  # records under one key; a key with more is read no further, and the caller reports it


@dataclass(frozen=True, slots=True, order=True)
class BlockingKey:
    """`rule` is a name of RULES; `value` what the records that share the key have in common."""

    rule: str
    value: str


def key_hash(key: BlockingKey) -> int:
    """The key as a signed 64-bit integer, the same on every machine (BLAKE2b, 8 bytes, big endian)."""
    text = f"{key.rule}\x1f{key.value}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)
