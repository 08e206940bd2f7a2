"""Other Patient IDs (0010,1002): which ids it lists, in a stable order, each one once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from matching.nir import find_nir, is_typed_ins
from mpi.dicom import tags
from mpi.dicom.charsets import encode_text
from mpi.dicom.elements import Encoding, encode, encode_item, inside
from mpi.dicom.levels import Level
from mpi.dicom.objects import DicomObject, level
from mpi.dicom.target import QualifiedId

MOST_ITEMS = 16
_WRITABLE = re.compile(r"[^\x00-\x1f\x7f\\]{1,64}")


def shown(identifier: QualifiedId) -> str:
    """An id for the ledger and the screen, as an HL7 CX."""
    if not identifier.label and not identifier.oid:
        return identifier.value
    authority = identifier.label or ""
    return f"{identifier.value}^^^{authority}" + (f"&{identifier.oid}&ISO" if identifier.oid else "")


def _key(identifier: QualifiedId) -> tuple[str, str]:
    return identifier.value, identifier.oid or identifier.label or ""


def is_social_security(identifier: QualifiedId) -> bool:
    """Whether an id is an INS by its issuer, or a NIR by its form: never written."""
    typed = is_typed_ins(identifier.oid, None) or is_typed_ins(identifier.label, None)
    return typed or find_nir(identifier.value) is not None


def qualifiers(oid: str | None, encoding: Encoding, *, type_code: str | None = None) -> bytes:
    """The whole (0010,0024) with one item for a namespace, b"" without an OID."""
    if not oid:
        return b""
    content = encode(tags.UNIVERSAL_ENTITY_ID, "UT", oid.encode("ascii"), encoding)
    content += encode(tags.UNIVERSAL_ENTITY_ID_TYPE, "CS", b"ISO", encoding)
    if type_code:
        content += encode(tags.IDENTIFIER_TYPE_CODE, "CS", type_code.encode("ascii"), encoding)
    return encode(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS, "SQ", encode_item(content, encoding), encoding)


def _item(identifier: QualifiedId, encoding: Encoding, terms: tuple[str, ...]) -> bytes | None:
    """One item; None when the id or its label cannot stand in an LO of this character set."""
    content = b""
    for tag, text in ((tags.PATIENT_ID, identifier.value), (tags.ISSUER_OF_PATIENT_ID, identifier.label)):
        if not text:
            continue
        value = encode_text(text, terms) if _WRITABLE.fullmatch(text) else None
        if value is None:
            return None
        content += encode(tag, "LO", value, encoding)
    content += encode(tags.TYPE_OF_PATIENT_ID, "CS", b"TEXT", encoding)
    return encode_item(content + qualifiers(identifier.oid, encoding), encoding)


def _existing(opened: DicomObject) -> Iterator[tuple[QualifiedId | None, bytes]]:
    """The items that are there, with their bytes; None for an item without an id."""
    element = opened.elements.get(tags.OTHER_PATIENT_IDS)
    if element is None:
        return
    encoding, terms = inside(element, opened.encoding), Level.top(opened).terms
    for item, found in level(opened.body, element, opened.encoding):
        one = Level(opened.body, found, encoding, terms)
        yield one.qualified_id(), bytes(opened.body[item.start : item.end])


def other_patient_ids(
    opened: DicomObject,
    *,
    wanted: tuple[QualifiedId, ...],
    only: QualifiedId,
    extent: Literal["full", "one", "off"],
) -> tuple[bytes | None, str, tuple[str, ...]]:
    """The whole new (0010,1002), its ids as text, and notes. None: leave the element as it is.

    `full`: `wanted`, then the items already there with their bytes; deduplicated on (id, universal id
    else label), at most 16. `one`: `only`. An id that cannot stand in the element, and a social security
    number, is left out.
    """
    if extent == "off":
        return None, "", ()
    element = opened.elements.get(tags.OTHER_PATIENT_IDS)
    vr = "SQ" if element is None else element.vr or "SQ"
    encoding = opened.encoding if element is None else inside(element, opened.encoding)
    terms = Level.top(opened).terms
    listed: dict[tuple[str, str], tuple[str, bytes]] = {}
    notes: list[str] = []
    for identifier in wanted if extent == "full" else (only,):
        item = None if is_social_security(identifier) else _item(identifier, encoding, terms)
        if item is None:
            notes.append("an id that cannot stand in Other Patient IDs was left out")
        else:
            listed.setdefault(_key(identifier), (shown(identifier), item))
    for number, (identifier_there, item) in enumerate(_existing(opened) if extent == "full" else ()):
        key = ("", str(number)) if identifier_there is None else _key(identifier_there)
        listed.setdefault(key, ("" if identifier_there is None else shown(identifier_there), item))
    kept = list(listed.values())[:MOST_ITEMS]
    if len(listed) > MOST_ITEMS:
        notes.append(
            f"Other Patient IDs holds {MOST_ITEMS} items; further ones stay in the recorded original"
        )
    if not kept:
        return None, "", tuple(notes)
    whole = encode(tags.OTHER_PATIENT_IDS, vr, b"".join(item for _, item in kept), opened.encoding)
    return whole, "; ".join(text for text, _ in kept), tuple(notes)
