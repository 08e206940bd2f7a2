"""Identity coercion of one object: the tag plan of an archive applied by splicing (PS3.4 B.4.1.3, PS3.3
C.12.1.1.9).

Pure: the same object, target and plan give the same bytes. UIDs, creation dates, accession, private
groups, pixels and report content are never touched, and every change is told in one new Original
Attributes item.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydicom.datadict import keyword_for_tag

from mpi.dicom import tags
from mpi.dicom.elements import Buffer, encode
from mpi.dicom.levels import Level
from mpi.dicom.names import charset_element, naming
from mpi.dicom.objects import DicomObject, open_object, several_patients
from mpi.dicom.original import VRS, appended, date_time
from mpi.dicom.other_ids import other_patient_ids, qualifiers, shown
from mpi.dicom.signatures import without_broken
from mpi.dicom.splice import splice
from mpi.dicom.target import Change, Coercion, QualifiedId, TagPlan, Target
from mpi.dicom.texts import path_of
from mpi.dicom.traits import DICOM_SEXES, full_date

_PATIENT_ID = re.compile(r"[A-Za-z0-9]{1,64}")
_LABEL = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,64}")


class Held(Exception):
    """The route holds such objects for an operator. `reason` holds no value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class _Draft:
    """A coercion in the making: `elements` are new top-level elements by tag (b"" removes), `after` their
    text.
    """

    opened: DicomObject
    base: DicomObject
    elements: dict[int, bytes] = field(default_factory=dict)
    after: dict[int, str | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def put(self, tag: int, whole: bytes, text: str | None) -> None:
        """Sets a whole element, or removes it with b""; nothing when it stands like that already."""
        if whole != self.base.whole(tag):
            self.elements[tag], self.after[tag] = whole, text

    def put_text(self, tag: int, value: bytes, text: str) -> None:
        """Sets an element to a value of the VR it has in the object, or of its own."""
        old = self.base.elements.get(tag)
        if old is not None and (self.base.value(tag) or b"").rstrip(b" \0") == value:
            return
        self.put(tag, encode(tag, VRS[tag], value, self.base.encoding), text)


def coerce(
    data: Buffer | DicomObject,
    target: Target,
    plan: TagPlan,
    *,
    transfer_syntax: str | None = None,
    emptied: tuple[int, ...] = (),
) -> Coercion:
    """Gives the object the target's identity as the archive's plan says; untouched when it has it already.

    `data` is a Part 10 file, an opened object, or with `transfer_syntax` a bare data set. `emptied` are
    the top-level tags that the NIR guard emptied: they are listed too and break signatures. Raises
    Unreadable (quarantine), Held (signature policy) and ValueError for a target that no DICOM element can
    hold.
    """
    _check_target(target)
    opened = open_object(data, transfer_syntax)
    if plan.mode == "pass":
        return _untouched(opened, "the route passes objects unmodified")
    if opened.sop_class_uid in tags.NO_PATIENT_CLASSES:
        return _untouched(opened, "an object of this class has no patient")
    draft = _draft(opened, target, plan)
    if not draft.elements and not emptied:
        return _untouched(opened, *draft.notes, "the object carries this identity already")
    draft.put(
        tags.COERCION_DATE_TIME,
        encode(tags.COERCION_DATE_TIME, "DT", date_time(target.at).encode("ascii"), opened.encoding),
        date_time(target.at),
    )
    changed = {*draft.elements, *emptied, tags.ORIGINAL_ATTRIBUTES}
    broken = without_broken(draft.base, changed, all_broken=draft.base is not opened)
    if broken and plan.signature_policy == "hold":
        raise Held("a digital signature would break")
    if broken and plan.signature_policy == "pass":
        return _untouched(opened, "a digital signature would break: passed unmodified")
    for tag, whole in broken.items():
        draft.put(tag, whole, "unbroken ones only" if whole else None)
    if broken:
        draft.notes.append("digital signatures that the coercion breaks were removed")
    item = appended(opened, {*draft.elements, *emptied}, target)
    draft.put(tags.ORIGINAL_ATTRIBUTES, item, "one item more")
    top = Level.top(opened)
    changes = tuple(_change(top, tag, draft.after[tag]) for tag in sorted(draft.elements))
    for tag in _stale(draft.base, draft.elements):
        draft.elements[tag] = b""
    return Coercion(
        parts=splice(draft.base, draft.elements),
        changes=changes,
        via=draft.base.via,
        notes=(*opened.notes, *draft.notes, *_warnings(opened, top)),
    )


def _check_target(target: Target) -> None:
    """Refuses what no element could hold; the message names the field, never the value."""
    if not _PATIENT_ID.fullmatch(target.patient_id.value):
        raise ValueError("the target's patient id is not made of letters and digits")
    if not _LABEL.fullmatch(target.patient_id.label or ""):
        raise ValueError("the target's issuer label cannot stand in an LO element")


def _untouched(opened: DicomObject, *notes: str) -> Coercion:
    return Coercion(parts=(opened.original,), changes=(), via="untouched", notes=(*opened.notes, *notes))


def _draft(opened: DicomObject, target: Target, plan: TagPlan) -> _Draft:
    """The rows of the tag plan that apply, identity first."""
    draft = _Draft(opened, opened)
    if plan.mode == "annotate":
        _list_ids(draft, target, plan)
        return draft
    if plan.golden_name and target.name:
        _write_name(draft, target.name, plan)
    if plan.golden_dob_sex:
        _write_birth_date_and_sex(draft, target)
    if not _carries(opened, target.patient_id):
        _write_id(draft, target.patient_id, plan)
        _list_ids(draft, target, plan)
        if plan.drop_retired_ids and tags.RETIRED_OTHER_PATIENT_IDS in opened.elements:
            draft.put(tags.RETIRED_OTHER_PATIENT_IDS, b"", None)
    return draft


def _carries(opened: DicomObject, identity: QualifiedId) -> bool:
    """Whether the object stands under this identity already: our OID, or our label without another OID."""
    top = Level.top(opened)
    if top.whole_text(tags.PATIENT_ID) != identity.value:
        return False
    universal_id, _ = top.universal_id()
    return (
        universal_id == identity.oid
        if universal_id
        else top.text(tags.ISSUER_OF_PATIENT_ID) == identity.label
    )


def _write_id(draft: _Draft, identity: QualifiedId, plan: TagPlan) -> None:
    """Rows 1 to 4: id, issuer, qualifiers (an old sequence never stays beside a new id), type."""
    label = identity.label or ""
    draft.put_text(tags.PATIENT_ID, identity.value.encode("ascii"), identity.value)
    draft.put_text(tags.ISSUER_OF_PATIENT_ID, label.encode("ascii"), label)
    whole = qualifiers(identity.oid, draft.base.encoding, type_code="PI") if plan.write_qualifiers else b""
    draft.put(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS, whole, shown(identity) if whole else None)
    if plan.write_id_type or tags.TYPE_OF_PATIENT_ID in draft.base.elements:
        draft.put_text(tags.TYPE_OF_PATIENT_ID, b"TEXT", "TEXT")


def _list_ids(draft: _Draft, target: Target, plan: TagPlan) -> None:
    """Rows 5 and 6: the index's id, the id as received, then what the archive may see and what was there."""
    received = (target.received,) if target.received.value else ()
    whole, text, notes = other_patient_ids(
        draft.base,
        wanted=(target.patient_id, *received, *target.other_ids),
        only=target.received if plan.mode == "coerce" and received else target.patient_id,
        extent=plan.other_ids,
    )
    draft.notes.extend(notes)
    if whole is not None:
        draft.put(tags.OTHER_PATIENT_IDS, whole, text)


def _write_name(draft: _Draft, golden: str, plan: TagPlan) -> None:
    """Row 9, first of all rows, since it may transcode the object."""
    how = naming(draft.opened, golden, no_utf8=plan.no_utf8)
    draft.base = how.base
    if how.note:
        draft.notes.append(how.note)
    if how.charset:
        draft.elements[tags.SPECIFIC_CHARACTER_SET] = charset_element(how.base)
        draft.after[tags.SPECIFIC_CHARACTER_SET] = "ISO_IR 192"
    if how.value is not None:
        draft.put_text(tags.PATIENT_NAME, how.value, how.name)


def _write_birth_date_and_sex(draft: _Draft, target: Target) -> None:
    """Row 10: a full date, a known sex; never blanks a value, never writes a partial date."""
    if (date := full_date(target.birth_date)) is not None:
        draft.put_text(tags.PATIENT_BIRTH_DATE, date.encode("ascii"), date)
    if (sex := DICOM_SEXES.get(target.sex or "")) is not None:
        draft.put_text(tags.PATIENT_SEX, sex.encode("ascii"), sex)


def _stale(base: DicomObject, touched: Iterable[int]) -> list[int]:
    """Row 11: group lengths of touched groups, and (0008,0001)."""
    groups = {tag >> 16 for tag in touched}
    return [
        tag
        for tag in base.elements
        if (not tag & 0xFFFF and tag >> 16 in groups) or tag == tags.LENGTH_TO_END
    ]


def _change(top: Level, tag: int, after: str | None) -> Change:
    return Change(
        keyword=keyword_for_tag(tag) or path_of(tag), tag=tag, before=_before(top, tag), after=after
    )


def _before(top: Level, tag: int) -> str | None:
    """The old value as text, None when absent: ids as CX, other sequences by their number of items."""
    if tag not in top.elements:
        return None
    if tag == tags.PATIENT_NAME:
        return top.name(tag)
    if tag == tags.ISSUER_OF_PATIENT_ID_QUALIFIERS:
        return top.universal_id()[0] or ""
    if VRS[tag] != "SQ":
        return top.whole_text(tag)
    found = top.levels(tag)
    if tag == tags.OTHER_PATIENT_IDS:
        return "; ".join(shown(one) for item in found if (one := item.qualified_id()) is not None)
    return f"{len(found)} items"


def _warnings(opened: DicomObject, top: Level) -> list[str]:
    """What the operator should know of an object whose header alone was changed."""
    told = []
    if tags.CONTENT_SEQUENCE in opened.elements or tags.ENCAPSULATED_DOCUMENT in opened.elements:
        told.append("the identity inside the document was not changed")
    if top.text(tags.BURNED_IN_ANNOTATION) == "YES":
        told.append("text burned into the pixels was not changed")
    if several_patients(opened):
        told.append("the object speaks of several patients: only its top level was changed")
    return told
