"""Who an object says its patient is: the received id with its issuer, placeholders, and objects that are
ours.

The issuer comes best first: universal id, then label, both also when an HL7 CX was glued into Patient ID; the
sender's AE title and the institution are the site's tables (`authority_of`). A less qualified source never
replaces a fuller one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mpi.dicom.header import Header
from mpi.dicom.target import QualifiedId

PLACEHOLDERS: tuple[str, ...] = (
    r"0+",
    r"9{4,}",
    r"[-._* ?x]+",
    r"(unknown|unk|inconnu|anon(ym(e|ous|ise|ized|ised)?)?|test|none|null|n/?a|nobody|patient)[\W_]*\d*",
    r"(no|pas de)[ _-]?(id|ipp|name|nom)",
)
_UID = re.compile(r"[0-2](\.(0|[1-9][0-9]*)){4,}")


def parse_cx(value: str) -> QualifiedId | None:
    """`123^^^HOSP&1.2.3&ISO` as an id with issuer, None when the value is no CX with an id and an
    authority.
    """
    parts = value.split("^")
    if len(parts) < 4 or not parts[0].strip() or not parts[3].strip():
        return None
    label, oid, kind = (*(part.strip() for part in parts[3].split("&")), "", "")[:3]
    return QualifiedId(
        value=parts[0].strip(), label=label or None, oid=oid if oid and kind in ("ISO", "") else None
    )


def received_id(header: Header) -> QualifiedId | None:
    """The patient id as received, with the best issuer that the object itself tells. None: empty or
    absent.
    """
    if not header.patient_id:
        return None
    glued = parse_cx(header.patient_id)
    value = glued.value if glued else header.patient_id
    if header.universal_id and header.universal_id_type in ("ISO", "", None):
        return QualifiedId(value=value, label=header.issuer or None, oid=header.universal_id)
    if glued and (glued.oid or not header.issuer):
        return glued
    return QualifiedId(value=value, label=header.issuer or None)


def is_placeholder(header: Header, *, patterns: tuple[str, ...] = PLACEHOLDERS) -> bool:
    """Whether Patient ID names nobody: empty, a filler (`patterns`, whole value, case blind), a UID or the
    name.
    """
    received = received_id(header)
    if received is None:
        return True
    value = received.value.strip()
    names = {group.strip("^ ").casefold() for group in (header.name or "").split("=")} - {""}
    return (
        value.casefold() in names
        or ("^" in value and value.strip("^ ").casefold() in names)
        or _UID.fullmatch(value) is not None
        or any(re.fullmatch(pattern, value, re.IGNORECASE) for pattern in patterns)
    )


def is_ours(header: Header, *, oid: str, label: str) -> bool:
    """Whether Patient ID stands in our namespace: our OID, or our label where no universal id contradicts it.

    That the index knows the id is for the caller to check.
    """
    if not header.patient_id:
        return False
    return header.universal_id == oid if header.universal_id else header.issuer == label


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """The site's tables from what an object and its sender tell to the name of an assigning authority."""

    oids: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    calling: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)
    institutions: Mapping[str, str] = field(default_factory=dict)


def authority_of(header: Header, domains: Domains, *, calling_ae: str, called_ae: str) -> str | None:
    """The assigning authority of the received id, best source first; None when no table knows it."""
    received = received_id(header)
    for table, key in (
        (domains.oids, received.oid if received else None),
        (domains.labels, received.label if received else None),
        (domains.calling, calling_ae),
        (domains.called, called_ae),
        (domains.institutions, header.institution),
    ):
        if key is not None and key in table:
            return table[key]
    return None


def provisional_domain(calling_ae: str) -> str:
    """The domain of ids whose issuer is unknown: the sender's own, never a site-wide default."""
    return f"AE:{calling_ae}"
