"""Character sets (PS3.5 section 6.1): reading text and names, and writing a name without ever garbling one.

Encoding is strict and done here: pydicom writes question marks with only a warning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from pydicom.charset import decode_bytes, encode_string, python_encoding
from pydicom.valuerep import TEXT_VR_DELIMS

UTF8 = "ISO_IR 192"
_DEFAULT = ("", "ISO_IR 6", "ISO 2022 IR 6")  # ASCII; many senders put Latin-1 there all the same
_KATAKANA = ("ISO_IR 13", "ISO 2022 IR 13")  # 5C and 7E are yen and overline there
_STAND_ALONE = (UTF8, "GB18030", "GBK")
_MISSPELT = re.compile(r"ISO[ _-](2022[ _-])?IR[ _-](\d+)")
_EIGHT_BIT_OR_ESCAPE = re.compile(rb"[\x80-\xff\x1b]")
_NAME_DELIMITERS = {0x5C, 0x5E, 0x3D}  # \ ^ = reset ISO 2022 shifts


def terms_of(value: bytes | None) -> tuple[str, ...]:
    """Defined terms of Specific Character Set, usual misspellings mended; ("",) is the default repertoire."""
    terms = [term.strip(" \0") for term in (value or b"").decode("ascii", "replace").split("\\")]
    return tuple(_MISSPELT.sub(_spelling, term) for term in terms)


def _spelling(term: re.Match[str]) -> str:
    return f"ISO 2022 IR {term[2]}" if term[1] else f"ISO_IR {term[2]}"


def _codecs(terms: Sequence[str]) -> list[str]:
    """Python codecs of the terms; an unknown term is read as Latin-1, so that no byte is lost."""
    codecs = [python_encoding.get(term, "latin-1") for term in terms]
    return codecs[:1] if terms[0] in _STAND_ALONE else codecs


def decode_text(value: bytes, terms: Sequence[str]) -> str:
    """A text value as a string, trailing padding removed. Undecodable bytes become replacement characters."""
    return _decode(value, terms, set(TEXT_VR_DELIMS)).rstrip(" \0")


def decode_name(value: bytes, terms: Sequence[str]) -> str:
    """A PN value (`alphabetic=ideographic=phonetic`) as a string; the first of several names."""
    return _decode(value, terms, _NAME_DELIMITERS).split("\\")[0].rstrip(" \0")


def _decode(value: bytes, terms: Sequence[str], delimiters: set[int]) -> str:
    if _EIGHT_BIT_OR_ESCAPE.search(value) is None and not terms[0].endswith("IR 13"):
        return value.decode("ascii")
    return decode_bytes(value, _codecs(terms), delimiters)


def encode_text(text: str, terms: Sequence[str], *, name: bool = False) -> bytes | None:
    """Strictly encoded bytes that decode back to the same text, None when the terms cannot say it."""
    katakana = terms[0] in _KATAKANA
    if text.isascii() and not katakana:
        return text.encode("ascii")
    if katakana and ("~" in text or "\\" in text):
        return None
    pieces = re.split(r"([\\^=])", text) if name else [text]
    try:
        encoded = b"".join(_encode_piece(piece, terms) for piece in pieces)
    except (UnicodeError, LookupError):
        return None
    decode = decode_name if name else decode_text
    return encoded if decode(encoded, terms) == text else None


def _encode_piece(piece: str, terms: Sequence[str]) -> bytes:
    """What lies between two delimiters. Raises UnicodeError or LookupError when the terms cannot say it."""
    if len(terms) == 1 and terms[0] not in _KATAKANA:
        return piece.encode("ascii" if terms[0] in _DEFAULT else python_encoding[terms[0]])
    codecs = _codecs(terms)
    if terms[0] in _DEFAULT and any("\x80" <= letter <= "\xff" for letter in piece):
        codecs[0] = "ascii"  # pydicom's codec of the default repertoire would take Latin-1
    return encode_string(piece, codecs)


def plain_ascii(parts: Iterable[bytes | memoryview], terms: Sequence[str]) -> bool:
    """Whether every text byte is the same in ASCII and UTF-8: 7-bit, no escape sequence, no ISO_IR 13."""
    return not any(term in _KATAKANA for term in terms) and not any(
        _EIGHT_BIT_OR_ESCAPE.search(part) for part in parts
    )


def _folded(name: str) -> str:
    marks = unicodedata.normalize("NFD", unicodedata.normalize("NFC", name))
    return "".join(c for c in marks if not unicodedata.combining(c)).casefold()


def same_name(one: str, other: str) -> bool:
    """Whether two alphabetic groups say the same name, case, accents and empty trailing components aside."""
    return _folded(one).rstrip("^ ") == _folded(other).rstrip("^ ")


def merged_name(golden: str, sender: str) -> str:
    """The golden name with the ideographic and phonetic groups that only the sender has."""
    ours, theirs = golden.split("="), sender.split("=")
    groups = [*ours, *theirs[len(ours) :]]
    return unicodedata.normalize("NFC", "=".join(groups).rstrip("="))
