"""Reading records, identities and examinations: today's identity, own records only for senders, no traits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mpi.settings import ArchiveSettings
from tests.doors.doorway import ANNE, AUTHORITIES, JEAN, Doorway

STUDIES = [  # told out of order; one has no time
    ("1.2.840.99.2", "MR", "2026-03-01T10:00:00+01:00"),
    ("1.2.840.99.3", "US", None),
    ("1.2.840.99.1", "CT", "2025-11-24T08:00:00Z"),
]


def study(uid: str, modality: str, at: str | None) -> dict[str, Any]:
    """An examination to be told with a record."""
    return {
        "study_instance_uid": uid,
        "modality": modality,
        "at": at,
        "description": f"{modality} of a person",
    }


@pytest.fixture
def anne(door: Doorway) -> str:
    """One person told by two authorities, with three examinations; the identity's id."""
    for told in STUDIES[:2]:
        door.identify("sender-a", "0042", ANNE, status="VALI", study=study(*told))
    answer = door.identify("sender-b", "B/9", ANNE, status="VALI", study=study(*STUDIES[2]))
    assert answer["outcome"] == "linked"
    return str(answer["identity_id"])


def test_a_record_names_its_identity_and_keeps_its_traits_from_senders(door: Doorway, anne: str) -> None:
    for_sender = door.client("sender-a").get("/v1/records/HOPITAL-A/0042").json()
    assert for_sender["identity_id"] == anne
    assert set(for_sender) == {"authority", "local_id", "identity_id", "provisional", "version", "told_at"}
    for_reader = door.client("reader").get("/v1/records/HOPITAL-A/0042").json()
    assert for_reader["traits"]["birth_name"] == "LEFEVRE"
    assert {**for_sender, "traits": for_reader["traits"]} == for_reader


@pytest.mark.parametrize("path", ["HOPITAL-B/B%2F9", "HOPITAL-B/B/9", f"{AUTHORITIES['HOPITAL-B']}/B/9"])
def test_a_local_id_may_hold_a_slash_and_an_authority_its_oid(door: Doorway, anne: str, path: str) -> None:
    assert door.client("reader").get(f"/v1/records/{path}").json()["identity_id"] == anne


def test_a_sender_sees_its_own_authorities_records_only(door: Doorway, anne: str) -> None:
    whole = door.client("reader").get(f"/v1/identities/{anne}").json()
    assert [one["authority"] for one in whole["records"]] == ["HOPITAL-A", "HOPITAL-B"]
    part = door.client("sender-b").get(f"/v1/identities/{anne}").json()
    assert [one["local_id"] for one in part["records"]] == ["B/9"]
    assert "traits" not in part["records"][0]
    assert "0042" not in str(part)


def test_an_identity_without_a_record_of_the_sender_is_not_there(door: Doorway) -> None:
    alone = door.identify("sender-a", "0042", ANNE)["identity_id"]
    for path in (f"/v1/identities/{alone}", f"/v1/identities/{alone}/studies"):
        hidden = door.client("sender-b").get(path)
        unknown = door.client("sender-b").get(path.replace(alone, "E4N7Q2WBH6T0M10"))
        assert hidden.status_code == unknown.status_code == 404
        assert hidden.json() == unknown.json()


def test_another_s_record_is_refused_whether_it_exists_or_not(door: Doorway) -> None:
    door.identify("sender-a", "0042", ANNE)
    there = door.client("sender-b").get("/v1/records/HOPITAL-A/0042")
    not_there = door.client("sender-b").get("/v1/records/HOPITAL-A/9999")
    no_authority = door.client("sender-b").get("/v1/records/HOPITAL-Z/9999")
    assert there.status_code == not_there.status_code == no_authority.status_code == 403
    assert there.json() == not_there.json() == no_authority.json()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/records/HOPITAL-A/9999",
        "/v1/records/HOPITAL-Z/1",
        "/v1/identities/E4N7Q2WBH6T0M10",
        "/v1/identities/E4N7Q2WBH6T0M10/studies",
        "/v1/studies/1.2.3",
        "/v1/nowhere",
    ],
)
def test_what_is_not_there_is_a_problem_that_repeats_nothing(shared_door: Doorway, path: str) -> None:
    answer = shared_door.client("reader").get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert path.rsplit("/", 1)[1] not in answer.text


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/records/HOPITAL-A/00%0042", "local_id"),
        ("/v1/records/HOP%00/0042", "authority"),
        ("/v1/identities/E4N7%00", "identity_id"),
        ("/v1/identities/E4N7%1b/studies", "identity_id"),
        ("/v1/studies/1.2%00", "uid"),
    ],
)
def test_a_control_character_in_a_path_is_refused_by_name(
    shared_door: Doorway, path: str, field: str
) -> None:
    answer = shared_door.client("reader").get(path)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": field, "rule": "control-character"}]


