"""Objects that arrive at a gateway, for the tests of the intake: who sends, what it says, the answer."""

from __future__ import annotations

import itertools
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mpi.dicom.digest import content_digest
from mpi.dicom.header import read_header
from mpi.flows import intake
from mpi.flows.arrivals import Arrival, Desk, Receipt
from mpi.security.authorities import add_authority
from mpi.security.senders import add_sender
from mpi.store.transaction import Database
from tests.flows.scene import START, Scene, counting_ids, make_matcher
from tests.gateway.samples import tiny_object

OID = "2.25.1"
STUDY, OTHER_STUDY = "1.2.3.1", "1.2.3.2"
NUMBERS = itertools.count(1)


def desk(**changes: Any) -> Desk:
    told: dict[str, Any] = {
        "matcher": make_matcher(),
        "ids": counting_ids("d"),
        "issuer_label": "MPI",
        "issuer_oid": OID,
        "unknown_calling_ae": "provisional",
        "modes": {"main": "coerce", "as-is": "pass"},
    }
    return Desk(**told | changes)


def declared(db: Database) -> Scene:
    """HOPITAL-A with its CT, HOPITAL-B with its MR, and PACS, which speaks for both."""
    opened = Scene.open(db)
    with db.write() as tx:
        add_authority(tx, name="REGION", at=START, oid="1.2.250.1.999.9", label="REG")
        add_sender(tx, name="ct", authorities=["HOPITAL-A"], at=START, ae_title="CT1")
        add_sender(tx, name="mr", authorities=["HOPITAL-B"], at=START, ae_title="MR2")
        add_sender(tx, name="pacs", authorities=["HOPITAL-A", "HOPITAL-B"], at=START, ae_title="PACS")
        add_sender(tx, name="region", authorities=["REGION"], at=START, ae_title="REGION")
    return opened


def qualifiers(oid: str) -> Sequence:
    item = Dataset()
    item.UniversalEntityID, item.UniversalEntityIDType = oid, "ISO"
    return Sequence([item])


def arrival(*, ae: str | None = "CT1", archive: str = "main", **elements: Any) -> Arrival:
    """One object of CT1 in STUDY unless told; the same UID and elements give the same content."""
    number = next(NUMBERS)
    told = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": f"1.2.5.{number}"}
    data = tiny_object(**told | elements)
    return Arrival(
        instance_id=f"i{number:04}",
        header=read_header(data),
        content_digest=content_digest(data),
        door="dimse",
        archive=archive,
        received_at=START,
        calling_ae=ae,
    )


def receive(scene: Scene, come: Arrival, at_desk: Desk) -> Receipt:
    """One transaction, and what a gateway remembers after it."""
    with scene.db.write() as tx:
        receipt = intake.receive(tx, come, at_desk, at=scene.now)
    if receipt.accepted is not None:
        at_desk.pins.add(come.statement, receipt.accepted)
    return receipt


def kinds(scene: Scene) -> list[tuple[int, str]]:
    return [(row["kind"], row["reason"]) for row in scene.open_reviews()]
