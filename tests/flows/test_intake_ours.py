"""An object that bears an identifier of ours keeps that person; nobody may claim one that we never gave."""

from __future__ import annotations

from typing import Any

import pytest

from mpi.flows import intake
from mpi.flows.arrivals import Arrival
from mpi.flows.studies import desired
from mpi.store.transaction import Database
from tests.flows.arrivals import OID, OTHER_STUDY, STUDY, arrival, declared, desk, kinds, qualifiers, receive
from tests.flows.scene import Scene


@pytest.fixture
def scene(db: Database) -> Scene:
    """On both databases."""
    return declared(db)


@pytest.fixture
def lite(sqlite_db: Database) -> Scene:
    """On SQLite alone, for tables whose rows differ before anything is stored."""
    return declared(sqlite_db)


def ours(scene: Scene, **elements: Any) -> Arrival:
    """An object that bears the identity of STUDY as we write it."""
    with scene.db.read() as tx:
        wanted = desired(tx, STUDY)
    assert wanted is not None
    told = {"PatientID": wanted.identity_id, "IssuerOfPatientID": "MPI"}
    return arrival(**told | {"IssuerOfPatientIDQualifiersSequence": qualifiers(OID)} | elements)


def test_an_object_of_ours_passes_as_it_is(scene: Scene) -> None:
    at_desk, uid = desk(), {"SOPInstanceUID": "1.2.5.81"}
    first = receive(scene, arrival(**uid), at_desk)
    back = receive(scene, ours(scene, **uid), at_desk)
    assert (back.instance_id, back.coerced) == (first.instance_id, False), "a resend of its own copy"
    fresh = receive(scene, ours(scene), at_desk)
    assert (fresh.state, fresh.coerced) == ("spooled", False)


def test_an_object_of_ours_in_a_new_study_pins_it_to_that_person(scene: Scene) -> None:
    at_desk = desk()
    receive(scene, arrival(), at_desk)
    receipt = receive(scene, ours(scene, StudyInstanceUID=OTHER_STUDY), at_desk)
    assert (receipt.state, receipt.coerced) == ("spooled", False)
    with scene.db.read() as tx:
        one, other = desired(tx, STUDY), desired(tx, OTHER_STUDY)
    assert one is not None
    assert other is not None
    assert one.identity_id == other.identity_id


@pytest.mark.parametrize(
    ("ae", "elements", "why"),
    [
        ("MR2", {}, "a sender that told nothing of this person"),
        ("SOMEWHERE", {}, "a caller that nobody declared"),
        ("CT1", {"PatientName": "", "PatientBirthDate": ""}, "an object that does not say who it is of"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_identifier_of_ours_alone_opens_no_new_study(
    scene: Scene, ae: str, elements: dict[str, str], why: str
) -> None:
    at_desk = desk()
    receive(scene, arrival(), at_desk)
    receipt = receive(scene, ours(scene, ae=ae, StudyInstanceUID=OTHER_STUDY, **elements), at_desk)
    assert (receipt.state, receipt.reason) == ("held", intake.CLAIMED_FROM_ELSEWHERE), why
    with scene.db.read() as tx:
        assert desired(tx, OTHER_STUDY) is None, "nothing is pinned"


def test_an_object_relabelled_as_another_of_our_people_is_no_resend(scene: Scene) -> None:
    at_desk, uid = desk(), {"SOPInstanceUID": "1.2.5.82"}
    first = receive(scene, arrival(**uid), at_desk)
    other = {"PatientID": "0099", "PatientName": "KERVADEC^JEAN", "PatientBirthDate": "19710913"}
    receive(scene, arrival(StudyInstanceUID=OTHER_STUDY, **other), at_desk)
    with scene.db.read() as tx:
        jean = desired(tx, OTHER_STUDY)
    assert jean is not None
    relabelled = receive(scene, ours(scene, PatientID=jean.identity_id, **uid), at_desk)
    assert (relabelled.state, relabelled.reason) == ("held", intake.IDENTITY_CHANGED)
    assert relabelled.instance_id != first.instance_id
    assert (8, intake.IDENTITY_CHANGED) in kinds(scene)


@pytest.mark.parametrize(
    ("elements", "state", "reason"),
    [
        (
            {"PatientID": "E0000000000000", "IssuerOfPatientIDQualifiersSequence": qualifiers(OID)},
            "held",
            intake.UNKNOWN_IDENTIFIER,
        ),
        ({"PatientID": "E0000000000000", "IssuerOfPatientID": "MPI"}, "spooled", None),
    ],
    ids=["our OID with an id that we never gave", "our label alone proves nothing: an unknown issuer"],
)
def test_an_identifier_that_we_never_gave(
    scene: Scene, elements: dict[str, Any], state: str, reason: str | None
) -> None:
    receipt = receive(scene, arrival(**elements), desk())
    assert (receipt.state, receipt.reason) == (state, reason)


def test_an_object_of_ours_in_another_persons_study_is_held(scene: Scene) -> None:
    at_desk = desk()
    receive(scene, arrival(), at_desk)
    other = {"PatientID": "0099", "PatientName": "KERVADEC^JEAN", "PatientBirthDate": "19710913"}
    receive(scene, arrival(StudyInstanceUID=OTHER_STUDY, **other), at_desk)
    assert (
        receive(scene, ours(scene, StudyInstanceUID=OTHER_STUDY), at_desk).reason == intake.STUDY_OF_ANOTHER
    )
