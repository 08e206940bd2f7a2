"""An object whose words are another person's is held, whatever its identifiers say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mpi.errors import Conflict
from mpi.flows import instances, intake, reviews
from mpi.flows.arrivals import Desk
from mpi.flows.studies import desired
from mpi.store.tables import identity, source_record
from mpi.store.transaction import Database
from tests.flows.arrivals import OID, OTHER_STUDY, STUDY, arrival, declared, desk, kinds, qualifiers, receive
from tests.flows.scene import START, A, B, Scene
from tests.flows.test_contradictions import one_of_home, shipped

EMMA, JULIE = one_of_home("EMMA"), one_of_home("JULIE")


@pytest.fixture
def scene(sqlite_db: Database) -> Scene:
    opened = declared(sqlite_db)
    opened.matcher = shipped()
    return opened


@pytest.fixture
def at_desk(scene: Scene) -> Desk:
    return desk(matcher=scene.matcher, ids=scene.ids)


def image(name: str, born: str | None = "20100315", sex: str | None = "F", **elements: Any) -> dict[str, Any]:
    told = {"PatientName": name, "PatientBirthDate": born, "PatientSex": sex, "PatientID": "1"}
    return told | elements


@pytest.mark.parametrize("uid", [STUDY, OTHER_STUDY], ids=["one study", "another study"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (image("LEBLANC^EMMA"), image("LEBLANC^JULIE")),
        (image("LEBLANC^PIERRE", "19700315", "M"), image("LEBLANC^PIERRE", "19950722", "M")),
        (image("LEBRETONNEC^PIERRE", "20100315", "M"), image("LEBRETONNEC^LOUIS", "20120722", "M")),
        (image("LEBLANC^EMMA"), image("LEBLANC^JULIE", None, None)),
    ],
    ids=["twin", "son of one name", "brother", "a name alone"],
)
def test_a_relative_under_the_same_patient_id_is_held(
    scene: Scene, at_desk: Desk, first: dict[str, Any], second: dict[str, Any], uid: str
) -> None:
    assert receive(scene, arrival(**first), at_desk).state == "spooled"
    held = receive(scene, arrival(**second, StudyInstanceUID=uid), at_desk)
    assert (held.state, held.reason) == ("held", intake.ANOTHER_PERSON)
    assert kinds(scene) == [(reviews.OVERLAY, "overlay")]
    assert receive(scene, arrival(**second, StudyInstanceUID=uid), at_desk).state == "held", "again"


def test_a_linked_record_whose_date_changes_holds_its_images_until_a_clerk_has_looked(
    scene: Scene, at_desk: Desk
) -> None:
    scene.tell(A, "1", EMMA)
    assert scene.tell(B, "9", EMMA).outcome == "linked"
    changed = image("LEBLANC^EMMA", "20100415")
    for _ in range(2):
        held = receive(scene, arrival(**changed), at_desk)
        assert (held.state, held.reason) == ("held", intake.NAME_OR_DATE)
    assert kinds(scene) == [(reviews.CHANGED, "name-or-date-changed")]
    back = receive(scene, arrival(**image("LEBLANC^EMMA"), StudyInstanceUID=OTHER_STUDY), at_desk)
    assert back.state == "spooled", "the words as they were close the question"
    assert kinds(scene) == []


def test_a_linked_record_whose_birthplace_changes_goes_on(scene: Scene, at_desk: Desk) -> None:
    scene.tell(A, "1", EMMA)
    scene.tell(B, "9", EMMA)
    scene.tell(A, "1", EMMA | {"birth_place": "75056"})
    assert receive(scene, arrival(**image("LEBLANC^EMMA")), at_desk).state == "spooled"
    assert kinds(scene) == [(reviews.CHANGED, "strict-trait-changed")]


def test_a_question_of_another_kind_holds_nothing_because_the_name_had_changed_once(
    scene: Scene, at_desk: Desk
) -> None:
    told = scene.tell(A, "1", EMMA)
    record_id = scene.rows(source_record)[0]["record_id"]
    question = reviews.Question(
        kind=reviews.OVERLAP,
        group_key="E0",
        identities=(told.identity_id, "E0"),
        records=(record_id,),
        reason=f"{intake.NAME_OR_DATE} alike",
    )
    with scene.db.write() as tx:
        reviews.ask(
            tx,
            question,
            record_id=record_id,
            decision_id=told.decision_id,
            new_id=scene.ids.uuid,
            at=scene.now,
        )
    assert receive(scene, arrival(**image("LEBLANC^EMMA")), at_desk).state == "spooled"


def test_two_people_without_an_id_in_one_study_are_not_one(scene: Scene, at_desk: Desk) -> None:
    assert receive(scene, arrival(**image("LEBLANC^EMMA", PatientID="")), at_desk).state == "spooled"
    held = receive(scene, arrival(**image("LEBLANC^JULIE", PatientID="")), at_desk)
    assert (held.state, held.reason) == ("held", intake.ANOTHER_PERSON)
    assert (reviews.STUDY, intake.ANOTHER_PERSON) in kinds(scene)
    again = receive(scene, arrival(**image("LEBLANC^EMMA", PatientID="", StudyDate="20240101")), at_desk)
    assert again.state == "spooled"


CLAIMS = [
    # words, calling AE, issuer by OID too, state
    ("a man", ("DURAND^PIERRE", "19400101", "M"), "CT1", False, "held"),
    ("a man, from an undeclared AE", ("DURAND^PIERRE", "19400101", "M"), "ROGUE", False, "held"),
    ("a man, under our OID", ("DURAND^PIERRE", "19400101", "M"), "CT1", True, "held"),
    ("her twin", ("LEBLANC^JULIE", "20100315", "F"), "CT1", False, "held"),
    ("herself", ("LEBLANC^EMMA", "20100315", "F"), "CT1", False, "spooled"),
    ("herself, a letter wrong", ("LEBLANC^EMNA", "20100315", "F"), "CT1", True, "spooled"),
]


@pytest.mark.parametrize(
    ("words", "ae", "oid", "state"), [row[1:] for row in CLAIMS], ids=[row[0] for row in CLAIMS]
)
def test_an_identifier_of_ours_is_believed_only_with_that_persons_words(
    scene: Scene, at_desk: Desk, words: tuple[Any, ...], ae: str, oid: bool, state: str
) -> None:
    first = scene.tell(A, "1", EMMA)
    claim = image(*words, PatientID=first.identity_id, IssuerOfPatientID="MPI")
    if oid:
        claim["IssuerOfPatientIDQualifiersSequence"] = qualifiers(OID)
    receipt = receive(scene, arrival(ae=ae, **claim), at_desk)
    held = state == "held"
    assert (receipt.state, receipt.reason) == (state, intake.NOT_THE_CLAIMED if held else None)
    assert kinds(scene) == ([(reviews.STUDY, intake.NOT_THE_CLAIMED)] if held else [])
    with scene.db.read() as tx:
        assert (desired(tx, STUDY) is None) == held, "a claim that is not believed pins no study"
    assert len(scene.rows(identity)) == 1


def test_another_identifier_that_agrees_does_not_make_a_claim_true(scene: Scene, at_desk: Desk) -> None:
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID = "1", "HOPITAL-A", "TEXT"
    emma = scene.tell(A, "1", EMMA)
    claim = image("DURAND", None, None, PatientID=emma.identity_id, IssuerOfPatientID="MPI")
    receipt = receive(scene, arrival(**claim, OtherPatientIDsSequence=Sequence([other])), at_desk)
    assert (receipt.state, receipt.reason) == ("held", intake.NOT_THE_CLAIMED)


def test_a_claim_that_a_clerk_releases_pins_its_study(scene: Scene, at_desk: Desk) -> None:
    emma = scene.tell(A, "1", EMMA)
    come = arrival(**image("LEBLANC^JULIE", PatientID=emma.identity_id, IssuerOfPatientID="MPI"))
    held = receive(scene, come, at_desk)
    with scene.db.write() as tx:
        instances.release(tx, held.instance_id, actor="user:op", reason="hers", at=START, ids=scene.ids)
    assert receive(scene, replace(come, released=True), at_desk).state == "spooled"
    with scene.db.read() as tx:
        pinned = desired(tx, STUDY)
    assert pinned is not None
    assert pinned.identity_id == emma.identity_id


def test_the_words_of_any_member_of_the_claimed_identity_will_do(scene: Scene, at_desk: Desk) -> None:
    claimed = scene.tell(A, "1", EMMA)
    scene.tell(B, "2", EMMA | {"family_name": "GARCIA", "birth_name": "LEBLANC"})
    if len(scene.partition()) > 1:
        scene.assert_by_clerk("link", "1", "2")
    claim = image("GARCIA^EMMA", PatientID=claimed.identity_id, IssuerOfPatientID="MPI")
    assert receive(scene, arrival(**claim), at_desk).state == "spooled"


def test_an_overlay_stays_a_question_while_an_object_of_the_other_person_is_held(
    scene: Scene, at_desk: Desk
) -> None:
    receive(scene, arrival(**image("LEBLANC^EMMA")), at_desk)
    receive(scene, arrival(**image("LEBLANC^JULIE"), StudyInstanceUID=OTHER_STUDY), at_desk)
    receive(scene, arrival(**image("LEBLANC^EMMA", StudyDate="20240101")), at_desk)
    scene.tell(A, "1", EMMA)
    assert (reviews.OVERLAY, "overlay") in kinds(scene)


def test_an_object_of_another_person_is_released_only_by_who_says_it_is_the_same(
    scene: Scene, at_desk: Desk
) -> None:
    receive(scene, arrival(**image("LEBLANC^EMMA")), at_desk)
    held = receive(scene, arrival(**image("LEBLANC^JULIE")), at_desk)
    told = {"actor": "user:op", "reason": "looked at the wristband", "at": START, "ids": scene.ids}
    with scene.db.write() as tx:
        with pytest.raises(Conflict, match="another person"):
            instances.release(tx, held.instance_id, **told)
        assert instances.release(tx, held.instance_id, same_person=True, **told).state == "held"
        assert instances.by_ids(tx, [held.instance_id])[held.instance_id].state == "spooled"
