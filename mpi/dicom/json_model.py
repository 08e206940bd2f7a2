"""Coercion of one data set in the DICOM JSON model (PS3.18 annex F): patient and study level, no bytes
involved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpi.dicom import tags
from mpi.dicom.charsets import same_name
from mpi.dicom.header import Header, study_time
from mpi.dicom.original import VRS, date_time
from mpi.dicom.other_ids import MOST_ITEMS, is_social_security
from mpi.dicom.target import QualifiedId, TagPlan, Target, oid_of
from mpi.dicom.traits import DICOM_SEXES, full_date

Json = dict[str, Any]
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def key(tag: int) -> str:
    """`00100020`."""
    return f"{tag:08X}"


def _first(elements: Mapping[str, Any], tag: int) -> Any:
    """The first value; None when the element is absent, "" when it is empty."""
    element = elements.get(key(tag))
    if not isinstance(element, Mapping):
        return None
    values = element.get("Value")
    return values[0] if isinstance(values, list) and values else ""


def _text(elements: Mapping[str, Any], tag: int) -> str | None:
    value = _first(elements, tag)
    return None if value is None or isinstance(value, Mapping) else str(value).strip()


def _name(elements: Mapping[str, Any], tag: int) -> str | None:
    value = _first(elements, tag)
    if isinstance(value, Mapping):
        return "=".join(str(value.get(group, "")) for group in _NAME_GROUPS).rstrip("=")
    return value if value is None else str(value)


def _items(elements: Mapping[str, Any], tag: int) -> list[Mapping[str, Any]]:
    element = elements.get(key(tag))
    values = element.get("Value") if isinstance(element, Mapping) else None
    return [one for one in values if isinstance(one, Mapping)] if isinstance(values, list) else []


def _qualified(elements: Mapping[str, Any]) -> QualifiedId | None:
    value = _text(elements, tags.PATIENT_ID)
    if not value:
        return None
    qualifiers = _items(elements, tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)
    kind = _text(qualifiers[0], tags.UNIVERSAL_ENTITY_ID_TYPE) if qualifiers else None
    oid = oid_of(_text(qualifiers[0], tags.UNIVERSAL_ENTITY_ID), kind) if qualifiers else None
    return QualifiedId(value=value, label=_text(elements, tags.ISSUER_OF_PATIENT_ID) or None, oid=oid)


def header_from_json(elements: Mapping[str, Any]) -> Header:
    """A header from DICOM JSON; absent UIDs are "", since patient and study level are enough here.

    Values of a wrong shape count as empty; nothing is raised.
    """
    qualifiers = _items(elements, tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)
    originals = _items(elements, tags.ORIGINAL_ATTRIBUTES)
    first = [item for one in originals[:1] for item in _items(one, tags.MODIFIED)]
    sop_class_uid = _text(elements, tags.SOP_CLASS_UID) or ""
    return Header(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=_text(elements, tags.SOP_INSTANCE_UID) or "",
        study_instance_uid=_text(elements, tags.STUDY_INSTANCE_UID) or "",
        series_instance_uid=_text(elements, tags.SERIES_INSTANCE_UID) or "",
        transfer_syntax="",
        patient_id=_text(elements, tags.PATIENT_ID),
        issuer=_text(elements, tags.ISSUER_OF_PATIENT_ID),
        universal_id=_text(qualifiers[0], tags.UNIVERSAL_ENTITY_ID) if qualifiers else None,
        universal_id_type=_text(qualifiers[0], tags.UNIVERSAL_ENTITY_ID_TYPE) if qualifiers else None,
        name=_name(elements, tags.PATIENT_NAME),
        birth_name=_name(elements, tags.PATIENT_BIRTH_NAME),
        birth_date=_text(elements, tags.PATIENT_BIRTH_DATE),
        sex=_text(elements, tags.PATIENT_SEX),
        other_ids=tuple(
            one for item in _items(elements, tags.OTHER_PATIENT_IDS) if (one := _qualified(item)) is not None
        ),
        institution=_text(elements, tags.INSTITUTION_NAME),
        modality=_text(elements, tags.MODALITY),
        study_at=study_time(
            _text(elements, tags.STUDY_DATE),
            _text(elements, tags.STUDY_TIME),
            _text(elements, tags.TIMEZONE_OFFSET),
        ),
        description=_text(elements, tags.STUDY_DESCRIPTION),
        accession_number=_text(elements, tags.ACCESSION_NUMBER),
        several_patients=any(_items(elements, tag) for tag in tags.PATIENT_GROUPS)
        or len(_items(elements, tags.REFERENCED_PATIENTS)) > 1,
        has_patient=sop_class_uid not in tags.NO_PATIENT_CLASSES,
        coerced_at=_text(elements, tags.COERCION_DATE_TIME),
        coerced_by=tuple(_text(one, tags.MODIFYING_SYSTEM) or "" for one in originals),
        first_received=_qualified(first[0]) if first else None,
    )


def _element(vr: str, *values: Any) -> Json:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def _qualifiers(oid: str) -> Json:
    return _element(
        "SQ",
        {
            key(tags.UNIVERSAL_ENTITY_ID): _element("UT", oid),
            key(tags.UNIVERSAL_ENTITY_ID_TYPE): _element("CS", "ISO"),
        },
    )


def _item(identifier: QualifiedId) -> Json:
    item = {key(tags.PATIENT_ID): _element("LO", identifier.value)}
    if identifier.label:
        item[key(tags.ISSUER_OF_PATIENT_ID)] = _element("LO", identifier.label)
    item[key(tags.TYPE_OF_PATIENT_ID)] = _element("CS", "TEXT")
    if identifier.oid:
        item[key(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)] = _qualifiers(identifier.oid)
    return item


def _other_ids(target: Target, plan: TagPlan, header: Header) -> Json | None:
    """Other Patient IDs as the plan wants them; None when they stand like that already."""
    received = (target.received,) if target.received.value else ()
    wanted: tuple[QualifiedId, ...] = (target.patient_id, *received, *target.other_ids, *header.other_ids)
    if plan.other_ids == "one":
        wanted = received if received and plan.mode == "coerce" else (target.patient_id,)
    listed: dict[tuple[str, str], QualifiedId] = {}
    for one in wanted:
        if not is_social_security(one):
            listed.setdefault((one.value, one.oid or one.label or ""), one)
    kept = tuple(listed.values())[:MOST_ITEMS]
    return None if kept == header.other_ids or not kept else _element("SQ", *map(_item, kept))


def _carries(header: Header, identity: QualifiedId) -> bool:
    if header.patient_id != identity.value:
        return False
    if header.universal_id:
        return header.universal_id == identity.oid
    return header.issuer == identity.label


def coerced_json(target: Target, plan: TagPlan, header: Header) -> tuple[Json, Json]:
    """The elements to set, and the Original Attributes item to append, both as DICOM JSON; both empty
    when nothing is to be done. The caller splices them into its own object, whose previous sequences are
    told by their ids only.
    """
    elements: Json = {}
    if plan.mode == "pass" or not header.has_patient:
        return {}, {}
    if plan.mode == "coerce" and not _carries(header, target.patient_id):
        elements[key(tags.PATIENT_ID)] = _element("LO", target.patient_id.value)
        elements[key(tags.ISSUER_OF_PATIENT_ID)] = _element("LO", target.patient_id.label or "")
        if plan.write_qualifiers and target.patient_id.oid:
            whole = _qualifiers(target.patient_id.oid)
            whole["Value"][0][key(tags.IDENTIFIER_TYPE_CODE)] = _element("CS", "PI")
            elements[key(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)] = whole
        elif header.universal_id is not None:
            elements[key(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)] = _element("SQ")
        if plan.write_id_type:
            elements[key(tags.TYPE_OF_PATIENT_ID)] = _element("CS", "TEXT")
    lists_ids = plan.other_ids != "off" and (plan.mode == "annotate" or elements)
    if lists_ids and (listed := _other_ids(target, plan, header)) is not None:
        elements[key(tags.OTHER_PATIENT_IDS)] = listed
    if plan.mode == "coerce":
        elements |= _golden(target, plan, header)
    if not elements:
        return {}, {}
    elements[key(tags.COERCION_DATE_TIME)] = _element("DT", date_time(target.at))
    return elements, _original(target, header, elements)


def _golden(target: Target, plan: TagPlan, header: Header) -> Json:
    golden: Json = {}
    if plan.golden_name and target.name:
        sender = (header.name or "").split("=")[0]
        if not same_name(sender, target.name.split("=")[0]):
            groups = dict(zip(_NAME_GROUPS, target.name.split("="), strict=False))
            golden[key(tags.PATIENT_NAME)] = _element("PN", groups)
    if plan.golden_dob_sex:
        date = full_date(target.birth_date)
        if date and date != header.birth_date:
            golden[key(tags.PATIENT_BIRTH_DATE)] = _element("DA", date)
        sex = DICOM_SEXES.get(target.sex or "")
        if sex and sex != header.sex:
            golden[key(tags.PATIENT_SEX)] = _element("CS", sex)
    return golden


def _original(target: Target, header: Header, elements: Json) -> Json:
    """The item: previous values as the header told them, zero length where nothing was."""
    before: Json = {}
    texts = {
        tags.COERCION_DATE_TIME: header.coerced_at,
        tags.PATIENT_ID: header.patient_id,
        tags.ISSUER_OF_PATIENT_ID: header.issuer,
        tags.PATIENT_BIRTH_DATE: header.birth_date,
        tags.PATIENT_SEX: header.sex,
    }
    for tag in sorted({*(int(one, 16) for one in elements), tags.ISSUER_OF_PATIENT_ID}):
        value = texts.get(tag)
        before[key(tag)] = _element(VRS[tag], *([value] if value else []))
    if header.name and key(tags.PATIENT_NAME) in before:
        groups = dict(zip(_NAME_GROUPS, header.name.split("="), strict=False))
        before[key(tags.PATIENT_NAME)] = _element("PN", groups)
    if header.universal_id and key(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS) in before:
        before[key(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)] = _qualifiers(header.universal_id)
    if header.other_ids and key(tags.OTHER_PATIENT_IDS) in before:
        before[key(tags.OTHER_PATIENT_IDS)] = _element("SQ", *(_item(one) for one in header.other_ids))
    return {
        key(tags.MODIFIED): _element("SQ", before),
        key(tags.MODIFICATION_DATE_TIME): _element("DT", date_time(target.at)),
        key(tags.MODIFYING_SYSTEM): _element("LO", target.system[:64]),
        key(tags.SOURCE_OF_PREVIOUS_VALUES): _element("LO", *([target.source] if target.source else [])),
        key(tags.REASON_FOR_MODIFICATION): _element("CS", target.reason),
    }
