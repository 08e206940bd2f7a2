"""Which authority an object's Patient ID belongs to when its issuer is odd, or told twice."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from mpi.store.tables import source_record
from mpi.store.transaction import Database
from tests.flows.arrivals import arrival, declared, desk, receive
from tests.flows.scene import Scene


@pytest.fixture
def scene(sqlite_db: Database) -> Scene:
    return declared(sqlite_db)


def universal(value: str, kind: str | None) -> dict[str, Any]:
    """Issuer of Patient ID Qualifiers with one item."""
    item = Dataset()
    item.UniversalEntityID = value
    if kind is not None:
        item.UniversalEntityIDType = kind
    return {"IssuerOfPatientIDQualifiersSequence": [item]}


LABEL_A, OID_A = {"IssuerOfPatientID": "HOPITAL-A"}, "1.2.250.1.999.1"
ODD = [
    # what the object tells, the authority, why
    (universal("hopital-b.example", "DNS"), "AE:CT1:DNS:hopital-b.example", "a name of the Internet"),
    (universal("hopital-b.example", None), "AE:CT1::hopital-b.example", "no type, and no OID"),
    (universal("hopital-b.example", "ISO"), "AE:CT1:ISO:hopital-b.example", "a type that its value belies"),
    (universal("urn:oid:1.2.250.1.777", "iso"), "AE:CT1:1.2.250.1.777", "lower case and a URN"),
    (universal("x", "DNS") | LABEL_A, "AE:CT1:DNS:x", "a known label is no second opinion on a universal id"),
    ({"PatientID": "99^^^HOPB", **LABEL_A}, "AE:CT1:HOPITAL-A/HOPB", "another authority glued into the id"),
    ({"PatientID": "99^^^HOPITAL-A", **LABEL_A}, "HOPITAL-A", "the same glued into the id"),
    ({"PatientID": "99^^^&1.2.99&ISO", **LABEL_A}, "AE:CT1:HOPITAL-A/1.2.99", "an unknown OID glued in"),
    ({"PatientID": "99^^^&h.example&DNS"}, "AE:CT1:DNS:h.example", "a glued universal id that is no OID"),
    ({"PatientID": "99^^^H&h.example&DNS"}, "AE:CT1:DNS:h.example", "nor does its label decide"),
    ({"IssuerOfPatientID": ["", "HOPB"]}, None, "a label behind a backslash"),
]


@pytest.mark.parametrize(("told", "authority", "why"), ODD)
def test_an_issuer_that_cannot_be_read_is_not_the_senders(
    scene: Scene, told: dict[str, Any], authority: str | None, why: str
) -> None:
    assert receive(scene, arrival(ae="CT1", **told), desk()).state == "spooled"
    (row,) = scene.rows(source_record)
    if authority is None:
        assert row["authority"].startswith("AE:"), why
    else:
        assert row["authority"] == authority, why
