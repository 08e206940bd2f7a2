"""An answer has a deadline: past it the caller gets a provisional identity, and the worker scores again."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from mpi.errors import NotFound
from mpi.flows.effects import IDENTITY_CHANGED, RESCORE
from mpi.flows.rescore import rescore
from mpi.flows.studies import desired
from mpi.store.outbox import Message
from mpi.store.tables import decision, outbox, source_record
from mpi.worker import Worker
from tests.flows.scene import ANNE, JEAN, A, B, C, Scene, make_matcher, person


class Stopwatch:
    """A clock that moves by `step` seconds at every look."""

    def __init__(self) -> None:
        self.at, self.step = 0.0, 0.0

    def __call__(self) -> float:
        self.at += self.step
        return self.at


@pytest.fixture
def slow(sqlite_db) -> Scene:
    """Anne is known; from here on every look at the clock costs two seconds."""
    watch = Stopwatch()
    scene = Scene.open(sqlite_db, matcher=make_matcher(clock=watch))
    scene.tell(A, "1", ANNE, study="1.2.1")
    watch.step = 2.0
    return scene


def work(scene: Scene) -> None:
    """Runs the worker until nothing is due."""
    scene.matcher.clock.step = 0.0
    scene.now += timedelta(seconds=1)

    def score_again(message: Message) -> None:
        with scene.db.write() as tx:
            rescore(tx, message.payload, scene.matcher, at=scene.now, ids=scene.ids)

    worker = Worker(scene.db, {RESCORE: score_again}, clock=lambda: scene.now)
    for _ in itertools.takewhile(lambda _: worker.run_once(), range(20)):
        pass


def test_past_the_deadline_the_record_is_stored_with_a_provisional_identity(slow: Scene) -> None:
    late = slow.tell(B, "2", ANNE, study="1.2.2")
    assert (late.outcome, late.provisional, late.review_id) == ("new", True, None)
    assert slow.last_decision()["reasons"][0] == "deadline"
    assert slow.rows(source_record, source_record.c.local_id == "2")
    slow.matcher.clock.step = 0.0
    again = slow.tell(B, "2", ANNE, study="1.2.2")
    assert (again.outcome, again.provisional) == ("known", True), "nothing has been decided yet"


def test_the_worker_scores_again_and_one_correction_follows(slow: Scene) -> None:
    late = slow.tell(B, "2", ANNE, study="1.2.2")
    work(slow)
    corrections = slow.rows(outbox, outbox.c.topic == IDENTITY_CHANGED)
    assert [row["payload"]["change"] for row in corrections] == ["merged"]
    assert late.identity_id in corrections[0]["payload"]["retired"]
    assert corrections[0]["payload"]["studies"] == ["1.2.1", "1.2.2"]
    assert slow.partition() == {frozenset({"1", "2"})}
    with slow.db.read() as tx:
        now = desired(tx, "1.2.2")
    assert now is not None
    assert (now.identity_id, now.provisional) == (slow.rows(source_record)[0]["e_id"], False)


def test_a_record_that_turns_out_to_be_nobody_else_is_confirmed(slow: Scene) -> None:
    late = slow.tell(B, "2", person(given_names=("CLAIRE",), birth_date="1990-02-28", birth_place="29019"))
    assert late.provisional, "it shares the names key with Anne, so there was somebody to score"
    work(slow)
    events = slow.rows(outbox, outbox.c.topic == IDENTITY_CHANGED)
    assert [row["payload"]["change"] for row in events] == ["confirmed"]
    assert (
        slow.tell(
            B, "2", person(given_names=("CLAIRE",), birth_date="1990-02-28", birth_place="29019")
        ).provisional
        is False
    )


def test_scoring_again_twice_changes_nothing_the_second_time(slow: Scene) -> None:
    slow.tell(B, "2", ANNE)
    work(slow)
    before = slow.partition(), slow.open_reviews(), len(slow.rows(outbox))
    with slow.db.write() as tx:
        chosen = tx.execute(
            select(source_record.c.record_id).where(source_record.c.local_id == "2")
        ).scalar_one()
        rescore(tx, {"record_id": chosen}, slow.matcher, at=slow.now, ids=slow.ids)
    assert (slow.partition(), slow.open_reviews(), len(slow.rows(outbox))) == before


def test_two_that_ask_about_each_other_are_scored_again_once_and_not_for_ever(slow: Scene) -> None:
    slow.matcher.clock.step = 0.0
    slow.tell(B, "2", person(birth_place=None, family_name=None, sex=None))
    slow.tell(A, "1", ANNE | {"phone": ("0640281937",)})
    assert [row["group_key"] for row in slow.open_reviews()] == [
        row["e_id"] for row in slow.rows(source_record)
    ], "each asks about the other"
    work(slow)
    again = slow.rows(outbox, outbox.c.topic == RESCORE)
    assert [row["done_at"] is not None for row in again] == [True]
    second = slow.rows(source_record, source_record.c.local_id == "2")[0]["record_id"]
    assert len(slow.rows(decision, decision.c.record_id == second)) == 2
    assert len(slow.open_reviews()) == 2


def test_an_unidentified_record_is_not_scored_and_a_missing_one_is_an_error(slow: Scene) -> None:
    slow.matcher.clock.step = 0.0
    slow.tell(A, "study:1.2.9", JEAN, unidentified=True)
    with slow.db.write() as tx:
        chosen = tx.execute(
            select(source_record.c.record_id).where(source_record.c.unidentified)
        ).scalar_one()
        assert rescore(tx, {"record_id": chosen}, slow.matcher, at=slow.now, ids=slow.ids) is None
        with pytest.raises(NotFound):
            rescore(tx, {"record_id": "nobody"}, slow.matcher, at=slow.now, ids=slow.ids)


def test_the_deadline_counts_from_the_call_and_is_a_setting(sqlite_db) -> None:
    watch = Stopwatch()
    scene = Scene.open(sqlite_db, matcher=replace(make_matcher(clock=watch), deadline=1000.0))
    scene.tell(A, "1", ANNE)
    watch.step = 2.0
    assert scene.tell(C, "3", ANNE).outcome == "linked"
