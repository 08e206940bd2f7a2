"""One record has one open question: it is promoted by worse news and closes when its evidence is gone."""

from __future__ import annotations

import pytest

from mpi.flows import reviews
from mpi.flows.reviews import Question, ask, rank
from mpi.store.tables import review
from tests.flows.scene import ANNE, JEAN, A, B, C, Scene, person

UNSURE = person(birth_place=None, family_name=None, sex=None)
MAILBOX = {"email": ("anne.lefevre@exemple.fr",)}


@pytest.fixture
def scene(db) -> Scene:
    return Scene.open(db)


def test_kinds_rank_by_their_age_target_and_then_by_number() -> None:
    assert sorted(reviews.KINDS, key=rank) == [1, 2, 8, 3, 9, 10, 4, 5, 6, 7]


def test_worse_news_promotes_the_open_review_and_every_reason_stays_listed(scene: Scene) -> None:
    scene.tell(A, "1", ANNE)
    unsure = scene.tell(B, "2", UNSURE)
    overlay = scene.tell(B, "2", JEAN)
    assert overlay.review_id == unsure.review_id
    (question,) = scene.open_reviews()
    assert (question["kind"], question["version"]) == (reviews.OVERLAY, 2)
    assert question["reason"].split() == ["alike", "overlay"]
    assert question["opened_at"] < scene.now, "the oldest opening instant is kept"
    back = scene.tell(B, "2", UNSURE)
    (question,) = scene.open_reviews()
    assert (question["kind"], question["review_id"]) == (reviews.OVERLAP, unsure.review_id)
    assert back.provisional


def test_a_question_that_others_answer_by_joining_closes_by_itself(scene: Scene) -> None:
    first = scene.tell(A, "1", ANNE)
    unsure = scene.tell(B, "2", UNSURE | MAILBOX)
    assert unsure.outcome == "review"
    joined = scene.tell(A, "1", ANNE | MAILBOX)
    assert (joined.outcome, joined.identity_id) == ("linked", first.identity_id)
    assert scene.open_reviews() == []
    assert scene.rows(review)[0]["closed_reason"] == "joined"
    assert scene.tell(B, "2", UNSURE | MAILBOX).provisional is False


def test_a_question_about_somebody_else_too_stays_open_when_two_of_three_join(scene: Scene) -> None:
    scene.tell(A, "1", ANNE)
    scene.tell(C, "3", person(birth_place="29019", sex=None))
    scene.assert_by_clerk("not_same", "1", "3")
    contested = scene.tell(B, "2", UNSURE | MAILBOX)
    scene.tell(A, "1", ANNE | MAILBOX)
    still = [row for row in scene.open_reviews() if row["review_id"] == contested.review_id]
    assert [row["kind"] for row in still] == [reviews.CONTESTED]


def test_evidence_that_vanishes_closes_the_review(scene: Scene) -> None:
    scene.tell(A, "1", ANNE)
    twin_like = person(birth_name="LEFEURE", family_name=None, given_names=("ANNA",), birth_date="1958-03-28")
    scene.tell(B, "2", twin_like)
    asked = scene.open_reviews()
    corrected = scene.tell(B, "2", twin_like | {"multiple_birth": "2", "attributes": frozenset({"FICT"})})
    assert corrected.outcome == "known"
    assert scene.open_reviews() == []
    assert not asked or scene.rows(review)[0]["closed_reason"] == "evidence-vanished"


def test_a_study_conflict_stands_beside_the_question_about_the_record(scene: Scene) -> None:
    scene.tell(A, "1", ANNE)
    unsure = scene.tell(B, "2", UNSURE)
    (question,) = scene.open_reviews()
    conflict = Question(
        kind=reviews.STUDY,
        group_key="1.2.3",
        identities=(unsure.identity_id,),
        records=(question["record_id"],),
        reason="other-record-in-study",
        study_instance_uid="1.2.3",
    )
    with scene.db.write() as tx:
        opened = {
            ask(
                tx,
                conflict,
                record_id=question["record_id"],
                decision_id=unsure.decision_id,
                new_id=scene.ids.uuid,
                at=scene.now,
            )
            for _ in range(2)
        }
    assert len(opened) == 1, "the same study asks once"
    assert {row["kind"] for row in scene.open_reviews()} == {reviews.OVERLAP, reviews.STUDY}


def test_whoever_asks_about_several_is_woken_by_each_of_them(scene: Scene) -> None:
    one = scene.tell(A, "1", ANNE)
    scene.tell(C, "3", person(birth_place="29019", sex=None))
    scene.assert_by_clerk("not_same", "1", "3")
    contested = scene.tell(B, "2", UNSURE | MAILBOX)
    question = next(row for row in scene.open_reviews() if row["review_id"] == contested.review_id)
    assert question["kind"] == reviews.CONTESTED
    assert one.identity_id in question["identities"][1:]
    with scene.db.read() as tx:
        for shown in question["identities"][1:]:
            assert question["record_id"] in reviews.askers(tx, [shown])
        assert reviews.askers(tx, ["E0"]) == ()
