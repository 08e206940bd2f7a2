"""The same door on PostgreSQL: one walk through every call."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from mpi.store.tables import authority
from mpi.store.transaction import Database, Refused
from tests.doors.doorway import ANNE, JEAN, Doorway


@pytest.mark.needs("postgresql")
def test_the_door_answers_the_same_on_postgresql(postgresql_door: Doorway) -> None:
    door = postgresql_door
    study = {"study_instance_uid": "1.2.840.99.1", "modality": "CT", "at": "2026-11-24T08:00:00Z"}
    anne = door.identify("sender-a", "0042", ANNE, study=study)
    assert anne["outcome"] == "new"
    assert door.identify("sender-a", "0042", ANNE)["outcome"] == "known"
    assert door.identify("sender-b", "B/9", ANNE)["identity_id"] == anne["identity_id"]
    reader = door.client("reader")
    assert reader.get("/readyz").json()["status"] == "ready"
    assert reader.post("/v1/match", json={"traits": ANNE}).json()["outcome"] == "one"
    assert len(reader.get(f"/v1/identities/{anne['identity_id']}").json()["records"]) == 2
    listed = reader.get(f"/v1/identities/{anne['identity_id']}/studies").json()["studies"]
    assert [one["study_instance_uid"] for one in listed] == ["1.2.840.99.1"]
    answer = door.client("sender-a").post(
        "/v1/dicom/coerce",
        json={
            "0020000D": {"vr": "UI", "Value": ["1.2.840.99.2"]},
            "00100020": {"vr": "LO", "Value": ["0042"]},
            "00100021": {"vr": "LO", "Value": ["HOPITAL-A"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "MARTIN^ANNE MARIE"}]},
            "00100030": {"vr": "DA", "Value": ["19580228"]},
            "00100040": {"vr": "CS", "Value": ["F"]},
        },
        headers={"Content-Type": "application/dicom+json"},
    )
    assert answer.json()["identity_id"] == anne["identity_id"]
    conflict = {"authority": "HOPITAL-A", "local_id": "77", "traits": JEAN, "study": study}
    assert door.client("sender-a").post("/v1/identify", json=conflict).status_code == 409


@pytest.mark.needs("postgresql")
def test_what_postgresql_cannot_hold_is_the_caller_s_fault(postgresql_door: Doorway) -> None:
    for path in ("records/HOPITAL-A/00%0042", "records/HOP%00/1", "identities/E%00", "studies/1.2%00"):
        answer = postgresql_door.client("reader").get(f"/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (422, "unprocessable"), path
    for uid, at in (("1.2.5", "0001-01-01T00:00:00Z"), ("1.2.6", "9999-12-31T23:59:59Z")):
        study = {"study_instance_uid": uid, "at": at}
        postgresql_door.identify("sender-a", "0042", ANNE, study=study)
        assert postgresql_door.client("reader").get(f"/v1/studies/{uid}").json()["at"] == at


@pytest.mark.needs("postgresql")
def test_no_word_of_the_driver_is_the_name_of_a_rule(postgresql_db: Database) -> None:
    with pytest.raises(Refused) as refused, postgresql_db.read() as tx:
        tx.execute(select(authority).where(authority.c.authority == "a\0b"))
    assert refused.value.details["rule"] is None


def test_a_rule_that_sqlite_saw_broken_is_named_without_its_words(door: Doorway) -> None:
    with pytest.raises(Refused) as refused, door.db.write() as tx:
        tx.execute(authority.insert().values(authority="X"))
    assert refused.value.details["rule"] == "authority.label"
    door.identify("sender-a", "0042", ANNE)
    with pytest.raises(Refused) as refused, door.db.write() as tx:
        tx.execute(text("UPDATE ledger_entry SET position = 7"))
    assert (refused.value.details["rule"], refused.value.details["state"]) == (
        None,
        "SQLITE_CONSTRAINT_TRIGGER",
    )
