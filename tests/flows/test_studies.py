"""Studies hang on their source record: merges and unmerges move links alone, and the identity follows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mpi.flows.requests import IdentifyRequest, StudyRef
from mpi.flows.studies import desired, studies_of
from mpi.store.tables import assertion
from tests.flows.scene import ANNE, JEAN, A, B, Scene


@pytest.fixture
def scene(db) -> Scene:
    return Scene.open(db)


def with_study(scene: Scene, authority: str, local_id: str, uid: str, at: datetime | None) -> str:
    told = scene.request(authority, local_id, ANNE)
    ref = StudyRef(study_instance_uid=uid, at=at, modality="CT", archive="main", accession_number="A1")
    return scene.send(IdentifyRequest(actor=told.actor, raw=told.raw, door="rest", study=ref)).identity_id


def test_all_examinations_of_a_person_come_in_time_order_those_without_a_time_last(scene: Scene) -> None:
    identity_id = with_study(scene, A, "1", "1.2.30", datetime(2026, 3, 1, tzinfo=UTC))
    with_study(scene, B, "2", "1.2.10", None)
    with_study(scene, B, "2", "1.2.20", datetime(2025, 1, 1, tzinfo=UTC))
    with scene.db.read() as tx:
        found = studies_of(tx, identity_id)
    assert [one.study_instance_uid for one in found] == ["1.2.20", "1.2.30", "1.2.10"]
    assert {one.authority for one in found} == {A, B}


def test_a_study_carries_todays_survivor_and_its_own_a_id_whatever_is_linked_or_unlinked(
    scene: Scene,
) -> None:
    first = with_study(scene, A, "1", "1.2.1", None)
    with_study(scene, B, "2", "1.2.2", None)

    def now(uid: str):
        with scene.db.read() as tx:
            return desired(tx, uid)

    joined = now("1.2.2")
    assert (joined.identity_id, joined.local_id, joined.authority_label) == (first, "2", B)
    assert (joined.modality, joined.archive, joined.accession_number) == ("CT", "main", "A1")
    scene.assert_by_clerk("retract", retracts=scene.rows(assertion)[0]["assertion_id"])
    apart = now("1.2.2")
    assert apart.identity_id != first
    assert now("1.2.1").identity_id == first
    assert (apart.a_id, apart.decision_id, apart.decided_at) == (
        joined.a_id,
        joined.decision_id,
        joined.decided_at,
    )
    scene.assert_by_clerk("link", "1", "2")
    assert now("1.2.2") == joined, "exactly as before"


def test_a_study_under_review_is_provisional_and_one_never_told_is_none(scene: Scene) -> None:
    with_study(scene, A, "1", "1.2.1", None)
    scene.tell(A, "1", JEAN)
    with scene.db.read() as tx:
        found = desired(tx, "1.2.1")
        assert found is not None
        assert found.provisional is True
        assert desired(tx, "9.9.9") is None
        assert studies_of(tx, "nobody") == ()
