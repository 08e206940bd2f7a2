"""What may be kept of bytes that are no readable object: nothing that could be a social security number.

Up to where the walker stops the elements are searched as ever, more strictly: what is only suspect elsewhere
is blanked here, since the birth date that would confirm it may be missing. Of the rest nothing is known, so
no digit run that is long enough stays, and no byte beyond ASCII: other digits hide in multi-byte characters.
"""

from __future__ import annotations

import re
from typing import Literal

from matching.nir import find_nir, is_typed_ins, may_hold_nir, nirs_in_bytes
from mpi.dicom import tags
from mpi.dicom.charsets import decode_text
from mpi.dicom.elements import Buffer, Unreadable, walk_to_fault
from mpi.dicom.identity import parse_cx
from mpi.dicom.levels import Level
from mpi.dicom.objects import DicomObject
from mpi.dicom.part10 import FileMeta, read_meta
from mpi.dicom.syntaxes import DEFLATED, encoding_of
from mpi.dicom.texts import Text, texts

IDENTIFIERS = frozenset({tags.PATIENT_ID, tags.RETIRED_OTHER_PATIENT_IDS})
_ASCII_ALONE = bytes.maketrans(bytes((0x1B, *range(0x80, 0x100))), b" " * 129)
# Twelve digits and more with a few bytes between any two; at the end, where a number may be cut, six.
_DIGIT_RUN = re.compile(rb"[0-9](?:[^0-9]{0,3}[0-9]){11,1000}|[0-9](?:[^0-9]{0,3}[0-9]){5,10}[^0-9]{0,3}\Z")
_TWELVE_DIGITS = re.compile(r"\d(?:\D*\d){11}")


def is_typed(level: Level) -> bool:
    """Whether the Patient ID of this level says itself that it is an INS."""
    cx = parse_cx(level.whole_text(tags.PATIENT_ID) or "")
    codes = [
        one.text(tags.IDENTIFIER_TYPE_CODE) for one in level.levels(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)
    ]
    issuers = [level.text(tags.ISSUER_OF_PATIENT_ID), level.universal_id()[0]]
    if cx is not None:
        issuers += [cx.label, cx.oid]
    return any(is_typed_ins(issuer, None) for issuer in issuers) or any(
        is_typed_ins(None, code) for code in codes
    )


def blank(data: Buffer, transfer_syntax: str | None, *, skipped: frozenset[int]) -> tuple[Buffer, int]:
    """The bytes with spaces wherever a number may be, and how many places there were.

    `transfer_syntax` is that of a bare data set, None for a file; `skipped` tags are not searched where they
    can be walked. Of a deflated data set only the file meta is kept.
    """
    try:
        meta = FileMeta(0, transfer_syntax, "", "") if transfer_syntax is not None else read_meta(data)
        encoding = encoding_of(meta.transfer_syntax)
    except Unreadable:
        return _bare(data)
    view = memoryview(data)
    prefix, in_meta = without_numbers(view[: meta.body_at], kind="identifier")
    if meta.transfer_syntax in DEFLATED:
        return prefix, in_meta + 1
    body = view[meta.body_at :]
    walked, fault = walk_to_fault(body, encoding)
    opened = DicomObject(
        original=data,
        prefix=view[: meta.body_at],
        body=body,
        transfer_syntax=meta.transfer_syntax,
        media_class=meta.sop_class_uid,
        encoding=encoding,
        elements={element.tag: element for element in walked},
        tail=0,
    )
    try:
        found = [one.element for one in texts(opened, skipped=skipped) if _suspect(one)]
    except Unreadable:
        found, fault = [], 0
    kept = bytearray(body[:fault])
    for element in found:
        kept[element.value : element.end] = b" " * (element.end - element.value)
    rest, in_rest = _bare(body[fault:])
    hits = in_meta + len(found) + in_rest
    return (b"".join((prefix, kept, rest)) if hits or rest != body[fault:] else data), hits


def without_numbers(data: Buffer, *, kind: Literal["text", "identifier"]) -> tuple[Buffer, int]:
    """Bytes of a file's head with spaces for every number, and how many there were."""
    found = [(one.start, one.end) for one in nirs_in_bytes(data, kind=kind)]
    if not found:
        return data, 0
    blanked = bytearray(data)
    for start, end in found:
        blanked[start:end] = b" " * (end - start)
    return bytes(blanked), len(found)


def _bare(data: Buffer) -> tuple[Buffer, int]:
    """Bytes of no known structure: ASCII alone, without long runs of digits; how many runs there were."""
    return _DIGIT_RUN.subn(lambda run: b" " * len(run[0]), bytes(data).translate(_ASCII_ALONE))


def _suspect(text: Text) -> bool:
    """Whether an element may hold a number, by its issuer or its form. An issuer that is unreadable may."""
    element, level = text.element, text.level
    value = level.body[element.value : element.end]
    if element.tag in IDENTIFIERS and value:
        try:
            typed = element.tag == tags.PATIENT_ID and is_typed(level)
        except Unreadable:
            typed = True
        if typed or _TWELVE_DIGITS.search(decode_text(bytes(value), level.terms)):
            return True
    return may_hold_nir(value) and (
        find_nir(decode_text(bytes(value), level.terms), kind="identifier") is not None
    )
