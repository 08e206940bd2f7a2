"""The data set of a coerce call (DICOM JSON, PS3.18 annex F): what identification reads of it, made safe.

Nothing else of the data set is kept or answered. A text that holds a social security number is emptied, as it
would be in an object before its first byte reaches the disk; an emptied Patient ID counts as an empty one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from pydantic_core import PydanticCustomError

from matching.nir import find_nir, is_typed_ins
from mpi.dicom import tags
from mpi.dicom.header import Header
from mpi.dicom.identity import parse_cx
from mpi.dicom.json_model import header_from_json, key
from mpi.dicom.target import QualifiedId
from mpi.doors.rest.schemas import LONGEST_TEXT, UID, plain_text
from mpi.errors import Unprocessable
from mpi.security.nir_guard import SUSPECT, NirHit

IDENTIFIERS = ("patient_id", "accession_number")


def header_of(elements: Mapping[str, Any]) -> tuple[Header, tuple[NirHit, ...]]:
    """What a data set says of patient and study, without social security numbers, and where one was found.

    Raises Unprocessable for a missing or wrong Study Instance UID, for an over-long text and for one with
    control characters.
    """
    header = header_from_json(elements)
    for name, text in _texts(header):
        _check(name, text)
    if header.has_patient and not re.fullmatch(UID, header.study_instance_uid):
        raise Unprocessable(
            "The data set needs its Study Instance UID.", field="study_instance_uid", rule="required"
        )
    return _without_nirs(header, typed=_is_typed(header, elements))


def _texts(header: Header) -> Iterator[tuple[str, str]]:
    for field in fields(header):
        value = getattr(header, field.name)
        if isinstance(value, str):
            yield field.name, value
    for one in header.other_ids:
        for part in (one.value, one.label, one.oid):
            yield "other_ids", part or ""


def _check(name: str, text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise Unprocessable("A text is too long.", field=name, rule="too-long")
    try:
        plain_text(text)
    except PydanticCustomError as broken:
        rule = (broken.context or {})["rule"]
        raise Unprocessable("A text holds what no text may hold.", field=name, rule=rule) from None


def _without_nirs(header: Header, *, typed: bool) -> tuple[Header, tuple[NirHit, ...]]:
    hits: list[NirHit] = []
    emptied: dict[str, Any] = {}
    if typed:
        hits.append(NirHit(field="patient_id", rule="R1"))
        emptied = {"patient_id": "", "issuer": None, "universal_id": None, "universal_id_type": None}
    for name, text in _texts(header):
        rule = None if name in ("other_ids", *emptied) else _rule(header, name, text)
        if rule is not None:
            hits.append(NirHit(field=name, rule=rule))
            if rule != SUSPECT:
                emptied[name] = ""
    others = tuple(one for one in header.other_ids if not _is_nir(header, one))
    if others != header.other_ids:
        hits.append(NirHit(field="other_ids", rule="R2"))
    first = header.first_received
    return replace(
        header,
        **emptied,
        other_ids=others,
        first_received=None if first and _is_nir(header, first) else first,
    ), tuple(hits)


def _rule(header: Header, name: str, text: str) -> str | None:
    """The rule that finds a number; `.0` is how JSON's numbers may end."""
    found = find_nir(
        text.removesuffix(".0"),
        kind="identifier" if name in IDENTIFIERS else "text",
        birth=header.birth_date,
        sex=header.sex,
    )
    return found.rule if found else None


def _is_nir(header: Header, one: QualifiedId) -> bool:
    texts = (one.value, one.label or "", one.oid or "")
    return any(is_typed_ins(issuer, None) for issuer in (one.label, one.oid)) or any(
        _rule(header, "other_ids", text) not in (None, SUSPECT) for text in texts
    )


def _is_typed(header: Header, elements: Mapping[str, Any]) -> bool:
    """Whether Patient ID says itself that it is an INS: by its issuer, by CX.5, by Identifier Type Code."""
    if not header.patient_id:
        return False
    glued = parse_cx(header.patient_id)
    issuers = [header.issuer, header.universal_id]
    if glued is not None:
        issuers += [glued.label, glued.oid]
    parts = header.patient_id.split("^")
    code = _first(_first(elements, tags.ISSUER_OF_PATIENT_ID_QUALIFIERS), tags.IDENTIFIER_TYPE_CODE)
    types = (parts[4] if len(parts) > 4 else None, code if isinstance(code, str) else None)
    return any(is_typed_ins(issuer, None) for issuer in issuers) or any(
        is_typed_ins(None, one) for one in types
    )


def _first(elements: Any, tag: int) -> Any:
    """The first value of an element of a data set or item; None when there is none."""
    element = elements.get(key(tag)) if isinstance(elements, Mapping) else None
    values = element.get("Value") if isinstance(element, Mapping) else None
    return values[0] if isinstance(values, list) and values else None