@pytest.mark.parametrize("path", ["/healthz/", "/v1/studies/1.2.3/", "/v1/identities/E4N7/studies/"])
def test_an_address_with_a_slash_too_many_is_not_there_and_leads_nowhere(
    shared_door: Doorway, path: str
) -> None:
    answer = shared_door.client("reader").get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "location" not in answer.headers


def test_all_examinations_come_in_time_order_the_untimed_last(door: Doorway, anne: str) -> None:
    answer = door.client("reader").get(f"/v1/identities/{anne}/studies").json()
    assert [one["study_instance_uid"] for one in answer["studies"]] == [
        "1.2.840.99.1",
        "1.2.840.99.2",
        "1.2.840.99.3",
    ]
    assert answer["studies"][1]["at"] == "2026-03-01T09:00:00Z"
    assert {one["identity_id"] for one in answer["studies"]} == {anne}
    own = door.client("sender-b").get(f"/v1/identities/{anne}/studies").json()
    assert [one["study_instance_uid"] for one in own["studies"]] == ["1.2.840.99.1"]


def test_a_study_is_read_by_its_uid_by_those_who_may(door: Doorway, anne: str) -> None:
    answer = door.client("sender-a").get("/v1/studies/1.2.840.99.2").json()
    assert (answer["identity_id"], answer["local_id"], answer["modality"]) == (anne, "0042", "MR")
    assert door.client("sender-b").get("/v1/studies/1.2.840.99.2").status_code == 404


def test_a_study_says_where_its_archive_hands_it_out(open_door: Callable[..., Doorway]) -> None:
    archives = {
        "main": ArchiveSettings(driver="orthanc", url="http://127.0.0.1:8042/"),
        "shelf": ArchiveSettings(driver="folder"),
        "closed": ArchiveSettings(driver="orthanc", url="http://127.0.0.1:8043"),
    }
    door = open_door(archives=archives)
    for uid, archive in (("1.2.1", "main"), ("1.2.2", "shelf"), ("1.2.3", None), ("1.2.4", "closed")):
        told = {"study_instance_uid": uid, "archive": archive}
        answer = door.identify("sender-a", "0042", ANNE, study=told)
    del door.settings.archives["closed"]  # its studies are still pinned
    listed = door.client("sender-a").get(f"/v1/identities/{answer['identity_id']}/studies").json()["studies"]
    assert {one["study_instance_uid"]: one["retrieve_url"] for one in listed} == {
        "1.2.1": "http://127.0.0.1:8042/dicom-web/studies/1.2.1",
        "1.2.2": None,
        "1.2.3": "http://127.0.0.1:8042/dicom-web/studies/1.2.3",  # told without an archive: the first one
        "1.2.4": None,
    }


def test_an_old_identity_answers_with_the_survivor(door: Doorway) -> None:
    survivor = door.identify("sender-a", "0042", ANNE)["identity_id"]
    retired = door.identify("sender-b", "9", JEAN, study=study("1.2.840.99.9", "CT", None))["identity_id"]
    assert survivor != retired
    with door.db.write() as tx:  # a merge, as a clerk's decision leaves it
        tx.exec_driver_sql("UPDATE membership SET identity_id = ? WHERE identity_id = ?", (survivor, retired))
    old = door.client("reader").get(f"/v1/identities/{retired}").json()
    assert (old["merged_into"], old["identity_id"]) == (survivor, survivor)
    assert len(old["records"]) == 2
    new = door.client("reader").get(f"/v1/identities/{survivor}").json()
    assert new == {**old, "merged_into": None}
    studies = door.client("reader").get(f"/v1/identities/{retired}/studies").json()
    assert (studies["merged_into"], len(studies["studies"])) == (survivor, 1)


def test_a_record_under_review_is_provisional_wherever_it_is_read(door: Doorway) -> None:
    for order in ("1", "2"):  # twins; the third record could be either
        door.identify("sender-a", f"t{order}", {**JEAN, "multiple_birth": order})
    asked = door.identify("sender-b", "t3", JEAN, study=study("1.2.840.99.7", "CT", None))
    assert (asked["outcome"], asked["provisional"]) == ("review", True)
    assert asked["review_id"]
    reader = door.client("reader")
    assert reader.get("/v1/records/HOPITAL-B/t3").json()["provisional"] is True
    assert reader.get("/v1/records/HOPITAL-A/t1").json()["provisional"] is False
    assert reader.get(f"/v1/identities/{asked['identity_id']}").json()["provisional"] is True
    assert reader.get("/v1/studies/1.2.840.99.7").json()["provisional"] is True
