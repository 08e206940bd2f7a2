"""The same door on PostgreSQL: one walk through every call."""

from __future__ import annotations

import pytest

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
