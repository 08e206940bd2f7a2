"""Who an object says its patient is: the received id with its issuer, placeholders, and objects that are
ours.

The issuer is a universal id, else a label, told in elements of its own or in an HL7 CX glued into Patient ID.
One that cannot be read is an issuer all the same: never is an id taken for an unissued one because of it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mpi.dicom.header import Header
from mpi.dicom.target import QualifiedId, oid_of

PLACEHOLDERS: tuple[str, ...] = (
    r"0+",
    r"9{4,}",
    r"[-._* ?x]+",
    r"(unknown|unk|inconnu|anon(ym(e|ous|ise|ized|ised)?)?|test|none|null|n/?a|nobody|patient)[\W_]*\d*",
    r"(no|pas de)[ _-]?(id|ipp|name|nom)",
)
_UID = re.compile(r"[0-2](\.(0|[1-9][0-9]*)){4,}")


class Issuer(NamedTuple):
    """Who issued an id, as one place of an object tells it; "" = not told."""

    label: str
    universal_id: str
    kind: str

    @property
    def oid(self) -> str | None:
        """The universal id where it is an OID."""
        return oid_of(self.universal_id, self.kind)

    @property
    def text(self) -> str:
        """What tells one issuer from another: OID, `TYPE:id` of any other universal id, else the label."""
        return self.oid or (f"{self.kind.upper()}:{self.universal_id}" if self.universal_id else self.label)


def _glued(value: str | None) -> tuple[str, Issuer] | None:
    """Id and authority of a whole HL7 CX (`123^^^HOSP&1.2.3&ISO`), None when the value is none."""
    parts = (value or "").split("^")
    if len(parts) < 4 or not parts[0].strip() or not parts[3].strip():
        return None
    issuer = Issuer(*(*(part.strip() for part in parts[3].split("&")), "", "")[:3])
    return (parts[0].strip(), issuer) if issuer.text else None


def parse_cx(value: str) -> QualifiedId | None:
    """`123^^^HOSP&1.2.3&ISO` as an id with issuer, None when the value is no CX with an id and an
    authority.
    """
    glued = _glued(value)
    return glued and QualifiedId(value=glued[0], label=glued[1].label or None, oid=glued[1].oid)


def issuers(header: Header) -> tuple[Issuer, ...]:
    """The issuers told for the Patient ID: that of elements of its own, then the one glued into the id.

    Two that differ contradict each other: the id is then nobody's that was declared.
    """
    glued = _glued(header.patient_id)
    own = Issuer(header.issuer or "", header.universal_id or "", header.universal_id_type or "")
    return tuple(one for one in (own, glued and glued[1]) if one and one.text)


def received_id(header: Header) -> QualifiedId | None:
    """The patient id as received, with the issuer that the object itself tells. None: empty or absent.

    Without issuer when the object tells two that contradict each other, or only a universal id that is no
    OID.
    """
    if not header.patient_id:
        return None
    glued = _glued(header.patient_id)
    value = glued[0] if glued else header.patient_id
    told = issuers(header)
    oids, labels = ({one.oid for one in told} - {None}, {one.label for one in told} - {""})
    foreign = any(one.universal_id and not one.oid for one in told)
    if foreign or len(oids) > 1 or len(labels) > 1:
        return QualifiedId(value=value)
    return QualifiedId(value=value, label=next(iter(labels), None), oid=next(iter(oids), None))


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
    if header.universal_id:
        return oid_of(header.universal_id, None) == oid
    return header.issuer == label
