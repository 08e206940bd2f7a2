"""Assigning authorities: who issues local ids. A name for people, an OID for machines, a label for images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from matching.nir import find_nir, is_typed_ins
from mpi.errors import Conflict, Unprocessable
from mpi.store.tables import authority as table

NAME = re.compile(
    r"[^\x00-\x20\x7f\\^&|~;][^\x00-\x1f\x7f\\^&|~;]{0,63}"
)  # nothing that HL7 or DICOM separates by
OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
LONGEST = 64  # characters of an OID (UI) and of a label (LO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Who issues local ids, `oid` None where it has none; `label` is written as Issuer of Patient ID.

    `sends_status`: an untold identity status counts as provisional. `certified`: its qualified identities are
    trusted as such.
    """

    name: str
    label: str
    oid: str | None = None
    sends_status: bool = False
    certified: bool = False


def add_authority(
    tx: Connection,
    *,
    name: str,
    at: datetime,
    oid: str | None = None,
    label: str | None = None,
    sends_status: bool = False,
    certified: bool = False,
) -> Authority:
    """Declares an authority; the label is the name unless told.

    Raises Unprocessable for a name, label or OID of the wrong form, for a name or label that holds a social
    security number, and for an OID of those; Conflict when one of the three is taken.
    """
    told = Authority(name=name, label=label or name, oid=oid, sends_status=sends_status, certified=certified)
    for field in (told.name, told.label):
        if not NAME.fullmatch(field):
            raise Unprocessable(
                f"An authority's name has 1 to {LONGEST} characters, no separator of HL7 or DICOM.",
                field="name",
                rule="wrong-form",
            )
    if oid is not None and (len(oid) > LONGEST or not OID.fullmatch(oid)):
        raise Unprocessable("This is no OID.", field="oid", rule="wrong-form")
    if is_typed_ins(oid, None) or is_typed_ins(told.label, None):
        raise Unprocessable("This names social security numbers.", field="oid", rule="R1")
    refuse_nir("name", told.name)
    refuse_nir("label", told.label)
    for column, value in ((table.c.authority, told.name), (table.c.oid, oid), (table.c.label, told.label)):
        if value is not None and _one(tx, column == value) is not None:
            raise Conflict(f"An authority with this {column.name} exists.", field=column.name)
    tx.execute(
        table.insert().values(
            authority=told.name,
            oid=oid,
            label=told.label,
            sends_status=sends_status,
            certified=certified,
            created_at=at,
        )
    )
    return told


def refuse_nir(field: str, value: str) -> None:
    """Raises Unprocessable, without the value, when a social security number stands in it."""
    found = find_nir(value)
    if found is not None and not found.suspect:
        raise Unprocessable("A social security number is not taken here.", field=field, rule=found.rule)


def authority_by_name(tx: Connection, name: str) -> Authority | None:
    """The authority of this short name."""
    return _one(tx, table.c.authority == name)


def authority_by_oid(tx: Connection, oid: str) -> Authority | None:
    """The authority of this OID, with or without `urn:oid:` in front."""
    return _one(tx, table.c.oid == oid.removeprefix("urn:oid:"))


def authority_by_label(tx: Connection, label: str) -> Authority | None:
    """The authority that images name so (Issuer of Patient ID)."""
    return _one(tx, table.c.label == label)


def find_authority(tx: Connection, told: str) -> Authority | None:
    """The authority that a message calls so: by short name, else by OID."""
    return authority_by_name(tx, told) or authority_by_oid(tx, told)


def list_authorities(tx: Connection) -> tuple[Authority, ...]:
    """All, by name."""
    return tuple(_authority(row) for row in tx.execute(select(table).order_by(table.c.authority)).mappings())


def _one(tx: Connection, condition: ColumnElement[bool]) -> Authority | None:
    row = tx.execute(select(table).where(condition)).mappings().one_or_none()
    return None if row is None else _authority(row)


def _authority(row: RowMapping) -> Authority:
    return Authority(
        name=row["authority"],
        label=row["label"],
        oid=row["oid"],
        sends_status=row["sends_status"],
        certified=row["certified"],
    )
