"""A-ID and E-ID of XSI-1 (section 10): alphabet, check digits (ISO 7064 MOD 97-10), canonical form.

The check digits miss 0.5 % of single substitutions: confirm an identifier against the index, and a typed one
by a second trait.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable

from matching.xsi.records import XsiRecord
from matching.xsi.tokens import tokens

C32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PILOT_EPOCHS = "PQRSTVWXYZ"
PRODUCTION_EPOCHS = "ABCDEFGHJKMN"
CLASSES = {"A4": "4", "A5": "5"}  # token family -> class character, weakest first

_BITS_PER_CHARACTER = 5
_A_ID_BODY, _E_ID_BODY = 20, 12  # characters
_A_ID_LABEL = b"XSI1 id"
_SHAPE = re.compile(
    rf"X1[{PRODUCTION_EPOCHS}{PILOT_EPOCHS}][45][{C32}]{{{_A_ID_BODY}}}[0-9]{{2}}|E[{C32}]{{{_E_ID_BODY}}}[0-9]{{2}}"
)
_HYPHENS = str.maketrans("", "", "-\u2010\u2011")
_MISTYPED = str.maketrans("OIL", "011")


class NotAnIdentifier(ValueError):
    """The typed text can't become an identifier. The text is not in the message."""


def check_digits(body: str) -> str:
    """The two check digits of everything before them: letters as 10 to 35, n decimal, 98 - (100 n mod 97)."""
    number = int("".join(str(int(character, 36)) for character in body))
    return f"{98 - 100 * number % 97:02d}"


def check(identifier: str) -> bool:
    """True when the canonical form is that of an A-ID or E-ID and its check digits are the computed ones."""
    return _SHAPE.fullmatch(identifier) is not None and check_digits(identifier[:-2]) == identifier[-2:]


def canonical(typed: str) -> str:
    """Typed input in canonical form: no space or hyphen, upper case, then after the first character O is 0,
    I and L are 1.

    Raises NotAnIdentifier for a U or a character outside ASCII; says nothing on the check digits.
    """
    text = "".join(typed.split()).translate(_HYPHENS)
    if not text.isascii() or "U" in text.upper():
        raise NotAnIdentifier("an identifier has digits and letters without accents, and no U")
    text = text.upper()
    return text[:1] + text[1:].translate(_MISTYPED)


def new_e_id(random_bits: Callable[[int], int]) -> str:
    """A fresh E-ID of 60 random bits; `random_bits(n)` is a CSPRNG such as `secrets.randbits`.

    The caller draws again when the index knows the number.
    """
    return _with_check_digits("E" + _encode(random_bits(_E_ID_BODY * _BITS_PER_CHARACTER), _E_ID_BODY))


def a_ids(record: XsiRecord, key: bytes, epoch: str) -> dict[str, str]:
    """The A-IDs of a record in mode `hmac` by token family (A4, A5); empty when a strict trait is unknown.

    Raises ValueError for an epoch letter that is not a pilot one, or a key that has not 32 bytes.
    """
    if len(epoch) != 1 or epoch not in PILOT_EPOCHS:
        raise ValueError("mode hmac takes a pilot epoch letter")
    found = tokens(record, key)
    return {family: a_id_of(found[family][0], family, epoch) for family in CLASSES if family in found}


def a_id(record: XsiRecord, key: bytes, epoch: str) -> str | None:
    """The strongest A-ID of a record; None when a strict trait is unknown. Raises as `a_ids`."""
    return strongest(a_ids(record, key, epoch))


def strongest(found: dict[str, str]) -> str | None:
    """The A-ID to carry, of those by token family: A5, else A4, else None."""
    return next((found[family] for family in reversed(CLASSES) if family in found), None)


def a_id_of(token: bytes, family: str, epoch: str) -> str:
    """The A-ID of a 32-byte token A4 or A5: 100 bits of HMAC-SHA-256(token, "XSI1 id")."""
    digest = hmac.digest(token, _A_ID_LABEL, hashlib.sha256)
    bits = int.from_bytes(digest, "big") >> (len(digest) * 8 - _A_ID_BODY * _BITS_PER_CHARACTER)
    return _with_check_digits(f"X1{epoch}{CLASSES[family]}{_encode(bits, _A_ID_BODY)}")


def _encode(bits: int, characters: int) -> str:
    """Five bits a character, most significant first."""
    shifts = range((characters - 1) * _BITS_PER_CHARACTER, -1, -_BITS_PER_CHARACTER)
    return "".join(C32[bits >> shift & 31] for shift in shifts)


def _with_check_digits(body: str) -> str:
    return body + check_digits(body)
