"""What becomes of an object that comes in: whose it is, whether it goes on, what a clerk is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mpi.errors import Conflict, NotAllowed, NotFound, Unprocessable
from mpi.flows import instances, intake
from mpi.flows.arrivals import Pins
from mpi.flows.studies import desired
from mpi.security.nir_guard import NirHit
from mpi.security.senders import revoke
from mpi.store.tables import instance, ledger_entry, nir_count, review, source_record, study
from mpi.store.transaction import Database
from tests.flows.arrivals import OTHER_STUDY, STUDY, arrival, declared, desk, kinds, qualifiers, receive
from tests.flows.scene import START, Scene


@pytest.fixture
def scene(db: Database) -> Scene:
    """On both databases."""
    return declared(db)


@pytest.fixture
def lite(sqlite_db: Database) -> Scene:
    """On SQLite alone, for tables whose rows differ before anything is stored."""
    return declared(sqlite_db)


WHO_SPEAKS = [
    # calling AE, issuer label, issuer OID, the authority the id is taken for, why
    ("CT1", None, None, "HOPITAL-A", "no issuer: the only authority of the sender"),
    ("CT1", "HOPITAL-A", None, "HOPITAL-A", "its own label"),
    ("CT1", "HOPITAL-B", None, None, "another's label"),
    ("CT1", None, "1.2.250.1.999.9", None, "another's OID"),
    ("REGION", "REG", None, "REGION", "a label that is not the name"),
    ("REGION", "REGION", None, "REGION", "a name where a label should be"),
    ("REGION", None, "1.2.250.1.999.9", "REGION", "its OID"),
    ("REGION", "HOPITAL-A", "1.2.250.1.999.9", "REGION", "the OID is the fuller source"),
    ("REGION", "REG", "1.2.99", "AE:REGION:1.2.99", "an unknown OID is not overruled by a known label"),
    ("CT1", "ELSEWHERE", None, "AE:CT1:ELSEWHERE", "an issuer that nobody declared"),
    ("PACS", None, None, "AE:PACS", "it speaks for two: neither is a default"),
    ("PACS", "HOPITAL-B", None, "HOPITAL-B", "one of its two"),
    ("NEW", None, None, "AE:NEW", "an undeclared caller: a domain of its own"),
    ("NEW", "ELSEWHERE", None, "AE:NEW:ELSEWHERE", "an undeclared caller with an unknown issuer"),
    ("NEW", "HOPITAL-A", None, None, "an undeclared caller may speak for nobody"),
]


@pytest.mark.parametrize(("ae", "label", "oid", "authority", "why"), WHO_SPEAKS)
def test_whose_id_it_is(
    lite: Scene, ae: str, label: str | None, oid: str | None, authority: str | None, why: str
) -> None:
    come = arrival(
        ae=ae, IssuerOfPatientID=label, IssuerOfPatientIDQualifiersSequence=qualifiers(oid) if oid else None
    )
    if authority is None:
        with pytest.raises(NotAllowed):
            receive(lite, come, desk())
        assert lite.rows(source_record) == [], why
    else:
        assert receive(lite, come, desk()).state == "spooled"
        assert [row["authority"] for row in lite.rows(source_record)] == [authority], why


def test_a_domain_that_could_be_two_is_told_by_a_digest(scene: Scene) -> None:
    at_desk = desk()
    receive(scene, arrival(ae="A:B", StudyInstanceUID=STUDY), at_desk)
    receive(scene, arrival(ae="A", IssuerOfPatientID="B", StudyInstanceUID=OTHER_STUDY), at_desk)
    receive(scene, arrival(ae="A", IssuerOfPatientID="X" * 64, StudyInstanceUID="1.2.3.3"), at_desk)
    domains = sorted(row["authority"] for row in scene.rows(source_record))
    assert len(set(domains)) == 3
    assert "AE:A:B" in domains
    assert all(len(domain) <= 64 for domain in domains)


@pytest.mark.parametrize(("rule", "state"), [("provisional", "spooled"), ("hold", "held"), ("refuse", None)])
def test_an_undeclared_caller(scene: Scene, rule: str, state: str | None) -> None:
    at_desk = desk(unknown_calling_ae=rule)
    come = arrival(ae="NEW")
    if state is None:
        with pytest.raises(NotAllowed):
            receive(scene, come, at_desk)
    else:
        receipt = receive(scene, come, at_desk)
        assert (receipt.state, receipt.forward) == (state, state == "spooled")


def test_a_revoked_sender_is_an_undeclared_one(scene: Scene) -> None:
    with scene.db.write() as tx:
        revoke(tx, name="ct", at=START)
    receive(scene, arrival(), desk())
    assert [row["authority"] for row in scene.rows(source_record)] == ["AE:CT1"]


def test_the_first_object_pins_the_study_and_later_ones_follow(scene: Scene) -> None:
    at_desk = desk()
    first = receive(scene, arrival(), at_desk)
    ledger = len(scene.rows(ledger_entry))
    second = receive(scene, arrival(), at_desk)
    assert (first.state, first.coerced, second.state, second.coerced) == ("spooled", True, "spooled", True)
    assert len(scene.rows(study)) == len(scene.rows(source_record)) == 1
    assert len(scene.rows(ledger_entry)) == ledger, "one decision a study"
    assert len(scene.rows(instance)) == 2


def test_another_id_in_the_study_is_held_for_a_clerk(scene: Scene) -> None:
    at_desk = desk()
    receive(scene, arrival(PatientID="0042"), at_desk)
    receipt = receive(scene, arrival(PatientID="0043", PatientName="KERVADEC^JEAN"), at_desk)
    assert (receipt.state, receipt.reason, receipt.forward) == ("held", intake.STUDY_OF_ANOTHER, False)
    assert 8 in {kind for kind, _ in kinds(scene)}
    assert receive(scene, arrival(PatientID="0042"), at_desk).state == "spooled", "the pin stands"


def test_the_same_id_for_clearly_another_person_is_held(scene: Scene) -> None:
    at_desk = desk()
    receive(scene, arrival(), at_desk)
    other = {"PatientName": "KERVADEC^JEAN", "PatientBirthDate": "19710913", "PatientSex": "M"}
    receipt = receive(scene, arrival(**other), at_desk)
    assert (receipt.state, receipt.reason) == ("held", intake.ANOTHER_PERSON)
    assert 2 in {kind for kind, _ in kinds(scene)}
    again = receive(scene, arrival(**other), at_desk)
    assert again.state == "held", "a statement that was held is never remembered as accepted"


@pytest.mark.parametrize("told", ["", None, "0", "000000", "UNKNOWN", "ANON", "9999", "1.2.826.0.1.368.4.3"])
def test_an_empty_or_placeholder_id_is_one_provisional_person_a_study(lite: Scene, told: str | None) -> None:
    at_desk = desk()
    for uid in (STUDY, STUDY, OTHER_STUDY):
        assert receive(lite, arrival(PatientID=told, StudyInstanceUID=uid), at_desk).state == "spooled"
    with lite.db.read() as tx:
        one, other = desired(tx, STUDY), desired(tx, OTHER_STUDY)
    assert one is not None
    assert other is not None
    assert one.identity_id != other.identity_id
    assert one.unidentified
    assert [kind for kind, _ in kinds(lite)] == [10, 10]


def test_an_id_that_comes_later_is_another_id(scene: Scene) -> None:
    at_desk = desk()
    receive(scene, arrival(PatientID=""), at_desk)
    assert receive(scene, arrival(PatientID="0042"), at_desk).reason == intake.STUDY_OF_ANOTHER


def test_a_resend_is_the_same_object(scene: Scene) -> None:
    at_desk, elements = desk(), {"SOPInstanceUID": "1.2.5.77"}
    first = receive(scene, arrival(**elements), at_desk)
    again = receive(scene, arrival(**elements), at_desk)
    assert (again.instance_id, again.again, again.coerced) == (first.instance_id, True, first.coerced)
    assert len(scene.rows(instance)) == 1


@pytest.mark.parametrize(
    ("state", "written", "forward", "why"),
    [
        ("spooled", None, True, "not sent yet"),
        ("stored", "survivor", True, "the archive is made to have it again"),
        ("stored", "E0RETIRED0000000", False, "its person was merged: the study moves as a whole, first"),
        ("failed", None, True, "a new chance for a dead letter"),
        ("held", None, False, "still for a clerk"),
        ("conflict", None, False, "still for a clerk"),
    ],
)
def test_a_resend_goes_on_or_waits_as_the_first_one(
    scene: Scene, state: Any, written: str | None, forward: bool, why: str
) -> None:
    at_desk, elements = desk(), {"SOPInstanceUID": "1.2.5.78"}
    first = receive(scene, arrival(**elements), at_desk)
    with scene.db.write() as tx:
        wanted = desired(tx, STUDY)
        assert wanted is not None
        bears = wanted.identity_id if written == "survivor" else written
        instances.move(tx, first.instance_id, state=state, reason=None, patient_id_written=bears)
    again = receive(scene, arrival(**elements), at_desk)
    assert (again.instance_id, again.forward) == (first.instance_id, forward), why
    assert again.state == ("spooled" if forward else state)


def test_the_same_content_under_another_identity_is_held(scene: Scene) -> None:
    at_desk, elements = desk(), {"SOPInstanceUID": "1.2.5.79"}
    receive(scene, arrival(**elements), at_desk)
    receipt = receive(scene, arrival(PatientID="0043", **elements), at_desk)
    assert (receipt.state, receipt.reason) == ("held", intake.IDENTITY_CHANGED)
    assert kinds(scene) == [(8, intake.IDENTITY_CHANGED)]


def test_the_same_uid_with_other_content_is_put_aside(scene: Scene) -> None:
    at_desk, elements = desk(), {"SOPInstanceUID": "1.2.5.80"}
    first = receive(scene, arrival(**elements), at_desk)
    second = receive(scene, arrival(StudyDescription="other", **elements), at_desk)
    assert (second.state, second.reason, second.forward) == ("conflict", intake.CONTENT_CHANGED, False)
    assert kinds(scene) == [(8, intake.CONTENT_CHANGED)]
    third = receive(scene, arrival(StudyDescription="other", **elements), at_desk)
    assert (third.instance_id, third.state) == (second.instance_id, "conflict"), "a resend of the second"
    assert first.instance_id != second.instance_id


def test_an_object_without_a_patient_goes_on_unchanged(scene: Scene) -> None:
    hanging_protocol = "1.2.840.10008.5.1.4.38.1"
    come = arrival(SOPClassUID=hanging_protocol, ae="NEW")
    receipt = receive(scene, come, desk(unknown_calling_ae="refuse"))
    assert (receipt.state, receipt.coerced) == ("spooled", False)
    assert scene.rows(source_record) == []
    changed = replace(come, instance_id="other", content_digest=bytes(32))
    assert receive(scene, changed, desk()).state == "conflict"
    assert kinds(scene) == [], "nobody to ask about"


def test_a_group_of_patients_goes_on_and_a_clerk_is_asked(scene: Scene) -> None:
    come = arrival()
    come = replace(come, header=replace(come.header, several_patients=True))
    assert receive(scene, come, desk()).state == "spooled"
    assert kinds(scene) == [(8, intake.SEVERAL_PATIENTS)]


def test_an_archive_that_takes_objects_as_they_are(scene: Scene) -> None:
    assert not receive(scene, arrival(archive="as-is"), desk()).coerced
    emptied = replace(arrival(archive="as-is"), hits=(NirHit(field="(0010,4000)", rule="R2"),))
    assert receive(scene, emptied, desk()).coerced, "an emptied number is a change too"
    assert [(row["door"], row["rule"], row["count"]) for row in scene.rows(nir_count)] == [("dimse", "R2", 1)]


def test_a_released_object_follows_its_study(scene: Scene) -> None:
    at_desk = desk()
    receive(scene, arrival(), at_desk)
    come = arrival(PatientID="0043", PatientName="KERVADEC^JEAN")
    held = receive(scene, come, at_desk)
    with scene.db.write() as tx:
        instances.release(tx, held.instance_id, actor="user:op", reason="same", at=START, ids=scene.ids)
        assert [row.instance_id for row in instances.due(tx, at=START)] == [held.instance_id]
    receipt = receive(scene, replace(come, released=True), at_desk)
    assert (receipt.state, receipt.forward, receipt.instance_id) == ("spooled", True, held.instance_id)


def test_what_cannot_be_released(scene: Scene) -> None:
    at_desk = desk()
    receipt = receive(scene, arrival(), at_desk)
    nir = "2580275056" + "000"  # order number 000: fictitious
    nir += f"{97 - int(nir) % 97:02d}"
    told = {"actor": "user:op", "at": START, "ids": scene.ids}
    with scene.db.write() as tx:
        with pytest.raises(Conflict):
            instances.release(tx, receipt.instance_id, reason="why not", **told)
        with pytest.raises(NotFound):
            instances.release(tx, "nothing", reason="why not", **told)
        with pytest.raises(Unprocessable):
            instances.release(tx, receipt.instance_id, reason=f"see {nir}", **told)


def test_adoption_gives_the_answer_of_then(scene: Scene) -> None:
    at_desk, come = desk(), arrival()
    with scene.db.write() as tx:
        first = intake.adopt(tx, come, at_desk, at=START)
        second = intake.adopt(tx, come, at_desk, at=START)
    assert (
        (first.instance_id, first.forward) == (second.instance_id, second.forward) == (come.instance_id, True)
    )
    assert len(scene.rows(instance)) == 1


def test_a_refused_object_is_listed_and_may_come_again(scene: Scene) -> None:
    at_desk, come = desk(), arrival(IssuerOfPatientID="HOPITAL-B", SOPInstanceUID="1.2.5.90")
    with pytest.raises(NotAllowed):
        receive(scene, come, at_desk)
    with scene.db.write() as tx:
        intake.quarantine(tx, come, instance_id=come.instance_id, reason="not-allowed", at=START)
        intake.quarantine(tx, come, instance_id=come.instance_id, reason="not-allowed", at=START)
        intake.quarantine(tx, None, instance_id="unread", reason="truncated", at=START, calling_ae="CT1")
        listed = instances.with_state(tx, instances.WAITING_FOR_A_PERSON)
        assert instances.counts(tx) == {"quarantined": 2}
    assert {(row.instance_id, row.reason) for row in listed} == {
        (come.instance_id, "not-allowed"),
        ("unread", "truncated"),
    }
    corrected = arrival(IssuerOfPatientID="HOPITAL-A", SOPInstanceUID="1.2.5.90")
    assert receive(scene, corrected, at_desk).state == "spooled", "what was refused contradicts nothing"


def test_what_was_accepted_is_looked_up_again_after_a_while() -> None:
    now = [0.0]
    pins = Pins(size=2, clock=lambda: now[0])
    pins.add(("a",), "E1")
    now[0] = 59.0
    assert pins.get(("a",)) == "E1"
    now[0] = 60.0
    assert pins.get(("a",)) is None, "a sender may have been revoked"
    for name in "bcd":
        pins.add((name,), "E1")
    assert (pins.get(("b",)), pins.get(("d",))) == (None, "E1"), "the oldest is forgotten"


def test_reviews_stand_beside_each_other(scene: Scene) -> None:
    at_desk = desk()
    receive(scene, arrival(SOPInstanceUID="1.2.5.95"), at_desk)
    for description in ("b", "c"):
        receive(scene, arrival(SOPInstanceUID="1.2.5.95", StudyDescription=description), at_desk)
    rows = scene.rows(review)
    assert len(rows) == 1, "one question a study"
    assert rows[0]["study_instance_uid"] == STUDY
