"""`POST /v1/identify`: what each caller learns, and what is refused before anything is stored."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.doors.doorway import ANNE, AUTHORITIES, JEAN, Doorway

FOR_SENDERS = {"outcome", "identity_id", "provisional", "a_id", "review_id", "decision_id"}
FOR_READERS = FOR_SENDERS | {"match_weight", "match_probability", "margin", "model", "evidence"}


def body(**changes: Any) -> dict[str, Any]:
    """A record of authority A, changed."""
    return {"authority": "HOPITAL-A", "local_id": "0042", "traits": ANNE, **changes}


def with_trait(name: str, value: Any) -> dict[str, Any]:
    """A record of authority A with one trait told otherwise."""
    return body(traits={**ANNE, name: value})


def with_study(**said: Any) -> dict[str, Any]:
    """A record of authority A with an examination."""
    return body(study={"study_instance_uid": "1.2.3", **said})


def stored(door: Doorway) -> int:
    """How many source records there are."""
    with door.db.read() as tx:
        return int(tx.exec_driver_sql("SELECT count(*) FROM source_record").scalar_one())


def test_a_sender_gets_the_identity_and_nothing_of_the_weights(door: Doorway) -> None:
    answer = door.identify("sender-a", "0042", ANNE)
    assert set(answer) == FOR_SENDERS
    assert answer["outcome"] == "new"
    assert answer["identity_id"].startswith("E")
    assert not answer["provisional"]


def test_a_caller_with_a_reading_role_gets_evidence_that_adds_up_to_the_weight(door: Doorway) -> None:
    door.identify("both", "0042", ANNE)
    body_b = {"authority": "HOPITAL-B", "local_id": "777", "traits": ANNE}
    answer = door.client("both").post("/v1/identify", json=body_b).json()
    assert set(answer) == FOR_READERS
    assert answer["evidence"][0]["comparison"] == "prior"
    assert sum(one["weight"] for one in answer["evidence"]) == pytest.approx(answer["match_weight"])


def test_the_same_person_told_by_two_authorities_is_one_identity(door: Doorway) -> None:
    first = door.identify("sender-a", "0042", ANNE, status="VALI")
    second = door.identify("sender-b", "B-9", {**ANNE, "given_names": ["ANNE", "MARIE"]}, status="VALI")
    assert (second["outcome"], second["identity_id"]) == ("linked", first["identity_id"])
    assert door.identify("sender-a", "0042", ANNE, status="VALI")["outcome"] == "known"


def test_an_authority_may_be_told_by_its_oid(door: Doorway) -> None:
    by_name = door.identify("sender-a", "0042", ANNE)
    by_oid = door.identify("sender-a", "0042", ANNE, authority=AUTHORITIES["HOPITAL-A"])
    assert (by_oid["outcome"], by_oid["identity_id"]) == ("known", by_name["identity_id"])


def test_one_key_has_one_effect_and_one_answer(door: Doorway) -> None:
    client = door.client("sender-a")
    key = {"Idempotency-Key": "order-1"}
    first = client.post("/v1/identify", json=body(), headers=key)
    again = client.post("/v1/identify", json=body(), headers=key)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    other = client.post("/v1/identify", json=body(local_id="0043", traits=JEAN), headers=key)
    assert other.status_code == 422
    assert other.json()["errors"] == [{"field": "Idempotency-Key", "rule": "one key, one request"}]


@pytest.mark.parametrize(
    "told",
    [
        {"birth_date": "9999-99-99"},
        {"birth_date": "1958-02-31"},
        {"birth_date": "1958"},
        {"birth_date": "19580228"},
        {"birth_date": "vers 1958"},
        {"birth_date": ""},
        {"sex": ""},
        {"sex": "f"},
        {"phone": "0612345678;0145678901"},
        {"phone": ["0612345678"], "email": ["a@example.org"]},
        {"multiple_birth": 2},
        {"identifiers": "77^^^1.2.3.4;88"},
        {"identifiers": [{"value": "77", "issuer": "1.2.3.4", "type": "PI"}]},
        {"attributes": "HOMA;DOUT", "flags": "newborn"},
        {"address": "12 RUE DES LILAS\nBATIMENT B"},
        {"birth_name": "ΠΑΠΑΔΟΠΟΥΛΟΥ", "family_name": "Нгуен", "given_names": "李"},
        {"family_name": "<script>alert(1)</script>"},
        {"status": "VALI"},
    ],
    ids=lambda told: "+".join(told),
)
def test_what_the_schema_of_people_allows_is_taken_as_told(
    shared_door: Doorway, told: dict[str, Any]
) -> None:
    answer = shared_door.client("sender-a").post("/v1/identify", json=body(traits={**ANNE, **told}))
    assert answer.status_code == 200, answer.text


def test_markup_in_a_name_is_data_and_comes_back_as_json_only(door: Doorway) -> None:
    name = "<script>alert('x')</script>"
    door.identify("sender-a", "0042", {**ANNE, "family_name": name})
    answer = door.client("reader").get("/v1/records/HOPITAL-A/0042")
    assert answer.json()["traits"]["family_name"] == name
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


REFUSED = [
    (with_trait("given_nmae", "ANNE"), "traits", "unknown-field"),
    (with_trait("LEFEVRE", "x"), "traits", "unknown-field"),
    (body(DUPONT=[]), "(body)", "unknown-field"),
    (with_trait("identifiers", [{"value": "1", "MARTIN": "2"}]), "traits.identifiers.0", "unknown-field"),
    (with_trait("family_name", "MAR\x00TIN"), "traits.family_name", "control-character"),
    (with_trait("family_name", "MAR\x1b[31mTIN"), "traits.family_name", "control-character"),
    (with_trait("given_names", ["ANNE", "MA\nRIE"]), "traits.given_names.1", "control-character"),
    (with_trait("birth_name", "\ud800"), "traits.birth_name", "not-unicode"),
    (with_trait("family_name", "M" * 1001), "traits.family_name", "too-long"),
    (with_trait("given_names", ["A"] * 51), "traits.given_names", "too-many-items"),
    (with_trait("family_name", 12), "traits.family_name", "text-expected"),
    (with_trait("sex", "X"), "traits.sex", "not-one-of-the-allowed"),
    (with_trait("flags", "newbron"), "traits.flags.0", "not-one-of-the-allowed"),
    (with_trait("attributes", "homonyme !"), "traits.attributes.0", "wrong-form"),
    (with_trait("identifiers", [{"valeu": "1"}]), "traits.identifiers.0.value", "required"),
    (body(status="SURE"), "status", "not-one-of-the-allowed"),
    (body(status="PROV", traits={**ANNE, "status": "VALI"}), "status", "contradicts-the-traits"),
    (body(traits={"sex": "F", "birth_date": "1958-02-28"}), "traits", "name-missing"),
    (body(traits={"family_name": "  ", "given_names": []}), "traits", "name-missing"),
    (body(traits=None), "traits", "object-expected"),
    (body(traits=["LEFEVRE"]), "traits", "object-expected"),
    (body(local_id=""), "local_id", "empty"),
    (body(local_id=42), "local_id", "text-expected"),
    (body(local_id="00\x0042"), "local_id", "control-character"),
    (body(study={"study_instance_uid": "1.2.x"}), "study.study_instance_uid", "wrong-form"),
    (body(study={"study_instance_uid": "1.2.3", "at": "2026-11-24T08:00:00"}), "study.at", "timezone-aware"),
    (body(study={"study_instance_uid": "1.2.3", "archive": "../x"}), "study.archive", "wrong-form"),
    (body(study={"study_instance_uid": "1.2.3", "archive": "nosuch"}), "study.archive", "declared"),
    (with_study(modality="ct"), "study.modality", "wrong-form"),
    (with_study(modality="CT MR"), "study.modality", "wrong-form"),
    (with_study(modality="0123"), "study.modality", "wrong-form"),
    (with_study(modality="C" * 17), "study.modality", "too-long"),
    (with_study(modality=""), "study.modality", "wrong-form"),
    (with_study(at="0001-01-01T00:00:00+14:00"), "study.at", "not-in-utc"),
    (with_study(at="9999-12-31T23:59:59-14:00"), "study.at", "not-in-utc"),
    ({"local_id": "1", "traits": ANNE}, "authority", "required"),
]


@pytest.mark.parametrize(("told", "field", "rule"), REFUSED, ids=[f"{row[1]}:{row[2]}" for row in REFUSED])
def test_what_breaks_a_rule_is_refused_by_path_and_rule(
    shared_door: Doorway, told: dict[str, Any], field: str, rule: str
) -> None:
    before = stored(shared_door)
    text = json.dumps(told).encode()  # escapes what UTF-8 cannot carry
    answer = shared_door.client("sender-a").post(
        "/v1/identify", content=text, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"field": field, "rule": rule} in answer.json()["errors"]
    for trait in ("LEFEVRE", "MARTIN", "ANNE", "1958", "DUPONT", "homonyme", "SURE"):
        assert trait not in answer.text
    assert stored(shared_door) == before


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed"),
        (b"\xff\xfe\xfa", "application/json", 400, "malformed"),
        (b"[" * 100_000, "application/json", 400, "malformed"),
        (b"", "application/json", 422, "unprocessable"),
        (b"[]", "application/json", 422, "unprocessable"),
        (b"family_name=MARTIN", "application/x-www-form-urlencoded", 415, "unsupported-media"),
        (b"{}", "text/plain", 415, "unsupported-media"),
        (b"{}", "", 415, "unsupported-media"),
        (b"{}", "application/dicom+json", 415, "unsupported-media"),
    ],
    ids=["cut", "not-utf8", "deep", "empty", "a-list", "a-form", "plain", "untyped", "dicom"],
)
def test_what_cannot_be_read_is_refused_with_a_problem(
    shared_door: Doorway, content: bytes, media_type: str, status: int, code: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = shared_door.client("sender-a").post("/v1/identify", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["status"] == status
    assert answer.json()["type"] == f"urn:mpi:problem:{code}"


def test_ten_megabytes_are_refused_unread_and_the_door_goes_on(door: Doorway) -> None:
    text = json.dumps(with_trait("family_name", "M" * 10_000_000)).encode()
    client = door.client("sender-a")
    typed = {"Content-Type": "application/json"}
    told_length = client.post("/v1/identify", content=text, headers=typed)
    in_chunks = client.post(
        "/v1/identify", content=(text[i : i + 65536] for i in range(0, len(text), 65536)), headers=typed
    )
    for answer in (told_length, in_chunks):
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert answer.headers["cache-control"] == "no-store"
    assert door.identify("sender-a", "0042", ANNE)["outcome"] == "new"


@pytest.mark.parametrize("beside", ["VALI", "vali", None])
def test_a_status_may_stand_in_both_places_when_it_is_the_same(door: Doorway, beside: str | None) -> None:
    door.identify("sender-a", "0042", {**ANNE, "status": "VALI"}, status=beside)
    record = door.client("reader").get("/v1/records/HOPITAL-A/0042").json()
    assert record["traits"]["status"] == "VALI"


@pytest.mark.parametrize("modality", ["CT", "3D_X", "SCANNER_16_SIGNS"])
@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00"])
def test_a_modality_is_a_code_string_and_a_time_any_instant_of_the_calendar(
    door: Doorway, modality: str, at: str
) -> None:
    door.identify(
        "sender-a", "0042", ANNE, study={"study_instance_uid": "1.2.3", "modality": modality, "at": at}
    )
    answer = door.client("sender-a").get("/v1/studies/1.2.3").json()
    assert (answer["modality"], answer["at"][:4]) == (modality, at[:4])


def test_several_unknown_keys_in_one_place_are_one_broken_rule(shared_door: Doorway) -> None:
    told = body(traits={**ANNE, "given_nmae": "x", "birth_dat": "x"})
    answer = shared_door.client("sender-a").post("/v1/identify", json=told)
    assert answer.json()["errors"] == [{"field": "traits", "rule": "unknown-field"}]


def test_a_local_id_is_one_whatever_its_padding_and_composition(door: Doorway) -> None:
    told = door.identify("sender-a", "caf\u00e9 1", ANNE)["identity_id"]
    for spelled in ("caf\u00e9 1 ", " cafe\u0301 1"):
        assert door.identify("sender-a", spelled, ANNE)["outcome"] == "known"
        found = door.client("sender-a").get(f"/v1/records/HOPITAL-A/{quote(spelled)}").json()
        assert (found["identity_id"], found["local_id"]) == (told, "caf\u00e9 1")


def test_a_sender_may_not_speak_for_another_s_authority(shared_door: Doorway) -> None:
    for authority in ("HOPITAL-B", AUTHORITIES["HOPITAL-B"], "HOPITAL-Z"):
        answer = shared_door.client("sender-a").post("/v1/identify", json=body(authority=authority))
        assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")
        assert authority not in answer.text


def test_a_study_told_for_two_records_is_a_conflict_whose_review_stands(door: Doorway) -> None:
    study = {"study_instance_uid": "1.2.840.99.1", "modality": "CT", "at": "2026-11-24T08:00:00Z"}
    door.identify("sender-a", "0042", ANNE, study=study)
    answer = door.client("sender-a").post(
        "/v1/identify", json=body(local_id="0043", traits=JEAN, study=study)
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["review_id"]
    with door.db.read() as tx:
        kinds = tx.exec_driver_sql("SELECT kind FROM review WHERE state = 'open'").scalars().all()
    assert 8 in kinds
